#ifndef EXCHANGE_RESERVATION_H
#define EXCHANGE_RESERVATION_H

/*
 * An exchange's reservations: what it has sold of a seller and has not heard
 * of since. Each has a counter, from 1 and never used again, by which sellers
 * and buyers name it. They are all kept for the same time, so the oldest ends
 * first.
 *
 * Each is on three chains: of all by age, of its sell, and of its buyer's
 * broker. Memory is taken in blocks and kept, so that making one costs no
 * allocation.
 */

#include <stdint.h>

#include "chain.h"

struct peer;
struct sell;

struct reserve {
	uint64_t counter;
	int64_t until;	     /* when it ends by itself, ms */
	uint64_t order;	     /* the buy's id, at its broker */
	struct sell *sell;
	struct peer *broker; /* the buyer's */
	uint32_t quantity;
	struct chain age;
	struct chain of_sell;
	struct chain of_broker;
	struct reserve *next; /* of its bucket, or free */
};

struct reserve_block;

struct reserves {
	uint64_t counter; /* last used */
	size_t n, max;
	struct chain age;	 /* the oldest first */
	struct reserve **bucket; /* by counter */
	size_t buckets;		 /* power of two, or 0 */
	struct reserve *free;
	struct reserve_block *blocks;
};

void reserves_init(struct reserves *, size_t max);
void reserves_free(struct reserves *);

/*
 * A new reservation of quantity 0, on the chain by age alone: the caller sets
 * the rest and puts it on the other two. NULL with ENOBUFS at the maximum, or
 * ENOMEM. Good until reserve_end().
 */
struct reserve *reserve_new(struct reserves *, int64_t until);

/* The reservation of this counter, or NULL. */
struct reserve *reserve_find(const struct reserves *, uint64_t counter);

/* Takes it off all chains. */
void reserve_end(struct reserves *, struct reserve *);

/* The one that ends next, or NULL. */
struct reserve *reserve_oldest(const struct reserves *);

#endif
