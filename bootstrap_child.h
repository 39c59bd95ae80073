#ifndef BOOTSTRAP_CHILD_H
#define BOOTSTRAP_CHILD_H

/*
 * Runs what takes its time in child processes, beside the loop: any number at
 * once, each a process group with its standard output in a pipe. One that does
 * not end by itself is ended after a while, one that prints without end too.
 */

#include <stdint.h>

#include "loop.h"
#include "slice.h"

#define ASKER_OUTPUT_MAX (1024 * 1024) /* bytes that one may print */

struct job;

struct asker {
	struct loop *loop;
	/* Whole lines that it has printed, as they come. */
	void (*lines)(void *arg, int number, struct slice lines);
	/* It has ended: all that it printed; reason: why that is not to be
	 * used, or NULL. */
	void (*done)(void *arg, int number, struct slice lines,
	    const char *reason);
	void *arg;
	struct job *head;
};

/* loop, lines, done and arg are set. */

/* Call fn(what) in a child, which then exits with what that returns; number
 * comes back. 0, or -1 with errno. */
int asker_start(struct asker *, int number, int (*fn)(const char *what),
    const char *what, int64_t limit_ms);

/* Kill all, at the end of the loop: nothing comes back of them. */
void asker_stop(struct asker *);

#endif
