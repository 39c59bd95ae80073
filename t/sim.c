/*
 * The simulator: all cores and the driver itself (hub.c, conn.c), over a
 * virtual network and clock, from one seed:
 *
 *	t/sim [-v] [-s seed] [-n runs] [-a authorities] [-b hosts] [-m modules]
 *	    [-o orders [-p percent]]
 *
 * It runs the worlds of seed, seed + 1 and so on; each draws its own sizes and
 * what goes wrong in it, where the options do not say. What goes wrong does so
 * for a while; then all is healed, and the promises of the design must hold.
 * The first that does not ends the program, with its number, the seed, and exit
 * status 1. Where there are many worlds, each kind of thing that is to be
 * looked at must have happened in some. -o: a world of that many orders in
 * which nothing goes wrong, for its size; what looks at all of it does so at
 * the end. -p: so many of its hosts are cut off from the others for a minute,
 * and once a second it is told how many brokers on each side have no link to an
 * authority of that side. -v: all that happens, and what is said. The digest is
 * of every byte that was sent, and when: what changes nothing leaves it the
 * same.
 */

#include <sys/resource.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bytes.h"
#include "t/hang.h"
#include "t/virtual/sim.h"

#define TALLY_RUNS 500 /* worlds in which all of it happens */

static char world_seed[64]; /* what to say when this world does not end well */

static void
on_abort(int signo)
{
	static const char why[2][24] = { "an assertion failed\n",
		"it does not end\n" };
	int hangs = signo == SIGALRM;

	if (write(2, world_seed, strlen(world_seed)) == -1 ||
	    write(2, why[hangs], strlen(why[hangs])) == -1 || hangs)
		_exit(1);
}

static void
say_time(const struct world *w)
{
	printf("%7lld.%03d ", (long long)w->clock.now / 1000,
	    (int)(w->clock.now % 1000));
}

void
trace_list(const struct proc *p, const char *fmt, va_list ap)
{
	if (!p->world->verbose)
		return;
	say_time(p->world);
	printf("%s ", p->name);
	vprintf(fmt, ap);
	putchar('\n');
}

void
trace(const struct proc *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	trace_list(p, fmt, ap);
	va_end(ap);
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

	fflush(stdout);
	printf("seed %llu: promise %d is broken at %lld ms: ",
	    (unsigned long long)w->seed, promise, (long long)w->clock.now);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	exit(1);
}

