#include <errno.h>

#include "msg.h"
#include "t/msg_sample.h"
#include "t/check.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static int
each(void **state)
{
	(void)state;
	sample_seed(1);
	return 0;
}

/* The table itself. */

static void
check_fields(const struct schema *s)
{
	size_t i, size;
	const struct field *f;

	for (i = 0; i < s->n; i++) {
		f = &s->fields[i];
		size = f->kind == FIELD_UINT ? sizeof(uint64_t) :
		    f->kind == FIELD_ID ? sizeof(struct id) :
		    sizeof(struct slice);
		assert_true(f->type >= 1);
		assert_true(i == 0 || f->type > f[-1].type);
		assert_true(i == 0 || f->offset > f[-1].offset);
		assert_true(f->offset + size <= s->size);
		assert_true(f->max > 0);
		/* Who does not know a field that must be there cannot go on
		 * without it. */
		assert_true(!f->required || f->type % 2 == 0 ||
		    s == &schema_contact);
		assert_true(f->kind != FIELD_GROUP || f->of != NULL);
		assert_non_null(f->name);
	}
	assert_true(s->size <= sizeof(((struct msg *)NULL)->u));
}

UNIT(test_table)
{
	static const struct schema *const groups[] = { &schema_peer_item,
		&schema_contact, &schema_reservation, &schema_attrs,
		&schema_constraints, &schema_seller };
	const struct msg_row *row = NULL, *other;
	const struct msg_path *path;
	size_t i, n = 0, found;
	unsigned type, last = 0;

	for (i = 0; i < LEN(groups); i++)
		check_fields(groups[i]);
	for (; (row = msg_row_next(row)) != NULL; n++) {
		check_fields(&row->schema);
		assert_true(row->type > last);
		last = row->type;
		assert_ptr_equal(msg_row(row->type), row);
		assert_string_equal(msg_name(row->type), row->schema.name);
		for (other = msg_row_next(NULL); other != row;
		    other = msg_row_next(other))
			assert_string_not_equal(row->schema.name,
			    other->schema.name);
		for (path = row->paths; path != NULL && path->from != 0;
		    path++)
			assert_true(path->to != 0 &&
			    path->from < 1u << ROLE_COUNT &&
			    path->to < 1u << ROLE_COUNT);
	}
	for (type = found = 0; type < 300; type++)
		found += msg_row(type) != NULL;
	assert_int_equal(found, n);
	assert_string_equal(msg_name(0), "unknown");
	assert_string_equal(msg_name(200), "unknown");
}

UNIT(test_roles)
{
	static const char *const names[] = { "authority", "broker", "exchange",
		"listener", "channel", "plb", "caller", "ctl" };
	size_t i;

	assert_int_equal(LEN(names), ROLE_COUNT);
	for (i = 0; i < ROLE_COUNT; i++)
		assert_string_equal(role_name(1u << i), names[i]);
	assert_string_equal(role_name(0), "unknown");
	assert_string_equal(role_name(3), "unknown");
	assert_string_equal(role_name(1u << ROLE_COUNT), "unknown");
}

