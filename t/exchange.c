/*
 * The exchange core: which of many sellers an order gets, in what proportion,
 * and its limits. What it says and does otherwise is in t/core/exchange.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrs.h"
#include "exchange.h"
#include "exchange_book.h"
#include "t/check.h"

#define A     1u /* brokers */
#define B     2u
#define FILLS 100000 /* sellers in fills, of one step */

static const struct id own = { "exchange" };

static struct exchange *x;

/* Sellers in the fills of the last step, in their order, and of how many fills
 * they are. */
static struct {
	uint32_t broker;
	uint64_t order, seller, quantity, fill;
	char zone; /* '\0': none */
} got[FILLS];
static size_t ngot, nfills;

static void
keep_fill(uint32_t broker, const struct msg *m)
{
	struct slice list = m->u.fill.sellers, zone;
	struct seller s;

	for (; item_next(&schema_seller, &list, &s) == 1; ngot++) {
		assert_true(ngot < FILLS);
		zone = attrs_label(s.attrs, "zone");
		got[ngot].broker = broker;
		got[ngot].order = m->u.fill.order;
		memcpy(&got[ngot].seller, s.seller.b, sizeof(uint64_t));
		got[ngot].quantity = s.quantity;
		got[ngot].zone = zone.len > 0 ? (char)zone.p[0] : '\0';
		got[ngot].fill = nfills;
	}
	nfills++;
}

/* The step ends: what came out is kept. */
static void
step(void)
{
	struct act act;
	struct msg m;

	ngot = nfills = 0;
	while (outbox_take(exchange_out(x), &act))
		if (act.kind == ACT_SEND && act_message(&act, &m) == 1 &&
		    m.type == MSG_FILL)
			keep_fill(act.peer, &m);
}

static void
up(uint32_t peer)
{
	struct peer_info info;

	memset(&info, 0, sizeof(info));
	info.role = ROLE_BROKER;
	info.instance.b[0] = (unsigned char)peer;
	exchange_ops.up(x, 0, peer, &info);
	step();
}

static void
down(uint32_t peer)
{
	exchange_ops.down(x, 0, peer);
	step();
}

static void
deliver(uint32_t peer, const struct msg *m)
{
	assert_int_equal(exchange_ops.message(x, 0, peer, m), 0);
	step();
}

/* Of A; version and zone may be NULL. The order is the seller's number, too. */
static void
sell_as(uint64_t order, uint64_t quantity, const char *version,
    const char *zone)
{
	/* address "10.0.0.1:1" */
	static const unsigned char contact[] = "\2\12" "10.0.0.1:1";
	const char *why, *which;
	char text[16], *label = text;
	struct buf b;
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_SELL;
	m.u.sell.order = order;
	m.u.sell.module = slice_str("calc");
	m.u.sell.quantity = quantity;
	memcpy(m.u.sell.seller.b, &order, sizeof(order));
	m.u.sell.contact = slice_of(contact, sizeof(contact) - 1);
	if (zone != NULL)
		snprintf(text, sizeof(text), "zone=%s", zone);
	buf_init(&b, LIST_MAX);
	assert_int_equal(attrs_build(&b, version, NULL, NULL, 0, &label,
	    zone != NULL, &why, &which), 0);
	m.u.sell.attrs = buf_slice(&b);
	deliver(A, &m);
	buf_free(&b);
}

static void
sell(uint64_t order, uint64_t quantity)
{
	sell_as(order, quantity, NULL, NULL);
}

static struct msg
buy_msg(uint64_t order, uint64_t missing, uint64_t settled)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_BUY;
	m.u.buy.order = order;
	m.u.buy.module = slice_str("calc");
	m.u.buy.missing = missing;
	m.u.buy.settled = settled;
	return m;
}

static void
buy(uint32_t peer, uint64_t order, uint64_t missing, uint64_t settled)
{
	struct msg m = buy_msg(order, missing, settled);

	deliver(peer, &m);
}

static void
cancel(uint64_t order)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_CANCEL;
	m.u.cancel.order = order;
	deliver(A, &m);
}

static void
release(uint32_t peer, uint64_t order, uint64_t counter)
{
	unsigned char list[64];
	struct reservation r;
	struct tlv_writer w;
	struct msg m;

	r.exchange = own;
	r.counter = counter;
	r.quantity = 0;
	tlv_writer_init(&w, list, sizeof(list));
	item_put(&schema_reservation, &w, &r);
	memset(&m, 0, sizeof(m));
	m.type = MSG_RELEASE;
	m.u.release.order = order;
	m.u.release.reservations = slice_of(list, (size_t)(w.p - list));
	deliver(peer, &m);
}

/* All that was filled of an order in the last step. */
static uint64_t
filled(uint32_t peer, uint64_t order)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < ngot; i++)
		if (got[i].broker == peer && got[i].order == order)
			sum += got[i].quantity;
	return sum;
}

static struct exchange_totals
totals(void)
{
	return x->totals;
}

static int
setup(void **state)
{
	(void)state;
	x = exchange_new(slice_str("calc"), &own, 42);
	if (x == NULL)
		return -1;
	up(A);
	up(B);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	exchange_free(x);
	return 0;
}

