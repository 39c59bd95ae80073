#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "channel_state.h"

static int
tell(struct channel *c, unsigned act, uint32_t worker, uint64_t value)
{
	return outbox_act(&c->out, act, worker, value, slice_of(NULL, 0));
}

/* Answers. */

/* The request is over with: its token went with the answer, or is free. */
static int
answer(struct channel *c, struct running *r, const struct msg *m)
{
	running_del(&c->running, r);
	return channel_to_client(c, m);
}

static int
drop(struct channel *c, struct running *r)
{
	running_del(&c->running, r);
	channel_free_token(c);
	return 0;
}

static int
reply(struct channel *c, int64_t now, struct running *r, unsigned status,
    struct slice body)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_REPLY;
	m.u.reply.id = r->id;
	m.u.reply.status = status;
	m.u.reply.body = body;
	m.u.reply.demand = channel_regrant(c, now);
	return answer(c, r, &m);
}

static void
put_fail(struct msg *m, const struct running *r, int ran, const char *reason)
{
	memset(m, 0, sizeof(*m));
	m->type = MSG_FAIL;
	m->u.fail.id = r->id;
	m->u.fail.ran = (uint64_t)ran;
	m->u.fail.reason = slice_str(reason);
	if (m->u.fail.reason.len > REASON_MAX)
		m->u.fail.reason.len = REASON_MAX;
	m->u.fail.late = r->late;
}

static int
fail(struct channel *c, int64_t now, struct running *r, int ran,
    const char *reason)
{
	struct msg m;

	if (r->late)
		reason = "its time was up";
	else if (r->abandoned)
		reason = "abandoned";
	if (r->answered) {
		if (r->cast)
			outbox_log(&c->out, LOG_INFO,
			    "request %llu, a cast, failed: %s",
			    (unsigned long long)r->count, reason);
		return drop(c, r);
	}
	put_fail(&m, r, ran, reason);
	m.u.fail.demand = channel_regrant(c, now);
	return answer(c, r, &m);
}

/* A cast has its answer once it has a worker; the token is still in use. */
static int
accept_cast(struct channel *c, struct running *r)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_REPLY;
	m.u.reply.id = r->id;
	running_answered(&c->running, r);
	return channel_to_client(c, &m);
}

/* Requests in. */

static int
feed(struct channel *c, int64_t now, struct running *r,
    const struct msg_request *q, const char **why)
{
	unsigned char *p;
	size_t size;
	int start;

	if (frame_size(c->kind, q, &size, why) == -1)
		return -1;
	r->worker = crew_take(&c->crew, now, r->number, &start);
	if (r->worker == 0)
		return -1;
	if (start && tell(c, CHANNEL_START, r->worker, 0) == -1) {
		crew_ended(&c->crew, now, r->worker);
		return -1;
	}
	p = outbox_reserve(&c->out, CHANNEL_FEED, r->worker, r->mux, size);
	if (p == NULL) {
		crew_done(&c->crew, r->worker, 0);
		return -1;
	}
	frame_write(p, c->kind, q, r->mux);
	outbox_commit(&c->out, size);
	return 0;
}

/* Give it to a worker: 0, or -1 with EAGAIN where none may be started now, or
 * EINVAL where none could read it. */
static int
assign(struct channel *c, int64_t now, struct running *r,
    const struct msg_request *q, const char **why)
{
	struct msg m;

	if (c->mode != CHANNEL_EXEC)
		return feed(c, now, r, q, why);
	m.type = MSG_REQUEST;
	m.u.request = *q;
	r->worker = r->number;
	return outbox_message(&c->out, CHANNEL_START, r->worker, r->count,
	    &m);
}

static int
backing_off(struct channel *c, int64_t now, struct running *r)
{
	char reason[sizeof(c->died) + 64];

	snprintf(reason, sizeof(reason),
	    "the module's workers die at once: %s", c->died);
	return fail(c, now, r, 0, reason);
}

/* Its token was void, as the client has read of the drain late. */
static int
too_late(struct channel *c, uint64_t id)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_FAIL;
	m.u.fail.id = id;
	m.u.fail.reason = slice_str("the channel is ending");
	return channel_to_client(c, &m);
}

