#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "authority_state.h"
#include "core.h"
#include "fail.h"
#include "gossip.h"

/* Life. */

struct authority *
authority_new(const struct id *own, uint64_t seed, struct slice address,
    unsigned redundancy)
{
	struct authority *a = calloc(1, sizeof(*a));

	assert(redundancy >= 1 && redundancy <= AUTHORITY_REDUNDANCY_MAX);
	if (a == NULL)
		return NULL;
	outbox_init(&a->out);
	gossip_init(&a->gossip, own, seed, ROLE_AUTHORITY, address,
	    sizeof(struct authority_peer), &a->out);
	gather_init(&a->gather, &a->out, seed + 4, GATHER_OUTER_MS);
	a->redundancy = redundancy;
	chain_init(&a->all);
	chain_init(&a->turns);
	chain_init(&a->untold);
	a->told_at = -AUTHORITY_TELL_MS;
	map_init(&a->modules, seed + 1);
	map_init(&a->subscriptions, seed + 2);
	map_init(&a->exchanges, seed + 3);
	scratch_init(&a->list);
	a->last_tag = GOSSIP_TAG;
	a->due = INT64_MAX;
	return a;
}

static void
authority_module_free(struct authority_module *m)
{
	struct authority_foreign *f;
	struct authority_exchange *x;

	while ((f = m->foreign) != NULL) {
		m->foreign = f->next;
		free(f);
	}
	while ((x = m->exchanges) != NULL) {
		m->exchanges = x->next;
		free(x);
	}
	chain_remove(&m->chain);
	chain_remove(&m->turn);
	chain_remove(&m->untold);
	free(m->asked);
	free(m);
}

void
authority_free(struct authority *a)
{
	struct authority_module *m;
	struct gossip_peer *p = NULL;

	if (a == NULL)
		return;
	while ((p = gossip_next(&a->gossip.brokers, p)) != NULL)
		free(((struct authority_peer *)p)->node);
	while ((m = authority_module_next(a, NULL)) != NULL)
		authority_module_free(m);
	gather_free(&a->gather);
	gossip_free(&a->gossip);
	map_free(&a->modules);
	map_free_values(&a->subscriptions);
	map_free(&a->exchanges);
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
	return outbox_act(&a->out, ACT_DIAL, GOSSIP_TAG, DIAL_FOREVER, address);
}

/* Modules. */

struct authority_module *
authority_module_get(struct authority *a, int64_t now, struct slice name)
{
	struct authority_module *m = map_get(&a->modules, name);

	if (m != NULL)
		return m;
	if (a->modules.n >= AUTHORITY_MODULES_MAX) {
		errno = ENOBUFS;
		return NULL;
	}
	if ((m = map_alloc(&a->modules, sizeof(*m), &name)) == NULL)
		return NULL;
	m->name = name;
	m->wanted_until = m->start_at = now;
	chain_init(&m->subscriptions);
	chain_init(&m->turn);
	chain_init(&m->untold);
	chain_append(&a->all, &m->chain);
	return m;
}

struct authority_module *
authority_module_next(const struct authority *a,
    const struct authority_module *m)
{
	return CHAIN_NEXT(&a->all, m, struct authority_module, chain);
}

/* Subscriptions. */

/* The key is made of the peer's handle, and where the module is in memory. */
static struct slice
subscription_key(uint64_t key[2], uint32_t peer,
    const struct authority_module *m)
{
	key[0] = peer;
	key[1] = (uint64_t)(uintptr_t)m;
	return slice_of(key, 2 * sizeof(key[0]));
}

static struct authority_subscription *
subscription_find(const struct authority *a, uint32_t peer,
    const struct authority_module *m)
{
	uint64_t key[2];

	return map_get(&a->subscriptions, subscription_key(key, peer, m));
}

static int
subscription_add(struct authority *a, struct authority_peer *p,
    struct authority_module *m)
{
	uint64_t bytes[2];
	struct slice key = subscription_key(bytes, p->gossip.handle, m);
	struct authority_subscription *s;

	if (map_get(&a->subscriptions, key) != NULL)
		return 0;
	s = map_alloc(&a->subscriptions, sizeof(*s), &key);
	if (s == NULL)
		return -1;
	s->peer = p;
	s->module = m;
	chain_append(&m->subscriptions, &s->of_module);
	chain_append(&p->subscriptions, &s->of_peer);
	m->nsubscriptions++;
	m->nbrokers += p->gossip.role == ROLE_BROKER;
	m->wanted_until = INT64_MAX;
	return 0;
}

