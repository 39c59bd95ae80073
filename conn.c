#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "conn.h"
#include "fail.h"
#include "net.h"

#define SCRATCH	 (64 * 1024)
#define WIRE_MAX (128 * 1024) /* bytes of one seal() */
#define KEPT_MUCH 4096	      /* more than what is no bulk is cut into */

/* Reads of all connections go through it. */
static unsigned char scratch[SCRATCH];

static int
conn_has_two(const struct conn *c)
{
	return c->out != NULL;
}

static int
conn_out_fd(const struct conn *c)
{
	return c->out == NULL ? c->in.fd : c->out->fd;
}

/*
 * Watch what the state calls for; call this when the state has changed. Two
 * descriptors stay watched once they are, so this fails (ENOMEM) only at first.
 */
static int
conn_arm(struct conn *c)
{
	int reads = !c->paused && !c->connecting && !c->eof;
	int writes = c->connecting || c->blocked;

	c->in.events = reads ? POLLIN : 0;
	if (!conn_has_two(c)) {
		c->in.events |= writes ? POLLOUT : 0;
		return loop_watch(c->loop, &c->in);
	}
	/* With nothing to write, watch for the reader's end alone. */
	c->out->events = c->broken ? 0 : writes ? POLLOUT : POLLERR;
	if (loop_watch(c->loop, &c->in) == -1)
		return -1;
	return loop_watch(c->loop, c->out);
}

/* Input. */

/* Show the owner these bytes: how many it took. */
static size_t
conn_offer(struct conn *c, const unsigned char *p, size_t n)
{
	ssize_t taken = c->ops->input(c->arg, p, n);

	assert(taken == -1 ? c->closing : (size_t)taken <= n);
	return taken == -1 ? n : (size_t)taken;
}

static void
conn_show_kept(struct conn *c)
{
	struct slice kept = buf_slice(&c->inq);

	c->reshow = 0;
	if (kept.len > 0 || c->sealed)
		buf_consume(&c->inq, conn_offer(c, kept.p, kept.len));
}

/* Too much is kept, or there is no memory. */
static void
conn_no_room(struct conn *c)
{
	conn_fail(c, errno == ENOBUFS ? EMSGSIZE : errno);
}

/* Where to read SCRATCH bytes to. If much is kept, as while bulk comes, they go
 * right after it, so that nothing is copied. NULL with errno. */
static unsigned char *
conn_where_to_read(struct conn *c)
{
	if (buf_len(&c->inq) < KEPT_MUCH)
		return scratch;
	return buf_reserve(&c->inq, SCRATCH);
}

/* Show what was read, after what was kept; what is not taken is kept. */
static void
conn_show(struct conn *c, const unsigned char *p, size_t n)
{
	int fresh = buf_len(&c->inq) == 0, failed = 0;
	size_t taken = fresh ? conn_offer(c, p, n) : 0;

	if (p != scratch)
		buf_commit(&c->inq, n);
	else
		failed = buf_append(&c->inq, p + taken, n - taken);
	if (failed)
		conn_no_room(c);
	else if (!fresh)
		conn_show_kept(c);
}

/* There is no more: for now, or for good. */
static void
conn_read_ended(struct conn *c, ssize_t n)
{
	if (n == 0) {
		c->eof = 1;
		conn_close(c);
	} else if (errno != EAGAIN)
		conn_fail(c, errno);
	else if (c->broken)
		conn_fail(c, EPIPE);
}

static void
conn_reads(struct conn *c)
{
	unsigned char *p;
	size_t total = 0;
	ssize_t n;

	if (c->reshow && !c->paused && !c->closing)
		conn_show_kept(c);
	while (total < CONN_READ_MAX && !c->paused && !c->closing) {
		if ((p = conn_where_to_read(c)) == NULL) {
			conn_no_room(c);
			return;
		}
		n = net_read(c->in.fd, p, SCRATCH);
		if (n <= 0) {
			conn_read_ended(c, n);
			return;
		}
		total += (size_t)n;
		c->bytes_in += (uint64_t)n;
		conn_show(c, p, (size_t)n);
		if (n < SCRATCH && !c->broken)
			return;
	}
}

