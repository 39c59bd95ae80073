#ifndef SIM_FRONT_H
#define SIM_FRONT_H

/*
 * What stands around the core of a lambda-call, which is a filter (caller.c) or
 * one call (flow.c): its input, its output, and the steps at which it looks at
 * them. It is the first member of the role of such a process.
 */

#include "call.h"
#include "t/virtual/sim.h"

struct front {
	struct post *post;
	struct buf out;	   /* results that are not written yet */
	int wants, closed; /* input; its end was given */
	int look, finishing, over;
	int64_t step_ms;   /* between looks at its input and output, at most */
	struct event step;
	char module[16];
};

void front_init(struct front *, struct post *, int64_t step_ms);

/* How often a request may be run again, and how long it may take: none, or half
 * a second and as much of limit_ms as falls to it. */
void front_limit(struct proc *, struct call_config *, uint64_t limit_ms);

/* The process, whose role, work and act are set, begins with that module, and
 * such a capacity. */
void front_run(struct proc *, struct call_config *, uint64_t capacity);

/* It is told to end; or its output breaks, and what is in it is lost. */
void front_end(struct proc *);
void front_break(struct proc *);

/* The process has ended: its core and its role are freed. */
void front_ended(struct proc *);

#endif
