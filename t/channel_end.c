/* The channel core: draining, who is gone, and when it ends. */

#include "parties.h"

static void
test_drain(void **state)
{
	(void)state;
	begin_linked(CHANNEL_EXEC, 3);
	request(1, 0, 0);
	expect(CHANNEL_START, 1);
	assert_int_equal(simple(LISTENER, MSG_DRAIN, 0), 0);
	expect_msg(PLB, MSG_DRAIN);
	simple(LISTENER, MSG_DRAIN, 0);
	/* What crossed it runs. */
	assert_int_equal(request(2, 0, 0), 0);
	expect(CHANNEL_START, 2);
	answer(2, 0);
	expect_reply(2, 0);
	expect_return(1);
	simple(PLB, MSG_RETURN, 1);
	expect_return(1);
	answer(1, 0);
	expect_reply(1, 0);
	channel_ops.tick(c, now);
	expect_msg(LISTENER, MSG_RETURN);
	expect(ACT_DRAIN, PLB);
	expect_nothing();
	channel_ops.down(c, now, PLB);
	channel_ops.tick(c, now);
	expect(ACT_STOP, 0);
	assert_int_equal(channel_held(c), 0);
}

/* A client that neither returns its tokens nor leaves. */
static void
test_drain_void(void **state)
{
	(void)state;
	begin_linked(CHANNEL_EXEC, 3);
	channel_drain(c, now);
	expect_msg(PLB, MSG_DRAIN);
	expect_nothing();
	assert_int_equal(channel_ops.deadline(c), now + CHANNEL_VOID_MS);
	now += CHANNEL_VOID_MS;
	expect_return(3);
	expect(ACT_DRAIN, PLB);
	assert_true(channel_ops.deadline(c) == INT64_MAX);
}

/* A long request does not keep others from the rest; and a client that reads
 * late of it loses no more than what it sends then. */
static void
test_drain_long(void **state)
{
	struct msg m;

	(void)state;
	begin_linked(CHANNEL_EXEC, 3);
	assert_int_equal(request(1, 0, 0), 0);
	expect(CHANNEL_START, 1);
	channel_drain(c, now);
	expect_msg(PLB, MSG_DRAIN);
	now += CHANNEL_VOID_MS;
	expect_return(2);
	expect_nothing();
	assert_int_equal(channel_held(c), 1);
	memset(&m, 0, sizeof(m));
	m.type = MSG_RETURN;
	m.u.giveback.tokens = 2;
	assert_int_equal(channel_ops.message(c, now, PLB, &m), 0);
	assert_int_equal(request(2, 0, 0), 0);
	m = expect_fail(2, 0, "the channel is ending");
	assert_int_equal(m.u.fail.ran, 0);
	expect_nothing();
	assert_int_equal(channel_reply(c, now, 1, 0, 0, slice_of(NULL, 0)), 0);
	expect_reply(1, 0);
	expect_return(1);
	expect(ACT_DRAIN, PLB);
}

static void
test_drain_crossing_demand(void **state)
{
	(void)state;
	begin_linked(CHANNEL_EXEC, 1);
	connect_with(2, "calc");
	expect_msg(LISTENER, MSG_CONNECT);
	channel_drain(c, now);
	expect_msg(PLB, MSG_DRAIN);
	demand(2);
	expect_msg(PLB, MSG_REFUSE);
	expect_return(2);
	assert_int_equal(channel_held(c), 1);
}

static void
test_client_gone(void **state)
{
	(void)state;
	begin_linked(CHANNEL_EXEC, 4);
	request(1, 0, 0);
	expect(CHANNEL_START, 1);
	request(2, 0, 1);
	expect(CHANNEL_START, 2);
	expect_reply(2, 0);
	channel_ops.down(c, now, PLB);
	expect(CHANNEL_KILL, 1);
	expect_return(2);
	channel_ended(c, now, 1, "signal 15");
	expect_return(1);
	/* The cast is finished first. */
	expect_nothing();
	channel_reply(c, now, 2, 0, 0, slice_str(""));
	channel_ops.tick(c, now);
	assert_int_equal(
	    expect_msg(LISTENER, MSG_RETURN).u.giveback.tokens, 1);
	expect(ACT_STOP, 0);
	expect_nothing();
}

static void
test_client_gone_pool(void **state)
{
	(void)state;
	begin_linked(CHANNEL_POOL, 3);
	request(1, 0, 0);
	expect(CHANNEL_START, 1);
	expect(CHANNEL_FEED, 1);
	request(2, 0, 1);
	expect(CHANNEL_START, 2);
	expect(CHANNEL_FEED, 2);
	expect_reply(2, 0);
	request(3, 0, 0);
	expect(CHANNEL_START, 3);
	expect(CHANNEL_FEED, 3);
	answer(3, 0);
	expect_reply(3, 1);
	channel_ops.down(c, now, PLB);
	expect(CHANNEL_RETIRE, 1);
	expect(CHANNEL_RETIRE, 3);
	expect_return(1);
	answer(2, 0);
	expect(CHANNEL_RETIRE, 2);
	channel_ended(c, now, 1, "exit 0");
	channel_ended(c, now, 2, "exit 0");
	expect_return(2);
	expect_nothing();
	channel_ended(c, now, 3, "exit 0");
	channel_ops.tick(c, now);
	expect(ACT_STOP, 0);
}

static void
test_surplus_workers(void **state)
{
	uint64_t id;

	(void)state;
	begin_linked(CHANNEL_POOL, 3);
	for (id = 1; id <= 3; id++) {
		request(id, 0, 0);
		expect(CHANNEL_START, (uint32_t)id);
		expect(CHANNEL_FEED, (uint32_t)id);
	}
	for (id = 1; id <= 3; id++) {
		answer((uint32_t)id, 0);
		expect_reply(id, 1);
	}
	simple(PLB, MSG_RETURN, 2);
	channel_ops.tick(c, now);
	expect(CHANNEL_RETIRE, 3);
	expect(CHANNEL_RETIRE, 2);
	expect_msg(LISTENER, MSG_RETURN);
	expect_nothing();
	channel_ended(c, now, 3, "exit 0");
	channel_ended(c, now, 2, "exit 0");
	expect_nothing();
}

static void
test_orphan(void **state)
{
	(void)state;
	begin_linked(CHANNEL_EXEC, 1);
	channel_ops.down(c, now, LISTENER);
	expect(ACT_CLOSE, PLB); /* so no request comes any more */
	expect(CHANNEL_ORPHAN, 0);
}

static void
test_no_client(void **state)
{
	(void)state;
	begin(CHANNEL_EXEC, 1);
	expect_nothing();
	channel_ops.failed(c, now, CHANNEL_CLIENT_TAG, slice_str("wrong key"),
	    1);
	channel_ops.tick(c, now);
	expect(ACT_STOP, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_drain),
		TEST(test_drain_void),
		TEST(test_drain_long),
		TEST(test_drain_crossing_demand),
		TEST(test_client_gone),
		TEST(test_client_gone_pool),
		TEST(test_surplus_workers),
		TEST(test_orphan),
		TEST(test_no_client),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
