#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrs.h"
#include "call_state.h"
#include "exit.h"

#define OUT_MARK    (1024 * 1024) /* of results not yet written */
#define STEP_MARK   (1024 * 1024) /* of the outbox, at the end of a filter */
#define LEFT_MOST   (1000 * 3600) /* s: more is not told */
#define SAY_MAX	    (2 * REASON_MAX)

static int64_t
call_earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* Ending, and what is said. */

/* ", H:MM:SS left", by the bytes of input that were answered in that time, or
 * nothing. */
static const char *
call_left(const struct call *c, int64_t ms, char *buf, size_t size)
{
	uint64_t answered = c->taken - c->skipped - c->filter.asked;
	uint64_t left = c->config.size - c->taken + c->filter.asked;
	uint64_t s;

	buf[0] = '\0';
	if (c->config.size < c->taken || answered == 0)
		return buf;
	s = (uint64_t)((double)left * (double)ms / (double)answered / 1000);
	if (s < LEFT_MOST)
		snprintf(buf, size, ", %llu:%02u:%02u left",
		    (unsigned long long)s / 3600, (unsigned)(s / 60 % 60),
		    (unsigned)(s % 60));
	return buf;
}

/* The number, and what it is of; nothing of none. */
static const char *
call_some(uint64_t n, const char *what, char *buf, size_t size)
{
	buf[0] = '\0';
	if (n > 0)
		snprintf(buf, size, "%llu%s", (unsigned long long)n, what);
	return buf;
}

static void
call_show_progress(struct call *c, int64_t now)
{
	const struct filter *f = &c->filter;
	int64_t ms = now - c->began_at;
	char line[256], left[64], unsent[48], skipped[48];

	if (!c->config.filter) {
		call_stream_progress(c, now);
		return;
	}
	if (c->began_at == NEVER || ms <= 0)
		ms = 1;
	snprintf(line, sizeof(line), "%llu done, %llu failed, %llu in flight, "
	    "%s%s%.1f/s%s", (unsigned long long)f->done,
	    (unsigned long long)f->failed, (unsigned long long)f->running,
	    call_some(f->unsent, " not run, ", unsent, sizeof(unsent)),
	    call_some(f->skipped, " done earlier, ", skipped,
	    sizeof(skipped)),
	    (double)(f->done + f->failed) * 1000 / (double)ms,
	    call_left(c, ms, left, sizeof(left)));
	outbox_act(plb_out(c->plb), CALL_PROGRESS, 0, 0, slice_str(line));
}

void
call_end(struct call *c, enum call_act how, int status)
{
	if (c->config.progress_ms > 0)
		call_show_progress(c, c->now);
	if (c->status == 0)
		c->status = status;
	c->over = outbox_act(plb_out(c->plb), how, 0, (uint64_t)c->status,
	    slice_of(NULL, 0)) == 0;
	c->notice_at = c->unknown_at = c->progress_at = NEVER;
	c->asked_at = c->waits_at = NEVER;
}

void
call_give_up(struct call *c, int status, const char *why)
{
	uint64_t came = c->stream.output.came;

	if (c->over || c->ending.begun)
		return;
	if (came > 0) {
		outbox_log(plb_out(c->plb), LOG_ERROR, "%s: %s, after %llu "
		    "bytes of output", c->config.module, why,
		    (unsigned long long)came);
		call_end(c, CALL_FINISH, status);
		return;
	}
	outbox_log(plb_out(c->plb), LOG_ERROR, "%s: %s", c->config.module,
	    why);
	if (!c->config.filter) {
		call_end(c, CALL_QUIT, status);
		return;
	}
	c->ending.begun = 1;
	c->ended = 1;
	if (c->status == 0)
		c->status = status;
	snprintf(c->ending.why, sizeof(c->ending.why), "%s", why);
}

void
call_say_lines(struct call *c, uint64_t first, uint64_t last, const char *why)
{
	char line[SAY_MAX + 64];

	if (first == last)
		snprintf(line, sizeof(line), "line %llu: %s",
		    (unsigned long long)first, why);
	else
		snprintf(line, sizeof(line), "lines %llu-%llu: %s",
		    (unsigned long long)first, (unsigned long long)last, why);
	outbox_act(plb_out(c->plb), CALL_LINE, 0, 0, slice_str(line));
}

