#include <string.h>

#include "channel_state.h"

void
channel_log_requests(struct channel *c, const char *client)
{
	snprintf(c->says, sizeof(c->says), "%s", client);
}

void
channel_count_say(struct channel *c, const struct inflight *r,
    enum counter how, int status, int64_t run_ns)
{
	struct stats_request one = { .id = r->count, .module = c->module,
		.function = slice_str(r->function),
		.client = slice_str(c->says), .how = how, .status = status,
		.queue_ns = r->queued, .run_ns = run_ns };

	stats_log(&c->out, &one);
}

void
channel_count_whole(struct channel *c, int64_t now, struct inflight *r)
{
	int64_t ns = outbox_ns(&c->out, now);

	r->queued = ns - r->at;
	stats_time(&c->stats.queue, r->queued);
	r->at = ns;
}

const char *
channel_count_failed(struct channel *c, int64_t now, struct inflight *r,
    const char *reason)
{
	const struct pool_worker *w = pool_worker(&c->pool, r->worker);
	enum counter how = STAT_FAILED;

	if (r->late) {
		how = STAT_LATE;
		reason = c->mode == CHANNEL_EXEC || w == NULL || w->useful ?
		    "its time was up" : "its time was up, and its worker has "
		    "answered nothing yet: have it flush each reply";
	} else if (r->abandoned) {
		how = STAT_ABANDONED;
		reason = "abandoned";
	} else if (c->expired) {
		how = STAT_DRAINED;
		reason = CORE_DRAINED;
	}
	channel_count_end(c, now, r, how);
	return reason;
}

/* What we have told to end has not died. */
void
channel_count_died(struct channel *c, uint32_t worker)
{
	const struct pool_worker *w = pool_worker(&c->pool, worker);
	const struct inflight *r = channel_request(c, worker, 0);

	if (c->mode == CHANNEL_EXEC ?
	    r != NULL && !r->late && !r->abandoned && !c->expired :
	    w != NULL && w->state != POOL_LEAVING)
		c->stats.n[STAT_DIED]++;
}

void
channel_count_tell(struct channel *c)
{
	if (c->listener != 0 && c->count > 0)
		stats_send(&c->stats, &c->out, c->listener);
}

/* What others want to know. */

size_t
channel_running(const struct channel *c)
{
	return c->inflight.used;
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

uint64_t
channel_cut(const struct channel *c)
{
	return c->cut;
}
