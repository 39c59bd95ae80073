#include "attrs.h"
#include "exchange_state.h"
#include "report.h"

#define TEXT_MAX 512 /* of attributes or constraints, printed */

/* exchange - module NAME instance ID state standing|retiring sells COUNT buys
 * COUNT quantity SUM reserved SUM missing SUM matches COUNT; then how much was
 * filled since the start, and of that settled, released, lost, expired */
static void
report_exchange(const struct exchange *x, struct report *r)
{
	const struct exchange_totals *t = &x->market.totals;
	char id[ID_TEXT];

	report_row(r, "exchange - module %.*s instance %s state %s sells %llu "
	    "buys %llu quantity %llu reserved %llu missing %llu matches %llu "
	    "filled %llu settled %llu released %llu lost %llu expired %llu",
	    (int)x->module_len, (const char *)x->module,
	    id_print(&x->market.own, id),
	    x->market.closed ? "retiring" : "standing",
	    (unsigned long long)t->sells, (unsigned long long)t->buys,
	    (unsigned long long)t->quantity, (unsigned long long)t->reserved,
	    (unsigned long long)t->missing, (unsigned long long)t->matches,
	    (unsigned long long)t->filled, (unsigned long long)t->settled,
	    (unsigned long long)t->released, (unsigned long long)t->lost,
	    (unsigned long long)t->expired);
}

/* sell SELLER broker ID order NUMBER quantity STATED reserved OF-IT
 * attributes TEXT */
static void
report_sell(struct report *r, const struct sell *s)
{
	char id[ID_TEXT], broker[ID_TEXT], text[TEXT_MAX];

	report_row(r, "sell %s broker %s order %llu quantity %u reserved %llu "
	    "attributes %s", id_print(&s->seller, id),
	    id_print(&s->order.broker->instance, broker),
	    (unsigned long long)s->order.id, (unsigned)s->quantity,
	    (unsigned long long)s->reserved,
	    attrs_print(s->class->class.key, text, sizeof(text)));
}

/* buy NUMBER broker ID missing STATED lacking NOW filled EVER settled OF-IT
 * held STATED age_ms SINCE constraints TEXT */
static void
report_buy(struct report *r, const struct buy *b, int64_t now)
{
	char broker[ID_TEXT], text[TEXT_MAX];

	report_row(r, "buy %llu broker %s missing %llu lacking %u filled %llu "
	    "settled %llu held %llu age_ms %lld constraints %s",
	    (unsigned long long)b->order.id,
	    id_print(&b->order.broker->instance, broker),
	    (unsigned long long)b->missing, (unsigned)b->lacking,
	    (unsigned long long)b->filled, (unsigned long long)b->settled,
	    (unsigned long long)b->held,
	    b->lacking > 0 ? (long long)(now - b->queued.born) : 0,
	    constraints_print(b->class->class.key, text, sizeof(text)));
}

static void
report_orders(const struct exchange *x, struct report *r, int64_t now,
    int selling)
{
	struct order *o;
	size_t pos = 0;

	while ((o = map_next(&x->market.orders, &pos)) != NULL) {
		if (o->selling != selling)
			continue;
		if (selling)
			report_sell(r, order_sell(o));
		else
			report_buy(r, order_buy(o), now);
	}
}

int
exchange_report(struct exchange *x, int64_t now, uint32_t peer,
    struct slice what)
{
	struct report r;

	report_begin(&r, &x->out, peer);
	if (report_wants(what, "exchanges"))
		report_exchange(x, &r);
	if (report_wants(what, "orders")) {
		report_orders(x, &r, now, 1);
		report_orders(x, &r, now, 0);
	}
	return report_end(&r);
}
