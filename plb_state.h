#ifndef PLB_STATE_H
#define PLB_STATE_H

/*
 * The PLB core's state, shared by the files that make it up and by nobody else:
 * plb.c (peers, clients, time, change of versions), plb_order.c (the order),
 * plb_upstream.c (channels and their tokens) and plb_request.c (requests).
 */

#include "plb.h"
#include "plb_balance.h"
#include "plb_request.h"
#include "plb_upstream.h"

#define NEVER	    INT64_MAX
#define PLB_AVOIDED 64 /* sellers remembered as such, at most */

struct plb_client {
	struct chain link; /* of all; the program's own is not among them */
	uint32_t peer;	   /* 0: the program itself */
	unsigned role;
	uint64_t tokens;   /* it may send that many requests */
	uint64_t owed;	   /* it asked for that many more */
	int left;	   /* its connection is to end */
	struct chain requests; /* that it waits for */
	size_t open;	   /* of these */
};

/* What a peer is to us; the broker is neither. */
struct plb_peer {
	uint32_t handle;
	struct upstream *upstream;
	struct plb_client *client;
};

/* A seller that could not be reached, did not answer, or refused again and
 * again, is not tried again before this. */
struct plb_avoided {
	struct id seller;
	int64_t until;
	int answers; /* it is there, and refuses */
};

/* The buy order, and what the broker knows of it. */
struct plb_order {
	uint64_t id;	  /* on the broker's link: new with each link, and
			     each time that it starts over */
	uint64_t first;	  /* id on that link */
	int sent;	  /* the broker knows of it */
	uint64_t settled; /* of what it was filled with */
	uint64_t before;  /* quantity of connects that earlier orders were
			     filled with, and that have no answer yet */
	uint64_t told_missing, told_settled;
	int64_t told_at;
	int64_t short_since; /* something is missing; NEVER: nothing is */
	int64_t restart_at;  /* it starts over, as a seller that answers was
				offered, and avoided; NEVER */
	struct outbox_once refused; /* on that link */
};

struct plb {
	struct outbox out;
	struct rng rng;
	char *module;
	struct buf constraints;
	char *address; /* of a fixed channel, or NULL */
	int fixed;
	int stopping;
	int stopped;	  /* ACT_STOP is out */
	int64_t leave_at; /* stopping: from then on clients that have nothing
			     open are left; NEVER: they are by now */

	uint64_t capacity;
	uint64_t wanted;

	struct plb_peer *peer; /* by the low 16 bits of the handle */
	size_t npeers;	       /* places there */
	uint32_t broker;       /* peer, or 0 */

	struct upstream **upstream; /* by number; NULL in a free place */
	size_t upstream_cap; /* places there */
	size_t nupstreams;  /* places in use */
	size_t free_hint;   /* no place below it is free */
	struct balance balance;
	uint64_t tokens;    /* of all upstreams */
	uint64_t in_flight; /* where it does not drain */
	uint64_t connecting; /* quantity of all connects without an answer */
	size_t drained;	    /* upstreams to be closed: nothing is in flight */
	uint32_t last_tag;  /* of an upstream that was dialled */
	int64_t look_at;    /* for idle tokens, next */
	int64_t retry_at;   /* fixed: no connect before this */
	uint64_t connects;  /* ever sent */
	uint64_t refusals;  /* of these: refused, or not answered in time */

	struct request_pool requests;
	struct chain queue; /* of requests */
	size_t queued;	    /* of these */
	int64_t expire_at;  /* deadlines of the queue are looked at */

	struct plb_client own; /* the program itself */
	struct chain clients;
	uint64_t window;    /* as clients were last granted by */
	struct buf trouble; /* why nothing comes: an encoded offers, kept while
			       no token is held */
	struct outbox_once blamed; /* a seller, and for what */

	struct plb_order order;
	struct plb_avoided avoided[PLB_AVOIDED]; /* the oldest is next */
	unsigned next_avoided;

	int64_t switch_at;  /* when upstreams that are old are left, if there
			       are others by then; NEVER */
	uint64_t switch_extra; /* added to wanted until then: held of the old */
	struct outbox_once stays; /* that there are no others */

	uint64_t seen;	    /* the balance's stamp at the last look at exports */
	uint64_t shown;	    /* whose exports were shown: when it was made */
};

/* plb.c */

/* What is held: tokens, and requests in flight where it does not drain. */
static inline uint64_t
plb_held(const struct plb *p)
{
	return p->tokens + p->in_flight;
}

/* What is wanted and not held. */
uint64_t plb_short(const struct plb *);

/* Of a peer that is a client or an upstream; or NULL. */
struct plb_peer *plb_peer(const struct plb *, uint32_t handle);
/* Of a new peer, which is neither yet; NULL with ENOMEM. */
struct plb_peer *plb_peer_add(struct plb *, uint32_t handle);
/* The client of that peer, or NULL; 0 is the program itself. */
struct plb_client *plb_client(struct plb *, uint32_t peer);
/* The tokens that go with an answer, to a request that still counts: granted
 * by this call. */
uint64_t plb_refill(const struct plb *, struct plb_client *);

/* Why nothing comes: to every caller that waits for something, to the program
 * itself, and, as long as no token is held, to each that begins to wait. */
int plb_trouble(struct plb *, const struct msg_offers *);
int plb_trouble_tell(struct plb *, const struct plb_client *);
/* The same of what is wrong with a seller; where another is held it is logged,
 * as the program has no need to say it. */
void plb_blame(struct plb *, const char *why);
/* Tokens came, or the fixed channel: it is over. */
void plb_trouble_over(struct plb *);

/* plb_order.c */

/* A connect was answered. */
void plb_settle(struct plb *, const struct upstream_connect *);
/* It gave nothing: its exchange may offer the reservation to others, and is not
 * to offer us that seller before the seller says something new. */
void plb_release(struct plb *, const struct upstream_connect *);
/* Do not try the seller again for a while; it answers, or it does not. */
void plb_avoid(struct plb *, int64_t now, const struct id *seller, int answers);
int plb_on_fill(struct plb *, int64_t, uint32_t, const struct msg *);
int plb_order_refused(struct plb *, const struct msg *);
void plb_order_up(struct plb *, uint32_t peer);
/* The order starts over under a new id; the broker is told that the old one has
 * ended. */
void plb_order_anew(struct plb *);
/* Tell the broker what is missing, when that is not what it was told, and
 * again every PLB_REFRESH_MS while it stands. */
void plb_order_tick(struct plb *, int64_t now);
int64_t plb_order_deadline(const struct plb *);

#endif