void
call_say_pending(struct call *c)
{
	static const char *const begins[] = { "", NOT_RUN,
		"its result is not written: " };
	struct call_ending *e = &c->ending;
	char why[SAY_MAX];

	snprintf(why, sizeof(why), "%s%s", begins[e->fate],
	    e->fate == FATE_NOT_WRITTEN ? e->lost : e->why);
	if (e->first != 0)
		call_say_lines(c, e->first, e->last, why);
	e->first = 0;
}

/* Where standard output is gone (to head(1), say) thousands may be left. */
static void
call_say_merged(struct call *c, uint64_t first, uint64_t last,
    enum call_fate fate)
{
	struct call_ending *e = &c->ending;

	if (e->first != 0 && (first != e->last + 1 || fate != e->fate))
		call_say_pending(c);
	if (e->first == 0)
		e->first = first;
	e->last = last;
	e->fate = fate;
}

/* A record has no result: an answer with -S, else a line. */
static void
call_say_record(struct call *c, uint64_t number, const char *why)
{
	uint64_t last, first = filter_records(&c->filter, number, &last);

	if (filter_fail(&c->filter, number, !c->dropping, why) == 0 &&
	    c->filter.config.status)
		return;
	if (c->dropping)
		call_say_merged(c, first, last, FATE_NOT_RUN);
	else if (c->ending.broken)
		call_say_merged(c, first, last, FATE_OPEN);
	else
		call_say_lines(c, first, last, why);
}

void
call_fail_record(struct call *c, uint64_t number, const char *why)
{
	if (!c->dropping)
		call_job_end(c, number, 0, why);
	call_say_record(c, number, why);
}

/* Report the next record whose result standard output lost: 1, or 0 if all of
 * them are reported. */
static int
call_tell_lost(struct call *c)
{
	struct call_ending *e = &c->ending;
	uint64_t first, last;

	first = filter_unwritten(&c->filter, &e->pos, &last);
	if (first != 0)
		call_say_merged(c, first, last, FATE_NOT_WRITTEN);
	return first != 0;
}

/* End one record, on the way to the end: 0 when there are no more. The end of
 * one may put the results of later ones into the queue that is lost. */
static int
call_end_record(struct call *c, int64_t now)
{
	struct call_ending *e = &c->ending;

	if (e->broken && call_tell_lost(c))
		return 1;
	if (c->filter.running > 0)
		call_fail_record(c, c->filter.oldest, e->why);
	else if (buf_len(&c->in) > 0)
		call_drop_unsent(c, now);
	else {
		call_say_pending(c);
		return 0;
	}
	return 1;
}

static void
call_end_step(struct call *c, int64_t now)
{
	while (!c->over && outbox_len(plb_out(c->plb)) < STEP_MARK)
		if (!call_end_record(c, now))
			call_end(c, c->ending.broken ? CALL_QUIT : CALL_FINISH,
			    EXIT_TEMPORARY);
}

void
call_stop(struct call *c, int64_t now, const char *why)
{
	struct call_ending *e = &c->ending;

	if (!c->config.filter) {
		call_end(c, CALL_QUIT, EXIT_TEMPORARY);
		return;
	}
	if (!e->begun) {
		e->begun = 1;
		c->ended = 1;
		snprintf(e->why, sizeof(e->why), "%s", why);
	}
	if (c->flush_at == NEVER)
		c->flush_at = now + CALL_FLUSH_MS;
}

void
call_interrupt(struct call *c, int64_t now, const char *signal)
{
	char why[REASON_MAX];

	snprintf(why, sizeof(why), "ended by %s", signal);
	call_stop(c, now, why);
}

void
call_broken(struct call *c, int64_t now, size_t lost, const char *why)
{
	struct call_ending *e = &c->ending;

	if (!c->config.filter) {
		call_stream_break(c, now);
		c->status = EXIT_TEMPORARY; /* and not the function's */
		call_end(c, CALL_QUIT, EXIT_TEMPORARY);
		return;
	}
	if (!e->broken)
		outbox_act(plb_out(c->plb), CALL_HALT, 0, 0,
		    slice_of(NULL, 0));
	snprintf(e->lost, sizeof(e->lost), "%s", why);
	if (!e->begun)
		snprintf(e->why, sizeof(e->why),
		    "standard output takes no more");
	e->begun = e->broken = 1;
	c->filter.config.status = 0; /* lines are for standard error now */
	filter_lose(&c->filter, lost);
	c->ended = 1;
	c->over = 0; /* it has more to say */
	c->flush_at = NEVER;
	if (c->status == 0)
		c->status = EXIT_TEMPORARY;
}

