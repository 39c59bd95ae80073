/*
 * The hub's doors: who may come in over TCP, as long as there is a place for
 * one more that has not authenticated; and what the log says of peers that
 * never do, and of those that cannot be reached.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "acceptor.h"
#include "hub.h"
#include "log.h"
#include "net.h"

struct hub_listen {
	struct hub *hub;
	struct chain chain; /* the hub's */
	struct acceptor acceptor;
	int tcp;
};

/* Where there is no place, connections wait where they are. */
static void
hub_admit(struct hub *h)
{
	int64_t opens = preauth_opens(&h->preauth, loop_now(h->loop));
	int held = opens != INT64_MIN;
	struct hub_listen *s = NULL;

	if (held)
		loop_timer(h->loop, &h->opens, opens);
	if (held == h->held)
		return;
	h->held = held;
	while ((s = CHAIN_NEXT(&h->listens, s, struct hub_listen, chain)) !=
	    NULL)
		if (s->tcp)
			acceptor_hold(&s->acceptor, held);
}

static void
hub_on_opens(void *arg)
{
	hub_admit(arg);
}

void
hub_admitted(struct hub *h, uint32_t handle)
{
	if (preauth_leave(&h->preauth, handle))
		hub_admit(h);
}

/* It no longer makes room for another, so there may be no place left. */
void
hub_promising(struct hub *h, uint32_t handle)
{
	preauth_good(&h->preauth, handle);
	hub_admit(h);
}

static void
hub_on_accepted(void *arg, int fd, const struct addr *from)
{
	struct hub_listen *s = arg;
	struct hub *h = s->hub;
	uint32_t handle;

	if (h->stop) {
		net_close(fd);
		return;
	}
	handle = hub_adopt(h, fd, fd, 0, 0);
	if (handle == 0 || addr_is_unix(from))
		return;
	hub_turn_away(h, preauth_enter(&h->preauth, loop_now(h->loop), handle,
	    addr_host(from)));
	hub_admit(h);
}

struct hub_listen *
hub_listen(struct hub *h, int fd)
{
	struct hub_listen *s = calloc(1, sizeof(*s));

	if (s == NULL)
		die_errno(EXIT_TEMPORARY, "unable to listen");
	s->hub = h;
	chain_append(&h->listens, &s->chain);
	s->acceptor.fn = hub_on_accepted;
	s->acceptor.arg = s;
	s->tcp = net_is_tcp(fd);
	if (s->tcp && h->self.memory == NULL)
		h->self.memory = calloc(1, sizeof(*h->self.memory));
	if (acceptor_open(&s->acceptor, h->loop, fd) == -1)
		die_errno(EXIT_TEMPORARY, "unable to listen");
	if (s->tcp && h->held)
		acceptor_hold(&s->acceptor, 1);
	return s;
}

void
hub_unlisten(struct hub_listen *s)
{
	if (s == NULL)
		return;
	chain_remove(&s->chain);
	acceptor_close(&s->acceptor);
	free(s);
}

/* Connections that ended before their peers authenticated. */

static void hub_await_minute(struct hub *);

static void
hub_on_minute(void *arg)
{
	struct hub *h = arg;
	int64_t now = loop_now(h->loop);
	unsigned long strangers = loglimit_more(&h->loglimit, now);
	unsigned long dials = loglimit_more(&h->dials, now);

	if (strangers > 0)
		log_info("more strangers closed: %lu", strangers);
	if (dials > 0)
		log_info("more times unable to link to addresses that "
		    "peers named: %lu", dials);
	hub_await_minute(h);
}

/* Lines of log were not written: a timer tells how many. */
static void
hub_await_minute(struct hub *h)
{
	int64_t due = loglimit_deadline(&h->loglimit);
	int64_t dials = loglimit_deadline(&h->dials);

	if (dials < due)
		due = dials;
	if (due != INT64_MAX)
		loop_timer(h->loop, &h->minute, due);
}

/* Peers that cannot be reached. */

/* The part of an address by which loglimit tells hosts apart. */
static struct slice
hub_tail(struct slice address)
{
	size_t n = address.len < LOGLIMIT_HOST ? address.len : LOGLIMIT_HOST;

	return slice_of(address.p + address.len - n, n);
}

/* An address that peers named gets its line as far as the limit allows; the
 * others are counted. */
void
hub_say_unlinked(struct hub *h, struct slice address, int news, int error,
    const char *why)
{
	int local = address.len > 0 && address.p[0] == '/' &&
	    (error == ENOENT || error == ECONNREFUSED);

	if (news && peers_is_learnt(&h->peers, address) &&
	    !loglimit_say(&h->dials, loop_now(h->loop), hub_tail(address))) {
		news = 0;
		hub_await_minute(h);
	}
	if (error == ELOOP)
		(news ? log_info : log_debug)("no link to %.*s: %s",
		    SLICE_ARG(address), why);
	else
		(news ? log_info : log_debug)("unable to link to %.*s: %s%s; "
		    "trying again", SLICE_ARG(address), why, local ?
		    ": start lambda-broker" : "");
}

void
hub_stranger(struct hub *h, struct slice host, const char *fmt, ...)
{
	int64_t now = loop_now(h->loop);
	char text[LOG_LINE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	hub_on_minute(h);
	if (loglimit_say(&h->loglimit, now, host))
		log_info("%s", text);
	else
		log_debug("%s", text);
	hub_await_minute(h);
}

/* Life. */

void
hub_init_accept(struct hub *h)
{
	chain_init(&h->listens);
	preauth_bound(&h->preauth, net_descriptors());
	h->opens.fn = hub_on_opens;
	h->opens.arg = h;
	h->minute.fn = hub_on_minute;
	h->minute.arg = h;
}

void
hub_free_accept(struct hub *h)
{
	loop_untimer(h->loop, &h->opens);
	loop_untimer(h->loop, &h->minute);
	while (!chain_empty(&h->listens))
		hub_unlisten(CHAIN_OWNER(h->listens.next, struct hub_listen,
		    chain));
	preauth_free(&h->preauth);
	loglimit_free(&h->loglimit);
	loglimit_free(&h->dials);
	if (h->self.memory != NULL)
		free(h->self.memory->tags);
	free(h->self.memory);
}
