/* The broker: what is bought, and how fills are passed on or given back. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "broker_state.h"
#include "t/shop.h"

static void
test_fill_whole(void **state)
{
	uint64_t number = market(), again;
	struct msg m;

	(void)state;
	assert_int_equal(fill(E1, number, 50, 5, 1), 0);
	assert_filled(E1, 7, 5);
	assert_true(drive_did(&d, BROKER_CONTACT, "n@h 10.9.9.9 99", NULL));
	/* It lacks nothing, but has not settled it: it is still known. */
	assert_buy(E1, 0, 5, 0, NULL);
	assert_buy(E2, 0, 0, 0, NULL);
	assert_int_equal(drive_forget(&d), 0);
	/* A fill that crossed this goes back whole. */
	fill(E2, number, 51, 5, 9);
	assert_released(E2, 9, 0);
	assert_buy(E2, 0, 5, 0, NULL);
	/* Granted 4: the last one is on its way. */
	assert_int_equal(buy(7, 1, 4, 4), 0);
	assert_int_equal(drive_forget(&d), 0);
	/* All granted: it stands nowhere. */
	assert_int_equal(buy(7, 0, 5, 5), 0);
	assert_true(drive_sent(&d, E1, MSG_CANCEL, &m));
	assert_true(drive_sent(&d, E2, MSG_CANCEL, &m));
	assert_int_equal(m.u.cancel.order, number);
	assert_int_equal(drive_forget(&d), 0);
	/* A fill that crossed the cancel goes back whole. */
	fill(E2, number, 51, 5, 9);
	assert_released(E2, 9, 0);
	/* It lacks again, as a new order. */
	assert_int_equal(buy(7, 2, 5, 3), 0);
	assert_buy(E1, 2, 0, 3, &again);
	assert_buy(E2, 2, 0, 3, NULL);
	assert_int_not_equal(again, number);
	fill(E2, number, 51, 1, 10);
	assert_released(E2, 10, 0);
	assert_int_equal(drive_forget(&d), 0);
}

static void
test_fill_part(void **state)
{
	uint64_t number = market(), again;

	(void)state;
	fill(E1, number, 50, 2, 1);
	assert_filled(E1, 7, 2);
	assert_buy(E1, 3, 2, 0, NULL);
	assert_buy(E2, 3, 0, 0, NULL);
	/* More than is lacking. */
	fill(E2, number, 51, 5, 2);
	assert_filled(E2, 7, 3);
	assert_released(E2, 2, 2);
	drive_forget(&d);
	/* Granted 2, the rest is on its way. */
	buy(7, 3, 2, 2);
	assert_int_equal(drive_forget(&d), 0);
	/* 3 refused. */
	buy(7, 3, 5, 2);
	assert_buy(E1, 3, 2, 2, &again);
	assert_int_equal(again, number);
}

/* R exchanges sell the same capacity: a seller once at a time. */
static void
test_same_seller(void **state)
{
	uint64_t number = market();
	struct msg m;

	(void)state;
	fill(E1, number, 50, 2, 1);
	drive_forget(&d);
	fill(E2, number, 50, 2, 2);
	/* It is not taken, nor given back yet. */
	assert_buy(E2, 3, 2, 0, NULL);
	assert_int_equal(drive_forget(&d), 0);
	/* The same exchange knows what it does. */
	fill(E1, number, 50, 1, 3);
	assert_filled(E1, 7, 1);
	drive_forget(&d);
	/* What it was held for is settled. */
	buy(7, 3, 2, 2);
	assert_released(E2, 2, 0);
	/* All is: now it may. */
	buy(7, 2, 3, 3);
	assert_false(drive_sent(&d, E2, MSG_RELEASE, &m));
	drive_forget(&d);
	fill(E2, number, 50, 1, 4);
	assert_filled(E2, 7, 1);
	drive_forget(&d);
	/* And after the time that a connect takes at most. */
	drive_wait(&d, BROKER_PENDING_MS);
	fill(E1, number, 50, 1, 5);
	assert_filled(E1, 7, 1);
}

/* One that has plenty of it, and is told that as much is lacking as before,
 * would fill again and again: the second time it learns not to. */
