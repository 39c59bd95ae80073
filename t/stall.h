#ifndef STALL_H
#define STALL_H

/*
 * A listener core of module "calc" with a broker and channels around it, for
 * tests: each says one thing, or checks one that was said. There is one at a
 * time. What does not come as it should fails the test.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "listener.h"

#define BROKER	 100 /* a peer; a channel's is its tag */
#define CAPACITY 8

/* Attributes: a version. */
#define ATTRS	  "\1\1" "1"
#define NEW_ATTRS "\1\1" "2"

extern const struct id own; /* the listener's */
extern const struct id other;
extern const struct id exchange;

extern struct listener *l;
extern int64_t now; /* milliseconds */

/* For each test: one that publishes ATTRS, with nobody linked. */
int setup(void **state);
int teardown(void **state);
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* The next act, of this kind; log lines do not count, nor LISTENER_PROVEN where
 * it is not asked for. Its bytes are good until the core is called again. */
struct act expect(unsigned kind, uint32_t peer);
/* The next act is this message to the peer, and may be sent to it. */
struct msg expect_msg(uint32_t peer, enum msg_type type);
/* The turn's end brings a sell of so much. */
struct msg expect_sell(uint64_t quantity);
/* It brings nothing. */
void expect_nothing(void);
/* The next act tells the channel of buyers and of its share. */
void expect_waiting(uint32_t tag, uint64_t buyers, uint64_t share);

/* Links. The tag serves as the handle of its control link as well. */
void up(uint32_t peer, unsigned role, uint32_t tag);
void broker_up(void);
void channel_up(uint32_t tag);

/* What a channel says: what the core returned. seller may be NULL; counter is
 * its reservation's, 0 for none. */
int connect_with(uint32_t tag, uint64_t quantity, const char *module,
    const struct id *seller, uint64_t counter);
int give_back(uint32_t tag, uint64_t tokens);
/* It asks for so much and gets so many tokens; it is refused, and why. */
void granted(uint32_t tag, uint64_t quantity, uint64_t tokens);
void refused(uint32_t tag, const char *reason);

/* What the broker says. */
void waiting(uint64_t buyers, uint64_t empty);

#endif
