/* The PLB core: stopping, a fixed channel, and what is not to be believed. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "t/fake.h"

#define ADDRESS "/run/lambda/calc.plb"
#define PEER	9u

static int
teardown(void **state)
{
	(void)state;
	fake_end();
	return 0;
}

static void
link_fixed(uint32_t peer)
{
	drive_up(&fake, peer, ROLE_PLB, PLB_FIXED_TAG, ADDRESS, "");
	drive_tick(&fake);
}

static void
asked(uint32_t peer, uint64_t quantity)
{
	struct msg m;

	assert_true(drive_sent(&fake, peer, MSG_CONNECT, &m));
	assert_int_equal(m.u.connect.quantity, quantity);
	assert_int_equal(m.u.connect.counter, 0);
	assert_true(id_is_zero(&m.u.connect.seller));
}

/* Stopping. */

static void
test_stop(void **state)
{
	struct msg m;
	uint32_t one;
	uint64_t id;

	(void)state;
	fake_begin(3);
	one = fake_channel(1, 3);
	fake_client(CLIENT, 2);
	assert_int_equal(fake_request(CLIENT, 1, "f"), 0);
	id = fake_sent(one);
	plb_stop(plb, fake.now);
	plb_stop(plb, fake.now);
	drive_tick(&fake);
	assert_true(drive_sent(&fake, CLIENT, MSG_DRAIN, &m));
	fake_returned(one, 2);
	fake_nothing();
	/* It crossed the drain. */
	assert_int_equal(fake_request(CLIENT, 2, "f"), 0);
	assert_int_equal(fake_reply(one, id, 1), 0);
	assert_true(drive_sent(&fake, CLIENT, MSG_REPLY, &m));
	assert_int_equal(m.u.reply.demand, 0);
	id = fake_sent(one);
	drive_forget(&fake);
	/* One that comes now is sent on. */
	drive_up(&fake, CLIENT2, ROLE_CALLER, 0, "", "");
	assert_true(drive_sent(&fake, CLIENT2, MSG_DRAIN, &m));
	memset(&m, 0, sizeof(m));
	m.type = MSG_CONNECT;
	m.u.connect.module = slice_str("calc");
	m.u.connect.quantity = 1;
	assert_int_equal(fake_say(CLIENT2, &m), 0);
	assert_true(drive_sent(&fake, CLIENT2, MSG_REFUSE, &m));
	drive_down(&fake, CLIENT2);
	assert_int_equal(fake_reply(one, id, 1), 0);
	assert_true(drive_sent(&fake, CLIENT, MSG_REPLY, &m));
	assert_int_equal(m.u.reply.id, 2);
	fake_returned(one, 1);
	fake_nothing();
	drive_down(&fake, CLIENT);
	drive_tick(&fake);
	assert_true(drive_did(&fake, ACT_STOP, NULL, NULL));
	drive_tick(&fake);
	fake_nothing();
}

/* What is queued is still served, and no more is bought than that needs. */
static void
test_stop_queued(void **state)
{
	uint32_t one;
	struct msg m;

	(void)state;
	fake_begin(5);
	fake_bought(5, 0, 0);
	assert_int_equal(fake_request(0, 1, "f"), 0);
	plb_stop(plb, fake.now);
	drive_tick(&fake);
	fake_bought(1, 0, 0);
	fake_fill(1, 1, 1);
	fake_fill(2, 4, 2);
	fake_released(2);
	fake_bought(1, 4, 0);
	one = fake_link(1);
	assert_int_equal(fake_demand(one, 1), 0);
	assert_int_equal(fake_reply(one, fake_sent(one), 1), 0);
	assert_true(drive_sent(&fake, 0, MSG_REPLY, &m));
	fake_returned(one, 1);
	assert_true(drive_did(&fake, ACT_STOP, NULL, NULL));
}

