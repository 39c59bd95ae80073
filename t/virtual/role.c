/* Authorities, brokers, exchanges and PLBs as processes. */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "authority.h"
#include "broker.h"
#include "exchange.h"
#include "plb.h"
#include "t/virtual/sim.h"

#define BROKER_SOCKET "/broker"
#define PORTS	      40000
#define PORTS_SPREAD  24 /* few, so that they are used again */
#define PORTS_TRIES   256 /* until one more may be used */
#define START_MS      30
#define STOP_MS	      1000
#define LEAVE_MS      2000
#define RESTART_MS    3000
#define CURSE_MS      60    /* an exchange that dies at once does so within */
#define STARTS_MS     10000 /* in so long ... */
#define STARTS_MAX    12    /* ... a module's exchange is started so often */
#define TAKE_OVER_MS  5000  /* as lambda-plb */
#define LOOK_MS	      250

/* The exchanges of an authority that have ended: their tags. And how often each
 * module's was started of late. */
struct nest {
	uint32_t *ended;
	size_t n;
	struct starts {
		int64_t since;
		unsigned n;
	} starts[];
};

struct proc *
post_proc(const struct post *s)
{
	return proc_find(s->world, s->proc);
}

/* Whatever a supervisor runs is started again. */
void
post_ended(struct proc *p)
{
	struct world *w = p->world;
	struct post *s;

	for (s = w->posts; s < w->posts + w->nposts; s++) {
		if (s->leaving == p->number)
			s->leaving = 0;
		if (s->proc != p->number && s->coming != p->number)
			continue;
		if (s->proc == p->number)
			s->proc = 0;
		else
			s->coming = 0;
		if (!s->deserted && s->proc == 0 && s->coming == 0)
			event_at(&w->clock, &s->start, w->clock.now + 100 +
			    draw(w, RESTART_MS));
	}
}

/* Authorities. */

static void
authority_work(struct proc *p)
{
	struct nest *nest = p->role;
	size_t i, n = nest->n;

	for (i = 0; i < n; i++)
		authority_ended(p->core, proc_now(p), nest->ended[i]);
	if (n > 0)
		proc_deliver(p);
	nest->n = 0;
}

static void
child_ended(struct proc *child)
{
	struct proc *p = proc_find(child->world, child->parent);
	struct nest *nest;

	if (!child->retired)
		child->world->died_at = child->world->clock.now;
	exchange_free(child->core);
	if (p == NULL)
		return;
	nest = p->role;
	nest->ended = realloc(nest->ended,
	    (nest->n + 1) * sizeof(*nest->ended));
	assert(nest->ended != NULL);
	nest->ended[nest->n++] = child->child_tag;
	proc_wake(p);
}

/* The ports are few, so that one is soon used again by somebody else. A host of
 * many authorities needs more of them. */
static void
listen_anywhere(struct proc *p, char address[NET_ADDRESS])
{
	unsigned tries = 0;

	do
		net_address(p->host, PORTS + tries++ / PORTS_TRIES +
		    draw(p->world, PORTS_SPREAD) +
		    draw(p->world, 1 + p->world->plan.modules), address);
	while (proc_listen(p, address) == -1);
}

/* One that dies at once is not started again at once each time. To an authority
 * whose clock jumped more time has passed. */
static void
bound_starts(struct proc *authority, unsigned module)
{
	struct starts *s = &((struct nest *)authority->role)->starts[module];
	struct world *w = authority->world;
	int64_t now = w->clock.now;

	if (now - s->since > STARTS_MS || s->since < authority->jumped_at) {
		s->since = now;
		s->n = 0;
	}
	if (++s->n > 1)
		w->restarts++;
	if (s->n > STARTS_MAX)
		world_fail(w, 5, "%s has started the exchange of m%u %u times "
		    "in %d s", authority->name, module, s->n,
		    STARTS_MS / 1000);
}

