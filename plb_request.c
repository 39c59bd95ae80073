#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "attrs.h"
#include "fail.h"
#include "plb_state.h"

#define SLOT_BITS   20
#define SHUN_DRAWS  16	/* for another host than the one where it failed */
#define REQUEST_FUNCTION 39 /* bytes of a function's name, for the log */
#define EXPIRE_MS   100 /* how often the queue's deadlines are looked at */
#define REQUEST_MAX (MSG_MAX - 64) /* bytes of a request's words and body, so
				      that our own fields fit beside them */

/* The pool. */

void
request_pool_init(struct request_pool *rp)
{
	memset(rp, 0, sizeof(*rp));
	chain_init(&rp->free);
}

void
request_pool_free(struct request_pool *rp)
{
	while (rp->n > 0) {
		free(rp->slot[--rp->n]->copy);
		free(rp->slot[rp->n]->function);
		free(rp->slot[rp->n]);
	}
	free(rp->slot);
	request_pool_init(rp);
}

static int
request_pool_grow(struct request_pool *rp)
{
	struct request **slot, *r;

	slot = array_grow(rp->slot, &rp->cap, rp->n + 1, REQUESTS_MAX,
	    sizeof(struct request *));
	if (slot == NULL)
		return -1;
	rp->slot = slot;
	if ((r = calloc(1, sizeof(*r))) == NULL)
		return -1;
	r->slot = (uint32_t)rp->n;
	slot[rp->n++] = r;
	chain_append(&rp->free, &r->place);
	return 0;
}

struct request *
request_add(struct request_pool *rp)
{
	struct request *r;
	uint32_t slot;

	if (chain_empty(&rp->free) && request_pool_grow(rp) == -1)
		return NULL;
	r = request_next(&rp->free, NULL);
	chain_remove(&r->place);
	slot = r->slot;
	memset(r, 0, sizeof(*r));
	r->slot = slot;
	r->id = ++rp->serial << SLOT_BITS | slot;
	chain_init(&r->place);
	chain_init(&r->of_client);
	rp->used++;
	return r;
}

static void
request_unkeep(struct request *r)
{
	free(r->copy);
	r->copy = NULL;
}

void
request_del(struct request_pool *rp, struct request *r)
{
	request_unkeep(r);
	free(r->function);
	r->function = NULL;
	r->id = 0;
	chain_prepend(&rp->free, &r->place);
	rp->used--;
}

struct request *
request_find(const struct request_pool *rp, uint64_t id)
{
	size_t slot = id & (REQUESTS_MAX - 1);

	if (id == 0 || slot >= rp->n || rp->slot[slot]->id != id)
		return NULL;
	return rp->slot[slot];
}

/* Keep a copy of the message, to send it later: 0, or -1 with ENOMEM. */
static int
request_keep(struct request *r, const struct msg *m)
{
	const struct schema *s = &msg_row(MSG_REQUEST)->schema;
	size_t len = group_size(s, &m->u);
	unsigned char *copy = malloc(len);
	struct tlv_writer w;

	if (copy == NULL)
		return -1;
	tlv_writer_init(&w, copy, len);
	group_encode(s, &m->u, &w);
	assert(!w.failed);
	request_unkeep(r);
	r->copy = copy;
	r->copy_len = len;
	return 0;
}

/* Counts. */

static void
request_count_begun(struct plb *p, int64_t now, struct request *r,
    const struct msg_request *q)
{
	r->at = outbox_ns(&p->out, now);
	p->stats.n[STAT_BEGUN]++;
	p->stats.n[STAT_IN] += q->function.len + q->args.len + q->body.len;
	if (p->says && q->function.len > 0) /* without memory it has no name */
		r->function = (char *)slice_dup(slice_of(q->function.p,
		    q->function.len < REQUEST_FUNCTION ? q->function.len :
		    REQUEST_FUNCTION));
}

