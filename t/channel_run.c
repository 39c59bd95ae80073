/* The channel core: requests that run, in each of the modes, and the one answer
 * to each. */

#include "parties.h"

#include <errno.h>

#include "channel_pool.h"

static void
test_exec(void **state)
{
	struct act a;
	struct msg m;

	(void)state;
	begin_alone(CHANNEL_EXEC, 2);
	assert_int_equal(request(41, 0, 0), 0);
	a = expect(CHANNEL_START, 1);
	assert_int_equal(a.value, 1); /* the first that came */
	m = decode(a.bytes);
	assert_true(slice_equal(m.u.request.body, slice_str("in")));
	assert_int_equal(request(42, 0, 0), 0);
	expect(CHANNEL_START, 2);
	assert_int_equal(channel_running(c), 2);
	assert_int_equal(channel_request_of(c, 2), 2);
	assert_int_equal(
	    channel_reply(c, now, 2, 0, 7, slice_str("out")), 0);
	m = expect_msg(PLB, MSG_REPLY);
	assert_int_equal(m.u.reply.id, 42);
	assert_int_equal(m.u.reply.status, 7);
	assert_true(slice_equal(m.u.reply.body, slice_str("out")));
	assert_int_equal(m.u.reply.demand, 1);
	assert_int_equal(channel_ended(c, now, 1, "killed by signal 9"), 0);
	m = expect_fail(41, 1, "killed by signal 9");
	assert_int_equal(m.u.fail.ran, 1);
	assert_int_equal(request(43, 0, 0), 0);
	expect(CHANNEL_START, 1);
	assert_int_equal(channel_unable(c, now, 1, "unable to run calc"), 0);
	m = expect_fail(43, 1, "unable to run calc");
	assert_int_equal(m.u.fail.ran, 0);
	assert_int_equal(channel_tokens(c), 2);
	expect_nothing();
}

static void
test_same_id(void **state)
{
	(void)state;
	begin_alone(CHANNEL_EXEC, 2);
	assert_int_equal(request(41, 0, 0), 0);
	errno = 0;
	assert_int_equal(request(41, 0, 0), -1);
	assert_int_equal(errno, EPROTO);
}

static void
test_pool(void **state)
{
	(void)state;
	begin_alone(CHANNEL_POOL, 2);
	request(1, 0, 0);
	expect(CHANNEL_START, 1);
	expect(CHANNEL_FEED, 1);
	request(2, 0, 0);
	expect(CHANNEL_START, 2);
	expect(CHANNEL_FEED, 2);
	answer(1, 0);
	expect_reply(1, 1);
	request(3, 0, 0);
	expect(CHANNEL_FEED, 1);
	assert_int_equal(channel_request_of(c, 1), 3);
	/* A worker dies: its request fails, the next starts another. */
	channel_ended(c, now, 2, "exit 1");
	expect_fail(2, 1, "exit 1");
	request(4, 0, 0);
	expect(CHANNEL_START, 2);
	expect(CHANNEL_FEED, 2);
	expect_nothing();
}

/* What a worker is fed is what it reads; what it could not read fails before
 * there is a worker for it. */
static void
test_frame(void **state)
{
	struct act a;

	(void)state;
	begin_alone(CHANNEL_POOL, 1);
	request_with(1, "a\nb", 0, 0);
	expect_fail(1, 1, "a newline inside the body does not fit the "
	    "protocol `line'");
	request_with(2, "a\nb", 0, 1);
	expect_fail(2, 1, "a newline inside the body does not fit the "
	    "protocol `line'");
	expect_nothing();
	assert_int_equal(channel_running(c), 0);
	request_with(3, "ab", 0, 0);
	expect(CHANNEL_START, 1);
	a = expect(CHANNEL_FEED, 1);
	assert_true(slice_equal(a.bytes, slice_str("ab\n")));
}

static void
test_frame_mux(void **state)
{
	struct frame_reader r = { FRAME_MUX, 0 };
	struct frame f;
	struct act a;

	(void)state;
	begin_alone(CHANNEL_MUX, 1);
	request(1, 0, 0);
	expect(CHANNEL_START, 1);
	a = expect(CHANNEL_FEED, 1);
	assert_int_equal(frame_next(&r, a.bytes.p, a.bytes.len, &f),
	    a.bytes.len);
	assert_int_equal(f.id, a.value);
	assert_true(slice_equal(f.body, slice_str("in")));
}

