#include "t/credit_books.h"

#include "channel.h"
#include "listener.h"
#include "plb.h"
#include "t/credit_calls.h"

#define NEVER	INT64_MAX
#define FLIGHTS 16

/* A request on its way: on the link, or at a worker. */
struct flight {
	uint64_t id; /* on that link; 0 at a worker */
	unsigned plb;
	uint64_t call;
	int void_token; /* it has none: that was void when it came */
};

struct flights {
	struct flight at[FLIGHTS];
	size_t n;
};

/* One connection of a client with its server; but for CALL, a channel's. */
struct account {
	unsigned client;
	int client_up, server_up;
	int64_t at_client, at_server; /* the client's tokens, as each counts */
	struct flights sent, taken;   /* not answered, as each knows */
	int drained; /* the client has heard so */

	int64_t granted; /* by the listener, and not returned */
	int64_t held;	 /* the same, as the channel counts */
	uint64_t wanted; /* of the connect that the listener answers now */
	int unfit;	 /* and that is for another listener, or code */
	int old;	 /* it was told by the listener to drain */
	int gone;	 /* as the listener knows */

	int64_t drain_at;      /* since when the channel does; NEVER */
	int voided;	       /* what its client has not spent */
	struct flights jobs;   /* at workers */
	int64_t spare, fresh;  /* tokens of requests that were answered before
				  their worker was done: in earlier turns, in
				  this one */
	int64_t owed;	       /* to the listener, at the end of the turn */
	int64_t over_at;       /* since when it holds more than its share, and
				  knows; NEVER */

	/* Who waits, as it was told of it by its listener, as it heard, as it
	 * told its client, and as that heard. */
	struct msg_waiting told, heard, passed, known;
	int listener_up;
	int64_t idle_at; /* since when the client has tokens, knows that others
			    wait, and has returned none; NEVER */
};

/* What a PLB may keep, as its broker says. */
struct keep {
	uint64_t order;	 /* that the broker knows of; 0: none */
	int64_t tokens;	 /* NEVER: all */
	int64_t from_at; /* it heeds that from then on */
};

static struct account accounts[ACCOUNTS];
static struct id listener;
static int64_t capacity, of_each; /* of the listener, of a PLB */
static int stopping, published;	       /* the listener is; has new code */
static int switched[PLBS];	       /* to that alone */
static struct keep keeps[PLBS];
static struct msg_waiting news; /* of who waits, as the listener heard */
static int64_t news_until;

static int64_t
smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* It has no order, or one that was asked for nothing. */
static void
keep_all(unsigned plb)
{
	keeps[plb].order = 0;
	keeps[plb].tokens = NEVER;
	keeps[plb].from_at = 0;
}

void
books_begin(uint64_t of_listener, uint64_t of_plb)
{
	unsigned i;

	memset(accounts, 0, sizeof(accounts));
	capacity = (int64_t)of_listener;
	of_each = (int64_t)of_plb;
	published = 0;
	memset(switched, 0, sizeof(switched));
	memset(&news, 0, sizeof(news));
	for (i = 0; i < PLBS; i++)
		keep_all(i);
	calls_begin();
}

/* Flights. */

static void
put(struct flights *f, const struct flight *one)
{
	CHECK(f->n < FLIGHTS);
	f->at[f->n++] = *one;
}

static struct flight
take(struct flights *f, size_t i)
{
	struct flight one;

	CHECK(i < f->n);
	one = f->at[i];
	f->at[i] = f->at[--f->n];
	return one;
}

static size_t
by_id(const struct flights *f, uint64_t id)
{
	size_t i;

	for (i = 0; i < f->n && f->at[i].id != id; i++)
		continue;
	return i;
}

static size_t
by_call(const struct flights *f, unsigned plb, uint64_t call)
{
	size_t i;

	for (i = 0; i < f->n; i++)
		if (f->at[i].plb == plb && f->at[i].call == call)
			break;
	return i;
}

static int
has(const struct flights *f, unsigned plb, uint64_t call)
{
	return by_call(f, plb, call) < f->n;
}

/* Its body says whose it is. */
static struct flight
flight_of(const struct msg_request *q)
{
	struct flight one;

	CHECK(q->body.len == 2);
	one.id = q->id;
	one.plb = q->body.p[0] - 'a';
	one.call = q->body.p[1] - 'a';
	one.void_token = 0;
	CHECK(one.plb < PLBS && one.call < CALLS);
	return one;
}

