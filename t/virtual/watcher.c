/*
 * Between the hub and the core: what is said is passed on, seen by checkers,
 * and checked against what hub.h and core.h promise. A handle is good from up()
 * to down() and not before or after; it names one peer, ever; no two live peers
 * share its slot.
 */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "t/text.h"
#include "t/virtual/sim.h"

#define TRACE_BYTES (32u * MSG_MAX) /* of a message as text; that many of ... */
#define TRACE_SHOWN 400		    /* ... them are printed */
#define SLOT(handle) ((handle) & 0xffff)
#define BEAT_NEVER_MS (86400 * 1000) /* a world ends before */

struct linked *
watcher_find(const struct proc *p, uint32_t handle)
{
	struct linked *l = SLOT(handle) < p->nslots ? p->slots[SLOT(handle)] :
						      NULL;

	return l != NULL && l->handle == handle ? l : NULL;
}

/* What the core says. */

static void
trace_message(const struct proc *p, const struct linked *l, struct slice bytes)
{
	struct slice said;
	struct buf text;
	struct tlv t;
	struct msg m;

	if (!p->world->verbose)
		return;
	buf_init(&text, TRACE_BYTES);
	if (tlv_next(&bytes, &t) == 1 && msg_decode(&m, t.type, t.value) == 1)
		text_put_message(&text, &m);
	said = buf_slice(&text);
	trace(p, "-> %s %x %.*s", role_name(l->role), (unsigned)l->handle,
	    (int)(said.len < TRACE_SHOWN ? said.len : TRACE_SHOWN), said.p);
	buf_free(&text);
}

static void
says(struct proc *p, const struct act *a)
{
	struct linked *l = watcher_find(p, a->peer);

	if (a->kind == ACT_DRAIN && l != NULL && p->kind == PROC_BROKER &&
	    l->role == ROLE_EXCHANGE)
		agent_leaves(p, l);
	if (a->kind != ACT_SEND || l == NULL)
		return;
	trace_message(p, l, a->bytes);
	if (p->kind == PROC_BROKER)
		agent_says(p, l, a->bytes);
	window_says(l, a);
	if (chain_empty(&l->spoken))
		chain_append(&p->spoken, &l->spoken);
}

void
watcher_pass_on(struct proc *p)
{
	struct act a;
	int r;

	world_queued(p, buf_len(&p->out->buf));
	while (outbox_take(p->out, &a)) {
		says(p, &a);
		r = outbox_act(&p->tap, a.kind, a.peer, a.value, a.bytes);
		assert(r == 0);
	}
}

/* What it hears. */

static struct linked *
linked_of(struct proc *p, uint32_t handle, const char *what)
{
	struct linked *l = watcher_find(p, handle);

	if (l == NULL)
		world_fail(p->world, 0, "%s hears of %s a peer that is not "
		    "there: %x", p->name, what, (unsigned)handle);
	return l;
}

/*
 * There are many links, and most are idle: they keep no memory of queues. In a
 * world whose size is looked at nothing goes wrong, so that nobody has to show
 * that it lives, or to see who does not.
 */
static void
spare(const struct world *w, struct hub_link *l)
{
	l->conn.inq.keep = l->conn.outq.keep = l->conn.wire.keep = 0;
	l->link.in.keep = 0;
	if (w->plan.orders > 0 && w->want_split == 0)
		l->link.beat = BEAT_NEVER_MS;
}

/* The socket of a link that has just come up. */
static struct sock *
sock_of(const struct proc *p, uint32_t handle)
{
	struct hub_link *l = SLOT(handle) < p->hub.nlinks ?
	    p->hub.links[SLOT(handle)] : NULL;

	if (l == NULL || l->handle != handle)
		world_fail(p->world, 0, "%s has no link %x", p->name,
		    (unsigned)handle);
	spare(p->world, l);
	return descriptor_sock(l->conn.in.fd, "has");
}

static void
enter(struct proc *p, struct linked *l)
{
	size_t slot = SLOT(l->handle), n = p->nslots;

	if (slot >= n) {
		n = p->hub.nlinks;
		p->slots = realloc(p->slots, n * sizeof(l));
		p->handles = realloc(p->handles, n * sizeof(*p->handles));
		assert(p->slots != NULL && p->handles != NULL);
		for (; p->nslots < n; p->nslots++) {
			p->slots[p->nslots] = NULL;
			p->handles[p->nslots] = 0;
		}
	}
	if (l->handle == 0 || p->slots[slot] != NULL)
		world_fail(p->world, 0, "%s: two peers share the slot of %x",
		    p->name, (unsigned)l->handle);
	if (p->handles[slot] == l->handle)
		world_fail(p->world, 0, "%s: the handle %x names a second peer",
		    p->name, (unsigned)l->handle);
	p->slots[slot] = l;
	p->handles[slot] = l->handle;
	map_put(&p->linked, id_slice(&l->instance), l);
}

