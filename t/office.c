#include "t/office.h"

#include <string.h>

#include "scratch.h"

struct drive d;
struct authority *a;

void
begin(unsigned redundancy, const char *address)
{
	struct id own = drive_id(OWN);

	a = authority_new(&own, 42, slice_str(address), redundancy);
	assert_non_null(a);
	drive_init(&d, &authority_ops, a, authority_out(a));
}

int
setup(void **state)
{
	(void)state;
	begin(1, OWN_ADDRESS);
	return 0;
}

int
teardown(void **state)
{
	(void)state;
	drive_forget(&d);
	authority_free(a);
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
subscribe(uint32_t broker, const char *module, enum msg_type type)
{
	struct msg m = message(type);

	m.u.subscribe.module = slice_str(module);
	assert_int_equal(drive_message(&d, broker, &m), 0);
}

void
exchanges(uint32_t from, const char *module, unsigned instance)
{
	struct msg m = message(MSG_EXCHANGES);
	struct peer_item item;
	struct scratch s;

	scratch_init(&s);
	assert_int_equal(scratch_begin(&s, 1000), 0);
	item.instance = drive_id(instance);
	item.address = slice_str("0.0.0.0:5555");
	if (instance != 0)
		scratch_item(&s, &schema_peer_item, &item);
	m.u.exchanges.module = slice_str(module);
	m.u.exchanges.exchanges = scratch_slice(&s);
	assert_int_equal(drive_message(&d, from, &m), 0);
	scratch_free(&s);
}

void
assert_told(uint32_t peer, const char *module, int n, const char *address)
{
	struct peer_item item;
	struct msg m;

	assert_true(drive_sent(&d, peer, MSG_EXCHANGES, &m));
	assert_true(slice_equal(m.u.exchanges.module, slice_str(module)));
	while (n-- > 0)
		assert_int_equal(item_next(&schema_peer_item,
		    &m.u.exchanges.exchanges, &item), 1);
	if (address != NULL)
		assert_true(slice_equal(item.address, slice_str(address)));
	assert_int_equal(item_next(&schema_peer_item,
	    &m.u.exchanges.exchanges, &item), 0);
}

uint32_t
assert_start(const char *module)
{
	uint32_t tag;

	assert_true(drive_did(&d, AUTHORITY_START, module, &tag));
	return tag;
}

void
exchange_up(uint32_t tag, uint32_t handle, const char *address)
{
	uint32_t got;

	assert_int_equal(authority_started(a, d.now, tag,
	    slice_str(address)), 0);
	drive_wait(&d, 0);
	drive_up(&d, handle, ROLE_EXCHANGE, tag, address, "127.0.0.1");
	assert_true(drive_did(&d, ACT_DIAL, address, &got));
	assert_int_equal(got, tag);
}

uint32_t
running(const char *module)
{
	uint32_t tag;

	drive_up(&d, B1, ROLE_BROKER, 0, "10.0.0.1:30000", "10.0.0.100");
	subscribe(B1, module, MSG_SUBSCRIBE);
	tag = assert_start(module);
	exchange_up(tag, E1, "10.0.0.100:5000");
	drive_forget(&d);
	return tag;
}

void
other_up(void)
{
	drive_up(&d, OTHER, ROLE_AUTHORITY, 0, "10.0.0.101:40000",
	    "10.0.0.100");
}
