#include <sys/wait.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "t/still.h"
#include "listener_publish.h"
#include "t/check.h"

static char **env;
static int verdicts;
static char said[512];

static void
on_verdict(void *arg, const char *why)
{
	assert_ptr_equal(arg, &verdicts);
	verdicts++;
	strcpy(said, why == NULL ? "" : why);
}

static int
setup(void **state)
{
	verdicts = 0;
	said[0] = '\0';
	env = program_environ(PROGRAM_WORKER, NULL);
	return turns_setup(state);
}

static int
teardown(void **state)
{
	preflight_end_all();
	free(env);
	return turns_teardown(state);
}

static struct preflight *
try(const char *script)
{
	char *argv[] = { "sh", "-c", NULL, NULL };
	struct program_start l;
	struct preflight *t;

	argv[2] = (char *)(uintptr_t)script;
	program_init(&l, argv, env);
	l.group = 1;
	t = preflight_start(loop, &l, on_verdict, &verdicts);
	assert_non_null(t);
	return t;
}

/* It sees no end of file before the verdict, and one then. */
UNIT(test_passes)
{
	char dir[] = "/tmp/lambda-trial.XXXXXX", script[128];

	assert_non_null(mkdtemp(dir));
	snprintf(script, sizeof(script), "mkdir %s/up; read x; rm -r %s", dir,
	    dir);
	try(script);
	snprintf(script, sizeof(script), "%s/up", dir);
	UNTIL(access(script, F_OK) == 0 || verdicts > 0);
	/* It would have ended by then. */
	assert_int_equal(system("sh -c :; sh -c :; sh -c :; sh -c :"), 0);
	still_pass(PREFLIGHT_MS - 1);
	assert_int_equal(verdicts, 0);
	assert_int_equal(access(script, F_OK), 0);
	still_pass(1);
	assert_int_equal(verdicts, 1);
	assert_string_equal(said, "");
	UNTIL(access(dir, F_OK) == -1);
	assert_idle();
	assert_int_equal(verdicts, 1);
}

UNIT(test_ends)
{
	try("echo one >&2; echo two >&2; exit 3");
	UNTIL(verdicts == 1);
	assert_string_equal(said, "ended at once: exit status 3: two");
	try("kill -9 $$");
	UNTIL(verdicts == 2);
	assert_non_null(strstr(said, "ended at once: killed by signal 9"));
	still_pass(PREFLIGHT_MS);
	assert_int_equal(verdicts, 2);
}

static int
no_child(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == -1 &&
	    errno == ECHILD;
}

UNIT(test_stopped)
{
	preflight_stop(try("exit 3"));
	preflight_stop(try("cat"));
	UNTIL(no_child());
	still_pass(PREFLIGHT_MS);
	assert_int_equal(verdicts, 0);
}

UNIT(test_missing)
{
	char *argv[] = { "/no/such/program", NULL };
	struct program_start l;

	program_init(&l, argv, env);
	l.group = 1;
	errno = 0;
	assert_null(preflight_start(loop, &l, on_verdict, &verdicts));
	assert_int_equal(errno, ENOENT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_passes),
		TEST(test_ends),
		TEST(test_stopped),
		TEST(test_missing),
	};

	program_reserve();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
