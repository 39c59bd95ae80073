#include "t/model_exchange.h"

#include <stdio.h>

#include "attrs.h"

#define SELLS	   3
#define BUYS	   3
#define BUY_ID	   100 /* orders of buys begin here */
#define RESERVES   4096

struct variant { /* of attributes or constraints */
	unsigned version, least, zone; /* 0: none */
	struct buf bytes;
};

#define NO_BYTES { NULL, 0, 0, 0, 0, 0 } /* yet */

static struct variant sell_variants[VARIANTS] = {
	{ 1, 0, 0, NO_BYTES }, { 2, 0, 0, NO_BYTES }, { 1, 0, 1, NO_BYTES },
	{ 2, 0, 2, NO_BYTES }, { 1, 0, 2, NO_BYTES }
};
static struct variant buy_variants[VARIANTS] = {
	{ 0, 0, 0, NO_BYTES }, { 2, 0, 0, NO_BYTES }, { 1, 1, 0, NO_BYTES },
	{ 0, 0, 1, NO_BYTES }, { 2, 1, 2, NO_BYTES }
};

struct sell {
	int present;
	unsigned variant, broker;
	uint64_t quantity, reserved, stated;
};

struct buy {
	int present;
	unsigned variant, broker;
	uint64_t missing, settled, filled, seq;
	int64_t born;
	uint64_t excluded[SELLS]; /* the sell's `stated' then */
};

struct reserve {
	uint64_t counter; /* 0: ended */
	unsigned sell, buy, broker;
	uint64_t quantity;
	int64_t until;
};

static struct exchange *x;
static struct id own;
static int64_t now;
static struct sell sells[SELLS];
static struct buy buys[BUYS];
static struct reserve reserves[RESERVES];
static size_t first_reserve, nreserves;
static uint64_t seq, counter, matches;
uint64_t world_steps, world_fills;
static struct op history[STEPS_MAX];
static size_t nhistory;

void
check_broken(const char *cond, const char *file, int line)
{
	static const char *const names[] = { "SELL", "SETTLE", "BUY", "GOT",
		"REFUSED", "RELEASE", "RELEASE_ONE", "CANCEL_SELL",
		"CANCEL_BUY", "LOSE", "WAIT" };
	size_t i;

	for (i = 0; i < nhistory; i++)
		fprintf(stderr, "{ %s, %u, %u, %u }, ",
		    names[history[i].what], history[i].n,
		    (unsigned)history[i].quantity, history[i].variant);
	fprintf(stderr, "\n");
	fail_msg("%s:%d: %s", file, line, cond);
}

/* The model. */

static int
fits(const struct buy *b, const struct sell *s)
{
	const struct variant *c = &buy_variants[b->variant];
	const struct variant *a = &sell_variants[s->variant];

	if (c->zone != 0 && c->zone != a->zone)
		return 0;
	return c->version == 0 || a->version == c->version ||
	    (c->least && a->version > c->version);
}

static uint64_t
offer(const struct sell *s)
{
	if (!s->present || s->reserved >= s->quantity)
		return 0;
	return s->quantity - s->reserved;
}

/* What it was filled with, and has not settled. */
static uint64_t
holds(const struct buy *b)
{
	return b->filled > b->settled ? b->filled - b->settled : 0;
}

static uint64_t
lacking(const struct buy *b)
{
	uint64_t coming = holds(b);

	return b->present && b->missing > coming ? b->missing - coming : 0;
}

/* What seller i offers to this buy. */
static uint64_t
offer_to(const struct buy *b, unsigned i)
{
	if (!fits(b, &sells[i]) || b->excluded[i] == sells[i].stated)
		return 0;
	return offer(&sells[i]);
}

static uint64_t
offered(const struct buy *b)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < SELLS; i++)
		sum += offer_to(b, i);
	return sum;
}

/* The same with what it excludes. */
static uint64_t
offered_at_all(const struct buy *b)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = 0; i < SELLS; i++)
		sum += fits(b, &sells[i]) ? offer(&sells[i]) : 0;
	return sum;
}

