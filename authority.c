#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "authority_state.h"
#include "fail.h"

/* Life. */

struct authority *
authority_new(const struct id *own, uint64_t seed, struct slice address,
    unsigned redundancy)
{
	struct authority *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	outbox_init(&a->out);
	gossip_init(&a->gossip, own, seed, ROLE_AUTHORITY, TAG_AUTHORITY,
	    address, &a->out);
	a->redundancy = redundancy;
	chain_init(&a->all);
	chain_init(&a->turns);
	map_init(&a->modules, seed + 1);
	map_init(&a->subs, seed + 2);
	map_init(&a->runs, seed + 3);
	scratch_init(&a->list);
	a->last_tag = TAG_AUTHORITY;
	a->due = INT64_MAX;
	return a;
}

void
authority_free(struct authority *a)
{
	struct module *m;
	struct sub *s;
	size_t pos;

	if (a == NULL)
		return;
	for (pos = 0; (s = map_next(&a->subs, &pos)) != NULL;)
		free(s);
	while ((m = authority_module_next(a, NULL)) != NULL)
		authority_module_free(m);
	gossip_free(&a->gossip);
	map_free(&a->modules);
	map_free(&a->subs);
	map_free(&a->runs);
	scratch_free(&a->list);
	outbox_free(&a->out);
	free(a);
}

struct outbox *
authority_out(struct authority *a)
{
	return &a->out;
}

int
authority_bootstrap(struct authority *a, struct slice address)
{
	return outbox_act(&a->out, ACT_DIAL, TAG_AUTHORITY, DIAL_FOREVER,
	    address);
}

/* Peers. */

static void
up(void *core, int64_t now, uint32_t handle, const struct peer_info *info)
{
	struct authority *a = core;
	struct peer *p = gossip_up(&a->gossip, now, handle, info);

	if (p == NULL) {
		outbox_act(&a->out, ACT_CLOSE, handle, 0,
		    slice_str("out of memory"));
		return;
	}
	if (p->role == ROLE_AUTHORITY) {
		outbox_log(&a->out, LOG_INFO, "linked to authority %s",
		    p->address);
		authority_announce_all(a, p);
		authority_review_all(a, now);
	} else if (p->role == ROLE_EXCHANGE)
		authority_exchange_up(a, now, p, info->tag);
}

/*
 * What follows from it is worked out when the turn is over: where one link
 * takes another's place, the loss of the old comes just before the new. One
 * that dialled us may not be able to again, so from now on we do.
 */
static void
authority_lost(struct authority *a, int64_t now, struct peer *p)
{
	struct slice address = gossip_address(p);

	chain_remove(&p->chain);
	if (!a->stopping)
		outbox_log(&a->out, LOG_INFO, "lost authority %s",
		    address.len > 0 ? (const char *)address.p : p->address);
	if (!p->dialled && address.len > 0)
		outbox_act(&a->out, ACT_DIAL, TAG_AUTHORITY, DIAL_HOUR,
		    address);
	authority_foreign_lost(a, p);
	authority_due(a, now);
}

static void
down(void *core, int64_t now, uint32_t handle)
{
	struct authority *a = core;
	struct peer *p = gossip_peer(&a->gossip, handle);

	if (p == NULL)
		return;
	if (p->role == ROLE_AUTHORITY)
		authority_lost(a, now, p);
	else if (p->role == ROLE_BROKER)
		authority_broker_lost(a, now, p);
	else if (p->role == ROLE_EXCHANGE)
		authority_exchange_down(a, now, p);
	gossip_down(&a->gossip, p);
}

/* Messages. */

static int
on_peers(struct authority *a, int64_t now, struct peer *p, const struct msg *m)
{
	return gossip_hear(&a->gossip, now, p, &m->u.peers);
}

static int
on_subscribe(struct authority *a, int64_t now, struct peer *p,
    const struct msg *m)
{
	return authority_subscribe(a, now, p, m->u.subscribe.module);
}

static int
on_unsubscribe(struct authority *a, int64_t now, struct peer *p,
    const struct msg *m)
{
	return authority_unsubscribe(a, now, p, m->u.subscribe.module);
}

static int
on_exchanges(struct authority *a, int64_t now, struct peer *p,
    const struct msg *m)
{
	return authority_exchanges(a, now, p, &m->u.exchanges);
}

static int
on_inspect(struct authority *a, int64_t now, struct peer *p,
    const struct msg *m)
{
	(void)now;
	return authority_inspect(a, p, &m->u.inspect);
}

typedef int message_fn(struct authority *, int64_t now, struct peer *,
    const struct msg *);

static message_fn *const handlers[] = {
	[MSG_PEERS] = on_peers,
	[MSG_SUBSCRIBE] = on_subscribe,
	[MSG_UNSUBSCRIBE] = on_unsubscribe,
	[MSG_EXCHANGES] = on_exchanges,
	[MSG_INSPECT] = on_inspect,
};

static int
message(void *core, int64_t now, uint32_t handle, const struct msg *m)
{
	struct authority *a = core;
	struct peer *p = gossip_peer(&a->gossip, handle);

	if (p == NULL)
		return 0;
	if (m->type >= sizeof(handlers) / sizeof(handlers[0]) ||
	    handlers[m->type] == NULL)
		return fail(EPROTO);
	return handlers[m->type](a, now, p, m);
}

/* The clock. */

void
authority_due(struct authority *a, int64_t at)
{
	if (at < a->due)
		a->due = at;
}

static void
tick(void *core, int64_t now)
{
	struct authority *a = core;

	gossip_tick(&a->gossip, now);
	if (now >= a->due) {
		a->due = INT64_MAX;
		authority_review_all(a, now);
	}
	authority_take_turns(a, now);
}

static int64_t
deadline(const void *core)
{
	const struct authority *a = core;
	int64_t tell = gossip_deadline(&a->gossip);

	if (authority_may_start(a))
		return 0;
	return tell < a->due ? tell : a->due;
}

const struct core_ops authority_ops = {
	ROLE_AUTHORITY, up, down, message, NULL, tick, deadline
};
