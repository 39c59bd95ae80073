/* The PLB core: what it does with channels and their tokens. */

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

static void
test_want(void **state)
{
	struct plb_view v;
	uint32_t one;

	(void)state;
	fake_begin(2);
	one = fake_channel(1, 2);
	plb_want(plb, 1);
	drive_tick(&fake);
	fake_nothing();
	plb_want(plb, 5);
	drive_tick(&fake);
	fake_bought(3, 2, 2);
	plb_want(plb, 5000);
	drive_tick(&fake);
	fake_bought(998, 2, 2);
	plb_want_only(plb, 1);
	drive_tick(&fake);
	fake_returned(one, 1);
	fake_bought(0, 2, 1);
	fake_nothing();
	plb_look(plb, &v);
	assert_int_equal(v.wanted, 1);
	assert_int_equal(v.tokens, 1);
	assert_int_equal(v.channels, 1);
	assert_int_equal(v.linked, 1);
	assert_int_equal(v.broker, 1);
}

/* What comes with an answer when less is wanted by then goes back. */
static void
test_surplus(void **state)
{
	uint32_t one;
	uint64_t id;

	(void)state;
	fake_begin(1);
	one = fake_channel(1, 1);
	assert_int_equal(fake_request(0, 1, "f"), 0);
	id = fake_sent(one);
	plb_want_only(plb, 0);
	drive_tick(&fake);
	fake_nothing();
	assert_int_equal(fake_reply(one, id, 1), 0);
	fake_replied(0, 1);
	fake_returned(one, 1);
	fake_nothing();
	assert_int_equal(plb_room(plb), 0);
}

/* Less is wanted while a fill is on its way. */
static void
test_wanted_no_more(void **state)
{
	uint32_t one;

	(void)state;
	fake_begin(4);
	fake_bought(4, 0, 0);
	fake_fill(1, 2, 5);
	one = fake_link(1);
	fake_connected(one, 1, 2, 5);
	plb_want_only(plb, 0);
	drive_tick(&fake);
	fake_bought(0, 0, 0);
	fake_fill(2, 2, 6);
	fake_released(6);
	fake_bought(0, 2, 0);
	fake_nothing();
	assert_int_equal(fake_demand(one, 2), 0);
	assert_true(drive_did(&fake, PLB_ROOM, NULL, NULL));
	fake_returned(one, 2);
	fake_bought(0, 4, 0);
	fake_nothing();
}

static void
test_idle(void **state)
{
	struct plb_view v;
	uint32_t one, two;
	uint64_t id;

	(void)state;
	fake_begin(6);
	one = fake_channel(1, 4);
	two = fake_channel(2, 2);
	/* Nobody waits: they are kept. */
	drive_wait(&fake, 5000);
	fake_nothing();
	assert_int_equal(fake_waiting(one, 1), 0);
	assert_int_equal(fake_waiting(one, 0), 0);
	drive_wait(&fake, 5000);
	fake_nothing();
	/* Somebody does, and what was used within the last second stays. */
	assert_int_equal(fake_request(0, 1, "f"), 0);
	id = drive_sent(&fake, one, MSG_REQUEST, &(struct msg){ 0 }) ? one :
	    two;
	drive_forget(&fake);
	assert_int_equal(fake_waiting(one, 3), 0);
	drive_wait(&fake, 1000);
	fake_returned(one, id == one ? 3 : 4);
	fake_nothing();
	plb_look(plb, &v);
	assert_int_equal(v.wanted, id == one ? 3 : 2);
	/* And are not bought again before they are needed. */
	drive_wait(&fake, 5000);
	fake_nothing();
	while (plb_room(plb) > 0)
		assert_int_equal(fake_request(0, 2 + plb_room(plb), "f"), 0);
	drive_forget(&fake);
	assert_int_equal(fake_request(0, 100, "f"), 0);
	plb_look(plb, &v);
	fake_bought(1, 6, v.tokens + v.in_flight);
	fake_nothing();
}

