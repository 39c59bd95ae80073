#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "channel_pool.h"
#include "fail.h"

void
pool_init(struct pool *p, int shared)
{
	memset(p, 0, sizeof(*p));
	p->shared = shared;
	p->retry = INT64_MIN;
}

void
pool_free(struct pool *p)
{
	free(p->worker);
}

struct pool_worker *
pool_worker(const struct pool *p, uint32_t number)
{
	if (number == 0 || number > p->n ||
	    p->worker[number - 1].state == POOL_NONE)
		return NULL;
	return &p->worker[number - 1];
}

static void
pool_push_idle(struct pool *p, uint32_t number)
{
	struct pool_worker *w = &p->worker[number - 1];

	w->state = POOL_IDLE;
	w->below = p->idle;
	p->idle = number;
}

static void
pool_drop_idle(struct pool *p, uint32_t number)
{
	uint32_t *link = &p->idle;

	while (*link != number) {
		assert(*link != 0);
		link = &p->worker[*link - 1].below;
	}
	*link = p->worker[number - 1].below;
}

/* A number for one more worker, or 0. */
static uint32_t
pool_add(struct pool *p, int64_t now)
{
	struct pool_worker *w;
	size_t i;

	if (now < p->retry) {
		errno = EAGAIN;
		return 0;
	}
	w = array_grow(p->worker, &p->n, p->alive + 1, POOL_MAX, sizeof(*w));
	if (w == NULL)
		return 0;
	p->worker = w;
	for (i = 0; p->worker[i].state != POOL_NONE; i++)
		;
	memset(&p->worker[i], 0, sizeof(p->worker[i]));
	p->alive++;
	return (uint32_t)i + 1;
}

uint32_t
pool_take(struct pool *p, int64_t now, uint32_t request, int *start)
{
	uint32_t number = p->shared ? p->taker : p->idle;
	struct pool_worker *w;

	*start = number == 0;
	if (*start)
		number = pool_add(p, now);
	else if (!p->shared)
		pool_drop_idle(p, number);
	if (number == 0)
		return 0;
	if (p->shared)
		p->taker = number;
	w = &p->worker[number - 1];
	w->state = POOL_BUSY;
	w->request = request;
	w->load++;
	return number;
}

void
pool_done(struct pool *p, uint32_t number, int answered)
{
	struct pool_worker *w = pool_worker(p, number);

	assert(w != NULL && w->load > 0);
	w->load--;
	if (answered) {
		w->useful = 1;
		p->fails = 0;
	}
	if (w->load == 0 && w->state == POOL_BUSY && !p->shared)
		pool_push_idle(p, number);
}

void
pool_leave(struct pool *p, uint32_t number)
{
	struct pool_worker *w = pool_worker(p, number);

	assert(w != NULL);
	if (w->state == POOL_IDLE)
		pool_drop_idle(p, number);
	if (p->taker == number)
		p->taker = 0;
	if (w->state != POOL_LEAVING)
		p->leaving++;
	w->state = POOL_LEAVING;
}

static void
pool_back_off(struct pool *p, int64_t now)
{
	int64_t wait = POOL_BACKOFF_MIN_MS;
	unsigned i;

	if (++p->fails < POOL_FAILS)
		return;
	for (i = POOL_FAILS; i < p->fails && wait < POOL_BACKOFF_MAX_MS; i++)
		wait *= 2;
	p->retry = now +
	    (wait < POOL_BACKOFF_MAX_MS ? wait : POOL_BACKOFF_MAX_MS);
}

enum pool_state
pool_ended(struct pool *p, int64_t now, uint32_t number)
{
	struct pool_worker *w = pool_worker(p, number);
	enum pool_state was;

	if (w == NULL)
		return POOL_NONE;
	was = w->state;
	if (was == POOL_IDLE)
		pool_drop_idle(p, number);
	else if (was == POOL_LEAVING)
		p->leaving--;
	if (p->taker == number)
		p->taker = 0;
	w->state = POOL_NONE;
	p->alive--;
	if (!w->useful && was != POOL_LEAVING)
		pool_back_off(p, now);
	return was;
}

/* Requests in flight. */

void
inflight_init(struct inflight_table *t, uint64_t seed)
{
	memset(t, 0, sizeof(*t));
	t->seed = seed;
	t->due = INT64_MAX;
}

void
inflight_free(struct inflight_table *t)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		buf_free(&t->slot[i]->kept);
		buf_free(&t->slot[i]->said);
		free(t->slot[i]);
	}
	free(t->slot);
	free(t->chain);
}

