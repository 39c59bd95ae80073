#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "array.h"
#include "ctl_state.h"
#include "fail.h"

/* A dead broker may go unnoticed for as long, by each authority. */
#define TIER_UNNOTICED_S 60

/* Reading. */

/* The entry of the key, as of map_enter(); NULL without memory, and for a key
 * that is empty or not known. */
static void *
tier_entry(struct tier *t, struct map *map, struct slice key, size_t size)
{
	void *value;

	if (key.len == 0 || slice_is(key, "-"))
		return NULL;
	if ((value = map_enter(map, key, size)) == NULL)
		t->failed = 1;
	return value;
}

struct slice
tier_known(struct slice s)
{
	return slice_is(s, "-") ? slice_of("", 0) : s;
}

static struct tier_host *
tier_host(struct tier *t, struct slice id)
{
	struct tier_host *h = tier_entry(t, &t->hosts, id, sizeof(*h));

	if (h != NULL && h->state == NULL)
		h->state = "linked";
	return h;
}

static struct tier_module *
tier_module(struct tier *t, struct slice name)
{
	return tier_entry(t, &t->modules, name, sizeof(struct tier_module));
}

static struct tier_exchange *
tier_exchange(struct tier *t, struct slice id, struct slice module)
{
	struct tier_exchange *x = tier_entry(t, &t->exchanges, id, sizeof(*x));
	struct tier_module *m;

	if (x == NULL || x->module.p != NULL)
		return x;
	x->module = module;
	if ((m = tier_module(t, module)) != NULL)
		m->exchanges++;
	return x;
}

/* Put the name at the end of the list, which is len long, if there is room:
 * else "...", which stays the last. Returns the new length. */
static size_t
tier_list_put(char list[NAMES_MAX], size_t len, struct slice name)
{
	if (len >= 3 && strcmp(list + len - 3, "...") == 0)
		return len;
	if (len + 1 + name.len + sizeof(",...") > NAMES_MAX)
		name = slice_str("...");
	return len + (size_t)snprintf(list + len, NAMES_MAX - len, "%s%.*s",
	    len == 0 ? "" : ",", SLICE_ARG(name));
}

/* Add a name to a list with commas, which is sorted, if it is not there. */
static void
tier_list(char list[NAMES_MAX], struct slice name)
{
	char old[NAMES_MAX];
	struct slice rest, one;
	size_t len = 0, n;
	int diff, put = 0;

	memcpy(old, list, NAMES_MAX);
	list[0] = '\0';
	for (rest = slice_str(old); rest.len > 0;
	    rest = slice_of(rest.p + n, rest.len - n)) {
		n = strcspn((const char *)rest.p, ",");
		one = slice_of(rest.p, n);
		n += n < rest.len;
		diff = slice_is(one, "...") ? 0 : row_compare(name, one);
		if (diff < 0 && !put)
			len = tier_list_put(list, len, name);
		put |= diff <= 0;
		len = tier_list_put(list, len, one);
	}
	if (!put)
		tier_list_put(list, len, name);
}

static void
tier_read_authority(struct tier *t, struct slice id, struct slice address)
{
	struct tier_authority *a = tier_entry(t, &t->authorities, id,
	    sizeof(*a));

	if (a != NULL && a->address.len == 0)
		a->address = tier_known(address);
}

/* A broker, as an authority knows it; it may be linked to another one. */
static void
tier_read_broker(struct tier *t, const struct row *r)
{
	struct slice id = row_get(r, "instance");
	int gone = row_is(r, "state", "gone");
	int is_new = map_get(&t->hosts, id) == NULL;
	struct tier_host *h = tier_host(t, id);

	if (h == NULL)
		return;
	if (h->address.len == 0)
		h->address = tier_known(r->name);
	if (h->node.len == 0)
		h->node = tier_known(row_get(r, "node"));
	if (gone && !is_new)
		return;
	h->state = gone ? "gone" : "linked";
	h->homes++;
	h->for_s = row_number(r, "for_s");
	h->modules = row_get(r, "modules");
}

static void
tier_row_authority(struct tier *t, const struct row *r)
{
	struct tier_exchange *x;

	if (slice_is(r->word, "authority")) {
		tier_read_authority(t, row_get(r, "instance"), r->name);
		return;
	}
	if (slice_is(r->word, "broker"))
		tier_read_broker(t, r);
	if (slice_is(r->word, "exchange") &&
	    (x = tier_exchange(t, row_get(r, "instance"),
	    row_get(r, "module"))) != NULL) {
		x->address = r->name;
		x->authority = row_get(r, "authority");
	}
}

