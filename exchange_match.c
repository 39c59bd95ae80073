/*
 * Whose turn it is, and which sellers a buy gets: serves the buy that holds
 * least of those that what is on offer fits, and of equals the oldest, again
 * and again, and sends the fills. While others wait for the same, it gets as
 * much at a time as makes it equal to the next one, or an even part of what
 * there is.
 *
 * Zones share the quantity of a buy evenly, as far as each can; what cannot be
 * shared goes to zones drawn by what they offer. In a zone the offers of all
 * sellers are laid end to end, and evenly spaced points are laid over them from
 * a random start. Each point is worth a part of the quantity, which goes to the
 * seller in whose offer the point lies. So each seller gets, on the average,
 * just its proportion, and never more than that rounded up (systematic
 * sampling: W. G. Madow, "On the Theory of Systematic Sampling, II", 1949). If
 * a seller has less than its point is worth, the rest is left to another round.
 */

#include "exchange_book.h"

#define NO_CLASS   EXCHANGE_CLASSES
#define MANY_SELLS 4096

/* So much of a seller. */
struct allocation_part {
	struct exchange_sell *sell;
	uint32_t quantity;
};

struct allocation_zone {
	uint64_t offer;
	uint64_t share; /* still to be allocated */
	unsigned first; /* class */
};

/* What a buy gets of what is on offer when the allocation begins. */
struct allocation {
	struct exchange *x;
	unsigned n;	 /* zones */
	unsigned at;	 /* the zone that comes next */
	unsigned points; /* of a zone and round */
	struct allocation_zone zone[EXCHANGE_CLASSES];
	unsigned next[EXCHANGE_CLASSES]; /* class of the same zone */
};

/* A buy that is being served: the fill that is put together, and the
 * reservations that it stands for. */
struct match {
	struct exchange *x;
	struct exchange_buy *buy;
	int64_t now;
	struct exchange_reservation *r[EXCHANGE_FILL_SELLERS];
	unsigned n;
	uint64_t filled; /* what was sent */
};

/* Allocation: zones. */

/*
 * Put the class into its zone. For a buy of one, all classes are in one zone:
 * drawing a zone and then a seller, both by what they offer, is the same as
 * drawing a seller.
 */
static void
allocation_add_class(struct allocation *a, struct class_set *seen,
    unsigned *index, unsigned number, int one)
{
	const struct sell_class *class = class_sell(&a->x->classes, number);
	unsigned zone = one ? 0 : class->zone;
	struct allocation_zone *z;

	if (!class_set_has(seen, zone)) {
		class_set_put(seen, zone, 1);
		index[zone] = a->n;
		z = &a->zone[a->n++];
		z->offer = z->share = 0;
		z->first = NO_CLASS;
	}
	z = &a->zone[index[zone]];
	z->offer += class->weights.total;
	a->next[number] = z->first;
	z->first = number;
}

static unsigned
allocation_lowest_bit(uint64_t w)
{
	unsigned n = 0;

	if ((w & 0xffffffffu) == 0) {
		w >>= 32;
		n = 32;
	}
	for (; (w & 0xff) == 0; n += 8)
		w >>= 8;
	for (; (w & 1) == 0; n++)
		w >>= 1;
	return n;
}

/* All of these classes that offer something. */
static void
allocation_gather(struct allocation *a, const struct class_set *classes,
    int one)
{
	unsigned i, index[EXCHANGE_CLASSES];
	struct class_set seen;
	uint64_t w;

	memset(&seen, 0, sizeof(seen));
	a->n = 0;
	for (i = 0; i < CLASS_WORDS; i++)
		for (w = classes->w[i] & a->x->open.w[i]; w != 0; w &= w - 1)
			allocation_add_class(a, &seen, index,
			    64 * i + allocation_lowest_bit(w), one);
}

/*
 * Even shares: a zone that has less than an even share of what is left gives
 * all it has, and the others share the rest. Returns what is left of the
 * quantity when none is limited any longer; *n is the number of those and *each
 * what they give.
 */
static uint64_t
allocation_share_evenly(struct allocation *a, uint64_t left, unsigned *n,
    uint64_t *each)
{
	struct allocation_zone *z;
	unsigned i, before;

	*n = a->n;
	do {
		before = *n;
		*each = before > 0 ? left / before : 0;
		for (i = 0; i < a->n; i++) {
			z = &a->zone[i];
			if (z->share > 0 || z->offer > *each)
				continue;
			z->share = z->offer;
			left -= z->offer;
			--*n;
		}
	} while (*n != before);
	return left - *each * *n;
}

