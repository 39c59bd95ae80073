#include <string.h>

#include "listener_state.h"

int
listener_on_waiting(struct listener *l, int64_t now,
    const struct msg_waiting *m)
{
	l->buyers = m->buyers;
	l->empty = m->empty < m->buyers ? m->empty : m->buyers;
	l->waiting_until = now + LISTENER_WAITING_MS;
	l->tell = 1;
	return 0;
}

static uint64_t
fair_share(const struct listener *l)
{
	uint64_t n = l->holders + l->empty;

	return n > 0 ? l->capacity / n : l->capacity;
}

/* Tell a channel how things stand, where it does not know. */
static int
tell_chan(struct listener *l, struct chan *c, uint64_t share)
{
	struct msg m;

	if (c->peer == 0 || (!c->waiting && l->buyers == 0))
		return 0;
	if (c->waiting && c->buyers == l->buyers && c->empty == l->empty &&
	    c->share == share)
		return 0;
	memset(&m, 0, sizeof(m));
	m.type = MSG_WAITING;
	m.u.waiting.buyers = l->buyers;
	m.u.waiting.empty = l->empty;
	m.u.waiting.share = l->buyers == 0 ? 0 : share;
	if (outbox_send(&l->out, c->peer, &m) == -1)
		return -1;
	c->waiting = l->buyers != 0;
	c->buyers = l->buyers;
	c->empty = l->empty;
	c->share = share;
	return 0;
}

int
listener_tell_waiting(struct listener *l)
{
	uint64_t share = fair_share(l);
	struct chan *c;
	size_t pos = 0;

	while ((c = map_next(&l->peers, &pos)) != NULL)
		if (tell_chan(l, c, share) == -1)
			return -1;
	l->tell = 0;
	return 0;
}
