#define _XOPEN_SOURCE 700 /* posix_openpt() */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lines.h"
#include "t/loop_turns.h"
#include "t/check.h"

#define MAX (1024 * 1024)

static struct sink sink;
static int drained;
static const char *refill; /* put in by drained(), once */

static int
setup(void **state)
{
	drained = 0;
	refill = NULL;
	return turns_setup(state);
}

static int
teardown(void **state)
{
	sink_free(&sink);
	return turns_teardown(state);
}

static void
put(const void *p, size_t n)
{
	assert_int_equal(buf_append(&sink.queue, p, n), 0);
	sink_filled(&sink);
}

static void
on_drained(void *arg)
{
	assert_ptr_equal(arg, &sink);
	assert_int_equal(buf_len(&sink.queue), 0);
	drained++;
	if (refill != NULL) {
		put(refill, strlen(refill));
		refill = NULL;
	}
}

static void
open_sink(int fd)
{
	sink_init(&sink, loop, fd, MAX, on_drained, &sink);
}

/* Queue the pattern's n bytes. */
static void
put_pattern(size_t n)
{
	unsigned char *p = buf_reserve(&sink.queue, n);
	size_t i;

	assert_non_null(p);
	for (i = 0; i < n; i++)
		p[i] = (unsigned char)(i * 7 + (i >> 8));
	buf_commit(&sink.queue, n);
	sink_filled(&sink);
}

/* Read what is there: how much it was. It follows from bytes of the pattern. */
static size_t
get_pattern(int fd, size_t from)
{
	static unsigned char block[8192];
	ssize_t n = read(fd, block, sizeof(block)), i;

	assert_true(n > 0);
	for (i = 0; i < n; i++, from++)
		if (block[i] != (unsigned char)(from * 7 + (from >> 8)))
			fail_msg("byte %zu is wrong", from);
	return (size_t)n;
}

/* A pipe that both ends of block, and a reader that takes its time: nothing
 * waits, nothing is lost, nothing spins. */
UNIT(test_pipe)
{
	size_t got = 0, before;
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	open_sink(fd[1]);
	assert_idle();
	put_pattern(MAX);
	assert_int_equal(buf_append(&sink.queue, "x", 1), -1);
	assert_int_equal(errno, ENOBUFS);
	do { /* as much as the pipe holds */
		before = buf_len(&sink.queue);
		turn();
		turn();
	} while (buf_len(&sink.queue) < before);
	assert_true(before > 0 && before < MAX);
	assert_idle();
	assert_int_equal(drained, 0);
	while (got < MAX) {
		got += get_pattern(fd[0], got);
		turn();
		turn();
	}
	assert_int_equal(drained, 1);
	assert_int_equal(sink.error, 0);
	assert_idle();
	/* As it was: whoever shares it does not see it changed. */
	assert_false(fcntl(fd[1], F_GETFL) & O_NONBLOCK);
	close(fd[0]);
	close(fd[1]);
}

/* It is filled again when it has drained. */
UNIT(test_refill)
{
	char text[16];
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	open_sink(fd[1]);
	refill = ", two";
	put("one", 3);
	UNTIL(drained == 2);
	assert_int_equal(read(fd[0], text, sizeof(text)), 8);
	assert_memory_equal(text, "one, two", 8);
	close(fd[0]);
	close(fd[1]);
}

/* The reader has gone: an error, once, and what is put in later goes nowhere,
 * though it drains. */
UNIT(test_reader_gone)
{
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	open_sink(fd[1]);
	put("lost", 4);
	close(fd[0]);
	UNTIL(drained);
	assert_int_equal(sink.error, EPIPE);
	assert_int_equal(buf_len(&sink.queue), 0);
	assert_idle();
	put("lost too", 8);
	UNTIL(drained == 2);
	assert_int_equal(sink.error, EPIPE);
	assert_int_equal(buf_len(&sink.queue), 0);
	close(fd[1]);
}

/* It goes while the pipe is full. */
UNIT(test_reader_goes)
{
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	open_sink(fd[1]);
	put_pattern(MAX);
	while (buf_len(&sink.queue) > MAX - PIPE_BUF)
		turn();
	close(fd[0]);
	UNTIL(drained);
	assert_int_equal(sink.error, EPIPE);
	close(fd[1]);
}

UNIT(test_file)
{
	char name[] = "/tmp/lambda-sink.XXXXXX";
	int fd = mkstemp(name);
	size_t got = 0;

	assert_int_not_equal(fd, -1);
	unlink(name);
	open_sink(fd);
	put_pattern(MAX);
	UNTIL(drained);
	assert_int_equal(sink.error, 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	while (got < MAX)
		got += get_pattern(fd, got);
	close(fd);
}

UNIT(test_terminal)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	char text[16];

	if (master == -1 || grantpt(master) == -1 || unlockpt(master) == -1 ||
	    (slave = open(ptsname(master), O_RDWR | O_NOCTTY)) == -1) {
		open_sink(STDOUT_FILENO);
		print_message("no pseudo-terminal to be had\n");
		skip();
		return;
	}
	open_sink(slave);
	put("hello", 5);
	UNTIL(drained);
	assert_int_equal(read(master, text, sizeof(text)), 5);
	assert_memory_equal(text, "hello", 5);
	/* It is closed at the other end. */
	close(master);
	put("nobody", 6);
	UNTIL(drained == 2);
	assert_int_equal(sink.error, EIO);
	close(slave);
}

UNIT(test_full)
{
	int fd = open("/dev/full", O_WRONLY);

	open_sink(fd == -1 ? STDOUT_FILENO : fd);
	if (fd == -1) {
		print_message("no /dev/full here\n");
		skip();
		return;
	}
	put("no room", 7);
	UNTIL(drained);
	assert_int_equal(sink.error, ENOSPC);
	close(fd);
}

/* Standard output may be closed. */
UNIT(test_closed)
{
	int fd = dup(STDOUT_FILENO);

	open_sink(fd);
	close(fd);
	put("nowhere", 7);
	UNTIL(drained);
	assert_int_equal(sink.error, EBADF);
}

/* Freed with bytes still in it: no more is written, the descriptor stays. */
UNIT(test_freed)
{
	char text[8];
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	open_sink(fd[1]);
	put("never", 5);
	sink_free(&sink);
	turn();
	turn();
	assert_int_equal(write(fd[1], "x", 1), 1);
	assert_int_equal(read(fd[0], text, sizeof(text)), 1);
	close(fd[0]);
	close(fd[1]);
}

/* A queue that runs empty again and again allocates once. */
UNIT(test_kept)
{
	const unsigned char *kept;
	int fd[2], i;

	assert_int_equal(pipe(fd), 0);
	open_sink(fd[1]);
	put_pattern(100);
	kept = sink.queue.data;
	for (i = 0; i < 10; i++) {
		while (buf_len(&sink.queue) > 0)
			turn();
		put_pattern(100);
		assert_ptr_equal(sink.queue.data, kept);
	}
	close(fd[0]);
	close(fd[1]);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

UNITS(TEST(test_pipe), TEST(test_refill), TEST(test_reader_gone),
    TEST(test_reader_goes), TEST(test_file), TEST(test_terminal),
    TEST(test_full), TEST(test_closed), TEST(test_freed), TEST(test_kept))
