/*
 * The simulator: all cores, over a virtual network and clock, from one seed:
 *
 *	t/sim [-v] [-s seed] [-n runs] [-a authorities] [-b hosts] [-m modules]
 *
 * It runs the worlds of seed, seed + 1 and so on; each draws its own sizes and
 * what goes wrong in it, where the options do not say. What goes wrong does so
 * for a while; then all is healed, and the promises of the design must hold. The
 * first that does not ends the program, with its number, the seed, and exit
 * status 1. -v: all that happens.
 */

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "t/virtual/sim.h"

static char aborted[64]; /* what to say when an assertion fails */

static void
on_abort(int signo)
{
	ssize_t n = write(2, aborted, strlen(aborted));

	(void)n;
	(void)signo;
}

static void
say_time(const struct world *w)
{
	printf("%7lld.%03d ", (long long)w->clock.now / 1000,
	    (int)(w->clock.now % 1000));
}

void
trace(const struct proc *p, const char *fmt, ...)
{
	va_list ap;

	if (!p->world->verbose)
		return;
	say_time(p->world);
	printf("%s ", p->name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void
note(const struct world *w, const char *fmt, ...)
{
	va_list ap;

	if (!w->verbose)
		return;
	say_time(w);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

void
world_fail(struct world *w, int promise, const char *fmt, ...)
{
	va_list ap;

	printf("seed %llu: promise %d is broken at %lld ms: ",
	    (unsigned long long)w->seed, promise, (long long)w->clock.now);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	exit(1);
}

static void
summary(const struct world *w)
{
	printf("seed %llu: %u authorities, %u hosts, %u modules, "
	    "%llu faults; %lld s, %llu messages, %llu bytes, %llu replies, "
	    "%llu fails, queued %zu at most\n", (unsigned long long)w->seed,
	    w->plan.authorities, w->plan.hosts, w->plan.modules,
	    (unsigned long long)w->injected, (long long)w->clock.now / 1000,
	    (unsigned long long)w->messages, (unsigned long long)w->net.bytes,
	    (unsigned long long)w->replies, (unsigned long long)w->fails,
	    w->queued_max);
}

static uint64_t
number(const char *text)
{
	char *end;
	uint64_t n;

	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || end == text) {
		fprintf(stderr, "sim: %s: not a number\n", text);
		exit(100);
	}
	return n;
}

static void
take_option(struct world *w, uint64_t *runs, int letter)
{
	switch (letter) {
	case 'a':
		w->want_authorities = (unsigned)number(optarg);
		break;
	case 'b':
		w->want_hosts = (unsigned)number(optarg);
		break;
	case 'm':
		w->want_modules = (unsigned)number(optarg);
		break;
	case 'n':
		*runs = number(optarg);
		break;
	case 's':
		w->seed = number(optarg);
		break;
	case 'v':
		w->verbose = 1;
		break;
	default:
		fprintf(stderr, "usage: sim [-v] [-s seed] [-n runs] "
		    "[-a authorities] [-b hosts] [-m modules]\n");
		exit(100);
	}
}

int
main(int argc, char **argv)
{
	static struct world asked, w;
	uint64_t runs = 1, i, messages = 0;
	int letter;

	asked.seed = (uint64_t)time(NULL) * 1000;
	while ((letter = getopt(argc, argv, "a:b:m:n:s:v")) != -1)
		take_option(&asked, &runs, letter);
	printf("seed %llu\n", (unsigned long long)asked.seed);
	fflush(stdout);
	signal(SIGABRT, on_abort);
	for (i = 0; i < runs; i++) {
		w = asked;
		w.seed = asked.seed + i;
		snprintf(aborted, sizeof(aborted), "seed %llu: aborted\n",
		    (unsigned long long)w.seed);
		world_run(&w);
		messages += w.messages;
		if (runs == 1)
			summary(&w);
	}
	if (runs > 1)
		printf("%llu worlds, %llu messages: all promises kept\n",
		    (unsigned long long)runs, (unsigned long long)messages);
	return 0;
}
