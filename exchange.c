#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attrs.h"
#include "core.h"
#include "exchange_book.h"
#include "fail.h"

#define NEVER INT64_MAX

#define NOTICE_WAITING_MS 100 /* between two rounds of `waiting`; but */
#define NOTICE_SOON_MS	  25 /* when a buy waits that holds less; and */
#define NOTICE_SELLS	  128 /* that many sells, for a millisecond more */
#define NOTICE_BATCH	  8192 /* sells told in a round */
#define SETTLE_MS	  1000 /* for the brokers to send it what they sell */
#define NOTICE_SETS_BYTES (16u * 1024) /* of attributes in one `offers` */
#define EXCHANGE_NODES_MAX 10000 /* that a new follower is told of */
#define REPORT_TEXT	  512 /* of attributes or constraints, printed */

/* Life. */

struct exchange *
exchange_new(struct slice module, const struct id *own, uint64_t seed)
{
	struct exchange *x = calloc(1, sizeof(*x));

	assert(module.len > 0 && module.len <= sizeof(x->module));
	if (x == NULL || (x->scratch = malloc(BOOK_SCRATCH)) == NULL) {
		free(x);
		return NULL;
	}
	outbox_init(&x->out);
	book_init(x, own, seed);
	map_init(&x->peers, rng_next(&x->rng));
	memcpy(x->module, module.p, module.len);
	x->module_len = module.len;
	x->orphan_at = x->retire_at = x->share_again = NEVER;
	x->waited_at = -NOTICE_WAITING_MS;
	return x;
}

void
exchange_free(struct exchange *x)
{
	if (x == NULL)
		return;
	map_free_values(&x->peers);
	book_free(x);
	outbox_free(&x->out);
	free(x->scratch);
	free(x);
}

struct outbox *
exchange_out(struct exchange *x)
{
	return &x->out;
}

/* Notices: what brokers are told of their orders besides fills. */

/* The attributes of all classes that have sells, as far as there is room. */
static struct slice
notice_sets(struct exchange *x)
{
	const struct sell_class *c;
	struct tlv_writer w;
	unsigned i, n = 0;

	tlv_writer_init(&w, x->scratch, NOTICE_SETS_BYTES);
	for (i = 0; i < x->classes.sells.n && n < OFFERS_MAX; i++) {
		c = class_sell(&x->classes, i);
		if (c->class.n == 0 ||
		    tlv_size(c->class.key.len) > (size_t)(w.end - w.p))
			continue;
		list_put(&w, c->class.key);
		n++;
	}
	return slice_of(x->scratch, (size_t)(w.p - x->scratch));
}

static int
notice_any_fits(const struct exchange *x, const struct buy_class *b)
{
	unsigned i;

	for (i = 0; i < x->classes.sells.n; i++)
		if (x->classes.sells.at[i]->n > 0 && class_set_has(&b->fits, i))
			return 1;
	return 0;
}

/* A buy stands unmet: tell it what is on offer if nothing fits, or else, if it
 * is not new, that all is taken. */
static int
notice_offers(struct exchange *x, int64_t now, const struct exchange_buy *b,
    int new)
{
	struct msg msg = { .type = MSG_OFFERS, .u.offers.order = b->order.id };

	if (!notice_any_fits(x, b->class)) {
		msg.u.offers.sets = notice_sets(x);
		msg.u.offers.complete = now - x->began_at >= SETTLE_MS;
	} else if (new || b->nexcludes > 0)
		return 0; /* what there is may be kept from it alone */
	else
		msg.u.offers.reason = slice_str(OFFERS_TAKEN);
	return outbox_send(&x->out, b->order.broker->handle, &msg);
}

/* What a class of sells is told: how many buys stand unmet that could use it,
 * and the least that one of them holds. An exchange that is closed counts
 * none. */
