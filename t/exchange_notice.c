#include "floor.h"

#include <errno.h>
#include <stdio.h>

/* What an exchange says besides fills, and how it ends. */

static size_t
sets_in(const struct msg *m)
{
	struct slice list = m->u.offers.sets;
	struct attrs a;
	size_t n;

	assert_int_equal(m->type, MSG_OFFERS);
	for (n = 0; item_next(&schema_attrs, &list, &a) == 1; n++)
		;
	return n;
}

static void
test_offers(void **state)
{
	char version[16];
	struct msg m;
	uint64_t i;

	(void)state;
	buy_as(B, 1, 1, 0, "9", NULL);
	m = nth(MSG_OFFERS, B, 0);
	assert_int_equal(m.u.offers.order, 1);
	assert_int_equal(sets_in(&m), 0);
	sell_as(A, 50, 0, "1", NULL, NULL);
	sell_as(A, 51, 0, "2", "x", NULL);
	assert_int_equal(count(MSG_OFFERS, 0), 0);
	buy_as(B, 1, 1, 0, "9", NULL);
	m = nth(MSG_OFFERS, B, 0);
	assert_int_equal(sets_in(&m), 2);
	assert_int_equal(m.u.offers.reason.len, 0);
	/* Something fits and is taken: told who asks again. */
	buy_as(B, 2, 1, 0, "2", NULL);
	assert_int_equal(count(MSG_OFFERS, 0), 0);
	buy_as(B, 2, 1, 0, "2", NULL);
	m = nth(MSG_OFFERS, B, 0);
	assert_int_equal(sets_in(&m), 0);
	assert_true(m.u.offers.reason.len > 0);
	/* A class without sells is not on offer. */
	cancel(A, 51);
	buy_as(B, 2, 1, 0, "2", NULL);
	m = nth(MSG_OFFERS, B, 0);
	assert_int_equal(sets_in(&m), 1);
	for (i = 0; i < 30; i++) {
		snprintf(version, sizeof(version), "3.%u", (unsigned)i);
		sell_as(A, 100 + i, 1, version, NULL, NULL);
	}
	buy_as(B, 1, 1, 0, "9", NULL);
	m = nth(MSG_OFFERS, B, 0);
	assert_int_equal(sets_in(&m), OFFERS_MAX);
	/* Who is served is told nothing. */
	buy_as(B, 3, 1, 0, "3.7", NULL);
	assert_int_equal(count(MSG_OFFERS, 0), 0);
	assert_int_equal(filled(B, 3), 1);
}

static void
assert_waiting(uint32_t peer, uint64_t order, uint64_t buyers, uint64_t empty)
{
	struct msg m = nth(MSG_WAITING, peer, 0);

	assert_int_equal(m.type, MSG_WAITING);
	assert_int_equal(m.u.waiting.order, order);
	assert_int_equal(m.u.waiting.buyers, buyers);
	assert_int_equal(m.u.waiting.empty, empty);
}

static void
test_waiting(void **state)
{
	struct msg m = buy_msg(2, 1, 0);

	(void)state;
	sell_as(A, 50, 0, "1", NULL, NULL);
	sell_as(B, 51, 0, "2", NULL, NULL);
	tick();
	assert_int_equal(ngot, 0);
	buy_as(A, 1, 1, 0, "1", NULL);
	assert_int_equal(count(MSG_WAITING, 0), 0);
	tick();
	assert_int_equal(ngot, 1);
	assert_waiting(A, 50, 1, 1);
	/* No sooner than 100 ms after. */
	m.u.buy.held = 4;
	assert_int_equal(deliver(A, &m), 0);
	tick();
	assert_int_equal(ngot, 0);
	assert_int_equal(deadline(), now + 100);
	now += 100;
	tick();
	assert_int_equal(ngot, 1);
	assert_waiting(B, 51, 1, 0);
	assert_true(deadline() == INT64_MAX);
	/* In answer to a sell. */
	sell_as(A, 50, 0, "1", NULL, NULL);
	assert_int_equal(ngot, 1);
	assert_waiting(A, 50, 2, 1);
	/* It is over for 51 once 2 is served, and goes on for 50. */
	cancel(A, 2);
	now += 100;
	tick();
	assert_int_equal(ngot, 1);
	assert_waiting(B, 51, 0, 0);
	sell_as(A, 50, 1, "1", NULL, NULL);
	assert_int_equal(count(MSG_FILL, A), 1);
	assert_waiting(A, 50, 0, 0);
	now += 100;
	tick();
	assert_int_equal(ngot, 0);
	sell_as(A, 50, 1, "1", NULL, NULL);
	assert_int_equal(ngot, 0);
}

