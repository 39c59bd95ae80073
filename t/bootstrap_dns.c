#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bootstrap_dns.h"
#include "t/check.h"

/* A message under construction: the query's answer. */
static unsigned char query[DNS_QUERY_MAX], message[2048];
static size_t query_len, len;
static struct dns_answer answer;

static void
begin(const char *name)
{
	query_len = dns_query(query, 0x1234, name, DNS_SRV);
	assert_int_not_equal(query_len, 0);
	memcpy(message, query, query_len);
	message[2] |= 0x80;
	len = query_len;
}

static void
put(const void *bytes, size_t n)
{
	memcpy(message + len, bytes, n);
	len += n;
}

static void
put16(unsigned n)
{
	message[len++] = (unsigned char)(n >> 8);
	message[len++] = (unsigned char)n;
}

/* One more record in the answer, its name a pointer to the question's. */
static void
record(unsigned type, unsigned ttl, const void *data, size_t n)
{
	message[7]++;
	put16(0xc00c);
	put16(type);
	put16(1);
	put16(0);
	put16(ttl);
	put16((unsigned)n);
	put(data, n);
}

static void
srv(unsigned priority, unsigned weight, unsigned port, const char *name,
    size_t n, unsigned ttl)
{
	unsigned char data[300] = { (unsigned char)(priority >> 8),
		(unsigned char)priority, (unsigned char)(weight >> 8),
		(unsigned char)weight, (unsigned char)(port >> 8),
		(unsigned char)port };

	memcpy(data + 6, name, n);
	record(33, ttl, data, 6 + n);
}

static int
decode(size_t n)
{
	unsigned char *copy = malloc(n + 1);
	int r, error;

	memcpy(copy, message, n);
	r = dns_answer(&answer, slice_of(copy, n), slice_of(query, query_len));
	error = errno;
	free(copy);
	errno = error;
	return r;
}

UNIT(test_query)
{
	static const unsigned char expected[] = "\x12\x34\x01\0\0\1\0\0\0\0\0\0"
		"\3_l4\4_tcp\2ex\0\0\x21\0\1";
	unsigned char q[DNS_QUERY_MAX];
	char name[300];
	size_t i;

	assert_int_equal(dns_query(q, 0x1234, "_l4._tcp.ex", DNS_SRV),
	    sizeof(expected) - 1);
	assert_memory_equal(q, expected, sizeof(expected) - 1);
	assert_int_equal(dns_query(q, 0x1234, "_l4._tcp.ex.", DNS_SRV),
	    sizeof(expected) - 1);
	assert_memory_equal(q, expected, sizeof(expected) - 1);
	assert_int_equal(dns_query(q, 1, "", DNS_SRV), 0);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(dns_query(q, 1, ".", DNS_SRV), 0);
	assert_int_equal(dns_query(q, 1, "a..b", DNS_SRV), 0);
	assert_int_equal(dns_query(q, 1, ".a", DNS_SRV), 0);
	memset(name, 'a', sizeof(name));
	name[64] = '\0';
	assert_int_equal(dns_query(q, 1, name, DNS_SRV), 0);
	name[63] = '\0';
	assert_int_equal(dns_query(q, 1, name, DNS_SRV), 12 + 65 + 4);
	for (i = 0; i < sizeof(name); i++)
		name[i] = i % 2 ? '.' : 'a';
	name[253] = '\0';
	assert_int_equal(dns_query(q, 1, name, DNS_SRV), 12 + 255 + 4);
	name[253] = '.';
	name[254] = 'a';
	name[255] = '\0';
	assert_int_equal(dns_query(q, 1, name, DNS_SRV), 0);
}

UNIT(test_answer)
{
	begin("_lambda._tcp.example.org");
	srv(10, 20, 4370, "\1a\xc0\x19", 4, 300); /* a.example.org */
	record(16, 5, "\4text", 5);
	srv(1, 2, 65535, "\4Host\7EXAMPLE\3net", 18, 60);
	srv(0, 0, 1, "", 1, 1); /* not offered */
	srv(0, 0, 1, "\3a b", 5, 1); /* and no host's name */
	assert_int_equal(decode(len), 0);
	assert_int_equal(answer.n, 2);
	assert_int_equal(answer.ttl, 60);
	assert_string_equal(answer.srv[0].target, "a.example.org");
	assert_int_equal(answer.srv[0].priority, 10);
	assert_int_equal(answer.srv[0].weight, 20);
	assert_int_equal(answer.srv[0].port, 4370);
	assert_string_equal(answer.srv[1].target, "host.example.net");
	assert_int_equal(answer.srv[1].port, 65535);
	assert_true(answer.none);
	/* A server that writes the question's letters otherwise. */
	message[14] = 'L';
	assert_int_equal(decode(len), 0);
}

