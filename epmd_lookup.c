#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "epmd_lookup.h"
#include "log.h"
#include "net.h"
#include "opt.h"

/* Is not said again until there was an answer: an EPMD may come later. */
static void
no_answer(struct epmd_lookup *w, int error)
{
	if (w->silent)
		return;
	w->silent = 1;
	log_info("no EPMD tells where node %.*s is: %s", SLICE_ARG(w->name),
	    strerror(error));
}

static void
told(struct epmd_lookup *w, unsigned port)
{
	w->silent = 0;
	if (port == w->port)
		return;
	w->port = port;
	w->moved(w->arg, port);
}

static ssize_t
on_input(void *arg, const unsigned char *p, size_t n)
{
	struct epmd_lookup *w = arg;
	struct epmd_node node;

	switch (epmd_port2(slice_of(p, n), &node)) {
	case 0:
		return 0;
	case 1:
		told(w, node.port);
		break;
	default:
		if (errno == ENOENT)
			told(w, 0);
		else
			no_answer(w, errno);
	}
	conn_close(&w->conn);
	return -1;
}

static void
on_connected(void *arg)
{
	struct epmd_lookup *w = arg;

	if (epmd_ask_port_please2(conn_out(&w->conn), w->name) == -1)
		conn_fail(&w->conn, errno);
	else
		conn_written(&w->conn);
}

static void
on_closed(void *arg, int error)
{
	struct epmd_lookup *w = arg;

	w->asking = 0;
	if (error != 0)
		no_answer(w, error);
	loop_timer(w->loop, &w->timer, loop_now(w->loop) + EPMD_LOOKUP_MS);
}

static const struct conn_ops ops = {
	on_input, on_connected, NULL, on_closed
};

static void
ask(struct epmd_lookup *w)
{
	int64_t now = loop_now(w->loop);
	int fd = net_connect(&w->epmd);

	if (fd == -1 || conn_open(&w->conn, w->loop, fd, fd, 1,
	    EPMD_BYTES_MAX, EPMD_BYTES_MAX, &ops, w) == -1) {
		no_answer(w, errno);
		if (fd != -1)
			close(fd);
		loop_timer(w->loop, &w->timer, now + EPMD_LOOKUP_MS);
		return;
	}
	w->asking = 1;
	loop_timer(w->loop, &w->timer, now + EPMD_LOOKUP_ANSWER_MS);
}

static void
on_timer(void *arg)
{
	struct epmd_lookup *w = arg;

	if (w->asking)
		conn_fail(&w->conn, ETIMEDOUT);
	else
		ask(w);
}

void
epmd_lookup_init(struct epmd_lookup *w, struct loop *loop, const char *node,
    void (*moved)(void *, unsigned), void *arg)
{
	int symbols;

	memset(w, 0, sizeof(*w));
	w->loop = loop;
	w->name = slice_of(node, strcspn(node, "@"));
	symbols = epmd_symbols(w->name);
	if (symbols < 1 || symbols > EPMD_LOOKUP_MAX)
		die(EXIT_USAGE, "node name '%s': give name@host, in UTF-8",
		    node);
	addr_parse(&w->epmd, "127.0.0.1", 9, opt_epmd_port(), NULL);
	w->moved = moved;
	w->arg = arg;
	w->timer.fn = on_timer;
	w->timer.arg = w;
	loop_timer(loop, &w->timer, loop_now(loop));
}

void
epmd_lookup_stop(struct epmd_lookup *w)
{
	if (w->loop == NULL)
		return;
	loop_untimer(w->loop, &w->timer);
	if (w->asking)
		conn_abort(&w->conn);
	w->asking = 0;
}
