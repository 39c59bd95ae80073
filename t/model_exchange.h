#ifndef MODEL_EXCHANGE_H
#define MODEL_EXCHANGE_H

/*
 * An exchange, and a model of it that is too simple to be wrong, going through
 * the same operations. After each step, whatever the exchange chose at random:
 *
 * - a seller's offer is never oversold, and fits who gets it;
 * - of those whom anything fits, the one that holds least is served first, and
 *   of equals the oldest, with all that there is for it, or a part where others
 *   could use that; and then goes to the end of the line;
 * - zones share evenly, sellers of a zone in proportion;
 * - nobody lacks what is on offer and fits;
 * - quantities, reservations and counts are what the model has.
 */

#include "exchange_book.h"
#include "t/check.h"

#define LEN(a)	   (sizeof(a) / sizeof((a)[0]))
#define BROKERS	   2
#define VARIANTS   5 /* of attributes, and of constraints */
#define STEPS_MAX  512
#define FOREVER_MS (EXCHANGE_RESERVE_MS + 1)

enum what { SELL, SETTLE, BUY, GOT, REFUSED, RELEASE, RELEASE_ONE, CANCEL_SELL,
	CANCEL_BUY, LOSE, WAIT };

/* SELL: seller n states quantity. SETTLE: and that its oldest reservation is
 * settled. BUY: buyer n misses quantity; GOT: and all that it was sent is
 * settled; REFUSED: that is, but it misses just as much. RELEASE: its last
 * fill. LOSE: broker n. WAIT: quantity ms. */
struct op {
	enum what what;
	unsigned n;
	uint64_t quantity;
	unsigned variant;
};

/* For the group of tests. */
int world_setup(void **state);
int world_teardown(void **state);

/* A new exchange and a new model; STEPS_MAX operations at most; the end. A step
 * after which they differ fails the test, and prints all operations. */
void world_begin(uint64_t seed);
void world_step(const struct op *);
void world_end(void);

/* Done so far, in all worlds. */
extern uint64_t world_steps, world_fills;

#endif
