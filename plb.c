#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "attrs.h"
#include "core.h"
#include "fail.h"
#include "plb_state.h"

#define PLB_BLAME_MS 16000 /* what a seller had on offer is kept for it so long
			      at an exchange, though it does not grant it */

static void
plb_client_init(struct plb_client *c, uint32_t peer, unsigned role)
{
	memset(c, 0, sizeof(*c));
	c->peer = peer;
	c->role = role;
	chain_init(&c->link);
	chain_init(&c->requests);
	chain_init(&c->queue);
	chain_init(&c->passed);
}

/* Given channels. */

int
plb_dial_fixed(struct plb *p, const struct plb_fixed *f)
{
	return outbox_act(&p->out, ACT_DIAL,
	    PLB_FIXED_TAG + (uint32_t)(f - p->fixed), DIAL_FOREVER,
	    slice_str(f->address));
}

/* The one with that tag, or NULL. */
static struct plb_fixed *
plb_fixed_of(const struct plb *p, uint32_t tag)
{
	return tag - PLB_FIXED_TAG < p->nfixed ?
	    &p->fixed[tag - PLB_FIXED_TAG] : NULL;
}

/* Note them, and have those dialled that have an address. */
static int
plb_take_fixed(struct plb *p, const struct plb_config *config)
{
	struct plb_fixed *f;
	size_t i;

	assert(config->fixed <= PLB_FIXED_MAX);
	/* None of them are walked, too. */
	p->fixed = calloc(config->fixed + 1, sizeof(*p->fixed));
	if (p->fixed == NULL)
		return -1;
	p->nfixed = config->fixed;
	for (i = 0; i < p->nfixed; i++) {
		f = &p->fixed[i];
		if (config->address == NULL || config->address[i].len == 0)
			continue;
		f->address = (char *)slice_dup(config->address[i]);
		if (f->address == NULL || plb_dial_fixed(p, f) == -1)
			return -1;
	}
	return 0;
}

static int
plb_any_fixed(const struct plb *p)
{
	size_t i = 0;

	while (i < p->nfixed && (p->fixed[i].upstream == NULL ||
	    !upstream_usable(p->fixed[i].upstream)))
		i++;
	return i < p->nfixed;
}

struct plb *
plb_new(uint64_t seed, const struct plb_config *config)
{
	struct plb *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	outbox_init(&p->out);
	rng_seed(&p->rng, seed);
	p->fallback = config->fallback;
	p->tells = config->tells;
	p->caller = config->caller;
	p->last_tag = PLB_FIXED_TAG + (uint32_t)config->fixed;
	p->blamed_at = -PLB_BLAME_MS;
	p->capacity = config->capacity;
	p->wanted = config->wanted < p->capacity ? config->wanted :
						   p->capacity;
	p->keep = KEEP_ALL;
	p->shared_at = -PLB_EMPTY_MS;
	p->order.short_since = p->order.restart_at = NEVER;
	p->expire_at = p->switch_at = NEVER;
	request_pool_init(&p->requests);
	chain_init(&p->clients);
	plb_client_init(&p->own, 0, 0);
	buf_init(&p->trouble, MSG_MAX);
	buf_init(&p->constraints, LIST_MAX);
	p->module = (char *)slice_dup(config->module);
	if (p->module == NULL || heap_reserve(&p->turns, 1) == -1 ||
	    buf_append(&p->constraints, config->constraints.p,
		config->constraints.len) == -1 ||
	    plb_take_fixed(p, config) == -1) {
		plb_free(p);
		errno = ENOMEM;
		return NULL;
	}
	return p;
}

void
plb_log_requests(struct plb *p)
{
	p->says = 1;
}

void
plb_free(struct plb *p)
{
	struct plb_client *c;

	if (p == NULL)
		return;
	while ((c = plb_client_next(p, NULL)) != NULL) {
		chain_remove(&c->link);
		free(c);
	}
	outbox_free(&p->out);
	upstream_free_all(p);
	request_pool_free(&p->requests);
	heap_free(&p->turns);
	stats_free(&p->stats);
	buf_free(&p->trouble);
	buf_free(&p->constraints);
	free(p->avoided);
	free(p->peer);
	free(p->module);
	while (p->nfixed > 0)
		free(p->fixed[--p->nfixed].address);
	free(p->fixed);
	free(p);
}

