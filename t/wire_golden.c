#include <assert.h>
#include <string.h>

#include "t/wire_golden.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))
#define ARENA  4096

static unsigned char arena[ARENA]; /* what the examples' slices point at */
static size_t used;

static struct slice
keep(struct tlv_writer *w)
{
	struct slice s = slice_of(arena + used, (size_t)(w->p - arena) - used);

	assert(!w->failed);
	used += s.len;
	return s;
}

static void
begin(struct tlv_writer *w)
{
	tlv_writer_init(w, arena + used, sizeof(arena) - used);
}

static struct slice
group(const struct schema *s, const void *item)
{
	struct tlv_writer w;

	begin(&w);
	group_encode(s, item, &w);
	return keep(&w);
}

static struct slice
items(const struct schema *s, const void *list, size_t n)
{
	struct tlv_writer w;
	size_t i;

	begin(&w);
	for (i = 0; i < n; i++)
		item_put(s, &w, (const unsigned char *)list + i * s->size);
	return keep(&w);
}

static struct slice
words(const char *a, const char *b)
{
	struct tlv_writer w;

	begin(&w);
	list_put(&w, slice_str(a));
	list_put(&w, slice_str(b));
	return keep(&w);
}

/* n bytes counting up. */
static struct slice
bytes(unsigned char first, size_t n)
{
	unsigned char *p = arena + used;
	size_t i;

	assert(n <= sizeof(arena) - used);
	for (i = 0; i < n; i++)
		p[i] = (unsigned char)(first + i);
	used += n;
	return slice_of(p, n);
}

static struct id
ident(unsigned char first)
{
	struct id id;
	unsigned char i;

	for (i = 0; i < ID_SIZE; i++)
		id.b[i] = (unsigned char)(first + i);
	return id;
}

static struct slice
peer_items(void)
{
	struct peer_item p[2];

	p[0].instance = ident(0x10);
	p[0].address = slice_str("10.0.0.1:4370");
	p[1].instance = ident(0x20);
	p[1].address = slice_str("[2001:db8::2]:4370");
	return items(&schema_peer_item, p, LEN(p));
}

static struct slice
reservations(void)
{
	struct reservation r[2];

	memset(r, 0, sizeof(r));
	r[0].exchange = ident(0x60);
	r[0].counter = 1;
	r[1].exchange = ident(0x60);
	r[1].counter = 300;
	r[1].quantity = 2;
	return items(&schema_reservation, r, LEN(r));
}

static struct attrs
example_attrs(void)
{
	struct attrs a;

	a.version = slice_str("2.1");
	a.digest = bytes(0, 32);
	a.exports = words("pi/1", "log/2:cast");
	a.labels = words("disk=ssd", "zone=a");
	return a;
}

static struct slice
attrs(void)
{
	struct attrs a = example_attrs();

	return group(&schema_attrs, &a);
}

static struct slice
contact(void)
{
	struct contact c;

	c.node = slice_str("calc@host1");
	c.address = slice_str("10.0.0.7:40001");
	c.dist = slice_str("10.0.0.7:40002");
	return group(&schema_contact, &c);
}

static void
hello(struct msg *m)
{
	m->u.hello.low = 1;
	m->u.hello.high = 2;
	m->u.hello.role = 5;
	m->u.hello.instance = ident(0x50);
	m->u.hello.dialled = 300;
}

static void
peers(struct msg *m)
{
	m->u.peers.peers = peer_items();
}

static void
subscribe(struct msg *m)
{
	m->u.subscribe.module = slice_str("calc");
}

static void
exchanges(struct msg *m)
{
	m->u.exchanges.module = slice_str("calc");
	m->u.exchanges.exchanges = peer_items();
}

static void
sell(struct msg *m)
{
	m->u.sell.order = 7;
	m->u.sell.module = slice_str("calc");
	m->u.sell.quantity = 16;
	m->u.sell.attrs = attrs();
	m->u.sell.contact = contact();
	m->u.sell.seller = ident(0x30);
	m->u.sell.settled = reservations();
}

static struct slice
constraints(void)
{
	struct constraints c;

	c.version = slice_str("2.0+");
	c.labels = words("disk=ssd", "zone=a");
	c.export = slice_str("pi/1");
	return group(&schema_constraints, &c);
}

static void
buy(struct msg *m)
{
	m->u.buy.order = 8;
	m->u.buy.module = slice_str("calc");
	m->u.buy.missing = 1000;
	m->u.buy.settled = 5;
	m->u.buy.held = 4;
	m->u.buy.age_ms = 70000;
	m->u.buy.constraints = constraints();
}

static void
cancel(struct msg *m)
{
	m->u.cancel.order = UINT64_MAX;
}

