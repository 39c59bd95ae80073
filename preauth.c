#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "preauth.h"

#define PREAUTH_CAP_FIRST 8

void
preauth_init(struct preauth *g, size_t max)
{
	assert(max >= 1 && max <= PREAUTH_ENTRIES);
	memset(g, 0, sizeof(*g));
	g->max = max;
}

void
preauth_bound(struct preauth *g, size_t descriptors)
{
	size_t max = descriptors / 4;

	if (max > PREAUTH_ENTRIES)
		max = PREAUTH_ENTRIES;
	preauth_init(g, max == 0 ? 1 : max);
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

static size_t
preauth_find(const struct preauth *g, uint32_t tag)
{
	size_t i;

	for (i = 0; i < g->n && g->entries[i].tag != tag; i++)
		;
	return i;
}

static size_t
preauth_count_host(const struct preauth *g, const unsigned char *host)
{
	size_t i, n = 0;

	for (i = 0; i < g->n; i++)
		n += memcmp(g->entries[i].host, host, PREAUTH_HOST) == 0;
	return n;
}

/* From when on it goes for another. */
static int64_t
preauth_until(const struct preauth_entry *e)
{
	return e->since + (e->good ? PREAUTH_MS : PREAUTH_GRACE_MS);
}

static int
preauth_may_go(const struct preauth_entry *e, int64_t now)
{
	return preauth_until(e) <= now;
}

/* The one that goes for the next: its index, or g->n. */
static size_t
preauth_victim(const struct preauth *g, int64_t now)
{
	size_t i, n, most = 0, victim = g->n;

	for (i = 0; i < g->n; i++) {
		if (!preauth_may_go(&g->entries[i], now))
			continue;
		n = preauth_count_host(g, g->entries[i].host);
		if (n > most) {
			most = n;
			victim = i;
		}
	}
	return victim;
}

int64_t
preauth_opens(const struct preauth *g, int64_t now)
{
	int64_t opens = INT64_MAX;
	size_t i;

	if (g->n < g->max)
		return INT64_MIN;
	for (i = 0; i < g->n; i++)
		if (preauth_until(&g->entries[i]) < opens)
			opens = preauth_until(&g->entries[i]);
	return opens <= now ? INT64_MIN : opens;
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
preauth_enter(struct preauth *g, int64_t now, uint32_t tag, struct slice host)
{
	struct preauth_entry *e;
	uint32_t victim = 0;
	size_t i;

	assert(tag != 0);
	if (g->n == g->max) {
		if ((i = preauth_victim(g, now)) == g->n)
			return tag;
		victim = preauth_take(g, i);
	} else if (preauth_grow(g) == -1)
		return tag;
	e = &g->entries[g->n++];
	memset(e, 0, sizeof(*e));
	e->tag = tag;
	e->since = now;
	if (host.len > 0)
		memcpy(e->host, host.p, host.len < PREAUTH_HOST ? host.len :
								  PREAUTH_HOST);
	return victim;
}

void
preauth_good(struct preauth *g, uint32_t tag)
{
	size_t i = preauth_find(g, tag);

	if (i < g->n)
		g->entries[i].good = 1;
}

int
preauth_leave(struct preauth *g, uint32_t tag)
{
	size_t i = preauth_find(g, tag);

	if (i == g->n)
		return 0;
	preauth_take(g, i);
	return 1;
}

int64_t
preauth_deadline(const struct preauth *g)
{
	return g->n == 0 ? INT64_MAX : g->entries[0].since + PREAUTH_MS;
}

uint32_t
preauth_late(struct preauth *g, int64_t now)
{
	return preauth_deadline(g) > now ? 0 : preauth_take(g, 0);
}

/* Lines of log about them. */

void
loglimit_free(struct loglimit *s)
{
	free(s->line);
	memset(s, 0, sizeof(*s));
}

/* A line that is older than a minute no longer counts. */
static void
loglimit_forget_old(struct loglimit *s, int64_t now)
{
	size_t old = 0;

	while (old < s->n && now - s->line[old].at >= LOGLIMIT_MS)
		old++;
	s->n -= old;
	if (old > 0)
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
	l = loglimit_has_line(s, host) ? NULL : array_grow(s->line, &s->cap,
	    s->n + 1, LOGLIMIT_LINES, sizeof(*l));
	if (l == NULL) {
		if (s->more++ == 0)
			s->since = now;
		return 0;
	}
	s->line = l;
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
