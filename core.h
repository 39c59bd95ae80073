#ifndef CORE_H
#define CORE_H

/*
 * A core, as its driver sees it: a role's state machine with no descriptor,
 * no clock, no system call, no randomness and no log of its own. The driver is
 * hub.c, on real sockets or on the simulator's network; it calls these six
 * functions and carries out the outbox.
 *
 * A peer is a handle that the driver chose, good from up() to down(); it is
 * not 0, and no two live peers share its low 16 bits, so that a core can index
 * an array by them. A core never sees two live links of one instance and role:
 * the driver calls down() for the older before up() for the newer (peers.h).
 */

#include <stdint.h>

#include "msg.h"
#include "outbox.h"

struct peer_info {
	unsigned role; /* one bit of enum role */
	struct id instance;
	uint32_t tag;	       /* of the dial; 0 when the peer dialled us */
	struct slice address;  /* as dialled, or the peer's remote address;
				  empty on a Unix socket that accepted it */
	struct slice local;    /* our end's address, without the port */
};

/* What the reason of failed() begins with where the peer speaks something else
 * than the protocol: what it wrote follows, as far as it fits, on one line. */
#define CORE_FOREIGN "wrote something that is not the protocol: "

struct core_ops {
	unsigned role;
	/* The peer is linked and proven. The slices are good for the call. */
	void (*up)(void *core, int64_t now, uint32_t peer,
	    const struct peer_info *);
	/* It is gone, whatever the reason, the core's own ACT_CLOSE too. */
	void (*down)(void *core, int64_t now, uint32_t peer);
	/* A message that msg_allowed() lets through. -1 with errno (EPROTO for
	 * one that the core has no use for): close the peer, and down()
	 * follows. */
	int (*message)(void *core, int64_t now, uint32_t peer,
	    const struct msg *);
	/* A link that was dialled or adopted with a tag did not come up; if it
	 * is to be kept, it is dialled again. final: in vain, until somebody
	 * gives an end another key, say. The core tells it to whom it matters;
	 * where there is no tag the driver logs it, and so it does where this
	 * is NULL. */
	void (*failed)(void *core, int64_t now, uint32_t tag,
	    struct slice reason, int final);
	/* Time passed: called at or after deadline(), and whenever the driver
	 * has delivered a batch. */
	void (*tick)(void *core, int64_t now);
	/* When tick() wants to be called next, in ms; INT64_MAX: never. */
	int64_t (*deadline)(const void *core);
};

#endif
