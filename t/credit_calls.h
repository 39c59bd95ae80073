#ifndef CREDIT_CALLS_H
#define CREDIT_CALLS_H

/*
 * What programs ask of their PLBs, for tests, and what becomes of it: each
 * request is answered once, runs once at most (and once more each retry), has
 * run where it was replied to, and does not run where the answer says so.
 */

#include "msg.h"
#include "t/credit_books.h"

#define CALLS 16 /* requests of a PLB's program, numbered from 1 */

void calls_begin(void);
/* A program asks, and may be run again so often: its number; it is answered. */
uint64_t calls_new(unsigned plb, unsigned retries);
void calls_answered(unsigned plb, const struct msg *);
/* The program is gone with all that it asked. */
void calls_gone(unsigned plb);
/* It begins to run. */
void calls_runs(unsigned plb, uint64_t call);

/* Has it no answer yet? The last that has none, or 0. */
int calls_is_pending(unsigned plb, uint64_t call);
uint64_t calls_last(unsigned plb);

/* Begun to run, in all. */
extern uint64_t calls_ran;

#endif
