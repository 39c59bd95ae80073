/*
 * What silent connections cost the busy ones of the same process: BUSY
 * connections, each with one message on its way, to and fro, beside 10, 1,000
 * and 10,000 others that say nothing, and beside 10,000 that say a word every
 * BEAT_MS, as links do; then on a plain poll() of all descriptors. All are TCP
 * on loopback; two children hold the other ends. With 10,000 silent ones the
 * goal is half of what there is with 10.
 */

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "conn.h"
#include "log.h"
#include "net.h"

#define BUSY	    10
#define MESSAGE	    100	    /* bytes */
#define SAMPLES_MAX 2000000
#define WARM_MS	    20000   /* at most: until the silent ones are cold */
#define MEASURE_MS  2000
#define PLAIN_MS    1000    /* of a plain row */
#define BEAT_MS	    5000
#define STEP_MS	    5	    /* between the words of one and of the next few */
#define SPARE	    64	    /* descriptors for other things */

struct busy {
	struct conn conn;
	int64_t sent; /* ns */
};

static struct loop *loop;
static unsigned char message[MESSAGE];
static int64_t *samples; /* ns, of each round trip */
static size_t nsamples;
static int measuring;

static int64_t
clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The children. */

/* Send back whatever comes, on all descriptors that were accepted. */
static void
echo(int listening)
{
	struct pollfd p[BUSY];
	char buf[MESSAGE];
	ssize_t n;
	int i;

	for (i = 0; i < BUSY; i++) {
		p[i].fd = accept(listening, NULL, NULL);
		p[i].events = POLLIN;
		if (p[i].fd == -1 || net_adopt(p[i].fd) == -1)
			die_errno(EXIT_TEMPORARY, "unable to accept");
	}
	while (poll(p, BUSY, -1) > 0)
		for (i = 0; i < BUSY; i++) {
			if (p[i].revents == 0)
				continue;
			n = read(p[i].fd, buf, sizeof(buf));
			if (n == 0)
				_exit(0);
			if (n > 0 && write(p[i].fd, buf, (size_t)n) != n)
				_exit(1);
		}
}

