#include <sys/stat.h>
#include <sys/types.h>

#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "net.h"

#define BACKLOG 1024

void
net_close(int fd)
{
	int error = errno;

	close(fd);
	errno = error;
}

int
net_fail(int fd)
{
	net_close(fd);
	return -1;
}

/* What a call that must not wait has returned. */
static ssize_t
net_done(ssize_t n)
{
	if (n == -1 && (errno == EWOULDBLOCK || errno == EINTR))
		errno = EAGAIN;
	return n;
}

ssize_t
net_read(int fd, void *p, size_t n)
{
	return net_done(read(fd, p, n));
}

ssize_t
net_peek(int fd, void *p, size_t n)
{
	return net_done(recv(fd, p, n, MSG_PEEK));
}

ssize_t
net_write(int fd, const void *p, size_t n)
{
	return net_done(write(fd, p, n));
}

size_t
net_descriptors(void)
{
	long n = sysconf(_SC_OPEN_MAX);

	return n > 0 && n < INT_MAX ? (size_t)n : INT_MAX;
}

int
net_adopt(int fd)
{
	int flags = fcntl(fd, F_GETFL), one = 1;

	if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1 ||
	    fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
		return -1;
	if (net_is_tcp(fd))
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return 0;
}

static int
net_socket(const struct addr *a)
{
	int fd = socket(a->u.sa.sa_family, SOCK_STREAM, 0);

	if (fd == -1)
		return -1;
	return net_adopt(fd) == -1 ? net_fail(fd) : fd;
}

int
net_connect(const struct addr *a)
{
	int fd = net_socket(a);

	if (fd == -1)
		return -1;
	if (connect(fd, &a->u.sa, a->len) == -1 && errno != EINPROGRESS &&
	    errno != EINTR)
		return net_fail(fd);
	return fd;
}

int
net_connected(int fd)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		return -1;
	errno = error;
	return error == 0 ? 0 : -1;
}

/* Unix sockets. */

/* Give the socket its name: over whatever socket has it, or only where none
 * has. */
static int
net_publish(const char *temp, const char *path, int over)
{
	struct stat st;

	if (!over)
		return link(temp, path);
	if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
		return fail(EEXIST);
	return rename(temp, path);
}

/* Bind another name, listen, then publish: a client that looks finds either the
 * old socket or one that listens. */
static int
net_bind_unix(const struct addr *a, int over)
{
	struct addr temp = *a;
	size_t size = sizeof(temp.u.un.sun_path);
	char *name = temp.u.un.sun_path;
	int fd, n, error = 0;

	n = snprintf(name, size, "%s.%ld", a->u.un.sun_path, (long)getpid());
	if (n < 0 || (size_t)n >= size)
		return fail(ENAMETOOLONG);
	if ((fd = net_socket(&temp)) == -1)
		return -1;
	unlink(name);
	if (bind(fd, &temp.u.sa, temp.len) == -1)
		return net_fail(fd);
	if (chmod(name, S_IRUSR | S_IWUSR) == -1 || listen(fd, BACKLOG) == -1 ||
	    net_publish(name, a->u.un.sun_path, over) == -1)
		error = errno;
	if (error != 0 || !over)
		unlink(name);
	if (error == 0)
		return fd;
	errno = error;
	return net_fail(fd);
}

int
net_listen_over(const struct addr *a)
{
	return net_bind_unix(a, 1);
}

/* A name that no socket has is taken in one step, so that of two programs that
 * start at once one is told. */
static int
net_listen_unix(const struct addr *a)
{
	int fd = net_connect(a);

	if (fd != -1)
		close(fd);
	if (fd != -1 || errno == EAGAIN)
		return fail(EADDRINUSE);
	if (errno == ECONNREFUSED)
		return net_bind_unix(a, 1);
	if (errno != ENOENT)
		return -1;
	if ((fd = net_bind_unix(a, 0)) == -1 && errno == EEXIST)
		errno = EADDRINUSE;
	return fd;
}

void
net_unlink(const struct addr *a, dev_t dev, ino_t ino)
{
	struct stat st;

	if (lstat(a->u.un.sun_path, &st) == 0 && st.st_dev == dev &&
	    st.st_ino == ino)
		unlink(a->u.un.sun_path);
}

/* TCP. */

static int
net_listen_tcp(const struct addr *a)
{
	int fd = net_socket(a), one = 1;

	if (fd == -1)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (a->u.sa.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, &a->u.sa, a->len) == -1 || listen(fd, BACKLOG) == -1)
		return net_fail(fd);
	return fd;
}

int
net_listen(const struct addr *a, struct addr *bound)
{
	int fd = addr_is_unix(a) ? net_listen_unix(a) : net_listen_tcp(a);

	if (fd == -1 || bound == NULL)
		return fd;
	*bound = *a;
	if (!addr_is_unix(a) && net_local(fd, bound) == -1)
		return net_fail(fd);
	return fd;
}

