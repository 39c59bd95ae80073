#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fail.h"
#include "plb_state.h"

#define RETRY_MS 250 /* a fixed channel that refused is asked again after */

int
plb_connect(struct plb *p, const struct hold_channel *c,
    const struct ask *ask)
{
	struct msg m;

	p->connects++;
	memset(&m, 0, sizeof(m));
	m.type = MSG_CONNECT;
	m.u.connect.quantity = ask->quantity;
	m.u.connect.module = plb_module(p);
	m.u.connect.seller = c->seller;
	m.u.connect.exchange = ask->exchange;
	m.u.connect.counter = ask->counter;
	if (!p->fixed)
		m.u.connect.constraints = slice_of(p->constraints,
		    p->constraints_len);
	return outbox_send(&p->out, c->peer, &m);
}

static void
blame(struct plb *p, const struct hold_channel *c, const char *what,
    struct slice reason)
{
	char why[REASON_MAX];

	snprintf(why, sizeof(why), "the seller%s%s %s%.*s",
	    c->address[0] == '\0' ? "" : " at ", c->address, what,
	    SLICE_ARG(reason));
	plb_blame(p, why);
}

/*
 * One that does not answer (reason NULL) is as good as out of reach: each other
 * exchange may offer it, too, and each time 5 seconds would be lost. A single
 * refusal is no news: others were faster.
 */
static void
be_refused(struct plb *p, int64_t now, struct hold_channel *c,
    const struct ask *ask, const struct slice *reason)
{
	p->refusals++;
	plb_release(p, ask);
	if (reason != NULL && ++c->refused < PLB_REFUSALS)
		return;
	plb_avoid(p, now, &c->seller, reason != NULL);
	if (reason == NULL)
		blame(p, c, "does not answer", slice_of(NULL, 0));
	else if (!p->fixed && plb_held(p) == 0)
		/* Of a fixed one the program hears each; and to those who hold
		 * something it is no more than full. */
		blame(p, c, "refuses all: ", *reason);
}

void
plb_release_all(struct plb *p, struct hold_channel *c)
{
	struct ask ask;

	while (hold_give_up(&p->hold, c, &ask))
		plb_release(p, &ask);
}

/* Life. */

void
plb_channel_up(struct plb *p, int64_t now, uint32_t peer, size_t number)
{
	struct hold_channel *c = &p->hold.channel[number];
	size_t i;

	if (hold_link(&p->hold, c, peer) == -1) {
		outbox_act(&p->out, ACT_CLOSE, peer, 0,
		    slice_str("out of memory"));
		plb_channel_gone(p, now, number, "out of memory in the PLB");
		return;
	}
	if (p->fixed)
		plb_trouble_over(p); /* that it could not be reached */
	for (i = 0; i < c->asks; i++) {
		c->ask[i].at = now;
		plb_connect(p, c, &c->ask[i]);
	}
}

void
plb_channel_gone(struct plb *p, int64_t now, size_t number, const char *why)
{
	struct hold_channel *c = &p->hold.channel[number];

	plb_release_all(p, c);
	plb_lost(p, now, c, why);
	hold_del(&p->hold, number);
}

int
plb_fixed_add(struct plb *p, struct slice address, size_t *number)
{
	struct hold_channel *c = hold_add(&p->hold, slice_of(NULL, 0),
	    PLB_CHANNELS_MAX, number);

	if (c == NULL)
		return -1;
	c->empty = NEVER;
	if (address.len > 0 && address.len <= ADDRESS_MAX)
		memcpy(c->address, address.p, address.len);
	return 0;
}

/* Messages. */

static struct hold_channel *
channel_of(struct plb *p, uint32_t peer)
{
	struct hold_channel *c = hold_peer(&p->hold, peer);

	if (c == NULL)
		errno = EPROTO;
	return c;
}

/* Was its link closed as it came up, too late to be used? What it said
 * meanwhile may still arrive. */
static int
is_turned_away(const struct plb *p, uint32_t peer)
{
	return peer != p->broker && hold_peer(&p->hold, peer) == NULL &&
	    plb_client(p, peer) == NULL;
}

