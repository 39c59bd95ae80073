/* What goes wrong, one thing after the other, until all is healed. */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "listener.h"
#include "plb.h"
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

	for (s = NULL; (s = CHAIN_NEXT(&w->net.socks, s, struct sock,
	    chain)) != NULL;)
		if (!s->listening && s->port != 0 && !s->connecting &&
		    s->watch != NULL && s->peer->watch != NULL &&
		    !s->peer->connecting && draw(w, ++n) == 0)
			chosen = s;
	if (chosen == NULL)
		return;
	note(w, "FAULT connection of hosts %u and %u lost", chosen->host,
	    chosen->peer->host);
	net_reset(chosen);
}

/* Until then not all is heard, or heard in time. */
static void
muddy(struct world *w, int64_t until)
{
	if (w->muddy_at < until)
		w->muddy_at = until;
}

static void
on_mend(void *arg)
{
	struct world *w = arg;

	note(w, "MENDED");
	muddy(w, w->clock.now);
	net_heal(&w->net);
	if (w->dark != 0)
		w->net.off[w->dark] = 0;
	w->dark = 0;
}

static void
mend_later(struct world *w)
{
	muddy(w, w->plan.heal_at); /* it will be less */
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
	w->did[kinds == DATA ? FAULT_CRASH : FAULT_CONTROL]++;
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
	muddy(w, w->plan.heal_at);
	p->slow_ms = p->slow_ms == 0 ? between(w, 1, 300) : 0;
	note(w, "FAULT %s takes %d ms a turn", p->name, (int)p->slow_ms);
}

static void
stall(struct world *w)
{
	struct proc *p = any_proc(w, CONTROL | DATA);

	if (p == NULL)
		return;
	p->asleep_until = p->late_at = w->clock.now + between(w, 200,
	    chance(w, 50) ? 4000 : 40000);
	muddy(w, p->asleep_until);
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
	w->did[FAULT_TERM]++;
	note(w, "FAULT %s terminated", p->name);
	proc_term(p);
}

/* A PLB is to use a version that somebody sells: by now, all do that did. */
static void
constrain(struct world *w)
{
	struct proc *p = any_proc(w, MASK(PROC_PLB));
	struct post *s, *buyer = NULL, *seller = NULL;
	struct buf buf;
	unsigned n = 0;
	int r;

	for (s = w->posts; p != NULL && s < w->posts + w->nposts; s++)
		if (s->proc == p->number)
			buyer = s;
	/* Who is about to take its place is not told. */
	if (buyer == NULL || buyer->coming != 0 ||
	    p->asleep_until > w->clock.now)
		return;
	for (s = w->posts; s < w->posts + w->nposts; s++)
		if (s->kind == PROC_LISTENER && s->module == buyer->module &&
		    (buyer->zone == 0 || buyer->zone == s->zone) &&
		    draw(w, ++n) == 0)
			seller = s;
	if (seller == NULL)
		return;
	buyer->version = between(w, 1, seller->version);
	note(w, "FAULT %s is to use 1.%u", p->name, buyer->version);
	w->switches++;
	r = plb_constrain(p->core, proc_now(p),
	    post_constraints(buyer, &buf));
	assert(r == 0);
	buf_free(&buf);
	proc_deliver(p);
}

static void
publish(struct world *w)
{
	struct proc *p = any_proc(w, MASK(PROC_LISTENER));

	if (chance(w, 30)) {
		constrain(w);
		return;
	}
	if (p == NULL || p->asleep_until > w->clock.now)
		return;
	note(w, "FAULT %s has new code", p->name);
	listener_new_code(p);
}

static void
takeover(struct world *w)
{
	struct proc *p = any_proc(w, MASK(PROC_PLB));
	struct post *s;

	for (s = w->posts; p != NULL && s < w->posts + w->nposts; s++)
		if (s->proc == p->number && p->asleep_until <= w->clock.now) {
			note(w, "FAULT the place of %s is to be taken",
			    p->name);
			plb_takeover(s);
		}
}

