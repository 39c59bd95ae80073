#ifndef ACCEPTOR_H
#define ACCEPTOR_H

/*
 * A listening socket in the loop. It hands each connection to its owner, at
 * most ACCEPT_A_TURN of them a turn. When descriptors run out it pauses for a
 * moment and tries again; the log says so at most once a minute.
 */

#include "addr.h"
#include "loop.h"

#define ACCEPT_A_TURN	64
#define ACCEPT_PAUSE_MS 100
#define ACCEPT_TOLD_MS	60000

struct acceptor {
	struct loop *loop;
	struct watch watch;
	struct timer again; /* while accepting is paused */
	int held;	    /* acceptor_hold() */
	int told;	    /* the log has said that it is paused, */
	int64_t told_at;    /* and when */
	/* A connection, non-blocking and the owner's now, and from where. The
	 * owner may call acceptor_close() and acceptor_hold() in it. */
	void (*fn)(void *arg, int fd, const struct addr *from);
	void *arg;
};

/* Accept on fd, which becomes the acceptor's. The caller has set fn and arg. 0,
 * or -1 with ENOMEM. */
int acceptor_open(struct acceptor *, struct loop *, int fd);

/* Leave connections in the backlog, and take them again. */
void acceptor_hold(struct acceptor *, int held);

/* Accept no more. Closing it twice does no harm. */
void acceptor_close(struct acceptor *);

#endif
