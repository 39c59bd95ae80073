#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ctl_metrics.h"

#define METRICS_LINE  2048 /* bytes of a line; a longer one is left out */
#define METRICS_LABEL 600  /* of the value of a label, escaped */
/* A histogram's buckets end at powers of two microseconds: 64 us to 67 s. */
#define METRICS_LE_FIRST 6
#define METRICS_LE_LAST	 26

/* What a row says of requests. */

static uint64_t
metrics_number(struct slice *text)
{
	uint64_t n = 0;

	for (; text->len > 0 && text->p[0] >= '0' && text->p[0] <= '9';
	    *text = slice_of(text->p + 1, text->len - 1))
		n = n * 10 + (uint64_t)(text->p[0] - '0');
	return n;
}

static int
metrics_skip(struct slice *text, char c)
{
	if (text->len == 0 || text->p[0] != c)
		return 0;
	*text = slice_of(text->p + 1, text->len - 1);
	return 1;
}

static void
metrics_add_times(struct metrics_stats *s, const struct row *r)
{
	int run = row_is(r, "kind", "run");
	struct slice list = row_get(r, "buckets");
	uint64_t us;

	s->n[run ? STAT_RUN_US : STAT_QUEUE_US] += row_number(r, "sum_us");
	do {
		us = metrics_number(&list);
		if (!metrics_skip(&list, ':'))
			return;
		s->n[(run ? STAT_RUN : STAT_QUEUE) + stats_bucket(us)] +=
		    metrics_number(&list);
	} while (metrics_skip(&list, ','));
}

int
metrics_add(struct metrics_stats *s, const struct row *r)
{
	size_t i;

	if (slice_is(r->word, "times")) {
		metrics_add_times(s, r);
		return 1;
	}
	if (!slice_is(r->word, "requests"))
		return 0;
	for (i = 0; i < STAT_NAMED; i++)
		s->n[i] += row_number(r, stats_names[i]);
	return 1;
}

/* Prometheus. */

struct metric {
	const char *name, *type, *help;
	const char *word, *key; /* of the row; key NULL: a row counts 1; "":
				   it drains, or did not answer */
	const char *label, *value; /* one more; or NULL: name of the row as the
				      value, where there is a label */
};

#define METRIC_RESULT(value) \
	{ "lambda_requests_total", "counter", \
	    "Requests that have ended, by how they did.", "requests", value, \
	    "result", value }
#define METRIC(name, type, help, word, key) \
	{ name, type, help, word, key, NULL, NULL }

