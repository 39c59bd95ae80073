#ifndef CONN_OWNER_H
#define CONN_OWNER_H

/*
 * An owner of a connection that notes what it is told, for tests of conn.c,
 * and ways to talk to it.
 */

#include "addr.h"
#include "conn.h"
#include "t/loop_turns.h"

#define IN_MAX	(1024 * 1024)	  /* bytes of each owner's queues */
#define OUT_MAX (4 * 1024 * 1024)
#define BLOCK	(64 * 1024)

/* How an owner takes its input. */
enum manner {
	TAKE_ALL,
	TAKE_NONE,
	TAKE_THREES,	/* whole groups of three bytes */
	TAKE_ONE_PAUSE, /* one byte, then no more until told to go on */
	TAKE_CLOSE,	/* close at once */
	TAKE_FAIL	/* fail with EPROTO at once */
};

struct owner {
	struct conn conn;
	enum manner manner;
	unsigned char *got; /* IN_MAX bytes */
	size_t ngot, calls, connected, drained, closed;
	int error;
	struct owner *unpauses; /* at each input, this other one */
	int unpause_drained;	/* this one, when drained */
};

struct owner *owner_new(int in, int out, int connecting);
void owner_free(struct owner *);

/* On one end of a Unix pair, or of a TCP connection; *peer is the other end. */
struct owner *owner_pair(int *peer);
struct owner *owner_tcp(int *peer);

/* One that reads one pipe and writes another. */
struct owner *owner_pipes(int *to, int *from);

/* A socket that listens, and one that has an address of its own where nobody
 * listens. */
int tcp_listen(struct addr *bound);
int tcp_deaf(struct addr *bound);
/* Who came, or comes yet. */
int tcp_accept(int listening);
void unblock(int fd);

/* Write to the descriptor; queue for writing. */
void say(int fd, const char *text);
void tell(struct owner *, const char *text);

/* What the owner has taken in all; what the descriptor has to say, which is
 * waited for. */
void assert_got(const struct owner *, const char *text);
void assert_hear(int fd, const char *text);

/*
 * Bytes that tell their place: write to the descriptor as much as goes, from
 * the first; queue whole blocks, as many as go; what came is so, from there.
 */
size_t fill(int fd, size_t most);
size_t queue(struct owner *, size_t most);
void assert_pattern(const unsigned char *, size_t from, size_t n);

#endif
