#ifndef BROKER_STATE_H
#define BROKER_STATE_H

/*
 * What the files of the broker core share:
 *
 *	broker.c	peers, the clock; modules:
 *			subscribing, which exchanges there are
 *	broker_order.c	orders, from their owners to the exchanges, and what
 *			exchanges answer
 *	broker_contact.c where this host and its Erlang nodes are
 *	broker_home.c	which authorities it is linked to
 *	broker_report.c	inspect, for itself and for its host
 */

#include "broker.h"
#include "gather.h"
#include "gossip.h"

#define BROKER_EXCHANGES_MAX  64    /* announced for a module */
#define BROKER_SLOTS	      32    /* of them linked at a time */
#define BROKER_UNANNOUNCED_MS 5000  /* announced by none, until it is left */
#define BROKER_LINGER_MS      10000 /* subscribed after the last order */
#define BROKER_PENDING_MAX    64    /* fills of an order not settled */
#define BROKER_PENDING_MS     6000  /* a connect is settled after 5 s */

struct broker_peer {
	struct gossip_peer gossip;
	struct chain orders;		  /* a local peer's */
	struct broker_exchange *exchange; /* an exchange's that is of use */
	struct broker_pending *unsettled; /* of a local peer's cancelled orders,
					     the last ones first */
	unsigned nunsettled;
	char *local; /* our end of the link, or NULL */
	/* An authority's: */
	uint64_t weight;	     /* for us: the highest are homes */
	unsigned char subscribed, leaving;
	struct slice named;	     /* peer items that it named last, */
	unsigned char *bytes;	     /* in this memory */
};

/* An address where an authority is, or was: it was named to us, or dialled, or
 * is bootstrap's. */
struct broker_place {
	struct id instance; /* that was there last; zero: none is known */
	uint64_t weight;    /* of that, for us */
	int64_t heard_at;   /* the last time */
	int64_t dialled_at;
	int64_t rests_until; /* it was left; 0: never */
	unsigned char boot; /* a bootstrap named it */
	unsigned char named; /* a linked authority names it */
	unsigned char dialled;
	unsigned char candidate; /* to be a home; no link stands to it */
	struct slice address; /* ours; in places */
};

/* An exchange that was announced, or is linked. */
struct broker_exchange {
	struct id instance; /* in exchanges */
	struct broker_module *module;
	struct broker_exchange *next; /* of the module */
	struct broker_peer *peer;     /* NULL: not linked */
	unsigned slot; /* while linked: in the module, and of orders' copies */
	int draining;  /* it said so */
	int64_t unannounced_at; /* since when it has been linked and no
				   authority announces it; 0: one does */
	int leaving;   /* nothing is sent there any longer */
	int shares;    /* another exchange has had this address */
	uint32_t *announcer; /* authorities */
	unsigned nannouncers;
	char address[ADDRESS_MAX + 1]; /* in dials */
};

struct broker_module {
	struct chain chain; /* of the broker */
	struct chain orders;
	size_t norders;
	int64_t idle_at; /* without orders since then */
	struct broker_exchange *exchanges;
	unsigned nexchanges;
	struct broker_exchange *slot[BROKER_SLOTS]; /* linked ones */
	unsigned nslots; /* used at most so far */
	unsigned linked;
	int64_t bare_at; /* orders and no linked exchange since then */
	int noted;	 /* its buyers were told so */
	uint64_t follow; /* the number of the order for its contacts alone;
			    0: it is not followed */
	struct slice name; /* ours; in modules */
};

/* What the exchange of one slot knows of an order. */
struct broker_copy {
	int sent;
	int stale; /* buy: its constraints are others than were sent */
	uint32_t missing, held; /* buy: as last sent */
	uint32_t buyers, least, share; /* as last told by waiting */
	uint64_t settled;	/* buy: as last sent */
	uint64_t filled;	/* buy: all that came from there */
};

/*
 * A fill that was passed on, until all of its order is settled; or a fill that
 * is withheld, because another exchange has already sold the same seller's
 * capacity to this order. That goes back when the first is settled, since by
 * then the seller has told both exchanges what it has left. If it went back at
 * once, the same capacity would be sold a second time, to another buyer.
 */
struct broker_pending {
	struct id seller;
	struct reservation reservation; /* all of it */
	int withheld;
	uint64_t mark; /* of one that is withheld: it is released when
			  o->settled reaches this */
	int64_t until;
};

/*
 * number is the order's id at the exchanges. A buy that lacks nothing, holds
 * nothing and has nothing pending is not open: it stands at no exchange. When
 * it lacks something again it gets a new number, so that a late fill for the
 * old one finds nothing.
 */
struct broker_order {
	struct broker_peer *peer; /* the owner */
	uint64_t id;	 /* its owner's */
	uint64_t number; /* in open, while it is */
	struct broker_module *module;
	struct chain of_module, of_owner;
	struct slice attrs;   /* sell: attributes; buy: constraints */
	struct slice contact; /* sell */
	unsigned char *bytes; /* both of them */
	struct broker_copy *copies; /* by slot */
	unsigned char ncopies;
	unsigned char sell, open, npending;
	uint32_t quantity;    /* sell: left; buy: missing */
	uint32_t held;	      /* buy */
	uint32_t capacity;    /* sell */
	uint64_t passed, settled; /* of fills, to its owner */
	int64_t since;		  /* buy: age counts from there */
	struct broker_pending *pending;
	size_t pending_cap;
};