/* Requests. */

void
call_submit(struct call *c, int64_t now, uint64_t number, struct slice body)
{
	c->request.u.request.id = number;
	c->request.u.request.body = body;
	if (plb_ops.message(c->plb, now, 0, &c->request) == -1)
		call_give_up(c, EXIT_TEMPORARY,
		    "unable to send a request: out of memory");
}

/* May the filter take in more, but for tokens? */
static int
call_is_open(const struct call *c)
{
	return filter_open(&c->filter) && buf_len(c->out) < OUT_MARK;
}

static int
call_may_send(const struct call *c)
{
	return plb_room(c->plb) > 0 && call_is_open(c);
}

/* Send records while there are tokens, or want more of them. */
static void
call_pump(struct call *c, int64_t now)
{
	struct plb_view v;

	if (c->config.failures > 0 && c->filter.failed >= c->config.failures &&
	    !c->ending.begun)
		call_drop_rest(c, now);
	while (!c->ending.begun && !c->stopped) {
		if (call_skip_record(c))
			continue;
		if (!call_may_send(c) || !call_send_record(c, now))
			break;
		c->forced = 0;
	}
	plb_look(c->plb, &v);
	if ((buf_len(&c->in) > 0 || c->ready) && plb_room(c->plb) == 0)
		plb_want(c->plb, 2 * v.in_flight + 1);
	if (!c->ended || buf_len(&c->in) > 0)
		return;
	plb_want_only(c->plb, v.in_flight + v.queued);
	if (c->filter.running == 0 && !c->ending.begun)
		call_end(c, CALL_FINISH,
		    c->filter.failed > 0 ? EXIT_TEMPORARY : 0);
}

/* Input. */

/*
 * A filter wants input if there is a token for it, or to learn that there is
 * any, so that it wants a token.
 */
static int
call_wants_input(struct call *c)
{
	if (c->over || c->ended)
		return 0;
	if (!c->config.filter)
		return call_stream_wants(c);
	if (!call_is_open(c))
		return c->forced;
	return plb_room(c->plb) > 0 || c->forced || call_is_done(c) ||
	    (!c->ready && buf_len(&c->in) == 0);
}

static void
call_watch(struct call *c)
{
	int want = call_wants_input(c);

	if (want != c->watching && outbox_act(plb_out(c->plb), CALL_INPUT, 0,
	    (uint64_t)want, slice_of(NULL, 0)) == 0)
		c->watching = want;
}

size_t
call_readable(struct call *c)
{
	if (!c->config.filter)
		return c->ended ? 0 : call_stream_room(c);
	c->ready = plb_room(c->plb) == 0 && !c->forced && !call_is_done(c);
	return !c->ready && !c->ended ? CALL_READ_MAX : 0;
}

void
call_input(struct call *c, int64_t now, struct slice bytes)
{
	if (!c->config.filter) {
		call_stream_input(c, now, bytes);
		return;
	}
	c->waits_at = c->came_at = now;
	if (buf_append(&c->in, bytes.p, bytes.len) == -1)
		call_give_up(c, EXIT_TEMPORARY, "unable to keep the input: "
		    "out of memory");
}

void
call_input_end(struct call *c, int64_t now, const char *why)
{
	c->ended = 1;
	if (why != NULL) {
		outbox_log(plb_out(c->plb), LOG_ERROR,
		    "unable to read standard input: %s", why);
		c->status = EXIT_TEMPORARY;
	}
	if (c->config.filter)
		return;
	if (why != NULL) /* it is half a body */
		call_end(c, CALL_QUIT, EXIT_TEMPORARY);
	else
		call_stream_end(c, now);
}

/* Time limits. */

static void
call_no_answer(const struct call *c, char *why, size_t size)
{
	snprintf(why, size, "no answer in %g s",
	    (double)c->config.limit_ms / 1000);
}

static void
call_no_capacity(const struct call *c, int64_t now, char *why, size_t size)
{
	char reason[REASON_MAX];

	snprintf(why, size, "no capacity in %g s: %s",
	    (double)c->config.limit_ms / 1000,
	    call_why_not(c, now, reason, sizeof(reason)));
}

/* Records whose answers are overdue: the channel should have said that their
 * time was up. */
