#include <assert.h>
#include <string.h>

#include "loglimit.h"

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
