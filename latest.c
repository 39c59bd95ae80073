#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "die.h"
#include "fail.h"
#include "latest.h"
#include "env.h"

#define BATCH 4096 /* bytes given to the sink at a time: those are final */

struct latest_line {
	struct latest_line *next;
	unsigned char *line;
	size_t key_len, len;
	unsigned char key[];
};

static void
latest_line_free(struct latest_line *e)
{
	free(e->line);
	free(e);
}

static struct slice
latest_line_key(const struct latest_line *e)
{
	return slice_of(e->key, e->key_len);
}

static void
latest_clear(struct latest *l)
{
	struct latest_line *e;

	while ((e = l->head) != NULL) {
		l->head = e->next;
		map_del(&l->lines, latest_line_key(e));
		latest_line_free(e);
	}
	l->tail = &l->head;
}

static void
latest_end(struct latest *l, int error)
{
	if (l->error != 0)
		return;
	l->error = error;
	loop_unwatch(l->loop, &l->reader);
	latest_clear(l);
	if (l->done != NULL)
		l->done(l->arg);
}

static int
latest_write_line(struct latest *l, const struct latest_line *e)
{
	unsigned char *p = buf_reserve(&l->sink.queue, e->len + 1);

	if (p == NULL)
		return -1;
	memcpy(p, e->line, e->len);
	p[e->len] = '\n';
	buf_commit(&l->sink.queue, e->len + 1);
	return 0;
}

static void
latest_fill(struct latest *l)
{
	struct latest_line *e;

	while ((e = l->head) != NULL && buf_len(&l->sink.queue) < BATCH) {
		if (latest_write_line(l, e) == -1)
			break;
		l->head = e->next;
		if (l->head == NULL)
			l->tail = &l->head;
		map_del(&l->lines, latest_line_key(e));
		latest_line_free(e);
	}
	sink_filled(&l->sink);
}

static void
latest_on_drained(void *arg)
{
	struct latest *l = arg;

	if (l->sink.error != 0)
		latest_end(l, l->sink.error);
	else if (l->head != NULL)
		latest_fill(l);
	else if (l->done != NULL)
		l->done(l->arg);
}

static void
latest_on_reader(void *arg, short revents)
{
	if (revents & (POLLERR | POLLHUP | POLLNVAL))
		latest_end(arg, EPIPE);
}

void
latest_init(struct latest *l, struct loop *loop, int fd, size_t max,
    void (*done)(void *arg), void *arg)
{
	uint64_t seed;

	memset(l, 0, sizeof(*l));
	env_random(&seed, sizeof(seed));
	map_init(&l->lines, seed);
	l->loop = loop;
	l->max = max;
	l->tail = &l->head;
	l->done = done;
	l->arg = arg;
	sink_init(&l->sink, loop, fd, BATCH + LATEST_LINE_MAX + 1,
	    latest_on_drained, l);
	l->reader.fd = fd;
	l->reader.events = POLLERR;
	l->reader.fn = latest_on_reader;
	l->reader.arg = l;
	if (loop_watch(loop, &l->reader) == -1)
		die_errno(EXIT_TEMPORARY, "unable to watch standard output");
}

void
latest_free(struct latest *l)
{
	loop_unwatch(l->loop, &l->reader);
	sink_free(&l->sink);
	latest_clear(l);
	map_free(&l->lines);
}

static struct latest_line *
latest_line_new(struct latest *l, struct slice key)
{
	struct latest_line *e;

	if (l->lines.n >= l->max) {
		errno = ENOBUFS;
		return NULL;
	}
	if ((e = calloc(1, sizeof(*e) + key.len)) == NULL)
		return NULL;
	e->key_len = key.len;
	memcpy(e->key, key.p, key.len);
	if (map_put(&l->lines, latest_line_key(e), e) == -1) {
		free(e);
		return NULL;
	}
	*l->tail = e;
	l->tail = &e->next;
	return e;
}

int
latest_put(struct latest *l, struct slice key, struct slice line)
{
	struct latest_line *e = map_get(&l->lines, key);
	unsigned char *copy;

	if (l->error != 0)
		return 0;
	if (key.len > LATEST_LINE_MAX || line.len > LATEST_LINE_MAX - key.len)
		return fail(ERANGE);
	if ((copy = malloc(line.len + 1)) == NULL)
		return -1;
	if (e == NULL && (e = latest_line_new(l, key)) == NULL) {
		free(copy);
		return -1;
	}
	memcpy(copy, line.p, line.len);
	free(e->line);
	e->line = copy;
	e->len = line.len;
	if (buf_len(&l->sink.queue) == 0)
		latest_fill(l);
	return 0;
}

int
latest_empty(const struct latest *l)
{
	return l->head == NULL && buf_len(&l->sink.queue) == 0;
}
