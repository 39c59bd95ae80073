/*
 * inherit STATE COMMAND...: runs the command in the place of this process, with
 * something inherited that a program does not expect:
 *
 *	ignored		every signal is ignored
 *	blocked		every signal is blocked
 *	umask		the umask is 0777
 *	closed		descriptor 0, 1 or 2 is closed where it is /dev/null
 *	open		descriptor 9 is a file of its own, which is not to be
 *			passed on
 *	nowhere		the working directory has been removed
 *	crowded		its user has as many processes as it may
 *	nobody		it is a user of whom there is no other process; for root
 *	plain		nothing
 *
 * What a listener starts inherits what the listener has, so to a channel of its
 * nothing is done.
 */

/* POSIX has no limit on processes; where there is one, it has this name. */
#define _DEFAULT_SOURCE

#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HELD   9
#define NOBODY 54321

static void
fail_at(const char *what)
{
	fprintf(stderr, "inherit: unable to %s: %s\n", what, strerror(errno));
	_exit(1);
}

static void
state_ignored(void)
{
	int signo;

	for (signo = 1; signo <= 64; signo++)
		signal(signo, SIG_IGN);
}

static void
state_blocked(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

static void
state_umask(void)
{
	umask(0777);
}

static void
state_closed(void)
{
	struct stat null, st;
	int fd;

	if (stat("/dev/null", &null) == -1)
		fail_at("look at /dev/null");
	for (fd = 0; fd <= 2; fd++)
		if (fstat(fd, &st) == 0 && st.st_rdev == null.st_rdev &&
		    S_ISCHR(st.st_mode))
			close(fd);
}

static void
state_open(void)
{
	int fd = open("/dev/zero", O_RDONLY);

	if (fd == -1 || dup2(fd, HELD) == -1)
		fail_at("open /dev/zero");
	if (fd != HELD)
		close(fd);
}

static void
state_nowhere(void)
{
	char dir[] = "/tmp/lambda-nowhere.XXXXXX";

	if (mkdtemp(dir) == NULL || chdir(dir) == -1 || rmdir(dir) == -1)
		fail_at("make a directory");
}

static void
state_crowded(void)
{
	struct rlimit none = { 0, 0 };

	if (setrlimit(RLIMIT_NPROC, &none) == -1)
		fail_at("limit processes");
}

static void
state_nobody(void)
{
	if (setgid(NOBODY) == -1 || setuid(NOBODY) == -1)
		fail_at("become another user");
}

static void
state_plain(void)
{
}

static const struct {
	const char *name;
	void (*fn)(void);
} states[] = {
	{ "ignored", state_ignored },
	{ "blocked", state_blocked },
	{ "umask", state_umask },
	{ "closed", state_closed },
	{ "open", state_open },
	{ "nowhere", state_nowhere },
	{ "crowded", state_crowded },
	{ "nobody", state_nobody },
	{ "plain", state_plain },
};

int
main(int argc, char **argv)
{
	size_t i;

	for (i = 0; argc > 2 && i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(argv[1], states[i].name) == 0) {
			if (getenv("LAMBDA_CONTROL") == NULL)
				states[i].fn();
			execvp(argv[2], argv + 2);
			fail_at("run the command");
		}
	fprintf(stderr, "usage: inherit state command ...\n");
	return 100;
}