/* All of one name stand together. */
static const struct metric metrics[] = {
	METRIC("lambda_requests_begun_total", "counter",
	    "Requests that have begun.", "requests", "begun"),
	METRIC_RESULT("done"), METRIC_RESULT("status"),
	METRIC_RESULT("failed"), METRIC_RESULT("late"),
	METRIC_RESULT("abandoned"), METRIC_RESULT("drained"),
	METRIC_RESULT("lost"),
	METRIC("lambda_requests_running", "gauge",
	    "Requests that have begun and not ended.", "requests", "running"),
	METRIC("lambda_requests_retried_total", "counter",
	    "Runs that failed and were followed by another.", "requests",
	    "again"),
	METRIC("lambda_request_bytes_total", "counter",
	    "Bytes of functions, arguments and bodies.", "requests",
	    "bytes_in"),
	METRIC("lambda_reply_bytes_total", "counter",
	    "Bytes of output and standard error.", "requests", "bytes_out"),
	METRIC("lambda_workers_started_total", "counter",
	    "Processes that were started to run requests.", "requests",
	    "started"),
	METRIC("lambda_workers_died_total", "counter",
	    "Those of them that ended without having been told to.",
	    "requests", "died"),
	METRIC("lambda_channels_silent", "gauge",
	    "Channels that have not said what they counted.", "requests",
	    "silent"),
	METRIC("lambda_listener_capacity", "gauge",
	    "Requests that the listener runs at once, at most.", "listener",
	    "capacity"),
	METRIC("lambda_listener_held", "gauge",
	    "Capacity that PLBs hold.", "listener", "held"),
	METRIC("lambda_listener_left", "gauge",
	    "Capacity that is on offer.", "listener", "left"),
	METRIC("lambda_listener_channels", "gauge",
	    "Channels that there are.", "listener", "channels"),
	METRIC("lambda_listener_draining", "gauge",
	    "1 where the listener drains, or has.", "listener", ""),
	METRIC("lambda_plb_wanted", "gauge",
	    "Requests that the PLB wants to have in flight at once.", "plb",
	    "wanted"),
	METRIC("lambda_plb_tokens", "gauge",
	    "Tokens that it holds unspent.", "plb", "tokens"),
	METRIC("lambda_plb_requests_in_flight", "gauge",
	    "Requests that channels have.", "plb", "in_flight"),
	METRIC("lambda_plb_requests_queued", "gauge",
	    "Requests that wait for a token.", "plb", "queued"),
	METRIC("lambda_plb_connects_total", "counter",
	    "Times that it has asked a channel for tokens.", "plb",
	    "connects"),
	METRIC("lambda_plb_refusals_total", "counter",
	    "Those of them that were refused or had no answer.", "plb",
	    "refused"),
	METRIC("lambda_exchange_sells", "gauge",
	    "Sell orders that stand there.", "exchange", "sells"),
	METRIC("lambda_exchange_buys", "gauge",
	    "Buy orders that stand there.", "exchange", "buys"),
	METRIC("lambda_exchange_quantity", "gauge",
	    "Capacity that its sells have on offer.", "exchange", "quantity"),
	METRIC("lambda_exchange_reserved", "gauge",
	    "Capacity that is filled and not settled.", "exchange",
	    "reserved"),
	METRIC("lambda_exchange_missing", "gauge",
	    "Capacity that its buys want and have not got.", "exchange",
	    "missing"),
	METRIC("lambda_exchange_matches_total", "counter",
	    "Matches of a buy with a seller.", "exchange", "matches"),
	METRIC("lambda_exchange_filled_total", "counter",
	    "Capacity that was filled.", "exchange", "filled"),
	METRIC("lambda_exchange_settled_total", "counter",
	    "Capacity filled that the seller has settled.", "exchange",
	    "settled"),
	METRIC("lambda_exchange_released_total", "counter",
	    "Capacity filled that the buyer gave back.", "exchange",
	    "released"),
	METRIC("lambda_exchange_lost_total", "counter",
	    "Capacity filled that was lost with its broker or sell.",
	    "exchange", "lost"),
	METRIC("lambda_exchange_expired_total", "counter",
	    "Capacity filled that nothing was heard of.", "exchange",
	    "expired"),
	METRIC("lambda_broker_sells", "gauge",
	    "Sell orders of the host.", "fills", "sells"),
	METRIC("lambda_broker_buys", "gauge",
	    "Buy orders of the host.", "fills", "buys"),
	METRIC("lambda_broker_lacking", "gauge",
	    "Capacity that its buys want and nothing is on its way for.",
	    "fills", "lacking"),
	METRIC("lambda_broker_filled_total", "counter",
	    "Capacity that exchanges have filled its buys with.", "fills",
	    "filled"),
	METRIC("lambda_broker_passed_total", "counter",
	    "Capacity of that which its PLBs were told of.", "fills",
	    "passed"),
	METRIC("lambda_broker_refusals_total", "counter",
	    "Orders of it that an exchange has refused.", "fills",
	    "refused"),
	METRIC("lambda_links", "gauge", "Links that are up.", "links", "up"),
	METRIC("lambda_links_made_total", "counter",
	    "Links that have come up.", "links", "made"),
	METRIC("lambda_links_faults_total", "counter",
	    "Those of them that were closed for a fault of the peer.",
	    "links", "faults"),
	METRIC("lambda_handshakes_refused_total", "counter",
	    "Connections taken that ended before they were links.", "links",
	    "refused"),
	METRIC("lambda_dials_failed_total", "counter",
	    "Times that an address that was dialled gave no link.", "links",
	    "failed"),
	METRIC("lambda_messages_received_total", "counter",
	    "Messages of peers, without heartbeats.", "links",
	    "messages_in"),
	METRIC("lambda_messages_sent_total", "counter",
	    "Messages to peers, without heartbeats.", "links",
	    "messages_out"),
	METRIC("lambda_links_received_bytes_total", "counter",
	    "Bytes that connections have brought, as they are on the wire.",
	    "links", "bytes_in"),
	METRIC("lambda_links_sent_bytes_total", "counter",
	    "Bytes that connections have taken, as they are on the wire.",
	    "links", "bytes_out"),
	METRIC("lambda_process_silent", "gauge",
	    "1 where a process of the host did not answer its broker.",
	    "process", ""),
	{ "lambda_key_links", "gauge", "Links that were made with the key.",
	    "key", "links", "key", NULL },
	{ "lambda_authority_linked", "gauge", "1 for each that it is linked "
	    "to, or is.", "authority", NULL, "authority", NULL }
};
#define METRICS (sizeof(metrics) / sizeof(metrics[0]))

