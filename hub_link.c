#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "hub_link.h"
#include "log.h"
#include "net.h"

static ssize_t on_input(void *, const unsigned char *, size_t);
static void on_connected(void *);
static void on_drained(void *);
static void on_closed(void *, int);

static const struct conn_ops link_ops = {
	on_input, on_connected, on_drained, on_closed
};

/* Handles: slot and generation, so that one that is gone is not mistaken for
 * the next in its slot. */

struct hub_link *
hub_link_find(const struct hub *h, uint32_t handle)
{
	size_t slot = handle & 0xffff;

	if (handle == 0 || slot >= h->nlinks || h->links[slot] == NULL ||
	    h->links[slot]->handle != handle)
		return NULL;
	return h->links[slot];
}

static int
take_slot(struct hub *h, struct hub_link *l)
{
	struct hub_link **grown;
	size_t i = h->free_hint, n;

	while (i < h->nlinks && h->links[i] != NULL)
		i++;
	if (i == h->nlinks) {
		if (i >= HUB_LINKS_MAX)
			return fail(EMFILE);
		n = h->nlinks == 0 ? 8 : h->nlinks * 2;
		if ((grown = realloc(h->links, n * sizeof(*grown))) == NULL)
			return -1;
		memset(grown + h->nlinks, 0,
		    (n - h->nlinks) * sizeof(*grown));
		h->links = grown;
		h->nlinks = n;
	}
	if (++h->generation == 0)
		h->generation = 1;
	l->handle = (uint32_t)h->generation << 16 | (uint32_t)i;
	h->links[i] = l;
	h->free_hint = i + 1;
	h->used++;
	return 0;
}

static void
give_slot(struct hub *h, struct hub_link *l)
{
	size_t slot = l->handle & 0xffff;

	h->links[slot] = NULL;
	if (slot < h->free_hint)
		h->free_hint = slot;
	h->used--;
}

/* What the log calls the peer. */
const char *
hub_link_name(const struct hub_link *l, char buf[HUB_PEER_TEXT])
{
	const char *role = l->link.role == 0 ? "peer" :
					       role_name(l->link.role);

	snprintf(buf, HUB_PEER_TEXT, "%s%s%s", role,
	    l->address[0] == '\0' ? "" : " ", l->address);
	return buf;
}

/*
 * When to give up a peer that takes nothing of what is queued for it. That it
 * still sends is no excuse: its queue is memory, and the orders or requests
 * that it holds are of use to somebody who listens.
 */
static int64_t
stuck_at(const struct hub_link *l)
{
	int64_t wrote = conn_wrote(&l->conn);

	if (!l->throttled && !l->draining)
		return INT64_MAX;
	return (wrote > l->waiting ? wrote : l->waiting) + HUB_STUCK_MS;
}

static void
arm_link(struct hub_link *l)
{
	int64_t due = link_deadline(&l->link), stuck = stuck_at(l);

	loop_timer(l->hub->loop, &l->timer, due < stuck ? due : stuck);
}

/* Has the peer taken nothing for too long? A turn that is late itself judges
 * nobody, as in link_tick(). */
static int
is_stuck(struct hub_link *l, int64_t now)
{
	int64_t due = stuck_at(l);

	if (now < due)
		return 0;
	if (now - due <= LINK_LATE_MS)
		return 1;
	l->waiting = now + LINK_LATE_MS - HUB_STUCK_MS;
	return 0;
}

static void
link_timer(void *arg)
{
	struct hub_link *l = arg;
	int64_t now = loop_now(l->hub->loop);

	/* It may still be sending, but it is not read from. */
	if (l->throttled || l->paused)
		link_heard(&l->link, now);
	if (is_stuck(l, now)) {
		l->why = "it does not read what it is sent";
		conn_fail(&l->conn, ETIMEDOUT);
		return;
	}
	if (link_tick(&l->link, now) == -1) {
		l->why = l->link.why;
		conn_fail(&l->conn, ETIMEDOUT);
		return;
	}
	conn_trim(&l->conn);
	conn_written(&l->conn);
	arm_link(l);
}

struct hub_link *
hub_link_new(struct hub *h, int in, int out, int connecting, int dialler,
    uint32_t tag, char *address)
{
	struct hub_link *l;
	unsigned char nonce[NONCE_SIZE];

	if (address == NULL || (l = calloc(1, sizeof(*l))) == NULL) {
		free(address);
		return NULL;
	}
	l->hub = h;
	l->tag = tag;
	l->address = address;
	l->timer.fn = link_timer;
	l->timer.arg = l;
	if (take_slot(h, l) == -1)
		goto no_slot;
	if (conn_open(&l->conn, h->loop, in, out, connecting,
		h->self.message_max + MSG_HEAD_MAX, HUB_OUT_MAX, &link_ops,
		l) == -1)
		goto no_conn;
	env_random(nonce, sizeof(nonce));
	if (link_init(&l->link, &h->self, dialler ? ++h->dialled : 0,
		net_is_tcp(in), nonce, conn_out(&l->conn),
		loop_now(h->loop)) == -1)
		conn_fail(&l->conn, errno);
	conn_written(&l->conn);
	arm_link(l);
	return l;
no_conn:
	give_slot(h, l);
no_slot:
	free(l->address);
	free(l);
	return NULL;
}

