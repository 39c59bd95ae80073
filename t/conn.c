#define _XOPEN_SOURCE 700 /* posix_openpt() */

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "t/conn_owner.h"
#include "t/check.h"

UNIT(test_both_ways)
{
	int peer;
	struct owner *o = owner_pair(&peer);

	assert_idle();
	say(peer, "hello");
	tell(o, "wor");
	tell(o, "ld");
	assert_int_equal(conn_queued(&o->conn), 5);
	UNTIL(o->ngot == 5);
	assert_got(o, "hello");
	assert_int_equal(o->calls, 1);
	assert_hear(peer, "world");
	assert_int_equal(conn_queued(&o->conn), 0);
	assert_idle();
	close(peer);
	UNTIL(o->closed);
	assert_int_equal(o->error, 0);
	turn();
	assert_int_equal(o->closed, 1);
	owner_free(o);
}

/* What is not taken is shown again, with what follows. */
UNIT(test_kept)
{
	int peer;
	struct owner *o = owner_pair(&peer);

	o->manner = TAKE_THREES;
	say(peer, "ab");
	UNTIL(o->calls == 1);
	assert_int_equal(o->ngot, 0);
	say(peer, "cdefg");
	UNTIL(o->calls == 2);
	assert_got(o, "abcdef");
	say(peer, "h");
	UNTIL(o->calls == 3);
	say(peer, "i");
	UNTIL(o->calls == 4);
	assert_got(o, "abcdefghi");
	close(peer);
	UNTIL(o->closed);
	owner_free(o);
}

UNIT(test_too_much_kept)
{
	int peer;
	struct owner *o = owner_pair(&peer);
	size_t sent = 0;

	o->manner = TAKE_NONE;
	while (!o->closed) {
		sent += fill(peer, BLOCK);
		turn();
	}
	assert_int_equal(o->error, EMSGSIZE);
	assert_true(sent > IN_MAX);
	close(peer);
	owner_free(o);
}

/* So it is where what is kept and what is read are both short of the bound. */
UNIT(test_too_much_together)
{
	int peer;
	struct owner *o = owner_pair(&peer);

	o->manner = TAKE_NONE;
	o->conn.inq.max = BLOCK + 100;
	assert_int_equal(fill(peer, 2000), 2000);
	UNTIL(o->calls == 1);
	assert_int_equal(fill(peer, BLOCK), BLOCK);
	UNTIL(o->closed);
	assert_int_equal(o->error, EMSGSIZE);
	close(peer);
	owner_free(o);
}

/* The last bytes come before the end of file, though poll() says both. */
UNIT(test_last_bytes)
{
	int peer;
	struct owner *o = owner_pair(&peer);

	say(peer, "last words");
	close(peer);
	UNTIL(o->closed);
	assert_got(o, "last words");
	assert_int_equal(o->error, 0);
	owner_free(o);
}

/* Who shuts down one direction is answered with what is queued, and closed. */
UNIT(test_half_close)
{
	int peer;
	struct owner *o = owner_tcp(&peer);

	say(peer, "question");
	shutdown(peer, SHUT_WR);
	tell(o, "answer");
	UNTIL(o->closed);
	assert_got(o, "question");
	assert_int_equal(o->error, 0);
	assert_hear(peer, "answer");
	assert_hear(peer, "");
	close(peer);
	owner_free(o);
}

/* A peer that reads slowly: the queue fills up to its bound, nothing is lost,
 * and the owner learns when there is room again. */
UNIT(test_slow_reader)
{
	static unsigned char block[5000];
	int peer;
	struct owner *o = owner_pair(&peer);
	size_t queued, got = 0;
	ssize_t n;

	queued = queue(o, 2 * OUT_MAX);
	assert_int_equal(queued, OUT_MAX);
	turn();
	assert_true(conn_queued(&o->conn) < OUT_MAX);
	assert_idle(); /* blocked */
	while (got < queued) {
		assert_int_equal(o->drained,
		    conn_queued(&o->conn) < CONN_DRAINED);
		turn();
		if ((n = read(peer, block, sizeof(block))) <= 0)
			continue;
		assert_pattern(block, got, (size_t)n);
		got += (size_t)n;
	}
	turn();
	assert_int_equal(o->drained, 1);
	assert_int_equal(conn_queued(&o->conn), 0);
	close(peer);
	UNTIL(o->closed);
	assert_int_equal(o->error, 0);
	owner_free(o);
}

/* While it is blocked one way it reads the other. */
UNIT(test_reads_while_blocked)
{
	int peer;
	struct owner *o = owner_pair(&peer);

	queue(o, OUT_MAX);
	turn();
	say(peer, "I do not listen");
	UNTIL(o->ngot == 15);
	close(peer);
	UNTIL(o->closed);
	assert_true(o->error == EPIPE || o->error == ECONNRESET);
	owner_free(o);
}

