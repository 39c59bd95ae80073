#include "addr.h"
#include "msg.h"
#include "t/check.h"

static void
assert_slice(struct slice s, const char *expected)
{
	assert_true(slice_equal(s, slice_str(expected)));
}

UNIT(test_split)
{
	static const struct {
		const char *address, *host, *port;
	} cases[] = {
		{ "10.0.0.1:80", "10.0.0.1", "80" },
		{ "[fd00::1]:80", "fd00::1", "80" },
		{ "[fd00::1]", "fd00::1", "" },
		{ "fd00::1", "fd00::1", "" },
		{ "::", "::", "" },
		{ "10.0.0.1", "10.0.0.1", "" },
		{ ":80", "", "80" },
		{ "", "", "" },
		{ ":", "", "" },
		{ "[", "", "" },
		{ "[]", "", "" },
		{ "[::]x80", "::", "" },
		{ "[fd00::1", "fd00::1", "" },
	};
	struct slice host, port;
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		hostport_split(slice_str(cases[i].address), &host, &port);
		assert_slice(host, cases[i].host);
		assert_slice(port, cases[i].port);
	}
}

UNIT(test_kinds)
{
	assert_true(hostport_any(slice_str("")));
	assert_true(hostport_any(slice_str("0.0.0.0")));
	assert_true(hostport_any(slice_str("::")));
	assert_false(hostport_any(slice_str("::1")));
	assert_true(hostport_loopback(slice_str("::1")));
	assert_true(hostport_loopback(slice_str("127.1.2.3")));
	assert_false(hostport_loopback(slice_str("128.0.0.1")));
	assert_false(hostport_loopback(slice_str("127")));
}

UNIT(test_fill)
{
	char buf[ADDRESS_MAX + 1], longest[ADDRESS_MAX + 1];

	assert_slice(hostport_fill(slice_str("0.0.0.0:5"), slice_str("h"),
	    buf), "h:5");
	assert_slice(hostport_fill(slice_str("[::]:5"), slice_str("fd00::1"),
	    buf), "[fd00::1]:5");
	assert_slice(hostport_fill(slice_str("10.0.0.1:5"), slice_str("h"),
	    buf), "10.0.0.1:5");
	/* Nothing known is nothing changed. */
	assert_slice(hostport_fill(slice_str("[::]:5"), slice_str(""), buf),
	    "[::]:5");
	/* What does not fit is no address. */
	memset(longest, 'h', ADDRESS_MAX);
	longest[ADDRESS_MAX] = '\0';
	assert_int_equal(hostport_fill(slice_str(":5"), slice_str(longest),
	    buf).len, 0);
	assert_int_equal(hostport_fill(slice_str(":5"),
	    slice_str(longest + 2), buf).len, ADDRESS_MAX);
}

/* Of a message: an IP address and a port, and nothing else. */
UNIT(test_address)
{
	static const char *const good[] = { "192.0.2.1:4370", "0.0.0.0:1",
		"255.255.255.255:65535", "[::]:1", "[2001:db8::1]:4370",
		"[fe80::1%eth0]:4370", "[::ffff:10.0.0.1]:7" };
	static const char *const bad[] = { "", ":", ":1", "1", "h:1",
		"/run/x", "10.0.0.1", "10.0.0.1:", "10.0.0.1:0",
		"10.0.0.1:65536", "10.0.0.1:07", "10.0.0.1:1x", "10.0.0.1: 1",
		"10.0.0:1", "10.0.0.1.2:1", "10.0.0.256:1", "10..0.1:1",
		"10.0.0.:1", ".10.0.0.1:1", "01.0.0.1:1", "10.0.0.1 :1",
		"-1.0.0.1:1", "::1", "::1:1", "[::1]", "[::1]:", "[::1]1",
		"[::1]:1x", "[::1]x:1", "[::1", "[]:1", "[10.0.0.1]:1",
		"[fe80::1%]:1", "[fe80::1%a b]:1", "[::1]:0",
		"[fe80::1%interface-of-a-long-name]:1" };
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(hostport_is_address(slice_str(good[i])));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(hostport_is_address(slice_str(bad[i])));
	assert_false(hostport_is_address(slice_of("10.0.0.1:1\0", 11)));
	assert_false(hostport_is_address(slice_of("\0", 1)));
	assert_false(hostport_is_address(slice_of("[::\0]:1", 7)));
}

UNITS(PLAIN(test_split), PLAIN(test_kinds), PLAIN(test_fill),
    PLAIN(test_address))
