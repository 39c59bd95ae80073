#include <errno.h>
#include <stdint.h>

#include "channel_state.h"
#include "fail.h"

static const char too_long[] = "the body is over 16 MiB: a cast, or a worker "
    "that is asked in frames, takes it whole; publish the program with -w exec";

/* A body that has to be whole. */

static int
channel_stream_keep(struct inflight *r, const struct msg_request *q)
{
	buf_init(&r->kept, MSG_MAX);
	r->function_len = q->function.len;
	r->args_len = q->args.len;
	if (buf_append(&r->kept, q->function.p, q->function.len) == -1 ||
	    buf_append(&r->kept, q->args.p, q->args.len) == -1)
		return -1;
	return buf_append(&r->kept, q->body.p, q->body.len);
}

/* All of it is there: the request as if it had come at once. */
static int
channel_stream_whole(struct channel *c, int64_t now, struct inflight *r)
{
	struct slice s = buf_slice(&r->kept);
	struct msg_request q = { .id = r->id, .cast = r->cast };
	struct buf kept = r->kept;
	int result;

	q.function = slice_of(s.p, r->function_len);
	q.args = slice_of(s.p + r->function_len, r->args_len);
	q.body = slice_of(q.args.p + r->args_len, s.len - r->function_len -
	    r->args_len);
	channel_count_whole(c, now, r);
	buf_init(&r->kept, MSG_MAX); /* it may be gone after this */
	r->whole = 0;
	result = channel_begin(c, now, r, &q);
	buf_free(&kept);
	return result;
}

static int
channel_stream_add(struct channel *c, int64_t now, struct inflight *r,
    struct slice bytes)
{
	size_t words = r->function_len + r->args_len;

	if (buf_len(&r->kept) - words + bytes.len > STREAM_WHOLE)
		return channel_answer_fail(c, now, r, 0, too_long);
	if (buf_append(&r->kept, bytes.p, bytes.len) == -1)
		return channel_answer_fail(c, now, r, 0, errno == ENOMEM ?
		    "out of memory for the body" : too_long);
	return stream_send_window(&c->out, c->client, r->id, STREAM_BODY,
	    stream_consumed(&r->body, now, bytes.len, c->inflight.used));
}

void
channel_stream_expire(struct channel *c, int64_t now)
{
	struct inflight *r;
	size_t pos = 0;

	while ((r = inflight_next(&c->inflight, &pos)) != NULL)
		if (r->whole)
			channel_answer_fail(c, now, r, 0, "");
}

/* What comes. */

/* Say once that the standard error is not sent. */
static int
channel_stream_no_errors(struct channel *c, const struct inflight *r)
{
	struct slice line = slice_str("the standard error of a cast, or of a "
	    "worker that stays, goes to the log of the listener\n");

	if (c->told || r->left[STREAM_ERROR] < line.len || c->client == 0)
		return 0;
	c->told = 1;
	return stream_send(&c->out, c->client, r->id, STREAM_ERROR, line);
}

int
channel_stream_begin(struct channel *c, struct inflight *r,
    const struct msg_request *q)
{
	r->streams = q->window > 0 && !r->cast && c->mode == CHANNEL_EXEC;
	if (stream_allow(&r->left[STREAM_OUTPUT], q->window) == -1 ||
	    stream_allow(&r->left[STREAM_ERROR], q->errors) == -1)
		return -1;
	r->errors = q->errors > 0 && !r->cast && c->mode == CHANNEL_EXEC;
	r->more = q->more != 0;
	r->whole = r->more && (r->cast || c->mode != CHANNEL_EXEC);
	if (q->errors > 0 && !r->errors && channel_stream_no_errors(c, r) == -1)
		return -1;
	return r->whole ? channel_stream_keep(r, q) : 0;
}

int
channel_stream_invite(struct channel *c, struct inflight *r)
{
	if (!r->more)
		return 0;
	return stream_send_window(&c->out, c->client, r->id, STREAM_BODY,
	    stream_begin(&r->body, c->inflight.used));
}

