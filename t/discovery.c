#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "discovery.h"
#include "log.h"

#define CLIENTS 40
#define SECONDS 5000
#define BYTES(s) slice_of(s, sizeof(s) - 1)

/* ALIVE2_REQ of a node with a one letter name, at port 256 + its letter. */
#define ALIVE(c) BYTES("\0\16x\1" c "M\0\0\6\0\5\0\1" c "\0\0")
#define OK	 BYTES("v\0\0\0\x13\x88") /* the creation is SECONDS */
#define REFUSED	 BYTES("v\1\0\0\0\143")

static struct discovery *d;
static int64_t now;

static int
start(int relaxed)
{
	struct discovery_config config;

	memset(&config, 0, sizeof(config));
	config.seed = 1;
	config.seconds = SECONDS;
	config.port = 4369;
	config.relaxed = relaxed;
	config.clients = CLIENTS;
	config.host = slice_str("here.example.org");
	d = discovery_new(&config);
	now = 0;
	return d == NULL ? -1 : 0;
}

static int
begin(void **state)
{
	(void)state;
	return start(0);
}

static int
begin_relaxed(void **state)
{
	(void)state;
	return start(1);
}

static int
end(void **state)
{
	(void)state;
	discovery_free(d);
	return 0;
}

static int
next(struct act *a)
{
	while (outbox_take(discovery_out(d), a))
		if (a->kind != ACT_LOG || a->value == LOG_ERROR)
			return 1;
	return 0;
}

static struct act
expect(unsigned kind, uint32_t peer)
{
	struct act a;

	if (!next(&a))
		fail_msg("no act, expected %u", kind);
	assert_int_equal(a.kind, kind);
	assert_int_equal(a.peer, peer);
	return a;
}

static void
expect_none(void)
{
	struct act a;

	if (next(&a))
		fail_msg("act %u", a.kind);
}

static void
expect_bytes(uint32_t peer, struct slice expected)
{
	struct act a = expect(ACT_SEND, peer);

	assert_int_equal(a.bytes.len, expected.len);
	assert_memory_equal(a.bytes.p, expected.p, expected.len);
}

/* All that it gets. */
static void
expect_last(uint32_t peer, struct slice expected)
{
	expect_bytes(peer, expected);
	expect(ACT_DRAIN, peer);
	expect_none();
}

static uint32_t
opened(int local)
{
	uint32_t c = discovery_open(d, now, local);

	assert_int_not_equal(c, 0);
	return c;
}

static size_t
say(uint32_t c, struct slice bytes)
{
	return discovery_input(d, now, c, bytes);
}

static uint32_t
asked(struct slice request)
{
	uint32_t c = opened(1);

	assert_int_equal(say(c, request), request.len);
	return c;
}

static uint32_t
registered(struct slice alive)
{
	uint32_t c = asked(alive);

	expect_bytes(c, OK);
	expect_none();
	return c;
}

static void
line(const char *text)
{
	discovery_line(d, slice_str(text), 1);
}

/* Registration. */

static void
registers_as_long_as_its_connection(void **state)
{
	uint32_t a = registered(ALIVE("a"));

	(void)state;
	expect_last(asked(BYTES("\0\2za")),
	    BYTES("w\0\1aM\0\0\6\0\5\0\1a\0\0"));
	assert_int_equal(discovery_nodes(d), 1);
	discovery_closed(d, now, a);
	assert_int_equal(discovery_nodes(d), 0);
	expect_last(asked(BYTES("\0\2za")), BYTES("w\1"));
}

static void
old_node_gets_the_short_answer(void **state)
{
	uint32_t a = asked(BYTES("\0\16x\1aM\0\0\5\0\5\0\1a\0\0"));

	(void)state;
	/* 5000 % 3 + 1 */
	expect_bytes(a, BYTES("y\0\0\3"));
}

static void
surplus_ends_a_registration(void **state)
{
	uint32_t a = registered(ALIVE("a"));

	(void)state;
	say(a, BYTES("x"));
	expect(ACT_CLOSE, a);
	expect_none();
	assert_int_equal(discovery_nodes(d), 0);
	say(a, BYTES("\0\1n")); /* nothing it says counts any more */
	expect_none();
	discovery_closed(d, now, a);
}

