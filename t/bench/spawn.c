/*
 * How often the machine runs a program, so many at a time: posix_spawn() with a
 * pipe each for standard output and standard error, read to their ends, and
 * waitpid(). Prints rate (programs/s, the median of the rounds), and processor:
 * the time that one takes from its start to its end, with what it takes us to
 * start it (ms, of all rounds).
 *
 *	spawn INFLIGHT ROUNDS MS program [argument ...]
 */

#include <sys/resource.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <unistd.h>

#include "t/bench/bench.h"

#define INFLIGHT_MAX 64
#define ROUNDS_MAX   64

extern char **environ;

struct running {
	pid_t pid;
	int open; /* of its pipes */
};

static struct running running[INFLIGHT_MAX];
static struct pollfd fds[2 * INFLIGHT_MAX]; /* a program's are neighbours */
static size_t ended;
static int null;

static void
make_pipe(int fd[2])
{
	if (pipe(fd) == -1 || fcntl(fd[0], F_SETFD, FD_CLOEXEC) == -1 ||
	    fcntl(fd[1], F_SETFD, FD_CLOEXEC) == -1)
		bench_fail("unable to make a pipe");
}

static void
start(size_t i, char **argv)
{
	posix_spawn_file_actions_t actions;
	int fd[2][2], k;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, null, 0);
	for (k = 0; k < 2; k++) {
		make_pipe(fd[k]);
		posix_spawn_file_actions_adddup2(&actions, fd[k][1], k + 1);
		fds[2 * i + k].fd = fd[k][0];
		fds[2 * i + k].events = POLLIN;
	}
	if (posix_spawnp(&running[i].pid, argv[0], &actions, NULL, argv,
		environ) != 0)
		bench_fail("unable to start a program");
	posix_spawn_file_actions_destroy(&actions);
	for (k = 0; k < 2; k++)
		close(fd[k][1]);
	running[i].open = 2;
}

/* Read a pipe that has something to say: 1 when that was its program's end. */
static int
follow(size_t k)
{
	static char chunk[65536];

	if (read(fds[k].fd, chunk, sizeof(chunk)) > 0)
		return 0;
	close(fds[k].fd);
	fds[k].fd = -1;
	if (--running[k / 2].open > 0)
		return 0;
	waitpid(running[k / 2].pid, NULL, 0);
	return 1;
}

/* What we and those that have ended took, ms. */
static double
taken(void)
{
	static const int who[] = { RUSAGE_SELF, RUSAGE_CHILDREN };
	struct rusage u;
	double ms = 0;
	size_t i;

	for (i = 0; i < 2; i++) {
		if (getrusage(who[i], &u) == -1)
			bench_fail("unable to see what was taken");
		ms += (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 +
		    (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
	}
	return ms;
}

static double
run(size_t n, double seconds, char **argv)
{
	double start_at = bench_seconds(), at;
	size_t k, before = ended;

	while ((at = bench_seconds()) < start_at + seconds) {
		if (poll(fds, (nfds_t)(2 * n), -1) == -1)
			bench_fail("unable to poll");
		for (k = 0; k < 2 * n; k++) {
			if (fds[k].revents == 0 || fds[k].fd == -1 ||
			    !follow(k))
				continue;
			ended++;
			start(k / 2, argv);
		}
	}
	return (double)(ended - before) / (at - start_at);
}

int
main(int argc, char **argv)
{
	double rate[ROUNDS_MAX], span, took;
	size_t n, rounds, i;

	if (argc < 5)
		bench_fail("spawn INFLIGHT ROUNDS MS program ...");
	n = bench_number(argv[1]);
	rounds = bench_number(argv[2]);
	span = (double)bench_number(argv[3]) / 1e3;
	if (n > INFLIGHT_MAX || rounds > ROUNDS_MAX)
		bench_fail("too much");
	if ((null = open("/dev/null", O_RDWR)) == -1)
		bench_fail("unable to open /dev/null");
	for (i = 0; i < n; i++)
		start(i, argv + 4);
	run(n, span, argv + 4);
	took = taken();
	ended = 0;
	for (i = 0; i < rounds; i++)
		rate[i] = run(n, span, argv + 4);
	bench_print("rate", bench_median(rate, rounds));
	bench_print("processor", (taken() - took) / (double)ended);
	return 0;
}
