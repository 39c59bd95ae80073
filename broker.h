#ifndef BROKER_H
#define BROKER_H

/*
 * The broker core; a host has one broker. Local peers (listeners, PLBs,
 * callers) give it orders. It subscribes to their modules at its homes, links
 * to all exchanges of these, sends each of them every order of the module, and
 * deduplicates the fills that come back.
 *
 * Its homes are three authorities, or all if there are no more than three:
 * the first for this broker of all that are live (gossip.h). It learns from
 * each authority which these are, dials them, and leaves others when three
 * homes have stood for a while.
 *
 * What an order lacks is told by sums, not fill by fill. The buyer says what is
 * missing, and how much of all that was filled is settled (granted, refused,
 * released). What was passed on and is not settled is on its way. So
 *
 *	lacking = missing - (passed - settled)
 *
 * at the broker, and likewise between the broker and each exchange. The broker
 * passes fills on up to what is lacking, and releases the rest at once. If the
 * order has a fill from the same seller pending through another exchange, the
 * second fill is withheld until the first is settled, and then released: so the
 * same capacity is not sold to another buyer meanwhile.
 *
 * A buy that lacks nothing and holds nothing is cancelled at every exchange,
 * once all of its fills are settled.
 *
 * A broker or authority that links for the first time is told all authorities
 * that this broker knows.
 */

#include "core.h"

#define BROKER_ORDERS_MAX   200000 /* of all local peers */
#define BROKER_MODULES_MAX  10000
#define BROKER_CONTACTS_MAX 10000 /* Erlang nodes */
#define BROKER_NOTE_MS	    1000 /* a buy with no exchange is told after */

struct broker;

extern const struct core_ops broker_ops;

enum broker_act {
	/* An Erlang node has come, moved or gone; bytes: the line to print,
	 * "NODE IP PORT" or "NODE - -", without newline. */
	BROKER_CONTACT = ACT_OWN
};

/* address (-a) is the host of contacts that name none; it may be empty. node is
 * the name of the host's node, for reports; the pointer must stay good, and may
 * be NULL. NULL with ENOMEM. */
struct broker *broker_new(const struct id *own, uint64_t seed,
    struct slice address, const char *node);
void broker_free(struct broker *);
struct outbox *broker_out(struct broker *);

/* An address of the input: dial it for ever, except while there are enough
 * homes. 0, or -1 as outbox_act(). */
int broker_bootstrap(struct broker *, struct slice address);

/* Follow the module, for the contacts of its Erlang nodes alone: 0, or -1 with
 * ENOMEM or ENOBUFS (BROKER_MODULES_MAX). */
int broker_follow(struct broker *, int64_t now, struct slice module);

/* SIGTERM: links that are lost from now on are not logged. */
void broker_stop(struct broker *);

/* Put a BROKER_CONTACT into the outbox for each contact that is known: 0, or -1
 * as outbox_act(). */
int broker_contacts(struct broker *);

#endif
