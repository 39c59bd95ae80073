#ifndef SIM_EVENT_H
#define SIM_EVENT_H

/*
 * The virtual clock: what is to happen, by time, and among equals by the order
 * in which it was arranged. An event is part of whatever waits for it.
 */

#include "heap.h"

struct event {
	int64_t at;   /* ms */
	size_t place; /* in the heap */
	void (*fn)(void *arg);
	void *arg;
};

struct clock {
	int64_t now;
	uint64_t seq;
	struct heap events;
};

void clock_free(struct clock *);

void event_init(struct event *, void (*fn)(void *), void *arg);
int event_is_on(const struct event *);

/* Arrange it for then (not before now), or at another time than it was. One
 * that is for then already keeps its place. */
void event_at(struct clock *, struct event *, int64_t at);
void event_off(struct clock *, struct event *);

/* Move on to the next event, and let it happen. */
void clock_step(struct clock *);

#endif
