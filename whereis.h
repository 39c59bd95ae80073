#ifndef WHEREIS_H
#define WHEREIS_H

/*
 * Keeps asking the EPMD of this host (loopback, port ERL_EPMD_PORT or 4369)
 * for the port of an Erlang node's distribution, and says when it changes. An
 * EPMD that does not answer says nothing: what was known stays.
 */

#include "addr.h"
#include "conn.h"
#include "epmd.h"
#include "loop.h"

#define WHEREIS_MS	  2000 /* between two questions */
#define WHEREIS_ANSWER_MS 2000 /* an answer takes at most so long */

struct whereis {
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
void whereis_init(struct whereis *, struct loop *, const char *node,
    void (*moved)(void *, unsigned), void *arg);
void whereis_stop(struct whereis *);

#endif
