#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "authority.h"
#include "authority_state.h"
#include "rendezvous.h"
#include "t/drive.h"

enum { B1 = 1, B2, CTL1, E1 = 10, OWN = 100, OTHER = 101 };

#define OWN_ADDRESS "10.0.0.100:4370"

static struct drive d;
static struct authority *a;

static void
begin(unsigned redundancy, const char *address)
{
	struct id own = drive_id(OWN);

	a = authority_new(&own, 42, slice_str(address), redundancy);
	assert_non_null(a);
	drive_init(&d, &authority_ops, a, authority_out(a));
}

static int
setup(void **state)
{
	(void)state;
	begin(1, OWN_ADDRESS);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	drive_forget(&d);
	authority_free(a);
	return 0;
}

static struct msg
message(enum msg_type type)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = type;
	return m;
}

static void
subscribe(uint32_t broker, const char *module, enum msg_type type)
{
	struct msg m = message(type);

	m.u.subscribe.module = slice_str(module);
	assert_int_equal(drive_message(&d, broker, &m), 0);
}

static void
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

/* The peer was told of n exchanges, the last at the address. */
static void
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

/* It asked for an exchange for the module: the tag. */
static uint32_t
assert_start(const char *module)
{
	uint32_t tag;

	assert_true(drive_did(&d, AUTHORITY_START, module, &tag));
	return tag;
}

/* The process is there, listens and is linked. */
static void
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

/* A broker, a module, its exchange: the tag. */
static uint32_t
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

/* A module that the other authority is first for (mine: we are). */
static const char *
module_of(int mine)
{
	static char name[32];
	struct id own = drive_id(OWN), other = drive_id(OTHER);
	unsigned i;

	for (i = 0;; i++) {
		snprintf(name, sizeof(name), "m%u", i);
		if (rendezvous_before(&own, &other, slice_str(name)) == mine)
			return name;
	}
}

static void
other_up(void)
{
	drive_up(&d, OTHER, ROLE_AUTHORITY, 0, "10.0.0.101:40000",
	    "10.0.0.100");
}

static void
test_rendezvous(void **state)
{
	struct id id[4];
	unsigned first[4] = { 0 }, moved = 0;
	char name[32];
	int i, j, top, was;

	(void)state;
	for (i = 0; i < 4; i++)
		id[i] = drive_id((unsigned)i + 1);
	for (i = 0; i < 4000; i++) {
		snprintf(name, sizeof(name), "module-%d", i);
		for (top = 0, j = 1; j < 4; j++) {
			if (j == 3)
				was = top;
			if (rendezvous_before(&id[j], &id[top],
			    slice_str(name)))
				top = j;
		}
		first[top]++;
		if (top != was) {
			assert_int_equal(top, 3);
			moved++;
		}
		assert_int_not_equal(rendezvous_before(&id[0], &id[1],
		    slice_str(name)), rendezvous_before(&id[1], &id[0],
		    slice_str(name)));
	}
	/* Spread evenly, and only what the fourth is first for moved to it. */
	for (i = 0; i < 4; i++)
		assert_in_range(first[i], 880, 1120);
	assert_int_equal(moved, first[3]);
	assert_false(rendezvous_before(&id[0], &id[0], slice_str("x")));
	/* One for all: what other hosts work out must not change. */
	assert_true(rendezvous_weight(&id[0], slice_str("calc")) ==
	    UINT64_C(0x9a552641b5947b41));
}

static void
test_start(void **state)
{
	uint32_t tag;

	(void)state;
	drive_up(&d, B1, ROLE_BROKER, 0, "10.0.0.1:30000", "10.0.0.100");
	subscribe(B1, "calc", MSG_SUBSCRIBE);
	assert_told(B1, "calc", 0, NULL);
	tag = assert_start("calc");
	/* Another broker: the same one. */
	drive_up(&d, B2, ROLE_BROKER, 0, "10.0.0.2:30000", "10.0.0.100");
	subscribe(B2, "calc", MSG_SUBSCRIBE);
	subscribe(B2, "calc", MSG_SUBSCRIBE);
	assert_false(drive_did(&d, AUTHORITY_START, NULL, NULL));
	drive_forget(&d);
	exchange_up(tag, E1, "127.0.0.1:5000");
	assert_told(B1, "calc", 1, "10.0.0.100:5000");
	assert_told(B2, "calc", 1, "10.0.0.100:5000");
	assert_int_equal(drive_forget(&d), 0);
	/* A third is told what there is. */
	drive_up(&d, 3, ROLE_BROKER, 0, "10.0.0.3:30000", "10.0.0.100");
	subscribe(3, "calc", MSG_SUBSCRIBE);
	assert_told(3, "calc", 1, "10.0.0.100:5000");
	drive_wait(&d, 100000);
	assert_false(drive_did(&d, AUTHORITY_KILL, NULL, NULL));
}

