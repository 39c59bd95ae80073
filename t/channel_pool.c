#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>

#include "channel_pool.h"

static void
test_pool(void **state)
{
	struct pool c;
	int start;

	(void)state;
	pool_init(&c, 0);
	assert_int_equal(pool_take(&c, 0, 11, &start), 1);
	assert_true(start);
	assert_int_equal(pool_take(&c, 0, 12, &start), 2);
	assert_true(start);
	assert_int_equal(pool_worker(&c, 2)->request, 12);
	pool_done(&c, 1, 1);
	pool_done(&c, 2, 1);
	/* The last used is used first. */
	assert_int_equal(c.idle, 2);
	assert_int_equal(pool_take(&c, 0, 13, &start), 2);
	assert_false(start);
	assert_int_equal(pool_take(&c, 0, 14, &start), 1);
	assert_int_equal(c.alive, 2);
	assert_int_equal(c.idle, 0);
	pool_free(&c);
}

/* A number is not used again before its worker has ended. */
static void
test_leave(void **state)
{
	struct pool c;
	int start;

	(void)state;
	pool_init(&c, 0);
	pool_take(&c, 0, 1, &start);
	pool_done(&c, 1, 1);
	pool_leave(&c, 1);
	assert_int_equal(pool_take(&c, 0, 1, &start), 2);
	assert_true(start);
	assert_int_equal(pool_ended(&c, 0, 1), POOL_LEAVING);
	assert_null(pool_worker(&c, 1));
	assert_int_equal(pool_ended(&c, 0, 1), POOL_NONE);
	assert_int_equal(pool_take(&c, 0, 1, &start), 1);
	/* One that leaves with work in hand does not come back. */
	pool_leave(&c, 2);
	pool_done(&c, 2, 1);
	assert_int_equal(c.idle, 0);
	pool_free(&c);
}

static void
test_idle_ends(void **state)
{
	struct pool c;
	uint32_t i;
	int start;

	(void)state;
	pool_init(&c, 0);
	for (i = 1; i <= 3; i++)
		pool_take(&c, 0, i, &start);
	for (i = 1; i <= 3; i++)
		pool_done(&c, i, 1);
	assert_int_equal(pool_ended(&c, 0, 2), POOL_IDLE);
	assert_int_equal(pool_take(&c, 0, 1, &start), 3);
	assert_int_equal(pool_take(&c, 0, 1, &start), 1);
	assert_int_equal(pool_take(&c, 0, 1, &start), 2);
	assert_true(start);
	assert_int_equal(c.fails, 0);
	pool_free(&c);
}

static void
test_mux(void **state)
{
	struct pool c;
	int start;

	(void)state;
	pool_init(&c, 1);
	assert_int_equal(pool_take(&c, 0, 1, &start), 1);
	assert_true(start);
	assert_int_equal(pool_take(&c, 0, 2, &start), 1);
	assert_false(start);
	assert_int_equal(pool_worker(&c, 1)->load, 2);
	pool_leave(&c, 1);
	assert_int_equal(pool_take(&c, 0, 3, &start), 2);
	assert_true(start);
	pool_ended(&c, 0, 1);
	assert_int_equal(pool_take(&c, 0, 4, &start), 2);
	pool_free(&c);
}

/* How long nothing is started after a worker died, or 0. */
static int64_t
pause_after_death(struct pool *c, int64_t now)
{
	uint32_t worker;
	int64_t at;
	int start;

	worker = pool_take(c, now, 1, &start);
	assert_true(worker != 0 && start);
	pool_ended(c, now, worker);
	for (at = now; pool_take(c, at, 1, &start) == 0; at++)
		assert_int_equal(errno, EAGAIN);
	pool_leave(c, 1);
	pool_ended(c, at, 1);
	return at - now;
}

static void
test_back_off(void **state)
{
	struct pool c;
	int64_t now = 0;
	int start, i;

	(void)state;
	pool_init(&c, 0);
	for (i = 1; i < POOL_FAILS; i++)
		assert_int_equal(pause_after_death(&c, now), 0);
	assert_int_equal(pause_after_death(&c, now), POOL_BACKOFF_MIN_MS);
	now += POOL_BACKOFF_MIN_MS;
	assert_int_equal(pause_after_death(&c, now), 2 * POOL_BACKOFF_MIN_MS);
	for (i = 0; i < 20; i++)
		now += POOL_BACKOFF_MAX_MS, pause_after_death(&c, now);
	now += POOL_BACKOFF_MAX_MS;
	assert_int_equal(pause_after_death(&c, now), POOL_BACKOFF_MAX_MS);
	/* One answer, and all is forgiven. */
	now += POOL_BACKOFF_MAX_MS;
	pool_take(&c, now, 1, &start);
	pool_done(&c, 1, 1);
	pool_ended(&c, now, 1);
	assert_int_equal(pause_after_death(&c, now), 0);
	pool_free(&c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pool),
		cmocka_unit_test(test_leave),
		cmocka_unit_test(test_idle_ends),
		cmocka_unit_test(test_mux),
		cmocka_unit_test(test_back_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