/* Output. */

static void
conn_drop(struct conn *c)
{
	buf_consume(&c->outq, buf_len(&c->outq));
	buf_consume(&c->wire, buf_len(&c->wire));
}

/*
 * Nobody will read what we write. The connection ends, but only after reading
 * what the peer had sent before, since its last words may say why. If it is
 * paused, that is when reading goes on.
 */
static void
conn_break(struct conn *c, int error)
{
	size_t lost = conn_queued(c);

	if (lost > 0 && c->error == 0)
		c->error = error;
	conn_drop(c);
	c->broken = 1;
	c->blocked = 0;
	conn_arm(c);
	if (lost >= c->drained && c->ops->drained != NULL)
		c->ops->drained(c->arg);
	conn_reads(c);
	if (c->draining)
		conn_close(c);
}

/* Prepare what is written next: 0, or -1 when it cannot be sealed. */
static int
conn_next_out(struct conn *c, struct buf **queue)
{
	*queue = c->sealed ? &c->wire : &c->outq;
	if (!c->sealed || buf_len(&c->wire) > 0)
		return 0;
	return c->ops->seal(c->arg, &c->wire);
}

/* Write what the descriptor takes: 0, or -1 when it never will again. */
static int
conn_write_out(struct conn *c)
{
	struct slice bytes;
	struct buf *queue;
	ssize_t n;

	for (;;) {
		if (conn_next_out(c, &queue) == -1)
			return -1;
		if ((bytes = buf_slice(queue)).len == 0)
			return 0;
		n = net_write(conn_out_fd(c), bytes.p, bytes.len);
		if (n == -1)
			return errno == EAGAIN ? 0 : -1;
		buf_consume(queue, (size_t)n);
		c->bytes_out += (uint64_t)n;
		c->wrote = loop_now(c->loop);
		loop_watch(c->loop, &c->in); /* an answer may be near */
		if ((size_t)n < bytes.len)
			return 0;
	}
}

static void
conn_writes(struct conn *c)
{
	size_t before = conn_queued(c), left;

	if (c->connecting)
		return;
	if (c->broken)
		conn_drop(c);
	else if (conn_write_out(c) == -1) {
		conn_break(c, errno);
		return;
	}
	left = conn_queued(c);
	if (c->blocked != (left > 0)) {
		c->blocked = left > 0;
		conn_arm(c);
	}
	if (before >= c->drained && left < c->drained &&
	    c->ops->drained != NULL)
		c->ops->drained(c->arg);
	if (left < before && c->ops->wrote != NULL)
		c->ops->wrote(c->arg);
	if (c->draining && conn_queued(c) == 0)
		conn_close(c);
}

/* Events. */

static void
conn_connected(struct conn *c)
{
	if (net_connected(conn_out_fd(c)) == -1) {
		conn_fail(c, errno);
		return;
	}
	c->connecting = 0;
	conn_arm(c);
	if (c->ops->connected != NULL)
		c->ops->connected(c->arg);
	if (!c->closing)
		conn_writes(c);
}

static void
conn_on_in(void *arg, short revents)
{
	const int gone = POLLERR | POLLHUP;
	struct conn *c = arg;

	if (c->closing)
		return;
	if (c->connecting) {
		conn_connected(c);
		return;
	}
	if (c->blocked && !conn_has_two(c) && (revents & (POLLOUT | gone)))
		conn_writes(c);
	if (c->closing)
		return;
	if (revents & POLLNVAL)
		conn_fail(c, EBADF);
	else if (revents & (POLLIN | gone))
		conn_reads(c);
	if ((revents & gone) && c->paused && c->blocked)
		conn_fail(c, ECONNRESET); /* or poll() would wait no longer */
}

static void
conn_on_out(void *arg, short revents)
{
	struct conn *c = arg;

	if (!c->closing)
		conn_writes(c);
	if ((revents & (POLLERR | POLLHUP | POLLNVAL)) && !c->closing &&
	    !c->broken)
		conn_break(c, EPIPE);
}

