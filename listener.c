#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "array.h"
#include "attrs.h"
#include "fail.h"
#include "gather.h"
#include "listener.h"
#include "map.h"
#include "stats.h"

#define ORDER	      1	   /* the only one that a listener has */
#define CONTACT_MAX   1024 /* bytes of an encoded contact */
#define REASON_BYTES  128
#define SETTLED_MAX   LIST_MAX
#define QUANTITY_MAX  UINT32_MAX
#define ASKERS_MAX    16   /* at a time; more get what is known */
#define ASKED_MS      400  /* for channels to answer */
#define VERSION_SHOWN 64   /* bytes, of a channel's */

/* One channel, from its start until nothing of it is left. */
struct listener_channel {
	uint32_t tag;
	uint32_t peer;	/* its control link; 0 while it has none */
	uint64_t held;	/* granted and not returned */
	int old;	/* it drains: it was started before the newest publish,
			   or when there was more capacity */
	struct msg_waiting told; /* of buyers that wait */
	char client[ADDRESS_MAX + 1]; /* the address of its PLB; or empty */
	struct id plb, instance; /* of that, and its own; zero: not known */
	char version[VERSION_SHOWN];  /* as published when it was started */
	uint64_t begun, ended; /* requests, as it told us */
	int asked;	/* what it has counted, and it has not answered */
	int gone;	/* all of it, but for its last word, which its link has
			   yet to bring */
};

/* Who inspects, and waits for what channels have counted. */
struct listener_asker {
	uint32_t peer;
	struct msg asked; /* what stands there instead of in the message */
	char what[16];
};

struct listener {
	struct outbox out;
	struct id own;
	struct slice module;	 /* ours, on the heap */
	struct slice attrs;	 /* likewise */
	unsigned char contact[CONTACT_MAX];
	size_t contact_len;
	uint64_t capacity, told_capacity; /* now; as the last sell said */
	uint64_t held;		 /* of all channels */
	struct map tags, peers;	 /* of channels */
	uint32_t broker;	 /* 0: none */
	int sell;		 /* to be sent at the end of the turn */
	int whole;		 /* and with attributes and contact */
	int64_t sell_due;
	struct buf settled;	 /* since the last sell: an encoded list */
	struct msg_waiting waiting; /* buys stand unmet */
	int64_t waiting_until;
	int tell;		 /* waiting may have changed for channels */
	struct outbox_once refused; /* on this link */
	int stopping, stopped;
	int stays;		 /* when it has drained it does not end */
	int over;		 /* the time to drain is */
	struct gather gather;	 /* what its channels were asked */
	uint64_t told_left;	 /* requests that the log said are left */
	int64_t tell_left;	 /* when it says so again */
	struct stats stats;	 /* of all channels that there ever were */
	struct listener_asker *asker;
	size_t askers, asker_cap; /* of those; places there */
	size_t asked;		 /* channels that have not answered */
	int64_t asked_until;
};

static struct slice
listener_keep(struct slice s)
{
	return slice_of(slice_dup(s), s.len);
}

static struct slice
listener_key(const uint32_t *n)
{
	return slice_of(n, sizeof(*n));
}

static uint64_t
listener_smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void
listener_put_contact(struct listener *l, const struct contact *c)
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
	struct contact contact = { .node = config->node,
		.address = config->address, .dist = config->dist };

	if (l == NULL)
		return NULL;
	outbox_init(&l->out);
	map_init(&l->tags, seed);
	map_init(&l->peers, seed);
	gather_init(&l->gather, &l->out, seed, GATHER_INNER_MS);
	buf_init(&l->settled, SETTLED_MAX);
	l->own = *own;
	l->capacity = listener_smaller(config->capacity, QUANTITY_MAX);
	l->module = listener_keep(config->module);
	l->attrs = listener_keep(config->attrs);
	if (l->module.p == NULL || l->attrs.p == NULL) {
		listener_free(l);
		return NULL;
	}
	listener_put_contact(l, &contact);
	return l;
}

