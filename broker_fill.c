#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "broker_state.h"

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
 * Release one. With ORDER_NONE the exchange may offer the order the seller
 * again; with the order's number not before the seller's next sell.
 */
static int
broker_give_back(struct broker *b, uint64_t number, const struct reservation *r)
{
	struct broker_exchange *x = broker_exchange_linked(b, &r->exchange);
	unsigned char list[RESERVATION_MAX];
	struct tlv_writer w;

	if (x == NULL)
		return 0;
	tlv_writer_init(&w, list, sizeof(list));
	item_put(&schema_reservation, &w, r);
	return broker_send_release(b, x, number,
	    slice_of(list, sizeof(list) - (size_t)(w.end - w.p)));
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

	for (p = o->pending; p < o->pending + o->npending; p++)
		if (!p->withheld && p->until > now &&
		    id_equal(&p->seller, seller) &&
		    !id_equal(&p->reservation.exchange, exchange))
			return 1;
	return 0;
}

/* Is some of the seller's withheld already, through the same exchange? */
static int
pending_is_withheld(const struct broker_order *o, const struct id *seller,
    const struct id *exchange)
{
	const struct broker_pending *p;

	for (p = o->pending; p < o->pending + o->npending; p++)
		if (p->withheld && id_equal(&p->seller, seller) &&
		    id_equal(&p->reservation.exchange, exchange))
			return 1;
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

int
broker_pending_settle(struct broker *b, struct broker_order *o)
{
	if (pending_give_back(b, o, o->settled) == -1)
		return -1;
	if (o->settled >= o->passed)
		pending_clear(o);
	return 0;
}

/* The newest of what was left before stay with it. */
int
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

void
broker_pending_lost(struct broker *b, struct broker_order *o)
{
	unsigned i;

	for (i = 0; i < o->npending; i++)
		broker_give_back(b, o->number, &o->pending[i].reservation);
	pending_clear(o);
}

/* Most are settled, and mean nothing at the exchange by now. */
void
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
 * It was sold to this order through another exchange already: 1 when that is
 * noted, and it is withheld. An exchange that has more of it would offer that,
 * too, and so on, as we lack what we lacked: the second time it is released
 * with the order's number, so that there will be no third.
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
 * What comes for a number that is not open goes back whole. No order is named,
 * so that this one may be offered the seller again: what was taken instead may
 * yet be refused.
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

/* What else exchanges say of orders: handed on to their owners. */

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

/* An exchange keeps nothing of an order that it refused. The order stands there
 * no longer, so that it is sent again: there may be room for it later. */
int
broker_on_refuse(struct broker *b, int64_t now, struct broker_peer *from,
    const struct msg *m)
{
	struct broker_order *o = broker_order_numbered(b, m->u.refuse.order);
	struct msg on = *m;

	(void)now;
	if (o == NULL)
		return 0;
	broker_copy_clear(b, o, from->exchange->slot);
	on.u.refuse.order = o->id;
	return outbox_send(&b->out, o->peer->gossip.handle, &on);
}

/* Each exchange has all orders, so the most that one of them says is nearest
 * to the truth. */
int
broker_tell_waiting(struct broker *b, const struct broker_order *o)
{
	const struct broker_copy *c;
	struct msg m = { .type = MSG_WAITING, .u.waiting.order = o->id };

	for (c = o->copies; c < o->copies + o->ncopies; c++) {
		if (c->buyers > m.u.waiting.buyers)
			m.u.waiting.buyers = c->buyers;
		if (c->empty > m.u.waiting.empty)
			m.u.waiting.empty = c->empty;
	}
	return outbox_send(&b->out, o->peer->gossip.handle, &m);
}

int
broker_on_waiting(struct broker *b, int64_t now, struct broker_peer *from,
    const struct msg *m)
{
	struct broker_order *o = broker_order_numbered(b, m->u.waiting.order);
	unsigned slot = from->exchange->slot;

	(void)now;
	if (o == NULL || !o->sell || slot >= o->ncopies)
		return 0;
	o->copies[slot].buyers = (uint32_t)m->u.waiting.buyers;
	o->copies[slot].empty = (uint32_t)m->u.waiting.empty;
	return broker_tell_waiting(b, o);
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