/* NULL without memory, and where the names are too long. */
static struct tier_buy *
tier_buy(struct tier *t, struct slice broker, struct slice order)
{
	char key[256];
	int n = snprintf(key, sizeof(key), "%.*s %.*s", SLICE_ARG(broker),
	    SLICE_ARG(order));

	if (n < 0 || (size_t)n >= sizeof(key))
		return NULL;
	return tier_entry(t, &t->buys, slice_str(key),
	    sizeof(struct tier_buy));
}

static void
tier_row_broker(struct tier *t, const struct row *r, struct slice broker)
{
	struct tier_exchange *x;
	struct tier_host *h;
	struct tier_buy *b;

	if (slice_is(r->word, "broker") && row_is(r, "self", "1")) {
		if ((h = tier_host(t, row_get(r, "instance"))) == NULL)
			return;
		h->self = 1;
		if (tier_known(r->name).len > 0)
			h->address = r->name;
		h->node = tier_known(row_get(r, "node"));
	} else if (slice_is(r->word, "order") && row_is(r, "kind", "buy")) {
		if ((b = tier_buy(t, broker, r->name)) != NULL)
			b->owner = row_get(r, "instance");
	} else if (slice_is(r->word, "authority")) {
		tier_read_authority(t, row_get(r, "instance"), r->name);
		if ((h = tier_host(t, broker)) != NULL)
			h->homes++;
	} else if (slice_is(r->word, "exchange") &&
	    (x = tier_exchange(t, row_get(r, "instance"),
	    row_get(r, "module"))) != NULL && x->address.len == 0)
		x->address = r->name;
}

static void
tier_read_sell(struct tier *t, const struct row *r, struct slice module)
{
	struct tier_seller *s = tier_entry(t, &t->sellers, r->name,
	    sizeof(*s));
	struct tier_host *h = tier_host(t, row_get(r, "broker"));

	if (h != NULL) {
		tier_list(h->sells, module);
		if (h->node.len == 0)
			h->node = tier_known(row_get(r, "node"));
	}
	if (s == NULL)
		return;
	if (s->module.p == NULL) {
		s->module = module;
		s->address = row_get(r, "address");
		s->node = row_get(r, "node");
		s->attrs = row_get(r, "attributes");
		s->broker = row_get(r, "broker");
	}
	s->quantity = row_number(r, "quantity");
	s->reserved = row_number(r, "reserved");
}

/* A buy stands at several exchanges, and says the same at each. */
static void
tier_read_buy(struct tier *t, const struct row *r, struct slice module)
{
	struct tier_host *h = tier_host(t, row_get(r, "broker"));
	struct tier_buy *b = tier_buy(t, row_get(r, "broker"), r->name);

	if (h != NULL)
		tier_list(h->buys, module);
	if (b == NULL)
		return;
	b->module = module;
	b->broker = row_get(r, "broker");
	b->order = r->name;
	b->constraints = row_get(r, "constraints");
	b->missing = row_number(r, "missing");
	b->held = row_number(r, "held");
	if (row_number(r, "age_ms") > b->age_ms)
		b->age_ms = row_number(r, "age_ms");
}

static struct slice
tier_row_exchange(struct tier *t, const struct row *r,
    const struct walk_node *from, struct slice module)
{
	struct tier_exchange *x;

	if (slice_is(r->word, "exchange")) {
		module = row_get(r, "module");
		x = tier_exchange(t, row_get(r, "instance"), module);
		if (x != NULL) {
			x->from = from;
			x->address = from->address;
			x->standing = row_is(r, "state", "standing");
		}
	} else if (slice_is(r->word, "sell"))
		tier_read_sell(t, r, module);
	else if (slice_is(r->word, "buy"))
		tier_read_buy(t, r, module);
	return module;
}

/* Whose rows are read. */
struct tier_from {
	const struct walk_node *node;
	unsigned role;
	struct slice id, broker, pid;
	struct slice rest; /* what stands after this row */
};

/* A listener may say that it is at every address: at its host's, then. */
static struct slice
tier_address(struct tier_listener *l, const struct tier_host *h,
    struct slice address)
{
	struct slice ip = h == NULL ? slice_of("", 0) :
	    tier_known(row_ip(h->address));

	if (ip.len > 2 && ip.p[0] == '[')
		ip = slice_of(ip.p + 1, ip.len - 2);
	return hostport_fill(address, ip, l->filled);
}

/* A listener in this state sells no more. */
static int
tier_drains(struct slice state)
{
	return slice_is(state, "draining") || slice_is(state, "drained");
}

