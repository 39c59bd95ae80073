#include <sys/socket.h>

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "discovery_io.h"
#include "fail.h"
#include "log.h"
#include "net.h"

struct discovery_conn {
	struct discovery_io *io;
	uint32_t number;
	size_t answers; /* bytes of lists that it was given */
	struct conn conn;
};

static void on_accepted(void *, int, const struct addr *);
static void on_tick(void *);

void
discovery_io_init(struct discovery_io *d, struct loop *loop,
    struct discovery *core, size_t clients)
{
	memset(d, 0, sizeof(*d));
	d->loop = loop;
	d->core = core;
	d->nconns = clients;
	d->answers_max = DISCOVERY_UNREAD_MAX;
	d->conns = calloc(clients, sizeof(*d->conns));
	if (d->conns == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	d->tick.fn = on_tick;
	d->tick.arg = d;
}

void
discovery_io_listen(struct discovery_io *d, int fd)
{
	struct acceptor *a = &d->sockets[d->nsockets++];

	assert(d->nsockets <= DISCOVERY_SOCKETS_MAX);
	a->fn = on_accepted;
	a->arg = d;
	if (acceptor_open(a, d->loop, fd) == -1)
		die_errno(EXIT_TEMPORARY, "unable to listen");
}

void
discovery_io_free(struct discovery_io *d)
{
	size_t i;

	for (i = 0; i < d->nsockets; i++)
		acceptor_close(&d->sockets[i]);
	for (i = 0; i < d->nconns; i++)
		if (d->conns[i] != NULL) {
			conn_abort(&d->conns[i]->conn);
			free(d->conns[i]);
		}
	loop_untimer(d->loop, &d->tick);
	free(d->conns);
}

/* What the core wants. */

/* A node that ended has closed its connection, whether we were told yet or
 * not; one that says more than it may is as good as gone. */
static int
is_gone(const struct discovery_conn *g)
{
	char byte;
	ssize_t n;

	if (g == NULL || g->conn.closing)
		return 1;
	n = recv(g->conn.in.fd, &byte, 1, MSG_PEEK);
	return n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK &&
	    errno != EINTR);
}

/* Is there room for a list? It counts until the client is gone, which gets
 * nothing more. */
static int
take_room(struct discovery_conn *g, size_t len)
{
	struct discovery_io *d = g->io;

	if (len <= EPMD_BYTES_MAX)
		return 0;
	if (len > d->answers_max - d->answers) {
		if (!d->over)
			log_error("clients do not read their lists: %lu bytes "
			    "wait for them, others get none",
			    (unsigned long)d->answers);
		d->over = 1;
		return fail(ENOBUFS);
	}
	g->answers += len;
	d->answers += len;
	return 0;
}

static void
give_room(struct discovery_conn *g)
{
	struct discovery_io *d = g->io;

	d->answers -= g->answers;
	g->answers = 0;
	if (d->answers <= d->answers_max / 2)
		d->over = 0;
}

static void
to_client(struct discovery_conn *g, const struct act *a)
{
	if (g == NULL)
		return;
	switch (a->kind) {
	case ACT_SEND:
		if (take_room(g, a->bytes.len) == -1 ||
		    conn_write(&g->conn, a->bytes.p, a->bytes.len) == -1)
			conn_fail(&g->conn, errno);
		break;
	case ACT_DRAIN:
		conn_drain(&g->conn);
		break;
	case ACT_CLOSE:
		log_debug("closing client %lu: %.*s", (unsigned long)g->number,
		    SLICE_ARG(a->bytes));
		conn_close(&g->conn);
		break;
	}
}

