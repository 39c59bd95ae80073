#include <assert.h>

#include "exchange_allocation.h"
#include "exchange_match.h"

/* A fill that is being put together, and the reservations it stands for. */
struct fill {
	struct market *m;
	struct buy *buy;
	int64_t now;
	struct reserve *r[EXCHANGE_FILL_SELLERS];
	unsigned n;
	uint64_t filled; /* what was sent */
};

/* The fill's list from *first on, as far as it fits. */
static struct slice
fill_list(const struct fill *f, unsigned *first)
{
	struct tlv_writer w;
	struct seller item;
	const struct sell *s;

	tlv_writer_init(&w, f->m->scratch, MATCH_SCRATCH);
	while (*first < f->n &&
	    (size_t)(w.p - f->m->scratch) < MATCH_FILL_BYTES) {
		s = f->r[*first]->sell;
		item.seller = s->seller;
		item.contact = s->contact;
		item.quantity = f->r[*first]->quantity;
		item.attrs = s->class->class.key;
		item.counter = f->r[*first]->counter;
		item_put(&schema_seller, &w, &item);
		++*first;
	}
	assert(!w.failed);
	return slice_of(f->m->scratch, (size_t)(w.p - f->m->scratch));
}

/* What could not be sent was not sold. */
static void
fill_undo(struct fill *f, unsigned first)
{
	for (; first < f->n; first++)
		reserve_less(f->m, f->r[first], f->r[first]->quantity);
	f->n = 0;
	f->m->stuck = 1;
}

/* One message, or more where attributes are large: 0, or -1. */
static int
fill_send(struct fill *f)
{
	struct market *m = f->m;
	unsigned first, next;
	struct msg msg;

	msg.type = MSG_FILL;
	msg.u.fill.order = f->buy->order.id;
	msg.u.fill.exchange = m->own;
	for (first = 0; first < f->n; first = next) {
		next = first;
		msg.u.fill.sellers = fill_list(f, &next);
		if (outbox_send(m->out, f->buy->order.broker->handle,
		    &msg) == -1) {
			fill_undo(f, first);
			return -1;
		}
		m->totals.matches += next - first;
		for (; first < next; first++)
			f->filled += f->r[first]->quantity;
	}
	f->n = 0;
	return 0;
}

/* 1, 0 when it cannot be reserved, -1 when it cannot be sent. */
static int
fill_add(struct fill *f, const struct choice *p)
{
	struct reserve *r;
	unsigned i;

	for (i = 0; i < f->n; i++)
		if (f->r[i]->sell == p->sell) {
			reserve_more(f->m, f->r[i], p->quantity);
			return 1;
		}
	if (f->n == EXCHANGE_FILL_SELLERS && fill_send(f) == -1)
		return -1;
	r = market_reserve(f->m, f->now, p->sell, f->buy, p->quantity);
	if (r == NULL) {
		f->m->stuck = 1;
		return 0;
	}
	f->r[f->n++] = r;
	return 1;
}

/* 0 when all was done that can be, -1 when something could not be sent. */
static int
fill_choose(struct fill *f)
{
	struct choice choices[EXCHANGE_FILL_SELLERS];
	struct choose c;
	unsigned i, n;
	int r = 1;

	choose_init(&c, f->m, f->buy->class, f->buy->lacking);
	while (r == 1 && (n = choose_next(&c, choices)) > 0)
		for (i = 0; r == 1 && i < n; i++)
			r = fill_add(f, &choices[i]);
	if (r == -1)
		return -1;
	return f->n > 0 ? fill_send(f) : 0;
}

/*
 * Give a buy that is in no queue what it lacks, as far as there is; *served
 * says whether it got anything. If it did and lacks more, its new rank is at
 * the end of the line.
 */
static int
serve(struct market *m, int64_t now, struct buy *b, int *served)
{
	struct fill f;
	int r;

	f.m = m;
	f.buy = b;
	f.now = now;
	f.n = 0;
	f.filled = 0;
	buy_hide_excluded(m, b);
	r = fill_choose(&f);
	buy_show_excluded(m, b);
	*served = f.filled > 0;
	if (*served) {
		b->filled += f.filled;
		m->totals.filled += f.filled;
		buy_account(m, b);
		buy_rank(m, b, now);
	}
	return r;
}

int
match_buy(struct market *m, int64_t now, struct buy *b)
{
	int served, r;

	buy_dequeue(b);
	if (b->lacking == 0)
		return 0;
	if (m->closed || m->stuck) {
		buy_enqueue(b);
		return match_run(m, now);
	}
	r = serve(m, now, b, &served);
	if (b->lacking > 0)
		buy_enqueue(b);
	market_unfreshen(m);
	return r;
}

/* The oldest of those whom anything in the set of sell classes fits. */
static struct buy *
oldest(const struct market *m, const struct class_set *set)
{
	struct queued *q, *first = NULL;
	struct buy_class *c;
	unsigned i;

	for (i = 0; i < m->classes.buys.n; i++) {
		c = class_buy(&m->classes, i);
		q = queue_first(&c->queue);
		if (q != NULL && class_set_meet(&c->fits, set) &&
		    (first == NULL || queued_before(q, first)))
			first = q;
	}
	return first == NULL ? NULL : CHAIN_OWNER(first, struct buy, queued);
}

/*
 * Serve one buy after the other until nothing in the set is on offer to any of
 * them. Buys that exclude all of it are passed over, and put on a list. To
 * serve a buy takes time for each of its exclusions, so buy_has_fresh() says
 * first whether it would get anything. What fits it and is not fresh it
 * excludes, as otherwise it would not be waiting.
 */
static int
run(struct market *m, int64_t now, const struct class_set *set,
    struct buy **passed)
{
	struct buy *b;
	int served, r = 0;

	while (r == 0 && !m->stuck && (b = oldest(m, set)) != NULL) {
		buy_dequeue(b);
		served = 0;
		if (set != &m->fresh || buy_has_fresh(m, b))
			r = serve(m, now, b, &served);
		if (b->lacking == 0)
			continue;
		if (served) {
			buy_enqueue(b);
		} else {
			b->next_passed = *passed;
			*passed = b;
		}
	}
	return r;
}

int
match_run(struct market *m, int64_t now)
{
	struct buy *passed = NULL;
	const struct class_set *set = &m->fresh;
	int r = 0;

	if (m->stuck && m->reserves.n < m->reserves.max) {
		m->stuck = 0;
		set = &m->open;
	}
	if (!m->closed && !m->stuck)
		r = run(m, now, set, &passed);
	for (; passed != NULL; passed = passed->next_passed)
		buy_enqueue(passed);
	market_unfreshen(m);
	return r;
}
