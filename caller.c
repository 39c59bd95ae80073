#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attrs.h"
#include "caller.h"
#include "die.h"
#include "log.h"
#include "sink.h"

#define READ_BYTES    (64 * 1024)
#define BODY_MAX      (MSG_MAX - 128 * 1024) /* arguments fit beside it */
#define ARGS_BYTES    (64 * 1024)
#define OUT_MARK      (1024 * 1024) /* of results not yet written */
#define OUT_MAX	      ((size_t)-1 / 4) /* what is under way bounds them */
#define GRACE_MS      250 /* for the channel to say itself that time is up */
#define UNKNOWN_MS    1000 /* for another exchange to know of a seller */
#define PROGRESS_MS   1000
#define EXIT_LATE     99

struct caller {
	const struct caller_options *o;
	struct hub *hub;
	struct plb *plb;
	struct msg request; /* but for id and body */
	struct buf args;
	struct buf in; /* read, and not yet sent */
	struct frame_reader reader;
	struct watch input;
	struct sink sink;
	struct filter filter;
	struct later pump;
	struct timer notice, limit, progress, unknown;
	int ready; /* input is there, and waits for tokens */
	int ended; /* of the input */
	int told;  /* that there is none */
	int stuck; /* no answer came since we last looked */
	int lost;  /* fixed: there was no link when we last looked */
	int status;
	int finishing;
	char trouble[REASON_MAX]; /* what we were told about buying */
};

static int64_t
now(const struct caller *c)
{
	return loop_now(c->hub->loop);
}

/* Ending. */

static void
quit(struct caller *c, int status)
{
	if (c->status < status)
		c->status = status;
	loop_stop(c->hub->loop);
}

/* A reader that is gone ends us as it ends any filter. */
static void
on_drained(void *arg)
{
	struct caller *c = arg;

	if (c->sink.error == EPIPE) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	if (c->sink.error != 0) {
		log_error("unable to write standard output: %s",
		    strerror(c->sink.error));
		quit(c, EXIT_TEMPORARY);
	} else if (c->finishing)
		quit(c, c->status);
	else
		loop_later(c->hub->loop, &c->pump);
}

/* End once the output is written. */
static void
finish(struct caller *c, int status)
{
	if (c->status < status)
		c->status = status;
	c->finishing = 1;
	if (buf_len(&c->sink.queue) == 0)
		quit(c, c->status);
	else
		sink_filled(&c->sink);
}

/* Requests. */

static void
encode_args(struct caller *c)
{
	struct tlv_writer w;
	size_t i, size = 0;
	void *p;

	for (i = 0; i < c->o->nargs; i++)
		size += tlv_size(strlen(c->o->args[i]));
	if (size > ARGS_BYTES)
		die(EXIT_USAGE, "the arguments are over %d bytes: pass what "
		    "is long on standard input", ARGS_BYTES);
	buf_init(&c->args, ARGS_BYTES);
	if (size > 0) {
		if ((p = buf_reserve(&c->args, size)) == NULL)
			die_errno(EXIT_TEMPORARY, "unable to start");
		tlv_writer_init(&w, p, size);
		for (i = 0; i < c->o->nargs; i++)
			list_put(&w, slice_str(c->o->args[i]));
		buf_commit(&c->args, size);
	}
	c->request.type = MSG_REQUEST;
	c->request.u.request.function = slice_str(c->o->function);
	c->request.u.request.args = buf_slice(&c->args);
	c->request.u.request.left_ms = (uint64_t)c->o->limit_ms;
	c->request.u.request.retries = c->o->retries;
}

static void
submit(struct caller *c, uint64_t number, struct slice body)
{
	c->request.u.request.id = number;
	c->request.u.request.body = body;
	if (plb_ops.message(c->plb, now(c), 0, &c->request) == -1) {
		log_error("unable to send a request: %s", strerror(errno));
		quit(c, EXIT_TEMPORARY);
	}
	hub_deliver(c->hub);
}