/* One more of `extra' zones, drawn by what they offer. Those with `each' have
 * more than that. */
static void
allocation_share_extra(struct allocation *a, unsigned extra, uint64_t each)
{
	uint64_t total = 0, point;
	unsigned i;

	for (i = 0; i < a->n; i++)
		if (a->zone[i].share == each && a->zone[i].offer > each)
			total += a->zone[i].offer;
	for (; extra > 0; extra--) {
		point = rng_below(&a->x->rng, total);
		for (i = 0;; i++) {
			if (a->zone[i].share != each ||
			    a->zone[i].offer <= each)
				continue;
			if (point < a->zone[i].offer)
				break;
			point -= a->zone[i].offer;
		}
		a->zone[i].share++;
		total -= a->zone[i].offer;
	}
}

static void
allocation_share(struct allocation *a, uint64_t quantity)
{
	uint64_t each, left;
	unsigned i, n, serving = 0;

	left = allocation_share_evenly(a, quantity, &n, &each);
	if (n > 0) {
		for (i = 0; i < a->n; i++)
			if (a->zone[i].share == 0)
				a->zone[i].share = each;
		allocation_share_extra(a, (unsigned)left, each);
	}
	for (i = 0; i < a->n; i++)
		serving += a->zone[i].share > 0;
	a->points = serving == 0 || serving > EXCHANGE_FILL_SELLERS ? 1 :
	    EXCHANGE_FILL_SELLERS / serving;
}

/* Begin to allocate up to quantity (at least 1) of these classes of sells. */
static void
allocation_begin(struct allocation *a, struct exchange *x,
    const struct class_set *classes, uint32_t quantity)
{
	struct allocation_zone *z = &a->zone[0];

	assert(quantity > 0);
	a->x = x;
	a->at = 0;
	allocation_gather(a, classes, quantity == 1);
	if (a->n == 1) {
		z->share = quantity < z->offer ? quantity : z->offer;
		a->points = EXCHANGE_FILL_SELLERS;
	} else {
		allocation_share(a, quantity);
	}
}

/* Allocation: sellers of a zone. */

/*
 * The seller at this point of a zone, and what it offers. Points come in
 * ascending order: *number and *base are the class where the last one was, and
 * where it begins.
 */
static struct exchange_sell *
allocation_seller(const struct allocation *a, uint64_t point,
    unsigned *number, uint64_t *base, uint32_t *offered)
{
	struct exchange_sell *s;
	struct sell_class *class;
	size_t slot;

	for (;;) {
		assert(*number != NO_CLASS);
		class = class_sell(&a->x->classes, *number);
		if (point - *base < class->weights.total)
			break;
		*base += class->weights.total;
		*number = a->next[*number];
	}
	slot = fenwick_find(&class->weights, point - *base);
	*offered = fenwick_get(&class->weights, slot);
	s = sell_in(a->x, class, slot);
	array_prefetch(&s->order);
	array_prefetch(&s->seller);
	array_prefetch(s->room);
	return s;
}

/*
 * Where there are more sells than a cache holds, fetch the one that the next
 * buy is likely to get: it is drawn by the random number that comes next, from
 * nearly the same offers. Nothing depends on it.
 */
static void
allocation_foresee(const struct allocation *a, const struct allocation_zone *z)
{
	struct rng rng = a->x->rng;
	unsigned number = z->first;
	uint64_t base = 0;
	uint32_t offered;

	if (a->x->totals.sells >= MANY_SELLS && z->offer > 0)
		allocation_seller(a, rng_below(&rng, z->offer), &number, &base,
		    &offered);
}

/*
 * A round over one zone. The jth point is at (start + j * offer) / points; the
 * first `extra' points counted from `turn' are worth one more than the others.
 */
static unsigned
allocation_pick(struct allocation *a, struct allocation_zone *z,
    struct allocation_part *p)
{
	uint64_t start, base, worth, extra, taken;
	unsigned i, j, n, points, turn, number;
	struct exchange_sell *s;
	uint32_t offered;

	points = z->share < a->points ? (unsigned)z->share : a->points;
	worth = z->share / points;
	extra = z->share % points;
	start = rng_below(&a->x->rng, z->offer);
	turn = extra == 0 ? 0 : (unsigned)rng_below(&a->x->rng, points);
	number = z->first;
	base = 0;
	for (j = n = 0; j < points; j++) {
		s = allocation_seller(a, (start + j * z->offer) / points,
		    &number, &base, &offered);
		if (n == 0 || p[n - 1].sell != s) {
			p[n].sell = s;
			p[n++].quantity = 0;
		}
		taken = worth + ((j + points - turn) % points < extra);
		if (taken > offered - p[n - 1].quantity)
			taken = offered - p[n - 1].quantity;
		p[n - 1].quantity += (uint32_t)taken;
	}
	for (i = 0; i < n; i++) {
		z->share -= p[i].quantity;
		z->offer -= p[i].quantity;
	}
	allocation_foresee(a, z);
	return n;
}

