/*
 * How long a first answer takes. Runs the programs as a user does, so what it
 * takes to start them counts. Each prints its median over ROUNDS, in ms.
 *
 *	first publish ROUNDS
 *		To the answer of a lambda-call that has waited for a listener:
 *		from the start of that, and from when it says that it is ready,
 *		just before it publishes. A broker must run in LAMBDA_RUN.
 *	first all ROUNDS
 *		From the start of an authority, a broker, a listener and a
 *		lambda-call, all at once, to the answer. LAMBDA_RUN is where its
 *		run directories go.
 *	first exec ROUNDS program [argument ...]
 *		From the start of any program to the first byte of its output:
 *		what all the others have to be seen beside.
 */

#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net.h"
#include "t/bench/bench.h"

#define ROUNDS_MAX 64
#define ANSWER_MS  10000
#define STARTED	   4
#define READY	   "3" /* descriptor to say so on, which is standard output's */

static double ready[ROUNDS_MAX]; /* publish: from that to the answer, ms */
static pid_t started[STARTED];
static size_t nstarted;

/* Start one: standard input is the file, standard output a pipe, whose end is
 * returned. */
static int
start(char **argv, const char *file)
{
	int fd[2], in;
	pid_t pid = -1;

	if (pipe(fd) == -1 || fcntl(fd[0], F_SETFD, FD_CLOEXEC) == -1 ||
	    (pid = fork()) == -1)
		bench_fail("unable to start a program");
	if (pid == 0) {
		if ((in = open(file, O_RDONLY)) == -1 || dup2(in, 0) == -1 ||
		    dup2(fd[1], 1) == -1)
			_exit(111);
		close(in);
		close(fd[1]);
		if (dup2(1, atoi(READY)) == -1)
			_exit(111);
		execvp(argv[0], argv);
		_exit(111);
	}
	close(fd[1]);
	started[nstarted++] = pid;
	return fd[0];
}

static void
end_all(void)
{
	while (nstarted > 0) {
		kill(started[--nstarted], SIGTERM);
		waitpid(started[nstarted], NULL, 0);
	}
}

/* When its first byte came. */
static double
answered(int fd)
{
	struct pollfd p = { fd, POLLIN, 0 };
	char c;

	if (poll(&p, 1, ANSWER_MS) != 1 || read(fd, &c, 1) != 1)
		bench_fail("no answer");
	return bench_seconds();
}

static int
start_call(char *module)
{
	char *argv[] = { "lambda-call", "-q", "-L", module, NULL };
	char path[256];

	snprintf(path, sizeof(path), "%s/line", getenv("LAMBDA_RUN"));
	return start(argv, path);
}

/* Its first byte says that it is ready. */
static int
start_listener(char *module)
{
	char *argv[] = { "lambda-listener", "-q", "-d", READY, "-w", "line",
		module, "cat", NULL };

	return start(argv, "/dev/null");
}

/* What the calls send. */
static void
write_file(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", getenv("LAMBDA_RUN"), name);
	if ((f = fopen(path, "w")) == NULL || fputs(text, f) == EOF ||
	    fclose(f) == EOF)
		bench_fail("unable to write a file");
}

/* Wait until the broker has the call's buy, and an exchange to send it to. */
static void
await_buy(const char *module)
{
	char command[256];
	int i;

	snprintf(command, sizeof(command), "lambda-ctl all | awk '"
	    "/^order.* kind buy module %s / { b = 1 } "
	    "/^exchange.* module %s .* state linked/ { e = 1 } "
	    "END { exit !(b && e) }'", module, module);
	for (i = 0; i < 100; i++)
		if (system(command) == 0)
			return;
	bench_fail("the buy does not reach an exchange");
}

static double
publish(size_t i, char **argv)
{
	char module[32];
	double since, at;
	int call, listener;

	(void)argv;
	write_file("line", "hello\n");
	snprintf(module, sizeof(module), "first-%zu", i);
	call = start_call(module);
	await_buy(module);
	since = bench_seconds();
	listener = start_listener(module);
	ready[i] = answered(listener);
	at = answered(call);
	ready[i] = (at - ready[i]) * 1e3;
	close(listener);
	close(call);
	end_all();
	return at - since;
}

/* A port that is free now. */
static void
choose_port(char *text)
{
	struct addr a;
	int fd;

	addr_parse(&a, "127.0.0.1:0", 11, 0, NULL);
	if ((fd = net_listen(&a, &a)) == -1)
		bench_fail("unable to listen");
	addr_print(&a, text);
	close(fd);
}

static void
start_tier(char *address)
{
	char *authority[] = { "lambda-authority", "-q", "-l", address, NULL };
	char *broker[] = { "lambda-broker", "-q", "-l", "127.0.0.1:0", NULL };
	char path[256];

	snprintf(path, sizeof(path), "%s/authorities", getenv("LAMBDA_RUN"));
	close(start(authority, "/dev/null"));
	close(start(broker, path));
}

static double
all(size_t i, char **argv)
{
	static char top[128];
	char dir[160], address[ADDR_TEXT_MAX], line[ADDR_TEXT_MAX + 1];
	double since, at;
	int call, listener;

	(void)argv;
	if (top[0] == '\0')
		snprintf(top, sizeof(top), "%s", getenv("LAMBDA_RUN"));
	snprintf(dir, sizeof(dir), "%s/%zu", top, i);
	if (mkdir(dir, 0700) == -1 || setenv("LAMBDA_RUN", dir, 1) == -1)
		bench_fail("unable to make a run directory");
	choose_port(address);
	snprintf(line, sizeof(line), "%s\n", address);
	write_file("authorities", line);
	write_file("line", "hello\n");
	since = bench_seconds();
	start_tier(address);
	listener = start_listener("first");
	call = start_call("first");
	at = answered(call);
	close(listener);
	close(call);
	end_all();
	return at - since;
}

static double
program(size_t i, char **argv)
{
	double since = bench_seconds(), at;
	int fd;

	(void)i;
	fd = start(argv + 3, "/dev/null");
	at = answered(fd);
	close(fd);
	end_all();
	return at - since;
}

int
main(int argc, char **argv)
{
	double (*measure)(size_t, char **) = NULL, took[ROUNDS_MAX];
	size_t i, rounds;

	if (argc < 3 || getenv("LAMBDA_RUN") == NULL)
		bench_fail("first publish|all|exec ROUNDS, with LAMBDA_RUN");
	rounds = bench_number(argv[2]);
	if (rounds > ROUNDS_MAX)
		bench_fail("too many rounds");
	if (strcmp(argv[1], "publish") == 0)
		measure = publish;
	else if (strcmp(argv[1], "all") == 0)
		measure = all;
	else if (strcmp(argv[1], "exec") == 0 && argc > 3)
		measure = program;
	else
		bench_fail("publish, all or exec");
	atexit(end_all); /* for those of a round that failed */
	for (i = 0; i < rounds; i++)
		took[i] = measure(i, argv) * 1e3;
	bench_print(argv[1], bench_median(took, rounds));
	if (measure == publish)
		bench_print("ready", bench_median(ready, rounds));
	return 0;
}