/* It dies: a new one at once, and ever later if that one dies too. */
static void
test_restart(void **state)
{
	static const int64_t waits[] = { 100, 200, 400, 800, 1600, 3200, 6400,
		10000, 10000 };
	uint32_t tag = running("calc");
	size_t i;

	(void)state;
	drive_wait(&d, 60000);
	for (i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		authority_ended(a, d.now, tag);
		drive_down(&d, E1);
		assert_told(B1, "calc", 0, NULL);
		assert_true(drive_did(&d, ACT_UNDIAL, "10.0.0.100:5000",
		    NULL));
		drive_wait(&d, waits[i] - 1);
		assert_false(drive_did(&d, AUTHORITY_START, NULL, NULL));
		drive_wait(&d, 1);
		tag = assert_start("calc");
		exchange_up(tag, E1, "10.0.0.100:5000");
		drive_forget(&d);
	}
	/* It has been well for a while: the back-off starts anew. Its link is
	 * lost first, so it is killed lest it lives. */
	drive_wait(&d, 10000);
	drive_down(&d, E1);
	assert_told(B1, "calc", 0, NULL);
	assert_true(drive_did(&d, AUTHORITY_KILL, NULL, NULL));
	authority_ended(a, d.now, tag);
	drive_wait(&d, 100);
	assert_start("calc");
}

static void
test_does_not_answer(void **state)
{
	uint32_t tag, killed;

	(void)state;
	drive_up(&d, B1, ROLE_BROKER, 0, "10.0.0.1:30000", "10.0.0.100");
	subscribe(B1, "calc", MSG_SUBSCRIBE);
	tag = assert_start("calc");
	authority_started(a, d.now, tag, slice_str("10.0.0.100:5000"));
	drive_wait(&d, AUTHORITY_START_MS + 50);
	assert_true(drive_did(&d, AUTHORITY_KILL, NULL, &killed));
	assert_int_equal(killed, tag);
	assert_true(drive_did(&d, ACT_UNDIAL, "10.0.0.100:5000", NULL));
	drive_wait(&d, 100);
	assert_int_not_equal(assert_start("calc"), tag);
	/* The old one comes late. */
	drive_forget(&d);
	drive_up(&d, E1, ROLE_EXCHANGE, tag, "10.0.0.100:5000", "10.0.0.100");
	assert_true(drive_did(&d, ACT_CLOSE, NULL, &killed));
	assert_int_equal(killed, E1);
	authority_ended(a, d.now, tag);
	assert_int_equal(drive_forget(&d), 0);
}

/* Nobody subscribes for a minute. */
static void
test_idle(void **state)
{
	uint32_t tag = running("calc"), killed;
	struct msg m;

	(void)state;
	/* One of two. */
	drive_up(&d, B2, ROLE_BROKER, 0, "10.0.0.2:30000", "10.0.0.100");
	subscribe(B2, "calc", MSG_SUBSCRIBE);
	drive_down(&d, B2);
	drive_wait(&d, 2 * AUTHORITY_IDLE_MS);
	assert_false(drive_sent(&d, E1, MSG_DRAIN, &m));
	subscribe(B1, "calc", MSG_UNSUBSCRIBE);
	drive_wait(&d, 50000);
	subscribe(B1, "calc", MSG_SUBSCRIBE);
	drive_wait(&d, 50000);
	drive_forget(&d);
	drive_down(&d, B1);
	drive_wait(&d, AUTHORITY_IDLE_MS - 1);
	assert_int_equal(drive_forget(&d), 0);
	drive_wait(&d, 1);
	assert_true(drive_sent(&d, E1, MSG_DRAIN, &m));
	assert_false(drive_did(&d, AUTHORITY_KILL, NULL, NULL));
	/* It does not end: it is ended. */
	drive_wait(&d, 30000);
	assert_true(drive_did(&d, AUTHORITY_KILL, NULL, &killed));
	assert_int_equal(killed, tag);
	authority_ended(a, d.now, tag);
	drive_down(&d, E1);
	drive_wait(&d, 100000);
	assert_false(drive_did(&d, AUTHORITY_START, NULL, NULL));
	assert_true(chain_empty(&a->all));
}

