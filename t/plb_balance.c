/* Which channel gets a request, and how many requests there may be. */

#include <errno.h>
#include <stdio.h>

#include "attrs.h"
#include "plb_state.h"
#include "t/check.h"

static struct balance balance;
static struct rng rng;
static struct buf bytes;

static struct slice
attrs_of(const char *version, const char *export)
{
	char *exports[1];
	const char *why, *which;
	int r;

	exports[0] = (char *)export;
	buf_free(&bytes);
	buf_init(&bytes, LIST_MAX);
	r = attrs_build(&bytes, version, NULL, exports, export != NULL, NULL,
	    0, &why, &which);
	assert_int_equal(r, 0);
	return buf_slice(&bytes);
}

static int
setup(void **state)
{
	(void)state;
	memset(&balance, 0, sizeof(balance));
	rng_seed(&rng, 1);
	buf_init(&bytes, LIST_MAX);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	balance_free(&balance);
	buf_free(&bytes);
	return 0;
}

static enum balance_drawn
draw(const char *function, unsigned arity, size_t *channel, int *cast)
{
	return balance_draw(&balance, &rng, slice_str(function), arity,
	    channel, cast);
}

static uint64_t
total(void)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < balance.n; i++)
		sum += balance.group[i].tokens.total;
	return sum;
}

UNIT(test_nothing)
{
	size_t channel;
	int cast;

	assert_int_equal(draw("f", 0, &channel, &cast), BALANCE_UNKNOWN);
	assert_int_equal(draw(NULL, 0, &channel, &cast), BALANCE_UNKNOWN);
	assert_int_equal(total(), 0);
}

UNIT(test_groups)
{
	int a, b;

	a = balance_join(&balance, attrs_of("1", "f/1"), 0);
	b = balance_join(&balance, attrs_of("2", "f/1"), 1);
	assert_int_not_equal(a, -1);
	assert_int_not_equal(a, b);
	assert_int_equal(balance_join(&balance, attrs_of("1", "f/1"), 2), a);
	assert_true(slice_equal(balance_attrs(&balance, b),
	    attrs_of("2", "f/1")));
	balance_leave(&balance, a, 0);
	assert_non_null(balance_attrs(&balance, a).p);
	balance_leave(&balance, a, 2);
	assert_null(balance_attrs(&balance, a).p);
	/* It is used again. */
	assert_int_equal(balance_join(&balance, attrs_of("3", "f/1"), 7), a);
}

UNIT(test_full)
{
	char version[16];
	size_t i;

	for (i = 0; i < BALANCE_GROUPS; i++) {
		snprintf(version, sizeof(version), "%zu", i);
		assert_int_not_equal(
		    balance_join(&balance, attrs_of(version, NULL), i), -1);
	}
	errno = 0;
	assert_int_equal(balance_join(&balance, attrs_of("9999", NULL), i), -1);
	assert_int_equal(errno, ENOBUFS);
	/* Those that are there go on growing. */
	assert_int_equal(balance_join(&balance, attrs_of("7", NULL), i), 7);
}

UNIT(test_exports)
{
	size_t channel = 99;
	int g, cast = -1;

	g = balance_join(&balance, attrs_of("1", "f/1"), 3);
	assert_int_equal(draw("f", 1, &channel, &cast), BALANCE_EMPTY);
	balance_set(&balance, g, 3, 1);
	assert_int_equal(draw("f", 1, &channel, &cast), BALANCE_FOUND);
	assert_int_equal(channel, 3);
	assert_int_equal(cast, 0);
	assert_int_equal(draw("f", 2, &channel, &cast), BALANCE_NOBODY);
	assert_int_equal(draw("g", 1, &channel, &cast), BALANCE_NOBODY);
	/* No function named: whoever. */
	assert_int_equal(draw(NULL, 5, &channel, &cast), BALANCE_FOUND);
	/* Somebody comes who has it, and goes. */
	g = balance_join(&balance, attrs_of("2", "g/1:cast"), 4);
	assert_int_equal(draw("g", 1, &channel, &cast), BALANCE_EMPTY);
	balance_set(&balance, g, 4, 9);
	assert_int_equal(draw("g", 1, &channel, &cast), BALANCE_FOUND);
	assert_int_equal(channel, 4);
	assert_int_equal(cast, 1);
	assert_int_equal(total(), 10);
	balance_leave(&balance, g, 4);
	assert_int_equal(draw("g", 1, &channel, &cast), BALANCE_NOBODY);
	assert_int_equal(total(), 1);
}

