#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "preauth.h"

#define PREAUTH_CAP_FIRST 8

void
preauth_init(struct preauth *g, size_t max, size_t host_max)
{
	assert(max >= 1 && max <= PREAUTH_ENTRIES);
	assert(host_max >= 1 && host_max <= max);
	memset(g, 0, sizeof(*g));
	g->max = max;
	g->host_max = host_max;
}

void
preauth_bound(struct preauth *g, size_t descriptors)
{
	size_t max = descriptors / 4;

	if (max > PREAUTH_ENTRIES)
		max = PREAUTH_ENTRIES;
	if (max == 0)
		max = 1;
	preauth_init(g, max, max < PREAUTH_HOST_MAX ? max : PREAUTH_HOST_MAX);
}

void
preauth_free(struct preauth *g)
{
	free(g->entries);
	g->entries = NULL;
	g->n = g->cap = 0;
}

/* Entries move up, so that they stay in the order in which they came. */
static uint32_t
preauth_take(struct preauth *g, size_t i)
{
	uint32_t tag = g->entries[i].tag;

	g->n--;
	memmove(&g->entries[i], &g->entries[i + 1],
	    (g->n - i) * sizeof(g->entries[0]));
	return tag;
}

/* The one that must go before one more comes from host: its index, or g->n
 * where there is room. */
static size_t
preauth_in_the_way(const struct preauth *g, struct slice host)
{
	const struct preauth_entry *e;
	size_t i, oldest = g->n, n = 0;

	for (i = g->n; i-- > 0;) {
		e = &g->entries[i];
		if (slice_equal(slice_of(e->host, e->host_len), host)) {
			oldest = i;
			n++;
		}
	}
	if (n >= g->host_max)
		return oldest;
	return g->n == g->max ? 0 : g->n;
}

int64_t
preauth_opens(const struct preauth *g, struct slice host)
{
	size_t i = preauth_in_the_way(g, host);

	return i == g->n ? INT64_MIN : g->entries[i].entered + PREAUTH_GRACE_MS;
}

static int
preauth_grow(struct preauth *g)
{
	size_t cap = g->cap > 0 ? 2 * g->cap : PREAUTH_CAP_FIRST;
	struct preauth_entry *entries;

	if (g->n < g->cap)
		return 0;
	entries = realloc(g->entries, cap * sizeof(*entries));
	if (entries == NULL)
		return -1;
	g->entries = entries;
	g->cap = cap;
	return 0;
}

uint32_t
preauth_enter(struct preauth *g, int64_t now, int64_t since, uint32_t tag,
    struct slice host)
{
	struct preauth_entry *e;
	uint32_t victim = 0;
	size_t i = preauth_in_the_way(g, host);

	assert(tag != 0 && host.len <= PREAUTH_HOST);
	if (i < g->n)
		victim = preauth_take(g, i);
	else if (preauth_grow(g) == -1)
		return tag;
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
			preauth_take(g, i);
			return 1;
		}
	return 0;
}

/* The one whose time is up first: its index, or g->n. One that waited before
 * it entered has less time left than others that entered before it. */
static size_t
preauth_earliest(const struct preauth *g)
{
	size_t i, first = 0;

	for (i = 1; i < g->n; i++)
		if (g->entries[i].since < g->entries[first].since)
			first = i;
	return first;
}

int64_t
preauth_deadline(const struct preauth *g)
{
	return g->n == 0 ? INT64_MAX :
	    g->entries[preauth_earliest(g)].since + PREAUTH_MS;
}

uint32_t
preauth_late(struct preauth *g, int64_t now)
{
	return preauth_deadline(g) > now ? 0 :
	    preauth_take(g, preauth_earliest(g));
}

/* Lines of log about them. */

/* A line that is older than a minute no longer counts. */
static void
loglimit_forget_old(struct loglimit *s, int64_t now)
{
	size_t old = 0;

	while (old < s->n && now - s->line[old].at >= LOGLIMIT_MS)
		old++;
	s->n -= old;
	memmove(s->line, s->line + old, s->n * sizeof(s->line[0]));
}

static int
loglimit_has_line(const struct loglimit *s, struct slice host)
{
	const struct loglimit_line *l;

	for (l = s->line; l < s->line + s->n; l++)
		if (slice_equal(slice_of(l->host, l->host_len), host))
			return 1;
	return 0;
}

int
loglimit_say(struct loglimit *s, int64_t now, struct slice host)
{
	struct loglimit_line *l;

	assert(host.len <= LOGLIMIT_HOST);
	loglimit_forget_old(s, now);
	if (s->n == LOGLIMIT_LINES || loglimit_has_line(s, host)) {
		if (s->more++ == 0)
			s->since = now;
		return 0;
	}
	l = &s->line[s->n++];
	l->at = now;
	l->host_len = host.len;
	if (host.len > 0)
		memcpy(l->host, host.p, host.len);
	return 1;
}

unsigned long
loglimit_more(struct loglimit *s, int64_t now)
{
	unsigned long more = s->more;

	if (now < loglimit_deadline(s))
		return 0;
	s->more = 0;
	return more;
}

int64_t
loglimit_deadline(const struct loglimit *s)
{
	return s->more > 0 ? s->since + LOGLIMIT_MS : INT64_MAX;
}
