#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "t/check.h"

#define TEXT_MAX (256 * 1024)

static int saved = -1; /* the real standard error */
static char text[TEXT_MAX];

static void
to_stderr(int fd)
{
	assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
}

static int
setup(void **state)
{
	(void)state;
	die_name("/usr/bin/prog");
	log_level = LOG_INFO;
	return (saved = dup(STDERR_FILENO)) == -1 ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	dup2(saved, STDERR_FILENO);
	close(saved);
	return 0;
}

/* The datagram that the next write became: one line, one write(). */
static const char *
next(int fd)
{
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[n < 0 ? 0 : n] = '\0';
	return text;
}

static void
datagrams(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, fd), 0);
	to_stderr(fd[1]);
}

UNIT(test_line)
{
	int fd[2];

	datagrams(fd);
	errno = EBADMSG;
	log_info("%s is %d", "one", 1);
	assert_int_equal(errno, EBADMSG);
	assert_string_equal(next(fd[0]), "prog: one is 1\n");
	assert_string_equal(next(fd[0]), "");
	log_error("%s", "");
	assert_string_equal(next(fd[0]), "prog: \n");
	close(fd[0]);
	close(fd[1]);
}

/* What all are about stands in front, escaped as the rest is. */
UNIT(test_about)
{
	int fd[2];

	datagrams(fd);
	log_about("calc 10.0.0.1:5\n");
	log_info("%s", "one");
	assert_string_equal(next(fd[0]), "prog: calc 10.0.0.1:5\\x0a: one\n");
	log_about("");
	log_info("%s", "two");
	assert_string_equal(next(fd[0]), "prog: two\n");
	close(fd[0]);
	close(fd[1]);
}

static void
say_all(void)
{
	log_error("e");
	log_info("i");
	log_debug("d");
	log_trace("t");
}

static void
expect_all(int fd, const char *letters)
{
	char line[] = "prog: ?\n";

	say_all();
	for (; *letters != '\0'; letters++) {
		line[6] = *letters;
		assert_string_equal(next(fd), line);
	}
	assert_string_equal(next(fd), "");
}

UNIT(test_levels)
{
	int fd[2];

	datagrams(fd);
	expect_all(fd[0], "ei");
	log_more();
	expect_all(fd[0], "eid");
	log_more();
	expect_all(fd[0], "eidt");
	log_more();
	assert_int_equal(log_level, LOG_TRACE);
	log_less();
	log_less();
	log_less();
	expect_all(fd[0], "e");
	log_less();
	assert_int_equal(log_level, LOG_ERROR);
	close(fd[0]);
	close(fd[1]);
}

/* A line is one line, whatever a peer calls itself. */
UNIT(test_escaped)
{
	int fd[2];

	datagrams(fd);
	log_info("a\nb\r\t\x1b[31m\x7f\xff\xc3\xa9 ~");
	assert_string_equal(next(fd[0]),
	    "prog: a\\x0ab\\x0d\\x09\\x1b[31m\\x7f\\xff\xc3\xa9 ~\n");
	close(fd[0]);
	close(fd[1]);
}

/* Every length round the limit: never longer, and cut only when it must be. */
static void
check_long(int fd, size_t n)
{
	char message[LOG_LINE_MAX * 2];
	size_t len;

	memset(message, 'x', n);
	message[n] = '\0';
	log_info("%s", message);
	len = strlen(next(fd));
	if (strlen("prog: ") + n <= LOG_LINE_MAX - 4) {
		assert_int_equal(len, strlen("prog: ") + n + 1);
		assert_memory_equal(text + len - 2, "x\n", 2);
	} else {
		assert_int_equal(len, LOG_LINE_MAX);
		assert_memory_equal(text + len - 5, "x...\n", 5);
	}
}

UNIT(test_cut)
{
	size_t n;
	int fd[2];

	datagrams(fd);
	for (n = LOG_LINE_MAX - 40; n < LOG_LINE_MAX + 40; n++)
		check_long(fd[0], n);
	check_long(fd[0], 2 * LOG_LINE_MAX - 1);
	close(fd[0]);
	close(fd[1]);
}

/* An escape is there whole or not at all, whatever stands before it. */
static void
check_escapes(int fd, const char *before, size_t n)
{
	char message[LOG_LINE_MAX];
	size_t len, whole = strlen("prog: ") + strlen(before) + 4 * n + 1;

	memset(message, '\n', n);
	message[n] = '\0';
	log_info("%s%s", before, message);
	len = strlen(next(fd));
	assert_true(len <= LOG_LINE_MAX);
	if (len == whole)
		assert_memory_equal(text + len - 5, "\\x0a\n", 5);
	else {
		assert_true(whole > LOG_LINE_MAX - 3);
		assert_memory_equal(text + len - 8, "\\x0a...\n", 8);
	}
}

UNIT(test_cut_escape)
{
	static const char *const before[] = { "", "x", "xx", "xxx" };
	size_t n, i;
	int fd[2];

	datagrams(fd);
	for (n = 240; n < 270; n++)
		for (i = 0; i < 4; i++)
			check_escapes(fd[0], before[i], n);
	close(fd[0]);
	close(fd[1]);
}

