/*
 * lambda-solo: an authority and a broker of its own on loopback, with a socket
 * and a run directory of their own, for as long as a command runs.
 */

#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "program.h"
#include "loop.h"
#include "net.h"
#include "opt.h"
#include "env.h"

#define READY_MS    10000
#define LISTEN_FD   3 /* in the authority: sd_listen_fds(3) */
#define READY_FD    4 /* in the authority and the broker */
#define EXIT_NOEXEC 126
#define EXIT_ABSENT 127
#define SYNOPSIS    "[-h] [-k keyfile ...] command [argument ...]"

static char dir[512];
static volatile sig_atomic_t authority, broker, command_pid;

/* The run directory: flat, so what is in it goes file by file. */
static void
solo_remove_dir(void)
{
	char path[sizeof(dir) + 256];
	DIR *d = opendir(dir);
	struct dirent *e;

	while (d != NULL && (errno = 0, e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		unlink(path);
	}
	if (d == NULL || errno != 0 || rmdir(dir) == -1)
		fprintf(stderr, "lambda-solo: unable to remove %s: %s\n", dir,
		    strerror(errno));
	if (d != NULL)
		closedir(d);
}

static void
solo_end(pid_t pid)
{
	int status;

	if (pid <= 0)
		return;
	kill(pid, SIGTERM);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		continue;
}

static void
solo_clean_up(void)
{
	solo_end(broker);
	solo_end(authority);
	solo_remove_dir();
}

static void
solo_give_up(const char *what)
{
	int error = errno;

	solo_clean_up();
	errno = error;
	die_errno(EXIT_TEMPORARY, "unable to %s", what);
}

/* Wait for the command. Others end too: the tier's parts, and, where we are
 * process 1, all that has lost its parent. */
static int
solo_wait(pid_t pid)
{
	int status;
	pid_t ended;

	while ((ended = waitpid(-1, &status, 0)) != pid) {
		if (ended == -1 && errno != EINTR)
			solo_give_up("wait");
		if (ended == authority)
			authority = 0;
		else if (ended == broker)
			broker = 0;
	}
	return status;
}

static void
solo_make_dir(void)
{
	const char *tmp = getenv("TMPDIR"), *why;
	char path[sizeof(dir) + sizeof("/broker")];
	struct addr longest;

	snprintf(dir, sizeof(dir), "%s/lambda-solo.XXXXXX",
	    tmp == NULL || *tmp != '/' ? "/tmp" : tmp);
	snprintf(path, sizeof(path), "%s/broker", dir);
	if (addr_parse(&longest, path, strlen(path), 0, &why) == -1)
		die(EXIT_USAGE, "%s: %s: set TMPDIR to a shorter one", path,
		    why);
	if (mkdtemp(dir) == NULL)
		die_errno(EXIT_TEMPORARY, "unable to make %s (TMPDIR names "
		    "another place)", dir);
	if (setenv("LAMBDA_RUN", dir, 1) == -1 ||
	    unsetenv("LAMBDA_BROKER") == -1)
		solo_give_up("set the environment");
}

/* Have the program adopt LISTEN_FD. */
static void
solo_pass_listening(int fd)
{
	char pid[32];

	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	if (dup2(fd, LISTEN_FD) == -1 || setenv("LISTEN_PID", pid, 1) == -1 ||
	    setenv("LISTEN_FDS", "1", 1) == -1 ||
	    unsetenv("LISTEN_FDNAMES") == -1)
		_exit(EXIT_TEMPORARY);
}

/* In the child: fd 0 is in, READY_FD is ready; then the program. All three
 * descriptors are above READY_FD. */
static void
solo_become(char **argv, int in, int listening, int ready)
{
	char *name = env_sibling(argv[0]), *path;

	loop_forked();
	program_give_back();
	if (dup2(in, STDIN_FILENO) == -1 || dup2(STDERR_FILENO,
		STDOUT_FILENO) == -1 || dup2(ready, READY_FD) == -1)
		_exit(EXIT_TEMPORARY);
	if (listening != -1)
		solo_pass_listening(listening);
	if ((path = program_find(name)) != NULL) {
		argv[0] = path; /* where it finds its own siblings */
		execv(path, argv);
	}
	fprintf(stderr, "lambda-solo: unable to run %s: %s\n", name,
	    strerror(errno));
	_exit(EXIT_TEMPORARY);
}

/* The descriptor, moved out of the way of those above; closed at exec. */
static int
solo_high(int fd)
{
	int moved = fcntl(fd, F_DUPFD, READY_FD + 1);

	if (moved == -1 || fcntl(moved, F_SETFD, FD_CLOEXEC) == -1)
		solo_give_up("make a pipe");
	close(fd);
	return moved;
}

/* Start a program with the descriptor as its standard input, and one to listen
 * on or -1; returns when it says that it is ready. */
static pid_t
solo_start(char **argv, int in, int listening)
{
	struct pollfd p;
	int ready[2], r;
	char c;
	pid_t pid;

	if (pipe(ready) == -1)
		solo_give_up("make a pipe");
	ready[0] = solo_high(ready[0]);
	ready[1] = solo_high(ready[1]);
	if ((pid = fork()) == -1)
		solo_give_up("fork");
	if (pid == 0)
		solo_become(argv, in, listening, ready[1]);
	close(ready[1]);
	close(in);
	if (listening != -1)
		close(listening);
	p.fd = ready[0];
	p.events = POLLIN;
	while ((r = poll(&p, 1, READY_MS)) == -1 && errno == EINTR)
		continue;
	if (r != 1 || read(ready[0], &c, 1) != 1) {
		solo_end(pid);
		solo_clean_up();
		die(EXIT_TEMPORARY, r == 0 ? "%s is not ready after 10 s" :
		    "%s has ended: see above", argv[0]);
	}
	close(ready[0]);
	return pid;
}

/* A pipe's read end that holds the text and then ends. */
static int
solo_text_pipe(const char *text)
{
	int fd[2];

	if (pipe(fd) == -1 ||
	    write(fd[1], text, strlen(text)) != (ssize_t)strlen(text))
		solo_give_up("make a pipe");
	close(fd[1]);
	return solo_high(fd[0]);
}

/* A listening socket on loopback for the authority; its address
 * goes to text. */
static int
solo_listen_somewhere(char *text)
{
	struct addr a;
	int fd;

	addr_parse(&a, "127.0.0.1:0", 11, 0, NULL);
	if ((fd = net_listen(&a, &a)) == -1)
		solo_give_up("listen on 127.0.0.1");
	addr_print(&a, text);
	return solo_high(fd);
}

static void
solo_start_tier(const struct key_names *keys)
{
	char address[ADDR_TEXT_MAX], line[ADDR_TEXT_MAX + 1];
	int listening;
	char *a[7 + 2 * KEYS_MAX] = { "lambda-authority", "-q", "-d", "4",
		"-l", address };
	char *b[7 + 2 * KEYS_MAX] = { "lambda-broker", "-q", "-d", "4", "-l",
		"127.0.0.1:0" };
	size_t i;

	for (i = 0; i < keys->n; i++) {
		a[6 + 2 * i] = b[6 + 2 * i] = "-k";
		a[7 + 2 * i] = b[7 + 2 * i] = (char *)(uintptr_t)keys->at[i];
	}
	listening = solo_listen_somewhere(address);
	authority = solo_start(a, solo_text_pipe(""), listening);
	snprintf(line, sizeof(line), "%s\n", address);
	broker = solo_start(b, solo_text_pipe(line), -1);
}

/* Until the command runs, signals wait: ended halfway, the tier would stay. */
static void
solo_mask_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGQUIT);
	sigprocmask(how, &set, NULL);
}