/* The line of one that has ended so; status: -1 where it has none. */
static void
request_count_say(struct plb *p, const struct request *r, enum counter how,
    int status)
{
	int64_t ns = outbox_ns(&p->out, p->now) - r->at;
	const struct upstream *u = r->upstream;
	struct stats_request one = { .id = r->id >> SLOT_BITS,
		.module = slice_str(p->module), .how = how, .status = status,
		.function = slice_str(r->function == NULL ? "" : r->function),
		.channel = slice_str(u == NULL ? "" : u->address),
		.queue_ns = u == NULL ? ns : r->queued,
		.run_ns = u == NULL ? 0 : ns };
	char client[16] = "";

	if (r->client->peer != 0)
		snprintf(client, sizeof(client), "%u",
		    (unsigned)r->client->peer & 0xffff);
	one.client = slice_str(client);
	stats_log(&p->out, &one);
}

static void
request_count_sent(struct plb *p, int64_t now, struct request *r)
{
	int64_t ns = outbox_ns(&p->out, now);

	r->queued = ns - r->at;
	stats_time(&p->stats.queue, r->queued);
	r->at = ns;
}

static void
request_count_reply(struct plb *p, int64_t now, const struct request *r,
    const struct msg_reply *m)
{
	if (r->client == NULL)
		return;
	stats_time(&p->stats.run, outbox_ns(&p->out, now) - r->at);
	p->stats.n[m->status == 0 ? STAT_DONE : STAT_STATUS]++;
	p->stats.n[STAT_OUT] += m->body.len;
	if (p->says)
		request_count_say(p, r, m->status == 0 ? STAT_DONE :
		    STAT_STATUS, (int)m->status);
}

/* One whose client has gone was abandoned, which counts. */
static void
request_count_end(struct plb *p, const struct request *r, enum counter how)
{
	if (r->client == NULL)
		return;
	p->stats.n[how]++;
	if (p->says)
		request_count_say(p, r, how, -1);
}

static enum counter
request_how(const struct msg_fail *m)
{
	return m->late ? STAT_LATE : slice_is(m->reason, CORE_DRAINED) ?
	    STAT_DRAINED : STAT_FAILED;
}

/*
 * Turns. Each client has a queue of its own, so that one that sends a lot does
 * not hold up the others: they share what is held.
 */

/* Its queue, or how many of its requests are under way, has changed. */
static void
request_rank(struct plb *p, struct plb_client *c)
{
	if (c->queued > 0) /* there is room: it was reserved */
		heap_put(&p->turns, &c->turn, (int64_t)(c->open - c->queued),
		    ++p->turn);
	else if (c->turn != 0)
		heap_remove(&p->turns, &c->turn);
}

/* It waits for a token, after the others of its client or before them. */
static void
request_queue(struct plb *p, struct request *r, int first)
{
	struct plb_client *c = r->client;

	if (first)
		chain_prepend(&c->queue, &r->place);
	else
		chain_append(&c->queue, &r->place);
	p->queued++;
	/* A client that already waits keeps its place among its equals. */
	if (c->queued++ == 0 || first)
		request_rank(p, c);
}

static void
request_unqueue(struct plb *p, struct request *r)
{
	if (chain_empty(&r->place))
		return;
	chain_remove(&r->place);
	p->queued--;
	if (--r->client->queued == 0)
		request_rank(p, r->client);
}

/* Ending. */

/* From now on its client does not wait for it. */
static void
request_disown(struct plb *p, struct request *r)
{
	struct plb_client *c = r->client;

	if (c == NULL)
		return;
	chain_remove(&r->of_client);
	c->open--;
	r->client = NULL;
	request_rank(p, c);
}

/* Take the request out of everything. */
static void
request_forget(struct plb *p, struct request *r)
{
	if (r->upstream != NULL)
		upstream_back(p, r);
	else
		request_unqueue(p, r);
	request_disown(p, r);
	request_del(&p->requests, r);
}

/* Answer a request with this failure, and forget it. */
static void
request_fail_as(struct plb *p, struct request *r, const struct msg_fail *how,
    enum counter stat)
{
	struct plb_client *c = r->client;
	struct msg m;

