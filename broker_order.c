#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "array.h"
#include "broker_state.h"
#include "fail.h"

/* Fills call it; it is below. */
static int broker_order_update(struct broker *, int64_t now,
    struct broker_order *);

/* Finding. */

/* The key is made of the owner's handle and id. */
static struct slice
broker_order_key(uint64_t key[2], const struct broker_peer *owner, uint64_t id)
{
	key[0] = owner->gossip.handle;
	key[1] = id;
	return slice_of(key, 2 * sizeof(key[0]));
}

static struct broker_order *
broker_order_find(const struct broker *b, const struct broker_peer *owner,
    uint64_t id)
{
	uint64_t key[2];

	return map_get(&b->orders, broker_order_key(key, owner, id));
}

struct broker_order *
broker_order_numbered(const struct broker *b, uint64_t number)
{
	return map_get(&b->open, slice_of(&number, sizeof(number)));
}

struct broker_order *
broker_order_next(const struct broker_module *m, const struct broker_order *o)
{
	return CHAIN_NEXT(&m->orders, o, struct broker_order, of_module);
}

uint32_t
broker_order_lacking(const struct broker_order *o)
{
	uint64_t coming = o->passed > o->settled ? o->passed - o->settled : 0;

	return coming < o->quantity ? o->quantity - (uint32_t)coming : 0;
}