static void
rank(struct buy *b, int64_t born)
{
	b->born = born;
	b->seq = ++seq;
}

/* Who holds less comes first, and of equals the older. */
static int
before(const struct buy *a, const struct buy *b)
{
	if (holds(a) != holds(b))
		return holds(a) < holds(b);
	return a->born < b->born || (a->born == b->born && a->seq < b->seq);
}

static void
reserve_less(struct reserve *r, uint64_t quantity)
{
	r->quantity -= quantity;
	sells[r->sell].reserved -= quantity;
	if (r->quantity == 0)
		r->counter = 0;
}

static void
sell_gone(unsigned n)
{
	size_t i;

	for (i = first_reserve; i < nreserves; i++)
		if (reserves[i].counter != 0 && reserves[i].sell == n)
			reserves[i].counter = 0;
	sells[n].present = 0;
	sells[n].reserved = 0;
}

/* Zones share evenly: one gets more than another by two only where that has
 * no more. Sellers of a zone: in proportion, rounded up or down. */
static void
check_shares(const struct buy *b, const uint64_t taken[SELLS])
{
	uint64_t share[3] = { 0, 0, 0 }, had[3] = { 0, 0, 0 };
	unsigned i, j, zone, even = lacking(b) > 1;

	for (i = 0; i < SELLS; i++) {
		zone = even ? sell_variants[sells[i].variant].zone : 0;
		share[zone] += taken[i];
		had[zone] += offer_to(b, i);
	}
	for (i = 0; i < 3; i++)
		for (j = 0; j < 3; j++)
			CHECK(share[i] <= share[j] + 1 || share[j] == had[j]);
	for (i = 0; i < SELLS; i++) {
		zone = even ? sell_variants[sells[i].variant].zone : 0;
		if (had[zone] == 0)
			continue;
		j = (unsigned)(share[zone] * offer_to(b, i) / had[zone]);
		CHECK(taken[i] >= j);
		CHECK(taken[i] <= j + (share[zone] * offer_to(b, i) >
		    j * had[zone]));
	}
}

/* It was first of those that could have had it. It gets all, or as much as one
 * of the others holds, or an even part. */
static void
check_turn(const struct buy *b, uint64_t sum, uint64_t all)
{
	uint64_t others = 0, rivals = 0, most = 0;
	unsigned i;

	for (i = 0; i < BUYS; i++) {
		if (&buys[i] == b || lacking(&buys[i]) == 0 ||
		    offered_at_all(&buys[i]) == 0)
			continue;
		CHECK(offered(&buys[i]) == 0 || !before(&buys[i], b));
		rivals += offered(&buys[i]) > 0;
		others++;
		if (holds(&buys[i]) > most)
			most = holds(&buys[i]);
	}
	CHECK(sum <= all);
	CHECK(sum == all || others > 0);
	CHECK(rivals == 0 || sum == 1 || holds(b) + sum <= most ||
	    sum <= offered_at_all(b) / (rivals + 1));
}

/* Exchange and model agree that this fill is right; the model follows. */
static void
see_fill(uint32_t peer, const struct msg_fill *m)
{
	uint64_t taken[SELLS] = { 0, 0, 0 }, sum = 0, lacked;
	struct slice list = m->sellers;
	struct seller item;
	struct reserve *r;
	struct buy *b;
	unsigned i, n;

	CHECK(m->order >= BUY_ID && m->order < BUY_ID + BUYS);
	CHECK(id_equal(&m->exchange, &own));
	n = (unsigned)(m->order - BUY_ID);
	b = &buys[n];
	lacked = lacking(b);
	CHECK(peer == b->broker);
	while (item_next(&schema_seller, &list, &item) == 1) {
		i = item.seller.b[0];
		CHECK(i < SELLS && taken[i] == 0);
		CHECK(item.quantity > 0 && item.quantity <= offer_to(b, i));
		CHECK(item.counter == ++counter);
		taken[i] = item.quantity;
		sum += item.quantity;
		matches++;
		CHECK(nreserves < RESERVES);
		r = &reserves[nreserves++];
		r->counter = item.counter;
		r->sell = i;
		r->buy = n;
		r->broker = b->broker;
		r->quantity = item.quantity;
		r->until = now + EXCHANGE_RESERVE_MS;
	}
	CHECK(sum > 0);
	check_turn(b, sum, lacked < offered(b) ? lacked : offered(b));
	check_shares(b, taken);
	for (i = 0; i < SELLS; i++)
		sells[i].reserved += taken[i];
	b->filled += sum;
	rank(b, now);
	world_fills++;
}