/* The caller must have the module reviewed afterwards. */
static void
subscription_end(struct authority *a, int64_t now,
    struct authority_subscription *s)
{
	struct authority_module *m = s->module;
	uint64_t key[2];

	chain_remove(&s->of_module);
	chain_remove(&s->of_peer);
	map_del(&a->subscriptions, subscription_key(key,
	    s->peer->gossip.handle, m));
	m->nbrokers -= s->peer->gossip.role == ROLE_BROKER;
	free(s);
	if (--m->nsubscriptions > 0)
		return;
	m->wanted_until = now + AUTHORITY_IDLE_MS;
	authority_due(a, m->wanted_until);
}

/* What we announce. */

/* It goes to all authorities, whether they subscribe or not. */
static int
authority_module_any_external(const struct authority_module *m)
{
	const struct authority_exchange *x;

	for (x = m->exchanges; x != NULL; x = x->next)
		if (x->external)
			return 1;
	return 0;
}

/*
 * Tell a broker all exchanges that we know of, and another authority ours, or,
 * if it does not subscribe, only those that something else runs. An exchange
 * that was seen over loopback is on this host, so others find it where they see
 * us.
 */
static int
authority_send_exchanges(struct authority *a, const struct authority_peer *to,
    const struct authority_module *mod)
{
	char address[ADDRESS_MAX + 1];
	int all = subscription_find(a, to->gossip.handle, mod) != NULL;
	const struct authority_exchange *x;
	const struct authority_foreign *f = mod->foreign;
	struct peer_item item;
	struct msg m = { .type = MSG_EXCHANGES };

	if (scratch_begin(&a->list, LIST_MAX) == -1)
		return -1;
	for (x = mod->exchanges; x != NULL; x = x->next) {
		if (x->state != EXCHANGE_LINKED || !(all || x->external))
			continue;
		item.instance = x->peer->gossip.instance;
		item.address = authority_exchange_address(a, x, address);
		scratch_item(&a->list, &schema_peer_item, &item);
	}
	for (; to->gossip.role == ROLE_BROKER && f != NULL; f = f->next) {
		item.instance = f->instance;
		item.address = slice_str(f->told);
		scratch_item(&a->list, &schema_peer_item, &item);
	}
	m.u.exchanges.module = mod->name;
	m.u.exchanges.exchanges = scratch_slice(&a->list);
	return outbox_send(&a->out, to->gossip.handle, &m);
}

/* Tell the subscribers of the module: only brokers, or authorities too. */
static void
authority_module_tell(struct authority *a, const struct authority_module *m,
    int brokers_alone)
{
	const struct authority_subscription *s = NULL;

	while ((s = CHAIN_NEXT(&m->subscriptions, s,
	    struct authority_subscription, of_module)) != NULL)
		if (!brokers_alone || s->peer->gossip.role == ROLE_BROKER)
			authority_send_exchanges(a, s->peer, m);
}

void
authority_module_announce(struct authority *a, struct authority_module *m)
{
	const struct gossip_peer *p = NULL;

	chain_remove(&m->untold);
	authority_module_tell(a, m, 0);
	if (!authority_module_any_external(m))
		return;
	while ((p = gossip_next(&a->gossip.authorities, p)) != NULL)
		if (subscription_find(a, p->handle, m) == NULL)
			authority_send_exchanges(a,
			    (const struct authority_peer *)p, m);
}

/* Another authority's exchanges have changed. Brokers hear of it with the next
 * tick, and of a burst at once. */
static void
authority_module_pass_on(struct authority *a, struct authority_module *m)
{
	if (m->nbrokers > 0 && chain_empty(&m->untold))
		chain_append(&a->untold, &m->untold);
}

/* When brokers are told next. */
static int64_t
authority_tell_at(const struct authority *a)
{
	return chain_empty(&a->untold) ? INT64_MAX :
	    a->told_at + AUTHORITY_TELL_MS;
}

