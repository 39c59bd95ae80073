#ifndef PLB_STATE_H
#define PLB_STATE_H

/*
 * The PLB core's state, shared by the files that make it up and by nobody else:
 * plb.c (peers, clients, time, change of versions), plb_order.c (the order),
 * plb_upstream.c (channels and their tokens) and plb_request.c (requests).
 * Clients, upstreams and requests keep their place in memory as long as they
 * live, and point at each other.
 */

#include "chain.h"
#include "heap.h"
#include "msg.h"
#include "plb.h"
#include "rng.h"
#include "stats.h"
#include "stream.h"

#define NEVER		  INT64_MAX
#define REQUESTS_MAX	  (1u << 20) /* at a time */
#define KEEP_ALL	  UINT64_MAX
#define UPSTREAM_CONNECTS 16 /* without an answer, an upstream */
#define PLB_AVOIDED	  64 /* sellers remembered as such, at most */

/*
 * The balance chooses the channel of a request: by a weighted random draw among
 * the channels whose module exports the function, in proportion to the tokens
 * held of each. This is the probabilistic part of the PLB. It knows channels as
 * numbers only.
 *
 * Channels with equal attributes form a group, so whether a function is
 * exported is found out once for each group; the answers are remembered for the
 * functions in use. A draw and an update cost O(groups + log channels).
 */

#define BALANCE_GROUPS 256
#define BALANCE_KNOWN  16 /* functions that are remembered */

struct balance_group {
	unsigned char *attrs; /* encoded; NULL in a free group */
	size_t attrs_len;
	uint64_t made;	       /* the stamp when it was made */
	size_t members;	       /* channels in it */
	struct fenwick tokens; /* by channel */
	/* Does it export the function at this place? enum balance_verdict */
	unsigned char verdict[BALANCE_KNOWN];
};

/* A function that the balance remembers. */
struct balance_function {
	uint64_t stamp; /* its verdicts hold while the balance has this one */
	unsigned arity;
	int exported; /* by one group at least */
	size_t len;
	unsigned char *name;
};

struct balance {
	struct balance_group *group;
	size_t cap;	/* groups that there is memory for */
	size_t n;	/* the most groups that were in use at one time */
	size_t used;	/* groups in use */
	uint64_t stamp; /* changes when a group comes or goes */
	struct balance_function known[BALANCE_KNOWN];
};

struct plb_client {
	struct chain link; /* of all; the program's own is not among them */
	uint32_t peer;	   /* 0: the program itself */
	unsigned role;
	uint64_t tokens;   /* it may send that many requests */
	uint64_t owed;	   /* it asked for that many more */
	int left;	   /* its connection is to end */
	struct chain requests; /* that it waits for */
	size_t open;	   /* of these */
	struct chain queue;    /* of these, that wait for a token */
	size_t queued;	   /* of these */
	size_t turn;	   /* its place in plb.turns */
	struct chain passed; /* it has the next turn, and no token fits */
};

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

/* A channel that is dialled, or linked. */
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

	struct plb_fixed *fixed; /* it is a given channel; NULL: a seller's */
	struct id seller; /* zero for a fixed channel */
	char address[ADDRESS_MAX + 1];
	struct upstream_connect *connect; /* oldest first */
	size_t connects, connect_cap;	  /* of them; places there */
	unsigned overdue; /* connects before them that we gave up on, and
			     whose answers may still come */
	unsigned refused; /* connects, since it granted one */
	char *refusal;	 /* why, of a seller that has granted none; or NULL */
	int waiting;	 /* buys stand unmet there, and the fewest tokens that
			    one of them holds: */
	uint64_t least;
	uint64_t before; /* tokens held there when some were asked back first,
			    since a channel granted any */
	uint64_t back;	 /* tokens on their way back, to be said at once */
	int old;	 /* not of a version that is bought now */
	int64_t empty_since; /* it holds nothing; INT64_MAX: it does */
};

/*
 * A request that has no answer yet. It is in two chains: its client's queue or
 * the requests of its upstream, and the requests of its client while the client
 * waits for the answer. Slots are used again. An id consists of slot and serial
 * number, so a late answer finds nothing.
 */
