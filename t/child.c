#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "t/still.h"
#include "child.h"
#include "t/check.h"

#define LINES_MAX 2000

static struct child child;
static size_t backlog;
static char **env;
static char lines[LINES_MAX]; /* of standard error, a '|' behind each */
static int ended;

/* Input, where the worker shows it. */
static size_t shown;
static size_t take; /* bytes taken at a time */
static int refuse;  /* to read more */
static int refused;

static ssize_t
on_input(struct child *w, const unsigned char *p, size_t n)
{
	(void)w;
	assert_non_null(p);
	if (refuse) {
		refused = 1;
		return -1;
	}
	n = n < take ? n : take;
	shown += n;
	return (ssize_t)n;
}

static void
on_line(struct child *w, struct slice s)
{
	size_t len = strlen(lines);

	assert_ptr_equal(w, &child);
	assert_true(s.len <= CHILD_LINE_MAX);
	assert_true(len + s.len + 2 < sizeof(lines));
	memcpy(lines + len, s.p, s.len);
	strcpy(lines + len + s.len, "|");
}

static void
on_ended(struct child *w)
{
	assert_int_equal(w->pid, 0);
	ended++;
	loop_stop(loop);
}

static const struct child_ops whole_ops = { NULL, on_line, on_ended,
	NULL, NULL };
/* It has come so far. */
static ssize_t
on_begun(struct child *w, const unsigned char *p, size_t n)
{
	(void)p;
	child_kill(w, 10000);
	return (ssize_t)n;
}

static const struct child_ops killed_ops = { on_begun, on_line, on_ended,
	NULL, NULL };
static const struct child_ops shown_ops = { on_input, on_line, on_ended,
	NULL, NULL };

static int
begin(void **state)
{
	env = program_environ(PROGRAM_WORKER, NULL);
	memset(&child, 0, sizeof(child));
	child.ops = &whole_ops;
	child.backlog = &backlog;
	lines[0] = '\0';
	ended = 0;
	shown = 0;
	take = SIZE_MAX;
	refuse = refused = 0;
	return turns_setup(state);
}

static int
end(void **state)
{
	buf_free(&child.kept);
	assert_int_equal(backlog, 0);
	free(env);
	return turns_teardown(state);
}

static void
start(const char *script, const char *body, size_t len, int more)
{
	char *argv[] = { "sh", "-c", NULL, NULL };
	struct program_start l;

	argv[2] = (char *)(uintptr_t)script;
	program_init(&l, argv, env);
	l.group = 1;
	assert_int_equal(child_start(&child, loop, &l, CHILD_OUTPUT |
	    CHILD_ERROR | (more ? CHILD_INPUT : 0), slice_of(body, len)), 0);
}

static void
run(void)
{
	loop_run(loop);
	assert_int_equal(ended, 1);
}

static void
expect_output(const char *want)
{
	assert_true(slice_equal(buf_slice(&child.kept), slice_str(want)));
}

UNIT(test_body)
{
	start("cat; exit 3", "hello", 5, 0);
	run();
	expect_output("hello");
	assert_int_equal(WEXITSTATUS(child.status), 3);
}

UNIT(test_no_body)
{
	start("cat; echo end", NULL, 0, 0);
	run();
	expect_output("end\n");
}

/* More than a pipe holds, both ways at once. */
UNIT(test_large)
{
	char *body = malloc(900000);

	assert_non_null(body);
	memset(body, 'x', 900000);
	start("cat", body, 900000, 0);
	assert_true(backlog > 0);
	run();
	assert_int_equal(buf_len(&child.kept), 900000);
	free(body);
}

UNIT(test_not_read)
{
	char *body = calloc(1, 900000);

	start("echo done", body, 900000, 0);
	run();
	expect_output("done\n");
	assert_int_equal(child.status, 0);
	free(body);
}

UNIT(test_over)
{
	start("exec cat /dev/zero", NULL, 0, 0);
	run();
	assert_true(child.over);
	assert_true(WIFSIGNALED(child.status) || child.status != 0);
	assert_int_equal(buf_len(&child.kept), 0);
}

