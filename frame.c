#include <assert.h>
#include <errno.h>

#include "bytes.h"
#include "fail.h"
#include "frame.h"

#define DIGITS_MAX 8 /* of a netstring's length: enough for FRAME_MAX */
#define WORD	   4 /* bytes of a packet's length, and of a mux id */

int
frame_kind(const char *name)
{
	static const struct {
		const char *name;
		enum frame_kind kind;
	} kinds[] = {
		{ "line", FRAME_LINE },
		{ "netstring", FRAME_NETSTRING },
		{ "packet4", FRAME_PACKET4 },
		{ "mux", FRAME_MUX },
	};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(name, kinds[i].name) == 0)
			return (int)kinds[i].kind;
	return -1;
}

static int
frame_unfit(const char **why, const char *reason)
{
	*why = reason;
	return fail(EINVAL);
}

/* Writing. */

static size_t
frame_digits(size_t n)
{
	size_t d;

	for (d = 1; n >= 10; n /= 10)
		d++;
	return d;
}

/* The bytes of one length and its bytes. */
static size_t
frame_unit_size(enum frame_kind kind, size_t len)
{
	if (kind == FRAME_NETSTRING)
		return frame_digits(len) + 1 + len + 1;
	return WORD + len;
}

static unsigned char *
frame_put_bytes(unsigned char *p, struct slice s)
{
	if (s.len > 0)
		memcpy(p, s.p, s.len);
	return p + s.len;
}

static unsigned char *
frame_put_digits(unsigned char *p, size_t n)
{
	size_t i, d;

	d = frame_digits(n);
	for (i = d; i > 0; i--) {
		p[i - 1] = (unsigned char)('0' + n % 10);
		n /= 10;
	}
	return p + d;
}

static unsigned char *
frame_put_length(unsigned char *p, enum frame_kind kind, size_t len)
{
	if (kind != FRAME_NETSTRING)
		return put32(p, (uint32_t)len);
	p = frame_put_digits(p, len);
	*p++ = ':';
	return p;
}

static unsigned char *
frame_put_unit(unsigned char *p, enum frame_kind kind, struct slice s)
{
	p = frame_put_bytes(frame_put_length(p, kind, s.len), s);
	if (kind == FRAME_NETSTRING)
		*p++ = ',';
	return p;
}

static int
frame_check_word(struct slice s, const char **why)
{
	if (slice_has(s, '\n'))
		return frame_unfit(why, "a newline in a function or argument "
		    "does not fit the protocol `line'");
	if (slice_has(s, '\t'))
		return frame_unfit(why, "a tab in a function or argument "
		    "does not fit the protocol `line'");
	return 0;
}

static int
frame_check_body(enum frame_kind kind, struct slice body, const char **why)
{
	if (kind == FRAME_LINE && slice_has(body, '\n'))
		return frame_unfit(why, "a newline inside the body "
		    "does not fit the protocol `line'");
	if (kind == FRAME_NUL && slice_has(body, '\0'))
		return frame_unfit(why, "a NUL does not fit a NUL-ended body");
	return 0;
}

static struct slice
frame_chomp(struct slice body)
{
	if (body.len > 0 && body.p[body.len - 1] == '\n')
		body.len--;
	return body;
}

/* Function and arguments of a line, a tab after each. */
static int
frame_line_size(const struct msg_request *r, size_t *size, const char **why)
{
	struct slice args = r->args, arg;
	struct slice body = frame_chomp(r->body);

	if (frame_check_body(FRAME_LINE, body, why) == -1 ||
	    frame_check_word(r->function, why) == -1)
		return -1;
	*size = body.len + 1;
	if (r->function.len > 0)
		*size += r->function.len + 1;
	while (list_next(&args, &arg) == 1) {
		if (frame_check_word(arg, why) == -1)
			return -1;
		*size += arg.len + 1;
	}
	return 0;
}

static void
frame_write_line(unsigned char *p, const struct msg_request *r)
{
	struct slice args = r->args, arg;

	if (r->function.len > 0) {
		p = frame_put_bytes(p, r->function);
		*p++ = '\t';
	}
	while (list_next(&args, &arg) == 1) {
		p = frame_put_bytes(p, arg);
		*p++ = '\t';
	}
	*frame_put_bytes(p, frame_chomp(r->body)) = '\n';
}

/* What is in a frame: the body alone, or the function, the arguments and the
 * body. */
static size_t
frame_content_size(enum frame_kind kind, const struct msg_request *r)
{
	struct slice args = r->args, arg;
	size_t size = kind == FRAME_MUX ? WORD : 0;

	if (r->function.len == 0)
		return size + r->body.len;
	size += frame_unit_size(kind, r->function.len);
	size += frame_unit_size(kind, r->body.len);
	while (list_next(&args, &arg) == 1)
		size += frame_unit_size(kind, arg.len);
	return size;
}

