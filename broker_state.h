#ifndef BROKER_STATE_H
#define BROKER_STATE_H

/*
 * What the files of the broker core share:
 *
 *	broker.c	 peers as they come and go, the clock
 *	broker_exchange.c	 modules: subscribing, which exchanges there are
 *	broker_order.c	 orders: whose they are, and where they stand
 *	broker_sell.c	 sells, from listeners to the exchanges
 *	broker_buy.c	 buys, from PLBs to the exchanges
 *	broker_fill.c	 what exchanges answer: fills, offers, waiting, refusals
 *	broker_contact.c Erlang nodes
 *	broker_report.c	 inspect
 */

#include "broker.h"
#include "gossip.h"
#include "map.h"
#include "scratch.h"

#define BROKER_PLACES_MAX   64	  /* exchanges announced for a module */
#define BROKER_SLOTS	    32	  /* of them linked at a time */
#define BROKER_CLAIMS_MAX   8	  /* authorities that announce one exchange */
#define BROKER_UNCLAIMED_MS 5000  /* without a claim: it drains, too */
#define BROKER_LINGER_MS    10000 /* subscribed after the last order */
#define BROKER_PENDING_MAX  64	  /* fills of an order not settled */
#define BROKER_PENDING_MS   6000  /* a connect is settled after 5 s */

/* Tags of what is dialled. */
enum { TAG_AUTHORITY = 1, TAG_EXCHANGE };

/* An exchange that was announced, or is linked. */
struct place {
	struct id instance; /* in places */
	struct module *module;
	struct place *next; /* of the module */
	struct peer *peer;  /* NULL: not linked */
	unsigned slot;	    /* while linked: in the module and in stands */
	int draining;	    /* it said so */
	int64_t unclaimed_at; /* since when it is linked and no authority
				 announces it; 0: one does */
	int leaving;	    /* nothing is sent there any more */
	int shares;	    /* another exchange has had this address */
	uint32_t claim[BROKER_CLAIMS_MAX]; /* authorities that announce it */
	unsigned nclaims;
	char address[ADDRESS_MAX + 1]; /* in dials */
};

struct module {
	struct chain chain; /* of the broker */
	struct chain orders;
	size_t norders;
	int64_t idle_at; /* without orders since then */
	struct place *places;
	struct place *slot[BROKER_SLOTS]; /* linked ones */
	unsigned nslots; /* used at most so far */
	unsigned linked;
	int64_t bare_at; /* orders and no exchange since then */
	int noted;	 /* its buyers were told so */
	size_t len;
	unsigned char name[]; /* in modules */
};

/* How an order stands at the exchange of one slot. */
struct stand {
	int sent;
	int stale; /* buy: its constraints are others than were sent */
	uint32_t missing, held; /* buy: as last sent */
	uint32_t buyers, empty; /* sell: as last told by waiting */
	uint64_t settled;	/* buy: as last sent */
	uint64_t filled;	/* buy: all that came from there */
};

/*
 * A fill that was passed on, until all of its order is settled. Or one that is
 * held: another exchange had sold the same seller's capacity to this order
 * already. It goes back once that is settled, when the seller has told both
 * what it has left; at once, it would be sold to somebody else a second time.
 */
struct pending {
	struct id seller, exchange;
	uint64_t counter;
	uint32_t quantity;
	int held;
	uint64_t mark; /* of one that is held: it is released when
			  o->settled reaches this */
	int64_t until;
};

/*
 * number is the order's id at the exchanges. A buy that lacks nothing, and has
 * nothing pending, is not open: it stands nowhere, and gets a new number when
 * it lacks again, so that a late fill for the old one finds nothing.
 */
struct order {
	struct order_key {
		uint64_t id; /* its owner's */
		uint64_t peer;
	} key;		     /* in asked */
	uint64_t number;     /* in orders while open */
	struct peer *peer;
	struct module *module;
	struct chain of_module, of_owner;
	unsigned char *bytes; /* sell: attributes, contact; buy: constraints */
	uint32_t attrs_len, contact_len;
	struct stand *stands; /* by slot */
	unsigned char nstands;
	unsigned char sell, open, npending;
	uint32_t quantity;    /* sell: left; buy: missing */
	uint32_t held;
	uint64_t passed, settled; /* of fills, to its owner */
	int64_t since;		  /* buy: age counts from there */
	struct pending *pending;
};

struct broker {
	struct outbox out;
	struct gossip gossip; /* peers, and who we are */
	const char *node;     /* -n; or NULL */
	char host[ADDRESS_MAX + 1];  /* -a; may be empty */
	char local[ADDRESS_MAX + 1]; /* else: our end of a link, once known */
	struct map modules;
	struct map places;
	struct map dials;    /* address: the place that it is dialled for */
	struct map orders;   /* open ones, by number */
	struct map asked;    /* all, by owner and the owner's id */
	struct map contacts; /* by node */
	struct chain all; /* modules */
	uint64_t last_order;
	int64_t due; /* nothing to do before then */
	int contacts_full;
	int stopping;
	struct scratch list, back; /* back: what goes back to an exchange */
};

/* broker.c */

struct slice broker_host(const struct broker *); /* may be empty */
void broker_due(struct broker *, int64_t at); /* call tick() by then */

/* broker_exchange.c */

struct slice broker_module_name(const struct module *);
/* Find or add; NULL with ENOMEM or ENOBUFS (BROKER_MODULES_MAX). */
struct module *broker_module_get(struct broker *, int64_t now, struct slice);
void broker_module_free(struct module *);
/* Walk the modules, and the orders of one, from NULL to NULL. */
struct module *broker_module_next(const struct broker *,
    const struct module *);
