#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "broker_state.h"
#include "core.h"
#include "fail.h"

#define BROKER_TAG_EXCHANGE (GOSSIP_TAG + 1) /* of exchanges that are dialled */

/* Subscribing. */

static int
broker_subscribe(struct broker *b, uint32_t authority,
    const struct broker_module *module, enum msg_type type)
{
	struct msg m = { .type = type, .u.subscribe.module = module->name };

	return outbox_send(&b->out, authority, &m);
}

/* At all homes, and at authorities that it has not left yet. */
static void
broker_subscribe_everywhere(struct broker *b, const struct broker_module *m,
    enum msg_type type)
{
	const struct gossip_peer *a = NULL;

	while ((a = gossip_next(&b->gossip.authorities, a)) != NULL)
		if (((const struct broker_peer *)a)->subscribed)
			broker_subscribe(b, a->handle, m, type);
}

void
broker_subscribe_all(struct broker *b, const struct broker_peer *authority)
{
	const struct broker_module *m = NULL;

	while ((m = broker_module_next(b, m)) != NULL)
		broker_subscribe(b, authority->gossip.handle, m, MSG_SUBSCRIBE);
}

/* Modules. */

struct broker_module *
broker_module_get(struct broker *b, int64_t now, struct slice name)
{
	struct broker_module *m = map_get(&b->modules, name);

	if (m != NULL)
		return m;
	if (b->modules.n >= BROKER_MODULES_MAX) {
		errno = ENOBUFS;
		return NULL;
	}
	if ((m = map_alloc(&b->modules, sizeof(*m), &name)) == NULL)
		return NULL;
	m->name = name;
	chain_init(&m->orders);
	chain_append(&b->all, &m->chain);
	m->idle_at = m->bare_at = now;
	broker_due(b, now + BROKER_NOTE_MS);
	broker_subscribe_everywhere(b, m, MSG_SUBSCRIBE);
	return m;
}

static void
broker_module_free(struct broker_module *m)
{
	struct broker_exchange *x;

	while ((x = m->exchanges) != NULL) {
		m->exchanges = x->next;
		free(x->announcer);
		free(x);
	}
	chain_remove(&m->chain);
	free(m);
}

struct broker_module *
broker_module_next(const struct broker *b, const struct broker_module *m)
{
	return CHAIN_NEXT(&b->all, m, struct broker_module, chain);
}

/* Exchanges that are announced, or linked. */

struct broker_exchange *
broker_exchange_at(const struct broker_module *m, unsigned slot)
{
	struct broker_exchange *x = m->slot[slot];

	return x == NULL || x->leaving ? NULL : x;
}

struct broker_exchange *
broker_exchange_linked(const struct broker *b, const struct id *instance)
{
	struct broker_exchange *x = map_get(&b->exchanges, id_slice(instance));

	return x == NULL || x->peer == NULL || x->leaving ? NULL : x;
}

/* 0, or -1 with ENOMEM. */
static int
broker_exchange_dial(struct broker *b, struct broker_exchange *x)
{
	struct slice address = slice_str(x->address);
	struct broker_exchange *other = map_get(&b->dials, address);

	if (other != NULL)
		x->shares = other->shares = 1;
	if (map_put(&b->dials, address, x) == -1)
		return -1;
	outbox_act(&b->out, ACT_DIAL, BROKER_TAG_EXCHANGE, DIAL_HOUR, address);
	return 0;
}

/* Another one that was announced at the same address, or NULL. */
static struct broker_exchange *
broker_exchange_sharing(const struct broker *b, const struct broker_exchange *x)
{
	struct broker_exchange *other;
	size_t pos = 0;

	while ((other = map_next(&b->exchanges, &pos)) != NULL)
		if (other != x && !other->leaving &&
		    strcmp(other->address, x->address) == 0)
			break;
	return other;
}

/*
 * Stop dialling it. One exchange after another may get an address, and
 * authorities may announce them in any order: if another was announced at this
 * address, the address is dialled for that one.
 */
static void
broker_exchange_undial(struct broker *b, struct broker_exchange *x)
{
	struct slice address = slice_str(x->address);
	struct broker_exchange *other;

	if (map_get(&b->dials, address) != x)
		return;
	map_del(&b->dials, address);
	other = x->shares ? broker_exchange_sharing(b, x) : NULL;
	if (other == NULL || map_put(&b->dials, slice_str(other->address),
	    other) == -1)
		outbox_act(&b->out, ACT_UNDIAL, 0, 0, address);
}

