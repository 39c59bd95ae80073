#include <sys/wait.h>

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "channel_args.h"
#include "die.h"
#include "log.h"
#include "channel_groups.h"
#include "worker.h"
#include "channel_process.h"

#define PRESSURE_MS  10 /* how often it is looked whether it is over */
#define REASON_BYTES 512

/* A worker of the core, by its number. */
struct slot {
	struct worker worker;
	struct workers *all;
	uint32_t number;     /* the core's; 0: free */
	size_t place;	     /* on the roll */
	uint64_t request;    /* of CHANNEL_EXEC: as the log numbers it */
	struct frame_reader reader;
	const char *bad;     /* what was wrong with it, or NULL */
	int done;	     /* ended, but the core has not been told */
	struct slot *next;   /* free, or done */
};

/* A worker that could not be started: the core is told once it may be called
 * again. */
struct failure {
	uint32_t number;
	char reason[REASON_BYTES];
	struct failure *next;
};

struct workers {
	struct hub *hub;
	struct channel *channel;
	struct workers_config config;
	struct program_start launch;
	struct roll roll;
	struct slot **slot;  /* by number, less 1 */
	size_t n;
	struct slot *free;
	struct slot *done, **done_tail;
	struct failure *failure, **failure_tail;
	struct later tell_failures;
	uint32_t client;
	size_t backlog;	     /* bytes that workers have still to read */
	int holding;	     /* replies are not passed on */
	int paused;	     /* the client is not read from */
	struct timer timer;  /* while one of these */
	struct args args;    /* of CHANNEL_EXEC */
};

static ssize_t on_input(struct worker *, const unsigned char *, size_t);
static void on_line(struct worker *, struct slice);
static void on_ended(struct worker *);
static void on_tell_failures(void *);
static void on_pressure(void *);

static const struct worker_ops pool_ops = { on_input, on_line, on_ended };
static const struct worker_ops exec_ops = { NULL, on_line, on_ended };

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
	program_init(&all->launch, config->argv, config->env);
	all->launch.file = config->file;
	roll_init(&all->roll, config->roll);
	all->done_tail = &all->done;
	all->failure_tail = &all->failure;
	all->tell_failures.fn = on_tell_failures;
	all->tell_failures.arg = all;
	all->timer.fn = on_pressure;
	all->timer.arg = all;
	return all;
}

void
workers_free(struct workers *all)
{
	struct failure *r;
	struct slot *s;
	size_t i;

	loop_unlater(all->hub->loop, &all->tell_failures);
	loop_untimer(all->hub->loop, &all->timer);
	for (i = 0; i < all->n; i++)
		if (all->slot[i] != NULL) {
			worker_abort(&all->slot[i]->worker);
			free(all->slot[i]);
		}
	while ((s = all->free) != NULL) {
		all->free = s->next;
		free(s);
	}
	while ((r = all->failure) != NULL) {
		all->failure = r->next;
		free(r);
	}
	free(all->slot);
	roll_free(&all->roll);
	args_free(&all->args);
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
	return roll_any(&all->roll);
}

void
workers_signal(const struct workers *all, int signo)
{
	roll_signal(&all->roll, signo);
}

/* Slots. */

static struct slot *
find(const struct workers *all, uint32_t number)
{
	return number >= 1 && number <= all->n ? all->slot[number - 1] : NULL;
}

static int
grow(struct workers *all, uint32_t number)
{
	struct slot **slot;
	size_t n = all->n == 0 ? 16 : all->n;

	if (number <= all->n)
		return 0;
	while (n < number)
		n *= 2;
	slot = realloc(all->slot, n * sizeof(struct slot *));
	if (slot == NULL)
		return -1;
	memset(slot + all->n, 0, (n - all->n) * sizeof(struct slot *));
	all->slot = slot;
	all->n = n;
	return 0;
}

static struct slot *
take_slot(struct workers *all, uint32_t number)
{
	struct slot *s = all->free;

	assert(find(all, number) == NULL);
	if (grow(all, number) == -1)
		return NULL;
	if (s != NULL)
		all->free = s->next;
	else if ((s = malloc(sizeof(*s))) == NULL)
		return NULL;
	memset(s, 0, sizeof(*s));
	s->all = all;
	s->number = number;
	s->reader.kind = all->config.kind;
	s->worker.arg = s;
	s->worker.backlog = &all->backlog;
	all->slot[number - 1] = s;
	return s;
}

static void
give_slot(struct slot *s)
{
	struct workers *all = s->all;

	buf_free(&s->worker.output);
	all->slot[s->number - 1] = NULL;
	s->next = all->free;
	all->free = s;
}

/* Failures to start: the core must not be called from within its own acts. */

