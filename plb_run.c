#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrs.h"
#include "plb_state.h"

#define EXPIRE_MS   100 /* how often the queue's deadlines are looked at */
#define REQUEST_MAX (MSG_MAX - 64) /* bytes of a request's words and body, so
				      that our own fields fit beside them */

/* Take the request out of everything. */
static void
forget(struct plb *p, struct request *r)
{
	struct plb_client *c;

	if (r->channel == 0)
		request_remove(&p->requests, &p->queue, REQUEST_PLACE, r);
	else
		hold_back(&p->hold, &p->requests,
		    &p->hold.channel[r->channel - 1], r);
	if (!r->abandoned && (c = plb_client(p, r->client)) != NULL)
		request_remove(&p->requests, &c->own, REQUEST_OWNER, r);
	requests_del(&p->requests, r);
}

/* Answer a request with this failure, and forget it. */
static void
fail_as(struct plb *p, struct request *r, const struct msg_fail *how)
{
	struct plb_client *c = plb_client(p, r->client);
	struct msg m;

	if (!r->abandoned && c != NULL) {
		m.type = MSG_FAIL;
		m.u.fail = *how;
		m.u.fail.id = r->client_id;
		m.u.fail.ran |= (uint64_t)r->ran;
		m.u.fail.demand = plb_refill(p, c);
		outbox_send(&p->out, r->client, &m);
	}
	forget(p, r);
}

static void
fail(struct plb *p, struct request *r, int ran, const char *why)
{
	struct msg_fail how;

	memset(&how, 0, sizeof(how));
	how.ran = (uint64_t)ran;
	how.reason = slice_str(why);
	fail_as(p, r, &how);
}

/* Sending. */

/* Send it on the channel, with our id and what is left of its time. */
static int
send_on(struct plb *p, int64_t now, struct request *r, size_t number,
    const struct msg *m, int cast)
{
	struct hold_channel *c = &p->hold.channel[number];
	struct msg sent = *m;

	sent.u.request.id = r->id;
	sent.u.request.retries = 0;
	sent.u.request.cast |= (uint64_t)cast;
	sent.u.request.left_ms = 0;
	if (r->deadline != 0)
		sent.u.request.left_ms =
		    (uint64_t)(r->deadline > now ? r->deadline - now : 1);
	if (outbox_send(&p->out, c->peer, &sent) == -1)
		return -1;
	r->cast = sent.u.request.cast != 0;
	request_remove(&p->requests, &p->queue, REQUEST_PLACE, r);
	hold_sent(&p->hold, &p->requests, c, r);
	if (r->retries == 0)
		request_unkeep(&p->requests, r);
	return 0;
}

static unsigned
arity(struct slice args)
{
	struct slice arg;
	unsigned n = 0;

	while (list_next(&args, &arg) == 1)
		n++;
	return n;
}

/* Fail a request for a function that no seller at hand exports. To wait is of
 * no use: others are bought only when these go. */
static void
nobody_exports(struct plb *p, struct request *r, const struct msg *m)
{
	char has[REASON_MAX / 2] = "", why[REASON_MAX];
	struct msg_fail how;
	struct slice attrs;
	size_t i;

	for (i = 0; i < p->hold.pick.n; i++)
		if ((attrs = pick_attrs(&p->hold.pick, (int)i)).p != NULL)
			attrs_add(attrs, has, sizeof(has));
	snprintf(why, sizeof(why), "%.*s/%u is not exported; held: %s",
	    SLICE_ARG(m->u.request.function), arity(m->u.request.args),
	    has[0] == '\0' ? "nothing" : has);
	memset(&how, 0, sizeof(how));
	how.reason = slice_str(why);
	how.final = 1;
	fail_as(p, r, &how);
}

/* Tokens of what was abandoned come back beside those that were bought for it:
 * they are not to be used, too. */
static int
is_full(const struct plb *p)
{
	return p->hold.in_flight >= p->capacity;
}

/* Try to send: 1 it is gone (sent, or failed), 0 no token for it now. */
static int
try_send(struct plb *p, int64_t now, struct request *r, const struct msg *m)
{
	size_t number;
	int cast;

	if (is_full(p))
		return 0;
	switch (pick_draw(&p->hold.pick, &p->rng, m->u.request.function,
		    arity(m->u.request.args), &number, &cast)) {
	case PICK_FOUND:
		if (send_on(p, now, r, number, m, cast) == -1)
			fail(p, r, 0, "out of memory in the PLB");
		return 1;
	case PICK_NOBODY:
		nobody_exports(p, r, m);
		return 1;
	case PICK_EMPTY:
	case PICK_UNKNOWN:
		break;
	}
	return 0;
}

