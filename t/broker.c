#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker.h"
#include "broker_state.h"
#include "t/drive.h"

/* Handles, which are instances too. */
enum { A1 = 1, A2, E1, E2, LISTENER1, PLB1, CTL1, B1, OWN };

#define TAG 77 /* of whatever the broker dialled: it goes by instances */

static struct drive d;

static int
setup(void **state)
{
	struct id own = drive_id(OWN);
	struct broker *b = broker_new(&own, 42, slice_str(""));

	*state = b;
	drive_init(&d, &broker_ops, b, broker_out(b));
	return 0;
}

static int
teardown(void **state)
{
	drive_forget(&d);
	broker_free(*state);
	return 0;
}

static struct msg
message(enum msg_type type)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = type;
	return m;
}

static void
authority_up(uint32_t handle)
{
	char address[32];

	snprintf(address, sizeof(address), "10.0.0.%u:4370", handle);
	drive_up(&d, handle, ROLE_AUTHORITY, TAG, address, "10.0.0.99");
}

static int
exchanges(uint32_t from, const char *module, uint32_t e1, uint32_t e2)
{
	struct msg m = message(MSG_EXCHANGES);
	struct scratch s;
	struct peer_item item;
	uint32_t e[2];
	char address[32];
	int i, r;

	e[0] = e1;
	e[1] = e2;
	scratch_init(&s);
	assert_int_equal(scratch_begin(&s, LIST_MAX), 0);
	for (i = 0; i < 2; i++) {
		if (e[i] == 0)
			continue;
		snprintf(address, sizeof(address), "10.0.1.%u:5000", e[i]);
		item.instance = drive_id(e[i]);
		item.address = slice_str(address);
		assert_int_equal(scratch_item(&s, &schema_peer_item, &item),
		    1);
	}
	m.u.exchanges.module = slice_str(module);
	m.u.exchanges.exchanges = scratch_slice(&s);
	r = drive_message(&d, from, &m);
	scratch_free(&s);
	return r;
}

static void
exchange_up(uint32_t handle)
{
	char address[32];

	snprintf(address, sizeof(address), "10.0.1.%u:5000", handle);
	drive_up(&d, handle, ROLE_EXCHANGE, TAG, address, "10.0.0.99");
}

static int
sell(uint32_t from, uint64_t order, uint64_t quantity, const char *address,
    const char *node, const char *dist)
{
	struct msg m = message(MSG_SELL);
	struct contact c;
	struct tlv_writer w;
	unsigned char bytes[600];

	m.u.sell.order = order;
	m.u.sell.module = slice_str("calc");
	m.u.sell.quantity = quantity;
	if (address != NULL) {
		c.address = slice_str(address);
		c.node = slice_str(node);
		c.dist = slice_str(dist);
		tlv_writer_init(&w, bytes, sizeof(bytes));
		group_encode(&schema_contact, &c, &w);
		m.u.sell.contact = slice_of(bytes, (size_t)(w.p - bytes));
	}
	return drive_message(&d, from, &m);
}

static int
buy(uint64_t order, uint64_t missing, uint64_t settled, uint64_t held)
{
	struct msg m = message(MSG_BUY);

	m.u.buy.order = order;
	m.u.buy.module = slice_str("calc");
	m.u.buy.missing = missing;
	m.u.buy.settled = settled;
	m.u.buy.held = held;
	m.u.buy.age_ms = 500;
	return drive_message(&d, PLB1, &m);
}

/* From an exchange: quantity of a seller. */
static int
fill(uint32_t from, uint64_t order, unsigned seller, uint64_t quantity,
    uint64_t counter)
{
	struct msg m = message(MSG_FILL);
	struct scratch list;
	struct seller s;
	/* contact: address "h:1", node "n@h", dist "10.9.9.9:99" */
	static const unsigned char contact[] =
	    "\1\3n@h\2\3h:1\3\13" "10.9.9.9:99";
	int r;

	memset(&s, 0, sizeof(s));
	s.seller = drive_id(seller);
	s.contact = slice_of(contact, sizeof(contact) - 1);
	s.quantity = quantity;
	s.counter = counter;
	scratch_init(&list);
	assert_int_equal(scratch_begin(&list, 4096), 0);
	scratch_item(&list, &schema_seller, &s);
	m.u.fill.order = order;
	m.u.fill.exchange = drive_id(from);
	m.u.fill.sellers = scratch_slice(&list);
	r = drive_message(&d, from, &m);
	scratch_free(&list);
	return r;
}

