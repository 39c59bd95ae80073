/*
 * Somebody who does not have the key, for scripts:
 *
 *	t/stranger silent N ADDRESS	N connections that say nothing
 *	t/stranger hello N ADDRESS	N that begin the handshake, and no more
 *	t/stranger rude N ADDRESS	N, one behind the other, that say
 *					something else; then it ends
 *	t/stranger flood N ADDRESS MS one|many [FILE]
 *					N connections, one each MS
 *					milliseconds (a fraction will do), of
 *					one address or of many, each of which
 *					says a message 1 that no key has made,
 *					or the next of those in FILE; then it
 *					ends
 *	t/stranger echo ADDRESS		listens, and sends back to one caller
 *					what it says first; then it ends
 *	t/stranger leave ADDRESS	listens, and closes when a caller has
 *					said something, as one that is
 *					restarted then
 *
 * The first two and the last go on until they are ended: a connection that is
 * closed is made again. All say so on standard error once they stand.
 */

#include <sys/resource.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"
#include "bytes.h"
#include "env.h"
#include "log.h"
#include "net.h"

#define MANY	     1000
#define FLOOD_MAX    4096 /* connections at a time; the oldest goes */
#define HELLO_SIZE   88	  /* of a message 1 */
#define MESSAGES_MAX (1024 * 1024)

static struct pollfd fds[FLOOD_MAX];

static double
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

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

/* A flood. */

static unsigned char *messages; /* each with its length before it */
static size_t messages_len, messages_at;

static void
read_messages(const char *file)
{
	FILE *f = fopen(file, "r");

	messages = malloc(MESSAGES_MAX);
	if (f == NULL || messages == NULL)
		die_errno(EXIT_TEMPORARY, "unable to read %s", file);
	messages_len = fread(messages, 1, MESSAGES_MAX, f);
	fclose(f);
	if (messages_len < 2)
		die(EXIT_TEMPORARY, "%s: there is no message", file);
}

static void
say_message(int fd)
{
	unsigned char random[2 + HELLO_SIZE];
	size_t n;

	if (messages == NULL) {
		env_random(random, sizeof(random));
		put16(random, HELLO_SIZE);
		(void)send(fd, random, sizeof(random), MSG_NOSIGNAL);
		return;
	}
	if (messages_len - messages_at < 2)
		messages_at = 0;
	n = 2 + get16(messages + messages_at);
	if (n > messages_len - messages_at)
		die(EXIT_TEMPORARY, "a message is cut short");
	(void)send(fd, messages + messages_at, n, MSG_NOSIGNAL);
	messages_at += n;
}

/* A connection of its own address, the number of which says which. */
static int
dial_from(const struct addr *a, size_t number)
{
	struct sockaddr_in own;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	memset(&own, 0, sizeof(own));
	own.sin_family = AF_INET;
	own.sin_addr.s_addr = htonl(0x7f020000u + (uint32_t)(number % 60000));
	if (fd == -1 || bind(fd, (struct sockaddr *)&own, sizeof(own)) == -1 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) == -1 ||
	    (connect(fd, &a->u.sa, a->len) == -1 && errno != EINPROGRESS))
		die_errno(EXIT_TEMPORARY, "unable to connect");
	return fd;
}

/* What was answered, or has closed, goes; and what has connected speaks. */
static void
look_at_flood(int timeout)
{
	unsigned char bytes[512];
	size_t i;

	if (poll(fds, FLOOD_MAX, timeout) < 1)
		return;
	for (i = 0; i < FLOOD_MAX; i++) {
		if (fds[i].fd == -1 || fds[i].revents == 0)
			continue;
		if (fds[i].events == POLLOUT) {
			say_message(fds[i].fd);
			fds[i].events = POLLIN;
		} else if (recv(fds[i].fd, bytes, sizeof(bytes), 0) <= 0) {
			close(fds[i].fd);
			fds[i].fd = -1;
		}
	}
}

static void
flood(size_t n, const struct addr *a, double every_ms, int many)
{
	double began = now_ms();
	struct rlimit r;
	size_t i, at;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
	for (i = 0; i < FLOOD_MAX; i++)
		fds[i].fd = -1;
	for (i = 0; i < n; i++) {
		while (now_ms() < began + (double)i * every_ms)
			look_at_flood(1);
		at = i % FLOOD_MAX;
		if (fds[at].fd != -1)
			close(fds[at].fd);
		fds[at].fd = many ? dial_from(a, i) : net_connect(a);
		if (fds[at].fd == -1)
			die_errno(EXIT_TEMPORARY, "unable to connect");
		fds[at].events = POLLOUT;
		fds[at].revents = 0;
	}
	look_at_flood(0);
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
	if (argc < 4 || (n = strtol(argv[2], NULL, 10)) < 1 ||
	    (n > MANY && strcmp(argv[1], "flood") != 0))
		die_usage("silent|hello|rude N ADDRESS\necho|leave ADDRESS\n"
		    "flood N ADDRESS MS one|many [FILE]");
	parse(&a, argv[3]);
	if (strcmp(argv[1], "flood") == 0 && (argc == 6 || argc == 7)) {
		if (argc == 7)
			read_messages(argv[6]);
		flood((size_t)n, &a, strtod(argv[4], NULL),
		    strcmp(argv[5], "many") == 0);
		return 0;
	}
	if (strcmp(argv[1], "rude") == 0)
		rude((size_t)n, &a);
	else
		keep((size_t)n, &a, strcmp(argv[1], "hello") == 0);
	return 0;
}
