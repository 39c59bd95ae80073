#ifndef STATS_H
#define STATS_H

/*
 * What a process has counted of requests since it started: how they ended,
 * bytes, and how long they waited and ran. It is a row of numbers. To count
 * takes no lock and no clock: the time comes from the caller (outbox_ns()).
 *
 * A channel tells its listener what it has counted since the last time, so each
 * number passes once, and the listener only adds.
 *
 * A time falls into one of STATS_BUCKETS: four to each power of two, so a
 * bucket's ends differ by at most a quarter. The last bucket has all times
 * above its start (38 hours). Only the buckets between the least time and the
 * greatest that there were have memory, which is little.
 */

#include "core.h"

#define STATS_BUCKETS 144

enum counter {
	STAT_BEGUN,	/* requests that were taken */
	/* How they ended, one of these for each: */
	STAT_DONE,	/* exit status 0, or a reply of a worker that stays */
	STAT_STATUS,	/* another exit status; it is the next number */
	STAT_FAILED,	/* otherwise than by one of the following */
	STAT_LATE,	/* its time was up */
	STAT_ABANDONED, /* its client wanted no answer any longer */
	STAT_DRAINED,	/* its host, or its PLB, ended before it */
	STAT_LOST,	/* with the channel that had it */
	STAT_AGAIN,	/* runs that failed, and were followed by another */
	STAT_IN,	/* bytes of functions, arguments and bodies */
	STAT_OUT,	/* bytes of output and standard error */
	STAT_STARTED,	/* workers */
	STAT_DIED,	/* of these: nobody told them to end */
	STAT_QUEUE_US,	/* sum of what is in STAT_QUEUE */
	STAT_RUN_US,	/* likewise */
	STAT_NAMED = STAT_QUEUE_US, /* those before it are in stats_names */
	STAT_QUEUE = 16, /* STATS_BUCKETS: before they were given to a worker,
			    or to a channel */
	STAT_RUN = STAT_QUEUE + STATS_BUCKETS, /* as many: after that */
	STATS = STAT_RUN + STATS_BUCKETS
};

struct stats_times {
	uint64_t *n;
	unsigned first, count; /* the bucket of n[0]; buckets there */
	uint64_t ns;	       /* the sum of those that were counted here */
	uint64_t from, width;  /* ns: the bucket of the last one, which the next
				  is likely to share; width 0: none */
	uint64_t *last;	       /* its number in n */
};

/* All zero at the start. */
struct stats {
	uint64_t n[STAT_QUEUE]; /* those before it; of the sums, what others
				   have sent */
	struct stats_times queue, run;
};

void stats_free(struct stats *);

/* The keys of a row of requests, for each of these numbers. */
extern const char *const stats_names[STAT_NAMED];

/* A time of another bucket than the last. */
void stats_time_search(struct stats_times *, uint64_t ns);

/* A time counts, in queue or run; without memory for its bucket it does not. */
static inline void
stats_time(struct stats_times *t, int64_t ns)
{
	if ((uint64_t)ns - t->from < t->width) {
		t->ns += (uint64_t)ns;
		++*t->last;
	} else {
		stats_time_search(t, (uint64_t)ns);
	}
}

/* Of those that begun, how many have ended; n is that of a struct stats, or all
 * STATS numbers in a row. */
uint64_t stats_ended(const uint64_t *n);

/* The bucket of a time in microseconds, and the first time of a bucket; that of
 * STATS_BUCKETS is UINT64_MAX. */
unsigned stats_bucket(uint64_t us);
uint64_t stats_first(unsigned bucket);

/* Send them to the peer, and begin with 0 again: 0, or -1 as outbox_send(), and
 * nothing has changed. */
int stats_send(struct stats *, struct outbox *, uint32_t peer);

/* Add what another process has sent so. Numbers that are not known here are
 * ignored. */
void stats_add(struct stats *, const struct msg_counts *);

/* What is logged of a request that has ended. */
struct stats_request {
	uint64_t id;
	struct slice module, function, client; /* empty: it has none */
	struct slice channel; /* where it ran; p is NULL: it is not said */
	enum counter how;
	int status;	      /* -1: it has none */
	int64_t queue_ns, run_ns;
};

/* A line of the log, of one that has ended. */
void stats_log(struct outbox *, const struct stats_request *);

/* Whose they are, for rows. */
struct stats_owner {
	struct slice address, module;
	const char *role, *instance;
	size_t silent; /* channels that it has not heard of */
};

/* Rows: one of the numbers, and those of times, lambda-ctl(1). */
void stats_report(const struct stats *, struct report *,
    const struct stats_owner *);

#endif
