#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attrs.h"
#include "fail.h"
#include "plb_state.h"
#include "report.h"

struct slice
plb_module(const struct plb *p)
{
	return slice_of(p->module, p->module_len);
}

static unsigned char *
copy(struct slice s, size_t *len)
{
	*len = s.len;
	return slice_dup(s);
}

struct plb *
plb_new(const struct id *own, uint64_t seed, const struct plb_config *config)
{
	struct plb *p = calloc(1, sizeof(*p));
	size_t len;

	if (p == NULL)
		return NULL;
	outbox_init(&p->out);
	rng_seed(&p->rng, seed);
	p->own = *own;
	p->fixed = config->fixed;
	p->capacity = config->capacity < UINT32_MAX ? config->capacity :
						      UINT32_MAX;
	p->wanted = config->wanted < p->capacity ? config->wanted :
						   p->capacity;
	p->lacking = p->again = p->expire = p->switch_at = NEVER;
	p->module = copy(config->module, &p->module_len);
	p->constraints = copy(config->constraints, &p->constraints_len);
	if (config->address.len > 0)
		p->address = (char *)copy(config->address, &len);
	if (p->module == NULL || p->constraints == NULL ||
	    (config->address.len > 0 && p->address == NULL) ||
	    plb_client_up(p, 0, 0) == -1 ||
	    (p->address != NULL &&
		outbox_act(&p->out, ACT_DIAL, PLB_FIXED_TAG, DIAL_FOREVER,
		    slice_str(p->address)) == -1)) {
		plb_free(p);
		errno = ENOMEM;
		return NULL;
	}
	return p;
}

void
plb_free(struct plb *p)
{
	if (p == NULL)
		return;
	outbox_free(&p->out);
	hold_free(&p->hold);
	requests_free(&p->requests);
	free(p->client);
	plb_trouble_over(p);
	free(p->module);
	free(p->constraints);
	free(p->address);
	free(p);
}

struct outbox *
plb_out(struct plb *p)
{
	return &p->out;
}

/* The attributes of the newest version at hand, for the proxies. */
static void
show_exports(struct plb *p)
{
	const struct pick_group *g, *chosen = NULL;
	struct attrs a, best;

	/* From one version to another what is shown changes last. */
	if (p->seen == p->hold.pick.stamp || p->switch_at != NEVER)
		return;
	p->seen = p->hold.pick.stamp;
	memset(&best, 0, sizeof(best));
	for (g = p->hold.pick.group; g < p->hold.pick.group + p->hold.pick.n;
	     g++) {
		if (g->attrs == NULL || group_decode(&schema_attrs,
			slice_of(g->attrs, g->attrs_len), &a) == -1)
			continue;
		if (chosen == NULL ||
		    version_compare(a.version, best.version) > 0) {
			chosen = g;
			best = a;
		}
	}
	if (chosen == NULL || chosen->made == p->shown)
		return;
	p->shown = chosen->made;
	outbox_act(&p->out, PLB_EXPORTS, 0, 0,
	    slice_of(chosen->attrs, chosen->attrs_len));
}

/* Peers. */

static void
turn_away(struct plb *p, uint32_t peer, const char *why)
{
	outbox_act(&p->out, ACT_CLOSE, peer, 0, slice_str(why));
}

/*
 * The number of the seller that waits for a link, or hold.n if none does. When
 * a link comes up it is found by its address, since an address keeps the tag
 * that it was dialled with first. When dialling fails it is found by its tag,
 * which is never used for another seller: one that we gave up on may still fail
 * later.
 */
static size_t
waits_at(const struct plb *p, struct slice address)
{
	const struct hold_channel *c = p->hold.channel;
	size_t i;

	for (i = 0; i < p->hold.n; i++)
		if (c[i].state == HOLD_DIALLING &&
		    slice_is(address, c[i].address))
			break;
	return i;
}

static size_t
waits_for(const struct plb *p, uint32_t tag)
{
	const struct hold_channel *c = p->hold.channel;
	size_t i;

	for (i = 0; i < p->hold.n; i++)
		if (c[i].state == HOLD_DIALLING && c[i].tag == tag)
			break;
	return i;
}

/* The seller's channel was dialled in vain. */
static void
unreachable(struct plb *p, int64_t now, size_t number, struct slice reason)
{
	char why[REASON_MAX];

	plb_avoid(p, now, &p->hold.channel[number].seller, 0);
	snprintf(why, sizeof(why), "unable to reach the seller at %s: %.*s",
	    p->hold.channel[number].address, SLICE_ARG(reason));
	plb_blame(p, why);
	plb_channel_gone(p, now, number, "its channel was never up");
}

