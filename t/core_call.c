/*
 * The core of lambda-call, for scripts (harness.h). Its PLB core's program is
 * the core itself, and is given what comes for it. Results stay in the queue
 * until `written' takes them out.
 */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "call.h"
#include "t/harness.h"

#define CORE_CALL_OUT (64u << 20) /* bytes of results, as in lambda-call */

struct call_args {
	uint64_t filter, kind, ordered, status, progress, retries, limit_ms,
	    capacity, tag, value, command, block,
	    joblog, epoch_ms, done_first, done_last, replace, failures, again,
	    size, terminal;
	struct slice args;
	struct slice module, function, address, bytes, reason;
};

static const struct field core_call_fields[] = {
	HARNESS_UINT(call_args, filter), HARNESS_UINT(call_args, kind),
	HARNESS_UINT(call_args, ordered), HARNESS_UINT(call_args, status),
	HARNESS_UINT(call_args, progress), HARNESS_UINT(call_args, retries),
	HARNESS_UINT(call_args, limit_ms), HARNESS_UINT(call_args, capacity),
	HARNESS_UINT(call_args, tag), HARNESS_UINT(call_args, value),
	HARNESS_UINT(call_args, command), HARNESS_UINT(call_args, block),
	HARNESS_UINT(call_args, joblog), HARNESS_UINT(call_args, epoch_ms),
	HARNESS_UINT(call_args, done_first), HARNESS_UINT(call_args, done_last),
	HARNESS_UINT(call_args, replace), HARNESS_UINT(call_args, failures),
	HARNESS_UINT(call_args, again), HARNESS_UINT(call_args, size),
	HARNESS_UINT(call_args, terminal),
	HARNESS_BYTES(call_args, args),
	HARNESS_BYTES(call_args, module),
	HARNESS_BYTES(call_args, function), HARNESS_BYTES(call_args, address),
	HARNESS_BYTES(call_args, bytes), HARNESS_BYTES(call_args, reason)
};
static const struct schema core_call_args =
    HARNESS_ARGS(call_args, core_call_fields);

struct core_call {
	struct call *call;
	struct buf out;
	struct call_given given;
	struct call_range done;
	unsigned char args[256];
	char *module, *function, *address;
	int64_t now;  /* at which it is told something */
	int ended;    /* the input has */
	int over;     /* CALL_FINISH or CALL_QUIT came */
	int running;  /* the command */
};

static char *
core_call_text(struct slice s)
{
	char *text = s.len == 0 ? NULL : (char *)slice_dup(s);

	assert(s.len == 0 || text != NULL);
	return text;
}

/* An argument, where there is one. */
static void
core_call_words(struct core_call *c, struct call_config *config,
    struct slice word)
{
	struct tlv_writer w;

	if (word.len == 0)
		return;
	tlv_writer_init(&w, c->args, sizeof(c->args));
	list_put(&w, word);
	assert(!w.failed);
	config->args = slice_of(c->args, (size_t)(w.p - c->args));
	config->nargs = 1;
}

/* address: a channel's or, with a slash, a PLB's, or a command; none: it buys
 * through the broker. */
static void *
core_call_begin(const struct id *own, uint64_t seed, const void *args)
{
	const struct call_args *a = args;
	struct core_call *c = calloc(1, sizeof(*c));
	struct call_config config = { .broker = "/run/broker" };

	(void)own;
	assert(c != NULL && a->module.len > 0);
	buf_init(&c->out, CORE_CALL_OUT);
	c->now = HARNESS_START_MS;
	c->module = core_call_text(a->module);
	c->function = core_call_text(a->function);
	c->address = core_call_text(a->address);
	c->given.name = c->address;
	c->given.command = a->command != 0;
	config.given = &c->given;
	config.ngiven = c->address != NULL;
	config.module = c->module;
	config.function = c->function;
	config.filter = a->filter != 0;
	config.records.kind = (enum frame_kind)a->kind;
	config.records.ordered = a->ordered != 0;
	config.records.status = a->status != 0;
	config.block = (size_t)a->block;
	config.records.blocks = a->block > 0;
	config.replace = a->replace != 0;
	config.failures = a->failures;
	config.again = a->again != 0;
	core_call_words(c, &config, a->args);
	config.joblog = a->joblog != 0;
	config.epoch_ms = (int64_t)a->epoch_ms;
	c->done.first = a->done_first;
	c->done.last = a->done_last;
	config.done = &c->done;
	config.ndone = a->done_last > 0;
	config.progress_ms = (int64_t)a->progress;
	config.size = a->size;
	config.terminal = a->terminal != 0;
	config.retries = a->retries;
	config.limit_ms = (int64_t)a->limit_ms;
	config.plb.module = slice_str(c->module);
	config.plb.capacity = config.plb.wanted = a->capacity;
	c->call = call_new(c->now, seed, &config, &c->out);
	return c;
}

static void
core_call_end(void *core)
{
	struct core_call *c = core;

	call_free(c->call);
	buf_free(&c->out);
	free(c->module);
	free(c->function);
	free(c->address);
	free(c);
}

static struct outbox *
core_call_out(void *core)
{
	return call_out(((struct core_call *)core)->call);
}

