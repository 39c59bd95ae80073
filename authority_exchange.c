#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "authority_state.h"
#include "fail.h"
#include "hostport.h"

static struct run *
run_of(const struct authority *a, uint32_t tag)
{
	return map_get(&a->runs, slice_of(&tag, sizeof(tag)));
}

/* It takes its time, and much of the processor: not too many at once, or none
 * would be linked before it is taken for dead. */
static int
is_starting(const struct run *r)
{
	return !r->external &&
	    (r->state == RUN_STARTING || r->state == RUN_DIALLING);
}

static void
enter(struct authority *a, struct run *r, enum run_state state)
{
	a->starting -= (size_t)is_starting(r);
	r->state = state;
	a->starting += (size_t)is_starting(r);
}

static struct run *
run_new(struct authority *a, int64_t now, struct module *m, int external)
{
	struct run *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->tag = ++a->last_tag;
	r->module = m;
	r->external = external;
	r->state = RUN_STARTING;
	r->since = now;
	r->surplus_at = -1;
	if (map_put(&a->runs, slice_of(&r->tag, sizeof(r->tag)), r) == -1) {
		free(r);
		return NULL;
	}
	r->next = m->runs;
	m->runs = r;
	a->starting += (size_t)is_starting(r);
	return r;
}

static int
dial(struct authority *a, struct run *r, enum dial how)
{
	enter(a, r, RUN_DIALLING);
	r->dialled = 1;
	return outbox_act(&a->out, ACT_DIAL, r->tag, how,
	    slice_str(r->address));
}

/* Stop redialling: the port may soon belong to another process. */
static void
undial(struct authority *a, struct run *r)
{
	if (r->dialled)
		outbox_act(&a->out, ACT_UNDIAL, 0, 0, slice_str(r->address));
	r->dialled = 0;
}

static void
run_free(struct authority *a, struct run *r)
{
	struct run **link = &r->module->runs;

	undial(a, r);
	if (r->peer != NULL)
		r->peer->run = NULL;
	while (*link != r)
		link = &(*link)->next;
	*link = r->next;
	map_del(&a->runs, slice_of(&r->tag, sizeof(r->tag)));
	a->starting -= (size_t)is_starting(r);
	free(r);
}

static void
run_kill(struct authority *a, const struct run *r)
{
	if (!r->external)
		outbox_act(&a->out, AUTHORITY_KILL, r->tag, 0, slice_str(""));
}

/* Addresses: one to dial, which is on this host, and one to announce. */

static void
dial_address(struct run *r, struct slice address)
{
	char buf[ADDRESS_MAX + 1];
	struct slice host, port;

	hostport_split(address, &host, &port);
	address = hostport_fill(address, slice_str(
	    slice_is(host, "::") ? "::1" : "127.0.0.1"), buf);
	memcpy(r->address, address.p, address.len);
	r->address[address.len] = '\0';
}

/* An exchange is where its authority is: at the host that others know it by.
 * With no such host it is announced as listening everywhere, and whoever hears
 * that takes the address that it sees the authority at. */
struct slice
authority_run_address(const struct authority *a, const struct run *r,
    char buf[ADDRESS_MAX + 1])
{
	struct slice host, port, own_port;

	if (r->external)
		return slice_str(r->address);
	hostport_split(slice_str(r->address), &host, &port);
	hostport_split(slice_str(a->gossip.address), &host, &own_port);
	return hostport_join(host.len == 0 ? slice_str("0.0.0.0") : host,
	    port, buf);
}

/* Starting. */

static void
start(struct authority *a, int64_t now, struct module *m)
{
	struct run *r = run_new(a, now, m, 0);

	if (r == NULL || outbox_act(&a->out, AUTHORITY_START, r->tag, 0,
	    authority_module_name(m)) == -1) {
		if (r != NULL)
			run_free(a, r);
		m->start_at = now + AUTHORITY_BACKOFF_MAX_MS;
		authority_due(a, m->start_at);
		return;
	}
	authority_due(a, now + AUTHORITY_START_MS);
}

