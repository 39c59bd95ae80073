#ifndef HEAP_H
#define HEAP_H

/*
 * A heap, and on it the agenda of a loop.
 *
 * The heap: the struct with the least key comes first; of equal keys, the one
 * with the least seq. Each struct holds its own place (a size_t, zeroed before
 * its first use), so moving it or taking it out costs O(log n) too. The heap
 * does not own the structs.
 */

#include <stddef.h>
#include <stdint.h>

#include "chain.h"

/* It holds the key too, so that comparing does not touch the structs. */
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

/* Free the heap's own memory; this does not touch the structs. */
void heap_free(struct heap *);

/* Make room for n in all, so that heap_put() cannot fail up to there. 0, or -1
 * with ENOMEM. */
int heap_reserve(struct heap *, size_t n);

/* Put a struct in, or move it to where it belongs now. 0, or -1 with ENOMEM; it
 * never fails for a struct that is in. *place is 1 + the index while the struct
 * is in, else 0. */
int heap_put(struct heap *, size_t *place, int64_t key, uint64_t seq);

/* Take a struct out, if it is in. */
void heap_remove(struct heap *, size_t *place);

/* The place of the first, or NULL; its key is items[0].key. */
static inline size_t *
heap_first(const struct heap *h)
{
	return h->n == 0 ? NULL : h->items[0].place;
}

/*
 * The agenda: timers, and work that is put off to the end of a loop's turn. It
 * has no clock: its caller tells it the time. The loop of a process (loop.c)
 * has one, and so has the loop of a simulated process.
 */

typedef void timer_fn(void *arg);

/* A timer, which is set for one moment. The memory is the caller's, zeroed
 * before its first use. */
struct timer {
	int64_t due; /* ms */
	timer_fn *fn;
	void *arg;
	size_t slot; /* the agenda's: 0 when not set */
};

/* Work put off to the end of the turn: done once, however often it is asked
 * for. The memory is the caller's, zeroed before its first use. */
struct later {
	void (*fn)(void *arg);
	void *arg;
	struct chain chain; /* the agenda's */
};

struct agenda {
	struct heap timers; /* by due time, then in the order they were set */
	uint64_t set;	    /* timers, ever */
	struct chain laters;
};

void agenda_init(struct agenda *);
void agenda_free(struct agenda *);

/* Set (again) or clear. 0, or -1 with ENOMEM. */
int agenda_timer(struct agenda *, struct timer *, int64_t due);
void agenda_untimer(struct agenda *, struct timer *);

/* When the next timer is due; INT64_MAX: none is set. */
int64_t agenda_deadline(const struct agenda *);

/* Call the functions of the timers that are due. A timer that one of them sets
 * for now waits for the next call. */
void agenda_run_timers(struct agenda *, int64_t now);

void agenda_later(struct agenda *, struct later *);
void agenda_unlater(struct later *);
int agenda_has_laters(const struct agenda *);

/* Do the work that was put off. What is put off meanwhile is done in another
 * round; after AGENDA_ROUNDS rounds, descriptors and timers have their turn
 * first. */
#define AGENDA_ROUNDS 8
void agenda_run_laters(struct agenda *);

#endif
