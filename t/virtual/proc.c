/* The mirror of hub.c and loop.c. */

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "t/virtual/sim.h"

#define STOP_STEP_MS 1000
#define ROUNDS	     64	 /* of what was put off, in a turn */
#define SPIN	     2000 /* turns in one millisecond, with no input */
#define SKEW_MAX_MS  (100 * 86400 * (uint64_t)1000) /* a host is up so long */

static void on_turn(void *);
static void on_due(void *);
static void on_stopping(void *);

struct proc *
proc_new(struct world *w, enum proc_kind kind, unsigned host, unsigned role,
    const char *name)
{
	struct proc *p = calloc(1, sizeof(*p));
	size_t i;

	assert(p != NULL);
	p->world = w;
	p->kind = kind;
	p->host = host;
	p->self.role = role;
	p->self.message_max = MSG_MAX;
	p->self.key = slice_of(w->key, sizeof(w->key));
	rng_seed(&p->rng, rng_next(&w->rng));
	for (i = 0; i < ID_SIZE; i++)
		p->self.instance.b[i] = (unsigned char)rng_next(&p->rng);
	peers_init(&p->peers, &p->self.instance, rng_next(&p->rng));
	map_init(&p->linked, rng_next(&p->rng));
	p->skew = (int64_t)rng_below(&p->rng, SKEW_MAX_MS);
	p->ready_tail = &p->ready;
	event_init(&p->turn, on_turn, p);
	event_init(&p->timer, on_due, p);
	event_init(&p->stopping, on_stopping, p);
	world_enter(w, p);
	snprintf(p->name, sizeof(p->name), "%s@%u#%u", name, host,
	    (unsigned)p->number);
	return p;
}

void
proc_core(struct proc *p, const struct core_ops *ops, void *core,
    struct outbox *out)
{
	p->ops = ops;
	p->core = core;
	p->out = out;
	trace(p, "starts, instance %02x%02x", p->self.instance.b[0],
	    p->self.instance.b[1]);
	proc_deliver(p);
}

int
proc_linked(const struct proc *p, const struct proc *other)
{
	return map_get(&p->linked, id_slice(&other->self.instance)) != NULL;
}

int64_t
proc_now(const struct proc *p)
{
	return p->world->clock.now + p->skew;
}

void
proc_jump(struct proc *p, int64_t ms)
{
	size_t i;

	p->skew += ms;
	p->jumped_at = p->world->clock.now;
	for (i = 0; i < p->nties; i++)
		if (p->ties[i] != NULL)
			tie_arm(p->ties[i]);
	proc_deliver(p);
}

void
proc_wake(struct proc *p)
{
	struct clock *c = &p->world->clock;
	int64_t at = c->now + p->slow_ms;

	if (event_is_on(&p->turn))
		return;
	p->world->did[FAULT_SLOW] += p->slow_ms > 0;
	p->world->did[FAULT_STALL] += p->asleep_until > at &&
	    p->asleep_until == p->late_at;
	event_at(c, &p->turn, at > p->asleep_until ? at : p->asleep_until);
}

void
proc_deliver(struct proc *p)
{
	p->deliver = 1;
	proc_wake(p);
}

static void
on_due(void *arg)
{
	struct proc *p = arg;

	p->timer_due = 1;
	proc_wake(p);
}

/* Accepting. */

static void
on_accept(void *arg, struct sock *s)
{
	struct proc *p = arg;

	p->waiting = realloc(p->waiting, (p->nwaiting + 1) * sizeof(s));
	assert(p->waiting != NULL);
	p->waiting[p->nwaiting++] = s;
	proc_wake(p);
}

int
proc_listen(struct proc *p, const char *address)
{
	struct door *d = calloc(1, sizeof(*d));

	assert(d != NULL);
	d->listen.accept = on_accept;
	d->listen.arg = p;
	if (net_listen(&p->world->net, &d->listen, p->host, address) == -1) {
		free(d);
		return -1;
	}
	d->next = p->doors;
	p->doors = d;
	return 0;
}

