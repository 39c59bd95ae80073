/*
 * Credit, from the listener through its channels to the PLBs, their clients and
 * back: in each of a few scenes (credit_links.h), from where that begins, every
 * sequence of what can happen (credit_action.h), to a length. After each step
 * all must be as the books have it (credit_books.h); after the last all is
 * mended, answered, given back and ended.
 *
 * Sequences that differ only in the order of things that have nothing to do
 * with each other are gone through once: the scenes have 7.9 million, with
 * 560,000 states between their steps, and 410,000 of them are gone through to
 * the end. The cores hear of 31 million things in these, 1.3 million fills
 * among them, and run 1.5 million requests; it takes 15 s. MODEL_LENGTH (5) is
 * for another length: 1 to 6, each an action more. One more takes six times as
 * long.
 */

#include "t/credit_action.h"

#include <stdio.h>
#include <stdlib.h>

#include "t/credit_calls.h"
#include "t/fake_broker.h"

#define LEN(a)	   (sizeof(a) / sizeof((a)[0]))
#define LENGTH	   5 /* when MODEL_LENGTH does not say */
#define LENGTH_MAX 32
#define ONE_BY_ONE 8000 /* sequences are gone through, whatever they share */
#define OPS_MAX	   12
#define BEFORE_MAX 2
#define FIRST_CAP  65536
#define EACH	   255 /* channel there is */
#define TURNS	   4000   /* until all there is to do is done */
#define END_MS	   120000 /* and all is answered, or has come back */

/* How all comes to rest: nothing happens but what is there to be done, and the
 * broker is honest. */

static size_t
do_list(int workers)
{
	struct action list[ACTIONS_MAX];
	size_t i, n = action_list(list), done = 0;

	for (i = 0; i < n; i++)
		if (action_can(list[i]) && (workers ||
		    (list[i].what != REPLY && list[i].what != END))) {
			action_happen(list[i]);
			done++;
		}
	return done;
}

static size_t
do_dials(void)
{
	size_t done = 0;
	unsigned i;

	for (i = 0; i < PLBS; i++)
		for (; links_dials(i); done++)
			links_dial(i, links_accepts());
	return done;
}

static size_t
do_orders(void)
{
	uint64_t quantity;
	size_t done = 0;
	int plb;

	for (; (quantity = fake_broker_honest(links_now, &plb)) > 0; done++)
		links_fill((unsigned)plb, quantity);
	if (fake_broker_has_news()) {
		links_news();
		done++;
	}
	return done;
}

/* All that there is to be done is; by workers, too. No time passes. */
static void
settle_down(int workers)
{
	size_t turns = 0;

	while (do_list(workers) + do_dials() + do_orders() > 0)
		CHECK(turns++ < TURNS);
}

/* Whoever can be linked is; what is asked for is published; a caller that has
 * lost its PLB has no use. */
static void
mend(void)
{
	unsigned i;

	if (action_can(action_of(SELLER_BACK, 0)))
		links_open(SELL);
	for (i = 0; i < CALLER; i++)
		if (action_can(action_of(BUYER_BACK, i)))
			links_open(BUY + i);
	if (books_is_missed())
		action_happen(action_of(PUBLISH, 0));
	if (nodes[PLB + CALLER].core != NULL &&
	    !links_is_open(CLIENT_OF_PLB))
		links_kill(PLB + CALLER);
}

static int
all_answered(void)
{
	return calls_last(0) + calls_last(1) + calls_last(CALLER) == 0;
}

static int
all_back(void)
{
	return books_is_clear() && fake_broker_is_clear();
}

static int
all_gone(void)
{
	unsigned i;

	for (i = PLB; i < NODES; i++)
		if (nodes[i].core != NULL)
			return 0;
	return 1;
}

/* Until it is so, or has been waited for too long: 0. */
static int
comes(int (*is_so)(void))
{
	int64_t end = links_now + END_MS, due;

	for (;;) {
		mend();
		settle_down(1);
		if (is_so())
			return 1;
		if (links_now == end)
			return 0;
		due = links_deadline();
		links_wait(due < end ? due : end);
	}
}

static void
each_plb(enum what what)
{
	unsigned i;

	for (i = PLBS; i-- > 0;)
		if (nodes[PLB + i].core != NULL)
			action_happen(action_of(what, i));
}

/* Everybody is linked, and time passes, until all is answered, and one request
 * more of each PLB's; then nobody wants anything, and all that was granted must
 * come back; then all end, and must be able to. */
static void
settle_all(void)
{
	CHECK(comes(all_answered));
	each_plb(ASK);
	CHECK(comes(all_answered));
	each_plb(WANT_NONE);
	CHECK(comes(all_back));
	each_plb(STOP);
	CHECK(comes(all_gone) && all_back());
}

