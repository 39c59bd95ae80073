#ifndef EXCHANGE_MATCH_H
#define EXCHANGE_MATCH_H

/*
 * Whose turn it is: serves the oldest buy that what is on offer fits, again
 * and again, and sends the fills.
 */

#include "exchange_book.h"

/* Bytes where a fill's sellers are put together: that many are sent at once,
 * and one more is always less than the rest. */
#define MATCH_FILL_BYTES (64u * 1024)
#define MATCH_SCRATCH	 (MATCH_FILL_BYTES + 2u * LIST_MAX)

/*
 * Serve whom the fresh sells fit. At the end none is fresh. 0, or -1 as
 * outbox_send(); then, and when the reservations are at their maximum, the
 * market is stuck, and the next run asks everybody.
 */
int match_run(struct market *, int64_t now);

/* A buy that came or lacks more now: serve it from all that is on offer, and
 * let it wait with the rest. Likewise. */
int match_buy(struct market *, int64_t now, struct buy *);

#endif
