/* The requests of a PLB that have no answer yet. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "plb_request.h"

static struct requests rs;

static int
setup(void **state)
{
	(void)state;
	memset(&rs, 0, sizeof(rs));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	requests_free(&rs);
	return 0;
}

static void
test_ids(void **state)
{
	struct request *r;
	uint64_t old, id;

	(void)state;
	assert_null(requests_find(&rs, 0));
	assert_null(requests_find(&rs, 1));
	r = requests_add(&rs);
	old = r->id;
	assert_true(old != 0);
	assert_ptr_equal(requests_find(&rs, old), r);
	requests_del(&rs, r);
	assert_null(requests_find(&rs, old));
	assert_null(requests_find(&rs, 0));
	/* The slot is used again, the id is not. */
	r = requests_add(&rs);
	id = r->id;
	assert_true(id != old);
	assert_null(requests_find(&rs, old));
	assert_ptr_equal(requests_find(&rs, id), r);
	assert_int_equal(rs.used, 1);
}

/* In a steady state nothing is allocated. */
static void
test_slots(void **state)
{
	struct request *slot;
	uint64_t id[100];
	size_t i, k, cap;

	(void)state;
	for (i = 0; i < 100; i++)
		id[i] = requests_add(&rs)->id;
	slot = rs.slot;
	cap = rs.cap;
	for (k = 0; k < 1000; k++) {
		i = k * 7 % 100;
		requests_del(&rs, requests_find(&rs, id[i]));
		id[i] = requests_add(&rs)->id;
	}
	assert_ptr_equal(rs.slot, slot);
	assert_int_equal(rs.cap, cap);
	for (i = 0; i < 100; i++)
		assert_int_equal(requests_find(&rs, id[i])->id, id[i]);
}

static void
test_full(void **state)
{
	uint64_t last = 0;
	size_t i;

	(void)state;
	for (i = 0; i < REQUESTS_MAX; i++)
		last = requests_add(&rs)->id;
	assert_int_equal(rs.used, REQUESTS_MAX);
	errno = 0;
	assert_null(requests_add(&rs));
	assert_int_equal(errno, ENOBUFS);
	requests_del(&rs, requests_find(&rs, last));
	assert_non_null(requests_add(&rs));
}

static void
check(struct request_list *l, int which, const char *order)
{
	struct request *r = request_first(&rs, l);
	size_t i;

	assert_int_equal(l->n, strlen(order));
	for (i = 0; order[i] != '\0'; i++) {
		assert_non_null(r);
		assert_int_equal(r->client_id, order[i]);
		if (order[i + 1] == '\0')
			assert_ptr_equal(r, request_last(&rs, l));
		r = request_next(&rs, which, r);
	}
	assert_null(r);
}

static struct request *
named(uint64_t *ids, char c)
{
	return requests_find(&rs, ids[c - 'a']);
}

/* Both lists of a request at once, while the slots move. */
static void
test_lists(void **state)
{
	struct request_list place = { 0 }, owner = { 0 };
	uint64_t ids[26];
	struct request *r;
	char c;

	(void)state;
	check(&place, REQUEST_PLACE, "");
	assert_null(request_last(&rs, &place));
	for (c = 'a'; c <= 'z'; c++) {
		r = requests_add(&rs);
		r->client_id = (uint64_t)c;
		ids[c - 'a'] = r->id;
		request_append(&rs, &place, REQUEST_PLACE, r);
		request_prepend(&rs, &owner, REQUEST_OWNER, r);
	}
	check(&place, REQUEST_PLACE, "abcdefghijklmnopqrstuvwxyz");
	check(&owner, REQUEST_OWNER, "zyxwvutsrqponmlkjihgfedcba");
	request_remove(&rs, &place, REQUEST_PLACE, named(ids, 'a'));
	request_remove(&rs, &place, REQUEST_PLACE, named(ids, 'z'));
	request_remove(&rs, &place, REQUEST_PLACE, named(ids, 'm'));
	check(&place, REQUEST_PLACE, "bcdefghijklnopqrstuvwxy");
	request_prepend(&rs, &place, REQUEST_PLACE, named(ids, 'm'));
	request_append(&rs, &place, REQUEST_PLACE, named(ids, 'a'));
	check(&place, REQUEST_PLACE, "mbcdefghijklnopqrstuvwxya");
	check(&owner, REQUEST_OWNER, "zyxwvutsrqponmlkjihgfedcba");
	for (c = 'a'; c <= 'y'; c++)
		request_remove(&rs, &place, REQUEST_PLACE, named(ids, c));
	check(&place, REQUEST_PLACE, "");
	request_prepend(&rs, &place, REQUEST_PLACE, named(ids, 'q'));
	check(&place, REQUEST_PLACE, "q");
}

static void
test_keep(void **state)
{
	struct request *r = requests_add(&rs);
	struct msg m, again;

	(void)state;
	memset(&m, 0, sizeof(m));
	m.type = MSG_REQUEST;
	m.u.request.id = 300;
	m.u.request.function = slice_str("pi");
	m.u.request.body = slice_str("body");
	m.u.request.left_ms = 5000;
	m.u.request.cast = 1;
	assert_int_equal(request_keep(&rs, r, &m), 0);
	assert_int_equal(request_keep(&rs, r, &m), 0);
	assert_int_equal(msg_decode(&again, MSG_REQUEST,
	    slice_of(r->copy, r->copy_len)), 1);
	assert_int_equal(again.u.request.id, 300);
	assert_true(slice_equal(again.u.request.function, slice_str("pi")));
	assert_true(slice_equal(again.u.request.body, slice_str("body")));
	assert_int_equal(again.u.request.left_ms, 5000);
	assert_int_equal(again.u.request.cast, 1);
	request_unkeep(&rs, r);
	assert_null(r->copy);
	/* What is kept goes with the request, or with all of them. */
	assert_int_equal(request_keep(&rs, r, &m), 0);
	requests_del(&rs, r);
	assert_int_equal(request_keep(&rs, requests_add(&rs), &m), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_ids), TEST(test_slots), TEST(test_full),
		TEST(test_lists), TEST(test_keep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
