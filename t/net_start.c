#include <sys/socket.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net.h"
#include "t/hang.h"
#include "t/check.h"

static void
parse(struct addr *a, const char *text)
{
	assert_int_equal(addr_parse(a, text, strlen(text), 0, NULL), 0);
}

/*
 * What a supervisor passes. Each case is a child's environment: which of the
 * descriptors 3 to 7 it is to find. 3 and 4 listen over TCP, 5 is no listening
 * socket, 6 and 7 are Unix sockets that listen.
 */

#define PASSED 5

static const struct passed {
	const char *fds, *names, *name;
	enum net_kind kind;
	int pid; /* 0: this process, else another one's */
	int found; /* the first of them, -1: none */
	size_t n;  /* and how many there are */
} passed[] = {
	{ "1", NULL, NULL, NET_TCP, 0, 3, 1 },
	{ "1", NULL, NULL, NET_UNIX, 0, -1, 0 },
	{ "2", NULL, "tcp", NET_TCP, 0, 3, 2 },
	{ "5", NULL, "broker", NET_UNIX, 0, 6, 2 },
	{ "2", "broker:tcp", NULL, NET_TCP, 0, 3, 2 },
	{ "2", "broker:tcp", "tcp", NET_TCP, 0, 4, 1 },
	/* What bears the name is not what is needed. */
	{ "2", "broker:tcp", "broker", NET_UNIX, 0, -1, 0 },
	{ "5", "broker:a:b:c:d", "broker", NET_UNIX, 0, -1, 0 },
	{ "3", "a:b:tcp", "tcp", NET_TCP, 0, -1, 0 },
	/* Others bear names of ours, and this one does not. */
	{ "5", "a:b:c:broker:d", "tcp", NET_TCP, 0, -1, 0 },
	{ "5", "a:b:c:plb", "broker", NET_UNIX, 0, 6, 1 },
	/* All have one name, of a unit or of ours. */
	{ "5", "l.socket:l.socket:l.socket:l.socket:l.socket", "tcp", NET_TCP,
	    0, 3, 2 },
	{ "5", "l.socket:l.socket:l.socket:l.socket:l.socket", "broker",
	    NET_UNIX, 0, 6, 2 },
	{ "5", "broker:broker:broker:broker:broker", "broker", NET_UNIX, 0,
	    6, 2 },
	{ "5", "a:broker:broker:broker:broker", "tcp", NET_TCP, 0, 4, 1 },
	/* Names that begin like one, and too few of them. */
	{ "2", "tc:tcp2", "tcp", NET_TCP, 0, 3, 2 },
	{ "2", "a:tcp", "tcp", NET_TCP, 0, 4, 1 },
	{ "2", "", "tcp", NET_TCP, 0, 3, 2 },
	{ "1", "a:tcp", "tcp", NET_TCP, 0, 3, 1 },
	{ "0", NULL, NULL, NET_TCP, 0, -1, 0 },
	{ "", NULL, NULL, NET_TCP, 0, -1, 0 },
	{ "-1", NULL, NULL, NET_TCP, 0, -1, 0 },
	{ "99999999", NULL, NULL, NET_TCP, 0, -1, 0 },
	{ NULL, NULL, NULL, NET_TCP, 0, -1, 0 },
	{ "1", NULL, NULL, NET_TCP, 1, -1, 0 },
	{ "1", NULL, NULL, NET_TCP, -1, -1, 0 }
};

/* Whatever is passed to us is for no child of ours. */
static int
leaks(const struct passed *p)
{
	int fd, n = net_passed();

	if (p->pid != 0 && n != 0)
		return 1;
	for (fd = NET_PASSED_FIRST; fd < NET_PASSED_FIRST + n; fd++)
		if (!(fcntl(fd, F_GETFD) & FD_CLOEXEC))
			return 1;
	return 0;
}

static int
find_passed(const struct passed *p, const int fd[PASSED])
{
	char text[32];
	int i, copy[PASSED], first;
	size_t n;

	for (i = 0; i < PASSED; i++)
		copy[i] = fcntl(fd[i], F_DUPFD, 20);
	for (i = 0; i < PASSED; i++)
		if (dup2(copy[i], 3 + i) == -1)
			return 1;
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	unsetenv("LISTEN_PID");
	if (p->fds != NULL)
		setenv("LISTEN_FDS", p->fds, 1);
	if (p->names != NULL)
		setenv("LISTEN_FDNAMES", p->names, 1);
	snprintf(text, sizeof(text), "%ld", (long)getpid() + p->pid);
	if (p->pid != -1)
		setenv("LISTEN_PID", text, 1);
	n = net_inherited(p->name, p->kind, &first, 1);
	if (n != p->n || (n > 0 && first != p->found))
		return 2;
	return leaks(p) ? 3 : 0;
}

