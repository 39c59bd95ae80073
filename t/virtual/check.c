/* What must hold at any time. */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "channel_state.h"
#include "listener.h"
#include "plb_state.h"
#include "t/virtual/sim.h"

#define QUEUED_MAX  (8u * 1024 * 1024)
#define CONTROL_MAX (1024u * 1024) /* queued to somebody who stands still */
#define HEAD_MAX    1024	   /* of a request or reply, beside the body */
#define RECOVERY_MS 30000 /* from healing until all are served again */
#define STARVED_MS  30000 /* without an answer */
#define DIALS_MS    5000  /* in so long a PLB dials no more often than that
			     many times, and as much for each seller: */
#define DIALS	    40
#define DIALS_EACH  8
#define CALM_MS	    15000 /* after healing: what went wrong is over */
#define WATCH_MS    1500 /* looks are no further apart */

/* A PLB has no more in flight than its capacity. */
static void
check_plb(const struct proc *p)
{
	const struct plb *plb = p->core;

	if (plb->in_flight > plb->capacity)
		world_fail(p->world, 1, "%s has %llu in flight, of %llu",
		    p->name, (unsigned long long)plb->in_flight,
		    (unsigned long long)plb->capacity);
}

/* A channel does not grant again what is over a share: its PLB holds more than
 * that, and has not given it back. While things go wrong the two may count
 * otherwise, and a PLB does not count casts that run. */
static void
check_cut(struct proc *p)
{
	const struct msg_waiting *m = &((struct channel *)p->core)->waiting;
	uint64_t share = 1 + (m->share > m->least ? m->share : m->least);
	const struct proc *q;

	if (channel_cut(p->core) == p->cut)
		return;
	p->cut = channel_cut(p->core);
	if (p->world->plan.contest == 0)
		return;
	for (q = p->world->procs; q != NULL; q = q->next)
		if (q->kind == PROC_PLB && proc_linked(p, q) &&
		    q->module + 1 == p->world->plan.contest &&
		    p->world->clock.now > p->world->plan.heal_at + CALM_MS &&
		    plb_held(q->core) <= share)
			world_fail(p->world, 11, "%s is granted less by %s, "
			    "and holds %llu of a share of %llu", q->name,
			    p->name, (unsigned long long)plb_held(q->core),
			    (unsigned long long)share);
}

static void
check_channel(struct proc *p)
{
	uint64_t held, running;

	check_cut(p);
	held = channel_held(p->core);
	running = channel_running(p->core);
	if (running + channel_tokens(p->core) > held)
		world_fail(p->world, 1, "%s runs %llu, and grants %llu, of "
		    "%llu", p->name, (unsigned long long)running,
		    (unsigned long long)channel_tokens(p->core),
		    (unsigned long long)held);
}

static int
is_whole(struct slice bytes)
{
	size_t len;
	unsigned type;
	int head = tlv_head(bytes.p, bytes.len, &type, &len);

	return head > 0 && len <= bytes.len - (size_t)head;
}

/* Is there a whole message among what came and was kept, or a whole record? */
static int
has_message(const struct hub_link *l)
{
	struct slice kept = buf_slice(&l->conn.inq);
	struct slice opened = buf_slice(&l->link.in);

	if (!l->link.sealed)
		return is_whole(kept);
	opened.len -= l->link.taken;
	opened.p += l->link.taken;
	return (l->link.keyed && is_whole(opened)) ||
	    (kept.len >= 2 && get16(kept.p) <= kept.len - 2);
}

/*
 * The process waits for what comes. What is queued for a peer that would take
 * it is written by then, and what came is read, but where too much is queued
 * for its peer; and it is not so because of a queue that has gone.
 */
static void
check_wakes(const struct proc *p, const struct hub_link *l)
{
	const struct sock *s = descriptor_sock(l->conn.in.fd, "has");
	const char *role = l->link.role == 0 ? "peer" :
					       role_name(l->link.role);
	size_t queued = conn_queued(&l->conn);

	if (queued > 0 && !s->connecting && !s->blocked)
		world_fail(p->world, 8, "%s has %zu bytes for a %s that takes "
		    "them, and does not write", p->name, queued, role);
	if (l->throttled && queued < p->hub.mark / 4)
		world_fail(p->world, 8, "%s does not read from a %s for which "
		    "%zu bytes are queued", p->name, role, queued);
	if (!l->throttled && (sock_poll(s) & POLLIN))
		world_fail(p->world, 8, "%s does not read what a %s sent",
		    p->name, role);
	if (!l->throttled && has_message(l))
		world_fail(p->world, 8, "%s keeps a message of a %s to itself",
		    p->name, role);
}

