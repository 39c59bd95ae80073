#ifndef PLB_STATE_H
#define PLB_STATE_H

/*
 * The PLB core's state, shared by the files that make it up and by nobody
 * else: plb.c (life, peers, time), plb_buy.c (the order), plb_channel.c
 * (channels and their tokens), plb_client.c (clients and theirs), plb_run.c
 * (requests).
 */

#include "plb_upstream.h"
#include "plb.h"
#include "plb_request.h"

#define NEVER INT64_MAX
#define PLB_AVOIDED 64 /* sellers remembered as such, at most */

struct plb_client {
	uint32_t peer;	 /* 0 in a free one, and in the program's own */
	unsigned role;
	uint64_t tokens; /* it may send so many requests */
	uint64_t owed;	 /* it asked for so many more */
	int left;	 /* its connection is to end */
	struct request_list own;
};

/* A seller that could not be reached, did not answer, or refused again and
 * again, is not tried again before. */
struct plb_avoided {
	struct id seller;
	int64_t until;
	int answers; /* it is there, and refuses */
};

struct plb {
	struct outbox out;
	struct rng rng;
	struct id own;
	unsigned char *module;
	size_t module_len;
	unsigned char *constraints;
	size_t constraints_len;
	char *address; /* of a fixed channel, or NULL */
	int fixed;
	int stopping;
	int stopped;	   /* ACT_STOP is out */
	int64_t leave;	   /* stopping: from then on clients that have nothing
			      open are left; NEVER: they are by now */

	uint64_t capacity;
	uint64_t wanted;
	struct hold hold;
	struct requests requests;
	struct request_list queue;
	struct plb_client *client; /* [0] is the program itself */
	size_t nclients;
	uint64_t window;	   /* as clients were last granted by */

	uint32_t broker;      /* peer, or 0 */
	uint32_t last_tag;    /* of a seller that was dialled */
	struct plb_avoided avoided[PLB_AVOIDED]; /* the oldest is next */
	unsigned next_avoided;
	uint64_t order;	      /* id on the broker's link, new with each link */
	uint64_t settled;     /* of what was filled on that link */
	uint64_t before;      /* tokens asked for on earlier broker links and
				 still unanswered */
	uint64_t first_order; /* of that link */
	int ordered;	      /* the broker knows of the order */
	struct outbox_once refused; /* on that link */
	uint64_t told_missing, told_settled;
	int64_t bought;	      /* when a buy was last sent */
	int64_t lacking;      /* since when something is missing; NEVER */
	int64_t again;	      /* when the order starts over, as a seller was
				 offered that answers, and was avoided; NEVER */
	int64_t retry;	      /* fixed: no connect before this */
	uint64_t connects;    /* ever sent */
	uint64_t refusals;    /* of these: refused, or not answered in time */

	struct trouble {
		unsigned char *offers; /* the last: an encoded value, kept
					  while no token is held; NULL: none */
		size_t len;
	} trouble;

	uint64_t extra;	      /* added to wanted during a switch: tokens held
				 of versions to be left (plb_switch.c) */
	int64_t switch_at;    /* when they are left, if there are others by
				 then; NEVER */
	struct outbox_once stays; /* that there are none */

	struct outbox_once blamed; /* a seller, and for what */
	int64_t look;	      /* when idle tokens are next looked at */
	int64_t expire;	      /* when deadlines of the queue are looked at */
	uint64_t seen;	      /* groups' stamp at the last look at exports */
	uint64_t shown;	      /* whose exports were shown: when it was made */
};

struct slice plb_module(const struct plb *);

/* plb_buy.c */

/* What is held: tokens, and requests in flight where it does not drain. */
uint64_t plb_held(const struct plb *);
/* What is wanted and not held. */
uint64_t plb_short(const struct plb *);
/* A connect was answered. */
void plb_settle(struct plb *, const struct ask *);
/* It gave nothing: its exchange may offer the reservation to others, and is not
 * to offer us that seller before the seller says something new. */