static int
exchange_start(struct proc *parent, uint32_t tag, struct slice module,
    char address[NET_ADDRESS])
{
	struct world *w = parent->world;
	struct proc *p;
	struct exchange *x;

	bound_starts(parent, module_number(module));
	if (w->plan.faults[FAULT_SPAWN] && !w->healed && chance(w, 20))
		return -1;
	p = proc_new(w, PROC_EXCHANGE, parent->host, ROLE_EXCHANGE,
	    "exchange");
	p->module = module_number(module);
	p->parent = parent->number;
	p->child_tag = tag;
	p->ended = child_ended;
	p->hub.serves = ROLE_CTL;
	p->asleep_until = w->clock.now + draw(w, START_MS);
	listen_anywhere(p, address);
	x = exchange_new(module, &p->hub.self.instance, rng_next(&p->rng));
	assert(x != NULL);
	p->role = x;
	proc_core(p, &exchange_ops, x, exchange_out(x));
	if (w->plan.cursed == p->module + 1 && !w->healed)
		event_at(&w->clock, &p->stopping,
		    w->clock.now + draw(w, CURSE_MS));
	return 0;
}

static void
authority_act(struct proc *p, const struct act *a)
{
	struct proc *q;
	int64_t now = proc_now(p);
	char address[NET_ADDRESS];

	if (a->kind == AUTHORITY_START) {
		if (exchange_start(p, a->peer, a->bytes, address) == 0)
			authority_started(p->core, now, a->peer,
			    slice_str(address));
		else
			authority_ended(p->core, now, a->peer);
		proc_deliver(p);
	} else if (a->kind == AUTHORITY_KILL) {
		for (q = p->world->procs; q != NULL; q = q->next)
			if (q->parent == p->number &&
			    q->kind == PROC_EXCHANGE &&
			    q->child_tag == a->peer)
				proc_stop(q, STOP_MS);
	}
}

/* One that ends in good order ends its exchanges, too, if they linger. */
static void
nest_ended(struct proc *p)
{
	struct nest *nest = p->role;
	struct clock *c = &p->world->clock;
	struct proc *q;

	p->world->died_at = c->now;
	for (q = p->world->procs; p->hub.stop && q != NULL; q = q->next)
		if (q->parent == p->number && !event_is_on(&q->stopping))
			event_at(c, &q->stopping, c->now + LEAVE_MS);
	free(nest->ended);
	free(nest);
	authority_free(p->core);
	post_ended(p);
}

static void
start_authority(struct post *s)
{
	struct world *w = s->world;
	struct proc *p = proc_new(w, PROC_AUTHORITY, s->host, ROLE_AUTHORITY,
	    "authority");
	struct authority *a;
	unsigned i;

	a = authority_new(&p->hub.self.instance, rng_next(&p->rng),
	    slice_str(s->address), w->plan.redundancy);
	p->role = calloc(1, sizeof(struct nest) +
	    w->plan.modules * sizeof(struct starts));
	assert(a != NULL && p->role != NULL);
	p->act = authority_act;
	p->work = authority_work;
	p->ended = nest_ended;
	p->hub.serves = ROLE_CTL;
	proc_listen(p, s->address);
	for (i = 0; i < s->nbootstrap; i++)
		authority_bootstrap(a, slice_str(s->bootstrap[i]));
	proc_core(p, &authority_ops, a, authority_out(a));
	s->proc = p->number;
}

/* Brokers. */

static void
broker_ended(struct proc *p)
{
	broker_free(p->core);
	post_ended(p);
}

static void
start_broker(struct post *s)
{
	struct world *w = s->world;
	struct proc *p = proc_new(w, PROC_BROKER, s->host, ROLE_BROKER,
	    "broker");
	struct broker *b;
	unsigned i;

	b = broker_new(&p->hub.self.instance, rng_next(&p->rng),
	    slice_str(s->same_port ? s->address : ""), NULL);
	assert(b != NULL);
	p->ended = broker_ended;
	p->hub.serves = ROLE_LISTENER | ROLE_PLB | ROLE_CALLER | ROLE_CTL;
	proc_listen(p, s->address);
	proc_listen(p, BROKER_SOCKET);
	for (i = 0; i < s->nbootstrap; i++)
		broker_bootstrap(b, slice_str(s->bootstrap[i]));
	proc_core(p, &broker_ops, b, broker_out(b));
	s->proc = p->number;
}

/* PLBs. */

static void
plb_ended(struct proc *p)
{
	load_lost(p);
	plb_free(p->core);
	post_ended(p);
}