UNIT(test_allowed)
{
	static const struct {
		unsigned type, from, to;
		int allowed;
	} v[] = {
		{ MSG_SELL, ROLE_LISTENER, ROLE_BROKER, 1 },
		{ MSG_SELL, ROLE_BROKER, ROLE_EXCHANGE, 1 },
		{ MSG_SELL, ROLE_LISTENER, ROLE_EXCHANGE, 0 },
		{ MSG_SELL, ROLE_PLB, ROLE_BROKER, 0 },
		{ MSG_BUY, ROLE_PLB, ROLE_BROKER, 1 },
		{ MSG_BUY, ROLE_EXCHANGE, ROLE_BROKER, 0 },
		{ MSG_FILL, ROLE_EXCHANGE, ROLE_BROKER, 1 },
		{ MSG_FILL, ROLE_PLB, ROLE_BROKER, 0 },
		{ MSG_REQUEST, ROLE_PLB, ROLE_CHANNEL, 1 },
		{ MSG_REQUEST, ROLE_CALLER, ROLE_PLB, 1 },
		{ MSG_REQUEST, ROLE_CHANNEL, ROLE_PLB, 0 },
		{ MSG_REPLY, ROLE_CHANNEL, ROLE_PLB, 1 },
		{ MSG_REPLY, ROLE_PLB, ROLE_CHANNEL, 0 },
		{ MSG_DEMAND, ROLE_PLB, ROLE_CHANNEL, 0 },
		{ MSG_DRAIN, ROLE_AUTHORITY, ROLE_EXCHANGE, 1 },
		{ MSG_DRAIN, ROLE_BROKER, ROLE_EXCHANGE, 0 },
		{ MSG_INSPECT, ROLE_CTL, ROLE_BROKER, 1 },
		{ MSG_INSPECT, ROLE_CTL, ROLE_LISTENER, 1 },
		{ MSG_REPORT, ROLE_LISTENER, ROLE_CTL, 1 },
		{ MSG_INSPECT, ROLE_CTL, ROLE_CHANNEL, 0 },
		{ MSG_ASK, ROLE_AUTHORITY, ROLE_BROKER, 1 },
		{ MSG_ASK, ROLE_BROKER, ROLE_LISTENER, 1 },
		{ MSG_ASK, ROLE_BROKER, ROLE_CALLER, 1 },
		{ MSG_ASK, ROLE_LISTENER, ROLE_CHANNEL, 1 },
		{ MSG_ASK, ROLE_CTL, ROLE_BROKER, 0 },
		{ MSG_ASK, ROLE_BROKER, ROLE_BROKER, 0 },
		{ MSG_ASK, ROLE_PLB, ROLE_CHANNEL, 0 },
		{ MSG_ASK, ROLE_LISTENER, ROLE_BROKER, 0 },
		{ MSG_ANSWER, ROLE_CALLER, ROLE_BROKER, 1 },
		{ MSG_ANSWER, ROLE_EXCHANGE, ROLE_BROKER, 0 },
		{ MSG_PEERS, ROLE_BROKER, ROLE_CTL, 0 },
		{ MSG_INSPECT, ROLE_PLB, ROLE_BROKER, 0 },
		{ MSG_ALIVE, ROLE_CTL, ROLE_CTL, 1 },
		{ 200, ROLE_CTL, ROLE_BROKER, 0 },
		{ 0, ROLE_CTL, ROLE_BROKER, 0 },
	};
	size_t i;

	for (i = 0; i < LEN(v); i++)
		assert_int_equal(msg_allowed(v[i].type, v[i].from, v[i].to),
		    v[i].allowed);
}

UNIT(test_ids)
{
	struct id a = { { 0 } }, b = { { 0 } };
	char text[ID_TEXT];

	assert_true(id_is_zero(&a));
	assert_true(id_equal(&a, &b));
	a.b[15] = 0x0f;
	b.b[0] = 0xf0;
	assert_false(id_is_zero(&a));
	assert_false(id_equal(&a, &b));
	assert_true(id_compare(&a, &b) < 0);
	assert_true(id_compare(&b, &a) > 0);
	assert_int_equal(id_compare(&a, &a), 0);
	assert_string_equal(id_print(&a, text),
	    "0000000000000000000000000000000f");
	assert_ptr_equal(id_slice(&a).p, a.b);
	assert_int_equal(id_slice(&a).len, ID_SIZE);
}

/* There and back. */

UNIT(test_round_trips)
{
	const struct msg_row *row = NULL;
	struct msg m;
	int k;

	while ((row = msg_row_next(row)) != NULL)
		for (k = 0; k < 500; k++) {
			sample_reset();
			m.type = row->type;
			sample_fill(&row->schema, &m.u, k % 4 == 0);
			sample_round_trip(&m);
		}
}

UNIT(test_unknown_messages)
{
	struct slice junk = slice_str("what is this");
	struct msg m;
	unsigned type;

	for (type = 1; type <= 255; type++) {
		if (msg_row(type) != NULL)
			continue;
		errno = 0;
		assert_int_equal(msg_decode(&m, type, junk),
		    type % 2 ? 0 : -1);
		assert_int_equal(errno, type % 2 ? 0 : EPROTO);
	}
}

/* The readers, on bytes that nobody has checked. */
UNIT(test_readers)
{
	static const unsigned char good[] = { 1, 1, 'a', 1, 0 },
	    bad_type[] = { 3, 1, 'a' }, cut[] = { 1, 2, 'a' };
	struct slice list, item;
	struct reservation r;

	list = slice_of(good, sizeof(good));
	assert_int_equal(list_next(&list, &item), 1);
	assert_true(slice_equal(item, slice_str("a")));
	assert_int_equal(list_next(&list, &item), 1);
	assert_int_equal(item.len, 0);
	assert_int_equal(list_next(&list, &item), 0);
	list = slice_of(bad_type, sizeof(bad_type));
	assert_int_equal(list_next(&list, &item), -1);
	assert_int_equal(errno, EPROTO);
	list = slice_of(cut, sizeof(cut));
	assert_int_equal(list_next(&list, &item), -1);
	assert_int_equal(errno, EBADMSG);
	list = slice_of(good, sizeof(good));
	assert_int_equal(item_next(&schema_reservation, &list, &r), -1);
}

#define TEST(name) cmocka_unit_test_setup(name, each)

UNITS(TEST(test_table), TEST(test_roles), TEST(test_allowed), TEST(test_ids),
    TEST(test_round_trips), TEST(test_unknown_messages), TEST(test_readers))