void plb_release(struct plb *, const struct ask *);
/* Do not try the seller again for a while; it answers, or it does not. */
void plb_avoid(struct plb *, int64_t, const struct id *seller, int answers);
int plb_on_fill(struct plb *, int64_t, uint32_t, const struct msg *);
int plb_on_offers(struct plb *, int64_t, uint32_t, const struct msg *);
int plb_order_refused(struct plb *, const struct msg *);
/* Why nothing comes: to every caller that waits for something, to the program
 * itself, and, as long as no token is held, to each that begins to wait. */
int plb_trouble(struct plb *, const struct msg_offers *);
int plb_trouble_tell(struct plb *, const struct plb_client *);
/* The same of what is wrong with a seller; where another is held it is logged,
 * as the program has no need to say it. */
void plb_blame(struct plb *, const char *why);
/* Tokens came, or the fixed channel: it is over. */
void plb_trouble_over(struct plb *);
void plb_broker_up(struct plb *, uint32_t peer);
/* The order starts over under a new id; the broker is told that the old one has
 * ended. */
void plb_order_anew(struct plb *);
/* Tell the broker what is missing, when that is not what it was told, and
 * again every PLB_REFRESH_MS while it stands. */
void plb_buy(struct plb *, int64_t);
int64_t plb_buy_deadline(const struct plb *);

/* plb_switch.c */
void plb_switch_tick(struct plb *, int64_t);

/* plb_channel.c */
/* Give n of the tokens back; answer all its connects with nothing. */
void plb_give_back(struct plb *, struct hold_channel *, uint64_t n);
void plb_release_all(struct plb *, struct hold_channel *);
int plb_connect(struct plb *, const struct hold_channel *, const struct ask *);
int plb_on_demand(struct plb *, int64_t, uint32_t, const struct msg *);
int plb_on_refuse(struct plb *, int64_t, uint32_t, const struct msg *);
int plb_on_waiting(struct plb *, int64_t, uint32_t, const struct msg *);
int plb_on_drain(struct plb *, int64_t, uint32_t, const struct msg *);
void plb_channel_up(struct plb *, int64_t, uint32_t peer, size_t number);
void plb_channel_gone(struct plb *, int64_t, size_t number, const char *why);
int plb_fixed_add(struct plb *, struct slice address, size_t *number);
void plb_channel_tick(struct plb *, int64_t);
int64_t plb_channel_deadline(const struct plb *);

/* plb_client.c */
/* The client of that peer, or NULL; 0 is the program itself. */
struct plb_client *plb_client(const struct plb *, uint32_t peer);
/* 0, or -1 with ENOMEM. */
int plb_client_up(struct plb *, uint32_t peer, unsigned role);
int plb_on_connect(struct plb *, int64_t, uint32_t, const struct msg *);
int plb_on_return(struct plb *, int64_t, uint32_t, const struct msg *);
/* More is held: grant clients what they asked for before. */
int plb_grant_owed(struct plb *);
/* The tokens that go with an answer, to a request that still counts: granted
 * by this call. */
uint64_t plb_refill(struct plb *, struct plb_client *);

/* plb_run.c */
int plb_on_request(struct plb *, int64_t, uint32_t, const struct msg *);
int plb_on_abandon(struct plb *, int64_t, uint32_t, const struct msg *);
int plb_on_reply(struct plb *, int64_t, uint32_t, const struct msg *);
int plb_on_fail(struct plb *, int64_t, uint32_t, const struct msg *);
/* It is gone, and wants no answers any more. */
void plb_client_down(struct plb *, int64_t, uint32_t peer);
void plb_lost(struct plb *, int64_t, struct hold_channel *, const char *why);
void plb_dispatch(struct plb *, int64_t);
void plb_expire(struct plb *, int64_t);

#endif
