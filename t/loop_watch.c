#include <sys/resource.h>
#include <sys/socket.h>

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rng.h"
#include "t/loop_turns.h"
#include "t/check.h"

#define IDLE 2000 /* silent descriptors */

/* A socket pair that does not block. */
static void
pair(int fd[2])
{
	int i;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
	for (i = 0; i < 2; i++)
		assert_int_not_equal(fcntl(fd[i], F_SETFL, O_NONBLOCK), -1);
}

static void
put(int fd)
{
	assert_int_equal(write(fd, "x", 1), 1);
}

static void
eat(int fd)
{
	char c;

	assert_int_equal(read(fd, &c, 1), 1);
}

static void
on_stop_byte(void *arg, short revents)
{
	(void)arg;
	(void)revents;
	loop_stop(loop);
}

struct end {
	struct watch w;
	int peer;
	int calls;
	short seen;
};

static void
on_end(void *arg, short revents)
{
	struct end *e = arg;

	e->calls++;
	e->seen |= revents;
}

static struct end *
end_new(short events)
{
	struct end *e = calloc(1, sizeof(*e));
	int fd[2];

	assert_non_null(e);
	pair(fd);
	e->w.fd = fd[0];
	e->w.events = events;
	e->w.fn = on_end;
	e->w.arg = e;
	e->peer = fd[1];
	assert_int_equal(loop_watch(loop, &e->w), 0);
	return e;
}

static void
end_free(struct end *e)
{
	loop_unwatch(loop, &e->w);
	close(e->w.fd);
	if (e->peer != -1)
		close(e->peer);
	free(e);
}

static void
hang_up(struct end *e)
{
	close(e->peer);
	e->peer = -1;
}

UNIT(test_events)
{
	struct end *e = end_new(POLLIN);

	turn();
	assert_int_equal(e->calls, 0);
	put(e->peer);
	turn();
	turn();
	assert_int_equal(e->calls, 2); /* it is there still */
	assert_int_equal(e->seen, POLLIN);
	eat(e->w.fd);
	turn();
	assert_int_equal(e->calls, 2);
	e->w.events = POLLIN | POLLOUT;
	loop_watch(loop, &e->w);
	turn();
	assert_int_equal(e->calls, 3);
	assert_int_equal(e->seen, POLLIN | POLLOUT);
	loop_unwatch(loop, &e->w);
	loop_unwatch(loop, &e->w);
	turn();
	assert_int_equal(e->calls, 3);
	end_free(e);
}

/* 0 is for nothing at all; POLLERR for the hang-up alone. */
UNIT(test_hangup)
{
	struct end *none = end_new(0), *hangup = end_new(POLLERR);

	put(hangup->peer);
	turn();
	assert_int_equal(hangup->calls, 0);
	hang_up(none);
	assert_idle();
	hang_up(hangup);
	turn();
	assert_int_equal(none->calls, 0);
	assert_int_equal(hangup->calls, 1);
	assert_true(hangup->seen & POLLHUP);
	none->w.events = POLLIN;
	loop_watch(loop, &none->w);
	turn();
	assert_true(none->seen & POLLHUP);
	end_free(none);
	end_free(hangup);
}

static struct end *both[2];

static void
on_silence(void *arg, short revents)
{
	struct end *e = both[arg == both[0]];

	(void)revents;
	note('s');
	e->w.events = 0;
	loop_watch(loop, &e->w);
}

/* Told to watch for nothing when something was found already. */
UNIT(test_silenced)
{
	int i;

	for (i = 0; i < 2; i++) {
		both[i] = end_new(POLLIN);
		both[i]->w.fn = on_silence;
		hang_up(both[i]);
	}
	turn();
	assert_string_equal(trace, "s");
	for (i = 0; i < 2; i++)
		end_free(both[i]);
}

/* In a turn what can be written is written before anything is read. */
static void
on_order(void *arg, short revents)
{
	(void)arg;
	note(revents & POLLOUT ? 'w' : 'r');
}

UNIT(test_writes_first)
{
	struct end *e[4];
	int i;

	for (i = 0; i < 4; i++) {
		e[i] = end_new(i % 2 ? POLLIN : POLLIN | POLLOUT);
		e[i]->w.fn = on_order;
		put(e[i]->peer);
	}
	turn();
	assert_string_equal(trace, "wwrrrr");
	for (i = 0; i < 4; i++)
		end_free(e[i]);
}

#define CROWD 100

static struct end *crowd[CROWD];

static void
on_massacre(void *arg, short revents)
{
	int i;

	(void)arg;
	(void)revents;
	note('m');
	for (i = 0; i < CROWD; i++) {
		end_free(crowd[i]);
		crowd[i] = NULL;
	}
}

/* All are ready, and whoever is called first frees all, itself included. */
UNIT(test_free_all)
{
	int i;

	for (i = 0; i < CROWD; i++) {
		crowd[i] = end_new(POLLIN);
		crowd[i]->w.fn = on_massacre;
		put(crowd[i]->peer);
	}
	turn();
	assert_string_equal(trace, "m");
	assert_int_equal(loop_watched(loop), 1); /* the loop's own */
}

static struct rng chaos;
static int made, called;

