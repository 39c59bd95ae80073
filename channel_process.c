#include <sys/wait.h>

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "array.h"
#include "chain.h"
#include "channel_pool.h"
#include "channel_process.h"
#include "channel_tether.h"
#include "child.h"
#include "fail.h"
#include "log.h"

#define LINES_SAID 1000 /* lines of standard error logged in a window */
#define SAID_MS	 10000
#define PRESSURE_MS  10 /* how often it is looked whether it is over */
#define WORKER_OVER  "a reply over 16 MiB"
#define REASON_BYTES 512
#define FIRST_MS     10 /* output may wait as long for the program's end, so
			   that a short reply is one message */
#define PIECE_LEAST  4096 /* no room is made use of that is less */

/* A worker of the core. */
struct worker {
	struct child child;
	struct workers *all;
	uint32_t number;     /* the core's, from 1 */
	size_t place;	     /* of its process group */
	uint64_t request;    /* of CHANNEL_EXEC: as the log numbers it */
	struct frame_reader reader;
	const char *bad;     /* what was wrong with it, or NULL */
	int error;	     /* why it could not be started: an errno, or 0 */
	/* Of CHANNEL_EXEC: */
	int streams;	     /* its output is sent before its end */
	int begun;	     /* some of it is, or will be now */
	struct timer first;  /* when it will be */
	size_t head;	     /* bytes of input that are not counted: they came
				with the request */
	int muted;	     /* its standard error has to wait */
	struct chain full;   /* of those whose output has to wait */
	struct chain link;   /* of those that have ended */
};

struct workers {
	struct hub *hub;
	struct channel *channel;
	struct workers_config config;
	struct program_start start;
	struct groups groups;
	struct worker **worker; /* by number, less 1; NULL: none */
	size_t n;
	struct chain ended;  /* or not started: the core must be told */
	struct later tell;   /* it, when it may be called again */
	struct chain full;   /* output waits for room, the first the longest */
	struct later pump;   /* there may be */
	uint32_t client;
	size_t backlog;	     /* bytes that workers have still to read */
	int holding;	     /* replies are not passed on */
	int paused;	     /* the client is not read from */
	struct timer timer;  /* while one of these */
	size_t said;	     /* lines of standard error logged in a window, */
	size_t unsaid;	     /* and more of them */
	struct timer window; /* its end; not set: there is none */
};

static void workers_on_tell(void *);
static void workers_on_pump(void *);
static void workers_on_pressure(void *);
static void workers_on_window(void *);

