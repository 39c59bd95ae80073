#ifndef LISTENER_STATE_H
#define LISTENER_STATE_H

/*
 * The listener core's state, shared by listener.c and listener_share.c and by
 * nobody else.
 */

#include "listener.h"
#include "map.h"

#define ORDER	      1	   /* the only one that a listener has */
#define CONTACT_MAX   1024 /* bytes of an encoded contact */
#define REASON_BYTES  128
#define SETTLED_MAX   LIST_MAX
#define QUANTITY_MAX  UINT32_MAX

/* One channel, from its start until nothing of it is left. */
struct chan {
	uint32_t tag;
	uint32_t peer;	/* its control link; 0 while it has none */
	uint64_t held;	/* granted and not returned */
	int asked;	/* for a grant, so its own peer is proven */
	int old;	/* started before the newest publish */
	int waiting;	/* it was told so, with these: */
	uint64_t buyers, empty, share;
};

struct listener {
	struct outbox out;
	struct id own;
	struct slice module;	 /* ours, on the heap */
	struct slice attrs;	 /* likewise */
	unsigned char contact[CONTACT_MAX];
	size_t contact_len;
	uint64_t capacity;
	uint64_t held;		 /* of all channels */
	size_t holders;		 /* channels that hold something */
	struct map tags, peers;	 /* of channels */
	uint32_t broker;	 /* 0: none */
	int sell;		 /* to be sent at the end of the turn */
	int whole;		 /* and with attributes and contact */
	int64_t sell_due;
	struct buf settled;	 /* since the last sell: an encoded list */
	uint64_t buyers, empty;	 /* that stand unmet */
	int64_t waiting_until;
	int tell;		 /* waiting may have changed for channels */
	struct outbox_once refused; /* on this link */
	int stopping, stopped;
};

/* listener_share.c: what buyers that wait mean for the channels. */
int listener_on_waiting(struct listener *, int64_t, const struct msg_waiting *);
/* Tell each channel who waits and what its fair share is, where that is not
 * what it was told. */
int listener_tell_waiting(struct listener *);

#endif
