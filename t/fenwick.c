#include <errno.h>

#include "rng.h"
#include "t/check.h"

/* The definition: walk along the weights. */
static size_t
naive_find(const uint32_t *weight, uint64_t point)
{
	size_t i;

	for (i = 0; point >= weight[i]; i++)
		point -= weight[i];
	return i;
}

UNIT(test_empty)
{
	struct fenwick f;

	fenwick_init(&f);
	assert_int_equal(f.total, 0);
	assert_int_equal(fenwick_grow(&f, 0), 0);
	assert_int_equal(f.n, 0);
	fenwick_free(&f);
}

UNIT(test_one)
{
	struct fenwick f;

	fenwick_init(&f);
	assert_int_equal(fenwick_grow(&f, 1), 0);
	assert_int_equal(fenwick_get(&f, 0), 0);
	fenwick_set(&f, 0, 3);
	assert_int_equal(f.total, 3);
	assert_int_equal(fenwick_find(&f, 0), 0);
	assert_int_equal(fenwick_find(&f, 2), 0);
	fenwick_free(&f);
}

/* Every point of every size up to 40, so with n at, below and above powers of
 * two, with zeros in all places. */
UNIT(test_every_point)
{
	uint32_t weight[40];
	struct fenwick f;
	struct rng r;
	uint64_t point;
	size_t i, n;

	rng_seed(&r, 1);
	for (n = 1; n <= 40; n++) {
		fenwick_init(&f);
		assert_int_equal(fenwick_grow(&f, n), 0);
		for (i = 0; i < n; i++) {
			weight[i] = (uint32_t)rng_below(&r, 4);
			fenwick_set(&f, i, weight[i]);
		}
		for (point = 0; point < f.total; point++)
			assert_int_equal(fenwick_find(&f, point),
			    naive_find(weight, point));
		fenwick_free(&f);
	}
}

/* Random changes, growing in between: always what the model says. */
UNIT(test_against_model)
{
	static uint32_t weight[1000];
	struct fenwick f;
	struct rng r;
	uint64_t total, point;
	size_t i, n, step;

	rng_seed(&r, 2);
	fenwick_init(&f);
	total = 0;
	n = 0;
	for (step = 0; step < 50000; step++) {
		if (n < 1000 && rng_below(&r, 40) == 0) {
			n += 1 + rng_below(&r, 3);
			if (n > 1000)
				n = 1000;
			assert_int_equal(fenwick_grow(&f, n), 0);
			assert_int_equal(f.n, n);
		}
		if (n == 0)
			continue;
		i = rng_below(&r, n);
		assert_int_equal(fenwick_get(&f, i), weight[i]);
		total -= weight[i];
		weight[i] = rng_below(&r, 3) == 0 ? 0 :
		    (uint32_t)(rng_next(&r) >> (32 + rng_below(&r, 32)));
		total += weight[i];
		fenwick_set(&f, i, weight[i]);
		assert_true(f.total == total);
		if (total == 0)
			continue;
		point = rng_below(&r, total);
		i = fenwick_find(&f, point);
		assert_int_equal(i, naive_find(weight, point));
		assert_true(fenwick_get(&f, i) > 0);
	}
	assert_int_equal(n, 1000);
	fenwick_free(&f);
}

UNIT(test_largest_weights)
{
	struct fenwick f;
	size_t i;

	fenwick_init(&f);
	assert_int_equal(fenwick_grow(&f, 100), 0);
	for (i = 0; i < 100; i++)
		fenwick_set(&f, i, UINT32_MAX);
	assert_true(f.total == (uint64_t)UINT32_MAX * 100);
	for (i = 0; i < 100; i++) {
		assert_int_equal(fenwick_find(&f,
		    (uint64_t)UINT32_MAX * i), i);
		assert_int_equal(fenwick_find(&f,
		    (uint64_t)UINT32_MAX * (i + 1) - 1), i);
	}
	for (i = 0; i < 100; i++)
		fenwick_set(&f, i, 0);
	assert_true(f.total == 0);
	fenwick_free(&f);
}

UNIT(test_never_shrinks)
{
	struct fenwick f;

	fenwick_init(&f);
	assert_int_equal(fenwick_grow(&f, 10), 0);
	fenwick_set(&f, 9, 5);
	*fenwick_number(&f, 9) = 77;
	assert_int_equal(fenwick_grow(&f, 3), 0);
	assert_int_equal(f.n, 10);
	assert_int_equal(fenwick_get(&f, 9), 5);
	errno = 0;
	assert_int_equal(fenwick_grow(&f, SIZE_MAX), -1);
	assert_int_equal(errno, ENOMEM);
	assert_int_equal(f.n, 10);
	assert_int_equal(fenwick_find(&f, 4), 9);
	assert_int_equal(fenwick_grow(&f, 1000), 0);
	assert_int_equal(*fenwick_number(&f, 8), 0);
	assert_int_equal(*fenwick_number(&f, 9), 77);
	fenwick_free(&f);
}

/*
 * Drawn in proportion: chi-square over 10 weights, 9 degrees of freedom; the
 * fixed seed makes the outcome fixed, and 27.9 is what one in a thousand
 * correct generators exceeds.
 */
UNIT(test_proportion)
{
	double count[10] = { 0 }, expected, chi2;
	struct fenwick f;
	struct rng r;
	size_t i;

	rng_seed(&r, 3);
	fenwick_init(&f);
	assert_int_equal(fenwick_grow(&f, 10), 0);
	for (i = 0; i < 10; i++)
		fenwick_set(&f, i, (uint32_t)(i + 1) * 10);
	for (i = 0; i < 100000; i++)
		count[fenwick_find(&f, rng_below(&r, f.total))]++;
	chi2 = 0;
	for (i = 0; i < 10; i++) {
		expected = 100000.0 * (double)(i + 1) / 55;
		chi2 += (count[i] - expected) * (count[i] - expected) /
		    expected;
	}
	assert_true(chi2 < 27.9);
	fenwick_free(&f);
}

UNITS(PLAIN(test_empty), PLAIN(test_one), PLAIN(test_every_point),
    PLAIN(test_against_model), PLAIN(test_largest_weights),
    PLAIN(test_never_shrinks), PLAIN(test_proportion))
