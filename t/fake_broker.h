#ifndef FAKE_BROKER_H
#define FAKE_BROKER_H

/*
 * A broker and the exchanges behind it, for tests of what stands around them:
 * it hears of orders at once, and fills when it is told to. Then it is either
 * honest (first come, first served, what a sell offers less what is reserved)
 * or gives all that the listener ever offered, as several exchanges may do that
 * know nothing of each other. Of each reservation it must hear once that it is
 * settled, or once that it is released, or both.
 */

#include "msg.h"

/* Nobody is linked. */
void fake_broker_begin(void);

/* This listener is linked; NULL: it is lost. A PLB is, or is lost. */
void fake_broker_listener(const struct id *);
void fake_broker_plb(unsigned plb, int up);

/* What they say. */
void fake_broker_hears_listener(const struct msg *);
void fake_broker_hears_plb(unsigned plb, const struct msg *);

/* What an honest one would give, and to whom (-1: nobody has to be given
 * anything); what the other kind can give this PLB. 0: nothing. */
uint64_t fake_broker_honest(int64_t now, int *plb);
uint64_t fake_broker_can_fill(unsigned plb);
/* A fill of so much for its order, in n bytes at p. */
void fake_broker_fill(unsigned plb, uint64_t quantity, int64_t now,
    struct msg *, unsigned char *p, size_t n);

/* Nobody wants anything: is all on offer again, and every reservation over? */
int fake_broker_is_clear(void);

/* Is the listener to be told of who waits? The message. */
int fake_broker_has_news(void);
void fake_broker_news(struct msg *);
/* And is the PLB to be told what it may keep? */
int fake_broker_keep(unsigned plb, struct msg *);

/* In all. */
extern uint64_t fake_broker_fills;

#endif
