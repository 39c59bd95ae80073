#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker_state.h"

/* A reservation takes up to 40 bytes, a seller in a fill no less than 31. */
#define RESERVATION_MAX 40
#define BACK_RATIO	2

/* Pending: what an order was passed and has not settled. */

static void
pending_remove(struct order *o, unsigned i)
{
	o->npending--;
	memmove(&o->pending[i], &o->pending[i + 1],
	    (o->npending - i) * sizeof(o->pending[0]));
}

static int
pending_elsewhere(struct order *o, int64_t now, const struct id *seller,
    const struct id *exchange)
{
	const struct pending *p;
	unsigned i;

	for (i = 0; i < o->npending; i++) {
		p = &o->pending[i];
		if (!p->held && p->until > now &&
		    id_equal(&p->seller, seller) &&
		    !id_equal(&p->exchange, exchange))
			return 1;
	}
	return 0;
}

/* Releases. */

static int
send_release(struct broker *b, const struct place *p, uint64_t number,
    struct slice reservations)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_RELEASE;
	m.u.release.order = number;
	m.u.release.reservations = reservations;
	return outbox_send(&b->out, p->peer->handle, &m);
}

static int
release_one(struct broker *b, uint64_t number, const struct reservation *r)
{
	struct place *p = broker_place_linked(b, &r->exchange);
	unsigned char list[RESERVATION_MAX];
	struct tlv_writer w;

	if (p == NULL)
		return 0;
	tlv_writer_init(&w, list, sizeof(list));
	item_put(&schema_reservation, &w, r);
	return send_release(b, p, number,
	    slice_of(list, sizeof(list) - (size_t)(w.end - w.p)));
}

static void
pending_clear(struct order *o)
{
	free(o->pending);
	o->pending = NULL;
	o->npending = 0;
}

/*
 * Release one. With ORDER_NONE the exchange may offer this order the seller
 * again; with the order's number not before the seller's next sell.
 */
static int
give_back(struct broker *b, const struct pending *p, uint64_t number)
{
	struct reservation r;

	r.exchange = p->exchange;
	r.counter = p->counter;
	r.quantity = 0;
	return release_one(b, number, &r);
}

/* It is too old to matter, or there are too many. */
static void
pending_drop(struct broker *b, struct order *o, unsigned i)
{
	if (o->pending[i].held)
		give_back(b, &o->pending[i], ORDER_NONE);
	pending_remove(o, i);
}

int
broker_pending_settle(struct broker *b, struct order *o)
{
	unsigned i = 0;

	while (i < o->npending) {
		if (!o->pending[i].held || o->pending[i].mark > o->settled) {
			i++;
			continue;
		}
		if (give_back(b, &o->pending[i], ORDER_NONE) == -1)
			return -1;
		pending_remove(o, i);
	}
	if (o->settled >= o->passed)
		pending_clear(o);
	return 0;
}

/* The array grows by doubling; at BROKER_PENDING_MAX the oldest is dropped.
 * Returns NULL without memory: a second fill from the seller goes unnoticed
 * then. */
static struct pending *
pending_add(struct broker *b, struct order *o, int64_t now,
    const struct seller *s, const struct id *exchange)
{
	struct pending *grown, *p;
	unsigned n;

	while (o->npending > 0 && o->pending[0].until <= now)
		pending_drop(b, o, 0);
	n = o->npending;
	if (n == BROKER_PENDING_MAX)
		pending_drop(b, o, 0);
	else if ((n & (n - 1)) == 0) {
		grown = realloc(o->pending,
		    (n == 0 ? 1 : 2 * n) * sizeof(*grown));
		if (grown == NULL)
			return NULL;
		o->pending = grown;
	}
	p = &o->pending[o->npending++];
	p->seller = s->seller;
	p->exchange = *exchange;
	p->counter = s->counter;
	p->quantity = (uint32_t)s->quantity;
	p->held = 0;
	p->until = now + BROKER_PENDING_MS;
	return p;
}

int
broker_release_pending(struct broker *b, struct order *o)
{
	unsigned i;

	for (i = 0; i < o->npending; i++)
		if (give_back(b, &o->pending[i], o->number) == -1)
			return -1;
	pending_clear(o);
	return 0;
}

int
broker_release_held(struct broker *b, struct order *o)
{
	unsigned i;

	for (i = o->npending; i > 0; i--) {
		if (!o->pending[i - 1].held)
			continue;
		if (give_back(b, &o->pending[i - 1], ORDER_NONE) == -1)
			return -1;
		pending_remove(o, i - 1);
	}
	return 0;
}