int
channel_on_request(struct channel *c, int64_t now, const struct msg_request *q)
{
	const char *why;
	struct running *r;

	c->count++;
	if (c->tokens == 0 && c->voided)
		return too_late(c, q->id);
	if (c->tokens == 0) {
		outbox_log(&c->out, LOG_INFO, "request %llu without a token",
		    (unsigned long long)c->count);
		errno = EPROTO;
		return -1;
	}
	if ((r = running_add(&c->running, q->id)) == NULL) {
		errno = errno == EEXIST ? EPROTO : errno;
		return -1;
	}
	c->tokens--;
	r->count = c->count;
	r->cast = q->cast != 0;
	if (q->left_ms > 0)
		running_limit(&c->running, r, now + (int64_t)q->left_ms);
	if (assign(c, now, r, q, &why) == 0)
		return r->cast ? accept_cast(c, r) : 0;
	if (errno == EAGAIN)
		return backing_off(c, now, r);
	if (errno == EINVAL)
		return fail(c, now, r, 0, why);
	drop(c, r);
	return -1;
}

int
channel_on_abandon(struct channel *c, const struct msg_abandon *m)
{
	struct running *r = running_find(&c->running, m->id);

	if (r == NULL || r->answered || r->abandoned)
		return 0;
	r->abandoned = 1;
	if (c->mode != CHANNEL_EXEC || r->late)
		return 0;
	return tell(c, CHANNEL_KILL, r->worker, CHANNEL_ABANDON_MS);
}

/* Workers. */

static int
retire(struct channel *c, uint32_t worker)
{
	crew_leave(&c->crew, worker);
	return tell(c, CHANNEL_RETIRE, worker, 0);
}

static struct running *
request_of(const struct channel *c, uint32_t worker, uint64_t name)
{
	const struct member *m = crew_member(&c->crew, worker);
	struct running *r;

	if (c->mode == CHANNEL_EXEC)
		return running_at(&c->running, worker);
	if (m == NULL || m->load == 0)
		return NULL;
	if (c->mode == CHANNEL_POOL)
		return running_at(&c->running, m->request);
	r = running_mux(&c->running, name);
	return r != NULL && r->worker == worker ? r : NULL;
}

uint64_t
channel_request_of(const struct channel *c, uint32_t worker)
{
	const struct running *r;

	r = c->mode == CHANNEL_MUX ? NULL : request_of(c, worker, 0);
	return r == NULL ? 0 : r->count;
}

/* Has the worker a cast, which is to be finished whoever is gone? */
static int
has_cast(const struct channel *c, uint32_t worker)
{
	const struct running *r;
	size_t pos = 0;

	if (c->mode == CHANNEL_POOL)
		return (r = request_of(c, worker, 0)) != NULL && r->cast;
	while ((r = running_next(&c->running, &pos)) != NULL)
		if (r->worker == worker && r->cast)
			return 1;
	return 0;
}

/* With no client left, a worker goes when its last cast is done. */
static int
retire_if_done(struct channel *c, uint32_t worker)
{
	const struct member *m;

	if (c->client != 0)
		return 0;
	m = crew_member(&c->crew, worker);
	if (m == NULL || m->state == MEMBER_LEAVING || has_cast(c, worker))
		return 0;
	return retire(c, worker);
}

/* Output that nobody waits for. A mux worker has other requests to do. */
static int
unsolicited(struct channel *c, uint32_t worker)
{
	const struct member *m = crew_member(&c->crew, worker);

	if (m == NULL || m->state == MEMBER_LEAVING)
		return 0;
	outbox_log(&c->out, LOG_INFO, "worker %u: a reply to no request%s",
	    (unsigned)worker, c->mode == CHANNEL_MUX ? "" : ", ending it");
	if (c->mode == CHANNEL_MUX)
		return 0;
	crew_leave(&c->crew, worker);
	return tell(c, CHANNEL_KILL, worker, CHANNEL_LATE_MS);
}

/* The worker is free of it. */
static void
release(struct channel *c, const struct running *r, int answered)
{
	if (c->mode != CHANNEL_EXEC)
		crew_done(&c->crew, r->worker, answered);
}