static void
broker_exchange_free(struct broker *b, struct broker_exchange *x)
{
	struct broker_exchange **link = &x->module->exchanges;

	broker_exchange_undial(b, x);
	while (*link != x)
		link = &(*link)->next;
	*link = x->next;
	x->module->nexchanges--;
	map_del(&b->exchanges, id_slice(&x->instance));
	free(x->announcer);
	free(x);
}

static struct broker_exchange *
broker_exchange_new(struct broker *b, struct broker_module *m,
    const struct id *instance, struct slice address)
{
	struct slice key = id_slice(instance);
	struct broker_exchange *x =
	    map_alloc(&b->exchanges, sizeof(*x), &key);

	if (x == NULL)
		return NULL;
	x->module = m;
	x->instance = *instance;
	hostport_copy(x->address, address);
	x->next = m->exchanges;
	m->exchanges = x;
	m->nexchanges++;
	if (broker_exchange_dial(b, x) == -1) {
		broker_exchange_free(b, x);
		return NULL;
	}
	return x;
}

/* Leaving. */

/* It said that it drains, or no authority has announced it for a while. */
static int
broker_exchange_is_going(const struct broker_exchange *x, int64_t now)
{
	return x->draining || (x->unannounced_at != 0 &&
	    now >= x->unannounced_at + BROKER_UNANNOUNCED_MS);
}

/* Leave exchanges that are going, if the orders stand at one that stays. */
static void
broker_module_leave(struct broker *b, int64_t now, struct broker_module *m)
{
	struct broker_exchange *x;
	unsigned i;
	int other = 0;

	for (i = 0; i < m->nslots; i++)
		if ((x = broker_exchange_at(m, i)) != NULL &&
		    !broker_exchange_is_going(x, now))
			other = 1;
	if (!other)
		return;
	for (i = 0; i < m->nslots; i++) {
		x = broker_exchange_at(m, i);
		if (x == NULL || !broker_exchange_is_going(x, now))
			continue;
		x->leaving = 1;
		broker_exchange_undial(b, x);
		outbox_act(&b->out, ACT_DRAIN, x->peer->gossip.handle, 0,
		    slice_str(""));
	}
}

/*
 * Announcers. An exchange that no authority announces and that is not linked is
 * forgotten. A linked one is kept: when all authorities are gone it is the only
 * way to trade.
 */

/* Its place among them; their number where it is not one. */
static unsigned
announcer_find(const struct broker_exchange *x, uint32_t authority)
{
	unsigned i;

	for (i = 0; i < x->nannouncers && x->announcer[i] != authority; i++)
		;
	return i;
}

static void
announcer_remove(struct broker_module *m, uint32_t authority)
{
	struct broker_exchange *x;
	unsigned i;

	for (x = m->exchanges; x != NULL; x = x->next)
		if ((i = announcer_find(x, authority)) < x->nannouncers)
			x->announcer[i] = x->announcer[--x->nannouncers];
}

/* 0, or -1 with ENOMEM. */
static int
announcer_enter(struct broker_exchange *x, uint32_t authority)
{
	uint32_t *grown;

	if (announcer_find(x, authority) < x->nannouncers)
		return 0;
	grown = realloc(x->announcer, (x->nannouncers + 1) * sizeof(*grown));
	if (grown == NULL)
		return -1;
	x->announcer = grown;
	x->announcer[x->nannouncers++] = authority;
	return 0;
}

static int
announcer_add(struct broker *b, struct broker_module *m,
    const struct gossip_peer *authority, const struct peer_item *item)
{
	char buf[ADDRESS_MAX + 1];
	struct slice address;
	struct broker_exchange *x =
	    map_get(&b->exchanges, id_slice(&item->instance));

	if (x == NULL) {
		if (m->nexchanges >= BROKER_EXCHANGES_MAX)
			return 0;
		address = gossip_resolve(authority, item->address, buf);
		if (address.len == 0 ||
		    memchr(address.p, '\0', address.len) != NULL)
			return fail(EPROTO);
		x = broker_exchange_new(b, m, &item->instance, address);
		if (x == NULL)
			return -1;
	}
	return x->module == m ? announcer_enter(x, authority->handle) : 0;
}