static void
tier_row_listener(struct tier *t, const struct row *r,
    const struct tier_from *from)
{
	struct tier_listener *l;
	struct tier_host *h;

	if (!slice_is(r->word, "listener"))
		return;
	h = tier_host(t, from->broker);
	if (h != NULL && !tier_drains(row_get(r, "state")))
		tier_list(h->sells, row_get(r, "module"));
	l = tier_entry(t, &t->listeners, row_get(r, "instance"), sizeof(*l));
	if (l == NULL)
		return;
	l->module = row_get(r, "module");
	l->address = from->broker.len == 0 ? from->node->address :
	    tier_address(l, h, r->name);
	l->state = row_get(r, "state");
	l->attrs = row_get(r, "attributes");
	l->capacity = row_number(r, "capacity");
	l->held = row_number(r, "held");
	l->left = row_number(r, "left");
	l->broker = from->broker;
	l->rows = from->rest;
}

static void
tier_row_plb(struct tier *t, const struct row *r, const struct tier_from *from)
{
	struct tier_host *h = tier_host(t, from->broker);
	struct tier_plb *p;

	if (!slice_is(r->word, "plb"))
		return;
	if (h != NULL)
		tier_list(h->buys, r->name);
	if ((p = tier_entry(t, &t->plbs, from->id, sizeof(*p))) == NULL)
		return;
	p->pid = from->pid;
	p->broker = from->broker;
	p->module = r->name;
	p->wanted = row_number(r, "wanted");
	p->tokens = row_number(r, "tokens");
	p->in_flight = row_number(r, "in_flight");
	p->queued = row_number(r, "queued");
}

static void
tier_row_key(struct tier *t, const struct row *r)
{
	struct tier_key *k = tier_entry(t, &t->keys, r->name, sizeof(*k));

	if (k == NULL)
		return;
	k->links += row_number(r, "links");
	k->dials += (uint64_t)row_is(r, "state", "dials");
	k->accepted += (uint64_t)row_is(r, "state", "accepted");
	k->dropped += (uint64_t)row_is(r, "state", "dropped");
}

static void
tier_row_closes(struct tier *t, const struct row *r,
    const struct tier_from *from)
{
	struct tier_closes *c = tier_entry(t, &t->closes, from->id,
	    sizeof(*c));

	if (c == NULL)
		return;
	c->links = row_number(r, "links");
	c->state = row_get(r, "state");
	c->role = from->role;
	c->broker = from->broker;
	c->node = from->node;
}

/* The rows that follow are of this process. */
static void
tier_row_process(struct tier_from *from, const struct row *r)
{
	static const unsigned roles[] = { ROLE_AUTHORITY, ROLE_BROKER,
		ROLE_EXCHANGE, ROLE_LISTENER, ROLE_CHANNEL, ROLE_PLB,
		ROLE_CALLER };
	size_t i;

	from->role = 0;
	for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
		if (row_is(r, "role", role_name(roles[i])))
			from->role = roles[i];
	from->id = r->name;
	from->pid = row_get(r, "pid");
	if (from->role == ROLE_BROKER)
		from->broker = r->name;
}

int
tier_next_client(const struct tier_listener *l, struct slice *rows,
    struct slice *whose, struct row *r)
{
	while (row_next(rows, r))
		if (slice_is(r->word, "process"))
			*whose = r->name;
		else if (slice_is(r->word, "client") &&
		    slice_equal(*whose, l->id))
			return 1;
	return 0;
}

static void
tier_read_node(struct tier *t, const struct walk_node *n)
{
	struct tier_from from = { .node = n, .role = n->role,
		.rest = buf_slice(&n->rows) };
	struct slice module = slice_of("", 0);
	struct row r;

	while (row_next(&from.rest, &r))
		if (slice_is(r.word, "process"))
			tier_row_process(&from, &r);
		else if (slice_is(r.word, "key"))
			tier_row_key(t, &r);
		else if (slice_is(r.word, "closes"))
			tier_row_closes(t, &r, &from);
		else if (from.role == ROLE_AUTHORITY)
			tier_row_authority(t, &r);
		else if (from.role == ROLE_BROKER)
			tier_row_broker(t, &r, from.broker);
		else if (from.role == ROLE_EXCHANGE)
			module = tier_row_exchange(t, &r, n, module);
		else if (from.role == ROLE_LISTENER)
			tier_row_listener(t, &r, &from);
		else if (from.role & (ROLE_PLB | ROLE_CALLER))
			tier_row_plb(t, &r, &from);
}

/* What a listener uses, in its module. One that drains sells nothing: it counts
 * for what still runs there, and says nothing of balance. */
static void
tier_add_use(struct tier *t, struct tier_module *m,
    const struct tier_listener *l)
{
	uint64_t percent = l->capacity == 0 ? 0 : l->held * 100 / l->capacity;
	unsigned char *use;

	if (tier_drains(l->state)) {
		m->total += l->held;
		m->used += l->held;
		return;
	}
	use = array_grow(m->use, &m->cap, m->answers + 1, t->listeners.n, 1);
	if (use == NULL) {
		t->failed = 1;
		return;
	}
	m->use = use;
	m->use[m->answers++] = (unsigned char)(percent > 200 ? 200 : percent);
	m->total += l->capacity;
	m->used += l->held;
	m->free += l->left;
}