static void
assert_released(uint32_t exchange, uint64_t counter, uint64_t quantity)
{
	struct reservation r;
	struct msg m;

	assert_true(drive_sent(&d, exchange, MSG_RELEASE, &m));
	assert_int_equal(item_next(&schema_reservation,
	    &m.u.release.reservations, &r), 1);
	assert_int_equal(r.counter, counter);
	assert_int_equal(r.quantity, quantity);
	assert_int_equal(item_next(&schema_reservation,
	    &m.u.release.reservations, &r), 0);
}

static void
assert_buy(uint32_t exchange, uint64_t missing, uint64_t settled, uint64_t held,
    uint64_t *number)
{
	struct msg m;

	assert_true(drive_sent(&d, exchange, MSG_BUY, &m));
	assert_int_equal(m.u.buy.missing, missing);
	assert_int_equal(m.u.buy.settled, settled);
	assert_int_equal(m.u.buy.held, held);
	if (number != NULL)
		*number = m.u.buy.order;
}

static void
assert_filled(uint32_t exchange, uint64_t order, uint64_t quantity)
{
	struct seller s;
	struct msg m;
	struct id id = drive_id(exchange);

	assert_true(drive_sent(&d, PLB1, MSG_FILL, &m));
	assert_int_equal(m.u.fill.order, order);
	assert_true(id_equal(&m.u.fill.exchange, &id));
	assert_int_equal(item_next(&schema_seller, &m.u.fill.sellers, &s), 1);
	assert_int_equal(s.quantity, quantity);
}

/* An authority, two exchanges, and a PLB that wants 5: its number. */
static uint64_t
market(void)
{
	uint64_t number;

	authority_up(A1);
	drive_up(&d, PLB1, ROLE_PLB, 0, "", "");
	assert_int_equal(buy(7, 5, 0, 0), 0);
	assert_int_equal(exchanges(A1, "calc", E1, E2), 0);
	exchange_up(E1);
	exchange_up(E2);
	assert_buy(E1, 5, 0, 0, &number);
	assert_buy(E2, 5, 0, 0, NULL);
	drive_forget(&d);
	return number;
}

/* Modules and exchanges. */

static void
test_subscribes(void **state)
{
	struct msg m;

	(void)state;
	authority_up(A1);
	drive_up(&d, LISTENER1, ROLE_LISTENER, 0, "", "");
	assert_int_equal(sell(LISTENER1, 3, 4, ":6000", "", ""), 0);
	assert_true(drive_sent(&d, A1, MSG_SUBSCRIBE, &m));
	assert_true(slice_equal(m.u.subscribe.module, slice_str("calc")));
	authority_up(A2);
	assert_true(drive_sent(&d, A2, MSG_SUBSCRIBE, &m));
	assert_false(drive_sent(&d, A1, MSG_SUBSCRIBE, &m));
	drive_forget(&d);
	/* The last order goes: not at once, but after a while. */
	drive_down(&d, LISTENER1);
	drive_wait(&d, 9000);
	assert_false(drive_sent(&d, A1, MSG_UNSUBSCRIBE, &m));
	drive_wait(&d, 1500);
	assert_true(drive_sent(&d, A1, MSG_UNSUBSCRIBE, &m));
	assert_true(drive_sent(&d, A2, MSG_UNSUBSCRIBE, &m));
	assert_int_equal(drive_forget(&d), 0);
}

