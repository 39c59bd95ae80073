#include <assert.h>
#include <string.h>

#include "strangers.h"

/* Lines that are older than a minute are in nobody's way. */
static void
forget_old(struct strangers *s, int64_t now)
{
	size_t old = 0;

	while (old < s->n && now - s->line[old].at >= STRANGERS_MS)
		old++;
	s->n -= old;
	memmove(s->line, s->line + old, s->n * sizeof(s->line[0]));
}

static int
has_line(const struct strangers *s, struct slice host)
{
	const struct strangers_line *l;

	for (l = s->line; l < s->line + s->n; l++)
		if (slice_equal(slice_of(l->host, l->host_len), host))
			return 1;
	return 0;
}

int
strangers_say(struct strangers *s, int64_t now, struct slice host)
{
	struct strangers_line *l;

	assert(host.len <= STRANGERS_HOST);
	forget_old(s, now);
	if (s->n == STRANGERS_LINES || has_line(s, host)) {
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
strangers_more(struct strangers *s, int64_t now)
{
	unsigned long more = s->more;

	if (now < strangers_deadline(s))
		return 0;
	s->more = 0;
	return more;
}

int64_t
strangers_deadline(const struct strangers *s)
{
	return s->more > 0 ? s->since + STRANGERS_MS : INT64_MAX;
}
