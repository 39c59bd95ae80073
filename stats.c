#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stats.h"

#define STATS_SPLIT   2 /* buckets of a power of two, as a power of two */
#define STATS_PARTS   (1u << STATS_SPLIT)
#define STATS_LAST    ((uint64_t)7 << 34) /* where the last bucket begins */
#define STATS_ITEM    32 /* bytes of a number in a message, at most */
#define STATS_VALUE   (2 * NAME_BYTES_MAX + 3) /* bytes of one, quoted */
#define STATS_TEXT    512 /* bytes of the buckets in a row, beside the longest
			     names */

const char *const stats_names[STAT_NAMED] = { "begun", "done", "status",
	"failed", "late", "abandoned", "drained", "lost", "again", "bytes_in",
	"bytes_out", "started", "died" };

/* Buckets. */

/* A bucket has those times that are equal without their last e bits: three are
 * left of what is 4 or more. The time is less than STATS_LAST. */
static inline unsigned
stats_bits(uint64_t us)
{
	static const unsigned char top[16] = { 0, 0, 1, 1, 2, 2, 2, 2,
		3, 3, 3, 3, 3, 3, 3, 3 };
	uint64_t v = us >> STATS_SPLIT;
	unsigned e = 0;

	for (; v >> 8 != 0; v >>= 8)
		e += 8;
	if (v >> 4 != 0) {
		v >>= 4;
		e += 4;
	}
	return e + top[v];
}

