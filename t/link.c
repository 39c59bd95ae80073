#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "link.h"

#define KEY "0123456789abcdef0123456789abcdef"

/* Two ends of one connection; what one queues is the other's input. */
struct end {
	struct link_self self;
	struct link link;
	struct buf out;
	unsigned char nonce[NONCE_SIZE];
};

static struct end dialler, acceptor;

static void
end_init(struct end *e, unsigned role, unsigned char mark, const char *key)
{
	memset(e, 0, sizeof(*e));
	e->self.role = role;
	e->self.instance.b[0] = mark;
	e->self.key = slice_str(key);
	e->self.message_max = 1000;
	memset(e->nonce, mark, NONCE_SIZE);
	buf_init(&e->out, 4096);
}

static void
end_start(struct end *e, int prove, int64_t now)
{
	assert_int_equal(link_init(&e->link, &e->self, e == &dialler, prove,
	    e->nonce, &e->out, now), 0);
}

static int
setup(void **state)
{
	(void)state;
	end_init(&dialler, ROLE_BROKER, 0xd1, KEY);
	end_init(&acceptor, ROLE_AUTHORITY, 0xac, KEY);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	buf_free(&dialler.out);
	buf_free(&acceptor.out);
	return 0;
}

/* Input in memory of just its size, so that a checker sees a byte too far. */
static ssize_t
input(struct end *e, const void *bytes, size_t n, unsigned *type)
{
	unsigned char *p = malloc(n > 0 ? n : 1);
	struct slice value;
	ssize_t r;

	assert_non_null(p);
	if (n > 0)
		memcpy(p, bytes, n);
	r = link_input(&e->link, 0, p, n, type, &value);
	if (r > 0 && *type != 0)
		assert_true(value.p + value.len == p + r);
	free(p);
	return r;
}

/* One frame over from one end to the other; all that went before it in pieces
 * is not whole yet. */
static ssize_t
step(struct end *from, struct end *to)
{
	struct slice queued = buf_slice(&from->out);
	unsigned type;
	ssize_t r;
	size_t n, len;
	int head;

	head = tlv_head(queued.p, queued.len, &type, &len);
	assert_true(head > 0);
	for (n = 0; n < (size_t)head + len; n++)
		assert_int_equal(input(to, queued.p, n, &type), 0);
	r = input(to, queued.p, queued.len, &type);
	if (r > 0) {
		assert_int_equal(r, (size_t)head + len);
		assert_int_equal(type, 0);
		buf_consume(&from->out, (size_t)r);
	}
	return r;
}

static void
start(int dialler_proves, int acceptor_proves)
{
	end_start(&dialler, dialler_proves, 0);
	end_start(&acceptor, acceptor_proves, 0);
	assert_int_equal(buf_len(&acceptor.out), 0);
}

static void
shake(void)
{
	start(1, 1);
	assert_true(step(&dialler, &acceptor) > 0);
	assert_true(step(&acceptor, &dialler) > 0);
	assert_true(step(&dialler, &acceptor) > 0);
	assert_true(step(&acceptor, &dialler) > 0);
	assert_int_equal(dialler.link.phase, LINK_UP);
	assert_int_equal(acceptor.link.phase, LINK_UP);
	assert_int_equal(buf_len(&dialler.out), 0);
	assert_int_equal(buf_len(&acceptor.out), 0);
}

/* That the input closes the connection, why, and that it is said. */
static void
refuses(struct end *e, const void *bytes, size_t n, int error)
{
	unsigned type;

	errno = 0;
	assert_int_equal(input(e, bytes, n, &type), -1);
	assert_int_equal(errno, error);
	assert_int_equal(type, 0);
	assert_non_null(e->link.why);
	assert_int_equal(e->link.phase, LINK_DOWN);
	assert_string_equal(link_eof_reason(&e->link), e->link.why);
	assert_true(link_deadline(&e->link) == INT64_MAX);
}

/* A frame of the dialler's hello, changed by the caller. */
static struct msg
hello(void)
{
	struct msg m;

	memset(&m, 0, sizeof(m));
	m.type = MSG_HELLO;
	m.u.hello.low = m.u.hello.high = 1;
	m.u.hello.role = 1;
	m.u.hello.instance.b[0] = 0x77;
	m.u.hello.nonce = slice_of(dialler.nonce, NONCE_SIZE);
	return m;
}

