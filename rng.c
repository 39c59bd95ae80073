#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "bytes.h"
#include "fail.h"
#include "rng.h"

static uint64_t
splitmix64(uint64_t *state)
{
	uint64_t z;

	z = *state += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

void
rng_seed(struct rng *r, uint64_t seed)
{
	int i;

	for (i = 0; i < 4; i++)
		r->s[i] = splitmix64(&seed);
}

uint64_t
rng_next(struct rng *r)
{
	uint64_t *s = r->s;
	uint64_t result, t;

	result = rotl64(s[1] * 5, 7) * 9;
	t = s[1] << 17;
	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl64(s[3], 45);
	return result;
}

/*
 * D. Lemire, "Fast Random Integer Generation in an Interval", 2019: of the
 * 2^32 products, the 2^32 mod n lowest of each result are too many.
 */
static uint64_t
rng_below32(struct rng *r, uint32_t n)
{
	uint64_t product;
	uint32_t excess;

	product = (rng_next(r) >> 32) * n;
	if ((uint32_t)product < n) {
		excess = (0 - n) % n;
		while ((uint32_t)product < excess)
			product = (rng_next(r) >> 32) * n;
	}
	return product >> 32;
}

uint64_t
rng_below(struct rng *r, uint64_t n)
{
	uint64_t mask, x;
	int shift;

	assert(n > 0);
	if (n <= UINT32_MAX)
		return rng_below32(r, (uint32_t)n);
	mask = n - 1;
	for (shift = 1; shift < 64; shift *= 2)
		mask |= mask >> shift;
	do
		x = rng_next(r) & mask;
	while (x >= n);
	return x;
}

/* Weighted sampling. */

void
fenwick_init(struct fenwick *f)
{
	memset(f, 0, sizeof(*f));
}

void
fenwick_free(struct fenwick *f)
{
	free(f->tree);
	free(f->block);
	fenwick_init(f);
}

/* Make room for cap blocks. A node at a power of two sums all that is before
 * it, so those that are new start with the total; the others have only new
 * blocks below them. */
static int
fenwick_resize(struct fenwick *f, size_t cap)
{
	uint64_t *tree = calloc(cap + 1, sizeof(*tree));
	struct fenwick_block *block = array_lines(cap, sizeof(*block));
	size_t i;

	if (tree == NULL || block == NULL) {
		free(tree);
		free(block);
		return fail(ENOMEM);
	}
	if (f->cap > 0) {
		memcpy(tree, f->tree, (f->cap + 1) * sizeof(*tree));
		memcpy(block, f->block, f->cap * sizeof(*block));
		for (i = 2 * f->cap; i <= cap; i *= 2)
			tree[i] = f->total;
	}
	free(f->tree);
	free(f->block);
	f->tree = tree;
	f->block = block;
	f->cap = cap;
	return 0;
}

int
fenwick_grow(struct fenwick *f, size_t n)
{
	size_t cap = f->cap > 0 ? f->cap : 1;

	/* Also keeps the total of all weights within 64 bits. */
	if (n > UINT32_MAX / 2 || n > (size_t)-1 / 4 / sizeof(*f->block))
		return fail(ENOMEM);
	while (cap < (n + FENWICK_BLOCK - 1) / FENWICK_BLOCK)
		cap *= 2;
	if (n > 0 && cap > f->cap && fenwick_resize(f, cap) == -1)
		return -1;
	if (n > f->n)
		f->n = n;
	return 0;
}

void
fenwick_set(struct fenwick *f, size_t index, uint32_t weight)
{
	struct fenwick_block *b = &f->block[index / FENWICK_BLOCK];
	uint64_t delta;
	size_t i;

	assert(index < f->n);
	/* Modulo 2^64, so that it goes down as well as up. */
	delta = (uint64_t)weight - b->weight[index % FENWICK_BLOCK];
	b->weight[index % FENWICK_BLOCK] = weight;
	f->total += delta;
	if (index / FENWICK_BLOCK < f->last)
		f->before += delta;
	for (i = index / FENWICK_BLOCK + 1; i <= f->cap; i += i & (~i + 1))
		f->tree[i] += delta;
}

/* How many of the block's weights end at or before the point: all, if it is in
 * a later block. */
static size_t
fenwick_count(const struct fenwick_block *b, uint64_t point)
{
	uint64_t sum = 0;
	size_t i, n = 0;

	for (i = 0; i < FENWICK_BLOCK; i++) {
		sum += b->weight[i];
		n += sum <= point;
	}
	return n;
}

size_t
fenwick_find(struct fenwick *f, uint64_t point)
{
	uint64_t sum, take, left = point;
	size_t pos = 0, step, n;

	assert(point < f->total);
	if (point >= f->before && (n = fenwick_count(&f->block[f->last],
	    point - f->before)) < FENWICK_BLOCK)
		return FENWICK_BLOCK * f->last + n;
	/* Which way to go is a coin toss, so a branch would be mispredicted at
	 * every other level: take is all ones or zero instead. */
	for (step = f->cap / 2; step > 0; step /= 2) {
		sum = f->tree[pos + step];
		take = 0 - (uint64_t)(sum <= left);
		left -= sum & take;
		pos += step & (size_t)take;
	}
	f->last = pos;
	f->before = point - left;
	return FENWICK_BLOCK * pos + fenwick_count(&f->block[pos], left);
}
