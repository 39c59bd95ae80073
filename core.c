#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "fail.h"
#include "slice.h"

#define FOREIGN_MAX 64 /* bytes shown of what is no protocol */

#define LINE_MAX_BYTES 1024 /* of a log line; the rest is cut off */

/* What stands before an act's bytes in the buffer. */
struct head {
	unsigned kind;
	uint32_t peer;
	uint64_t value;
	size_t len;
};

void
outbox_init(struct outbox *o)
{
	buf_init(&o->buf, OUTBOX_MAX);
	o->buf.keep = OUTBOX_KEEP;
	o->out = o->buf;
	o->taken = 0;
	o->clock = NULL;
}

void
outbox_free(struct outbox *o)
{
	buf_free(&o->buf);
	buf_free(&o->out);
	o->taken = 0;
}

unsigned char *
outbox_reserve(struct outbox *o, unsigned kind, uint32_t peer, uint64_t value,
    size_t len)
{
	struct head head;
	unsigned char *p;

	if (len > OUTBOX_MAX - sizeof(head)) {
		errno = ENOBUFS;
		return NULL;
	}
	p = buf_reserve(&o->buf, sizeof(head) + len);
	if (p == NULL)
		return NULL;
	memset(&head, 0, sizeof(head));
	head.kind = kind;
	head.peer = peer;
	head.value = value;
	head.len = len;
	memcpy(p, &head, sizeof(head));
	return p + sizeof(head);
}

void
outbox_commit(struct outbox *o, size_t len)
{
	buf_commit(&o->buf, sizeof(struct head) + len);
}

int
outbox_act(struct outbox *o, unsigned kind, uint32_t peer, uint64_t value,
    struct slice bytes)
{
	unsigned char *p;

	p = outbox_reserve(o, kind, peer, value, bytes.len);
	if (p == NULL)
		return -1;
	if (bytes.len > 0)
		memcpy(p, bytes.p, bytes.len);
	outbox_commit(o, bytes.len);
	return 0;
}

int
outbox_send(struct outbox *o, uint32_t peer, const struct msg *m)
{
	return outbox_message(o, ACT_SEND, peer, 0, m);
}

int
outbox_send_drain(struct outbox *o, uint32_t peer)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_DRAIN;
	return outbox_send(o, peer, &m);
}

int
outbox_send_refuse(struct outbox *o, uint32_t peer, uint64_t order,
    const char *reason, int final)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_REFUSE;
	m.u.refuse.order = order;
	m.u.refuse.reason = slice_str(reason);
	m.u.refuse.final = final != 0;
	return outbox_send(o, peer, &m);
}

int
outbox_send_refuse_module(struct outbox *o, uint32_t peer, struct slice own,
    struct slice asked)
{
	char why[REASON_MAX];

	snprintf(why, sizeof(why), "%.*s is served here, not %.*s",
	    SLICE_ARG(own), SLICE_ARG(asked));
	return outbox_send_refuse(o, peer, 0, why, 1);
}

int
outbox_message(struct outbox *o, unsigned kind, uint32_t peer, uint64_t value,
    const struct msg *m)
{
	const struct msg_row *row = msg_row(m->type);
	struct tlv_writer w;
	unsigned char *p;
	size_t value_len, len;

	assert(row != NULL);
	/* As msg_size() and msg_encode() do, which would measure it twice. */
	value_len = group_size(&row->schema, &m->u);
	len = tlv_size(value_len);
	p = outbox_reserve(o, kind, peer, value, len);
	if (p == NULL)
		return -1;
	tlv_writer_init(&w, p, len);
	tlv_put_head(&w, m->type, value_len);
	group_encode(&row->schema, &m->u, &w);
	assert(!w.failed && w.p == w.end);
	outbox_commit(o, len);
	return 0;
}

/* What is longer is cut. */
static void
outbox_print_line(char line[LINE_MAX_BYTES], const char *fmt, va_list ap)
{
	int len = vsnprintf(line, LINE_MAX_BYTES, fmt, ap);

	assert(len >= 0);
}

int
outbox_log(struct outbox *o, int level, const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	va_list ap;

	va_start(ap, fmt);
	outbox_print_line(line, fmt, ap);
	va_end(ap);
	return outbox_act(o, ACT_LOG, 0, (uint64_t)level, slice_str(line));
}

/* FNV-1a, and never 0. */
static uint32_t
outbox_hash_line(const char *line)
{
	uint32_t h = 2166136261u;

	for (; *line != '\0'; line++)
		h = (h ^ (unsigned char)*line) * 16777619u;
	return h == 0 ? 1 : h;
}

/* Was it said? If not, it is from now on. */
static int
outbox_was_said(struct outbox_once *once, const char *line)
{
	uint32_t h = outbox_hash_line(line);
	unsigned i;

	for (i = 0; i < OUTBOX_ONCE_LINES; i++)
		if (once->hash[i] == h)
			return 1;
	once->hash[once->next] = h;
	once->next = (once->next + 1) % OUTBOX_ONCE_LINES;
	return 0;
}

int
outbox_log_once(struct outbox *o, struct outbox_once *once, int level,
    const char *fmt, ...)
{
	char line[LINE_MAX_BYTES];
	va_list ap;

	va_start(ap, fmt);
	outbox_print_line(line, fmt, ap);
	va_end(ap);
	if (outbox_was_said(once, line))
		return 0;
	return outbox_act(o, ACT_LOG, 0, (uint64_t)level, slice_str(line));
}

