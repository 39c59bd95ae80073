#ifndef EXCHANGE_ALLOCATION_H
#define EXCHANGE_ALLOCATION_H

/*
 * Which sellers a buy gets, and how much of each.
 *
 * Zones share the quantity evenly, as far as each can; what cannot be shared
 * goes to zones drawn by what they offer. In a zone the offers of all sellers
 * are laid end to end, evenly spaced points are laid over them from a random
 * start, and each point is so much of the quantity for the seller in whose
 * offer it lies. So each seller gets, on the average, just its proportion,
 * and at any time no more than that rounded up (systematic sampling: W. G.
 * Madow, "On the Theory of Systematic Sampling, II", 1949). A point that lies
 * in a seller who has less than the point is worth leaves the rest to another
 * round.
 */

#include "exchange_book.h"

struct choice {
	struct sell *sell;
	uint32_t quantity;
};

struct choose_zone {
	uint64_t offer;
	uint64_t share; /* still to be picked */
	unsigned first; /* class */
};

struct choose {
	struct market *m;
	unsigned n;	 /* zones */
	unsigned at;	 /* the zone that comes next */
	unsigned points; /* of a zone and round */
	struct choose_zone zone[EXCHANGE_CLASSES];
	unsigned next[EXCHANGE_CLASSES]; /* class of the same zone */
};

/* Prepare to choose up to quantity (at least 1) for a buy of the class, from
 * what is on offer now. */
void choose_init(struct choose *, struct market *, const struct buy_class *,
    uint32_t quantity);

/*
 * The next sellers, EXCHANGE_FILL_SELLERS at most, no one twice: returns their
 * number, 0 when that was all. The caller reserves just so much of each before
 * it calls again, and changes nothing else on offer.
 */
unsigned choose_next(struct choose *, struct choice *);

#endif