static void
arm_limit(struct caller *c)
{
	if (c->o->limit_ms != 0)
		loop_timer(c->hub->loop, &c->limit,
		    now(c) + c->o->limit_ms + GRACE_MS);
}

/* The next record of the input: 1, 0 none is whole yet, -1 no more can come. */
static int
next_record(struct caller *c, struct frame *record, size_t *taken)
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
	log_error("record %llu of the input is %s; stopping there",
	    (unsigned long long)c->filter.next,
	    n == 0 ? "cut short" : errno == EMSGSIZE ? "over 16 MiB" :
	    "not in the framing that was asked for");
	buf_consume(&c->in, in.len);
	c->ended = 1;
	if (c->status == 0)
		c->status = EXIT_USAGE;
	return -1;
}

/* May the filter take in more? */
static int
may_send(const struct caller *c)
{
	return plb_room(c->plb) > 0 && filter_open(&c->filter) &&
	    buf_len(&c->sink.queue) < OUT_MARK;
}

/* Send records while there are tokens; 1 when there is input left that has to
 * wait for one. */
static int
send_records(struct caller *c)
{
	struct frame record;
	size_t taken;

	while (may_send(c) && next_record(c, &record, &taken) == 1) {
		submit(c, filter_add(&c->filter, record.body.len),
		    record.body);
		buf_consume(&c->in, taken);
	}
	return buf_len(&c->in) > 0 && !may_send(c);
}

/*
 * Watch the input where there is a token for what comes, or to learn that
 * something has come at all, so that a token is wanted.
 */
static void
watch_input(struct caller *c, int left)
{
	int want = !c->ended && !left &&
	    (may_send(c) || (!c->ready && filter_open(&c->filter) &&
				buf_len(&c->sink.queue) < OUT_MARK));

	c->input.events = POLLIN;
	if (want && c->input.slot == 0)
		loop_watch(c->hub->loop, &c->input);
	else if (!want && c->input.slot != 0)
		loop_unwatch(c->hub->loop, &c->input);
}

static void
pump(void *arg)
{
	struct caller *c = arg;
	struct plb_view v;
	int left;

	if (c->finishing)
		return;
	left = send_records(c);
	plb_look(c->plb, &v);
	if ((left || c->ready) && plb_room(c->plb) == 0) {
		plb_want(c->plb, now(c), 2 * v.in_flight + 1);
		hub_deliver(c->hub);
	}
	if (c->ended && buf_len(&c->in) == 0) {
		plb_want_only(c->plb, now(c), v.in_flight + v.queued);
		if (c->filter.running == 0)
			finish(c, c->filter.failed > 0 ? EXIT_TEMPORARY : 0);
	}
	watch_input(c, left);
}

static void
read_input(struct caller *c)
{
	void *p = buf_reserve(&c->in, READ_BYTES);
	ssize_t n;

	if (p == NULL) {
		log_error("%s is over %u bytes", c->o->filter ?
		    "a record of the input" : "the body on standard input",
		    (unsigned)c->in.max);
		quit(c, EXIT_USAGE);
		return;
	}
	n = read(STDIN_FILENO, p, READ_BYTES);
	if (n > 0)
		buf_commit(&c->in, (size_t)n);
	else if (n == 0)
		c->ended = 1;
	else if (errno != EAGAIN && errno != EINTR) {
		log_error("unable to read standard input: %s",
		    strerror(errno));
		if (!c->o->filter) {
			quit(c, EXIT_TEMPORARY); /* not with half a body */
			return;
		}
		c->status = EXIT_TEMPORARY;
		c->ended = 1;
	}
}

static void
on_readable(void *arg, short revents)
{
	struct caller *c = arg;

	(void)revents;
	if (c->o->filter && plb_room(c->plb) == 0) {
		c->ready = 1;
		loop_unwatch(c->hub->loop, &c->input);
	} else {
		c->ready = 0;
		read_input(c);
	}
	if (c->o->filter) {
		loop_later(c->hub->loop, &c->pump);
	} else if (c->ended) {
		loop_unwatch(c->hub->loop, &c->input);
		submit(c, 1, buf_slice(&c->in));
	}
}

