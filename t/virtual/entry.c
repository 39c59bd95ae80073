/* A listener and its door: what listener_acceptor.c does around the core. */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "acceptor.h"
#include "attrs.h"
#include "listener.h"
#include "listener_door.h"
#include "t/virtual/sim.h"

#define PORTS	    30000
#define PORTS_MOD   9973 /* a prime, so that two of one host differ */
#define ANY_PORT    20000
#define STOP_MS	    30000
#define PEEK_MS	    20 /* until part of a record is looked at again */

/* A connection until its channel is started, then that channel. */
struct guest {
	struct guest *next;
	struct proc *listener;
	struct listener_door *door; /* NULL: it has a channel */
	struct watch watch; /* of fd -1: the channel has it by now */
	struct timer again;
	uint32_t tag;
	uint32_t channel; /* number */
};

struct entry {
	struct post *post;
	struct quota *quota;
	struct acceptor acceptor;
	struct preauth preauth;
	struct timer late;
	struct guest *guests;
	uint32_t tag;
	uint32_t *lost; /* tags of channels */
	size_t nlost;
	int deaf;
};

static struct guest *
find(const struct entry *e, uint32_t tag)
{
	struct guest *g;

	for (g = e->guests; g != NULL && g->tag != tag; g = g->next)
		;
	return g;
}

/* It is not looked at any more; its descriptor. */
static int
look_away(struct guest *g)
{
	struct loop *loop = g->listener->loop;
	int fd = g->watch.fd;

	loop_untimer(loop, &g->again);
	loop_unwatch(loop, &g->watch);
	g->watch.fd = -1;
	listener_door_close(g->door);
	free(g->door);
	g->door = NULL;
	return fd;
}

static void
forget(struct guest *g)
{
	struct entry *e = g->listener->role;
	struct guest **link;

	if (preauth_leave(&e->preauth, g->tag))
		loop_timer(g->listener->loop, &e->late,
		    loop_now(g->listener->loop));
	if (g->watch.fd != -1)
		descriptor_close(look_away(g), END_RESET);
	for (link = &e->guests; *link != g; link = &(*link)->next)
		;
	*link = g->next;
	free(g);
}

/* The unauthenticated. */

static void
expel(struct proc *p, uint32_t tag)
{
	struct guest *g = find(p->role, tag);

	if (g == NULL)
		return;
	trace(p, "expels %u", (unsigned)tag);
	forget(g);
}

static void
watch_gate(struct proc *p)
{
	struct entry *e = p->role;
	int64_t due = preauth_deadline(&e->preauth);
	int64_t opens = preauth_opens(&e->preauth, proc_now(p));

	if (e->acceptor.held != (opens != INT64_MIN))
		acceptor_hold(&e->acceptor, opens != INT64_MIN);
	if (opens != INT64_MIN && opens < due)
		due = opens;
	if (due == INT64_MAX)
		loop_untimer(p->loop, &e->late);
	else
		loop_timer(p->loop, &e->late, due);
}

static void
on_late(void *arg)
{
	struct proc *p = arg;
	struct entry *e = p->role;
	uint32_t tag;

	while ((tag = preauth_late(&e->preauth, proc_now(p))) != 0)
		expel(p, tag);
	watch_gate(p);
}

/* Guests. */

static void
start(struct guest *g)
{
	struct proc *p = g->listener;
	struct entry *e = p->role;
	struct world *w = p->world;
	struct sock *pair[2];
	unsigned char session[LINK_SESSION];
	int r, fd, control;

	if (w->plan.faults[FAULT_SPAWN] && !w->healed && chance(w, 10)) {
		w->did[FAULT_SPAWN]++;
		forget(g);
		return;
	}
	r = listener_spawned(p->core, g->tag, slice_str(""), NULL);
	assert(r == 0);
	sock_pair(&w->net, p->host, pair);
	control = descriptor_open(pair[0]);
	link_export(&g->door->link, session);
	preauth_leave(&e->preauth, g->tag);
	watch_gate(p);
	fd = look_away(g);
	g->channel = channel_start(p, g->tag, e->quota, fd, session,
	    descriptor_open(pair[1]));
	proc_adopt(p, control, 0, g->tag);
}

