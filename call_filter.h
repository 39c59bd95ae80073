#ifndef CALL_FILTER_H
#define CALL_FILTER_H

/*
 * The order of a filter's results: input records are numbered from 1 as they
 * come, answers come in any order, results go out in input order (or, when
 * asked, as they come). The input has to wait when there are FILTER_WINDOW
 * records between the oldest without an answer and the newest, or FILTER_BYTES
 * of records without an answer, or as much of answers that wait for an older
 * one: so a filter goes beyond that by one record, or by the answers to what is
 * under way. No I/O.
 */

#include <stdint.h>

#include "buf.h"
#include "frame.h"

#define FILTER_WINDOW 4096		 /* records; a power of two */
#define FILTER_BYTES  (16u * 1024 * 1024)
#define FILTER_KEEP   1024 /* bytes of a slot's memory, from one use to the
			      next */

struct filter_slot {
	struct buf result; /* its answer, framed, that waits for its turn */
	size_t asked;	   /* bytes of the record */
	int answered;
};

struct filter {
	enum frame_kind kind; /* of the output */
	int ordered;
	struct filter_slot *slot; /* FILTER_WINDOW of them, by number */
	uint64_t next;	    /* number of the next record in */
	uint64_t oldest;    /* the oldest without an answer */
	uint64_t running;   /* records without an answer */
	size_t asked;	    /* bytes of these */
	uint64_t done;	    /* answered with a result */
	uint64_t failed;
	size_t kept;	    /* bytes waiting for their turn */
	struct buf *out;    /* where results go */
};

/* 0, or -1 with ENOMEM. out is the caller's, and outlives the filter. */
int filter_init(struct filter *, enum frame_kind, int ordered,
    struct buf *out);
void filter_free(struct filter *);

/* May another record come in? */
int filter_open(const struct filter *);

/* The number of a record of so many bytes that comes in. */
uint64_t filter_add(struct filter *, size_t bytes);

/*
 * The record's answer; a newline at the end of a line's is taken for the line's
 * own. Returns 0; or -1 with errno from the queue, which loses results; or -1
 * with EINVAL and *why set when a result does not fit the output's framing (a
 * newline inside a line): it counts as failed then. *why is NULL otherwise.
 */
int filter_result(struct filter *, uint64_t number, struct slice body,
    const char **why);

/* It has none: 0, or -1 with errno from the queue. */
int filter_fail(struct filter *, uint64_t number);

#endif
