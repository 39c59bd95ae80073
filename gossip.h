#ifndef GOSSIP_H
#define GOSSIP_H

/*
 * The peers of an authority or a broker, and what it tells them of authorities,
 * so that each authority and each broker comes to know all authorities. It is a
 * part of these two cores, and as they are: no descriptor, clock or log.
 *
 * A peer that has just linked is told all linked authorities whose address is
 * known. After that it is told what is new: an authority that linked, or one
 * that said where it is. What comes at about the same time goes in one message,
 * GOSSIP_MS at least after the one before. Nothing is said of a loss: whoever
 * hears of an authority dials it, and finds out. Whom an authority tells: all
 * authorities and brokers. A broker tells brokers alone what is new, or all
 * brokers would tell all authorities of each.
 */

#include "chain.h"
#include "core.h"
#include "map.h"
#include "scratch.h"

#define GOSSIP_MS	100
#define GOSSIP_AGAIN_MS 1000 /* what could not be said is said after */

struct run;
struct place;

struct peer {
	uint32_t handle; /* in peers */
	unsigned role;
	int dialled;	 /* by us */
	struct id instance;
	char address[ADDRESS_MAX + 1]; /* as dialled, or the remote one */
	char told[ADDRESS_MAX + 1];    /* an authority's own word; or empty */
	struct chain chain;	       /* authorities or brokers; or none */
	uint64_t news;	/* an authority: since this one where it is is known; 0:
			   it is not */
	uint64_t heard; /* the last of the news that it was told */
	/* What the core keeps of it: empty or NULL where its role has none. */
	struct chain subs;   /* authority: a broker's */
	struct run *run;     /* authority: an exchange's */
	struct chain orders; /* broker: a local peer's */
	struct place *place; /* broker: an exchange's that is of use */
	struct pending *left; /* broker: of a local peer's cancelled orders, the
				 last ones first; on the heap */
	unsigned nleft;
};

struct gossip {
	struct outbox *out;
	unsigned role; /* ours */
	uint32_t tag;  /* of authorities that are dialled */
	struct id own;
	char address[ADDRESS_MAX + 1]; /* an authority's own; may be empty */
	struct map peers;	       /* by handle */
	struct map instances;	       /* authorities, by instance */
	struct chain authorities, brokers;
	uint64_t news;	 /* counted */
	int64_t told_at; /* the last time that some were told */
	int64_t tell_at; /* INT64_MAX: there is nothing to tell */
	struct scratch list;
};

/* An address that is empty or over ADDRESS_MAX is none. */
void gossip_init(struct gossip *, const struct id *own, uint64_t seed,
    unsigned role, uint32_t tag, struct slice address, struct outbox *);
void gossip_free(struct gossip *);

/* A peer of any role came: NULL with ENOMEM. It is told what it is to know. */
struct peer *gossip_up(struct gossip *, int64_t now, uint32_t handle,
    const struct peer_info *);
/* It is gone, and is freed. */
void gossip_down(struct gossip *, struct peer *);

struct peer *gossip_peer(const struct gossip *, uint32_t handle); /* or NULL */
/* Walk authorities or brokers, from NULL to NULL. */
struct peer *gossip_next(const struct chain *, const struct peer *);
/* Where others reach an authority; empty when nobody knows. Good as a string
 * as long as the peer says nothing else. */
struct slice gossip_address(const struct peer *);

/* A peer told us of authorities: dial those that we are not linked to. 0, or
 * -1 with errno. */
int gossip_hear(struct gossip *, int64_t now, struct peer *,
    const struct msg_peers *);

/* Tell the news that are due. */
void gossip_tick(struct gossip *, int64_t now);
int64_t gossip_deadline(const struct gossip *);

#endif
