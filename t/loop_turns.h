#ifndef LOOP_TURNS_H
#define LOOP_TURNS_H

/*
 * A loop for tests of what runs in one: turns are counted out by the test, and
 * what hangs fails it (t/hang.h).
 */

#include <stdint.h>

#include "loop.h"

extern struct loop *loop; /* new for each test */

#define TURNS_TRACE 256
extern char trace[TURNS_TRACE]; /* who was called, a letter each */
void note(int letter);

/* Of each test. */
int turns_setup(void **state);
int turns_teardown(void **state);

/* One turn that does not wait. */
void turn(void);

/* Turns until the condition holds. */
#define UNTIL(condition) \
	do \
		turn(); \
	while (!(condition))

/* Turns until nothing is left that the loop would do at once, so that it would
 * wait. Fails when that never comes: something spins. */
void assert_idle(void);

#define TURNS_TEST(f) \
	cmocka_unit_test_setup_teardown(f, turns_setup, turns_teardown)

#endif
