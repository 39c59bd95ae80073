#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "fail.h"
#include "exchange_book.h"
#include "exchange_match.h"

int
market_init(struct market *m, const struct id *own, uint64_t seed,
    struct outbox *out)
{
	uint64_t seed1, seed2;

	memset(m, 0, sizeof(*m));
	m->own = *own;
	m->out = out;
	rng_seed(&m->rng, seed);
	map_init(&m->orders, rng_next(&m->rng));
	map_init(&m->exclusions, rng_next(&m->rng));
	seed1 = rng_next(&m->rng);
	seed2 = rng_next(&m->rng);
	classes_init(&m->classes, seed1, seed2);
	reserves_init(&m->reserves, EXCHANGE_RESERVED_MAX);
	m->scratch = malloc(MATCH_SCRATCH);
	if (m->scratch == NULL)
		return fail(ENOMEM);
	return 0;
}

static void
slice_free(struct slice s)
{
	free((void *)(uintptr_t)s.p);
}

static void
order_free(struct order *o)
{
	if (o->selling)
		slice_free(order_sell(o)->contact);
	free(o);
}

void
market_free(struct market *m)
{
	struct exclusion *e;
	struct order *o;
	size_t pos;

	for (pos = 0; (e = map_next(&m->exclusions, &pos)) != NULL;)
		free(e);
	map_free(&m->exclusions);
	for (pos = 0; (o = map_next(&m->orders, &pos)) != NULL;)
		order_free(o);
	map_free(&m->orders);
	classes_free(&m->classes);
	reserves_free(&m->reserves);
	free(m->scratch);
}

/* Orders. */

static void
order_key(unsigned char key[ORDER_KEY], uint32_t handle, uint64_t id)
{
	memcpy(key, &handle, sizeof(handle));
	memcpy(key + sizeof(handle), &id, sizeof(id));
}

struct order *
market_find(const struct market *m, const struct peer *broker, uint64_t id)
{
	unsigned char key[ORDER_KEY];

	order_key(key, broker->handle, id);
	return map_get(&m->orders, slice_of(key, ORDER_KEY));
}

struct sell *
order_sell(struct order *o)
{
	assert(o->selling);
	return CHAIN_OWNER(o, struct sell, order);
}

struct buy *
order_buy(struct order *o)
{
	assert(!o->selling);
	return CHAIN_OWNER(o, struct buy, order);
}

int
order_enter(struct market *m, struct order *o, struct peer *broker,
    uint64_t id)
{
	if (m->orders.n >= EXCHANGE_ORDERS_MAX)
		return fail(ENOBUFS);
	order_key(o->key, broker->handle, id);
	o->id = id;
	o->broker = broker;
	if (map_put(&m->orders, slice_of(o->key, ORDER_KEY), o) == -1)
		return -1;
	chain_append(&broker->orders, &o->of_broker);
	return 0;
}

void
order_leave(struct market *m, struct order *o)
{
	map_del(&m->orders, slice_of(o->key, ORDER_KEY));
	chain_remove(&o->of_broker);
	order_free(o);
}

/* Sells. */

/* The class has room for one more. */
static int
sell_class_grow(struct sell_class *c)
{
	struct sell **sells;
	size_t cap;

	if (fenwick_grow(&c->weights, c->class.n + 1) == -1)
		return -1;
	if (c->class.n < c->cap)
		return 0;
	cap = c->cap > 0 ? 2 * c->cap : 1;
	sells = realloc(c->sells, cap * sizeof(struct sell *));
	if (sells == NULL)
		return fail(ENOMEM);
	c->sells = sells;
	c->cap = cap;
	return 0;
}

static void
sell_join(struct sell *s, struct sell_class *c)
{
	s->class = c;
	s->slot = c->class.n++;
	c->sells[s->slot] = s;
}

/* The last of the class takes its slot. */
static void
sell_part(struct market *m, struct sell *s)
{
	struct sell_class *c = s->class;
	struct sell *last = c->sells[c->class.n - 1];
	uint32_t weight;

	assert(!s->fresh);
	sell_weigh(m, s, 0);
	weight = fenwick_get(&c->weights, last->slot);
	fenwick_set(&c->weights, last->slot, 0);
	fenwick_set(&c->weights, s->slot, weight);
	last->slot = s->slot;
	c->sells[last->slot] = last;
	c->class.n--;
}

struct sell *
market_sell(struct market *m, struct peer *broker, uint64_t id,
    struct slice attrs)
{
	struct sell_class *c;
	struct sell *s;

