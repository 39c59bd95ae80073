#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl_top.h"

#define TOP_NAME 512  /* bytes of a row or line */
#define TOP_KEY	 512

/* What each value of the maps begins with. */
struct top_head {
	struct slice key;
	unsigned seen; /* in which walk */
};

struct top_process {
	struct top_head head;
	struct metrics_stats stats; /* since it started, as it said last */
};

/* What has changed since the walk before this one, and how it is now. */
struct top_group {
	struct top_head head;
	struct metrics_stats served; /* by listeners */
	struct metrics_stats called; /* by PLBs */
	uint64_t running, queued;
};

/* Whose rows are read. */
struct top_from {
	struct slice process, host;
	struct slice asked; /* whoever answers for it */
};

void
top_init(struct top *t, uint64_t seed, int by_host)
{
	memset(t, 0, sizeof(*t));
	map_init(&t->processes, seed);
	map_init(&t->groups, seed);
	map_init(&t->silent, seed);
	t->by_host = by_host;
}

void
top_free(struct top *t)
{
	map_free_values(&t->processes);
	map_free_values(&t->groups);
	map_free_values(&t->silent);
}

/* Reading. */

static int
top_is_silent(struct top *t, struct slice who)
{
	struct top_head *head = map_enter(&t->silent, who, sizeof(*head));

	if (head == NULL)
		return -1;
	head->seen = t->walks;
	return 0;
}

static int
top_was_silent(const struct top *t, struct slice who)
{
	const struct top_head *head = map_get(&t->silent, who);

	return head != NULL && head->seen + 1 == t->walks;
}

/* What it has counted since the walk before this one. Of a process that is seen
 * for the first time all is new, but in the first walk, or after one that it
 * was silent in. */
static void
top_count(struct top *t, struct top_process *p, const struct top_from *from,
    const struct metrics_stats *now, struct metrics_stats *sum)
{
	size_t i;

	if (p->head.seen > 0 || (t->walks > 1 &&
	    !top_was_silent(t, from->process) &&
	    !top_was_silent(t, from->asked)))
		for (i = 0; i < STATS; i++)
			if (now->n[i] > p->stats.n[i])
				sum->n[i] += now->n[i] - p->stats.n[i];
	p->stats = *now;
	p->head.seen = t->walks;
}

static struct top_group *
top_group(struct top *t, const struct top_from *from, const struct row *r)
{
	struct slice name = slice_is(r->word, "plb") ? r->name :
	    row_get(r, "module");
	struct top_group *g;

	if (t->by_host)
		name = from->host;
	g = map_enter(&t->groups, row_or_dash(name), sizeof(*g));
	if (g != NULL)
		g->head.seen = t->walks;
	return g;
}

/* A row of requests, and those of times that follow it. */
static int
top_requests(struct top *t, const struct top_from *from, const struct row *r,
    struct slice *rest)
{
	struct slice id = row_get(r, "instance");
	int plb = row_is(r, "role", "plb") || row_is(r, "role", "caller");
	struct top_group *g = top_group(t, from, r);
	struct top_process *p;
	struct slice next;
	struct metrics_stats now;
	struct row times;
	char key[TOP_KEY];

	if (from->process.len > 0)
		id = from->process;
	snprintf(key, sizeof(key), "%.*s %.*s", SLICE_ARG(id),
	    SLICE_ARG(row_get(r, "module")));
	p = map_enter(&t->processes, slice_str(key), sizeof(*p));
	if (g == NULL || p == NULL)
		return -1;
	memset(&now, 0, sizeof(now));
	metrics_add(&now, r);
	for (next = *rest; row_next(&next, &times) &&
	    slice_is(times.word, "times"); *rest = next)
		metrics_add(&now, &times);
	/* One that is seen twice in a walk has not changed since. */
	if (p->head.seen != t->walks && !plb)
		g->running += row_number(r, "running");
	top_count(t, p, from, &now, plb ? &g->called : &g->served);
	return 0;
}

static int
top_row(struct top *t, struct top_from *from, const struct row *r,
    struct slice *rest)
{
	struct top_group *g;

	if (slice_is(r->word, "process")) {
		from->process = r->name;
		if (row_get(r, "reason").len > 0)
			return top_is_silent(t, r->name);
	} else if (slice_is(r->word, "broker") && row_is(r, "self", "1")) {
		from->host = r->name;
	} else if (slice_is(r->word, "requests")) {
		return top_requests(t, from, r, rest);
	} else if (slice_is(r->word, "plb")) {
		if ((g = top_group(t, from, r)) == NULL)
			return -1;
		g->queued += row_number(r, "queued");
	}
	return 0;
}

static void
top_begin(struct top *t, int64_t now)
{
	struct top_group *g;
	struct top_head head;
	size_t pos = 0;

	t->ms = now - t->at;
	t->at = now;
	t->walks++;
	while ((g = map_next(&t->groups, &pos)) != NULL) {
		head = g->head;
		memset(g, 0, sizeof(*g));
		g->head = head;
	}
}

/* Those that have not been seen for long. */
static void
top_forget(const struct top *t, struct map *m)
{
	struct top_head *head;
	size_t pos;

	do {
		for (pos = 0; (head = map_next(m, &pos)) != NULL &&
		    t->walks - head->seen <= TOP_FORGET;)
			;
		if (head != NULL)
			free(map_del(m, head->key));
	} while (head != NULL);
}