static void
dialled(struct plb *p, int64_t now, uint32_t peer,
    const struct peer_info *info)
{
	size_t number = waits_at(p, info->address);

	if (!(info->role & (ROLE_CHANNEL | ROLE_PLB))) {
		turn_away(p, peer, "it is no channel");
		if (info->tag != PLB_FIXED_TAG && number < p->hold.n)
			unreachable(p, now, number,
			    slice_str("no channel answers there"));
	} else if (info->tag != PLB_FIXED_TAG) {
		if (number < p->hold.n)
			plb_channel_up(p, now, peer, number);
		else
			turn_away(p, peer, "");
	} else if (plb_fixed_add(p, info->address, &number) == -1)
		turn_away(p, peer, "out of memory");
	else
		plb_channel_up(p, now, peer, number);
}

static void
client_up(struct plb *p, uint32_t peer, unsigned role)
{
	if (!(role & (ROLE_CALLER | ROLE_PLB)))
		turn_away(p, peer, "a PLB serves callers");
	else if (plb_client_up(p, peer, role) == -1)
		turn_away(p, peer, "out of memory");
	else if (p->stopping)
		outbox_send_drain(&p->out, peer);
}

static void
up(void *core, int64_t now, uint32_t peer, const struct peer_info *info)
{
	struct plb *p = core;

	if (info->role == ROLE_CTL)
		return;
	if (info->tag != 0)
		dialled(p, now, peer, info);
	else if (info->role != ROLE_BROKER)
		client_up(p, peer, info->role);
	else if (p->broker != 0 || p->fixed)
		turn_away(p, peer, "there is no use for this broker");
	else
		plb_broker_up(p, peer);
}

/* What serves us on a Unix socket is another PLB. */
static int
is_plb(const struct hold_channel *c)
{
	return c->address[0] == '/';
}

static void
down(void *core, int64_t now, uint32_t peer)
{
	struct plb *p = core;
	struct hold_channel *c = hold_peer(&p->hold, peer);
	char why[ADDRESS_MAX + 64];

	if (peer == p->broker)
		p->broker = 0;
	else if (c != NULL) {
		snprintf(why, sizeof(why), "the %s%s%s was lost",
		    is_plb(c) ? "PLB" : "channel",
		    c->address[0] == '\0' ? "" : " at ", c->address);
		plb_channel_gone(p, now, hold_number(&p->hold, c), why);
	} else
		plb_client_down(p, now, peer);
}

/* It is dialled again, and the program may not want to wait for that. Where a
 * channel that drains has something to answer yet, it is told the next time. */
static void
fixed_failed(struct plb *p, struct slice reason, int final)
{
	char why[REASON_MAX];

	snprintf(why, sizeof(why), "unable to reach %s: %.*s",
	    p->address == NULL ? "the channel" : p->address,
	    SLICE_ARG(reason));
	plb_blame(p, why);
	if (final && p->requests.used == p->queue.n)
		outbox_send_refuse(&p->out, 0, 0, why, 1);
}

static void
failed(void *core, int64_t now, uint32_t tag, struct slice reason, int final)
{
	struct plb *p = core;
	size_t number = waits_for(p, tag);

	if (p->fixed && tag == PLB_FIXED_TAG)
		fixed_failed(p, reason, final);
	if (number < p->hold.n)
		unreachable(p, now, number, reason);
}

/* Messages. */

static void
rows(const struct plb *p, struct report *r)
{
	static const char *const states[] = { "", "dialling", "up",
		"draining" };
	const struct hold_channel *c;
	size_t i;

	report_row(r, "plb wanted %llu tokens %llu in_flight %llu queued %zu "
	    "connecting %llu connects %llu refused %llu",
	    (unsigned long long)p->wanted, (unsigned long long)p->hold.tokens,
	    (unsigned long long)p->hold.in_flight, p->queue.n,
	    (unsigned long long)p->hold.asked,
	    (unsigned long long)p->connects,
	    (unsigned long long)p->refusals);
	for (i = 0; i < p->hold.n; i++) {
		c = &p->hold.channel[i];
		if (c->state != HOLD_FREE)
			report_row(r, "channel %s tokens %llu in_flight %zu "
			    "state %s", c->address[0] ? c->address : "-",
			    (unsigned long long)c->tokens, c->sent.n,
			    c->closing ? "closing" : states[c->state]);
	}
}

static int
on_inspect(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	struct report r;

	(void)now;
	(void)m;
	report_begin(&r, &p->out, peer);
	rows(p, &r);
	return report_end(&r);
}

typedef int message_fn(struct plb *, int64_t, uint32_t, const struct msg *);

