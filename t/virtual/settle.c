/* Who is linked to whom, once all is healed and quiet. */

#include <stdio.h>

#include "rendezvous.h"
#include "t/virtual/sim.h"

static char why[256];

static const char *
not_linked(const struct proc *p, const struct proc *q)
{
	snprintf(why, sizeof(why), "%s is not linked to %s", p->name, q->name);
	return why;
}

static const char *
all_run(const struct world *w)
{
	const struct post *s;

	for (s = w->posts; s < w->posts + w->nposts; s++)
		if (post_proc(s) == NULL)
			return "not all are back";
	return NULL;
}

/* Everybody of one kind to everybody of another. */
static const char *
mesh(const struct world *w, enum proc_kind from, enum proc_kind to)
{
	const struct proc *p, *q;

	for (p = w->procs; p != NULL; p = p->next)
		for (q = w->procs; p->kind == from && q != NULL; q = q->next)
			if (q->kind == to && p != q && !proc_linked(p, q))
				return not_linked(p, q);
	return NULL;
}

/* Is the authority one of those that are to run the module's exchange? */
static int
is_to_run(const struct world *w, const struct proc *p, unsigned module)
{
	char name[16];
	struct slice m = slice_str(module_name(module, name));
	const struct proc *q;
	unsigned before = 0;

	for (q = w->procs; q != NULL; q = q->next)
		if (q->kind == PROC_AUTHORITY && q != p &&
		    rendezvous_before(&q->self.instance, &p->self.instance, m))
			before++;
	return before < w->plan.redundancy;
}

static int
is_used(const struct world *w, unsigned module)
{
	const struct post *s;

	for (s = w->posts; s < w->posts + w->nposts; s++)
		if ((s->kind == PROC_LISTENER || s->kind == PROC_PLB) &&
		    s->module == module)
			return 1;
	return 0;
}

static const char *
exchanges_of(const struct world *w, const struct proc *authority,
    unsigned module)
{
	unsigned n = 0, due;
	const struct proc *q;

	due = is_used(w, module) && is_to_run(w, authority, module);
	for (q = w->procs; q != NULL; q = q->next)
		if (q->kind == PROC_EXCHANGE && q->module == module &&
		    q->parent == authority->number)
			n++;
	if (n == due)
		return NULL;
	snprintf(why, sizeof(why), "%s has %u exchanges of m%u, not %u",
	    authority->name, n, module, due);
	return why;
}

static const char *
all_exchanges(struct world *w)
{
	const char *r = NULL;
	const struct proc *p;
	unsigned m;

	for (p = w->procs; r == NULL && p != NULL; p = p->next) {
		for (m = 0; r == NULL && p->kind == PROC_AUTHORITY &&
		     m < w->plan.modules; m++)
			r = exchanges_of(w, p, m);
		if (p->parent != 0 && proc_find(w, p->parent) == NULL) {
			snprintf(why, sizeof(why), "%s outlives its parent",
			    p->name);
			r = why;
		}
	}
	return r;
}

/* Listeners and PLBs reach their broker, and that the exchanges of what it has
 * orders for: a PLB that wants no more has none. */
static const char *
orders(const struct world *w, const struct post *s)
{
	const struct proc *p = post_proc(s), *broker, *q;

	for (broker = w->procs; broker->kind != PROC_BROKER ||
	     broker->host != s->host; broker = broker->next)
		;
	if (!proc_linked(p, broker))
		return not_linked(p, broker);
	for (q = w->procs; q != NULL; q = q->next)
		if (s->kind == PROC_LISTENER && q->kind == PROC_EXCHANGE &&
		    q->module == s->module && !proc_linked(broker, q))
			return not_linked(broker, q);
	return NULL;
}

static const char *
all_orders(const struct world *w)
{
	const struct post *s;
	const char *r = NULL;

	for (s = w->posts; r == NULL && s < w->posts + w->nposts; s++)
		if (s->kind == PROC_LISTENER || s->kind == PROC_PLB)
			r = orders(w, s);
	return r;
}

/* A channel has both its links, or it is over. */
static const char *
all_channels(const struct world *w)
{
	const struct proc *p;
	size_t i, up;

	for (p = w->procs; p != NULL; p = p->next) {
		if (p->kind != PROC_CHANNEL)
			continue;
		for (i = up = 0; i < p->nties; i++)
			up += p->ties[i] != NULL && p->ties[i]->up;
		if (up == 2)
			continue;
		snprintf(why, sizeof(why), "%s has %zu links", p->name, up);
		return why;
	}
	return NULL;
}

static const char *
nothing_queued(const struct world *w)
{
	const struct proc *p;
	size_t i;

	for (p = w->procs; p != NULL; p = p->next)
		for (i = 0; i < p->nties; i++)
			if (p->ties[i] != NULL &&
			    buf_len(&p->ties[i]->outq) > 0) {
				snprintf(why, sizeof(why),
				    "%s has something queued", p->name);
				return why;
			}
	return NULL;
}

const char *
settle_look(struct world *w)
{
	const char *r = all_run(w);

	if (r == NULL)
		r = mesh(w, PROC_AUTHORITY, PROC_AUTHORITY);
	if (r == NULL)
		r = mesh(w, PROC_BROKER, PROC_AUTHORITY);
	if (r == NULL)
		r = all_exchanges(w);
	if (r == NULL)
		r = all_orders(w);
	if (r == NULL)
		r = all_channels(w);
	return r != NULL ? r : nothing_queued(w);
}