	c = class_of_attrs(&m->classes, attrs);
	if (c == NULL || sell_class_grow(c) == -1)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (s == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	s->order.selling = 1;
	s->contact = slice_of(NULL, 0);
	chain_init(&s->reserves);
	chain_init(&s->excluded);
	if (order_enter(m, &s->order, broker, id) == -1) {
		free(s);
		return NULL;
	}
	sell_join(s, c);
	m->totals.sells++;
	return s;
}

int
sell_reclass(struct market *m, struct sell *s, struct slice attrs)
{
	struct sell_class *c;

	if (slice_equal(s->class->class.key, attrs))
		return 0;
	c = class_of_attrs(&m->classes, attrs);
	if (c == NULL || sell_class_grow(c) == -1)
		return -1;
	sell_part(m, s);
	sell_join(s, c);
	sell_offer(m, s);
	return 0;
}

int
sell_contact(struct sell *s, struct slice contact)
{
	unsigned char *p;

	if (slice_equal(s->contact, contact))
		return 0;
	p = slice_dup(contact);
	if (p == NULL)
		return fail(ENOMEM);
	slice_free(s->contact);
	s->contact = slice_of(p, contact.len);
	return 0;
}

void
sell_end(struct market *m, struct sell *s)
{
	struct reserve *r;

	while (!chain_empty(&s->reserves)) {
		r = CHAIN_OWNER(s->reserves.next, struct reserve, of_sell);
		s->reserved -= r->quantity;
		m->totals.reserved -= r->quantity;
		m->totals.lost += r->quantity;
		reserve_end(&m->reserves, r);
	}
	assert(s->reserved == 0);
	m->totals.quantity -= s->quantity;
	m->totals.sells--;
	sell_readmit(m, s);
	sell_part(m, s);
	order_leave(m, &s->order);
}

void
sell_state(struct market *m, struct sell *s, uint32_t quantity)
{
	m->totals.quantity += quantity;
	m->totals.quantity -= s->quantity;
	s->quantity = quantity;
	sell_readmit(m, s);
	sell_offer(m, s);
}

void
sell_offer(struct market *m, struct sell *s)
{
	sell_weigh(m, s, s->quantity <= s->reserved ? 0 :
	    s->quantity - (uint32_t)s->reserved);
}

void
sell_weigh(struct market *m, struct sell *s, uint32_t weight)
{
	struct sell_class *c = s->class;
	uint32_t old;

	old = fenwick_get(&c->weights, s->slot);
	if (old == weight)
		return;
	fenwick_set(&c->weights, s->slot, weight);
	if (old == 0 || c->weights.total == 0)
		class_set_put(&m->open, c->class.number,
		    c->weights.total > 0);
	if (s->fresh) {
		c->fresh += weight;
		c->fresh -= old;
		class_set_put(&m->fresh, c->class.number, c->fresh > 0);
	}
}

void
sell_freshen(struct market *m, struct sell *s)
{
	struct sell_class *c = s->class;

	if (s->fresh)
		return;
	s->fresh = 1;
	s->next_fresh = m->fresh_sells;
	m->fresh_sells = s;
	m->nfresh++;
	c->fresh += fenwick_get(&c->weights, s->slot);
	if (c->fresh > 0)
		class_set_put(&m->fresh, c->class.number, 1);
}

void
market_unfreshen(struct market *m)
{
	struct sell *s;

	while ((s = m->fresh_sells) != NULL) {
		m->fresh_sells = s->next_fresh;
		m->nfresh--;
		s->fresh = 0;
		s->class->fresh = 0;
		class_set_put(&m->fresh, s->class->class.number, 0);
	}
}

/* Reservations. */

struct reserve *
market_reserve(struct market *m, int64_t now, struct sell *s,
    const struct buy *b, uint32_t quantity)
{
	struct reserve *r;

	r = reserve_new(&m->reserves, now + EXCHANGE_RESERVE_MS);
	if (r == NULL)
		return NULL;
	r->sell = s;
	r->order = b->order.id;
	r->broker = b->order.broker;
	chain_append(&s->reserves, &r->of_sell);
	chain_append(&r->broker->reserves, &r->of_broker);
	reserve_more(m, r, quantity);
	return r;
}

void
reserve_more(struct market *m, struct reserve *r, uint32_t quantity)
{
	r->quantity += quantity;
	r->sell->reserved += quantity;
	m->totals.reserved += quantity;
	sell_offer(m, r->sell);
}

void
reserve_less(struct market *m, struct reserve *r, uint32_t quantity)
{
	struct sell *s = r->sell;

	assert(quantity <= r->quantity);
	r->quantity -= quantity;
	s->reserved -= quantity;
	m->totals.reserved -= quantity;
	if (r->quantity == 0)
		reserve_end(&m->reserves, r);
	sell_offer(m, s);
	sell_freshen(m, s);
}
