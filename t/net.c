#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net.h"
#include "t/hang.h"
#include "t/check.h"

#define DIR_FORM "/tmp/lambda-net.XXXXXX"

static char dir[sizeof(DIR_FORM)];

static int
setup(void **state)
{
	(void)state;
	strcpy(dir, DIR_FORM);
	hang_guard();
	return mkdtemp(dir) == NULL ? -1 : 0;
}

/* The directory must be empty by then: nothing is left over. */
static int
teardown(void **state)
{
	(void)state;
	return rmdir(dir);
}

static void
parse(struct addr *a, const char *text)
{
	assert_int_equal(addr_parse(a, text, strlen(text), 0, NULL), 0);
}

/* A Unix address in the test's directory. */
static void
in_dir(struct addr *a, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	parse(a, path);
}

static void
remove_name(const struct addr *a)
{
	assert_int_equal(unlink(a->u.un.sun_path), 0);
}

static void
wait_for(int fd, short events)
{
	struct pollfd p;

	p.fd = fd;
	p.events = events;
	assert_int_equal(poll(&p, 1, -1), 1);
}

static int
connect_to(const struct addr *a)
{
	int fd = net_connect(a);

	assert_int_not_equal(fd, -1);
	wait_for(fd, POLLOUT);
	assert_int_equal(net_connected(fd), 0);
	return fd;
}

static int
accept_from(int listening, struct addr *from)
{
	int fd;

	wait_for(listening, POLLIN);
	assert_int_not_equal(fd = net_accept(listening, from), -1);
	return fd;
}

/* Non-blocking and close-on-exec, and if it is TCP, TCP_NODELAY. */
static void
assert_ours(int fd)
{
	socklen_t len = sizeof(int);
	int on = 0;

	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_true(net_is_socket(fd));
	if (!net_is_tcp(fd))
		return;
	getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &len);
	assert_true(on);
}

/* Listen, connect, accept, talk; who is at which end? */
static void
converse(const struct addr *a)
{
	struct addr bound, from, local, remote;
	int listening = net_listen(a, &bound), ours, theirs;
	char c = 0;

	assert_int_not_equal(listening, -1);
	assert_ours(listening);
	assert_true(net_is_listening(listening));
	assert_int_equal(net_accept(listening, &from), -1);
	assert_true(errno == EAGAIN || errno == EWOULDBLOCK);
	ours = connect_to(&bound);
	theirs = accept_from(listening, &from);
	assert_ours(ours);
	assert_ours(theirs);
	assert_false(net_is_listening(ours));
	assert_int_equal(net_remote(ours, &remote), 0);
	assert_int_equal(net_local(theirs, &local), 0);
	assert_true(addr_equal(&remote, &local));
	/* A Unix socket goes by the name that it was bound with first. */
	assert_true(addr_is_unix(a) || addr_equal(&remote, &bound));
	assert_int_equal(net_local(ours, &local), 0);
	assert_true(addr_equal(&local, &from));
	assert_int_equal(net_remote(theirs, &remote), 0);
	assert_true(addr_equal(&local, &remote));
	assert_int_equal(read(theirs, &c, 1), -1);
	assert_true(errno == EAGAIN || errno == EWOULDBLOCK);
	assert_int_equal(write(ours, "x", 1), 1);
	wait_for(theirs, POLLIN);
	assert_int_equal(read(theirs, &c, 1), 1);
	assert_int_equal(c, 'x');
	close(ours);
	close(theirs);
	close(listening);
}

UNIT(test_ipv4)
{
	struct addr a, bound, again;
	int fd, ours, theirs;

	parse(&a, "127.0.0.1:0");
	converse(&a);
	assert_int_not_equal(fd = net_listen(&a, &bound), -1);
	assert_true(addr_is_loopback(&bound));
	assert_int_not_equal(addr_port(&bound), 0);
	assert_true(net_is_tcp(fd));
	assert_int_equal(net_listen(&bound, &again), -1);
	assert_int_equal(errno, EADDRINUSE);
	/* A connection that lingers does not keep the port. */
	ours = connect_to(&bound);
	theirs = accept_from(fd, &again);
	close(fd);
	close(theirs);
	wait_for(ours, POLLIN);
	close(ours);
	assert_int_not_equal(fd = net_listen(&bound, NULL), -1);
	close(fd);
}