/* An Erlang node and where it is. */
struct broker_contact {
	unsigned local; /* sells of this host that name it */
	char host[ADDRESS_MAX + 1], port[ADDRESS_MAX + 1];
	struct slice node; /* ours; in contacts */
};

struct broker {
	struct outbox out;
	struct gossip gossip; /* peers, and who we are */
	struct gather gather; /* what was asked for all of the host */
	const char *node;     /* -n; or NULL */
	char host[ADDRESS_MAX + 1];  /* -a; may be empty */
	char local[ADDRESS_MAX + 1]; /* else: our end of a link, once known */
	unsigned nlocal; /* peers that are linked to that end */
	struct map modules;
	struct map exchanges; /* by instance */
	struct map dials;     /* address: the exchange that it is dialled for */
	struct map orders;    /* by owner and the owner's id */
	struct map open;      /* orders, by number */
	struct map contacts;  /* by node */
	struct chain all;     /* modules */
	uint64_t last_number; /* of an order */
	uint64_t filled, passed; /* quantity, by exchanges and to owners */
	uint64_t refused;     /* times that an exchange took no order */
	int64_t due; /* nothing to do before then */
	struct map places;    /* by address */
	size_t nboots;	      /* of them, that bootstrap named */
	int homes_changed;    /* what we know of authorities has changed */
	int booted;	      /* a bootstrap's address has come */
	uint32_t homes[GOSSIP_HOMES]; /* the first of those that are linked */
	unsigned nhomes;
	int64_t homes_since;  /* when homes last changed */
	unsigned width;	      /* how many places are dialled */
	int64_t widen_at;     /* when one more is */
	int64_t rest_at;      /* when links to others are closed */
	int contacts_full;
	int stopping;
	struct scratch list, back; /* back: what goes back to an exchange */
};

typedef int broker_handler(struct broker *, int64_t now, struct broker_peer *,
    const struct msg *);

/* broker.c */

void broker_due(struct broker *, int64_t at); /* tick() is called by then */

/* broker_contact.c */

struct slice broker_host(const struct broker *); /* may be empty */
/* A link to an authority or an exchange is there, and our end of it is local;
 * or it is gone. */
void broker_local_up(struct broker *, int64_t now, struct broker_peer *,
    struct slice local);
void broker_local_down(struct broker *, int64_t now, struct broker_peer *);
/* A local sell with this contact has come or gone. */
void broker_contact_local(struct broker *, struct slice contact, int came);
/* A fill or a local sell names this contact. */
void broker_contact_learn(struct broker *, struct slice contact);

/* broker_home.c */

/* An authority has linked; or is lost, and its struct still there. */
void broker_home_up(struct broker *, int64_t now, struct broker_peer *);
void broker_home_down(struct broker *, int64_t now, struct broker_peer *);
/* The peer names these authorities. What an authority names replaces what it
 * named before. */
void broker_home_hear(struct broker *, int64_t now, struct broker_peer *,
    struct slice items);
/* Tell a broker about authorities that are named to us, and not linked. 0, or
 * -1 as outbox_send(). */
int broker_home_tell(struct broker *, const struct broker_peer *);
/* Dial those that are missing, subscribe at homes, leave others. */
void broker_home_tick(struct broker *, int64_t now);
int64_t broker_home_deadline(const struct broker *);

/* broker.c: modules and exchanges */

/* Subscribe to all modules at the authority. */
void broker_subscribe_all(struct broker *, const struct broker_peer *);

/* Find or add; NULL with ENOMEM or ENOBUFS (BROKER_MODULES_MAX). */
struct broker_module *broker_module_get(struct broker *, int64_t now,
    struct slice);
/* Walk the modules, from NULL to NULL. */
struct broker_module *broker_module_next(const struct broker *,
    const struct broker_module *);
/* The exchange of the slot, if orders are sent there, or NULL. */
struct broker_exchange *broker_exchange_at(const struct broker_module *,
    unsigned slot);
/* A linked exchange of that instance, or NULL. */
struct broker_exchange *broker_exchange_linked(const struct broker *,
    const struct id *);

/* No exchange is linked: tell the buyer why nothing comes. */
int broker_tell_bare(struct broker *, const struct broker_order *);

/* broker_order.c */

/* The open order of that number, or NULL. */
struct broker_order *broker_order_numbered(const struct broker *,
    uint64_t number);
/* Walk the orders of a module, from NULL to NULL. */
struct broker_order *broker_order_next(const struct broker_module *,
    const struct broker_order *);
void broker_order_free(struct broker_order *);
uint32_t broker_order_lacking(const struct broker_order *);
/* Send an open order to an exchange; settled: a sell's reservations. */
int broker_order_place(struct broker *, int64_t now, struct broker_order *,
    struct broker_exchange *, struct slice settled);
/* It stands there no longer: the next time it is sent whole. */
void broker_copy_clear(struct broker *, struct broker_order *, unsigned slot);
/* Our own address is another one: sells without one are sent again. */
void broker_sell_again(struct broker *, int64_t now);
/* The owner is gone: cancel what it asked for, release what it was passed. */
void broker_owner_down(struct broker *, int64_t now, struct broker_peer *);
broker_handler broker_on_sell, broker_on_buy, broker_on_cancel;

/* broker_order.c: fills */

broker_handler broker_on_fill, broker_on_release, broker_on_offers,
    broker_on_refuse, broker_on_waiting;

/* broker_report.c */

broker_handler broker_on_inspect, broker_on_answer;

#endif
