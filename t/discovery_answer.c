/* The discovery core: how requests come, and lists and orders. */

#include "directory.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(byte_by_byte),
		T(surplus_in_one_go),
		T(surplus_behind_a_known_length),
		T(bad_lengths),
		T(lists),
		T(kill_needs_an_empty_house),
		T(stop_needs_the_relaxed_option),
		R(relaxed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
