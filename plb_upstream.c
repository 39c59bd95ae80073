#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "attrs.h"
#include "fail.h"
#include "plb_state.h"

#define RETRY_MS 250 /* a given channel that refused is asked again after */

/* Life. */

struct upstream *
upstream_add(struct plb *p, struct slice attrs, struct slice address)
{
	struct upstream *u, **grown;
	size_t i = 0;

	while (i < p->upstream_cap && p->upstream[i] != NULL)
		i++;
	grown = array_grow(p->upstream, &p->upstream_cap, i + 1,
	    PLB_CHANNELS_MAX, sizeof(struct upstream *));
	if (grown == NULL)
		return NULL;
	p->upstream = grown;
	if ((u = calloc(1, sizeof(*u))) == NULL)
		return NULL;
	if ((u->group = balance_join(&p->balance, attrs, i)) == -1) {
		free(u);
		return NULL;
	}
	u->number = i;
	snprintf(u->address, sizeof(u->address), "%.*s", SLICE_ARG(address));
	u->empty_since = NEVER;
	chain_init(&u->requests);
	p->upstream[i] = u;
	p->nupstreams++;
	return u;
}

static void
upstream_set_tokens(struct plb *p, struct upstream *u, uint64_t tokens)
{
	p->tokens += tokens - u->tokens;
	u->tokens = tokens;
	balance_set(&p->balance, u->group, u->number, (uint32_t)tokens);
	if (tokens < u->idle)
		u->idle = tokens;
}

static void
upstream_spend(struct plb *p, struct upstream *u, uint64_t tokens)
{
	assert(tokens <= u->tokens);
	upstream_set_tokens(p, u, u->tokens - tokens);
}

/* Its tokens are void, and it is not drawn from now on. */
static void
upstream_retire(struct plb *p, struct upstream *u)
{
	if (u->group == -1)
		return;
	upstream_spend(p, u, u->tokens);
	balance_leave(&p->balance, u->group, u->number);
	u->group = -1;
}

static void
upstream_free(struct upstream *u)
{
	free(u->connect);
	free(u->refusal);
	free(u);
}

void
upstream_del(struct plb *p, struct upstream *u)
{
	struct plb_peer *at = plb_peer(p, u->peer);

	assert(u->connects == 0 && u->in_flight == 0);
	upstream_retire(p, u);
	if (at != NULL)
		at->upstream = NULL;
	if (u->fixed != NULL && u->fixed->upstream == u)
		u->fixed->upstream = NULL;
	p->drained -= (size_t)upstream_is_drained(u);
	p->upstream[u->number] = NULL;
	p->nupstreams--;
	upstream_free(u);
}

void
upstream_free_all(struct plb *p)
{
	size_t i;

	for (i = 0; i < p->upstream_cap; i++)
		if (p->upstream[i] != NULL)
			upstream_free(p->upstream[i]);
	free(p->upstream);
	balance_free(&p->balance);
}

struct upstream *
upstream_next(const struct plb *p, size_t *pos)
{
	while (*pos < p->upstream_cap)
		if (p->upstream[(*pos)++] != NULL)
			return p->upstream[*pos - 1];
	return NULL;
}

struct upstream *
upstream_of_seller(const struct plb *p, const struct id *seller)
{
	struct upstream *u;
	size_t i = 0;

	while ((u = upstream_next(p, &i)) != NULL)
		if (u->state < UPSTREAM_DRAINING &&
		    id_equal(&u->seller, seller))
			break;
	return u;
}

/* Tokens. */

void
upstream_grant(struct plb *p, struct upstream *u, uint64_t tokens)
{
	if (!upstream_usable(u))
		return;
	if (tokens > UINT32_MAX - u->tokens)
		tokens = UINT32_MAX - u->tokens;
	upstream_set_tokens(p, u, u->tokens + tokens);
	if (u->before < u->tokens + u->in_flight)
		u->before = u->tokens + u->in_flight;
}

/* Return n of the tokens. */
static void
upstream_give_back(struct plb *p, struct upstream *u, uint64_t n)
{
	struct msg m = { .type = MSG_RETURN, .u.giveback.tokens = n };

	if (n == 0)
		return;
	upstream_spend(p, u, n);
	outbox_send(&p->out, u->peer, &m);
}

