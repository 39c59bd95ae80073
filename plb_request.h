#ifndef PLB_REQUEST_H
#define PLB_REQUEST_H

/*
 * The requests of a PLB that have no answer yet. Each is in two chains: in the
 * queue or among those of the upstream that it was sent to, and among those of
 * its client, as long as that waits for the answer. Slots are used again, so
 * that only what has to wait is allocated for. An id holds slot and serial
 * number, so a late answer finds nothing.
 */

#include <stdint.h>

#include "chain.h"
#include "msg.h"

struct plb;
struct plb_client;
struct upstream;

#define REQUESTS_MAX (1u << 20) /* at a time */

struct request {
	uint64_t id;	    /* on the upstream's connection; 0 in a free slot */
	uint64_t client_id; /* as the client numbers it */
	struct plb_client *client; /* NULL: it wants no answer now */
	struct upstream *upstream; /* NULL: queued */
	int64_t deadline;   /* ms; 0: none */
	uint32_t slot;
	unsigned retries;   /* how often it may be run again */
	int cast;
	int ran;	    /* an earlier try of it may have */
	unsigned char *copy; /* the request's value, when it may have to be
				sent later or again */
	size_t copy_len;
	struct chain place;	/* in the queue, the upstream's, the free ones */
	struct chain of_client;
};

struct request_pool {
	struct request **slot;
	size_t cap;  /* slots that memory is there for */
	size_t n;    /* slots made */
	size_t used; /* slots in use */
	struct chain free;
	uint64_t serial;
};

void request_pool_init(struct request_pool *);
void request_pool_free(struct request_pool *);

/* A new one with its id, in no chain. NULL with ENOMEM, or ENOBUFS at
 * REQUESTS_MAX. */
struct request *request_add(struct request_pool *);
void request_del(struct request_pool *, struct request *); /* in no chain */
struct request *request_find(const struct request_pool *, uint64_t id);

/* Keep a copy of the message, to send it later: 0, or -1 with ENOMEM. */
int request_keep(struct request *, const struct msg *);
void request_unkeep(struct request *);

/* Walk a chain of them by place, from NULL to NULL. */
static inline struct request *
request_next(const struct chain *c, const struct request *r)
{
	return CHAIN_NEXT(c, r, struct request, place);
}

/* The same by client. */
static inline struct request *
request_next_of(const struct chain *c, const struct request *r)
{
	return CHAIN_NEXT(c, r, struct request, of_client);
}

/* In the PLB core. */

int plb_on_request(struct plb *, int64_t, uint32_t, const struct msg *);
int plb_on_abandon(struct plb *, int64_t, uint32_t, const struct msg *);
int plb_on_reply(struct plb *, int64_t, uint32_t, const struct msg *);
int plb_on_fail(struct plb *, int64_t, uint32_t, const struct msg *);

/* Send what the tokens allow. */
void request_dispatch(struct plb *, int64_t now);
/* Its client wants no answer: it leaves the queue, or is abandoned where it
 * runs. */
void request_abandon(struct plb *, struct request *);
/* The upstream is gone: run again or fail what was in flight there. */
void request_lost(struct plb *, int64_t now, struct upstream *,
    const char *why);
/* Fail those in the queue whose time is up. */
void request_expire(struct plb *, int64_t now);

#endif
