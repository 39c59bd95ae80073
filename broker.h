#ifndef BROKER_H
#define BROKER_H

/*
 * The broker core, one a host. Its local peers (listeners, PLBs, callers) give
 * it orders; it links to every authority it hears of, subscribes to the modules
 * that it has orders for, links to all their exchanges, sends each of them
 * every order of the module, and deduplicates the fills that come back.
 *
 * How much an order lacks is known without naming fills one by one: the buyer
 * says what is missing and how much of all that was filled is settled (granted,
 * refused, released); what was passed on and is not settled is on its way. So
 *
 *	lacking = missing - (passed - settled)
 *
 * at the broker, and the same between broker and each exchange. Fills are
 * passed on up to what is lacking; the rest is released at once. Where the
 * order has a fill from the same seller pending through another exchange, the
 * second one is withheld until the first is settled, and released then, so that
 * the same capacity is not sold to another buyer meanwhile.
 *
 * An order that lacks nothing is cancelled at every exchange, once all of its
 * fills are settled.
 *
 * A broker or authority that is new to it is told the authorities that it
 * knows.
 */

#include "core.h"

#define BROKER_ORDERS_MAX   200000 /* of all local peers */
#define BROKER_MODULES_MAX  10000
#define BROKER_CONTACTS_MAX 10000 /* Erlang nodes */
#define BROKER_NOTE_MS	    1000 /* a buy with no exchange is told after */

struct broker;

extern const struct core_ops broker_ops;

enum broker_act {
	/* An Erlang node was learnt or withdrawn; bytes: the line to print,
	 * "NODE IP PORT" or "NODE - -", without newline. */
	BROKER_CONTACT = ACT_OWN
};

/* address: what a contact without one gets as its host (-a); may be empty.
 * node: the name of the host's node, for reports; the pointer must stay good;
 * NULL: none. NULL with ENOMEM. */
struct broker *broker_new(const struct id *own, uint64_t seed,
    struct slice address, const char *node);
void broker_free(struct broker *);
struct outbox *broker_out(struct broker *);

/* A line of bootstrap output: dial it for ever. 0, or -1 as outbox_act(). */
int broker_bootstrap(struct broker *, struct slice address);

/* SIGTERM: it says nothing of links that are lost from now on. */
void broker_stop(struct broker *);

/* All contacts known, a BROKER_CONTACT each into the outbox: 0, or -1 as
 * outbox_act(). */
int broker_contacts(struct broker *);

#endif
