/*
 * Somebody between two peers, without the key:
 *
 *	t/relay MODE LISTEN TARGET [FILE [ENOUGH]]
 *
 * It accepts connections at LISTEN, connects to TARGET for each (@FILE: an
 * address that stands there by then), and passes on what comes, message by
 * message of the handshake and record by record. Until there is a file ENOUGH
 * it changes one record of each connection. It draws whose record, the
 * dialler's or the acceptor's, and which one: where several dial in turn, what
 * went by the number of a connection would meet the same of them for ever. It
 * does once what its mode says with that record:
 *
 *	pass		nothing
 *	flip		a bit of it is another
 *	drop		it is left out
 *	reorder		the next one comes before it, if there is one
 *	repeat		it comes twice
 *	insert		one of the relay's own comes before it
 *	truncate	its last byte is left out
 *	short		its length is given as one less
 *
 * `acted' on standard output says that it has, and `closed' that one of the
 * peers has closed the connection since. With FILE all that passes is written
 * to FILE.N.0 (of the dialler) and FILE.N.1, N the number of the connection.
 *
 * Two modes play what was recorded so, and say for each connection `closed' and
 * how many bytes they were sent. `answer' is the acceptor for who dials LISTEN,
 * and `dial' dials TARGET; FILE is one of those files, and the other argument
 * is not used.
 */

#include <sys/socket.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "bytes.h"
#include "env.h"
#include "log.h"
#include "net.h"

/* Message 1 or 2, another record, and then one of these. */
#define RECORD_AT     2
#define RECORD_SPREAD 3

static const char *mode;

/* One direction. */
struct way {
	int from, to, record;
	unsigned char bytes[2 + 65535], held[2 + 65535];
	size_t have, nheld;
	int seen, acts;
};

static struct way ways[2];
static int acted;
static int record_at;

static void
parse(struct addr *a, const char *text)
{
	const char *why;

	if (addr_parse(a, text, strlen(text), 0, &why) == -1)
		die(EXIT_USAGE, "%s: %s", text, why);
}

/* The target, now. */
static void
find(struct addr *a, const char *text)
{
	char line[ADDR_TEXT_MAX] = "";
	FILE *f;

	if (text[0] != '@') {
		parse(a, text);
		return;
	}
	if ((f = fopen(text + 1, "r")) == NULL ||
	    fgets(line, sizeof(line), f) == NULL)
		die_errno(EXIT_TEMPORARY, "unable to read %s", text + 1);
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
	parse(a, line);
}

static void
say(const char *what, size_t n)
{
	char line[64];
	int len = snprintf(line, sizeof(line), "%s %zu\n", what, n);

	if (write(STDOUT_FILENO, line, (size_t)len) != len)
		_exit(111);
}

static void
await(int fd, short events)
{
	struct pollfd p;

	p.fd = fd;
	p.events = events;
	poll(&p, 1, -1);
}

/* Who is gone hears no more. */
static void
put(int fd, const unsigned char *p, size_t n)
{
	ssize_t sent;

	fcntl(fd, F_SETFL, 0);
	for (; n > 0; p += sent, n -= (size_t)sent)
		if ((sent = send(fd, p, n, MSG_NOSIGNAL)) <= 0)
			return;
}

static void
insert(int fd)
{
	unsigned char record[2 + 40];

	env_random(record, sizeof(record));
	put16(record, sizeof(record) - 2);
	put(fd, record, sizeof(record));
}

static void
act(struct way *w, size_t n)
{
	if (strcmp(mode, "flip") == 0)
		w->bytes[n / 2 + 1] ^= 4;
	else if (strcmp(mode, "short") == 0)
		put16(w->bytes, (unsigned)n - 3);
	else if (strcmp(mode, "insert") == 0)
		insert(w->to);
	else if (strcmp(mode, "repeat") == 0)
		put(w->to, w->bytes, n);
	else if (strcmp(mode, "reorder") == 0) {
		memcpy(w->held, w->bytes, n);
		w->nheld = n;
	}
	if (strcmp(mode, "drop") != 0 && w->nheld == 0)
		put(w->to, w->bytes, n - (strcmp(mode, "truncate") == 0));
	acted = 1;
	say("acted", n);
}

/* A whole message or record is here. */
static void
pass(struct way *w, size_t n)
{
	/* A record that is held has another behind it before it is missed: the
	 * one after a connect is a request, and a heartbeat follows. */
	int at = record_at + (strcmp(mode, "reorder") == 0);

	if (w->seen++ == at) {
		act(w, n);
		return;
	}
	put(w->to, w->bytes, n);
	if (w->nheld > 0) {
		put(w->to, w->held, w->nheld);
		w->nheld = 0;
	}
}

