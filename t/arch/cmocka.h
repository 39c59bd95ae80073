#ifndef ARCH_CMOCKA_H
#define ARCH_CMOCKA_H

/*
 * What the unit tests use of cmocka, for machines that have no package of it:
 * with -It/arch, and with t/arch/cmocka.o in place of -lcmocka (t/arch.sh). The
 * first assertion that fails ends its test; a signal ends them all.
 */

#include <stddef.h>
#include <stdint.h>

typedef int (*cmocka_fixture)(void **state);

struct CMUnitTest {
	const char *name;
	void (*test_func)(void **state);
	cmocka_fixture setup_func, teardown_func;
	void *initial_state;
};

#define cmocka_unit_test_setup_teardown(f, setup, teardown) \
	{ #f, f, setup, teardown, NULL }
#define cmocka_unit_test_setup(f, setup) \
	cmocka_unit_test_setup_teardown(f, setup, NULL)
#define cmocka_unit_test_teardown(f, teardown) \
	cmocka_unit_test_setup_teardown(f, NULL, teardown)
#define cmocka_unit_test(f) cmocka_unit_test_setup_teardown(f, NULL, NULL)

/* Run them; returns how many failed. The group's setup comes before all. */
#define cmocka_run_group_tests(tests, setup, teardown) \
	cmocka_run(tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)
int cmocka_run(const struct CMUnitTest *, size_t n, cmocka_fixture setup,
    cmocka_fixture teardown);

void print_message(const char *fmt, ...);
#define print_error print_message

/* End the test: it was skipped, or it failed at that place. */
#define skip() cmocka_skip(__FILE__, __LINE__)
#define fail() cmocka_fail(__FILE__, __LINE__)
#define fail_msg(...) \
	(print_message(__VA_ARGS__), fail())
void cmocka_skip(const char *file, int line);
void cmocka_fail(const char *file, int line);

/* Each of these fails unless its condition holds. */
#define assert_true(c) cmocka_assert((c) ? 1 : 0, #c, __FILE__, __LINE__)
#define assert_false(c) assert_true(!(c))
#define assert_null(p) assert_true((p) == NULL)
#define assert_non_null(p) assert_true((p) != NULL)
#define assert_ptr_equal(a, b) \
	assert_true((const void *)(a) == (const void *)(b))
#define assert_ptr_not_equal(a, b) \
	assert_true((const void *)(a) != (const void *)(b))
void cmocka_assert(int holds, const char *cond, const char *file, int line);

#define assert_int_equal(a, b) \
	cmocka_int((uintmax_t)(a), (uintmax_t)(b), 1, __FILE__, __LINE__)
#define assert_int_not_equal(a, b) \
	cmocka_int((uintmax_t)(a), (uintmax_t)(b), 0, __FILE__, __LINE__)
void cmocka_int(uintmax_t a, uintmax_t b, int equal, const char *file,
    int line);

#define assert_in_range(x, least, most) \
	cmocka_range((uintmax_t)(x), (uintmax_t)(least), (uintmax_t)(most), \
	    __FILE__, __LINE__)
void cmocka_range(uintmax_t x, uintmax_t least, uintmax_t most,
    const char *file, int line);

#define assert_string_equal(a, b) cmocka_string(a, b, 1, __FILE__, __LINE__)
#define assert_string_not_equal(a, b) \
	cmocka_string(a, b, 0, __FILE__, __LINE__)
void cmocka_string(const char *a, const char *b, int equal, const char *file,
    int line);

#define assert_memory_equal(a, b, n) \
	cmocka_memory(a, b, n, 1, __FILE__, __LINE__)
#define assert_memory_not_equal(a, b, n) \
	cmocka_memory(a, b, n, 0, __FILE__, __LINE__)
void cmocka_memory(const void *a, const void *b, size_t n, int equal,
    const char *file, int line);

#endif
