#ifndef EXCHANGE_BOOK_H
#define EXCHANGE_BOOK_H

/*
 * What an exchange knows: the orders, what they offer and what they lack, and
 * the reservations. It decides nothing: exchange_match.c does.
 *
 * Between two calls of match_run(), unless stuck or closed is set, no buy that
 * lacks something fits a sell that offers something, except sells that it
 * excludes; and no sell is fresh.
 */

#include <assert.h>
#include <stdint.h>

#include "chain.h"
#include "core.h"
#include "exchange_class.h"
#include "rng.h"

/*
 * The reservations of an exchange: what it has sold of a seller, and has not
 * heard of since. Each has a counter, from 1 on and never used again, by which
 * sellers and buyers name it. All are kept for the same time, so the oldest
 * ends first.
 *
 * Each is on three chains: of all by age, of its sell, and of its buyer's
 * broker. Memory is allocated in blocks and kept, so making one costs no
 * allocation.
 */

struct exchange_reservation {
	uint64_t counter;
	int64_t until;	/* when it ends by itself, ms */
	uint64_t order; /* the buy's id, at its broker */
	struct exchange_sell *sell;
	struct exchange_peer *broker; /* the buyer's */
	uint32_t quantity;
	struct chain age;
	struct chain of_sell;
	struct chain of_broker;
	struct exchange_reservation *next; /* of its bucket, or free */
};

struct reservation_block;

struct reservations {
	uint64_t counter; /* last used */
	size_t n, max;
	struct chain age;		      /* the oldest first */
	struct exchange_reservation **bucket; /* by counter */
	size_t buckets;			      /* power of two, or 0 */
	struct exchange_reservation *free;
	struct reservation_block *blocks;
};

/* Where the sellers of a fill are put together: BOOK_FILL bytes are sent at
 * once, and one more seller always fits the rest. */
#define BOOK_FILL    (64u * 1024)
#define BOOK_SCRATCH (BOOK_FILL + 2u * LIST_MAX)

struct exchange_peer { /* of any role */
	uint32_t handle;
	unsigned role;
	struct id instance;
	struct chain orders;	   /* a broker's */
	struct chain reservations; /* made for its buys */
	uint64_t follow; /* its buy that wants contacts alone; 0: none */
};

#define ORDER_KEY 12 /* bytes: the peer's handle, the order's id */

struct exchange_order { /* what is common to both kinds */
	unsigned char key[ORDER_KEY]; /* in orders; here, as a map reads it */
	int selling; /* it is a struct exchange_sell, else an exchange_buy */
	uint64_t id;
	struct exchange_peer *broker;
	struct chain of_broker;
};

struct exchange_sell {
	struct exchange_order order;
	struct sell_class *class;
	size_t slot;	      /* in the class */
	uint32_t quantity;    /* as last stated */
	uint64_t reserved;    /* of it */
	struct id seller;
	struct slice contact; /* ours */
	struct chain reservations;
	struct chain excluded; /* by buys */
	int fresh; /* has capacity not yet offered to waiting buys */
	struct exchange_sell *next_fresh;
	uint64_t told_buyers, told_empty; /* by the last `waiting` */
};

struct exchange_buy {
	struct exchange_order order;
	struct buy_class *class;
	struct queued queued;
	uint64_t missing, settled, held; /* as last stated */
	uint64_t filled;		 /* by us, ever */
	uint32_t lacking;		 /* what follows from these */
	int empty;			 /* counted as such in its class */
	struct chain excludes;
	size_t nexcludes;
	struct exchange_buy *next_passed; /* passed over in this run, a list */
};

/* The buy is not offered this sell until the sell is stated again. A buy
 * excludes each sell once at most. */
struct exchange_exclusion {
	struct exchange_buy *buy;
	struct exchange_sell *sell;
	struct chain of_buy, of_sell;
};

struct exchange_totals {
	uint64_t sells, buys;	     /* orders */
	uint64_t quantity, reserved; /* of all sells */
	uint64_t missing;	     /* of all buys, less what was filled */
	uint64_t matches;	     /* fills' sellers since the start */
	/* What became of these: it is still reserved, or has ended in one of
	 * these ways. */
	uint64_t filled;
	uint64_t settled;	     /* a sell named it */
	uint64_t released;
	uint64_t lost;		     /* with its buyer's broker, or its sell */
	uint64_t expired;	     /* nothing was heard of it in time */
};

struct exchange {
	struct id own;
	struct rng rng;
	struct outbox out;

	/* The book. */
	struct map orders; /* by peer and id */
	struct classes classes;
	struct class_set open;	/* sell classes that offer something */
	struct class_set fresh; /* those of them with a fresh sell */
	struct exchange_sell *fresh_sells;
	size_t nfresh;	       /* their number */
	struct map exclusions; /* by buy and sell */
	struct reservations reservations;
	uint64_t seq;  /* of arrivals */
	int closed;    /* it retires: it makes no more fills */
	int stuck;     /* the last run ended early: ask all again */
	size_t turned; /* number of buy classes with turned set */
	int round;     /* a round of `waiting` is under way */
	struct exchange_totals totals;

