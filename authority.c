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

	if (a == NULL)
		return NULL;
	outbox_init(&a->out);
	gossip_init(&a->gossip, own, seed, ROLE_AUTHORITY, address,
	    sizeof(struct authority_peer), &a->out);
	gather_init(&a->gather, &a->out, seed + 4, GATHER_OUTER_MS);
	a->redundancy = redundancy;
	chain_init(&a->all);
	chain_init(&a->turns);
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
	free(m);
}

void
authority_free(struct authority *a)
{
	struct authority_module *m;

	if (a == NULL)
		return;
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
	chain_append(&a->all, &m->chain);
	return m;
}

struct authority_module *
authority_module_next(const struct authority *a,
    const struct authority_module *m)
{
	return CHAIN_NEXT(&a->all, m, struct authority_module, chain);
}

/* What we announce. */

static int
authority_send_exchanges(struct authority *a, uint32_t to,
    const struct authority_module *mod)
{
	char address[ADDRESS_MAX + 1];
	const struct authority_exchange *x;
	struct peer_item item;
	struct msg m = { .type = MSG_EXCHANGES };

	if (scratch_begin(&a->list, LIST_MAX) == -1)
		return -1;
	for (x = mod->exchanges; x != NULL; x = x->next) {
		if (x->state != EXCHANGE_LINKED)
			continue;
		item.instance = x->peer->gossip.instance;
		item.address = authority_exchange_address(a, x, address);
		scratch_item(&a->list, &schema_peer_item, &item);
	}
	m.u.exchanges.module = mod->name;
	m.u.exchanges.exchanges = scratch_slice(&a->list);
	return outbox_send(&a->out, to, &m);
}

void
authority_module_announce(struct authority *a, const struct authority_module *m)
{
	const struct authority_subscription *s = NULL;
	const struct gossip_peer *p = NULL;

	while ((s = CHAIN_NEXT(&m->subscriptions, s,
	    struct authority_subscription, of_module)) != NULL)
		authority_send_exchanges(a, s->peer, m);
	while ((p = gossip_next(&a->gossip.authorities, p)) != NULL)
		authority_send_exchanges(a, p->handle, m);
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
	s->peer = p->gossip.handle;
	s->module = m;
	chain_append(&m->subscriptions, &s->of_module);
	chain_append(&p->subscriptions, &s->of_broker);
	m->nsubscriptions++;
	m->wanted_until = INT64_MAX;
	return 0;
}

static void
subscription_end(struct authority *a, int64_t now,
    struct authority_subscription *s)
{
	struct authority_module *m = s->module;
	uint64_t key[2];

	chain_remove(&s->of_module);
	chain_remove(&s->of_broker);
	map_del(&a->subscriptions, subscription_key(key, s->peer, m));
	free(s);
	if (--m->nsubscriptions > 0)
		return;
	m->wanted_until = now + AUTHORITY_IDLE_MS;
	authority_due(a, m->wanted_until);
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
	    authority_send_exchanges(a, p->gossip.handle, m) == -1)
		return -1;
	authority_module_review(a, now, m);
	return 0;
}

static int
authority_on_unsubscribe(struct authority *a, int64_t now,
    struct authority_peer *p, const struct msg *msg)
{
	struct authority_module *m =
	    map_get(&a->modules, msg->u.unsubscribe.module);
	struct authority_subscription *s;
	uint64_t key[2];

	if (m != NULL && (s = map_get(&a->subscriptions,
	    subscription_key(key, p->gossip.handle, m))) != NULL)
		subscription_end(a, now, s);
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
	struct authority_foreign *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return -1;
	f->peer = p;
	f->instance = item->instance;
	hostport_copy(f->address,
	    gossip_resolve(&p->gossip, item->address, buf));
	f->next = m->foreign;
	m->foreign = f;
	return 0;
}

static int
authority_on_exchanges(struct authority *a, int64_t now,
    struct authority_peer *p, const struct msg *msg)
{
	struct authority_module *m =
	    authority_module_get(a, now, msg->u.exchanges.module);
	struct slice list = msg->u.exchanges.exchanges;
	struct peer_item item;
	int n = 0, r = 0;

