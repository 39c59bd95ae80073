#ifndef LINK_ENDS_H
#define LINK_ENDS_H

/*
 * The two ends of one connection, without the connection, for tests: what one
 * end queues is carried over to the other by hand, whole, in pieces or changed.
 * Whatever is not so fails the test.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "link.h"

#define KEY "0123456789abcdef0123456789abcdef"

/* What one queues is the other's input. */
struct end {
	struct link_self self;
	struct link link;
	struct buf out;
	unsigned char nonce[NONCE_SIZE];
};

extern struct end dialler, acceptor;

/* For each test: a broker that dialled and an authority, not started, with the
 * same key, and with messages of at most 1000 bytes. */
int setup(void **state);
int teardown(void **state);
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* Begin the handshake: at one end, at a time in ms; at both ends, at 0. To
 * prove is to ask for the proof. shake() goes on until both are up. */
void end_start(struct end *, int prove, int64_t now);
void start(int dialler_proves, int acceptor_proves);
void shake(void);

/* What link_input() returned, for input in memory of just its size, so that a
 * checker sees a byte too far. */
ssize_t input(struct end *, const void *bytes, size_t n, unsigned *type);

/* One frame over from one end to the other; all that went before it in pieces
 * is not whole yet. What link_input() returned for it. */
ssize_t step(struct end *from, struct end *to);

/* That the input closes the connection, why, and that it is said. */
void refuses(struct end *, const void *bytes, size_t n, int error);

/* A hello such as the dialler's, to be changed by the caller. */
struct msg hello(void);

/* The message as a frame in n bytes at p: its length. */
size_t encode(const struct msg *, unsigned char *p, size_t n);

#endif
