#ifndef CHANNEL_INFLIGHT_H
#define CHANNEL_INFLIGHT_H

/*
 * The requests that a channel runs, each in a slot with a number from 1. Slots
 * are used again, so that in a steady state nothing is allocated.
 *
 * They are found by the client's ids through chains whose hash is cheap, and no
 * secret: a client that chose ids to fall on one chain would slow its own
 * channel down and nobody else's.
 */

#include <stddef.h>
#include <stdint.h>

#define RUNNING_MAX 65535 /* a number fits 16 bits, and is not 0 */

struct running {
	uint64_t id;	 /* as the client numbers it */
	uint64_t count;	 /* as the log does: those of this channel, from 1 */
	uint32_t number; /* of the slot */
	uint32_t mux;	 /* its id in a mux frame: slot, and a serial number, so
			    that a late reply finds nothing */
	uint32_t worker; /* who runs it */
	int64_t due;	 /* when its time is up; INT64_MAX: never */
	unsigned used : 1;
	unsigned cast : 1;
	unsigned answered : 1;	/* the client has its one answer */
	unsigned abandoned : 1; /* the client wants none */
	unsigned late : 1;	/* its time was up */
	struct running *next;	/* free one, or the next of its chain */
};

struct running_table {
	struct running **slot;
	struct running **chain; /* as many as cap, a power of two */
	size_t cap, n;		/* slots there are, slots made */
	size_t used;
	size_t unanswered;
	struct running *free;
	uint64_t seed;
	uint16_t serial;
	int64_t due; /* not after the first that is due */
};

void running_init(struct running_table *, uint64_t seed);
void running_free(struct running_table *);

/* A new one, not answered, with no deadline: NULL with EEXIST, ENOBUFS at
 * RUNNING_MAX, or ENOMEM. */
struct running *running_add(struct running_table *, uint64_t id);
void running_del(struct running_table *, struct running *);

void running_answered(struct running_table *, struct running *);
void running_limit(struct running_table *, struct running *, int64_t due);

/* By the client's id, by the slot's number, by the id in a mux frame; NULL. */
struct running *running_find(const struct running_table *, uint64_t id);
struct running *running_at(const struct running_table *, uint32_t number);
struct running *running_mux(const struct running_table *, uint64_t mux);

/* Walk: start with *pos = 0, ends with NULL; the one shown may be deleted. */
struct running *running_next(const struct running_table *, size_t *pos);

/* Walk those whose time is up, which have no deadline any more then: as above,
 * and to be walked to the end. */
struct running *running_late(struct running_table *, int64_t now, size_t *pos);
int64_t running_deadline(const struct running_table *);

#endif
