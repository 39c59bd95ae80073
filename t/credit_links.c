#include "t/credit_links.h"

#include "t/credit_calls.h"
#include "t/fake_broker.h"
#include "t/fake_workers.h"

#define BROKER	  NODES /* is no core */
#define ITEM_MAX  224
#define QUEUE_MAX 32

enum kind { SAID, UP, DOWN, FAILED, GONE };

struct item {
	enum kind kind;
	size_t len;
	unsigned char bytes[ITEM_MAX];
};

struct end {
	unsigned node;
	enum side side;
	unsigned n;    /* the account, or PLB, in the books */
	unsigned role; /* of who is at the other end */
	uint32_t tag;
	int open, up;  /* it will be told of the link, and was */
	uint32_t handle;
	struct item queue[QUEUE_MAX]; /* what it will hear, the next first */
	size_t first, queued;
};

static struct end ends[2 * LINKS];
static unsigned channels;
static uint32_t handles;
int64_t links_now;
uint64_t links_heard;

unsigned
links_channels(void)
{
	return channels;
}

unsigned
links_ends(void)
{
	return 2 * CLIENT(channels);
}

int
links_is_open(unsigned link)
{
	return ends[2 * link].open || ends[2 * link + 1].open;
}

int
links_is_up(unsigned end)
{
	return ends[end].up && ends[end ^ 1].open;
}

size_t
links_has(unsigned end)
{
	return ends[end].queued;
}

unsigned
links_at(unsigned end)
{
	return ends[end].node;
}

/* Queues. */

static struct end *
other(const struct end *e)
{
	return &ends[(e - ends) ^ 1];
}

static struct item *
queue(struct end *e, enum kind kind)
{
	struct item *item;

	CHECK(e->queued < QUEUE_MAX);
	item = &e->queue[(e->first + e->queued++) % QUEUE_MAX];
	item->kind = kind;
	item->len = 0;
	return item;
}

static void
decode(const unsigned char *p, size_t n, struct msg *m)
{
	size_t length;
	unsigned type;
	int head = tlv_head(p, n, &type, &length);

	CHECK(head > 0 && msg_decode(m, type, slice_of(p + head, length)) == 1);
}

static void
broker_hears(const struct end *e, const struct msg *m)
{
	if (e->side == SELL_SIDE)
		fake_broker_hears_listener(m);
	else
		fake_broker_hears_plb(e->n, m);
}

/* What a core says on the link whose near end is e. */
static void
say(struct end *e, struct slice frame)
{
	struct end *far = other(e);
	struct item *item;
	struct msg m;

	decode(frame.p, frame.len, &m);
	books_says(e->side, e->n, links_now, &m);
	if (!far->open)
		return;
	if (far->node == BROKER) {
		broker_hears(e, &m);
		return;
	}
	CHECK(msg_allowed(m.type, far->role, e->role));
	CHECK(frame.len <= ITEM_MAX);
	item = queue(far, SAID);
	item->len = frame.len;
	memcpy(item->bytes, frame.p, frame.len);
}

/* Links. */

static void
broker_links(const struct end *e, int up)
{
	if (e->side == SELL_SIDE)
		fake_broker_listener(up ? &nodes[LISTENER].id : NULL);
	else
		fake_broker_plb(e->n, up);
}

static void
shut(struct end *e)
{
	e->open = e->up = 0;
	e->first = e->queued = 0;
}

void
links_open(unsigned link)
{
	struct end *e = &ends[2 * link];
	unsigned i;

	for (i = 0; i < 2; i++, e++) {
		shut(e);
		e->open = 1;
		e->handle = ++handles;
		if (e->node == BROKER)
			broker_links(other(e), 1);
		else
			queue(e, UP);
	}
}

/* The end is lost, and hears so behind what is queued. */
static void
lose(struct end *e)
{
	if (!e->open)
		return;
	if (e->node == BROKER) {
		broker_links(other(e), 0);
		e->open = 0;
	} else {
		queue(e, DOWN);
	}
}

void
links_reset(unsigned link)
{
	struct end *e = &ends[2 * link];
	unsigned i;

	for (i = 0; i < 2; i++, e++) {
		e->queued = 0;
		if (e->open && !e->up && e->node != BROKER)
			queue(e, FAILED);
		else
			lose(e);
	}
}

/* This end closes: what it has said is heard. */
static void
hang_up(struct end *e)
{
	struct node *n = &nodes[e->node];

	if (!e->open)
		return;
	books_down(e->side, e->n);
	if (n->core != NULL && e->up)
		n->ops->down(n->core, links_now, e->handle);
	shut(e);
	lose(other(e));
}

static void
place(unsigned link, unsigned a, enum side side_a, unsigned role_a, unsigned b,
    enum side side_b, unsigned role_b, unsigned n)
{
	struct end *e = &ends[2 * link];

