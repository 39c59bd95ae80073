#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"
#include "t/check.h"

#define PORT "the port must be a number from 0 to 65535"
#define FOUR "an IPv4 address is four numbers up to 255 with dots"
#define SIX  "that is not an IPv6 address"

/* The written form of each, or what is wrong with it. */
static const struct {
	const char *text;
	int default_port;
	const char *printed, *why;
} table[] = {
	{ "10.0.0.1:4370", 0, "10.0.0.1:4370", NULL },
	{ "10.0.0.1:4370", 80, "10.0.0.1:4370", NULL },
	{ "10.0.0.1", 80, "10.0.0.1:80", NULL },
	{ "0.0.0.0:0", 0, "0.0.0.0:0", NULL },
	{ "255.255.255.255:65535", 0, "255.255.255.255:65535", NULL },
	{ "1.2.3.4:00080", 0, "1.2.3.4:80", NULL },
	{ "[2001:db8::1]:4370", 0, "[2001:db8::1]:4370", NULL },
	{ "[2001:DB8:0:0::1]:1", 0, "[2001:db8::1]:1", NULL },
	{ "[::1]", 80, "[::1]:80", NULL },
	{ "::1", 80, "[::1]:80", NULL },
	{ "::", 80, "[::]:80", NULL },
	{ "[::]:0", 0, "[::]:0", NULL },
	{ "[::ffff:1.2.3.4]:5", 0, "[::ffff:1.2.3.4]:5", NULL },
	{ "2001:db8::1:4370", 80, "[2001:db8::1:4370]:80", NULL },
	{ "/run/lambda/broker", 0, "/run/lambda/broker", NULL },
	{ "./s", 80, "./s", NULL },
	{ "s/1.2.3.4:5", 0, "s/1.2.3.4:5", NULL },
	{ "", 80, NULL, "the address is empty" },
	{ "10.0.0.1", 0, NULL, "the port is missing: write ADDRESS:PORT, or "
	    "[ADDRESS]:PORT for IPv6" },
	{ "[::1]", 0, NULL, "the port is missing: write ADDRESS:PORT, or "
	    "[ADDRESS]:PORT for IPv6" },
	{ "::1", 0, NULL, "an IPv6 address with a port is written "
	    "[ADDRESS]:PORT" },
	{ "2001:db8::1:4370", 0, NULL, "an IPv6 address with a port is "
	    "written [ADDRESS]:PORT" },
	{ "10.0.0.1:", 80, NULL, PORT },
	{ "10.0.0.1:65536", 0, NULL, PORT },
	{ "10.0.0.1:99999999999999999999", 0, NULL, PORT },
	{ "10.0.0.1:-1", 0, NULL, PORT },
	{ "10.0.0.1:+1", 0, NULL, PORT },
	{ "10.0.0.1: 1", 0, NULL, PORT },
	{ "10.0.0.1:1 ", 0, NULL, PORT },
	{ "10.0.0.1:0x50", 0, NULL, PORT },
	{ "[::1]:http", 0, NULL, PORT },
	{ "[::1]:", 80, NULL, PORT },
	{ ":4370", 0, NULL, "the address before the port is missing" },
	{ "[]:1", 0, NULL, SIX },
	{ "[", 80, NULL, "the closing bracket is missing" },
	{ "[::1", 80, NULL, "the closing bracket is missing" },
	{ "[::1]4370", 0, NULL, "only a colon and a port may follow the "
	    "bracket" },
	{ "[::1]]:1", 0, NULL, "only a colon and a port may follow the "
	    "bracket" },
	{ "[1.2.3.4]:1", 0, NULL, SIX },
	{ "[:::1]:1", 0, NULL, SIX },
	{ "[::g]:1", 0, NULL, SIX },
	{ "[1:2:3:4:5:6:7:8:9]:1", 0, NULL, SIX },
	{ "[1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:"
	  "1111:1111:1111:1111:1111]:1", 0, NULL, SIX },
	{ "1:2", 80, NULL, FOUR },
	{ "1:2:3", 80, NULL, SIX },
	{ "[fe80::1%nosuchif]:1", 0, NULL, "there is no network interface of "
	    "the name behind %" },
	{ "[fe80::1%]:1", 0, NULL, "there is no network interface of the name "
	    "behind %" },
	{ "256.0.0.1:1", 0, NULL, FOUR },
	{ "1.2.3:1", 0, NULL, FOUR },
	{ "1.2.3.4.5:1", 0, NULL, FOUR },
	{ "1.2.3.4.5.6.7.8.9.10:1", 0, NULL, FOUR },
	{ "localhost:4370", 0, NULL, "host names are not looked up here: "
	    "write ADDRESS:PORT, ADDRESS an IP address, or a path with a "
	    "slash" },
	{ "localhost", 0, NULL, "host names are not looked up here: write "
	    "ADDRESS:PORT, ADDRESS an IP address, or a path with a slash" },
	{ "broker", 80, NULL, "host names are not looked up here: write an "
	    "IP address, or a path with a slash" },
	{ "1.2.3.4 :1", 0, NULL, "host names are not looked up here: write "
	    "ADDRESS:PORT, ADDRESS an IP address, or a path with a slash" }
};

