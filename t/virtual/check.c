/* What must hold at any time. */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

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
#define SILENT_MS   (LINK_DEAD_MS + 3 * LINK_LATE_MS)
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

void
world_check_step(struct proc *p)
{
	uint64_t held, running;

	if (p->kind == PROC_EXCHANGE)
		trade_step(p);
	else if (p->kind == PROC_BROKER)
		agent_step(p);
	else if (p->kind == PROC_PLB)
		check_plb(p);
	if (p->kind != PROC_CHANNEL)
		return;
	held = channel_held(p->core);
	running = channel_running(p->core);
	if (running + channel_tokens(p->core) > held)
		world_fail(p->world, 1, "%s runs %llu, and grants %llu, of "
		    "%llu", p->name, (unsigned long long)running,
		    (unsigned long long)channel_tokens(p->core),
		    (unsigned long long)held);
	channel_count(p);
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
world_check_up(const struct tie *t)
{
	const struct proc *p = t->proc;

	if (map_get(&p->linked, id_slice(&t->link.instance)) != NULL)
		world_fail(p->world, 6, "%s has two links to one %s", p->name,
		    role_name(t->link.role));
}

/* Of two links both ends keep the same. */
void
check_choice(struct proc *p, struct tie *chosen, struct tie *other)
{
	if (chosen == NULL)
		return;
	p->world->choices++;
	chosen->sock->beat = other->sock->number;
	if (other->sock->peer->beat == chosen->sock->number)
		world_fail(p->world, 6, "of two links %s keeps one and its %s "
		    "the other", p->name, role_name(other->link.role));
}

/* All here speak the protocol. */
void
world_bad_message(struct proc *p, unsigned role, unsigned type, int error)
{
	world_fail(p->world, 7, "%s takes a %s from a %s for bad: %s", p->name,
	    msg_name(type), role_name(role), strerror(error));
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
queue_max(const struct tie *t)
{
	const struct proc *p = t->proc;
	size_t one = p->world->plan.body_max + HEAD_MAX;

	if (p->kind == PROC_CHANNEL && t->link.role == ROLE_PLB)
		return p->world->plan.mark +
		    (channel_capacity(p) + 1) * one;
	if (p->kind == PROC_PLB && t->link.role == ROLE_CHANNEL)
		return (((const struct plb *)p->core)->capacity + 1) * one;
	return CONTROL_MAX;
}

void
check_queue(struct tie *t)
{
	size_t n = buf_len(&t->outq);

	world_queued(t->proc, n);
	if (t->proc->world->plan.orders == 0 && n > queue_max(t))
		world_fail(t->proc->world, 8, "%s has %zu bytes queued for a "
		    "%s", t->proc->name, n, role_name(t->link.role));
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
void
check_silence(struct world *w)
{
	int64_t now = w->clock.now;
	const struct proc *p;
	const struct tie *t;
	size_t i;

	for (p = w->procs; p != NULL; p = p->next) {
		if (now - p->late_at <= SILENT_MS ||
		    now - p->jumped_at <= SILENT_MS)
			continue;
		for (i = 0; i < p->nties; i++) {
			t = p->ties[i];
			if (t != NULL && t->up && !t->throttled &&
			    !t->draining && now - t->sock->heard > SILENT_MS)
				world_fail(w, 6, "%s has a link to a %s that "
				    "is silent since %lld", p->name,
				    role_name(t->link.role),
				    (long long)t->sock->heard);
		}
	}
}

/* Nobody who waits is left without an answer for long. */
void
check_progress(struct world *w)
{
	int64_t now = w->clock.now;
	const struct post *s;

	if (now < w->plan.heal_at + RECOVERY_MS)
		return;
	for (s = w->posts; s < w->posts + w->nposts; s++)
		if (s->kind == PROC_PLB && s->outstanding > 0 &&
		    now - s->progress > STARVED_MS)
			world_fail(w, 3, "%s of module m%u has waited since "
			    "%lld for an answer", post_proc(s) == NULL ?
			    "a PLB" : post_proc(s)->name, s->module,
			    (long long)s->progress);
}