/* Sums. */

static int64_t
out(void)
{
	int64_t sum = 0;
	unsigned i;

	for (i = 0; i < CHANNELS; i++)
		sum += accounts[i].granted;
	return sum;
}

static int64_t
tokens_of(unsigned plb)
{
	int64_t sum = 0;
	unsigned i;

	for (i = 0; i < ACCOUNTS; i++)
		if (accounts[i].client == plb)
			sum += accounts[i].at_client;
	return sum;
}

/* While it goes over to new code it may hold as much of it beside the old. */
static int64_t
most(unsigned plb)
{
	return switched[plb] ? 2 * of_each : of_each;
}

static int64_t
in_flight(unsigned plb)
{
	int64_t sum = 0;
	unsigned i;

	for (i = 0; i < ACCOUNTS; i++)
		if (accounts[i].client == plb && !accounts[i].drained)
			sum += (int64_t)accounts[i].sent.n;
	return sum;
}

static int64_t
held_by(unsigned plb)
{
	return tokens_of(plb) + in_flight(plb);
}

/* Who waits. */

static int
is_same(const struct msg_waiting *a, const struct msg_waiting *b)
{
	return !a->buyers == !b->buyers && a->least == b->least &&
	    a->share == b->share;
}

/* What a channel may hold that has been told of a share. */
static int64_t
share_of(const struct account *a)
{
	const struct msg_waiting *w = &a->heard;

	return 1 + (int64_t)(w->share > w->least ? w->share : w->least);
}

/* The client has more tokens now, or fewer. One that holds no more than it is
 * asked to keep has done as it was asked. */
static void
client_has(struct account *a, int64_t now, int returns)
{
	struct keep *k = &keeps[a->client];

	if (a->known.buyers == 0 || a->at_client == 0)
		a->idle_at = NEVER;
	else if (a->idle_at == NEVER || returns)
		a->idle_at = now;
	if (k->tokens != NEVER && held_by(a->client) <= k->tokens)
		k->tokens = NEVER;
}

/* A client and its server. */

void
books_open(unsigned n, unsigned client)
{
	struct account *a = &accounts[n];

	memset(a, 0, sizeof(*a));
	a->client = client;
	a->drain_at = a->over_at = a->idle_at = NEVER;
}

static void
client_says(struct account *a, int64_t now, const struct msg *m)
{
	struct flight one;

	CHECK(a->client_up);
	if (m->type == MSG_REQUEST) {
		one = flight_of(&m->u.request);
		CHECK(a->at_client > 0); /* no token, no request */
		a->at_client--;
		put(&a->sent, &one);
		CHECK(in_flight(a->client) <= of_each);
	} else if (m->type == MSG_RETURN) {
		a->at_client -= (int64_t)m->u.giveback.tokens;
		CHECK(a->at_client >= 0);
	}
	client_has(a, now, m->type == MSG_RETURN);
}

static void
client_gets(struct account *a, uint64_t demand)
{
	CHECK(a->client_up);
	if (!a->drained)
		a->at_client += (int64_t)demand;
}

static void
client_hears(struct account *a, int64_t now, const struct msg *m)
{
	if (m->type == MSG_DEMAND) {
		client_gets(a, m->u.demand.tokens);
	} else if (m->type == MSG_REPLY) {
		take(&a->sent, by_id(&a->sent, m->u.reply.id));
		client_gets(a, m->u.reply.demand);
	} else if (m->type == MSG_FAIL) {
		take(&a->sent, by_id(&a->sent, m->u.fail.id));
		client_gets(a, m->u.fail.demand);
	} else if (m->type == MSG_DRAIN) {
		a->drained = 1;
	} else if (m->type == MSG_WAITING) {
		a->known = m->u.waiting;
	}
	client_has(a, now, 0);
}

/*
 * A channel's answer, and what is granted again with it: its own token, and
 * those that are spare, less what is over its share. A worker that dies with
 * many may make some of these spare before it, and some after.
 */
