#include <sys/stat.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "env.h"
#include "fail.h"
#include "lines.h"
#include "log.h"
#include "program.h"

static void
lines_finish(struct lines *l)
{
	if (!l->skipping)
		l->line(l->arg, l->buf, l->len, l->number + 1);
	l->number++;
	l->len = 0;
	l->skipping = 0;
}

static void
lines_take(struct lines *l, const char *p, size_t n)
{
	if (l->skipping)
		return;
	if (n > sizeof(l->buf) - l->len) {
		log_error("line %lu: longer than %d bytes: skipped",
		    l->number + 1, LINES_MAX);
		l->skipping = 1;
		l->len = 0;
		return;
	}
	memcpy(l->buf + l->len, p, n);
	l->len += n;
}

static void
lines_feed(struct lines *l, const char *p, size_t n)
{
	const char *newline;

	while ((newline = memchr(p, '\n', n)) != NULL) {
		lines_take(l, p, (size_t)(newline - p));
		lines_finish(l);
		n -= (size_t)(newline - p) + 1;
		p = newline + 1;
	}
	lines_take(l, p, n);
}

/* A last line needs no newline. */
static void
lines_end(struct lines *l)
{
	if (l->len > 0)
		lines_finish(l);
	l->ended = 1;
	loop_unwatch(l->loop, &l->watch);
	if (l->end != NULL)
		l->end(l->arg);
}

static void
lines_on_readable(void *arg, short revents)
{
	struct lines *l = arg;
	char chunk[4096];
	ssize_t n;

	(void)revents;
	n = read(l->watch.fd, chunk, sizeof(chunk));
	if (n > 0) {
		lines_feed(l, chunk, (size_t)n);
		return;
	}
	if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK ||
	    errno == EINTR))
		return;
	if (n == -1)
		log_error("unable to read standard input: %s",
		    strerror(errno));
	lines_end(l);
}

static void
lines_start(struct lines *l)
{
	l->ended = 0;
	l->number = 0;
	l->len = 0;
	l->skipping = 0;
	if (loop_watch(l->loop, &l->watch) == -1)
		die_errno(EXIT_TEMPORARY, "unable to watch standard input");
}

void
lines_init(struct lines *l, struct loop *loop, int fd,
    void (*line)(void *, const char *, size_t, unsigned long), void *arg)
{
	memset(l, 0, sizeof(*l));
	l->loop = loop;
	l->line = line;
	l->arg = arg;
	l->watch.fd = fd;
	l->watch.events = POLLIN;
	l->watch.fn = lines_on_readable;
	l->watch.arg = l;
	lines_start(l);
}

void
lines_stop(struct lines *l)
{
	if (!l->ended)
		loop_unwatch(l->loop, &l->watch);
	l->ended = 1;
}

int
lines_again(struct lines *l)
{
	if (!l->ended || lseek(l->watch.fd, 0, SEEK_SET) == -1)
		return 0;
	lines_start(l);
	return 1;
}

int
lines_address(const char *p, size_t len, unsigned long number,
    int default_port, struct addr *a)
{
	const char *why;

	for (; len > 0 && isspace((unsigned char)p[0]); p++)
		len--;
	for (; len > 0 && isspace((unsigned char)p[len - 1]);)
		len--;
	if (len == 0 || p[0] == '#')
		return 0;
	if (addr_parse_peer(a, p, len, default_port, &why) == 0)
		return 1;
	log_error("line %lu: %.*s: %s", number, (int)len, p, why);
	return 0;
}

/* Bytes out. */

#ifndef PIPE_BUF
#define PIPE_BUF _POSIX_PIPE_BUF
#endif
#define LARGE_CHUNK (64 * 1024)
#define SINK_TURN  (256 * 1024) /* bytes written in a turn, at most */

/* All is written, or what is left never will be. */
static void
sink_end(struct sink *s)
{
	if (s->error != 0)
		s->lost += buf_len(&s->queue);
	buf_consume(&s->queue, buf_len(&s->queue));
	loop_unwatch(s->loop, &s->watch);
	if (s->drained != NULL)
		s->drained(s->arg);
}

