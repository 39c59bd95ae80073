#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "authority_state.h"
#include "exchange.h"
#include "fail.h"

static struct authority_exchange *
authority_exchange_find(const struct authority *a, uint32_t tag)
{
	return map_get(&a->exchanges, slice_of(&tag, sizeof(tag)));
}

/* A start takes time, and much of the processor: if too many started at once,
 * none would be linked before it is taken for dead. */
static int
authority_exchange_is_starting(const struct authority_exchange *x)
{
	return !x->external && (x->state == EXCHANGE_STARTING ||
	    x->state == EXCHANGE_DIALLING);
}

static struct authority_exchange *
authority_exchange_new(struct authority *a, int64_t now,
    struct authority_module *m, int external)
{
	uint32_t tag = a->last_tag + 1;
	struct slice key = slice_of(&tag, sizeof(tag));
	struct authority_exchange *x =
	    map_alloc(&a->exchanges, sizeof(*x), &key);

	if (x == NULL)
		return NULL;
	x->tag = a->last_tag = tag;
	x->module = m;
	x->external = external;
	x->since = now;
	x->surplus_at = -1;
	x->next = m->exchanges;
	m->exchanges = x;
	a->starting += (size_t)authority_exchange_is_starting(x);
	return x;
}

static int
authority_exchange_dial(struct authority *a, struct authority_exchange *x,
    enum dial how)
{
	x->state = EXCHANGE_DIALLING; /* which counts as starting, too */
	x->dialled = 1;
	return outbox_act(&a->out, ACT_DIAL, x->tag, how,
	    slice_str(x->address));
}

/* Stop redialling: the port may soon belong to another process. */
static void
authority_exchange_undial(struct authority *a, struct authority_exchange *x)
{
	if (x->dialled)
		outbox_act(&a->out, ACT_UNDIAL, 0, 0, slice_str(x->address));
	x->dialled = 0;
}

static void
authority_exchange_free(struct authority *a, struct authority_exchange *x)
{
	struct authority_exchange **link = &x->module->exchanges;

	authority_exchange_undial(a, x);
	if (x->peer != NULL)
		x->peer->exchange = NULL;
	while (*link != x)
		link = &(*link)->next;
	*link = x->next;
	map_del(&a->exchanges, slice_of(&x->tag, sizeof(x->tag)));
	a->starting -= (size_t)authority_exchange_is_starting(x);
	free(x);
}

static void
authority_exchange_kill(struct authority *a, const struct authority_exchange *x)
{
	outbox_act(&a->out, AUTHORITY_KILL, x->tag, 0, slice_str(""));
}

/* An exchange is on its authority's host, at the address that others know that
 * by. Without such an address it is announced as listening everywhere, and a
 * peer that hears this takes the address at which it sees the authority. */
struct slice
authority_exchange_address(const struct authority *a,
    const struct authority_exchange *x, char buf[ADDRESS_MAX + 1])
{
	struct slice host, port, own_port;

	if (x->external)
		return slice_str(x->address);
	hostport_split(slice_str(x->address), &host, &port);
	hostport_split(slice_str(a->gossip.address), &host, &own_port);
	return hostport_join(host.len == 0 ? slice_str("0.0.0.0") : host,
	    port, buf);
}

/* Starting. */

static void
authority_exchange_start(struct authority *a, int64_t now,
    struct authority_module *m)
{
	struct authority_exchange *x = authority_exchange_new(a, now, m, 0);

	if (x == NULL || outbox_act(&a->out, AUTHORITY_START, x->tag, 0,
	    m->name) == -1) {
		if (x != NULL)
			authority_exchange_free(a, x);
		m->start_at = now + AUTHORITY_BACKOFF_MAX_MS;
		authority_due(a, m->start_at);
		return;
	}
	authority_due(a, now + AUTHORITY_START_MS);
}

/* It is on this host: one that listens everywhere is dialled on loopback. */
int
authority_started(struct authority *a, int64_t now, uint32_t tag,
    struct slice address)
{
	struct authority_exchange *x = authority_exchange_find(a, tag);
	struct slice host, port;
	char buf[ADDRESS_MAX + 1];

