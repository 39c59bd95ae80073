#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "channel_state.h"
#include "fail.h"

#define QUANTITY_MAX INFLIGHT_MAX
#define EARLY_MAX    (CHANNEL_ASKS * (LIST_MAX + 1024)) /* bytes */

struct channel *
channel_new(const struct id *own, uint64_t seed,
    const struct channel_config *config)
{
	struct channel *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->module = slice_of(slice_dup(config->module), config->module.len);
	c->host = slice_of(slice_dup(config->host), config->host.len);
	c->own = *own;
	c->mode = config->mode;
	c->kind = config->kind;
	c->capacity = config->capacity;
	c->over = INT64_MAX;
	outbox_init(&c->out);
	buf_init(&c->early, EARLY_MAX);
	inflight_init(&c->inflight, seed);
	pool_init(&c->pool, c->mode == CHANNEL_MUX);
	if (c->module.p == NULL || c->host.p == NULL) {
		channel_free(c);
		return NULL;
	}
	return c;
}

void
channel_free(struct channel *c)
{
	if (c == NULL)
		return;
	outbox_free(&c->out);
	buf_free(&c->early);
	stats_free(&c->stats);
	inflight_free(&c->inflight);
	pool_free(&c->pool);
	free((void *)(uintptr_t)c->module.p);
	free((void *)(uintptr_t)c->host.p);
	free(c);
}

struct outbox *
channel_out(struct channel *c)
{
	return &c->out;
}

static uint64_t
channel_smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* What is said to a client that is gone is dropped. */
static int
channel_send(struct channel *c, const struct msg *m)
{
	return c->client == 0 ? 0 : outbox_send(&c->out, c->client, m);
}

int
channel_tell(struct channel *c, unsigned act, uint32_t worker, uint64_t value)
{
	return outbox_act(&c->out, act, worker, value, slice_of(NULL, 0));
}

/* Tokens. */

static void
channel_give_back(struct channel *c, uint64_t tokens)
{
	assert(tokens <= c->held);
	c->held -= tokens;
	if (c->capacity == 0)
		c->giveback += tokens;
}

/* What a well-behaved client may hold: an equal share, which was rounded down,
 * and one token more; or as much as the buyer that holds least, and one
 * more. */
static uint64_t
channel_share(const struct channel *c)
{
	const struct msg_waiting *w = &c->waiting;

	return 1 + (w->share > w->least ? w->share : w->least);
}

/* Has it held more than that for longer than its client needs to give it back?
 */
static int
channel_is_over(struct channel *c, int64_t now)
{
	if (c->waiting.buyers == 0 || c->held <= channel_share(c)) {
		c->over = INT64_MAX;
		return 0;
	}
	if (c->over == INT64_MAX)
		c->over = now;
	return now - c->over >= CHANNEL_HEED_MS;
}

/* A request's token is free: how many go to the client with its answer. */
static uint64_t
channel_regrant(struct channel *c, int64_t now)
{
	uint64_t n = 1 + c->spare, surplus = 0;

	c->spare = 0;
	if (c->client == 0 || c->draining) {
		surplus = n;
	} else if (channel_is_over(c, now)) {
		surplus = channel_smaller(n, c->held - channel_share(c));
		c->cut += surplus;
	}
	channel_give_back(c, surplus);
	c->tokens += n - surplus;
	return n - surplus;
}

static int
channel_grant(struct channel *c, uint64_t tokens)
{
	struct msg m = { .type = MSG_DEMAND, .u.demand.tokens = tokens };

	c->held += tokens;
	c->tokens += tokens;
	return channel_send(c, &m);
}

/* Answers. */

/* The request is over: its token went with the answer, or is free. */
static int
channel_answer(struct channel *c, struct inflight *r, const struct msg *m)
{
	int sent = channel_send(c, m);

	inflight_del(&c->inflight, r);
	return sent;
}

int
channel_drop(struct channel *c, struct inflight *r)
{
	inflight_del(&c->inflight, r);
	c->spare++;
	return 0;
}

