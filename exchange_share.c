/*
 * Who is to give something back: a buyer that holds more than an equal share of
 * what it and others that lack something could use.
 *
 * Every buy stands at every exchange while it lacks or holds something, so each
 * exchange sees all that is held, and all come to the same result without
 * talking to each other. Buys compete whose constraints fit a class of sells.
 * The share of such a set is max-min fair: nobody gets more than it wants, and
 * the others get as much as each other, to within one token. Those who hold the
 * most keep what is left when it does not divide, so that no more tokens move
 * than must.
 *
 * Buys that have less choice than the others, as all that fits them fits those,
 * too, are such a set as well: what the others have elsewhere is of no use to
 * them, so their share of the little that fits them may be smaller.
 *
 * Where there are more buyers than tokens the share is 0. Then, for each buyer
 * that holds nothing, one that holds a token is asked for it: the one that has
 * held it for longest, and not before its slice of time is over.
 *
 * A buyer returns a token when the request that uses it has ended. While it is
 * not seen to do so, others are asked as if it was not there, too: its requests
 * may take long, or what it holds may be of no use to those who lack something.
 * The same holds of one that returns something, and gets as much again, while
 * another has had nothing for a second. Once nobody holds less than its share,
 * nobody is asked.
 */

#include <stdlib.h>
#include <string.h>

#include "exchange_book.h"

#define SHARE_MS       25   /* between two looks; and */
#define SHARE_BUYS     64   /* that many buys, for a millisecond more */
#define SHARE_AGAIN_MS 250  /* a look, while buyers are asked */
#define SHARE_SLICE_MS 50   /* a token is kept, where buyers outnumber them */
#define SHARE_STUCK_MS 1000 /* nothing came from a buyer that was asked: its
			       requests take long */
#define SHARE_OTHER_MS 250  /* the same where constraints differ: what it holds
			       may be of no use to others */
#define SHARE_TELL_MS  1000 /* one that is asked is told so again */
#define SHARE_KEPT_MS  1000 /* what is on its way is still counted */

struct share_item {
	struct exchange_buy *buy;
	uint64_t held, wanted;
	uint64_t keep;  /* it is to be asked so */
	uint64_t grant; /* its share, in the set that is looked at */
};

/* All buys; and those that compete for the same sells. */
struct share {
	struct exchange *x;
	int64_t now;
	struct class_set sells; /* the classes that have any */
	struct class_set unmet; /* the classes of buys that lack something */
	struct class_set users[EXCHANGE_CLASSES]; /* the classes of buys that
						     each of sells fits */
	struct share_item *items, **set;
	size_t n, nset;
	uint64_t level; /* an equal share of the set, rounded down */
	int64_t stuck_ms;
	int64_t kept_until; /* more counts than there is now; or INT64_MAX */
	int starves;	/* one of the set has had nothing for long */
	int rotates;	/* tokens go round, as there are more buyers */
};

static int
share_by_wanted(const void *a, const void *b)
{
	const struct share_item *p = *(struct share_item *const *)a;
	const struct share_item *q = *(struct share_item *const *)b;

	return (p->wanted > q->wanted) - (p->wanted < q->wanted);
}

/* Every exchange has the same number of an order, of the same broker. */
static int
share_by_name(const struct exchange_buy *a, const struct exchange_buy *b)
{
	int r = memcmp(&a->order.broker->instance, &b->order.broker->instance,
	    sizeof(a->order.broker->instance));

	return r != 0 ? r : (a->order.id > b->order.id) -
	    (a->order.id < b->order.id);
}

/* Who holds most comes first. */
static int
share_by_held(const void *a, const void *b)
{
	const struct share_item *p = *(struct share_item *const *)a;
	const struct share_item *q = *(struct share_item *const *)b;

	if (p->held != q->held)
		return p->held < q->held ? 1 : -1;
	return share_by_name(p->buy, q->buy);
}

/* Who has held something for longest comes first. */
static int
share_by_since(const void *a, const void *b)
{
	const struct share_item *p = *(struct share_item *const *)a;
	const struct share_item *q = *(struct share_item *const *)b;

	if (p->buy->since != q->buy->since)
		return p->buy->since < q->buy->since ? -1 : 1;
	return share_by_name(p->buy, q->buy);
}

static void
share_sort(struct share *h, int (*by)(const void *, const void *))
{
	qsort(h->set, h->nset, sizeof(*h->set), by);
}

