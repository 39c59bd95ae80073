#ifndef LISTENER_PREFLIGHT_H
#define LISTENER_PREFLIGHT_H

/*
 * A try whether a program can be a worker. It is started as one would be, with
 * its pipes open and nothing to do, and has passed when it is still there after
 * TRIAL_MS. It is ended then, as a worker is that is needed no more.
 */

#include "program.h"
#include "loop.h"

#define TRIAL_MS       500
#define TRIAL_LINE_MAX 200 /* bytes of what it said last that are told */

struct trial;

/* The verdict, given once: why is NULL, or says how it ended, and what it had
 * to say ("ended at once: exit status 3: no such table"). */
typedef void trial_fn(void *arg, const char *why);

/* Start one. NULL with the errno of what failed, the exec included. It frees
 * itself when it has ended after the verdict. */
struct trial *trial_start(struct loop *, const struct program_start *, trial_fn *,
    void *arg);

/* No verdict is wanted any more: it ends. */
void trial_stop(struct trial *);

/* Do the same now, with all of those that are still ending: at the program's
 * end. Not for use in a verdict. */
void trial_end_all(void);

#endif
