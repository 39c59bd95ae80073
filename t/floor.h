#ifndef FLOOR_H
#define FLOOR_H

/*
 * An exchange of module "calc" with two brokers, for tests: what is done to it,
 * and what came out. Whatever cannot be done fails the test.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "attrs.h"
#include "exchange_book.h"

#define A	  1 /* brokers */
#define B	  2
#define AUTHORITY 90
#define CTL	  91
#define GOT_MAX	  400000

extern struct exchange *x;
extern struct id own;
extern int64_t now;

/* What came out of the last step; the bytes are good until the next. */
extern struct act got[GOT_MAX];
extern size_t ngot;

/* For each test. */
int setup(void **state);
int teardown(void **state);
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* Take out what came of calls that were made directly. */
void take(void);

/* Of what came out: how many messages of the type to the peer (0: to any); the
 * nth of them, its type 0 when there is none; is there an act of the kind. */
size_t count(unsigned type, uint32_t peer);
struct msg nth(unsigned type, uint32_t peer, size_t n);
int act_of(unsigned kind);

/* The sellers in a fill, the ith of them; and all that was filled of an order
 * in the last step. */
size_t sellers_in(const struct msg *fill);
struct seller seller_of(const struct msg *fill, size_t i);
uint64_t filled(uint32_t peer, uint64_t order);

/* Peers, messages, time. */
struct id id_of(unsigned n);
void up(uint32_t peer, unsigned role);
void down(uint32_t peer);
int deliver(uint32_t peer, const struct msg *);
void tick(void);
int64_t deadline(void);

/* Encoded into the buffer, which it initialises; version and zone may be
 * NULL. */
struct slice attrs(struct buf *, const char *version, const char *zone);
struct slice constraints(struct buf *, const char *version, const char *zone);
struct slice contact_of(unsigned n);

/* A broker's messages. settled: counters ended by 0, or NULL. */
struct msg sell_msg(uint64_t order, uint64_t quantity);
void sell(uint32_t peer, uint64_t order, uint64_t quantity);
void settle(uint32_t peer, uint64_t order, uint64_t quantity,
    uint64_t counter);
void sell_as(uint32_t peer, uint64_t order, uint64_t quantity,
    const char *version, const char *zone, const uint64_t *settled);
struct msg buy_msg(uint64_t order, uint64_t missing, uint64_t settled);
void buy(uint32_t peer, uint64_t order, uint64_t missing, uint64_t settled);
void buy_as(uint32_t peer, uint64_t order, uint64_t missing, uint64_t age_ms,
    const char *version, const char *zone);
void cancel(uint32_t peer, uint64_t order);
void release(uint32_t peer, uint64_t order, uint64_t counter,
    uint64_t quantity);

struct exchange_totals totals(void);

#endif