	e[0].node = a;
	e[0].side = side_a;
	e[0].role = role_b;
	e[1].node = b;
	e[1].side = side_b;
	e[1].role = role_a;
	e[0].n = e[1].n = n;
	e[0].tag = e[1].tag = 0;
	shut(&e[0]);
	shut(&e[1]);
}

void
links_begin(const struct links_config *c)
{
	unsigned i;

	links_now = 1000;
	channels = handles = 0;
	books_begin(c->capacity, c->plb_capacity);
	fake_workers_begin(c->mode);
	fake_broker_begin();
	place(SELL, LISTENER, SELL_SIDE, ROLE_LISTENER, BROKER, SELL_SIDE,
	    ROLE_BROKER, 0);
	for (i = 0; i < PLBS; i++)
		place(BUY + i, PLB + i, BUY_SIDE, ROLE_PLB, BROKER, BUY_SIDE,
		    ROLE_BROKER, i);
	place(CLIENT_OF_PLB, PLB + CALLER, CLIENT_SIDE, ROLE_CALLER, PLB,
	    SERVER_SIDE, ROLE_PLB, CALL);
	ends[2 * CLIENT_OF_PLB].tag = PLB_FIXED_TAG;
	books_open(CALL, CALLER);
	nodes_begin(c);
}

void
links_end(void)
{
	unsigned i;

	for (i = 0; i < NODES; i++)
		nodes_free(i);
}

void
links_bury(unsigned channel)
{
	if (nodes[CHANNEL + channel].core == NULL &&
	    fake_workers_count(channel) == 0)
		queue(&ends[2 * LIFE(channel) + 1], GONE);
}

void
links_kill(unsigned node)
{
	unsigned i;

	nodes_free(node);
	for (i = 0; i < links_ends(); i++)
		if (ends[i].node == node)
			hang_up(&ends[i]);
	if (node == LISTENER) {
		nodes_listener();
	} else if (node < CHANNEL) {
		calls_gone(node - PLB);
	} else {
		fake_workers_orphaned(node - CHANNEL);
		links_bury(node - CHANNEL);
	}
}

/* What cores do. */

static struct end *
by_handle(unsigned node, uint32_t handle)
{
	unsigned i;

	for (i = 0; i < links_ends(); i++)
		if (ends[i].node == node && ends[i].up &&
		    ends[i].handle == handle)
			return &ends[i];
	return NULL;
}

static void
on_send(unsigned node, const struct act *a)
{
	struct end *e = by_handle(node, a->peer);
	struct msg m;

	if (a->peer != 0) {
		CHECK(e != NULL); /* nobody who is gone */
		say(e, a->bytes);
		return;
	}
	decode(a->bytes.p, a->bytes.len, &m);
	calls_answered(node - PLB, &m);
}

/* 1 when a link was closed by it. */
static int
carry_one(unsigned node, const struct act *a)
{
	struct node *n = &nodes[node];
	struct end *e;

	switch (a->kind) {
	case ACT_SEND:
		on_send(node, a);
		return 0;
	case ACT_CLOSE:
	case ACT_DRAIN:
		e = by_handle(node, a->peer);
		CHECK(e != NULL);
		hang_up(e);
		return 1;
	case ACT_DIAL:
		CHECK(n->dials < NODES_DIALS);
		n->dial[n->dials++] = a->peer;
		return 0;
	case ACT_STOP:
		n->stops = 1;
		return 0;
	case ACT_LOG:
		return 0;
	default:
		if (node >= CHANNEL)
			fake_workers_act(node - CHANNEL, a);
		return 0;
	}
}

/* 1 when there is more to do. */
static int
carry(unsigned node)
{
	struct act a;
	int more = 0;

	while (outbox_take(nodes[node].out, &a))
		more |= carry_one(node, &a);
	return more;
}

void
links_turn(unsigned node)
{
	struct node *n = &nodes[node];

	do {
		carry(node);
		n->ops->tick(n->core, links_now);
	} while (carry(node));
	if (node >= CHANNEL)
		books_channel_turn(node - CHANNEL, links_now);
	else if (node >= PLB)
		books_plb_turn(node - PLB, links_now);
	else
		books_listener_turn(links_now);
	if (n->stops)
		links_kill(node);
}

/* What is heard. */

static void
hear_up(struct end *e, struct node *n)
{
	struct peer_info info;

	memset(&info, 0, sizeof(info));
	info.role = e->role;
	info.tag = e->tag;
	info.address = slice_str(NODES_ADDRESS);
	e->up = 1;
	books_up(e->side, e->n);
	n->ops->up(n->core, links_now, e->handle, &info);
}

static void
hear_end(struct end *e, struct node *n, enum kind kind)
{
	uint32_t handle = e->handle;

	books_down(e->side, e->n);
	shut(e);
	if (kind == DOWN)
		n->ops->down(n->core, links_now, handle);
	else if (n->ops->failed != NULL)
		n->ops->failed(n->core, links_now, e->tag,
		    slice_str("reset"), 0);
}