	request_count_end(p, r, stat);
	if (c != NULL) {
		m.type = MSG_FAIL;
		m.u.fail = *how;
		m.u.fail.id = r->client_id;
		m.u.fail.ran |= (uint64_t)r->ran;
		m.u.fail.demand = plb_refill(p, c);
		outbox_send(&p->out, c->peer, &m);
	}
	request_forget(p, r);
}

static void
request_fail(struct plb *p, struct request *r, int ran, const char *why)
{
	struct msg_fail how = { .ran = (uint64_t)ran,
		.reason = slice_str(why) };

	request_fail_as(p, r, &how, STAT_FAILED);
}

/* The client's request of that id, or NULL. */
static struct request *
request_of_client(const struct plb_client *c, uint64_t id)
{
	struct request *r = NULL;

	while ((r = request_next_of(&c->requests, r)) != NULL)
		if (r->client_id == id)
			break;
	return r;
}

/* Sending. */

/* Send it there, with our id, the time that it has left, and what is left of
 * its windows where it has run before, and keep it if it may have to be sent
 * again: 0, or -1 without memory. */
static int
request_send(struct plb *p, int64_t now, struct request *r,
    struct upstream *u, const struct msg *m, int cast)
{
	struct msg sent = *m;

	sent.u.request.id = r->id;
	sent.u.request.retries = 0;
	sent.u.request.cast |= (uint64_t)cast;
	sent.u.request.more = (uint64_t)r->more;
	sent.u.request.window = r->left[STREAM_OUTPUT];
	sent.u.request.errors = r->left[STREAM_ERROR];
	r->left[STREAM_BODY] = 0;
	sent.u.request.left_ms = 0;
	if (r->deadline != 0)
		sent.u.request.left_ms =
		    (uint64_t)(r->deadline > now ? r->deadline - now : 1);
	if (r->retries > 0 && r->copy == NULL && request_keep(r, m) == -1)
		return -1;
	if (outbox_send(&p->out, u->peer, &sent) == -1)
		return -1;
	r->cast = sent.u.request.cast != 0;
	request_unqueue(p, r);
	request_count_sent(p, now, r);
	upstream_sent(p, u, r);
	request_rank(p, r->client);
	if (p->tells && r->client == &p->own)
		outbox_act(&p->out, PLB_SENT, 0, r->client_id,
		    slice_of(NULL, 0));
	if (r->retries == 0)
		request_unkeep(r);
	return 0;
}

static unsigned
request_arity(struct slice args)
{
	struct slice arg;
	unsigned n = 0;

	while (list_next(&args, &arg) == 1)
		n++;
	return n;
}

/* Fail a request for a function that no seller at hand exports. Waiting would
 * not help: others are bought only when these go. */
static void
request_not_exported(struct plb *p, struct request *r, const struct msg *m)
{
	char has[REASON_MAX / 2] = "", why[REASON_MAX];
	struct msg_fail how = { .final = 1 };
	struct slice attrs;
	size_t i;

	for (i = 0; i < p->balance.n; i++)
		if ((attrs = balance_attrs(&p->balance, (int)i)).p != NULL)
			attrs_add(attrs, has, sizeof(has));
	snprintf(why, sizeof(why), "%.*s/%u is not exported; held: %s",
	    SLICE_ARG(m->u.request.function), request_arity(m->u.request.args),
	    has[0] == '\0' ? "nothing" : has);
	how.reason = slice_str(why);
	request_fail_as(p, r, &how, STAT_FAILED);
}

/* Tokens of what was abandoned come back beside those that were bought for it,
 * and only one of the two may be used. */
static int
request_full(const struct plb *p)
{
	return p->in_flight >= p->capacity;
}

/* The host that it is on, as a number that is not 0; two may have the same one.
 * Each command counts as a host. */
static uint32_t
request_host(const struct upstream *u)
{
	const char *end = strrchr(u->address, ':'), *s = u->address;
	uint32_t hash = 2166136261u ^ (s[0] == '\0' ? u->tag : 0);

	for (; s != end && *s != '\0'; s++)
		hash = (hash ^ (unsigned char)*s) * 16777619u;
	return hash == 0 ? 1 : hash;
}