/* One turn reads no more than the bound, and others have their share of it. */
UNIT(test_fair)
{
	int peer, small_peer;
	struct owner *big = owner_tcp(&peer), *small = owner_pair(&small_peer);
	size_t sent;

	conn_pause(&big->conn, 1);
	turn();
	sent = fill(peer, IN_MAX);
	assert_true(sent > CONN_READ_MAX);
	say(small_peer, "me too");
	conn_pause(&big->conn, 0);
	while (big->ngot == 0)
		turn();
	assert_true(big->ngot <= CONN_READ_MAX);
	assert_got(small, "me too");
	UNTIL(big->ngot == sent);
	assert_pattern(big->got, 0, sent);
	close(peer);
	close(small_peer);
	UNTIL(big->closed && small->closed);
	owner_free(big);
	owner_free(small);
}

UNIT(test_pause)
{
	int peer;
	struct owner *o = owner_pair(&peer);

	o->manner = TAKE_ONE_PAUSE;
	say(peer, "abcd");
	UNTIL(o->calls == 1);
	say(peer, "ef");
	assert_idle();
	assert_int_equal(o->calls, 1);
	/* Nothing new came, and yet the rest is shown. */
	conn_pause(&o->conn, 0);
	conn_pause(&o->conn, 0);
	UNTIL(o->calls == 2);
	assert_got(o, "ab");
	/* It ends while paused: that is heard behind the last byte. */
	close(peer);
	assert_idle();
	assert_int_equal(o->closed, 0);
	o->manner = TAKE_ALL;
	conn_pause(&o->conn, 0);
	UNTIL(o->closed);
	assert_got(o, "abcdef");
	assert_int_equal(o->error, 0);
	owner_free(o);
}

/* Paused and gone on with before anything was read: no more than a no-op. */
UNIT(test_pause_at_once)
{
	int peer;
	struct owner *o = owner_pair(&peer);

	say(peer, "x");
	conn_pause(&o->conn, 1);
	conn_pause(&o->conn, 0);
	UNTIL(o->ngot == 1);
	assert_int_equal(o->calls, 1);
	close(peer);
	UNTIL(o->closed);
	owner_free(o);
}

/* One is gone on with by another's input, in the turn in which its own end is
 * found: what was kept is not lost. */
UNIT(test_unpaused_by_other)
{
	int peer[2], i;
	struct owner *o = owner_pair(&peer[0]), *other[2];

	other[0] = owner_pair(&i);
	other[1] = owner_pair(&peer[1]);
	o->manner = TAKE_ONE_PAUSE;
	say(peer[0], "kept");
	UNTIL(o->calls == 1);
	o->manner = TAKE_ALL;
	queue(o, OUT_MAX); /* so that it is watched, though paused */
	turn();
	other[0]->unpauses = other[1]->unpauses = o;
	say(i, "1");
	say(peer[1], "2");
	close(peer[0]);
	UNTIL(o->closed);
	assert_got(o, "kept");
	close(i);
	close(peer[1]);
	UNTIL(other[0]->closed && other[1]->closed);
	owner_free(o);
	owner_free(other[0]);
	owner_free(other[1]);
}

/* Whoever is spoken to will answer: the loop looks at it every turn. */
UNIT(test_warm)
{
	enum { MANY = 100 };
	struct owner *o[MANY];
	int peer[MANY], i;

	for (i = 0; i < MANY; i++)
		o[i] = owner_pair(&peer[i]);
	UNTIL(o[7]->conn.in.slot > loop_hot(loop));
	tell(o[7], "how are you");
	turn();
	assert_true(o[7]->conn.in.slot <= loop_hot(loop));
	for (i = 0; i < MANY; i++) {
		close(peer[i]);
		owner_free(o[i]);
	}
}

/* Two descriptors. */

UNIT(test_pipes)
{
	int to, from;
	struct owner *o = owner_pipes(&to, &from);

	assert_idle();
	say(to, "in");
	tell(o, "out");
	UNTIL(o->ngot == 2);
	assert_got(o, "in");
	assert_hear(from, "out");
	say(to, "put");
	close(to);
	UNTIL(o->closed);
	assert_got(o, "input");
	assert_int_equal(o->error, 0);
	assert_hear(from, "");
	close(from);
	owner_free(o);
}

/* Each write is given all that is queued, which valgrind goes over byte
 * by byte: the reader is slow, but not so slow that there are a
 * thousand of them. */
