#include <string.h>

#include "channel_state.h"

#define SAY_VALUE (2 * NAME_BYTES_MAX + 3) /* bytes of one, quoted */

/* What logfmt takes for a value: in quotes if need be, - for nothing. */
static const char *
say_value(char buf[SAY_VALUE], struct slice s)
{
	size_t i, n = 0;
	int quoted = 0;

	for (i = 0; i < s.len; i++)
		quoted |= s.p[i] <= ' ' || strchr("\"=\\", s.p[i]) != NULL;
	if (s.len == 0)
		return "-";
	if (quoted)
		buf[n++] = '"';
	for (i = 0; i < s.len && n + 3 < SAY_VALUE; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf[n++] = '\\';
		buf[n++] = (char)s.p[i];
	}
	if (quoted)
		buf[n++] = '"';
	buf[n] = '\0';
	return buf;
}

void
channel_log_requests(struct channel *c, const char *client)
{
	snprintf(c->says, sizeof(c->says), "%s", client);
}

/* request id=N module=NAME function=NAME client=NAME result=WORD status=N
 * queue_us=N run_us=N */
void
channel_count_say(struct channel *c, const struct inflight *r,
    enum counter how, int status, int64_t run_ns)
{
	char module[SAY_VALUE], function[SAY_VALUE], client[SAY_VALUE];
	char number[16] = "-";

	if (status >= 0)
		snprintf(number, sizeof(number), "%d", status);
	outbox_log(&c->out, LOG_DEBUG, "request id=%llu module=%s function=%s "
	    "client=%s result=%s status=%s queue_us=%lld run_us=%lld",
	    (unsigned long long)r->count, say_value(module, c->module),
	    say_value(function, slice_str(r->function)),
	    say_value(client, slice_str(c->says)), stats_names[how], number,
	    (long long)(r->queued / 1000), (long long)(run_ns / 1000));
}

void
channel_count_whole(struct channel *c, int64_t now, struct inflight *r)
{
	int64_t ns = outbox_ns(&c->out, now);

	r->queued = ns - r->at;
	stats_queued(&c->stats, r->queued);
	r->at = ns;
}

const char *
channel_count_failed(struct channel *c, int64_t now, struct inflight *r,
    const char *reason)
{
	enum counter how = STAT_FAILED;

	if (r->late) {
		how = STAT_LATE;
		reason = "its time was up";
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
