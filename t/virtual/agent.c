/* What must hold at a broker: whom it leaves, and what becomes of fills. */

#include <assert.h>
#include <stdlib.h>

#include "broker_state.h"
#include "t/virtual/sim.h"

#define ONCE_MS 5000  /* what is pending so long may not come any more */
#define KEEP_MS 20000 /* until all is forgotten of a reservation */

/* It leaves an exchange that drains when its orders stand at another: as far as
 * it knew before this turn. */
void
agent_leaves(struct proc *p, const struct linked *l)
{
	const struct broker *b = p->core;
	int64_t now = p->world->clock.now;
	const struct broker_exchange *left, *other;
	const struct linked *of;
	unsigned i;

	left = map_get(&b->exchanges, id_slice(&l->instance));
	if (left == NULL || chain_empty(&left->module->orders) ||
	    p->lost_at == now)
		return;
	for (i = 0; i < left->module->nslots; i++) {
		other = broker_exchange_at(left->module, i);
		of = other == NULL ? NULL :
		    map_get(&p->linked, id_slice(&other->instance));
		if (of != NULL && (!other->draining || of->drained_at == now))
			return;
	}
	world_fail(p->world, 3, "%s leaves an exchange of m%u with no other "
	    "there", p->name, module_number(left->module->name));
}

int
agent_owner(const struct proc *p, uint64_t number, struct id *owner,
    uint64_t *id)
{
	const struct broker_order *o = broker_order_numbered(p->core, number);

	if (o == NULL)
		return 0;
	*owner = o->peer->gossip.instance;
	*id = o->id;
	return 1;
}

/*
 * Fills: each seller that an exchange names is passed on to the buyer as far as
 * that is lacking, and the rest goes back in the same turn; but what another
 * exchange has sold of the same seller is not passed on beside that.
 */

struct passed {
	struct id exchange, seller, owner;
	uint64_t counter, order; /* the owner's number for it */
	uint64_t number;	 /* the broker's */
	uint64_t offered, passed, released;
	uint64_t settled;	 /* of the order, when it was passed on */
	int64_t at;
	int fresh;		 /* it came in this turn */
};

struct heard {
	struct id owner;
	uint64_t order, settled;
};

struct agent {
	struct passed *passed;
	size_t npassed;
	struct heard *heard;
	size_t nheard;
};

static struct agent *
agent_of(struct proc *p)
{
	if (p->agent == NULL)
		p->agent = calloc(1, sizeof(*p->agent));
	assert(p->agent != NULL);
	return p->agent;
}

void
agent_free(struct proc *p)
{
	if (p->agent == NULL)
		return;
	free(p->agent->passed);
	free(p->agent->heard);
	free(p->agent);
}

static struct heard *
heard_of(struct agent *a, const struct id *owner)
{
	struct heard *h;
	size_t i;

	for (i = 0; i < a->nheard; i++)
		if (id_equal(&a->heard[i].owner, owner))
			return &a->heard[i];
	a->heard = realloc(a->heard, ++a->nheard * sizeof(*h));
	assert(a->heard != NULL);
	h = &a->heard[i];
	memset(h, 0, sizeof(*h));
	h->owner = *owner;
	return h;
}

static struct passed *
passed_of(struct agent *a, const struct id *exchange, uint64_t counter)
{
	size_t i;

	for (i = 0; i < a->npassed; i++)
		if (a->passed[i].counter == counter &&
		    id_equal(&a->passed[i].exchange, exchange))
			return &a->passed[i];
	return NULL;
}

static void
hears_fill(struct proc *p, const struct msg_fill *m)
{
	struct agent *a = agent_of(p);
	struct slice list = m->sellers;
	struct passed *e;
	struct seller s;

	while (item_next(&schema_seller, &list, &s) == 1) {
		if (s.quantity == 0)
			continue;
		a->passed = realloc(a->passed, ++a->npassed * sizeof(*e));
		assert(a->passed != NULL);
		e = &a->passed[a->npassed - 1];
		memset(e, 0, sizeof(*e));
		e->exchange = m->exchange;
		e->seller = s.seller;
		e->counter = s.counter;
		e->number = m->order;
		e->offered = s.quantity;
		e->at = p->world->clock.now;
		e->fresh = 1;
	}
}

