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

struct exchange_peer;
struct exchange_sell;

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

void reservation_init(struct reservations *, size_t max);
void reservation_free(struct reservations *); /* all of them */

/*
 * A new reservation of quantity 0, on the chain by age alone: the caller sets
 * order, sell and broker, and puts it on the other two. NULL with ENOBUFS at
 * the maximum, or ENOMEM. Good until reservation_end().
 */
struct exchange_reservation *reservation_new(struct reservations *,
    int64_t until);

/* The reservation of this counter, or NULL. */
struct exchange_reservation *reservation_find(const struct reservations *,
    uint64_t counter);

/* Takes it off all chains. */
void reservation_end(struct reservations *, struct exchange_reservation *);

/* The one that ends next, or NULL. */
struct exchange_reservation *reservation_oldest(const struct reservations *);

#endif