static void
authority_tell(struct authority *a, int64_t now)
{
	struct authority_module *m;

	if (now < authority_tell_at(a))
		return;
	a->told_at = now;
	while ((m = CHAIN_NEXT(&a->untold, NULL, struct authority_module,
	    untold)) != NULL) {
		chain_remove(&m->untold);
		authority_module_tell(a, m, 1);
	}
}

static int
authority_on_subscribe(struct authority *a, int64_t now,
    struct authority_peer *p, const struct msg *msg)
{
	struct slice name = msg->u.subscribe.module;
	struct authority_module *m = authority_module_get(a, now, name);

	if (m == NULL && errno == ENOBUFS) {
		if (!a->full)
			outbox_log(&a->out, LOG_ERROR,
			    "more than %d modules: %.*s gets no exchange here",
			    AUTHORITY_MODULES_MAX, SLICE_ARG(name));
		a->full = 1;
		return 0;
	}
	if (m == NULL)
		return -1;
	if (subscription_add(a, p, m) == -1 ||
	    authority_send_exchanges(a, p, m) == -1)
		return -1;
	authority_module_review(a, now, m);
	return 0;
}

/* An authority gets a last answer, since what we announced before may be on its
 * way. From then on we tell it only exchanges that something else runs. */
static int
authority_on_unsubscribe(struct authority *a, int64_t now,
    struct authority_peer *p, const struct msg *msg)
{
	struct authority_module *m =
	    map_get(&a->modules, msg->u.unsubscribe.module);
	struct authority_subscription *s = m == NULL ? NULL :
	    subscription_find(a, p->gossip.handle, m);

	if (s == NULL)
		return 0;
	subscription_end(a, now, s);
	if (p->gossip.role == ROLE_AUTHORITY &&
	    authority_send_exchanges(a, p, m) == -1)
		return -1;
	authority_module_review(a, now, m);
	return 0;
}

/* What others announce. */

static void
foreign_drop(struct authority_module *m, const struct authority_peer *p)
{
	struct authority_foreign **link = &m->foreign, *f;

	while ((f = *link) != NULL) {
		if (f->peer != p) {
			link = &f->next;
			continue;
		}
		*link = f->next;
		free(f);
	}
}

static int
foreign_add(struct authority_module *m, const struct authority_peer *p,
    const struct peer_item *item)
{
	char buf[ADDRESS_MAX + 1];
	struct slice host, port;
	struct authority_foreign *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return -1;
	f->peer = p;
	f->instance = item->instance;
	hostport_copy(f->address,
	    gossip_resolve(&p->gossip, item->address, buf));
	hostport_split(slice_str(f->address), &host, &port);
	hostport_copy(f->told, hostport_loopback(host) ? item->address :
	    slice_str(f->address));
	f->next = m->foreign;
	m->foreign = f;
	return 0;
}

/* Does the peer announce the same as before? */
static int
foreign_is_same(const struct authority_module *m,
    const struct authority_peer *p, struct slice list)
{
	char buf[ADDRESS_MAX + 1];
	const struct authority_foreign *f;
	struct peer_item item;
	unsigned had = 0, n = 0;

	for (f = m->foreign; f != NULL; f = f->next)
		had += f->peer == p;
	/* More than these are not known. */
	while (n < AUTHORITY_FOREIGN_MAX &&
	    item_next(&schema_peer_item, &list, &item) == 1) {
		for (f = m->foreign; f != NULL && (f->peer != p ||
		    !id_equal(&f->instance, &item.instance)); f = f->next)
			;
		if (f == NULL || !slice_equal(slice_str(f->address),
		    gossip_resolve(&p->gossip, item.address, buf)))
			return 0;
		n++;
	}
	return n == had;
}

/* These take the place of what the peer announced before: 0, or -1 with
 * ENOMEM. */
static int
foreign_replace(struct authority_module *m, const struct authority_peer *p,
    struct slice list)
{
	struct peer_item item;
	int n = 0, r = 0;

	foreign_drop(m, p);
	while (r == 0 && n++ < AUTHORITY_FOREIGN_MAX &&
	    item_next(&schema_peer_item, &list, &item) == 1)
		r = foreign_add(m, p, &item);
	return r;
}

static int
authority_on_exchanges(struct authority *a, int64_t now,
    struct authority_peer *p, const struct msg *msg)
{
	struct authority_module *m =
	    authority_module_get(a, now, msg->u.exchanges.module);
	struct slice list = msg->u.exchanges.exchanges;
	int r = 0;