static void
broker_module_sweep(struct broker *b, int64_t now, struct broker_module *m)
{
	struct broker_exchange *x, *next;

	for (x = m->exchanges; x != NULL; x = next) {
		next = x->next;
		if (x->nannouncers > 0) {
			x->unannounced_at = 0;
		} else if (x->peer == NULL) {
			broker_exchange_free(b, x);
		} else if (x->unannounced_at == 0) {
			x->unannounced_at = now;
			broker_due(b, now + BROKER_UNANNOUNCED_MS);
		}
	}
}

static int
broker_on_exchanges(struct broker *b, int64_t now,
    struct broker_peer *authority, const struct msg *msg)
{
	struct broker_module *m = map_get(&b->modules, msg->u.exchanges.module);
	struct slice list = msg->u.exchanges.exchanges;
	struct peer_item item;
	int r = 0;

	if (m == NULL)
		return 0;
	announcer_remove(m, authority->gossip.handle);
	while (r == 0 && item_next(&schema_peer_item, &list, &item) == 1)
		r = announcer_add(b, m, &authority->gossip, &item);
	broker_module_sweep(b, now, m);
	broker_module_leave(b, now, m);
	return r;
}

static void
broker_authority_up(struct broker *b, int64_t now,
    struct broker_peer *authority)
{
	outbox_log(&b->out, LOG_INFO, "linked to authority %s",
	    authority->gossip.address);
	broker_home_up(b, now, authority);
}

static void
broker_authority_down(struct broker *b, int64_t now,
    struct broker_peer *authority)
{
	struct broker_module *m = NULL;

	broker_home_down(b, now, authority);
	if (!b->stopping && !authority->leaving)
		outbox_log(&b->out, LOG_INFO, "lost authority %s",
		    authority->gossip.address);
	while ((m = broker_module_next(b, m)) != NULL) {
		announcer_remove(m, authority->gossip.handle);
		broker_module_sweep(b, now, m);
	}
}

/* Links to exchanges. */

static int
broker_exchange_take_slot(struct broker_exchange *x, struct broker_peer *peer)
{
	struct broker_module *m = x->module;
	unsigned i;

	for (i = 0; i < m->nslots && m->slot[i] != NULL; i++)
		;
	if (i == BROKER_SLOTS)
		return -1;
	if (i == m->nslots)
		m->nslots++;
	m->slot[i] = x;
	m->linked++;
	x->slot = i;
	x->peer = peer;
	peer->exchange = x;
	return 0;
}

/* A buy that lacks nothing: the exchange answers with nodes. */
static int
broker_exchange_follow(struct broker *b, const struct broker_exchange *x)
{
	struct msg m = { .type = MSG_BUY, .u.buy = {
		.order = x->module->follow, .module = x->module->name } };

	return x->module->follow == 0 ? 0 :
	    outbox_send(&b->out, x->peer->gossip.handle, &m);
}

static void
broker_exchange_up(struct broker *b, int64_t now, struct broker_peer *peer)
{
	struct broker_exchange *x =
	    map_get(&b->exchanges, id_slice(&peer->gossip.instance));
	struct broker_order *o = NULL;
	int failed;

	if (x == NULL || x->peer != NULL || x->leaving ||
	    broker_exchange_take_slot(x, peer) == -1) {
		outbox_act(&b->out, ACT_CLOSE, peer->gossip.handle, 0,
		    slice_str("it is not the exchange that was announced"));
		return;
	}
	x->module->noted = 0;
	failed = broker_exchange_follow(b, x);
	while (failed == 0 && (o = broker_order_next(x->module, o)) != NULL)
		failed = broker_order_place(b, now, o, x, slice_str(""));
	if (failed == -1) {
		outbox_act(&b->out, ACT_CLOSE, peer->gossip.handle, 0,
		    slice_str("unable to send it the orders"));
		return;
	}
	broker_module_leave(b, now, x->module);
}

static void
broker_exchange_down(struct broker *b, int64_t now, struct broker_peer *peer)
{
	struct broker_exchange *x = peer->exchange;
	struct broker_module *m = x->module;
	struct broker_order *o = NULL;

	peer->exchange = NULL;
	x->peer = NULL;
	x->unannounced_at = 0;
	/* It was left because no authority announced it, and now one does. */
	if (x->leaving && !x->draining && x->nannouncers > 0 &&
	    broker_exchange_dial(b, x) == 0)
		x->leaving = 0;
	x->draining = 0;
	m->slot[x->slot] = NULL;
	m->linked--;
	while ((o = broker_order_next(m, o)) != NULL)
		broker_copy_clear(b, o, x->slot);
	if (m->linked == 0) {
		m->bare_at = now;
		broker_due(b, now + BROKER_NOTE_MS);
	}
	broker_module_sweep(b, now, m);
}