/* Data for a request that has ended crossed its end. */
int
channel_on_data(struct channel *c, int64_t now, const struct msg_data *m)
{
	struct inflight *r = inflight_find(&c->inflight, m->id);

	if (m->part != STREAM_BODY)
		return fail(EPROTO);
	if (r == NULL)
		return 0;
	if (!r->more || stream_came(&r->body, now, m->bytes.len) == -1)
		return fail(EPROTO);
	c->stats.n[STAT_IN] += m->bytes.len;
	if (r->deaf || r->late || r->abandoned)
		return 0;
	if (r->whole)
		return channel_stream_add(c, now, r, m->bytes);
	return outbox_act(&c->out, CHANNEL_MORE, r->worker, 0, m->bytes);
}

int
channel_on_end(struct channel *c, int64_t now, const struct msg_end *m)
{
	struct inflight *r = inflight_find(&c->inflight, m->id);

	if (r == NULL)
		return 0;
	if (m->part == STREAM_BODY) {
		if (!r->more)
			return fail(EPROTO);
		r->more = 0;
		return r->whole ? channel_stream_whole(c, now, r) :
		    channel_tell(c, CHANNEL_MORE, r->worker, 1);
	}
	if (!r->streams || m->part != STREAM_OUTPUT || r->unwanted)
		return 0;
	r->unwanted = 1;
	return channel_tell(c, CHANNEL_UNWANTED, r->worker, 0);
}

int
channel_on_window(struct channel *c, const struct msg_window *m)
{
	struct inflight *r = inflight_find(&c->inflight, m->id);

	if (m->part == STREAM_BODY)
		return fail(EPROTO);
	if (r == NULL || !(m->part == STREAM_ERROR ? r->errors : r->streams))
		return 0;
	if (stream_allow(&r->left[m->part], m->bytes) == -1)
		return -1;
	return channel_tell(c, CHANNEL_ROOM, r->worker, 0);
}

/* What goes. */

int
channel_streams(const struct channel *c, uint32_t worker)
{
	const struct inflight *r = channel_request(c, worker, 0);

	return r != NULL && r->streams;
}

static int
channel_stream_drops(const struct channel *c, const struct inflight *r)
{
	return r == NULL || c->client == 0 || c->expired || r->abandoned ||
	    r->unwanted || r->answered || r->late;
}

size_t
channel_may_send(const struct channel *c, uint32_t worker,
    enum stream_part part)
{
	const struct inflight *r = channel_request(c, worker, 0);

	if (channel_stream_drops(c, r))
		return SIZE_MAX;
	return (size_t)r->left[part];
}

int
channel_output(struct channel *c, uint32_t worker, enum stream_part part,
    struct slice bytes)
{
	struct inflight *r = channel_request(c, worker, 0);

	if (channel_stream_drops(c, r))
		return 0;
	if (stream_spend(&r->left[part], bytes.len) == -1)
		return -1;
	r->wrote |= part == STREAM_OUTPUT;
	c->stats.n[STAT_OUT] += bytes.len;
	return stream_send(&c->out, c->client, r->id, part, bytes);
}

int
channel_stream_is_silent(const struct channel *c, const struct inflight *r)
{
	return c->mode == CHANNEL_EXEC && !r->wrote && !r->errors;
}

int
channel_errors(const struct channel *c, uint32_t worker)
{
	const struct inflight *r = channel_request(c, worker, 0);

	return r != NULL && r->errors;
}

void
channel_said(struct channel *c, uint32_t worker, struct slice line)
{
	struct inflight *r = channel_request(c, worker, 0);

	if (r == NULL || r->errors || r->cast || line.len == 0)
		return;
	buf_free(&r->said);
	buf_init(&r->said, SAID_MAX);
	if (line.len > SAID_MAX)
		line.len = SAID_MAX;
	(void)buf_append(&r->said, line.p, line.len);
}

int
channel_fed(struct channel *c, int64_t now, uint32_t worker, size_t n)
{
	struct inflight *r = channel_request(c, worker, 0);

	if (r == NULL || !r->more || c->client == 0)
		return 0;
	return stream_send_window(&c->out, c->client, r->id, STREAM_BODY,
	    stream_consumed(&r->body, now, n, c->inflight.used));
}

int
channel_deaf(struct channel *c, uint32_t worker)
{
	struct inflight *r = channel_request(c, worker, 0);

	if (r == NULL || !r->more || r->deaf || c->client == 0)
		return 0;
	r->deaf = 1;
	return stream_send_end(&c->out, c->client, r->id, STREAM_BODY);
}
