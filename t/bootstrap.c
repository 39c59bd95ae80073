#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bootstrap.h"

static struct bootstrap *b;

static void
begin(int once)
{
	b = bootstrap_new(1, 1000, once);
	assert_non_null(b);
}

static int
end(void **state)
{
	(void)state;
	bootstrap_free(b);
	return 0;
}

static void
add(const char *source)
{
	const char *why;

	assert_int_not_equal(bootstrap_add(b, source, &why), -1);
}

static void
result(int number, const char *lines)
{
	bootstrap_result(b, number, slice_str(lines), NULL);
}

static void
failed(int number, const char *lines, const char *reason)
{
	bootstrap_failed(b, number, slice_str(lines), reason);
}

/* The acts so far, one a word: "=ADDRESS" printed, "?N" asked, "!" logged,
 * ".N" stopped. */
static void
assert_acts(const char *expected)
{
	char text[1024] = "", *p = text;
	struct act a;

	while (outbox_take(bootstrap_out(b), &a)) {
		if (p > text)
			*p++ = ' ';
		if (a.kind == BOOTSTRAP_LINE) {
			*p++ = '=';
			memcpy(p, a.bytes.p, a.bytes.len);
			p += a.bytes.len;
		} else if (a.kind == BOOTSTRAP_ASK) {
			*p++ = '?';
			*p++ = (char)('0' + a.peer);
		} else if (a.kind == ACT_LOG)
			*p++ = '!';
		else if (a.kind == ACT_STOP) {
			*p++ = '.';
			*p++ = (char)('0' + a.value % 10);
		}
		*p = '\0';
	}
	assert_string_equal(text, expected);
}

static void
test_sources(void **state)
{
	static const char *const bad[] = { "", "file:", "dns:", "10.0.0.256:1",
		"10.0.0.1:x", "example.org:4370", "exec:", "epmd:",
		"dns::4370", "dns:a:", "dns:a:0", "dns:a:65536", "dns:a:b",
		"dns:a:1:2", "dns:a b", "epmd:@a", "epmd:a@", "epmd:a@b@c",
		"/tmp/x", "10.0.0.1:0", "[::1]:0" };
	const char *why;
	size_t i;

	(void)state;
	begin(0);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		why = NULL;
		assert_int_equal(bootstrap_add(b, bad[i], &why), -1);
		assert_int_equal(errno, EINVAL);
		assert_non_null(why);
	}
	bootstrap_add(b, "foo", &why);
	assert_string_equal(why, "host names are not looked up here: write "
	    "dns:foo:PORT");
	bootstrap_add(b, "foo:1", &why);
	assert_string_equal(why, "host names are not looked up here: write "
	    "dns:foo:1");
	add("10.0.0.1");
	add("file:/etc/x:y");
	assert_int_equal(bootstrap_kind(b, 0), BOOTSTRAP_STATIC);
	assert_int_equal(bootstrap_kind(b, 1), BOOTSTRAP_FILE);
	assert_string_equal(bootstrap_what(b, 1), "/etc/x:y");
	add("dns:example.org");
	add("dns:example.org:4370");
	add("epmd:node");
	add("epmd:node@host");
	add("exec:echo 'a b' | cat");
	assert_int_equal(bootstrap_kind(b, 2), BOOTSTRAP_DNS);
	assert_string_equal(bootstrap_what(b, 3), "example.org:4370");
	assert_int_equal(bootstrap_kind(b, 5), BOOTSTRAP_EPMD);
	assert_string_equal(bootstrap_what(b, 6), "echo 'a b' | cat");
	for (i = 7; i < BOOTSTRAP_SOURCES_MAX; i++)
		add("10.0.0.1:1");
	assert_int_equal(bootstrap_add(b, "10.0.0.1:1", &why), -1);
}

static void
test_prints(void **state)
{
	(void)state;
	begin(0);
	add("10.0.0.1");
	add("file:a");
	add("[fd00::0:1]:5");
	bootstrap_tick(b, 100);
	assert_acts("=10.0.0.1:4370 ?1 =[fd00::1]:5");
	/* What is new, at once; what is known, not. */
	result(1, "# ours\n10.0.0.2:1\n\n 10.0.0.1 \n10.0.0.3:7");
	assert_acts("=10.0.0.2:1 =10.0.0.3:7");
	bootstrap_tick(b, 1099);
	assert_acts("");
	assert_int_equal(bootstrap_deadline(b), 1100);
	/* All again, each once. */
	bootstrap_tick(b, 1100);
	assert_acts("=10.0.0.1:4370 =10.0.0.2:1 =10.0.0.3:7 =[fd00::1]:5 ?1");
	/* Not asked again before it has answered. */
	bootstrap_tick(b, 2100);
	assert_acts("=10.0.0.1:4370 =10.0.0.2:1 =10.0.0.3:7 =[fd00::1]:5");
	result(1, "10.0.0.3:7\n10.0.0.4:7\n");
	assert_acts("=10.0.0.4:7");
	bootstrap_tick(b, 3100);
	assert_acts("=10.0.0.1:4370 =10.0.0.3:7 =10.0.0.4:7 =[fd00::1]:5 ?1");
	/* It comes back: new again. */
	result(1, "10.0.0.2:1\n10.0.0.2:1\n");
	assert_acts("=10.0.0.2:1");
}

