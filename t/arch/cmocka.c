#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmocka.h"

enum outcome {
	PASSED, /* as setjmp() says at first */
	FAILED,
	SKIPPED
};

static jmp_buf test_end;

static void
end_test(enum outcome how)
{
	longjmp(test_end, how);
}

void
print_message(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
}

void
cmocka_skip(const char *file, int line)
{
	printf("%s:%d: skipped\n", file, line);
	end_test(SKIPPED);
}

void
cmocka_fail(const char *file, int line)
{
	printf("\n%s:%d: failed\n", file, line);
	end_test(FAILED);
}

void
cmocka_assert(int holds, const char *cond, const char *file, int line)
{
	if (holds)
		return;
	printf("%s", cond);
	cmocka_fail(file, line);
}

void
cmocka_int(uintmax_t a, uintmax_t b, int equal, const char *file, int line)
{
	if ((a == b) == equal)
		return;
	printf("%jd (%#jx), %jd (%#jx)", (intmax_t)a, a, (intmax_t)b, b);
	cmocka_fail(file, line);
}

void
cmocka_range(uintmax_t x, uintmax_t least, uintmax_t most, const char *file,
    int line)
{
	if (least <= x && x <= most)
		return;
	printf("%ju is not from %ju to %ju", x, least, most);
	cmocka_fail(file, line);
}

void
cmocka_string(const char *a, const char *b, int equal, const char *file,
    int line)
{
	if ((strcmp(a, b) == 0) == equal)
		return;
	printf("\"%s\", \"%s\"", a, b);
	cmocka_fail(file, line);
}

void
cmocka_memory(const void *a, const void *b, size_t n, int equal,
    const char *file, int line)
{
	const unsigned char *p = a, *q = b;
	size_t i = 0;

	if ((memcmp(a, b, n) == 0) == equal)
		return;
	while (i < n && p[i] == q[i])
		i++;
	printf("the first %zu of %zu bytes are the same", i, n);
	cmocka_fail(file, line);
}

static int
run_fixture(cmocka_fixture fn, void **state)
{
	return fn == NULL ? 0 : fn(state);
}

/* The teardown is run whatever became of the test. */
static enum outcome
run_test(const struct CMUnitTest *t, void **state)
{
	/* What setjmp() returned to keeps it. */
	volatile enum outcome how = FAILED;

	switch (setjmp(test_end)) {
	case PASSED:
		if (run_fixture(t->setup_func, state) != 0)
			break;
		t->test_func(state);
		how = PASSED;
		break;
	case SKIPPED:
		how = SKIPPED;
		break;
	default:
		break;
	}
	if (setjmp(test_end) != 0 || run_fixture(t->teardown_func, state) != 0)
		return FAILED;
	return how;
}

int
cmocka_run(const struct CMUnitTest *tests, size_t n, cmocka_fixture setup,
    cmocka_fixture teardown)
{
	static const char *const words[] = { "passed", "failed", "skipped" };
	static void *group;
	volatile int failed = 0;
	volatile size_t i;
	enum outcome how;
	void *state;

	if (setjmp(test_end) != 0 || run_fixture(setup, &group) != 0)
		return 1;
	for (i = 0; i < n; i++) {
		state = tests[i].initial_state;
		if (state == NULL)
			state = group;
		how = run_test(&tests[i], &state);
		printf("%s %s\n", words[how], tests[i].name);
		fflush(stdout);
		failed += how == FAILED;
	}
	if (setjmp(test_end) != 0 || run_fixture(teardown, &group) != 0)
		failed++;
	return failed;
}
