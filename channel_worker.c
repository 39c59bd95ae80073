#include <errno.h>
#include <stdio.h>

#include "channel_state.h"

/* Requests in. */

static int
channel_feed(struct channel *c, int64_t now, struct inflight *r,
    const struct msg_request *q, const char **why)
{
	unsigned char *p;
	size_t size;
	int start;

	if (frame_size(c->kind, q, &size, why) == -1)
		return -1;
	r->worker = pool_take(&c->pool, now, r->number, &start);
	if (r->worker == 0)
		return -1;
	if (start && channel_tell(c, CHANNEL_START, r->worker, 0) == -1) {
		pool_ended(&c->pool, now, r->worker);
		return -1;
	}
	c->stats.n[STAT_STARTED] += (uint64_t)start;
	if (start && c->silent_at == 0)
		c->silent_at = now + CHANNEL_SILENT_MS;
	p = outbox_reserve(&c->out, CHANNEL_FEED, r->worker, r->mux, size);
	if (p == NULL) {
		pool_done(&c->pool, r->worker, 0);
		return -1;
	}
	frame_write(p, c->kind, q, r->mux);
	outbox_commit(&c->out, size);
	return 0;
}

int
channel_assign(struct channel *c, int64_t now, struct inflight *r,
    const struct msg_request *q, const char **why)
{
	struct msg m;

	if (c->mode != CHANNEL_EXEC)
		return channel_feed(c, now, r, q, why);
	m.type = MSG_REQUEST;
	m.u.request = *q;
	r->worker = r->number;
	c->stats.n[STAT_STARTED]++;
	return outbox_message(&c->out, CHANNEL_START, r->worker, r->count,
	    &m);
}

/* Who has what. */

static int
channel_retire(struct channel *c, uint32_t worker)
{
	pool_leave(&c->pool, worker);
	return channel_tell(c, CHANNEL_RETIRE, worker, 0);
}

struct inflight *
channel_request(const struct channel *c, uint32_t worker, uint64_t name)
{
	const struct pool_worker *w = pool_worker(&c->pool, worker);
	struct inflight *r;

	if (c->mode == CHANNEL_EXEC)
		return inflight_at(&c->inflight, worker);
	if (w == NULL || w->load == 0)
		return NULL;
	if (c->mode == CHANNEL_POOL)
		return inflight_at(&c->inflight, w->request);
	r = inflight_mux(&c->inflight, name);
	return r != NULL && r->worker == worker ? r : NULL;
}

uint64_t
channel_request_of(const struct channel *c, uint32_t worker)
{
	const struct inflight *r;

	r = c->mode == CHANNEL_MUX ? NULL : channel_request(c, worker, 0);
	return r == NULL ? 0 : r->count;
}

/* Has the worker a cast, which it must finish even when its client is gone? */
static int
channel_has_cast(const struct channel *c, uint32_t worker)
{
	const struct inflight *r;
	size_t pos = 0;

	if (c->mode == CHANNEL_POOL) {
		r = channel_request(c, worker, 0);
		return r != NULL && r->cast;
	}
	while ((r = inflight_next(&c->inflight, &pos)) != NULL)
		if (r->worker == worker && r->cast)
			return 1;
	return 0;
}

/* With no client left, a worker goes when its last cast is done. */
static int
channel_retire_if_done(struct channel *c, uint32_t worker)
{
	const struct pool_worker *w = pool_worker(&c->pool, worker);

	if (c->client != 0 || w == NULL || w->state == POOL_LEAVING ||
	    channel_has_cast(c, worker))
		return 0;
	return channel_retire(c, worker);
}

/* Output of no request. A mux worker has other requests, so it goes on. */
static int
channel_unsolicited(struct channel *c, uint32_t worker)
{
	const struct pool_worker *w = pool_worker(&c->pool, worker);

	if (w == NULL || w->state == POOL_LEAVING)
		return 0;
	outbox_log(&c->out, LOG_INFO, "worker %u: a reply to no request%s",
	    (unsigned)worker, c->mode == CHANNEL_MUX ? "" : ", ending it");
	if (c->mode == CHANNEL_MUX)
		return 0;
	pool_leave(&c->pool, worker);
	return channel_tell(c, CHANNEL_KILL, worker, CHANNEL_LATE_MS);
}

