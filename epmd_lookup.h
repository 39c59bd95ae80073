#ifndef EPMD_LOOKUP_H
#define EPMD_LOOKUP_H

/*
 * Keeps asking the EPMD of this host (loopback, port ERL_EPMD_PORT or 4369)
 * for the port of an Erlang node's distribution, and says when it changes. An
 * EPMD that does not answer says nothing: what was known stays.
 */

#include "addr.h"
#include "conn.h"
#include "epmd.h"
#include "loop.h"

#define EPMD_LOOKUP_MS	  2000 /* between two questions */
#define EPMD_LOOKUP_ANSWER_MS 2000 /* an answer takes at most so long */

struct epmd_lookup {
	struct loop *loop;
	struct addr epmd;
	struct slice name; /* without @host */
	struct conn conn;
	struct timer timer;
	int asking;	   /* conn is open */
	int silent;	   /* it was said that there is no answer */
	unsigned port;	   /* 0: not there */
	/* The port is another one; 0: the node is not there any more. */
	void (*moved)(void *arg, unsigned port);
	void *arg;
};

/* node is name@host, or a name, and stays the caller's. Dies (100) where it is
 * none that can be asked for, or ERL_EPMD_PORT is no port. */
void epmd_lookup_init(struct epmd_lookup *, struct loop *, const char *node,
    void (*moved)(void *, unsigned), void *arg);
void epmd_lookup_stop(struct epmd_lookup *);

#endif
