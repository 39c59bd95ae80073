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
 *	epmdtalk -c ADDRESS	more clients than lambda-discovery has room for,
 *				which is CROWD_ROOM of them
 *	epmdtalk -u ADDRESS	lists that nobody reads, more than it keeps
 *
 * What the protocol does not fix is left out: the first creation of a name (the
 * later ones follow from it), descriptors, whether a closed connection was
 * reset. The epmd's port is printed as PORT where it is right.
 */

#include <sys/socket.h>

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "epmd.h"
#include "t/talk.h"

#define IDLE_MS	    60000 /* until silent clients are closed */
#define SKEW_MS	    5000  /* of epmd's clock, which goes by seconds */
#define MANY	    1000
#define ROUNDS	    10
#define CROWD	    200
#define CROWD_ROOM  64 /* places of a process of 100 descriptors */
#define CROWD_KEPT  16 /* of them are not for nodes, nor for the silent */
#define LISTED	    4000 /* nodes: a list is more than the system holds */
#define UNREAD_MAX  64

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

/* What has had its answer says more. */
static void
further(const char *what, int fd)
{
	send_to(fd, slice_str("x"));
	printf("%d %s: %s\n", ++count, what, hear_all(fd) ? "closed" : "open");
	close(fd);
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
	further("surplus after a refusal", stay("alpha", 6, &creation));
	one("kill with nodes", text('k', ""));
	one("stop", text('s', "alpha"));
	further("surplus later", a);
	one("names then", text('n', ""));
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
	hear(fd);
	printf("%d its node: closed\n", ++count);
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
	hear(fd);
	printf("%d %s: closed %s\n", ++count, what,
	    now_ms() - began < IDLE_MS - SKEW_MS ? "too early" :
	    "after a minute");
}

static void
idle(void)
{
	long began = now_ms();
	int silent = dial(), half = dial(), fd;
	uint32_t creation;

	send_to(half, slice_of("\0", 1));
	fd = stay("idle", 6, &creation);
	print_idle("silent", silent, began);
	print_idle("half a length", half, began);
	printf("%d registered: %s\n", ++count,
	    hear_all(fd) ? "closed" : "open");
	close(fd);
}

/* n at once: how many are answered. */
static int
lookups(int n)
{
	int fds[CROWD], i, answered = 0;

	for (i = 0; i < n; i++)
		send_to(fds[i] = dial(), text('z', "nobody"));
	for (i = 0; i < n; i++) {
		hear(fds[i]);
		answered += ngot == 2;
		close(fds[i]);
	}
	return answered;
}

/* Who says nothing makes room for who asks, and nodes leave some. */
static void
crowd(void)
{
	int fds[CROWD_ROOM], i, nodes = 0;
	uint32_t creation;
	char name[16];

	for (i = 0; i < CROWD_ROOM - CROWD_KEPT; i++)
		fds[i] = dial();
	printf("%d of %d answered beside the silent\n", lookups(CROWD), CROWD);
	for (; i < CROWD_ROOM; i++)
		fds[i] = dial();
	printf("%d of 1 answered in the place of one\n", lookups(1));
	for (i = 0; i < CROWD_KEPT && recv(fds[i], name, 1, 0) == 0; i++)
		;
	printf("%d silent ones closed, the last is %s\n", i,
	    recv(fds[CROWD_ROOM - 1], name, 1, MSG_DONTWAIT) == 0 ?
	    "too" : "not");
	for (i = 0; i < CROWD_ROOM; i++)
		close(fds[i]);
	settle(4);
	do {
		snprintf(name, sizeof(name), "n%d", nodes);
		creation = 0;
		stay(name, 6, &creation);
		nodes += creation != 0;
	} while (creation != 0);
	printf("%d nodes\n", nodes);
	printf("%d of %d answered beside nodes\n", lookups(CROWD), CROWD);
}

/* The connection of a client that asks for the names, and does not read. */
static int
slow_reader(void)
{
	int fd = dial(), size = 4096;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	send_to(fd, text('n', ""));
	return fd;
}

/* A list is closed without a byte where all would be too many, until there is
 * room again. */
static void
unread(void)
{
	char name[EPMD_NAME_MAX + 1], byte;
	uint32_t creation;
	int fds[UNREAD_MAX], i, n = 0;

	for (i = 0; i < LISTED; i++) {
		snprintf(name, sizeof(name), "%04d%.*s", i, 4 * 251,
		    (const char *)repeated("\xf0\x9f\x98\x80", 251).p);
		stay(name, 6, &creation);
	}
	while (n < UNREAD_MAX &&
	    recv(fds[n] = slow_reader(), &byte, 1, MSG_PEEK) > 0)
		n++;
	printf("%d lists wait\n", n);
	close(fds[0]);
	do {
		send_to(n = dial(), text('n', ""));
		hear(n);
		close(n);
	} while (ngot == 0);
	printf("one is gone, another gets %lu bytes\n", (unsigned long)ngot);
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
	hear(fd);
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
	} else if (option == 'c') {
		crowd();
	} else if (option == 'u') {
		unread();
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