static void
want_for_queue(struct plb *p)
{
	plb_want(p, p->hold.in_flight + p->queue.n);
}

/* Keep a request to send it later, or again. Without memory it fails. */
static void
put_off(struct plb *p, int64_t now, struct request *r, const struct msg *m)
{
	if (r->copy == NULL && request_keep(&p->requests, r, m) == -1) {
		fail(p, r, 0, "out of memory in the PLB");
		return;
	}
	if (r->deadline != 0 && p->expire == NEVER)
		p->expire = now + EXPIRE_MS;
	want_for_queue(p);
}

/* Note the client's request: at the end of the queue. NULL with errno. */
static struct request *
take_in(struct plb *p, int64_t now, struct plb_client *c,
    const struct msg_request *q)
{
	struct request *r = requests_add(&p->requests);

	if (r == NULL)
		return NULL;
	if (c->peer != 0)
		c->tokens--;
	r->client = c->peer;
	r->client_id = q->id;
	r->retries = (unsigned)q->retries;
	r->deadline = q->left_ms == 0 ? 0 : now + (int64_t)q->left_ms;
	request_append(&p->requests, &c->own, REQUEST_OWNER, r);
	request_append(&p->requests, &p->queue, REQUEST_PLACE, r);
	return r;
}

static int
is_too_long(const struct msg_request *q)
{
	return q->args.len > REQUEST_MAX - q->function.len ||
	    q->body.len > REQUEST_MAX - q->function.len - q->args.len;
}

int
plb_on_request(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	struct plb_client *c = plb_client(p, peer);
	struct request *r;

	if (c == NULL || (peer != 0 && c->tokens == 0)) {
		errno = EPROTO; /* no token, no request */
		return -1;
	}
	if ((r = take_in(p, now, c, &m->u.request)) == NULL)
		return -1;
	if (is_too_long(&m->u.request))
		fail(p, r, 0, "the request is over 16 MiB");
	else if (r->retries > 0 && request_keep(&p->requests, r, m) == -1)
		fail(p, r, 0, "out of memory in the PLB");
	else if (p->queue.n > 1 || !try_send(p, now, r, m)) {
		put_off(p, now, r, m);
		return c->own.n == 1 ? plb_trouble_tell(p, c) : 0;
	}
	return 0;
}

static void
decode_copy(const struct request *r, struct msg *m)
{
	int decoded = msg_decode(m, MSG_REQUEST,
	    slice_of(r->copy, r->copy_len));

	assert(decoded == 1);
}

/*
 * Send what the tokens allow, the oldest first. One that no token fits (its
 * function is exported elsewhere only) lets the next one pass.
 */
void
plb_dispatch(struct plb *p, int64_t now)
{
	struct request *r, *next;
	struct msg m;

	if (p->hold.pick.n == 0)
		return;
	for (r = request_first(&p->requests, &p->queue); r != NULL; r = next) {
		next = request_next(&p->requests, REQUEST_PLACE, r);
		if (p->hold.tokens == 0 || is_full(p))
			break;
		decode_copy(r, &m);
		try_send(p, now, r, &m);
	}
}

/* Answers. */

/* The request that a channel answers; NULL with EPROTO when it has no such. */
static struct request *
answered(struct plb *p, uint32_t peer, uint64_t id, struct hold_channel **c)
{
	struct request *r = requests_find(&p->requests, id);

	*c = hold_peer(&p->hold, peer);
	if (*c == NULL || r == NULL ||
	    r->channel != hold_number(&p->hold, *c) + 1) {
		errno = EPROTO;
		return NULL;
	}
	return r;
}

static void
grant_again(struct plb *p, struct hold_channel *c, uint64_t demand)
{
	if (demand > 0 && hold_usable(c))
		hold_grant(&p->hold, c, demand);
}

/* Hand the reply on: 0, or -1 when there is no memory for that. */
static int
hand_on(struct plb *p, const struct request *r, const struct msg *m)
{
	struct plb_client *c = plb_client(p, r->client);
	struct msg reply = *m;

	if (r->abandoned || c == NULL)
		return 0;
	reply.u.reply.id = r->client_id;
	reply.u.reply.demand = plb_refill(p, c);
	if (outbox_send(&p->out, r->client, &reply) == 0)
		return 0;
	c->tokens -= reply.u.reply.demand;
	return -1;
}

