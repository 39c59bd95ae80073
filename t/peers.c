/* Whom to dial, when, and for how long. */

#include <errno.h>
#include <stdio.h>

#include "t/peers_book.h"
#include "t/check.h"

UNIT(test_first_dial_is_now)
{
	assert_true(peers_deadline(&p) == INT64_MAX);
	dials_nothing(0);
	want(5, A, DIAL_FOREVER, 3);
	assert_int_equal(peers_deadline(&p), 5);
	dials(5, A, 3);
	assert_true(peers_deadline(&p) == INT64_MAX);
	want(6, A, DIAL_FOREVER, 3);
	dials_nothing(6);
}

UNIT(test_back_off)
{
	static const int64_t bound[] = { 100, 200, 400, 800, 1600, 3200, 6400,
		10000, 10000, 10000 };
	int64_t now = 0, longest = 0;
	size_t i;

	want(0, A, DIAL_FOREVER, 0);
	for (i = 0; i < sizeof(bound) / sizeof(bound[0]); i++) {
		dials(now, A, 0);
		failed(now, A);
		/* To ask again does not hasten it. */
		want(now, A, DIAL_FOREVER, 0);
		now = waits(now, bound[i]);
	}
	/* Jitter is full: over many, both ends of the range are met. */
	for (i = 0; i < 300; i++) {
		dials(now, A, 0);
		failed(now, A);
		if (peers_deadline(&p) - now > longest)
			longest = peers_deadline(&p) - now;
		now = waits(now, 10000);
	}
	assert_true(longest > 9500);
}

UNIT(test_jitter_is_spread)
{
	int64_t sum = 0;
	char address[32];
	struct slice got;
	uint32_t tag;
	int i, early = 0;

	for (i = 0; i < 1000; i++) {
		snprintf(address, sizeof(address), "10.0.%d.%d:1", i / 250,
		    i % 250);
		want(0, address, DIAL_HOUR, (uint32_t)i);
	}
	while (peers_dial(&p, 0, &got, &tag))
		assert_int_equal(peers_failed(&p, 0, got, 0), 1);
	for (i = 0; i < 1000; i++) {
		sum += peers_deadline(&p);
		early += peers_deadline(&p) < 30;
		assert_int_equal(peers_dial(&p, peers_deadline(&p), &got, &tag),
		    1);
	}
	assert_in_range(sum / 1000, 50, 60);
	assert_in_range(early, 150, 290);
}

/* The heap: whatever comes and goes, the earliest is the next. */
UNIT(test_order)
{
	char address[32];
	struct slice got;
	int64_t last = 0;
	uint32_t tag;
	int i, left = 0;

	for (i = 0; i < 2000; i++) {
		snprintf(address, sizeof(address), "h%d", i);
		want((i * 7919) % 10007, address, DIAL_FOREVER, (uint32_t)i);
	}
	for (i = 0; i < 2000; i += 3) {
		snprintf(address, sizeof(address), "h%d", i);
		peers_unwant(&p, slice_str(address));
	}
	for (; peers_deadline(&p) != INT64_MAX; left++) {
		assert_true(peers_deadline(&p) >= last);
		last = peers_deadline(&p);
		assert_int_equal(peers_dial(&p, last, &got, &tag), 1);
		assert_int_equal(last, (tag * 7919) % 10007);
		assert_true(tag % 3 != 0);
	}
	assert_int_equal(left, 1333);
	assert_int_equal(p.targets.n, 1333);
}

UNIT(test_linked_rests)
{
	int64_t now;

	want(0, A, DIAL_FOREVER, 1);
	dials(0, A, 1);
	assert_int_equal(up(0, 1, &low, A), 0);
	assert_true(peers_deadline(&p) == INT64_MAX);
	want(1, A, DIAL_FOREVER, 1);
	assert_true(peers_deadline(&p) == INT64_MAX);
	down(20000, 1, &low);
	now = waits(20000, 100);
	dials(now, A, 1);
}

/* A link that is lost at once goes on with the back-off, one that stood begins
 * it anew. */
UNIT(test_back_off_after_link)
{
	int64_t now = 0;
	int i;

	want(0, A, DIAL_FOREVER, 0);
	for (i = 0; i < 20; i++) {
		dials(now, A, 0);
		up(now, (uint32_t)i + 1, &low, A);
		down(now, (uint32_t)i + 1, &low);
		now = waits(now, 10000);
	}
	assert_true(now > 20000);
	dials(now, A, 0);
	failed(now, A);
	now = peers_deadline(&p);
	dials(now, A, 0);
	up(now, 99, &low, A);
	down(now + 10000, 99, &low);
	waits(now + 10000, 100);
}

/* A reason is news once, and again when the target was linked meanwhile: as
 * long as it is not, they may come by turns. */