static void
regranted(struct account *a, int64_t now, const struct flight *one,
    int64_t demand)
{
	int64_t least = 1 + a->spare, most = least + a->fresh, over;

	if (one->void_token || has(&a->jobs, one->plb, one->call)) {
		CHECK(demand == 0); /* it has none, or that is in use */
		return;
	}
	over = a->heard.buyers == 0 ? 0 : a->held - a->owed - share_of(a);
	if (a->drain_at != NEVER) {
		CHECK(demand == 0);
	} else if (over <= 0) {
		a->over_at = NEVER;
		CHECK(demand >= least && demand <= most);
	} else {
		CHECK(demand >= least - smaller(least, over));
		CHECK(demand <= most);
		if (a->over_at != NEVER &&
		    now - a->over_at >= CHANNEL_HEED_MS)
			CHECK(demand <= most - smaller(most, over));
	}
	a->owed += demand < least ? least - demand : 0;
	a->fresh -= demand > least ? demand - least : 0;
	a->spare = 0;
}

static void
server_answers(struct account *a, int64_t now, uint64_t id, uint64_t demand)
{
	struct flight one = take(&a->taken, by_id(&a->taken, id));

	if (a != &accounts[CALL])
		regranted(a, now, &one, (int64_t)demand);
	a->at_server += (int64_t)demand;
}

static void
server_says(struct account *a, int64_t now, const struct msg *m)
{
	CHECK(a->server_up);
	if (m->type == MSG_DEMAND) {
		CHECK(a->drain_at == NEVER);
		a->at_server += (int64_t)m->u.demand.tokens;
	} else if (m->type == MSG_REPLY) {
		server_answers(a, now, m->u.reply.id, m->u.reply.demand);
	} else if (m->type == MSG_FAIL) {
		server_answers(a, now, m->u.fail.id, m->u.fail.demand);
	} else if (m->type == MSG_WAITING) {
		a->passed = m->u.waiting;
	}
}

static void
server_hears(struct account *a, int64_t now, const struct msg *m)
{
	struct flight one;
	int64_t n;

	(void)now;
	if (m->type == MSG_REQUEST) {
		one = flight_of(&m->u.request);
		one.void_token = a->at_server == 0;
		CHECK(!one.void_token || a->voided);
		a->at_server -= !one.void_token;
		put(&a->taken, &one);
	} else if (m->type == MSG_RETURN) {
		n = (int64_t)m->u.giveback.tokens;
		CHECK(n <= a->at_server || a->voided);
		a->at_server -= smaller(n, a->at_server);
	}
}

/* A channel and its listener. */

void
books_drains(unsigned n, int64_t now)
{
	if (accounts[n].drain_at == NEVER)
		accounts[n].drain_at = now;
}

static void
channel_says(struct account *a, int64_t now, const struct msg *m)
{
	(void)now;
	if (m->type == MSG_RETURN) {
		a->held -= (int64_t)m->u.giveback.tokens;
		CHECK(a->held >= 0);
		a->owed = 0;
	}
}

static void
channel_hears(struct account *a, int64_t now, const struct msg *m)
{
	if (m->type == MSG_DEMAND) {
		a->held += (int64_t)m->u.demand.tokens;
	} else if (m->type == MSG_DRAIN) {
		books_drains((unsigned)(a - accounts), now);
	} else if (m->type == MSG_WAITING) {
		a->heard = m->u.waiting;
		if (a->heard.buyers == 0 || a->held <= share_of(a))
			a->over_at = NEVER;
		else if (a->over_at == NEVER)
			a->over_at = now;
	}
}

static void
listener_says(struct account *a, int64_t now, const struct msg *m)
{
	int64_t left = capacity - out(), n;

	(void)now;
	if (m->type == MSG_DEMAND) {
		n = (int64_t)m->u.demand.tokens;
		CHECK(n > 0 && n == smaller((int64_t)a->wanted, left));
		CHECK(!a->old && !a->unfit && !stopping);
		a->granted += n;
		a->wanted = 0;
	} else if (m->type == MSG_REFUSE) {
		CHECK(a->wanted > 0);
		CHECK(left == 0 || a->old || a->unfit || stopping);
		a->wanted = 0;
	} else if (m->type == MSG_DRAIN) {
		a->old = 1;
	} else if (m->type == MSG_WAITING) {
		a->told = m->u.waiting;
	}
}

