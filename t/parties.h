#ifndef PARTIES_H
#define PARTIES_H

/*
 * A channel core of module "calc" with its two parties, a client and a
 * listener, for tests: each says one thing, or checks one that was said. There
 * is one at a time. What does not come as it should fails the test.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "channel.h"

#define PLB	 7 /* peers */
#define LISTENER 8

extern struct channel *c;
extern int64_t now; /* milliseconds */

/* Begin with neither party linked; capacity 0: of a listener. */
void begin(enum channel_mode mode, uint64_t capacity);
/* All three links: a client with tokens of a listener. */
void begin_linked(enum channel_mode mode, uint64_t tokens);
/* Alone, with a client that holds all. */
void begin_alone(enum channel_mode mode, uint64_t tokens);
/* After each test. */
int teardown(void **state);
#define TEST(f) cmocka_unit_test_teardown(f, teardown)

/* The next act, of this kind; log lines do not count. Its bytes are good until
 * the core is called again. */
struct act expect(unsigned kind, uint32_t peer);
/* The turn ends, and nothing but log lines is left. */
void expect_nothing(void);
struct msg decode(struct slice frame);
/* The next act is this message to the peer, and may be sent to it. */
struct msg expect_msg(uint32_t peer, enum msg_type type);
void expect_reply(uint64_t id, uint64_t demand);
struct msg expect_fail(uint64_t id, uint64_t demand, const char *reason);
void expect_demand(uint64_t tokens);
/* At the end of the turn it gives tokens back to its listener. */
void expect_return(uint64_t tokens);

/* The peer is linked; says this: what the core returned. */
void up(uint32_t peer);
int message(uint32_t peer, struct msg m);
/* A message with nothing in it yet. */
struct msg make(enum msg_type type);
/* What the client says. left_ms 0: no deadline. */
int connect_with(uint64_t quantity, const char *module);
int request_with(uint64_t id, const char *body, uint64_t left_ms, int cast);
int request(uint64_t id, uint64_t left_ms, int cast);
/* What the listener says. */
int demand(uint64_t tokens);
int waiting(uint64_t buyers, uint64_t share);
/* Either: n is what is abandoned, or the tokens given back. */
int simple(uint32_t peer, enum msg_type type, uint64_t n);

/* A worker's answer to the request of that name: what the core returned. */
int answer(uint32_t worker, uint64_t name);

#endif