/* Answers. */

static void
arm_notice(struct caller *c)
{
	loop_timer(c->hub->loop, &c->notice,
	    now(c) + (c->o->fixed ? CALLER_FIXED_MS : CALLER_NOTICE_MS));
}

static void
got_answer(struct caller *c)
{
	c->told = c->stuck = 0;
	c->trouble[0] = '\0';
	loop_untimer(c->hub->loop, &c->unknown);
}

static void
got_capacity(struct caller *c)
{
	got_answer(c);
	arm_notice(c);
}

static void
failed(struct caller *c, uint64_t number)
{
	if (filter_fail(&c->filter, number) == -1)
		die_errno(EXIT_TEMPORARY, "unable to keep a result");
}

/* A person reads it, and the next prompt is to start on a line of its own. */
static int
wants_newline(struct slice body)
{
	return body.len > 0 && body.p[body.len - 1] != '\n' &&
	    isatty(STDOUT_FILENO);
}

static void
on_reply(struct caller *c, const struct msg_reply *r)
{
	const char *why;

	if (!c->o->filter) {
		if (buf_append(&c->sink.queue, r->body.p, r->body.len) == -1 ||
		    (wants_newline(r->body) &&
			buf_append(&c->sink.queue, "\n", 1) == -1))
			die_errno(EXIT_TEMPORARY, "unable to keep the reply");
		finish(c, (int)r->status);
		return;
	}
	if (r->status != 0) {
		fprintf(stderr, "line %llu: exit status %llu\n",
		    (unsigned long long)r->id, (unsigned long long)r->status);
		failed(c, r->id);
	} else if (filter_result(&c->filter, r->id, r->body, &why) == -1) {
		if (why == NULL)
			die_errno(EXIT_TEMPORARY, "unable to keep a result");
		fprintf(stderr, "line %llu: the reply: %s\n",
		    (unsigned long long)r->id, why);
	}
}

/* One that was never sent failed for want of capacity, and that has a reason. */
static void
on_fail(struct caller *c, const struct msg_fail *f)
{
	int status = f->late ? EXIT_LATE : f->final ? EXIT_USAGE :
	    EXIT_TEMPORARY;
	char why[2 * REASON_MAX];

	if (f->late && !f->ran)
		snprintf(why, sizeof(why), "no capacity in %g s%s%s",
		    (double)c->o->limit_ms / 1000, c->trouble[0] ? ": " : "",
		    c->trouble);
	else
		snprintf(why, sizeof(why), "%.*s", SLICE_ARG(f->reason));
	if (c->o->filter) {
		fprintf(stderr, "line %llu: %s\n", (unsigned long long)f->id,
		    why);
		failed(c, f->id);
		return;
	}
	log_error("%s: %s", c->o->module, why);
	finish(c, status);
}

/* Of what is on offer, as far as it was said, does nothing export the function?
 * Those that stand at more classes than an offer names may be any. */
static int
is_unknown(const struct caller *c, struct slice sets)
{
	struct slice attrs;
	int cast, n;

	if (c->o->function == NULL || c->o->fixed)
		return 0;
	for (n = 0; list_next(&sets, &attrs) == 1; n++)
		if (attrs_exports(attrs, slice_str(c->o->function),
			(unsigned)c->o->nargs, &cast))
			return 0;
	return n > 0 && n < OFFERS_MAX;
}