/* Nobody else hears of its status. */
static int
finish_cast(struct channel *c, struct running *r, unsigned status)
{
	if (r->cast && status != 0)
		outbox_log(&c->out, LOG_INFO,
		    "request %llu, a cast: exit status %u",
		    (unsigned long long)r->count, status);
	return drop(c, r);
}

int
channel_reply(struct channel *c, int64_t now, uint32_t worker, uint64_t name,
    unsigned status, struct slice body)
{
	struct running *r = request_of(c, worker, name);
	int sent;

	if (r == NULL)
		return unsolicited(c, worker);
	release(c, r, 1);
	if (r->late || r->abandoned)
		sent = fail(c, now, r, 1, "");
	else if (r->answered)
		sent = finish_cast(c, r, status);
	else
		sent = reply(c, now, r, status, body);
	return c->mode == CHANNEL_EXEC || retire_if_done(c, worker) == 0 ?
	    sent : -1;
}

/* All that the worker had fails. */
static int
fail_worker(struct channel *c, int64_t now, uint32_t worker, int ran,
    const char *reason)
{
	struct running *r;
	size_t pos = 0;
	int result = 0;

	if (c->mode != CHANNEL_MUX) {
		r = request_of(c, worker, 0);
		return r == NULL ? 0 : fail(c, now, r, ran, reason);
	}
	while ((r = running_next(&c->running, &pos)) != NULL)
		if (r->worker == worker &&
		    fail(c, now, r, ran, reason) == -1)
			result = -1;
	return result;
}

static int
ended(struct channel *c, int64_t now, uint32_t worker, int ran,
    const char *reason)
{
	int result = fail_worker(c, now, worker, ran, reason);

	if (c->mode == CHANNEL_EXEC)
		return result;
	if (crew_ended(&c->crew, now, worker) == MEMBER_LEAVING)
		return result;
	snprintf(c->died, sizeof(c->died), "%s", reason);
	if (outbox_log(&c->out, LOG_INFO, "worker %u: %s", (unsigned)worker,
		reason) == -1)
		return -1;
	return result;
}

int
channel_ended(struct channel *c, int64_t now, uint32_t worker,
    const char *reason)
{
	return ended(c, now, worker, 1, reason);
}

int
channel_unable(struct channel *c, int64_t now, uint32_t worker,
    const char *reason)
{
	return ended(c, now, worker, 0, reason);
}

/* Ends. */

void
channel_abandon_all(struct channel *c)
{
	const struct member *m;
	struct running *r;
	size_t pos = 0;
	uint32_t i;

	while ((r = running_next(&c->running, &pos)) != NULL) {
		if (r->cast || r->abandoned)
			continue;
		r->abandoned = 1;
		if (c->mode == CHANNEL_EXEC && !r->late)
			tell(c, CHANNEL_KILL, r->worker, CHANNEL_ABANDON_MS);
	}
	for (i = 1; i <= c->crew.n; i++) {
		m = crew_member(&c->crew, i);
		if (m != NULL && m->state != MEMBER_LEAVING && !has_cast(c, i))
			retire(c, i);
	}
}

/*
 * A process of its own, or a worker with this request alone, is ended, and the
 * answer waits for that: its token is in use until then. A worker with many
 * keeps the request and the token; the client is told now.
 */
static void
be_late(struct channel *c, struct running *r)
{
	struct msg m;

	r->late = 1;
	if (c->mode == CHANNEL_POOL)
		crew_leave(&c->crew, r->worker);
	if (c->mode != CHANNEL_MUX) {
		tell(c, CHANNEL_KILL, r->worker, CHANNEL_LATE_MS);
	} else if (!r->answered) {
		put_fail(&m, r, 1, "its time was up");
		running_answered(&c->running, r);
		channel_to_client(c, &m);
	}
}

void
channel_run_tick(struct channel *c, int64_t now)
{
	struct running *r;
	size_t pos = 0;

	while ((r = running_late(&c->running, now, &pos)) != NULL)
		be_late(c, r);
	while (c->crew.alive - c->crew.leaving > c->held &&
	    crew_idle(&c->crew) != 0)
		if (retire(c, crew_idle(&c->crew)) == -1)
			return;
}