static void
hear_gone(const struct end *e, struct node *n)
{
	books_gone(e->n);
	listener_gone(n->core, e->n + 1);
}

/* What one of our cores says no other may take for wrong. */
static void
hear_said(struct end *e, struct node *n, const struct item *item)
{
	struct msg m;

	decode(item->bytes, item->len, &m);
	books_hears(e->side, e->n, links_now, &m);
	CHECK(n->ops->message(n->core, links_now, e->handle, &m) == 0);
}

static void
hear(struct end *e, struct node *n)
{
	struct item item = e->queue[e->first];

	e->first = (e->first + 1) % QUEUE_MAX;
	e->queued--;
	links_heard++;
	if (item.kind == UP)
		hear_up(e, n);
	else if (item.kind == SAID)
		hear_said(e, n, &item);
	else if (item.kind == GONE)
		hear_gone(e, n);
	else
		hear_end(e, n, item.kind);
	carry(e->node);
}

void
links_hear(unsigned end, size_t n)
{
	struct end *e = &ends[end];

	for (; n > 0 && e->queued > 0; n--)
		hear(e, &nodes[e->node]);
	links_turn(e->node);
}

/* The broker. */

static void
broker_says(unsigned link, const struct msg *m)
{
	struct item *item = queue(&ends[2 * link], SAID);
	struct tlv_writer w;

	tlv_writer_init(&w, item->bytes, ITEM_MAX);
	CHECK(msg_encode(m, &w) == 0);
	item->len = (size_t)(w.p - item->bytes);
}

void
links_fill(unsigned plb, uint64_t quantity)
{
	unsigned char bytes[ITEM_MAX];
	struct msg m;

	fake_broker_fill(plb, quantity, links_now, &m, bytes, sizeof(bytes));
	broker_says(BUY + plb, &m);
}

void
links_news(void)
{
	unsigned i;
	struct msg m;

	fake_broker_news(&m);
	broker_says(SELL, &m);
	for (i = 0; i < PLBS; i++)
		if (links_is_open(BUY + i) && fake_broker_keep(i, &m))
			broker_says(BUY + i, &m);
}

/* Dials. */

int
links_dials(unsigned plb)
{
	return nodes[PLB + plb].core != NULL && nodes[PLB + plb].dials > 0;
}

int
links_accepts(void)
{
	return channels < CHANNELS;
}

void
links_dial(unsigned plb, int well)
{
	struct node *n = &nodes[PLB + plb];
	unsigned c = channels;
	uint32_t tag = n->dial[0];

	memmove(n->dial, n->dial + 1, --n->dials * sizeof(n->dial[0]));
	if (!well) {
		n->ops->failed(n->core, links_now, tag, slice_str("no"), 0);
		links_turn(PLB + plb);
		return;
	}
	channels++;
	nodes_channel(c);
	CHECK(listener_spawned(nodes[LISTENER].core, c + 1,
	    slice_str(""), NULL) == 0);
	books_open(c, plb);
	place(CLIENT(c), PLB + plb, CLIENT_SIDE, ROLE_PLB, CHANNEL + c,
	    SERVER_SIDE, ROLE_CHANNEL, c);
	place(CONTROL(c), CHANNEL + c, CHANNEL_SIDE, ROLE_CHANNEL, LISTENER,
	    LISTENER_SIDE, ROLE_LISTENER, c);
	place(LIFE(c), BROKER, CHANNEL_SIDE, 0, LISTENER, LISTENER_SIDE, 0,
	    c);
	links_open(CLIENT(c));
	links_open(CONTROL(c));
	ends[2 * CLIENT(c)].tag = tag;
	ends[2 * CLIENT(c) + 1].tag = CHANNEL_CLIENT_TAG;
	ends[2 * CONTROL(c)].tag = CHANNEL_LISTENER_TAG;
	ends[2 * CONTROL(c) + 1].tag = c + 1;
}

/* Time. */

int64_t
links_deadline(void)
{
	int64_t due = INT64_MAX, one;
	unsigned i;

	for (i = 0; i < NODES; i++) {
		if (nodes[i].core == NULL)
			continue;
		one = nodes[i].ops->deadline(nodes[i].core);
		if (one < due)
			due = one;
	}
	return due;
}

void
links_wait(int64_t until)
{
	int64_t due;
	unsigned i;

	while (links_now < until) {
		due = links_deadline();
		links_now = due < until ? due > links_now ? due :
		    links_now : until;
		for (i = 0; i < NODES; i++)
			if (nodes[i].core != NULL &&
			    nodes[i].ops->deadline(nodes[i].core) <=
			    links_now)
				links_turn(i);
		CHECK(links_deadline() > links_now);
	}
}
