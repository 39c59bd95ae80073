/* The frames of a link: which are passed on, passed over, or refused. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>

#include "t/link_ends.h"

static void
test_versions(void **state)
{
	static const struct {
		uint64_t low, high;
		int error;
	} v[] = {
		{ 1, 1, 0 }, { 1, 9, 0 }, { 2, 9, EPROTONOSUPPORT },
		{ 2, 1, EPROTO }, { UINT64_MAX, UINT64_MAX, EPROTONOSUPPORT }
	};
	unsigned char frame[300];
	struct msg m;
	size_t i, n;
	unsigned type;

	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		teardown(state);
		setup(state);
		start(1, 1);
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

static void
test_malformed_hello(void **state)
{
	unsigned char frame[300];
	struct msg m = hello();
	size_t n;

	start(1, 1);
	m.u.hello.nonce.len--;
	n = encode(&m, frame, sizeof(frame));
	refuses(&acceptor, frame, n, EPROTO);
	assert_int_equal(link_is_hello(frame, n), -1);

	teardown(state);
	setup(state);
	start(1, 1);
	m = hello();
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
		{ { MSG_PROOF, 34 }, EPROTO },
		{ { 0, 0 }, EBADMSG },
		{ { MSG_HELLO, 0x81, 0x02 }, EMSGSIZE },
		{ { MSG_HELLO, 0xff, 0xff, 0xff, 0x7f }, EMSGSIZE },
		{ { MSG_HELLO, 0xff, 0xff, 0xff, 0xff }, EBADMSG },
		{ { MSG_HELLO, 0x80, 0x00 }, EBADMSG },
	};
	size_t i;

	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		teardown(state);
		setup(state);
		start(0, 0);
		refuses(&acceptor, v[i].head, 5, v[i].error);
		assert_int_equal(buf_len(&acceptor.out), 0);
		assert_int_equal(link_is_hello(v[i].head, 5), -1);
	}
}

/* Between hello and proof: alive and unknown odd types are passed over, and
 * nothing else comes. */
static void
test_before_proof(void **state)
{
	static const struct {
		unsigned char frame[8];
		size_t n;
		int error;
	} v[] = {
		{ { MSG_ALIVE, 0 }, 2, 0 },
		{ { MSG_ALIVE, 2, 3, 0 }, 4, 0 },
		{ { MSG_ALIVE, 2, 2, 0 }, 4, EPROTO },
		{ { 201, 3, 1, 2, 3 }, 5, 0 },
		{ { 200, 0 }, 2, EPROTO },
		{ { MSG_HELLO, 0 }, 2, EPROTO },
		{ { MSG_DEMAND, 3, 2, 1, 5 }, 5, EPROTO },
		{ { MSG_OFFERS, 3, 2, 1, 5 }, 5, EPROTO },
		{ { 201, 0x81, 0x02 }, 3, EMSGSIZE },
		{ { MSG_PROOF, 0 }, 2, EPROTO },
		{ { MSG_PROOF, 3, 2, 1, 5 }, 5, EACCES },
	};
	unsigned type;
	size_t i;

	for (i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		teardown(state);
		setup(state);
		start(1, 1);
		step(&dialler, &acceptor);
		if (v[i].error != 0) {
			refuses(&acceptor, v[i].frame, v[i].n, v[i].error);
			continue;
		}
		assert_int_equal(input(&acceptor, v[i].frame, v[i].n, &type),
		    v[i].n);
		assert_int_equal(type, 0);
		assert_int_equal(acceptor.link.phase, LINK_PROOF);
		step(&acceptor, &dialler);
		step(&dialler, &acceptor);
		assert_int_equal(acceptor.link.phase, LINK_UP);
	}
}