static void
on_offers(struct caller *c, const struct msg_offers *m)
{
	struct slice sets = m->sets, attrs;
	char has[REASON_MAX / 2] = "";

	if (!is_unknown(c, m->sets)) {
		offers_print(m, c->o->module, c->trouble, sizeof(c->trouble));
		return;
	}
	while (list_next(&sets, &attrs) == 1)
		attrs_add(attrs, has, sizeof(has));
	snprintf(c->trouble, sizeof(c->trouble),
	    "%s/%zu is not exported; on offer: %s", c->o->function,
	    c->o->nargs, has);
	if (c->unknown.slot == 0)
		loop_timer(c->hub->loop, &c->unknown, now(c) + UNKNOWN_MS);
}

/* Nothing has come of it in the meantime. */
static void
on_unknown(void *arg)
{
	struct caller *c = arg;

	log_error("%s: %s", c->o->module, c->trouble);
	quit(c, EXIT_USAGE);
}

/* One that is final ends us. */
static void
on_refuse(struct caller *c, const struct msg_refuse *m)
{
	struct plb_view v;

	plb_look(c->plb, &v);
	if (!m->final && v.tokens + v.in_flight > 0)
		return; /* no more than there is */
	snprintf(c->trouble, sizeof(c->trouble), "refused: %.*s",
	    SLICE_ARG(m->reason));
	if (!m->final)
		return;
	log_error("%s: %s", c->o->module, c->trouble);
	quit(c, EXIT_USAGE);
}

static void
on_message(struct caller *c, const struct msg *m)
{
	if (m->type == MSG_OFFERS) {
		on_offers(c, &m->u.offers);
	} else if (m->type == MSG_REFUSE) {
		on_refuse(c, &m->u.refuse);
	} else {
		arm_limit(c);
		if (m->type == MSG_REPLY)
			on_reply(c, &m->u.reply);
		else if (m->type == MSG_FAIL)
			on_fail(c, &m->u.fail);
		got_answer(c);
		sink_filled(&c->sink);
	}
}

/* What the PLB core sends to its program. */
static void
on_act(void *arg, const struct act *a)
{
	struct caller *c = arg;
	struct msg m;

	if (a->kind == PLB_ROOM)
		got_capacity(c);
	if (a->kind == ACT_SEND && act_message(a, &m) == 1)
		on_message(c, &m);
	if (c->o->filter)
		loop_later(c->hub->loop, &c->pump);
}

/* Time. */

static void
on_limit(void *arg)
{
	struct caller *c = arg;
	struct plb_view v;

	plb_look(c->plb, &v);
	if (c->o->filter && c->filter.running == 0 && v.linked > 0 &&
	    !c->ready && buf_len(&c->in) == 0) {
		arm_limit(c); /* it is the input that keeps us waiting */
		return;
	}
	log_error("%s: no answer in %g s%s%s", c->o->module,
	    (double)c->o->limit_ms / 1000, c->trouble[0] ? ": " : "",
	    c->trouble);
	quit(c, EXIT_LATE);
}

/* Is nothing held? Or has the PLB that has our request told why it waits, and
 * answered nothing from one look to the next? */
static int
is_starved(struct caller *c, const struct plb_view *v)
{
	int stuck = c->stuck;

	if (v->tokens + v->in_flight == 0)
		return v->wanted > 0;
	c->stuck = v->in_flight > 0;
	return c->o->fixed && stuck && c->stuck && c->trouble[0] != '\0';
}

static void
say_unreached(const struct caller *c)
{
	if (c->o->where[0] == '|')
		log_error("%s: the command %s does not speak as a channel: it "
		    "has to run lambda-channel, and to write nothing else",
		    c->o->module, c->o->where + 1);
	else
		log_error("%s: unable to reach %s: is it running, with the "
		    "same key?", c->o->module, c->o->where);
}

