/* What must hold at an authority: an exchange retires when others stand. */

#include "authority_state.h"
#include "gossip.h"
#include "t/virtual/sim.h"

#define UNREST_MS    1000  /* after a death, not all know of it */
#define CLEAR_MS     6000
#define SUCCESSOR_MS 13000 /* AUTHORITY_SUCCESSOR_MS, less a look or two */

/* Is the peer among the first for the module, of those that this authority
 * sees? */
static int
is_first(const struct authority *a, const struct id *who, struct slice name,
    unsigned redundancy)
{
	const struct gossip_peer *p = NULL;
	unsigned before;

	before = rendezvous_before(&a->gossip.own, who, name) ? 1 : 0;
	while ((p = gossip_next(&a->gossip.authorities, p)) != NULL)
		if (!id_equal(&p->instance, who) &&
		    rendezvous_before(&p->instance, who, name))
			before++;
	return before < redundancy;
}

static const struct proc *
authority_of(const struct world *w, const struct id *who)
{
	const struct proc *p;

	for (p = w->procs; p != NULL; p = p->next)
		if (p->kind == PROC_AUTHORITY &&
		    id_equal(&p->hub.self.instance, who))
			return p;
	return NULL;
}

static int
runs_one(const struct world *w, const struct proc *authority, unsigned module)
{
	const struct proc *p;

	for (p = w->procs; p != NULL; p = p->next)
		if (p->kind == PROC_EXCHANGE && p->module == module &&
		    p->parent == authority->number && !p->retired)
			return 1;
	return 0;
}

/* What the authority retired a moment ago it may have announced, and the word
 * that it is gone be under way. */
static int
may_be_news(const struct world *w, const struct proc *authority)
{
	return authority->retired_at != 0 && w->clock.now <=
	    authority->retired_at + 2 * (int64_t)w->plan.latency_max_ms;
}

static void
check_successors(struct proc *x, const struct proc *p)
{
	struct world *w = x->world;
	const struct proc *q;
	char buf[16];
	struct slice name = slice_str(module_name(x->module, buf));
	const struct authority *a = p->core;
	const struct authority_module *m = map_get(&a->modules, name);
	const struct gossip_peer *peer = NULL;
	int64_t now = w->clock.now;

	if (m == NULL || a->stopping || w->plan.orders > 0)
		return;
	if (m->wanted_until <= proc_now(p)) {
		w->idle_retired++;
		return;
	}
	/* It was retired by what its authority saw then. If one of the first
	 * for the module was lost since, another is one of them now. */
	if (!check_clear(w, CLEAR_MS) || now <= w->died_at + UNREST_MS +
	    2 * (int64_t)w->plan.latency_max_ms ||
	    (x->lost_at != 0 && now <= x->lost_at + w->plan.latency_max_ms) ||
	    (x->surplus_at != 0 && now >= x->surplus_at + SUCCESSOR_MS))
		return;
	while ((peer = gossip_next(&a->gossip.authorities, peer)) != NULL) {
		q = authority_of(w, &peer->instance);
		if (q == NULL || !is_first(a, &peer->instance, name,
			w->plan.redundancy) || runs_one(w, q, x->module) ||
		    may_be_news(w, q))
			continue;
		world_fail(w, 3, "%s retires, and %s runs none yet", x->name,
		    q->name);
	}
}

void
placing_lost(struct proc *p, const struct id *other)
{
	struct world *w = p->world;
	struct proc *x;
	char buf[16];

	for (x = w->procs; x != NULL; x = x->next)
		if (x->kind == PROC_EXCHANGE && x->parent == p->number &&
		    is_first(p->core, other, slice_str(module_name(x->module,
			buf)), w->plan.redundancy))
			x->lost_at = w->clock.now;
}

/* Whoever is to run one instead does, or was waited for. */
void
placing_retired(struct proc *x)
{
	struct proc *p = proc_find(x->world, x->parent);

	if (p == NULL)
		return;
	check_successors(x, p);
	p->retired_at = x->world->clock.now;
}

/* Since when is an exchange not its authority's to run? */
void
placing_watch(struct world *w)
{
	const struct authority *a;
	const struct proc *p;
	struct proc *x;
	char buf[16];

	for (x = w->procs; x != NULL; x = x->next) {
		if (x->kind != PROC_EXCHANGE ||
		    (p = proc_find(w, x->parent)) == NULL)
			continue;
		a = p->core;
		if (is_first(a, &a->gossip.own, slice_str(module_name(x->module,
			buf)), w->plan.redundancy))
			x->surplus_at = 0;
		else if (x->surplus_at == 0)
			x->surplus_at = w->clock.now;
	}
}
