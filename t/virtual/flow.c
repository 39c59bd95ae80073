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
#include "call.h"
#include "t/virtual/sim.h"

#define FLOW_STEP_MS 20
#define FLOW_HEAD    8 /* bytes that are the call's number */

enum flow_fate { FLOW_LIVES, FLOW_SIGNAL, FLOW_BROKEN, FLOW_FATES };

struct flow {
	struct post *post;
	uint64_t call;
	struct buf out;
	size_t given, written; /* bytes of its input, and of its output */
	int wants, closed, look, finishing, over;
	unsigned status;
	enum flow_fate fate;
	int64_t fate_at;
	struct event step;
	char module[16];
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

void
flow_check(struct world *w, uint64_t call, size_t from, struct slice s)
{
	unsigned char *p = malloc(s.len + 1);

	assert(p != NULL);
	flow_fill(call, from, p, s.len);
	if (s.len > 0 && memcmp(p, s.p, s.len) != 0)
		world_fail(w, 10, "%zu bytes of stream %llu have changed at "
		    "%zu", s.len, (unsigned long long)call + 1, from);
	if (from + s.len > flow_size(w, call))
		world_fail(w, 10, "stream %llu has %zu bytes, of %zu",
		    (unsigned long long)call + 1, from + s.len,
		    flow_size(w, call));
	free(p);
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

static void
flow_over(struct proc *p)
{
	struct flow *f = p->role;
	struct world *w = p->world;

	if (f->over)
		return;
	f->over = 1;
	if (f->finishing && f->status == 0 &&
	    f->written != flow_part(w, f->call))
		world_fail(w, 10, "%s ends well with %zu bytes of %zu", p->name,
		    f->written, flow_part(w, f->call));
	w->flows++;
	w->answered_at = w->clock.now;
	proc_stop(p, 0);
}

static void
flow_act(struct proc *p, const struct act *a)
{
	struct flow *f = p->role;

	switch (a->kind) {
	case CALL_INPUT:
		f->wants = a->value != 0;
		break;
	case CALL_DEAF:
		f->closed = 1;
		break;
	case CALL_FINISH:
		f->finishing = 1;
		f->status = (unsigned)a->value;
		break;
	case CALL_QUIT:
		flow_over(p);
		break;
	case CALL_LINE:
	case CALL_WRITE:
	case CALL_HALT:
	case CALL_ERROR:
	case CALL_PROGRESS:
		break;
	default:
		call_take(p->core, proc_now(p), a);
		proc_deliver(p);
	}
}

static void
flow_feed(struct proc *p)
{
	struct flow *f = p->role;
	struct world *w = p->world;
	unsigned char bytes[4096];
	size_t room, n = 1 + rng_below(&p->rng, sizeof(bytes));

	while (f->wants && !f->closed && !f->over && !f->finishing &&
	    (room = call_readable(p->core)) > 0) {
		n = n < room ? n : room;
		if (n > flow_size(w, f->call) - f->given)
			n = flow_size(w, f->call) - f->given;
		if (n == 0) {
			f->closed = 1;
			call_input_end(p->core, proc_now(p), NULL);
			return;
		}
		flow_fill(f->call, f->given, bytes, n);
		f->given += n;
		call_input(p->core, proc_now(p), slice_of(bytes, n));
		if (rng_below(&p->rng, 16) == 0)
			return;
	}
}

static void
flow_write(struct proc *p)
{
	struct flow *f = p->role;
	struct slice s = buf_slice(&f->out);
	size_t n = 1 + rng_below(&p->rng, 100000);

	if (s.len > n)
		s.len = n;
	flow_check(p->world, f->call, f->written, s);
	f->written += s.len;
	buf_consume(&f->out, s.len);
}

static void
flow_meet_fate(struct proc *p)
{
	struct flow *f = p->role;
	size_t lost = buf_len(&f->out);

	if (f->fate == FLOW_LIVES || p->world->clock.now < f->fate_at)
		return;
	note(p->world, "%s %s", p->name, f->fate == FLOW_SIGNAL ?
	    "is told to end" : "has nobody to read it");
	if (f->fate == FLOW_SIGNAL)
		call_interrupt(p->core, proc_now(p), "SIGTERM");
	else {
		buf_consume(&f->out, lost);
		call_broken(p->core, proc_now(p), lost, "Broken pipe");
	}
	f->fate = FLOW_LIVES;
}

static void
flow_work(struct proc *p)
{
	struct flow *f = p->role;

	if (!f->look)
		return;
	f->look = 0;
	if (!f->finishing)
		flow_meet_fate(p);
	flow_feed(p);
	if (!f->over && rng_below(&p->rng, 3) > 0)
		flow_write(p);
	if (f->finishing && buf_len(&f->out) == 0)
		flow_over(p);
	proc_deliver(p);
}

static void
flow_on_step(void *arg)
{
	struct proc *p = arg;
	struct flow *f = p->role;

	f->look = 1;
	event_at(&p->world->clock, &f->step, p->world->clock.now + 1 +
	    (int64_t)rng_below(&p->rng, FLOW_STEP_MS));
	proc_wake(p);
}

static void
flow_ended(struct proc *p)
{
	struct flow *f = p->role;

	event_off(&p->world->clock, &f->step);
	call_free(p->core);
	buf_free(&f->out);
	free(f);
	post_ended(p);
}

static void
flow_init(struct flow *f, struct proc *p, struct post *s,
    struct call_config *config)
{
	struct world *w = s->world;
	struct asked *asked;

	f->post = s;
	buf_init(&f->out, (size_t)-1 / 4);
	f->call = load_add(w, s);
	f->fate = (enum flow_fate)rng_below(&p->rng, 2 * FLOW_FATES);
	if (f->fate >= FLOW_FATES)
		f->fate = FLOW_LIVES;
	f->fate_at = w->clock.now + (int64_t)rng_below(&p->rng, 8000);
	config->retries = rng_below(&p->rng, 3);
	config->limit_ms = rng_below(&p->rng, 2) == 0 ? 0 :
	    (int64_t)(500 + rng_below(&p->rng, 8000));
	asked = &w->calls[f->call];
	asked->retries = (unsigned)config->retries;
	asked->flow = FLOW_HEAD + rng_below(&p->rng,
	    rng_below(&p->rng, 2) == 0 ? 200 : FLOW_MAX - FLOW_HEAD);
}

void
flow_start(struct post *s)
{
	struct world *w = s->world;
	struct proc *p = proc_new(w, PROC_CALLER, s->host, ROLE_CALLER,
	    "stream");
	struct flow *f = calloc(1, sizeof(*f));
	struct call_config config;
	void *core;

	assert(f != NULL);
	memset(&config, 0, sizeof(config));
	flow_init(f, p, s, &config);
	config.module = module_name(s->module, f->module);
	config.plb.module = slice_str(config.module);
	config.plb.capacity = config.plb.wanted = 1;
	config.broker = "/broker";
	p->module = s->module;
	p->role = f;
	core = call_new(proc_now(p), rng_next(&p->rng), &config, &f->out);
	assert(core != NULL);
	p->act = flow_act;
	p->work = flow_work;
	p->ended = flow_ended;
	s->proc = p->number;
	event_init(&f->step, flow_on_step, p);
	event_at(&w->clock, &f->step, w->clock.now + 1);
	proc_core(p, &call_ops, core, call_out(core));
}