/* Note what is in use and held now, for the next look. */
static void
upstream_note_use(struct plb *p)
{
	uint64_t used = p->in_flight + p->queued;

	if (used > p->peak)
		p->peak = used;
	if (plb_held(p) > p->most)
		p->most = plb_held(p);
}

void
upstream_sent(struct plb *p, struct upstream *u, struct request *r)
{
	upstream_spend(p, u, 1);
	chain_append(&u->requests, &r->place);
	u->in_flight++;
	p->in_flight++;
	r->upstream = u;
	upstream_note_use(p);
}

void
upstream_back(struct plb *p, struct request *r)
{
	struct upstream *u = r->upstream;

	chain_remove(&r->place);
	u->in_flight--;
	if (u->state != UPSTREAM_DRAINING)
		p->in_flight--;
	p->drained += (size_t)upstream_is_drained(u);
	r->upstream = NULL;
}

/* Connects. */

static int
upstream_send_connect(struct plb *p, const struct upstream *u,
    const struct upstream_connect *connect)
{
	struct msg m;

	p->connects++;
	memset(&m, 0, sizeof(m));
	m.type = MSG_CONNECT;
	m.u.connect.quantity = connect->quantity;
	m.u.connect.module = slice_str(p->module);
	m.u.connect.seller = u->seller;
	m.u.connect.exchange = connect->exchange;
	m.u.connect.counter = connect->counter;
	if (u->fixed == NULL)
		m.u.connect.constraints = buf_slice(&p->constraints);
	return outbox_send(&p->out, u->peer, &m);
}

int
upstream_connect(struct plb *p, struct upstream *u,
    const struct upstream_connect *connect)
{
	struct upstream_connect *grown;

	if (u->connects + u->overdue >= UPSTREAM_CONNECTS)
		return fail(ENOBUFS);
	grown = array_grow(u->connect, &u->connect_cap, u->connects + 1,
	    UPSTREAM_CONNECTS, sizeof(*grown));
	if (grown == NULL)
		return -1;
	u->connect = grown;
	u->connect[u->connects++] = *connect;
	p->connecting += connect->quantity;
	if (u->state == UPSTREAM_UP)
		upstream_send_connect(p, u, connect);
	return 0;
}

/* Take the oldest out into *connect: 0 when there is none. */
static int
upstream_answered(struct plb *p, struct upstream *u,
    struct upstream_connect *connect)
{
	if (u->connects == 0)
		return 0;
	*connect = u->connect[0];
	u->connects--;
	memmove(u->connect, u->connect + 1,
	    u->connects * sizeof(u->connect[0]));
	p->connecting -= connect->quantity;
	return 1;
}

/* The same, without an answer: one may come yet. */
static int
upstream_give_up(struct plb *p, struct upstream *u,
    struct upstream_connect *connect)
{
	int r = upstream_answered(p, u, connect);

	/* While it is dialled it has been sent none. */
	if (u->state != UPSTREAM_DIALLING)
		u->overdue += (unsigned)r;
	return r;
}

/* Nothing comes of any of them. */
static void
upstream_give_up_all(struct plb *p, struct upstream *u)
{
	struct upstream_connect connect;

	while (upstream_give_up(p, u, &connect))
		plb_release(p, &connect);
}

static void
upstream_blame(struct plb *p, int64_t now, const struct upstream *u,
    const char *what, struct slice reason)
{
	plb_blame(p, now, "the seller%s%s %s%.*s", u->address[0] == '\0' ? "" :
	    " at ", u->address, what, SLICE_ARG(reason));
}

/* If it is lost, too, that is why. */
static void
upstream_keep_refusal(struct upstream *u, const struct slice *reason)
{
	free(u->refusal);
	u->refusal = NULL;
	if (reason != NULL && u->fixed == NULL)
		u->refusal = (char *)slice_dup(*reason);
}

/*
 * A connect was refused, or not answered in time (reason NULL). A single
 * refusal is no news: others were faster. A seller that does not answer is as
 * good as out of reach: other exchanges may offer it, too, and each time
 * PLB_CONNECT_MS would be lost.
 */
