#ifndef LISTENER_ACCEPTOR_H
#define LISTENER_ACCEPTOR_H

/*
 * Accepts the listener's connections, shakes hands with the dialler
 * (listener_door.h), and starts a channel for each that is authenticated. The
 * channel has the connection on its descriptors 0 and 1, the keys of that link
 * only, a control link to the listener, and one end of a liveness pipe that its
 * workers inherit: when that closes, nothing of the channel is left, and the
 * listener core hears of it. Processes that a failed channel has left running
 * get SIGTERM, and SIGKILL a second later. A lambda-ctl gets a link to the
 * listener itself instead.
 *
 * Connections of unauthenticated peers are bounded as the hub's are, and have
 * PREAUTH_MS from accepted to authenticated (preauth.h).
 */

#include "hub.h"
#include "listener.h"
#include "program.h"

struct listener_acceptor;

/*
 * fd is a listening socket, which becomes the acceptor's. argv is what channels
 * are run with, and stays the caller's; file is the program that they run. Dies
 * (111) without memory.
 */
struct listener_acceptor *listener_acceptor_open(struct hub *,
    struct listener *, int fd, char *const *argv, const struct program_file *);

/* The program of the channels that are started from now on. Its descriptor is
 * passed on to them, and must stay open until another takes its place. Dies
 * (111) without memory. */
void listener_acceptor_program(struct listener_acceptor *,
    const struct program_file *);

/* SIGTERM to what channels that have ended have left running; SIGKILL to all
 * channels, and to all that they have running. */
void listener_acceptor_end_rest(struct listener_acceptor *);
void listener_acceptor_kill(struct listener_acceptor *);

/* Accept no more; channels stay. */
void listener_acceptor_close(struct listener_acceptor *);
void listener_acceptor_free(struct listener_acceptor *);

#endif