/* As after a host was suspended. */
static void
jump(struct world *w)
{
	unsigned host = between(w, 1, w->net.hosts);
	int64_t ms = between(w, 100, chance(w, 50) ? 6000 : 100000), was;
	struct proc *p;

	note(w, "FAULT the clock of host %u jumps by %d ms", host, (int)ms);
	muddy(w, w->clock.now);
	for (p = w->procs; p != NULL; p = p->next) {
		if (p->host != host)
			continue;
		was = proc_now(p);
		proc_jump(p, ms);
		w->jumps += proc_now(p) > was;
	}
}

/* All that sell a module refuse connections, and sell on; or none does. */
static void
deaf(struct world *w)
{
	unsigned module = draw(w, w->plan.modules);
	int on = chance(w, 60);
	struct proc *p;

	note(w, "FAULT sellers of m%u are %s", module, on ? "deaf" : "well");
	for (p = w->procs; p != NULL; p = p->next)
		if (p->kind == PROC_LISTENER &&
		    listener_post(p)->module == module)
			listener_deaf(p, on);
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
	case FAULT_TAKEOVER:
		takeover(w);
		break;
	case FAULT_JUMP:
		jump(w);
		break;
	case FAULT_DEAF:
		deaf(w);
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

/* A world of size is split. */

int
fault_side(unsigned host, unsigned percent)
{
	return host * percent / 100 != (host - 1) * percent / 100;
}

/* Is the broker linked to an authority on its own side? */
static int
has_authority(const struct world *w, const struct proc *broker)
{
	const struct proc *p;

	for (p = w->procs; p != NULL; p = p->next)
		if (p->kind == PROC_AUTHORITY && w->net.side[p->host] ==
		    w->net.side[broker->host] && proc_linked(broker, p))
			return 1;
	return 0;
}

void
fault_split(struct world *w)
{
	unsigned all[2] = { 0, 0 }, without[2] = { 0, 0 }, i;
	const struct proc *p;

	if (w->clock.now < w->plan.fault_at || w->healed)
		return;
	for (i = 1; i <= w->net.hosts; i++)
		w->net.side[i] = fault_side(i, w->want_split) != 0;
	for (p = w->procs; p != NULL; p = p->next)
		if (p->kind == PROC_BROKER) {
			i = w->net.side[p->host];
			all[i]++;
			without[i] += !has_authority(w, p);
		}
	printf("split for %lld s: %u of %u and %u of %u brokers have no "
	    "authority\n", (long long)(w->clock.now - w->plan.fault_at) / 1000,
	    without[1], all[1], without[0], all[0]);
}

/* Nobody uses a module any more. */
static void
desert(struct world *w, unsigned module)
{
	struct proc *p;
	struct post *s;

	note(w, "m%u is deserted", module);
	for (s = w->posts; s < w->posts + w->nposts; s++) {
		if ((s->kind != PROC_LISTENER && s->kind != PROC_PLB) ||
		    s->module != module)
			continue;
		s->deserted = 1;
		event_off(&w->clock, &s->start);
		if ((p = proc_find(w, s->coming)) != NULL)
			proc_kill(p, END_ORDERLY);
		if ((p = proc_find(w, s->leaving)) != NULL)
			proc_kill(p, END_ORDERLY);
		if ((p = post_proc(s)) != NULL && s->kind == PROC_PLB)
			proc_kill(p, END_ORDERLY);
		else if (p != NULL)
			proc_term(p);
	}
}

void
fault_heal(struct world *w)
{
	struct proc *p;

	note(w, "HEALED");
	w->healed = 1;
	w->muddy_at = w->clock.now;
	event_off(&w->clock, &w->mend);
	on_mend(w);
	for (p = w->procs; p != NULL; p = p->next) {
		if (p->kind == PROC_LISTENER)
			listener_deaf(p, 0);
		p->slow_ms = 0;
		p->asleep_until = 0;
		proc_wake(p);
		if (p->turn.at > w->clock.now)
			event_at(&w->clock, &p->turn, w->clock.now);
	}
	if (w->plan.deserted != 0)
		desert(w, w->plan.deserted - 1);
}