static void
look(struct guest *g)
{
	struct loop *loop = g->listener->loop;

	int r = listener_door_look(g->door, g->watch.fd, loop_now(loop));

	if (g->door->link.phase == LINK_FIRST) {
		preauth_good(&((struct entry *)g->listener->role)->preauth,
		    g->tag);
		watch_gate(g->listener);
	}
	switch (r) {
	case 1:
		start(g);
		break;
	case 0:
		if (!g->door->partial) {
			loop_watch(loop, &g->watch);
			break;
		}
		loop_unwatch(loop, &g->watch);
		loop_timer(loop, &g->again, loop_now(loop) + PEEK_MS);
		break;
	default:
		trace(g->listener, "refuses %u: %s", (unsigned)g->tag,
		    g->door->why);
		forget(g);
	}
}

static void
on_connection(void *arg, short revents)
{
	(void)revents;
	look(arg);
}

static void
on_again(void *arg)
{
	look(arg);
}

static void
on_accepted(void *arg, int fd, const struct addr *from)
{
	struct proc *p = arg;
	struct entry *e = p->role;
	struct guest *g = calloc(1, sizeof(*g));
	uint32_t tag, victim;

	assert(g != NULL);
	g->door = malloc(sizeof(*g->door));
	assert(g->door != NULL);
	g->listener = p;
	g->watch.fd = fd;
	g->watch.events = POLLIN;
	g->watch.fn = on_connection;
	g->again.fn = on_again;
	g->watch.arg = g->again.arg = g;
	g->tag = tag = ++e->tag;
	g->next = e->guests;
	e->guests = g;
	listener_door_open(g->door, &p->hub.self, proc_now(p));
	victim = preauth_enter(&e->preauth, proc_now(p), tag,
	    addr_host(from));
	/* Nobody is accepted where there is no place. */
	assert(victim != tag);
	if (victim != 0)
		expel(p, victim);
	watch_gate(p);
	look(g);
}

void
listener_lost(struct world *w, uint32_t listener, uint32_t tag)
{
	struct proc *p = proc_find(w, listener);
	struct entry *e;

	if (p == NULL)
		return;
	e = p->role;
	e->lost = realloc(e->lost, (e->nlost + 1) * sizeof(*e->lost));
	assert(e->lost != NULL);
	e->lost[e->nlost++] = tag;
	proc_wake(p);
}

static void
entry_work(struct proc *p)
{
	struct entry *e = p->role;
	struct guest *g;
	size_t i;

	for (i = 0; i < e->nlost; i++) {
		listener_gone(p->core, e->lost[i]);
		if ((g = find(e, e->lost[i])) != NULL)
			forget(g);
	}
	if (e->nlost > 0)
		proc_deliver(p);
	e->nlost = 0;
}

/* Life. */

static void
entry_ended(struct proc *p)
{
	struct entry *e = p->role;

	acceptor_close(&e->acceptor);
	while (e->guests != NULL)
		forget(e->guests);
	loop_untimer(p->loop, &e->late);
	preauth_free(&e->preauth);
	free(e->lost);
	free(e);
	listener_free(p->core);
	post_ended(p);
}

const struct post *
listener_post(const struct proc *p)
{
	return ((const struct entry *)p->role)->post;
}

struct quota *
quota_new(const struct proc *p, uint64_t capacity)
{
	struct quota *q = calloc(1, sizeof(*q));

	assert(q != NULL);
	q->capacity = capacity;
	snprintf(q->name, sizeof(q->name), "%s", p->name);
	q->next = p->world->quotas;
	p->world->quotas = q;
	return q;
}

static int
listen_on(struct proc *p, const char *address)
{
	struct entry *e = p->role;
	struct proc *before = proc_as(p);
	int fd = descriptor_listen(address), r;

	if (fd != -1) {
		r = acceptor_open(&e->acceptor, p->loop, fd);
		assert(r == 0);
		watch_gate(p); /* there may be no place */
	}
	proc_as(before);
	return fd == -1 ? -1 : 0;
}

