#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "epmd.h"

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
#define PORT2  "w\0\x9a\x8dM\0\0\6\0\5\0\3one\0\0"

static void
asks(void **state)
{
	struct epmd_node n = node("one", 39565);

	(void)state;
	assert_int_equal(epmd_ask_alive2(&out, &n), 0);
	assert_out(BYTES(ALIVE2));
	n.highest = n.lowest = 0; /* filled in */
	assert_int_equal(epmd_ask_alive2(&out, &n), 0);
	assert_out(BYTES(ALIVE2));
	assert_int_equal(epmd_ask_port_please2(&out, slice_str("one")), 0);
	assert_out(BYTES("\0\4zone"));
}

static void
asks_nothing_that_does_not_fit(void **state)
{
	static char longest[EPMD_NAME_MAX + 2];
	struct epmd_node n;

	(void)state;
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

static void
full_queue_leaves_nothing(void **state)
{
	struct buf small;

	(void)state;
	buf_init(&small, 5);
	assert_int_equal(epmd_ask_port_please2(&small, slice_str("one")), -1);
	assert_int_equal(errno, ENOBUFS);
	assert_int_equal(buf_len(&small), 0);
	buf_free(&small);
}

/* Every part of a reply but the whole asks for more; nothing reads past it. */
static void
port2_in_parts(void **state)
{
	static const char reply[] = 
	    "w\0\x9a\x8dH\0\0\6\0\5\0\3one\0\11" "127.0.0.1";
	size_t len = sizeof(reply) - 1, i;
	struct epmd_node n;
	unsigned char *part;

	(void)state;
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

static void
replies_that_are_none(void **state)
{
	struct epmd_node n;
	uint32_t creation;

	(void)state;
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

static void
alive2_in_both_forms(void **state)
{
	uint32_t creation = 0;
	size_t i;

	(void)state;
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

static void
lengths(void **state)
{
	(void)state;
	assert_int_equal(epmd_length(BYTES("")), 0);
	assert_int_equal(epmd_length(BYTES("\0")), 0);
	assert_int_equal(epmd_length(BYTES("\0\0")), -1);
	assert_int_equal(errno, EPROTO);
	assert_int_equal(epmd_length(BYTES("\0\1")), 3);
	assert_int_equal(epmd_length(BYTES("\x0b\xf1")), 2 + EPMD_REQUEST_MAX);
	assert_int_equal(epmd_length(BYTES("\x0b\xf2")), -1);
}

static void
requests(void **state)
{
	struct epmd_request r;

	(void)state;
	assert_int_equal(epmd_request(BYTES(ALIVE2), &r), 0);
	assert_int_equal(r.type, EPMD_ALIVE2_REQ);
	assert_int_equal(r.node.port, 39565);
	assert_int_equal(r.node.type, EPMD_NORMAL);
	assert_true(slice_equal(r.node.name, slice_str("one")));
	assert_int_equal(r.node.extra.len, 0);
	assert_int_equal(epmd_request(BYTES("\0\4zone"), &r), 0);
	assert_true(slice_equal(r.node.name, slice_str("one")));
	assert_int_equal(epmd_request(BYTES("\0\5zone\0"), &r), 0);
	assert_true(slice_equal(r.node.name, slice_str("one")));
	assert_int_equal(epmd_request(BYTES("\0\6sone\0x"), &r), 0);
	assert_true(slice_equal(r.node.name, slice_str("one")));
	assert_int_equal(epmd_request(BYTES("\0\1n"), &r), 0);
	assert_int_equal(epmd_request(BYTES("\0\3nxx"), &r), 0);
	assert_int_equal(epmd_request(BYTES("\0\1d"), &r), 0);
	assert_int_equal(epmd_request(BYTES("\0\1k"), &r), 0);
}

static void
requests_that_are_none(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {
#define BAD(s) { s, sizeof(s) - 1 }
		BAD("\0\1?"), BAD("\0\1a"), BAD("\0\1z"), BAD("\0\2z\0"),
		BAD("\0\4za\0b"), BAD("\0\5zab\0\0"), BAD("\0\2z\xff"),
		BAD("\0\1s"), BAD("\0\1x"),
		/* as short as its fields, with no name */
		BAD("\0\15x\0\1M\0\0\6\0\5\0\0\0\0"),
		/* a name, then extra, that go beyond the end */
		BAD("\0\16x\0\1M\0\0\6\0\5\0\2a\0\0"),
		BAD("\0\16x\0\1M\0\0\6\0\5\xff\xff" "a\0\0"),
		BAD("\0\16x\0\1M\0\0\6\0\5\0\1a\0\1"),
		/* a NUL in the name */
		BAD("\0\17x\0\1M\0\0\6\0\5\0\2a\0\0\0"),
	};
	struct epmd_request r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		errno = 0;
		if (epmd_request(slice_of(bad[i].bytes, bad[i].len), &r) != -1)
			fail_msg("request %u was taken", (unsigned)i);
		assert_int_equal(errno, EPROTO);
	}
}

/* The last of a lookup's characters is lost to epmd's count of them. */
static void
longest_lookup(void **state)
{
	unsigned char request[3 + 256] = { 0, 0, 'z' };
	struct epmd_request r;

	(void)state;
	memset(request + 3, 'a', 256);
	assert_int_equal(epmd_request(slice_of(request, 3 + 254), &r), 0);
	assert_int_equal(epmd_request(slice_of(request, 3 + 255), &r), -1);
}

static void
answers(void **state)
{
	struct epmd_node n = node("one", 39565);

	(void)state;
	assert_int_equal(epmd_say_alive2(&out, 6, 0, 0x1020304), 0);
	assert_out(BYTES("v\0\1\2\3\4"));
	assert_int_equal(epmd_say_alive2(&out, 5, 0, 3), 0);
	assert_out(BYTES("y\0\0\3"));
	assert_int_equal(epmd_say_alive2(&out, 6, 1, 99), 0);
	assert_out(BYTES("v\1\0\0\0\143"));
	assert_int_equal(epmd_say_port2(&out, &n), 0);
	assert_out(BYTES(PORT2));
	assert_int_equal(epmd_say_port2(&out, NULL), 0);
	assert_out(BYTES("w\1"));
	assert_int_equal(epmd_say_port(&out, 4369), 0);
	assert_int_equal(epmd_say_name(&out, &n), 0);
	assert_out(BYTES("\0\0\x11\x11name one at port 39565\n"));
	assert_int_equal(epmd_say_active(&out, &n, 5), 0);
	assert_out(BYTES("active name     <one> at port 39565, fd = 5\n\0"));
	assert_int_equal(epmd_say_unused(&out, &n, 5), 0);
	assert_out(BYTES("old/unused name <one>, port = 39565, fd = 5 \n\0"));
	assert_int_equal(epmd_say_text(&out, "OK"), 0);
	assert_out(BYTES("OK"));
}

static void
utf8(void **state)
{
	static const struct {
		const char *text;
		int symbols;
	} cases[] = {
		{ "", 0 }, { "abc", 3 }, { "\xc3\xa5", 1 },
		{ "\xe2\x82\xac" "a", 2 }, { "\xf0\x9f\x98\x80", 1 },
		{ "\x80", -1 }, { "\xc0\xaf", -1 }, { "\xc1\xbf", -1 },
		{ "\xc3", -1 }, { "\xc3" "a", -1 }, { "\xe0\x9f\xbf", -1 },
		{ "\xe2\x82", -1 }, { "\xe2\x82" "a", -1 },
		{ "\xed\x9f\xbf", 1 }, { "\xed\xa0\x80", -1 },
		{ "\xf0\x8f\xbf\xbf", -1 }, { "\xf4\x8f\xbf\xbf", 1 },
		{ "\xf4\x90\x80\x80", -1 }, { "\xf5\x80\x80\x80", -1 },
		{ "\xff", -1 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(epmd_symbols(slice_str(cases[i].text)),
		    cases[i].symbols);
}

int
main(void)
{
#define WITH(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		WITH(asks),
		WITH(asks_nothing_that_does_not_fit),
		cmocka_unit_test(full_queue_leaves_nothing),
		cmocka_unit_test(port2_in_parts),
		cmocka_unit_test(replies_that_are_none),
		cmocka_unit_test(alive2_in_both_forms),
		cmocka_unit_test(lengths),
		cmocka_unit_test(requests),
		cmocka_unit_test(requests_that_are_none),
		cmocka_unit_test(longest_lookup),
		WITH(answers),
		cmocka_unit_test(utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