static void
only_local_nodes_register(void **state)
{
	uint32_t a = opened(0);

	(void)state;
	say(a, ALIVE("a"));
	expect(ACT_CLOSE, a);
	assert_int_equal(discovery_nodes(d), 0);
}

static void
name_that_is_taken(void **state)
{
	uint32_t a = registered(ALIVE("a")), b = asked(ALIVE("a"));
	struct act act = expect(DISCOVERY_PROBE, b);

	(void)state;
	assert_int_equal(act.value, a);
	expect_none();
	discovery_probed(d, now, b, 0);
	expect_bytes(b, REFUSED);
	expect_none(); /* epmd leaves it open */
	now += DISCOVERY_IDLE_MS;
	discovery_tick(d, now);
	expect(ACT_CLOSE, b);
	expect_none();
}

static void
name_of_one_that_is_gone(void **state)
{
	uint32_t a = registered(ALIVE("a")), b = asked(ALIVE("a"));

	(void)state;
	expect(DISCOVERY_PROBE, b);
	discovery_probed(d, now, b, 1);
	expect(ACT_CLOSE, a);
	expect_bytes(b, BYTES("v\0\0\0\x13\x89"));
	expect_none();
	discovery_closed(d, now, a);
	assert_int_equal(discovery_nodes(d), 1);
	discovery_closed(d, now, b);
	assert_int_equal(discovery_nodes(d), 0);
}

static void
name_that_became_free_meanwhile(void **state)
{
	uint32_t a = registered(ALIVE("a")), b = asked(ALIVE("a"));

	(void)state;
	expect(DISCOVERY_PROBE, b);
	discovery_closed(d, now, a);
	discovery_probed(d, now, b, 0);
	expect_bytes(b, BYTES("v\0\0\0\x13\x89"));
}

static void
probing_client_that_leaves(void **state)
{
	uint32_t b;

	(void)state;
	registered(ALIVE("a"));
	b = asked(ALIVE("a"));
	expect(DISCOVERY_PROBE, b);
	discovery_closed(d, now, b);
	/* and one whose probe is never answered, for end() */
	expect(DISCOVERY_PROBE, asked(ALIVE("a")));
	assert_int_equal(discovery_nodes(d), 1);
}

static void
bad_name_is_refused_with_an_answer(void **state)
{
	uint32_t a = asked(BYTES("\0\16x\0\1M\0\0\6\0\5\0\1\xff\0\0"));

	(void)state;
	expect_bytes(a, REFUSED);
	expect_none();
}

/* Requests in parts. */

static void
byte_by_byte(void **state)
{
	struct slice whole = ALIVE("a");
	uint32_t a = opened(1);
	size_t i;

	(void)state;
	for (i = 1; i < whole.len; i++) {
		now += DISCOVERY_IDLE_MS - 1;
		assert_int_equal(say(a, slice_of(whole.p, i)), 0);
		discovery_tick(d, now);
		expect_none();
	}
	assert_int_equal(say(a, whole), whole.len);
	expect(ACT_SEND, a);
}

static void
surplus_in_one_go(void **state)
{
	uint32_t a = asked(BYTES("\0\1nx"));

	(void)state;
	expect(ACT_CLOSE, a);
	expect_none();
}

/* epmd reads no more than the length that it knows. */
static void
surplus_behind_a_known_length(void **state)
{
	uint32_t a = opened(1), b = opened(1);

	(void)state;
	say(a, BYTES("\0\2z"));
	say(a, BYTES("\0\2zax"));
	expect_last(a, BYTES("w\1"));
	assert_int_equal(say(b, slice_of(ALIVE("b").p, 3)), 0);
	say(b, BYTES("\0\16x\1bM\0\0\6\0\5\0\1b\0\0x"));
	expect_bytes(b, OK);
	expect(ACT_CLOSE, b);
	assert_int_equal(discovery_nodes(d), 0);
}

static void
bad_lengths(void **state)
{
	(void)state;
	expect(ACT_CLOSE, asked(BYTES("\0\0")));
	expect(ACT_CLOSE, asked(BYTES("\x0b\xf2")));
	expect(ACT_CLOSE, asked(BYTES("\0\1?")));
	expect_none();
}

/* Lists and orders. */

