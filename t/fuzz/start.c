#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "call_joblog.h"
#include "env.h"
#include "exchange_log.h"
#include "lines.h"
#include "log.h"
#include "net.h"
#include "fuzz.h"

/*
 * What a program finds when it starts. The first byte chooses: a key file, the
 * variables of socket activation, lines of addresses on standard input, an
 * exchange's order log, or the job log of a filter. The rest is what stands
 * there. (Of UCSPI no program reads a variable.)
 */

const char *const fuzz_corpus[] = { "t/fuzz/corpus/start", NULL };

#define WORD_MAX 256
#define SOCKETS	 4

static char path[] = "/tmp/lambda-fuzz-XXXXXX";
static int file = -1;

/* In the place of the log, which would print. */

enum log_level log_level = LOG_INFO;
static unsigned long said;

static void
say(const char *fmt, va_list ap)
{
	char text[2 * LOG_LINE_MAX];

	vsnprintf(text, sizeof(text), fmt, ap);
	assert(text[0] != '\0');
	said++;
}

#define LOG_FUNCTION(name)                           \
	void name(const char *fmt, ...)              \
	{                                            \
		va_list ap;                          \
                                                     \
		va_start(ap, fmt);                   \
		say(fmt, ap);                        \
		va_end(ap);                          \
	}

LOG_FUNCTION(log_error)
LOG_FUNCTION(log_info)
LOG_FUNCTION(log_debug)

/* To end is to go back there, where that is expected. */
static jmp_buf ended;
static int may_end;

#define DIE_FUNCTION(name)                           \
	void name(int code, const char *fmt, ...)    \
	{                                            \
		va_list ap;                          \
                                                     \
		va_start(ap, fmt);                   \
		say(fmt, ap);                        \
		va_end(ap);                          \
		if (!may_end)                        \
			abort();                     \
		longjmp(ended, code);                \
	}

DIE_FUNCTION(die)
DIE_FUNCTION(die_errno)

void
die_unless_printed(void)
{
}

void
die_name(const char *argv0)
{
	(void)argv0;
}

const char *
die_progname(void)
{
	return "fuzz";
}

static void
remove_file(void)
{
	unlink(path);
}

static void
fill_file(struct slice s)
{
	if (file == -1) {
		file = mkstemp(path);
		assert(file != -1);
		atexit(remove_file);
	}
	if (ftruncate(file, 0) == -1 ||
	    pwrite(file, s.p, s.len, 0) != (ssize_t)s.len)
		abort();
}

/* It is read as it stands, or refused for a reason. */
static void
key(struct slice s)
{
	static struct key key;
	struct key_names names = { { path }, 1 };
	char seen[256] = { 0 }, why[512] = "";
	int different = 0, r;
	size_t i;

	fill_file(s);
	for (i = 0; i < s.len; i++) {
		different += !seen[s.p[i]];
		seen[s.p[i]] = 1;
	}
	r = env_key_again(&key, &names, why, sizeof(why));
	assert(r == (s.len < KEY_MIN || s.len > KEY_MAX ||
	    different < KEY_DIFFERENT ? -1 : 0));
	if (r == -1)
		assert(strlen(why) > 0);
	else
		assert(key.n == 1 && slice_equal(s,
		    slice_of(key.files[0].bytes, key.files[0].len)));
}

/* The next line is the variable's value; there is none when it is "-". */
static void
set_variable(const char *name, struct slice *text)
{
	struct slice line = slice_line(text);
	char value[WORD_MAX];

	snprintf(value, sizeof(value), "%.*s", SLICE_ARG(line));
	if (strcmp(value, "me") == 0)
		snprintf(value, sizeof(value), "%ld", (long)getpid());
	if (strcmp(value, "-") == 0)
		unsetenv(name);
	else if (setenv(name, value, 1) == -1)
		abort();
}

