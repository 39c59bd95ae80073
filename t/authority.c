/* The authority: its exchanges, from start to end. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

#include "authority_state.h"
#include "t/office.h"

static void
test_start(void **state)
{
	uint32_t tag;

	(void)state;
	drive_up(&d, B1, ROLE_BROKER, 0, "10.0.0.1:30000", "10.0.0.100");
	subscribe(B1, "calc", MSG_SUBSCRIBE);
	assert_told(B1, "calc", 0, NULL);
	tag = assert_start("calc");
	/* Another broker: the same one. */
	drive_up(&d, B2, ROLE_BROKER, 0, "10.0.0.2:30000", "10.0.0.100");
	subscribe(B2, "calc", MSG_SUBSCRIBE);
	subscribe(B2, "calc", MSG_SUBSCRIBE);
	assert_false(drive_did(&d, AUTHORITY_START, NULL, NULL));
	drive_forget(&d);
	exchange_up(tag, E1, "127.0.0.1:5000");
	assert_told(B1, "calc", 1, "10.0.0.100:5000");
	assert_told(B2, "calc", 1, "10.0.0.100:5000");
	assert_int_equal(drive_forget(&d), 0);
	/* A third is told what there is. */
	drive_up(&d, 3, ROLE_BROKER, 0, "10.0.0.3:30000", "10.0.0.100");
	subscribe(3, "calc", MSG_SUBSCRIBE);
	assert_told(3, "calc", 1, "10.0.0.100:5000");
	drive_wait(&d, 100000);
	assert_false(drive_did(&d, AUTHORITY_KILL, NULL, NULL));
}

/* It dies: a new one at once, and ever later if that one dies too. */
static void
test_restart(void **state)
{
	static const int64_t waits[] = { 100, 200, 400, 800, 1600, 3200, 6400,
		10000, 10000 };
	uint32_t tag = running("calc");
	size_t i;

	(void)state;
	drive_wait(&d, 60000);
	for (i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		authority_ended(a, d.now, tag);
		drive_down(&d, E1);
		assert_told(B1, "calc", 0, NULL);
		assert_true(drive_did(&d, ACT_UNDIAL, "10.0.0.100:5000",
		    NULL));
		drive_wait(&d, waits[i] - 1);
		assert_false(drive_did(&d, AUTHORITY_START, NULL, NULL));
		drive_wait(&d, 1);
		tag = assert_start("calc");
		exchange_up(tag, E1, "10.0.0.100:5000");
		drive_forget(&d);
	}
	/* It has been well for a while: the back-off starts anew. Its link is
	 * lost first, so it is killed lest it lives. */
	drive_wait(&d, 10000);
	drive_down(&d, E1);
	assert_told(B1, "calc", 0, NULL);
	assert_true(drive_did(&d, AUTHORITY_KILL, NULL, NULL));
	authority_ended(a, d.now, tag);
	drive_wait(&d, 100);
	assert_start("calc");
}

static void
test_does_not_answer(void **state)
{
	uint32_t tag, killed;

	(void)state;
	drive_up(&d, B1, ROLE_BROKER, 0, "10.0.0.1:30000", "10.0.0.100");
	subscribe(B1, "calc", MSG_SUBSCRIBE);
	tag = assert_start("calc");
	authority_started(a, d.now, tag, slice_str("10.0.0.100:5000"));
	drive_wait(&d, AUTHORITY_START_MS + 50);
	assert_true(drive_did(&d, AUTHORITY_KILL, NULL, &killed));
	assert_int_equal(killed, tag);
	assert_true(drive_did(&d, ACT_UNDIAL, "10.0.0.100:5000", NULL));
	drive_wait(&d, 100);
	assert_int_not_equal(assert_start("calc"), tag);
	/* The old one comes late. */
	drive_forget(&d);
	drive_up(&d, E1, ROLE_EXCHANGE, tag, "10.0.0.100:5000", "10.0.0.100");
	assert_true(drive_did(&d, ACT_CLOSE, NULL, &killed));
	assert_int_equal(killed, E1);
	authority_ended(a, d.now, tag);
	assert_int_equal(drive_forget(&d), 0);
}

