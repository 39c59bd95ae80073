#ifndef BUF_H
#define BUF_H

/*
 * A bounded queue of bytes: appended at the end, consumed at the front. It
 * grows by doubling and gives its memory back when it runs empty, but for what
 * its owner has it keep, so that a busy queue allocates nothing. A full queue
 * that is consumed and refilled takes up to twice its maximum of memory: that
 * keeps each append's cost constant.
 */

#include <assert.h>

#include "slice.h"

struct buf {
	unsigned char *data;
	size_t start; /* first byte queued */
	size_t end;   /* behind the last byte queued */
	size_t cap;   /* bytes allocated */
	size_t max;   /* never more than this queued */
	size_t keep;  /* so much memory is kept when it runs empty; 0 at first,
			 and the owner's to set */
};

/* max is at least 1. */
void buf_init(struct buf *, size_t max);
void buf_free(struct buf *);

/* Give back what is kept, when it is empty. */
void buf_trim(struct buf *);

/* For the inline functions below: what buf_reserve() does when there is no
 * room at the end, and what follows when the queue has run empty. */
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
 * Room for n bytes at the end, to be filled and then committed. NULL with
 * ENOBUFS when the maximum forbids it, ENOMEM when memory ran out; nothing has
 * changed then.
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
	b->end += n;
	if (b->start == b->end)
		buf_emptied(b);
}

/* Reserve, copy, commit: 0, or -1 as above. */
int buf_append(struct buf *, const void *, size_t n);

/* Drop n bytes from the front; n is at most what is queued. */
static inline void
buf_consume(struct buf *b, size_t n)
{
	assert(n <= buf_len(b));
	b->start += n;
	if (b->start == b->end)
		buf_emptied(b);
}

#endif