/* Told in answer to a sell only, it still hears when that is over. */
static void
test_waiting_over_after_answer(void **state)
{
	(void)state;
	buy(A, 1, 1, 0);
	tick();
	sell(B, 50, 0);
	assert_waiting(B, 50, 1, 1);
	now += 1000;
	cancel(A, 1);
	tick();
	assert_waiting(B, 50, 0, 0);
	/* All of it between two rounds. */
	now += 1000;
	buy(A, 2, 1, 0);
	sell(B, 51, 0);
	assert_waiting(B, 51, 1, 1);
	cancel(A, 2);
	tick();
	assert_int_equal(ngot, 1);
	assert_waiting(B, 51, 0, 0);
}

static void
test_waiting_many(void **state)
{
	uint64_t i;
	size_t n = 0;

	(void)state;
	for (i = 0; i < 20000; i++)
		sell(A, 100 + i, 0);
	buy(B, 1, 1, 0);
	/* All are told once, some at a time. */
	for (i = 0; i < 5; i++) {
		tick();
		for (; ngot > 0; ngot--, n++)
			assert_int_equal(got[ngot - 1].peer, A);
		if (n < 20000)
			assert_int_equal(deadline(), now + 100);
		now += 100;
	}
	assert_int_equal(n, 20000);
	assert_true(deadline() == INT64_MAX);
}

static void
assert_refused(uint32_t peer, uint64_t order)
{
	struct msg m = nth(MSG_REFUSE, peer, 0);

	assert_int_equal(ngot, 1);
	assert_int_equal(m.type, MSG_REFUSE);
	assert_int_equal(m.u.refuse.order, order);
	assert_true(m.u.refuse.reason.len > 0);
}

static void
test_other_module(void **state)
{
	struct msg s = sell_msg(1, 1), b = buy_msg(2, 1, 0);

	(void)state;
	s.u.sell.module = b.u.buy.module = slice_str("calcs");
	assert_int_equal(deliver(A, &s), 0);
	assert_refused(A, 1);
	assert_int_equal(deliver(A, &b), 0);
	assert_refused(A, 2);
	assert_int_equal(totals().sells + totals().buys, 0);
}

static void
test_too_many_classes(void **state)
{
	char version[16];
	unsigned i;

	(void)state;
	for (i = 1; i <= EXCHANGE_CLASSES; i++) {
		snprintf(version, sizeof(version), "1.%u", i);
		sell_as(A, i, 1, version, NULL, NULL);
		assert_int_equal(ngot, 0);
		buy_as(B, i, 2, 0, version, NULL);
		assert_int_equal(filled(B, i), 1);
	}
	sell_as(A, 1000, 1, "9", NULL, NULL);
	assert_refused(A, 1000);
	buy_as(A, 1001, 1, 0, "9+", NULL);
	assert_refused(A, 1001);
	/* One that changes its class, and cannot, is gone. */
	sell_as(A, 7, 1, "9", NULL, NULL);
	assert_refused(A, 7);
	assert_int_equal(totals().sells, EXCHANGE_CLASSES - 1);
	buy_as(B, 8, 1, 0, "9+", NULL);
	assert_refused(B, 8);
	assert_int_equal(totals().buys, EXCHANGE_CLASSES - 1);
	/* Their numbers are free now, and mean something else. */
	sell_as(A, 1000, 5, "9", NULL, NULL);
	assert_int_equal(ngot, 0);
	buy_as(A, 1001, 1, 0, "9+", NULL);
	assert_int_equal(filled(A, 1001), 1);
	sell_as(A, 7, 1, "1.7", NULL, NULL);
	assert_refused(A, 7);
	buy_as(B, 7, 3, 0, "1.7", NULL);
	assert_int_equal(filled(B, 7), 0);
	assert_int_equal(count(MSG_OFFERS, B), 1);
	sell_as(A, 9, 3, "1.9", NULL, NULL);
	assert_int_equal(filled(B, 9), 1);
}

static void
test_bad_orders(void **state)
{
	struct msg m;

	(void)state;
	sell(A, 1, 1);
	buy(A, 2, 0, 0);
	m = sell_msg(2, 1);
	assert_int_equal(deliver(A, &m), -1);
	assert_int_equal(errno, EPROTO);
	m = buy_msg(1, 1, 0);
	assert_int_equal(deliver(A, &m), -1);
	assert_int_equal(errno, EPROTO);
	/* Not whole: a repeated sell that crossed its refusal looks like it. */
	m = sell_msg(3, 1);
	m.u.sell.contact = slice_of(NULL, 0);
	assert_int_equal(deliver(A, &m), 0);
	assert_refused(A, 3);
	m = sell_msg(4, 1);
	memset(&m.u.sell.seller, 0, ID_SIZE);
	assert_int_equal(deliver(A, &m), 0);
	assert_refused(A, 4);
	m = buy_msg(3, 1, 0);
	assert_int_equal(deliver(12345, &m), -1);
	assert_int_equal(totals().sells, 1);
	assert_int_equal(totals().buys, 1);
}