/* Nobody subscribes for a minute. */
static void
test_idle(void **state)
{
	uint32_t tag = running("calc"), killed;
	struct msg m;

	(void)state;
	/* One of two. */
	drive_up(&d, B2, ROLE_BROKER, 0, "10.0.0.2:30000", "10.0.0.100");
	subscribe(B2, "calc", MSG_SUBSCRIBE);
	drive_down(&d, B2);
	drive_wait(&d, 2 * AUTHORITY_IDLE_MS);
	assert_false(drive_sent(&d, E1, MSG_DRAIN, &m));
	subscribe(B1, "calc", MSG_UNSUBSCRIBE);
	drive_wait(&d, 50000);
	subscribe(B1, "calc", MSG_SUBSCRIBE);
	drive_wait(&d, 50000);
	drive_forget(&d);
	drive_down(&d, B1);
	drive_wait(&d, AUTHORITY_IDLE_MS - 1);
	assert_int_equal(drive_forget(&d), 0);
	drive_wait(&d, 1);
	assert_true(drive_sent(&d, E1, MSG_DRAIN, &m));
	assert_false(drive_did(&d, AUTHORITY_KILL, NULL, NULL));
	/* It does not end: it is ended. */
	drive_wait(&d, 30000);
	assert_true(drive_did(&d, AUTHORITY_KILL, NULL, &killed));
	assert_int_equal(killed, tag);
	authority_ended(a, d.now, tag);
	drive_down(&d, E1);
	drive_wait(&d, 100000);
	assert_false(drive_did(&d, AUTHORITY_START, NULL, NULL));
	assert_true(chain_empty(&a->all));
}

static void
test_external(void **state)
{
	uint32_t tag, own, killed;
	struct msg m;

	(void)state;
	assert_int_equal(authority_announce(a, d.now, slice_str("calc"),
	    slice_str("192.0.2.1:5000")), 0);
	drive_up(&d, B1, ROLE_BROKER, 0, "10.0.0.1:30000", "10.0.0.100");
	assert_true(drive_did(&d, ACT_DIAL, "192.0.2.1:5000", &tag));
	drive_up(&d, E1, ROLE_EXCHANGE, tag, "192.0.2.1:5000", "10.0.0.100");
	subscribe(B1, "calc", MSG_SUBSCRIBE);
	assert_told(B1, "calc", 1, "192.0.2.1:5000");
	/* It is there, so none is started; then it is gone. */
	assert_false(drive_did(&d, AUTHORITY_START, NULL, NULL));
	drive_down(&d, E1);
	assert_told(B1, "calc", 0, NULL);
	own = assert_start("calc");
	exchange_up(own, E2, "10.0.0.100:5000");
	assert_told(B1, "calc", 1, "10.0.0.100:5000");
	assert_false(drive_did(&d, AUTHORITY_KILL, NULL, NULL));
	assert_false(drive_did(&d, ACT_UNDIAL, NULL, NULL));
	drive_forget(&d);
	/* It is back: that which stood in for it goes. */
	drive_up(&d, E1, ROLE_EXCHANGE, tag, "192.0.2.1:5000", "10.0.0.100");
	drive_tick(&d);
	assert_true(drive_sent(&d, E2, MSG_DRAIN, &m));
	assert_false(drive_sent(&d, E1, MSG_DRAIN, &m));
	assert_told(B1, "calc", 2, NULL);
	assert_told(B1, "calc", 1, "192.0.2.1:5000");
	authority_ended(a, d.now, own);
	drive_down(&d, E2);
	/* One that is only starting is ended. */
	drive_down(&d, E1);
	own = assert_start("calc");
	drive_up(&d, E1, ROLE_EXCHANGE, tag, "192.0.2.1:5000", "10.0.0.100");
	drive_tick(&d);
	assert_true(drive_did(&d, AUTHORITY_KILL, NULL, &killed));
	assert_int_equal(killed, own);
	drive_wait(&d, 100000);
	assert_false(drive_did(&d, AUTHORITY_START, NULL, NULL));
	/* Not ours to retire. */
	drive_down(&d, B1);
	drive_wait(&d, 200000);
	assert_false(drive_sent(&d, E1, MSG_DRAIN, &m));
}

/* It listens everywhere and was told no address of its own. */
static void
test_wildcard(void **state)
{
	uint32_t tag;

	(void)state;
	teardown(NULL);
	begin(1, "0.0.0.0:4370");
	drive_up(&d, B1, ROLE_BROKER, 0, "10.0.0.1:30000", "10.0.0.100");
	subscribe(B1, "calc", MSG_SUBSCRIBE);
	tag = assert_start("calc");
	drive_forget(&d);
	authority_started(a, d.now, tag, slice_str("0.0.0.0:5000"));
	drive_up(&d, E1, ROLE_EXCHANGE, tag, "127.0.0.1:5000", "127.0.0.1");
	assert_true(drive_did(&d, ACT_DIAL, "127.0.0.1:5000", NULL));
	assert_told(B1, "calc", 1, "0.0.0.0:5000");
}