/* Whose row it is: a row `process' says so for those after it. */
struct metrics_context {
	struct slice process, role; /* empty: nobody has said */
};

struct metrics {
	struct slice rows;
	void (*line)(void *, struct slice);
	void *arg;
};

static void
metrics_line(const struct metrics *p, const char *fmt, ...)
{
	char line[METRICS_LINE];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < sizeof(line))
		p->line(p->arg, slice_of(line, (size_t)n));
}

/* name="value", after a comma where something stands before it. What is not
 * known is no label. */
static void
metrics_label(char *out, size_t size, const char *name, struct slice value)
{
	size_t i, n = strlen(out);

	if (value.len == 0 || slice_is(value, "-") ||
	    value.len * 2 > METRICS_LABEL ||
	    n + strlen(name) + 2 * value.len + 5 > size)
		return;
	n += (size_t)snprintf(out + n, size - n, "%s%s=\"",
	    n == 0 ? "" : ",", name);
	for (i = 0; i < value.len; i++) {
		if (value.p[i] == '"' || value.p[i] == '\\')
			out[n++] = '\\';
		out[n++] = (char)value.p[i];
	}
	memcpy(out + n, "\"", 2);
}

/* The next row, and whose it is. */
static int
metrics_next(struct slice *rows, struct row *r, struct metrics_context *c)
{
	if (!row_next(rows, r))
		return 0;
	if (slice_is(r->word, "process")) {
		c->process = r->name;
		c->role = row_get(r, "role");
	}
	return 1;
}

/* module, role and process, as far as they are known. Who has not said who it
 * is may say so in the row. */
static void
metrics_labels(char *out, size_t size, const struct row *r,
    const struct metrics_context *c)
{
	struct slice role = row_get(r, "role"), id = row_get(r, "instance");
	struct slice module = row_get(r, "module");
	int plb = slice_is(r->word, "plb");

	out[0] = '\0';
	metrics_label(out, size, "module", plb ? r->name : module);
	metrics_label(out, size, "role", role.len > 0 ? role : c->role);
	metrics_label(out, size, "process",
	    c->process.len > 0 ? c->process : id);
}

/* An exchange as others see it has counted nothing that they know. The links of
 * a channel are its PLB's, too, and it does not live long enough to be a
 * process here. */
static int
metrics_has(const struct metric *m, const struct row *r)
{
	return slice_is(r->word, m->word) && !row_is(r, "role", "channel") &&
	    (m->key == NULL || m->key[0] == '\0' ||
	    row_get(r, m->key).len > 0);
}

/* Where the rows of several processes come in turn, each has its row `process'
 * more than once: was there one before this? */
static int
metrics_is_again(const struct metrics *p, const struct row *r)
{
	struct slice rows = p->rows;
	struct row other;

	while (slice_is(r->word, "process") && row_next(&rows, &other) &&
	    other.name.p != r->name.p)
		if (slice_is(other.word, "process") &&
		    slice_equal(other.name, r->name))
			return 1;
	return 0;
}

/* The process did not answer whoever passed the question on, or not to the
 * end. */
static int
metrics_is_silent(const struct metrics *p, struct slice process)
{
	struct slice rows = p->rows;
	struct row r;

	while (row_next(&rows, &r))
		if (slice_is(r.word, "process") &&
		    slice_equal(r.name, process) &&
		    row_get(&r, "reason").len > 0)
			return 1;
	return 0;
}

/* A listener drains, or has; or a process is silent. */
static int
metrics_flag(const struct metrics *p, const struct row *r)
{
	return slice_is(r->word, "process") ? metrics_is_silent(p, r->name) :
	    !row_is(r, "state", "publishing");
}

