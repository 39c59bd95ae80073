#ifndef CORE_H
#define CORE_H

/*
 * A core is the state machine of one role. It has no descriptor, no clock, no
 * system call, no randomness and no log of its own. Its driver is hub.c, on
 * real sockets or on the simulator's network: it calls the six functions below,
 * and carries out what the core puts into its outbox.
 *
 * A peer is a handle that the driver chose. It is valid from up() to down() and
 * is not 0. No two live peers share its low 16 bits, so a core can index an
 * array by them. A core never sees two live links of one instance and role: the
 * driver calls down() for the older before up() for the newer (peers.h).
 */

#include <stdint.h>

#include "buf.h"
#include "exit.h"
#include "msg.h"

struct peer_info {
	unsigned role; /* one bit of enum role */
	struct id instance;
	uint32_t tag;	       /* of the dial; 0 when the peer dialled us */
	struct slice address;  /* as dialled, or the peer's remote address;
				  empty if it came in on a Unix socket */
	struct slice local;    /* our end's address, without the port */
};

/* Why a request fails that ran for longer than its host, or its PLB, may wait
 * when it ends. */
#define CORE_DRAINED "its host was drained"

/* What the reason of failed() begins with where the peer speaks something else
 * than the protocol: what it wrote follows, as far as it fits, on one line. */
#define CORE_FOREIGN "wrote something that is not the protocol: "
/* Such a reason, of what was written: free() it. NULL with ENOMEM. */
char *core_foreign(struct slice);

struct core_ops {
	unsigned role;
	/* The peer is linked and authenticated. The slices are good for the
	 * call. */
	void (*up)(void *core, int64_t now, uint32_t peer,
	    const struct peer_info *);
	/* It is gone, for whatever reason; also after the core's own
	 * ACT_CLOSE. */
	void (*down)(void *core, int64_t now, uint32_t peer);
	/* A message that msg_allowed() lets through. 0; or -1 with errno
	 * (EPROTO for a message that makes no sense now): the driver closes
	 * the peer, and down() follows. */
	int (*message)(void *core, int64_t now, uint32_t peer,
	    const struct msg *);
	/* A link that was dialled or adopted with a tag did not come up. The
	 * driver dials it again if it must be kept. final: that will fail too,
	 * until somebody changes something, such as the key of an end. The core
	 * tells the peers that it matters to. Without a tag, or where this is
	 * NULL, the driver logs it. */
	void (*failed)(void *core, int64_t now, uint32_t tag,
	    struct slice reason, int final);
	/* Time has passed: called at or after deadline(), and after each batch
	 * that the driver has delivered. */
	void (*tick)(void *core, int64_t now);
	/* When tick() must be called next, in ms; INT64_MAX: never. */
	int64_t (*deadline)(const void *core);
};

/*
 * The outbox: what a core wants done, in order. Each act is a message to send,
 * an address to dial, or something to start or say. The core appends acts; the
 * driver takes them out after each step and carries them out. An outbox is
 * bytes in memory and nothing else.
 */

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
	struct slice bytes; /* good until the next act is taken */
};

#define OUTBOX_MAX  (64u * 1024 * 1024)
#define OUTBOX_KEEP (256 * 1024) /* of memory, from one use to the next */

/* What is appended never moves what is being carried out: that stands in memory
 * of its own, and the two change places when it has run empty. */
struct outbox {
	struct buf buf;	/* appended, and not yet looked at */
	struct buf out;	/* being carried out */
	size_t taken;	/* bytes at its front: the act that was taken last */
	const int64_t *clock; /* the driver's, in ns; NULL: it has none */
};

void outbox_init(struct outbox *);
void outbox_free(struct outbox *);

/* The time in nanoseconds, to measure with and for nothing else: now, in ms, as
 * far as the driver knows no better. */
static inline int64_t
outbox_ns(const struct outbox *o, int64_t now)
{
	return o->clock == NULL ? now * 1000000 : *o->clock;
}

/*
 * Append an act: 0, or -1 with ENOBUFS (over OUTBOX_MAX: nobody takes acts out)
 * or ENOMEM. A core returns the -1 from message(), so the peer that it was
 * answering is closed; this loses nothing, since all state is soft.
 */
