/*
 * The least that two hops cost: a client, TCP to a relay, from there a pipe to
 * a program that echoes, and all the way back; plain poll(), read() and
 * write(), no framing, no checks.
 *
 *	relay SIZE INFLIGHT ROUNDS MS program [argument ...]
 *
 * Messages have SIZE bytes; what it prints is what load prints.
 */

#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "t/bench/bench.h"

#define CHUNK	     65536
#define INFLIGHT_MAX 1024
#define ROUNDS_MAX   64
#define TIMES_MAX    4000000

static char chunk[CHUNK];
static struct bench_times times;

/* The relay. */

static void
start_program(char **argv, int client, int *in, int *out)
{
	int to[2], from[2];
	pid_t pid = -1;

	if (pipe(to) == -1 || pipe(from) == -1 || (pid = fork()) == -1)
		bench_fail("unable to start a program");
	if (pid == 0) {
		dup2(to[0], 0);
		dup2(from[1], 1);
		close(to[1]);
		close(from[0]);
		close(client);
		execvp(argv[0], argv);
		_exit(111);
	}
	close(to[0]);
	close(from[1]);
	*in = to[1];
	*out = from[0];
}

/* What came in one read goes on in one write, which may wait: there is never
 * more under way than fits a pipe. */
static int
pass(int from, int to)
{
	ssize_t n = read(from, chunk, sizeof(chunk));

	return n > 0 && write(to, chunk, (size_t)n) == n ? 0 : -1;
}

static void
relay(const int ends[2], char **argv)
{
	struct pollfd p[2];
	int client = ends[1], in, out;

	close(ends[0]);
	start_program(argv, client, &in, &out);
	p[0].fd = client;
	p[1].fd = out;
	p[0].events = p[1].events = POLLIN;
	for (;;) {
		if (poll(p, 2, -1) == -1)
			break;
		if (p[0].revents != 0 && pass(client, in) == -1)
			break;
		if (p[1].revents != 0 && pass(out, client) == -1)
			break;
	}
	_exit(0);
}

/* A TCP connection over loopback: the two ends. */
static void
make_pair(int ends[2])
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);
	int i, on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

	memset(&a, 0, sizeof(a));
	a.sin_family = AF_INET;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd == -1 || bind(fd, (struct sockaddr *)&a, len) == -1 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) == -1 ||
	    listen(fd, 1) == -1 ||
	    (ends[0] = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    connect(ends[0], (struct sockaddr *)&a, len) == -1 ||
	    (ends[1] = accept(fd, NULL, NULL)) == -1)
		bench_fail("unable to connect over loopback");
	for (i = 0; i < 2; i++)
		setsockopt(ends[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	close(fd);
}

/* The client. */

static void
send_messages(int fd, size_t size, size_t n)
{
	if (write(fd, chunk, n * size) != (ssize_t)(n * size))
		bench_fail("unable to write");
}

/* One round; echoes come in the order of the messages. Those under way go on
 * into the next. Returns messages/s. */
static double
run(int fd, size_t size, size_t inflight, double seconds)
{
	static double sent[INFLIGHT_MAX];
	static size_t oldest, part;
	struct pollfd p = { fd, POLLIN, 0 };
	double start = bench_seconds(), at;
	size_t done = 0, i, n;
	ssize_t r;

	do {
		if (poll(&p, 1, -1) == -1)
			bench_fail("unable to poll");
		if ((r = read(fd, chunk, sizeof(chunk))) <= 0)
			bench_fail("the relay has gone");
		n = (part + (size_t)r) / size;
		part = (part + (size_t)r) % size;
		at = bench_seconds();
		for (i = 0; i < n; i++) {
			if (sent[oldest] > 0)
				bench_times_add(&times, at - sent[oldest]);
			sent[oldest] = at;
			oldest = (oldest + 1) % inflight;
		}
		if (n > 0)
			send_messages(fd, size, n);
		done += n;
	} while (at < start + seconds);
	return (double)done / (at - start);
}

int
main(int argc, char **argv)
{
	double rate[ROUNDS_MAX], span;
	size_t size, inflight, rounds, i;
	int ends[2] = { -1, -1 };
	pid_t pid;

	if (argc < 6)
		bench_fail("relay SIZE INFLIGHT ROUNDS MS program ...");
	size = bench_number(argv[1]);
	inflight = bench_number(argv[2]);
	rounds = bench_number(argv[3]);
	span = (double)bench_number(argv[4]) / 1e3;
	if (inflight > INFLIGHT_MAX || rounds > ROUNDS_MAX ||
	    size * inflight > CHUNK / 2)
		bench_fail("too much");
	make_pair(ends);
	if ((pid = fork()) == 0)
		relay(ends, argv + 5);
	close(ends[1]);
	bench_times_init(&times, TIMES_MAX);
	send_messages(ends[0], size, inflight);
	run(ends[0], size, inflight, span);
	times.n = 0;
	for (i = 0; i < rounds; i++)
		rate[i] = run(ends[0], size, inflight, span);
	bench_print("rate", bench_median(rate, rounds));
	bench_times_print(&times, "latency");
	close(ends[0]);
	return 0;
}
