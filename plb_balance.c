#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attrs.h"
#include "fail.h"
#include "plb_balance.h"

static int
is_free(const struct pick_group *g)
{
	return g->attrs == NULL;
}

static void
group_free(struct pick *p, struct pick_group *g)
{
	if (is_free(g))
		return;
	free(g->attrs);
	fenwick_free(&g->tokens);
	memset(g, 0, sizeof(*g));
	p->used--;
	p->stamp++;
}

static int
group_make(struct pick *p, struct pick_group *g, struct slice attrs)
{
	if ((g->attrs = slice_dup(attrs)) == NULL)
		return fail(ENOMEM);
	g->attrs_len = attrs.len;
	fenwick_init(&g->tokens);
	if (g == &p->group[p->n])
		p->n++;
	p->used++;
	g->made = ++p->stamp;
	return 0;
}

void
pick_free(struct pick *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		group_free(p, &p->group[i]);
	p->n = 0;
}

struct slice
pick_attrs(const struct pick *p, int group)
{
	return slice_of(p->group[group].attrs, p->group[group].attrs_len);
}

/* The group with these attributes, or a free one, or -1. */
static int
find_group(const struct pick *p, struct slice attrs)
{
	int i, spare = -1;

	for (i = 0; i < (int)p->n; i++) {
		if (is_free(&p->group[i]))
			spare = i;
		else if (slice_equal(pick_attrs(p, i), attrs))
			return i;
	}
	if (spare == -1 && p->n < PICK_GROUPS)
		spare = (int)p->n;
	return spare;
}

int
pick_join(struct pick *p, struct slice attrs, size_t channel)
{
	struct pick_group *g;
	int i = find_group(p, attrs);

	if (i == -1)
		return fail(ENOBUFS);
	g = &p->group[i];
	if (is_free(g) && group_make(p, g, attrs) == -1)
		return -1;
	if (fenwick_grow(&g->tokens, channel + 1) == -1) {
		if (g->members == 0)
			group_free(p, g);
		return -1;
	}
	g->members++;
	return i;
}

void
pick_leave(struct pick *p, int group, size_t channel)
{
	struct pick_group *g = &p->group[group];

	assert(g->members > 0);
	fenwick_set(&g->tokens, channel, 0);
	if (--g->members == 0)
		group_free(p, g);
}

void
pick_set(struct pick *p, int group, size_t channel, uint32_t tokens)
{
	fenwick_set(&p->group[group].tokens, channel, tokens);
}

uint64_t
pick_total(const struct pick *p)
{
	uint64_t total = 0;
	size_t i;

	for (i = 0; i < p->n; i++)
		if (!is_free(&p->group[i]))
			total += p->group[i].tokens.total;
	return total;
}

/* What a function asks of groups. */

enum pick_verdict { NOT_EXPORTED, EXPORTED, EXPORTED_CAST };

static enum pick_verdict
judge(const struct pick *p, int group, struct slice function, unsigned arity)
{
	int cast = 0;

	if (is_free(&p->group[group]))
		return NOT_EXPORTED;
	if (function.len == 0)
		return EXPORTED;
	if (!attrs_exports(pick_attrs(p, group), function, arity, &cast))
		return NOT_EXPORTED;
	return cast ? EXPORTED_CAST : EXPORTED;
}

/* Where the function is remembered, or may be in place of another. */
static struct pick_known *
place(struct pick *p, struct slice function, unsigned arity)
{
	size_t i = arity + function.len;

	if (function.len > 0)
		i += 5u * function.p[0] + 3u * function.p[function.len - 1];
	return &p->known[i % PICK_KNOWN];
}

static const struct pick_known *
know(struct pick *p, struct slice function, unsigned arity)
{
	struct pick_known *k = place(p, function, arity);
	int i;

	if (k->stamp == p->stamp && k->arity == arity &&
	    slice_equal(slice_of(k->function, k->len), function))
		return k;
	k->stamp = p->stamp;
	k->arity = arity;
	k->len = function.len;
	if (function.len > 0)
		memcpy(k->function, function.p, function.len);
	k->exported = 0;
	for (i = 0; i < (int)p->n; i++) {
		k->verdict[i] = (unsigned char)judge(p, i, function, arity);
		k->exported |= k->verdict[i] != NOT_EXPORTED;
	}
	return k;
}

enum picked
pick_draw(struct pick *p, struct rng *rng, struct slice function,
    unsigned arity, size_t *channel, int *cast)
{
	const struct pick_known *k;
	const struct fenwick *f;
	uint64_t total = 0, point;
	size_t i;

	if (p->used == 0)
		return PICK_UNKNOWN;
	if (function.len > NAME_BYTES_MAX)
		return PICK_NOBODY;
	k = know(p, function, arity);
	if (!k->exported)
		return PICK_NOBODY;
	for (i = 0; i < p->n; i++)
		if (k->verdict[i] != NOT_EXPORTED)
			total += p->group[i].tokens.total;
	if (total == 0)
		return PICK_EMPTY;
	point = rng_below(rng, total);
	for (i = 0;; i++) {
		assert(i < p->n);
		if (k->verdict[i] == NOT_EXPORTED)
			continue;
		f = &p->group[i].tokens;
		if (point < f->total)
			break;
		point -= f->total;
	}
	*channel = fenwick_find(f, point);
	*cast = k->verdict[i] == EXPORTED_CAST;
	return PICK_FOUND;
}
