#ifndef LISTENER_DOOR_H
#define LISTENER_DOOR_H

/*
 * The handshake with one dialler, before it has a channel. It takes message 1
 * from the socket, answers it, and looks at the first record without taking it:
 * that is the channel's, which goes on with the link (link_export()). No
 * process is needed until the dialler is authenticated.
 */

#include "link.h"

struct listener_door {
	struct link link;
	struct link_self self; /* as the channel that goes on with the link; a
				  lambda-ctl is answered as by a listener */
	struct buf out;
	unsigned char in[2 + LINK_HANDSHAKE_MAX]; /* of message 1, so far */
	size_t have;
	int partial; /* part of the first record is here */
	const char *why; /* after -1: a sentence for the log, static */
};

/* keys: those of the listener. */
void listener_door_open(struct listener_door *, const struct link_self *keys,
    int64_t now);
void listener_door_close(struct listener_door *);

/*
 * The dialler is authenticated, and has no channel: tell it why, as far as it
 * takes that at once. The connection is of no use afterwards.
 */
void listener_door_refuse(struct listener_door *, int fd, const char *reason);

/*
 * The socket can be read, or may be. 1 when the dialler is authenticated; 0
 * when more must come: look again when there is something to read, or after a
 * while where a part is there already; -1 with errno (0: it has closed) when
 * the connection must close, and the dialler has been told why as far as it can
 * be.
 */
int listener_door_look(struct listener_door *, int fd, int64_t now);

#endif