/* Called: free some, make some, stop watching some and start again. */
static void
on_chaos(void *arg, short revents)
{
	struct end *e = arg;
	size_t i, n = rng_below(&chaos, 4);

	assert_true(revents & POLLIN);
	assert_int_not_equal(e->w.slot, 0);
	called++;
	eat(e->w.fd);
	for (; n > 0; n--) {
		i = rng_below(&chaos, CROWD);
		if (crowd[i] == NULL) {
			crowd[i] = end_new(POLLIN);
			crowd[i]->w.fn = on_chaos;
			put(crowd[i]->peer);
			made++;
		} else if (crowd[i]->w.slot == 0) {
			loop_watch(loop, &crowd[i]->w);
		} else if (rng_below(&chaos, 2)) {
			loop_unwatch(loop, &crowd[i]->w);
		} else {
			end_free(crowd[i]);
			crowd[i] = NULL;
		}
	}
}

UNIT(test_chaos)
{
	int i, round;

	rng_seed(&chaos, 7);
	made = called = 0;
	for (round = 0; round < 300; round++) {
		for (i = 0; i < CROWD; i++) {
			if (crowd[i] == NULL && i % 2) {
				crowd[i] = end_new(POLLIN);
				crowd[i]->w.fn = on_chaos;
			}
			if (crowd[i] != NULL && rng_below(&chaos, 2))
				put(crowd[i]->peer);
		}
		turn();
	}
	assert_true(made > 100 && called > 1000);
	for (i = 0; i < CROWD; i++)
		if (crowd[i] != NULL)
			end_free(crowd[i]);
	assert_int_equal(loop_watched(loop), 1);
}

/* Hot and cold. */

/* As many silent descriptors as may be had, IDLE at most; they are copies of
 * one end of a pair. */
static size_t
allowed(void)
{
	struct rlimit r;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &r), 0);
	if (r.rlim_cur < IDLE + 100 && r.rlim_cur < r.rlim_max) {
		r.rlim_cur = r.rlim_max < IDLE + 100 ? r.rlim_max : IDLE + 100;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &r), 0);
	}
	return r.rlim_cur < IDLE + 100 ? (size_t)r.rlim_cur - 100 : IDLE;
}

static struct watch *idle;
static size_t nidle;

static void
idle_new(int fd)
{
	size_t i;

	nidle = allowed();
	assert_true(nidle > 0);
	if ((idle = calloc(nidle, sizeof(*idle))) == NULL)
		fail();
	for (i = 0; i < nidle; i++) {
		idle[i].fd = dup(fd);
		assert_int_not_equal(idle[i].fd, -1);
		idle[i].events = POLLIN;
		idle[i].fn = on_stop_byte;
		assert_int_equal(loop_watch(loop, &idle[i]), 0);
	}
}

static void
idle_free(void)
{
	size_t i;

	for (i = 0; i < nidle; i++) {
		loop_unwatch(loop, &idle[i]);
		close(idle[i].fd);
	}
	free(idle);
}

/* Keep the loop busy until what is silent is cold. */
static void
until_cold(void)
{
	UNTIL(loop_hot(loop) <= 100);
}

static struct end *busy;

static void
on_busy(void *arg, short revents)
{
	(void)arg;
	(void)revents;
	eat(busy->w.fd);
	put(busy->peer);
}

/* Some cold ones are heard, here and there among the others, while another is
 * busy and while not. */
UNIT(test_cold)
{
	struct end *some[20];
	int fd[2], i;

	pair(fd);
	for (i = 0; i < 10; i++)
		some[i] = end_new(POLLIN);
	idle_new(fd[0]);
	for (; i < 20; i++)
		some[i] = end_new(POLLIN);
	assert_int_equal(loop_hot(loop), loop_watched(loop));
	busy = end_new(POLLIN);
	busy->w.fn = on_busy;
	put(busy->peer);
	until_cold();
	assert_true(busy->w.slot <= loop_hot(loop));
	for (i = 0; i < 20; i++) {
		some[i]->w.fn = on_stop_byte;
		while (some[i]->w.slot <= loop_hot(loop))
			turn();
		put(some[i]->peer);
		loop_run(loop);
		assert_true(some[i]->w.slot <= loop_hot(loop));
		eat(some[i]->w.fd);
		if (i == 15) {
			loop_unwatch(loop, &busy->w);
			eat(busy->w.fd);
		}
	}
	/* All at once. */
	put(fd[1]);
	loop_run(loop);
	eat(fd[0]);
	for (i = 0; i < 20; i++)
		end_free(some[i]);
	end_free(busy);
	idle_free();
	close(fd[0]);
	close(fd[1]);
}

/* Whoever is spoken to is hot again: loop_watch() says so. */
UNIT(test_warmed)
{
	size_t i, hot;
	int fd[2];

	pair(fd);
	idle_new(fd[0]);
	until_cold();
	for (i = 0; i < nidle && idle[i].slot <= loop_hot(loop); i++)
		;
	assert_true(i < nidle);
	hot = loop_hot(loop);
	loop_watch(loop, &idle[i]);
	assert_int_equal(loop_hot(loop), hot + 1);
	assert_true(idle[i].slot <= loop_hot(loop));
	/* Cold ones come and go in any order. */
	for (i = 0; i < nidle; i += 2)
		loop_unwatch(loop, &idle[i]);
	for (i = 0; i < nidle; i += 4)
		loop_watch(loop, &idle[i]);
	put(fd[1]);
	loop_run(loop);
	idle_free();
	close(fd[0]);
	close(fd[1]);
}

UNITS(TURNS_TEST(test_events), TURNS_TEST(test_hangup),
    TURNS_TEST(test_silenced), TURNS_TEST(test_writes_first),
    TURNS_TEST(test_free_all), TURNS_TEST(test_chaos), TURNS_TEST(test_cold),
    TURNS_TEST(test_warmed))
