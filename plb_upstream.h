#ifndef PLB_UPSTREAM_H
#define PLB_UPSTREAM_H

/*
 * What a PLB holds: its channels, the tokens and the requests in flight of
 * each, and the connects that have no answer yet. Accounting only; it sends
 * nothing.
 */

#include "msg.h"
#include "plb_balance.h"
#include "plb_request.h"

#define HOLD_ASKS 4 /* connects without an answer, a channel */

/* A connect that waits for demand or refuse. */
struct ask {
	uint64_t quantity;
	struct id exchange; /* of its reservation */
	uint64_t counter;   /* 0: no reservation */
	int64_t at;	    /* when it was asked, ms */
	uint64_t order;	    /* ours, that it was filled for */
};

enum hold_state { HOLD_FREE, HOLD_DIALLING, HOLD_UP, HOLD_DRAINING };

struct hold_channel {
	/* Each request touches these, so they stand together. */
	enum hold_state state;
	int closing;	 /* it was told to close, and is not used any more */
	uint32_t peer;	 /* 0 while dialling */
	uint32_t tag;	 /* that it was dialled with */
	int group;	 /* in pick; -1: it is not to be picked */
	uint64_t tokens; /* to be spent */
	uint64_t idle;	 /* the fewest tokens since the last look */
	struct request_list sent; /* in flight */

	struct id seller; /* zero for a fixed channel */
	char address[ADDRESS_MAX + 1];
	struct ask ask[HOLD_ASKS]; /* the oldest first */
	size_t asks;
	unsigned overdue; /* connects before them that we gave up on, and
			     whose answers may still come */
	unsigned refused; /* connects, since it granted one */
	int waiting;	 /* buys stand unmet there */
	int old;	 /* not of a version that is bought now */
	int64_t empty;	 /* since when it holds nothing; INT64_MAX: it does */
};

struct hold {
	struct hold_channel *channel;
	size_t n;	    /* slots; a free one has HOLD_FREE */
	size_t used;
	struct pick pick;
	uint32_t *by_peer;  /* 1 + channel number, by a peer's low 16 bits */
	size_t npeers;
	uint64_t tokens;    /* of all channels */
	uint64_t in_flight; /* on channels that do not drain */
	uint64_t asked;	    /* quantity of all asks */
	size_t drained;	    /* channels to be closed: nothing is in flight */
	size_t hint;	    /* no free slot below it */
};

/* A zeroed struct is ready. */
void hold_free(struct hold *);

/* A new channel in HOLD_DIALLING, its number in *number: good until the next
 * hold_add(). NULL with ENOMEM or ENOBUFS (max channels). */
struct hold_channel *hold_add(struct hold *, struct slice attrs, size_t max,
    size_t *number);
/* Forget it: it has no asks and nothing in flight. */
void hold_del(struct hold *, size_t number);

/* Its connection is up: 0, or -1 with ENOMEM. */
int hold_link(struct hold *, struct hold_channel *, uint32_t peer);

/* By seller, neither draining nor closing; or NULL. */
struct hold_channel *hold_seller(const struct hold *, const struct id *);
/* By peer; or NULL. */
struct hold_channel *hold_peer(const struct hold *, uint32_t peer);
size_t hold_number(const struct hold *, const struct hold_channel *);

/* Note a connect: 0, or -1 with ENOBUFS at HOLD_ASKS, overdue ones counted. */
int hold_ask(struct hold *, struct hold_channel *, const struct ask *);
/* Take the oldest out into *ask: 0 when there is none. */
int hold_answered(struct hold *, struct hold_channel *, struct ask *);
/* The same, without an answer: one may come yet. */
int hold_give_up(struct hold *, struct hold_channel *, struct ask *);

/* May it be sent requests, given the tokens? */
int hold_usable(const struct hold_channel *);

/* Tokens came for a usable one, or went (spent, returned); never below 0. */
void hold_grant(struct hold *, struct hold_channel *, uint64_t tokens);
void hold_spend(struct hold *, struct hold_channel *, uint64_t tokens);

/* A request is on its way there, or came back. */
void hold_sent(struct hold *, struct requests *, struct hold_channel *,
    struct request *);
void hold_back(struct hold *, struct requests *, struct hold_channel *,
    struct request *);

/* It drains: its tokens are void, what is in flight does not count as held. */
void hold_drain(struct hold *, struct hold_channel *);

/* It was told to close: its tokens are void. */
void hold_close(struct hold *, struct hold_channel *);

#endif
