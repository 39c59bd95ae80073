#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "net.h"
#include "t/conn_owner.h"
#include "t/check.h"

UNIT(test_reset)
{
	struct linger hard = { 1, 0 };
	int peer;
	struct owner *o = owner_tcp(&peer);

	setsockopt(peer, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	close(peer);
	UNTIL(o->closed);
	assert_int_equal(o->error, ECONNRESET);
	owner_free(o);
}

/* Writing fails, and the peer had said why: it is heard, if it has come as far
 * as our kernel, and however the connection stands. */
static void
last_words(struct owner *o, int peer, int paused, size_t most)
{
	size_t sent;

	conn_pause(&o->conn, 1);
	turn();
	sent = fill(peer, most);
	assert_true(sent > 0);
	close(peer);
	if (!paused)
		conn_pause(&o->conn, 0);
	/* TCP learns of it by the answer to the first. */
	tell(o, "one");
	turn();
	if (!o->conn.closing && !o->closed)
		tell(o, "two");
	if (paused) {
		assert_idle();
		assert_int_equal(o->closed, 0);
		assert_int_equal(o->ngot, 0);
		conn_pause(&o->conn, 0);
	}
	UNTIL(o->closed);
	assert_int_equal(o->ngot, sent);
	assert_pattern(o->got, 0, sent);
	owner_free(o);
}

UNIT(test_last_words)
{
	struct owner *o;
	int peer, paused, size = IN_MAX;

	for (paused = 0; paused < 2; paused++) {
		o = owner_pair(&peer);
		/* More than a turn reads, where so much is allowed. */
		setsockopt(peer, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		last_words(o, peer, paused, IN_MAX);
		o = owner_tcp(&peer);
		last_words(o, peer, paused, 10000);
	}
}

/* A queue that is given up drains, too: who waits for it goes on. */
UNIT(test_given_up)
{
	int peer;
	struct owner *o = owner_pair(&peer);

	say(peer, "last words");
	conn_pause(&o->conn, 1);
	o->unpause_drained = 1;
	queue(o, OUT_MAX);
	turn();
	close(peer);
	UNTIL(o->closed);
	assert_int_equal(o->drained, 1);
	assert_got(o, "last words");
	assert_int_equal(o->error, EPIPE);
	owner_free(o);
	/* Who does not wait for it may stay paused. */
	o = owner_pair(&peer);
	say(peer, "last words");
	conn_pause(&o->conn, 1);
	queue(o, OUT_MAX);
	turn();
	close(peer);
	assert_idle();
	assert_int_equal(o->closed, 0);
	assert_int_equal(conn_queued(&o->conn), 0);
	conn_pause(&o->conn, 0);
	UNTIL(o->closed);
	assert_got(o, "last words");
	assert_int_equal(o->error, EPIPE);
	owner_free(o);
}

/* The descriptor was closed by somebody else: that is an end, too. */
UNIT(test_bad_descriptor)
{
	int peer;
	struct owner *o = owner_pair(&peer);

	close(o->conn.in.fd);
	UNTIL(o->closed);
	assert_int_equal(o->error, EBADF);
	close(peer);
	owner_free(o);
}

/* Dialling. */

UNIT(test_connect)
{
	struct addr a;
	struct owner *o;
	int listening = tcp_listen(&a), fd = net_connect(&a), peer;

	o = owner_new(fd, fd, 1);
	tell(o, "early");
	conn_drain(&o->conn);
	UNTIL(o->closed);
	assert_int_equal(o->connected, 1);
	assert_int_equal(o->error, 0);
	peer = tcp_accept(listening);
	assert_hear(peer, "early");
	assert_hear(peer, "");
	close(peer);
	close(listening);
	owner_free(o);
}

UNIT(test_refused)
{
	struct addr a;
	struct owner *o;
	int deaf = tcp_deaf(&a), fd = net_connect(&a);

	if (fd == -1) { /* at once: the system may do so */
		assert_int_equal(errno, ECONNREFUSED);
	} else {
		o = owner_new(fd, fd, 1);
		tell(o, "nobody");
		UNTIL(o->closed);
		assert_int_equal(o->error, ECONNREFUSED);
		assert_int_equal(o->connected, 0);
		owner_free(o);
	}
	close(deaf);
}

UNIT(test_closed_connecting)
{
	struct addr a;
	struct owner *o;
	int listening = tcp_listen(&a), fd = net_connect(&a);

	o = owner_new(fd, fd, 1);
	tell(o, "never mind");
	conn_close(&o->conn);
	UNTIL(o->closed);
	assert_int_equal(o->error, 0);
	assert_int_equal(o->connected, 0);
	close(listening);
	owner_free(o);
}

/* Closing. */

/* What is queued goes as far as it goes; nothing but closed() is called. */
UNIT(test_close)
{
	int peer;
	struct owner *o = owner_pair(&peer);

	tell(o, "bye");
	conn_close(&o->conn);
	conn_close(&o->conn);
	conn_fail(&o->conn, EIO);
	say(peer, "wait");
	assert_int_equal(o->closed, 0);
	turn();
	assert_int_equal(o->closed, 1);
	assert_int_equal(o->calls, 0);
	assert_int_equal(o->error, 0);
	assert_hear(peer, "bye");
	close(peer);
	owner_free(o);
}

UNIT(test_close_in_input)
{
	int peer, i;
	struct owner *o;

	for (i = 0; i < 2; i++) {
		o = owner_pair(&peer);
		o->manner = i == 0 ? TAKE_CLOSE : TAKE_FAIL;
		fill(peer, IN_MAX);
		turn();
		turn();
		assert_int_equal(o->closed, 1);
		assert_int_equal(o->calls, 1);
		assert_int_equal(o->error, i == 0 ? 0 : EPROTO);
		close(peer);
		owner_free(o);
	}
}

UNIT(test_drain)
{
	static unsigned char block[BLOCK];
	int peer;
	struct owner *o = owner_pair(&peer);
	size_t queued, got = 0;
	ssize_t n;

	/* Nothing to drain. */
	conn_drain(&o->conn);
	turn();
	assert_int_equal(o->closed, 1);
	close(peer);
	owner_free(o);
	/* Much, which waits for its reader, while input goes on. */
	o = owner_pair(&peer);
	queued = queue(o, OUT_MAX);
	turn();
	conn_drain(&o->conn);
	assert_idle();
	say(peer, "still here");
	UNTIL(o->ngot == 10);
	while (got < queued) {
		assert_true(!o->closed || conn_queued(&o->conn) == 0);
		turn();
		if ((n = read(peer, block, sizeof(block))) <= 0)
			continue;
		assert_pattern(block, got, (size_t)n);
		got += (size_t)n;
	}
	UNTIL(o->closed);
	assert_int_equal(o->error, 0);
	close(peer);
	owner_free(o);
}

/* A drain ends with its peer, paused or not. */
UNIT(test_drain_lost)
{
	int peer;
	struct owner *o = owner_pair(&peer);

	queue(o, OUT_MAX);
	conn_pause(&o->conn, 1);
	turn();
	conn_drain(&o->conn);
	turn();
	close(peer);
	UNTIL(o->closed);
	assert_int_equal(o->error, EPIPE);
	owner_free(o);
}

static ssize_t
no_input(void *arg, const unsigned char *p, size_t n)
{
	(void)arg;
	(void)p;
	fail();
	return (ssize_t)n;
}

static void
on_closed_free(void *arg, int error)
{
	struct owner *o = arg;
	int *freed = (int *)o->got;

	assert_int_equal(error, 0);
	++*freed;
	free(o);
}

/* The struct may be freed in closed(). */
UNIT(test_freed)
{
	static const struct conn_ops free_ops = {
		no_input, NULL, NULL, on_closed_free, NULL, NULL
	};
	struct owner *o = calloc(1, sizeof(*o));
	int fd[2], freed = 0;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	unblock(fd[0]);
	assert_non_null(o);
	o->got = (unsigned char *)&freed;
	assert_int_equal(conn_open(&o->conn, loop, fd[0], fd[0], 0, 1, 1,
	    &free_ops, o), 0);
	close(fd[1]);
	UNTIL(freed);
	assert_int_equal(fcntl(fd[0], F_GETFD), -1);
	assert_int_equal(freed, 1);
	assert_int_equal(loop_watched(loop), 1);
}

UNITS(TURNS_TEST(test_reset), TURNS_TEST(test_last_words),
    TURNS_TEST(test_given_up), TURNS_TEST(test_bad_descriptor),
    TURNS_TEST(test_connect), TURNS_TEST(test_refused),
    TURNS_TEST(test_closed_connecting), TURNS_TEST(test_close),
    TURNS_TEST(test_close_in_input), TURNS_TEST(test_drain),
    TURNS_TEST(test_drain_lost), TURNS_TEST(test_freed))
