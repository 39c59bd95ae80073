#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker_state.h"
#include "fail.h"
#include "hostport.h"

/* Life. */

struct broker *
broker_new(const struct id *own, uint64_t seed, struct slice address)
{
	struct broker *b = calloc(1, sizeof(*b));
	struct slice host, port;

	if (b == NULL)
		return NULL;
	outbox_init(&b->out);
	gossip_init(&b->gossip, own, seed, ROLE_BROKER, TAG_AUTHORITY,
	    slice_str(""), &b->out);
	hostport_split(address, &host, &port);
	if (!hostport_any(host) && host.len <= ADDRESS_MAX)
		memcpy(b->host, host.p, host.len);
	chain_init(&b->all);
	map_init(&b->modules, seed + 1);
	map_init(&b->places, seed + 2);
	map_init(&b->dials, seed + 3);
	map_init(&b->orders, seed + 4);
	map_init(&b->asked, seed + 5);
	map_init(&b->contacts, seed + 6);
	scratch_init(&b->list);
	scratch_init(&b->back);
	b->due = INT64_MAX;
	return b;
}

void
broker_free(struct broker *b)
{
	struct order *o;
	struct module *m;
	size_t pos;

	if (b == NULL)
		return;
	for (pos = 0; (o = map_next(&b->asked, &pos)) != NULL;)
		broker_order_free(o);
	while ((m = broker_module_next(b, NULL)) != NULL)
		broker_module_free(m);
	broker_contacts_free(b);
	gossip_free(&b->gossip);
	map_free(&b->modules);
	map_free(&b->places);
	map_free(&b->dials);
	map_free(&b->orders);
	map_free(&b->asked);
	map_free(&b->contacts);
	scratch_free(&b->list);
	scratch_free(&b->back);
	outbox_free(&b->out);
	free(b);
}

struct outbox *
broker_out(struct broker *b)
{
	return &b->out;
}

int
broker_bootstrap(struct broker *b, struct slice address)
{
	return outbox_act(&b->out, ACT_DIAL, TAG_AUTHORITY, DIAL_FOREVER,
	    address);
}

void
broker_name(struct broker *b, const char *node)
{
	b->node = node;
}

void
broker_stop(struct broker *b)
{
	b->stopping = 1;
}

/* Our own address. */

struct slice
broker_host(const struct broker *b)
{
	return slice_str(b->host[0] != '\0' ? b->host : b->local);
}

/*
 * Our end of a link to an authority or an exchange is an address that others
 * can reach us at, at least as far as they are where those are: so one that is
 * not loopback is better than one that is, and else the first one stays.
 */
static void
learn_local(struct broker *b, struct slice local)
{
	struct slice host, port;

	hostport_split(local, &host, &port);
	if (hostport_any(host) || host.len > ADDRESS_MAX)
		return;
	if (b->local[0] != '\0' && (hostport_loopback(host) ||
	    !hostport_loopback(slice_str(b->local))))
		return;
	memcpy(b->local, host.p, host.len);
	b->local[host.len] = '\0';
	if (b->host[0] == '\0')
		broker_sells_again(b);
}

/* Peers. */

static void
authority_up(struct broker *b, struct peer *p)
{
	outbox_log(&b->out, LOG_INFO, "linked to authority %s", p->address);
	broker_subscribe_all(b, p);
}

static void
authority_down(struct broker *b, int64_t now, struct peer *p)
{
	chain_remove(&p->chain);
	if (!b->stopping)
		outbox_log(&b->out, LOG_INFO, "lost authority %s",
		    p->address);
	broker_authority_lost(b, now, p);
}

static void
up(void *core, int64_t now, uint32_t handle, const struct peer_info *info)
{
	struct broker *b = core;
	struct peer *p = gossip_up(&b->gossip, now, handle, info);

	if (p == NULL) {
		outbox_act(&b->out, ACT_CLOSE, handle, 0,
		    slice_str("out of memory"));
		return;
	}
	if (info->role & (ROLE_AUTHORITY | ROLE_EXCHANGE))
		learn_local(b, info->local);
	if (info->role == ROLE_AUTHORITY)
		authority_up(b, p);
	else if (info->role == ROLE_EXCHANGE)
		broker_exchange_up(b, now, p);
}

