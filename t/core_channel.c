/* The channel core, for scripts (harness.h). */

#include "channel.h"
#include "t/harness.h"

struct channel_args {
	uint64_t capacity, worker, name, status, part, bytes;
	struct slice module, mode, reason, body, host;
};

static const struct field core_channel_fields[] = {
	HARNESS_BYTES(channel_args, module),
	HARNESS_BYTES(channel_args, mode),
	HARNESS_UINT(channel_args, capacity),
	HARNESS_UINT(channel_args, worker), HARNESS_UINT(channel_args, name),
	HARNESS_UINT(channel_args, status), HARNESS_BYTES(channel_args, reason),
	HARNESS_BYTES(channel_args, body), HARNESS_UINT(channel_args, part),
	HARNESS_UINT(channel_args, bytes), HARNESS_BYTES(channel_args, host)
};
static const struct schema core_channel_args =
    HARNESS_ARGS(channel_args, core_channel_fields);

/* mode exec (a process a request), pool (of workers that read lines), mux. */
static void *
core_channel_begin(const struct id *own, uint64_t seed, const void *args)
{
	const struct channel_args *a = args;
	struct channel_config config;

	config.module = a->module;
	if (slice_is(a->mode, "exec"))
		config.mode = CHANNEL_EXEC;
	else if (slice_is(a->mode, "pool"))
		config.mode = CHANNEL_POOL;
	else if (slice_is(a->mode, "mux"))
		config.mode = CHANNEL_MUX;
	else
		return NULL;
	config.kind = config.mode == CHANNEL_MUX ? FRAME_MUX : FRAME_LINE;
	config.capacity = a->capacity;
	config.host = a->host;
	return channel_new(own, seed, &config);
}

HARNESS_CORE(core_channel, channel)

static int
core_channel_answers(void *core, int64_t now, const void *args)
{
	const struct channel_args *a = args;

	return channel_reply(core, now, (uint32_t)a->worker, a->name,
	    (unsigned)a->status, a->body);
}

static int
core_channel_ended(void *core, int64_t now, const void *args)
{
	const struct channel_args *a = args;

	return channel_ended(core, now, (uint32_t)a->worker,
	    text_str(a->reason));
}

static int
core_channel_unable(void *core, int64_t now, const void *args)
{
	const struct channel_args *a = args;

	return channel_unable(core, now, (uint32_t)a->worker,
	    text_str(a->reason));
}

static int
core_channel_drain(void *core, int64_t now, const void *args)
{
	(void)args;
	return channel_drain(core, now);
}

static int
core_channel_writes(void *core, int64_t now, const void *args)
{
	const struct channel_args *a = args;

	(void)now;
	return channel_output(core, (uint32_t)a->worker,
	    (enum stream_part)a->part, a->body);
}

static int
core_channel_says(void *core, int64_t now, const void *args)
{
	const struct channel_args *a = args;

	(void)now;
	channel_said(core, (uint32_t)a->worker, a->body);
	return 0;
}

static int
core_channel_reads(void *core, int64_t now, const void *args)
{
	const struct channel_args *a = args;

	return a->bytes == 0 ? channel_deaf(core, (uint32_t)a->worker) :
	    channel_fed(core, now, (uint32_t)a->worker, (size_t)a->bytes);
}

static int
core_channel_expire(void *core, int64_t now, const void *args)
{
	(void)args;
	return channel_expire(core, now);
}

/* From now on a line of each request, whose client has this name. */
static int
core_channel_log(void *core, int64_t now, const void *args)
{
	const struct channel_args *a = args;

	(void)now;
	channel_log_requests(core, text_str(a->host));
	return 0;
}

static const struct harness_input core_channel_inputs[] = {
	{ "writes", core_channel_writes }, { "reads", core_channel_reads },
	{ "says", core_channel_says }, { "log", core_channel_log },
	{ "answers", core_channel_answers }, { "ended", core_channel_ended },
	{ "unable", core_channel_unable }, { "drain", core_channel_drain },
	{ "expire", core_channel_expire }, { NULL, NULL }
};

/* What the worker is to do: of CHANNEL_EXEC a message, else a frame. */
static void
core_channel_print_work(const struct act *act, struct buf *b)
{
	struct msg m;

	if (act->kind == CHANNEL_START && act->bytes.len > 0 &&
	    act_message(act, &m) == 1) {
		text_put(b, " number %llu ", (unsigned long long)act->value);
		text_put_message(b, &m);
	} else if (act->kind == CHANNEL_FEED) {
		text_put(b, " name %llu frame ",
		    (unsigned long long)act->value);
		text_put_bytes(b, act->bytes);
	} else if (act->kind == CHANNEL_MORE && act->value == 0) {
		text_put(b, " ");
		text_put_bytes(b, act->bytes);
	} else if (act->kind == CHANNEL_MORE)
		text_put(b, " end");
	else if (act->kind == CHANNEL_KILL)
		text_put(b, " and again after %llu",
		    (unsigned long long)act->value);
}

static int
core_channel_print(void *core, const struct act *act, struct buf *b)
{
	static const char *const names[] = { "start worker", "feed worker",
		"kill worker", "retire worker", "more for worker",
		"room for worker", "unwanted of worker" };
	unsigned kind = act->kind - CHANNEL_START;

	(void)core;
	if (act->kind == CHANNEL_ORPHAN) {
		text_put(b, "orphan");
		return 1;
	}
	if (act->kind == CHANNEL_EXPIRED) {
		text_put(b, "expired");
		return 1;
	}
	if (act->kind < CHANNEL_START ||
	    kind >= sizeof(names) / sizeof(names[0]))
		return 0;
	text_put(b, "%s %u", names[kind], (unsigned)act->peer);
	core_channel_print_work(act, b);
	return 1;
}

/* held, tokens and running: how many; of a worker: request, the one that it
 * has, may_send and streams, of its output. */
static int
core_channel_ask(void *core, struct slice what, struct slice arg,
    struct buf *b)
{
	uint64_t n;

	if (slice_is(what, "held"))
		n = channel_held(core);
	else if (slice_is(what, "tokens"))
		n = channel_tokens(core);
	else if (slice_is(what, "running"))
		n = channel_running(core);
	else if (slice_is(what, "may_send") && arg.len == 1)
		n = channel_may_send(core, (uint32_t)(arg.p[0] - '0'),
		    STREAM_OUTPUT);
	else if (slice_is(what, "streams") && arg.len == 1)
		n = (uint64_t)channel_streams(core,
		    (uint32_t)(arg.p[0] - '0'));
	else if (slice_is(what, "request") && arg.len == 1)
		n = channel_request_of(core, (uint32_t)(arg.p[0] - '0'));
	else
		return 0;
	text_put(b, "%llu\n", (unsigned long long)n);
	return 1;
}

const struct harness_core core_channel = {
	"channel", 0, &channel_ops, &core_channel_args, core_channel_begin,
	core_channel_end, core_channel_out, core_channel_inputs,
	core_channel_print, core_channel_ask, NULL
};
