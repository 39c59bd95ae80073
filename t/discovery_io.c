/* lambda-discovery's clients on real connections, more of them than it has
 * room for. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "discovery_io.h"
#include "log.h"
#include "net.h"
#include "t/loop_turns.h"

#define CLIENTS	 40
#define NODES	 (CLIENTS - DISCOVERY_ROOM) /* as many as register */
#define CROWD	 200
#define LOOKUP	 "\0\2za"
#define NOBODY	 "w\1"
#define LOOKUPS_MS 900 /* less than DISCOVERY_HURRY_MS */

static struct discovery *core;
static struct discovery_io io;
static struct addr where;

static void
open_io(unsigned clients)
{
	struct discovery_config config;
	struct addr any;
	int fd;

	memset(&config, 0, sizeof(config));
	config.seed = 1;
	config.clients = clients;
	config.host = slice_str("here");
	assert_non_null(core = discovery_new(&config));
	discovery_io_init(&io, loop, core, clients);
	addr_parse(&any, "127.0.0.1:0", 11, 0, NULL);
	assert_int_not_equal(fd = net_listen(&any, &where), -1);
	discovery_io_listen(&io, fd);
	log_level = LOG_ERROR;
}

static void
close_io(void)
{
	discovery_io_free(&io);
	discovery_free(core);
}

static void
receive_buffer(int fd, int size)
{
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

/* A client that says this; of a small receive buffer, where it does not read.
 * */
static int
client(struct slice says, int small)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_not_equal(fd, -1);
	if (small)
		receive_buffer(fd, 4096);
	assert_int_equal(connect(fd, &where.u.sa, where.len), 0);
	assert_int_equal(net_adopt(fd), 0);
	if (says.len > 0)
		assert_int_equal(write(fd, says.p, says.len), says.len);
	return fd;
}

static int
lookup(void)
{
	return client(slice_of(LOOKUP, sizeof(LOOKUP) - 1), 0);
}

/* The length of all that came until the end, -1 when it is not there yet, -2
 * when the connection was reset. */
static ssize_t
hear(int fd, size_t *len, char *bytes, size_t size)
{
	ssize_t n;

	while ((n = read(fd, bytes + *len, size - *len)) > 0)
		*len += (size_t)n;
	if (n == 0)
		return (ssize_t)*len;
	return errno == EAGAIN ? -1 : -2;
}

static int
answered(int fd)
{
	static char bytes[64];
	size_t len = 0;
	ssize_t n = hear(fd, &len, bytes, sizeof(bytes));

	if (n == -1)
		return len == 2;
	assert_int_equal(n, 2);
	assert_memory_equal(bytes, NOBODY, 2);
	return 1;
}

static int
is_closed(int fd)
{
	char byte;
	ssize_t n = read(fd, &byte, 1);

	return n == 0 || (n == -1 && errno != EAGAIN);
}

/* Many that ask at once, and some that say nothing: all are answered, in their
 * turn, and none is closed for want of room. */
static void
crowd_is_served(void **state)
{
	int silent[NODES], fd[CROWD], i;

	(void)state;
	open_io(CLIENTS);
	for (i = 0; i < NODES; i++)
		silent[i] = client(slice_of(NULL, 0), 0);
	for (i = 0; i < CROWD; i++)
		fd[i] = lookup();
	turns_for(LOOKUPS_MS);
	for (i = 0; i < CROWD; i++) {
		assert_true(answered(fd[i]));
		close(fd[i]);
	}
	for (i = 0; i < NODES; i++) {
		assert_false(is_closed(silent[i]));
		close(silent[i]);
	}
	close_io();
}

/* With all places taken whoever comes waits, until the silent ones had their
 * time. */
static void
silent_ones_make_room(void **state)
{
	int silent[CLIENTS], fd, i, closed = 0;

	(void)state;
	open_io(CLIENTS);
	for (i = 0; i < CLIENTS; i++)
		silent[i] = client(slice_of(NULL, 0), 0);
	fd = lookup();
	turns_for(100);
	assert_false(is_closed(fd));
	assert_int_equal(discovery_room(core), 0);
	assert_idle();
	UNTIL(answered(fd));
	close(fd);
	turn();
	for (i = 0; i < CLIENTS; i++) {
		closed += is_closed(silent[i]);
		close(silent[i]);
	}
	assert_int_equal(closed, DISCOVERY_ROOM + 1);
	close_io();
}

/* A node that registers, with the core alone. */
static void
register_node(int number, int letters)
{
	unsigned char request[2 + 14 + EPMD_NAME_MAX];
	char name[EPMD_NAME_MAX + 1];
	struct epmd_node n;
	struct buf b;
	struct slice s;

	memset(&n, 0, sizeof(n));
	snprintf(name, sizeof(name), "n%06d", number);
	while (letters-- > 0)
		strcat(name, "\xf0\x9f\x98\x80");
	n.name = slice_str(name);
	buf_init(&b, sizeof(request));
	assert_int_equal(epmd_ask_alive2(&b, &n), 0);
	s = buf_slice(&b);
	discovery_input(core, 0, discovery_open(core, 0, 1), s);
	buf_free(&b);
	discovery_io_deliver(&io);
}

/* As many nodes as there may be leave room to ask where they are. */
static void
nodes_leave_room(void **state)
{
	int fd[CROWD], i;

	(void)state;
	open_io(CLIENTS);
	for (i = 0; i < NODES; i++)
		register_node(i, 0);
	assert_int_equal(discovery_nodes(core), NODES);
	for (i = 0; i < CROWD; i++)
		fd[i] = lookup();
	turns_for(LOOKUPS_MS);
	for (i = 0; i < CROWD; i++) {
		assert_true(answered(fd[i]));
		close(fd[i]);
	}
	close_io();
}

/* 4 MB each: more than the system holds between here and there. */
static void
lists_have_a_budget(void **state)
{
	const int nodes = 4000;
	const size_t size = 8 * 1024 * 1024;
	char *bytes = malloc(size);
	size_t len = 0;
	int fd[4], i;

	(void)state;
	assert_non_null(bytes);
	open_io((unsigned)nodes + 2 * DISCOVERY_ROOM);
	io.answers_max = 10 * 1024 * 1024;
	for (i = 0; i < nodes; i++)
		register_node(i, 248);
	for (i = 0; i < 3; i++) {
		fd[i] = client(slice_of("\0\1n", 3), 1);
		UNTIL(i == 2 || io.answers > (unsigned)i * 4000 * 1000);
	}
	UNTIL(is_closed(fd[2]));
	assert_true(io.answers > 2 * 4000 * 1000);
	assert_true(io.answers <= io.answers_max);
	/* One that reads gets all, and makes room. */
	receive_buffer(fd[0], 1 << 20);
	UNTIL(hear(fd[0], &len, bytes, size) >= 0);
	assert_true(len > 4000 * 1000);
	UNTIL(io.answers < len + 1);
	len = 0;
	fd[3] = client(slice_of("\0\1n", 3), 0);
	UNTIL(hear(fd[3], &len, bytes, size) >= 0);
	assert_true(len > 4000 * 1000);
	close(fd[1]);
	UNTIL(io.answers == 0);
	for (i = 0; i < 4; i++)
		if (i != 1)
			close(fd[i]);
	close_io();
	free(bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TURNS_TEST(crowd_is_served),
		TURNS_TEST(silent_ones_make_room),
		TURNS_TEST(nodes_leave_room),
		TURNS_TEST(lists_have_a_budget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
