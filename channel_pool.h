#ifndef CHANNEL_POOL_H
#define CHANNEL_POOL_H

/*
 * The long-lived workers of a channel, as numbers from 1: which of them takes
 * the next request, when another must be started, and when it is too early to
 * try again because they die at once. It starts and kills nothing.
 *
 * A worker that ends without having answered one request has died at once.
 * After CREW_FAILS of those in a row nothing is started for a while, from
 * CREW_BACKOFF_MIN_MS, doubled each time, to CREW_BACKOFF_MAX_MS.
 */

#include <stddef.h>
#include <stdint.h>

#define CREW_BACKOFF_MIN_MS 100
#define CREW_BACKOFF_MAX_MS 10000
#define CREW_FAILS	    3

enum member_state {
	MEMBER_NONE, /* the number is free */
	MEMBER_IDLE,
	MEMBER_BUSY,
	MEMBER_LEAVING /* told to end, whatever it has in hand */
};

struct member {
	enum member_state state;
	uint32_t load;	  /* requests it has */
	uint32_t request; /* the last it was given: number of its slot */
	int useful;	  /* it has answered one */
	uint32_t below;	  /* the next idle one; 0: none */
};

struct crew {
	int shared; /* one worker takes all (mux) */
	struct member *member;
	size_t n;	/* numbers there are */
	size_t alive;	/* of them in use */
	size_t leaving; /* of these */
	uint32_t idle;	/* idle workers, the last used first */
	uint32_t taker; /* shared: who takes all; 0: nobody yet */
	unsigned fails; /* died at once, in a row */
	int64_t retry;	/* start nothing before */
};

void crew_init(struct crew *, int shared);
void crew_free(struct crew *);

/*
 * The worker for a request of that slot; *start is set to 1 when it has to be
 * started first. 0 with EAGAIN: they die at once, later; or ENOMEM.
 */
uint32_t crew_take(struct crew *, int64_t now, uint32_t request, int *start);

/* The worker has one request less; answered: because it answered it. */
void crew_done(struct crew *, uint32_t worker, int answered);

/* The worker is told to end, and takes no more. */
void crew_leave(struct crew *, uint32_t worker);

/* It has ended: the number is free. Returns the state it was in. */
enum member_state crew_ended(struct crew *, int64_t now, uint32_t worker);

/* NULL when there is none of that number. */
const struct member *crew_member(const struct crew *, uint32_t worker);

/* The idle worker that is on top, or 0. */
uint32_t crew_idle(const struct crew *);

#endif
