#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "attrs.h"
#include "fail.h"
#include "listener_state.h"

static struct slice
keep(struct slice s)
{
	return slice_of(slice_dup(s), s.len);
}

static struct slice
key(const uint32_t *n)
{
	return slice_of(n, sizeof(*n));
}

static uint64_t
smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void
put_contact(struct listener *l, const struct contact *c)
{
	unsigned char bytes[CONTACT_MAX]; /* c may point into the old one */
	struct tlv_writer w;

	tlv_writer_init(&w, bytes, sizeof(bytes));
	group_encode(&schema_contact, c, &w);
	assert(!w.failed);
	l->contact_len = (size_t)(w.p - bytes);
	memcpy(l->contact, bytes, l->contact_len);
}

struct listener *
listener_new(const struct id *own, uint64_t seed,
    const struct listener_config *config)
{
	struct listener *l = calloc(1, sizeof(*l));
	struct contact contact;

	if (l == NULL)
		return NULL;
	outbox_init(&l->out);
	map_init(&l->tags, seed);
	map_init(&l->peers, seed);
	buf_init(&l->settled, SETTLED_MAX);
	l->own = *own;
	l->capacity = smaller(config->capacity, QUANTITY_MAX);
	l->module = keep(config->module);
	l->attrs = keep(config->attrs);
	if (l->module.p == NULL || l->attrs.p == NULL) {
		listener_free(l);
		return NULL;
	}
	contact.node = config->node;
	contact.address = config->address;
	contact.dist = config->dist;
	put_contact(l, &contact);
	return l;
}

void
listener_free(struct listener *l)
{
	size_t pos = 0;
	struct chan *c;

	if (l == NULL)
		return;
	while ((c = map_next(&l->tags, &pos)) != NULL)
		free(c);
	map_free(&l->tags);
	map_free(&l->peers);
	buf_free(&l->settled);
	outbox_free(&l->out);
	free((void *)(uintptr_t)l->module.p);
	free((void *)(uintptr_t)l->attrs.p);
	free(l);
}

struct outbox *
listener_out(struct listener *l)
{
	return &l->out;
}

uint64_t
listener_held(const struct listener *l)
{
	return l->held;
}

uint64_t
listener_left(const struct listener *l)
{
	return l->capacity - l->held;
}

static struct chan *
by_tag(const struct listener *l, uint32_t tag)
{
	return map_get(&l->tags, key(&tag));
}

static struct chan *
by_peer(const struct listener *l, uint32_t peer)
{
	return map_get(&l->peers, key(&peer));
}

int
listener_proven(const struct listener *l, uint32_t tag)
{
	const struct chan *c = by_tag(l, tag);

	return c != NULL && c->asked;
}

static int
send_drain(struct listener *l, const struct chan *c)
{
	return c->peer == 0 ? 0 : outbox_send_drain(&l->out, c->peer);
}

/* What a channel holds has changed: the sell order and the fair shares must be
 * sent again. */
static void
set_held(struct listener *l, struct chan *c, uint64_t held)
{
	l->holders += (held > 0) - (c->held > 0);
	l->held = l->held - c->held + held;
	c->held = held;
	assert(l->held <= l->capacity);
	l->sell = 1;
	l->tell = 1;
}

void
listener_dist(struct listener *l, struct slice dist)
{
	struct contact c;

	group_decode(&schema_contact, slice_of(l->contact, l->contact_len),
	    &c);
	if (slice_equal(c.dist, dist))
		return;
	c.dist = dist;
	put_contact(l, &c);
	l->sell = l->whole = 1;
}

/* Life of a channel. */

int
listener_spawned(struct listener *l, uint32_t tag)
{
	struct chan *c;

	assert(tag != 0 && by_tag(l, tag) == NULL);
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return -1;
	c->tag = tag;
	if (map_put(&l->tags, key(&c->tag), c) == -1) {
		free(c);
		return -1;
	}
	return 0;
}

void
listener_gone(struct listener *l, uint32_t tag)
{
	struct chan *c = by_tag(l, tag);

	if (c == NULL)
		return;
	if (c->held > 0)
		set_held(l, c, 0);
	map_del(&l->tags, key(&c->tag));
	if (c->peer != 0)
		map_del(&l->peers, key(&c->peer));
	free(c);
}

