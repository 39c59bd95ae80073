#ifndef LATEST_H
#define LATEST_H

/*
 * Lines of state to a descriptor: of each key the latest line, once. A reader
 * that is slow misses what was replaced meanwhile, and nothing else; one that
 * is gone ends it. Holds what is not written yet, and no more than max lines
 * of it.
 */

#include "map.h"
#include "sink.h"

#define LATEST_LINE_MAX 1024 /* bytes of key and line together */

struct latest_line;

struct latest {
	struct loop *loop;
	struct sink sink;
	struct watch reader; /* to see it go while there is nothing to write */
	struct map lines;    /* by key */
	struct latest_line *head, **tail;
	size_t max;
	int error; /* errno of what ended it, or 0 */
	/* All is written, or an error ended it; may be NULL. */
	void (*done)(void *arg);
	void *arg;
};

/* The descriptor stays open. Dies (111) without memory. */
void latest_init(struct latest *, struct loop *, int fd, size_t max,
    void (*done)(void *arg), void *arg);
void latest_free(struct latest *);

/* The key's line (without newline), in place of one not yet written: 0, or -1
 * with ENOMEM, ENOBUFS (max) or ERANGE. After an error it goes nowhere: 0. */
int latest_put(struct latest *, struct slice key, struct slice line);

/* Is everything written? */
int latest_empty(const struct latest *);

#endif
