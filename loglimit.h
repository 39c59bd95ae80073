#ifndef LOGLIMIT_H
#define LOGLIMIT_H

/*
 * Limits log lines about connections that fail before authenticating. Anybody
 * can make such connections, as many as they like, so a line for each would let
 * them fill the disk. A host has one line a minute, all hosts together have
 * LOGLIMIT_LINES, and a minute after the first connection that had no line one
 * more line tells how many there were.
 */

#include <stddef.h>
#include <stdint.h>

#include "slice.h"

#define LOGLIMIT_MS	60000
#define LOGLIMIT_LINES 10 /* in any LOGLIMIT_MS */
#define LOGLIMIT_HOST  16 /* bytes of an address, without its port */

/* All zero at the start. */
struct loglimit {
	struct loglimit_line {
		int64_t at;
		unsigned char host[LOGLIMIT_HOST];
		size_t host_len;
	} line[LOGLIMIT_LINES]; /* of the last minute, the oldest first */
	size_t n;
	unsigned long more; /* connections that had no line */
	int64_t since;	    /* the first of them; good while more is not 0 */
};

/* A connection from host (at most LOGLIMIT_HOST bytes; empty where it has no
 * address) was closed: 1 when it may have its line, or 0, and it is counted. */
int loglimit_say(struct loglimit *, int64_t now, struct slice host);

/* A minute after the first that was counted: how many there are, and counting
 * begins anew. 0 before then, or when there are none. */
unsigned long loglimit_more(struct loglimit *, int64_t now);

/* When loglimit_more() has something to tell; INT64_MAX: nothing. */
int64_t loglimit_deadline(const struct loglimit *);

#endif
