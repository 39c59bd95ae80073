#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrs.h"
#include "call.h"
#include "exit.h"

#define NEVER	    INT64_MAX
#define BODY_MAX    (MSG_MAX - 128 * 1024) /* arguments fit beside it */
#define OUT_MARK    (1024 * 1024) /* of results not yet written */
#define PROGRESS_MS 1000
#define GRACE_MS    250	 /* for the channel to say itself that time is up */
#define UNKNOWN_MS  1000 /* for another exchange to know of a seller */

struct call {
	struct call_config config;
	struct plb *plb;
	struct msg request; /* but for id and body */
	struct buf in; /* read, and not yet sent */
	struct buf *out;
	struct frame_reader reader;
	struct filter filter;
	int watching; /* CALL_INPUT said so */
	int ready; /* input is there, and waits for tokens */
	int ended; /* of the input */
	int over;  /* CALL_FINISH or CALL_QUIT is out */
	int status;

	/* Why nothing comes. */
	int64_t notice_at, limit_at, unknown_at, progress_at; /* or NEVER */
	int told;  /* that there is none */
	int stuck; /* no answer came since the last notice */
	int lost;  /* fixed: there was no link at the last notice */
	char trouble[REASON_MAX]; /* what we were told about buying */
};

/* Ending, and what is said. */

static void
call_show_progress(struct call *c)
{
	char line[160];
	struct plb_view v;

	plb_look(c->plb, &v);
	snprintf(line, sizeof(line), "%llu done, %llu failed, %llu in flight, "
	    "%zu channels", (unsigned long long)c->filter.done,
	    (unsigned long long)c->filter.failed,
	    (unsigned long long)v.in_flight, v.channels);
	outbox_act(plb_out(c->plb), CALL_PROGRESS, 0, 0, slice_str(line));
}

/* End with this status, or a worse one that was set before. */
static void
call_end(struct call *c, enum call_act how, int status)
{
	if (c->config.progress)
		call_show_progress(c);
	if (c->status < status)
		c->status = status;
	c->over = outbox_act(plb_out(c->plb), how, 0, (uint64_t)c->status,
	    slice_of(NULL, 0)) == 0;
	c->notice_at = c->limit_at = c->unknown_at = c->progress_at = NEVER;
}

