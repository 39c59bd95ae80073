#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "die.h"
#include "loop_state.h"
#include "signals.h"

#define LATER_ROUNDS 8 /* of work that puts off more work */

void
loop_tick(struct loop *l)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	l->now = (int64_t)ts.tv_sec * 1000 * NS_A_MS + ts.tv_nsec;
}

int64_t
loop_now(const struct loop *l)
{
	return l->now / NS_A_MS;
}

/* Work put off. */

static void
ring_init(struct later *head)
{
	head->next = head->prev = head;
}

void
loop_later(struct loop *l, struct later *w)
{
	if (w->next != NULL)
		return;
	w->next = &l->laters;
	w->prev = l->laters.prev;
	w->prev->next = w;
	l->laters.prev = w;
}

void
loop_unlater(struct loop *l, struct later *w)
{
	(void)l;
	if (w->next == NULL)
		return;
	w->prev->next = w->next;
	w->next->prev = w->prev;
	w->next = w->prev = NULL;
}

/* What is put off meanwhile has its turn in the next round; after a few rounds
 * descriptors and timers have theirs first. */
static void
run_laters(struct loop *l)
{
	struct later round, *w;
	int i;

	for (i = 0; i < LATER_ROUNDS; i++) {
		if (l->laters.next == &l->laters)
			return;
		round = l->laters;
		round.next->prev = round.prev->next = &round;
		ring_init(&l->laters);
		while ((w = round.next) != &round) {
			loop_unlater(l, w);
			w->fn(w->arg);
		}
	}
}

/* The loop. */

/* How long poll() may wait for the sake of timers and work put off. The clock
 * is read again: what ran since the turn began may have taken long. */
static int
wait_ms(struct loop *l)
{
	if (l->stopped || signals_pending() || l->laters.next != &l->laters)
		return 0;
	loop_tick(l);
	return loop_timer_wait(l);
}

/* Signals are seen without it: the pipe only ends poll(). */
static void
on_wake(void *arg, short revents)
{
	struct loop *l = arg;
	char buf[64];

	(void)revents;
	while (read(l->wake.fd, buf, sizeof(buf)) == sizeof(buf))
		;
}

struct loop *
loop_new(void)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (l == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	ring_init(&l->laters);
	loop_tick(l);
	l->wake.fd = signals_open();
	l->wake.events = POLLIN;
	l->wake.fn = on_wake;
	l->wake.arg = l;
	if (loop_watch(l, &l->wake) == -1)
		die_errno(EXIT_TEMPORARY, "unable to start");
	return l;
}

void
loop_free(struct loop *l)
{
	signals_close();
	free(l->fds);
	free(l->watches);
	free(l->timers);
	free(l);
}

void
loop_run(struct loop *l)
{
	int n;

	while (!l->stopped) {
		loop_tick(l);
		loop_timers_run(l);
		run_laters(l);
		n = loop_wait(l, wait_ms(l));
		signals_run();
		if (n > 0) {
			loop_dispatch(l, POLLOUT);
			loop_dispatch(l, ~POLLOUT);
		}
		loop_cool(l);
		run_laters(l);
	}
	l->stopped = 0;
}

void
loop_stop(struct loop *l)
{
	l->stopped = 1;
}
