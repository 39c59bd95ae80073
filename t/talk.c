#include "t/talk.h"

#include <sys/socket.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "epmd.h"

#define ANSWERS	    3 /* to others, until it has done what came before */
#define ANSWER_MAX  (8 << 20)
#define CREATION(s) epmd_alive2(s, &creation)

struct addr server;
unsigned char got[ANSWER_MAX];
size_t ngot;
int count;

void
broken(const char *what)
{
	perror(what);
	exit(1);
}

/* Connections. */

/* -1 with errno where nobody listens. */
static int
try_dial(void)
{
	int fd = socket(server.u.sa.sa_family, SOCK_STREAM, 0);

	if (fd == -1)
		broken("socket");
	if (connect(fd, &server.u.sa, server.len) == 0)
		return fd;
	close(fd);
	return -1;
}

int
dial(void)
{
	int fd = try_dial();

	if (fd == -1)
		broken("connect");
	return fd;
}

/* Is there something to be read, or will there be some time? */
static int
readable(int fd, int wait)
{
	struct pollfd p;

	p.fd = fd;
	p.events = POLLIN;
	return poll(&p, 1, wait ? -1 : 0) == 1;
}

void
send_to(int fd, struct slice s)
{
	if (send(fd, s.p, s.len, MSG_NOSIGNAL) == -1 && errno != EPIPE &&
	    errno != ECONNRESET)
		broken("send");
}

/* 0 at the end. */
static int
hear_some(int fd)
{
	ssize_t n = read(fd, got + ngot, sizeof(got) - ngot);

	if (n <= 0)
		return 0;
	ngot += (size_t)n;
	return 1;
}

void
hear(int fd)
{
	ngot = 0;
	while (readable(fd, 1) && hear_some(fd))
		;
}

/* Another client asks for something, and is answered. -1: nobody listens any
 * longer. */
static int
ask_aside(void)
{
	static const unsigned char names[] = { 0, 1, 'n' };
	char bytes[512];
	int fd = try_dial();

	if (fd == -1)
		return -1;
	send_to(fd, slice_of(names, sizeof(names)));
	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
	close(fd);
	return 0;
}

int
hear_all(int fd)
{
	int answers = 0, alive = 1;

	ngot = 0;
	while (answers < ANSWERS) {
		if (readable(fd, !alive)) {
			if (!hear_some(fd))
				return 1;
			answers = 0;
		} else {
			alive = ask_aside() == 0;
			answers += alive;
		}
	}
	return 0;
}

void
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

void
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
	if ((type != 'n' && type != 'd') || ngot < 4 ||
	    get32(got) != (uint32_t)addr_port(&server))
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

struct slice
request(int type, const void *body, size_t len)
{
	static unsigned char bytes[2 + 65535];

	bytes[0] = (unsigned char)((len + 1) >> 8);
	bytes[1] = (unsigned char)(len + 1);
	bytes[2] = (unsigned char)type;
	memcpy(bytes + 3, body, len);
	return slice_of(bytes, 3 + len);
}

struct slice
text(int type, const char *body)
{
	return request(type, body, strlen(body));
}

struct slice
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

struct slice
node(const char *name, int highest)
{
	return alive(slice_str(name), highest, slice_of(NULL, 0), 0, 0, 0);
}

struct slice
repeated(const char *unit, size_t n)
{
	static unsigned char bytes[8192];
	size_t len = strlen(unit), i;

	for (i = 0; i < n; i++)
		memcpy(bytes + i * len, unit, len);
	return slice_of(bytes, n * len);
}

/* Exchanges. */

void
parts(const char *what, struct slice bytes, size_t size)
{
	int fd = dial(), ended;
	size_t at, n;

	for (at = 0; at < bytes.len; at += n) {
		n = size == 0 || size > bytes.len - at ? bytes.len - at : size;
		send_to(fd, slice_of(bytes.p + at, n));
		/* It has read this part by then. */
		if (at + n < bytes.len)
			ask_aside();
	}
	ended = hear_all(fd);
	print_answer(what, bytes.len > 2 ? bytes.p[2] : 0, ended);
	close(fd);
}

void
one(const char *what, struct slice bytes)
{
	parts(what, bytes, 0);
}

void
surplus(const char *what, struct slice bytes, size_t size)
{
	static unsigned char b[8192];

	memcpy(b, bytes.p, bytes.len);
	memset(b + bytes.len, 'x', 3);
	parts(what, slice_of(b, bytes.len + 3), size);
}

void
settle(size_t bytes)
{
	int fd;

	do {
		fd = dial();
		send_to(fd, text('n', ""));
		hear(fd);
		close(fd);
	} while (ngot != bytes);
}

int
stay(const char *name, int highest, uint32_t *creation)
{
	int fd = dial();

	send_to(fd, node(name, highest));
	ngot = 0;
	while (epmd_alive2(answer(), creation) == 0 && hear_some(fd))
		;
	return fd;
}