static void
carry_out(struct discovery_io *d, const struct act *a)
{
	switch (a->kind) {
	case ACT_LOG:
		(a->value == LOG_ERROR ? log_error : a->value == LOG_INFO ?
			log_info : log_debug)("%.*s", SLICE_ARG(a->bytes));
		break;
	case ACT_STOP:
		loop_stop(d->loop);
		break;
	case DISCOVERY_PROBE:
		discovery_probed(d->core, loop_now(d->loop), a->peer,
		    is_gone(d->conns[a->value - 1]));
		break;
	case DISCOVERY_HOSTS:
		d->hosts(d->arg);
		break;
	default:
		to_client(d->conns[a->peer - 1], a);
	}
}

void
discovery_io_deliver(struct discovery_io *d)
{
	struct act a;

	while (outbox_take(discovery_out(d->core), &a))
		carry_out(d, &a);
}

/* Clients. */

/* Whoever comes waits in the backlog, or need not wait any more. */
static void
hold(struct discovery_io *d, int full)
{
	size_t i;

	if (d->full == full)
		return;
	d->full = full;
	for (i = 0; i < d->nsockets; i++)
		acceptor_hold(&d->sockets[i], full);
}

static ssize_t
on_input(void *arg, const unsigned char *p, size_t n)
{
	struct discovery_conn *g = arg;
	struct discovery_io *d = g->io;
	size_t taken = discovery_input(d->core, loop_now(d->loop), g->number,
	    slice_of(p, n));

	discovery_io_deliver(d);
	return g->conn.closing ? -1 : (ssize_t)taken;
}

static void
on_closed(void *arg, int error)
{
	struct discovery_conn *g = arg;
	struct discovery_io *d = g->io;

	if (error != 0)
		log_debug("client %lu: %s", (unsigned long)g->number,
		    strerror(error));
	d->conns[g->number - 1] = NULL;
	discovery_closed(d->core, loop_now(d->loop), g->number);
	give_room(g);
	free(g);
	discovery_io_deliver(d);
	hold(d, 0);
}

static const struct conn_ops client_ops = { on_input, NULL, NULL, on_closed };

/* As epmd has it: over loopback, or from an address to the same address. */
static int
is_local(int fd, const struct addr *from)
{
	struct addr peer = *from, own;

	if (addr_is_loopback(&peer))
		return 1;
	if (net_local(fd, &own) == -1)
		return 0;
	addr_set_port(&peer, 0);
	addr_set_port(&own, 0);
	return addr_equal(&peer, &own);
}

/* Take the connection over: 0, or -1 and it is the caller's. */
static int
admit(struct discovery_io *d, int fd, const struct addr *from)
{
	struct discovery_conn *g = calloc(1, sizeof(*g));
	int64_t due;

	if (g == NULL)
		return -1;
	g->io = d;
	g->number = discovery_open(d->core, loop_now(d->loop),
	    is_local(fd, from));
	discovery_io_deliver(d);
	if (conn_open(&g->conn, d->loop, fd, fd, 0, EPMD_BYTES_MAX,
	    DISCOVERY_ANSWER_MAX, &client_ops, g) == -1) {
		discovery_closed(d->core, loop_now(d->loop), g->number);
		free(g);
		return -1;
	}
	d->conns[g->number - 1] = g;
	due = discovery_deadline(d->core);
	if (d->tick.slot == 0 || due < d->tick.due)
		loop_timer(d->loop, &d->tick, due);
	return 0;
}

static void
on_accepted(void *arg, int fd, const struct addr *from)
{
	struct discovery_io *d = arg;

	if (admit(d, fd, from) == 0) {
		d->error = 0;
	} else {
		if (errno != d->error)
			log_error("unable to serve a client: %s",
			    strerror(errno));
		d->error = errno;
		close(fd);
	}
	if (discovery_room(d->core) == 0)
		hold(d, 1);
}

/* Clients that speak put the deadline off, so it is looked at when it comes and
 * not when they speak. */
static void
on_tick(void *arg)
{
	struct discovery_io *d = arg;
	int64_t due;

	discovery_tick(d->core, loop_now(d->loop));
	due = discovery_deadline(d->core);
	discovery_io_deliver(d);
	if (due != INT64_MAX)
		loop_timer(d->loop, &d->tick, due);
}