UNIT(test_short)
{
	size_t n;

	begin("_lambda._tcp.example.org");
	srv(10, 20, 4370, "\1a\xc0\x19", 4, 300);
	srv(1, 2, 5, "\4host\7example\3net", 18, 60);
	for (n = 0; n < len; n++)
		assert_int_equal(decode(n), -1);
	assert_int_equal(decode(len), 0);
}

UNIT(test_codes)
{
	begin("x.org");
	assert_int_equal(decode(len), 0);
	assert_int_equal(answer.n, 0);
	message[3] = DNS_NXDOMAIN;
	assert_int_equal(decode(len), 0);
	assert_int_equal(answer.code, DNS_NXDOMAIN);
	assert_false(answer.none);
	assert_non_null(strstr(dns_code(5), "REFUSED"));
	assert_non_null(strstr(dns_code(6), "another code"));
	message[3] = 0;
	message[2] |= 2;
	message[7] = 9; /* records that were cut off */
	assert_int_equal(decode(len), 0);
	assert_true(answer.truncated);
}

UNIT(test_others)
{
	begin("x.org");
	message[1] ^= 1;
	assert_int_equal(decode(len), -1);
	assert_int_equal(errno, ENOMSG);
	message[1] ^= 1;
	message[13] = 'y';
	assert_int_equal(decode(len), -1);
	assert_int_equal(errno, ENOMSG);
	message[13] = 'x';
	message[2] ^= 0x80; /* a question */
	assert_int_equal(decode(len), -1);
	assert_int_equal(errno, ENOMSG);
	message[2] ^= 0x80;
	assert_int_equal(decode(len), 0);
}

/* Names that refer to themselves, forward, or in a circle. */
UNIT(test_pointers)
{
	static const struct {
		const char *name;
		size_t n;
	} bad[] = { { "\xc0\x2d", 2 }, { "\xc0\x2e", 2 }, { "\xff\xff", 2 },
		{ "\1a\xc0\x29", 4 }, { "\x40", 1 }, { "\x80", 1 },
		{ "\1a", 2 } };
	size_t i, target;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		begin("x.org");
		/* Where the target is: the pointers above. */
		target = len + 2 + 10 + 6;
		assert_int_equal(target, 0x29);
		srv(1, 1, 1, bad[i].name, bad[i].n, 1);
		if (bad[i].name[0] == '\xc0')
			message[target + 1] -= 4;
		assert_int_equal(decode(len), -1);
		assert_int_equal(errno, EPROTO);
	}
}

UNIT(test_long_names)
{
	char name[300];
	size_t i;

	/* 127 labels of one letter fit, and no more. */
	for (i = 0; i < 254; i += 2)
		memcpy(name + i, "\1a", 2);
	name[254] = '\0';
	begin("x.org");
	srv(1, 1, 1, name, 255, 1);
	assert_int_equal(decode(len), 0);
	assert_int_equal(strlen(answer.srv[0].target), 253);
	memcpy(name + 254, "\1a", 3);
	begin("x.org");
	srv(1, 1, 1, name, 257, 1);
	assert_int_equal(decode(len), -1);
}

UNIT(test_many)
{
	begin("x.org");
	assert_int_equal(dns_answer(&answer, slice_of(message, len),
	    slice_of(query, query_len)), 0);
	while (len + 30 < sizeof(message) && message[7] < 90)
		srv(1, 1, 1, "\1a", 3, 1);
	assert_int_equal(decode(len), 0);
	assert_int_equal(answer.n, 90);
	message[7]++; /* one that is not there */
	assert_int_equal(decode(len), -1);
}

