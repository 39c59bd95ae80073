/* The PLB core: what it buys, and from whom. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "attrs.h"
#include "t/fake.h"

static int
teardown(void **state)
{
	(void)state;
	fake_end();
	return 0;
}

/* Buys. */

static void
test_buy(void **state)
{
	struct msg m;

	(void)state;
	fake_begin(8);
	fake_buy(&m);
	assert_true(m.u.buy.order != 0);
	assert_int_equal(m.u.buy.missing, 8);
	assert_int_equal(m.u.buy.settled + m.u.buy.held + m.u.buy.age_ms, 0);
	fake_nothing();
	drive_tick(&fake);
	fake_nothing();
}

static void
test_fill(void **state)
{
	uint32_t one, two;

	(void)state;
	fake_begin(8);
	fake_bought(8, 0, 0);
	fake_fill(1, 5, 11);
	fake_fill(2, 3, 12);
	one = fake_link(1);
	two = fake_link(2);
	fake_connected(one, 1, 5, 11);
	fake_connected(two, 2, 3, 12);
	fake_nothing();
	assert_int_equal(fake_demand(one, 5), 0);
	fake_bought(3, 5, 5);
	fake_room(5);
	/* Less than asked for: all of it is settled, and the rest
	 * is lacking. */
	assert_int_equal(fake_demand(two, 2), 0);
	fake_bought(1, 8, 7);
	fake_room(7);
	fake_nothing();
	fake_fill(1, 1, 13);
	fake_connected(one, 1, 1, 13);
	assert_int_equal(fake_demand(one, 1), 0);
	fake_bought(0, 9, 8);
	fake_room(8);
	fake_nothing();
}

/* A seller that is dialled or up is not dialled again. */
static void
test_same_seller(void **state)
{
	uint32_t one;
	uint64_t i;

	(void)state;
	fake_begin(20);
	fake_bought(20, 0, 0);
	fake_fill(1, 1, 1);
	fake_fill(1, 2, 2);
	one = fake_link(1);
	fake_connected(one, 1, 1, 1);
	fake_connected(one, 1, 2, 2);
	fake_fill(1, 3, 3);
	fake_fill(1, 4, 4);
	fake_connected(one, 1, 3, 3);
	fake_connected(one, 1, 4, 4);
	fake_nothing();
	/* More without an answer are too many. */
	fake_fill(1, 5, 5);
	fake_released(5);
	fake_bought(20, 5, 0);
	fake_nothing();
	for (i = 1; i <= 4; i++)
		assert_int_equal(fake_demand(one, i), 0);
	assert_int_equal(plb_room(plb), 10);
}

static void
test_refused(void **state)
{
	uint32_t one;
	uint64_t i;

	(void)state;
	fake_begin(8);
	fake_fill(1, 8, 1);
	drive_forget(&fake);
	fake_fill(1, 8, 1);
	fake_released(1); /* no more than was wanted is taken */
	fake_bought(8, 8, 0);
	drive_forget(&fake);
	fake_end();

	fake_begin(8);
	fake_fill(1, 8, 1);
	one = fake_link(1);
	drive_forget(&fake);
	for (i = 1; i < PLB_REFUSALS; i++) {
		assert_int_equal(fake_refuse(one), 0);
		fake_released(i);
		fake_bought(8, 8 * i, 0);
		fake_nothing();
		fake_fill(1, 8, i + 1);
		fake_connected(one, 1, 8, i + 1);
		fake_nothing();
	}
}

static uint32_t
refused_in_a_row(unsigned seller, unsigned n)
{
	uint32_t peer;
	unsigned i;

	fake_fill(seller, 8, 1);
	peer = fake_link(seller);
	for (i = 1; i < n; i++) {
		assert_int_equal(fake_refuse(peer), 0);
		fake_fill(seller, 8, i + 1);
	}
	drive_forget(&fake);
	assert_int_equal(fake_refuse(peer), 0);
	return peer;
}

/* The order ended, and is there under a new id: sellers that were given back
 * may be offered to it. */
static void
started_over(uint64_t missing)
{
	uint64_t old;
	struct msg m;

	assert_true(drive_sent(&fake, BROKER, MSG_CANCEL, &m));
	old = m.u.cancel.order;
	fake_buy(&m);
	assert_true(m.u.buy.order > old);
	assert_int_equal(m.u.buy.missing, missing);
	assert_int_equal(m.u.buy.settled, 0);
}

