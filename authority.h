#ifndef AUTHORITY_H
#define AUTHORITY_H

/*
 * The authority core: keeps the list of all exchanges, linked to every other
 * authority; decides which exchanges it runs, has them started, announces them
 * to brokers and authorities, and retires those that it no longer has to run.
 *
 * Who runs a module's exchange: the first R by rendezvous hash of (authority
 * instance, module) among the live authorities, itself included (gossip.h).
 * The live are those that it is linked to.
 *
 * An exchange is a process with an address, started by us or announced by -x;
 * either way we keep a link to it: its hello says its instance, its loss is its
 * death, and drain over it retires it.
 */

#include "core.h"

#define AUTHORITY_REDUNDANCY 2
#define AUTHORITY_MODULES_MAX 10000
#define AUTHORITY_IDLE_MS    60000 /* without a subscriber, until it retires */
#define AUTHORITY_START_MS   5000  /* for a started exchange to be linked */
#define AUTHORITY_STARTING   32	   /* of those at a time; others wait for it */

struct authority;

extern const struct core_ops authority_ops;

enum authority_act {
	/* Start an exchange for the module in bytes; peer: a tag. The shell
	 * answers with authority_started() or authority_ended(). */
	AUTHORITY_START = ACT_OWN,
	/* End the process of the tag: it did not answer, or did not retire. */
	AUTHORITY_KILL
};

/* address: where others reach us ("IP:PORT"), as told in peers. NULL with
 * ENOMEM. */
struct authority *authority_new(const struct id *own, uint64_t seed,
    struct slice address, unsigned redundancy);
void authority_free(struct authority *);
struct outbox *authority_out(struct authority *);

/* A line of input: dial it for ever. 0, or -1 as outbox_act(). */
int authority_bootstrap(struct authority *, struct slice address);

/* -x module=address: somebody else runs it; ours to announce, for ever. 0, or
 * -1 with ENOMEM, ENOBUFS at AUTHORITY_MODULES_MAX, ERANGE where the address is
 * over ADDRESS_MAX, or as outbox_act(). */
int authority_announce(struct authority *, int64_t now, struct slice module,
    struct slice address);

/* The process of the tag listens there: 0, or -1 as outbox_act(). Or it has
 * ended, or could not start. */
int authority_started(struct authority *, int64_t now, uint32_t tag,
    struct slice address);
void authority_ended(struct authority *, int64_t now, uint32_t tag);

/* SIGTERM: it announces nothing from now on, retires all that it runs, and
 * stops. */
void authority_stop(struct authority *, int64_t now);

#endif