/* Scenes. */

/* What may happen, and how often. */
struct op {
	enum what what;
	unsigned on, times;
};

struct scene {
	const char *name;
	struct links_config street;
	unsigned length;
	int calm; /* it begins when all is, but for these: */
	struct op before[BEFORE_MAX];
	struct op ops[OPS_MAX];
};

static const struct scene scenes[] = {
	/* From nothing, as it is for each. */
	{ "first", { 1, 2, { 0, 0 }, CHANNEL_EXEC, 0 }, 13, 0, { { 0, 0, 0 } },
	    { { ASK, 0, 2 }, { GIVE_UP, 0, 1 }, { FILL, 0, 3 },
	    { DIAL_FAILS, 0, 1 }, { DIE, EACH, 1 } } },
	/* Each has an equal share, and one lacks something. */
	{ "share", { 2, 2, { 2, 1 }, CHANNEL_EXEC, 0 }, 6, 1,
	    { { 0, 0, 0 } },
	    { { ASK, 0, 1 }, { CAST, 0, 1 }, { ASK, 1, 1 }, { NEWS, 0, 2 },
	    { WAIT, 1, 1 }, { WAIT, 10, 2 }, { FILL, 1, 2 }, { FILL, 0, 1 },
	    { GIVE_UP, 0, 1 } } },
	/* One has all, and another waits. */
	{ "heed", { 3, 3, { 3, 0 }, CHANNEL_EXEC, 0 }, 7, 1,
	    { { ASK, 0, 1 }, { ASK, 1, 1 } },
	    { { NEWS, 0, 2 }, { WAIT, 20, 1 }, { WAIT, 1, 1 },
	    { FILL, 0, 1 }, { FILL, 1, 1 }, { ASK, 0, 1 } } },
	/* Workers of each kind, and all that becomes of requests. */
	{ "exec", { 2, 2, { 2, 0 }, CHANNEL_EXEC, 0 }, 6, 1, { { 0, 0, 0 } },
	    { { ASK_AGAIN, 0, 1 }, { CAST, 0, 2 }, { ASK_SOON, 0, 1 },
	    { GIVE_UP, 0, 1 }, { DIE, EACH, 2 }, { WAIT, 10, 1 },
	    { KILL, EACH, 1 } } },
	{ "pool", { 2, 2, { 2, 0 }, CHANNEL_POOL, 0 }, 6, 1, { { 0, 0, 0 } },
	    { { ASK_AGAIN, 0, 1 }, { CAST, 0, 2 }, { ASK_SOON, 0, 1 },
	    { GIVE_UP, 0, 1 }, { DIE, EACH, 2 }, { WAIT, 10, 1 },
	    { KILL, EACH, 1 } } },
	{ "mux", { 2, 2, { 2, 0 }, CHANNEL_MUX, 0 }, 7, 1, { { 0, 0, 0 } },
	    { { ASK_AGAIN, 0, 1 }, { CAST, 0, 2 }, { ASK_SOON, 0, 1 },
	    { GIVE_UP, 0, 1 }, { DIE, EACH, 2 }, { WAIT, 10, 1 },
	    { KILL, EACH, 1 } } },
	/* Ends of a channel while requests run. */
	{ "ends", { 2, 2, { 2, 0 }, CHANNEL_POOL, 0 }, 6, 1,
	    { { ASK_AGAIN, 0, 1 }, { ASK, 0, 1 } },
	    { { DIE, EACH, 2 }, { PUBLISH, 0, 1 }, { KILL, EACH, 1 },
	    { RESET, EACH, 1 }, { TERM, EACH, 1 }, { FILL, 0, 1 },
	    { GIVE_UP, 0, 1 }, { WAIT, 51, 1 } } },
	/* Connects that are answered late or never; two want the same. */
	{ "late", { 1, 2, { 1, 1 }, CHANNEL_EXEC, 0 }, 9, 0, { { 0, 0, 0 } },
	    { { FILL, 0, 2 }, { FILL, 1, 1 }, { WAIT, 51, 2 },
	    { ASK, 0, 1 }, { RESET, EACH, 1 }, { DIAL_FAILS, 0, 1 } } },
	/* More is bought over a channel that may end. */
	{ "more", { 4, 2, { 1, 0 }, CHANNEL_EXEC, 0 }, 7, 1, { { 0, 0, 0 } },
	    { { ASK, 0, 3 }, { FILL, 0, 2 }, { RESET, EACH, 1 },
	    { KILL, EACH, 1 }, { TERM, EACH, 1 }, { PUBLISH, 0, 1 },
	    { WAIT, 51, 1 } } },
	/* From old code to new. */
	{ "switch", { 2, 2, { 2, 0 }, CHANNEL_EXEC, 0 }, 6, 1,
	    { { 0, 0, 0 } },
	    { { ASK, 0, 2 }, { FILL, 0, 2 }, { SWITCH, 0, 1 },
	    { PUBLISH, 0, 1 }, { WAIT, 51, 2 }, { GIVE_UP, 0, 1 },
	    { BUYER_LOST, 0, 1 }, { BUYER_BACK, 0, 1 } } },
	/* Brokers come and go. */
	{ "broker", { 2, 2, { 2, 0 }, CHANNEL_EXEC, 0 }, 9, 0, { { 0, 0, 0 } },
	    { { FILL_ONE, 0, 2 }, { FILL, 0, 2 }, { BUYER_LOST, 0, 1 },
	    { BUYER_BACK, 0, 1 }, { SELLER_LOST, 0, 1 },
	    { SELLER_BACK, 0, 1 }, { ASK, 0, 1 }, { WANT_NONE, 0, 1 } } },
	/* A client of a PLB. */
	{ "caller", { 1, 2, { 1, 0 }, CHANNEL_EXEC, 1 }, 8, 1,
	    { { 0, 0, 0 } },
	    { { ASK, CALLER, 2 }, { GIVE_UP, CALLER, 1 },
	    { WANT_NONE, CALLER, 1 }, { VANISH, CALLER, 1 },
	    { STOP, 0, 1 }, { ASK, 0, 1 }, { KILL, EACH, 1 } } },
	/* Listener and PLBs end. */
	{ "stop", { 2, 2, { 1, 1 }, CHANNEL_POOL, 0 }, 7, 1,
	    { { ASK, 0, 1 } },
	    { { ASK, 0, 1 }, { ASK, 1, 1 }, { STOP, 0, 1 },
	    { VANISH, 1, 1 }, { WANT_NONE, 1, 1 }, { RETIRE, 0, 1 },
	    { FILL, 0, 1 }, { PUBLISH, 0, 1 } } }
};

