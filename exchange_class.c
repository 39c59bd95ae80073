#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "attrs.h"
#include "exchange_class.h"
#include "fail.h"

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

void
classes_init(struct classes *t, uint64_t seed, uint64_t seed2)
{
	map_init(&t->sells.by_key, seed);
	map_init(&t->buys.by_key, seed2);
	t->sells.n = t->buys.n = 0;
}

static void
sell_class_free(struct sell_class *c)
{
	fenwick_free(&c->weights);
	free(c->sells);
	free(c);
}

static void
buy_class_free(struct buy_class *c)
{
	queue_free(&c->queue);
	free(c);
}

void
classes_free(struct classes *t)
{
	unsigned i;

	for (i = 0; i < t->sells.n; i++)
		sell_class_free(class_sell(t, i));
	for (i = 0; i < t->buys.n; i++)
		buy_class_free(class_buy(t, i));
	map_free(&t->sells.by_key);
	map_free(&t->buys.by_key);
}

/* Memory for a class and its key, all zero but for that. */
static void *
class_alloc(size_t size, struct slice key)
{
	struct class *c;

	c = calloc(1, size + key.len);
	if (c == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	if (key.len > 0)
		memcpy((unsigned char *)c + size, key.p, key.len);
	c->key = slice_of((unsigned char *)c + size, key.len);
	return c;
}

/*
 * Enter the class into the table, under a number that is new or that of a
 * class without orders; *old is that class, or NULL. 0, or -1 with ENOBUFS or
 * ENOMEM and nothing changed.
 */
static int
class_enter(struct class_table *t, struct class *c, struct class **old)
{
	unsigned i;

	i = t->n;
	if (i == EXCHANGE_CLASSES)
		for (i = 0; i < t->n && t->at[i]->n > 0; i++)
			;
	if (i == EXCHANGE_CLASSES)
		return fail(ENOBUFS);
	if (map_put(&t->by_key, c->key, c) == -1)
		return -1;
	*old = i < t->n ? t->at[i] : NULL;
	if (*old != NULL)
		map_del(&t->by_key, (*old)->key);
	else
		t->n++;
	t->at[i] = c;
	c->number = i;
	return 0;
}

static int
fits(const struct buy_class *b, const struct sell_class *s)
{
	return constraints_match(b->class.key, s->class.key);
}

/* Classes with the same value of the label are of one zone, as are those
 * without it. */
static unsigned
zone_number(const struct classes *t, const struct sell_class *c)
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
	struct sell_class *c;
	struct class *old;
	unsigned i;

	c = map_get(&t->sells.by_key, attrs);
	if (c != NULL)
		return c;
	c = class_alloc(sizeof(*c), attrs);
	if (c == NULL)
		return NULL;
	fenwick_init(&c->weights);
	if (class_enter(&t->sells, &c->class, &old) == -1) {
		free(c);
		return NULL;
	}
	if (old != NULL)
		sell_class_free((struct sell_class *)(void *)old);
	c->zone = zone_number(t, c);
	for (i = 0; i < t->buys.n; i++)
		class_set_put(&class_buy(t, i)->fits, c->class.number,
		    fits(class_buy(t, i), c));
	return c;
}

struct buy_class *
class_of_constraints(struct classes *t, struct slice constraints)
{
	struct buy_class *c;
	struct class *old;
	unsigned i;

	c = map_get(&t->buys.by_key, constraints);
	if (c != NULL)
		return c;
	c = class_alloc(sizeof(*c), constraints);
	if (c == NULL)
		return NULL;
	queue_init(&c->queue);
	if (class_enter(&t->buys, &c->class, &old) == -1) {
		free(c);
		return NULL;
	}
	if (old != NULL)
		buy_class_free((struct buy_class *)(void *)old);
	for (i = 0; i < t->sells.n; i++)
		class_set_put(&c->fits, i, fits(c, class_sell(t, i)));
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