int
authority_started(struct authority *a, int64_t now, uint32_t tag,
    struct slice address)
{
	struct run *r = run_of(a, tag);

	if (r == NULL || r->state != RUN_STARTING || address.len > ADDRESS_MAX)
		return 0;
	dial_address(r, address);
	authority_due(a, now + AUTHORITY_START_MS);
	return dial(a, r, DIAL_HOUR);
}

int
authority_announce(struct authority *a, int64_t now, struct slice module,
    struct slice address)
{
	struct module *m = authority_module_get(a, now, module);
	struct run *r = m == NULL ? NULL : run_new(a, now, m, 1);

	if (r == NULL)
		return -1;
	if (address.len > ADDRESS_MAX) {
		run_free(a, r);
		return fail(ERANGE);
	}
	memcpy(r->address, address.p, address.len);
	return dial(a, r, DIAL_FOREVER);
}

/* Ending. */

/* Not again at once: each end soon after the start doubles the wait. */
static void
back_off(struct authority *a, int64_t now, const struct run *r)
{
	struct module *m = r->module;

	if (r->state == RUN_RETIRING)
		return;
	if (r->state == RUN_UP && now - r->since >= AUTHORITY_GOOD_MS)
		m->backoff_ms = 0;
	m->backoff_ms = m->backoff_ms == 0 ? AUTHORITY_BACKOFF_MIN_MS :
	    2 * m->backoff_ms;
	if (m->backoff_ms > AUTHORITY_BACKOFF_MAX_MS)
		m->backoff_ms = AUTHORITY_BACKOFF_MAX_MS;
	m->start_at = now + m->backoff_ms;
	authority_due(a, m->start_at);
	outbox_log(&a->out, LOG_INFO, "the exchange for %.*s ended",
	    SLICE_ARG(authority_module_name(m)));
}

static void
run_lost(struct authority *a, int64_t now, struct run *r)
{
	struct module *m = r->module;
	int announced = r->state == RUN_UP;

	back_off(a, now, r);
	run_free(a, r);
	if (announced)
		authority_tell(a, m);
	authority_review(a, now, m);
}

void
authority_ended(struct authority *a, int64_t now, uint32_t tag)
{
	struct run *r = run_of(a, tag);

	if (r == NULL || r->external)
		return;
	if (r->peer != NULL)
		outbox_act(&a->out, ACT_CLOSE, r->peer->handle, 0,
		    slice_str(""));
	run_lost(a, now, r);
}

static void
retire(struct authority *a, int64_t now, struct run *r)
{
	if (r->state != RUN_UP) {
		run_kill(a, r);
		run_free(a, r);
		return;
	}
	enter(a, r, RUN_RETIRING);
	r->since = now;
	authority_tell(a, r->module);
	outbox_send_drain(&a->out, r->peer->handle);
	undial(a, r);
	outbox_log(&a->out, LOG_INFO, "retiring the exchange for %.*s",
	    SLICE_ARG(authority_module_name(r->module)));
	authority_due(a, now + EXCHANGE_RETIRE_MS + AUTHORITY_GRACE_MS);
}

void
authority_stop(struct authority *a, int64_t now)
{
	struct module *m = NULL;
	struct run *r, *next;

	a->stopping = 1;
	while ((m = authority_module_next(a, m)) != NULL)
		for (r = m->runs; r != NULL; r = next) {
			next = r->next;
			if (!r->external && r->state != RUN_RETIRING)
				retire(a, now, r);
		}
	outbox_act(&a->out, ACT_STOP, 0, 0, slice_str(""));
}

/* Links. */

