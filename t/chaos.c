#include "chaos.h"

#include <assert.h>

struct chaos w;

uint64_t
chance(uint64_t n)
{
	return rng_below(&w.rng, n);
}

void
say(uint32_t peer, const struct msg *m)
{
	assert_int_equal(plb_ops.message(w.p, w.now, peer, m), 0);
	carry();
}

static struct chan *
of_peer(uint32_t peer)
{
	size_t i;

	for (i = 0; i < LINKS; i++)
		if (w.chan[i].state == 2 && w.chan[i].peer == peer)
			return &w.chan[i];
	return NULL;
}

static struct client *
client_of(uint32_t peer)
{
	size_t i;

	for (i = 0; i < CLIENTS; i++)
		if (w.client[i].peer == peer && (peer != 0 || i == 0))
			return &w.client[i];
	return NULL;
}

/* What the core did. */

static void
on_answer(struct client *c, uint64_t id, uint64_t demand)
{
	size_t i;

	for (i = 0; i < c->n && c->pending[i] != id; i++)
		continue;
	assert_true(i < c->n); /* one answer each */
	c->pending[i] = c->pending[--c->n];
	c->tokens += demand;
	w.answered++;
}

static void
to_client(struct client *c, const struct msg *m)
{
	if (m->type == MSG_REPLY)
		on_answer(c, m->u.reply.id, m->u.reply.demand);
	else if (m->type == MSG_FAIL)
		on_answer(c, m->u.fail.id, m->u.fail.demand);
	else if (m->type == MSG_DEMAND)
		c->tokens += m->u.demand.tokens;
	else
		assert_true(m->type == MSG_REFUSE || m->type == MSG_OFFERS);
}

static void
to_channel(struct chan *c, const struct msg *m)
{
	struct item *item;

	if (c->taken == c->items)
		c->taken = c->items = 0;
	assert(c->items < sizeof(c->item) / sizeof(c->item[0]));
	item = &c->item[c->items++];
	item->type = m->type;
	item->n = m->type == MSG_REQUEST ? m->u.request.id :
	    m->type == MSG_ABANDON	 ? m->u.abandon.id :
	    m->type == MSG_RETURN	 ? m->u.giveback.tokens :
					   m->u.connect.quantity;
}

static void
to_broker(const struct msg *m)
{
	if (m->type != MSG_BUY) {
		assert_int_equal(m->type, MSG_RELEASE);
		return;
	}
	w.order = m->u.buy.order;
	w.missing = m->u.buy.missing;
	assert_true(m->u.buy.settled >= w.settled);
	w.settled = m->u.buy.settled;
	assert_true(w.settled <= w.passed);
	assert_true(m->u.buy.missing + m->u.buy.held <= CAPACITY * 8);
}

static void
on_send(const struct act *a)
{
	struct client *client;
	struct chan *c;
	struct msg m;
	unsigned type;
	size_t length;
	int head;

	head = tlv_head(a->bytes.p, a->bytes.len, &type, &length);
	assert_int_equal(msg_decode(&m, type, slice_of(a->bytes.p + head,
	    length)), 1);
	if (a->peer == BROKER && w.broker)
		to_broker(&m);
	else if ((c = of_peer(a->peer)) != NULL)
		to_channel(c, &m);
	else {
		client = client_of(a->peer);
		assert_non_null(client); /* nobody who is gone */
		to_client(client, &m);
	}
}

void
drop(struct chan *c)
{
	uint32_t peer = c->peer;

	memset(c, 0, sizeof(*c));
	plb_ops.down(w.p, w.now, peer);
	carry();
}

static void
on_dial(const struct act *a)
{
	size_t i;

	for (i = 0; i < LINKS && w.chan[i].state != 0; i++)
		continue;
	assert(i < LINKS);
	w.chan[i].state = 1;
	w.chan[i].tag = a->peer;
	w.chan[i].seller = a->bytes.p[a->bytes.len - 1] - '0';
}

void
carry(void)
{
	struct outbox *out = plb_out(w.p);
	uint32_t close[LINKS];
	size_t n = 0;
	struct act a;

	while (outbox_take(out, &a))
		if (a.kind == ACT_SEND)
			on_send(&a);
		else if (a.kind == ACT_DIAL)
			on_dial(&a);
		else if (a.kind == ACT_CLOSE)
			close[n++] = a.peer;
		else
			assert_true(a.kind == ACT_LOG || a.kind >= ACT_OWN);
	while (n > 0)
		if (of_peer(close[--n]) != NULL)
			drop(of_peer(close[n]));
}

/* The books. */

static uint64_t
under_way(const struct chan *c)
{
	uint64_t sum = 0;
	size_t i;

	for (i = c->taken; i < c->items; i++)
		if (c->item[i].type == MSG_REQUEST)
			sum++;
		else if (c->item[i].type == MSG_RETURN)
			sum += c->item[i].n;
	return sum;
}

/* What runs is kept only to be run again. */
static void
check_sent(const struct hold_channel *c)
{
	const struct request *r = request_first(&w.p->requests, &c->sent);

	for (; r != NULL; r = request_next(&w.p->requests, REQUEST_PLACE, r)) {
		assert_int_equal(r->channel, hold_number(&w.p->hold, c) + 1);
		assert_true(r->copy == NULL || r->retries > 0);
	}
}

void
check(void)
{
	const struct hold *h = &w.p->hold;
	const struct hold_channel *c;
	const struct chan *there;
	uint64_t tokens = 0, in_flight = 0, asked = 0, before = 0;
	size_t i, k, used = 0, drained = 0, sent = 0;

	for (i = 0; i < h->n; i++) {
		c = &h->channel[i];
		if (c->state == HOLD_FREE)
			continue;
		used++;
		tokens += c->tokens;
		sent += c->sent.n;
		check_sent(c);
		if (c->state != HOLD_DRAINING)
			in_flight += c->sent.n;
		else
			drained += c->sent.n == 0 && !c->closing;
		for (k = 0; k < c->asks; k++) {
			asked += c->ask[k].quantity;
			if (c->ask[k].order != w.p->order)
				before += c->ask[k].quantity;
		}
		assert_true(c->idle <= c->tokens || c->tokens == 0);
		there = of_peer(c->peer);
		if (c->state == HOLD_UP && !c->closing) {
			assert_non_null(there);
			assert_int_equal(c->tokens + under_way(there),
			    there->tokens);
		} else {
			assert_int_equal(c->tokens, 0);
		}
	}
	assert_int_equal(h->used, used);
	assert_int_equal(h->tokens, tokens);
	assert_int_equal(h->in_flight, in_flight);
	assert_int_equal(h->asked, asked);
	assert_int_equal(w.p->before, before);
	assert_int_equal(h->drained, drained);
	assert_int_equal(pick_total(&h->pick), tokens);
	assert_int_equal(w.p->requests.used, w.p->queue.n + sent);
	for (i = 0; i < CLIENTS; i++)
		if (i == 0 || w.client[i].peer != 0)
			assert_int_equal(plb_client(w.p,
			    w.client[i].peer)->own.n, w.client[i].n);
}