/* What it holds, and what is on its way to it. */
static uint32_t
broker_order_holds(const struct broker_order *o)
{
	uint64_t n = o->held;

	if (o->passed > o->settled)
		n += o->passed - o->settled;
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

/* A reservation takes up to 40 bytes, a seller in a fill no less than 31. */
#define RESERVATION_MAX 40
#define BACK_RATIO	2

/* Releases. */

static int
broker_send_release(struct broker *b, const struct broker_exchange *x,
    uint64_t number, struct slice reservations)
{
	struct msg m = { .type = MSG_RELEASE,
		.u.release = { .order = number,
		.reservations = reservations } };

	return outbox_send(&b->out, x->peer->gossip.handle, &m);
}

/*
 * Release one reservation. With ORDER_NONE the exchange may offer the order the
 * seller again; with the order's number, not before the seller's next sell.
 */
static int
broker_give_back(struct broker *b, uint64_t number, const struct reservation *r)
{
	struct broker_exchange *x = broker_exchange_linked(b, &r->exchange);
	unsigned char list[RESERVATION_MAX];

	if (x == NULL)
		return 0;
	return broker_send_release(b, x, number,
	    item_list(&schema_reservation, r, list, sizeof(list)));
}

/* Pending: what an order was passed and has not settled. */

static void
pending_remove(struct broker_order *o, unsigned i)
{
	o->npending--;
	memmove(&o->pending[i], &o->pending[i + 1],
	    (o->npending - i) * sizeof(o->pending[0]));
}

static void
pending_clear(struct broker_order *o)
{
	free(o->pending);
	o->pending = NULL;
	o->pending_cap = o->npending = 0;
}

/* It is too old to matter, or there are too many. */
static void
pending_drop_oldest(struct broker *b, struct broker_order *o)
{
	if (o->pending[0].withheld)
		broker_give_back(b, ORDER_NONE, &o->pending[0].reservation);
	pending_remove(o, 0);
}

/* At BROKER_PENDING_MAX the oldest is dropped. Returns NULL without memory: a
 * second fill from the seller goes unnoticed then. */
static struct broker_pending *
pending_add(struct broker *b, struct broker_order *o, int64_t now,
    const struct id *seller, const struct reservation *r)
{
	struct broker_pending *p;

	while (o->npending > 0 && (o->pending[0].until <= now ||
	    o->npending == BROKER_PENDING_MAX))
		pending_drop_oldest(b, o);
	p = array_grow(o->pending, &o->pending_cap, o->npending + 1u,
	    BROKER_PENDING_MAX, sizeof(*p));
	if (p == NULL)
		return NULL;
	o->pending = p;
	p += o->npending++;
	p->seller = *seller;
	p->reservation = *r;
	p->reservation.quantity = 0;
	p->withheld = 0;
	p->until = now + BROKER_PENDING_MS;
	return p;
}

/* Has another exchange sold it to this order, too? */
static int
pending_elsewhere(const struct broker_order *o, int64_t now,
    const struct id *seller, const struct id *exchange)
{
	const struct broker_pending *p;
	size_t i;

	for (i = 0; i < o->npending; i++) {
		p = &o->pending[i];
		if (!p->withheld && p->until > now &&
		    id_equal(&p->seller, seller) &&
		    !id_equal(&p->reservation.exchange, exchange))
			return 1;
	}
	return 0;
}

/* Is some of the seller's withheld already, through the same exchange? */
static int
pending_is_withheld(const struct broker_order *o, const struct id *seller,
    const struct id *exchange)
{
	const struct broker_pending *p;
	size_t i;

	for (i = 0; i < o->npending; i++) {
		p = &o->pending[i];
		if (p->withheld && id_equal(&p->seller, seller) &&
		    id_equal(&p->reservation.exchange, exchange))
			return 1;
	}
	return 0;
}

/* Give back what is withheld until that much is settled, or less. */
static int
pending_give_back(struct broker *b, struct broker_order *o, uint64_t settled)
{
	unsigned i = 0;

	while (i < o->npending) {
		if (!o->pending[i].withheld || o->pending[i].mark > settled) {
			i++;
			continue;
		}
		if (broker_give_back(b, ORDER_NONE,
		    &o->pending[i].reservation) == -1)
			return -1;
		pending_remove(o, i);
	}
	return 0;
}

/* More of it is settled: give back what was withheld for that. */
static int
broker_pending_settle(struct broker *b, struct broker_order *o)
{
	if (pending_give_back(b, o, o->settled) == -1)
		return -1;
	if (o->settled >= o->passed)
		pending_clear(o);
	return 0;
}

/*
 * The order is cancelled. Give back what is withheld, of which the owner never
 * heard. The owner must settle what was passed on to it; if the owner is lost
 * before, that is released. Of what is left from its other orders the newest
 * are kept.
 */
static int
broker_pending_cancel(struct broker *b, struct broker_order *o)
{
	struct broker_peer *owner = o->peer;
	struct broker_pending *all;
	unsigned n, keep;

	if (pending_give_back(b, o, UINT64_MAX) == -1)
		return -1;
	if ((n = o->npending) == 0)
		return 0;
	keep = BROKER_PENDING_MAX - n;
	if (keep > owner->nunsettled)
		keep = owner->nunsettled;
	all = realloc(o->pending, (keep + n) * sizeof(*all));
	if (all == NULL) {
		all = o->pending;
		keep = 0;
	}
	if (keep > 0)
		memcpy(all + n, owner->unsettled, keep * sizeof(*all));
	free(owner->unsettled);
	owner->unsettled = all;
	owner->nunsettled = n + keep;
	o->pending = NULL;
	o->pending_cap = o->npending = 0;
	return 0;
}

/* The owner is lost: give back all that was passed to the order and is not
 * settled. */
static void
broker_pending_lost(struct broker *b, struct broker_order *o)
{
	unsigned i;

	for (i = 0; i < o->npending; i++)
		broker_give_back(b, o->number, &o->pending[i].reservation);
	pending_clear(o);
}

/* The same for orders that it cancelled. Most of these are settled by now, and
 * mean nothing to the exchange. */
static void
broker_unsettled_lost(struct broker *b, struct broker_peer *owner)
{
	unsigned i;

	for (i = 0; i < owner->nunsettled; i++)
		broker_give_back(b, ORDER_NONE,
		    &owner->unsettled[i].reservation);
	free(owner->unsettled);
	owner->unsettled = NULL;
	owner->nunsettled = 0;
}

static void
pending_released(struct broker_order *o, const struct reservation *r)
{
	const struct reservation *p;
	unsigned i;

	for (i = 0; i < o->npending; i++) {
		p = &o->pending[i].reservation;
		if (p->counter == r->counter &&
		    id_equal(&p->exchange, &r->exchange)) {
			pending_remove(o, i);
			return;
		}
	}
}

int
broker_on_release(struct broker *b, int64_t now, struct broker_peer *owner,
    const struct msg *m)
{
	struct broker_order *o =
	    broker_order_find(b, owner, m->u.release.order);
	uint64_t number =
	    o == NULL || o->number == 0 ? ORDER_NONE : o->number;
	struct slice list = m->u.release.reservations;
	struct reservation r;

	(void)now;
	while (item_next(&schema_reservation, &list, &r) == 1) {
		if (o != NULL)
			pending_released(o, &r);
		if (broker_give_back(b, number, &r) == -1)
			return -1;
	}
	return 0;
}

/* Fills. */

/*
 * The same seller was already sold to this order through another exchange:
 * returns 1 when the fill is noted and withheld. An exchange that has more of
 * the seller would offer that, too, and so on, as the order still lacks it. So
 * the second time the fill is released with the order's number, and there is no
 * third.
 */
static int
fill_withhold(struct broker *b, int64_t now, struct broker_order *o,
    const struct seller *s, const struct reservation *r)
{
	struct broker_pending *p;

	if (!pending_elsewhere(o, now, &s->seller, &r->exchange))
		return 0;
	if (pending_is_withheld(o, &s->seller, &r->exchange))
		return broker_give_back(b, o->number, r) == 0;
	if ((p = pending_add(b, o, now, &s->seller, r)) == NULL)
		return 0;
	p->withheld = 1;
	p->mark = o->passed;
	return 1;
}

/* One seller: what the order takes goes to the list, the rest goes back. */
static void
fill_divide(struct broker *b, int64_t now, struct broker_order *o,
    const struct broker_exchange *x, struct seller *s)
{
	struct reservation r;
	uint64_t taken = o == NULL ? 0 : broker_order_lacking(o);

	broker_contact_learn(b, s->contact);
	if (s->quantity == 0)
		return; /* it came for that alone */
	b->filled += s->quantity;
	r.exchange = x->instance;
	r.counter = s->counter;
	r.quantity = 0;
	if (o != NULL) {
		o->copies[x->slot].filled += s->quantity;
		if (fill_withhold(b, now, o, s, &r))
			return;
	}
	if (taken > s->quantity)
		taken = s->quantity;
	if (taken > 0)
		r.quantity = s->quantity - taken;
	if (taken < s->quantity)
		scratch_item(&b->back, &schema_reservation, &r);
	if (taken == 0)
		return;
	s->quantity = taken;
	o->passed += taken;
	b->passed += taken;
	pending_add(b, o, now, &s->seller, &r);
	scratch_item(&b->list, &schema_seller, s);
}

static int
fill_pass_on(struct broker *b, const struct broker_order *o,
    const struct broker_exchange *x)
{
	struct msg m = { .type = MSG_FILL,
		.u.fill = { .order = o->id, .exchange = x->instance,
		.sellers = scratch_slice(&b->list) } };

	return outbox_send(&b->out, o->peer->gossip.handle, &m);
}

/*
 * A fill for a number that is not open goes back whole. The release names no
 * order, so that the exchange may offer this order the seller again: what was
 * taken instead may yet be refused.
 */
int
broker_on_fill(struct broker *b, int64_t now, struct broker_peer *from,
    const struct msg *m)
{
	struct broker_exchange *x = from->exchange;
	struct broker_order *o = broker_order_numbered(b, m->u.fill.order);
	struct slice list = m->u.fill.sellers;
	struct seller s;

	if (o != NULL && (o->sell || x->slot >= o->ncopies ||
	    !o->copies[x->slot].sent))
		o = NULL;
	if (scratch_begin(&b->list, list.len) == -1 ||
	    scratch_begin(&b->back, BACK_RATIO * list.len) == -1)
		return -1;
	while (item_next(&schema_seller, &list, &s) == 1)
		fill_divide(b, now, o, x, &s);
	if (scratch_slice(&b->back).len > 0 &&
	    broker_send_release(b, x, ORDER_NONE, scratch_slice(&b->back)) ==
	    -1)
		return -1;
	if (o == NULL)
		return 0;
	if (scratch_slice(&b->list).len > 0) {
		/* A buyer that got something goes to the back of the line. */
		o->since = now;
		if (fill_pass_on(b, o, x) == -1)
			return -1;
	}
	return broker_order_update(b, now, o);
}

/* Other messages of exchanges about orders, handed on to the owners. */

int
broker_on_offers(struct broker *b, int64_t now, struct broker_peer *from,
    const struct msg *m)
{
	struct broker_order *o = broker_order_numbered(b, m->u.offers.order);
	struct msg on = *m;

	(void)now;
	(void)from;
	if (o == NULL || o->sell)
		return 0;
	on.u.offers.order = o->id;
	return outbox_send(&b->out, o->peer->gossip.handle, &on);
}

/* An exchange keeps nothing of an order that it refused. The order no longer
 * stands there, so it is sent again later, when there may be room. */
int
broker_on_refuse(struct broker *b, int64_t now, struct broker_peer *from,
    const struct msg *m)
{
	struct broker_order *o = broker_order_numbered(b, m->u.refuse.order);
	struct msg on = *m;

	(void)now;
	b->refused++;
	if (o == NULL)
		return 0;
	broker_copy_clear(b, o, from->exchange->slot);
	on.u.refuse.order = o->id;
	return outbox_send(&b->out, o->peer->gossip.handle, &on);
}

/*
 * Tell the seller the largest number of waiting buyers that an exchange
 * reports, and the least that one of them holds: each exchange has all orders,
 * so that is nearest to the truth. Tell the buyer the most that an exchange
 * lets it keep: an exchange that asks for more knows less of what others hold.
 */
static int
broker_tell_waiting(struct broker *b, const struct broker_order *o)
{
	const struct broker_copy *c;
	struct msg m = { .type = MSG_WAITING, .u.waiting.order = o->id };
	struct msg_waiting *w = &m.u.waiting;
	size_t i;

	for (i = 0; i < o->ncopies; i++) {
		c = &o->copies[i];
		if (c->buyers == 0)
			continue;
		if (w->buyers == 0 || c->least < w->least)
			w->least = c->least;
		if (c->buyers > w->buyers)
			w->buyers = c->buyers;
		if (c->share > w->share)
			w->share = c->share;
	}
	return outbox_send(&b->out, o->peer->gossip.handle, &m);
}

int
broker_on_waiting(struct broker *b, int64_t now, struct broker_peer *from,
    const struct msg *m)
{
	const struct msg_waiting *w = &m->u.waiting;
	struct broker_order *o = broker_order_numbered(b, w->order);
	unsigned slot = from->exchange->slot;

	(void)now;
	if (o == NULL || slot >= o->ncopies)
		return 0;
	o->copies[slot].buyers = (uint32_t)w->buyers;
	o->copies[slot].least = (uint32_t)w->least;
	o->copies[slot].share = (uint32_t)w->share;
	return broker_tell_waiting(b, o);
}

/* Adding and removing. */

/* A new order of the owner, which stands nowhere yet. NULL with ENOMEM, or
 * ENOBUFS if the limits forbid it. */
static struct broker_order *
broker_order_new(struct broker *b, int64_t now, struct broker_peer *owner,
    uint64_t id, struct slice module, int sell)
{
	uint64_t bytes[2];
	struct slice key = broker_order_key(bytes, owner, id);
	struct broker_module *m;
	struct broker_order *o;

	if (b->orders.n >= BROKER_ORDERS_MAX) {
		errno = ENOBUFS;
		return NULL;
	}
	if ((m = broker_module_get(b, now, module)) == NULL ||
	    (o = map_alloc(&b->orders, sizeof(*o), &key)) == NULL)
		return NULL;
	o->peer = owner;
	o->id = id;
	o->module = m;
	o->sell = sell != 0;
	if (m->norders++ == 0)
		m->bare_at = now;
	if (m->linked == 0 && !m->noted)
		broker_due(b, m->bare_at + BROKER_NOTE_MS);
	chain_append(&m->orders, &o->of_module);
	chain_append(&owner->orders, &o->of_owner);
	return o;
}

/* The owner's order of that id, added where it is new. NULL with EPROTO when it
 * is an order of another kind or module, or as above. */
static struct broker_order *
broker_order_get(struct broker *b, int64_t now, struct broker_peer *owner,
    uint64_t id, struct slice module, int sell)
{
	struct broker_order *o = broker_order_find(b, owner, id);

	if (o == NULL)
		return broker_order_new(b, now, owner, id, module, sell);
	if (o->sell == sell && slice_equal(o->module->name, module))
		return o;
	errno = EPROTO;
	return NULL;
}

/* There is no order. If a limit forbids it, tell the owner; else -1. */
static int
broker_order_failed(struct broker *b, const struct broker_peer *owner,
    uint64_t id)
{
	if (errno != ENOBUFS)
		return -1;
	return outbox_send_refuse(&b->out, owner->gossip.handle, id,
	    "the broker has as many orders or modules as it takes", 0);
}

/* Keep attributes and contact: 0, or -1 with ENOMEM and nothing changed. */
static int
broker_order_keep(struct broker_order *o, struct slice attrs,
    struct slice contact)
{
	unsigned char *bytes = malloc(attrs.len + contact.len + 1);

	if (bytes == NULL)
		return -1;
	if (attrs.len > 0)
		memcpy(bytes, attrs.p, attrs.len);
	if (contact.len > 0)
		memcpy(bytes + attrs.len, contact.p, contact.len);
	free(o->bytes);
	o->bytes = bytes;
	o->attrs = slice_of(bytes, attrs.len);
	o->contact = slice_of(bytes + attrs.len, contact.len);
	return 0;
}

void
broker_order_free(struct broker_order *o)
{
	free(o->bytes);
	free(o->copies);
	free(o->pending);
	free(o);
}

/* Opening and closing: an open order has a number. */

static int
broker_order_open(struct broker *b, struct broker_order *o)
{
	if (o->open)
		return 0;
	o->number = ++b->last_number;
	if (map_put(&b->open, slice_of(&o->number, sizeof(o->number)), o) == -1)
		return -1;
	o->open = 1;
	return 0;
}

/* Cancel it wherever it stands. */
static int
broker_order_close(struct broker *b, struct broker_order *o)
{
	struct msg m = { .type = MSG_CANCEL, .u.cancel.order = o->number };
	struct broker_exchange *x;
	unsigned i;
	int r = 0;

	if (!o->open)
		return 0;
	for (i = 0; i < o->ncopies; i++) {
		x = broker_exchange_at(o->module, i);
		if (x != NULL && o->copies[i].sent &&
		    outbox_send(&b->out, x->peer->gossip.handle, &m) == -1)
			r = -1;
	}
	map_del(&b->open, slice_of(&o->number, sizeof(o->number)));
	o->open = 0;
	if (o->ncopies > 0)
		memset(o->copies, 0, o->ncopies * sizeof(*o->copies));
	return r;
}

static int
broker_order_drop(struct broker *b, int64_t now, struct broker_order *o)
{
	struct broker_module *m = o->module;
	int r = broker_order_close(b, o);
	uint64_t key[2];

	if (o->sell)
		broker_contact_local(b, o->contact, 0);
	chain_remove(&o->of_module);
	chain_remove(&o->of_owner);
	if (--m->norders == 0) {
		m->idle_at = now;
		broker_due(b, now + BROKER_LINGER_MS);
	}
	map_del(&b->orders, broker_order_key(key, o->peer, o->id));
	broker_order_free(o);
	return r;
}

int
broker_on_cancel(struct broker *b, int64_t now, struct broker_peer *owner,
    const struct msg *m)
{
	struct broker_order *o = broker_order_find(b, owner, m->u.cancel.order);

	if (o == NULL)
		return 0;
	if (broker_pending_cancel(b, o) == -1)
		return -1;
	return broker_order_drop(b, now, o);
}

void
broker_owner_down(struct broker *b, int64_t now, struct broker_peer *owner)
{
	struct broker_order *o;

	while ((o = CHAIN_NEXT(&owner->orders, NULL, struct broker_order,
	    of_owner)) != NULL) {
		broker_pending_lost(b, o);
		broker_order_drop(b, now, o);
	}
	broker_unsettled_lost(b, owner);
}

/* Copies. */

/* That at the slot; NULL with ENOMEM. */
static struct broker_copy *
broker_copy_at(struct broker_order *o, unsigned slot)
{
	struct broker_copy *grown;
	unsigned n = slot + 1;

	assert(slot < BROKER_SLOTS);
	if (slot < o->ncopies)
		return &o->copies[slot];
	if ((grown = realloc(o->copies, n * sizeof(*grown))) == NULL)
		return NULL;
	memset(grown + o->ncopies, 0, (n - o->ncopies) * sizeof(*grown));
	o->copies = grown;
	o->ncopies = (unsigned char)n;
	return &grown[slot];
}

void
broker_copy_clear(struct broker *b, struct broker_order *o, unsigned slot)
{
	struct broker_copy *c;
	uint32_t buyers;

	if (slot >= o->ncopies)
		return;
	c = &o->copies[slot];
	buyers = c->buyers;
	memset(c, 0, sizeof(*c));
	if (buyers > 0)
		broker_tell_waiting(b, o);
}

/* Sells. */

/* Of the settled reservations, those that this exchange made. */
static int
broker_sell_settled(struct broker *b, const struct broker_exchange *x,
    struct slice settled, struct slice *out)
{
	struct reservation r;

	*out = slice_of(NULL, 0);
	if (settled.len == 0)
		return 0;
	if (scratch_begin(&b->back, settled.len) == -1)
		return -1;
	while (item_next(&schema_reservation, &settled, &r) == 1)
		if (id_equal(&r.exchange, &x->instance))
			scratch_item(&b->back, &schema_reservation, &r);
	*out = scratch_slice(&b->back);
	return 0;
}

/* The contact, with our own host where it names none. */
static int
broker_sell_contact(struct broker *b, const struct broker_order *o,
    struct slice *out)
{
	char address[ADDRESS_MAX + 1], dist[ADDRESS_MAX + 1];
	struct slice host = broker_host(b);
	struct contact c;

	group_decode(&schema_contact, o->contact, &c);
	c.address = hostport_fill(c.address, host, address);
	if (c.dist.len > 0)
		c.dist = hostport_fill(c.dist, host, dist);
	if (scratch_begin(&b->list, group_size(&schema_contact, &c)) == -1)
		return -1;
	group_encode(&schema_contact, &c, &b->list.w);
	*out = scratch_slice(&b->list);
	return 0;
}

static int
broker_sell_send(struct broker *b, struct broker_order *o,
    struct broker_exchange *x, struct slice settled)
{
	struct broker_copy *c = broker_copy_at(o, x->slot);
	struct msg m = { .type = MSG_SELL };

	if (c == NULL)
		return -1;
	m.u.sell.order = o->number;
	m.u.sell.module = o->module->name;
	m.u.sell.quantity = o->quantity;
	m.u.sell.seller = o->peer->gossip.instance;
	if (broker_sell_settled(b, x, settled, &m.u.sell.settled) == -1)
		return -1;
	if (!c->sent) {
		m.u.sell.attrs = o->attrs;
		m.u.sell.capacity = o->capacity;
		if (broker_sell_contact(b, o, &m.u.sell.contact) == -1)
			return -1;
	}
	if (outbox_send(&b->out, x->peer->gossip.handle, &m) == -1)
		return -1;
	c->sent = 1;
	return 0;
}

/* Buys. */

/* Does the exchange know all that there is to say? */
static int
broker_buy_is_told(const struct broker_copy *c, const struct broker_order *o,
    uint32_t lacking)
{
	return !c->stale && c->missing == lacking &&
	    c->settled == c->filled && c->held == broker_order_holds(o);
}

/*
 * Send it if that says anything new. To an exchange all that it filled is
 * settled: the order no longer lacks what was passed on, and the rest was
 * released.
 */
static int
broker_buy_send(struct broker *b, int64_t now, struct broker_order *o,
    struct broker_exchange *x)
{
	struct broker_copy *c = broker_copy_at(o, x->slot);
	uint32_t lacking = broker_order_lacking(o);
	uint32_t held = broker_order_holds(o);
	struct msg m = { .type = MSG_BUY };

	if (c == NULL)
		return -1;
	if (c->sent ? broker_buy_is_told(c, o, lacking) :
	    lacking == 0 && held == 0)
		return 0;
	m.u.buy.order = o->number;
	m.u.buy.module = o->module->name;
	m.u.buy.missing = lacking;
	m.u.buy.settled = c->filled;
	m.u.buy.held = held;
	m.u.buy.age_ms = (uint64_t)(now > o->since ? now - o->since : 0);
	if (m.u.buy.age_ms > UINT32_MAX)
		m.u.buy.age_ms = UINT32_MAX;
	m.u.buy.constraints = o->attrs;
	if (outbox_send(&b->out, x->peer->gossip.handle, &m) == -1)
		return -1;
	c->sent = 1;
	c->stale = 0;
	c->missing = lacking;
	c->held = held;
	c->settled = c->filled;
	return 0;
}

/* Both. */

int
broker_order_place(struct broker *b, int64_t now, struct broker_order *o,
    struct broker_exchange *x, struct slice settled)
{
	if (!o->open)
		return 0;
	return o->sell ? broker_sell_send(b, o, x, settled) :
	    broker_buy_send(b, now, o, x);
}

static int
broker_order_place_everywhere(struct broker *b, int64_t now,
    struct broker_order *o, struct slice settled)
{
	struct broker_exchange *x;
	unsigned i;

	for (i = 0; i < o->module->nslots; i++) {
		x = broker_exchange_at(o->module, i);
		if (x != NULL &&
		    broker_order_place(b, now, o, x, settled) == -1)
			return -1;
	}
	return 0;
}

/* Close it; its owner stays, and may keep what it gets from now on. */
static int
broker_order_rest(struct broker *b, struct broker_order *o)
{
	int asked = 0, r;
	size_t i;

	for (i = 0; i < o->ncopies; i++)
		asked |= o->copies[i].buyers > 0;
	r = broker_order_close(b, o);
	return asked && r == 0 ? broker_tell_waiting(b, o) : r;
}

/*
 * What a buy lacks or holds has changed: tell the exchanges, cancel it, or open
 * it. A buy that lacks nothing stands until it holds nothing, since exchanges
 * divide capacity among all buys that hold some; and until all that it was
 * passed is settled, since an exchange must still know the buy when a seller is
 * released, so as not to offer that seller again at once.
 */
static int
broker_order_update(struct broker *b, int64_t now, struct broker_order *o)
{
	if (broker_order_lacking(o) == 0 && broker_order_holds(o) == 0)
		return broker_order_rest(b, o);
	if (broker_order_open(b, o) == -1)
		return -1;
	return broker_order_place_everywhere(b, now, o, slice_str(""));
}

/* A repeated sell leaves empty what has not changed. */
static int
broker_sell_keep(struct broker *b, struct broker_order *o,
    const struct msg_sell *s)
{
	struct slice old = o->contact;
	struct slice contact = s->contact.len > 0 ? s->contact : old;
	struct slice attrs = s->attrs.len > 0 ? s->attrs : o->attrs;
	uint64_t capacity = s->capacity > 0 ? s->capacity : o->capacity;
	int moved = !slice_equal(contact, old);
	unsigned i;

	if (!moved && slice_equal(attrs, o->attrs) && capacity == o->capacity)
		return 0;
	o->capacity = (uint32_t)capacity;
	if (moved)
		broker_contact_local(b, old, 0);
	if (broker_order_keep(o, attrs, contact) == -1)
		return -1;
	if (moved)
		broker_contact_local(b, o->contact, 1);
	for (i = 0; i < o->ncopies; i++)
		o->copies[i].sent = 0;
	return 0;
}

int
broker_on_sell(struct broker *b, int64_t now, struct broker_peer *owner,
    const struct msg *m)
{
	const struct msg_sell *s = &m->u.sell;
	struct broker_order *o;

	/* A refresh of an order that was refused earlier: its attributes
	 * and contact are gone. */
	if (s->contact.len == 0 &&
	    broker_order_find(b, owner, s->order) == NULL)
		return outbox_send_refuse(&b->out, owner->gossip.handle,
		    s->order, "the sell names no contact, and none is known "
		    "of it", 0);
	o = broker_order_get(b, now, owner, s->order, s->module, 1);
	if (o == NULL)
		return broker_order_failed(b, owner, s->order);
	o->quantity = (uint32_t)s->quantity;
	if (broker_sell_keep(b, o, s) == -1 || broker_order_open(b, o) == -1)
		return -1;
	return broker_order_place_everywhere(b, now, o, s->settled);
}

void
broker_sell_again(struct broker *b, int64_t now)
{
	const struct broker_module *m = NULL;
	struct broker_order *o = NULL;
	unsigned i;

	while ((m = broker_module_next(b, m)) != NULL)
		while ((o = broker_order_next(m, o)) != NULL) {
			if (!o->sell)
				continue;
			broker_contact_learn(b, o->contact);
			for (i = 0; i < o->ncopies; i++)
				o->copies[i].sent = 0;
			broker_order_place_everywhere(b, now, o, slice_str(""));
		}
}

static int
broker_buy_keep(struct broker_order *o, struct slice constraints)
{
	unsigned i;

	if (slice_equal(constraints, o->attrs))
		return 0;
	for (i = 0; i < o->ncopies; i++)
		o->copies[i].stale = 1;
	return broker_order_keep(o, constraints, slice_of(NULL, 0));
}

int
broker_on_buy(struct broker *b, int64_t now, struct broker_peer *owner,
    const struct msg *msg)
{
	const struct msg_buy *m = &msg->u.buy;
	struct broker_order *o;

	o = broker_order_get(b, now, owner, m->order, m->module, 0);
	if (o == NULL)
		return broker_order_failed(b, owner, m->order);
	if (broker_buy_keep(o, m->constraints) == -1)
		return -1;
	o->quantity = (uint32_t)m->missing;
	o->held = (uint32_t)m->held;
	o->settled = m->settled;
	o->since = now - (int64_t)m->age_ms;
	if (broker_pending_settle(b, o) == -1 ||
	    broker_order_update(b, now, o) == -1)
		return -1;
	if (broker_order_lacking(o) > 0 && o->module->linked == 0 &&
	    o->module->noted)
		return broker_tell_bare(b, o);
	return 0;
}
