#include <assert.h>
#include <stdlib.h>

#include "fail.h"
#include "heap.h"

#define HEAP_CAP_FIRST 8

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
	while (i > 0 && heap_before(&item, &h->items[(i - 1) / 2])) {
		heap_set(h, i, h->items[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	heap_set(h, i, item);
}

/* Index i is free: the item goes there or further to the end, but for one that
 * comes before what is there, which rises. */
static void
heap_move(struct heap *h, size_t i, struct heap_item item)
{
	size_t child;

	while ((child = 2 * i + 1) < h->n) {
		if (child + 1 < h->n)
			child += (size_t)heap_before(&h->items[child + 1],
			    &h->items[child]);
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
	struct heap_item *items;
	size_t cap;

	if (n <= h->cap)
		return 0;
	cap = h->cap > 0 ? h->cap : HEAP_CAP_FIRST;
	while (cap < n)
		cap *= 2;
	items = realloc(h->items, cap * sizeof(*items));
	if (items == NULL)
		return fail(ENOMEM);
	h->items = items;
	h->cap = cap;
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
