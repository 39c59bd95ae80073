#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "broker_state.h"
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

static void
broker_subscribe_everywhere(struct broker *b, const struct broker_module *m,
    enum msg_type type)
{
	const struct gossip_peer *a = NULL;

	while ((a = gossip_next(&b->gossip.authorities, a)) != NULL)
		broker_subscribe(b, a->handle, m, type);
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

void
broker_module_free(struct broker_module *m)
{
	struct broker_exchange *x;

	while ((x = m->exchanges) != NULL) {
		m->exchanges = x->next;
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

/* It said so, or no authority has announced it for a while. */
static int
broker_exchange_is_going(const struct broker_exchange *x, int64_t now)
{
	return x->draining || (x->unannounced_at != 0 &&
	    now >= x->unannounced_at + BROKER_UNANNOUNCED_MS);
}

/* Leave those that go, if the orders stand at one that stays. */
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
 * Announcers. An exchange that no authority announces and that is not linked
 * either is forgotten. One that is linked is kept: when all authorities are
 * gone it is the only way to trade.
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
	if (x->module == m && x->nannouncers < BROKER_ANNOUNCERS_MAX &&
	    announcer_find(x, authority->handle) == x->nannouncers)
		x->announcer[x->nannouncers++] = authority->handle;
	return 0;
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

int
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

void
broker_authority_up(struct broker *b, struct broker_peer *authority)
{
	const struct broker_module *m = NULL;

	outbox_log(&b->out, LOG_INFO, "linked to authority %s",
	    authority->gossip.address);
	while ((m = broker_module_next(b, m)) != NULL)
		broker_subscribe(b, authority->gossip.handle, m, MSG_SUBSCRIBE);
}

void
broker_authority_down(struct broker *b, int64_t now,
    struct broker_peer *authority)
{
	struct broker_module *m = NULL;

	if (!b->stopping)
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

void
broker_exchange_up(struct broker *b, int64_t now, struct broker_peer *peer)
{
	struct broker_exchange *x =
	    map_get(&b->exchanges, id_slice(&peer->gossip.instance));
	struct broker_order *o = NULL;

	if (x == NULL || x->peer != NULL || x->leaving ||
	    broker_exchange_take_slot(x, peer) == -1) {
		outbox_act(&b->out, ACT_CLOSE, peer->gossip.handle, 0,
		    slice_str("it is not the exchange that was announced"));
		return;
	}
	x->module->noted = 0;
	while ((o = broker_order_next(x->module, o)) != NULL)
		if (broker_order_place(b, now, o, x, slice_str("")) == -1) {
			outbox_act(&b->out, ACT_CLOSE, peer->gossip.handle, 0,
			    slice_str("unable to send it the orders"));
			return;
		}
	broker_module_leave(b, now, x->module);
}

void
broker_exchange_down(struct broker *b, int64_t now, struct broker_peer *peer)
{
	struct broker_exchange *x = peer->exchange;
	struct broker_module *m = x->module;
	struct broker_order *o = NULL;

	peer->exchange = NULL;
	x->peer = NULL;
	x->unannounced_at = 0;
	/* It was left as no authority announced it, and one does by now. */
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

int
broker_on_drain(struct broker *b, int64_t now, struct broker_peer *peer,
    const struct msg *m)
{
	(void)m;
	if (peer->exchange->leaving)
		return 0;
	peer->exchange->draining = 1;
	broker_module_leave(b, now, peer->exchange->module);
	return 0;
}

/* The clock. */

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
		if (o->open && !o->sell)
			broker_tell_bare(b, o);
}

void
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
		if (m->norders == 0 && now >= m->idle_at + BROKER_LINGER_MS)
			broker_module_drop(b, m);
		else if (m->norders == 0)
			broker_due(b, m->idle_at + BROKER_LINGER_MS);
		else if (m->linked == 0 && !m->noted)
			broker_module_note_bare(b, now, m);
	}
}
