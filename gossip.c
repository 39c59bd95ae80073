#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "gossip.h"
#include "map.h"

void
gossip_init(struct gossip *g, const struct id *own, uint64_t seed,
    unsigned role, struct slice address, size_t peer_size, struct outbox *out)
{
	memset(g, 0, sizeof(*g));
	g->out = out;
	g->peer_size = peer_size;
	g->role = role;
	g->own = *own;
	hostport_copy(g->address, address);
	map_init(&g->peers, seed);
	map_init(&g->instances, seed);
	chain_init(&g->authorities);
	chain_init(&g->brokers);
	g->news = 1; /* so that a peer that was told has heard something */
	g->told_at = -GOSSIP_MS;
	g->tell_at = INT64_MAX;
	scratch_init(&g->list);
}

/* Free what it holds. */
static void
gossip_release(struct gossip_peer *p)
{
	map_free_values(&p->named);
	free(p->address);
	free(p->told);
}

void
gossip_free(struct gossip *g)
{
	struct gossip_peer *p;
	size_t at = 0;

	while ((p = map_next(&g->peers, &at)) != NULL)
		gossip_release(p);
	map_free_values(&g->peers);
	map_free(&g->instances);
	scratch_free(&g->list);
}

/* Peers. */

void *
gossip_find(const struct gossip *g, uint32_t handle)
{
	return map_get(&g->peers, slice_of(&handle, sizeof(handle)));
}

struct gossip_peer *
gossip_next(const struct chain *head, const struct gossip_peer *p)
{
	return CHAIN_NEXT(head, p, struct gossip_peer, chain);
}

struct slice
gossip_address(const struct gossip_peer *p)
{
	if (p->told != NULL)
		return slice_str(p->told);
	return slice_str(p->dialled ? p->address : "");
}

struct slice
gossip_resolve(const struct gossip_peer *p, struct slice address,
    char buf[ADDRESS_MAX + 1])
{
	struct slice host, port;

	hostport_split(slice_str(p->address), &host, &port);
	return hostport_fill(address, host, buf);
}

/* Forget it, and tell nobody. */
static void
gossip_drop(struct gossip *g, struct gossip_peer *p)
{
	map_del(&g->peers, slice_of(&p->handle, sizeof(p->handle)));
	if (p->role == ROLE_AUTHORITY)
		map_del(&g->instances, id_slice(&p->instance));
	chain_remove(&p->chain);
	gossip_release(p);
	free(p);
}

static struct gossip_peer *
gossip_enter(struct gossip *g, uint32_t handle, const struct peer_info *info)
{
	struct slice key = slice_of(&handle, sizeof(handle));
	struct gossip_peer *p = map_alloc(&g->peers, g->peer_size, &key);

	if (p == NULL)
		return NULL;
	p->handle = handle;
	p->role = info->role;
	p->dialled = info->tag != 0;
	p->instance = info->instance;
	map_init(&p->named, g->peers.seed);
	p->address = (char *)slice_dup(info->address);
	chain_init(&p->chain);
	if (p->address == NULL || (p->role == ROLE_AUTHORITY &&
	    map_put(&g->instances, id_slice(&p->instance), p) == -1)) {
		gossip_drop(g, p);
		return NULL;
	}
	return p;
}

/* What is told. */

static void
gossip_put(struct gossip *g, const struct id *instance, struct slice address)
{
	struct peer_item item = { *instance, address };

	scratch_item(&g->list, &schema_peer_item, &item);
}

/* Is it a broker, which is told of some authorities only, and of all of these
 * each time? */
static int
gossip_ranks(const struct gossip *g, const struct gossip_peer *to)
{
	return g->role == ROLE_AUTHORITY && to->role == ROLE_BROKER;
}

static uint64_t
gossip_weight(const struct gossip_peer *authority, const struct gossip_peer *to)
{
	return rendezvous_weight(&authority->instance, id_slice(&to->instance));
}

