#include <assert.h>

#include "exchange_allocation.h"

#define NO_CLASS EXCHANGE_CLASSES

static struct sell_class *
class_at(const struct choose *c, unsigned number)
{
	return class_sell(&c->m->classes, number);
}

/*
 * Put the class into its zone. For a buy of one, all classes are in one zone:
 * to draw a zone and then a seller, both by what they offer, is the same as to
 * draw a seller.
 */
static void
add_class(struct choose *c, struct class_set *seen, unsigned *index,
    unsigned number, int one)
{
	const struct sell_class *class = class_at(c, number);
	unsigned zone = one ? 0 : class->zone;
	struct choose_zone *z;

	if (!class_set_has(seen, zone)) {
		class_set_put(seen, zone, 1);
		index[zone] = c->n;
		z = &c->zone[c->n++];
		z->offer = z->share = 0;
		z->first = NO_CLASS;
	}
	z = &c->zone[index[zone]];
	z->offer += class->weights.total;
	c->next[number] = z->first;
	z->first = number;
}

static unsigned
lowest_bit(uint64_t w)
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

static void
gather(struct choose *c, const struct buy_class *b, int one)
{
	unsigned i, index[EXCHANGE_CLASSES];
	struct class_set seen;
	uint64_t w;

	memset(&seen, 0, sizeof(seen));
	c->n = 0;
	for (i = 0; i < CLASS_WORDS; i++)
		for (w = b->fits.w[i] & c->m->open.w[i]; w != 0; w &= w - 1)
			add_class(c, &seen, index, 64 * i + lowest_bit(w),
			    one);
}

/*
 * Even shares: a zone that has less than an even share of what is left gives
 * all it has, and the others share the rest. Returns what is left of the
 * quantity when none is limited any more; *n is the number of those and *each
 * what they give.
 */
static uint64_t
share_evenly(struct choose *c, uint64_t left, unsigned *n, uint64_t *each)
{
	struct choose_zone *z;
	unsigned i, before;

	*n = c->n;
	do {
		before = *n;
		*each = before > 0 ? left / before : 0;
		for (i = 0; i < c->n; i++) {
			z = &c->zone[i];
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
share_extra(struct choose *c, unsigned extra, uint64_t each)
{
	uint64_t total, point;
	unsigned i;

	total = 0;
	for (i = 0; i < c->n; i++)
		if (c->zone[i].share == each && c->zone[i].offer > each)
			total += c->zone[i].offer;
	for (; extra > 0; extra--) {
		point = rng_below(&c->m->rng, total);
		for (i = 0;; i++) {
			if (c->zone[i].share != each ||
			    c->zone[i].offer <= each)
				continue;
			if (point < c->zone[i].offer)
				break;
			point -= c->zone[i].offer;
		}
		c->zone[i].share++;
		total -= c->zone[i].offer;
	}
}

static void
share(struct choose *c, uint64_t quantity)
{
	uint64_t each, left;
	unsigned i, n, serving = 0;

	left = share_evenly(c, quantity, &n, &each);
	if (n > 0) {
		for (i = 0; i < c->n; i++)
			if (c->zone[i].share == 0)
				c->zone[i].share = each;
		share_extra(c, (unsigned)left, each);
	}
	for (i = 0; i < c->n; i++)
		serving += c->zone[i].share > 0;
	c->points = serving == 0 || serving > EXCHANGE_FILL_SELLERS ? 1 :
	    EXCHANGE_FILL_SELLERS / serving;
}

void
choose_init(struct choose *c, struct market *m, const struct buy_class *b,
    uint32_t quantity)
{
	assert(quantity > 0);
	c->m = m;
	c->at = 0;
	gather(c, b, quantity == 1);
	if (c->n == 1) {
		c->zone[0].share = quantity < c->zone[0].offer ? quantity :
		    c->zone[0].offer;
		c->points = EXCHANGE_FILL_SELLERS;
	} else {
		share(c, quantity);
	}
}

/*
 * The seller at this point of a zone. Points come in ascending order: *number
 * and *base are the class where the last one was, and where it begins.
 */
static struct sell *
seller_at(const struct choose *c, uint64_t point, unsigned *number,
    uint64_t *base)
{
	struct sell_class *class;

	for (;;) {
		assert(*number != NO_CLASS);
		class = class_at(c, *number);
		if (point - *base < class->weights.total)
			break;
		*base += class->weights.total;
		*number = c->next[*number];
	}
	return class->sells[fenwick_find(&class->weights, point - *base)];
}

static uint32_t
offer_of(const struct sell *s)
{
	return fenwick_get(&s->class->weights, s->slot);
}

/*
 * A round over one zone. The jth point is at (start + j * offer) / points; the
 * first `extra' points counted from `turn' are worth one more than the others.
 */
static unsigned
pick(struct choose *c, struct choose_zone *z, struct choice *p)
{
	uint64_t start, base, worth, extra, taken;
	unsigned i, j, n, points, turn, number;
	struct sell *s;

	points = z->share < c->points ? (unsigned)z->share : c->points;
	worth = z->share / points;
	extra = z->share % points;
	start = rng_below(&c->m->rng, z->offer);
	turn = extra == 0 ? 0 : (unsigned)rng_below(&c->m->rng, points);
	number = z->first;
	base = 0;
	for (j = n = 0; j < points; j++) {
		s = seller_at(c, (start + j * z->offer) / points, &number,
		    &base);
		if (n == 0 || p[n - 1].sell != s) {
			p[n].sell = s;
			p[n++].quantity = 0;
		}
		taken = worth + ((j + points - turn) % points < extra);
		if (taken > offer_of(s) - p[n - 1].quantity)
			taken = offer_of(s) - p[n - 1].quantity;
		p[n - 1].quantity += (uint32_t)taken;
	}
	for (i = 0; i < n; i++) {
		z->share -= p[i].quantity;
		z->offer -= p[i].quantity;
	}
	return n;
}

unsigned
choose_next(struct choose *c, struct choice *p)
{
	for (; c->at < c->n; c->at++)
		if (c->zone[c->at].share > 0)
			return pick(c, &c->zone[c->at], p);
	return 0;
}
