#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net.h"
#include "t/conn_owner.h"
#include "t/check.h"

static ssize_t
on_input(void *arg, const unsigned char *p, size_t n)
{
	struct owner *o = arg;
	size_t take = n;

	assert_int_equal(o->closed, 0);
	assert_false(o->conn.closing);
	assert_true(n > 0);
	o->calls++;
	switch (o->manner) {
	case TAKE_ALL:
		break;
	case TAKE_NONE:
		return 0;
	case TAKE_THREES:
		take = n - n % 3;
		break;
	case TAKE_ONE_PAUSE:
		take = 1;
		conn_pause(&o->conn, 1);
		break;
	case TAKE_CLOSE:
		conn_close(&o->conn);
		return -1;
	case TAKE_FAIL:
		conn_fail(&o->conn, EPROTO);
		return -1;
	}
	assert_true(take <= IN_MAX - o->ngot);
	memcpy(o->got + o->ngot, p, take);
	o->ngot += take;
	if (o->unpauses != NULL)
		conn_pause(&o->unpauses->conn, 0);
	return (ssize_t)take;
}

static void
on_connected(void *arg)
{
	struct owner *o = arg;

	o->connected++;
}

static void
on_drained(void *arg)
{
	struct owner *o = arg;

	assert_true(conn_queued(&o->conn) < CONN_DRAINED);
	o->drained++;
	if (o->unpause_drained)
		conn_pause(&o->conn, 0);
}

static void
on_closed(void *arg, int error)
{
	struct owner *o = arg;

	o->closed++;
	o->error = error;
}

static const struct conn_ops ops = {
	on_input, on_connected, on_drained, on_closed, NULL, NULL
};

struct owner *
owner_new(int in, int out, int connecting)
{
	struct owner *o = calloc(1, sizeof(*o));

	assert_non_null(o);
	assert_non_null(o->got = malloc(IN_MAX));
	assert_int_equal(conn_open(&o->conn, loop, in, out, connecting, IN_MAX,
	    OUT_MAX, &ops, o), 0);
	return o;
}

void
owner_free(struct owner *o)
{
	if (!o->closed)
		conn_abort(&o->conn);
	free(o->got);
	free(o);
}

void
assert_got(const struct owner *o, const char *text)
{
	assert_int_equal(o->ngot, strlen(text));
	assert_memory_equal(o->got, text, o->ngot);
}

void
say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

void
tell(struct owner *o, const char *text)
{
	assert_int_equal(conn_write(&o->conn, text, strlen(text)), 0);
}

void
assert_hear(int fd, const char *text)
{
	struct pollfd p = { fd, POLLIN, 0 };
	size_t len = strlen(text), n = 0;
	char buf[256];
	ssize_t r;

	do {
		assert_int_equal(poll(&p, 1, -1), 1);
		r = read(fd, buf + n, sizeof(buf) - n);
		assert_true(r >= 0);
		n += (size_t)r;
	} while (r > 0 && n < len);
	assert_int_equal(n, len);
	assert_memory_equal(buf, text, len);
}

void
unblock(int fd)
{
	assert_int_equal(net_adopt(fd), 0);
}

struct owner *
owner_pair(int *peer)
{
	int fd[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	unblock(fd[0]);
	unblock(fd[1]);
	*peer = fd[1];
	return owner_new(fd[0], fd[0], 0);
}

int
tcp_listen(struct addr *bound)
{
	struct addr a;
	int fd;

	assert_int_equal(addr_parse(&a, "127.0.0.1:0", 11, 0, NULL), 0);
	assert_int_not_equal(fd = net_listen(&a, bound), -1);
	return fd;
}

int
tcp_deaf(struct addr *bound)
{
	socklen_t len = sizeof(bound->u);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(addr_parse(bound, "127.0.0.1:0", 11, 0, NULL), 0);
	assert_int_equal(bind(fd, &bound->u.sa, bound->len), 0);
	assert_int_equal(getsockname(fd, &bound->u.sa, &len), 0);
	return fd;
}

int
tcp_accept(int listening)
{
	struct pollfd p = { listening, POLLIN, 0 };
	struct addr from;
	int fd;

	assert_int_equal(poll(&p, 1, -1), 1);
	assert_int_not_equal(fd = net_accept(listening, &from), -1);
	return fd;
}

struct owner *
owner_tcp(int *peer)
{
	struct addr a;
	struct owner *o;
	int listening = tcp_listen(&a), fd = net_connect(&a);

	assert_int_not_equal(fd, -1);
	o = owner_new(fd, fd, 1);
	UNTIL(o->connected);
	*peer = tcp_accept(listening);
	close(listening);
	return o;
}

struct owner *
owner_pipes(int *to, int *from)
{
	int in[2], out[2], i;

	assert_int_equal(pipe(in), 0);
	assert_int_equal(pipe(out), 0);
	for (i = 0; i < 2; i++) {
		unblock(in[i]);
		unblock(out[i]);
	}
	*to = in[1];
	*from = out[0];
	return owner_new(in[0], out[1], 0);
}

static unsigned char
pattern(size_t i)
{
	return (unsigned char)(i * 7 + (i >> 8) * 13 + (i >> 16));
}

void
assert_pattern(const unsigned char *p, size_t from, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] != pattern(from + i))
			fail_msg("byte %zu is wrong", from + i);
}

size_t
fill(int fd, size_t most)
{
	static unsigned char block[BLOCK];
	size_t total, i;
	ssize_t n;

	for (total = 0; total < most; total += (size_t)n) {
		for (i = 0; i < BLOCK; i++)
			block[i] = pattern(total + i);
		n = write(fd, block, most - total < BLOCK ? most - total :
		    BLOCK);
		if (n == -1)
			break;
	}
	return total;
}

size_t
queue(struct owner *o, size_t most)
{
	static unsigned char block[BLOCK];
	size_t total, i;

	for (total = 0; total < most; total += BLOCK) {
		for (i = 0; i < BLOCK; i++)
			block[i] = pattern(total + i);
		if (conn_write(&o->conn, block, BLOCK) == -1) {
			assert_int_equal(errno, ENOBUFS);
			break;
		}
	}
	return total;
}
