#include <sys/resource.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acceptor.h"
#include "die.h"
#include "hub_link.h"
#include "log.h"
#include "net.h"

#define STOP_STEP_MS 1000

struct hub_listen {
	struct hub *hub;
	struct chain chain; /* the hub's */
	struct acceptor acceptor;
};

/* Acts out. */

static void
act_send(struct hub *h, const struct act *a)
{
	struct hub_link *l = hub_link_find(h, a->peer);

	if (a->peer == 0 && h->act != NULL)
		h->act(h->arg, a);
	else if (l != NULL)
		hub_link_send(l, a->bytes);
}

static void
act_close(struct hub *h, const struct act *a)
{
	struct hub_link *l = hub_link_find(h, a->peer);
	char buf[HUB_PEER_TEXT];

	if (l == NULL)
		return;
	if (a->bytes.len > 0)
		log_info("closing %s: %.*s", hub_link_name(l, buf),
		    SLICE_ARG(a->bytes));
	if (a->kind == ACT_DRAIN)
		hub_link_drain(l);
	else
		conn_close(&l->conn);
}

/* What the core wants dialled and cannot be, it hears of. */
static void
act_dial(struct hub *h, const struct act *a)
{
	const char *why;
	int error;

	if (hub_dial(h, a->bytes, (enum dial)a->value, a->peer) == 0)
		return;
	error = errno;
	why = error == ENOBUFS ? "too many others are dialled" :
				 strerror(error);
	if (!hub_tell_failed(h, a->peer, error, why))
		log_error("unable to dial %.*s: %s", SLICE_ARG(a->bytes), why);
}

static void
act_log(const struct act *a)
{
	switch ((enum log_level)a->value) {
	case LOG_ERROR:
		log_error("%.*s", SLICE_ARG(a->bytes));
		break;
	case LOG_INFO:
		log_info("%.*s", SLICE_ARG(a->bytes));
		break;
	case LOG_DEBUG:
		log_debug("%.*s", SLICE_ARG(a->bytes));
		break;
	case LOG_TRACE:
		log_trace("%.*s", SLICE_ARG(a->bytes));
	}
}

static void
carry_out(struct hub *h, const struct act *a)
{
	switch (a->kind) {
	case ACT_SEND:
		act_send(h, a);
		break;
	case ACT_CLOSE:
	case ACT_DRAIN:
		act_close(h, a);
		break;
	case ACT_DIAL:
		act_dial(h, a);
		break;
	case ACT_UNDIAL:
		peers_unwant(&h->peers, a->bytes);
		break;
	case ACT_LOG:
		act_log(a);
		break;
	case ACT_STOP:
		hub_stop(h, STOP_STEP_MS, (int)a->value);
		break;
	default:
		if (h->act != NULL)
			h->act(h->arg, a);
	}
}

/* Dialling. */

/* Why an address may not be dialled, or NULL. */
static const char *
dial_refused(const struct hub *h, struct slice address, struct addr *a)
{
	const char *why;

	if (addr_parse(a, (const char *)address.p, address.len, 0, &why) == -1)
		return why;
	if (!addr_is_unix(a) &&
	    (h->key == NULL || env_key_allows(h->key, a) == -1))
		return "it is not on loopback, so both sides need a key of "
		       "yours: give -k keyfile";
	return NULL;
}

/* where is peers.c's, and goes with the target. */
static void
dial_one(struct hub *h, struct slice where, uint32_t tag)
{
	char text[ADDRESS_MAX + 1];
	struct slice address = slice_of(text, where.len);
	struct hub_link *l;
	struct addr a;
	const char *why;
	int fd;

	memcpy(text, where.p, where.len);
	text[where.len] = '\0';
	why = dial_refused(h, address, &a);
	if (why != NULL) {
		hub_dial_failed(h, address, tag, EACCES, why);
		return;
	}
	if ((fd = net_connect(&a)) == -1) {
		hub_dial_failed(h, address, tag, errno, strerror(errno));
		return;
	}
	l = hub_link_new(h, fd, fd, 1, 1, tag, strdup(text));
	if (l == NULL) {
		hub_dial_failed(h, address, tag, errno, strerror(errno));
		close(fd);
		return;
	}
	l->target = 1;
}

