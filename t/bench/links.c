/*
 * Holds links to a process of the tier, or orders at a broker, so that its
 * memory can be looked at meanwhile.
 *
 *	links ROLE COUNT ADDRESS
 *		COUNT links, each of an instance of its own
 *	links orders COUNT ADDRESS
 *		COUNT buy orders of one module over one link, to a broker
 *
 * Prints "ready" when all stand, and ends with its standard input.
 */

#include <sys/resource.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "link.h"
#include "net.h"
#include "env.h"
#include "t/bench/bench.h"

#define CHUNK	4096
#define OUT_MAX (1024 * 1024)
#define PAUSE	1000 /* orders are sent so many at a time */

/* Needed until the link is up; only the connection is held then. */
struct peer {
	struct link_self self;
	struct link link;
	struct buf out, wire;
	int fd;
};

static struct key key;
static struct addr address;

static unsigned
role_of(const char *name)
{
	unsigned i;

	if (strcmp(name, "orders") == 0)
		return ROLE_PLB;
	for (i = 0; i < ROLE_COUNT; i++)
		if (strcmp(role_name(1u << i), name) == 0)
			return 1u << i;
	bench_fail("no such role");
	return 0;
}

static void
flush(struct peer *p)
{
	struct buf *queue = p->link.sealed ? &p->wire : &p->out;
	struct slice s;
	ssize_t n;

	do {
		if (p->link.sealed && link_seal(&p->link, &p->wire) == -1)
			bench_fail("out of memory");
		s = buf_slice(queue);
		if (s.len > 0 && (n = write(p->fd, s.p, s.len)) <= 0)
			bench_fail("the peer does not read");
		buf_consume(queue, s.len > 0 ? (size_t)n : 0);
	} while (s.len > 0);
}

/* Read until the link is up. */
static void
shake(struct peer *p)
{
	static unsigned char in[CHUNK];
	struct slice bytes, value;
	unsigned type;
	size_t have = 0;
	ssize_t n;

	flush(p);
	while (p->link.phase != LINK_UP) {
		if ((n = read(p->fd, in + have, sizeof(in) - have)) <= 0)
			bench_fail("the peer has closed");
		have += (size_t)n;
		bytes = slice_of(in, have);
		if (link_input(&p->link, 0, &bytes, &type, &value) == -1)
			bench_fail(p->link.why);
		if (p->link.phase == LINK_UP && bytes.len > 0)
			bench_fail("it says more than a hello");
	}
	flush(p);
}

static void
connect_peer(struct peer *p, unsigned role)
{
	unsigned char secret[X25519_SIZE];

	memset(p, 0, sizeof(*p));
	p->self.role = role;
	noise_psk(p->self.keys[0].psk, key.files[0].bytes,
	    key.files[0].len);
	p->self.nkeys = 1;
	p->self.message_max = MSG_MAX;
	env_random(&p->self.instance, sizeof(p->self.instance));
	env_random(secret, sizeof(secret));
	buf_init(&p->out, OUT_MAX);
	buf_init(&p->wire, 2 * LINK_SEAL_MAX);
	if ((p->fd = net_connect(&address)) == -1 ||
	    fcntl(p->fd, F_SETFL, 0) == -1)
		bench_fail("unable to connect");
	if (link_init(&p->link, &p->self, 1, !addr_is_unix(&address), secret,
		&p->out, 0) == -1)
		bench_fail("out of memory");
	shake(p);
}

static void
order(struct peer *p, size_t number)
{
	unsigned char frame[256];
	struct tlv_writer w;
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_BUY;
	m.u.buy.order = number;
	m.u.buy.module = slice_str("bench");
	m.u.buy.missing = 1;
	tlv_writer_init(&w, frame, sizeof(frame));
	if (msg_encode(&m, &w) == -1 ||
	    buf_append(&p->out, frame, (size_t)(w.p - frame)) == -1)
		bench_fail("an order does not fit");
}

static void
send_orders(size_t n)
{
	struct peer p;
	size_t i;

	connect_peer(&p, ROLE_PLB);
	for (i = 1; i <= n; i++) {
		order(&p, i);
		if (i % PAUSE == 0 || i == n)
			flush(&p);
	}
}

int
main(int argc, char **argv)
{
	struct rlimit r;
	struct peer p;
	size_t i, n;
	char c;

	if (argc != 4)
		bench_fail("links ROLE|orders COUNT ADDRESS");
	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
	if (addr_parse(&address, argv[3], strlen(argv[3]), 0, NULL) == -1)
		bench_fail("no address");
	env_key(&key, NULL);
	n = bench_number(argv[2]);
	if (strcmp(argv[1], "orders") == 0)
		send_orders(n);
	for (i = 0; i < n && strcmp(argv[1], "orders") != 0; i++)
		connect_peer(&p, role_of(argv[1]));
	printf("ready\n");
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) == 1)
		;
	return 0;
}
