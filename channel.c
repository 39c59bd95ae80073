#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "channel_state.h"
#include "fail.h"

#define QUANTITY_MAX RUNNING_MAX
#define EARLY_MAX    (CHANNEL_ASKS * (LIST_MAX + 1024)) /* bytes */

static uint64_t
smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

struct channel *
channel_new(const struct id *own, uint64_t seed,
    const struct channel_config *config)
{
	struct channel *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	assert(config->module.len <= sizeof(c->module_bytes));
	memcpy(c->module_bytes, config->module.p, config->module.len);
	c->module = slice_of(c->module_bytes, config->module.len);
	c->own = *own;
	c->mode = config->mode;
	c->kind = config->kind;
	c->capacity = config->capacity;
	c->over = INT64_MAX;
	outbox_init(&c->out);
	buf_init(&c->early, EARLY_MAX);
	running_init(&c->running, seed);
	crew_init(&c->crew, c->mode == CHANNEL_MUX);
	return c;
}

void
channel_free(struct channel *c)
{
	if (c == NULL)
		return;
	outbox_free(&c->out);
	buf_free(&c->early);
	running_free(&c->running);
	crew_free(&c->crew);
	free(c);
}

struct outbox *
channel_out(struct channel *c)
{
	return &c->out;
}

size_t
channel_running(const struct channel *c)
{
	return c->running.used;
}

uint64_t
channel_held(const struct channel *c)
{
	return c->held;
}

uint64_t
channel_tokens(const struct channel *c)
{
	return c->tokens;
}

int
channel_to_client(struct channel *c, const struct msg *m)
{
	return c->client == 0 ? 0 : outbox_send(&c->out, c->client, m);
}

/* Tokens. */

static void
give_back(struct channel *c, uint64_t tokens)
{
	assert(tokens <= c->held);
	c->held -= tokens;
	if (c->capacity == 0)
		c->giveback += tokens;
}

/* Has it held more than its share for longer than its slice of time? */
static int
is_over(struct channel *c, int64_t now)
{
	if (c->buyers == 0 || c->held <= c->share) {
		c->over = INT64_MAX;
		return 0;
	}
	if (c->over == INT64_MAX)
		c->over = now;
	return now - c->over >= CHANNEL_SLICE_MS;
}

uint64_t
channel_regrant(struct channel *c, int64_t now)
{
	uint64_t n = 1 + c->spare, surplus = 0;

	c->spare = 0;
	if (c->client == 0 || c->draining)
		surplus = n;
	else if (is_over(c, now))
		surplus = smaller(n, c->held - c->share);
	give_back(c, surplus);
	c->tokens += n - surplus;
	return n - surplus;
}

void
channel_free_token(struct channel *c)
{
	c->spare++;
}

/* Connects. */

static int
refuse(struct channel *c, const char *reason, int final)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_REFUSE;
	m.u.refuse.reason = slice_str(reason);
	m.u.refuse.final = (uint64_t)final;
	return channel_to_client(c, &m);
}

static int
grant(struct channel *c, uint64_t tokens)
{
	struct msg m;

	c->held += tokens;
	c->tokens += tokens;
	memset(&m, 0, sizeof(m));
	m.type = MSG_DEMAND;
	m.u.demand.tokens = tokens;
	return channel_to_client(c, &m);
}

/* Without a listener. */
static int
answer_connect(struct channel *c, const struct msg_connect *m)
{
	uint64_t left = smaller(c->capacity, QUANTITY_MAX) - c->held;

	if (!slice_equal(m->module, c->module))
		return refuse(c, "another module is served here", 1);
	if (!id_is_zero(&m->seller) && !id_equal(&m->seller, &c->own))
		return refuse(c, "this is another seller", 0);
	if (c->draining)
		return refuse(c, "the channel is ending", 0);
	if (left == 0)
		return refuse(c, "no capacity left", 0);
	return grant(c, smaller(m->quantity, left));
}

static int
forward_connect(struct channel *c, const struct msg_connect *connect)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_CONNECT;
	m.u.connect = *connect;
	if (m.u.connect.quantity > QUANTITY_MAX)
		m.u.connect.quantity = QUANTITY_MAX;
	if (outbox_send(&c->out, c->listener, &m) == -1)
		return -1;
	c->asked++;
	return 0;
}

