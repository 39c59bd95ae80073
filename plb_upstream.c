#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "plb_upstream.h"

void
hold_free(struct hold *h)
{
	pick_free(&h->pick);
	free(h->channel);
	free(h->by_peer);
	memset(h, 0, sizeof(*h));
}

static int
grow(struct hold *h, size_t max)
{
	size_t n = h->n == 0 ? 4 : h->n * 2;
	struct hold_channel *channel;

	if (n > max)
		n = max;
	if (n == h->n)
		return fail(ENOBUFS);
	if ((channel = realloc(h->channel, n * sizeof(*channel))) == NULL)
		return -1;
	memset(channel + h->n, 0, (n - h->n) * sizeof(*channel));
	h->channel = channel;
	h->n = n;
	return 0;
}

struct hold_channel *
hold_add(struct hold *h, struct slice attrs, size_t max, size_t *number)
{
	struct hold_channel *c;
	size_t i = h->hint;
	int group;

	while (i < h->n && h->channel[i].state != HOLD_FREE)
		i++;
	if (i == h->n && grow(h, max) == -1)
		return NULL;
	if ((group = pick_join(&h->pick, attrs, i)) == -1)
		return NULL;
	c = &h->channel[i];
	memset(c, 0, sizeof(*c));
	c->state = HOLD_DIALLING;
	c->group = group;
	h->used++;
	h->hint = i + 1;
	*number = i;
	return c;
}

/* It is to be picked no more. */
static void
retire(struct hold *h, struct hold_channel *c)
{
	if (c->group == -1)
		return;
	hold_spend(h, c, c->tokens);
	pick_leave(&h->pick, c->group, hold_number(h, c));
	c->group = -1;
}

static int
is_drained(const struct hold_channel *c)
{
	return c->state == HOLD_DRAINING && c->sent.n == 0 && !c->closing;
}

void
hold_del(struct hold *h, size_t number)
{
	struct hold_channel *c = &h->channel[number];

	assert(c->asks == 0 && c->sent.n == 0);
	retire(h, c);
	h->drained -= (size_t)is_drained(c);
	memset(c, 0, sizeof(*c));
	h->used--;
	if (number < h->hint)
		h->hint = number;
}

struct hold_channel *
hold_seller(const struct hold *h, const struct id *seller)
{
	size_t i;

	for (i = 0; i < h->n; i++)
		if (h->channel[i].state != HOLD_FREE &&
		    h->channel[i].state != HOLD_DRAINING &&
		    !h->channel[i].closing &&
		    id_equal(&h->channel[i].seller, seller))
			return &h->channel[i];
	return NULL;
}

int
hold_link(struct hold *h, struct hold_channel *c, uint32_t peer)
{
	size_t i = peer & 0xffff, n = h->npeers == 0 ? 16 : h->npeers;
	uint32_t *grown;

	while (n <= i)
		n *= 2;
	if (n > h->npeers) {
		if ((grown = realloc(h->by_peer, n * sizeof(*grown))) == NULL)
			return -1;
		memset(grown + h->npeers, 0,
		    (n - h->npeers) * sizeof(*grown));
		h->by_peer = grown;
		h->npeers = n;
	}
	h->by_peer[i] = (uint32_t)hold_number(h, c) + 1;
	c->peer = peer;
	c->state = HOLD_UP;
	return 0;
}

struct hold_channel *
hold_peer(const struct hold *h, uint32_t peer)
{
	size_t i = peer & 0xffff;
	struct hold_channel *c;

	if (peer == 0 || i >= h->npeers || h->by_peer[i] == 0)
		return NULL;
	c = &h->channel[h->by_peer[i] - 1];
	return c->state != HOLD_FREE && c->peer == peer ? c : NULL;
}

size_t
hold_number(const struct hold *h, const struct hold_channel *c)
{
	return (size_t)(c - h->channel);
}

int
hold_ask(struct hold *h, struct hold_channel *c, const struct ask *ask)
{
	if (c->asks + c->overdue >= HOLD_ASKS)
		return fail(ENOBUFS);
	c->ask[c->asks++] = *ask;
	h->asked += ask->quantity;
	return 0;
}

int
hold_answered(struct hold *h, struct hold_channel *c, struct ask *ask)
{
	if (c->asks == 0)
		return 0;
	*ask = c->ask[0];
	c->asks--;
	memmove(c->ask, c->ask + 1, c->asks * sizeof(c->ask[0]));
	h->asked -= ask->quantity;
	return 1;
}

int
hold_give_up(struct hold *h, struct hold_channel *c, struct ask *ask)
{
	int r = hold_answered(h, c, ask);

	/* While it is dialled it has been sent none. */
	if (c->state != HOLD_DIALLING)
		c->overdue += (unsigned)r;
	return r;
}

int
hold_usable(const struct hold_channel *c)
{
	return c->state == HOLD_UP && !c->closing;
}

static void
show_tokens(struct hold *h, struct hold_channel *c)
{
	pick_set(&h->pick, c->group, hold_number(h, c), (uint32_t)c->tokens);
	if (c->tokens < c->idle)
		c->idle = c->tokens;
}

void
hold_grant(struct hold *h, struct hold_channel *c, uint64_t tokens)
{
	assert(hold_usable(c));
	if (tokens > UINT32_MAX - c->tokens)
		tokens = UINT32_MAX - c->tokens;
	c->tokens += tokens;
	h->tokens += tokens;
	show_tokens(h, c);
}

void
hold_spend(struct hold *h, struct hold_channel *c, uint64_t tokens)
{
	assert(tokens <= c->tokens);
	c->tokens -= tokens;
	h->tokens -= tokens;
	show_tokens(h, c);
}

void
hold_sent(struct hold *h, struct requests *rs, struct hold_channel *c,
    struct request *r)
{
	hold_spend(h, c, 1);
	request_append(rs, &c->sent, REQUEST_PLACE, r);
	r->channel = (uint32_t)hold_number(h, c) + 1;
	h->in_flight++;
}

void
hold_back(struct hold *h, struct requests *rs, struct hold_channel *c,
    struct request *r)
{
	request_remove(rs, &c->sent, REQUEST_PLACE, r);
	r->channel = 0;
	if (c->state != HOLD_DRAINING)
		h->in_flight--;
	h->drained += (size_t)is_drained(c);
}

void
hold_drain(struct hold *h, struct hold_channel *c)
{
	if (c->state == HOLD_DRAINING)
		return;
	retire(h, c);
	h->in_flight -= c->sent.n;
	c->state = HOLD_DRAINING;
	h->drained += (size_t)is_drained(c);
}

void
hold_close(struct hold *h, struct hold_channel *c)
{
	retire(h, c);
	h->drained -= (size_t)is_drained(c);
	c->closing = 1;
}
