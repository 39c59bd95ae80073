/* Who is linked to whom, once all is healed and quiet. */

#include <stdio.h>
#include <stdlib.h>

#include "broker_state.h"
#include "t/virtual/census.h"

static char why[512];

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

	for (s = w->posts; s < w->posts + w->nposts; s++) {
		if (s->kind != PROC_CALLER && !s->deserted &&
		    post_proc(s) == NULL)
			return "not all are back";
		if (s->leaving != 0 && proc_find(w, s->leaving) != NULL)
			return "one that was taken over from lingers";
	}
	return NULL;
}

/* Every authority to every other. */
static const char *
mesh(const struct census *c)
{
	const struct census_list *l = &c->kind[PROC_AUTHORITY];
	size_t i, k;

	for (i = 0; i < l->n; i++)
		for (k = 0; k < l->n; k++)
			if (k != i && !proc_linked(l->proc[i], l->proc[k]))
				return not_linked(l->proc[i], l->proc[k]);
	return NULL;
}

/* The homes of a broker: the first of all authorities. */
struct homes {
	const struct proc *at[GOSSIP_HOMES];
	uint64_t weight[GOSSIP_HOMES];
	unsigned n;
};

static int
home_before(const struct homes *h, unsigned i, const struct proc *p,
    uint64_t weight)
{
	if (h->weight[i] != weight)
		return h->weight[i] > weight;
	return id_compare(&h->at[i]->hub.self.instance,
	    &p->hub.self.instance) < 0;
}

static void
find_homes(const struct census *c, const struct proc *broker, struct homes *h)
{
	const struct census_list *l = &c->kind[PROC_AUTHORITY];
	struct slice name = id_slice(&broker->hub.self.instance);
	uint64_t weight;
	unsigned k;
	size_t i;

	for (h->n = 0, i = 0; i < l->n; i++) {
		weight = rendezvous_weight(&l->proc[i]->hub.self.instance,
		    name);
		for (k = h->n; k > 0 && !home_before(h, k - 1, l->proc[i],
		    weight); k--)
			if (k < GOSSIP_HOMES) {
				h->at[k] = h->at[k - 1];
				h->weight[k] = h->weight[k - 1];
			}
		if (k == GOSSIP_HOMES)
			continue;
		h->at[k] = l->proc[i];
		h->weight[k] = weight;
		h->n += h->n < GOSSIP_HOMES;
	}
}

/* Each broker is linked to its homes, and to no other authority. */
static const char *
homes(const struct census *c, const struct proc *broker)
{
	const struct linked *l;
	const struct proc *p;
	struct homes h;
	size_t pos = 0;
	unsigned i;

	find_homes(c, broker, &h);
	for (i = 0; i < h.n; i++)
		if (!proc_linked(broker, h.at[i]))
			return not_linked(broker, h.at[i]);
	while ((l = map_next(&broker->linked, &pos)) != NULL) {
		p = census_find(c, &l->instance);
		for (i = 0; i < h.n && h.at[i] != p; i++)
			;
		if (l->role != ROLE_AUTHORITY || i < h.n)
			continue;
		snprintf(why, sizeof(why), "%s is linked to %s, which is no "
		    "home of it", broker->name, p == NULL ? "a dead authority" :
		    p->name);
		return why;
	}
	return NULL;
}

/* And each of these has told it of the exchange. */
static const char *
told(const struct proc *broker, const struct proc *exchange)
{
	const struct broker *b = broker->core;
	const struct broker_exchange *x = map_get(&b->exchanges,
	    id_slice(&exchange->hub.self.instance));
	const struct gossip_peer *a = NULL;
	unsigned i = 0;

	while ((a = gossip_next(&b->gossip.authorities, a)) != NULL) {
		for (i = 0; x != NULL && i < x->nannouncers &&
		    x->announcer[i] != a->handle; i++)
			;
		if (x == NULL || i == x->nannouncers) {
			snprintf(why, sizeof(why), "%s has not heard of %s "
			    "from its home at %s", broker->name,
			    exchange->name, a->address);
			return why;
		}
	}
	return NULL;
}

static const char *
announced(const struct census *c, const struct proc *broker)
{
	const struct broker_module *m = NULL;
	const struct census_list *x;
	const char *r = NULL;
	size_t i;

	while ((m = broker_module_next(broker->core, m)) != NULL) {
		x = &c->exchanges[module_number(m->name)];
		for (i = 0; r == NULL && i < x->n; i++)
			r = told(broker, x->proc[i]);
	}
	return r;
}

static const char *
all_homes(const struct census *c)
{
	const struct census_list *l = &c->kind[PROC_BROKER];
	const char *r = NULL;
	size_t i;

	for (i = 0; r == NULL && i < l->n; i++) {
		r = homes(c, l->proc[i]);
		if (r == NULL)
			r = announced(c, l->proc[i]);
	}
	return r;
}

/* The next of those that are to run the module's exchanges, after those that
 * are marked; or NULL. */
