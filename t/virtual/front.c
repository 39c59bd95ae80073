#include <assert.h>
#include <stdlib.h>

#include "t/virtual/front.h"

void
front_init(struct front *f, struct post *s, int64_t step_ms)
{
	f->post = s;
	f->step_ms = step_ms;
	buf_init(&f->out, BUF_MAX);
}

void
front_limit(struct proc *p, struct call_config *config, uint64_t limit_ms)
{
	config->retries = rng_below(&p->rng, 3);
	config->limit_ms = rng_below(&p->rng, 2) == 0 ? 0 :
	    (int64_t)(500 + rng_below(&p->rng, limit_ms));
}

static void
front_on_step(void *arg)
{
	struct proc *p = arg;
	struct front *f = p->role;

	f->look = 1;
	event_at(&p->world->clock, &f->step, p->world->clock.now + 1 +
	    (int64_t)rng_below(&p->rng, (uint64_t)f->step_ms));
	proc_wake(p);
}

void
front_run(struct proc *p, struct call_config *config, uint64_t capacity)
{
	struct front *f = p->role;
	struct post *s = f->post;
	struct world *w = p->world;
	void *core;

	config->module = module_name(s->module, f->module);
	config->plb.module = slice_str(config->module);
	config->plb.capacity = config->plb.wanted = capacity;
	core = call_new(proc_now(p), rng_next(&p->rng), config, &f->out);
	assert(core != NULL);
	p->module = s->module;
	s->proc = p->number;
	event_init(&f->step, front_on_step, p);
	event_at(&w->clock, &f->step, w->clock.now + 1);
	proc_core(p, &call_ops, core, call_out(core));
}

void
front_end(struct proc *p)
{
	note(p->world, "%s is told to end", p->name);
	call_interrupt(p->core, proc_now(p), "SIGTERM");
}

void
front_break(struct proc *p)
{
	struct front *f = p->role;
	size_t lost = buf_len(&f->out);

	note(p->world, "%s has nobody to read it", p->name);
	buf_consume(&f->out, lost);
	call_broken(p->core, proc_now(p), lost, "Broken pipe");
}

void
front_ended(struct proc *p)
{
	struct front *f = p->role;

	event_off(&p->world->clock, &f->step);
	call_free(p->core);
	buf_free(&f->out);
	free(f);
	post_ended(p);
}