void
listener_free(struct listener *l)
{
	size_t pos = 0;
	struct listener_channel *c;

	if (l == NULL)
		return;
	while ((c = map_next(&l->tags, &pos)) != NULL)
		if (c->peer == 0)
			free(c);
	for (pos = 0; (c = map_next(&l->peers, &pos)) != NULL;)
		free(c);
	map_free(&l->tags);
	map_free(&l->peers);
	gather_free(&l->gather);
	free(l->asker);
	stats_free(&l->stats);
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
	return l->capacity > l->held ? l->capacity - l->held : 0;
}

static struct listener_channel *
listener_by_tag(const struct listener *l, uint32_t tag)
{
	return map_get(&l->tags, listener_key(&tag));
}

static struct listener_channel *
listener_by_peer(const struct listener *l, uint32_t peer)
{
	return map_get(&l->peers, listener_key(&peer));
}

static int
listener_send_drain(struct listener *l, const struct listener_channel *c)
{
	struct msg m = { .type = MSG_DRAIN,
		.u.drain.over = (uint64_t)l->over };

	return c->peer == 0 ? 0 : outbox_send(&l->out, c->peer, &m);
}

/* What a channel holds has changed: the sell order must be sent again. */
static void
listener_set_held(struct listener *l, struct listener_channel *c, uint64_t held)
{
	int more = held > c->held;

	l->held = l->held - c->held + held;
	c->held = held;
	assert(!more || l->held <= l->capacity);
	l->sell = 1;
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
	listener_put_contact(l, &c);
	l->sell = l->whole = 1;
}

/* Counts. */

static void
listener_ask_channel(struct listener *l, struct listener_channel *c)
{
	struct msg m = { .type = MSG_COUNTS };

	if (c->gone || c->asked || outbox_send(&l->out, c->peer, &m) == -1)
		return;
	c->asked = 1;
	l->asked++;
}

/* It answers no more, or has. */
static void
listener_unask_channel(struct listener *l, struct listener_channel *c)
{
	l->asked -= (size_t)c->asked;
	c->asked = 0;
}

static int
listener_on_counts(struct listener *l, struct listener_channel *c,
    const struct msg_counts *m)
{
	uint64_t begun = l->stats.n[STAT_BEGUN];
	uint64_t ended = stats_ended(l->stats.n);

	stats_add(&l->stats, m);
	c->begun += l->stats.n[STAT_BEGUN] - begun;
	c->ended += stats_ended(l->stats.n) - ended;
	listener_unask_channel(l, c);
	return 0;
}

/* It drains, and its PLB connects again. */
static int
listener_leave_channel(struct listener *l, struct listener_channel *c)
{
	if (c->old)
		return 0;
	c->old = 1;
	return listener_send_drain(l, c);
}

/* Nothing more will be heard of it. What it had at its last report was lost
 * with it. */
static void
listener_forget(struct listener *l, struct listener_channel *c)
{
	if (c->begun > c->ended)
		l->stats.n[STAT_LOST] += c->begun - c->ended;
	free(c);
}

/* Life of a channel. */

int
listener_spawned(struct listener *l, uint32_t tag, struct slice client,
    const struct id *plb)
{
	struct listener_channel *c;
	struct attrs attrs;

	assert(tag != 0 && listener_by_tag(l, tag) == NULL);
	assert(client.len <= ADDRESS_MAX);
	c = calloc(1, sizeof(*c));
	if (c == NULL)
		return -1;
	c->tag = tag;
	snprintf(c->client, sizeof(c->client), "%.*s", SLICE_ARG(client));
	if (plb != NULL)
		c->plb = *plb;
	if (group_decode(&schema_attrs, l->attrs, &attrs) == 0)
		snprintf(c->version, sizeof(c->version), "%.*s",
		    SLICE_ARG(attrs.version));
	if (map_put(&l->tags, listener_key(&c->tag), c) == -1) {
		free(c);
		return -1;
	}
	return 0;
}

