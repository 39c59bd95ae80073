#include "floor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA (64u * 1024 * 1024) /* bytes of what came out */

struct exchange *x;
struct id own;
int64_t now;
struct act got[GOT_MAX];
size_t ngot;

static unsigned char *arena;
static size_t arena_used;

void
take(void)
{
	struct act act;

	ngot = 0;
	arena_used = 0;
	while (outbox_take(exchange_out(x), &act)) {
		assert_true(ngot < GOT_MAX);
		assert_true(act.bytes.len <= ARENA - arena_used);
		got[ngot] = act;
		got[ngot].bytes = slice_of(arena + arena_used, act.bytes.len);
		memcpy(arena + arena_used, act.bytes.p, act.bytes.len);
		arena_used += act.bytes.len;
		ngot++;
	}
}

struct msg
nth(unsigned type, uint32_t peer, size_t n)
{
	struct slice bytes;
	struct msg m;
	struct tlv t;
	size_t i;

	for (i = 0; i < ngot; i++) {
		bytes = got[i].bytes;
		if (got[i].kind != ACT_SEND || (peer && got[i].peer != peer))
			continue;
		assert_int_equal(tlv_next(&bytes, &t), 1);
		assert_int_equal(bytes.len, 0);
		assert_int_equal(msg_decode(&m, t.type, t.value), 1);
		if (m.type == type && n-- == 0)
			return m;
	}
	memset(&m, 0, sizeof(m));
	m.type = 0;
	return m;
}

size_t
count(unsigned type, uint32_t peer)
{
	size_t n;

	for (n = 0; nth(type, peer, n).type != 0; n++)
		;
	return n;
}

int
act_of(unsigned kind)
{
	size_t i;

	for (i = 0; i < ngot; i++)
		if (got[i].kind == kind)
			return 1;
	return 0;
}

struct seller
seller_of(const struct msg *fill, size_t i)
{
	struct slice list = fill->u.fill.sellers;
	struct seller s;

	assert_int_equal(fill->type, MSG_FILL);
	do
		assert_int_equal(item_next(&schema_seller, &list, &s), 1);
	while (i-- > 0);
	return s;
}

size_t
sellers_in(const struct msg *fill)
{
	struct slice list = fill->u.fill.sellers;
	struct seller s;
	size_t n;

	for (n = 0; item_next(&schema_seller, &list, &s) == 1; n++)
		;
	return n;
}

uint64_t
filled(uint32_t peer, uint64_t order)
{
	uint64_t sum = 0;
	struct msg m;
	size_t i, j;

	for (i = 0; (m = nth(MSG_FILL, peer, i)).type != 0; i++)
		if (m.u.fill.order == order)
			for (j = sellers_in(&m); j-- > 0;)
				sum += seller_of(&m, j).quantity;
	return sum;
}

struct id
id_of(unsigned n)
{
	struct id id;

	memset(&id, 0x55, sizeof(id));
	id.b[0] = (unsigned char)n;
	id.b[1] = (unsigned char)(n >> 8);
	id.b[2] = (unsigned char)(n >> 16);
	return id;
}

void
up(uint32_t peer, unsigned role)
{
	struct peer_info info;

	memset(&info, 0, sizeof(info));
	info.role = role;
	info.instance = id_of(peer);
	exchange_ops.up(x, now, peer, &info);
	take();
}

void
down(uint32_t peer)
{
	exchange_ops.down(x, now, peer);
	take();
}

int
deliver(uint32_t peer, const struct msg *m)
{
	int r;

	errno = 0;
	r = exchange_ops.message(x, now, peer, m);
	take();
	return r;
}

void
tick(void)
{
	exchange_ops.tick(x, now);
	take();
}

int64_t
deadline(void)
{
	return exchange_ops.deadline(x);
}

struct slice
attrs(struct buf *b, const char *version, const char *zone)
{
	const char *why, *which;
	char text[64], *label = text;

	buf_init(b, LIST_MAX);
	if (zone != NULL)
		snprintf(text, sizeof(text), "zone=%s", zone);
	assert_int_equal(attrs_build(b, version, NULL, NULL, 0, &label,
	    zone != NULL, &why, &which), 0);
	return buf_slice(b);
}

struct slice
constraints(struct buf *b, const char *version, const char *zone)
{
	const char *why, *which;
	char text[64], *label = text;

	buf_init(b, LIST_MAX);
	if (zone != NULL)
		snprintf(text, sizeof(text), "zone=%s", zone);
	assert_int_equal(constraints_build(b, version, NULL, &label,
	    zone != NULL, &why, &which), 0);
	return buf_slice(b);
}

