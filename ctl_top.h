#ifndef CTL_TOP_H
#define CTL_TOP_H

/*
 * What lambda-ctl top shows: what has changed from one walk of the tier to the
 * next, by module or by host. It has no I/O and no clock.
 */

#include "ctl_metrics.h"
#include "ctl_walk.h"

#define TOP_FORGET 10 /* walks that a process or group may miss before it is
			 forgotten */

struct top {
	struct map processes; /* by instance and module: as they were last */
	struct map groups;    /* by the name of module or host */
	struct map silent;    /* who did not answer, by instance or address */
	int by_host;
	unsigned walks;
	int64_t at, ms;	      /* the last one, and from the one before it on */
};

void top_init(struct top *, uint64_t seed, int by_host);
void top_free(struct top *);

/* Read what was gathered at that time, in ms: 0, or -1 with ENOMEM. */
int top_read(struct top *, const struct walk *, int64_t now);

/* A row for each group, or lines for people, once there were two walks. */
void top_rows(const struct top *, void (*row)(void *arg, struct slice),
    void *arg);
void top_lines(const struct top *, void (*line)(void *arg, struct slice),
    void *arg);

#endif
