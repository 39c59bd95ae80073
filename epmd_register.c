#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "epmd.h"
#include "epmd_register.h"
#include "log.h"
#include "net.h"
#include "opt.h"

#define DELAY_MIN_MS 100
#define DELAY_MAX_MS 10000
#define ANSWER_MS    5000

static void
hang_up(struct epmd_register *l)
{
	if (l->watch.fd == -1)
		return;
	loop_unwatch(l->loop, &l->watch);
	close(l->watch.fd);
	l->watch.fd = -1;
}

static void
failed(struct epmd_register *l, const char *reason)
{
	int64_t delay = DELAY_MAX_MS;

	hang_up(l);
	if (l->registered || strcmp(l->reason, reason) != 0)
		log_error("unable to register as %s with EPMD: %s", l->name,
		    reason);
	snprintf(l->reason, sizeof(l->reason), "%s", reason);
	l->registered = 0;
	if (l->tries < 7 && (int64_t)DELAY_MIN_MS << l->tries < delay)
		delay = (int64_t)DELAY_MIN_MS << l->tries;
	l->tries++;
	loop_timer(l->loop, &l->timer, loop_now(l->loop) + delay);
}

/* The request is short, and the connection new: it goes out in one piece. NULL,
 * or what went wrong. */
static const char *
ask(struct epmd_register *l)
{
	struct epmd_node node;
	struct buf b;
	struct slice bytes;
	const char *why = NULL;
	ssize_t n;

	memset(&node, 0, sizeof(node));
	node.name = slice_str(l->name);
	node.port = l->port;
	node.type = EPMD_HIDDEN;
	buf_init(&b, EPMD_BYTES_MAX);
	if (epmd_ask_alive2(&b, &node) == -1) {
		why = strerror(errno);
	} else {
		bytes = buf_slice(&b);
		n = write(l->watch.fd, bytes.p, bytes.len);
		if (n == -1)
			why = strerror(errno);
		else if ((size_t)n < bytes.len)
			why = "it takes only part of the request";
	}
	buf_free(&b);
	return why;
}

static void
registered(struct epmd_register *l)
{
	l->registered = 1;
	l->tries = 0;
	l->reason[0] = '\0';
	loop_untimer(l->loop, &l->timer);
	log_info("registered as %s with EPMD", l->name);
}

static void
answered(struct epmd_register *l)
{
	uint32_t creation;
	int r;

	if (l->registered) {
		/* It has nothing more to say. */
		failed(l, "it does not answer as an EPMD");
		return;
	}
	r = epmd_alive2(slice_of(l->reply, l->len), &creation);
	if (r == 1)
		registered(l);
	else if (r == -1)
		failed(l, errno == EEXIST ? "the name is taken" :
		    "it does not answer as an EPMD");
}

static void
on_readable(struct epmd_register *l)
{
	ssize_t n;

	n = read(l->watch.fd, l->reply + l->len, sizeof(l->reply) - l->len);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		failed(l, n == 0 ? "it closed the connection" :
		    strerror(errno));
		return;
	}
	l->len += (size_t)n;
	answered(l);
	if (l->registered)
		l->len = 0;
}

static void
on_event(void *arg, short revents)
{
	struct epmd_register *l = arg;
	const char *why;

	(void)revents;
	if (l->watch.events == POLLIN) {
		on_readable(l);
		return;
	}
	why = net_connected(l->watch.fd) == -1 ? strerror(errno) : ask(l);
	if (why != NULL) {
		failed(l, why);
		return;
	}
	l->watch.events = POLLIN;
	loop_watch(l->loop, &l->watch);
}

static void
on_timer(void *arg)
{
	struct epmd_register *l = arg;

	if (l->watch.fd != -1) {
		failed(l, "it does not answer");
		return;
	}
	l->len = 0;
	l->watch.events = POLLOUT;
	if ((l->watch.fd = net_connect(&l->epmd)) == -1 ||
	    loop_watch(l->loop, &l->watch) == -1) {
		failed(l, strerror(errno));
		return;
	}
	loop_timer(l->loop, &l->timer, loop_now(l->loop) + ANSWER_MS);
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
	addr_parse(&l->epmd, "127.0.0.1", 9, opt_epmd_port(), NULL);
	l->watch.fd = -1;
	l->watch.fn = on_event;
	l->timer.fn = on_timer;
	l->watch.arg = l->timer.arg = l;
	loop_timer(loop, &l->timer, loop_now(loop));
}

void
epmd_register_free(struct epmd_register *l)
{
	if (l->loop == NULL)
		return;
	hang_up(l);
	loop_untimer(l->loop, &l->timer);
}
