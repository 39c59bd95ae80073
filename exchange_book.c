#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "exchange_book.h"
#include "fail.h"

#define BUCKETS_FIRST	  256
#define ORDER_SLOTS_FIRST 64
#define ORDER_LINE	  8 /* slots of one cache line */

/* Structs by number. */

static void
slab_init(struct slab *b, size_t size)
{
	memset(b, 0, sizeof(*b));
	b->size = (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
}

static void
slab_free(struct slab *b)
{
	size_t i;

	for (i = 0; i < b->cap; i++)
		free(b->blocks[i]);
	free(b->blocks);
}

/* Make room for one more number than was ever taken. */
static int
slab_grow(struct slab *b)
{
	size_t i = b->taken / SLAB_BLOCK;
	void *block;
	unsigned char **blocks = array_grow(b->blocks, &b->cap, i + 1,
	    UINT32_MAX / SLAB_BLOCK, sizeof(*blocks));

	if (blocks == NULL)
		return -1;
	b->blocks = blocks;
	if (blocks[i] != NULL)
		return 0;
	/* Not touched yet, so what is not used costs no memory. */
	if (posix_memalign(&block, CACHE_LINE, SLAB_BLOCK * b->size) != 0)
		return fail(ENOMEM);
	blocks[i] = block;
	return 0;
}

/* A number, and the struct, in which anything may stand: 0 with ENOMEM. */
static uint32_t
slab_take(struct slab *b)
{
	uint32_t number = b->free;

	if (number != 0) {
		memcpy(&b->free, slab_at(b, number), sizeof(b->free));
		if (b->free != 0)
			array_prefetch(slab_at(b, b->free));
		return number;
	}
	if (b->taken % SLAB_BLOCK == 0 && slab_grow(b) == -1)
		return 0;
	return ++b->taken;
}

static void
slab_give(struct slab *b, uint32_t number)
{
	memcpy(slab_at(b, number), &b->free, sizeof(b->free));
	b->free = number;
}

/* Reservations. */

static void
reservation_init(struct reservations *t, size_t max)
{
	memset(t, 0, sizeof(*t));
	t->max = max;
	slab_init(&t->slab, sizeof(struct exchange_reservation));
}

static void
reservation_free(struct reservations *t)
{
	slab_free(&t->slab);
	free(t->bucket);
}

static struct exchange_reservation *
reservation_at(const struct reservations *t, uint32_t number)
{
	return number == 0 ? NULL : slab_at(&t->slab, number);
}

/* Counters are consecutive, so their low bits are as good as any hash. */
static uint32_t *
reservation_bucket(const struct reservations *t, uint64_t counter)
{
	return &t->bucket[counter & (t->buckets - 1)];
}

static void
reservation_enter(struct reservations *t, uint32_t number)
{
	struct exchange_reservation *r = reservation_at(t, number);
	uint32_t *b = reservation_bucket(t, r->counter);

	r->next = *b;
	*b = number;
}

static int
reservation_grow_buckets(struct reservations *t)
{
	size_t n = t->buckets > 0 ? 2 * t->buckets : BUCKETS_FIRST;
	uint32_t *b = calloc(n, sizeof(*b)), number;

	if (b == NULL)
		return -1;
	free(t->bucket);
	t->bucket = b;
	t->buckets = n;
	for (number = t->oldest; number != 0;
	    number = reservation_at(t, number)->link[BY_AGE].newer)
		reservation_enter(t, number);
	return 0;
}

/* Put it on a list, whose newest is *newest. */
static void
reservation_link(const struct reservations *t, uint32_t number,
    enum reservation_list list, uint32_t *newest)
{
	struct reservation_link *l = &reservation_at(t, number)->link[list];

	l->newer = 0;
	l->older = *newest;
	if (*newest != 0)
		reservation_at(t, *newest)->link[list].newer = number;
	*newest = number;
}

static void
reservation_unlink(const struct reservations *t,
    const struct exchange_reservation *r, enum reservation_list list,
    uint32_t *newest)
{
	const struct reservation_link *l = &r->link[list];

	if (l->older != 0)
		reservation_at(t, l->older)->link[list].newer = l->newer;
	if (l->newer != 0)
		reservation_at(t, l->newer)->link[list].older = l->older;
	else
		*newest = l->older;
}

/*
 * A new reservation of quantity 0 for a buy, of a sell: NULL with ENOBUFS at
 * the maximum, or ENOMEM. Good until reservation_end().
 */
static struct exchange_reservation *
reservation_new(struct reservations *t, int64_t until, struct exchange_sell *s,
    const struct exchange_buy *b)
{
	struct exchange_reservation *r;
	uint32_t number;

	if (t->n >= t->max) {
		errno = ENOBUFS;
		return NULL;
	}
	if ((t->n >= t->buckets && reservation_grow_buckets(t) == -1) ||
	    (number = slab_take(&t->slab)) == 0) {
		errno = ENOMEM;
		return NULL;
	}
	r = reservation_at(t, number);
	r->counter = ++t->counter;
	r->order = b->order.id;
	r->broker = b->order.broker;
	r->sell = s->order.number;
	r->until = (uint32_t)until;
	r->quantity = 0;
	if (t->n++ == 0)
		t->oldest = number;
	t->until = until;
	reservation_link(t, number, BY_AGE, &t->newest);
	reservation_link(t, number, OF_SELL, &s->reservations);
	reservation_link(t, number, OF_BROKER, &r->broker->reservations);
	reservation_enter(t, number);
	return r;
}

struct exchange_reservation *
reservation_find(const struct reservations *t, uint64_t counter)
{
	struct exchange_reservation *r;

	if (t->buckets == 0)
		return NULL;
	r = reservation_at(t, *reservation_bucket(t, counter));
	while (r != NULL && r->counter != counter)
		r = reservation_at(t, r->next);
	return r;
}

/* Takes it off all lists. */
static void
reservation_end(struct exchange *x, struct exchange_reservation *r)
{
	struct reservations *t = &x->reservations;
	uint32_t *p, number;

	assert(t->n > 0);
	p = reservation_bucket(t, r->counter);
	while (reservation_at(t, *p) != r) {
		assert(*p != 0);
		p = &reservation_at(t, *p)->next;
	}
	number = *p;
	*p = r->next;
	if (t->oldest == number)
		t->oldest = r->link[BY_AGE].newer;
	reservation_unlink(t, r, BY_AGE, &t->newest);
	reservation_unlink(t, r, OF_SELL, &sell_at(x, r->sell)->reservations);
	reservation_unlink(t, r, OF_BROKER, &r->broker->reservations);
	slab_give(&t->slab, number);
	t->n--;
}

struct exchange_reservation *
reservation_oldest(const struct reservations *t)
{
	return reservation_at(t, t->oldest);
}

/* The newest ends last, and none of them 2^32 ms before it. */
int64_t
reservation_until(const struct reservations *t,
    const struct exchange_reservation *r)
{
	return t->until - (uint32_t)((uint32_t)t->until - r->until);
}

/* The book. */

void
book_init(struct exchange *x, const struct id *own, uint64_t seed)
{
	uint64_t seed1, seed2;

	x->own = *own;
	rng_seed(&x->rng, seed);
	x->orders.seed = rng_next(&x->rng);
	map_init(&x->exclusions, rng_next(&x->rng));
	seed1 = rng_next(&x->rng);
	seed2 = rng_next(&x->rng);
	class_init(&x->classes, seed1, seed2);
	reservation_init(&x->reservations, EXCHANGE_RESERVED_MAX);
	slab_init(&x->sells, sizeof(struct exchange_sell));
	slab_init(&x->buys, sizeof(struct exchange_buy));
}

static void
sell_free_contact(struct exchange_sell *s)
{
	if (s->contact.p != s->room)
		free((void *)(uintptr_t)s->contact.p);
}

static void
order_free(struct exchange *x, struct exchange_order *o)
{
	if (o->selling)
		sell_free_contact(order_sell(o));
	o->broker = NULL;
	slab_give(o->selling ? &x->sells : &x->buys, o->number);
}

void
book_free(struct exchange *x)
{
	struct exchange_order *o;
	size_t pos = 0;

	while ((o = order_next(x, &pos)) != NULL)
		order_free(x, o);
	slab_free(&x->sells);
	slab_free(&x->buys);
	free(x->orders.slots);
	map_free_values(&x->exclusions);
	class_free(&x->classes);
	reservation_free(&x->reservations);
}

/* Orders. */

/* As a slot has it. */
static struct exchange_order *
order_at(const struct exchange *x, uint32_t order)
{
	return slab_at(order % 2 == 1 ? &x->sells : &x->buys, order / 2);
}

/* Orders come one after the other, so the last hash is often the next. */
static uint32_t
order_tag(struct orders *t, uint32_t handle, uint64_t id)
{
	uint64_t line = id / ORDER_LINE;
	unsigned char key[12];

	if (t->line != line || t->handle != handle) {
		put32le(put32le(put32le(key, handle), (uint32_t)line),
		    (uint32_t)(line >> 32));
		t->hash = (uint32_t)map_hash(t->seed,
		    slice_of(key, sizeof(key)));
		t->line = line;
		t->handle = handle; /* 0, which none is, until now */
	}
	return t->hash / ORDER_LINE * ORDER_LINE + (uint32_t)(id % ORDER_LINE);
}

/* The slot of the order, or the free one where it belongs. There always is
 * one. */
static size_t
order_slot(const struct exchange *x, uint32_t tag, uint32_t handle, uint64_t id)
{
	const struct orders *t = &x->orders;
	const struct exchange_order *o;
	size_t i;

	for (i = tag & (t->cap - 1); t->slots[i].order != 0;
	    i = (i + 1) & (t->cap - 1)) {
		if (t->slots[i].tag != tag)
			continue;
		o = order_at(x, t->slots[i].order);
		array_prefetch((const char *)o + CACHE_LINE);
		if (o->id == id && o->handle == handle)
			break;
	}
	return i;
}

struct exchange_order *
order_find(struct exchange *x, const struct exchange_peer *broker, uint64_t id)
{
	uint32_t order;

	if (x->orders.n == 0)
		return NULL;
	order = x->orders.slots[order_slot(x, order_tag(&x->orders,
	    broker->handle, id), broker->handle, id)].order;
	return order == 0 ? NULL : order_at(x, order);
}

struct exchange_order *
order_next(const struct exchange *x, size_t *pos)
{
	struct exchange_order *o;

	while (*pos < (size_t)x->sells.taken + x->buys.taken) {
		o = *pos < x->sells.taken ?
		    slab_at(&x->sells, (uint32_t)*pos + 1) :
		    slab_at(&x->buys, (uint32_t)*pos + 1 - x->sells.taken);
		++*pos;
		if (o->broker != NULL)
			return o;
	}
	return NULL;
}

/* Make room for one more. */
static int
order_grow(struct orders *t)
{
	size_t i, j, cap = t->cap > 0 ? 2 * t->cap : ORDER_SLOTS_FIRST;
	struct order_slot *slots;

	if (t->n < t->cap / 2)
		return 0;
	if ((slots = array_lines(cap, sizeof(*slots))) == NULL)
		return -1;
	for (i = 0; i < t->cap; i++) {
		if (t->slots[i].order == 0)
			continue;
		for (j = t->slots[i].tag & (cap - 1); slots[j].order != 0;
		    j = (j + 1) & (cap - 1))
			;
		slots[j] = t->slots[i];
	}
	free(t->slots);
	t->slots = slots;
	t->cap = cap;
	return 0;
}

static void
order_enter(struct exchange *x, const struct exchange_order *o)
{
	uint32_t tag = order_tag(&x->orders, o->handle, o->id);
	struct order_slot *s =
	    &x->orders.slots[order_slot(x, tag, o->handle, o->id)];

	assert(s->order == 0);
	s->tag = tag;
	s->order = 2 * o->number + o->selling;
	x->orders.n++;
}

/* Close the gap: each one after it, up to the next free one, moves there unless
 * that would put it before the slot where its search begins. */
static void
order_leave(struct exchange *x, const struct exchange_order *o)
{
	struct orders *t = &x->orders;
	size_t i = order_slot(x, order_tag(t, o->handle, o->id), o->handle,
	    o->id), j, mask = t->cap - 1;

	for (j = (i + 1) & mask; t->slots[j].order != 0; j = (j + 1) & mask) {
		if (((j - t->slots[j].tag) & mask) < ((j - i) & mask))
			continue;
		t->slots[i] = t->slots[j];
		i = j;
	}
	t->slots[i].order = 0;
	t->n--;
}

/* A new one in the slab, all zero but for what is common: NULL with ENOMEM or
 * ENOBUFS. */
static void *
order_new(struct exchange *x, struct slab *slab, struct exchange_peer *broker,
    uint64_t id)
{
	struct exchange_order *o;
	uint32_t number;

	if (x->orders.n >= EXCHANGE_ORDERS_MAX) {
		errno = ENOBUFS;
		return NULL;
	}
	if (order_grow(&x->orders) == -1 || (number = slab_take(slab)) == 0)
		return NULL;
	o = slab_at(slab, number);
	memset(o, 0, slab->size);
	o->id = id;
	o->handle = broker->handle;
	o->selling = slab == &x->sells;
	o->number = number;
	o->broker = broker;
	order_enter(x, o);
	chain_append(&broker->orders, &o->of_broker);
	return o;
}

/* Exclusions. */

/* The key is made of the numbers of the two. */
static struct slice
exclusion_key(uint32_t key[2], const struct exchange_buy *b,
    const struct exchange_sell *s)
{
	key[0] = b->order.number;
	key[1] = s->order.number;
	return slice_of(key, 2 * sizeof(key[0]));
}

int
buy_excludes(const struct exchange *x, const struct exchange_buy *b,
    const struct exchange_sell *s)
{
	uint32_t key[2];

	return b->nexcludes > 0 &&
	    map_get(&x->exclusions, exclusion_key(key, b, s)) != NULL;
}

void
buy_exclude(struct exchange *x, struct exchange_buy *b, struct exchange_sell *s)
{
	uint32_t bytes[2];
	struct slice key = exclusion_key(bytes, b, s);
	struct exchange_exclusion *e;

	if (buy_excludes(x, b, s) ||
	    (e = map_alloc(&x->exclusions, sizeof(*e), &key)) == NULL)
		return;
	e->buy = b;
	e->sell = s;
	chain_append(&b->excludes, &e->of_buy);
	chain_append(&s->excluded, &e->of_sell);
	b->nexcludes++;
}

static void
exclusion_end(struct exchange *x, struct exchange_exclusion *e)
{
	uint32_t key[2];

	map_del(&x->exclusions, exclusion_key(key, e->buy, e->sell));
	chain_remove(&e->of_buy);
	chain_remove(&e->of_sell);
	e->buy->nexcludes--;
	free(e);
}

static void
exclusion_end_all(struct exchange *x, struct exchange_sell *s)
{
	while (!chain_empty(&s->excluded))
		exclusion_end(x, CHAIN_OWNER(s->excluded.next,
		    struct exchange_exclusion, of_sell));
}

/* Sells. */

/* Offer just so much: what it has, or less for the time being. */
static void
sell_weigh(struct exchange *x, struct exchange_sell *s, uint32_t weight)
{
	struct sell_class *c = s->class;
	uint32_t old = sell_offered(s);

	if (old == weight)
		return;
	fenwick_set(&c->weights, s->slot, weight);
	if (old == 0 || c->weights.total == 0)
		class_set_put(&x->open, c->class.number, c->weights.total > 0);
	if (s->fresh) {
		c->fresh += weight;
		c->fresh -= old;
		class_set_put(&x->fresh, c->class.number, c->fresh > 0);
	}
}

/* Offer what it has. */
static void
sell_offer(struct exchange *x, struct exchange_sell *s)
{
	sell_weigh(x, s, s->quantity <= s->reserved ? 0 :
	    s->quantity - s->reserved);
}

static void
sell_join(struct exchange_sell *s, struct sell_class *c)
{
	s->class = c;
	s->slot = (uint32_t)c->class.n++;
	*fenwick_number(&c->weights, s->slot) = s->order.number;
	c->capacity += s->capacity;
}

/* The last of the class takes its slot. */
static void
sell_part(struct exchange *x, struct exchange_sell *s)
{
	struct sell_class *c = s->class;
	struct exchange_sell *last = sell_in(x, c, c->class.n - 1);
	uint32_t weight;

	assert(!s->fresh);
	sell_weigh(x, s, 0);
	weight = sell_offered(last);
	fenwick_set(&c->weights, last->slot, 0);
	fenwick_set(&c->weights, s->slot, weight);
	last->slot = s->slot;
	*fenwick_number(&c->weights, last->slot) = last->order.number;
	c->class.n--;
	c->capacity -= s->capacity;
}

void
sell_capacity(struct exchange_sell *s, uint32_t capacity)
{
	s->class->capacity += capacity;
	s->class->capacity -= s->capacity;
	s->capacity = capacity;
}

struct exchange_sell *
sell_new(struct exchange *x, struct exchange_peer *broker, uint64_t id,
    struct slice attrs)
{
	struct sell_class *c = class_of_attrs(&x->classes, attrs);
	struct exchange_sell *s;

	if (c == NULL || (s = order_new(x, &x->sells, broker, id)) == NULL)
		return NULL;
	chain_init(&s->excluded);
	s->capacity = UINT32_MAX;
	sell_join(s, c);
	x->totals.sells++;
	return s;
}

int
sell_reclass(struct exchange *x, struct exchange_sell *s, struct slice attrs)
{
	struct sell_class *c;

	if (slice_equal(s->class->class.key, attrs))
		return 0;
	if ((c = class_of_attrs(&x->classes, attrs)) == NULL)
		return -1;
	sell_part(x, s);
	sell_join(s, c);
	sell_offer(x, s);
	return 0;
}

int
sell_contact(struct exchange_sell *s, struct slice contact)
{
	unsigned char *p = s->room;

	if (slice_equal(s->contact, contact))
		return 0;
	if (contact.len > sizeof(s->room) && (p = slice_dup(contact)) == NULL)
		return -1;
	sell_free_contact(s);
	if (p == s->room)
		memcpy(p, contact.p, contact.len);
	s->contact = slice_of(p, contact.len);
	return 0;
}

static void
sell_end(struct exchange *x, struct exchange_sell *s)
{
	struct exchange_reservation *r;

	while ((r = reservation_at(&x->reservations, s->reservations)) !=
	    NULL) {
		s->reserved -= r->quantity;
		x->totals.reserved -= r->quantity;
		x->totals.lost += r->quantity;
		reservation_end(x, r);
	}
	assert(s->reserved == 0);
	x->totals.quantity -= s->quantity;
	x->totals.sells--;
	exclusion_end_all(x, s);
	sell_part(x, s);
}

void
sell_state(struct exchange *x, struct exchange_sell *s, uint32_t quantity)
{
	x->totals.quantity += quantity;
	x->totals.quantity -= s->quantity;
	s->quantity = quantity;
	exclusion_end_all(x, s);
	sell_offer(x, s);
}

void
sell_freshen(struct exchange *x, struct exchange_sell *s)
{
	struct sell_class *c = s->class;

	if (s->fresh)
		return;
	s->fresh = 1;
	s->next_fresh = x->fresh_sells;
	x->fresh_sells = s;
	x->nfresh++;
	c->fresh += sell_offered(s);
	if (c->fresh > 0)
		class_set_put(&x->fresh, c->class.number, 1);
}

void
book_unfreshen(struct exchange *x)
{
	struct exchange_sell *s;

	while ((s = x->fresh_sells) != NULL) {
		x->fresh_sells = s->next_fresh;
		x->nfresh--;
		s->fresh = 0;
		s->class->fresh = 0;
		class_set_put(&x->fresh, s->class->class.number, 0);
	}
}

/* Reserving. */

void
book_reserve_more(struct exchange *x, struct exchange_reservation *r,
    uint32_t quantity)
{
	struct exchange_sell *s = sell_at(x, r->sell);

	r->quantity += quantity;
	s->reserved += quantity;
	x->totals.reserved += quantity;
	sell_offer(x, s);
}

struct exchange_reservation *
book_reserve(struct exchange *x, int64_t now, struct exchange_sell *s,
    const struct exchange_buy *b, uint32_t quantity)
{
	struct exchange_reservation *r;

	r = reservation_new(&x->reservations, now + EXCHANGE_RESERVE_MS, s, b);
	if (r != NULL)
		book_reserve_more(x, r, quantity);
	return r;
}

void
book_unreserve(struct exchange *x, struct exchange_reservation *r,
    uint32_t quantity)
{
	struct exchange_sell *s = sell_at(x, r->sell);

	assert(quantity <= r->quantity);
	r->quantity -= quantity;
	s->reserved -= quantity;
	x->totals.reserved -= quantity;
	if (r->quantity == 0)
		reservation_end(x, r);
	sell_offer(x, s);
	sell_freshen(x, s);
}

/* Buys. */

struct exchange_buy *
buy_new(struct exchange *x, struct exchange_peer *broker, uint64_t id,
    struct slice constraints)
{
	struct buy_class *c = class_of_constraints(&x->classes, constraints);
	struct exchange_buy *b;

	if (c == NULL || (b = order_new(x, &x->buys, broker, id)) == NULL)
		return NULL;
	chain_init(&b->excludes);
	queue_init(&b->queued);
	b->keep = KEEP_ALL;
	b->class = c;
	c->class.n++;
	x->totals.buys++;
	return b;
}

/* Take the buy out of its class's count of those that lack something. */
static void
buy_uncount(struct exchange *x, struct exchange_buy *b)
{
	if (b->lacking == 0)
		return;
	x->totals.missing -= b->lacking;
	b->lacking = 0;
	b->class->unmet--;
}

/* What we have filled it with, and is not settled. */
static uint64_t
buy_coming(const struct exchange_buy *b)
{
	return b->filled > b->settled ? b->filled - b->settled : 0;
}

uint32_t
buy_holds(const struct exchange_buy *b)
{
	uint64_t n = b->held + buy_coming(b);

	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

void
buy_account(struct exchange *x, struct exchange_buy *b)
{
	uint64_t coming = buy_coming(b);

	x->uneven = 1;
	if (b->missing <= coming) {
		buy_uncount(x, b);
		return;
	}
	if (b->lacking == 0)
		b->class->unmet++;
	x->totals.missing -= b->lacking;
	b->lacking = (uint32_t)(b->missing - coming);
	x->totals.missing += b->lacking;
}

int
buy_reclass(struct exchange *x, struct exchange_buy *b,
    struct slice constraints)
{
	struct buy_class *c;

	if (slice_equal(b->class->class.key, constraints))
		return 0;
	c = class_of_constraints(&x->classes, constraints);
	if (c == NULL)
		return -1;
	buy_dequeue(b);
	buy_uncount(x, b);
	b->class->class.n--;
	b->class = c;
	c->class.n++;
	buy_account(x, b);
	return 0;
}

void
buy_rank(struct exchange *x, struct exchange_buy *b, int64_t born)
{
	assert(!queue_has(&b->queued));
	b->queued.born = born;
	b->queued.seq = ++x->seq;
}

void
buy_enqueue(struct exchange_buy *b)
{
	assert(b->lacking > 0);
	b->queued.held = buy_holds(b);
	queue_add(&b->class->queue, &b->queued);
}

void
buy_dequeue(struct exchange_buy *b)
{
	/* The other line of the buy that comes next. */
	array_prefetch(CHAIN_OWNER(b->queued.chain.next, struct exchange_buy,
	    queued.chain));
	queue_remove(&b->class->queue, &b->queued);
}

static void
buy_end(struct exchange *x, struct exchange_buy *b)
{
	buy_dequeue(b);
	buy_uncount(x, b);
	x->uneven = 1;
	x->asked -= b->keep != KEEP_ALL;
	while (!chain_empty(&b->excludes))
		exclusion_end(x, CHAIN_OWNER(b->excludes.next,
		    struct exchange_exclusion, of_buy));
	b->class->class.n--;
	x->totals.buys--;
}

void
order_end(struct exchange *x, struct exchange_order *o)
{
	if (o->selling)
		sell_end(x, order_sell(o));
	else
		buy_end(x, order_buy(o));
	order_leave(x, o);
	chain_remove(&o->of_broker);
	order_free(x, o);
}

/* What a buy excludes is hidden while it is served. */

void
buy_hide_excluded(struct exchange *x, const struct exchange_buy *b)
{
	struct exchange_exclusion *e = NULL;

	while ((e = CHAIN_NEXT(&b->excludes, e, struct exchange_exclusion,
	    of_buy)) != NULL)
		sell_weigh(x, e->sell, 0);
}

void
buy_show_excluded(struct exchange *x, const struct exchange_buy *b)
{
	struct exchange_exclusion *e = NULL;

	while ((e = CHAIN_NEXT(&b->excludes, e, struct exchange_exclusion,
	    of_buy)) != NULL)
		sell_offer(x, e->sell);
}

static int
buy_fits(const struct exchange_buy *b, const struct exchange_sell *s)
{
	return class_set_has(&b->class->fits, s->class->class.number);
}

/* As below, sell by sell. */
static int
buy_walk_fresh(const struct exchange *x, const struct exchange_buy *b)
{
	const struct exchange_sell *s;

	for (s = x->fresh_sells; s != NULL; s = s->next_fresh)
		if (sell_offered(s) > 0 && buy_fits(b, s) &&
		    !buy_excludes(x, b, s))
			return 1;
	return 0;
}

/* As buy_has_fresh(): of what is fresh and fits, take off what the buy
 * excludes; is anything left? */
static int
buy_weigh_fresh(const struct exchange *x, const struct exchange_buy *b)
{
	const struct exchange_exclusion *e = NULL;
	uint64_t fresh = 0;
	unsigned i;

	for (i = 0; i < EXCHANGE_CLASSES; i++)
		if (class_set_has(&b->class->fits, i) &&
		    class_set_has(&x->fresh, i))
			fresh += class_sell(&x->classes, i)->fresh;
	while ((e = CHAIN_NEXT(&b->excludes, e, struct exchange_exclusion,
	    of_buy)) != NULL)
		if (e->sell->fresh && buy_fits(b, e->sell))
			fresh -= sell_offered(e->sell);
	return fresh > 0;
}

int
buy_has_fresh(const struct exchange *x, const struct exchange_buy *b)
{
	if (b->nexcludes == 0)
		return 1;
	return b->nexcludes < x->nfresh ? buy_weigh_fresh(x, b) :
	    buy_walk_fresh(x, b);
}
