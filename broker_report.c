#include <stdio.h>

#include "broker_state.h"
#include "hostport.h"
#include "report.h"

/* authority ADDRESS instance ID */
static void
report_authorities(const struct broker *b, struct report *r)
{
	const struct peer *a = NULL;
	char id[ID_TEXT];

	while ((a = gossip_next(&b->gossip.authorities, a)) != NULL)
		report_row(r, "authority %s instance %s", a->address,
		    id_print(&a->instance, id));
}

/* broker HOST instance ID self 1 node NAME: ourselves; then
 * broker ADDRESS instance ID self 0 dialled 0|1 */
static void
report_brokers(const struct broker *b, struct report *r)
{
	const struct peer *p = NULL;
	struct slice host = broker_host(b);
	char id[ID_TEXT];

	report_row(r, "broker %.*s instance %s self 1 node %s",
	    SLICE_ARG(host.len > 0 ? host : slice_str("-")),
	    id_print(&b->gossip.own, id), b->node == NULL ? "-" : b->node);
	while ((p = gossip_next(&b->gossip.brokers, p)) != NULL)
		report_row(r, "broker %s instance %s self 0 dialled %d",
		    p->address, id_print(&p->instance, id), p->dialled);
}

static const char *
state_of(const struct place *p)
{
	if (p->leaving)
		return "left";
	if (p->peer == NULL)
		return "dialling";
	return p->draining ? "draining" : "linked";
}

/* exchange ADDRESS module NAME instance ID
 * state dialling|linked|draining|left announced COUNT */
static void
report_exchanges(const struct broker *b, struct report *r)
{
	const struct module *m = NULL;
	const struct place *p;
	char id[ID_TEXT];

	while ((m = broker_module_next(b, m)) != NULL)
		for (p = m->places; p != NULL; p = p->next)
			report_row(r, "exchange %s module %.*s instance %s "
			    "state %s announced %u", p->address,
			    SLICE_ARG(broker_module_name(m)),
			    id_print(&p->instance, id), state_of(p),
			    p->nclaims);
}

/* Where its listener is; its host may be ours to fill in. */
static struct slice
address_of(const struct broker *b, const struct order *o,
    char buf[ADDRESS_MAX + 1])
{
	struct contact c;
	struct slice a;

	if (group_decode(&schema_contact, broker_order_contact(o), &c) == -1)
		return slice_str("-");
	a = hostport_fill(c.address, broker_host(b), buf);
	return a.len > 0 ? a : slice_str("-");
}

static struct slice
version_of(const struct order *o)
{
	struct attrs a;

	if (group_decode(&schema_attrs, broker_order_attrs(o), &a) == -1 ||
	    a.version.len == 0)
		return slice_str("-");
	return a.version;
}

static void
report_order(const struct broker *b, struct report *r, const struct order *o,
    int64_t now)
{
	struct slice name = broker_module_name(o->module);
	struct slice address, version;
	char buf[ADDRESS_MAX + 1];

	address = address_of(b, o, buf);
	version = version_of(o);
	if (o->sell)
		report_row(r, "order %llu kind sell module %.*s owner %s "
		    "quantity %u address %.*s version %.*s",
		    (unsigned long long)o->number, SLICE_ARG(name),
		    role_name(o->peer->role), (unsigned)o->quantity,
		    SLICE_ARG(address), SLICE_ARG(version));
	else
		report_row(r, "order %llu kind buy module %.*s owner %s "
		    "missing %u held %u lacking %u passed %llu settled %llu "
		    "age_ms %lld", (unsigned long long)o->number,
		    SLICE_ARG(name), role_name(o->peer->role),
		    (unsigned)o->quantity, (unsigned)o->held,
		    (unsigned)broker_order_lacking(o),
		    (unsigned long long)o->passed,
		    (unsigned long long)o->settled,
		    (long long)(now - o->since));
}

/* order NUMBER kind sell module NAME owner ROLE quantity LEFT
 * address ADDRESS version VERSION
 * order NUMBER kind buy module NAME owner ROLE missing N held N lacking N
 * passed N settled N age_ms N */
static void
report_orders(const struct broker *b, struct report *r, int64_t now)
{
	const struct module *m = NULL;
	const struct order *o = NULL;

	while ((m = broker_module_next(b, m)) != NULL)
		while ((o = broker_order_next(m, o)) != NULL)
			report_order(b, r, o, now);
}

/* contact NODE host IP port PORT local COUNT */
static void
report_contacts(const struct broker *b, struct report *r)
{
	const struct known *k;
	size_t pos = 0;

	while ((k = map_next(&b->contacts, &pos)) != NULL)
		report_row(r, "contact %.*s host %s port %s local %u",
		    (int)k->len, (const char *)k->node, k->host, k->port,
		    k->local);
}

int
broker_inspect(struct broker *b, int64_t now, struct peer *peer,
    const struct msg_inspect *m)
{
	struct report r;

	report_begin(&r, &b->out, peer->handle);
	if (report_wants(m->what, "authorities"))
		report_authorities(b, &r);
	if (report_wants(m->what, "peers"))
		report_brokers(b, &r);
	if (report_wants(m->what, "exchanges"))
		report_exchanges(b, &r);
	if (report_wants(m->what, "orders"))
		report_orders(b, &r, now);
	if (report_wants(m->what, "contacts"))
		report_contacts(b, &r);
	return report_end(&r);
}