static int
chan_up(struct listener *l, uint32_t peer, uint32_t tag)
{
	struct chan *c = by_tag(l, tag);

	if (c == NULL || c->peer != 0) /* it was ended meanwhile */
		return outbox_act(&l->out, ACT_CLOSE, peer, 0,
		    slice_of(NULL, 0));
	c->peer = peer;
	if (map_put(&l->peers, key(&c->peer), c) == -1) {
		c->peer = 0;
		return outbox_act(&l->out, ACT_CLOSE, peer, 0,
		    slice_str("out of memory"));
	}
	l->tell = 1;
	return c->old || l->stopping ? send_drain(l, c) : 0;
}

static void
listener_up(void *core, int64_t now, uint32_t peer,
    const struct peer_info *info)
{
	struct listener *l = core;

	(void)now;
	if (info->role == ROLE_CHANNEL) {
		chan_up(l, peer, info->tag);
	} else if (info->role == ROLE_BROKER) {
		l->broker = peer;
		l->sell = l->whole = 1;
		memset(&l->refused, 0, sizeof(l->refused));
	} else {
		outbox_act(&l->out, ACT_CLOSE, peer, 0,
		    slice_str("a listener has brokers and channels"));
	}
}

static void
broker_down(struct listener *l)
{
	l->broker = 0;
	buf_free(&l->settled);
	l->tell = l->tell || l->buyers != 0;
	l->buyers = l->empty = 0;
}

static void
listener_down(void *core, int64_t now, uint32_t peer)
{
	struct listener *l = core;
	struct chan *c = by_peer(l, peer);

	(void)now;
	if (peer == l->broker)
		broker_down(l);
	if (c == NULL)
		return;
	/* What it holds stays taken until its last worker is gone. */
	map_del(&l->peers, key(&c->peer));
	c->peer = 0;
	c->waiting = 0;
}

/* The sell order. */

static int
send_sell(struct listener *l, int64_t now)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_SELL;
	m.u.sell.order = ORDER;
	m.u.sell.module = l->module;
	m.u.sell.quantity = listener_left(l);
	m.u.sell.settled = buf_slice(&l->settled);
	if (l->whole) {
		m.u.sell.attrs = l->attrs;
		m.u.sell.contact = slice_of(l->contact, l->contact_len);
	}
	if (outbox_send(&l->out, l->broker, &m) == -1)
		return -1;
	buf_free(&l->settled);
	l->sell = l->whole = 0;
	l->sell_due = now + LISTENER_SELL_MS;
	return 0;
}

/*
 * Remember a reservation that ends with this connect, for the next sell. There
 * is no need where no broker is: whoever made it has forgotten it, or will in
 * a while.
 */
static int
settle(struct listener *l, int64_t now, const struct msg_connect *c)
{
	struct reservation r;
	struct tlv_writer w;
	void *room;
	size_t size;

	if (l->broker == 0 || c->counter == 0)
		return 0;
	memset(&r, 0, sizeof(r));
	r.exchange = c->exchange;
	r.counter = c->counter;
	size = tlv_size(group_size(&schema_reservation, &r));
	room = buf_reserve(&l->settled, size);
	if (room == NULL && errno == ENOBUFS) {
		if (send_sell(l, now) == -1)
			return -1;
		room = buf_reserve(&l->settled, size);
	}
	if (room == NULL)
		return -1;
	tlv_writer_init(&w, room, size);
	item_put(&schema_reservation, &w, &r);
	buf_commit(&l->settled, size);
	l->sell = 1;
	return 0;
}

/* Messages from channels. */

static int
refuse(struct listener *l, uint32_t peer, const char *reason, int final)
{
	return outbox_send_refuse(&l->out, peer, 0, reason, final);
}

/* Why this connect gets nothing now, or NULL. */
static const char *
refusal(const struct listener *l, const struct chan *c,
    const struct msg_connect *m, char buf[REASON_BYTES])
{
	if (l->stopping)
		return "the listener is ending";
	if (c->old)
		return "this channel runs old code, connect again";
	/* It was filled before the newest publish. */
	if (m->constraints.len > 0 &&
	    !constraints_match(m->constraints, l->attrs))
		return "what is published now is something else";
	if (listener_left(l) > 0)
		return NULL;
	snprintf(buf, REASON_BYTES,
	    "no capacity left: %llu of %llu are in use",
	    (unsigned long long)l->held, (unsigned long long)l->capacity);
	return buf;
}