static void
solo_pass_on(int signo)
{
	int error = errno;

	if (command_pid > 0)
		kill((pid_t)command_pid, signo);
	errno = error;
}

/* The tier reads the keys again, too. */
static void
solo_pass_on_to_all(int signo)
{
	int error = errno;

	if (authority > 0)
		kill((pid_t)authority, signo);
	if (broker > 0)
		kill((pid_t)broker, signo);
	solo_pass_on(signo);
	errno = error;
}

/* Run the command; returns the status to exit with. */
static int
solo_run(char **argv)
{
	struct sigaction sa;
	int status, error;
	char *path;
	pid_t pid;

	if ((pid = fork()) == -1)
		solo_give_up("fork");
	if (pid == 0) {
		loop_forked();
		program_give_back();
		if ((path = program_find(argv[0])) != NULL)
			execvp(path, argv);
		error = errno;
		fprintf(stderr, "lambda-solo: unable to run %s: %s\n", argv[0],
		    strerror(error));
		_exit(error == ENOENT ? EXIT_ABSENT : EXIT_NOEXEC);
	}
	command_pid = pid;
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = solo_pass_on;
	sigemptyset(&sa.sa_mask);
	sigaction(SIGTERM, &sa, NULL);
	sa.sa_handler = solo_pass_on_to_all;
	sigaction(SIGHUP, &sa, NULL);
	sa.sa_handler = SIG_IGN; /* the terminal sends it to the command too */
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGQUIT, &sa, NULL);
	solo_mask_signals(SIG_UNBLOCK);
	status = solo_wait(pid);
	command_pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) :
	    128 + WTERMSIG(status);
}

int
main(int argc, char **argv)
{
	static struct key_names keys;
	static struct key key;
	const struct opt options[] = {
		{ 'k', OPT_KEY, &keys, 0, 0 },
		{ 0, OPT_END, NULL, 0, 0 }
	};
	const char *named = getenv("LAMBDA_KEY");
	int letter, status;

	program_begin(argv, PROGRAM_PASS);
	while ((letter = getopt(argc, argv, "+hk:")) != -1)
		opt_take(options, letter, optarg, SYNOPSIS);
	if (optind == argc)
		die_usage(SYNOPSIS);
	/* What is wrong with it is told here, once. */
	if (keys.n > 0 || (named != NULL && *named != '\0'))
		env_key(&key, &keys);
	solo_mask_signals(SIG_BLOCK);
	solo_make_dir();
	solo_start_tier(&keys);
	status = solo_run(argv + optind);
	solo_clean_up();
	return status;
}
