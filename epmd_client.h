#ifndef EPMD_CLIENT_H
#define EPMD_CLIENT_H

/*
 * What a daemon wants of the EPMD of its own host, on 127.0.0.1, port
 * ERL_EPMD_PORT or 4369: to know where an Erlang node listens, and to have a
 * name registered. Both go on for as long as the daemon runs, whatever becomes
 * of the EPMD. A log line says what went wrong when that changes, not each
 * time.
 */

#include "addr.h"
#include "conn.h"
#include "epmd.h"
#include "loop.h"

#define EPMD_LOOKUP_MS	  2000 /* between two questions */
#define EPMD_LOOKUP_ANSWER_MS 2000 /* an answer takes at most so long */

/* Asks again and again for the port of a node's distribution. An EPMD that does
 * not answer says nothing: what was known stays. */
struct epmd_lookup {
	struct loop *loop;
	struct addr epmd;
	struct slice name; /* without @host */
	struct conn conn;
	struct timer timer;
	int asking;	   /* conn is open */
	int silent;	   /* it was said that there is no answer */
	unsigned port;	   /* 0: not there */
	/* The port is another one; 0: the node is no longer there. */
	void (*moved)(void *arg, unsigned port);
	void *arg;
};

/* node is name@host, or a name, and stays the caller's. Dies (100) where no
 * node can have that name, or ERL_EPMD_PORT is no port. */
void epmd_lookup_init(struct epmd_lookup *, struct loop *, const char *node,
    void (*moved)(void *, unsigned), void *arg);
void epmd_lookup_stop(struct epmd_lookup *);

/* Keeps a name registered, as a hidden node's: for as long as the connection on
 * which it was asked for stands. Without an EPMD, and when it is gone or says
 * no, it tries again with a growing delay. */
struct epmd_register {
	struct loop *loop;
	const char *name;
	uint16_t port; /* what is asked for under that name */
	struct addr epmd;
	struct conn conn;
	struct timer timer;
	int asking;	  /* conn is open */
	int registered;
	unsigned tries;   /* since the last that was good */
	const char *why;  /* we close conn; or NULL */
	char reason[128]; /* of the last failure, as logged */
};

/* The struct and the name stay the caller's. Dies (100) where no node can have
 * that name, or ERL_EPMD_PORT is no port. */
void epmd_register_init(struct epmd_register *, struct loop *, const char *name,
    uint16_t port);
void epmd_register_free(struct epmd_register *);

#endif
