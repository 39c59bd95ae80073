#ifndef CONN_H
#define CONN_H

/*
 * One connection's I/O: a descriptor to read, one to write (the same for a
 * socket, two for pipes), a queue of bytes to go out. It knows nothing of what
 * the bytes mean.
 *
 * All connections of a process read through one buffer; what the owner does not
 * take is kept for the next read. Writing is put off to the end of the turn, so
 * that all output of a turn goes out in one write. At most CONN_READ_MAX bytes
 * a turn are read from one connection: a busy peer does not starve the others.
 *
 * A connection ends when the peer sends no more (end of file, a half-close) or
 * reads no more (EPIPE, a reset), but only after what the peer sent has been
 * read; that waits while the connection is paused.
 *
 * Closing is decided at once but carried out at the end of the turn, so the
 * memory stays good while callbacks unwind. After conn_close() the only
 * callback is closed.
 */

#include <sys/types.h>

#include "buf.h"
#include "loop.h"

#define CONN_READ_MAX (256 * 1024)
#define CONN_DRAINED  (256 * 1024)
#define CONN_KEEP     (256 * 1024) /* of each queue, until conn_trim() */

struct conn;

struct conn_ops {
	/* Bytes came: returns how many were taken (the rest is shown again,
	 * with what follows it), or -1 after conn_close() or conn_fail(). */
	ssize_t (*input)(void *arg, const unsigned char *, size_t);
	/* The connecting socket is connected. May be NULL. */
	void (*connected)(void *arg);
	/* The output queue, which had conn.drained bytes or more, ran below
	 * that: an owner that paused may go on. May be NULL. */
	void (*drained)(void *arg);
	/* The last callback; the struct may be freed in it. error is 0 at a
	 * clean end of file or after conn_close(), else an errno: EMSGSIZE
	 * where the owner left more than in_max bytes, EPIPE or ECONNRESET
	 * where the peer has gone with bytes on their way to it. */
	void (*closed)(void *arg, int error);
	/* For a connection that seals: move some of the output queue to wire,
	 * which is empty, in the form in which it is written. 0, also when
	 * there is nothing to move, or -1 with errno when it never can be. */
	int (*seal)(void *arg, struct buf *wire);
	/* Some of the output queue was written. May be NULL. */
	void (*wrote)(void *arg);
};

struct conn {
	struct loop *loop;
	const struct conn_ops *ops;
	void *arg;
	struct watch in;
	struct watch *out;	 /* where there are two fds; NULL */
	struct buf inq, outq;
	struct buf wire;	 /* sealed, and not yet written */
	struct later later;	 /* to flush, or to close */
	size_t drained;		 /* CONN_DRAINED, or what the owner sets */
	int64_t wrote;		 /* when the descriptor last took bytes (loop
				    time, ms); 0: never yet */
	uint64_t bytes_in, bytes_out; /* that the descriptor gave and took */
	unsigned connecting : 1; /* connect() still undecided */
	unsigned paused : 1;	 /* not reading: conn_pause() */
	unsigned closing : 1;	 /* closed() is on its way */
	unsigned draining : 1;	 /* closes once all is written */
	unsigned blocked : 1;	 /* waiting to be writable */
	unsigned eof : 1;	 /* the peer sends no more */
	unsigned broken : 1;	 /* the peer reads no more: output is dropped */
	unsigned reshow : 1;	 /* show inq again */
	unsigned trim : 1;	 /* conn_trim() */
	unsigned sealed : 1;	 /* conn_seal() */
	int error;
};

/*
 * Take over non-blocking descriptors (in and out may be one), which are closed
 * with the connection. connecting: net_connect() gave it. in_max and out_max
 * bound the queues, in bytes. 0, or -1 with ENOMEM (the descriptors stay the
 * caller's).
 */
int conn_open(struct conn *, struct loop *, int in, int out, int connecting,
    size_t in_max, size_t out_max, const struct conn_ops *, void *arg);

/* Queue bytes: 0, or -1 with ENOBUFS (the peer does not read: close it) or
 * ENOMEM. Written at the end of the turn. */
int conn_write(struct conn *, const void *, size_t);

/* The queue to write into directly; conn_written() must follow. */
struct buf *conn_out(struct conn *);
void conn_written(struct conn *);

/* From now on output goes through the owner's seal when it is written, and
 * never twice, however little the descriptor takes at a time. When reading goes
 * on, input that was not taken is shown again, even if it is empty: the owner
 * may have kept something. */
void conn_seal(struct conn *);

/* Bytes queued and not yet written, sealed or not. */
size_t conn_queued(const struct conn *);

/* Give back the memory of queues that are empty at the end of the turn. Call it
 * now and then, so that an idle connection holds none. */
void conn_trim(struct conn *);

/* Stop reading, and go on. */
void conn_pause(struct conn *, int paused);

/* Close at the end of the turn, after writing what can be written without
 * waiting. conn_drain() waits until all is written (the owner bounds that with
 * a timer); conn_fail() notes an errno for closed(). */
void conn_close(struct conn *);
void conn_drain(struct conn *);
void conn_fail(struct conn *, int error);

/* Close the descriptors and free the queues at once, with no callback: at the
 * end of a program. */
void conn_abort(struct conn *);

#endif
