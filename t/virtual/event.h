#ifndef SIM_EVENT_H
#define SIM_EVENT_H

/*
 * The virtual clock: what is to happen, by time, and among equals by the order
 * in which it was arranged. An event is part of whatever waits for it.
 *
 * It is a calendar. Events of the present window have a chain for each
 * millisecond; later ones have a chain for each window, and go to their
 * milliseconds when it begins. So to arrange one, and to take it off, costs the
 * same however many there are; and a chain is always in the order in which its
 * events were arranged.
 */

#include <stdint.h>

#include "chain.h"

struct event {
	int64_t at; /* ms */
	struct chain chain;
	void (*fn)(void *arg);
	void *arg;
};

#define CLOCK_WINDOW  4096 /* ms, and chains of them */
#define CLOCK_WINDOWS 1024 /* chains; a window of the next round waits there */

struct calendar {
	struct chain ms[CLOCK_WINDOW];
	struct chain window[CLOCK_WINDOWS];
};

/* All zero at the start. */
struct clock {
	int64_t now;
	struct calendar *calendar; /* NULL before the first event */
	size_t events;		   /* that are on */
};

void clock_free(struct clock *);

void event_init(struct event *, void (*fn)(void *), void *arg);
int event_is_on(const struct event *);

/* Arrange it for then (not before now), or at another time than it was. One
 * that is for then already keeps its place. */
void event_at(struct clock *, struct event *, int64_t at);
void event_off(struct clock *, struct event *);

/* Move on to the next event, and let it happen. There is one. */
void clock_step(struct clock *);

#endif