static void
listen_no_more(struct proc *p)
{
	struct entry *e = p->role;
	struct proc *before = proc_as(p);

	acceptor_close(&e->acceptor);
	proc_as(before);
}

/* Another listener has this address, though it may be deaf now. */
static int
is_taken(const struct world *w, const struct post *s)
{
	const struct post *other;

	if (w->plan.orders > 0) /* none is started again there */
		return 0;
	for (other = w->posts; other < w->posts + w->nposts; other++)
		if (other != s && other->kind == PROC_LISTENER &&
		    post_proc(other) != NULL &&
		    strcmp(other->address, s->address) == 0)
			return 1;
	return 0;
}

static void
listen_there(struct proc *p, struct post *s)
{
	struct world *w = p->world;

	if (s->same_port) {
		net_address(s->host, PORTS + (unsigned)(s - w->posts) %
		    PORTS_MOD,
		    s->address);
		listen_on(p, s->address);
		return;
	}
	do
		net_address(s->host, ANY_PORT + draw(w, 1000), s->address);
	while (is_taken(w, s) || listen_on(p, s->address) == -1);
}

/* One that names no address leaves it to its broker. */
static void
make_core(struct proc *p, const struct post *s)
{
	struct listener_config config;
	char name[16], any[NET_ADDRESS];
	struct buf buf;
	struct listener *l;

	snprintf(any, sizeof(any), "0.0.0.0%s", strchr(s->address, ':'));
	memset(&config, 0, sizeof(config));
	config.module = slice_str(module_name(s->module, name));
	config.capacity = s->capacity;
	config.attrs = post_attrs(s, &buf);
	config.address = slice_str(s->same_port ? any : s->address);
	l = listener_new(&p->hub.self.instance, rng_next(&p->rng), &config);
	assert(l != NULL);
	buf_free(&buf);
	proc_core(p, &listener_ops, l, listener_out(l));
}

void
listener_start(struct post *s)
{
	struct proc *p = proc_new(s->world, PROC_LISTENER, s->host,
	    ROLE_LISTENER, "listener");
	struct entry *e = calloc(1, sizeof(*e));

	assert(e != NULL);
	preauth_bound(&e->preauth, p->world->plan.descriptors);
	e->late.fn = on_late;
	e->late.arg = p;
	e->acceptor.fn = on_accepted;
	e->acceptor.arg = p;
	e->acceptor.watch.fd = -1;
	e->post = s;
	p->module = s->module;
	e->quota = quota_new(p, s->capacity);
	p->role = e;
	p->work = entry_work;
	p->ended = entry_ended;
	listen_there(p, s);
	trace(p, "m%u capacity %d of 1.%u zone %u at %s", s->module,
	    (int)s->capacity, s->version, s->zone, s->address);
	make_core(p, s);
	proc_dial(p, "/broker");
	s->proc = p->number;
}

void
listener_term(struct proc *p)
{
	struct clock *c = &p->world->clock;

	listen_no_more(p);
	listener_stop(p->core);
	if (!event_is_on(&p->stopping))
		event_at(c, &p->stopping, c->now + STOP_MS);
}

/* What is published stays so when the listener is started again. */
void
listener_new_code(struct proc *p)
{
	struct entry *e = p->role;
	struct buf buf;
	int r;

	e->post->version++;
	r = listener_publish(p->core, post_attrs(e->post, &buf));
	assert(r == 0);
	buf_free(&buf);
	proc_deliver(p);
}

void
listener_deaf(struct proc *p, int deaf)
{
	struct entry *e = p->role;

	if (e->deaf == deaf)
		return;
	e->deaf = deaf;
	p->world->did[FAULT_DEAF] += deaf != 0;
	if (deaf)
		listen_no_more(p);
	else if (!event_is_on(&p->stopping))
		listen_on(p, e->post->address);
}

int
listener_fits(const struct proc *p, const struct post *buyer)
{
	const struct post *seller = listener_post(p);
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