/* An authority comes that stands before us: retire, once it has taken over. */
static void
test_hand_over(void **state)
{
	const char *module = module_of(0);
	struct msg m;

	(void)state;
	running(module);
	other_up();
	/* It is told who we are and what we run. */
	assert_true(drive_sent(&d, OTHER, MSG_PEERS, &m));
	assert_told(OTHER, module, 1, "10.0.0.100:5000");
	drive_wait(&d, 1000);
	assert_false(drive_sent(&d, E1, MSG_DRAIN, &m));
	exchanges(OTHER, module, 77);
	assert_true(drive_sent(&d, E1, MSG_DRAIN, &m));
	assert_told(B1, module, 0, NULL);
	assert_told(OTHER, module, 0, NULL);
	drive_down(&d, E1);
	drive_forget(&d);
	/* Another link to it takes the place of the first: nothing to do. */
	drive_down(&d, OTHER);
	other_up();
	drive_wait(&d, 0);
	assert_false(drive_did(&d, AUTHORITY_START, NULL, NULL));
	/* It is lost: ours again. */
	drive_down(&d, OTHER);
	drive_wait(&d, 0);
	assert_start(module);
}

static void
test_successor_does_not_come(void **state)
{
	const char *module = module_of(0);
	struct msg m;

	(void)state;
	running(module);
	other_up();
	drive_wait(&d, AUTHORITY_SUCCESSOR_MS - 1);
	assert_false(drive_sent(&d, E1, MSG_DRAIN, &m));
	/* It went and came: the time starts anew. */
	drive_down(&d, OTHER);
	drive_wait(&d, 0);
	other_up();
	drive_wait(&d, AUTHORITY_SUCCESSOR_MS - 1);
	assert_false(drive_sent(&d, E1, MSG_DRAIN, &m));
	drive_wait(&d, 1);
	assert_true(drive_sent(&d, E1, MSG_DRAIN, &m));
}

static void
test_not_ours(void **state)
{
	struct msg m;

	(void)state;
	other_up();
	drive_up(&d, B1, ROLE_BROKER, 0, "10.0.0.1:30000", "10.0.0.100");
	subscribe(B1, module_of(0), MSG_SUBSCRIBE);
	assert_false(drive_did(&d, AUTHORITY_START, NULL, NULL));
	subscribe(B1, module_of(1), MSG_SUBSCRIBE);
	assert_start(module_of(1));
	/* What another runs is for it to tell. */
	drive_forget(&d);
	exchanges(OTHER, module_of(0), 77);
	assert_false(drive_sent(&d, B1, MSG_EXCHANGES, &m));
	assert_int_equal(drive_forget(&d), 0);
}

static void
test_redundancy(void **state)
{
	struct id own = drive_id(OWN), id;
	unsigned handle, i, before, started = 0;
	char name[32];

	(void)state;
	teardown(NULL);
	begin(2, OWN_ADDRESS);
	for (handle = 50; handle < 55; handle++)
		drive_up(&d, handle, ROLE_AUTHORITY, 0, "10.0.0.5:1", "");
	drive_up(&d, B1, ROLE_BROKER, 0, "10.0.0.1:30000", "10.0.0.100");
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "m%u", i);
		for (before = 0, handle = 50; handle < 55; handle++) {
			id = drive_id(handle);
			before += (unsigned)rendezvous_before(&id, &own,
			    slice_str(name));
		}
		subscribe(B1, name, MSG_SUBSCRIBE);
		assert_int_equal(drive_did(&d, AUTHORITY_START, name, NULL),
		    before < 2);
		started += before < 2;
	}
	assert_in_range(started, 20, 46); /* of 100, a third */
}