static void
test_messages(void **state)
{
	static const unsigned char run[] = {
		MSG_DEMAND, 3, 2, 1, 5, MSG_ALIVE, 0, 201, 1, 'x',
		MSG_DRAIN, 0, MSG_WAITING, 0x80, 0x08
	};
	struct slice value;
	unsigned type;

	(void)state;
	shake();
	assert_int_equal(link_input(&acceptor.link, 7, run, sizeof(run), &type,
	    &value), 5);
	assert_int_equal(type, MSG_DEMAND);
	assert_true(value.p == run + 2 && value.len == 3);
	assert_int_equal(link_input(&acceptor.link, 7, run + 5, 10, &type,
	    &value), 2);
	assert_int_equal(type, 0);
	assert_int_equal(link_input(&acceptor.link, 7, run + 7, 8, &type,
	    &value), 3);
	assert_int_equal(type, 0);
	assert_int_equal(link_input(&acceptor.link, 7, run + 10, 5, &type,
	    &value), 2);
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
		{ { MSG_PROOF, 0 }, 2, EPROTO },
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
		shake();
		refuses(&dialler, v[i].frame, v[i].n, v[i].error);
	}
}

static void
test_largest(void **state)
{
	unsigned char frame[3 + 1000] = { MSG_REPLY, 0xe8, 0x07 };
	unsigned type;

	(void)state;
	shake();
	assert_int_equal(input(&dialler, frame, sizeof(frame) - 1, &type), 0);
	assert_int_equal(input(&dialler, frame, sizeof(frame), &type), 1003);
	assert_int_equal(type, MSG_REPLY);
}

static void
test_queue_full(void **state)
{
	unsigned char fill[4096] = { 0 };
	struct slice q;

	(void)state;
	assert_int_equal(buf_append(&dialler.out, fill, sizeof(fill)), 0);
	assert_int_equal(link_init(&dialler.link, &dialler.self, 1, 1,
	    dialler.nonce, &dialler.out, 0), -1);
	assert_int_equal(errno, ENOBUFS);
	assert_non_null(dialler.link.why);
	buf_consume(&dialler.out, sizeof(fill));
	start(1, 1);
	assert_int_equal(buf_append(&acceptor.out, fill, sizeof(fill)), 0);
	q = buf_slice(&dialler.out);
	refuses(&acceptor, q.p, q.len, ENOBUFS);
}

static void
test_is_hello(void **state)
{
	unsigned char frame[300];
	struct msg m = hello();
	size_t n, i;

	(void)state;
	n = encode(&m, frame, sizeof(frame));
	for (i = 0; i < n; i++)
		assert_int_equal(link_is_hello(frame, i), 0);
	assert_int_equal(link_is_hello(frame, n), 1);
	assert_int_equal(link_is_hello(frame, sizeof(frame)), 1);
	frame[0] = MSG_PROOF;
	for (i = 1; i < n; i++)
		assert_int_equal(link_is_hello(frame, i), -1);
	frame[0] = MSG_HELLO;
	frame[2] = 8; /* its first field: there is no order in that */
	assert_int_equal(link_is_hello(frame, n), -1);
}

/* A hello with more in it than we know of. */
static void
test_odd_field_of_hello(void **state)
{
	unsigned char frame[300];
	struct slice q;
	unsigned type;
	size_t n;

	(void)state;
	start(1, 1);
	q = buf_slice(&dialler.out);
	memcpy(frame, q.p, q.len);
	n = q.len;
	frame[1] += 3;
	memcpy(frame + n, "\x0f\x01x", 3);
	assert_int_equal(input(&acceptor, frame, n + 3, &type), n + 3);
	assert_int_equal(acceptor.link.phase, LINK_PROOF);
	assert_int_equal(link_is_hello(frame, n + 3), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_versions),
		TEST(test_malformed_hello),
		TEST(test_heads),
		TEST(test_before_proof),
		TEST(test_messages),
		TEST(test_up_refuses),
		TEST(test_largest),
		TEST(test_queue_full),
		TEST(test_is_hello),
		TEST(test_odd_field_of_hello),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
