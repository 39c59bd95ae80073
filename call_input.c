#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "call_state.h"
#include "exit.h"

/* Why frame_next() takes no more of the input. The first bytes of a text are a
 * large number. */
static const char *
call_unfit(const struct call *c, ssize_t n)
{
	if (n == 0)
		return "the record is cut short";
	if (errno != EMSGSIZE)
		return "the record is not in the framing that was asked for";
	return c->config.records.kind == FRAME_PACKET4 ?
	    "the record is over 16 MiB, or not in the framing of -4" :
	    "the record is over 16 MiB";
}

static int
call_next_record(struct call *c, struct call_unit *u)
{
	struct slice in = buf_slice(&c->in);
	struct frame record;
	ssize_t n = frame_next(&c->reader, in.p, in.len, &record);

	if (n == 0 && !(c->ended && in.len > 0))
		return 0;
	u->records = 1;
	u->taken = n > 0 ? (size_t)n : in.len;
	if (n <= 0 && !(n == 0 && frame_last(&c->reader, in.p, in.len,
	    &record))) {
		u->why = call_unfit(c, n);
		return -1;
	}
	u->body = record.body;
	return 1;
}

/*
 * Where blocks end depends on the input alone, and not on when it came: a block
 * has its number again when the filter is run again. So a block waits until the
 * next record does not fit, or the input ends.
 */
static int
call_next_block(struct call *c, struct call_unit *u)
{
	struct slice in = buf_slice(&c->in), rest;
	struct frame record;
	ssize_t n;

	for (;;) {
		rest = in.len == u->taken ? slice_of(NULL, 0) :
		    slice_of(in.p + u->taken, in.len - u->taken);
		n = frame_next(&c->reader, rest.p, rest.len, &record);
		if (n == 0 && c->ended && rest.len > 0 &&
		    frame_last(&c->reader, rest.p, rest.len, &record))
			n = (ssize_t)rest.len;
		if (n <= 0 || (u->records > 0 &&
		    (size_t)n > c->config.block - u->taken))
			break;
		u->taken += (size_t)n;
		u->records++;
		if (u->taken >= c->config.block)
			break;
	}
	if (n == 0 && !c->ended && in.len <= c->config.block)
		return 0;
	if (u->records > 0) {
		u->body = slice_of(in.p, u->taken);
		return 1;
	}
	if (n == 0 && (!c->ended || in.len == 0))
		return 0;
	u->taken = in.len;
	u->records = 1;
	u->why = call_unfit(c, n);
	return -1;
}

/* The next record of the input, or the next block: 1; 0 none is whole yet; -1
 * no more can come, and why says why not. */
static int
call_next_unit(struct call *c, struct call_unit **u)
{
	*u = &c->unit;
	if (c->config.block > 0)
		return call_next_block(c, *u);
	return call_next_record(c, *u);
}

/* It has become a request, or has failed. */
static void
call_consume_unit(struct call *c)
{
	buf_consume(&c->in, c->unit.taken);
	buf_close_up(&c->in);
	if (buf_len(&c->in) == 0) /* the last may have been no whole one */
		c->reader.scanned = 0;
	c->taken += c->unit.taken;
	memset(&c->unit, 0, sizeof(c->unit));
}

/* It is taken in: its number. */
static uint64_t
call_add_unit(struct call *c, int64_t now, size_t bytes)
{
	uint64_t number = filter_add(&c->filter, now, bytes, c->unit.records);

	if (c->began_at == NEVER)
		c->began_at = now;
	call_job_begin(c, number, bytes);
	return number;
}

/* The rest of the input is useless. */
static void
call_spoil(struct call *c, int64_t now, const char *what)
{
	char why[REASON_MAX];

	snprintf(why, sizeof(why), "%s; the input is read no further", what);
	c->unit.records = 1;
	call_fail_record(c, call_add_unit(c, now, 0), why);
	call_consume_unit(c);
	c->ended = 1;
	if (c->status == 0)
		c->status = EXIT_USAGE;
}