/* Limits. */

/* At the most reservations nothing is sold, and no order is lost by it. */
UNIT(test_too_many_reservations)
{
	struct msg m;
	uint64_t i;

	sell(50, UINT32_MAX);
	for (i = 0; i < EXCHANGE_RESERVED_MAX; i++) {
		m = buy_msg(1, 1, i);
		assert_int_equal(exchange_ops.message(x, 0, B, &m), 0);
		if (i % 1000 == 0)
			step();
	}
	step();
	assert_int_equal(totals().reserved, EXCHANGE_RESERVED_MAX);
	buy(B, 2, 1, 0);
	buy(B, 3, 1, 0);
	exchange_ops.tick(x, 0);
	step();
	assert_int_equal(nfills, 0);
	assert_int_equal(totals().missing, 2);
	release(B, 1, 1);
	assert_int_equal(filled(B, 2), 1);
	assert_int_equal(filled(B, 3), 0);
	release(B, 1, 17);
	assert_int_equal(filled(B, 3), 1);
	assert_int_equal(totals().reserved, EXCHANGE_RESERVED_MAX);
}

/* What cannot be sent is not sold; once there is room it is. */
UNIT(test_outbox_full)
{
	static unsigned char stuff[1024 * 1024];
	struct msg m = buy_msg(1, 2, 0);
	size_t size = sizeof(stuff);

	sell(50, 1);
	sell(51, 1);
	while (size > 0)
		if (outbox_act(exchange_out(x), ACT_LOG, 0, 0,
		    slice_of(stuff, size)) == -1)
			size /= 2;
	assert_int_equal(exchange_ops.message(x, 0, B, &m), -1);
	assert_int_equal(errno, ENOBUFS);
	assert_int_equal(totals().reserved, 0);
	assert_int_equal(totals().missing, 2);
	assert_int_equal(totals().matches, 0);
	step();
	exchange_ops.tick(x, 0);
	step();
	assert_int_equal(filled(B, 1), 2);
	assert_int_equal(totals().reserved, 2);
}

/* A peer that never was is lost without harm. */
UNIT(test_nobody_lost)
{
	sell(50, 1);
	down(12345);
	assert_int_equal(totals().sells, 1);
}

/* What an order is not offered. */

/* Every seller refuses it, many as they are: it is offered each once, and then
 * waits. Each is offered to it again when it says anew what it has, and others
 * get what it is not offered. */
UNIT(test_all_excluded)
{
	uint64_t i, n;

	for (i = 1; i <= 100; i++)
		sell(100 + i, 1);
	for (n = 1; n <= 100; n++) {
		buy(A, 1, 1, n - 1);
		assert_int_equal(filled(A, 1), 1);
		release(A, 1, n);
	}
	buy(A, 1, 1, 100);
	assert_int_equal(filled(A, 1), 0);
	assert_int_equal(totals().missing, 1);
	assert_int_equal(totals().reserved, 0);
	buy(B, 2, 70, 0);
	assert_int_equal(totals().reserved, 70);
	down(B); /* what it was sold is on offer again, for others than A */
	up(B);
	assert_int_equal(filled(A, 1), 0);
	for (i = 1; i <= 100; i++) {
		sell(100 + i, 1);
		assert_int_equal(filled(A, 1), 1);
		release(A, 1, 170 + i);
		assert_int_equal(totals().reserved, 0);
		buy(A, 1, 1, 100 + i);
		assert_int_equal(filled(A, 1), 0);
	}
}

/* Who gets how much. */

/* No fill of the last step names more sellers than it may. */
static void
check_fills(void)
{
	size_t count = 0, i;

	for (i = 0; i < ngot; i++) {
		count = i > 0 && got[i].fill == got[i - 1].fill ? count + 1 : 1;
		assert_true(count <= EXCHANGE_FILL_SELLERS);
	}
}

UNIT(test_many_sellers)
{
	uint64_t i;

	for (i = 1; i <= 50; i++)
		sell(100 + i, 1);
	buy(A, 1, 60, 0);
	check_fills();
	assert_int_equal(ngot, 50);
	assert_int_equal(nfills, 4);
	assert_int_equal(filled(A, 1), 50);
	assert_int_equal(totals().missing, 10);
	assert_int_equal(totals().reserved, 50);
}

/* A large order is spread over 16 sellers, and does not need more. */
UNIT(test_large_order)
{
	uint64_t i;

	for (i = 1; i <= 100; i++)
		sell(100 + i, 1000);
	buy(A, 1, 1600, 0);
	assert_int_equal(nfills, 1);
	assert_int_equal(ngot, 16);
	for (i = 0; i < 16; i++)
		assert_int_equal(got[i].quantity, 100);
	/* As many in all where there are several zones. */
	for (i = 1; i <= 100; i++)
		sell_as(100 + i, 5000, NULL, i % 2 ? "a" : "b");
	buy(A, 2, 1600, 0);
	assert_int_equal(nfills, 1);
	assert_int_equal(ngot, 16);
}

