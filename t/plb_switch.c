#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "attrs.h"
#include "t/fake.h"

static int
teardown(void **state)
{
	(void)state;
	fake_end();
	return 0;
}

/* From now on this version is bought. */
static void
constrain(const char *version)
{
	const char *why, *which;
	struct buf c;

	buf_init(&c, 1024);
	assert_int_equal(constraints_build(&c, version, NULL, NULL, 0, &why,
	    &which), 0);
	assert_int_equal(plb_constrain(plb, fake.now, buf_slice(&c)), 0);
	buf_free(&c);
	drive_tick(&fake);
}

static void
cancelled(void)
{
	struct msg m;

	assert_true(drive_sent(&fake, BROKER, MSG_CANCEL, &m));
}

/* A PLB that holds 4 of version 1, and is to hold 4 of version 2. */
static uint32_t
begin(void)
{
	uint32_t one;

	fake_begin(4);
	fake_exports("1", NULL);
	one = fake_channel(1, 4);
	constrain("2");
	fake_exports("2", NULL);
	return one;
}

/* The old order is cancelled though it is complete, and as much of the new
 * version is bought before the old one is left. */
static void
test_acquires_first(void **state)
{
	uint32_t one, two;

	(void)state;
	one = begin();
	cancelled();
	fake_bought(4, 0, 4);
	fake_nothing();
	fake_fill(2, 4, 7);
	two = fake_link(2);
	fake_connected(two, 2, 4, 7);
	fake_nothing();
	assert_int_equal(fake_demand(two, 4), 0);
	fake_returned(one, 4);
	fake_closed(one);
}

/* What does not come in time is not waited for. */
static void
test_in_time(void **state)
{
	uint32_t one;
	struct msg m;
	uint64_t id;

	(void)state;
	one = begin();
	fake_bought(4, 0, 4);
	fake_channel(2, 1);
	drive_wait(&fake, PLB_SWITCH_MS - 1);
	assert_int_equal(fake_request(0, 1, "f"), 0);
	while (!drive_sent(&fake, one, MSG_REQUEST, &m))
		assert_int_equal(fake_request(0, 2, "f"), 0);
	id = m.u.request.id;
	drive_forget(&fake);
	drive_wait(&fake, 1);
	fake_returned(one, 3); /* one is in flight, and finishes */
	assert_false(drive_did(&fake, ACT_CLOSE, NULL, NULL));
	assert_int_equal(fake_reply(one, id, 1), 0);
	assert_true(drive_sent(&fake, 0, MSG_REPLY, &m));
	fake_closed(one);
}

/* Where there is nothing to go to, what is held serves on; and is left for the
 * first that comes. */
static void
test_nothing_there(void **state)
{
	uint32_t one;

	(void)state;
	one = begin();
	fake_bought(4, 0, 4);
	drive_wait(&fake, 3 * PLB_SWITCH_MS);
	assert_int_equal(fake_request(0, 1, "f"), 0);
	assert_int_equal(fake_reply(one, fake_sent(one), 1), 0);
	fake_replied(0, 1);
	drive_forget(&fake);
	fake_channel(2, 1);
	drive_wait(&fake, PLB_STAY_MS);
	fake_returned(one, 4);
	fake_closed(one);
}

/* A fill for the old order may have been under way: its reservations go back,
 * and the broker's link stays. */
static void
test_crossing_fill(void **state)
{
	struct msg m;

	(void)state;
	fake_begin(4);
	fake_buy(&m);
	constrain("2");
	cancelled();
	drive_forget(&fake);
	fake_fill(1, 4, 9); /* of the order that fake_buy() saw */
	fake_released(9);
	fake_nothing();
}

/* However often versions are switched, one order stands. */
static void
test_one_order(void **state)
{
	(void)state;
	begin();
	cancelled();
	constrain("3");
	cancelled();
	constrain("4");
	cancelled();
}

/* A seller that is left while it is dialled, and is bought from later, has
 * answered none of what it was to be asked first. */
static void
test_left_while_dialled(void **state)
{
	struct plb_view v;
	struct msg m;
	uint32_t two, three;

	(void)state;
	fake_begin(8);
	fake_exports("1", NULL);
	fake_fill(2, 4, 20); /* it is slow to come up */
	constrain("2");
	fake_buy(&m);
	fake_exports("2", NULL);
	fake_fill(3, 4, 21);
	three = fake_link(3);
	assert_int_equal(fake_demand(three, 8), 0);
	drive_down(&fake, three);
	drive_tick(&fake);
	fake_buy(&m);
	fake_fill(2, 8, 22); /* of version 2 by now */
	drive_forget(&fake);
	drive_up(&fake, 200, ROLE_CHANNEL, 9, fake_address(2), "10.0.0.99");
	two = 200;
	assert_int_equal(fake_demand(two, 8), 0);
	plb_look(plb, &v);
	assert_int_equal(v.tokens, 8);
	assert_int_equal(v.connecting, 0);
	drive_wait(&fake, PLB_CONNECT_MS + PLB_IDLE_MS);
	assert_false(drive_did(&fake, ACT_CLOSE, NULL, NULL));
	plb_look(plb, &v);
	assert_int_equal(v.tokens, 8);
}

#define TEST(f) cmocka_unit_test_teardown(f, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_acquires_first), TEST(test_in_time),
		TEST(test_nothing_there), TEST(test_crossing_fill),
		TEST(test_one_order), TEST(test_left_while_dialled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
