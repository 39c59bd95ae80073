#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "fail.h"
#include "hub.h"
#include "log.h"
#include "net.h"

#define STOP_STEP_MS	1000
#define OUTBOX_MARK	(64 * 1024) /* the outbox is carried out above it */
#define PEER_TEXT	(ADDR_TEXT_MAX + 32)
#define LINKS_FIRST	8

/* A handle is a slot and a generation, so that a link that is gone is not
 * mistaken for the next one in its slot. */

static struct hub_link *
hub_find(const struct hub *h, uint32_t handle)
{
	size_t slot = handle & 0xffff;

	if (handle == 0 || slot >= h->nlinks || h->links[slot] == NULL ||
	    h->links[slot]->handle != handle)
		return NULL;
	return h->links[slot];
}

static int
hub_grow(struct hub *h)
{
	size_t n = h->nlinks == 0 ? LINKS_FIRST : h->nlinks * 2;
	struct hub_link **grown;

	if (h->nlinks >= HUB_LINKS_MAX)
		return fail(EMFILE);
	if ((grown = realloc(h->links, n * sizeof(*grown))) == NULL)
		return -1;
	memset(grown + h->nlinks, 0, (n - h->nlinks) * sizeof(*grown));
	h->links = grown;
	h->nlinks = n;
	return 0;
}

static int
hub_take_slot(struct hub *h, struct hub_link *l)
{
	size_t i = h->free_hint;

	while (i < h->nlinks && h->links[i] != NULL)
		i++;
	if (i == h->nlinks && hub_grow(h) == -1)
		return -1;
	if (++h->generation == 0)
		h->generation = 1;
	l->handle = (uint32_t)h->generation << 16 | (uint32_t)i;
	h->links[i] = l;
	h->free_hint = i + 1;
	h->used++;
	return 0;
}

static void
hub_give_slot(struct hub *h, struct hub_link *l)
{
	size_t slot = l->handle & 0xffff;

	h->links[slot] = NULL;
	if (slot < h->free_hint)
		h->free_hint = slot;
	h->used--;
}

/* What the log calls the peer; returns buf. */
static const char *
hub_link_name(const struct hub_link *l, char buf[PEER_TEXT])
{
	const char *role = l->link.role == 0 ? "peer" :
					       role_name(l->link.role);

	snprintf(buf, PEER_TEXT, "%s%s%s", role,
	    l->address[0] == '\0' ? "" : " ", l->address);
	return buf;
}

/* -vv: each message. */
static void
hub_link_trace(const struct hub_link *l, const char *way, unsigned type)
{
	char buf[PEER_TEXT];

	if (log_level >= LOG_TRACE)
		log_trace("%s %s: %s", way, hub_link_name(l, buf),
		    msg_name(type));
}

/* Time. */

/*
 * When to give up a peer that takes none of the bytes queued for it, even if it
 * still sends: its queue is memory, and another peer could use the orders or
 * requests that it holds.
 */
static int64_t
hub_link_stuck_at(const struct hub_link *l)
{
	int64_t since = l->conn.wrote > l->waiting ? l->conn.wrote :
						     l->waiting;

	return l->throttled || l->draining ? since + HUB_STUCK_MS : INT64_MAX;
}

/* 0, or -1 with ENOMEM; but there is room for it once it was set. */
static int
hub_link_arm(struct hub_link *l)
{
	int64_t due = link_deadline(&l->link), stuck = hub_link_stuck_at(l);

	return loop_timer(l->hub->loop, &l->timer, due < stuck ? due : stuck);
}

/* Has the peer taken nothing for too long? A turn that is late itself judges
 * nobody, as in link_tick(). */
static int
hub_link_is_stuck(struct hub_link *l, int64_t now)
{
	int64_t due = hub_link_stuck_at(l);

	if (now < due)
		return 0;
	if (now - due <= LINK_LATE_MS)
		return 1;
	l->waiting = now + LINK_LATE_MS - HUB_STUCK_MS;
	return 0;
}

