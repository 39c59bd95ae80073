#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "attrs.h"
#include "exchange_class.h"
#include "fail.h"

/* Queues. */

void
queue_init(struct queued *item)
{
	item->place = 0;
	chain_init(&item->chain);
}

int
queue_has(const struct queued *item)
{
	return item->place != 0 || !chain_empty(&item->chain);
}

int
queue_before(const struct queued *a, const struct queued *b)
{
	if (a->held != b->held)
		return a->held < b->held;
	return a->born < b->born || (a->born == b->born && a->seq < b->seq);
}

/*
 * The heap has two keys: what is held, and this. It keeps the order of birth,
 * and, of a million that are born at once, that of arrival. No clock is more
 * than 2^42 ms from its beginning.
 */
static uint64_t
queue_rank(const struct queued *item)
{
	return (uint64_t)(item->born + ((int64_t)1 << 42)) << 20 |
	    (item->seq & 0xfffff);
}

void
queue_add(struct queue *q, struct queued *item)
{
	int r;

	assert(!queue_has(item));
	if (chain_empty(&q->list) || !queue_before(item,
	    CHAIN_OWNER(q->list.prev, struct queued, chain))) {
		chain_append(&q->list, &item->chain);
		return;
	}
	r = heap_put(&q->heap, &item->place, item->held, queue_rank(item));
	assert(r == 0); /* there is room */
	(void)r;
}

void
queue_remove(struct queue *q, struct queued *item)
{
	chain_remove(&item->chain);
	heap_remove(&q->heap, &item->place);
}

struct queued *
queue_first(const struct queue *q)
{
	struct queued *first, *a = CHAIN_NEXT(&q->list, NULL, struct queued,
	    chain);

	if (q->heap.n == 0)
		return a;
	first = HEAP_OWNER(heap_first(&q->heap), struct queued, place);
	return a == NULL || queue_before(first, a) ? first : a;
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
	free(c);
}

static void
class_free_buy(void *class)
{
	struct buy_class *c = class;

	heap_free(&c->queue.heap);
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

/* Does the sell fit the buy, and does it come first? */
static void
class_compare(struct buy_class *b, const struct sell_class *c)
{
	int fits = constraints_match(b->class.key, c->class.key);
	int near = fits && constraints_near(b->class.key, c->class.key);

	class_set_put(&b->fits, c->class.number, fits);
	class_set_put(&b->near, c->class.number, near);
	b->prefers |= near;
}

struct sell_class *
class_of_attrs(struct classes *t, struct slice attrs)
{
	struct sell_class *c = map_get(&t->sells.by_key, attrs);
	struct buy_class *b;
	unsigned i;

	if (c == NULL) {
		c = class_new(&t->sells, sizeof(*c), attrs, class_free_sell);
		if (c == NULL)
			return NULL;
		c->zone = class_zone(t, c);
		for (i = 0; i < t->buys.n; i++) {
			b = class_buy(t, i);
			class_compare(b, c);
		}
	}
	return fenwick_grow(&c->weights, c->class.n + 1) == -1 ? NULL : c;
}

struct buy_class *
class_of_constraints(struct classes *t, struct slice constraints)
{
	struct buy_class *c = map_get(&t->buys.by_key, constraints);
	unsigned i;

	if (c == NULL) {
		c = class_new(&t->buys, sizeof(*c), constraints,
		    class_free_buy);
		if (c == NULL)
			return NULL;
		chain_init(&c->queue.list);
		for (i = 0; i < t->sells.n; i++)
			class_compare(c, class_sell(t, i));
	}
	return heap_reserve(&c->queue.heap, c->class.n + 1) == -1 ? NULL : c;
}

uint64_t
class_need(const struct buy_class *c)
{
	const struct queued *q = queue_first(&c->queue);

	return q == NULL ? 0 : 1 + (uint64_t)q->held;
}