/* Life of a link, as the core is told it. */

static void
tell_down(struct hub_link *l)
{
	struct hub *h = l->hub;
	int64_t now = loop_now(h->loop);

	if (!l->up)
		return;
	l->up = 0;
	peers_down(&h->peers, now, l->handle, l->link.role,
	    &l->link.instance);
	h->ops->down(h->core, now, l->handle);
	hub_deliver(h);
}

static void
tell_up(struct hub_link *l)
{
	struct hub *h = l->hub;
	struct peer_info info;
	struct addr local;
	char text[ADDR_TEXT_MAX];
	char *colon;

	memset(&info, 0, sizeof(info));
	info.role = l->link.role;
	info.instance = l->link.instance;
	info.tag = l->tag;
	info.address = slice_str(l->address);
	if (net_is_tcp(l->conn.in.fd) &&
	    net_local(l->conn.in.fd, &local) == 0) {
		addr_print(&local, text);
		if ((colon = strrchr(text, ':')) != NULL)
			*colon = '\0';
		info.local = slice_str(text);
	}
	l->up = 1;
	h->ops->up(h->core, loop_now(h->loop), l->handle, &info);
	hub_deliver(h);
}

/* The handshake is done: which of two links to one instance stays? */
static int
linked(struct hub_link *l)
{
	struct hub *h = l->hub;
	struct hub_link *old;
	uint32_t loser;
	char buf[HUB_PEER_TEXT];

	preauth_leave(&h->preauth, l->handle);
	if (peers_up(&h->peers, loop_now(h->loop), l->handle, l->link.role,
		&l->link.instance, slice_str(l->target ? l->address : ""),
		l->link.dialled, &loser) == -1) {
		conn_fail(&l->conn, errno);
		return -1;
	}
	if (loser == l->handle) {
		log_debug("%s is linked already", hub_link_name(l, buf));
		l->target = 0;
		conn_close(&l->conn);
		return -1;
	}
	if (loser != 0 && (old = hub_link_find(h, loser)) != NULL) {
		tell_down(old);
		conn_close(&old->conn);
	}
	log_debug("linked to %s", hub_link_name(l, buf));
	tell_up(l);
	return 0;
}

static void
on_connected(void *arg)
{
	struct hub_link *l = arg;

	link_connected(&l->link, loop_now(l->hub->loop));
	arm_link(l);
}

static void
set_reading(struct hub_link *l)
{
	conn_pause(&l->conn, l->throttled || l->paused);
}

static void
throttle(struct hub_link *l)
{
	if ((l->hub->serves & l->link.role) &&
	    conn_queued(&l->conn) > HUB_HIGH_MARK && !l->throttled) {
		l->throttled = 1;
		l->waiting = loop_now(l->hub->loop);
		set_reading(l);
		arm_link(l);
	}
}

static void
on_drained(void *arg)
{
	struct hub_link *l = arg;

	if (l->throttled) /* what it said meanwhile is still to be read */
		link_heard(&l->link, loop_now(l->hub->loop));
	l->throttled = 0;
	set_reading(l);
}

void
hub_link_pause(struct hub_link *l, int paused)
{
	if (l->paused && !paused)
		link_heard(&l->link, loop_now(l->hub->loop));
	l->paused = paused;
	set_reading(l);
}

void
hub_link_drain(struct hub_link *l)
{
	if (!l->draining) {
		l->draining = 1;
		l->waiting = loop_now(l->hub->loop);
		arm_link(l);
	}
	conn_drain(&l->conn);
}

/* Why a connection ended: what the link said, what we said, or an errno. */
static const char *
reason(const struct hub_link *l, int error)
{
	if (l->why != NULL)
		return l->why;
	if (error != 0)
		return strerror(error);
	return l->up ? "closed" : link_eof_reason(&l->link);
}

/* The peer's IP address, in bytes of *a; none where it came over something
 * else. */
static struct slice
remote_host(const struct hub_link *l, struct addr *a)
{
	if (addr_parse_ip(a, l->address, strlen(l->address), 0, NULL) == -1)
		return slice_of(NULL, 0);
	return addr_host(a);
}

