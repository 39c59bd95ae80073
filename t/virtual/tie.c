/* The mirror of hub_link.c and conn.c. */

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "t/virtual/sim.h"

#define OUTBOX_MARK (64 * 1024)
#define STUCK_MS    15000 /* as HUB_STUCK_MS */

struct tie *
tie_find(const struct proc *p, uint32_t handle)
{
	size_t slot = handle & 0xffff;

	if (handle == 0 || slot >= p->nties || p->ties[slot] == NULL ||
	    p->ties[slot]->handle != handle)
		return NULL;
	return p->ties[slot];
}

static void
take_slot(struct proc *p, struct tie *t)
{
	size_t i = p->free_hint, n;

	while (i < p->nties && p->ties[i] != NULL)
		i++;
	if (i == p->nties) {
		n = p->nties == 0 ? 8 : 2 * p->nties;
		p->ties = realloc(p->ties, n * sizeof(struct tie *));
		assert(p->ties != NULL);
		for (; p->nties < n; p->nties++)
			p->ties[p->nties] = NULL;
	}
	if (++p->generation == 0)
		p->generation = 1;
	t->handle = (uint32_t)p->generation << 16 | (uint32_t)i;
	p->ties[i] = t;
	p->free_hint = i + 1;
	p->used++;
}

static void
give_slot(struct tie *t)
{
	struct proc *p = t->proc;
	size_t slot = t->handle & 0xffff;

	p->ties[slot] = NULL;
	if (slot < p->free_hint)
		p->free_hint = slot;
	p->used--;
}

/* It has something to do in the next turn, or later in this one. */
static void
list(struct tie *t)
{
	struct proc *p = t->proc;

	if (!t->listed) {
		t->listed = 1;
		t->next_ready = NULL;
		*p->ready_tail = t;
		p->ready_tail = &t->next_ready;
	}
	proc_wake(p);
}

static void
on_ready(struct sock *s)
{
	struct tie *t = s->arg;

	t->woken = 1;
	list(t);
}

static void
on_timer(void *arg)
{
	struct tie *t = arg;

	t->due = 1;
	list(t);
}

/* When a peer has gone that should take what is queued for it, if it takes none
 * of it: it may well go on to speak. */
static int64_t
stuck_at(const struct tie *t)
{
	if (!t->throttled && !t->draining)
		return INT64_MAX;
	return (t->wrote > t->waiting ? t->wrote : t->waiting) + STUCK_MS;
}

void
tie_arm(struct tie *t)
{
	struct proc *p = t->proc;
	int64_t due = link_deadline(&t->link), stuck = stuck_at(t);

	if (stuck < due)
		due = stuck;
	if (due != INT64_MAX)
		event_at(&p->world->clock, &t->timer, due - p->skew);
}

/* A turn that is late itself judges nobody. */
static int
is_stuck(struct tie *t, int64_t now)
{
	int64_t due = stuck_at(t);

	if (now < due)
		return 0;
	if (now - due <= LINK_LATE_MS)
		return 1;
	t->waiting = now + LINK_LATE_MS - STUCK_MS;
	return 0;
}

struct tie *
tie_new(struct proc *p, struct sock *s, int dialler, uint32_t tag,
    struct slice address)
{
	struct tie *t = calloc(1, sizeof(*t));
	unsigned char nonce[NONCE_SIZE];
	size_t i;

	assert(t != NULL && address.len <= ADDRESS_MAX);
	t->proc = p;
	t->sock = s;
	t->connecting = s->connecting;
	t->tag = tag;
	if (address.len > 0)
		memcpy(t->address, address.p, address.len);
	buf_init(&t->inq, MSG_MAX + 4 * NET_WINDOW);
	buf_init(&t->outq, PROC_OUT_MAX);
	event_init(&t->timer, on_timer, t);
	take_slot(p, t);
	for (i = 0; i < NONCE_SIZE; i++)
		nonce[i] = (unsigned char)rng_next(&p->rng);
	link_init(&t->link, &p->self, dialler ? ++p->dialled : 0, s->tcp,
	    nonce, &t->outq, proc_now(p));
	s->arg = t;
	s->ready = on_ready;
	tie_arm(t);
	t->woken = 1;
	list(t);
	return t;
}

