#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "attrs.h"
#include "plb_balance.h"

static int
balance_is_free(const struct balance_group *g)
{
	return g->attrs == NULL;
}

static void
balance_group_free(struct balance *b, struct balance_group *g)
{
	if (balance_is_free(g))
		return;
	free(g->attrs);
	fenwick_free(&g->tokens);
	memset(g, 0, sizeof(*g));
	b->used--;
	b->stamp++;
}

void
balance_free(struct balance *b)
{
	size_t i;

	for (i = 0; i < b->n; i++)
		balance_group_free(b, &b->group[i]);
	free(b->group);
	memset(b, 0, sizeof(*b));
}

struct slice
balance_attrs(const struct balance *b, int group)
{
	return slice_of(b->group[group].attrs, b->group[group].attrs_len);
}

/* The group with these attributes, or a free one; -1 with errno. */
static int
balance_find(struct balance *b, struct slice attrs)
{
	struct balance_group *group;
	int i, spare = -1;

	for (i = 0; i < (int)b->n; i++) {
		if (balance_is_free(&b->group[i]))
			spare = i;
		else if (slice_equal(balance_attrs(b, i), attrs))
			return i;
	}
	if (spare != -1)
		return spare;
	group = array_grow(b->group, &b->cap, b->n + 1, BALANCE_GROUPS,
	    sizeof(*group));
	if (group == NULL)
		return -1;
	b->group = group;
	return (int)b->n;
}

static int
balance_group_make(struct balance *b, struct balance_group *g,
    struct slice attrs)
{
	if ((g->attrs = slice_dup(attrs)) == NULL)
		return -1;
	g->attrs_len = attrs.len;
	fenwick_init(&g->tokens);
	if (g == &b->group[b->n])
		b->n++;
	b->used++;
	g->made = ++b->stamp;
	return 0;
}

int
balance_join(struct balance *b, struct slice attrs, size_t channel)
{
	struct balance_group *g;
	int i = balance_find(b, attrs);

	if (i == -1)
		return -1;
	g = &b->group[i];
	if (balance_is_free(g) && balance_group_make(b, g, attrs) == -1)
		return -1;
	if (fenwick_grow(&g->tokens, channel + 1) == -1) {
		if (g->members == 0)
			balance_group_free(b, g);
		return -1;
	}
	g->members++;
	return i;
}

void
balance_leave(struct balance *b, int group, size_t channel)
{
	struct balance_group *g = &b->group[group];

	assert(g->members > 0);
	fenwick_set(&g->tokens, channel, 0);
	if (--g->members == 0)
		balance_group_free(b, g);
}

void
balance_set(struct balance *b, int group, size_t channel, uint32_t tokens)
{
	fenwick_set(&b->group[group].tokens, channel, tokens);
}

/* Which groups export a function. */

enum balance_verdict { NOT_EXPORTED, EXPORTED, EXPORTED_CAST };

static enum balance_verdict
balance_judge(const struct balance *b, int group, struct slice function,
    unsigned arity)
{
	int cast = 0;

	if (balance_is_free(&b->group[group]))
		return NOT_EXPORTED;
	if (function.len == 0)
		return EXPORTED;
	if (!attrs_exports(balance_attrs(b, group), function, arity, &cast))
		return NOT_EXPORTED;
	return cast ? EXPORTED_CAST : EXPORTED;
}

/* Where the function is remembered, or may replace another. */
static size_t
balance_place(struct slice function, unsigned arity)
{
	size_t i = arity + function.len;

	if (function.len > 0)
		i += 5u * function.p[0] + 3u * function.p[function.len - 1];
	return i % BALANCE_KNOWN;
}

/* Have the verdicts on the function at its place: is it exported? */
static int
balance_know(struct balance *b, size_t place, struct slice function,
    unsigned arity)
{
	struct balance_function *k = &b->known[place];
	int i, verdict;

	if (k->stamp == b->stamp && k->arity == arity &&
	    slice_equal(slice_of(k->name, k->len), function))
		return k->exported;
	k->stamp = b->stamp;
	k->arity = arity;
	k->len = function.len;
	if (function.len > 0)
		memcpy(k->name, function.p, function.len);
	k->exported = 0;
	for (i = 0; i < (int)b->n; i++) {
		verdict = balance_judge(b, i, function, arity);
		b->group[i].verdict[place] = (unsigned char)verdict;
		k->exported |= verdict != NOT_EXPORTED;
	}
	return k->exported;
}

enum balance_drawn
balance_draw(struct balance *b, struct rng *rng, struct slice function,
    unsigned arity, size_t *channel, int *cast)
{
	size_t place = balance_place(function, arity);
	const struct balance_group *g, *end;
	uint64_t total = 0, point;

	if (b->used == 0)
		return BALANCE_UNKNOWN;
	if (function.len > NAME_BYTES_MAX ||
	    !balance_know(b, place, function, arity))
		return BALANCE_NOBODY;
	end = b->group + b->n;
	for (g = b->group; g < end; g++)
		if (g->verdict[place] != NOT_EXPORTED)
			total += g->tokens.total;
	if (total == 0)
		return BALANCE_EMPTY;
	point = rng_below(rng, total);
	for (g = b->group;; g++) {
		assert(g < end);
		if (g->verdict[place] == NOT_EXPORTED)
			continue;
		if (point < g->tokens.total)
			break;
		point -= g->tokens.total;
	}
	*channel = fenwick_find(&g->tokens, point);
	*cast = g->verdict[place] == EXPORTED_CAST;
	return BALANCE_FOUND;
}