void
listener_gone(struct listener *l, uint32_t tag)
{
	struct listener_channel *c = listener_by_tag(l, tag);

	if (c == NULL)
		return;
	if (c->held > 0)
		listener_set_held(l, c, 0);
	map_del(&l->tags, listener_key(&c->tag));
	c->gone = 1;
	if (c->peer == 0)
		listener_forget(l, c);
}

static int
listener_channel_up(struct listener *l, uint32_t peer,
    const struct peer_info *info)
{
	struct listener_channel *c = listener_by_tag(l, info->tag);

	if (c == NULL || c->peer != 0) /* it was ended meanwhile */
		return outbox_act(&l->out, ACT_CLOSE, peer, 0,
		    slice_of(NULL, 0));
	c->peer = peer;
	c->instance = info->instance;
	if (map_put(&l->peers, listener_key(&c->peer), c) == -1) {
		c->peer = 0;
		return outbox_act(&l->out, ACT_CLOSE, peer, 0,
		    slice_str("out of memory"));
	}
	l->tell = 1;
	return c->old || l->stopping ? listener_send_drain(l, c) : 0;
}

static void
listener_up(void *core, int64_t now, uint32_t peer,
    const struct peer_info *info)
{
	struct listener *l = core;

	(void)now;
	if (info->role == ROLE_CHANNEL) {
		listener_channel_up(l, peer, info);
	} else if (info->role == ROLE_BROKER) {
		l->broker = peer;
		l->sell = l->whole = 1;
		memset(&l->refused, 0, sizeof(l->refused));
	} else if (info->role != ROLE_CTL) {
		outbox_act(&l->out, ACT_CLOSE, peer, 0,
		    slice_str("a listener has brokers and channels"));
	}
}

static void
listener_broker_down(struct listener *l)
{
	l->broker = 0;
	buf_free(&l->settled);
	l->tell = 1;
	memset(&l->waiting, 0, sizeof(l->waiting));
}

static void
listener_forget_asker(struct listener *l, uint32_t peer)
{
	size_t i;

	for (i = 0; i < l->askers; i++)
		if (l->asker[i].peer == peer)
			l->asker[i--] = l->asker[--l->askers];
}

static void
listener_down(void *core, int64_t now, uint32_t peer)
{
	struct listener *l = core;
	struct listener_channel *c = listener_by_peer(l, peer);

	(void)now;
	gather_down(&l->gather, peer);
	if (peer == l->broker)
		listener_broker_down(l);
	listener_forget_asker(l, peer);
	if (c == NULL)
		return;
	listener_unask_channel(l, c);
	/* What it holds stays taken until its last worker is gone. */
	map_del(&l->peers, listener_key(&c->peer));
	c->peer = 0;
	memset(&c->told, 0, sizeof(c->told));
	if (c->gone)
		listener_forget(l, c);
}

/* The sell order. */

static int
listener_send_sell(struct listener *l, int64_t now)
{
	struct msg m = { .type = MSG_SELL, .u.sell = {
		.order = ORDER, .module = l->module,
		.quantity = listener_left(l),
		.settled = buf_slice(&l->settled)
	} };

	if (l->whole) {
		m.u.sell.attrs = l->attrs;
		m.u.sell.contact = slice_of(l->contact, l->contact_len);
	}
	if (l->whole || l->told_capacity != l->capacity)
		m.u.sell.capacity = l->capacity;
	if (outbox_send(&l->out, l->broker, &m) == -1)
		return -1;
	buf_free(&l->settled);
	l->told_capacity = l->capacity;
	l->sell = l->whole = 0;
	l->sell_due = now + LISTENER_SELL_MS;
	return 0;
}

/*
 * Remember a reservation that ends with this connect, for the next sell.
 * Without a broker there is no need: the exchange that made it has forgotten
 * it, or soon will.
 */