int
call_skip_record(struct call *c)
{
	struct call_unit *u;

	if (!call_is_done(c) || !filter_open(&c->filter) ||
	    call_next_unit(c, &u) != 1)
		return 0;
	if (filter_skip(&c->filter, u->records) == -1)
		call_lose_result(c);
	c->skipped += u->taken;
	call_consume_unit(c);
	return 1;
}

int
call_drop_record(struct call *c, int64_t now, const char *why)
{
	struct call_unit *u;
	int r;

	if (call_skip_record(c))
		return 1;
	if (!filter_open(&c->filter) || (r = call_next_unit(c, &u)) == 0)
		return 0;
	if (r == -1 && !c->ending.begun && !c->stopped) {
		call_spoil(c, now, u->why);
		return 1;
	}
	call_fail_record(c, call_add_unit(c, now,
	    r == 1 ? u->body.len : u->taken), why);
	call_consume_unit(c);
	return 1;
}

int
call_drop_unsent(struct call *c, int64_t now)
{
	char why[REASON_MAX + sizeof(NOT_RUN)];
	int r;

	snprintf(why, sizeof(why), NOT_RUN "%s", c->ending.why);
	c->dropping = 1;
	r = call_drop_record(c, now, why);
	c->dropping = 0;
	return r;
}

void
call_drop_rest(struct call *c, int64_t now)
{
	snprintf(c->ending.why, sizeof(c->ending.why), "%llu %s failed; the "
	    "input is read no further", (unsigned long long)c->filter.failed,
	    c->filter.failed == 1 ? "has" : "have");
	c->stopped = c->ended = 1;
	while (call_drop_unsent(c, now))
		;
	call_say_pending(c);
}

/* Arguments. */

/* The argument, in which each {} is the record: 0, or -1 if it is too long. */
static int
call_fill_word(struct buf *b, struct slice arg, struct slice record)
{
	size_t i, n;

	buf_consume(b, buf_len(b));
	for (i = 0; i < arg.len; i += n) {
		n = arg.len - i > 1 && memcmp(arg.p + i, "{}", 2) == 0 ? 2 : 1;
		if (buf_append(b, n == 2 ? record.p : arg.p + i,
		    n == 2 ? record.len : 1) == -1)
			return -1;
	}
	return 0;
}

/* The request's arguments, with this record: 0, or -1 if they are too long. */
static int
call_fill_args(struct call *c, struct slice record)
{
	struct slice args = c->config.args, arg;
	struct tlv_writer w;

	tlv_writer_init(&w, c->args, CALL_ARGS_MAX);
	while (list_next(&args, &arg) == 1) {
		if (call_fill_word(&c->word, arg, record) == -1)
			return -1;
		list_put(&w, buf_slice(&c->word));
	}
	c->request.u.request.args = slice_of(c->args, (size_t)(w.p - c->args));
	return w.failed ? -1 : 0;
}

int
call_send_record(struct call *c, int64_t now)
{
	struct slice none = { NULL, 0 };
	struct call_unit *u;
	uint64_t number;
	int r = call_next_unit(c, &u);

	if (r == -1)
		call_spoil(c, now, u->why);
	if (r != 1)
		return r != 0;
	number = call_add_unit(c, now, u->body.len);
	if (u->body.len > STREAM_WHOLE)
		call_fail_record(c, number, "the record is over 16646144 "
		    "bytes: a call by itself has no such limit");
	else if (c->config.replace && call_fill_args(c, u->body) == -1)
		call_fail_record(c, number, "the arguments with this record "
		    "are over 65536 bytes: pass it on standard input, without "
		    "-I");
	else if (c->config.replace)
		call_submit(c, now, number, none);
	else
		call_submit(c, now, number, u->body);
	call_consume_unit(c);
	return 1;
}