static struct proc *
new_plb(struct post *s)
{
	struct world *w = s->world;
	struct proc *p = proc_new(w, PROC_PLB, s->host, ROLE_PLB, "plb");
	struct plb_config config;
	char name[16];
	struct buf buf;
	struct plb *plb;

	p->module = s->module;
	p->heedless = s->heedless;
	memset(&config, 0, sizeof(config));
	config.module = slice_str(module_name(s->module, name));
	config.capacity = s->capacity;
	config.wanted = s->wanted;
	config.constraints = post_constraints(s, &buf);
	plb = plb_new(rng_next(&p->rng), &config);
	assert(plb != NULL);
	buf_free(&buf);
	trace(p, "m%u capacity %d wants %d of 1.%u+ zone %u", s->module,
	    (int)s->capacity, (int)s->wanted, s->version, s->zone);
	p->act = load_act;
	p->ended = plb_ended;
	p->hub.serves = ROLE_CALLER;
	proc_core(p, &plb_ops, plb, plb_out(plb));
	proc_dial(p, BROKER_SOCKET);
	return p;
}

static void
start_plb(struct post *s)
{
	struct proc *p = new_plb(s);

	s->proc = p->number;
	proc_listen(p, s->socket);
	load_start(s);
}

/* What is asked from now on is asked of the new one; the old one answers what
 * it has, and ends. */
static void
take_over(struct post *s)
{
	struct world *w = s->world;
	struct proc *old = post_proc(s);

	note(w, "the place of %s is taken", old == NULL ? "a PLB" : old->name);
	w->takeovers++;
	s->proc = s->coming;
	s->coming = 0;
	event_off(&w->clock, &s->start);
	event_off(&w->clock, &s->ask);
	load_start(s);
	if (old != NULL)
		proc_unlisten(old);
	proc_listen(post_proc(s), s->socket);
	if (old == NULL)
		return;
	s->leaving = old->number;
	plb_stop(old->core, proc_now(old));
	proc_deliver(old);
}

static void
on_look(void *arg)
{
	struct post *s = arg;
	struct world *w = s->world;
	struct proc *p = proc_find(w, s->coming);
	struct plb_view v;

	if (p == NULL)
		return;
	plb_look(p->core, &v);
	if (p->asleep_until > w->clock.now ||
	    (v.tokens < s->wanted && w->clock.now < s->takes_at))
		event_at(&w->clock, &s->look, w->clock.now + LOOK_MS);
	else
		take_over(s);
}

void
plb_takeover(struct post *s)
{
	struct world *w = s->world;

	if (s->coming != 0 || s->leaving != 0 || w->net.off[s->host])
		return;
	event_off(&w->clock, &s->look);
	event_init(&s->look, on_look, s);
	s->coming = new_plb(s)->number;
	s->takes_at = w->clock.now + TAKE_OVER_MS;
	event_at(&w->clock, &s->look, w->clock.now + LOOK_MS);
}

/* All. */

void
post_start(struct post *s)
{
	struct world *w = s->world;

	if (s->deserted)
		return;
	if (w->net.off[s->host]) {
		event_at(&w->clock, &s->start, w->clock.now + 500);
		return;
	}
	switch (s->kind) {
	case PROC_AUTHORITY:
		start_authority(s);
		break;
	case PROC_BROKER:
		start_broker(s);
		break;
	case PROC_LISTENER:
		listener_start(s);
		break;
	case PROC_PLB:
		start_plb(s);
		break;
	case PROC_CALLER:
		caller_start(s);
		break;
	default:
		assert(!"kept by a supervisor");
	}
}

void
proc_term(struct proc *p)
{
	int64_t now = proc_now(p);

	switch (p->kind) {
	case PROC_AUTHORITY:
		authority_stop(p->core, now);
		break;
	case PROC_LISTENER:
		listener_term(p);
		break;
	case PROC_CHANNEL:
		channel_drain(p->core, now);
		break;
	case PROC_PLB:
		proc_unlisten(p);
		plb_stop(p->core, now);
		break;
	default:
		proc_stop(p, STOP_MS);
	}
	proc_deliver(p);
}
