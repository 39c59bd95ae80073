#include "exchange_notice.h"

int
notice_refuse(struct market *m, const struct peer *to, uint64_t order,
    const char *reason)
{
	return outbox_send_refuse(m->out, to->handle, order, reason, 0);
}

/* The attributes of all classes that have sells, as far as there is room. */
static struct slice
sets(struct market *m)
{
	const struct sell_class *c;
	struct tlv_writer w;
	unsigned i, n = 0;

	tlv_writer_init(&w, m->scratch, NOTICE_SETS_BYTES);
	for (i = 0; i < m->classes.sells.n && n < OFFERS_MAX; i++) {
		c = class_sell(&m->classes, i);
		if (c->class.n == 0 ||
		    tlv_size(c->class.key.len) > (size_t)(w.end - w.p))
			continue;
		list_put(&w, c->class.key);
		n++;
	}
	return slice_of(m->scratch, (size_t)(w.p - m->scratch));
}

static int
any_fits(const struct market *m, const struct buy_class *b)
{
	unsigned i;

	for (i = 0; i < m->classes.sells.n; i++)
		if (m->classes.sells.at[i]->n > 0 &&
		    class_set_has(&b->fits, i))
			return 1;
	return 0;
}

int
notice_offers(struct market *m, const struct buy *b, int new)
{
	struct msg msg;

	msg.type = MSG_OFFERS;
	msg.u.offers.order = b->order.id;
	msg.u.offers.sets = slice_of(NULL, 0);
	msg.u.offers.reason = slice_of(NULL, 0);
	if (!any_fits(m, b->class))
		msg.u.offers.sets = sets(m);
	else if (new || b->nexcludes > 0)
		return 0; /* what there is may be kept from it alone */
	else
		msg.u.offers.reason = slice_str("all capacity is taken");
	return outbox_send(m->out, b->order.broker->handle, &msg);
}

/* The buys that stand unmet and could use this class, and those of them that
 * hold nothing. An exchange that is closed speaks for nobody. */
static void
standing(const struct market *m, const struct sell_class *c, uint64_t *buyers,
    uint64_t *empty)
{
	const struct buy_class *b;
	unsigned i;

	*buyers = *empty = 0;
	if (m->closed)
		return;
	for (i = 0; i < m->classes.buys.n; i++) {
		b = class_buy(&m->classes, i);
		if (b->unmet > 0 && class_set_has(&b->fits, c->class.number)) {
			*buyers += b->unmet;
			*empty += b->empty;
		}
	}
}

static int
tell(struct market *m, struct sell *s, uint64_t buyers, uint64_t empty)
{
	struct msg msg;

	msg.type = MSG_WAITING;
	msg.u.waiting.order = s->order.id;
	msg.u.waiting.buyers = buyers;
	msg.u.waiting.empty = empty;
	msg.u.waiting.share = 0;
	if (outbox_send(m->out, s->order.broker->handle, &msg) == -1)
		return -1;
	s->told_buyers = buyers;
	s->told_empty = empty;
	return 0;
}

/* What a class is told changes: its round starts over. */
static void
stand(struct market *m, struct sell_class *c, unsigned need)
{
	if (c->standing == need)
		return;
	c->standing = need;
	c->told = 0;
	m->round = 1;
}

int
notice_waiting(struct market *m, struct sell *s)
{
	uint64_t buyers, empty;

	standing(m, s->class, &buyers, &empty);
	if (buyers == 0 && s->told_buyers == 0)
		return 0;
	stand(m, s->class, class_need(buyers, empty));
	return tell(m, s, buyers, empty);
}

/* Go on with the sells of one class; *budget of them may be told. 1 when there
 * are more, or -1. */
static int
class_round(struct market *m, struct sell_class *c, unsigned *budget)
{
	uint64_t buyers, empty;
	struct sell *s;

	standing(m, c, &buyers, &empty);
	stand(m, c, class_need(buyers, empty));
	for (; c->told < c->class.n && *budget > 0; c->told++) {
		s = c->sells[c->told];
		if (class_need(s->told_buyers, s->told_empty) == c->standing)
			continue;
		if (tell(m, s, buyers, empty) == -1)
			return -1;
		--*budget;
	}
	return c->told < c->class.n;
}

int
notice_due(const struct market *m)
{
	return m->round || m->turned > 0;
}

int
notice_round(struct market *m)
{
	unsigned i, budget = NOTICE_BATCH;
	struct buy_class *c;
	int r = 0, more = 0;

	for (i = 0; i < m->classes.buys.n; i++) {
		c = class_buy(&m->classes, i);
		c->stood = class_need(c->unmet, c->empty);
		c->turned = 0;
	}
	m->turned = 0;
	for (i = 0; r != -1 && i < m->classes.sells.n; i++) {
		r = class_round(m, class_sell(&m->classes, i), &budget);
		more |= r != 0;
	}
	m->round = more;
	return r == -1 ? -1 : 0;
}
