#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "escape.h"
#include "report.h"

void
report_begin(struct report *r, struct outbox *out, uint32_t peer)
{
	r->out = out;
	r->peer = peer;
	scratch_init(&r->rows);
	r->failed = scratch_begin(&r->rows, REPORT_BYTES) == -1 ? errno : 0;
}

static void
flush(struct report *r, int more)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_REPORT;
	m.u.report.rows = scratch_slice(&r->rows);
	m.u.report.more = (uint64_t)more;
	if (outbox_send(r->out, r->peer, &m) == -1 ||
	    scratch_begin(&r->rows, REPORT_BYTES) == -1)
		r->failed = errno;
}

void
report_row(struct report *r, const char *fmt, ...)
{
	char text[REPORT_ROW_MAX], row[REPORT_ROW_MAX];
	const char *p = text;
	struct slice bytes;
	va_list ap;

	if (r->failed)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	bytes = slice_of(row, escape(row, sizeof(row), &p, ESCAPE_UTF8));
	if (scratch_bytes(&r->rows, bytes))
		return;
	flush(r, 1);
	if (!r->failed)
		scratch_bytes(&r->rows, bytes);
}

int
report_end(struct report *r)
{
	if (!r->failed)
		flush(r, 0);
	scratch_free(&r->rows);
	errno = r->failed;
	return r->failed ? -1 : 0;
}

int
report_wants(struct slice what, const char *kind)
{
	return what.len == 0 || slice_is(what, kind);
}
