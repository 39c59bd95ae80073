/*
 * Has exchanges with an epmd, or with what serves in its place, and prints what
 * came of each: a line each, so that two of them compare.
 *
 *	epmdtalk ADDRESS	all that a client on that host may do
 *	epmdtalk -r ADDRESS	what one on another host may not do
 *	epmdtalk -x ADDRESS	with the relaxed command check
 *	epmdtalk -1 ADDRESS	a request from standard input; of the answer,
 *				no more than the port
 *	epmdtalk -i ADDRESS	how long a silent client is kept: a minute
 *
 * What the protocol does not fix is left out: the first creation of a name (the
 * later ones follow from it), descriptors, whether a closed connection was
 * reset. The epmd's port is printed as PORT where it is right.
 */

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"
#include "epmd.h"

#define IDLE_MIN_MS 55000 /* until silent clients are closed */
#define IDLE_MAX_MS 80000
#define MANY	    1000
#define ROUNDS	    10
#define QUIET_MS    150   /* no answer so long: none comes */
#define WAIT_MS	    20000 /* for what has to come */
#define PACE_MS	    3 /* between the parts of a slow request */
#define ANSWER_MAX  (1 << 20)
#define CREATION(s) epmd_alive2(s, &creation)

static struct addr server;
static unsigned char got[ANSWER_MAX]; /* what the last hear() got */
static size_t ngot;
static int count; /* of the lines that were printed: each has its number */

static void
broken(const char *what)
{
	perror(what);
	exit(1);
}

/* Connections. */

static int
dial(void)
{
	int fd = socket(server.u.sa.sa_family, SOCK_STREAM, 0);

	if (fd == -1 || connect(fd, &server.u.sa, server.len) == -1)
		broken("connect");
	return fd;
}

static int
readable(int fd, int ms)
{
	struct pollfd p;

	p.fd = fd;
	p.events = POLLIN;
	return poll(&p, 1, ms) == 1;
}

static void
send_to(int fd, struct slice s)
{
	if (send(fd, s.p, s.len, MSG_NOSIGNAL) == -1 && errno != EPIPE &&
	    errno != ECONNRESET)
		broken("send");
}

/* Read until the end: 1, or until nothing comes: 0. */
static int
hear(int fd, int ms)
{
	ssize_t n;

	ngot = 0;
	while (readable(fd, ms)) {
		n = read(fd, got + ngot, sizeof(got) - ngot);
		if (n <= 0)
			return 1;
		ngot += (size_t)n;
	}
	return 0;
}

/* Close with a reset. */
static void
reset(int fd)
{
	struct linger l = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(fd);
}

/* What is printed. */

static struct slice
answer(void)
{
	return slice_of(got, ngot);
}

/* Descriptors: ", fd = 12" becomes ", fd = #". */
static void
hide_descriptors(void)
{
	static const char mark[] = "fd = ";
	size_t i, to = 0, len = sizeof(mark) - 1;

	for (i = 0; i < ngot;) {
		got[to++] = got[i++];
		if (to < len || memcmp(got + to - len, mark, len) != 0)
			continue;
		got[to++] = '#';
		while (i < ngot && got[i] >= '0' && got[i] <= '9')
			i++;
	}
	ngot = to;
}

static void
print_byte(unsigned c)
{
	if (c >= ' ' && c < 0x7f && c != '\\')
		putchar((int)c);
	else
		printf("\\%02x", c);
}

/* A list begins with the server's own port. */
static size_t
print_port(int type)
{
	uint32_t port;
	struct slice lines;

	if ((type != 'n' && type != 'd') ||
	    epmd_names(answer(), &port, &lines) == -1 ||
	    port != (uint32_t)addr_port(&server))
		return 0;
	printf("PORT");
	return 4;
}

static void
print_answer(const char *what, int type, int ended)
{
	uint32_t creation;
	size_t i;

	printf("%d %s: ", ++count, what);
	if (type == 'd')
		hide_descriptors();
	if (type == 'x' && CREATION(answer()) == 1)
		ngot = 2; /* and a creation */
	if (type == 's' && ngot > 7)
		ngot = 7; /* epmd 25 says STOPPED behind NOEXIST */
	for (i = print_port(type); i < ngot; i++)
		print_byte(got[i]);
	printf(" %s\n", ended ? "closed" : "open");
}

/* Requests. */

