#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "array.h"
#include "attrs.h"
#include "exchange_class.h"
#include "fail.h"

/* Queues. */

/* The key is repeated here, so that comparing does not touch what waits. */
struct queue_slot {
	int64_t born;
	uint64_t seq;
	struct queued *item;
};

static int
queue_slot_before(const struct queue_slot *a, const struct queue_slot *b)
{
	return a->born < b->born || (a->born == b->born && a->seq < b->seq);
}

static void
queue_slot_put(struct queue *q, size_t i, struct queue_slot s)
{
	q->slot[i] = s;
	s.item->place = i;
}

/* Place i is free; s goes there or further to the front. */
static void
queue_sift_up(struct queue *q, size_t i, struct queue_slot s)
{
	while (i > 0 && queue_slot_before(&s, &q->slot[(i - 1) / 2])) {
		queue_slot_put(q, i, q->slot[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	queue_slot_put(q, i, s);
}

/* Place i is free: fill it from below, down to the last row, where s goes and
 * rises to its place. s comes from the last row, so it rises little. */
static void
queue_sift_down(struct queue *q, size_t i, struct queue_slot s)
{
	size_t child;

	while ((child = 2 * i + 1) < q->n) {
		if (child + 1 < q->n)
			child += (size_t)queue_slot_before(
			    &q->slot[child + 1], &q->slot[child]);
		queue_slot_put(q, i, q->slot[child]);
		i = child;
	}
	queue_sift_up(q, i, s);
}

static void
queue_heap_add(struct queue *q, struct queued *item)
{
	struct queue_slot s;

	assert(q->n < q->cap);
	s.born = item->born;
	s.seq = item->seq;
	s.item = item;
	queue_sift_up(q, q->n++, s);
}

static void
queue_heap_remove(struct queue *q, size_t i)
{
	q->n--;
	if (i < q->n)
		queue_sift_down(q, i, q->slot[q->n]);
}

int
queue_before(const struct queued *a, const struct queued *b)
{
	return a->born < b->born || (a->born == b->born && a->seq < b->seq);
}

void
queue_add(struct queue *q, struct queued *item)
{
	assert(item->place == QUEUE_OUT);
	if (!chain_empty(&q->list) && queue_before(item,
	    CHAIN_OWNER(q->list.prev, struct queued, chain))) {
		queue_heap_add(q, item);
		return;
	}
	item->place = QUEUE_LISTED;
	chain_append(&q->list, &item->chain);
}

void
queue_remove(struct queue *q, struct queued *item)
{
	if (item->place == QUEUE_LISTED) {
		chain_remove(&item->chain);
	} else {
		assert(item->place < q->n && q->slot[item->place].item == item);
		queue_heap_remove(q, item->place);
	}
	item->place = QUEUE_OUT;
}

struct queued *
queue_first(const struct queue *q)
{
	struct queued *first = CHAIN_NEXT(&q->list, NULL, struct queued, chain);

	if (q->n > 0 && (first == NULL || queue_before(q->slot[0].item, first)))
		first = q->slot[0].item;
	return first;
}

/* Sets of classes. */

void
class_set_put(struct class_set *s, unsigned number, int in)
{
	uint64_t bit = (uint64_t)1 << number % 64;

	if (in)
		s->w[number / 64] |= bit;
	else
		s->w[number / 64] &= ~bit;
}

int
class_set_has(const struct class_set *s, unsigned number)
{
	return s->w[number / 64] >> number % 64 & 1;
}

int
class_set_meet(const struct class_set *a, const struct class_set *b)
{
	uint64_t any = 0;
	unsigned i;

	for (i = 0; i < CLASS_WORDS; i++)
		any |= a->w[i] & b->w[i];
	return any != 0;
}

/* Classes. */

void
class_init(struct classes *t, uint64_t seed, uint64_t seed2)
{
	map_init(&t->sells.by_key, seed);
	map_init(&t->buys.by_key, seed2);
	t->sells.n = t->buys.n = 0;
}

struct sell_class *
class_sell(const struct classes *t, unsigned number)
{
	assert(number < t->sells.n);
	return (struct sell_class *)(void *)t->sells.at[number];
}

struct buy_class *
class_buy(const struct classes *t, unsigned number)
{
	assert(number < t->buys.n);
	return (struct buy_class *)(void *)t->buys.at[number];
}

static void
class_free_sell(void *class)
{
	struct sell_class *c = class;

	fenwick_free(&c->weights);
	free(c->sells);
	free(c);
}

static void
class_free_buy(void *class)
{
	struct buy_class *c = class;

	free(c->queue.slot);
	free(c);
}

void
class_free(struct classes *t)
{
	unsigned i;

	for (i = 0; i < t->sells.n; i++)
		class_free_sell(class_sell(t, i));
	for (i = 0; i < t->buys.n; i++)
		class_free_buy(class_buy(t, i));
	map_free(&t->sells.by_key);
	map_free(&t->buys.by_key);
}

/*
 * A new class of size bytes, all zero but for its own part, in the table: under
 * a number that is new, or that of a class without orders, which is freed. NULL
 * with ENOBUFS or ENOMEM.
 */
static void *
class_new(struct class_table *t, size_t size, struct slice key,
    void (*free_class)(void *))
{
	struct class *c, *old;
	unsigned i = t->n;

	if (i == EXCHANGE_CLASSES)
		for (i = 0; i < t->n && t->at[i]->n > 0; i++)
			;
	if (i == EXCHANGE_CLASSES) {
		errno = ENOBUFS;
		return NULL;
	}
	if ((c = map_alloc(&t->by_key, size, &key)) == NULL)
		return NULL;
	c->key = key;
	c->number = i;
	if (i < t->n) {
		old = t->at[i];
		map_del(&t->by_key, old->key);
		free_class(old);
	} else
		t->n++;
	t->at[i] = c;
	return c;
}

/* Classes with the same value of the label are of one zone, as are those
 * without it. */
static unsigned
class_zone(const struct classes *t, const struct sell_class *c)
{
	struct slice zone = attrs_label(c->class.key, "zone");
	const struct sell_class *other;
	struct class_set used;
	unsigned i;

	memset(&used, 0, sizeof(used));
	for (i = 0; i < t->sells.n; i++) {
		other = class_sell(t, i);
		if (other == c)
			continue;
		if (slice_equal(attrs_label(other->class.key, "zone"), zone))
			return other->zone;
		class_set_put(&used, other->zone, 1);
	}
	/* The others are too few to use all numbers. */
	for (i = 0; class_set_has(&used, i); i++)
		;
	return i;
}

struct sell_class *
class_of_attrs(struct classes *t, struct slice attrs)
{
	struct sell_class *c = map_get(&t->sells.by_key, attrs);
	struct exchange_sell **sells;
	struct buy_class *b;
	unsigned i;

	if (c == NULL) {
		c = class_new(&t->sells, sizeof(*c), attrs, class_free_sell);
		if (c == NULL)
			return NULL;
		c->zone = class_zone(t, c);
		for (i = 0; i < t->buys.n; i++) {
			b = class_buy(t, i);
			class_set_put(&b->fits, c->class.number,
			    constraints_match(b->class.key, attrs));
		}
	}
	if (fenwick_grow(&c->weights, c->class.n + 1) == -1)
		return NULL;
	sells = array_grow(c->sells, &c->cap, c->class.n + 1,
	    EXCHANGE_ORDERS_MAX, sizeof(*sells));
	if (sells == NULL)
		return NULL;
	c->sells = sells;
	return c;
}

struct buy_class *
class_of_constraints(struct classes *t, struct slice constraints)
{
	struct buy_class *c = map_get(&t->buys.by_key, constraints);
	struct queue_slot *slot;
	unsigned i;

	if (c == NULL) {
		c = class_new(&t->buys, sizeof(*c), constraints,
		    class_free_buy);
		if (c == NULL)
			return NULL;
		chain_init(&c->queue.list);
		for (i = 0; i < t->sells.n; i++)
			class_set_put(&c->fits, i, constraints_match(
			    constraints, class_sell(t, i)->class.key));
	}
	slot = array_grow(c->queue.slot, &c->queue.cap, c->class.n + 1,
	    EXCHANGE_ORDERS_MAX, sizeof(*slot));
	if (slot == NULL)
		return NULL;
	c->queue.slot = slot;
	return c;
}

unsigned
class_need(uint64_t buyers, uint64_t empty)
{
	unsigned need = buyers > 0;

	for (; buyers > 0 && empty > 0; empty >>= 1)
		need++;
	return need;
}