int
channel_answer_reply(struct channel *c, int64_t now, struct inflight *r,
    unsigned status, struct slice body)
{
	struct msg m = { .type = MSG_REPLY, .u.reply = {
		.id = r->id, .status = status, .body = body
	} };

	channel_count_status(c, now, r, STAT_DONE + (status != 0),
	    (int)status);
	c->stats.n[STAT_OUT] += body.len;
	m.u.reply.demand = channel_regrant(c, now);
	if (status != 0 && body.len == 0 && channel_stream_is_silent(c, r)) {
		m.u.reply.said = buf_slice(&r->said);
		m.u.reply.host = c->host;
	}
	if (r->named)
		m.u.reply.host = c->host;
	return channel_answer(c, r, &m);
}

static struct msg
channel_failure(const struct inflight *r, int ran, const char *reason)
{
	struct msg m = { .type = MSG_FAIL, .u.fail = {
		.id = r->id, .ran = (uint64_t)ran, .late = r->late,
		.reason = slice_str(reason)
	} };

	if (m.u.fail.reason.len > REASON_MAX)
		m.u.fail.reason.len = REASON_MAX;
	return m;
}

int
channel_answer_fail(struct channel *c, int64_t now, struct inflight *r, int ran,
    const char *reason)
{
	struct msg m;

	reason = channel_count_failed(c, now, r, reason);
	if (r->answered) {
		if (r->cast)
			outbox_log(&c->out, LOG_INFO,
			    "request %llu, a cast, failed: %s",
			    (unsigned long long)r->count, reason);
		return channel_drop(c, r);
	}
	m = channel_failure(r, ran, reason);
	m.u.fail.demand = channel_regrant(c, now);
	if (ran && channel_stream_is_silent(c, r)) {
		m.u.fail.said = buf_slice(&r->said);
		m.u.fail.host = c->host;
	}
	if (ran && r->named)
		m.u.fail.host = c->host;
	return channel_answer(c, r, &m);
}

int
channel_answer_late(struct channel *c, int64_t now, struct inflight *r)
{
	struct msg m = channel_failure(r, 1, channel_count_failed(c, now, r,
	    ""));

	inflight_answered(&c->inflight, r);
	return channel_send(c, &m);
}

/* A cast has its answer once it has a worker; the token is still in use. */
static int
channel_accept_cast(struct channel *c, struct inflight *r)
{
	struct msg m = { .type = MSG_REPLY, .u.reply.id = r->id };

	inflight_answered(&c->inflight, r);
	return channel_send(c, &m);
}

/* Requests. */

static int
channel_backing_off(struct channel *c, int64_t now, struct inflight *r)
{
	char reason[sizeof(c->died) + 64];

	snprintf(reason, sizeof(reason),
	    "the module's workers die at once: %s", c->died);
	return channel_answer_fail(c, now, r, 0, reason);
}

/* Its token was void: the client read the drain late. */
static int
channel_too_late(struct channel *c, uint64_t id)
{
	struct msg m = { .type = MSG_FAIL, .u.fail = {
		.id = id, .reason = slice_str(c->expired ? CORE_DRAINED :
		    "the channel is ending")
	} };

	return channel_send(c, &m);
}

int
channel_begin(struct channel *c, int64_t now, struct inflight *r,
    const struct msg_request *q)
{
	const char *why;

	if (channel_assign(c, now, r, q, &why) == 0)
		return r->cast ? channel_accept_cast(c, r) :
		    channel_stream_invite(c, r);
	if (errno == EAGAIN)
		return channel_backing_off(c, now, r);
	if (errno == EINVAL)
		return channel_answer_fail(c, now, r, 0, why);
	channel_count_end(c, now, r, STAT_FAILED);
	channel_drop(c, r);
	return -1;
}

static int
channel_on_request(struct channel *c, int64_t now, const struct msg_request *q)
{
	struct inflight *r;

	c->count++;
	if (c->tokens == 0 && c->voided)
		return channel_too_late(c, q->id);
	if (c->tokens == 0) {
		outbox_log(&c->out, LOG_INFO, "request %llu without a token",
		    (unsigned long long)c->count);
		return fail(EPROTO);
	}
	if ((r = inflight_add(&c->inflight, q->id)) == NULL)
		return fail(errno == EEXIST ? EPROTO : errno);
	c->tokens--;
	channel_count_begun(c, now, r, q);
	r->count = c->count;
	r->cast = q->cast != 0;
	r->named = q->named != 0;
	if (q->left_ms > 0)
		inflight_limit(&c->inflight, r, now + (int64_t)q->left_ms);
	if (channel_stream_begin(c, r, q) == -1) {
		channel_count_end(c, now, r, STAT_FAILED);
		channel_drop(c, r);
		return -1;
	}
	return r->whole ? channel_stream_invite(c, r) :
	    channel_begin(c, now, r, q);
}