static void
dial_due(struct hub *h)
{
	struct slice address;
	uint32_t tag;

	while (!h->stop && peers_dial(&h->peers, loop_now(h->loop), &address,
		   &tag))
		dial_one(h, address, tag);
}

/* A turn's end: the core's tick, its outbox, dialling, the next deadline. */

void
hub_flush(struct hub *h)
{
	struct act a;

	while (outbox_take(h->out, &a))
		carry_out(h, &a);
}

static void
on_deliver(void *arg)
{
	struct hub *h = arg;
	int64_t due, dial;

	if (h->core == NULL)
		return;
	hub_flush(h);
	h->ops->tick(h->core, loop_now(h->loop));
	hub_flush(h);
	dial_due(h);
	hub_flush(h);
	due = h->ops->deadline(h->core);
	dial = h->stop ? INT64_MAX : peers_deadline(&h->peers);
	if (dial < due)
		due = dial;
	if (due == INT64_MAX)
		loop_untimer(h->loop, &h->timer);
	else
		loop_timer(h->loop, &h->timer, due);
}

static void
on_timer(void *arg)
{
	hub_deliver(arg);
}

/* Accepting. */

/* Too many at once that have not proven themselves: the oldest goes. Its
 * descriptor is needed now, and not at the end of the turn. */
static void
turn_away(struct hub *h, uint32_t handle)
{
	struct hub_link *l = hub_link_find(h, handle);

	if (l != NULL)
		hub_link_abort(l, EBUSY, "too many have not proven themselves");
}

static void
on_accepted(void *arg, int fd, const struct addr *from)
{
	struct hub_listen *s = arg;
	struct hub *h = s->hub;
	int64_t now = loop_now(h->loop);
	uint32_t handle;

	if (h->stop) {
		close(fd);
		return;
	}
	handle = hub_adopt(h, fd, fd, 0, 0);
	if (handle != 0 && !addr_is_unix(from))
		turn_away(h, preauth_enter(&h->preauth, now, now, handle,
		    addr_host(from)));
}

/* Strangers. */

static void
on_minute(void *arg)
{
	struct hub *h = arg;
	unsigned long more = loglimit_more(&h->loglimit, loop_now(h->loop));

	if (more > 0)
		log_info("%lu more strangers closed", more);
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
	on_minute(h);
	if (!h->hushed && loglimit_say(&h->loglimit, now, host))
		log_info("%s", text);
	else
		log_debug("%s", text);
	if (loglimit_deadline(&h->loglimit) != INT64_MAX)
		loop_timer(h->loop, &h->minute,
		    loglimit_deadline(&h->loglimit));
}

void
hub_hush(struct hub *h)
{
	h->hushed = 1;
}

/* The address of the connection's other end, as text of our own. */
static char *
remote_text(int fd)
{
	char text[ADDR_TEXT_MAX];
	struct addr a;

	if (!net_is_tcp(fd) || net_remote(fd, &a) == -1)
		return strdup("");
	return strdup(addr_print(&a, text));
}

/* The interface. */

/* Strangers may have a quarter of the descriptors. */
static void
init_gate(struct hub *h)
{
	struct rlimit r;
	size_t max = HUB_UNPROVEN;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur != RLIM_INFINITY &&
	    r.rlim_cur / 4 < max)
		max = r.rlim_cur < 4 ? 1 : (size_t)r.rlim_cur / 4;
	preauth_init(&h->preauth, max, max < HUB_UNPROVEN_HOST ? max :
	    HUB_UNPROVEN_HOST);
}

