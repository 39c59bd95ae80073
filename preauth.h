#ifndef PREAUTH_H
#define PREAUTH_H

/*
 * Admission of connections whose peer has not authenticated. It holds no
 * descriptor: it is told which connection came, what is known of it and which
 * one authenticated, and says which one must go, or when the next may come. A
 * connection is on its books from preauth_enter() until preauth_leave() or
 * preauth_late() removes it, or until another's preauth_enter() names it as the
 * one to go.
 *
 * There is a number of places. When all are taken, one that has had its grace
 * and has said nothing yet that only a holder of the key can have made goes for
 * the next: of the host that has most, the oldest. One that has said so keeps
 * its place until its time is up. Where nobody may go, nobody comes: the owner
 * leaves connections where they wait, until preauth_opens().
 *
 * The hub has one for its links, and the listener one for those that will have
 * a channel.
 */

#include <stddef.h>
#include <stdint.h>

#include "slice.h"

#define PREAUTH_MS	 3000 /* from accepted to authenticated */
#define PREAUTH_GRACE_MS 200  /* in which a silent one goes for no other */
#define PREAUTH_ENTRIES	 256  /* at most, whatever max is asked for */
#define PREAUTH_HOST	 8    /* bytes of an address that tell hosts apart: an
				 IPv6 /64 is one */

struct preauth_entry {
	uint32_t tag;  /* the owner's name for the connection, not 0 */
	int64_t since; /* it was accepted */
	int good;      /* preauth_good() */
	unsigned char host[PREAUTH_HOST]; /* and zeros */
};

struct preauth {
	size_t max;
	struct preauth_entry *entries; /* the oldest first */
	size_t n, cap;
};

/* max is 1 to PREAUTH_ENTRIES. */
void preauth_init(struct preauth *, size_t max);
/* The same for a process that may have that many descriptors: PREAUTH_ENTRIES
 * at most, or a quarter of these. */
void preauth_bound(struct preauth *, size_t descriptors);
void preauth_free(struct preauth *);

/* From when on one more may enter: INT64_MIN where one may now. */
int64_t preauth_opens(const struct preauth *, int64_t now);

/*
 * A connection from host (addr_host()) was accepted and enters. Returns the tag
 * of the one that must go to make room for it, or 0; its own tag where none may
 * go, or when there is no memory for it.
 */
uint32_t preauth_enter(struct preauth *, int64_t now, uint32_t tag,
    struct slice host);

/* What came over it was made by a holder of the key, if not now. */
void preauth_good(struct preauth *, uint32_t tag);

/* It has authenticated, or is gone. 1, or 0 when it is not on the books. */
int preauth_leave(struct preauth *, uint32_t tag);

/* A connection whose time is up, taken off the books; 0: none. */
uint32_t preauth_late(struct preauth *, int64_t now);

/* When preauth_late() has something to say next; INT64_MAX: never. */
int64_t preauth_deadline(const struct preauth *);

/*
 * Limits log lines about connections that fail before authenticating. Anybody
 * can make such connections, as many as they like, so a line for each would let
 * them fill the disk. A host has one line a minute, all hosts together have
 * LOGLIMIT_LINES, and a minute after the first connection that had no line one
 * more line tells how many there were.
 */

#define LOGLIMIT_MS	60000
#define LOGLIMIT_LINES 10 /* in any LOGLIMIT_MS */
#define LOGLIMIT_HOST  16 /* bytes of an address, without its port */

/* All zero at the start. */
struct loglimit {
	struct loglimit_line {
		int64_t at;
		unsigned char host[LOGLIMIT_HOST];
		size_t host_len;
	} *line; /* of the last minute, the oldest first */
	size_t cap, n; /* LOGLIMIT_LINES at most */
	unsigned long more; /* connections that had no line */
	int64_t since;	    /* the first of them; good while more is not 0 */
};

void loglimit_free(struct loglimit *);

/* A connection from host (at most LOGLIMIT_HOST bytes; empty where it has no
 * address) was closed: 1 when it may have its line, or 0, and it is counted. */
int loglimit_say(struct loglimit *, int64_t now, struct slice host);

/* A minute after the first that was counted: how many there are, and counting
 * begins anew. 0 before then, or when there are none. */
unsigned long loglimit_more(struct loglimit *, int64_t now);

/* When loglimit_more() has something to tell; INT64_MAX: nothing. */
int64_t loglimit_deadline(const struct loglimit *);

#endif