int
channel_abandon(struct channel *c, int64_t now, struct inflight *r)
{
	r->abandoned = 1;
	if (r->whole)
		return channel_answer_fail(c, now, r, 0, "");
	if (c->mode != CHANNEL_EXEC || r->late || r->unwanted)
		return 0;
	return channel_tell(c, CHANNEL_KILL, r->worker, CHANNEL_ABANDON_MS);
}

static int
channel_on_abandon(struct channel *c, int64_t now, const struct msg_abandon *m)
{
	struct inflight *r = inflight_find(&c->inflight, m->id);

	if (r == NULL || r->answered || r->abandoned)
		return 0;
	return channel_abandon(c, now, r);
}

/* Connects. */

static int
channel_refuse(struct channel *c, const char *reason, int final)
{
	return c->client == 0 ? 0 :
	    outbox_send_refuse(&c->out, c->client, 0, reason, final);
}

/* Without a listener. */
static int
channel_answer_connect(struct channel *c, const struct msg_connect *m)
{
	uint64_t left = channel_smaller(c->capacity, QUANTITY_MAX) - c->held;

	if (!slice_equal(m->module, c->module))
		return c->client == 0 ? 0 : outbox_send_refuse_module(&c->out,
		    c->client, c->module, m->module);
	if (!id_is_zero(&m->seller) && !id_equal(&m->seller, &c->own))
		return channel_refuse(c, "this is another seller", 0);
	if (c->draining)
		return channel_refuse(c, "the channel is ending", 0);
	if (left == 0)
		return channel_refuse(c, "no capacity left", 0);
	return channel_grant(c, channel_smaller(m->quantity, left));
}

static int
channel_forward_connect(struct channel *c, const struct msg_connect *connect)
{
	struct msg m = { .type = MSG_CONNECT, .u.connect = *connect };

	m.u.connect.quantity = channel_smaller(connect->quantity, QUANTITY_MAX);
	if (outbox_send(&c->out, c->listener, &m) == -1)
		return -1;
	c->asked++;
	return 0;
}

/* The listener's link is not up yet. */
static int
channel_keep_connect(struct channel *c, const struct msg_connect *connect)
{
	struct msg m = { .type = MSG_CONNECT, .u.connect = *connect };

	if (msg_append(&c->early, &m) == -1)
		return -1;
	c->asks++;
	return 0;
}

static void
channel_forward_early(struct channel *c)
{
	struct slice early = buf_slice(&c->early);
	struct tlv t;
	struct msg m;

	while (tlv_next(&early, &t) == 1 &&
	    msg_decode(&m, t.type, t.value) == 1)
		channel_forward_connect(c, &m.u.connect);
	buf_free(&c->early);
	c->asks = 0;
}

static int
channel_on_connect(struct channel *c, const struct msg_connect *m)
{
	if (c->capacity > 0)
		return channel_answer_connect(c, m);
	if (c->asks + c->asked == CHANNEL_ASKS)
		return fail(EPROTO);
	if (c->listener != 0)
		return channel_forward_connect(c, m);
	return channel_keep_connect(c, m);
}

/* A client may return tokens that became void before it heard of it: do not
 * give these back a second time. */
static int
channel_on_return(struct channel *c, const struct msg_demand *m)
{
	if (m->tokens > c->tokens && !c->voided)
		return fail(EPROTO);
	channel_give_back(c, channel_smaller(m->tokens, c->tokens));
	c->tokens -= channel_smaller(m->tokens, c->tokens);
	return 0;
}

static int
channel_client_message(struct channel *c, int64_t now, const struct msg *m)
{
	switch (m->type) {
	case MSG_CONNECT:
		return channel_on_connect(c, &m->u.connect);
	case MSG_RETURN:
		return channel_on_return(c, &m->u.giveback);
	case MSG_REQUEST:
		return channel_on_request(c, now, &m->u.request);
	case MSG_ABANDON:
		return channel_on_abandon(c, now, &m->u.abandon);
	case MSG_DATA:
		return channel_on_data(c, now, &m->u.data);
	case MSG_END:
		return channel_on_end(c, now, &m->u.end);
	case MSG_WINDOW:
		return channel_on_window(c, &m->u.window);
	default:
		return fail(EPROTO);
	}
}

