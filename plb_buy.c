#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "plb_state.h"

uint64_t
plb_held(const struct plb *p)
{
	return p->hold.tokens + p->hold.in_flight;
}

uint64_t
plb_short(const struct plb *p)
{
	uint64_t have = plb_held(p), want = p->wanted + p->extra;

	return want > have ? want - have : 0;
}

/* What the broker is told is missing. It knows of the connects that it filled
 * itself; those of a link that is gone it does not, so they come off. */
static uint64_t
missing(const struct plb *p)
{
	uint64_t lacks = plb_short(p);

	return lacks > p->before ? lacks - p->before : 0;
}

/* What was filled, and what became of it. */

void
plb_settle(struct plb *p, const struct ask *ask)
{
	if (ask->order == p->order)
		p->settled += ask->quantity;
	else
		p->before -= ask->quantity;
}

/* A broker whose link is lost has released what it passed on it. */
static void
send_release(struct plb *p, const struct ask *ask)
{
	unsigned char list[128];
	struct tlv_writer w;
	struct reservation res;
	struct msg m;

	if (ask->counter == 0 || p->broker == 0 ||
	    ask->order < p->first_order)
		return;
	memset(&res, 0, sizeof(res));
	res.exchange = ask->exchange;
	res.counter = ask->counter;
	tlv_writer_init(&w, list, sizeof(list));
	item_put(&schema_reservation, &w, &res);
	memset(&m, 0, sizeof(m));
	m.type = MSG_RELEASE;
	m.u.release.order = ask->order;
	m.u.release.reservations =
	    slice_of(list, sizeof(list) - (size_t)(w.end - w.p));
	outbox_send(&p->out, p->broker, &m);
}

void
plb_release(struct plb *p, const struct ask *ask)
{
	plb_settle(p, ask);
	send_release(p, ask);
}

/* Fills. */

static int
dial_seller(struct plb *p, const struct seller *s, struct hold_channel **out)
{
	struct hold_channel *c;
	struct contact contact;
	size_t number;

	if (group_decode(&schema_contact, s->contact, &contact) == -1)
		return -1;
	c = hold_add(&p->hold, s->attrs, PLB_CHANNELS_MAX, &number);
	if (c == NULL)
		return -1;
	c->seller = s->seller;
	c->empty = NEVER;
	memcpy(c->address, contact.address.p, contact.address.len);
	c->address[contact.address.len] = '\0';
	do
		c->tag = ++p->last_tag;
	while (c->tag == 0 || c->tag == PLB_FIXED_TAG);
	if (outbox_act(&p->out, ACT_DIAL, c->tag, DIAL_ONCE,
	    slice_str(c->address)) == -1) {
		hold_del(&p->hold, number);
		return -1;
	}
	*out = c;
	return 0;
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
	struct plb_avoided *u = &p->avoided[p->next_avoided];

	p->next_avoided = (p->next_avoided + 1) % PLB_AVOIDED;
	u->seller = *seller;
	u->until = now + PLB_AVOID_MS;
	u->answers = answers;
}

/*
 * What is given back of a seller is not offered again before that has something
 * new to say. One that was always late to be had may be silent now, as it has
 * sold nothing since: the order starts over, once a second at most, and is
 * offered it. Who does not answer has 5 seconds of us each time, which others
 * may make better use of.
 */
static int
is_avoided(struct plb *p, int64_t now, const struct id *seller)
{
	const struct plb_avoided *u = p->avoided;
	unsigned i;

	for (i = 0; i < PLB_AVOIDED; i++) {
		if (u[i].until <= now || !id_equal(&u[i].seller, seller))
			continue;
		if (u[i].answers && p->again == NEVER)
			p->again = now + PLB_AVOID_MS;
		return 1;
	}
	return 0;
}

/* One seller of a fill: connect to it, or give its reservation back. */
static void
take_seller(struct plb *p, struct ask *ask, const struct seller *s)
{
	struct hold_channel *c = hold_seller(&p->hold, &s->seller);

	if (plb_short(p) <= p->hold.asked || /* we want less by now */
	    is_avoided(p, ask->at, &s->seller) ||
	    (c == NULL && dial_seller(p, s, &c) == -1) ||
	    hold_ask(&p->hold, c, ask) == -1) {
		plb_release(p, ask);
		return;
	}
	if (c->state == HOLD_UP)
		plb_connect(p, c, ask);
}

int
plb_on_fill(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	struct slice list = m->u.fill.sellers;
	struct seller s;
	struct ask ask;

	if (peer != p->broker || m->u.fill.order > p->order)
		return fail(EPROTO);
	memset(&ask, 0, sizeof(ask));
	ask.order = m->u.fill.order;
	ask.exchange = m->u.fill.exchange;
	ask.at = now;
	while (item_next(&schema_seller, &list, &s) == 1) {
		ask.quantity = s.quantity;
		ask.counter = s.counter;
		if (ask.order == p->order)
			take_seller(p, &ask, &s);
		else
			send_release(p, &ask); /* it crossed our cancel */
	}
	return 0;
}

/* What else the broker says. */

