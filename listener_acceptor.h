#ifndef LISTENER_ACCEPTOR_H
#define LISTENER_ACCEPTOR_H

/*
 * Accepts the listener's connections, looks at their first bytes without taking
 * them, and starts a channel for each that begins with a hello. The channel has
 * the connection on its descriptors 0 and 1, a control link to the listener,
 * and one end of a liveness pipe that its workers inherit: when that closes,
 * nothing of it is left, and the listener core hears so. What a channel that
 * did not end well has left running gets SIGTERM, and SIGKILL a second later.
 *
 * Connections whose peer has not proven itself are bounded: LISTENER_UNPROVEN
 * of them have a channel, and LISTENER_UNPROVEN_HOST of one host. Others wait,
 * up to a bound, until one of these is proven, has ended, or has had its grace
 * and makes room (preauth.h). All have PREAUTH_MS from accepted to proven.
 */

#include "hub.h"
#include "listener.h"
#include "program.h"

#define LISTENER_UNPROVEN      64 /* channels whose peer is not proven */
#define LISTENER_UNPROVEN_HOST 4  /* and those of one address */

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

/* The channel with this tag has proven its peer (LISTENER_PROVEN). */
void listener_acceptor_proven(struct listener_acceptor *, uint32_t tag);

/* A signal to all channels, and to all that they have running. */
void listener_acceptor_signal(struct listener_acceptor *, int signo);

/* Accept no more; channels stay. */
void listener_acceptor_close(struct listener_acceptor *);
void listener_acceptor_free(struct listener_acceptor *);

#endif