static void
lists(void **state)
{
	uint32_t c;

	(void)state;
	registered(ALIVE("a"));
	c = registered(ALIVE("b"));
	registered(ALIVE("c"));
	discovery_closed(d, now, c);
	c = opened(0);
	say(c, BYTES("\0\1n"));
	expect_last(c, BYTES("\0\0\x11\x11name c at port 355\n"
	    "name a at port 353\n"));
	expect_last(asked(BYTES("\0\1d")), BYTES("\0\0\x11\x11"
	    "active name     <c> at port 355, fd = 3\n\0"
	    "active name     <a> at port 353, fd = 1\n\0"
	    "old/unused name <b>, port = 354, fd = 2 \n\0"));
	c = opened(0);
	say(c, BYTES("\0\1d"));
	expect(ACT_CLOSE, c);
	expect_none();
}

static void
kill_needs_an_empty_house(void **state)
{
	uint32_t a = registered(ALIVE("a")), c;

	(void)state;
	expect_last(asked(BYTES("\0\1k")), BYTES("NO"));
	discovery_closed(d, now, a);
	c = opened(0);
	say(c, BYTES("\0\1k"));
	expect(ACT_CLOSE, c);
	expect_none();
	c = asked(BYTES("\0\1k"));
	expect_bytes(c, BYTES("OK"));
	expect(ACT_DRAIN, c);
	assert_int_equal(expect(ACT_STOP, 0).value, 0);
}

static void
stop_needs_the_relaxed_option(void **state)
{
	(void)state;
	registered(ALIVE("a"));
	expect(ACT_CLOSE, asked(BYTES("\0\2sa")));
	assert_int_equal(discovery_nodes(d), 1);
}

static void
relaxed(void **state)
{
	uint32_t a = registered(ALIVE("a")), c;

	(void)state;
	expect_last(asked(BYTES("\0\2sb")), BYTES("NOEXIST"));
	c = opened(0);
	say(c, BYTES("\0\2sa"));
	expect(ACT_CLOSE, c);
	c = asked(BYTES("\0\2sa"));
	expect(ACT_CLOSE, a);
	expect_last(c, BYTES("STOPPED"));
	assert_int_equal(discovery_nodes(d), 0);
	registered(ALIVE("b"));
	expect_bytes(c = asked(BYTES("\0\1k")), BYTES("OK"));
	expect(ACT_DRAIN, c);
	expect(ACT_STOP, 0);
}

/* Room. */

static void
silent_ones_are_closed(void **state)
{
	uint32_t a = registered(ALIVE("a")), b, c;

	(void)state;
	assert_int_equal(discovery_deadline(d), INT64_MAX);
	b = opened(1);
	now += 1000;
	c = opened(1);
	assert_int_equal(discovery_deadline(d), DISCOVERY_IDLE_MS);
	now = DISCOVERY_IDLE_MS - 1;
	discovery_tick(d, now);
	expect_none();
	now++;
	discovery_tick(d, now);
	expect(ACT_CLOSE, b);
	expect_none();
	now += 1000;
	discovery_tick(d, now);
	expect(ACT_CLOSE, c);
	now += 100 * DISCOVERY_IDLE_MS;
	discovery_closed(d, now, b);
	discovery_closed(d, now, c);
	discovery_tick(d, now);
	expect_none();
	assert_int_equal(discovery_nodes(d), 1);
	discovery_closed(d, now, a);
}

static void
silent_ones_make_room(void **state)
{
	uint32_t a, first;
	struct act act;
	int i;

	(void)state;
	a = registered(ALIVE("a"));
	first = opened(1);
	for (i = 2; i < CLIENTS - DISCOVERY_ROOM; i++)
		opened(1);
	/* Not yet: it has its time to speak. */
	opened(1);
	assert_int_equal(expect(ACT_LOG, 0).value, LOG_ERROR);
	assert_int_equal(discovery_deadline(d), DISCOVERY_HURRY_MS);
	now += DISCOVERY_HURRY_MS;
	discovery_tick(d, now);
	expect(ACT_CLOSE, first);
	expect_none();
	/* One for one, and none for those that are about to go. */
	opened(1);
	expect(ACT_CLOSE, first + 1);
	discovery_tick(d, now);
	expect_none();
	discovery_closed(d, now, first);
	discovery_closed(d, now, first + 1);
	while (discovery_room(d) > 0)
		opened(1);
	assert_int_equal(discovery_nodes(d), 1);
	while (next(&act))
		assert_int_equal(act.kind, ACT_CLOSE); /* it said so before */
	discovery_closed(d, now, a);
	assert_int_equal(opened(1), a);
}

