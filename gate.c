#include <assert.h>

#include "gate.h"

void
gate_init(struct gate *g)
{
	g->n = 0;
}

/* Entries move up, so that they stay in the order in which they came. */
static uint32_t
take(struct gate *g, size_t i)
{
	uint32_t tag = g->entries[i].tag;

	g->n--;
	memmove(&g->entries[i], &g->entries[i + 1],
	    (g->n - i) * sizeof(g->entries[0]));
	return tag;
}

static int
is_from(const struct gate_entry *e, struct slice host)
{
	return slice_equal(slice_of(e->host, e->host_len), host);
}

/* Who must go before one more comes from host; 0: nobody. */
static uint32_t
make_room(struct gate *g, struct slice host)
{
	size_t i, oldest = 0, n = 0;

	for (i = g->n; i > 0; i--)
		if (is_from(&g->entries[i - 1], host)) {
			oldest = i - 1;
			n++;
		}
	if (n >= GATE_HOST_MAX)
		return take(g, oldest);
	return g->n == GATE_MAX ? take(g, 0) : 0;
}

int
gate_full(const struct gate *g, struct slice host)
{
	size_t i, n = 0;

	for (i = 0; i < g->n; i++)
		n += (size_t)is_from(&g->entries[i], host);
	return n >= GATE_HOST_MAX || g->n == GATE_MAX;
}

uint32_t
gate_enter(struct gate *g, int64_t now, uint32_t tag, struct slice host)
{
	struct gate_entry *e;
	uint32_t victim;

	assert(tag != 0 && host.len <= GATE_HOST);
	victim = make_room(g, host);
	e = &g->entries[g->n++];
	e->tag = tag;
	e->since = now;
	e->host_len = host.len;
	if (host.len > 0)
		memcpy(e->host, host.p, host.len);
	return victim;
}

void
gate_leave(struct gate *g, uint32_t tag)
{
	size_t i;

	for (i = 0; i < g->n; i++)
		if (g->entries[i].tag == tag) {
			take(g, i);
			return;
		}
}

uint32_t
gate_late(struct gate *g, int64_t now)
{
	return gate_deadline(g) <= now ? take(g, 0) : 0;
}

int64_t
gate_deadline(const struct gate *g)
{
	return g->n > 0 ? g->entries[0].since + GATE_MS : INT64_MAX;
}
