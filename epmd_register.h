#ifndef EPMD_REGISTER_H
#define EPMD_REGISTER_H

/*
 * Keeps a name registered with the EPMD of this host, as a hidden node's: for
 * as long as the connection on which it was asked for stands. Without an EPMD,
 * and when it is gone or says no, it tries again with a growing delay; that is
 * logged when it changes, not each time.
 */

#include <stdint.h>

#include "addr.h"
#include "loop.h"

#define EPMD_REGISTER_REPLY_MAX 64

struct epmd_register {
	struct loop *loop;
	const char *name;
	uint16_t port; /* what is asked for under that name */
	struct addr epmd;
	struct watch watch; /* fd -1: no connection */
	struct timer timer;
	unsigned char reply[EPMD_REGISTER_REPLY_MAX];
	size_t len;
	int registered;
	unsigned tries; /* since the last that was good */
	char reason[128]; /* of the last failure, as logged */
};

/* Begin, with the EPMD on 127.0.0.1, at ERL_EPMD_PORT where that is set; the
 * struct and the name are the caller's. Dies (100) on a name that no node can
 * have, or where ERL_EPMD_PORT is no port. */
void epmd_register_init(struct epmd_register *, struct loop *, const char *name,
    uint16_t port);
void epmd_register_free(struct epmd_register *);

#endif