static void
check(size_t i)
{
	char text[ADDR_TEXT_MAX], padded[256];
	const char *why = NULL;
	struct addr a, again;
	size_t len = strlen(table[i].text);
	int r;

	/* What is behind its end is not looked at. */
	memset(padded, '7', sizeof(padded));
	memcpy(padded, table[i].text, len);
	errno = 0;
	r = addr_parse(&a, padded, len, table[i].default_port, &why);
	if (table[i].printed == NULL) {
		assert_int_equal(r, -1);
		assert_int_equal(errno, EINVAL);
		assert_non_null(why);
		assert_string_equal(why, table[i].why);
		assert_int_equal(addr_parse(&a, padded, len,
		    table[i].default_port, NULL), -1);
		return;
	}
	if (r == -1)
		fail_msg("%s: %s", table[i].text, why);
	assert_ptr_equal(addr_print(&a, text), text);
	assert_string_equal(text, table[i].printed);
	/* What is printed reads as what it was. */
	assert_int_equal(addr_parse(&again, text, strlen(text), 0, NULL), 0);
	assert_true(addr_equal(&a, &again));
}

UNIT(test_table)
{
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		check(i);
}

static void
parse(struct addr *a, const char *text)
{
	assert_int_equal(addr_parse(a, text, strlen(text), 0, NULL), 0);
}

/* What of the above is good where it must be IP, and where it must be a peer's
 * too. */
UNIT(test_ip)
{
	static const struct {
		const char *text, *ip, *peer;
	} cases[] = {
		{ "10.0.0.1", NULL, NULL },
		{ "[::1]:4370", NULL, NULL },
		{ "10.0.0.1:0", NULL, "nobody can be reached at port 0" },
		{ "[::1]:0", NULL, "nobody can be reached at port 0" },
		{ "/run/s", "that is a path: write an IP address",
		    "that is a path: write an IP address" },
		{ "broker", "host names are not looked up here: write an IP "
		    "address", "host names are not looked up here: write an "
		    "IP address" },
		{ "", "the address is empty", "the address is empty" }
	};
	const char *why;
	struct addr a;
	size_t i, len;
	int r;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		len = strlen(cases[i].text);
		why = "good";
		r = addr_parse_ip(&a, cases[i].text, len, 4370, &why);
		assert_int_equal(r, cases[i].ip == NULL ? 0 : -1);
		assert_string_equal(why, r == 0 ? "good" : cases[i].ip);
		why = "good";
		errno = 0;
		r = addr_parse_peer(&a, cases[i].text, len, 4370, &why);
		assert_int_equal(r, cases[i].peer == NULL ? 0 : -1);
		assert_int_equal(errno, r == 0 ? 0 : EINVAL);
		assert_string_equal(why, r == 0 ? "good" : cases[i].peer);
	}
}

UNIT(test_nul)
{
	const char *why;
	struct addr a;

	assert_int_equal(addr_parse(&a, "1.2.3.4\0:1", 10, 0, &why), -1);
	assert_string_equal(why, "there is a NUL byte in it");
	assert_int_equal(addr_parse(&a, "/run\0/x", 7, 0, &why), -1);
	assert_string_equal(why, "there is a NUL byte in it");
}

