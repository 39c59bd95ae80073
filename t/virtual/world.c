/* All of it together: the world of one seed from its beginning to its end. */

#include <assert.h>
#include <stdlib.h>

#include "t/virtual/census.h"

#define WATCH_MS  1000
#define SIZE_MS	  5000	  /* the same in a large world */
#define STEPS_MAX 1000000 /* in a millisecond */

unsigned
draw(struct world *w, unsigned n)
{
	return n == 0 ? 0 : (unsigned)rng_below(&w->rng, n);
}

int
chance(struct world *w, unsigned percent)
{
	return draw(w, 100) < percent;
}

unsigned
between(struct world *w, unsigned low, unsigned high)
{
	return low + draw(w, high - low + 1);
}

void
world_enter(struct world *w, struct proc *p)
{
	p->number = ++w->numbers;
	if (w->numbers >= w->cap) {
		w->cap = w->cap == 0 ? 64 : 2 * w->cap;
		w->by_number = realloc(w->by_number,
		    w->cap * sizeof(struct proc *));
		assert(w->by_number != NULL);
	}
	w->by_number[p->number] = p;
	if ((p->next = w->procs) != NULL)
		p->next->prev = p;
	w->procs = p;
}

void
world_leave(struct world *w, struct proc *p)
{
	w->by_number[p->number] = NULL;
	if (p->next != NULL)
		p->next->prev = p->prev;
	if (p->prev != NULL)
		p->prev->next = p->next;
	else
		w->procs = p->next;
}

struct proc *
proc_find(const struct world *w, uint32_t number)
{
	return number == 0 || number > w->numbers ? NULL :
	    w->by_number[number];
}

/* Nothing is asked any more. */
static void
become_quiet(struct world *w)
{
	if (w->quiet)
		return;
	w->quiet = 1;
	contest_end(w);
}

/* Once a second. */
static void
on_watch(void *arg)
{
	struct world *w = arg;
	int64_t now = w->clock.now;
	struct census c;

	event_at(&w->clock, &w->watch, now + WATCH_MS);
	if (!w->healed && now >= w->plan.heal_at)
		fault_heal(w);
	if (w->want_split > 0)
		fault_split(w);
	check_progress(w);
	if (w->plan.orders == 0 || now % SIZE_MS == 0)
		check_links(w);
	if (now >= w->plan.quiet_at)
		become_quiet(w);
	if (w->plan.orders > 0)
		return;
	placing_watch(w);
	contest_watch(w);
	census_take(&c, w);
	trade_watch(&c);
	census_free(&c);
}

static const char *
look(struct world *w, int *promise)
{
	struct census c;
	const char *why;

	census_take(&c, w);
	*promise = 4;
	if ((why = caller_look(&c)) != NULL) {
		census_free(&c);
		return why;
	}
	*promise = 6;
	if ((why = settle_look(&c)) == NULL) {
		*promise = 2;
		why = ledger_look(&c);
	}
	census_free(&c);
	return why;
}

/* Processes that never let each other rest are as bad as one that spins. */
static void
step(struct world *w)
{
	int64_t before = w->clock.now;

	clock_step(&w->clock);
	w->steps = w->clock.now == before ? w->steps + 1 : 0;
	if (w->steps > STEPS_MAX)
		world_fail(w, 0, "time stands still");
}

/* By then all is as it must be: soon after the last answer. Who waits for one
 * is check_progress()'s business. */
static int64_t
rest_due(const struct world *w)
{
	const struct post *s;

	for (s = w->posts; s < w->posts + w->nposts; s++)
		if (s->outstanding > 0)
			return INT64_MAX;
	if (caller_due(w) > w->plan.end_at)
		return caller_due(w);
	return w->answered_at + REST_MS > w->plan.end_at ?
	    w->answered_at + REST_MS : w->plan.end_at;
}

/* It has come to rest. */
static void
come_to_rest(struct world *w)
{
	const char *why;
	int64_t next = 0;
	int promise;

	for (;;) {
		step(w);
		if (w->clock.now < next)
			continue;
		if (w->clock.now > rest_due(w))
			break;
		next = w->clock.now +
		    (w->plan.orders > 0 ? SIZE_MS : WATCH_MS);
		w->rest_at = w->clock.now;
		if ((why = look(w, &promise)) == NULL)
			return;
		note(w, "not yet: %s", why);
	}
	why = look(w, &promise);
	world_fail(w, promise, "%s", why == NULL ? "only just now" : why);
}

static void
world_free(struct world *w)
{
	struct quota *q;
	struct post *s;

	while (w->procs != NULL)
		proc_kill(w->procs, END_SILENT);
	for (s = w->posts; s < w->posts + w->nposts; s++)
		event_off(&w->clock, &s->start);
	while ((q = w->quotas) != NULL) {
		w->quotas = q->next;
		free(q);
	}
	net_free(&w->net);
	clock_free(&w->clock);
	free(w->by_number);
	free(w->posts);
	free(w->calls);
	free(w->body);
}

void
world_run(struct world *w)
{
	size_t i;

	rng_seed(&w->rng, w->seed);
	for (i = 0; i < sizeof(w->secret); i++)
		w->secret[i] = (unsigned char)draw(w, 256);
	w->key.files[0].bytes = w->secret;
	w->key.files[0].len = sizeof(w->secret);
	w->key.n = 1;
	plan_draw(w);
	fault_start(w);
	event_init(&w->watch, on_watch, w);
	event_at(&w->clock, &w->watch, WATCH_MS);
	while (w->clock.now < w->plan.quiet_at)
		step(w);
	become_quiet(w);
	come_to_rest(w);
	load_check(w);
	if (w->plan.orders == 0)
		world_free(w); /* else there is no other after it */
}