static void
call_expire(struct call *c, int64_t now)
{
	struct msg m = { .type = MSG_ABANDON };
	int64_t since = now - c->config.limit_ms - CALL_GRACE_MS;
	char why[REASON_MAX];

	call_no_answer(c, why, sizeof(why));
	while (filter_since(&c->filter) <= since) {
		m.u.abandon.id = c->filter.oldest;
		call_fail_record(c, c->filter.oldest, why);
		plb_ops.message(c->plb, now, 0, &m);
	}
}

/*
 * Since when is there input, with nothing in flight and nothing held? Records
 * that were read have waited that long, and so has the first one that is not
 * read yet, so read it.
 */
static void
call_expire_input(struct call *c, int64_t now)
{
	char why[SAY_MAX];
	int dropped = 0;

	if (c->filter.running > 0 || !call_is_open(c) ||
	    plb_room(c->plb) > 0 || (!c->ready && buf_len(&c->in) == 0)) {
		c->waits_at = NEVER;
		c->forced = 0;
		return;
	}
	if (c->waits_at == NEVER)
		c->waits_at = now;
	if (now < c->waits_at + c->config.limit_ms && !c->forced)
		return;
	call_no_capacity(c, now, why, sizeof(why));
	while (call_is_open(c) && call_drop_record(c, now, why)) {
		dropped = 1;
		if (c->forced)
			break;
	}
	c->forced = !dropped && !c->ended && c->ready;
	if (c->forced)
		return;
	c->waits_at = now;
	c->ready = 0;
}

static void
call_look_at_limit(struct call *c, int64_t now)
{
	char why[REASON_MAX];

	if (c->config.limit_ms == 0 || c->ending.begun)
		return;
	if (c->config.filter) {
		call_expire(c, now);
		call_expire_input(c, now);
	} else if (c->asked_at != NEVER &&
	    now >= c->asked_at + c->config.limit_ms + CALL_GRACE_MS) {
		call_no_answer(c, why, sizeof(why));
		call_give_up(c, CALL_LATE, why);
	}
}

static int64_t
call_limit_at(const struct call *c)
{
	int64_t since = c->config.filter ? filter_since(&c->filter) :
					   c->asked_at, at = NEVER;

	if (c->config.limit_ms == 0 || c->over)
		return NEVER;
	if (since != NEVER)
		at = since + c->config.limit_ms + CALL_GRACE_MS;
	if (c->waits_at != NEVER && !c->forced)
		at = call_earlier(at, c->waits_at + c->config.limit_ms);
	return at;
}

/* Answers. */

void
call_lose_result(struct call *c)
{
	call_give_up(c, EXIT_TEMPORARY,
	    "unable to keep a result: out of memory");
}

/* A record's reply: with -S whatever its status is. */
static void
call_on_result(struct call *c, const struct msg_reply *r)
{
	char why[REASON_MAX + 2 * SAID_MAX], where[2 * SAID_MAX];
	char status[16];
	const char *unfit;

	snprintf(status, sizeof(status), "%u", (unsigned)r->status);
	call_job_end(c, r->id, r->body.len, status);
	if (r->status != 0 && !c->config.records.status) {
		snprintf(why, sizeof(why), "exit status %llu%s",
		    (unsigned long long)r->status, call_error_where(r->host,
		    r->said, where, sizeof(where)));
		call_say_record(c, r->id, why);
	} else if (filter_result(&c->filter, r->id, (unsigned)r->status,
	    r->body, &unfit) == -1) {
		if (unfit == NULL) {
			call_lose_result(c);
			return;
		}
		snprintf(why, sizeof(why), "%s",
		    c->config.records.kind == FRAME_LINE ?
		    "it has run, and its reply has several lines: -0 takes "
		    "what has no NUL, -N any bytes, -B many records at once" :
		    c->config.records.kind == FRAME_NUL ?
		    "it has run, and its reply has a NUL in it: -N takes any "
		    "bytes" : unfit);
		call_fail_record(c, r->id, why);
	}
}

/* If a request was never sent because there was no capacity, the reason is the
 * last that we heard about capacity. */
static void
call_on_fail(struct call *c, int64_t now, const struct msg_fail *f)
{
	char why[SAY_MAX], where[2 * SAID_MAX];

	if (f->late && !f->ran)
		call_no_capacity(c, now, why, sizeof(why));
	else
		snprintf(why, sizeof(why), "%.*s%s", SLICE_ARG(f->reason),
		    call_error_where(f->host, f->said, where, sizeof(where)));
	if (c->config.filter)
		call_fail_record(c, f->id, why);
	else
		call_give_up(c, f->late ? CALL_LATE : f->final ?
		    EXIT_USAGE : EXIT_TEMPORARY, why);
}

