#ifndef CHANNEL_STATE_H
#define CHANNEL_STATE_H

/*
 * What the two halves of the channel core share: channel.c has the links and
 * the tokens, channel_run.c requests and workers.
 *
 * held = tokens + spare + requests in running.
 */

#include "channel.h"
#include "channel_pool.h"
#include "channel_inflight.h"

struct channel {
	struct outbox out;
	struct id own;
	unsigned char module_bytes[NAME_BYTES_MAX];
	struct slice module;
	enum channel_mode mode;
	enum frame_kind kind;
	uint64_t capacity; /* alone: the grant; 0 under a listener */

	uint32_t listener, client; /* peers; 0: not linked */
	int served; /* there is or was a client */
	int failed; /* there will be none */

	struct buf early; /* connects before the listener's link: frames */
	size_t asks;	  /* so many */
	size_t asked; /* of the listener, without an answer */

	uint64_t held;	   /* granted to us and not returned */
	uint64_t tokens;   /* the client's, unspent */
	uint64_t spare;	   /* nobody's: to go with the next answer */
	uint64_t giveback; /* returned at the end of the turn */

	uint64_t buyers, empty, share; /* as the listener said last */
	int64_t over; /* holds more than its share since; INT64_MAX: does not */

	uint64_t count; /* requests that came */
	struct running_table running;
	struct crew crew; /* of CHANNEL_POOL and CHANNEL_MUX */
	char died[128];	  /* how the last worker did */

	int draining;
	int64_t void_at; /* unspent tokens are void then ... */
	int voided;	 /* ... and are now */
	int closing;	 /* the client's connection is ending */
	int stopped;
};

/* channel.c */
int channel_to_client(struct channel *, const struct msg *);
/* A request's token is free: how many go to the client with its answer. */
uint64_t channel_regrant(struct channel *, int64_t now);
/* It is free, and there is no answer for it to go with. */
void channel_free_token(struct channel *);

/* channel_run.c */
int channel_on_request(struct channel *, int64_t now,
    const struct msg_request *);
int channel_on_abandon(struct channel *, const struct msg_abandon *);
/* The client is gone: all but casts is abandoned. */
void channel_abandon_all(struct channel *);
/* Times that are up; idle workers beyond what is held. */
void channel_run_tick(struct channel *, int64_t now);

#endif