UNIT(test_order)
{
	static const struct {
		uint16_t priority, weight;
	} given[] = { { 7, 1 }, { 3, 0 }, { 3, 10 }, { 1, 0 }, { 3, 30 } };
	struct rng rng;
	int first[5] = { 0 }, turn;
	size_t i;

	rng_seed(&rng, 1);
	for (turn = 0; turn < 4000; turn++) {
		answer.n = 5;
		for (i = 0; i < 5; i++) {
			answer.srv[i].priority = given[i].priority;
			answer.srv[i].weight = given[i].weight;
			answer.srv[i].port = (uint16_t)i;
		}
		dns_order(&answer, &rng);
		assert_int_equal(answer.srv[0].port, 3);
		assert_int_equal(answer.srv[1].priority, 3);
		assert_int_equal(answer.srv[2].priority, 3);
		assert_int_equal(answer.srv[3].priority, 3);
		assert_int_equal(answer.srv[4].port, 0);
		first[answer.srv[1].port]++;
	}
	/* A quarter and three of them, next to nothing for no weight. */
	assert_in_range(first[2], 900, 1100);
	assert_in_range(first[4], 2900, 3100);
	assert_in_range(first[1], 0, 20);
}

/* resolv.conf. */

static struct dns_conf conf;

static void
parse(const char *text)
{
	dns_conf_parse(&conf, slice_str(text));
}

static void
assert_server(size_t i, const char *expected)
{
	char text[ADDR_TEXT_MAX];

	assert_true(i < conf.servers);
	assert_string_equal(addr_print(&conf.server[i], text), expected);
}

UNIT(test_conf_empty)
{
	parse("");
	assert_int_equal(conf.servers, 1);
	assert_server(0, "127.0.0.1:53");
	assert_int_equal(conf.searches, 0);
	assert_int_equal(conf.ndots, 1);
	assert_int_equal(conf.timeout, 5);
	assert_int_equal(conf.attempts, 2);
}

UNIT(test_conf_all)
{
	parse("# ours\n; theirs\n nameserver\t10.0.0.1 # first\n"
	    "nameserver fd00::1\nnameserver nonsense\nnameserver\n"
	    "nameserver 10.0.0.3\nnameserver 10.0.0.4\n"
	    "search a.org b.org.\nsearch c.org d.org e.org\n"
	    "options rotate ndots:2 timeout:3\noptions attempts:4 ndots:x\n"
	    "unknown 1");
	assert_int_equal(conf.servers, 3);
	assert_server(0, "10.0.0.1:53");
	assert_server(1, "[fd00::1]:53");
	assert_server(2, "10.0.0.3:53");
	assert_int_equal(conf.searches, 3);
	assert_string_equal(conf.search[0], "c.org");
	assert_string_equal(conf.search[2], "e.org");
	assert_int_equal(conf.ndots, 2);
	assert_int_equal(conf.timeout, 3);
	assert_int_equal(conf.attempts, 4);
	parse("search a.org b.org\ndomain X.org y.org\n"
	    "options timeout:0 attempts:99999999999999999999 ndots:0");
	assert_int_equal(conf.searches, 1);
	assert_string_equal(conf.search[0], "x.org");
	assert_int_equal(conf.timeout, 1);
	assert_int_equal(conf.attempts, 5);
	assert_int_equal(conf.ndots, 0);
}

static void
assert_names(const char *given, const char *expected)
{
	char name[DNS_NAME_MAX], all[2048] = "";
	size_t i;

	for (i = 0; dns_conf_name(&conf, given, i, name) != NULL; i++) {
		strcat(all, name);
		strcat(all, " ");
	}
	assert_string_equal(all, expected);
}

UNIT(test_conf_names)
{
	char name[DNS_NAME_MAX], copy[DNS_NAME_MAX];

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
	assert_non_null(dns_conf_name(&conf, name, 0, copy));
	assert_null(dns_conf_name(&conf, name, 1, copy));
	name[247] = '\0';
	assert_non_null(dns_conf_name(&conf, name, 1, copy));
	assert_int_equal(strlen(copy), 253);
}