static struct msg_waiting
notice_count(const struct exchange *x, const struct sell_class *c)
{
	struct msg_waiting m = { .least = UINT64_MAX };
	const struct buy_class *b;
	uint64_t need;
	unsigned i;

	for (i = 0; !x->closed && i < x->classes.buys.n; i++) {
		b = class_buy(&x->classes, i);
		if ((need = class_need(b)) == 0 ||
		    !class_set_has(&b->fits, c->class.number))
			continue;
		m.buyers += b->unmet;
		if (need - 1 < m.least)
			m.least = need - 1;
	}
	if (m.buyers == 0)
		m.least = 0;
	else
		m.share = c->share;
	return m;
}

/* The part of this that every seller is told when it changes: 0 if nobody
 * waits. */
static uint64_t
notice_word(const struct msg_waiting *m)
{
	return m->buyers == 0 ? 0 : 1 + (m->share << 31) + m->least;
}

/* When what a class is told changes, its round starts over. */
static void
notice_stand(struct exchange *x, struct sell_class *c, uint64_t word)
{
	if (c->standing == word)
		return;
	c->standing = word;
	c->said = word == 0 ? 0 : c->said == UINT16_MAX ? 1 : c->said + 1;
	c->told = 0;
	x->round = 1;
}

static int
notice_tell(struct exchange *x, struct exchange_sell *s,
    const struct msg_waiting *m)
{
	struct msg msg = { .type = MSG_WAITING, .u.waiting = *m };

	msg.u.waiting.order = s->order.id;
	if (outbox_send(&x->out, s->order.broker->handle, &msg) == -1)
		return -1;
	s->told = s->class->said;
	return 0;
}

/* Answer a sell: how many buys wait for it, if any do or it was last told that
 * some did. */
static int
notice_waiting(struct exchange *x, struct exchange_sell *s)
{
	struct msg_waiting m = notice_count(x, s->class);

	if (m.buyers == 0 && s->told == 0)
		return 0;
	notice_stand(x, s->class, notice_word(&m));
	return notice_tell(x, s, &m);
}

/* Go on with the sells of one class; *budget of them may be told. 1 when there
 * are more, or -1. */
static int
notice_class(struct exchange *x, struct sell_class *c, unsigned *budget)
{
	struct msg_waiting m = notice_count(x, c);
	struct exchange_sell *s;

	notice_stand(x, c, notice_word(&m));
	for (; c->told < c->class.n && *budget > 0; c->told++) {
		s = sell_in(x, c, c->told);
		if (s->told == c->said)
			continue;
		if (notice_tell(x, s, &m) == -1)
			return -1;
		--*budget;
	}
	return c->told < c->class.n;
}

/* Has it changed since sellers were told, what buys that wait hold? Of a
 * newcomer they hear soon: until then nobody returns anything for it. */
static enum turn
notice_has_turned(const struct exchange *x)
{
	const struct buy_class *c;
	enum turn turned = TURN_NOT;
	uint64_t need;
	unsigned i;

	for (i = 0; i < x->classes.buys.n; i++) {
		c = class_buy(&x->classes, i);
		need = class_need(c);
		if (need != 0 && (c->stood == 0 || need < c->stood))
			return TURN_SOON;
		if (need != c->stood)
			turned = TURN_LATE;
	}
	return turned;
}

/* When the next round is to be; NEVER: there is nothing to be told. */
static int64_t
notice_due(const struct exchange *x)
{
	uint64_t ms = NOTICE_WAITING_MS;

	if (x->turned == TURN_SOON)
		ms = NOTICE_SOON_MS + x->totals.sells / NOTICE_SELLS;
	if (ms > NOTICE_WAITING_MS)
		ms = NOTICE_WAITING_MS;
	return x->round || x->turned ? x->waited_at + (int64_t)ms : NEVER;
}

/* Buys began or ceased to wait for some sells: tell the next NOTICE_BATCH of
 * them. */
static void
notice_round(struct exchange *x)
{
	unsigned i, budget = NOTICE_BATCH;
	struct buy_class *c;
	int r = 0, more = 0;

	for (i = 0; i < x->classes.buys.n; i++) {
		c = class_buy(&x->classes, i);
		c->stood = class_need(c);
	}
	x->turned = TURN_NOT;
	for (i = 0; r != -1 && i < x->classes.sells.n; i++) {
		r = notice_class(x, class_sell(&x->classes, i), &budget);
		more |= r != 0;
	}
	x->round = more;
}

