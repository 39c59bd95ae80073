#ifndef LOOP_STATE_H
#define LOOP_STATE_H

/*
 * The loop's inside, for loop.c (its turns), loop_watch.c (descriptors) and
 * loop_timer.c (timers).
 *
 * All pollfds are in one array of three zones:
 *
 *	0 .. hot	hot: polled every turn
 *	hot .. seen	cold, looked at already in this round
 *	seen .. len	cold, not looked at yet in this round
 *
 * so the hot ones, a part of the cold ones, or all of them can be polled with
 * nothing built anew, and to go from one zone to another is a swap or two. A
 * round looks at every cold descriptor once, a part at a time: a look at ten
 * thousand in one go would hold up the hot ones for milliseconds.
 */

#include "loop.h"

#define NS_A_MS INT64_C(1000000)

struct loop {
	struct pollfd *fds;
	struct watch **watches; /* of the pollfd at the same index */
	size_t hot, seen, len, cap;
	size_t ageing;	/* the hot one to be checked for silence next */
	int64_t now;	/* ns */
	int64_t event;	/* when poll() last found something, ns */
	int64_t look;	/* when to look at cold ones next, ns */

	struct timer **timers; /* a heap, the earliest first */
	size_t ntimers, timers_cap;
	struct later laters;   /* head of a ring */
	struct watch wake;     /* the self-pipe of signals.c */
	int stopped;
};

/* Read the clock: l->now. */
void loop_tick(struct loop *);

/* poll() for at most this long (-1: no limit). Returns how many it found, and
 * l->now is when it was done. */
int loop_wait(struct loop *, int timeout_ms);

/* Call back for those of mask that poll() found. */
void loop_dispatch(struct loop *, int mask);

/* Move some of what was silent down among the cold. */
void loop_cool(struct loop *);

/* How long until the next timer, rounded up; -1 where none is set. */
int loop_timer_wait(const struct loop *);

/* Call back for the timers that are due. */
void loop_timers_run(struct loop *);

#endif
