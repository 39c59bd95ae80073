#ifndef FRAME_H
#define FRAME_H

/*
 * How requests and replies look on the pipes of a long-lived worker; see
 * lambda-module(7). It does no I/O and keeps nothing.
 *
 *	line		body \n
 *	netstring	9:the body!,
 *	packet4		length (4 bytes, big-endian), body
 *	mux		as packet4; the first 4 bytes of its content are the
 *			request's id, in the reply too
 *
 * When a function is named, it and the arguments come first. In a line they
 * are separated by tabs; in the others each of function, arguments and body is
 * itself a netstring, or a length and bytes, inside the frame.
 */

#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "msg.h"

/* Bytes of a reply's body: what still fits a message with the fields around
 * it. */
#define FRAME_MAX (MSG_MAX - 64)

enum frame_kind {
	FRAME_LINE,
	FRAME_NUL, /* as line, ended by NUL: for files, not for workers */
	FRAME_NETSTRING,
	FRAME_PACKET4,
	FRAME_MUX
};

/* The kind that -w names (not FRAME_NUL), or -1. */
int frame_kind(const char *name);

/*
 * The bytes of a request's frame, for frame_write(). A newline at the end of a
 * line's body counts as the line's own. 0, or -1 with EINVAL, and *why is a
 * static sentence that says what this kind of frame cannot hold.
 */
int frame_size(enum frame_kind, const struct msg_request *, size_t *size,
    const char **why);

/* Write the frame of a request whose frame_size() is known. */
void frame_write(unsigned char *, enum frame_kind, const struct msg_request *,
    uint32_t id);

/* Append one frame around a body alone: 0, or -1 and nothing appended: EINVAL
 * as above, ENOBUFS or ENOMEM from the queue. */
int frame_put_body(struct buf *, enum frame_kind, struct slice body,
    const char **why);

struct frame {
	uint32_t id; /* of FRAME_MUX, else 0 */
	struct slice body;
};

/* Where the reading of one stream is. All but the kind is zero at its start. */
struct frame_reader {
	enum frame_kind kind;
	size_t scanned; /* of the bytes shown, known to hold no line's end */
};

/*
 * Take a frame from the n bytes at p, which begin where the last one ended.
 * Returns the bytes taken, with *frame set (its body points into p); 0 when it
 * is not whole yet; -1 with EBADMSG (no such frame) or EMSGSIZE (a body over
 * FRAME_MAX).
 */
ssize_t frame_next(struct frame_reader *, const unsigned char *p, size_t n,
    struct frame *);

/*
 * The stream has ended, and n bytes, at least 1, follow its last whole frame: 1
 * when they are a frame, as the last line need not be ended; 0 when it is cut
 * short. Either way the reader is at the end.
 */
int frame_last(struct frame_reader *, const unsigned char *p, size_t n,
    struct frame *);

#endif
