#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "call_state.h"
#include "exit.h"

#define CALL_ID 1 /* of the one request */

/* The body. */

int
call_stream_wants(const struct call *c)
{
	return !c->stream.deaf && call_stream_room(c) > 0;
}

size_t
call_stream_room(const struct call *c)
{
	const struct call_stream *s = &c->stream;

	if (!s->sent)
		return STREAM_HEAD - buf_len(&c->in);
	return s->left < CALL_READ_MAX ? (size_t)s->left : CALL_READ_MAX;
}

/* Send the request, with what is there of its body. */
static void
call_stream_send(struct call *c, int64_t now)
{
	c->stream.sent = 1;
	c->stream.send_at = NEVER;
	c->asked_at = now;
	c->request.u.request.more = !c->ended;
	call_submit(c, now, CALL_ID, buf_slice(&c->in));
	buf_free(&c->in);
}

static void
call_stream_tell(struct call *c, int64_t now, const struct msg *m)
{
	if (plb_ops.message(c->plb, now, 0, m) == -1)
		call_give_up(c, EXIT_TEMPORARY,
		    "unable to go on with a request: out of memory");
}

static void
call_stream_pass(struct call *c, int64_t now, struct slice bytes)
{
	struct msg m = { .type = MSG_DATA, .u.data.id = CALL_ID };

	stream_spend(&c->stream.left, bytes.len);
	while (bytes.len > 0 && !c->over) {
		m.u.data.bytes = stream_piece(&bytes);
		call_stream_tell(c, now, &m);
	}
}

void
call_stream_input(struct call *c, int64_t now, struct slice bytes)
{
	c->stream.read += bytes.len;
	if (c->stream.sent)
		call_stream_pass(c, now, bytes);
	else if (buf_append(&c->in, bytes.p, bytes.len) == -1)
		call_give_up(c, EXIT_TEMPORARY, "unable to keep the input: "
		    "out of memory");
	else if (buf_len(&c->in) == STREAM_HEAD)
		call_stream_send(c, now);
}

void
call_stream_end(struct call *c, int64_t now)
{
	struct msg m = { .type = MSG_END, .u.end = {
		.id = CALL_ID, .part = STREAM_BODY
	} };

	if (c->stream.sent)
		call_stream_tell(c, now, &m);
	else
		call_stream_send(c, now);
}

uint32_t
call_peer(const struct call *c)
{
	return plb_channel_of(c->plb, CALL_ID);
}

/* Standard error. */

#define LINE_MOST 1024 /* bytes of a line that is not cut */

static struct call_error **
call_error_find(struct call *c, uint64_t number)
{
	struct call_error **at = &c->errors;

	while (*at != NULL && (*at)->number != number)
		at = &(*at)->next;
	return at;
}

static struct call_error *
call_error_add(struct call *c, uint64_t number)
{
	struct call_error *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return NULL;
	e->number = number;
	stream_begin(&e->stream, 1);
	buf_init(&e->line, LINE_MOST + MSG_PIECE_MAX);
	e->next = c->errors;
	c->errors = e;
	return e;
}

/* The lines that are whole; all: what is left, too. */
static void
call_error_say(struct call *c, struct call_error *e, int all)
{
	char text[LINE_MOST + 1];
	struct slice line;
	uint64_t first = e->number, last = first;
	size_t n;

	if (filter_is_running(&c->filter, first))
		first = filter_records(&c->filter, first, &last);
	while ((n = buf_line(&e->line, LINE_MOST, all, &line)) > 0) {
		snprintf(text, sizeof(text), "%.*s", SLICE_ARG(line));
		call_say_lines(c, first, last, text);
		buf_consume(&e->line, n);
	}
}

/* The PLB has seen to it that no more comes than may, also when a request runs
 * again. */
static uint64_t
call_error_count(struct call_error *e, int64_t now, size_t n)
{
	int counted = stream_came(&e->stream, now, n);

	assert(counted == 0);
	return stream_consumed(&e->stream, now, n, 1);
}

void
call_error_take(struct call *c, int64_t now, const struct msg_data *m)
{
	struct call_error *e = *call_error_find(c, m->id);
	struct msg window = { .type = MSG_WINDOW, .u.window = {
		.id = m->id, .part = STREAM_ERROR
	} };

	if (e == NULL && (e = call_error_add(c, m->id)) == NULL)
		return;
	window.u.window.bytes = call_error_count(e, now, m->bytes.len);
	if (!c->config.filter) {
		outbox_act(plb_out(c->plb), CALL_ERROR, 0, 0, m->bytes);
	} else if (buf_append(&e->line, m->bytes.p, m->bytes.len) == 0) {
		call_error_say(c, e, 0);
	}
	if (window.u.window.bytes > 0)
		plb_ops.message(c->plb, now, 0, &window);
}