/* Its shell reads only what the core is ready for. */
static int
core_call_input(void *core, int64_t now, const void *args)
{
	const struct call_args *a = args;
	struct core_call *c = core;

	errno = EINVAL;
	if (c->over || c->ended || a->bytes.len == 0 ||
	    a->bytes.len > CALL_READ_MAX || !call_readable(c->call))
		return -1;
	call_input(c->call, now, a->bytes);
	return 0;
}

static int
core_call_input_end(void *core, int64_t now, const void *args)
{
	const struct call_args *a = args;
	struct core_call *c = core;

	errno = EINVAL;
	if (c->over || c->ended || !call_readable(c->call))
		return -1;
	c->ended = 1;
	call_input_end(c->call, now,
	    a->reason.len > 0 ? text_str(a->reason) : NULL);
	return 0;
}

/* So many bytes of the results, or all. */
static int
core_call_written(void *core, int64_t now, const void *args)
{
	const struct call_args *a = args;
	struct core_call *c = core;
	size_t len = buf_len(&c->out);

	(void)now;
	buf_consume(&c->out, a->value > 0 && a->value < len ?
	    (size_t)a->value : len);
	return 0;
}

/* Its queue is emptied then. */
static int
core_call_broken(void *core, int64_t now, const void *args)
{
	struct core_call *c = core;
	size_t lost = buf_len(&c->out);

	errno = EINVAL;
	if (c->over)
		return -1;
	buf_consume(&c->out, lost);
	call_broken(c->call, now, lost,
	    text_str(((const struct call_args *)args)->reason));
	return 0;
}

static int
core_call_interrupt(void *core, int64_t now, const void *args)
{
	struct core_call *c = core;

	errno = EINVAL;
	if (c->over)
		return -1;
	call_interrupt(c->call, now,
	    text_str(((const struct call_args *)args)->reason));
	return 0;
}

/* The command is no longer there: 0, or -1 where it was not. */
static int
core_call_gone(struct core_call *c)
{
	int running = c->running;

	c->running = 0;
	errno = EINVAL;
	return running ? 0 : -1;
}

static int
core_call_ended(void *core, int64_t now, const void *args)
{
	const struct call_args *a = args;
	struct core_call *c = core;

	if (core_call_gone(c) == -1)
		return -1;
	call_command_ended(c->call, now, (uint32_t)a->tag,
	    text_str(a->reason));
	return 0;
}

static int
core_call_unable(void *core, int64_t now, const void *args)
{
	const struct call_args *a = args;
	struct core_call *c = core;

	if (core_call_gone(c) == -1)
		return -1;
	call_command_unable(c->call, now, (uint32_t)a->tag,
	    text_str(a->reason));
	return 0;
}

static const struct harness_input core_call_inputs[] = {
	{ "input", core_call_input }, { "input_end", core_call_input_end },
	{ "written", core_call_written }, { "broken", core_call_broken },
	{ "interrupt", core_call_interrupt }, { "ended", core_call_ended },
	{ "unable", core_call_unable }, { NULL, NULL }
};

/* Its shell writes them. */
static void
core_call_jobs(struct core_call *c, struct buf *b)
{
	struct buf *lines = call_jobs(c->call);

	text_put(b, " ");
	text_put_bytes(b, buf_slice(lines));
	buf_consume(lines, buf_len(lines));
}

/* What is neither the driver's nor the shell's is the core's own program's. */
static int
core_call_print(void *core, const struct act *act, struct buf *b)
{
	static const char *const names[] = { "line", "progress", "error",
		"input", "start command", "stop command", "deaf", "write",
		"jobs", "halt", "finish", "quit" };
	struct core_call *c = core;
	unsigned kind = act->kind - CALL_LINE;

	if (act->kind < ACT_OWN && (act->kind != ACT_SEND || act->peer != 0))
		return 0;
	if (act->kind < CALL_LINE || act->kind > CALL_QUIT) {
		call_take(c->call, c->now, act);
		return 1;
	}
	c->running |= act->kind == CALL_START;
	c->over |= act->kind == CALL_FINISH || act->kind == CALL_QUIT;
	text_put(b, "%s", names[kind]);
	if (act->kind == CALL_LINE || act->kind == CALL_PROGRESS)
		text_put(b, " %.*s", SLICE_ARG(act->bytes));
	else if (act->kind == CALL_START || act->kind == CALL_STOP)
		text_put(b, " %u", (unsigned)act->peer);
	else if (act->kind == CALL_JOBS)
		core_call_jobs(c, b);
	else if (act->kind != CALL_WRITE && act->kind != CALL_HALT)
		text_put(b, " %u", (unsigned)act->value);
	return 1;
}

/* out: what is in the queue of results; readable: how much of the input. */
static int
core_call_ask(void *core, struct slice what, struct slice arg, struct buf *b)
{
	struct core_call *c = core;

	(void)arg;
	if (slice_is(what, "readable"))
		text_put(b, "%zu\n", call_readable(c->call));
	else if (slice_is(what, "out")) {
		text_put_bytes(b, buf_slice(&c->out));
		text_put(b, "\n");
	} else
		return 0;
	return 1;
}

static void *
core_call_inner(void *core, int64_t now)
{
	struct core_call *c = core;

	c->now = now;
	return c->call;
}

const struct harness_core core_call = {
	"call", 0, &call_ops, &core_call_args, core_call_begin,
	core_call_end, core_call_out, core_call_inputs, core_call_print,
	core_call_ask, core_call_inner
};
