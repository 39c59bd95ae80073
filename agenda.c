#include <string.h>

#include "agenda.h"

void
agenda_init(struct agenda *a)
{
	memset(a, 0, sizeof(*a));
	chain_init(&a->laters);
}

void
agenda_free(struct agenda *a)
{
	heap_free(&a->timers);
}

int
agenda_timer(struct agenda *a, struct timer *t, int64_t due)
{
	t->due = due;
	return heap_put(&a->timers, &t->slot, due, ++a->set);
}

void
agenda_untimer(struct agenda *a, struct timer *t)
{
	heap_remove(&a->timers, &t->slot);
}

int64_t
agenda_deadline(const struct agenda *a)
{
	return a->timers.n > 0 ? a->timers.items[0].key : INT64_MAX;
}

void
agenda_run_timers(struct agenda *a, int64_t now)
{
	struct timer *t;
	size_t n;

	for (n = a->timers.n; n > 0 && agenda_deadline(a) <= now; n--) {
		t = HEAP_OWNER(heap_first(&a->timers), struct timer, slot);
		agenda_untimer(a, t);
		t->fn(t->arg);
	}
}

static int
agenda_is_later(const struct later *w)
{
	return w->chain.next != NULL && !chain_empty(&w->chain);
}

void
agenda_later(struct agenda *a, struct later *w)
{
	if (!agenda_is_later(w))
		chain_append(&a->laters, &w->chain);
}

void
agenda_unlater(struct later *w)
{
	if (agenda_is_later(w))
		chain_remove(&w->chain);
}

int
agenda_has_laters(const struct agenda *a)
{
	return !chain_empty(&a->laters);
}

void
agenda_run_laters(struct agenda *a)
{
	struct chain round;
	struct later *w;
	int i;

	for (i = 0; i < AGENDA_ROUNDS && agenda_has_laters(a); i++) {
		chain_append(&a->laters, &round);
		chain_remove(&a->laters);
		while ((w = CHAIN_NEXT(&round, NULL, struct later, chain)) !=
		    NULL) {
			chain_remove(&w->chain);
			w->fn(w->arg);
		}
	}
}
