#include <sys/stat.h>

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "sink.h"

#ifndef PIPE_BUF
#define PIPE_BUF _POSIX_PIPE_BUF
#endif
#define FILE_CHUNK (64 * 1024)

/* All is written, or what is left never will be. */
static void
end(struct sink *s)
{
	if (s->error != 0)
		s->lost += buf_len(&s->queue);
	buf_consume(&s->queue, buf_len(&s->queue));
	loop_unwatch(s->loop, &s->watch);
	if (s->drained != NULL)
		s->drained(s->arg);
}

static void
on_writable(void *arg, short revents)
{
	struct sink *s = arg;
	struct slice bytes = buf_slice(&s->queue);
	ssize_t n;

	(void)revents;
	if (bytes.len > s->chunk)
		bytes.len = s->chunk;
	n = write(s->watch.fd, bytes.p, bytes.len);
	if (n >= 0)
		buf_consume(&s->queue, (size_t)n);
	else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		s->error = errno;
	if (s->error != 0 || buf_len(&s->queue) == 0)
		end(s);
}

static void
start(void *arg)
{
	struct sink *s = arg;

	if (buf_len(&s->queue) == 0 || s->watch.slot != 0)
		return;
	s->watch.events = POLLOUT;
	if (s->error == 0 && loop_watch(s->loop, &s->watch) == -1)
		s->error = ENOMEM;
	if (s->error != 0)
		end(s);
}

void
sink_init(struct sink *s, struct loop *loop, int fd, size_t max,
    void (*drained)(void *arg), void *arg)
{
	struct stat st;

	memset(s, 0, sizeof(*s));
	s->loop = loop;
	s->watch.fd = fd;
	s->watch.fn = on_writable;
	s->watch.arg = s;
	s->flush.fn = start;
	s->flush.arg = s;
	s->drained = drained;
	s->arg = arg;
	s->chunk = PIPE_BUF;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		s->chunk = FILE_CHUNK;
	buf_init(&s->queue, max);
	s->queue.keep = SINK_KEEP;
}

void
sink_free(struct sink *s)
{
	loop_unwatch(s->loop, &s->watch);
	loop_unlater(s->loop, &s->flush);
	buf_free(&s->queue);
}

void
sink_filled(struct sink *s)
{
	loop_later(s->loop, &s->flush);
}