static void
test_same_seller_again(void **state)
{
	uint64_t number = market();
	struct msg m;

	(void)state;
	fill(E1, number, 50, 2, 1);
	fill(E2, number, 50, 2, 2);
	drive_forget(&d);
	fill(E2, number, 50, 3, 3);
	assert_true(drive_sent(&d, E2, MSG_RELEASE, &m));
	assert_int_equal(m.u.release.order, number);
	assert_buy(E2, 3, 5, 0, NULL);
	assert_int_equal(drive_forget(&d), 0);
	/* Another seller is as good as ever. */
	fill(E2, number, 51, 1, 4);
	assert_filled(E2, 7, 1);
	drive_forget(&d);
	/* What was held is released as it would have been. */
	buy(7, 3, 3, 3);
	assert_released(E2, 2, 0);
	assert_false(drive_sent(&d, E2, MSG_RELEASE, &m));
}

/* As often as there are fills, what is released and passed adds up, and the
 * list of what is pending keeps its bound. */
static void
test_many_fills(void **state)
{
	struct broker *b = *state;
	struct broker_peer plb;
	struct broker_order *o;
	uint64_t i;

	market();
	plb.gossip.handle = PLB1;
	o = broker_order_find(b, &plb, 7);
	buy(7, 1000, 0, 0);
	assert_non_null(o);
	for (i = 1; i <= 200; i++) {
		fill(E1, o->number, (unsigned)(i % 250), 1, i);
		assert_filled(E1, 7, 1);
		drive_forget(&d);
		assert_int_equal(o->npending, i < BROKER_PENDING_MAX ? i :
		    BROKER_PENDING_MAX);
		assert_int_equal(broker_order_lacking(o), 1000 - i);
	}
	buy(7, 900, 100, 100);
	assert_int_equal(broker_order_lacking(o), 800);
	buy(7, 800, 200, 200);
	assert_int_equal(o->npending, 0);
	assert_int_equal(broker_order_lacking(o), 800);
}

static void
test_nothing_changed(void **state)
{
	(void)state;
	market();
	buy(7, 5, 0, 0);
	assert_int_equal(drive_forget(&d), 0);
	buy(7, 5, 0, 1);
	assert_buy(E1, 5, 0, 1, NULL);
	assert_buy(E2, 5, 0, 1, NULL);
}

static void
test_age(void **state)
{
	struct msg m;

	(void)state;
	market();
	drive_wait(&d, 250);
	drive_down(&d, E1);
	drive_forget(&d);
	exchange_up(E1);
	assert_true(drive_sent(&d, E1, MSG_BUY, &m));
	assert_int_equal(m.u.buy.age_ms, 750);
	/* Whoever got something waits anew. */
	fill(E1, m.u.buy.order, 50, 2, 1);
	assert_true(drive_sent(&d, E1, MSG_BUY, &m));
	assert_int_equal(m.u.buy.age_ms, 0);
}

static void
test_plb_lost(void **state)
{
	uint64_t number = market();
	struct msg m;

	(void)state;
	fill(E1, number, 50, 2, 1);
	fill(E2, number, 51, 1, 2);
	drive_forget(&d);
	drive_down(&d, PLB1);
	assert_released(E1, 1, 0);
	assert_released(E2, 2, 0);
	assert_true(drive_sent(&d, E1, MSG_CANCEL, &m));
	assert_true(drive_sent(&d, E2, MSG_CANCEL, &m));
	assert_int_equal(drive_forget(&d), 0);
	fill(E1, number, 50, 1, 3);
	assert_released(E1, 3, 0);
}

/* A cancelled order's connects may be under way: what it was passed is released
 * when its owner is lost, and not before. */
static void
test_plb_cancels(void **state)
{
	uint64_t number = market();
	struct msg m;

	(void)state;
	fill(E1, number, 50, 2, 1);
	fill(E2, number, 50, 2, 2); /* held: of the same seller */
	drive_forget(&d);
	m = message(MSG_CANCEL);
	m.u.cancel.order = 7;
	assert_int_equal(drive_message(&d, PLB1, &m), 0);
	assert_released(E2, 2, 0);
	assert_false(drive_sent(&d, E1, MSG_RELEASE, &m));
	drive_forget(&d);
	drive_down(&d, PLB1);
	assert_released(E1, 1, 0);
	assert_int_equal(drive_forget(&d), 0);
}