/* Does a shared descriptor take a chunk without blocking? Poll() has said so of
 * the first. */
static int
sink_is_ready(const struct sink *s)
{
	struct pollfd p = { .fd = s->watch.fd, .events = POLLOUT };

	return poll(&p, 1, 0) == 1 && p.revents == POLLOUT;
}

/* Write a chunk: is there more to be written, and may it be tried? */
static int
sink_write_chunk(struct sink *s)
{
	struct slice bytes = buf_slice(&s->queue);
	ssize_t n;

	if (bytes.len > s->chunk)
		bytes.len = s->chunk;
	n = write(s->watch.fd, bytes.p, bytes.len);
	if (n >= 0)
		buf_consume(&s->queue, (size_t)n);
	else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		s->error = errno;
	return n == (ssize_t)bytes.len && buf_len(&s->queue) > 0;
}

/* As much as is taken, SINK_TURN bytes a turn at most. */
static void
sink_on_writable(void *arg, short revents)
{
	struct sink *s = arg;
	size_t before = buf_len(&s->queue), left = SINK_TURN / s->chunk;

	(void)revents;
	while (sink_write_chunk(s) && --left > 0 &&
	    (s->own != -1 || sink_is_ready(s)))
		;
	if (s->wrote != NULL && buf_len(&s->queue) < before)
		s->wrote(s->arg);
	if (s->error != 0 || buf_len(&s->queue) == 0)
		sink_end(s);
}

static void
sink_start(void *arg)
{
	struct sink *s = arg;

	if (buf_len(&s->queue) == 0 || s->watch.slot != 0)
		return;
	s->watch.events = POLLOUT;
	if (s->error == 0 && loop_watch(s->loop, &s->watch) == -1)
		s->error = ENOMEM;
	if (s->error != 0)
		sink_end(s);
}

/*
 * The pipe once more, non-blocking, by a description that nobody shares: its
 * descriptor, or -1. Linux opens one; elsewhere what such a name opens, if
 * anything, is the description that is shared.
 */
static int
sink_open_own(int fd, const struct stat *pipe)
{
	char path[PROGRAM_FD_NAME];
	struct stat st;
	int own, shared = fcntl(fd, F_GETFL), flags;

	if (shared == -1 || (shared & O_NONBLOCK))
		return -1;
	own = open(program_fd_name(fd, path), O_WRONLY | O_NONBLOCK |
	    O_CLOEXEC);
	if (own == -1)
		return -1;
	flags = fcntl(own, F_GETFL);
	shared = fcntl(fd, F_GETFL);
	if (flags != -1 && (flags & O_NONBLOCK) && shared != -1 &&
	    !(shared & O_NONBLOCK) && fstat(own, &st) == 0 &&
	    st.st_dev == pipe->st_dev && st.st_ino == pipe->st_ino)
		return own;
	close(own);
	return -1;
}

void
sink_init(struct sink *s, struct loop *loop, int fd, size_t max,
    void (*drained)(void *arg), void *arg)
{
	struct stat st;

	memset(s, 0, sizeof(*s));
	s->loop = loop;
	s->own = -1;
	s->watch.fd = fd;
	s->watch.fn = sink_on_writable;
	s->watch.arg = s;
	s->flush.fn = sink_start;
	s->flush.arg = s;
	s->drained = drained;
	s->arg = arg;
	s->chunk = PIPE_BUF;
	if (fstat(fd, &st) == -1)
		st.st_mode = 0;
	if (S_ISFIFO(st.st_mode) && (s->own = sink_open_own(fd, &st)) != -1)
		s->watch.fd = s->own;
	if (S_ISREG(st.st_mode) || s->own != -1)
		s->chunk = LARGE_CHUNK;
	buf_init(&s->queue, max);
	s->queue.keep = SINK_KEEP;
}

void
sink_free(struct sink *s)
{
	loop_unwatch(s->loop, &s->watch);
	loop_unlater(s->loop, &s->flush);
	buf_free(&s->queue);
	if (s->own != -1)
		close(s->own);
}

void
sink_filled(struct sink *s)
{
	loop_later(s->loop, &s->flush);
}

/* Lines out. */

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