void
proc_unlisten(struct proc *p)
{
	struct door *d;
	size_t i;

	while ((d = p->doors) != NULL) {
		p->doors = d->next;
		net_unlisten(&p->world->net, &d->listen);
		free(d);
	}
	for (i = 0; i < p->nwaiting; i++)
		sock_close(p->waiting[i], END_RESET);
	free(p->waiting);
	p->waiting = NULL;
	p->nwaiting = 0;
}

uint32_t
proc_adopt(struct proc *p, struct sock *s, int dialler, uint32_t tag)
{
	return tie_new(p, s, dialler, tag, slice_str(s->remote))->handle;
}

static void
accept_all(struct proc *p)
{
	struct sock **waiting = p->waiting;
	size_t n = p->nwaiting, i;

	p->waiting = NULL;
	p->nwaiting = 0;
	for (i = 0; i < n; i++)
		if (p->accept != NULL)
			p->accept(p, waiting[i]);
		else
			proc_adopt(p, waiting[i], 0, 0);
	free(waiting);
}

/* Acts. */

static void
act_send(struct proc *p, const struct act *a)
{
	struct tie *t = tie_find(p, a->peer);

	if (a->peer == 0 && p->act != NULL)
		p->act(p, a);
	else if (t != NULL)
		tie_send(t, a->bytes);
}

static void
act_close(struct proc *p, const struct act *a)
{
	struct tie *t = tie_find(p, a->peer);

	if (t == NULL)
		return;
	trace(p, "%s %x: %.*s", a->kind == ACT_DRAIN ? "drains" : "closes",
	    (unsigned)a->peer, SLICE_ARG(a->bytes));
	if (a->kind == ACT_DRAIN && p->kind == PROC_BROKER &&
	    t->link.role == ROLE_EXCHANGE)
		agent_leaves(p, t);
	if (a->kind == ACT_DRAIN)
		tie_drain(t);
	else
		tie_close(t, 0);
}

int
proc_dial(struct proc *p, struct slice address, enum dial how, uint32_t tag)
{
	trace(p, "dials %.*s", SLICE_ARG(address));
	proc_deliver(p);
	return peers_want(&p->peers, proc_now(p), address, how, tag);
}

static void
carry_out(struct proc *p, const struct act *a)
{
	switch (a->kind) {
	case ACT_SEND:
		act_send(p, a);
		break;
	case ACT_CLOSE:
	case ACT_DRAIN:
		act_close(p, a);
		break;
	case ACT_DIAL:
		proc_dial(p, a->bytes, (enum dial)a->value, a->peer);
		break;
	case ACT_UNDIAL:
		trace(p, "undials %.*s", SLICE_ARG(a->bytes));
		peers_unwant(&p->peers, a->bytes);
		break;
	case ACT_LOG:
		trace(p, "says %.*s", SLICE_ARG(a->bytes));
		break;
	case ACT_STOP:
		trace(p, "stops");
		proc_stop(p, STOP_STEP_MS);
		break;
	default:
		if (p->act != NULL)
			p->act(p, a);
	}
}

void
proc_flush(struct proc *p)
{
	struct act a;

	world_queued(p, buf_len(&p->out->buf));
	while (outbox_take(p->out, &a))
		carry_out(p, &a);
}

static void
dial_due(struct proc *p)
{
	struct world *w = p->world;
	struct slice address;
	char text[ADDRESS_MAX + 1];
	uint32_t tag;

	while (!p->stop && peers_dial(&p->peers, proc_now(p), &address,
	    &tag)) {
		snprintf(text, sizeof(text), "%.*s", SLICE_ARG(address));
		check_dial(p);
		tie_new(p, net_connect(&w->net, p->host, slice_str(text)), 1,
		    tag, slice_str(text))->target = 1;
	}
}