static void
test_external(void **state)
{
	uint32_t tag;
	struct msg m;

	(void)state;
	assert_int_equal(authority_announce(a, d.now, slice_str("calc"),
	    slice_str("192.0.2.1:5000")), 0);
	drive_up(&d, B1, ROLE_BROKER, 0, "10.0.0.1:30000", "10.0.0.100");
	assert_true(drive_did(&d, ACT_DIAL, "192.0.2.1:5000", &tag));
	drive_up(&d, E1, ROLE_EXCHANGE, tag, "192.0.2.1:5000", "10.0.0.100");
	subscribe(B1, "calc", MSG_SUBSCRIBE);
	assert_told(B1, "calc", 1, "192.0.2.1:5000");
	/* It is there, so none is started; then it is gone. */
	assert_false(drive_did(&d, AUTHORITY_START, NULL, NULL));
	drive_down(&d, E1);
	assert_told(B1, "calc", 0, NULL);
	assert_start("calc");
	assert_false(drive_did(&d, AUTHORITY_KILL, NULL, NULL));
	assert_false(drive_did(&d, ACT_UNDIAL, NULL, NULL));
	drive_up(&d, E1, ROLE_EXCHANGE, tag, "192.0.2.1:5000", "10.0.0.100");
	assert_told(B1, "calc", 1, "192.0.2.1:5000");
	/* Not ours to retire. */
	drive_down(&d, B1);
	drive_wait(&d, 200000);
	assert_false(drive_sent(&d, E1, MSG_DRAIN, &m));
}

/* Gossip. */

/* The peer was told of the n instances, in this order, and of no others. */
static void
assert_peers(uint32_t to, int n, const unsigned instance[],
    const char *const address[])
{
	struct peer_item item;
	struct slice list;
	struct msg m;
	struct id id;
	int i;

	assert_true(drive_sent(&d, to, MSG_PEERS, &m));
	list = m.u.peers.peers;
	for (i = 0; i < n; i++) {
		assert_int_equal(item_next(&schema_peer_item, &list, &item), 1);
		id = drive_id(instance[i]);
		assert_true(id_equal(&item.instance, &id));
		assert_true(slice_equal(item.address, slice_str(address[i])));
	}
	assert_int_equal(item_next(&schema_peer_item, &list, &item), 0);
}

#define INSTANCES(...) (const unsigned[]){ __VA_ARGS__ }
#define ADDRESSES(...) (const char *const[]){ __VA_ARGS__ }

/* An authority says where authorities are. */
static void
say_peers(uint32_t from, int n, const unsigned instance[],
    const char *const address[])
{
	struct msg m = message(MSG_PEERS);
	struct peer_item item;
	struct scratch s;
	int i;

	scratch_init(&s);
	assert_int_equal(scratch_begin(&s, 1000), 0);
	for (i = 0; i < n; i++) {
		item.instance = drive_id(instance[i]);
		item.address = slice_str(address[i]);
		scratch_item(&s, &schema_peer_item, &item);
	}
	m.u.peers.peers = scratch_slice(&s);
	assert_int_equal(drive_message(&d, from, &m), 0);
	scratch_free(&s);
}

static void
dialled_up(uint32_t handle, const char *address)
{
	drive_up(&d, handle, ROLE_AUTHORITY, 1, address, "10.0.0.100");
}