int
net_accept(int fd, struct addr *from)
{
	int new;

	memset(from, 0, sizeof(*from));
	from->len = (socklen_t)sizeof(from->u);
	new = (int)net_done(accept(fd, &from->u.sa, &from->len));
	if (new == -1)
		return -1;
	return net_adopt(new) == -1 ? net_fail(new) : new;
}

/* What a descriptor is. */

int
net_is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

int
net_is_listening(int fd)
{
	int on = 0;
	socklen_t len = sizeof(on);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &len) == 0 &&
	    on != 0;
}

int
net_is_tcp(int fd)
{
	struct addr a;

	return net_local(fd, &a) == 0 && addr_host(&a).len > 0;
}

int
net_local(int fd, struct addr *a)
{
	memset(a, 0, sizeof(*a));
	a->len = (socklen_t)sizeof(a->u);
	return getsockname(fd, &a->u.sa, &a->len);
}

int
net_remote(int fd, struct addr *a)
{
	memset(a, 0, sizeof(*a));
	a->len = (socklen_t)sizeof(a->u);
	return getpeername(fd, &a->u.sa, &a->len);
}

/* What the starter passes. */

/* How well the first name of the list fits: it is the one that is looked for,
 * or another of ours, or any other (systemd gives every socket a name). */
enum fit {
	FIT_ANY = 1,
	FIT_OURS,
	FIT_NAME
};

static enum fit
net_name_fit(const char *list, const char *name)
{
	static const char *const ours[] = { "broker", "plb", "tcp" };
	size_t len = strcspn(list, ":"), i;

	if (name == NULL)
		return FIT_ANY;
	if (strlen(name) == len && memcmp(list, name, len) == 0)
		return FIT_NAME;
	for (i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (strlen(ours[i]) == len && memcmp(list, ours[i], len) == 0)
			return FIT_OURS;
	return FIT_ANY;
}

/* The next name; empty when there is none. */
static const char *
net_next_name(const char *list)
{
	list += strcspn(list, ":");
	return *list == ':' ? list + 1 : list;
}

static int
net_is_kind(int fd, enum net_kind kind)
{
	struct addr a;

	if (!net_is_listening(fd))
		return 0;
	return kind == NET_TCP ? net_is_tcp(fd) :
	    net_local(fd, &a) == 0 && addr_is_unix(&a);
}

int
net_passed(void)
{
	const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
	long n;
	int fd;

	if (pid == NULL || fds == NULL || strtol(pid, NULL, 10) != getpid())
		return 0;
	n = strtol(fds, NULL, 10);
	if (n < 0 || n > NET_PASSED_MAX)
		return 0;
	for (fd = NET_PASSED_FIRST; fd < NET_PASSED_FIRST + n; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return (int)n;
}

/* Those of the name; where there is none, those that bear another name of ours
 * (a unit of systemd has one name for all of its sockets); else all. */
size_t
net_inherited(const char *name, enum net_kind kind, int fd[], size_t max)
{
	const char *names = getenv("LISTEN_FDNAMES");
	enum fit fit, best = FIT_ANY;
	int at, end = NET_PASSED_FIRST + net_passed();
	size_t n = 0;

	if (names == NULL)
		names = "";
	for (at = NET_PASSED_FIRST; at < end; at++) {
		fit = net_name_fit(names, name);
		names = net_next_name(names);
		if (fit > best) {
			n = 0;
			best = fit;
		}
		if (fit < best || !net_is_kind(at, kind) || net_adopt(at) == -1)
			continue;
		if (n < max)
			fd[n] = at;
		n++;
	}
	return n;
}

/* An abstract name begins with a NUL, and does not end with one. */
static void
net_notify(const char *path)
{
	struct addr a;
	size_t len = strlen(path);
	int fd;

	memset(&a, 0, sizeof(a));
	if (len < 2 || len >= sizeof(a.u.un.sun_path) ||
	    (path[0] != '/' && path[0] != '@'))
		return;
	a.u.un.sun_family = AF_UNIX;
	memcpy(a.u.un.sun_path, path, len);
	if (path[0] == '@')
		a.u.un.sun_path[0] = '\0';
	if ((fd = socket(AF_UNIX, SOCK_DGRAM, 0)) == -1)
		return;
	if (net_adopt(fd) == 0)
		(void)sendto(fd, "READY=1", 7, 0, &a.u.sa,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len));
	close(fd);
}

void
net_ready(int fd)
{
	const char *path = getenv("NOTIFY_SOCKET");
	ssize_t n;

	if (fd != -1) {
		n = write(fd, "\n", 1);
		(void)n; /* the process that waited for it may be gone */
		close(fd);
	}
	if (path != NULL)
		net_notify(path);
}
