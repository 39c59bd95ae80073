#include <string.h>

#include "broker_state.h"

uint32_t
broker_order_lacking(const struct order *o)
{
	uint64_t coming = o->passed > o->settled ? o->passed - o->settled : 0;

	return coming < o->quantity ? o->quantity - (uint32_t)coming : 0;
}

/* Does the exchange know all that there is to say? */
static int
is_told(const struct stand *s, const struct order *o, uint32_t lacking)
{
	return !s->stale && s->missing == lacking &&
	    s->settled == s->filled && (lacking == 0 || s->held == o->held);
}

/*
 * All that an exchange filled is settled as far as it is concerned: what was
 * passed on is not lacking any more, and the rest was released.
 */
int
broker_send_buy(struct broker *b, int64_t now, struct order *o, struct place *p)
{
	struct stand *s = broker_stand_at(o, p->slot);
	uint32_t lacking = broker_order_lacking(o);
	struct msg m;

	if (s == NULL)
		return -1;
	if (s->sent ? is_told(s, o, lacking) : lacking == 0)
		return 0;
	memset(&m, 0, sizeof(m));
	m.type = MSG_BUY;
	m.u.buy.order = o->number;
	m.u.buy.module = broker_module_name(o->module);
	m.u.buy.missing = lacking;
	m.u.buy.settled = s->filled;
	m.u.buy.held = o->held;
	m.u.buy.age_ms = (uint64_t)(now > o->since ? now - o->since : 0);
	if (m.u.buy.age_ms > UINT32_MAX)
		m.u.buy.age_ms = UINT32_MAX;
	m.u.buy.constraints = broker_order_attrs(o);
	if (outbox_send(&b->out, p->peer->handle, &m) == -1)
		return -1;
	s->sent = 1;
	s->stale = 0;
	s->missing = lacking;
	s->held = o->held;
	s->settled = s->filled;
	return 0;
}

/*
 * One that lacks nothing stays where it stands until all that it was passed is
 * settled: an exchange is to know it still when a seller is released, so as not
 * to offer it that seller again at once.
 */
int
broker_order_update(struct broker *b, int64_t now, struct order *o)
{
	struct place *p;
	unsigned i;

	if (broker_order_lacking(o) == 0 && o->settled >= o->passed)
		return broker_order_close(b, o);
	if (broker_order_open(b, o) == -1)
		return -1;
	for (i = 0; i < o->module->nslots; i++) {
		p = broker_place_at(o->module, i);
		if (p != NULL && broker_send_buy(b, now, o, p) == -1)
			return -1;
	}
	return 0;
}

static int
buy_keep(struct order *o, struct slice constraints)
{
	unsigned i;

	if (slice_equal(constraints, broker_order_attrs(o)))
		return 0;
	for (i = 0; i < o->nstands; i++)
		o->stands[i].stale = 1;
	return broker_order_keep(o, constraints, slice_of(NULL, 0));
}

int
broker_buy(struct broker *b, int64_t now, struct peer *owner,
    const struct msg_buy *m)
{
	struct order *o;

	if (broker_order_get(b, now, owner, m->order, m->module, 0, &o) == -1)
		return -1;
	if (o == NULL)
		return 0;
	if (buy_keep(o, m->constraints) == -1)
		return -1;
	o->quantity = (uint32_t)m->missing;
	o->held = (uint32_t)m->held;
	o->settled = m->settled;
	o->since = now - (int64_t)m->age_ms;
	if (broker_pending_settle(b, o) == -1)
		return -1;
	if (broker_order_update(b, now, o) == -1)
		return -1;
	if (o->open && o->module->linked == 0 && o->module->noted)
		return broker_note(b, o);
	return 0;
}
