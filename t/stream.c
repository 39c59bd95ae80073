/* What may be sent of a stream, and how much more may come. */

#include <stdlib.h>

#include "stream.h"
#include "t/check.h"

UNIT(test_sender)
{
	uint64_t left = 0;

	assert_int_equal(stream_spend(&left, 1), -1);
	assert_int_equal(stream_allow(&left, 10), 0);
	assert_int_equal(stream_spend(&left, 4), 0);
	assert_int_equal(stream_spend(&left, 7), -1);
	assert_int_equal(left, 6);
	assert_int_equal(stream_allow(&left, STREAM_ALL), -1);
	assert_int_equal(stream_allow(&left, STREAM_ALL - 6), 0);
	assert_int_equal(stream_allow(&left, UINT64_MAX), -1);
}

/* A sender that sends all that it may, and a receiver that consumes it at once
 * or keeps `lag' bytes: the window in the end. What is on its way or kept never
 * is more than a window. */
static size_t
run_stream(size_t streams, size_t piece, uint64_t lag, int64_t way_ms)
{
	int64_t now = 0;
	struct stream s;
	uint64_t left = stream_begin(&s, streams), grant, kept = 0, n;
	size_t i, most = s.window;

	for (i = 0; i < 2000; i++, now += way_ms) {
		n = left < piece ? left : piece;
		if (n == 0)
			break;
		left -= n;
		assert_int_equal(stream_came(&s, now, (size_t)n), 0);
		kept += n;
		n = kept > lag ? kept - lag : 0;
		kept -= n;
		grant = stream_consumed(&s, now, n, streams);
		left += grant;
		if (s.window > most)
			most = s.window;
		assert_true(s.limit - s.done <= most);
		assert_int_equal(s.limit - s.came, left);
	}
	assert_true(lag > 0 || i == 2000);
	return s.window;
}

UNIT(test_receiver)
{
	/* One that never runs out of it keeps it; the other's grows. */
	assert_int_equal(run_stream(1, 1000, 0, 20), STREAM_FIRST);
	assert_int_equal(run_stream(1, STREAM_MAX, 0, 20), STREAM_MAX);
	/* It is enough where the other end is near. */
	assert_int_equal(run_stream(1, STREAM_MAX, 0, 9), STREAM_FIRST);
	/* Many have smaller ones, and none is without. */
	assert_int_equal(run_stream(64, STREAM_MAX, 0, 20), STREAM_ALL / 64);
	assert_int_equal(run_stream(1u << 20, 100, 0, 20), STREAM_LEAST);
	/* Where the other end is near they share what one has. */
	assert_int_equal(run_stream(2, STREAM_MAX, 0, 9), STREAM_FIRST / 2);
	assert_int_equal(run_stream(64, STREAM_MAX, 0, 9), STREAM_NEAR);
	/* One that lags behind does not grow. */
	assert_int_equal(run_stream(1, STREAM_FIRST, 1000, 20), STREAM_FIRST);
}

/* One that was near once is near: what takes long later is a queue. */
UNIT(test_near)
{
	struct stream s;
	uint64_t left;
	int64_t now = 0;
	int i;

	left = stream_begin(&s, 1);
	for (i = 0; i < 1000; i++, now += i == 1 ? 9 : 100) {
		assert_int_equal(stream_came(&s, now, (size_t)left), 0);
		left = stream_consumed(&s, now, left, 1);
		assert_int_equal(left, STREAM_FIRST);
	}
	/* More streams take their part of it. */
	assert_int_equal(stream_came(&s, now, STREAM_FIRST), 0);
	assert_int_equal(stream_consumed(&s, now, STREAM_FIRST, 4),
	    STREAM_FIRST / 4);
}

UNIT(test_over)
{
	int64_t now = 0;
	struct stream s;

	stream_begin(&s, 1);
	assert_int_equal(stream_came(&s, now, STREAM_FIRST), 0);
	assert_int_equal(stream_came(&s, now, 1), -1);
	assert_int_equal(stream_consumed(&s, now, STREAM_FIRST / 4, 1), 0);
	assert_int_equal(stream_consumed(&s, now, STREAM_FIRST / 4, 1),
	    STREAM_FIRST / 2);
	assert_int_equal(stream_came(&s, now, STREAM_FIRST / 2), 0);
	assert_int_equal(stream_came(&s, now, 1), -1);
}

/* What it sends is cut into pieces that fit a record. */
UNIT(test_pieces)
{
	static unsigned char bytes[3 * MSG_PIECE_MAX];
	struct outbox o;
	struct act a;
	struct msg m;
	size_t sum = 0, n;

	outbox_init(&o);
	assert_int_equal(stream_send(&o, 5, UINT64_MAX, STREAM_OUTPUT,
	    slice_of(bytes, sizeof(bytes) - 1)), 0);
	for (n = 0; outbox_take(&o, &a); n++) {
		assert_int_equal(act_message(&a, &m), 1);
		assert_int_equal(m.type, MSG_DATA);
		assert_int_equal(m.u.data.part, STREAM_OUTPUT);
		assert_true(a.bytes.len <= 16384);
		sum += m.u.data.bytes.len;
	}
	assert_int_equal(n, 3);
	assert_int_equal(sum, sizeof(bytes) - 1);
	assert_int_equal(stream_send_window(&o, 5, 1, STREAM_BODY, 0), 0);
	assert_false(outbox_take(&o, &a));
	outbox_free(&o);
}

UNITS(PLAIN(test_sender), PLAIN(test_receiver), PLAIN(test_over),
    PLAIN(test_near), PLAIN(test_pieces))