static int
request_shuns(int64_t now, const struct request *r, const struct upstream *u)
{
	return r->shun != 0 && now < r->shun_until &&
	    request_host(u) == r->shun;
}

/* Is there a host that it has not failed on just now? */
static int
request_has_other(const struct plb *p, int64_t now, const struct request *r)
{
	const struct upstream *u;
	size_t pos = 0;

	while ((u = upstream_next(p, &pos)) != NULL)
		if (upstream_usable(u) && !request_shuns(now, r, u))
			return 1;
	return 0;
}

/* As balance_draw(), but empty if the request should wait for another host. */
static enum balance_drawn
request_draw(struct plb *p, int64_t now, const struct request *r,
    const struct msg *m, size_t *number, int *cast)
{
	enum balance_drawn drawn;
	unsigned tries = SHUN_DRAWS;

	do
		drawn = balance_draw(&p->balance, &p->rng,
		    m->u.request.function,
		    request_arity(m->u.request.args), number, cast);
	while (drawn == BALANCE_FOUND && --tries > 0 &&
	    request_shuns(now, r, p->upstream[*number]));
	if (drawn == BALANCE_FOUND &&
	    request_shuns(now, r, p->upstream[*number]) &&
	    request_has_other(p, now, r))
		return BALANCE_EMPTY;
	return drawn;
}

/* Try to send one of the queue: 1 it is gone (sent, or failed), 0 there is no
 * token for it now. */
static int
request_try(struct plb *p, int64_t now, struct request *r,
    const struct msg *m)
{
	size_t number;
	int cast;

	if (request_full(p))
		return 0;
	/* It has run, and its client must first take what came. */
	if (m->u.request.errors > 0 && r->left[STREAM_ERROR] == 0)
		return 0;
	switch (request_draw(p, now, r, m, &number, &cast)) {
	case BALANCE_FOUND:
		if (request_send(p, now, r, p->upstream[number], m, cast) ==
		    -1)
			request_fail(p, r, 0, "out of memory in the PLB");
		return 1;
	case BALANCE_NOBODY:
		request_not_exported(p, r, m);
		return 1;
	case BALANCE_EMPTY:
	case BALANCE_UNKNOWN:
		break;
	}
	return 0;
}

/* It is in the queue, to be sent when there are tokens: want them. */
static void
request_want(struct plb *p, int64_t now, const struct request *r)
{
	if (r->deadline != 0 && p->expire_at == NEVER)
		p->expire_at = now + EXPIRE_MS;
	plb_want(p, p->in_flight + p->queued);
}

/* Keep a request that must wait at the end of its client's queue. Without
 * memory it fails. */
static int
request_put_off(struct plb *p, int64_t now, struct plb_client *c,
    struct request *r, const struct msg *m)
{
	if (request_keep(r, m) == -1) {
		request_fail(p, r, 0, "out of memory in the PLB");
		return 0;
	}
	request_queue(p, r, 0);
	request_want(p, now, r);
	return c->open == 1 ? plb_trouble_tell(p, c) : 0;
}

/* Note the client's request; it is in no queue yet. NULL with errno. */
static struct request *
request_new(struct plb *p, int64_t now, struct plb_client *c,
    const struct msg_request *q)
{
	struct request *r = request_add(&p->requests);

	if (r == NULL)
		return NULL;
	r->more = q->more != 0;
	r->bytes[STREAM_BODY] = q->body.len;
	r->left[STREAM_OUTPUT] = q->window;
	r->left[STREAM_ERROR] = q->errors;
	if (c->peer != 0)
		c->tokens--;
	r->client = c;
	r->client_id = q->id;
	r->retries = (unsigned)q->retries;
	r->again = q->again != 0;
	r->deadline = q->left_ms == 0 ? 0 : now + (int64_t)q->left_ms;
	request_count_begun(p, now, r, q);
	chain_append(&c->requests, &r->of_client);
	c->open++;
	return r;
}

static int
request_too_long(const struct msg_request *q)
{
	return q->args.len > REQUEST_MAX - q->function.len ||
	    q->body.len > REQUEST_MAX - q->function.len - q->args.len;
}

