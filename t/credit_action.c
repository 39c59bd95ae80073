#include "t/credit_action.h"

#include <stdio.h>

#include "t/credit_calls.h"
#include "t/fake_broker.h"
#include "t/fake_workers.h"

#define ALL	 ((1u << NODES) - 1)
#define SPARE	 PLBS /* channels that are left for the end */
#define SOON_MS	 500
#define NEW	 "\1\1" "2" /* attributes: a version */
#define NEW_ONLY "\2\1" "2" /* constraints: that */

/* What each has taken part in, and when: a hash. */
static uint64_t told[NODES];

struct action
action_of(enum what what, unsigned on)
{
	struct action a;

	a.what = (unsigned char)what;
	a.on = (unsigned char)on;
	return a;
}

static struct plb *
plb(unsigned n)
{
	return nodes[PLB + n].core;
}

static struct channel *
channel(unsigned n)
{
	return nodes[CHANNEL + n].core;
}

/* What can happen. */

static int
can_hear(unsigned end)
{
	return links_has(end) > 0;
}

static int
can_hear_all(unsigned end)
{
	return links_has(end) > 1;
}

static int
can_dial(unsigned n)
{
	return links_dials(n) && links_channels() < CHANNELS - SPARE;
}

static int
can_reply(unsigned n)
{
	return fake_workers_busy(n / 2) > n % 2;
}

static int
can_end(unsigned n)
{
	return fake_workers_leaving(n) > 0;
}

static int
can_fill(unsigned n)
{
	return fake_broker_can_fill(n) > 0;
}

static int
can_fill_one(unsigned n)
{
	return fake_broker_can_fill(n) > 1;
}

static int
can_news(unsigned n)
{
	(void)n;
	return fake_broker_has_news();
}

static int
can_ask(unsigned n)
{
	return plb(n) != NULL;
}

static int
can_give_up(unsigned n)
{
	return plb(n) != NULL && calls_last(n) > 0;
}

static int
can_kill(unsigned n)
{
	return channel(n) != NULL;
}

static int
can_reset(unsigned n)
{
	return channel(n) != NULL && links_is_open(CLIENT(n));
}

static int
can_always(unsigned n)
{
	(void)n;
	return 1;
}

static int
can_lose_seller(unsigned n)
{
	(void)n;
	return links_is_up(2 * SELL);
}

static int
can_find_seller(unsigned n)
{
	(void)n;
	return !links_is_open(SELL);
}

static int
can_lose_buyer(unsigned n)
{
	return links_is_up(2 * (BUY + n));
}

static int
can_find_buyer(unsigned n)
{
	return plb(n) != NULL && !links_is_open(BUY + n);
}

/* What happens. */

static void
do_dial(struct action a)
{
	links_dial(a.on, a.what == DIAL);
}

static void
do_worker(struct action a)
{
	unsigned n = a.what == END ? a.on : a.on / 2;

	if (a.what == REPLY)
		fake_workers_reply(n, a.on % 2, channel(n), links_now);
	else if (a.what == DIE)
		fake_workers_die(n, a.on % 2, channel(n), links_now);
	else
		fake_workers_end(n, channel(n), links_now);
	if (channel(n) != NULL)
		links_turn(CHANNEL + n);
	else
		links_bury(n);
}

static void
do_fill(struct action a)
{
	links_fill(a.on, a.what == FILL_ONE ? 1 : fake_broker_can_fill(a.on));
}

static void
do_news(struct action a)
{
	(void)a;
	links_news();
}

static void
do_ask(struct action a)
{
	unsigned char body[2];
	uint64_t id = calls_new(a.on, a.what == ASK_AGAIN);
	struct msg m;

	body[0] = (unsigned char)('a' + a.on);
	body[1] = (unsigned char)('a' + id);
	memset(&m, 0, sizeof(m));
	m.type = MSG_REQUEST;
	m.u.request.id = id;
	m.u.request.body = slice_of(body, sizeof(body));
	m.u.request.cast = a.what == CAST;
	m.u.request.retries = a.what == ASK_AGAIN;
	m.u.request.left_ms = a.what == ASK_SOON ? SOON_MS : 0;
	CHECK(plb_ops.message(plb(a.on), links_now, 0, &m) == 0);
	links_turn(PLB + a.on);
}

