#include <stdio.h>
#include <string.h>

#include "attrs.h"
#include "call_state.h"
#include "die.h"
#include "log.h"

#define GRACE_MS   250	/* for the channel to say itself that time is up */
#define UNKNOWN_MS 1000 /* for another exchange to know of a seller */

static void
arm_limit(struct caller *c)
{
	if (c->o->limit_ms != 0)
		loop_timer(c->hub->loop, &c->limit,
		    caller_now(c) + c->o->limit_ms + GRACE_MS);
}

static void
arm_notice(struct caller *c)
{
	loop_timer(c->hub->loop, &c->notice,
	    caller_now(c) + (c->o->fixed ? CALLER_FIXED_MS : CALLER_NOTICE_MS));
}

static void
forget_trouble(struct caller *c)
{
	c->told = c->stuck = 0;
	c->trouble[0] = '\0';
	loop_untimer(c->hub->loop, &c->unknown);
}

void
caller_answered(struct caller *c)
{
	forget_trouble(c);
	arm_limit(c);
}

void
caller_capacity(struct caller *c)
{
	forget_trouble(c);
	arm_notice(c);
}

/* Does nothing on offer export the function? A message names OFFERS_MAX sets of
 * attributes at most; where it is full, one that it left out may. */
static int
is_unknown(const struct caller *c, struct slice sets)
{
	struct slice attrs;
	int cast, n;

	if (c->o->function == NULL || c->o->fixed)
		return 0;
	for (n = 0; list_next(&sets, &attrs) == 1; n++)
		if (attrs_exports(attrs, slice_str(c->o->function),
			(unsigned)c->o->nargs, &cast))
			return 0;
	return n > 0 && n < OFFERS_MAX;
}

void
caller_offers(struct caller *c, const struct msg_offers *m)
{
	struct slice sets = m->sets, attrs;
	char has[REASON_MAX / 2] = "";

	if (!is_unknown(c, m->sets)) {
		offers_print(m, c->o->module, c->trouble, sizeof(c->trouble));
		return;
	}
	while (list_next(&sets, &attrs) == 1)
		attrs_add(attrs, has, sizeof(has));
	snprintf(c->trouble, sizeof(c->trouble),
	    "%s/%zu is not exported; on offer: %s", c->o->function,
	    c->o->nargs, has);
	if (c->unknown.slot == 0)
		loop_timer(c->hub->loop, &c->unknown,
		    caller_now(c) + UNKNOWN_MS);
}

/* Time is up, and no seller of the function has come. */
static void
on_unknown(void *arg)
{
	struct caller *c = arg;

	log_error("%s: %s", c->o->module, c->trouble);
	caller_quit(c, EXIT_USAGE);
}

/* One that is final ends us. Where there is no link it is the PLB core's own
 * word: why there will be none. */
void
caller_refused(struct caller *c, const struct msg_refuse *m)
{
	struct plb_view v;

	plb_look(c->plb, &v);
	if (!m->final && v.tokens + v.in_flight > 0)
		return; /* no more than there is */
	snprintf(c->trouble, sizeof(c->trouble), "%s%.*s",
	    c->o->fixed && v.linked == 0 ? "" : "refused: ",
	    SLICE_ARG(m->reason));
	if (!m->final)
		return;
	log_error("%s: %s", c->o->module, c->trouble);
	caller_quit(c, EXIT_USAGE);
}

static void
on_limit(void *arg)
{
	struct caller *c = arg;
	struct plb_view v;

	plb_look(c->plb, &v);
	if (c->o->filter && c->filter.running == 0 && v.linked > 0 &&
	    !c->ready && buf_len(&c->in) == 0) {
		arm_limit(c); /* it is the input that keeps us waiting */
		return;
	}
	log_error("%s: no answer in %g s%s%s", c->o->module,
	    (double)c->o->limit_ms / 1000, c->trouble[0] ? ": " : "",
	    c->trouble);
	caller_quit(c, EXIT_LATE);
}

/* Is nothing held? Or has the PLB that has our request told why it waits, and
 * answered nothing from one look to the next? */
static int
is_starved(struct caller *c, const struct plb_view *v)
{
	int stuck = c->stuck;

	if (v->tokens + v->in_flight == 0)
		return v->wanted > 0;
	c->stuck = v->in_flight > 0;
	return c->o->fixed && stuck && c->stuck && c->trouble[0] != '\0';
}

static void
say_unreached(const struct caller *c)
{
	if (c->o->where[0] == '|')
		log_error("%s: the command %s does not speak as a channel: it "
		    "has to run lambda-channel, and to write nothing else",
		    c->o->module, c->o->where + 1);
	else
		log_error("%s: %s%s: is it running?", c->o->module,
		    c->trouble[0] ? "" : "unable to reach ",
		    c->trouble[0] ? c->trouble : c->o->where);
}

/* There has been nothing for a while: say why, once. */
static void
on_notice(void *arg)
{
	struct caller *c = arg;
	struct plb_view v;

	plb_look(c->plb, &v);
	arm_notice(c);
	if (c->o->fixed && v.linked == 0 && v.in_flight == 0) {
		if (c->lost) {
			say_unreached(c);
			caller_quit(c, EXIT_TEMPORARY);
		}
		c->lost = 1; /* one may be taking over from another */
		forget_trouble(c);
		return;
	}
	c->lost = 0;
	if (!is_starved(c, &v) || c->told)
		return;
	c->told = 1;
	if (!c->o->fixed && !v.broker)
		snprintf(c->trouble, sizeof(c->trouble), "no broker answers at "
		    "%s: start lambda-broker, or name its socket with -b",
		    c->o->where);
	log_error("%s: no capacity yet: %s; waiting", c->o->module,
	    c->trouble[0] ? c->trouble : "others hold all that is on offer");
}

void
caller_wait(struct caller *c)
{
	c->notice.fn = on_notice;
	c->limit.fn = on_limit;
	c->unknown.fn = on_unknown;
	c->notice.arg = c->limit.arg = c->unknown.arg = c;
	c->lost = 1;
	arm_notice(c);
	arm_limit(c);
}