/* A process that waits for what comes has done what its core wants. Its links
 * are looked at after each turn only where queues are full at times. */
static void
check_idle(const struct proc *p)
{
	size_t i;

	if (outbox_len(p->out) > 0 || outbox_len(&p->tap) > 0)
		world_fail(p->world, 0, "%s waits, with acts in its outbox",
		    p->name);
	for (i = 0; p->world->plan.body_max > 0 && i < p->hub.nlinks; i++)
		if (p->hub.links[i] != NULL)
			check_wakes(p, p->hub.links[i]);
}

void
world_check_step(struct proc *p, int idle)
{
	watcher_step(p);
	if (idle)
		check_idle(p);
	switch (p->kind) {
	case PROC_EXCHANGE:
		trade_step(p);
		break;
	case PROC_BROKER:
		agent_step(p);
		break;
	case PROC_PLB:
		check_plb(p);
		contest_step(p);
		break;
	case PROC_CHANNEL:
		check_channel(p);
		channel_count(p);
		break;
	default:
		break;
	}
}

int
check_clear(const struct world *w, int64_t ms)
{
	return w->clock.now > w->muddy_at + ms;
}

int64_t
check_lasts(struct proc *p, const struct id *who, uint64_t what,
    uint64_t other)
{
	int64_t now = p->world->clock.now;
	struct watched *s = p->watched;
	size_t i;

	for (i = 0; i < p->nwatched && !id_equal(&s[i].who, who); i++)
		;
	if (i == p->nwatched) {
		p->watched = s = realloc(s, ++p->nwatched * sizeof(*s));
		assert(s != NULL);
		memset(&s[i], 0, sizeof(s[i]));
		s[i].who = *who;
		s[i].seen = -WATCH_MS;
	}
	if (s[i].what != what || s[i].other != other ||
	    now - s[i].seen > WATCH_MS)
		s[i].since = now;
	s[i].what = what;
	s[i].other = other;
	s[i].seen = now;
	return now - s[i].since;
}

/* Cores never see two links of one instance and role. */
void
check_up(const struct linked *l)
{
	const struct proc *p = l->proc;

	if (map_get(&p->linked, id_slice(&l->instance)) != NULL)
		world_fail(p->world, 6, "%s has two links to one %s", p->name,
		    role_name(l->role));
}

/* Of two links both ends keep the same. */
void
check_choice(struct proc *p, struct sock *chosen, const struct sock *other,
    unsigned role)
{
	p->world->choices++;
	chosen->beat = other->number;
	if (other->peer->beat == chosen->number)
		world_fail(p->world, 6, "of two links %s keeps one and its %s "
		    "the other", p->name, role_name(role));
}

void
world_queued(struct proc *p, size_t bytes)
{
	if (bytes > p->world->queued_max)
		p->world->queued_max = bytes;
	if (bytes > QUEUED_MAX)
		world_fail(p->world, 8, "%s has %zu bytes queued", p->name,
		    bytes);
}

/*
 * What may be queued: one that serves the peer stops reading from it at the
 * mark, and what it had taken by then is answered; whoever asks has as many
 * requests under way as it has tokens.
 */
static size_t
queue_max(const struct linked *l)
{
	const struct proc *p = l->proc;
	size_t one = p->world->plan.body_max + FLOW_MAX + HEAD_MAX;

	if (p->kind == PROC_CHANNEL && (l->role & (ROLE_PLB | ROLE_CALLER)))
		return p->world->plan.mark +
		    (channel_capacity(p) + 1) * one;
	if (p->kind == PROC_PLB && l->role == ROLE_CHANNEL)
		return (((const struct plb *)p->core)->capacity + 1) * one;
	if (p->kind == PROC_PLB && l->role == ROLE_CALLER)
		return p->world->plan.mark + (size_t)(CALLER_CAPACITY + 1 +
		    ((const struct plb *)p->core)->capacity) * one;
	if (p->kind == PROC_CALLER && (l->role & ROLE_SERVES))
		return (CALLER_CAPACITY + 1) * one;
	return CONTROL_MAX;
}

void
check_queue(const struct linked *l, size_t n)
{
	struct proc *p = l->proc;

	world_queued(p, n);
	if (p->world->plan.orders == 0 && n > queue_max(l))
		world_fail(p->world, 8, "%s has %zu bytes queued for a %s",
		    p->name, n, role_name(l->role));
}

