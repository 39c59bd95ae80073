#ifndef EXCHANGE_CLASS_H
#define EXCHANGE_CLASS_H

/*
 * The classes of an exchange: sells with the same attributes, and buys with the
 * same constraints. When a class is made, it is compared with all classes of
 * the other kind, to learn which of them fit it.
 *
 * A class that has lost its last order is kept until another class needs its
 * number: orders come and go, and the comparison is costly.
 *
 * The buys of a class that lack something wait in its queue, by (held, born,
 * seq): the one that holds least first, and of equals the oldest. A buy that
 * comes last is appended to a list; one that is before the last of the list
 * goes into a binary heap beside it. So coming and going in order costs O(1),
 * all else O(log n), and no other buy of the queue is touched.
 */

#include <stdint.h>

#include "chain.h"
#include "exchange.h"
#include "heap.h"
#include "map.h"
#include "rng.h"
#include "slice.h"

#define CLASS_WORDS (EXCHANGE_CLASSES / 64)

struct queued {
	uint32_t held; /* tokens, when it came in */
	int64_t born; /* ms */
	uint64_t seq; /* of those born at once, in the order of arrival */
	size_t place;	    /* in the heap */
	struct chain chain; /* in the list; it is in one of them, or in none */
};

struct queue {
	struct chain list;
	struct heap heap;
};

struct class_set { /* by number */
	uint64_t w[CLASS_WORDS];
};

struct class {
	struct slice key; /* attributes or constraints, encoded; ours */
	unsigned number;
	size_t n;	  /* orders of it */
};

/* What there was for buys that compete, at most, since a time. */
struct class_most {
	uint64_t n;
	int64_t at;
};

struct sell_class {
	struct class class;
	unsigned zone; /* a number for the value of that label */
	struct fenwick weights; /* what each of its class.n sells offers, by
				   slot, and the number of the sell */
	uint64_t fresh;		/* offered by those that are fresh */
	uint64_t standing; /* what is being announced to this class */
	uint16_t said;	   /* changes each time that standing does; 0: nobody
			      waits */
	uint64_t capacity; /* of its sellers */
	uint64_t share;	   /* an equal share of those that could use it */
	struct class_most most; /* there was for these */
	size_t told;	   /* the next slot to announce it to */
};

struct buy_class {
	struct class class;
	struct class_set fits; /* sell classes */
	struct class_set near; /* those of them that come first, if any do */
	int prefers;	       /* any does */
	struct queue queue;    /* the buys that lack something */
	size_t unmet;	       /* their number */
	uint64_t stood;	       /* class_need() as sellers were last told it */
	struct class_most most; /* there was for buys with no more choice */
};

struct class_table {
	struct map by_key;
	struct class *at[EXCHANGE_CLASSES]; /* by number; none is NULL */
	unsigned n;
};

struct classes {
	struct class_table sells, buys;
};

void class_init(struct classes *, uint64_t seed, uint64_t seed2);
void class_free(struct classes *); /* all of them */

/* The class of that number, below the table's n. */
struct sell_class *class_sell(const struct classes *, unsigned number);
struct buy_class *class_buy(const struct classes *, unsigned number);

/*
 * The class of these attributes or constraints, with room for one more order;
 * it is made if there is none. NULL with ENOBUFS (all numbers are in use) or
 * ENOMEM. A class without orders is good until the next call.
 */
struct sell_class *class_of_attrs(struct classes *, struct slice attrs);
struct buy_class *class_of_constraints(struct classes *,
    struct slice constraints);

/*
 * The one thing about the waiting buys that every seller is told when it
 * changes: the least that one of them holds, plus 1; 0 if none waits.
 */
uint64_t class_need(const struct buy_class *);

void class_set_put(struct class_set *, unsigned number, int in);
int class_set_has(const struct class_set *, unsigned number);
/* Is any number in both? */
int class_set_meet(const struct class_set *, const struct class_set *);

/* Call this first: it is in no queue. */
void queue_init(struct queued *);

/* Add it. The caller has set born and seq, which must not change while it is
 * in; it is in no queue, and there is room. */
void queue_add(struct queue *, struct queued *);
/* Take it out, if it is in. */
void queue_remove(struct queue *, struct queued *);
int queue_has(const struct queued *); /* Is it in any? */

/* The one that comes first, or NULL. */
struct queued *queue_first(const struct queue *);

/* Does a come before b? */
int queue_before(const struct queued *a, const struct queued *b);

#endif
