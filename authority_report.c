#include "authority_state.h"
#include "report.h"

/* authority ADDRESS instance ID: first ourselves. */
static void
report_authorities(const struct authority *a, struct report *r)
{
	const struct peer *p = NULL;
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

/* broker ADDRESS instance ID */
static void
report_brokers(const struct authority *a, struct report *r)
{
	const struct peer *p = NULL;
	char id[ID_TEXT];

	while ((p = gossip_next(&a->gossip.brokers, p)) != NULL)
		report_row(r, "broker %s instance %s", p->address,
		    id_print(&p->instance, id));
}

static const char *
state_of(const struct run *run)
{
	static const char *const names[] = { "starting", "dialling", "linked",
		"retiring" };

	return names[run->state];
}

/* exchange ADDRESS module NAME instance ID authority ID
 * state starting|dialling|linked|retiring|announced
 * An address or instance that is not known yet is "-". */
static void
report_exchanges(const struct authority *a, const struct module *m,
    struct report *r)
{
	char id[ID_TEXT], by[ID_TEXT], address[ADDRESS_MAX + 1];
	struct slice name = authority_module_name(m);
	const struct foreign *f;
	const struct run *run;

	for (run = m->runs; run != NULL; run = run->next)
		report_row(r, "exchange %.*s module %.*s instance %s "
		    "authority %s state %s",
		    SLICE_ARG(run->address[0] == '\0' ? slice_str("-") :
		    authority_run_address(a, run, address)), SLICE_ARG(name),
		    run->peer == NULL ? "-" :
		    id_print(&run->peer->instance, id),
		    id_print(&a->gossip.own, by), state_of(run));
	for (f = m->foreign; f != NULL; f = f->next)
		report_row(r, "exchange %s module %.*s instance %s "
		    "authority %s state announced", f->address,
		    SLICE_ARG(name), id_print(&f->instance, id),
		    id_print(&f->peer->instance, by));
}

/* module NAME subscribers N responsible 0|1 */
static void
report_modules(const struct authority *a, struct report *r)
{
	const struct module *m = NULL;

	while ((m = authority_module_next(a, m)) != NULL)
		report_row(r, "module %.*s subscribers %zu responsible %d",
		    SLICE_ARG(authority_module_name(m)), m->nsubs,
		    authority_responsible(a, m));
}

int
authority_inspect(struct authority *a, struct peer *peer,
    const struct msg_inspect *i)
{
	const struct module *m = NULL;
	struct report r;

	report_begin(&r, &a->out, peer->handle);
	if (report_wants(i->what, "authorities"))
		report_authorities(a, &r);
	if (report_wants(i->what, "peers"))
		report_brokers(a, &r);
	if (report_wants(i->what, "exchanges"))
		while ((m = authority_module_next(a, m)) != NULL)
			report_exchanges(a, m, &r);
	if (report_wants(i->what, "modules"))
		report_modules(a, &r);
	return report_end(&r);
}
