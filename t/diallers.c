/*
 * Many honest diallers, in one process: each has an address of its own in
 * 127.0.0.0/8, an instance of its own, and the key.
 *
 *	t/diallers COUNT ADDRESS [TIMES [SECONDS]]
 *
 * All dial at once, shake hands, and dial again after a failure as peers.h
 * says. When all of them are linked at the same time it prints how many they
 * are, how many connections they made in all, and how long it took from the
 * first of these on. What does not fit in the listen queue is no connection
 * yet. Then it ends; or it waits until all are lost, and does the same as often
 * as it is told to. At the end it may stay for some seconds, in which it does
 * what a link does that is idle, and prints how many of them were lost.
 */

#include <sys/resource.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "env.h"
#include "link.h"
#include "log.h"
#include "net.h"
#include "peers.h"
#include "rng.h"
#include "t/hang.h"

#define COUNT_MAX 19000
#define OUT_MAX	  (64 * 1024)
#define STEP_MS	  10
#define LOOK_MS	  1000 /* at those that are linked */
#define DIALS_MAX 64	  /* between looks at the others */

struct dialler {
	struct link_self self;
	struct link link;
	struct buf out, wire, in;
	struct sockaddr_in own;
	int fd;		 /* -1: it waits to dial */
	int connected, ready, up;
	int64_t at;	 /* it dials */
	unsigned failed; /* so often in a row */
};

static struct dialler *all;
static struct pollfd *polls;
static size_t count, up, lost; /* links; lost since some were to be */
static int64_t began;	       /* when the first of them was dialled */
static unsigned long dials;
static struct addr target;
static struct key key;
static struct rng rng;
static int step_ms = STEP_MS; /* between looks at those that dial */

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* What a host does before it dials, in the time of its own processor. */
static void
prepare(struct dialler *d)
{
	unsigned char secret[X25519_SIZE];

	env_random(secret, sizeof(secret));
	if (link_init(&d->link, &d->self, 1, 1, secret, &d->out, 0) == -1)
		die_errno(EXIT_TEMPORARY, "unable to begin");
	d->ready = 1;
}

/* Full jitter, and a bound that doubles. */
static void
fail(struct dialler *d, int64_t now)
{
	uint64_t bound = PEERS_BACKOFF_MIN_MS;
	unsigned i;

	up -= (size_t)d->up;
	lost += (size_t)d->up;
	if (d->up)
		d->failed = 0;
	d->up = 0;
	for (i = 0; i < d->failed && bound < PEERS_BACKOFF_MAX_MS; i++)
		bound *= 2;
	if (bound > PEERS_BACKOFF_MAX_MS)
		bound = PEERS_BACKOFF_MAX_MS;
	d->failed++;
	d->at = now + (int64_t)rng_below(&rng, bound + 1);
	close(d->fd);
	d->fd = -1;
	if (!d->connected) /* what it has to say was not said */
		return;
	d->ready = 0;
	link_free(&d->link);
	memset(&d->link, 0, sizeof(d->link));
	buf_consume(&d->out, buf_len(&d->out));
	buf_consume(&d->wire, buf_len(&d->wire));
	buf_consume(&d->in, buf_len(&d->in));
}

/* 0, or -1 when the connection is of no use any more. */
static int
write_some(struct dialler *d)
{
	struct slice s;
	ssize_t n;

	do {
		if (link_seal(&d->link, &d->wire) == -1)
			return -1;
		s = buf_slice(&d->wire);
		if (s.len == 0)
			return 0;
		n = send(d->fd, s.p, s.len, MSG_NOSIGNAL);
		if (n > 0)
			buf_consume(&d->wire, (size_t)n);
	} while (n > 0);
	return errno == EAGAIN ? 0 : -1;
}

/* Everything that came is taken, and what it says is of no matter. */
static int
read_some(struct dialler *d, int64_t now)
{
	unsigned char bytes[4096];
	struct slice s, value;
	unsigned type;
	ssize_t n;
	int r;

	while ((n = recv(d->fd, bytes, sizeof(bytes), 0)) > 0) {
		if (buf_append(&d->in, bytes, (size_t)n) == -1)
			return -1;
		s = buf_slice(&d->in);
		while ((r = link_input(&d->link, now, &s, &type, &value)) == 1)
			;
		if (d->link.phase == LINK_UP && !d->up) {
			d->up = 1;
			up++;
		}
		buf_consume(&d->in, buf_len(&d->in) - s.len);
		if (r == -1)
			return -1;
	}
	return n == -1 && errno == EAGAIN ? 0 : -1;
}

static int
step(struct dialler *d, int64_t now, short events)
{
	if (!d->connected && events != 0) {
		if (net_connected(d->fd) == -1)
			return -1;
		d->connected = 1;
		dials++;
		link_connected(&d->link, now);
	}
	if (d->connected && events & POLLIN && read_some(d, now) == -1)
		return -1;
	if (!d->connected)
		return now < d->link.since + LINK_HANDSHAKE_MS ? 0 : -1;
	if (now >= link_deadline(&d->link) && link_tick(&d->link, now) == -1)
		return -1;
	return write_some(d);
}

