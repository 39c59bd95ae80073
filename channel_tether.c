#include <sys/socket.h>
#include <sys/stat.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "array.h"
#include "channel_tether.h"
#include "log.h"
#include "net.h"

#define GROUPS_MAX 0x100000
#define BLOCK	   256 /* places that are read at a time */

/* The tether. */

static void
tether_close(int fd[2])
{
	close(fd[0]);
	close(fd[1]);
}

static int
tether_adopt(int fd[2])
{
	if (net_adopt(fd[0]) == 0 && net_adopt(fd[1]) == 0)
		return 0;
	tether_close(fd);
	return -1;
}

/* A channel can do without, as long as nobody kills it. */
static int
tether_open_groups(void)
{
	static int said;
	int fd = groups_open();

	if (fd == -1 && !said) {
		log_error("unable to make a file in the temporary "
		    "directory: %s; workers of a killed channel may run on",
		    strerror(errno));
		said = 1;
	}
	return fd;
}

/* After a failure, which it leaves in errno: -1. */
static int
tether_close_groups(int fd)
{
	int error = errno;

	if (fd != -1)
		close(fd);
	errno = error;
	return -1;
}

/* The session, in a pipe whose other end is closed. */
static int
tether_open_session(const void *session, size_t len)
{
	int fd[2];

	if (pipe(fd) == -1 || tether_adopt(fd) == -1)
		return -1;
	if (write(fd[1], session, len) != (ssize_t)len) {
		tether_close(fd);
		return -1;
	}
	close(fd[1]);
	return fd[0];
}

int
tether_open(struct tether *t, const void *session, size_t len, int groups)
{
	t->groups = groups;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, t->control) == -1 ||
	    tether_adopt(t->control) == -1)
		return tether_close_groups(groups);
	if (pipe(t->live) == -1 || tether_adopt(t->live) == -1) {
		tether_close(t->control);
		return tether_close_groups(groups);
	}
	if ((t->session = tether_open_session(session, len)) == -1) {
		tether_close(t->control);
		tether_close(t->live);
		return tether_close_groups(groups);
	}
	if (groups == -1)
		t->groups = tether_open_groups();
	return 0;
}

void
tether_passed(struct tether *t)
{
	close(t->control[1]);
	close(t->live[1]);
	close(t->session);
}

void
tether_cut(struct tether *t)
{
	close(t->control[0]);
	close(t->live[0]);
	if (t->groups != -1)
		close(t->groups);
}

void
tether_text(const struct tether *t, char text[TETHER_TEXT_MAX])
{
	int n = snprintf(text, TETHER_TEXT_MAX, "LAMBDA_CONTROL=%d,%d,%d",
	    t->control[1], t->session, t->live[1]);

	if (t->groups != -1)
		snprintf(text + n, TETHER_TEXT_MAX - (size_t)n, ",%d",
		    t->groups);
}

/* Read a descriptor's number: returns what follows it, or NULL. */
static const char *
tether_number(const char *text, int *fd)
{
	char *end;
	long n;

	if (!isdigit((unsigned char)*text))
		return NULL;
	errno = 0;
	n = strtol(text, &end, 10);
	if (errno != 0 || n < 3 || n > 65535)
		return NULL;
	*fd = (int)n;
	return end;
}

/* The listener has written it before it passed the pipe. */
static int
tether_read_session(int fd, void *session, size_t len)
{
	ssize_t n = read(fd, session, len);

	close(fd);
	return n == (ssize_t)len ? 0 : -1;
}

int
tether_given(void)
{
	return getenv("LAMBDA_CONTROL") != NULL;
}

void
tether_take(int *control, int *groups, void *session, size_t len)
{
	const char *value = getenv("LAMBDA_CONTROL"), *rest;
	int fd = -1, live = -1;

	*control = *groups = -1;
	if (value == NULL)
		return;
	rest = tether_number(value, control);
	if (rest != NULL)
		rest = *rest == ',' ? tether_number(rest + 1, &fd) : NULL;
	if (rest != NULL)
		rest = *rest == ',' ? tether_number(rest + 1, &live) : NULL;
	if (rest != NULL && *rest == ',')
		rest = tether_number(rest + 1, groups);
	if (rest == NULL || *rest != '\0' ||
	    tether_read_session(fd, session, len) == -1)
		die(EXIT_USAGE, "LAMBDA_CONTROL=%s: it is lambda-listener's "
		    "to set: leave it unset", value);
	/* The workers hold the liveness pipe, too. */
	if (fcntl(live, F_SETFD, 0) == -1 ||
	    net_adopt(*control) == -1 || (*groups != -1 &&
	    fcntl(*groups, F_SETFD, FD_CLOEXEC) == -1))
		die_errno(EXIT_USAGE, "LAMBDA_CONTROL=%s", value);
	unsetenv("LAMBDA_CONTROL");
}