static void
listener_hears(struct account *a, int64_t now, const struct msg *m)
{
	(void)now;
	if (a->gone)
		return; /* its link outlives it by a moment */
	if (m->type == MSG_CONNECT) {
		CHECK(a->wanted == 0);
		a->wanted = m->u.connect.quantity;
		a->unfit = !id_equal(&m->u.connect.seller, &listener) ||
		    (m->u.connect.constraints.len > 0 && !published);
	} else if (m->type == MSG_RETURN) {
		a->granted -= (int64_t)m->u.giveback.tokens;
		CHECK(a->granted >= 0);
	}
}

/* Orders. */

static void
buy_says(unsigned plb, const struct msg *m)
{
	const struct msg_buy *b = &m->u.buy;
	int64_t held = held_by(plb);

	if (m->type == MSG_CANCEL)
		keep_all(plb);
	if (m->type != MSG_BUY)
		return;
	keeps[plb].order = b->order;
	CHECK((int64_t)b->held == held);
	CHECK(b->missing == 0 || (int64_t)b->missing + held <= most(plb));
}

/* What it is filled with while it is asked is its own for a while. */
static void
buy_hears(unsigned plb, int64_t now, const struct msg *m)
{
	const struct msg_waiting *w = &m->u.waiting;
	struct keep *k = &keeps[plb];

	if (m->type == MSG_FILL)
		k->from_at = now + PLB_IDLE_MS;
	else if (m->type == MSG_WAITING && w->order == k->order)
		k->tokens = w->buyers > 0 && held_by(plb) > (int64_t)w->share ?
		    (int64_t)w->share : NEVER;
}

static void
sell_hears(int64_t now, const struct msg *m)
{
	if (m->type != MSG_WAITING)
		return;
	news = m->u.waiting;
	news_until = now + LISTENER_WAITING_MS;
}

/* Whoever speaks. */

void
books_says(enum side side, unsigned n, int64_t now, const struct msg *m)
{
	static void (*const says[])(struct account *, int64_t,
	    const struct msg *) = { client_says, server_says, channel_says,
		listener_says };

	if (side < SELL_SIDE)
		says[side](&accounts[n], now, m);
	else if (side == BUY_SIDE)
		buy_says(n, m);
	else if (m->type == MSG_SELL)
		CHECK((int64_t)m->u.sell.quantity == capacity - out());
}

void
books_hears(enum side side, unsigned n, int64_t now, const struct msg *m)
{
	static void (*const hears[])(struct account *, int64_t,
	    const struct msg *) = { client_hears, server_hears, channel_hears,
		listener_hears };

	if (side < SELL_SIDE)
		hears[side](&accounts[n], now, m);
	else if (side == BUY_SIDE)
		buy_hears(n, now, m);
	else
		sell_hears(now, m);
}

void
books_up(enum side side, unsigned n)
{
	if (side == CLIENT_SIDE)
		accounts[n].client_up = 1;
	else if (side == SERVER_SIDE)
		accounts[n].server_up = 1;
	else if (side == LISTENER_SIDE)
		accounts[n].listener_up = 1;
}

void
books_down(enum side side, unsigned n)
{
	struct account *a = &accounts[n];

	if (side == CLIENT_SIDE) {
		a->client_up = 0;
		a->at_client = 0;
		a->sent.n = 0;
		memset(&a->known, 0, sizeof(a->known));
		client_has(a, 0, 0);
	} else if (side == SERVER_SIDE) {
		a->server_up = 0;
		a->at_server = 0;
		a->taken.n = 0;
	} else if (side == LISTENER_SIDE) {
		a->listener_up = 0;
	} else if (side == BUY_SIDE) {
		keep_all(n);
	} else if (side == SELL_SIDE) {
		memset(&news, 0, sizeof(news));
	}
}

/* Turns. */

void
books_channel_turn(unsigned n, int64_t now)
{
	struct account *a = &accounts[n];
	int64_t spare;
	size_t i;

	if (a->drain_at != NEVER && now >= a->drain_at + CHANNEL_VOID_MS &&
	    !a->voided) {
		a->voided = 1;
		a->at_server = 0;
	}
	spare = a->held - a->at_server - (int64_t)a->jobs.n;
	CHECK(spare >= 0);
	if (a->taken.n > 0 && a->server_up && a->drain_at == NEVER)
		CHECK(spare <= a->spare + a->fresh);
	else
		CHECK(spare == 0);
	for (i = 0; i < a->taken.n; i++)
		CHECK(has(&a->jobs, a->taken.at[i].plb, a->taken.at[i].call));
	if (a->server_up && a->drain_at == NEVER)
		CHECK(is_same(&a->passed, &a->heard));
	a->spare = spare;
	a->fresh = a->owed = 0;
}

