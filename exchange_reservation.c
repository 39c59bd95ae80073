#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "exchange_reservation.h"

#define BLOCK	     256 /* reservations allocated at a time */
#define BUCKETS_FIRST 256

struct reserve_block {
	struct reserve_block *next;
	struct reserve r[BLOCK];
};

void
reserves_init(struct reserves *t, size_t max)
{
	t->counter = 0;
	t->n = 0;
	t->max = max;
	chain_init(&t->age);
	t->bucket = NULL;
	t->buckets = 0;
	t->free = NULL;
	t->blocks = NULL;
}

void
reserves_free(struct reserves *t)
{
	struct reserve_block *b;

	while ((b = t->blocks) != NULL) {
		t->blocks = b->next;
		free(b);
	}
	free(t->bucket);
	reserves_init(t, t->max);
}

/* Counters are consecutive, so their low bits are as good as any hash. */
static struct reserve **
bucket_of(const struct reserves *t, uint64_t counter)
{
	return &t->bucket[counter & (t->buckets - 1)];
}

static void
bucket_add(struct reserves *t, struct reserve *r)
{
	struct reserve **b = bucket_of(t, r->counter);

	r->next = *b;
	*b = r;
}

static int
buckets_grow(struct reserves *t)
{
	struct reserve **b;
	struct chain *c;
	size_t i, n;

	n = t->buckets > 0 ? 2 * t->buckets : BUCKETS_FIRST;
	b = malloc(n * sizeof(*b));
	if (b == NULL)
		return -1;
	for (i = 0; i < n; i++)
		b[i] = NULL;
	free(t->bucket);
	t->bucket = b;
	t->buckets = n;
	for (c = t->age.next; c != &t->age; c = c->next)
		bucket_add(t, CHAIN_OWNER(c, struct reserve, age));
	return 0;
}

static int
block_add(struct reserves *t)
{
	struct reserve_block *b;
	size_t i;

	b = malloc(sizeof(*b));
	if (b == NULL)
		return -1;
	b->next = t->blocks;
	t->blocks = b;
	for (i = BLOCK; i-- > 0;) {
		b->r[i].next = t->free;
		t->free = &b->r[i];
	}
	return 0;
}

struct reserve *
reserve_new(struct reserves *t, int64_t until)
{
	struct reserve *r;

	if (t->n >= t->max) {
		errno = ENOBUFS;
		return NULL;
	}
	if ((t->n >= t->buckets && buckets_grow(t) == -1) ||
	    (t->free == NULL && block_add(t) == -1)) {
		errno = ENOMEM;
		return NULL;
	}
	r = t->free;
	t->free = r->next;
	t->n++;
	r->counter = ++t->counter;
	r->until = until;
	r->order = 0;
	r->sell = NULL;
	r->broker = NULL;
	r->quantity = 0;
	chain_append(&t->age, &r->age);
	chain_init(&r->of_sell);
	chain_init(&r->of_broker);
	bucket_add(t, r);
	return r;
}

struct reserve *
reserve_find(const struct reserves *t, uint64_t counter)
{
	struct reserve *r;

	if (t->buckets == 0)
		return NULL;
	for (r = *bucket_of(t, counter); r != NULL; r = r->next)
		if (r->counter == counter)
			return r;
	return NULL;
}

void
reserve_end(struct reserves *t, struct reserve *r)
{
	struct reserve **p;

	assert(t->n > 0);
	for (p = bucket_of(t, r->counter); *p != r; p = &(*p)->next)
		assert(*p != NULL);
	*p = r->next;
	chain_remove(&r->age);
	chain_remove(&r->of_sell);
	chain_remove(&r->of_broker);
	r->next = t->free;
	t->free = r;
	t->n--;
}

struct reserve *
reserve_oldest(const struct reserves *t)
{
	if (chain_empty(&t->age))
		return NULL;
	return CHAIN_OWNER(t->age.next, struct reserve, age);
}
