#ifndef EXCHANGE_MATCH_H
#define EXCHANGE_MATCH_H

/*
 * Whose turn it is, and which sellers a buy gets: serves the oldest buy that
 * what is on offer fits, again and again, and sends the fills.
 *
 * Zones share the quantity of a buy evenly, as far as each can; what cannot be
 * shared goes to zones drawn by what they offer. In a zone the offers of all
 * sellers are laid end to end, and evenly spaced points are laid over them from
 * a random start. Each point is worth a part of the quantity, which goes to the
 * seller in whose offer the point lies. So each seller gets, on the average,
 * just its proportion, and never more than that rounded up (systematic
 * sampling: W. G. Madow, "On the Theory of Systematic Sampling, II", 1949). If
 * a seller has less than its point is worth, the rest is left to another round.
 */

#include "exchange_book.h"

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