struct request {
	uint64_t id;	    /* on the upstream's connection; 0 in a free slot */
	uint64_t client_id; /* as the client numbers it */
	struct plb_client *client; /* NULL: it wants no answer now */
	struct upstream *upstream; /* NULL: queued */
	int64_t deadline;   /* ms; 0: none */
	int64_t at;	    /* when it came, or was sent, in ns */
	int64_t queued;	    /* ns that it waited before it was sent */
	char *function;	    /* for the log, which may cut it; or NULL */
	uint32_t slot;
	unsigned retries;   /* how often it may be run again, */
	int again;	    /* after a reply with another status than 0, too */
	uint32_t shun;	    /* the host where it failed last; 0: none */
	int64_t shun_until;
	int cast;
	int ran;	    /* an earlier try of it may have */
	int more;	    /* more of its body is to come */
	int begun;	    /* it is never run again: output of it is on its
			       way, or its body is */
	uint64_t left[STREAM_PARTS];  /* bytes of each part that may come, */
	uint64_t bytes[STREAM_PARTS]; /* and that came, those of the request's
					 message counted */
	unsigned char *copy; /* the request's value, when it may have to be
				sent later or again */
	size_t copy_len;
	struct chain place; /* in the queue, the upstream's, the free ones */
	struct chain of_client;
};

/* A channel that was given, or a PLB. */
struct plb_fixed {
	char *address;	  /* NULL: the program brings its link */
	struct upstream *upstream; /* its present link; NULL: none */
	int64_t retry_at; /* no connect before this */
};

struct request_pool {
	struct request **slot;
	size_t cap;  /* slots that memory is there for */
	size_t n;    /* slots made */
	size_t used; /* slots in use */
	struct chain free;
	uint64_t serial;
};

/* What a peer is to us; the broker is neither. */
struct plb_peer {
	uint32_t handle;
	struct upstream *upstream;
	struct plb_client *client;
};

/* A seller that could not be reached, has not answered, or has refused several
 * times is not tried again before this. */
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
	uint64_t told_missing, told_settled, told_held;
	int64_t told_at;
	int64_t short_since; /* something is missing; NEVER: nothing is */
	int64_t restart_at;  /* it starts over, as a seller that can be used
				was released; NEVER */
	struct outbox_once refused; /* on that link */
};

struct plb {
	struct outbox out;
	struct rng rng;
	char *module;
	struct buf constraints;
	struct plb_fixed *fixed;
	size_t nfixed; /* 0: it buys through the broker, and nothing else */
	int fallback;  /* it may */
	int tells;     /* the program what of its own is sent */
	int fallen;    /* it does, as nothing that was given answers */
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
	struct balance balance;
	uint64_t tokens;    /* of all upstreams */
	uint64_t in_flight; /* where it does not drain */
	uint64_t connecting; /* quantity of all connects without an answer */
	size_t drained;	    /* upstreams to be closed: nothing is in flight */
	uint32_t last_tag;  /* of an upstream that was dialled */
	uint64_t keep;	    /* it is asked to hold no more, as others lack it;
			       KEEP_ALL: it is not */
	int64_t keep_at;    /* it heeds that from then on */
	int grew;	    /* channels granted some since they were counted */
	uint64_t shared;    /* tokens ever given back so, */
	int64_t shared_at;  /* the last of them then */
	uint64_t given;	    /* of these, since the last look ... */
	uint64_t peak, most; /* ... and the most since then that was in use or
				asked for, and that was held */
	int64_t look_at;    /* for idle tokens, next */
	uint64_t connects;  /* ever sent */
	uint64_t refusals;  /* of these: refused, or not answered in time */

	struct stats stats; /* since the start */
	int says;	    /* the log has a line for each request */
	int caller;	    /* it is of a lambda-call */
	int64_t now;	    /* of this turn, ms, for that */
	struct request_pool requests;
	struct heap turns;  /* of clients that have a queue: the one with the
			       fewest requests under way comes first, and of
			       equals the one that has been so for longest */
	uint64_t turn;	    /* the last one's number */
	size_t queued;	    /* requests in all queues */
	int64_t expire_at;  /* deadlines of the queues are looked at */

	struct plb_client own; /* the program itself */
	struct chain clients;
	size_t nclients;
	uint64_t window;    /* as clients were last granted by */
	struct buf trouble; /* why nothing comes: the frame of an offers, kept
			       while no token is held */
	struct outbox_once blamed; /* a seller, and for what */
	int64_t blamed_at;  /* when one was last, ms */

	struct plb_order order;
	struct plb_avoided *avoided; /* after the last place: the oldest is
					next */
	size_t avoided_cap;	     /* places there */
	size_t next_avoided;

	int64_t switch_at;  /* when upstreams that are old are left, if there
			       are others by then; NEVER */
	uint64_t switch_extra; /* added to wanted until then: held of the old */
	struct outbox_once stays; /* that there are no others */

	uint64_t seen;	    /* the balance's stamp, when exports were shown */
	uint64_t shown;	    /* whose they were: when that group was made */
};

/* plb.c */