static void
do_give_up(struct action a)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_ABANDON;
	m.u.abandon.id = calls_last(a.on);
	CHECK(plb_ops.message(plb(a.on), links_now, 0, &m) == 0);
	links_turn(PLB + a.on);
}

static void
do_plb(struct action a)
{
	struct plb_view v;

	if (a.what == VANISH) {
		links_kill(PLB + a.on);
		return;
	}
	if (a.what == STOP) {
		plb_stop(plb(a.on), links_now);
	} else if (a.what == SWITCH) {
		books_switches(a.on);
		CHECK(plb_constrain(plb(a.on), links_now,
		    slice_str(NEW_ONLY)) == 0);
	} else {
		plb_look(plb(a.on), &v);
		plb_want_only(plb(a.on), v.in_flight + v.queued);
	}
	links_turn(PLB + a.on);
}

static void
do_channel(struct action a)
{
	if (a.what == KILL) {
		links_kill(CHANNEL + a.on);
		return;
	}
	if (a.what == RESET) {
		links_reset(CLIENT(a.on));
		return;
	}
	books_drains(a.on, links_now);
	channel_drain(channel(a.on), links_now);
	links_turn(CHANNEL + a.on);
}

static void
do_listener(struct action a)
{
	struct listener *l = nodes[LISTENER].core;

	if (a.what == PUBLISH) {
		books_publishes();
		CHECK(listener_publish(l, slice_str(NEW)) == 0);
	} else {
		books_listener_ends();
		listener_stop(l);
	}
	links_turn(LISTENER);
}

static void
do_broker(struct action a)
{
	switch (a.what) {
	case SELLER_LOST:
		links_reset(SELL);
		break;
	case SELLER_BACK:
		links_open(SELL);
		break;
	case BUYER_LOST:
		links_reset(BUY + a.on);
		break;
	default:
		links_open(BUY + a.on);
	}
}

static void
do_hear(struct action a)
{
	links_hear(a.on, a.what == HEAR ? 1 : links_has(a.on));
}

static void
do_wait(struct action a)
{
	links_wait(links_now + 100 * (int64_t)a.on);
}

/* All of it. */

static const struct {
	const char *name;
	int (*can)(unsigned);
	void (*does)(struct action);
} kinds[] = { /* by enum what */
	[HEAR] = { "HEAR", can_hear, do_hear },
	[HEAR_ALL] = { "HEAR_ALL", can_hear_all, do_hear },
	[DIAL] = { "DIAL", can_dial, do_dial },
	[REPLY] = { "REPLY", can_reply, do_worker },
	[END] = { "END", can_end, do_worker },
	[DIAL_FAILS] = { "DIAL_FAILS", links_dials, do_dial },
	[FILL] = { "FILL", can_fill, do_fill },
	[FILL_ONE] = { "FILL_ONE", can_fill_one, do_fill },
	[NEWS] = { "NEWS", can_news, do_news },
	[ASK] = { "ASK", can_ask, do_ask },
	[CAST] = { "CAST", can_ask, do_ask },
	[ASK_AGAIN] = { "ASK_AGAIN", can_ask, do_ask },
	[ASK_SOON] = { "ASK_SOON", can_ask, do_ask },
	[GIVE_UP] = { "GIVE_UP", can_give_up, do_give_up },
	[WANT_NONE] = { "WANT_NONE", can_ask, do_plb },
	[SWITCH] = { "SWITCH", can_ask, do_plb },
	[STOP] = { "STOP", can_ask, do_plb },
	[VANISH] = { "VANISH", can_ask, do_plb },
	[DIE] = { "DIE", can_reply, do_worker },
	[KILL] = { "KILL", can_kill, do_channel },
	[RESET] = { "RESET", can_reset, do_channel },
	[TERM] = { "TERM", can_kill, do_channel },
	[PUBLISH] = { "PUBLISH", can_always, do_listener },
	[RETIRE] = { "RETIRE", can_always, do_listener },
	[SELLER_LOST] = { "SELLER_LOST", can_lose_seller, do_broker },
	[SELLER_BACK] = { "SELLER_BACK", can_find_seller, do_broker },
	[BUYER_LOST] = { "BUYER_LOST", can_lose_buyer, do_broker },
	[BUYER_BACK] = { "BUYER_BACK", can_find_buyer, do_broker },
	[WAIT] = { "WAIT", can_always, do_wait },
};

