/*
 * activate: start a program as a service manager does that is not here to be
 * tested with. From the front, each argument is one of these, until the
 * command:
 *
 *	listen:NAME=ADDRESS	a listening socket, from descriptor 3 on, with a
 *				name in LISTEN_FDNAMES; an empty NAME: without
 *	pid:TEXT		LISTEN_PID, in place of the process's own
 *	notify:NAME		a datagram socket of that name is NOTIFY_SOCKET;
 *				@NAME is abstract
 *	fd:N			a pipe, whose end for writing is descriptor N
 *
 * It prints "listening NAME ADDRESS" for each, "pid N" when the command runs,
 * and then, as they come, "notify TEXT", "fd TEXT", "fd closed" and, at its
 * end, "exit N". SIGTERM is passed on.
 */

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "log.h"
#include "net.h"

#define SOCKETS_MAX 16
#define FIRST	    3
#define LOOK_MS	    50	/* whether the child has ended */
#define HIGH	    100 /* where descriptors are kept until the fork */

static int sockets[SOCKETS_MAX], nsockets, notify_fd = -1, pipe_fd = -1;
static int pipe_end = -1, pipe_number = -1;
static char names[1024];
static const char *listen_pid;
static volatile sig_atomic_t child;

static int
move_up(int fd)
{
	int moved = fcntl(fd, F_DUPFD, HIGH);

	if (moved == -1 || fcntl(moved, F_SETFD, FD_CLOEXEC) == -1)
		die_errno(EXIT_TEMPORARY, "unable to move a descriptor");
	close(fd);
	return moved;
}

/* A Unix socket under its own name, as systemd makes it: net_listen() makes it
 * under another. */
static int
make_socket(const struct addr *a, struct addr *bound)
{
	int fd;

	if (!addr_is_unix(a))
		return net_listen(a, bound);
	*bound = *a;
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd == -1 || bind(fd, &a->u.sa, a->len) == -1 ||
	    listen(fd, 16) == -1)
		return -1;
	return fd;
}

static void
take_listen(const char *arg)
{
	const char *address = strchr(arg, '='), *why;
	char text[ADDR_TEXT_MAX];
	struct addr a, bound;
	int fd;

	if (address == NULL || nsockets == SOCKETS_MAX)
		die(EXIT_USAGE, "listen:%s", arg);
	if (addr_parse(&a, address + 1, strlen(address + 1), 0, &why) == -1)
		die(EXIT_USAGE, "%s: %s", address + 1, why);
	if ((fd = make_socket(&a, &bound)) == -1)
		die_errno(EXIT_TEMPORARY, "unable to listen on %s",
		    address + 1);
	sockets[nsockets++] = move_up(fd);
	if (address > arg) {
		if (names[0] != '\0')
			strcat(names, ":");
		strncat(names, arg, (size_t)(address - arg));
	}
	printf("listening %.*s %s\n", (int)(address - arg), arg,
	    addr_print(&bound, text));
}

static void
take_notify(const char *name)
{
	struct sockaddr_un un;
	size_t len = strlen(name);

	memset(&un, 0, sizeof(un));
	un.sun_family = AF_UNIX;
	if (len >= sizeof(un.sun_path))
		die(EXIT_USAGE, "notify:%s", name);
	memcpy(un.sun_path, name, len);
	if (name[0] == '@')
		un.sun_path[0] = '\0';
	notify_fd = move_up(socket(AF_UNIX, SOCK_DGRAM, 0));
	if (bind(notify_fd, (struct sockaddr *)&un, (socklen_t)
	    (offsetof(struct sockaddr_un, sun_path) + len)) == -1)
		die_errno(EXIT_TEMPORARY, "unable to bind %s", name);
	setenv("NOTIFY_SOCKET", name, 1);
}

static void
take_pipe(const char *number)
{
	int p[2];

	if (pipe(p) == -1)
		die_errno(EXIT_TEMPORARY, "unable to make a pipe");
	pipe_fd = move_up(p[0]);
	pipe_end = move_up(p[1]);
	pipe_number = atoi(number);
}