UNIT(test_pipe_slow)
{
	static unsigned char block[50000];
	int to, from;
	struct owner *o = owner_pipes(&to, &from);
	size_t queued = queue(o, OUT_MAX), got = 0;
	ssize_t n;

	turn();
	assert_idle();
	say(to, "meanwhile");
	while (got < queued) {
		turn();
		if ((n = read(from, block, sizeof(block))) <= 0)
			continue;
		assert_pattern(block, got, (size_t)n);
		got += (size_t)n;
	}
	assert_got(o, "meanwhile");
	assert_int_equal(o->drained, 1);
	close(to);
	close(from);
	UNTIL(o->closed);
	owner_free(o);
}

/* The reader has gone, and nothing is there to be written: it is noticed, with
 * last words and without. */
UNIT(test_pipe_unread)
{
	int to, from, i, paused;
	struct owner *o;

	for (i = 0; i < 4; i++) {
		paused = i % 2;
		o = owner_pipes(&to, &from);
		if (paused)
			conn_pause(&o->conn, 1);
		turn();
		say(to, i < 2 ? "why" : "");
		close(from);
		if (paused) {
			assert_idle();
			assert_int_equal(o->closed, 0);
			conn_pause(&o->conn, 0);
		}
		UNTIL(o->closed);
		assert_got(o, i < 2 ? "why" : "");
		assert_int_equal(o->error, EPIPE);
		close(to);
		owner_free(o);
	}
}

/* As inetd passes it: one socket under two numbers. */
UNIT(test_twice)
{
	int fd[2], copy;
	struct owner *o;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	unblock(fd[0]);
	assert_int_not_equal(copy = dup(fd[0]), -1);
	o = owner_new(fd[0], copy, 0);
	say(fd[1], "in");
	tell(o, "out");
	UNTIL(o->ngot == 2);
	assert_hear(fd[1], "out");
	assert_idle();
	say(fd[1], ", the end");
	close(fd[1]);
	UNTIL(o->closed);
	assert_got(o, "in, the end");
	assert_int_equal(o->error, 0);
	owner_free(o);
}

/* A regular file to read, another to write. */
UNIT(test_files)
{
	char in_name[] = "/tmp/lambda-conn.XXXXXX";
	char out_name[] = "/tmp/lambda-conn.XXXXXX";
	int in = mkstemp(in_name), out = mkstemp(out_name), check;
	struct owner *o;

	assert_true(in != -1 && out != -1);
	unlink(in_name);
	check = open(out_name, O_RDONLY);
	assert_int_not_equal(check, -1);
	unlink(out_name);
	assert_int_equal(fill(in, 700000), 700000);
	assert_int_equal(lseek(in, 0, SEEK_SET), 0);
	o = owner_new(in, out, 0);
	tell(o, "a copy of nothing");
	turn();
	assert_int_equal(o->ngot, CONN_READ_MAX);
	UNTIL(o->closed);
	assert_int_equal(o->error, 0);
	assert_int_equal(o->ngot, 700000);
	assert_pattern(o->got, 0, o->ngot);
	assert_hear(check, "a copy of nothing");
	close(check);
	owner_free(o);
}

/* A terminal: lines, and ^D is the end. */
UNIT(test_terminal)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	struct owner *o;

	if (master == -1 || grantpt(master) == -1 || unlockpt(master) == -1 ||
	    (slave = open(ptsname(master), O_RDWR | O_NOCTTY)) == -1) {
		print_message("no pseudo-terminal to be had\n");
		skip();
		return;
	}
	unblock(slave);
	o = owner_new(slave, slave, 0);
	tell(o, "> ");
	say(master, "line\n");
	UNTIL(o->ngot == 5);
	assert_got(o, "line\n");
	assert_idle();
	say(master, "\004");
	UNTIL(o->closed);
	assert_int_equal(o->error, 0);
	close(master);
	owner_free(o);
}

UNITS(TURNS_TEST(test_both_ways), TURNS_TEST(test_kept),
    TURNS_TEST(test_too_much_kept), TURNS_TEST(test_too_much_together),
    TURNS_TEST(test_last_bytes), TURNS_TEST(test_half_close),
    TURNS_TEST(test_slow_reader), TURNS_TEST(test_reads_while_blocked),
    TURNS_TEST(test_fair), TURNS_TEST(test_pause),
    TURNS_TEST(test_pause_at_once), TURNS_TEST(test_unpaused_by_other),
    TURNS_TEST(test_warm), TURNS_TEST(test_pipes), TURNS_TEST(test_pipe_slow),
    TURNS_TEST(test_pipe_unread), TURNS_TEST(test_twice),
    TURNS_TEST(test_files), TURNS_TEST(test_terminal))
