#ifndef LINK_H
#define LINK_H

/*
 * One link to a peer, as a core: bytes and the time go in, bytes and verdicts
 * come out. It frames messages, shakes hands (hello, proof), and keeps the
 * heartbeat. It knows no descriptor and no clock. Which of two links to one
 * instance stays, and when to dial again, is decided in peers.h.
 *
 * The handshake, lambda-protocol(7):
 *	dialler  -> hello
 *	acceptor -> hello
 *	dialler  -> proof	(where either hello asks for it)
 *	acceptor -> proof	(of zero bytes: the dialler's was wrong)
 */

#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "msg.h"
#include "crypto.h"

#define LINK_HANDSHAKE_MS 3000	/* from connected to proven */
#define LINK_ALIVE_MS	  5000	/* something is sent at least this often */
#define LINK_DEAD_MS	  15000 /* of silence */
#define LINK_LATE_MS	  1000	/* a turn later than this gives up no peer */

enum link_phase {
	LINK_HELLO, /* waiting for the peer's hello */
	LINK_PROOF, /* waiting for the peer's proof */
	LINK_UP,
	LINK_DOWN
};

/* What both ends of a link are told at its start. */
struct link_self {
	unsigned role;	    /* one bit */
	struct id instance;
	struct slice key;   /* good as long as any link of it */
	size_t message_max; /* bytes of a value */
};

struct link {
	const struct link_self *self;
	struct buf *out; /* where what is to be sent goes */
	enum link_phase phase;
	int dialler;
	uint64_t dialled; /* which of those that the dialling process dialled;
			     at the end that did not, known from the hello on */
	int prove;	/* we, or the peer, ask for a proof */
	int64_t since;	/* the start of the handshake */
	int64_t heard;	/* the last byte came */
	int64_t sent;	/* something was last queued, or stood in the queue */
	unsigned char nonce[NONCE_SIZE];
	unsigned role;	    /* the peer's, from its hello */
	struct id instance; /* likewise */
	unsigned char transcript[2][MSG_HELLO_MAX + MSG_HEAD_MAX];
	size_t transcript_len[2]; /* hellos as sent: dialler's, acceptor's */
	const char *why; /* after -1: a sentence for the log, static */
};

/*
 * Begin. dialled: how many connections this process has dialled, this one
 * included; 0 where it did not dial this one. prove: a proof is required here
 * (TCP). nonce is NONCE_SIZE fresh random bytes. A dialler queues its hello at
 * once. 0, or -1 with ENOMEM or ENOBUFS from the queue.
 */
int link_init(struct link *, const struct link_self *, uint64_t dialled,
    int prove, const unsigned char *nonce, struct buf *out, int64_t now);

/*
 * Take one frame from the n bytes at p. The first must be a hello; until the
 * link is up, frames are short (MSG_HELLO_MAX) and none but the handshake's,
 * alive or of unknown odd types. Alive and unknown odd types are taken here at
 * any time. An acceptor queues nothing before a well-formed hello has come.
 *
 * Returns the bytes taken; 0 when the frame is not whole yet; -1 with errno
 * when the connection must close: EPROTO, EBADMSG, ERANGE, EMSGSIZE (over
 * message_max), EACCES (wrong key, or none where one is required), ELOOP (it
 * is ourselves), EPROTONOSUPPORT (no version in common), ENOBUFS or ENOMEM
 * from the queue, and link->why says it in words. What is queued then still
 * goes out as far as it goes without waiting, as it may be the hello or the
 * proof that tells the other end why; there is no more input.
 *
 * When the bytes taken were an application message, *type is its type and
 * *value its value in p; otherwise *type is 0 and the phase may have become
 * LINK_UP. The value is not decoded: msg_decode() is the driver's call.
 */
ssize_t link_input(struct link *, int64_t now, const unsigned char *p,
    size_t n, unsigned *type, struct slice *value);

/* Bytes came, whole frame or not; or may have, unread while reading is paused
 * (the driver says so then). */
void link_heard(struct link *, int64_t now);

/* A connect() is done, so the time for the handshake begins now: until then it
 * was the time for connecting. Before anything came. */
void link_connected(struct link *, int64_t now);

/* Something was queued into out by others. */
void link_sent(struct link *, int64_t now);

/* When link_tick() must be called next. */
int64_t link_deadline(const struct link *);

/*
 * Time passed: queues a heartbeat where one is due. -1 with ETIMEDOUT when the
 * peer is silent for too long (but not in a turn that comes late itself: then
 * it gets another LINK_LATE_MS).
 */
int link_tick(struct link *, int64_t now);

/* Why the peer may have closed in this phase, for the log; static. */
const char *link_eof_reason(const struct link *);

/*
 * Is what stands at the front of n bytes a well-formed first hello? 1 yes, 0
 * not yet, -1 it never will be. For a listener, which forks only then.
 * MSG_HELLO_MAX + MSG_HEAD_MAX bytes are enough to know.
 */
int link_is_hello(const unsigned char *p, size_t n);

#endif