static size_t
encode(const struct msg *m, unsigned char *p, size_t n)
{
	struct tlv_writer w;

	tlv_writer_init(&w, p, n);
	assert_int_equal(msg_encode(m, &w), 0);
	return (size_t)(w.p - p);
}

static void
test_proven(void **state)
{
	(void)state;
	shake();
	assert_int_equal(dialler.link.role, ROLE_AUTHORITY);
	assert_int_equal(acceptor.link.role, ROLE_BROKER);
	assert_true(id_equal(&dialler.link.instance, &acceptor.self.instance));
	assert_true(id_equal(&acceptor.link.instance, &dialler.self.instance));
}

static void
test_order_of_frames(void **state)
{
	(void)state;
	start(1, 1);
	assert_int_equal(dialler.link.phase, LINK_HELLO);
	assert_int_equal(acceptor.link.phase, LINK_HELLO);
	assert_int_equal(buf_slice(&dialler.out).p[0], MSG_HELLO);
	step(&dialler, &acceptor);
	assert_int_equal(acceptor.link.phase, LINK_PROOF);
	assert_int_equal(buf_slice(&acceptor.out).p[0], MSG_HELLO);
	step(&acceptor, &dialler);
	/* The acceptor proves nothing to whom has not proven himself. */
	assert_int_equal(buf_len(&acceptor.out), 0);
	assert_int_equal(dialler.link.phase, LINK_PROOF);
	assert_int_equal(buf_slice(&dialler.out).p[0], MSG_PROOF);
	step(&dialler, &acceptor);
	assert_int_equal(acceptor.link.phase, LINK_UP);
	assert_int_equal(dialler.link.phase, LINK_PROOF);
	assert_int_equal(buf_slice(&acceptor.out).p[0], MSG_PROOF);
	step(&acceptor, &dialler);
	assert_int_equal(dialler.link.phase, LINK_UP);
}

/* The proof on the wire is what lambda-protocol(7) says, made here by hand. */
static void
test_mac(void **state)
{
	unsigned char mac[SHA256_SIZE];
	struct slice d, a;
	struct hmac h;

	(void)state;
	start(0, 1);
	hmac_init(&h, KEY, strlen(KEY));
	hmac_update(&h, "lambda1 dialler", 15);
	d = buf_slice(&dialler.out);
	hmac_update(&h, d.p, d.len);
	step(&dialler, &acceptor);
	a = buf_slice(&acceptor.out);
	hmac_update(&h, a.p, a.len);
	hmac_final(&h, mac);
	step(&acceptor, &dialler);
	d = buf_slice(&dialler.out);
	assert_int_equal(d.len, 4 + SHA256_SIZE);
	assert_memory_equal(d.p + 4, mac, SHA256_SIZE);
}

static void
test_no_proof(void **state)
{
	(void)state;
	dialler.self.key = acceptor.self.key = slice_str("");
	start(0, 0);
	step(&dialler, &acceptor);
	assert_int_equal(acceptor.link.phase, LINK_UP);
	step(&acceptor, &dialler);
	assert_int_equal(dialler.link.phase, LINK_UP);
	assert_int_equal(buf_len(&dialler.out), 0);
}

/* Where one end asks for the proof, both give it. */
static void
test_one_asks(void **state)
{
	int who;

	for (who = 0; who < 2; who++) {
		teardown(state);
		setup(state);
		start(who, !who);
		assert_true(step(&dialler, &acceptor) > 0);
		assert_int_equal(acceptor.link.phase, LINK_PROOF);
		assert_true(step(&acceptor, &dialler) > 0);
		assert_true(step(&dialler, &acceptor) > 0);
		assert_true(step(&acceptor, &dialler) > 0);
		assert_int_equal(dialler.link.phase, LINK_UP);
	}
}

static void
test_wrong_key(void **state)
{
	struct slice proof;

	(void)state;
	acceptor.self.key = slice_str("another key, as long as the first");
	start(1, 1);
	step(&dialler, &acceptor);
	step(&acceptor, &dialler);
	proof = buf_slice(&dialler.out);
	refuses(&acceptor, proof.p, proof.len, EACCES);
	assert_string_equal(acceptor.link.why, "wrong key");
	/* It learns nothing from us. */
	assert_int_equal(buf_len(&acceptor.out), 0);
	assert_string_equal(link_eof_reason(&dialler.link),
	    "closed during the handshake: wrong key?");
}