	if (m == NULL)
		return errno == ENOBUFS ? 0 : -1;
	if (!foreign_is_same(m, p, list)) {
		authority_module_pass_on(a, m);
		r = foreign_replace(m, p, list);
	}
	authority_module_review(a, now, m);
	return r;
}

static int
foreign_any(const struct authority_module *m, const struct gossip_peer *p)
{
	const struct authority_foreign *f;

	for (f = m->foreign; f != NULL; f = f->next)
		if (&f->peer->gossip == p)
			return 1;
	return 0;
}

/* Which authorities run an exchange. */

/* The first for the module, of us (NULL) and the authorities that we are linked
 * to: how many, the redundancy at most. */
static unsigned
authority_first(const struct authority *a, const struct authority_module *m,
    const struct gossip_peer *first[AUTHORITY_REDUNDANCY_MAX])
{
	const struct id *id[AUTHORITY_REDUNDANCY_MAX + 1];
	uint64_t weight[AUTHORITY_REDUNDANCY_MAX + 1], w;
	const struct gossip_peer *p = NULL;
	unsigned n = 0, i;

	do {
		const struct id *own = p == NULL ? &a->gossip.own :
		    &p->instance;

		w = rendezvous_weight(own, m->name);
		for (i = n; i > 0 && (weight[i - 1] < w || (weight[i - 1] ==
		    w && id_compare(own, id[i - 1]) < 0)); i--) {
			if (i == a->redundancy)
				continue;
			weight[i] = weight[i - 1];
			id[i] = id[i - 1];
			first[i] = first[i - 1];
		}
		if (i < a->redundancy) {
			weight[i] = w;
			id[i] = own;
			first[i] = p;
			n += n < a->redundancy;
		}
	} while ((p = gossip_next(&a->gossip.authorities, p)) != NULL);
	return n;
}

int
authority_is_responsible(const struct authority *a,
    const struct authority_module *m)
{
	const struct gossip_peer *first[AUTHORITY_REDUNDANCY_MAX];
	unsigned i, n = authority_first(a, m, first);

	for (i = 0; i < n; i++)
		if (first[i] == NULL)
			return 1;
	return 0;
}

int
authority_module_succeeded(const struct authority *a,
    const struct authority_module *m)
{
	const struct gossip_peer *first[AUTHORITY_REDUNDANCY_MAX];
	unsigned i, n = authority_first(a, m, first);

	for (i = 0; i < n; i++)
		if (first[i] != NULL && !foreign_any(m, first[i]))
			return 0;
	return 1;
}

/* Asking the others. */

static int
authority_ask(struct authority *a, const struct authority_module *mod,
    const struct authority_peer *to, enum msg_type type)
{
	struct msg m = { .type = type, .u.subscribe.module = mod->name };

	return outbox_send(&a->out, to->gossip.handle, &m);
}

/*
 * Which authorities must tell us the module's exchanges? For our brokers, all
 * responsible ones. An authority that is not responsible and runs an exchange
 * must know when the others do, so that it may retire its own. A responsible
 * one without brokers needs none: if it asked the others, they would keep each
 * other's exchanges for ever.
 */
static int
authority_module_must_ask(const struct authority_module *m, int responsible)
{
	return m->nbrokers > 0 || (!responsible &&
	    authority_exchange_is_run(m));
}

static int
authority_among(const struct gossip_peer *const *list, unsigned n,
    const struct gossip_peer *p)
{
	while (n > 0)
		if (list[--n] == p)
			return 1;
	return 0;
}

/* Do we no longer need to ask that authority? One that is no longer responsible
 * still tells of its exchange until others have one. */
static int
authority_module_may_forget(const struct authority *a,
    const struct authority_module *m, const struct authority_peer *p)
{
	return m->nasked >= AUTHORITY_ASKED_MAX - AUTHORITY_REDUNDANCY_MAX ||
	    !foreign_any(m, &p->gossip) || authority_module_succeeded(a, m);
}

