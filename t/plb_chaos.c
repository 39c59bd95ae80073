/*
 * The PLB core in a world of chance: channels that grant, refuse, hang, answer,
 * drain and die, a broker that goes and comes, clients that ask, give up and
 * leave. After each event the books must balance; once the world is well again
 * each request must have been answered once. The seed is printed; one that
 * failed goes into the list.
 */

#include "chaos.h"

#define SELLERS 6
#define STEPS	30000

static struct chan *
any_channel(int state)
{
	struct chan *c = &w.chan[chance(LINKS)];

	return c->state == state ? c : NULL;
}

static void
dial_ends(void)
{
	struct chan *c = any_channel(1);
	struct peer_info info;
	char address[8] = "seller?";
	uint32_t tag;

	if (c == NULL)
		return;
	if (!w.well && chance(4) == 0) {
		tag = c->tag;
		memset(c, 0, sizeof(*c));
		plb_ops.failed(w.p, w.now, tag, slice_str("refused"), 0);
		carry();
		return;
	}
	address[6] = (char)('0' + c->seller);
	memset(&info, 0, sizeof(info));
	info.role = ROLE_CHANNEL;
	info.tag = c->tag;
	info.address = slice_of(address, 7);
	c->peer = ++w.handle;
	c->state = 2;
	plb_ops.up(w.p, w.now, c->peer, &info);
	carry();
}

static void
connect_comes(struct chan *c, uint64_t quantity)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	if (!w.well && chance(50) == 0) {
		c->hung = 1;
		return;
	}
	m.type = MSG_REFUSE;
	if (!c->drains && (w.well || chance(3) > 0)) {
		m.type = MSG_DEMAND;
		m.u.demand.tokens = 1 + chance(quantity);
		c->tokens += m.u.demand.tokens;
	}
	say(c->peer, &m);
}

static void
channel_reads(void)
{
	struct chan *c = any_channel(2);
	struct item item;

	if (c == NULL || c->taken == c->items)
		return;
	item = c->item[c->taken++];
	switch (item.type) {
	case MSG_CONNECT:
		connect_comes(c, item.n);
		break;
	case MSG_REQUEST:
		assert_true(c->tokens > 0); /* no token, no request */
		c->tokens--;
		c->running[c->nrunning++] = item.n;
		break;
	case MSG_RETURN:
		assert_true(item.n <= c->tokens);
		c->tokens -= item.n;
		break;
	default:
		assert_int_equal(item.type, MSG_ABANDON);
	}
}

static void
channel_answers(void)
{
	struct chan *c = any_channel(2);
	struct msg m;
	uint64_t id, demand;
	size_t i;

	if (c == NULL || c->nrunning == 0)
		return;
	i = chance(c->nrunning);
	id = c->running[i];
	c->running[i] = c->running[--c->nrunning];
	demand = c->drains ? 0 : chance(4) > 0;
	c->tokens += demand;
	memset(&m, 0, sizeof(m));
	if (w.well || chance(3) > 0) {
		m.type = MSG_REPLY;
		m.u.reply.id = id;
		m.u.reply.demand = demand;
	} else {
		m.type = MSG_FAIL;
		m.u.fail.id = id;
		m.u.fail.ran = chance(2);
		m.u.fail.demand = demand;
	}
	say(c->peer, &m);
}

static void
channel_news(void)
{
	struct chan *c = any_channel(2);
	struct msg m;

	if (c == NULL || c->drains)
		return;
	memset(&m, 0, sizeof(m));
	m.type = MSG_WAITING;
	m.u.waiting.buyers = w.well ? 0 : chance(2);
	if (!w.well && chance(4) == 0) {
		m.type = MSG_DRAIN;
		c->drains = 1;
	}
	say(c->peer, &m);
}

static void
channel_dies(void)
{
	struct chan *c = any_channel(2);

	if (c != NULL && (!w.well || c->hung) && chance(4) == 0)
		drop(c);
}

static void
broker_changes(void)
{
	struct peer_info info;

	if (w.broker && (w.well || chance(8) > 0))
		return;
	w.broker = !w.broker;
	w.missing = w.settled = w.passed = 0;
	if (!w.broker) {
		plb_ops.down(w.p, w.now, BROKER);
	} else {
		memset(&info, 0, sizeof(info));
		info.role = ROLE_BROKER;
		plb_ops.up(w.p, w.now, BROKER, &info);
	}
	carry();
}

static void
fill(void)
{
	unsigned char list[128], contact[32];
	struct contact to;
	struct seller s;
	struct tlv_writer t;
	struct msg m;
	uint64_t coming = w.passed - w.settled;
	char address[8] = "seller?";

	if (!w.broker || w.missing <= coming)
		return;
	s.quantity = 1 + chance(w.missing - coming);
	memset(&to, 0, sizeof(to));
	address[6] = (char)('0' + chance(SELLERS));
	to.address = slice_of(address, 7);
	tlv_writer_init(&t, contact, sizeof(contact));
	group_encode(&schema_contact, &to, &t);
	memset(&s.seller, address[6], sizeof(s.seller));
	s.contact = slice_of(contact, (size_t)(t.p - contact));
	s.attrs = slice_of(NULL, 0);
	s.counter = ++w.counter;
	tlv_writer_init(&t, list, sizeof(list));
	item_put(&schema_seller, &t, &s);
	memset(&m, 0, sizeof(m));
	m.type = MSG_FILL;
	m.u.fill.order = w.order;
	m.u.fill.exchange.b[0] = 1;
	m.u.fill.sellers = slice_of(list, (size_t)(t.p - list));
	w.passed += s.quantity;
	say(BROKER, &m);
}

