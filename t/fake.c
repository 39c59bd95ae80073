#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "attrs.h"
#include "t/fake.h"

#define EXCHANGE 0xee

struct drive fake;
struct plb *plb;

static struct buf attrs;
static uint64_t order;
static uint32_t handle;

static void
begin(const struct plb_config *given)
{
	struct plb_config config = *given;

	config.module = slice_str("calc");
	config.capacity = 1000;
	plb = plb_new(1, &config);
	assert_non_null(plb);
	drive_init(&fake, &plb_ops, plb, plb_out(plb));
	buf_init(&attrs, LIST_MAX);
	fake_exports("1", NULL);
	order = 0;
	handle = 100;
}

void
fake_begin(uint64_t wanted)
{
	struct plb_config config;

	memset(&config, 0, sizeof(config));
	config.wanted = wanted;
	begin(&config);
	fake_broker(BROKER);
}

void
fake_begin_fixed(const char *address, uint64_t wanted)
{
	struct plb_config config;

	memset(&config, 0, sizeof(config));
	config.wanted = wanted;
	config.fixed = 1;
	config.address = slice_str(address);
	begin(&config);
	drive_tick(&fake);
}

void
fake_end(void)
{
	drive_forget(&fake);
	plb_free(plb);
	buf_free(&attrs);
}

void
fake_broker(uint32_t peer)
{
	drive_up(&fake, peer, ROLE_BROKER, 0, "/run/lambda/broker", "");
	drive_tick(&fake);
}

void
fake_client(uint32_t peer, uint64_t tokens)
{
	struct msg m;

	drive_up(&fake, peer, ROLE_CALLER, 0, "", "");
	memset(&m, 0, sizeof(m));
	m.type = MSG_CONNECT;
	m.u.connect.module = slice_str("calc");
	m.u.connect.quantity = tokens;
	assert_int_equal(fake_say(peer, &m), 0);
	assert_true(drive_sent(&fake, peer, MSG_DEMAND, &m));
	assert_int_equal(m.u.demand.tokens, tokens);
}

void
fake_left(unsigned seller, uint64_t tokens, uint32_t peer, uint32_t peer2)
{
	uint32_t channel = fake_channel(seller, tokens);

	fake_client(peer, tokens);
	if (peer2 != 0)
		fake_client(peer2, tokens);
	drive_down(&fake, channel);
	drive_tick(&fake);
	drive_forget(&fake);
}

void
fake_exports(const char *version, const char *export)
{
	char *exports[1];
	const char *why, *which;

	exports[0] = (char *)export;
	buf_free(&attrs);
	assert_int_equal(attrs_build(&attrs, version, NULL, exports,
	    export != NULL, NULL, 0, &why, &which), 0);
}

const char *
fake_address(unsigned seller)
{
	static char address[32];

	snprintf(address, sizeof(address), "10.0.0.%u:7", seller);
	return address;
}

static void
put_seller(struct tlv_writer *w, unsigned seller, uint64_t quantity,
    uint64_t counter)
{
	static unsigned char bytes[256];
	struct contact contact;
	struct tlv_writer c;
	struct seller s;

	memset(&contact, 0, sizeof(contact));
	contact.address = slice_str(fake_address(seller));
	tlv_writer_init(&c, bytes, sizeof(bytes));
	group_encode(&schema_contact, &contact, &c);
	memset(&s, 0, sizeof(s));
	s.seller = drive_id(seller);
	s.contact = slice_of(bytes, (size_t)(c.p - bytes));
	s.quantity = quantity;
	s.attrs = buf_slice(&attrs);
	s.counter = counter;
	item_put(&schema_seller, w, &s);
}

void
fake_fill(unsigned seller, uint64_t quantity, uint64_t counter)
{
	static unsigned char bytes[1024];
	struct tlv_writer w;
	struct msg m;

	if (order == 0)
		fake_buy(&m);
	tlv_writer_init(&w, bytes, sizeof(bytes));
	put_seller(&w, seller, quantity, counter);
	memset(&m, 0, sizeof(m));
	m.type = MSG_FILL;
	m.u.fill.order = order;
	m.u.fill.exchange = drive_id(EXCHANGE);
	m.u.fill.sellers = slice_of(bytes, (size_t)(w.p - bytes));
	assert_int_equal(fake_say(BROKER, &m), 0);
}