struct slice
contact_of(unsigned n)
{
	static unsigned char bytes[64];
	struct tlv_writer w;
	struct contact c;
	char text[32];

	memset(&c, 0, sizeof(c));
	snprintf(text, sizeof(text), "192.0.2.1:%u", n);
	c.address = slice_str(text);
	tlv_writer_init(&w, bytes, sizeof(bytes));
	group_encode(&schema_contact, &c, &w);
	return slice_of(bytes, (size_t)(w.p - bytes));
}

struct msg
sell_msg(uint64_t order, uint64_t quantity)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_SELL;
	m.u.sell.order = order;
	m.u.sell.module = slice_str("calc");
	m.u.sell.quantity = quantity;
	m.u.sell.seller = id_of((unsigned)order);
	m.u.sell.contact = contact_of((unsigned)order);
	return m;
}

void
sell_as(uint32_t peer, uint64_t order, uint64_t quantity, const char *version,
    const char *zone, const uint64_t *settled)
{
	unsigned char list[512];
	struct reservation r;
	struct tlv_writer w;
	struct msg m;
	struct buf b;

	m = sell_msg(order, quantity);
	m.u.sell.attrs = attrs(&b, version, zone);
	tlv_writer_init(&w, list, sizeof(list));
	for (; settled != NULL && *settled != 0; settled++) {
		r.exchange = own;
		r.counter = *settled;
		r.quantity = 0;
		item_put(&schema_reservation, &w, &r);
	}
	m.u.sell.settled = slice_of(list, (size_t)(w.p - list));
	assert_int_equal(deliver(peer, &m), 0);
	buf_free(&b);
}

void
sell(uint32_t peer, uint64_t order, uint64_t quantity)
{
	sell_as(peer, order, quantity, NULL, NULL, NULL);
}

void
settle(uint32_t peer, uint64_t order, uint64_t quantity, uint64_t counter)
{
	uint64_t list[2] = { counter, 0 };

	sell_as(peer, order, quantity, NULL, NULL, list);
}

struct msg
buy_msg(uint64_t order, uint64_t missing, uint64_t settled)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_BUY;
	m.u.buy.order = order;
	m.u.buy.module = slice_str("calc");
	m.u.buy.missing = missing;
	m.u.buy.settled = settled;
	return m;
}

void
buy(uint32_t peer, uint64_t order, uint64_t missing, uint64_t settled)
{
	struct msg m = buy_msg(order, missing, settled);

	assert_int_equal(deliver(peer, &m), 0);
}

void
buy_as(uint32_t peer, uint64_t order, uint64_t missing, uint64_t age_ms,
    const char *version, const char *zone)
{
	struct msg m = buy_msg(order, missing, 0);
	struct buf b;

	m.u.buy.age_ms = age_ms;
	m.u.buy.constraints = constraints(&b, version, zone);
	assert_int_equal(deliver(peer, &m), 0);
	buf_free(&b);
}

void
cancel(uint32_t peer, uint64_t order)
{
	struct msg m;

	m.type = MSG_CANCEL;
	m.u.cancel.order = order;
	assert_int_equal(deliver(peer, &m), 0);
}

void
release(uint32_t peer, uint64_t order, uint64_t counter, uint64_t quantity)
{
	unsigned char list[64];
	struct reservation r;
	struct tlv_writer w;
	struct msg m;

	r.exchange = own;
	r.counter = counter;
	r.quantity = quantity;
	tlv_writer_init(&w, list, sizeof(list));
	item_put(&schema_reservation, &w, &r);
	m.type = MSG_RELEASE;
	m.u.release.order = order;
	m.u.release.reservations = slice_of(list, (size_t)(w.p - list));
	assert_int_equal(deliver(peer, &m), 0);
}

struct exchange_totals
totals(void)
{
	return x->totals;
}

int
setup(void **state)
{
	(void)state;
	now = 1000000;
	own = id_of(77);
	arena = malloc(ARENA);
	x = exchange_new(slice_str("calc"), &own, 42);
	if (arena == NULL || x == NULL)
		return -1;
	up(A, ROLE_BROKER);
	up(B, ROLE_BROKER);
	return 0;
}

int
teardown(void **state)
{
	(void)state;
	exchange_free(x);
	free(arena);
	return 0;
}
