/* The PLB core: requests of clients, and the one answer to each. */

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

static uint64_t
in_flight(void)
{
	struct plb_view v;

	plb_look(plb, &v);
	return v.in_flight;
}

static uint64_t
queued(void)
{
	struct plb_view v;

	plb_look(plb, &v);
	return v.queued;
}

static void
test_request(void **state)
{
	uint32_t one;
	uint64_t id;

	(void)state;
	fake_begin(1);
	one = fake_channel(1, 1);
	fake_client(CLIENT, 2);
	assert_int_equal(fake_request(CLIENT, 42, "f"), 0);
	id = fake_sent(one);
	assert_true(id != 0 && id != 42);
	fake_nothing();
	assert_int_equal(plb_room(plb), 0);
	assert_int_equal(in_flight(), 1);
	assert_int_equal(fake_reply(one, id, 1), 0);
	fake_replied(CLIENT, 42);
	fake_nothing();
	assert_int_equal(plb_room(plb), 1);
	assert_int_equal(in_flight(), 0);
	/* Its number may be used again, and ours is not. */
	assert_int_equal(fake_request(CLIENT, 42, "f"), 0);
	assert_true(fake_sent(one) != id);
}

/* The program's own, which need no token of ours, and get none. */
static void
test_own(void **state)
{
	uint32_t one;
	uint64_t id;

	(void)state;
	fake_begin(2);
	one = fake_channel(1, 2);
	assert_int_equal(fake_request(0, 7, "f"), 0);
	assert_int_equal(fake_request(0, 8, "f"), 0);
	assert_int_equal(fake_request(0, 9, "f"), 0);
	id = fake_sent(one);
	assert_int_equal(fake_fail(one, fake_sent(one), 1), 0);
	fake_failed(0, 8, 1, "exit 1");
	assert_int_equal(fake_reply(one, fake_sent(one), 1), 0);
	fake_replied(0, 9);
	assert_int_equal(fake_reply(one, id, 1), 0);
	fake_replied(0, 7);
	fake_bought(1, 2, 2); /* it wanted more for a while */
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
	assert_int_equal(queued(), 0);
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

/* First come, first served, whoever it is. */
static void
test_queue(void **state)
{
	uint32_t one;
	uint64_t i, id[6];

	(void)state;
	fake_begin(3);
	fake_left(9, 3, CLIENT, CLIENT2);
	for (i = 0; i < 6; i++)
		assert_int_equal(fake_request(i % 2 == 0 ? CLIENT : CLIENT2,
		    i + 1, "f"), 0);
	for (i = 4; i <= 6; i++)
		fake_bought(i, 3, 0);
	fake_nothing();
	fake_fill(1, 2, 1);
	one = fake_link(1);
	assert_int_equal(fake_demand(one, 2), 0);
	id[0] = fake_sent(one);
	id[1] = fake_sent(one);
	drive_forget(&fake);
	for (i = 0; i < 6; i++) {
		if (i >= 2)
			id[i] = fake_sent(one);
		assert_int_equal(fake_reply(one, id[i], i < 4), 0);
		fake_replied(i % 2 == 0 ? CLIENT : CLIENT2, i + 1);
		if (i == 3)
			break;
	}
	assert_int_equal(queued(), 0);
	assert_int_equal(fake_reply(one, fake_sent(one), 0), 0);
	fake_replied(CLIENT, 5);
}

/* Nobody takes a token that another has waited for longer. */
static void
test_queue_not_jumped(void **state)
{
	uint32_t one;
	struct msg m;

	(void)state;
	fake_begin(1);
	one = fake_channel(1, 1);
	assert_int_equal(fake_request(0, 1, "f"), 0);
	assert_int_equal(fake_request(0, 2, "f"), 0);
	memset(&m, 0, sizeof(m));
	m.type = MSG_REPLY;
	m.u.reply.id = fake_sent(one);
	m.u.reply.demand = 1;
	assert_int_equal(drive_message(&fake, one, &m), 0); /* no tick yet */
	assert_int_equal(fake_request(0, 3, "f"), 0);
	assert_true(drive_sent(&fake, 0, MSG_REPLY, &m));
	assert_int_equal(fake_reply(one, fake_sent(one), 1), 0);
	fake_replied(0, 2);
}

/* One that no token at hand fits lets others pass. */
static void
test_queue_passed(void **state)
{
	uint32_t one, two;

	(void)state;
	fake_begin(2);
	fake_exports("1", "f/0");
	one = fake_channel(1, 1);
	fake_exports("2", "g/0");
	two = fake_channel(2, 1);
	assert_int_equal(fake_request(0, 1, "g"), 0);
	assert_int_equal(fake_request(0, 2, "g"), 0);
	assert_int_equal(fake_request(0, 3, "f"), 0);
	fake_sent(one);
	assert_int_equal(fake_reply(two, fake_sent(two), 1), 0);
	fake_replied(0, 1);
	assert_int_equal(fake_reply(two, fake_sent(two), 1), 0);
	fake_replied(0, 2);
}

static void
test_not_exported(void **state)
{
	uint32_t one;

	(void)state;
	fake_begin(2);
	fake_exports("2.1", "f/0");
	one = fake_channel(1, 2);
	assert_int_equal(fake_request(0, 1, "g"), 0);
	fake_failed(0, 1, 0, "g/0 is not exported; held: "
	    "version 2.1, exports f/0");
	fake_nothing();
	assert_int_equal(plb_room(plb), 2);
	assert_int_equal(fake_request(0, 2, "f"), 0);
	fake_sent(one);
	assert_int_equal(fake_request(0, 3, NULL), 0);
	fake_sent(one);
	fake_nothing();
}

/* What was asked for before anybody was known is answered once it is. */
static void
test_not_exported_later(void **state)
{
	(void)state;
	fake_begin(0);
	assert_int_equal(fake_request(0, 1, "g"), 0);
	assert_int_equal(queued(), 1);
	fake_exports("1", "f/0");
	fake_fill(1, 1, 1);
	assert_int_equal(fake_demand(fake_link(1), 1), 0);
	fake_failed(0, 1, 0, "g/0 is not exported; held: "
	    "version 1, exports f/0");
	assert_int_equal(queued(), 0);
}

static void
test_cast(void **state)
{
	uint32_t one;
	struct msg m;

	(void)state;
	fake_begin(2);
	fake_exports("1", "log/0:cast");
	one = fake_channel(1, 2);
	assert_int_equal(fake_request(0, 1, "log"), 0);
	assert_true(drive_sent(&fake, one, MSG_REQUEST, &m));
	assert_int_equal(m.u.request.cast, 1);
	/* One that was sent is not called back. */
	assert_int_equal(fake_abandon(0, 1), 0);
	fake_failed(0, 1, 1, "abandoned");
	fake_nothing();
	assert_int_equal(fake_reply(one, m.u.request.id, 0), 0);
	fake_bought(1, 2, 1);
	fake_nothing();
}

static void
test_fields(void **state)
{
	unsigned char args[64];
	struct tlv_writer w;
	uint32_t one;
	struct msg m;

	(void)state;
	fake_begin(2);
	fake_exports("1", "f/2");
	one = fake_channel(1, 2);
	tlv_writer_init(&w, args, sizeof(args));
	list_put(&w, slice_str("a"));
	list_put(&w, slice_str(""));
	memset(&m, 0, sizeof(m));
	m.type = MSG_REQUEST;
	m.u.request.id = 1;
	m.u.request.function = slice_str("f");
	m.u.request.args = slice_of(args, (size_t)(w.p - args));
	m.u.request.body = slice_str("body");
	m.u.request.left_ms = 700;
	m.u.request.cast = 1;
	m.u.request.retries = 3;
	assert_int_equal(fake_say(0, &m), 0);
	assert_true(drive_sent(&fake, one, MSG_REQUEST, &m));
	assert_true(slice_equal(m.u.request.function, slice_str("f")));
	assert_true(slice_equal(m.u.request.args,
	    slice_of(args, (size_t)(w.p - args))));
	assert_true(slice_equal(m.u.request.body, slice_str("body")));
	assert_int_equal(m.u.request.left_ms, 700);
	assert_int_equal(m.u.request.cast, 1);
	assert_int_equal(m.u.request.retries, 0);
}

/* With our own fields a channel would not take it, and close. */
static void
test_too_long(void **state)
{
	unsigned char *body = calloc(1, MSG_MAX);
	struct msg m;
	uint32_t one;

	(void)state;
	assert_non_null(body);
	fake_begin(2);
	one = fake_channel(1, 2);
	memset(&m, 0, sizeof(m));
	m.type = MSG_REQUEST;
	m.u.request.id = 1;
	m.u.request.body = slice_of(body, MSG_MAX - 16);
	assert_int_equal(fake_say(0, &m), 0);
	fake_failed(0, 1, 0, "the request is over 16 MiB");
	fake_nothing();
	m.u.request.body.len = MSG_MAX - 64;
	assert_int_equal(fake_say(0, &m), 0);
	assert_true(drive_sent(&fake, one, MSG_REQUEST, &m));
	assert_true(msg_size(&m) <= MSG_MAX);
	fake_nothing();
	free(body);
}

/* Retries. */

static void
test_lost(void **state)
{
	uint32_t one;

	(void)state;
	fake_begin(2);
	one = fake_channel(1, 2);
	fake_client(CLIENT, 1);
	assert_int_equal(fake_request(CLIENT, 1, "f"), 0);
	fake_sent(one);
	drive_down(&fake, one);
	drive_tick(&fake);
	fake_failed(CLIENT, 1, 1, "the channel at 10.0.0.1:7 was lost");
	fake_bought(2, 2, 0);
	fake_nothing();
	assert_int_equal(in_flight(), 0);
}

static void
test_retry(void **state)
{
	uint32_t peer;
	uint64_t id, i;

	(void)state;
	fake_begin(1);
	peer = fake_channel(1, 1);
	assert_int_equal(fake_request_retry(0, 5, 2), 0);
	for (i = 0; i < 2; i++) {
		fake_sent(peer);
		drive_down(&fake, peer);
		drive_tick(&fake);
		fake_bought(1, i + 1, 0);
		fake_nothing();
		assert_int_equal(queued(), 1);
		fake_fill(1, 1, i + 2);
		peer = fake_link(1);
		assert_int_equal(fake_demand(peer, 1), 0);
		fake_connected(peer, 1, 1, i + 2);
		fake_bought(0, i + 2, 1);
		fake_room(0);
	}
	id = fake_sent(peer);
	assert_int_equal(fake_fail(peer, id, 1), 0);
	fake_failed(0, 5, 1, "exit 1");
	assert_int_equal(fake_fail(peer, id, 1), -1);
	assert_int_equal(errno, EPROTO);
}

static void
test_retry_failed(void **state)
{
	uint32_t one;

	(void)state;
	fake_begin(1);
	one = fake_channel(1, 1);
	assert_int_equal(fake_request_retry(0, 5, 1), 0);
	assert_int_equal(fake_fail(one, fake_sent(one), 1), 0);
	assert_int_equal(fake_reply(one, fake_sent(one), 1), 0);
	fake_replied(0, 5);
	fake_nothing();
	assert_int_equal(plb_room(plb), 1);
}

/* Those that were in flight are the first again, and in their order. */
static void
test_retry_order(void **state)
{
	uint32_t one, two;
	uint64_t i;

	(void)state;
	fake_begin(3);
	one = fake_channel(1, 3);
	for (i = 1; i <= 4; i++)
		assert_int_equal(fake_request_retry(0, i, 1), 0);
	drive_down(&fake, one);
	drive_tick(&fake);
	assert_int_equal(queued(), 4);
	drive_forget(&fake);
	fake_fill(2, 1, 2);
	two = fake_link(2);
	assert_int_equal(fake_demand(two, 1), 0);
	for (i = 1; i <= 4; i++) {
		assert_int_equal(fake_reply(two, fake_sent(two), 1), 0);
		fake_replied(0, i);
	}
}

/* Time. */

static void
test_late_queued(void **state)
{
	struct msg m;
	int64_t begun;

	(void)state;
	fake_begin(2);
	fake_left(9, 2, CLIENT, 0);
	begun = fake.now;
	assert_int_equal(fake_request_left(CLIENT, 1, 500), 0);
	assert_int_equal(fake_request(CLIENT, 2, "f"), 0);
	drive_wait(&fake, 499);
	assert_false(drive_sent(&fake, CLIENT, MSG_FAIL, &m));
	drive_wait(&fake, 200);
	assert_true(fake.now - begun < 1000);
	assert_true(drive_sent(&fake, CLIENT, MSG_FAIL, &m));
	assert_int_equal(m.u.fail.id, 1);
	assert_int_equal(m.u.fail.late, 1);
	assert_int_equal(m.u.fail.ran, 0);
	assert_int_equal(m.u.fail.demand, 0); /* nothing is held */
	assert_int_equal(queued(), 1);
	drive_forget(&fake);
	/* No deadline is left to be looked at. */
	drive_wait(&fake, 60000);
	assert_false(drive_sent(&fake, CLIENT, MSG_FAIL, &m));
}

/* The channel is told what is left; what it calls late is not run again. */
static void
test_late_sent(void **state)
{
	uint32_t one;
	struct msg m;

	(void)state;
	fake_begin(1);
	memset(&m, 0, sizeof(m));
	m.type = MSG_REQUEST;
	m.u.request.id = 1;
	m.u.request.left_ms = 5000;
	m.u.request.retries = 9;
	assert_int_equal(fake_say(0, &m), 0);
	drive_wait(&fake, 1000);
	fake_fill(1, 1, 1);
	one = fake_link(1);
	assert_int_equal(fake_demand(one, 1), 0);
	assert_true(drive_sent(&fake, one, MSG_REQUEST, &m));
	assert_int_equal(m.u.request.left_ms, 4000);
	drive_forget(&fake);
	m.type = MSG_FAIL;
	memset(&m.u, 0, sizeof(m.u));
	m.u.fail.id = 1;
	assert_int_equal(fake_say(one, &m), -1); /* not its number here */
	fake_nothing();
}

/* It ran where it was lost, whatever the second try says. */
static void
test_ran_before(void **state)
{
	uint32_t one;
	struct msg m;

	(void)state;
	fake_begin(1);
	one = fake_channel(1, 1);
	assert_int_equal(fake_request_retry(0, 1, 1), 0);
	fake_sent(one);
	drive_down(&fake, one);
	drive_tick(&fake);
	fake_fill(2, 1, 2);
	one = fake_link(2);
	assert_int_equal(fake_demand(one, 1), 0);
	memset(&m, 0, sizeof(m));
	m.type = MSG_FAIL;
	m.u.fail.id = fake_sent(one);
	m.u.fail.reason = slice_str("its workers die");
	assert_int_equal(fake_say(one, &m), 0);
	fake_failed(0, 1, 1, "its workers die");
}

static void
test_late_not_again(void **state)
{
	struct msg m;
	uint32_t one;

	(void)state;
	fake_begin(1);
	one = fake_channel(1, 1);
	assert_int_equal(fake_request_retry(0, 1, 9), 0);
	memset(&m, 0, sizeof(m));
	m.type = MSG_FAIL;
	m.u.fail.id = fake_sent(one);
	m.u.fail.late = 1;
	m.u.fail.ran = 1;
	m.u.fail.reason = slice_str("its time was up");
	assert_int_equal(fake_say(one, &m), 0);
	assert_true(drive_sent(&fake, 0, MSG_FAIL, &m));
	assert_int_equal(m.u.fail.late, 1);
	assert_int_equal(m.u.fail.ran, 1);
	fake_bought(1, 1, 0);
	fake_nothing();
}

/* Giving up. */

static void
test_abandon_queued(void **state)
{
	struct msg m;

	(void)state;
	fake_begin(2);
	fake_left(9, 2, CLIENT, 0);
	assert_int_equal(fake_request(CLIENT, 1, "f"), 0);
	assert_int_equal(fake_request(CLIENT, 2, "f"), 0);
	drive_forget(&fake);
	assert_int_equal(fake_abandon(CLIENT, 1), 0);
	assert_true(drive_sent(&fake, CLIENT, MSG_FAIL, &m));
	assert_int_equal(m.u.fail.id, 1);
	assert_int_equal(m.u.fail.ran, 0);
	fake_nothing();
	assert_int_equal(queued(), 1);
	/* Its answer is out, so this crossed it. */
	assert_int_equal(fake_abandon(CLIENT, 1), 0);
	fake_nothing();
}

static void
test_abandon_sent(void **state)
{
	struct msg m;
	uint32_t one;
	uint64_t id;

	(void)state;
	fake_begin(1);
	one = fake_channel(1, 1);
	fake_client(CLIENT, 2);
	assert_int_equal(fake_request_retry(CLIENT, 1, 5), 0);
	id = fake_sent(one);
	assert_int_equal(fake_abandon(CLIENT, 1), 0);
	fake_failed(CLIENT, 1, 1, "abandoned");
	assert_true(drive_sent(&fake, one, MSG_ABANDON, &m));
	assert_int_equal(m.u.abandon.id, id);
	fake_nothing();
	/* It holds its token until the channel says so; nobody else hears. */
	assert_int_equal(plb_room(plb), 0);
	assert_int_equal(in_flight(), 1);
	assert_int_equal(fake_fail(one, id, 1), 0);
	fake_nothing();
	assert_int_equal(plb_room(plb), 1);
	assert_int_equal(in_flight(), 0);
}

static void
test_client_gone(void **state)
{
	struct msg m;
	uint32_t one;
	uint64_t id;

	(void)state;
	fake_begin(1);
	one = fake_channel(1, 1);
	fake_client(CLIENT, 3);
	assert_int_equal(fake_request(CLIENT, 1, "f"), 0);
	assert_int_equal(fake_request_retry(CLIENT, 2, 5), 0);
	id = fake_sent(one);
	fake_client(CLIENT2, 1);
	assert_int_equal(fake_request(CLIENT2, 1, "f"), 0);
	drive_forget(&fake);
	drive_down(&fake, CLIENT);
	drive_tick(&fake);
	assert_true(drive_sent(&fake, one, MSG_ABANDON, &m));
	assert_int_equal(m.u.abandon.id, id);
	fake_nothing();
	assert_int_equal(queued(), 1);
	/* Somebody else under its handle is not told. */
	fake_client(CLIENT, 3);
	assert_int_equal(fake_reply(one, id, 1), 0);
	assert_int_equal(fake_reply(one, fake_sent(one), 1), 0);
	fake_replied(CLIENT2, 1);
	fake_nothing();
	assert_int_equal(in_flight(), 0);
}

static void
test_abandoned_and_lost(void **state)
{
	uint32_t one;

	(void)state;
	fake_begin(1);
	one = fake_channel(1, 1);
	fake_client(CLIENT, 3);
	assert_int_equal(fake_request_retry(CLIENT, 1, 5), 0);
	assert_int_equal(fake_abandon(CLIENT, 1), 0);
	drive_forget(&fake);
	drive_down(&fake, one);
	drive_tick(&fake);
	fake_bought(1, 1, 0);
	fake_nothing();
	assert_int_equal(queued() + in_flight(), 0);
}

#define TEST(f) cmocka_unit_test_teardown(f, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_request), TEST(test_own), TEST(test_window),
		TEST(test_window_shrinks), TEST(test_owed),
		TEST(test_other_module), TEST(test_give_back),
		TEST(test_queue), TEST(test_queue_not_jumped),
		TEST(test_queue_passed),
		TEST(test_not_exported), TEST(test_not_exported_later),
		TEST(test_cast), TEST(test_fields), TEST(test_too_long),
		TEST(test_lost), TEST(test_retry), TEST(test_retry_failed),
		TEST(test_retry_order), TEST(test_late_queued),
		TEST(test_late_sent), TEST(test_ran_before),
		TEST(test_late_not_again),
		TEST(test_abandon_queued), TEST(test_abandon_sent),
		TEST(test_client_gone), TEST(test_abandoned_and_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