static const struct scene *scene;
static unsigned length;
static struct action path[LENGTH_MAX]; /* from the beginning to here */
static unsigned depth;
static unsigned used[OPS_MAX + 1]; /* of the scene's; the last: all others */
static uint64_t ends;
static int merging;   /* each state is gone on from once */
static int settling, broken;

void
check_broken(const char *cond, const char *file, int line)
{
	char name[64];
	unsigned i;

	broken = 1;
	fprintf(stderr, "%s:", scene->name);
	for (i = 0; i < depth; i++)
		fprintf(stderr, " %s", action_name(path[i], name,
		    sizeof(name)));
	fprintf(stderr, "%s\n", settling ? ", and the end" : "");
	fail_msg("%s:%d: %s", file, line, cond);
}

/* States that were seen, and how many sequences there are from each. */

struct state {
	uint64_t key; /* 0: none */
	uint64_t sequences;
};

static struct state *states;
static size_t nstates, cap;

/* Its place; with a key of 0 where it is not there. */
static struct state *
find(uint64_t key)
{
	size_t i = key & (cap - 1);

	while (states[i].key != 0 && states[i].key != key)
		i = (i + 1) & (cap - 1);
	return &states[i];
}

static void
forget(void)
{
	free(states);
	states = NULL;
	nstates = cap = 0;
}

static void
grow(void)
{
	struct state *old = states;
	size_t n = cap, i;

	cap = cap == 0 ? FIRST_CAP : 2 * cap;
	states = calloc(cap, sizeof(*states));
	assert_non_null(states);
	for (i = 0; i < n; i++)
		if (old[i].key != 0)
			*find(old[i].key) = old[i];
	free(old);
}

static int
is_known(uint64_t key)
{
	return cap > 0 && find(key)->key != 0;
}

static void
remember(uint64_t key)
{
	if (is_known(key))
		return;
	if (2 * nstates >= cap)
		grow();
	nstates++;
	find(key)->key = key;
}

/* The search. */

struct choice {
	struct action action;
	unsigned op; /* of the scene's, OPS_MAX: none */
	uint64_t state;
};

static size_t
add(struct choice *list, size_t n, struct action a, unsigned op)
{
	assert_true(n < ACTIONS_MAX);
	list[n].action = a;
	list[n].op = op;
	list[n].state = action_state(a) | 1; /* not 0 */
	return n + 1;
}

