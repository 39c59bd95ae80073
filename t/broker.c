/* The broker: modules and their exchanges, authorities, reports, limits. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

#include "broker_state.h"
#include "t/shop.h"

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
	drive_wait(&d, 10 * BROKER_UNANNOUNCED_MS);
	assert_false(drive_did(&d, ACT_DRAIN, NULL, NULL));
	authority_up(A2);
	drive_forget(&d);
	exchanges(A2, "calc", E1, 0);
	assert_true(drive_did(&d, ACT_DRAIN, NULL, NULL)); /* E2 */
	assert_false(drive_did(&d, ACT_DRAIN, NULL, NULL));
	drive_down(&d, A2);
	drive_wait(&d, BROKER_UNANNOUNCED_MS - 1);
	authority_up(A1);
	exchanges(A1, "calc", E1, 0);
	drive_forget(&d);
	drive_wait(&d, BROKER_UNANNOUNCED_MS);
	assert_false(drive_did(&d, ACT_DRAIN, NULL, NULL));
	/* It is there still. */
	drive_up(&d, LISTENER1, ROLE_LISTENER, 0, "", "");
	sell(LISTENER1, 3, 4, "1.2.3.4:6000", "", "");
	assert_true(drive_sent(&d, E1, MSG_SELL, &m));
	assert_false(drive_sent(&d, E2, MSG_SELL, &m));
}

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

/* It was left as nobody announced it, and is announced before its link has
 * ended. */
static void
test_left_and_announced(void **state)
{
	struct msg m, drain = message(MSG_DRAIN);

	(void)state;
	market();
	authority_up(A2);
	exchanges(A1, "calc", E1, 0);
	exchanges(A2, "calc", E2, 0);
	drive_down(&d, A2);
	drive_forget(&d);
	drive_wait(&d, BROKER_UNANNOUNCED_MS);
	assert_true(drive_did(&d, ACT_DRAIN, NULL, NULL));
	authority_up(A2);
	exchanges(A2, "calc", E2, 0);
	drive_forget(&d);
	drive_down(&d, E2);
	assert_true(drive_did(&d, ACT_DIAL, "10.0.1.4:5000", NULL));
	exchange_up(E2);
	assert_true(drive_sent(&d, E2, MSG_BUY, &m));
	/* One that ends is not waited for. */
	assert_int_equal(drive_message(&d, E1, &drain), 0);
	exchanges(A1, "calc", E1, 0);
	assert_true(drive_did(&d, ACT_DRAIN, NULL, NULL));
	drive_forget(&d);
	drive_down(&d, E1);
	assert_false(drive_did(&d, ACT_DIAL, NULL, NULL));
}

static void
test_named_twice(void **state)
{
	(void)state;
	authority_up(A1);
	drive_up(&d, PLB1, ROLE_PLB, 0, "", "");
	buy(7, 5, 0, 0);
	exchanges(A1, "calc", E1, E1);
	drive_forget(&d);
	drive_down(&d, A1);
	assert_true(drive_did(&d, ACT_UNDIAL, "10.0.1.3:5000", NULL));
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
	const struct CMUnitTest tests[] = {
		TEST(test_subscribes),
		TEST(test_dials_and_undials),
		TEST(test_authority_lost),
		TEST(test_wrong_instance),
		TEST(test_address_again),
		TEST(test_drain),
		TEST(test_unclaimed),
		TEST(test_left_and_announced),
		TEST(test_named_twice),
		TEST(test_gossip),
		TEST(test_gossip_dialled),
		TEST(test_inspect),
		TEST(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