/* The newest of what was left before stay with it. */
void
broker_leave_pending(struct order *o)
{
	struct peer *owner = o->peer;
	unsigned n = o->npending, keep = BROKER_PENDING_MAX - n;
	struct pending *left;

	if (n == 0)
		return;
	if (keep > owner->nleft)
		keep = owner->nleft;
	left = realloc(o->pending, (keep + n) * sizeof(*left));
	if (left == NULL) {
		left = o->pending;
		keep = 0;
	}
	if (keep > 0)
		memcpy(left + n, owner->left, keep * sizeof(*left));
	free(owner->left);
	owner->left = left;
	owner->nleft = n + keep;
	o->pending = NULL;
	o->npending = 0;
}

/* Most are settled, and mean nothing at the exchange any more. */
void
broker_release_left(struct broker *b, struct peer *owner)
{
	unsigned i;

	for (i = 0; i < owner->nleft; i++)
		give_back(b, &owner->left[i], ORDER_NONE);
	free(owner->left);
	owner->left = NULL;
	owner->nleft = 0;
}

static void
pending_released(struct order *o, const struct reservation *r)
{
	unsigned i;

	for (i = 0; i < o->npending; i++)
		if (o->pending[i].counter == r->counter &&
		    id_equal(&o->pending[i].exchange, &r->exchange)) {
			pending_remove(o, i);
			return;
		}
}

int
broker_release(struct broker *b, struct peer *owner,
    const struct msg_release *m)
{
	struct order *o = broker_order_of(b, owner, m->order);
	struct slice list = m->reservations;
	struct reservation r;

	while (item_next(&schema_reservation, &list, &r) == 1) {
		if (o != NULL)
			pending_released(o, &r);
		if (release_one(b, o == NULL || o->number == 0 ? ORDER_NONE :
		    o->number, &r) == -1)
			return -1;
	}
	return 0;
}

/* Fills. */

/* How much of what the seller was filled with the order takes. */
static uint32_t
take(const struct order *o, const struct seller *s)
{
	uint32_t lacking = o == NULL ? 0 : broker_order_lacking(o);

	return s->quantity < lacking ? (uint32_t)s->quantity : lacking;
}

/* Is some of the seller's held already, through the same exchange? */
static int
is_held(const struct order *o, const struct id *seller,
    const struct id *exchange)
{
	const struct pending *p;

	for (p = o->pending; p < o->pending + o->npending; p++)
		if (p->held && id_equal(&p->seller, seller) &&
		    id_equal(&p->exchange, exchange))
			return 1;
	return 0;
}

/*
 * It was sold to this order through another exchange already: 1 when that is
 * noted, and it is held. An exchange that has more of it would offer that, too,
 * and so on, as we lack what we lacked: the second time it is released with the
 * order's number, so that there will be no third.
 */
static int
hold(struct broker *b, int64_t now, struct order *o, const struct place *p,
    const struct seller *s)
{
	struct pending *noted, again;

	if (o == NULL ||
	    !pending_elsewhere(o, now, &s->seller, &p->instance))
		return 0;
	if (is_held(o, &s->seller, &p->instance)) {
		again.exchange = p->instance;
		again.counter = s->counter;
		return give_back(b, &again, o->number) == 0;
	}
	noted = pending_add(b, o, now, s, &p->instance);
	if (noted == NULL)
		return 0;
	noted->held = 1;
	noted->mark = o->passed;
	return 1;
}

/* One seller: what is taken goes to the list, the rest goes back. */
static void
divide(struct broker *b, int64_t now, struct order *o, const struct place *p,
    struct seller *s)
{
	struct reservation r;
	uint32_t taken;

	broker_contact_learn(b, s->contact);
	if (s->quantity == 0)
		return; /* it came for that alone */
	if (o != NULL)
		o->stands[p->slot].filled += s->quantity;
	if (hold(b, now, o, p, s))
		return;
	taken = take(o, s);
	r.exchange = p->instance;
	r.counter = s->counter;
	r.quantity = taken == 0 ? 0 : s->quantity - taken;
	if (taken < s->quantity)
		scratch_item(&b->back, &schema_reservation, &r);
	if (taken == 0)
		return;
	s->quantity = taken;
	o->passed += taken;
	pending_add(b, o, now, s, &p->instance);
	scratch_item(&b->list, &schema_seller, s);
}

static int
pass(struct broker *b, const struct order *o, const struct place *p)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_FILL;
	m.u.fill.order = o->key.id;
	m.u.fill.exchange = p->instance;
	m.u.fill.sellers = scratch_slice(&b->list);
	return outbox_send(&b->out, o->peer->handle, &m);
}

