#ifndef CHAOS_H
#define CHAOS_H

/*
 * A PLB core in a world of chance, for tests: what it does to its channels, its
 * broker and its clients is noted here, and the books of both must balance.
 * What happens to it is the test's.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "plb_state.h"

#define LINKS	 32
#define CLIENTS	 3 /* the first is the program itself */
#define PENDING	 64
#define CAPACITY 24
#define BROKER	 1

/* What was sent to a channel and is not there yet. */
struct item {
	enum msg_type type;
	uint64_t n; /* id, or quantity */
};

struct chan {
	int state; /* 0 free, 1 dialled, 2 up */
	int seller, drains, hung;
	uint32_t tag, peer;
	uint64_t tokens; /* as it counts them */
	struct item item[4096];
	size_t items, taken;
	uint64_t running[CAPACITY * 8]; /* requests' ids */
	size_t nrunning;
};

struct client {
	uint32_t peer; /* 0 when it is away */
	uint64_t tokens, last;	   /* last: its newest request */
	uint64_t pending[PENDING]; /* those that are not answered */
	size_t n;
};

struct chaos {
	struct plb *p;
	struct rng rng;
	int64_t now;
	int well; /* nothing bad happens any more */
	uint32_t handle; /* the last peer's */
	struct chan chan[LINKS];
	struct client client[CLIENTS];
	int broker; /* is it linked */
	/* The buy of the moment, as the core said it; what was filled of it;
	 * and the last reservation's counter. */
	uint64_t order, missing, settled, passed, counter;
	uint64_t asked, answered; /* requests of all clients */
};

extern struct chaos w; /* zeroed by the test, which owns p */

/* A number below n. */
uint64_t chance(uint64_t n);

/* The peer says this, which the core takes; what it does then is noted. */
void say(uint32_t peer, const struct msg *);
/* Note what the core did. After each call of it. */
void carry(void);
/* The channel is lost. */
void drop(struct chan *);

/* The core's books are those of its world. */
void check(void);

#endif
