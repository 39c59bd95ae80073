#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker_state.h"
#include "fail.h"
#include "hostport.h"

/* Subscribing. */

struct slice
broker_module_name(const struct module *m)
{
	return slice_of(m->name, m->len);
}

static int
subscribe(struct broker *b, const struct peer *authority,
    const struct module *module, enum msg_type type)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = type;
	m.u.subscribe.module = broker_module_name(module);
	return outbox_send(&b->out, authority->handle, &m);
}

static void
tell_authorities(struct broker *b, const struct module *m, enum msg_type type)
{
	const struct peer *a = NULL;

	while ((a = gossip_next(&b->gossip.authorities, a)) != NULL)
		subscribe(b, a, m, type);
}

int
broker_subscribe_all(struct broker *b, struct peer *authority)
{
	const struct module *m = NULL;

	while ((m = broker_module_next(b, m)) != NULL)
		if (subscribe(b, authority, m, MSG_SUBSCRIBE) == -1)
			return -1;
	return 0;
}

/* Modules. */

struct module *
broker_module_get(struct broker *b, int64_t now, struct slice name)
{
	struct module *m = map_get(&b->modules, name);

	if (m != NULL)
		return m;
	if (b->modules.n >= BROKER_MODULES_MAX) {
		errno = ENOBUFS;
		return NULL;
	}
	if ((m = calloc(1, sizeof(*m) + name.len)) == NULL)
		return NULL;
	memcpy(m->name, name.p, name.len);
	m->len = name.len;
	if (map_put(&b->modules, broker_module_name(m), m) == -1) {
		free(m);
		return NULL;
	}
	chain_init(&m->orders);
	chain_append(&b->all, &m->chain);
	m->idle_at = m->bare_at = now;
	broker_due(b, now + BROKER_NOTE_MS);
	tell_authorities(b, m, MSG_SUBSCRIBE);
	return m;
}

void
broker_module_free(struct module *m)
{
	struct place *p;

	while ((p = m->places) != NULL) {
		m->places = p->next;
		free(p);
	}
	chain_remove(&m->chain);
	free(m);
}

struct module *
broker_module_next(const struct broker *b, const struct module *m)
{
	return CHAIN_NEXT(&b->all, m, struct module, chain);
}

void
broker_module_idle(struct broker *b, int64_t now, struct module *m)
{
	m->idle_at = now;
	broker_due(b, now + BROKER_LINGER_MS);
}

/* Places: exchanges that are announced, or linked. */

struct place *
broker_place_at(const struct module *m, unsigned slot)
{
	struct place *p = m->slot[slot];

	return p == NULL || p->leaving ? NULL : p;
}

struct place *
broker_place_linked(const struct broker *b, const struct id *instance)
{
	struct place *p = map_get(&b->places, id_slice(instance));

	return p == NULL || p->peer == NULL || p->leaving ? NULL : p;
}

/* Another one that was announced at the same address, or NULL. */
static struct place *
other_at(const struct broker *b, const struct place *p)
{
	struct place *other;
	size_t pos = 0;

	while ((other = map_next(&b->places, &pos)) != NULL)
		if (other != p && !other->leaving &&
		    strcmp(other->address, p->address) == 0)
			break;
	return other;
}

/*
 * Stop dialling it. An address may be given to one exchange after another, and
 * authorities may tell of them in any order: if another was announced at this
 * address, the address is dialled for that one.
 */
static void
undial(struct broker *b, struct place *p)
{
	struct slice address = slice_str(p->address);
	struct place *other;

	if (map_get(&b->dials, address) != p)
		return;
	map_del(&b->dials, address);
	other = p->shares ? other_at(b, p) : NULL;
	if (other == NULL || map_put(&b->dials, slice_str(other->address),
	    other) == -1)
		outbox_act(&b->out, ACT_UNDIAL, 0, 0, address);
}

static void
place_free(struct broker *b, struct place *p)
{
	struct place **link = &p->module->places;

	undial(b, p);
	while (*link != p)
		link = &(*link)->next;
	*link = p->next;
	map_del(&b->places, id_slice(&p->instance));
	free(p);
}

/* 0, or -1 with ENOMEM. */
static int
dial(struct broker *b, struct place *p)
{
	struct slice address = slice_str(p->address);
	struct place *other = map_get(&b->dials, address);

	if (other != NULL)
		p->shares = other->shares = 1;
	if (map_put(&b->dials, address, p) == -1)
		return -1;
	outbox_act(&b->out, ACT_DIAL, TAG_EXCHANGE, DIAL_HOUR, address);
	return 0;
}

