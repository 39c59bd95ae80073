#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "fail.h"
#include "exchange_queue.h"

/* The key is repeated here, so that comparing does not touch what waits. */
struct queue_slot {
	int64_t born;
	uint64_t seq;
	struct queued *who;
};

void
queue_init(struct queue *q)
{
	chain_init(&q->line);
	q->slot = NULL;
	q->n = q->cap = 0;
}

void
queue_free(struct queue *q)
{
	free(q->slot);
	queue_init(q);
}

int
queue_grow(struct queue *q, size_t n)
{
	struct queue_slot *slot;
	size_t cap;

	if (n <= q->cap)
		return 0;
	cap = q->cap > 0 ? q->cap : 8;
	while (cap < n)
		cap *= 2;
	slot = realloc(q->slot, cap * sizeof(*slot));
	if (slot == NULL)
		return fail(ENOMEM);
	q->slot = slot;
	q->cap = cap;
	return 0;
}

static int
before(const struct queue_slot *a, const struct queue_slot *b)
{
	return a->born < b->born || (a->born == b->born && a->seq < b->seq);
}

static void
put(struct queue *q, size_t i, struct queue_slot s)
{
	q->slot[i] = s;
	s.who->place = i;
}

/* Place i is free; s goes there or further to the front. */
static void
sift_up(struct queue *q, size_t i, struct queue_slot s)
{
	while (i > 0 && before(&s, &q->slot[(i - 1) / 2])) {
		put(q, i, q->slot[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	put(q, i, s);
}

/* Place i is free: fill it from below, down to the last row, where s goes and
 * rises to its place. s comes from the last row, so it rises little. */
static void
sift_down(struct queue *q, size_t i, struct queue_slot s)
{
	size_t child;

	while ((child = 2 * i + 1) < q->n) {
		if (child + 1 < q->n)
			child += (size_t)before(&q->slot[child + 1],
			    &q->slot[child]);
		put(q, i, q->slot[child]);
		i = child;
	}
	sift_up(q, i, s);
}

static void
heap_add(struct queue *q, struct queued *who)
{
	struct queue_slot s;

	assert(q->n < q->cap);
	s.born = who->born;
	s.seq = who->seq;
	s.who = who;
	sift_up(q, q->n++, s);
}

static void
heap_remove(struct queue *q, const struct queued *who)
{
	size_t i = who->place;

	assert(i < q->n && q->slot[i].who == who);
	q->n--;
	if (i < q->n)
		sift_down(q, i, q->slot[q->n]);
}

static struct queued *
listed(struct chain *c)
{
	return CHAIN_OWNER(c, struct queued, line);
}

void
queue_add(struct queue *q, struct queued *who)
{
	assert(who->place == QUEUE_OUT);
	if (!chain_empty(&q->line) &&
	    queued_before(who, listed(q->line.prev))) {
		heap_add(q, who);
		return;
	}
	who->place = QUEUE_LISTED;
	chain_append(&q->line, &who->line);
}

void
queue_remove(struct queue *q, struct queued *who)
{
	assert(who->place != QUEUE_OUT);
	if (who->place == QUEUE_LISTED)
		chain_remove(&who->line);
	else
		heap_remove(q, who);
	who->place = QUEUE_OUT;
}

struct queued *
queue_first(const struct queue *q)
{
	struct queued *first;

	if (chain_empty(&q->line))
		return q->n == 0 ? NULL : q->slot[0].who;
	first = listed(q->line.next);
	return q->n > 0 && queued_before(q->slot[0].who, first) ?
	    q->slot[0].who : first;
}

int
queued_before(const struct queued *a, const struct queued *b)
{
	return a->born < b->born || (a->born == b->born && a->seq < b->seq);
}
