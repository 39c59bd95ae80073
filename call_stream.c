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

/* The request goes, with what is there of its body. */
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
	for (; bytes.len > 0 && !c->over; bytes.len -= m.u.data.bytes.len) {
		m.u.data.bytes = bytes;
		if (bytes.len > MSG_PIECE_MAX)
			m.u.data.bytes.len = MSG_PIECE_MAX;
		call_stream_tell(c, now, &m);
		bytes.p += m.u.data.bytes.len;
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

/* The output. */

static void
call_stream_put(struct call *c, struct slice bytes)
{
	if (bytes.len == 0)
		return;
	c->stream.last = bytes.p[bytes.len - 1];
	if (buf_append(c->out, bytes.p, bytes.len) == -1)
		call_lose_result(c);
	else
		outbox_act(plb_out(c->plb), CALL_WRITE, 0, 0,
		    slice_of(NULL, 0));
}

/* A person's next prompt is to start on a line of its own. */
void
call_stream_finish(struct call *c, const struct msg_reply *r)
{
	struct slice newline = slice_str("\n");

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

/* Time, and what was written of the output: as much more may come. */
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
	    done - s->output.done, 1);
	if (m.u.window.bytes > 0)
		call_stream_tell(c, now, &m);
}