static struct place *
place_new(struct broker *b, struct module *m, const struct peer_item *item)
{
	struct place *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->module = m;
	p->instance = item->instance;
	memcpy(p->address, item->address.p, item->address.len);
	if (map_put(&b->places, id_slice(&p->instance), p) == -1) {
		free(p);
		return NULL;
	}
	if (dial(b, p) == -1) {
		map_del(&b->places, id_slice(&p->instance));
		free(p);
		return NULL;
	}
	p->next = m->places;
	m->places = p;
	return p;
}

/* Leaving. */

static void
leave(struct broker *b, struct place *p)
{
	p->leaving = 1;
	undial(b, p);
	outbox_act(&b->out, ACT_DRAIN, p->peer->handle, 0, slice_str(""));
}

/* It said so, or nobody has announced it for a while. */
static int
is_going(const struct place *p, int64_t now)
{
	return p->draining || (p->unclaimed_at != 0 &&
	    now >= p->unclaimed_at + BROKER_UNCLAIMED_MS);
}

/* Leave those that go, if the orders stand at one that stays. */
static void
leave_going(struct broker *b, int64_t now, struct module *m)
{
	struct place *p;
	unsigned i;
	int other = 0;

	for (i = 0; i < m->nslots; i++)
		if ((p = broker_place_at(m, i)) != NULL && !is_going(p, now))
			other = 1;
	if (!other)
		return;
	for (i = 0; i < m->nslots; i++)
		if ((p = broker_place_at(m, i)) != NULL && is_going(p, now))
			leave(b, p);
}

/*
 * Claims: which authorities announce an exchange. One that nobody announces and
 * that is not linked either is forgotten. One that is linked is kept: when all
 * authorities are gone it is the only way to trade.
 */

static int
is_claimed(const struct place *p, uint32_t authority)
{
	unsigned i;

	for (i = 0; i < p->nclaims; i++)
		if (p->claim[i] == authority)
			return 1;
	return 0;
}

static void
unclaim(struct place *p, uint32_t authority)
{
	unsigned i;

	for (i = 0; i < p->nclaims; i++)
		if (p->claim[i] == authority) {
			p->claim[i] = p->claim[--p->nclaims];
			return;
		}
}

static void
unclaim_module(struct module *m, uint32_t authority)
{
	struct place *p;

	for (p = m->places; p != NULL; p = p->next)
		unclaim(p, authority);
}

static void
sweep(struct broker *b, int64_t now, struct module *m)
{
	struct place *p, *next;

	for (p = m->places; p != NULL; p = next) {
		next = p->next;
		if (p->nclaims > 0) {
			p->unclaimed_at = 0;
		} else if (p->peer == NULL) {
			place_free(b, p);
		} else if (p->unclaimed_at == 0) {
			p->unclaimed_at = now;
			broker_due(b, now + BROKER_UNCLAIMED_MS);
		}
	}
}

void
broker_authority_lost(struct broker *b, int64_t now, struct peer *authority)
{
	struct module *m = NULL;

	while ((m = broker_module_next(b, m)) != NULL) {
		unclaim_module(m, authority->handle);
		sweep(b, now, m);
	}
}

static unsigned
count_places(const struct module *m)
{
	const struct place *p;
	unsigned n = 0;

	for (p = m->places; p != NULL; p = p->next)
		n++;
	return n;
}

static int
claim(struct broker *b, struct module *m, struct peer *authority,
    struct peer_item *item)
{
	struct slice host, port;
	char address[ADDRESS_MAX + 1];
	struct place *p = map_get(&b->places, id_slice(&item->instance));

	if (p == NULL) {
		if (count_places(m) >= BROKER_PLACES_MAX)
			return 0;
		hostport_split(slice_str(authority->address), &host, &port);
		item->address = hostport_fill(item->address, host, address);
		if (item->address.len == 0 ||
		    memchr(item->address.p, '\0', item->address.len) != NULL)
			return fail(EPROTO);
		if ((p = place_new(b, m, item)) == NULL)
			return -1;
	}
	if (p->module == m && p->nclaims < BROKER_CLAIMS_MAX &&
	    !is_claimed(p, authority->handle))
		p->claim[p->nclaims++] = authority->handle;
	return 0;
}

int
broker_exchanges(struct broker *b, int64_t now, struct peer *authority,
    const struct msg_exchanges *e)
{
	struct module *m = map_get(&b->modules, e->module);
	struct slice list = e->exchanges;
	struct peer_item item;
	int r = 0;

	if (m == NULL)
		return 0;
	unclaim_module(m, authority->handle);
	while (r == 0 && item_next(&schema_peer_item, &list, &item) == 1)
		r = claim(b, m, authority, &item);
	sweep(b, now, m);
	leave_going(b, now, m);
	return r;
}

