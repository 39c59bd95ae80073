/*
 * Calls whose bodies and output are streams: lambda-call without a filter, fed
 * at times and read at times, told to end, or with a standard output that
 * breaks. Bytes are counted: each says whose it is and where it stands, so that
 * whatever ends a stream, what came of it is the beginning of what was sent,
 * and all of it where the call ends well.
 */

#include <assert.h>
#include <stdlib.h>

#include "bytes.h"
#include "t/virtual/front.h"

#define FLOW_STEP_MS 20
#define FLOW_HEAD    8 /* bytes that are the call's number */
#define FLOW_MOST    4096 /* bytes that are read at once */

enum flow_fate { FLOW_LIVES, FLOW_SIGNAL, FLOW_BROKEN, FLOW_FATES };

struct flow {
	struct front front;
	uint64_t call;
	size_t given, written; /* bytes of its input, and of its output */
	size_t errors;	       /* and of standard error, of the last run */
	unsigned runs;	       /* of it, when some of that was last heard */
	unsigned status;
	enum flow_fate fate;
	int64_t fate_at;
};

static uint64_t
flow_hash(uint64_t call)
{
	return (call + 1) * 0x9e3779b97f4a7c15u >> 20;
}

size_t
flow_size(const struct world *w, uint64_t call)
{
	return w->calls[call].flow;
}

/* A third of the programs read a part of their input, and write no more. */
size_t
flow_part(const struct world *w, uint64_t call)
{
	uint64_t h = flow_hash(call);
	size_t size = flow_size(w, call);

	return h % 3 == 0 ? FLOW_HEAD + h / 3 % (size - FLOW_HEAD + 1) : size;
}

/* The bytes from there on: after the number each follows from its place. */
void
flow_fill(uint64_t call, size_t from, unsigned char *p, size_t n)
{
	unsigned char head[FLOW_HEAD];
	size_t i;

	put32(put32(head, (uint32_t)(call >> 32)), (uint32_t)call);
	for (i = from; i < from + n; i++)
		*p++ = i < FLOW_HEAD ? head[i] :
		    (unsigned char)(i * 7 + (i >> 8) + call);
}

static int
flow_is(uint64_t call, size_t from, struct slice s)
{
	unsigned char *p = malloc(s.len + 1);
	int same;

	assert(p != NULL);
	flow_fill(call, from, p, s.len);
	same = s.len == 0 || memcmp(p, s.p, s.len) == 0;
	free(p);
	return same;
}

void
flow_check(struct world *w, uint64_t call, size_t from, struct slice s)
{
	if (!flow_is(call, from, s))
		world_fail(w, 10, "%zu bytes of stream %llu have changed at "
		    "%zu", s.len, (unsigned long long)call + 1, from);
	if (from + s.len > flow_size(w, call))
		world_fail(w, 10, "stream %llu has %zu bytes, of %zu",
		    (unsigned long long)call + 1, from + s.len,
		    flow_size(w, call));
}

/* The call whose stream begins so; -1: it is none. */
int64_t
flow_call(const struct world *w, struct slice body)
{
	uint64_t call;

	if (body.len < FLOW_HEAD)
		return -1;
	call = (uint64_t)get32(body.p) << 32 | get32(body.p + 4);
	return call < w->ncalls && w->calls[call].flow > 0 ? (int64_t)call : -1;
}

/* The caller. */

/* A run before this one has ended, and all that it wrote was heard. */
static void
flow_look_for_run(struct flow *f, const struct world *w)
{
	if (f->runs != w->calls[f->call].runs)
		f->errors = 0;
	f->runs = w->calls[f->call].runs;
}

static void
flow_over(struct proc *p)
{
	struct flow *f = p->role;
	struct world *w = p->world;

	if (f->front.over)
		return;
	f->front.over = 1;
	flow_look_for_run(f, w);
	if (f->front.finishing && f->status == 0 &&
	    f->written != flow_part(w, f->call))
		world_fail(w, 10, "%s ends well with %zu bytes of %zu", p->name,
		    f->written, flow_part(w, f->call));
	/* Of a second run nothing tells where its bytes begin. */
	if (f->front.finishing && f->status == 0 &&
	    w->calls[f->call].runs == 1 &&
	    f->errors != w->calls[f->call].errors)
		world_fail(w, 10, "%s ends well with %zu bytes of standard "
		    "error, of %zu", p->name, f->errors,
		    w->calls[f->call].errors);
	w->flows++;
	w->answered_at = w->clock.now;
	proc_stop(p, 0);
}

/* Standard error, which begins anew where the request is run again. */
static void
flow_hear(struct proc *p, struct slice bytes)
{
	struct flow *f = p->role;

	flow_look_for_run(f, p->world);
	if (f->errors == 0 && bytes.len > 0 && bytes.p[0] != 0)
		return; /* it is said that a pool's goes to the log */
	flow_check(p->world, f->call, f->errors, bytes);
	f->errors += bytes.len;
}