/* Orders. */

static int
exchange_is_ours(const struct exchange *x, struct slice module)
{
	return slice_equal(module, slice_of(x->module, x->module_len));
}

static int
exchange_refuse(struct exchange *x, const struct exchange_peer *p,
    uint64_t order, const char *reason)
{
	return outbox_send_refuse(&x->out, p->handle, order, reason, 0);
}

/* The order cannot be taken, and ends if it stands. If errno is a limit, tell
 * its broker; otherwise it is the error. */
static int
exchange_refuse_full(struct exchange *x, const struct exchange_peer *p,
    uint64_t id)
{
	struct exchange_order *o = order_find(x, p, id);
	int error = errno;

	if (o != NULL)
		order_end(x, o);
	if (error != ENOBUFS)
		return fail(error);
	return exchange_refuse(x, p, id, x->orders.n >= EXCHANGE_ORDERS_MAX ?
	    "too many orders of this module" :
	    "too many different attributes or constraints of this module");
}

/* The sell, with all that the message says except quantity and settled. o is
 * the existing order, or NULL. NULL with errno. */
static struct exchange_sell *
exchange_accept_sell(struct exchange *x, struct exchange_peer *p,
    const struct msg_sell *m, struct exchange_order *o)
{
	struct exchange_sell *s;

	if (o == NULL) {
		if ((s = sell_new(x, p, m->order, m->attrs)) == NULL)
			return NULL;
	} else {
		s = order_sell(o);
		if (m->attrs.len > 0 && sell_reclass(x, s, m->attrs) == -1)
			return NULL;
	}
	if (!id_is_zero(&m->seller))
		s->seller = m->seller;
	if (m->contact.len > 0 && sell_contact(s, m->contact) == -1)
		return NULL;
	return s;
}

static void
exchange_settle(struct exchange *x, const struct exchange_sell *s,
    struct slice list)
{
	struct exchange_reservation *r;
	struct reservation item;

	while (item_next(&schema_reservation, &list, &item) == 1) {
		if (!id_equal(&item.exchange, &x->own))
			continue;
		r = reservation_find(&x->reservations, item.counter);
		if (r == NULL || r->sell != s->order.number)
			continue;
		x->totals.settled += r->quantity;
		book_unreserve(x, r, r->quantity);
	}
}

/* Any buy of the broker's, or NULL. */
static const struct exchange_order *
exchange_any_buy(const struct exchange_peer *p)
{
	const struct exchange_order *o = NULL;

	do
		o = CHAIN_NEXT(&p->orders, o, struct exchange_order, of_broker);
	while (o != NULL && o->selling);
	return o;
}

/* Has it an Erlang node? */
static int
exchange_has_node(struct slice contact)
{
	struct contact c;

	return group_decode(&schema_contact, contact, &c) == 0 &&
	    c.node.len > 0;
}

/* The seller's Erlang node came or moved: every broker that follows learns it,
 * or every one that buys, by a fill of nothing. */
static int
exchange_tell_contact(struct exchange *x, const struct exchange_sell *s,
    int followers)
{
	struct seller item = { .seller = s->seller, .contact = s->contact };
	struct msg msg = { .type = MSG_FILL, .u.fill.exchange = x->own };
	const struct exchange_order *o;
	struct exchange_peer *p;
	size_t pos = 0;

	msg.u.fill.sellers = item_list(&schema_seller, &item, x->scratch,
	    BOOK_SCRATCH);
	while ((p = map_next(&x->peers, &pos)) != NULL) {
		/* Its orders are many where sells come all the time. */
		if ((followers && p->follow == 0) ||
		    (o = exchange_any_buy(p)) == NULL)
			continue;
		msg.u.fill.order = o->id;
		if (outbox_send(&x->out, p->handle, &msg) == -1)
			return -1;
	}
	return 0;
}