void
tie_free(struct tie *t, enum ending how)
{
	struct proc *p = t->proc;
	struct tie **link;

	for (link = &p->ready; t->listed && *link != NULL;
	     link = &(*link)->next_ready)
		if (*link == t) {
			if ((*link = t->next_ready) == NULL)
				p->ready_tail = link;
			break;
		}
	event_off(&p->world->clock, &t->timer);
	sock_close(t->sock, how);
	buf_free(&t->inq);
	buf_free(&t->outq);
	give_slot(t);
	if (map_get(&p->linked, id_slice(&t->link.instance)) == t)
		map_del(&p->linked, id_slice(&t->link.instance));
	free(t);
}

void
tie_close(struct tie *t, int error)
{
	if (t->closing)
		return;
	t->closing = 1;
	t->error = error;
	list(t);
}

void
tie_drain(struct tie *t)
{
	if (!t->draining) {
		t->draining = 1;
		t->waiting = proc_now(t->proc);
		tie_arm(t);
	}
	list(t);
}

/* Life, as the core is told it. */

static void
tell_down(struct tie *t)
{
	struct proc *p = t->proc;
	int64_t now = proc_now(p);

	if (!t->up)
		return;
	t->up = 0;
	if (map_get(&p->linked, id_slice(&t->link.instance)) == t)
		map_del(&p->linked, id_slice(&t->link.instance));
	if (t->link.role == ROLE_EXCHANGE)
		p->lost_at = p->world->clock.now;
	trace(p, "down %s %x", role_name(t->link.role), (unsigned)t->handle);
	peers_down(&p->peers, now, t->handle, t->link.role, &t->link.instance);
	p->ops->down(p->core, now, t->handle);
	p->deliver = 1;
}

static void
tell_up(struct tie *t)
{
	struct proc *p = t->proc;
	struct peer_info info;

	memset(&info, 0, sizeof(info));
	info.role = t->link.role;
	info.instance = t->link.instance;
	info.tag = t->tag;
	info.address = slice_str(t->address);
	info.local = slice_str(t->sock->own);
	world_check_up(t);
	t->up = 1;
	map_put(&p->linked, id_slice(&t->link.instance), t);
	trace(p, "up %s %x of %02x%02x (%s)", role_name(info.role),
	    (unsigned)t->handle, info.instance.b[0], info.instance.b[1],
	    t->address);
	p->ops->up(p->core, proc_now(p), t->handle, &info);
	p->deliver = 1;
}

/* The handshake is done: which of two links to one instance stays? */
static int
linked(struct tie *t)
{
	struct proc *p = t->proc;
	struct tie *old;
	uint32_t loser;

	if (peers_up(&p->peers, proc_now(p), t->handle, t->link.role,
		&t->link.instance, slice_str(t->target ? t->address : ""),
		t->link.dialled, &loser) == -1) {
		tie_close(t, errno);
		return -1;
	}
	old = map_get(&p->linked, id_slice(&t->link.instance));
	if (loser == t->handle) {
		check_choice(p, old, t);
		t->target = 0;
		tie_close(t, 0);
		return -1;
	}
	if (loser != 0 && (old = tie_find(p, loser)) != NULL) {
		check_choice(p, t, old);
		tell_down(old);
		tie_close(old, 0);
	}
	tell_up(t);
	return 0;
}

static void
never_up(struct tie *t, const char *why)
{
	struct proc *p = t->proc;
	int64_t now = proc_now(p);

	if (t->target)
		peers_failed(&p->peers, now, slice_str(t->address), t->error);
	if (t->tag != 0 && p->ops->failed != NULL)
		p->ops->failed(p->core, now, t->tag, slice_str(why),
		    peers_final(t->error));
}

static void
over(struct tie *t)
{
	struct proc *p = t->proc;
	const char *why = t->link.why != NULL ? t->link.why :
	    t->error != 0 ? strerror(t->error) : "closed";

	trace(p, "closed %x (%s): %s", (unsigned)t->handle, t->address, why);
	if (t->up)
		tell_down(t);
	else if (t->link.phase != LINK_UP)
		never_up(t, why);
	tie_free(t, END_ORDERLY);
	p->deliver = 1;
}

/* Bytes. */

void
tie_timer(struct tie *t)
{
	int64_t now = proc_now(t->proc);

	t->due = 0;
	if (t->closing)
		return;
	if (t->throttled)
		link_heard(&t->link, now);
	if (is_stuck(t, now) || link_tick(&t->link, now) == -1) {
		tie_close(t, ETIMEDOUT);
		return;
	}
	buf_trim(&t->inq);
	buf_trim(&t->outq);
	list(t);
	tie_arm(t);
}

