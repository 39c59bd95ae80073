/* The discovery core: contacts of nodes elsewhere, and the hosts file made of
 * them. */

#include "directory.h"

#include <stdio.h>

static void
contact_is_answered(void **state)
{
	(void)state;
	line("a@b 10.0.0.2 258");
	expect(DISCOVERY_HOSTS, 0);
	expect_last(asked(BYTES("\0\4za@b")),
	    BYTES("w\0\1\2M\0\0\6\0\5\0\3a@b\0\10" "10.0.0.2"));
	line("a@b 10.0.0.2 258");
	expect_none();
	/* replaced */
	line("a@b [fd00::2] 259");
	expect(DISCOVERY_HOSTS, 0);
	expect_last(asked(BYTES("\0\4za@b")),
	    BYTES("w\0\1\3M\0\0\6\0\5\0\3a@b\0\7" "fd00::2"));
	/* epmd's own question is for nodes of this host */
	expect_last(asked(BYTES("\0\2za")), BYTES("w\1"));
	/* withdrawn */
	line("a@b - -");
	expect(DISCOVERY_HOSTS, 0);
	expect_last(asked(BYTES("\0\4za@b")), BYTES("w\1"));
	line("a@b - -");
	expect_none();
	expect_last(asked(BYTES("\0\1n")), BYTES("\0\0\x11\x11"));
}

static void
own_nodes_by_their_whole_name(void **state)
{
	(void)state;
	registered(ALIVE("a"));
	expect_last(asked(BYTES("\0\7za@here")),
	    BYTES("w\0\1aM\0\0\6\0\5\0\6a@here\0\0"));
	expect_last(asked(BYTES("\0\23za@here.example.org")),
	    BYTES("w\0\1aM\0\0\6\0\5\0\22a@here.example.org\0\0"));
	expect_last(asked(BYTES("\0\10za@there")), BYTES("w\1"));
	/* Its contact may lag behind, but knows the address. */
	line("a@here 10.0.0.1 1");
	expect(DISCOVERY_HOSTS, 0);
	expect_last(asked(BYTES("\0\7za@here")),
	    BYTES("w\0\1aM\0\0\6\0\5\0\6a@here\0\10" "10.0.0.1"));
}

/* SIGHUP. */
static void
lines_that_come_anew(void **state)
{
	(void)state;
	line("a@b 10.0.0.2 258");
	line("c@d 10.0.0.3 258");
	expect(DISCOVERY_HOSTS, 0);
	expect(DISCOVERY_HOSTS, 0);
	discovery_lines_end(d);
	expect_none();
	discovery_lines_again(d);
	line("a@b 10.0.0.2 258");
	expect_last(asked(BYTES("\0\4zc@d")),
	    BYTES("w\0\1\2M\0\0\6\0\5\0\3c@d\0\10" "10.0.0.3"));
	discovery_lines_end(d);
	expect(DISCOVERY_HOSTS, 0);
	expect_last(asked(BYTES("\0\4zc@d")), BYTES("w\1"));
	expect_last(asked(BYTES("\0\4za@b")),
	    BYTES("w\0\1\2M\0\0\6\0\5\0\3a@b\0\10" "10.0.0.2"));
	discovery_lines_end(d);
	expect_none();
}

static void
more_lines_than_there_is_room_for(void **state)
{
	char text[64];
	struct act act;
	int i;

	(void)state;
	for (i = 0; i < CONTACTS_MAX; i++) {
		snprintf(text, sizeof(text), "n%d@b 10.0.0.2 1", i);
		line(text);
		expect(DISCOVERY_HOSTS, 0);
	}
	line("a@b 10.0.0.2 1");
	assert_int_equal(expect(ACT_LOG, 0).value, LOG_ERROR);
	line("b@b 10.0.0.2 1");
	expect_none();
	line("none");
	expect(ACT_LOG, 0);
	line("n1@b - -");
	while (next(&act))
		;
	line("a@b 10.0.0.2 1");
	expect(DISCOVERY_HOSTS, 0);
	line("b@b 10.0.0.2 1");
	expect(ACT_LOG, 0);
	line("c@b 10.0.0.2 1");
	expect_none();
}

static void
lines_that_say_nothing(void **state)
{
	static const char *const bad[] = {
		"a@b", "a@b 10.0.0.2", "a@b 10.0.0.2 1 2", "a@b host 1",
		"a@b 10.0.0.2 0", "a@b 10.0.0.2 65536", "a@b 10.0.0.2 1x",
		"a@b 10.0.0.2 -", "a@b - 1", "a@b 10.0.0 1", "a@b [] 1",
		"a@b fe80::g 1", "a@b 10.0.0.2 1000000000000",
	};
	size_t i;

	(void)state;
	line("");
	line("# NODE IP PORT");
	line("   ");
	expect_none();
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		line(bad[i]);
		assert_int_equal(expect(ACT_LOG, 0).value, LOG_ERROR);
		expect_none();
	}
}

static void
hosts_file(void **state)
{
	static const char expected[] =
	    "127.0.0.1 localhost\n"
	    "127.0.0.1 here.example.org here\n"
	    "::1 localhost\n"
	    "::1 here.example.org here\n"
	    "fd00::9 b\n"
	    "10.0.0.9 b\n"
	    "10.0.0.3 c.example.org\n";
	struct buf text;

	(void)state;
	line("x@b 10.0.0.2 1");
	line("x@c.example.org 10.0.0.3 1");
	line("y@b 10.0.0.9 1"); /* newer than x@b */
	line("z@b fd00::9 1");
	line("x@localhost 10.6.6.6 1");
	line("x@here 10.6.6.6 1");
	line("x@10.0.0.4 10.0.0.4 1");
	line("x@evil#,host 10.6.6.6 1");
	line("nohost 10.0.0.5 1");
	line("gone@d 10.0.0.6 1");
	line("gone@d - -");
	buf_init(&text, CONTACTS_HOSTS_MAX);
	assert_int_equal(discovery_hosts(d, &text), 0);
	assert_int_equal(buf_len(&text), sizeof(expected) - 1);
	assert_memory_equal(buf_slice(&text).p, expected, buf_len(&text));
	buf_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(contact_is_answered),
		T(own_nodes_by_their_whole_name),
		T(lines_that_come_anew),
		T(more_lines_than_there_is_room_for),
		T(lines_that_say_nothing),
		T(hosts_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
