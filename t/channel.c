#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "channel.h"
#include "crew.h"

#define PLB	 7 /* peers */
#define LISTENER 8

static const struct id own = { "channel" };
static const struct id plb = { "plb" };

static struct channel *c;
static int64_t now;

static void
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

/* The next act, of this kind; log lines do not count. */
static struct act
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

static void
expect_nothing(void)
{
	struct act a;

	channel_ops.tick(c, now);
	while (outbox_take(channel_out(c), &a))
		if (a.kind != ACT_LOG)
			fail_msg("act %u for %u", a.kind, (unsigned)a.peer);
}

static struct msg
decode(struct slice frame)
{
	struct tlv t;
	struct msg m;

	assert_int_equal(tlv_next(&frame, &t), 1);
	assert_int_equal(msg_decode(&m, t.type, t.value), 1);
	return m;
}

/* The next act is this message to the peer, and may be sent to it. */
static struct msg
expect_msg(uint32_t peer, enum msg_type type)
{
	struct act a = expect(ACT_SEND, peer);
	struct msg m = decode(a.bytes);

	assert_int_equal(m.type, type);
	assert_true(msg_allowed(m.type, ROLE_CHANNEL,
	    peer == PLB ? ROLE_PLB : ROLE_LISTENER));
	return m;
}

static void
expect_reply(uint64_t id, uint64_t demand)
{
	struct msg m = expect_msg(PLB, MSG_REPLY);

	assert_int_equal(m.u.reply.id, id);
	assert_int_equal(m.u.reply.demand, demand);
}

static struct msg
expect_fail(uint64_t id, uint64_t demand, const char *reason)
{
	struct msg m = expect_msg(PLB, MSG_FAIL);

	assert_int_equal(m.u.fail.id, id);
	assert_int_equal(m.u.fail.demand, demand);
	assert_true(slice_equal(m.u.fail.reason, slice_str(reason)));
	return m;
}

static void
expect_demand(uint64_t tokens)
{
	assert_int_equal(expect_msg(PLB, MSG_DEMAND).u.demand.tokens, tokens);
}

/* At the end of the turn it gives tokens back to its listener. */
static void
expect_return(uint64_t tokens)
{
	struct msg m;

	channel_ops.tick(c, now);
	m = expect_msg(LISTENER, MSG_RETURN);
	assert_int_equal(m.u.giveback.tokens, tokens);
}

static void
up(uint32_t peer)
{
	struct peer_info info;

	memset(&info, 0, sizeof(info));
	info.role = peer == PLB ? ROLE_PLB : ROLE_LISTENER;
	info.tag = peer == PLB ? CHANNEL_CLIENT_TAG : CHANNEL_LISTENER_TAG;
	info.instance = plb;
	channel_ops.up(c, now, peer, &info);
}

static int
message(uint32_t peer, struct msg m)
{
	return channel_ops.message(c, now, peer, &m);
}

static struct msg
make(enum msg_type type)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = type;
	return m;
}

static int
connect_with(uint64_t quantity, const char *module)
{
	struct msg m = make(MSG_CONNECT);

	m.u.connect.quantity = quantity;
	m.u.connect.module = slice_str(module);
	m.u.connect.counter = 5;
	return message(PLB, m);
}

static int
request_with(uint64_t id, const char *body, uint64_t left_ms, int cast)
{
	struct msg m = make(MSG_REQUEST);

	m.u.request.id = id;
	m.u.request.body = slice_str(body);
	m.u.request.left_ms = left_ms;
	m.u.request.cast = (uint64_t)cast;
	return message(PLB, m);
}

static int
request(uint64_t id, uint64_t left_ms, int cast)
{
	return request_with(id, "in", left_ms, cast);
}

static int
demand(uint64_t tokens)
{
	struct msg m = make(MSG_DEMAND);

	m.u.demand.tokens = tokens;
	return message(LISTENER, m);
}

static int
waiting(uint64_t buyers, uint64_t share)
{
	struct msg m = make(MSG_WAITING);

	m.u.waiting.buyers = buyers;
	m.u.waiting.empty = buyers;
	m.u.waiting.share = share;
	return message(LISTENER, m);
}

static int
simple(uint32_t peer, enum msg_type type, uint64_t n)
{
	struct msg m = make(type);

	if (type == MSG_ABANDON)
		m.u.abandon.id = n;
	if (type == MSG_RETURN)
		m.u.giveback.tokens = n;
	return message(peer, m);
}

static int
answer(uint32_t worker, uint64_t name)
{
	return channel_reply(c, now, worker, name, 0, slice_str("out"));
}

/* All three links: a client with tokens of a listener. */
static void
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

/* Alone, with a client that holds all. */
static void
begin_alone(enum channel_mode mode, uint64_t tokens)
{
	begin(mode, tokens);
	up(PLB);
	assert_int_equal(connect_with(tokens, "calc"), 0);
	expect_demand(tokens);
}

static int
end(void **state)
{
	(void)state;
	channel_free(c);
	c = NULL;
	return 0;
}

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
	for (id = 1; id <= CREW_FAILS; id++) {
		request(id, 0, 0);
		expect(CHANNEL_START, 1);
		expect(CHANNEL_FEED, 1);
		channel_ended(c, now, 1, "exit 1");
		expect_fail(id, 1, "exit 1");
	}
	request(id, 0, 0);
	expect_fail(id, 1, "the module's workers die at once: exit 1");
	now += CREW_BACKOFF_MIN_MS;
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
	channel_ops.failed(c, now, CHANNEL_CLIENT_TAG, slice_str("wrong key"));
	channel_ops.tick(c, now);
	expect(ACT_STOP, 0);
}

#define TEST(f) cmocka_unit_test_teardown(f, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_alone),
		TEST(test_no_token),
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
		TEST(test_listener),
		TEST(test_asks_bound),
		TEST(test_fair_share),
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
