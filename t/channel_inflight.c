#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "channel_inflight.h"

#define MANY 3000

static struct running_table t;

static int
setup(void **state)
{
	(void)state;
	running_init(&t, 7);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	running_free(&t);
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
	assert_non_null(running_add(&t, id));
}

static void
test_found_by_id(void **state)
{
	struct running *r;
	size_t i;

	(void)state;
	assert_null(running_find(&t, 5));
	for (i = 1; i <= MANY; i++)
		add(id_of(i));
	assert_int_equal(t.used, MANY);
	for (i = 1; i <= MANY; i++) {
		assert_non_null(r = running_find(&t, id_of(i)));
		assert_true(r->id == id_of(i));
		assert_ptr_equal(running_at(&t, r->number), r);
		assert_ptr_equal(running_mux(&t, r->mux), r);
	}
	assert_null(running_find(&t, id_of(MANY + 2)));
}

static void
test_an_id_is_in_use_once(void **state)
{
	(void)state;
	add(5);
	errno = 0;
	assert_null(running_add(&t, 5));
	assert_int_equal(errno, EEXIST);
	running_del(&t, running_find(&t, 5));
	assert_null(running_find(&t, 5));
	add(5);
}

/* Out of the middle of chains, and in again with other ids. */
static void
test_deleted_and_used_again(void **state)
{
	size_t i, slots;

	(void)state;
	for (i = 1; i <= MANY; i++)
		add(id_of(i));
	slots = t.n;
	for (i = 1; i <= MANY; i += 3)
		running_del(&t, running_find(&t, id_of(i)));
	for (i = 1; i <= MANY; i++)
		if (i % 3 == 1)
			assert_null(running_find(&t, id_of(i)));
		else
			assert_non_null(running_find(&t, id_of(i)));
	for (i = 1; i <= MANY; i += 3)
		add(id_of(MANY + i));
	assert_int_equal(t.n, slots);
	assert_int_equal(t.used, MANY);
	for (i = 1; i <= MANY; i += 3)
		assert_non_null(running_find(&t, id_of(MANY + i)));
}

static void
test_a_late_mux_reply_finds_nothing(void **state)
{
	struct running *r;
	uint32_t mux;

	(void)state;
	add(1);
	mux = running_find(&t, 1)->mux;
	running_del(&t, running_find(&t, 1));
	assert_null(running_mux(&t, mux));
	add(2);
	assert_non_null(r = running_find(&t, 2));
	assert_ptr_equal(running_mux(&t, r->mux), r);
	assert_null(running_mux(&t, mux));
}

/* The client may use an id again when it has its answer, which may be before
 * the worker is done: of a cast, and of one that is late. */
static void
test_answered_and_used_again(void **state)
{
	struct running *first, *again;

	(void)state;
	add(7);
	assert_non_null(first = running_find(&t, 7));
	running_answered(&t, first);
	assert_null(running_find(&t, 7));
	add(7);
	assert_non_null(again = running_find(&t, 7));
	assert_ptr_not_equal(again, first);
	running_del(&t, first);
	assert_ptr_equal(running_find(&t, 7), again);
}

static void
test_as_many_as_numbers_go(void **state)
{
	size_t i;

	(void)state;
	for (i = 1; i <= RUNNING_MAX; i++)
		add(i);
	errno = 0;
	assert_null(running_add(&t, RUNNING_MAX + 1));
	assert_int_equal(errno, ENOBUFS);
	running_del(&t, running_find(&t, 77));
	add(RUNNING_MAX + 1);
	assert_non_null(running_find(&t, RUNNING_MAX + 1));
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