/* The weight of the last that the broker is told of; 0: it is told of all. */
static uint64_t
gossip_least(const struct gossip *g, const struct gossip_peer *to)
{
	const struct gossip_peer *p = NULL;
	uint64_t top[GOSSIP_NAMED], w;
	unsigned n = 0, i;

	while ((p = gossip_next(&g->authorities, p)) != NULL) {
		if (p->news == 0)
			continue;
		w = gossip_weight(p, to);
		if (n == GOSSIP_NAMED && w <= top[n - 1])
			continue;
		i = n < GOSSIP_NAMED ? n++ : n - 1;
		for (; i > 0 && top[i - 1] < w; i--)
			top[i] = top[i - 1];
		top[i] = w;
	}
	return n < GOSSIP_NAMED ? 0 : top[n - 1];
}

/* Is the authority news to the peer, given what it has heard? */
static int
gossip_is_news(const struct gossip *g, const struct gossip_peer *authority,
    const struct gossip_peer *to, uint64_t heard)
{
	return authority != to && authority->news > heard &&
	    (!gossip_ranks(g, to) || gossip_weight(authority, to) >= to->least);
}

/*
 * Tell the peer what it has not heard. A peer that has heard nothing is told
 * everything, first our own address, since an authority that was dialled cannot
 * see from the connection where the dialler listens. A broker is told each time
 * all that it must know.
 */
static int
gossip_tell(struct gossip *g, struct gossip_peer *to)
{
	const struct gossip_peer *p = NULL;
	struct msg m = { .type = MSG_PEERS };
	int ranks = gossip_ranks(g, to), r = 0;
	uint64_t heard = ranks ? 0 : to->heard;

	if (scratch_begin(&g->list, LIST_MAX) == -1)
		return -1;
	if (ranks)
		to->least = gossip_least(g, to);
	if (heard == 0 && g->address[0] != '\0')
		gossip_put(g, &g->own, slice_str(g->address));
	while ((p = gossip_next(&g->authorities, p)) != NULL)
		if (gossip_is_news(g, p, to, heard))
			gossip_put(g, &p->instance, gossip_address(p));
	m.u.peers.peers = scratch_slice(&g->list);
	if (m.u.peers.peers.len > 0 || (ranks && to->heard > 0))
		r = outbox_send(g->out, to->handle, &m);
	scratch_free(&g->list); /* it is long until the next */
	if (r == -1)
		return -1;
	to->heard = g->news;
	to->stale = 0;
	return 0;
}

static void
gossip_tell_at(struct gossip *g, int64_t at)
{
	if (at < g->tell_at)
		g->tell_at = at;
}

static void
gossip_add_news(struct gossip *g, int64_t now, struct gossip_peer *authority)
{
	int64_t next = g->told_at + GOSSIP_MS;

	authority->news = ++g->news;
	gossip_tell_at(g, next > now ? next : now);
}

/* Is there anything to tell the broker? */
static int
gossip_is_due(const struct gossip *g, const struct gossip_peer *to)
{
	const struct gossip_peer *p = NULL;

	if (to->stale || to->heard == 0 || !gossip_ranks(g, to))
		return to->stale || to->heard < g->news;
	while ((p = gossip_next(&g->authorities, p)) != NULL)
		if (gossip_is_news(g, p, to, to->heard))
			return 1;
	return 0;
}

static int
gossip_tell_brokers(struct gossip *g)
{
	struct gossip_peer *p = NULL;
	int r = 0;

	while ((p = gossip_next(&g->brokers, p)) != NULL)
		if (!gossip_is_due(g, p))
			p->heard = g->news;
		else if (gossip_tell(g, p) == -1)
			r = -1;
	return r;
}

/* Tell all authorities that have heard less than that. */
static int
gossip_tell_authorities(struct gossip *g, uint64_t news)
{
	struct gossip_peer *p = NULL;
	int r = 0;

	while ((p = gossip_next(&g->authorities, p)) != NULL)
		if (p->heard < news && gossip_tell(g, p) == -1)
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
	r = gossip_tell_brokers(g);
	/* A broker tells authorities once, when they link. */
	if (gossip_tell_authorities(g,
	    g->role == ROLE_AUTHORITY ? g->news : 1) == -1)
		r = -1;
	if (r == -1)
		gossip_tell_at(g, now + GOSSIP_AGAIN_MS);
}

int64_t
gossip_deadline(const struct gossip *g)
{
	return g->tell_at;
}