static struct slice
request(int type, const void *body, size_t len)
{
	static unsigned char bytes[2 + 65535];

	bytes[0] = (unsigned char)((len + 1) >> 8);
	bytes[1] = (unsigned char)(len + 1);
	bytes[2] = (unsigned char)type;
	memcpy(bytes + 3, body, len);
	return slice_of(bytes, 3 + len);
}

static struct slice
text(int type, const char *body)
{
	return request(type, body, strlen(body));
}

/* namelen and extralen lie by so much; tail is bytes after extra. */
static struct slice
alive(struct slice name, int highest, struct slice extra, int namelie,
    int extralie, size_t tail)
{
	static unsigned char b[8192];
	size_t n = 0, len = name.len + (size_t)namelie;

	b[n++] = 4;
	b[n++] = 210; /* port 1234 */
	b[n++] = EPMD_NORMAL;
	b[n++] = 0;
	b[n++] = 0;
	b[n++] = (unsigned char)highest;
	b[n++] = 0;
	b[n++] = 5;
	b[n++] = (unsigned char)(len >> 8);
	b[n++] = (unsigned char)len;
	if (name.len > 0)
		memcpy(b + n, name.p, name.len);
	n += name.len;
	len = extra.len + (size_t)extralie;
	b[n++] = (unsigned char)(len >> 8);
	b[n++] = (unsigned char)len;
	if (extra.len > 0)
		memcpy(b + n, extra.p, extra.len);
	n += extra.len;
	memset(b + n, 'z', tail);
	return request('x', b, n + tail);
}

/* A registration of a node whose highest version is that. */
static struct slice
node(const char *name, int highest)
{
	return alive(slice_str(name), highest, slice_of(NULL, 0), 0, 0, 0);
}

/* n times unit: up to 8192 bytes. */
static struct slice
repeated(const char *unit, size_t n)
{
	static unsigned char bytes[8192];
	size_t len = strlen(unit), i;

	for (i = 0; i < n; i++)
		memcpy(bytes + i * len, unit, len);
	return slice_of(bytes, n * len);
}

/* Exchanges. */

static void
parts(const char *what, struct slice bytes, size_t size)
{
	int fd = dial(), ended;
	size_t at, n;

	for (at = 0; at < bytes.len; at += n) {
		n = size == 0 || size > bytes.len - at ? bytes.len - at : size;
		send_to(fd, slice_of(bytes.p + at, n));
		if (at + n < bytes.len)
			poll(NULL, 0, PACE_MS);
	}
	ended = hear(fd, QUIET_MS);
	print_answer(what, bytes.len > 2 ? bytes.p[2] : 0, ended);
	close(fd);
}

static void
one(const char *what, struct slice bytes)
{
	parts(what, bytes, 0);
}

/* With surplus bytes at the end. */
static void
surplus(const char *what, struct slice bytes, size_t size)
{
	static unsigned char b[8192];

	memcpy(b, bytes.p, bytes.len);
	memset(b + bytes.len, 'x', 3);
	parts(what, slice_of(b, bytes.len + 3), size);
}

/* Ask for the names until the answer has so many bytes, so that what was closed
 * is known to be gone; without nodes it has 4. */
static void
settle(size_t bytes)
{
	int fd, i;

	for (i = 0; i < WAIT_MS / 10; i++) {
		fd = dial();
		send_to(fd, text('n', ""));
		hear(fd, WAIT_MS);
		close(fd);
		if (ngot == bytes)
			return;
		poll(NULL, 0, 10);
	}
	printf("the names do not settle at %lu bytes\n", (unsigned long)bytes);
}

/* Register, and stay: the descriptor. The creation stays as it was where there
 * is no answer. */
static int
stay(const char *name, int highest, uint32_t *creation)
{
	int fd = dial();

	send_to(fd, node(name, highest));
	ngot = 0;
	while (epmd_alive2(answer(), creation) == 0) {
		ssize_t n;

		if (!readable(fd, WAIT_MS))
			break;
		n = read(fd, got + ngot, sizeof(got) - ngot);
		if (n <= 0)
			break;
		ngot += (size_t)n;
	}
	return fd;
}

/* What is said. */

static void
creations(const char *name, int highest, int then)
{
	uint32_t first = 0, creation = 0;
	int i, fd;

	settle(4);
	printf("%d creations of %s:", ++count, name);
	for (i = 0; i < 5; i++) {
		fd = stay(name, i < 3 ? highest : then, &creation);
		if (i == 0)
			first = creation;
		if (highest < 6)
			printf(" %d", (int)((creation - first + 3) % 3));
		else if (highest == then)
			printf(" %lu", (unsigned long)(creation - first));
		else
			printf(" %d", creation >= 1 && creation <= 3);
		close(fd);
		settle(4);
	}
	putchar('\n');
}

