#ifndef LINES_H
#define LINES_H

/*
 * Standard input and output in the loop: lines in (lines), bytes out (sink),
 * and lines of state out (latest).
 *
 * Lines in: reads lines from a descriptor in the loop, without making it
 * non-blocking (others may share it): it is read when poll() says so. Pipes,
 * terminals, regular files and /dev/null all do. A line is at most LINES_MAX
 * bytes; of a longer one nothing is passed on, and it is reported.
 */

#include "addr.h"
#include "buf.h"
#include "loop.h"
#include "map.h"

#define LINES_MAX 1024

struct lines {
	struct loop *loop;
	struct watch watch;
	/* A line without its newline, and its number, from 1. */
	void (*line)(void *arg, const char *, size_t len, unsigned long number);
	void (*end)(void *arg); /* end of file; or NULL */
	void *arg;
	char buf[LINES_MAX];
	size_t len;
	unsigned long number; /* lines so far */
	int skipping;	      /* the rest of one that is too long */
	int ended;
};

/* Begin; the struct is the caller's, and the descriptor stays open. Dies (111)
 * without memory. */
void lines_init(struct lines *, struct loop *, int fd,
    void (*line)(void *, const char *, size_t, unsigned long), void *arg);
void lines_stop(struct lines *);

/* Read a regular file again from its start (SIGHUP): 1; 0 if it is not at its
 * end, or not seekable. */
int lines_again(struct lines *);

/*
 * The address of a line of bootstrap output: 1. 0 for an empty line or one that
 * begins with '#', and for one that is no address, which is reported with its
 * number.
 */
int lines_address(const char *, size_t len, unsigned long number,
    int default_port, struct addr *);

/*
 * Bytes out: standard output (or another descriptor that is shared with other
 * programs) as a queue in the loop. It is not made non-blocking, since that
 * would change it for whoever shares it: it is written when poll() says so, as
 * much as then cannot block a pipe.
 */

#define SINK_KEEP (64 * 1024) /* of the queue, from one use to the next */

struct sink {
	struct loop *loop;
	struct watch watch;
	struct later flush;
	struct buf queue;
	size_t chunk; /* bytes a write */
	int error;    /* errno of what ended it, or 0 */
	size_t lost;  /* bytes that were queued then */
	/* The queue ran empty, or an error did away with it. */
	void (*drained)(void *arg);
	void *arg;
};

void sink_init(struct sink *, struct loop *, int fd, size_t max,
    void (*drained)(void *arg), void *arg);
void sink_free(struct sink *); /* leaves the descriptor open */

/* After something was put into the queue: it will be written. */
void sink_filled(struct sink *);

/*
 * Lines out: state, to a descriptor: of each key the latest line, once. A
 * reader that is slow misses what was replaced meanwhile, and nothing else; one
 * that is gone ends it. Holds what is not written yet, and no more than max
 * lines of it.
 */

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
