#ifndef CHECK_H
#define CHECK_H

/*
 * What must hold, in tests of many sequences: the first that does not ends the
 * test, which says the sequence.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#define CHECK(cond) \
	do { \
		if (!(cond)) \
			check_broken(#cond, __FILE__, __LINE__); \
	} while (0)

/* The test's. */
void check_broken(const char *cond, const char *file, int line);

#endif
