#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gossip.h"
#include "hostport.h"

void
gossip_init(struct gossip *g, const struct id *own, uint64_t seed,
    unsigned role, uint32_t tag, struct slice address, struct outbox *out)
{
	memset(g, 0, sizeof(*g));
	g->out = out;
	g->role = role;
	g->tag = tag;
	g->own = *own;
	if (address.len > 0 && address.len <= ADDRESS_MAX)
		memcpy(g->address, address.p, address.len);
	map_init(&g->peers, seed);
	map_init(&g->instances, seed);
	chain_init(&g->authorities);
	chain_init(&g->brokers);
	g->news = 1; /* so that a peer that was told has heard something */
	g->told_at = -GOSSIP_MS;
	g->tell_at = INT64_MAX;
	scratch_init(&g->list);
}

void
gossip_free(struct gossip *g)
{
	struct peer *p;
	size_t pos = 0;

	while ((p = map_next(&g->peers, &pos)) != NULL) {
		free(p->left);
		free(p);
	}
	map_free(&g->peers);
	map_free(&g->instances);
	scratch_free(&g->list);
}

/* Peers. */

struct peer *
gossip_peer(const struct gossip *g, uint32_t handle)
{
	return map_get(&g->peers, slice_of(&handle, sizeof(handle)));
}

struct peer *
gossip_next(const struct chain *head, const struct peer *p)
{
	return CHAIN_NEXT(head, p, struct peer, chain);
}

struct slice
gossip_address(const struct peer *p)
{
	if (p->told[0] != '\0')
		return slice_str(p->told);
	return slice_str(p->dialled ? p->address : "");
}

static void
leave(struct gossip *g, struct peer *p)
{
	map_del(&g->peers, slice_of(&p->handle, sizeof(p->handle)));
	if (p->role == ROLE_AUTHORITY)
		map_del(&g->instances, id_slice(&p->instance));
}

static int
enter(struct gossip *g, struct peer *p)
{
	if (map_put(&g->peers, slice_of(&p->handle, sizeof(p->handle)), p) ==
	    -1)
		return -1;
	if (p->role != ROLE_AUTHORITY ||
	    map_put(&g->instances, id_slice(&p->instance), p) == 0)
		return 0;
	leave(g, p);
	return -1;
}

static struct peer *
peer_new(struct gossip *g, uint32_t handle, const struct peer_info *info)
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
	chain_init(&p->chain);
	chain_init(&p->subs);
	chain_init(&p->orders);
	if (enter(g, p) == -1) {
		free(p);
		return NULL;
	}
	return p;
}

/* What is told. */

static void
put(struct gossip *g, const struct id *instance, struct slice address)
{
	struct peer_item item;

	item.instance = *instance;
	item.address = address;
	scratch_item(&g->list, &schema_peer_item, &item);
}

/*
 * Tell what the peer has not heard: to one that has heard nothing that is all,
 * and first of all where we are ourselves: an authority that was dialled does
 * not see from the connection where the dialler listens.
 */
static int
tell(struct gossip *g, struct peer *to)
{
	const struct peer *p = NULL;
	struct msg m;

	if (scratch_begin(&g->list, LIST_MAX) == -1)
		return -1;
	if (to->heard == 0 && g->address[0] != '\0')
		put(g, &g->own, slice_str(g->address));
	while ((p = gossip_next(&g->authorities, p)) != NULL)
		if (p != to && p->news > to->heard)
			put(g, &p->instance, gossip_address(p));
	memset(&m, 0, sizeof(m));
	m.type = MSG_PEERS;
	m.u.peers.peers = scratch_slice(&g->list);
	if (m.u.peers.peers.len > 0 &&
	    outbox_send(g->out, to->handle, &m) == -1)
		return -1;
	to->heard = g->news;
	return 0;
}

static void
tell_at(struct gossip *g, int64_t at)
{
	if (at < g->tell_at)
		g->tell_at = at;
}

static void
add_news(struct gossip *g, int64_t now, struct peer *authority)
{
	int64_t next = g->told_at + GOSSIP_MS;

	authority->news = ++g->news;
	tell_at(g, next > now ? next : now);
}

static int
tell_chain(struct gossip *g, const struct chain *head, int news)
{
	struct peer *p = NULL;
	int r = 0;

	while ((p = gossip_next(head, p)) != NULL)
		if (p->heard < (news ? g->news : 1) && tell(g, p) == -1)
			r = -1;
	return r;
}

void
gossip_tick(struct gossip *g, int64_t now)
{
	int r;

	if (now < g->tell_at)
		return;
	g->told_at = now;
	g->tell_at = INT64_MAX;
	r = tell_chain(g, &g->brokers, 1);
	if (tell_chain(g, &g->authorities, g->role == ROLE_AUTHORITY) == -1)
		r = -1;
	if (r == -1)
		tell_at(g, now + GOSSIP_AGAIN_MS);
}

int64_t
gossip_deadline(const struct gossip *g)
{
	return g->tell_at;
}

struct peer *
gossip_up(struct gossip *g, int64_t now, uint32_t handle,
    const struct peer_info *info)
{
	struct peer *p = peer_new(g, handle, info);

	if (p == NULL)
		return NULL;
	if (p->role == ROLE_AUTHORITY)
		chain_append(&g->authorities, &p->chain);
	else if (p->role == ROLE_BROKER)
		chain_append(&g->brokers, &p->chain);
	else
		return p;
	if (tell(g, p) == -1)
		tell_at(g, now + GOSSIP_AGAIN_MS);
	if (p->role == ROLE_AUTHORITY && p->dialled)
		add_news(g, now, p);
	return p;
}

void
gossip_down(struct gossip *g, struct peer *p)
{
	chain_remove(&p->chain);
	leave(g, p);
	free(p->left);
	free(p);
}

/* What is heard. */

/* The authority's own address; whoever listens everywhere is where it is. */
static void
learn_address(struct gossip *g, int64_t now, struct peer *p,
    struct slice address)
{
	struct slice host, port;
	char filled[ADDRESS_MAX + 1];
	int same;

	hostport_split(slice_str(p->address), &host, &port);
	address = hostport_fill(address, host, filled);
	if (p->role != ROLE_AUTHORITY || address.len == 0)
		return;
	same = slice_equal(address, gossip_address(p));
	memcpy(p->told, address.p, address.len);
	p->told[address.len] = '\0';
	if (!same)
		add_news(g, now, p);
}

int
gossip_hear(struct gossip *g, int64_t now, struct peer *p,
    const struct msg_peers *m)
{
	struct slice list = m->peers, host, port;
	struct peer_item item;

	while (item_next(&schema_peer_item, &list, &item) == 1) {
		if (id_equal(&item.instance, &p->instance)) {
			learn_address(g, now, p, item.address);
			continue;
		}
		hostport_split(item.address, &host, &port);
		if (hostport_any(host) || id_equal(&item.instance, &g->own) ||
		    map_get(&g->instances, id_slice(&item.instance)) != NULL)
			continue;
		if (outbox_act(g->out, ACT_DIAL, g->tag, DIAL_HOUR,
		    item.address) == -1)
			return -1;
	}
	return 0;
}