static unsigned char *
frame_put_content(unsigned char *p, enum frame_kind kind,
    const struct msg_request *r)
{
	struct slice args = r->args, arg;

	if (r->function.len == 0)
		return frame_put_bytes(p, r->body);
	p = frame_put_unit(p, kind, r->function);
	while (list_next(&args, &arg) == 1)
		p = frame_put_unit(p, kind, arg);
	return frame_put_unit(p, kind, r->body);
}

int
frame_size(enum frame_kind kind, const struct msg_request *r, size_t *size,
    const char **why)
{
	assert(kind != FRAME_NUL);
	if (r->function.len == 0 && r->args.len > 0)
		return frame_unfit(why, "arguments without a function");
	if (kind == FRAME_LINE)
		return frame_line_size(r, size, why);
	*size = frame_unit_size(kind, frame_content_size(kind, r));
	return 0;
}

void
frame_write(unsigned char *p, enum frame_kind kind, const struct msg_request *r,
    uint32_t id)
{
	if (kind == FRAME_LINE) {
		frame_write_line(p, r);
		return;
	}
	p = frame_put_length(p, kind, frame_content_size(kind, r));
	if (kind == FRAME_MUX)
		p = put32(p, id);
	p = frame_put_content(p, kind, r);
	if (kind == FRAME_NETSTRING)
		*p = ',';
}

int
frame_put_body(struct buf *out, enum frame_kind kind, struct slice body,
    const char **why)
{
	size_t size;
	unsigned char *p;

	assert(kind != FRAME_MUX);
	if (kind == FRAME_LINE)
		body = frame_chomp(body);
	if (frame_check_body(kind, body, why) == -1)
		return -1;
	if (kind == FRAME_LINE || kind == FRAME_NUL)
		size = body.len + 1;
	else
		size = frame_unit_size(kind, body.len);
	p = buf_reserve(out, size);
	if (p == NULL)
		return -1;
	if (kind == FRAME_LINE || kind == FRAME_NUL)
		*frame_put_bytes(p, body) = kind == FRAME_LINE ? '\n' : '\0';
	else
		frame_put_unit(p, kind, body);
	buf_commit(out, size);
	return 0;
}

/* Reading. */

static ssize_t
frame_next_line(struct frame_reader *r, int end, const unsigned char *p,
    size_t n, struct frame *f)
{
	const unsigned char *q;

	assert(r->scanned <= n);
	q = n > r->scanned ? memchr(p + r->scanned, end, n - r->scanned) : NULL;
	if ((q == NULL ? n : (size_t)(q - p)) > FRAME_MAX)
		return fail(EMSGSIZE);
	if (q == NULL) {
		r->scanned = n;
		return 0;
	}
	r->scanned = 0;
	f->body = slice_of(p, (size_t)(q - p));
	return q - p + 1;
}

static ssize_t
frame_next_netstring(const unsigned char *p, size_t n, struct frame *f)
{
	size_t i, len = 0;

	for (i = 0; i < n && p[i] >= '0' && p[i] <= '9'; i++) {
		if (i == DIGITS_MAX)
			return fail(EMSGSIZE);
		if (i > 0 && len == 0)
			return fail(EBADMSG);
		len = 10 * len + (size_t)(p[i] - '0');
	}
	if (i == n)
		return 0;
	if (i == 0 || p[i++] != ':')
		return fail(EBADMSG);
	if (len > FRAME_MAX)
		return fail(EMSGSIZE);
	if (len >= n - i)
		return 0;
	if (p[i + len] != ',')
		return fail(EBADMSG);
	f->body = slice_of(p + i, len);
	return (ssize_t)(i + len + 1);
}

/* head: the bytes of the content that stand before the body. */
static ssize_t
frame_next_packet(size_t head, const unsigned char *p, size_t n,
    struct frame *f)
{
	size_t len;

	if (n < WORD)
		return 0;
	len = get32(p);
	if (len < head)
		return fail(EBADMSG);
	if (len - head > FRAME_MAX)
		return fail(EMSGSIZE);
	if (len > n - WORD)
		return 0;
	f->body = slice_of(p + WORD + head, len - head);
	if (head > 0)
		f->id = get32(p + WORD);
	return (ssize_t)(WORD + len);
}

ssize_t
frame_next(struct frame_reader *r, const unsigned char *p, size_t n,
    struct frame *f)
{
	f->id = 0;
	switch (r->kind) {
	case FRAME_LINE:
		return frame_next_line(r, '\n', p, n, f);
	case FRAME_NUL:
		return frame_next_line(r, '\0', p, n, f);
	case FRAME_NETSTRING:
		return frame_next_netstring(p, n, f);
	case FRAME_PACKET4:
		return frame_next_packet(0, p, n, f);
	case FRAME_MUX:
		break;
	}
	return frame_next_packet(WORD, p, n, f);
}

int
frame_last(struct frame_reader *r, const unsigned char *p, size_t n,
    struct frame *f)
{
	r->scanned = 0;
	f->id = 0;
	f->body = slice_of(p, n);
	return r->kind == FRAME_LINE || r->kind == FRAME_NUL;
}