/* A client that stays, and has nothing open, is not waited for without end. */
static void
test_stop_idle_client(void **state)
{
	struct msg m;
	uint32_t one, peer;
	uint64_t id;

	(void)state;
	fake_begin(3);
	one = fake_channel(1, 3);
	fake_client(CLIENT, 2);
	drive_up(&fake, CLIENT2, ROLE_CALLER, 0, "", "");
	assert_int_equal(fake_request(CLIENT, 1, "f"), 0);
	id = fake_sent(one);
	plb_stop(plb, fake.now);
	drive_tick(&fake);
	drive_wait(&fake, PLB_LEAVE_MS - 1);
	assert_false(drive_did(&fake, ACT_DRAIN, NULL, NULL));
	drive_forget(&fake);
	drive_wait(&fake, 1);
	assert_true(drive_did(&fake, ACT_DRAIN, NULL, &peer));
	assert_int_equal(peer, CLIENT2);
	assert_false(drive_did(&fake, ACT_DRAIN, NULL, NULL));
	drive_down(&fake, CLIENT2);
	/* The other has its answer first. */
	assert_int_equal(fake_reply(one, id, 1), 0);
	assert_true(drive_sent(&fake, CLIENT, MSG_REPLY, &m));
	assert_true(drive_did(&fake, ACT_DRAIN, NULL, &peer));
	assert_int_equal(peer, CLIENT);
	assert_false(drive_did(&fake, ACT_STOP, NULL, NULL));
	drive_down(&fake, CLIENT);
	drive_tick(&fake);
	assert_true(drive_did(&fake, ACT_STOP, NULL, NULL));
}

static void
test_stop_at_once(void **state)
{
	(void)state;
	fake_begin(5);
	drive_forget(&fake);
	plb_stop(plb, fake.now);
	drive_tick(&fake);
	assert_true(drive_did(&fake, ACT_STOP, NULL, NULL));
	fake_bought(0, 0, 0);
	fake_nothing();
}

/* A fixed channel. */

static void
test_fixed(void **state)
{
	uint32_t tag;

	(void)state;
	fake_begin_fixed(ADDRESS, 4);
	assert_true(drive_did(&fake, ACT_DIAL, ADDRESS, &tag));
	assert_int_equal(tag, PLB_FIXED_TAG);
	fake_nothing();
	link_fixed(PEER);
	asked(PEER, 4);
	fake_nothing();
	assert_int_equal(fake_demand(PEER, 4), 0);
	fake_room(4);
	fake_nothing();
	drive_wait(&fake, 60000);
	fake_nothing();
	/* More is wanted, and asked for at once. */
	plb_want(plb, 5);
	drive_tick(&fake);
	asked(PEER, 1);
	fake_nothing();
}

static void
test_fixed_refused(void **state)
{
	struct msg m;
	int i;

	(void)state;
	fake_begin_fixed(ADDRESS, 4);
	link_fixed(PEER);
	drive_forget(&fake);
	for (i = 0; i < 5; i++) {
		assert_int_equal(fake_refuse(PEER), 0);
		assert_true(drive_sent(&fake, 0, MSG_REFUSE, &m));
		fake_nothing();
		drive_wait(&fake, 240);
		fake_nothing();
		drive_wait(&fake, 20);
		asked(PEER, 4);
		fake_nothing();
	}
	/* Less than all: the rest is asked for again, after a while. */
	assert_int_equal(fake_demand(PEER, 3), 0);
	fake_room(3);
	fake_nothing();
	drive_wait(&fake, 300);
	asked(PEER, 1);
	fake_nothing();
	/* Draining while nothing may be asked does not keep us awake. */
	assert_int_equal(fake_request(0, 1, "f"), 0);
	assert_int_equal(fake_refuse(PEER), 0);
	assert_int_equal(fake_drain(PEER), 0);
	drive_wait(&fake, 5000);
}

static void
fixed_fails(const char *why, int final)
{
	plb_ops.failed(plb, fake.now, PLB_FIXED_TAG, slice_str(why), final);
	drive_tick(&fake);
}

/* Who waits is told why, and the program when it is of no use to wait. What the
 * program says is not said here as well. */
