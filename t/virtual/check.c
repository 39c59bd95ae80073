/* What must hold at any time. */

#include <errno.h>

#include "t/virtual/sim.h"

#define QUEUED_MAX  (8u * 1024 * 1024)
#define RECOVERY_MS 30000 /* from healing until all are served again */
#define STARVED_MS  30000 /* without an answer */

void
world_check_step(struct proc *p)
{
	uint64_t held, running;

	if (p->kind != PROC_CHANNEL)
		return;
	held = channel_held(p->core);
	running = channel_running(p->core);
	if (running + channel_tokens(p->core) > held)
		world_fail(p->world, 1, "%s runs %llu, and grants %llu, of "
		    "%llu", p->name, (unsigned long long)running,
		    (unsigned long long)channel_tokens(p->core),
		    (unsigned long long)held);
}

/* Cores never see two links of one instance and role. */
void
world_check_up(const struct tie *t)
{
	const struct proc *p = t->proc;
	const struct tie *other;
	size_t i;

	for (i = 0; i < p->nties; i++) {
		other = p->ties[i];
		if (other != NULL && other->up &&
		    other->link.role == t->link.role &&
		    id_equal(&other->link.instance, &t->link.instance))
			world_fail(p->world, 6, "%s has two links to one %s",
			    p->name, role_name(t->link.role));
	}
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
