#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "authority_state.h"
#include "hostport.h"
#include "log.h"

/* Life. */

struct authority *
authority_new(const struct id *own, uint64_t seed, struct slice address,
    unsigned redundancy)
{
	struct authority *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return NULL;
	outbox_init(&a->out);
	a->own = *own;
	if (address.len > 0 && address.len <= ADDRESS_MAX)
		memcpy(a->address, address.p, address.len);
	a->redundancy = redundancy;
	map_init(&a->peers, seed);
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
	struct peer *p;
	size_t pos;

	if (a == NULL)
		return;
	for (pos = 0; (s = map_next(&a->subs, &pos)) != NULL;)
		free(s);
	for (pos = 0; (p = map_next(&a->peers, &pos)) != NULL;)
		free(p);
	while ((m = a->module_head) != NULL) {
		a->module_head = m->next;
		authority_module_free(m);
	}
	map_free(&a->peers);
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
authority_bootstrap(struct authority *a, int64_t now, struct slice address)
{
	(void)now;
	return outbox_act(&a->out, ACT_DIAL, TAG_AUTHORITY, DIAL_FOREVER,
	    address);
}

/*
 * Gossip. Each says first where it is itself: one that was dialled does not see
 * from the connection where the dialler listens.
 */

struct slice
authority_address(const struct peer *p)
{
	if (p->told[0] != '\0')
		return slice_str(p->told);
	return slice_str(p->dialled ? p->address : "");
}

static int
send_peers(struct authority *a, const struct peer *to)
{
	struct peer_item item;
	const struct peer *p;
	struct msg m;

	if (scratch_begin(&a->list, LIST_MAX) == -1)
		return -1;
	item.instance = a->own;
	item.address = slice_str(a->address);
	if (item.address.len > 0)
		scratch_item(&a->list, &schema_peer_item, &item);
	for (p = a->authorities; p != NULL; p = p->next) {
		item.instance = p->instance;
		item.address = authority_address(p);
		if (p != to && item.address.len > 0)
			scratch_item(&a->list, &schema_peer_item, &item);
	}
	memset(&m, 0, sizeof(m));
	m.type = MSG_PEERS;
	m.u.peers.peers = scratch_slice(&a->list);
	return outbox_send(&a->out, to->handle, &m);
}

static void
tell_peers(struct authority *a)
{
	const struct peer *p;

	for (p = a->authorities; p != NULL; p = p->next)
		send_peers(a, p);
	for (p = a->brokers; p != NULL; p = p->next)
		send_peers(a, p);
}

/* The peer's own address; whoever listens everywhere is where it is. 1 when it
 * is new. */
static int
learn_address(struct peer *p, struct slice address)
{
	struct slice host, port;
	char filled[ADDRESS_MAX + 1];

	hostport_split(slice_str(p->address), &host, &port);
	address = hostport_fill(address, host, filled);
	if (address.len == 0 || slice_equal(address, slice_str(p->told)))
		return 0;
	memcpy(p->told, address.p, address.len);
	p->told[address.len] = '\0';
	return 1;
}

static int
is_linked(const struct authority *a, const struct id *instance)
{
	const struct peer *p;

	for (p = a->authorities; p != NULL; p = p->next)
		if (id_equal(&p->instance, instance))
			return 1;
	return 0;
}

static int
on_peers(struct authority *a, int64_t now, struct peer *p, const struct msg *m)
{
	struct slice list = m->u.peers.peers;
	struct peer_item item;
	int changed = 0;

	(void)now;
	while (item_next(&schema_peer_item, &list, &item) == 1) {
		if (id_equal(&item.instance, &a->own))
			continue;
		if (id_equal(&item.instance, &p->instance))
			changed |= learn_address(p, item.address);
		else if (!is_linked(a, &item.instance) &&
		    outbox_act(&a->out, ACT_DIAL, TAG_AUTHORITY, DIAL_HOUR,
		    item.address) == -1)
			return -1;
	}
	if (changed && p->role == ROLE_AUTHORITY)
		tell_peers(a);
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
peer_of(const struct authority *a, uint32_t handle)
{
	return map_get(&a->peers, slice_of(&handle, sizeof(handle)));
}

static struct peer *
peer_new(struct authority *a, uint32_t handle, const struct peer_info *info)
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
	if (map_put(&a->peers, slice_of(&p->handle, sizeof(p->handle)), p) ==
	    -1) {
		free(p);
		return NULL;
	}
	return p;
}

static void
up(void *core, int64_t now, uint32_t handle, const struct peer_info *info)
{
	struct authority *a = core;
	struct peer *p = peer_new(a, handle, info);

	if (p == NULL) {
		outbox_act(&a->out, ACT_CLOSE, handle, 0,
		    slice_str("out of memory"));
		return;
	}
	if (p->role == ROLE_AUTHORITY) {
		list_add(&a->authorities, p);
		outbox_log(&a->out, LOG_INFO, "linked to authority %s",
		    p->address);
		tell_peers(a);
		authority_announce_all(a, p);
		authority_review_all(a, now);
	} else if (p->role == ROLE_BROKER) {
		list_add(&a->brokers, p);
		send_peers(a, p);
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
	struct slice address = authority_address(p);

	list_del(&a->authorities, p);
	outbox_log(&a->out, LOG_INFO, "lost authority %s",
	    address.len > 0 ? (const char *)address.p : p->address);
	if (!p->dialled && address.len > 0)
		outbox_act(&a->out, ACT_DIAL, TAG_AUTHORITY, DIAL_HOUR,
		    address);
	authority_foreign_lost(a, p);
	tell_peers(a);
	authority_due(a, now);
}

static void
down(void *core, int64_t now, uint32_t handle)
{
	struct authority *a = core;
	struct peer *p = peer_of(a, handle);

	if (p == NULL)
		return;
	if (p->role == ROLE_AUTHORITY)
		authority_lost(a, now, p);
	else if (p->role == ROLE_BROKER) {
		list_del(&a->brokers, p);
		authority_broker_lost(a, now, p);
	} else if (p->role == ROLE_EXCHANGE)
		authority_exchange_down(a, now, p);
	map_del(&a->peers, slice_of(&handle, sizeof(handle)));
	free(p);
}

/* Messages. */

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

static int
message(void *core, int64_t now, uint32_t handle, const struct msg *m)
{
	static const struct {
		enum msg_type type;
		int (*fn)(struct authority *, int64_t, struct peer *,
		    const struct msg *);
	} handlers[] = {
		{ MSG_PEERS, on_peers }, { MSG_SUBSCRIBE, on_subscribe },
		{ MSG_UNSUBSCRIBE, on_unsubscribe },
		{ MSG_EXCHANGES, on_exchanges }, { MSG_INSPECT, on_inspect },
	};
	struct authority *a = core;
	struct peer *p = peer_of(a, handle);
	size_t i;

	if (p == NULL)
		return 0;
	for (i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].type == m->type)
			return handlers[i].fn(a, now, p, m);
	errno = EPROTO;
	return -1;
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

	if (now < a->due)
		return;
	a->due = INT64_MAX;
	authority_review_all(a, now);
}

static int64_t
deadline(const void *core)
{
	const struct authority *a = core;

	return a->due;
}

const struct core_ops authority_ops = {
	ROLE_AUTHORITY, up, down, message, NULL, tick, deadline
};
