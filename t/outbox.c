#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core.h"
#include "t/check.h"

static struct msg
demand(uint64_t tokens)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_DEMAND;
	m.u.demand.tokens = tokens;
	return m;
}

UNIT(test_empty)
{
	struct outbox o;
	struct act a;

	outbox_init(&o);
	assert_int_equal(outbox_len(&o), 0);
	assert_int_equal(outbox_take(&o, &a), 0);
	outbox_free(&o);
}

UNIT(test_order)
{
	struct outbox o;
	struct act a;

	outbox_init(&o);
	assert_int_equal(outbox_act(&o, ACT_DIAL, 7, DIAL_HOUR,
	    slice_str("10.0.0.1:4370")), 0);
	assert_int_equal(outbox_act(&o, ACT_STOP, 0, 111, slice_str("")), 0);
	assert_int_equal(outbox_act(&o, ACT_OWN + 3, UINT32_MAX, UINT64_MAX,
	    slice_str("x")), 0);
	assert_true(outbox_len(&o) > 0);

	assert_int_equal(outbox_take(&o, &a), 1);
	assert_int_equal(a.kind, ACT_DIAL);
	assert_int_equal(a.peer, 7);
	assert_int_equal(a.value, DIAL_HOUR);
	assert_true(slice_equal(a.bytes, slice_str("10.0.0.1:4370")));
	assert_int_equal(outbox_take(&o, &a), 1);
	assert_int_equal(a.kind, ACT_STOP);
	assert_int_equal(a.value, 111);
	assert_int_equal(a.bytes.len, 0);
	assert_true(outbox_len(&o) > 0);
	assert_int_equal(outbox_take(&o, &a), 1);
	assert_int_equal(a.kind, ACT_OWN + 3);
	assert_int_equal(a.peer, UINT32_MAX);
	assert_true(a.value == UINT64_MAX);
	/* The last one's bytes stand although nothing else is left. */
	assert_int_equal(outbox_len(&o), 0);
	assert_true(slice_equal(a.bytes, slice_str("x")));
	assert_int_equal(outbox_take(&o, &a), 0);
	/* The rest is freed. */
	assert_true(o.buf.cap + o.out.cap <= 2 * OUTBOX_KEEP);
	outbox_free(&o);
}

/* What a core appends while an act is carried out leaves the act's bytes alone,
 * and may be those bytes themselves. */
UNIT(test_bytes_stand)
{
	struct outbox o;
	struct act a;
	int i, n;

	outbox_init(&o);
	assert_int_equal(outbox_act(&o, ACT_LOG, 0, 0, slice_str("first")), 0);
	assert_int_equal(outbox_act(&o, ACT_LOG, 0, 0, slice_str("next")), 0);
	for (n = 0; n < 2; n++) {
		assert_int_equal(outbox_take(&o, &a), 1);
		for (i = 0; i < 100000; i++)
			assert_int_equal(outbox_act(&o, ACT_LOG, 0, 0,
			    a.bytes), 0);
		assert_true(slice_equal(a.bytes,
		    slice_str(n == 0 ? "first" : "next")));
	}
	for (i = 0; i < 200000; i++) {
		assert_int_equal(outbox_take(&o, &a), 1);
		assert_true(slice_equal(a.bytes,
		    slice_str(i < 100000 ? "first" : "next")));
	}
	assert_int_equal(outbox_take(&o, &a), 0);
	outbox_free(&o);
}

/* What a driver does: carry out an act, have the core append, take on. */
UNIT(test_append_between)
{
	struct outbox o;
	struct act a;
	uint64_t next = 0, n;
	int i;

	outbox_init(&o);
	for (n = 0; n < 1000; n++) {
		assert_int_equal(outbox_act(&o, ACT_LOG, 1, 2 * n,
		    slice_str("even")), 0);
		assert_int_equal(outbox_act(&o, ACT_LOG, 1, 2 * n + 1,
		    slice_str("odd")), 0);
		for (i = 0; i < (n % 2 ? 3 : 1); i++, next++) {
			assert_int_equal(outbox_take(&o, &a), 1);
			assert_int_equal(a.value, next);
			assert_true(slice_equal(a.bytes,
			    slice_str(next % 2 ? "odd" : "even")));
		}
	}
	assert_int_equal(next, 2000);
	assert_int_equal(outbox_len(&o), 0);
	outbox_free(&o);
}