/* What lambda-ctl asks to drain. */

/* drain NAME address ADDRESS instance ID: a listener of it was told. */
static int
broker_drain_sell(struct broker *b, const struct broker_order *o,
    struct report *r)
{
	char buf[ADDRESS_MAX + 1], id[ID_TEXT];
	struct contact c;

	group_decode(&schema_contact, o->contact, &c);
	report_row(r, "drain %.*s address %.*s instance %s",
	    SLICE_ARG(o->module->name),
	    SLICE_ARG(hostport_fill(c.address, broker_host(b), buf)),
	    id_print(&o->peer->gossip.instance, id));
	return outbox_send_drain(&b->out, o->peer->gossip.handle);
}

/* The same of an authority that we are linked to. */
static int
broker_drain_authority(struct broker *b, struct slice address,
    struct report *r)
{
	const struct gossip_peer *a = NULL;
	char id[ID_TEXT];

	while ((a = gossip_next(&b->gossip.authorities, a)) != NULL)
		if (slice_is(address, a->address)) {
			report_row(r, "drain - address %s instance %s",
			    a->address, id_print(&a->instance, id));
			return outbox_send_drain(&b->out, a->handle);
		}
	return 0;
}

static int
broker_on_ctl_drain(struct broker *b, const struct broker_peer *peer,
    const struct msg *msg)
{
	const struct msg_drain *m = &msg->u.drain;
	const struct broker_module *module = map_get(&b->modules, m->module);
	const struct broker_order *o = NULL;
	struct report r;
	int failed = 0;

	report_begin(&r, &b->out, peer->gossip.handle, msg);
	while (module != NULL && (o = broker_order_next(module, o)) != NULL)
		if (o->sell && broker_drain_sell(b, o, &r) == -1)
			failed = -1;
	if (m->address.len > 0 &&
	    broker_drain_authority(b, m->address, &r) == -1)
		failed = -1;
	return report_end(&r) == -1 ? -1 : failed;
}

static int
broker_on_drain(struct broker *b, int64_t now, struct broker_peer *peer,
    const struct msg *m)
{
	if (peer->gossip.role == ROLE_CTL)
		return broker_on_ctl_drain(b, peer, m);
	if (peer->exchange->leaving)
		return 0;
	peer->exchange->draining = 1;
	broker_module_leave(b, now, peer->exchange->module);
	return 0;
}

/* What is due of a module. */

static void
broker_module_drop(struct broker *b, struct broker_module *m)
{
	struct broker_peer *peer;

	broker_subscribe_everywhere(b, m, MSG_UNSUBSCRIBE);
	while (m->exchanges != NULL) {
		if ((peer = m->exchanges->peer) != NULL) {
			peer->exchange = NULL;
			outbox_act(&b->out, ACT_DRAIN, peer->gossip.handle, 0,
			    slice_str(""));
		}
		broker_exchange_free(b, m->exchanges);
	}
	map_del(&b->modules, m->name);
	broker_module_free(m);
}

/* No exchange is linked. */
int
broker_tell_bare(struct broker *b, const struct broker_order *o)
{
	const struct gossip_peer *a = gossip_next(&b->gossip.authorities, NULL);
	const struct broker_exchange *x = o->module->exchanges;
	struct slice name = o->module->name;
	char text[REASON_MAX];
	struct msg m = { .type = MSG_OFFERS, .u.offers.order = o->id };

	if (a == NULL)
		snprintf(text, sizeof(text),
		    "no authority answers: is lambda-authority running, and "
		    "does the broker's input name it?");
	else if (x == NULL)
		snprintf(text, sizeof(text),
		    "no exchange for %.*s yet: the authority %s was asked for "
		    "one and has announced none", SLICE_ARG(name), a->address);
	else
		snprintf(text, sizeof(text),
		    "no exchange for %.*s yet: the one that was announced, "
		    "%s, does not answer", SLICE_ARG(name), x->address);
	m.u.offers.reason = slice_str(text);
	return outbox_send(&b->out, o->peer->gossip.handle, &m);
}

