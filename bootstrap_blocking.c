#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "bootstrap_blocking.h"
#include "net.h"

int64_t
blocking_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int
blocking_wait(int fd, short events, int64_t deadline)
{
	struct pollfd p;
	int64_t left;
	int n;

	p.fd = fd;
	p.events = events;
	do {
		left = deadline - blocking_now();
		if (left < 0)
			left = 0;
		n = poll(&p, 1, left > INT_MAX ? INT_MAX : (int)left);
	} while (n == -1 && errno == EINTR);
	if (n == 0)
		errno = ETIMEDOUT;
	return n == 1 ? 0 : -1;
}

int
blocking_dial(const struct addr *a, int type, int64_t deadline)
{
	int fd = socket(a->u.sa.sa_family, type, 0);

	if (fd == -1)
		return -1;
	if (net_adopt(fd) == -1)
		return net_fail(fd);
	if (connect(fd, &a->u.sa, a->len) == 0)
		return fd;
	if (errno != EINPROGRESS ||
	    blocking_wait(fd, POLLOUT, deadline) == -1 ||
	    net_connected(fd) == -1)
		return net_fail(fd);
	return fd;
}

int
blocking_write(int fd, const void *bytes, size_t n, int64_t deadline)
{
	const unsigned char *p = bytes;
	ssize_t r;

	while (n > 0) {
		if (blocking_wait(fd, POLLOUT, deadline) == -1)
			return -1;
		r = send(fd, p, n, MSG_NOSIGNAL);
		if (r == -1 && errno != EAGAIN && errno != EINTR)
			return -1;
		if (r > 0) {
			p += r;
			n -= (size_t)r;
		}
	}
	return 0;
}

ssize_t
blocking_read(int fd, void *to, size_t n, int64_t deadline)
{
	ssize_t r;

	do {
		if (blocking_wait(fd, POLLIN, deadline) == -1)
			return -1;
		r = read(fd, to, n);
	} while (r == -1 && (errno == EAGAIN || errno == EINTR));
	return r;
}