	if (m == NULL)
		return errno == ENOBUFS ? 0 : -1;
	foreign_drop(m, p);
	while (r == 0 && n++ < AUTHORITY_FOREIGN_MAX &&
	    item_next(&schema_peer_item, &list, &item) == 1)
		r = foreign_add(m, p, &item);
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

/* Is it among the first for the module, of us and the authorities that we are
 * linked to? */
static int
authority_is_responsible(const struct authority *a, const struct id *id,
    const struct authority_module *m)
{
	struct slice name = m->name;
	const struct gossip_peer *p = NULL;
	unsigned before = (unsigned)rendezvous_before(&a->gossip.own, id, name);

	while (before < a->redundancy &&
	    (p = gossip_next(&a->gossip.authorities, p)) != NULL)
		before += (unsigned)rendezvous_before(&p->instance, id, name);
	return before < a->redundancy;
}

int
authority_module_succeeded(const struct authority *a,
    const struct authority_module *m)
{
	const struct gossip_peer *p = NULL;

	while ((p = gossip_next(&a->gossip.authorities, p)) != NULL)
		if (authority_is_responsible(a, &p->instance, m) &&
		    !foreign_any(m, p))
			return 0;
	return 1;
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
	    authority_is_responsible(a, &a->gossip.own, m));
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

/* Remember the broker, in the place of the one that has been gone longest. */
static void
authority_remember(struct authority *a, int64_t now,
    const struct gossip_peer *p)
{
	struct authority_gone *g = &a->gone[a->ngone++ % AUTHORITY_GONE];

	g->instance = p->instance;
	memcpy(g->address, p->address, sizeof(g->address));
	g->since = now;
}

/* It is back, or was linked anew. */
static void
authority_unremember(struct authority *a, const struct id *instance)
{
	size_t i;

	for (i = 0; i < AUTHORITY_GONE; i++)
		if (id_equal(&a->gone[i].instance, instance))
			memset(&a->gone[i], 0, sizeof(a->gone[i]));
}

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
		if (m->exchanges != NULL)
			authority_send_exchanges(a, handle, m);
	authority_review_all(a, now);
}

/*
 * What follows from it is worked out at the end of the turn: where one link
 * takes another's place, the loss of the old comes just before the new. An
 * authority that dialled us may be unable to do so again, so we dial it.
 */
static void
authority_lost(struct authority *a, int64_t now, struct authority_peer *p)
{
	struct slice address = gossip_address(&p->gossip);
	struct authority_module *m = NULL;

	if (!a->stopping)
		outbox_log(&a->out, LOG_INFO, "lost authority %s",
		    address.len > 0 ? (const char *)address.p :
		    p->gossip.address);
	if (!p->gossip.dialled && address.len > 0)
		outbox_act(&a->out, ACT_DIAL, GOSSIP_TAG, DIAL_HOUR, address);
	while ((m = authority_module_next(a, m)) != NULL)
		foreign_drop(m, p);
	authority_due(a, now);
}

static void
authority_peer_down(void *core, int64_t now, uint32_t handle)
{
	struct authority *a = core;
	struct authority_peer *p = gossip_find(&a->gossip, handle);
	struct authority_subscription *s;

	if (p == NULL)
		return;
	while ((s = CHAIN_NEXT(&p->subscriptions, NULL,
	    struct authority_subscription, of_broker)) != NULL)
		subscription_end(a, now, s);
	gather_down(&a->gather, handle);
	if (p->exchange != NULL)
		authority_exchange_down(a, now, p);
	if (p->gossip.role == ROLE_AUTHORITY)
		authority_lost(a, now, p);
	else if (p->gossip.role == ROLE_BROKER)
		authority_remember(a, now, &p->gossip);
	gossip_down(&a->gossip, &p->gossip);
}

/* Inspect. */

/* authority ADDRESS instance ID self 1: ourselves; then the others, self 0 */
static void
authority_report_authorities(const struct authority *a, struct report *r)
{
	const struct gossip_peer *p = NULL;
	char id[ID_TEXT];

	report_row(r, "authority %s instance %s self 1",
	    a->gossip.address[0] == '\0' ? "-" : a->gossip.address,
	    id_print(&a->gossip.own, id));
	while ((p = gossip_next(&a->gossip.authorities, p)) != NULL)
		report_row(r, "authority %s instance %s self 0",
		    gossip_address(p).len == 0 ? p->address :
		    (const char *)gossip_address(p).p,
		    id_print(&p->instance, id));
}

/* broker ADDRESS instance ID state linked|gone for_s SECONDS */
static void
authority_report_broker(struct report *r, const char *address,
    const struct id *instance, const char *state, int64_t for_ms)
{
	char id[ID_TEXT];

	report_row(r, "broker %s instance %s state %s for_s %lld",
	    address[0] == '\0' ? "-" : address, id_print(instance, id),
	    state, (long long)for_ms / 1000);
}

