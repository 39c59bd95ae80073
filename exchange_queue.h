#ifndef EXCHANGE_QUEUE_H
#define EXCHANGE_QUEUE_H

/*
 * A line of those who wait, the oldest first, by (born, seq). Who comes last
 * joins a list at its end; who is older than somebody there goes into a binary
 * heap beside it. So coming and going in order costs O(1), anything else
 * O(log n), and what is behind in the line is not touched.
 */

#include <stddef.h>
#include <stdint.h>

#include "chain.h"

#define QUEUE_OUT    ((size_t)-1) /* places: in no queue */
#define QUEUE_LISTED ((size_t)-2) /* in the list; else in the heap */

struct queued {
	int64_t born; /* ms */
	uint64_t seq; /* of those born at once, in the order of arrival */
	size_t place;
	struct chain line;
};

struct queue_slot;

struct queue {
	struct chain line;
	struct queue_slot *slot; /* the heap */
	size_t n, cap;		 /* of it */
};

void queue_init(struct queue *);
void queue_free(struct queue *);

/* Make room for n in all: 0, or -1 with ENOMEM. */
int queue_grow(struct queue *, size_t n);

/* There is room, and it is in no queue; born and seq are set, and stay while
 * it is in. */
void queue_add(struct queue *, struct queued *);
void queue_remove(struct queue *, struct queued *);

/* The oldest, or NULL. */
struct queued *queue_first(const struct queue *);

/* Is a older than b? */
int queued_before(const struct queued *a, const struct queued *b);

#endif
