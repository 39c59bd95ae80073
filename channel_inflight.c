#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "channel_inflight.h"

#define SLOTS_FIRST 16

void
running_init(struct running_table *t, uint64_t seed)
{
	memset(t, 0, sizeof(*t));
	t->seed = seed;
	t->due = INT64_MAX;
}

void
running_free(struct running_table *t)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		free(t->slot[i]);
	free(t->slot);
	free(t->chain);
}

/* Fibonacci hashing (Knuth, volume 3, 6.4): the product's upper half. */
static struct running **
chain_of(const struct running_table *t, uint64_t id)
{
	uint64_t hash = (id ^ t->seed) * UINT64_C(0x9e3779b97f4a7c15);

	return &t->chain[hash >> 32 & (t->cap - 1)];
}

static void
link_in(struct running_table *t, struct running *r)
{
	struct running **chain = chain_of(t, r->id);

	r->next = *chain;
	*chain = r;
}

static int
grow(struct running_table *t)
{
	struct running **slot, **chain;
	size_t cap = t->cap == 0 ? SLOTS_FIRST : 2 * t->cap, i;

	if (t->n < t->cap && t->n < RUNNING_MAX)
		return 0;
	if (t->n == RUNNING_MAX)
		return fail(ENOBUFS);
	slot = realloc(t->slot, cap * sizeof(struct running *));
	if (slot == NULL)
		return -1;
	t->slot = slot;
	if ((chain = calloc(cap, sizeof(struct running *))) == NULL)
		return -1;
	free(t->chain);
	t->chain = chain;
	t->cap = cap;
	for (i = 0; i < t->n; i++)
		if (t->slot[i]->used)
			link_in(t, t->slot[i]);
	return 0;
}

/* Its number stays the slot's for good. */
static struct running *
make_slot(struct running_table *t)
{
	struct running *r;

	if (grow(t) == -1 || (r = malloc(sizeof(*r))) == NULL)
		return NULL;
	memset(r, 0, sizeof(*r));
	t->slot[t->n++] = r;
	r->number = (uint32_t)t->n;
	return r;
}

struct running *
running_add(struct running_table *t, uint64_t id)
{
	struct running *r;
	uint32_t number;

	if (running_find(t, id) != NULL) {
		errno = EEXIST;
		return NULL;
	}
	if ((r = t->free) != NULL)
		t->free = r->next;
	else if ((r = make_slot(t)) == NULL)
		return NULL;
	number = r->number;
	memset(r, 0, sizeof(*r));
	r->number = number;
	r->id = id;
	r->due = INT64_MAX;
	r->mux = (uint32_t)t->serial++ << 16 | number;
	r->used = 1;
	link_in(t, r);
	t->used++;
	t->unanswered++;
	return r;
}

void
running_del(struct running_table *t, struct running *r)
{
	struct running **at = chain_of(t, r->id);

	assert(r->used);
	running_answered(t, r);
	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	r->used = 0;
	r->next = t->free;
	t->free = r;
	if (--t->used == 0)
		t->due = INT64_MAX;
}

void
running_answered(struct running_table *t, struct running *r)
{
	if (r->answered)
		return;
	r->answered = 1;
	t->unanswered--;
}

void
running_limit(struct running_table *t, struct running *r, int64_t due)
{
	r->due = due;
	if (due < t->due)
		t->due = due;
}

struct running *
running_find(const struct running_table *t, uint64_t id)
{
	struct running *r;

	if (t->used == 0)
		return NULL;
	for (r = *chain_of(t, id); r != NULL; r = r->next)
		if (r->id == id && !r->answered)
			break;
	return r;
}

struct running *
running_at(const struct running_table *t, uint32_t number)
{
	if (number == 0 || number > t->n || !t->slot[number - 1]->used)
		return NULL;
	return t->slot[number - 1];
}

struct running *
running_mux(const struct running_table *t, uint64_t mux)
{
	struct running *r = running_at(t, (uint32_t)mux & 0xffff);

	return r != NULL && r->mux == mux ? r : NULL;
}

struct running *
running_next(const struct running_table *t, size_t *pos)
{
	while (*pos < t->n)
		if (t->slot[(*pos)++]->used)
			return t->slot[*pos - 1];
	return NULL;
}

/*
 * The first deadline is not kept exact, since most requests end long before
 * theirs: when it comes, one walk finds who is late, and sets it anew.
 */
struct running *
running_late(struct running_table *t, int64_t now, size_t *pos)
{
	struct running *r;

	if (*pos == 0) {
		if (now < t->due)
			return NULL;
		t->due = INT64_MAX;
	}
	while ((r = running_next(t, pos)) != NULL) {
		if (r->due <= now) {
			r->due = INT64_MAX;
			return r;
		}
		if (r->due < t->due)
			t->due = r->due;
	}
	return NULL;
}

int64_t
running_deadline(const struct running_table *t)
{
	return t->due;
}