uint32_t
fake_link(unsigned seller)
{
	const char *address = fake_address(seller);
	uint32_t tag;

	assert_true(drive_did(&fake, ACT_DIAL, address, &tag));
	drive_up(&fake, ++handle, ROLE_CHANNEL, tag, address, "10.0.0.99");
	return handle;
}

uint32_t
fake_channel(unsigned seller, uint64_t tokens)
{
	uint32_t peer;

	fake_fill(seller, tokens, 1);
	peer = fake_link(seller);
	assert_int_equal(fake_demand(peer, tokens), 0);
	drive_forget(&fake);
	return peer;
}

int
fake_say(uint32_t peer, const struct msg *m)
{
	int r = drive_message(&fake, peer, m);

	drive_tick(&fake);
	return r;
}

int
fake_demand(uint32_t peer, uint64_t tokens)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_DEMAND;
	m.u.demand.tokens = tokens;
	return fake_say(peer, &m);
}

int
fake_refuse(uint32_t peer)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_REFUSE;
	m.u.refuse.reason = slice_str("no capacity left");
	return fake_say(peer, &m);
}

int
fake_waiting(uint32_t peer, uint64_t buyers)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_WAITING;
	m.u.waiting.buyers = buyers;
	return fake_say(peer, &m);
}

int
fake_drain(uint32_t peer)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_DRAIN;
	return fake_say(peer, &m);
}

int
fake_reply(uint32_t peer, uint64_t id, uint64_t demand)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_REPLY;
	m.u.reply.id = id;
	m.u.reply.status = 3;
	m.u.reply.body = slice_str("3.14");
	m.u.reply.demand = demand;
	return fake_say(peer, &m);
}

int
fake_fail(uint32_t peer, uint64_t id, uint64_t demand)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_FAIL;
	m.u.fail.id = id;
	m.u.fail.ran = 1;
	m.u.fail.reason = slice_str("exit 1");
	m.u.fail.demand = demand;
	return fake_say(peer, &m);
}

static int
request(uint32_t client, uint64_t id, const char *function, unsigned retries,
    uint64_t left_ms)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_REQUEST;
	m.u.request.id = id;
	m.u.request.function = slice_str(function);
	m.u.request.body = slice_str("body");
	m.u.request.retries = retries;
	m.u.request.left_ms = left_ms;
	return fake_say(client, &m);
}

int
fake_request(uint32_t client, uint64_t id, const char *function)
{
	return request(client, id, function, 0, 0);
}

int
fake_request_retry(uint32_t client, uint64_t id, unsigned retries)
{
	return request(client, id, "f", retries, 0);
}

int
fake_request_left(uint32_t client, uint64_t id, uint64_t left_ms)
{
	return request(client, id, "f", 0, left_ms);
}

int
fake_abandon(uint32_t client, uint64_t id)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_ABANDON;
	m.u.abandon.id = id;
	return fake_say(client, &m);
}

/* What was said. */

void
fake_buy(struct msg *m)
{
	assert_true(drive_sent(&fake, BROKER, MSG_BUY, m));
	order = m->u.buy.order;
}

void
fake_bought(uint64_t missing, uint64_t settled, uint64_t held)
{
	struct msg m;

	fake_buy(&m);
	assert_true(slice_equal(m.u.buy.module, slice_str("calc")));
	assert_int_equal(m.u.buy.missing, missing);
	assert_int_equal(m.u.buy.settled, settled);
	assert_int_equal(m.u.buy.held, held);
}

