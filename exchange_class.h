#ifndef EXCHANGE_CLASS_H
#define EXCHANGE_CLASS_H

/*
 * The classes of an exchange: sells with the same attributes, buys with the
 * same constraints. Which buy class fits which sell class is worked out when
 * the later of the two is made.
 *
 * A class that has lost its last order is kept until its number is needed for
 * another: orders come and go, and working out what fits is the dear part.
 */

#include <stdint.h>

#include "exchange.h"
#include "fenwick.h"
#include "map.h"
#include "exchange_queue.h"
#include "slice.h"

#define CLASS_WORDS (EXCHANGE_CLASSES / 64)

struct sell;

struct class_set { /* by number */
	uint64_t w[CLASS_WORDS];
};

struct class {
	struct slice key; /* attributes or constraints, encoded; ours */
	unsigned number;
	size_t n;	  /* orders of it */
};

struct sell_class {
	struct class class;
	unsigned zone;	     /* a number for the value of that label */
	struct sell **sells; /* by slot, class.n of them */
	size_t cap;
	struct fenwick weights; /* what each offers, by slot */
	uint64_t fresh;		/* offered by those that are fresh */
	unsigned standing; /* need that is being announced to this class */
	size_t told;	   /* the next slot to announce it to */
};

struct buy_class {
	struct class class;
	struct class_set fits; /* sell classes */
	struct queue queue;    /* the buys that lack something */
	size_t unmet;	       /* their number */
	size_t empty;	       /* the number of those that hold nothing */
	unsigned stood;	       /* class_need() as sellers were last told it */
	int turned;	       /* need differs from that: they must be told */
};

/*
 * How hard buys wait, in steps that are worth telling every seller: 0 when none
 * does, else 1 and the bits of the number of those that hold nothing.
 */
unsigned class_need(uint64_t buyers, uint64_t empty);

struct class_table {
	struct map by_key;
	struct class *at[EXCHANGE_CLASSES]; /* by number; none is NULL */
	unsigned n;
};

struct classes {
	struct class_table sells, buys;
};

void classes_init(struct classes *, uint64_t seed, uint64_t seed2);
void classes_free(struct classes *);

/* The class of that number, below the table's n. */
struct sell_class *class_sell(const struct classes *, unsigned number);
struct buy_class *class_buy(const struct classes *, unsigned number);

/*
 * The class of these attributes or constraints, made where there is none: NULL
 * with ENOBUFS when all numbers are in use, or ENOMEM. One without orders is
 * good until the next call.
 */
struct sell_class *class_of_attrs(struct classes *, struct slice attrs);
struct buy_class *class_of_constraints(struct classes *,
    struct slice constraints);

void class_set_put(struct class_set *, unsigned number, int in);
int class_set_has(const struct class_set *, unsigned number);
/* Is any number in both? */
int class_set_meet(const struct class_set *, const struct class_set *);

#endif
