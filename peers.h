#ifndef PEERS_H
#define PEERS_H

/*
 * A core that decides which addresses to dial and when, and which of several
 * links to one instance stays. The driver (hub.c) tells it what happens to
 * connections, and does what it says.
 *
 * A target is an address to keep a link to. After a failure it is dialled again
 * with exponential back-off and full jitter, from PEERS_BACKOFF_MIN_MS to
 * PEERS_BACKOFF_MAX_MS (Brooker, "Exponential Backoff and Jitter", 2015). If
 * the target's peer is linked over another connection (it has dialled us, or
 * has a second address), the target rests until that connection is gone. A
 * target that turns out to be this process is dialled as rarely as one that
 * never answers.
 *
 * A link that has stood for PEERS_BACKOFF_MAX_MS resets the back-off. A link
 * that is lost sooner does not, so that a peer that dies at once each time is
 * not hammered.
 *
 * There is one link for each instance and role. Of two links that different
 * ends dialled, the one dialled by the lower instance id stays; of two that one
 * end dialled, the one that it dialled later.
 */

#include <stdint.h>

#include "core.h"
#include "heap.h"
#include "map.h"
#include "msg.h"
#include "rng.h"

#define PEERS_BACKOFF_MIN_MS 100
#define PEERS_BACKOFF_MAX_MS 10000
#define PEERS_KEEP_MS	     (3600 * 1000)
#define PEERS_TARGET_MAX     65536

struct peers {
	struct id own;
	struct rng rng;
	struct map targets;   /* by address */
	struct map instances; /* linked peers, by instance and role */
	struct heap waiting;  /* targets, the next to dial first */
};

void peers_init(struct peers *, const struct id *own, uint64_t seed);
void peers_free(struct peers *);

/*
 * Keep a link to the address: once, for an hour, or for ever; if it is asked
 * for several times, the longest counts. An address is one target: its tag is
 * the last that was given, and comes back with it. Asking again does not
 * shorten a back-off. DIAL_ONCE dials again if an earlier DIAL_ONCE is linked,
 * since another process may answer there. -1 with ENOMEM, ENOBUFS (at
 * PEERS_TARGET_MAX), or EINVAL (the address is empty or over ADDRESS_MAX).
 */
int peers_want(struct peers *, int64_t now, struct slice address, enum dial,
    uint32_t tag);

/* Forget the address now, so that it is no longer dialled. A link to it stays.
 * The address need not be known. */
void peers_unwant(struct peers *, struct slice address);

/* Take the next address to dial now: 1 with address and tag, or 0. It counts as
 * being dialled until peers_failed() or peers_up(). The slice is good until the
 * target is forgotten. */
int peers_dial(struct peers *, int64_t now, struct slice *address,
    uint32_t *tag);
int64_t peers_deadline(const struct peers *);

/*
 * Dialling, or the handshake after it, has failed with this errno (link.h; 0:
 * the peer closed; ELOOP: it was this process). A DIAL_ONCE target is
 * forgotten. Returns 1 if that is news for the log: the target has not failed
 * in this way since it was last linked. ELOOP is one way, and so is each error
 * of peers_final(); all other errors are one way together. Otherwise 0, also
 * for a target that is not being dialled.
 */
int peers_failed(struct peers *, int64_t now, struct slice address, int error);

/* Has dialling it failed since it was last linked? */
int peers_is_failing(const struct peers *, struct slice address);

/* Is it known by a peer's word alone (DIAL_HOUR)? */
int peers_is_learnt(const struct peers *, struct slice address);

/* Will dialling fail with this errno until somebody gives one of the ends
 * another key, other rights or another version? Then trying again soon will not
 * help. */
int peers_final(int error);

/*
 * A link is authenticated. address is what we dialled (empty: the peer dialled
 * us), and dialled is the dialler's count of what it dialled, link.h's.
 * *loser is set to the connection that must close: 0 none, the new link's
 * own handle (the driver closes it and reports no up()), or an older link's
 * (down() for it comes before up() for the new). handle is not 0. -1 with
 * ENOMEM: close the new link, whose dialling counts as failed.
 */
int peers_up(struct peers *, int64_t now, uint32_t handle, unsigned role,
    const struct id *instance, struct slice address, uint64_t dialled,
    uint32_t *loser);

/* An authenticated link is gone; call this for a loser too. Only the instance's
 * present link counts: an older one that ends late changes nothing. */
void peers_down(struct peers *, int64_t now, uint32_t handle, unsigned role,
    const struct id *instance);

#endif
