#ifndef LINES_H
#define LINES_H

/*
 * Reads lines from a descriptor in the loop, without making it non-blocking
 * (others may share it): it is read when poll() says so. Pipes, terminals,
 * regular files and /dev/null all do. A line is at most LINES_MAX bytes; of a
 * longer one nothing is passed on, and it is reported.
 */

#include "addr.h"
#include "loop.h"

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

#endif
