/*
 * What a supervisor or inetd does about a listening socket, for scripts:
 *
 *	t/listen ADDRESS command ...	listens there, with the socket on
 *					descriptor 0 of the command
 *	t/listen -a ADDRESS command ...	runs the command for each connection,
 *					which it has on 0 and 1
 *
 * Where it listens is the first line on standard error.
 */

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "log.h"
#include "net.h"

static void
run(char **argv)
{
	execvp(argv[0], argv);
	die_errno(EXIT_TEMPORARY, "unable to run %s", argv[0]);
}

static void
put_on(int from, int to)
{
	if (dup2(from, to) == -1)
		die_errno(EXIT_TEMPORARY, "unable to pass the socket on");
}

static void
serve(int from, char **argv)
{
	pid_t pid = fork();

	if (pid == -1)
		die_errno(EXIT_TEMPORARY, "unable to fork");
	if (pid > 0)
		return;
	signal(SIGCHLD, SIG_DFL);
	put_on(from, 0);
	put_on(from, 1);
	run(argv);
}

/* Children are nobody's to wait for: their number is not bounded here. */
static void
accept_all(int fd, char **argv)
{
	int new;

	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		new = accept(fd, NULL, NULL);
		if (new == -1 && errno != EINTR && errno != ECONNABORTED)
			die_errno(EXIT_TEMPORARY, "unable to accept");
		if (new == -1)
			continue;
		serve(new, argv);
		close(new);
	}
}

int
main(int argc, char **argv)
{
	int all = argc > 1 && strcmp(argv[1], "-a") == 0;
	char text[ADDR_TEXT_MAX];
	struct addr a;
	const char *why;
	int fd;

	die_name(argv[0]);
	argv += all;
	if (argc - all < 3)
		die_usage("[-a] address command [argument ...]");
	if (addr_parse(&a, argv[1], strlen(argv[1]), 0, &why) == -1)
		die(EXIT_USAGE, "%s: %s", argv[1], why);
	/* Like others do, who know nothing of O_NONBLOCK. */
	if ((fd = net_listen(&a, &a)) == -1 || fcntl(fd, F_SETFL, 0) == -1)
		die_errno(EXIT_TEMPORARY, "unable to listen on %s", argv[1]);
	fprintf(stderr, "listening on %s\n", addr_print(&a, text));
	if (all)
		accept_all(fd, argv + 2);
	put_on(fd, 0);
	run(argv + 2);
	return 0;
}
