#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "epmd_client.h"
#include "log.h"
#include "net.h"
#include "opt.h"

#define REGISTER_MIN_MS	   100 /* between two tries; doubled each time */
#define REGISTER_MAX_MS	   10000
#define REGISTER_ANSWER_MS 5000

static void
epmd_client_address(struct addr *a)
{
	addr_parse(a, "127.0.0.1", 9, opt_epmd_port(), NULL);
}

/* 0, or -1 with errno. */
static int
epmd_client_dial(struct conn *c, struct loop *loop, const struct addr *epmd,
    const struct conn_ops *ops, void *arg)
{
	int fd = net_connect(epmd);

	if (fd == -1)
		return -1;
	if (conn_open(c, loop, fd, fd, 1, EPMD_BYTES_MAX, EPMD_BYTES_MAX, ops,
	    arg) == -1)
		return net_fail(fd);
	return 0;
}

/* Where a node is. */

/* Say it once until there is an answer: an EPMD may come later. */
static void
epmd_lookup_failed(struct epmd_lookup *w, int error)
{
	if (w->silent)
		return;
	w->silent = 1;
	log_info("no EPMD tells where node %.*s is: %s", SLICE_ARG(w->name),
	    strerror(error));
}

static void
epmd_lookup_told(struct epmd_lookup *w, unsigned port)
{
	w->silent = 0;
	if (port == w->port)
		return;
	w->port = port;
	w->moved(w->arg, port);
}

static ssize_t
epmd_lookup_on_input(void *arg, const unsigned char *p, size_t n)
{
	struct epmd_lookup *w = arg;
	struct epmd_node node;
	int r = epmd_port2(slice_of(p, n), &node);

	if (r == 0)
		return 0;
	if (r == 1)
		epmd_lookup_told(w, node.port);
	else if (errno == ENOENT)
		epmd_lookup_told(w, 0);
	else
		epmd_lookup_failed(w, errno);
	conn_close(&w->conn);
	return -1;
}

static void
epmd_lookup_on_connected(void *arg)
{
	struct epmd_lookup *w = arg;

	if (epmd_ask_port_please2(conn_out(&w->conn), w->name) == -1)
		conn_fail(&w->conn, errno);
	else
		conn_written(&w->conn);
}

static void
epmd_lookup_on_closed(void *arg, int error)
{
	struct epmd_lookup *w = arg;

	w->asking = 0;
	if (error != 0)
		epmd_lookup_failed(w, error);
	loop_timer(w->loop, &w->timer, loop_now(w->loop) + EPMD_LOOKUP_MS);
}

static void
epmd_lookup_on_timer(void *arg)
{
	static const struct conn_ops ops = { epmd_lookup_on_input,
		epmd_lookup_on_connected, NULL, epmd_lookup_on_closed, NULL,
		NULL };
	struct epmd_lookup *w = arg;

	if (w->asking) {
		conn_fail(&w->conn, ETIMEDOUT);
	} else if (epmd_client_dial(&w->conn, w->loop, &w->epmd, &ops,
	    w) == -1) {
		epmd_lookup_on_closed(w, errno);
	} else {
		w->asking = 1;
		loop_timer(w->loop, &w->timer,
		    loop_now(w->loop) + EPMD_LOOKUP_ANSWER_MS);
	}
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
	epmd_client_address(&w->epmd);
	w->moved = moved;
	w->arg = arg;
	w->timer.fn = epmd_lookup_on_timer;
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

/* A name that is registered. */

static ssize_t
epmd_register_on_input(void *arg, const unsigned char *p, size_t n)
{
	struct epmd_register *l = arg;
	uint32_t creation;
	int r = epmd_alive2(slice_of(p, n), &creation);

	if (r == 0 && !l->registered)
		return 0;
	/* Once it has answered it has nothing more to say. */
	if (r == 1 && !l->registered) {
		l->registered = 1;
		l->tries = 0;
		l->reason[0] = '\0';
		loop_untimer(l->loop, &l->timer);
		log_info("registered as %s with EPMD", l->name);
		return (ssize_t)n;
	}
	l->why = !l->registered && errno == EEXIST ? "the name is taken" :
	    "it does not answer as an EPMD";
	conn_close(&l->conn);
	return -1;
}

static void
epmd_register_on_connected(void *arg)
{
	struct epmd_register *l = arg;
	struct epmd_node node;

	memset(&node, 0, sizeof(node));
	node.name = slice_str(l->name);
	node.port = l->port;
	node.type = EPMD_HIDDEN;
	if (epmd_ask_alive2(conn_out(&l->conn), &node) == -1)
		conn_fail(&l->conn, errno);
	else
		conn_written(&l->conn);
}

static void
epmd_register_on_closed(void *arg, int error)
{
	struct epmd_register *l = arg;
	int64_t delay = REGISTER_MAX_MS;
	const char *why = l->why != NULL ? l->why : error != 0 ?
	    strerror(error) : "it closed the connection";

	if (l->registered || strcmp(l->reason, why) != 0)
		log_error("unable to register as %s with EPMD: %s", l->name,
		    why);
	snprintf(l->reason, sizeof(l->reason), "%s", why);
	l->registered = l->asking = 0;
	if (l->tries < 7 && (int64_t)REGISTER_MIN_MS << l->tries < delay)
		delay = (int64_t)REGISTER_MIN_MS << l->tries;
	l->tries++;
	loop_timer(l->loop, &l->timer, loop_now(l->loop) + delay);
}

static void
epmd_register_on_timer(void *arg)
{
	static const struct conn_ops ops = { epmd_register_on_input,
		epmd_register_on_connected, NULL, epmd_register_on_closed,
		NULL, NULL };
	struct epmd_register *l = arg;

	if (l->asking) {
		l->why = "it does not answer";
		conn_close(&l->conn);
		return;
	}
	l->why = NULL;
	if (epmd_client_dial(&l->conn, l->loop, &l->epmd, &ops, l) == -1) {
		epmd_register_on_closed(l, errno);
		return;
	}
	l->asking = 1;
	loop_timer(l->loop, &l->timer, loop_now(l->loop) + REGISTER_ANSWER_MS);
}

void
epmd_register_init(struct epmd_register *l, struct loop *loop, const char *name,
    uint16_t port)
{
	int symbols = epmd_symbols(slice_str(name));

	if (symbols < 1 || symbols > EPMD_SYMBOLS_MAX ||
	    strchr(name, '@') != NULL)
		die(EXIT_USAGE, "-n %s: give a node's name, without @host",
		    name);
	memset(l, 0, sizeof(*l));
	l->loop = loop;
	l->name = name;
	l->port = port;
	epmd_client_address(&l->epmd);
	l->timer.fn = epmd_register_on_timer;
	l->timer.arg = l;
	loop_timer(loop, &l->timer, loop_now(loop));
}

void
epmd_register_free(struct epmd_register *l)
{
	if (l->loop == NULL)
		return;
	loop_untimer(l->loop, &l->timer);
	if (l->asking)
		conn_abort(&l->conn);
	l->asking = 0;
}
