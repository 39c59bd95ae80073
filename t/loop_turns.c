#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>
#include <time.h>

#include "t/loop_turns.h"

#define GUARD_MS 60000
#define IDLE_MS	 200
#define TRIES	 10 /* windows in one of which nothing happens */

struct loop *loop;

static struct timer guard;

static void
on_guard(void *arg)
{
	(void)arg;
	fail_msg("still waiting after %d ms", GUARD_MS);
}

int
turns_setup(void **state)
{
	(void)state;
	loop = loop_new();
	memset(&guard, 0, sizeof(guard));
	guard.fn = on_guard;
	return loop_timer(loop, &guard, loop_now(loop) + GUARD_MS);
}

int
turns_teardown(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

static void
stop(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

void
turns_for(int64_t ms)
{
	struct timer t = { 0, stop, NULL, 0 };

	assert_int_equal(loop_timer(loop, &t, loop_now(loop) + ms), 0);
	loop_run(loop);
}

void
turn(void)
{
	turns_for(0);
}

void
assert_idle(void)
{
	clock_t begun;
	int i;

	for (i = 0; i < TRIES; i++) {
		begun = clock();
		turns_for(IDLE_MS);
		if (clock() - begun < CLOCKS_PER_SEC / 50)
			return;
	}
	fail_msg("it spins");
}