/* A seller that always refuses what it offers again is asked seldom. */
static void
test_always_refused(void **state)
{
	uint32_t one;

	(void)state;
	fake_begin(8);
	one = refused_in_a_row(1, PLB_REFUSALS);
	fake_told("the seller at 10.0.0.1:7 refuses all: no capacity left");
	drive_forget(&fake);
	fake_fill(1, 8, 20);
	fake_released(20);
	fake_bought(8, 8 * (PLB_REFUSALS + 1), 0);
	fake_nothing();
	/* Others are asked at once. */
	fake_fill(2, 1, 21);
	fake_connected(fake_link(2), 2, 1, 21);
	drive_forget(&fake);
	/* After a while it is, too, even if it has nothing new to say; and
	 * once. */
	drive_wait(&fake, PLB_AVOID_MS);
	started_over(7); /* one is asked of the other */
	drive_forget(&fake);
	fake_fill(1, 2, 22);
	fake_connected(one, 1, 2, 22);
	assert_int_equal(fake_refuse(one), 0);
	fake_released(22);
	fake_fill(1, 2, 23);
	fake_released(23);
	drive_forget(&fake);
	/* What it grants then is the end of that. */
	drive_wait(&fake, PLB_AVOID_MS);
	started_over(7);
	drive_forget(&fake);
	fake_fill(1, 2, 24);
	fake_connected(one, 1, 2, 24);
	assert_int_equal(fake_demand(one, 1), 0);
	drive_forget(&fake);
	fake_fill(1, 2, 25);
	fake_connected(one, 1, 2, 25);
	assert_int_equal(fake_refuse(one), 0);
	drive_forget(&fake);
	fake_fill(1, 2, 26);
	fake_connected(one, 1, 2, 26);
}

/* However many do so, and however often: the order starts over seldom. */
static void
test_refused_by_two(void **state)
{
	uint32_t peer[2];
	unsigned i, s, restarts = 0;
	struct msg m;

	(void)state;
	fake_begin(8);
	peer[0] = refused_in_a_row(1, PLB_REFUSALS);
	drive_wait(&fake, PLB_AVOID_MS / 2);
	peer[1] = refused_in_a_row(2, PLB_REFUSALS);
	for (i = 0; i < 40; i++) {
		for (s = 0; s < 2; s++) {
			drive_forget(&fake);
			fake_fill(1 + s, 8, 100 + i);
			if (drive_sent(&fake, peer[s], MSG_CONNECT, &m))
				assert_int_equal(fake_refuse(peer[s]), 0);
		}
		drive_forget(&fake);
		drive_wait(&fake, PLB_AVOID_MS / 10);
		if (drive_sent(&fake, BROKER, MSG_CANCEL, &m)) {
			fake_buy(&m);
			restarts++;
		}
	}
	assert_in_range(restarts, 3, 4);
}

static void
test_unreachable(void **state)
{
	struct msg m;
	uint32_t tag;

	(void)state;
	fake_begin(8);
	fake_bought(8, 0, 0);
	fake_fill(1, 8, 7);
	assert_true(drive_did(&fake, ACT_DIAL, fake_address(1), &tag));
	plb_ops.failed(plb, fake.now, tag, slice_str("refused"), 0);
	drive_tick(&fake);
	assert_true(drive_sent(&fake, 0, MSG_OFFERS, &m));
	assert_true(m.u.offers.reason.len > 0);
	fake_released(7);
	fake_bought(8, 8, 0);
	fake_nothing();
	/* Once is enough; and tags of nobody. */
	plb_ops.failed(plb, fake.now, tag, slice_str("refused"), 0);
	plb_ops.failed(plb, fake.now, 0, slice_str("refused"), 0);
	plb_ops.failed(plb, fake.now, PLB_FIXED_TAG, slice_str("refused"), 0);
	plb_ops.failed(plb, fake.now, UINT32_MAX, slice_str("refused"), 0);
	drive_tick(&fake);
	fake_nothing();
	/* It is not tried again at once, however often it is offered. */
	fake_fill(1, 8, 8);
	fake_released(8);
	fake_bought(8, 16, 0);
	fake_nothing();
	/* After a while it is, and found. */
	drive_wait(&fake, PLB_AVOID_MS);
	fake_fill(1, 8, 9);
	fake_connected(fake_link(1), 1, 8, 9);
}

/* While something is held the program has nothing to complain of, so it is said
 * here: once of each seller, though they fail by turns. */
static void
test_unreachable_log(void **state)
{
	uint32_t tag;
	uint64_t i;

	(void)state;
	fake_begin(8);
	fake_channel(1, 1);
	for (i = 0; i < 10; i++) {
		fake_fill(2 + i % 2, 7, i + 2);
		assert_true(drive_did(&fake, ACT_DIAL,
		    fake_address(2 + i % 2), &tag));
		plb_ops.failed(plb, fake.now, tag, slice_str("wrong key"), 1);
		drive_tick(&fake);
		assert_int_equal(drive_did(&fake, ACT_LOG, NULL, NULL), i < 2);
		drive_forget(&fake);
		drive_wait(&fake, PLB_AVOID_MS);
	}
}

