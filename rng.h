#ifndef RNG_H
#define RNG_H

/*
 * Pseudo-random numbers, for choices that must be spread but not secret:
 * xoshiro256** (Blackman and Vigna, "Scrambled Linear Pseudorandom Number
 * Generators", 2018), seeded through splitmix64. A core has one, which its
 * program seeds: the same seed and the same input give the same run.
 * Secrets (keys, nonces, ids) come from env_random() in env.h.
 */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

struct rng {
	uint64_t s[4];
};

void rng_seed(struct rng *, uint64_t seed);
uint64_t rng_next(struct rng *);

/* Uniform in [0, n); n is not 0. Unbiased (Lemire's multiply and reject where
 * n fits 32 bits, masked rejection above). */
uint64_t rng_below(struct rng *, uint64_t n);

/*
 * Weighted sampling: 32-bit weights in blocks of one cache line, and a Fenwick
 * tree over the sums of the blocks. Setting a weight and drawing an index in
 * proportion to the weights both cost O(log n). The tree of 100,000 weights
 * fits a second-level cache, so that a draw or a change costs one line that is
 * far away: that of the weight. Each index has a number of the caller's beside
 * its weight, in the same line.
 *
 * P. M. Fenwick, "A New Data Structure for Cumulative Frequency Tables",
 * Software - Practice and Experience 24(3), 1994. The draw is the paper's
 * binary descent for the largest index whose cumulative weight is not above a
 * number.
 *
 * The caller draws the random number, with rng_below().
 */

#define FENWICK_BLOCK 8 /* indexes */

struct fenwick_block {
	uint32_t weight[FENWICK_BLOCK];
	uint32_t number[FENWICK_BLOCK];
};

struct fenwick {
	uint64_t *tree;		     /* 1-based partial sums of blocks */
	struct fenwick_block *block; /* at the start of a cache line */
	size_t n;		     /* indexes 0 to n - 1 exist */
	size_t cap;		     /* blocks: a power of two, or 0 */
	uint64_t total;		     /* of all weights */
	size_t last;		     /* the block in which the last point was */
	uint64_t before;	     /* the sum of the weights before it */
};

void fenwick_init(struct fenwick *);
void fenwick_free(struct fenwick *);

/* Make indexes below n exist, with weight and number 0; never shrinks. 0, or -1
 * with ENOMEM and nothing changed. */
int fenwick_grow(struct fenwick *, size_t n);

/* index is below n. */
void fenwick_set(struct fenwick *, size_t index, uint32_t weight);

static inline uint32_t
fenwick_get(const struct fenwick *f, size_t index)
{
	assert(index < f->n);
	return f->block[index / FENWICK_BLOCK].weight[index % FENWICK_BLOCK];
}

/* The caller's number of that index. */
static inline uint32_t *
fenwick_number(const struct fenwick *f, size_t index)
{
	assert(index < f->n);
	return &f->block[index / FENWICK_BLOCK].number[index % FENWICK_BLOCK];
}

/* The index in which point falls when the weights are laid end to end; point
 * is below total. Its weight is never 0. A point in the block of the last one
 * costs O(1), whatever was set meanwhile. */
size_t fenwick_find(struct fenwick *, uint64_t point);

#endif