/* One that begins to follow learns all nodes, as far as there is room. */
static int
exchange_tell_nodes(struct exchange *x, const struct exchange_peer *p)
{
	struct msg msg = { .type = MSG_FILL, .u.fill = {
		.order = p->follow, .exchange = x->own } };
	const struct exchange_sell *s;
	struct exchange_order *o;
	struct seller item = { .quantity = 0 };
	size_t pos = 0, n = 0;

	while ((o = order_next(x, &pos)) != NULL) {
		if (!o->selling ||
		    !exchange_has_node((s = order_sell(o))->contact))
			continue;
		item.seller = s->seller;
		item.contact = s->contact;
		msg.u.fill.sellers = item_list(&schema_seller, &item,
		    x->scratch, BOOK_SCRATCH);
		if (n++ == EXCHANGE_NODES_MAX)
			break;
		if (outbox_send(&x->out, p->handle, &msg) == -1)
			return -1;
	}
	return 0;
}

/* Does the seller have an Erlang node that is new, or not where it was? */
static int
exchange_has_moved(struct exchange_order *o, struct slice contact)
{
	return contact.len > 0 &&
	    (o == NULL || !slice_equal(order_sell(o)->contact, contact)) &&
	    exchange_has_node(contact);
}

static int
exchange_on_sell(struct exchange *x, int64_t now, struct exchange_peer *p,
    const struct msg *msg)
{
	const struct msg_sell *m = &msg->u.sell;
	struct exchange_order *o;
	struct exchange_sell *s;
	int moved;

	if (!exchange_is_ours(x, m->module))
		return exchange_refuse(x, p, m->order, "not of this module");
	o = order_find(x, p, m->order);
	if (o != NULL && !o->selling)
		return fail(EPROTO);
	if (o == NULL && (m->contact.len == 0 || id_is_zero(&m->seller)))
		return exchange_refuse(x, p, m->order,
		    "the sell names no contact or no seller, and none is known "
		    "of it");
	moved = exchange_has_moved(o, m->contact);
	if ((s = exchange_accept_sell(x, p, m, o)) == NULL)
		return exchange_refuse_full(x, p, m->order);
	if (moved && exchange_tell_contact(x, s, o == NULL) == -1)
		return -1;
	exchange_settle(x, s, m->settled);
	if (m->capacity > 0)
		sell_capacity(s, (uint32_t)m->capacity);
	x->uneven = 1;
	sell_state(x, s, (uint32_t)m->quantity);
	sell_freshen(x, s);
	if (match_run(x, now) == -1)
		return -1;
	return notice_waiting(x, s);
}

/*
 * A buy that waits and is sent again keeps its rank, but in two cases. Its age
 * is older than its rank: it was filled and went to the back of the line, and
 * then its fill was refused. Or it holds less than before: what it gave back is
 * for others. In both, and when a buy begins to wait, its age gives its rank.
 */
static void
exchange_place(struct exchange *x, struct exchange_buy *b, int keeps,
    int64_t born)
{
	if (b->lacking == 0 || (keeps && born >= b->queued.born))
		return;
	buy_dequeue(b);
	buy_rank(x, b, born);
}

/* The buy, of the message's constraints. NULL with errno. */
static struct exchange_buy *
exchange_accept_buy(struct exchange *x, struct exchange_peer *p,
    const struct msg_buy *m, struct exchange_order *o)
{
	if (o == NULL)
		return buy_new(x, p, m->order, m->constraints);
	return buy_reclass(x, order_buy(o), m->constraints) == -1 ? NULL :
	    order_buy(o);
}

static int
exchange_on_buy(struct exchange *x, int64_t now, struct exchange_peer *p,
    const struct msg *msg)
{
	const struct msg_buy *m = &msg->u.buy;
	struct exchange_order *o;
	struct exchange_buy *b;
	uint32_t held;
	int lacked;

	if (!exchange_is_ours(x, m->module))
		return exchange_refuse(x, p, m->order, "not of this module");
	o = order_find(x, p, m->order);
	if (o != NULL && o->selling)
		return fail(EPROTO);
	if ((b = exchange_accept_buy(x, p, m, o)) == NULL)
		return exchange_refuse_full(x, p, m->order);
	lacked = b->lacking > 0;
	held = buy_holds(b);
	if (o == NULL || (b->held > 0) != (m->held > 0))
		b->since = now;
	b->missing = (uint32_t)m->missing;
	b->settled = m->settled;
	b->held = (uint32_t)m->held;
	buy_account(x, b);
	if (o == NULL && m->missing == 0 && m->held == 0) {
		p->follow = m->order;
		return exchange_tell_nodes(x, p);
	}
	exchange_place(x, b, lacked && buy_holds(b) >= held,
	    now - (int64_t)m->age_ms);
	if (match_buy(x, now, b) == -1)
		return -1;
	return b->lacking > 0 && !x->closed ?
	    notice_offers(x, now, b, o == NULL) : 0;
}

