#ifndef GOSSIP_H
#define GOSSIP_H

/*
 * The peers of an authority or a broker, and what it tells them about
 * authorities. It is a part of these two cores, and like them it has no
 * descriptor, clock or log.
 *
 * A peer that links is told of linked authorities whose address is known. After
 * that it is told news: an authority has linked, or has said where it is. News
 * that come at about the same time go into one message, at least GOSSIP_MS
 * after the last.
 *
 * An authority tells its news to all authorities, so that each learns of all.
 * It does not tell losses: a process that hears of an authority dials it, and
 * finds out.
 *
 * An authority tells a broker of itself, and of those GOSSIP_NAMED others that
 * come first for that broker. Each message replaces the one before, and a loss
 * among those that were told is news. From these the broker takes its homes
 * (broker_home.c).
 *
 * A broker tells its news to brokers only; otherwise all brokers would tell all
 * authorities about each authority.
 */

#include "chain.h"
#include "core.h"
#include "map.h"
#include "msg.h"

#define GOSSIP_MS	100
#define GOSSIP_AGAIN_MS 1000 /* until news that could not be told are tried
				again */
#define GOSSIP_TAG	1u   /* of authorities that are dialled; the core's own
				tags are above it */

#define GOSSIP_NAMED_MAX 4096 /* addresses that are dialled by a peer's word */
#define GOSSIP_NAMED	 16   /* authorities that a broker is told of */
#define GOSSIP_HOMES	 3    /* authorities that a broker keeps a link to */

/* The user's struct for a peer begins with this. */
struct gossip_peer {
	uint32_t handle; /* in peers */
	unsigned role;
	int dialled;	 /* by us */
	struct id instance;
	char *address;	/* as dialled, or the remote one */
	char *told;	/* an authority's own word; or NULL */
	struct chain chain;	       /* authorities or brokers; or none */
	uint64_t news;	/* an authority: the number of the news that told its
			   address; 0: its address is not known */
	uint64_t heard; /* the number of the last news that it was told */
	uint64_t least; /* a broker's: the weight for it of the last authority
			   that it is told of; 0: it is told of all */
	int stale;	/* a broker was told of one that is lost */
	struct map named; /* addresses that it named and we dial */
	int over;	  /* it named more than GOSSIP_NAMED_MAX */
};

struct gossip {
	struct outbox *out;
	size_t peer_size; /* of the user's struct */
	unsigned role;	  /* ours */
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

/* address is the authority's own; one that is over ADDRESS_MAX counts as
 * empty. */
void gossip_init(struct gossip *, const struct id *own, uint64_t seed,
    unsigned role, struct slice address, size_t peer_size, struct outbox *);
void gossip_free(struct gossip *); /* and all peers */

/* A peer of any role has linked: its struct, where all after struct gossip_peer
 * is zero; NULL with ENOMEM. The peer is told the authorities. */
void *gossip_up(struct gossip *, int64_t now, uint32_t handle,
    const struct peer_info *);
/* It is gone: this frees its struct. */
void gossip_down(struct gossip *, int64_t now, struct gossip_peer *);

void *gossip_find(const struct gossip *, uint32_t handle); /* or NULL */
/* Walk authorities or brokers, from NULL to NULL. */
struct gossip_peer *gossip_next(const struct chain *,
    const struct gossip_peer *);
/* The address where others reach an authority; empty if it is not known. It
 * ends with a NUL, and is good until the peer tells another address. */
struct slice gossip_address(const struct gossip_peer *);
/* An address that the peer told. If it names no particular host, the host is
 * the one that the peer's link comes from, and the address is made in buf. */
struct slice gossip_resolve(const struct gossip_peer *, struct slice address,
    char buf[ADDRESS_MAX + 1]);

/* Is this authority a home of the broker, as far as it knows the others? */
int gossip_is_home(const struct gossip *, const struct id *broker);

/* A peer told us about authorities, perhaps about itself. An authority dials
 * those that it is not linked to. 0, or -1 with errno. */
int gossip_hear(struct gossip *, int64_t now, struct gossip_peer *,
    const struct msg_peers *);

/* Tell the news that are due. */
void gossip_tick(struct gossip *, int64_t now);
int64_t gossip_deadline(const struct gossip *);

/*
 * Rendezvous hashing (Thaler and Ravishankar, "Using Name-Based Mappings to
 * Increase Hit Rates", 1998): all processes that know the same authorities
 * agree, without a message, on which of them come first for a module, or for a
 * broker. When an authority comes or goes, only those modules and brokers move
 * that it is among the first for. The name is that of the module, or the bytes
 * of the broker's instance id.
 */

/* The authority's weight for the name: the highest comes first. */
uint64_t rendezvous_weight(const struct id *authority, struct slice name);

/* Does a come before b for the name? Of equal weights, the lower id does. */
int rendezvous_before(const struct id *a, const struct id *b,
    struct slice name);

#endif
