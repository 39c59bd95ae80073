#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "slice.h"

#define STALL_MS 50 /* waited once for a slow reader, before losing lines */

enum log_level log_level = LOG_INFO;

static unsigned long lost; /* lines, since the last that was written */
static int torn;	   /* the last line was written in part */
static char about[LOG_ABOUT_MAX + 1];

void
log_more(void)
{
	if (log_level < LOG_TRACE)
		log_level = (enum log_level)(log_level + 1);
}

void
log_less(void)
{
	if (log_level > LOG_ERROR)
		log_level = (enum log_level)(log_level - 1);
}

void
log_about(const char *what)
{
	snprintf(about, sizeof(about), "%s", what);
}

/* Put the text after the len bytes of the line already there, and end it. Room
 * is kept for "..." and the newline. */
static size_t
log_finish(char *line, size_t len, const char *text, int cut)
{
	len += escape(line + len, LOG_LINE_MAX - 4 - len, &text);
	if (cut || *text != '\0') {
		memcpy(line + len, "...", 3);
		len += 3;
	}
	line[len++] = '\n';
	return len;
}

/*
 * One write(), when there is room for it: a reader that has stopped must not
 * stop us. An ended line goes out before the next, if one was torn.
 */
static int
log_put(const char *line, size_t len)
{
	struct pollfd p;
	ssize_t n;

	p.fd = STDERR_FILENO;
	p.events = POLLOUT;
	if (poll(&p, 1, lost == 0 ? STALL_MS : 0) == 0)
		return -1;
	if (torn && write(STDERR_FILENO, "\n", 1) != 1)
		return -1;
	torn = 0;
	do
		n = write(STDERR_FILENO, line, len);
	while (n == -1 && errno == EINTR);
	torn = n > 0 && (size_t)n < len;
	return n == (ssize_t)len ? 0 : -1;
}

/* The program's name cannot fill the line. */
static size_t
log_begin(char *line)
{
	int n = snprintf(line, LOG_LINE_MAX / 2, "%s: ", die_progname());

	return n < LOG_LINE_MAX / 2 ? (size_t)n : LOG_LINE_MAX / 2 - 1;
}

/* A line that says how many are missing, before the first after them. */
static int
log_put_lost(void)
{
	char line[LOG_LINE_MAX], text[64];

	if (lost == 0)
		return 0;
	snprintf(text, sizeof(text), "lines of log lost: %lu", lost);
	if (log_put(line, log_finish(line, log_begin(line), text, 0)) == -1)
		return -1;
	lost = 0;
	return 0;
}

static void
log_line(enum log_level level, const char *fmt, va_list ap)
{
	char line[LOG_LINE_MAX], text[LOG_LINE_MAX + LOG_ABOUT_MAX + 2];
	int saved = errno, n;

	if (level > log_level)
		return;
	n = snprintf(text, sizeof(text), "%s%s", about,
	    about[0] == '\0' ? "" : ": ");
	n += vsnprintf(text + n, sizeof(text) - (size_t)n, fmt, ap);
	if (log_put_lost() == -1 ||
	    log_put(line, log_finish(line, log_begin(line), text,
		n >= (int)sizeof(text))) == -1)
		lost++;
	errno = saved;
}

void
log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_ERROR, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_INFO, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_DEBUG, fmt, ap);
	va_end(ap);
}

void
log_trace(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOG_TRACE, fmt, ap);
	va_end(ap);
}

/* The last line. */

#define TEXT_MAX 4096

static const char *progname = "lambda";

void
die_name(const char *argv0)
{
	const char *slash;

	if (argv0 == NULL || argv0[0] == '\0')
		return;
	slash = strrchr(argv0, '/');
	progname = slash == NULL ? argv0 : slash + 1;
}

const char *
die_progname(void)
{
	return progname;
}

/* Unless why is NULL, it follows a colon. What is not printable is escaped, as
 * in the log. */
static void
die_complain(int code, const char *why, const char *fmt, va_list ap)
{
	char text[TEXT_MAX], line[TEXT_MAX];
	const char *p = text;
	size_t len;

	vsnprintf(text, sizeof(text), fmt, ap);
	len = escape(line, sizeof(line), &p);
	fprintf(stderr, "%s: fatal: %.*s%s%s\n", progname, (int)len, line,
	    why == NULL ? "" : ": ", why == NULL ? "" : why);
	exit(code);
}

void
die(int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	die_complain(code, NULL, fmt, ap);
	va_end(ap);
}

void
die_errno(int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	die_complain(code, strerror(errno), fmt, ap);
	va_end(ap);
}

static void
die_synopsis(FILE *f, const char *synopsis)
{
	int indent = fprintf(f, "usage: %s ", progname);
	const char *end;

	while ((end = strchr(synopsis, '\n')) != NULL) {
		fprintf(f, "%.*s\n%*s", (int)(end - synopsis), synopsis,
		    indent, "");
		synopsis = end + 1;
	}
	fprintf(f, "%s\n", synopsis);
}

void
die_usage(const char *synopsis)
{
	die_synopsis(stderr, synopsis);
	exit(EXIT_USAGE);
}

/* Some C libraries forget what they could not write, and then flush well. */
void
die_unless_printed(void)
{
	int failed = ferror(stdout);

	if (fflush(stdout) == EOF)
		die_errno(EXIT_TEMPORARY, "unable to write standard output");
	if (failed)
		die(EXIT_TEMPORARY, "unable to write standard output: some of "
		    "it is lost");
}

void
die_help(const char *synopsis)
{
	die_synopsis(stdout, synopsis);
	printf("\"man %s\" says what each does.\n", progname);
	die_unless_printed();
	exit(0);
}