UNIT(test_long_name)
{
	char name[LOG_LINE_MAX * 2];
	int fd[2];
	size_t len;

	datagrams(fd);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	die_name(name);
	log_info("hello");
	len = strlen(next(fd[0]));
	assert_true(len < LOG_LINE_MAX);
	assert_non_null(strstr(text, "hello\n"));
	die_name("prog");
	close(fd[0]);
	close(fd[1]);
}

/* Nobody reads: lines are lost, not time, and their number is told. */
UNIT(test_lost)
{
	int fd[2], i;
	ssize_t n, len = 0;

	assert_int_equal(pipe(fd), 0);
	to_stderr(fd[1]);
	for (i = 0; i < 10000; i++)
		log_info("%05d", i);
	fcntl(fd[0], F_SETFL, O_NONBLOCK);
	while ((n = read(fd[0], text + len, TEXT_MAX - 1 - (size_t)len)) > 0)
		len += n;
	text[len] = '\0';
	assert_int_equal(len % 12, 0); /* whole lines only */
	assert_true(len / 12 < 10000);
	assert_memory_equal(text, "prog: 00000\n", 12);
	log_info("again");
	snprintf(text, sizeof(text),
	    "prog: lines of log lost: %ld\nprog: again\n",
	    10000 - (long)len / 12);
	len = (ssize_t)strlen(text);
	n = read(fd[0], text + len + 1, TEXT_MAX - 1 - (size_t)len);
	assert_int_equal(n, len);
	assert_memory_equal(text, text + len + 1, (size_t)n);
	log_info("once");
	n = read(fd[0], text, sizeof(text));
	assert_int_equal(n, 11);
	close(fd[0]);
	close(fd[1]);
}

UNIT(test_closed)
{
	int fd[2];

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(fd), 0);
	to_stderr(fd[1]);
	close(fd[0]);
	log_info("to nobody");
	errno = EBADMSG;
	log_info("to nobody");
	assert_int_equal(errno, EBADMSG);
	close(fd[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, fd), 0);
	close(STDERR_FILENO);
	log_info("to nothing");
	to_stderr(fd[1]);
	log_info("back");
	assert_string_equal(next(fd[0]), "prog: lines of log lost: 3\n");
	assert_string_equal(next(fd[0]), "prog: back\n");
	close(fd[0]);
	close(fd[1]);
}

/* A disk fills up in the middle of a line: what comes later begins a new one.
 * The limit on a file's size stands in for the disk's. */
UNIT(test_torn)
{
	char name[] = "/tmp/lambda-log.XXXXXX";
	struct rlimit old, small;
	int fd = mkstemp(name);
	ssize_t n;

	assert_true(fd != -1);
	unlink(name);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 10;
	to_stderr(fd);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	log_info("torn");
	log_info("lost");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	log_info("whole");
	n = pread(fd, text, sizeof(text) - 1, 0);
	assert_true(n > 0);
	text[n] = '\0';
	assert_string_equal(text,
	    "prog: torn\nprog: lines of log lost: 2\nprog: whole\n");
	close(fd);
}

/* What a child of ours prints before it exits, and its status. */
static int
dying(void (*fn)(void))
{
	int fd[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	fflush(NULL);
	if ((pid = fork()) == 0) {
		dup2(fd[1], STDERR_FILENO);
		close(fd[0]);
		close(fd[1]);
		fn();
		_exit(0);
	}
	assert_true(pid > 0);
	close(fd[1]);
	while ((n = read(fd[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
die_plain(void)
{
	die(EXIT_USAGE, "no %s here", "hope");
}

static void
die_with_lines(void)
{
	die(EXIT_USAGE, "no module '%s'", "a\nb: fatal: \x1b[31m\xc3\xa9");
}

static void
die_with_errno(void)
{
	errno = EADDRINUSE;
	die_errno(EXIT_TEMPORARY, "unable to bind %s", "x");
}

static void
die_with_usage(void)
{
	die_usage("[-qv]\n[-k keyfile]\nmodule");
}

UNIT(test_die)
{
	char expect[200];

	die_name("prog");
	assert_string_equal(die_progname(), "prog");
	die_name("./a/b/prog2");
	assert_string_equal(die_progname(), "prog2");
	die_name("prog");
	assert_int_equal(dying(die_plain), 100);
	assert_string_equal(text, "prog: fatal: no hope here\n");
	assert_int_equal(dying(die_with_lines), 100);
	assert_string_equal(text, "prog: fatal: no module "
	    "'a\\x0ab: fatal: \\x1b[31m\xc3\xa9'\n");
	assert_int_equal(dying(die_with_errno), 111);
	snprintf(expect, sizeof(expect), "prog: fatal: unable to bind x: %s\n",
	    strerror(EADDRINUSE));
	assert_string_equal(text, expect);
	assert_int_equal(dying(die_with_usage), 100);
	assert_string_equal(text,
	    "usage: prog [-qv]\n            [-k keyfile]\n"
	    "            module\n");
}

#define WITH_STDERR(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

UNITS(WITH_STDERR(test_line), WITH_STDERR(test_about), WITH_STDERR(test_levels),
    WITH_STDERR(test_escaped), WITH_STDERR(test_cut),
    WITH_STDERR(test_cut_escape), WITH_STDERR(test_long_name),
    WITH_STDERR(test_lost), WITH_STDERR(test_closed), WITH_STDERR(test_torn),
    PLAIN(test_die))