/* Who could use what. */
static void
share_classes(struct share *h)
{
	const struct classes *t = &h->x->classes;
	const struct buy_class *b;
	unsigned i, j;

	for (i = 0; i < t->sells.n; i++)
		class_set_put(&h->sells, i, class_sell(t, i)->class.n > 0);
	for (i = 0; i < t->buys.n; i++) {
		b = class_buy(t, i);
		class_set_put(&h->unmet, i, b->unmet > 0);
		for (j = 0; b->class.n > 0 && j < t->sells.n; j++)
			class_set_put(&h->users[j], i,
			    class_set_has(&b->fits, j));
	}
}

/* Gather all buys that matter: 0, or -1 without memory. */
static int
share_gather(struct share *h)
{
	struct exchange *x = h->x;
	struct exchange_order *o;
	struct exchange_buy *b;
	struct share_item *item;
	size_t pos = 0, n = (size_t)x->totals.buys + 1;

	h->items = calloc(n, sizeof(*h->items));
	h->set = calloc(n, sizeof(*h->set));
	if (h->items == NULL || h->set == NULL)
		return -1;
	share_classes(h);
	while ((o = order_next(x, &pos)) != NULL) {
		if (o->selling)
			continue;
		b = order_buy(o);
		if (b->keep == KEEP_ALL && b->lacking == 0 &&
		    buy_holds(b) == 0)
			continue;
		item = &h->items[h->n++];
		item->buy = b;
		item->held = buy_holds(b);
		item->wanted = item->held + b->lacking;
		item->keep = KEEP_ALL;
	}
	return 0;
}

/* The buyer was asked, and has given nothing that we have seen; or what it
 * gives does not help a buyer that still has nothing. */
static int
share_is_stuck(const struct share *h, const struct share_item *item)
{
	const struct exchange_buy *b = item->buy;

	if (b->keep == KEEP_ALL)
		return 0;
	return (item->held == b->asked_held &&
	    h->now - b->asked_at >= h->stuck_ms) ||
	    (h->starves && h->now - b->asked_since >= h->stuck_ms);
}

/* Has it had nothing for longer than others take to return something? */
static int
share_starves(const struct share *h, const struct share_item *item)
{
	return item->held == 0 && item->wanted > 0 &&
	    h->now - item->buy->since >= SHARE_STUCK_MS;
}

static int
share_has_all(const struct class_set *set, const struct class_set *of)
{
	uint64_t other = 0;
	unsigned i;

	for (i = 0; i < CLASS_WORDS; i++)
		other |= of->w[i] & ~set->w[i];
	return other == 0;
}

/* What there is that fits b. */
static struct class_set
share_fits(const struct share *h, const struct buy_class *b)
{
	struct class_set fits;
	unsigned i;

	for (i = 0; i < CLASS_WORDS; i++)
		fits.w[i] = b->fits.w[i] & h->sells.w[i];
	return fits;
}

/* Does all that fits a fit b? Of what there is. */
static int
share_is_within(const struct share *h, const struct buy_class *a,
    const struct buy_class *b)
{
	struct class_set fits = share_fits(h, a);

	return share_has_all(&b->fits, &fits);
}

static int
share_is_like(const struct share *h, const struct buy_class *a,
    const struct buy_class *b)
{
	return a == b || (share_is_within(h, a, b) && share_is_within(h, b, a));
}

/* The set is those of the classes of buys. */
static void
share_choose(struct share *h, const struct class_set *classes, int stuck)
{
	struct share_item *item;
	const struct buy_class *first = NULL;

	h->nset = 0;
	h->stuck_ms = SHARE_STUCK_MS;
	for (item = h->items; item < h->items + h->n; item++) {
		if (!class_set_has(classes, item->buy->class->class.number))
			continue;
		if (first == NULL)
			first = item->buy->class;
		else if (!share_is_like(h, item->buy->class, first))
			h->stuck_ms = SHARE_OTHER_MS;
	}
	for (item = h->items; item < h->items + h->n; item++)
		if (class_set_has(classes, item->buy->class->class.number) &&
		    (stuck || !share_is_stuck(h, item)))
			h->set[h->nset++] = item;
}

