#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "bootstrap_resolvconf.h"

static struct resolvconf r;

static void
parse(const char *text)
{
	resolvconf_parse(&r, slice_str(text));
}

static void
assert_server(size_t i, const char *expected)
{
	char text[ADDR_TEXT_MAX];

	assert_true(i < r.servers);
	assert_string_equal(addr_print(&r.server[i], text), expected);
}

static void
test_empty(void **state)
{
	(void)state;
	parse("");
	assert_int_equal(r.servers, 1);
	assert_server(0, "127.0.0.1:53");
	assert_int_equal(r.searches, 0);
	assert_int_equal(r.ndots, 1);
	assert_int_equal(r.timeout, 5);
	assert_int_equal(r.attempts, 2);
}

static void
test_all(void **state)
{
	(void)state;
	parse("# ours\n; theirs\n nameserver\t10.0.0.1 # first\n"
	    "nameserver fd00::1\nnameserver nonsense\nnameserver\n"
	    "nameserver 10.0.0.3\nnameserver 10.0.0.4\n"
	    "search a.org b.org.\nsearch c.org d.org e.org\n"
	    "options rotate ndots:2 timeout:3\noptions attempts:4 ndots:x\n"
	    "unknown 1");
	assert_int_equal(r.servers, 3);
	assert_server(0, "10.0.0.1:53");
	assert_server(1, "[fd00::1]:53");
	assert_server(2, "10.0.0.3:53");
	assert_int_equal(r.searches, 3);
	assert_string_equal(r.search[0], "c.org");
	assert_string_equal(r.search[2], "e.org");
	assert_int_equal(r.ndots, 2);
	assert_int_equal(r.timeout, 3);
	assert_int_equal(r.attempts, 4);
	parse("search a.org b.org\ndomain x.org y.org\n"
	    "options timeout:0 attempts:99999999999999999999 ndots:0");
	assert_int_equal(r.searches, 1);
	assert_string_equal(r.search[0], "x.org");
	assert_int_equal(r.timeout, 1);
	assert_int_equal(r.attempts, 5);
	assert_int_equal(r.ndots, 0);
}

static void
assert_names(const char *given, const char *expected)
{
	char name[DNS_NAME_MAX], all[2048] = "";
	size_t i;

	for (i = 0; resolvconf_name(&r, given, i, name) != NULL; i++) {
		strcat(all, name);
		strcat(all, " ");
	}
	assert_string_equal(all, expected);
}

static void
test_names(void **state)
{
	char name[DNS_NAME_MAX], copy[DNS_NAME_MAX];

	(void)state;
	parse("search a.org b\noptions ndots:2");
	assert_names("x.y.z", "x.y.z x.y.z.a.org x.y.z.b ");
	assert_names("x.y", "x.y.a.org x.y.b x.y ");
	assert_names("x.", "x. ");
	parse("");
	assert_names("x", "x ");
	assert_names("x.y.z.", "x.y.z. ");
	/* What does not fit is not cut. */
	parse("search a.org\noptions ndots:0");
	memset(name, 'x', sizeof(name));
	name[248] = '\0';
	assert_non_null(resolvconf_name(&r, name, 0, copy));
	assert_null(resolvconf_name(&r, name, 1, copy));
	name[247] = '\0';
	assert_non_null(resolvconf_name(&r, name, 1, copy));
	assert_int_equal(strlen(copy), 253);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
