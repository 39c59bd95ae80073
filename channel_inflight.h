#ifndef CHANNEL_INFLIGHT_H
#define CHANNEL_INFLIGHT_H

/*
 * The requests that a channel has in flight, each in a slot with a number from
 * 1. Slots are used again, so that in a steady state nothing is allocated.
 *
 * They are found by the client's ids through chains whose hash is cheap, and no
 * secret: a client that chose ids to fall on one chain would slow down its own
 * channel and no other.
 */

#include <stddef.h>
#include <stdint.h>

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