static int
listener_settle(struct listener *l, int64_t now, const struct msg_connect *c)
{
	struct reservation r = { .exchange = c->exchange,
		.counter = c->counter };

	if (l->broker == 0 || c->counter == 0)
		return 0;
	if (item_append(&l->settled, &schema_reservation, &r) == -1 &&
	    (errno != ENOBUFS || listener_send_sell(l, now) == -1 ||
	    item_append(&l->settled, &schema_reservation, &r) == -1))
		return -1;
	l->sell = 1;
	return 0;
}

/* Buyers that wait. */

static int
listener_on_waiting(struct listener *l, int64_t now,
    const struct msg_waiting *m)
{
	l->waiting = *m;
	l->waiting.order = 0;
	l->waiting_until = now + LISTENER_WAITING_MS;
	l->tell = 1;
	return 0;
}

/* Tell a channel how things stand, if it does not know. */
static int
listener_tell_channel(struct listener *l, struct listener_channel *c)
{
	const struct msg_waiting *w = &l->waiting, *told = &c->told;
	struct msg m = { .type = MSG_WAITING, .u.waiting = *w };

	if (c->peer == 0 || c->gone || (!w->buyers == !told->buyers &&
	    w->least == told->least && w->share == told->share))
		return 0;
	if (outbox_send(&l->out, c->peer, &m) == -1)
		return -1;
	c->told = *w;
	return 0;
}

static int
listener_tell_waiting(struct listener *l)
{
	struct listener_channel *c;
	size_t pos = 0;

	while ((c = map_next(&l->peers, &pos)) != NULL)
		if (listener_tell_channel(l, c) == -1)
			return -1;
	l->tell = 0;
	return 0;
}

/* Messages from channels. */

/* Why this connect gets nothing now, or NULL. */
static const char *
listener_refusal(const struct listener *l, const struct listener_channel *c,
    const struct msg_connect *m, char buf[REASON_BYTES])
{
	if (l->stopping)
		return "the listener is ending";
	if (c->old)
		return "this channel drains, connect again";
	/* It was filled before the newest publish. */
	if (m->constraints.len > 0 &&
	    !constraints_match(m->constraints, l->attrs))
		return "what is published now is something else";
	if (listener_left(l) > 0)
		return NULL;
	snprintf(buf, REASON_BYTES,
	    "no capacity left: %llu of %llu in use",
	    (unsigned long long)l->held, (unsigned long long)l->capacity);
	return buf;
}

static int
listener_on_connect(struct listener *l, int64_t now, struct listener_channel *c,
    const struct msg_connect *m)
{
	struct msg answer = { .type = MSG_DEMAND };
	uint64_t granted = listener_smaller(m->quantity, listener_left(l));
	char buf[REASON_BYTES];
	const char *reason;

	/* A reservation with another listener is not ours to settle. */
	if (!id_is_zero(&m->seller) && !id_equal(&m->seller, &l->own))
		return outbox_send_refuse(&l->out, c->peer, 0,
		    "this is another listener", 0);
	if (listener_settle(l, now, m) == -1)
		return -1;
	if (!slice_equal(m->module, l->module))
		return outbox_send_refuse_module(&l->out, c->peer, l->module,
		    m->module);
	reason = listener_refusal(l, c, m, buf);
	if (reason != NULL) {
		l->sell = 1;
		return outbox_send_refuse(&l->out, c->peer, 0, reason, 0);
	}
	answer.u.demand.tokens = granted;
	if (outbox_send(&l->out, c->peer, &answer) == -1)
		return -1;
	listener_set_held(l, c, c->held + granted);
	return 0;
}

static int
listener_on_return(struct listener *l, struct listener_channel *c,
    const struct msg_demand *m)
{
	if (m->tokens > c->held)
		return fail(EPROTO);
	listener_set_held(l, c, c->held - m->tokens);
	return 0;
}

static struct slice
listener_address(const struct listener *l)
{
	struct contact c;

	group_decode(&schema_contact, slice_of(l->contact, l->contact_len),
	    &c);
	return c.address;
}