void
hub_init(struct hub *h, struct loop *loop, unsigned role,
    const struct key *key)
{
	uint64_t seed;

	memset(h, 0, sizeof(*h));
	h->loop = loop;
	h->key = key;
	h->self.role = role;
	h->self.message_max = MSG_MAX;
	if (key != NULL)
		h->self.key = slice_of(key->bytes, key->len);
	env_random(&h->self.instance, sizeof(h->self.instance));
	env_random(&seed, sizeof(seed));
	peers_init(&h->peers, &h->self.instance, seed);
	chain_init(&h->listens);
	init_gate(h);
	h->minute.fn = on_minute;
	h->minute.arg = h;
	h->timer.fn = on_timer;
	h->timer.arg = h;
	h->deliver.fn = on_deliver;
	h->deliver.arg = h;
}

void
hub_core(struct hub *h, const struct core_ops *ops, void *core,
    struct outbox *out)
{
	h->ops = ops;
	h->core = core;
	h->out = out;
	hub_deliver(h);
}

void
hub_free(struct hub *h)
{
	size_t i;

	loop_untimer(h->loop, &h->timer);
	loop_untimer(h->loop, &h->stopping);
	loop_untimer(h->loop, &h->minute);
	loop_unlater(h->loop, &h->deliver);
	for (i = 0; i < h->nlinks; i++)
		if (h->links[i] != NULL)
			hub_link_free(h->links[i]);
	free(h->links);
	while (!chain_empty(&h->listens))
		hub_unlisten(CHAIN_OWNER(h->listens.next, struct hub_listen,
		    chain));
	peers_free(&h->peers);
}

struct hub_listen *
hub_listen(struct hub *h, int fd)
{
	struct hub_listen *s = calloc(1, sizeof(*s));

	if (s == NULL)
		die_errno(EXIT_TEMPORARY, "unable to listen");
	s->hub = h;
	chain_append(&h->listens, &s->chain);
	s->acceptor.fn = on_accepted;
	s->acceptor.arg = s;
	if (acceptor_open(&s->acceptor, h->loop, fd) == -1)
		die_errno(EXIT_TEMPORARY, "unable to listen");
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

uint32_t
hub_adopt(struct hub *h, int in, int out, int dialler, uint32_t tag)
{
	struct hub_link *l = hub_link_new(h, in, out, 0, dialler, tag,
	    remote_text(in));

	if (l == NULL) {
		log_error("unable to take a connection: %s", strerror(errno));
		close(in);
		if (out != in)
			close(out);
		return 0;
	}
	return l->handle;
}

void
hub_name(struct hub *h, uint32_t peer, const char *name)
{
	struct hub_link *l = hub_link_find(h, peer);
	char *copy = strdup(name);

	if (l == NULL || copy == NULL) {
		free(copy);
		return;
	}
	free(l->address);
	l->address = copy;
}

int
hub_dial(struct hub *h, struct slice address, enum dial how, uint32_t tag)
{
	if (peers_want(&h->peers, loop_now(h->loop), address, how, tag) == -1)
		return -1;
	hub_deliver(h);
	return 0;
}

void
hub_deliver(struct hub *h)
{
	loop_later(h->loop, &h->deliver);
}

size_t
hub_queued(const struct hub *h, uint32_t peer)
{
	const struct hub_link *l = hub_link_find(h, peer);

	return l == NULL ? 0 : conn_queued(&l->conn);
}

void
hub_pause(struct hub *h, uint32_t peer, int paused)
{
	struct hub_link *l = hub_link_find(h, peer);

	if (l != NULL)
		hub_link_pause(l, paused);
}

static void
stop_now(void *arg)
{
	struct hub *h = arg;

	loop_stop(h->loop);
}

void
hub_stop(struct hub *h, int64_t within_ms, int status)
{
	size_t i;

	if (h->stop)
		return;
	h->stop = 1;
	h->status = status;
	h->stopping.fn = stop_now;
	h->stopping.arg = h;
	loop_timer(h->loop, &h->stopping, loop_now(h->loop) + within_ms);
	for (i = 0; i < h->nlinks; i++)
		if (h->links[i] != NULL)
			conn_drain(&h->links[i]->conn);
	if (h->used == 0)
		loop_stop(h->loop);
}
