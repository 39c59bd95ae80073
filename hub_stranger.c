/* What the log says of connections that ended before their peers
 * authenticated. */

#include <stdarg.h>
#include <stdio.h>

#include "hub.h"
#include "log.h"

static void
hub_on_minute(void *arg)
{
	struct hub *h = arg;
	unsigned long more = loglimit_more(&h->loglimit, loop_now(h->loop));

	if (more > 0)
		log_info("%lu more strangers closed", more);
}

void
hub_stranger(struct hub *h, struct slice host, const char *fmt, ...)
{
	int64_t now = loop_now(h->loop);
	char text[LOG_LINE_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	hub_on_minute(h);
	if (loglimit_say(&h->loglimit, now, host))
		log_info("%s", text);
	else
		log_debug("%s", text);
	h->minute.fn = hub_on_minute;
	h->minute.arg = h;
	if (loglimit_deadline(&h->loglimit) != INT64_MAX)
		loop_timer(h->loop, &h->minute,
		    loglimit_deadline(&h->loglimit));
}