static double
real_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Of the processor. */
static double
used_time(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* Kilobytes, at the most so far. */
static long
peak_memory(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return u.ru_maxrss;
}

static void
summary(const struct world *w, double began)
{
	int64_t last = w->answered_at > w->plan.quiet_at ? w->answered_at :
	    w->plan.quiet_at;

	printf("seed %llu: %u authorities, %u hosts, %u modules, %zu posts, "
	    "%llu faults; %lld s, at rest %lld ms after the last answer, %llu "
	    "connections, %llu messages, %llu bytes, %llu replies, %llu fails, "
	    "queued %zu at most; %.1f s of real time, %.1f s of the "
	    "processor, %ld KB\n",
	    (unsigned long long)w->seed, w->plan.authorities, w->plan.hosts,
	    w->plan.modules, w->nposts, (unsigned long long)w->injected,
	    (long long)w->clock.now / 1000,
	    (long long)(w->rest_at - last),
	    (unsigned long long)w->net.connections,
	    (unsigned long long)w->messages, (unsigned long long)w->net.bytes,
	    (unsigned long long)w->replies, (unsigned long long)w->fails,
	    w->queued_max, real_time() - began, used_time(), peak_memory());
}

static void
by_type(const struct world *w)
{
	unsigned i;

	for (i = 0; i < MSG_TYPES; i++)
		if (w->of_type[i] > 0)
			printf("%12llu %s, %llu bytes\n",
			    (unsigned long long)w->of_type[i], msg_name(i),
			    (unsigned long long)w->of_type_bytes[i]);
}

/* Of all that was sent in all worlds so far: one seed has one, wherever it is
 * run (t/arch.sh). */
static uint64_t
digest_more(uint64_t digest, const struct world *w)
{
	unsigned char bytes[8];

	put32(put32(bytes, (uint32_t)(w->net.digest >> 32)),
	    (uint32_t)w->net.digest);
	return map_hash(digest, slice_of(bytes, sizeof(bytes)));
}

/* What has happened in all worlds so far. */
static struct tally {
	const char *what;
	uint64_t n;
} tally[] = {
	{ "queues were over the mark", 0 },
	{ "PLBs took a place over", 0 },
	{ "PLBs changed versions", 0 },
	{ "clocks jumped", 0 },
	{ "exchanges retired", 0 },
	{ "of them for want of users", 0 },
	{ "reservations ended by time", 0 },
	{ "new code ran", 0 },
	{ "old code ran", 0 },
	{ "one of two links was preferred", 0 },
	{ "exchanges were started again", 0 },
	{ "connections were reset", 0 },
	{ "segments were lost to a partition", 0 },
	{ "to a cut, one way", 0 },
	{ "to a host without power", 0 },
	{ "authorities, brokers, exchanges were killed", 0 },
	{ "listeners, channels, PLBs were", 0 },
	{ "processes were told to end", 0 },
	{ "turns were slow", 0 },
	{ "turns stood still", 0 },
	{ "workers died", 0 },
	{ "processes could not be started", 0 },
	{ "sellers were deaf", 0 },
	{ "links were turned away, or waited for a place", 0 },
	{ "records of filters were accounted for", 0 },
	{ "calls had streams", 0 },
	{ "times more of a stream was allowed", 0 },
	{ "filters found a PLB", 0 },
	{ "of them lost it, and took the broker", 0 },
	{ "commands of filters were started", 0 },
	{ "of them again", 0 },
	{ "blocks of several records were run", 0 },
	{ "changes among buyers that compete", 0 },
	{ "tokens were given back for them", 0 },
	{ "channels were held to a share", 0 },
	{ "buyers were seen to give back in proportion", 0 },
};

static void
count(const struct world *w)
{
	const uint64_t n[] = { w->throttled, w->takeovers, w->switches,
		w->jumps, w->retired, w->idle_retired, w->expired, w->new_runs,
		w->old_runs, w->choices, w->restarts,
		w->net.resets, w->net.parted, w->net.cut_off,
		w->net.unlit, w->did[FAULT_CONTROL], w->did[FAULT_CRASH],
		w->did[FAULT_TERM], w->did[FAULT_SLOW], w->did[FAULT_STALL],
		w->did[FAULT_WORKER], w->did[FAULT_SPAWN],
		w->did[FAULT_DEAF], w->turned_away, w->accounted,
		w->flows, w->windows,
		w->found, w->fallbacks, w->commands, w->restarted, w->blocks,
		w->contested, w->shared, w->heedless, w->in_part };
	size_t i;

	for (i = 0; i < sizeof(n) / sizeof(n[0]); i++)
		tally[i].n += n[i];
}

/* 0, or -1 when something never happened, so that nothing was shown of it. */
static int
show_tally(uint64_t runs)
{
	int r = 0;
	size_t i;

	for (i = 0; i < sizeof(tally) / sizeof(tally[0]); i++) {
		printf("%12llu  %s\n", (unsigned long long)tally[i].n,
		    tally[i].what);
		if (tally[i].n == 0 && runs >= TALLY_RUNS)
			r = -1;
	}
	return r;
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
	case 'p':
		w->want_split = (unsigned)number(optarg);
		break;
	case 'n':
		*runs = number(optarg);
		break;
	case 'o':
		w->want_orders = (unsigned)number(optarg);
		break;
	case 's':
		w->seed = number(optarg);
		break;
	case 'v':
		w->verbose = 1;
		break;
	default:
		fprintf(stderr, "usage: sim [-v] [-s seed] [-n runs] "
		    "[-a authorities] [-b hosts] [-m modules] "
		    "[-o orders [-p percent]]\n");
		exit(100);
	}
}

int
main(int argc, char **argv)
{
	static struct world asked, w;
	uint64_t runs = 1, i, messages = 0, digest = 0;
	double began = real_time();
	int letter;

	asked.seed = (uint64_t)time(NULL) * 1000;
	while ((letter = getopt(argc, argv, "a:b:m:n:o:p:s:v")) != -1)
		take_option(&asked, &runs, letter);
	printf("seed %llu\n", (unsigned long long)asked.seed);
	fflush(stdout);
	signal(SIGABRT, on_abort);
	signal(SIGALRM, on_abort);
	for (i = 0; i < runs; i++) {
		w = asked;
		w.seed = asked.seed + i;
		snprintf(world_seed, sizeof(world_seed), "seed %llu: ",
		    (unsigned long long)w.seed);
		if (w.want_hosts == 0)
			hang_guard();
		world_run(&w);
		messages += w.messages;
		digest = digest_more(digest, &w);
		count(&w);
		if (runs == 1)
			summary(&w, began);
		if (w.plan.orders > 0)
			by_type(&w);
	}
	printf("digest of all that was sent: %016llx\n",
	    (unsigned long long)digest);
	if (runs == 1)
		return 0;
	if (show_tally(runs) == -1) {
		printf("something never happened in %llu worlds\n",
		    (unsigned long long)runs);
		return 1;
	}
	printf("%llu worlds, %llu messages, %.1f s: all promises kept\n",
	    (unsigned long long)runs, (unsigned long long)messages,
	    real_time() - began);
	return 0;
}