void
call_error_end(struct call *c, uint64_t number)
{
	struct call_error **at = call_error_find(c, number), *e = *at;

	if (e == NULL)
		return;
	call_error_say(c, e, 1);
	*at = e->next;
	buf_free(&e->line);
	free(e);
}

const char *
call_error_where(struct slice host, struct slice said, char *buf, size_t size)
{
	const unsigned char *p = said.p, *end = p + said.len;
	char line[SAID_MAX], name[SAID_MAX];
	size_t n = 0, len = 0;

	for (; p < end && n < sizeof(line) - 1; p++)
		line[n++] = *p < ' ' || *p == 127 ? '?' : (char)*p;
	line[n] = '\0';
	p = host.p;
	for (end = p + host.len; p < end && len < sizeof(name) - 1; p++)
		name[len++] = *p > ' ' && *p < 127 ? (char)*p : '?';
	name[len] = '\0';
	snprintf(buf, size, "%s%s%s%s", len > 0 ? " on " : "", name,
	    n > 0 ? ": " : "", line);
	return buf;
}

/* The output. */

size_t
call_stream_sharers(const struct call *c)
{
	const struct call_given *g = c->config.given;
	int plb = c->config.ngiven == 1 && !g->command && g->name[0] == '/';

	return plb ? STREAM_FIRST / STREAM_NEAR : 1;
}

static void
call_stream_put(struct call *c, struct slice bytes)
{
	if (bytes.len == 0)
		return;
	c->stream.last = bytes.p[bytes.len - 1];
	c->stream.wrote += bytes.len;
	if (buf_append(c->out, bytes.p, bytes.len) == -1)
		call_lose_result(c);
	else
		outbox_act(plb_out(c->plb), CALL_WRITE, 0, 0,
		    slice_of(NULL, 0));
}

/* Let a person's next prompt start on a line of its own. */
void
call_stream_finish(struct call *c, const struct msg_reply *r)
{
	struct slice newline = slice_str("\n");
	char where[2 * SAID_MAX];

	if (r->status != 0 && r->host.len > 0)
		outbox_log(plb_out(c->plb), LOG_ERROR,
		    "%s: exit status %llu%s", c->config.module,
		    (unsigned long long)r->status, call_error_where(r->host,
		    r->said, where, sizeof(where)));
	call_stream_put(c, r->body);
	if (c->config.terminal && c->stream.last != -1 &&
	    c->stream.last != '\n')
		call_stream_put(c, newline);
	if (!c->over)
		call_end(c, CALL_FINISH, (int)r->status);
}

static void
call_stream_deafen(struct call *c)
{
	if (c->stream.deaf || c->ended)
		return;
	c->stream.deaf = 1;
	outbox_act(plb_out(c->plb), CALL_DEAF, 0, 0, slice_of(NULL, 0));
}

void
call_stream_take(struct call *c, int64_t now, const struct msg *m)
{
	struct call_stream *s = &c->stream;

	if (m->type == MSG_DATA) {
		if (stream_came(&s->output, now, m->u.data.bytes.len) == -1)
			call_give_up(c, EXIT_TEMPORARY,
			    "more output came than was asked for");
		else
			call_stream_put(c, m->u.data.bytes);
	} else if (m->type == MSG_END) {
		call_stream_deafen(c);
	} else {
		stream_allow(&s->left, m->u.window.bytes);
	}
}

void
call_stream_break(struct call *c, int64_t now)
{
	struct msg m = { .type = MSG_END, .u.end = {
		.id = CALL_ID, .part = STREAM_OUTPUT
	} };

	if (c->stream.sent && !c->over)
		plb_ops.message(c->plb, now, 0, &m);
}

void
call_stream_progress(struct call *c, int64_t now)
{
	struct call_stream *s = &c->stream;
	uint64_t both = s->read + s->wrote;
	int64_t ms = now - s->shown_at;
	char line[160];

	snprintf(line, sizeof(line), "%llu bytes in, %llu out, %.1f MB/s",
	    (unsigned long long)s->read, (unsigned long long)s->wrote,
	    ms > 0 ? (double)(both - s->shown) / 1000 / (double)ms : 0.0);
	s->shown = both;
	s->shown_at = now;
	outbox_act(plb_out(c->plb), CALL_PROGRESS, 0, 0, slice_str(line));
}

/* Time has passed, and some output was written: that much more may come. */
void
call_stream_tick(struct call *c, int64_t now)
{
	struct call_stream *s = &c->stream;
	struct msg m = { .type = MSG_WINDOW, .u.window = {
		.id = CALL_ID, .part = STREAM_OUTPUT
	} };
	uint64_t done = s->output.came - buf_len(c->out);

	if (now >= s->send_at)
		call_stream_send(c, now);
	if (!s->sent || done == s->output.done || c->over)
		return;
	m.u.window.bytes = stream_consumed(&s->output, now,
	    done - s->output.done, call_stream_sharers(c));
	if (m.u.window.bytes > 0)
		call_stream_tell(c, now, &m);
}
