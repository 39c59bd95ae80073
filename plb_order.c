#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "fail.h"
#include "plb_state.h"

/* What was filled, and what became of it. */

void
plb_settle(struct plb *p, const struct upstream_connect *connect)
{
	if (connect->order == p->order.id)
		p->order.settled += connect->quantity;
	else
		p->order.before -= connect->quantity;
}

/* A broker whose link is lost has released what it passed on it. */
static void
plb_send_release(struct plb *p, const struct upstream_connect *connect)
{
	unsigned char list[128];
	struct reservation res = { .exchange = connect->exchange,
		.counter = connect->counter };
	struct msg m = { .type = MSG_RELEASE,
		.u.release.order = connect->order };

	if (connect->counter == 0 || p->broker == 0 ||
	    connect->order < p->order.first)
		return;
	m.u.release.reservations = item_list(&schema_reservation, &res, list,
	    sizeof(list));
	outbox_send(&p->out, p->broker, &m);
}

void
plb_release(struct plb *p, const struct upstream_connect *connect)
{
	plb_settle(p, connect);
	plb_send_release(p, connect);
}

/* Fills. */

static struct upstream *
plb_dial_seller(struct plb *p, const struct seller *s)
{
	struct contact contact;
	struct upstream *u;

	if (group_decode(&schema_contact, s->contact, &contact) == -1)
		return NULL;
	if ((u = upstream_add(p, s->attrs, contact.address)) == NULL)
		return NULL;
	u->seller = s->seller;
	do
		u->tag = ++p->last_tag;
	while (u->tag == 0 || u->tag == PLB_FIXED_TAG);
	if (outbox_act(&p->out, ACT_DIAL, u->tag, DIAL_ONCE,
	    slice_str(u->address)) == 0)
		return u;
	upstream_del(p, u);
	return NULL;
}

/*
 * A seller that cannot be reached may be offered again each time that it sells,
 * which is as often as its other buyers have work. It is dialled seldom. One
 * that refuses sells again at once; where it says that it has capacity, and
 * grants none, that would never end.
 */
void
plb_avoid(struct plb *p, int64_t now, const struct id *seller, int answers)
{
	struct plb_avoided *a = p->next_avoided < p->avoided_cap ? NULL :
	    array_grow(p->avoided, &p->avoided_cap, p->next_avoided + 1,
	    PLB_AVOIDED, sizeof(*a));

	if (a != NULL)
		p->avoided = a;
	if (p->next_avoided >= p->avoided_cap)
		p->next_avoided = 0;
	if (p->avoided_cap == 0) /* no memory */
		return;
	a = &p->avoided[p->next_avoided++];
	a->seller = *seller;
	a->until = now + PLB_AVOID_MS;
	a->answers = answers;
}

/*
 * After we release a seller's reservation, the exchange does not offer it to
 * this order again before its next sell, which may take seconds. So the order
 * starts over, once a second at most.
 */
static void
plb_start_over(struct plb *p, int64_t now)
{
	if (p->order.restart_at == NEVER)
		p->order.restart_at = now + PLB_AVOID_MS;
}

/* A seller that refused, as others were faster each time, is tried again soon.
 * One that does not answer is not, as each try costs PLB_CONNECT_MS. */
static int
plb_is_avoided(struct plb *p, int64_t now, const struct id *seller)
{
	const struct plb_avoided *a = p->avoided;
	size_t i;

	for (i = 0; i < p->avoided_cap; i++) {
		if (a[i].until <= now || !id_equal(&a[i].seller, seller))
			continue;
		if (a[i].answers)
			plb_start_over(p, now);
		return 1;
	}
	return 0;
}

/*
 * It was asked to give tokens back, and is offered some instead: there is
 * nobody else who could use these, or the exchange does not know who. It gives
 * none back for a while, or the same one would come and go without end. But it
 * goes on when these replace what it has just given, and nobody waits for
 * tokens of their seller: so each comes once.
 */
static void
plb_take_while_asked(struct plb *p, int64_t now, const struct id *seller)
{
	const struct upstream *u = upstream_of_seller(p, seller);
	int waiting = u != NULL && u->waiting;

	if (p->keep == KEEP_ALL ||
	    (!waiting && now - p->shared_at < PLB_IDLE_MS))
		return;
	p->keep_at = now + PLB_IDLE_MS;
}

