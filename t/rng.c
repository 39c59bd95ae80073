#include "rng.h"
#include "t/check.h"

/*
 * Where a test compares a chi-square with a limit, one in a thousand correct
 * generators exceeds it. The seeds are fixed, so the outcome is, too.
 */
static double
chi_square(const double *count, size_t n, double total)
{
	double chi2, expected;
	size_t i;

	chi2 = 0;
	expected = total / (double)n;
	for (i = 0; i < n; i++)
		chi2 += (count[i] - expected) * (count[i] - expected) /
		    expected;
	return chi2;
}

/* The authors' code with this state. */
UNIT(test_vectors)
{
	static const uint64_t want[] = {
		11520u, 0u, 1509978240u, 1215971899390074240u,
		1216172134540287360u, 607988272756665600u,
		16172922978634559625u, 8476171486693032832u,
		10595114339597558777u, 2904607092377533576u
	};
	struct rng r = { { 1, 2, 3, 4 } };
	size_t i;

	for (i = 0; i < sizeof(want) / sizeof(want[0]); i++)
		assert_true(rng_next(&r) == want[i]);
}

/* The state is splitmix64's first four numbers. */
UNIT(test_seed_vectors)
{
	static const uint64_t want[4] = {
		6457827717110365317u, 3203168211198807973u,
		9817491932198370423u, 4593380528125082431u
	};
	struct rng r;
	int i;

	rng_seed(&r, 1234567);
	for (i = 0; i < 4; i++)
		assert_true(r.s[i] == want[i]);
}

UNIT(test_seed_decides)
{
	struct rng a, b, c;
	int i, same;

	rng_seed(&a, 0);
	rng_seed(&b, 0);
	rng_seed(&c, 1);
	same = 0;
	for (i = 0; i < 100; i++) {
		assert_true(rng_next(&a) == rng_next(&b));
		same += rng_next(&a) == rng_next(&c);
		rng_next(&b);
	}
	assert_int_equal(same, 0);
}

/* Each bit is set in half of the numbers: 6 sigma of 100,000 are 949. */
UNIT(test_bits)
{
	struct rng r;
	uint64_t x;
	int count[64] = { 0 };
	int i, bit;

	rng_seed(&r, 4);
	for (i = 0; i < 100000; i++) {
		x = rng_next(&r);
		for (bit = 0; bit < 64; bit++)
			count[bit] += (int)(x >> bit & 1);
	}
	for (bit = 0; bit < 64; bit++)
		assert_in_range(count[bit], 50000 - 949, 50000 + 949);
}

/* All below the bound, and not all in its lower half. */
UNIT(test_below_range)
{
	static const uint64_t bound[] = {
		1, 2, 3, 10, 1000, UINT32_MAX, (uint64_t)UINT32_MAX + 1,
		(uint64_t)UINT32_MAX + 2, UINT64_MAX / 2 + 2, UINT64_MAX
	};
	struct rng r;
	uint64_t x, highest;
	size_t i;
	int n;

	rng_seed(&r, 5);
	for (i = 0; i < sizeof(bound) / sizeof(bound[0]); i++) {
		highest = 0;
		for (n = 0; n < 10000; n++) {
			x = rng_below(&r, bound[i]);
			assert_true(x < bound[i]);
			if (x > highest)
				highest = x;
		}
		assert_true(highest >= bound[i] / 2);
	}
}

UNIT(test_below_uniform)
{
	double count[10] = { 0 };
	struct rng r;
	int i;

	rng_seed(&r, 6);
	for (i = 0; i < 100000; i++)
		count[rng_below(&r, 10)]++;
	assert_true(chi_square(count, 10, 100000) < 27.9);
}

/*
 * Bounds at which taking a remainder or a product without rejection gives
 * some numbers twice as often as others: 3/4 of 2^32 (where the product errs
 * by residue modulo 3) and of 2^64 (where the remainder favours the lowest
 * third).
 */
UNIT(test_below_unbiased)
{
	const uint64_t n32 = (uint64_t)3 << 30, n64 = (uint64_t)3 << 62;
	double residue[3] = { 0 }, third[3] = { 0 }, wide[3] = { 0 };
	struct rng r;
	uint64_t x;
	int i;

	rng_seed(&r, 7);
	for (i = 0; i < 100000; i++) {
		x = rng_below(&r, n32);
		residue[x % 3]++;
		third[x / (n32 / 3)]++;
		wide[rng_below(&r, n64) / (n64 / 3)]++;
	}
	assert_true(chi_square(residue, 3, 100000) < 13.8);
	assert_true(chi_square(third, 3, 100000) < 13.8);
	assert_true(chi_square(wide, 3, 100000) < 13.8);
}

UNITS(PLAIN(test_vectors), PLAIN(test_seed_vectors), PLAIN(test_seed_decides),
    PLAIN(test_bits), PLAIN(test_below_range), PLAIN(test_below_uniform),
    PLAIN(test_below_unbiased))