static void
test_stop(void **state)
{
	struct msg m;

	(void)state;
	running("calc");
	subscribe(B1, "other", MSG_SUBSCRIBE);
	assert_start("other");
	authority_stop(a, d.now);
	drive_wait(&d, 0);
	drive_down(&d, E1);
	assert_told(B1, "other", 0, NULL);
	assert_told(B1, "calc", 0, NULL);
	assert_true(drive_sent(&d, E1, MSG_DRAIN, &m));
	assert_true(drive_did(&d, ACT_STOP, NULL, NULL));
	drive_wait(&d, 100000);
	assert_false(drive_did(&d, AUTHORITY_START, NULL, NULL));
}

static void
test_inspect(void **state)
{
	struct msg m = message(MSG_INSPECT);
	struct slice row;
	int n = 0;

	(void)state;
	running("calc");
	other_up();
	exchanges(OTHER, "calc", 77);
	drive_up(&d, CTL1, ROLE_CTL, 0, "10.0.0.1:1", "");
	assert_int_equal(drive_message(&d, CTL1, &m), 0);
	assert_true(drive_sent(&d, CTL1, MSG_REPORT, &m));
	while (list_next(&m.u.report.rows, &row) == 1)
		n++;
	/* 2 authorities, a broker, 2 exchanges, a module */
	assert_int_equal(n, 6);
	assert_int_equal(m.u.report.more, 0);
}

static const char *
numbered(unsigned i)
{
	static char name[16];

	snprintf(name, sizeof(name), "m%u", i);
	return name;
}

/* So many are started at a time: one that is linked, or ends, makes room for
 * the next. */
static void
test_turns(void **state)
{
	uint32_t tag[AUTHORITY_STARTING];
	unsigned i;

	(void)state;
	drive_up(&d, B1, ROLE_BROKER, 0, "10.0.0.1:30000", "10.0.0.100");
	for (i = 0; i < AUTHORITY_STARTING; i++) {
		subscribe(B1, numbered(i), MSG_SUBSCRIBE);
		tag[i] = assert_start(numbered(i));
		drive_forget(&d);
	}
	for (; i < AUTHORITY_STARTING + 5; i++)
		subscribe(B1, numbered(i), MSG_SUBSCRIBE);
	assert_int_equal(authority_ops.deadline(a), d.now + AUTHORITY_START_MS);
	assert_false(drive_did(&d, AUTHORITY_START, NULL, NULL));
	/* It listens: that is not enough. */
	authority_started(a, d.now, tag[0], slice_str("10.0.0.100:5000"));
	drive_tick(&d);
	assert_false(drive_did(&d, AUTHORITY_START, NULL, NULL));
	drive_up(&d, E1, ROLE_EXCHANGE, tag[0], "10.0.0.100:5000", "");
	drive_tick(&d);
	assert_start(numbered(AUTHORITY_STARTING));
	assert_false(drive_did(&d, AUTHORITY_START, NULL, NULL));
	/* It ends once it is linked, when that makes room for nobody. */
	authority_ended(a, d.now, tag[0]);
	drive_wait(&d, AUTHORITY_BACKOFF_MIN_MS);
	assert_false(drive_did(&d, AUTHORITY_START, NULL, NULL));
	authority_ended(a, d.now, tag[1]);
	drive_tick(&d);
	assert_start(numbered(AUTHORITY_STARTING + 1));
	assert_false(drive_did(&d, AUTHORITY_START, NULL, NULL));
	/* Those that do not answer are killed. */
	drive_wait(&d, AUTHORITY_START_MS - AUTHORITY_BACKOFF_MIN_MS);
	assert_start(numbered(AUTHORITY_STARTING + 4));
	drive_forget(&d);
	/* All that waits does so in vain now. */
	authority_stop(a, d.now);
	assert_int_equal(authority_exchange_may_start(a), 0);
}

static void
test_limits(void **state)
{
	unsigned i;

	(void)state;
	drive_up(&d, B1, ROLE_BROKER, 0, "10.0.0.1:30000", "10.0.0.100");
	for (i = 0; i <= AUTHORITY_MODULES_MAX; i++) {
		subscribe(B1, numbered(i), MSG_SUBSCRIBE);
		assert_int_equal(a->modules.n, i < AUTHORITY_MODULES_MAX ?
		    i + 1 : AUTHORITY_MODULES_MAX);
		drive_forget(&d);
	}
	drive_down(&d, B1);
	drive_forget(&d);
	for (; d.now < INT64_MAX && !chain_empty(&a->all);) {
		d.now = d.now < a->due ? a->due : d.now;
		assert_true(a->due != INT64_MAX);
		authority_ops.tick(a, d.now);
		while (outbox_take(authority_out(a), &(struct act){ 0 }))
			;
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_start),
		TEST(test_restart),
		TEST(test_does_not_answer),
		TEST(test_idle),
		TEST(test_external),
		TEST(test_wildcard),
		TEST(test_stop),
		TEST(test_inspect),
		TEST(test_turns),
		TEST(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
