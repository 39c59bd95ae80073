#include <stdlib.h>

#include "addr.h"
#include "attrs.h"
#include "broker_state.h"

/* What lambda-ctl is shown, of the broker and of its host. */

/* authority ADDRESS instance ID */
static void
broker_report_authorities(const struct broker *b, struct report *r)
{
	const struct gossip_peer *a = NULL;
	char id[ID_TEXT];

	while ((a = gossip_next(&b->gossip.authorities, a)) != NULL)
		report_row(r, "authority %s instance %s", a->address,
		    id_print(&a->instance, id));
}

/* broker HOST instance ID self 1 node NAME: ourselves; then
 * broker ADDRESS instance ID self 0 dialled 0|1 */
static void
broker_report_brokers(const struct broker *b, struct report *r)
{
	const struct gossip_peer *p = NULL;
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
broker_exchange_state(const struct broker_exchange *x)
{
	if (x->leaving)
		return "left";
	if (x->peer == NULL)
		return "dialling";
	return x->draining ? "draining" : "linked";
}

/* exchange ADDRESS module NAME instance ID
 * state dialling|linked|draining|left announced COUNT */
static void
broker_report_exchanges(const struct broker_module *m, struct report *r)
{
	const struct broker_exchange *x;
	char id[ID_TEXT];

	for (x = m->exchanges; x != NULL; x = x->next)
		report_row(r, "exchange %s module %.*s instance %s state %s "
		    "announced %u", x->address,
		    SLICE_ARG(m->name),
		    id_print(&x->instance, id), broker_exchange_state(x),
		    x->nannouncers);
}

/* order NUMBER kind sell module NAME owner ROLE quantity LEFT
 * address ADDRESS version VERSION: its host may be ours to fill in */
static void
broker_report_sell(const struct broker *b, const struct broker_order *o,
    struct report *r)
{
	struct slice address = slice_str(""), version = slice_str("");
	char buf[ADDRESS_MAX + 1];
	struct contact c;
	struct attrs a;

	if (group_decode(&schema_contact, o->contact, &c) == 0)
		address = hostport_fill(c.address, broker_host(b), buf);
	if (group_decode(&schema_attrs, o->attrs, &a) == 0)
		version = a.version;
	report_row(r, "order %llu kind sell module %.*s owner %s quantity %u "
	    "address %.*s version %.*s", (unsigned long long)o->number,
	    SLICE_ARG(o->module->name),
	    role_name(o->peer->gossip.role), (unsigned)o->quantity,
	    SLICE_ARG(address.len > 0 ? address : slice_str("-")),
	    SLICE_ARG(version.len > 0 ? version : slice_str("-")));
}

/* order NUMBER kind buy module NAME owner ROLE missing N held N lacking N
 * passed N settled N age_ms N instance ID */
static void
broker_report_buy(const struct broker_order *o, int64_t now, struct report *r)
{
	char id[ID_TEXT];

	report_row(r, "order %llu kind buy module %.*s owner %s missing %u "
	    "held %u lacking %u passed %llu settled %llu age_ms %lld "
	    "instance %s", (unsigned long long)o->number,
	    SLICE_ARG(o->module->name),
	    role_name(o->peer->gossip.role), (unsigned)o->quantity,
	    (unsigned)o->held, (unsigned)broker_order_lacking(o),
	    (unsigned long long)o->passed, (unsigned long long)o->settled,
	    (long long)(now - o->since),
	    id_print(&o->peer->gossip.instance, id));
}

static void
broker_report_orders(const struct broker *b, const struct broker_module *m,
    int64_t now, struct report *r)
{
	const struct broker_order *o = NULL;

	while ((o = broker_order_next(m, o)) != NULL)
		if (o->sell)
			broker_report_sell(b, o, r);
		else
			broker_report_buy(o, now, r);
}

/* fills - sells N buys N lacking N filled N passed N refused N: what its orders
 * lack together, and what it has counted of fills for them */
static void
broker_report_fills(const struct broker *b, struct report *r)
{
	unsigned long long sells = 0, buys = 0, lacking = 0;
	const struct broker_module *m = NULL;
	const struct broker_order *o = NULL;

	while ((m = broker_module_next(b, m)) != NULL)
		while ((o = broker_order_next(m, o)) != NULL) {
			sells += o->sell != 0;
			buys += o->sell == 0;
			lacking += o->sell ? 0 : broker_order_lacking(o);
		}
	report_row(r, "fills - sells %llu buys %llu lacking %llu filled %llu "
	    "passed %llu refused %llu", sells, buys, lacking,
	    (unsigned long long)b->filled, (unsigned long long)b->passed,
	    (unsigned long long)b->refused);
}

/* contact NODE host IP port PORT local COUNT */
static void
broker_report_contacts(const struct broker *b, struct report *r)
{
	const struct broker_contact *c;
	size_t pos = 0;

	while ((c = map_next(&b->contacts, &pos)) != NULL)
		report_row(r, "contact %.*s host %s port %s local %u",
		    SLICE_ARG(c->node), c->host, c->port, c->local);
}

/* Who of the host may have what is asked for. */
static unsigned
broker_whom(struct slice what)
{
	static const char *const ours[] = { "authorities", "contacts",
		"exchanges", "modules", "orders", "peers" };
	size_t i;

	for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (slice_is(what, ours[i]))
			return 0;
	if (slice_is(what, "listeners") || slice_is(what, "clients"))
		return ROLE_LISTENER;
	if (slice_is(what, "plbs"))
		return ROLE_PLB | ROLE_CALLER;
	return ROLE_LISTENER | ROLE_PLB | ROLE_CALLER;
}

/* A broker answers for its host. */
static void
broker_ask_host(struct broker *b, struct gather_question *q,
    const struct msg *m)
{
	unsigned whom = broker_whom(m->u.inspect.what);
	const struct broker_peer *p;
	size_t pos = 0;

	while (whom != 0 && (p = map_next(&b->gossip.peers, &pos)) != NULL)
		if (p->gossip.role & whom)
			gather_ask(&b->gather, q, p->gossip.handle,
			    p->gossip.role, &p->gossip.instance, m);
	gather_go(&b->gather, q);
}

int
broker_on_inspect(struct broker *b, int64_t now, struct broker_peer *peer,
    const struct msg *msg)
{
	struct slice what = msg->u.inspect.what;
	const struct broker_module *m = NULL;
	struct gather_question *q;
	struct report r;

	report_begin(&r, &b->out, peer->gossip.handle, msg);
	if (report_wants(what, "authorities"))
		broker_report_authorities(b, &r);
	if (report_wants(what, "peers"))
		broker_report_brokers(b, &r);
	if (report_wants(what, "exchanges"))
		while ((m = broker_module_next(b, m)) != NULL)
			broker_report_exchanges(m, &r);
	if (report_wants(what, "orders"))
		while ((m = broker_module_next(b, m)) != NULL)
			broker_report_orders(b, m, now, &r);
	if (report_wants(what, "counts"))
		broker_report_fills(b, &r);
	if (report_wants(what, "contacts"))
		broker_report_contacts(b, &r);
	if (!msg->u.inspect.all)
		return report_end(&r);
	if ((q = gather_open(&b->gather, now, &r, msg)) != NULL)
		broker_ask_host(b, q, msg);
	return 0;
}

int
broker_on_answer(struct broker *b, int64_t now, struct broker_peer *peer,
    const struct msg *msg)
{
	(void)now;
	return gather_answer(&b->gather, peer->gossip.handle, &msg->u.report);
}
