#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "attrs.h"
#include "ctl_tier.h"
#include "fail.h"

#define NAMES_MAX    256 /* bytes of a list of modules */
#define CLASSES	     OFFERS_MAX
#define TIER_EXPORTS 256 /* of a text, which is no longer */

/* What the tables hold. Each begins with its key (tier_entry()). */

/* A broker. */
struct tier_host {
	struct slice id, address, node; /* empty: not known */
	const char *state;
	uint64_t for_s;
	char sells[NAMES_MAX], buys[NAMES_MAX];
};

struct tier_authority {
	struct slice id, address;
};

struct tier_exchange {
	struct slice id, module, address, authority;
	const struct walk_node *from; /* its own rows; NULL: no answer */
	int standing;
};

/* A seller as exchanges know it. */
struct tier_seller {
	struct slice id, module, address, node, attrs, broker;
	uint64_t quantity, reserved;
};

/* And as it says itself. */
struct tier_listener {
	struct slice id, module, address, attrs;
	uint64_t capacity, held, left;
	const struct walk_node *from;
};

struct tier_buy {
	struct slice key, module, broker, order, constraints;
	uint64_t missing, held, age_ms;
};

struct tier_module {
	struct slice name;
	uint64_t total, used, free, waiting;
	size_t exchanges, sellers, answers;
	unsigned char *use; /* of each seller that answered, in percent */
	size_t cap;
};

/* Reading. */

/* The entry of the key, which is new where there is none; NULL without
 * memory, and for a key that is empty or not known. A new one is all zero, but
 * for its key, which stands first in it. */
static void *
tier_entry(struct tier *t, struct map *map, struct slice key, size_t size)
{
	struct slice *value;

	if (key.len == 0 || slice_is(key, "-"))
		return NULL;
	if ((value = map_get(map, key)) != NULL)
		return value;
	if ((value = map_alloc(map, size, &key)) == NULL)
		t->failed = 1;
	else
		*value = key;
	return value;
}

static struct slice
tier_known(struct slice s)
{
	return slice_is(s, "-") ? slice_of("", 0) : s;
}

static struct slice
tier_or_dash(struct slice s)
{
	return s.len > 0 ? s : slice_str("-");
}

