#include "preauth.h"
#include "t/check.h"

static struct loglimit s;

static int
setup(void **state)
{
	(void)state;
	loglimit_free(&s);
	return 0;
}

/* One comes from the host of that number: has it a line? */
static int
come(int64_t now, int host)
{
	unsigned char bytes[LOGLIMIT_HOST] = { 10 };

	bytes[2] = (unsigned char)(host >> 8);
	bytes[3] = (unsigned char)host;
	return loglimit_say(&s, now, slice_of(bytes, 4));
}

/* One that comes again and again has a line a minute, for ever. */
UNIT(test_one_host)
{
	int64_t now;
	int said = 0;

	for (now = 0; now < 10 * LOGLIMIT_MS; now += 1000)
		said += come(now, 1);
	assert_int_equal(said, 10);
	/* Nothing but the time makes it forget who had one. */
	assert_int_equal(loglimit_more(&s, now), 10 * 60 - 10);
	assert_int_equal(come(10 * LOGLIMIT_MS - 1, 1), 0);
	assert_int_equal(come(10 * LOGLIMIT_MS, 1), 1);
}

/* Hosts do not stand in each other's way, as long as they are few. */
UNIT(test_few_hosts)
{
	unsigned char v6[LOGLIMIT_HOST] = { 10 };
	int host;

	for (host = 1; host < LOGLIMIT_LINES - 1; host++) {
		assert_int_equal(come(host, host), 1);
		assert_int_equal(come(host, host), 0);
	}
	/* Who has no address, and an address that begins as another does. */
	assert_int_equal(loglimit_say(&s, 100, slice_str("")), 1);
	assert_int_equal(loglimit_say(&s, 100, slice_str("")), 0);
	assert_int_equal(loglimit_say(&s, 100, slice_of(v6, sizeof(v6))), 1);
	assert_int_equal(loglimit_say(&s, 100, slice_of(v6, sizeof(v6))), 0);
	/* Each has its minute, and not all the same. */
	assert_int_equal(come(LOGLIMIT_MS, 1), 0);
	assert_int_equal(come(LOGLIMIT_MS + 1, 1), 1);
	assert_int_equal(come(LOGLIMIT_MS + 1, 2), 0);
	assert_int_equal(come(LOGLIMIT_MS + 2, 2), 1);
}

/* From however many hosts they come, in no minute are there more lines. */
UNIT(test_many_hosts)
{
	int64_t at[1000];
	int64_t now;
	int host = 0, n = 0;

	for (now = 0; now < 20 * LOGLIMIT_MS; now += 100) {
		if (come(now, host++ % 60000) == 0)
			continue;
		assert_true(n < LOGLIMIT_LINES ||
		    now - at[n - LOGLIMIT_LINES] >= LOGLIMIT_MS);
		at[n++] = now;
	}
	assert_int_equal(n, 20 * LOGLIMIT_LINES);
}

/* The number of the rest, a minute after the first of them. */
UNIT(test_more)
{
	int i;

	assert_int_equal(come(0, 1), 1);
	assert_true(loglimit_deadline(&s) == INT64_MAX);
	assert_int_equal(loglimit_more(&s, 2 * LOGLIMIT_MS), 0);
	for (i = 0; i < 1000; i++)
		come(5, 1);
	assert_int_equal(loglimit_deadline(&s), LOGLIMIT_MS + 5);
	assert_int_equal(loglimit_more(&s, LOGLIMIT_MS + 4), 0);
	/* One that comes after its host's minute is none of them. */
	assert_int_equal(come(LOGLIMIT_MS + 4, 1), 1);
	assert_int_equal(come(LOGLIMIT_MS + 4, 1), 0);
	assert_int_equal(loglimit_more(&s, LOGLIMIT_MS + 5), 1001);
	/* Told once, and counted anew from the next. */
	assert_int_equal(loglimit_more(&s, 2 * LOGLIMIT_MS), 0);
	assert_true(loglimit_deadline(&s) == INT64_MAX);
	assert_int_equal(come(2 * LOGLIMIT_MS, 1), 0);
	assert_int_equal(loglimit_deadline(&s), 3 * LOGLIMIT_MS);
}

UNITS(cmocka_unit_test_setup(test_one_host, setup),
    cmocka_unit_test_setup(test_few_hosts, setup),
    cmocka_unit_test_setup(test_many_hosts, setup),
    cmocka_unit_test_setup(test_more, setup))