/* Hold n connections; with beat, each says a word every BEAT_MS. */
static void
hold(int listening, size_t n, int beat)
{
	int *fds = malloc(n * sizeof(*fds));
	const struct timespec step = { 0, STEP_MS * 1000000 };
	size_t i, j, few = n * STEP_MS / BEAT_MS + 1;

	if (fds == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	for (i = 0; i < n; i++)
		if ((fds[i] = accept(listening, NULL, NULL)) == -1)
			die_errno(EXIT_TEMPORARY, "unable to accept");
	if (!beat)
		for (;;)
			pause();
	for (i = 0;;) {
		for (j = 0; j < few; j++, i++)
			if (write(fds[i % n], "x", 1) != 1)
				_exit(0);
		nanosleep(&step, NULL);
	}
}

/* Fork whoever accepts at *a; returns its process id. */
static pid_t
start(struct addr *a, size_t n, int beat)
{
	int listening, flags;
	pid_t pid;

	if (addr_parse(a, "127.0.0.1:0", 11, 0, NULL) == -1 ||
	    (listening = net_listen(a, a)) == -1)
		die_errno(EXIT_TEMPORARY, "unable to listen");
	if ((pid = fork()) == -1)
		die_errno(EXIT_TEMPORARY, "unable to fork");
	if (pid == 0) {
		signal(SIGPIPE, SIG_IGN);
		flags = fcntl(listening, F_GETFL);
		fcntl(listening, F_SETFL, flags & ~O_NONBLOCK);
		if (n == 0)
			echo(listening);
		else
			hold(listening, n, beat);
		_exit(0);
	}
	close(listening);
	return pid;
}

static void
finish(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Connections. */

static ssize_t
silent_input(void *arg, const unsigned char *p, size_t n)
{
	(void)arg;
	(void)p;
	return (ssize_t)n;
}

static void
ping(struct busy *b)
{
	b->sent = clock_ns();
	if (conn_write(&b->conn, message, sizeof(message)) == -1)
		die_errno(EXIT_TEMPORARY, "unable to write");
}

static ssize_t
busy_input(void *arg, const unsigned char *p, size_t n)
{
	struct busy *b = arg;

	(void)p;
	if (n < MESSAGE)
		return 0;
	if (measuring && nsamples < SAMPLES_MAX)
		samples[nsamples++] = clock_ns() - b->sent;
	ping(b);
	return MESSAGE;
}

static void
closed(void *arg, int error)
{
	(void)arg;
	errno = error;
	die_errno(EXIT_TEMPORARY, "lost a connection");
}

static const struct conn_ops silent_ops = { silent_input, NULL, NULL, closed,
	NULL, NULL };
static const struct conn_ops busy_ops = { busy_input, NULL, NULL, closed,
	NULL, NULL };

static int
dial(const struct addr *a)
{
	struct pollfd p;
	int fd = net_connect(a);

	p.fd = fd;
	p.events = POLLOUT;
	if (fd == -1 || poll(&p, 1, -1) != 1 || net_connected(fd) == -1)
		die_errno(EXIT_TEMPORARY, "unable to connect");
	return fd;
}

static void
adopt(struct conn *c, const struct addr *a, const struct conn_ops *ops,
    void *arg)
{
	int fd = dial(a);

	if (conn_open(c, loop, fd, fd, 0, 4096, 4096, ops, arg) == -1)
		die_errno(EXIT_TEMPORARY, "unable to start");
}

/* Measuring. */

static void
stop(void *arg)
{
	(void)arg;
	loop_stop(loop);
}

static void
run_for(int64_t ms)
{
	struct timer t = { 0, stop, NULL, 0 };

	if (loop_timer(loop, &t, loop_now(loop) + ms) == -1)
		die_errno(EXIT_TEMPORARY, "unable to start");
	loop_run(loop);
}

static int
by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* The row of the table since begun: how many round trips a second. */
static double
print_row(size_t n, const char *what, int64_t begun, size_t hot)
{
	double rate = (double)nsamples * 1e9 / (double)(clock_ns() - begun);

	if (nsamples == 0)
		die(EXIT_TEMPORARY, "nothing came back");
	qsort(samples, nsamples, sizeof(*samples), by_size);
	printf("%6zu %-7s %14.0f %10.1f %10.1f %8zu\n", n, what, rate,
	    (double)samples[nsamples / 2] / 1e3,
	    (double)samples[nsamples - nsamples / 100 - 1] / 1e3, hot);
	fflush(stdout);
	return rate;
}

static double
row(size_t n, int beat)
{
	struct conn *silent = calloc(n, sizeof(*silent));
	static struct busy busy[BUSY];
	struct addr quiet, loud;
	pid_t holder, echoer;
	size_t i, hot;
	int64_t begun;
	double rate;

	if (silent == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	holder = start(&quiet, n, beat);
	echoer = start(&loud, 0, 0);
	loop = loop_new();
	for (i = 0; i < n; i++)
		adopt(&silent[i], &quiet, &silent_ops, NULL);
	for (i = 0; i < BUSY; i++) {
		adopt(&busy[i].conn, &loud, &busy_ops, &busy[i]);
		ping(&busy[i]);
	}
	for (begun = loop_now(loop), hot = 0; hot != loop_hot(loop) &&
	    loop_now(loop) - begun < WARM_MS;) {
		hot = loop_hot(loop);
		run_for(500);
	}
	nsamples = 0;
	measuring = 1;
	begun = clock_ns();
	run_for(MEASURE_MS);
	measuring = 0;
	rate = print_row(n, beat ? "beating" : "silent", begun,
	    loop_hot(loop));
	for (i = 0; i < n; i++)
		conn_abort(&silent[i]);
	for (i = 0; i < BUSY; i++)
		conn_abort(&busy[i].conn);
	loop_free(loop);
	finish(holder);
	finish(echoer);
	free(silent);
	return rate;
}

static void
plain_ping(int fd, int64_t *sent)
{
	*sent = clock_ns();
	if (write(fd, message, MESSAGE) != MESSAGE)
		die_errno(EXIT_TEMPORARY, "unable to write");
}

/* Round trips on a plain poll() of n descriptors, the first of them busy. */
static void
plain_run(struct pollfd *p, size_t n, int64_t *sent, int64_t ms)
{
	int64_t end = clock_ns() + ms * 1000000;
	char buf[MESSAGE];
	size_t i;

	for (nsamples = 0; clock_ns() < end && nsamples < SAMPLES_MAX - BUSY;) {
		if (poll(p, (nfds_t)n, -1) == -1)
			die_errno(EXIT_TEMPORARY, "unable to poll");
		for (i = 0; i < BUSY; i++)
			if (p[i].revents != 0 &&
			    read(p[i].fd, buf, MESSAGE) == MESSAGE) {
				samples[nsamples++] = clock_ns() - sent[i];
				plain_ping(p[i].fd, &sent[i]);
			}
	}
}

/* For comparison. */
static void
plain_row(size_t n)
{
	struct pollfd *p = calloc(n + BUSY, sizeof(*p));
	int64_t sent[BUSY], begun;
	struct addr quiet, loud;
	pid_t holder, echoer;
	size_t i;

	if (p == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	holder = start(&quiet, n, 0);
	echoer = start(&loud, 0, 0);
	for (i = 0; i < n + BUSY; i++) {
		p[i].fd = dial(i < BUSY ? &loud : &quiet);
		p[i].events = POLLIN;
	}
	for (i = 0; i < BUSY; i++)
		plain_ping(p[i].fd, &sent[i]);
	plain_run(p, n + BUSY, sent, PLAIN_MS / 4);
	begun = clock_ns();
	plain_run(p, n + BUSY, sent, PLAIN_MS);
	print_row(n, "plain", begun, n + BUSY);
	for (i = 0; i < n + BUSY; i++)
		close(p[i].fd);
	finish(holder);
	finish(echoer);
	free(p);
}

/* As many descriptors as may be had, and how many of them for silent ones. */
static size_t
allowed(size_t wanted)
{
	struct rlimit r;
	rlim_t need = wanted + SPARE;

	if (getrlimit(RLIMIT_NOFILE, &r) == -1)
		die_errno(EXIT_TEMPORARY, "unable to tell the limit");
	if (r.rlim_cur < need) {
		r.rlim_cur = need < r.rlim_max ? need : r.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &r) == -1)
			die_errno(EXIT_TEMPORARY, "unable to raise the limit");
	}
	if (r.rlim_cur >= need)
		return wanted;
	printf("the limit of descriptors (ulimit -n -H) is %llu, too low for "
	    "%zu\n", (unsigned long long)r.rlim_cur, wanted);
	return r.rlim_cur > SPARE + 10 ? (size_t)r.rlim_cur - SPARE : 10;
}

int
main(int argc, char **argv)
{
	size_t most = allowed(10000);
	double few, many;

	(void)argc;
	die_name(argv[0]);
	if ((samples = calloc(SAMPLES_MAX, sizeof(*samples))) == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	printf("loop: %d busy connections beside others\n"
	    "%14s %14s %10s %10s %8s\n", BUSY, "others", "round trips/s",
	    "median us", "99% us", "hot");
	fflush(stdout);
	few = row(10, 0);
	plain_row(10);
	if (most > 1000) {
		row(1000, 0);
		plain_row(1000);
	}
	many = row(most, 0);
	plain_row(most);
	row(most, 1);
	printf("loop: beside %zu silent ones it is %.2f of what it is beside "
	    "10 (goal: 0.50)\n", most, many / few);
	free(samples);
	return 0;
}