/* The connect that a channel answers: 1 with *ask, 0 when it is one that we
 * gave up on, or of a PLB, which may answer more than once; -1 with EPROTO when
 * it answers nothing. */
static int
take_ask(struct plb *p, struct hold_channel *c, struct ask *ask)
{
	if (c->overdue > 0) {
		c->overdue--;
		return 0;
	}
	if (hold_answered(&p->hold, c, ask))
		return 1;
	if (p->fixed)
		return 0;
	return fail(EPROTO);
}

int
plb_on_demand(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	struct hold_channel *c = channel_of(p, peer);
	struct ask ask;
	int r;

	if (c == NULL || (r = take_ask(p, c, &ask)) == -1)
		return -1;
	c->refused = 0;
	if (r == 1)
		plb_settle(p, &ask);
	if (r == 1 && p->fixed && m->u.demand.tokens < ask.quantity)
		p->retry = now + RETRY_MS;
	if (!hold_usable(c))
		return 0;
	hold_grant(&p->hold, c, m->u.demand.tokens);
	plb_trouble_over(p);
	p->lacking = now; /* served: to the back of the line with the rest */
	plb_dispatch(p, now);
	return outbox_act(&p->out, PLB_ROOM, 0, 0, slice_of(NULL, 0));
}

int
plb_on_refuse(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	struct hold_channel *c;
	struct ask ask;
	int r;

	if (peer == p->broker)
		return plb_order_refused(p, m);
	if ((c = channel_of(p, peer)) == NULL ||
	    (r = take_ask(p, c, &ask)) == -1)
		return -1;
	if (r == 1)
		be_refused(p, now, c, &ask, &m->u.refuse.reason);
	if (!p->fixed || r == 0)
		return 0;
	p->retry = now + RETRY_MS;
	return outbox_send(&p->out, 0, m);
}

int
plb_on_waiting(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	struct hold_channel *c;

	(void)now;
	if (is_turned_away(p, peer))
		return 0;
	if ((c = channel_of(p, peer)) == NULL)
		return -1;
	c->waiting = m->u.waiting.buyers > 0;
	return 0;
}

/*
 * New code takes over there: what is in flight finishes, all else is bought
 * anew. A fixed address is dialled again at once, beside the old connection.
 */
int
plb_on_drain(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	struct hold_channel *c;

	(void)now;
	(void)m;
	if (is_turned_away(p, peer))
		return 0;
	if ((c = channel_of(p, peer)) == NULL)
		return -1;
	if (c->state == HOLD_DRAINING)
		return 0;
	plb_release_all(p, c);
	if (hold_usable(c))
		plb_give_back(p, c, c->tokens);
	hold_drain(&p->hold, c);
	if (p->address == NULL)
		return 0;
	if (outbox_act(&p->out, ACT_UNDIAL, 0, 0, slice_str(p->address)) == -1)
		return -1;
	return outbox_act(&p->out, ACT_DIAL, PLB_FIXED_TAG, DIAL_FOREVER,
	    slice_str(p->address));
}

/* Time. */

static void
close_channel(struct plb *p, struct hold_channel *c)
{
	if (c->closing)
		return;
	hold_close(&p->hold, c);
	outbox_act(&p->out, ACT_CLOSE, c->peer, 0, slice_of(NULL, 0));
}

void
plb_give_back(struct plb *p, struct hold_channel *c, uint64_t n)
{
	struct msg m;

	if (n == 0)
		return;
	memset(&m, 0, sizeof(m));
	m.type = MSG_RETURN;
	m.u.giveback.tokens = n;
	hold_spend(&p->hold, c, n);
	outbox_send(&p->out, c->peer, &m);
}

static int
is_empty(const struct hold_channel *c)
{
	return c->tokens == 0 && c->sent.n == 0 && c->asks == 0;
}

/* Once a second. */

/* Connects that are not answered: refused. What is held there stays. */
static void
look_for_answers(struct plb *p, int64_t now, struct hold_channel *c)
{
	struct ask ask;

	while (c->asks > 0 && now - c->ask[0].at >= PLB_CONNECT_MS) {
		hold_give_up(&p->hold, c, &ask);
		be_refused(p, now, c, &ask, NULL);
	}
	if (c->overdue > 0 && is_empty(c))
		close_channel(p, c);
}