static void
flow_act(struct proc *p, const struct act *a)
{
	struct flow *f = p->role;

	switch (a->kind) {
	case CALL_INPUT:
		f->front.wants = a->value != 0;
		break;
	case CALL_DEAF:
		f->front.closed = 1;
		break;
	case CALL_FINISH:
		f->front.finishing = 1;
		f->status = (unsigned)a->value;
		break;
	case CALL_QUIT:
		flow_over(p);
		break;
	case CALL_ERROR:
		flow_hear(p, a->bytes);
		break;
	case CALL_LINE:
	case CALL_WRITE:
	case CALL_HALT:
	case CALL_PROGRESS:
		break;
	default:
		call_take(p->core, proc_now(p), a);
		proc_deliver(p);
	}
}

static void
flow_give(struct proc *p, size_t n)
{
	struct flow *f = p->role;
	unsigned char bytes[FLOW_MOST];

	flow_fill(f->call, f->given, bytes, n);
	f->given += n;
	call_input(p->core, proc_now(p), slice_of(bytes, n));
}

static void
flow_feed(struct proc *p)
{
	struct flow *f = p->role;
	struct world *w = p->world;
	size_t room, n = 1 + rng_below(&p->rng, FLOW_MOST);

	while (f->front.wants && !f->front.closed && !f->front.over &&
	    !f->front.finishing && (room = call_readable(p->core)) > 0) {
		n = n < room ? n : room;
		if (n > flow_size(w, f->call) - f->given)
			n = flow_size(w, f->call) - f->given;
		if (n == 0) {
			f->front.closed = 1;
			call_input_end(p->core, proc_now(p), NULL);
			return;
		}
		flow_give(p, n);
		if (rng_below(&p->rng, 16) == 0)
			return;
	}
}

static void
flow_write(struct proc *p)
{
	struct flow *f = p->role;
	struct slice s = buf_slice(&f->front.out);
	size_t n = 1 + rng_below(&p->rng, 100000);

	if (s.len > n)
		s.len = n;
	flow_check(p->world, f->call, f->written, s);
	window_took(p, f->call, STREAM_OUTPUT, s.len);
	f->written += s.len;
	buf_consume(&f->front.out, s.len);
}

static void
flow_meet_fate(struct proc *p)
{
	struct flow *f = p->role;

	if (f->fate == FLOW_LIVES || p->world->clock.now < f->fate_at)
		return;
	if (f->fate == FLOW_SIGNAL)
		front_end(p);
	else {
		window_took(p, f->call, STREAM_OUTPUT, buf_len(&f->front.out));
		front_break(p);
	}
	f->fate = FLOW_LIVES;
}

static void
flow_work(struct proc *p)
{
	struct flow *f = p->role;

	if (!f->front.look)
		return;
	f->front.look = 0;
	if (!f->front.finishing)
		flow_meet_fate(p);
	flow_feed(p);
	if (!f->front.over && rng_below(&p->rng, 3) > 0)
		flow_write(p);
	if (f->front.finishing && buf_len(&f->front.out) == 0)
		flow_over(p);
	proc_deliver(p);
}

static void
flow_init(struct flow *f, struct proc *p, struct post *s,
    struct call_config *config)
{
	struct world *w = s->world;
	struct asked *asked;

	front_init(&f->front, s, FLOW_STEP_MS);
	f->call = load_add(w, s);
	f->fate = (enum flow_fate)rng_below(&p->rng, 2 * FLOW_FATES);
	if (f->fate >= FLOW_FATES)
		f->fate = FLOW_LIVES;
	f->fate_at = w->clock.now + (int64_t)rng_below(&p->rng, 8000);
	front_limit(p, config, 8000);
	config->errors = rng_below(&p->rng, 2) == 0;
	asked = &w->calls[f->call];
	asked->retries = (unsigned)config->retries;
	asked->flow = FLOW_HEAD + rng_below(&p->rng,
	    rng_below(&p->rng, 2) == 0 ? 200 : FLOW_MAX - FLOW_HEAD);
}

void
flow_start(struct post *s)
{
	struct proc *p = proc_new(s->world, PROC_CALLER, s->host, ROLE_CALLER,
	    "stream");
	struct flow *f = calloc(1, sizeof(*f));
	struct call_config config;

	assert(f != NULL);
	memset(&config, 0, sizeof(config));
	flow_init(f, p, s, &config);
	config.broker = "/broker";
	p->role = f;
	p->act = flow_act;
	p->work = flow_work;
	p->ended = front_ended;
	front_run(p, &config, 1);
	flow_give(p, FLOW_HEAD); /* so that any request says whose it is */
}
