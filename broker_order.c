#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker_state.h"
#include "fail.h"

/* Finding. */

struct order *
broker_order_of(const struct broker *b, const struct peer *owner, uint64_t id)
{
	struct order_key key;

	key.id = id;
	key.peer = owner->handle;
	return map_get(&b->asked, slice_of(&key, sizeof(key)));
}

struct order *
broker_order_numbered(const struct broker *b, uint64_t number)
{
	return map_get(&b->orders, slice_of(&number, sizeof(number)));
}

static struct slice
key_of(const struct order *o)
{
	return slice_of(&o->key, sizeof(o->key));
}

static struct slice
number_of(const struct order *o)
{
	return slice_of(&o->number, sizeof(o->number));
}

/* A sell's attributes, or a buy's constraints. */
struct slice
broker_order_attrs(const struct order *o)
{
	return slice_of(o->bytes, o->attrs_len);
}

struct slice
broker_order_contact(const struct order *o)
{
	if (o->contact_len == 0)
		return slice_of(NULL, 0);
	return slice_of(o->bytes + o->attrs_len, o->contact_len);
}

/* Adding and removing. */

static void
order_link(struct broker *b, int64_t now, struct order *o)
{
	struct module *m = o->module;

	if (m->norders == 0)
		m->bare_at = now;
	if (m->linked == 0 && !m->noted)
		broker_due(b, m->bare_at + BROKER_NOTE_MS);
	chain_append(&m->orders, &o->of_module);
	chain_append(&o->peer->orders, &o->of_owner);
	m->norders++;
}

static void
order_unlink(struct broker *b, int64_t now, struct order *o)
{
	struct module *m = o->module;

	chain_remove(&o->of_module);
	chain_remove(&o->of_owner);
	if (--m->norders == 0)
		broker_module_idle(b, now, m);
}

struct order *
broker_order_next(const struct module *m, const struct order *o)
{
	return CHAIN_NEXT(&m->orders, o, struct order, of_module);
}

void
broker_order_free(struct order *o)
{
	free(o->bytes);
	free(o->stands);
	free(o->pending);
	free(o);
}

/* A new order of the owner, which stands nowhere yet. NULL with errno ENOMEM,
 * or ENOBUFS where the limits forbid it. */
static struct order *
order_new(struct broker *b, int64_t now, struct peer *owner, uint64_t id,
    struct slice module, int sell)
{
	struct module *m;
	struct order *o;

	if (b->asked.n >= BROKER_ORDERS_MAX) {
		errno = ENOBUFS;
		return NULL;
	}
	if ((m = broker_module_get(b, now, module)) == NULL ||
	    (o = calloc(1, sizeof(*o))) == NULL)
		return NULL;
	o->key.id = id;
	o->key.peer = owner->handle;
	if (map_put(&b->asked, key_of(o), o) == -1) {
		free(o);
		return NULL;
	}
	o->peer = owner;
	o->module = m;
	o->sell = sell != 0;
	order_link(b, now, o);
	return o;
}

int
broker_order_keep(struct order *o, struct slice attrs, struct slice contact)
{
	size_t len = attrs.len + contact.len;
	unsigned char *bytes = malloc(len == 0 ? 1 : len);

	if (bytes == NULL)
		return -1;
	if (attrs.len > 0)
		memcpy(bytes, attrs.p, attrs.len);
	if (contact.len > 0)
		memcpy(bytes + attrs.len, contact.p, contact.len);
	free(o->bytes);
	o->bytes = bytes;
	o->attrs_len = (uint32_t)attrs.len;
	o->contact_len = (uint32_t)contact.len;
	return 0;
}

/* Opening and closing: an open order has a number. */

int
broker_order_open(struct broker *b, struct order *o)
{
	if (o->open)
		return 0;
	o->number = ++b->last_order;
	if (map_put(&b->orders, number_of(o), o) == -1)
		return -1;
	o->open = 1;
	return 0;
}

/* Take it away from wherever it stands. */
int
broker_order_close(struct broker *b, struct order *o)
{
	struct msg m;
	struct place *p;
	unsigned i;
	int r = 0;

	if (!o->open)
		return 0;
	memset(&m, 0, sizeof(m));
	m.type = MSG_CANCEL;
	m.u.cancel.order = o->number;
	for (i = 0; i < o->nstands; i++) {
		p = broker_place_at(o->module, i);
		if (p != NULL && o->stands[i].sent &&
		    outbox_send(&b->out, p->peer->handle, &m) == -1)
			r = -1;
	}
	map_del(&b->orders, number_of(o));
	o->open = 0;
	if (o->nstands > 0)
		memset(o->stands, 0, o->nstands * sizeof(*o->stands));
	return r;
}

static int
order_drop(struct broker *b, int64_t now, struct order *o)
{
	int r = broker_order_close(b, o);

	if (o->sell)
		broker_contact_local(b, broker_order_contact(o), 0);
	order_unlink(b, now, o);
	map_del(&b->asked, key_of(o));
	broker_order_free(o);
	return r;
}

struct stand *
broker_stand_at(struct order *o, unsigned slot)
{
	struct stand *grown;
	unsigned n = slot + 1;

	assert(slot < BROKER_SLOTS);
	if (slot < o->nstands)
		return &o->stands[slot];
	if ((grown = realloc(o->stands, n * sizeof(*grown))) == NULL)
		return NULL;
	memset(grown + o->nstands, 0, (n - o->nstands) * sizeof(*grown));
	o->stands = grown;
	o->nstands = (unsigned char)n;
	return &grown[slot];
}

void
broker_stand_clear(struct broker *b, struct order *o, unsigned slot)
{
	struct stand *s;
	uint32_t buyers;

	if (slot >= o->nstands)
		return;
	s = &o->stands[slot];
	buyers = s->buyers;
	memset(s, 0, sizeof(*s));
	if (buyers > 0)
		broker_tell_waiting(b, o);
}

int
broker_order_get(struct broker *b, int64_t now, struct peer *owner, uint64_t id,
    struct slice module, int sell, struct order **o)
{
	if ((*o = broker_order_of(b, owner, id)) != NULL) {
		if ((*o)->sell == sell &&
		    slice_equal(broker_module_name((*o)->module), module))
			return 0;
		return fail(EPROTO);
	}
	*o = order_new(b, now, owner, id, module, sell);
	if (*o == NULL && errno != ENOBUFS)
		return -1;
	if (*o == NULL)
		return broker_say_refused(b, owner, id,
		    "the broker has as many orders or modules as it takes");
	return 0;
}

int
broker_order_place(struct broker *b, int64_t now, struct order *o,
    struct place *p)
{
	if (!o->open)
		return 0;
	if (o->sell)
		return broker_send_sell(b, o, p, slice_of(NULL, 0));
	return broker_send_buy(b, now, o, p);
}

int
broker_cancel(struct broker *b, int64_t now, struct peer *owner, uint64_t id)
{
	struct order *o = broker_order_of(b, owner, id);

	if (o == NULL)
		return 0;
	if (broker_release_held(b, o) == -1)
		return -1;
	broker_leave_pending(o);
	return order_drop(b, now, o);
}

void
broker_owner_lost(struct broker *b, int64_t now, struct peer *owner)
{
	struct order *o;

	while ((o = CHAIN_NEXT(&owner->orders, NULL, struct order,
	    of_owner)) != NULL) {
		broker_release_pending(b, o);
		order_drop(b, now, o);
	}
	broker_release_left(b, owner);
}