/* A module that does not say what it exports may have it. */
UNIT(test_silent)
{
	size_t channel;
	int g, cast;

	g = balance_join(&balance, slice_of(NULL, 0), 0);
	balance_set(&balance, g, 0, 1);
	assert_int_equal(draw("anything", 4, &channel, &cast), BALANCE_FOUND);
}

/* More functions than are remembered, asked in turn, keep their answers. */
UNIT(test_many_functions)
{
	char name[8];
	size_t channel;
	int g, cast, i;

	g = balance_join(&balance, attrs_of("1", "f7/1"), 0);
	balance_set(&balance, g, 0, 1);
	for (i = 0; i < 10 * BALANCE_KNOWN; i++) {
		snprintf(name, sizeof(name), "f%d", i % (3 * BALANCE_KNOWN));
		assert_int_equal(draw(name, 1, &channel, &cast),
		    i % (3 * BALANCE_KNOWN) == 7 ? BALANCE_FOUND :
						   BALANCE_NOBODY);
	}
}

/* A name that no function can have. */
UNIT(test_long_name)
{
	static char name[NAME_BYTES_MAX + 2];
	size_t channel;
	int g, cast;

	g = balance_join(&balance, slice_of(NULL, 0), 0);
	balance_set(&balance, g, 0, 1);
	memset(name, 'x', NAME_BYTES_MAX);
	assert_int_equal(draw(name, 0, &channel, &cast), BALANCE_FOUND);
	memset(name, 'x', NAME_BYTES_MAX + 1);
	assert_int_equal(draw(name, 0, &channel, &cast), BALANCE_NOBODY);
}

/* In proportion to the tokens, over all groups that export it. */
UNIT(test_proportion)
{
	static const unsigned tokens[4] = { 100, 300, 0, 600 };
	unsigned hits[5] = { 0 };
	size_t i, channel;
	int group[4], cast;

	for (i = 0; i < 4; i++) {
		group[i] = balance_join(&balance,
		    attrs_of(i < 2 ? "1" : "2", "f/0"), i);
		balance_set(&balance, group[i], i, tokens[i]);
	}
	balance_set(&balance, balance_join(&balance, attrs_of("3", "g/0"), 4),
	    4, 5000);
	for (i = 0; i < 100000; i++) {
		assert_int_equal(draw("f", 0, &channel, &cast), BALANCE_FOUND);
		hits[channel]++;
	}
	/* Four sigmas of a binomial are under 700. */
	assert_in_range(hits[0], 10000 - 700, 10000 + 700);
	assert_in_range(hits[1], 30000 - 700, 30000 + 700);
	assert_in_range(hits[3], 60000 - 700, 60000 + 700);
	assert_int_equal(hits[2] + hits[4], 0);
}

/* So many requests may be without an answer. */
UNIT(test_most_requests)
{
	struct request_pool rs;
	struct request *r;
	uint64_t last = 0;
	size_t i;

	request_pool_init(&rs);
	for (i = 0; i < REQUESTS_MAX; i++)
		last = request_add(&rs)->id;
	assert_int_equal(rs.used, REQUESTS_MAX);
	errno = 0;
	assert_null(request_add(&rs));
	assert_int_equal(errno, ENOBUFS);
	request_del(&rs, request_find(&rs, last));
	assert_non_null(r = request_add(&rs));
	assert_int_not_equal(r->id, last);
	assert_ptr_equal(request_find(&rs, r->id), r);
	assert_null(request_find(&rs, last));
	request_pool_free(&rs);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

UNITS(TEST(test_nothing), TEST(test_groups), TEST(test_full),
    TEST(test_exports), TEST(test_silent), TEST(test_many_functions),
    TEST(test_long_name), TEST(test_proportion), TEST(test_most_requests))