static void
test_fixed_unreached(void **state)
{
	struct msg m;

	(void)state;
	fake_begin_fixed(ADDRESS, 4);
	drive_forget(&fake);
	fixed_fails("closed", 0);
	assert_true(drive_sent(&fake, 0, MSG_OFFERS, &m));
	assert_true(slice_is(m.u.offers.reason,
	    "unable to reach " ADDRESS ": closed"));
	assert_false(drive_did(&fake, ACT_LOG, NULL, NULL));
	fake_nothing();
	fixed_fails("wrong key", 1);
	assert_true(drive_sent(&fake, 0, MSG_OFFERS, &m));
	assert_true(drive_sent(&fake, 0, MSG_REFUSE, &m));
	assert_int_equal(m.u.refuse.final, 1);
	assert_true(slice_is(m.u.refuse.reason,
	    "unable to reach " ADDRESS ": wrong key"));
	assert_false(drive_did(&fake, ACT_LOG, NULL, NULL));
	fake_nothing();
	/* It is dialled on, and all is well when it comes. */
	link_fixed(PEER);
	asked(PEER, 4);
	assert_int_equal(fake_demand(PEER, 4), 0);
	fake_room(4);
	fake_nothing();
}

static void
test_fixed_drain(void **state)
{
	uint64_t id;
	uint32_t tag;

	(void)state;
	fake_begin_fixed(ADDRESS, 2);
	link_fixed(PEER);
	assert_int_equal(fake_demand(PEER, 2), 0);
	assert_int_equal(fake_request(0, 1, "f"), 0);
	id = fake_sent(PEER);
	drive_forget(&fake);
	assert_int_equal(fake_drain(PEER), 0);
	assert_true(drive_did(&fake, ACT_UNDIAL, ADDRESS, NULL));
	assert_true(drive_did(&fake, ACT_DIAL, ADDRESS, &tag));
	assert_int_equal(tag, PLB_FIXED_TAG);
	fake_returned(PEER, 1);
	fake_nothing();
	assert_int_equal(fake_drain(PEER), 0);
	fake_nothing();
	link_fixed(PEER + 1);
	asked(PEER + 1, 2);
	assert_int_equal(fake_demand(PEER + 1, 2), 0);
	fake_room(2);
	assert_int_equal(fake_reply(PEER, id, 1), 0);
	fake_replied(0, 1);
	fake_closed(PEER);
	drive_down(&fake, PEER);
	fake_nothing();
	assert_int_equal(fake_request(0, 2, "f"), 0);
	fake_sent(PEER + 1);
}

/* What is new there has another key; what is old still answers. */
static void
test_fixed_drain_denied(void **state)
{
	uint64_t id;
	struct msg m;

	(void)state;
	fake_begin_fixed(ADDRESS, 1);
	link_fixed(PEER);
	assert_int_equal(fake_demand(PEER, 1), 0);
	assert_int_equal(fake_request(0, 1, "f"), 0);
	id = fake_sent(PEER);
	assert_int_equal(fake_drain(PEER), 0);
	drive_forget(&fake);
	fixed_fails("wrong key", 1);
	assert_true(drive_sent(&fake, 0, MSG_OFFERS, &m));
	assert_false(drive_sent(&fake, 0, MSG_REFUSE, &m));
	assert_int_equal(fake_reply(PEER, id, 1), 0);
	fake_replied(0, 1);
	fixed_fails("wrong key", 1);
	assert_true(drive_sent(&fake, 0, MSG_REFUSE, &m));
	assert_int_equal(m.u.refuse.final, 1);
}

/* Once it is reached nobody is told any more that it is not. */
static void
test_fixed_reached(void **state)
{
	struct msg m;

	(void)state;
	fake_begin_fixed(ADDRESS, 1);
	fixed_fails("closed", 0);
	drive_up(&fake, CLIENT, ROLE_CALLER, 0, "", "");
	memset(&m, 0, sizeof(m));
	m.type = MSG_CONNECT;
	m.u.connect.module = slice_str("calc");
	m.u.connect.quantity = 1;
	assert_int_equal(fake_say(CLIENT, &m), 0);
	assert_true(drive_sent(&fake, CLIENT, MSG_OFFERS, &m));
	link_fixed(PEER);
	assert_int_equal(fake_refuse(PEER), 0);
	drive_forget(&fake);
	memset(&m, 0, sizeof(m));
	m.type = MSG_CONNECT;
	m.u.connect.module = slice_str("calc");
	m.u.connect.quantity = 1;
	assert_int_equal(fake_say(CLIENT, &m), 0);
	assert_true(drive_sent(&fake, CLIENT, MSG_REFUSE, &m));
	assert_false(drive_sent(&fake, CLIENT, MSG_OFFERS, &m));
}

