#ifndef DESK_H
#define DESK_H

/*
 * The I/O of lambda-discovery: listening sockets, a connection a client, and
 * the discovery core behind them, whose acts it carries out.
 */

#include "acceptor.h"
#include "conn.h"
#include "discovery.h"
#include "loop.h"

#define DESK_SOCKETS_MAX 32
/* Bytes of all lists (NAMES, DUMP) that clients have not read yet; one that
 * would make them more is closed. Other answers are short. */
#define DESK_ANSWERS_MAX (64u * 1024 * 1024)

struct guest;

struct desk {
	struct loop *loop;
	struct discovery *core;
	struct guest **guests; /* by number - 1 */
	size_t nguests;	       /* places in it */
	struct acceptor sockets[DESK_SOCKETS_MAX];
	size_t nsockets;
	struct timer tick;
	int full;	    /* not accepting until a client is closed */
	int error;	    /* errno of the last refusal to serve; 0: none */
	size_t answers_max; /* DESK_ANSWERS_MAX, but in a test */
	size_t answers;	    /* bytes of lists to clients that are still there */
	int over;	    /* it was said that they are too many */
	/* The hosts file is not what it was. */
	void (*hosts)(void *arg);
	void *arg;
};

/* clients is that of the core's config. Dies (111) without memory. */
void desk_init(struct desk *, struct loop *, struct discovery *,
    size_t clients);
void desk_free(struct desk *);

/* Take over a listening socket; there are at most DESK_SOCKETS_MAX. Dies (111)
 * without memory. */
void desk_listen(struct desk *, int fd);

/* Carry out what the core wants: after each call of it from outside. */
void desk_deliver(struct desk *);

#endif
