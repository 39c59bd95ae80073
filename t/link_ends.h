#ifndef LINK_ENDS_H
#define LINK_ENDS_H

/*
 * The two ends of one connection, without the connection, for tests: what one
 * end queues is carried over to the other by hand, whole, in pieces or changed.
 * Whatever is not so fails the test.
 */

#include "link.h"
#include "t/check.h"

#define KEY "0123456789abcdef0123456789abcdef"

/* What is on one's wire is the other's input. */
struct end {
	struct link_self self;
	struct link link;
	struct buf out, wire;
	unsigned char secret[X25519_SIZE];
};

extern struct end dialler, acceptor;

/* For each test: a broker that dialled and an authority, not started, with the
 * same key, and with messages of at most 1000 bytes. */
int setup(void **state);
int teardown(void **state);
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* Give it the key in place of what it has; NULL: none. */
void end_key(struct end *, const char *key);

/* Begin the handshake: at one end, at a time in ms; at both ends, at 0. shake()
 * goes on until both are up. */
void end_start(struct end *, int sealed, int64_t now);
void start(int sealed);
void shake(int sealed);

/* How many bytes link_input() took: 0 for none, -1 when it failed. The input is
 * in memory of just its size, so that a checker sees a byte too far. */
ssize_t input(struct end *, const void *bytes, size_t n, unsigned *type);

/* The next message of what was opened: 1, or 0 when there is no more. */
int opened(struct end *, unsigned *type, struct slice *value);

/* What is queued is put on the wire, as the link has it written: all of it. */
struct slice flush(struct end *);

/* One message over from one end to the other; all that went before it in pieces
 * is not whole yet. What link_input() took of it. */
ssize_t step(struct end *from, struct end *to);

/* That the input closes the connection, why, and that it is said. */
void refuses(struct end *, const void *bytes, size_t n, int error);

/* A hello such as the dialler's, to be changed by the caller. */
struct msg hello(void);

/* The message as a frame in n bytes at p: its length. */
size_t encode(const struct msg *, unsigned char *p, size_t n);

#endif