/* 0 when there is no more. */
static int
carry(struct way *w)
{
	ssize_t n = recv(w->from, w->bytes + w->have,
	    sizeof(w->bytes) - w->have, 0);
	size_t len;

	if (n <= 0)
		return 0;
	if (w->record != -1 && write(w->record, w->bytes + w->have,
		(size_t)n) != n)
		die_errno(EXIT_TEMPORARY, "unable to record");
	if (!w->acts) {
		put(w->to, w->bytes, (size_t)n);
		return 1;
	}
	w->have += (size_t)n;
	while (w->have >= 2 && (len = 2 + get16(w->bytes)) <= w->have) {
		static unsigned char rest[sizeof(w->bytes)];

		memcpy(rest, w->bytes + len, w->have - len);
		pass(w, len);
		w->have -= len;
		memcpy(w->bytes, rest, w->have);
	}
	return 1;
}

static int
record_to(const char *file, size_t number, int way)
{
	char path[512];
	int fd;

	if (file == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s.%zu.%d", file, number, way);
	if ((fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600)) == -1)
		die_errno(EXIT_TEMPORARY, "unable to write %s", path);
	return fd;
}

/* way: the one that is acted on, or 2. */
static void
relay(int from, int to, int way, const char *file, size_t number)
{
	struct pollfd p[2];
	int i, go = 1;

	await(to, POLLOUT);
	for (i = 0; i < 2; i++) {
		ways[i].from = p[i].fd = i == 0 ? from : to;
		ways[i].to = i == 0 ? to : from;
		ways[i].record = record_to(file, number, i);
		ways[i].acts = i == way;
		p[i].events = POLLIN;
	}
	while (go) {
		poll(p, 2, -1);
		for (i = 0; i < 2; i++)
			if (p[i].revents != 0)
				go &= carry(&ways[i]);
	}
	if (acted)
		say("closed", number);
	_exit(0);
}

/* Draw what is to be acted on in the next connection: 0 and 1 as in ways[], or
 * 2 for nothing. */
static int
next_way(const char *enough)
{
	unsigned char drawn[2];

	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	env_random(drawn, sizeof(drawn));
	record_at = RECORD_AT + drawn[0] % RECORD_SPREAD;
	if (strcmp(mode, "pass") == 0 ||
	    (enough != NULL && access(enough, F_OK) == 0))
		return 2;
	return drawn[1] % 2;
}

/* The file: its first message, and the rest when the other end has said
 * something; and then nothing until that closes. */
static void
play(int fd, const char *file)
{
	static unsigned char bytes[65536];
	int from = open(file, O_RDONLY);
	size_t got = 0;
	ssize_t n;

	if (from == -1)
		die_errno(EXIT_TEMPORARY, "unable to read %s", file);
	if (read(from, bytes, 2) != 2 ||
	    read(from, bytes + 2, get16(bytes)) != (ssize_t)get16(bytes))
		die(EXIT_TEMPORARY, "%s: too short", file);
	put(fd, bytes, 2 + get16(bytes));
	await(fd, POLLIN);
	while ((n = read(from, bytes, sizeof(bytes))) > 0)
		put(fd, bytes, (size_t)n);
	close(from);
	fcntl(fd, F_SETFL, 0);
	while ((n = recv(fd, bytes, sizeof(bytes), 0)) > 0)
		got += (size_t)n;
	say("closed", got);
	close(fd);
}

static void
serve(const char *at, const char *target, const char *file,
    const char *enough)
{
	struct addr a, bound;
	char text[ADDR_TEXT_MAX];
	size_t number;
	int s, fd, way;

	parse(&a, at);
	if ((s = net_listen(&a, &bound)) == -1)
		die_errno(EXIT_TEMPORARY, "unable to listen");
	log_info("listening on %s", addr_print(&bound, text));
	for (number = 0;; number++) {
		await(s, POLLIN);
		way = next_way(enough);
		if ((fd = net_accept(s, &a)) == -1 || fork() > 0) {
			if (fd != -1)
				close(fd);
			continue;
		}
		close(s);
		if (strcmp(mode, "answer") == 0) {
			play(fd, file);
			_exit(0);
		}
		find(&a, target);
		relay(fd, net_connect(&a), way, file, number);
	}
}

int
main(int argc, char **argv)
{
	struct addr target;
	int fd;

	die_name(argv[0]);
	if (argc < 4)
		die_usage("MODE LISTEN TARGET [FILE [ENOUGH]]");
	mode = argv[1];
	if (strcmp(mode, "dial") != 0)
		serve(argv[2], argv[3], argv[4],
		    argc > 5 ? argv[5] : NULL);
	find(&target, argv[3]);
	if ((fd = net_connect(&target)) == -1)
		die_errno(EXIT_TEMPORARY, "unable to connect");
	await(fd, POLLOUT);
	play(fd, argv[4]);
	return 0;
}