/* listener ADDRESS module NAME instance ID state publishing|draining|drained
 * capacity COUNT held COUNT left COUNT channels COUNT attributes TEXT */
static void
listener_report(const struct listener *l, struct report *r)
{
	char id[ID_TEXT], text[REPORT_ROW_MAX / 2];
	struct slice address = listener_address(l);

	report_row(r, "listener %.*s module %.*s instance %s state %s "
	    "capacity %llu held %llu left %llu channels %zu attributes %s",
	    SLICE_ARG(address), SLICE_ARG(l->module),
	    id_print(&l->own, id), l->stopped ? "drained" :
	    l->stopping ? "draining" : "publishing",
	    (unsigned long long)l->capacity, (unsigned long long)l->held,
	    (unsigned long long)(l->stopping ? 0 : listener_left(l)),
	    l->tags.n, attrs_print(l->attrs, text, sizeof(text)));
}

/* client ADDRESS instance ID held COUNT state starting|up|draining|ending
 * requests COUNT version TEXT: of the PLB, and of what it is served with */
static void
listener_report_client(const struct listener *l,
    const struct listener_channel *c, struct report *r)
{
	const char *state = c->old || l->stopping ? "draining" : "up";
	char id[ID_TEXT];

	if (c->peer == 0)
		state = id_is_zero(&c->instance) ? "starting" : "ending";
	report_row(r, "client %s instance %s held %llu state %s requests %llu "
	    "version %s", c->client[0] == '\0' ? "-" : c->client,
	    id_is_zero(&c->plb) ? "-" : id_print(&c->plb, id),
	    (unsigned long long)c->held, state, (unsigned long long)c->begun,
	    c->version[0] == '\0' ? "-" : c->version);
}

static void
listener_report_counts(const struct listener *l, struct report *r)
{
	char id[ID_TEXT];
	struct stats_owner owner = { .address = listener_address(l),
		.module = l->module, .role = "listener",
		.instance = id_print(&l->own, id), .silent = l->asked };

	stats_report(&l->stats, r, &owner);
}

/* Channels have something to say of nothing but themselves. */
static void
listener_gather(struct listener *l, struct gather_question *q,
    const struct msg *m)
{
	const struct listener_channel *c;
	size_t pos = 0;

	while ((c = map_next(&l->peers, &pos)) != NULL)
		gather_ask(&l->gather, q, c->peer, ROLE_CHANNEL, &c->instance,
		    m);
	gather_go(&l->gather, q);
}

static int
listener_answer(struct listener *l, int64_t now, uint32_t peer,
    const struct msg *m)
{
	struct slice what = m->u.inspect.what;
	struct gather_question *q;
	const struct listener_channel *c;
	struct report r;
	size_t pos = 0;

	report_begin(&r, &l->out, peer, m);
	if (report_wants(what, "listeners"))
		listener_report(l, &r);
	if (report_wants(what, "clients"))
		while ((c = map_next(&l->tags, &pos)) != NULL)
			listener_report_client(l, c, &r);
	if (report_wants(what, "counts"))
		listener_report_counts(l, &r);
	if (!m->u.inspect.all || !report_wants(what, "channels"))
		return report_end(&r);
	if ((q = gather_open(&l->gather, now, &r, m)) != NULL)
		listener_gather(l, q, m);
	return 0;
}

/* If the question is about counts, ask the channels first. An asker that comes
 * meanwhile waits with the others. */
