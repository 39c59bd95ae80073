#ifndef OFFICE_H
#define OFFICE_H

/*
 * An authority with brokers, exchanges and another authority around it, for
 * tests: what they say and what the processes do, and what must have come out.
 * Whatever is not so fails the test.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "authority.h"
#include "t/drive.h"

/* Handles, which are instances too. */
enum { B1 = 1, B2, CTL1, E1 = 10, E2, OWN = 100, OTHER = 101 };

#define OWN_ADDRESS "10.0.0.100:4370"

extern struct drive d;
extern struct authority *a;

/* For each test: one with a redundancy of 1, at OWN_ADDRESS. For another kind,
 * teardown() and begin(). */
int setup(void **state);
int teardown(void **state);
void begin(unsigned redundancy, const char *address);
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* One of the type, with nothing in it. */
struct msg message(enum msg_type);

/* From a broker: a subscribe or an unsubscribe. From an authority: this is the
 * module's exchange (0: it has none). */
void subscribe(uint32_t broker, const char *module, enum msg_type);
void exchanges(uint32_t from, const char *module, unsigned instance);

/* The peer was told of n exchanges, the last at the address (NULL: any). */
void assert_told(uint32_t peer, const char *module, int n,
    const char *address);

/* It asked for an exchange for the module: the tag. */
uint32_t assert_start(const char *module);

/* The process is there, listens and is linked. */
void exchange_up(uint32_t tag, uint32_t handle, const char *address);

/* A broker B1, a module, its exchange E1: the tag. */
uint32_t running(const char *module);

/* OTHER dials us. */
void other_up(void);

#endif