static void
test_dials_and_undials(void **state)
{
	(void)state;
	authority_up(A1);
	drive_up(&d, PLB1, ROLE_PLB, 0, "", "");
	buy(7, 5, 0, 0);
	exchanges(A1, "calc", E1, E2);
	assert_true(drive_did(&d, ACT_DIAL, "10.0.1.3:5000", NULL));
	assert_true(drive_did(&d, ACT_DIAL, "10.0.1.4:5000", NULL));
	/* One that is not linked is forgotten, one that is stays. */
	exchange_up(E1);
	drive_forget(&d);
	exchanges(A1, "calc", 0, 0);
	assert_true(drive_did(&d, ACT_UNDIAL, "10.0.1.4:5000", NULL));
	assert_int_equal(drive_forget(&d), 0);
	drive_down(&d, E1);
	assert_true(drive_did(&d, ACT_UNDIAL, "10.0.1.3:5000", NULL));
	/* A module that we have no orders for is none of our business. */
	exchanges(A1, "other", E1, 0);
	assert_int_equal(drive_forget(&d), 0);
}

static void
test_authority_lost(void **state)
{
	struct msg m;

	(void)state;
	market();
	drive_down(&d, A1);
	assert_int_equal(drive_forget(&d), 0);
	buy(7, 6, 0, 0);
	assert_true(drive_sent(&d, E1, MSG_BUY, &m));
	assert_true(drive_sent(&d, E2, MSG_BUY, &m));
	drive_down(&d, E2);
	assert_true(drive_did(&d, ACT_UNDIAL, "10.0.1.4:5000", NULL));
}

/* Somebody else at the address: no orders for it. */
static void
test_wrong_instance(void **state)
{
	uint32_t peer;

	(void)state;
	authority_up(A1);
	drive_up(&d, PLB1, ROLE_PLB, 0, "", "");
	buy(7, 5, 0, 0);
	exchanges(A1, "calc", E1, 0);
	drive_forget(&d);
	drive_up(&d, E2, ROLE_EXCHANGE, TAG, "10.0.1.3:5000", "10.0.0.99");
	assert_true(drive_did(&d, ACT_CLOSE, NULL, &peer));
	assert_int_equal(peer, E2);
	assert_int_equal(drive_forget(&d), 0);
	assert_int_equal(fill(E2, 1, 50, 1, 1), 0);
	drive_down(&d, E2);
	assert_int_equal(drive_forget(&d), 0);
}

/* A port used again: the old exchange's end does not undial the new one. */
static void
test_address_again(void **state)
{
	struct msg m = message(MSG_EXCHANGES);
	struct scratch s;
	struct peer_item item;

	(void)state;
	market();
	item.instance = drive_id(99);
	item.address = slice_str("10.0.1.3:5000");
	scratch_init(&s);
	scratch_begin(&s, 100);
	scratch_item(&s, &schema_peer_item, &item);
	m.u.exchanges.module = slice_str("calc");
	m.u.exchanges.exchanges = scratch_slice(&s);
	assert_int_equal(drive_message(&d, A1, &m), 0);
	scratch_free(&s);
	assert_true(drive_did(&d, ACT_DIAL, "10.0.1.3:5000", NULL));
	drive_down(&d, E1);
	assert_int_equal(drive_forget(&d), 0);
}

static void
test_drain(void **state)
{
	struct msg m = message(MSG_DRAIN);
	uint32_t peer;

	(void)state;
	authority_up(A1);
	drive_up(&d, PLB1, ROLE_PLB, 0, "", "");
	buy(7, 5, 0, 0);
	exchanges(A1, "calc", E1, E2);
	exchange_up(E1);
	drive_forget(&d);
	/* Nowhere else to go yet. */
	drive_message(&d, E1, &m);
	assert_int_equal(drive_forget(&d), 0);
	exchange_up(E2);
	assert_buy(E2, 5, 0, 0, NULL);
	assert_true(drive_did(&d, ACT_DRAIN, NULL, &peer));
	assert_int_equal(peer, E1);
	assert_true(drive_did(&d, ACT_UNDIAL, "10.0.1.3:5000", NULL));
	/* Nothing is sent there any more. */
	buy(7, 4, 0, 0);
	assert_buy(E2, 4, 0, 0, NULL);
	assert_int_equal(drive_forget(&d), 0);
	drive_down(&d, E1);
	assert_int_equal(drive_forget(&d), 0);
}

