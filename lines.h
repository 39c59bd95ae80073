#ifndef LINES_H
#define LINES_H

/*
 * Standard input and output in the loop: lines in (lines), bytes out (sink),
 * and lines of state out (latest).
 *
 * Lines in: reads lines from a descriptor when poll() says that it is readable.
 * It does not make the descriptor non-blocking, since others may share it.
 * Pipes, terminals, regular files and /dev/null will do. A line that is longer
 * than LINES_MAX bytes is skipped, and the log says so.
 */

#include "addr.h"
#include "buf.h"
#include "loop.h"
#include "map.h"

#define LINES_MAX 1024

struct lines {
	struct loop *loop;
	struct watch watch;
	/* A line without its newline, and its number; the first is 1. */
	void (*line)(void *arg, const char *, size_t len, unsigned long number);
	void (*end)(void *arg); /* end of file; or NULL */
	void *arg;
	char buf[LINES_MAX];
	size_t len;
	unsigned long number; /* lines so far */
	int skipping;	      /* the rest of one that is too long */
	int ended;
};

/* Begin. The struct is the caller's; the descriptor stays open. Dies (111)
 * without memory. */
void lines_init(struct lines *, struct loop *, int fd,
    void (*line)(void *, const char *, size_t, unsigned long), void *arg);
void lines_stop(struct lines *);

/* Read a regular file again from its start (SIGHUP): 1; or 0 if the file is not
 * at its end, or cannot seek. */
int lines_again(struct lines *);

/*
 * Read the address in a line of bootstrap output: 1. 0 for an empty line, for
 * one that begins with '#', and for one that is no address; that is reported
 * with its number.
 */
int lines_address(const char *, size_t len, unsigned long number,
    int default_port, struct addr *);

/*
 * Bytes out: a queue to standard output, or to another descriptor that programs
 * share. It does not make the descriptor non-blocking, since that would change
 * it for the others. It writes when poll() says that the descriptor is
 * writable, and no more than a pipe then takes without blocking. If the system
 * lets it open the pipe once more for itself, it writes as much as is taken.
 */

#define SINK_KEEP (512 * 1024) /* of the queue, from one use to the next */

struct sink {
	struct loop *loop;
	struct watch watch;
	struct later flush;
	struct buf queue;
	int own;      /* the pipe, open once more; or -1 */
	size_t chunk; /* bytes a write */
	int error;    /* errno of what ended it, or 0 */
	size_t lost;  /* bytes that were queued then */
	/* The queue ran empty, or an error has ended it. */
	void (*drained)(void *arg);
	/* Some of it was written; or NULL, as sink_init() sets it. */
	void (*wrote)(void *arg);
	void *arg;
};

void sink_init(struct sink *, struct loop *, int fd, size_t max,
    void (*drained)(void *arg), void *arg);
void sink_free(struct sink *); /* leaves the descriptor open */

/* Call this after putting bytes into the queue: they will be written. */
void sink_filled(struct sink *);

/*
 * Lines out: state as lines, each with a key. The latest line of each key is
 * written once. A slow reader misses only lines that newer ones have replaced;
 * when the reader is gone, this ends. It holds the lines that are not written
 * yet, at most max of them.
 */

#define LATEST_LINE_MAX 1024 /* bytes of key and line together */

struct latest_line;

struct latest {
	struct loop *loop;
	struct sink sink;
	struct watch reader; /* sees it go while there is nothing to write */
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

/* Set the key's line (without newline); it replaces one that is not written
 * yet. 0, or -1 with ENOMEM, ENOBUFS (over max) or ERANGE (too long). After an
 * error lines are dropped: 0. */
int latest_put(struct latest *, struct slice key, struct slice line);

/* Is everything written? */
int latest_empty(const struct latest *);

#endif