/* A driver that says nothing of a dial does not hold the capacity up. */
static void
test_dial_forgotten(void **state)
{
	uint32_t tag;

	(void)state;
	fake_begin(8);
	fake_bought(8, 0, 0);
	fake_fill(1, 8, 7);
	assert_true(drive_did(&fake, ACT_DIAL, fake_address(1), &tag));
	drive_forget(&fake);
	drive_wait(&fake, PLB_CONNECT_MS + 1000);
	fake_released(7);
	fake_bought(8, 0, 0);
	fake_bought(8, 0, 0);
	fake_bought(8, 8, 0);
	fake_nothing();
	/* It fails, or comes up, when another waits under that number. */
	fake_fill(2, 8, 8);
	plb_ops.failed(plb, fake.now, tag, slice_str("late"), 0);
	drive_up(&fake, 50, ROLE_CHANNEL, tag, fake_address(1), "");
	fake_closed(50);
	fake_connected(fake_link(2), 2, 8, 8);
}

static void
test_connect_unanswered(void **state)
{
	uint32_t one;

	(void)state;
	fake_begin(8);
	fake_bought(8, 0, 0);
	fake_fill(1, 8, 7);
	one = fake_link(1);
	drive_forget(&fake);
	drive_wait(&fake, PLB_CONNECT_MS - 1);
	while (drive_sent(&fake, BROKER, MSG_BUY, &(struct msg){ 0 }))
		continue;
	fake_nothing();
	drive_wait(&fake, 1000);
	fake_released(7);
	fake_told("the seller at 10.0.0.1:7 does not answer");
	fake_closed(one);
	fake_bought(8, 8, 0);
	fake_nothing();
	/* Another exchange may offer it still: it is not waited for again. */
	fake_fill(1, 8, 8);
	fake_released(8);
	fake_bought(8, 16, 0);
	fake_nothing();
	/* What it says now is of no use, and no error. */
	assert_int_equal(fake_demand(one, 8), 0);
	fake_nothing();
	assert_int_equal(plb_room(plb), 0);
	drive_down(&fake, one);
	fake_nothing();
}

/* A listener that hangs takes nothing from those that run there. */
static void
test_second_connect_unanswered(void **state)
{
	struct plb_view v;
	uint32_t one;
	uint64_t id;

	(void)state;
	fake_begin(4);
	one = fake_channel(1, 2);
	assert_int_equal(fake_request(0, 9, "f"), 0);
	id = fake_sent(one);
	fake_fill(1, 2, 5);
	fake_connected(one, 1, 2, 5);
	drive_forget(&fake);
	drive_wait(&fake, PLB_CONNECT_MS + 1000);
	fake_released(5);
	fake_bought(2, 2, 2);
	fake_bought(2, 2, 2);
	fake_bought(2, 4, 2);
	fake_told("the seller at 10.0.0.1:7 does not answer");
	fake_nothing();
	assert_int_equal(fake_reply(one, id, 1), 0);
	fake_replied(0, 9);
	/* It is answered late, and then again to what was asked after. */
	drive_wait(&fake, PLB_AVOID_MS);
	drive_forget(&fake);
	fake_fill(1, 2, 6);
	fake_connected(one, 1, 2, 6);
	fake_nothing();
	assert_int_equal(fake_demand(one, 1), 0);
	fake_room(3);
	fake_bought(1, 4, 3);
	assert_int_equal(fake_demand(one, 1), 0);
	fake_room(4);
	fake_bought(0, 6, 4);
	fake_nothing();
	plb_look(plb, &v);
	assert_int_equal(v.connecting, 0);
	assert_int_equal(fake_demand(one, 1), -1);
	assert_int_equal(errno, EPROTO);
}

static void
test_held_falls(void **state)
{
	uint32_t one;

	(void)state;
	fake_begin(8);
	one = fake_channel(1, 5);
	fake_channel(2, 3);
	drive_down(&fake, one);
	drive_tick(&fake);
	fake_bought(5, 8, 3);
	fake_nothing();
	assert_int_equal(plb_room(plb), 3);
}

/* The connection is lost before the connect is answered. */
static void
test_lost_connecting(void **state)
{
	uint32_t one;

	(void)state;
	fake_begin(8);
	fake_bought(8, 0, 0);
	fake_fill(1, 8, 7);
	one = fake_link(1);
	drive_forget(&fake);
	drive_down(&fake, one);
	drive_tick(&fake);
	fake_released(7);
	fake_bought(8, 8, 0);
	fake_nothing();
}

