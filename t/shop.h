#ifndef SHOP_H
#define SHOP_H

/*
 * A broker with authorities, exchanges, listeners and PLBs around it, for
 * tests: what they say, and what must have come out. All orders are for the
 * module "calc". Whatever is not so fails the test.
 */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "broker.h"
#include "t/drive.h"

/* Handles, which are instances too. */
enum { A1 = 1, A2, E1, E2, LISTENER1, PLB1, CTL1, B1, OWN };

#define TAG 77 /* of whatever the broker dialled: it goes by instances */

extern struct drive d;

/* For each test; the state is the broker. */
int setup(void **state);
int teardown(void **state);
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

/* One of the type, with nothing in it. */
struct msg message(enum msg_type);

/* An authority at 10.0.0.HANDLE:4370, an exchange at 10.0.1.HANDLE:5000; our
 * own end is 10.0.0.99. */
void authority_up(uint32_t handle);
void exchange_up(uint32_t handle);

/* From an authority: the module's exchanges are these (0: none). Like all that
 * say something below, it returns what the core did. */
int exchanges(uint32_t from, const char *module, uint32_t e1, uint32_t e2);

/* An order of a seller's, without a contact when address is NULL; one of PLB1,
 * which is 500 ms old. */
int sell(uint32_t from, uint64_t order, uint64_t quantity,
    const char *address, const char *node, const char *dist);
int buy(uint64_t order, uint64_t missing, uint64_t settled, uint64_t held);

/* From an exchange: quantity of a seller. */
int fill(uint32_t from, uint64_t order, unsigned seller, uint64_t quantity,
    uint64_t counter);

/* The exchange was told of this one reservation; of this order, whose number
 * there goes to number unless that is NULL. PLB1 was passed a fill from the
 * exchange. */
void assert_released(uint32_t exchange, uint64_t counter, uint64_t quantity);
void assert_buy(uint32_t exchange, uint64_t missing, uint64_t settled,
    uint64_t held, uint64_t *number);
void assert_filled(uint32_t exchange, uint64_t order, uint64_t quantity);

/* An authority, two exchanges, and a PLB that wants 5: its number. */
uint64_t market(void);

#endif