static void
on_up(void *core, int64_t now, uint32_t handle, const struct peer_info *info)
{
	struct proc *p = core;
	struct linked *l = calloc(1, sizeof(*l));

	assert(l != NULL);
	l->proc = p;
	chain_init(&l->spoken);
	l->handle = handle;
	l->role = info->role;
	l->instance = info->instance;
	l->sock = sock_of(p, handle);
	l->sock->linked = l;
	check_up(l);
	if (p->replaced != NULL)
		check_choice(p, l->sock, p->replaced, l->role);
	p->replaced = NULL;
	enter(p, l);
	trace(p, "up %s %x of %02x%02x (%.*s)", role_name(l->role),
	    (unsigned)handle, l->instance.b[0], l->instance.b[1],
	    SLICE_ARG(info->address));
	p->ops->up(p->core, now, handle, info);
	watcher_pass_on(p);
}

/* Where its socket is not closed, a newer link takes its place. */
static void
leave(struct linked *l)
{
	struct proc *p = l->proc;

	p->replaced = l->sock;
	if (l->sock != NULL)
		l->sock->linked = NULL;
	p->slots[SLOT(l->handle)] = NULL;
	if (map_get(&p->linked, id_slice(&l->instance)) == l)
		map_del(&p->linked, id_slice(&l->instance));
	if (l->role == ROLE_EXCHANGE)
		p->lost_at = p->world->clock.now;
	else if (l->role == ROLE_AUTHORITY && p->kind == PROC_AUTHORITY)
		placing_lost(p, &l->instance);
	trace(p, "down %s %x", role_name(l->role), (unsigned)l->handle);
	chain_remove(&l->spoken);
	window_free(l);
	free(l);
}

static void
on_down(void *core, int64_t now, uint32_t handle)
{
	struct proc *p = core;

	leave(linked_of(p, handle, "the loss of"));
	p->ops->down(p->core, now, handle);
	watcher_pass_on(p);
}

static int
on_message(void *core, int64_t now, uint32_t handle, const struct msg *m)
{
	struct proc *p = core;
	struct linked *l = linked_of(p, handle, "a message of");
	struct world *w = p->world;
	int r;

	w->messages++;
	if (w->plan.orders > 0) {
		w->of_type[m->type % MSG_TYPES]++;
		w->of_type_bytes[m->type % MSG_TYPES] += msg_size(m);
	}
	if (m->type == MSG_DRAIN)
		l->drained_at = w->clock.now;
	if (p->kind == PROC_BROKER && w->plan.orders == 0)
		agent_hears(p, l, m);
	window_hears(l, m);
	if (p->heedless && m->type == MSG_WAITING)
		return 0;
	r = p->ops->message(p->core, now, handle, m);
	if (r == -1)
		world_fail(w, 7, "%s takes a %s from a %s for bad: %s",
		    p->name, msg_name(m->type), role_name(l->role),
		    strerror(errno));
	watcher_pass_on(p);
	return r;
}

static void
on_failed(void *core, int64_t now, uint32_t tag, struct slice reason,
    int final)
{
	struct proc *p = core;

	if (p->ops->failed != NULL)
		p->ops->failed(p->core, now, tag, reason, final);
	watcher_pass_on(p);
}

static void
on_tick(void *core, int64_t now)
{
	struct proc *p = core;

	p->ops->tick(p->core, now);
	watcher_pass_on(p);
}

static int64_t
on_deadline(const void *core)
{
	const struct proc *p = core;

	return p->ops->deadline(p->core);
}

const struct core_ops watcher_ops = {
	0, on_up, on_down, on_message, on_failed, on_tick, on_deadline
};

/* The end of a turn, of a connection, of the process. */

void
watcher_step(struct proc *p)
{
	struct linked *l;

	while ((l = CHAIN_NEXT(&p->spoken, NULL, struct linked, spoken)) !=
	    NULL) {
		chain_remove(&l->spoken);
		check_queue(l, hub_queued(&p->hub, l->handle));
		p->world->throttled +=
		    (unsigned)p->hub.links[SLOT(l->handle)]->throttled;
	}
	p->replaced = NULL;
}

/* All here speak the protocol, and have the key. */
static int
is_bad(int error)
{
	return error == EPROTO || error == EBADMSG || error == ERANGE ||
	    error == EMSGSIZE || error == EACCES || error == EPROTONOSUPPORT;
}

void
watcher_closed(struct proc *p, const struct sock *s)
{
	const struct hub_link *l = CHAIN_OWNER(s->conn, struct hub_link, conn);
	const struct linked *present;

	if (is_bad(l->conn.error))
		world_fail(p->world, 7, "%s takes what a %s says for bad: %s",
		    p->name, l->link.role == 0 ? "peer" :
		    role_name(l->link.role), l->why == NULL ?
		    strerror(l->conn.error) : l->why);
	if (l->why != NULL && strncmp(l->why, "too many", 8) == 0)
		p->world->turned_away++;
	check_given_up(p, l);
	if (s->linked != NULL)
		s->linked->sock = NULL;
	if (l->up || l->link.phase != LINK_UP)
		return;
	/* It never came up: the one that is there was preferred. */
	present = map_get(&p->linked, id_slice(&l->link.instance));
	if (present != NULL && present->sock != NULL)
		check_choice(p, present->sock, s, l->link.role);
}

void
watcher_free(struct proc *p)
{
	size_t i;

	for (i = 0; i < p->nslots; i++) {
		if (p->slots[i] != NULL)
			window_free(p->slots[i]);
		free(p->slots[i]);
	}
	free(p->slots);
	free(p->handles);
	map_free(&p->linked);
}