UNIT(test_ipv6)
{
	struct addr a;
	int fd;

	parse(&a, "[::1]:0");
	if ((fd = net_listen(&a, NULL)) == -1 &&
	    (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT)) {
		print_message("no IPv6 on this machine: %s\n",
		    strerror(errno));
		skip();
		return;
	}
	assert_int_not_equal(fd, -1);
	close(fd);
	converse(&a);
}

/* IPv6 leaves the IPv4 port of the same number alone. */
UNIT(test_ipv6_only)
{
	struct addr a, bound, four;
	int six, fd;

	parse(&a, "[::]:0");
	if ((six = net_listen(&a, &bound)) == -1) {
		print_message("no IPv6 on this machine: %s\n",
		    strerror(errno));
		skip();
		return;
	}
	assert_true(addr_is_any(&bound));
	parse(&four, "127.0.0.1:0");
	addr_set_port(&four, addr_port(&bound));
	fd = net_listen(&four, NULL);
	/* Somebody else may have it; never our own socket. */
	if (fd == -1) {
		assert_int_equal(errno, EADDRINUSE);
		fd = connect_to(&four);
		assert_int_equal(net_accept(six, &a), -1);
	}
	close(fd);
	close(six);
}

UNIT(test_refused)
{
	struct addr a;
	socklen_t len = sizeof(a.u);
	int fd, deaf = socket(AF_INET, SOCK_STREAM, 0);

	/* It has the port, so that nobody else can listen there. */
	parse(&a, "127.0.0.1:0");
	assert_int_equal(bind(deaf, &a.u.sa, a.len), 0);
	assert_int_equal(getsockname(deaf, &a.u.sa, &len), 0);
	if ((fd = net_connect(&a)) != -1) {
		wait_for(fd, POLLOUT);
		assert_int_equal(net_connected(fd), -1);
		close(fd);
	}
	assert_int_equal(errno, ECONNREFUSED);
	close(deaf);
	in_dir(&a, "nobody");
	assert_int_equal(net_connect(&a), -1);
	assert_int_equal(errno, ENOENT);
}

