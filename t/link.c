/* The handshake of a link: in what order, with which key, and with whom. */

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>

#include "t/link_ends.h"

static void
test_proven(void **state)
{
	(void)state;
	shake();
	assert_int_equal(dialler.link.role, ROLE_AUTHORITY);
	assert_int_equal(acceptor.link.role, ROLE_BROKER);
	assert_true(id_equal(&dialler.link.instance, &acceptor.self.instance));
	assert_true(id_equal(&acceptor.link.instance, &dialler.self.instance));
	assert_int_equal(acceptor.link.dialled, 7);
	assert_int_equal(dialler.link.dialled, 7);
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

#define WRONG_KEY "wrong key: give both ends the same (-k)"
#define NO_KEY	  "a key is required: give both ends the same (-k)"

/* What tells a dialler that its proof was not right. */
static const unsigned char no_proof[] = { MSG_PROOF, 34, 2, 32, [35] = 0 };

static void
test_wrong_key(void **state)
{
	struct slice proof, none;

	(void)state;
	acceptor.self.key = slice_str("another key, as long as the first");
	start(1, 1);
	step(&dialler, &acceptor);
	step(&acceptor, &dialler);
	proof = buf_slice(&dialler.out);
	refuses(&acceptor, proof.p, proof.len, EACCES);
	assert_string_equal(acceptor.link.why, WRONG_KEY);
	/* It learns nothing from us but that. */
	none = buf_slice(&acceptor.out);
	assert_int_equal(none.len, sizeof(no_proof));
	assert_memory_equal(none.p, no_proof, sizeof(no_proof));
	refuses(&dialler, none.p, none.len, EACCES);
	assert_string_equal(dialler.link.why, WRONG_KEY);
}

/* One that is killed, or closes the oldest as too many have come, says nothing
 * of a key. */
static void
test_closed_unproven(void **state)
{
	(void)state;
	start(1, 1);
	step(&dialler, &acceptor);
	step(&acceptor, &dialler);
	assert_int_equal(dialler.link.phase, LINK_PROOF);
	assert_string_equal(link_eof_reason(&dialler.link),
	    "closed during the handshake");
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
	assert_string_equal(dialler.link.why, WRONG_KEY);
	/* And it has nothing to say to that. */
	assert_int_equal(buf_slice(&dialler.out).len, sizeof(frame));
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
	assert_string_equal(dialler.link.why, NO_KEY);
	assert_int_equal(buf_len(&dialler.out), 0);
}

static void
test_key_required_of_acceptor(void **state)
{
	struct slice q;

	(void)state;
	acceptor.self.key = slice_str("");
	start(1, 0);
	q = buf_slice(&dialler.out);
	refuses(&acceptor, q.p, q.len, EACCES);
	assert_string_equal(acceptor.link.why, NO_KEY);
	/* The dialler takes its hello, and sees then what it is about. */
	buf_consume(&dialler.out, q.len);
	assert_true(step(&acceptor, &dialler) > 0);
	q = buf_slice(&acceptor.out);
	assert_int_equal(q.len, sizeof(no_proof));
	refuses(&dialler, q.p, q.len, EACCES);
	assert_string_equal(dialler.link.why, WRONG_KEY);
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_proven),
		TEST(test_order_of_frames),
		TEST(test_mac),
		TEST(test_no_proof),
		TEST(test_one_asks),
		TEST(test_wrong_key),
		TEST(test_closed_unproven),
		TEST(test_wrong_key_of_acceptor),
		TEST(test_hellos_are_proven),
		TEST(test_key_required),
		TEST(test_key_required_of_acceptor),
		TEST(test_ourselves),
		TEST(test_own_nonce),
		TEST(test_eof_reasons),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