static int
exchange_on_cancel(struct exchange *x, int64_t now, struct exchange_peer *p,
    const struct msg *msg)
{
	struct exchange_order *o = order_find(x, p, msg->u.cancel.order);

	(void)now;
	if (msg->u.cancel.order == p->follow)
		p->follow = 0;
	if (o != NULL)
		order_end(x, o);
	return 0;
}

static int
exchange_on_release(struct exchange *x, int64_t now, struct exchange_peer *p,
    const struct msg *msg)
{
	uint64_t order = msg->u.release.order;
	struct slice list = msg->u.release.reservations;
	struct exchange_order *o = order_find(x, p, order);
	struct exchange_reservation *r;
	struct reservation item;

	while (item_next(&schema_reservation, &list, &item) == 1) {
		if (!id_equal(&item.exchange, &x->own) &&
		    !id_is_zero(&item.exchange))
			continue;
		r = reservation_find(&x->reservations, item.counter);
		if (r == NULL || r->broker != p ||
		    (r->order != order && order != ORDER_NONE))
			continue;
		if (o != NULL && !o->selling)
			buy_exclude(x, order_buy(o), sell_at(x, r->sell));
		if (item.quantity == 0 || item.quantity > r->quantity)
			item.quantity = r->quantity;
		x->totals.released += item.quantity;
		book_unreserve(x, r, (uint32_t)item.quantity);
	}
	return match_run(x, now);
}

/* The end of its time. */

/* No more fills; brokers are asked to leave. */
static void
exchange_retire(struct exchange *x, int64_t now)
{
	struct exchange_peer *p;
	size_t pos = 0;

	if (x->closed)
		return;
	x->closed = 1;
	x->round = 1;
	x->retire_at = now + EXCHANGE_RETIRE_MS;
	/* A broker that cannot be told finds out when we end. */
	while ((p = map_next(&x->peers, &pos)) != NULL)
		if (p->role == ROLE_BROKER)
			outbox_send_drain(&x->out, p->handle);
}

static int
exchange_on_drain(struct exchange *x, int64_t now, struct exchange_peer *p,
    const struct msg *msg)
{
	(void)p;
	(void)msg;
	exchange_retire(x, now);
	return 0;
}

/* If its authority died before it could link, no process would end it, even
 * after the last broker has left. */
static void
exchange_retire_if_alone(struct exchange *x, int64_t now)
{
	if (x->authorities > 0 || x->orphan || x->brokers > 0) {
		x->alone_at = 0;
		return;
	}
	if (x->alone_at == 0)
		x->alone_at = now + EXCHANGE_ALONE_MS;
	if (now < x->alone_at || x->closed)
		return;
	outbox_log(&x->out, LOG_INFO, "nobody has come for %d s: retiring",
	    EXCHANGE_ALONE_MS / 1000);
	exchange_retire(x, now);
}

/* Its authority is gone, and it has no broker. As long as it has one, it may be
 * the last exchange of its module: brokers leave it once there is another. */
static int
exchange_is_left(const struct exchange *x)
{
	return x->orphan && x->brokers == 0 && !x->closed;
}

static void
exchange_end_if_due(struct exchange *x, int64_t now)
{
	exchange_retire_if_alone(x, now);
	if (exchange_is_left(x) && now >= x->orphan_at) {
		outbox_log(&x->out, LOG_INFO, "neither authority nor broker "
		    "for %d s: retiring", EXCHANGE_ORPHAN_MS / 1000);
		exchange_retire(x, now);
	}
	if (!x->closed || x->stopped)
		return;
	if (x->brokers > 0 && now < x->retire_at)
		return;
	if (outbox_act(&x->out, ACT_STOP, 0, 0, slice_of(NULL, 0)) == 0)
		x->stopped = 1;
}

