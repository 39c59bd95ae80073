#ifndef OUTBOX_H
#define OUTBOX_H

/*
 * What a core wants done, in order: messages to send, addresses to dial,
 * things to start or say. A core appends; its shell (or the simulator) takes
 * the acts out after each step and carries them out. An outbox is bytes in
 * memory and nothing else.
 */

#include <stdint.h>

#include "buf.h"
#include "level.h"
#include "msg.h"

enum act_kind {
	ACT_SEND,   /* bytes: a whole frame, to peer */
	ACT_CLOSE,  /* end the connection of peer; bytes: why, for the log */
	ACT_DRAIN,  /* end it once all that was sent is written */
	ACT_DIAL,   /* bytes: an address; peer: a tag that comes back with the
		       peer; value: enum dial */
	ACT_UNDIAL, /* bytes: an address to dial no more; a standing
		       connection stays */
	ACT_LOG,    /* bytes: a line; value: enum log_level */
	ACT_STOP,   /* the core has finished; value: exit code */
	ACT_OWN	    /* and above: the core's own kinds, see its header */
};

/* How long an address is dialled. */
enum dial {
	DIAL_ONCE,    /* one try; failed() tells when it did not work */
	DIAL_HOUR,    /* for an hour after it was last linked */
	DIAL_FOREVER  /* a bootstrap names it */
};

struct act {
	unsigned kind;
	uint32_t peer;
	uint64_t value;
	struct slice bytes; /* good until the outbox changes */
};

#define OUTBOX_MAX  (64u * 1024 * 1024)
#define OUTBOX_KEEP (64 * 1024) /* of memory, from one use to the next */

struct outbox {
	struct buf buf;
	size_t taken; /* bytes at its front: the act that was taken last */
};

void outbox_init(struct outbox *);
void outbox_free(struct outbox *);

/*
 * Append: 0, or -1 with ENOBUFS (OUTBOX_MAX: a shell that does not take acts
 * out) or ENOMEM. A core passes the -1 on: the message it was answering closes
 * its connection, and the state behind it is soft.
 */
int outbox_act(struct outbox *, unsigned kind, uint32_t peer, uint64_t value,
    struct slice bytes);
int outbox_send(struct outbox *, uint32_t peer, const struct msg *);

/* Messages that most cores send. order is what is refused, 0: a connect; final:
 * to ask again is of no use. */
int outbox_send_drain(struct outbox *, uint32_t peer);
int outbox_send_refuse(struct outbox *, uint32_t peer, uint64_t order,
    const char *reason, int final);

/* An act of the core's own kind whose bytes are a whole frame. */
int outbox_message(struct outbox *, unsigned kind, uint32_t peer,
    uint64_t value, const struct msg *);

/* An act whose len bytes are for the caller to write, at once, where this
 * points: all of them, and then to be committed. NULL as above. */
unsigned char *outbox_reserve(struct outbox *, unsigned kind, uint32_t peer,
    uint64_t value, size_t len);
void outbox_commit(struct outbox *, size_t len);

/* A line is cut after 1023 bytes. */
int outbox_log(struct outbox *, int level, const char *fmt, ...);

/* The same, but nothing for a line that *once remembers to have said: for what
 * comes again and again, be it by turns. A zeroed struct has said nothing; zero
 * it to have it forget. */
#define OUTBOX_ONCE_LINES 32 /* remembered: the last ones */
struct outbox_once {
	uint32_t hash[OUTBOX_ONCE_LINES]; /* of a line; 0: none yet */
	unsigned next;			  /* the oldest, or none */
};
int outbox_log_once(struct outbox *, struct outbox_once *, int level,
    const char *fmt, ...);

/*
 * Take the oldest act: 1, or 0 when there is none (the memory is given back
 * then). act->bytes is good until the next call that takes or appends.
 */
int outbox_take(struct outbox *, struct act *);
int outbox_empty(const struct outbox *);

/* The message that such an act's frame holds: as msg_decode(). */
int act_message(const struct act *, struct msg *);

#endif
