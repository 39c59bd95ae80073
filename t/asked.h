#ifndef ASKED_H
#define ASKED_H

/*
 * What programs ask of their PLBs, for tests, and what becomes of it: each
 * request is answered once, runs once at most (and once more each retry), has
 * run where it was replied to, and does not run where the answer says so.
 */

#include "msg.h"
#include "t/tally.h"

#define CALLS 16 /* requests of a PLB's program, numbered from 1 */

void asked_begin(void);
/* A program asks, and may be run again so often: its number; it is answered. */
uint64_t asked_new(unsigned plb, unsigned retries);
void asked_answered(unsigned plb, const struct msg *);
/* The program is gone with all that it asked. */
void asked_gone(unsigned plb);
/* It begins to run. */
void asked_runs(unsigned plb, uint64_t call);

/* Has it no answer yet? The last that has none, or 0. */
int asked_is_pending(unsigned plb, uint64_t call);
uint64_t asked_last(unsigned plb);

/* Begun to run, in all. */
extern uint64_t asked_ran;

#endif
