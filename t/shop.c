#include "t/shop.h"

#include <stdio.h>
#include <string.h>

#include "scratch.h"

struct drive d;

int
setup(void **state)
{
	struct id own = drive_id(OWN);
	struct broker *b = broker_new(&own, 42, slice_str(""), NULL);

	*state = b;
	drive_init(&d, &broker_ops, b, broker_out(b));
	return 0;
}

int
teardown(void **state)
{
	drive_forget(&d);
	broker_free(*state);
	return 0;
}

struct msg
message(enum msg_type type)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = type;
	return m;
}

void
authority_up(uint32_t handle)
{
	char address[32];

	snprintf(address, sizeof(address), "10.0.0.%u:4370", handle);
	drive_up(&d, handle, ROLE_AUTHORITY, TAG, address, "10.0.0.99");
}

int
exchanges(uint32_t from, const char *module, uint32_t e1, uint32_t e2)
{
	struct msg m = message(MSG_EXCHANGES);
	struct scratch s;
	struct peer_item item;
	uint32_t e[2];
	char address[32];
	int i, r;

	e[0] = e1;
	e[1] = e2;
	scratch_init(&s);
	assert_int_equal(scratch_begin(&s, LIST_MAX), 0);
	for (i = 0; i < 2; i++) {
		if (e[i] == 0)
			continue;
		snprintf(address, sizeof(address), "10.0.1.%u:5000", e[i]);
		item.instance = drive_id(e[i]);
		item.address = slice_str(address);
		assert_int_equal(scratch_item(&s, &schema_peer_item, &item),
		    1);
	}
	m.u.exchanges.module = slice_str(module);
	m.u.exchanges.exchanges = scratch_slice(&s);
	r = drive_message(&d, from, &m);
	scratch_free(&s);
	return r;
}

void
exchange_up(uint32_t handle)
{
	char address[32];

	snprintf(address, sizeof(address), "10.0.1.%u:5000", handle);
	drive_up(&d, handle, ROLE_EXCHANGE, TAG, address, "10.0.0.99");
}

int
sell(uint32_t from, uint64_t order, uint64_t quantity, const char *address,
    const char *node, const char *dist)
{
	struct msg m = message(MSG_SELL);
	struct contact c;
	struct tlv_writer w;
	unsigned char bytes[600];

	m.u.sell.order = order;
	m.u.sell.module = slice_str("calc");
	m.u.sell.quantity = quantity;
	if (address != NULL) {
		c.address = slice_str(address);
		c.node = slice_str(node);
		c.dist = slice_str(dist);
		tlv_writer_init(&w, bytes, sizeof(bytes));
		group_encode(&schema_contact, &c, &w);
		m.u.sell.contact = slice_of(bytes, (size_t)(w.p - bytes));
	}
	return drive_message(&d, from, &m);
}

int
buy(uint64_t order, uint64_t missing, uint64_t settled, uint64_t held)
{
	struct msg m = message(MSG_BUY);

	m.u.buy.order = order;
	m.u.buy.module = slice_str("calc");
	m.u.buy.missing = missing;
	m.u.buy.settled = settled;
	m.u.buy.held = held;
	m.u.buy.age_ms = 500;
	return drive_message(&d, PLB1, &m);
}

int
fill(uint32_t from, uint64_t order, unsigned seller, uint64_t quantity,
    uint64_t counter)
{
	struct msg m = message(MSG_FILL);
	struct scratch list;
	struct seller s;
	/* contact: address "h:1", node "n@h", dist "10.9.9.9:99" */
	static const unsigned char contact[] =
	    "\1\3n@h\2\3h:1\3\13" "10.9.9.9:99";
	int r;

	memset(&s, 0, sizeof(s));
	s.seller = drive_id(seller);
	s.contact = slice_of(contact, sizeof(contact) - 1);
	s.quantity = quantity;
	s.counter = counter;
	scratch_init(&list);
	assert_int_equal(scratch_begin(&list, 4096), 0);
	scratch_item(&list, &schema_seller, &s);
	m.u.fill.order = order;
	m.u.fill.exchange = drive_id(from);
	m.u.fill.sellers = scratch_slice(&list);
	r = drive_message(&d, from, &m);
	scratch_free(&list);
	return r;
}

void
assert_released(uint32_t exchange, uint64_t counter, uint64_t quantity)
{
	struct reservation r;
	struct msg m;

	assert_true(drive_sent(&d, exchange, MSG_RELEASE, &m));
	assert_int_equal(item_next(&schema_reservation,
	    &m.u.release.reservations, &r), 1);
	assert_int_equal(r.counter, counter);
	assert_int_equal(r.quantity, quantity);
	assert_int_equal(item_next(&schema_reservation,
	    &m.u.release.reservations, &r), 0);
}

void
assert_buy(uint32_t exchange, uint64_t missing, uint64_t settled, uint64_t held,
    uint64_t *number)
{
	struct msg m;

	assert_true(drive_sent(&d, exchange, MSG_BUY, &m));
	assert_int_equal(m.u.buy.missing, missing);
	assert_int_equal(m.u.buy.settled, settled);
	assert_int_equal(m.u.buy.held, held);
	if (number != NULL)
		*number = m.u.buy.order;
}

void
assert_filled(uint32_t exchange, uint64_t order, uint64_t quantity)
{
	struct seller s;
	struct msg m;
	struct id id = drive_id(exchange);

	assert_true(drive_sent(&d, PLB1, MSG_FILL, &m));
	assert_int_equal(m.u.fill.order, order);
	assert_true(id_equal(&m.u.fill.exchange, &id));
	assert_int_equal(item_next(&schema_seller, &m.u.fill.sellers, &s), 1);
	assert_int_equal(s.quantity, quantity);
}

uint64_t
market(void)
{
	uint64_t number;

	authority_up(A1);
	drive_up(&d, PLB1, ROLE_PLB, 0, "", "");
	assert_int_equal(buy(7, 5, 0, 0), 0);
	assert_int_equal(exchanges(A1, "calc", E1, E2), 0);
	exchange_up(E1);
	exchange_up(E2);
	assert_buy(E1, 5, 0, 0, &number);
	assert_buy(E2, 5, 0, 0, NULL);
	drive_forget(&d);
	return number;
}
