/*
 * When something was said. Every process of a host shares the clock.
 *
 *	stamp NAME
 *		each line of standard input as it comes, with the ms and NAME
 *		before it
 *	stamp -k PID ...
 *		SIGKILL for these, and the ms just before
 *	stamp -s PID ...
 *		SIGSTOP for these, likewise; -c: SIGCONT
 */

#include <sys/types.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "t/bench/bench.h"

#define LINE_MAX_LEN 4096

static void
stamp_lines(const char *name)
{
	char line[LINE_MAX_LEN];

	setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
	while (fgets(line, sizeof(line), stdin) != NULL)
		printf("%.3f %s %s%s", 1e3 * bench_seconds(), name, line,
		    strchr(line, '\n') == NULL ? "\n" : "");
}

static void
stamp_signals(int signum, char **pids)
{
	printf("%.3f\n", 1e3 * bench_seconds());
	for (; *pids != NULL; pids++)
		if (kill((pid_t)bench_number(*pids), signum) == -1)
			bench_fail("unable to send a signal");
}

int
main(int argc, char **argv)
{
	int c, signum = 0;

	while ((c = getopt(argc, argv, "cks")) != -1)
		signum = c == 'k' ? SIGKILL : c == 's' ? SIGSTOP :
		    c == 'c' ? SIGCONT : -1;
	if (argc - optind < 1 || signum == -1)
		bench_fail("usage: stamp NAME, or stamp -k|-s|-c PID ...");
	if (signum != 0)
		stamp_signals(signum, argv + optind);
	else
		stamp_lines(argv[optind]);
	return fflush(stdout) == EOF;
}