UNIT(test_unix)
{
	struct addr a;
	struct stat st;
	int fd;

	in_dir(&a, "s");
	converse(&a);
	assert_int_equal(lstat(a.u.un.sun_path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
	remove_name(&a);
	assert_int_not_equal(fd = net_listen(&a, NULL), -1);
	assert_false(net_is_tcp(fd));
	close(fd);
	remove_name(&a);
}

/* A socket that nobody answers on is replaced, one that lives is not. */
UNIT(test_unix_again)
{
	struct addr a, from;
	int dead, live, ours, theirs;

	in_dir(&a, "s");
	assert_int_not_equal(dead = net_listen(&a, NULL), -1);
	close(dead);
	assert_int_not_equal(live = net_listen(&a, NULL), -1);
	assert_int_equal(net_listen(&a, NULL), -1);
	assert_int_equal(errno, EADDRINUSE);
	ours = connect_to(&a);
	theirs = accept_from(live, &from); /* the question whether it lives */
	close(theirs);
	theirs = accept_from(live, &from);
	close(ours);
	close(theirs);
	close(live);
	remove_name(&a);
}

/* A live socket whose queue is full lives all the same. */
UNIT(test_unix_full)
{
	struct addr a;
	int fd[64], live, n;

	in_dir(&a, "s");
	assert_int_not_equal(live = net_listen(&a, NULL), -1);
	assert_int_equal(listen(live, 1), 0);
	for (n = 0; n < 64 && (fd[n] = net_connect(&a)) != -1; n++)
		;
	if (n < 64) {
		assert_int_equal(net_listen(&a, NULL), -1);
		assert_int_equal(errno, EADDRINUSE);
	}
	while (n-- > 0)
		close(fd[n]);
	close(live);
	remove_name(&a);
}

/* What is no socket is nobody's to replace. */
UNIT(test_unix_not_a_socket)
{
	struct addr a;
	struct stat st;
	int fd;

	in_dir(&a, "precious");
	fd = open(a.u.un.sun_path, O_WRONLY | O_CREAT, 0600);
	assert_int_not_equal(fd, -1);
	close(fd);
	assert_int_equal(net_listen(&a, NULL), -1);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(net_listen_over(&a), -1);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(lstat(a.u.un.sun_path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	remove_name(&a);
	/* Where there is no directory there is no socket, and no residue. */
	in_dir(&a, "no/where");
	assert_int_equal(net_listen(&a, NULL), -1);
	assert_int_equal(errno, ENOENT);
}

/* Two start at once: one of them listens, and has the name. */
UNIT(test_unix_race)
{
	struct addr a;
	int go[2], done[2], round, i, status, winners;
	pid_t pid[4];
	char c;

	in_dir(&a, "s");
	for (round = 0; round < 50; round++) {
		assert_int_equal(pipe(go), 0);
		assert_int_equal(pipe(done), 0);
		for (i = 0; i < 4; i++) {
			if ((pid[i] = fork()) > 0)
				continue;
			assert_int_equal(pid[i], 0);
			close(go[1]);
			close(done[1]);
			if (read(go[0], &c, 1) != 0)
				_exit(2);
			status = net_listen(&a, NULL) != -1 ? 0 :
			    errno == EADDRINUSE ? 1 : 2;
			close(go[0]);
			/* Listen on until all have tried. */
			if (status == 0 && read(done[0], &c, 1) != 0)
				_exit(2);
			_exit(status);
		}
		close(go[0]);
		close(done[0]);
		close(go[1]);
		/* The losers end by themselves, the winners when told. */
		for (i = 0, winners = 0; i < 3; i++) {
			assert_true(waitpid(-1, &status, 0) > 0);
			assert_true(WIFEXITED(status));
			assert_int_equal(WEXITSTATUS(status), 1);
		}
		close(done[1]);
		assert_true(waitpid(-1, &status, 0) > 0);
		winners += WIFEXITED(status) && WEXITSTATUS(status) == 0;
		assert_int_equal(winners, 1);
		remove_name(&a);
	}
}

UNIT(test_listen_over)
{
	struct addr a, from;
	int old, new, before, after, fd;

	in_dir(&a, "s");
	assert_int_not_equal(old = net_listen(&a, NULL), -1);
	before = connect_to(&a);
	assert_int_not_equal(new = net_listen_over(&a), -1);
	assert_ours(new);
	after = connect_to(&a);
	/* The old one goes on with what it has, the new has the name. */
	fd = accept_from(old, &from);
	close(fd);
	assert_int_equal(net_accept(old, &from), -1);
	fd = accept_from(new, &from);
	close(fd);
	close(before);
	close(after);
	close(old);
	close(new);
	remove_name(&a);
}

/* The name is unlinked by whom it belongs to. */
UNIT(test_unlink)
{
	struct addr a;
	struct stat old, new;
	int fd[2];

	in_dir(&a, "s");
	assert_int_not_equal(fd[0] = net_listen(&a, NULL), -1);
	assert_int_equal(lstat(a.u.un.sun_path, &old), 0);
	assert_int_not_equal(fd[1] = net_listen_over(&a), -1);
	assert_int_equal(lstat(a.u.un.sun_path, &new), 0);
	net_unlink(&a, old.st_dev, old.st_ino);
	assert_int_equal(access(a.u.un.sun_path, F_OK), 0);
	net_unlink(&a, new.st_dev, new.st_ino);
	assert_int_equal(access(a.u.un.sun_path, F_OK), -1);
	net_unlink(&a, new.st_dev, new.st_ino);
	close(fd[0]);
	close(fd[1]);
}

UNIT(test_adopt)
{
	struct addr a;
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	assert_int_equal(net_adopt(fd[0]), 0);
	assert_true(fcntl(fd[0], F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd[0], F_GETFD) & FD_CLOEXEC);
	assert_false(net_is_socket(fd[0]));
	assert_false(net_is_listening(fd[0]));
	assert_false(net_is_tcp(fd[0]));
	assert_int_equal(net_local(fd[0], &a), -1);
	close(fd[0]);
	close(fd[1]);
	assert_int_equal(net_adopt(fd[0]), -1);
	assert_int_equal(errno, EBADF);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

UNITS(TEST(test_ipv4), TEST(test_ipv6), TEST(test_ipv6_only),
    TEST(test_refused), TEST(test_unix), TEST(test_unix_again),
    TEST(test_unix_full), TEST(test_unix_not_a_socket), TEST(test_unix_race),
    TEST(test_listen_over), TEST(test_unlink), TEST(test_adopt))