/* Fibonacci hashing (Knuth, volume 3, 6.4): the product's upper half. */
static struct inflight **
inflight_chain(const struct inflight_table *t, uint64_t id)
{
	uint64_t hash = (id ^ t->seed) * UINT64_C(0x9e3779b97f4a7c15);

	return &t->chain[hash >> 32 & (t->cap - 1)];
}

static void
inflight_link(struct inflight_table *t, struct inflight *r)
{
	struct inflight **chain = inflight_chain(t, r->id);

	r->next = *chain;
	*chain = r;
}

static int
inflight_grow(struct inflight_table *t)
{
	struct inflight **slot, **chain;
	size_t cap = t->cap, i;

	if (t->n == INFLIGHT_MAX)
		return fail(ENOBUFS);
	if (t->n < t->cap)
		return 0;
	slot = array_grow(t->slot, &cap, t->n + 1, INFLIGHT_MAX + 1,
	    sizeof(struct inflight *));
	if (slot == NULL)
		return -1;
	t->slot = slot;
	if ((chain = calloc(cap, sizeof(struct inflight *))) == NULL)
		return -1;
	free(t->chain);
	t->chain = chain;
	t->cap = cap;
	for (i = 0; i < t->n; i++)
		if (t->slot[i]->used)
			inflight_link(t, t->slot[i]);
	return 0;
}

/* Its number stays the slot's for good. */
static struct inflight *
inflight_make(struct inflight_table *t)
{
	struct inflight *r;

	if (inflight_grow(t) == -1 || (r = calloc(1, sizeof(*r))) == NULL)
		return NULL;
	t->slot[t->n++] = r;
	r->number = (uint32_t)t->n;
	return r;
}

struct inflight *
inflight_add(struct inflight_table *t, uint64_t id)
{
	struct inflight *r;
	uint32_t number;

	if (inflight_find(t, id) != NULL) {
		errno = EEXIST;
		return NULL;
	}
	if ((r = t->free) != NULL)
		t->free = r->next;
	else if ((r = inflight_make(t)) == NULL)
		return NULL;
	number = r->number;
	memset(r, 0, sizeof(*r));
	r->number = number;
	r->id = id;
	r->due = INT64_MAX;
	r->mux = (uint32_t)t->serial++ << 16 | number;
	r->used = 1;
	inflight_link(t, r);
	t->used++;
	t->unanswered++;
	return r;
}

void
inflight_del(struct inflight_table *t, struct inflight *r)
{
	struct inflight **at = inflight_chain(t, r->id);

	assert(r->used);
	buf_free(&r->kept);
	buf_free(&r->said);
	inflight_answered(t, r);
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
inflight_answered(struct inflight_table *t, struct inflight *r)
{
	if (r->answered)
		return;
	r->answered = 1;
	t->unanswered--;
}

void
inflight_limit(struct inflight_table *t, struct inflight *r, int64_t due)
{
	r->due = due;
	if (due < t->due)
		t->due = due;
}

struct inflight *
inflight_find(const struct inflight_table *t, uint64_t id)
{
	struct inflight *r;

	if (t->used == 0)
		return NULL;
	for (r = *inflight_chain(t, id); r != NULL; r = r->next)
		if (r->id == id && !r->answered)
			break;
	return r;
}

struct inflight *
inflight_at(const struct inflight_table *t, uint32_t number)
{
	if (number == 0 || number > t->n || !t->slot[number - 1]->used)
		return NULL;
	return t->slot[number - 1];
}

struct inflight *
inflight_mux(const struct inflight_table *t, uint64_t mux)
{
	struct inflight *r = inflight_at(t, (uint32_t)mux & 0xffff);

	return r != NULL && r->mux == mux ? r : NULL;
}

struct inflight *
inflight_next(const struct inflight_table *t, size_t *pos)
{
	while (*pos < t->n)
		if (t->slot[(*pos)++]->used)
			return t->slot[*pos - 1];
	return NULL;
}

/*
 * The first deadline may be too early, since most requests end long before
 * theirs. When it comes, one walk finds the requests that are late, and sets it
 * again.
 */
struct inflight *
inflight_late(struct inflight_table *t, int64_t now, size_t *pos)
{
	struct inflight *r;

	if (*pos == 0) {
		if (now < t->due)
			return NULL;
		t->due = INT64_MAX;
	}
	while ((r = inflight_next(t, pos)) != NULL) {
		if (r->due <= now) {
			r->due = INT64_MAX;
			return r;
		}
		if (r->due < t->due)
			t->due = r->due;
	}
	return NULL;
}
