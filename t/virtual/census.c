/* Who there is, sorted: for checkers that look at all of the world at once. */

#include <assert.h>
#include <stdlib.h>

#include "t/virtual/census.h"

static void *
room(size_t n, size_t size)
{
	void *p = calloc(n + 1, size);

	assert(p != NULL);
	return p;
}

static void
list_add(struct census_list *l, struct proc *p)
{
	size_t cap;

	if ((l->n & (l->n - 1)) == 0) {
		cap = l->n == 0 ? 1 : 2 * l->n;
		l->proc = realloc(l->proc, cap * sizeof(p));
		assert(l->proc != NULL);
	}
	l->proc[l->n++] = p;
}

static void
enter(struct census *c, struct proc *p)
{
	int r;

	list_add(&c->kind[p->kind], p);
	r = map_put(&c->by_instance, id_slice(&p->hub.self.instance), p);
	assert(r == 0);
	if (p->kind == PROC_BROKER)
		c->broker[p->host] = p;
	else if (p->kind == PROC_EXCHANGE)
		list_add(&c->exchanges[p->module], p);
	else if (p->kind == PROC_LISTENER)
		list_add(&c->listeners[listener_post(p)->module], p);
}

void
census_take(struct census *c, const struct world *w)
{
	const struct post *s;
	struct proc *p;

	memset(c, 0, sizeof(*c));
	c->world = w;
	map_init(&c->by_instance, w->seed);
	c->broker = room(w->plan.hosts + 1, sizeof(struct proc *));
	c->exchanges = room(w->plan.modules, sizeof(*c->exchanges));
	c->listeners = room(w->plan.modules, sizeof(*c->listeners));
	c->used = room(w->plan.modules, 1);
	for (p = w->procs; p != NULL; p = p->next)
		enter(c, p);
	for (s = w->posts; s < w->posts + w->nposts; s++)
		if (!s->deserted &&
		    (s->kind == PROC_LISTENER || s->kind == PROC_PLB))
			c->used[s->module] = 1;
}

void
census_free(struct census *c)
{
	unsigned m;
	int k;

	for (k = 0; k < PROC_KINDS; k++)
		free(c->kind[k].proc);
	for (m = 0; m < c->world->plan.modules; m++) {
		free(c->exchanges[m].proc);
		free(c->listeners[m].proc);
	}
	free(c->exchanges);
	free(c->listeners);
	free(c->broker);
	free(c->used);
	map_free(&c->by_instance);
}

struct proc *
census_find(const struct census *c, const struct id *instance)
{
	return map_get(&c->by_instance, id_slice(instance));
}