static void
test_pool_unsolicited(void **state)
{
	(void)state;
	begin_alone(CHANNEL_POOL, 1);
	request(1, 0, 0);
	expect(CHANNEL_START, 1);
	expect(CHANNEL_FEED, 1);
	answer(1, 0);
	expect_reply(1, 1);
	answer(1, 0);
	expect(CHANNEL_KILL, 1);
	answer(1, 0);
	request(2, 0, 0);
	expect(CHANNEL_START, 2);
	expect(CHANNEL_FEED, 2);
	channel_ended(c, now, 1, "signal 15");
	expect_nothing();
}

static void
test_pool_dies_at_once(void **state)
{
	uint64_t id;

	(void)state;
	begin_alone(CHANNEL_POOL, 1);
	for (id = 1; id <= POOL_FAILS; id++) {
		request(id, 0, 0);
		expect(CHANNEL_START, 1);
		expect(CHANNEL_FEED, 1);
		channel_ended(c, now, 1, "exit 1");
		expect_fail(id, 1, "exit 1");
	}
	request(id, 0, 0);
	expect_fail(id, 1, "the module's workers die at once: exit 1");
	now += POOL_BACKOFF_MIN_MS;
	request(id, 0, 0);
	expect(CHANNEL_START, 1);
	expect(CHANNEL_FEED, 1);
}

static void
test_mux(void **state)
{
	uint64_t first, second;

	(void)state;
	begin_alone(CHANNEL_MUX, 3);
	request(1, 0, 0);
	expect(CHANNEL_START, 1);
	first = expect(CHANNEL_FEED, 1).value;
	request(2, 0, 0);
	second = expect(CHANNEL_FEED, 1).value;
	assert_true(first != second && second <= UINT32_MAX);
	answer(1, second);
	expect_reply(2, 1);
	/* Twice, or of nobody: ignored, and the slot's next is safe from it. */
	request(3, 0, 0);
	assert_true(expect(CHANNEL_FEED, 1).value != second);
	answer(1, second);
	answer(1, 12345);
	expect_nothing();
	request(4, 0, 0);
	expect(CHANNEL_FEED, 1);
	channel_ended(c, now, 1, "exit 1");
	expect_fail(1, 1, "exit 1");
	expect_fail(3, 1, "exit 1");
	expect_fail(4, 1, "exit 1");
	assert_int_equal(channel_tokens(c), 3);
	expect_nothing();
}

static void
test_deadline(void **state)
{
	struct msg m;

	(void)state;
	begin_alone(CHANNEL_EXEC, 2);
	request(1, 50, 0);
	expect(CHANNEL_START, 1);
	request(2, 80, 0);
	expect(CHANNEL_START, 2);
	assert_int_equal(channel_ops.deadline(c), now + 50);
	now += 49;
	expect_nothing();
	now += 1;
	channel_ops.tick(c, now);
	expect(CHANNEL_KILL, 1);
	expect_nothing();
	/* The answer comes with the process's end, however it ends. */
	channel_reply(c, now, 1, 0, 0, slice_str("too late"));
	m = expect_fail(1, 1, "its time was up");
	assert_int_equal(m.u.fail.late, 1);
	assert_int_equal(m.u.fail.ran, 1);
	assert_int_equal(channel_ops.deadline(c), now + 30);
	answer(2, 0);
	expect_reply(2, 1);
	assert_true(channel_ops.deadline(c) == INT64_MAX);
}

static void
test_deadline_pool(void **state)
{
	(void)state;
	begin_alone(CHANNEL_POOL, 2);
	request(1, 50, 0);
	expect(CHANNEL_START, 1);
	expect(CHANNEL_FEED, 1);
	now += 50;
	channel_ops.tick(c, now);
	expect(CHANNEL_KILL, 1);
	request(2, 0, 0);
	expect(CHANNEL_START, 2);
	expect(CHANNEL_FEED, 2);
	channel_ended(c, now, 1, "signal 15");
	expect_fail(1, 1, "its time was up");
}

