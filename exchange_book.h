#ifndef EXCHANGE_BOOK_H
#define EXCHANGE_BOOK_H

/*
 * What an exchange knows: the orders, what they offer and what they lack, and
 * the reservations. It decides nothing: exchange_allocation.c picks sellers, exchange_match.c whose
 * turn it is.
 *
 * Between two calls of match_run(), unless stuck or closed is set, no buy that
 * lacks something fits a sell that offers something, other than one that it
 * excludes; and no sell is fresh.
 */

#include "chain.h"
#include "exchange_class.h"
#include "exchange.h"
#include "map.h"
#include "outbox.h"
#include "exchange_queue.h"
#include "exchange_reservation.h"
#include "rng.h"

#define ORDER_KEY 12 /* bytes: the peer's handle, the order's id */

struct peer { /* of any role */
	uint32_t handle;
	unsigned role;
	struct id instance;
	struct chain orders;   /* a broker's */
	struct chain reserves; /* made for its buys */
};

struct order { /* what is common to both kinds */
	unsigned char key[ORDER_KEY];
	int selling; /* it is a struct sell, else a struct buy */
	uint64_t id;
	struct peer *broker;
	struct chain of_broker;
};

struct sell {
	struct order order;
	struct sell_class *class;
	size_t slot;	      /* in the class */
	uint32_t quantity;    /* as last stated */
	uint64_t reserved;    /* of it */
	struct id seller;
	struct slice contact; /* ours */
	struct chain reserves;
	struct chain excluded; /* by buys */
	int fresh; /* has capacity not yet offered to waiting buys */
	struct sell *next_fresh;
	uint64_t told_buyers, told_empty; /* by the last `waiting` */
};

/* The buy is not offered the sell before that is stated again. A buy has as
 * many as there are sells, at most. */
struct exclusion {
	struct exclusion_key {
		uint64_t buy, sell; /* where they are in memory */
	} key;
	struct buy *buy;
	struct sell *sell;
	struct chain of_buy, of_sell;
};

struct buy {
	struct order order;
	struct buy_class *class;
	struct queued queued;
	uint64_t missing, settled, held; /* as last stated */
	uint64_t filled;		 /* by us, ever */
	uint32_t lacking;		 /* what follows from these */
	int empty;			 /* counted as such in its class */
	struct chain excludes;
	size_t nexcludes;
	struct buy *next_passed;	 /* passed over in this run, a list */
};

struct market {
	struct id own;
	struct rng rng;
	struct outbox *out;
	struct map orders;	/* by key */
	struct classes classes;
	struct class_set open;	/* sell classes that offer something */
	struct class_set fresh; /* those of them with a fresh sell */
	struct sell *fresh_sells;
	size_t nfresh;		/* their number */
	struct map exclusions; /* by key */
	struct reserves reserves;
	uint64_t seq;		/* of arrivals */
	int closed;		/* no fills any more */
	int stuck;		/* the last run ended early: ask all again */
	size_t turned;		/* number of buy classes with turned set */
	int round;		/* a round of `waiting` is under way */
	unsigned char *scratch; /* where a fill's list is put together */
	struct exchange_totals totals;
};

/* 0, or -1 with ENOMEM. */
int market_init(struct market *, const struct id *own, uint64_t seed,
    struct outbox *);
void market_free(struct market *);

/* The order of that peer and id, or NULL. */
struct order *market_find(const struct market *, const struct peer *,
    uint64_t id);
struct sell *order_sell(struct order *); /* it is one */
struct buy *order_buy(struct order *);

/* For those that make and end orders: enter one that is allocated, 0 or -1 with
 * ENOMEM or ENOBUFS; take it off, and free it. */
int order_enter(struct market *, struct order *, struct peer *broker,
    uint64_t id);
void order_leave(struct market *, struct order *);

/*
 * A new order of the broker. NULL with ENOMEM, or ENOBUFS when there are
 * EXCHANGE_CLASSES or EXCHANGE_ORDERS_MAX without it. What is given is copied.
 */
struct sell *market_sell(struct market *, struct peer *, uint64_t id,
    struct slice attrs);
struct buy *market_buy(struct market *, struct peer *, uint64_t id,
    struct slice constraints);

/* Other attributes, constraints, contact: 0, or -1 as above and all is as it
 * was. */
int sell_reclass(struct market *, struct sell *, struct slice attrs);
int sell_contact(struct sell *, struct slice contact);
int buy_reclass(struct market *, struct buy *, struct slice constraints);

/* Remove an order and free it. A sell's reservations end with it. */
void sell_end(struct market *, struct sell *);
void buy_end(struct market *, struct buy *);

/* The quantity is restated, and nobody excludes it any more. */
void sell_state(struct market *, struct sell *, uint32_t quantity);

/* Offer what it has; or, for the time being, just so much. */
void sell_offer(struct market *, struct sell *);
void sell_weigh(struct market *, struct sell *, uint32_t weight);

/* Have the next match_run() offer what it has to all who wait. */
void sell_freshen(struct market *, struct sell *);

/* No sell is fresh any more. */
void market_unfreshen(struct market *);

/*
 * Reserve more of a sell's offer: a new reservation for the buy, NULL as
 * reserve_new(); or more of one that there is.
 */
struct reserve *market_reserve(struct market *, int64_t now, struct sell *,
    const struct buy *, uint32_t quantity);
void reserve_more(struct market *, struct reserve *, uint32_t quantity);

/* Take so much off a reservation, which ends when nothing is left of it. Its
 * seller becomes fresh. */
void reserve_less(struct market *, struct reserve *, uint32_t quantity);

/* Work out again what a buy lacks, and count it. */
void buy_account(struct market *, struct buy *);

/* Set its place in line: behind those who were born then, or earlier. The buy
 * is in no queue. */
void buy_rank(struct market *, struct buy *, int64_t born);

/* Put it into its class's queue, at its place; take it out if it is there. */
void buy_enqueue(struct buy *);
void buy_dequeue(struct buy *);

/*
 * Do not offer the sell to the buy before the sell is stated again. Without
 * memory this is forgotten, and the buy may be offered what it will refuse.
 * sell_readmit() ends all exclusions of a sell, buy_readmit() those by a buy.
 */
void buy_exclude(struct market *, struct buy *, struct sell *);
int buy_excludes(const struct market *, const struct buy *,
    const struct sell *);
void sell_readmit(struct market *, struct sell *);
void buy_readmit(struct market *, struct buy *);

/* Take off the market what the buy excludes, and put it back. */
void buy_hide_excluded(struct market *, const struct buy *);
void buy_show_excluded(struct market *, const struct buy *);

/*
 * Is anything fresh on offer that fits the buy and is not excluded by it? Where
 * it excludes nothing this is 1: its class says whether there is. The cost is
 * that of what is fresh, or of what it excludes, whichever is less.
 */
int buy_has_fresh(const struct market *, const struct buy *);

#endif