/* Who has too much does not want more. */
static void
test_idle_while_missing(void **state)
{
	uint32_t one;

	(void)state;
	fake_begin(6);
	one = fake_channel(1, 4);
	assert_int_equal(fake_waiting(one, 1), 0);
	drive_wait(&fake, 2000);
	fake_returned(one, 4);
	fake_bought(0, 4, 0);
	drive_forget(&fake);
	drive_wait(&fake, 3000);
	fake_nothing();
}

/* A channel that holds nothing for long is left. */
static void
test_empty(void **state)
{
	uint32_t one;
	uint64_t id;

	(void)state;
	fake_begin(2);
	one = fake_channel(1, 1);
	assert_int_equal(fake_request(0, 1, "f"), 0);
	id = fake_sent(one);
	drive_wait(&fake, 2 * PLB_EMPTY_MS);
	drive_forget(&fake);
	assert_int_equal(fake_reply(one, id, 0), 0);
	fake_replied(0, 1);
	fake_bought(2, 1, 0);
	drive_forget(&fake);
	drive_wait(&fake, PLB_EMPTY_MS - 1000);
	assert_false(drive_did(&fake, ACT_CLOSE, NULL, NULL));
	drive_wait(&fake, 2000);
	fake_closed(one);
	drive_forget(&fake);
	/* It is not there any more for a fill. */
	fake_fill(1, 1, 9);
	assert_true(drive_did(&fake, ACT_DIAL, fake_address(1), NULL));
}

static void
test_proportion(void **state)
{
	unsigned hits[2] = { 0 };
	uint32_t peer[2];
	struct msg m;
	uint64_t i;
	int k;

	(void)state;
	fake_begin(40);
	peer[0] = fake_channel(1, 10);
	peer[1] = fake_channel(2, 30);
	for (i = 1; i <= 4000; i++) {
		assert_int_equal(fake_request(0, i, "f"), 0);
		k = drive_sent(&fake, peer[1], MSG_REQUEST, &m);
		if (!k)
			assert_true(drive_sent(&fake, peer[0], MSG_REQUEST,
			    &m));
		hits[k]++;
		assert_int_equal(fake_reply(peer[k], m.u.request.id, 1), 0);
		drive_forget(&fake);
	}
	/* 3000 of 4000 and four sigmas. */
	assert_in_range(hits[1], 3000 - 110, 3000 + 110);
}

/* Draining. */

static void
test_drain(void **state)
{
	struct plb_view v;
	uint32_t one;
	uint64_t id;

	(void)state;
	fake_begin(4);
	one = fake_channel(1, 4);
	assert_int_equal(fake_request(0, 1, "f"), 0);
	id = fake_sent(one);
	assert_int_equal(fake_drain(one), 0);
	fake_returned(one, 3); /* others may have them while this one runs */
	fake_bought(4, 4, 0);
	fake_nothing();
	assert_int_equal(fake_drain(one), 0);
	fake_nothing();
	assert_int_equal(plb_room(plb), 0);
	plb_look(plb, &v);
	assert_int_equal(v.in_flight, 1);
	assert_int_equal(v.linked, 0);
	/* The seller's new code is another channel. */
	fake_fill(1, 4, 2);
	assert_int_equal(fake_demand(fake_link(1), 4), 0);
	drive_forget(&fake);
	assert_int_equal(fake_reply(one, id, 1), 0);
	fake_replied(0, 1);
	fake_closed(one);
	fake_nothing();
	drive_down(&fake, one);
	drive_tick(&fake);
	fake_nothing();
	assert_int_equal(plb_room(plb), 4);
}

/* A connect that crosses the drain. */
static void
test_drain_connecting(void **state)
{
	uint32_t one;

	(void)state;
	fake_begin(4);
	one = fake_channel(1, 2);
	assert_int_equal(fake_request(0, 1, "f"), 0);
	fake_fill(1, 2, 8);
	drive_forget(&fake);
	assert_int_equal(fake_drain(one), 0);
	fake_released(8);
	fake_returned(one, 1);
	fake_bought(4, 4, 0);
	fake_nothing();
	assert_int_equal(fake_refuse(one), 0);
	fake_nothing();
	assert_int_equal(fake_refuse(one), -1);
	assert_int_equal(errno, EPROTO);
}

