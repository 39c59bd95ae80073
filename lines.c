#include <ctype.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "die.h"
#include "lines.h"
#include "log.h"

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