/* Whoever holds something buys it, though no order of it stands anywhere. */
static void
tier_add_buyer(struct tier *t, struct slice client, struct slice module)
{
	struct slice ip = row_ip(client);
	struct tier_host *h;
	size_t pos = 0;

	while ((h = map_next(&t->hosts, &pos)) != NULL)
		if (slice_equal(row_ip(h->address), ip) &&
		    strcmp(h->state, "gone") != 0)
			tier_list(h->buys, module);
}

static void
tier_add_clients(struct tier *t, const struct tier_listener *l)
{
	struct slice rows = l->rows, whose = l->id;
	struct row r;

	while (tier_next_client(l, &rows, &whose, &r))
		if (row_number(&r, "held") > 0 &&
		    map_get(&t->plbs, row_get(&r, "instance")) == NULL)
			tier_add_buyer(t, r.name, l->module);
}

static void
tier_sum(struct tier *t)
{
	const struct tier_listener *l;
	const struct tier_seller *s;
	const struct tier_buy *b;
	struct tier_module *m;
	size_t pos = 0;

	while ((s = map_next(&t->sellers, &pos)) != NULL) {
		if ((m = tier_module(t, s->module)) == NULL)
			continue;
		m->sellers++;
		if (map_get(&t->listeners, s->id) == NULL)
			m->free += s->quantity;
	}
	for (pos = 0; (l = map_next(&t->listeners, &pos)) != NULL;) {
		if ((m = tier_module(t, l->module)) == NULL)
			continue;
		m->sellers += map_get(&t->sellers, l->id) == NULL;
		tier_add_use(t, m, l);
		tier_add_clients(t, l);
	}
	for (pos = 0; (b = map_next(&t->buys, &pos)) != NULL;)
		if ((m = tier_module(t, b->module)) != NULL)
			m->waiting += b->missing;
}

/* Has another broker of its host and name taken its place? Then it was linked
 * after this one had gone, or while its death was not noticed. Without a
 * name loopback says nothing. */
static int
tier_is_replaced(const struct tier *t, const struct tier_host *h)
{
	struct slice ip = row_ip(h->address);
	const struct tier_host *other;
	size_t pos = 0;

	if (ip.len == 0 || (h->node.len == 0 && hostport_loopback(ip)))
		return 0;
	while ((other = map_next(&t->hosts, &pos)) != NULL)
		if (strcmp(other->state, "gone") != 0 &&
		    slice_equal(row_ip(other->address), ip) &&
		    slice_equal(other->node, h->node) &&
		    other->for_s <= h->for_s + TIER_UNNOTICED_S)
			return 1;
	return 0;
}

static void
tier_drop_replaced(struct tier *t)
{
	struct tier_host *h;
	size_t pos = 0;

	while ((h = map_next(&t->hosts, &pos)) != NULL)
		h->replaced = strcmp(h->state, "gone") == 0 &&
		    tier_is_replaced(t, h);
	for (pos = 0; (h = map_next(&t->hosts, &pos)) != NULL;)
		if (h->replaced) {
			free(map_del(&t->hosts, h->id));
			pos = 0;
		}
}

int
tier_read(struct tier *t, const struct walk *w, uint64_t seed)
{
	struct map *const maps[] = { &t->hosts, &t->authorities,
		&t->exchanges, &t->modules, &t->sellers, &t->listeners,
		&t->buys, &t->plbs, &t->keys, &t->closes };
	size_t i;

	t->seed = seed;
	t->failed = t->keeps = 0;
	for (i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		map_init(maps[i], seed);
	for (i = 0; i < w->n; i++)
		if (w->at[i]->state == WALK_DONE)
			tier_read_node(t, w->at[i]);
	tier_drop_replaced(t);
	tier_sum(t);
	return t->failed ? fail(ENOMEM) : 0;
}

int
tier_knows(const struct tier *t, const char *module)
{
	const struct tier_plb *p;
	size_t pos = 0;

	if (map_get(&t->modules, slice_str(module)) != NULL)
		return 1;
	while ((p = map_next(&t->plbs, &pos)) != NULL)
		if (slice_is(p->module, module))
			return 1;
	return 0;
}

void
tier_free(struct tier *t)
{
	struct tier_module *m;
	size_t pos = 0;

	while ((m = map_next(&t->modules, &pos)) != NULL)
		free(m->use);
	map_free_values(&t->hosts);
	map_free_values(&t->authorities);
	map_free_values(&t->exchanges);
	map_free_values(&t->modules);
	map_free_values(&t->sellers);
	map_free_values(&t->listeners);
	map_free_values(&t->buys);
	map_free_values(&t->plbs);
	map_free_values(&t->keys);
	map_free_values(&t->closes);
}