/* Does it use the broker now? */
static inline int
plb_buys(const struct plb *p)
{
	return p->nfixed == 0 || p->fallen;
}

/* What is held: tokens, and requests in flight where it does not drain. */
static inline uint64_t
plb_held(const struct plb *p)
{
	return p->tokens + p->in_flight;
}

/* How much is wanted and not held. */
uint64_t plb_short(const struct plb *);

/* Of a peer that is a client or an upstream; or NULL. */
struct plb_peer *plb_peer(const struct plb *, uint32_t handle);
/* Of a new peer, which is neither yet; NULL with ENOMEM. */
struct plb_peer *plb_peer_add(struct plb *, uint32_t handle);
/* Walk the clients, the program itself not among them, from NULL to NULL. */
static inline struct plb_client *
plb_client_next(const struct plb *p, const struct plb_client *c)
{
	return CHAIN_NEXT(&p->clients, c, struct plb_client, link);
}

/* The client of that peer, or NULL; 0 is the program itself. */
struct plb_client *plb_client(struct plb *, uint32_t peer);
/* Grant the client a token with the answer to a request that still counts, if
 * its window allows: how many (0 or 1). */
uint64_t plb_refill(const struct plb *, struct plb_client *);

/* Why nothing comes, as long as no token is held: to a caller that begins to
 * wait. */
int plb_trouble_tell(struct plb *, const struct plb_client *);
/* Nothing comes, as something is wrong with a seller: to all callers that wait
 * and to the program. Where another is held it is logged, as the program has no
 * need to say it. */
void plb_blame(struct plb *, int64_t now, const char *fmt, ...);

/* Dial a given channel that has an address: 0, or -1 with errno. */
int plb_dial_fixed(struct plb *, const struct plb_fixed *);

/* plb_upstream.c: the balance */

/* A zeroed struct is ready. */
void balance_free(struct balance *);

/* Add a channel. Returns its group, or -1 with ENOMEM, or ENOBUFS at
 * BALANCE_GROUPS. */
int balance_join(struct balance *, struct slice attrs, size_t channel);
void balance_leave(struct balance *, int group, size_t channel);

/* Set how many tokens of the channel may be spent. */
void balance_set(struct balance *, int group, size_t channel, uint32_t tokens);

enum balance_drawn {
	BALANCE_FOUND,	/* *channel and *cast are set */
	BALANCE_EMPTY,	/* a group exports it, but has no token */
	BALANCE_NOBODY, /* there are groups, but none exports it */
	BALANCE_UNKNOWN /* there is no group at all */
};
enum balance_drawn balance_draw(struct balance *, struct rng *,
    struct slice function, unsigned arity, size_t *channel, int *cast);

/* The attributes of group 0 to n - 1; empty for a free one. */
struct slice balance_attrs(const struct balance *, int group);

/* plb_upstream.c */

/* Add one in UPSTREAM_DIALLING. NULL with ENOMEM, or ENOBUFS (PLB_CHANNELS_MAX,
 * or BALANCE_GROUPS different attributes). */
struct upstream *upstream_add(struct plb *, struct slice attrs,
    struct slice address);
/* Forget it. It has no connects and nothing in flight. */
void upstream_del(struct plb *, struct upstream *);
void upstream_free_all(struct plb *);

/* Its connection is up: send it its connects. */
void upstream_up(struct plb *, int64_t now, uint32_t peer, struct upstream *);
/* It is gone, or never came up: its connects have failed, and what was in
 * flight fails for this reason, or is run again. */
void upstream_gone(struct plb *, int64_t now, struct upstream *,
    const char *why);
/* Its connection is lost: the same. Of one that had refused clients are told
 * why. */
void upstream_lost(struct plb *, int64_t now, struct upstream *,
    const char *why);
/* Use it no longer: its connects are given up, its tokens go back, and what is
 * in flight there finishes, but no longer counts as held. */
void upstream_leave(struct plb *, struct upstream *);

/* Walk: start with *pos = 0, ends with NULL. The one shown may be deleted. */
struct upstream *upstream_next(const struct plb *, size_t *pos);
/* The upstream of this peer; or of this seller, if it neither drains nor
 * closes; or NULL. */
static inline struct upstream *
upstream_of_peer(const struct plb *p, uint32_t peer)
{
	const struct plb_peer *at = plb_peer(p, peer);

	return at == NULL ? NULL : at->upstream;
}
struct upstream *upstream_of_seller(const struct plb *, const struct id *);

/* May it be sent requests, given the tokens? */
static inline int
upstream_usable(const struct upstream *u)
{
	return u->state == UPSTREAM_UP;
}