static void
cannot_start(struct workers *all, uint32_t number, const char *reason)
{
	struct failure *r = malloc(sizeof(*r));

	if (r == NULL)
		die_errno(EXIT_TEMPORARY, "unable to go on");
	r->number = number;
	snprintf(r->reason, sizeof(r->reason), "%s", reason);
	r->next = NULL;
	*all->failure_tail = r;
	all->failure_tail = &r->next;
	loop_later(all->hub->loop, &all->tell_failures);
}

static void
on_tell_failures(void *arg)
{
	struct workers *all = arg;
	int64_t now = loop_now(all->hub->loop);
	struct failure *r;

	while ((r = all->failure) != NULL) {
		if ((all->failure = r->next) == NULL)
			all->failure_tail = &all->failure;
		channel_unable(all->channel, now, r->number, r->reason);
		free(r);
	}
	hub_deliver(all->hub);
}

/* Pressure. */

static int
must_hold(const struct workers *all)
{
	return hub_queued(all->hub, all->client) +
	    buf_len(&channel_out(all->channel)->buf) > WORKERS_OUT_MARK;
}

static void
look_again(struct workers *all)
{
	loop_timer(all->hub->loop, &all->timer,
	    loop_now(all->hub->loop) + PRESSURE_MS);
}

static void
hold(struct workers *all)
{
	all->holding = 1;
	look_again(all);
}

static void
limit_backlog(struct workers *all)
{
	if (all->paused || all->backlog <= WORKERS_IN_MARK)
		return;
	all->paused = 1;
	hub_pause(all->hub, all->client, 1);
	look_again(all);
}

/* What the core is told of a process that has ended. */

static void
exec_ended(struct slot *s)
{
	struct workers *all = s->all;
	struct worker *w = &s->worker;
	int64_t now = loop_now(all->hub->loop);
	char reason[REASON_BYTES];

	if (w->over)
		channel_ended(all->channel, now, s->number,
		    "reply over 16 MiB");
	else if (WIFEXITED(w->status))
		channel_reply(all->channel, now, s->number, 0,
		    (unsigned)WEXITSTATUS(w->status), buf_slice(&w->output));
	else
		channel_ended(all->channel, now, s->number,
		    worker_status(w->status, reason, sizeof(reason)));
}

/* A last line need not have its newline, from a worker that ended well. */
static void
pool_ended(struct slot *s)
{
	struct workers *all = s->all;
	struct worker *w = &s->worker;
	int64_t now = loop_now(all->hub->loop);
	char how[REASON_BYTES / 2], reason[REASON_BYTES];

	if (s->reader.kind == FRAME_LINE && buf_len(&w->output) > 0 &&
	    WIFEXITED(w->status) && WEXITSTATUS(w->status) == 0)
		channel_reply(all->channel, now, s->number, 0, 0,
		    buf_slice(&w->output));
	snprintf(reason, sizeof(reason), "the worker ended: %s",
	    s->bad != NULL ? s->bad :
	    worker_status(w->status, how, sizeof(how)));
	channel_ended(all->channel, now, s->number, reason);
}

static void
tell_ended(struct slot *s)
{
	if (s->all->config.mode == CHANNEL_EXEC)
		exec_ended(s);
	else
		pool_ended(s);
	give_slot(s);
}

static void
on_ended(struct worker *w)
{
	struct slot *s = w->arg;
	struct workers *all = s->all;

	roll_ended(&all->roll, s->place);
	if (must_hold(all)) {
		s->done = 1;
		s->next = NULL;
		*all->done_tail = s;
		all->done_tail = &s->next;
		hold(all);
		return;
	}
	tell_ended(s);
	hub_deliver(all->hub);
}

/* What it said. */

static void
on_line(struct worker *w, struct slice line)
{
	const struct slot *s = w->arg;
	const struct workers *all = s->all;
	uint64_t request = s->request;

	if (line.len == 0)
		return;
	if (all->config.mode == CHANNEL_EXEC) {
		log_info("request %llu: %.*s", (unsigned long long)request,
		    SLICE_ARG(line));
		return;
	}
	request = channel_request_of(all->channel, s->number);
	if (request == 0)
		log_info("worker %u: %.*s", (unsigned)s->number,
		    SLICE_ARG(line));
	else
		log_info("worker %u (request %llu): %.*s", (unsigned)s->number,
		    (unsigned long long)request, SLICE_ARG(line));
}

static ssize_t
bad_output(struct slot *s)
{
	s->bad = errno == EMSGSIZE ? "a reply over 16 MiB" :
	    "a malformed reply";
	worker_kill(&s->worker, CHANNEL_LATE_MS);
	return -1;
}

/* Frames, as many as there are. */
static ssize_t
on_input(struct worker *w, const unsigned char *p, size_t n)
{
	struct slot *s = w->arg;
	struct workers *all = s->all;
	int64_t now = loop_now(all->hub->loop);
	struct frame f;
	size_t taken = 0;
	ssize_t r;

	while (taken < n) {
		if (w->pid != 0 && must_hold(all)) {
			worker_pause(w, 1);
			hold(all);
			break;
		}
		r = frame_next(&s->reader, p + taken, n - taken, &f);
		if (r == -1)
			return bad_output(s);
		if (r == 0)
			break;
		taken += (size_t)r;
		channel_reply(all->channel, now, s->number, f.id, 0, f.body);
	}
	hub_deliver(all->hub);
	return (ssize_t)taken;
}