/* Links to exchanges. */

static int
take_slot(struct place *p, struct peer *peer)
{
	struct module *m = p->module;
	unsigned i;

	for (i = 0; i < m->nslots && m->slot[i] != NULL; i++)
		;
	if (i == BROKER_SLOTS)
		return -1;
	if (i == m->nslots)
		m->nslots++;
	m->slot[i] = p;
	m->linked++;
	p->slot = i;
	p->peer = peer;
	peer->place = p;
	return 0;
}

void
broker_exchange_up(struct broker *b, int64_t now, struct peer *peer)
{
	struct place *p = map_get(&b->places, id_slice(&peer->instance));
	struct order *o = NULL;

	if (p == NULL || p->peer != NULL || p->leaving ||
	    take_slot(p, peer) == -1) {
		outbox_act(&b->out, ACT_CLOSE, peer->handle, 0,
		    slice_str("it is not the exchange that was announced"));
		return;
	}
	p->module->noted = 0;
	while ((o = broker_order_next(p->module, o)) != NULL)
		if (broker_order_place(b, now, o, p) == -1) {
			outbox_act(&b->out, ACT_CLOSE, peer->handle, 0,
			    slice_str("unable to send it the orders"));
			return;
		}
	leave_going(b, now, p->module);
}

void
broker_exchange_down(struct broker *b, int64_t now, struct peer *peer)
{
	struct place *p = peer->place;
	struct module *m;
	struct order *o = NULL;

	if (p == NULL)
		return;
	m = p->module;
	peer->place = NULL;
	p->peer = NULL;
	p->unclaimed_at = 0;
	/* It was left as nobody announced it, and somebody does by now. */
	if (p->leaving && !p->draining && p->nclaims > 0 && dial(b, p) == 0)
		p->leaving = 0;
	p->draining = 0;
	m->slot[p->slot] = NULL;
	m->linked--;
	while ((o = broker_order_next(m, o)) != NULL)
		broker_stand_clear(b, o, p->slot);
	if (m->linked == 0) {
		m->bare_at = now;
		broker_due(b, now + BROKER_NOTE_MS);
	}
	sweep(b, now, m);
}

int
broker_exchange_drain(struct broker *b, int64_t now, struct peer *peer)
{
	if (peer->place->leaving)
		return 0;
	peer->place->draining = 1;
	leave_going(b, now, peer->place->module);
	return 0;
}

/* The clock. */

static void
drop(struct broker *b, struct module *m)
{
	struct peer *peer;

	tell_authorities(b, m, MSG_UNSUBSCRIBE);
	while (m->places != NULL) {
		if ((peer = m->places->peer) != NULL) {
			peer->place = NULL;
			outbox_act(&b->out, ACT_DRAIN, peer->handle, 0,
			    slice_str(""));
		}
		place_free(b, m->places);
	}
	map_del(&b->modules, broker_module_name(m));
	broker_module_free(m);
}

static void
note_bare(struct broker *b, int64_t now, struct module *m)
{
	const struct order *o = NULL;

	if (now < m->bare_at + BROKER_NOTE_MS) {
		broker_due(b, m->bare_at + BROKER_NOTE_MS);
		return;
	}
	m->noted = 1;
	while ((o = broker_order_next(m, o)) != NULL)
		if (o->open && !o->sell)
			broker_note(b, o);
}

/* When one of them that nobody announces is to be left. */
static void
look_for_unclaimed(struct broker *b, int64_t now, struct module *m)
{
	const struct place *p;

	leave_going(b, now, m);
	for (p = m->places; p != NULL; p = p->next)
		if (p->unclaimed_at != 0 && !is_going(p, now))
			broker_due(b, p->unclaimed_at + BROKER_UNCLAIMED_MS);
}

void
broker_modules_tick(struct broker *b, int64_t now)
{
	struct module *m, *next;

	for (m = broker_module_next(b, NULL); m != NULL; m = next) {
		next = broker_module_next(b, m);
		look_for_unclaimed(b, now, m);
		if (m->norders == 0 && now >= m->idle_at + BROKER_LINGER_MS)
			drop(b, m);
		else if (m->norders == 0)
			broker_due(b, m->idle_at + BROKER_LINGER_MS);
		else if (m->linked == 0 && !m->noted)
			note_bare(b, now, m);
	}
}
