#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "die.h"
#include "escape.h"

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

/* why is added behind a colon, unless it is NULL. What is not printable is
 * escaped, as in the log. */
static void
die_complain(int code, const char *why, const char *fmt, va_list ap)
{
	char text[TEXT_MAX], line[TEXT_MAX];
	const char *p = text;
	size_t len;

	vsnprintf(text, sizeof(text), fmt, ap);
	len = escape(line, sizeof(line), &p, ESCAPE_ASCII);
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

void
die_usage(const char *synopsis)
{
	int indent = fprintf(stderr, "usage: %s ", progname);
	const char *end;

	while ((end = strchr(synopsis, '\n')) != NULL) {
		fprintf(stderr, "%.*s\n%*s", (int)(end - synopsis), synopsis,
		    indent, "");
		synopsis = end + 1;
	}
	fprintf(stderr, "%s\n", synopsis);
	exit(EXIT_USAGE);
}
