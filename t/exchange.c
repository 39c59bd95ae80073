#include "floor.h"

#include <errno.h>
#include <stdio.h>

/* Orders and reservations of an exchange, and its limits. */

static void
test_fill(void **state)
{
	struct seller s;
	struct msg m;
	struct buf b;
	struct id id = id_of(3);

	(void)state;
	sell_as(A, 3, 5, "2.1", "x", NULL);
	assert_int_equal(ngot, 0);
	buy(B, 8, 1, 0);
	assert_int_equal(ngot, 1);
	m = nth(MSG_FILL, B, 0);
	assert_int_equal(m.u.fill.order, 8);
	assert_true(id_equal(&m.u.fill.exchange, &own));
	assert_int_equal(sellers_in(&m), 1);
	s = seller_of(&m, 0);
	assert_true(id_equal(&s.seller, &id));
	assert_true(slice_equal(s.contact, contact_of(3)));
	assert_true(slice_equal(s.attrs, attrs(&b, "2.1", "x")));
	buf_free(&b);
	assert_int_equal(s.quantity, 1);
	assert_int_equal(s.counter, 1);
	buy(A, 9, 2, 0);
	m = nth(MSG_FILL, A, 0);
	s = seller_of(&m, 0);
	assert_int_equal(s.quantity, 2);
	assert_int_equal(s.counter, 2);
	assert_int_equal(totals().reserved, 3);
	assert_int_equal(totals().quantity, 5);
	assert_int_equal(totals().matches, 2);
	assert_int_equal(totals().missing, 0);
}

static void
test_buy_waits_for_sell(void **state)
{
	(void)state;
	buy(B, 8, 3, 0);
	assert_int_equal(filled(B, 8), 0);
	sell(A, 3, 2);
	assert_int_equal(filled(B, 8), 2);
	assert_int_equal(totals().missing, 1);
	sell(A, 4, 5);
	assert_int_equal(filled(B, 8), 1);
	assert_int_equal(totals().missing, 0);
}

/* Orders of two brokers may have one id. */
static void
test_ids_are_per_broker(void **state)
{
	(void)state;
	buy(A, 7, 1, 0);
	buy(B, 7, 1, 0);
	sell(A, 1, 1);
	assert_int_equal(filled(A, 7), 1);
	sell(B, 1, 1);
	assert_int_equal(filled(B, 7), 1);
	assert_int_equal(totals().sells, 2);
	assert_int_equal(totals().buys, 2);
}

/* Those who buy learn where its Erlang node went, whether they get anything or
 * not; those who do not know it have no use for that. */
static void
test_node_that_moves(void **state)
{
	static const unsigned char contacts[2][11] = {
		{ 1, 1, 'n', 2, 3, 'h', ':', '1', 3, 1, '1' },
		{ 1, 1, 'n', 2, 3, 'h', ':', '1', 3, 1, '2' },
	};
	struct msg m = sell_msg(3, 1), fill;
	struct seller s;

	(void)state;
	buy(B, 8, 0, 0);
	m.u.sell.contact = slice_of(contacts[0], sizeof(contacts[0]));
	assert_int_equal(deliver(A, &m), 0);
	assert_int_equal(count(MSG_FILL, 0), 0);
	m.u.sell.contact = slice_of(contacts[1], sizeof(contacts[1]));
	assert_int_equal(deliver(A, &m), 0);
	assert_int_equal(count(MSG_FILL, 0), 1);
	fill = nth(MSG_FILL, B, 0);
	assert_int_equal(fill.u.fill.order, 8);
	assert_int_equal(sellers_in(&fill), 1);
	s = seller_of(&fill, 0);
	assert_int_equal(s.quantity, 0);
	assert_true(slice_equal(s.contact, m.u.sell.contact));
	assert_int_equal(deliver(A, &m), 0);
	assert_int_equal(count(MSG_FILL, 0), 0);
	buy(B, 8, 1, 0);
	assert_int_equal(filled(B, 8), 1);
}

static void
test_sell_repeated(void **state)
{
	struct msg m = sell_msg(3, 1), fill;
	struct buf b;

	(void)state;
	sell_as(A, 3, 0, "2.1", NULL, NULL);
	m.u.sell.contact = slice_of(NULL, 0);
	memset(&m.u.sell.seller, 0, ID_SIZE);
	assert_int_equal(deliver(A, &m), 0);
	buy_as(B, 8, 1, 0, "2.1", NULL);
	fill = nth(MSG_FILL, B, 0);
	assert_true(slice_equal(seller_of(&fill, 0).contact, contact_of(3)));
	m = sell_msg(3, 2);
	m.u.sell.contact = contact_of(99);
	assert_int_equal(deliver(A, &m), 0);
	buy_as(B, 9, 1, 0, "2.1", NULL);
	fill = nth(MSG_FILL, B, 0);
	assert_true(slice_equal(seller_of(&fill, 0).contact, contact_of(99)));
	/* Other attributes: it moves, with what is reserved of it. */
	sell_as(A, 3, 5, "3", NULL, NULL);
	buy_as(B, 10, 9, 0, "2.1", NULL);
	assert_int_equal(filled(B, 10), 0);
	buy_as(B, 11, 9, 0, "3", NULL);
	assert_int_equal(filled(B, 11), 3);
	fill = nth(MSG_FILL, B, 0);
	assert_true(slice_equal(seller_of(&fill, 0).attrs,
	    attrs(&b, "3", NULL)));
	buf_free(&b);
}

