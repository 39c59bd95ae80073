/* The listener core: what it sells, and what was settled of it. */

#include "stall.h"

static void
test_sell(void **state)
{
	struct contact c;
	struct msg m;

	(void)state;
	expect_nothing();
	up(BROKER, ROLE_BROKER, 0);
	m = expect_sell(CAPACITY);
	assert_true(slice_equal(m.u.sell.attrs, slice_str(ATTRS)));
	assert_int_equal(
	    group_decode(&schema_contact, m.u.sell.contact, &c), 0);
	assert_true(slice_equal(c.address, slice_str("10.0.0.1:9")));
	assert_true(slice_equal(c.node, slice_str("n")));
	expect_nothing();
	/* Said again, without what the broker knows. */
	assert_int_equal(listener_ops.deadline(l), now + LISTENER_SELL_MS);
	now += LISTENER_SELL_MS;
	m = expect_sell(CAPACITY);
	assert_int_equal(m.u.sell.attrs.len, 0);
	assert_int_equal(m.u.sell.contact.len, 0);
	/* To a new broker, all of it. */
	listener_ops.down(l, now, BROKER);
	assert_true(listener_ops.deadline(l) == INT64_MAX);
	up(BROKER, ROLE_BROKER, 0);
	m = expect_sell(CAPACITY);
	assert_int_equal(m.u.sell.attrs.len, 3);
}

/* The broker's refusal: nothing of the order is kept there, so it comes whole
 * the next time; and it is logged once. */
static void
test_sell_refused(void **state)
{
	struct msg m;
	struct act a;
	int i, logs = 0;

	(void)state;
	broker_up();
	for (i = 0; i < 2; i++) {
		memset(&m, 0, sizeof(m));
		m.type = MSG_REFUSE;
		m.u.refuse.order = 1;
		m.u.refuse.reason = slice_str("too many");
		assert_int_equal(listener_ops.message(l, now, BROKER, &m), 0);
		while (outbox_take(listener_out(l), &a))
			logs += a.kind == ACT_LOG;
		now += LISTENER_SELL_MS;
		m = expect_sell(CAPACITY);
		assert_int_not_equal(m.u.sell.contact.len, 0);
	}
	assert_int_equal(logs, 1);
	now += LISTENER_SELL_MS;
	assert_int_equal(expect_sell(CAPACITY).u.sell.contact.len, 0);
}

static void
test_settled(void **state)
{
	struct reservation r;
	struct msg m;

	(void)state;
	broker_up();
	channel_up(1);
	connect_with(1, 8, "calc", &own, 41);
	connect_with(1, 1, "calc", &own, 42);
	connect_with(1, 1, "calc", &other, 43);
	expect_msg(1, MSG_DEMAND);
	expect_msg(1, MSG_REFUSE);
	expect_msg(1, MSG_REFUSE);
	m = expect_sell(0);
	assert_int_equal(
	    item_next(&schema_reservation, &m.u.sell.settled, &r), 1);
	assert_int_equal(r.counter, 41);
	assert_true(id_equal(&r.exchange, &exchange));
	assert_int_equal(
	    item_next(&schema_reservation, &m.u.sell.settled, &r), 1);
	assert_int_equal(r.counter, 42);
	assert_int_equal(
	    item_next(&schema_reservation, &m.u.sell.settled, &r), 0);
	now += LISTENER_SELL_MS;
	assert_int_equal(expect_sell(0).u.sell.settled.len, 0);
	/* What a lost broker was to be told is forgotten. */
	connect_with(1, 1, "calc", &own, 44);
	expect_msg(1, MSG_REFUSE);
	listener_ops.down(l, now, BROKER);
	up(BROKER, ROLE_BROKER, 0);
	assert_int_equal(expect_sell(0).u.sell.settled.len, 0);
}

/* Many in one turn go out in several sells. */
static void
test_settled_many(void **state)
{
	struct reservation r;
	struct act a;
	struct tlv t;
	struct msg m;
	uint64_t i, n = 0, next = 1;

	(void)state;
	broker_up();
	channel_up(1);
	for (i = 1; i <= 5000; i++)
		assert_int_equal(connect_with(1, 1, "calc", &own, i), 0);
	listener_ops.tick(l, now);
	while (outbox_take(listener_out(l), &a)) {
		if (a.kind != ACT_SEND || a.peer != BROKER)
			continue;
		assert_int_equal(tlv_next(&a.bytes, &t), 1);
		assert_int_equal(msg_decode(&m, t.type, t.value), 1);
		while (item_next(&schema_reservation, &m.u.sell.settled, &r))
			assert_int_equal(r.counter, next++);
		n++;
	}
	assert_int_equal(next, 5001);
	assert_true(n > 1);
}

static void
test_publish(void **state)
{
	struct msg m;

	(void)state;
	broker_up();
	channel_up(1);
	assert_int_equal(listener_spawned(l, 2), 0);
	granted(1, 2, 2);
	assert_int_equal(listener_publish(l, slice_str(NEW_ATTRS)), 0);
	expect_msg(1, MSG_DRAIN);
	m = expect_sell(6);
	assert_true(slice_equal(m.u.sell.attrs, slice_str(NEW_ATTRS)));
	assert_true(m.u.sell.contact.len > 0);
	up(2, ROLE_CHANNEL, 2);
	expect_msg(2, MSG_DRAIN);
	connect_with(1, 1, "calc", &own, 0);
	refused(1, "this channel runs old code, connect again");
	expect_sell(6);
	channel_up(3);
	granted(3, 1, 1);
	expect_sell(5);
	assert_int_equal(listener_publish(l, slice_str(ATTRS)), 0);
	expect_msg(3, MSG_DRAIN);
	expect_sell(5);
}

/* The node's address is known later than the listener, and changes. */
static void
test_dist(void **state)
{
	struct contact c;
	struct msg m;

	(void)state;
	broker_up();
	listener_dist(l, slice_str("0.0.0.0:9100"));
	m = expect_sell(CAPACITY);
	assert_int_equal(group_decode(&schema_contact, m.u.sell.contact, &c),
	    0);
	assert_true(slice_equal(c.dist, slice_str("0.0.0.0:9100")));
	assert_true(slice_equal(c.node, slice_str("n")));
	assert_true(slice_equal(c.address, slice_str("10.0.0.1:9")));
	assert_int_not_equal(m.u.sell.attrs.len, 0);
	listener_dist(l, slice_str("0.0.0.0:9100"));
	expect_nothing();
	listener_dist(l, slice_str(""));
	m = expect_sell(CAPACITY);
	assert_int_equal(group_decode(&schema_contact, m.u.sell.contact, &c),
	    0);
	assert_int_equal(c.dist.len, 0);
	assert_true(slice_equal(c.address, slice_str("10.0.0.1:9")));
}

static void
test_stop(void **state)
{
	(void)state;
	broker_up();
	channel_up(1);
	granted(1, 2, 2);
	expect_sell(6);
	listener_stop(l);
	assert_int_equal(expect_msg(BROKER, MSG_CANCEL).u.cancel.order, 1);
	expect_msg(1, MSG_DRAIN);
	connect_with(1, 1, "calc", &own, 0);
	refused(1, "the listener is ending");
	give_back(1, 2);
	listener_ops.down(l, now, 1);
	expect_nothing();
	listener_gone(l, 1);
	listener_ops.tick(l, now);
	expect(ACT_STOP, 0);
	expect_nothing();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sell),
		TEST(test_sell_refused),
		TEST(test_settled),
		TEST(test_settled_many),
		TEST(test_publish),
		TEST(test_dist),
		TEST(test_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
