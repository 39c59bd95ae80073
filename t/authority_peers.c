/* The authority among others: who runs what, and who is told of whom. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>

#include "authority_state.h"
#include "rendezvous.h"
#include "t/office.h"

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

/* How many exchanges it lists. */
static int
listed(void)
{
	struct msg m = message(MSG_INSPECT);
	struct slice row;
	int n = 0;

	m.u.inspect.what = slice_str("exchanges");
	assert_int_equal(drive_message(&d, CTL1, &m), 0);
	assert_true(drive_sent(&d, CTL1, MSG_REPORT, &m));
	while (list_next(&m.u.report.rows, &row) == 1)
		n++;
	drive_forget(&d);
	return n;
}

/* What an authority has said is forgotten with it. */
static void
test_lost_with_its_exchanges(void **state)
{
	const char *module = module_of(1);

	(void)state;
	running(module);
	other_up();
	drive_up(&d, CTL1, ROLE_CTL, 0, "10.0.0.1:1", "");
	exchanges(OTHER, module, 77);
	assert_int_equal(listed(), 2);
	drive_down(&d, OTHER);
	assert_int_equal(listed(), 1);
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
	uint32_t tag;
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
		assert_int_equal(drive_did(&d, AUTHORITY_START, name, &tag),
		    before < 2);
		if (before < 2)
			exchange_up(tag, 200 + i, "10.0.0.100:5000");
		started += before < 2;
	}
	assert_in_range(started, 20, 46); /* of 100, a third */
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rendezvous),
		TEST(test_lost_with_its_exchanges),
		TEST(test_hand_over),
		TEST(test_successor_does_not_come),
		TEST(test_not_ours),
		TEST(test_redundancy),
		TEST(test_gossip),
		TEST(test_gossip_loss),
		TEST(test_gossip_burst),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