/* The channel's process groups. */

void
groups_init(struct groups *g, int fd)
{
	memset(g, 0, sizeof(*g));
	g->fd = fd;
}

void
groups_free(struct groups *g)
{
	if (g->fd != -1)
		close(g->fd);
	free(g->group);
}

static void
groups_put(struct groups *g, size_t place, pid_t group)
{
	ssize_t n;

	g->group[place] = group;
	if (g->fd == -1)
		return;
	n = pwrite(g->fd, &group, sizeof(group),
	    (off_t)(place * sizeof(group)));
	(void)n; /* it is a help, and no promise hangs on it */
}

/* A process that we may not signal (EPERM) is there all the same. */
static int
groups_is_empty(pid_t group)
{
	return kill(-group, 0) == -1 && errno == ESRCH;
}

void
groups_ended(struct groups *g, size_t place)
{
	if (!groups_is_empty(g->group[place]))
		return;
	groups_put(g, place, 0);
	if (place < g->free)
		g->free = place;
}

static size_t
groups_find_free(const struct groups *g)
{
	size_t i;

	for (i = g->free; i < g->n && g->group[i] != 0; i++)
		;
	return i;
}

/* Before there are more places, those are used whose worker ended before the
 * rest of its group did. */
ssize_t
groups_enter(struct groups *g, pid_t group)
{
	size_t i, place = groups_find_free(g);
	pid_t *grown;

	if (place == g->cap) {
		for (i = 0; i < g->n; i++)
			groups_ended(g, i);
		place = groups_find_free(g);
	}
	grown = array_grow(g->group, &g->cap, place + 1, GROUPS_MAX,
	    sizeof(*grown));
	if (grown == NULL)
		return -1;
	g->group = grown;
	g->free = place + 1;
	if (place == g->n)
		g->n++;
	groups_put(g, place, group);
	return (ssize_t)place;
}

int
groups_any(const struct groups *g)
{
	size_t i;

	for (i = 0; i < g->n; i++)
		if (g->group[i] != 0 && !groups_is_empty(g->group[i]))
			return 1;
	return 0;
}

void
groups_signal(const struct groups *g, int signo)
{
	size_t i;

	for (i = 0; i < g->n; i++)
		if (g->group[i] != 0)
			kill(-g->group[i], signo);
}

/* The file, as the listener reads it. */

int
groups_open(void)
{
	FILE *f = tmpfile();
	int fd;

	if (f == NULL)
		return -1;
	fd = fcntl(fileno(f), F_DUPFD_CLOEXEC, 3);
	fclose(f);
	return fd;
}

/* A file costs its file system more to make and to take away than all else that
 * a channel's start opens. */
int
groups_clear(int fd)
{
	static const pid_t none[BLOCK];
	struct stat st;

	if (fstat(fd, &st) == -1 || st.st_size > (off_t)sizeof(none))
		return -1;
	return pwrite(fd, none, (size_t)st.st_size, 0) == st.st_size ? 0 : -1;
}

/*
 * While there is a process with the number, it tells whose it is. When there is
 * none, the number was not used again, and what is in the group is what that
 * process left.
 */
static void
groups_signal_one(pid_t group, pid_t session, int signo)
{
	pid_t of;

	if (group <= 1)
		return;
	of = getsid(group);
	if (of == -1 || of == session)
		kill(-group, signo);
}

void
groups_signal_file(int fd, pid_t session, int signo)
{
	pid_t group[BLOCK];
	off_t at = 0;
	ssize_t n, i;

	if (fd == -1)
		return;
	while ((n = pread(fd, group, sizeof(group), at)) >=
	    (ssize_t)sizeof(*group)) {
		n /= (ssize_t)sizeof(*group);
		for (i = 0; i < n; i++)
			groups_signal_one(group[i], session, signo);
		at += n * (off_t)sizeof(*group);
	}
}
