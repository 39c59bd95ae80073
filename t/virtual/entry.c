/* A listener and its door: what listener_acceptor.c does around the core. */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "attrs.h"
#include "listener_acceptor.h"
#include "preauth.h"
#include "listener.h"
#include "t/virtual/sim.h"

#define PORTS	    30000
#define ANY_PORT    20000
#define STOP_MS	    30000
#define PEEK_MAX    (MSG_HELLO_MAX + MSG_HEAD_MAX)

/* A connection until its channel is started, then that channel. */
struct guest {
	struct guest *next;
	struct proc *listener;
	struct sock *sock; /* NULL: the channel's by now */
	uint32_t tag;
	uint32_t channel; /* number */
	int woken;
};

struct entry {
	struct post *post;
	struct quota *quota;
	struct preauth preauth;
	struct event late;
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

static void
forget(struct entry *e, struct guest *g)
{
	struct guest **link;

	preauth_leave(&e->preauth, g->tag);
	if (g->sock != NULL)
		sock_close(g->sock, END_RESET);
	for (link = &e->guests; *link != g; link = &(*link)->next)
		;
	*link = g->next;
	free(g);
}

/* The unproven. */

static void
expel(struct proc *p, uint32_t tag)
{
	struct entry *e = p->role;
	struct guest *g = find(e, tag);
	struct proc *channel;

	if (g == NULL)
		return;
	trace(p, "expels channel %u", (unsigned)tag);
	if (g->sock != NULL)
		forget(e, g);
	else if ((channel = proc_find(p->world, g->channel)) != NULL)
		proc_kill(channel, END_RESET);
}

static void
watch_gate(struct proc *p)
{
	struct entry *e = p->role;
	int64_t due = preauth_deadline(&e->preauth);

	if (due == INT64_MAX)
		event_off(&p->world->clock, &e->late);
	else
		event_at(&p->world->clock, &e->late, due - p->skew);
}

static void
on_late(void *arg)
{
	proc_wake(arg);
}

static void
enter(struct proc *p, const struct guest *g)
{
	struct entry *e = p->role;
	unsigned from = g->sock->peer->host;
	uint32_t victim;
	size_t i;

	for (i = e->preauth.n; i > 0; i--)
		if (listener_proven(p->core, e->preauth.entries[i - 1].tag))
			preauth_leave(&e->preauth, e->preauth.entries[i - 1].tag);
	victim = preauth_enter(&e->preauth, proc_now(p), proc_now(p), g->tag,
	    slice_of(&from, sizeof(from)));
	if (victim != 0)
		expel(p, victim);
}

/* Guests. */

static void
start(struct proc *p, struct guest *g)
{
	struct entry *e = p->role;
	struct world *w = p->world;
	struct sock *control[2], *client = g->sock;
	int r;

	if (w->plan.faults[FAULT_SPAWN] && !w->healed && chance(w, 10)) {
		w->did[FAULT_SPAWN]++;
		forget(e, g);
		return;
	}
	r = listener_spawned(p->core, g->tag);
	assert(r == 0);
	net_pair(&w->net, p->host, control);
	client->ready = NULL;
	g->sock = NULL;
	g->channel = channel_start(p, g->tag, e->quota, client, control[1]);
	proc_adopt(p, control[0], 0, g->tag);
}

static void
look(struct proc *p, struct guest *g)
{
	struct slice in = buf_slice(&g->sock->in);

	g->woken = 0;
	switch (link_is_hello(in.p, in.len < PEEK_MAX ? in.len : PEEK_MAX)) {
	case 1:
		start(p, g);
		break;
	case 0:
		if (!g->sock->eof && g->sock->error == 0)
			break;
		/* FALLTHROUGH */
	default:
		forget(p->role, g);
	}
}

static void
on_ready(struct sock *s)
{
	struct guest *g = s->arg;

	g->woken = 1;
	proc_wake(g->listener);
}

static void
on_accept(struct proc *p, struct sock *s)
{
	struct entry *e = p->role;
	struct guest *g = calloc(1, sizeof(*g));

	assert(g != NULL);
	g->listener = p;
	g->sock = s;
	g->tag = ++e->tag;
	s->arg = g;
	s->ready = on_ready;
	g->next = e->guests;
	e->guests = g;
	enter(p, g);
	look(p, g);
	watch_gate(p);
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
	struct guest *g, *next;
	int64_t now = proc_now(p);
	uint32_t tag;
	size_t i;

	for (i = 0; i < e->nlost; i++) {
		listener_gone(p->core, e->lost[i]);
		if ((g = find(e, e->lost[i])) != NULL)
			forget(e, g);
		p->deliver = 1;
	}
	e->nlost = 0;
	while ((tag = preauth_late(&e->preauth, now)) != 0)
		if (!listener_proven(p->core, tag))
			expel(p, tag);
	for (g = e->guests; g != NULL; g = next) {
		next = g->next;
		if (g->woken && g->sock != NULL)
			look(p, g);
	}
	watch_gate(p);
}

/* Life. */

static void
entry_ended(struct proc *p)
{
	struct entry *e = p->role;

	while (e->guests != NULL)
		forget(e, e->guests);
	event_off(&p->world->clock, &e->late);
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

static struct quota *
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

static void
listen_there(struct proc *p, struct post *s)
{
	struct world *w = p->world;

	if (s->same_port) {
		net_address(s->host, PORTS + (unsigned)(s - w->posts),
		    s->address);
		proc_listen(p, s->address);
		return;
	}
	do
		net_address(s->host, ANY_PORT + draw(w, 1000), s->address);
	while (proc_listen(p, s->address) == -1);
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
	l = listener_new(&p->self.instance, rng_next(&p->rng), &config);
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
	preauth_init(&e->preauth, DOOR_CHANNELS, DOOR_CHANNELS_HOST);
	event_init(&e->late, on_late, p);
	e->post = s;
	p->module = s->module;
	e->quota = quota_new(p, s->capacity);
	p->role = e;
	p->work = entry_work;
	p->accept = on_accept;
	p->ended = entry_ended;
	listen_there(p, s);
	trace(p, "m%u capacity %d of 1.%u zone %u at %s", s->module,
	    (int)s->capacity, s->version, s->zone, s->address);
	make_core(p, s);
	proc_dial(p, slice_str("/broker"), DIAL_FOREVER, 0);
	s->proc = p->number;
}

void
listener_term(struct proc *p)
{
	struct clock *c = &p->world->clock;

	proc_unlisten(p);
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
		proc_unlisten(p);
	else if (!event_is_on(&p->stopping))
		proc_listen(p, e->post->address);
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
