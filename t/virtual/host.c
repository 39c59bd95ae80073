/* What a process finds around it: log.h and env.h, as far as the driver
 * asks for them. */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "env.h"
#include "hub.h"
#include "log.h"
#include "t/virtual/sim.h"

enum log_level log_level = LOG_DEBUG; /* watcher.c traces messages */

#define LOG_FUNCTION(name)                           \
	void name(const char *fmt, ...)              \
	{                                            \
		va_list ap;                          \
                                                     \
		va_start(ap, fmt);                   \
		trace_list(proc_running, fmt, ap);   \
		va_end(ap);                          \
	}

LOG_FUNCTION(log_error)
LOG_FUNCTION(log_debug)
LOG_FUNCTION(log_trace)

/* All that is sent must decode, and be taken: all processes here are honest. */
void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	trace_list(proc_running, fmt, ap);
	va_end(ap);
	if (strcmp(fmt, HUB_BAD_MESSAGE) == 0)
		world_fail(proc_running->world, 7, "%s does not take what it "
		    "was sent", proc_running->name);
}

void
env_random(void *p, size_t n)
{
	unsigned char *byte = p;

	while (n-- > 0)
		*byte++ = (unsigned char)rng_next(&proc_running->rng);
}

/* All hosts have the key. */
int
env_key_allows(const struct key *k, const struct addr *a)
{
	(void)k;
	(void)a;
	return 0;
}

void
die_errno(int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	exit(code);
}
