#ifndef RNG_H
#define RNG_H

/*
 * Pseudo-random numbers, for choices that must be spread but not secret:
 * xoshiro256** (Blackman and Vigna, "Scrambled Linear Pseudorandom Number
 * Generators", 2018), seeded through splitmix64. A core has one, which its
 * program seeds: the same seed and the same input give the same run.
 * Secrets (keys, nonces, ids) come from env_random() in env.h.
 */

#include <stdint.h>

struct rng {
	uint64_t s[4];
};

void rng_seed(struct rng *, uint64_t seed);
uint64_t rng_next(struct rng *);

/* Uniform in [0, n); n is not 0. Unbiased (Lemire's multiply and reject where
 * n fits 32 bits, masked rejection above). */
uint64_t rng_below(struct rng *, uint64_t n);

#endif
