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

#include "array.h"
#include "chain.h"
#include "core.h"
#include "exchange_class.h"
#include "rng.h"

/*
 * Structs that are known by number, from 1 on. They are allocated in blocks,
 * each struct in cache lines of its own, and kept when they are given back: so
 * taking one costs no allocation.
 */

#define SLAB_BLOCK 256 /* structs allocated at a time */

struct slab {
	unsigned char **blocks;
	size_t cap;	/* of blocks */
	size_t size;	/* of a struct, bytes */
	uint32_t taken; /* the highest number ever taken */
	uint32_t free;	/* a number that was given back, or 0 */
};

static inline void *
slab_at(const struct slab *b, uint32_t number)
{
	return b->blocks[(number - 1) / SLAB_BLOCK] +
	    (number - 1) % SLAB_BLOCK * b->size;
}

/*
 * The reservations of an exchange: what it has sold of a seller, and has not
 * heard of since. Each has a counter, from 1 on and never used again, by which
 * sellers and buyers name it. All are kept for the same time, so the oldest
 * ends first.
 *
 * Each is on three lists: of all by age, of its sell, and of its buyer's
 * broker. Links are numbers, so that a reservation is one cache line.
 */

enum reservation_list { BY_AGE, OF_SELL, OF_BROKER, RESERVATION_LISTS };

struct exchange_reservation {
	uint64_t counter;
	uint64_t order; /* the buy's id, at its broker */
	struct exchange_peer *broker; /* the buyer's */
	uint32_t sell;	/* number */
	uint32_t until; /* when it ends by itself, ms: the low 32 bits */
	uint32_t quantity;
	uint32_t next;	/* of its bucket; 0: none */
	struct reservation_link {
		uint32_t newer, older; /* 0: none */
	} link[RESERVATION_LISTS];
};

struct reservations {
	struct slab slab;
	uint64_t counter; /* last used */
	int64_t until;	  /* when that one ends, ms */
	size_t n, max;
	uint32_t newest, oldest;
	uint32_t *bucket; /* by counter */
	size_t buckets;	  /* power of two, or 0 */
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
	uint32_t reservations;	   /* made for its buys: the newest, or 0 */
	uint64_t follow; /* its buy that wants contacts alone; 0: none */
};

/*
 * What is common to both kinds. A match touches three cache lines of a sell and
 * two of a buy, which stand side by side: what a buy has on a third line is
 * used only by those that exclude a sell.
 */
struct exchange_order {
	uint64_t id;
	uint32_t handle; /* the broker's: the two are the key in orders */
	unsigned selling : 1; /* it is a struct exchange_sell, else an
				 exchange_buy */
	unsigned number : 31; /* in sells or in buys */
	struct exchange_peer *broker; /* NULL: a struct that was given back */
	struct chain of_broker;
};

/*
 * The orders by id and peer: a hash table, open addressing, linear probing. A
 * broker numbers its orders one after the other, and tells of them in that
 * order; so ids that differ in their low bits alone are neighbours here, and
 * share a cache line.
 */
struct orders {
	struct order_slot {
		uint32_t tag;	/* hash of the key, but for the low bits, which
				   are those of the id */
		uint32_t order; /* 2 * its number + selling; 0: free */
	} *slots;
	size_t n, cap; /* cap is a power of two, or 0; half of it is used */
	uint64_t seed;
	uint64_t line; /* whose hash was computed last: of this peer */
	uint32_t handle, hash;
};

#define SELL_ROOM CACHE_LINE

struct exchange_sell {
	struct exchange_order order;
	struct sell_class *class;
	uint32_t slot;	       /* in the class */
	uint32_t quantity;     /* as last stated */
	uint32_t reserved;     /* of it */
	uint32_t reservations; /* the newest, or 0 */
	struct id seller;
	struct slice contact;  /* in room where it fits; else allocated */
	struct chain excluded; /* by buys */
	struct exchange_sell *next_fresh;
	uint32_t capacity; /* of the seller, as last stated */
	uint16_t told;	   /* its class's `said' at the last `waiting' */
	unsigned char fresh; /* has capacity not yet offered to waiting buys */
	unsigned char room[SELL_ROOM];
};

struct exchange_buy {
	struct exchange_order order;
	struct buy_class *class;
	uint32_t lacking; /* what follows from these: */
	uint32_t missing; /* as last stated */
	uint64_t settled; /* likewise */
	uint64_t filled;  /* by us, ever */
	uint32_t held;	  /* as last stated */
	uint32_t nexcludes;
	struct queued queued;
	struct chain excludes;
	int64_t since; /* its buyer has held something, or nothing, since */
	uint64_t keep; /* its buyer was asked to keep no more, so that others
			  get the rest; KEEP_ALL: it was not asked */
	int64_t asked_since; /* when it was first asked */
	int64_t asked_at;    /* when it was first asked with what it held: */
	uint32_t asked_held;
	int64_t told_at;     /* when it was last told what to keep */
	struct exchange_buy *next_passed; /* passed over in this run, a list */
};

