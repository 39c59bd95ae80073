#ifndef CREDIT_LINKS_H
#define CREDIT_LINKS_H

/*
 * One listener, its channels and their PLBs, for tests: the real cores, on
 * links that are queues in memory, with a clock that the test moves. What a
 * core says waits in its link's queue until the test has the other end hear it.
 * The broker is fake_broker.h, and hears at once; the workers are
 * fake_workers.h. All that is said, heard and done goes through the books
 * (credit_books.h).
 */

#include "t/credit_nodes.h"

/* Links. The ends of link n are 2n and 2n + 1. Of a channel there are three:
 * with its client, with its listener, and the pipe that tells this one that the
 * channel and its workers are gone. */
enum { SELL, BUY, CLIENT_OF_PLB = BUY + PLBS, OF_CHANNELS };
#define CLIENT(channel)	 (OF_CHANNELS + 3 * (channel))
#define CONTROL(channel) (CLIENT(channel) + 1)
#define LIFE(channel)	 (CLIENT(channel) + 2)
#define LINKS		 CLIENT(CHANNELS)

/* Nothing is linked; the end of it. */
void links_begin(const struct links_config *);
void links_end(void);

extern int64_t links_now; /* ms */

/* Channels there were, and ends of links, so far. */
unsigned links_channels(void);
unsigned links_ends(void);

/* Of a link whose ends are both there: it comes up. It is lost, and all that
 * was on its way. */
void links_open(unsigned link);
void links_reset(unsigned link);
/* Is it, or will it be, up at either end? */
int links_is_open(unsigned link);
/* Does this end know of it, and of no end of it? */
int links_is_up(unsigned end);

/* How many things there are to be heard at that end. The next so many are, in
 * one turn. */
size_t links_has(unsigned end);
void links_hear(unsigned end, size_t n);
/* Who is at an end: a node. */
unsigned links_at(unsigned end);

/* The broker fills a PLB's order; tells the listener who waits. */
void links_fill(unsigned plb, uint64_t quantity);
void links_news(void);

/* A PLB's oldest dial: is there one, is there a listener and room for one more
 * channel? It ends well or not. */
int links_dials(unsigned plb);
int links_accepts(void);
void links_dial(unsigned plb, int well);

/* A core was called: its turn ends, and what it does is carried out. */
void links_turn(unsigned node);
/* The process is killed. */
void links_kill(unsigned node);
/* All workers of a channel that is gone are gone, too. */
void links_bury(unsigned channel);
/* The next deadline of any core; time passes, with ticks at each. */
int64_t links_deadline(void);
void links_wait(int64_t until);

/* Heard so far, in all streets. */
extern uint64_t links_heard;

#endif