static void
broker_module_note_bare(struct broker *b, int64_t now, struct broker_module *m)
{
	const struct broker_order *o = NULL;

	if (now < m->bare_at + BROKER_NOTE_MS) {
		broker_due(b, m->bare_at + BROKER_NOTE_MS);
		return;
	}
	m->noted = 1;
	while ((o = broker_order_next(m, o)) != NULL)
		if (!o->sell && broker_order_lacking(o) > 0)
			broker_tell_bare(b, o);
}

/* Lingered or bare for long enough? */
static void
broker_module_tick(struct broker *b, int64_t now)
{
	struct broker_module *m, *next;
	const struct broker_exchange *x;

	for (m = broker_module_next(b, NULL); m != NULL; m = next) {
		next = broker_module_next(b, m);
		broker_module_leave(b, now, m);
		for (x = m->exchanges; x != NULL; x = x->next)
			if (x->unannounced_at != 0 &&
			    !broker_exchange_is_going(x, now))
				broker_due(b, x->unannounced_at +
				    BROKER_UNANNOUNCED_MS);
		if (m->norders == 0 && m->follow != 0)
			continue;
		if (m->norders == 0 && now >= m->idle_at + BROKER_LINGER_MS)
			broker_module_drop(b, m);
		else if (m->norders == 0)
			broker_due(b, m->idle_at + BROKER_LINGER_MS);
		else if (m->linked == 0 && !m->noted)
			broker_module_note_bare(b, now, m);
	}
}

/* Life. */

struct broker *
broker_new(const struct id *own, uint64_t seed, struct slice address,
    const char *node)
{
	struct broker *b = calloc(1, sizeof(*b));
	struct slice host, port;

	if (b == NULL)
		return NULL;
	outbox_init(&b->out);
	gossip_init(&b->gossip, own, seed, ROLE_BROKER, slice_str(""),
	    sizeof(struct broker_peer), &b->out);
	gather_init(&b->gather, &b->out, seed + 8, GATHER_HOST_MS);
	b->node = node;
	hostport_split(address, &host, &port);
	if (!hostport_any(host))
		hostport_copy(b->host, host);
	chain_init(&b->all);
	map_init(&b->modules, seed + 1);
	map_init(&b->exchanges, seed + 2);
	map_init(&b->dials, seed + 3);
	map_init(&b->open, seed + 4);
	map_init(&b->orders, seed + 5);
	map_init(&b->contacts, seed + 6);
	map_init(&b->places, seed + 7);
	b->width = GOSSIP_HOMES;
	b->widen_at = b->rest_at = INT64_MAX;
	scratch_init(&b->list);
	scratch_init(&b->back);
	b->due = INT64_MAX;
	return b;
}

void
broker_free(struct broker *b)
{
	struct broker_module *m;
	struct broker_order *o;
	struct broker_peer *p;
	size_t pos;

	if (b == NULL)
		return;
	for (pos = 0; (o = map_next(&b->orders, &pos)) != NULL;)
		broker_order_free(o);
	for (pos = 0; (p = map_next(&b->gossip.peers, &pos)) != NULL;) {
		free(p->unsettled);
		free(p->bytes);
		free(p->local);
	}
	while ((m = broker_module_next(b, NULL)) != NULL)
		broker_module_free(m);
	gather_free(&b->gather);
	gossip_free(&b->gossip);
	map_free(&b->modules);
	map_free(&b->exchanges);
	map_free(&b->dials);
	map_free(&b->open);
	map_free(&b->orders);
	map_free_values(&b->contacts);
	map_free_values(&b->places);
	scratch_free(&b->list);
	scratch_free(&b->back);
	outbox_free(&b->out);
	free(b);
}

struct outbox *
broker_out(struct broker *b)
{
	return &b->out;
}

int
broker_follow(struct broker *b, int64_t now, struct slice module)
{
	struct broker_module *m = broker_module_get(b, now, module);

	if (m == NULL)
		return -1;
	if (m->follow == 0)
		m->follow = ++b->last_number;
	return 0;
}

void
broker_stop(struct broker *b)
{
	b->stopping = 1;
}

/* Peers. */

/* Tell an authority what the host is called, so that it knows when it is
 * gone. */