	if (x == NULL || x->state != EXCHANGE_STARTING ||
	    address.len > ADDRESS_MAX)
		return 0;
	hostport_split(address, &host, &port);
	hostport_copy(x->address, hostport_fill(address, slice_str(
	    slice_is(host, "::") ? "::1" : "127.0.0.1"), buf));
	authority_due(a, now + AUTHORITY_START_MS);
	return authority_exchange_dial(a, x, DIAL_HOUR);
}

int
authority_announce(struct authority *a, int64_t now, struct slice module,
    struct slice address)
{
	struct authority_module *m;
	struct authority_exchange *x;

	if (address.len > ADDRESS_MAX)
		return fail(ERANGE);
	if ((m = authority_module_get(a, now, module)) == NULL ||
	    (x = authority_exchange_new(a, now, m, 1)) == NULL)
		return -1;
	hostport_copy(x->address, address);
	return authority_exchange_dial(a, x, DIAL_FOREVER);
}

/* Ending. */

/* Not again at once: each end soon after the start doubles the wait. */
static void
authority_exchange_back_off(struct authority *a, int64_t now,
    const struct authority_exchange *x)
{
	struct authority_module *m = x->module;

	if (x->state == EXCHANGE_RETIRING)
		return;
	if (x->state == EXCHANGE_LINKED && now - x->since >= AUTHORITY_GOOD_MS)
		m->backoff_ms = 0;
	m->backoff_ms = m->backoff_ms == 0 ? AUTHORITY_BACKOFF_MIN_MS :
	    2 * m->backoff_ms;
	if (m->backoff_ms > AUTHORITY_BACKOFF_MAX_MS)
		m->backoff_ms = AUTHORITY_BACKOFF_MAX_MS;
	m->start_at = now + m->backoff_ms;
	authority_due(a, m->start_at);
	outbox_log(&a->out, LOG_INFO, "the exchange for %.*s ended",
	    SLICE_ARG(m->name));
}

static void
authority_exchange_lost(struct authority *a, int64_t now,
    struct authority_exchange *x)
{
	struct authority_module *m = x->module;
	int announced = x->state == EXCHANGE_LINKED;

	authority_exchange_back_off(a, now, x);
	authority_exchange_free(a, x);
	if (announced)
		authority_module_announce(a, m);
	authority_module_review(a, now, m);
}

void
authority_ended(struct authority *a, int64_t now, uint32_t tag)
{
	struct authority_exchange *x = authority_exchange_find(a, tag);

	if (x == NULL || x->external)
		return;
	if (x->peer != NULL)
		outbox_act(&a->out, ACT_CLOSE, x->peer->gossip.handle, 0,
		    slice_str(""));
	authority_exchange_lost(a, now, x);
}

static void
authority_exchange_retire(struct authority *a, int64_t now,
    struct authority_exchange *x)
{
	if (x->state != EXCHANGE_LINKED) {
		authority_exchange_kill(a, x);
		authority_exchange_free(a, x);
		return;
	}
	x->state = EXCHANGE_RETIRING;
	x->since = now;
	authority_module_announce(a, x->module);
	outbox_send_drain(&a->out, x->peer->gossip.handle);
	authority_exchange_undial(a, x);
	outbox_log(&a->out, LOG_INFO, "retiring the exchange for %.*s",
	    SLICE_ARG(x->module->name));
	authority_due(a, now + EXCHANGE_RETIRE_MS + AUTHORITY_GRACE_MS);
}

void
authority_stop(struct authority *a, int64_t now)
{
	struct authority_module *m = NULL;
	struct authority_exchange *x, *next;

	a->stopping = 1;
	while ((m = authority_module_next(a, m)) != NULL)
		for (x = m->exchanges; x != NULL; x = next) {
			next = x->next;
			if (!x->external && x->state != EXCHANGE_RETIRING)
				authority_exchange_retire(a, now, x);
		}
	outbox_act(&a->out, ACT_STOP, 0, 0, slice_str(""));
}

/* Links. */

void
authority_exchange_up(struct authority *a, int64_t now,
    struct authority_peer *p, uint32_t tag)
{
	struct authority_exchange *x = authority_exchange_find(a, tag);

	if (x == NULL || x->state != EXCHANGE_DIALLING) {
		outbox_act(&a->out, ACT_CLOSE, p->gossip.handle, 0,
		    slice_str("it is not an exchange of ours"));
		return;
	}
	x->peer = p;
	p->exchange = x;
	a->starting -= (size_t)authority_exchange_is_starting(x);
	x->state = EXCHANGE_LINKED;
	x->since = now;
	outbox_log(&a->out, LOG_INFO, "exchange for %.*s at %s",
	    SLICE_ARG(x->module->name), x->address);
	authority_module_announce(a, x->module);
	authority_module_review(a, now, x->module);
}