void
authority_exchange_up(struct authority *a, int64_t now, struct peer *p,
    uint32_t tag)
{
	struct run *r = run_of(a, tag);

	if (r == NULL || r->state != RUN_DIALLING) {
		outbox_act(&a->out, ACT_CLOSE, p->handle, 0,
		    slice_str("it is not an exchange of ours"));
		return;
	}
	r->peer = p;
	p->run = r;
	enter(a, r, RUN_UP);
	r->since = now;
	outbox_log(&a->out, LOG_INFO, "exchange for %.*s at %s",
	    SLICE_ARG(authority_module_name(r->module)), r->address);
	authority_tell(a, r->module);
	authority_review(a, now, r->module);
}

void
authority_exchange_down(struct authority *a, int64_t now, struct peer *p)
{
	struct run *r = p->run;

	if (r == NULL)
		return;
	p->run = NULL;
	r->peer = NULL;
	if (!r->external) {
		run_kill(a, r);
		run_lost(a, now, r);
		return;
	}
	enter(a, r, RUN_DIALLING);
	r->since = now;
	authority_tell(a, r->module);
	authority_review(a, now, r->module);
}

/* What is needed, and what is there. */

/* Its successor is up, or it has been waited for long enough. */
static int
may_retire(struct authority *a, int64_t now, struct run *r)
{
	if (r->surplus_at == -1)
		r->surplus_at = now;
	if (r->state != RUN_UP || authority_succeeded(a, r->module) ||
	    now >= r->surplus_at + AUTHORITY_SUCCESSOR_MS)
		return 1;
	authority_due(a, r->surplus_at + AUTHORITY_SUCCESSOR_MS);
	return 0;
}

/* One that did not start or end in time: 1 when it is gone. */
static int
overdue(struct authority *a, int64_t now, struct run *r)
{
	int64_t limit = r->state == RUN_RETIRING ?
	    EXCHANGE_RETIRE_MS + AUTHORITY_GRACE_MS : AUTHORITY_START_MS;

	if (r->external || r->state == RUN_UP)
		return 0;
	if (now < r->since + limit) {
		authority_due(a, r->since + limit);
		return 0;
	}
	outbox_log(&a->out, LOG_ERROR, "the exchange for %.*s does not %s",
	    SLICE_ARG(authority_module_name(r->module)),
	    r->state == RUN_RETIRING ? "end" : "answer");
	run_kill(a, r);
	back_off(a, now, r);
	run_free(a, r);
	return 1;
}

/* Is there one that something else runs, and that answers? */
static int
has_external(const struct module *m)
{
	const struct run *r;

	for (r = m->runs; r != NULL; r = r->next)
		if (r->external && r->state == RUN_UP)
			return 1;
	return 0;
}

void
authority_runs_review(struct authority *a, int64_t now, struct module *m,
    int wanted, int responsible)
{
	int useful = wanted && !has_external(m), active = 0;
	struct run *r, *next;

	for (r = m->runs; r != NULL; r = next) {
		next = r->next;
		if (r->external || overdue(a, now, r) ||
		    r->state == RUN_RETIRING)
			continue;
		if (useful && responsible)
			r->surplus_at = -1;
		else if (!useful || may_retire(a, now, r)) {
			retire(a, now, r);
			continue;
		}
		active = 1;
	}
	if (!useful || !responsible || active)
		chain_remove(&m->turn);
	else if (now < m->start_at)
		authority_due(a, m->start_at);
	else if (a->starting < AUTHORITY_STARTING)
		start(a, now, m);
	else if (chain_empty(&m->turn))
		chain_append(&a->turns, &m->turn);
}

int
authority_may_start(const struct authority *a)
{
	return a->starting < AUTHORITY_STARTING && !chain_empty(&a->turns) &&
	    !a->stopping;
}

void
authority_take_turns(struct authority *a, int64_t now)
{
	struct module *m;

	while (authority_may_start(a)) {
		m = CHAIN_OWNER(a->turns.next, struct module, turn);
		chain_remove(&m->turn);
		authority_review(a, now, m);
	}
}
