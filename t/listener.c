#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "attrs.h"
#include "listener.h"

#define BROKER	 100
#define CAPACITY 8

static const struct id own = { "listener" };
static const struct id other = { "another" };
static const struct id exchange = { "exchange" };

static struct listener *l;
static int64_t now;

/* Attributes: a version. */
#define ATTRS	  "\1\1" "1"
#define NEW_ATTRS "\1\1" "2"

static int
begin(void **state)
{
	struct listener_config config;

	(void)state;
	memset(&config, 0, sizeof(config));
	config.module = slice_str("calc");
	config.capacity = CAPACITY;
	config.attrs = slice_str(ATTRS);
	config.node = slice_str("n");
	config.address = slice_str("10.0.0.1:9");
	l = listener_new(&own, 1, &config);
	now = 1000;
	return l == NULL ? -1 : 0;
}

static int
end(void **state)
{
	(void)state;
	listener_free(l);
	return 0;
}

static struct act
expect(unsigned kind, uint32_t peer)
{
	struct act a;

	do {
		if (!outbox_take(listener_out(l), &a))
			fail_msg("no act, expected %u", kind);
	} while (a.kind == ACT_LOG ||
	    (a.kind == LISTENER_PROVEN && kind != LISTENER_PROVEN));
	assert_int_equal(a.kind, kind);
	assert_int_equal(a.peer, peer);
	return a;
}

static struct msg
expect_msg(uint32_t peer, enum msg_type type)
{
	struct act a = expect(ACT_SEND, peer);
	struct tlv t;
	struct msg m;

	assert_int_equal(tlv_next(&a.bytes, &t), 1);
	assert_int_equal(t.type, type);
	assert_int_equal(msg_decode(&m, t.type, t.value), 1);
	assert_true(msg_allowed(m.type, ROLE_LISTENER,
	    peer == BROKER ? ROLE_BROKER : ROLE_CHANNEL));
	return m;
}

static void
expect_nothing(void)
{
	struct act a;

	listener_ops.tick(l, now);
	while (outbox_take(listener_out(l), &a))
		if (a.kind != ACT_LOG && a.kind != LISTENER_PROVEN)
			fail_msg("act %u for %u", a.kind, (unsigned)a.peer);
}

/* The turn's end brings a sell of so much. */
static struct msg
expect_sell(uint64_t quantity)
{
	struct msg m;

	listener_ops.tick(l, now);
	m = expect_msg(BROKER, MSG_SELL);
	assert_int_equal(m.u.sell.quantity, quantity);
	assert_true(slice_equal(m.u.sell.module, slice_str("calc")));
	return m;
}

static void
up(uint32_t peer, unsigned role, uint32_t tag)
{
	struct peer_info info;

	memset(&info, 0, sizeof(info));
	info.role = role;
	info.tag = tag;
	listener_ops.up(l, now, peer, &info);
}

static void
broker_up(void)
{
	up(BROKER, ROLE_BROKER, 0);
	expect_sell(listener_left(l));
}

/* The tag serves as the handle of its control link as well. */
static void
channel_up(uint32_t tag)
{
	assert_int_equal(listener_spawned(l, tag), 0);
	up(tag, ROLE_CHANNEL, tag);
}

static int
connect_with(uint32_t tag, uint64_t quantity, const char *module,
    const struct id *seller, uint64_t counter)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_CONNECT;
	m.u.connect.quantity = quantity;
	m.u.connect.module = slice_str(module);
	if (seller != NULL)
		m.u.connect.seller = *seller;
	m.u.connect.exchange = exchange;
	m.u.connect.counter = counter;
	return listener_ops.message(l, now, tag, &m);
}

static void
granted(uint32_t tag, uint64_t quantity, uint64_t tokens)
{
	assert_int_equal(connect_with(tag, quantity, "calc", &own, 0), 0);
	assert_int_equal(expect_msg(tag, MSG_DEMAND).u.demand.tokens, tokens);
}

static void
refused(uint32_t tag, const char *reason)
{
	struct msg m = expect_msg(tag, MSG_REFUSE);

	assert_true(slice_equal(m.u.refuse.reason, slice_str(reason)));
}

static int
give_back(uint32_t tag, uint64_t tokens)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_RETURN;
	m.u.giveback.tokens = tokens;
	return listener_ops.message(l, now, tag, &m);
}

static void
waiting(uint64_t buyers, uint64_t empty)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_WAITING;
	m.u.waiting.order = 1;
	m.u.waiting.buyers = buyers;
	m.u.waiting.empty = empty;
	assert_int_equal(listener_ops.message(l, now, BROKER, &m), 0);
}

static void
expect_waiting(uint32_t tag, uint64_t buyers, uint64_t share)
{
	struct msg m = expect_msg(tag, MSG_WAITING);

	assert_int_equal(m.u.waiting.buyers, buyers);
	assert_int_equal(m.u.waiting.share, share);
}

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

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sell),
		TEST(test_grant),
		TEST(test_refuse),
		TEST(test_constraints),
		TEST(test_sell_refused),
		TEST(test_settled),
		TEST(test_settled_many),
		TEST(test_gone),
		TEST(test_bad),
		TEST(test_waiting),
		TEST(test_waiting_ends),
		TEST(test_publish),
		TEST(test_dist),
		TEST(test_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
