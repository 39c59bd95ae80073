/* The PLB core: requests that fail, are late or are given up, and what of them
 * runs again. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "t/fake.h"

static int
teardown(void **state)
{
	(void)state;
	fake_end();
	return 0;
}

/* Retries. */

static void
test_lost(void **state)
{
	uint32_t one;

	(void)state;
	fake_begin(2);
	one = fake_channel(1, 2);
	fake_client(CLIENT, 1);
	assert_int_equal(fake_request(CLIENT, 1, "f"), 0);
	fake_sent(one);
	drive_down(&fake, one);
	drive_tick(&fake);
	fake_failed(CLIENT, 1, 1, "the channel at 10.0.0.1:7 was lost");
	fake_bought(2, 2, 0);
	fake_nothing();
	assert_int_equal(fake_in_flight(), 0);
}

static void
test_retry(void **state)
{
	uint32_t peer;
	uint64_t id, i;

	(void)state;
	fake_begin(1);
	peer = fake_channel(1, 1);
	assert_int_equal(fake_request_retry(0, 5, 2), 0);
	for (i = 0; i < 2; i++) {
		fake_sent(peer);
		drive_down(&fake, peer);
		drive_tick(&fake);
		fake_bought(1, i + 1, 0);
		fake_nothing();
		assert_int_equal(fake_queued(), 1);
		fake_fill(1, 1, i + 2);
		peer = fake_link(1);
		assert_int_equal(fake_demand(peer, 1), 0);
		fake_connected(peer, 1, 1, i + 2);
		fake_bought(0, i + 2, 1);
		fake_room(0);
	}
	id = fake_sent(peer);
	assert_int_equal(fake_fail(peer, id, 1), 0);
	fake_failed(0, 5, 1, "exit 1");
	assert_int_equal(fake_fail(peer, id, 1), -1);
	assert_int_equal(errno, EPROTO);
}

static void
test_retry_failed(void **state)
{
	uint32_t one;

	(void)state;
	fake_begin(1);
	one = fake_channel(1, 1);
	assert_int_equal(fake_request_retry(0, 5, 1), 0);
	assert_int_equal(fake_fail(one, fake_sent(one), 1), 0);
	assert_int_equal(fake_reply(one, fake_sent(one), 1), 0);
	fake_replied(0, 5);
	fake_nothing();
	assert_int_equal(plb_room(plb), 1);
}

/* Those that were in flight are the first again, and in their order. */
static void
test_retry_order(void **state)
{
	uint32_t one, two;
	uint64_t i;

	(void)state;
	fake_begin(3);
	one = fake_channel(1, 3);
	for (i = 1; i <= 4; i++)
		assert_int_equal(fake_request_retry(0, i, 1), 0);
	drive_down(&fake, one);
	drive_tick(&fake);
	assert_int_equal(fake_queued(), 4);
	drive_forget(&fake);
	fake_fill(2, 1, 2);
	two = fake_link(2);
	assert_int_equal(fake_demand(two, 1), 0);
	for (i = 1; i <= 4; i++) {
		assert_int_equal(fake_reply(two, fake_sent(two), 1), 0);
		fake_replied(0, i);
	}
}

/* Time. */

static void
test_late_queued(void **state)
{
	struct msg m;
	int64_t begun;

	(void)state;
	fake_begin(2);
	fake_left(9, 2, CLIENT, 0);
	begun = fake.now;
	assert_int_equal(fake_request_left(CLIENT, 1, 500), 0);
	assert_int_equal(fake_request(CLIENT, 2, "f"), 0);
	drive_wait(&fake, 499);
	assert_false(drive_sent(&fake, CLIENT, MSG_FAIL, &m));
	drive_wait(&fake, 200);
	assert_true(fake.now - begun < 1000);
	assert_true(drive_sent(&fake, CLIENT, MSG_FAIL, &m));
	assert_int_equal(m.u.fail.id, 1);
	assert_int_equal(m.u.fail.late, 1);
	assert_int_equal(m.u.fail.ran, 0);
	assert_int_equal(m.u.fail.demand, 0); /* nothing is held */
	assert_int_equal(fake_queued(), 1);
	drive_forget(&fake);
	/* No deadline is left to be looked at. */
	drive_wait(&fake, 60000);
	assert_false(drive_sent(&fake, CLIENT, MSG_FAIL, &m));
}

/* The channel is told what is left; what it calls late is not run again. */
static void
test_late_sent(void **state)
{
	uint32_t one;
	struct msg m;

	(void)state;
	fake_begin(1);
	memset(&m, 0, sizeof(m));
	m.type = MSG_REQUEST;
	m.u.request.id = 1;
	m.u.request.left_ms = 5000;
	m.u.request.retries = 9;
	assert_int_equal(fake_say(0, &m), 0);
	drive_wait(&fake, 1000);
	fake_fill(1, 1, 1);
	one = fake_link(1);
	assert_int_equal(fake_demand(one, 1), 0);
	assert_true(drive_sent(&fake, one, MSG_REQUEST, &m));
	assert_int_equal(m.u.request.left_ms, 4000);
	drive_forget(&fake);
	m.type = MSG_FAIL;
	memset(&m.u, 0, sizeof(m.u));
	m.u.fail.id = 1;
	assert_int_equal(fake_say(one, &m), -1); /* not its number here */
	fake_nothing();
}

