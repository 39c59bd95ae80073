#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "buf.h"
#include "fail.h"

#define BUF_FIRST 256 /* bytes of the first allocation */
#define CLOSE_UP  (32 * 1024) /* bytes consumed, before it is of use */
#define SPARE_SIZES 7 /* from BUF_SPARE_LEAST to BUF_SPARE_MOST */

/* Spare memory: the pieces of each size, the one that was freed last first, as
 * it may still be in a cache. */
static struct spare_size {
	struct spare {
		struct spare *next;
	} *first;
	size_t n;     /* pieces */
	size_t least; /* the fewest since buf_spare_trim() looked */
} spare_sizes[SPARE_SIZES];

static size_t spare_bytes;
static int64_t spare_looked; /* when buf_spare_trim() did, ms */

/* The size's place among them, or -1 if pieces of it are never spare. */
static int
spare_place(size_t size)
{
	int i;

	for (i = 0; i < SPARE_SIZES; i++)
		if (size == BUF_SPARE_LEAST << i)
			return i;
	return -1;
}

static void *
spare_take(struct spare_size *s, size_t size)
{
	struct spare *piece = s->first;

	s->first = piece->next;
	s->n--;
	if (s->n < s->least)
		s->least = s->n;
	spare_bytes -= size;
	return piece;
}

static void *
spare_malloc(size_t size)
{
	int i = size < BUF_SPARE_LEAST ? -1 : spare_place(size);

	if (i == -1 || spare_sizes[i].n == 0)
		return malloc(size);
	return spare_take(&spare_sizes[i], size);
}

static void
spare_free(void *p, size_t size)
{
	int i = size < BUF_SPARE_LEAST ? -1 : spare_place(size);
	struct spare *piece = p;

	if (i == -1 || size > BUF_SPARE_ALL - spare_bytes) {
		free(p);
		return;
	}
	piece->next = spare_sizes[i].first;
	spare_sizes[i].first = piece;
	spare_sizes[i].n++;
	spare_bytes += size;
}

size_t
buf_spare(void)
{
	return spare_bytes;
}

void
buf_spare_trim(int64_t now)
{
	struct spare_size *s;
	size_t unused;
	int i;

	if (now - spare_looked < BUF_SPARE_MS)
		return;
	spare_looked = now;
	for (i = 0; i < SPARE_SIZES; i++) {
		s = &spare_sizes[i];
		for (unused = s->least; unused > 0; unused--)
			free(spare_take(s, BUF_SPARE_LEAST << i));
		s->least = s->n;
	}
}

void
buf_init(struct buf *b, size_t max)
{
	assert(max > 0 && max <= BUF_MAX);
	b->data = NULL;
	b->start = b->end = b->cap = 0;
	b->max = (uint32_t)max;
	b->keep = 0;
}

void
buf_free(struct buf *b)
{
	spare_free(b->data, b->cap);
	b->data = NULL;
	b->start = b->end = b->cap = 0;
}

void
buf_trim(struct buf *b)
{
	if (b->start == b->end)
		buf_free(b);
}

/* Start at the front again, in memory that is kept or anew. */
void
buf_emptied(struct buf *b)
{
	if (b->cap > b->keep)
		buf_free(b);
	else
		b->start = b->end = 0;
}

size_t
buf_line(const struct buf *b, size_t most, int all, struct slice *line)
{
	struct slice s = buf_slice(b);
	const unsigned char *end = s.len == 0 ? NULL :
	    memchr(s.p, '\n', s.len);
	size_t len = end == NULL ? s.len : (size_t)(end - s.p);

	if (end == NULL && len < most && !all)
		return 0;
	*line = slice_of(s.p, len < most ? len : most);
	return end != NULL && len <= most ? len + 1 : line->len;
}

void
buf_close_up(struct buf *b)
{
	size_t len = buf_len(b);

	if (b->start < CLOSE_UP || b->start / 16 < len)
		return;
	memmove(b->data, b->data + b->start, len);
	b->start = 0;
	b->end = (uint32_t)len;
}

/*
 * The next capacity that holds need bytes. Beyond max it is one step, to twice
 * that: then whenever the end is reached at least half is free at the front,
 * and moving the queue there costs no more than was consumed.
 */
static size_t
buf_next_cap(const struct buf *b, size_t need)
{
	size_t cap;

	if (b->cap >= b->max)
		return (size_t)2 * b->max;
	cap = b->cap > 0 ? (size_t)2 * b->cap : BUF_FIRST;
	while (cap < need && cap < b->max)
		cap *= 2;
	return cap < b->max ? cap : b->max;
}

static int
buf_grow(struct buf *b, size_t need)
{
	unsigned char *data;
	size_t cap, len;

	cap = buf_next_cap(b, need);
	data = spare_malloc(cap);
	if (data == NULL)
		return fail(ENOMEM);
	len = buf_len(b);
	if (len > 0)
		memcpy(data, b->data + b->start, len);
	spare_free(b->data, b->cap);
	b->data = data;
	b->start = 0;
	b->end = (uint32_t)len;
	b->cap = (uint32_t)cap;
	return 0;
}

void *
buf_make_room(struct buf *b, size_t n)
{
	size_t len;

	len = buf_len(b);
	if (n > b->max - len) {
		errno = ENOBUFS;
		return NULL;
	}
	if (n <= b->cap - len && b->start >= len && b->data != NULL) {
		memmove(b->data, b->data + b->start, len);
		b->start = 0;
		b->end = (uint32_t)len;
	} else if (buf_grow(b, len + n) == -1) {
		return NULL;
	}
	return b->data + b->end;
}

int
buf_append(struct buf *b, const void *p, size_t n)
{
	void *room;

	if (n == 0)
		return 0;
	room = buf_reserve(b, n);
	if (room == NULL)
		return -1;
	memcpy(room, p, n);
	buf_commit(b, n);
	return 0;
}