static inline int
upstream_is_drained(const struct upstream *u)
{
	return u->state == UPSTREAM_DRAINING && u->in_flight == 0;
}

/* Tokens came, which count where it is usable. */
void upstream_grant(struct plb *, struct upstream *, uint64_t tokens);

/* The request was sent there, for a token; or it has come back, or has its
 * answer. */
void upstream_sent(struct plb *, struct upstream *, struct request *);
void upstream_back(struct plb *, struct request *);

/* Connect to it, at once where it is up: 0, or -1 with ENOBUFS at
 * UPSTREAM_CONNECTS, overdue ones counted. */
int upstream_connect(struct plb *, struct upstream *,
    const struct upstream_connect *);

int plb_on_demand(struct plb *, int64_t, uint32_t, const struct msg *);
int plb_on_refuse(struct plb *, int64_t, uint32_t, const struct msg *);
int plb_on_waiting(struct plb *, int64_t, uint32_t, const struct msg *);
int plb_on_drain(struct plb *, int64_t, uint32_t, const struct msg *);
/* Give back what others are to have, as far as it is not in use. */
void upstream_share(struct plb *, int64_t now);
/* It is asked to keep that much, or KEEP_ALL. */
void upstream_keep(struct plb *, int64_t now, uint64_t keep);
/* Once a second: what is idle, empty, or never answered. */
void upstream_look(struct plb *, int64_t now);
/* Hold no more than is wanted, close what has drained, and ask the given
 * channels for what is short. */
void upstream_adjust(struct plb *, int64_t now);
int64_t upstream_deadline(const struct plb *);

/* plb_request.c */

void request_pool_init(struct request_pool *);
void request_pool_free(struct request_pool *);

/* A new one with its id, in no chain. NULL with ENOMEM, or ENOBUFS at
 * REQUESTS_MAX. */
struct request *request_add(struct request_pool *);
void request_del(struct request_pool *, struct request *); /* in no chain */
struct request *request_find(const struct request_pool *, uint64_t id);

/* Walk a chain of them by place, from NULL to NULL. */
static inline struct request *
request_next(const struct chain *c, const struct request *r)
{
	return CHAIN_NEXT(c, r, struct request, place);
}

/* The same by client. */
static inline struct request *
request_next_of(const struct chain *c, const struct request *r)
{
	return CHAIN_NEXT(c, r, struct request, of_client);
}

int plb_on_request(struct plb *, int64_t, uint32_t, const struct msg *);
int plb_on_abandon(struct plb *, int64_t, uint32_t, const struct msg *);
/* A reply, or a failure. */
int plb_on_answer(struct plb *, int64_t, uint32_t, const struct msg *);
/* Of bodies and output in pieces, both ways. */
int plb_on_data(struct plb *, int64_t, uint32_t, const struct msg *);
int plb_on_end(struct plb *, int64_t, uint32_t, const struct msg *);
int plb_on_window(struct plb *, int64_t, uint32_t, const struct msg *);

/* Send what the tokens allow. */
void request_dispatch(struct plb *, int64_t now);
/* Its client wants no answer, or has had another: remove it from the queue, or
 * abandon it where it runs. It counts as ended like that. */
void request_abandon(struct plb *, struct request *, enum counter how);
/* The upstream is gone: run again or fail what was in flight there. */
void request_lost(struct plb *, int64_t now, struct upstream *,
    const char *why);
/* The PLB ends: fail what the client waits for and does not want run again. */
void request_expel(struct plb *, struct plb_client *);
/* Fail those in the queue whose time is up. */
void request_expire(struct plb *, int64_t now);

/* plb_order.c */

/* A connect was answered. */
void plb_settle(struct plb *, const struct upstream_connect *);
/* A connect gave nothing: its exchange may offer the reservation to others, and
 * must not offer us that seller until the seller says something new. */
void plb_release(struct plb *, const struct upstream_connect *);
/* Do not try the seller again for a while. answers: it is there, and
 * refuses. */
void plb_avoid(struct plb *, int64_t now, const struct id *seller, int answers);
int plb_on_fill(struct plb *, int64_t, uint32_t, const struct msg *);
int plb_order_refused(struct plb *, const struct msg *);
void plb_order_up(struct plb *, uint32_t peer);
/* The order starts over under a new id; the broker is told that the old one has
 * ended. */
void plb_order_anew(struct plb *);
/* Tell the broker what is missing, when that has changed, and every
 * PLB_REFRESH_MS while the order stands. */
void plb_order_tick(struct plb *, int64_t now);
int64_t plb_order_deadline(const struct plb *);

#endif
