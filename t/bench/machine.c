/*
 * What the machine needs for the least that others are made of, so that a slow
 * one is seen as slow: a process that ends at once (fork), a program that does
 * (exec), and a byte that goes to another process over TCP on loopback and
 * back (trip). Prints the medians of ROUNDS, in us.
 *
 *	machine ROUNDS program [argument ...]
 */

#include <sys/socket.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <arpa/inet.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

#include "t/bench/bench.h"

#define ROUNDS_MAX 10000

extern char **environ;

static double us[ROUNDS_MAX];

static void
machine_wait(pid_t pid)
{
	if (waitpid(pid, NULL, 0) != pid)
		bench_fail("unable to wait");
}

static void
machine_fork(char **argv)
{
	pid_t pid = fork();

	(void)argv;
	if (pid == -1)
		bench_fail("unable to fork");
	if (pid == 0)
		_exit(0);
	machine_wait(pid);
}

static void
machine_exec(char **argv)
{
	pid_t pid;

	if (posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ) != 0)
		bench_fail("unable to start a program");
	machine_wait(pid);
}

static int socket_fd; /* what says it is answered */

static void
machine_trip(char **argv)
{
	char byte = 'x';

	(void)argv;
	if (write(socket_fd, &byte, 1) != 1 || read(socket_fd, &byte, 1) != 1)
		bench_fail("nothing came back");
}

/* Until the other end closes. */
static void
machine_echo(int fd)
{
	char byte;

	while (read(fd, &byte, 1) == 1 && write(fd, &byte, 1) == 1)
		;
	_exit(0);
}

static void
machine_hurry(int fd)
{
	int on = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == -1)
		bench_fail("unable to set TCP_NODELAY");
}

/* The process at the other end of socket_fd. */
static pid_t
machine_connect(void)
{
	struct sockaddr_in in;
	socklen_t len = sizeof(in);
	int listening = socket(AF_INET, SOCK_STREAM, 0), fd = -1;
	pid_t pid;

	memset(&in, 0, sizeof(in));
	in.sin_family = AF_INET;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	socket_fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(listening, (struct sockaddr *)&in, len) == -1 ||
	    listen(listening, 1) == -1 ||
	    getsockname(listening, (struct sockaddr *)&in, &len) == -1 ||
	    connect(socket_fd, (struct sockaddr *)&in, len) == -1 ||
	    (fd = accept(listening, NULL, NULL)) == -1)
		bench_fail("unable to connect on loopback");
	close(listening);
	machine_hurry(fd);
	machine_hurry(socket_fd);
	if ((pid = fork()) == -1)
		bench_fail("unable to fork");
	if (pid == 0) {
		close(socket_fd);
		machine_echo(fd);
	}
	close(fd);
	return pid;
}

static void
machine_measure(const char *name, void (*fn)(char **), size_t n, char **argv)
{
	double began;
	size_t i;

	fn(argv);
	for (i = 0; i < n; i++) {
		began = bench_seconds();
		fn(argv);
		us[i] = (bench_seconds() - began) * 1e6;
	}
	bench_print(name, bench_median(us, n));
}

int
main(int argc, char **argv)
{
	size_t n;
	pid_t pid;

	if (argc < 3)
		bench_fail("machine ROUNDS program ...");
	n = bench_number(argv[1]);
	if (n > ROUNDS_MAX)
		bench_fail("too much");
	machine_measure("fork", machine_fork, n, argv + 2);
	machine_measure("exec", machine_exec, n, argv + 2);
	pid = machine_connect();
	machine_measure("trip", machine_trip, n, argv + 2);
	close(socket_fd);
	machine_wait(pid);
	return 0;
}