static void
zone_sums(uint64_t sums[26])
{
	size_t i;

	memset(sums, 0, 26 * sizeof(*sums));
	for (i = 0; i < ngot; i++) {
		assert_in_range(got[i].zone, 'a', 'z');
		sums[got[i].zone - 'a'] += got[i].quantity;
	}
}

/* Zones share evenly, as far as each can, whatever their size and number. */
UNIT(test_zones_even)
{
	static const char *const zone[] = { "a", "b", "c" };
	uint64_t sums[26], order = 1000;
	unsigned i, k;

	for (i = 0; i < 3; i++)
		for (k = 0; k < 20u << i; k++)
			sell_as(100 * (i + 1) + k, 5, NULL, zone[i]);
	for (k = 3; k <= 60; k += 3) {
		buy(A, ++order, k, 0);
		zone_sums(sums);
		for (i = 0; i < 3; i++)
			assert_int_equal(sums[i], k / 3);
		down(A);
		up(A);
		for (i = 0; i < 3; i++)
			sell_as(1 + i, 1000, NULL, zone[i]);
	}
	/* One has little: the others share the rest. */
	sell_as(1, 2, NULL, "a");
	buy(A, ++order, 21, 0);
	zone_sums(sums);
	assert_int_equal(sums[0], 2);
	assert_int_equal(sums[1] + sums[2], 19);
	assert_true(sums[1] == 9 || sums[1] == 10);
}

UNIT(test_more_zones_than_sellers_of_a_fill)
{
	uint64_t sums[26];
	char zone[2] = "a";
	unsigned i;

	for (i = 0; i < 26; i++) {
		zone[0] = (char)('a' + i);
		sell_as(100 + i, 1000, NULL, zone);
	}
	buy(A, 1, 26 * 3, 0);
	zone_sums(sums);
	for (i = 0; i < 26; i++)
		assert_int_equal(sums[i], 3);
	assert_int_equal(nfills, 2);
	buy(A, 2, 4, 0);
	zone_sums(sums);
	for (i = 0; i < 26; i++)
		assert_true(sums[i] <= 1);
}

/*
 * A canary that offers a tenth gets a tenth, whatever the orders' size and
 * whether it is a seller, a version or, of orders of one, a zone. Reckoned
 * over 20,000 units; five standard deviations of 2,000 are 212 with orders of
 * one, and less with larger ones. The seed is fixed.
 */
static void
canary(const char *version, const char *zone, uint64_t size)
{
	uint64_t order = 10, units = 0, got_it = 0;
	size_t i;

	while (units < 20000) {
		sell_as(1, 90, "1", "a");
		sell_as(2, 10, version, zone);
		buy(A, ++order, size, 0);
		assert_int_equal(filled(A, order), size);
		for (i = 0; i < ngot; i++)
			if (got[i].seller == 2)
				got_it += got[i].quantity;
		units += size;
		cancel(1);
		cancel(2);
		cancel(order);
	}
	assert_in_range(got_it, 1788, 2212);
}

UNIT(test_canary)
{
	static const uint64_t sizes[] = { 1, 2, 5, 10, 16, 40 };
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		canary("1", "a", sizes[i]);
		canary("2", "a", sizes[i]);
	}
	canary("2", "b", 1);
}

/* What zones cannot share evenly goes by what they offer, too: of three, each
 * of two gets one, and a canary among them the third once in ten. */
UNIT(test_zones_odd_one)
{
	uint64_t sums[26], order = 10, more = 0;

	while (order < 4010) {
		sell_as(1, 90, NULL, "a");
		sell_as(2, 10, NULL, "b");
		buy(A, ++order, 3, 0);
		zone_sums(sums);
		assert_int_equal(sums[0] + sums[1], 3);
		assert_in_range(sums[1], 1, 2);
		more += sums[1] - 1;
		cancel(1);
		cancel(2);
		cancel(order);
	}
	assert_in_range(more, 305, 495); /* 400, and five deviations */
}

/* Many sellers: each gets its part, chi-square as in t/fenwick.c. */
UNIT(test_proportion)
{
	double counts[10] = { 0 }, expected, chi2 = 0;
	uint64_t i, order = 100;

	for (i = 0; i < 10; i++)
		sell_as(1 + i, 1000000 * (i + 1), i % 2 ? "1" : "2", NULL);
	for (i = 0; i < 20000; i++) {
		buy(A, ++order, 1, 0);
		assert_int_equal(ngot, 1);
		counts[got[0].seller - 1]++;
	}
	for (i = 0; i < 10; i++) {
		expected = 20000.0 * (double)(i + 1) / 55;
		chi2 += (counts[i] - expected) * (counts[i] - expected) /
		    expected;
	}
	assert_true(chi2 < 27.9);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

UNITS(T(test_too_many_reservations), T(test_outbox_full), T(test_nobody_lost),
    T(test_all_excluded), T(test_many_sellers), T(test_large_order),
    T(test_zones_even), T(test_more_zones_than_sellers_of_a_fill),
    T(test_canary), T(test_zones_odd_one), T(test_proportion))
