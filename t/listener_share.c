/* The listener core: what channels are granted, keep and give back. */

#include "stall.h"

#include <errno.h>

#include "attrs.h"

static void
test_grant(void **state)
{
	(void)state;
	broker_up();
	channel_up(1);
	channel_up(2);
	assert_false(listener_proven(l, 1));
	assert_int_equal(connect_with(1, 1, "calc", &own, 0), 0);
	assert_int_equal(expect(LISTENER_PROVEN, 0).value, 1);
	assert_int_equal(expect_msg(1, MSG_DEMAND).u.demand.tokens, 1);
	granted(1, 4, 4);
	assert_true(listener_proven(l, 1));
	assert_false(listener_proven(l, 2));
	assert_false(listener_proven(l, 3));
	granted(2, 5, 3);
	assert_int_equal(listener_left(l), 0);
	expect_sell(0);
	connect_with(2, 1, "calc", &own, 0);
	refused(2, "no capacity left: 8 of 8 are in use");
	expect_sell(0);
	assert_int_equal(give_back(1, 2), 0);
	expect_sell(2);
	granted(2, 9, 2);
	assert_int_equal(listener_held(l), 8);
}

static void
test_refuse(void **state)
{
	(void)state;
	channel_up(1);
	connect_with(1, 1, "other", &own, 0);
	refused(1, "another module is published here");
	connect_with(1, 1, "calc", &other, 0);
	refused(1, "this is another listener");
	connect_with(1, 1, "calc", NULL, 0);
	expect_msg(1, MSG_DEMAND);
}

/* A connect by what was published before: it is not what was bought. */
static void
test_constraints(void **state)
{
	static const char *const versions[] = { "1.0", "2.0", "2.0" };
	const char *why, *which;
	struct buf a, c;
	struct msg m;
	int i;

	(void)state;
	buf_init(&c, LIST_MAX);
	assert_int_equal(constraints_build(&c, "1.0", NULL, NULL, 0, &why,
	    &which), 0);
	for (i = 0; i < 3; i++) {
		buf_init(&a, LIST_MAX);
		assert_int_equal(attrs_build(&a, versions[i], NULL, NULL, 0,
		    NULL, 0, &why, &which), 0);
		assert_int_equal(listener_publish(l, buf_slice(&a)), 0);
		buf_free(&a);
		if (i > 0)
			expect_msg((uint32_t)i, MSG_DRAIN);
		channel_up((uint32_t)i + 1);
		memset(&m, 0, sizeof(m));
		m.type = MSG_CONNECT;
		m.u.connect.quantity = 1;
		m.u.connect.module = slice_str("calc");
		m.u.connect.seller = own;
		if (i < 2)
			m.u.connect.constraints = buf_slice(&c);
		assert_int_equal(listener_ops.message(l, now,
		    (uint32_t)i + 1, &m), 0);
		if (i == 1)
			refused(2, "what is published now is something else");
		else if (i == 0)
			expect_msg(1, MSG_DEMAND);
		else
			expect_msg(3, MSG_DEMAND);
	}
	buf_free(&c);
}

/* What a channel holds comes back with its last worker, not its link. */
static void
test_gone(void **state)
{
	(void)state;
	broker_up();
	channel_up(1);
	granted(1, 5, 5);
	expect_sell(3);
	listener_ops.down(l, now, 1);
	expect_nothing();
	assert_int_equal(listener_held(l), 5);
	/* What its link had on the way is nothing to us any more. */
	assert_int_equal(give_back(1, 1), 0);
	assert_int_equal(listener_held(l), 5);
	listener_gone(l, 1);
	expect_sell(8);
	listener_gone(l, 1);
	/* The other order. */
	channel_up(2);
	granted(2, 5, 5);
	listener_gone(l, 2);
	assert_int_equal(listener_held(l), 0);
	listener_ops.down(l, now, 2);
	assert_int_equal(listener_held(l), 0);
}

static void
test_bad(void **state)
{
	struct msg m;

	(void)state;
	broker_up();
	channel_up(1);
	granted(1, 2, 2);
	errno = 0;
	assert_int_equal(give_back(1, 3), -1);
	assert_int_equal(errno, EPROTO);
	assert_int_equal(listener_held(l), 2);
	assert_int_equal(connect_with(55, 1, "calc", NULL, 0), 0);
	memset(&m, 0, sizeof(m));
	m.type = MSG_WAITING;
	assert_int_equal(listener_ops.message(l, now, 1, &m), -1);
	listener_ops.tick(l, now);
	expect_msg(BROKER, MSG_SELL);
	up(9, ROLE_CHANNEL, 9);
	expect(ACT_CLOSE, 9);
	up(10, ROLE_PLB, 0);
	expect(ACT_CLOSE, 10);
}

static void
test_waiting(void **state)
{
	(void)state;
	broker_up();
	channel_up(1);
	channel_up(2);
	granted(1, 6, 6);
	expect_sell(2);
	waiting(2, 1);
	listener_ops.tick(l, now);
	/* One that holds, one that waits with nothing. */
	expect_waiting(1, 2, 4);
	expect_waiting(2, 2, 4);
	waiting(2, 1);
	expect_nothing();
	granted(2, 1, 1);
	expect_sell(1);
	expect_waiting(1, 2, 2);
	expect_waiting(2, 2, 2);
	channel_up(3);
	listener_ops.tick(l, now);
	expect_waiting(3, 2, 2);
	waiting(0, 0);
	listener_ops.tick(l, now);
	expect_waiting(1, 0, 0);
	expect_waiting(2, 0, 0);
	expect_waiting(3, 0, 0);
	expect_nothing();
}

static void
test_waiting_ends(void **state)
{
	(void)state;
	broker_up();
	channel_up(1);
	granted(1, 8, 8);
	expect_sell(0);
	waiting(20, 20);
	listener_ops.tick(l, now);
	expect_waiting(1, 20, 0);
	for (; now < 1000 + LISTENER_WAITING_MS; now += LISTENER_SELL_MS) {
		listener_ops.tick(l, now);
		if (now > 1000)
			expect_msg(BROKER, MSG_SELL);
	}
	assert_true(listener_ops.deadline(l) <= now);
	listener_ops.tick(l, now);
	expect_msg(BROKER, MSG_SELL);
	expect_waiting(1, 0, 0);
	/* With the broker it ends as well. */
	waiting(1, 1);
	listener_ops.tick(l, now);
	expect_waiting(1, 1, 4);
	listener_ops.down(l, now, BROKER);
	listener_ops.tick(l, now);
	expect_waiting(1, 0, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_grant),
		TEST(test_refuse),
		TEST(test_constraints),
		TEST(test_gone),
		TEST(test_bad),
		TEST(test_waiting),
		TEST(test_waiting_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
