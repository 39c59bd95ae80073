#ifndef PREAUTH_H
#define PREAUTH_H

/*
 * Bounds on connections that have not proven who they are: how many at a time,
 * how many from one host, and for how long. It holds no descriptor: it is told
 * who came and who got through, and it says who must go, or when the next one
 * may come. A connection stays on its books from preauth_enter() until
 * preauth_leave() or preauth_late() removes it, or another's preauth_enter() names it as
 * the one to go.
 *
 * The listener has one for its channels, which wait for their turn; the hub one
 * for its links, of which the oldest goes at once.
 */

#include <stdint.h>

#include "slice.h"

#define PREAUTH_MS	      3000 /* from accepted to proven */
#define PREAUTH_GRACE_MS 200  /* nobody who waits is let in for one who has had
			      less than this to prove himself */
#define PREAUTH_ENTRIES  256  /* no gate has more */
#define PREAUTH_HOST     16   /* bytes of an address, without its port */

struct preauth_entry {
	uint32_t tag; /* the owner's name for the connection, not 0 */
	int64_t since;	 /* it was accepted */
	int64_t entered; /* it was let in, to prove itself */
	unsigned char host[PREAUTH_HOST];
	size_t host_len;
};

struct preauth {
	size_t max, host_max; /* in all, and from one host */
	struct preauth_entry entries[PREAUTH_ENTRIES]; /* the oldest first, as they
						    entered */
	size_t n;
};

/* max is 1 to PREAUTH_ENTRIES, host_max 1 to max. */
void preauth_init(struct preauth *, size_t max, size_t host_max);

/*
 * A connection from host (at most PREAUTH_HOST bytes) that was accepted at since
 * enters. Returns the tag of the one that must go to make room for it: the
 * oldest from that host, or of all; 0 when there is room.
 */
uint32_t preauth_enter(struct preauth *, int64_t now, int64_t since, uint32_t tag,
    struct slice host);

/* From when on one more from host may enter, though another has to go for it:
 * INT64_MIN while there is room. */
int64_t preauth_opens(const struct preauth *, struct slice host);

/* It is proven, or gone. 1, or 0 when it is not on the books. */
int preauth_leave(struct preauth *, uint32_t tag);

/* A connection whose time is up, taken off the books; 0: none. */
uint32_t preauth_late(struct preauth *, int64_t now);

/* When preauth_late() has something to say next; INT64_MAX: never. */
int64_t preauth_deadline(const struct preauth *);

#endif