static void
client_changes(struct client *c)
{
	struct peer_info info;
	uint32_t peer = c->peer;
	struct msg m;

	if (c == &w.client[0] || (w.well && peer != 0))
		return;
	if (peer != 0 && chance(10) > 0)
		return;
	w.answered += c->n; /* nobody is there to hear */
	memset(c, 0, sizeof(*c));
	if (peer != 0) {
		plb_ops.down(w.p, w.now, peer);
		carry();
		return;
	}
	c->peer = ++w.handle;
	memset(&info, 0, sizeof(info));
	info.role = ROLE_CALLER;
	plb_ops.up(w.p, w.now, c->peer, &info);
	memset(&m, 0, sizeof(m));
	m.type = MSG_CONNECT;
	m.u.connect.module = slice_str("m");
	m.u.connect.quantity = 1 + chance(40);
	say(c->peer, &m);
}

static void
client_asks(struct client *c)
{
	struct msg m;

	if (w.well || c->n == PENDING || (c != &w.client[0] &&
	    (c->peer == 0 || c->tokens == 0)))
		return;
	c->tokens -= c != &w.client[0];
	memset(&m, 0, sizeof(m));
	m.type = MSG_REQUEST;
	m.u.request.id = ++c->last;
	m.u.request.function = slice_str("f");
	m.u.request.retries = chance(2) * chance(4);
	m.u.request.left_ms = chance(3) == 0 ? 1 + chance(4000) : 0;
	m.u.request.cast = chance(8) == 0;
	c->pending[c->n++] = m.u.request.id;
	w.asked++;
	say(c->peer, &m);
}

static void
client_abandons(struct client *c)
{
	struct msg m;

	if (w.well || c->n == 0 || (c != &w.client[0] && c->peer == 0))
		return;
	memset(&m, 0, sizeof(m));
	m.type = MSG_ABANDON;
	m.u.abandon.id = chance(10) == 0 ? c->last + 100 :
					   c->pending[chance(c->n)];
	say(c->peer, &m);
}

static void
time_passes(void)
{
	int64_t until = w.now + (int64_t)chance(chance(20) == 0 ? 3000 : 50);

	while (plb_ops.deadline(w.p) <= until) {
		if (plb_ops.deadline(w.p) > w.now)
			w.now = plb_ops.deadline(w.p);
		plb_ops.tick(w.p, w.now);
		carry();
		assert_true(plb_ops.deadline(w.p) > w.now);
	}
	w.now = until;
}

static void
step(void)
{
	struct client *c = &w.client[chance(CLIENTS)];

	switch (chance(16)) {
	case 0: case 1:
		dial_ends();
		break;
	case 2: case 3: case 4:
		channel_reads();
		break;
	case 5: case 6:
		channel_answers();
		break;
	case 7:
		if (chance(10) == 0)
			channel_news();
		break;
	case 8:
		if (chance(10) == 0)
			channel_dies();
		break;
	case 9:
		broker_changes();
		break;
	case 10: case 11:
		fill();
		break;
	case 12:
		client_changes(c);
		break;
	case 13:
		client_asks(c);
		break;
	case 14:
		if (chance(4) == 0)
			client_abandons(c);
		break;
	default:
		time_passes();
	}
	check();
	if (chance(3) > 0) {
		plb_ops.tick(w.p, w.now);
		carry();
		check();
	}
}

static void
run(uint64_t seed)
{
	struct plb_config config;
	struct id own = { { 1 } };
	size_t i;
	long n;

	print_message("seed %llu\n", (unsigned long long)seed);
	memset(&w, 0, sizeof(w));
	rng_seed(&w.rng, seed);
	memset(&config, 0, sizeof(config));
	config.module = slice_str("m");
	config.capacity = CAPACITY;
	config.wanted = chance(CAPACITY);
	w.p = plb_new(&own, seed, &config);
	w.handle = BROKER;
	w.now = 1000;
	for (n = 0; n < STEPS; n++)
		step();
	w.well = 1;
	for (n = 0; w.p->requests.used > 0 && n < 10 * STEPS; n++)
		step();
	assert_int_equal(w.p->requests.used, 0);
	for (i = 0; i < CLIENTS; i++)
		assert_int_equal(w.client[i].n, 0);
	assert_int_equal(w.asked, w.answered);
	assert_true(w.asked > STEPS / 100);
	plb_free(w.p);
}

/* Whatever the seed; PLB_SEED=N runs that one alone. */
static void
test_chaos(void **state)
{
	const char *given = getenv("PLB_SEED");
	uint64_t seed;

	(void)state;
	if (given != NULL)
		run(strtoull(given, NULL, 10));
	for (seed = 1; given == NULL && seed <= 40; seed++)
		run(seed);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chaos),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