static void
broker_name(struct broker *b, uint32_t authority)
{
	struct msg m = { .type = MSG_PEERS };

	if (b->node == NULL)
		return;
	m.u.peers.node = slice_str(b->node);
	outbox_send(&b->out, authority, &m);
}

static void
broker_up(void *core, int64_t now, uint32_t handle,
    const struct peer_info *info)
{
	struct broker *b = core;
	struct broker_peer *p = gossip_up(&b->gossip, now, handle, info);

	if (p == NULL) {
		outbox_act(&b->out, ACT_CLOSE, handle, 0,
		    slice_str("out of memory"));
		return;
	}
	chain_init(&p->orders);
	if (info->role & (ROLE_AUTHORITY | ROLE_EXCHANGE))
		broker_local_up(b, now, p, info->local);
	if (info->role == ROLE_AUTHORITY) {
		broker_name(b, handle);
		broker_authority_up(b, now, p);
	} else if (info->role == ROLE_BROKER)
		broker_home_tell(b, p);
	else if (info->role == ROLE_EXCHANGE)
		broker_exchange_up(b, now, p);
}

static void
broker_down(void *core, int64_t now, uint32_t handle)
{
	struct broker *b = core;
	struct broker_peer *p = gossip_find(&b->gossip, handle);

	if (p == NULL)
		return;
	gather_down(&b->gather, handle);
	if (p->gossip.role == ROLE_AUTHORITY)
		broker_authority_down(b, now, p);
	if (p->exchange != NULL)
		broker_exchange_down(b, now, p);
	broker_owner_down(b, now, p);
	broker_local_down(b, now, p);
	b->homes_changed |= p->gossip.role == ROLE_BROKER;
	gossip_down(&b->gossip, now, &p->gossip);
}

/* Messages. */

static int
broker_on_peers(struct broker *b, int64_t now, struct broker_peer *p,
    const struct msg *m)
{
	broker_home_hear(b, now, p, m->u.peers.peers);
	return gossip_hear(&b->gossip, now, &p->gossip, &m->u.peers);
}

static broker_handler *const broker_handlers[] = {
	[MSG_PEERS] = broker_on_peers,
	[MSG_EXCHANGES] = broker_on_exchanges,
	[MSG_SELL] = broker_on_sell,
	[MSG_BUY] = broker_on_buy,
	[MSG_CANCEL] = broker_on_cancel,
	[MSG_FILL] = broker_on_fill,
	[MSG_RELEASE] = broker_on_release,
	[MSG_OFFERS] = broker_on_offers,
	[MSG_WAITING] = broker_on_waiting,
	[MSG_REFUSE] = broker_on_refuse,
	[MSG_DRAIN] = broker_on_drain,
	[MSG_INSPECT] = broker_on_inspect,
	[MSG_ASK] = broker_on_inspect,
	[MSG_ANSWER] = broker_on_answer,
};

static int
broker_message(void *core, int64_t now, uint32_t handle, const struct msg *m)
{
	struct broker *b = core;
	struct broker_peer *p = gossip_find(&b->gossip, handle);

	if (p == NULL)
		return 0;
	if (m->type >= sizeof(broker_handlers) / sizeof(broker_handlers[0]) ||
	    broker_handlers[m->type] == NULL)
		return fail(EPROTO);
	/* Ignore an exchange that we have left. */
	if (p->gossip.role == ROLE_EXCHANGE && p->exchange == NULL)
		return 0;
	return broker_handlers[m->type](b, now, p, m);
}

/* The clock. */

void
broker_due(struct broker *b, int64_t at)
{
	if (at < b->due)
		b->due = at;
}

static void
broker_tick(void *core, int64_t now)
{
	struct broker *b = core;

	broker_home_tick(b, now);
	gossip_tick(&b->gossip, now);
	gather_tick(&b->gather, now);
	if (now < b->due)
		return;
	b->due = INT64_MAX;
	broker_module_tick(b, now);
}

static int64_t
broker_deadline(const void *core)
{
	const struct broker *b = core;
	int64_t tell = gossip_deadline(&b->gossip);
	int64_t home = broker_home_deadline(b);

	if (home < tell)
		tell = home;
	if (gather_deadline(&b->gather) < tell)
		tell = gather_deadline(&b->gather);
	return tell < b->due ? tell : b->due;
}

const struct core_ops broker_ops = {
	ROLE_BROKER,
	broker_up,
	broker_down,
	broker_message,
	NULL,
	broker_tick,
	broker_deadline
};