static void
nodes_leave_room(void **state)
{
	char alive[] = "\0\16x\1aM\0\0\6\0\5\0\1a\0\0";
	struct slice request = slice_of(alive, sizeof(alive) - 1);
	uint32_t a = 0, c;
	int i;

	(void)state;
	for (i = 0; i < CLIENTS - DISCOVERY_ROOM; i++) {
		alive[13]++;
		a = registered(request);
	}
	alive[13]++;
	for (i = 0; i < 3; i++) {
		c = opened(1);
		if (i == 0) /* said once */
			expect(ACT_LOG, 0);
		say(c, request);
		if (i == 0)
			expect(ACT_LOG, 0);
		expect_bytes(c, REFUSED);
		expect_none();
		discovery_closed(d, now, c);
	}
	/* One that comes again takes no other one's place. */
	discovery_closed(d, now, a);
	expect_bytes(asked(request), OK);
}

/* Contacts. */

static void
contact_is_answered(void **state)
{
	(void)state;
	line("a@b 10.0.0.2 258");
	expect(DISCOVERY_HOSTS, 0);
	expect_last(asked(BYTES("\0\4za@b")),
	    BYTES("w\0\1\2M\0\0\6\0\5\0\3a@b\0\10" "10.0.0.2"));
	line("a@b 10.0.0.2 258");
	expect_none();
	/* replaced */
	line("a@b [fd00::2] 259");
	expect(DISCOVERY_HOSTS, 0);
	expect_last(asked(BYTES("\0\4za@b")),
	    BYTES("w\0\1\3M\0\0\6\0\5\0\3a@b\0\7" "fd00::2"));
	/* epmd's own question is for nodes of this host */
	expect_last(asked(BYTES("\0\2za")), BYTES("w\1"));
	/* withdrawn */
	line("a@b - -");
	expect(DISCOVERY_HOSTS, 0);
	expect_last(asked(BYTES("\0\4za@b")), BYTES("w\1"));
	line("a@b - -");
	expect_none();
	expect_last(asked(BYTES("\0\1n")), BYTES("\0\0\x11\x11"));
}

static void
own_nodes_by_their_whole_name(void **state)
{
	(void)state;
	registered(ALIVE("a"));
	expect_last(asked(BYTES("\0\7za@here")),
	    BYTES("w\0\1aM\0\0\6\0\5\0\6a@here\0\0"));
	expect_last(asked(BYTES("\0\23za@here.example.org")),
	    BYTES("w\0\1aM\0\0\6\0\5\0\22a@here.example.org\0\0"));
	expect_last(asked(BYTES("\0\10za@there")), BYTES("w\1"));
	/* Its contact may lag behind, but knows the address. */
	line("a@here 10.0.0.1 1");
	expect(DISCOVERY_HOSTS, 0);
	expect_last(asked(BYTES("\0\7za@here")),
	    BYTES("w\0\1aM\0\0\6\0\5\0\6a@here\0\10" "10.0.0.1"));
}

/* SIGHUP. */
static void
lines_that_come_anew(void **state)
{
	(void)state;
	line("a@b 10.0.0.2 258");
	line("c@d 10.0.0.3 258");
	expect(DISCOVERY_HOSTS, 0);
	expect(DISCOVERY_HOSTS, 0);
	discovery_lines_end(d);
	expect_none();
	discovery_lines_again(d);
	line("a@b 10.0.0.2 258");
	expect_last(asked(BYTES("\0\4zc@d")),
	    BYTES("w\0\1\2M\0\0\6\0\5\0\3c@d\0\10" "10.0.0.3"));
	discovery_lines_end(d);
	expect(DISCOVERY_HOSTS, 0);
	expect_last(asked(BYTES("\0\4zc@d")), BYTES("w\1"));
	expect_last(asked(BYTES("\0\4za@b")),
	    BYTES("w\0\1\2M\0\0\6\0\5\0\3a@b\0\10" "10.0.0.2"));
	discovery_lines_end(d);
	expect_none();
}

