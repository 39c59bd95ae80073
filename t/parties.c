#include "parties.h"

#include <stdlib.h>

static const struct id own = { "channel" };
static const struct id plb = { "plb" };

struct channel *c;
int64_t now;

void
begin(enum channel_mode mode, uint64_t capacity)
{
	struct channel_config config;

	config.module = slice_str("calc");
	config.mode = mode;
	config.kind = mode == CHANNEL_MUX ? FRAME_MUX : FRAME_LINE;
	config.capacity = capacity;
	c = channel_new(&own, 1, &config);
	assert_non_null(c);
	now = 1000;
}

struct act
expect(unsigned kind, uint32_t peer)
{
	struct act a;

	do {
		if (!outbox_take(channel_out(c), &a))
			fail_msg("no act, expected %u", kind);
	} while (a.kind == ACT_LOG);
	assert_int_equal(a.kind, kind);
	assert_int_equal(a.peer, peer);
	return a;
}

void
expect_nothing(void)
{
	struct act a;

	channel_ops.tick(c, now);
	while (outbox_take(channel_out(c), &a))
		if (a.kind != ACT_LOG)
			fail_msg("act %u for %u", a.kind, (unsigned)a.peer);
}

struct msg
decode(struct slice frame)
{
	struct tlv t;
	struct msg m;

	assert_int_equal(tlv_next(&frame, &t), 1);
	assert_int_equal(msg_decode(&m, t.type, t.value), 1);
	return m;
}

struct msg
expect_msg(uint32_t peer, enum msg_type type)
{
	struct act a = expect(ACT_SEND, peer);
	struct msg m = decode(a.bytes);

	assert_int_equal(m.type, type);
	assert_true(msg_allowed(m.type, ROLE_CHANNEL,
	    peer == PLB ? ROLE_PLB : ROLE_LISTENER));
	return m;
}

void
expect_reply(uint64_t id, uint64_t demand)
{
	struct msg m = expect_msg(PLB, MSG_REPLY);

	assert_int_equal(m.u.reply.id, id);
	assert_int_equal(m.u.reply.demand, demand);
}

struct msg
expect_fail(uint64_t id, uint64_t demand, const char *reason)
{
	struct msg m = expect_msg(PLB, MSG_FAIL);

	assert_int_equal(m.u.fail.id, id);
	assert_int_equal(m.u.fail.demand, demand);
	assert_true(slice_equal(m.u.fail.reason, slice_str(reason)));
	return m;
}

void
expect_demand(uint64_t tokens)
{
	assert_int_equal(expect_msg(PLB, MSG_DEMAND).u.demand.tokens, tokens);
}

void
expect_return(uint64_t tokens)
{
	struct msg m;

	channel_ops.tick(c, now);
	m = expect_msg(LISTENER, MSG_RETURN);
	assert_int_equal(m.u.giveback.tokens, tokens);
}

void
up(uint32_t peer)
{
	struct peer_info info;

	memset(&info, 0, sizeof(info));
	info.role = peer == PLB ? ROLE_PLB : ROLE_LISTENER;
	info.tag = peer == PLB ? CHANNEL_CLIENT_TAG : CHANNEL_LISTENER_TAG;
	info.instance = plb;
	channel_ops.up(c, now, peer, &info);
}

int
message(uint32_t peer, struct msg m)
{
	return channel_ops.message(c, now, peer, &m);
}

struct msg
make(enum msg_type type)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = type;
	return m;
}

int
connect_with(uint64_t quantity, const char *module)
{
	struct msg m = make(MSG_CONNECT);

	m.u.connect.quantity = quantity;
	m.u.connect.module = slice_str(module);
	m.u.connect.counter = 5;
	return message(PLB, m);
}

int
request_with(uint64_t id, const char *body, uint64_t left_ms, int cast)
{
	struct msg m = make(MSG_REQUEST);

	m.u.request.id = id;
	m.u.request.body = slice_str(body);
	m.u.request.left_ms = left_ms;
	m.u.request.cast = (uint64_t)cast;
	return message(PLB, m);
}

int
request(uint64_t id, uint64_t left_ms, int cast)
{
	return request_with(id, "in", left_ms, cast);
}

int
demand(uint64_t tokens)
{
	struct msg m = make(MSG_DEMAND);

	m.u.demand.tokens = tokens;
	return message(LISTENER, m);
}

int
waiting(uint64_t buyers, uint64_t share)
{
	struct msg m = make(MSG_WAITING);

	m.u.waiting.buyers = buyers;
	m.u.waiting.empty = buyers;
	m.u.waiting.share = share;
	return message(LISTENER, m);
}

int
simple(uint32_t peer, enum msg_type type, uint64_t n)
{
	struct msg m = make(type);

	if (type == MSG_ABANDON)
		m.u.abandon.id = n;
	if (type == MSG_RETURN)
		m.u.giveback.tokens = n;
	return message(peer, m);
}

int
answer(uint32_t worker, uint64_t name)
{
	return channel_reply(c, now, worker, name, 0, slice_str("out"));
}

void
begin_linked(enum channel_mode mode, uint64_t tokens)
{
	begin(mode, 0);
	up(LISTENER);
	up(PLB);
	assert_int_equal(connect_with(tokens, "calc"), 0);
	assert_int_equal(
	    expect_msg(LISTENER, MSG_CONNECT).u.connect.quantity, tokens);
	assert_int_equal(demand(tokens), 0);
	expect_demand(tokens);
	expect_nothing();
}

void
begin_alone(enum channel_mode mode, uint64_t tokens)
{
	begin(mode, tokens);
	up(PLB);
	assert_int_equal(connect_with(tokens, "calc"), 0);
	expect_demand(tokens);
}

int
teardown(void **state)
{
	(void)state;
	channel_free(c);
	c = NULL;
	return 0;
}
