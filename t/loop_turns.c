#include <string.h>

#include "t/hang.h"
#include "t/loop_turns.h"
#include "t/check.h"

#define QUIET 16     /* turns in a row that find nothing to do */
#define SPIN  100000 /* turns after which it never comes to that */

struct loop *loop;
char trace[TURNS_TRACE];

void
note(int letter)
{
	size_t n = strlen(trace);

	assert_true(n + 1 < sizeof(trace));
	trace[n] = (char)letter;
	trace[n + 1] = '\0';
}

int
turns_setup(void **state)
{
	(void)state;
	trace[0] = '\0';
	hang_guard();
	loop = loop_new();
	return 0;
}

int
turns_teardown(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

static void
on_turned(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

void
turn(void)
{
	struct timer t = { 0, on_turned, NULL, 0 };

	assert_int_equal(loop_timer(loop, &t, loop_now(loop)), 0);
	loop_run(loop);
}

void
assert_idle(void)
{
	int i, quiet = 0;

	for (i = 0; quiet < QUIET; i++) {
		if (i == SPIN)
			fail_msg("it spins");
		quiet = loop_idle(loop) ? quiet + 1 : 0;
		turn();
	}
}
