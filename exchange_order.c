#include <errno.h>
#include <string.h>

#include "exchange_state.h"
#include "fail.h"
#include "exchange_match.h"
#include "exchange_notice.h"

static int
is_ours(const struct exchange *x, struct slice module)
{
	return slice_equal(module, slice_of(x->module, x->module_len));
}

/* The order cannot be taken. Where the error is a limit its broker is told,
 * else fail with that error. */
static int
refuse(struct exchange *x, const struct peer *p, uint64_t id, int error)
{
	if (error != ENOBUFS)
		return fail(error);
	return notice_refuse(&x->market, p, id,
	    x->market.orders.n >= EXCHANGE_ORDERS_MAX ?
	    "too many orders of this module" :
	    "too many different attributes or constraints of this module");
}

/* Take from the message all but quantity and settled. On -1 with errno, *s is
 * the sell that stands, or NULL when there is none. */
static int
sell_accept(struct market *m, struct peer *p, const struct msg_sell *in,
    struct sell **s)
{
	if (*s == NULL) {
		*s = market_sell(m, p, in->order, in->attrs);
		if (*s == NULL)
			return -1;
	} else if (in->attrs.len > 0 && sell_reclass(m, *s, in->attrs) == -1) {
		return -1;
	}
	if (!id_is_zero(&in->seller))
		(*s)->seller = in->seller;
	return in->contact.len > 0 ? sell_contact(*s, in->contact) : 0;
}

static void
settle(struct market *m, const struct sell *s, struct slice list)
{
	struct reservation item;
	struct reserve *r;

	while (item_next(&schema_reservation, &list, &item) == 1) {
		if (!id_equal(&item.exchange, &m->own))
			continue;
		r = reserve_find(&m->reserves, item.counter);
		if (r == NULL || r->sell != s)
			continue;
		m->totals.settled += r->quantity;
		reserve_less(m, r, r->quantity);
	}
}

/* Any buy of the broker's, or NULL. */
static const struct order *
any_buy(const struct peer *p)
{
	const struct chain *c;
	const struct order *o;

	for (c = p->orders.next; c != &p->orders; c = c->next) {
		o = CHAIN_OWNER(c, const struct order, of_broker);
		if (!o->selling)
			return o;
	}
	return NULL;
}

/* The seller's Erlang node moved: every broker that buys learns it, by a fill
 * of nothing. */
static int
tell_contact(struct exchange *x, const struct sell *s)
{
	struct market *m = &x->market;
	struct tlv_writer w;
	const struct order *o;
	struct seller item;
	struct msg msg;
	size_t pos = 0;
	struct peer *p;

	memset(&item, 0, sizeof(item));
	item.seller = s->seller;
	item.contact = s->contact;
	tlv_writer_init(&w, m->scratch, MATCH_SCRATCH);
	item_put(&schema_seller, &w, &item);
	msg.type = MSG_FILL;
	msg.u.fill.exchange = m->own;
	msg.u.fill.sellers = slice_of(m->scratch, (size_t)(w.p - m->scratch));
	while ((p = map_next(&x->peers, &pos)) != NULL) {
		if ((o = any_buy(p)) == NULL)
			continue;
		msg.u.fill.order = o->id;
		if (outbox_send(m->out, p->handle, &msg) == -1)
			return -1;
	}
	return 0;
}

/* Is there an Erlang node behind it that is not where it was? */
static int
is_moved(const struct sell *s, struct slice contact)
{
	struct contact c;

	return contact.len > 0 && !slice_equal(s->contact, contact) &&
	    group_decode(&schema_contact, contact, &c) == 0 && c.node.len > 0;
}

