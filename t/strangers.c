#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "strangers.h"

static struct strangers s;

static int
setup(void **state)
{
	(void)state;
	memset(&s, 0, sizeof(s));
	return 0;
}

/* That many come at once: how many have a line. */
static int
come(int64_t now, int n)
{
	int said = 0;

	while (n-- > 0)
		said += strangers_say(&s, now);
	return said;
}

static void
test_few(void **state)
{
	int64_t now;

	(void)state;
	/* As many as may in each minute: nobody is left out, for ever. */
	for (now = 0; now < 10 * STRANGERS_MS; now += STRANGERS_MS) {
		assert_int_equal(come(now, STRANGERS_LINES), STRANGERS_LINES);
		assert_true(strangers_deadline(&s) == INT64_MAX);
		assert_int_equal(strangers_more(&s, now), 0);
	}
}

static void
test_many(void **state)
{
	(void)state;
	assert_int_equal(come(5, 100000), STRANGERS_LINES);
	assert_int_equal(come(STRANGERS_MS + 4, 7), 0);
	assert_int_equal(strangers_deadline(&s), STRANGERS_MS + 5);
	assert_int_equal(strangers_more(&s, STRANGERS_MS + 4), 0);
	/* Who comes before the rest was told is of the rest. */
	assert_int_equal(come(STRANGERS_MS + 5, 1), 0);
	assert_int_equal(strangers_more(&s, STRANGERS_MS + 5),
	    100000 - STRANGERS_LINES + 8);
	/* Told once, and a new minute begins with the next. */
	assert_int_equal(strangers_more(&s, 2 * STRANGERS_MS), 0);
	assert_true(strangers_deadline(&s) == INT64_MAX);
	assert_int_equal(come(3 * STRANGERS_MS, STRANGERS_LINES + 1),
	    STRANGERS_LINES);
	assert_int_equal(strangers_deadline(&s), 4 * STRANGERS_MS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_few, setup),
		cmocka_unit_test_setup(test_many, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
