/* What goes wrong, one thing after the other, until all is healed. */

#include <assert.h>
#include <stdlib.h>

#include "t/virtual/sim.h"

#define MASK(kind) (1u << (kind))
#define CONTROL (MASK(PROC_AUTHORITY) | MASK(PROC_BROKER) | \
	MASK(PROC_EXCHANGE))
#define DATA	(MASK(PROC_LISTENER) | MASK(PROC_CHANNEL) | MASK(PROC_PLB))

static struct proc *
any_proc(struct world *w, unsigned kinds)
{
	struct proc *p, *chosen = NULL;
	unsigned n = 0;

	for (p = w->procs; p != NULL; p = p->next)
		if ((MASK(p->kind) & kinds) && draw(w, ++n) == 0)
			chosen = p;
	return chosen;
}

static void
reset(struct world *w)
{
	struct sock *s, *chosen = NULL;
	unsigned n = 0;

	for (s = w->net.socks; s != NULL; s = s->next)
		if (s->tcp && !s->closed && !s->connecting &&
		    s->ready != NULL && s->peer->ready != NULL &&
		    !s->peer->connecting && draw(w, ++n) == 0)
			chosen = s;
	if (chosen == NULL)
		return;
	note(w, "FAULT connection of hosts %u and %u lost", chosen->host,
	    chosen->peer->host);
	net_reset(chosen);
}

static void
on_mend(void *arg)
{
	struct world *w = arg;

	note(w, "MENDED");
	net_heal(&w->net);
	if (w->dark != 0)
		w->net.off[w->dark] = 0;
	w->dark = 0;
}

static void
mend_later(struct world *w)
{
	if (!event_is_on(&w->mend))
		event_at(&w->clock, &w->mend,
		    w->clock.now + between(w, 500, 25000));
}

static void
partition(struct world *w)
{
	unsigned i;

	note(w, "FAULT partition");
	for (i = 1; i <= w->net.hosts; i++)
		w->net.side[i] = (unsigned char)draw(w, 2);
	mend_later(w);
}

static void
cut(struct world *w)
{
	unsigned from = between(w, 1, w->net.hosts);
	unsigned to = between(w, 1, w->net.hosts);

	note(w, "FAULT %u does not reach %u", from, to);
	net_cut(&w->net, from, to);
	mend_later(w);
}

static void
crash(struct world *w, unsigned kinds)
{
	struct proc *p = any_proc(w, kinds);

	if (p == NULL)
		return;
	note(w, "FAULT %s killed", p->name);
	proc_kill(p, chance(w, 50) ? END_ORDERLY : END_RESET);
}

static void
power_off(struct world *w)
{
	struct proc *p, *next;

	if (w->dark != 0 || event_is_on(&w->mend))
		return;
	w->dark = between(w, 1, w->net.hosts);
	note(w, "FAULT host %u has no power", w->dark);
	w->net.off[w->dark] = 1;
	for (p = w->procs; p != NULL; p = next) {
		next = p->next;
		if (p->host == w->dark)
			proc_kill(p, END_SILENT);
	}
	mend_later(w);
}

static void
slow(struct world *w)
{
	struct proc *p = any_proc(w, CONTROL | DATA);

	if (p == NULL)
		return;
	p->slow_ms = p->slow_ms == 0 ? between(w, 1, 300) : 0;
	note(w, "FAULT %s takes %d ms a turn", p->name, (int)p->slow_ms);
}

static void
stall(struct world *w)
{
	struct proc *p = any_proc(w, CONTROL | DATA);

	if (p == NULL)
		return;
	p->asleep_until = w->clock.now + between(w, 200,
	    chance(w, 50) ? 4000 : 40000);
	if (event_is_on(&p->turn))
		event_at(&w->clock, &p->turn, p->asleep_until);
	note(w, "FAULT %s stands still until %lld", p->name,
	    (long long)p->asleep_until);
}

static void
term(struct world *w)
{
	struct proc *p = any_proc(w, CONTROL | DATA);

	if (p == NULL || p->asleep_until > w->clock.now)
		return;
	note(w, "FAULT %s terminated", p->name);
	proc_term(p);
}

static void
publish(struct world *w)
{
	struct proc *p = any_proc(w, MASK(PROC_LISTENER));

	if (p == NULL || p->asleep_until > w->clock.now)
		return;
	note(w, "FAULT %s has new code", p->name);
	listener_new_code(p);
}

static void
inject(struct world *w, enum fault kind)
{
	switch (kind) {
	case FAULT_RESET:
		reset(w);
		break;
	case FAULT_PARTITION:
		partition(w);
		break;
	case FAULT_CUT:
		cut(w);
		break;
	case FAULT_CONTROL:
		crash(w, CONTROL);
		break;
	case FAULT_CRASH:
		crash(w, DATA);
		break;
	case FAULT_TERM:
		term(w);
		break;
	case FAULT_POWER:
		power_off(w);
		break;
	case FAULT_SLOW:
		slow(w);
		break;
	case FAULT_STALL:
		stall(w);
		break;
	case FAULT_PUBLISH:
		publish(w);
		break;
	default:
		return; /* staff.c and role.c look for themselves */
	}
	w->injected++;
}

static void
on_fault(void *arg)
{
	struct world *w = arg;
	unsigned kind = draw(w, FAULT_KINDS);

	if (w->healed)
		return;
	event_at(&w->clock, &w->fault,
	    w->clock.now + 1 + draw(w, 2 * w->plan.fault_every_ms));
	while (!w->plan.faults[kind])
		kind = (kind + 1) % FAULT_KINDS;
	inject(w, (enum fault)kind);
}

void
fault_start(struct world *w)
{
	int i;

	event_init(&w->fault, on_fault, w);
	event_init(&w->mend, on_mend, w);
	for (i = 0; i < FAULT_KINDS; i++)
		if (w->plan.faults[i])
			event_at(&w->clock, &w->fault, w->plan.fault_at);
}

void
fault_heal(struct world *w)
{
	struct proc *p;

	note(w, "HEALED");
	w->healed = 1;
	event_off(&w->clock, &w->mend);
	on_mend(w);
	for (p = w->procs; p != NULL; p = p->next) {
		p->slow_ms = 0;
		p->asleep_until = 0;
		proc_wake(p);
		if (p->turn.at > w->clock.now)
			event_at(&w->clock, &p->turn, w->clock.now);
	}
}
