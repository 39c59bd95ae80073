/* The bootstrap core, for scripts (harness.h). It has sources, by their
 * numbers, and no peers. */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "bootstrap.h"
#include "t/harness.h"

#define CORE_BOOTSTRAP_LINES (1u << 20) /* bytes of an answer, at most */

struct bootstrap_args {
	uint64_t interval_ms, once, source, ttl_ms;
	struct slice name, lines, reason;
};

static const struct field core_bootstrap_fields[] = {
	HARNESS_UINT(bootstrap_args, interval_ms),
	HARNESS_UINT(bootstrap_args, once),
	HARNESS_BYTES(bootstrap_args, name),
	HARNESS_UINT(bootstrap_args, source),
	HARNESS_BYTES(bootstrap_args, lines),
	HARNESS_BYTES(bootstrap_args, reason),
	HARNESS_UINT(bootstrap_args, ttl_ms)
};
static const struct schema core_bootstrap_args =
    HARNESS_ARGS(bootstrap_args, core_bootstrap_fields);

struct core_bootstrap {
	struct bootstrap *b;
	/* It does not copy them: they are arguments of its program. */
	unsigned char *names[BOOTSTRAP_SOURCES_MAX + 1];
	int sources;
	const char *why; /* the last source was none */
	struct buf lines; /* for the next answer */
};

static void *
core_bootstrap_begin(const struct id *own, uint64_t seed, const void *args)
{
	const struct bootstrap_args *a = args;
	struct core_bootstrap *c = calloc(1, sizeof(*c));

	(void)own;
	assert(c != NULL);
	c->b = bootstrap_new(seed, (int64_t)a->interval_ms, (int)a->once);
	buf_init(&c->lines, CORE_BOOTSTRAP_LINES);
	return c;
}

static void
core_bootstrap_end(void *core)
{
	struct core_bootstrap *c = core;
	int i;

	bootstrap_free(c->b);
	buf_free(&c->lines);
	for (i = 0; i <= BOOTSTRAP_SOURCES_MAX; i++)
		free(c->names[i]);
	free(c);
}

static struct outbox *
core_bootstrap_out(void *core)
{
	return bootstrap_out(((struct core_bootstrap *)core)->b);
}

static int
core_bootstrap_add(void *core, int64_t now, const void *args)
{
	const struct bootstrap_args *a = args;
	struct core_bootstrap *c = core;

	(void)now;
	free(c->names[c->sources]);
	c->names[c->sources] = slice_dup(a->name);
	if (bootstrap_add(c->b, (char *)c->names[c->sources], &c->why) == -1)
		return -1;
	c->sources++;
	return 0;
}

/* A part of the next answer. */
static int
core_bootstrap_lines(void *core, int64_t now, const void *args)
{
	struct slice lines = ((const struct bootstrap_args *)args)->lines;

	(void)now;
	return buf_append(&((struct core_bootstrap *)core)->lines, lines.p,
	    lines.len);
}

/* 0, or -1 where there is no such source. */
static int
core_bootstrap_find(const struct core_bootstrap *c, uint64_t source)
{
	errno = EINVAL;
	return source < (uint64_t)c->sources ? 0 : -1;
}

/* The answer is there, whole, or in part for some reason. */
static int
core_bootstrap_result(void *core, int64_t now, const void *args)
{
	const struct bootstrap_args *a = args;
	struct core_bootstrap *c = core;

	if (core_bootstrap_find(c, a->source) == -1 ||
	    core_bootstrap_lines(core, now, args) == -1)
		return -1;
	bootstrap_result(c->b, (int)a->source, buf_slice(&c->lines),
	    a->reason.len > 0 ? text_str(a->reason) : NULL);
	buf_consume(&c->lines, buf_len(&c->lines));
	return 0;
}

static int
core_bootstrap_failed(void *core, int64_t now, const void *args)
{
	const struct bootstrap_args *a = args;
	struct core_bootstrap *c = core;

	if (core_bootstrap_find(c, a->source) == -1 ||
	    core_bootstrap_lines(core, now, args) == -1)
		return -1;
	bootstrap_failed(c->b, (int)a->source, buf_slice(&c->lines),
	    text_str(a->reason));
	buf_consume(&c->lines, buf_len(&c->lines));
	return 0;
}

/* Of an answer that is not whole yet. */
static int
core_bootstrap_some(void *core, int64_t now, const void *args)
{
	const struct bootstrap_args *a = args;
	struct core_bootstrap *c = core;

	if (core_bootstrap_find(c, a->source) == -1 ||
	    core_bootstrap_lines(core, now, args) == -1)
		return -1;
	bootstrap_some(c->b, (int)a->source, buf_slice(&c->lines));
	buf_consume(&c->lines, buf_len(&c->lines));
	return 0;
}

/* none: it is unknown. */
static int
core_bootstrap_ttl(void *core, int64_t now, const void *args)
{
	const struct bootstrap_args *a = args;

	if (core_bootstrap_find(core, a->source) == -1)
		return -1;
	bootstrap_ttl(((struct core_bootstrap *)core)->b, now, (int)a->source,
	    a->ttl_ms == UINT64_MAX ? -1 : (int64_t)a->ttl_ms);
	return 0;
}

static int
core_bootstrap_again(void *core, int64_t now, const void *args)
{
	(void)now;
	(void)args;
	bootstrap_again(((struct core_bootstrap *)core)->b);
	return 0;
}

static const struct harness_input core_bootstrap_inputs[] = {
	{ "add", core_bootstrap_add }, { "lines", core_bootstrap_lines },
	{ "result", core_bootstrap_result },
	{ "failed", core_bootstrap_failed }, { "some", core_bootstrap_some },
	{ "ttl", core_bootstrap_ttl }, { "again", core_bootstrap_again },
	{ NULL, NULL }
};

static int
core_bootstrap_print(void *core, const struct act *act, struct buf *b)
{
	(void)core;
	if (act->kind == BOOTSTRAP_LINE)
		text_put(b, "print %.*s", SLICE_ARG(act->bytes));
	else if (act->kind == BOOTSTRAP_ASK)
		text_put(b, "ask source %u", (unsigned)act->peer);
	else
		return 0;
	return 1;
}

/* sources: what each is; why: why the last one that was added is none. */
static int
core_bootstrap_ask(void *core, struct slice what, struct slice arg,
    struct buf *b)
{
	static const char *const kinds[] = { "static", "file", "dns", "epmd",
		"exec" };
	struct core_bootstrap *c = core;
	int i;

	(void)arg;
	if (slice_is(what, "why"))
		text_put(b, "%s\n", c->why);
	else if (!slice_is(what, "sources"))
		return 0;
	else
		for (i = 0; i < c->sources; i++)
			text_put(b, "%s %s\n", kinds[bootstrap_kind(c->b, i)],
			    bootstrap_what(c->b, i));
	return 1;
}

static void
core_bootstrap_tick(void *core, int64_t now)
{
	bootstrap_tick(((struct core_bootstrap *)core)->b, now);
}

static int64_t
core_bootstrap_deadline(const void *core)
{
	return bootstrap_deadline(((const struct core_bootstrap *)core)->b);
}

static const struct core_ops core_bootstrap_ops = {
	0, NULL, NULL, NULL, NULL, core_bootstrap_tick, core_bootstrap_deadline
};

const struct harness_core core_bootstrap = {
	"bootstrap", 0, &core_bootstrap_ops, &core_bootstrap_args,
	core_bootstrap_begin, core_bootstrap_end, core_bootstrap_out,
	core_bootstrap_inputs, core_bootstrap_print, core_bootstrap_ask, NULL
};
