#include "strangers.h"

static int
is_over(const struct strangers *s, int64_t now)
{
	return s->said > 0 && now - s->since >= STRANGERS_MS;
}

/* Those that were counted stay so until they are told. */
int
strangers_say(struct strangers *s, int64_t now)
{
	if (is_over(s, now) && s->more == 0)
		s->said = 0;
	if (s->said == 0)
		s->since = now;
	if (s->said == STRANGERS_LINES) {
		s->more++;
		return 0;
	}
	s->said++;
	return 1;
}

unsigned long
strangers_more(struct strangers *s, int64_t now)
{
	unsigned long more = s->more;

	if (!is_over(s, now))
		return 0;
	s->said = 0;
	s->more = 0;
	return more;
}

int64_t
strangers_deadline(const struct strangers *s)
{
	return s->more > 0 ? s->since + STRANGERS_MS : INT64_MAX;
}