static const char *
behind(const char *arg, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(arg, prefix, n) == 0 ? arg + n : NULL;
}

/* Was that for us? */
static int
take(const char *arg)
{
	const char *rest;

	if ((rest = behind(arg, "listen:")) != NULL)
		take_listen(rest);
	else if ((rest = behind(arg, "pid:")) != NULL)
		listen_pid = rest;
	else if ((rest = behind(arg, "notify:")) != NULL)
		take_notify(rest);
	else if ((rest = behind(arg, "fd:")) != NULL)
		take_pipe(rest);
	else
		return 0;
	return 1;
}

static void
run(char **argv)
{
	char text[32];
	int i;

	for (i = 0; i < nsockets; i++)
		if (dup2(sockets[i], FIRST + i) == -1)
			die_errno(EXIT_TEMPORARY, "unable to pass sockets");
	if (pipe_number != -1 && dup2(pipe_end, pipe_number) == -1)
		die_errno(EXIT_TEMPORARY, "unable to pass the pipe");
	if (nsockets > 0) {
		snprintf(text, sizeof(text), "%ld", (long)getpid());
		setenv("LISTEN_PID", listen_pid == NULL ? text : listen_pid,
		    1);
		snprintf(text, sizeof(text), "%d", nsockets);
		setenv("LISTEN_FDS", text, 1);
		if (names[0] != '\0')
			setenv("LISTEN_FDNAMES", names, 1);
	}
	execvp(argv[0], argv);
	die_errno(EXIT_TEMPORARY, "unable to run %s", argv[0]);
}

static void
on_term(int signo)
{
	if (child > 0)
		kill((pid_t)child, signo);
}

/* What came there; 0 at the end. */
static int
relay(const char *what, int fd)
{
	char text[256];
	ssize_t n = read(fd, text, sizeof(text) - 1), i;

	if (n == -1)
		return errno == EINTR || errno == EAGAIN;
	for (i = 0; i < n; i++)
		if (text[i] == '\n')
			text[i] = '$';
	text[n] = '\0';
	printf("%s %s\n", what, n == 0 ? "closed" : text);
	return n > 0;
}

/* Until the child has ended and all that it had to say is told: its status. */
static int
watch(void)
{
	struct pollfd p[2];
	pid_t ended = 0;
	int status = 0, n;

	p[0].fd = notify_fd;
	p[1].fd = pipe_fd;
	p[0].events = p[1].events = POLLIN;
	for (;;) {
		p[0].revents = p[1].revents = 0;
		n = poll(p, 2, LOOK_MS);
		if (n > 0 && p[0].revents && !relay("notify", p[0].fd))
			p[0].fd = -1;
		if (n > 0 && p[1].revents && !relay("fd", p[1].fd))
			p[1].fd = -1;
		fflush(stdout);
		if (ended == 0)
			ended = waitpid((pid_t)child, &status, WNOHANG);
		else if (n == 0)
			return status;
		if (ended == -1)
			die_errno(EXIT_TEMPORARY, "unable to wait");
	}
}

static void
supervise(char **argv)
{
	struct sigaction sa;
	int status;

	if ((child = (sig_atomic_t)fork()) == -1)
		die_errno(EXIT_TEMPORARY, "unable to fork");
	if (child == 0)
		run(argv);
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_term;
	sigaction(SIGTERM, &sa, NULL);
	if (pipe_end != -1)
		close(pipe_end);
	printf("pid %ld\n", (long)child);
	fflush(stdout);
	status = watch();
	printf("exit %d\n", WIFEXITED(status) ? WEXITSTATUS(status) :
	    -WTERMSIG(status));
}

int
main(int argc, char **argv)
{
	int i;

	die_name(argv[0]);
	for (i = 1; i < argc && take(argv[i]); i++)
		;
	if (i >= argc)
		die_usage("[listen:NAME=ADDRESS] [notify:NAME] [fd:N] "
		    "command ...");
	fflush(stdout);
	supervise(argv + i);
	return 0;
}
