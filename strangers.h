#ifndef STRANGERS_H
#define STRANGERS_H

/*
 * How much is said of connections that ended before they had proven who they
 * are. Anybody can make them, as many as he likes, so a line of log each would
 * be his to fill the disk with: there are so many lines a minute, and when it
 * is over one more, with the number of the rest.
 */

#include <stdint.h>

#define STRANGERS_MS	60000
#define STRANGERS_LINES 10 /* in that time */

/* All zero at the start. */
struct strangers {
	int64_t since;	    /* the minute began; said is not 0 then */
	unsigned said;	    /* lines */
	unsigned long more; /* of whom nothing was said */
};

/* One was closed: 1 when it may have its line, or 0 and it is counted. */
int strangers_say(struct strangers *, int64_t now);

/* Is the minute over? Then how many more there were, and the next may begin; 0
 * when it is not, or when there were none. */
unsigned long strangers_more(struct strangers *, int64_t now);

/* When strangers_more() has something to tell; INT64_MAX: nothing. */
int64_t strangers_deadline(const struct strangers *);

#endif
