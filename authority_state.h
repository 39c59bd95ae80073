#ifndef AUTHORITY_STATE_H
#define AUTHORITY_STATE_H

/*
 * What the files of the authority core share:
 *
 *	authority.c	   peers as they come and go, the clock
 *	authority_module.c modules: what is announced, who is to run an exchange
 *	authority_exchange.c	   the exchanges that we run or announce
 *	authority_report.c inspect
 */

#include "authority.h"
#include "exchange.h"
#include "gossip.h"
#include "map.h"
#include "scratch.h"

#define AUTHORITY_BACKOFF_MIN_MS 100
#define AUTHORITY_BACKOFF_MAX_MS 10000
#define AUTHORITY_GOOD_MS	 10000 /* up so long: back-off starts anew */
#define AUTHORITY_SUCCESSOR_MS	 15000 /* waited for before retiring */
#define AUTHORITY_GRACE_MS	 5000  /* to end after EXCHANGE_RETIRE_MS */
#define AUTHORITY_FOREIGN_MAX	 64    /* exchanges of a module, an authority */

/* Tags of what is dialled: this, and above it one a run. */
#define TAG_AUTHORITY 1u

/* A broker has orders for a module. */
struct sub {
	struct sub_key {
		uint64_t peer, module;
	} key; /* in subs */
	struct peer *peer;
	struct module *module;
	struct chain of_module, of_broker;
};

/* An exchange that another authority announces. */
struct foreign {
	struct foreign *next; /* of the module */
	struct peer *peer;
	struct id instance;
	char address[ADDRESS_MAX + 1];
};

enum run_state {
	RUN_STARTING, /* the shell was asked to start it */
	RUN_DIALLING, /* it listens */
	RUN_UP,	      /* linked, and announced */
	RUN_RETIRING  /* told to drain */
};

/* An exchange of ours: a process that we have started, or -x. */
struct run {
	struct run *next; /* of the module */
	uint32_t tag;	  /* in runs */
	struct module *module;
	enum run_state state;
	int external;	  /* -x */
	int dialled;	  /* its address is, by us */
	struct peer *peer;
	int64_t since;	  /* in this state */
	int64_t surplus_at; /* when it became surplus; -1: it is not */
	char address[ADDRESS_MAX + 1]; /* empty until it is known */
};

struct module {
	struct chain chain; /* of the authority */
	struct chain subs;
	size_t nsubs;
	int64_t wanted_until; /* INT64_MAX while somebody subscribes */
	struct run *runs;
	struct foreign *foreign;
	struct chain turn; /* one is to be started, when others have */
	int64_t start_at; /* not before: back-off */
	int64_t backoff_ms;
	size_t len;
	unsigned char name[]; /* in modules */
};

struct authority {
	struct outbox out;
	struct gossip gossip; /* peers, and who we are */
	unsigned redundancy;
	struct map modules;
	struct map subs;
	struct map runs; /* by tag */
	struct chain turns;
	size_t starting; /* runs, not linked yet */
	struct chain all; /* modules */
	uint32_t last_tag;
	int64_t due; /* nothing to do before then */
	int stopping;
	int full; /* said that there are too many modules */
	struct scratch list;
};

/* authority.c */

/* Call tick() at that time, or before. */
void authority_due(struct authority *, int64_t at);

/* authority_module.c */

struct slice authority_module_name(const struct module *);
struct module *authority_module_get(struct authority *, int64_t now,
    struct slice name);
void authority_module_free(struct module *);
/* Walk, from NULL to NULL. */
struct module *authority_module_next(const struct authority *,
    const struct module *);
int authority_subscribe(struct authority *, int64_t now, struct peer *,
    struct slice name);
int authority_unsubscribe(struct authority *, int64_t now, struct peer *,
    struct slice name);
void authority_broker_lost(struct authority *, int64_t now, struct peer *);
/* An authority has come: all that we announce. */
int authority_announce_all(struct authority *, struct peer *);
/* The module's set changed: to all whom it concerns. */
void authority_tell(struct authority *, const struct module *);
/* What another authority announces. */
int authority_exchanges(struct authority *, int64_t now, struct peer *,
    const struct msg_exchanges *);
void authority_foreign_lost(struct authority *, struct peer *);
int authority_responsible(const struct authority *, const struct module *);
/* Has whoever is responsible announced an exchange? */
int authority_succeeded(const struct authority *, const struct module *);
/* See what is to be started or retired, for one module or for all. Forgets a
 * module that nothing is known of. */
void authority_review(struct authority *, int64_t now, struct module *);
void authority_review_all(struct authority *, int64_t now);

/* authority_exchange.c */

/* The address as announced, in buf where it has to be made. */
struct slice authority_run_address(const struct authority *,
    const struct run *, char buf[ADDRESS_MAX + 1]);
void authority_exchange_up(struct authority *, int64_t now, struct peer *,
    uint32_t tag);
void authority_exchange_down(struct authority *, int64_t now, struct peer *);
/* Start one where it is needed and there is none; retire what is not: one that
 * something else runs serves as well. */
void authority_runs_review(struct authority *, int64_t now, struct module *,
    int wanted, int responsible);
/* Has one that was started made room for the next? Start those. */
int authority_may_start(const struct authority *);
void authority_take_turns(struct authority *, int64_t now);

/* authority_report.c */

int authority_inspect(struct authority *, struct peer *,
    const struct msg_inspect *);

#endif