static void
call_give_up(struct call *c, int status, const char *fmt, ...)
{
	char why[2 * REASON_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	outbox_log(plb_out(c->plb), LOG_ERROR, "%s", why);
	call_end(c, CALL_QUIT, status);
}

/* The same, of the module that is called. */
static void
call_give_up_on(struct call *c, int status, const char *why)
{
	call_give_up(c, status, "%s: %s", c->config.module, why);
}

/* Of a record of the input. */
static void
call_say(struct call *c, uint64_t number, const char *fmt, ...)
{
	char what[2 * REASON_MAX], line[sizeof(what) + 32];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	snprintf(line, sizeof(line), "line %llu: %s",
	    (unsigned long long)number, what);
	outbox_act(plb_out(c->plb), CALL_LINE, 0, 0, slice_str(line));
}

/* Requests. */

static void
call_submit(struct call *c, int64_t now, uint64_t number, struct slice body)
{
	c->request.u.request.id = number;
	c->request.u.request.body = body;
	if (plb_ops.message(c->plb, now, 0, &c->request) == -1)
		call_give_up(c, EXIT_TEMPORARY,
		    "unable to send a request: out of memory");
}

/* The next record of the input: 1, 0 none is whole yet, -1 no more can come. */
static int
call_next_record(struct call *c, struct frame *record, size_t *taken)
{
	struct slice in = buf_slice(&c->in);
	ssize_t n = frame_next(&c->reader, in.p, in.len, record);

	if (n > 0) {
		*taken = (size_t)n;
		return 1;
	}
	if (n == 0 && !(c->ended && in.len > 0))
		return 0;
	if (n == 0 && frame_last(&c->reader, in.p, in.len, record)) {
		*taken = in.len;
		return 1;
	}
	outbox_log(plb_out(c->plb), LOG_ERROR,
	    "record %llu of the input is %s; stopping there",
	    (unsigned long long)c->filter.next,
	    n == 0 ? "cut short" : errno == EMSGSIZE ? "over 16 MiB" :
	    "not in the framing that was asked for");
	buf_consume(&c->in, in.len);
	c->ended = 1;
	if (c->status == 0)
		c->status = EXIT_USAGE;
	return -1;
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
	struct frame record;
	struct plb_view v;
	size_t taken;

	while (!c->over && call_may_send(c) &&
	    call_next_record(c, &record, &taken) == 1) {
		call_submit(c, now, filter_add(&c->filter, record.body.len),
		    record.body);
		buf_consume(&c->in, taken);
	}
	plb_look(c->plb, &v);
	if ((buf_len(&c->in) > 0 || c->ready) && plb_room(c->plb) == 0)
		plb_want(c->plb, 2 * v.in_flight + 1);
	if (!c->ended || buf_len(&c->in) > 0)
		return;
	plb_want_only(c->plb, v.in_flight + v.queued);
	if (c->filter.running == 0 && !c->over)
		call_end(c, CALL_FINISH,
		    c->filter.failed > 0 ? EXIT_TEMPORARY : 0);
}

/* Input. */

/*
 * A filter wants it where there is a token for what comes, or to learn that
 * something has come at all, so that a token is wanted.
 */
static int
call_wants_input(const struct call *c)
{
	if (c->over || c->ended)
		return 0;
	return !c->config.filter || call_may_send(c) ||
	    (!c->ready && call_is_open(c) && buf_len(&c->in) == 0);
}

static void
call_watch(struct call *c)
{
	int want = call_wants_input(c);

	if (want != c->watching && outbox_act(plb_out(c->plb), CALL_INPUT, 0,
	    (uint64_t)want, slice_of(NULL, 0)) == 0)
		c->watching = want;
}

int
call_readable(struct call *c)
{
	c->ready = c->config.filter && plb_room(c->plb) == 0;
	return !c->ready;
}

void
call_input(struct call *c, struct slice bytes)
{
	if (buf_append(&c->in, bytes.p, bytes.len) == -1)
		call_give_up(c, EXIT_USAGE, "%s is over %u bytes",
		    c->config.filter ? "a record of the input" :
		    "the body on standard input", (unsigned)c->in.max);
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
	if (why != NULL && !c->config.filter) /* it is half a body */
		call_end(c, CALL_QUIT, EXIT_TEMPORARY);
	else if (!c->config.filter)
		call_submit(c, now, 1, buf_slice(&c->in));
}

/* Why nothing comes. */

static void
call_arm_limit(struct call *c, int64_t now)
{
	if (c->config.limit_ms != 0)
		c->limit_at = now + c->config.limit_ms + GRACE_MS;
}

static void
call_arm_notice(struct call *c, int64_t now)
{
	c->notice_at = now +
	    (c->config.plb.fixed ? CALL_FIXED_MS : CALL_NOTICE_MS);
}

static void
call_forget_trouble(struct call *c)
{
	c->told = c->stuck = 0;
	c->trouble[0] = '\0';
	c->unknown_at = NEVER;
}

/* Does nothing on offer export the function? A message names OFFERS_MAX sets of
 * attributes at most; where it is full, one that it left out may. */
static int
call_is_unknown(const struct call *c, struct slice sets)
{
	struct slice attrs;
	int cast, n;

	if (c->config.function == NULL || c->config.plb.fixed)
		return 0;
	for (n = 0; list_next(&sets, &attrs) == 1; n++)
		if (attrs_exports(attrs, slice_str(c->config.function),
			(unsigned)c->config.nargs, &cast))
			return 0;
	return n > 0 && n < OFFERS_MAX;
}

/* What the broker, or the PLB, says of the order. */
static void
call_on_offers(struct call *c, int64_t now, const struct msg_offers *m)
{
	struct slice sets = m->sets, attrs;
	char has[REASON_MAX / 2] = "";

	if (!call_is_unknown(c, m->sets)) {
		offers_print(m, c->config.module, c->trouble,
		    sizeof(c->trouble));
		return;
	}
	while (list_next(&sets, &attrs) == 1)
		attrs_add(attrs, has, sizeof(has));
	snprintf(c->trouble, sizeof(c->trouble),
	    "%s/%zu is not exported; on offer: %s", c->config.function,
	    c->config.nargs, has);
	if (c->unknown_at == NEVER)
		c->unknown_at = now + UNKNOWN_MS;
}

/* One that is final ends us. Where there is no link it is the PLB core's own
 * word: why there will be none. */
static void
call_on_refuse(struct call *c, const struct msg_refuse *m)
{
	struct plb_view v;

	plb_look(c->plb, &v);
	if (!m->final && v.tokens + v.in_flight > 0)
		return; /* no more than there is */
	snprintf(c->trouble, sizeof(c->trouble), "%s%.*s",
	    c->config.plb.fixed && v.linked == 0 ? "" : "refused: ",
	    SLICE_ARG(m->reason));
	if (m->final)
		call_give_up_on(c, EXIT_USAGE, c->trouble);
}

/* There was no answer for as long as -T allows. */
static void
call_on_limit(struct call *c, int64_t now)
{
	struct plb_view v;

	plb_look(c->plb, &v);
	if (c->config.filter && c->filter.running == 0 && v.linked > 0 &&
	    !c->ready && buf_len(&c->in) == 0)
		call_arm_limit(c, now); /* the input keeps us waiting */
	else
		call_give_up(c, CALL_LATE, "%s: no answer in %g s%s%s",
		    c->config.module, (double)c->config.limit_ms / 1000,
		    c->trouble[0] ? ": " : "", c->trouble);
}

/* Is nothing held? Or has the PLB that has our request told why it waits, and
 * answered nothing from one notice to the next? */
static int
call_is_starved(struct call *c, const struct plb_view *v)
{
	int stuck = c->stuck;

	if (v->tokens + v->in_flight == 0)
		return v->wanted > 0;
	c->stuck = v->in_flight > 0;
	return c->config.plb.fixed && stuck && c->stuck &&
	    c->trouble[0] != '\0';
}

/* The given channel, or PLB, is not there. One may be taking over from another,
 * so that ends us the second time. */
static void
call_on_lost(struct call *c)
{
	if (!c->lost) {
		c->lost = 1;
		call_forget_trouble(c);
	} else if (c->config.where[0] == '|')
		call_give_up(c, EXIT_TEMPORARY, "%s: the command %s does not "
		    "speak as a channel: it has to run lambda-channel, and to "
		    "write nothing else", c->config.module,
		    c->config.where + 1);
	else
		call_give_up(c, EXIT_TEMPORARY, "%s: %s%s: is it running?",
		    c->config.module, c->trouble[0] ? "" : "unable to reach ",
		    c->trouble[0] ? c->trouble : c->config.where);
}

/* There has been nothing for a while: say why, once. */
static void
call_on_notice(struct call *c, int64_t now)
{
	struct plb_view v;

	call_arm_notice(c, now);
	plb_look(c->plb, &v);
	if (c->config.plb.fixed && v.linked == 0 && v.in_flight == 0) {
		call_on_lost(c);
		return;
	}
	c->lost = 0;
	if (!call_is_starved(c, &v) || c->told)
		return;
	c->told = 1;
	if (!c->config.plb.fixed && !v.broker)
		snprintf(c->trouble, sizeof(c->trouble), "no broker answers at "
		    "%s: start lambda-broker, or name its socket with -b",
		    c->config.where);
	outbox_log(plb_out(c->plb), LOG_ERROR, "%s: no capacity yet: %s; "
	    "waiting", c->config.module, c->trouble[0] ? c->trouble :
	    "others hold all that is on offer");
}

/* Answers. */

static void
call_lose_result(struct call *c)
{
	call_give_up(c, EXIT_TEMPORARY,
	    "unable to keep a result: out of memory");
}

/* The result of the one call. A person's next prompt is to start on a line of
 * its own. */
static void
call_finish(struct call *c, const struct msg_reply *r)
{
	struct slice body = r->body;

	if (buf_append(c->out, body.p, body.len) == -1 ||
	    (c->config.terminal && body.len > 0 &&
		body.p[body.len - 1] != '\n' &&
		buf_append(c->out, "\n", 1) == -1))
		call_lose_result(c);
	else
		call_end(c, CALL_FINISH, (int)r->status);
}

static void
call_on_reply(struct call *c, const struct msg_reply *r)
{
	const char *why;

	if (!c->config.filter) {
		call_finish(c, r);
	} else if (r->status != 0) {
		call_say(c, r->id, "exit status %llu",
		    (unsigned long long)r->status);
		if (filter_fail(&c->filter, r->id) == -1)
			call_lose_result(c);
	} else if (filter_result(&c->filter, r->id, r->body, &why) == -1) {
		if (why != NULL)
			call_say(c, r->id, "the reply: %s", why);
		else
			call_lose_result(c);
	}
}

/* Where a request was never sent as there was no capacity, the reason is what
 * we were told of that last. */
static void
call_on_fail(struct call *c, const struct msg_fail *f)
{
	char why[2 * REASON_MAX];

	if (f->late && !f->ran)
		snprintf(why, sizeof(why), "no capacity in %g s%s%s",
		    (double)c->config.limit_ms / 1000,
		    c->trouble[0] ? ": " : "", c->trouble);
	else
		snprintf(why, sizeof(why), "%.*s", SLICE_ARG(f->reason));
	if (!c->config.filter) {
		call_give_up_on(c, f->late ? CALL_LATE : f->final ?
		    EXIT_USAGE : EXIT_TEMPORARY, why);
		return;
	}
	call_say(c, f->id, "%s", why);
	if (filter_fail(&c->filter, f->id) == -1)
		call_lose_result(c);
}

static void
call_on_answer(struct call *c, int64_t now, const struct msg *m)
{
	if (m->type == MSG_REPLY)
		call_on_reply(c, &m->u.reply);
	else if (m->type == MSG_FAIL)
		call_on_fail(c, &m->u.fail);
	if (c->over)
		return;
	call_forget_trouble(c);
	call_arm_limit(c, now); /* the next has as long as this one had */
}

/* The act's bytes stand in the outbox: nothing reads them after something was
 * appended there. */
void
call_take(struct call *c, int64_t now, const struct act *a)
{
	struct msg m;

	if (c->over)
		return;
	if (a->kind == PLB_ROOM) {
		call_forget_trouble(c);
		call_arm_notice(c, now);
		return;
	}
	if (a->kind != ACT_SEND || act_message(a, &m) != 1)
		return;
	if (m.type == MSG_OFFERS)
		call_on_offers(c, now, &m.u.offers);
	else if (m.type == MSG_REFUSE)
		call_on_refuse(c, &m.u.refuse);
	else
		call_on_answer(c, now, &m);
}

/* As the driver sees it. */

static void
call_up(void *core, int64_t now, uint32_t peer, const struct peer_info *info)
{
	const struct call *c = core;

	plb_ops.up(c->plb, now, peer, info);
}

static void
call_down(void *core, int64_t now, uint32_t peer)
{
	const struct call *c = core;

	plb_ops.down(c->plb, now, peer);
}

static int
call_message(void *core, int64_t now, uint32_t peer, const struct msg *m)
{
	const struct call *c = core;

	return plb_ops.message(c->plb, now, peer, m);
}

static void
call_failed(void *core, int64_t now, uint32_t tag, struct slice reason,
    int final)
{
	const struct call *c = core;

	plb_ops.failed(c->plb, now, tag, reason, final);
}

static void
call_tick(void *core, int64_t now)
{
	struct call *c = core;

	if (c->config.filter && !c->over)
		call_pump(c, now);
	/* None of these is due when all is over. */
	if (now >= c->unknown_at)
		call_give_up_on(c, EXIT_USAGE, c->trouble);
	if (now >= c->limit_at)
		call_on_limit(c, now);
	if (now >= c->notice_at)
		call_on_notice(c, now);
	if (now >= c->progress_at) {
		call_show_progress(c);
		c->progress_at = now + PROGRESS_MS;
	}
	call_watch(c);
	plb_ops.tick(c->plb, now);
}

static int64_t
call_deadline(const void *core)
{
	const struct call *c = core;
	const int64_t at[] = { plb_ops.deadline(c->plb), c->notice_at,
		c->limit_at, c->unknown_at, c->progress_at };
	int64_t due = NEVER;
	size_t i;

	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++)
		if (at[i] < due)
			due = at[i];
	return due;
}