/* It is lost, and dialled again by who dialled it. */
static void
test_fixed_lost(void **state)
{
	(void)state;
	fake_begin_fixed(NULL, 1);
	fake_nothing();
	drive_up(&fake, PEER, ROLE_CHANNEL, PLB_FIXED_TAG, "", "");
	drive_tick(&fake);
	asked(PEER, 1);
	assert_int_equal(fake_demand(PEER, 1), 0);
	fake_room(1);
	assert_int_equal(fake_request(0, 1, "f"), 0);
	fake_sent(PEER);
	drive_down(&fake, PEER);
	drive_tick(&fake);
	fake_failed(0, 1, 1, "the channel was lost");
	fake_nothing();
	drive_up(&fake, PEER, ROLE_CHANNEL, PLB_FIXED_TAG, "", "");
	drive_tick(&fake);
	asked(PEER, 1);
	assert_int_equal(fake_drain(PEER), 0);
	fake_closed(PEER);
	fake_nothing();
}

/* What is not to be believed. */

static void
wrong(uint32_t peer, const struct msg *m)
{
	errno = 0;
	assert_int_equal(fake_say(peer, m), -1);
	assert_int_equal(errno, EPROTO);
	fake_nothing();
}

/* Answers to the request that channel one has. */
static void
wrong_answers(uint32_t one, uint32_t two, uint64_t id)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_REPLY;
	m.u.reply.id = id;
	m.u.reply.demand = 1000;
	wrong(two, &m);	   /* another channel's */
	wrong(CLIENT, &m); /* of no channel */
	wrong(77, &m);	   /* of nobody */
	m.u.reply.id = id + (1 << 20);
	wrong(one, &m);
	m.u.reply.id = 1;
	wrong(one, &m);
	memset(&m, 0, sizeof(m));
	m.type = MSG_FAIL;
	m.u.fail.id = UINT64_MAX;
	wrong(one, &m);
	m.u.fail.id = id;
	wrong(two, &m);
}

static void
wrong_grants(uint32_t one)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_DEMAND;
	m.u.demand.tokens = 1000;
	wrong(one, &m); /* nothing was asked */
	wrong(CLIENT, &m);
	wrong(BROKER, &m);
	memset(&m, 0, sizeof(m));
	m.type = MSG_REFUSE;
	wrong(one, &m);
	wrong(CLIENT, &m);
	m.type = MSG_WAITING;
	m.u.waiting.buyers = 1;
	wrong(CLIENT, &m);
	memset(&m, 0, sizeof(m));
	m.type = MSG_DRAIN;
	wrong(BROKER, &m);
}

static void
wrong_requests(uint32_t one)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_REQUEST;
	m.u.request.id = 1;
	wrong(one, &m);
	wrong(BROKER, &m);
	wrong(77, &m);
	m.type = MSG_ABANDON;
	m.u.abandon.id = 1;
	wrong(77, &m);
	memset(&m, 0, sizeof(m));
	m.type = MSG_RETURN;
	m.u.giveback.tokens = 2;
	wrong(CLIENT, &m);
	wrong(one, &m);
	memset(&m, 0, sizeof(m));
	m.type = MSG_CANCEL;
	m.u.cancel.order = 1;
	wrong(BROKER, &m);
}

static void
test_wrong_messages(void **state)
{
	struct plb_view before, after;
	struct msg m;
	uint32_t one, two;
	uint64_t id;

	(void)state;
	fake_begin(4);
	one = fake_channel(1, 2);
	two = fake_channel(2, 2);
	fake_client(CLIENT, 1);
	assert_int_equal(fake_request(0, 1, "f"), 0);
	if (drive_sent(&fake, two, MSG_REQUEST, &m)) {
		two = one; /* who has it is one, who has not is two */
		one = one + 1;
	} else {
		assert_true(drive_sent(&fake, one, MSG_REQUEST, &m));
	}
	id = m.u.request.id;
	drive_forget(&fake);
	memset(&before, 0, sizeof(before));
	after = before;
	plb_look(plb, &before);

	wrong_answers(one, two, id);
	wrong_grants(one);
	wrong_requests(one);
	plb_look(plb, &after);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(fake_reply(one, id, 1), 0);
	fake_replied(0, 1);
}