/* End of turn: write what was queued in it. */
static void
conn_on_flush(void *arg)
{
	struct conn *c = arg;

	if (c->broken && !c->closing)
		conn_reads(c);
	else if (c->reshow && !c->closing && !c->paused)
		conn_show_kept(c);
	if (!c->closing && !c->blocked)
		conn_writes(c);
	if (c->trim) {
		buf_trim(&c->inq);
		buf_trim(&c->outq);
		buf_trim(&c->wire);
		c->trim = 0;
	}
}

/* Write what can still be written without waiting; whether it is read makes no
 * difference now. */
static void
conn_on_sweep(void *arg)
{
	struct conn *c = arg;

	if (!c->connecting && !c->blocked && !c->broken)
		(void)conn_write_out(c);
	conn_abort(c);
	c->ops->closed(c->arg, c->error);
}

/* The interface. */

static void
conn_forget(struct conn *c)
{
	loop_unlater(c->loop, &c->later);
	loop_unwatch(c->loop, &c->in);
	if (conn_has_two(c))
		loop_unwatch(c->loop, c->out);
	free(c->out);
	c->out = NULL;
	buf_free(&c->inq);
	buf_free(&c->outq);
	buf_free(&c->wire);
}

void
conn_abort(struct conn *c)
{
	int in = c->in.fd, out = conn_out_fd(c);

	conn_forget(c);
	net_close(in);
	if (out != in)
		net_close(out);
}

static int
conn_open_out(struct conn *c, int fd)
{
	c->out = calloc(1, sizeof(*c->out));
	if (c->out == NULL)
		return -1;
	c->out->fd = fd;
	c->out->fn = conn_on_out;
	c->out->arg = c;
	return 0;
}

int
conn_open(struct conn *c, struct loop *loop, int in, int out, int connecting,
    size_t in_max, size_t out_max, const struct conn_ops *ops, void *arg)
{
	assert(!connecting || in == out);
	memset(c, 0, sizeof(*c));
	c->loop = loop;
	c->ops = ops;
	c->arg = arg;
	c->connecting = connecting != 0;
	c->drained = CONN_DRAINED;
	c->in.fd = in;
	c->in.fn = conn_on_in;
	c->in.arg = c->later.arg = c;
	c->later.fn = conn_on_flush;
	/* A read may bring more than a whole message of the largest size. */
	buf_init(&c->inq, in_max + SCRATCH);
	buf_init(&c->outq, out_max);
	buf_init(&c->wire, WIRE_MAX);
	c->inq.keep = c->outq.keep = c->wire.keep = CONN_KEEP;
	if ((in != out && conn_open_out(c, out) == -1) || conn_arm(c) == -1) {
		conn_forget(c);
		return fail(ENOMEM);
	}
	return 0;
}

int
conn_write(struct conn *c, const void *p, size_t n)
{
	if (buf_append(&c->outq, p, n) == -1)
		return -1;
	conn_written(c);
	return 0;
}

struct buf *
conn_out(struct conn *c)
{
	return &c->outq;
}

void
conn_written(struct conn *c)
{
	if (!c->closing)
		loop_later(c->loop, &c->later);
}

size_t
conn_queued(const struct conn *c)
{
	return buf_len(&c->outq) + buf_len(&c->wire);
}

void
conn_seal(struct conn *c)
{
	c->sealed = 1;
}

void
conn_trim(struct conn *c)
{
	c->trim = 1;
	conn_written(c);
}

void
conn_pause(struct conn *c, int paused)
{
	if (c->paused == (unsigned)(paused != 0))
		return;
	c->paused = paused != 0;
	if (c->closing)
		return;
	conn_arm(c);
	if (!paused) {
		c->reshow = 1;
		conn_written(c);
	}
}

void
conn_fail(struct conn *c, int error)
{
	if (c->closing)
		return;
	c->closing = 1;
	if (c->error == 0)
		c->error = error;
	/* After what else was put off, as if nothing were to be flushed. */
	loop_unlater(c->loop, &c->later);
	c->later.fn = conn_on_sweep;
	loop_later(c->loop, &c->later);
}

void
conn_close(struct conn *c)
{
	conn_fail(c, 0);
}

void
conn_drain(struct conn *c)
{
	c->draining = 1;
	conn_written(c);
}
