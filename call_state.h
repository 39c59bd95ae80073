#ifndef CALL_STATE_H
#define CALL_STATE_H

/*
 * What call.c, which moves requests and answers, and call_wait.c, which
 * knows why there are none, share; and nobody else.
 */

#include "call.h"
#include "sink.h"

#define EXIT_LATE 99

struct caller {
	const struct caller_options *o;
	struct hub *hub;
	struct plb *plb;
	struct msg request; /* but for id and body */
	struct buf args;
	struct buf in; /* read, and not yet sent */
	struct frame_reader reader;
	struct watch input;
	struct sink sink;
	struct filter filter;
	struct later pump;
	struct timer notice, limit, progress, unknown;
	int ready; /* input is there, and waits for tokens */
	int ended; /* of the input */
	int told;  /* that there is none */
	int stuck; /* no answer came since we last looked */
	int lost;  /* fixed: there was no link when we last looked */
	int status;
	int finishing;
	char trouble[REASON_MAX]; /* what we were told about buying */
};

/* call.c */

static inline int64_t
caller_now(const struct caller *c)
{
	return loop_now(c->hub->loop);
}

/* End at the end of this turn, with this status or the worse one before it. */
void caller_quit(struct caller *, int status);

/* call_wait.c */

/* Begin to wait: for capacity, for the given channel, for time to be up. */
void caller_wait(struct caller *);
/* An answer came: its successors have as long as it had. */
void caller_answered(struct caller *);
/* Tokens came. */
void caller_capacity(struct caller *);
/* What the broker, or the PLB, says of the order; may end the program. */
void caller_offers(struct caller *, const struct msg_offers *);
void caller_refused(struct caller *, const struct msg_refuse *);

#endif