static void
upstream_refused(struct plb *p, int64_t now, struct upstream *u,
    const struct upstream_connect *connect, const struct slice *reason)
{
	p->refusals++;
	plb_release(p, connect);
	upstream_keep_refusal(u, reason);
	if (reason != NULL && ++u->refused < PLB_REFUSALS)
		return;
	plb_avoid(p, now, &u->seller, reason != NULL);
	if (reason == NULL)
		upstream_blame(p, now, u, "does not answer",
		    slice_of(NULL, 0));
	else if (u->fixed == NULL && plb_held(p) == 0)
		/* Of a fixed one the program hears each; and to those that
		 * hold something it is no more than full. */
		upstream_blame(p, now, u, "refuses all: ", *reason);
}

/* Links. */

void
upstream_up(struct plb *p, int64_t now, uint32_t peer, struct upstream *u)
{
	struct plb_peer *at = plb_peer_add(p, peer);
	size_t i;

	if (at == NULL) {
		outbox_act(&p->out, ACT_CLOSE, peer, 0,
		    slice_str("out of memory"));
		upstream_gone(p, now, u, "out of memory in the PLB");
		return;
	}
	at->upstream = u;
	u->peer = peer;
	u->state = UPSTREAM_UP;
	if (u->fixed != NULL)
		buf_free(&p->trouble); /* it could not be reached */
	for (i = 0; i < u->connects; i++) {
		u->connect[i].at = now;
		upstream_send_connect(p, u, &u->connect[i]);
	}
}

/* A seller that refuses and closes cannot serve at all; perhaps it cannot start
 * a channel. Try another one, and this one later. */
void
upstream_lost(struct plb *p, int64_t now, struct upstream *u, const char *why)
{
	if (u->refusal != NULL) {
		plb_avoid(p, now, &u->seller, 0);
		upstream_blame(p, now, u, "turns everybody away: ",
		    slice_str(u->refusal));
	}
	upstream_gone(p, now, u, why);
}

void
upstream_gone(struct plb *p, int64_t now, struct upstream *u, const char *why)
{
	upstream_give_up_all(p, u);
	request_lost(p, now, u, why);
	upstream_del(p, u);
}

void
upstream_leave(struct plb *p, struct upstream *u)
{
	upstream_give_up_all(p, u);
	if (!upstream_usable(u))
		return;
	upstream_give_back(p, u, u->tokens);
	upstream_retire(p, u);
	p->in_flight -= u->in_flight;
	u->state = UPSTREAM_DRAINING;
	p->drained += (size_t)upstream_is_drained(u);
}

static void
upstream_close(struct plb *p, struct upstream *u)
{
	if (u->state == UPSTREAM_CLOSING)
		return;
	upstream_retire(p, u);
	p->drained -= (size_t)upstream_is_drained(u);
	u->state = UPSTREAM_CLOSING;
	outbox_act(&p->out, ACT_CLOSE, u->peer, 0, slice_of(NULL, 0));
}

/* Messages. */

/* Was its link closed as it came up, too late to be used? What it said
 * meanwhile may still arrive. */
static int
upstream_turned_away(const struct plb *p, uint32_t peer)
{
	return peer != p->broker && plb_peer(p, peer) == NULL;
}

/* The connect that it answers: 1 with *connect, 0 when it is one that we gave
 * up on, or of a PLB, which may answer more than once; -1 with EPROTO when it
 * answers nothing. */
static int
upstream_take_answer(struct plb *p, struct upstream *u,
    struct upstream_connect *connect)
{
	if (u->overdue > 0) {
		u->overdue--;
		return 0;
	}
	if (upstream_answered(p, u, connect))
		return 1;
	return u->fixed != NULL ? 0 : fail(EPROTO);
}

int
plb_on_demand(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	struct upstream *u = upstream_of_peer(p, peer);
	struct upstream_connect connect;
	int r;

	if (u == NULL)
		return fail(EPROTO);
	if ((r = upstream_take_answer(p, u, &connect)) == -1)
		return -1;
	u->refused = 0;
	upstream_keep_refusal(u, NULL);
	if (r == 1)
		plb_settle(p, &connect);
	if (r == 1 && u->fixed != NULL &&
	    m->u.demand.tokens < connect.quantity)
		u->fixed->retry_at = now + RETRY_MS;
	if (!upstream_usable(u))
		return 0;
	upstream_grant(p, u, m->u.demand.tokens);
	p->grew = 1;
	buf_free(&p->trouble); /* it is over */
	/* Served: to the back of the line with the rest. */
	p->order.short_since = now;
	request_dispatch(p, now);
	return outbox_act(&p->out, PLB_ROOM, 0, 0, slice_of(NULL, 0));
}

