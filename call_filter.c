#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "call_filter.h"

#define STATUS_MAX 48 /* bytes of a number and a status */
#define LINE_KEEP  256 /* bytes of a slot's memory for a line */

/* A record whose result is in the queue, or was; the line of the job log
 * follows. */
struct filter_queued {
	uint64_t first, last; /* of a block: its records */
	uint64_t end; /* of its result, in all bytes that were put */
	size_t bytes; /* of the result, and of the line */
	size_t line;
};

static struct filter_slot *
filter_slot(const struct filter *f, uint64_t number)
{
	return &f->slot[number & (FILTER_WINDOW - 1)];
}

int
filter_init(struct filter *f, const struct filter_config *config,
    struct buf *out)
{
	size_t i;

	memset(f, 0, sizeof(*f));
	if ((f->slot = calloc(FILTER_WINDOW, sizeof(*f->slot))) == NULL)
		return -1;
	for (i = 0; i < FILTER_WINDOW; i++) {
		buf_init(&f->slot[i].result, MSG_MAX + MSG_HEAD_MAX);
		f->slot[i].result.keep = FILTER_KEEP;
		buf_init(&f->slot[i].line, FILTER_LINE);
		f->slot[i].line.keep = LINE_KEEP;
	}
	f->config = *config;
	f->next = f->oldest = 1;
	f->out = out;
	buf_init(&f->queued, BUF_MAX);
	f->queued.keep = FILTER_KEEP;
	buf_init(&f->lines, BUF_MAX);
	f->lines.keep = FILTER_KEEP;
	buf_init(&f->scratch, MSG_MAX + STATUS_MAX);
	f->scratch.keep = FILTER_KEEP;
	return 0;
}

void
filter_free(struct filter *f)
{
	size_t i;

	if (f->slot == NULL)
		return;
	for (i = 0; i < FILTER_WINDOW; i++) {
		buf_free(&f->slot[i].result);
		buf_free(&f->slot[i].line);
	}
	free(f->slot);
	f->slot = NULL;
	buf_free(&f->queued);
	buf_free(&f->lines);
	buf_free(&f->scratch);
}

int
filter_open(const struct filter *f)
{
	return f->next - f->oldest < FILTER_WINDOW &&
	    f->asked < FILTER_BYTES && f->kept < FILTER_BYTES &&
	    buf_len(&f->queued) < FILTER_BYTES;
}

uint64_t
filter_add(struct filter *f, int64_t now, size_t bytes, uint64_t records)
{
	struct filter_slot *s = filter_slot(f, f->next);

	assert(filter_open(f));
	s->answered = 0;
	s->asked = bytes;
	s->at = now;
	s->first = f->records + 1;
	s->last = f->records += records;
	f->asked += bytes;
	f->running++;
	return f->next++;
}

uint64_t
filter_records(const struct filter *f, uint64_t number, uint64_t *last)
{
	const struct filter_slot *s = filter_slot(f, number);

	*last = s->last;
	return s->first;
}

int
filter_is_running(const struct filter *f, uint64_t number)
{
	return number >= f->oldest && number < f->next &&
	    !filter_slot(f, number)->answered;
}

int64_t
filter_since(const struct filter *f)
{
	return f->oldest == f->next ? INT64_MAX : filter_slot(f, f->oldest)->at;
}

/* The queue for standard output. */

/* Forget what is written by now, except its lines. A line without memory is
 * lost: its record runs again in the next run. */
static void
filter_forget_written(struct filter *f, size_t queued)
{
	uint64_t written = f->put - queued - f->lost;
	struct filter_queued q;

	while (buf_len(&f->queued) > 0) {
		memcpy(&q, buf_slice(&f->queued).p, sizeof(q));
		if (q.end > written)
			break;
		(void)buf_append(&f->lines, buf_slice(&f->queued).p +
		    sizeof(q), q.line);
		buf_consume(&f->queued, sizeof(q) + q.line);
	}
}

void
filter_written(struct filter *f)
{
	filter_forget_written(f, buf_len(f->out));
}

/* That many bytes of the record's are at the end of the queue: 0, or -1 with
 * ENOMEM. */
static int
filter_note(struct filter *f, uint64_t number, size_t bytes)
{
	struct filter_slot *s = filter_slot(f, number);
	struct slice line = buf_slice(&s->line);
	struct filter_queued q = { s->first, s->last, f->put + bytes, bytes,
		line.len };
	int r;

	filter_forget_written(f, buf_len(f->out) - bytes);
	f->put += bytes;
	if (bytes == 0 && line.len == 0)
		return 0;
	r = buf_append(&f->queued, &q, sizeof(q)) == -1 ? -1 :
	    buf_append(&f->queued, line.p, line.len);
	buf_consume(&s->line, line.len);
	return r;
}

