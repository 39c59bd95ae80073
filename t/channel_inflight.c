

#include <errno.h>
#include <string.h>

#include "channel_pool.h"
#include "t/check.h"

#define MANY 3000

static struct inflight_table t;

static int
setup(void **state)
{
	(void)state;
	inflight_init(&t, 7);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	inflight_free(&t);
	return 0;
}

/* Ids as PLBs give them, and some that differ in their highest bits alone. */
static uint64_t
id_of(size_t i)
{
	return i % 2 == 0 ? (uint64_t)i << 20 | i : (uint64_t)i << 50;
}

static void
add(uint64_t id)
{
	assert_non_null(inflight_add(&t, id));
}

UNIT(test_found_by_id)
{
	struct inflight *r;
	size_t i;

	assert_null(inflight_find(&t, 5));
	for (i = 1; i <= MANY; i++)
		add(id_of(i));
	assert_int_equal(t.used, MANY);
	for (i = 1; i <= MANY; i++) {
		assert_non_null(r = inflight_find(&t, id_of(i)));
		assert_true(r->id == id_of(i));
		assert_ptr_equal(inflight_at(&t, r->number), r);
		assert_ptr_equal(inflight_mux(&t, r->mux), r);
	}
	assert_null(inflight_find(&t, id_of(MANY + 2)));
}

UNIT(test_an_id_is_in_use_once)
{
	add(5);
	errno = 0;
	assert_null(inflight_add(&t, 5));
	assert_int_equal(errno, EEXIST);
	inflight_del(&t, inflight_find(&t, 5));
	assert_null(inflight_find(&t, 5));
	add(5);
}

/* Out of the middle of chains, and in again with other ids. */
UNIT(test_deleted_and_used_again)
{
	size_t i, slots;

	for (i = 1; i <= MANY; i++)
		add(id_of(i));
	slots = t.n;
	for (i = 1; i <= MANY; i += 3)
		inflight_del(&t, inflight_find(&t, id_of(i)));
	for (i = 1; i <= MANY; i++)
		if (i % 3 == 1)
			assert_null(inflight_find(&t, id_of(i)));
		else
			assert_non_null(inflight_find(&t, id_of(i)));
	for (i = 1; i <= MANY; i += 3)
		add(id_of(MANY + i));
	assert_int_equal(t.n, slots);
	assert_int_equal(t.used, MANY);
	for (i = 1; i <= MANY; i += 3)
		assert_non_null(inflight_find(&t, id_of(MANY + i)));
}

UNIT(test_a_late_mux_reply_finds_nothing)
{
	struct inflight *r;
	uint32_t mux;

	add(1);
	mux = inflight_find(&t, 1)->mux;
	inflight_del(&t, inflight_find(&t, 1));
	assert_null(inflight_mux(&t, mux));
	add(2);
	assert_non_null(r = inflight_find(&t, 2));
	assert_ptr_equal(inflight_mux(&t, r->mux), r);
	assert_null(inflight_mux(&t, mux));
}

/* The client may use an id again when it has its answer, which may be before
 * the worker is done: of a cast, and of one that is late. */
UNIT(test_answered_and_used_again)
{
	struct inflight *first, *again;

	add(7);
	assert_non_null(first = inflight_find(&t, 7));
	inflight_answered(&t, first);
	assert_null(inflight_find(&t, 7));
	add(7);
	assert_non_null(again = inflight_find(&t, 7));
	assert_ptr_not_equal(again, first);
	inflight_del(&t, first);
	assert_ptr_equal(inflight_find(&t, 7), again);
}

UNIT(test_as_many_as_numbers_go)
{
	size_t i;

	for (i = 1; i <= INFLIGHT_MAX; i++)
		add(i);
	errno = 0;
	assert_null(inflight_add(&t, INFLIGHT_MAX + 1));
	assert_int_equal(errno, ENOBUFS);
	inflight_del(&t, inflight_find(&t, 77));
	add(INFLIGHT_MAX + 1);
	assert_non_null(inflight_find(&t, INFLIGHT_MAX + 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_found_by_id, setup,
		    teardown),
		cmocka_unit_test_setup_teardown(test_an_id_is_in_use_once,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(test_deleted_and_used_again,
		    setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_a_late_mux_reply_finds_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_answered_and_used_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_as_many_as_numbers_go,
		    setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