/* The listener's link is not up yet. */
static int
keep_connect(struct channel *c, const struct msg_connect *connect)
{
	struct tlv_writer w;
	struct msg m;
	size_t size;
	void *room;

	m.type = MSG_CONNECT;
	m.u.connect = *connect;
	size = msg_size(&m);
	if ((room = buf_reserve(&c->early, size)) == NULL)
		return -1;
	tlv_writer_init(&w, room, size);
	msg_encode(&m, &w);
	buf_commit(&c->early, size);
	c->asks++;
	return 0;
}

static void
forward_early(struct channel *c)
{
	struct slice early = buf_slice(&c->early);
	struct tlv t;
	struct msg m;

	while (tlv_next(&early, &t) == 1 &&
	    msg_decode(&m, t.type, t.value) == 1)
		forward_connect(c, &m.u.connect);
	buf_free(&c->early);
	c->asks = 0;
}

static int
on_connect(struct channel *c, const struct msg_connect *m)
{
	if (c->capacity > 0)
		return answer_connect(c, m);
	if (c->asks + c->asked == CHANNEL_ASKS)
		return fail(EPROTO);
	if (c->listener != 0)
		return forward_connect(c, m);
	return keep_connect(c, m);
}

/* A client may return tokens that became void before it heard so: these are not
 * given back a second time. */
static int
on_return(struct channel *c, const struct msg_demand *m)
{
	if (m->tokens > c->tokens && !c->voided)
		return fail(EPROTO);
	give_back(c, smaller(m->tokens, c->tokens));
	c->tokens -= smaller(m->tokens, c->tokens);
	return 0;
}

static int
client_message(struct channel *c, int64_t now, const struct msg *m)
{
	switch (m->type) {
	case MSG_CONNECT:
		return on_connect(c, &m->u.connect);
	case MSG_RETURN:
		return on_return(c, &m->u.giveback);
	case MSG_REQUEST:
		return channel_on_request(c, now, &m->u.request);
	case MSG_ABANDON:
		return channel_on_abandon(c, &m->u.abandon);
	default:
		return fail(EPROTO);
	}
}

/* The listener. */

/* The listener's grant, which goes back when no client can use it. */
static int
on_demand(struct channel *c, const struct msg_demand *m)
{
	if (c->client == 0 || c->draining) {
		c->giveback += m->tokens;
		return refuse(c, "the channel is ending", 0);
	}
	return grant(c, m->tokens);
}

static int
tell_waiting(struct channel *c)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_WAITING;
	m.u.waiting.buyers = c->buyers;
	m.u.waiting.empty = c->empty;
	return channel_to_client(c, &m);
}

static int
on_waiting(struct channel *c, int64_t now, const struct msg_waiting *m)
{
	int changed = c->buyers != m->buyers || c->empty != m->empty;

	c->buyers = m->buyers;
	c->empty = m->empty;
	c->share = m->share;
	is_over(c, now);
	return changed ? tell_waiting(c) : 0;
}

/* The answer to the connect that was forwarded first. */
static int
on_answer(struct channel *c, const struct msg *m)
{
	if (c->asked == 0)
		return fail(EPROTO);
	c->asked--;
	if (m->type == MSG_DEMAND)
		return on_demand(c, &m->u.demand);
	return channel_to_client(c, m);
}

static int
listener_message(struct channel *c, int64_t now, const struct msg *m)
{
	switch (m->type) {
	case MSG_WAITING:
		return on_waiting(c, now, &m->u.waiting);
	case MSG_DRAIN:
		return channel_drain(c, now);
	case MSG_DEMAND:
	case MSG_REFUSE:
		return on_answer(c, m);
	default:
		return fail(EPROTO);
	}
}

/* The driver's side. */

static void
listener_up(struct channel *c, uint32_t peer)
{
	c->listener = peer;
	forward_early(c);
}

static void
client_up(struct channel *c, uint32_t peer)
{
	struct msg m;

	c->client = peer;
	c->served = 1;
	memset(&m, 0, sizeof(m));
	m.type = MSG_DRAIN;
	if (c->draining)
		channel_to_client(c, &m);
	else if (c->buyers > 0)
		tell_waiting(c);
}

static void
channel_up(void *core, int64_t now, uint32_t peer,
    const struct peer_info *info)
{
	struct channel *c = core;

	(void)now;
	if (info->tag == CHANNEL_LISTENER_TAG &&
	    info->role == ROLE_LISTENER)
		listener_up(c, peer);
	else if (info->tag != CHANNEL_LISTENER_TAG && !c->served &&
	    (info->role & (ROLE_PLB | ROLE_CALLER)))
		client_up(c, peer);
	else
		outbox_act(&c->out, ACT_CLOSE, peer, 0,
		    slice_str("a channel serves one PLB"));
}

