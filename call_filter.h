#ifndef CALL_FILTER_H
#define CALL_FILTER_H

/*
 * The order of a filter's results: input records are numbered from 1 as they
 * come, answers come in any order, results go out in input order (or, when
 * asked, as they come). The input has to wait when there are FILTER_WINDOW
 * records between the oldest without an answer and the newest, or FILTER_BYTES
 * of records without an answer, or as much of answers that wait for an older
 * one: so a filter goes beyond that by one record, or by the answers to what is
 * under way. Where requests are blocks, a number is a block's, and what is said
 * of records below is said of blocks. No I/O.
 *
 * It also knows which records' results are in the queue for standard output
 * and not yet written, so that none of them is lost without a word: whoever
 * consumes the queue consumes only what is written.
 */

#include <stdint.h>

#include "buf.h"
#include "frame.h"

#define FILTER_WINDOW 4096		 /* records; a power of two */
#define FILTER_BYTES  (16u * 1024 * 1024)
#define FILTER_LINE   (8 * 1024) /* bytes of a line of the job log */
#define FILTER_KEEP   1024 /* bytes of a slot's memory, from one use to the
			      next */

struct filter_slot {
	struct buf result; /* its answer, framed, that waits for its turn */
	struct buf line;   /* of the job log, until the result is queued */
	size_t asked;	   /* bytes of the record */
	uint64_t first;	   /* of a block: its records, */
	uint64_t last;	   /* by their own numbers */
	int64_t at;	   /* when it came in, ms */
	int answered;
};

struct filter_config {
	enum frame_kind kind; /* of the output */
	int ordered;
	int status; /* "N STATUS " stands in front of each result, and a record
		       that has no status has one, too: "N - REASON" */
	int blocks; /* results go out as they are, without framing */
};

struct filter {
	struct filter_config config;
	struct filter_slot *slot; /* FILTER_WINDOW of them, by number */
	uint64_t next;	    /* number of the next record in */
	uint64_t records;   /* that came in; with blocks there are more */
	uint64_t oldest;    /* the oldest without an answer */
	uint64_t running;   /* records without an answer */
	size_t asked;	    /* bytes of these */
	uint64_t done;	    /* answered with a result */
	uint64_t failed;    /* ended without one */
	uint64_t unsent;    /* were not to be sent any more */
	uint64_t skipped;   /* had theirs before */
	size_t kept;	    /* bytes waiting for their turn */
	struct buf *out;    /* where results go */
	uint64_t put;	    /* bytes that ever went there */
	size_t lost;	    /* bytes of them that left the queue unwritten */
	struct buf queued;  /* whose they are, where each ends, and the line */
	struct buf lines;   /* whose results are written: the owner's to
			       consume */
	struct buf scratch; /* a result with its number and status */
};

/* 0, or -1 with ENOMEM. out is the caller's, empty, and outlives the filter. */
int filter_init(struct filter *, const struct filter_config *,
    struct buf *out);
void filter_free(struct filter *);

/* May another record come in? */
int filter_open(const struct filter *);

/* One came in, of that many bytes, a block of that many records: its number.
 * Only when filter_open(). now never decreases from one to the next. */
uint64_t filter_add(struct filter *, int64_t now, size_t bytes,
    uint64_t records);

/* The first record of that block, which has no answer, and its last. Else
 * both are its number. */
uint64_t filter_records(const struct filter *, uint64_t number,
    uint64_t *last);

/* Has this record no answer yet? */
int filter_is_running(const struct filter *, uint64_t number);

/* When the oldest record without an answer, which is number oldest, came in;
 * INT64_MAX when there is none. */
int64_t filter_since(const struct filter *);

/*
 * The record has its reply, with that status: 0; or -1 with *why when the reply
 * does not fit the output (EINVAL), which is then the caller's to fail; or -1
 * with errno from the queue and *why NULL. Of a line, one newline at the end
 * is the line's own.
 */
int filter_result(struct filter *, uint64_t number, unsigned status,
    struct slice body, const char **why);

/* It has none, for that reason, and was sent or was not: 0, or -1 with errno
 * from the queue; either way it is answered. */
int filter_fail(struct filter *, uint64_t number, int sent, const char *why);

/* The answer that comes next to this record, which has none, has this line in
 * the job log: it comes to `lines' once the result is written. 0, or -1 with
 * errno. */
int filter_log(struct filter *, uint64_t number, struct slice line);

/* Some of the queue has been written. */
void filter_written(struct filter *);

/* The next record needs no answer: it has had one before. Only when
 * filter_open(). */
int filter_skip(struct filter *, uint64_t records);

/* The queue was emptied of that many bytes, and they were not written. */
void filter_lose(struct filter *, size_t bytes);

/* Walk the records whose results are not written, or not to their end: start
 * with *pos = 0; the first record and the last of a result, or 0 when there are
 * no more. */
uint64_t filter_unwritten(struct filter *, size_t *pos, uint64_t *last);

#endif