static int
deliver(struct tie *t, unsigned type, struct slice value)
{
	struct proc *p = t->proc;
	struct msg m;
	int r;

	if ((r = msg_decode(&m, type, value)) == 0)
		return 0;
	if (r == 1 && !msg_allowed(type, t->link.role, p->self.role)) {
		errno = EPROTO;
		r = -1;
	}
	p->world->messages++;
	p->world->of_type[type % MSG_TYPES]++;
	p->world->of_type_bytes[type % MSG_TYPES] += value.len;
	if (type == MSG_DRAIN)
		t->drained_at = p->world->clock.now;
	if (r == 1 && p->kind == PROC_BROKER && p->world->plan.orders == 0)
		agent_hears(p, t, &m);
	if (r == 1)
		r = p->ops->message(p->core, proc_now(p), t->handle,
		    &m);
	if (r == -1) {
		trace(p, "bad %s from %s %x", msg_name(type),
		    role_name(t->link.role), (unsigned)t->handle);
		world_bad_message(p, t->link.role, type, errno);
		tie_close(t, errno);
		return -1;
	}
	if (buf_len(&p->out->buf) > OUTBOX_MARK)
		proc_flush(p);
	return 0;
}

/* Frames, as many as there are: how many bytes were taken. */
static size_t
frames(struct tie *t, struct slice in)
{
	struct slice value;
	unsigned type;
	size_t taken = 0;
	ssize_t r;

	while (taken < in.len && !t->throttled && !t->closing) {
		r = link_input(&t->link, proc_now(t->proc),
		    in.p + taken, in.len - taken, &type, &value);
		if (r == -1)
			tie_close(t, errno);
		if (r <= 0)
			break;
		taken += (size_t)r;
		if (type != 0)
			deliver(t, type, value);
		else if (t->link.phase == LINK_UP && !t->up)
			linked(t);
	}
	return taken;
}

static void
show(struct tie *t)
{
	size_t taken;

	link_heard(&t->link, proc_now(t->proc));
	taken = frames(t, buf_slice(&t->inq));
	buf_consume(&t->inq, taken);
	t->proc->deliver = 1;
	list(t);
}

void
tie_input(struct tie *t)
{
	struct sock *s = t->sock;
	size_t n;

	t->woken = 0;
	if (t->connecting && !s->connecting && s->error == 0) {
		t->connecting = 0;
		link_connected(&t->link, proc_now(t->proc));
		tie_arm(t);
	}
	if (t->closing || s->connecting) {
		if (!t->closing && s->error != 0)
			tie_close(t, s->error);
		return;
	}
	n = t->throttled ? 0 : buf_len(&s->in);
	if (n > 0) {
		buf_append(&t->inq, buf_slice(&s->in).p, n);
		sock_took(s, n);
		show(t);
	}
	if (!t->closing && s->error != 0)
		tie_close(t, s->error);
	else if (!t->closing && s->eof && !t->throttled)
		tie_close(t, 0);
}

static void
write_out(struct tie *t)
{
	size_t before = buf_len(&t->outq);
	size_t drained = t->proc->world->plan.mark / 4, n;

	if (t->sock->connecting || before == 0 || t->sock->error != 0)
		return;
	n = sock_write(t->sock, buf_slice(&t->outq));
	buf_consume(&t->outq, n);
	if (n > 0)
		t->wrote = proc_now(t->proc);
	if (t->throttled && buf_len(&t->outq) < drained) {
		link_heard(&t->link, proc_now(t->proc));
		t->throttled = 0;
		t->reshow = 1;
		t->woken = 1;
		list(t);
	}
}

int
tie_flush(struct tie *t)
{
	write_out(t);
	if (t->reshow && !t->closing) {
		t->reshow = 0;
		show(t);
	}
	if (t->draining && !t->closing && buf_len(&t->outq) == 0)
		tie_close(t, 0);
	if (!t->closing)
		return 0;
	over(t);
	return 1;
}

void
tie_send(struct tie *t, struct slice frame)
{
	struct proc *p = t->proc;

	if (!t->up || t->closing)
		return;
	trace(p, "-> %s %x %s", role_name(t->link.role), (unsigned)t->handle,
	    msg_name(frame.p[0]));
	if (p->kind == PROC_BROKER)
		agent_says(p, t, frame);
	if (buf_append(&t->outq, frame.p, frame.len) == -1) {
		tie_close(t, errno);
		return;
	}
	check_queue(t);
	link_sent(&t->link, proc_now(p));
	if (!t->throttled && (p->serves & t->link.role) &&
	    buf_len(&t->outq) > p->world->plan.mark) {
		t->throttled = 1;
		t->waiting = proc_now(p);
		tie_arm(t);
		p->world->throttled++;
	}
	list(t);
}
