/* Who holds how much, once all is healed and quiet: all must agree. */

#include <stdio.h>

#include "attrs.h"
#include "exchange.h"
#include "listener.h"
#include "plb_core.h"
#include "t/virtual/sim.h"

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
listener_of(const struct world *w, const struct id *instance)
{
	struct proc *p;

	for (p = w->procs; p != NULL; p = p->next)
		if (p->kind == PROC_LISTENER &&
		    id_equal(&p->self.instance, instance))
			return p;
	return NULL;
}

static unsigned
count_listeners(const struct world *w, unsigned module)
{
	const struct post *s;
	unsigned n = 0;

	for (s = w->posts; s < w->posts + w->nposts; s++)
		n += s->kind == PROC_LISTENER && s->module == module;
	return n;
}

/* An exchange's view of each seller is the seller's own. */
static const char *
exchange_agrees(const struct world *w, const struct proc *p)
{
	unsigned n = count_listeners(w, p->module);
	struct exchange_view v;
	const struct proc *l;
	size_t pos = 0;

	while (exchange_next(p->role, &pos, &v)) {
		if ((l = listener_of(w, &v.seller)) == NULL || n-- == 0) {
			snprintf(why, sizeof(why), "%s has a sell of nobody",
			    p->name);
			return why;
		}
		if (v.reserved > 0)
			return say(p->name, "reserved", v.reserved, l->name,
			    listener_left(l->core));
		if (v.quantity != listener_left(l->core))
			return say(p->name, "a sell of", v.quantity, l->name,
			    listener_left(l->core));
	}
	if (n == 0)
		return NULL;
	snprintf(why, sizeof(why), "%s lacks %u sells", p->name, n);
	return why;
}

/* What a listener has given out is what PLBs hold of it. */
static const char *
listener_agrees(const struct world *w, const struct proc *l)
{
	const struct proc *p;
	const struct plb *plb;
	uint64_t sum = 0;
	size_t i;

	for (p = w->procs; p != NULL; p = p->next) {
		plb = p->core;
		for (i = 0; p->kind == PROC_PLB && i < plb->hold.n; i++)
			if (id_equal(&plb->hold.channel[i].seller,
				&l->self.instance))
				sum += plb->hold.channel[i].tokens;
	}
	if (sum == listener_held(l->core))
		return NULL;
	return say("the sum of PLBs", "tokens:", sum, l->name,
	    listener_held(l->core));
}

static const char *
channel_agrees(const struct proc *p)
{
	if (channel_running(p->core) == 0 &&
	    channel_held(p->core) == channel_tokens(p->core))
		return NULL;
	snprintf(why, sizeof(why), "%s holds %llu, of which %llu are tokens",
	    p->name, (unsigned long long)channel_held(p->core),
	    (unsigned long long)channel_tokens(p->core));
	return why;
}

/* Could the PLB use what this listener sells? */
static int
fits(const struct post *buyer, const struct proc *listener)
{
	const struct post *seller = listener_post(listener);
	struct buf a, c;
	int r;

	if (buyer->module != seller->module)
		return 0;
	r = constraints_match(post_constraints(buyer, &c),
	    post_attrs(seller, &a));
	buf_free(&a);
	buf_free(&c);
	return r;
}

/* Is anything of the seller held by another PLB, which has nothing to do? */
static int
held_by_another(const struct world *w, const struct proc *buyer,
    const struct proc *seller)
{
	const struct proc *p;
	const struct plb *plb;
	size_t i;

	for (p = w->procs; p != NULL; p = p->next) {
		plb = p->core;
		for (i = 0; p->kind == PROC_PLB && p != buyer &&
		     i < plb->hold.n; i++)
			if (plb->hold.channel[i].tokens > 0 &&
			    id_equal(&plb->hold.channel[i].seller,
				&seller->self.instance))
				return 1;
	}
	return 0;
}

/* Nobody wants what lies about. */
static const char *
buyer_is_served(const struct world *w, const struct post *s)
{
	const struct proc *p = post_proc(s), *l;

	if (plb_short(p->core) == 0)
		return NULL;
	for (l = w->procs; l != NULL; l = l->next) {
		if (l->kind != PROC_LISTENER || !fits(s, l))
			continue;
		if (listener_left(l->core) == 0 &&
		    !held_by_another(w, p, l))
			continue;
		snprintf(why, sizeof(why), "%s wants %llu more, and %s has it",
		    p->name, (unsigned long long)plb_short(p->core), l->name);
		return why;
	}
	return NULL;
}

static const char *
agrees(const struct world *w, const struct proc *p)
{
	switch (p->kind) {
	case PROC_EXCHANGE:
		return exchange_agrees(w, p);
	case PROC_LISTENER:
		return listener_agrees(w, p);
	case PROC_CHANNEL:
		return channel_agrees(p);
	default:
		return NULL;
	}
}

const char *
ledger_look(struct world *w)
{
	const char *r = NULL;
	const struct proc *p;
	const struct post *s;

	for (s = w->posts; r == NULL && s < w->posts + w->nposts; s++) {
		if (s->kind != PROC_PLB)
			continue;
		if (s->outstanding > 0) {
			snprintf(why, sizeof(why), "%s has not answered %zu",
			    post_proc(s)->name, s->outstanding);
			return why;
		}
		r = buyer_is_served(w, s);
	}
	for (p = w->procs; r == NULL && p != NULL; p = p->next)
		r = agrees(w, p);
	return r;
}