static void
test_settled(void **state)
{
	unsigned char list[64];
	struct reservation r;
	struct tlv_writer w;
	struct msg m;

	(void)state;
	sell(A, 1, 1);
	buy(B, 8, 2, 0);
	sell(A, 2, 1);
	assert_int_equal(filled(B, 8), 1);
	assert_int_equal(totals().reserved, 2);
	/* A reservation of another seller, one of another exchange, one that
	 * there is not. */
	settle(A, 1, 1, 2);
	settle(A, 1, 1, 99);
	r.exchange = id_of(78);
	r.counter = 1;
	r.quantity = 0;
	tlv_writer_init(&w, list, sizeof(list));
	item_put(&schema_reservation, &w, &r);
	m = sell_msg(1, 1);
	m.u.sell.settled = slice_of(list, (size_t)(w.p - list));
	assert_int_equal(deliver(A, &m), 0);
	assert_int_equal(totals().reserved, 2);
	settle(A, 1, 0, 1);
	assert_int_equal(totals().reserved, 1);
	settle(A, 1, 0, 1);
	assert_int_equal(totals().reserved, 1);
	settle(A, 2, 1, 2);
	assert_int_equal(totals().reserved, 0);
	assert_int_equal(totals().settled, 2);
}

/* lacking = missing - (filled - settled), never below 0. */
static void
test_lacking(void **state)
{
	static const struct {
		uint64_t missing, settled, lacking;
	} v[] = {
		{ 4, 0, 0 }, { 5, 0, 1 }, { 4, 4, 4 }, { 4, 3, 3 },
		{ 3, 0, 0 }, { 0, 0, 0 }, { 0, 4, 0 }, { 7, 9, 7 }
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		sell(A, 1, 4);
		buy(A, 8, 4, 0);
		assert_int_equal(filled(A, 8), 4);
		buy(A, 8, v[i].missing, v[i].settled);
		assert_int_equal(totals().missing, v[i].lacking);
		cancel(A, 8);
		assert_int_equal(totals().missing, 0);
		cancel(A, 1);
	}
}

static void
test_cancel(void **state)
{
	(void)state;
	buy(A, 1, 1, 0);
	cancel(A, 1);
	cancel(A, 1);
	assert_int_equal(totals().missing, 0);
	sell(B, 50, 2);
	assert_int_equal(totals().matches, 0);
	buy(A, 2, 1, 0);
	assert_int_equal(totals().reserved, 1);
	cancel(A, 2); /* complete: what it got is still on its way */
	assert_int_equal(totals().reserved, 1);
	cancel(A, 50); /* not its own */
	assert_int_equal(totals().sells, 1);
	cancel(B, 50);
	assert_int_equal(totals().sells, 0);
	assert_int_equal(totals().reserved, 0);
	assert_int_equal(totals().quantity, 0);
	assert_int_equal(totals().lost, 1);
	buy(A, 3, 1, 0);
	assert_int_equal(filled(A, 3), 0);
	settle(B, 50, 0, 1);
	assert_int_equal(totals().reserved, 0);
}

static void
test_broker_lost(void **state)
{
	(void)state;
	sell(A, 50, 3);
	sell(B, 51, 4);
	buy(B, 1, 5, 0);
	buy(B, 2, 2, 0);
	cancel(B, 2);
	assert_int_equal(totals().reserved, 7);
	buy(A, 3, 9, 0);
	assert_int_equal(filled(A, 3), 0);
	/* Its sell and its buys go; what these had of ours is for others. */
	down(B);
	assert_int_equal(filled(A, 3), 3);
	assert_int_equal(totals().sells, 1);
	assert_int_equal(totals().buys, 1);
	assert_int_equal(totals().quantity, 3);
	assert_int_equal(totals().reserved, 3);
	assert_int_equal(totals().filled, 10);
	assert_int_equal(totals().lost, 7);
	down(A);
	assert_int_equal(totals().sells + totals().buys, 0);
	assert_int_equal(totals().reserved, 0);
	assert_int_equal(totals().missing, 0);
	down(A);
}