static void
drain(void)
{
	struct msg m;

	m.type = MSG_DRAIN;
	m.u.drain.none = 0;
	assert_int_equal(deliver(AUTHORITY, &m), 0);
}

static void
test_drain(void **state)
{
	(void)state;
	up(AUTHORITY, ROLE_AUTHORITY);
	buy(A, 1, 1, 0);
	sell_as(B, 50, 0, NULL, NULL, NULL);
	assert_waiting(B, 50, 1, 1);
	tick();
	now += 500;
	drain();
	assert_int_equal(ngot, 2);
	assert_int_equal(count(MSG_DRAIN, A), 1);
	assert_int_equal(count(MSG_DRAIN, B), 1);
	assert_true(deadline() <= now + EXCHANGE_RETIRE_MS);
	tick();
	assert_waiting(B, 50, 0, 0);
	sell(B, 51, 1);
	buy(A, 2, 1, 0);
	assert_int_equal(ngot, 0);
	up(3, ROLE_BROKER);
	assert_int_equal(count(MSG_DRAIN, 3), 1);
	drain();
	assert_int_equal(ngot, 0);
	down(A);
	down(B);
	tick();
	assert_false(act_of(ACT_STOP));
	down(3);
	tick();
	assert_true(act_of(ACT_STOP));
	assert_int_equal(got[0].value, 0);
	tick();
	assert_int_equal(ngot, 0);
	assert_true(deadline() == INT64_MAX);
}

static void
test_drain_ends(void **state)
{
	(void)state;
	up(AUTHORITY, ROLE_AUTHORITY);
	drain();
	tick();
	assert_false(act_of(ACT_STOP));
	assert_int_equal(deadline(), now + EXCHANGE_RETIRE_MS);
	now += EXCHANGE_RETIRE_MS - 1;
	tick();
	assert_false(act_of(ACT_STOP));
	now++;
	tick();
	assert_true(act_of(ACT_STOP));
}

static size_t
inspect(const char *what)
{
	struct msg m;

	m.type = MSG_INSPECT;
	m.u.inspect.what = slice_str(what);
	assert_int_equal(deliver(CTL, &m), 0);
	return count(MSG_REPORT, CTL);
}

static void
assert_row(size_t n, const char *want)
{
	struct msg m = nth(MSG_REPORT, CTL, 0);
	struct slice list = m.u.report.rows, row;

	do
		assert_int_equal(list_next(&list, &row), 1);
	while (n-- > 0);
	if (!slice_equal(row, slice_str(want)))
		fail_msg("%.*s", SLICE_ARG(row));
}

static void
test_inspect(void **state)
{
	static const char sell_row[] = "sell 33000055555555555555555555555555"
	    " broker 01000055555555555555555555555555 order 51 quantity 3"
	    " reserved 3 attributes version 2.1, zone=x";
	struct msg m;

	(void)state;
	up(CTL, ROLE_CTL);
	sell_as(A, 51, 3, "2.1", "x", NULL);
	buy_as(B, 8, 2, 0, "2+", NULL);
	buy_as(B, 9, 5, 30, "2+", NULL);
	cancel(B, 8);
	now += 12;
	assert_int_equal(inspect(""), 1);
	assert_row(0, "exchange - module calc instance 4d0000555555555555555555"
	    "55555555 state standing sells 1 buys 1 quantity 3 reserved 3"
	    " missing 4 matches 2 filled 3 settled 0 released 0 lost 0 "
	    "expired 0");
	assert_row(1, sell_row);
	assert_row(2, "buy 9 broker 02000055555555555555555555555555 missing 5"
	    " lacking 4 filled 1 settled 0 held 0 age_ms 12 constraints"
	    " version 2+");
	assert_int_equal(inspect("orders"), 1);
	assert_row(0, sell_row);
	assert_int_equal(inspect("cow"), 1);
	m = nth(MSG_REPORT, CTL, 0);
	assert_int_equal(m.u.report.rows.len, 0);
}

static void
test_inspect_long(void **state)
{
	struct slice list, row;
	size_t i, n, rows = 0;
	struct msg m;

	(void)state;
	up(CTL, ROLE_CTL);
	for (i = 0; i < 5000; i++)
		sell(A, 100 + i, 1);
	n = inspect("orders");
	assert_true(n > 10);
	for (i = 0; i < n; i++) {
		m = nth(MSG_REPORT, CTL, i);
		assert_int_equal(m.u.report.more, i + 1 < n);
		assert_true(m.u.report.rows.len <= 32 * 1024);
		list = m.u.report.rows;
		while (list_next(&list, &row) == 1)
			rows++;
	}
	assert_int_equal(rows, 5000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_offers),
		T(test_waiting),
		T(test_waiting_over_after_answer),
		T(test_waiting_many),
		T(test_other_module),
		T(test_too_many_classes),
		T(test_bad_orders),
		T(test_drain),
		T(test_drain_ends),
		T(test_inspect),
		T(test_inspect_long)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