static void
activation(struct slice text)
{
	int fd[SOCKETS], n;
	size_t i, found;

	set_variable("LISTEN_PID", &text);
	set_variable("LISTEN_FDS", &text);
	set_variable("LISTEN_FDNAMES", &text);
	n = net_passed();
	assert(n >= 0 && n <= NET_PASSED_MAX);
	found = net_inherited("links", NET_TCP, fd, SOCKETS);
	assert(found <= (size_t)n);
	for (i = 0; i < found && i < SOCKETS; i++)
		assert(fd[i] >= NET_PASSED_FIRST &&
		    fd[i] < NET_PASSED_FIRST + n);
}

/* Lines, in pieces as they come. */

static struct {
	struct slice left; /* of what was put into the file, in lines */
	unsigned long number;
	size_t at; /* of it, is in the file */
	int ended;
} text;

/* The next line that is not too long. */
static struct slice
line_due(void)
{
	struct slice line;

	do {
		line = slice_line(&text.left);
		text.number++;
	} while (line.len > LINES_MAX);
	return line;
}

static void
on_line(void *arg, const char *p, size_t len, unsigned long number)
{
	struct slice due = line_due();
	struct addr a;

	(void)arg;
	assert(number == text.number && slice_equal(due, slice_of(p, len)));
	if (lines_address(p, len, number, 4370, &a) == 1)
		assert(addr_port(&a) != 0 && !addr_is_unix(&a));
}

static void
on_end(void *arg)
{
	(void)arg;
	text.ended = 1;
}

/* The first byte is the size of a piece. */
static void
lines(struct slice s)
{
	static struct loop *loop;
	static struct lines l;
	size_t piece = s.len > 0 ? 1 + 8 * (size_t)s.p[0] : 1, n;

	fill_file(slice_of(NULL, 0));
	text.left = s;
	text.number = text.at = 0;
	text.ended = 0;
	if (lseek(file, 0, SEEK_SET) == -1)
		abort();
	if (loop == NULL) {
		loop = loop_new();
		lines_init(&l, loop, file, on_line, NULL);
		l.end = on_end;
	} else if (!lines_again(&l)) {
		abort();
	}
	while (!text.ended) {
		n = s.len - text.at < piece ? s.len - text.at : piece;
		if (pwrite(file, s.p + text.at, n, (off_t)text.at) !=
		    (ssize_t)n)
			abort();
		text.at += n;
		l.watch.fn(l.watch.arg, POLLIN);
	}
	while (text.left.len > 0)
		assert(slice_line(&text.left).len > LINES_MAX);
}

/* It is replayed, or refused, and what it says is not believed. The rows of its
 * fills go nowhere. */
static void
orders(struct slice s)
{
	static struct replay r;
	static char none[1];
	static int quiet;
	FILE *f = fmemopen(s.len > 0 ? (void *)(uintptr_t)s.p : none,
	    s.len > 0 ? s.len : 1, "r");

	if (f == NULL || (!quiet && freopen("/dev/null", "w", stdout) == NULL))
		abort();
	quiet = 1;
	replay_init(&r, f, "orders", "calc");
	may_end = 1;
	if (setjmp(ended) == 0)
		replay_read(&r);
	may_end = 0;
	replay_free(&r);
}

/* It is gone on with, or refused. What is done is in order, and apart; what is
 * opened again is as it was. */
static void
joblog(struct slice s)
{
	static const struct joblog none = { .fd = -1 };
	static struct joblog j;
	off_t size;
	size_t i;

	fill_file(s);
	j = none;
	may_end = 1;
	if (setjmp(ended) == 0) {
		joblog_open(&j, path, "-L calc");
		for (i = 0; i < j.ndone; i++)
			assert(j.done[i].first <= j.done[i].last && (i == 0 ||
			    j.done[i].first > j.done[i - 1].last + 1));
		size = j.size;
		joblog_close(&j);
		j = none;
		joblog_open(&j, path, "-L calc");
		assert(j.size == size);
	}
	may_end = 0;
	joblog_close(&j);
}

static const struct part {
	const char *name;
	void (*fn)(struct slice);
} parts[] = {
	{ "key", key },
	{ "activation", activation },
	{ "lines", lines },
	{ "orders", orders },
	{ "joblog", joblog }
};

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	if (n > 0)
		parts[p[0] % (sizeof(parts) / sizeof(parts[0]))].fn(
		    slice_of(p + 1, n - 1));
	return 0;
}