/* Whoever links is told all, the others what is new. */
static void
test_gossip(void **state)
{
	(void)state;
	drive_up(&d, B1, ROLE_BROKER, 0, "10.0.0.1:30000", "10.0.0.100");
	assert_peers(B1, 1, INSTANCES(OWN), ADDRESSES(OWN_ADDRESS));
	dialled_up(50, "10.0.0.50:4370");
	assert_peers(50, 1, INSTANCES(OWN), ADDRESSES(OWN_ADDRESS));
	drive_wait(&d, 0);
	assert_peers(B1, 1, INSTANCES(50), ADDRESSES("10.0.0.50:4370"));
	/* One that dialled us: where it is we do not know. */
	other_up();
	assert_peers(OTHER, 2, INSTANCES(OWN, 50),
	    ADDRESSES(OWN_ADDRESS, "10.0.0.50:4370"));
	drive_wait(&d, 1000);
	assert_int_equal(drive_forget(&d), 0);
	/* It says so: where it is itself, listening everywhere; one that is
	 * new; one that is linked already; and us. */
	say_peers(OTHER, 4, INSTANCES(OTHER, 60, 50, OWN),
	    ADDRESSES("0.0.0.0:4370", "10.0.0.60:4370", "10.0.0.50:9999",
	    OWN_ADDRESS));
	assert_true(drive_did(&d, ACT_DIAL, "10.0.0.60:4370", NULL));
	drive_wait(&d, 0);
	assert_peers(B1, 1, INSTANCES(OTHER), ADDRESSES("10.0.0.101:4370"));
	assert_peers(50, 1, INSTANCES(OTHER), ADDRESSES("10.0.0.101:4370"));
	assert_int_equal(drive_forget(&d), 0);
	/* Nothing new: nothing said. */
	say_peers(OTHER, 1, INSTANCES(OTHER), ADDRESSES("10.0.0.101:4370"));
	say_peers(50, 1, INSTANCES(50), ADDRESSES("10.0.0.50:4370"));
	drive_wait(&d, 1000);
	assert_int_equal(drive_forget(&d), 0);
	/* One that was dialled calls itself something else. */
	say_peers(50, 1, INSTANCES(50), ADDRESSES("10.9.9.50:4370"));
	drive_wait(&d, 0);
	assert_peers(B1, 1, INSTANCES(50), ADDRESSES("10.9.9.50:4370"));
	assert_peers(OTHER, 1, INSTANCES(50), ADDRESSES("10.9.9.50:4370"));
	assert_int_equal(drive_forget(&d), 0);
	/* An entry with no host, not its own, is nowhere. */
	say_peers(50, 1, INSTANCES(70), ADDRESSES("[::]:4370"));
	assert_int_equal(drive_forget(&d), 0);
}

/* The dead are not gossiped, and sought where they were. */
static void
test_gossip_loss(void **state)
{
	(void)state;
	drive_up(&d, B1, ROLE_BROKER, 0, "10.0.0.1:30000", "10.0.0.100");
	dialled_up(50, "10.0.0.50:4370");
	other_up();
	say_peers(OTHER, 1, INSTANCES(OTHER), ADDRESSES("10.0.0.101:4370"));
	drive_wait(&d, 1000);
	drive_forget(&d);
	drive_down(&d, OTHER);
	drive_down(&d, 50);
	assert_true(drive_did(&d, ACT_DIAL, "10.0.0.101:4370", NULL));
	drive_wait(&d, 1000);
	assert_int_equal(drive_forget(&d), 0);
	/* A broker that comes while one is away, and then hears of it. */
	drive_up(&d, B2, ROLE_BROKER, 0, "10.0.0.2:30000", "10.0.0.100");
	assert_peers(B2, 1, INSTANCES(OWN), ADDRESSES(OWN_ADDRESS));
	dialled_up(50, "10.0.0.50:4370");
	assert_peers(50, 1, INSTANCES(OWN), ADDRESSES(OWN_ADDRESS));
	drive_wait(&d, 0);
	assert_peers(B1, 1, INSTANCES(50), ADDRESSES("10.0.0.50:4370"));
	assert_peers(B2, 1, INSTANCES(50), ADDRESSES("10.0.0.50:4370"));
	assert_int_equal(drive_forget(&d), 0);
}

/* Many at about the same time: a message each, then one for all. */
static void
test_gossip_burst(void **state)
{
	unsigned instance[20];
	const char *address[20];
	char text[20][32];
	unsigned i;

	(void)state;
	drive_up(&d, B1, ROLE_BROKER, 0, "10.0.0.1:30000", "10.0.0.100");
	drive_forget(&d);
	for (i = 0; i < 20; i++) {
		instance[i] = 50 + i;
		snprintf(text[i], sizeof(text[i]), "10.0.1.%u:4370", i);
		address[i] = text[i];
		dialled_up(instance[i], text[i]);
		drive_wait(&d, 1);
	}
	assert_peers(B1, 1, instance, address);
	drive_wait(&d, GOSSIP_MS);
	assert_peers(B1, 19, instance + 1, address + 1);
	/* The first was told of the others likewise; the last but of none. */
	assert_peers(50, 1, INSTANCES(OWN), ADDRESSES(OWN_ADDRESS));
	assert_peers(50, 19, instance + 1, address + 1);
	drive_forget(&d);
	drive_wait(&d, 10000);
	assert_int_equal(drive_forget(&d), 0);
}

