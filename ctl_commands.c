#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "ctl_state.h"

#define SUMMARY_ROWS 10 /* listeners, and PLBs */

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

	return h == NULL ? slice_str("-") : row_ip(h->address);
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

void
tier_hosts(struct tier *t, const char *module)
{
	const struct tier_host *h;
	char for_s[TIER_NUMBER];
	size_t pos = 0;
	int cut;

	(void)module;
	while ((h = map_next(&t->hosts, &pos)) != NULL) {
		cut = h->self && h->homes == 0;
		tier_row(t, "host %.*s broker %.*s node %.*s state %s "
		    "for_s %s sells %s buys %s modules %.*s",
		    SLICE_ARG(row_ip(h->address)), SLICE_ARG(h->id),
		    SLICE_ARG(row_or_dash(h->node)),
		    cut ? "unlinked" : h->state,
		    tier_number(!cut, h->for_s, for_s),
		    h->sells[0] == '\0' ? "-" : h->sells,
		    h->buys[0] == '\0' ? "-" : h->buys,
		    SLICE_ARG(row_or_dash(h->modules)));
	}
}

static int
tier_compare_use(const void *a, const void *b)
{
	return *(const unsigned char *)a - *(const unsigned char *)b;
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

/* The name of the host that this broker is of. */
static struct slice
tier_node_of(const struct tier *t, struct slice broker)
{
	const struct tier_host *h = map_get(&t->hosts, broker);

	return h == NULL ? slice_str("-") : row_or_dash(h->node);
}

/* As exchanges know it, as it says itself, or both. */
static void
tier_capacity_seller(struct tier *t, const struct tier_seller *s,
    const struct tier_listener *l)
{
	char total[TIER_NUMBER], used[TIER_NUMBER];
	struct slice node = s != NULL ? tier_known(s->node) : slice_of("", 0);

	if (node.len == 0)
		node = tier_node_of(t, s != NULL ? s->broker : l->broker);
	tier_row(t, "seller %.*s module %.*s node %.*s total %s used %s "
	    "free %llu state %.*s instance %.*s attributes %.*s",
	    SLICE_ARG(s != NULL ? s->address : l->address),
	    SLICE_ARG(s != NULL ? s->module : l->module), SLICE_ARG(node),
	    tier_number(l != NULL, l != NULL ? l->capacity : 0, total),
	    tier_number(l != NULL, l != NULL ? l->held : 0, used),
	    (unsigned long long)(l != NULL ? l->left : s->quantity),
	    SLICE_ARG(l != NULL ? l->state : slice_str("-")),
	    SLICE_ARG(s != NULL ? s->id : l->id),
	    SLICE_ARG(s != NULL ? s->attrs : l->attrs));
}

void
tier_capacity(struct tier *t, const char *module)
{
	const struct tier_listener *l;
	const struct tier_seller *s;
	struct tier_module *m;
	size_t pos = 0;

	while ((m = map_next(&t->modules, &pos)) != NULL)
		if (tier_is_asked(module, m->name))
			tier_capacity_module(t, m);
	for (pos = 0; (s = map_next(&t->sellers, &pos)) != NULL;)
		if (tier_is_asked(module, s->module))
			tier_capacity_seller(t, s,
			    map_get(&t->listeners, s->id));
	/* One that drains sells nothing, and may be in use. */
	for (pos = 0; (l = map_next(&t->listeners, &pos)) != NULL;)
		if (tier_is_asked(module, l->module) &&
		    map_get(&t->sellers, l->id) == NULL)
			tier_capacity_seller(t, NULL, l);
}

static void
tier_users_row(struct tier *t, const struct tier_listener *l,
    const struct row *r)
{
	const struct tier_plb *p = map_get(&t->plbs, row_get(r, "instance"));

	tier_row(t, "user %.*s module %.*s seller %.*s held %llu state %.*s "
	    "pid %.*s node %.*s seller_node %.*s version %.*s",
	    SLICE_ARG(r->name), SLICE_ARG(l->module), SLICE_ARG(l->address),
	    (unsigned long long)row_number(r, "held"),
	    SLICE_ARG(row_get(r, "state")),
	    SLICE_ARG(p == NULL ? slice_str("-") : row_or_dash(p->pid)),
	    SLICE_ARG(p == NULL ? slice_str("-") :
	    tier_node_of(t, p->broker)), SLICE_ARG(tier_node_of(t, l->broker)),
	    SLICE_ARG(row_or_dash(row_get(r, "version"))));
}

void
tier_users(struct tier *t, const char *module)
{
	const struct tier_listener *l;
	struct slice rows, whose;
	size_t pos = 0;
	struct row r;

	while ((l = map_next(&t->listeners, &pos)) != NULL) {
		if (!tier_is_asked(module, l->module))
			continue;
		rows = l->rows;
		whose = l->id;
		while (tier_next_client(l, &rows, &whose, &r))
			tier_users_row(t, l, &r);
	}
}

/* Keys. */

void
tier_keyuse(struct tier *t, const char *module)
{
	const struct tier_key *k;
	size_t pos = 0;

	(void)module;
	while ((k = map_next(&t->keys, &pos)) != NULL)
		tier_row(t, "keyuse %.*s links %llu dials %llu accepted %llu "
		    "dropped %llu", SLICE_ARG(k->print),
		    (unsigned long long)k->links, (unsigned long long)k->dials,
		    (unsigned long long)k->accepted,
		    (unsigned long long)k->dropped);
}

/* Who closes links of a key in a while; who keeps them, and dials with it. */
void
tier_keyclose(struct tier *t, const char *print)
{
	const struct tier_closes *c;
	struct slice ip;
	size_t pos = 0;

	while ((c = map_next(&t->closes, &pos)) != NULL) {
		ip = c->broker.len > 0 ? tier_ip_of(t, c->broker) :
		    row_ip(slice_str(c->node->shown));
		if (slice_is(c->state, "dials")) {
			t->keeps = 1;
			tier_row(t, "keeps %s links %llu role %s process %.*s "
			    "host %.*s", print, (unsigned long long)c->links,
			    role_name(c->role), SLICE_ARG(c->id),
			    SLICE_ARG(ip));
			continue;
		}
		tier_row(t, "closes %s links %llu state %.*s role %s "
		    "process %.*s host %.*s", print,
		    (unsigned long long)c->links, SLICE_ARG(c->state),
		    role_name(c->role), SLICE_ARG(c->id), SLICE_ARG(ip));
	}
}

/* The host. What does not fit on a screen is counted. */

static void
tier_summary_host(struct tier *t)
{
	const struct tier_host *h;
	size_t pos = 0;

	while ((h = map_next(&t->hosts, &pos)) != NULL)
		if (h->self)
			tier_row(t, "summary %.*s node %.*s authorities %zu "
			    "exchanges %zu listeners %zu plbs %zu",
			    SLICE_ARG(row_ip(h->address)),
			    SLICE_ARG(row_or_dash(h->node)),
			    t->authorities.n, t->exchanges.n, t->listeners.n,
			    t->plbs.n);
}

static void
tier_summary_buyer(struct tier *t, const struct tier_plb *p)
{
	tier_row(t, "buyer %.*s pid %.*s wanted %llu tokens %llu "
	    "in_flight %llu queued %llu", SLICE_ARG(p->module),
	    SLICE_ARG(row_or_dash(p->pid)), (unsigned long long)p->wanted,
	    (unsigned long long)p->tokens, (unsigned long long)p->in_flight,
	    (unsigned long long)p->queued);
}

void
tier_summary(struct tier *t, const char *module)
{
	const struct tier_listener *l;
	const struct tier_plb *p;
	size_t pos = 0, n = 0;

	(void)module;
	tier_summary_host(t);
	while ((l = map_next(&t->listeners, &pos)) != NULL)
		if (n++ < SUMMARY_ROWS)
			tier_capacity_seller(t, NULL, l);
	if (n > SUMMARY_ROWS)
		tier_row(t, "more %s not_shown %zu", "listeners",
		    n - SUMMARY_ROWS);
	n = 0;
	for (pos = 0; (p = map_next(&t->plbs, &pos)) != NULL;)
		if (n++ < SUMMARY_ROWS)
			tier_summary_buyer(t, p);
	if (n > SUMMARY_ROWS)
		tier_row(t, "more %s not_shown %zu", "plbs",
		    n - SUMMARY_ROWS);
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

/* Does the buyer's host reach it? Loopback is another there. */
static int
tier_reaches(const struct tier *t, const struct tier_buy *b,
    const struct tier_seller *s)
{
	return !hostport_loopback(row_ip(s->address)) ||
	    slice_equal(s->broker, b->broker) ||
	    map_get(&t->hosts, b->broker) == NULL ||
	    hostport_loopback(tier_ip_of(t, b->broker));
}

/* In the words of lambda-call. */
static void
tier_reason(const struct tier *t, const struct tier_buy *b, char *why,
    size_t size)
{
	const struct tier_seller *s;
	uint64_t sellers = 0, fit = 0, left = 0, reached = 0;
	size_t pos = 0;

	while ((s = map_next(&t->sellers, &pos)) != NULL) {
		if (!slice_equal(s->module, b->module))
			continue;
		sellers++;
		if (!tier_fits(b->constraints, s->attrs))
			continue;
		fit++;
		left += tier_offered(s);
		reached += tier_reaches(t, b, s);
	}
	if (sellers == 0)
		snprintf(why, size, "nobody publishes it");
	else if (fit == 0)
		snprintf(why, size, "nothing on offer satisfies what is asked "
		    "for: %.*s", SLICE_ARG(b->constraints));
	else if (left == 0)
		snprintf(why, size, OFFERS_TAKEN);
	else if (reached == 0)
		snprintf(why, size, "only the hosts of its sellers reach them: "
		    "give lambda-listener -l 0.0.0.0:0");
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
	const struct tier_plb *p;
	char why[REPORT_ROW_MAX / 2];
	size_t pos = 0, n = 0;

	while ((b = map_next(&t->buys, &pos)) != NULL) {
		if (!slice_is(b->module, module) || b->missing == 0)
			continue;
		n++;
		tier_reason(t, b, why, sizeof(why));
		p = b->owner.len == 0 ? NULL : map_get(&t->plbs, b->owner);
		tier_row(t, "why %s host %.*s broker %.*s order %.*s pid %.*s "
		    "missing %llu held %llu age_ms %llu reason %s", module,
		    SLICE_ARG(tier_ip_of(t, b->broker)), SLICE_ARG(b->broker),
		    SLICE_ARG(b->order), SLICE_ARG(p == NULL ?
		    slice_str("-") : row_or_dash(p->pid)),
		    (unsigned long long)b->missing,
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

/* The one with the next id; NULL: this one is the last. */
static const struct tier_authority *
tier_dot_after(const struct tier *t, const struct tier_authority *a)
{
	const struct tier_authority *b, *next = NULL;
	size_t pos = 0;

	while ((b = map_next(&t->authorities, &pos)) != NULL)
		if (row_compare(b->id, a->id) > 0 &&
		    (next == NULL || row_compare(b->id, next->id) < 0))
			next = b;
	return next;
}

/* Each authority, linked to the next one, and to the modules of which it runs
 * an exchange. */
static void
tier_dot_authorities(struct tier *t)
{
	const struct tier_authority *a, *next;
	const struct tier_exchange *x;
	char name[2 * NAME_BYTES_MAX + 4];
	size_t pos = 0;

	while ((a = map_next(&t->authorities, &pos)) != NULL) {
		tier_row(t, "    \"%.*s\" [shape=box, "
		    "style=\"rounded,filled\", fillcolor=\"#fff0d0\", "
		    "label=\"authority\\n%.*s\"];",
		    SLICE_ARG(a->id), SLICE_ARG(row_or_dash(a->address)));
		if ((next = tier_dot_after(t, a)) != NULL)
			tier_row(t, "    { rank=same; \"%.*s\" -> \"%.*s\" "
			    "[dir=none, penwidth=2]; }", SLICE_ARG(a->id),
			    SLICE_ARG(next->id));
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

/* One that is gone stands below the modules that it had orders of. */
static void
tier_dot_gone(struct tier *t, const struct tier_host *h)
{
	char name[2 * NAME_BYTES_MAX + 4];
	struct slice rest = h->modules, one;
	size_t n;

	for (; rest.len > 0; rest = slice_of(rest.p + n, rest.len - n)) {
		for (n = 0; n < rest.len && rest.p[n] != ','; n++)
			;
		one = slice_of(rest.p, n);
		n += n < rest.len;
		if (map_get(&t->modules, one) != NULL)
			tier_row(t, "\"module %s\" -> \"%.*s\" "
			    "[color=gray, arrowhead=none];",
			    tier_quote(one, name, sizeof(name)),
			    SLICE_ARG(h->id));
	}
}

static void
tier_dot_hosts(struct tier *t)
{
	const struct tier_host *h;
	char node[2 * NAME_BYTES_MAX + 4];
	size_t pos = 0;
	int gone;

	while ((h = map_next(&t->hosts, &pos)) != NULL) {
		gone = strcmp(h->state, "gone") == 0;
		tier_row(t, "    \"%.*s\" [shape=box, label=\"%.*s%s%s%s\"%s];",
		    SLICE_ARG(h->id), SLICE_ARG(row_ip(h->address)),
		    h->node.len > 0 ? "\\n" : "",
		    tier_quote(h->node, node, sizeof(node)),
		    gone ? "\\ngone" : "",
		    gone ? ", style=dashed, fontcolor=gray30" : "");
		if (gone)
			tier_dot_gone(t, h);
		tier_dot_list(t, h, h->sells, 1);
		tier_dot_list(t, h, h->buys, 0);
	}
}

void
tier_dot(struct tier *t, const char *module)
{
	(void)module;
	tier_row(t, "digraph lambda {");
	tier_row(t, "graph [rankdir=TB, ranksep=1, nodesep=0.4, "
	    "fontname=\"Helvetica\", labelloc=b, label=\"authority ... module: "
	    "runs an exchange of it\\ngreen: the host sells it    "
	    "red: the host buys it    "
	    "gray: it is gone\"];");
	tier_row(t, "node [fontname=\"Helvetica\", fontsize=11];");
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
