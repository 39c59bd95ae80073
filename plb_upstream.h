#ifndef PLB_UPSTREAM_H
#define PLB_UPSTREAM_H

/*
 * The upstreams of a PLB: the channels that it dials or is linked to, the
 * tokens that it holds of each and its requests in flight there, and the
 * connects that have no answer yet. An upstream keeps its number, and its
 * struct its place in memory, as long as it lives.
 */

#include <stdint.h>

#include "chain.h"
#include "msg.h"

struct plb;
struct request;

#define UPSTREAM_CONNECTS 4 /* without an answer, an upstream */

/* A connect that waits for demand or refuse. */
struct upstream_connect {
	uint64_t quantity;
	struct id exchange; /* of its reservation */
	uint64_t counter;   /* 0: no reservation */
	int64_t at;	    /* when it was filled, and then sent, ms */
	uint64_t order;	    /* ours, that it was filled for */
};

enum upstream_state {
	UPSTREAM_DIALLING,
	UPSTREAM_UP,
	UPSTREAM_DRAINING, /* what is in flight there finishes */
	UPSTREAM_CLOSING   /* it was told to close */
};

struct upstream {
	/* Each request touches these, so they stand together. */
	enum upstream_state state;
	uint32_t peer;	 /* 0 while dialling */
	uint32_t tag;	 /* that it was dialled with */
	int group;	 /* in the balance; -1: it is not drawn */
	size_t number;	 /* in plb.upstream and in the balance */
	uint64_t tokens; /* to be spent */
	uint64_t idle;	 /* the fewest tokens since the last look */
	struct chain requests; /* in flight there */
	size_t in_flight;      /* of these */

	struct id seller; /* zero for a fixed channel */
	char address[ADDRESS_MAX + 1];
	struct upstream_connect connect[UPSTREAM_CONNECTS]; /* oldest first */
	size_t connects;
	unsigned overdue; /* connects before them that we gave up on, and
			     whose answers may still come */
	unsigned refused; /* connects, since it granted one */
	int waiting;	 /* buys stand unmet there */
	int old;	 /* not of a version that is bought now */
	int64_t empty_since; /* it holds nothing; INT64_MAX: it does */
};

/* Life. */

/* A new one in UPSTREAM_DIALLING. NULL with ENOMEM, or ENOBUFS at
 * PLB_CHANNELS_MAX, or at BALANCE_GROUPS different attributes. */
struct upstream *upstream_add(struct plb *, struct slice attrs,
    struct slice address);
/* Forget it: it has no connects and nothing in flight. */
void upstream_del(struct plb *, struct upstream *);
void upstream_free_all(struct plb *);

/* Its connection is up: send it its connects. */
void upstream_up(struct plb *, int64_t now, uint32_t peer, struct upstream *);
/* It is gone, or was never there: nothing comes of its connects, and what was
 * in flight fails for this reason, or is run again. */
void upstream_gone(struct plb *, int64_t now, struct upstream *,
    const char *why);
/* Use it no longer: nothing comes of its connects, its tokens go back, and what
 * is in flight there finishes, but does not count as held. */
void upstream_leave(struct plb *, struct upstream *);
void upstream_close(struct plb *, struct upstream *);

/* Walk: start with *pos = 0, ends with NULL. The one shown may be deleted. */
struct upstream *upstream_next(const struct plb *, size_t *pos);
/* The one of this peer; of this seller, if it neither drains nor closes; or
 * NULL. */
struct upstream *upstream_of_peer(const struct plb *, uint32_t peer);
struct upstream *upstream_of_seller(const struct plb *, const struct id *);

/* Tokens. */

/* May it be sent requests, given the tokens? */
static inline int
upstream_usable(const struct upstream *u)
{
	return u->state == UPSTREAM_UP;
}

/* Tokens came, which count where it is usable; or went, never more than it
 * has. */
void upstream_grant(struct plb *, struct upstream *, uint64_t tokens);
void upstream_spend(struct plb *, struct upstream *, uint64_t tokens);
/* Return n of the tokens. */
void upstream_give_back(struct plb *, struct upstream *, uint64_t n);

/* The request was sent there, for a token; it came back, or has its answer. */
void upstream_sent(struct plb *, struct upstream *, struct request *);
void upstream_back(struct plb *, struct request *);

/* Connects. */

/* Connect to it, at once where it is up: 0, or -1 with ENOBUFS at
 * UPSTREAM_CONNECTS, overdue ones counted. */
int upstream_connect(struct plb *, struct upstream *,
    const struct upstream_connect *);
/* Take the oldest out into *connect: 0 when there is none. */
int upstream_answered(struct plb *, struct upstream *,
    struct upstream_connect *);
/* The same, without an answer: one may come yet. */
int upstream_give_up(struct plb *, struct upstream *,
    struct upstream_connect *);

/* Messages and time. */

int plb_on_demand(struct plb *, int64_t, uint32_t, const struct msg *);
int plb_on_refuse(struct plb *, int64_t, uint32_t, const struct msg *);
int plb_on_waiting(struct plb *, int64_t, uint32_t, const struct msg *);
int plb_on_drain(struct plb *, int64_t, uint32_t, const struct msg *);
/* Once a second: what is idle, empty, or never answered. */
void upstream_look(struct plb *, int64_t now);
/* Hold no more than is wanted, close what has drained, and ask the fixed
 * channel for what is short. */
void upstream_adjust(struct plb *, int64_t now);
int64_t upstream_deadline(const struct plb *);

#endif
