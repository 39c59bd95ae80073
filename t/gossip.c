/* A peer that names authorities without end has a bound of them dialled. */

#include <stdio.h>

#include "gossip.h"
#include "t/check.h"

#define A_MESSAGE 1500

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
	gossip_down(&g, p);
	gossip_free(&g);
	outbox_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_names) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
