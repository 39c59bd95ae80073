#ifndef CREDIT_BOOKS_H
#define CREDIT_BOOKS_H

/*
 * The books of credit, for tests: a model that is too simple to be wrong, kept
 * from nothing but what is said on the links and done by workers. It reads no
 * core's own count. Whenever something is said, heard or done:
 *
 * - a listener never has more out than its capacity, each sell says just what
 *   is left, each grant is the smaller of what was asked for and that, and each
 *   refusal is of nothing left;
 * - who waits is known to each channel, and to its client, as the broker says;
 * - at workers run no more requests than the capacity, and of one channel no
 *   more than that holds;
 * - what a channel holds is its client's tokens and what runs; it grants one
 *   again with each answer, but when it drains or holds more than its share;
 * - a client sends no request and returns no token that it has not; it keeps
 *   none while a request waits, nor more than its capacity, nor, while others
 *   wait, any that lies idle, or that it was asked for and that helps them;
 *   each buy says what it holds.
 *
 * The first that is not so ends the test through check_broken().
 */

#include "msg.h"
#include "t/check.h"

#define PLBS	 3 /* two that buy, and the caller, a client of the first */
#define CALLER	 2
#define CHANNELS 7 /* in all, one after the other */
#define CALL	 CHANNELS /* the account of the caller with the first PLB */
#define ACCOUNTS (CHANNELS + 1)

/* Who speaks or hears, on which kind of link: a client of its server, a
 * channel of its listener, a listener and a PLB of their broker. */
enum side { CLIENT_SIDE, SERVER_SIDE, CHANNEL_SIDE, LISTENER_SIDE, SELL_SIDE,
	BUY_SIDE };

/* New books, of a listener and PLBs of these capacities. */
void books_begin(uint64_t capacity, uint64_t plb_capacity);

/* An account begins: that client (a PLB) is linked. It is still to be told. */
void books_open(unsigned account, unsigned client);

/* n is the account, or the PLB of BUY_SIDE. */
void books_says(enum side, unsigned n, int64_t now, const struct msg *);
void books_hears(enum side, unsigned n, int64_t now, const struct msg *);
/* The link is up, as this end was told; is lost, or closed by it. */
void books_up(enum side, unsigned n);
void books_down(enum side, unsigned n);

/* The turn of a channel, of a PLB, of the listener is over. */
void books_channel_turn(unsigned account, int64_t now);
void books_plb_turn(unsigned plb, int64_t now);
void books_listener_turn(int64_t now);

/* A worker begins a request of the PLB's, numbered so; is done with it. */
void books_runs(unsigned account, unsigned plb, uint64_t call);
void books_ran(unsigned account, unsigned plb, uint64_t call);
/* A channel is told to drain by its program. */
void books_drains(unsigned account, int64_t now);
/* The channel and its workers are gone, and the listener knows. */
void books_gone(unsigned account);
/* The listener is this one, and has nothing out; it is told to end. */
void books_listener(const struct id *);
void books_listener_ends(void);

/* It publishes new code; a PLB is to use that alone. Is it missed? */
void books_publishes(void);
void books_switches(unsigned plb);
int books_is_missed(void);

/* Nothing is left to do: is anything out? */
int books_is_clear(void);

#endif