/* Sells. */

static void
test_sell(void **state)
{
	struct msg m;
	struct contact c;
	struct id listener = drive_id(LISTENER1);
	uint64_t number;

	(void)state;
	authority_up(A1);
	drive_up(&d, LISTENER1, ROLE_LISTENER, 0, "", "");
	/* The first one has a contact. */
	assert_int_equal(sell(LISTENER1, 3, 4, NULL, "", ""), 0);
	assert_true(drive_sent(&d, LISTENER1, MSG_REFUSE, &m));
	assert_int_equal(m.u.refuse.order, 3);
	assert_int_equal(sell(LISTENER1, 3, 4, "0.0.0.0:6000", "", ""), 0);
	exchanges(A1, "calc", E1, E2);
	exchange_up(E1);
	assert_true(drive_sent(&d, E1, MSG_SELL, &m));
	assert_int_equal(m.u.sell.quantity, 4);
	assert_true(id_equal(&m.u.sell.seller, &listener));
	assert_int_equal(group_decode(&schema_contact, m.u.sell.contact, &c),
	    0);
	assert_true(slice_equal(c.address, slice_str("10.0.0.99:6000")));
	number = m.u.sell.order;
	drive_forget(&d);
	/* Again: as it was where it stands, whole where it does not. */
	assert_int_equal(sell(LISTENER1, 3, 2, NULL, "", ""), 0);
	assert_true(drive_sent(&d, E1, MSG_SELL, &m));
	assert_int_equal(m.u.sell.order, number);
	assert_int_equal(m.u.sell.quantity, 2);
	assert_int_equal(m.u.sell.contact.len, 0);
	exchange_up(E2);
	assert_true(drive_sent(&d, E2, MSG_SELL, &m));
	assert_int_not_equal(m.u.sell.contact.len, 0);
	assert_int_equal(m.u.sell.quantity, 2);
	/* The listener is gone. */
	drive_down(&d, LISTENER1);
	assert_true(drive_sent(&d, E1, MSG_CANCEL, &m));
	assert_int_equal(m.u.cancel.order, number);
	assert_true(drive_sent(&d, E2, MSG_CANCEL, &m));
	assert_int_equal(drive_forget(&d), 0);
}

/* Each exchange is told what is settled of its own. */
static void
test_settled(void **state)
{
	struct msg m = message(MSG_SELL);
	struct reservation r;
	struct scratch s;

	(void)state;
	market();
	drive_up(&d, LISTENER1, ROLE_LISTENER, 0, "", "");
	sell(LISTENER1, 3, 4, "1.2.3.4:6000", "", "");
	drive_forget(&d);
	scratch_init(&s);
	scratch_begin(&s, 1000);
	memset(&r, 0, sizeof(r));
	for (r.counter = 1; r.counter < 4; r.counter++) {
		r.exchange = drive_id(r.counter == 2 ? E2 : E1);
		scratch_item(&s, &schema_reservation, &r);
	}
	m.u.sell.order = 3;
	m.u.sell.module = slice_str("calc");
	m.u.sell.settled = scratch_slice(&s);
	assert_int_equal(drive_message(&d, LISTENER1, &m), 0);
	scratch_free(&s);
	assert_true(drive_sent(&d, E1, MSG_SELL, &m));
	assert_int_equal(item_next(&schema_reservation, &m.u.sell.settled, &r),
	    1);
	assert_int_equal(r.counter, 1);
	assert_int_equal(item_next(&schema_reservation, &m.u.sell.settled, &r),
	    1);
	assert_int_equal(r.counter, 3);
	assert_int_equal(item_next(&schema_reservation, &m.u.sell.settled, &r),
	    0);
	assert_true(drive_sent(&d, E2, MSG_SELL, &m));
	assert_int_equal(item_next(&schema_reservation, &m.u.sell.settled, &r),
	    1);
	assert_int_equal(r.counter, 2);
}