static void
test_failures(void **state)
{
	(void)state;
	begin(0);
	add("file:a");
	bootstrap_tick(b, 0);
	result(0, "10.0.0.1:1\n");
	assert_acts("?0 =10.0.0.1:1");
	/* Logged when it changes; what it gave stays. */
	failed(0, "", "no such file");
	failed(0, "", "no such file");
	assert_acts("!");
	failed(0, "", "not permitted");
	assert_acts("!");
	bootstrap_tick(b, 1000);
	assert_acts("=10.0.0.1:1 ?0");
	result(0, "10.0.0.1:1\n");
	assert_acts("!");
	/* A wrong line costs itself alone. */
	result(0, "10.0.0.1:1\nwrong\nwronger\n10.0.0.2:2\n");
	assert_acts("=10.0.0.2:2 !");
	result(0, "10.0.0.1:1\nwrong\n10.0.0.2:2\n");
	assert_acts("");
	/* So does one that nobody could dial. */
	result(0, "10.0.0.1:1\n/tmp/x\n10.0.0.3:0\n10.0.0.2:2\n");
	assert_acts("!");
}

/* What an answer lacks is not gone until three have lacked it. */
static void
test_missing(void **state)
{
	(void)state;
	begin(0);
	add("dns:a");
	bootstrap_tick(b, 0);
	result(0, "10.0.0.1:1\n10.0.0.2:1\n");
	assert_acts("?0 =10.0.0.1:1 =10.0.0.2:1");
	result(0, "10.0.0.2:1\n");
	result(0, "10.0.0.2:1\n");
	bootstrap_tick(b, 1000);
	assert_acts("=10.0.0.2:1 =10.0.0.1:1 ?0");
	result(0, "10.0.0.1:1\n");
	result(0, "10.0.0.2:1\n");
	result(0, "10.0.0.2:1\n");
	bootstrap_tick(b, 2000);
	assert_acts("=10.0.0.2:1 =10.0.0.1:1 ?0");
	result(0, "10.0.0.2:1\n");
	bootstrap_tick(b, 3000);
	assert_acts("=10.0.0.2:1 ?0");
}

/* An answer that ends in a failure lacks what it lacks; a failure that gives
 * nothing does not. */
static void
test_missing_failed(void **state)
{
	int i;

	(void)state;
	begin(0);
	add("exec:a");
	bootstrap_tick(b, 0);
	result(0, "10.0.0.1:1\n10.0.0.2:1\n");
	assert_acts("?0 =10.0.0.1:1 =10.0.0.2:1");
	failed(0, "10.0.0.2:1\n", "exit status 1");
	failed(0, "10.0.0.2:1\n", "exit status 1");
	for (i = 0; i < BOOTSTRAP_MISSED_MAX; i++)
		failed(0, "# none\n", "exit status 1");
	bootstrap_tick(b, 1000);
	assert_acts("! =10.0.0.2:1 =10.0.0.1:1 ?0");
	failed(0, "10.0.0.2:1\n", "exit status 1");
	bootstrap_tick(b, 2000);
	assert_acts("=10.0.0.2:1 ?0");
}

/* Lines before the answer: printed at once, and once; part of what stays when
 * it fails. */
static void
test_some(void **state)
{
	(void)state;
	begin(0);
	add("exec:a");
	bootstrap_tick(b, 0);
	bootstrap_some(b, 0, slice_str("10.0.0.1:1\nwrong\n"));
	bootstrap_some(b, 0, slice_str("10.0.0.1:1\n10.0.0.2:1\n"));
	assert_acts("?0 =10.0.0.1:1 =10.0.0.2:1");
	failed(0, "10.0.0.1:1\nwrong\n10.0.0.1:1\n10.0.0.2:1\n",
	    "it hangs");
	bootstrap_tick(b, 1000);
	assert_acts("! =10.0.0.1:1 =10.0.0.2:1 ?0");
	result(0, "10.0.0.1:1\n10.0.0.2:1\n10.0.0.3:1");
	assert_acts("=10.0.0.3:1 !");
	/* Good in part. */
	bootstrap_result(b, 0, slice_str("10.0.0.4:1\n"), "one host unknown");
	bootstrap_result(b, 0, slice_str("10.0.0.4:1\n"), "one host unknown");
	assert_acts("=10.0.0.4:1 !");
}

