/*
 * Somebody who does not have the key, for scripts:
 *
 *	t/stranger silent N ADDRESS	N connections that say nothing
 *	t/stranger hello N ADDRESS	N that begin the handshake, and no more
 *	t/stranger rude N ADDRESS	N, one behind the other, that say
 *					something else; then it ends
 *	t/stranger echo ADDRESS		listens, and sends back to one caller
 *					what it says first; then it ends
 *	t/stranger leave ADDRESS	listens, and closes when a caller has
 *					said something, as one that is
 *					restarted then
 *
 * The first two and the last go on until they are ended: a connection that is
 * closed is made again. All say so on standard error once they stand.
 */

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "log.h"
#include "net.h"

#define MANY 1000

static struct pollfd fds[MANY];

static void
parse(struct addr *a, const char *text)
{
	const char *why;

	if (addr_parse(a, text, strlen(text), 0, &why) == -1)
		die(EXIT_USAGE, "%s: %s", text, why);
}

static void
await(int fd, short events)
{
	struct pollfd p;

	p.fd = fd;
	p.events = events;
	if (poll(&p, 1, -1) != 1)
		die_errno(EXIT_TEMPORARY, "unable to wait");
}

static int
dial(const struct addr *a)
{
	int fd = net_connect(a);

	if (fd == -1)
		die_errno(EXIT_TEMPORARY, "unable to connect");
	await(fd, POLLOUT);
	return fd;
}

/* Most of a message 1. */
static void
say_hello(int fd)
{
	static const unsigned char hello[60] = { 0, 88 };

	(void)send(fd, hello, sizeof(hello), MSG_NOSIGNAL);
}

static void
keep(size_t n, const struct addr *a, int hello)
{
	unsigned char bytes[512];
	size_t i;

	for (i = 0; i < n; i++)
		fds[i].fd = -1;
	for (;; poll(fds, n, -1)) {
		for (i = 0; i < n; i++) {
			if (fds[i].fd != -1 && (fds[i].revents == 0 ||
			    recv(fds[i].fd, bytes, sizeof(bytes), 0) > 0))
				continue;
			if (fds[i].fd != -1)
				close(fds[i].fd);
			else if (i == n - 1)
				log_info("%d connections", (int)n);
			fds[i].fd = dial(a);
			fds[i].events = POLLIN;
			fds[i].revents = 0;
			if (hello)
				say_hello(fds[i].fd);
		}
	}
}

static void
rude(size_t n, const struct addr *a)
{
	char byte;
	int fd;

	for (; n > 0; n--) {
		fd = dial(a);
		(void)send(fd, "GET / HTTP/1.0\r\n\r\n", 18, MSG_NOSIGNAL);
		await(fd, POLLIN);
		while (recv(fd, &byte, 1, 0) > 0)
			;
		close(fd);
	}
}

static int
listen_on(const struct addr *a)
{
	struct addr bound;
	char text[ADDR_TEXT_MAX];
	int s = net_listen(a, &bound);

	if (s == -1)
		die_errno(EXIT_TEMPORARY, "unable to listen");
	log_info("listening on %s", addr_print(&bound, text));
	return s;
}

/* The next caller, who has said something. */
static int
take(int s)
{
	struct addr from;
	int fd;

	await(s, POLLIN);
	if ((fd = net_accept(s, &from)) == -1)
		die_errno(EXIT_TEMPORARY, "unable to accept");
	await(fd, POLLIN);
	return fd;
}

static void
leave(const struct addr *a)
{
	char bytes[512];
	int fd, s = listen_on(a);

	for (;;) {
		fd = take(s);
		(void)recv(fd, bytes, sizeof(bytes), 0);
		close(fd);
	}
}

static void
echo(const struct addr *a)
{
	char bytes[512];
	ssize_t n;
	int s = listen_on(a), fd = take(s);

	close(s);
	if ((n = recv(fd, bytes, sizeof(bytes), 0)) <= 0 ||
	    send(fd, bytes, (size_t)n, MSG_NOSIGNAL) != n)
		die_errno(EXIT_TEMPORARY, "unable to echo");
	await(fd, POLLIN); /* until the other end has closed */
	close(fd);
}

int
main(int argc, char **argv)
{
	struct addr a;
	long n = 0;

	die_name(argv[0]);
	if (argc == 3 && strcmp(argv[1], "echo") == 0) {
		parse(&a, argv[2]);
		echo(&a);
		return 0;
	}
	if (argc == 3 && strcmp(argv[1], "leave") == 0) {
		parse(&a, argv[2]);
		leave(&a);
	}
	if (argc != 4 || (n = strtol(argv[2], NULL, 10)) < 1 || n > MANY)
		die_usage("silent|hello|rude N ADDRESS\necho|leave ADDRESS");
	parse(&a, argv[3]);
	if (strcmp(argv[1], "rude") == 0)
		rude((size_t)n, &a);
	else
		keep((size_t)n, &a, strcmp(argv[1], "hello") == 0);
	return 0;
}
