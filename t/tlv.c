#include <errno.h>
#include <stdlib.h>

#include "tlv.h"
#include "t/check.h"

/* The same bytes in memory of just that size, for a checker to guard. */
static unsigned char *
exact(const void *p, size_t len)
{
	unsigned char *copy;

	copy = malloc(len > 0 ? len : 1);
	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, p, len);
	return copy;
}

/* As msg.c writes a field. */
static void
put_uint(struct tlv_writer *w, unsigned type, uint64_t n)
{
	size_t len = tlv_uint_size(n);

	tlv_put_head(w, type, len);
	if (w->failed)
		return;
	tlv_uint_write(w->p, n, len);
	w->p += len;
}

UNIT(test_sizes)
{
	static const struct {
		size_t len, size;
	} v[] = {
		{ 0, 2 }, { 1, 3 }, { 127, 129 }, { 128, 131 },
		{ 16383, 16386 }, { 16384, 16388 }, { 2097151, 2097155 },
		{ 2097152, 2097157 }, { TLV_LENGTH_MAX, 268435460 }
	};
	size_t i;

	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		assert_int_equal(tlv_size(v[i].len), v[i].size);
	assert_int_equal(tlv_uint_size(0), 0);
	assert_int_equal(tlv_uint_size(255), 1);
	assert_int_equal(tlv_uint_size(256), 2);
	assert_int_equal(tlv_uint_size(UINT64_MAX >> 8), 7);
	assert_int_equal(tlv_uint_size(UINT64_MAX), 8);
}

UNIT(test_golden)
{
	static const unsigned char want[] = {
		9, 0x0c,
		1, 0,
		3, 1, 0x7f,
		4, 2, 0x01, 0x00,
		255, 1, 'x',
		8, 0
	};
	unsigned char out[sizeof(want)];
	struct tlv_writer w;

	tlv_writer_init(&w, out, sizeof(out));
	tlv_put_head(&w, 9, 12);
	put_uint(&w, 1, 0);
	put_uint(&w, 3, 127);
	put_uint(&w, 4, 256);
	tlv_put_bytes(&w, 255, slice_of("x", 1));
	tlv_put_bytes(&w, 8, slice_of(NULL, 0));
	assert_int_equal(w.failed, 0);
	assert_ptr_equal(w.p, w.end);
	assert_memory_equal(out, want, sizeof(want));
}

/* However little room there is, nothing is written outside of it, and what
 * does not fit is known at the end. */
UNIT(test_writer_bounds)
{
	static unsigned char value[300];
	unsigned char *out;
	struct tlv_writer w;
	size_t room, whole;

	whole = tlv_size(3) + tlv_size(8) + tlv_size(200);
	for (room = 0; room <= whole + 1; room++) {
		out = exact(value, room < sizeof(value) ? room : 0);
		tlv_writer_init(&w, out, room);
		tlv_put_bytes(&w, 1, slice_of("abc", 3));
		put_uint(&w, 2, UINT64_MAX);
		tlv_put_bytes(&w, 3, slice_of(value, 200));
		assert_int_equal(w.failed, room < whole);
		assert_true((size_t)(w.p - out) <= room);
		free(out);
	}
}

UNIT(test_writer_failed_stays)
{
	unsigned char out[8];
	struct tlv_writer w;

	tlv_writer_init(&w, out, sizeof(out));
	tlv_put_bytes(&w, 1, slice_of("0123456789", 10));
	assert_int_equal(w.failed, 1);
	put_uint(&w, 2, 1);
	assert_int_equal(w.failed, 1);
	assert_ptr_equal(w.p, out);
}

/* A head is put only where its value has room, too; and no longer value than
 * the length can say. */
UNIT(test_writer_head)
{
	unsigned char out[8], *large;
	struct tlv_writer w;

	tlv_writer_init(&w, out, 5);
	tlv_put_head(&w, 1, 4);
	assert_int_equal(w.failed, 1);
	tlv_writer_init(&w, out, 5);
	tlv_put_head(&w, 1, 3);
	assert_int_equal(w.failed, 0);
	assert_int_equal(w.end - w.p, 3);

	large = malloc(tlv_size(TLV_LENGTH_MAX) + 1);
	assert_non_null(large);
	tlv_writer_init(&w, large, tlv_size(TLV_LENGTH_MAX) + 1);
	tlv_put_head(&w, 1, (size_t)TLV_LENGTH_MAX + 1);
	assert_int_equal(w.failed, 1);
	tlv_writer_init(&w, large, tlv_size(TLV_LENGTH_MAX));
	tlv_put_head(&w, 1, TLV_LENGTH_MAX);
	assert_int_equal(w.failed, 0);
	free(large);
}

UNIT(test_head_lengths)
{
	static const struct {
		unsigned char bytes[TLV_HEAD_MAX];
		int head;
		size_t length;
	} v[] = {
		{ { 7, 0x00 }, 2, 0 },
		{ { 7, 0x7f }, 2, 127 },
		{ { 7, 0x80, 0x01 }, 3, 128 },
		{ { 7, 0xff, 0x7f }, 3, 16383 },
		{ { 7, 0x80, 0x80, 0x01 }, 4, 16384 },
		{ { 7, 0xff, 0xff, 0x7f }, 4, 2097151 },
		{ { 7, 0x80, 0x80, 0x80, 0x01 }, 5, 2097152 },
		{ { 7, 0xff, 0xff, 0xff, 0x7f }, 5, TLV_LENGTH_MAX }
	};
	unsigned char *p;
	unsigned type;
	size_t i, length;
	int n;

	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		for (n = 0; n < v[i].head; n++) {
			p = exact(v[i].bytes, (size_t)n);
			assert_int_equal(tlv_head(p, (size_t)n, &type,
			    &length), 0);
			free(p);
		}
		p = exact(v[i].bytes, (size_t)n);
		assert_int_equal(tlv_head(p, (size_t)n, &type, &length),
		    v[i].head);
		assert_int_equal(type, 7);
		assert_int_equal(length, v[i].length);
		free(p);
	}
}