int
plb_on_refuse(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	struct upstream *u = upstream_of_peer(p, peer);
	struct upstream_connect connect;
	int r;

	if (peer == p->broker)
		return plb_order_refused(p, m);
	if (u == NULL)
		return fail(EPROTO);
	if ((r = upstream_take_answer(p, u, &connect)) == -1)
		return -1;
	if (r == 1)
		upstream_refused(p, now, u, &connect, &m->u.refuse.reason);
	if (u->fixed == NULL || r == 0)
		return 0;
	u->fixed->retry_at = now + RETRY_MS;
	return outbox_send(&p->out, 0, m);
}

/* From the broker: how much to keep. From a channel: others could use what is
 * held of it. */
int
plb_on_waiting(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	struct upstream *u = upstream_of_peer(p, peer);
	const struct msg_waiting *w = &m->u.waiting;

	if (peer == p->broker) {
		if (w->order == p->order.id)
			upstream_keep(p, now, w->buyers > 0 ? w->share :
			    KEEP_ALL);
		return 0;
	}
	if (u == NULL)
		return upstream_turned_away(p, peer) ? 0 : fail(EPROTO);
	u->waiting = w->buyers > 0;
	u->least = w->least;
	return 0;
}

/*
 * New code takes over there: requests in flight finish, and the rest is bought
 * again. A fixed address is dialled again at once, beside the old connection.
 */
int
plb_on_drain(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	struct upstream *u = upstream_of_peer(p, peer);

	(void)now;
	(void)m;
	if (u == NULL)
		return upstream_turned_away(p, peer) ? 0 : fail(EPROTO);
	if (!upstream_usable(u))
		return 0;
	upstream_leave(p, u);
	if (u->fixed == NULL || u->fixed->address == NULL)
		return 0;
	if (outbox_act(&p->out, ACT_UNDIAL, 0, 0,
		slice_str(u->fixed->address)) == -1)
		return -1;
	return plb_dial_fixed(p, u->fixed);
}

/*
 * Equal shares. A PLB that is asked to give tokens back returns them to
 * channels for which buys wait that hold less, those that lie idle first,
 * others as their requests end. Of each channel it keeps the part that it had
 * of all, so that zones and canaries keep their proportion: the next token to
 * go is the one that would be the last to be given by the method of
 * Sainte-Lague, if all that is held were divided by what was held before. That
 * is counted again only when a channel has granted some: what is asked back in
 * two steps is what it would be in one.
 */

/* What is held of it. */
static uint64_t
upstream_held(const struct upstream *u)
{
	return u->tokens + u->in_flight;
}

/* Would a token help a buy that holds less? If there are more buyers than
 * tokens, a buyer that holds nothing gets even the last token in its turn. */
static int
upstream_is_wished(const struct plb *p, const struct upstream *u)
{
	return u->waiting && upstream_usable(u) && upstream_held(u) > 0 &&
	    plb_held(p) > u->least + (p->keep > 0);
}

/* Has the first more to give than the other, for what it had? */
static int
upstream_is_fuller(const struct upstream *u, const struct upstream *other)
{
	uint64_t a = (2 * upstream_held(u) - 1) * other->before;
	uint64_t b = (2 * upstream_held(other) - 1) * u->before;

	return a > b || (a == b && upstream_held(u) > upstream_held(other));
}

/* The upstream to return a token to, or NULL if that one has all its tokens in
 * use and waiting requests want those of the others. */
static struct upstream *
upstream_fullest(const struct plb *p)
{
	struct upstream *u, *all = NULL, *idle = NULL;
	size_t i = 0;

	while ((u = upstream_next(p, &i)) != NULL) {
		if (!upstream_is_wished(p, u))
			continue;
		if (all == NULL || upstream_is_fuller(u, all))
			all = u;
		if (u->tokens > 0 &&
		    (idle == NULL || upstream_is_fuller(u, idle)))
			idle = u;
	}
	return idle == all || p->queued < p->tokens ? idle : NULL;
}