static void
release(struct workers *all)
{
	struct slot *s;
	size_t i;

	all->holding = 0;
	while ((s = all->done) != NULL && !must_hold(all)) {
		if ((all->done = s->next) == NULL)
			all->done_tail = &all->done;
		tell_ended(s);
	}
	for (i = 0; i < all->n && !must_hold(all); i++)
		if (all->slot[i] != NULL && !all->slot[i]->done)
			worker_pause(&all->slot[i]->worker, 0);
	if (all->done != NULL || must_hold(all))
		hold(all);
	hub_deliver(all->hub);
}

static void
on_pressure(void *arg)
{
	struct workers *all = arg;

	if (all->paused && all->backlog <= WORKERS_IN_MARK / 2) {
		all->paused = 0;
		hub_pause(all->hub, all->client, 0);
	}
	if (all->holding && !must_hold(all))
		release(all);
	if (all->holding || all->paused)
		look_again(all);
}

/* Requests. */

static struct msg
decode(struct slice frame)
{
	struct tlv t;
	struct msg m;
	int r;

	r = tlv_next(&frame, &t);
	assert(r == 1);
	r = msg_decode(&m, t.type, t.value);
	assert(r == 1 && m.type == MSG_REQUEST);
	return m;
}

/* What to do about a program that is not there: it may be what runs it. */
static const char *
advice(const char *program, int error)
{
	char *path;

	if (error != ENOENT)
		return "";
	if ((path = program_find(program)) == NULL)
		return strchr(program, '/') != NULL ? "" :
		    ": look at PATH where it is published";
	free(path);
	return ": what its #! line names, or its loader, is not there";
}

static void
unable(struct workers *all, uint32_t number, int error)
{
	char reason[REASON_BYTES];

	snprintf(reason, sizeof(reason), "unable to run %s: %s%s",
	    all->config.argv[0], strerror(error),
	    advice(all->config.argv[0], error));
	cannot_start(all, number, reason);
}

static int
start_exec(struct workers *all, struct slot *s, const struct act *a)
{
	struct msg m = decode(a->bytes);

	s->request = a->value;
	s->worker.ops = &exec_ops;
	s->worker.output_max = FRAME_MAX;
	all->launch.argv = args_build(&all->args, all->config.argv,
	    &m.u.request);
	if (all->launch.argv == NULL)
		return -1;
	return worker_start(&s->worker, all->hub->loop, &all->launch,
	    m.u.request.body, 0);
}

static int
start_pool(struct workers *all, struct slot *s)
{
	s->worker.ops = &pool_ops;
	s->worker.output_max = WORKER_OUTPUT_MAX;
	return worker_start(&s->worker, all->hub->loop, &all->launch,
	    slice_of(NULL, 0), 1);
}

static void
enter(struct workers *all, struct slot *s)
{
	ssize_t place = roll_enter(&all->roll, s->worker.pid);

	if (place == -1)
		die_errno(EXIT_TEMPORARY, "unable to go on");
	s->place = (size_t)place;
}

static void
start(struct workers *all, const struct act *a)
{
	struct slot *s = take_slot(all, a->peer);
	int started = -1;

	if (s == NULL) {
		unable(all, a->peer, errno);
		return;
	}
	if (all->config.mode == CHANNEL_EXEC)
		started = start_exec(all, s, a);
	else
		started = start_pool(all, s);
	if (started == -1) {
		if (errno == EINVAL)
			cannot_start(all, s->number,
			    "a function or argument with a NUL cannot be "
			    "given to a program");
		else
			unable(all, s->number, errno);
		give_slot(s);
		return;
	}
	enter(all, s);
	limit_backlog(all);
}

static void
feed(struct workers *all, struct slot *s, const struct act *a)
{
	if (worker_write(&s->worker, a->bytes) == -1) {
		s->bad = "it does not read its requests";
		worker_kill(&s->worker, CHANNEL_LATE_MS);
	}
	limit_backlog(all);
}

void
workers_act(struct workers *all, const struct act *a)
{
	struct slot *s = find(all, a->peer);

	switch (a->kind) {
	case CHANNEL_START:
		start(all, a);
		break;
	case CHANNEL_FEED:
		if (s != NULL) /* else the core hears that it did not start */
			feed(all, s, a);
		break;
	case CHANNEL_KILL:
		if (s != NULL)
			worker_kill(&s->worker, (int64_t)a->value);
		break;
	case CHANNEL_RETIRE:
		if (s != NULL)
			worker_retire(&s->worker);
		break;
	default:
		assert(!"an act of the channel core");
	}
}