static void
test_drain_idle(void **state)
{
	uint32_t one;

	(void)state;
	fake_begin(4);
	one = fake_channel(1, 4);
	assert_int_equal(fake_drain(one), 0);
	fake_returned(one, 4);
	fake_closed(one);
	fake_bought(4, 4, 0);
	fake_nothing();
}

/* Exports. */

static int
exports_shown(const char *version)
{
	struct kept *k;
	struct attrs a;
	int r = 0;

	for (k = fake.kept; k < fake.kept + fake.n; k++)
		if (k->act.kind == PLB_EXPORTS) {
			assert_int_equal(group_decode(&schema_attrs,
			    k->act.bytes, &a), 0);
			r = slice_equal(a.version, slice_str(version));
		}
	drive_forget(&fake);
	return r;
}

/* Somebody else answers where the seller says that it is: it is as good as out
 * of reach. */
static void
test_no_channel(void **state)
{
	uint32_t tag;

	(void)state;
	fake_begin(4);
	fake_fill(1, 4, 20);
	assert_true(drive_did(&fake, ACT_DIAL, fake_address(1), &tag));
	drive_up(&fake, 300, ROLE_EXCHANGE, tag, fake_address(1), "10.0.0.99");
	assert_true(drive_did(&fake, ACT_CLOSE, NULL, NULL));
	fake_released(20);
	drive_down(&fake, 300);
	fake_fill(1, 4, 21);
	fake_released(21);
	assert_false(drive_did(&fake, ACT_DIAL, NULL, NULL));
	drive_wait(&fake, PLB_AVOID_MS);
	fake_fill(1, 4, 22);
	assert_true(drive_did(&fake, ACT_DIAL, fake_address(1), NULL));
}

static void
test_exports(void **state)
{
	uint32_t one, two, three, tag;

	(void)state;
	fake_begin(4);
	fake_exports("1.9", "f/1");
	fake_fill(1, 1, 1);
	one = fake_link(1);
	assert_true(exports_shown("1.9"));
	fake_exports("1.10", "f/1");
	fake_fill(2, 1, 2);
	two = fake_link(2);
	assert_true(exports_shown("1.10"));
	fake_exports("1.2", "f/1");
	fake_fill(3, 1, 3);
	three = fake_link(3);
	assert_false(exports_shown("1.2"));
	drive_down(&fake, two);
	drive_tick(&fake);
	assert_true(exports_shown("1.9"));
	drive_down(&fake, three);
	drive_tick(&fake);
	assert_false(exports_shown("1.9"));
	/* Others under the number of those that went. */
	fake_exports("3", "f/1");
	fake_fill(4, 1, 4);
	assert_true(drive_did(&fake, ACT_DIAL, fake_address(4), &tag));
	assert_true(exports_shown("3"));
	plb_ops.failed(plb, fake.now, tag, slice_str(""), 0);
	fake_exports("4", "f/1");
	fake_fill(5, 1, 5);
	assert_true(exports_shown("4"));
	drive_down(&fake, one);
}