const struct core_ops call_ops = {
	ROLE_CALLER, call_up, call_down, call_message, call_failed, call_tick,
	call_deadline
};

/* Life. */

struct call *
call_new(int64_t now, uint64_t seed, const struct call_config *config,
    struct buf *out)
{
	struct call *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->config = *config;
	c->out = out;
	c->reader.kind = config->kind;
	buf_init(&c->in, config->filter ? MSG_MAX + CALL_READ_MAX : BODY_MAX);
	c->lost = 1;
	c->limit_at = c->unknown_at = NEVER;
	c->progress_at = config->progress ? now + PROGRESS_MS : NEVER;
	call_arm_notice(c, now);
	call_arm_limit(c, now);
	if ((c->plb = plb_new(seed, &config->plb)) == NULL ||
	    (config->filter && filter_init(&c->filter, config->kind,
		!config->unordered, out) == -1)) {
		call_free(c);
		return NULL;
	}
	c->request.type = MSG_REQUEST;
	c->request.u.request.function = slice_str(config->function);
	c->request.u.request.args = config->args;
	c->request.u.request.left_ms = (uint64_t)config->limit_ms;
	c->request.u.request.retries = config->retries;
	return c;
}

void
call_free(struct call *c)
{
	plb_free(c->plb);
	filter_free(&c->filter);
	buf_free(&c->in);
	free(c);
}

struct outbox *
call_out(struct call *c)
{
	return plb_out(c->plb);
}
