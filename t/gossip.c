/* A peer that names authorities without end has a bound of them dialled; and a
 * broker is told of those that come first for it. */

#include <stdio.h>

#include "gossip.h"
#include "t/check.h"

#define A_MESSAGE   1500
#define AUTHORITIES 20

static struct outbox out;
static unsigned long dials, lines;

/* The peer names those from first on. */
static void
hear(struct gossip *g, struct gossip_peer *p, unsigned first)
{
	struct msg_peers m;
	struct peer_item item;
	struct scratch list;
	struct act a;
	char text[64];
	unsigned i;

	memset(&list, 0, sizeof(list));
	memset(&item, 0, sizeof(item));
	assert_int_equal(scratch_begin(&list, LIST_MAX), 0);
	for (i = first; i < first + A_MESSAGE; i++) {
		item.instance.b[0] = 9;
		item.instance.b[14] = (unsigned char)(i >> 8);
		item.instance.b[15] = (unsigned char)i;
		snprintf(text, sizeof(text), "10.0.%u.%u:4370", i >> 8 & 255,
		    i & 255);
		item.address = slice_str(text);
		scratch_item(&list, &schema_peer_item, &item);
	}
	m.peers = scratch_slice(&list);
	dials = lines = 0;
	assert_int_equal(gossip_hear(g, 0, p, &m), 0);
	while (outbox_take(&out, &a)) {
		dials += a.kind == ACT_DIAL;
		lines += a.kind == ACT_LOG;
	}
	scratch_free(&list);
}

UNIT(test_names)
{
	const struct id own = { { 1 } };
	struct peer_info info = { .role = ROLE_AUTHORITY };
	struct gossip g;
	struct gossip_peer *p, *other;

	outbox_init(&out);
	gossip_init(&g, &own, 7, ROLE_AUTHORITY, slice_str("10.9.9.9:1"),
	    sizeof(struct gossip_peer), &out);
	info.instance.b[0] = 2;
	info.address = slice_str("10.9.9.8:1");
	p = gossip_up(&g, 0, 1, &info);
	info.instance.b[0] = 3;
	other = gossip_up(&g, 0, 2, &info);
	hear(&g, p, 0);
	assert_int_equal(dials, A_MESSAGE);
	assert_int_equal(lines, 0);
	hear(&g, p, A_MESSAGE);
	assert_int_equal(dials, A_MESSAGE);
	hear(&g, p, 2 * A_MESSAGE);
	assert_int_equal(dials, GOSSIP_NAMED_MAX - 2 * A_MESSAGE);
	assert_int_equal(lines, 1);
	/* What it named it may name again, and others name theirs. */
	hear(&g, p, 0);
	assert_int_equal(dials, A_MESSAGE);
	assert_int_equal(lines, 0);
	hear(&g, other, A_MESSAGE);
	assert_int_equal(dials, A_MESSAGE);
	gossip_down(&g, 0, p);
	gossip_free(&g);
	outbox_free(&out);
}

/* What was sent to the broker, whose handle is 100, last: how many peers are in
 * it; -1: nothing was sent. */
static struct id named[AUTHORITIES + 1];

static int
told(void)
{
	struct peer_item item;
	struct slice list;
	struct msg m;
	struct act a;
	int n = -1;

	while (outbox_take(&out, &a)) {
		if (a.kind != ACT_SEND || a.peer != 100)
			continue;
		assert_int_equal(act_message(&a, &m), 1);
		list = m.u.peers.peers;
		for (n = 0; item_next(&schema_peer_item, &list, &item) == 1;)
			named[n++] = item.instance;
	}
	return n;
}

static int
is_told(int n, const struct id *id)
{
	while (n > 0)
		if (id_equal(&named[--n], id))
			return 1;
	return 0;
}

static struct gossip_peer *
authority_up(struct gossip *g, int64_t now, unsigned i)
{
	struct peer_info info = { .role = ROLE_AUTHORITY, .tag = GOSSIP_TAG };
	char text[64];

	info.instance.b[0] = 8;
	info.instance.b[15] = (unsigned char)i;
	snprintf(text, sizeof(text), "10.0.0.%u:4370", i);
	info.address = slice_str(text);
	return gossip_up(g, now, i, &info);
}

UNIT(test_ranks)
{
	const struct id own = { { 1 } };
	struct peer_info info = { .role = ROLE_BROKER };
	struct gossip g;
	struct gossip_peer *p[AUTHORITIES + 1], *broker;
	struct id lost;
	unsigned i, k, before;
	int n;

	outbox_init(&out);
	gossip_init(&g, &own, 7, ROLE_AUTHORITY, slice_str("10.9.9.9:1"),
	    sizeof(struct gossip_peer), &out);
	for (i = 1; i <= AUTHORITIES; i++)
		p[i] = authority_up(&g, 0, i);
	info.instance.b[0] = 5;
	broker = gossip_up(&g, 0, 100, &info);
	n = told();
	assert_int_equal(n, 1 + GOSSIP_NAMED);
	assert_true(id_equal(&named[0], &own));
	for (i = 1; i <= AUTHORITIES; i++) {
		for (before = 0, k = 1; k <= AUTHORITIES; k++)
			before += k != i && rendezvous_before(&p[k]->instance,
			    &p[i]->instance, id_slice(&broker->instance));
		assert_int_equal(is_told(n, &p[i]->instance),
		    before < GOSSIP_NAMED);
	}
	/* Of one that it was not told of, it does not hear that it is gone, nor
	 * that it is back. */
	for (i = 1; is_told(n, &p[i]->instance); i++)
		;
	gossip_down(&g, 1000, p[i]);
	gossip_tick(&g, 2000);
	p[i] = authority_up(&g, 2000, i);
	gossip_tick(&g, 3000);
	assert_int_equal(told(), -1);
	/* One that it was told of is gone: another takes its place. */
	for (i = 1; !is_told(n, &p[i]->instance); i++)
		;
	lost = p[i]->instance;
	gossip_down(&g, 4000, p[i]);
	gossip_tick(&g, 4000 + GOSSIP_MS);
	n = told();
	assert_int_equal(n, 1 + GOSSIP_NAMED);
	assert_false(is_told(n, &lost));
	p[i] = authority_up(&g, 5000, i);
	gossip_tick(&g, 6000);
	n = told();
	assert_int_equal(n, 1 + GOSSIP_NAMED);
	assert_true(is_told(n, &lost));
	gossip_free(&g);
	outbox_free(&out);
}

UNITS(PLAIN(test_names), PLAIN(test_ranks))
