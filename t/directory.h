#ifndef DIRECTORY_H
#define DIRECTORY_H

/*
 * A discovery core and its clients, for tests: what they send, and what they
 * get. There is one at a time. What does not come as it should fails the test.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "discovery.h"
#include "log.h"

#define CLIENTS 40   /* the most connections */
#define SECONDS 5000 /* the time of day when now is 0 */
#define BYTES(s) slice_of(s, sizeof(s) - 1)

/* ALIVE2_REQ of a node with a one letter name, at port 256 + its letter. */
#define ALIVE(c) BYTES("\0\16x\1" c "M\0\0\6\0\5\0\1" c "\0\0")
#define OK	 BYTES("v\0\0\0\x13\x88") /* the creation is SECONDS */
#define REFUSED	 BYTES("v\1\0\0\0\143")

extern struct discovery *d;
extern int64_t now; /* milliseconds */

/* For each test: T(f); R(f), with the relaxed command check. */
int setup(void **state);
int setup_relaxed(void **state);
int teardown(void **state);
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
#define R(f) cmocka_unit_test_setup_teardown(f, setup_relaxed, teardown)

/* The next act, 0 when there is none; of log lines, errors count. Its bytes are
 * good until the core is called again. */
int next(struct act *a);
/* It is of this kind. */
struct act expect(unsigned kind, uint32_t peer);
void expect_none(void);
/* The client gets these bytes; they are all that it gets. */
void expect_bytes(uint32_t peer, struct slice expected);
void expect_last(uint32_t peer, struct slice expected);

/* A client connects, from this host or another one: its handle. */
uint32_t opened(int local);
/* What it has sent so far and is not taken yet: how much was taken of it. */
size_t say(uint32_t client, struct slice bytes);
/* One of this host with a whole request, and one that is registered by it, with
 * the creation SECONDS. */
uint32_t asked(struct slice request);
uint32_t registered(struct slice alive);

/* A line of contacts. */
void line(const char *text);

#endif
