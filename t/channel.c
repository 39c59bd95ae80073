/* The channel core: a client's tokens, and those of its listener. */

#include "parties.h"

#include <errno.h>

static void
test_alone(void **state)
{
	struct msg m;

	(void)state;
	begin(CHANNEL_EXEC, 3);
	up(PLB);
	assert_int_equal(connect_with(1, "other"), 0);
	expect_msg(PLB, MSG_REFUSE);
	assert_int_equal(connect_with(2, "calc"), 0);
	expect_demand(2);
	assert_int_equal(connect_with(5, "calc"), 0);
	expect_demand(1);
	assert_int_equal(connect_with(1, "calc"), 0);
	m = expect_msg(PLB, MSG_REFUSE);
	assert_true(slice_equal(m.u.refuse.reason,
	    slice_str("no capacity left")));
	assert_int_equal(simple(PLB, MSG_RETURN, 3), 0);
	assert_int_equal(channel_held(c), 0);
	assert_int_equal(simple(PLB, MSG_RETURN, 1), -1);
	assert_int_equal(errno, EPROTO);
	assert_int_equal(connect_with(9, "calc"), 0);
	expect_demand(3);
}

static void
test_no_token(void **state)
{
	(void)state;
	begin_alone(CHANNEL_EXEC, 1);
	assert_int_equal(request(1, 0, 0), 0);
	expect(CHANNEL_START, 1);
	errno = 0;
	assert_int_equal(request(2, 0, 0), -1);
	assert_int_equal(errno, EPROTO);
}

static void
test_listener(void **state)
{
	struct msg m;

	(void)state;
	begin(CHANNEL_EXEC, 0);
	up(PLB);
	connect_with(5, "calc");
	expect_nothing();
	up(LISTENER);
	m = expect_msg(LISTENER, MSG_CONNECT);
	assert_int_equal(m.u.connect.quantity, 5);
	assert_int_equal(m.u.connect.counter, 5);
	assert_true(slice_equal(m.u.connect.module, slice_str("calc")));
	demand(3);
	expect_demand(3);
	/* An answer to nothing. */
	assert_int_equal(demand(3), -1);
	connect_with(2, "calc");
	expect_msg(LISTENER, MSG_CONNECT);
	m = make(MSG_REFUSE);
	m.u.refuse.reason = slice_str("no capacity left");
	assert_int_equal(message(LISTENER, m), 0);
	m = expect_msg(PLB, MSG_REFUSE);
	assert_true(slice_equal(m.u.refuse.reason,
	    slice_str("no capacity left")));
	simple(PLB, MSG_RETURN, 2);
	expect_return(2);
	assert_int_equal(channel_held(c), 1);
}

static void
test_asks_bound(void **state)
{
	int i;

	(void)state;
	begin(CHANNEL_EXEC, 0);
	up(PLB);
	for (i = 0; i < CHANNEL_ASKS; i++)
		assert_int_equal(connect_with(1, "calc"), 0);
	assert_int_equal(connect_with(1, "calc"), -1);
	up(LISTENER);
	for (i = 0; i < CHANNEL_ASKS; i++)
		expect_msg(LISTENER, MSG_CONNECT);
	assert_int_equal(connect_with(1, "calc"), -1);
}

static void
test_fair_share(void **state)
{
	uint64_t id;
	struct msg m;

	(void)state;
	begin_linked(CHANNEL_EXEC, 4);
	for (id = 1; id <= 4; id++) {
		request(id, 0, 0);
		expect(CHANNEL_START, (uint32_t)id);
	}
	waiting(3, 2);
	m = expect_msg(PLB, MSG_WAITING);
	assert_int_equal(m.u.waiting.buyers, 3);
	assert_int_equal(m.u.waiting.empty, 3);
	assert_int_equal(m.u.waiting.share, 0);
	/* Its slice of time first. */
	answer(1, 0);
	expect_reply(1, 1);
	expect_nothing();
	now += CHANNEL_SLICE_MS;
	answer(2, 0);
	expect_reply(2, 0);
	expect_return(1);
	answer(3, 0);
	expect_reply(3, 0);
	expect_return(1);
	/* Its share it keeps. */
	answer(4, 0);
	expect_reply(4, 1);
	assert_int_equal(channel_held(c), 2);
	waiting(0, 0);
	expect_msg(PLB, MSG_WAITING);
	request(5, 0, 0);
	expect(CHANNEL_START, 4);
	answer(4, 0);
	expect_reply(5, 1);
	expect_nothing();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_alone),
		TEST(test_no_token),
		TEST(test_listener),
		TEST(test_asks_bound),
		TEST(test_fair_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
