/* What must hold at an exchange: what it reserves, and whose turn it is. */

#include "exchange_book.h"
#include "listener.h"
#include "plb_state.h"
#include "t/virtual/census.h"

#define EXPIRED_MS 25000 /* after something was late, reservations may end so */
#define CLEAR_MS   6000
#define AGREE_MS   3000 /* what is said of a sell is heard within */
#define PLACE_MS   4000 /* and a place in line */
#define AGE_MS	   2000 /* older or younger than its owner says */

/* Is something that the buy could have on offer? */
static const struct exchange_sell *
on_offer(const struct exchange *x, const struct exchange_buy *b)
{
	const struct sell_class *c;
	const struct exchange_sell *s;
	unsigned i;
	size_t k;

	for (i = 0; i < x->classes.sells.n; i++) {
		c = class_sell(&x->classes, i);
		if (!class_set_has(&b->class->fits, i) || c->weights.total == 0)
			continue;
		for (k = 0; k < c->class.n; k++) {
			s = sell_in(x, c, k);
			if (s->quantity > s->reserved && !buy_excludes(x, b, s))
				return s;
		}
	}
	return NULL;
}

/* Between its turns no buy waits for what is on offer to it. */
static void
nothing_lies_about(const struct proc *p, const struct exchange *x)
{
	struct exchange_order *o;
	size_t pos = 0;

	if (x->closed || x->stuck || x->totals.missing == 0)
		return;
	while ((o = order_next(x, &pos)) != NULL)
		if (!o->selling && order_buy(o)->lacking > 0 &&
		    class_set_meet(&order_buy(o)->class->fits, &x->open) &&
		    on_offer(x, order_buy(o)) != NULL)
			world_fail(p->world, 3, "%s lets %u wait for what is "
			    "on offer there", p->name,
			    (unsigned)order_buy(o)->lacking);
}

/* It retires as its authority says so, and not because it has none. */
static int
was_told(const struct exchange *x, int64_t now)
{
	return (!x->orphan || now < x->orphan_at) &&
	    (x->alone_at == 0 || now < x->alone_at);
}

void
trade_step(struct proc *p)
{
	struct exchange *x = p->role;
	struct world *w = p->world;

	if (x->closed && !p->retired) {
		p->retired = 1;
		w->retired++;
		if (was_told(x, proc_now(p)))
			placing_retired(p);
	}
	if (w->plan.orders > 0)
		return;
	nothing_lies_about(p, x);
	if (x->totals.expired == p->expired)
		return;
	p->expired = x->totals.expired;
	w->expired++;
	if (check_clear(w, EXPIRED_MS))
		world_fail(w, 2, "a reservation at %s was settled by nobody",
		    p->name);
}

/* When a listener has not spoken for a while, what is known of it is so; and
 * what is known of one that is gone is known no more. */
static void
look_at_sell(const struct census *c, struct proc *p,
    const struct exchange_sell *s)
{
	const struct proc *l = census_find(c, &s->seller);
	const struct listener *core = l == NULL ? NULL : l->core;
	int64_t last;

	if (l == NULL) {
		if (check_lasts(p, &s->seller, 0, 0) >= AGREE_MS)
			world_fail(p->world, 2, "%s has long had a sell of "
			    "nobody", p->name);
		return;
	}
	if (listener_sell_due(core) == INT64_MAX)
		return; /* it sends none */
	last = listener_sell_due(core) - LISTENER_SELL_MS;
	if (last - l->skew < p->world->muddy_at)
		return; /* it may come late */
	if (s->quantity != listener_left(core) &&
	    proc_now(l) - last >= AGREE_MS)
		world_fail(p->world, 2, "%s has a sell of %u of %s, which has "
		    "%llu, and does not say so", p->name,
		    (unsigned)s->quantity, l->name,
		    (unsigned long long)listener_left(core));
}

/* The place in line is the one that its owner's age gives it. */
static void
look_at_buy(const struct census *c, struct proc *p,
    const struct exchange_buy *b)
{
	const struct proc *broker, *q;
	const struct plb *plb;
	struct id owner, who;
	uint64_t id;
	int64_t born, since;

	broker = census_find(c, &b->order.broker->instance);
	if (b->lacking == 0 || broker == NULL ||
	    !agent_owner(broker, b->order.id, &owner, &id) ||
	    (q = census_find(c, &owner)) == NULL || q->kind != PROC_PLB)
		return;
	plb = q->core;
	if (plb->order.id != id || plb->order.short_since == NEVER)
		return;
	since = plb->order.short_since - q->skew;
	born = b->queued.born - p->skew;
	if (since < q->jumped_at || since < p->world->muddy_at)
		return; /* it grew old all at once, or its age came late */
	who = broker->hub.self.instance;
	memcpy(who.b, &b->order.id, sizeof(b->order.id));
	if (born > since + AGE_MS +
	    2 * (int64_t)p->world->plan.latency_max_ms &&
	    check_lasts(p, &who, (uint64_t)born, (uint64_t)since) >= PLACE_MS)
		world_fail(p->world, 3, "%s waits since %lld, and at %s has "
		    "its place behind all until %lld", q->name,
		    (long long)since, p->name, (long long)born);
}

void
trade_watch(const struct census *c)
{
	const struct census_list *l = &c->kind[PROC_EXCHANGE];
	struct exchange *x;
	struct exchange_order *o;
	size_t i, pos;

	for (i = 0; check_clear(c->world, CLEAR_MS) && i < l->n; i++) {
		x = l->proc[i]->role;
		if (x->closed)
			continue;
		for (pos = 0; (o = order_next(x, &pos)) != NULL;)
			if (o->selling)
				look_at_sell(c, l->proc[i], order_sell(o));
			else
				look_at_buy(c, l->proc[i], order_buy(o));
	}
}