/* One seller of a fill: connect to it, or give its reservation back. */
static void
plb_take_seller(struct plb *p, const struct upstream_connect *connect,
    const struct seller *s)
{
	struct upstream *u = upstream_of_seller(p, &s->seller);

	if (plb_short(p) <= p->connecting || /* less is wanted by now */
	    plb_is_avoided(p, connect->at, &s->seller)) {
		plb_release(p, connect);
	} else if ((u == NULL && (u = plb_dial_seller(p, s)) == NULL) ||
	    upstream_connect(p, u, connect) == -1) {
		plb_release(p, connect);
		plb_start_over(p, connect->at);
	}
}

int
plb_on_fill(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	struct slice list = m->u.fill.sellers;
	struct upstream_connect connect = { .order = m->u.fill.order,
		.exchange = m->u.fill.exchange, .at = now };
	struct seller s;

	if (peer != p->broker || m->u.fill.order > p->order.id)
		return fail(EPROTO);
	while (item_next(&schema_seller, &list, &s) == 1) {
		connect.quantity = s.quantity;
		connect.counter = s.counter;
		if (connect.order == p->order.id) {
			plb_take_while_asked(p, now, &s.seller);
			plb_take_seller(p, &connect, &s);
		} else { /* it crossed our cancel */
			plb_send_release(p, &connect);
		}
	}
	return 0;
}

int
plb_order_refused(struct plb *p, const struct msg *m)
{
	struct msg refuse = *m;

	outbox_log_once(&p->out, &p->order.refused, LOG_ERROR,
	    "the order was refused: %.*s", SLICE_ARG(m->u.refuse.reason));
	refuse.u.refuse.order = 0;
	return outbox_send(&p->out, 0, &refuse);
}

/* Buys. */

static void
plb_send_buy(struct plb *p, int64_t now, uint64_t lacks)
{
	struct plb_order *o = &p->order;
	uint64_t held = plb_held(p);
	uint64_t age = lacks == 0 ? 0 : (uint64_t)(now - o->short_since);
	struct msg m = { .type = MSG_BUY };

	m.u.buy.order = o->id;
	m.u.buy.module = slice_str(p->module);
	m.u.buy.missing = lacks;
	m.u.buy.settled = o->settled;
	m.u.buy.held = held > UINT32_MAX ? UINT32_MAX : held;
	m.u.buy.age_ms = age > UINT32_MAX ? UINT32_MAX : age;
	m.u.buy.constraints = buf_slice(&p->constraints);
	o->sent = 1;
	o->told_missing = lacks;
	o->told_settled = o->settled;
	o->told_held = held;
	o->told_at = now;
	outbox_send(&p->out, p->broker, &m);
}

void
plb_order_tick(struct plb *p, int64_t now)
{
	struct plb_order *o = &p->order;
	uint64_t lacks;
	int news;

	if (!plb_buys(p))
		return;
	if (now >= o->restart_at)
		plb_order_anew(p);
	/* The broker knows of the connects that this order was filled with; of
	 * those before it does not, so they come off. */
	lacks = plb_short(p);
	lacks -= lacks < o->before ? lacks : o->before;
	if (lacks == 0)
		o->short_since = NEVER;
	else if (o->short_since == NEVER)
		o->short_since = now;
	if (p->broker == 0)
		return;
	news = lacks != o->told_missing || o->settled != o->told_settled ||
	    plb_held(p) != o->told_held;
	if (news || (lacks > 0 && now - o->told_at >= PLB_REFRESH_MS))
		plb_send_buy(p, now, lacks);
}

void
plb_order_up(struct plb *p, uint32_t peer)
{
	p->broker = peer;
	p->order.sent = 0;
	memset(&p->order.refused, 0, sizeof(p->order.refused));
	plb_order_anew(p);
	p->order.first = p->order.id;
}

void
plb_order_anew(struct plb *p)
{
	struct plb_order *o = &p->order;
	struct msg m = { .type = MSG_CANCEL, .u.cancel.order = o->id };

	if (p->broker != 0 && o->sent)
		outbox_send(&p->out, p->broker, &m);
	o->id++;
	o->sent = 0;
	o->restart_at = NEVER;
	o->before = p->connecting;
	p->keep = KEEP_ALL;
	o->settled = 0;
	o->told_missing = o->told_settled = o->told_held = 0;
}

int64_t
plb_order_deadline(const struct plb *p)
{
	const struct plb_order *o = &p->order;
	int64_t due;

	if (!plb_buys(p) || p->broker == 0 || o->told_missing == 0)
		return NEVER;
	due = o->told_at + PLB_REFRESH_MS;
	return o->restart_at < due ? o->restart_at : due;
}