/* Loopback was the only address known; then there is a better one. */
static void
test_own_address(void **state)
{
	struct msg m;
	struct contact c;

	(void)state;
	drive_up(&d, A1, ROLE_AUTHORITY, TAG, "127.0.0.1:4370", "127.0.0.1");
	drive_up(&d, LISTENER1, ROLE_LISTENER, 0, "", "");
	sell(LISTENER1, 3, 4, ":6000", "", "");
	exchanges(A1, "calc", E1, 0);
	drive_up(&d, E1, ROLE_EXCHANGE, TAG, "10.0.1.3:5000", "127.0.0.1");
	assert_true(drive_sent(&d, E1, MSG_SELL, &m));
	group_decode(&schema_contact, m.u.sell.contact, &c);
	assert_true(slice_equal(c.address, slice_str("127.0.0.1:6000")));
	drive_up(&d, A2, ROLE_AUTHORITY, TAG, "[fd00::2]:4370", "[fd00::9]");
	assert_true(drive_sent(&d, E1, MSG_SELL, &m));
	group_decode(&schema_contact, m.u.sell.contact, &c);
	assert_true(slice_equal(c.address, slice_str("[fd00::9]:6000")));
	/* That one stays. */
	drive_forget(&d);
	drive_up(&d, 20, ROLE_AUTHORITY, TAG, "10.0.0.3:4370", "10.0.0.99");
	assert_false(drive_sent(&d, E1, MSG_SELL, &m));
}

/* Buys and fills. */

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

/* As often as there are fills, what is released and passed adds up, and the
 * list of what is pending keeps its bound. */
