/* The listener core: what is settled in one turn is more than one sell takes.
 * All else that it says and does is in t/core/listener. */

#include <string.h>

#include "listener.h"
#include "t/check.h"

#define BROKER	 1u /* peers */
#define CHANNEL	 2u
#define NOW	 1000
#define CONNECTS 5000

static void
listener_peer(struct listener *l, uint32_t peer, unsigned role, uint32_t tag)
{
	struct peer_info info;

	memset(&info, 0, sizeof(info));
	info.role = role;
	info.tag = tag;
	listener_ops.up(l, NOW, peer, &info);
}

/* Each reservation is settled once, in their order. */
UNIT(test_settled_many)
{
	const struct id own = { "listener" }, exchange = { "exchange" };
	struct listener_config config;
	uint64_t sells = 0, next = 1, i;
	struct reservation r;
	struct listener *l;
	struct act act;
	struct msg m;

	memset(&config, 0, sizeof(config));
	config.module = slice_str("calc");
	config.capacity = 8;
	config.address = slice_str("10.0.0.1:9");
	l = listener_new(&own, 1, &config);
	assert_non_null(l);
	listener_peer(l, BROKER, ROLE_BROKER, 0);
	assert_int_equal(listener_spawned(l, 1, slice_str("client"), NULL), 0);
	listener_peer(l, CHANNEL, ROLE_CHANNEL, 1);
	memset(&m, 0, sizeof(m));
	m.type = MSG_CONNECT;
	m.u.connect.quantity = 1;
	m.u.connect.module = slice_str("calc");
	m.u.connect.seller = own;
	m.u.connect.exchange = exchange;
	for (i = 1; i <= CONNECTS; i++) {
		m.u.connect.counter = i;
		assert_int_equal(listener_ops.message(l, NOW, CHANNEL, &m), 0);
	}
	listener_ops.tick(l, NOW);
	while (outbox_take(listener_out(l), &act)) {
		if (act.kind != ACT_SEND || act.peer != BROKER)
			continue;
		assert_int_equal(act_message(&act, &m), 1);
		assert_int_equal(m.type, MSG_SELL);
		while (item_next(&schema_reservation, &m.u.sell.settled, &r))
			assert_int_equal(r.counter, next++);
		sells++;
	}
	assert_int_equal(next, CONNECTS + 1);
	assert_true(sells > 1);
	listener_free(l);
}

UNITS(PLAIN(test_settled_many))