/* Nobody else hears of its status. */
static int
channel_finish_cast(struct channel *c, int64_t now, struct inflight *r,
    unsigned status)
{
	channel_count_status(c, now, r, STAT_DONE + (status != 0),
	    (int)status);
	if (r->cast && status != 0)
		outbox_log(&c->out, LOG_INFO,
		    "request %llu, a cast: exit status %u",
		    (unsigned long long)r->count, status);
	return channel_drop(c, r);
}

int
channel_reply(struct channel *c, int64_t now, uint32_t worker, uint64_t name,
    unsigned status, struct slice body)
{
	struct inflight *r = channel_request(c, worker, name);
	int sent;

	if (r == NULL)
		return channel_unsolicited(c, worker);
	if (c->mode != CHANNEL_EXEC)
		pool_done(&c->pool, worker, 1);
	if (r->late || r->abandoned)
		sent = channel_answer_fail(c, now, r, 1, "");
	else if (r->answered)
		sent = channel_finish_cast(c, now, r, status);
	else
		sent = channel_answer_reply(c, now, r, status, body);
	return channel_retire_if_done(c, worker) == 0 ? sent : -1;
}

/* All that the worker had fails. */
static int
channel_fail_worker(struct channel *c, int64_t now, uint32_t worker, int ran,
    const char *reason)
{
	struct inflight *r;
	size_t pos = 0;
	int result = 0;

	if (c->mode != CHANNEL_MUX) {
		r = channel_request(c, worker, 0);
		return r == NULL ? 0 :
		    channel_answer_fail(c, now, r, ran, reason);
	}
	while ((r = inflight_next(&c->inflight, &pos)) != NULL)
		if (r->worker == worker &&
		    channel_answer_fail(c, now, r, ran, reason) == -1)
			result = -1;
	return result;
}

static int
channel_end_worker(struct channel *c, int64_t now, uint32_t worker, int ran,
    const char *reason)
{
	int result;

	channel_count_died(c, worker);
	result = channel_fail_worker(c, now, worker, ran, reason);
	if (c->mode == CHANNEL_EXEC ||
	    pool_ended(&c->pool, now, worker) == POOL_LEAVING)
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
	return channel_end_worker(c, now, worker, 1, reason);
}

int
channel_unable(struct channel *c, int64_t now, uint32_t worker,
    const char *reason)
{
	return channel_end_worker(c, now, worker, 0, reason);
}

void
channel_abandon_all(struct channel *c, int64_t now)
{
	struct inflight *r;
	size_t pos = 0;
	uint32_t i;

	while ((r = inflight_next(&c->inflight, &pos)) != NULL)
		if ((!r->cast || r->whole) && !r->abandoned)
			channel_abandon(c, now, r);
	for (i = 1; i <= c->pool.n; i++)
		channel_retire_if_done(c, i);
}

/*
 * The request's time is up. A process of its own, or a worker with this request
 * alone, is ended, and the answer waits for that: its token is in use until
 * then. A worker with many keeps the request and the token; the client is told
 * now.
 */
static void
channel_late(struct channel *c, int64_t now, struct inflight *r)
{
	r->late = 1;
	if (r->whole) {
		channel_answer_fail(c, now, r, 0, "");
		return;
	}
	if (c->mode == CHANNEL_POOL)
		pool_leave(&c->pool, r->worker);
	if (c->mode != CHANNEL_MUX)
		channel_tell(c, CHANNEL_KILL, r->worker, CHANNEL_LATE_MS);
	else if (!r->answered)
		channel_answer_late(c, now, r);
}

/* Once: a program that waits for more output before it writes any would be
 * taken for a slow one. */
static void
channel_tell_silent(struct channel *c)
{
	const struct pool_worker *w;
	uint32_t i = 1;

	c->silent_at = INT64_MAX;
	while ((w = pool_worker(&c->pool, i)) == NULL || w->load == 0 ||
	    w->useful)
		if (i++ >= c->pool.n)
			return;
	outbox_log(&c->out, LOG_INFO, "worker %u has answered nothing in %d s: "
	    "if it is not just slow, have it flush each reply", (unsigned)i,
	    CHANNEL_SILENT_MS / 1000);
}

void
channel_tick_workers(struct channel *c, int64_t now)
{
	struct inflight *r;
	size_t pos = 0;

	if (c->silent_at != 0 && now >= c->silent_at)
		channel_tell_silent(c);
	while ((r = inflight_late(&c->inflight, now, &pos)) != NULL)
		channel_late(c, now, r);
	while (c->pool.alive - c->pool.leaving > c->held && c->pool.idle != 0)
		if (channel_retire(c, c->pool.idle) == -1)
			return;
}