/* The listener. */

/* The listener's grant, which goes back when no client can use it. All that it
 * granted can be said in one message. */
static int
channel_on_demand(struct channel *c, const struct msg_demand *m)
{
	if (m->tokens > UINT32_MAX - c->held - c->giveback)
		return fail(EPROTO);
	if (c->client == 0 || c->draining) {
		c->giveback += m->tokens;
		return channel_refuse(c, "the channel is ending", 0);
	}
	return channel_grant(c, m->tokens);
}

static int
channel_tell_waiting(struct channel *c)
{
	struct msg m = { .type = MSG_WAITING, .u.waiting = c->waiting };

	return channel_send(c, &m);
}

static int
channel_on_waiting(struct channel *c, int64_t now, const struct msg_waiting *m)
{
	const struct msg_waiting *w = &c->waiting;
	int changed = !w->buyers != !m->buyers || w->least != m->least ||
	    w->share != m->share;

	c->waiting = *m;
	channel_is_over(c, now);
	return changed ? channel_tell_waiting(c) : 0;
}

/* The answer to the connect that was forwarded first. */
static int
channel_on_answer(struct channel *c, const struct msg *m)
{
	if (c->asked == 0)
		return fail(EPROTO);
	c->asked--;
	if (m->type == MSG_DEMAND)
		return channel_on_demand(c, &m->u.demand);
	return channel_send(c, m);
}

/* serving MODULE tokens N in_flight N requests N state up|draining: what its
 * listener passes on */
static int
channel_on_ask(struct channel *c, const struct msg *m)
{
	struct report r;

	report_begin(&r, &c->out, c->listener, m);
	report_row(&r, "serving %.*s tokens %llu in_flight %zu requests %llu "
	    "state %s", SLICE_ARG(c->module), (unsigned long long)c->tokens,
	    c->inflight.used, (unsigned long long)c->count,
	    c->draining ? "draining" : "up");
	return report_end(&r);
}

static int
channel_listener_message(struct channel *c, int64_t now, const struct msg *m)
{
	switch (m->type) {
	case MSG_ASK:
		return channel_on_ask(c, m);
	case MSG_WAITING:
		return channel_on_waiting(c, now, &m->u.waiting);
	case MSG_DRAIN:
		return m->u.drain.over ? channel_expire(c, now) :
		    channel_drain(c, now);
	case MSG_DEMAND:
	case MSG_REFUSE:
		return channel_on_answer(c, m);
	case MSG_COUNTS:
		return stats_send(&c->stats, &c->out, c->listener);
	default:
		return fail(EPROTO);
	}
}

/* The driver's side. */

static void
channel_client_up(struct channel *c, uint32_t peer)
{
	c->client = peer;
	c->served = 1;
	if (c->draining)
		outbox_send_drain(&c->out, peer);
	else if (c->waiting.buyers > 0)
		channel_tell_waiting(c);
}

static void
channel_up(void *core, int64_t now, uint32_t peer,
    const struct peer_info *info)
{
	struct channel *c = core;
	int ours = info->tag == CHANNEL_LISTENER_TAG;

	(void)now;
	if (ours && info->role == ROLE_LISTENER) {
		c->listener = peer;
		channel_forward_early(c);
	} else if (!ours && !c->served &&
	    (info->role & (ROLE_PLB | ROLE_CALLER))) {
		channel_client_up(c, peer);
	} else {
		outbox_act(&c->out, ACT_CLOSE, peer, 0,
		    slice_str("a channel serves one PLB"));
	}
}

static void
channel_client_down(struct channel *c, int64_t now)
{
	c->client = 0;
	buf_free(&c->early);
	c->asks = 0;
	channel_give_back(c, c->tokens);
	c->tokens = 0;
	channel_abandon_all(c, now);
}

/* The listener is gone, and its capacity with it, so nothing may run here now.
 * The client sees that the channel is lost. */
