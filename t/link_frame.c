/* The frames of a link: which are passed on, passed over, or refused. */

#include <errno.h>

#include "t/link_ends.h"
#include "t/check.h"

static void
test_versions(void **state)
{
	static const struct {
		uint64_t low, high;
		int error;
	} v[] = {
		{ 2, 2, 0 }, { 1, 9, 0 }, { 3, 9, EPROTONOSUPPORT },
		{ 1, 1, EPROTONOSUPPORT }, { 3, 2, EPROTO },
		{ UINT64_MAX, UINT64_MAX, EPROTONOSUPPORT }
	};
	unsigned char frame[300];
	struct msg m;
	size_t i, n;
	unsigned type;

	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		teardown(state);
		setup(state);
		start(0);
		m = hello();
		m.u.hello.low = v[i].low;
		m.u.hello.high = v[i].high;
		n = encode(&m, frame, sizeof(frame));
		if (v[i].error == 0)
			assert_int_equal(input(&acceptor, frame, n, &type), n);
		else
			refuses(&acceptor, frame, n, v[i].error);
		/* A well-formed hello is answered, so that it says why. */
		assert_true((buf_len(&acceptor.out) > 0) ==
		    (v[i].error != EPROTO));
	}
}

UNIT(test_malformed_hello)
{
	unsigned char frame[300];
	struct msg m = hello();
	size_t n;

	start(0);
	memset(&m.u.hello.instance, 0, ID_SIZE);
	n = encode(&m, frame, sizeof(frame));
	refuses(&acceptor, frame, n, EPROTO);
	assert_int_equal(buf_len(&acceptor.out), 0);
}

/* Before the link is up, by the head alone. */
static void
test_heads(void **state)
{
	static const struct {
		unsigned char head[5];
		int error;
	} v[] = {
		{ "GET /", EPROTO }, /* odd, but no hello */
		{ { MSG_ALIVE, 0 }, EPROTO },
		{ { MSG_REQUEST, 9 }, EPROTO },
		{ { 4, 34 }, EPROTO }, /* the proof of protocol 1 */
		{ { MSG_HELLO, 0xc9, 0x01 }, EMSGSIZE },
		{ { MSG_HELLO, 0xff, 0xff, 0xff, 0x7f }, EMSGSIZE },
		{ { MSG_HELLO, 0xff, 0xff, 0xff, 0xff }, EBADMSG },
		{ { MSG_HELLO, 0x80, 0x00 }, EBADMSG },
	};
	size_t i;

	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		teardown(state);
		setup(state);
		start(0);
		refuses(&acceptor, v[i].head, 5, v[i].error);
		assert_int_equal(buf_len(&acceptor.out), 0);
	}
}

/* The hello of protocol 1 has even fields that are none now. */
UNIT(test_old_hello)
{
	static const unsigned char old[] = { MSG_HELLO, 9, 2, 1, 1, 4, 1, 1, 8,
		1, 1 };

	start(0);
	refuses(&acceptor, old, sizeof(old), EPROTO);
	assert_string_equal(acceptor.link.why, "its hello is malformed, or it "
	    "speaks protocol 1");
}

UNIT(test_messages)
{
	static const unsigned char run[] = {
		MSG_DEMAND, 3, 2, 1, 5, MSG_ALIVE, 0, 201, 1, 'x',
		MSG_DRAIN, 0, MSG_WAITING, 0x80, 0x08
	};
	struct slice bytes = slice_of(run, sizeof(run)), value;
	unsigned type;

	shake(0);
	assert_int_equal(link_input(&acceptor.link, 7, &bytes, &type, &value),
	    1);
	assert_true(bytes.p == run + 5 && bytes.len == sizeof(run) - 5);
	assert_int_equal(type, MSG_DEMAND);
	assert_true(value.p == run + 2 && value.len == 3);
	assert_int_equal(link_input(&acceptor.link, 7, &bytes, &type, &value),
	    1);
	assert_true(bytes.p == run + 7);
	assert_int_equal(type, 0);
	assert_int_equal(link_input(&acceptor.link, 7, &bytes, &type, &value),
	    1);
	assert_true(bytes.p == run + 10);
	assert_int_equal(type, 0);
	assert_int_equal(link_input(&acceptor.link, 7, &bytes, &type, &value),
	    1);
	assert_true(bytes.p == run + 12);
	assert_int_equal(type, MSG_DRAIN);
	assert_int_equal(value.len, 0);
	/* 1024 bytes are more than the maximum of 1000, and refused by the
	 * head. */
	refuses(&acceptor, run + 12, 3, EMSGSIZE);
}

static void
test_up_refuses(void **state)
{
	static const struct {
		unsigned char frame[8];
		size_t n;
		int error;
	} v[] = {
		{ { MSG_HELLO, 0 }, 2, EPROTO },
		{ { 4, 34 }, 2, EPROTO },
		{ { 200, 0 }, 2, EPROTO },
		{ { 200, 0x64 }, 2, EPROTO }, /* by the head */
		{ { 0, 0 }, 2, EBADMSG },
		{ { MSG_ALIVE, 2, 2, 0 }, 4, EPROTO },
		{ { MSG_REQUEST, 0xe9, 0x07 }, 3, EMSGSIZE },
	};
	size_t i;

	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		teardown(state);
		setup(state);
		shake(0);
		refuses(&dialler, v[i].frame, v[i].n, v[i].error);
	}
}

UNIT(test_largest)
{
	unsigned char frame[3 + 1000] = { MSG_REPLY, 0xe8, 0x07 };
	unsigned type;

	shake(0);
	assert_int_equal(input(&dialler, frame, sizeof(frame) - 1, &type), 0);
	assert_int_equal(input(&dialler, frame, sizeof(frame), &type), 1003);
	assert_int_equal(type, MSG_REPLY);
}

UNIT(test_queue_full)
{
	unsigned char fill[4096] = { 0 };
	struct slice q;

	assert_int_equal(buf_append(&dialler.out, fill, sizeof(fill)), 0);
	assert_int_equal(link_init(&dialler.link, &dialler.self, 1, 0,
	    dialler.secret, &dialler.out, 0), -1);
	assert_int_equal(errno, ENOBUFS);
	assert_non_null(dialler.link.why);
	buf_consume(&dialler.out, sizeof(fill));
	start(0);
	assert_int_equal(buf_append(&acceptor.out, fill, sizeof(fill)), 0);
	q = flush(&dialler);
	refuses(&acceptor, q.p, q.len, ENOBUFS);
}

/* A hello with more in it than we know of. */
UNIT(test_odd_field_of_hello)
{
	unsigned char frame[300];
	struct slice q;
	unsigned type;
	size_t n;

	start(0);
	q = flush(&dialler);
	memcpy(frame, q.p, q.len);
	n = q.len;
	frame[1] += 3;
	memcpy(frame + n, "\x11\x01x", 3);
	assert_int_equal(input(&acceptor, frame, n + 3, &type), n + 3);
	assert_int_equal(acceptor.link.phase, LINK_UP);
}

UNITS(TEST(test_versions), TEST(test_malformed_hello), TEST(test_heads),
    TEST(test_old_hello), TEST(test_messages), TEST(test_up_refuses),
    TEST(test_largest), TEST(test_queue_full), TEST(test_odd_field_of_hello))
