#ifndef FAKE_WORKERS_H
#define FAKE_WORKERS_H

/*
 * The workers of channels, for tests: they do as channels say, begin what they
 * are fed and do nothing more until they are told to. What they run is in the
 * books (credit_books.h).
 */

#include "channel.h"
#include "t/credit_books.h"

/* No channel has any; its channels run this kind. */
void fake_workers_begin(enum channel_mode);

/* An act of that channel, CHANNEL_START to CHANNEL_RETIRE. */
void fake_workers_act(unsigned channel, const struct act *);
/* The channel is gone: its workers are to end. */
void fake_workers_orphaned(unsigned channel);

/* How many requests the channel's workers run; how many workers there are, and
 * of those that are to end. */
unsigned fake_workers_busy(unsigned channel);
unsigned fake_workers_count(unsigned channel);
unsigned fake_workers_leaving(unsigned channel);

/* The kth request's worker replies; dies; the first worker that is to end ends.
 * The core hears of it, or is NULL as it is gone. */
void fake_workers_reply(unsigned channel, unsigned k, struct channel *,
    int64_t now);
void fake_workers_die(unsigned channel, unsigned k, struct channel *,
    int64_t now);
void fake_workers_end(unsigned channel, struct channel *, int64_t now);

#endif