static void
test_wrong_fill(void **state)
{
	unsigned char list[128], contact[32];
	struct contact c;
	struct seller s;
	struct tlv_writer w;
	struct msg m;
	uint64_t order;

	(void)state;
	fake_begin(4);
	fake_buy(&m);
	order = m.u.buy.order;
	drive_up(&fake, CLIENT, ROLE_CALLER, 0, "", "");
	drive_forget(&fake);
	memset(&c, 0, sizeof(c));
	c.address = slice_str("10.0.0.1:1");
	tlv_writer_init(&w, contact, sizeof(contact));
	group_encode(&schema_contact, &c, &w);
	memset(&s, 0, sizeof(s));
	s.seller = drive_id(1);
	s.contact = slice_of(contact, (size_t)(w.p - contact));
	s.quantity = s.counter = 1;
	tlv_writer_init(&w, list, sizeof(list));
	item_put(&schema_seller, &w, &s);
	memset(&m, 0, sizeof(m));
	m.type = MSG_FILL;
	m.u.fill.exchange = drive_id(2);
	m.u.fill.sellers = slice_of(list, (size_t)(w.p - list));
	m.u.fill.order = order + 1;
	wrong(BROKER, &m);
	m.u.fill.order = order;
	wrong(CLIENT, &m);
	assert_int_equal(fake_say(BROKER, &m), 0);
	assert_true(drive_did(&fake, ACT_DIAL, "10.0.0.1:1", NULL));
	fake_nothing();
}

/* Who links and is of no use is turned away, and its going hurts nobody. */
static void
test_wrong_peers(void **state)
{
	uint32_t tag, one;

	(void)state;
	fake_begin(4);
	one = fake_channel(1, 2);
	drive_up(&fake, 40, ROLE_BROKER, 0, "", "");
	fake_closed(40);
	drive_up(&fake, 41, ROLE_EXCHANGE, 0, "", "");
	fake_closed(41);
	drive_up(&fake, 42, ROLE_CHANNEL, 0, "", "");
	fake_closed(42);
	drive_up(&fake, 43, ROLE_CHANNEL, 12345, "", "");
	fake_closed(43);
	fake_fill(3, 2, 6);
	assert_true(drive_did(&fake, ACT_DIAL, fake_address(3), &tag));
	drive_up(&fake, 44, ROLE_LISTENER, tag, fake_address(3), "");
	fake_closed(44);
	fake_fill(2, 2, 7);
	assert_true(drive_did(&fake, ACT_DIAL, fake_address(2), &tag));
	drive_up(&fake, 45, ROLE_CHANNEL, tag, fake_address(3), "");
	fake_closed(45);
	/* Not a second time for one that is up. */
	drive_up(&fake, 46, ROLE_CHANNEL, tag, fake_address(2), "");
	drive_up(&fake, 47, ROLE_CHANNEL, tag, fake_address(2), "");
	fake_closed(47);
	for (tag = 40; tag < 48; tag++)
		drive_down(&fake, tag);
	drive_down(&fake, 1000);
	drive_down(&fake, 0);
	drive_tick(&fake);
	drive_forget(&fake);
	assert_int_equal(plb_room(plb), 2);
	assert_int_equal(fake_request(0, 1, "f"), 0);
	fake_sent(one);
}

#define TEST(f) cmocka_unit_test_teardown(f, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_stop), TEST(test_stop_queued),
		TEST(test_stop_idle_client), TEST(test_stop_at_once),
		TEST(test_fixed),
		TEST(test_fixed_refused), TEST(test_fixed_unreached),
		TEST(test_fixed_drain), TEST(test_fixed_drain_denied),
		TEST(test_fixed_reached), TEST(test_fixed_lost),
		TEST(test_wrong_messages), TEST(test_wrong_fill),
		TEST(test_wrong_peers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