/* Does a request that the PLB has taken wait there for a token? */
static int
waits(unsigned plb, unsigned asker, uint64_t call)
{
	unsigned i;

	for (i = 0; i < ACCOUNTS; i++)
		if (accounts[i].client == plb &&
		    has(&accounts[i].sent, asker, call))
			return 0;
	return 1;
}

/* What nobody has told it again for long is over. */
void
books_listener_turn(int64_t now)
{
	unsigned i;

	if (news.buyers > 0 && now >= news_until)
		memset(&news, 0, sizeof(news));
	for (i = 0; i < CHANNELS; i++)
		if (accounts[i].listener_up && !accounts[i].gone)
			CHECK(is_same(&accounts[i].told, &news));
}

/* What others lack, and it has: an account's tokens that lie idle; those that
 * it is asked for, where they help a buy that holds less. */
static void
check_kept(const struct account *a, int64_t now)
{
	const struct keep *k = &keeps[a->client];
	int64_t least = (int64_t)a->known.least + (k->tokens > 0);

	if (a->known.buyers == 0 || a->at_client == 0)
		return;
	CHECK(now - a->idle_at < 2 * PLB_IDLE_MS);
	if (k->tokens == NEVER || now < k->from_at)
		return;
	CHECK(held_by(a->client) <= (k->tokens > least ? k->tokens : least));
}

void
books_plb_turn(unsigned plb, int64_t now)
{
	const struct flights *f = &accounts[CALL].taken;
	int64_t tokens = tokens_of(plb), flying = in_flight(plb);
	int waiting = 0;
	size_t i;

	for (i = 1; i < CALLS; i++)
		waiting |= calls_is_pending(plb, i) && waits(plb, plb, i);
	for (i = 0; plb == 0 && i < f->n; i++)
		waiting |= waits(plb, f->at[i].plb, f->at[i].call);
	CHECK(!waiting || tokens == 0 || flying >= of_each);
	CHECK(tokens == 0 || tokens + flying <= most(plb));
	for (i = 0; i < ACCOUNTS; i++) {
		if (accounts[i].client != plb)
			continue;
		CHECK(!accounts[i].drained || accounts[i].at_client == 0);
		check_kept(&accounts[i], now);
	}
}

/* Workers. */

void
books_runs(unsigned n, unsigned plb, uint64_t call)
{
	struct account *a = &accounts[n];
	struct flight one = { 0, plb, call, 0 };
	int64_t running = 0;
	unsigned i;

	put(&a->jobs, &one);
	CHECK((int64_t)a->jobs.n <= a->held);
	for (i = 0; i < CHANNELS; i++)
		running += (int64_t)accounts[i].jobs.n;
	CHECK(running <= capacity);
	calls_runs(plb, call);
}

void
books_ran(unsigned n, unsigned plb, uint64_t call)
{
	struct account *a = &accounts[n];

	take(&a->jobs, by_call(&a->jobs, plb, call));
	a->fresh += !has(&a->taken, plb, call);
}

void
books_gone(unsigned n)
{
	CHECK(accounts[n].jobs.n == 0);
	accounts[n].granted = accounts[n].held = 0;
	accounts[n].gone = 1;
}

void
books_listener(const struct id *id)
{
	CHECK(out() == 0);
	listener = *id;
	stopping = published = 0;
	memset(&news, 0, sizeof(news));
}

void
books_listener_ends(void)
{
	stopping = 1;
}

void
books_publishes(void)
{
	published = 1;
}

void
books_switches(unsigned plb)
{
	switched[plb] = 1;
}

int
books_is_missed(void)
{
	return !published && (switched[0] || switched[1]);
}

int
books_is_clear(void)
{
	unsigned i;

	for (i = 0; i < CHANNELS; i++)
		if (accounts[i].held > 0 || accounts[i].jobs.n > 0)
			return 0;
	return out() == 0;
}