/* It listens everywhere and was told no address of its own. */
static void
test_wildcard(void **state)
{
	uint32_t tag;

	(void)state;
	teardown(NULL);
	begin(1, "0.0.0.0:4370");
	drive_up(&d, B1, ROLE_BROKER, 0, "10.0.0.1:30000", "10.0.0.100");
	subscribe(B1, "calc", MSG_SUBSCRIBE);
	tag = assert_start("calc");
	drive_forget(&d);
	authority_started(a, d.now, tag, slice_str("0.0.0.0:5000"));
	drive_up(&d, E1, ROLE_EXCHANGE, tag, "127.0.0.1:5000", "127.0.0.1");
	assert_true(drive_did(&d, ACT_DIAL, "127.0.0.1:5000", NULL));
	assert_told(B1, "calc", 1, "0.0.0.0:5000");
}

static void
test_stop(void **state)
{
	struct msg m;

	(void)state;
	running("calc");
	subscribe(B1, "other", MSG_SUBSCRIBE);
	assert_start("other");
	authority_stop(a, d.now);
	drive_wait(&d, 0);
	drive_down(&d, E1);
	assert_told(B1, "other", 0, NULL);
	assert_told(B1, "calc", 0, NULL);
	assert_true(drive_sent(&d, E1, MSG_DRAIN, &m));
	assert_true(drive_did(&d, ACT_STOP, NULL, NULL));
	drive_wait(&d, 100000);
	assert_false(drive_did(&d, AUTHORITY_START, NULL, NULL));
}

static void
test_inspect(void **state)
{
	struct msg m = message(MSG_INSPECT);
	struct slice row;
	int n = 0;

	(void)state;
	running("calc");
	other_up();
	exchanges(OTHER, "calc", 77);
	drive_up(&d, CTL1, ROLE_CTL, 0, "10.0.0.1:1", "");
	assert_int_equal(drive_message(&d, CTL1, &m), 0);
	assert_true(drive_sent(&d, CTL1, MSG_REPORT, &m));
	while (list_next(&m.u.report.rows, &row) == 1)
		n++;
	/* 2 authorities, a broker, 2 exchanges, a module */
	assert_int_equal(n, 6);
	assert_int_equal(m.u.report.more, 0);
}

static void
test_limits(void **state)
{
	char name[32];
	unsigned i;

	(void)state;
	drive_up(&d, B1, ROLE_BROKER, 0, "10.0.0.1:30000", "10.0.0.100");
	for (i = 0; i <= AUTHORITY_MODULES_MAX; i++) {
		snprintf(name, sizeof(name), "m%u", i);
		subscribe(B1, name, MSG_SUBSCRIBE);
		assert_int_equal(drive_did(&d, AUTHORITY_START, name, NULL),
		    i < AUTHORITY_MODULES_MAX);
		drive_forget(&d);
	}
	drive_down(&d, B1);
	drive_forget(&d);
	for (; d.now < INT64_MAX && !chain_empty(&a->all);) {
		d.now = d.now < a->due ? a->due : d.now;
		assert_true(a->due != INT64_MAX);
		authority_ops.tick(a, d.now);
		while (outbox_take(authority_out(a), &(struct act){ 0 }))
			;
	}
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rendezvous),
		TEST(test_start), TEST(test_restart),
		TEST(test_does_not_answer), TEST(test_idle),
		TEST(test_hand_over), TEST(test_successor_does_not_come),
		TEST(test_not_ours), TEST(test_redundancy),
		TEST(test_external), TEST(test_gossip), TEST(test_gossip_loss),
		TEST(test_gossip_burst), TEST(test_wildcard),
		TEST(test_stop), TEST(test_inspect), TEST(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
