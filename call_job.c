#include <stdio.h>
#include <stdlib.h>

#include "call_state.h"

#define JOB_TIME 32 /* bytes of seconds with milliseconds */

int
call_job_new(struct call *c)
{
	if (!c->config.joblog)
		return 0;
	c->jobs = calloc(FILTER_WINDOW, sizeof(*c->jobs));
	return c->jobs == NULL ? -1 : 0;
}

static struct call_job *
call_job_of(const struct call *c, uint64_t number)
{
	return &c->jobs[number & (FILTER_WINDOW - 1)];
}

void
call_job_begin(struct call *c, uint64_t number, size_t bytes)
{
	struct call_job *j;

	if (c->jobs == NULL)
		return;
	j = call_job_of(c, number);
	j->came = c->came_at;
	j->sent = NEVER;
	j->bytes = bytes;
}

void
call_job_sent(struct call *c, int64_t now, uint64_t number)
{
	if (c->jobs != NULL && filter_is_running(&c->filter, number))
		call_job_of(c, number)->sent = now;
}

static const char *
call_job_time(int64_t ms, char *buf)
{
	if (ms < 0)
		ms = 0;
	snprintf(buf, JOB_TIME, "%lld.%03d", (long long)ms / 1000,
	    (int)(ms % 1000));
	return buf;
}

void
call_job_end(struct call *c, uint64_t number, size_t bytes, const char *how)
{
	char line[FILTER_LINE], start[JOB_TIME], queued[JOB_TIME],
	    run[JOB_TIME], reason[4 * REASON_MAX], host[NAME_BYTES_MAX + 1];
	const struct call_job *j;
	const char *at = host;
	int64_t sent;
	int n;

	if (c->jobs == NULL)
		return;
	j = call_job_of(c, number);
	sent = j->sent == NEVER ? c->now : j->sent;
	snprintf(host, sizeof(host), "%.*s", SLICE_ARG(c->host));
	if (!slice_is_word(slice_str(host)))
		at = "-";
	reason[escape(reason, sizeof(reason) - 1, &how)] = '\0';
	n = snprintf(line, sizeof(line), "%llu\t%s\t%s\t%s\t%s\t%llu\t%llu\t"
	    "%s\t%s\n", (unsigned long long)number,
	    call_job_time(j->came + c->config.epoch_ms, start),
	    call_job_time(sent - j->came, queued),
	    call_job_time(c->now - sent, run), at,
	    (unsigned long long)j->bytes, (unsigned long long)bytes, reason,
	    c->config.function == NULL ? "-" : c->config.function);
	if (filter_log(&c->filter, number, slice_of(line, (size_t)n)) == -1)
		call_lose_result(c);
}

struct buf *
call_jobs(struct call *c)
{
	filter_written(&c->filter);
	return &c->filter.lines;
}

void
call_job_tell(struct call *c)
{
	if (c->jobs != NULL && buf_len(call_jobs(c)) > 0)
		outbox_act(plb_out(c->plb), CALL_JOBS, 0, 0,
		    slice_of(NULL, 0));
}

int
call_is_done(struct call *c)
{
	const struct call_range *done = c->config.done;
	uint64_t next = c->filter.next;

	while (c->done < c->config.ndone && done[c->done].last < next)
		c->done++;
	return c->done < c->config.ndone && done[c->done].first <= next;
}