static void
trouble_keep(struct plb *p, const struct msg_offers *offers)
{
	const struct schema *s = &msg_row(MSG_OFFERS)->schema;
	size_t len = group_size(s, offers);
	struct tlv_writer w;

	plb_trouble_over(p);
	if (plb_held(p) > 0 || (p->trouble.offers = malloc(len)) == NULL)
		return;
	p->trouble.len = len;
	tlv_writer_init(&w, p->trouble.offers, len);
	group_encode(s, offers, &w);
}

void
plb_trouble_over(struct plb *p)
{
	free(p->trouble.offers);
	p->trouble.offers = NULL;
}

int
plb_trouble_tell(struct plb *p, const struct plb_client *c)
{
	struct msg m;

	if (p->trouble.offers == NULL || c->role != ROLE_CALLER ||
	    msg_decode(&m, MSG_OFFERS,
		slice_of(p->trouble.offers, p->trouble.len)) != 1)
		return 0;
	return outbox_send(&p->out, c->peer, &m);
}

/* Has the client sent something that has no token yet? */
static int
waits(const struct plb *p, const struct plb_client *c)
{
	const struct request *r = NULL;

	if (p->queue.n > 0)
		r = request_first(&p->requests, &c->own);
	while (r != NULL && r->channel != 0)
		r = request_next(&p->requests, REQUEST_OWNER, r);
	return r != NULL;
}

int
plb_trouble(struct plb *p, const struct msg_offers *offers)
{
	const struct plb_client *c;
	struct msg m;

	m.type = MSG_OFFERS;
	m.u.offers = *offers;
	m.u.offers.order = 0;
	for (c = p->client + 1; c < p->client + p->nclients; c++)
		if (c->role == ROLE_CALLER && waits(p, c) &&
		    outbox_send(&p->out, c->peer, &m) == -1)
			return -1;
	trouble_keep(p, &m.u.offers);
	return outbox_send(&p->out, 0, &m);
}

void
plb_blame(struct plb *p, const char *why)
{
	struct msg_offers offers;

	if (plb_held(p) > 0)
		outbox_log_once(&p->out, &p->blamed, LOG_INFO, "%s", why);
	memset(&offers, 0, sizeof(offers));
	offers.reason = slice_str(why);
	plb_trouble(p, &offers);
}

int
plb_on_offers(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	(void)now;
	if (peer != p->broker && hold_peer(&p->hold, peer) == NULL)
		return fail(EPROTO);
	return plb_trouble(p, &m->u.offers);
}

int
plb_order_refused(struct plb *p, const struct msg *m)
{
	struct msg refuse = *m;

	outbox_log_once(&p->out, &p->refused, LOG_ERROR,
	    "the order was refused: %.*s", SLICE_ARG(m->u.refuse.reason));
	refuse.u.refuse.order = 0;
	return outbox_send(&p->out, 0, &refuse);
}

/* Buys. */

static int
send_buy(struct plb *p, int64_t now, uint64_t lacks)
{
	uint64_t have = plb_held(p);
	uint64_t age = lacks == 0 ? 0 : (uint64_t)(now - p->lacking);
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_BUY;
	m.u.buy.order = p->order;
	m.u.buy.module = plb_module(p);
	m.u.buy.missing = lacks;
	m.u.buy.settled = p->settled;
	m.u.buy.held = have > UINT32_MAX ? UINT32_MAX : have;
	m.u.buy.age_ms = age > UINT32_MAX ? UINT32_MAX : age;
	m.u.buy.constraints = slice_of(p->constraints, p->constraints_len);
	p->ordered = 1;
	p->told_missing = lacks;
	p->told_settled = p->settled;
	p->bought = now;
	return outbox_send(&p->out, p->broker, &m);
}

void
plb_buy(struct plb *p, int64_t now)
{
	uint64_t lacks;

	if (now >= p->again)
		plb_order_anew(p);
	lacks = missing(p);
	if (lacks == 0)
		p->lacking = NEVER;
	else if (p->lacking == NEVER)
		p->lacking = now;
	if (p->broker == 0 || (lacks == 0 && p->told_missing == 0 &&
	    p->settled == p->told_settled))
		return;
	if (lacks != p->told_missing || p->settled != p->told_settled ||
	    now - p->bought >= PLB_REFRESH_MS)
		send_buy(p, now, lacks);
}

void
plb_broker_up(struct plb *p, uint32_t peer)
{
	p->broker = peer;
	p->ordered = 0;
	memset(&p->refused, 0, sizeof(p->refused));
	plb_order_anew(p);
	p->first_order = p->order;
}

void
plb_order_anew(struct plb *p)
{
	struct msg m;

	if (p->broker != 0 && p->ordered) {
		memset(&m, 0, sizeof(m));
		m.type = MSG_CANCEL;
		m.u.cancel.order = p->order;
		outbox_send(&p->out, p->broker, &m);
	}
	p->order++;
	p->ordered = 0;
	p->again = NEVER;
	p->before = p->hold.asked;
	p->settled = 0;
	p->told_missing = p->told_settled = 0;
}

int64_t
plb_buy_deadline(const struct plb *p)
{
	int64_t due;

	if (p->fixed || p->broker == 0 || p->told_missing == 0)
		return NEVER;
	due = p->bought + PLB_REFRESH_MS;
	return p->again < due ? p->again : due;
}
