#ifndef STREAM_H
#define STREAM_H

/*
 * Streams: the body of a request, and its output and standard error, in pieces.
 * This counts what may be sent, at the sending end and at each relay, and
 * decides at the receiving end how much more may come. There is no I/O and no
 * memory: whoever receives a piece keeps it until it is consumed, and this
 * bounds how much that is.
 *
 * A request and a reply carry STREAM_HEAD bytes of body at most where more
 * follows, or went before; these bytes are not counted. All other bytes are
 * sent within the window: the bytes that the receiver has allowed and that have
 * not been sent. Whoever sends more breaks the protocol.
 *
 * A window starts at STREAM_FIRST, which is enough where the other end is near,
 * or the streams of a process share that, but for STREAM_NEAR each: what waits
 * on a connection is what a small message waits for. It doubles, up to
 * STREAM_MAX, where the sender has run out of it while the receiver had nothing
 * left to consume, and where STREAM_SAMPLES times STREAM_FAR_MS at least have
 * passed from a grant to the first byte sent by it. Where less has passed once,
 * the other end is near: what takes longer now is a queue, which a larger
 * window would make longer still. It halves where the receiver does not keep
 * up. Where a process has many streams each has a smaller one, so that all of
 * them together stay below STREAM_ALL.
 */

#include <stddef.h>
#include <stdint.h>

#include "core.h"

#define STREAM_HEAD  (64u * 1024)
#define STREAM_FIRST (256u * 1024)
#define STREAM_MAX   (4u * 1024 * 1024)
#define STREAM_ALL   (32u * 1024 * 1024)
#define STREAM_LEAST (16u * 1024)
#define STREAM_NEAR  (64u * 1024)
#define STREAM_FAR_MS  10
#define STREAM_SAMPLES 8
#define STREAM_TURN  (64u * 1024) /* bytes queued to a connection before the
				     next stream's turn */
#define STREAM_WHOLE (MSG_MAX - 128u * 1024) /* of a body that must be whole
				     before it is of use: arguments fit beside
				     it */

/* Of what a piece is; of end and window, too. */
enum stream_part { STREAM_BODY, STREAM_OUTPUT, STREAM_ERROR, STREAM_PARTS };

/* The sending end, and relays: *left is what may still be sent. */

/* The receiver allows n bytes more: 0, or -1 with EPROTO where that is more
 * than any receiver does. */
int stream_allow(uint64_t *left, uint64_t n);
/* n bytes are sent: 0, or -1 with EPROTO where they are over the window. */
int stream_spend(uint64_t *left, uint64_t n);

/* The receiving end. */
struct stream {
	uint64_t came;	 /* bytes, in all */
	uint64_t done;	 /* of these consumed */
	uint64_t limit;	 /* of what may come, in all */
	uint64_t before; /* the limit that held before the last grant */
	size_t window;
	int hungry;	 /* the sender ran out of it */
	int64_t granted; /* when the last grant was, ms, while nothing was sent
			    by it; -1: it was */
	unsigned far;	 /* how often the way was long, since it grew, */
	int near;	 /* or it was short once */
};

/* Begin with what was, or is, allowed at first. streams: how many the process
 * has, this one included. Returns what is allowed. */
size_t stream_begin(struct stream *, size_t streams);

/* n bytes came: 0, or -1 with EPROTO where they are over the window. */
int stream_came(struct stream *, int64_t now, size_t n);

/* n bytes of what came were consumed: how many more may come now; 0: none yet,
 * as it is not worth a message. */
uint64_t stream_consumed(struct stream *, int64_t now, uint64_t n,
    size_t streams);

/* Take off what goes in one piece of them: it and what goes with it fit one
 * record, beside small messages. */
struct slice stream_piece(struct slice *bytes);

/* Messages. The bytes go in as many pieces as they need. 0, or -1 as
 * outbox_send(). */
int stream_send(struct outbox *, uint32_t peer, uint64_t id,
    enum stream_part, struct slice bytes);
int stream_send_end(struct outbox *, uint32_t peer, uint64_t id,
    enum stream_part);
int stream_send_window(struct outbox *, uint32_t peer, uint64_t id,
    enum stream_part, uint64_t bytes);

#endif