#define KEEP_ALL UINT64_MAX

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

/* Has what sellers are to be told changed? TURN_SOON: a buy waits that holds
 * less than those that waited before. */
enum turn { TURN_NOT, TURN_LATE, TURN_SOON };

struct exchange {
	struct id own;
	struct rng rng;
	struct outbox out;

	/* The book. */
	struct orders orders;
	struct slab sells, buys;
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
	enum turn turned; /* what to tell sellers has changed */
	int round;     /* a round of `waiting` is under way */
	int uneven;    /* what buyers hold or lack has changed */
	size_t asked;  /* buys that were asked to give something back */
	struct exchange_totals totals;

	/* Its peers and its time. */
	struct map peers;	      /* by handle */
	struct exchange_peer *recent; /* sent the last message; or NULL */
	unsigned char module[NAME_BYTES_MAX];
	size_t module_len;
	size_t brokers, authorities; /* peers */
	int orphan;	    /* it had an authority, and has none */
	int64_t began_at;   /* its first peer came; 0: none yet */
	int64_t orphan_at;  /* then, if it still is and has no broker, it
			       retires */
	int64_t alone_at;   /* then, if it has no broker and no authority ever
			       came, it retires; 0: not set yet */
	int64_t retire_at;  /* once it retires: it ends then, at the latest */
	int64_t waited_at;  /* the last round of `waiting` */
	int64_t share_at;   /* no look at shares before then */
	int64_t share_again; /* but then, if nothing has changed */
	int stopped;

	unsigned char *scratch; /* BOOK_SCRATCH bytes, for the list of a
				   message; little of it is ever used */
};

/* Reservations. */

/* The reservation of this counter, or NULL. */
struct exchange_reservation *reservation_find(const struct reservations *,
    uint64_t counter);

/* The one that ends next, or NULL; and when, ms. */
struct exchange_reservation *reservation_oldest(const struct reservations *);
int64_t reservation_until(const struct reservations *,
    const struct exchange_reservation *);

/* The book. */

/* The rest of the struct is zero, and out is set. */
void book_init(struct exchange *, const struct id *own, uint64_t seed);
void book_free(struct exchange *);

/* The order of that peer and id, or NULL. */
struct exchange_order *order_find(struct exchange *,
    const struct exchange_peer *, uint64_t id);

/* Walk, while no order is made or ends: start with *pos = 0. Returns all sells,
 * then all buys, then NULL. */
struct exchange_order *order_next(const struct exchange *, size_t *pos);

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

/* State what the seller has in all; until then it is UINT32_MAX. */
void sell_capacity(struct exchange_sell *, uint32_t capacity);

/* Remove an order and free it. The reservations of a sell end with it. */
void order_end(struct exchange *, struct exchange_order *);

/* State the quantity again; from now on no buy excludes the sell. */
void sell_state(struct exchange *, struct exchange_sell *, uint32_t quantity);

/* Let the next match_run() offer what it has to all buys that wait. */
void sell_freshen(struct exchange *, struct exchange_sell *);

/* From now on no sell is fresh. */
void book_unfreshen(struct exchange *);

/* The sell of that number, and the one in that slot of a class. */
static inline struct exchange_sell *
sell_at(const struct exchange *x, uint32_t number)
{
	return slab_at(&x->sells, number);
}

static inline struct exchange_sell *
sell_in(const struct exchange *x, const struct sell_class *c, size_t slot)
{
	return sell_at(x, *fenwick_number(&c->weights, slot));
}

/* What the sell offers. */
static inline uint32_t
sell_offered(const struct exchange_sell *s)
{
	return fenwick_get(&s->class->weights, s->slot);
}

/*
 * Reserve some of a sell's offer: a new reservation for the buy, NULL with
 * ENOBUFS at the maximum, or ENOMEM; or more of one that there is.
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

/* The tokens that it holds, with those that we have filled it with and that
 * have not been settled. */
uint32_t buy_holds(const struct exchange_buy *);

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

/* A buy that came or lacks more now: serve it from all that is on offer; the
 * rest of it waits. Returns as match_run(). */
int match_buy(struct exchange *, int64_t now, struct exchange_buy *);

/* exchange_share.c: which buyers must give something back. */

/*
 * Look at what each buyer holds. Ask those that hold more than an equal share
 * to return what others lack, and tell those that were asked and no longer need
 * to that they may keep all. share_due() says when it is time for this.
 */
void share_round(struct exchange *, int64_t now);
int64_t share_due(const struct exchange *); /* INT64_MAX: never */

#endif
