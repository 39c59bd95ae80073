/* The PLB core: requests of clients, and the one answer to each. */

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
	assert_int_equal(fake_in_flight(), 1);
	assert_int_equal(fake_reply(one, id, 1), 0);
	fake_replied(CLIENT, 42);
	fake_nothing();
	assert_int_equal(plb_room(plb), 1);
	assert_int_equal(fake_in_flight(), 0);
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
	assert_int_equal(fake_queued(), 0);
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
	assert_int_equal(fake_queued(), 1);
	fake_exports("1", "f/0");
	fake_fill(1, 1, 1);
	assert_int_equal(fake_demand(fake_link(1), 1), 0);
	fake_failed(0, 1, 0, "g/0 is not exported; held: "
	    "version 1, exports f/0");
	assert_int_equal(fake_queued(), 0);
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

#define TEST(f) cmocka_unit_test_teardown(f, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_request),
		TEST(test_own),
		TEST(test_queue),
		TEST(test_queue_not_jumped),
		TEST(test_queue_passed),
		TEST(test_not_exported),
		TEST(test_not_exported_later),
		TEST(test_cast),
		TEST(test_fields),
		TEST(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