static void
see_waiting(uint32_t peer, const struct msg_waiting *m)
{
	const struct sell *s;
	uint64_t buyers = 0, least = UINT64_MAX;
	unsigned i;

	if (m->order >= BUY_ID) { /* it is asked to give something back */
		CHECK(m->order < BUY_ID + BUYS);
		CHECK(m->buyers == 0 ||
		    m->share < holds(&buys[m->order - BUY_ID]));
		return;
	}
	CHECK(m->order >= 1 && m->order <= SELLS);
	s = &sells[m->order - 1];
	CHECK(s->present && s->broker == peer);
	for (i = 0; i < BUYS; i++) {
		if (lacking(&buys[i]) == 0 || !fits(&buys[i], s))
			continue;
		buyers++;
		if (holds(&buys[i]) < least)
			least = holds(&buys[i]);
	}
	CHECK(m->buyers == buyers);
	CHECK(m->least == (buyers == 0 ? 0 : least));
}

/* Take the outbox out. */
static void
see(void)
{
	struct slice bytes;
	struct act act;
	struct msg m;
	struct tlv t;

	while (outbox_take(exchange_out(x), &act)) {
		CHECK(act.kind == ACT_SEND);
		bytes = act.bytes;
		CHECK(tlv_next(&bytes, &t) == 1);
		CHECK(msg_decode(&m, t.type, t.value) == 1);
		if (m.type == MSG_FILL)
			see_fill(act.peer, &m.u.fill);
		else if (m.type == MSG_WAITING)
			see_waiting(act.peer, &m.u.waiting);
		else
			CHECK(m.type == MSG_OFFERS);
	}
}

static void
check(void)
{
	uint64_t quantity = 0, reserved = 0, missing = 0;
	const struct exchange_totals t = x->totals;
	const struct exchange_sell *s;
	struct exchange_order *o;
	size_t pos = 0, nsells = 0, nbuys = 0;
	unsigned i;

	for (i = 0; i < BUYS; i++) {
		CHECK(lacking(&buys[i]) == 0 || offered(&buys[i]) == 0);
		missing += lacking(&buys[i]);
		nbuys += (size_t)buys[i].present;
	}
	while ((o = order_next(x, &pos)) != NULL) {
		if (!o->selling)
			continue;
		s = order_sell(o);
		i = s->seller.b[0];
		CHECK(sells[i].present && s->quantity == sells[i].quantity &&
		    s->reserved == sells[i].reserved);
		quantity += s->quantity;
		reserved += s->reserved;
		nsells++;
	}
	for (i = 0; i < SELLS; i++)
		nsells -= (size_t)sells[i].present;
	CHECK(nsells == 0);
	CHECK(t.buys == nbuys && t.missing == missing);
	CHECK(t.quantity == quantity && t.reserved == reserved);
	CHECK(t.matches == matches);
	CHECK(t.filled == reserved + t.settled + t.released + t.lost +
	    t.expired);
	world_steps++;
}

/* Operations, done by both. */

static void
up(uint32_t peer)
{
	struct peer_info info;

	memset(&info, 0, sizeof(info));
	info.role = ROLE_BROKER;
	exchange_ops.up(x, now, peer, &info);
}