void
upstream_share(struct plb *p, int64_t now)
{
	struct msg m = { .type = MSG_RETURN };
	struct upstream *u;
	size_t i = 0;

	if (p->keep == KEEP_ALL || now < p->keep_at)
		return;
	upstream_note_use(p);
	while (plb_held(p) > p->keep && p->tokens > 0 &&
	    (u = upstream_fullest(p)) != NULL) {
		upstream_spend(p, u, 1);
		u->back++;
		p->shared++;
		p->given++;
	}
	while ((u = upstream_next(p, &i)) != NULL) {
		if (u->back == 0)
			continue;
		m.u.giveback.tokens = u->back;
		u->back = 0;
		p->shared_at = now;
		/* To the back of the line with the rest. */
		p->order.short_since = now;
		outbox_send(&p->out, u->peer, &m);
	}
	/* To an exchange it holds what it is connecting for, too. What comes
	 * later is its own. */
	if (plb_held(p) + p->connecting <= p->keep)
		p->keep = KEEP_ALL;
}

void
upstream_keep(struct plb *p, int64_t now, uint64_t keep)
{
	int counts = p->keep == KEEP_ALL && p->grew;
	struct upstream *u;
	size_t i = 0;

	p->keep = keep;
	if (counts)
		p->grew = 0;
	while (counts && (u = upstream_next(p, &i)) != NULL)
		u->before = upstream_held(u);
	upstream_share(p, now);
}

/* Time. */

static int
upstream_is_empty(const struct upstream *u)
{
	return u->tokens == 0 && u->in_flight == 0 && u->connects == 0;
}

/* Once a second. */

/* Connects that are not answered count as refused. What is held there stays. */
static void
upstream_look_for_answers(struct plb *p, int64_t now, struct upstream *u)
{
	struct upstream_connect connect;

	while (u->connects > 0 && now - u->connect[0].at >= PLB_CONNECT_MS) {
		upstream_give_up(p, u, &connect);
		upstream_refused(p, now, u, &connect, NULL);
	}
	if (u->overdue > 0 && upstream_is_empty(u))
		upstream_close(p, u);
}

/* We hold too much: want no more than that, or than requests ask for. */
static void
upstream_want_less(struct plb *p, uint64_t n)
{
	uint64_t need = p->in_flight + p->queued;

	if (p->wanted > n)
		p->wanted = n;
	if (p->wanted < need)
		p->wanted = need;
	if (p->wanted > p->capacity)
		p->wanted = p->capacity;
}

/* Return tokens that were idle while others waited, and want nothing more
 * before a request asks for it, since there was too much. */
static void
upstream_look_for_idle(struct plb *p, struct upstream *u)
{
	if (u->waiting && u->idle > 0 && upstream_usable(u)) {
		upstream_give_back(p, u, u->idle);
		upstream_want_less(p, plb_held(p));
	}
	u->idle = u->tokens;
}

/* Tokens that went to others and would have been idle are not wanted again,
 * either. */
static void
upstream_look_for_unused(struct plb *p)
{
	upstream_note_use(p);
	if (p->given > 0 && p->peak < p->most)
		upstream_want_less(p, p->peak);
	p->given = p->peak = p->most = 0;
}

static void
upstream_look_for_empty(struct plb *p, int64_t now, struct upstream *u)
{
	if (!upstream_is_empty(u))
		u->empty_since = NEVER;
	else if (u->empty_since == NEVER)
		u->empty_since = now;
	else if (u->fixed == NULL && now - u->empty_since >=
	    (now - p->shared_at < PLB_EMPTY_MS ? PLB_ROUND_MS : PLB_EMPTY_MS))
		upstream_close(p, u);
}

void
upstream_look(struct plb *p, int64_t now)
{
	struct upstream *u;
	size_t i = 0;

	if (now < p->look_at)
		return;
	p->look_at = now + PLB_IDLE_MS;
	upstream_look_for_unused(p);
	while ((u = upstream_next(p, &i)) != NULL) {
		if (u->state != UPSTREAM_DIALLING) {
			upstream_look_for_answers(p, now, u);
			upstream_look_for_idle(p, u);
			upstream_look_for_empty(p, now, u);
		} else if (now - u->connect[0].at >= PLB_CONNECT_MS) {
			plb_avoid(p, now, &u->seller, 0);
			upstream_blame(p, now, u, "does not answer",
			    slice_of(NULL, 0));
			upstream_gone(p, now, u, "it was never up");
		}
	}
}

