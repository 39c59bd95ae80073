#ifndef STRANGERS_H
#define STRANGERS_H

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

#define STRANGERS_MS	60000
#define STRANGERS_LINES 10 /* in any time as long as that */
#define STRANGERS_HOST	16 /* bytes of an address, without its port */

/* All zero at the start. */
struct strangers {
	struct strangers_line {
		int64_t at;
		unsigned char host[STRANGERS_HOST];
		size_t host_len;
	} line[STRANGERS_LINES]; /* of the last minute, the oldest first */
	size_t n;
	int64_t since;	    /* the first that is counted; more is not 0 then */
	unsigned long more; /* of whom nothing was said */
};

/* One from host (at most STRANGERS_HOST bytes; none: all that have no address)
 * was closed: 1 when it may have its line, or 0 and it is counted. */
int strangers_say(struct strangers *, int64_t now, struct slice host);

/* Is it a minute since the first that was counted? Then how many there are, and
 * counting begins anew; 0 when it is not, or when there are none. */
unsigned long strangers_more(struct strangers *, int64_t now);

/* When strangers_more() has something to tell; INT64_MAX: nothing. */
int64_t strangers_deadline(const struct strangers *);

#endif