/*
 * The next sellers, EXCHANGE_FILL_SELLERS at most, none of them twice: returns
 * their number, 0 when that was all. The caller reserves just so much of each
 * before it calls again, and changes nothing else on offer.
 */
static unsigned
allocation_next(struct allocation *a, struct allocation_part *p)
{
	for (; a->at < a->n; a->at++)
		if (a->zone[a->at].share > 0)
			return allocation_pick(a, &a->zone[a->at], p);
	return 0;
}

/* Fills. */

/* The fill's list from *first on, as far as it fits. */
static struct slice
match_list(const struct match *m, unsigned *first)
{
	struct tlv_writer w;
	struct seller item;
	const struct exchange_sell *s;

	tlv_writer_init(&w, m->x->scratch, BOOK_SCRATCH);
	while (*first < m->n && (size_t)(w.p - m->x->scratch) < BOOK_FILL) {
		s = sell_at(m->x, m->r[*first]->sell);
		item.seller = s->seller;
		item.contact = s->contact;
		item.quantity = m->r[*first]->quantity;
		item.attrs = s->class->class.key;
		item.counter = m->r[*first]->counter;
		item_put(&schema_seller, &w, &item);
		++*first;
	}
	assert(!w.failed);
	return slice_of(m->x->scratch, (size_t)(w.p - m->x->scratch));
}

/* What could not be sent was not sold. */
static void
match_undo(struct match *m, unsigned first)
{
	for (; first < m->n; first++)
		book_unreserve(m->x, m->r[first], m->r[first]->quantity);
	m->n = 0;
	m->x->stuck = 1;
}

/* One message, or more where attributes are large: 0, or -1. */
static int
match_send(struct match *m)
{
	unsigned first, next;
	struct msg msg;

	msg.type = MSG_FILL;
	msg.u.fill.order = m->buy->order.id;
	msg.u.fill.exchange = m->x->own;
	for (first = 0; first < m->n; first = next) {
		next = first;
		msg.u.fill.sellers = match_list(m, &next);
		if (outbox_send(&m->x->out, m->buy->order.broker->handle,
		    &msg) == -1) {
			match_undo(m, first);
			return -1;
		}
		m->x->totals.matches += next - first;
		for (; first < next; first++)
			m->filled += m->r[first]->quantity;
	}
	m->n = 0;
	return 0;
}

/* 1; 0 if it cannot be reserved; -1 if it cannot be sent. */
static int
match_add(struct match *m, const struct allocation_part *p)
{
	struct exchange_reservation *r;
	unsigned i;

	for (i = 0; i < m->n; i++)
		if (m->r[i]->sell == p->sell->order.number) {
			book_reserve_more(m->x, m->r[i], p->quantity);
			return 1;
		}
	if (m->n == EXCHANGE_FILL_SELLERS && match_send(m) == -1)
		return -1;
	r = book_reserve(m->x, m->now, p->sell, m->buy, p->quantity);
	if (r == NULL) {
		m->x->stuck = 1;
		return 0;
	}
	m->r[m->n++] = r;
	return 1;
}

/* Fill with up to *left of these classes, and subtract what was found: 0 when
 * everything possible was done, -1 if something could not be sent. */
static int
match_fill_from(struct match *m, const struct class_set *classes,
    uint32_t *left)
{
	struct allocation_part part[EXCHANGE_FILL_SELLERS];
	struct allocation a;
	unsigned i, n;
	int r = 1;

	allocation_begin(&a, m->x, classes, *left);
	while (r == 1 && (n = allocation_next(&a, part)) > 0)
		for (i = 0; r == 1 && i < n; i++)
			if ((r = match_add(m, &part[i])) == 1)
				*left -= part[i].quantity;
	return r == -1 ? -1 : 0;
}

/* First the sellers that the buyer prefers, then any that fit. */
static int
match_fill(struct match *m, uint32_t quantity)
{
	const struct buy_class *c = m->buy->class;

	if (c->prefers && class_set_meet(&c->near, &m->x->open) &&
	    match_fill_from(m, &c->near, &quantity) == -1)
		return -1;
	if (quantity > 0 && match_fill_from(m, &c->fits, &quantity) == -1)
		return -1;
	return m->n > 0 ? match_send(m) : 0;
}