static void
good(void)
{
	one("no names", text('n', ""));
	one("no such node", text('z', "nobody"));
	one("empty dump", text('d', ""));
	one("register", node("one", 6));
	settle(4);
	one("register an old node", node("old", 5));
	settle(4);
	one("unused names", text('d', ""));
}

static void
with_nodes(void)
{
	uint32_t creation;
	int a = stay("alpha", 6, &creation);
	int b = stay("b\xc3\xa5", 5, &creation);

	one("look up", text('z', "alpha"));
	one("look up, UTF-8", text('z', "b\xc3\xa5"));
	one("look up, with a NUL", request('z', "alpha", 6));
	one("look up, with two NULs", request('z', "alpha\0", 7));
	one("look up, NUL inside", request('z', "al\0pha", 6));
	one("names", text('n', ""));
	one("names, with a body", text('n', "body"));
	one("dump", text('d', ""));
	one("a name that is taken", node("alpha", 6));
	one("the same, old", node("alpha", 5));
	one("kill with nodes", text('k', ""));
	one("stop", text('s', "alpha"));
	send_to(a, slice_str("x"));
	printf("%d surplus later: %s\n", ++count,
	    hear(a, WAIT_MS) ? "closed" : "open");
	one("names then", text('n', ""));
	close(a);
	close(b);
	settle(4);
}

static void
bad(void)
{
	struct slice none = slice_of(NULL, 0);

	one("length 0", slice_of("\0\0", 2));
	one("one byte", slice_of("\0", 1));
	one("unknown type", text('?', ""));
	one("type of R3", text('a', "xx"));
	one("look up nothing", text('z', ""));
	one("look up a NUL", request('z', "", 1));
	one("look up what is not UTF-8", text('z', "\xff"));
	one("stop nothing", text('s', ""));
	one("register: too short", request('x', "\1\2M", 3));
	one("register: no name", alive(none, 6, none, 0, 0, 0));
	one("register: no name but extra", alive(none, 6, slice_str("x"), 0,
	    0, 0));
	settle(4);
	one("register: NUL", alive(slice_of("a\0b", 3), 6, none, 0, 0, 0));
	one("register: not UTF-8", node("a\xff", 6));
	one("register: surrogate", node("\xed\xa0\x80", 6));
	one("register: overlong", node("\xc0\xaf", 5));
	one("register: name beyond", alive(slice_str("q"), 6, none, 3, 0, 0));
	one("register: far beyond", alive(slice_str("q"), 6, none, 60000, 0,
	    0));
	one("register: extra beyond", alive(slice_str("q"), 6, none, 0, 1, 0));
	one("register: bytes behind", alive(slice_str("q"), 6, none, 0, 0, 9));
	settle(4);
}

static void
long_ones(void)
{
	static const size_t lengths[] = { 3055, 3056, 3057, 3058, 9000, 65534 };
	struct slice none = slice_of(NULL, 0), s;
	char what[64];
	size_t i;

	one("register 255", alive(repeated("b", 255), 6, none, 0, 0, 0));
	settle(4);
	one("register 256", alive(repeated("b", 256), 6, none, 0, 0, 0));
	one("register 255 of 4 bytes", alive(repeated("\xf0\x9f\x98\x80", 255),
	    6, none, 0, 0, 0));
	settle(4);
	one("register 1021 bytes", alive(repeated("c", 1021), 6, none, 0, 0,
	    0));
	one("extra 1020", alive(slice_str("e"), 6, repeated("x", 1020), 0, 0,
	    0));
	settle(4);
	one("extra 1021", alive(slice_str("e"), 6, repeated("x", 1021), 0, 0,
	    0));
	for (i = 253; i <= 256; i++) {
		s = repeated("b", i);
		snprintf(what, sizeof(what), "look up %lu",
		    (unsigned long)i);
		one(what, request('z', s.p, s.len));
	}
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		static unsigned char body[65535];

		snprintf(what, sizeof(what), "names of %lu bytes",
		    (unsigned long)lengths[i] + 1);
		one(what, request('n', body, lengths[i]));
	}
}

