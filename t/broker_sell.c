/* The broker: what sellers say and are told, and where their nodes are. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "scratch.h"
#include "t/shop.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sell),
		TEST(test_settled),
		TEST(test_own_address),
		TEST(test_forwards),
		TEST(test_contacts),
		TEST(test_node_that_moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
