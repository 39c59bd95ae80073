#include <errno.h>
#include <stdlib.h>

#include "frame.h"
#include "t/check.h"

static const enum frame_kind kinds[] = { FRAME_LINE, FRAME_NUL,
	FRAME_NETSTRING, FRAME_PACKET4, FRAME_MUX };

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

/* "pi 5 tenth", body "in" */
static struct msg_request
example(const char *function, const char *args, const char *body)
{
	struct msg_request r;

	memset(&r, 0, sizeof(r));
	r.function = slice_str(function);
	r.args = slice_str(args);
	r.body = slice_str(body);
	return r;
}

#define ARGS "\1\1" "5" "\1\5" "tenth"

static void
check_put(enum frame_kind kind, const struct msg_request *r, const char *want,
    size_t len)
{
	unsigned char *p;
	const char *why;
	size_t size;

	assert_int_equal(frame_size(kind, r, &size, &why), 0);
	assert_int_equal(size, len);
	p = malloc(size); /* of its own, so that a byte too many is found */
	assert_non_null(p);
	frame_write(p, kind, r, 0x01020304);
	assert_memory_equal(p, want, len);
	free(p);
}

#define WANT(s) s, sizeof(s) - 1

UNIT(test_put_body)
{
	struct msg_request r = example(NULL, NULL, "in"), empty;

	check_put(FRAME_LINE, &r, WANT("in\n"));
	check_put(FRAME_NETSTRING, &r, WANT("2:in,"));
	check_put(FRAME_PACKET4, &r, WANT("\0\0\0\2in"));
	check_put(FRAME_MUX, &r, WANT("\0\0\0\6\1\2\3\4in"));
	empty = example(NULL, NULL, NULL);
	check_put(FRAME_LINE, &empty, WANT("\n"));
	check_put(FRAME_NETSTRING, &empty, WANT("0:,"));
	check_put(FRAME_PACKET4, &empty, WANT("\0\0\0\0"));
	check_put(FRAME_MUX, &empty, WANT("\0\0\0\4\1\2\3\4"));
	r = example(NULL, NULL, "0123456789");
	check_put(FRAME_NETSTRING, &r, WANT("10:0123456789,"));
}

UNIT(test_put_function)
{
	struct msg_request r = example("pi", ARGS, "in");

	check_put(FRAME_LINE, &r, WANT("pi\t5\ttenth\tin\n"));
	check_put(FRAME_NETSTRING, &r, WANT("22:2:pi,1:5,5:tenth,2:in,,"));
	check_put(FRAME_PACKET4, &r, WANT("\0\0\0\32\0\0\0\2pi\0\0\0\1" "5"
	    "\0\0\0\5tenth\0\0\0\2in"));
	check_put(FRAME_MUX, &r, WANT("\0\0\0\36\1\2\3\4\0\0\0\2pi\0\0\0\1" "5"
	    "\0\0\0\5tenth\0\0\0\2in"));
}

/* The last newline of a line's body is the line's own. */
UNIT(test_put_line)
{
	struct msg_request r = example(NULL, NULL, "2 + 2\n");

	check_put(FRAME_LINE, &r, WANT("2 + 2\n"));
	r = example("f", NULL, "a\tb");
	check_put(FRAME_LINE, &r, WANT("f\ta\tb\n"));
}

static void
check_unfit(enum frame_kind kind, struct msg_request r, const char *word)
{
	const char *why = NULL;
	size_t size;

	errno = 0;
	assert_int_equal(frame_size(kind, &r, &size, &why), -1);
	assert_int_equal(errno, EINVAL);
	assert_non_null(strstr(why, word));
}

UNIT(test_unfit)
{
	struct buf b;
	const char *why;

	check_unfit(FRAME_LINE, example(NULL, NULL, "a\nb"), "newline");
	check_unfit(FRAME_LINE, example("f\n", NULL, "a"), "newline");
	check_unfit(FRAME_LINE, example("f\t", NULL, "a"), "tab");
	check_unfit(FRAME_LINE, example("f", "\1\3" "a\tb", "a"), "tab");
	check_unfit(FRAME_LINE, example("f", "\1\3" "a\nb", "a"), "newline");
	check_unfit(FRAME_MUX, example(NULL, ARGS, "a"), "without a function");
	buf_init(&b, 3);
	errno = 0;
	assert_int_equal(frame_put_body(&b, FRAME_PACKET4, slice_str(""),
	    &why), -1);
	assert_int_equal(errno, ENOBUFS);
	assert_int_equal(frame_put_body(&b, FRAME_NUL, slice_of("a\0", 2),
	    &why), -1);
	assert_int_equal(errno, EINVAL);
	buf_free(&b);
}

static const char *
stream_of(enum frame_kind kind, size_t *len)
{
	switch (kind) {
	case FRAME_LINE:
		*len = 7;
		return "one\n\n2\n";
	case FRAME_NUL:
		*len = 7;
		return "one\0\0002";
	case FRAME_NETSTRING:
		*len = 13;
		return "3:one,0:,1:2,";
	case FRAME_PACKET4:
		*len = 16;
		return "\0\0\0\3one\0\0\0\0\0\0\0\1" "2";
	case FRAME_MUX:
		break;
	}
	*len = 28;
	return "\0\0\0\7\0\0\0\7one\0\0\0\4\0\0\0\10\0\0\0\5\0\0\0\11" "2";
}