static void
slow(void)
{
	parts("byte by byte", text('z', "nobody"), 1);
	parts("register byte by byte", node("slow", 6), 1);
	settle(4);
	parts("split in the length", text('n', ""), 1);
	parts("split behind the length", text('n', ""), 2);
	parts("register in halves", node("half", 5), 9);
	settle(4);
	surplus("surplus in one go", text('n', ""), 0);
	surplus("register with surplus", node("more", 6), 0);
	surplus("surplus behind a known length", text('z', "nobody"), 2);
	settle(4);
}

/* The client is gone before it is answered. */
static void
resets(void)
{
	int i, fd;

	for (i = 0; i < 50; i++) {
		fd = dial();
		send_to(fd, i % 2 == 0 ? node("brief", 6) : text('n', ""));
		reset(fd);
	}
	reset(dial());
	settle(4);
	one("after resets", text('z', "brief"));
	one("names after resets", text('n', ""));
}

static void
many(void)
{
	static uint32_t creation[MANY], last[MANY];
	static int fds[MANY];
	char name[16];
	int round, i, next;

	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < MANY; i++) {
			snprintf(name, sizeof(name), "n%d", i);
			fds[i] = stay(name, 6, &creation[i]);
		}
		for (i = next = 0; i < MANY; i++) {
			next += creation[i] == last[i] + 1;
			last[i] = creation[i];
		}
		printf("round %d: %d follow, ", round, next);
		one("names of many", text('n', ""));
		for (i = 0; i < MANY; i++)
			close(fds[i]);
		settle(4);
	}
}

static void
not_local(void)
{
	one("register from elsewhere", node("far", 6));
	one("names from elsewhere", text('n', ""));
	one("look up from elsewhere", text('z', "nobody"));
	one("dump from elsewhere", text('d', ""));
	one("kill from elsewhere", text('k', ""));
	one("stop from elsewhere", text('s', "a"));
	one("names after that", text('n', ""));
}

static void
relaxed(void)
{
	uint32_t creation;
	int fd = stay("alpha", 6, &creation);

	one("stop nobody", text('s', "nobody"));
	one("stop nothing", text('s', ""));
	one("stop", text('s', "alpha"));
	printf("%d its node: %s\n", ++count,
	    hear(fd, WAIT_MS) ? "closed" : "open");
	one("names then", text('n', ""));
	close(fd);
	fd = stay("beta", 6, &creation);
	one("kill", text('k', ""));
	close(fd);
}

static long
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (long)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void
print_idle(const char *what, int fd, long began)
{
	int closed = hear(fd, (int)(began + IDLE_MAX_MS - now_ms()));
	long ms = now_ms() - began;

	printf("%d %s: %s\n", ++count, what, !closed ? "open" :
	    ms < IDLE_MIN_MS ? "closed too early" : "closed after a minute");
}

static void
idle(void)
{
	uint32_t creation;
	int silent = dial(), half = dial(), fd = stay("idle", 6, &creation);
	long began = now_ms();

	send_to(half, slice_of("\0", 1));
	print_idle("silent", silent, began);
	print_idle("half a length", half, began);
	printf("%d registered: %s\n", ++count,
	    hear(fd, QUIET_MS) ? "closed" : "open");
	close(fd);
}

static void
from_input(void)
{
	unsigned char bytes[EPMD_BYTES_MAX];
	ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));
	int fd = dial();
	size_t i;

	if (n <= 0)
		broken("read");
	send_to(fd, slice_of(bytes, (size_t)n));
	hear(fd, WAIT_MS);
	for (i = 0; i < ngot && i < 4; i++)
		print_byte(got[i]);
	putchar('\n');
	close(fd);
}

int
main(int argc, char **argv)
{
	const char *why, *address = argv[argc - 1];
	int option = argc == 3 ? argv[1][1] : 0;

	if (argc < 2 || addr_parse(&server, address, strlen(address),
	    EPMD_PORT, &why) == -1)
		return 100;
	if (option == 'r') {
		not_local();
	} else if (option == 'x') {
		relaxed();
	} else if (option == '1') {
		from_input();
	} else if (option == 'i') {
		idle();
	} else {
		good();
		with_nodes();
		bad();
		long_ones();
		slow();
		creations("new", 6, 6);
		creations("old", 5, 5);
		creations("mixed", 6, 5);
		resets();
		many();
		one("kill", text('k', ""));
	}
	return fflush(stdout) == EOF;
}