static int
listener_on_inspect(struct listener *l, int64_t now, uint32_t peer,
    const struct msg *m)
{
	struct listener_asker *a;
	struct slice what = m->u.inspect.what;
	struct listener_channel *c;
	size_t pos = 0;

	if (!report_wants(what, "counts") && !report_wants(what, "clients"))
		return listener_answer(l, now, peer, m);
	a = array_grow(l->asker, &l->asker_cap, l->askers + 1, ASKERS_MAX,
	    sizeof(*a));
	if (a == NULL)
		return listener_answer(l, now, peer, m);
	l->asker = a;
	while (l->askers == 0 && (c = map_next(&l->peers, &pos)) != NULL)
		listener_ask_channel(l, c);
	if (l->asked == 0)
		return listener_answer(l, now, peer, m);
	if (l->askers == 0)
		l->asked_until = now + ASKED_MS;
	a = &l->asker[l->askers++];
	a->peer = peer;
	a->asked = *m;
	a->asked.u.inspect.close = slice_of(NULL, 0); /* it is under way */
	snprintf(a->what, sizeof(a->what), "%.*s", SLICE_ARG(what));
	return 0;
}

/* All have answered, or the time for it is over. */
static void
listener_answer_all(struct listener *l, int64_t now)
{
	struct listener_channel *c;
	struct listener_asker *a;
	size_t pos = 0;

	if (l->askers == 0 || (l->asked > 0 && now < l->asked_until))
		return;
	for (a = l->asker; a < l->asker + l->askers; a++) {
		a->asked.u.inspect.what = slice_str(a->what);
		listener_answer(l, now, a->peer, &a->asked);
	}
	l->askers = 0;
	while ((c = map_next(&l->peers, &pos)) != NULL)
		listener_unask_channel(l, c);
}

/* Messages from the broker. */

/* The next sell is whole again: the broker or exchange that refused it has kept
 * nothing of it. */
static int
listener_on_refuse(struct listener *l, const struct msg_refuse *m)
{
	l->whole = 1;
	return outbox_log_once(&l->out, &l->refused, LOG_ERROR,
	    "the sell order was refused: %.*s", SLICE_ARG(m->reason));
}

static int
listener_channel_message(struct listener *l, int64_t now,
    struct listener_channel *c, const struct msg *m)
{
	if (c->gone && m->type != MSG_COUNTS)
		return 0; /* its link outlives it by a moment */
	switch (m->type) {
	case MSG_CONNECT:
		return listener_on_connect(l, now, c, &m->u.connect);
	case MSG_RETURN:
		return listener_on_return(l, c, &m->u.giveback);
	case MSG_COUNTS:
		return listener_on_counts(l, c, &m->u.counts);
	case MSG_ANSWER:
		return gather_answer(&l->gather, c->peer, &m->u.report);
	case MSG_DRAIN: /* the hub's: its PLB's key is to be left */
		return listener_leave_channel(l, c);
	default:
		return fail(EPROTO);
	}
}

static int
listener_broker_message(struct listener *l, int64_t now, const struct msg *m)
{
	switch (m->type) {
	case MSG_WAITING:
		return listener_on_waiting(l, now, &m->u.waiting);
	case MSG_REFUSE:
		return listener_on_refuse(l, &m->u.refuse);
	case MSG_DRAIN:
		l->stays = !l->stopping || l->stays;
		return outbox_act(&l->out, LISTENER_DRAIN, 0, 0,
		    slice_of(NULL, 0));
	case MSG_ASK:
		return listener_on_inspect(l, now, l->broker, m);
	default:
		return fail(EPROTO);
	}
}

static int
listener_message(void *core, int64_t now, uint32_t peer, const struct msg *m)
{
	struct listener *l = core;
	struct listener_channel *c = listener_by_peer(l, peer);

	if (c != NULL)
		return listener_channel_message(l, now, c, m);
	if (peer == l->broker)
		return listener_broker_message(l, now, m);
	if (m->type == MSG_INSPECT)
		return listener_on_inspect(l, now, peer, m);
	return 0; /* a channel that was turned away */
}

/* The end of a turn. */

int64_t
listener_sell_due(const struct listener *l)
{
	return l->broker == 0 || l->stopping ? INT64_MAX : l->sell_due;
}

