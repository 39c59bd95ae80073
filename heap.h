#ifndef HEAP_H
#define HEAP_H

/*
 * A binary heap: the struct with the least key first, of equal keys the one
 * with the least seq. Each struct holds its own place (a size_t, zeroed before
 * its first use), so that setting it again or taking it out costs O(log n) as
 * well. The heap owns none of them.
 */

#include <stddef.h>
#include <stdint.h>

/* The key is kept here too, so that comparing does not touch the structs. */
struct heap_item {
	int64_t key;
	uint64_t seq;
	size_t *place;
};

/* All zero at the start. */
struct heap {
	struct heap_item *items;
	size_t n, cap;
};

/* The struct of type T whose member m the place is. */
#define HEAP_OWNER(place, T, m) \
	((T *)(void *)((char *)(void *)(place) - offsetof(T, m)))

/* Free the heap's own memory; the structs in it are not touched. */
void heap_free(struct heap *);

/* Make room for n in all, so that heap_put() cannot fail up to there. 0, or -1
 * with ENOMEM. */
int heap_reserve(struct heap *, size_t n);

/* Put it in, or where it belongs now. 0, or -1 with ENOMEM, never for one that
 * is in already. *place is 1 + its index while it is in, else 0. */
int heap_put(struct heap *, size_t *place, int64_t key, uint64_t seq);

/* Take it out, if it is in. */
void heap_remove(struct heap *, size_t *place);

/* The place of the first, or NULL; its key is items[0].key. */
static inline size_t *
heap_first(const struct heap *h)
{
	return h->n == 0 ? NULL : h->items[0].place;
}

#endif