void
filter_lose(struct filter *f, size_t bytes)
{
	f->lost += bytes;
}

uint64_t
filter_unwritten(struct filter *f, size_t *pos, uint64_t *last)
{
	struct filter_queued q;
	struct slice all;

	if (*pos == 0)
		filter_forget_written(f, buf_len(f->out));
	all = buf_slice(&f->queued);
	do {
		if (*pos >= all.len)
			return 0;
		memcpy(&q, all.p + *pos, sizeof(q));
		*pos += sizeof(q) + q.line;
	} while (q.bytes == 0);
	*last = q.last;
	return q.first;
}

/* Answers. */

/* Write answers whose turn has come. */
static int
filter_advance(struct filter *f)
{
	struct filter_slot *s;
	struct slice result;

	while (f->oldest < f->next && filter_slot(f, f->oldest)->answered) {
		s = filter_slot(f, f->oldest);
		result = buf_slice(&s->result);
		if (buf_append(f->out, result.p, result.len) == -1 ||
		    filter_note(f, f->oldest, result.len) == -1)
			return -1;
		f->kept -= result.len;
		buf_consume(&s->result, result.len);
		f->oldest++;
	}
	return 0;
}

static int
filter_answered(struct filter *f, uint64_t number)
{
	struct filter_slot *s = filter_slot(f, number);

	f->kept += buf_len(&s->result);
	f->asked -= s->asked;
	f->running--;
	s->answered = 1;
	if (!f->config.ordered && buf_len(&s->line) > 0 &&
	    filter_note(f, number, 0) == -1)
		return -1;
	return filter_advance(f);
}

int
filter_log(struct filter *f, uint64_t number, struct slice line)
{
	struct buf *b = &filter_slot(f, number)->line;

	buf_consume(b, buf_len(b));
	return buf_append(b, line.p, line.len);
}

int
filter_skip(struct filter *f, uint64_t records)
{
	uint64_t number = filter_add(f, 0, 0, records);

	f->skipped++;
	return filter_answered(f, number);
}

/* Put an answer where it belongs: 0, or -1 with errno, and *why if that is
 * EINVAL. */
static int
filter_put(struct filter *f, uint64_t number, struct slice body,
    const char **why)
{
	struct filter_slot *s = filter_slot(f, number);
	int direct = !f->config.ordered || number == f->oldest;
	struct buf *to = direct ? f->out : &s->result;
	size_t was = buf_len(f->out);

	*why = NULL;
	if (f->config.blocks ? buf_append(to, body.p, body.len) == -1 :
	    frame_put_body(to, f->config.kind, body, why) == -1)
		return -1;
	return direct ? filter_note(f, number, buf_len(f->out) - was) : 0;
}

/* The same with its number and status in front. */
static int
filter_put_status(struct filter *f, uint64_t number, const char *status,
    struct slice body, const char **why)
{
	char front[STATUS_MAX];
	struct slice all;
	int r;

	snprintf(front, sizeof(front), "%llu %s ", (unsigned long long)number,
	    status);
	buf_consume(&f->scratch, buf_len(&f->scratch));
	*why = NULL;
	if (buf_append(&f->scratch, front, strlen(front)) == -1 ||
	    buf_append(&f->scratch, body.p, body.len) == -1)
		return -1;
	all = buf_slice(&f->scratch);
	r = filter_put(f, number, all, why);
	buf_consume(&f->scratch, all.len);
	return r;
}

int
filter_result(struct filter *f, uint64_t number, unsigned status,
    struct slice body, const char **why)
{
	char text[16];
	int r;

	assert(filter_is_running(f, number));
	snprintf(text, sizeof(text), "%u", status);
	r = f->config.status ? filter_put_status(f, number, text, body, why) :
	    filter_put(f, number, body, why);
	if (r == -1)
		return -1;
	if (status == 0)
		f->done++;
	else
		f->failed++;
	return filter_answered(f, number);
}

int
filter_fail(struct filter *f, uint64_t number, int sent, const char *why)
{
	char text[4 * REASON_MAX];
	const char *unfit;
	size_t len;
	int r = 0;

	assert(filter_is_running(f, number));
	if (sent)
		f->failed++;
	else
		f->unsent++;
	if (f->config.status) {
		len = escape(text, sizeof(text), &why);
		r = filter_put_status(f, number, "-", slice_of(text, len),
		    &unfit);
	}
	if (filter_answered(f, number) == -1)
		r = -1;
	return r;
}
