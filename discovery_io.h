#ifndef DISCOVERY_IO_H
#define DISCOVERY_IO_H

/*
 * The I/O of lambda-discovery: listening sockets, a connection a client, and
 * the discovery core behind them, whose acts it carries out.
 */

#include "acceptor.h"
#include "conn.h"
#include "discovery.h"
#include "loop.h"

#define DISCOVERY_SOCKETS_MAX 32
/* Bytes of all lists (NAMES, DUMP) that clients have not read yet; one that
 * would make them more is closed. Other answers are short. */
#define DISCOVERY_UNREAD_MAX (64u * 1024 * 1024)

struct discovery_conn;

struct discovery_io {
	struct loop *loop;
	struct discovery *core;
	struct discovery_conn **conns; /* by number - 1 */
	size_t nconns;		       /* places in it */
	struct acceptor sockets[DISCOVERY_SOCKETS_MAX];
	size_t nsockets;
	struct timer tick;
	int full;	    /* not accepting until a client is closed */
	int error;	    /* errno of the last refusal to serve; 0: none */
	size_t answers_max; /* DISCOVERY_UNREAD_MAX, but in a test */
	size_t answers;	    /* bytes of lists to clients that are still there */
	int over;	    /* it was said that they are too many */
	/* The hosts file is not what it was. */
	void (*hosts)(void *arg);
	void *arg;
};

/* clients is that of the core's config. Dies (111) without memory. */
void discovery_io_init(struct discovery_io *, struct loop *, struct discovery *,
    size_t clients);
void discovery_io_free(struct discovery_io *);

/* Take over a listening socket, of DISCOVERY_SOCKETS_MAX at most. Dies (111)
 * without memory. */
void discovery_io_listen(struct discovery_io *, int fd);

/* Carry out what the core wants: after each call of it from outside. */
void discovery_io_deliver(struct discovery_io *);

#endif