/* The address without its port. */
static struct slice
tier_ip(struct slice address)
{
	size_t n = address.len;

	while (n > 0 && address.p[n - 1] != ':')
		n--;
	if (n > 0 && n < address.len && (address.p[0] == '[' ||
	    memchr(address.p, ':', n - 1) == NULL))
		address.len = n - 1;
	return tier_or_dash(address);
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

/* Add a name to a list with commas, where it is not there and there is room. */
static void
tier_list(char list[NAMES_MAX], struct slice name)
{
	size_t len = strlen(list), n;
	const char *p = list;

	for (; *p != '\0'; p += n + (p[n] == ',')) {
		n = strcspn(p, ",");
		if (n == name.len && memcmp(p, name.p, n) == 0)
			return;
	}
	if (len + name.len + 2 < NAMES_MAX)
		snprintf(list + len, NAMES_MAX - len, "%s%.*s",
		    len == 0 ? "" : ",", SLICE_ARG(name));
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
	if (gone && !is_new)
		return;
	h->state = gone ? "gone" : "linked";
	h->for_s = row_number(r, "for_s");
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

static void
tier_row_broker(struct tier *t, const struct row *r)
{
	struct tier_exchange *x;
	struct tier_host *h;

	if (slice_is(r->word, "broker") && row_is(r, "self", "1")) {
		if ((h = tier_host(t, row_get(r, "instance"))) == NULL)
			return;
		if (tier_known(r->name).len > 0)
			h->address = r->name;
		h->node = tier_known(row_get(r, "node"));
	} else if (slice_is(r->word, "authority")) {
		tier_read_authority(t, row_get(r, "instance"), r->name);
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
	struct tier_buy *b;
	char key[256];
	int n = snprintf(key, sizeof(key), "%.*s %.*s",
	    SLICE_ARG(row_get(r, "broker")), SLICE_ARG(r->name));

	if (h != NULL)
		tier_list(h->buys, module);
	if (n < 0 || (size_t)n >= sizeof(key))
		return;
	b = tier_entry(t, &t->buys, slice_str(key), sizeof(*b));
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

static void
tier_row_listener(struct tier *t, const struct row *r,
    const struct walk_node *from)
{
	struct tier_listener *l;

	if (!slice_is(r->word, "listener"))
		return;
	l = tier_entry(t, &t->listeners, row_get(r, "instance"), sizeof(*l));
	if (l == NULL)
		return;
	l->module = row_get(r, "module");
	l->address = from->address;
	l->attrs = row_get(r, "attributes");
	l->capacity = row_number(r, "capacity");
	l->held = row_number(r, "held");
	l->left = row_number(r, "left");
	l->from = from;
}

static void
tier_read_node(struct tier *t, const struct walk_node *n)
{
	struct slice rows = buf_slice(&n->rows), module = slice_of("", 0);
	struct row r;

	while (row_next(&rows, &r))
		if (n->role == ROLE_AUTHORITY)
			tier_row_authority(t, &r);
		else if (n->role == ROLE_BROKER)
			tier_row_broker(t, &r);
		else if (n->role == ROLE_EXCHANGE)
			module = tier_row_exchange(t, &r, n, module);
		else if (n->role == ROLE_LISTENER)
			tier_row_listener(t, &r, n);
}

/* What a listener uses, in its module. */
static void
tier_add_use(struct tier *t, struct tier_module *m,
    const struct tier_listener *l)
{
	uint64_t percent = l->capacity == 0 ? 0 : l->held * 100 / l->capacity;
	unsigned char *use = array_grow(m->use, &m->cap, m->answers + 1,
	    WALK_NODES_MAX, 1);

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
	struct slice ip = tier_ip(client);
	struct tier_host *h;
	size_t pos = 0;

	while ((h = map_next(&t->hosts, &pos)) != NULL)
		if (slice_equal(tier_ip(h->address), ip) &&
		    strcmp(h->state, "gone") != 0)
			tier_list(h->buys, module);
}

static void
tier_add_clients(struct tier *t, const struct tier_listener *l)
{
	struct slice rows = buf_slice(&l->from->rows);
	struct row r;

	while (row_next(&rows, &r))
		if (slice_is(r.word, "client") && row_number(&r, "held") > 0)
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

int
tier_read(struct tier *t, const struct walk *w, uint64_t seed)
{
	struct map *const maps[] = { &t->hosts, &t->authorities,
		&t->exchanges, &t->modules, &t->sellers, &t->listeners,
		&t->buys };
	size_t i;

	t->seed = seed;
	t->failed = 0;
	for (i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		map_init(maps[i], seed);
	for (i = 0; i < w->n; i++)
		if (w->at[i]->state == WALK_DONE)
			tier_read_node(t, w->at[i]);
	tier_sum(t);
	return t->failed ? fail(ENOMEM) : 0;
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
}

/* Printing. */

static void
tier_row(struct tier *t, const char *fmt, ...)
{
	char text[REPORT_ROW_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	t->row(t->arg, slice_str(text));
}

static int
tier_is_asked(const char *module, struct slice name)
{
	return module == NULL || slice_is(name, module);
}

static struct slice
tier_ip_of(const struct tier *t, struct slice broker)
{
	const struct tier_host *h = map_get(&t->hosts, broker);

	return h == NULL ? slice_str("-") : tier_ip(h->address);
}

void
tier_hosts(struct tier *t, const char *module)
{
	const struct tier_host *h;
	size_t pos = 0;

	(void)module;
	while ((h = map_next(&t->hosts, &pos)) != NULL)
		tier_row(t, "host %.*s broker %.*s node %.*s state %s "
		    "for_s %llu sells %s buys %s",
		    SLICE_ARG(tier_ip(h->address)), SLICE_ARG(h->id),
		    SLICE_ARG(tier_or_dash(h->node)),
		    h->state, (unsigned long long)h->for_s,
		    h->sells[0] == '\0' ? "-" : h->sells,
		    h->buys[0] == '\0' ? "-" : h->buys);
}

static int
tier_compare_use(const void *a, const void *b)
{
	return *(const unsigned char *)a - *(const unsigned char *)b;
}

/* A number, or "-" where it is not known; returns buf. */
#define TIER_NUMBER 24
static const char *
tier_number(int known, uint64_t n, char buf[TIER_NUMBER])
{
	if (known)
		snprintf(buf, TIER_NUMBER, "%llu", (unsigned long long)n);
	else
		strcpy(buf, "-");
	return buf;
}

static void
tier_capacity_module(struct tier *t, struct tier_module *m)
{
	char least[TIER_NUMBER], median[TIER_NUMBER], most[TIER_NUMBER];
	size_t n = m->answers;

	if (n > 0)
		qsort(m->use, n, 1, tier_compare_use);
	tier_row(t, "capacity %.*s total %llu used %llu free %llu "
	    "waiting %llu exchanges %zu sellers %zu answers %zu "
	    "least_pct %s median_pct %s most_pct %s", SLICE_ARG(m->name),
	    (unsigned long long)m->total, (unsigned long long)m->used,
	    (unsigned long long)m->free, (unsigned long long)m->waiting,
	    m->exchanges, m->sellers, n,
	    tier_number(n > 0, n > 0 ? m->use[0] : 0, least),
	    tier_number(n > 0, n > 0 ? m->use[n / 2] : 0, median),
	    tier_number(n > 0, n > 0 ? m->use[n - 1] : 0, most));
}

static void
tier_capacity_seller(struct tier *t, const struct tier_seller *s)
{
	const struct tier_listener *l = map_get(&t->listeners, s->id);
	char total[TIER_NUMBER], used[TIER_NUMBER];

	tier_row(t, "seller %.*s module %.*s node %.*s total %s used %s "
	    "free %llu instance %.*s", SLICE_ARG(s->address),
	    SLICE_ARG(s->module), SLICE_ARG(s->node),
	    tier_number(l != NULL, l != NULL ? l->capacity : 0, total),
	    tier_number(l != NULL, l != NULL ? l->held : 0, used),
	    (unsigned long long)(l != NULL ? l->left : s->quantity),
	    SLICE_ARG(s->id));
}

void
tier_capacity(struct tier *t, const char *module)
{
	const struct tier_seller *s;
	struct tier_module *m;
	size_t pos = 0;

	while ((m = map_next(&t->modules, &pos)) != NULL)
		if (tier_is_asked(module, m->name))
			tier_capacity_module(t, m);
	for (pos = 0; (s = map_next(&t->sellers, &pos)) != NULL;)
		if (tier_is_asked(module, s->module))
			tier_capacity_seller(t, s);
}

void
tier_users(struct tier *t, const char *module)
{
	const struct tier_listener *l;
	struct slice rows;
	size_t pos = 0;
	struct row r;

	while ((l = map_next(&t->listeners, &pos)) != NULL) {
		rows = buf_slice(&l->from->rows);
		while (tier_is_asked(module, l->module) && row_next(&rows, &r))
			if (slice_is(r.word, "client"))
				tier_row(t, "user %.*s module %.*s "
				    "seller %.*s held %llu state %.*s",
				    SLICE_ARG(r.name), SLICE_ARG(l->module),
				    SLICE_ARG(l->address), (unsigned long long)
				    row_number(&r, "held"),
				    SLICE_ARG(row_get(&r, "state")));
	}
}

/* Why. */

static size_t
tier_split(char *list, char **at, size_t max)
{
	size_t n = 0;

	while (list != NULL && n < max) {
		at[n++] = list;
		if ((list = strchr(list, ' ')) != NULL)
			*list++ = '\0';
	}
	return n;
}

/* The words of attrs_print() and constraints_print(), as encoded again. 0, or
 * -1 where that cannot be told from the text. */
static int
tier_encode(struct slice text, int constraints, struct buf *out)
{
	char copy[REPORT_ROW_MAX], *labels[LABELS_MAX], *item = copy, *end;
	char *exports[TIER_EXPORTS];
	const char *version = NULL, *export = NULL, *why, *which;
	size_t n = 0, nexports = 0;

	snprintf(copy, sizeof(copy), "%.*s", SLICE_ARG(text));
	for (; item != NULL && *item != '\0'; item = end) {
		end = strchr(item, ',');
		if (end != NULL && end[1] == ' ') {
			*end = '\0';
			end += 2;
		}
		if (strncmp(item, "version ", 8) == 0)
			version = item + 8;
		else if (strncmp(item, "export ", 7) == 0)
			export = item + 7;
		else if (strncmp(item, "exports ", 8) == 0)
			nexports = tier_split(item + 8, exports, TIER_EXPORTS);
		else if (strchr(item, '=') != NULL && n < LABELS_MAX)
			labels[n++] = item;
	}
	if (constraints)
		return constraints_build(out, version, export, labels, n, &why,
		    &which);
	return attrs_build(out, version, NULL, exports, nexports, labels, n,
	    &why, &which);
}

static int
tier_fits(struct slice constraints, struct slice attrs)
{
	struct buf c, a;
	int fits;

	buf_init(&c, LIST_MAX);
	buf_init(&a, LIST_MAX);
	fits = tier_encode(constraints, 1, &c) == 0 &&
	    tier_encode(attrs, 0, &a) == 0 &&
	    constraints_match(buf_slice(&c), buf_slice(&a));
	buf_free(&c);
	buf_free(&a);
	return fits;
}

/* What an exchange has not given away yet. */
static uint64_t
tier_offered(const struct tier_seller *s)
{
	return s->quantity > s->reserved ? s->quantity - s->reserved : 0;
}

/* In the words of lambda-call. */
static void
tier_reason(const struct tier *t, const struct tier_buy *b, char *why,
    size_t size)
{
	const struct tier_seller *s;
	uint64_t sellers = 0, fit = 0, left = 0;
	size_t pos = 0;

	while ((s = map_next(&t->sellers, &pos)) != NULL) {
		if (!slice_equal(s->module, b->module))
			continue;
		sellers++;
		if (!tier_fits(b->constraints, s->attrs))
			continue;
		fit++;
		left += tier_offered(s);
	}
	if (sellers == 0)
		snprintf(why, size, "nobody publishes it");
	else if (fit == 0)
		snprintf(why, size, "nothing on offer satisfies what is asked "
		    "for: %.*s", SLICE_ARG(b->constraints));
	else if (left == 0)
		snprintf(why, size, OFFERS_TAKEN);
	else
		snprintf(why, size, "it is being connected, or was refused; "
		    "on offer: %llu", (unsigned long long)left);
}

/* Those of equal attributes are one row. */
static void
tier_offers(struct tier *t, const char *module)
{
	struct { struct slice attrs; uint64_t sellers, free; } of[CLASSES];
	const struct tier_seller *s;
	size_t pos = 0, n = 0, i;

	while ((s = map_next(&t->sellers, &pos)) != NULL) {
		if (!tier_is_asked(module, s->module))
			continue;
		for (i = 0; i < n && !slice_equal(of[i].attrs, s->attrs); i++)
			;
		if (i == CLASSES)
			continue;
		if (i == n) {
			of[n].attrs = s->attrs;
			of[n].sellers = of[n].free = 0;
			n++;
		}
		of[i].sellers++;
		of[i].free += tier_offered(s);
	}
	for (i = 0; i < n; i++)
		tier_row(t, "offer %s sellers %llu free %llu attributes %.*s",
		    module, (unsigned long long)of[i].sellers,
		    (unsigned long long)of[i].free, SLICE_ARG(of[i].attrs));
}

/* A row for each buy that waits; then what is on offer. */
void
tier_why(struct tier *t, const char *module)
{
	const struct tier_module *m = map_get(&t->modules, slice_str(module));
	const struct tier_buy *b;
	char why[REPORT_ROW_MAX / 2];
	size_t pos = 0, n = 0;

	while ((b = map_next(&t->buys, &pos)) != NULL) {
		if (!slice_is(b->module, module) || b->missing == 0)
			continue;
		n++;
		tier_reason(t, b, why, sizeof(why));
		tier_row(t, "why %s host %.*s broker %.*s order %.*s "
		    "missing %llu held %llu age_ms %llu reason %s", module,
		    SLICE_ARG(tier_ip_of(t, b->broker)), SLICE_ARG(b->broker),
		    SLICE_ARG(b->order), (unsigned long long)b->missing,
		    (unsigned long long)b->held,
		    (unsigned long long)b->age_ms, why);
	}
	if (n == 0)
		tier_row(t, "why %s reason %s", module, m == NULL ||
		    (m->exchanges == 0 && m->sellers == 0) ?
		    "no buy waits, and nobody publishes it" : "no buy waits");
	tier_offers(t, module);
}

/* The graph. */

/* A string of Graphviz. */
static const char *
tier_quote(struct slice s, char *buf, size_t size)
{
	size_t i, len = 0;

	for (i = 0; i < s.len && len + 3 < size; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf[len++] = '\\';
		buf[len++] = (char)s.p[i];
	}
	buf[len] = '\0';
	return buf;
}

static void
tier_dot_modules(struct tier *t)
{
	const struct tier_module *m;
	char name[2 * NAME_BYTES_MAX + 4];
	size_t pos = 0;

	while ((m = map_next(&t->modules, &pos)) != NULL)
		tier_row(t, "    \"module %s\" [shape=ellipse, style=filled, "
		    "fillcolor=\"#e0ecff\", label=\"%s\\nexchanges: %zu\\n"
		    "%llu free, %llu wanted\"];",
		    tier_quote(m->name, name, sizeof(name)), name,
		    m->exchanges, (unsigned long long)m->free,
		    (unsigned long long)m->waiting);
}

/* Each authority, linked to those after it, and to the modules of which it runs
 * an exchange. */
static void
tier_dot_authorities(struct tier *t)
{
	const struct tier_authority *a, *last = NULL;
	const struct tier_exchange *x;
	char name[2 * NAME_BYTES_MAX + 4];
	size_t pos = 0;

	while ((a = map_next(&t->authorities, &pos)) != NULL) {
		tier_row(t, "    \"%.*s\" [shape=box, "
		    "style=\"rounded,filled\", fillcolor=\"#fff0d0\", "
		    "label=\"authority\\n%.*s\"];",
		    SLICE_ARG(a->id), SLICE_ARG(tier_or_dash(a->address)));
		if (last != NULL)
			tier_row(t, "    { rank=same; \"%.*s\" -> \"%.*s\" "
			    "[dir=none, penwidth=2]; }", SLICE_ARG(last->id),
			    SLICE_ARG(a->id));
		last = a;
	}
	for (pos = 0; (x = map_next(&t->exchanges, &pos)) != NULL;)
		if (x->authority.len > 0)
			tier_row(t, "    \"%.*s\" -> \"module %s\" "
			    "[style=dotted, arrowhead=none];",
			    SLICE_ARG(x->authority),
			    tier_quote(x->module, name, sizeof(name)));
}

/* A host, and what it sells to modules and buys of them. */
static void
tier_dot_list(struct tier *t, const struct tier_host *h, const char *list,
    int sells)
{
	char name[2 * NAME_BYTES_MAX + 4];
	struct slice one;
	size_t n;

	for (; *list != '\0'; list += n + (list[n] == ',')) {
		n = strcspn(list, ",");
		one = slice_of(list, n);
		tier_quote(one, name, sizeof(name));
		if (sells)
			tier_row(t, "    \"module %s\" -> \"%.*s\" [dir=back, "
			    "color=\"#207020\"];", name, SLICE_ARG(h->id));
		else
			tier_row(t, "    \"module %s\" -> \"%.*s\" "
			    "[color=\"#b03020\", style=dashed];", name,
			    SLICE_ARG(h->id));
	}
}

static void
tier_dot_hosts(struct tier *t)
{
	const struct tier_host *h;
	char node[2 * NAME_BYTES_MAX + 4];
	size_t pos = 0;

	while ((h = map_next(&t->hosts, &pos)) != NULL) {
		tier_row(t, "    \"%.*s\" [shape=box, label=\"%.*s%s%s\"%s];",
		    SLICE_ARG(h->id), SLICE_ARG(tier_ip(h->address)),
		    h->node.len > 0 ? "\\n" : "",
		    tier_quote(h->node, node, sizeof(node)),
		    strcmp(h->state, "gone") == 0 ?
		    ", style=dashed, fontcolor=gray" : "");
		tier_dot_list(t, h, h->sells, 1);
		tier_dot_list(t, h, h->buys, 0);
	}
}

void
tier_dot(struct tier *t, const char *module)
{
	(void)module;
	tier_row(t, "digraph lambda {");
	tier_row(t, "    graph [rankdir=TB, ranksep=1, nodesep=0.4, "
	    "fontname=\"Helvetica\", labelloc=b, label=\"authority ... module: "
	    "runs an exchange of it\\ngreen: the host sells it    "
	    "red: the host buys it\"];");
	tier_row(t, "    node [fontname=\"Helvetica\", fontsize=11];");
	tier_dot_authorities(t);
	tier_dot_modules(t);
	tier_dot_hosts(t);
	tier_row(t, "}");
}

/* Audit. */

/* What this exchange thinks of each seller, against what that says. */
static void
tier_audit_sells(struct tier *t, const struct tier_exchange *x,
    struct map *here)
{
	struct slice rows = buf_slice(&x->from->rows);
	const struct tier_listener *l;
	struct row r;

	while (row_next(&rows, &r)) {
		if (!slice_is(r.word, "sell"))
			continue;
		l = map_get(&t->listeners, r.name);
		if (l == NULL)
			tier_row(t, "unknown %.*s module %.*s address %.*s "
			    "exchange %.*s says %llu listener -",
			    SLICE_ARG(r.name), SLICE_ARG(x->module),
			    SLICE_ARG(row_get(&r, "address")),
			    SLICE_ARG(x->address), (unsigned long long)
			    row_number(&r, "quantity"));
		else if (map_put(here, l->id, (void *)(uintptr_t)l) == -1)
			t->failed = 1;
		else if (row_number(&r, "quantity") != l->left)
			tier_row(t, "differs %.*s module %.*s address %.*s "
			    "exchange %.*s says %llu listener %llu",
			    SLICE_ARG(r.name), SLICE_ARG(x->module),
			    SLICE_ARG(l->address), SLICE_ARG(x->address),
			    (unsigned long long)row_number(&r, "quantity"),
			    (unsigned long long)l->left);
	}
}

static void
tier_audit_exchange(struct tier *t, const struct tier_exchange *x)
{
	const struct tier_listener *l;
	struct map here;
	size_t pos = 0;

	map_init(&here, t->seed);
	tier_audit_sells(t, x, &here);
	while ((l = map_next(&t->listeners, &pos)) != NULL)
		if (slice_equal(l->module, x->module) && l->left > 0 &&
		    map_get(&here, l->id) == NULL)
			tier_row(t, "missing %.*s module %.*s address %.*s "
			    "exchange %.*s says - listener %llu",
			    SLICE_ARG(l->id), SLICE_ARG(x->module),
			    SLICE_ARG(l->address), SLICE_ARG(x->address),
			    (unsigned long long)l->left);
	map_free(&here);
}

void
tier_audit(struct tier *t, const char *module)
{
	const struct tier_exchange *x;
	size_t pos = 0;

	while ((x = map_next(&t->exchanges, &pos)) != NULL)
		if (x->from != NULL && x->standing &&
		    tier_is_asked(module, x->module))
			tier_audit_exchange(t, x);
}
