#ifndef PLB_BALANCE_H
#define PLB_BALANCE_H

/*
 * Which channel gets a request: a weighted random draw among the channels whose
 * module exports the function, in proportion to the tokens held of each. This
 * is the probabilistic part of the PLB. It knows channels as numbers only.
 *
 * Channels with equal attributes form a group, so the question whether a
 * function is exported is asked once for each group, and the answers are
 * remembered for the functions in use. Draw and update take
 * O(groups + log channels).
 */

#include "fenwick.h"
#include "msg.h"
#include "rng.h"

#define BALANCE_GROUPS 256
#define BALANCE_KNOWN  16 /* functions that are remembered */

struct balance_group {
	unsigned char *attrs; /* encoded; NULL in a free group */
	size_t attrs_len;
	uint64_t made;	       /* the stamp when it was made */
	size_t members;	       /* channels in it */
	struct fenwick tokens; /* by channel */
	/* Does it export this function? enum balance_verdict. */
	unsigned char verdict[BALANCE_KNOWN];
};

/* A function that is remembered. */
struct balance_function {
	uint64_t stamp; /* its verdicts hold while the balance has this one */
	unsigned arity;
	int exported; /* by one group at least */
	size_t len;
	unsigned char name[NAME_BYTES_MAX];
};

struct balance {
	struct balance_group *group;
	size_t cap;	/* groups that memory is there for */
	size_t n;	/* groups that were ever in use at one time */
	size_t used;	/* groups in use */
	uint64_t stamp; /* changes when a group comes or goes */
	struct balance_function known[BALANCE_KNOWN];
};

/* A zeroed struct is ready. */
void balance_free(struct balance *);

/* Add a channel. Returns its group, or -1 with ENOMEM, or ENOBUFS at
 * BALANCE_GROUPS. */
int balance_join(struct balance *, struct slice attrs, size_t channel);
void balance_leave(struct balance *, int group, size_t channel);

/* How many tokens of the channel may be spent. */
void balance_set(struct balance *, int group, size_t channel, uint32_t tokens);

enum balance_drawn {
	BALANCE_FOUND,	/* *channel and *cast are set */
	BALANCE_EMPTY,	/* a group exports it, but there is no token */
	BALANCE_NOBODY, /* there are groups, but none exports it */
	BALANCE_UNKNOWN /* there is no group at all */
};
enum balance_drawn balance_draw(struct balance *, struct rng *,
    struct slice function, unsigned arity, size_t *channel, int *cast);

/* The attributes of group 0 to n - 1; empty for a free one. */
struct slice balance_attrs(const struct balance *, int group);

#endif