	/* Its peers and its time. */
	struct map peers;	      /* by handle */
	struct exchange_peer *recent; /* sent the last message; or NULL */
	unsigned char module[NAME_BYTES_MAX];
	size_t module_len;
	size_t brokers, authorities; /* peers */
	int orphan;	    /* it had an authority, and has none */
	int64_t orphan_at;  /* then, if it still is and has no broker, it
			       retires */
	int64_t alone_at;   /* then, if it has no broker and no authority ever
			       came, it retires; 0: not set yet */
	int64_t retire_at;  /* once it retires: it ends then, at the latest */
	int64_t waiting_at; /* no round of `waiting` before then */
	int stopped;

	unsigned char scratch[BOOK_SCRATCH]; /* for the list of a message */
};

/* Reservations. */

/* The reservation of this counter, or NULL. */
struct exchange_reservation *reservation_find(const struct reservations *,
    uint64_t counter);

/* The one that ends next, or NULL. */
struct exchange_reservation *reservation_oldest(const struct reservations *);

/* The book. */

/* The rest of the struct is zero, and out is set. */
void book_init(struct exchange *, const struct id *own, uint64_t seed);
void book_free(struct exchange *);

/* The order of that peer and id, or NULL. */
struct exchange_order *order_find(const struct exchange *,
    const struct exchange_peer *, uint64_t id);

static inline struct exchange_sell *
order_sell(struct exchange_order *o)
{
	assert(o->selling);
	return CHAIN_OWNER(o, struct exchange_sell, order);
}

static inline struct exchange_buy *
order_buy(struct exchange_order *o)
{
	assert(!o->selling);
	return CHAIN_OWNER(o, struct exchange_buy, order);
}

/*
 * Make an order of the broker; this copies what is given. NULL with ENOMEM, or
 * ENOBUFS (there are EXCHANGE_CLASSES or EXCHANGE_ORDERS_MAX already).
 */
struct exchange_sell *sell_new(struct exchange *, struct exchange_peer *,
    uint64_t id, struct slice attrs);
struct exchange_buy *buy_new(struct exchange *, struct exchange_peer *,
    uint64_t id, struct slice constraints);

/* Change attributes, contact or constraints: 0; or -1 as above, and nothing has
 * changed. */
int sell_reclass(struct exchange *, struct exchange_sell *, struct slice attrs);
int sell_contact(struct exchange_sell *, struct slice contact);
int buy_reclass(struct exchange *, struct exchange_buy *,
    struct slice constraints);

/* Remove an order and free it. The reservations of a sell end with it. */
void order_end(struct exchange *, struct exchange_order *);

/* State the quantity again; from now on no buy excludes the sell. */
void sell_state(struct exchange *, struct exchange_sell *, uint32_t quantity);

/* Let the next match_run() offer what it has to all buys that wait. */
void sell_freshen(struct exchange *, struct exchange_sell *);

/* From now on no sell is fresh. */
void book_unfreshen(struct exchange *);

/* What the sell offers. */
static inline uint32_t
sell_offered(const struct exchange_sell *s)
{
	return fenwick_get(&s->class->weights, s->slot);
}

/*
 * Reserve some of a sell's offer: a new reservation for the buy, NULL as
 * reservation_new(); or more of one that there is.
 */
struct exchange_reservation *book_reserve(struct exchange *, int64_t now,
    struct exchange_sell *, const struct exchange_buy *, uint32_t quantity);
void book_reserve_more(struct exchange *, struct exchange_reservation *,
    uint32_t quantity);

/* Take this quantity off a reservation, which ends when nothing is left of it.
 * Its sell becomes fresh. */
void book_unreserve(struct exchange *, struct exchange_reservation *,
    uint32_t quantity);

/* Compute again what a buy lacks, and count it. */
void buy_account(struct exchange *, struct exchange_buy *);

/* Set its place in line: after the buys that were born then or earlier. The buy
 * is in no queue. */
void buy_rank(struct exchange *, struct exchange_buy *, int64_t born);

/* Put it into its class's queue, at its place; take it out if it is there. */
void buy_enqueue(struct exchange_buy *);
void buy_dequeue(struct exchange_buy *);

/*
 * Do not offer the sell to the buy until the sell is stated again. Without
 * memory this is forgotten, and the buy may be offered what it will refuse.
 */
void buy_exclude(struct exchange *, struct exchange_buy *,
    struct exchange_sell *);
int buy_excludes(const struct exchange *, const struct exchange_buy *,
    const struct exchange_sell *);

/* Withdraw what the buy excludes from the offers; and put it back. */
void buy_hide_excluded(struct exchange *, const struct exchange_buy *);
void buy_show_excluded(struct exchange *, const struct exchange_buy *);

/*
 * Is anything fresh on offer that fits the buy and that it does not exclude? If
 * it excludes nothing this is 1, as its class says whether there is. It costs a
 * walk of what is fresh or of what the buy excludes, whichever is less.
 */
int buy_has_fresh(const struct exchange *, const struct exchange_buy *);

/* exchange_match.c: whose turn it is, and which sellers a buy gets. */

/*
 * Serve the buys that the fresh sells fit. At the end none is fresh. 0, or -1
 * as outbox_send(); then, and when the reservations are at their maximum, the
 * exchange is stuck, and the next run asks all buys.
 */
int match_run(struct exchange *, int64_t now);

/* A buy that came or lacks more now: serve it from all that is on offer, and
 * let it wait with the rest. Likewise. */
int match_buy(struct exchange *, int64_t now, struct exchange_buy *);

#endif
