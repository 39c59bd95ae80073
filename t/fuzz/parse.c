#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "attrs.h"
#include "bootstrap_dns.h"
#include "discovery_contacts.h"
#include "epmd.h"
#include "frame.h"
#include "fuzz.h"

/*
 * The first byte chooses a parser, and the rest is its input: frames of
 * workers, addresses, EPMD's requests and replies, contacts and the hosts file,
 * attributes as options and as bytes, resolv.conf, and what is escaped for a
 * terminal. What is taken lies within the input and its bounds; what is printed
 * reads back.
 */

const char *const fuzz_corpus[] = { "t/fuzz/corpus/parse", NULL };

#define WORDS_MAX 8

static void
frames(struct slice s, enum frame_kind kind)
{
	const uint8_t *p = s.p;
	size_t n = s.len;
	struct frame_reader r = { .kind = kind };
	struct frame f;
	ssize_t taken;

	while (n > 0 && (taken = frame_next(&r, p, n, &f)) > 0) {
		assert((size_t)taken <= n);
		assert(f.body.len <= (size_t)taken);
		assert(f.body.len == 0 ||
		    (f.body.p >= p && f.body.p + f.body.len <= p + taken));
		p += taken;
		n -= (size_t)taken;
	}
	if (frame_last(&r, p, n, &f) == 1)
		assert(f.body.len <= n);
}

/* The text of an address is one that is read as the same address. */
static void
addresses(char *text, size_t n)
{
	struct addr a, b;
	char printed[ADDR_TEXT_MAX];
	struct slice host, port, s = slice_of(text, n);
	const char *why = NULL;

	if (addr_parse(&a, text, n, 4370, &why) == 0) {
		addr_print(&a, printed);
		assert(addr_parse(&b, printed, strlen(printed), 0, &why) == 0);
		assert(addr_equal(&a, &b));
	} else {
		assert(why != NULL);
	}
	if (addr_parse_ip(&a, text, n, 4370, &why) == 0)
		assert(!addr_is_unix(&a));
	(void)addr_parse_peer(&a, text, n, 4370, &why);
	if (hostport_is_address(s)) {
		assert(n <= ADDRESS_MAX);
		assert(memchr(text, '%', n) != NULL ||
		    addr_parse_peer(&a, text, n, 0, &why) == 0);
	}
	hostport_split(s, &host, &port);
	assert(host.len + port.len <= n);
	(void)hostport_any(host);
	(void)hostport_loopback(host);
	hostport_copy(printed, s);
}

static void
epmd(struct slice s)
{
	struct epmd_request r;
	struct epmd_node node;
	uint32_t creation;
	int len = epmd_length(s);

	if (len > 0 && (size_t)len <= s.len)
		(void)epmd_request(slice_of(s.p, (size_t)len), &r);
	(void)epmd_port2(s, &node);
	(void)epmd_alive2(s, &creation);
	(void)epmd_symbols(s);
}

static void
contacts(struct slice text)
{
	struct contacts c;
	struct slice line;
	struct buf hosts;
	const char *why = NULL;

	contacts_init(&c, 1);
	buf_init(&hosts, CONTACTS_HOSTS_MAX);
	while (text.len > 0) {
		line = slice_line(&text);
		if (contacts_line(&c, line, &why) == -1)
			assert(why != NULL);
		if (line.len == 1 && line.p[0] == '!')
			contacts_again(&c);
	}
	contacts_end(&c);
	(void)contacts_hosts(&c, slice_str("here"), &hosts);
	buf_free(&hosts);
	contacts_free(&c);
}

/* Words of options; what is built decodes and prints. */
static void
options(char *text, size_t len)
{
	char *word[WORDS_MAX], shown[512], *save = text;
	const char *why, *which;
	struct attrs attrs;
	struct buf out, want;
	size_t n = 0, half;

	(void)len;
	while (n < WORDS_MAX && *save != '\0') {
		word[n++] = save;
		save += strcspn(save, "\n");
		if (*save != '\0')
			*save++ = '\0';
	}
	half = n / 2;
	buf_init(&out, LIST_MAX);
	buf_init(&want, LIST_MAX);
	if (n > 0 && attrs_build(&out, word[0], NULL, word, half, word + half,
	    n - half, &why, &which) == 0) {
		assert(group_decode(&schema_attrs, buf_slice(&out),
		    &attrs) == 0);
		attrs_print(buf_slice(&out), shown, sizeof(shown));
		if (constraints_build(&want, word[0], NULL, word + half,
		    n - half, &why, &which) == 0)
			(void)constraints_match(buf_slice(&want),
			    buf_slice(&out));
	}
	buf_free(&out);
	buf_free(&want);
}

static void
bytes_of_attrs(struct slice s)
{
	char shown[512];
	struct attrs attrs;
	struct constraints constraints;
	struct slice item, exports;
	struct export e;
	int cast;

	if (group_decode(&schema_attrs, s, &attrs) == 0) {
		attrs_print(s, shown, sizeof(shown));
		exports = attrs.exports;
		while (list_next(&exports, &item) == 1)
			(void)export_parse(item, &e);
		(void)attrs_exports(s, slice_str("pi"), 1, &cast);
		(void)attrs_label(s, "zone");
	}
	if (group_decode(&schema_constraints, s, &constraints) == 0) {
		constraints_print(s, shown, sizeof(shown));
		(void)constraints_match(s, slice_of(NULL, 0));
	}
}

static void
resolv(struct slice text)
{
	static struct dns_conf conf;

	dns_conf_parse(&conf, text);
}

/* What comes out is on one line, and has no control character. */
static void
escaped(char *text, size_t len)
{
	char out[64];
	size_t i, n;
	const char *p = text;

	(void)len;
	do {
		n = escape(out, sizeof(out), &p);
		assert(n <= sizeof(out));
		for (i = 0; i < n; i++) {
			assert((unsigned char)out[i] >= ' ');
			assert(out[i] != 0x7f);
			assert(i == 0 || (unsigned char)out[i - 1] != 0xc2 ||
			    (unsigned char)out[i] >= 0xa0);
		}
	} while (*p != '\0' && n > 0);
	assert(*p == '\0');
}

/* Each is for bytes, or for text that NUL ends, or it is a kind of frames. */
static const struct part {
	const char *name;
	void (*bytes)(struct slice);
	void (*text)(char *, size_t);
	enum frame_kind kind;
} parts[] = {
	{ "line", NULL, NULL, FRAME_LINE },
	{ "nul", NULL, NULL, FRAME_NUL },
	{ "netstring", NULL, NULL, FRAME_NETSTRING },
	{ "packet4", NULL, NULL, FRAME_PACKET4 },
	{ "mux", NULL, NULL, FRAME_MUX },
	{ "address", NULL, addresses, 0 },
	{ "epmd", epmd, NULL, 0 },
	{ "contacts", contacts, NULL, 0 },
	{ "options", NULL, options, 0 },
	{ "attrs", bytes_of_attrs, NULL, 0 },
	{ "resolv", resolv, NULL, 0 },
	{ "escape", NULL, escaped, 0 }
};

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const struct part *part = &parts[n > 0 ? p[0] %
	    (sizeof(parts) / sizeof(parts[0])) : 0];
	struct slice s = slice_of(n > 0 ? p + 1 : p, n > 0 ? n - 1 : 0);
	char *text = malloc(s.len + 1);

	assert(text != NULL);
	if (s.len > 0)
		memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	if (part->bytes != NULL)
		part->bytes(s);
	else if (part->text != NULL)
		part->text(text, s.len);
	else
		frames(s, part->kind);
	free(text);
	return 0;
}
