#ifndef AGENDA_H
#define AGENDA_H

/*
 * What a loop has to do: timers, each at its time, and work put off to the end
 * of the turn. It knows no clock: it is told the time. The loop of a process
 * (loop.c) has one, and so has the loop of a simulated one.
 */

#include "chain.h"
#include "heap.h"

typedef void timer_fn(void *arg);

/* A timer that is set for one moment; the memory is the caller's, zeroed
 * before its first use. */
struct timer {
	int64_t due; /* ms */
	timer_fn *fn;
	void *arg;
	size_t slot; /* the agenda's: 0 when not set */
};

/* Work put off to the end of the turn, once however often it is asked for;
 * the memory is the caller's, zeroed before its first use. */
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

/* Call back for the timers that are due. One that sets itself for now waits
 * for the next call. */
void agenda_run_timers(struct agenda *, int64_t now);

void agenda_later(struct agenda *, struct later *);
void agenda_unlater(struct later *);
int agenda_has_laters(const struct agenda *);

/* Do what was put off. What is put off meanwhile comes in the next round; after
 * AGENDA_ROUNDS descriptors and timers have their turn first. */
#define AGENDA_ROUNDS 8
void agenda_run_laters(struct agenda *);

#endif
