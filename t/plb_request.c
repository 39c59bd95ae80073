/* The requests of a PLB that have no answer yet. */

#include <errno.h>
#include <stdlib.h>

#include "plb_state.h"
#include "t/check.h"

static struct request_pool rs;

static int
setup(void **state)
{
	(void)state;
	request_pool_init(&rs);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	request_pool_free(&rs);
	return 0;
}

UNIT(test_ids)
{
	struct request *r;
	uint64_t old, id;

	assert_null(request_find(&rs, 0));
	assert_null(request_find(&rs, 1));
	r = request_add(&rs);
	old = r->id;
	assert_true(old != 0);
	assert_ptr_equal(request_find(&rs, old), r);
	request_del(&rs, r);
	assert_null(request_find(&rs, old));
	assert_null(request_find(&rs, 0));
	/* The slot is used again, the id is not. */
	r = request_add(&rs);
	id = r->id;
	assert_true(id != old);
	assert_null(request_find(&rs, old));
	assert_ptr_equal(request_find(&rs, id), r);
	assert_int_equal(rs.used, 1);
}

/* In a steady state nothing is allocated. */
UNIT(test_slots)
{
	struct request **slot;
	uint64_t id[100];
	size_t i, k, cap;

	for (i = 0; i < 100; i++)
		id[i] = request_add(&rs)->id;
	slot = rs.slot;
	cap = rs.cap;
	for (k = 0; k < 1000; k++) {
		i = k * 7 % 100;
		request_del(&rs, request_find(&rs, id[i]));
		id[i] = request_add(&rs)->id;
	}
	assert_ptr_equal(rs.slot, slot);
	assert_int_equal(rs.cap, cap);
	for (i = 0; i < 100; i++)
		assert_int_equal(request_find(&rs, id[i])->id, id[i]);
}

UNIT(test_full)
{
	uint64_t last = 0;
	size_t i;

	for (i = 0; i < REQUESTS_MAX; i++)
		last = request_add(&rs)->id;
	assert_int_equal(rs.used, REQUESTS_MAX);
	errno = 0;
	assert_null(request_add(&rs));
	assert_int_equal(errno, ENOBUFS);
	request_del(&rs, request_find(&rs, last));
	assert_non_null(request_add(&rs));
}

UNIT(test_keep)
{
	struct request *r = request_add(&rs);
	struct msg m, again;

	memset(&m, 0, sizeof(m));
	m.type = MSG_REQUEST;
	m.u.request.id = 300;
	m.u.request.function = slice_str("pi");
	m.u.request.body = slice_str("body");
	m.u.request.left_ms = 5000;
	m.u.request.cast = 1;
	assert_int_equal(request_keep(r, &m), 0);
	assert_int_equal(request_keep(r, &m), 0);
	assert_int_equal(msg_decode(&again, MSG_REQUEST,
	    slice_of(r->copy, r->copy_len)), 1);
	assert_int_equal(again.u.request.id, 300);
	assert_true(slice_equal(again.u.request.function, slice_str("pi")));
	assert_true(slice_equal(again.u.request.body, slice_str("body")));
	assert_int_equal(again.u.request.left_ms, 5000);
	assert_int_equal(again.u.request.cast, 1);
	request_unkeep(r);
	assert_null(r->copy);
	/* What is kept goes with the request, or with all of them. */
	assert_int_equal(request_keep(r, &m), 0);
	request_del(&rs, r);
	assert_int_equal(request_keep(request_add(&rs), &m), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ids), TEST(test_slots), TEST(test_full),
		TEST(test_keep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
