/* What an EPMD is asked, and its answers. What it answers itself is in
 * t/core/discovery. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "epmd.h"
#include "t/check.h"

/* Bytes of a literal, NULs and all, without the one at its end. */
#define BYTES(s) slice_of(s, sizeof(s) - 1)

static struct buf out;

static int
begin(void **state)
{
	(void)state;
	buf_init(&out, 1 << 20);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	buf_free(&out);
	return 0;
}

static void
assert_out(struct slice expected)
{
	struct slice got = buf_slice(&out);

	assert_int_equal(got.len, expected.len);
	assert_memory_equal(got.p, expected.p, expected.len);
	buf_consume(&out, got.len);
}

static struct epmd_node
node(const char *name, unsigned port)
{
	struct epmd_node n;

	memset(&n, 0, sizeof(n));
	n.name = slice_str(name);
	n.port = (uint16_t)port;
	n.type = EPMD_NORMAL;
	n.highest = EPMD_HIGHEST;
	n.lowest = EPMD_LOWEST;
	return n;
}

/* Captured between erl and epmd of OTP 25. */
#define ALIVE2 "\0\20x\x9a\x8dM\0\0\6\0\5\0\3one\0\0"

UNIT(asks)
{
	struct epmd_node n = node("one", 39565);

	assert_int_equal(epmd_ask_alive2(&out, &n), 0);
	assert_out(BYTES(ALIVE2));
	n.highest = n.lowest = 0; /* filled in */
	assert_int_equal(epmd_ask_alive2(&out, &n), 0);
	assert_out(BYTES(ALIVE2));
	assert_int_equal(epmd_ask_port_please2(&out, slice_str("one")), 0);
	assert_out(BYTES("\0\4zone"));
}

UNIT(asks_nothing_that_does_not_fit)
{
	static char longest[EPMD_NAME_MAX + 2];
	struct epmd_node n;

	memset(longest, 'a', EPMD_NAME_MAX + 1);
	n = node(longest, 1);
	assert_int_equal(epmd_ask_alive2(&out, &n), -1);
	assert_int_equal(errno, ERANGE);
	assert_int_equal(epmd_ask_port_please2(&out, n.name), -1);
	n.name.len = 0;
	assert_int_equal(epmd_ask_alive2(&out, &n), -1);
	assert_int_equal(epmd_ask_port_please2(&out, n.name), -1);
	n.name.len = 1;
	n.extra = slice_of(longest, EPMD_EXTRA_MAX + 1);
	assert_int_equal(epmd_ask_alive2(&out, &n), -1);
	assert_int_equal(buf_len(&out), 0);
	n.extra.len--;
	assert_int_equal(epmd_ask_alive2(&out, &n), 0);
}

UNIT(full_queue_leaves_nothing)
{
	struct buf small;

	buf_init(&small, 5);
	assert_int_equal(epmd_ask_port_please2(&small, slice_str("one")), -1);
	assert_int_equal(errno, ENOBUFS);
	assert_int_equal(buf_len(&small), 0);
	buf_free(&small);
}

/* Every part of a reply but the whole asks for more; nothing reads past it. */
UNIT(port2_in_parts)
{
	static const char reply[] = 
	    "w\0\x9a\x8dH\0\0\6\0\5\0\3one\0\11" "127.0.0.1";
	size_t len = sizeof(reply) - 1, i;
	struct epmd_node n;
	unsigned char *part;

	for (i = 0; i <= len; i++) {
		part = malloc(i + 1);
		memcpy(part, reply, i);
		part = realloc(part, i > 0 ? i : 1);
		assert_int_equal(epmd_port2(slice_of(part, i), &n), i == len);
		if (i == len) {
			assert_int_equal(n.port, 0x9a8d);
			assert_int_equal(n.type, EPMD_HIDDEN);
			assert_int_equal(n.highest, 6);
			assert_int_equal(n.lowest, 5);
			assert_true(slice_equal(n.name, slice_str("one")));
			assert_true(slice_equal(n.extra,
			    slice_str("127.0.0.1")));
		}
		free(part);
	}
}

UNIT(replies_that_are_none)
{
	struct epmd_node n;
	uint32_t creation;

	assert_int_equal(epmd_port2(BYTES("w\1"), &n), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(epmd_port2(BYTES("x"), &n), -1);
	assert_int_equal(errno, EPROTO);
	assert_int_equal(epmd_port2(
	    BYTES("w\0\0\1M\0\0\6\0\5\xff\xff"), &n), -1);
	assert_int_equal(errno, EPROTO);
	assert_int_equal(epmd_port2(
	    BYTES("w\0\0\1M\0\0\6\0\5\0\0\xff\xff"), &n), -1);
	assert_int_equal(errno, EPROTO);
	assert_int_equal(epmd_alive2(BYTES("z"), &creation), -1);
	assert_int_equal(errno, EPROTO);
	assert_int_equal(epmd_alive2(BYTES("y\0\0\1\0"), &creation), -1);
	assert_int_equal(errno, EPROTO);
	assert_int_equal(epmd_alive2(BYTES("y\1\0\143"), &creation), -1);
	assert_int_equal(errno, EEXIST);
}

UNIT(alive2_in_both_forms)
{
	uint32_t creation = 0;
	size_t i;

	for (i = 0; i < 4; i++)
		assert_int_equal(epmd_alive2(slice_of("y\0\1\2", i),
		    &creation), 0);
	assert_int_equal(epmd_alive2(BYTES("y\0\1\2"), &creation), 1);
	assert_int_equal(creation, 0x102);
	for (i = 0; i < 6; i++)
		assert_int_equal(epmd_alive2(slice_of("v\0\1\2\3\4", i),
		    &creation), 0);
	assert_int_equal(epmd_alive2(BYTES("v\0\1\2\3\4"), &creation), 1);
	assert_int_equal(creation, 0x1020304);
}

#define WITH(f) cmocka_unit_test_setup_teardown(f, begin, end)

UNITS(WITH(asks), WITH(asks_nothing_that_does_not_fit),
    PLAIN(full_queue_leaves_nothing), PLAIN(port2_in_parts),
    PLAIN(replies_that_are_none), PLAIN(alive2_in_both_forms))