/* A request that we gave up on may still be answered. */
static void
call_on_answer(struct call *c, int64_t now, const struct msg *m)
{
	uint64_t id = m->type == MSG_REPLY ? m->u.reply.id : m->u.fail.id;

	c->host = m->type == MSG_REPLY ? m->u.reply.host : m->u.fail.host;
	call_error_end(c, id);
	if (c->config.filter && !filter_is_running(&c->filter, id))
		return;
	if (m->type == MSG_FAIL)
		call_on_fail(c, now, &m->u.fail);
	else if (c->config.filter)
		call_on_result(c, &m->u.reply);
	else
		call_stream_finish(c, &m->u.reply);
	c->host = slice_of(NULL, 0);
	call_forget_trouble(c);
}

void
call_take(struct call *c, int64_t now, const struct act *a)
{
	struct msg m;

	if (c->over || c->ending.begun)
		return;
	c->now = now;
	if (a->kind == PLB_ROOM) {
		call_forget_trouble(c);
		call_arm_notice(c, now);
		return;
	}
	if (a->kind == PLB_SENT)
		call_job_sent(c, now, a->value);
	if (a->kind != ACT_SEND || act_message(a, &m) != 1)
		return;
	if (m.type == MSG_OFFERS)
		call_on_offers(c, now, &m.u.offers);
	else if (m.type == MSG_REFUSE)
		call_on_refuse(c, now, &m.u.refuse);
	else if (m.type == MSG_REPLY || m.type == MSG_FAIL)
		call_on_answer(c, now, &m);
	else if (m.type == MSG_DATA && m.u.data.part == STREAM_ERROR)
		call_error_take(c, now, &m.u.data);
	else if (!c->config.filter)
		call_stream_take(c, now, &m);
}

/* What was given, as it comes and goes. */

static struct way *
call_way_of(const struct call *c, uint32_t tag)
{
	return tag - PLB_FIXED_TAG < c->config.ngiven ?
	    &c->way[tag - PLB_FIXED_TAG] : NULL;
}

/* If one of several is lost, say so; the others go on. */
static void
call_tell_way(struct call *c, int64_t now, const struct way *w)
{
	char why[WAY_TEXT_MAX + 256];

	if (c->config.ngiven > 1 && !c->over && w->peer == 0)
		outbox_log(plb_out(c->plb), LOG_INFO, "%s: %s",
		    c->config.module, way_why(w, now, why, sizeof(why)));
}

/* The broker, while there is no PLB. */
static void
call_buy(struct call *c)
{
	if (c->buying || !c->config.plb.fallback)
		return;
	c->buying = outbox_act(plb_out(c->plb), ACT_DIAL, 0, DIAL_FOREVER,
	    slice_str(c->config.broker)) == 0;
}

void
call_command_ended(struct call *c, int64_t now, uint32_t tag, const char *how)
{
	way_ended(call_way_of(c, tag), now, how);
	call_tell_way(c, now, call_way_of(c, tag));
}

void
call_command_unable(struct call *c, int64_t now, uint32_t tag, const char *why)
{
	way_unable(call_way_of(c, tag), now, why);
	call_tell_way(c, now, call_way_of(c, tag));
}

static void
call_tick_ways(struct call *c, int64_t now)
{
	size_t i;

	c->hope_at = NEVER;
	for (i = 0; i < c->config.ngiven && !c->over; i++) {
		if (way_patience(&c->way[i]) > now)
			c->hope_at = call_earlier(c->hope_at,
			    way_patience(&c->way[i]));
		switch (way_tick(&c->way[i], now)) {
		case WAY_START:
			outbox_act(plb_out(c->plb), CALL_START,
			    PLB_FIXED_TAG + (uint32_t)i, 0,
			    slice_of(NULL, 0));
			break;
		case WAY_STOP:
			outbox_act(plb_out(c->plb), CALL_STOP,
			    PLB_FIXED_TAG + (uint32_t)i, 0,
			    slice_of(NULL, 0));
			break;
		case WAY_NOTHING:
			break;
		}
	}
	call_look_for_hope(c, now);
}

