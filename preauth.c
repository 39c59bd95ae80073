#include <assert.h>

#include "preauth.h"

void
preauth_init(struct preauth *g, size_t max, size_t host_max)
{
	assert(max >= 1 && max <= PREAUTH_ENTRIES);
	assert(host_max >= 1 && host_max <= max);
	g->max = max;
	g->host_max = host_max;
	g->n = 0;
}

/* Entries move up, so that they stay in the order in which they came. */
static uint32_t
take(struct preauth *g, size_t i)
{
	uint32_t tag = g->entries[i].tag;

	g->n--;
	memmove(&g->entries[i], &g->entries[i + 1],
	    (g->n - i) * sizeof(g->entries[0]));
	return tag;
}

static int
is_from(const struct preauth_entry *e, struct slice host)
{
	return slice_equal(slice_of(e->host, e->host_len), host);
}

/* Who must go before one more comes from host: its place, or g->n: nobody. */
static size_t
in_the_way(const struct preauth *g, struct slice host)
{
	size_t i, oldest = g->n, n = 0;

	for (i = g->n; i > 0; i--)
		if (is_from(&g->entries[i - 1], host)) {
			oldest = i - 1;
			n++;
		}
	if (n >= g->host_max)
		return oldest;
	return g->n == g->max ? 0 : g->n;
}

int64_t
preauth_opens(const struct preauth *g, struct slice host)
{
	size_t i = in_the_way(g, host);

	return i == g->n ? INT64_MIN : g->entries[i].entered + PREAUTH_GRACE_MS;
}

uint32_t
preauth_enter(struct preauth *g, int64_t now, int64_t since, uint32_t tag,
    struct slice host)
{
	struct preauth_entry *e;
	uint32_t victim = 0;
	size_t i = in_the_way(g, host);

	assert(tag != 0 && host.len <= PREAUTH_HOST);
	if (i < g->n)
		victim = take(g, i);
	e = &g->entries[g->n++];
	e->tag = tag;
	e->since = since;
	e->entered = now;
	e->host_len = host.len;
	if (host.len > 0)
		memcpy(e->host, host.p, host.len);
	return victim;
}

int
preauth_leave(struct preauth *g, uint32_t tag)
{
	size_t i;

	for (i = 0; i < g->n; i++)
		if (g->entries[i].tag == tag) {
			take(g, i);
			return 1;
		}
	return 0;
}

/* Whose time is up first: its place, or g->n. Who waited before he entered has
 * less time left than others that entered before him. */
static size_t
earliest(const struct preauth *g)
{
	size_t i, first = g->n;

	for (i = 0; i < g->n; i++)
		if (first == g->n ||
		    g->entries[i].since < g->entries[first].since)
			first = i;
	return first;
}

uint32_t
preauth_late(struct preauth *g, int64_t now)
{
	size_t i = earliest(g);

	return i < g->n && g->entries[i].since + PREAUTH_MS <= now ? take(g, i) :
								  0;
}

int64_t
preauth_deadline(const struct preauth *g)
{
	size_t i = earliest(g);

	return i < g->n ? g->entries[i].since + PREAUTH_MS : INT64_MAX;
}
