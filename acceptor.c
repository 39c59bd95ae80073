#include <errno.h>
#include <string.h>

#include "acceptor.h"
#include "log.h"
#include "net.h"

/* Its place in the loop stays, so that going on needs no memory. */
static void
acceptor_listen(struct acceptor *a, int listens)
{
	a->watch.events = listens ? POLLIN : 0;
	loop_watch(a->loop, &a->watch);
}

static void
acceptor_on_again(void *arg)
{
	struct acceptor *a = arg;

	acceptor_listen(a, !a->held);
}

static void
acceptor_pause(struct acceptor *a, int error)
{
	int64_t now = loop_now(a->loop);

	if (!a->told || now - a->told_at >= ACCEPT_TOLD_MS) {
		log_error("unable to accept: %s; trying again until it works",
		    strerror(error));
		a->told = 1;
		a->told_at = now;
	}
	acceptor_listen(a, 0);
	loop_timer(a->loop, &a->again, now + ACCEPT_PAUSE_MS);
}

static void
acceptor_on_watch(void *arg, short revents)
{
	struct acceptor *a = arg;
	struct addr from;
	int fd, i;

	(void)revents;
	for (i = 0; i < ACCEPT_A_TURN && a->watch.fd != -1 && !a->held; i++) {
		if ((fd = net_accept(a->watch.fd, &from)) != -1) {
			a->fn(a->arg, fd, &from);
		} else if (errno != ECONNABORTED) {
			if (errno != EAGAIN)
				acceptor_pause(a, errno);
			return;
		}
	}
}

int
acceptor_open(struct acceptor *a, struct loop *loop, int fd)
{
	a->loop = loop;
	a->held = 0;
	a->told = 0;
	memset(&a->watch, 0, sizeof(a->watch));
	memset(&a->again, 0, sizeof(a->again));
	a->watch.fd = fd;
	a->watch.events = POLLIN;
	a->watch.fn = acceptor_on_watch;
	a->watch.arg = a;
	a->again.fn = acceptor_on_again;
	a->again.arg = a;
	return loop_watch(loop, &a->watch);
}

void
acceptor_hold(struct acceptor *a, int held)
{
	a->held = held;
	if (a->watch.fd != -1 && a->again.slot == 0)
		acceptor_listen(a, !held);
}

void
acceptor_close(struct acceptor *a)
{
	if (a->watch.fd == -1)
		return;
	loop_unwatch(a->loop, &a->watch);
	loop_untimer(a->loop, &a->again);
	net_close(a->watch.fd);
	a->watch.fd = -1;
}