/* A mux worker keeps the late request, and the token with it. */
static void
test_deadline_mux(void **state)
{
	uint64_t name;

	(void)state;
	begin_linked(CHANNEL_MUX, 2);
	request(1, 50, 0);
	expect(CHANNEL_START, 1);
	name = expect(CHANNEL_FEED, 1).value;
	now += 50;
	channel_ops.tick(c, now);
	assert_int_equal(expect_fail(1, 0, "its time was up").u.fail.late, 1);
	expect_nothing();
	request(2, 0, 0);
	expect(CHANNEL_FEED, 1);
	assert_int_equal(request(3, 0, 0), -1);
	answer(1, name);
	expect_nothing();
	/* Its token goes with the next answer. */
	channel_ended(c, now, 1, "exit 1");
	expect_fail(2, 2, "exit 1");
	assert_int_equal(channel_tokens(c), 2);
}

static void
test_abandon(void **state)
{
	(void)state;
	begin_alone(CHANNEL_EXEC, 1);
	request(1, 0, 0);
	expect(CHANNEL_START, 1);
	assert_int_equal(simple(PLB, MSG_ABANDON, 1), 0);
	assert_int_equal(expect(CHANNEL_KILL, 1).value, CHANNEL_ABANDON_MS);
	simple(PLB, MSG_ABANDON, 1);
	simple(PLB, MSG_ABANDON, 99);
	expect_nothing();
	channel_ended(c, now, 1, "signal 15");
	expect_fail(1, 1, "abandoned");
}

static void
test_abandon_pool(void **state)
{
	(void)state;
	begin_alone(CHANNEL_POOL, 1);
	request(1, 0, 0);
	expect(CHANNEL_START, 1);
	expect(CHANNEL_FEED, 1);
	simple(PLB, MSG_ABANDON, 1);
	expect_nothing();
	assert_int_equal(request(2, 0, 0), -1);
	answer(1, 0);
	expect_fail(1, 1, "abandoned");
	request(2, 0, 0);
	expect(CHANNEL_FEED, 1);
}

/* A cast's token comes back when it is done. */
static void
test_cast(void **state)
{
	(void)state;
	begin_linked(CHANNEL_EXEC, 2);
	request(1, 0, 1);
	expect(CHANNEL_START, 1);
	expect_reply(1, 0);
	request(2, 0, 0);
	expect(CHANNEL_START, 2);
	assert_int_equal(request(3, 0, 0), -1);
	channel_reply(c, now, 1, 0, 0, slice_str(""));
	expect_nothing();
	answer(2, 0);
	expect_reply(2, 2);
	/* With no answer to go with, it goes back to the listener. */
	request(3, 0, 1);
	expect(CHANNEL_START, 2);
	expect_reply(3, 0);
	channel_ended(c, now, 2, "exit 1");
	expect_return(1);
	assert_int_equal(channel_held(c), 1);
}

/* What became of a cast is in the log, where it did not go well, and nowhere
 * else. */
static void
test_cast_status(void **state)
{
	struct act a;

	(void)state;
	begin_linked(CHANNEL_EXEC, 2);
	request(7, 0, 1);
	expect(CHANNEL_START, 1);
	expect_reply(7, 0);
	channel_reply(c, now, 1, 0, 3, slice_str(""));
	assert_int_equal(outbox_take(channel_out(c), &a), 1);
	assert_int_equal(a.kind, ACT_LOG);
	assert_true(slice_equal(a.bytes,
	    slice_str("request 1, a cast: exit status 3")));
	request(8, 0, 1);
	expect(CHANNEL_START, 1);
	expect_reply(8, 0);
	channel_reply(c, now, 1, 0, 0, slice_str(""));
	assert_int_equal(outbox_take(channel_out(c), &a), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_exec),
		TEST(test_same_id),
		TEST(test_pool),
		TEST(test_frame),
		TEST(test_frame_mux),
		TEST(test_pool_unsolicited),
		TEST(test_pool_dies_at_once),
		TEST(test_mux),
		TEST(test_deadline),
		TEST(test_deadline_pool),
		TEST(test_deadline_mux),
		TEST(test_abandon),
		TEST(test_abandon_pool),
		TEST(test_cast),
		TEST(test_cast_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