static int
listen_unix(void)
{
	char dir[] = "/tmp/lambda-net.XXXXXX", path[64];
	struct addr a;
	int fd;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	parse(&a, path);
	fd = net_listen(&a, NULL);
	assert_int_not_equal(fd, -1);
	unlink(path);
	rmdir(dir);
	return fd;
}

UNIT(test_inherited)
{
	struct addr a;
	int fd[PASSED], status;
	size_t i;
	pid_t pid;

	parse(&a, "127.0.0.1:0");
	fd[0] = net_listen(&a, NULL);
	fd[1] = net_listen(&a, NULL);
	fd[2] = socket(AF_UNIX, SOCK_STREAM, 0);
	fd[3] = listen_unix();
	fd[4] = listen_unix();
	for (i = 0; i < sizeof(passed) / sizeof(passed[0]); i++) {
		if ((pid = fork()) == 0)
			_exit(find_passed(&passed[i], fd));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		if (status != 0)
			fail_msg("case %zu: status %d", i, status);
	}
	for (i = 0; i < PASSED; i++)
		close(fd[i]);
}

/* Readiness. */

UNIT(test_ready)
{
	char buf[8];
	int fd[2];

	unsetenv("NOTIFY_SOCKET");
	net_ready(-1);
	assert_int_equal(pipe(fd), 0);
	net_ready(fd[1]);
	assert_int_equal(fcntl(fd[1], F_GETFD), -1);
	assert_int_equal(read(fd[0], buf, sizeof(buf)), 1);
	assert_int_equal(buf[0], '\n');
	assert_int_equal(read(fd[0], buf, sizeof(buf)), 0);
	close(fd[0]);
}

static int
datagram_socket(const struct sockaddr_un *un, size_t len)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	assert_int_not_equal(fd, -1);
	if (bind(fd, (const struct sockaddr *)un, (socklen_t)len) == 0)
		return fd;
	close(fd);
	return -1;
}

static void
assert_notified(int fd)
{
	char buf[64];
	struct pollfd p;

	p.fd = fd;
	p.events = POLLIN;
	assert_int_equal(poll(&p, 1, -1), 1);
	assert_int_equal(recv(fd, buf, sizeof(buf), 0), 7);
	assert_memory_equal(buf, "READY=1", 7);
}

UNIT(test_notify)
{
	char dir[] = "/tmp/lambda-net.XXXXXX", path[64];
	struct addr a;
	int fd, i;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/notify", dir);
	parse(&a, path);
	fd = datagram_socket(&a.u.un, sizeof(a.u.un));
	assert_int_not_equal(fd, -1);
	setenv("NOTIFY_SOCKET", a.u.un.sun_path, 1);
	net_ready(-1);
	assert_notified(fd);
	/* A queue that nobody empties does not hold us up. */
	for (i = 0; i < 10000; i++)
		net_ready(-1);
	close(fd);
	/* Nobody there, no path, nothing: no error of ours. */
	net_ready(-1);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
	net_ready(-1);
	setenv("NOTIFY_SOCKET", "relative", 1);
	net_ready(-1);
	setenv("NOTIFY_SOCKET", "@", 1);
	net_ready(-1);
	setenv("NOTIFY_SOCKET", "", 1);
	net_ready(-1);
	unsetenv("NOTIFY_SOCKET");
}

UNIT(test_notify_abstract)
{
	char dir[] = "/tmp/lambda-net.XXXXXX", name[64];
	struct sockaddr_un un;
	int fd, n;

	/* A name that nobody else has. */
	assert_non_null(mkdtemp(dir));
	n = snprintf(name, sizeof(name), "@%s", dir);
	rmdir(dir);
	memset(&un, 0, sizeof(un));
	un.sun_family = AF_UNIX;
	memcpy(un.sun_path + 1, name + 1, (size_t)n - 1);
	fd = datagram_socket(&un,
	    offsetof(struct sockaddr_un, sun_path) + (size_t)n);
	if (fd == -1) {
		print_message("no abstract names on this system\n");
		skip();
		return;
	}
	setenv("NOTIFY_SOCKET", name, 1);
	net_ready(-1);
	assert_notified(fd);
	unsetenv("NOTIFY_SOCKET");
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_inherited),
		cmocka_unit_test(test_ready),
		cmocka_unit_test(test_notify),
		cmocka_unit_test(test_notify_abstract)
	};

	hang_guard();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