static void
more_lines_than_there_is_room_for(void **state)
{
	char text[64];
	struct act act;
	int i;

	(void)state;
	for (i = 0; i < CONTACTS_MAX; i++) {
		snprintf(text, sizeof(text), "n%d@b 10.0.0.2 1", i);
		line(text);
		expect(DISCOVERY_HOSTS, 0);
	}
	line("a@b 10.0.0.2 1");
	assert_int_equal(expect(ACT_LOG, 0).value, LOG_ERROR);
	line("b@b 10.0.0.2 1");
	expect_none();
	line("none");
	expect(ACT_LOG, 0);
	line("n1@b - -");
	while (next(&act))
		;
	line("a@b 10.0.0.2 1");
	expect(DISCOVERY_HOSTS, 0);
	line("b@b 10.0.0.2 1");
	expect(ACT_LOG, 0);
	line("c@b 10.0.0.2 1");
	expect_none();
}

static void
lines_that_say_nothing(void **state)
{
	static const char *const bad[] = {
		"a@b", "a@b 10.0.0.2", "a@b 10.0.0.2 1 2", "a@b host 1",
		"a@b 10.0.0.2 0", "a@b 10.0.0.2 65536", "a@b 10.0.0.2 1x",
		"a@b 10.0.0.2 -", "a@b - 1", "a@b 10.0.0 1", "a@b [] 1",
		"a@b fe80::g 1", "a@b 10.0.0.2 1000000000000",
	};
	size_t i;

	(void)state;
	line("");
	line("# NODE IP PORT");
	line("   ");
	expect_none();
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		line(bad[i]);
		assert_int_equal(expect(ACT_LOG, 0).value, LOG_ERROR);
		expect_none();
	}
}

static void
hosts_file(void **state)
{
	static const char expected[] =
	    "127.0.0.1 localhost\n"
	    "127.0.0.1 here.example.org here\n"
	    "::1 localhost\n"
	    "::1 here.example.org here\n"
	    "fd00::9 b\n"
	    "10.0.0.9 b\n"
	    "10.0.0.3 c.example.org\n";
	struct buf text;

	(void)state;
	line("x@b 10.0.0.2 1");
	line("x@c.example.org 10.0.0.3 1");
	line("y@b 10.0.0.9 1"); /* newer than x@b */
	line("z@b fd00::9 1");
	line("x@localhost 10.6.6.6 1");
	line("x@here 10.6.6.6 1");
	line("x@10.0.0.4 10.0.0.4 1");
	line("x@evil#,host 10.6.6.6 1");
	line("nohost 10.0.0.5 1");
	line("gone@d 10.0.0.6 1");
	line("gone@d - -");
	buf_init(&text, CONTACTS_HOSTS_MAX);
	assert_int_equal(discovery_hosts(d, &text), 0);
	assert_int_equal(buf_len(&text), sizeof(expected) - 1);
	assert_memory_equal(buf_slice(&text).p, expected, buf_len(&text));
	buf_free(&text);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
#define R(f) cmocka_unit_test_setup_teardown(f, begin_relaxed, end)
	const struct CMUnitTest tests[] = {
		T(registers_as_long_as_its_connection),
		T(old_node_gets_the_short_answer),
		T(surplus_ends_a_registration),
		T(only_local_nodes_register),
		T(name_that_is_taken),
		T(name_of_one_that_is_gone),
		T(name_that_became_free_meanwhile),
		T(probing_client_that_leaves),
		T(bad_name_is_refused_with_an_answer),
		T(byte_by_byte),
		T(surplus_in_one_go),
		T(surplus_behind_a_known_length),
		T(bad_lengths),
		T(lists),
		T(kill_needs_an_empty_house),
		T(stop_needs_the_relaxed_option),
		R(relaxed),
		T(silent_ones_are_closed),
		T(silent_ones_make_room),
		T(nodes_leave_room),
		T(contact_is_answered),
		T(own_nodes_by_their_whole_name),
		T(lines_that_come_anew),
		T(more_lines_than_there_is_room_for),
		T(lines_that_say_nothing),
		T(hosts_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
