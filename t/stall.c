#include "stall.h"

const struct id own = { "listener" };
const struct id other = { "another" };
const struct id exchange = { "exchange" };

struct listener *l;
int64_t now;

int
setup(void **state)
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

int
teardown(void **state)
{
	(void)state;
	listener_free(l);
	return 0;
}

struct act
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

struct msg
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

void
expect_nothing(void)
{
	struct act a;

	listener_ops.tick(l, now);
	while (outbox_take(listener_out(l), &a))
		if (a.kind != ACT_LOG && a.kind != LISTENER_PROVEN)
			fail_msg("act %u for %u", a.kind, (unsigned)a.peer);
}

struct msg
expect_sell(uint64_t quantity)
{
	struct msg m;

	listener_ops.tick(l, now);
	m = expect_msg(BROKER, MSG_SELL);
	assert_int_equal(m.u.sell.quantity, quantity);
	assert_true(slice_equal(m.u.sell.module, slice_str("calc")));
	return m;
}

void
up(uint32_t peer, unsigned role, uint32_t tag)
{
	struct peer_info info;

	memset(&info, 0, sizeof(info));
	info.role = role;
	info.tag = tag;
	listener_ops.up(l, now, peer, &info);
}

void
broker_up(void)
{
	up(BROKER, ROLE_BROKER, 0);
	expect_sell(listener_left(l));
}

void
channel_up(uint32_t tag)
{
	assert_int_equal(listener_spawned(l, tag), 0);
	up(tag, ROLE_CHANNEL, tag);
}

int
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

void
granted(uint32_t tag, uint64_t quantity, uint64_t tokens)
{
	assert_int_equal(connect_with(tag, quantity, "calc", &own, 0), 0);
	assert_int_equal(expect_msg(tag, MSG_DEMAND).u.demand.tokens, tokens);
}

void
refused(uint32_t tag, const char *reason)
{
	struct msg m = expect_msg(tag, MSG_REFUSE);

	assert_true(slice_equal(m.u.refuse.reason, slice_str(reason)));
}

int
give_back(uint32_t tag, uint64_t tokens)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_RETURN;
	m.u.giveback.tokens = tokens;
	return listener_ops.message(l, now, tag, &m);
}

void
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

void
expect_waiting(uint32_t tag, uint64_t buyers, uint64_t share)
{
	struct msg m = expect_msg(tag, MSG_WAITING);

	assert_int_equal(m.u.waiting.buyers, buyers);
	assert_int_equal(m.u.waiting.share, share);
}