/* What is held is in use, but for tokens that are on their way back. */
static void
listener_tell_left(struct listener *l, int64_t now)
{
	if (now < l->tell_left || l->stopped)
		return;
	l->tell_left = now + LISTENER_LEFT_MS;
	if (l->held == l->told_left)
		return;
	l->told_left = l->held;
	outbox_log(&l->out, LOG_INFO, "draining: requests left: %llu at "
	    "most", (unsigned long long)l->held);
}

/* Nothing is left of any channel. */
static void
listener_drained(struct listener *l)
{
	l->stopped = 1;
	if (l->stays)
		outbox_log(&l->out, LOG_INFO, "drained: staying until SIGTERM, "
		    "with nothing to do");
	else
		outbox_act(&l->out, ACT_STOP, 0, 0, slice_of(NULL, 0));
}

static void
listener_tick(void *core, int64_t now)
{
	struct listener *l = core;
	int64_t due = listener_sell_due(l);

	if (l->waiting.buyers != 0 && now >= l->waiting_until) {
		memset(&l->waiting, 0, sizeof(l->waiting));
		l->tell = 1;
	}
	if (due != INT64_MAX && (l->sell || now >= due))
		listener_send_sell(l, now);
	if (l->tell)
		listener_tell_waiting(l);
	gather_tick(&l->gather, now);
	listener_answer_all(l, now);
	if (!l->stopping || l->stopped)
		return;
	if (l->tags.n == 0)
		listener_drained(l);
	else
		listener_tell_left(l, now);
}

static int64_t
listener_deadline(const void *core)
{
	const struct listener *l = core;
	int64_t due = l->waiting.buyers != 0 ? l->waiting_until : INT64_MAX;

	if (l->stopping && !l->stopped && l->tell_left < due)
		due = l->tell_left;
	if (gather_deadline(&l->gather) < due)
		due = gather_deadline(&l->gather);
	if (l->askers > 0 && l->asked_until < due)
		due = l->asked_until;
	return due < listener_sell_due(l) ? due : listener_sell_due(l);
}

/* What the program asks for. */

/* All channels that there are drain, and PLBs connect again. */
static int
listener_leave_channels(struct listener *l)
{
	struct listener_channel *c;
	size_t pos = 0;

	while ((c = map_next(&l->tags, &pos)) != NULL)
		if (listener_leave_channel(l, c) == -1)
			return -1;
	return 0;
}

int
listener_publish(struct listener *l, struct slice attrs)
{
	struct slice kept = listener_keep(attrs);

	if (kept.p == NULL)
		return -1;
	free((void *)(uintptr_t)l->attrs.p);
	l->attrs = kept;
	l->sell = l->whole = 1;
	return listener_leave_channels(l);
}

int
listener_capacity(struct listener *l, uint64_t capacity)
{
	l->capacity = listener_smaller(capacity, QUANTITY_MAX);
	l->sell = 1;
	return l->held > l->capacity ? listener_leave_channels(l) : 0;
}

/* Those that were told hear it again. */
static void
listener_drain_all(struct listener *l)
{
	const struct listener_channel *c;
	size_t pos = 0;

	while ((c = map_next(&l->tags, &pos)) != NULL)
		listener_send_drain(l, c);
}

void
listener_stop(struct listener *l)
{
	struct msg m = { .type = MSG_CANCEL, .u.cancel.order = ORDER };

	if (l->stopping)
		return;
	l->stopping = 1;
	if (l->broker != 0)
		outbox_send(&l->out, l->broker, &m);
	listener_drain_all(l);
}

void
listener_expire(struct listener *l)
{
	l->over = 1;
	listener_drain_all(l);
}

int
listener_is_drained(const struct listener *l)
{
	return l->stopped;
}

void
listener_leave(struct listener *l)
{
	if (l->stays && l->stopped)
		outbox_act(&l->out, ACT_STOP, 0, 0, slice_of(NULL, 0));
	l->stays = 0;
}

const struct core_ops listener_ops = {
	ROLE_LISTENER, listener_up, listener_down, listener_message, NULL,
	listener_tick, listener_deadline
};