static struct proc *
next_due(const struct census *c, unsigned module)
{
	const struct census_list *l = &c->kind[PROC_AUTHORITY];
	char name[16];
	struct slice m = slice_str(module_name(module, name));
	struct proc *first = NULL, *p;
	size_t i;

	for (i = 0; i < l->n; i++) {
		p = l->proc[i];
		if (!p->due && (first == NULL || rendezvous_before(
		    &p->hub.self.instance, &first->hub.self.instance, m)))
			first = p;
	}
	return first;
}

static void
mark_due(const struct census *c, unsigned module)
{
	const struct census_list *l = &c->kind[PROC_AUTHORITY];
	unsigned r, redundancy = c->world->plan.redundancy;
	struct proc *p;
	size_t i;

	for (i = 0; i < l->n; i++) {
		l->proc[i]->due = 0;
		l->proc[i]->runs = 0;
	}
	for (r = 0; c->used[module] && r < redundancy; r++)
		if ((p = next_due(c, module)) != NULL)
			p->due = 1;
}

static const char *
exchanges_of(const struct census *c, unsigned module)
{
	const struct census_list *l = &c->kind[PROC_AUTHORITY];
	const struct census_list *x = &c->exchanges[module];
	struct proc *p;
	size_t i;

	mark_due(c, module);
	for (i = 0; i < x->n; i++) {
		if ((p = proc_find(c->world, x->proc[i]->parent)) == NULL) {
			snprintf(why, sizeof(why), "%s outlives its parent",
			    x->proc[i]->name);
			return why;
		}
		p->runs++;
	}
	for (i = 0; i < l->n; i++)
		if (l->proc[i]->runs != (unsigned)l->proc[i]->due) {
			snprintf(why, sizeof(why), "%s has %u exchanges of "
			    "m%u, not %d", l->proc[i]->name, l->proc[i]->runs,
			    module, l->proc[i]->due);
			return why;
		}
	return NULL;
}

static const char *
all_exchanges(const struct census *c)
{
	const char *r = NULL;
	unsigned m;

	for (m = 0; r == NULL && m < c->world->plan.modules; m++)
		r = exchanges_of(c, m);
	return r;
}

static const char *
no_orphans(const struct census *c)
{
	const struct census_list *l = &c->kind[PROC_CHANNEL];
	size_t i;

	for (i = 0; i < l->n; i++)
		if (proc_find(c->world, l->proc[i]->parent) == NULL) {
			snprintf(why, sizeof(why), "%s outlives its parent",
			    l->proc[i]->name);
			return why;
		}
	return NULL;
}

/* Listeners and PLBs reach their broker, and that the exchanges of what it has
 * orders for: a PLB that wants no more has none. */
static const char *
orders(const struct census *c, const struct post *s)
{
	const struct proc *p = post_proc(s), *broker = c->broker[s->host];
	const struct census_list *x = &c->exchanges[s->module];
	size_t i;

	if (!proc_linked(p, broker))
		return not_linked(p, broker);
	for (i = 0; s->kind == PROC_LISTENER && i < x->n; i++)
		if (!proc_linked(broker, x->proc[i]))
			return not_linked(broker, x->proc[i]);
	return NULL;
}

static const char *
all_orders(const struct census *c)
{
	const struct world *w = c->world;
	const struct post *s;
	const char *r = NULL;

	for (s = w->posts; r == NULL && s < w->posts + w->nposts; s++)
		if (!s->deserted &&
		    (s->kind == PROC_LISTENER || s->kind == PROC_PLB))
			r = orders(c, s);
	return r;
}

/* A channel has both its links, or it is over. */
static const char *
all_channels(const struct census *c)
{
	const struct census_list *l = &c->kind[PROC_CHANNEL];
	const struct proc *p;
	size_t i;

	for (i = 0; i < l->n; i++) {
		p = l->proc[i];
		if (p->linked.n == 2)
			continue;
		if (channel_running(p->core) > 0) {
			snprintf(why, sizeof(why), "%s runs %llu, and its "
			    "client is gone", p->name,
			    (unsigned long long)channel_running(p->core));
			return why;
		}
		snprintf(why, sizeof(why), "%s has %zu links", p->name,
		    p->linked.n);
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
		for (i = 0; i < p->hub.nlinks; i++)
			if (p->hub.links[i] != NULL &&
			    conn_queued(&p->hub.links[i]->conn) > 0) {
				snprintf(why, sizeof(why),
				    "%s has something queued", p->name);
				return why;
			}
	return NULL;
}

const char *
settle_look(const struct census *c)
{
	const char *r = all_run(c->world);

	if (r == NULL)
		r = mesh(c);
	if (r == NULL)
		r = all_exchanges(c);
	if (r == NULL)
		r = all_homes(c);
	if (r == NULL)
		r = no_orphans(c);
	if (r == NULL)
		r = all_orders(c);
	if (r == NULL)
		r = all_channels(c);
	return r != NULL ? r : nothing_queued(c->world);
}