/* One of the scene's, with each channel that it can happen to. */
static size_t
add_op(struct choice *list, size_t n, unsigned op)
{
	const struct op *o = &scene->ops[op];
	unsigned on = o->on, end = on + 1;
	struct action a;

	if (on == EACH) {
		on = 0;
		end = links_channels() * (o->what == DIE ? 2 : 1);
	}
	for (; on < end; on++) {
		a = action_of(o->what, on);
		if (action_can(a))
			n = add(list, n, a, op);
	}
	return n;
}

static size_t
choices(struct choice *list)
{
	struct action there[ACTIONS_MAX];
	size_t i, n = 0, nthere = action_list(there);
	unsigned op;

	for (i = 0; i < nthere; i++)
		n = add(list, n, there[i], OPS_MAX);
	for (op = 0; op < OPS_MAX; op++)
		if (used[op] < scene->ops[op].times)
			n = add_op(list, n, op);
	return n;
}

/* Go the path again from the beginning. */
static void
replay(void)
{
	unsigned i, n = depth;

	settling = 0;
	action_begin(&scene->street);
	if (scene->calm)
		settle_down(0);
	for (i = 0; i < BEFORE_MAX && scene->before[i].times > 0; i++)
		action_do(action_of(scene->before[i].what,
		    scene->before[i].on));
	for (depth = 0; depth < n; depth++)
		action_do(path[depth]);
}

static uint64_t search(void);

/* One step from here, and all that follows: how many sequences. */
static uint64_t
step(const struct choice *c)
{
	uint64_t n;

	remember(c->state);
	path[depth++] = c->action;
	used[c->op]++;
	action_do(c->action);
	n = search();
	used[c->op]--;
	depth--;
	find(c->state)->sequences = n;
	return n;
}

/* All from here: how many sequences. The street is ended then. */
static uint64_t
search(void)
{
	struct choice list[ACTIONS_MAX];
	size_t i, n = depth < length ? choices(list) : 0;
	uint64_t sum = 0;
	int here = 1;

	if (n == 0) {
		settling = 1;
		settle_all();
		ends++;
		sum = 1;
	}
	for (i = 0; i < n; i++) {
		if (merging && is_known(list[i].state)) {
			sum += find(list[i].state)->sequences;
			continue;
		}
		if (!here)
			replay();
		here = 0;
		sum += step(&list[i]);
	}
	if (here)
		action_end();
	return sum;
}

/* The scenes begin with this length at MODEL_LENGTH's default. */
static unsigned
length_of(const struct scene *s)
{
	const char *given = getenv("MODEL_LENGTH");
	unsigned n = LENGTH;

	if (given != NULL && given[0] >= '1' && given[0] <= '6')
		n = (unsigned)(given[0] - '0');
	return s->length + n - LENGTH;
}

/* The scene, to that length: how many sequences. */
static uint64_t
go(unsigned n, int merge)
{
	length = n;
	merging = merge;
	depth = 0;
	ends = 0;
	memset(used, 0, sizeof(used));
	forget();
	replay();
	return search();
}

/* States are told apart: when every sequence is gone through, in as long ones
 * as there is time for, there are no others from any. */
static void
check_merging(unsigned n)
{
	uint64_t sequences;
	size_t merged;

	while ((sequences = go(n, 1)) > ONE_BY_ONE)
		n--;
	merged = nstates;
	assert_int_equal(go(n, 0), sequences);
	assert_int_equal(ends, sequences);
	assert_int_equal(nstates, merged);
}

static void
test_scene(void **state)
{
	uint64_t heard, ran, fills, sequences;
	unsigned n;

	if (broken) /* one is enough to look at */
		skip();
	scene = *state;
	n = length_of(scene);
	check_merging(n > 2 ? n - 2 : 1);
	heard = links_heard;
	ran = calls_ran;
	fills = fake_broker_fills;
	sequences = go(n, 1);
	printf("%s: %llu sequences of %u, %llu states, %llu ends: %llu heard, "
	    "%llu fills, %llu requests run\n", scene->name,
	    (unsigned long long)sequences, n, (unsigned long long)nstates,
	    (unsigned long long)ends,
	    (unsigned long long)(links_heard - heard),
	    (unsigned long long)(fake_broker_fills - fills),
	    (unsigned long long)(calls_ran - ran));
	forget();
	/* Most ended well. */
	assert_true(calls_ran - ran >= ends / 2);
}

int
main(void)
{
	static struct CMUnitTest tests[LEN(scenes)];
	size_t i;

	for (i = 0; i < LEN(scenes); i++) {
		tests[i].name = scenes[i].name;
		tests[i].test_func = test_scene;
		tests[i].initial_state = (void *)(uintptr_t)&scenes[i];
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
