#include <errno.h>

#include "buf.h"
#include "t/check.h"

UNIT(test_empty)
{
	struct buf b;

	buf_init(&b, 100);
	assert_int_equal(buf_len(&b), 0);
	assert_int_equal(buf_slice(&b).len, 0);
	assert_int_equal(buf_append(&b, NULL, 0), 0);
	assert_null(b.data);
	buf_consume(&b, 0);
	buf_free(&b);
}

UNIT(test_append_consume)
{
	struct buf b;

	buf_init(&b, 100);
	assert_int_equal(buf_append(&b, "hello, ", 7), 0);
	assert_int_equal(buf_append(&b, "world", 5), 0);
	assert_true(slice_equal(buf_slice(&b), slice_str("hello, world")));
	buf_consume(&b, 7);
	assert_int_equal(buf_len(&b), 5);
	assert_true(slice_equal(buf_slice(&b), slice_str("world")));
	buf_free(&b);
	assert_int_equal(buf_len(&b), 0);
}

UNIT(test_memory_given_back)
{
	struct buf b;

	buf_init(&b, 100);
	assert_int_equal(buf_append(&b, "x", 1), 0);
	assert_non_null(b.data);
	buf_consume(&b, 1);
	assert_null(b.data);
	assert_int_equal(b.cap, 0);
	/* Room that was asked for and not used is given back, too. */
	assert_non_null(buf_reserve(&b, 50));
	buf_commit(&b, 0);
	assert_null(b.data);
}

UNIT(test_maximum)
{
	static const unsigned char bytes[5000];
	struct buf b;

	buf_init(&b, sizeof(bytes));
	errno = 0;
	assert_null(buf_reserve(&b, sizeof(bytes) + 1));
	assert_int_equal(errno, ENOBUFS);
	assert_int_equal(buf_append(&b, bytes, sizeof(bytes)), 0);
	assert_int_equal(b.cap, sizeof(bytes));
	assert_int_equal(buf_append(&b, bytes, 0), 0);
	errno = 0;
	assert_int_equal(buf_append(&b, bytes, 1), -1);
	assert_int_equal(errno, ENOBUFS);
	assert_null(buf_reserve(&b, SIZE_MAX));
	assert_int_equal(buf_len(&b), sizeof(bytes));
	buf_consume(&b, 1);
	assert_int_equal(buf_append(&b, bytes, 1), 0);
	assert_int_equal(buf_append(&b, bytes, 1), -1);
	buf_free(&b);
}

/* This is the line at the front, and so many bytes long. */
static void
check_line(struct buf *b, int all, const char *text, size_t n)
{
	struct slice line;

	assert_int_equal(buf_line(b, 4, all, &line), n);
	if (n == 0)
		return;
	assert_true(slice_is(line, text));
	buf_consume(b, n);
}

UNIT(test_lines)
{
	struct buf b;

	buf_init(&b, 100);
	check_line(&b, 1, "", 0);
	assert_int_equal(buf_append(&b, "ab\n\nabcd\nabcdefghij", 19), 0);
	check_line(&b, 0, "ab", 3);
	check_line(&b, 0, "", 1);
	check_line(&b, 0, "abcd", 5);
	check_line(&b, 0, "abcd", 4);
	check_line(&b, 0, "efgh", 4);
	check_line(&b, 0, "", 0);
	check_line(&b, 1, "ij", 2);
	assert_int_equal(buf_len(&b), 0);
}

UNIT(test_reserve_commit)
{
	struct buf b;
	char *p;

	buf_init(&b, 3000);
	assert_int_equal(buf_append(&b, "ab", 2), 0);
	p = buf_reserve(&b, 2000);
	assert_non_null(p);
	memset(p, 'c', 2000);
	assert_int_equal(buf_len(&b), 2);
	buf_commit(&b, 2);
	assert_true(slice_equal(buf_slice(&b), slice_str("abcc")));
	buf_free(&b);
}

/* What goes in comes out, in order, and memory stays within its bound. */
UNIT(test_stream)
{
	unsigned char chunk[1500];
	struct slice s;
	struct buf b;
	size_t i, n, put, got, step;

	buf_init(&b, 4000);
	put = got = 0;
	for (step = 0; step < 20000; step++) {
		n = step * 7919 % sizeof(chunk);
		for (i = 0; i < n; i++)
			chunk[i] = (unsigned char)((put + i) % 251);
		if (buf_append(&b, chunk, n) == 0)
			put += n;
		assert_true(b.cap <= 2 * b.max);
		n = step * 104729 % 1600;
		s = buf_slice(&b);
		if (n > s.len)
			n = s.len;
		for (i = 0; i < n; i++)
			assert_int_equal(s.p[i], (got + i) % 251);
		buf_consume(&b, n);
		got += n;
		assert_int_equal(buf_len(&b), put - got);
	}
	assert_true(got > 1000000);
	buf_free(&b);
}

/*
 * A full queue that takes a byte for each byte that leaves must not move all
 * of itself each time. Where it moves, its start goes back to 0: that may
 * happen once in max bytes.
 */
UNIT(test_full_queue_is_cheap)
{
	static const unsigned char bytes[65536];
	struct buf b;
	size_t i, moves;

	buf_init(&b, sizeof(bytes));
	assert_int_equal(buf_append(&b, bytes, sizeof(bytes)), 0);
	moves = 0;
	for (i = 0; i < 4 * sizeof(bytes); i++) {
		buf_consume(&b, 1);
		assert_int_equal(buf_append(&b, bytes, 1), 0);
		if (b.start == 0)
			moves++;
	}
	assert_in_range(moves, 1, 5);
	buf_free(&b);
}