int
plb_on_request(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	struct plb_client *c = plb_client(p, peer);
	struct request *r;

	if (c == NULL || (peer != 0 && c->tokens == 0))
		return fail(EPROTO); /* no token, no request */
	if (m->u.request.window > STREAM_ALL ||
	    m->u.request.errors > STREAM_ALL)
		return fail(EPROTO);
	if ((r = request_new(p, now, c, &m->u.request)) == NULL)
		return -1;
	if (request_too_long(&m->u.request))
		request_fail(p, r, 0, "the request is over 16 MiB");
	else if (p->queued > 0 || !request_try(p, now, r, m))
		return request_put_off(p, now, c, r, m);
	return 0;
}

/* Try to send one of the client's requests, the oldest first. A request that no
 * token fits, because its function is only exported elsewhere, lets the next
 * one pass. */
static int
request_dispatch_one(struct plb *p, int64_t now, const struct plb_client *c)
{
	struct request *r = NULL;
	struct msg m;
	int decoded;

	while ((r = request_next(&c->queue, r)) != NULL) {
		decoded = msg_decode(&m, MSG_REQUEST,
		    slice_of(r->copy, r->copy_len));
		assert(decoded == 1);
		if (request_try(p, now, r, &m))
			return 1;
	}
	return 0;
}

void
request_dispatch(struct plb *p, int64_t now)
{
	struct chain passed;
	struct plb_client *c;
	size_t *first;

	if (p->balance.n == 0)
		return;
	chain_init(&passed);
	while (p->tokens > 0 && !request_full(p) &&
	    (first = heap_first(&p->turns)) != NULL) {
		c = HEAP_OWNER(first, struct plb_client, turn);
		if (request_dispatch_one(p, now, c))
			continue;
		heap_remove(&p->turns, &c->turn);
		chain_append(&passed, &c->passed);
	}
	while ((c = CHAIN_NEXT(&passed, NULL, struct plb_client, passed)) !=
	    NULL) {
		chain_remove(&c->passed);
		request_rank(p, c);
	}
}

/* Answers. */

/* The request that a channel answers; NULL with EPROTO when it has no such. */
static struct request *
request_answered(struct plb *p, uint32_t peer, uint64_t id)
{
	struct request *r = request_find(&p->requests, id);

	if (r == NULL || r->upstream == NULL || r->upstream->peer != peer) {
		errno = EPROTO;
		return NULL;
	}
	return r;
}

/* Hand the reply on: 0, or -1 when there is no memory for that. */
static int
request_hand_on(struct plb *p, const struct request *r, const struct msg *m)
{
	struct plb_client *c = r->client;
	struct msg reply = *m;

	if (c == NULL)
		return 0;
	reply.u.reply.id = r->client_id;
	reply.u.reply.demand = plb_refill(p, c);
	if (outbox_send(&p->out, c->peer, &reply) == 0)
		return 0;
	c->tokens -= reply.u.reply.demand;
	return -1;
}

static int
request_may_run_again(const struct request *r)
{
	return r->retries > 0 && r->client != NULL && !r->begun;
}

/* Put one that was sent back at the head of its queue, to be run again; ran: it
 * may have run there. */
static void
request_run_again(struct plb *p, int64_t now, struct request *r, int ran)
{
	p->stats.n[STAT_AGAIN]++;
	r->at = outbox_ns(&p->out, now);
	r->ran |= ran;
	r->retries--;
	upstream_back(p, r);
	request_queue(p, r, 1);
	request_want(p, now, r);
}

/* The same, where it has failed: on another host, where there is one. */
static void
request_run_elsewhere(struct plb *p, int64_t now, struct request *r, int ran)
{
	r->shun = request_host(r->upstream);
	r->shun_until = now + PLB_ELSEWHERE_MS;
	if (p->expire_at == NEVER)
		p->expire_at = now + EXPIRE_MS;
	request_run_again(p, now, r, ran);
}