static void
test_reservation_expires(void **state)
{
	(void)state;
	assert_true(deadline() == INT64_MAX);
	sell(A, 50, 1);
	buy(A, 1, 1, 0);
	assert_int_equal(deadline(), now + EXCHANGE_RESERVE_MS);
	cancel(A, 1);
	now += 10;
	buy(B, 2, 1, 0);
	tick(); /* waiting */
	assert_int_equal(deadline(), now - 10 + EXCHANGE_RESERVE_MS);
	now += EXCHANGE_RESERVE_MS - 11;
	tick();
	assert_int_equal(filled(B, 2), 0);
	now++;
	tick();
	assert_int_equal(filled(B, 2), 1);
	assert_int_equal(totals().reserved, 1);
	assert_int_equal(totals().expired, 1);
}

static void
test_release(void **state)
{
	(void)state;
	sell(A, 50, 3);
	buy(A, 1, 3, 0);
	buy(B, 2, 1, 0);
	buy(B, 1, 1, 0);
	release(B, 1, 1, 0); /* of the same id, and not its own */
	cancel(B, 1);
	release(A, 2, 1, 0); /* not of that order */
	release(A, 1, 9, 0); /* there is none */
	assert_int_equal(totals().reserved, 3);
	release(A, 1, 1, 1);
	assert_int_equal(filled(B, 2), 1);
	buy(B, 3, 1, 0);
	release(A, 1, 1, 7); /* more than there is: all */
	assert_int_equal(filled(B, 3), 1);
	assert_int_equal(totals().reserved, 2);
	cancel(A, 1);
	buy(B, 4, 1, 0); /* the third */
	assert_int_equal(filled(B, 4), 1);
	/* Of an order that is gone. */
	cancel(B, 4);
	release(B, 4, 4, 0);
	assert_int_equal(totals().reserved, 2);
	/* Of one that the broker does not know any more. */
	release(A, ORDER_NONE, 3, 0); /* not its own */
	assert_int_equal(totals().reserved, 2);
	release(B, ORDER_NONE, 3, 0);
	assert_int_equal(totals().reserved, 1);
	assert_int_equal(totals().released, 5);
}

/* At the most reservations nothing is sold, and no order is lost by it. */
static void
test_too_many_reservations(void **state)
{
	struct msg m;
	uint64_t i;

	(void)state;
	sell(A, 50, UINT32_MAX);
	for (i = 0; i < EXCHANGE_RESERVED_MAX; i++) {
		m = buy_msg(1, 1, i);
		assert_int_equal(exchange_ops.message(x, now, B, &m), 0);
		if (i % 1000 == 0)
			take();
	}
	take();
	assert_int_equal(totals().reserved, EXCHANGE_RESERVED_MAX);
	buy(B, 2, 1, 0);
	buy(B, 3, 1, 0);
	tick();
	assert_int_equal(count(MSG_FILL, 0), 0);
	assert_int_equal(totals().missing, 2);
	settle(A, 50, UINT32_MAX, 1);
	assert_int_equal(filled(B, 2), 1);
	assert_int_equal(filled(B, 3), 0);
	release(B, 1, 17, 0);
	assert_int_equal(filled(B, 3), 1);
	assert_int_equal(totals().reserved, EXCHANGE_RESERVED_MAX);
}

/* What cannot be sent is not sold; once there is room it is. */
static void
test_outbox_full(void **state)
{
	static unsigned char stuff[1024 * 1024];
	struct msg m = buy_msg(1, 2, 0);
	size_t size = sizeof(stuff);

	(void)state;
	sell(A, 50, 1);
	sell(A, 51, 1);
	while (size > 0)
		if (outbox_act(exchange_out(x), ACT_LOG, 0, 0,
		    slice_of(stuff, size)) == -1)
			size /= 2;
	assert_int_equal(exchange_ops.message(x, now, B, &m), -1);
	assert_int_equal(errno, ENOBUFS);
	assert_int_equal(totals().reserved, 0);
	assert_int_equal(totals().missing, 2);
	assert_int_equal(totals().matches, 0);
	take();
	tick();
	assert_int_equal(filled(B, 1), 2);
	assert_int_equal(totals().reserved, 2);
}

