#include <assert.h>

#include "t/virtual/event.h"

void
event_init(struct event *e, void (*fn)(void *), void *arg)
{
	e->place = 0;
	e->fn = fn;
	e->arg = arg;
}

int
event_is_on(const struct event *e)
{
	return e->place != 0;
}

void
event_off(struct clock *c, struct event *e)
{
	heap_remove(&c->events, &e->place);
}

void
event_at(struct clock *c, struct event *e, int64_t at)
{
	int r;

	if (at < c->now)
		at = c->now;
	if (event_is_on(e) && e->at == at)
		return;
	e->at = at;
	r = heap_put(&c->events, &e->place, at, ++c->seq);
	assert(r == 0);
}

void
clock_step(struct clock *c)
{
	struct event *e = HEAP_OWNER(heap_first(&c->events), struct event,
	    place);

	c->now = e->at;
	event_off(c, e);
	e->fn(e->arg);
}

void
clock_free(struct clock *c)
{
	heap_free(&c->events);
}
