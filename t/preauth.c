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

#define MAX 8

static uint32_t
enter(struct preauth *g, int64_t now, uint32_t tag, unsigned n)
{
	return preauth_enter(g, now, tag, host(n));
}

/* Places for all from the first on. */
static void
fill(struct preauth *g, int64_t now)
{
	uint32_t tag;

	preauth_init(g, MAX);
	for (tag = 1; tag <= MAX; tag++) {
		assert_true(preauth_opens(g, now) == INT64_MIN);
		assert_int_equal(enter(g, now, tag, tag), 0);
	}
}

UNIT(test_places)
{
	struct preauth g;

	fill(&g, 1000);
	assert_int_equal(preauth_opens(&g, 1000), 1000 + PREAUTH_GRACE_MS);
	/* Nobody goes for it within the grace. */
	assert_int_equal(enter(&g, 1000, 99, 99), 99);
	assert_int_equal(enter(&g, 1000 + PREAUTH_GRACE_MS - 1, 99, 99), 99);
	assert_int_equal(g.n, MAX);
	assert_true(preauth_leave(&g, 3));
	assert_false(preauth_leave(&g, 3));
	assert_true(preauth_opens(&g, 1000) == INT64_MIN);
	assert_int_equal(enter(&g, 1000, 99, 99), 0);
	preauth_free(&g);
}

/* With grace, of the host that has most the oldest goes. */
UNIT(test_victim)
{
	struct preauth g;
	uint32_t tag;

	preauth_init(&g, MAX);
	enter(&g, 0, 1, 1);
	enter(&g, 0, 2, 2);
	for (tag = 3; tag < 7; tag++)
		enter(&g, tag, tag, 3);
	enter(&g, 10, 7, 2);
	enter(&g, 11, 8, 2);
	assert_true(preauth_opens(&g, 300) == INT64_MIN);
	assert_int_equal(enter(&g, 300, 9, 4), 3);
	/* Two hosts have three each: of the one whose oldest came first. */
	assert_int_equal(enter(&g, 300, 10, 5), 2);
	assert_int_equal(enter(&g, 300, 11, 6), 4);
	preauth_free(&g);
}

/* One that has said something good stays for its time, whoever comes. */
UNIT(test_good)
{
	struct preauth g;
	uint32_t tag;

	fill(&g, 0);
	for (tag = 1; tag < MAX; tag++)
		preauth_good(&g, tag);
	preauth_good(&g, 1000); /* is not there */
	assert_int_equal(enter(&g, 500, 9, 9), MAX);
	preauth_good(&g, 9);
	assert_int_equal(preauth_opens(&g, 500), PREAUTH_MS);
	assert_int_equal(enter(&g, 500, 10, 9), 10);
	/* Its time is up: it keeps nobody out, also while it is there. */
	assert_true(preauth_opens(&g, PREAUTH_MS) == INT64_MIN);
	assert_int_equal(preauth_late(&g, PREAUTH_MS), 1);
	assert_true(preauth_opens(&g, PREAUTH_MS) == INT64_MIN);
	preauth_free(&g);
}

/* Hosts that share the first 64 bits of an IPv6 address are one. */
UNIT(test_network)
{
	unsigned char a[16] = { 0xfd, 7 }, b[16] = { 0xfd, 8 };
	struct preauth g;
	uint32_t tag;

	preauth_init(&g, 5);
	preauth_enter(&g, 0, 1, slice_of(b, sizeof(b)));
	preauth_enter(&g, 0, 2, slice_of(NULL, 0));
	for (tag = 3; tag < 6; tag++) {
		a[15]++;
		preauth_enter(&g, 1, tag, slice_of(a, sizeof(a)));
	}
	assert_int_equal(preauth_enter(&g, 500, 6, slice_of(b, sizeof(b))),
	    3);
	preauth_free(&g);
}

UNIT(test_late)
{
	struct preauth g;

	preauth_init(&g, MAX);
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

UNIT(test_bound)
{
	struct preauth g;

	preauth_bound(&g, 100000);
	assert_int_equal(g.max, PREAUTH_ENTRIES);
	preauth_bound(&g, 64);
	assert_int_equal(g.max, 16);
	preauth_bound(&g, 3);
	assert_int_equal(g.max, 1);
	assert_int_equal(enter(&g, 0, 1, 1), 0);
	assert_int_equal(enter(&g, PREAUTH_GRACE_MS, 2, 1), 1);
	preauth_free(&g);
}

UNITS(PLAIN(test_places), PLAIN(test_victim), PLAIN(test_good),
    PLAIN(test_network), PLAIN(test_late), PLAIN(test_bound))
