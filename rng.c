#include <assert.h>

#include "bytes.h"
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