/* It ran where it was lost, whatever the second try says. */
static void
test_ran_before(void **state)
{
	uint32_t one;
	struct msg m;

	(void)state;
	fake_begin(1);
	one = fake_channel(1, 1);
	assert_int_equal(fake_request_retry(0, 1, 1), 0);
	fake_sent(one);
	drive_down(&fake, one);
	drive_tick(&fake);
	fake_fill(2, 1, 2);
	one = fake_link(2);
	assert_int_equal(fake_demand(one, 1), 0);
	memset(&m, 0, sizeof(m));
	m.type = MSG_FAIL;
	m.u.fail.id = fake_sent(one);
	m.u.fail.reason = slice_str("its workers die");
	assert_int_equal(fake_say(one, &m), 0);
	fake_failed(0, 1, 1, "its workers die");
}

static void
test_late_not_again(void **state)
{
	struct msg m;
	uint32_t one;

	(void)state;
	fake_begin(1);
	one = fake_channel(1, 1);
	assert_int_equal(fake_request_retry(0, 1, 9), 0);
	memset(&m, 0, sizeof(m));
	m.type = MSG_FAIL;
	m.u.fail.id = fake_sent(one);
	m.u.fail.late = 1;
	m.u.fail.ran = 1;
	m.u.fail.reason = slice_str("its time was up");
	assert_int_equal(fake_say(one, &m), 0);
	assert_true(drive_sent(&fake, 0, MSG_FAIL, &m));
	assert_int_equal(m.u.fail.late, 1);
	assert_int_equal(m.u.fail.ran, 1);
	fake_bought(1, 1, 0);
	fake_nothing();
}

/* Giving up. */

static void
test_abandon_queued(void **state)
{
	struct msg m;

	(void)state;
	fake_begin(2);
	fake_left(9, 2, CLIENT, 0);
	assert_int_equal(fake_request(CLIENT, 1, "f"), 0);
	assert_int_equal(fake_request(CLIENT, 2, "f"), 0);
	drive_forget(&fake);
	assert_int_equal(fake_abandon(CLIENT, 1), 0);
	assert_true(drive_sent(&fake, CLIENT, MSG_FAIL, &m));
	assert_int_equal(m.u.fail.id, 1);
	assert_int_equal(m.u.fail.ran, 0);
	fake_nothing();
	assert_int_equal(fake_queued(), 1);
	/* Its answer is out, so this crossed it. */
	assert_int_equal(fake_abandon(CLIENT, 1), 0);
	fake_nothing();
}

static void
test_abandon_sent(void **state)
{
	struct msg m;
	uint32_t one;
	uint64_t id;

	(void)state;
	fake_begin(1);
	one = fake_channel(1, 1);
	fake_client(CLIENT, 2);
	assert_int_equal(fake_request_retry(CLIENT, 1, 5), 0);
	id = fake_sent(one);
	assert_int_equal(fake_abandon(CLIENT, 1), 0);
	fake_failed(CLIENT, 1, 1, "abandoned");
	assert_true(drive_sent(&fake, one, MSG_ABANDON, &m));
	assert_int_equal(m.u.abandon.id, id);
	fake_nothing();
	/* It holds its token until the channel says so; nobody else hears. */
	assert_int_equal(plb_room(plb), 0);
	assert_int_equal(fake_in_flight(), 1);
	assert_int_equal(fake_fail(one, id, 1), 0);
	fake_nothing();
	assert_int_equal(plb_room(plb), 1);
	assert_int_equal(fake_in_flight(), 0);
}

static void
test_client_gone(void **state)
{
	struct msg m;
	uint32_t one;
	uint64_t id;

	(void)state;
	fake_begin(1);
	one = fake_channel(1, 1);
	fake_client(CLIENT, 3);
	assert_int_equal(fake_request(CLIENT, 1, "f"), 0);
	assert_int_equal(fake_request_retry(CLIENT, 2, 5), 0);
	id = fake_sent(one);
	fake_client(CLIENT2, 1);
	assert_int_equal(fake_request(CLIENT2, 1, "f"), 0);
	drive_forget(&fake);
	drive_down(&fake, CLIENT);
	drive_tick(&fake);
	assert_true(drive_sent(&fake, one, MSG_ABANDON, &m));
	assert_int_equal(m.u.abandon.id, id);
	fake_nothing();
	assert_int_equal(fake_queued(), 1);
	/* Somebody else under its handle is not told. */
	fake_client(CLIENT, 3);
	assert_int_equal(fake_reply(one, id, 1), 0);
	assert_int_equal(fake_reply(one, fake_sent(one), 1), 0);
	fake_replied(CLIENT2, 1);
	fake_nothing();
	assert_int_equal(fake_in_flight(), 0);
}

static void
test_abandoned_and_lost(void **state)
{
	uint32_t one;

	(void)state;
	fake_begin(1);
	one = fake_channel(1, 1);
	fake_client(CLIENT, 3);
	assert_int_equal(fake_request_retry(CLIENT, 1, 5), 0);
	assert_int_equal(fake_abandon(CLIENT, 1), 0);
	drive_forget(&fake);
	drive_down(&fake, one);
	drive_tick(&fake);
	fake_bought(1, 1, 0);
	fake_nothing();
	assert_int_equal(fake_queued() + fake_in_flight(), 0);
}

#define TEST(f) cmocka_unit_test_teardown(f, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_lost),
		TEST(test_retry),
		TEST(test_retry_failed),
		TEST(test_retry_order),
		TEST(test_late_queued),
		TEST(test_late_sent),
		TEST(test_ran_before),
		TEST(test_late_not_again),
		TEST(test_abandon_queued),
		TEST(test_abandon_sent),
		TEST(test_client_gone),
		TEST(test_abandoned_and_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