/* An acceptor without the key: its proof is no good either. */
static void
test_wrong_key_of_acceptor(void **state)
{
	unsigned char frame[] = { MSG_PROOF, 34, 2, 32, [35] = 0 };

	(void)state;
	start(1, 1);
	step(&dialler, &acceptor);
	step(&acceptor, &dialler);
	/* Not even the dialler's own, sent back to it. */
	memcpy(frame, buf_slice(&dialler.out).p, sizeof(frame));
	refuses(&dialler, frame, sizeof(frame), EACCES);
	assert_string_equal(dialler.link.why, "wrong key");
}

/* Any byte of either hello changed on the way: no link. */
static void
test_hellos_are_proven(void **state)
{
	unsigned char frame[MSG_HELLO_MAX];
	struct slice hello_frame, proof;
	unsigned type;
	size_t i, n;

	for (i = n = 0; i == 0 || i < n; i++) {
		teardown(state);
		setup(state);
		start(1, 1);
		hello_frame = buf_slice(&dialler.out);
		n = hello_frame.len;
		memcpy(frame, hello_frame.p, n);
		frame[i] ^= 1;
		if (input(&acceptor, frame, n, &type) <= 0)
			continue;
		buf_consume(&dialler.out, n);
		assert_int_equal(acceptor.link.phase, LINK_PROOF);
		assert_true(step(&acceptor, &dialler) > 0);
		proof = buf_slice(&dialler.out);
		refuses(&acceptor, proof.p, proof.len, EACCES);
	}
	assert_true(n > 60);
}

static void
test_key_required(void **state)
{
	struct slice q;

	(void)state;
	dialler.self.key = slice_str("");
	start(0, 1);
	step(&dialler, &acceptor);
	q = buf_slice(&acceptor.out);
	refuses(&dialler, q.p, q.len, EACCES);
	assert_string_equal(dialler.link.why, "a key is required");
	assert_int_equal(buf_len(&dialler.out), 0);
}

static void
test_ourselves(void **state)
{
	struct slice q;
	size_t len;

	(void)state;
	/* One process at both ends. */
	acceptor.self.instance = dialler.self.instance;
	start(1, 1);
	q = buf_slice(&dialler.out);
	len = q.len;
	refuses(&acceptor, q.p, q.len, ELOOP);
	/* Its hello is on the way, so the dialler learns it too. */
	q = buf_slice(&acceptor.out);
	refuses(&dialler, q.p, q.len, ELOOP);
	assert_int_equal(buf_len(&dialler.out), len);
}

static void
test_own_nonce(void **state)
{
	struct slice q;

	(void)state;
	memcpy(acceptor.nonce, dialler.nonce, NONCE_SIZE);
	start(1, 1);
	q = buf_slice(&dialler.out);
	refuses(&acceptor, q.p, q.len, ELOOP);
	q = buf_slice(&acceptor.out);
	refuses(&dialler, q.p, q.len, ELOOP);
}

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
test_handshake_time(void **state)
{
	(void)state;
	end_start(&dialler, 1, 100);
	assert_int_equal(link_deadline(&dialler.link), 3100);
	assert_int_equal(link_tick(&dialler.link, 3099), 0);
	errno = 0;
	assert_int_equal(link_tick(&dialler.link, 3100), -1);
	assert_int_equal(errno, ETIMEDOUT);
	assert_non_null(dialler.link.why);
	/* Bytes that lead nowhere win no time. */
	end_start(&acceptor, 1, 0);
	link_heard(&acceptor.link, 2999);
	assert_int_equal(link_tick(&acceptor.link, 3000), -1);
	assert_int_equal(errno, ETIMEDOUT);
	assert_int_equal(buf_len(&acceptor.out), 0);
}

static void
test_heartbeat(void **state)
{
	static const unsigned char alive[] = { MSG_ALIVE, 0 };

	(void)state;
	shake();
	link_heard(&dialler.link, 4000);
	assert_int_equal(link_deadline(&dialler.link), 5000);
	assert_int_equal(link_tick(&dialler.link, 4999), 0);
	assert_int_equal(buf_len(&dialler.out), 0);
	assert_int_equal(link_tick(&dialler.link, 5000), 0);
	assert_true(slice_equal(buf_slice(&dialler.out),
	    slice_of(alive, sizeof(alive))));
	assert_int_equal(link_deadline(&dialler.link), 10000);
	/* What waits to be written is beat enough. */
	assert_int_equal(link_tick(&dialler.link, 10000), 0);
	assert_int_equal(buf_len(&dialler.out), 2);
	assert_int_equal(link_deadline(&dialler.link), 15000);
	buf_consume(&dialler.out, 2);
	/* And so is what others send. */
	link_sent(&dialler.link, 14000);
	link_heard(&dialler.link, 14000);
	assert_int_equal(link_tick(&dialler.link, 15000), 0);
	assert_int_equal(buf_len(&dialler.out), 0);
	assert_int_equal(link_deadline(&dialler.link), 19000);
}