/* Each line that is of no use says why; the first is told. */
UNIT(test_conf_wrong)
{
	static const struct {
		const char *text;
		unsigned line;
		const char *wrong;
	} cases[] = {
		{ "", 0, "" },
		{ "# x\n; y\nsortlist 1\noptions edns0", 0, "" },
		{ "nameserver 1.1.1.1\nnameserver ns.org\n", 2, "ns.org: " },
		{ "nameserver /dev/log", 1, "/dev/log: " },
		{ "\nnameserver", 2, "nameserver: " },
		{ "options ndots:x\nnameserver x", 1,
		    "ndots:x: that is no number" },
		{ "options timeout:", 1, "timeout:: a number is missing" },
	};
	size_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		parse(cases[i].text);
		assert_int_equal(conf.wrong_line, cases[i].line);
		assert_memory_equal(conf.wrong, cases[i].wrong,
		    strlen(cases[i].wrong));
	}
}

/* What is asked about a name, each question in vain: "SERVER for MS". */
static void
assert_asked(struct dns_asking *a, int64_t *now, const char *expected)
{
	char all[512] = "";
	int64_t wait_ms;
	int server;

	dns_asking_name(a, *now);
	while ((server = dns_asking_next(a, *now, &wait_ms)) != -1) {
		snprintf(all + strlen(all), 32, "%d for %ld ", server,
		    (long)wait_ms);
		dns_asking_silent(a, (size_t)server);
		*now += wait_ms;
	}
	assert_string_equal(all, expected);
}

UNIT(test_asking_one)
{
	struct dns_asking a;
	int64_t now = 100;

	parse("nameserver 10.0.0.1");
	dns_asking_init(&a, &conf, 20100, 1);
	assert_asked(&a, &now, "0 for 5000 0 for 5000 ");
	/* Not so long where it would be too long: each name has its share. */
	now = 100;
	dns_asking_init(&a, &conf, 12100, 3);
	assert_asked(&a, &now, "0 for 2000 0 for 2000 ");
	assert_asked(&a, &now, "0 for 2000 0 for 2000 ");
	assert_asked(&a, &now, "0 for 2000 0 for 2000 ");
	assert_asked(&a, &now, "");
	/* What one does not need the others get. */
	now = 100;
	dns_asking_init(&a, &conf, 12100, 3);
	dns_asking_name(&a, now);
	assert_asked(&a, &now, "0 for 3000 0 for 3000 ");
	/* The time is up. */
	dns_asking_init(&a, &conf, now - 1, 1);
	assert_asked(&a, &now, "");
}

UNIT(test_asking_two)
{
	struct dns_asking a;
	int64_t now = 0, wait_ms;

	parse("nameserver 10.0.0.1\nnameserver 10.0.0.2\nsearch a b c d e");
	dns_asking_init(&a, &conf, 24000, 6);
	dns_asking_name(&a, now);
	assert_int_equal(dns_asking_next(&a, now, &wait_ms), 0);
	assert_int_equal(wait_ms, 1000);
	dns_asking_silent(&a, 0);
	assert_int_equal(dns_asking_next(&a, 1000, &wait_ms), 1);
	dns_asking_heard(&a, 1);
	/* The silent one after the other, from now on. */
	dns_asking_name(&a, 1000);
	assert_int_equal(dns_asking_next(&a, 1000, &wait_ms), 1);
	assert_int_equal(wait_ms, 1150);
	assert_int_equal(dns_asking_next(&a, 1000, &wait_ms), 0);
	dns_asking_heard(&a, 0);
	dns_asking_name(&a, 1000);
	assert_int_equal(dns_asking_next(&a, 1000, &wait_ms), 0);
	/* All are silent: all are asked. */
	dns_asking_silent(&a, 0);
	dns_asking_silent(&a, 1);
	now = 1000;
	assert_asked(&a, &now, "0 for 1916 1 for 1916 0 for 1917 1 for 1917 ");
}

UNITS(PLAIN(test_query), PLAIN(test_answer), PLAIN(test_short),
    PLAIN(test_codes), PLAIN(test_others), PLAIN(test_pointers),
    PLAIN(test_long_names), PLAIN(test_many), PLAIN(test_order),
    PLAIN(test_conf_empty), PLAIN(test_conf_all), PLAIN(test_conf_names),
    PLAIN(test_conf_wrong), PLAIN(test_asking_one), PLAIN(test_asking_two))