static void
hub_link_on_timer(void *arg)
{
	struct hub_link *l = arg;
	int64_t now = loop_now(l->hub->loop);

	/* It may still be sending, but it is not read from. */
	if (l->throttled || l->paused)
		link_heard(&l->link, now);
	if (l->patient && l->link.phase != LINK_UP)
		link_connected(&l->link, now);
	if (hub_link_is_stuck(l, now))
		l->why = "it does not read what it is sent";
	else if (link_tick(&l->link, now) == -1)
		l->why = l->link.why;
	else {
		conn_trim(&l->conn);
		link_trim(&l->link);
		buf_spare_trim(now);
		hub_link_arm(l);
		return;
	}
	conn_fail(&l->conn, ETIMEDOUT);
}

/* Reading and writing. */

static void
hub_link_on_connected(void *arg)
{
	struct hub_link *l = arg;

	link_connected(&l->link, loop_now(l->hub->loop));
	hub_link_arm(l);
}

/* Do not read from it while it is throttled or paused. What it sends meanwhile
 * is read late, so when reading goes on it counts as heard. */
static void
hub_link_hold(struct hub_link *l, int throttled, int paused)
{
	if ((l->throttled && !throttled) || (l->paused && !paused))
		link_heard(&l->link, loop_now(l->hub->loop));
	l->throttled = throttled != 0;
	l->paused = paused != 0;
	conn_pause(&l->conn, throttled || paused);
}

static void
hub_link_on_drained(void *arg)
{
	struct hub_link *l = arg;

	hub_link_hold(l, 0, l->paused);
}

static void
hub_link_on_wrote(void *arg)
{
	const struct hub_link *l = arg;

	if (l->hub->room != NULL && conn_queued(&l->conn) < HUB_LOW_MARK)
		l->hub->room(l->hub->arg);
}

/* From now on it must take what is queued for it. */
static void
hub_link_wait(struct hub_link *l)
{
	l->waiting = loop_now(l->hub->loop);
	hub_link_arm(l);
}

/* Close it once all output is written, or once the peer has taken none of it
 * for HUB_STUCK_MS. */
static void
hub_link_drain(struct hub_link *l)
{
	if (!l->draining) {
		l->draining = 1;
		hub_link_wait(l);
	}
	conn_drain(&l->conn);
}

/* Queue a frame. A peer that does not read them all is closed. */
static void
hub_link_send(struct hub_link *l, struct slice frame)
{
	const struct hub *h = l->hub;

	if (!l->up || l->conn.closing)
		return;
	hub_link_trace(l, "to", frame.p[0]);
	l->hub->counts.messages_out++;
	if (conn_write(&l->conn, frame.p, frame.len) == -1) {
		l->why = "it does not read what it is sent";
		conn_fail(&l->conn, errno);
		return;
	}
	link_sent(&l->link, loop_now(h->loop));
	if ((h->serves & l->link.role) && !l->throttled &&
	    conn_queued(&l->conn) > h->mark) {
		hub_link_hold(l, 1, l->paused);
		hub_link_wait(l);
	}
}

/* Dialling that failed. */

/* Tell the core that its dial with this tag has failed: 1 if the core will
 * report it. */
static int
hub_tell_failed(struct hub *h, uint32_t tag, int error, const char *why)
{
	if (tag == 0 || h->ops->failed == NULL)
		return 0;
	h->ops->failed(h->core, loop_now(h->loop), tag, slice_str(why),
	    peers_final(error));
	return 1;
}

/* Dialling the address, or the handshake after it, failed with that errno, or 0
 * (peers.h). Tells peers.c, and the core or the log. */
static void
hub_dial_failed(struct hub *h, struct slice address, uint32_t tag, int error,
    const char *why)
{
	int news = peers_failed(&h->peers, loop_now(h->loop), address, error);

	h->counts.failed++;
	if (hub_tell_failed(h, tag, error, why))
		return;
	hub_say_unlinked(h, address, news, error, why);
}