static void
channel_orphan(struct channel *c)
{
	if (c->stopped)
		return;
	c->draining = 1;
	if (c->client != 0 && !c->closing)
		c->closing = outbox_act(&c->out, ACT_CLOSE, c->client, 0,
		    slice_str("its listener is gone")) == 0;
	channel_tell(c, CHANNEL_ORPHAN, 0, 0);
}

static void
channel_down(void *core, int64_t now, uint32_t peer)
{
	struct channel *c = core;

	if (peer == c->client) {
		channel_client_down(c, now);
	} else if (peer == c->listener) {
		c->listener = 0;
		channel_orphan(c);
	} else {
		c->failed = !c->served;
	}
}

static void
channel_failed(void *core, int64_t now, uint32_t tag, struct slice reason,
    int final)
{
	struct channel *c = core;

	(void)now;
	(void)reason;
	(void)final;
	if (tag != CHANNEL_LISTENER_TAG)
		c->failed = 1;
	else
		channel_orphan(c);
}

static int
channel_message(void *core, int64_t now, uint32_t peer, const struct msg *m)
{
	struct channel *c = core;

	if (peer == c->client)
		return channel_client_message(c, now, m);
	if (peer == c->listener)
		return channel_listener_message(c, now, m);
	return fail(EPROTO);
}

int
channel_drain(struct channel *c, int64_t now)
{
	if (c->draining)
		return 0;
	c->draining = 1;
	c->void_at = now + CHANNEL_VOID_MS;
	return c->client == 0 ? 0 : outbox_send_drain(&c->out, c->client);
}

int
channel_expire(struct channel *c, int64_t now)
{
	int drained = channel_drain(c, now);

	if (c->expired)
		return 0;
	c->expired = 1;
	c->void_at = now;
	channel_stream_expire(c, now);
	return channel_tell(c, CHANNEL_EXPIRED, 0, 0) == -1 ? -1 : drained;
}

/* The end of a turn. */

/* Spare tokens wait for an answer only where one will come. */
static void
channel_settle_spare(struct channel *c)
{
	if (c->inflight.unanswered > 0 && c->client != 0 && !c->draining)
		return;
	channel_give_back(c, c->spare);
	c->spare = 0;
}

static void
channel_flush_giveback(struct channel *c)
{
	struct msg m = { .type = MSG_RETURN, .u.giveback.tokens = c->giveback };

	if (c->giveback > 0 && c->listener != 0 &&
	    outbox_send(&c->out, c->listener, &m) == 0)
		c->giveback = 0;
}

/* When a channel drains, its client gives back what it has not spent. One that
 * does not loses it, so that others can use it while a long request runs. */
static void
channel_void_tokens(struct channel *c, int64_t now)
{
	if (c->void_at == 0 || c->voided || now < c->void_at)
		return;
	channel_give_back(c, c->tokens);
	c->tokens = 0;
	c->voided = 1;
}

/* Is everything answered that the client sent before it knew of the drain? */
static int
channel_is_drained(const struct channel *c)
{
	return c->draining && c->client != 0 && !c->closing &&
	    c->inflight.used == 0 && c->tokens == 0;
}

static int
channel_is_done(const struct channel *c)
{
	return c->client == 0 && (c->served || c->failed || c->draining) &&
	    c->inflight.used == 0 && c->pool.alive == 0;
}

static void
channel_tick(void *core, int64_t now)
{
	struct channel *c = core;

	channel_tick_workers(c, now);
	channel_void_tokens(c, now);
	channel_settle_spare(c);
	channel_flush_giveback(c);
	if (channel_is_drained(c))
		c->closing = channel_tell(c, ACT_DRAIN, c->client, 0) == 0;
	if (channel_is_done(c) && !c->stopped) {
		channel_count_tell(c);
		c->stopped = channel_tell(c, ACT_STOP, 0, 0) == 0;
	}
}

static int64_t
channel_deadline(const void *core)
{
	const struct channel *c = core;
	int64_t due = c->inflight.due;

	if (c->silent_at != 0 && c->silent_at < due)
		due = c->silent_at;
	if (c->void_at != 0 && !c->voided && c->client != 0 && !c->closing &&
	    c->void_at < due)
		due = c->void_at;
	return due;
}

const struct core_ops channel_ops = {
	ROLE_CHANNEL, channel_up, channel_down, channel_message,
	channel_failed, channel_tick, channel_deadline
};