/*
 * What comes for a number that is not open any more goes back whole. No order
 * is named, so that this one may be offered the seller again: what was taken
 * instead may yet be refused.
 */
int
broker_fill(struct broker *b, int64_t now, struct place *p,
    const struct msg_fill *f)
{
	struct order *o = broker_order_numbered(b, f->order);
	struct slice list = f->sellers;
	struct seller s;

	if (o != NULL && (o->sell || p->slot >= o->nstands ||
	    !o->stands[p->slot].sent))
		o = NULL;
	if (scratch_begin(&b->list, list.len) == -1 ||
	    scratch_begin(&b->back, BACK_RATIO * list.len) == -1)
		return -1;
	while (item_next(&schema_seller, &list, &s) == 1)
		divide(b, now, o, p, &s);
	if (scratch_slice(&b->back).len > 0 && send_release(b, p, ORDER_NONE,
	    scratch_slice(&b->back)) == -1)
		return -1;
	if (o == NULL)
		return 0;
	if (scratch_slice(&b->list).len > 0) {
		/* Whoever got something goes to the back of the line. */
		o->since = now;
		if (pass(b, o, p) == -1)
			return -1;
	}
	return broker_order_update(b, now, o);
}

/* What else exchanges say of orders: handed on to their owners. */

int
broker_offers(struct broker *b, const struct msg_offers *offers)
{
	struct order *o = broker_order_numbered(b, offers->order);
	struct msg m;

	if (o == NULL || o->sell)
		return 0;
	m.type = MSG_OFFERS;
	m.u.offers = *offers;
	m.u.offers.order = o->key.id;
	return outbox_send(&b->out, o->peer->handle, &m);
}

/* An exchange keeps nothing of an order that it refused. The order stands there
 * no more, so that it is sent again: there may be room for it later. */
int
broker_refuse(struct broker *b, struct place *p,
    const struct msg_refuse *refuse)
{
	struct order *o = broker_order_numbered(b, refuse->order);
	struct msg m;

	if (o == NULL)
		return 0;
	broker_stand_clear(b, o, p->slot);
	m.type = MSG_REFUSE;
	m.u.refuse = *refuse;
	m.u.refuse.order = o->key.id;
	return outbox_send(&b->out, o->peer->handle, &m);
}

/* Each exchange has all orders, so the most that one of them says is nearest
 * to the truth. */
int
broker_tell_waiting(struct broker *b, const struct order *o)
{
	const struct stand *s;
	struct msg m;
	unsigned i;

	memset(&m, 0, sizeof(m));
	m.type = MSG_WAITING;
	m.u.waiting.order = o->key.id;
	for (i = 0; i < o->nstands; i++) {
		s = &o->stands[i];
		if (s->buyers > m.u.waiting.buyers)
			m.u.waiting.buyers = s->buyers;
		if (s->empty > m.u.waiting.empty)
			m.u.waiting.empty = s->empty;
	}
	return outbox_send(&b->out, o->peer->handle, &m);
}

int
broker_waiting(struct broker *b, struct place *p, const struct msg_waiting *w)
{
	struct order *o = broker_order_numbered(b, w->order);

	if (o == NULL || !o->sell || p->slot >= o->nstands)
		return 0;
	o->stands[p->slot].buyers = (uint32_t)w->buyers;
	o->stands[p->slot].empty = (uint32_t)w->empty;
	return broker_tell_waiting(b, o);
}

/* What the broker itself says to an owner. */

int
broker_note(struct broker *b, const struct order *o)
{
	const struct peer *a = gossip_next(&b->gossip.authorities, NULL);
	const struct module *mod = o->module;
	char text[REASON_MAX];
	struct msg m;

	if (a == NULL)
		snprintf(text, sizeof(text),
		    "no authority answers: is lambda-authority running, and "
		    "does the broker's input name it?");
	else if (mod->places == NULL)
		snprintf(text, sizeof(text),
		    "no exchange for %.*s yet: the authority %s was asked for "
		    "one and has announced none",
		    SLICE_ARG(broker_module_name(mod)),
		    a->address);
	else
		snprintf(text, sizeof(text),
		    "no exchange for %.*s yet: the one that was announced, "
		    "%s, does not answer", SLICE_ARG(broker_module_name(mod)),
		    mod->places->address);
	memset(&m, 0, sizeof(m));
	m.type = MSG_OFFERS;
	m.u.offers.order = o->key.id;
	m.u.offers.reason = slice_str(text);
	return outbox_send(&b->out, o->peer->handle, &m);
}

int
broker_say_refused(struct broker *b, const struct peer *owner, uint64_t id,
    const char *reason)
{
	return outbox_send_refuse(&b->out, owner->handle, id, reason, 0);
}
