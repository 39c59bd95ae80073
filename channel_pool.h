#ifndef CHANNEL_POOL_H
#define CHANNEL_POOL_H

/*
 * The pool: the long-lived workers of a channel, as numbers from 1. It says
 * which worker takes the next request, when another must be started, and when
 * it is too early to start one because they die at once. It starts and kills
 * nothing.
 *
 * A worker that ends without having answered a request has died at once. After
 * POOL_FAILS of these in a row no worker is started for a while: for
 * POOL_BACKOFF_MIN_MS at first, then twice as long each time, up to
 * POOL_BACKOFF_MAX_MS.
 */

#include <stddef.h>
#include <stdint.h>

#include "stream.h"

#define POOL_MAX	    0x20000 /* workers, those that leave included */
#define POOL_BACKOFF_MIN_MS 100
#define POOL_BACKOFF_MAX_MS 10000
#define POOL_FAILS	    3

enum pool_state {
	POOL_NONE, /* the number is free */
	POOL_IDLE,
	POOL_BUSY,
	POOL_LEAVING /* told to end, though it may have requests */
};

struct pool_worker {
	enum pool_state state;
	uint32_t load;	  /* requests it has */
	uint32_t request; /* the last it was given: number of its slot */
	int useful;	  /* it has answered one */
	uint32_t below;	  /* the next idle one; 0: none */
};

struct pool {
	int shared; /* one worker takes all (mux) */
	struct pool_worker *worker;
	size_t n;	/* numbers there are */
	size_t alive;	/* of them in use */
	size_t leaving; /* of these */
	uint32_t idle;	/* idle workers, the last used first; 0: none */
	uint32_t taker; /* shared: the one that takes all; 0: none yet */
	unsigned fails; /* died at once, in a row */
	int64_t retry;	/* start nothing before */
};

void pool_init(struct pool *, int shared);
void pool_free(struct pool *);

/*
 * Choose a worker for the request in that slot: its number, and *start is 1 if
 * it must be started first, else 0. 0 with EAGAIN (they die at once: try
 * later), ENOBUFS or ENOMEM.
 */
uint32_t pool_take(struct pool *, int64_t now, uint32_t request, int *start);

/* The worker has one request less; answered: it has answered that request. */
void pool_done(struct pool *, uint32_t number, int answered);

/* The worker is told to end, and takes no more. */
void pool_leave(struct pool *, uint32_t number);

/* It has ended: the number is free. Returns the state it was in. */
enum pool_state pool_ended(struct pool *, int64_t now, uint32_t number);

/* The worker of that number, good until the next pool_take(); NULL: none. */
struct pool_worker *pool_worker(const struct pool *, uint32_t number);

/*
 * The requests in flight in a channel. Each is in a slot with a number from 1.
 * Slots are used again, so in a steady state nothing is allocated.
 *
 * A hash of the client's id leads to the chain that a request is on. The hash
 * is cheap and not secret: a client that chooses ids to fill one chain slows
 * down its own channel and no other.
 */

#define INFLIGHT_MAX 65535 /* a number fits 16 bits, and is not 0 */

#define INFLIGHT_FUNCTION 40
struct inflight {
	uint64_t id;	 /* as the client numbers it */
	uint64_t count;	 /* as the log does: those of this channel, from 1 */
	uint32_t number; /* of the slot */
	uint32_t mux;	 /* its id in a mux frame: slot, and a serial number, so
			    that a late reply finds nothing */
	uint32_t worker; /* that runs it */
	int64_t due;	 /* when its time is up; INT64_MAX: never */
	int64_t at;	 /* when it came, or went to its worker, in ns */
	int64_t queued;	 /* ns that it waited for its whole body */
	char function[INFLIGHT_FUNCTION]; /* for the log; it may be cut */
	unsigned used : 1;
	unsigned cast : 1;
	unsigned answered : 1;	/* the client has its one answer */
	unsigned abandoned : 1; /* the client wants none */
	unsigned late : 1;	/* its time was up */
	unsigned ended : 1;	/* it counts as such */
	unsigned streams : 1;	/* its output may be sent in pieces */
	unsigned errors : 1;	/* its standard error may, too */
	unsigned wrote : 1;	/* some of its output is sent */
	unsigned more : 1;	/* more of its body is to come */
	unsigned whole : 1;	/* which is kept until all of it is there */
	unsigned deaf : 1;	/* its program reads no more of it */
	unsigned named : 1;	/* the answer names the host */
	unsigned unwanted : 1;	/* the client wants no more of its output */
	struct stream body;	/* what of it came in pieces */
	uint64_t left[STREAM_PARTS]; /* of output and standard error: bytes that
					may be sent */
	struct buf said;	/* its last line of standard error */
	struct buf kept;	/* whole: function, arguments, and the body as
				   far as it is there */
	size_t function_len, args_len;
	struct inflight *next;	/* the next free one, or of its chain */
};

struct inflight_table {
	struct inflight **slot;
	struct inflight **chain; /* as many as cap, a power of two */
	size_t cap, n;		/* slots there are, slots made */
	size_t used;
	size_t unanswered;
	struct inflight *free;
	uint64_t seed;
	uint16_t serial;
	int64_t due; /* no later than the first that is due; INT64_MAX: none */
};

void inflight_init(struct inflight_table *, uint64_t seed);
void inflight_free(struct inflight_table *);

/* Add a request that is not answered and has no deadline. NULL with EEXIST (the
 * id is in flight), ENOBUFS (at INFLIGHT_MAX) or ENOMEM. */
struct inflight *inflight_add(struct inflight_table *, uint64_t id);
void inflight_del(struct inflight_table *, struct inflight *);

void inflight_answered(struct inflight_table *, struct inflight *);
void inflight_limit(struct inflight_table *, struct inflight *, int64_t due);

/* Find a request by the client's id, by the number of its slot, or by its id in
 * a mux frame; or NULL. */
struct inflight *inflight_find(const struct inflight_table *, uint64_t id);
struct inflight *inflight_at(const struct inflight_table *, uint32_t number);
struct inflight *inflight_mux(const struct inflight_table *, uint64_t mux);

/* Walk: start with *pos = 0; ends with NULL. The caller may delete the one that
 * is returned. */
struct inflight *inflight_next(const struct inflight_table *, size_t *pos);

/* Walk those whose time is up; they have no deadline after that. As above, but
 * the walk must go to its end. */
struct inflight *inflight_late(struct inflight_table *, int64_t now,
    size_t *pos);

#endif
