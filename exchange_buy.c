#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "exchange_book.h"

struct buy *
market_buy(struct market *m, struct peer *broker, uint64_t id,
    struct slice constraints)
{
	struct buy_class *c;
	struct buy *b;

	c = class_of_constraints(&m->classes, constraints);
	if (c == NULL || queue_grow(&c->queue, c->class.n + 1) == -1)
		return NULL;
	b = calloc(1, sizeof(*b));
	if (b == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	chain_init(&b->excludes);
	b->queued.place = QUEUE_OUT;
	if (order_enter(m, &b->order, broker, id) == -1) {
		free(b);
		return NULL;
	}
	b->class = c;
	c->class.n++;
	m->totals.buys++;
	return b;
}

/* The class's need may have changed: keep m->turned in step. */
static void
unmet_turns(struct market *m, struct buy_class *c)
{
	int turned = class_need(c->unmet, c->empty) != c->stood;

	if (turned && !c->turned)
		m->turned++;
	else if (!turned && c->turned)
		m->turned--;
	c->turned = turned;
}

/* Take the buy out of its class's counts of those that lack something. */
static void
buy_uncount(struct market *m, struct buy *b)
{
	if (b->lacking == 0)
		return;
	m->totals.missing -= b->lacking;
	b->lacking = 0;
	b->class->empty -= (size_t)b->empty;
	b->class->unmet--;
	unmet_turns(m, b->class);
}

void
buy_account(struct market *m, struct buy *b)
{
	struct buy_class *c = b->class;
	uint64_t coming;

	coming = b->filled > b->settled ? b->filled - b->settled : 0;
	if (b->missing <= coming) {
		buy_uncount(m, b);
		return;
	}
	if (b->lacking == 0)
		c->unmet++;
	else
		c->empty -= (size_t)b->empty;
	b->empty = b->held == 0;
	c->empty += (size_t)b->empty;
	unmet_turns(m, c);
	m->totals.missing -= b->lacking;
	b->lacking = (uint32_t)(b->missing - coming);
	m->totals.missing += b->lacking;
}

int
buy_reclass(struct market *m, struct buy *b, struct slice constraints)
{
	struct buy_class *c;

	if (slice_equal(b->class->class.key, constraints))
		return 0;
	c = class_of_constraints(&m->classes, constraints);
	if (c == NULL || queue_grow(&c->queue, c->class.n + 1) == -1)
		return -1;
	buy_dequeue(b);
	buy_uncount(m, b);
	b->class->class.n--;
	b->class = c;
	c->class.n++;
	buy_account(m, b);
	return 0;
}

void
buy_rank(struct market *m, struct buy *b, int64_t born)
{
	assert(b->queued.place == QUEUE_OUT);
	b->queued.born = born;
	b->queued.seq = ++m->seq;
}

void
buy_enqueue(struct buy *b)
{
	assert(b->lacking > 0);
	queue_add(&b->class->queue, &b->queued);
}

void
buy_dequeue(struct buy *b)
{
	if (b->queued.place != QUEUE_OUT)
		queue_remove(&b->class->queue, &b->queued);
}

void
buy_end(struct market *m, struct buy *b)
{
	buy_dequeue(b);
	buy_uncount(m, b);
	buy_readmit(m, b);
	b->class->class.n--;
	m->totals.buys--;
	order_leave(m, &b->order);
}
