#include <stdlib.h>

#include "exchange_book.h"

static struct slice
key_slice(const struct exclusion_key *k)
{
	return slice_of(k, sizeof(*k));
}

static struct exclusion_key
key_of(const struct buy *b, const struct sell *s)
{
	struct exclusion_key key;

	key.buy = (uint64_t)(uintptr_t)b;
	key.sell = (uint64_t)(uintptr_t)s;
	return key;
}

int
buy_excludes(const struct market *m, const struct buy *b, const struct sell *s)
{
	struct exclusion_key key;

	if (b->nexcludes == 0)
		return 0;
	key = key_of(b, s);
	return map_get(&m->exclusions, key_slice(&key)) != NULL;
}

void
buy_exclude(struct market *m, struct buy *b, struct sell *s)
{
	struct exclusion *e;

	if (buy_excludes(m, b, s) || (e = malloc(sizeof(*e))) == NULL)
		return;
	e->key = key_of(b, s);
	if (map_put(&m->exclusions, key_slice(&e->key), e) == -1) {
		free(e);
		return;
	}
	e->buy = b;
	e->sell = s;
	chain_append(&b->excludes, &e->of_buy);
	chain_append(&s->excluded, &e->of_sell);
	b->nexcludes++;
}

static void
exclusion_end(struct market *m, struct exclusion *e)
{
	map_del(&m->exclusions, key_slice(&e->key));
	chain_remove(&e->of_buy);
	chain_remove(&e->of_sell);
	e->buy->nexcludes--;
	free(e);
}

void
sell_readmit(struct market *m, struct sell *s)
{
	while (!chain_empty(&s->excluded))
		exclusion_end(m, CHAIN_OWNER(s->excluded.next,
		    struct exclusion, of_sell));
}

void
buy_readmit(struct market *m, struct buy *b)
{
	while (!chain_empty(&b->excludes))
		exclusion_end(m, CHAIN_OWNER(b->excludes.next,
		    struct exclusion, of_buy));
}

void
buy_hide_excluded(struct market *m, const struct buy *b)
{
	struct chain *c;

	for (c = b->excludes.next; c != &b->excludes; c = c->next)
		sell_weigh(m, CHAIN_OWNER(c, struct exclusion, of_buy)->sell,
		    0);
}

void
buy_show_excluded(struct market *m, const struct buy *b)
{
	struct chain *c;

	for (c = b->excludes.next; c != &b->excludes; c = c->next)
		sell_offer(m, CHAIN_OWNER(c, struct exclusion, of_buy)->sell);
}

static uint64_t
offer_of(const struct sell *s)
{
	return fenwick_get(&s->class->weights, s->slot);
}

static int
fits(const struct buy *b, const struct sell *s)
{
	return class_set_has(&b->class->fits, s->class->class.number);
}

/* As below, sell by sell. */
static int
walk_fresh(const struct market *m, const struct buy *b)
{
	const struct sell *s;

	for (s = m->fresh_sells; s != NULL; s = s->next_fresh)
		if (offer_of(s) > 0 && fits(b, s) && !buy_excludes(m, b, s))
			return 1;
	return 0;
}

/* As buy_has_fresh(): of what is fresh and fits, take off what the buy
 * excludes; is anything left? */
static int
weigh_fresh(const struct market *m, const struct buy *b)
{
	const struct chain *c;
	const struct sell *s;
	uint64_t fresh = 0;
	unsigned i;

	for (i = 0; i < EXCHANGE_CLASSES; i++)
		if (class_set_has(&b->class->fits, i) &&
		    class_set_has(&m->fresh, i))
			fresh += class_sell(&m->classes, i)->fresh;
	for (c = b->excludes.next; c != &b->excludes; c = c->next) {
		s = CHAIN_OWNER(c, const struct exclusion, of_buy)->sell;
		if (s->fresh && fits(b, s))
			fresh -= offer_of(s);
	}
	return fresh > 0;
}

int
buy_has_fresh(const struct market *m, const struct buy *b)
{
	if (b->nexcludes == 0)
		return 1;
	return b->nexcludes < m->nfresh ? weigh_fresh(m, b) : walk_fresh(m, b);
}