/* More is held than wanted: give the difference back. */
static void
upstream_trim(struct plb *p)
{
	uint64_t have = plb_held(p), want = p->wanted + p->switch_extra;
	uint64_t over = have > want ? have - want : 0, n;
	struct upstream *u;
	size_t i = 0;

	while (over > 0 && p->tokens > 0 &&
	    (u = upstream_next(p, &i)) != NULL) {
		n = u->tokens < over ? u->tokens : over;
		upstream_give_back(p, u, n);
		over -= n;
	}
}

static void
upstream_close_drained(struct plb *p)
{
	struct upstream *u;
	size_t i = 0;

	while (p->drained > 0 && (u = upstream_next(p, &i)) != NULL)
		if (upstream_is_drained(u))
			upstream_close(p, u);
}

/* May the given channel be asked for what is short? */
static int
upstream_askable(const struct plb_fixed *f)
{
	const struct upstream *u = f->upstream;

	return u != NULL && upstream_usable(u) && u->connects + u->overdue == 0;
}

/* What is short and has not been asked for. */
static uint64_t
upstream_lacks(const struct plb *p)
{
	uint64_t lacks = plb_short(p);

	return lacks > p->connecting ? lacks - p->connecting : 0;
}

/* Ask each for an equal part, and the others for what one does not have. */
static void
upstream_ask_fixed(struct plb *p, int64_t now)
{
	struct upstream_connect connect = { .at = now, .order = p->order.id };
	struct plb_fixed *f;
	size_t n = 0;

	for (f = p->fixed; f < p->fixed + p->nfixed; f++)
		n += upstream_askable(f) && now >= f->retry_at;
	for (f = p->fixed; n > 0 && f < p->fixed + p->nfixed; f++) {
		if (!upstream_askable(f) || now < f->retry_at)
			continue;
		connect.quantity = (upstream_lacks(p) + n - 1) / n;
		n--;
		if (connect.quantity > 0)
			upstream_connect(p, f->upstream, &connect);
	}
}

void
upstream_adjust(struct plb *p, int64_t now)
{
	upstream_note_use(p);
	upstream_trim(p);
	upstream_close_drained(p);
	upstream_ask_fixed(p, now);
}

int64_t
upstream_deadline(const struct plb *p)
{
	int64_t due = p->nupstreams > 0 ? p->look_at : NEVER;
	const struct plb_fixed *f;

	if (upstream_lacks(p) == 0)
		return due;
	for (f = p->fixed; f < p->fixed + p->nfixed; f++)
		if (upstream_askable(f) && f->retry_at < due)
			due = f->retry_at;
	return due;
}

/* Which of them is next. */

static int
balance_is_free(const struct balance_group *g)
{
	return g->attrs == NULL;
}

static void
balance_group_free(struct balance *b, struct balance_group *g)
{
	if (balance_is_free(g))
		return;
	free(g->attrs);
	fenwick_free(&g->tokens);
	memset(g, 0, sizeof(*g));
	b->used--;
	b->stamp++;
}

void
balance_free(struct balance *b)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		balance_group_free(b, &b->group[i]);
	for (i = 0; i < BALANCE_KNOWN; i++)
		free(b->known[i].name);
	free(b->group);
	memset(b, 0, sizeof(*b));
}

struct slice
balance_attrs(const struct balance *b, int group)
{
	return slice_of(b->group[group].attrs, b->group[group].attrs_len);
}

/* The group with these attributes, or a free one; -1 with errno. */
static int
balance_find(struct balance *b, struct slice attrs)
{
	struct balance_group *group;
	int i, spare = -1;

	for (i = 0; i < (int)b->n; i++) {
		if (balance_is_free(&b->group[i]))
			spare = i;
		else if (slice_equal(balance_attrs(b, i), attrs))
			return i;
	}
	if (spare != -1)
		return spare;
	group = array_grow(b->group, &b->cap, b->n + 1, BALANCE_GROUPS,
	    sizeof(*group));
	if (group == NULL)
		return -1;
	b->group = group;
	return (int)b->n;
}