/* Sellers with much to say about themselves take several messages. */
static void
test_large_attributes(void **state)
{
	static char text[700][100];
	char *words[700];
	const char *why, *which;
	struct msg m;
	struct buf b;
	uint64_t i, sum = 0;
	unsigned k;

	(void)state;
	for (k = 0; k < 700; k++) {
		snprintf(text[k], sizeof(text[k]), "f%080u/1", k);
		words[k] = text[k];
	}
	for (i = 0; i < 16; i++) {
		snprintf(text[0], sizeof(text[0]), "g%u/1", (unsigned)i);
		buf_init(&b, LIST_MAX);
		assert_int_equal(attrs_build(&b, "1", NULL, words, 700, NULL,
		    0, &why, &which), 0);
		m = sell_msg(100 + i, 1);
		m.u.sell.attrs = buf_slice(&b);
		assert_int_equal(deliver(A, &m), 0);
		buf_free(&b);
	}
	buy(A, 1, 16, 0);
	assert_int_equal(count(MSG_FILL, A), 8);
	for (i = 0; i < 8; i++) {
		m = nth(MSG_FILL, A, i);
		assert_int_equal(sellers_in(&m), 2);
		sum += seller_of(&m, 0).quantity + seller_of(&m, 1).quantity;
	}
	assert_int_equal(sum, 16);
	/* Those of offers are cut to a bound. */
	buy_as(A, 2, 1, 0, "9", NULL);
	m = nth(MSG_OFFERS, A, 0);
	assert_true(m.u.offers.sets.len <= 16 * 1024);
}

/* Its last authority is gone, and none comes back: it trades on as long as
 * there is a broker, and then for a while. */
static void
test_orphan(void **state)
{
	(void)state;
	/* One that never had an authority waits for none. */
	now += 10 * EXCHANGE_ORPHAN_MS;
	tick();
	assert_int_equal(ngot, 0);
	up(AUTHORITY, ROLE_AUTHORITY);
	up(AUTHORITY + 5, ROLE_AUTHORITY);
	down(AUTHORITY);
	down(AUTHORITY + 5);
	assert_true(deadline() == INT64_MAX);
	now += 10 * EXCHANGE_ORPHAN_MS;
	tick();
	sell(A, 1, 1);
	buy(B, 2, 1, 0);
	assert_int_equal(count(MSG_FILL, B), 1);
	down(A);
	assert_int_equal(count(MSG_DRAIN, 0), 0);
	down(B);
	assert_int_equal(deadline(), now + EXCHANGE_ORPHAN_MS);
	now += EXCHANGE_ORPHAN_MS - 1;
	tick();
	assert_false(act_of(ACT_STOP));
	now++;
	tick();
	assert_true(act_of(ACT_STOP));
}

/* Somebody comes back in time. */
/* Who only looks does not keep it. */
static void
test_orphan_looked_at(void **state)
{
	int64_t lost;

	(void)state;
	down(A);
	down(B);
	up(AUTHORITY, ROLE_AUTHORITY);
	down(AUTHORITY);
	lost = now;
	while (now < lost + EXCHANGE_ORPHAN_MS) {
		up(CTL, ROLE_CTL);
		tick();
		down(CTL);
		assert_false(act_of(ACT_STOP));
		now += EXCHANGE_ORPHAN_MS / 4;
	}
	tick();
	assert_true(act_of(ACT_STOP));
}

static void
test_orphan_no_more(void **state)
{
	(void)state;
	up(AUTHORITY, ROLE_AUTHORITY);
	down(AUTHORITY);
	down(A);
	down(B);
	now += EXCHANGE_ORPHAN_MS - 1;
	up(A, ROLE_BROKER);
	now += 10 * EXCHANGE_ORPHAN_MS;
	tick();
	down(A);
	now += EXCHANGE_ORPHAN_MS - 1;
	up(AUTHORITY, ROLE_AUTHORITY);
	now += 10 * EXCHANGE_ORPHAN_MS;
	tick();
	assert_false(act_of(ACT_STOP));
}

/* Its authority died before they were linked; brokers come and go. */
static void
test_alone(void **state)
{
	(void)state;
	now += 10 * EXCHANGE_ALONE_MS;
	tick();
	assert_int_equal(ngot, 0);
	down(A);
	down(B);
	tick();
	assert_int_equal(deadline(), now + EXCHANGE_ALONE_MS);
	now += EXCHANGE_ALONE_MS - 1;
	up(A, ROLE_BROKER);
	tick();
	assert_true(deadline() == INT64_MAX);
	down(A);
	tick();
	now += EXCHANGE_ALONE_MS - 1;
	tick();
	assert_false(act_of(ACT_STOP));
	now++;
	tick();
	assert_true(act_of(ACT_STOP));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_fill),
		T(test_buy_waits_for_sell),
		T(test_ids_are_per_broker),
		T(test_node_that_moves), T(test_sell_repeated),
		T(test_settled),
		T(test_lacking),
		T(test_cancel),
		T(test_broker_lost),
		T(test_reservation_expires),
		T(test_release),
		T(test_too_many_reservations),
		T(test_outbox_full),
		T(test_large_attributes),
		T(test_orphan), T(test_orphan_looked_at),
		T(test_orphan_no_more),
		T(test_alone)
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