struct outbox *
plb_out(struct plb *p)
{
	return &p->out;
}

uint64_t
plb_short(const struct plb *p)
{
	uint64_t held = plb_held(p), want = p->wanted + p->switch_extra;

	return want > held ? want - held : 0;
}

/* Peers, by the low 16 bits of their handles. */

struct plb_peer *
plb_peer(const struct plb *p, uint32_t handle)
{
	size_t i = handle & 0xffff;

	if (handle == 0 || i >= p->npeers || p->peer[i].handle != handle)
		return NULL;
	return &p->peer[i];
}

struct plb_peer *
plb_peer_add(struct plb *p, uint32_t handle)
{
	size_t i = handle & 0xffff;
	struct plb_peer *grown;

	grown = array_grow(p->peer, &p->npeers, i + 1, 0x10000,
	    sizeof(*grown));
	if (grown == NULL)
		return NULL;
	p->peer = grown;
	memset(&grown[i], 0, sizeof(grown[i]));
	grown[i].handle = handle;
	return &grown[i];
}

static void
plb_turn_away(struct plb *p, uint32_t peer, const char *why)
{
	outbox_act(&p->out, ACT_CLOSE, peer, 0, slice_str(why));
}

/* Clients. */

struct plb_client *
plb_client(struct plb *p, uint32_t peer)
{
	const struct plb_peer *at = plb_peer(p, peer);

	if (peer == 0)
		return &p->own;
	return at == NULL ? NULL : at->client;
}

static void
plb_client_up(struct plb *p, uint32_t peer, unsigned role)
{
	struct plb_client *c;
	struct plb_peer *at;

	if (!(role & (ROLE_CALLER | ROLE_PLB))) {
		plb_turn_away(p, peer, "a PLB serves callers");
		return;
	}
	if ((c = malloc(sizeof(*c))) == NULL ||
	    heap_reserve(&p->turns, p->nclients + 2) == -1 ||
	    (at = plb_peer_add(p, peer)) == NULL) {
		free(c);
		plb_turn_away(p, peer, "out of memory");
		return;
	}
	at->client = c;
	plb_client_init(c, peer, role);
	chain_append(&p->clients, &c->link);
	p->nclients++;
	if (p->stopping)
		outbox_send_drain(&p->out, peer);
}

static void
plb_client_down(struct plb *p, struct plb_client *c)
{
	struct request *r;

	while ((r = request_next_of(&c->requests, NULL)) != NULL)
		request_abandon(p, r, STAT_ABANDONED);
	chain_remove(&c->link);
	p->nclients--;
	free(c);
}

/*
 * How many requests and tokens a client may have here: enough to keep all that
 * we hold busy. The client keeps the rest of its input.
 */
static uint64_t
plb_window(const struct plb *p)
{
	uint64_t held = plb_held(p);

	if (held == 0)
		return 0;
	return held >= PLB_WINDOW / 2 ? PLB_WINDOW : 2 * held + 1;
}

uint64_t
plb_refill(const struct plb *p, struct plb_client *c)
{
	if (c->peer == 0 || p->stopping || c->tokens + c->open > plb_window(p))
		return 0;
	c->tokens++;
	return 1;
}

/* Grant the client what it asks for as far as its window has room, and owe it
 * the rest, which is granted once there is room. */
static int
plb_grant(struct plb *p, struct plb_client *c, uint64_t quantity)
{
	uint64_t has = c->tokens + c->open, window = plb_window(p);
	uint64_t room = has < window ? window - has : 0;
	struct msg m = { .type = MSG_DEMAND };

	if (room > quantity)
		room = quantity;
	c->owed = quantity - room;
	if (room == 0)
		return 0;
	m.u.demand.tokens = room;
	c->tokens += room;
	return outbox_send(&p->out, c->peer, &m) == -1 ? -1 : 1;
}

