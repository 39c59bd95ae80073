#ifndef PLB_REQUEST_H
#define PLB_REQUEST_H

/*
 * The requests of a PLB that have no answer yet. Each is in two lists: where it
 * is (the queue, or the channel it was sent to) and whose it is (the client).
 * Slots are used again, so that in a steady state nothing is allocated; an id
 * holds slot and serial number, so that a late answer finds nothing.
 */

#include <stdint.h>

#include "msg.h"

#define REQUESTS_MAX (1u << 20) /* at a time */
#define REQUEST_COPY 1024	 /* bytes; larger copies are no spares */
#define REQUEST_SPARES 64	 /* of those, kept */

enum { REQUEST_PLACE, REQUEST_OWNER, REQUEST_LISTS };

struct request {
	uint64_t id;	    /* on the channel's connection; 0 in a free slot */
	uint64_t client_id; /* as the client numbers it */
	uint32_t client;    /* peer; 0: the program itself */
	uint32_t channel;   /* 1 + number; 0: queued */
	int64_t deadline;   /* ms; 0: none */
	unsigned retries;   /* how often it may be run again */
	int cast;
	int ran;	    /* an earlier try of it may have */
	int abandoned;	    /* the client wants no answer any more */
	unsigned char *copy; /* the request's value, when it may have to be
				sent later or again */
	size_t copy_len;
	uint32_t prev[REQUEST_LISTS], next[REQUEST_LISTS]; /* 1 + slot */
};

struct request_list {
	uint32_t head, tail; /* 1 + slot */
	size_t n;
};

struct requests {
	struct request *slot;
	size_t cap;
	uint32_t free; /* 1 + slot */
	size_t used;
	uint64_t serial;
	unsigned char *spare[REQUEST_SPARES]; /* REQUEST_COPY bytes each */
	size_t nspare;
};

/* A zeroed struct is ready. */
void requests_free(struct requests *);

/* A new one with its id, in no list; good until the next requests_add(). NULL
 * with ENOMEM, or ENOBUFS at REQUESTS_MAX. */
struct request *requests_add(struct requests *);
void requests_del(struct requests *, struct request *); /* out of its lists */
struct request *requests_find(const struct requests *, uint64_t id);

/* Keep a copy of the message, to send it later: 0, or -1 with ENOMEM. */
int request_keep(struct requests *, struct request *, const struct msg *);
void request_unkeep(struct requests *, struct request *);

/* Lists; which is REQUEST_PLACE or REQUEST_OWNER. */
void request_append(struct requests *, struct request_list *, int which,
    struct request *);
void request_prepend(struct requests *, struct request_list *, int which,
    struct request *);
void request_remove(struct requests *, struct request_list *, int which,
    struct request *);
struct request *request_first(const struct requests *,
    const struct request_list *);
struct request *request_last(const struct requests *,
    const struct request_list *);
struct request *request_next(const struct requests *, int which,
    const struct request *);

#endif
