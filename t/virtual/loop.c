/*
 * The loop of a process (loop.h): its turns are events of the virtual clock,
 * and what poll() would find is what the virtual network says. A turn does the
 * same as the real one's, in the same order.
 */

#include <assert.h>
#include <stdlib.h>

#include "t/virtual/sim.h"

struct loop {
	struct proc *proc;
	struct agenda agenda; /* by the process's own clock */
	struct event due;     /* the first of its timers */
	struct chain ready;   /* sockets of which poll() says something */
	int turning;	      /* it is in the middle of a turn */
	int stopped;
};

static void
loop_wake(struct loop *l)
{
	if (!l->turning)
		proc_wake(l->proc);
}

static void
loop_on_due(void *arg)
{
	struct loop *l = arg;

	proc_wake(l->proc);
}

struct loop *
loop_new(void)
{
	struct loop *l = calloc(1, sizeof(*l));

	assert(l != NULL);
	l->proc = proc_running;
	event_init(&l->due, loop_on_due, l);
	agenda_init(&l->agenda);
	chain_init(&l->ready);
	return l;
}

void
loop_free(struct loop *l)
{
	event_off(&l->proc->world->clock, &l->due);
	agenda_free(&l->agenda);
	free(l);
}

int64_t
loop_now(const struct loop *l)
{
	return proc_now(l->proc);
}

const int64_t *
loop_clock(const struct loop *l)
{
	(void)l;
	return NULL;
}

void
loop_stop(struct loop *l)
{
	l->stopped = 1;
	loop_wake(l);
}

int
loop_is_stopped(const struct loop *l)
{
	return l->stopped;
}

int
loop_is_due(const struct loop *l)
{
	return agenda_deadline(&l->agenda) <= loop_now(l);
}

/* Timers, and work put off. */

void
loop_set_clock(struct loop *l)
{
	struct clock *c = &l->proc->world->clock;
	int64_t due = agenda_deadline(&l->agenda);

	if (due == INT64_MAX)
		event_off(c, &l->due);
	else
		event_at(c, &l->due, due - l->proc->skew);
}

int
loop_timer(struct loop *l, struct timer *t, int64_t due)
{
	int r = agenda_timer(&l->agenda, t, due);

	assert(r == 0);
	if (!l->turning)
		loop_set_clock(l);
	return 0;
}

void
loop_untimer(struct loop *l, struct timer *t)
{
	agenda_untimer(&l->agenda, t);
}

void
loop_later(struct loop *l, struct later *w)
{
	agenda_later(&l->agenda, w);
	loop_wake(l);
}

void
loop_unlater(struct loop *l, struct later *w)
{
	(void)l;
	agenda_unlater(w);
}

/* Descriptors. */

/* What poll() says of it, of what is asked for. */
static short
loop_found(const struct sock *s)
{
	const struct watch *w = s->watch;

	if (w == NULL || w->events == 0)
		return 0;
	return (short)(sock_poll(s) & (w->events | POLLERR | POLLHUP));
}

void
loop_changed(struct sock *s)
{
	if (!chain_empty(&s->queue) || loop_found(s) == 0)
		return;
	chain_append(&s->owner->loop->ready, &s->queue);
	loop_wake(s->owner->loop);
}

int
loop_watch(struct loop *l, struct watch *w)
{
	struct sock *s = descriptor_sock(w->fd, "watches");

	assert(s->owner == l->proc && (s->watch == NULL || s->watch == w));
	s->watch = w;
	s->conn = w->arg;
	w->slot = 1;
	loop_changed(s);
	return 0;
}

void
loop_unwatch(struct loop *l, struct watch *w)
{
	struct sock *s;

	(void)l;
	if (w->slot == 0)
		return;
	w->slot = 0;
	s = descriptor_sock(w->fd, "no longer watches");
	s->watch = NULL;
	chain_remove(&s->queue);
}

static struct sock *
loop_first(struct chain *c)
{
	return chain_empty(c) ? NULL :
	    CHAIN_OWNER(c->next, struct sock, queue);
}

static void
loop_move(struct sock *s, struct chain *to)
{
	chain_remove(&s->queue);
	chain_append(to, &s->queue);
}

/* Call back for those of mask that were found, and move all on to another
 * chain. A callback may close any of them. */
static void
loop_dispatch(struct chain *from, struct chain *to, int mask)
{
	struct sock *s;
	int found;

	while ((s = loop_first(from)) != NULL) {
		loop_move(s, to);
		found = s->events & mask & (s->watch->events | POLLERR |
		    POLLHUP);
		if (found != 0 && s->watch->events != 0)
			s->watch->fn(s->watch->arg, (short)found);
	}
}

static void
loop_poll(struct loop *l)
{
	struct chain found, written;
	struct sock *s;

	chain_init(&found);
	chain_init(&written);
	while ((s = loop_first(&l->ready)) != NULL) {
		s->events = loop_found(s);
		loop_move(s, &found);
	}
	loop_dispatch(&found, &written, POLLOUT);
	loop_dispatch(&written, &l->ready, ~POLLOUT);
}

/* Would poll() wait? If not, the next turn comes at once. */
static int
loop_is_idle(struct loop *l)
{
	struct sock *s, *next;

	for (s = loop_first(&l->ready); s != NULL; s = next) {
		next = CHAIN_NEXT(&l->ready, s, struct sock, queue);
		if (loop_found(s) == 0)
			chain_remove(&s->queue);
	}
	return chain_empty(&l->ready) && !agenda_has_laters(&l->agenda);
}

int
loop_turn(struct loop *l)
{
	l->turning = 1;
	agenda_run_timers(&l->agenda, loop_now(l));
	agenda_run_laters(&l->agenda);
	loop_poll(l);
	agenda_run_laters(&l->agenda);
	l->turning = 0;
	loop_set_clock(l);
	return loop_is_idle(l);
}
