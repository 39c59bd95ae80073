/*
 * The least that two hops cost: a client, TCP to a relay, from there a pipe to
 * a program that echoes, and all the way back; plain poll(), read() and
 * write(), no framing, no checks.
 *
 *	relay SIZE INFLIGHT ROUNDS MS program [argument ...]
 *
 * Messages have SIZE bytes; what it prints is what load prints.
 *
 *	relay plain tcp|pipes program [argument ...]
 *
 * The least that a stream costs: its input, through a relay here and one at the
 * other end of a TCP connection, or of two pipes, to the program, and what that
 * writes all the way back to its output.
 */

#include <sys/socket.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
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

/* Plain relays. */

/* One direction. */
struct way {
	int from, to;	   /* -1: ended */
	size_t at, len;	   /* of what was read and is not written */
	char bytes[CHUNK];
};

static void
way_end(struct way *w)
{
	if (shutdown(w->to, SHUT_WR) == -1)
		close(w->to);
	w->to = w->from = -1;
}

static void
way_go_on(struct way *w)
{
	ssize_t n;

	if (w->at < w->len) {
		n = write(w->to, w->bytes + w->at, w->len - w->at);
		if (n == -1 && errno != EAGAIN)
			bench_fail("unable to write");
		w->at += n > 0 ? (size_t)n : 0;
		return;
	}
	n = read(w->from, w->bytes, sizeof(w->bytes));
	w->at = 0;
	w->len = n > 0 ? (size_t)n : 0;
	if (n == 0 || (n == -1 && errno != EAGAIN))
		way_end(w);
}

/* Both ways, until the second has ended. */
static void
relay_plain(int from, int to, int back, int out)
{
	static struct way way[2];
	struct pollfd p[2];
	int i;

	way[0].from = from;
	way[0].to = to;
	way[1].from = back;
	way[1].to = out;
	fcntl(to, F_SETFL, O_NONBLOCK);
	while (way[1].from != -1) {
		for (i = 0; i < 2; i++) {
			p[i].fd = way[i].at < way[i].len ? way[i].to :
							   way[i].from;
			p[i].events = way[i].at < way[i].len ? POLLOUT : POLLIN;
		}
		if (poll(p, 2, -1) == -1)
			bench_fail("unable to poll");
		for (i = 0; i < 2; i++)
			if (p[i].fd != -1 && p[i].revents != 0)
				way_go_on(&way[i]);
	}
}

static void make_pair(int ends[2]);

static void
run_plain(int tcp, char **argv)
{
	int ends[2], to[2], from[2], in, out;

	if (tcp) {
		make_pair(ends);
		to[0] = from[1] = ends[1];
		to[1] = from[0] = ends[0];
	} else if (pipe(to) == -1 || pipe(from) == -1) {
		bench_fail("unable to open a pipe");
	}
	if (fork() == 0) {
		close(to[1]);
		if (!tcp)
			close(from[0]);
		start_program(argv, to[1], &in, &out);
		relay_plain(to[0], in, out, from[1]);
		wait(NULL);
		_exit(0);
	}
	close(to[0]);
	if (!tcp)
		close(from[1]);
	relay_plain(STDIN_FILENO, to[1], from[0], STDOUT_FILENO);
	wait(NULL);
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

	if (argc > 3 && strcmp(argv[1], "plain") == 0) {
		run_plain(strcmp(argv[2], "tcp") == 0, argv + 3);
		return 0;
	}
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
