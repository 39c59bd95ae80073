#ifndef LISTENER_H
#define LISTENER_H

/*
 * The listener core: publishes one module of this host. It owns the capacity.
 * Every channel asks it for a grant, and it alone decides: it grants what is
 * wanted, or as much as is left, or refuses.
 *
 * Its peers are the broker and its channels (over their control descriptors).
 * It sends the broker its sell order: after every grant, refusal and return
 * (once a turn), and every LISTENER_SELL_MS. What a channel holds comes back
 * when the channel returns it, or when the channel and all of its workers are
 * gone (listener_gone()); the loss of the link alone does not bring it back.
 *
 * While buys stand unmet, `waiting` tells the channels so as the broker does:
 * the least that one of them holds, and an equal share.
 */

#include "core.h"

#define LISTENER_SELL_MS     5000
#define LISTENER_LEFT_MS     5000  /* between two lines on what is left */
#define LISTENER_WAITING_MS  15000 /* `waiting` not repeated so long is over */

struct listener;

extern const struct core_ops listener_ops;

enum listener_act {
	LISTENER_DRAIN = ACT_OWN /* the broker was told so: lambda-ctl(1) */
};

struct listener_config {
	struct slice module;
	uint64_t capacity;
	struct slice attrs;   /* encoded */
	struct slice node;    /* -n, may be empty */
	struct slice address; /* "IP:PORT"; an empty or any IP is the broker's
				 to fill in */
	struct slice dist;    /* of the Erlang node, may be empty */
};

/* This copies what it is given. NULL with ENOMEM. */
struct listener *listener_new(const struct id *own, uint64_t seed,
    const struct listener_config *);
void listener_free(struct listener *);
struct outbox *listener_out(struct listener *);

/* There is new code: publish its attributes, and drain the channels that were
 * started before. 0, or -1 with ENOMEM, or as outbox_send(). */
int listener_publish(struct listener *, struct slice attrs);

/* The capacity is another one from now on. More is sold at once. Where more is
 * held than there is now, all channels drain, and what comes back is not
 * granted again until there is room. As above. */
int listener_capacity(struct listener *, uint64_t capacity);

/* The distribution address of the Erlang node has changed; it is empty if there
 * is none. The next sell says so. It is at most ADDRESS_MAX bytes. */
void listener_dist(struct listener *, struct slice dist);

/* A channel was started for the client at this address (at most ADDRESS_MAX
 * bytes) and of this instance (or NULL), which are for those who inspect; its
 * control link will come up with this tag (not 0). -1 with ENOMEM. */
int listener_spawned(struct listener *, uint32_t tag, struct slice client,
    const struct id *plb);

/* The channel's liveness pipe has closed: the channel and its workers are
 * gone. */
void listener_gone(struct listener *, uint32_t tag);

/* SIGTERM, or LISTENER_DRAIN: withdraw the sell and drain all channels;
 * ACT_STOP when they have ended, but after LISTENER_DRAIN only when
 * listener_leave() was called, too. The log says how many requests are left. */
void listener_stop(struct listener *);
void listener_leave(struct listener *);

int listener_is_drained(const struct listener *); /* nothing is left */

/* The time for that is over: channels end and fail what they have running. */
void listener_expire(struct listener *);

uint64_t listener_left(const struct listener *);
uint64_t listener_held(const struct listener *);

/* When the sell is sent again if nothing changes; INT64_MAX: never, since there
 * is no broker, or the listener is ending. */
int64_t listener_sell_due(const struct listener *);

#endif