static void
metrics_print_one(const struct metrics *p, const struct metric *m)
{
	struct metrics_context c = { .role = slice_of(NULL, 0) };
	struct slice rows = p->rows;
	char labels[METRICS_LINE / 2];
	struct row r;
	uint64_t n;

	while (metrics_next(&rows, &r, &c)) {
		if (!metrics_has(m, &r) || metrics_is_again(p, &r))
			continue;
		metrics_labels(labels, sizeof(labels), &r, &c);
		if (m->label != NULL)
			metrics_label(labels, sizeof(labels), m->label,
			    m->value != NULL ? slice_str(m->value) : r.name);
		n = m->key == NULL ? 1 : m->key[0] != '\0' ?
		    row_number(&r, m->key) : (uint64_t)metrics_flag(p, &r);
		metrics_line(p, "%s%s%s%s %llu", m->name, labels[0] == '\0' ?
		    "" : "{", labels, labels[0] == '\0' ? "" : "}",
		    (unsigned long long)n);
	}
}

static void
metrics_head(const struct metrics *p, const char *name, const char *type,
    const char *help)
{
	metrics_line(p, "# HELP %s %s", name, help);
	metrics_line(p, "# TYPE %s %s", name, type);
}

static int
metrics_any(const struct metrics *p, const struct metric *m)
{
	struct metrics_context c;
	struct slice rows = p->rows;
	struct row r;

	while (metrics_next(&rows, &r, &c))
		if (metrics_has(m, &r))
			return 1;
	return 0;
}

/* Histograms. */

static void
metrics_histogram(const struct metrics *p, const char *name,
    const char *labels, const uint64_t *buckets, uint64_t sum)
{
	uint64_t n = 0;
	unsigned b = 0, e;

	for (e = METRICS_LE_FIRST; e <= METRICS_LE_LAST; e++) {
		for (; stats_first(b) < (uint64_t)1 << e; b++)
			n += buckets[b];
		metrics_line(p, "%s_bucket{%s,le=\"%lu.%06lu\"} %llu", name,
		    labels, (1ul << e) / 1000000, (1ul << e) % 1000000,
		    (unsigned long long)n);
	}
	for (; b < STATS_BUCKETS; b++)
		n += buckets[b];
	metrics_line(p, "%s_bucket{%s,le=\"+Inf\"} %llu", name, labels,
	    (unsigned long long)n);
	metrics_line(p, "%s_sum{%s} %llu.%06llu", name, labels,
	    (unsigned long long)(sum / 1000000),
	    (unsigned long long)(sum % 1000000));
	metrics_line(p, "%s_count{%s} %llu", name, labels,
	    (unsigned long long)n);
}

/* Of each process that has a row of requests, all its rows of times, which
 * stand after it. */
static void
metrics_print_times(const struct metrics *p, const char *name,
    enum counter sum, enum counter first)
{
	struct metrics_context c = { .role = slice_of(NULL, 0) };
	struct slice rows = p->rows, rest;
	char labels[METRICS_LINE / 2];
	struct metrics_stats s;
	struct row r;

	while (metrics_next(&rows, &r, &c)) {
		if (!slice_is(r.word, "requests"))
			continue;
		metrics_labels(labels, sizeof(labels), &r, &c);
		memset(&s, 0, sizeof(s));
		for (rest = rows; row_next(&rest, &r) &&
		    slice_is(r.word, "times");)
			metrics_add(&s, &r);
		metrics_histogram(p, name, labels, &s.n[first], s.n[sum]);
	}
}

void
metrics_print(struct slice rows, void (*line)(void *arg, struct slice),
    void *arg)
{
	struct metrics p = { rows, line, arg };
	const char *before = "";
	size_t i;

	for (i = 0; i < METRICS; i++) {
		if (!metrics_any(&p, &metrics[i]))
			continue;
		if (strcmp(before, metrics[i].name) != 0)
			metrics_head(&p, metrics[i].name, metrics[i].type,
			    metrics[i].help);
		before = metrics[i].name;
		metrics_print_one(&p, &metrics[i]);
	}
	if (!metrics_any(&p, &metrics[0]))
		return;
	metrics_head(&p, "lambda_request_queue_seconds", "histogram",
	    "Time before a request was given to a channel, or to a worker.");
	metrics_print_times(&p, "lambda_request_queue_seconds",
	    STAT_QUEUE_US, STAT_QUEUE);
	metrics_head(&p, "lambda_request_run_seconds", "histogram",
	    "Time after that until its answer.");
	metrics_print_times(&p, "lambda_request_run_seconds", STAT_RUN_US,
	    STAT_RUN);
}
