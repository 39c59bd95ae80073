#ifndef FRAME_H
#define FRAME_H

/*
 * Frames: the form of requests and replies on the pipes of a long-lived worker;
 * see lambda-module(7). This does no I/O and keeps no state.
 *
 *	line		body \n
 *	netstring	9:the body!,
 *	packet4		length (4 bytes, big-endian), body
 *	mux		as packet4; the first 4 bytes of its content are the
 *			request's id, in the reply too
 *
 * If a request names a function, the function and its arguments come first. In
 * a line they are separated by tabs; in the other kinds each of function,
 * arguments and body is itself a netstring, or a length and bytes, inside the
 * frame.
 */

#include <stdint.h>
#include <sys/types.h>

#include "buf.h"
#include "msg.h"

/* Bytes of the longest body of a reply: it fits a message with its other
 * fields. */
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
 * The size of a request's frame, for frame_write(). In a line, a newline at the
 * end of the body counts as the line's own. 0; or -1 with EINVAL, and *why is a
 * static sentence that says what this kind of frame cannot hold.
 */
int frame_size(enum frame_kind, const struct msg_request *, size_t *size,
    const char **why);

/* Write the frame of a request whose frame_size() is known. */
void frame_write(unsigned char *, enum frame_kind, const struct msg_request *,
    uint32_t id);

/* Append a frame with a body alone: 0; or -1 with EINVAL as above, or with
 * ENOBUFS or ENOMEM, and nothing is appended. */
int frame_put_body(struct buf *, enum frame_kind, struct slice body,
    const char **why);

struct frame {
	uint32_t id; /* of FRAME_MUX, else 0 */
	struct slice body;
};

/* The state of reading one stream. At the start all but the kind is zero. */
struct frame_reader {
	enum frame_kind kind;
	size_t scanned; /* of the bytes shown, known to hold no line's end */
};

/*
 * Take a frame from the n bytes at p, which begin where the last one ended.
 * Returns the number of bytes taken, and sets *frame (its body points into p);
 * 0 if the frame is not whole yet; -1 with EBADMSG (it is no frame) or EMSGSIZE
 * (its body is over FRAME_MAX).
 */
ssize_t frame_next(struct frame_reader *, const unsigned char *p, size_t n,
    struct frame *);

/*
 * The stream has ended, and n bytes, at least 1, follow its last whole frame: 1
 * if they are a frame, since the last line needs no newline; 0 if the frame is
 * cut short. Either way the reader is at the end.
 */
int frame_last(struct frame_reader *, const unsigned char *p, size_t n,
    struct frame *);

#endif