/* The longest path that a Unix socket can have, and one byte more. */
UNIT(test_long_path)
{
	char path[sizeof(((struct addr *)0)->u.un.sun_path) + 1];
	char text[ADDR_TEXT_MAX];
	const char *why;
	struct addr a;

	memset(path, '/', sizeof(path));
	path[sizeof(path) - 2] = '\0';
	parse(&a, path);
	assert_string_equal(addr_print(&a, text), path);
	assert_int_equal(addr_parse(&a, path, sizeof(path) - 1, 0, &why), -1);
	path[sizeof(path) - 2] = '/';
	assert_int_equal(addr_parse(&a, path, sizeof(path) - 1, 0, &why), -1);
	assert_string_equal(why, "it is too long for a Unix socket's name");
	/* A name from the kernel may fill the field, and end nowhere. */
	memset(&a.u.un.sun_path, 'x', sizeof(a.u.un.sun_path));
	a.u.un.sun_family = AF_UNIX;
	assert_int_equal(strlen(addr_print(&a, text)),
	    sizeof(a.u.un.sun_path));
	assert_true(addr_equal(&a, &a));
}

/* Link-local: the interface by name or by number. */
UNIT(test_zone)
{
	char name[IF_NAMESIZE], text[ADDR_TEXT_MAX], form[ADDR_TEXT_MAX];
	struct addr by_name, by_number, other;

	if (if_indextoname(1, name) == NULL) {
		print_message("no network interface 1\n");
		skip();
		return;
	}
	snprintf(form, sizeof(form), "[fe80::1%%%s]:9", name);
	parse(&by_name, form);
	assert_int_equal(by_name.u.in6.sin6_scope_id, 1);
	parse(&by_number, "[fe80::1%1]:9");
	assert_true(addr_equal(&by_name, &by_number));
	assert_string_equal(addr_print(&by_number, text), form);
	/* A number that no interface has is passed on: one may come. */
	parse(&other, "[fe80::1%9999]:9");
	assert_false(addr_equal(&by_name, &other));
	assert_string_equal(addr_print(&other, text), "[fe80::1%9999]:9");
}

static const struct {
	const char *text;
	int is_unix, loopback, any, port;
} kinds[] = {
	{ "127.0.0.1:1", 0, 1, 0, 1 },
	{ "127.255.0.9:2", 0, 1, 0, 2 },
	{ "128.0.0.1:3", 0, 0, 0, 3 },
	{ "126.255.255.255:3", 0, 0, 0, 3 },
	{ "0.0.0.0:65535", 0, 0, 1, 65535 },
	{ "[::1]:5", 0, 1, 0, 5 },
	{ "[::2]:5", 0, 0, 0, 5 },
	{ "[::]:6", 0, 0, 1, 6 },
	{ "[::ffff:10.0.0.1]:6", 0, 0, 0, 6 },
	{ "/tmp/s", 1, 1, 0, 0 }
};

UNIT(test_kinds)
{
	struct addr a;
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		parse(&a, kinds[i].text);
		assert_int_equal(!!addr_is_unix(&a), kinds[i].is_unix);
		assert_int_equal(!!addr_is_loopback(&a), kinds[i].loopback);
		assert_int_equal(!!addr_is_any(&a), kinds[i].any);
		assert_int_equal(addr_port(&a), kinds[i].port);
		addr_set_port(&a, 4370);
		assert_int_equal(addr_port(&a), kinds[i].is_unix ? 0 : 4370);
	}
}

/* Each is equal to itself alone. */
UNIT(test_equal)
{
	static const char *const texts[] = { "127.0.0.1:1", "127.0.0.1:2",
		"127.0.0.2:1", "[::1]:1", "[::1]:2", "[::2]:1",
		"[::ffff:127.0.0.1]:1", "/a", "/ab", "/b" };
	const size_t n = sizeof(texts) / sizeof(texts[0]);
	struct addr a, b;
	size_t i, j;

	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++) {
			parse(&a, texts[i]);
			parse(&b, texts[j]);
			assert_int_equal(!!addr_equal(&a, &b), i == j);
		}
}

/* What is no address of ours prints as something, and is none. */
UNIT(test_unknown)
{
	char text[ADDR_TEXT_MAX];
	struct addr a;

	memset(&a, 0, sizeof(a));
	assert_string_equal(addr_print(&a, text), "unknown");
	assert_false(addr_is_loopback(&a));
	assert_false(addr_is_any(&a));
	assert_int_equal(addr_port(&a), 0);
	assert_false(addr_equal(&a, &a));
	a.u.un.sun_family = AF_UNIX; /* the name of a client's socket */
	assert_string_equal(addr_print(&a, text), "local");
}

UNITS(PLAIN(test_table), PLAIN(test_ip), PLAIN(test_nul), PLAIN(test_long_path),
    PLAIN(test_zone), PLAIN(test_kinds), PLAIN(test_equal), PLAIN(test_unknown))
