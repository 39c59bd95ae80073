#include <assert.h>
#include <limits.h>
#include <stdlib.h>

#include "loop_state.h"

static void
place(struct loop *l, struct timer *t, size_t i)
{
	l->timers[i] = t;
	t->slot = i + 1;
}

/* Put t into the hole at i, or further up or down where it belongs. */
static void
sift(struct loop *l, struct timer *t, size_t i)
{
	size_t child;

	while (i > 0 && l->timers[(i - 1) / 2]->due > t->due) {
		place(l, l->timers[(i - 1) / 2], i);
		i = (i - 1) / 2;
	}
	while ((child = 2 * i + 1) < l->ntimers) {
		if (child + 1 < l->ntimers &&
		    l->timers[child + 1]->due < l->timers[child]->due)
			child++;
		if (l->timers[child]->due >= t->due)
			break;
		place(l, l->timers[child], i);
		i = child;
	}
	place(l, t, i);
}

int
loop_timer(struct loop *l, struct timer *t, int64_t due)
{
	struct timer **grown;
	size_t cap;

	if (t->slot == 0) {
		if (l->ntimers == l->timers_cap) {
			cap = l->timers_cap == 0 ? 16 : l->timers_cap * 2;
			grown = realloc(l->timers,
			    cap * sizeof(struct timer *));
			if (grown == NULL)
				return -1;
			l->timers = grown;
			l->timers_cap = cap;
		}
		place(l, t, l->ntimers++);
	}
	t->due = due;
	sift(l, t, t->slot - 1);
	return 0;
}

void
loop_untimer(struct loop *l, struct timer *t)
{
	size_t i = t->slot;
	struct timer *last;

	if (i-- == 0)
		return;
	assert(l->timers[i] == t);
	last = l->timers[--l->ntimers];
	if (last != t)
		sift(l, last, i);
	t->slot = 0;
}

int
loop_timer_wait(const struct loop *l)
{
	int64_t due, now = loop_now(l);

	if (l->ntimers == 0)
		return -1;
	due = l->timers[0]->due;
	if (due <= now)
		return 0;
	/* now is rounded down, so that the wait is rounded up. */
	return due - now > INT_MAX ? INT_MAX : (int)(due - now);
}

/* As many as there were at most: one that sets itself for now waits a turn. */
void
loop_timers_run(struct loop *l)
{
	int64_t now = loop_now(l);
	struct timer *t;
	size_t n;

	for (n = l->ntimers; n > 0 && l->ntimers > 0; n--) {
		t = l->timers[0];
		if (t->due > now)
			break;
		loop_untimer(l, t);
		t->fn(t->arg);
	}
}
