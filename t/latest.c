#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lines.h"
#include "t/check.h"

static struct loop *loop;
static struct latest l;
static int fd[2];

static void
on_done(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

static int
setup(void **state)
{
	(void)state;
	assert_int_equal(pipe(fd), 0);
	loop = loop_new();
	latest_init(&l, loop, fd[1], 1000, on_done, NULL);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	latest_free(&l);
	loop_free(loop);
	close(fd[0]);
	close(fd[1]);
	return 0;
}

static int
put(const char *key, const char *line)
{
	return latest_put(&l, slice_str(key), slice_str(line));
}

/* Fill the pipe: the reader is slow. */
static size_t
clog_pipe(void)
{
	char bytes[4096];
	size_t n = 0;
	ssize_t r;

	memset(bytes, 'x', sizeof(bytes));
	fcntl(fd[1], F_SETFL, O_NONBLOCK);
	while ((r = write(fd[1], bytes, sizeof(bytes))) > 0)
		n += (size_t)r;
	fcntl(fd[1], F_SETFL, 0);
	return n;
}

static void
read_all(size_t skip, char *buf, size_t size)
{
	size_t n;
	ssize_t r;

	while (skip > 0) {
		r = read(fd[0], buf, skip < size ? skip : size);
		assert_true(r > 0);
		skip -= (size_t)r;
	}
	loop_run(loop);
	fcntl(fd[0], F_SETFL, O_NONBLOCK);
	for (n = 0; (r = read(fd[0], buf + n, size - n)) > 0;)
		n += (size_t)r;
	buf[n] = '\0';
}

UNIT(test_written)
{
	char buf[100];

	assert_true(latest_empty(&l));
	put("a", "a 1");
	put("b", "b 1");
	assert_false(latest_empty(&l));
	read_all(0, buf, sizeof(buf));
	assert_string_equal(buf, "a 1\nb 1\n");
	assert_true(latest_empty(&l));
}

UNIT(test_slow_reader)
{
	char buf[8192], line[512], key[16];
	size_t n = clog_pipe();
	int i;

	/* What is given to the sink is on its way; the rest is replaced. */
	memset(line, 'f', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	for (i = 0; i < 8; i++)
		assert_int_equal(put("first", line), 0);
	for (i = 0; i < 1000; i++) {
		snprintf(line, sizeof(line), "a %d", i);
		assert_int_equal(put("a", line), 0);
	}
	put("b", "b 0");
	read_all(n, buf, sizeof(buf));
	assert_non_null(strstr(buf, "\na 999\nb 0\n"));
	assert_null(strstr(buf, "a 998"));
	/* Bounded. */
	clog_pipe();
	put("x", "x");
	for (i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(put(key, key), 0);
	}
	assert_int_equal(put("one more", "line"), -1);
	assert_int_equal(errno, ENOBUFS);
	assert_int_equal(put("k5", "still"), 0);
}

UNIT(test_too_long)
{
	char line[LATEST_LINE_MAX + 1];

	memset(line, 'x', sizeof(line));
	line[LATEST_LINE_MAX] = '\0';
	assert_int_equal(put("k", line), -1);
	assert_int_equal(errno, ERANGE);
	assert_int_equal(put("k", line + 1), 0);
}

/* It is gone: seen with nothing to write, and with something. */
UNIT(test_reader_gone)
{
	close(fd[0]);
	loop_run(loop);
	assert_int_equal(l.error, EPIPE);
	assert_int_equal(put("a", "a"), 0);
	assert_true(latest_empty(&l));
	fd[0] = dup(fd[1]); /* for teardown */
}

UNIT(test_reader_goes)
{
	clog_pipe();
	put("a", "a");
	close(fd[0]);
	loop_run(loop);
	assert_int_equal(l.error, EPIPE);
	fd[0] = dup(fd[1]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

UNITS(TEST(test_written), TEST(test_slow_reader), TEST(test_too_long),
    TEST(test_reader_gone), TEST(test_reader_goes))