static void
test_silence(void **state)
{
	(void)state;
	shake();
	link_heard(&dialler.link, 1000);
	link_sent(&dialler.link, 14000);
	assert_int_equal(link_deadline(&dialler.link), 16000);
	assert_int_equal(link_tick(&dialler.link, 15999), 0);
	link_heard(&dialler.link, 15999);
	assert_int_equal(link_tick(&dialler.link, 16000), 0);
	link_sent(&dialler.link, 30000);
	errno = 0;
	assert_int_equal(link_tick(&dialler.link, 30999), -1);
	assert_int_equal(errno, ETIMEDOUT);
	assert_int_equal(dialler.link.phase, LINK_DOWN);
}

/* We were stopped for a minute: nobody is dead before we have read. */
static void
test_late_turn(void **state)
{
	(void)state;
	shake();
	assert_int_equal(link_tick(&dialler.link, 60000), 0);
	assert_int_equal(link_deadline(&dialler.link), 61000);
	link_heard(&dialler.link, 60000);
	assert_int_equal(link_deadline(&dialler.link), 65000);

	/* With nothing to read, that was its last second. */
	assert_int_equal(link_tick(&acceptor.link, 60000), 0);
	assert_int_equal(link_tick(&acceptor.link, 60999), 0);
	assert_int_equal(link_tick(&acceptor.link, 61000), -1);
	assert_int_equal(errno, ETIMEDOUT);
}

static void
test_late_handshake(void **state)
{
	(void)state;
	start(1, 1);
	assert_int_equal(link_tick(&dialler.link, 4001), 0);
	assert_int_equal(link_deadline(&dialler.link), 5001);
	assert_int_equal(link_tick(&dialler.link, 5001), -1);
	/* By a second and no more it is not late. */
	assert_int_equal(link_tick(&acceptor.link, 4000), -1);
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
	memcpy(frame + n, "\x0d\x01x", 3);
	assert_int_equal(input(&acceptor, frame, n + 3, &type), n + 3);
	assert_int_equal(acceptor.link.phase, LINK_PROOF);
	assert_int_equal(link_is_hello(frame, n + 3), 1);
}

static void
test_eof_reasons(void **state)
{
	(void)state;
	start(1, 1);
	assert_string_equal(link_eof_reason(&dialler.link),
	    "closed before its hello");
	assert_string_equal(link_eof_reason(&acceptor.link),
	    "closed without a hello");
	step(&dialler, &acceptor);
	step(&acceptor, &dialler);
	step(&dialler, &acceptor);
	assert_string_equal(link_eof_reason(&acceptor.link),
	    "closed by the peer");
}

/* A connect() may take its time: the handshake has its own from then on. */
static void
test_connected(void **state)
{
	(void)state;
	end_start(&dialler, 1, 1000);
	assert_int_equal(link_deadline(&dialler.link), 4000);
	link_connected(&dialler.link, 3900);
	assert_int_equal(link_deadline(&dialler.link), 6900);
	assert_int_equal(link_tick(&dialler.link, 6899), 0);
	errno = 0;
	assert_int_equal(link_tick(&dialler.link, 6900), -1);
	assert_int_equal(errno, ETIMEDOUT);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_proven),
		TEST(test_order_of_frames),
		TEST(test_mac),
		TEST(test_no_proof),
		TEST(test_one_asks),
		TEST(test_wrong_key),
		TEST(test_wrong_key_of_acceptor),
		TEST(test_hellos_are_proven),
		TEST(test_key_required),
		TEST(test_connected),
		TEST(test_ourselves),
		TEST(test_own_nonce),
		TEST(test_versions),
		TEST(test_malformed_hello),
		TEST(test_heads),
		TEST(test_before_proof),
		TEST(test_messages),
		TEST(test_up_refuses),
		TEST(test_largest),
		TEST(test_handshake_time),
		TEST(test_heartbeat),
		TEST(test_silence),
		TEST(test_late_turn),
		TEST(test_late_handshake),
		TEST(test_queue_full),
		TEST(test_is_hello),
		TEST(test_odd_field_of_hello),
		TEST(test_eof_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
