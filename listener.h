#ifndef LISTENER_H
#define LISTENER_H

/*
 * The listener core: publishes one module of this host. It owns the capacity:
 * every channel asks it for its grant, and it is the last arbiter: it grants
 * min(wanted, left) or refuses.
 *
 * Its peers are the broker, to which it sends its sell order (again after every
 * grant, refusal and return, once a turn, and every LISTENER_SELL_MS), and its
 * channels, over their control descriptors. What a channel holds comes back
 * when it returns it, or when the channel and every worker of it is gone
 * (listener_gone()), never merely because its link is lost.
 *
 * Fair share: while buys stand unmet, capacity / (channels that hold something
 * + buyers that hold nothing), rounded down, is told to the channels by
 * `waiting`.
 */

#include "core.h"

#define LISTENER_SELL_MS     5000
#define LISTENER_WAITING_MS  15000 /* `waiting` not repeated so long is over */

struct listener;

extern const struct core_ops listener_ops;

struct listener_config {
	struct slice module;
	uint64_t capacity;
	struct slice attrs;   /* encoded */
	struct slice node;    /* -n, may be empty */
	struct slice address; /* "IP:PORT"; an empty or any IP is the broker's
				 to fill in */
	struct slice dist;    /* of the Erlang node, may be empty */
};

/* Copies what it is given. */
struct listener *listener_new(const struct id *own, uint64_t seed,
    const struct listener_config *);
void listener_free(struct listener *);
struct outbox *listener_out(struct listener *);

/* New code: attributes change, channels started before it drain. 0, or -1 with
 * ENOMEM, or as outbox_send(). */
int listener_publish(struct listener *, struct slice attrs);

/* The Erlang node's distribution address is another one, empty where it has
 * none: the next sell says so. It has to fit a contact (ADDRESS_MAX). */
void listener_dist(struct listener *, struct slice dist);

/* A channel was started; its control link will come up with this tag (not 0).
 * -1 with ENOMEM. */
int listener_spawned(struct listener *, uint32_t tag);

/* The liveness pipe of the channel closed: it and its workers are gone. */
void listener_gone(struct listener *, uint32_t tag);

/* SIGTERM: withdraw the sell, drain all channels; ACT_STOP when they ended. */
void listener_stop(struct listener *);

uint64_t listener_left(const struct listener *);
uint64_t listener_held(const struct listener *);

/* When the sell is sent again if nothing changes. INT64_MAX: not at all, since
 * there is no broker, or the listener is ending. */
int64_t listener_sell_due(const struct listener *);

#endif