/* Sellers that cannot be reached are not tried without end. */
void
check_dial(struct proc *p)
{
	struct world *w = p->world;
	const struct post *s;
	unsigned max = DIALS;

	if (p->kind != PROC_PLB)
		return;
	if (w->clock.now - p->dials_at > DIALS_MS ||
	    p->dials_at < p->jumped_at) {
		p->dials_at = w->clock.now;
		p->dials = 0;
	}
	if (++p->dials <= max)
		return;
	for (s = w->posts; s < w->posts + w->nposts; s++)
		if (s->kind == PROC_LISTENER && s->module == p->module)
			max += DIALS_EACH;
	if (p->dials > max)
		world_fail(w, 8, "%s has dialled %u times in %d s", p->name,
		    p->dials, DIALS_MS / 1000);
}

/* Who is silent is dead: of a link that is up something came of late. Who was
 * late itself, or does not read for now, judges nobody. */
static void
check_silence(const struct proc *p, const struct hub_link *l)
{
	const struct sock *s = descriptor_sock(l->conn.in.fd, "has");
	int64_t now = p->world->clock.now;
	int64_t silence = link_silence(&l->link) + 3 * LINK_LATE_MS;

	if (now - p->late_at > silence && now - p->jumped_at > silence &&
	    l->up && !l->throttled && !l->draining &&
	    now - s->heard > silence)
		world_fail(p->world, 6, "%s has a link to a %s that is silent "
		    "since %lld", p->name, role_name(l->link.role),
		    (long long)s->heard);
}

void
check_given_up(const struct proc *p, const struct hub_link *l)
{
	if (l->up && l->why != NULL && strcmp(l->why, "it is silent") == 0 &&
	    check_clear(p->world, link_silence(&l->link) + 3 * LINK_LATE_MS))
		world_fail(p->world, 6, "%s gives up a link to a %s that beats",
		    p->name, role_name(l->link.role));
}

static void
check_links_of(struct proc *p)
{
	int waits = !event_is_on(&p->turn) && !loop_is_due(p->loop);
	const struct hub_link *l;
	size_t i;

	if (waits && proc_now(p) > p->ops->deadline(p->core))
		world_fail(p->world, 0, "%s sleeps, and its core is due",
		    p->name);
	for (i = 0; i < p->hub.nlinks; i++) {
		if ((l = p->hub.links[i]) == NULL)
			continue;
		check_silence(p, l);
		if (waits)
			check_wakes(p, l);
	}
}

void
check_links(struct world *w)
{
	struct proc *p;

	for (p = w->procs; p != NULL; p = p->next) {
		proc_as(p);
		check_links_of(p);
		proc_as(NULL);
	}
}

/* What PLBs that give nothing back hold of the seller. */
static uint64_t
check_kept(const struct proc *seller)
{
	const struct upstream *u;
	const struct proc *p;
	uint64_t sum = 0;
	size_t i;

	for (p = seller->world->procs; p != NULL; p = p->next) {
		if (p->kind != PROC_PLB || !p->heedless)
			continue;
		i = 0;
		while ((u = upstream_next(p->core, &i)) != NULL)
			if (id_equal(&u->seller, &seller->hub.self.instance))
				sum += u->tokens + u->in_flight;
	}
	return sum;
}

/* Is all that it could use kept from it? Each listener knows what is held of
 * itself alone, and leaves as much to who gives nothing back as is the share of
 * all. */
static int
check_is_robbed(const struct post *s)
{
	const struct proc *p;
	int kept = 0;

	if (s->module + 1 != s->world->plan.contest)
		return 0;
	for (p = s->world->procs; p != NULL; p = p->next) {
		if (p->kind != PROC_LISTENER || !listener_fits(p, s))
			continue;
		if (check_kept(p) < listener_held(p->core) +
		    listener_left(p->core))
			return 0;
		kept = 1;
	}
	return kept;
}

/* Nobody who waits is left without an answer for long. */
void
check_progress(struct world *w)
{
	int64_t now = w->clock.now;
	struct post *s;

	if (now < w->plan.heal_at + RECOVERY_MS)
		return;
	for (s = w->posts; s < w->posts + w->nposts; s++) {
		if (s->kind != PROC_PLB || s->outstanding == 0)
			continue;
		if (check_is_robbed(s))
			s->progress = now;
		if (now - s->progress > STARVED_MS)
			world_fail(w, 3, "%s of module m%u has waited since "
			    "%lld for an answer", post_proc(s) == NULL ?
			    "a PLB" : post_proc(s)->name, s->module,
			    (long long)s->progress);
	}
}
