#ifndef LOOP_H
#define LOOP_H

/*
 * The poll() loop: descriptors, timers, signals and children of one process.
 * A turn does, in this order: timers that are due; what was put off to the end
 * of the turn; poll(), for as long as the next timer allows (rounded up);
 * signals and children; writable descriptors; readable ones; again what was
 * put off. Callbacks may add and remove anything, themselves included.
 *
 * poll() costs by what it watches, so a descriptor that has been silent for a
 * while moves to a cold set, which is looked at less often while the hot set
 * is busy: a busy connection does not pay for ten thousand quiet ones.
 */

#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "heap.h"

struct loop;

/* Called with what poll() said (POLLIN, POLLOUT, POLLHUP, POLLERR, ...). */
typedef void watch_fn(void *arg, short revents);

/* One watched descriptor; the memory is the caller's, zeroed before its first
 * use, and must stay until unwatched. */
struct watch {
	int fd;
	short events;	/* POLLIN | POLLOUT as wanted; POLLERR: for errors and
			 * hangups alone; 0: for nothing, not even those */
	watch_fn *fn;
	void *arg;
	size_t slot;	/* the loop's: 1 + index in its array, 0: not watched */
	int64_t heard;	/* the loop's: time of the last event, ms */
};

typedef void signal_fn(void *arg, int signo);
typedef void child_fn(void *arg, pid_t, int status);

/* Allocates the loop, ignores SIGPIPE, opens the self-pipe: dies (111) when it
 * cannot. One loop a process. */
struct loop *loop_new(void);
void loop_free(struct loop *);

/* Milliseconds on the monotonic clock, as of the start of this turn or the end
 * of its poll(), whichever was last. */
int64_t loop_now(const struct loop *);

/* Run until loop_stop(): returns at the end of that turn. */
void loop_run(struct loop *);
void loop_stop(struct loop *);

/* Start watching, or take up changed w->events; either way it is hot now, as
 * what is spoken to will answer. 0, or -1 with ENOMEM. */
int loop_watch(struct loop *, struct watch *);
void loop_unwatch(struct loop *, struct watch *);

/* For tests and figures: how many descriptors are watched, and how many of them
 * are hot. */
size_t loop_watched(const struct loop *);
size_t loop_hot(const struct loop *);

/* Would loop_run() wait, since there is nothing to do at once? For tests of
 * what must not spin. */
int loop_idle(struct loop *);

/* Set (again, by loop_now()) or clear. 0, or -1 with ENOMEM. */
int loop_timer(struct loop *, struct timer *, int64_t due);
void loop_untimer(struct loop *, struct timer *);

/* Have it done at the end of this turn, or not. */
void loop_later(struct loop *, struct later *);
void loop_unlater(struct loop *, struct later *);

/* Call fn for the signal, outside the signal handler; NULL goes back to the
 * default action. Dies (111) when sigaction() fails. */
void loop_signal(struct loop *, int signo, signal_fn *, void *arg);

/* Call fn once when the child has ended; it has been waited for then. -1 with
 * ENOMEM. Children nobody asked about are reaped and forgotten: ask in the
 * turn of the fork(). */
int loop_child(struct loop *, pid_t, child_fn *, void *arg);

/* For a child between fork() and exec(): undo signal dispositions and mask. */
void loop_forked(void);

#endif