void
fake_released(uint64_t counter)
{
	struct reservation r;
	struct msg m;

	assert_true(drive_sent(&fake, BROKER, MSG_RELEASE, &m));
	assert_int_equal(m.u.release.order, order);
	assert_int_equal(item_next(&schema_reservation,
	    &m.u.release.reservations, &r), 1);
	assert_int_equal(r.counter, counter);
	assert_int_equal(r.exchange.b[0], EXCHANGE);
	assert_int_equal(r.quantity, 0);
	assert_int_equal(m.u.release.reservations.len, 0);
}

uint64_t
fake_sent(uint32_t peer)
{
	struct msg m;

	assert_true(drive_sent(&fake, peer, MSG_REQUEST, &m));
	assert_true(slice_equal(m.u.request.body, slice_str("body")));
	assert_int_equal(m.u.request.retries, 0);
	return m.u.request.id;
}

void
fake_replied(uint32_t client, uint64_t id)
{
	struct msg m;

	assert_true(drive_sent(&fake, client, MSG_REPLY, &m));
	assert_int_equal(m.u.reply.id, id);
	assert_int_equal(m.u.reply.status, 3);
	assert_true(slice_equal(m.u.reply.body, slice_str("3.14")));
	assert_int_equal(m.u.reply.demand, client != 0);
}

void
fake_failed(uint32_t client, uint64_t id, int ran, const char *reason)
{
	struct msg m;

	assert_true(drive_sent(&fake, client, MSG_FAIL, &m));
	assert_int_equal(m.u.fail.id, id);
	assert_int_equal(m.u.fail.ran, ran);
	assert_true(slice_equal(m.u.fail.reason, slice_str(reason)));
	assert_int_equal(m.u.fail.demand, client != 0);
}

/* Logs and exports are looked at where they matter. */
static int
is_news(const struct kept *k)
{
	return !k->found && k->act.kind != ACT_LOG &&
	    k->act.kind != PLB_EXPORTS;
}

void
fake_nothing(void)
{
	const struct kept *k;
	size_t n = 0;

	for (k = fake.kept; k < fake.kept + fake.n; k++)
		if (is_news(k) && ++n)
			print_error("not expected: act %u, peer %u, %s\n",
			    k->act.kind, (unsigned)k->act.peer,
			    k->act.kind == ACT_SEND ? msg_name(k->bytes[0]) :
						      "");
	assert_int_equal(n, 0);
	drive_forget(&fake);
}

void
fake_told(const char *reason)
{
	struct msg m;

	assert_int_equal(drive_sent(&fake, 0, MSG_OFFERS, &m), 1);
	assert_true(slice_equal(m.u.offers.reason, slice_str(reason)));
}

void
fake_room(uint64_t tokens)
{
	assert_true(drive_did(&fake, PLB_ROOM, NULL, NULL));
	assert_int_equal(plb_room(plb), tokens);
}

void
fake_connected(uint32_t peer, unsigned seller, uint64_t quantity,
    uint64_t counter)
{
	struct id id = drive_id(seller), exchange = drive_id(EXCHANGE);
	struct msg m;

	assert_true(drive_sent(&fake, peer, MSG_CONNECT, &m));
	assert_int_equal(m.u.connect.quantity, quantity);
	assert_int_equal(m.u.connect.counter, counter);
	assert_true(slice_equal(m.u.connect.module, slice_str("calc")));
	assert_true(id_equal(&m.u.connect.seller, &id));
	assert_true(id_equal(&m.u.connect.exchange, &exchange));
}

void
fake_returned(uint32_t peer, uint64_t tokens)
{
	struct msg m;

	assert_true(drive_sent(&fake, peer, MSG_RETURN, &m));
	assert_int_equal(m.u.giveback.tokens, tokens);
}

void
fake_closed(uint32_t peer)
{
	uint32_t who = 0;

	assert_true(drive_did(&fake, ACT_CLOSE, NULL, &who));
	assert_int_equal(who, peer);
}

uint64_t
fake_in_flight(void)
{
	struct plb_view v;

	plb_look(plb, &v);
	return v.in_flight;
}

uint64_t
fake_queued(void)
{
	struct plb_view v;

	plb_look(plb, &v);
	return v.queued;
}