UNIT(test_lines)
{
	start("echo one >&2; printf 'two\\nthree' >&2; echo out", NULL, 0, 0);
	run();
	assert_string_equal(lines, "one|two|three|");
	expect_output("out\n");
}

UNIT(test_long_line)
{
	start("i=0; while [ $i -lt 130 ]; do printf 01234567 >&2; "
	    "i=$((i + 1)); done; echo >&2", NULL, 0, 0);
	run();
	assert_int_equal(strlen(lines), 1040 + 3);
	assert_int_equal(lines[CHILD_LINE_MAX], '|');
	assert_int_equal(lines[2 * CHILD_LINE_MAX + 1], '|');
}

/* A child of its own that keeps the pipe open is not waited for. */
UNIT(test_grandchild)
{
	start("sleep 600 & echo $!", NULL, 0, 0);
	run();
	assert_true(buf_len(&child.kept) > 1);
	kill((pid_t)strtol((const char *)buf_slice(&child.kept).p, NULL,
	    10), SIGKILL);
}

UNIT(test_kill)
{
	char how[100];

	start("exec sleep 600", NULL, 0, 0);
	child_kill(&child, 60000);
	run();
	assert_string_equal(child_status(&child, how, sizeof(how)),
	    "killed by signal 15 (Terminated)");
}

/* What does not heed the first signal gets the second, after the time that was
 * said last. */
UNIT(test_kill_hard)
{
	start("trap '' TERM; echo ready >&2; while :; do sleep 600; done", NULL,
	    0, 0);
	UNTIL(lines[0] != '\0');
	child_kill(&child, 60000);
	child_kill(&child, 50);
	still_pass(49);
	assert_int_equal(ended, 0);
	still_ms++;
	run();
	assert_true(WIFSIGNALED(child.status));
	assert_int_equal(WTERMSIG(child.status), SIGKILL);
}

UNIT(test_retire)
{
	child.ops = &shown_ops;
	start("cat; exit 5", NULL, 0, 1);
	assert_int_equal(child_write(&child, slice_str("hel")), 0);
	assert_int_equal(child_write(&child, slice_str("lo")), 0);
	assert_int_equal(backlog, 5);
	child_retire(&child);
	run();
	assert_int_equal(shown, 5);
	assert_int_equal(WEXITSTATUS(child.status), 5);
}

UNIT(test_retire_deaf)
{
	child.ops = &shown_ops;
	start("exec sleep 600", NULL, 0, 1);
	child_retire(&child);
	still_pass(CHILD_RETIRE_MS - 1);
	assert_int_equal(ended, 0);
	still_ms++;
	run();
	assert_int_equal(WTERMSIG(child.status), SIGTERM);
}

/* What is not taken is shown again, and is there still at the end. */
UNIT(test_partial)
{
	child.ops = &shown_ops;
	take = 3;
	start("printf 0123456789", NULL, 0, 1);
	run();
	assert_true(shown >= 3 && shown < 10);
	assert_int_equal(shown + buf_len(&child.kept), 10);
}

UNIT(test_refused)
{
	child.ops = &shown_ops;
	refuse = 1;
	start("echo bad; exec sleep 600", NULL, 0, 1);
	UNTIL(refused);
	still_pass(CHILD_RETIRE_MS - 1);
	assert_int_equal(ended, 0);
	still_ms++;
	run();
	assert_int_equal(WTERMSIG(child.status), SIGTERM);
}

/* What it has to say is heard meanwhile: it has written by then. */
UNIT(test_pause)
{
	child.ops = &shown_ops;
	start("echo hello; echo said >&2; read x", NULL, 0, 1);
	child_pause(&child, 1);
	UNTIL(lines[0] != '\0');
	assert_idle();
	assert_int_equal(shown, 0);
	child_pause(&child, 0);
	child_retire(&child);
	run();
	assert_int_equal(shown, 6);
}