static void
send(uint32_t peer, const struct msg *m)
{
	CHECK(exchange_ops.message(x, now, peer, m) == 0);
}

static struct reserve *
oldest_of_sell(unsigned n)
{
	size_t i;

	for (i = first_reserve; i < nreserves; i++)
		if (reserves[i].counter != 0 && reserves[i].sell == n)
			return &reserves[i];
	return NULL;
}

static struct reserve *
newest_of_buy(unsigned n)
{
	size_t i;

	for (i = nreserves; i > first_reserve; i--)
		if (reserves[i - 1].counter != 0 && reserves[i - 1].buy == n &&
		    reserves[i - 1].broker == buys[n].broker)
			return &reserves[i - 1];
	return NULL;
}

static struct slice
put_reserve(unsigned char list[64], uint64_t number, uint64_t quantity)
{
	struct reservation r;
	struct tlv_writer w;

	r.exchange = own;
	r.counter = number;
	r.quantity = quantity;
	tlv_writer_init(&w, list, 64);
	item_put(&schema_reservation, &w, &r);
	return slice_of(list, (size_t)(w.p - list));
}

static void
do_sell(const struct op *op)
{
	struct sell *s = &sells[op->n];
	unsigned char list[64];
	struct reserve *r;
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_SELL;
	m.u.sell.order = 1 + op->n;
	m.u.sell.module = slice_str("m");
	m.u.sell.quantity = op->quantity;
	m.u.sell.seller = own;
	m.u.sell.seller.b[0] = (unsigned char)op->n;
	m.u.sell.contact = slice_str("\2\12" "10.0.0.1:1");
	m.u.sell.attrs = buf_slice(&sell_variants[op->variant].bytes);
	s->broker = 1 + op->n % BROKERS;
	if (op->what == SETTLE && (r = oldest_of_sell(op->n)) != NULL) {
		m.u.sell.settled = put_reserve(list, r->counter, 0);
		reserve_less(r, r->quantity);
	}
	s->present = 1;
	s->variant = op->variant;
	s->quantity = op->quantity;
	s->stated = ++seq;
	send(s->broker, &m);
}

static void
do_buy(const struct op *op)
{
	struct buy *b = &buys[op->n];
	uint64_t lacked = lacking(b), held = holds(b);
	int64_t born;
	struct msg m;
	unsigned i;

	if (!b->present) {
		b->present = 1;
		b->broker = 1 + (op->n + 1) % BROKERS;
		b->filled = b->settled = held = 0;
		for (i = 0; i < SELLS; i++)
			b->excluded[i] = 0;
	}
	b->missing = op->quantity;
	if (op->what != BUY)
		b->settled = b->filled;
	b->variant = op->variant;
	memset(&m, 0, sizeof(m));
	m.type = MSG_BUY;
	m.u.buy.order = BUY_ID + op->n;
	m.u.buy.module = slice_str("m");
	m.u.buy.missing = b->missing;
	m.u.buy.settled = b->settled;
	m.u.buy.age_ms = op->what == REFUSED ? 5 : 0;
	m.u.buy.constraints = buf_slice(&buy_variants[op->variant].bytes);
	born = now - (int64_t)m.u.buy.age_ms;
	if (lacking(b) > 0 && (lacked == 0 || holds(b) < held ||
	    born < b->born))
		rank(b, born);
	send(b->broker, &m);
}

static void
do_release(const struct op *op)
{
	struct buy *b = &buys[op->n];
	unsigned char list[64];
	uint64_t quantity;
	struct reserve *r;
	struct msg m;

	r = newest_of_buy(op->n);
	if (r == NULL)
		return;
	quantity = op->what == RELEASE_ONE ? 1 : 0;
	m.type = MSG_RELEASE;
	m.u.release.order = BUY_ID + op->n;
	m.u.release.reservations = put_reserve(list, r->counter, quantity);
	if (b->present)
		b->excluded[r->sell] = sells[r->sell].stated;
	reserve_less(r, quantity == 0 ? r->quantity : quantity);
	send(r->broker, &m);
}

