#ifndef MSG_SAMPLE_H
#define MSG_SAMPLE_H

/*
 * Random messages and groups, made by walking the protocol's table, and what
 * must hold of any message. For cmocka tests: what does not hold fails them.
 */

#include "msg.h"

void sample_seed(uint64_t);

/* Forget what was made: the slices of all samples are void. */
void sample_reset(void);

/* Fill a schema's struct: all fields, or the required ones and some of the
 * others; never with zero or empty. */
void sample_fill(const struct schema *, void *base, int full);

/* A struct's value, encoded. */
struct slice sample_encode(const struct schema *, const void *base);

/* Read all that stands in a struct that was decoded, to its depth: what the
 * decoder let pass must be readable. */
void sample_read(const struct schema *, const void *base);

/* The two hold the same. */
void sample_same(const struct schema *, const void *, const void *);

/* Encoded, decoded and encoded again it stays what it is; and where there is no
 * room for it, it is not written. */
void sample_round_trip(const struct msg *);

#endif
