#ifndef HUB_LINK_H
#define HUB_LINK_H

/*
 * One connection of the hub: its I/O, its protocol, its life as the core is
 * told it. Shared by hub.c and hub_link.c, and by nobody else.
 */

#include "hub.h"

#define HUB_OUTBOX_MARK (64 * 1024) /* the outbox is carried out above it */
#define HUB_PEER_TEXT	(ADDR_TEXT_MAX + 32)

struct hub_link {
	struct hub *hub;
	struct conn conn;
	struct link link;
	struct timer timer; /* the link's deadline */
	uint32_t handle;
	uint32_t tag;
	int up;		   /* the core knows it */
	int target;	   /* dialled by peers.c, which wants to know */
	int throttled;	   /* not read from: its queue is above the mark, */
	int paused;	   /* or its owner said so */
	int draining;	   /* it ends when all is written */
	int64_t waiting;   /* since when it should take what is queued: it is
			      throttled or draining */
	const char *why;   /* closed for this reason, for the log */
	char *address;	   /* as dialled, or the remote one; "" on a pipe */
};

/* Make a link of descriptors; address becomes the link's own, and NULL stands
 * for want of memory. NULL with errno (the descriptors stay the caller's). */
struct hub_link *hub_link_new(struct hub *, int in, int out, int connecting,
    int dialler, uint32_t tag, char *address);

/* End it at once, and all that follows from that; not from a callback of its
 * own. */
void hub_link_abort(struct hub_link *, int error, const char *why);

/* Free it at once, telling nobody. */
void hub_link_free(struct hub_link *);

/* By handle, or NULL. */
struct hub_link *hub_link_find(const struct hub *, uint32_t handle);

/* What the log calls the peer; returns buf. */
const char *hub_link_name(const struct hub_link *, char buf[HUB_PEER_TEXT]);

/* Stop reading from it, and go on. */
void hub_link_pause(struct hub_link *, int paused);

/* Close it once all that is queued is written, or once none of it is taken for
 * HUB_STUCK_MS. */
void hub_link_drain(struct hub_link *);

/* Queue a frame. One that does not read it all is closed. */
void hub_link_send(struct hub_link *, struct slice frame);

/* Tell the core that what it wanted dialled, with this tag, did not come up:
 * does it take over to say it? */
int hub_tell_failed(struct hub *, uint32_t tag, int error, const char *why);

/* Dialling the address, or the handshake after it, failed with that errno, or 0
 * (peers.h). Tells peers.c, and the core or the log. */
void hub_dial_failed(struct hub *, struct slice address, uint32_t tag,
    int error, const char *why);

/* Carry out what the core's outbox holds (hub.c). */
void hub_flush(struct hub *);

#endif