static int
balance_group_make(struct balance *b, struct balance_group *g,
    struct slice attrs)
{
	if ((g->attrs = slice_dup(attrs)) == NULL)
		return -1;
	g->attrs_len = attrs.len;
	fenwick_init(&g->tokens);
	if (g == &b->group[b->n])
		b->n++;
	b->used++;
	g->made = ++b->stamp;
	return 0;
}

int
balance_join(struct balance *b, struct slice attrs, size_t channel)
{
	struct balance_group *g;
	int i = balance_find(b, attrs);

	if (i == -1)
		return -1;
	g = &b->group[i];
	if (balance_is_free(g) && balance_group_make(b, g, attrs) == -1)
		return -1;
	if (fenwick_grow(&g->tokens, channel + 1) == -1) {
		if (g->members == 0)
			balance_group_free(b, g);
		return -1;
	}
	g->members++;
	return i;
}

void
balance_leave(struct balance *b, int group, size_t channel)
{
	struct balance_group *g = &b->group[group];

	assert(g->members > 0);
	fenwick_set(&g->tokens, channel, 0);
	if (--g->members == 0)
		balance_group_free(b, g);
}

void
balance_set(struct balance *b, int group, size_t channel, uint32_t tokens)
{
	fenwick_set(&b->group[group].tokens, channel, tokens);
}

/* Which groups export a function. */

enum balance_verdict { NOT_EXPORTED, EXPORTED, EXPORTED_CAST };

static enum balance_verdict
balance_judge(const struct balance *b, int group, struct slice function,
    unsigned arity)
{
	int cast = 0;

	if (balance_is_free(&b->group[group]))
		return NOT_EXPORTED;
	if (function.len == 0)
		return EXPORTED;
	if (!attrs_exports(balance_attrs(b, group), function, arity, &cast))
		return NOT_EXPORTED;
	return cast ? EXPORTED_CAST : EXPORTED;
}

/* Where the function is remembered, or may replace another. */
static size_t
balance_place(struct slice function, unsigned arity)
{
	size_t i = arity + function.len;

	if (function.len > 0)
		i += 5u * function.p[0] + 3u * function.p[function.len - 1];
	return i % BALANCE_KNOWN;
}

/* Have the verdicts on the function at its place: is it exported? */
static int
balance_know(struct balance *b, size_t place, struct slice function,
    unsigned arity)
{
	struct balance_function *k = &b->known[place];
	int i, verdict;

	if (k->stamp == b->stamp && k->arity == arity &&
	    slice_equal(slice_of(k->name, k->len), function))
		return k->exported;
	free(k->name);
	k->name = slice_dup(function);
	k->len = function.len;
	/* Without memory it is not remembered. */
	k->stamp = k->name == NULL ? 0 : b->stamp;
	k->arity = arity;
	k->exported = 0;
	for (i = 0; i < (int)b->n; i++) {
		verdict = balance_judge(b, i, function, arity);
		b->group[i].verdict[place] = (unsigned char)verdict;
		k->exported |= verdict != NOT_EXPORTED;
	}
	return k->exported;
}

enum balance_drawn
balance_draw(struct balance *b, struct rng *rng, struct slice function,
    unsigned arity, size_t *channel, int *cast)
{
	size_t place = balance_place(function, arity);
	struct balance_group *g, *end;
	uint64_t total = 0, point;

	if (b->used == 0)
		return BALANCE_UNKNOWN;
	if (function.len > NAME_BYTES_MAX ||
	    !balance_know(b, place, function, arity))
		return BALANCE_NOBODY;
	end = b->group + b->n;
	for (g = b->group; g < end; g++)
		if (g->verdict[place] != NOT_EXPORTED)
			total += g->tokens.total;
	if (total == 0)
		return BALANCE_EMPTY;
	point = rng_below(rng, total);
	for (g = b->group;; g++) {
		assert(g < end);
		if (g->verdict[place] == NOT_EXPORTED)
			continue;
		if (point < g->tokens.total)
			break;
		point -= g->tokens.total;
	}
	*channel = fenwick_find(&g->tokens, point);
	*cast = g->verdict[place] == EXPORTED_CAST;
	return BALANCE_FOUND;
}
