#ifndef LOOP_H
#define LOOP_H

/*
 * The poll() loop: the descriptors, timers, signals and children of one
 * process. A turn does this, in order: the timers that are due; the work that
 * was put off; poll(), until the next timer (rounded up); signals and children;
 * writable descriptors; readable ones; again the work that was put off.
 * Callbacks may add and remove anything, also themselves.
 *
 * The cost of poll() grows with the number of descriptors. So a descriptor that
 * has been silent for a while moves to a cold set, which is polled less often
 * while the hot set is busy: a busy connection does not pay for ten thousand
 * silent ones.
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

/* A watched descriptor. The memory is the caller's: zeroed before its first
 * use, and in place until loop_unwatch(). */
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

/* Allocate the loop, ignore SIGPIPE, and open the self-pipe; dies (111) if it
 * cannot. A process has one loop. */
struct loop *loop_new(void);
/* Signals that were handled, but for SIGCHLD, are ignored from here on. */
void loop_free(struct loop *);

/* The time on the monotonic clock in ms, as of the start of this turn or the
 * end of its poll(), whichever was later. */
int64_t loop_now(const struct loop *);
/* The same in ns, where it will stand as long as the loop is there; NULL where
 * nothing finer is known. */
const int64_t *loop_clock(const struct loop *);

/* Run until loop_stop(): returns at the end of that turn. */
void loop_run(struct loop *);
void loop_stop(struct loop *);

/* Start to watch, or notice that w->events has changed. Either way it is hot
 * now, since a peer that we write to will answer. 0, or -1 with ENOMEM. */
int loop_watch(struct loop *, struct watch *);
void loop_unwatch(struct loop *, struct watch *);

/* For tests and figures: how many descriptors are watched, and how many of them
 * are hot. */
size_t loop_watched(const struct loop *);
size_t loop_hot(const struct loop *);

/* Would loop_run() wait, since there is nothing to do now? For tests that a
 * program does not spin. */
int loop_idle(struct loop *);

/* Set a timer (again) for a time of loop_now(), or clear it. 0, or -1 with
 * ENOMEM. */
int loop_timer(struct loop *, struct timer *, int64_t due);
void loop_untimer(struct loop *, struct timer *);

/* Put work off to the end of this turn; or call it off. */
void loop_later(struct loop *, struct later *);
void loop_unlater(struct loop *, struct later *);

/* Call fn when the signal comes, outside the signal handler; NULL restores the
 * default action. Dies (111) when sigaction() fails. */
void loop_signal(struct loop *, int signo, signal_fn *, void *arg);

/* Call term at SIGTERM and at SIGINT, and hup at SIGHUP. */
void loop_signals(struct loop *, signal_fn *term, signal_fn *hup, void *arg);

/* Call fn once when the child has ended and was waited for. -1 with ENOMEM.
 * Other children are reaped and forgotten, so call this in the turn of the
 * fork(). */
int loop_child(struct loop *, pid_t, child_fn *, void *arg);

/* In a child, between fork() and exec(): restore signal actions and mask. */
void loop_forked(void);

#endif