static int
share_are_same(const struct class_set *a, const struct class_set *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/*
 * The classes of buys that have no more choice than this one: 1 when others
 * compete with them, that have more. Of classes that are alike the first that
 * lacks something counts.
 */
static int
share_bound_classes(const struct share *h, const struct buy_class *b,
    struct class_set *classes)
{
	const struct classes *t = &h->x->classes;
	struct class_set fits = share_fits(h, b);
	const struct buy_class *other;
	int others = 0;
	unsigned i;

	memset(classes, 0, sizeof(*classes));
	for (i = 0; i < t->buys.n; i++) {
		other = class_buy(t, i);
		if (other->class.n == 0 || !class_set_meet(&other->fits, &fits))
			continue;
		if (!share_is_within(h, other, b)) {
			others = 1;
			continue;
		}
		if (i < b->class.number && other->unmet > 0 &&
		    share_is_within(h, b, other))
			return 0;
		class_set_put(classes, i, 1);
	}
	return others;
}

/*
 * What there is for the buyers of these classes: what they hold, and what is on
 * offer to all of them. A token that was returned is neither for a moment, so
 * the largest sum of the last second counts; and a token that was granted is
 * both, so this is not more than all capacity.
 */
static uint64_t
share_capacity(struct share *h, struct class_most *most,
    const struct class_set *classes, uint64_t *offered)
{
	const struct classes *t = &h->x->classes;
	const struct sell_class *s;
	uint64_t sum = 0, all = 0;
	unsigned i;
	size_t j;

	*offered = 0;
	for (i = 0; i < t->sells.n; i++) {
		s = class_sell(t, i);
		if (share_has_all(&h->users[i], classes))
			*offered += s->weights.total;
		if (class_set_meet(&h->users[i], classes))
			all += s->capacity;
	}
	for (j = 0; j < h->nset; j++)
		sum += h->set[j]->held;
	sum += *offered;
	if (sum >= most->n || h->now - most->at >= SHARE_KEPT_MS) {
		most->n = sum;
		most->at = h->now;
	} else if (most->at + SHARE_KEPT_MS < h->kept_until)
		h->kept_until = most->at + SHARE_KEPT_MS;
	return most->n < all ? most->n : all;
}

/* Divide that much among the set. */
static void
share_divide(struct share *h, uint64_t left)
{
	uint64_t rest = 0;
	size_t i;

	h->level = KEEP_ALL;
	share_sort(h, share_by_wanted);
	for (i = 0; i < h->nset; i++) {
		if (h->set[i]->wanted > left / (h->nset - i)) {
			h->level = left / (h->nset - i);
			rest = left % (h->nset - i);
			break;
		}
		left -= h->set[i]->wanted;
	}
	share_sort(h, share_by_held);
	for (i = 0; i < h->nset; i++) {
		h->set[i]->grant = h->set[i]->wanted;
		if (h->set[i]->wanted <= h->level)
			continue;
		h->set[i]->grant = h->level + (rest > 0);
		rest -= rest > 0;
	}
}

static void
share_ask(struct share_item *item, uint64_t keep)
{
	if (item->held > keep && item->keep > keep)
		item->keep = keep;
}

/* Ask for what is over the shares. Returns how many buyers hold nothing, and
 * will not get any of that. */
static uint64_t
share_ask_all(struct share *h, uint64_t offered)
{
	uint64_t freed = offered, empty = 0;
	size_t i;

	for (i = 0; i < h->nset; i++) {
		share_ask(h->set[i], h->set[i]->grant);
		if (h->set[i]->held > h->set[i]->grant)
			freed += h->set[i]->held - h->set[i]->grant;
		empty += h->set[i]->held == 0 && h->set[i]->wanted > 0;
	}
	return empty > freed ? empty - freed : 0;
}

/* Ask that many that hold a token each for it. */
static void
share_rotate(struct share *h, uint64_t n)
{
	struct share_item *item;
	size_t i;

	share_sort(h, share_by_since);
	for (i = 0; i < h->nset && n > 0; i++) {
		item = h->set[i];
		if (item->held != 1 || item->grant != 1)
			continue;
		h->rotates = 1;
		if (h->now - item->buy->since < SHARE_SLICE_MS)
			break;
		share_ask(item, 0);
		n--;
	}
}

/* Divide this much, some of which is on offer, among the set, and ask for
 * it. */
static void
share_out(struct share *h, uint64_t capacity, uint64_t offered)
{
	uint64_t empty;

	share_divide(h, capacity);
	empty = share_ask_all(h, offered);
	if (h->level == 0)
		share_rotate(h, empty);
}

/* Does one of the set hold less than its share, or nothing? */
static int
share_is_short(const struct share *h)
{
	const struct share_item *item;
	size_t i;

	for (i = 0; i < h->nset; i++) {
		item = h->set[i];
		if (item->held < item->grant ||
		    (item->held == 0 && item->wanted > 0))
			return 1;
	}
	return 0;
}

/* Look at the buyers of these classes. Returns an equal share of what there is
 * for them. */
static uint64_t
share_set(struct share *h, struct class_most *most,
    const struct class_set *classes)
{
	uint64_t capacity, offered, level;
	size_t i, n;

	share_choose(h, classes, 1);
	capacity = share_capacity(h, most, classes, &offered);
	h->starves = 0;
	for (i = 0; i < h->nset; i++)
		h->starves |= share_starves(h, h->set[i]);
	share_out(h, capacity, offered);
	level = h->level;
	/* By now a buyer that was asked in vain need not give anything,
	 * either. */
	if (!share_is_short(h))
		return level;
	for (i = 0; i < h->nset; i++) {
		if (!share_is_stuck(h, h->set[i]))
			continue;
		share_ask(h->set[i], h->set[i]->buy->keep);
		capacity -= h->set[i]->held < capacity ? h->set[i]->held :
		    capacity;
	}
	n = h->nset;
	share_choose(h, classes, 0);
	if (h->nset != n)
		share_out(h, capacity, offered);
	return level;
}

/* Look at each class of buys that wait and have less choice than others. */
static void
share_look_bound(struct share *h)
{
	struct class_set classes;
	struct buy_class *b;
	unsigned i;

	for (i = 0; i < h->x->classes.buys.n; i++) {
		b = class_buy(&h->x->classes, i);
		if (b->unmet > 0 && share_bound_classes(h, b, &classes))
			share_set(h, &b->most, &classes);
	}
}

/* Look at each class of sells for which buys wait. Those that the same buys
 * could use are looked at once. */
static void
share_look(struct share *h)
{
	const struct sell_class *before = NULL;
	struct sell_class *c;
	uint64_t was, level;
	unsigned i;

	for (i = 0; i < h->x->classes.sells.n; i++) {
		c = class_sell(&h->x->classes, i);
		if (c->class.n == 0 || !class_set_meet(&h->users[i], &h->unmet))
			continue;
		was = c->share;
		if (before != NULL && share_are_same(&h->users[i],
			&h->users[before->class.number])) {
			c->share = before->share;
		} else {
			level = share_set(h, &c->most, &h->users[i]);
			c->share = level < UINT32_MAX ? level : UINT32_MAX;
			before = c;
		}
		h->x->round |= c->share != was;
	}
}

/* Tell the buyer what it may keep, if it does not know. */
static int
share_tell(struct share *h, const struct share_item *item)
{
	struct exchange_buy *b = item->buy;
	struct msg msg = { .type = MSG_WAITING,
		.u.waiting.order = b->order.id };

	/* When it has given that much, it forgets that it was asked. */
	if (item->keep == b->keep && (b->keep == KEEP_ALL ||
	    (b->asked_held == item->held &&
	    h->now - b->told_at < SHARE_TELL_MS)))
		return 0;
	if (b->keep == KEEP_ALL)
		b->asked_since = h->now;
	if (b->keep == KEEP_ALL || b->asked_held != item->held) {
		b->asked_at = h->now;
		b->asked_held = (uint32_t)item->held;
	}
	if (item->keep != KEEP_ALL) {
		msg.u.waiting.buyers = 1;
		msg.u.waiting.share = item->keep;
	}
	if (outbox_send(&h->x->out, b->order.broker->handle, &msg) == -1)
		return -1;
	b->told_at = h->now;
	h->x->asked += item->keep != KEEP_ALL;
	h->x->asked -= b->keep != KEEP_ALL;
	b->keep = item->keep;
	return 0;
}

int64_t
share_due(const struct exchange *x)
{
	if (x->asked == 0 && (x->closed || x->totals.missing == 0))
		return INT64_MAX;
	return x->uneven ? x->share_at : x->share_again;
}

void
share_round(struct exchange *x, int64_t now)
{
	struct share h = { .x = x, .now = now, .kept_until = INT64_MAX };
	size_t i;

	x->uneven = 0;
	if (share_gather(&h) == 0) {
		if (!x->closed && x->totals.missing > 0) {
			share_look_bound(&h);
			share_look(&h);
		}
		for (i = 0; i < h.n && share_tell(&h, &h.items[i]) == 0; i++)
			continue;
	}
	x->share_at = now + SHARE_MS + (int64_t)(h.n / SHARE_BUYS);
	x->share_again = h.rotates ? x->share_at :
	    x->asked > 0 ? x->share_at + SHARE_AGAIN_MS : INT64_MAX;
	if (h.kept_until < x->share_again)
		x->share_again = h.kept_until;
	free(h.items);
	free(h.set);
}