int
top_read(struct top *t, const struct walk *w, int64_t now)
{
	struct top_from from = { .process = slice_of("", 0) };
	struct slice rest;
	struct row r;
	size_t i;

	top_begin(t, now);
	for (i = 0; i < w->n; i++) {
		/* Of one that nobody answers for, the address says it. */
		from.host = row_ip(slice_str(w->at[i]->shown));
		from.process = slice_of("", 0);
		from.asked = w->at[i]->address;
		if (w->at[i]->state == WALK_FAILED &&
		    top_is_silent(t, from.asked) == -1)
			return -1;
		rest = buf_slice(&w->at[i]->rows);
		while (row_next(&rest, &r))
			if (top_row(t, &from, &r, &rest) == -1)
				return -1;
	}
	top_forget(t, &t->processes);
	top_forget(t, &t->groups);
	top_forget(t, &t->silent);
	return 0;
}

/* Showing. */

/* The time within which this many in a hundred were done: the end of the bucket
 * of the last of these. 0 if there were none. */
static uint64_t
top_percentile(const struct metrics_stats *s, enum counter first,
    unsigned percent)
{
	uint64_t all = 0, n = 0;
	unsigned b;

	for (b = 0; b < STATS_BUCKETS; b++)
		all += s->n[first + b];
	for (b = 0; b < STATS_BUCKETS && all > 0; b++)
		if ((n += s->n[first + b]) * 100 >= all * percent)
			return b + 1 < STATS_BUCKETS ? stats_first(b + 1) :
			    stats_first(b);
	return 0;
}

static uint64_t
top_failures(const struct metrics_stats *s)
{
	return s->n[STAT_FAILED] + s->n[STAT_LATE] + s->n[STAT_DRAINED] +
	    s->n[STAT_LOST];
}

static int
top_compare(const void *a, const void *b)
{
	const struct top_group *const *x = a, *const *y = b;

	return row_compare((*x)->head.key, (*y)->head.key);
}

/* By their names: *n of them in an array that is the caller's; without memory
 * none, and NULL. */
static const struct top_group **
top_sorted(const struct top *t, size_t *n)
{
	const struct top_group **all = malloc(t->groups.n * sizeof(*all) + 1);
	const struct top_group *g;
	size_t pos = 0;

	*n = 0;
	while (all != NULL && (g = map_next(&t->groups, &pos)) != NULL)
		all[(*n)++] = g;
	if (*n > 0)
		qsort(all, *n, sizeof(*all), top_compare);
	return all;
}

/* load NAME ms COUNT calls COUNT failures COUNT status COUNT running COUNT
 * queued COUNT queue_p50_us US queue_p99_us US run_p50_us US run_p99_us US */
void
top_rows(const struct top *t, void (*row)(void *arg, struct slice), void *arg)
{
	const struct top_group **all, *g;
	char text[TOP_NAME];
	size_t n, i;

	all = top_sorted(t, &n);
	for (i = 0; t->walks > 1 && i < n; i++) {
		g = all[i];
		snprintf(text, sizeof(text), "load %.*s ms %lld calls %llu "
		    "failures %llu status %llu running %llu queued %llu "
		    "queue_p50_us %llu queue_p99_us %llu run_p50_us %llu "
		    "run_p99_us %llu",
		    SLICE_ARG(g->head.key), (long long)t->ms,
		    (unsigned long long)stats_ended(g->served.n),
		    (unsigned long long)top_failures(&g->served),
		    (unsigned long long)g->served.n[STAT_STATUS],
		    (unsigned long long)g->running,
		    (unsigned long long)g->queued,
		    (unsigned long long)top_percentile(&g->called, STAT_QUEUE,
		    50),
		    (unsigned long long)top_percentile(&g->called, STAT_QUEUE,
		    99),
		    (unsigned long long)top_percentile(&g->served, STAT_RUN,
		    50),
		    (unsigned long long)top_percentile(&g->served, STAT_RUN,
		    99));
		row(arg, slice_str(text));
	}
	free(all);
}

static double
top_rate(const struct top *t, uint64_t n)
{
	return t->ms > 0 ? (double)n * 1000 / (double)t->ms : 0;
}

static double
top_ms(const struct metrics_stats *s, enum counter first, unsigned percent)
{
	return (double)top_percentile(s, first, percent) / 1000;
}

void
top_lines(const struct top *t, void (*line)(void *arg, struct slice), void *arg)
{
	const struct top_group **all, *g;
	char text[TOP_NAME];
	size_t n, i;

	if (t->walks < 2)
		return;
	snprintf(text, sizeof(text), "%-20s %9s %7s %8s %7s %7s  %s  %s",
	    t->by_host ? "host" : "module", "calls/s", "fail/s", "status/s",
	    "running", "queued", "queue p50 p99 (ms)", "run p50 p99 (ms)");
	line(arg, slice_str(text));
	all = top_sorted(t, &n);
	for (i = 0; i < n; i++) {
		g = all[i];
		snprintf(text, sizeof(text),
		    "%-20.*s %9.1f %7.1f %8.1f %7llu %7llu  %8.2f %9.2f  "
		    "%7.2f %8.2f", SLICE_ARG(g->head.key),
		    top_rate(t, stats_ended(g->served.n)),
		    top_rate(t, top_failures(&g->served)),
		    top_rate(t, g->served.n[STAT_STATUS]),
		    (unsigned long long)g->running,
		    (unsigned long long)g->queued,
		    top_ms(&g->called, STAT_QUEUE, 50),
		    top_ms(&g->called, STAT_QUEUE, 99),
		    top_ms(&g->served, STAT_RUN, 50),
		    top_ms(&g->served, STAT_RUN, 99));
		line(arg, slice_str(text));
	}
	free(all);
}