const char *
action_name(struct action a, char *buf, size_t size)
{
	snprintf(buf, size, "{ %s, %u }", kinds[a.what].name, a.on);
	return buf;
}

int
action_can(struct action a)
{
	return kinds[a.what].can(a.on);
}

static size_t
add(struct action *list, size_t n, enum what what, unsigned on)
{
	CHECK(n < ACTIONS_MAX);
	list[n] = action_of(what, on);
	return n + (size_t)action_can(list[n]);
}

size_t
action_list(struct action *list)
{
	size_t n = 0;
	unsigned i;

	for (i = 0; i < links_ends(); i++) {
		if (!can_hear(i))
			continue;
		n = add(list, n, HEAR, i);
		n = add(list, n, HEAR_ALL, i);
	}
	for (i = 0; i < PLBS; i++)
		n = add(list, n, DIAL, i);
	for (i = 0; i < 2 * links_channels(); i++)
		n = add(list, n, REPLY, i);
	for (i = 0; i < links_channels(); i++)
		n = add(list, n, END, i);
	return n;
}

/* What is known of a state. */

/* Whom it has to do with: whoever takes part, and whoever decides whether it
 * can be, or what it will be. */
static unsigned
parties(struct action a)
{
	unsigned listener = 1u << LISTENER, plbs = ((1u << PLBS) - 1) << PLB;

	switch (a.what) {
	case HEAR:
	case HEAR_ALL:
		return 1u << links_at(a.on);
	case DIAL:
	case FILL:
	case FILL_ONE:
		return 1u << (PLB + a.on) | listener;
	case NEWS:
		return listener | plbs;
	case REPLY:
	case DIE:
		return 1u << (CHANNEL + a.on / 2);
	case END:
	case KILL:
	case TERM:
		return 1u << (CHANNEL + a.on);
	case RESET:
		return 1u << (CHANNEL + a.on) |
		    1u << links_at(2 * CLIENT(a.on));
	case PUBLISH:
	case RETIRE:
	case SELLER_LOST:
	case SELLER_BACK:
		return listener;
	case WAIT:
		return ALL;
	default:
		return 1u << (PLB + a.on);
	}
}

static uint64_t
mix(uint64_t h, uint64_t x)
{
	h = (h ^ x) * 0x9e3779b97f4a7c15u;
	return h ^ h >> 29;
}

/* What is heard at once is as much as was said by then. */
static uint64_t
told_then(unsigned node, struct action a)
{
	uint64_t much = a.what == HEAR_ALL ? links_has(a.on) : 1;

	if ((parties(a) >> node & 1) == 0)
		return told[node];
	return mix(mix(told[node], (uint64_t)links_now),
	    (much << 8 | a.on) << 8 | a.what);
}

uint64_t
action_state(struct action a)
{
	uint64_t h = 0;
	unsigned i;

	for (i = 0; i < NODES; i++)
		h = mix(h, told_then(i, a));
	return h;
}

void
action_happen(struct action a)
{
	kinds[a.what].does(a);
}

void
action_do(struct action a)
{
	unsigned i;

	for (i = 0; i < NODES; i++)
		told[i] = told_then(i, a);
	action_happen(a);
}

/* The beginning and the end. */

void
action_begin(const struct links_config *c)
{
	unsigned i;

	memset(told, 0, sizeof(told));
	links_begin(c);
	links_open(SELL);
	for (i = 0; i < CALLER; i++)
		links_open(BUY + i);
	if (c->caller)
		links_open(CLIENT_OF_PLB);
}

void
action_end(void)
{
	links_end();
}