void
agent_hears(struct proc *p, const struct linked *l, const struct msg *m)
{
	struct heard *h;

	if (m->type == MSG_FILL)
		hears_fill(p, &m->u.fill);
	if (m->type != MSG_BUY)
		return;
	h = heard_of(agent_of(p), &l->instance);
	h->order = m->u.buy.order;
	h->settled = m->u.buy.settled;
}

/* Was it sold to the same order through another exchange, and certainly not
 * settled since? */
static int
is_second(const struct agent *a, const struct passed *e, int64_t now)
{
	const struct passed *f;

	for (f = a->passed; f < a->passed + a->npassed; f++)
		if (f != e && f->passed > 0 && f->released == 0 &&
		    f->order == e->order && f->settled == e->settled &&
		    now - f->at < ONCE_MS && id_equal(&f->owner, &e->owner) &&
		    id_equal(&f->seller, &e->seller) &&
		    !id_equal(&f->exchange, &e->exchange))
			return 1;
	return 0;
}

static void
says_fill(struct proc *p, const struct linked *l, const struct msg_fill *m)
{
	struct agent *a = agent_of(p);
	const struct heard *h = heard_of(a, &l->instance);
	struct slice list = m->sellers;
	struct passed *e;
	struct seller s;

	while (item_next(&schema_seller, &list, &s) == 1) {
		if ((e = passed_of(a, &m->exchange, s.counter)) == NULL)
			world_fail(p->world, 3, "%s passes on what it was not "
			    "told", p->name);
		e->owner = l->instance;
		e->order = m->order;
		e->settled = h->order == m->order ? h->settled : 0;
		e->passed += s.quantity;
		if (check_clear(p->world, ONCE_MS) &&
		    is_second(a, e, p->world->clock.now))
			world_fail(p->world, 3, "%s passes a seller on twice, "
			    "of two exchanges", p->name);
	}
}

static void
says_release(struct proc *p, const struct linked *l,
    const struct msg_release *m)
{
	struct slice list = m->reservations;
	struct reservation r;
	struct passed *e;

	while (item_next(&schema_reservation, &list, &r) == 1) {
		e = passed_of(agent_of(p), &l->instance, r.counter);
		if (e != NULL)
			e->released += r.quantity == 0 ? e->offered :
			    r.quantity;
	}
}

void
agent_says(struct proc *p, const struct linked *l, struct slice frame)
{
	struct tlv tlv;
	struct msg m;

	if (p->world->plan.orders > 0 ||
	    (frame.p[0] != MSG_FILL && frame.p[0] != MSG_RELEASE) ||
	    tlv_next(&frame, &tlv) != 1 ||
	    msg_decode(&m, tlv.type, tlv.value) != 1)
		return;
	if (m.type == MSG_FILL)
		says_fill(p, l, &m.u.fill);
	else
		says_release(p, l, &m.u.release);
}

/* What is neither passed on nor given back is held, as the same seller is
 * pending for its order through another exchange. */
static int
is_held(const struct agent *a, const struct passed *e)
{
	const struct passed *f;

	for (f = a->passed; f < a->passed + a->npassed; f++)
		if (f != e && f->number == e->number && f->passed > 0 &&
		    id_equal(&f->seller, &e->seller) &&
		    !id_equal(&f->exchange, &e->exchange))
			return 1;
	return 0;
}

void
agent_step(struct proc *p)
{
	struct agent *a = p->agent;
	struct passed *e;
	size_t i;

	for (i = 0; a != NULL && i < a->npassed; i++) {
		e = &a->passed[i];
		if (!e->fresh && p->world->clock.now - e->at > KEEP_MS) {
			a->passed[i--] = a->passed[--a->npassed];
			continue;
		}
		if (e->fresh && e->passed + e->released < e->offered &&
		    map_get(&p->linked, id_slice(&e->exchange)) != NULL &&
		    (e->passed > 0 || !is_held(a, e)))
			world_fail(p->world, 2, "%s was filled %llu, passes on "
			    "%llu and gives back %llu", p->name,
			    (unsigned long long)e->offered,
			    (unsigned long long)e->passed,
			    (unsigned long long)e->released);
		e->fresh = 0;
	}
}