unsigned
stats_bucket(uint64_t us)
{
	unsigned e;

	if (us >= STATS_LAST)
		return STATS_BUCKETS - 1;
	e = stats_bits(us);
	return (e << STATS_SPLIT) + (unsigned)(us >> e);
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

/* Make room for the bucket, and for those of the same power of two: 0, or -1
 * with ENOMEM. */
static int
stats_grow(struct stats_times *t, unsigned bucket)
{
	unsigned first = bucket / STATS_PARTS * STATS_PARTS;
	unsigned end = first + STATS_PARTS;
	uint64_t *n;

	if (t->count > 0 && t->first < first)
		first = t->first;
	if (t->count > 0 && t->first + t->count > end)
		end = t->first + t->count;
	n = calloc(end - first, sizeof(*n));
	if (n == NULL)
		return -1;
	if (t->count > 0)
		memcpy(n + (t->first - first), t->n, t->count * sizeof(*n));
	free(t->n);
	t->n = n;
	t->width = 0;
	t->first = first;
	t->count = end - first;
	return 0;
}

/* Count so many more in the bucket: 0, or -1 with ENOMEM. */
static inline int
stats_fill(struct stats_times *t, unsigned bucket, uint64_t n)
{
	if (bucket - t->first >= t->count && stats_grow(t, bucket) == -1)
		return -1;
	t->n[bucket - t->first] += n;
	return 0;
}

void
stats_time_search(struct stats_times *t, uint64_t ns)
{
	uint64_t us = ns / 1000;
	unsigned e = us < STATS_LAST ? stats_bits(us) : 0;
	unsigned bucket = us < STATS_LAST ?
	    (e << STATS_SPLIT) + (unsigned)(us >> e) : STATS_BUCKETS - 1;

	if (stats_fill(t, bucket, 1) == -1)
		return;
	t->ns += ns;
	t->from = (us >> e << e) * 1000;
	t->width = us < STATS_LAST ? (uint64_t)1000 << e : 0;
	t->last = t->n + (bucket - t->first);
}

void
stats_free(struct stats *s)
{
	free(s->queue.n);
	free(s->run.n);
	memset(s, 0, sizeof(*s));
}

/* Any of the numbers. */
static uint64_t
stats_get(const struct stats *s, unsigned number)
{
	const struct stats_times *t = number < STAT_RUN ? &s->queue : &s->run;
	unsigned i = number - (number < STAT_RUN ? STAT_QUEUE : STAT_RUN);

	if (number == STAT_QUEUE_US || number == STAT_RUN_US)
		return s->n[number] +
		    (number == STAT_QUEUE_US ? &s->queue : &s->run)->ns / 1000;
	if (number < STAT_QUEUE)
		return s->n[number];
	return i - t->first < t->count ? t->n[i - t->first] : 0;
}

uint64_t
stats_ended(const uint64_t *n)
{
	uint64_t sum = 0;
	unsigned i;

	for (i = STAT_DONE; i <= STAT_LOST; i++)
		sum += n[i];
	return sum;
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
		if ((c.n = stats_get(s, (unsigned)c.number)) > 0)
			item_put(&schema_count, &w, &c);
	assert(!w.failed);
	m.u.counts.counts = slice_of(bytes, (size_t)(w.p - bytes));
	if (outbox_send(o, peer, &m) == -1)
		return -1;
	stats_free(s);
	return 0;
}

void
stats_add(struct stats *s, const struct msg_counts *m)
{
	struct slice list = m->counts;
	struct count c;

	while (item_next(&schema_count, &list, &c) == 1)
		if (c.number < STAT_QUEUE)
			s->n[c.number] += c.n;
		else if (c.number < STAT_RUN)
			stats_fill(&s->queue, (unsigned)c.number - STAT_QUEUE,
			    c.n);
		else if (c.number < STATS)
			stats_fill(&s->run, (unsigned)c.number - STAT_RUN,
			    c.n);
}

/* What logfmt takes for a value: in quotes if need be, - for nothing. */
static const char *
stats_value(char buf[STATS_VALUE], struct slice s)
{
	size_t i, n = 0;
	int quoted = 0;

	for (i = 0; i < s.len; i++)
		quoted |= s.p[i] <= ' ' || strchr("\"=\\", s.p[i]) != NULL;
	if (s.len == 0)
		return "-";
	if (quoted)
		buf[n++] = '"';
	for (i = 0; i < s.len && n + 3 < STATS_VALUE; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf[n++] = '\\';
		buf[n++] = (char)s.p[i];
	}
	if (quoted)
		buf[n++] = '"';
	buf[n] = '\0';
	return buf;
}

/* request id=N module=NAME function=NAME client=NAME [channel=ADDRESS]
 * result=WORD status=N queue_us=N run_us=N */
void
stats_log(struct outbox *o, const struct stats_request *r)
{
	char module[STATS_VALUE], function[STATS_VALUE], client[STATS_VALUE];
	char channel[STATS_VALUE], number[16] = "-";

	if (r->status >= 0)
		snprintf(number, sizeof(number), "%d", r->status);
	outbox_log(o, LOG_DEBUG, "request id=%llu module=%s function=%s "
	    "client=%s%s%s result=%s status=%s queue_us=%lld run_us=%lld",
	    (unsigned long long)r->id, stats_value(module, r->module),
	    stats_value(function, r->function),
	    stats_value(client, r->client),
	    r->channel.p == NULL ? "" : " channel=",
	    r->channel.p == NULL ? "" : stats_value(channel, r->channel),
	    stats_names[r->how], number, (long long)(r->queue_ns / 1000),
	    (long long)(r->run_ns / 1000));
}

/* Rows. */

/* A row has as many buckets as it has room for; those that are over go on in
 * another. */
static void
stats_report_times(const struct stats *s, struct report *r,
    const struct stats_owner *o, enum counter sum, enum counter first)
{
	unsigned long long us = stats_get(s, sum), count = 0, n;
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
		if (i == STATS_BUCKETS || (n = stats_get(s, first + i)) == 0)
			continue;
		count += n;
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "%s%llu:%llu", len == 0 ? "" : ",",
		    (unsigned long long)stats_first(i), n);
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
	    (unsigned long long)(s->n[STAT_BEGUN] - stats_ended(s->n)), text);
	stats_report_times(s, r, o, STAT_QUEUE_US, STAT_QUEUE);
	stats_report_times(s, r, o, STAT_RUN_US, STAT_RUN);
}
