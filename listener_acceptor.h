#ifndef LISTENER_ACCEPTOR_H
#define LISTENER_ACCEPTOR_H

/*
 * The listener's door: accepts connections, looks at their first bytes without
 * taking them, and starts a channel for each that begins with a hello. The
 * channel has the connection on its descriptors 0 and 1, a control link to the
 * listener, and one end of a liveness pipe that its workers inherit: when that
 * closes, nothing of it is left, and the listener core hears so. What a channel
 * has left that did not end well gets SIGTERM, and SIGKILL a second later.
 *
 * Connections whose peer has not proven itself are bounded: so many of a host
 * have a channel (preauth.h), and so many wait until one of these is proven, has
 * ended, or has had its grace and goes for them. All have PREAUTH_MS from accepted
 * to proven.
 */

#include "hub.h"
#include "listener.h"
#include "program_file.h"

#define DOOR_CHANNELS	   64 /* of the unproven */
#define DOOR_CHANNELS_HOST 4  /* and of those from one address */

struct door;

/*
 * fd is a listening socket, which becomes the door's. argv is what channels are
 * run with, and stays the caller's. Dies (111) without memory.
 */
struct door *door_open(struct hub *, struct listener *, int fd,
    char *const *argv);

/* The channel with this tag has proven its peer (LISTENER_PROVEN). */
void door_proven(struct door *, uint32_t tag);

/* The program that channels run which are started from now on. Its descriptor
 * is passed on to them, and has to stay open until another takes its place.
 * Dies (111) without memory. */
void door_program(struct door *, const struct program_file *);

/* A signal to all channels, and to all that they have running. */
void door_signal(struct door *, int signo);

/* Accept no more; channels stay. */
void door_shut(struct door *);
void door_free(struct door *);

#endif
