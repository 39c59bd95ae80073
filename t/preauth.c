#include "preauth.h"
#include "t/check.h"

/* A host of its own for each n. */
static struct slice
host(unsigned n)
{
	static unsigned char bytes[4];

	bytes[0] = 10;
	bytes[2] = (unsigned char)(n >> 8);
	bytes[3] = (unsigned char)n;
	return slice_of(bytes, sizeof(bytes));
}

#define MAX	 64
#define HOST_MAX 4

/* It comes and enters at once. */
static uint32_t
enter(struct preauth *g, int64_t now, uint32_t tag, unsigned from)
{
	return preauth_enter(g, now, now, tag, host(from));
}

UNIT(test_hosts)
{
	struct preauth g;
	uint32_t tag;

	preauth_init(&g, MAX, HOST_MAX);
	for (tag = 1; tag <= HOST_MAX; tag++)
		assert_int_equal(enter(&g, tag, tag, 1), 0);
	/* Another host has room still, the first one has not. */
	assert_int_equal(enter(&g, 10, 10, 2), 0);
	assert_int_equal(enter(&g, 11, 11, 1), 1);
	assert_int_equal(enter(&g, 12, 12, 1), 2);
	assert_true(preauth_leave(&g, 3));
	assert_false(preauth_leave(&g, 3));
	assert_int_equal(enter(&g, 13, 13, 1), 0);
	assert_int_equal(enter(&g, 14, 14, 1), 4);
	preauth_free(&g);
}

UNIT(test_all)
{
	struct preauth g;
	uint32_t tag;

	preauth_init(&g, MAX, HOST_MAX);
	for (tag = 1; tag <= MAX; tag++)
		assert_int_equal(enter(&g, 0, tag, tag), 0);
	assert_int_equal(enter(&g, 0, 1000, 1000), 1);
	assert_int_equal(enter(&g, 0, 1001, 1001), 2);
	assert_int_equal(g.n, MAX);
	preauth_leave(&g, 1000);
	assert_int_equal(enter(&g, 0, 1002, 1002), 0);
	preauth_leave(&g, 5000);
	assert_int_equal(g.n, MAX);
	preauth_free(&g);
}

/* The smallest gate and the largest. */
UNIT(test_bounds)
{
	struct preauth g;
	uint32_t tag;

	preauth_init(&g, 1, 1);
	assert_int_equal(enter(&g, 0, 1, 1), 0);
	assert_int_equal(enter(&g, 0, 2, 2), 1);
	preauth_free(&g);
	preauth_init(&g, PREAUTH_ENTRIES, PREAUTH_ENTRIES);
	for (tag = 1; tag <= PREAUTH_ENTRIES; tag++)
		assert_int_equal(enter(&g, 0, tag, 1), 0);
	assert_int_equal(enter(&g, 0, tag, 1), 1);
	preauth_free(&g);
}

/* Who is in the way goes for one that waits, once he has had his grace. */
UNIT(test_opens)
{
	struct preauth g;
	uint32_t tag;

	preauth_init(&g, 6, HOST_MAX);
	for (tag = 1; tag <= HOST_MAX; tag++) {
		assert_true(preauth_opens(&g, host(1)) == INT64_MIN);
		enter(&g, 100 * tag, tag, 1);
	}
	assert_int_equal(preauth_opens(&g, host(1)), 100 + PREAUTH_GRACE_MS);
	assert_true(preauth_opens(&g, host(2)) == INT64_MIN);
	/* It waited from 0 on; its grace begins as it enters. */
	assert_int_equal(preauth_enter(&g, 500, 0, 5, host(1)), 1);
	assert_int_equal(preauth_opens(&g, host(1)), 200 + PREAUTH_GRACE_MS);
	for (tag = 2; tag <= 4; tag++)
		preauth_leave(&g, tag);
	assert_true(preauth_opens(&g, host(1)) == INT64_MIN);
	for (tag = 6; tag <= 8; tag++)
		enter(&g, 600, tag, 1);
	assert_int_equal(preauth_opens(&g, host(1)), 500 + PREAUTH_GRACE_MS);
	/* Full in all: then it is the oldest of all, whoever asks. */
	enter(&g, 700, 9, 2);
	enter(&g, 800, 10, 3);
	assert_int_equal(preauth_opens(&g, host(4)), 500 + PREAUTH_GRACE_MS);
	assert_int_equal(enter(&g, 900, 11, 4), 5);
	preauth_free(&g);
}

UNIT(test_time)
{
	struct preauth g;

	preauth_init(&g, MAX, HOST_MAX);
	assert_true(preauth_deadline(&g) == INT64_MAX);
	assert_int_equal(preauth_late(&g, 1000000), 0);
	enter(&g, 100, 1, 1);
	enter(&g, 200, 2, 2);
	assert_int_equal(preauth_deadline(&g), 100 + PREAUTH_MS);
	assert_int_equal(preauth_late(&g, 100 + PREAUTH_MS - 1), 0);
	assert_int_equal(preauth_late(&g, 100 + PREAUTH_MS), 1);
	assert_int_equal(preauth_late(&g, 100 + PREAUTH_MS), 0);
	assert_int_equal(preauth_deadline(&g), 200 + PREAUTH_MS);
	preauth_leave(&g, 2);
	assert_true(preauth_deadline(&g) == INT64_MAX);
	preauth_free(&g);
}

/* Waiting is counted in: three seconds are three, from accepted on. */
UNIT(test_time_with_waiting)
{
	struct preauth g;

	preauth_init(&g, MAX, HOST_MAX);
	enter(&g, 2000, 1, 1);
	preauth_enter(&g, 2500, 10, 2, host(2));
	preauth_enter(&g, 2600, 1000, 3, host(3));
	assert_int_equal(preauth_deadline(&g), 10 + PREAUTH_MS);
	assert_int_equal(preauth_late(&g, 10 + PREAUTH_MS), 2);
	assert_int_equal(preauth_late(&g, 2000 + PREAUTH_MS), 3);
	assert_int_equal(preauth_late(&g, 2000 + PREAUTH_MS), 1);
	assert_int_equal(preauth_late(&g, 2000 + PREAUTH_MS), 0);
	preauth_free(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_opens),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_time_with_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
