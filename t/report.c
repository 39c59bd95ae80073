#include <stdio.h>

#include "core.h"
#include "ctl_tier.h"
#include "ctl_top.h"
#include "gather.h"
#include "stats.h"
#include "t/check.h"

static struct outbox out;
static const struct msg asked = { .type = MSG_INSPECT };

static int
setup(void **state)
{
	(void)state;
	outbox_init(&out);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	outbox_free(&out);
	return 0;
}

/* The next report that was sent; more and rows come from it. */
static struct slice
next(uint64_t *more)
{
	struct slice frame;
	struct tlv t;
	struct msg m;
	struct act a;

	assert_int_equal(outbox_take(&out, &a), 1);
	assert_int_equal(a.kind, ACT_SEND);
	assert_int_equal(a.peer, 7);
	frame = a.bytes;
	assert_int_equal(tlv_next(&frame, &t), 1);
	assert_int_equal(msg_decode(&m, t.type, t.value), 1);
	assert_int_equal(m.type, MSG_REPORT);
	*more = m.u.report.more;
	return m.u.report.rows;
}

static void
next_row_is(struct slice *rows, const char *expect)
{
	struct slice row;

	assert_int_equal(list_next(rows, &row), 1);
	assert_int_equal(row.len, strlen(expect));
	assert_memory_equal(row.p, expect, row.len);
}

/* A row is one line, whatever is called what; a name may be UTF-8. */
UNIT(test_escaped)
{
	struct report r;
	struct slice rows;
	uint64_t more;

	report_begin(&r, &out, 7, &asked);
	report_row(&r, "module %s sells %d", "a\nmodule b\x1b[2J\x7f", 1);
	report_row(&r, "module %s", "caf\xc3\xa9");
	/* C1 is control, as bytes and as UTF-8; so is what is no UTF-8:
	 * too long, a surrogate or cut off. */
	report_row(&r, "a \x9b" "2J \xc2\x9b" "2J \xc2\xa0 \xe2\x80\xa8");
	report_row(&r, "b \xc0\xaf \xe0\x80\xaf \xed\xa0\x80 "
	    "\xf5\x80\x80\x80 \xf0\x9f");
	report_row(&r, "c \xe2\x82\xac \xf0\x9f\x90\x91 \xf4\x8f\xbf\xbf "
	    "\xf4\x90\x80\x80");
	assert_int_equal(report_end(&r), 0);
	rows = next(&more);
	assert_int_equal(more, 0);
	next_row_is(&rows, "module a\\x0amodule b\\x1b[2J\\x7f sells 1");
	next_row_is(&rows, "module caf\xc3\xa9");
	next_row_is(&rows, "a \\x9b2J \\xc2\\x9b2J \xc2\xa0 \\xe2\\x80\\xa8");
	next_row_is(&rows, "b \\xc0\\xaf \\xe0\\x80\\xaf \\xed\\xa0\\x80 "
	    "\\xf5\\x80\\x80\\x80 \\xf0\\x9f");
	next_row_is(&rows, "c \xe2\x82\xac \xf0\x9f\x90\x91 \xf4\x8f\xbf\xbf "
	    "\\xf4\\x90\\x80\\x80");
	assert_int_equal(rows.len, 0);
}