/* Every stream byte by byte: no frame before its last byte. */
UNIT(test_next)
{
	static const char *const want[] = { "one", "", "2" };
	struct frame_reader r;
	struct frame f;
	const unsigned char *p;
	size_t i, k, start, n, len;
	ssize_t taken;

	for (k = 0; k < LEN(kinds); k++) {
		memset(&r, 0, sizeof(r));
		r.kind = kinds[k];
		p = (const unsigned char *)stream_of(kinds[k], &len);
		for (i = start = n = 0; i <= len; i++) {
			taken = frame_next(&r, p + start, i - start, &f);
			assert_true(taken >= 0);
			if (taken == 0)
				continue;
			assert_int_equal(start + (size_t)taken, i);
			assert_true(slice_equal(f.body, slice_str(want[n])));
			assert_int_equal(f.id,
			    kinds[k] == FRAME_MUX ? 7 + n : 0);
			start = i;
			n++;
		}
		assert_int_equal(n, 3);
		assert_int_equal(start, len);
	}
}

static void
check_bad(enum frame_kind kind, const char *s, size_t len, int error)
{
	struct frame_reader r;
	struct frame f;

	memset(&r, 0, sizeof(r));
	r.kind = kind;
	errno = 0;
	assert_int_equal(
	    frame_next(&r, (const unsigned char *)s, len, &f), -1);
	assert_int_equal(errno, error);
}

UNIT(test_bad)
{
	check_bad(FRAME_NETSTRING, WANT("x"), EBADMSG);
	check_bad(FRAME_NETSTRING, WANT(":"), EBADMSG);
	check_bad(FRAME_NETSTRING, WANT("01"), EBADMSG);
	check_bad(FRAME_NETSTRING, WANT("1;"), EBADMSG);
	check_bad(FRAME_NETSTRING, WANT("1:ab"), EBADMSG);
	check_bad(FRAME_NETSTRING, WANT("99999999:"), EMSGSIZE);
	check_bad(FRAME_NETSTRING, WANT("999999999"), EMSGSIZE);
	check_bad(FRAME_PACKET4, WANT("\1\0\0\0"), EMSGSIZE);
	check_bad(FRAME_PACKET4, WANT("\377\377\377\377"), EMSGSIZE);
	check_bad(FRAME_MUX, WANT("\0\0\0\3"), EBADMSG);
	check_bad(FRAME_MUX, WANT("\1\0\0\0"), EMSGSIZE);
}

UNIT(test_line_bound)
{
	struct frame_reader r;
	struct frame f;
	unsigned char *p = malloc(FRAME_MAX + 1);

	assert_non_null(p);
	memset(p, 'x', FRAME_MAX + 1);
	memset(&r, 0, sizeof(r));
	assert_int_equal(frame_next(&r, p, FRAME_MAX, &f), 0);
	assert_int_equal(frame_next(&r, p, FRAME_MAX + 1, &f), -1);
	assert_int_equal(errno, EMSGSIZE);
	p[FRAME_MAX] = '\n';
	memset(&r, 0, sizeof(r));
	assert_int_equal(frame_next(&r, p, FRAME_MAX + 1, &f), FRAME_MAX + 1);
	assert_int_equal(f.body.len, FRAME_MAX);
	free(p);
}

/* The last line need not be ended; of the others, what is left is cut short.
 * The reader goes on from there. */
UNIT(test_last)
{
	const unsigned char *p = (const unsigned char *)"2:a";
	struct frame_reader r;
	struct frame f;
	size_t i;

	for (i = 0; i < LEN(kinds); i++) {
		memset(&r, 0, sizeof(r));
		r.kind = kinds[i];
		if (i < 3)
			assert_int_equal(frame_next(&r, p, 3, &f), 0);
		assert_int_equal(frame_last(&r, p, 3, &f), i < 2);
		assert_true(slice_equal(f.body, slice_of(p, 3)));
		assert_int_equal(frame_next(&r, p, 0, &f), 0);
	}
}

/* What is put comes out again. */
UNIT(test_round_trip)
{
	struct frame_reader r;
	struct frame f;
	struct buf b;
	const char *why;
	size_t k;

	for (k = 0; k < LEN(kinds); k++) {
		if (kinds[k] == FRAME_MUX)
			continue;
		memset(&r, 0, sizeof(r));
		r.kind = kinds[k];
		buf_init(&b, 100);
		assert_int_equal(frame_put_body(&b, kinds[k],
		    slice_str("a body"), &why), 0);
		assert_int_equal(frame_next(&r, buf_slice(&b).p, buf_len(&b),
		    &f), buf_len(&b));
		assert_true(slice_equal(f.body, slice_str("a body")));
		buf_free(&b);
	}
}

UNIT(test_names)
{
	assert_int_equal(frame_kind("line"), FRAME_LINE);
	assert_int_equal(frame_kind("mux"), FRAME_MUX);
	assert_int_equal(frame_kind("exec"), -1);
	assert_int_equal(frame_kind(""), -1);
}

UNITS(PLAIN(test_put_body), PLAIN(test_put_function), PLAIN(test_put_line),
    PLAIN(test_unfit), PLAIN(test_next), PLAIN(test_bad),
    PLAIN(test_line_bound), PLAIN(test_last), PLAIN(test_round_trip),
    PLAIN(test_names))
