#include <stdio.h>

#include "attrs.h"
#include "call_state.h"
#include "exit.h"

/* For another exchange to know of a seller that exports the function: where the
 * one that does not know of it is new, and where it is not. */
#define UNKNOWN_NEW_MS 1000
#define UNKNOWN_MS     50

/* The given channels, each with what is wrong. */
static void
call_why_not_given(const struct call *c, int64_t now, char *why, size_t size)
{
	char one[WAY_TEXT_MAX + 256];
	size_t i, len = 0;

	why[0] = '\0';
	for (i = 0; i < c->config.ngiven && len < size - 1; i++)
		if (c->way[i].peer == 0)
			len += (size_t)snprintf(why + len, size - len, "%s%s",
			    len == 0 ? "" : "; ",
			    way_why(&c->way[i], now, one, sizeof(one)));
	if (len == 0)
		snprintf(why, size, "nobody has granted any");
}

/* In the words of the process that knew it last. A seller that was asked, and
 * is silent, says more than any offers: what another exchange has on offer may
 * come after it was asked. */
const char *
call_why_not(const struct call *c, int64_t now, char *why, size_t size)
{
	struct plb_view v;

	plb_look(c->plb, &v);
	if (v.fixed && v.linked == 0)
		call_why_not_given(c, now, why, size);
	else if (!v.fixed && !v.broker)
		snprintf(why, size, "no broker answers at %s: start "
		    "lambda-broker, or name its socket with -b",
		    c->config.broker);
	else if (v.asked_at > c->refused_at)
		snprintf(why, size, "the seller at %s has not answered "
		    "yet",
		    v.asked);
	else
		snprintf(why, size, "%s", c->trouble[0] != '\0' ? c->trouble :
		    v.fixed ? "nobody has granted any" : "nothing is offered: "
		    "others hold it all, or no exchange answers");
	return why;
}

/* In time to be read before the time of the call or record is up. */
void
call_arm_notice(struct call *c, int64_t now)
{
	int64_t half = (c->config.limit_ms + 1) / 2;

	c->notice_at = now + (half > 0 && half < CALL_NOTICE_MS ? half :
	    CALL_NOTICE_MS);
}

void
call_forget_trouble(struct call *c)
{
	c->told = c->stuck = 0;
	c->trouble[0] = '\0';
	c->unknown_at = NEVER;
}

/* Does nothing on offer export the function? A message names at most OFFERS_MAX
 * sets of attributes; if it is full, a set that it left out may. */
static int
call_is_unknown(const struct call *c, struct slice sets)
{
	struct slice attrs;
	int cast, n;

	if (c->config.function == NULL || c->config.ngiven > 0)
		return 0;
	for (n = 0; list_next(&sets, &attrs) == 1; n++)
		if (attrs_exports(attrs, slice_str(c->config.function),
			(unsigned)c->config.nargs, &cast))
			return 0;
	return n > 0 && n < OFFERS_MAX;
}

void
call_on_offers(struct call *c, int64_t now, const struct msg_offers *m)
{
	struct slice sets = m->sets, attrs;
	char has[REASON_MAX / 2] = "";
	int64_t unknown_at;

	c->refused_at = 0;
	if (!call_is_unknown(c, m->sets)) {
		offers_print(m, c->config.module, c->trouble,
		    sizeof(c->trouble));
		return;
	}
	while (list_next(&sets, &attrs) == 1)
		attrs_add(attrs, has, sizeof(has));
	snprintf(c->trouble, sizeof(c->trouble),
	    "%s/%zu is not exported; on offer: %s", c->config.function,
	    c->config.nargs, has);
	unknown_at = now + (m->complete ? UNKNOWN_MS : UNKNOWN_NEW_MS);
	if (unknown_at < c->unknown_at)
		c->unknown_at = unknown_at;
}

/* One that is final ends us. Where there is no link it is the PLB core's own
 * word: why there will be none. */
void
call_on_refuse(struct call *c, int64_t now, const struct msg_refuse *m)
{
	struct plb_view v;

	plb_look(c->plb, &v);
	if (!m->final && v.tokens + v.in_flight > 0)
		return; /* no more than there is */
	c->refused_at = now;
	snprintf(c->trouble, sizeof(c->trouble), "%s%.*s",
	    v.fixed && v.linked == 0 ? "" : "refused: ",
	    SLICE_ARG(m->reason));
	if (m->final)
		call_give_up(c, EXIT_USAGE, c->trouble);
}

/* Is nothing held? Or has the PLB that has our request said why it waits, and
 * answered nothing from one notice to the next? */
static int
call_is_starved(struct call *c, const struct plb_view *v)
{
	int stuck = c->stuck;

	if (v->tokens + v->in_flight == 0)
		return v->wanted > 0;
	c->stuck = v->in_flight > 0;
	return c->config.ngiven > 0 && stuck && c->stuck &&
	    c->trouble[0] != '\0';
}

void
call_on_notice(struct call *c, int64_t now)
{
	char why[REASON_MAX];
	struct plb_view v;

	call_arm_notice(c, now);
	plb_look(c->plb, &v);
	if (!call_is_starved(c, &v) || c->told)
		return;
	c->told = 1;
	outbox_log(plb_out(c->plb), LOG_INFO, "%s: no capacity yet: %s; "
	    "waiting", c->config.module, call_why_not(c, now, why,
	    sizeof(why)));
}

void
call_look_for_hope(struct call *c, int64_t now)
{
	char why[REASON_MAX];
	size_t i, final = 0;

	if (c->config.ngiven == 0 || c->config.plb.fallback)
		return;
	for (i = 0; i < c->config.ngiven; i++) {
		if (way_hopes(&c->way[i], now))
			return;
		final += c->way[i].final != 0;
	}
	call_why_not_given(c, now, why, sizeof(why));
	call_give_up(c, final == c->config.ngiven ? EXIT_USAGE :
	    EXIT_TEMPORARY, why);
}
