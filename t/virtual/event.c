#include <assert.h>
#include <stdlib.h>

#include "t/virtual/event.h"

static int
before(const struct event *a, const struct event *b)
{
	return a->at < b->at || (a->at == b->at && a->seq < b->seq);
}

static void
place(struct clock *c, size_t slot, struct event *e)
{
	c->heap[slot] = e;
	e->slot = slot;
}

static void
sift_up(struct clock *c, size_t i, struct event *e)
{
	for (; i > 0 && before(e, c->heap[(i - 1) / 2]); i = (i - 1) / 2)
		place(c, i, c->heap[(i - 1) / 2]);
	place(c, i, e);
}

static void
sift_down(struct clock *c, size_t i, struct event *e)
{
	size_t child;

	for (; (child = 2 * i + 1) < c->n; i = child) {
		if (child + 1 < c->n &&
		    before(c->heap[child + 1], c->heap[child]))
			child++;
		if (!before(c->heap[child], e))
			break;
		place(c, i, c->heap[child]);
	}
	place(c, i, e);
}

void
event_init(struct event *e, void (*fn)(void *), void *arg)
{
	e->slot = EVENT_OFF;
	e->fn = fn;
	e->arg = arg;
}

int
event_is_on(const struct event *e)
{
	return e->slot != EVENT_OFF;
}

void
event_off(struct clock *c, struct event *e)
{
	struct event *last;
	size_t i = e->slot;

	if (i == EVENT_OFF)
		return;
	e->slot = EVENT_OFF;
	last = c->heap[--c->n];
	if (last == e)
		return;
	sift_down(c, i, last);
	sift_up(c, last->slot, last);
}

void
event_at(struct clock *c, struct event *e, int64_t at)
{
	if (at < c->now)
		at = c->now;
	if (event_is_on(e) && e->at == at)
		return;
	event_off(c, e);
	if (c->n == c->cap) {
		c->cap = c->cap == 0 ? 64 : 2 * c->cap;
		c->heap = realloc(c->heap, c->cap * sizeof(struct event *));
		assert(c->heap != NULL);
	}
	e->at = at;
	e->seq = ++c->seq;
	sift_up(c, c->n++, e);
}

int64_t
clock_next(const struct clock *c)
{
	return c->n == 0 ? INT64_MAX : c->heap[0]->at;
}

void
clock_step(struct clock *c)
{
	struct event *e = c->heap[0];

	c->now = e->at;
	event_off(c, e);
	e->fn(e->arg);
}

void
clock_free(struct clock *c)
{
	free(c->heap);
	c->heap = NULL;
	c->n = c->cap = 0;
}