static int
on_connect(struct listener *l, int64_t now, struct chan *c,
    const struct msg_connect *m)
{
	char buf[REASON_BYTES];
	const char *reason;
	struct msg answer;

	if (!c->asked && outbox_act(&l->out, LISTENER_PROVEN, 0, c->tag,
	    slice_of(NULL, 0)) == -1)
		return -1;
	c->asked = 1;
	/* A reservation with another listener is not ours to settle. */
	if (!id_is_zero(&m->seller) && !id_equal(&m->seller, &l->own))
		return refuse(l, c->peer, "this is another listener", 0);
	if (settle(l, now, m) == -1)
		return -1;
	if (!slice_equal(m->module, l->module))
		return refuse(l, c->peer, "another module is published here",
		    1);
	reason = refusal(l, c, m, buf);
	if (reason != NULL) {
		l->sell = 1;
		return refuse(l, c->peer, reason, 0);
	}
	memset(&answer, 0, sizeof(answer));
	answer.type = MSG_DEMAND;
	answer.u.demand.tokens = smaller(m->quantity, listener_left(l));
	if (outbox_send(&l->out, c->peer, &answer) == -1)
		return -1;
	set_held(l, c, c->held + answer.u.demand.tokens);
	return 0;
}

static int
on_return(struct listener *l, struct chan *c, const struct msg_demand *m)
{
	if (m->tokens > c->held)
		return fail(EPROTO);
	set_held(l, c, c->held - m->tokens);
	return 0;
}

/* Messages from the broker. */

/* The next sell is whole again: whoever refused it has kept nothing of it. */
static int
on_refuse(struct listener *l, const struct msg_refuse *m)
{
	l->whole = 1;
	return outbox_log_once(&l->out, &l->refused, LOG_ERROR,
	    "the sell order was refused: %.*s", SLICE_ARG(m->reason));
}

static int
channel_message(struct listener *l, int64_t now, struct chan *c,
    const struct msg *m)
{
	switch (m->type) {
	case MSG_CONNECT:
		return on_connect(l, now, c, &m->u.connect);
	case MSG_RETURN:
		return on_return(l, c, &m->u.giveback);
	default:
		return fail(EPROTO);
	}
}

static int
broker_message(struct listener *l, int64_t now, const struct msg *m)
{
	switch (m->type) {
	case MSG_WAITING:
		return listener_on_waiting(l, now, &m->u.waiting);
	case MSG_REFUSE:
		return on_refuse(l, &m->u.refuse);
	default:
		return fail(EPROTO);
	}
}

static int
listener_message(void *core, int64_t now, uint32_t peer, const struct msg *m)
{
	struct listener *l = core;
	struct chan *c = by_peer(l, peer);

	if (c != NULL)
		return channel_message(l, now, c, m);
	if (peer == l->broker)
		return broker_message(l, now, m);
	return 0; /* a channel's link outlives it by a moment */
}

/* The end of a turn. */

static void
listener_tick(void *core, int64_t now)
{
	struct listener *l = core;

	if (l->buyers != 0 && now >= l->waiting_until) {
		l->buyers = l->empty = 0;
		l->tell = 1;
	}
	if (l->broker != 0 && !l->stopping && (l->sell || now >= l->sell_due))
		send_sell(l, now);
	if (l->tell)
		listener_tell_waiting(l);
	if (l->stopping && !l->stopped && l->tags.n == 0)
		l->stopped =
		    outbox_act(&l->out, ACT_STOP, 0, 0, slice_of(NULL, 0)) == 0;
}

static int64_t
listener_deadline(const void *core)
{
	const struct listener *l = core;
	int64_t due = INT64_MAX;

	if (l->buyers != 0)
		due = l->waiting_until;
	if (l->broker != 0 && !l->stopping && l->sell_due < due)
		due = l->sell_due;
	return due;
}

/* What the program asks for. */

int
listener_publish(struct listener *l, struct slice attrs)
{
	struct slice kept = keep(attrs);
	struct chan *c;
	size_t pos = 0;

	if (kept.p == NULL)
		return -1;
	free((void *)(uintptr_t)l->attrs.p);
	l->attrs = kept;
	l->sell = l->whole = 1;
	while ((c = map_next(&l->tags, &pos)) != NULL) {
		if (c->old)
			continue;
		c->old = 1;
		if (send_drain(l, c) == -1)
			return -1;
	}
	return 0;
}

void
listener_stop(struct listener *l)
{
	struct chan *c;
	struct msg m;
	size_t pos = 0;

	if (l->stopping)
		return;
	l->stopping = 1;
	memset(&m, 0, sizeof(m));
	m.type = MSG_CANCEL;
	m.u.cancel.order = ORDER;
	if (l->broker != 0)
		outbox_send(&l->out, l->broker, &m);
	while ((c = map_next(&l->tags, &pos)) != NULL)
		send_drain(l, c);
}

const struct core_ops listener_ops = {
	ROLE_LISTENER, listener_up, listener_down, listener_message, NULL,
	listener_tick, listener_deadline
};