static void
test_ttl(void **state)
{
	(void)state;
	begin(0);
	add("dns:a");
	add("dns:b");
	bootstrap_tick(b, 0);
	bootstrap_tick(b, 1000);
	assert_acts("?0 ?1");
	bootstrap_ttl(b, 1000, 0, 5);
	result(0, "10.0.0.1:1\n");
	bootstrap_ttl(b, 1000, 1, 60000);
	result(1, "10.0.0.2:1\n");
	assert_acts("=10.0.0.1:1 =10.0.0.2:1");
	bootstrap_free(b);
	b = bootstrap_new(1, 10000, 0);
	add("dns:a");
	bootstrap_tick(b, 0);
	bootstrap_ttl(b, 0, 0, 3000);
	result(0, "10.0.0.1:1\n");
	assert_acts("?0 =10.0.0.1:1");
	assert_int_equal(bootstrap_deadline(b), 3000);
	bootstrap_tick(b, 2999);
	assert_acts("");
	bootstrap_tick(b, 3000);
	bootstrap_tick(b, 4000);
	assert_acts("?0");
	bootstrap_ttl(b, 4000, 0, 1); /* not sooner than that */
	result(0, "10.0.0.1:1\n");
	assert_int_equal(bootstrap_deadline(b), 5000);
	bootstrap_tick(b, 5000);
	bootstrap_ttl(b, 5000, 0, 0); /* not good for any time: nor then */
	result(0, "10.0.0.1:1\n");
	assert_int_equal(bootstrap_deadline(b), 6000);
	bootstrap_tick(b, 6000);
	bootstrap_ttl(b, 6000, 0, -1); /* unknown: the interval */
	result(0, "10.0.0.1:1\n");
	assert_int_equal(bootstrap_deadline(b), 10000);
}

static void
test_once(void **state)
{
	(void)state;
	begin(1);
	add("file:a");
	add("file:b");
	bootstrap_tick(b, 0);
	assert_acts("?0 ?1");
	failed(1, "", "no such file");
	assert_acts("!");
	result(0, "10.0.0.1:1\n");
	assert_acts("=10.0.0.1:1 .0");
	assert_true(bootstrap_deadline(b) == INT64_MAX);
}

static void
test_once_nothing(void **state)
{
	(void)state;
	begin(1);
	add("file:a");
	bootstrap_tick(b, 0);
	result(0, "\n");
	assert_acts("?0 ! .1"); /* 111, and why */
}

static void
test_bounds(void **state)
{
	char lines[BOOTSTRAP_ADDRESSES_MAX * 20 + 40], *p = lines;
	struct act a;
	int i, printed = 0, logged = 0;

	(void)state;
	begin(0);
	add("file:a");
	for (i = 0; i < BOOTSTRAP_ADDRESSES_MAX + 1; i++)
		p += snprintf(p, 20, "10.0.%d.%d:1\n", i / 256, i % 256);
	result(0, lines);
	while (outbox_take(bootstrap_out(b), &a)) {
		printed += a.kind == BOOTSTRAP_LINE;
		logged += a.kind == ACT_LOG;
	}
	assert_int_equal(printed, BOOTSTRAP_ADDRESSES_MAX);
	assert_int_equal(logged, 1);
}

/* What is left of the last answer is more than there is room for beside this
 * one; be it that it fails, it is told. */
static void
test_bounds_missed(void **state)
{
	char lines[BOOTSTRAP_ADDRESSES_MAX * 20 + 40], *p = lines;
	char said[BOOTSTRAP_REASON_MAX] = "";
	struct act a;
	int i;

	(void)state;
	begin(0);
	add("exec:a");
	result(0, "10.1.0.1:1\n10.1.0.2:1\n");
	for (i = 0; i < BOOTSTRAP_ADDRESSES_MAX - 1; i++)
		p += snprintf(p, 20, "10.0.%d.%d:1\n", i / 256, i % 256);
	bootstrap_some(b, 0, slice_str(lines));
	failed(0, lines, "exit status 1");
	while (outbox_take(bootstrap_out(b), &a))
		if (a.kind == ACT_LOG)
			snprintf(said, sizeof(said), "%.*s",
			    SLICE_ARG(a.bytes));
	assert_string_equal(said, "exec:a: more than 4096 addresses: the rest "
	    "is not used; exit status 1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_sources, end),
		cmocka_unit_test_teardown(test_prints, end),
		cmocka_unit_test_teardown(test_failures, end),
		cmocka_unit_test_teardown(test_missing, end),
		cmocka_unit_test_teardown(test_missing_failed, end),
		cmocka_unit_test_teardown(test_some, end),
		cmocka_unit_test_teardown(test_ttl, end),
		cmocka_unit_test_teardown(test_once, end),
		cmocka_unit_test_teardown(test_once_nothing, end),
		cmocka_unit_test_teardown(test_bounds, end),
		cmocka_unit_test_teardown(test_bounds_missed, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