static void
down(void *core, int64_t now, uint32_t handle)
{
	struct broker *b = core;
	struct peer *p = gossip_peer(&b->gossip, handle);

	if (p == NULL)
		return;
	if (p->role == ROLE_AUTHORITY)
		authority_down(b, now, p);
	else if (p->role == ROLE_EXCHANGE)
		broker_exchange_down(b, now, p);
	else if (p->role != ROLE_BROKER)
		broker_owner_lost(b, now, p);
	gossip_down(&b->gossip, p);
}

/* Messages. */

static int
on_peers(struct broker *b, int64_t now, struct peer *p, const struct msg *m)
{
	return gossip_hear(&b->gossip, now, p, &m->u.peers);
}

static int
on_exchanges(struct broker *b, int64_t now, struct peer *p,
    const struct msg *m)
{
	return broker_exchanges(b, now, p, &m->u.exchanges);
}

static int
on_sell(struct broker *b, int64_t now, struct peer *p, const struct msg *m)
{
	return broker_sell(b, now, p, &m->u.sell);
}

static int
on_buy(struct broker *b, int64_t now, struct peer *p, const struct msg *m)
{
	return broker_buy(b, now, p, &m->u.buy);
}

static int
on_cancel(struct broker *b, int64_t now, struct peer *p, const struct msg *m)
{
	return broker_cancel(b, now, p, m->u.cancel.order);
}

static int
on_release(struct broker *b, int64_t now, struct peer *p, const struct msg *m)
{
	(void)now;
	return broker_release(b, p, &m->u.release);
}

static int
on_inspect(struct broker *b, int64_t now, struct peer *p, const struct msg *m)
{
	return broker_inspect(b, now, p, &m->u.inspect);
}

/* From an exchange; one that we have left is not listened to. */

static int
on_fill(struct broker *b, int64_t now, struct peer *p, const struct msg *m)
{
	return p->place == NULL ? 0 :
	    broker_fill(b, now, p->place, &m->u.fill);
}

static int
on_offers(struct broker *b, int64_t now, struct peer *p, const struct msg *m)
{
	(void)now;
	return p->place == NULL ? 0 : broker_offers(b, &m->u.offers);
}

static int
on_waiting(struct broker *b, int64_t now, struct peer *p, const struct msg *m)
{
	(void)now;
	return p->place == NULL ? 0 :
	    broker_waiting(b, p->place, &m->u.waiting);
}

static int
on_refuse(struct broker *b, int64_t now, struct peer *p, const struct msg *m)
{
	(void)now;
	return p->place == NULL ? 0 : broker_refuse(b, p->place, &m->u.refuse);
}

static int
on_drain(struct broker *b, int64_t now, struct peer *p, const struct msg *m)
{
	(void)m;
	return p->place == NULL ? 0 : broker_exchange_drain(b, now, p);
}

typedef int message_fn(struct broker *, int64_t now, struct peer *,
    const struct msg *);

static message_fn *const handlers[] = {
	[MSG_PEERS] = on_peers,
	[MSG_EXCHANGES] = on_exchanges,
	[MSG_SELL] = on_sell,
	[MSG_BUY] = on_buy,
	[MSG_CANCEL] = on_cancel,
	[MSG_FILL] = on_fill,
	[MSG_RELEASE] = on_release,
	[MSG_OFFERS] = on_offers,
	[MSG_WAITING] = on_waiting,
	[MSG_REFUSE] = on_refuse,
	[MSG_DRAIN] = on_drain,
	[MSG_INSPECT] = on_inspect,
};

static int
message(void *core, int64_t now, uint32_t handle, const struct msg *m)
{
	struct broker *b = core;
	struct peer *p = gossip_peer(&b->gossip, handle);

	if (p == NULL)
		return 0;
	if (m->type >= sizeof(handlers) / sizeof(handlers[0]) ||
	    handlers[m->type] == NULL)
		return fail(EPROTO);
	return handlers[m->type](b, now, p, m);
}

/* The clock. */

void
broker_due(struct broker *b, int64_t at)
{
	if (at < b->due)
		b->due = at;
}

static void
tick(void *core, int64_t now)
{
	struct broker *b = core;

	gossip_tick(&b->gossip, now);
	if (now < b->due)
		return;
	b->due = INT64_MAX;
	broker_modules_tick(b, now);
}

static int64_t
deadline(const void *core)
{
	const struct broker *b = core;
	int64_t tell = gossip_deadline(&b->gossip);

	return tell < b->due ? tell : b->due;
}

const struct core_ops broker_ops = {
	ROLE_BROKER, up, down, message, NULL, tick, deadline
};
