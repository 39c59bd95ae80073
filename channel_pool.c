#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "channel_pool.h"

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