static void
deliver(struct proc *p)
{
	struct world *w = p->world;
	int64_t due, dial;

	p->deliver = 0;
	proc_flush(p);
	p->ops->tick(p->core, proc_now(p));
	proc_flush(p);
	dial_due(p);
	proc_flush(p);
	due = p->ops->deadline(p->core);
	dial = p->stop ? INT64_MAX : peers_deadline(&p->peers);
	if (dial < due)
		due = dial;
	if (due == INT64_MAX)
		event_off(&w->clock, &p->timer);
	else
		event_at(&w->clock, &p->timer, due - p->skew);
}

/* A turn. */

static struct tie *
next_ready(struct proc *p)
{
	struct tie *t = p->ready;

	if (t == NULL)
		return NULL;
	if ((p->ready = t->next_ready) == NULL)
		p->ready_tail = &p->ready;
	t->listed = 0;
	t->next_ready = NULL;
	return t;
}

/* Write what those on the list have queued; whose socket says something goes
 * to the other list. */
static void
flush_ready(struct proc *p, struct tie ***kept)
{
	struct tie *t;

	while ((t = next_ready(p)) != NULL) {
		if (tie_flush(t) || !t->woken || t->listed)
			continue;
		t->listed = 1;
		**kept = t;
		*kept = &t->next_ready;
	}
}

/* What was put off, until there is no more. */
static void
laters(struct proc *p)
{
	struct tie *kept = NULL, **tail = &kept;
	int i;

	for (i = 0; i < ROUNDS && (p->deliver || p->ready != NULL); i++) {
		if (p->deliver)
			deliver(p);
		flush_ready(p, &tail);
	}
	if (kept == NULL)
		return;
	*tail = p->ready;
	if (p->ready == NULL)
		p->ready_tail = tail;
	p->ready = kept;
}

static void
timers(struct proc *p)
{
	struct tie *t;

	for (t = p->ready; t != NULL; t = t->next_ready)
		if (t->due)
			tie_timer(t);
	if (p->timer_due) {
		p->timer_due = 0;
		p->deliver = 1;
	}
}

static void
inputs(struct proc *p)
{
	struct tie *t;

	for (t = p->ready; t != NULL; t = t->next_ready)
		if (t->woken) {
			tie_input(t);
			p->turns = 0;
		}
}

static void
watch_spinning(struct proc *p)
{
	int64_t now = p->world->clock.now;

	p->turns = now == p->turn_at ? p->turns + 1 : 0;
	p->turn_at = now;
	if (p->turns > SPIN)
		world_fail(p->world, 0, "%s spins", p->name);
}

static void
on_turn(void *arg)
{
	struct proc *p = arg;

	watch_spinning(p);
	if (p->work != NULL)
		p->work(p);
	timers(p);
	laters(p);
	accept_all(p);
	inputs(p);
	laters(p);
	if (p->stop && p->used == 0)
		p->over = 1;
	world_check_step(p);
	if (p->over)
		proc_kill(p, END_ORDERLY);
}

/* The end. */

static void
on_stopping(void *arg)
{
	struct proc *p = arg;

	p->over = 1;
	proc_wake(p);
}

void
proc_stop(struct proc *p, int64_t within_ms)
{
	size_t i;

	if (p->stop)
		return;
	p->stop = 1;
	event_at(&p->world->clock, &p->stopping,
	    p->world->clock.now + within_ms);
	for (i = 0; i < p->nties; i++)
		if (p->ties[i] != NULL)
			tie_drain(p->ties[i]);
	proc_wake(p);
}

void
proc_kill(struct proc *p, enum ending how)
{
	struct clock *c = &p->world->clock;
	size_t i;

	trace(p, "ends");
	proc_unlisten(p);
	for (i = 0; i < p->nties; i++)
		if (p->ties[i] != NULL)
			tie_free(p->ties[i], how);
	free(p->ties);
	free(p->watched);
	agent_free(p);
	map_free(&p->linked);
	event_off(c, &p->turn);
	event_off(c, &p->timer);
	event_off(c, &p->stopping);
	peers_free(&p->peers);
	world_leave(p->world, p);
	if (p->ended != NULL)
		p->ended(p);
	free(p);
}
