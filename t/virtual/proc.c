/* A process and its turns. */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "t/virtual/sim.h"

#define SPIN	    2000 /* turns in one millisecond, with no input */
#define SKEW_MAX_MS (100 * 86400 * (uint64_t)1000) /* a host is up so long */

struct proc *proc_running;

static void on_turn(void *);
static void on_stopping(void *);

struct proc *
proc_as(struct proc *p)
{
	struct proc *before = proc_running;

	proc_running = p;
	return before;
}

static void
on_act(void *arg, const struct act *a)
{
	struct proc *p = arg;

	if (p->act != NULL)
		p->act(p, a);
}

/* There are many of it, and most are idle: it keeps no memory. */
static void
proc_spare(struct outbox *o)
{
	o->buf.keep = o->out.keep = 0;
}

struct proc *
proc_new(struct world *w, enum proc_kind kind, unsigned host, unsigned role,
    const char *name)
{
	struct proc *p = calloc(1, sizeof(*p)), *before = proc_as(p);

	assert(p != NULL);
	p->world = w;
	p->kind = kind;
	p->host = host;
	rng_seed(&p->rng, rng_next(&w->rng));
	p->skew = (int64_t)rng_below(&p->rng, SKEW_MAX_MS);
	event_init(&p->turn, on_turn, p);
	event_init(&p->stopping, on_stopping, p);
	map_init(&p->linked, rng_next(&p->rng));
	chain_init(&p->spoken);
	outbox_init(&p->tap);
	proc_spare(&p->tap);
	world_enter(w, p);
	snprintf(p->name, sizeof(p->name), "%s@%u#%u", name, host,
	    (unsigned)p->number);
	p->loop = loop_new();
	hub_init(&p->hub, p->loop, role, &w->key);
	p->hub.act = on_act;
	p->hub.arg = p;
	p->hub.mark = w->plan.mark;
	proc_as(before);
	return p;
}

void
proc_core(struct proc *p, const struct core_ops *ops, void *core,
    struct outbox *out)
{
	p->ops = ops;
	p->core = core;
	p->out = out;
	proc_spare(out);
	trace(p, "starts, instance %02x%02x", p->hub.self.instance.b[0],
	    p->hub.self.instance.b[1]);
	hub_core(&p->hub, &watcher_ops, p, &p->tap);
	proc_deliver(p);
}

int
proc_linked(const struct proc *p, const struct proc *other)
{
	return map_get(&p->linked, id_slice(&other->hub.self.instance)) !=
	    NULL;
}

int64_t
proc_now(const struct proc *p)
{
	return p->world->clock.now + p->skew;
}

void
proc_jump(struct proc *p, int64_t ms)
{
	p->skew += ms;
	p->jumped_at = p->world->clock.now;
	loop_set_clock(p->loop);
}

void
proc_wake(struct proc *p)
{
	struct clock *c = &p->world->clock;
	int64_t at = c->now + p->slow_ms;

	if (event_is_on(&p->turn))
		return;
	p->world->did[FAULT_SLOW] += p->slow_ms > 0;
	p->world->did[FAULT_STALL] += p->asleep_until > at &&
	    p->asleep_until == p->late_at;
	event_at(c, &p->turn, at > p->asleep_until ? at : p->asleep_until);
}

void
proc_deliver(struct proc *p)
{
	watcher_pass_on(p);
	hub_deliver(&p->hub);
}

int
proc_listen(struct proc *p, const char *address)
{
	struct proc *before = proc_as(p);
	int i = 0, fd = descriptor_listen(address);

	if (fd != -1) {
		while (p->listens[i] != NULL)
			i++;
		assert(i < PROC_LISTENS);
		p->listens[i] = hub_listen(&p->hub, fd);
	}
	proc_as(before);
	return fd == -1 ? -1 : 0;
}

void
proc_unlisten(struct proc *p)
{
	struct proc *before = proc_as(p);
	int i;

	for (i = 0; i < PROC_LISTENS; i++) {
		hub_unlisten(p->listens[i]);
		p->listens[i] = NULL;
	}
	proc_as(before);
}

void
proc_dial(struct proc *p, const char *address)
{
	int r = hub_dial(&p->hub, slice_str(address), DIAL_FOREVER, 0);

	assert(r == 0);
}

uint32_t
proc_adopt(struct proc *p, int fd, int dialler, uint32_t tag)
{
	struct proc *before;
	uint32_t handle;

	descriptor_give(fd, p);
	before = proc_as(p);
	handle = hub_adopt(&p->hub, fd, fd, dialler, tag);
	assert(handle != 0);
	proc_as(before);
	return handle;
}

void
proc_resume(struct proc *p, int fd, const unsigned char *session,
    uint32_t tag)
{
	struct proc *before;
	uint32_t handle;

	descriptor_give(fd, p);
	before = proc_as(p);
	handle = hub_resume(&p->hub, fd, session, tag);
	assert(handle != 0);
	proc_as(before);
}

/* A turn. */

static void
watch_spinning(struct proc *p)
{
	int64_t now = p->world->clock.now;

	p->turns = now == p->turn_at ? p->turns + 1 : 0;
	p->turn_at = now;
	if (p->turns > SPIN)
		world_fail(p->world, 0, "%s spins", p->name);
}

static void
on_turn(void *arg)
{
	struct proc *p = arg, *before = proc_as(p);
	int idle;

	watch_spinning(p);
	if (p->work != NULL)
		p->work(p);
	idle = loop_turn(p->loop);
	world_check_step(p, idle);
	p->world->turned_away += (unsigned)p->hub.held;
	if (p->over || loop_is_stopped(p->loop))
		proc_kill(p, END_ORDERLY);
	else if (!idle)
		proc_wake(p);
	proc_as(before);
}

/* The end. */

static void
on_stopping(void *arg)
{
	struct proc *p = arg;

	p->over = 1;
	proc_wake(p);
}

void
proc_stop(struct proc *p, int64_t within_ms)
{
	struct proc *before = proc_as(p);

	hub_stop(&p->hub, within_ms, 0);
	proc_wake(p);
	proc_as(before);
}

void
proc_kill(struct proc *p, enum ending how)
{
	struct clock *c = &p->world->clock;
	struct proc *before = proc_as(p);

	trace(p, "ends");
	p->ending = how;
	proc_unlisten(p);
	hub_free(&p->hub);
	outbox_free(&p->tap);
	watcher_free(p);
	free(p->watched);
	agent_free(p);
	event_off(c, &p->turn);
	event_off(c, &p->stopping);
	world_leave(p->world, p);
	if (p->ended != NULL)
		p->ended(p);
	loop_free(p->loop);
	free(p);
	proc_as(before == p ? NULL : before);
}
