#ifndef CHECK_H
#define CHECK_H

/*
 * What all tests in C begin with: cmocka, and what its header needs before it.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

/* Begin a test's function: UNIT(name) { ... }. */
#define UNIT(name) \
	static void name##_body(void); \
	static void \
	name(void **state) \
	{ \
		(void)state; \
		name##_body(); \
	} \
	static void \
	name##_body(void)

/* The program runs these tests: UNITS(PLAIN(name), ...). Where a test has setup
 * and teardown, the file's own macro takes the place of PLAIN(). */
#define PLAIN(name) cmocka_unit_test(name)
#define UNITS(...) \
	int \
	main(void) \
	{ \
		const struct CMUnitTest tests[] = { __VA_ARGS__ }; \
\
		return cmocka_run_group_tests(tests, NULL, NULL); \
	}

/* What must hold, in tests of many sequences: the first that does not ends the
 * test, which says the sequence. */
#define CHECK(cond) \
	do { \
		if (!(cond)) \
			check_broken(#cond, __FILE__, __LINE__); \
	} while (0)

/* The test's. */
void check_broken(const char *cond, const char *file, int line);

#endif