static void
do_cancel(const struct op *op)
{
	struct msg m;

	m.type = MSG_CANCEL;
	if (op->what == CANCEL_SELL) {
		m.u.cancel.order = 1 + op->n;
		sell_gone(op->n);
		send(1 + op->n % BROKERS, &m);
	} else {
		m.u.cancel.order = BUY_ID + op->n;
		buys[op->n].present = 0;
		send(1 + (op->n + 1) % BROKERS, &m);
	}
}

static void
do_lose(const struct op *op)
{
	uint32_t peer = 1 + op->n;
	unsigned i;
	size_t k;

	for (i = 0; i < SELLS; i++)
		if (sells[i].present && sells[i].broker == peer)
			sell_gone(i);
	for (i = 0; i < BUYS; i++)
		if (buys[i].broker == peer)
			buys[i].present = 0;
	for (k = first_reserve; k < nreserves; k++)
		if (reserves[k].counter != 0 && reserves[k].broker == peer)
			reserve_less(&reserves[k], reserves[k].quantity);
	exchange_ops.down(x, now, peer);
	see();
	up(peer);
}

static void
do_wait(const struct op *op)
{
	now += (int64_t)op->quantity;
	for (; first_reserve < nreserves; first_reserve++) {
		if (reserves[first_reserve].until > now)
			break;
		if (reserves[first_reserve].counter != 0)
			reserve_less(&reserves[first_reserve],
			    reserves[first_reserve].quantity);
	}
	CHECK(exchange_ops.deadline(x) <= now || first_reserve == nreserves ||
	    exchange_ops.deadline(x) <= reserves[first_reserve].until ||
	    reserves[first_reserve].counter == 0);
	exchange_ops.tick(x, now);
}

void
world_step(const struct op *op)
{
	static void (*const act[])(const struct op *) = { do_sell, do_sell,
		do_buy, do_buy, do_buy, do_release, do_release, do_cancel,
		do_cancel, do_lose, do_wait };

	history[nhistory++] = *op;
	act[op->what](op);
	see();
	check();
}

void
world_begin(uint64_t seed)
{
	unsigned i;

	now = 1000;
	memset(sells, 0, sizeof(sells));
	memset(buys, 0, sizeof(buys));
	first_reserve = nreserves = nhistory = 0;
	seq = counter = matches = 0;
	x = exchange_new(slice_str("m"), &own, seed);
	assert_non_null(x);
	for (i = 1; i <= BROKERS; i++)
		up(i);
}

void
world_end(void)
{
	exchange_free(x);
}

static void
build(struct variant *v, int constraint)
{
	char version[8], label[] = "zone=?", *labels = label;
	const char *why, *which;
	int r;

	snprintf(version, sizeof(version), "%u%s", v->version,
	    v->least ? "+" : "");
	label[5] = (char)('a' + v->zone);
	buf_init(&v->bytes, LIST_MAX);
	if (constraint)
		r = constraints_build(&v->bytes, v->version ? version : NULL,
		    NULL, &labels, v->zone != 0, &why, &which);
	else
		r = attrs_build(&v->bytes, version, NULL, NULL, 0, &labels,
		    v->zone != 0, &why, &which);
	assert_int_equal(r, 0);
}

int
world_setup(void **state)
{
	size_t i;

	(void)state;
	memset(&own, 9, sizeof(own));
	for (i = 0; i < LEN(sell_variants); i++)
		build(&sell_variants[i], 0);
	for (i = 0; i < LEN(buy_variants); i++)
		build(&buy_variants[i], 1);
	return 0;
}

int
world_teardown(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < LEN(sell_variants); i++)
		buf_free(&sell_variants[i].bytes);
	for (i = 0; i < LEN(buy_variants); i++)
		buf_free(&buy_variants[i].bytes);
	printf("%u steps, %u fills\n", (unsigned)world_steps,
	    (unsigned)world_fills);
	return 0;
}