static message_fn *const handlers[] = {
	[MSG_FILL] = plb_on_fill,
	[MSG_OFFERS] = plb_on_offers,
	[MSG_WAITING] = plb_on_waiting,
	[MSG_CONNECT] = plb_on_connect,
	[MSG_DEMAND] = plb_on_demand,
	[MSG_REFUSE] = plb_on_refuse,
	[MSG_RETURN] = plb_on_return,
	[MSG_REQUEST] = plb_on_request,
	[MSG_REPLY] = plb_on_reply,
	[MSG_FAIL] = plb_on_fail,
	[MSG_ABANDON] = plb_on_abandon,
	[MSG_DRAIN] = plb_on_drain,
	[MSG_INSPECT] = on_inspect,
};

static int
message(void *core, int64_t now, uint32_t peer, const struct msg *m)
{
	if (m->type >= sizeof(handlers) / sizeof(handlers[0]) ||
	    handlers[m->type] == NULL)
		return fail(EPROTO);
	return handlers[m->type](core, now, peer, m);
}

/* Time. */

/* Stopping: once nothing is left to do, and no client is left to tell. */
static void
stop_when_done(struct plb *p)
{
	size_t i;

	if (!p->stopping || p->stopped || p->requests.used > 0)
		return;
	for (i = 1; i < p->nclients; i++)
		if (p->client[i].peer != 0)
			return;
	p->stopped = 1;
	outbox_act(&p->out, ACT_STOP, 0, 0, slice_of(NULL, 0));
}

/* Stopping: clients were asked to go. Who has not, and has nothing open, has
 * only tokens that are void. */
static void
leave_clients(struct plb *p, int64_t now)
{
	struct plb_client *c;

	if (p->leave != NEVER && now < p->leave)
		return;
	p->leave = NEVER;
	for (c = p->client + 1; c < p->client + p->nclients; c++) {
		if (c->peer == 0 || c->own.n > 0 || c->left)
			continue;
		c->left = 1;
		outbox_act(&p->out, ACT_DRAIN, c->peer, 0, slice_str(""));
	}
}

/* Stopping: no more is wanted than that, nor than ever. */
static uint64_t
left_to_do(const struct plb *p)
{
	uint64_t n = p->hold.in_flight + p->queue.n;

	return n < p->capacity ? n : p->capacity;
}

static void
tick(void *core, int64_t now)
{
	struct plb *p = core;

	plb_expire(p, now);
	if (p->queue.n > 0)
		plb_dispatch(p, now);
	if (p->stopping) {
		p->wanted = left_to_do(p);
		leave_clients(p, now);
	}
	plb_channel_tick(p, now);
	if (!p->fixed)
		plb_buy(p, now);
	plb_grant_owed(p);
	show_exports(p);
	stop_when_done(p);
}

static int64_t
deadline(const void *core)
{
	const struct plb *p = core;
	int64_t due = plb_channel_deadline(p), buy = plb_buy_deadline(p);

	if (buy < due)
		due = buy;
	if (p->stopping && p->leave < due)
		due = p->leave;
	return p->expire < due ? p->expire : due;
}

const struct core_ops plb_ops = {
	ROLE_PLB, up, down, message, failed, tick, deadline
};

/* The program's side. */

uint64_t
plb_room(const struct plb *p)
{
	return p->hold.tokens > p->queue.n ? p->hold.tokens - p->queue.n : 0;
}

void
plb_want(struct plb *p, uint64_t n)
{
	if (n > p->capacity)
		n = p->capacity;
	if (n > p->wanted)
		p->wanted = n;
}

void
plb_want_only(struct plb *p, uint64_t n)
{
	if (n < p->wanted)
		p->wanted = n;
}

void
plb_look(const struct plb *p, struct plb_view *v)
{
	size_t i;

	v->wanted = p->wanted;
	v->tokens = p->hold.tokens;
	v->in_flight = p->requests.used - p->queue.n;
	v->queued = p->queue.n;
	v->connecting = p->hold.asked;
	v->broker = p->broker != 0;
	v->channels = v->linked = 0;
	for (i = 0; i < p->hold.n; i++) {
		if (p->hold.channel[i].tokens > 0 ||
		    p->hold.channel[i].sent.n > 0)
			v->channels++;
		if (hold_usable(&p->hold.channel[i]))
			v->linked++;
	}
}

void
plb_stop(struct plb *p, int64_t now)
{
	size_t i;

	if (p->stopping)
		return;
	p->stopping = 1;
	p->leave = now + PLB_LEAVE_MS;
	for (i = 1; i < p->nclients; i++)
		if (p->client[i].peer != 0)
			outbox_send_drain(&p->out, p->client[i].peer);
}