static void
authority_module_ask(struct authority *a, struct authority_module *m)
{
	const struct gossip_peer *first[AUTHORITY_REDUNDANCY_MAX];
	const struct authority_peer *p;
	unsigned i, k, n = authority_first(a, m, first);

	if (!authority_module_must_ask(m, authority_among(first, n, NULL)))
		n = 0;
	for (i = 0; i < m->nasked;) {
		p = m->asked[i];
		if (authority_among(first, n, &p->gossip) ||
		    (n > 0 && !authority_module_may_forget(a, m, p))) {
			i++;
			continue;
		}
		authority_ask(a, m, p, MSG_UNSUBSCRIBE);
		m->asked[i] = m->asked[--m->nasked];
	}
	if (n > 0 && m->asked == NULL && (m->asked =
	    calloc(AUTHORITY_ASKED_MAX, sizeof(*m->asked))) == NULL)
		return;
	for (k = 0; k < n; k++) {
		p = (const struct authority_peer *)first[k];
		for (i = 0; i < m->nasked && m->asked[i] != p; i++)
			;
		if (p == NULL || i < m->nasked)
			continue;
		m->asked[m->nasked++] = p;
		authority_ask(a, m, p, MSG_SUBSCRIBE);
	}
}

/* The link to it is lost. */
static void
authority_module_unask(struct authority_module *m,
    const struct authority_peer *p)
{
	unsigned i;

	for (i = 0; i < m->nasked; i++)
		if (m->asked[i] == p) {
			m->asked[i] = m->asked[--m->nasked];
			break;
		}
}

void
authority_module_review(struct authority *a, int64_t now,
    struct authority_module *m)
{
	int wanted = now < m->wanted_until;

	if (a->stopping)
		return;
	if (wanted && m->wanted_until != INT64_MAX)
		authority_due(a, m->wanted_until);
	authority_exchange_review(a, now, m, wanted,
	    authority_is_responsible(a, m));
	authority_module_ask(a, m);
	if (wanted || m->exchanges != NULL || m->foreign != NULL)
		return;
	map_del(&a->modules, m->name);
	authority_module_free(m);
}

static void
authority_review_all(struct authority *a, int64_t now)
{
	struct authority_module *m, *next;

	for (m = authority_module_next(a, NULL); m != NULL; m = next) {
		next = authority_module_next(a, m);
		authority_module_review(a, now, m);
	}
}

/* Peers. */

static void
authority_peer_up(void *core, int64_t now, uint32_t handle,
    const struct peer_info *info)
{
	struct authority *a = core;
	struct authority_peer *p = gossip_up(&a->gossip, now, handle, info);
	const struct authority_module *m = NULL;

	if (p == NULL) {
		outbox_act(&a->out, ACT_CLOSE, handle, 0,
		    slice_str("out of memory"));
		return;
	}
	chain_init(&p->subscriptions);
	p->since = now;
	authority_unremember(a, &info->instance);
	if (info->role == ROLE_EXCHANGE)
		authority_exchange_up(a, now, p, info->tag);
	if (info->role != ROLE_AUTHORITY)
		return;
	outbox_log(&a->out, LOG_INFO, "linked to authority %s",
	    p->gossip.address);
	while ((m = authority_module_next(a, m)) != NULL)
		if (authority_module_any_external(m))
			authority_send_exchanges(a, p, m);
	authority_review_all(a, now);
}

/*
 * The consequences are worked out at the end of the turn, since the loss of an
 * old link comes just before the new link that takes its place. An authority
 * that dialled us may be unable to do so again, so we dial it.
 */
static void
authority_lost(struct authority *a, int64_t now, struct authority_peer *p)
{
	struct slice address = gossip_address(&p->gossip);
	struct authority_module *m = NULL;

	/* By the same name as when it was linked. */
	if (!a->stopping)
		outbox_log(&a->out, LOG_INFO, "lost authority %s",
		    p->gossip.address);
	if (!p->gossip.dialled && address.len > 0)
		outbox_act(&a->out, ACT_DIAL, GOSSIP_TAG, DIAL_HOUR, address);
	while ((m = authority_module_next(a, m)) != NULL) {
		authority_module_unask(m, p);
		if (!foreign_any(m, &p->gossip))
			continue;
		foreign_drop(m, p);
		authority_module_pass_on(a, m);
	}
	authority_due(a, now);
}