/* Turns. */

/*
 * Give a buy that is in no queue up to this much of what it lacks; *served says
 * whether it got anything. If it did and lacks more, its new rank is at the end
 * of the line.
 */
static int
match_serve(struct exchange *x, int64_t now, struct exchange_buy *b,
    uint32_t quantity, int *served)
{
	struct match m;
	int r;

	m.x = x;
	m.buy = b;
	m.now = now;
	m.n = 0;
	m.filled = 0;
	buy_hide_excluded(x, b);
	r = match_fill(&m, quantity);
	buy_show_excluded(x, b);
	*served = m.filled > 0;
	if (*served) {
		b->filled += m.filled;
		x->totals.filled += m.filled;
		buy_account(x, b);
		buy_rank(x, b, now);
	}
	return r;
}

int
match_buy(struct exchange *x, int64_t now, struct exchange_buy *b)
{
	int served, r;

	buy_dequeue(b);
	if (b->lacking == 0)
		return 0;
	if (x->closed || x->stuck) {
		buy_enqueue(b);
		return match_run(x, now);
	}
	r = match_serve(x, now, b, b->lacking, &served);
	if (b->lacking > 0)
		buy_enqueue(b);
	book_unfreshen(x);
	return r;
}

/* The first in line of the buys that anything in the set of sell classes
 * fits. */
static struct exchange_buy *
match_first(const struct exchange *x, const struct class_set *set)
{
	struct queued *q, *first = NULL;
	struct buy_class *c;
	unsigned i;

	for (i = 0; i < x->classes.buys.n; i++) {
		c = class_buy(&x->classes, i);
		q = queue_first(&c->queue);
		if (q != NULL && class_set_meet(&c->fits, set) &&
		    (first == NULL || queue_before(q, first)))
			first = q;
	}
	return first == NULL ? NULL :
	    CHAIN_OWNER(first, struct exchange_buy, queued);
}

/* An even part of what is on offer to the buy, among all that wait for any of
 * it and itself. */
static uint64_t
match_even_part(const struct exchange *x, const struct exchange_buy *b)
{
	const struct buy_class *c;
	uint64_t offered = 0, buys = 0;
	unsigned i;

	for (i = 0; i < x->classes.sells.n; i++)
		if (class_set_has(&b->class->fits, i))
			offered += class_sell(&x->classes, i)->weights.total;
	for (i = 0; i < x->classes.buys.n; i++) {
		c = class_buy(&x->classes, i);
		if (class_set_meet(&c->fits, &b->class->fits))
			buys += c->unmet;
	}
	assert(buys > 0);
	return offered / buys;
}

/* How much the buy, which comes first and is out of its queue, gets before it
 * is another's turn. */
static uint32_t
match_turn(const struct exchange *x, const struct exchange_buy *b,
    const struct class_set *set)
{
	const struct exchange_buy *next;
	uint64_t n, part;

	if (b->lacking == 1 || (next = match_first(x, set)) == NULL)
		return b->lacking;
	n = next->queued.held > buy_holds(b) ?
	    next->queued.held - buy_holds(b) : 1;
	part = match_even_part(x, b);
	if (n < part)
		n = part;
	return n < b->lacking ? (uint32_t)n : b->lacking;
}

/*
 * Serve one buy after the other until nothing in the set is on offer to any of
 * them. Buys that exclude all of it are skipped, and put on a list. Serving a
 * buy takes time for each of its exclusions, so buy_has_fresh() says first
 * whether it would get anything. It excludes any sell that fits it and is not
 * fresh, or it would not be waiting.
 */
static int
match_set(struct exchange *x, int64_t now, const struct class_set *set,
    struct exchange_buy **passed)
{
	struct exchange_buy *b;
	int served, r = 0;

	while (r == 0 && !x->stuck && (b = match_first(x, set)) != NULL) {
		buy_dequeue(b);
		served = 0;
		if (set != &x->fresh || buy_has_fresh(x, b))
			r = match_serve(x, now, b, match_turn(x, b, set),
			    &served);
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
match_run(struct exchange *x, int64_t now)
{
	struct exchange_buy *passed = NULL;
	const struct class_set *set = &x->fresh;
	int r = 0;

	if (x->stuck && x->reservations.n < x->reservations.max) {
		x->stuck = 0;
		set = &x->open;
	}
	if (!x->closed && !x->stuck)
		r = match_set(x, now, set, &passed);
	for (; passed != NULL; passed = passed->next_passed)
		buy_enqueue(passed);
	book_unfreshen(x);
	return r;
}
