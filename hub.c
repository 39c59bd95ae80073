#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "die.h"
#include "hub_link.h"
#include "log.h"
#include "net.h"

#define ACCEPT_PAUSE_MS 100
#define ACCEPT_A_TURN	64
#define STOP_STEP_MS	1000

struct hub_listen {
	struct hub *hub;
	struct watch watch;
	struct timer again; /* while accepting is paused */
	int failing;	    /* it is, and the log says so */
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
		conn_drain(&l->conn);
	else
		conn_close(&l->conn);
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
		if (hub_dial(h, a->bytes, (enum dial)a->value, a->peer) == -1)
			log_error("unable to dial %.*s: %s",
			    SLICE_ARG(a->bytes), strerror(errno));
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
	    (h->key == NULL || run_key_allows(h->key, a) == -1))
		return "it is not on loopback, so both sides need a key of "
		       "yours: give -k keyfile";
	return NULL;
}

static void
dial_one(struct hub *h, struct slice address, uint32_t tag)
{
	struct hub_link *l;
	struct addr a;
	const char *why = dial_refused(h, address, &a);
	char *text;
	int fd;

	if (why != NULL) {
		hub_dial_failed(h, address, tag, 0, why);
		return;
	}
	if ((fd = net_connect(&a)) == -1) {
		hub_dial_failed(h, address, tag, 0, strerror(errno));
		return;
	}
	if ((text = malloc(address.len + 1)) != NULL) {
		memcpy(text, address.p, address.len);
		text[address.len] = '\0';
	}
	if ((l = hub_link_new(h, fd, fd, 1, 1, tag, text)) == NULL) {
		hub_dial_failed(h, address, tag, 0, strerror(errno));
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

static void
accept_again(void *arg)
{
	struct hub_listen *s = arg;

	s->watch.events = POLLIN;
	loop_watch(s->hub->loop, &s->watch);
}

static void
on_acceptable(void *arg, short revents)
{
	struct hub_listen *s = arg;
	struct hub *h = s->hub;
	struct addr from;
	int fd, i;

	(void)revents;
	for (i = 0; i < ACCEPT_A_TURN; i++) {
		if ((fd = net_accept(s->watch.fd, &from)) != -1) {
			s->failing = 0;
			if (h->stop)
				close(fd);
			else
				hub_adopt(h, fd, fd, 0, 0);
			continue;
		}
		if (errno == ECONNABORTED || errno == EINTR)
			continue;
		if (errno != EAGAIN && errno != EWOULDBLOCK) {
			if (!s->failing)
				log_error("unable to accept: %s; trying again "
				    "until it works", strerror(errno));
			s->failing = 1;
			s->watch.events = 0;
			loop_watch(h->loop, &s->watch);
			loop_timer(h->loop, &s->again,
			    loop_now(h->loop) + ACCEPT_PAUSE_MS);
		}
		return;
	}
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
	random_bytes(&h->self.instance, sizeof(h->self.instance));
	random_bytes(&seed, sizeof(seed));
	peers_init(&h->peers, &h->self.instance, seed);
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
	loop_unlater(h->loop, &h->deliver);
	for (i = 0; i < h->nlinks; i++)
		if (h->links[i] != NULL)
			hub_link_free(h->links[i]);
	free(h->links);
	peers_free(&h->peers);
}

struct hub_listen *
hub_listen(struct hub *h, int fd)
{
	struct hub_listen *s = calloc(1, sizeof(*s));

	if (s == NULL)
		die_errno(EXIT_TEMPORARY, "unable to listen");
	s->hub = h;
	s->watch.fd = fd;
	s->watch.events = POLLIN;
	s->watch.fn = on_acceptable;
	s->watch.arg = s;
	s->again.fn = accept_again;
	s->again.arg = s;
	if (loop_watch(h->loop, &s->watch) == -1)
		die_errno(EXIT_TEMPORARY, "unable to listen");
	return s;
}

void
hub_unlisten(struct hub *h, struct hub_listen *s)
{
	if (s == NULL)
		return;
	loop_unwatch(h->loop, &s->watch);
	loop_untimer(h->loop, &s->again);
	close(s->watch.fd);
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
