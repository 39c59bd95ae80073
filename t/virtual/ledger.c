/* Who holds how much, once all is healed and quiet: all must agree. */

#include <stdio.h>

#include "attrs.h"
#include "exchange_book.h"
#include "listener.h"
#include "plb_state.h"
#include "t/virtual/census.h"

static char why[256];

static const char *
say(const char *who, const char *what, uint64_t has, const char *whom,
    uint64_t should)
{
	snprintf(why, sizeof(why), "%s has %s %llu of %s, which has %llu", who,
	    what, (unsigned long long)has, whom, (unsigned long long)should);
	return why;
}

static struct proc *
listener_of(const struct census *c, const struct id *instance)
{
	struct proc *p = census_find(c, instance);

	return p == NULL || p->kind != PROC_LISTENER ? NULL : p;
}

/* Nobody's order stands there: each buy is one that its broker has. */
static const char *
buys_agree(const struct proc *p, const struct census *c)
{
	const struct exchange *x = p->role;
	const struct proc *broker;
	struct exchange_order *o;
	struct id owner;
	uint64_t id;
	size_t pos = 0;

	while ((o = order_next(x, &pos)) != NULL) {
		broker = census_find(c, &o->broker->instance);
		if (o->selling || (broker != NULL &&
		    agent_owner(broker, o->id, &owner, &id) &&
		    census_find(c, &owner) != NULL))
			continue;
		snprintf(why, sizeof(why), "%s has a buy of nobody", p->name);
		return why;
	}
	return NULL;
}

/* An exchange's view of each seller is the seller's own; it has each once. */
static const char *
exchange_agrees(const struct census *c, const struct proc *p)
{
	const struct census_list *l = &c->listeners[p->module];
	const struct exchange *x = p->role;
	const struct exchange_sell *s;
	struct exchange_order *o;
	struct proc *seller;
	size_t pos = 0, i;

	for (i = 0; i < l->n; i++)
		l->proc[i]->due = 0;
	while ((o = order_next(x, &pos)) != NULL) {
		if (!o->selling)
			continue;
		s = order_sell(o);
		seller = listener_of(c, &s->seller);
		if (seller == NULL || seller->due++ > 0) {
			snprintf(why, sizeof(why), "%s has %s", p->name,
			    seller == NULL ? "a sell of nobody" :
			    "one seller twice");
			return why;
		}
		if (s->reserved > 0)
			return say(p->name, "reserved", s->reserved,
			    seller->name, listener_left(seller->core));
		if (s->quantity != listener_left(seller->core))
			return say(p->name, "a sell of", s->quantity,
			    seller->name, listener_left(seller->core));
	}
	for (i = 0; i < l->n; i++)
		if (!l->proc[i]->due) {
			snprintf(why, sizeof(why), "%s lacks the sell of %s",
			    p->name, l->proc[i]->name);
			return why;
		}
	return buys_agree(p, c);
}

/* What PLBs hold of each listener: that which has work, and that which does
 * nothing. */
static void
sum_tokens(const struct census *c)
{
	const struct census_list *l = &c->kind[PROC_LISTENER];
	const struct upstream *u;
	const struct plb *plb;
	struct proc *seller;
	size_t i, k;

	for (i = 0; i < l->n; i++)
		l->proc[i]->sum = 0;
	l = &c->kind[PROC_PLB];
	for (i = 0; i < l->n; i++) {
		plb = l->proc[i]->core;
		k = 0;
		while ((u = upstream_next(plb, &k)) != NULL) {
			seller = u->tokens == 0 ? NULL :
			    listener_of(c, &u->seller);
			if (seller != NULL)
				seller->sum += u->tokens;
		}
	}
}

/* What a listener has given out is what PLBs hold of it. */
static const char *
listeners_agree(const struct census *c)
{
	const struct census_list *l = &c->kind[PROC_LISTENER];
	const struct proc *p;
	size_t i;

	for (i = 0; i < l->n; i++) {
		p = l->proc[i];
		if (p->sum != listener_held(p->core))
			return say("the sum of PLBs", "tokens:", p->sum,
			    p->name, listener_held(p->core));
	}
	return NULL;
}

static const char *
channels_agree(const struct census *c)
{
	const struct census_list *l = &c->kind[PROC_CHANNEL];
	const struct proc *p;
	size_t i;

	for (i = 0; i < l->n; i++) {
		p = l->proc[i];
		if (channel_running(p->core) == 0 &&
		    channel_held(p->core) == channel_tokens(p->core))
			continue;
		snprintf(why, sizeof(why), "%s holds %llu, of which %llu are "
		    "tokens", p->name,
		    (unsigned long long)channel_held(p->core),
		    (unsigned long long)channel_tokens(p->core));
		return why;
	}
	return NULL;
}

/* What the PLB has of this listener itself. */
static uint64_t
own_tokens(const struct proc *buyer, const struct proc *seller)
{
	const struct upstream *u;
	uint64_t sum = 0;
	size_t i = 0;

	while ((u = upstream_next(buyer->core, &i)) != NULL)
		if (id_equal(&u->seller, &seller->hub.self.instance))
			sum += u->tokens;
	return sum;
}

/* Nobody wants what lies about, or what another holds who does nothing. */
static const char *
buyer_is_served(const struct census *c, const struct post *s)
{
	const struct census_list *l = &c->listeners[s->module];
	const struct proc *p = post_proc(s), *seller;
	size_t i;

	if (plb_short(p->core) == 0)
		return NULL;
	for (i = 0; i < l->n; i++) {
		seller = l->proc[i];
		if (!listener_fits(seller, s) ||
		    (listener_left(seller->core) == 0 &&
		    seller->sum == own_tokens(p, seller)))
			continue;
		snprintf(why, sizeof(why), "%s wants %llu more, and %s has it",
		    p->name, (unsigned long long)plb_short(p->core),
		    seller->name);
		return why;
	}
	return NULL;
}

static const char *
buyers_are_served(const struct census *c)
{
	const struct world *w = c->world;
	const struct post *s;
	const char *r = NULL;

	for (s = w->posts; r == NULL && s < w->posts + w->nposts; s++) {
		if (s->kind != PROC_PLB || s->deserted)
			continue;
		if (s->outstanding > 0) {
			snprintf(why, sizeof(why), "%s has not answered %zu",
			    post_proc(s)->name, s->outstanding);
			return why;
		}
		r = buyer_is_served(c, s);
	}
	return r;
}

const char *
ledger_look(const struct census *c)
{
	const struct census_list *x = &c->kind[PROC_EXCHANGE];
	const char *r;
	size_t i;

	sum_tokens(c);
	r = buyers_are_served(c);
	for (i = 0; r == NULL && i < x->n; i++)
		r = exchange_agrees(c, x->proc[i]);
	if (r == NULL)
		r = listeners_agree(c);
	return r != NULL ? r : channels_agree(c);
}
