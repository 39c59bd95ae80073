#include "t/credit_settle.h"

#include "t/credit_calls.h"
#include "t/fake_broker.h"

#define TURNS  4000   /* until all there is to do is done */
#define END_MS 120000 /* and all is answered, or has come back */

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

void
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

void
settle_settle(void)
{
	CHECK(comes(all_answered));
	each_plb(ASK);
	CHECK(comes(all_answered));
	each_plb(WANT_NONE);
	CHECK(comes(all_back));
	each_plb(STOP);
	CHECK(comes(all_gone) && all_back());
}