static void
request_on_reply(struct plb *p, int64_t now, struct request *r,
    const struct msg *m)
{
	const struct msg_reply *reply = &m->u.reply;

	if (reply->status != 0 && r->again && request_may_run_again(r)) {
		request_run_elsewhere(p, now, r, 1);
	} else if (request_hand_on(p, r, m) == 0) {
		request_count_reply(p, now, r, reply);
		request_forget(p, r);
	} else {
		request_fail(p, r, 1, "no memory for the reply in the PLB");
	}
}

static void
request_on_fail(struct plb *p, int64_t now, struct request *r,
    const struct msg_fail *m)
{
	if (request_may_run_again(r) && !m->late)
		request_run_elsewhere(p, now, r, m->ran != 0);
	else
		request_fail_as(p, r, m, request_how(m));
}

int
plb_on_answer(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	int replied = m->type == MSG_REPLY;
	struct request *r = request_answered(p, peer,
	    replied ? m->u.reply.id : m->u.fail.id);
	struct upstream *u;

	if (r == NULL)
		return -1;
	u = r->upstream;
	if (replied)
		request_on_reply(p, now, r, m);
	else
		request_on_fail(p, now, r, &m->u.fail);
	upstream_grant(p, u,
	    replied ? m->u.reply.demand : m->u.fail.demand);
	upstream_share(p, now);
	return 0;
}

/* Requests that run again go back the newest first, so that the oldest is again
 * the first in the queue. */
void
request_lost(struct plb *p, int64_t now, struct upstream *u, const char *why)
{
	struct msg_fail how = { .ran = 1, .reason = slice_str(why) };
	struct request *r, *next;

	for (r = request_next(&u->requests, NULL); r != NULL; r = next) {
		next = request_next(&u->requests, r);
		if (!request_may_run_again(r))
			request_fail_as(p, r, &how, STAT_LOST);
	}
	while (!chain_empty(&u->requests))
		request_run_again(p, now, CHAIN_OWNER(u->requests.prev,
		    struct request, place), 1);
}

/*
 * Streams. Each direction keeps within the window that the other end allowed,
 * so no client can make us break the protocol with a channel, or fill our
 * memory. Once a channel has asked for more of a body, or has sent output, the
 * request does not run again. One that runs again has what is left of its
 * client's window for standard error.
 */

/* Hand a piece, or an end, or a window, on to the other side. */
static int
request_pass_on(struct plb *p, const struct request *r, const struct msg *m,
    int up)
{
	struct msg passed = *m;
	uint64_t id = up ? r->id : r->client_id;

	if (m->type == MSG_DATA)
		passed.u.data.id = id;
	else if (m->type == MSG_END)
		passed.u.end.id = id;
	else
		passed.u.window.id = id;
	return outbox_send(&p->out, up ? r->upstream->peer : r->client->peer,
	    &passed);
}

/*
 * Whose request it is, and which way the message goes: 1 with *r; 0 if the
 * request has ended, or nobody waits for it; -1 with EPROTO if there is none.
 */
static int
request_stream(struct plb *p, uint32_t peer, uint64_t id, struct request **r,
    int *up)
{
	const struct plb_client *c = plb_client(p, peer);

	*up = c != NULL;
	if (*up) {
		*r = request_of_client(c, id);
		return *r != NULL;
	}
	if ((*r = request_answered(p, peer, id)) == NULL)
		return -1;
	return (*r)->client != NULL;
}

int
plb_on_data(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	const struct msg_data *d = &m->u.data;
	struct request *r;
	int up, found = request_stream(p, peer, d->id, &r, &up);

	(void)now;
	if (found == -1 || up != (d->part == STREAM_BODY))
		return fail(EPROTO);
	if (found == 0)
		return 0;
	if ((up && !r->more) ||
	    stream_spend(&r->left[d->part], d->bytes.len) == -1)
		return fail(EPROTO);
	r->begun |= d->part != STREAM_ERROR;
	r->bytes[d->part] += d->bytes.len;
	p->stats.n[up ? STAT_IN : STAT_OUT] += d->bytes.len;
	return request_pass_on(p, r, m, up);
}

