#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "authority_state.h"
#include "hostport.h"
#include "rendezvous.h"

struct slice
authority_module_name(const struct module *m)
{
	return slice_of(m->name, m->len);
}

struct module *
authority_module_get(struct authority *a, int64_t now, struct slice name)
{
	struct module *m = map_get(&a->modules, name);

	if (m != NULL)
		return m;
	if (a->modules.n >= AUTHORITY_MODULES_MAX) {
		errno = ENOBUFS;
		return NULL;
	}
	if ((m = calloc(1, sizeof(*m) + name.len)) == NULL)
		return NULL;
	memcpy(m->name, name.p, name.len);
	m->len = name.len;
	m->wanted_until = m->start_at = now;
	if (map_put(&a->modules, authority_module_name(m), m) == -1) {
		free(m);
		return NULL;
	}
	chain_init(&m->subs);
	chain_init(&m->turn);
	chain_append(&a->all, &m->chain);
	return m;
}

void
authority_module_free(struct module *m)
{
	struct foreign *f;
	struct run *r;

	while ((f = m->foreign) != NULL) {
		m->foreign = f->next;
		free(f);
	}
	while ((r = m->runs) != NULL) {
		m->runs = r->next;
		free(r);
	}
	chain_remove(&m->chain);
	chain_remove(&m->turn);
	free(m);
}

struct module *
authority_module_next(const struct authority *a, const struct module *m)
{
	return CHAIN_NEXT(&a->all, m, struct module, chain);
}

static void
forget(struct authority *a, struct module *m)
{
	map_del(&a->modules, authority_module_name(m));
	authority_module_free(m);
}

/* What we announce. */

static int
send_exchanges(struct authority *a, const struct peer *to,
    const struct module *mod)
{
	char address[ADDRESS_MAX + 1];
	struct peer_item item;
	const struct run *r;
	struct msg m;

	if (scratch_begin(&a->list, LIST_MAX) == -1)
		return -1;
	for (r = mod->runs; r != NULL; r = r->next) {
		if (r->state != RUN_UP)
			continue;
		item.instance = r->peer->instance;
		item.address = authority_run_address(a, r, address);
		scratch_item(&a->list, &schema_peer_item, &item);
	}
	memset(&m, 0, sizeof(m));
	m.type = MSG_EXCHANGES;
	m.u.exchanges.module = authority_module_name(mod);
	m.u.exchanges.exchanges = scratch_slice(&a->list);
	return outbox_send(&a->out, to->handle, &m);
}

void
authority_tell(struct authority *a, const struct module *m)
{
	const struct sub *s = NULL;
	const struct peer *p = NULL;

	while ((s = CHAIN_NEXT(&m->subs, s, struct sub, of_module)) != NULL)
		send_exchanges(a, s->peer, m);
	while ((p = gossip_next(&a->gossip.authorities, p)) != NULL)
		send_exchanges(a, p, m);
}

int
authority_announce_all(struct authority *a, struct peer *to)
{
	const struct module *m = NULL;

	while ((m = authority_module_next(a, m)) != NULL)
		if (m->runs != NULL && send_exchanges(a, to, m) == -1)
			return -1;
	return 0;
}

/* Subscriptions. */

static struct sub *
sub_of(const struct authority *a, const struct peer *p, const struct module *m)
{
	struct sub_key key;

	key.peer = p->handle;
	key.module = (uint64_t)(uintptr_t)m;
	return map_get(&a->subs, slice_of(&key, sizeof(key)));
}

static int
sub_add(struct authority *a, struct peer *p, struct module *m)
{
	struct sub *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return -1;
	s->key.peer = p->handle;
	s->key.module = (uint64_t)(uintptr_t)m;
	s->peer = p;
	s->module = m;
	if (map_put(&a->subs, slice_of(&s->key, sizeof(s->key)), s) == -1) {
		free(s);
		return -1;
	}
	chain_append(&m->subs, &s->of_module);
	chain_append(&p->subs, &s->of_broker);
	m->nsubs++;
	m->wanted_until = INT64_MAX;
	return 0;
}

static void
sub_del(struct authority *a, int64_t now, struct sub *s)
{
	struct module *m = s->module;

	chain_remove(&s->of_module);
	chain_remove(&s->of_broker);
	map_del(&a->subs, slice_of(&s->key, sizeof(s->key)));
	free(s);
	if (--m->nsubs > 0)
		return;
	m->wanted_until = now + AUTHORITY_IDLE_MS;
	authority_due(a, m->wanted_until);
}