/* Acts out. */

static void
hub_act_send(struct hub *h, const struct act *a)
{
	struct hub_link *l = hub_find(h, a->peer);

	if (a->peer == 0 && h->act != NULL)
		h->act(h->arg, a);
	else if (l != NULL)
		hub_link_send(l, a->bytes);
}

static void
hub_act_close(struct hub *h, const struct act *a)
{
	struct hub_link *l = hub_find(h, a->peer);
	char buf[PEER_TEXT];

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

/* Only our own options name addresses that are dialled for ever, and so may
 * name a path. A peer may name only IP addresses. */
static int
hub_may_dial(const struct act *a)
{
	struct addr addr;

	return a->value == DIAL_FOREVER ||
	    (addr_parse_ip(&addr, (const char *)a->bytes.p, a->bytes.len, 0,
	    NULL) == 0 && addr_port(&addr) != 0);
}

static void
hub_act_dial(struct hub *h, const struct act *a)
{
	const char *why;
	int error;

	if (!hub_may_dial(a)) {
		if (!hub_tell_failed(h, a->peer, EACCES,
		    "a peer named it, and it is no IP address"))
			log_debug("not dialling %.*s: it is no IP address",
			    SLICE_ARG(a->bytes));
		return;
	}
	if (hub_dial(h, a->bytes, (enum dial)a->value, a->peer) == 0)
		return;
	error = errno;
	why = error == ENOBUFS ? "too many others are dialled" :
				 strerror(error);
	if (!hub_tell_failed(h, a->peer, error, why))
		log_error("unable to dial %.*s: %s", SLICE_ARG(a->bytes), why);
}

static void
hub_act_log(const struct act *a)
{
	static void (*const say[])(const char *, ...) = {
		log_error, log_info, log_debug, log_trace /* by log_level */
	};

	assert(a->value < sizeof(say) / sizeof(say[0]));
	say[a->value]("%.*s", SLICE_ARG(a->bytes));
}

static void
hub_carry_out(struct hub *h, const struct act *a)
{
	switch (a->kind) {
	case ACT_SEND:
		hub_act_send(h, a);
		break;
	case ACT_CLOSE:
	case ACT_DRAIN:
		hub_act_close(h, a);
		break;
	case ACT_DIAL:
		hub_act_dial(h, a);
		break;
	case ACT_UNDIAL:
		peers_unwant(&h->peers, a->bytes);
		break;
	case ACT_LOG:
		hub_act_log(a);
		break;
	case ACT_STOP:
		hub_stop(h, STOP_STEP_MS, (int)a->value);
		break;
	default:
		if (h->act != NULL)
			h->act(h->arg, a);
	}
}

static void
hub_flush(struct hub *h)
{
	struct act a;

	while (outbox_take(h->out, &a))
		hub_carry_out(h, &a);
}

/* Life of a link, as the core is told it. */

static void
hub_link_tell_down(struct hub_link *l)
{
	struct hub *h = l->hub;
	int64_t now = loop_now(h->loop);

	l->up = 0;
	peers_down(&h->peers, now, l->handle, l->link.role,
	    &l->link.instance);
	h->ops->down(h->core, now, l->handle);
	hub_deliver(h);
}

static void
hub_link_tell_up(struct hub_link *l)
{
	struct hub *h = l->hub;
	struct peer_info info;
	struct addr local;
	char text[ADDR_TEXT_MAX];

	memset(&info, 0, sizeof(info));
	info.role = l->link.role;
	info.instance = l->link.instance;
	info.tag = l->tag;
	info.address = slice_str(l->address);
	if (net_is_tcp(l->conn.in.fd) &&
	    net_local(l->conn.in.fd, &local) == 0) {
		addr_print(&local, text);
		info.local = slice_of(text,
		    (size_t)(strrchr(text, ':') - text));
	}
	l->up = 1;
	h->counts.made++;
	h->ops->up(h->core, loop_now(h->loop), l->handle, &info);
	hub_deliver(h);
}

/* The handshake is done: which of two links to one instance stays? 0, or -1
 * when this one ends. */
static int
hub_link_authenticated(struct hub_link *l)
{
	struct hub *h = l->hub;
	struct hub_link *old;
	uint32_t loser;
	char buf[PEER_TEXT];

	hub_admitted(h, l->handle);
	/* The last line about it said that it cannot be linked to. */
	if (l->target && l->tag == 0 && l->link.role == ROLE_BROKER &&
	    peers_is_failing(&h->peers, slice_str(l->address)))
		log_info("linked to %s", hub_link_name(l, buf));
	if (peers_up(&h->peers, loop_now(h->loop), l->handle, l->link.role,
		&l->link.instance, slice_str(l->target ? l->address : ""),
		l->link.dialled, &loser) == -1) {
		conn_fail(&l->conn, errno);
		return -1;
	}
	if (loser == l->handle) {
		log_debug("%s is linked already", hub_link_name(l, buf));
		conn_close(&l->conn);
		return -1;
	}
	if ((old = hub_find(h, loser)) != NULL) {
		hub_link_tell_down(old);
		conn_close(&old->conn);
	}
	log_debug("linked to %s", hub_link_name(l, buf));
	hub_link_tell_up(l);
	return 0;
}

/* The link took something of its own. 0, or -1 when the link ends. */
static int
hub_link_shaken(struct hub_link *l)
{
	if (l->link.sealed)
		conn_seal(&l->conn);
	if (l->link.phase == LINK_FIRST)
		hub_promising(l->hub, l->handle);
	conn_written(&l->conn);
	if (l->link.phase == LINK_UP && !l->up)
		return hub_link_authenticated(l);
	return 0;
}

/* Messages in. */

/* 0, or -1 when the connection must close. */
static int
hub_link_deliver(struct hub_link *l, int64_t now, unsigned type,
    struct slice value)
{
	struct hub *h = l->hub;
	struct msg m;
	int r;

	hub_link_trace(l, "from", type);
	h->counts.messages_in++;
	if ((r = msg_decode(&m, type, value)) == 0)
		return 0;
	if (r == 1 && !msg_allowed(type, l->link.role, h->self.role))
		r = fail(EPROTO);
	if (r == 1 && (m.type == MSG_INSPECT || m.type == MSG_ASK))
		r = hub_report(h, l->handle, &m);
	if (r == 1)
		r = h->ops->message(h->core, now, l->handle, &m);
	if (r == -1) {
		log_info(HUB_BAD_MESSAGE, msg_name(type));
		conn_fail(&l->conn, errno);
		return -1;
	}
	if (outbox_len(h->out) > OUTBOX_MARK)
		hub_flush(h);
	return 0;
}

/* The peer's bytes make no link. If it has not said hello yet, it may be a
 * program that greets people: its words say best what went wrong. */
static const char *
hub_link_foreign(struct hub_link *l, const unsigned char *p, size_t n)
{
	if (l->patient && !l->up && l->said == NULL)
		l->said = core_foreign(slice_of(p, n));
	return l->said != NULL ? l->said : l->link.why;
}

static ssize_t
hub_link_on_input(void *arg, const unsigned char *p, size_t n)
{
	struct hub_link *l = arg;
	int64_t now = loop_now(l->hub->loop);
	struct slice bytes = slice_of(p, n), value;
	unsigned type;
	int r, error;

	while (!l->throttled && !l->paused && (r = link_input(&l->link, now,
		   &bytes, &type, &value)) != 0) {
		if (r == -1) {
			error = errno;
			l->why = hub_link_foreign(l, p, n);
			conn_fail(&l->conn, error);
			return -1;
		}
		if (type != 0 ? hub_link_deliver(l, now, type, value) == -1 :
				hub_link_shaken(l) == -1)
			return -1;
		if (l->conn.closing)
			return -1;
	}
	hub_deliver(l->hub);
	return (ssize_t)(n - bytes.len);
}

static int
hub_link_on_seal(void *arg, struct buf *wire)
{
	struct hub_link *l = arg;

	return link_seal(&l->link, wire);
}

/* The end of a link. */

/* Why it ended: what the link said, what we said, or an errno. */
static const char *
hub_link_reason(const struct hub_link *l, int error)
{
	if (l->why != NULL)
		return l->why;
	if (error != 0)
		return strerror(error);
	return l->up ? "closed" : link_eof_reason(&l->link);
}

/* The peer's IP address, in bytes of *a; empty if it did not come over TCP. */
static struct slice
hub_link_host(const struct hub_link *l, struct addr *a)
{
	if (addr_parse_ip(a, l->address, strlen(l->address), 0, NULL) == -1)
		return slice_of(NULL, 0);
	return addr_host(a);
}

static void
hub_link_log_closed(struct hub_link *l, const char *why, int error)
{
	struct addr a;
	int quiet = error == 0 || error == ECONNRESET || error == EPIPE;
	char buf[PEER_TEXT];

	hub_link_name(l, buf);
	if (l->up || l->link.phase == LINK_UP) {
		if (quiet)
			log_debug("lost %s: %s", buf, why);
		else
			log_info("closed %s: %s", buf, why);
	} else if (quiet || error == ELOOP) { /* the dialling end says so */
		log_debug("closed %s: %s", buf, why);
	} else
		hub_stranger(l->hub, hub_link_host(l, &a), "closed %s: %s",
		    buf, why);
}

static void
hub_link_on_closed(void *arg, int error)
{
	struct hub_link *l = arg;
	struct hub *h = l->hub;
	const char *why = hub_link_reason(l, error);

	if (error == EACCES && hub_is_rekeyed(l)) {
		error = EAGAIN;
		why = "it refused our key, which was another by then";
	}
	loop_untimer(h->loop, &l->timer);
	hub_count_closed(l, error);
	hub_admitted(h, l->handle);
	if (!l->link.dialler || l->up)
		hub_link_log_closed(l, why, error);
	if (l->up)
		hub_link_tell_down(l);
	else if (l->link.phase != LINK_UP && l->target)
		hub_dial_failed(h, slice_str(l->address), l->tag, error, why);
	else if (l->link.phase != LINK_UP)
		hub_tell_failed(h, l->tag, error, why);
	hub_give_slot(h, l);
	link_free(&l->link);
	free(l->address);
	free(l->said);
	free(l);
	hub_deliver(h);
	if (h->stop && h->used == 0)
		loop_stop(h->loop);
}

/* Its descriptor is needed now, not at the end of the turn. */
void
hub_turn_away(struct hub *h, uint32_t handle)
{
	struct hub_link *l = hub_find(h, handle);

	if (l == NULL)
		return;
	l->why = "too many have not authenticated";
	conn_abort(&l->conn);
	hub_link_on_closed(l, EBUSY);
}

/* Free it at once, telling nobody. */
static void
hub_link_free(struct hub_link *l)
{
	loop_untimer(l->hub->loop, &l->timer);
	conn_abort(&l->conn);
	link_free(&l->link);
	free(l->address);
	free(l->said);
	free(l);
}

static const struct conn_ops hub_link_ops = {
	hub_link_on_input, hub_link_on_connected, hub_link_on_drained,
	hub_link_on_closed, hub_link_on_seal, hub_link_on_wrote
};

/* Begin it, or go on with it. */
static int
hub_link_init(struct hub_link *l, int sealed, int dialler,
    const unsigned char *session)
{
	struct hub *h = l->hub;
	struct buf *out = conn_out(&l->conn);
	int64_t now = loop_now(h->loop);
	unsigned char secret[X25519_SIZE];
	int r;

	if (sealed)
		conn_seal(&l->conn);
	if (session != NULL) {
		link_resume(&l->link, &h->self, session, out, now);
		return 0;
	}
	env_random(secret, sizeof(secret));
	r = link_init(&l->link, &h->self, dialler ? ++h->dialled : 0, sealed,
	    secret, out, now);
	noise_wipe(secret, sizeof(secret));
	return r;
}

/* Make a link of descriptors; address becomes the link's own, and NULL says
 * that there is no memory. session: of another process, or NULL. NULL with
 * errno (the descriptors stay the caller's). */
static struct hub_link *
hub_link_new(struct hub *h, int in, int out, int connecting, int dialler,
    const unsigned char *session, uint32_t tag, char *address)
{
	struct hub_link *l = NULL;

	if (address == NULL || (l = calloc(1, sizeof(*l))) == NULL)
		goto no_memory;
	l->hub = h;
	l->tag = tag;
	l->address = address;
	l->timer.fn = hub_link_on_timer;
	l->timer.arg = l;
	if (hub_take_slot(h, l) == -1)
		goto no_memory;
	if (conn_open(&l->conn, h->loop, in, out, connecting,
		h->self.message_max + MSG_HEAD_MAX, HUB_OUT_MAX, &hub_link_ops,
		l) == -1)
		goto no_conn;
	l->conn.drained = h->mark / 4;
	if (hub_link_init(l, net_is_tcp(in), dialler, session) == -1 ||
	    hub_link_arm(l) == -1)
		conn_fail(&l->conn, errno);
	conn_written(&l->conn);
	return l;
no_conn:
	hub_give_slot(h, l);
no_memory:
	free(address);
	free(l);
	return NULL;
}

/* Dialling. */

/* where belongs to peers.c, which frees it with the target. */
static void
hub_dial_one(struct hub *h, struct slice where, uint32_t tag)
{
	char text[ADDRESS_MAX + 1];
	struct slice address = slice_of(text, where.len);
	struct hub_link *l;
	struct addr a;
	const char *why;
	int fd;

	memcpy(text, where.p, where.len);
	text[where.len] = '\0';
	why = hub_dial_refused(h, address, &a);
	if (why != NULL) {
		hub_dial_failed(h, address, tag, EACCES, why);
		return;
	}
	if ((fd = net_connect(&a)) == -1) {
		hub_dial_failed(h, address, tag, errno, strerror(errno));
		return;
	}
	l = hub_link_new(h, fd, fd, 1, 1, NULL, tag, strdup(text));
	if (l == NULL) {
		hub_dial_failed(h, address, tag, errno, strerror(errno));
		net_close(fd);
		return;
	}
	l->target = 1;
}

/* A turn's end: the core's tick, its outbox, dialling, the next deadline. */

static void
hub_on_deliver(void *arg)
{
	struct hub *h = arg;
	struct slice address;
	uint32_t tag;
	int64_t due, dial = INT64_MAX;

	if (h->core == NULL)
		return;
	hub_flush(h);
	h->ops->tick(h->core, loop_now(h->loop));
	hub_flush(h);
	while (!h->stop && peers_dial(&h->peers, loop_now(h->loop), &address,
		   &tag))
		hub_dial_one(h, address, tag);
	hub_flush(h);
	due = h->ops->deadline(h->core);
	if (!h->stop)
		dial = peers_deadline(&h->peers);
	if (dial < due)
		due = dial;
	if (due == INT64_MAX)
		loop_untimer(h->loop, &h->timer);
	else
		loop_timer(h->loop, &h->timer, due);
}

static void
hub_on_timer(void *arg)
{
	hub_deliver(arg);
}

/* The interface. */

void
hub_init(struct hub *h, struct loop *loop, unsigned role,
    const struct key *key)
{
	unsigned char seed[8];

	memset(h, 0, sizeof(*h));
	h->loop = loop;
	h->mark = HUB_HIGH_MARK;
	h->self.role = role;
	h->self.message_max = MSG_MAX;
	hub_key(h, key);
	env_random(&h->self.instance, sizeof(h->self.instance));
	env_random(seed, sizeof(seed));
	peers_init(&h->peers, &h->self.instance,
	    (uint64_t)get32(seed) << 32 | get32(seed + 4));
	hub_init_accept(h);
	h->timer.fn = hub_on_timer;
	h->timer.arg = h;
	h->deliver.fn = hub_on_deliver;
	h->deliver.arg = h;
}

void
hub_core(struct hub *h, const struct core_ops *ops, void *core,
    struct outbox *out)
{
	h->ops = ops;
	h->core = core;
	h->out = out;
	out->clock = loop_clock(h->loop);
	hub_deliver(h);
}

void
hub_free(struct hub *h)
{
	size_t i;

	loop_untimer(h->loop, &h->timer);
	loop_untimer(h->loop, &h->stopping);
	loop_untimer(h->loop, &h->closing);
	hub_free_accept(h);
	loop_unlater(h->loop, &h->deliver);
	for (i = 0; i < h->nlinks; i++)
		if (h->links[i] != NULL)
			hub_link_free(h->links[i]);
	free(h->links);
	peers_free(&h->peers);
}

static uint32_t
hub_take(struct hub *h, int in, int out, int dialler,
    const unsigned char *session, uint32_t tag)
{
	char text[ADDR_TEXT_MAX] = "";
	struct hub_link *l;
	struct addr a;

	if (net_is_tcp(in) && net_remote(in, &a) == 0)
		addr_print(&a, text);
	l = hub_link_new(h, in, out, 0, dialler, session, tag, strdup(text));
	if (l == NULL) {
		log_error("unable to take a connection: %s", strerror(errno));
		net_close(in);
		if (out != in)
			net_close(out);
		return 0;
	}
	return l->handle;
}

uint32_t
hub_adopt(struct hub *h, int in, int out, int dialler, uint32_t tag)
{
	return hub_take(h, in, out, dialler, NULL, tag);
}

void
hub_become(struct hub *h, const unsigned char *session)
{
	h->self.instance = h->peers.own = link_session_self(session);
}

uint32_t
hub_resume(struct hub *h, int fd, const unsigned char *session, uint32_t tag)
{
	return hub_take(h, fd, fd, 0, session, tag);
}

void
hub_wait(struct hub *h, uint32_t peer)
{
	struct hub_link *l = hub_find(h, peer);

	if (l != NULL)
		l->patient = 1;
}

void
hub_keyed(struct hub *h, uint32_t peer, const unsigned char print[LINK_PRINT])
{
	struct hub_link *l = hub_find(h, peer);

	if (l == NULL)
		return;
	l->counts = 1;
	memcpy(l->print, print, sizeof(l->print));
}

void
hub_name(struct hub *h, uint32_t peer, const char *name)
{
	struct hub_link *l = hub_find(h, peer);
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
	const struct hub_link *l = hub_find(h, peer);

	return l == NULL ? 0 : conn_queued(&l->conn);
}

void
hub_pause(struct hub *h, uint32_t peer, int paused)
{
	struct hub_link *l = hub_find(h, peer);

	if (l != NULL)
		hub_link_hold(l, l->throttled, paused);
}

static void
hub_stop_now(void *arg)
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
	h->stopping.fn = hub_stop_now;
	h->stopping.arg = h;
	for (i = 0; i < h->nlinks; i++)
		if (h->links[i] != NULL)
			conn_drain(&h->links[i]->conn);
	if (h->used == 0 || loop_timer(h->loop, &h->stopping,
	    loop_now(h->loop) + within_ms) == -1)
		loop_stop(h->loop);
}