static void
dial(struct dialler *d, int64_t now)
{
	int r;

	if (!d->ready)
		prepare(d);
	d->connected = 0;
	d->link.since = d->link.heard = d->link.sent = now;
	if ((d->fd = socket(AF_INET, SOCK_STREAM, 0)) == -1 ||
	    fcntl(d->fd, F_SETFL, O_NONBLOCK) == -1 ||
	    bind(d->fd, (struct sockaddr *)&d->own, sizeof(d->own)) == -1)
		die_errno(EXIT_TEMPORARY, "unable to dial");
	r = connect(d->fd, &target.u.sa, target.len);
	if (r == -1 && errno != EINPROGRESS)
		die_errno(EXIT_TEMPORARY, "unable to dial");
	if (r == 0 && step(d, now, POLLOUT) == -1)
		fail(d, now);
}

static void
turn(int64_t now, int look)
{
	struct dialler *d;
	size_t i, n = 0;

	for (i = 0; i < count; i++) {
		d = &all[i];
		if (d->fd == -1 && now >= d->at && n++ < DIALS_MAX)
			dial(d, now);
		polls[i].fd = look || !d->up ? d->fd : -1;
		polls[i].events = d->connected ? POLLIN : POLLOUT;
		polls[i].revents = 0;
	}
	if (poll(polls, count, step_ms) == -1)
		die_errno(EXIT_TEMPORARY, "unable to poll");
	now = now_ms();
	for (i = 0; i < count; i++) {
		d = &all[i];
		if (polls[i].fd != -1 && step(d, now, polls[i].revents) == -1)
			fail(d, now);
	}
}

/* Nothing happens but that they beat. */
static void
stay(int64_t ms)
{
	int64_t until = now_ms() + ms, now;

	puts("idle");
	fflush(stdout);
	lost = 0;
	step_ms = LOOK_MS;
	while ((now = now_ms()) < until)
		turn(now, 1);
	printf("lost %zu\n", lost);
}

static void
init(struct dialler *d, size_t i)
{
	d->self.role = ROLE_BROKER;
	env_random(&d->self.instance, sizeof(d->self.instance));
	link_key(&d->self.keys[0], key.files[0].bytes, key.files[0].len);
	d->self.nkeys = 1;
	d->self.message_max = MSG_MAX;
	buf_init(&d->out, OUT_MAX);
	buf_init(&d->wire, 2 * LINK_SEAL_MAX);
	buf_init(&d->in, 2 * LINK_SEAL_MAX);
	d->own.sin_family = AF_INET;
	d->own.sin_addr.s_addr = htonl(0x7f010000u +
	    (uint32_t)(i / 250 * 256 + i % 250 + 1));
	d->fd = -1;
	prepare(d);
}

/* Until all are linked, or, if they are to be lost, until each was; it is back
 * already, maybe. */
static void
until(int all_lost)
{
	int64_t now, looked = 0;

	if (all_lost)
		dials = lost = 0;
	while (all_lost ? lost < count : up < count) {
		now = now_ms();
		if (dials == 0)
			began = now;
		turn(now, all_lost || now - looked >= LOOK_MS);
		if (now - looked >= LOOK_MS)
			looked = now;
	}
	if (!all_lost)
		printf("diallers %zu\ndials %lu\nms %lld\n", count, dials,
		    (long long)(now_ms() - began));
	fflush(stdout);
}

int
main(int argc, char **argv)
{
	struct rlimit r;
	const char *why = "give COUNT";
	unsigned long times = 1, seconds = 0;
	uint64_t seed;
	size_t i;

	hang_guard();
	die_name(argv[0]);
	if (argc == 5)
		seconds = strtoul(argv[--argc], NULL, 10);
	if (argc == 4)
		times = strtoul(argv[--argc], NULL, 10);
	if (argc != 3 || times < 1 ||
	    (count = strtoul(argv[1], NULL, 10)) < 1 || count > COUNT_MAX ||
	    addr_parse_ip(&target, argv[2], strlen(argv[2]), 0, &why) == -1)
		die_usage("COUNT ADDRESS [TIMES [SECONDS]]");
	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
	env_key(&key, NULL);
	env_random(&seed, sizeof(seed));
	rng_seed(&rng, seed);
	all = calloc(count, sizeof(*all));
	polls = calloc(count, sizeof(*polls));
	if (all == NULL || polls == NULL)
		die_errno(EXIT_TEMPORARY, "unable to begin");
	for (i = 0; i < count; i++)
		init(&all[i], i);
	until(0);
	while (--times > 0) {
		until(1);
		until(0);
	}
	if (seconds > 0)
		stay((int64_t)seconds * 1000);
	return 0;
}