static void
authority_report_brokers(const struct authority *a, int64_t now,
    struct report *r)
{
	const struct authority_gone *g = a->gone;
	const struct gossip_peer *p = NULL;

	while ((p = gossip_next(&a->gossip.brokers, p)) != NULL)
		authority_report_broker(r, p->address, &p->instance, "linked",
		    now - ((const struct authority_peer *)p)->since);
	for (; g < a->gone + AUTHORITY_GONE; g++)
		if (!id_is_zero(&g->instance) &&
		    now - g->since <= AUTHORITY_GONE_MS)
			authority_report_broker(r, g->address, &g->instance,
			    "gone", now - g->since);
}

/* exchange ADDRESS module NAME instance ID authority ID
 * state starting|dialling|linked|retiring|announced
 * An address or instance that is not known yet is "-". */
static void
authority_report_exchanges(const struct authority *a,
    const struct authority_module *m, struct report *r)
{
	static const char *const states[] = { "starting", "dialling",
		"linked", "retiring" };
	char id[ID_TEXT], by[ID_TEXT], address[ADDRESS_MAX + 1];
	struct slice name = m->name;
	const struct authority_foreign *f;
	const struct authority_exchange *x;

	for (x = m->exchanges; x != NULL; x = x->next)
		report_row(r, "exchange %.*s module %.*s instance %s "
		    "authority %s state %s",
		    SLICE_ARG(x->address[0] == '\0' ? slice_str("-") :
		    authority_exchange_address(a, x, address)),
		    SLICE_ARG(name), x->peer == NULL ? "-" :
		    id_print(&x->peer->gossip.instance, id),
		    id_print(&a->gossip.own, by), states[x->state]);
	for (f = m->foreign; f != NULL; f = f->next)
		report_row(r, "exchange %s module %.*s instance %s "
		    "authority %s state announced", f->address,
		    SLICE_ARG(name), id_print(&f->instance, id),
		    id_print(&f->peer->gossip.instance, by));
}

/* module NAME subscribers N responsible 0|1 */
static void
authority_report_module(const struct authority *a,
    const struct authority_module *m, struct report *r)
{
	report_row(r, "module %.*s subscribers %zu responsible %d",
	    SLICE_ARG(m->name), m->nsubscriptions,
	    authority_is_responsible(a, &a->gossip.own, m));
}

/* To a broker that is linked, and its rows back. */
static int
authority_pass_on(struct authority *a, int64_t now, struct report *r,
    const struct msg *msg)
{
	const struct id *to = &msg->u.inspect.to;
	const struct gossip_peer *p = NULL;
	struct gather_question *q;
	char id[ID_TEXT];

	while ((p = gossip_next(&a->gossip.brokers, p)) != NULL &&
	    !id_equal(&p->instance, to))
		;
	if (p == NULL) {
		gather_silent(r, id_print(to, id), role_name(ROLE_BROKER),
		    "it is not linked");
		return report_end(r);
	}
	if ((q = gather_open(&a->gather, now, r, msg)) == NULL)
		return report_end(r);
	if (report_pause(r) == -1)
		return -1;
	gather_ask(&a->gather, q, p->handle, ROLE_BROKER, to, msg);
	gather_go(&a->gather, q);
	return 0;
}

static int
authority_on_answer(struct authority *a, int64_t now, struct authority_peer *p,
    const struct msg *msg)
{
	(void)now;
	return gather_answer(&a->gather, p->gossip.handle, &msg->u.report);
}

static int
authority_on_inspect(struct authority *a, int64_t now, struct authority_peer *p,
    const struct msg *msg)
{
	struct slice what = msg->u.inspect.what;
	const struct authority_module *m = NULL;
	struct report r;

	report_begin(&r, &a->out, p->gossip.handle, msg);
	if (!id_is_zero(&msg->u.inspect.to))
		return authority_pass_on(a, now, &r, msg);
	if (report_wants(what, "authorities"))
		authority_report_authorities(a, &r);
	if (report_wants(what, "peers"))
		authority_report_brokers(a, now, &r);
	if (report_wants(what, "exchanges"))
		while ((m = authority_module_next(a, m)) != NULL)
			authority_report_exchanges(a, m, &r);
	if (report_wants(what, "modules"))
		while ((m = authority_module_next(a, m)) != NULL)
			authority_report_module(a, m, &r);
	return report_end(&r);
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
	(void)msg;
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
	int64_t at = gossip_deadline(&a->gossip);

	if (authority_exchange_may_start(a))
		return 0;
	if (gather_deadline(&a->gather) < at)
		at = gather_deadline(&a->gather);
	return at < a->due ? at : a->due;
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