static void
fill(struct msg *m)
{
	struct seller s[2];

	memset(s, 0, sizeof(s));
	s[0].seller = ident(0x30);
	s[0].contact = contact();
	s[0].quantity = 3;
	s[0].attrs = attrs();
	s[0].counter = 300;
	s[1] = s[0];
	s[1].seller = ident(0x40);
	s[1].attrs = slice_str("");
	m->u.fill.order = 8;
	m->u.fill.exchange = ident(0x60);
	m->u.fill.sellers = items(&schema_seller, s, LEN(s));
}

static void
release(struct msg *m)
{
	m->u.release.order = 8;
	m->u.release.reservations = reservations();
}

static void
offers(struct msg *m)
{
	struct attrs a = example_attrs();

	m->u.offers.order = 8;
	m->u.offers.sets = items(&schema_attrs, &a, 1);
	m->u.offers.reason = slice_str("no exchange yet");
}

static void
waiting(struct msg *m)
{
	m->u.waiting.order = 7;
	m->u.waiting.buyers = 3;
	m->u.waiting.empty = 2;
	m->u.waiting.share = 5;
}

static void
connect_to(struct msg *m)
{
	m->u.connect.quantity = 3;
	m->u.connect.module = slice_str("calc");
	m->u.connect.seller = ident(0x30);
	m->u.connect.exchange = ident(0x60);
	m->u.connect.counter = 300;
	m->u.connect.constraints = constraints();
}

static void
tokens(struct msg *m)
{
	m->u.demand.tokens = 256;
}

static void
refuse(struct msg *m)
{
	m->u.refuse.order = 8;
	m->u.refuse.reason = slice_str("nothing left");
	m->u.refuse.final = 1;
}

static void
request(struct msg *m)
{
	m->u.request.id = 1;
	m->u.request.function = slice_str("pi");
	m->u.request.args = words("5", "");
	m->u.request.body = slice_str("scale\n");
	m->u.request.left_ms = 30000;
	m->u.request.cast = 1;
	m->u.request.retries = 2;
}

static void
reply(struct msg *m)
{
	m->u.reply.id = 1;
	m->u.reply.status = 255;
	m->u.reply.body = slice_str("3.14159\n");
	m->u.reply.demand = 1;
}

static void
fail(struct msg *m)
{
	m->u.fail.id = 1;
	m->u.fail.ran = 1;
	m->u.fail.reason = slice_str("the program died: signal 9");
	m->u.fail.demand = 1;
	m->u.fail.late = 1;
	m->u.fail.final = 1;
}

static void
abandon(struct msg *m)
{
	m->u.abandon.id = 1;
}

static void
inspect(struct msg *m)
{
	m->u.inspect.what = slice_str("orders");
}

static void
report(struct msg *m)
{
	m->u.report.rows = words("calc 16", "log 2");
	m->u.report.more = 1;
}

static const struct {
	enum msg_type type;
	void (*make)(struct msg *);
} makers[] = {
	{ MSG_HELLO, hello }, { MSG_PEERS, peers },
	{ MSG_SUBSCRIBE, subscribe }, { MSG_UNSUBSCRIBE, subscribe },
	{ MSG_EXCHANGES, exchanges }, { MSG_SELL, sell }, { MSG_BUY, buy },
	{ MSG_CANCEL, cancel }, { MSG_FILL, fill }, { MSG_RELEASE, release },
	{ MSG_OFFERS, offers }, { MSG_WAITING, waiting },
	{ MSG_CONNECT, connect_to }, { MSG_DEMAND, tokens },
	{ MSG_REFUSE, refuse }, { MSG_RETURN, tokens },
	{ MSG_REQUEST, request }, { MSG_REPLY, reply }, { MSG_FAIL, fail },
	{ MSG_ABANDON, abandon }, { MSG_INSPECT, inspect },
	{ MSG_REPORT, report },
};

/* Of a field that need not be there. */
static void
clear(const struct field *f, struct msg *m)
{
	size_t size = f->kind == FIELD_UINT ? sizeof(uint64_t) :
	    f->kind == FIELD_ID ? sizeof(struct id) : sizeof(struct slice);

	if (!f->required)
		memset((unsigned char *)&m->u + f->offset, 0, size);
}

void
golden_make(struct msg *m, unsigned type, int full)
{
	const struct schema *s = &msg_row(type)->schema;
	size_t i;

	used = 0;
	memset(m, 0, sizeof(*m));
	m->type = type;
	for (i = 0; i < LEN(makers); i++)
		if (makers[i].type == m->type)
			makers[i].make(m);
	for (i = 0; i < s->n && !full; i++)
		clear(&s->fields[i], m);
}