static void
log_closed(struct hub_link *l, const char *why, int error)
{
	struct addr a;
	int quiet = error == 0 || error == ECONNRESET || error == EPIPE;
	char buf[HUB_PEER_TEXT];

	hub_link_name(l, buf);
	if (l->up || l->link.phase == LINK_UP) {
		if (quiet)
			log_debug("lost %s: %s", buf, why);
		else
			log_info("closed %s: %s", buf, why);
	} else if (quiet || error == ELOOP) { /* the dialling end says so */
		log_debug("closed %s: %s", buf, why);
	} else
		hub_stranger(l->hub, remote_host(l, &a), "closed %s: %s", buf,
		    why);
}

int
hub_tell_failed(struct hub *h, uint32_t tag, int error, const char *why)
{
	if (tag == 0 || h->ops->failed == NULL)
		return 0;
	h->ops->failed(h->core, loop_now(h->loop), tag, slice_str(why),
	    peers_final(error));
	return 1;
}

void
hub_dial_failed(struct hub *h, struct slice address, uint32_t tag, int error,
    const char *why)
{
	int news = peers_failed(&h->peers, loop_now(h->loop), address, error);

	if (hub_tell_failed(h, tag, error, why))
		return;
	if (news)
		log_info("unable to link to %.*s: %s", SLICE_ARG(address), why);
	else
		log_debug("unable to link to %.*s: %s", SLICE_ARG(address),
		    why);
}

/* A link that was dialled, or that has a tag, never came up. */
static void
never_up(struct hub_link *l, int error, const char *why)
{
	if (l->target)
		hub_dial_failed(l->hub, slice_str(l->address), l->tag, error,
		    why);
	else
		hub_tell_failed(l->hub, l->tag, error, why);
}

static void
on_closed(void *arg, int error)
{
	struct hub_link *l = arg;
	struct hub *h = l->hub;
	const char *why = reason(l, error);

	loop_untimer(h->loop, &l->timer);
	preauth_leave(&h->preauth, l->handle);
	if (!l->link.dialler || l->up)
		log_closed(l, why, error);
	if (l->up)
		tell_down(l);
	else if (l->link.phase != LINK_UP)
		never_up(l, error, why);
	give_slot(h, l);
	free(l->address);
	free(l);
	hub_deliver(h);
	if (h->stop && h->used == 0)
		loop_stop(h->loop);
}

void
hub_link_abort(struct hub_link *l, int error, const char *why)
{
	l->why = why;
	conn_abort(&l->conn);
	on_closed(l, error);
}

/* Messages in. */

static int
deliver_message(struct hub_link *l, int64_t now, unsigned type,
    struct slice value)
{
	struct hub *h = l->hub;
	struct msg m;
	int r;

	if ((r = msg_decode(&m, type, value)) == 0)
		return 0;
	if (r == 1 && !msg_allowed(type, l->link.role, h->self.role)) {
		errno = EPROTO;
		r = -1;
	}
	if (r == 1)
		r = h->ops->message(h->core, now, l->handle, &m);
	if (r == -1) {
		log_info("bad %s message", msg_name(type));
		conn_fail(&l->conn, errno);
		return -1;
	}
	if (buf_len(&h->out->buf) > HUB_OUTBOX_MARK)
		hub_flush(h);
	return 0;
}

static ssize_t
on_input(void *arg, const unsigned char *p, size_t n)
{
	struct hub_link *l = arg;
	struct hub *h = l->hub;
	int64_t now = loop_now(h->loop);
	struct slice value;
	unsigned type;
	size_t taken = 0;
	ssize_t r;

	link_heard(&l->link, now);
	while (taken < n && !l->throttled && !l->paused) {
		r = link_input(&l->link, now, p + taken, n - taken, &type,
		    &value);
		if (r == -1) {
			l->why = l->link.why;
			conn_fail(&l->conn, errno);
			return -1;
		}
		if (r == 0)
			break;
		taken += (size_t)r;
		if (type != 0) {
			if (deliver_message(l, now, type, value) == -1)
				return -1;
		} else {
			conn_written(&l->conn);
			if (l->link.phase == LINK_UP && !l->up &&
			    linked(l) == -1)
				return -1;
		}
		if (l->conn.closing)
			return -1;
	}
	hub_deliver(h);
	return (ssize_t)taken;
}

void
hub_link_send(struct hub_link *l, struct slice frame)
{
	if (!l->up || l->conn.closing)
		return;
	if (conn_write(&l->conn, frame.p, frame.len) == -1) {
		l->why = "it does not read what it is sent";
		conn_fail(&l->conn, errno);
		return;
	}
	link_sent(&l->link, loop_now(l->hub->loop));
	throttle(l);
}

void
hub_link_free(struct hub_link *l)
{
	loop_untimer(l->hub->loop, &l->timer);
	conn_abort(&l->conn);
	free(l->address);
	free(l);
}
