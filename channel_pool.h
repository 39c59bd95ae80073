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

#endif