int outbox_act(struct outbox *, unsigned kind, uint32_t peer, uint64_t value,
    struct slice bytes);
int outbox_send(struct outbox *, uint32_t peer, const struct msg *);

/* Messages that most cores send. order is the order that is refused, or 0 for a
 * connect; final: asking again will not help. */
int outbox_send_drain(struct outbox *, uint32_t peer);
int outbox_send_refuse(struct outbox *, uint32_t peer, uint64_t order,
    const char *reason, int final);
/* A connect asks for another module than our own, for good. */
int outbox_send_refuse_module(struct outbox *, uint32_t peer, struct slice own,
    struct slice asked);

/* An act of the core's own kind whose bytes are a whole frame. */
int outbox_message(struct outbox *, unsigned kind, uint32_t peer,
    uint64_t value, const struct msg *);

/* Reserve an act of len bytes. The caller writes all of them at once where this
 * points, and then commits them. NULL as above. */
unsigned char *outbox_reserve(struct outbox *, unsigned kind, uint32_t peer,
    uint64_t value, size_t len);
void outbox_commit(struct outbox *, size_t len);

/* A line of log, cut after 1023 bytes. */
int outbox_log(struct outbox *, int level, const char *fmt, ...);

/* The same, except for a line that was said before: for events that repeat,
 * also in turns. *once remembers the last OUTBOX_ONCE_LINES lines; a zeroed
 * struct remembers none. */
#define OUTBOX_ONCE_LINES 32
struct outbox_once {
	uint32_t hash[OUTBOX_ONCE_LINES]; /* of a line; 0: none yet */
	unsigned next;			  /* the oldest, or none */
};
int outbox_log_once(struct outbox *, struct outbox_once *, int level,
    const char *fmt, ...);

/*
 * Take the oldest act: 1, or 0 when there is none (and then memory is freed
 * that is over OUTBOX_KEEP). act->bytes is good until the next call that takes.
 */
int outbox_take(struct outbox *, struct act *);

/* Bytes of acts that wait to be taken. */
size_t outbox_len(const struct outbox *);

/* Decode the message in the act's frame; returns as msg_decode(). */
int act_message(const struct act *, struct msg *);

/*
 * A scratch is memory that a core writes a list into, before the list goes into
 * a message. It is kept from one list to the next, so a list costs no
 * allocation.
 */

#define SCRATCH_KEEP (64 * 1024) /* more than this is not kept */

struct scratch {
	unsigned char *p;
	size_t cap;
	struct tlv_writer w;
};

void scratch_init(struct scratch *);
void scratch_free(struct scratch *);

/* Begin a list of at most n bytes: 0, or -1 with ENOMEM. */
int scratch_begin(struct scratch *, size_t n);

/* Append an element: 1, or 0 when there is no room. */
int scratch_item(struct scratch *, const struct schema *, const void *);
int scratch_bytes(struct scratch *, struct slice);

/* What was written; good until scratch_begin(). */
struct slice scratch_slice(const struct scratch *);

/*
 * A report is the answer to an inspect: rows of text, sent in as many messages
 * as they need. A row is a line without its newline: a word that says what it
 * describes, the name of that, then keys and values in turn, all with one space
 * between. Control bytes come out as \xHH.
 */

#define REPORT_ROW_MAX 1024		 /* bytes; a longer row is cut */
#define REPORT_BYTES   (32 * 1024)	 /* of the rows of one report */

struct report {
	struct outbox *out;
	uint32_t peer;
	enum msg_type type; /* report, or answer to an ask */
	uint64_t serial;
	struct scratch rows;
	int failed;
};

/* Begin an answer to what the peer asked, an inspect, an ask or a drain; add
 * rows; end it. report_end() returns 0, or -1 with errno if any of these calls
 * failed. */
void report_begin(struct report *, struct outbox *, uint32_t peer,
    const struct msg *asked);
void report_row(struct report *, const char *fmt, ...);
int report_end(struct report *);

/* The same, where more of the answer follows in another report. */
int report_pause(struct report *);

/* Does the inspect ask for this kind of row? An empty what asks for all. */
int report_wants(struct slice what, const char *kind);

#endif
