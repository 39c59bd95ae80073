#ifndef PLB_BALANCE_H
#define PLB_BALANCE_H

/*
 * Which channel gets a request: a weighted random draw among the channels whose
 * module exports the function, in proportion to the tokens held of each. It is
 * the probabilistic part of the PLB, and knows channels as numbers only.
 *
 * Channels whose attributes are equal form a group, so that what a function
 * asks is asked once a group, and remembered for the functions in use. Draw and
 * update take O(groups + log channels).
 */

#include "fenwick.h"
#include "msg.h"
#include "rng.h"

#define PICK_GROUPS 256
#define PICK_KNOWN  16 /* functions whose groups are remembered */

struct pick_group {
	unsigned char *attrs; /* encoded; NULL in a free group */
	size_t attrs_len;
	uint64_t made;	      /* the stamp when it was */
	size_t members;	      /* channels in it */
	struct fenwick tokens; /* by channel */
};

/* Which groups export a function. */
struct pick_known {
	uint64_t stamp; /* good while it is the groups' */
	unsigned arity;
	size_t len;
	unsigned char function[NAME_BYTES_MAX];
	unsigned char verdict[PICK_GROUPS]; /* enum pick_verdict */
	int exported;			    /* by one of them */
};

struct pick {
	struct pick_group group[PICK_GROUPS];
	size_t n;	/* groups used at most so far */
	size_t used;	/* of them */
	uint64_t stamp; /* changes when a group comes or goes */
	struct pick_known known[PICK_KNOWN];
};

/* A zeroed struct is ready. */
void pick_free(struct pick *);

/* Add a channel: its group, or -1 with ENOMEM, or ENOBUFS at PICK_GROUPS. */
int pick_join(struct pick *, struct slice attrs, size_t channel);
void pick_leave(struct pick *, int group, size_t channel);

/* How many tokens of the channel may be spent. */
void pick_set(struct pick *, int group, size_t channel, uint32_t tokens);

/* All that may be spent. */
uint64_t pick_total(const struct pick *);

enum picked {
	PICK_FOUND,   /* *channel and *cast are set */
	PICK_EMPTY,   /* somebody exports it, but no token is there */
	PICK_NOBODY,  /* groups there are, but none exports it */
	PICK_UNKNOWN  /* there is no group at all */
};
enum picked pick_draw(struct pick *, struct rng *, struct slice function,
    unsigned arity, size_t *channel, int *cast);

/* The attributes of a group, 0 to PICK_GROUPS - 1; empty for a free one. */
struct slice pick_attrs(const struct pick *, int group);

#endif