struct order *broker_order_next(const struct module *, const struct order *);
/* Its last order is gone. */
void broker_module_idle(struct broker *, int64_t now, struct module *);
/* Lingered or bare for long enough? */
void broker_modules_tick(struct broker *, int64_t now);
/* The exchange of the slot, if orders are to be sent there, or NULL. */
struct place *broker_place_at(const struct module *, unsigned slot);
/* A linked exchange of that instance, or NULL. */
struct place *broker_place_linked(const struct broker *, const struct id *);

int broker_subscribe_all(struct broker *, struct peer *authority);
void broker_authority_lost(struct broker *, int64_t now, struct peer *);
int broker_exchanges(struct broker *, int64_t now, struct peer *authority,
    const struct msg_exchanges *);
void broker_exchange_up(struct broker *, int64_t now, struct peer *);
void broker_exchange_down(struct broker *, int64_t now, struct peer *);
int broker_exchange_drain(struct broker *, int64_t now, struct peer *);

/* broker_order.c */

/* Find by the owner's id, or by ours; or NULL. */
struct order *broker_order_of(const struct broker *, const struct peer *,
    uint64_t id);
struct order *broker_order_numbered(const struct broker *, uint64_t number);
/*
 * The owner's order of that id, added where it is new: 0 and *o, which is NULL
 * where the limits forbid it and the owner was told so; or -1 with errno,
 * EPROTO when it is an order of another kind or module.
 */
int broker_order_get(struct broker *, int64_t now, struct peer *owner,
    uint64_t id, struct slice module, int sell, struct order **o);
void broker_order_free(struct order *);
struct slice broker_order_attrs(const struct order *);
struct slice broker_order_contact(const struct order *);
/* Keep attributes and contact: 0, or -1 with ENOMEM and nothing changed. */
int broker_order_keep(struct order *, struct slice attrs,
    struct slice contact);
/* An open order has a number; one that is closed is cancelled wherever it
 * stood. */
int broker_order_open(struct broker *, struct order *);
int broker_order_close(struct broker *, struct order *);
/* How it stands at the slot; NULL with ENOMEM. */
struct stand *broker_stand_at(struct order *, unsigned slot);
/* It stands there no more: the next time it is sent it is sent whole. */
void broker_stand_clear(struct broker *, struct order *, unsigned slot);
/* Send an order to an exchange that has just come. */
int broker_order_place(struct broker *, int64_t now, struct order *,
    struct place *);
int broker_cancel(struct broker *, int64_t now, struct peer *, uint64_t id);
/* The owner is gone: cancel what it asked for, release what it was passed. */
void broker_owner_lost(struct broker *, int64_t now, struct peer *);

/* broker_sell.c */

int broker_sell(struct broker *, int64_t now, struct peer *,
    const struct msg_sell *);
int broker_send_sell(struct broker *, struct order *, struct place *,
    struct slice settled);
/* Our own address became known: sells without one are sent again. */
void broker_sells_again(struct broker *);

/* broker_buy.c */

int broker_buy(struct broker *, int64_t now, struct peer *,
    const struct msg_buy *);
uint32_t broker_order_lacking(const struct order *);
/* Send it where that says anything new. */
int broker_send_buy(struct broker *, int64_t now, struct order *,
    struct place *);
/* What it lacks changed: say so where it stands, cancel it, or open it. */
int broker_order_update(struct broker *, int64_t now, struct order *);

/* broker_fill.c */

int broker_fill(struct broker *, int64_t now, struct place *,
    const struct msg_fill *);
int broker_release(struct broker *, struct peer *, const struct msg_release *);
int broker_offers(struct broker *, const struct msg_offers *);
int broker_refuse(struct broker *, struct place *, const struct msg_refuse *);
int broker_waiting(struct broker *, struct place *, const struct msg_waiting *);
/* Tell the seller the most that any exchange says waits. */
int broker_tell_waiting(struct broker *, const struct order *);
/* Give back all that was passed to the order and is not settled. */
int broker_release_pending(struct broker *, struct order *);
/* Give back what is held for it: its owner never heard of that. */
int broker_release_held(struct broker *, struct order *);
/* The order is cancelled: what was passed on is its owner's to settle, and is
 * released if that is lost before. */
void broker_leave_pending(struct order *);
void broker_release_left(struct broker *, struct peer *);
/* More of it is settled: give back what was held for that. */
int broker_pending_settle(struct broker *, struct order *);
/* Tell the buyer why nothing comes; refuse tells it nothing will. */
int broker_note(struct broker *, const struct order *);
int broker_say_refused(struct broker *, const struct peer *, uint64_t id,
    const char *reason);

/* broker_contact.c */

/* An Erlang node and where it is. */
struct known {
	unsigned local; /* sells of this host that name it */
	char host[ADDRESS_MAX + 1], port[ADDRESS_MAX + 1];
	size_t len;
	unsigned char node[]; /* in contacts */
};

/* A local sell with such a contact came or went. */
void broker_contact_local(struct broker *, struct slice contact, int came);
/* A fill, or a local sell, mentions it. */
void broker_contact_learn(struct broker *, struct slice contact);
void broker_contacts_free(struct broker *);

/* broker_report.c */

int broker_inspect(struct broker *, int64_t now, struct peer *,
    const struct msg_inspect *);

#endif