/* What was asked for before the broker went is not bought twice. */
static void
test_broker_back(void **state)
{
	struct msg m;
	uint64_t first;
	uint32_t one, two;

	(void)state;
	fake_begin(8);
	fake_buy(&m);
	first = m.u.buy.order;
	fake_fill(1, 3, 7);
	fake_fill(2, 2, 8);
	one = fake_link(1);
	two = fake_link(2);
	drive_forget(&fake);
	drive_down(&fake, BROKER);
	drive_wait(&fake, 2 * PLB_REFRESH_MS);
	fake_nothing();
	fake_broker(BROKER);
	fake_buy(&m);
	assert_int_not_equal(m.u.buy.order, first);
	assert_int_equal(m.u.buy.missing, 3);
	assert_int_equal(m.u.buy.settled, 0);
	/* It waited all the while. */
	assert_in_range(m.u.buy.age_ms, 2 * PLB_REFRESH_MS,
	    2 * PLB_REFRESH_MS + 100);
	fake_nothing();
	/* What is granted of it is held; what is refused is missing, but the
	 * new broker knows nothing of a reservation. */
	assert_int_equal(fake_demand(one, 3), 0);
	fake_room(3);
	fake_nothing();
	assert_int_equal(fake_refuse(two), 0);
	fake_bought(5, 0, 3);
	fake_nothing();
	fake_fill(3, 5, 9);
	fake_connected(fake_link(3), 3, 5, 9);
}

static void
test_refresh(void **state)
{
	struct msg m;
	int64_t begun;
	uint64_t i;
	uint32_t one;

	(void)state;
	fake_begin(8);
	begun = fake.now;
	fake_bought(8, 0, 0);
	drive_wait(&fake, PLB_REFRESH_MS - 1);
	fake_nothing();
	drive_wait(&fake, 1);
	for (i = 1; i < 5; i++) {
		fake_buy(&m);
		assert_int_equal(m.u.buy.age_ms, fake.now - begun);
		fake_nothing();
		drive_wait(&fake, PLB_REFRESH_MS);
	}
	drive_forget(&fake);
	/* Served in part: its age begins anew. */
	fake_fill(1, 3, 7);
	one = fake_link(1);
	drive_forget(&fake);
	assert_int_equal(fake_demand(one, 3), 0);
	fake_buy(&m);
	assert_int_equal(m.u.buy.age_ms, 0);
	assert_int_equal(m.u.buy.missing, 5);
	drive_forget(&fake);
	drive_wait(&fake, PLB_REFRESH_MS);
	fake_buy(&m);
	assert_int_equal(m.u.buy.age_ms, PLB_REFRESH_MS);
	/* Nothing is missing: nothing is said. */
	fake_fill(1, 5, 8);
	assert_int_equal(fake_demand(one, 5), 0);
	drive_forget(&fake);
	drive_wait(&fake, 3 * PLB_REFRESH_MS);
	fake_nothing();
}

static void
test_constraints(void **state)
{
	struct plb_config config;
	struct buf c;
	const char *why, *which;
	struct msg m;

	(void)state;
	fake_begin(1);
	fake_end();
	buf_init(&c, 1024);
	assert_int_equal(constraints_build(&c, "2.1+", NULL, NULL, 0, &why,
	    &which), 0);
	memset(&config, 0, sizeof(config));
	config.module = slice_str("m");
	config.capacity = 2;
	config.wanted = 5;
	config.constraints = buf_slice(&c);
	plb = plb_new(1, &config);
	drive_init(&fake, &plb_ops, plb, plb_out(plb));
	fake_broker(BROKER);
	fake_buy(&m);
	assert_true(slice_equal(m.u.buy.constraints, buf_slice(&c)));
	assert_int_equal(m.u.buy.missing, 2); /* its capacity */
	buf_free(&c);
}

static void
test_order_refused(void **state)
{
	struct msg m;

	(void)state;
	fake_begin(1);
	drive_forget(&fake);
	memset(&m, 0, sizeof(m));
	m.type = MSG_REFUSE;
	m.u.refuse.order = 1;
	m.u.refuse.reason = slice_str("too many orders");
	assert_int_equal(fake_say(BROKER, &m), 0);
	assert_true(drive_sent(&fake, 0, MSG_REFUSE, &m));
	assert_int_equal(m.u.refuse.order, 0);
	assert_true(slice_equal(m.u.refuse.reason,
	    slice_str("too many orders")));
	fake_nothing();
}

#define TEST(f) cmocka_unit_test_teardown(f, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_buy), TEST(test_fill), TEST(test_same_seller),
		TEST(test_refused), TEST(test_always_refused),
		TEST(test_refused_by_two),
		TEST(test_unreachable), TEST(test_unreachable_log),
		TEST(test_dial_forgotten), TEST(test_connect_unanswered),
		TEST(test_second_connect_unanswered), TEST(test_held_falls),
		TEST(test_lost_connecting), TEST(test_broker_back),
		TEST(test_refresh), TEST(test_constraints),
		TEST(test_order_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