UNIT(test_send)
{
	static const unsigned char want[] = { 30, 4, 2, 2, 0x01, 0x00 };
	struct msg m = demand(256);
	struct outbox o;
	struct act a;

	outbox_init(&o);
	assert_int_equal(outbox_send(&o, 9, &m), 0);
	assert_int_equal(outbox_take(&o, &a), 1);
	assert_int_equal(a.kind, ACT_SEND);
	assert_int_equal(a.peer, 9);
	assert_true(slice_equal(a.bytes, slice_of(want, sizeof(want))));
	outbox_free(&o);
}

UNIT(test_log)
{
	char want[1200];
	struct outbox o;
	struct act a;

	outbox_init(&o);
	assert_int_equal(outbox_log(&o, 2, "%s has %d", "calc", 3), 0);
	memset(want, 'x', sizeof(want) - 1);
	want[sizeof(want) - 1] = '\0';
	assert_int_equal(outbox_log(&o, 0, "%s", want), 0);
	assert_int_equal(outbox_take(&o, &a), 1);
	assert_int_equal(a.kind, ACT_LOG);
	assert_int_equal(a.value, 2);
	assert_true(slice_equal(a.bytes, slice_str("calc has 3")));
	assert_int_equal(outbox_take(&o, &a), 1);
	assert_int_equal(a.bytes.len, 1023);
	assert_memory_equal(a.bytes.p, want, 1023);
	outbox_free(&o);
}

/* The next act is a line with that at its end, after 200 spaces. */
static void
is_said(struct outbox *o, int what)
{
	struct act a;
	char end[16];
	size_t n;

	n = (size_t)snprintf(end, sizeof(end), "%d", what);
	assert_int_equal(outbox_take(o, &a), 1);
	assert_int_equal(a.kind, ACT_LOG);
	assert_int_equal(a.value, 1);
	assert_int_equal(a.bytes.len, 200 + n);
	assert_memory_equal(a.bytes.p + 200, end, n);
}

/* Lines are said once, be it by turns and however long they are, as long as
 * there are not too many. */
UNIT(test_log_once)
{
	struct outbox_once once;
	struct outbox o;
	int i, again;

	outbox_init(&o);
	memset(&once, 0, sizeof(once));
	for (again = 0; again < 3; again++)
		for (i = 0; i < OUTBOX_ONCE_LINES; i++)
			assert_int_equal(outbox_log_once(&o, &once, 1,
			    "%200s%d", "", i), 0);
	for (i = 0; i < OUTBOX_ONCE_LINES; i++)
		is_said(&o, i);
	assert_int_equal(outbox_len(&o), 0);
	/* One more: the oldest is forgotten, and no other. */
	for (i = OUTBOX_ONCE_LINES; i >= 0; i--)
		assert_int_equal(outbox_log_once(&o, &once, 1, "%200s%d", "",
		    i), 0);
	is_said(&o, OUTBOX_ONCE_LINES);
	is_said(&o, 0);
	assert_int_equal(outbox_len(&o), 0);
	memset(&once, 0, sizeof(once));
	assert_int_equal(outbox_log_once(&o, &once, 1, "%200s%d", "", 7), 0);
	is_said(&o, 7);
	outbox_free(&o);
}

/* A shell that takes nothing out: -1, and what was in is in. */
UNIT(test_full)
{
	size_t size = 8 * 1024 * 1024, n = 0;
	struct msg m = demand(1);
	struct outbox o;
	struct act a;
	char *big = calloc(1, size);

	assert_non_null(big);
	outbox_init(&o);
	while (outbox_act(&o, ACT_SEND, (uint32_t)n, 0,
	    slice_of(big, size)) == 0)
		n++;
	assert_int_equal(errno, ENOBUFS);
	assert_int_equal(n, 7);
	errno = 0;
	assert_int_equal(outbox_act(&o, ACT_SEND, 0, 0,
	    slice_of(big, OUTBOX_MAX)), -1);
	assert_int_equal(errno, ENOBUFS);
	assert_int_equal(outbox_send(&o, 7, &m), 0);
	for (n = 0; n < 8; n++) {
		assert_int_equal(outbox_take(&o, &a), 1);
		assert_int_equal(a.peer, n);
		assert_int_equal(a.bytes.len, n < 7 ? size : 5);
	}
	assert_int_equal(outbox_take(&o, &a), 0);
	free(big);
	outbox_free(&o);
}

UNITS(PLAIN(test_empty), PLAIN(test_order), PLAIN(test_bytes_stand),
    PLAIN(test_append_between), PLAIN(test_send), PLAIN(test_log),
    PLAIN(test_log_once), PLAIN(test_full))
