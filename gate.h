#ifndef GATE_H
#define GATE_H

/*
 * Bounds on connections that have not proven who they are: how many at a time,
 * how many from one host, and for how long. It holds no descriptor: it is told
 * who came and who got through, and it says who must go, or that the next one
 * had better wait. A connection stays on
 * its books from gate_enter() until one of gate_leave(), gate_late(), or its
 * being named by another's gate_enter().
 */

#include <stdint.h>

#include "slice.h"

#define GATE_MS	      3000 /* from accepted to proven */
#define GATE_HOST_MAX 4	   /* from one address */
#define GATE_MAX      64   /* in all */
#define GATE_HOST     16   /* bytes of an address, without its port */

struct gate_entry {
	uint32_t tag; /* the owner's name for the connection, not 0 */
	int64_t since;
	unsigned char host[GATE_HOST];
	size_t host_len;
};

struct gate {
	struct gate_entry entries[GATE_MAX]; /* the oldest first */
	size_t n;
};

void gate_init(struct gate *);

/*
 * A connection came in from host (at most GATE_HOST bytes). Returns the tag of
 * the one that must go to make room for it: the oldest from that host, or of
 * all; 0 when there is room.
 */
uint32_t gate_enter(struct gate *, int64_t now, uint32_t tag,
    struct slice host);

/* Would gate_enter() from there make another one go? */
int gate_full(const struct gate *, struct slice host);

/* It is proven, or gone. No error when it is not on the books. */
void gate_leave(struct gate *, uint32_t tag);

/* A connection whose time is up, taken off the books; 0: none. */
uint32_t gate_late(struct gate *, int64_t now);

/* When gate_late() has something to say next; INT64_MAX: never. */
int64_t gate_deadline(const struct gate *);

#endif