/* The act that was taken last goes now, as its bytes stood there until now. */
static void
outbox_turn(struct outbox *o)
{
	struct buf out;

	if (o->taken > 0)
		buf_consume(&o->out, o->taken);
	o->taken = 0;
	if (buf_len(&o->out) > 0)
		return;
	out = o->out;
	o->out = o->buf;
	o->buf = out;
}

int
outbox_take(struct outbox *o, struct act *act)
{
	struct slice queued;
	struct head head;

	outbox_turn(o);
	queued = buf_slice(&o->out);
	if (queued.len == 0)
		return 0;
	assert(queued.len >= sizeof(head));
	memcpy(&head, queued.p, sizeof(head));
	assert(head.len <= queued.len - sizeof(head));
	act->kind = head.kind;
	act->peer = head.peer;
	act->value = head.value;
	act->bytes = slice_of(queued.p + sizeof(head), head.len);
	o->taken = sizeof(head) + head.len;
	return 1;
}

size_t
outbox_len(const struct outbox *o)
{
	return buf_len(&o->buf) + buf_len(&o->out) - o->taken;
}

int
act_message(const struct act *a, struct msg *m)
{
	unsigned type;
	size_t length;
	int head = tlv_head(a->bytes.p, a->bytes.len, &type, &length);

	if (head <= 0 || length > a->bytes.len - (size_t)head)
		return fail(EBADMSG);
	return msg_decode(m, type, slice_of(a->bytes.p + head, length));
}

/* The answer to an inspect. */

void
report_begin(struct report *r, struct outbox *out, uint32_t peer,
    const struct msg *asked)
{
	r->out = out;
	r->peer = peer;
	r->type = asked->type == MSG_ASK ? MSG_ANSWER : MSG_REPORT;
	r->serial = asked->type == MSG_DRAIN ? 0 : asked->u.inspect.serial;
	scratch_init(&r->rows);
	r->failed = scratch_begin(&r->rows, REPORT_BYTES) == -1 ? errno : 0;
}

static void
report_flush(struct report *r, int more)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = r->type;
	m.u.report.rows = scratch_slice(&r->rows);
	m.u.report.more = (uint64_t)more;
	m.u.report.serial = r->serial;
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
	bytes = slice_of(row, escape(row, sizeof(row), &p));
	if (scratch_bytes(&r->rows, bytes))
		return;
	report_flush(r, 1);
	if (!r->failed)
		scratch_bytes(&r->rows, bytes);
}

static int
report_finish(struct report *r, int more)
{
	if (!r->failed)
		report_flush(r, more);
	scratch_free(&r->rows);
	errno = r->failed;
	return r->failed ? -1 : 0;
}

int
report_end(struct report *r)
{
	return report_finish(r, 0);
}

int
report_pause(struct report *r)
{
	return report_finish(r, 1);
}

int
report_wants(struct slice what, const char *kind)
{
	return what.len == 0 || slice_is(what, kind);
}

/* A list that is written. */

void
scratch_init(struct scratch *s)
{
	s->p = NULL;
	s->cap = 0;
	tlv_writer_init(&s->w, NULL, 0);
}

void
scratch_free(struct scratch *s)
{
	free(s->p);
	scratch_init(s);
}

int
scratch_begin(struct scratch *s, size_t n)
{
	size_t want = n < 256 ? 256 : n;
	unsigned char *p;

	if (n > s->cap || s->cap > SCRATCH_KEEP) {
		if ((p = malloc(want)) == NULL)
			return fail(ENOMEM);
		free(s->p);
		s->p = p;
		s->cap = want;
	}
	tlv_writer_init(&s->w, s->p, s->cap);
	return 0;
}

static int
scratch_fits(const struct scratch *s, size_t len)
{
	return tlv_size(len) <= (size_t)(s->w.end - s->w.p);
}

int
scratch_item(struct scratch *s, const struct schema *schema, const void *item)
{
	if (!scratch_fits(s, group_size(schema, item)))
		return 0;
	item_put(schema, &s->w, item);
	return 1;
}

int
scratch_bytes(struct scratch *s, struct slice bytes)
{
	if (!scratch_fits(s, bytes.len))
		return 0;
	list_put(&s->w, bytes);
	return 1;
}

struct slice
scratch_slice(const struct scratch *s)
{
	return slice_of(s->p, s->p == NULL ? 0 : (size_t)(s->w.p - s->p));
}

char *
core_foreign(struct slice bytes)
{
	char text[FOREIGN_MAX + 1], shown[4 * FOREIGN_MAX + 1], *reason;
	const char *rest = text;
	size_t len = bytes.len < FOREIGN_MAX ? bytes.len : FOREIGN_MAX;

	memcpy(text, bytes.p, len);
	text[len] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	shown[escape(shown, sizeof(shown) - 1, &rest)] = '\0';
	len = sizeof(CORE_FOREIGN) + sizeof(shown) + 8;
	if ((reason = malloc(len)) != NULL)
		snprintf(reason, len, CORE_FOREIGN "`%s'%s", shown,
		    bytes.len > FOREIGN_MAX ? "..." : "");
	return reason;
}
