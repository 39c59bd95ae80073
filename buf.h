#ifndef BUF_H
#define BUF_H

/*
 * A bounded queue of bytes: they are appended at the end and consumed at the
 * front. It grows by doubling. When it runs empty it frees its memory, except
 * what its owner tells it to keep, so that a busy queue allocates nothing. A
 * full queue that is consumed and refilled takes up to twice its maximum of
 * memory; this keeps the cost of each append constant.
 */

#include <assert.h>
#include <stdint.h>

#include "slice.h"

#define BUF_MAX ((uint32_t)1 << 30) /* bytes in one, at most */

struct buf {
	unsigned char *data;
	uint32_t start; /* first byte queued */
	uint32_t end;   /* after the last byte queued */
	uint32_t cap;   /* bytes allocated */
	uint32_t max;   /* never more than this queued */
	uint32_t keep;  /* memory kept when it runs empty; 0 until the owner
			 sets it */
};

/* max is 1 to BUF_MAX. */
void buf_init(struct buf *, size_t max);
void buf_free(struct buf *);

/*
 * Memory that was freed and may be had again without the system. Only pieces of
 * BUF_SPARE_LEAST bytes, and of that doubled up to BUF_SPARE_MOST, are spare;
 * and no more than BUF_SPARE_ALL bytes in all.
 *
 * buf_spare() is how much there is. buf_spare_trim() gives back what has not
 * been needed since it last looked, BUF_SPARE_MS ago or more; sooner it does
 * nothing. Call it now and then, so that a process that has nothing to do keeps
 * none. now is in ms.
 */
#define BUF_SPARE_LEAST ((size_t)64 * 1024)
#define BUF_SPARE_MOST	((size_t)4 * 1024 * 1024)
#define BUF_SPARE_ALL	((size_t)8 * 1024 * 1024)
#define BUF_SPARE_MS	5000

size_t buf_spare(void);
void buf_spare_trim(int64_t now);

/* If it is empty, free the memory that is kept. */
void buf_trim(struct buf *);

/* For the inline functions below: buf_reserve() when there is no room at the
 * end, and what follows when the queue has run empty. */
void *buf_make_room(struct buf *, size_t n);
void buf_emptied(struct buf *);

/* What is queued; good until the next call that changes the buffer. */
static inline size_t
buf_len(const struct buf *b)
{
	return b->end - b->start;
}

static inline struct slice
buf_slice(const struct buf *b)
{
	if (b->data == NULL)
		return slice_of(NULL, 0);
	return slice_of(b->data + b->start, b->end - b->start);
}

/*
 * The line at the front, without its newline, or the first most bytes of a
 * longer one. Returns how many bytes to consume with it, or 0 if no line is
 * whole. all: bytes without a newline are a line, too.
 */
size_t buf_line(const struct buf *, size_t most, int all, struct slice *line);

/*
 * Room for n bytes at the end: the caller fills it and then commits it. NULL
 * with ENOBUFS (over the maximum) or ENOMEM, and then nothing has changed.
 */
static inline void *
buf_reserve(struct buf *b, size_t n)
{
	if (b->data != NULL && n <= b->cap - b->end &&
	    n <= b->max - buf_len(b))
		return b->data + b->end;
	return buf_make_room(b, n);
}

static inline void
buf_commit(struct buf *b, size_t n)
{
	assert(n <= b->cap - b->end && n <= b->max - buf_len(b));
	b->end += (uint32_t)n;
	if (b->start == b->end)
		buf_emptied(b);
}

/* Reserve, copy, commit: 0, or -1 as above. */
int buf_append(struct buf *, const void *, size_t n);

/* If what is queued is little beside what was consumed before it, move it to
 * the front now: that is cheaper than when there is no room for more. */
void buf_close_up(struct buf *);

/* Drop n bytes from the front; n is at most what is queued. */
static inline void
buf_consume(struct buf *b, size_t n)
{
	assert(n <= buf_len(b));
	b->start += (uint32_t)n;
	if (b->start == b->end)
		buf_emptied(b);
}

#endif