UNIT(test_news)
{
	static const int error[] = { ECONNREFUSED, EACCES, ELOOP };
	int64_t now = 0;
	size_t i, round;

	assert_true(peers_final(EACCES) && peers_final(EPROTONOSUPPORT));
	assert_false(peers_final(0) || peers_final(ELOOP) ||
	    peers_final(ETIMEDOUT));
	want(0, A, DIAL_FOREVER, 0);
	assert_int_equal(failed(0, A), 0); /* it is not being dialled */
	for (round = 0; round < 6; round++) {
		for (i = 0; i < sizeof(error) / sizeof(error[0]); i++) {
			dials(now, A, 0);
			assert_int_equal(peers_failed(&p, now, slice_str(A),
			    error[i]), round % 3 == 0);
			now = peers_deadline(&p);
		}
		dials(now, A, 0);
		assert_int_equal(peers_failed(&p, now, slice_str(A),
		    ETIMEDOUT), 0);
		now = peers_deadline(&p);
		if (round != 2)
			continue;
		dials(now, A, 0);
		up(now, 1, &low, A);
		down(now, 1, &low);
		now = peers_deadline(&p);
	}
}

UNIT(test_once)
{
	want(0, A, DIAL_ONCE, 5);
	dials(0, A, 5);
	assert_int_equal(failed(1, A), 1);
	assert_int_equal(p.targets.n, 0);
	assert_int_equal(failed(1, A), 0);
	assert_true(peers_deadline(&p) == INT64_MAX);

	want(2, A, DIAL_ONCE, 6);
	dials(2, A, 6);
	assert_int_equal(up(3, 1, &low, A), 0);
	down(4, 1, &low);
	assert_int_equal(p.targets.n, 0);
	assert_int_equal(p.instances.n, 0);
	assert_true(peers_deadline(&p) == INT64_MAX);
}

/* Behind a listener's address is somebody new each time. */
UNIT(test_once_again_while_linked)
{
	want(0, A, DIAL_ONCE, 1);
	dials(0, A, 1);
	up(0, 1, &low, A);
	want(1, A, DIAL_ONCE, 2);
	dials(1, A, 2);
	assert_int_equal(up(1, 2, &high, A), 0);
	/* The first one's end is not the second one's. */
	down(2, 1, &low);
	assert_int_equal(p.targets.n, 1);
	down(3, 2, &high);
	assert_int_equal(p.targets.n, 0);
}

UNIT(test_longest_holds)
{
	int64_t now;

	want(0, A, DIAL_ONCE, 1);
	want(0, A, DIAL_FOREVER, 2);
	want(0, A, DIAL_HOUR, 3);
	dials(0, A, 3);
	failed(0, A);
	assert_int_equal(p.targets.n, 1);
	now = 2 * (int64_t)PEERS_KEEP_MS;
	dials(now, A, 3);
}

UNIT(test_hour)
{
	int64_t now, end = PEERS_KEEP_MS;

	want(0, A, DIAL_HOUR, 0);
	for (now = 0; now < end - 20000; now += 10000) {
		dials(now, A, 0);
		failed(now, A);
	}
	dials(end - 1, A, 0);
	up(end - 1, 1, &low, A);
	/* Its hour begins when the link ends. */
	down(5 * end, 1, &low);
	dials(6 * end - 1, A, 0);
	failed(6 * end - 1, A);
	dials_nothing(6 * end + 10000);
	assert_int_equal(p.targets.n, 0);
	assert_int_equal(p.instances.n, 0);

	want(0, A, DIAL_HOUR, 0);
	dials(0, A, 0);
	failed(end, A);
	assert_int_equal(p.targets.n, 0);
}

UNIT(test_unwant)
{
	peers_unwant(&p, slice_str(A));
	want(0, A, DIAL_FOREVER, 0);
	peers_unwant(&p, slice_str(A));
	dials_nothing(0);
	/* While it is dialled, and while it is linked. */
	want(0, A, DIAL_FOREVER, 0);
	dials(0, A, 0);
	peers_unwant(&p, slice_str(A));
	assert_int_equal(up(0, 1, &low, A), 0);
	down(1, 1, &low);
	want(2, A, DIAL_FOREVER, 0);
	dials(2, A, 0);
	up(2, 2, &low, A);
	peers_unwant(&p, slice_str(A));
	down(3, 2, &low);
	assert_true(peers_deadline(&p) == INT64_MAX);
	assert_int_equal(p.targets.n, 0);
	assert_int_equal(p.instances.n, 0);
}

UNIT(test_bounds)
{
	char address[ADDRESS_MAX + 2];
	int i;

	memset(address, 'x', sizeof(address));
	address[ADDRESS_MAX + 1] = '\0';
	errno = 0;
	assert_int_equal(peers_want(&p, 0, slice_str(address), DIAL_HOUR, 0),
	    -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(peers_want(&p, 0, slice_str(""), DIAL_HOUR, 0), -1);
	want(0, address + 1, DIAL_HOUR, 0);
	for (i = 1; i < PEERS_TARGET_MAX; i++) {
		snprintf(address, sizeof(address), "h%d", i);
		want(0, address, DIAL_HOUR, 0);
	}
	errno = 0;
	assert_int_equal(peers_want(&p, 0, slice_str(A), DIAL_HOUR, 0), -1);
	assert_int_equal(errno, ENOBUFS);
	want(0, address, DIAL_FOREVER, 0);
	peers_unwant(&p, slice_str(address));
	want(0, A, DIAL_HOUR, 0);
}

UNITS(TEST(test_first_dial_is_now), TEST(test_back_off),
    TEST(test_jitter_is_spread), TEST(test_order), TEST(test_linked_rests),
    TEST(test_back_off_after_link), TEST(test_news), TEST(test_once),
    TEST(test_once_again_while_linked), TEST(test_longest_holds),
    TEST(test_hour), TEST(test_unwant), TEST(test_bounds))
