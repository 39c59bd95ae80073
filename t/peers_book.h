#ifndef PEERS_BOOK_H
#define PEERS_BOOK_H

/*
 * The book of addresses and peers that one instance keeps, for tests: what is
 * written into it, and what it says is to be dialled. Times are in ms. Whatever
 * is not so fails the test.
 */

#include "peers.h"
#include "t/check.h"

#define A "10.0.0.1:4370"
#define B "10.0.0.2:4370"

extern struct peers p;
extern const struct id low, high; /* peers, below and above us */

/* For each test. */
int peers_setup(void **state);
int peers_teardown(void **state);
#define TEST(f) cmocka_unit_test_setup_teardown(f, peers_setup, peers_teardown)

void want(int64_t now, const char *address, enum dial, uint32_t tag);

/* The address is the next, and the only one, to dial; there is none. */
void dials(int64_t now, const char *address, uint32_t tag);
void dials_nothing(int64_t now);

/* What peers_failed() returned, where nobody answered and where it was
 * ourselves that did. */
int failed(int64_t now, const char *address);
int ourselves(int64_t now, const char *address);

/* A broker's link; address "": it dialled us. Returns the handle of the link
 * that is to be closed, 0 when none is. */
uint32_t up(int64_t now, uint32_t handle, const struct id *,
    const char *address);
void down(int64_t now, uint32_t handle, const struct id *);

/* Something is due in 10 ms at least and max_ms at most, and nothing before
 * that. Returns when. */
int64_t waits(int64_t now, int64_t max_ms);

#endif