int
exchange_sell(struct exchange *x, int64_t now, struct peer *p,
    const struct msg *msg)
{
	const struct msg_sell *in = &msg->u.sell;
	struct market *m = &x->market;
	struct sell *s = NULL;
	struct order *o;
	int error, moved;

	if (!is_ours(x, in->module))
		return notice_refuse(m, p, in->order, "not of this module");
	o = market_find(m, p, in->order);
	if (o != NULL && !o->selling)
		return fail(EPROTO);
	if (o == NULL && (in->contact.len == 0 || id_is_zero(&in->seller)))
		return notice_refuse(m, p, in->order,
		    "the sell names no contact or no seller, and none is known "
		    "of it");
	if (o != NULL)
		s = order_sell(o);
	moved = s != NULL && is_moved(s, in->contact);
	if (sell_accept(m, p, in, &s) == -1) {
		error = errno;
		if (s != NULL)
			sell_end(m, s);
		return refuse(x, p, in->order, error);
	}
	if (moved && tell_contact(x, s) == -1)
		return -1;
	settle(m, s, in->settled);
	sell_state(m, s, (uint32_t)in->quantity);
	sell_freshen(m, s);
	if (match_run(m, now) == -1)
		return -1;
	return notice_waiting(m, s);
}

/*
 * A waiting buy keeps its rank, unless its age is older than that: then it was
 * filled and went to the back of the line, but its fill was refused. That one,
 * and a buy that begins to wait, gets the rank that its age gives it.
 */
static void
place(struct market *m, struct buy *b, int lacked, int64_t born)
{
	if (b->lacking == 0 || (lacked && born >= b->queued.born))
		return;
	buy_dequeue(b);
	buy_rank(m, b, born);
}

static int
buy_accept(struct market *m, struct peer *p, const struct msg_buy *in,
    struct buy **b)
{
	if (*b != NULL)
		return buy_reclass(m, *b, in->constraints);
	*b = market_buy(m, p, in->order, in->constraints);
	return *b == NULL ? -1 : 0;
}

int
exchange_buy(struct exchange *x, int64_t now, struct peer *p,
    const struct msg *msg)
{
	const struct msg_buy *in = &msg->u.buy;
	struct market *m = &x->market;
	struct buy *b = NULL;
	struct order *o;
	int error, lacked;

	if (!is_ours(x, in->module))
		return notice_refuse(m, p, in->order, "not of this module");
	o = market_find(m, p, in->order);
	if (o != NULL && o->selling)
		return fail(EPROTO);
	if (o != NULL)
		b = order_buy(o);
	if (buy_accept(m, p, in, &b) == -1) {
		error = errno;
		if (b != NULL)
			buy_end(m, b);
		return refuse(x, p, in->order, error);
	}
	lacked = b->lacking > 0;
	b->missing = in->missing;
	b->settled = in->settled;
	b->held = in->held;
	buy_account(m, b);
	place(m, b, lacked, now - (int64_t)in->age_ms);
	if (match_buy(m, now, b) == -1)
		return -1;
	return b->lacking > 0 && !m->closed ?
	    notice_offers(m, b, o == NULL) : 0;
}

int
exchange_cancel(struct exchange *x, int64_t now, struct peer *p,
    const struct msg *msg)
{
	struct order *o;

	(void)now;
	o = market_find(&x->market, p, msg->u.cancel.order);
	if (o == NULL)
		return 0;
	if (o->selling)
		sell_end(&x->market, order_sell(o));
	else
		buy_end(&x->market, order_buy(o));
	return 0;
}

int
exchange_release(struct exchange *x, int64_t now, struct peer *p,
    const struct msg *msg)
{
	struct slice list = msg->u.release.reservations;
	struct market *m = &x->market;
	struct reservation item;
	struct reserve *r;
	struct order *o;

	o = market_find(m, p, msg->u.release.order);
	while (item_next(&schema_reservation, &list, &item) == 1) {
		if (!id_equal(&item.exchange, &m->own) &&
		    !id_is_zero(&item.exchange))
			continue;
		r = reserve_find(&m->reserves, item.counter);
		if (r == NULL || r->broker != p ||
		    (r->order != msg->u.release.order &&
		    msg->u.release.order != ORDER_NONE))
			continue;
		if (o != NULL && !o->selling)
			buy_exclude(m, order_buy(o), r->sell);
		if (item.quantity == 0 || item.quantity > r->quantity)
			item.quantity = r->quantity;
		m->totals.released += item.quantity;
		reserve_less(m, r, (uint32_t)item.quantity);
	}
	return match_run(m, now);
}