static int
plb_on_connect(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	struct plb_client *c = plb_client(p, peer);
	char why[REASON_MAX];
	int granted;

	(void)now;
	if (c == NULL)
		return fail(EPROTO);
	if (!slice_is(m->u.connect.module, p->module)) {
		snprintf(why, sizeof(why), "this PLB serves %s, not %.*s",
		    p->module, SLICE_ARG(m->u.connect.module));
		return outbox_send_refuse(&p->out, peer, 0, why, 1);
	}
	if (p->stopping)
		return outbox_send_refuse(&p->out, peer, 0,
		    "this PLB is ending", 0);
	granted = plb_grant(p, c, m->u.connect.quantity);
	if (granted != 0)
		return granted == -1 ? -1 : 0;
	plb_want(p, plb_held(p) + 1);
	if (outbox_send_refuse(&p->out, peer, 0, "there is no more for now",
	    0) == -1)
		return -1;
	return plb_trouble_tell(p, c);
}

static int
plb_on_return(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	struct plb_client *c = plb_client(p, peer);

	(void)now;
	if (c == NULL || m->u.giveback.tokens > c->tokens)
		return fail(EPROTO);
	c->tokens -= m->u.giveback.tokens;
	return 0;
}

/* More is held: grant clients what they asked for before. */
static void
plb_grant_owed(struct plb *p)
{
	struct plb_client *c = NULL;
	uint64_t was = p->window;

	p->window = plb_window(p);
	if (p->window <= was || p->stopping)
		return;
	while ((c = plb_client_next(p, c)) != NULL)
		if (c->owed > 0 && plb_grant(p, c, c->owed) == -1)
			return;
}

/* Trouble: why nothing comes. */

static void
plb_trouble_keep(struct plb *p, const struct msg *m)
{
	buf_free(&p->trouble);
	if (plb_held(p) == 0)
		msg_append(&p->trouble, m);
}

int
plb_trouble_tell(struct plb *p, const struct plb_client *c)
{
	if (buf_len(&p->trouble) == 0 || c->role != ROLE_CALLER)
		return 0;
	return outbox_act(&p->out, ACT_SEND, c->peer, 0,
	    buf_slice(&p->trouble));
}

/* Tell why nothing comes to every caller that waits, and to the program itself.
 * The reason is kept for those that begin to wait. */
static int
plb_trouble(struct plb *p, const struct msg_offers *offers)
{
	struct plb_client *c = NULL;
	struct msg m;

	m.type = MSG_OFFERS;
	m.u.offers = *offers;
	m.u.offers.order = 0;
	while ((c = plb_client_next(p, c)) != NULL)
		if (c->role == ROLE_CALLER && c->queued > 0 &&
		    outbox_send(&p->out, c->peer, &m) == -1)
			return -1;
	plb_trouble_keep(p, &m);
	return outbox_send(&p->out, 0, &m);
}

