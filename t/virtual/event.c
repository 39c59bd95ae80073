#include <assert.h>
#include <stdlib.h>

#include "t/virtual/event.h"

void
event_init(struct event *e, void (*fn)(void *), void *arg)
{
	chain_init(&e->chain);
	e->fn = fn;
	e->arg = arg;
}

int
event_is_on(const struct event *e)
{
	return e->chain.next != NULL && !chain_empty(&e->chain);
}

void
event_off(struct clock *c, struct event *e)
{
	if (!event_is_on(e))
		return;
	chain_remove(&e->chain);
	c->events--;
}

static void
clock_open(struct clock *c)
{
	size_t i;

	c->calendar = malloc(sizeof(*c->calendar));
	assert(c->calendar != NULL);
	for (i = 0; i < CLOCK_WINDOW; i++)
		chain_init(&c->calendar->ms[i]);
	for (i = 0; i < CLOCK_WINDOWS; i++)
		chain_init(&c->calendar->window[i]);
}

static struct chain *
clock_chain(const struct clock *c, int64_t at)
{
	if (at / CLOCK_WINDOW == c->now / CLOCK_WINDOW)
		return &c->calendar->ms[at % CLOCK_WINDOW];
	return &c->calendar->window[at / CLOCK_WINDOW % CLOCK_WINDOWS];
}

void
event_at(struct clock *c, struct event *e, int64_t at)
{
	if (at < c->now)
		at = c->now;
	if (event_is_on(e) && e->at == at)
		return;
	event_off(c, e);
	if (c->calendar == NULL)
		clock_open(c);
	e->at = at;
	chain_append(clock_chain(c, at), &e->chain);
	c->events++;
}

/* A window begins: its events go to their milliseconds. Those of a later round
 * stay, and in their order. */
static void
clock_begin_window(struct clock *c)
{
	struct chain *from = &c->calendar->window[c->now / CLOCK_WINDOW %
	    CLOCK_WINDOWS], waiting;
	struct event *e;

	if (chain_empty(from))
		return;
	chain_append(from, &waiting);
	chain_remove(from);
	while ((e = CHAIN_NEXT(&waiting, NULL, struct event, chain)) != NULL) {
		chain_remove(&e->chain);
		chain_append(clock_chain(c, e->at), &e->chain);
	}
}

void
clock_step(struct clock *c)
{
	const struct chain *ms;
	struct event *e;

	assert(c->events > 0);
	for (;;) {
		ms = &c->calendar->ms[c->now % CLOCK_WINDOW];
		if (!chain_empty(ms))
			break;
		if (++c->now % CLOCK_WINDOW == 0)
			clock_begin_window(c);
	}
	e = CHAIN_NEXT(ms, NULL, struct event, chain);
	event_off(c, e);
	e->fn(e->arg);
}

void
clock_free(struct clock *c)
{
	free(c->calendar);
	c->calendar = NULL;
}