/* As the driver sees it. */

/* What answers there is no channel, and will be none. */
static void
call_end_way(struct call *c, int64_t now, struct way *w, unsigned role)
{
	char why[REASON_MAX];

	snprintf(why, sizeof(why), "a process of role %s answers: -x takes a "
	    "channel or a listener; leave it out to use the broker",
	    role_name(role));
	way_failed(w, now, slice_str(why), 1);
	outbox_act(plb_out(c->plb), ACT_UNDIAL, 0, 0, slice_str(
	    c->config.given[w - c->way].name));
	call_buy(c);
}

static void
call_up(void *core, int64_t now, uint32_t peer, const struct peer_info *info)
{
	struct call *c = core;
	struct way *w = call_way_of(c, info->tag);

	if (w != NULL && !w->command && !(info->role & ROLE_SERVES))
		call_end_way(c, now, w, info->role);
	else if (w != NULL)
		way_up(w, now, peer);
	plb_ops.up(c->plb, now, peer, info);
}

/* The way that this peer is, or NULL. */
static struct way *
call_way_to(const struct call *c, uint32_t peer)
{
	size_t i = 0;

	while (i < c->config.ngiven && c->way[i].peer != peer)
		i++;
	return i < c->config.ngiven ? &c->way[i] : NULL;
}

static void
call_down(void *core, int64_t now, uint32_t peer)
{
	struct call *c = core;
	struct way *w = call_way_to(c, peer);

	if (w != NULL) {
		way_down(w, now);
		call_tell_way(c, now, w);
		call_buy(c);
	}
	plb_ops.down(c->plb, now, peer);
}

/* A PLB that drains no longer serves us. */
static int
call_message(void *core, int64_t now, uint32_t peer, const struct msg *m)
{
	struct call *c = core;
	struct way *w = m->type == MSG_DRAIN || m->type == MSG_REFUSE ||
	    m->type == MSG_DEMAND ? call_way_to(c, peer) : NULL;

	if (w != NULL && m->type == MSG_REFUSE)
		way_answered(w, m->u.refuse.reason);
	else if (w != NULL && m->type == MSG_DEMAND)
		way_answered(w, slice_of(NULL, 0));
	else if (w != NULL && !w->command)
		way_down(w, now);
	return plb_ops.message(c->plb, now, peer, m);
}

static void
call_failed(void *core, int64_t now, uint32_t tag, struct slice reason,
    int final)
{
	struct call *c = core;
	struct way *w = call_way_of(c, tag);

	if (w != NULL) {
		way_failed(w, now, reason, final);
		if (w->command)
			call_tell_way(c, now, w);
		call_buy(c);
	}
	plb_ops.failed(c->plb, now, tag, reason, final);
}

/* None of these is due when all is over. */
static void
call_tick_notices(struct call *c, int64_t now)
{
	if (now >= c->unknown_at)
		call_give_up(c, EXIT_USAGE, c->trouble);
	if (now >= c->notice_at)
		call_on_notice(c, now);
	if (now >= c->progress_at) {
		call_show_progress(c, now);
		c->progress_at = now + c->config.progress_ms;
	}
}

/* Report what could not be written in time. */
static void
call_tick_flush(struct call *c, int64_t now)
{
	char why[REASON_MAX];

	if (now < c->flush_at)
		return;
	snprintf(why, sizeof(why), "%s", c->ending.why);
	call_broken(c, now, 0, why);
}

static void
call_tick(void *core, int64_t now)
{
	struct call *c = core;

	c->now = now;
	if (!c->over && !c->ending.begun) {
		call_look_at_limit(c, now);
		if (c->config.filter)
			call_pump(c, now);
		else
			call_stream_tick(c, now);
		call_tick_ways(c, now);
		call_tick_notices(c, now);
	}
	call_tick_flush(c, now);
	if (c->ending.begun && !c->over)
		call_end_step(c, now);
	if (c->filter.put != c->shown && !c->ending.broken &&
	    outbox_act(plb_out(c->plb), CALL_WRITE, 0, 0,
		slice_of(NULL, 0)) == 0)
		c->shown = c->filter.put;
	call_job_tell(c);
	call_watch(c);
	plb_ops.tick(c->plb, now);
}

static int64_t
call_ways_deadline(const struct call *c)
{
	int64_t due = c->hope_at;
	size_t i;

	for (i = 0; i < c->config.ngiven; i++)
		due = call_earlier(due, way_deadline(&c->way[i]));
	return due;
}