/* Peers. */

static int
exchange_add_peer(struct exchange *x, uint32_t handle,
    const struct peer_info *info)
{
	struct slice key = slice_of(&handle, sizeof(handle));
	struct exchange_peer *p = map_alloc(&x->peers, sizeof(*p), &key);

	if (p == NULL)
		return -1;
	p->handle = handle;
	p->role = info->role;
	p->instance = info->instance;
	chain_init(&p->orders);
	if (p->role == ROLE_BROKER) {
		x->brokers++;
		if (x->closed)
			return outbox_send_drain(&x->out, handle);
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

	if (x->began_at == 0)
		x->began_at = now;
	if (exchange_add_peer(x, handle, info) == -1)
		outbox_act(&x->out, ACT_CLOSE, handle, 0,
		    slice_str("out of memory"));
}

/* End its sells before its reservations, or capacity that these free would be
 * offered again from those sells. */
static void
exchange_lose_broker(struct exchange *x, struct exchange_peer *p)
{
	struct exchange_reservation *r;

	while (!chain_empty(&p->orders))
		order_end(x, CHAIN_OWNER(p->orders.next,
		    struct exchange_order, of_broker));
	while (p->reservations != 0) {
		r = slab_at(&x->reservations.slab, p->reservations);
		x->totals.lost += r->quantity;
		book_unreserve(x, r, r->quantity);
	}
	x->brokers--;
}

static void
exchange_down(void *core, int64_t now, uint32_t handle)
{
	struct exchange *x = core;
	struct exchange_peer *p =
	    map_del(&x->peers, slice_of(&handle, sizeof(handle)));

	if (p == NULL)
		return;
	if (p->role == ROLE_BROKER) {
		exchange_lose_broker(x, p);
		match_run(x, now);
	} else if (p->role == ROLE_AUTHORITY && --x->authorities == 0) {
		x->orphan = 1;
	}
	if (p->role != ROLE_CTL) /* which only looks */
		x->orphan_at = now + EXCHANGE_ORPHAN_MS;
	if (x->recent == p)
		x->recent = NULL;
	free(p);
}

/* Inspect. */

/* exchange - module NAME instance ID state standing|retiring sells COUNT buys
 * COUNT quantity SUM reserved SUM missing SUM matches COUNT; then how much was
 * filled since the start, and of that settled, released, lost, expired */
static void
exchange_report(const struct exchange *x, struct report *r)
{
	const struct exchange_totals *t = &x->totals;
	char id[ID_TEXT];

	report_row(r, "exchange - module %.*s instance %s state %s sells %llu "
	    "buys %llu quantity %llu reserved %llu missing %llu matches %llu "
	    "filled %llu settled %llu released %llu lost %llu expired %llu",
	    (int)x->module_len, (const char *)x->module,
	    id_print(&x->own, id), x->closed ? "retiring" : "standing",
	    (unsigned long long)t->sells, (unsigned long long)t->buys,
	    (unsigned long long)t->quantity, (unsigned long long)t->reserved,
	    (unsigned long long)t->missing, (unsigned long long)t->matches,
	    (unsigned long long)t->filled, (unsigned long long)t->settled,
	    (unsigned long long)t->released, (unsigned long long)t->lost,
	    (unsigned long long)t->expired);
}

/* sell SELLER broker ID order NUMBER quantity STATED reserved OF-IT
 * address ADDRESS node NODE attributes TEXT */
static void
exchange_report_sell(struct report *r, const struct exchange_sell *s)
{
	char id[ID_TEXT], broker[ID_TEXT], text[REPORT_TEXT];
	struct contact c;

	if (group_decode(&schema_contact, s->contact, &c) == -1)
		memset(&c, 0, sizeof(c));
	report_row(r, "sell %s broker %s order %llu quantity %u reserved %llu "
	    "address %.*s node %.*s attributes %s", id_print(&s->seller, id),
	    id_print(&s->order.broker->instance, broker),
	    (unsigned long long)s->order.id, (unsigned)s->quantity,
	    (unsigned long long)s->reserved, SLICE_ARG(c.address),
	    SLICE_ARG(c.node.len > 0 ? c.node : slice_str("-")),
	    attrs_print(s->class->class.key, text, sizeof(text)));
}

/* buy NUMBER broker ID missing STATED lacking NOW filled EVER settled OF-IT
 * held STATED age_ms SINCE constraints TEXT */
static void
exchange_report_buy(struct report *r, const struct exchange_buy *b, int64_t now)
{
	char broker[ID_TEXT], text[REPORT_TEXT];

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

static int
exchange_on_inspect(struct exchange *x, int64_t now, struct exchange_peer *p,
    const struct msg *msg)
{
	struct slice what = msg->u.inspect.what;
	struct exchange_order *o;
	struct report r;
	size_t pos = 0;

	report_begin(&r, &x->out, p->handle, msg);
	if (report_wants(what, "exchanges") || report_wants(what, "counts"))
		exchange_report(x, &r);
	while (report_wants(what, "orders") &&
	    (o = order_next(x, &pos)) != NULL)
		if (o->selling)
			exchange_report_sell(&r, order_sell(o));
		else
			exchange_report_buy(&r, order_buy(o), now);
	return report_end(&r);
}

/* Messages. */

typedef int exchange_handler(struct exchange *, int64_t now,
    struct exchange_peer *, const struct msg *);

static exchange_handler *const exchange_handlers[] = {
	[MSG_SELL] = exchange_on_sell,
	[MSG_BUY] = exchange_on_buy,
	[MSG_CANCEL] = exchange_on_cancel,
	[MSG_RELEASE] = exchange_on_release,
	[MSG_DRAIN] = exchange_on_drain,
	[MSG_INSPECT] = exchange_on_inspect,
};

/* Messages come many at a time from one peer. */
static struct exchange_peer *
exchange_find_peer(struct exchange *x, uint32_t handle)
{
	if (x->recent == NULL || x->recent->handle != handle)
		x->recent = map_get(&x->peers,
		    slice_of(&handle, sizeof(handle)));
	return x->recent;
}

static int
exchange_message(void *core, int64_t now, uint32_t handle,
    const struct msg *msg)
{
	struct exchange *x = core;
	struct exchange_peer *p = exchange_find_peer(x, handle);

	if (p == NULL || msg->type >= sizeof(exchange_handlers) /
	    sizeof(exchange_handlers[0]) ||
	    exchange_handlers[msg->type] == NULL)
		return fail(EPROTO);
	return exchange_handlers[msg->type](x, now, p, msg);
}

/* Time. */

static void
exchange_expire(struct exchange *x, int64_t now)
{
	struct exchange_reservation *r;

	while ((r = reservation_oldest(&x->reservations)) != NULL &&
	    reservation_until(&x->reservations, r) <= now) {
		x->totals.expired += r->quantity;
		book_unreserve(x, r, r->quantity);
	}
}

static void
exchange_tick(void *core, int64_t now)
{
	struct exchange *x = core;

	exchange_expire(x, now);
	if (x->fresh_sells != NULL || x->stuck)
		match_run(x, now);
	exchange_end_if_due(x, now);
	if (now >= share_due(x))
		share_round(x, now);
	x->turned = notice_has_turned(x);
	if (now >= notice_due(x)) {
		x->waited_at = now;
		notice_round(x);
	}
}

static int64_t
exchange_earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t
exchange_deadline(const void *core)
{
	const struct exchange *x = core;
	const struct exchange_reservation *r;
	int64_t at = NEVER;

	if (x->stopped)
		return NEVER;
	r = reservation_oldest(&x->reservations);
	if (r != NULL)
		at = reservation_until(&x->reservations, r);
	at = exchange_earlier(at, notice_due(x));
	at = exchange_earlier(at, share_due(x));
	if (exchange_is_left(x))
		at = exchange_earlier(at, x->orphan_at);
	if (x->alone_at != 0 && !x->closed)
		at = exchange_earlier(at, x->alone_at);
	if (x->closed)
		at = exchange_earlier(at, x->retire_at);
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
