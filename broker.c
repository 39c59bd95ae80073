#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker_state.h"
#include "hostport.h"
#include "log.h"

/* Life. */

struct broker *
broker_new(const struct id *own, uint64_t seed, struct slice address)
{
	struct broker *b = calloc(1, sizeof(*b));
	struct slice host, port;

	if (b == NULL)
		return NULL;
	outbox_init(&b->out);
	b->own = *own;
	hostport_split(address, &host, &port);
	if (!hostport_any(host) && host.len <= ADDRESS_MAX)
		memcpy(b->host, host.p, host.len);
	map_init(&b->peers, seed);
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
	struct peer *p;
	struct module *m;
	size_t pos;

	if (b == NULL)
		return;
	for (pos = 0; (o = map_next(&b->asked, &pos)) != NULL;)
		broker_order_free(o);
	for (pos = 0; (p = map_next(&b->peers, &pos)) != NULL;)
		free(p);
	while ((m = b->module_head) != NULL) {
		b->module_head = m->next;
		broker_module_free(m);
	}
	broker_contacts_free(b);
	map_free(&b->peers);
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
broker_bootstrap(struct broker *b, int64_t now, struct slice address)
{
	(void)now;
	return outbox_act(&b->out, ACT_DIAL, TAG_AUTHORITY, DIAL_FOREVER,
	    address);
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

/* Gossip: which authorities we are linked to. */

static int
send_peers(struct broker *b, const struct peer *to)
{
	struct peer_item item;
	const struct peer *a;
	struct msg m;

	if (scratch_begin(&b->list, LIST_MAX) == -1)
		return -1;
	for (a = b->authorities; a != NULL; a = a->next) {
		item.instance = a->instance;
		item.address = slice_str(a->address);
		if (a != to && item.address.len > 0)
			scratch_item(&b->list, &schema_peer_item, &item);
	}
	memset(&m, 0, sizeof(m));
	m.type = MSG_PEERS;
	m.u.peers.peers = scratch_slice(&b->list);
	return outbox_send(&b->out, to->handle, &m);
}

static void
tell_brokers(struct broker *b)
{
	struct peer *p;

	for (p = b->brokers; p != NULL; p = p->next)
		if (!p->dialled)
			send_peers(b, p);
}

static int
is_linked(const struct broker *b, const struct id *instance)
{
	const struct peer *a;

	for (a = b->authorities; a != NULL; a = a->next)
		if (id_equal(&a->instance, instance))
			return 1;
	return 0;
}

static int
on_peers(struct broker *b, int64_t now, struct peer *p, const struct msg *m)
{
	struct slice list = m->u.peers.peers, host, port;
	struct peer_item item;
	char address[ADDRESS_MAX + 1];

	(void)now;
	hostport_split(slice_str(p->address), &host, &port);
	while (item_next(&schema_peer_item, &list, &item) == 1) {
		if (is_linked(b, &item.instance))
			continue;
		/* Whoever listens everywhere says so: it is where it is. */
		if (id_equal(&item.instance, &p->instance))
			item.address = hostport_fill(item.address, host,
			    address);
		if (outbox_act(&b->out, ACT_DIAL, TAG_AUTHORITY, DIAL_HOUR,
		    item.address) == -1)
			return -1;
	}
	return 0;
}

/* Peers. */

static void
list_add(struct peer **head, struct peer *p)
{
	p->prev = NULL;
	p->next = *head;
	if (p->next != NULL)
		p->next->prev = p;
	*head = p;
}

static void
list_del(struct peer **head, struct peer *p)
{
	if (p->next != NULL)
		p->next->prev = p->prev;
	if (p->prev != NULL)
		p->prev->next = p->next;
	else
		*head = p->next;
}

static struct peer *
peer_of(const struct broker *b, uint32_t handle)
{
	return map_get(&b->peers, slice_of(&handle, sizeof(handle)));
}

static struct peer *
peer_new(struct broker *b, uint32_t handle, const struct peer_info *info)
{
	struct peer *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return NULL;
	p->handle = handle;
	p->role = info->role;
	p->dialled = info->tag != 0;
	p->instance = info->instance;
	if (info->address.len > 0 && info->address.len <= ADDRESS_MAX)
		memcpy(p->address, info->address.p, info->address.len);
	if (map_put(&b->peers, slice_of(&p->handle, sizeof(p->handle)), p) ==
	    -1) {
		free(p);
		return NULL;
	}
	return p;
}

static void
authority_up(struct broker *b, struct peer *p)
{
	list_add(&b->authorities, p);
	outbox_log(&b->out, LOG_INFO, "linked to authority %s", p->address);
	send_peers(b, p);
	broker_subscribe_all(b, p);
	tell_brokers(b);
}

static void
authority_down(struct broker *b, int64_t now, struct peer *p)
{
	list_del(&b->authorities, p);
	outbox_log(&b->out, LOG_INFO, "lost authority %s", p->address);
	broker_authority_lost(b, now, p);
	tell_brokers(b);
}

static void
up(void *core, int64_t now, uint32_t handle, const struct peer_info *info)
{
	struct broker *b = core;
	struct peer *p = peer_new(b, handle, info);

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
	else if (info->role == ROLE_BROKER) {
		list_add(&b->brokers, p);
		send_peers(b, p);
	}
}

static void
down(void *core, int64_t now, uint32_t handle)
{
	struct broker *b = core;
	struct peer *p = peer_of(b, handle);

	if (p == NULL)
		return;
	if (p->role == ROLE_AUTHORITY)
		authority_down(b, now, p);
	else if (p->role == ROLE_EXCHANGE)
		broker_exchange_down(b, now, p);
	else if (p->role == ROLE_BROKER)
		list_del(&b->brokers, p);
	else
		broker_owner_lost(b, now, p);
	map_del(&b->peers, slice_of(&handle, sizeof(handle)));
	free(p);
}

/* Messages. */

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
	(void)now;
	(void)m;
	return p->place == NULL ? 0 : broker_exchange_drain(b, p);
}

static int
message(void *core, int64_t now, uint32_t handle, const struct msg *m)
{
	static const struct {
		enum msg_type type;
		int (*fn)(struct broker *, int64_t, struct peer *,
		    const struct msg *);
	} handlers[] = {
		{ MSG_SELL, on_sell }, { MSG_BUY, on_buy },
		{ MSG_FILL, on_fill }, { MSG_WAITING, on_waiting },
		{ MSG_CANCEL, on_cancel }, { MSG_RELEASE, on_release },
		{ MSG_OFFERS, on_offers }, { MSG_REFUSE, on_refuse },
		{ MSG_EXCHANGES, on_exchanges }, { MSG_PEERS, on_peers },
		{ MSG_DRAIN, on_drain }, { MSG_INSPECT, on_inspect },
	};
	struct broker *b = core;
	struct peer *p = peer_of(b, handle);
	size_t i;

	if (p == NULL)
		return 0;
	for (i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].type == m->type)
			return handlers[i].fn(b, now, p, m);
	errno = EPROTO;
	return -1;
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

	if (now < b->due)
		return;
	b->due = INT64_MAX;
	broker_modules_tick(b, now);
}

static int64_t
deadline(const void *core)
{
	const struct broker *b = core;

	return b->due;
}

const struct core_ops broker_ops = {
	ROLE_BROKER, up, down, message, NULL, tick, deadline
};
