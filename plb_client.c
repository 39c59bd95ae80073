#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fail.h"
#include "plb_state.h"

/* They are found by the low 16 bits of the peer, plus one: the program's own
 * requests have client 0. */
struct plb_client *
plb_client(const struct plb *p, uint32_t peer)
{
	size_t i = peer == 0 ? 0 : (peer & 0xffff) + 1;

	if (i >= p->nclients || p->client[i].peer != peer)
		return NULL;
	return &p->client[i];
}

int
plb_client_up(struct plb *p, uint32_t peer, unsigned role)
{
	size_t i = peer == 0 ? 0 : (peer & 0xffff) + 1;
	size_t n = p->nclients == 0 ? 1 : p->nclients;
	struct plb_client *grown;

	while (n <= i)
		n *= 2;
	if (n > p->nclients) {
		if ((grown = realloc(p->client, n * sizeof(*grown))) == NULL)
			return -1;
		memset(grown + p->nclients, 0,
		    (n - p->nclients) * sizeof(*grown));
		p->client = grown;
		p->nclients = n;
	}
	memset(&p->client[i], 0, sizeof(p->client[i]));
	p->client[i].peer = peer;
	p->client[i].role = role;
	return 0;
}

/*
 * How many requests a client may have with us, and tokens for more: enough to
 * keep what is held busy. The rest of its input stays with it.
 */
static uint64_t
window(const struct plb *p)
{
	uint64_t held = plb_held(p);

	if (held == 0)
		return 0;
	return held >= PLB_WINDOW / 2 ? PLB_WINDOW : 2 * held + 1;
}

static uint64_t
room_of(const struct plb *p, const struct plb_client *c)
{
	uint64_t has = c->tokens + c->own.n;

	return has < window(p) ? window(p) - has : 0;
}

uint64_t
plb_refill(struct plb *p, struct plb_client *c)
{
	if (c->peer == 0 || p->stopping ||
	    c->tokens + c->own.n > window(p))
		return 0;
	c->tokens++;
	return 1;
}

static int
grant(struct plb *p, struct plb_client *c, uint64_t quantity)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_DEMAND;
	m.u.demand.tokens = quantity;
	c->tokens += quantity;
	return outbox_send(&p->out, c->peer, &m);
}

static int
refuse(struct plb *p, uint32_t peer, int final, const char *why)
{
	return outbox_send_refuse(&p->out, peer, 0, why, final);
}

/* What is not to be had now is owed: it is granted once it is there. */
int
plb_on_connect(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	struct plb_client *c = plb_client(p, peer);
	uint64_t quantity = m->u.connect.quantity, room;
	char why[REASON_MAX];

	(void)now;
	if (c == NULL)
		return fail(EPROTO);
	if (!slice_equal(m->u.connect.module, plb_module(p))) {
		snprintf(why, sizeof(why), "this PLB serves %.*s, not %.*s",
		    SLICE_ARG(plb_module(p)), SLICE_ARG(m->u.connect.module));
		return refuse(p, peer, 1, why);
	}
	if (p->stopping)
		return refuse(p, peer, 0, "this PLB is ending");
	room = room_of(p, c);
	if (quantity <= room) {
		c->owed = 0;
		return grant(p, c, quantity);
	}
	c->owed = quantity - room;
	if (room > 0)
		return grant(p, c, room);
	plb_want(p, plb_held(p) + 1);
	if (refuse(p, peer, 0, "there is no more for now") == -1)
		return -1;
	return plb_trouble_tell(p, c);
}

int
plb_grant_owed(struct plb *p)
{
	uint64_t was = p->window, room;
	struct plb_client *c;

	p->window = window(p);
	if (p->window <= was || p->stopping)
		return 0;
	for (c = p->client + 1; c < p->client + p->nclients; c++) {
		room = c->owed > 0 ? room_of(p, c) : 0;
		if (room > c->owed)
			room = c->owed;
		if (room == 0)
			continue;
		c->owed -= room;
		if (grant(p, c, room) == -1)
			return -1;
	}
	return 0;
}

int
plb_on_return(struct plb *p, int64_t now, uint32_t peer, const struct msg *m)
{
	struct plb_client *c = plb_client(p, peer);

	(void)now;
	if (c == NULL || m->u.giveback.tokens > c->tokens)
		return fail(EPROTO);
	c->tokens -= m->u.giveback.tokens;
	return 0;
}
