#ifndef LINK_H
#define LINK_H

/*
 * One link to a peer, as a core: bytes and the time go in, bytes and verdicts
 * come out. It shakes hands, seals and opens records, frames messages, and
 * keeps the heartbeat. It knows no descriptor, no clock and no random source.
 * Which of two links to one instance stays, and when to dial again, is decided
 * in peers.h.
 *
 * A plain link (a pipe, a Unix socket) begins with a hello in each direction.
 * A sealed one (TCP) begins with a Noise handshake that carries the hellos
 * (noise.h), and all that follows is in records, lambda-protocol(7):
 *
 *	dialler  -> message 1: its hello
 *	acceptor -> message 2: its hello (or nothing: it has another key)
 *	dialler  -> the first record, empty if it has nothing to say
 *
 * Anybody can record message 1 and send it again. So to an acceptor the link is
 * up, and it does what the peer asks, only once the first record is authentic.
 * The dialler has that certainty with message 2.
 *
 * The output queue is plain. The owner of a sealed link seals it with
 * link_seal() when it writes it, once.
 */

#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "msg.h"
#include "noise.h"

#define LINK_HANDSHAKE_MS 3000	/* to connect; and from accepted to up */
#define LINK_WAIT_MS	  10000 /* from connected to message 2: the other end
				   may have many to shake hands with */
#define LINK_ALIVE_MS	  5000	/* something is sent at least this often, */
#define LINK_SLOW_MS	  15000 /* or this: between a broker and an authority */
#define LINK_GRAIN_MS	  250	/* of the moments when that is due */
#define LINK_DEAD_BEATS	  3	/* that are missed: the peer is dead */
#define LINK_DEAD_MS	  (LINK_DEAD_BEATS * LINK_ALIVE_MS)
#define LINK_LATE_MS	  1000	/* a turn later than this gives up no peer */

#define LINK_RECORD_MAX	   16384 /* bytes in a record, before it is sealed */
#define LINK_FIRST_MAX	   1024	 /* in the dialler's first one */
#define LINK_RECORD_HEAD   (2 + CHACHAPOLY_TAG) /* beside them */
#define LINK_HANDSHAKE_MAX 255	 /* bytes of message 1 or 2, beside its length:
				    so a first byte of 0 tells message 1 from a
				    plain hello */
#define LINK_SEAL_RECORDS  5 /* sealed at a time: a read of 64 KiB, in pieces */
#define LINK_SEAL_MAX	   (LINK_SEAL_RECORDS *\
			       (LINK_RECORD_MAX + LINK_RECORD_HEAD))
#define LINK_KEYS_MAX	   4
#define LINK_SESSION	   (1 + 2 * ID_SIZE + 8 + 2 * CHACHAPOLY_KEY)

enum link_phase {
	LINK_HELLO, /* waiting for the peer's hello, or the message with it */
	LINK_FIRST, /* message 2 is out: waiting for the first record */
	LINK_UP,
	LINK_DOWN
};

#define LINK_PRINT 8 /* bytes of a key's fingerprint, which tells no more */

struct link_key {
	unsigned char psk[NOISE_PSK];
	unsigned char print[LINK_PRINT];
};

/* Of the bytes of a key file. */
void link_key(struct link_key *, const void *bytes, size_t len);

/*
 * The last messages 1 that could be opened, by their tags. One that is repeated
 * is closed without any arithmetic on the curve; nothing else rests on that.
 * All zero at the start.
 */
#define LINK_MEMORY 4096
struct link_memory {
	unsigned char (*tags)[8]; /* free() them */
	size_t cap;		  /* of them; LINK_MEMORY at most */
	size_t n, next;		  /* in use; to be written next */
};

/* What a link needs to know of its own process. */
struct link_self {
	unsigned role;	    /* one bit */
	unsigned to_ctl;    /* likewise, where it is another to a lambda-ctl
			       that dials; or 0 */
	struct id instance;
	struct link_key keys[LINK_KEYS_MAX]; /* the first is dialled with, all
						are accepted */
	size_t nkeys;
	struct link_memory *memory; /* of one that accepts; NULL */
	size_t message_max; /* bytes of a value */
};

/* What a link needs until its handshake is done. */
struct link_handshake {
	unsigned char secret[X25519_SIZE]; /* ours, until message 2 */
	struct noise noise;
};

