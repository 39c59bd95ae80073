#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "channel_pool.h"

#define MEMBERS_FIRST 8

void
crew_init(struct crew *c, int shared)
{
	memset(c, 0, sizeof(*c));
	c->shared = shared;
	c->retry = INT64_MIN;
}

void
crew_free(struct crew *c)
{
	free(c->member);
}

static struct member *
member(const struct crew *c, uint32_t worker)
{
	if (worker == 0 || worker > c->n ||
	    c->member[worker - 1].state == MEMBER_NONE)
		return NULL;
	return &c->member[worker - 1];
}

const struct member *
crew_member(const struct crew *c, uint32_t worker)
{
	return member(c, worker);
}

uint32_t
crew_idle(const struct crew *c)
{
	return c->idle;
}

static void
push_idle(struct crew *c, uint32_t worker)
{
	struct member *m = &c->member[worker - 1];

	m->state = MEMBER_IDLE;
	m->below = c->idle;
	c->idle = worker;
}

static void
drop_idle(struct crew *c, uint32_t worker)
{
	uint32_t *link = &c->idle;

	while (*link != worker) {
		assert(*link != 0);
		link = &c->member[*link - 1].below;
	}
	*link = c->member[worker - 1].below;
}

static int
grow(struct crew *c)
{
	struct member *m;
	size_t n = c->n == 0 ? MEMBERS_FIRST : 2 * c->n;

	m = realloc(c->member, n * sizeof(*m));
	if (m == NULL)
		return -1;
	memset(m + c->n, 0, (n - c->n) * sizeof(*m));
	c->member = m;
	c->n = n;
	return 0;
}

/* A number for one more worker, or 0. */
static uint32_t
hire(struct crew *c, int64_t now)
{
	size_t i;

	if (now < c->retry) {
		errno = EAGAIN;
		return 0;
	}
	if (c->alive == c->n && grow(c) == -1)
		return 0;
	for (i = 0; c->member[i].state != MEMBER_NONE; i++)
		;
	memset(&c->member[i], 0, sizeof(c->member[i]));
	c->alive++;
	return (uint32_t)i + 1;
}

uint32_t
crew_take(struct crew *c, int64_t now, uint32_t request, int *start)
{
	uint32_t worker = c->shared ? c->taker : c->idle;
	struct member *m;

	*start = worker == 0;
	if (*start)
		worker = hire(c, now);
	else if (!c->shared)
		drop_idle(c, worker);
	if (worker == 0)
		return 0;
	if (c->shared)
		c->taker = worker;
	m = &c->member[worker - 1];
	m->state = MEMBER_BUSY;
	m->request = request;
	m->load++;
	return worker;
}

void
crew_done(struct crew *c, uint32_t worker, int answered)
{
	struct member *m = member(c, worker);

	assert(m != NULL && m->load > 0);
	m->load--;
	if (answered) {
		m->useful = 1;
		c->fails = 0;
	}
	if (m->load == 0 && m->state == MEMBER_BUSY && !c->shared)
		push_idle(c, worker);
}

void
crew_leave(struct crew *c, uint32_t worker)
{
	struct member *m = member(c, worker);

	assert(m != NULL);
	if (m->state == MEMBER_IDLE)
		drop_idle(c, worker);
	if (c->taker == worker)
		c->taker = 0;
	if (m->state != MEMBER_LEAVING)
		c->leaving++;
	m->state = MEMBER_LEAVING;
}

static void
back_off(struct crew *c, int64_t now)
{
	int64_t wait = CREW_BACKOFF_MIN_MS;
	unsigned i;

	if (++c->fails < CREW_FAILS)
		return;
	for (i = CREW_FAILS; i < c->fails && wait < CREW_BACKOFF_MAX_MS; i++)
		wait *= 2;
	c->retry = now +
	    (wait < CREW_BACKOFF_MAX_MS ? wait : CREW_BACKOFF_MAX_MS);
}

enum member_state
crew_ended(struct crew *c, int64_t now, uint32_t worker)
{
	struct member *m = member(c, worker);
	enum member_state was;

	if (m == NULL)
		return MEMBER_NONE;
	was = m->state;
	if (was == MEMBER_IDLE)
		drop_idle(c, worker);
	else if (was == MEMBER_LEAVING)
		c->leaving--;
	if (c->taker == worker)
		c->taker = 0;
	m->state = MEMBER_NONE;
	c->alive--;
	if (!m->useful && was != MEMBER_LEAVING)
		back_off(c, now);
	return was;
}