/* There has been nothing for a while: say why, once. */
static void
on_notice(void *arg)
{
	struct caller *c = arg;
	struct plb_view v;

	plb_look(c->plb, &v);
	arm_notice(c);
	if (c->o->fixed && v.linked == 0 && v.in_flight == 0) {
		if (c->lost) {
			say_unreached(c);
			quit(c, EXIT_TEMPORARY);
		}
		c->lost = 1; /* one may be taking over from another */
		return;
	}
	c->lost = 0;
	if (!is_starved(c, &v) || c->told)
		return;
	c->told = 1;
	if (!c->o->fixed && !v.broker)
		snprintf(c->trouble, sizeof(c->trouble), "no broker answers at "
		    "%s: start lambda-broker, or name its socket with -b",
		    c->o->where);
	log_error("%s: no capacity yet: %s; waiting", c->o->module,
	    c->trouble[0] ? c->trouble : "others hold all that is on offer");
}

static void
on_progress(void *arg)
{
	struct caller *c = arg;
	struct plb_view v;

	plb_look(c->plb, &v);
	fprintf(stderr, "%s%llu done, %llu failed, %llu in flight, %zu "
	    "channels%s", isatty(STDERR_FILENO) ? "\r" : "",
	    (unsigned long long)c->filter.done,
	    (unsigned long long)c->filter.failed,
	    (unsigned long long)v.in_flight, v.channels,
	    isatty(STDERR_FILENO) ? "\033[K" : "\n");
	loop_timer(c->hub->loop, &c->progress, now(c) + PROGRESS_MS);
}

static void
leave(const struct caller *c)
{
	if (c->o->leave != NULL)
		c->o->leave();
}

static void
on_signal(void *arg, int signo)
{
	leave(arg);
	signal(signo, SIG_DFL);
	raise(signo);
}

/* Start. */

static void
start(struct caller *c)
{
	struct loop *loop = c->hub->loop;

	c->pump.fn = pump;
	c->pump.arg = c;
	c->notice.fn = on_notice;
	c->limit.fn = on_limit;
	c->progress.fn = on_progress;
	c->unknown.fn = on_unknown;
	c->notice.arg = c->limit.arg = c->progress.arg = c->unknown.arg = c;
	c->input.fd = STDIN_FILENO;
	c->input.fn = on_readable;
	c->input.arg = c;
	c->input.events = POLLIN;
	loop_signal(loop, SIGTERM, on_signal, c);
	loop_signal(loop, SIGINT, on_signal, c);
	c->lost = 1;
	arm_notice(c);
	arm_limit(c);
	if (c->o->progress)
		loop_timer(loop, &c->progress, now(c) + PROGRESS_MS);
	if (!c->o->filter && isatty(STDIN_FILENO)) {
		c->ended = 1;
		submit(c, 1, slice_of(NULL, 0));
	} else if (loop_watch(loop, &c->input) == -1)
		die_errno(EXIT_TEMPORARY, "unable to start");
}

static void
check_output(struct caller *c)
{
	if (close(STDOUT_FILENO) == -1 && errno != EBADF && c->status == 0)
		die_errno(EXIT_TEMPORARY, "unable to write standard output");
}

void
caller_run(const struct caller_options *o, struct hub *hub, struct plb *plb,
    void (*connect)(struct hub *, const char *where))
{
	static struct caller c;

	c.o = o;
	c.hub = hub;
	c.plb = plb;
	c.reader.kind = o->kind;
	buf_init(&c.in, o->filter ? MSG_MAX + READ_BYTES : BODY_MAX);
	sink_init(&c.sink, hub->loop, STDOUT_FILENO, OUT_MAX, on_drained, &c);
	if (o->filter && filter_init(&c.filter, o->kind, !o->unordered,
		&c.sink.queue) == -1)
		die_errno(EXIT_TEMPORARY, "unable to start");
	encode_args(&c);
	hub->act = on_act;
	hub->arg = &c;
	hub_core(hub, &plb_ops, plb, plb_out(plb));
	if (connect != NULL)
		connect(hub, o->where + 1);
	start(&c);
	loop_run(hub->loop);
	if (o->progress)
		on_progress(&c);
	if (o->progress && isatty(STDERR_FILENO))
		fputc('\n', stderr);
	leave(&c);
	check_output(&c);
	exit(c.status);
}