struct link {
	const struct link_self *self;
	struct buf *out; /* the output queue */
	enum link_phase phase;
	unsigned dialler : 1;
	unsigned sealed : 1; /* there are records in both directions, or will
				be */
	unsigned keyed : 1;  /* send and receive are good */
	unsigned first : 1;  /* the dialler's first record is due */
	unsigned raw;	/* bytes at the front of out that are the handshake's */
	unsigned taken; /* bytes at the front of in that were handed out */
	size_t need;	/* of the message that is not whole: all of it */
	uint64_t dialled; /* the number of this dial in the dialling process;
			     the other end learns it from the hello */
	int64_t since;	/* the start of the handshake */
	int time;	/* that the handshake may take, in ms */
	int beat;	/* ms from one sign of life to the next, at most */
	int64_t heard;	/* the last byte came, or the last authentic record */
	int64_t sent;	/* something was last queued, or stood in the queue */
	unsigned char print[LINK_PRINT]; /* of its key, once it is keyed */
	struct link_handshake *handshake; /* NULL: it is done */
	struct noise_cipher send, receive;
	struct buf in;	/* opened, and not a whole message yet */
	unsigned role;	    /* the peer's, from its hello */
	struct id instance; /* likewise */
	const char *why; /* after -1: a sentence for the log, static */
};

/*
 * Begin. dialled: how many connections this process has dialled, this one
 * included; 0 where it did not dial this one. sealed: the dialler's choice;
 * where it did not dial, nothing but Noise is taken (TCP), or what comes.
 * secret is X25519_SIZE fresh random bytes. A dialler queues its hello at once.
 * 0, or -1 with ENOMEM or ENOBUFS from the queue, or EACCES without a key.
 */
int link_init(struct link *, const struct link_self *, uint64_t dialled,
    int sealed, const unsigned char *secret, struct buf *out, int64_t now);

/* Free what it holds, and wipe its keys. Also after link_init() failed. */
void link_free(struct link *);

/* Give back the memory of buffers that are empty now. */
void link_trim(struct link *);

/*
 * Take something from the front of the bytes that came. On a plain link that
 * is one frame; on a sealed one a message of the handshake, a record, or a
 * frame of one that was opened before: so bytes may be empty. The first frame
 * must be a hello. Alive and unknown odd types are taken here at any time. An
 * acceptor queues nothing before a well-formed hello has come.
 *
 * Returns 1 when something was taken; 0 when more must come; -1 with errno when
 * the connection must close: EPROTO, EBADMSG, ERANGE, EMSGSIZE (over
 * message_max), EACCES (another key, or none), ELOOP (it is ourselves),
 * EPROTONOSUPPORT (no version in common), ENOBUFS or ENOMEM, and link->why says
 * it in words. What is queued then still goes out as far as it goes without
 * waiting, as it may be the hello or the refusal that tells the other end why;
 * there is no more input.
 *
 * When what was taken is an application message, *type is its type and *value
 * its value, good until the next call; otherwise *type is 0 and the phase may
 * have become LINK_UP. The value is not decoded: msg_decode() is the driver's
 * call.
 */
int link_input(struct link *, int64_t now, struct slice *bytes, unsigned *type,
    struct slice *value);

/*
 * Of a sealed link: move what is queued to the wire's queue, LINK_SEAL_MAX
 * bytes at most, and sealed where the handshake is over. 0, or -1 with ENOMEM
 * or ENOBUFS from that queue, or EOVERFLOW after 2^64 - 1 records.
 */
int link_seal(struct link *, struct buf *wire);

/* Bytes came; or they may have come unread, while reading was paused. */
void link_heard(struct link *, int64_t now);

/* A connect() is done, and nothing has come yet: the time for connecting is
 * over, and that for the handshake, LINK_WAIT_MS, begins now. */
void link_connected(struct link *, int64_t now);

/* Something was queued into out by others. */
void link_sent(struct link *, int64_t now);

/* When link_tick() must be called next. */
int64_t link_deadline(const struct link *);

/* A peer that is up is dead after this much silence, in ms. */
int64_t link_silence(const struct link *);

/*
 * Time passed: queues a heartbeat where one is due. -1 with ETIMEDOUT when the
 * peer is silent for too long (but not in a turn that comes late itself: then
 * it gets another LINK_LATE_MS).
 */
int link_tick(struct link *, int64_t now);

/* Why the peer may have closed in this phase, for the log; static. */
const char *link_eof_reason(const struct link *);

/*
 * A listener shakes hands and leaves the rest to a channel.
 *
 * link_is_first(): in LINK_FIRST, is what stands at the front of n bytes the
 * dialler's first record? 1 yes, and it is authentic; 0 not yet; -1 it never
 * will be. Nothing is taken. LINK_FIRST_MAX + LINK_RECORD_HEAD bytes are enough
 * to know.
 *
 * link_export(): the link, in LINK_FIRST, for a process that goes on with it
 * as self->instance; it holds the keys of this link and no other.
 * link_session_self(): that instance. link_resume(): go on, as link_init();
 * self has that instance.
 */
int link_is_first(const struct link *, const unsigned char *p, size_t n);
void link_export(const struct link *, unsigned char session[LINK_SESSION]);
struct id link_session_self(const unsigned char session[LINK_SESSION]);
void link_resume(struct link *, const struct link_self *,
    const unsigned char session[LINK_SESSION], struct buf *out, int64_t now);

#endif
