#include <string.h>

#include "broker_state.h"
#include "hostport.h"

/* Of the settled reservations, those that this exchange made. */
static int
settled_at(struct broker *b, const struct place *p, struct slice settled,
    struct slice *out)
{
	struct reservation r;

	*out = slice_of(NULL, 0);
	if (settled.len == 0)
		return 0;
	if (scratch_begin(&b->back, settled.len) == -1)
		return -1;
	while (item_next(&schema_reservation, &settled, &r) == 1)
		if (id_equal(&r.exchange, &p->instance))
			scratch_item(&b->back, &schema_reservation, &r);
	*out = scratch_slice(&b->back);
	return 0;
}

/* The contact, with our own host where it names none. */
static int
contact_filled(struct broker *b, const struct order *o, struct slice *out)
{
	char address[ADDRESS_MAX + 1], dist[ADDRESS_MAX + 1];
	struct contact c;
	struct slice host = broker_host(b);
	struct tlv_writer *w = &b->list.w;

	group_decode(&schema_contact, broker_order_contact(o), &c);
	c.address = hostport_fill(c.address, host, address);
	if (c.dist.len > 0)
		c.dist = hostport_fill(c.dist, host, dist);
	if (scratch_begin(&b->list, group_size(&schema_contact, &c)) == -1)
		return -1;
	group_encode(&schema_contact, &c, w);
	*out = scratch_slice(&b->list);
	return 0;
}

int
broker_send_sell(struct broker *b, struct order *o, struct place *p,
    struct slice settled)
{
	struct stand *s = broker_stand_at(o, p->slot);
	struct msg m;

	if (s == NULL)
		return -1;
	memset(&m, 0, sizeof(m));
	m.type = MSG_SELL;
	m.u.sell.order = o->number;
	m.u.sell.module = broker_module_name(o->module);
	m.u.sell.quantity = o->quantity;
	m.u.sell.seller = o->peer->instance;
	if (settled_at(b, p, settled, &m.u.sell.settled) == -1)
		return -1;
	if (!s->sent) {
		m.u.sell.attrs = broker_order_attrs(o);
		if (contact_filled(b, o, &m.u.sell.contact) == -1)
			return -1;
	}
	if (outbox_send(&b->out, p->peer->handle, &m) == -1)
		return -1;
	s->sent = 1;
	return 0;
}

/* A sell that comes again leaves empty what has not changed. */
static int
sell_keep(struct broker *b, struct order *o, const struct msg_sell *s)
{
	struct slice attrs = s->attrs.len > 0 ? s->attrs :
	    broker_order_attrs(o);
	struct slice contact = s->contact.len > 0 ? s->contact :
	    broker_order_contact(o);
	struct slice old = broker_order_contact(o);
	unsigned i;
	int moved;

	if (s->attrs.len == 0 && s->contact.len == 0)
		return 0;
	moved = !slice_equal(contact, old);
	if (!moved && slice_equal(attrs, broker_order_attrs(o)))
		return 0;
	if (moved)
		broker_contact_local(b, old, 0);
	if (broker_order_keep(o, attrs, contact) == -1)
		return -1;
	if (moved)
		broker_contact_local(b, broker_order_contact(o), 1);
	for (i = 0; i < o->nstands; i++)
		o->stands[i].sent = 0;
	return 0;
}

int
broker_sell(struct broker *b, int64_t now, struct peer *owner,
    const struct msg_sell *s)
{
	struct order *o;
	struct place *p;
	unsigned i;

	/* A refresh of an order that was refused earlier: its attributes
	 * and contact are gone. */
	if (s->contact.len == 0 &&
	    broker_order_of(b, owner, s->order) == NULL)
		return broker_say_refused(b, owner, s->order,
		    "the sell names no contact, and none is known of it");
	if (broker_order_get(b, now, owner, s->order, s->module, 1, &o) == -1)
		return -1;
	if (o == NULL)
		return 0;
	o->quantity = (uint32_t)s->quantity;
	if (sell_keep(b, o, s) == -1 || broker_order_open(b, o) == -1)
		return -1;
	for (i = 0; i < o->module->nslots; i++) {
		p = broker_place_at(o->module, i);
		if (p != NULL && broker_send_sell(b, o, p, s->settled) == -1)
			return -1;
	}
	return 0;
}

void
broker_sells_again(struct broker *b)
{
	static const struct slice none;
	const struct module *m = NULL;
	struct place *p;
	struct order *o = NULL;
	unsigned i;

	while ((m = broker_module_next(b, m)) != NULL)
		while ((o = broker_order_next(m, o)) != NULL) {
			if (!o->sell)
				continue;
			broker_contact_learn(b, broker_order_contact(o));
			for (i = 0; i < o->nstands; i++) {
				p = broker_place_at(m, i);
				o->stands[i].sent = 0;
				if (p != NULL)
					broker_send_sell(b, o, p, none);
			}
		}
}
