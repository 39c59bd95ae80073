#ifndef LOGLIMIT_H
#define LOGLIMIT_H

/*
 * How much is said of connections that ended before they had proven who they
 * are. Anybody can make them, as many as he likes, so a line of log each would
 * be his to fill the disk with; and who has the wrong key, and tries for ever,
 * is no news each time. So a host has one line a minute, all of them together
 * have so many, and a minute after the first that had none there is one more,
 * with the number of those.
 */

#include <stddef.h>
#include <stdint.h>

#include "slice.h"

#define LOGLIMIT_MS	60000
#define LOGLIMIT_LINES 10 /* in any time as long as that */
#define LOGLIMIT_HOST	16 /* bytes of an address, without its port */

/* All zero at the start. */
struct loglimit {
	struct loglimit_line {
		int64_t at;
		unsigned char host[LOGLIMIT_HOST];
		size_t host_len;
	} line[LOGLIMIT_LINES]; /* of the last minute, the oldest first */
	size_t n;
	int64_t since;	    /* the first that is counted; more is not 0 then */
	unsigned long more; /* of whom nothing was said */
};

/* One from host (at most LOGLIMIT_HOST bytes; none: all that have no address)
 * was closed: 1 when it may have its line, or 0 and it is counted. */
int loglimit_say(struct loglimit *, int64_t now, struct slice host);

/* Is it a minute since the first that was counted? Then how many there are, and
 * counting begins anew; 0 when it is not, or when there are none. */
unsigned long loglimit_more(struct loglimit *, int64_t now);

/* When loglimit_more() has something to tell; INT64_MAX: nothing. */
int64_t loglimit_deadline(const struct loglimit *);

#endif