/* What lay idle while others waited goes back, and is not wanted again before a
 * request asks for it; nor is anything else, as there was too much. */
static void
look_for_idle(struct plb *p, struct hold_channel *c)
{
	uint64_t need = p->hold.in_flight + p->queue.n;

	if (c->waiting && c->idle > 0 && hold_usable(c)) {
		plb_give_back(p, c, c->idle);
		if (p->wanted > plb_held(p))
			p->wanted = plb_held(p);
		if (p->wanted < need)
			p->wanted = need;
		if (p->wanted > p->capacity)
			p->wanted = p->capacity;
	}
	c->idle = c->tokens;
}

static void
look_for_empty(struct plb *p, int64_t now, struct hold_channel *c)
{
	if (!is_empty(c))
		c->empty = NEVER;
	else if (c->empty == NEVER)
		c->empty = now;
	else if (now - c->empty >= PLB_EMPTY_MS && !p->fixed)
		close_channel(p, c);
}

static void
look(struct plb *p, int64_t now)
{
	struct hold_channel *c;
	size_t i;

	for (i = 0; i < p->hold.n; i++) {
		c = &p->hold.channel[i];
		if (c->state == HOLD_FREE)
			continue;
		if (c->state != HOLD_DIALLING) {
			look_for_answers(p, now, c);
			look_for_idle(p, c);
			look_for_empty(p, now, c);
		} else if (now - c->ask[0].at >= PLB_CONNECT_MS) {
			plb_channel_gone(p, now, i, "it was never up");
		}
	}
}

/* More is held than wanted: give the difference back. */
static void
trim(struct plb *p)
{
	uint64_t have = plb_held(p), over, n;
	struct hold_channel *c;
	size_t i;

	over = have > p->wanted + p->extra ? have - p->wanted - p->extra : 0;
	for (i = 0; i < p->hold.n && over > 0 && p->hold.tokens > 0; i++) {
		c = &p->hold.channel[i];
		if (!hold_usable(c))
			continue;
		n = c->tokens < over ? c->tokens : over;
		plb_give_back(p, c, n);
		over -= n;
	}
}

static void
leave_drained(struct plb *p)
{
	struct hold_channel *c;
	size_t i;

	for (i = 0; i < p->hold.n && p->hold.drained > 0; i++) {
		c = &p->hold.channel[i];
		if (c->state == HOLD_DRAINING && c->sent.n == 0)
			close_channel(p, c);
	}
}

/* The fixed channel, where it may be asked for what is short; or NULL. */
static struct hold_channel *
fixed_channel(const struct plb *p)
{
	struct hold_channel *c;
	size_t i;

	if (!p->fixed || plb_short(p) == 0)
		return NULL;
	for (i = 0; i < p->hold.n; i++) {
		c = &p->hold.channel[i];
		if (hold_usable(c))
			return c->asks + c->overdue == 0 ? c : NULL;
	}
	return NULL;
}

static void
ask_fixed(struct plb *p, int64_t now)
{
	struct hold_channel *c = fixed_channel(p);
	struct ask ask;

	if (c == NULL || now < p->retry)
		return;
	memset(&ask, 0, sizeof(ask));
	ask.quantity = plb_short(p);
	ask.at = now;
	if (hold_ask(&p->hold, c, &ask) == 0)
		plb_connect(p, c, &ask);
}

void
plb_channel_tick(struct plb *p, int64_t now)
{
	if (now >= p->look) {
		look(p, now);
		p->look = now + PLB_IDLE_MS;
	}
	plb_switch_tick(p, now);
	trim(p);
	leave_drained(p);
	ask_fixed(p, now);
}

int64_t
plb_channel_deadline(const struct plb *p)
{
	int64_t due = p->hold.used > 0 ? p->look : NEVER;

	if (p->switch_at < due)
		due = p->switch_at;
	if (fixed_channel(p) != NULL && p->retry < due)
		due = p->retry;
	return due;
}
