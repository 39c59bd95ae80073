#ifndef HOUSE_H
#define HOUSE_H

/*
 * The processes of a street, for tests: which cores there are, and who they
 * are.
 */

#include "channel.h"
#include "listener.h"
#include "plb.h"
#include "t/tally.h"

enum { LISTENER, PLB, CHANNEL = PLB + PLBS, NODES = CHANNEL + CHANNELS };

#define HOUSE_ADDRESS "10.0.0.1:1" /* where the listener accepts */
#define HOUSE_DIALS   4

struct street_config {
	uint64_t capacity, plb_capacity, wanted[2]; /* of the two that buy */
	enum channel_mode mode;
	int caller; /* there is one, a client of the first PLB */
};

struct node {
	const struct core_ops *ops;
	void *core; /* NULL: there is none */
	struct outbox *out;
	struct id id;
	uint32_t dial[HOUSE_DIALS]; /* tags, the oldest first */
	size_t dials;
	int stops; /* it has said so */
};

extern struct node house[NODES];

/* The listener and the PLBs start. */
void house_begin(const struct street_config *);
void house_listener(void);
void house_channel(unsigned channel);
/* Free a core, if it is there. */
void house_free(unsigned node);

#endif
