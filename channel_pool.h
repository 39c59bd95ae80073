#ifndef CHANNEL_POOL_H
#define CHANNEL_POOL_H

/*
 * The long-lived workers of a channel, as numbers from 1: which of them takes
 * the next request, when another must be started, and when it is too early to
 * try again because they die at once. It starts and kills nothing.
 *
 * A worker that ends without having answered one request has died at once.
 * After POOL_FAILS of those in a row nothing is started for a while, from
 * POOL_BACKOFF_MIN_MS, doubled each time, to POOL_BACKOFF_MAX_MS.
 */

#include <stddef.h>
#include <stdint.h>

#define POOL_MAX	    0x20000 /* workers, those that leave included */
#define POOL_BACKOFF_MIN_MS 100
#define POOL_BACKOFF_MAX_MS 10000
#define POOL_FAILS	    3

enum pool_state {
	POOL_NONE, /* the number is free */
	POOL_IDLE,
	POOL_BUSY,
	POOL_LEAVING /* told to end, whatever it has in hand */
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
 * The worker for a request of that slot; *start is set to 1 when it has to be
 * started first. 0 with EAGAIN (they die at once: later), ENOBUFS or ENOMEM.
 */
uint32_t pool_take(struct pool *, int64_t now, uint32_t request, int *start);

/* The worker has one request less; answered: because it answered it. */
void pool_done(struct pool *, uint32_t number, int answered);

/* The worker is told to end, and takes no more. */
void pool_leave(struct pool *, uint32_t number);

/* It has ended: the number is free. Returns the state it was in. */
enum pool_state pool_ended(struct pool *, int64_t now, uint32_t number);

/* The worker of that number, good until the next pool_take(); NULL: none. */
struct pool_worker *pool_worker(const struct pool *, uint32_t number);

/*
 * The requests that a channel has in flight, each in a slot with a number from
 * 1. Slots are used again, so that in a steady state nothing is allocated.
 *
 * They are found by the client's ids through chains whose hash is cheap, and no
 * secret: a client that chose ids to fall on one chain would slow down its own
 * channel and no other.
 */

#define INFLIGHT_MAX 65535 /* a number fits 16 bits, and is not 0 */

struct inflight {
	uint64_t id;	 /* as the client numbers it */
	uint64_t count;	 /* as the log does: those of this channel, from 1 */
	uint32_t number; /* of the slot */
	uint32_t mux;	 /* its id in a mux frame: slot, and a serial number, so
			    that a late reply finds nothing */
	uint32_t worker; /* that runs it */
	int64_t due;	 /* when its time is up; INT64_MAX: never */
	unsigned used : 1;
	unsigned cast : 1;
	unsigned answered : 1;	/* the client has its one answer */
	unsigned abandoned : 1; /* the client wants none */
	unsigned late : 1;	/* its time was up */
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
	int64_t due; /* not after the first that is due; INT64_MAX: none is */
};

void inflight_init(struct inflight_table *, uint64_t seed);
void inflight_free(struct inflight_table *);

/* A new one, not answered, with no deadline: NULL with EEXIST, ENOBUFS at
 * INFLIGHT_MAX, or ENOMEM. */
struct inflight *inflight_add(struct inflight_table *, uint64_t id);
void inflight_del(struct inflight_table *, struct inflight *);

void inflight_answered(struct inflight_table *, struct inflight *);
void inflight_limit(struct inflight_table *, struct inflight *, int64_t due);

/* By the client's id, by the slot's number, by the id in a mux frame; NULL. */
struct inflight *inflight_find(const struct inflight_table *, uint64_t id);
struct inflight *inflight_at(const struct inflight_table *, uint32_t number);
struct inflight *inflight_mux(const struct inflight_table *, uint64_t mux);

/* Walk: start with *pos = 0, ends with NULL; the one shown may be deleted. */
struct inflight *inflight_next(const struct inflight_table *, size_t *pos);

/* Walk those whose time is up, which have no deadline after that: as above, and
 * the walk must go to the end. */
struct inflight *inflight_late(struct inflight_table *, int64_t now,
    size_t *pos);

#endif
