/* The time that a link has: to shake hands, to beat, to be silent. */

#include <errno.h>

#include "t/link_ends.h"
#include "t/check.h"

/* A connect() may take its time: the handshake has its own from then on. */
UNIT(test_connected)
{
	end_start(&dialler, 1, 1000);
	assert_int_equal(link_deadline(&dialler.link), 4000);
	link_connected(&dialler.link, 3900);
	assert_int_equal(link_deadline(&dialler.link), 13900);
	assert_int_equal(link_tick(&dialler.link, 13899), 0);
	errno = 0;
	assert_int_equal(link_tick(&dialler.link, 13900), -1);
	assert_int_equal(errno, ETIMEDOUT);
}

UNIT(test_handshake_time)
{
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

/* A broker's link to what is no authority is up. */
static void
shake_quick(void)
{
	acceptor.self.role = ROLE_EXCHANGE;
	shake(1);
}

UNIT(test_heartbeat)
{
	static const unsigned char alive[] = { MSG_ALIVE, 0 };

	shake_quick();
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

UNIT(test_silence)
{
	shake_quick();
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

/* Both ends beat as slowly, and wait as long. */
static void
beats(struct end *e, int64_t ms)
{
	e->link.heard = e->link.sent = 0;
	assert_int_equal(link_deadline(&e->link), ms);
	assert_int_equal(link_tick(&e->link, ms - 1), 0);
	assert_int_equal(buf_len(&e->out), 0);
	assert_int_equal(link_tick(&e->link, ms), 0);
	assert_int_equal(buf_len(&e->out), 2);
	buf_consume(&e->out, 2);
	link_sent(&e->link, 3 * ms - 1);
	assert_int_equal(link_silence(&e->link), 3 * ms);
	assert_int_equal(link_tick(&e->link, 3 * ms - 1), 0);
	errno = 0;
	assert_int_equal(link_tick(&e->link, 3 * ms), -1);
	assert_int_equal(errno, ETIMEDOUT);
}

/* Many links have their beats at one time, and none of them later. */
UNIT(test_together)
{
	shake_quick();
	link_sent(&dialler.link, 1249);
	assert_int_equal(link_deadline(&dialler.link), 6000);
	link_sent(&dialler.link, 1250);
	assert_int_equal(link_deadline(&dialler.link), 6250);
}

/* A broker that dials and an authority have time; nobody else has. */
UNIT(test_slow)
{
	static const struct {
		unsigned dials, accepts;
		int64_t beat;
	} pairs[] = {
		{ ROLE_BROKER, ROLE_AUTHORITY, LINK_SLOW_MS },
		{ ROLE_BROKER, ROLE_EXCHANGE, LINK_ALIVE_MS },
		{ ROLE_BROKER, ROLE_BROKER, LINK_ALIVE_MS },
		{ ROLE_AUTHORITY, ROLE_AUTHORITY, LINK_ALIVE_MS },
		{ ROLE_AUTHORITY, ROLE_BROKER, LINK_ALIVE_MS },
		{ ROLE_PLB, ROLE_CHANNEL, LINK_ALIVE_MS },
		{ ROLE_CTL, ROLE_AUTHORITY, LINK_ALIVE_MS },
	};
	size_t i;
	int sealed;

	for (i = 0; i < 2 * sizeof(pairs) / sizeof(pairs[0]); i++) {
		sealed = i % 2 == 1;
		dialler.self.role = pairs[i / 2].dials;
		acceptor.self.role = pairs[i / 2].accepts;
		shake(sealed);
		buf_consume(&dialler.wire, buf_len(&dialler.wire));
		buf_consume(&acceptor.wire, buf_len(&acceptor.wire));
		beats(&dialler, pairs[i / 2].beat);
		beats(&acceptor, pairs[i / 2].beat);
	}
}

/* A peer that says nothing of it is of an older version; what one says has
 * bounds. */
UNIT(test_slow_agreed)
{
	static const struct {
		uint64_t said;
		int64_t beat;
	} hellos[] = {
		{ 0, 5000 }, { 1, 5000 }, { 5, 5000 }, { 6, 6000 },
		{ 15, 15000 }, { 16, 15000 }, { UINT64_MAX, 15000 },
	};
	unsigned char bytes[100];
	struct msg m = hello();
	unsigned type;
	size_t i, n;

	for (i = 0; i < sizeof(hellos) / sizeof(hellos[0]); i++) {
		start(0);
		buf_consume(&dialler.out, buf_len(&dialler.out));
		m.u.hello.beat = hellos[i].said;
		m.u.hello.role = 0;
		n = encode(&m, bytes, sizeof(bytes));
		assert_int_equal(input(&dialler, bytes, n, &type), n);
		beats(&dialler, hellos[i].beat);
		m.u.hello.role = 1;
		n = encode(&m, bytes, sizeof(bytes));
		assert_int_equal(input(&acceptor, bytes, n, &type), n);
		buf_consume(&acceptor.out, buf_len(&acceptor.out));
		beats(&acceptor, hellos[i].beat);
	}
	/* Whoever else says it is not heard. */
	start(0);
	m.u.hello.role = 0;
	n = encode(&m, bytes, sizeof(bytes));
	assert_int_equal(input(&acceptor, bytes, n, &type), n);
	buf_consume(&acceptor.out, buf_len(&acceptor.out));
	beats(&acceptor, LINK_ALIVE_MS);
}

/* We were stopped for a minute: nobody is dead before we have read. */
UNIT(test_late_turn)
{
	shake_quick();
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

/* It is one second, too, where beats are slow. */
UNIT(test_late_slow)
{
	shake(0);
	assert_int_equal(link_silence(&acceptor.link), 45000);
	assert_int_equal(link_tick(&acceptor.link, 60000), 0);
	assert_int_equal(link_deadline(&acceptor.link), 61000);
	assert_int_equal(link_tick(&acceptor.link, 60999), 0);
	assert_int_equal(link_tick(&acceptor.link, 61000), -1);
}

UNIT(test_late_handshake)
{
	start(1);
	assert_int_equal(link_tick(&dialler.link, 4001), 0);
	assert_int_equal(link_deadline(&dialler.link), 5001);
	assert_int_equal(link_tick(&dialler.link, 5001), -1);
	/* By a second and no more it is not late. */
	assert_int_equal(link_tick(&acceptor.link, 4000), -1);
}

UNITS(TEST(test_connected), TEST(test_handshake_time), TEST(test_heartbeat),
    TEST(test_silence), TEST(test_together), TEST(test_slow),
    TEST(test_slow_agreed), TEST(test_late_turn), TEST(test_late_slow),
    TEST(test_late_handshake))
