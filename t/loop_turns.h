#ifndef LOOP_TURNS_H
#define LOOP_TURNS_H

/*
 * A loop for tests of what runs in one: turns are counted out by the test, and
 * what is waited for in vain fails it.
 */

#include <stdint.h>

#include "loop.h"

extern struct loop *loop; /* new for each test */

/* Of each test. */
int turns_setup(void **state);
int turns_teardown(void **state);

/* One turn that does not wait; turns for so long. */
void turn(void);
void turns_for(int64_t ms);

/* Turns until the condition holds. */
#define UNTIL(condition) \
	do \
		turn(); \
	while (!(condition))

/* Fail when waiting for a while takes processor time, again and again:
 * something spins. Once is no proof, on a busy machine or under valgrind. */
void assert_idle(void);

#define TURNS_TEST(f) \
	cmocka_unit_test_setup_teardown(f, turns_setup, turns_teardown)

#endif
