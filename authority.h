#ifndef AUTHORITY_H
#define AUTHORITY_H

/*
 * The authority core. It is linked to every other authority. It decides which
 * exchanges it runs, has them started, announces them to its subscribers, and
 * retires those that are no longer needed.
 *
 * The first R live authorities in the order of the rendezvous hash of
 * (instance, module) run the exchanges of a module (gossip.h). The live ones
 * are the authority itself and those that it is linked to.
 *
 * Brokers subscribe to a module at any authority. It subscribes for them at the
 * R responsible ones, and tells its brokers all exchanges that it hears of. So
 * what a host costs an authority depends on the orders of its own brokers, not
 * on the number of authorities.
 *
 * An exchange is a process with an address. The authority has started it, or -x
 * announces it. Either way there is a link to it: its hello says its instance,
 * the loss of the link is its death, and a drain retires it.
 */

#include "core.h"

#define AUTHORITY_REDUNDANCY 2
#define AUTHORITY_REDUNDANCY_MAX 16
#define AUTHORITY_MODULES_MAX 10000
#define AUTHORITY_IDLE_MS    60000 /* without a subscriber, until it retires */
#define AUTHORITY_START_MS   5000  /* for a started exchange to be linked */
#define AUTHORITY_STARTING   32	   /* starting at a time; the others wait */

#define AUTHORITY_GONE	  64	       /* lost brokers that it remembers, */
#define AUTHORITY_GONE_MS (3600 * 1000) /* and for how long */

struct authority;

extern const struct core_ops authority_ops;

enum authority_act {
	/* Start an exchange for the module in bytes; peer: a tag. The shell
	 * answers with authority_started() or authority_ended(). */
	AUTHORITY_START = ACT_OWN,
	/* End the process of this tag: it has not answered, or not retired. */
	AUTHORITY_KILL,
	/* It was told to drain: lambda-ctl(1). */
	AUTHORITY_DRAIN
};

/* address is where others reach this authority ("IP:PORT"); it tells them in
 * peers. redundancy is 1 to AUTHORITY_REDUNDANCY_MAX. NULL with ENOMEM. */
struct authority *authority_new(const struct id *own, uint64_t seed,
    struct slice address, unsigned redundancy);
void authority_free(struct authority *);
struct outbox *authority_out(struct authority *);

/* An address of the input: dial it for ever. 0, or -1 as outbox_act(). */
int authority_bootstrap(struct authority *, struct slice address);

/* -x module=address: somebody else runs this exchange; announce it for ever. 0,
 * or -1 with ENOMEM, ENOBUFS (at AUTHORITY_MODULES_MAX), ERANGE (the address is
 * over ADDRESS_MAX), or as outbox_act(). */
int authority_announce(struct authority *, int64_t now, struct slice module,
    struct slice address);

/* The process of this tag listens at the address: 0, or -1 as outbox_act(). The
 * other call: it has ended, or could not be started. */
int authority_started(struct authority *, int64_t now, uint32_t tag,
    struct slice address);
void authority_ended(struct authority *, int64_t now, uint32_t tag);

/* SIGTERM: announce nothing from now on, retire all exchanges of ours, and
 * stop. */
void authority_stop(struct authority *, int64_t now);

#endif
