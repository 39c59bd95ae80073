/* The PLB core: the tokens that its clients are granted. */

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

/* What a connect for so much is granted, 0 when it is refused. */
static uint64_t
asked(uint32_t client, uint64_t quantity)
{
	struct msg m;

	drive_forget(&fake);
	memset(&m, 0, sizeof(m));
	m.type = MSG_CONNECT;
	m.u.connect.module = slice_str("calc");
	m.u.connect.quantity = quantity;
	assert_int_equal(fake_say(client, &m), 0);
	if (drive_sent(&fake, client, MSG_DEMAND, &m))
		return m.u.demand.tokens;
	assert_true(drive_sent(&fake, client, MSG_REFUSE, &m));
	return 0;
}

static void
test_window(void **state)
{
	static const uint64_t held[] = { 0, 1, 3, 127, 128, 1000 };
	static const uint64_t granted[] = { 0, 3, 7, 255, 256, 256 };
	uint64_t i, n;

	(void)state;
	for (i = 0; i < 6; i++) {
		if (i > 0)
			fake_end();
		fake_begin(held[i]);
		if (held[i] > 0)
			fake_channel(1, held[i]);
		drive_up(&fake, CLIENT, ROLE_CALLER, 0, "", "");
		assert_int_equal(asked(CLIENT, 10000), granted[i]);
		for (n = 1; n <= granted[i]; n++)
			assert_int_equal(fake_request(CLIENT, n, "f"), 0);
		assert_int_equal(asked(CLIENT, 1), 0);
		/* No token, no request. */
		assert_int_equal(fake_request(CLIENT, n, "f"), -1);
		assert_int_equal(errno, EPROTO);
	}
}

/* It shrinks with what is held, to one. */
static void
test_window_shrinks(void **state)
{
	uint32_t one;
	uint64_t id[5], i;
	struct msg m;

	(void)state;
	fake_begin(2);
	one = fake_channel(1, 2);
	fake_client(CLIENT, 5);
	for (i = 0; i < 5; i++)
		assert_int_equal(fake_request(CLIENT, i + 1, "f"), 0);
	id[0] = fake_sent(one);
	id[1] = fake_sent(one);
	for (i = 0; i < 2; i++)
		assert_int_equal(fake_reply(one, id[i], 0), 0);
	drive_down(&fake, one);
	drive_tick(&fake);
	assert_true(drive_sent(&fake, CLIENT, MSG_REPLY, &m));
	assert_int_equal(m.u.reply.demand, 1);
	assert_true(drive_sent(&fake, CLIENT, MSG_REPLY, &m));
	assert_int_equal(m.u.reply.demand, 0);
	assert_int_equal(asked(CLIENT, 5), 0);
	for (i = 3; i <= 5; i++) {
		assert_int_equal(fake_abandon(CLIENT, i), 0);
		assert_true(drive_sent(&fake, CLIENT, MSG_FAIL, &m));
		assert_int_equal(m.u.fail.demand, 0);
	}
	assert_int_equal(fake_queued(), 0);
	assert_int_equal(fake_request(CLIENT, 6, "f"), 0);
	assert_int_equal(fake_request(CLIENT, 7, "f"), -1);
}

/* What a client asked for comes when it is there, unasked; no
 * more, and once. */
static void
test_owed(void **state)
{
	struct msg m;

	(void)state;
	fake_begin(0);
	drive_up(&fake, CLIENT, ROLE_CALLER, 0, "", "");
	assert_int_equal(asked(CLIENT, 4), 0);
	fake_bought(1, 0, 0); /* that is how we hear of it */
	fake_fill(1, 1, 1);
	assert_int_equal(fake_demand(fake_link(1), 1), 0);
	assert_true(drive_sent(&fake, CLIENT, MSG_DEMAND, &m));
	assert_int_equal(m.u.demand.tokens, 3);
	drive_forget(&fake);
	drive_tick(&fake);
	assert_false(drive_sent(&fake, CLIENT, MSG_DEMAND, &m));
	plb_want(plb, 5);
	fake_channel(2, 4);
	fake_nothing();
	assert_int_equal(asked(CLIENT, 2), 2);
	plb_want(plb, 50);
	fake_channel(3, 45);
	fake_nothing();
}

static void
test_other_module(void **state)
{
	struct msg m;

	(void)state;
	fake_begin(0);
	drive_up(&fake, CLIENT, ROLE_CALLER, 0, "", "");
	memset(&m, 0, sizeof(m));
	m.type = MSG_CONNECT;
	m.u.connect.module = slice_str("call");
	m.u.connect.quantity = 1;
	assert_int_equal(fake_say(CLIENT, &m), 0);
	assert_true(drive_sent(&fake, CLIENT, MSG_REFUSE, &m));
	assert_true(slice_equal(m.u.refuse.reason,
	    slice_str("this PLB serves calc, not call")));
	fake_nothing();
}

static void
test_give_back(void **state)
{
	struct msg m;

	(void)state;
	fake_begin(2);
	fake_left(9, 2, CLIENT, 0);
	assert_int_equal(fake_request(CLIENT, 1, "f"), 0);
	assert_int_equal(fake_request(CLIENT, 2, "f"), 0);
	fake_end();
	fake_begin(2);
	fake_channel(1, 2);
	fake_client(CLIENT, 5);
	fake_nothing();
	memset(&m, 0, sizeof(m));
	m.type = MSG_RETURN;
	m.u.giveback.tokens = 4;
	assert_int_equal(fake_say(CLIENT, &m), 0);
	m.u.giveback.tokens = 2;
	assert_int_equal(fake_say(CLIENT, &m), -1);
	assert_int_equal(errno, EPROTO);
	m.u.giveback.tokens = 1;
	assert_int_equal(fake_say(CLIENT, &m), 0);
	assert_int_equal(fake_request(CLIENT, 1, "f"), -1);
	fake_nothing();
}

#define TEST(f) cmocka_unit_test_teardown(f, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_window),
		TEST(test_window_shrinks),
		TEST(test_owed),
		TEST(test_other_module),
		TEST(test_give_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