int
authority_subscribe(struct authority *a, int64_t now, struct peer *p,
    struct slice name)
{
	struct module *m = authority_module_get(a, now, name);

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
	if (sub_of(a, p, m) == NULL && sub_add(a, p, m) == -1)
		return -1;
	if (send_exchanges(a, p, m) == -1)
		return -1;
	authority_review(a, now, m);
	return 0;
}

int
authority_unsubscribe(struct authority *a, int64_t now, struct peer *p,
    struct slice name)
{
	struct module *m = map_get(&a->modules, name);
	struct sub *s = m == NULL ? NULL : sub_of(a, p, m);

	if (s != NULL)
		sub_del(a, now, s);
	return 0;
}

void
authority_broker_lost(struct authority *a, int64_t now, struct peer *p)
{
	while (!chain_empty(&p->subs))
		sub_del(a, now, CHAIN_NEXT(&p->subs, NULL, struct sub,
		    of_broker));
}

/* What others announce. */

static void
foreign_drop(struct module *m, const struct peer *p)
{
	struct foreign **link = &m->foreign, *f;

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
foreign_add(struct module *m, struct peer *p, const struct peer_item *item)
{
	struct slice host, port, address;
	char filled[ADDRESS_MAX + 1];
	struct foreign *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return -1;
	hostport_split(slice_str(p->address), &host, &port);
	address = hostport_fill(item->address, host, filled);
	f->peer = p;
	f->instance = item->instance;
	memcpy(f->address, address.p, address.len);
	f->next = m->foreign;
	m->foreign = f;
	return 0;
}

int
authority_exchanges(struct authority *a, int64_t now, struct peer *p,
    const struct msg_exchanges *e)
{
	struct module *m = authority_module_get(a, now, e->module);
	struct slice list = e->exchanges;
	struct peer_item item;
	int n = 0, r = 0;

	if (m == NULL)
		return errno == ENOBUFS ? 0 : -1;
	foreign_drop(m, p);
	while (r == 0 && n++ < AUTHORITY_FOREIGN_MAX &&
	    item_next(&schema_peer_item, &list, &item) == 1)
		r = foreign_add(m, p, &item);
	authority_review(a, now, m);
	return r;
}

void
authority_foreign_lost(struct authority *a, struct peer *p)
{
	struct module *m = NULL;

	while ((m = authority_module_next(a, m)) != NULL)
		foreign_drop(m, p);
}

/* Who is to run an exchange. */

int
authority_responsible(const struct authority *a, const struct module *m)
{
	const struct peer *p = NULL;
	unsigned before = 0;

	while ((p = gossip_next(&a->gossip.authorities, p)) != NULL)
		if (rendezvous_before(&p->instance, &a->gossip.own,
		    authority_module_name(m)) && ++before >= a->redundancy)
			return 0;
	return 1;
}

static int
announces(const struct module *m, const struct peer *p)
{
	const struct foreign *f;

	for (f = m->foreign; f != NULL; f = f->next)
		if (f->peer == p)
			return 1;
	return 0;
}

static int
is_first(const struct authority *a, const struct module *m,
    const struct peer *p)
{
	struct slice name = authority_module_name(m);
	const struct peer *q = NULL;
	unsigned before;

	before = rendezvous_before(&a->gossip.own, &p->instance, name) ? 1 : 0;
	while ((q = gossip_next(&a->gossip.authorities, q)) != NULL)
		if (q != p && rendezvous_before(&q->instance, &p->instance,
		    name))
			before++;
	return before < a->redundancy;
}

int
authority_succeeded(const struct authority *a, const struct module *m)
{
	const struct peer *p = NULL;

	while ((p = gossip_next(&a->gossip.authorities, p)) != NULL)
		if (is_first(a, m, p) && !announces(m, p))
			return 0;
	return 1;
}

void
authority_review(struct authority *a, int64_t now, struct module *m)
{
	int wanted = now < m->wanted_until;

	if (a->stopping)
		return;
	if (wanted && m->wanted_until != INT64_MAX)
		authority_due(a, m->wanted_until);
	authority_runs_review(a, now, m, wanted, authority_responsible(a, m));
	if (!wanted && m->runs == NULL && m->foreign == NULL)
		forget(a, m);
}

void
authority_review_all(struct authority *a, int64_t now)
{
	struct module *m, *next;

	for (m = authority_module_next(a, NULL); m != NULL; m = next) {
		next = authority_module_next(a, m);
		authority_review(a, now, m);
	}
}