static void
client_down(struct channel *c)
{
	c->client = 0;
	buf_free(&c->early);
	c->asks = 0;
	give_back(c, c->tokens);
	c->tokens = 0;
	channel_abandon_all(c);
}

/* The listener is gone, and its capacity with it, so nothing may run here any
 * more. The client sees that the channel is lost. */
static void
orphan(struct channel *c)
{
	c->draining = 1;
	if (c->client != 0 && !c->closing)
		c->closing = outbox_act(&c->out, ACT_CLOSE, c->client, 0,
		    slice_str("its listener is gone")) == 0;
	outbox_act(&c->out, CHANNEL_ORPHAN, 0, 0, slice_of(NULL, 0));
}

static void
channel_down(void *core, int64_t now, uint32_t peer)
{
	struct channel *c = core;

	(void)now;
	if (peer == c->client) {
		client_down(c);
	} else if (peer == c->listener) {
		c->listener = 0;
		if (!c->stopped)
			orphan(c);
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
	else if (!c->stopped)
		orphan(c);
}

static int
channel_message(void *core, int64_t now, uint32_t peer, const struct msg *m)
{
	struct channel *c = core;

	if (peer == c->client)
		return client_message(c, now, m);
	if (peer == c->listener)
		return listener_message(c, now, m);
	return fail(EPROTO);
}

int
channel_drain(struct channel *c, int64_t now)
{
	struct msg m;

	if (c->draining)
		return 0;
	c->draining = 1;
	c->void_at = now + CHANNEL_VOID_MS;
	memset(&m, 0, sizeof(m));
	m.type = MSG_DRAIN;
	return channel_to_client(c, &m);
}

/* The end of a turn. */

static int
flush_giveback(struct channel *c)
{
	struct msg m;

	if (c->giveback == 0 || c->listener == 0)
		return 0;
	memset(&m, 0, sizeof(m));
	m.type = MSG_RETURN;
	m.u.giveback.tokens = c->giveback;
	if (outbox_send(&c->out, c->listener, &m) == -1)
		return -1;
	c->giveback = 0;
	return 0;
}

/* Spare tokens wait for an answer only where one will come. */
static void
settle_spare(struct channel *c)
{
	if (c->running.unanswered > 0 && c->client != 0 && !c->draining)
		return;
	give_back(c, c->spare);
	c->spare = 0;
}

/* When a channel drains, its client gives back what it has not spent. One that
 * does not loses it, so that others can use it while a long request runs. */
static void
void_tokens(struct channel *c, int64_t now)
{
	if (c->void_at == 0 || c->voided || now < c->void_at)
		return;
	give_back(c, c->tokens);
	c->tokens = 0;
	c->voided = 1;
}

/* Has all been answered that the client sent before it knew of the drain? */
static int
is_drained(const struct channel *c)
{
	return c->draining && c->client != 0 && !c->closing &&
	    c->running.used == 0 && c->tokens == 0;
}

static int
is_over_with(const struct channel *c)
{
	return c->client == 0 && (c->served || c->failed || c->draining) &&
	    c->running.used == 0 && c->crew.alive == 0;
}

static void
channel_tick(void *core, int64_t now)
{
	struct channel *c = core;

	channel_run_tick(c, now);
	void_tokens(c, now);
	settle_spare(c);
	flush_giveback(c);
	if (is_drained(c))
		c->closing = outbox_act(&c->out, ACT_DRAIN, c->client, 0,
		    slice_of(NULL, 0)) == 0;
	if (is_over_with(c) && !c->stopped)
		c->stopped = outbox_act(&c->out, ACT_STOP, 0, 0,
		    slice_of(NULL, 0)) == 0;
}

static int64_t
channel_deadline(const void *core)
{
	const struct channel *c = core;
	int64_t due = running_deadline(&c->running);

	if (c->void_at != 0 && !c->voided && c->client != 0 && !c->closing &&
	    c->void_at < due)
		due = c->void_at;
	return due;
}

const struct core_ops channel_ops = {
	ROLE_CHANNEL, channel_up, channel_down, channel_message,
	channel_failed, channel_tick, channel_deadline
};