/* What a signalled worker had started ends with it, signals ignored or not: so
 * says the pipe that all of them hold. What another one had started goes on. */
UNIT(test_group)
{
	char byte;
	int held[2];
	pid_t pid;

	assert_int_equal(pipe(held), 0);
	fcntl(held[0], F_SETFD, FD_CLOEXEC);
	start("trap '' TERM; sleep 600 & trap - TERM; echo; wait", NULL, 0, 1);
	close(held[1]);
	pid = child.pid;
	assert_int_equal(getpgid(pid), pid);
	child.ops = &killed_ops;
	run();
	assert_int_equal(WTERMSIG(child.status), SIGTERM);
	assert_int_equal(read(held[0], &byte, 1), 0);
	close(held[0]);
}

UNIT(test_group_left)
{
	pid_t pid;

	start("sleep 600 >/dev/null 2>&1 &", NULL, 0, 0);
	pid = child.pid;
	run();
	assert_int_equal(kill(-pid, 0), 0);
	assert_int_equal(kill(-pid, SIGKILL), 0);
}

/* It is signalled when its time is up, and not before. */
UNIT(test_limit)
{
	start("echo ready; exec sleep 1000", NULL, 0, 0);
	assert_int_equal(child_limit(&child, 200, 60000), 0);
	still_pass(199);
	assert_false(child.signalled);
	still_ms++;
	run();
	assert_true(child.signalled);
	assert_int_equal(WTERMSIG(child.status), SIGTERM);
	child_free(&child);
	ended = 0;
	start("exit 4", NULL, 0, 0);
	assert_int_equal(child_limit(&child, 3600000, 1), 0);
	run();
	assert_false(child.signalled);
	assert_int_equal(WEXITSTATUS(child.status), 4);
}

/* With no pipe and no group of its own: it reads nothing, and is signalled by
 * itself. */
UNIT(test_bare)
{
	char *argv[] = { "sh", "-c", "read x || exec sleep 1000", NULL };
	struct program_start l;

	program_init(&l, argv, env);
	assert_int_equal(child_start(&child, loop, &l, 0, slice_str("")), 0);
	assert_int_equal(getpgid(child.pid), getpgrp());
	child_kill(&child, 60000);
	run();
	assert_int_equal(WTERMSIG(child.status), SIGTERM);
}

static int
call(const char *what)
{
	char c = '-';
	ssize_t n = read(0, &c, 1);

	/* No signal of ours is handled there. */
	if (n != 1 || getpgrp() != getpid() || raise(SIGCHLD) != 0)
		return 1;
	printf("%s %c\n", what, c);
	fflush(stdout);
	return 6;
}

/* A function of ours, as a program would be run. */
UNIT(test_call)
{
	struct program_start l;

	program_init(&l, NULL, NULL);
	l.call = call;
	l.what = "what";
	l.group = 1;
	fflush(stdout);
	assert_int_equal(child_start(&child, loop, &l, CHILD_OUTPUT,
	    slice_str("x")), 0);
	run();
	expect_output("what x\n");
	assert_int_equal(WEXITSTATUS(child.status), 6);
}

UNIT(test_missing)
{
	char *argv[] = { "no-such-program-anywhere", NULL };
	struct program_start l;

	program_init(&l, argv, env);
	errno = 0;
	assert_int_equal(child_start(&child, loop, &l, CHILD_OUTPUT,
	    slice_str("body")), -1);
	assert_int_equal(errno, ENOENT);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_body),
		TEST(test_no_body),
		TEST(test_large),
		TEST(test_not_read),
		TEST(test_over),
		TEST(test_lines),
		TEST(test_long_line),
		TEST(test_grandchild),
		TEST(test_kill),
		TEST(test_kill_hard),
		TEST(test_retire),
		TEST(test_retire_deaf),
		TEST(test_partial),
		TEST(test_refused),
		TEST(test_pause),
		TEST(test_group),
		TEST(test_group_left),
		TEST(test_limit),
		TEST(test_bare),
		TEST(test_call),
		TEST(test_missing),
	};

	program_reserve();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
