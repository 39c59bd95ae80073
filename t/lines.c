#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lines.h"
#include "t/check.h"

static struct loop *loop;
static char seen[8192]; /* "NUMBER:LINE|" each */

static void
on_line(void *arg, const char *line, size_t len, unsigned long number)
{
	size_t n = strlen(seen);

	(void)arg;
	snprintf(seen + n, sizeof(seen) - n, "%lu:%.*s|", number, (int)len,
	    line);
	if (len == 4 && memcmp(line, "stop", 4) == 0)
		loop_stop(loop);
}

static void
on_end(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

static int
setup(void **state)
{
	(void)state;
	loop = loop_new();
	seen[0] = '\0';
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	loop_free(loop);
	return 0;
}

static void
put(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

UNIT(test_pipe)
{
	static char many[3000];
	struct lines l;
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	lines_init(&l, loop, fd[0], on_line, NULL);
	l.end = on_end;
	put(fd[1], "one\n\ntw");
	put(fd[1], "o\nstop\nla");
	loop_run(loop);
	assert_string_equal(seen, "1:one|2:|3:two|4:stop|");
	/* One that is too long costs itself alone. */
	seen[0] = '\0';
	memset(many, 'x', sizeof(many) - 1);
	put(fd[1], "st\n");
	put(fd[1], many);
	put(fd[1], "\nlast");
	close(fd[1]);
	loop_run(loop);
	assert_string_equal(seen, "5:last|7:last|");
	assert_int_equal(l.ended, 1);
	assert_int_equal(lines_again(&l), 0);
	lines_stop(&l);
	close(fd[0]);
}

/* The longest line there may be, and one byte more. */
UNIT(test_longest)
{
	char line[LINES_MAX + 2];
	struct lines l;
	FILE *f = tmpfile();

	assert_non_null(f);
	memset(line, 'x', sizeof(line));
	line[LINES_MAX] = '\n';
	assert_int_equal(fwrite(line, LINES_MAX + 1, 1, f), 1);
	line[LINES_MAX] = 'x';
	line[LINES_MAX + 1] = '\n';
	assert_int_equal(fwrite(line, LINES_MAX + 2, 1, f), 1);
	assert_int_equal(fflush(f), 0);
	rewind(f);
	lines_init(&l, loop, fileno(f), on_line, NULL);
	l.end = on_end;
	loop_run(loop);
	assert_int_equal(strlen(seen), 2 + LINES_MAX + 1);
	fclose(f);
}

UNIT(test_again)
{
	struct lines l;
	FILE *f = tmpfile();

	assert_non_null(f);
	fputs("a\nb\n", f);
	assert_int_equal(fflush(f), 0);
	rewind(f);
	lines_init(&l, loop, fileno(f), on_line, NULL);
	l.end = on_end;
	loop_run(loop);
	assert_string_equal(seen, "1:a|2:b|");
	assert_int_equal(lines_again(&l), 1);
	loop_run(loop);
	assert_string_equal(seen, "1:a|2:b|1:a|2:b|");
	fclose(f);
}

UNIT(test_address)
{
	char text[ADDR_TEXT_MAX];
	struct addr a;

	assert_int_equal(lines_address("  10.0.0.1 \r", 12, 1, 4370, &a), 1);
	assert_string_equal(addr_print(&a, text), "10.0.0.1:4370");
	assert_int_equal(lines_address("", 0, 1, 4370, &a), 0);
	assert_int_equal(lines_address("   ", 3, 1, 4370, &a), 0);
	assert_int_equal(lines_address("# all", 5, 1, 4370, &a), 0);
	assert_int_equal(lines_address("nowhere", 7, 1, 4370, &a), 0);
	/* Neither of these is where an authority could be. */
	assert_int_equal(lines_address("/run/x", 6, 1, 4370, &a), 0);
	assert_int_equal(lines_address("10.0.0.1:0", 10, 1, 4370, &a), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

UNITS(TEST(test_pipe), TEST(test_longest), TEST(test_again),
    PLAIN(test_address))