/* A row that is too long is cut, and before an escape rather than in it. */
UNIT(test_cut)
{
	char name[2 * REPORT_ROW_MAX];
	struct report r;
	struct slice rows, row;
	uint64_t more;
	size_t n;

	memset(name, '\n', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	report_begin(&r, &out, 7, &asked);
	for (n = 0; n < 4; n++)
		report_row(&r, "%.*s%s", (int)n, "xxx", name);
	assert_int_equal(report_end(&r), 0);
	rows = next(&more);
	for (n = 0; n < 4; n++) {
		assert_int_equal(list_next(&rows, &row), 1);
		assert_true(row.len <= REPORT_ROW_MAX &&
		    row.len > REPORT_ROW_MAX - 4);
		assert_memory_equal(row.p + row.len - 4, "\\x0a", 4);
	}
}

/* Many rows take several reports. */
UNIT(test_many)
{
	struct report r;
	struct slice rows, row;
	uint64_t more = 1;
	int i, n = 0, reports = 0;
	char expect[32];

	report_begin(&r, &out, 7, &asked);
	for (i = 0; i < 5000; i++)
		report_row(&r, "row %d and what is in it", i);
	assert_int_equal(report_end(&r), 0);
	for (; more; reports++)
		for (rows = next(&more); list_next(&rows, &row) == 1; n++) {
			snprintf(expect, sizeof(expect), "row %d ", n);
			assert_memory_equal(row.p, expect, strlen(expect));
		}
	assert_int_equal(n, 5000);
	assert_true(reports > 1);
	assert_int_equal(outbox_len(&out), 0);
}

UNIT(test_wants)
{
	assert_true(report_wants(slice_str(""), "order"));
	assert_true(report_wants(slice_str("order"), "order"));
	assert_false(report_wants(slice_str("orders"), "order"));
}

/* Buckets cover all times, one after the other, and none differs by more than a
 * quarter from end to end. */
UNIT(test_buckets)
{
	unsigned i;
	uint64_t first, next;

	for (i = 0; i < STATS_BUCKETS; i++) {
		first = stats_first(i);
		next = stats_first(i + 1);
		assert_true(first < next);
		assert_int_equal(stats_bucket(first), i);
		assert_int_equal(stats_bucket(next - 1), i);
		if (i >= 4 && i + 1 < STATS_BUCKETS)
			assert_true((next - first) * 4 <= first);
	}
	assert_int_equal(stats_first(0), 0);
	assert_int_equal(stats_bucket(UINT64_MAX), STATS_BUCKETS - 1);
}

/* A time counts in its bucket, whether the one before it was of the same or
 * not. */
UNIT(test_time_counts)
{
	struct stats_times t = { .count = 0 };
	unsigned i, times;
	uint64_t ns, sum = 0;

	for (i = 0; i < STATS_BUCKETS; i++)
		for (times = 0; times < 4; times++) {
			ns = stats_first(i) * 1000;
			if (times == 3 && i + 1 < STATS_BUCKETS)
				ns = stats_first(i + 1) * 1000 - 1;
			stats_time(&t, (int64_t)ns);
			sum += ns;
			assert_int_equal(t.n[i - t.first], times + 1);
			if (times == 2 && i > 0) {
				stats_time(&t, (int64_t)ns - 1);
				sum += ns - 1;
				assert_int_equal(t.n[i - 1 - t.first], 5);
			}
		}
	stats_time(&t, INT64_MAX);
	assert_int_equal(t.n[STATS_BUCKETS - 1 - t.first], 5);
	assert_int_equal(t.ns, sum + INT64_MAX);
	free(t.n);
}

/* Times that have more buckets than fit into a row go on in others, and none is
 * lost or cut, however long the names are. */
UNIT(test_times)
{
	struct stats_owner owner = { .role = "listener",
		.instance = "00112233445566778899aabbccddeeff" };
	unsigned char bytes[STATS * 32];
	struct msg_counts counts;
	struct tlv_writer w;
	struct stats s;
	struct count c;
	char name[NAME_BYTES_MAX];
	char text[REPORT_ROW_MAX];
	unsigned long long count, sum, all = 0, sums = 0, n, us;
	struct report r;
	struct slice rows, row;
	uint64_t more;
	const char *p;
	int took;

	memset(name, 'n', sizeof(name));
	owner.address = slice_of(name, ADDRESS_MAX);
	owner.module = slice_of(name, sizeof(name));
	memset(&s, 0, sizeof(s));
	tlv_writer_init(&w, bytes, sizeof(bytes));
	c.n = UINT64_MAX / STATS_BUCKETS;
	for (c.number = STATS - 1; c.number >= STAT_RUN; c.number--)
		item_put(&schema_count, &w, &c);
	counts.counts = slice_of(bytes, (size_t)(w.p - bytes));
	stats_add(&s, &counts);
	s.n[STAT_RUN_US] = 77;
	report_begin(&r, &out, 7, &asked);
	stats_report(&s, &r, &owner);
	assert_int_equal(report_end(&r), 0);
	rows = next(&more);
	assert_int_equal(list_next(&rows, &row), 1);
	while (list_next(&rows, &row) == 1) {
		snprintf(text, sizeof(text), "%.*s", SLICE_ARG(row));
		assert_int_equal(sscanf(text, "times %*s module %*s role %*s "
		    "instance %*s kind run count %llu sum_us %llu buckets %n",
		    &count, &sum, &took), 2);
		sums += sum;
		for (p = text + took; *p != '\0'; p += *p == ',') {
			assert_int_equal(sscanf(p, "%llu:%llu%n", &us, &n,
			    &took), 2);
			p += took;
			assert_int_equal(n, UINT64_MAX / STATS_BUCKETS);
			assert_int_equal(us, stats_first(stats_bucket(us)));
			all += n;
			count -= n;
		}
		assert_int_equal(count, 0);
	}
	assert_int_equal(all, UINT64_MAX / STATS_BUCKETS * STATS_BUCKETS);
	assert_int_equal(sums, 77);
	stats_free(&s);
}

static void
top_walk(struct top *t, const char *rows)
{
	static struct walk w;

	assert_int_equal(walk_begin(&w, 0, WALK_NODE_MS, 1,
	    slice_str("1.2.3.4:5"), 0), 0);
	assert_int_equal(row_keep(&w.at[0]->rows, slice_str(rows)), 0);
	assert_int_equal(top_read(t, &w, (int64_t)t->walks * 1000), 0);
	walk_free(&w);
}

/* Who is not seen any longer is forgotten, with its module, so that top may go
 * on for long; and who is seen again in time has not begun anew. */
UNIT(test_top_forgets)
{
	struct top t;
	char row[64];
	int i;

	top_init(&t, 1, 0);
	for (i = 0; i < 40; i++) {
		snprintf(row, sizeof(row), "requests - module m%d instance %d",
		    i, i);
		top_walk(&t, row);
		assert_true(t.processes.n <= TOP_FORGET + 1);
		assert_true(t.groups.n <= TOP_FORGET + 1);
	}
	assert_int_equal(t.processes.n, TOP_FORGET + 1);
	assert_int_equal(t.groups.n, TOP_FORGET + 1);
	for (i = 0; i < TOP_FORGET - 1; i++)
		top_walk(&t, "requests - module a instance b");
	top_walk(&t, "requests - module m39 instance 39");
	assert_int_equal(t.processes.n, 2);
	assert_int_equal(t.groups.n, 2);
	top_free(&t);
}

static void
hosts_row(void *arg, struct slice row)
{
	snprintf(arg, REPORT_ROW_MAX, "%.*s", SLICE_ARG(row));
}

/* Modules of a host that have no room in its row are told to be there. */
UNIT(test_many_modules)
{
	static struct walk w;
	static struct tier t;
	char row[REPORT_ROW_MAX];
	int i;

	assert_int_equal(walk_begin(&w, 0, WALK_NODE_MS, 1,
	    slice_str("1.2.3.4:5"), 0), 0);
	w.at[0]->state = WALK_DONE;
	row_keep(&w.at[0]->rows, slice_str("process b role broker pid 1"));
	row_keep(&w.at[0]->rows, slice_str("process l role listener pid 2"));
	for (i = 0; i < 100; i++) {
		snprintf(row, sizeof(row), "listener - module m%d instance %d",
		    i % 80, i);
		row_keep(&w.at[0]->rows, slice_str(row));
	}
	t.row = hosts_row;
	t.arg = row;
	assert_int_equal(tier_read(&t, &w, 1), 0);
	tier_hosts(&t, NULL);
	assert_non_null(strstr(row, " sells m0,m1,m2,"));
	assert_non_null(strstr(row, ",m64,... buys -"));
	tier_free(&t);
	walk_free(&w);
}

/* How many answers with these rows are passed on until one is not, and the row
 * that says why; *more: others are waited for. */
static unsigned
passed_on(struct gather *g, uint32_t peer, struct slice rows, char *why,
    uint64_t *more)
{
	struct msg_report m = { .serial = 1, .more = 1, .rows = rows };
	struct slice said, row;
	unsigned n = 0;

	for (;; n++) {
		assert_int_equal(gather_answer(g, peer, &m), 0);
		do {
			said = next(more);
			while (list_next(&said, &row) == 1)
				snprintf(why, 128, "%.*s", SLICE_ARG(row));
		} while (outbox_len(&out) > 0);
		if (strstr(why, " reason ") != NULL)
			return n;
	}
}

/* Of one peer 4 MiB of rows are passed on, and of all together 16. */
UNIT(test_gathered)
{
	static const struct msg all = { .type = MSG_INSPECT,
		.u.inspect.all = 1 };
	static const struct id id = { { 9 } };
	static const char bytes[1000] = { 'x', ' ' };
	struct scratch rows;
	struct gather g;
	struct gather_question *q;
	struct report r;
	struct act a;
	char why[128];
	uint64_t more;
	uint32_t i;

	gather_init(&g, &out, 1, GATHER_HOST_MS);
	scratch_init(&rows);
	assert_int_equal(scratch_begin(&rows, REPORT_BYTES), 0);
	while (scratch_bytes(&rows, slice_of(bytes, sizeof(bytes))))
		continue;
	report_begin(&r, &out, 7, &all);
	q = gather_open(&g, 0, &r, &all);
	assert_non_null(q);
	for (i = 11; i <= 15; i++)
		gather_ask(&g, q, i, ROLE_LISTENER, &id, &all);
	gather_go(&g, q);
	while (outbox_take(&out, &a))
		continue;
	for (i = 11; i <= 13; i++) {
		assert_int_equal(passed_on(&g, i, scratch_slice(&rows), why,
		    &more), GATHER_PEER / scratch_slice(&rows).len);
		assert_non_null(strstr(why, "reason it has too many rows"));
		assert_int_equal(more, 1);
	}
	assert_true(passed_on(&g, 14, scratch_slice(&rows), why, &more) <
	    GATHER_PEER / scratch_slice(&rows).len);
	assert_non_null(strstr(why, "reason there are too many rows"));
	assert_int_equal(more, 0);
	assert_int_equal(g.n, 0);
	assert_int_equal(g.asked, 0);
	gather_free(&g);
	scratch_free(&rows);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

UNITS(TEST(test_escaped), TEST(test_cut), TEST(test_many), TEST(test_wants),
    TEST(test_gathered), TEST(test_buckets), TEST(test_time_counts),
    TEST(test_times),
    TEST(test_top_forgets), TEST(test_many_modules))