static void
test_plb_releases(void **state)
{
	uint64_t number = market();
	struct msg m = message(MSG_RELEASE);
	struct reservation r;
	struct scratch s;

	(void)state;
	fill(E1, number, 50, 2, 1);
	drive_forget(&d);
	scratch_init(&s);
	scratch_begin(&s, 1000);
	r.exchange = drive_id(E1);
	r.counter = 1;
	r.quantity = 1;
	scratch_item(&s, &schema_reservation, &r);
	r.exchange = drive_id(66); /* gone since */
	scratch_item(&s, &schema_reservation, &r);
	m.u.release.order = 7;
	m.u.release.reservations = scratch_slice(&s);
	assert_int_equal(drive_message(&d, PLB1, &m), 0);
	assert_released(E1, 1, 1);
	/* For an order that is gone, too. */
	m.u.release.order = 8;
	assert_int_equal(drive_message(&d, PLB1, &m), 0);
	assert_released(E1, 1, 1);
	assert_int_equal(drive_forget(&d), 0);
	scratch_free(&s);
}

/* What a PLB gave up it is not offered again before the seller sells anew; what
 * was too much it is, since it may be refused the rest. */
static void
test_release_order(void **state)
{
	uint64_t number = market();
	struct reservation r;
	struct scratch s;
	struct msg m;

	(void)state;
	fill(E1, number, 50, 5, 1);
	fill(E2, number, 51, 5, 2);
	assert_true(drive_sent(&d, E2, MSG_RELEASE, &m));
	assert_true(m.u.release.order == ORDER_NONE);
	m = message(MSG_RELEASE);
	scratch_init(&s);
	scratch_begin(&s, 1000);
	r.exchange = drive_id(E1);
	r.counter = 1;
	r.quantity = 5;
	scratch_item(&s, &schema_reservation, &r);
	m.u.release.order = 7;
	m.u.release.reservations = scratch_slice(&s);
	assert_int_equal(drive_message(&d, PLB1, &m), 0);
	assert_true(drive_sent(&d, E1, MSG_RELEASE, &m));
	assert_int_equal(m.u.release.order, number);
	scratch_free(&s);
}

static void
test_notes(void **state)
{
	struct msg m;

	(void)state;
	drive_up(&d, PLB1, ROLE_PLB, 0, "", "");
	buy(7, 5, 0, 0);
	drive_wait(&d, 900);
	assert_int_equal(drive_forget(&d), 0);
	drive_wait(&d, 200);
	assert_true(drive_sent(&d, PLB1, MSG_OFFERS, &m));
	assert_true(m.u.offers.reason.len > 20);
	assert_memory_equal(m.u.offers.reason.p, "no authority answers", 20);
	buy(7, 5, 0, 0);
	assert_true(drive_sent(&d, PLB1, MSG_OFFERS, &m));
	assert_int_equal(drive_forget(&d), 0);
	authority_up(A1);
	buy(7, 5, 0, 0);
	assert_true(drive_sent(&d, PLB1, MSG_OFFERS, &m));
	assert_memory_equal(m.u.offers.reason.p, "no exchange for calc", 20);
	/* With an exchange there, no more of it. */
	exchanges(A1, "calc", E1, 0);
	exchange_up(E1);
	drive_forget(&d);
	buy(7, 5, 0, 0);
	drive_wait(&d, 5000);
	assert_int_equal(drive_forget(&d), 0);
	drive_down(&d, E1);
	drive_wait(&d, 1100);
	assert_true(drive_sent(&d, PLB1, MSG_OFFERS, &m));
}

static void
test_bad_orders(void **state)
{
	struct msg m = message(MSG_BUY);

	(void)state;
	market();
	m.u.buy.order = 7;
	m.u.buy.module = slice_str("other");
	assert_int_equal(drive_message(&d, PLB1, &m), -1);
	assert_int_equal(errno, EPROTO);
	assert_int_equal(sell(PLB1, 7, 1, "1.2.3.4:5", "", ""), -1);
	assert_int_equal(errno, EPROTO);
	/* Orders of one are not another's. */
	drive_up(&d, 30, ROLE_PLB, 0, "", "");
	m = message(MSG_CANCEL);
	m.u.cancel.order = 7;
	assert_int_equal(drive_message(&d, 30, &m), 0);
	assert_int_equal(drive_forget(&d), 0);
	assert_int_equal(drive_message(&d, PLB1, &m), 0);
	assert_true(drive_sent(&d, E1, MSG_CANCEL, &m));
}