int
plb_on_reply(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	struct hold_channel *c;
	struct request *r = answered(p, peer, m->u.reply.id, &c);

	(void)now;
	if (r == NULL)
		return -1;
	if (hand_on(p, r, m) == 0)
		forget(p, r);
	else
		fail(p, r, 1, "no memory for the reply in the PLB");
	grant_again(p, c, m->u.reply.demand);
	return 0;
}

/* Put one that was sent back at the head of the queue, to be run again; ran: it
 * may have run there. */
static void
run_again(struct plb *p, int64_t now, struct request *r, int ran)
{
	r->ran |= ran;
	r->retries--;
	hold_back(&p->hold, &p->requests, &p->hold.channel[r->channel - 1], r);
	request_prepend(&p->requests, &p->queue, REQUEST_PLACE, r);
	if (r->deadline != 0 && p->expire == NEVER)
		p->expire = now + EXPIRE_MS;
	want_for_queue(p);
}

int
plb_on_fail(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	struct hold_channel *c;
	struct request *r = answered(p, peer, m->u.fail.id, &c);

	if (r == NULL)
		return -1;
	if (r->retries > 0 && !r->abandoned && !m->u.fail.late)
		run_again(p, now, r, m->u.fail.ran != 0);
	else
		fail_as(p, r, &m->u.fail);
	grant_again(p, c, m->u.fail.demand);
	return 0;
}

/* The channel is gone with what was in flight there. What is run again goes
 * back the newest first, so that the oldest is the first again in the queue. */
void
plb_lost(struct plb *p, int64_t now, struct hold_channel *c, const char *why)
{
	struct request *r, *next;

	for (r = request_first(&p->requests, &c->sent); r != NULL; r = next) {
		next = request_next(&p->requests, REQUEST_PLACE, r);
		if (r->retries == 0 || r->abandoned)
			fail(p, r, 1, why);
	}
	while ((r = request_last(&p->requests, &c->sent)) != NULL)
		run_again(p, now, r, 1);
}

/* Giving up. */

/* The client wants no answer: what is queued goes, what runs is abandoned. */
static void
abandon(struct plb *p, struct request *r)
{
	struct plb_client *c = plb_client(p, r->client);
	struct msg m;

	if (r->channel == 0) {
		forget(p, r);
		return;
	}
	request_remove(&p->requests, &c->own, REQUEST_OWNER, r);
	r->abandoned = 1;
	if (r->cast)
		return;
	memset(&m, 0, sizeof(m));
	m.type = MSG_ABANDON;
	m.u.abandon.id = r->id;
	outbox_send(&p->out, p->hold.channel[r->channel - 1].peer, &m);
}

int
plb_on_abandon(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	struct plb_client *c = plb_client(p, peer);
	struct request *r;
	struct msg fail;

	(void)now;
	if (c == NULL) {
		errno = EPROTO;
		return -1;
	}
	for (r = request_first(&p->requests, &c->own); r != NULL;
	     r = request_next(&p->requests, REQUEST_OWNER, r))
		if (r->client_id == m->u.abandon.id)
			break;
	if (r == NULL)
		return 0; /* its answer is on the way */
	memset(&fail, 0, sizeof(fail));
	fail.type = MSG_FAIL;
	fail.u.fail.id = r->client_id;
	fail.u.fail.ran = r->channel != 0 || r->ran;
	fail.u.fail.reason = slice_str("abandoned");
	fail.u.fail.demand = plb_refill(p, c);
	abandon(p, r);
	return outbox_send(&p->out, peer, &fail);
}

void
plb_client_down(struct plb *p, int64_t now, uint32_t peer)
{
	struct plb_client *c = plb_client(p, peer);
	struct request *r;

	(void)now;
	if (c == NULL || peer == 0)
		return;
	while ((r = request_first(&p->requests, &c->own)) != NULL)
		abandon(p, r);
	c->peer = 0;
	c->tokens = c->owed = 0;
}

/* Requests whose time is up before they could be sent. */
void
plb_expire(struct plb *p, int64_t now)
{
	struct request *r, *next;
	struct msg_fail how;
	int more = 0;

	if (now < p->expire)
		return;
	memset(&how, 0, sizeof(how));
	how.late = 1;
	how.reason = slice_str("its time was up before there was a token for "
	    "it");
	for (r = request_first(&p->requests, &p->queue); r != NULL; r = next) {
		next = request_next(&p->requests, REQUEST_PLACE, r);
		if (r->deadline == 0)
			continue;
		if (now >= r->deadline)
			fail_as(p, r, &how);
		else
			more = 1;
	}
	p->expire = more ? now + EXPIRE_MS : NEVER;
}