struct workers *
workers_new(struct hub *hub, struct channel *channel,
    const struct workers_config *config)
{
	struct workers *all = calloc(1, sizeof(*all));

	if (all == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	all->hub = hub;
	all->channel = channel;
	all->config = *config;
	program_init(&all->start, config->argv, config->env);
	all->start.file = config->file;
	all->start.group = 1;
	groups_init(&all->groups, config->groups);
	chain_init(&all->ended);
	chain_init(&all->full);
	all->pump.fn = workers_on_pump;
	all->pump.arg = all;
	all->tell.fn = workers_on_tell;
	all->tell.arg = all;
	all->timer.fn = workers_on_pressure;
	all->window.fn = workers_on_window;
	all->timer.arg = all->window.arg = all;
	return all;
}

static void
worker_free(struct worker *w)
{
	w->all->worker[w->number - 1] = NULL;
	chain_remove(&w->link);
	chain_remove(&w->full);
	loop_untimer(w->all->hub->loop, &w->first);
	if (w->error == 0)
		child_free(&w->child);
	free(w);
}

void
workers_free(struct workers *all)
{
	size_t i;

	loop_unlater(all->hub->loop, &all->tell);
	loop_unlater(all->hub->loop, &all->pump);
	loop_untimer(all->hub->loop, &all->timer);
	loop_untimer(all->hub->loop, &all->window);
	workers_on_window(all);
	for (i = 0; i < all->n; i++)
		if (all->worker[i] != NULL)
			worker_free(all->worker[i]);
	free(all->worker);
	groups_free(&all->groups);
	free(all);
}

void
workers_client(struct workers *all, uint32_t peer)
{
	all->client = peer;
}

int
workers_any(const struct workers *all)
{
	return groups_any(&all->groups);
}

void
workers_signal(const struct workers *all, int signo)
{
	groups_signal(&all->groups, signo);
}

/* Pressure. */

static int
workers_must_hold(const struct workers *all)
{
	return hub_queued(all->hub, all->client) +
	    buf_len(&channel_out(all->channel)->buf) > WORKERS_OUT_MARK;
}

static void
workers_look_again(struct workers *all)
{
	loop_timer(all->hub->loop, &all->timer,
	    loop_now(all->hub->loop) + PRESSURE_MS);
}

static void
workers_hold(struct workers *all)
{
	all->holding = 1;
	workers_look_again(all);
}

static void
workers_limit_backlog(struct workers *all)
{
	if (all->paused || all->backlog <= WORKERS_IN_MARK)
		return;
	all->paused = 1;
	hub_pause(all->hub, all->client, 1);
	workers_look_again(all);
}

/* Output in pieces. */

/* How many bytes may be queued to the client before the next worker's turn. */
static size_t
workers_room(const struct workers *all)
{
	size_t queued = hub_queued(all->hub, all->client) +
	    buf_len(&channel_out(all->channel)->buf);

	return queued + PIECE_LEAST <= STREAM_TURN ? STREAM_TURN - queued : 0;
}

/* If nothing is queued to the client, the outbox takes the room, and nothing
 * tells when it is carried out; otherwise workers_on_room() is called. */
static void
workers_wait_for_room(struct workers *all)
{
	if (workers_room(all) == 0 && hub_queued(all->hub, all->client) == 0)
		loop_later(all->hub->loop, &all->pump);
}

/* May it send something now? */
static int
worker_may_send(const struct worker *w)
{
	return channel_may_send(w->all->channel, w->number, STREAM_OUTPUT) > 0;
}

/* Send as many of these bytes of its output as may be sent; returns how
 * many. */
static size_t
worker_send(struct worker *w, struct slice bytes)
{
	struct workers *all = w->all;
	size_t room = workers_room(all);
	size_t may = channel_may_send(all->channel, w->number, STREAM_OUTPUT);

	if (bytes.len > may)
		bytes.len = may;
	if (bytes.len > room && may != SIZE_MAX)
		bytes.len = room;
	if (bytes.len == 0)
		return 0;
	channel_output(all->channel, w->number, STREAM_OUTPUT, bytes);
	hub_deliver(all->hub);
	return bytes.len;
}

/* It goes to the end of the line. */
static void
worker_fill(struct worker *w)
{
	chain_remove(&w->full);
	chain_append(&w->all->full, &w->full);
	workers_wait_for_room(w->all);
}

/* If a process's output is sent at its end, all of it is kept until then. */
static ssize_t
worker_on_piece(struct child *c, const unsigned char *p, size_t n)
{
	struct worker *w = c->arg;
	struct loop *loop = w->all->hub->loop;
	size_t sent;

	if (!w->streams || c->pid == 0)
		return 0;
	if (!w->begun && n < STREAM_HEAD) {
		if (w->first.slot == 0)
			loop_timer(loop, &w->first, loop_now(loop) + FIRST_MS);
		return 0;
	}
	w->begun = 1;
	sent = worker_send(w, slice_of(p, n));
	if (sent < n) {
		child_pause(c, 1);
		worker_fill(w);
	}
	return (ssize_t)sent;
}

/* Go on with a child whose output is kept: what is kept is shown. */
static void
worker_go_on(struct worker *w)
{
	if (w->child.pid == 0)
		return;
	child_pause(&w->child, 1);
	child_pause(&w->child, 0);
}

static void
worker_on_first(void *arg)
{
	struct worker *w = arg;

	w->begun = 1;
	worker_go_on(w);
}

/* There may be room: give each of them its turn as long as there is. */
static void
workers_on_pump(void *arg)
{
	struct workers *all = arg;
	struct worker *w, *next, *last;

	last = chain_empty(&all->full) ? NULL :
	    CHAIN_OWNER(all->full.prev, struct worker, full);
	for (w = CHAIN_NEXT(&all->full, NULL, struct worker, full);
	    w != NULL && workers_room(all) > 0; w = next) {
		next = w == last ? NULL :
		    CHAIN_NEXT(&all->full, w, struct worker, full);
		if (!worker_may_send(w))
			continue;
		chain_remove(&w->full);
		worker_go_on(w);
	}
	if (w != NULL)
		workers_wait_for_room(all);
	workers_on_tell(all);
}

void
workers_on_room(struct workers *all)
{
	loop_later(all->hub->loop, &all->pump);
}

/* Its input in pieces. */

static void
worker_on_fed(struct child *c, size_t n)
{
	struct worker *w = c->arg;
	struct workers *all = w->all;
	size_t head = n < w->head ? n : w->head;

	if (n == 0)
		channel_deaf(all->channel, w->number);
	w->head -= head;
	if (n > head)
		channel_fed(all->channel, loop_now(all->hub->loop), w->number,
		    n - head);
	hub_deliver(all->hub);
}

/* Tell the core of a process that has ended or could not be started. */

static void
worker_tell_unable(const struct worker *w)
{
	struct workers *all = w->all;
	char reason[REASON_BYTES] = "a function or argument with a NUL cannot "
				    "be given to a program";

	if (w->error != EINVAL)
		program_unable(all->config.argv[0], w->error, reason,
		    sizeof(reason));
	channel_unable(all->channel, loop_now(all->hub->loop), w->number,
	    reason);
}

static void
worker_tell_exec(const struct worker *w)
{
	struct workers *all = w->all;
	const struct child *c = &w->child;
	int64_t now = loop_now(all->hub->loop);
	char reason[REASON_BYTES];

	if (c->memory)
		channel_ended(all->channel, now, w->number, CHILD_NO_MEMORY);
	else if (c->over || buf_len(&c->kept) > FRAME_MAX)
		channel_ended(all->channel, now, w->number,
		    "a reply over 16 MiB: a call by itself, without -L, -0, "
		    "-4 or -N, has no such limit");
	else if (WIFEXITED(c->status))
		channel_reply(all->channel, now, w->number, 0,
		    (unsigned)WEXITSTATUS(c->status), buf_slice(&c->kept));
	else
		channel_ended(all->channel, now, w->number,
		    child_status(c, reason, sizeof(reason)));
}

/* A last line need not have its newline, from a worker that ended well. */
static void
worker_tell_pool(const struct worker *w)
{
	struct workers *all = w->all;
	const struct child *c = &w->child;
	int64_t now = loop_now(all->hub->loop);
	char how[REASON_BYTES / 2], reason[REASON_BYTES];

	if (w->reader.kind == FRAME_LINE && buf_len(&c->kept) > 0 &&
	    WIFEXITED(c->status) && WEXITSTATUS(c->status) == 0)
		channel_reply(all->channel, now, w->number, 0, 0,
		    buf_slice(&c->kept));
	snprintf(reason, sizeof(reason), "the worker ended: %s",
	    w->bad != NULL ? w->bad : c->memory ? CHILD_NO_MEMORY :
	    c->over ? WORKER_OVER :
	    child_status(c, how, sizeof(how)));
	channel_ended(all->channel, now, w->number, reason);
}

/* Send the part of its output for which the reply has no room, which is all of
 * it without a reply: is it all sent? */
static int
worker_has_sent(struct worker *w)
{
	struct child *c = &w->child;
	size_t last = WIFEXITED(c->status) ? STREAM_HEAD : 0, left;

	if (!w->streams || w->error != 0)
		return 1;
	while ((left = buf_len(&c->kept)) > last) {
		left = worker_send(w, slice_of(buf_slice(&c->kept).p,
		    left - last));
		if (left == 0)
			return 0;
		buf_consume(&c->kept, left);
	}
	return 1;
}

/* The core must not be called from within its own acts. */
static void
workers_on_tell(void *arg)
{
	struct workers *all = arg;
	struct worker *w, *next;

	for (w = CHAIN_NEXT(&all->ended, NULL, struct worker, link); w != NULL;
	    w = next) {
		next = CHAIN_NEXT(&all->ended, w, struct worker, link);
		if (workers_must_hold(all)) {
			workers_hold(all);
			break;
		}
		if (!worker_has_sent(w)) {
			workers_wait_for_room(all);
			continue;
		}
		if (w->error != 0)
			worker_tell_unable(w);
		else if (all->config.mode == CHANNEL_EXEC)
			worker_tell_exec(w);
		else
			worker_tell_pool(w);
		worker_free(w);
	}
	hub_deliver(all->hub);
}

static void
worker_on_ended(struct child *c)
{
	struct worker *w = c->arg;

	groups_ended(&w->all->groups, w->place);
	loop_untimer(w->all->hub->loop, &w->first);
	chain_remove(&w->full);
	chain_append(&w->all->ended, &w->link);
	workers_on_tell(w->all);
}

/* What it wrote. */

/* What could not be logged is counted. */
static void
workers_on_window(void *arg)
{
	struct workers *all = arg;

	if (all->unsaid > 0)
		log_error("more lines of standard error not logged: %zu; "
		    "%d in %d s are", all->unsaid, LINES_SAID, SAID_MS / 1000);
	all->said = all->unsaid = 0;
}

/* May one more line of standard error be logged? */
static int
workers_may_say(struct workers *all)
{
	struct loop *loop = all->hub->loop;

	if (all->window.slot == 0)
		loop_timer(loop, &all->window, loop_now(loop) + SAID_MS);
	if (all->said == LINES_SAID) {
		all->unsaid++;
		return 0;
	}
	all->said++;
	return 1;
}

/* What -q leaves out is ours, and not what programs say. */
static void
worker_on_line(struct child *c, struct slice line)
{
	const struct worker *w = c->arg;
	uint64_t request = w->request;

	channel_said(w->all->channel, w->number, line);
	if (line.len == 0 || !workers_may_say(w->all))
		return;
	if (w->all->config.mode == CHANNEL_EXEC) {
		log_error("request %llu: %.*s", (unsigned long long)request,
		    SLICE_ARG(line));
		return;
	}
	request = channel_request_of(w->all->channel, w->number);
	if (request == 0)
		log_error("worker %u: %.*s", (unsigned)w->number,
		    SLICE_ARG(line));
	else
		log_error("worker %u (request %llu): %.*s", (unsigned)w->number,
		    (unsigned long long)request, SLICE_ARG(line));
}

/* What its client wants of its standard error: may there be more? */
static int
worker_on_error(struct child *c, struct slice bytes)
{
	struct worker *w = c->arg;
	struct channel *channel = w->all->channel;

	if (!channel_errors(channel, w->number))
		return 1;
	if (channel_may_send(channel, w->number, STREAM_ERROR) >= bytes.len)
		channel_output(channel, w->number, STREAM_ERROR, bytes);
	hub_deliver(w->all->hub);
	w->muted = c->pid != 0 &&
	    channel_may_send(channel, w->number, STREAM_ERROR) < CHILD_LINE_MAX;
	return !w->muted;
}

static ssize_t
worker_end(struct worker *w, const char *bad)
{
	w->bad = bad;
	child_kill(&w->child, CHANNEL_LATE_MS);
	return -1;
}

/* All the frames that there are. */
static ssize_t
worker_on_output(struct child *c, const unsigned char *p, size_t n)
{
	struct worker *w = c->arg;
	struct workers *all = w->all;
	int64_t now = loop_now(all->hub->loop);
	struct frame f;
	size_t taken = 0;
	ssize_t r;

	while (taken < n) {
		if (c->pid != 0 && workers_must_hold(all)) {
			child_pause(c, 1);
			workers_hold(all);
			break;
		}
		r = frame_next(&w->reader, p + taken, n - taken, &f);
		if (r == -1)
			return worker_end(w, errno == EMSGSIZE ?
			    WORKER_OVER : "a malformed reply");
		if (r == 0)
			break;
		taken += (size_t)r;
		channel_reply(all->channel, now, w->number, f.id, 0, f.body);
	}
	hub_deliver(all->hub);
	return (ssize_t)taken;
}

static void
workers_on_pressure(void *arg)
{
	struct workers *all = arg;
	size_t i;

	if (all->paused && all->backlog <= WORKERS_IN_MARK / 2) {
		all->paused = 0;
		hub_pause(all->hub, all->client, 0);
	}
	all->holding = 0;
	workers_on_tell(all);
	for (i = 0; i < all->n && !workers_must_hold(all); i++)
		if (all->worker[i] != NULL && all->worker[i]->child.pid != 0)
			child_pause(&all->worker[i]->child, 0);
	if (workers_must_hold(all))
		all->holding = 1;
	if (all->holding || all->paused)
		workers_look_again(all);
}

/* A request's arguments. */

/* The string, which is ended by a NUL; *text moves past it. */
static char *
worker_put_string(char **text, struct slice s)
{
	char *string = *text;

	if (s.len > 0)
		memcpy(string, s.p, s.len);
	string[s.len] = '\0';
	*text += s.len + 1;
	return string;
}

/*
 * program [argument ...] [function [argument ...]], and after them, in the same
 * memory, the strings of the request: free() it. NULL with ENOMEM, or EINVAL
 * when there is a NUL within one.
 */
static char **
worker_argv(char *const *first, const struct msg_request *r)
{
	struct slice list = r->args, arg;
	size_t n = 0, argc = 2; /* the function and the NULL */
	int nul = slice_has(r->function, '\0');
	char **argv, *text;

	for (; list_next(&list, &arg) == 1; argc++)
		nul |= slice_has(arg, '\0');
	if (nul) {
		errno = EINVAL;
		return NULL;
	}
	while (first[n] != NULL)
		n++;
	argc += n;
	/* An argument takes no more bytes than in the list, but for its NUL. */
	argv = malloc(argc * sizeof(char *) + r->function.len + r->args.len +
	    argc);
	if (argv == NULL)
		return NULL;
	memcpy(argv, first, n * sizeof(char *));
	text = (char *)(argv + argc);
	if (r->function.len > 0)
		argv[n++] = worker_put_string(&text, r->function);
	for (list = r->args; list_next(&list, &arg) == 1;)
		argv[n++] = worker_put_string(&text, arg);
	argv[n] = NULL;
	return argv;
}

/* Requests. */

static void
worker_start_exec(struct worker *w, const struct act *a)
{
	static const struct child_ops ops = { worker_on_piece, worker_on_line,
		worker_on_ended, worker_on_fed, worker_on_error };
	struct workers *all = w->all;
	struct program_start start = all->start;
	unsigned pipes = CHILD_OUTPUT | CHILD_ERROR;
	struct msg m;
	char **argv;
	int r = act_message(a, &m);

	assert(r == 1 && m.type == MSG_REQUEST);
	w->request = a->value;
	w->child.ops = &ops;
	w->streams = channel_streams(all->channel, w->number);
	if (m.u.request.more) {
		pipes |= CHILD_INPUT;
		w->child.backlog = NULL; /* a window bounds it */
	}
	start.argv = argv = worker_argv(all->config.argv, &m.u.request);
	if (argv == NULL || child_start(&w->child, all->hub->loop, &start,
	    pipes, m.u.request.body) == -1)
		w->error = errno;
	else
		w->head = buf_len(&w->child.input);
	free(argv);
}

static void
worker_start_pool(struct worker *w)
{
	static const struct child_ops ops = { worker_on_output, worker_on_line,
		worker_on_ended, NULL, NULL };

	w->child.ops = &ops;
	if (child_start(&w->child, w->all->hub->loop, &w->all->start,
	    CHILD_INPUT | CHILD_OUTPUT | CHILD_ERROR, slice_of(NULL, 0)) == -1)
		w->error = errno;
}

static struct worker *
workers_add(struct workers *all, uint32_t number)
{
	struct worker *w = calloc(1, sizeof(*w)), **grown;

	grown = array_grow(all->worker, &all->n, number, POOL_MAX,
	    sizeof(struct worker *));
	if (w == NULL || grown == NULL)
		die_errno(EXIT_TEMPORARY, "unable to go on");
	all->worker = grown;
	assert(all->worker[number - 1] == NULL);
	all->worker[number - 1] = w;
	w->all = all;
	w->number = number;
	w->reader.kind = all->config.kind;
	w->child.arg = w;
	w->child.backlog = &all->backlog;
	chain_init(&w->link);
	chain_init(&w->full);
	w->first.fn = worker_on_first;
	w->first.arg = w;
	return w;
}

static void
workers_start(struct workers *all, const struct act *a)
{
	struct worker *w = workers_add(all, a->peer);
	ssize_t place;

	if (all->config.mode == CHANNEL_EXEC)
		worker_start_exec(w, a);
	else
		worker_start_pool(w);
	if (w->error != 0) {
		chain_append(&all->ended, &w->link);
		loop_later(all->hub->loop, &all->tell);
		return;
	}
	place = groups_enter(&all->groups, w->child.pid);
	if (place == -1)
		die_errno(EXIT_TEMPORARY, "unable to go on");
	w->place = (size_t)place;
	workers_limit_backlog(all);
}

/* NULL also if the core will hear that it did not start, or has ended. */
static struct worker *
workers_find(const struct workers *all, uint32_t number)
{
	struct worker *w = number >= 1 && number <= all->n ?
	    all->worker[number - 1] : NULL;

	return w != NULL && w->child.pid != 0 ? w : NULL;
}

static void
worker_take_more(struct worker *w, const struct act *a)
{
	if (a->value != 0)
		child_end_input(&w->child);
	else if (child_write(&w->child, a->bytes) == -1)
		worker_end(w, "out of memory for its standard input");
}

void
workers_act(struct workers *all, const struct act *a)
{
	struct worker *w;

	if (a->kind == CHANNEL_START) {
		workers_start(all, a);
		return;
	}
	if (a->kind == CHANNEL_ROOM)
		workers_on_room(all);
	if ((w = workers_find(all, a->peer)) == NULL)
		return;
	switch (a->kind) {
	case CHANNEL_ROOM:
		if (w->muted)
			child_resume_error(&w->child);
		w->muted = 0;
		break;
	case CHANNEL_MORE:
		worker_take_more(w, a);
		break;
	case CHANNEL_UNWANTED:
		child_shut_output(&w->child);
		child_limit(&w->child, CHANNEL_LATE_MS, CHANNEL_ABANDON_MS);
		break;
	case CHANNEL_FEED:
		if (child_write(&w->child, a->bytes) == -1)
			worker_end(w, "it does not read its requests");
		workers_limit_backlog(all);
		break;
	case CHANNEL_KILL:
		child_kill(&w->child, (int64_t)a->value);
		workers_on_room(all); /* of its output nothing has to wait */
		break;
	case CHANNEL_RETIRE:
		child_retire(&w->child);
		break;
	default:
		assert(!"an act of the channel core");
	}
}