static int64_t
call_deadline(const void *core)
{
	const struct call *c = core;
	int64_t due = call_earlier(plb_ops.deadline(c->plb), c->flush_at);

	if (c->over)
		return due;
	if (c->ending.begun)
		return INT64_MIN;
	due = call_earlier(due, call_earlier(c->notice_at, c->unknown_at));
	due = call_earlier(due, c->stream.send_at);
	due = call_earlier(due, call_earlier(c->progress_at,
	    call_limit_at(c)));
	return call_earlier(due, call_ways_deadline(c));
}

const struct core_ops call_ops = {
	ROLE_CALLER, call_up, call_down, call_message, call_failed, call_tick,
	call_deadline
};

/* Life. */

void
call_log_requests(struct call *c)
{
	plb_log_requests(c->plb);
}

static int
call_new_plb(struct call *c, uint64_t seed)
{
	struct plb_config config = c->config.plb;
	struct slice address[PLB_FIXED_MAX];
	size_t i;

	assert(c->config.ngiven <= PLB_FIXED_MAX);
	for (i = 0; i < c->config.ngiven; i++)
		address[i] = c->config.given[i].command ? slice_of(NULL, 0) :
		    slice_str(c->config.given[i].name);
	config.fixed = c->config.ngiven;
	config.address = address;
	config.tells = c->config.joblog;
	config.caller = 1;
	c->plb = plb_new(seed, &config);
	return c->plb == NULL ? -1 : 0;
}

/* With PLB: the broker is dialled from the start, where nothing was given. */
static int
call_new_ways(struct call *c, int64_t now)
{
	const struct call_given *g = c->config.given;
	size_t i;

	c->way = calloc(c->config.ngiven + 1, sizeof(*c->way));
	if (c->way == NULL)
		return -1;
	for (i = 0; i < c->config.ngiven; i++)
		way_init(&c->way[i], now, g[i].name, g[i].command);
	if (c->config.ngiven == 0)
		return outbox_act(plb_out(c->plb), ACT_DIAL, 0, DIAL_FOREVER,
		    slice_str(c->config.broker));
	return 0;
}

struct call *
call_new(int64_t now, uint64_t seed, const struct call_config *config,
    struct buf *out)
{
	struct call *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->config = *config;
	c->out = out;
	c->reader.kind = config->records.kind;
	buf_init(&c->in, config->filter ? MSG_MAX + CALL_READ_MAX :
	    STREAM_HEAD);
	buf_init(&c->word, CALL_ARGS_MAX);
	c->stream.send_at = config->filter ? NEVER : now + CALL_WAIT_MS;
	c->stream.last = -1;
	c->stream.shown_at = c->now = now;
	c->unknown_at = c->asked_at = c->waits_at = c->flush_at = NEVER;
	c->hope_at = NEVER;
	c->began_at = NEVER;
	c->progress_at = config->progress_ms > 0 ?
	    now + config->progress_ms : NEVER;
	call_arm_notice(c, now);
	if ((config->replace && (c->args = malloc(CALL_ARGS_MAX)) == NULL) ||
	    call_new_plb(c, seed) == -1 || call_new_ways(c, now) == -1 ||
	    (config->filter && filter_init(&c->filter, &config->records,
		out) == -1) || call_job_new(c) == -1) {
		call_free(c);
		return NULL;
	}
	c->request.type = MSG_REQUEST;
	c->request.u.request.function = slice_str(config->function);
	c->request.u.request.args = config->args;
	c->request.u.request.left_ms = (uint64_t)config->limit_ms;
	c->request.u.request.retries = config->retries;
	c->request.u.request.again = config->again != 0;
	c->request.u.request.named = config->joblog != 0;
	c->request.u.request.errors = config->errors ? STREAM_FIRST : 0;
	if (!config->filter)
		c->request.u.request.window = stream_begin(&c->stream.output,
		    call_stream_sharers(c));
	return c;
}

void
call_free(struct call *c)
{
	while (c->errors != NULL)
		call_error_end(c, c->errors->number);
	plb_free(c->plb);
	free(c->way);
	filter_free(&c->filter);
	free(c->jobs);
	free(c->args);
	buf_free(&c->word);
	buf_free(&c->in);
	free(c);
}

struct outbox *
call_out(struct call *c)
{
	return plb_out(c->plb);
}
