#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "call_state.h"
#include "die.h"
#include "log.h"

#define READ_BYTES    (64 * 1024)
#define BODY_MAX      (MSG_MAX - 128 * 1024) /* arguments fit beside it */
#define ARGS_BYTES    (64 * 1024)
#define OUT_MARK      (1024 * 1024) /* of results not yet written */
#define OUT_MAX	      ((size_t)-1 / 4) /* what is under way bounds them */
#define PROGRESS_MS   1000

/* Ending. */

void
caller_quit(struct caller *c, int status)
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
		caller_quit(c, EXIT_TEMPORARY);
	} else if (c->finishing)
		caller_quit(c, c->status);
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
		caller_quit(c, c->status);
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
	if (plb_ops.message(c->plb, caller_now(c), 0, &c->request) == -1) {
		log_error("unable to send a request: %s", strerror(errno));
		caller_quit(c, EXIT_TEMPORARY);
	}
	hub_deliver(c->hub);
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
		plb_want(c->plb, 2 * v.in_flight + 1);
		hub_deliver(c->hub);
	}
	if (c->ended && buf_len(&c->in) == 0) {
		plb_want_only(c->plb, v.in_flight + v.queued);
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
		caller_quit(c, EXIT_USAGE);
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
			caller_quit(c, EXIT_TEMPORARY); /* half a body */
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

/* A request that was never sent failed for want of capacity, and the reason for
 * that is what we were told last. */
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

static void
on_message(struct caller *c, const struct msg *m)
{
	if (m->type == MSG_OFFERS) {
		caller_offers(c, &m->u.offers);
	} else if (m->type == MSG_REFUSE) {
		caller_refused(c, &m->u.refuse);
	} else {
		if (m->type == MSG_REPLY)
			on_reply(c, &m->u.reply);
		else if (m->type == MSG_FAIL)
			on_fail(c, &m->u.fail);
		caller_answered(c);
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
		caller_capacity(c);
	if (a->kind == ACT_SEND && act_message(a, &m) == 1)
		on_message(c, &m);
	if (c->o->filter)
		loop_later(c->hub->loop, &c->pump);
}

/* Time. */

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
	loop_timer(c->hub->loop, &c->progress, caller_now(c) + PROGRESS_MS);
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
	c->progress.fn = on_progress;
	c->progress.arg = c;
	c->input.fd = STDIN_FILENO;
	c->input.fn = on_readable;
	c->input.arg = c;
	c->input.events = POLLIN;
	loop_signal(loop, SIGTERM, on_signal, c);
	loop_signal(loop, SIGINT, on_signal, c);
	caller_wait(c);
	if (c->o->progress)
		loop_timer(loop, &c->progress, caller_now(c) + PROGRESS_MS);
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
