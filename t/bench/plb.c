/*
 * What a request costs in the PLB core, from the client's message to the reply
 * that is taken out of the outbox for it, by how many channels it holds and how
 * many functions they export. Messages are decoded already; acts are taken out
 * BATCH at a time, as a turn of the loop does.
 */

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "attrs.h"
#include "plb.h"

#define BROKER 1u
#define FIRST  100u /* peer of the first channel */
#define ROUNDS 1000000
#define BATCH  32
#define TOKENS 64 /* of a channel */

static struct plb *plb;
static struct slice attrs;
static uint64_t order, replies;
static struct sent {
	uint32_t peer;
	uint64_t id;
} sent[BATCH];
static size_t nsent;

static void
fail(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
dialled(const struct act *a)
{
	struct peer_info info;

	memset(&info, 0, sizeof(info));
	info.role = ROLE_CHANNEL;
	info.tag = a->peer;
	info.address = a->bytes;
	plb_ops.up(plb, 0, FIRST + a->peer, &info);
}

static void
take(void)
{
	char address[ADDRESS_MAX + 1];
	struct slice value;
	struct tlv id;
	struct act a;

	while (outbox_take(plb_out(plb), &a)) {
		if (a.kind == ACT_DIAL) {
			memcpy(address, a.bytes.p, a.bytes.len);
			a.bytes.p = (unsigned char *)address;
			dialled(&a);
			continue;
		}
		if (a.kind != ACT_SEND)
			continue;
		value = slice_of(a.bytes.p + 2, a.bytes.len - 2);
		if (a.bytes.p[0] == MSG_REPLY) {
			replies++;
		} else if (a.bytes.p[0] == MSG_BUY) {
			if (tlv_next(&value, &id) != 1 ||
			    tlv_uint(id.value, &order) == -1)
				fail("no order");
		} else if (a.bytes.p[0] == MSG_REQUEST) {
			sent[nsent].peer = a.peer;
			if (tlv_next(&value, &id) != 1 ||
			    tlv_uint(id.value, &sent[nsent++].id) == -1)
				fail("no id");
		}
	}
}

static void
say(uint32_t peer, const struct msg *m)
{
	if (plb_ops.message(plb, 0, peer, m) == -1)
		fail(msg_name(m->type));
}

static void
add_channel(unsigned n)
{
	unsigned char list[8192], bytes[64];
	char address[32];
	struct contact c;
	struct seller s;
	struct tlv_writer w;
	struct msg m;

	snprintf(address, sizeof(address), "10.0.%u.%u:1", n / 256, n % 256);
	memset(&c, 0, sizeof(c));
	c.address = slice_str(address);
	tlv_writer_init(&w, bytes, sizeof(bytes));
	group_encode(&schema_contact, &c, &w);
	memset(&s, 0, sizeof(s));
	memcpy(s.seller.b, &n, sizeof(n));
	s.seller.b[15] = 1;
	s.contact = slice_of(bytes, (size_t)(w.p - bytes));
	s.attrs = attrs;
	s.quantity = s.counter = TOKENS;
	tlv_writer_init(&w, list, sizeof(list));
	item_put(&schema_seller, &w, &s);
	memset(&m, 0, sizeof(m));
	m.type = MSG_FILL;
	m.u.fill.order = order;
	m.u.fill.sellers = slice_of(list, (size_t)(w.p - list));
	say(BROKER, &m);
	take();
	memset(&m, 0, sizeof(m));
	m.type = MSG_DEMAND;
	m.u.demand.tokens = TOKENS;
	say(FIRST + PLB_FIXED_TAG + 1 + n, &m);
	take();
}

static void
begin(unsigned channels)
{
	struct plb_config config;
	struct peer_info info;
	unsigned i;

	memset(&config, 0, sizeof(config));
	config.module = slice_str("calc");
	config.capacity = config.wanted = (uint64_t)channels * TOKENS;
	plb = plb_new(1, &config);
	memset(&info, 0, sizeof(info));
	info.role = ROLE_BROKER;
	plb_ops.up(plb, 0, BROKER, &info);
	plb_ops.tick(plb, 0);
	take();
	for (i = 0; i < channels; i++)
		add_channel(i);
	if (plb_room(plb) != config.capacity)
		fail("tokens are missing");
}

static void
answer_all(void)
{
	struct msg m;
	size_t i;

	memset(&m, 0, sizeof(m));
	m.type = MSG_REPLY;
	m.u.reply.body = slice_str("3.141592653589793");
	m.u.reply.demand = 1;
	for (i = 0; i < nsent; i++) {
		m.u.reply.id = sent[i].id;
		say(sent[i].peer, &m);
	}
	nsent = 0;
	plb_ops.tick(plb, 0);
	take();
}

static void
measure(unsigned channels, unsigned functions)
{
	struct msg m;
	double begun;
	uint64_t i;

	begin(channels);
	memset(&m, 0, sizeof(m));
	m.type = MSG_REQUEST;
	m.u.request.function = slice_str("f0");
	m.u.request.body = slice_str("5");
	replies = 0;
	begun = seconds();
	for (i = 1; i <= ROUNDS; i++) {
		m.u.request.id = i;
		say(0, &m);
		if (i % BATCH > 0)
			continue;
		plb_ops.tick(plb, 0);
		take();
		answer_all();
	}
	printf("plb: %5u channels, %3u functions: %4.0f ns a request\n",
	    channels, functions, (seconds() - begun) / (double)replies * 1e9);
	plb_free(plb);
}

int
main(void)
{
	static const unsigned channels[] = { 1, 100, 10000 };
	static char names[200][16];
	char *exports[200];
	const char *why, *which;
	struct buf encoded;
	unsigned functions, i;

	for (functions = 1; functions <= 200; functions += 199) {
		for (i = 0; i < functions; i++) {
			snprintf(names[i], sizeof(names[i]), "f%u/0",
			    functions - 1 - i);
			exports[i] = names[i];
		}
		buf_init(&encoded, LIST_MAX);
		if (attrs_build(&encoded, "1", NULL, exports, functions, NULL,
			0, &why, &which) == -1)
			fail(why);
		attrs = buf_slice(&encoded);
		for (i = 0; i < 3; i++)
			measure(channels[i], functions);
		buf_free(&encoded);
	}
	return 0;
}