/* However much goes through it, a queue that stays short stays small. */
UNIT(test_short_queue_is_small)
{
	static const unsigned char bytes[50];
	struct buf b;
	size_t i, first;

	buf_init(&b, 1000000);
	assert_int_equal(buf_append(&b, bytes, 1), 0);
	first = b.cap;
	for (i = 0; i < 10000; i++) {
		assert_int_equal(buf_append(&b, bytes, sizeof(bytes)), 0);
		buf_consume(&b, sizeof(bytes));
	}
	assert_int_equal(b.cap, first);
	buf_free(&b);
}

/* What is kept is used again; what is larger goes, and so does all
 * at a trim. */
UNIT(test_keep)
{
	static const unsigned char bytes[5000];
	unsigned char *first;
	struct buf b;

	buf_init(&b, 100000);
	b.keep = 4096;
	assert_int_equal(buf_append(&b, bytes, 100), 0);
	first = b.data;
	buf_consume(&b, 100);
	assert_ptr_equal(b.data, first);
	assert_int_equal(buf_append(&b, bytes, 200), 0);
	assert_ptr_equal(b.data, first);
	buf_trim(&b); /* not empty */
	assert_int_equal(buf_len(&b), 200);
	assert_int_equal(buf_append(&b, bytes, sizeof(bytes)), 0);
	buf_consume(&b, buf_len(&b));
	assert_null(b.data);
	assert_int_equal(buf_append(&b, bytes, 1), 0);
	buf_consume(&b, 1);
	assert_non_null(b.data);
	buf_trim(&b);
	assert_null(b.data);
	assert_int_equal(b.cap, 0);
	buf_free(&b);
}

/* Use n bytes of a queue's memory: where it was. */
static unsigned char *
use(size_t n)
{
	struct buf b;
	unsigned char *p;

	buf_init(&b, BUF_MAX);
	p = buf_reserve(&b, n);
	assert_non_null(p);
	buf_free(&b);
	return p;
}

static int64_t spare_now;

/* The time comes to look at what is spare, ms later. */
static void
trim(int64_t ms)
{
	spare_now += ms;
	buf_spare_trim(spare_now);
}

/* Whatever other tests have left goes. */
static void
spare_nothing(void)
{
	trim(BUF_SPARE_MS);
	trim(BUF_SPARE_MS);
	assert_int_equal(buf_spare(), 0);
}

/* What is large is used again by another queue, and goes to the system once
 * nothing has needed it for a while. */
UNIT(test_spare)
{
	unsigned char *p;

	spare_nothing();
	use(BUF_SPARE_LEAST / 2);
	assert_int_equal(buf_spare(), 0);
	p = use(BUF_SPARE_LEAST * 2);
	assert_int_equal(buf_spare(), BUF_SPARE_LEAST * 2);
	assert_ptr_equal(use(BUF_SPARE_LEAST * 2 - 1), p);
	use(BUF_SPARE_LEAST);
	assert_int_equal(buf_spare(), BUF_SPARE_LEAST * 3);
	trim(BUF_SPARE_MS); /* all of it was needed */
	assert_int_equal(buf_spare(), BUF_SPARE_LEAST * 3);
	assert_ptr_equal(use(BUF_SPARE_LEAST * 2), p);
	trim(BUF_SPARE_MS - 1); /* too soon */
	assert_int_equal(buf_spare(), BUF_SPARE_LEAST * 3);
	trim(1); /* only that was */
	assert_int_equal(buf_spare(), BUF_SPARE_LEAST * 2);
	trim(BUF_SPARE_MS);
	assert_int_equal(buf_spare(), 0);
}

/* There is a bound to what is spare, in a piece and in all. */
UNIT(test_spare_is_bounded)
{
	enum { PIECES = BUF_SPARE_ALL / BUF_SPARE_MOST + 1 };
	struct buf b[PIECES];
	size_t i;

	spare_nothing();
	use(BUF_SPARE_MOST * 2);
	assert_int_equal(buf_spare(), 0);
	for (i = 0; i < PIECES; i++) {
		buf_init(&b[i], BUF_MAX);
		assert_non_null(buf_reserve(&b[i], BUF_SPARE_MOST));
	}
	for (i = 0; i < PIECES; i++)
		buf_free(&b[i]);
	assert_int_equal(buf_spare(), BUF_SPARE_ALL);
	spare_nothing();
}

/* What is little moves to the front, and what is much stays. */
UNIT(test_close_up)
{
	static unsigned char bytes[100000];
	struct buf b;

	bytes[70000] = 1;
	bytes[99000] = 2;
	buf_init(&b, 1000000);
	assert_int_equal(buf_append(&b, bytes, sizeof(bytes)), 0);
	buf_consume(&b, 70000);
	buf_close_up(&b);
	assert_int_equal(b.start, 70000);
	assert_int_equal(buf_slice(&b).p[0], 1);
	buf_consume(&b, 29000);
	buf_close_up(&b);
	assert_int_equal(b.start, 0);
	assert_int_equal(buf_len(&b), 1000);
	assert_int_equal(buf_slice(&b).p[0], 2);
	buf_consume(&b, 1000);
	buf_close_up(&b);
	assert_int_equal(buf_len(&b), 0);
	buf_free(&b);
}

UNITS(PLAIN(test_empty), PLAIN(test_close_up), PLAIN(test_keep),
    PLAIN(test_spare), PLAIN(test_spare_is_bounded), PLAIN(test_append_consume),
    PLAIN(test_memory_given_back), PLAIN(test_maximum), PLAIN(test_lines),
    PLAIN(test_reserve_commit), PLAIN(test_stream),
    PLAIN(test_full_queue_is_cheap), PLAIN(test_short_queue_is_small))