static void
test_many_fills(void **state)
{
	struct broker *b = *state;
	struct peer plb;
	struct order *o;
	uint64_t i;

	market();
	plb.handle = PLB1;
	o = broker_order_of(b, &plb, 7);
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

/* What exchanges say of orders. */

/* An exchange whose authority is gone is not left before there is another one
 * that somebody announces; and one that is announced again in time is kept. */
static void
test_unclaimed(void **state)
{
	struct msg m;

	(void)state;
	market(); /* at E1 and E2, of A1 */
	drive_down(&d, A1);
	drive_forget(&d);
	drive_wait(&d, 10 * BROKER_UNCLAIMED_MS);
	assert_false(drive_did(&d, ACT_DRAIN, NULL, NULL));
	authority_up(A2);
	drive_forget(&d);
	exchanges(A2, "calc", E1, 0);
	assert_true(drive_did(&d, ACT_DRAIN, NULL, NULL)); /* E2 */
	assert_false(drive_did(&d, ACT_DRAIN, NULL, NULL));
	drive_down(&d, A2);
	drive_wait(&d, BROKER_UNCLAIMED_MS - 1);
	authority_up(A1);
	exchanges(A1, "calc", E1, 0);
	drive_forget(&d);
	drive_wait(&d, BROKER_UNCLAIMED_MS);
	assert_false(drive_did(&d, ACT_DRAIN, NULL, NULL));
	/* It is there still. */
	drive_up(&d, LISTENER1, ROLE_LISTENER, 0, "", "");
	sell(LISTENER1, 3, 4, "1.2.3.4:6000", "", "");
	assert_true(drive_sent(&d, E1, MSG_SELL, &m));
	assert_false(drive_sent(&d, E2, MSG_SELL, &m));
}

static void
test_forwards(void **state)
{
	uint64_t number = market(), mine;
	struct msg m;

	(void)state;
	m = message(MSG_OFFERS);
	m.u.offers.order = number;
	m.u.offers.reason = slice_str("no");
	drive_message(&d, E1, &m);
	assert_true(drive_sent(&d, PLB1, MSG_OFFERS, &m));
	assert_int_equal(m.u.offers.order, 7);
	m = message(MSG_REFUSE);
	m.u.refuse.order = number;
	m.u.refuse.reason = slice_str("too many classes");
	drive_message(&d, E1, &m);
	assert_true(drive_sent(&d, PLB1, MSG_REFUSE, &m));
	assert_int_equal(m.u.refuse.order, 7);
	drive_up(&d, LISTENER1, ROLE_LISTENER, 0, "", "");
	sell(LISTENER1, 3, 4, "1.2.3.4:6000", "", "");
	assert_true(drive_sent(&d, E1, MSG_SELL, &m));
	mine = m.u.sell.order;
	/* What is refused does not stand: it is sent whole again. */
	m = message(MSG_REFUSE);
	m.u.refuse.order = mine;
	m.u.refuse.reason = slice_str("too many classes");
	drive_message(&d, E1, &m);
	assert_true(drive_sent(&d, LISTENER1, MSG_REFUSE, &m));
	drive_forget(&d);
	sell(LISTENER1, 3, 4, NULL, "", "");
	assert_true(drive_sent(&d, E1, MSG_SELL, &m));
	assert_int_not_equal(m.u.sell.contact.len, 0);
	assert_true(drive_sent(&d, E2, MSG_SELL, &m));
	assert_int_equal(m.u.sell.contact.len, 0);
	m = message(MSG_WAITING);
	m.u.waiting.order = mine;
	m.u.waiting.buyers = 3;
	m.u.waiting.empty = 1;
	drive_message(&d, E1, &m);
	assert_true(drive_sent(&d, LISTENER1, MSG_WAITING, &m));
	m = message(MSG_WAITING);
	m.u.waiting.order = mine;
	m.u.waiting.buyers = 2;
	m.u.waiting.empty = 2;
	drive_message(&d, E2, &m);
	assert_true(drive_sent(&d, LISTENER1, MSG_WAITING, &m));
	assert_int_equal(m.u.waiting.order, 3);
	assert_int_equal(m.u.waiting.buyers, 3);
	assert_int_equal(m.u.waiting.empty, 2);
	/* An exchange that is gone says nothing. */
	drive_down(&d, E1);
	assert_true(drive_sent(&d, LISTENER1, MSG_WAITING, &m));
	assert_int_equal(m.u.waiting.buyers, 2);
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

/* Gossip. */

/* The peer was told of this authority, at that address, and of no other. */
static void
assert_peer(uint32_t to, unsigned instance, const char *address)
{
	struct id id = drive_id(instance);
	struct peer_item item;
	struct msg m;

	assert_true(drive_sent(&d, to, MSG_PEERS, &m));
	assert_int_equal(item_next(&schema_peer_item, &m.u.peers.peers, &item),
	    1);
	assert_true(id_equal(&item.instance, &id));
	assert_true(slice_equal(item.address, slice_str(address)));
	assert_int_equal(item_next(&schema_peer_item, &m.u.peers.peers, &item),
	    0);
}

static void
say_peer(uint32_t from, unsigned instance, const char *address)
{
	struct msg m = message(MSG_PEERS);
	struct peer_item item;
	struct scratch s;

	scratch_init(&s);
	scratch_begin(&s, 1000);
	item.instance = drive_id(instance);
	item.address = slice_str(address);
	scratch_item(&s, &schema_peer_item, &item);
	m.u.peers.peers = scratch_slice(&s);
	assert_int_equal(drive_message(&d, from, &m), 0);
	scratch_free(&s);
}

static void
test_gossip(void **state)
{
	struct msg m;

	(void)state;
	authority_up(A1);
	assert_false(drive_sent(&d, A1, MSG_PEERS, &m));
	drive_up(&d, B1, ROLE_BROKER, 0, "10.0.0.8:33333", "10.0.0.99");
	assert_peer(B1, A1, "10.0.0.1:4370");
	/* A second one: the broker hears of it; it hears of the first, which
	 * does not hear of it from us. */
	authority_up(A2);
	assert_peer(A2, A1, "10.0.0.1:4370");
	drive_wait(&d, GOSSIP_MS);
	assert_peer(B1, A2, "10.0.0.2:4370");
	assert_false(drive_sent(&d, A1, MSG_PEERS, &m));
	drive_down(&d, A1);
	drive_wait(&d, 1000);
	assert_false(drive_sent(&d, B1, MSG_PEERS, &m));
	drive_forget(&d);
	/* What we are told: of one that is linked, and one that is new. */
	say_peer(B1, A2, "10.0.0.2:9999");
	say_peer(B1, 40, "10.0.0.40:4370");
	assert_true(drive_did(&d, ACT_DIAL, "10.0.0.40:4370", NULL));
	assert_int_equal(drive_forget(&d), 0);
}

/* An authority that dialled us says where it is; as does one that listens
 * everywhere, but for the host. */
static void
test_gossip_dialled(void **state)
{
	struct msg m;

	(void)state;
	drive_up(&d, B1, ROLE_BROKER, 0, "10.0.0.8:33333", "10.0.0.99");
	drive_up(&d, A1, ROLE_AUTHORITY, 0, "10.0.0.1:33333", "10.0.0.99");
	drive_wait(&d, 1000);
	assert_false(drive_sent(&d, B1, MSG_PEERS, &m));
	say_peer(A1, A1, "[::]:4370");
	drive_wait(&d, 0);
	assert_peer(B1, A1, "10.0.0.1:4370");
}

/* Contacts. */

static void
test_contacts(void **state)
{
	struct broker *b = *state;

	drive_up(&d, LISTENER1, ROLE_LISTENER, 0, "", "");
	drive_up(&d, 31, ROLE_LISTENER, 0, "", "");
	sell(LISTENER1, 3, 4, ":6000", "a@h", ":7000");
	assert_true(drive_did(&d, BROKER_CONTACT, "a@h 127.0.0.1 7000", NULL));
	/* Once our own address is known. */
	authority_up(A1);
	assert_true(drive_did(&d, BROKER_CONTACT, "a@h 10.0.0.99 7000", NULL));
	sell(31, 3, 4, ":6001", "a@h", ":7000");
	sell(LISTENER1, 3, 2, NULL, "", "");
	assert_false(drive_did(&d, BROKER_CONTACT, NULL, NULL));
	assert_int_equal(broker_contacts(b), 0);
	drive_down(&d, LISTENER1);
	assert_true(drive_did(&d, BROKER_CONTACT, "a@h 10.0.0.99 7000", NULL));
	assert_false(drive_did(&d, BROKER_CONTACT, NULL, NULL));
	drive_down(&d, 31);
	assert_true(drive_did(&d, BROKER_CONTACT, "a@h - -", NULL));
	assert_int_equal(broker_contacts(b), 0);
	drive_wait(&d, 0);
	assert_false(drive_did(&d, BROKER_CONTACT, NULL, NULL));
	/* What a peer says does not become a second line. */
	drive_up(&d, 32, ROLE_LISTENER, 0, "", "");
	sell(32, 3, 4, ":6000", "a@h 1 2\nb@h", ":7000");
	assert_false(drive_did(&d, BROKER_CONTACT, NULL, NULL));
	/* A name is UTF-8. */
	drive_up(&d, 33, ROLE_LISTENER, 0, "", "");
	sell(33, 3, 4, ":6000", "n\xc3\xb8" "de@h", ":7000");
	assert_true(drive_did(&d, BROKER_CONTACT,
	    "n\xc3\xb8" "de@h 10.0.0.99 7000", NULL));
}

/* From E1, of a seller whose node is "n@h": where that is, and nothing else. */
static void
fill_of_nothing(uint64_t order, const char *dist)
{
	struct msg m = message(MSG_FILL);
	unsigned char bytes[256], list[512];
	struct tlv_writer w;
	struct seller s;
	struct contact c;

	c.node = slice_str("n@h");
	c.address = slice_str("h:1");
	c.dist = slice_str(dist);
	tlv_writer_init(&w, bytes, sizeof(bytes));
	group_encode(&schema_contact, &c, &w);
	memset(&s, 0, sizeof(s));
	s.seller = drive_id(50);
	s.contact = slice_of(bytes, (size_t)(w.p - bytes));
	tlv_writer_init(&w, list, sizeof(list));
	item_put(&schema_seller, &w, &s);
	m.u.fill.order = order;
	m.u.fill.exchange = drive_id(E1);
	m.u.fill.sellers = slice_of(list, (size_t)(w.p - list));
	assert_int_equal(drive_message(&d, E1, &m), 0);
}

static void
test_node_that_moves(void **state)
{
	uint64_t number = market();
	struct msg m;

	(void)state;
	fill_of_nothing(number, "10.9.9.9:1");
	assert_true(drive_did(&d, BROKER_CONTACT, "n@h 10.9.9.9 1", NULL));
	fill_of_nothing(number, "10.9.9.9:2");
	assert_true(drive_did(&d, BROKER_CONTACT, "n@h 10.9.9.9 2", NULL));
	fill_of_nothing(number, "");
	assert_true(drive_did(&d, BROKER_CONTACT, "n@h - -", NULL));
	fill_of_nothing(number, "");
	assert_false(drive_did(&d, BROKER_CONTACT, NULL, NULL));
	assert_false(drive_sent(&d, PLB1, MSG_FILL, &m));
	assert_false(drive_sent(&d, E1, MSG_RELEASE, &m));
}

static void
test_inspect(void **state)
{
	struct msg m = message(MSG_INSPECT);
	struct slice row;
	unsigned i;
	size_t rows = 0, reports = 0;

	(void)state;
	market();
	drive_up(&d, CTL1, ROLE_CTL, 0, "", "");
	m.u.inspect.what = slice_str("exchanges");
	assert_int_equal(drive_message(&d, CTL1, &m), 0);
	assert_true(drive_sent(&d, CTL1, MSG_REPORT, &m));
	assert_int_equal(list_next(&m.u.report.rows, &row), 1);
	assert_memory_equal(row.p, "exchange 10.0.1.", 16);
	assert_int_equal(m.u.report.more, 0);
	for (i = 100; i < 1100; i++)
		buy(i, 1, 0, 0);
	drive_forget(&d);
	m = message(MSG_INSPECT);
	drive_message(&d, CTL1, &m);
	do {
		assert_true(drive_sent(&d, CTL1, MSG_REPORT, &m));
		reports++;
		while (list_next(&m.u.report.rows, &row) == 1)
			rows++;
	} while (m.u.report.more);
	assert_true(reports > 1);
	/* itself, an authority, 2 exchanges, 1001 orders */
	assert_int_equal(rows, 1 + 1 + 2 + 1001);
	assert_int_equal(drive_forget(&d), 0);
}

static void
test_limits(void **state)
{
	struct msg m = message(MSG_BUY);
	char name[32];
	unsigned i;

	(void)state;
	drive_up(&d, PLB1, ROLE_PLB, 0, "", "");
	m.u.buy.missing = 1;
	for (i = 1; i <= BROKER_MODULES_MAX + 1; i++) {
		snprintf(name, sizeof(name), "m%u", i);
		m.u.buy.order = i;
		m.u.buy.module = slice_str(name);
		assert_int_equal(drive_message(&d, PLB1, &m), 0);
	}
	assert_true(drive_sent(&d, PLB1, MSG_REFUSE, &m));
	assert_int_equal(m.u.refuse.order, BROKER_MODULES_MAX + 1);
	assert_int_equal(drive_forget(&d), 0);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_subscribes), TEST(test_dials_and_undials),
		TEST(test_authority_lost), TEST(test_wrong_instance),
		TEST(test_address_again), TEST(test_drain),
		TEST(test_unclaimed), TEST(test_sell),
		TEST(test_settled), TEST(test_own_address),
		TEST(test_fill_whole), TEST(test_fill_part),
		TEST(test_same_seller), TEST(test_many_fills),
		TEST(test_nothing_changed), TEST(test_age),
		TEST(test_plb_lost), TEST(test_plb_releases),
		TEST(test_forwards), TEST(test_notes), TEST(test_bad_orders),
		TEST(test_gossip), TEST(test_gossip_dialled),
		TEST(test_contacts), TEST(test_node_that_moves),
		TEST(test_inspect),
		TEST(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
