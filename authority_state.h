#ifndef AUTHORITY_STATE_H
#define AUTHORITY_STATE_H

/*
 * What the files of the authority core share:
 *
 *	authority.c	     peers, modules, which authority runs an exchange,
 *			     what is asked of the others; the clock
 *	authority_exchange.c the exchanges that we run or announce
 *	authority_report.c   inspect, for itself and for its brokers
 */

#include "authority.h"
#include "gather.h"
#include "gossip.h"

#define AUTHORITY_BACKOFF_MIN_MS 100
#define AUTHORITY_BACKOFF_MAX_MS 10000
#define AUTHORITY_GOOD_MS	 10000 /* linked so long: back-off is over */
#define AUTHORITY_SUCCESSOR_MS	 15000 /* waited for before retiring */
#define AUTHORITY_GRACE_MS	 5000  /* to end after EXCHANGE_RETIRE_MS */
#define AUTHORITY_FOREIGN_MAX	 64    /* exchanges of a module, an authority */
#define AUTHORITY_TELL_MS	 100   /* brokers are told what others announce,
					  and not again sooner */
/* Authorities that are asked for a module: the responsible ones, and as many
 * that were. */
#define AUTHORITY_ASKED_MAX	 (2 * AUTHORITY_REDUNDANCY_MAX)

#define AUTHORITY_LIST		 256 /* bytes of names of modules */

struct authority_peer {
	struct gossip_peer gossip;
	struct chain subscriptions;	    /* a broker's, or an authority's */
	int64_t since;			    /* it is linked */
	char *node;			    /* a broker's; NULL: not known */
	struct authority_exchange *exchange; /* an exchange's, or NULL */
};

/* A broker has orders for a module, or another authority subscribes to it. */
struct authority_subscription {
	const struct authority_peer *peer;
	struct authority_module *module;
	struct chain of_module, of_peer;
};

/* An exchange that another authority announces. */
struct authority_foreign {
	struct authority_foreign *next; /* of the module */
	const struct authority_peer *peer;
	struct id instance;
	char address[ADDRESS_MAX + 1];
	char told[ADDRESS_MAX + 1]; /* to brokers */
};

enum authority_exchange_state {
	EXCHANGE_STARTING, /* the shell was asked to start it */
	EXCHANGE_DIALLING, /* it listens */
	EXCHANGE_LINKED,   /* and is announced */
	EXCHANGE_RETIRING  /* told to drain */
};

/* An exchange of ours: a process that we have started, or -x. */
struct authority_exchange {
	struct authority_exchange *next; /* of the module */
	uint32_t tag;			 /* in exchanges; that of the dial */
	struct authority_module *module;
	enum authority_exchange_state state;
	int external;	    /* -x */
	int dialled;	    /* its address is, by us */
	struct authority_peer *peer; /* NULL: not linked */
	int64_t since;	    /* it was started, linked, or told to retire */
	int64_t surplus_at; /* when it became surplus; -1: it is not */
	char address[ADDRESS_MAX + 1]; /* empty until it is known */
};

struct authority_module {
	struct chain chain; /* of the authority */
	struct chain subscriptions;
	size_t nsubscriptions;
	size_t nbrokers;      /* of them */
	int64_t wanted_until; /* INT64_MAX while somebody subscribes */
	struct authority_exchange *exchanges;
	struct authority_foreign *foreign;
	const struct authority_peer **asked; /* others that we subscribe at */
	unsigned nasked;
	struct chain untold; /* of untold: tell brokers about foreign */
	struct chain turn; /* of turns: it waits for others to start */
	int64_t start_at;  /* not before: back-off */
	int64_t backoff_ms;
	struct slice name; /* ours; in modules */
};

/* A broker that is no longer linked. */
struct authority_gone {
	struct id instance;
	char address[ADDRESS_MAX + 1];
	char modules[AUTHORITY_LIST]; /* that it subscribed to */
	char node[NAME_BYTES_MAX + 1]; /* empty: not known */
	int64_t since;
};

struct authority {
	struct outbox out;
	struct gossip gossip; /* peers, and who we are */
	struct gather gather; /* what brokers were asked */
	unsigned redundancy;
	struct authority_gone gone[AUTHORITY_GONE]; /* the latest ones */
	size_t ngone; /* ever */
	struct map modules;	  /* by name */
	struct map subscriptions; /* by peer and module */
	struct map exchanges;	  /* ours, by tag */
	struct chain all;	  /* modules */
	struct chain turns;	  /* modules that wait to have one started */
	struct chain untold;	  /* modules to tell brokers about */
	int64_t told_at;	  /* when brokers were last told */
	size_t starting;	  /* exchanges that are not linked yet */
	uint32_t last_tag;
	int64_t due; /* nothing to do before then */
	int stopping;
	int full; /* said that there are too many modules */
	struct scratch list;
};

/* authority.c */

/* Call tick() at that time, or before. */
void authority_due(struct authority *, int64_t at);
/* Find or add; NULL with ENOMEM or ENOBUFS (AUTHORITY_MODULES_MAX). */
struct authority_module *authority_module_get(struct authority *, int64_t now,
    struct slice name);
/* Walk, from NULL to NULL. */
struct authority_module *authority_module_next(const struct authority *,
    const struct authority_module *);
/* Our exchanges of the module changed: tell its subscribers, and if something
 * else runs one, all authorities. */
void authority_module_announce(struct authority *, struct authority_module *);
/* Has every other authority that must run an exchange announced one? */
int authority_module_succeeded(const struct authority *,
    const struct authority_module *);
/* Must this authority run an exchange of the module? */
int authority_is_responsible(const struct authority *,
    const struct authority_module *);
/* Start or retire exchanges that are due. Forgets a module of which nothing is
 * left. */
void authority_module_review(struct authority *, int64_t now,
    struct authority_module *);

/* authority_report.c */

/* The broker's link ends; or it is back, or was linked anew. */
void authority_remember(struct authority *, int64_t now,
    const struct authority_peer *);
void authority_unremember(struct authority *, const struct id *instance);
int authority_on_inspect(struct authority *, int64_t now,
    struct authority_peer *, const struct msg *);
int authority_on_answer(struct authority *, int64_t now,
    struct authority_peer *, const struct msg *);

/* authority_exchange.c */

/* The address as announced, in buf where it has to be made. */
struct slice authority_exchange_address(const struct authority *,
    const struct authority_exchange *, char buf[ADDRESS_MAX + 1]);
void authority_exchange_up(struct authority *, int64_t now,
    struct authority_peer *, uint32_t tag);
void authority_exchange_down(struct authority *, int64_t now,
    struct authority_peer *);
/* Start an exchange if one is needed and there is none; retire those that are
 * not needed. One that something else runs (-x) serves as well. */
void authority_exchange_review(struct authority *, int64_t now,
    struct authority_module *, int wanted, int responsible);
/* Do we run an exchange, or start one, that nothing has told to retire? */
int authority_exchange_is_run(const struct authority_module *);
/* Is there room to start one of those that wait for their turn? Start those. */
int authority_exchange_may_start(const struct authority *);
void authority_exchange_take_turns(struct authority *, int64_t now);

#endif
