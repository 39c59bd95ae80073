#include <stdlib.h>
#include <string.h>

#include "attrs.h"
#include "plb_state.h"

/* From one version to another: what satisfies the new constraints is acquired
 * first, then what does not is left. */

/* What is held of sellers that are to be left. */
static uint64_t
held_old(const struct plb *p)
{
	const struct hold_channel *c;
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < p->hold.n; i++) {
		c = &p->hold.channel[i];
		if (c->old && hold_usable(c))
			sum += c->tokens + c->sent.n;
	}
	return sum;
}

static void
mark(struct plb *p)
{
	struct hold_channel *c;
	size_t i;

	for (i = 0; i < p->hold.n; i++) {
		c = &p->hold.channel[i];
		if (c->state != HOLD_FREE && c->group != -1)
			c->old = !constraints_match(
			    slice_of(p->constraints, p->constraints_len),
			    pick_attrs(&p->hold.pick, c->group));
	}
}

int
plb_constrain(struct plb *p, int64_t now, struct slice constraints)
{
	unsigned char *copy = slice_dup(constraints);

	if (copy == NULL)
		return -1;
	free(p->constraints);
	p->constraints = copy;
	p->constraints_len = constraints.len;
	if (p->fixed)
		return 0;
	mark(p);
	p->extra = held_old(p);
	p->switch_at = now + PLB_SWITCH_MS;
	plb_order_anew(p);
	return 0;
}

static void
leave(struct plb *p, struct hold_channel *c)
{
	plb_release_all(p, c);
	if (c->state != HOLD_UP || c->closing)
		return;
	plb_give_back(p, c, c->tokens);
	hold_drain(&p->hold, c);
}

/* Time is up, and nothing new was to be had: stay with what is held. */
static void
stay(struct plb *p, int64_t now)
{
	p->switch_at = now + PLB_STAY_MS;
	outbox_log_once(&p->out, &p->stays, LOG_INFO, "nothing of the version "
	    "and labels asked for is to be had: going on with what is held");
}

void
plb_switch_tick(struct plb *p, int64_t now)
{
	uint64_t old;
	size_t i;

	if (p->switch_at == NEVER)
		return;
	old = held_old(p);
	if (now < p->switch_at && plb_held(p) - old < p->wanted)
		return;
	if (old > 0 && plb_held(p) == old) {
		stay(p, now);
		return;
	}
	memset(&p->stays, 0, sizeof(p->stays));
	p->switch_at = NEVER;
	p->extra = 0;
	for (i = 0; i < p->hold.n; i++)
		if (p->hold.channel[i].state != HOLD_FREE &&
		    p->hold.channel[i].old)
			leave(p, &p->hold.channel[i]);
}
