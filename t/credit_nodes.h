#ifndef CREDIT_NODES_H
#define CREDIT_NODES_H

/*
 * The processes of t/credit.c, for tests: which cores there are, and who they
 * are.
 */

#include "channel.h"
#include "listener.h"
#include "plb.h"
#include "t/credit_books.h"

enum { LISTENER, PLB, CHANNEL = PLB + PLBS, NODES = CHANNEL + CHANNELS };

#define NODES_ADDRESS "10.0.0.1:1" /* where the listener accepts */
#define NODES_DIALS   4

struct links_config {
	uint64_t capacity, plb_capacity, wanted[2]; /* of the two that buy */
	enum channel_mode mode;
	int caller; /* there is one, a client of the first PLB */
};

struct node {
	const struct core_ops *ops;
	void *core; /* NULL: there is none */
	struct outbox *out;
	struct id id;
	uint32_t dial[NODES_DIALS]; /* tags, the oldest first */
	size_t dials;
	int stops; /* it has said so */
};

extern struct node nodes[NODES];

/* The listener and the PLBs start. */
void nodes_begin(const struct links_config *);
void nodes_listener(void);
void nodes_channel(unsigned channel);
/* Free a core, if it is there. */
void nodes_free(unsigned node);

#endif