void *
gossip_up(struct gossip *g, int64_t now, uint32_t handle,
    const struct peer_info *info)
{
	struct gossip_peer *p = gossip_enter(g, handle, info);

	if (p == NULL)
		return NULL;
	if (p->role == ROLE_AUTHORITY)
		chain_append(&g->authorities, &p->chain);
	else if (p->role == ROLE_BROKER)
		chain_append(&g->brokers, &p->chain);
	else
		return p;
	if (gossip_tell(g, p) == -1)
		gossip_tell_at(g, now + GOSSIP_AGAIN_MS);
	if (p->role == ROLE_AUTHORITY && p->dialled)
		gossip_add_news(g, now, p);
	return p;
}

/* Brokers that were told of the authority hear that it is gone. */
void
gossip_down(struct gossip *g, int64_t now, struct gossip_peer *p)
{
	struct gossip_peer *to = NULL;

	while (p->news > 0 && (to = gossip_next(&g->brokers, to)) != NULL)
		if (gossip_ranks(g, to) && gossip_weight(p, to) >= to->least) {
			to->stale = 1;
			gossip_tell_at(g, now + GOSSIP_MS);
		}
	gossip_drop(g, p);
}

/* What is heard. */

/* The authority's own word of its address. */
static void
gossip_learn(struct gossip *g, int64_t now, struct gossip_peer *p,
    struct slice address)
{
	char buf[ADDRESS_MAX + 1];
	int same;

	address = gossip_resolve(p, address, buf);
	if (p->role != ROLE_AUTHORITY || address.len == 0)
		return;
	same = slice_equal(address, gossip_address(p));
	free(p->told);
	p->told = (char *)slice_dup(address);
	if (!same)
		gossip_add_news(g, now, p);
}

/* Is the address one of those that this peer may name? */
static int
gossip_may_name(struct gossip *g, struct gossip_peer *p, struct slice address)
{
	if (map_get(&p->named, address) != NULL)
		return 1;
	if (p->named.n < GOSSIP_NAMED_MAX)
		return map_alloc(&p->named, 1, &address) != NULL;
	if (!p->over)
		outbox_log(g->out, LOG_ERROR, "%s names more than %d addresses "
		    "of authorities: the rest are not dialled",
		    p->address, GOSSIP_NAMED_MAX);
	p->over = 1;
	return 0;
}

int
gossip_hear(struct gossip *g, int64_t now, struct gossip_peer *p,
    const struct msg_peers *m)
{
	struct slice list = m->peers, host, port;
	struct peer_item item;

	while (item_next(&schema_peer_item, &list, &item) == 1) {
		if (id_equal(&item.instance, &p->instance)) {
			gossip_learn(g, now, p, item.address);
			continue;
		}
		if (g->role != ROLE_AUTHORITY)
			continue;
		hostport_split(item.address, &host, &port);
		if (hostport_any(host) || id_equal(&item.instance, &g->own) ||
		    map_get(&g->instances, id_slice(&item.instance)) != NULL ||
		    !gossip_may_name(g, p, item.address))
			continue;
		if (outbox_act(g->out, ACT_DIAL, GOSSIP_TAG, DIAL_HOUR,
		    item.address) == -1)
			return -1;
	}
	return 0;
}

/* Which authorities come first. */

int
gossip_is_home(const struct gossip *g, const struct id *broker)
{
	const struct gossip_peer *p = NULL;
	unsigned before = 0;

	while (before < GOSSIP_HOMES &&
	    (p = gossip_next(&g->authorities, p)) != NULL)
		before += (unsigned)rendezvous_before(&p->instance, &g->own,
		    id_slice(broker));
	return before < GOSSIP_HOMES;
}

/* No secret: all hosts must use the same seed. */
#define SEED 0x6c616d6264610001u

uint64_t
rendezvous_weight(const struct id *authority, struct slice name)
{
	unsigned char bytes[ID_SIZE + NAME_BYTES_MAX];

	assert(name.len <= NAME_BYTES_MAX);
	memcpy(bytes, authority->b, ID_SIZE);
	memcpy(bytes + ID_SIZE, name.p, name.len);
	return map_hash(SEED, slice_of(bytes, ID_SIZE + name.len));
}

int
rendezvous_before(const struct id *a, const struct id *b, struct slice name)
{
	uint64_t wa = rendezvous_weight(a, name);
	uint64_t wb = rendezvous_weight(b, name);

	if (wa != wb)
		return wa > wb;
	return id_compare(a, b) < 0;
}