int
plb_on_end(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	const struct msg_end *e = &m->u.end;
	struct request *r;
	int up, found = request_stream(p, peer, e->id, &r, &up);

	(void)now;
	if (found == -1 || (!up && e->part != STREAM_BODY))
		return fail(EPROTO);
	if (found == 0)
		return 0;
	if (e->part == STREAM_BODY && !r->more)
		return up ? fail(EPROTO) : 0;
	if (up && e->part == STREAM_BODY)
		r->more = 0; /* one that is queued is sent as a whole one */
	if (up && r->upstream == NULL)
		return 0;
	return request_pass_on(p, r, m, up);
}

int
plb_on_window(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	const struct msg_window *w = &m->u.window;
	struct request *r;
	int up, found = request_stream(p, peer, w->id, &r, &up);

	(void)now;
	if (found == -1 || up == (w->part == STREAM_BODY))
		return fail(EPROTO);
	if (found == 0 || (!up && !r->more))
		return 0;
	if (up && r->upstream == NULL && r->bytes[w->part] == 0)
		return fail(EPROTO); /* there is no output yet */
	if (stream_allow(&r->left[w->part], w->bytes) == -1)
		return -1;
	if (up && r->upstream == NULL)
		return 0; /* it is for when it runs again */
	r->begun |= w->part == STREAM_BODY;
	return request_pass_on(p, r, m, up);
}

/* Giving up. */

void
request_abandon(struct plb *p, struct request *r, enum counter how)
{
	struct msg m = { .type = MSG_ABANDON, .u.abandon.id = r->id };

	request_count_end(p, r, how);
	if (r->upstream == NULL) {
		request_forget(p, r);
		return;
	}
	request_disown(p, r);
	if (!r->cast)
		outbox_send(&p->out, r->upstream->peer, &m);
}

int
plb_on_abandon(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	struct plb_client *c = plb_client(p, peer);
	struct request *r;
	struct msg answer = { .type = MSG_FAIL };

	(void)now;
	if (c == NULL)
		return fail(EPROTO);
	r = request_of_client(c, m->u.abandon.id);
	if (r == NULL)
		return 0; /* its answer is on the way */
	answer.u.fail.id = r->client_id;
	answer.u.fail.ran = r->upstream != NULL || r->ran;
	answer.u.fail.reason = slice_str("abandoned");
	answer.u.fail.demand = plb_refill(p, c);
	request_abandon(p, r, STAT_ABANDONED);
	return outbox_send(&p->out, peer, &answer);
}

void
request_expel(struct plb *p, struct plb_client *c)
{
	struct request *r, *next;
	struct msg m = { .type = MSG_FAIL };

	for (r = request_next_of(&c->requests, NULL); r != NULL; r = next) {
		next = request_next_of(&c->requests, r);
		if (r->retries > 0)
			continue;
		m.u.fail.id = r->client_id;
		m.u.fail.ran = r->upstream != NULL || r->ran;
		m.u.fail.reason = slice_str(CORE_DRAINED);
		outbox_send(&p->out, c->peer, &m);
		request_abandon(p, r, STAT_DRAINED);
	}
}

/* Fail those in the client's queue whose time is up. */
static void
request_expire_of(struct plb *p, int64_t now, const struct plb_client *c)
{
	struct request *r, *next;
	struct msg_fail how = { .late = 1, .reason = slice_str("its time was "
		"up before there was a token for it") };

	for (r = request_next(&c->queue, NULL); r != NULL; r = next) {
		next = request_next(&c->queue, r);
		if (r->shun != 0 && now < r->shun_until)
			p->expire_at = now + EXPIRE_MS;
		if (r->deadline == 0)
			continue;
		if (now >= r->deadline)
			request_fail_as(p, r, &how, STAT_LATE);
		else
			p->expire_at = now + EXPIRE_MS;
	}
}

void
request_expire(struct plb *p, int64_t now)
{
	struct plb_client *c = NULL;

	if (now < p->expire_at)
		return;
	p->expire_at = NEVER;
	request_expire_of(p, now, &p->own);
	while ((c = plb_client_next(p, c)) != NULL)
		request_expire_of(p, now, c);
}
