#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "stats.h"

#define STATS_SPLIT   2 /* buckets of a power of two, as a power of two */
#define STATS_PARTS   (1u << STATS_SPLIT)
#define STATS_LAST    ((uint64_t)7 << 34) /* where the last bucket begins */
#define STATS_ITEM    32 /* bytes of a number in a message, at most */
#define STATS_TEXT    512 /* bytes of the buckets in a row, beside the longest
			     names */

const char *const stats_names[STAT_NAMED] = { "begun", "done", "status",
	"failed", "late", "abandoned", "drained", "lost", "again", "bytes_in",
	"bytes_out", "started", "died" };

/* Buckets. */

/* Three of its bits say which: the first that is set, and the two after it. */
static inline unsigned
stats_bucket_of(uint64_t us)
{
	static const unsigned char top[16] = { 0, 0, 1, 1, 2, 2, 2, 2,
		3, 3, 3, 3, 3, 3, 3, 3 };
	uint64_t v = us >> STATS_SPLIT;
	unsigned e = 0;

	if (v == 0)
		return (unsigned)us;
	if (v >> 8 != 0) {
		if (us >= STATS_LAST)
			return STATS_BUCKETS - 1;
		for (; v >> 16 != 0; v >>= 8)
			e += 8;
		v >>= 8;
		e += 8;
	}
	if (v >> 4 != 0) {
		v >>= 4;
		e += 4;
	}
	e += top[v];
	return (e << STATS_SPLIT) + (unsigned)(us >> e);
}

unsigned
stats_bucket(uint64_t us)
{
	return stats_bucket_of(us);
}

uint64_t
stats_first(unsigned bucket)
{
	unsigned e = bucket >> STATS_SPLIT;
	uint64_t part = bucket % STATS_PARTS;

	if (bucket >= STATS_BUCKETS)
		return UINT64_MAX;
	return e == 0 ? part : (part + STATS_PARTS) << (e - 1);
}

static inline void
stats_count_time(struct stats *s, enum counter sum, enum counter first,
    int64_t ns)
{
	uint64_t t = (uint64_t)ns / 1000;

	s->n[sum] += t;
	s->n[first + stats_bucket_of(t)]++;
}

void
stats_queued(struct stats *s, int64_t ns)
{
	stats_count_time(s, STAT_QUEUE_US, STAT_QUEUE, ns);
}

void
stats_ran(struct stats *s, int64_t ns)
{
	stats_count_time(s, STAT_RUN_US, STAT_RUN, ns);
}

uint64_t
stats_ended(const struct stats *s)
{
	uint64_t n = 0;
	unsigned i;

	for (i = STAT_DONE; i <= STAT_LOST; i++)
		n += s->n[i];
	return n;
}

/* From one process to another. */

int
stats_send(struct stats *s, struct outbox *o, uint32_t peer)
{
	unsigned char bytes[STATS * STATS_ITEM];
	struct msg m = { .type = MSG_COUNTS };
	struct tlv_writer w;
	struct count c;

	tlv_writer_init(&w, bytes, sizeof(bytes));
	for (c.number = 0; c.number < STATS; c.number++)
		if ((c.n = s->n[c.number]) > 0)
			item_put(&schema_count, &w, &c);
	assert(!w.failed);
	m.u.counts.counts = slice_of(bytes, (size_t)(w.p - bytes));
	if (outbox_send(o, peer, &m) == -1)
		return -1;
	memset(s, 0, sizeof(*s));
	return 0;
}

void
stats_add(struct stats *s, const struct msg_counts *m)
{
	struct slice list = m->counts;
	struct count c;

	while (item_next(&schema_count, &list, &c) == 1)
		if (c.number < STATS)
			s->n[c.number] += c.n;
}

/* Rows. */

/* A row has as many buckets as it has room for; those that are over go on in
 * another. */
static void
stats_report_times(const struct stats *s, struct report *r,
    const struct stats_owner *o, enum counter sum, enum counter first)
{
	unsigned long long us = s->n[sum], count = 0;
	char text[STATS_TEXT] = "";
	size_t len = 0;
	unsigned i;

	for (i = 0; i <= STATS_BUCKETS; i++) {
		if (count > 0 && (i == STATS_BUCKETS ||
		    len > sizeof(text) - 2 * STATS_ITEM)) {
			report_row(r, "times %.*s module %.*s role %s "
			    "instance %s kind %s count %llu sum_us %llu "
			    "buckets %s", SLICE_ARG(o->address),
			    SLICE_ARG(o->module), o->role, o->instance,
			    first == STAT_RUN ? "run" : "queue", count, us,
			    text);
			us = count = len = 0;
		}
		if (i == STATS_BUCKETS || s->n[first + i] == 0)
			continue;
		count += s->n[first + i];
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "%s%llu:%llu", len == 0 ? "" : ",",
		    (unsigned long long)stats_first(i),
		    (unsigned long long)s->n[first + i]);
	}
}

void
stats_report(const struct stats *s, struct report *r,
    const struct stats_owner *o)
{
	char text[STAT_NAMED * STATS_ITEM] = "";
	size_t len = 0;
	unsigned i;

	for (i = 0; i < STAT_NAMED; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    " %s %llu", stats_names[i], (unsigned long long)s->n[i]);
	report_row(r, "requests %.*s module %.*s role %s instance %s "
	    "silent %zu running %llu%s", SLICE_ARG(o->address),
	    SLICE_ARG(o->module), o->role, o->instance, o->silent,
	    (unsigned long long)(s->n[STAT_BEGUN] - stats_ended(s)), text);
	stats_report_times(s, r, o, STAT_QUEUE_US, STAT_QUEUE);
	stats_report_times(s, r, o, STAT_RUN_US, STAT_RUN);
}
