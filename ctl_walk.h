#ifndef CTL_WALK_H
#define CTL_WALK_H

/*
 * A core of lambda-ctl that walks the tier. It asks one process for all its
 * rows, then the processes that these name, and so on: the authorities, their
 * exchanges, and through the authorities the brokers that are linked there,
 * which answer for their hosts. Last come brokers that a broker has dialled,
 * and listeners whose sells stand at an exchange, if nobody has answered for
 * them yet. It asks many at once. It leaves one behind that does not answer in
 * time, and ends after WALK_TIMES that time with what it has. A process that
 * has several addresses, or homes, counts once.
 */

#include "ctl_row.h"
#include "map.h"

#define WALK_NODES_MAX 4096
#define WALK_AT_ONCE   64
#define WALK_NODE_MS   3000 /* for one to answer, if nothing else is said */
#define WALK_TIMES     5
#define WALK_ROWS_MAX  (16u * 1024 * 1024) /* bytes, of one process */
#define WALK_ALL_MAX   (256u * 1024 * 1024) /* and of all */
#define WALK_HOMES     3
#define WALK_SILENT    "it is stopped, too busy or cut off"

enum walk_state {
	WALK_NEW,     /* to be asked when it is its turn */
	WALK_DIALLED,
	WALK_ASKED,
	WALK_DONE,
	WALK_SAME,    /* it is one that was asked at another address */
	WALK_FAILED
};

struct walk_node {
	struct slice address; /* its key; of one that is asked through an
				 authority its instance */
	char shown[ADDRESS_MAX + 1]; /* its address, for people */
	struct walk_node *home[WALK_HOMES]; /* authorities to ask through */
	unsigned homes, tried;
	int stranded;	      /* WALK_FAILED, as none of its homes could ask it:
				 another may be named later */
	uint32_t tag;
	uint32_t peer;	      /* 0: not linked */
	unsigned role;	      /* as the process that named it says, then as it
				 says itself */
	struct id instance;
	enum walk_state state;
	int64_t late;	      /* when it is left behind */
	struct buf rows;      /* lines, each with its newline */
	char why[256];	      /* of WALK_FAILED */
	int final;	      /* and to ask again is no use */
};

struct walk {
	struct outbox out;
	struct map nodes;	/* by address, the first one first */
	struct walk_node *at[WALK_NODES_MAX]; /* likewise, by tag less one */
	size_t n, next, active;
	size_t left_out;	/* for which there was no place */
	size_t bytes;		/* of all rows */
	struct map seen;	/* instances that rows came from, or that were
				   silent in them */
	struct map later;	/* whom to ask if nobody answers for them */
	int alone;		/* only the first one is asked */
	struct slice close;	/* all close links of the key of this
				   fingerprint; or empty */
	int64_t node_ms; /* that each has to answer */
	int64_t until;
	int second;		/* they are asked of whom nothing was heard */
	int done;
};

extern const struct core_ops walk_ops;

/* The driver dials the first one, with tag 1. Each has node_ms to answer. -1
 * with ENOMEM. */
int walk_begin(struct walk *, int64_t now, int64_t node_ms, uint64_t seed,
    struct slice first, int alone);
void walk_free(struct walk *);

/* Was an authority asked, or named? */
int walk_has_authority(const struct walk *);

#endif