UNIT(test_head_bad)
{
	static const struct {
		unsigned char bytes[6];
		size_t len;
	} v[] = {
		{ { 0 }, 1 },				/* type 0 */
		{ { 0, 1, 1 }, 3 },
		{ { 7, 0x80, 0x00 }, 3 },		/* 0 in 2 bytes */
		{ { 7, 0xff, 0x00 }, 3 },		/* 127 in 2 bytes */
		{ { 7, 0xff, 0xff, 0x00 }, 4 },
		{ { 7, 0x80, 0x80, 0x80, 0x00 }, 5 },
		{ { 7, 0x80, 0x80, 0x80, 0x80 }, 5 },	/* no end in 4 */
		{ { 7, 0xff, 0xff, 0xff, 0xff, 0x01 }, 6 }
	};
	struct slice in;
	struct tlv t;
	unsigned char *p;
	unsigned type;
	size_t i, length;

	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		p = exact(v[i].bytes, v[i].len);
		errno = 0;
		assert_int_equal(tlv_head(p, v[i].len, &type, &length), -1);
		assert_int_equal(errno, EBADMSG);
		in = slice_of(p, v[i].len);
		errno = 0;
		assert_int_equal(tlv_next(&in, &t), -1);
		assert_int_equal(errno, EBADMSG);
		free(p);
	}
}

UNIT(test_next)
{
	static const unsigned char bytes[] = {
		1, 2, 'a', 'b', 2, 0, 3, 1, 'c'
	};
	struct slice in;
	struct tlv t;

	in = slice_of(bytes, sizeof(bytes));
	assert_int_equal(tlv_next(&in, &t), 1);
	assert_int_equal(t.type, 1);
	assert_true(slice_equal(t.value, slice_str("ab")));
	assert_ptr_equal(t.value.p, bytes + 2);
	assert_int_equal(tlv_next(&in, &t), 1);
	assert_int_equal(t.type, 2);
	assert_int_equal(t.value.len, 0);
	assert_int_equal(tlv_next(&in, &t), 1);
	assert_int_equal(t.type, 3);
	assert_true(slice_equal(t.value, slice_str("c")));
	assert_int_equal(tlv_next(&in, &t), 0);
	assert_int_equal(tlv_next(&in, &t), 0);
}

/* Every truncation inside of a TLV is an error, between two it is an end. */
UNIT(test_next_truncated)
{
	static const unsigned char bytes[] = {
		1, 2, 'a', 'b', 2, 0, 3, 0x81, 0x01
	};
	struct slice in;
	struct tlv t;
	unsigned char *p;
	size_t len;
	int want, r;

	for (len = 0; len <= sizeof(bytes); len++) {
		p = exact(bytes, len);
		in = slice_of(p, len);
		while ((r = tlv_next(&in, &t)) == 1)
			;
		want = len == 0 || len == 4 || len == 6 ? 0 : -1;
		assert_int_equal(r, want);
		free(p);
	}
}

UNIT(test_uint)
{
	static const uint64_t v[] = {
		0, 1, 127, 128, 255, 256, 65535, 65536, 0x1122334455667788,
		UINT32_MAX, (uint64_t)UINT32_MAX + 1, UINT64_MAX
	};
	unsigned char out[16];
	struct tlv_writer w;
	struct slice in;
	struct tlv t;
	uint64_t n;
	size_t i;

	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		tlv_writer_init(&w, out, sizeof(out));
		put_uint(&w, 5, v[i]);
		in = slice_of(out, (size_t)(w.p - out));
		assert_int_equal(in.len, tlv_size(tlv_uint_size(v[i])));
		assert_int_equal(tlv_next(&in, &t), 1);
		assert_int_equal(tlv_uint(t.value, &n), 0);
		assert_true(n == v[i]);
	}
}

UNIT(test_uint_bad)
{
	uint64_t n;

	errno = 0;
	assert_int_equal(tlv_uint(slice_of("\0", 1), &n), -1);
	assert_int_equal(errno, EBADMSG);
	errno = 0;
	assert_int_equal(tlv_uint(slice_of("\0\1", 2), &n), -1);
	assert_int_equal(errno, EBADMSG);
	errno = 0;
	assert_int_equal(tlv_uint(slice_of("123456789", 9), &n), -1);
	assert_int_equal(errno, ERANGE);
}

UNITS(PLAIN(test_sizes), PLAIN(test_golden), PLAIN(test_writer_bounds),
    PLAIN(test_writer_failed_stays), PLAIN(test_writer_head),
    PLAIN(test_head_lengths), PLAIN(test_head_bad), PLAIN(test_next),
    PLAIN(test_next_truncated), PLAIN(test_uint), PLAIN(test_uint_bad))
