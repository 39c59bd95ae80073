/*
 * How fast an EPMD answers lookups with so many nodes registered:
 *
 *	discovery.bench PORT NODES LOOKUPS
 *
 * Each lookup is a connection of its own, as erl makes it, from the dial to its
 * end; AT_ONCE are under way. Prints lookups a second, and their latency. Exits
 * with 2 where the EPMD does not take so many nodes.
 */

#include <sys/socket.h>

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "epmd.h"

#define AT_ONCE 8
#define WAIT_MS 10000
#define SETTLE_MS 500 /* nodes that have just come keep any epmd busy */

struct lookup {
	double began;
	unsigned char reply[512];
	size_t len;
};

static struct sockaddr_in server;
static struct pollfd fds[AT_ONCE];
static struct lookup lookups[AT_ONCE];
static struct bench_times times;
static size_t nodes, next_node;

static int
dial(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd == -1 || connect(fd, (struct sockaddr *)&server,
	    sizeof(server)) == -1)
		bench_fail("connect");
	return fd;
}

static struct slice
name_of(size_t i, char name[32])
{
	snprintf(name, 32, "node%lu", (unsigned long)i);
	return slice_str(name);
}

static void
send_all(int fd, struct buf *b)
{
	struct slice s = buf_slice(b);

	if (send(fd, s.p, s.len, MSG_NOSIGNAL) != (ssize_t)s.len)
		bench_fail("send");
	buf_consume(b, s.len);
}

/* The connection stays open until the end. */
static void
register_node(size_t i)
{
	unsigned char reply[16];
	struct epmd_node n;
	struct pollfd p;
	struct buf b;
	char name[32];
	uint32_t creation;
	ssize_t len;

	buf_init(&b, EPMD_BYTES_MAX);
	memset(&n, 0, sizeof(n));
	n.name = name_of(i, name);
	n.port = (uint16_t)(1 + i);
	n.type = EPMD_NORMAL;
	epmd_ask_alive2(&b, &n);
	p.fd = dial();
	p.events = POLLIN;
	send_all(p.fd, &b);
	len = poll(&p, 1, WAIT_MS) == 1 ?
	    read(p.fd, reply, sizeof(reply)) : -1;
	if (len <= 0 || epmd_alive2(slice_of(reply, (size_t)len),
	    &creation) != 1)
		exit(2);
	buf_free(&b);
}

static void
begin(int slot)
{
	struct buf b;
	char name[32];

	buf_init(&b, EPMD_BYTES_MAX);
	next_node = (next_node + 7919) % nodes;
	epmd_ask_port_please2(&b, name_of(next_node, name));
	lookups[slot].began = bench_seconds();
	lookups[slot].len = 0;
	fds[slot].fd = dial();
	fds[slot].events = POLLIN;
	send_all(fds[slot].fd, &b);
	buf_free(&b);
}

/* 1 when it has ended. */
static int
hear(int slot)
{
	struct lookup *l = &lookups[slot];
	struct epmd_node n;
	ssize_t len = read(fds[slot].fd, l->reply + l->len,
	    sizeof(l->reply) - l->len);

	if (len > 0) {
		l->len += (size_t)len;
		return 0;
	}
	if (len < 0 || epmd_port2(slice_of(l->reply, l->len), &n) != 1)
		bench_fail("lookup");
	close(fds[slot].fd);
	bench_times_add(&times, bench_seconds() - l->began);
	return 1;
}

int
main(int argc, char **argv)
{
	size_t count, done = 0, begun, i;
	double start;
	int slot;

	if (argc != 4)
		return 100;
	memset(&server, 0, sizeof(server));
	server.sin_family = AF_INET;
	server.sin_port = htons((uint16_t)bench_number(argv[1]));
	server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	nodes = bench_number(argv[2]);
	count = bench_number(argv[3]);
	bench_times_init(&times, count);
	for (i = 0; i < nodes; i++)
		register_node(i);
	poll(NULL, 0, SETTLE_MS);
	start = bench_seconds();
	for (begun = 0; begun < AT_ONCE; begun++)
		begin((int)begun);
	while (done < count) {
		if (poll(fds, AT_ONCE, WAIT_MS) <= 0)
			bench_fail("no answer");
		for (slot = 0; slot < AT_ONCE && done < count; slot++)
			if (fds[slot].revents != 0 && hear(slot)) {
				done++;
				begin(slot);
			}
	}
	bench_print("lookups", (double)count / (bench_seconds() - start));
	bench_times_print(&times, "lookup");
	return 0;
}
