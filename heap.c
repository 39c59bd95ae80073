#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "heap.h"

#define HEAP_WAYS 4 /* children of one: less deep than with two, so fewer places
		       are written */
#define HEAP_MAX ((size_t)-1 / 2 / sizeof(struct heap_item))

static int
heap_before(const struct heap_item *a, const struct heap_item *b)
{
	return a->key < b->key || (a->key == b->key && a->seq < b->seq);
}

static void
heap_set(struct heap *h, size_t i, struct heap_item item)
{
	h->items[i] = item;
	*item.place = i + 1;
}

/* Index i is free: the item goes there or nearer to the front. */
static void
heap_rise(struct heap *h, size_t i, struct heap_item item)
{
	while (i > 0 && heap_before(&item, &h->items[(i - 1) / HEAP_WAYS])) {
		heap_set(h, i, h->items[(i - 1) / HEAP_WAYS]);
		i = (i - 1) / HEAP_WAYS;
	}
	heap_set(h, i, item);
}

/* Index i is free: the item goes there or further to the end, but for one that
 * comes before what is there, which rises. */
static void
heap_move(struct heap *h, size_t i, struct heap_item item)
{
	size_t child, k, end;

	while ((child = HEAP_WAYS * i + 1) < h->n) {
		end = child + HEAP_WAYS < h->n ? child + HEAP_WAYS : h->n;
		for (k = child + 1; k < end; k++)
			if (heap_before(&h->items[k], &h->items[child]))
				child = k;
		if (!heap_before(&h->items[child], &item))
			break;
		heap_set(h, i, h->items[child]);
		i = child;
	}
	heap_rise(h, i, item);
}

void
heap_free(struct heap *h)
{
	free(h->items);
	h->items = NULL;
	h->n = h->cap = 0;
}

int
heap_reserve(struct heap *h, size_t n)
{
	struct heap_item *items = array_grow(h->items, &h->cap, n, HEAP_MAX,
	    sizeof(*items));

	if (items == NULL)
		return -1;
	h->items = items;
	return 0;
}

int
heap_put(struct heap *h, size_t *place, int64_t key, uint64_t seq)
{
	struct heap_item item = { key, seq, place };
	size_t i = *place;

	if (i == 0) {
		if (heap_reserve(h, h->n + 1) == -1)
			return -1;
		heap_rise(h, h->n++, item);
		return 0;
	}
	assert(i <= h->n && h->items[i - 1].place == place);
	heap_move(h, i - 1, item);
	return 0;
}

void
heap_remove(struct heap *h, size_t *place)
{
	size_t i = *place;

	if (i == 0)
		return;
	assert(i <= h->n && h->items[i - 1].place == place);
	*place = 0;
	h->n--;
	if (i - 1 < h->n)
		heap_move(h, i - 1, h->items[h->n]);
}

/* Timers, and work put off. */

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
