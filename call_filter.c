#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "call_filter.h"

static struct filter_slot *
filter_slot(const struct filter *f, uint64_t number)
{
	return &f->slot[number & (FILTER_WINDOW - 1)];
}

int
filter_init(struct filter *f, enum frame_kind kind, int ordered,
    struct buf *out)
{
	size_t i;

	memset(f, 0, sizeof(*f));
	if ((f->slot = calloc(FILTER_WINDOW, sizeof(*f->slot))) == NULL)
		return -1;
	for (i = 0; i < FILTER_WINDOW; i++) {
		buf_init(&f->slot[i].result, MSG_MAX + MSG_HEAD_MAX);
		f->slot[i].result.keep = FILTER_KEEP;
	}
	f->kind = kind;
	f->ordered = ordered;
	f->next = f->oldest = 1;
	f->out = out;
	return 0;
}

void
filter_free(struct filter *f)
{
	size_t i;

	if (f->slot == NULL)
		return;
	for (i = 0; i < FILTER_WINDOW; i++)
		buf_free(&f->slot[i].result);
	free(f->slot);
	f->slot = NULL;
}

int
filter_open(const struct filter *f)
{
	return f->next - f->oldest < FILTER_WINDOW &&
	    f->asked < FILTER_BYTES && f->kept < FILTER_BYTES;
}

uint64_t
filter_add(struct filter *f, size_t bytes)
{
	struct filter_slot *s = filter_slot(f, f->next);

	assert(filter_open(f));
	s->answered = 0;
	s->asked = bytes;
	f->asked += bytes;
	f->running++;
	return f->next++;
}

/* Answers whose turn has come go out. */
static int
filter_advance(struct filter *f)
{
	struct filter_slot *s;
	struct slice result;

	while (f->oldest < f->next && filter_slot(f, f->oldest)->answered) {
		s = filter_slot(f, f->oldest);
		result = buf_slice(&s->result);
		if (buf_append(f->out, result.p, result.len) == -1)
			return -1;
		f->kept -= result.len;
		buf_consume(&s->result, result.len);
		f->oldest++;
	}
	return 0;
}

static int
filter_is_running(const struct filter *f, uint64_t number)
{
	return number >= f->oldest && number < f->next &&
	    !filter_slot(f, number)->answered;
}

static int
filter_answered(struct filter *f, struct filter_slot *s)
{
	f->kept += buf_len(&s->result);
	f->asked -= s->asked;
	f->running--;
	s->answered = 1;
	return filter_advance(f);
}

int
filter_result(struct filter *f, uint64_t number, struct slice body,
    const char **why)
{
	struct filter_slot *s = filter_slot(f, number);
	int direct = !f->ordered || number == f->oldest;

	assert(filter_is_running(f, number));
	*why = NULL;
	if (f->kind == FRAME_LINE && body.len > 0 &&
	    body.p[body.len - 1] == '\n')
		body.len--;
	if (frame_put_body(direct ? f->out : &s->result, f->kind, body, why) ==
	    0) {
		f->done++;
		return filter_answered(f, s);
	}
	if (errno != EINVAL)
		return -1;
	if (filter_fail(f, number) == -1)
		*why = NULL;
	else
		errno = EINVAL;
	return -1;
}

int
filter_fail(struct filter *f, uint64_t number)
{
	assert(filter_is_running(f, number));
	f->failed++;
	return filter_answered(f, filter_slot(f, number));
}