void
authority_exchange_down(struct authority *a, int64_t now,
    struct authority_peer *p)
{
	struct authority_exchange *x = p->exchange;

	p->exchange = NULL;
	x->peer = NULL;
	if (!x->external) {
		authority_exchange_kill(a, x);
		authority_exchange_lost(a, now, x);
		return;
	}
	x->state = EXCHANGE_DIALLING;
	authority_module_announce(a, x->module);
	authority_module_review(a, now, x->module);
}

/* What is needed, and what is there. */

/* Its successor is linked, or it has been waited for long enough. */
static int
authority_exchange_may_retire(struct authority *a, int64_t now,
    struct authority_exchange *x)
{
	if (x->surplus_at == -1)
		x->surplus_at = now;
	if (x->state != EXCHANGE_LINKED ||
	    authority_module_succeeded(a, x->module) ||
	    now >= x->surplus_at + AUTHORITY_SUCCESSOR_MS)
		return 1;
	authority_due(a, x->surplus_at + AUTHORITY_SUCCESSOR_MS);
	return 0;
}

/* Has it not started or ended in time? Then it is gone, and so is x. */
static int
authority_exchange_is_overdue(struct authority *a, int64_t now,
    struct authority_exchange *x)
{
	int64_t limit = x->state == EXCHANGE_RETIRING ?
	    EXCHANGE_RETIRE_MS + AUTHORITY_GRACE_MS : AUTHORITY_START_MS;

	if (x->state == EXCHANGE_LINKED)
		return 0;
	if (now < x->since + limit) {
		authority_due(a, x->since + limit);
		return 0;
	}
	outbox_log(&a->out, LOG_ERROR, "the exchange for %.*s does not %s",
	    SLICE_ARG(x->module->name),
	    x->state == EXCHANGE_RETIRING ? "end" : "answer");
	authority_exchange_kill(a, x);
	authority_exchange_back_off(a, now, x);
	authority_exchange_free(a, x);
	return 1;
}

/* Is there one that something else runs, and that answers? */
static int
authority_exchange_any_external(const struct authority_module *m)
{
	const struct authority_exchange *x;

	for (x = m->exchanges; x != NULL; x = x->next)
		if (x->external && x->state == EXCHANGE_LINKED)
			return 1;
	return 0;
}

int
authority_exchange_is_run(const struct authority_module *m)
{
	const struct authority_exchange *x;

	for (x = m->exchanges; x != NULL; x = x->next)
		if (!x->external && x->state != EXCHANGE_RETIRING)
			return 1;
	return 0;
}

void
authority_exchange_review(struct authority *a, int64_t now,
    struct authority_module *m, int wanted, int responsible)
{
	int useful = wanted && !authority_exchange_any_external(m), active = 0;
	struct authority_exchange *x, *next;

	for (x = m->exchanges; x != NULL; x = next) {
		next = x->next;
		if (x->external || authority_exchange_is_overdue(a, now, x) ||
		    x->state == EXCHANGE_RETIRING)
			continue;
		if (useful && responsible)
			x->surplus_at = -1;
		else if (!useful || authority_exchange_may_retire(a, now, x)) {
			authority_exchange_retire(a, now, x);
			continue;
		}
		active = 1;
	}
	if (!useful || !responsible || active)
		chain_remove(&m->turn);
	else if (now < m->start_at)
		authority_due(a, m->start_at);
	else if (a->starting < AUTHORITY_STARTING)
		authority_exchange_start(a, now, m);
	else if (chain_empty(&m->turn))
		chain_append(&a->turns, &m->turn);
}

int
authority_exchange_may_start(const struct authority *a)
{
	return a->starting < AUTHORITY_STARTING && !chain_empty(&a->turns) &&
	    !a->stopping;
}

void
authority_exchange_take_turns(struct authority *a, int64_t now)
{
	struct authority_module *m;

	while (authority_exchange_may_start(a)) {
		m = CHAIN_OWNER(a->turns.next, struct authority_module, turn);
		chain_remove(&m->turn);
		authority_module_review(a, now, m);
	}
}
