#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "exchange_reservation.h"

#define BLOCK	      256 /* reservations allocated at a time */
#define BUCKETS_FIRST 256

struct reservation_block {
	struct reservation_block *next;
	struct exchange_reservation r[BLOCK];
};

void
reservation_init(struct reservations *t, size_t max)
{
	memset(t, 0, sizeof(*t));
	t->max = max;
	chain_init(&t->age);
}

void
reservation_free(struct reservations *t)
{
	struct reservation_block *b;

	while ((b = t->blocks) != NULL) {
		t->blocks = b->next;
		free(b);
	}
	free(t->bucket);
}

/* Counters are consecutive, so their low bits are as good as any hash. */
static struct exchange_reservation **
reservation_bucket(const struct reservations *t, uint64_t counter)
{
	return &t->bucket[counter & (t->buckets - 1)];
}

static void
reservation_enter(struct reservations *t, struct exchange_reservation *r)
{
	struct exchange_reservation **b = reservation_bucket(t, r->counter);

	r->next = *b;
	*b = r;
}

static int
reservation_grow_buckets(struct reservations *t)
{
	size_t n = t->buckets > 0 ? 2 * t->buckets : BUCKETS_FIRST;
	struct exchange_reservation **b = malloc(n * sizeof(*b));
	struct exchange_reservation *r = NULL;
	size_t i;

	if (b == NULL)
		return -1;
	for (i = 0; i < n; i++)
		b[i] = NULL;
	free(t->bucket);
	t->bucket = b;
	t->buckets = n;
	while ((r = CHAIN_NEXT(&t->age, r, struct exchange_reservation,
	    age)) != NULL)
		reservation_enter(t, r);
	return 0;
}

static int
reservation_add_block(struct reservations *t)
{
	struct reservation_block *b = malloc(sizeof(*b));
	size_t i;

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

struct exchange_reservation *
reservation_new(struct reservations *t, int64_t until)
{
	struct exchange_reservation *r;

	if (t->n >= t->max) {
		errno = ENOBUFS;
		return NULL;
	}
	if ((t->n >= t->buckets && reservation_grow_buckets(t) == -1) ||
	    (t->free == NULL && reservation_add_block(t) == -1)) {
		errno = ENOMEM;
		return NULL;
	}
	r = t->free;
	t->free = r->next;
	t->n++;
	r->counter = ++t->counter;
	r->until = until;
	r->quantity = 0;
	chain_append(&t->age, &r->age);
	chain_init(&r->of_sell);
	chain_init(&r->of_broker);
	reservation_enter(t, r);
	return r;
}

struct exchange_reservation *
reservation_find(const struct reservations *t, uint64_t counter)
{
	struct exchange_reservation *r;

	if (t->buckets == 0)
		return NULL;
	for (r = *reservation_bucket(t, counter); r != NULL; r = r->next)
		if (r->counter == counter)
			return r;
	return NULL;
}

void
reservation_end(struct reservations *t, struct exchange_reservation *r)
{
	struct exchange_reservation **p;

	assert(t->n > 0);
	for (p = reservation_bucket(t, r->counter); *p != r; p = &(*p)->next)
		assert(*p != NULL);
	*p = r->next;
	chain_remove(&r->age);
	chain_remove(&r->of_sell);
	chain_remove(&r->of_broker);
	r->next = t->free;
	t->free = r;
	t->n--;
}

struct exchange_reservation *
reservation_oldest(const struct reservations *t)
{
	return CHAIN_NEXT(&t->age, NULL, struct exchange_reservation, age);
}
