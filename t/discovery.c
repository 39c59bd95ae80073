/* The discovery core: who is registered, and how much room there is. */

#include "directory.h"

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

int
main(void)
{
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
		T(silent_ones_are_closed),
		T(silent_ones_make_room),
		T(nodes_leave_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
