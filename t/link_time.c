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

UNIT(test_heartbeat)
{
	static const unsigned char alive[] = { MSG_ALIVE, 0 };

	shake(1);
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
	shake(1);
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
UNIT(test_late_turn)
{
	shake(1);
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

UNIT(test_late_handshake)
{
	start(1);
	assert_int_equal(link_tick(&dialler.link, 4001), 0);
	assert_int_equal(link_deadline(&dialler.link), 5001);
	assert_int_equal(link_tick(&dialler.link, 5001), -1);
	/* By a second and no more it is not late. */
	assert_int_equal(link_tick(&acceptor.link, 4000), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_connected),
		TEST(test_handshake_time),
		TEST(test_heartbeat),
		TEST(test_silence),
		TEST(test_late_turn),
		TEST(test_late_handshake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