/* What the broker says of those that do not fit. */
static void
test_offers(void **state)
{
	struct msg m;

	(void)state;
	fake_begin(2);
	fake_left(9, 2, CLIENT, CLIENT2);
	assert_int_equal(fake_request(CLIENT, 1, "f"), 0);
	drive_up(&fake, 60, ROLE_PLB, 0, "", "");
	drive_forget(&fake);
	memset(&m, 0, sizeof(m));
	m.type = MSG_OFFERS;
	m.u.offers.order = 1;
	m.u.offers.reason = slice_str("no exchange");
	assert_int_equal(fake_say(BROKER, &m), 0);
	assert_true(drive_sent(&fake, 0, MSG_OFFERS, &m));
	assert_int_equal(m.u.offers.order, 0);
	assert_true(slice_equal(m.u.offers.reason, slice_str("no exchange")));
	/* Who waits hears it, who does not does not. */
	assert_true(drive_sent(&fake, CLIENT, MSG_OFFERS, &m));
	fake_nothing();
	/* Who begins to wait hears it then, once. */
	assert_int_equal(fake_request(CLIENT2, 1, "f"), 0);
	assert_true(drive_sent(&fake, CLIENT2, MSG_OFFERS, &m));
	assert_true(slice_equal(m.u.offers.reason, slice_str("no exchange")));
	drive_forget(&fake);
	assert_int_equal(fake_request(CLIENT2, 2, "f"), 0);
	assert_false(drive_sent(&fake, CLIENT2, MSG_OFFERS, &m));
	drive_forget(&fake);
	m.u.offers.reason = slice_of(NULL, 0);
	assert_int_equal(fake_say(CLIENT, &m), -1);
	assert_int_equal(errno, EPROTO);
}

/* Nor does who has all that it asked for under way: another seller's trouble is
 * not why its answer takes so long. */
static void
test_offers_under_way(void **state)
{
	struct msg m;

	(void)state;
	fake_begin(2);
	fake_channel(9, 1);
	fake_client(CLIENT, 1);
	fake_client(CLIENT2, 2);
	assert_int_equal(fake_request(CLIENT, 1, "f"), 0);
	assert_int_equal(fake_request(CLIENT2, 1, "f"), 0);
	assert_int_equal(fake_in_flight(), 1);
	assert_int_equal(fake_queued(), 1);
	drive_forget(&fake);
	memset(&m, 0, sizeof(m));
	m.type = MSG_OFFERS;
	m.u.offers.order = 1;
	m.u.offers.reason = slice_str("no exchange");
	assert_int_equal(fake_say(BROKER, &m), 0);
	assert_true(drive_sent(&fake, 0, MSG_OFFERS, &m));
	assert_true(drive_sent(&fake, CLIENT2, MSG_OFFERS, &m));
	assert_false(drive_sent(&fake, CLIENT, MSG_OFFERS, &m));
}

static void
test_inspect(void **state)
{
	static const char us[] = "plb wanted 3 tokens 1 in_flight 0 queued 0 "
	    "connecting 0 connects 3 refused 2";
	struct slice rows, row;
	uint32_t one;
	struct msg m;

	(void)state;
	fake_begin(3);
	one = fake_channel(1, 1);
	fake_fill(1, 1, 2);
	assert_int_equal(fake_refuse(one), 0);
	fake_fill(1, 1, 3);
	drive_wait(&fake, PLB_CONNECT_MS + PLB_IDLE_MS);
	drive_forget(&fake);
	drive_up(&fake, 70, ROLE_CTL, 0, "", "");
	memset(&m, 0, sizeof(m));
	m.type = MSG_INSPECT;
	assert_int_equal(fake_say(70, &m), 0);
	assert_true(drive_sent(&fake, 70, MSG_REPORT, &m));
	rows = m.u.report.rows;
	assert_int_equal(list_next(&rows, &row), 1);
	assert_true(slice_is(row, us));
	assert_int_equal(list_next(&rows, &row), 1);
	fake_nothing();
	assert_int_equal(fake_request(70, 1, "f"), -1);
	drive_down(&fake, 70);
}

#define TEST(f) cmocka_unit_test_teardown(f, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_want), TEST(test_surplus), TEST(test_wanted_no_more),
		TEST(test_idle), TEST(test_idle_while_missing),
		TEST(test_empty), TEST(test_proportion), TEST(test_drain),
		TEST(test_drain_connecting), TEST(test_drain_idle),
		TEST(test_no_channel), TEST(test_exports), TEST(test_offers),
		TEST(test_offers_under_way), TEST(test_inspect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
