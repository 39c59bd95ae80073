#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "authority_state.h"

/* What lambda-ctl is shown; and the brokers that are gone, for that. */

/* The modules that the broker subscribes to, with commas between them, and
 * "..." where there are more than fit. */
static void
authority_list(const struct authority_peer *p,
    char list[AUTHORITY_LIST])
{
	static const char more[] = ",...";
	const struct authority_subscription *s = NULL;
	struct slice name;
	size_t len = 0;

	list[0] = '\0';
	while ((s = CHAIN_NEXT(&p->subscriptions, s,
	    struct authority_subscription, of_peer)) != NULL) {
		name = s->module->name;
		if (len + 1 + name.len + sizeof(more) > AUTHORITY_LIST) {
			strcpy(list + len, len == 0 ? more + 1 : more);
			return;
		}
		len += (size_t)snprintf(list + len, AUTHORITY_LIST - len,
		    "%s%.*s", len == 0 ? "" : ",", SLICE_ARG(name));
	}
}

/* In the place of the one that has been gone longest. One that we are no home
 * of has gone to its homes. */
void
authority_remember(struct authority *a, int64_t now,
    const struct authority_peer *p)
{
	struct authority_gone *g;

	if (!gossip_is_home(&a->gossip, &p->gossip.instance))
		return;
	g = &a->gone[a->ngone++ % AUTHORITY_GONE];
	g->instance = p->gossip.instance;
	hostport_copy(g->address, slice_str(p->gossip.address));
	authority_list(p, g->modules);
	snprintf(g->node, sizeof(g->node), "%s",
	    p->node == NULL ? "" : p->node);
	g->since = now;
}

void
authority_unremember(struct authority *a, const struct id *instance)
{
	size_t i;

	for (i = 0; i < AUTHORITY_GONE; i++)
		if (id_equal(&a->gone[i].instance, instance))
			memset(&a->gone[i], 0, sizeof(a->gone[i]));
}

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

/* broker ADDRESS instance ID state linked|gone for_s SECONDS modules NAMES
 * node NAME */
static void
authority_report_broker(struct report *r, const char *address,
    const struct id *instance, const char *state, int64_t for_ms,
    const char *modules, const char *node)
{
	char id[ID_TEXT];

	report_row(r, "broker %s instance %s state %s for_s %lld modules %s "
	    "node %s",
	    address[0] == '\0' ? "-" : address, id_print(instance, id),
	    state, (long long)for_ms / 1000,
	    modules[0] == '\0' ? "-" : modules,
	    node == NULL || node[0] == '\0' ? "-" : node);
}

static void
authority_report_brokers(const struct authority *a, int64_t now,
    struct report *r)
{
	const struct authority_gone *g = a->gone;
	const struct gossip_peer *p = NULL;
	const struct authority_peer *peer;
	char modules[AUTHORITY_LIST];

	while ((p = gossip_next(&a->gossip.brokers, p)) != NULL) {
		peer = (const struct authority_peer *)p;
		authority_list(peer, modules);
		authority_report_broker(r, p->address, &p->instance, "linked",
		    now - peer->since, modules, peer->node);
	}
	for (; g < a->gone + AUTHORITY_GONE; g++)
		if (!id_is_zero(&g->instance) &&
		    now - g->since <= AUTHORITY_GONE_MS)
			authority_report_broker(r, g->address, &g->instance,
			    "gone", now - g->since, g->modules, g->node);
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
	    authority_is_responsible(a, m));
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
		return 0;
	gather_ask(&a->gather, q, p->handle, ROLE_BROKER, to, msg);
	gather_go(&a->gather, q);
	return 0;
}

int
authority_on_answer(struct authority *a, int64_t now, struct authority_peer *p,
    const struct msg *msg)
{
	(void)now;
	return gather_answer(&a->gather, p->gossip.handle, &msg->u.report);
}

int
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
