#ifndef HELD_H
#define HELD_H

/*
 * A program's file, held open from its publication on: the listener opens it,
 * its channels inherit it, and launch() runs it even when another file has its
 * name by then. What is rewritten in place is the same file, and a file that
 * may not be read cannot be held: those are run by their name.
 */

#include "launch.h"

/* Find the program as execvp() does, and hold its file: 0 (fd is -1 where it
 * may not be read), or -1 with the errno of launch_find(). */
int held_open(struct held *, const char *program);
void held_close(struct held *);

/* Are the two the same file? Two that are not held: the same path. */
int held_equal(const struct held *, const struct held *);

/* "LAMBDA_PROGRAM=FD:PATH" for a channel's environment; free() it. NULL where
 * nothing is held, or without memory. */
char *held_text(const struct held *);

/*
 * Take what LAMBDA_PROGRAM passes, which is unset then. fd is -1 where nothing
 * is passed, or where this system cannot run a file by its descriptor. Dies
 * (100) when the value makes no sense.
 */
void held_take(struct held *);

#endif