static void
authority_peer_down(void *core, int64_t now, uint32_t handle)
{
	struct authority *a = core;
	struct authority_peer *p = gossip_find(&a->gossip, handle);
	struct authority_subscription *s;
	struct authority_module *m;

	if (p == NULL)
		return;
	if (p->gossip.role == ROLE_BROKER)
		authority_remember(a, now, p);
	while ((s = CHAIN_NEXT(&p->subscriptions, NULL,
	    struct authority_subscription, of_peer)) != NULL) {
		m = s->module;
		subscription_end(a, now, s);
		if (p->gossip.role == ROLE_BROKER && m->nbrokers == 0)
			authority_module_ask(a, m);
	}
	gather_down(&a->gather, handle);
	free(p->node);
	if (p->exchange != NULL)
		authority_exchange_down(a, now, p);
	if (p->gossip.role == ROLE_AUTHORITY)
		authority_lost(a, now, p);
	gossip_down(&a->gossip, now, &p->gossip);
}

/* Messages. */

/* drain - address ADDRESS instance ID: to lambda-ctl, not to a broker that
 * hands that on. */
static int
authority_on_drain(struct authority *a, int64_t now, struct authority_peer *p,
    const struct msg *msg)
{
	char id[ID_TEXT];
	struct report r;

	(void)now;
	if (p->gossip.role == ROLE_CTL) {
		report_begin(&r, &a->out, p->gossip.handle, msg);
		report_row(&r, "drain - address %s instance %s",
		    a->gossip.address[0] == '\0' ? "-" : a->gossip.address,
		    id_print(&a->gossip.own, id));
		if (report_end(&r) == -1)
			return -1;
	}
	return outbox_act(&a->out, AUTHORITY_DRAIN, 0, 0, slice_of(NULL, 0));
}

static int
authority_on_peers(struct authority *a, int64_t now, struct authority_peer *p,
    const struct msg *m)
{
	struct slice node = m->u.peers.node;
	char *copy;

	if (p->gossip.role == ROLE_BROKER && node.len > 0) {
		if ((copy = malloc(node.len + 1)) == NULL)
			return -1;
		memcpy(copy, node.p, node.len);
		copy[node.len] = '\0';
		free(p->node);
		p->node = copy;
	}
	return gossip_hear(&a->gossip, now, &p->gossip, &m->u.peers);
}

typedef int authority_handler(struct authority *, int64_t now,
    struct authority_peer *, const struct msg *);

static authority_handler *const authority_handlers[] = {
	[MSG_PEERS] = authority_on_peers,
	[MSG_SUBSCRIBE] = authority_on_subscribe,
	[MSG_UNSUBSCRIBE] = authority_on_unsubscribe,
	[MSG_EXCHANGES] = authority_on_exchanges,
	[MSG_DRAIN] = authority_on_drain,
	[MSG_INSPECT] = authority_on_inspect,
	[MSG_ANSWER] = authority_on_answer,
};

static int
authority_message(void *core, int64_t now, uint32_t handle, const struct msg *m)
{
	struct authority *a = core;
	struct authority_peer *p = gossip_find(&a->gossip, handle);

	if (p == NULL)
		return 0;
	if (m->type >= sizeof(authority_handlers) /
	    sizeof(authority_handlers[0]) ||
	    authority_handlers[m->type] == NULL)
		return fail(EPROTO);
	return authority_handlers[m->type](a, now, p, m);
}

/* The clock. */

void
authority_due(struct authority *a, int64_t at)
{
	if (at < a->due)
		a->due = at;
}

static void
authority_tick(void *core, int64_t now)
{
	struct authority *a = core;

	gossip_tick(&a->gossip, now);
	gather_tick(&a->gather, now);
	authority_tell(a, now);
	if (now >= a->due) {
		a->due = INT64_MAX;
		authority_review_all(a, now);
	}
	authority_exchange_take_turns(a, now);
}

static int64_t
authority_deadline(const void *core)
{
	const struct authority *a = core;
	int64_t tell = gossip_deadline(&a->gossip), at = authority_tell_at(a);

	if (authority_exchange_may_start(a))
		return 0;
	if (at < tell)
		tell = at;
	if (gather_deadline(&a->gather) < tell)
		tell = gather_deadline(&a->gather);
	return tell < a->due ? tell : a->due;
}

const struct core_ops authority_ops = {
	ROLE_AUTHORITY,
	authority_peer_up,
	authority_peer_down,
	authority_message,
	NULL,
	authority_tick,
	authority_deadline
};