/* It has other constraints, wherever it stands. */
static int
buy_version(uint64_t missing, uint64_t settled, const char *version)
{
	struct msg m = message(MSG_BUY);
	unsigned char bytes[16];
	size_t n = strlen(version);

	bytes[0] = 2;
	bytes[1] = (unsigned char)n;
	memcpy(bytes + 2, version, n);
	m.u.buy.order = 7;
	m.u.buy.module = slice_str("calc");
	m.u.buy.missing = missing;
	m.u.buy.settled = settled;
	m.u.buy.constraints = slice_of(bytes, n + 2);
	return drive_message(&d, PLB1, &m);
}

static void
test_constraints(void **state)
{
	struct msg m;
	uint64_t number = market();

	(void)state;
	assert_int_equal(buy_version(5, 0, "1"), 0);
	assert_true(drive_sent(&d, E1, MSG_BUY, &m));
	assert_int_equal(m.u.buy.order, number);
	assert_int_equal(m.u.buy.constraints.len, 3);
	drive_forget(&d);
	/* That it lacks nothing is told to those who were told the old ones. */
	assert_int_equal(buy_version(0, 0, "2"), 0);
	assert_true(drive_sent(&d, E1, MSG_CANCEL, &m));
	assert_int_equal(m.u.cancel.order, number);
	assert_true(drive_sent(&d, E2, MSG_CANCEL, &m));
}

static void
test_constraints_under_way(void **state)
{
	struct msg m;
	uint64_t number = market();

	(void)state;
	fill(E1, number, 50, 5, 1);
	drive_forget(&d);
	assert_int_equal(buy_version(5, 0, "2"), 0);
	assert_true(drive_sent(&d, E1, MSG_BUY, &m));
	assert_int_equal(m.u.buy.missing, 0);
	assert_int_equal(m.u.buy.constraints.len, 3);
	drive_forget(&d);
	assert_int_equal(buy_version(0, 5, "2"), 0);
	assert_true(drive_sent(&d, E1, MSG_CANCEL, &m));
	assert_true(drive_sent(&d, E2, MSG_CANCEL, &m));
}

/* One order after another is cancelled, and then their owner is lost. */
static void
test_plb_cancels_and_is_lost(void **state)
{
	struct msg m = message(MSG_CANCEL), b;
	uint64_t number = market(), i;

	(void)state;
	fill(E1, number, 50, 2, 100);
	for (i = 0; i < BROKER_PENDING_MAX; i++) {
		m.u.cancel.order = 7 + i;
		assert_int_equal(drive_message(&d, PLB1, &m), 0);
		drive_forget(&d);
		buy(8 + i, 3, 0, 0);
		assert_true(drive_sent(&d, E1, MSG_BUY, &b));
		fill(E1, b.u.buy.order, 51, 1, 101 + i);
	}
	m.u.cancel.order = 7 + i;
	assert_int_equal(drive_message(&d, PLB1, &m), 0);
	drive_forget(&d);
	drive_down(&d, PLB1);
	/* The last ones, as many as are kept. */
	for (i = BROKER_PENDING_MAX; i > 0; i--)
		assert_released(E1, 100 + i, 0);
	assert_false(drive_sent(&d, E1, MSG_RELEASE, &b));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fill_whole),
		TEST(test_fill_part),
		TEST(test_same_seller),
		TEST(test_same_seller_again),
		TEST(test_many_fills),
		TEST(test_nothing_changed),
		TEST(test_age),
		TEST(test_plb_lost),
		TEST(test_plb_cancels),
		TEST(test_plb_releases),
		TEST(test_release_order),
		TEST(test_notes),
		TEST(test_bad_orders),
		TEST(test_constraints),
		TEST(test_constraints_under_way),
		TEST(test_plb_cancels_and_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
