#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "gate.h"

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

static void
test_hosts(void **state)
{
	struct gate g;
	uint32_t tag;

	(void)state;
	gate_init(&g);
	for (tag = 1; tag <= GATE_HOST_MAX; tag++)
		assert_int_equal(gate_enter(&g, tag, tag, host(1)), 0);
	assert_true(gate_full(&g, host(1)));
	assert_false(gate_full(&g, host(2)));
	/* Another host has room still, the first one has not. */
	assert_int_equal(gate_enter(&g, 10, 10, host(2)), 0);
	assert_int_equal(gate_enter(&g, 11, 11, host(1)), 1);
	assert_int_equal(gate_enter(&g, 12, 12, host(1)), 2);
	gate_leave(&g, 3);
	assert_false(gate_full(&g, host(1)));
	assert_int_equal(gate_enter(&g, 13, 13, host(1)), 0);
	assert_int_equal(gate_enter(&g, 14, 14, host(1)), 4);
}

static void
test_all(void **state)
{
	struct gate g;
	uint32_t tag;

	(void)state;
	gate_init(&g);
	for (tag = 1; tag <= GATE_MAX; tag++)
		assert_int_equal(gate_enter(&g, 0, tag, host(tag)), 0);
	assert_int_equal(gate_enter(&g, 0, 1000, host(1000)), 1);
	assert_int_equal(gate_enter(&g, 0, 1001, host(1001)), 2);
	assert_int_equal(g.n, GATE_MAX);
	gate_leave(&g, 1000);
	assert_int_equal(gate_enter(&g, 0, 1002, host(1002)), 0);
	gate_leave(&g, 5000);
	assert_int_equal(g.n, GATE_MAX);
}

static void
test_time(void **state)
{
	struct gate g;

	(void)state;
	gate_init(&g);
	assert_true(gate_deadline(&g) == INT64_MAX);
	assert_int_equal(gate_late(&g, 1000000), 0);
	gate_enter(&g, 100, 1, host(1));
	gate_enter(&g, 200, 2, host(2));
	assert_int_equal(gate_deadline(&g), 100 + GATE_MS);
	assert_int_equal(gate_late(&g, 100 + GATE_MS - 1), 0);
	assert_int_equal(gate_late(&g, 100 + GATE_MS), 1);
	assert_int_equal(gate_late(&g, 100 + GATE_MS), 0);
	assert_int_equal(gate_deadline(&g), 200 + GATE_MS);
	gate_leave(&g, 2);
	assert_true(gate_deadline(&g) == INT64_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
