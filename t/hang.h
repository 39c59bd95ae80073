#ifndef HANG_H
#define HANG_H

/*
 * The one bound on time that a test has: what is not done after minutes hangs,
 * and SIGALRM ends the program. t/check.sh has a bound, too, which is larger;
 * $CHECK_FACTOR multiplies both. A test waits for what happens, for as long as
 * it takes, and judges no clock.
 */

#include <stdlib.h>
#include <unistd.h>

#define HANG_S 240

/* From now on. */
static inline void
hang_guard(void)
{
	const char *factor = getenv("CHECK_FACTOR");
	long n = factor == NULL ? 1 : strtol(factor, NULL, 10);

	alarm(HANG_S * (unsigned)(n < 1 ? 1 : n));
}

#endif