void
plb_blame(struct plb *p, int64_t now, const char *fmt, ...)
{
	struct msg_offers offers = { .order = 0 };
	char why[REASON_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	if (plb_held(p) > 0)
		outbox_log_once(&p->out, &p->blamed, LOG_INFO, "%s", why);
	offers.reason = slice_str(why);
	p->blamed_at = now;
	plb_trouble(p, &offers);
}

/*
 * Does the exchange say that all is taken because we have taken it and wait for
 * the seller's answer, or because it was on offer from a seller that does not
 * answer or refuses?
 */
static int
plb_has_taken(const struct plb *p, int64_t now, const struct msg_offers *m)
{
	return slice_is(m->reason, OFFERS_TAKEN) && plb_held(p) == 0 &&
	    (p->connecting > 0 || now - p->blamed_at < PLB_BLAME_MS);
}

static int
plb_on_offers(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	if (peer != p->broker && upstream_of_peer(p, peer) == NULL)
		return fail(EPROTO);
	if (peer == p->broker && plb_has_taken(p, now, &m->u.offers))
		return 0;
	return plb_trouble(p, &m->u.offers);
}

/* Links. */

/*
 * The upstream that waits for a link, or NULL if none does. When a link comes
 * up it is found by its address, since an address keeps the tag that it was
 * dialled with first. When dialling fails it is found by its tag (address
 * empty), which is never used for another seller: one that we gave up on may
 * still fail later.
 */
static struct upstream *
plb_dialling(const struct plb *p, uint32_t tag, struct slice address)
{
	struct upstream *u;
	size_t i = 0;

	while ((u = upstream_next(p, &i)) != NULL)
		if (u->state == UPSTREAM_DIALLING && (address.len == 0 ?
		    u->tag == tag : slice_is(address, u->address)))
			break;
	return u;
}

/* Dialling the seller's channel has failed. */
static void
plb_unreachable(struct plb *p, int64_t now, struct upstream *u,
    struct slice reason)
{
	plb_avoid(p, now, &u->seller, 0);
	plb_blame(p, now, "unable to reach the seller at %s: %.*s", u->address,
	    SLICE_ARG(reason));
	upstream_gone(p, now, u, "its channel was never up");
}

/* The given channel is back: what was bought meanwhile goes back, once requests
 * in flight there have finished. */
static void
plb_rise(struct plb *p)
{
	struct upstream *u;
	size_t i = 0;

	if (!p->fallen)
		return;
	p->fallen = 0;
	plb_order_anew(p);
	while ((u = upstream_next(p, &i)) != NULL)
		if (u->fixed == NULL)
			upstream_leave(p, u);
}

/* A given channel is linked: NULL with errno. */
static struct upstream *
plb_add_fixed(struct plb *p, struct plb_fixed *f, struct slice address)
{
	struct upstream *u = upstream_add(p, slice_of(NULL, 0), address);

	if (u == NULL)
		return NULL;
	u->fixed = f;
	f->upstream = u;
	f->retry_at = 0;
	plb_rise(p);
	return u;
}

static void
plb_dialled(struct plb *p, int64_t now, uint32_t peer,
    const struct peer_info *info)
{
	struct plb_fixed *fixed = plb_fixed_of(p, info->tag);
	struct upstream *u = fixed != NULL ? NULL :
	    plb_dialling(p, 0, info->address);

	if (!(info->role & ROLE_SERVES)) {
		plb_turn_away(p, peer, "it is no channel");
		if (u != NULL)
			plb_unreachable(p, now, u,
			    slice_str("no channel answers there"));
		return;
	}
	if (fixed != NULL)
		u = plb_add_fixed(p, fixed, info->address);
	if (u != NULL)
		upstream_up(p, now, peer, u);
	else
		plb_turn_away(p, peer, fixed != NULL ? "out of memory" : "");
}

static void
plb_up(void *core, int64_t now, uint32_t peer, const struct peer_info *info)
{
	struct plb *p = core;

	if (info->role == ROLE_CTL)
		return;
	if (info->tag != 0)
		plb_dialled(p, now, peer, info);
	else if (info->role != ROLE_BROKER)
		plb_client_up(p, peer, info->role);
	else if (p->broker != 0 || (p->nfixed > 0 && !p->fallback))
		plb_turn_away(p, peer, "there is no use for this broker");
	else
		plb_order_up(p, peer);
}

static void
plb_upstream_down(struct plb *p, int64_t now, struct upstream *u)
{
	/* What serves us on a Unix socket is another PLB. */
	int is_plb = u->address[0] == '/';
	char why[ADDRESS_MAX + 64];

	snprintf(why, sizeof(why), "the %s%s%s was lost",
	    is_plb ? "PLB" : "channel", u->address[0] == '\0' ? "" : " at ",
	    u->address);
	upstream_lost(p, now, u, why);
}

static void
plb_down(void *core, int64_t now, uint32_t peer)
{
	struct plb *p = core;
	struct plb_peer *at = plb_peer(p, peer);

	p->now = now;
	if (peer == p->broker) {
		p->broker = 0;
		p->keep = KEEP_ALL;
	}
	if (at == NULL)
		return;
	if (at->upstream != NULL)
		plb_upstream_down(p, now, at->upstream);
	if (at->client != NULL)
		plb_client_down(p, at->client);
	memset(at, 0, sizeof(*at));
}

/*
 * It is dialled again, and the program may not want to wait: the broker may
 * find others. If a draining channel still has something to answer, the program
 * is told the next time.
 */
static void
plb_fixed_failed(struct plb *p, int64_t now, const struct plb_fixed *f,
    struct slice reason, int final)
{
	char why[REASON_MAX];

	snprintf(why, sizeof(why), "unable to reach %s: %.*s",
	    f->address == NULL ? "the channel" : f->address,
	    SLICE_ARG(reason));
	if (p->fallback && !plb_any_fixed(p)) {
		p->fallen = 1;
		return;
	}
	if (f->address != NULL)
		plb_blame(p, now, "%s", why);
	if (final && p->nfixed == 1 && p->requests.used == p->queued)
		outbox_send_refuse(&p->out, 0, 0, why, 1);
}

static void
plb_failed(void *core, int64_t now, uint32_t tag, struct slice reason,
    int final)
{
	struct plb *p = core;
	const struct plb_fixed *f = plb_fixed_of(p, tag);
	struct upstream *u;

	if (f != NULL)
		plb_fixed_failed(p, now, f, reason, final);
	else if ((u = plb_dialling(p, tag, slice_of(NULL, 0))) != NULL)
		plb_unreachable(p, now, u, reason);
}

/* Messages. */

/* A channel, and the streams there. */
static void
plb_report_channel(struct report *r, const struct upstream *u)
{
	static const char *const states[] = { "dialling", "up", "draining",
		"closing" };
	const struct request *q = NULL;

	report_row(r, "channel %s tokens %llu in_flight %zu state %s",
	    u->address[0] ? u->address : "-", (unsigned long long)u->tokens,
	    u->in_flight, states[u->state]);
	while ((q = request_next(&u->requests, q)) != NULL)
		if (q->begun)
			report_row(r, "stream %llu channel %s in %llu out %llu "
			    "errors %llu in_room %llu out_room %llu",
			    (unsigned long long)q->id,
			    u->address[0] ? u->address : "-",
			    (unsigned long long)q->bytes[STREAM_BODY],
			    (unsigned long long)q->bytes[STREAM_OUTPUT],
			    (unsigned long long)q->bytes[STREAM_ERROR],
			    (unsigned long long)q->left[STREAM_BODY],
			    (unsigned long long)q->left[STREAM_OUTPUT]);
}

static void
plb_report(const struct plb *p, struct report *r)
{
	report_row(r, "plb %s wanted %llu tokens %llu in_flight %llu "
	    "queued %zu connecting %llu connects %llu refused %llu",
	    p->module, (unsigned long long)p->wanted,
	    (unsigned long long)p->tokens,
	    (unsigned long long)p->in_flight, p->queued,
	    (unsigned long long)p->connecting,
	    (unsigned long long)p->connects,
	    (unsigned long long)p->refusals);
}

static int
plb_on_inspect(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	const struct upstream *u;
	struct stats_owner owner = { .address = slice_str("-"),
		.module = slice_str(p->module), .instance = "-",
		.role = role_name(p->caller ? ROLE_CALLER : ROLE_PLB) };
	struct slice what = m->u.inspect.what;
	struct report r;
	size_t i = 0;

	(void)now;
	report_begin(&r, &p->out, peer, m);
	if (m->type == MSG_INSPECT) /* asked by itself, a PLB shows all */
		what.len = 0;
	if (report_wants(what, "plbs")) {
		plb_report(p, &r);
		while ((u = upstream_next(p, &i)) != NULL)
			plb_report_channel(&r, u);
	}
	if (report_wants(what, "counts"))
		stats_report(&p->stats, &r, &owner);
	return report_end(&r);
}

typedef int plb_message_fn(struct plb *, int64_t, uint32_t,
    const struct msg *);

static plb_message_fn *const plb_handlers[] = {
	[MSG_FILL] = plb_on_fill,
	[MSG_OFFERS] = plb_on_offers,
	[MSG_WAITING] = plb_on_waiting,
	[MSG_CONNECT] = plb_on_connect,
	[MSG_DEMAND] = plb_on_demand,
	[MSG_REFUSE] = plb_on_refuse,
	[MSG_RETURN] = plb_on_return,
	[MSG_REQUEST] = plb_on_request,
	[MSG_REPLY] = plb_on_answer,
	[MSG_FAIL] = plb_on_answer,
	[MSG_ABANDON] = plb_on_abandon,
	[MSG_DRAIN] = plb_on_drain,
	[MSG_INSPECT] = plb_on_inspect,
	[MSG_ASK] = plb_on_inspect,
	[MSG_DATA] = plb_on_data,
	[MSG_END] = plb_on_end,
	[MSG_WINDOW] = plb_on_window,
};

static int
plb_message(void *core, int64_t now, uint32_t peer, const struct msg *m)
{
	if (m->type >= sizeof(plb_handlers) / sizeof(plb_handlers[0]) ||
	    plb_handlers[m->type] == NULL)
		return fail(EPROTO);
	((struct plb *)core)->now = now;
	return plb_handlers[m->type](core, now, peer, m);
}

/* Change of versions: what satisfies the new constraints is acquired first,
 * then what does not is left. */

/* What is held of upstreams that will be left. */
static uint64_t
plb_held_old(const struct plb *p)
{
	const struct upstream *u;
	uint64_t sum = 0;
	size_t i = 0;

	while ((u = upstream_next(p, &i)) != NULL)
		if (u->old && upstream_usable(u))
			sum += u->tokens + u->in_flight;
	return sum;
}

int
plb_constrain(struct plb *p, int64_t now, struct slice constraints)
{
	struct upstream *u;
	struct buf copy;
	size_t i = 0;

	buf_init(&copy, LIST_MAX);
	if (buf_append(&copy, constraints.p, constraints.len) == -1)
		return -1;
	buf_free(&p->constraints);
	p->constraints = copy;
	if (p->nfixed > 0)
		return 0;
	while ((u = upstream_next(p, &i)) != NULL)
		if (u->group != -1)
			u->old = !constraints_match(constraints,
			    balance_attrs(&p->balance, u->group));
	p->switch_extra = plb_held_old(p);
	p->switch_at = now + PLB_SWITCH_MS;
	plb_order_anew(p);
	return 0;
}

static void
plb_switch_tick(struct plb *p, int64_t now)
{
	uint64_t old;
	struct upstream *u;
	size_t i = 0;

	if (p->switch_at == NEVER)
		return;
	old = plb_held_old(p);
	if (now < p->switch_at && plb_held(p) - old < p->wanted)
		return;
	if (old > 0 && plb_held(p) == old) {
		/* No new capacity was found: stay with what is held. */
		p->switch_at = now + PLB_STAY_MS;
		outbox_log_once(&p->out, &p->stays, LOG_INFO, "no seller "
		    "has the version and labels asked for: keeping the "
		    "sellers held");
		return;
	}
	memset(&p->stays, 0, sizeof(p->stays));
	p->switch_at = NEVER;
	p->switch_extra = 0;
	while ((u = upstream_next(p, &i)) != NULL)
		if (u->old)
			upstream_leave(p, u);
}

/* The attributes of the newest version at hand, for the proxies. From one
 * version to another what is shown changes last. */
static void
plb_show_exports(struct plb *p)
{
	struct slice newest = slice_of(NULL, 0), attrs;
	struct attrs a, best = { .version = slice_of(NULL, 0) };
	uint64_t made = p->shown;
	int i;

	if (p->seen == p->balance.stamp || p->switch_at != NEVER)
		return;
	p->seen = p->balance.stamp;
	for (i = 0; i < (int)p->balance.n; i++) {
		attrs = balance_attrs(&p->balance, i);
		if (attrs.p == NULL ||
		    group_decode(&schema_attrs, attrs, &a) == -1 ||
		    (newest.p != NULL &&
			version_compare(a.version, best.version) <= 0))
			continue;
		newest = attrs;
		best = a;
		made = p->balance.group[i].made;
	}
	if (made != p->shown)
		outbox_act(&p->out, PLB_EXPORTS, 0, 0, newest);
	p->shown = made;
}

/* Time. */

/* Stopping: want no more than the remaining requests need. Clients that were
 * asked to go and have nothing open have only void tokens. */
static void
plb_wind_down(struct plb *p, int64_t now)
{
	uint64_t left = p->in_flight + p->queued;
	struct plb_client *c = NULL;

	p->wanted = left < p->capacity ? left : p->capacity;
	if (p->leave_at != NEVER && now < p->leave_at)
		return;
	p->leave_at = NEVER;
	while ((c = plb_client_next(p, c)) != NULL) {
		if (c->open > 0 || c->left)
			continue;
		c->left = 1;
		outbox_act(&p->out, ACT_DRAIN, c->peer, 0, slice_str(""));
	}
}

static void
plb_tick(void *core, int64_t now)
{
	struct plb *p = core;

	p->now = now;
	request_expire(p, now);
	upstream_share(p, now);
	request_dispatch(p, now);
	if (p->stopping)
		plb_wind_down(p, now);
	upstream_look(p, now);
	plb_switch_tick(p, now);
	upstream_adjust(p, now);
	plb_order_tick(p, now);
	plb_grant_owed(p);
	plb_show_exports(p);
	if (p->stopping && !p->stopped && p->requests.used == 0 &&
	    chain_empty(&p->clients)) {
		p->stopped = 1;
		outbox_act(&p->out, ACT_STOP, 0, 0, slice_of(NULL, 0));
	}
}

static int64_t
plb_earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
plb_deadline(const void *core)
{
	const struct plb *p = core;
	int64_t due = plb_earlier(p->expire_at, p->switch_at);

	due = plb_earlier(due, upstream_deadline(p));
	due = plb_earlier(due, plb_order_deadline(p));
	return p->stopping ? plb_earlier(due, p->leave_at) : due;
}

const struct core_ops plb_ops = {
	ROLE_PLB, plb_up, plb_down, plb_message, plb_failed, plb_tick,
	plb_deadline
};

/* The program's side. */

uint64_t
plb_room(const struct plb *p)
{
	return p->tokens > p->queued ? p->tokens - p->queued : 0;
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
plb_capacity(struct plb *p, uint64_t capacity)
{
	p->capacity = p->wanted = capacity;
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
	const struct upstream *u;
	size_t i = 0;

	memset(v, 0, sizeof(*v));
	v->wanted = p->wanted;
	v->tokens = p->tokens;
	v->in_flight = p->requests.used - p->queued;
	v->queued = p->queued;
	v->connecting = p->connecting;
	v->broker = p->broker != 0;
	v->fixed = !plb_buys(p);
	while ((u = upstream_next(p, &i)) != NULL) {
		if (u->connects > 0 && u->fixed == NULL &&
		    (v->asked_at == 0 || u->connect[0].at < v->asked_at)) {
			v->asked_at = u->connect[0].at;
			v->asked = u->address;
		}
		v->channels += u->tokens > 0 || u->in_flight > 0;
		v->linked += (size_t)upstream_usable(u);
	}
}

uint32_t
plb_channel_of(const struct plb *p, uint64_t id)
{
	const struct request *r = NULL;

	while ((r = request_next_of(&p->own.requests, r)) != NULL)
		if (r->client_id == id)
			break;
	return r == NULL || r->upstream == NULL ? 0 : r->upstream->peer;
}

void
plb_expire(struct plb *p)
{
	struct plb_client *c = NULL;

	while ((c = plb_client_next(p, c)) != NULL)
		request_expel(p, c);
	if (!p->stopped)
		p->stopped = outbox_act(&p->out, ACT_STOP, 0, 0,
		    slice_of(NULL, 0)) == 0;
}

void
plb_stop(struct plb *p, int64_t now)
{
	struct plb_client *c = NULL;

	if (p->stopping)
		return;
	p->stopping = 1;
	p->leave_at = now + PLB_LEAVE_MS;
	while ((c = plb_client_next(p, c)) != NULL)
		outbox_send_drain(&p->out, c->peer);
}
