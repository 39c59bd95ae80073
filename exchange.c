#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "exchange_state.h"
#include "fail.h"
#include "exchange_match.h"
#include "exchange_notice.h"

#define NEVER INT64_MAX

struct exchange *
exchange_new(struct slice module, const struct id *own, uint64_t seed)
{
	struct exchange *x;

	assert(module.len > 0 && module.len <= sizeof(x->module));
	x = calloc(1, sizeof(*x));
	if (x == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	outbox_init(&x->out);
	if (market_init(&x->market, own, seed, &x->out) == -1) {
		free(x);
		return NULL;
	}
	map_init(&x->peers, rng_next(&x->market.rng));
	memcpy(x->module, module.p, module.len);
	x->module_len = module.len;
	x->orphan_at = x->retire_at = NEVER;
	return x;
}

void
exchange_free(struct exchange *x)
{
	struct peer *p;
	size_t pos = 0;

	if (x == NULL)
		return;
	while ((p = map_next(&x->peers, &pos)) != NULL)
		free(p);
	map_free(&x->peers);
	market_free(&x->market);
	outbox_free(&x->out);
	free(x);
}

struct outbox *
exchange_out(struct exchange *x)
{
	return &x->out;
}

/* The end of its time. */

/* No more fills; brokers are asked to leave. */
static void
retire(struct exchange *x, int64_t now)
{
	struct peer *p;
	size_t pos = 0;

	if (x->market.closed)
		return;
	x->market.closed = 1;
	x->market.round = 1;
	x->retire_at = now + EXCHANGE_RETIRE_MS;
	/* A broker that cannot be told finds out when we end. */
	while ((p = map_next(&x->peers, &pos)) != NULL)
		if (p->role == ROLE_BROKER)
			outbox_send_drain(&x->out, p->handle);
}

/* One whose authority died before it could be linked has nobody who would end
 * it, whatever broker came by and left. */
static void
retire_if_alone(struct exchange *x, int64_t now)
{
	if (x->authorities > 0 || x->orphan || x->brokers > 0) {
		x->alone_at = 0;
		return;
	}
	if (x->alone_at == 0)
		x->alone_at = now + EXCHANGE_ALONE_MS;
	if (now < x->alone_at || x->market.closed)
		return;
	outbox_log(&x->out, LOG_INFO, "nobody has come for %d s: retiring",
	    EXCHANGE_ALONE_MS / 1000);
	retire(x, now);
}

/* Its authority is gone, and nobody trades here. As long as a broker does, it
 * may be all that is left of its module: brokers leave it once there is
 * another. */
static int
is_left(const struct exchange *x)
{
	return x->orphan && x->brokers == 0 && !x->market.closed;
}

static void
end_if_due(struct exchange *x, int64_t now)
{
	retire_if_alone(x, now);
	if (is_left(x) && now >= x->orphan_at) {
		outbox_log(&x->out, LOG_INFO, "neither authority nor broker "
		    "for %d s: retiring", EXCHANGE_ORPHAN_MS / 1000);
		retire(x, now);
	}
	if (!x->market.closed || x->stopped)
		return;
	if (x->brokers > 0 && now < x->retire_at)
		return;
	if (outbox_act(&x->out, ACT_STOP, 0, 0, slice_of(NULL, 0)) == 0)
		x->stopped = 1;
}

/* Peers. */

static struct slice
peer_key(const uint32_t *handle)
{
	return slice_of(handle, sizeof(*handle));
}

static int
peer_add(struct exchange *x, uint32_t handle, const struct peer_info *info)
{
	struct peer *p;

	p = malloc(sizeof(*p));
	if (p == NULL)
		return fail(ENOMEM);
	p->handle = handle;
	p->role = info->role;
	p->instance = info->instance;
	chain_init(&p->orders);
	chain_init(&p->reserves);
	if (map_put(&x->peers, peer_key(&p->handle), p) == -1) {
		free(p);
		return -1;
	}
	if (p->role == ROLE_BROKER) {
		x->brokers++;
		if (x->market.closed)
			return outbox_send_drain(&x->out, p->handle);
	} else if (p->role == ROLE_AUTHORITY) {
		x->authorities++;
		x->orphan = 0;
	}
	return 0;
}

static void
exchange_up(void *core, int64_t now, uint32_t handle,
    const struct peer_info *info)
{
	struct exchange *x = core;

	(void)now;
	if (peer_add(x, handle, info) == -1)
		outbox_act(&x->out, ACT_CLOSE, handle, 0,
		    slice_str("out of memory"));
}

/* End its sells first, or capacity that its buys free would be offered from
 * them. */
static void
broker_gone(struct exchange *x, struct peer *p)
{
	struct market *m = &x->market;
	struct chain *c, *next;
	struct reserve *r;
	struct order *o;

	for (c = p->orders.next; c != &p->orders; c = next) {
		next = c->next;
		o = CHAIN_OWNER(c, struct order, of_broker);
		if (o->selling)
			sell_end(m, order_sell(o));
		else
			buy_end(m, order_buy(o));
	}
	while (!chain_empty(&p->reserves)) {
		r = CHAIN_OWNER(p->reserves.next, struct reserve, of_broker);
		m->totals.lost += r->quantity;
		reserve_less(m, r, r->quantity);
	}
	x->brokers--;
}

static void
exchange_down(void *core, int64_t now, uint32_t handle)
{
	struct exchange *x = core;
	struct peer *p;

	p = map_del(&x->peers, peer_key(&handle));
	if (p == NULL)
		return;
	if (p->role == ROLE_BROKER) {
		broker_gone(x, p);
		match_run(&x->market, now);
	} else if (p->role == ROLE_AUTHORITY && --x->authorities == 0) {
		x->orphan = 1;
	}
	if (p->role != ROLE_CTL) /* which only looks */
		x->orphan_at = now + EXCHANGE_ORPHAN_MS;
	if (x->recent == p)
		x->recent = NULL;
	free(p);
}

/* Messages. */

static int
on_drain(struct exchange *x, int64_t now, struct peer *p,
    const struct msg *msg)
{
	(void)p;
	(void)msg;
	retire(x, now);
	return 0;
}

static int
on_inspect(struct exchange *x, int64_t now, struct peer *p,
    const struct msg *msg)
{
	return exchange_report(x, now, p->handle, msg->u.inspect.what);
}

typedef int message_fn(struct exchange *, int64_t now, struct peer *,
    const struct msg *);

static message_fn *const handlers[] = {
	[MSG_SELL] = exchange_sell,
	[MSG_BUY] = exchange_buy,
	[MSG_CANCEL] = exchange_cancel,
	[MSG_RELEASE] = exchange_release,
	[MSG_DRAIN] = on_drain,
	[MSG_INSPECT] = on_inspect,
};

/* Messages come many at a time from one peer. */
static struct peer *
find_peer(struct exchange *x, uint32_t handle)
{
	if (x->recent == NULL || x->recent->handle != handle)
		x->recent = map_get(&x->peers, peer_key(&handle));
	return x->recent;
}

static int
exchange_message(void *core, int64_t now, uint32_t handle,
    const struct msg *msg)
{
	struct exchange *x = core;
	struct peer *p = find_peer(x, handle);

	if (p == NULL || !msg_allowed(msg->type, p->role, ROLE_EXCHANGE) ||
	    msg->type >= sizeof(handlers) / sizeof(handlers[0]) ||
	    handlers[msg->type] == NULL)
		return fail(EPROTO);
	return handlers[msg->type](x, now, p, msg);
}

/* Time. */

static void
expire(struct market *m, int64_t now)
{
	struct reserve *r;

	while ((r = reserve_oldest(&m->reserves)) != NULL && r->until <= now) {
		m->totals.expired += r->quantity;
		reserve_less(m, r, r->quantity);
	}
}

static void
exchange_tick(void *core, int64_t now)
{
	struct exchange *x = core;
	struct market *m = &x->market;

	expire(m, now);
	if (m->fresh_sells != NULL || m->stuck)
		match_run(m, now);
	end_if_due(x, now);
	if (notice_due(m) && now >= x->waiting_at) {
		x->waiting_at = now + NOTICE_WAITING_MS;
		notice_round(m);
	}
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
exchange_deadline(const void *core)
{
	const struct exchange *x = core;
	const struct reserve *r;
	int64_t at = NEVER;

	if (x->stopped)
		return NEVER;
	r = reserve_oldest(&x->market.reserves);
	if (r != NULL)
		at = r->until;
	if (notice_due(&x->market))
		at = earlier(at, x->waiting_at);
	if (is_left(x))
		at = earlier(at, x->orphan_at);
	if (x->alone_at != 0 && !x->market.closed)
		at = earlier(at, x->alone_at);
	if (x->market.closed)
		at = earlier(at, x->retire_at);
	return at;
}

const struct core_ops exchange_ops = {
	ROLE_EXCHANGE,
	exchange_up,
	exchange_down,
	exchange_message,
	NULL,
	exchange_tick,
	exchange_deadline
};

/* For checkers. */

void
exchange_totals(const struct exchange *x, struct exchange_totals *out)
{
	*out = x->market.totals;
}

int
exchange_next(const struct exchange *x, size_t *pos,
    struct exchange_view *view)
{
	const struct sell *s;
	struct order *o;

	while ((o = map_next(&x->market.orders, pos)) != NULL) {
		if (!o->selling)
			continue;
		s = order_sell(o);
		view->seller = s->seller;
		view->quantity = s->quantity;
		view->reserved = s->reserved;
		return 1;
	}
	return 0;
}
