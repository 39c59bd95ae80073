#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "fenwick.h"

void
fenwick_init(struct fenwick *f)
{
	memset(f, 0, sizeof(*f));
}

void
fenwick_free(struct fenwick *f)
{
	free(f->tree);
	free(f->weight);
	fenwick_init(f);
}

/* Make room for cap indexes. A node at a power of two sums all that is before
 * it, so those that are new start with the total; the others have only new
 * indexes below them. */
static int
fenwick_resize(struct fenwick *f, size_t cap)
{
	uint64_t *tree = calloc(cap + 1, sizeof(*tree));
	uint32_t *weight = calloc(cap, sizeof(*weight));
	size_t i;

	if (tree == NULL || weight == NULL) {
		free(tree);
		free(weight);
		return fail(ENOMEM);
	}
	if (f->cap > 0) {
		memcpy(tree, f->tree, (f->cap + 1) * sizeof(*tree));
		memcpy(weight, f->weight, f->cap * sizeof(*weight));
		for (i = 2 * f->cap; i <= cap; i *= 2)
			tree[i] = f->total;
	}
	free(f->tree);
	free(f->weight);
	f->tree = tree;
	f->weight = weight;
	f->cap = cap;
	return 0;
}

int
fenwick_grow(struct fenwick *f, size_t n)
{
	size_t cap = f->cap > 0 ? f->cap : 1;

	/* Also keeps the total of all weights within 64 bits. */
	if (n > UINT32_MAX / 2 || n > (size_t)-1 / 4 / sizeof(*f->tree))
		return fail(ENOMEM);
	while (cap < n)
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
	uint64_t delta;
	size_t i;

	assert(index < f->n);
	/* Modulo 2^64, so that it goes down as well as up. */
	delta = (uint64_t)weight - f->weight[index];
	f->weight[index] = weight;
	f->total += delta;
	for (i = index + 1; i <= f->cap; i += i & (~i + 1))
		f->tree[i] += delta;
}

uint32_t
fenwick_get(const struct fenwick *f, size_t index)
{
	assert(index < f->n);
	return f->weight[index];
}

size_t
fenwick_find(const struct fenwick *f, uint64_t point)
{
	uint64_t sum, take;
	size_t pos = 0, step;

	assert(point < f->total);
	/* Which way to go is a coin toss, so a branch would be mispredicted at
	 * every other level: take is all ones or zero instead. */
	for (step = f->cap / 2; step > 0; step /= 2) {
		sum = f->tree[pos + step];
		take = 0 - (uint64_t)(sum <= point);
		point -= sum & take;
		pos += step & (size_t)take;
	}
	return pos;
}
