#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "channel_groups.h"

#define PLACES_FIRST 16
#define BLOCK	     256 /* places that are read at a time */

void
roll_init(struct roll *r, int fd)
{
	memset(r, 0, sizeof(*r));
	r->fd = fd;
}

void
roll_free(struct roll *r)
{
	if (r->fd != -1)
		close(r->fd);
	free(r->group);
}

static void
put(struct roll *r, size_t place, pid_t group)
{
	ssize_t n;

	r->group[place] = group;
	if (r->fd == -1)
		return;
	n = pwrite(r->fd, &group, sizeof(group),
	    (off_t)(place * sizeof(group)));
	(void)n; /* it is a help, and no promise hangs on it */
}

/* A process that we may not signal (EPERM) is there all the same. */
static int
is_empty(pid_t group)
{
	return kill(-group, 0) == -1 && errno == ESRCH;
}

static void
clear(struct roll *r, size_t place)
{
	put(r, place, 0);
	if (place < r->free)
		r->free = place;
}

/* Those whose worker ended before the rest of them did. */
static void
sweep(struct roll *r)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (r->group[i] != 0 && is_empty(r->group[i]))
			clear(r, i);
}

static size_t
find_free(const struct roll *r)
{
	size_t i;

	for (i = r->free; i < r->n && r->group[i] != 0; i++)
		;
	return i;
}

static int
grow(struct roll *r)
{
	size_t cap = r->cap == 0 ? PLACES_FIRST : 2 * r->cap;
	pid_t *group;

	group = realloc(r->group, cap * sizeof(*group));
	if (group == NULL)
		return -1;
	memset(group + r->cap, 0, (cap - r->cap) * sizeof(*group));
	r->group = group;
	r->cap = cap;
	return 0;
}

ssize_t
roll_enter(struct roll *r, pid_t group)
{
	size_t place = find_free(r);

	if (place == r->cap) {
		sweep(r);
		place = find_free(r);
	}
	if (place == r->cap && grow(r) == -1)
		return -1;
	r->free = place + 1;
	if (place == r->n)
		r->n++;
	put(r, place, group);
	return (ssize_t)place;
}

void
roll_ended(struct roll *r, size_t place)
{
	if (is_empty(r->group[place]))
		clear(r, place);
}

int
roll_any(const struct roll *r)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (r->group[i] != 0 && !is_empty(r->group[i]))
			return 1;
	return 0;
}

void
roll_signal(const struct roll *r, int signo)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (r->group[i] != 0)
			kill(-r->group[i], signo);
}

int
roll_open(void)
{
	FILE *f = tmpfile();
	int fd;

	if (f == NULL)
		return -1;
	fd = fcntl(fileno(f), F_DUPFD_CLOEXEC, 3);
	fclose(f);
	return fd;
}

/*
 * While there is a process with the number, it tells whose it is. When there is
 * none, the number was not used again, and what is in the group is what that
 * process left.
 */
static void
signal_one(pid_t group, pid_t session, int signo)
{
	pid_t of;

	if (group <= 1)
		return;
	of = getsid(group);
	if (of != -1 && of != session)
		return;
	kill(-group, signo);
}

void
roll_signal_file(int fd, pid_t session, int signo)
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
			signal_one(group[i], session, signo);
		at += n * (off_t)sizeof(*group);
	}
}
