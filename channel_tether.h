#ifndef CHANNEL_TETHER_H
#define CHANNEL_TETHER_H

/*
 * What ties a channel to its listener: a control link; a liveness pipe, which
 * closes when nothing of the channel is left; and the roll of the groups that
 * it has running (channel_groups.h), for when it is killed.
 */

#include <stddef.h>

struct tether {
	int control[2]; /* ours, and the channel's */
	int live[2];	/* ours, which does not block, and the channel's */
	int roll;	/* of both; -1: there could be none, which was logged */
};

#define TETHER_TEXT_MAX 48

/* All are close-on-exec: 0, or -1 with errno and nothing open. */
int tether_open(struct tether *);

/* Close the channel's ends, which it has by now; or ours. */
void tether_passed(struct tether *);
void tether_cut(struct tether *);

/* "LAMBDA_CONTROL=N,N", for the channel's environment: the control link and the
 * roll. */
void tether_text(const struct tether *, char text[TETHER_TEXT_MAX]);

/*
 * The channel's side of that: the two descriptors, -1 where there is none, and
 * the variable is unset then. The control link is adopted. Dies (100) when the
 * value makes no sense.
 */
void tether_take(int *control, int *roll);

#endif
