#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "peers.h"

#define A "10.0.0.1:4370"
#define B "10.0.0.2:4370"

static struct peers p;
static const struct id own = { { 0x80 } };
static const struct id low = { { 0x10 } }, high = { { 0xf0 } };

static int
setup(void **state)
{
	(void)state;
	peers_init(&p, &own, 1);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	peers_free(&p);
	return 0;
}

static void
want(int64_t now, const char *address, enum dial dial, uint32_t tag)
{
	assert_int_equal(peers_want(&p, now, slice_str(address), dial, tag), 0);
}

/* The address is the next, and the only one, to dial. */
static void
dials(int64_t now, const char *address, uint32_t tag)
{
	struct slice got;
	uint32_t t;

	assert_int_equal(peers_dial(&p, now, &got, &t), 1);
	assert_true(slice_equal(got, slice_str(address)));
	assert_int_equal(t, tag);
	assert_int_equal(peers_dial(&p, now, &got, &t), 0);
}

static void
dials_nothing(int64_t now)
{
	struct slice got;
	uint32_t tag;

	assert_int_equal(peers_dial(&p, now, &got, &tag), 0);
}

static int
failed(int64_t now, const char *address)
{
	return peers_failed(&p, now, slice_str(address), 0);
}

static uint32_t
up(int64_t now, uint32_t handle, const struct id *id, const char *address)
{
	uint32_t loser = UINT32_MAX;

	assert_int_equal(peers_up(&p, now, handle, ROLE_BROKER, id,
	    slice_str(address), &loser), 0);
	return loser;
}

static void
down(int64_t now, uint32_t handle, const struct id *id)
{
	peers_down(&p, now, handle, ROLE_BROKER, id);
}

/* Nothing is due before max_ms, and something is then. Returns when. */
static int64_t
waits(int64_t now, int64_t max_ms)
{
	int64_t due = peers_deadline(&p);

	assert_in_range(due - now, 10, max_ms);
	dials_nothing(due - 1);
	return due;
}

static void
test_first_dial_is_now(void **state)
{
	(void)state;
	assert_true(peers_deadline(&p) == INT64_MAX);
	dials_nothing(0);
	want(5, A, DIAL_FOREVER, 3);
	assert_int_equal(peers_deadline(&p), 5);
	dials(5, A, 3);
	assert_true(peers_deadline(&p) == INT64_MAX);
	want(6, A, DIAL_FOREVER, 3);
	dials_nothing(6);
}

static void
test_back_off(void **state)
{
	static const int64_t bound[] = { 100, 200, 400, 800, 1600, 3200, 6400,
		10000, 10000, 10000 };
	int64_t now = 0, longest = 0;
	size_t i;

	(void)state;
	want(0, A, DIAL_FOREVER, 0);
	for (i = 0; i < sizeof(bound) / sizeof(bound[0]); i++) {
		dials(now, A, 0);
		assert_int_equal(peers_tries(&p, slice_str(A)), i);
		assert_int_equal(failed(now, A), 0);
		/* To ask again does not hasten it. */
		want(now, A, DIAL_FOREVER, 0);
		now = waits(now, bound[i]);
	}
	/* Jitter is full: over many, both ends of the range are met. */
	for (i = 0; i < 300; i++) {
		dials(now, A, 0);
		failed(now, A);
		if (peers_deadline(&p) - now > longest)
			longest = peers_deadline(&p) - now;
		now = waits(now, 10000);
	}
	assert_true(longest > 9500);
}

static void
test_jitter_is_spread(void **state)
{
	int64_t sum = 0;
	char address[32];
	struct slice got;
	uint32_t tag;
	int i, early = 0;

	(void)state;
	for (i = 0; i < 1000; i++) {
		snprintf(address, sizeof(address), "10.0.%d.%d:1", i / 250,
		    i % 250);
		want(0, address, DIAL_HOUR, (uint32_t)i);
	}
	while (peers_dial(&p, 0, &got, &tag))
		assert_int_equal(peers_failed(&p, 0, got, 0), 0);
	for (i = 0; i < 1000; i++) {
		sum += peers_deadline(&p);
		early += peers_deadline(&p) < 30;
		assert_int_equal(peers_dial(&p, peers_deadline(&p), &got, &tag),
		    1);
	}
	assert_in_range(sum / 1000, 50, 60);
	assert_in_range(early, 150, 290);
}

/* The heap: whatever comes and goes, the earliest is the next. */
static void
test_order(void **state)
{
	char address[32];
	struct slice got;
	int64_t last = 0;
	uint32_t tag;
	int i, left = 0;

	(void)state;
	for (i = 0; i < 2000; i++) {
		snprintf(address, sizeof(address), "h%d", i);
		want((i * 7919) % 10007, address, DIAL_FOREVER, (uint32_t)i);
	}
	for (i = 0; i < 2000; i += 3) {
		snprintf(address, sizeof(address), "h%d", i);
		peers_unwant(&p, slice_str(address));
	}
	for (; peers_deadline(&p) != INT64_MAX; left++) {
		assert_true(peers_deadline(&p) >= last);
		last = peers_deadline(&p);
		assert_int_equal(peers_dial(&p, last, &got, &tag), 1);
		assert_int_equal(last, (tag * 7919) % 10007);
		assert_true(tag % 3 != 0);
	}
	assert_int_equal(left, 1333);
	assert_int_equal(p.n, 1333);
}

static void
test_linked_rests(void **state)
{
	int64_t now;

	(void)state;
	want(0, A, DIAL_FOREVER, 1);
	dials(0, A, 1);
	assert_int_equal(up(0, 1, &low, A), 0);
	assert_true(peers_deadline(&p) == INT64_MAX);
	want(1, A, DIAL_FOREVER, 1);
	assert_true(peers_deadline(&p) == INT64_MAX);
	down(20000, 1, &low);
	now = waits(20000, 100);
	dials(now, A, 1);
}

/* A link that is lost at once goes on with the back-off, one that stood begins
 * it anew; tries count from the last link either way. */
static void
test_back_off_after_link(void **state)
{
	int64_t now = 0;
	int i;

	(void)state;
	want(0, A, DIAL_FOREVER, 0);
	for (i = 0; i < 20; i++) {
		dials(now, A, 0);
		up(now, (uint32_t)i + 1, &low, A);
		assert_int_equal(peers_tries(&p, slice_str(A)), 0);
		down(now, (uint32_t)i + 1, &low);
		now = waits(now, 10000);
	}
	assert_true(now > 20000);
	dials(now, A, 0);
	failed(now, A);
	assert_int_equal(peers_tries(&p, slice_str(A)), 1);
	now = peers_deadline(&p);
	dials(now, A, 0);
	up(now, 99, &low, A);
	assert_int_equal(peers_tries(&p, slice_str(A)), 0);
	down(now + 10000, 99, &low);
	waits(now + 10000, 100);
}

static void
test_once(void **state)
{
	(void)state;
	want(0, A, DIAL_ONCE, 5);
	dials(0, A, 5);
	assert_int_equal(failed(1, A), 1);
	assert_int_equal(p.n, 0);
	assert_int_equal(failed(1, A), 0);
	assert_true(peers_deadline(&p) == INT64_MAX);

	want(2, A, DIAL_ONCE, 6);
	dials(2, A, 6);
	assert_int_equal(up(3, 1, &low, A), 0);
	down(4, 1, &low);
	assert_int_equal(p.n, 0);
	assert_int_equal(p.instances.n, 0);
	assert_true(peers_deadline(&p) == INT64_MAX);
}

/* Behind a listener's address is somebody new each time. */
static void
test_once_again_while_linked(void **state)
{
	(void)state;
	want(0, A, DIAL_ONCE, 1);
	dials(0, A, 1);
	up(0, 1, &low, A);
	want(1, A, DIAL_ONCE, 2);
	dials(1, A, 2);
	assert_int_equal(up(1, 2, &high, A), 0);
	/* The first one's end is not the second one's. */
	down(2, 1, &low);
	assert_int_equal(p.n, 1);
	down(3, 2, &high);
	assert_int_equal(p.n, 0);
}

static void
test_longest_holds(void **state)
{
	int64_t now;

	(void)state;
	want(0, A, DIAL_ONCE, 1);
	want(0, A, DIAL_FOREVER, 2);
	want(0, A, DIAL_HOUR, 3);
	dials(0, A, 3);
	assert_int_equal(failed(0, A), 0);
	assert_int_equal(p.n, 1);
	now = 2 * (int64_t)PEERS_KEEP_MS;
	dials(now, A, 3);
}

static void
test_hour(void **state)
{
	int64_t now, end = PEERS_KEEP_MS;

	(void)state;
	want(0, A, DIAL_HOUR, 0);
	for (now = 0; now < end - 20000; now += 10000) {
		dials(now, A, 0);
		failed(now, A);
	}
	dials(end - 1, A, 0);
	up(end - 1, 1, &low, A);
	/* Its hour begins when the link ends. */
	down(5 * end, 1, &low);
	dials(6 * end - 1, A, 0);
	failed(6 * end - 1, A);
	dials_nothing(6 * end + 10000);
	assert_int_equal(p.n, 0);
	assert_int_equal(p.instances.n, 0);

	want(0, A, DIAL_HOUR, 0);
	dials(0, A, 0);
	failed(end, A);
	assert_int_equal(p.n, 0);
}

static void
test_unwant(void **state)
{
	(void)state;
	peers_unwant(&p, slice_str(A));
	want(0, A, DIAL_FOREVER, 0);
	peers_unwant(&p, slice_str(A));
	dials_nothing(0);
	/* While it is dialled, and while it is linked. */
	want(0, A, DIAL_FOREVER, 0);
	dials(0, A, 0);
	peers_unwant(&p, slice_str(A));
	assert_int_equal(up(0, 1, &low, A), 0);
	down(1, 1, &low);
	want(2, A, DIAL_FOREVER, 0);
	dials(2, A, 0);
	up(2, 2, &low, A);
	peers_unwant(&p, slice_str(A));
	down(3, 2, &low);
	assert_true(peers_deadline(&p) == INT64_MAX);
	assert_int_equal(p.n, 0);
	assert_int_equal(p.instances.n, 0);
}

/*
 * Anybody at the address can send our hello back, once: so that it is ourselves
 * is believed for this try and no longer. The next is a long back-off away.
 */
static void
test_ourselves(void **state)
{
	int64_t now = 0, sum = 0;
	int i;

	(void)state;
	want(0, A, DIAL_FOREVER, 0);
	assert_false(peers_known_self(&p, slice_str(A)));
	for (i = 0; i < 200; i++) {
		dials(now, A, 0);
		assert_int_equal(peers_failed(&p, now, slice_str(A), 1), 0);
		assert_true(peers_known_self(&p, slice_str(A)));
		assert_true(peers_known_self(&p, slice_str(A)));
		/* To ask again does not hasten it. */
		want(now, A, DIAL_FOREVER, 0);
		want(now, A, DIAL_HOUR, 0);
		sum += peers_deadline(&p) - now;
		now = waits(now, PEERS_BACKOFF_MAX_MS);
	}
	assert_in_range(sum / 200, 4000, 6000);
	/* Then somebody else answers there. */
	dials(now, A, 0);
	assert_int_equal(up(now, 1, &low, A), 0);
	assert_false(peers_known_self(&p, slice_str(A)));
	assert_false(peers_known_self(&p, slice_str(A)));
	down(now + 20000, 1, &low);
	waits(now + 20000, 100);
}

/* What was asked for one try or an hour gets no more than that. */
static void
test_ourselves_ends(void **state)
{
	int64_t now = 0;

	(void)state;
	want(0, A, DIAL_ONCE, 4);
	dials(0, A, 4);
	assert_int_equal(peers_failed(&p, 0, slice_str(A), 1), 1);
	assert_int_equal(p.n, 0);
	want(1, A, DIAL_FOREVER, 0);
	dials(1, A, 0);
	assert_int_equal(peers_failed(&p, 1, slice_str(A), 1), 0);
	peers_unwant(&p, slice_str(A));
	assert_int_equal(p.n, 0);

	want(0, A, DIAL_HOUR, 0);
	for (now = 0; now < PEERS_KEEP_MS; now += PEERS_BACKOFF_MAX_MS) {
		dials(now, A, 0);
		assert_int_equal(peers_failed(&p, now, slice_str(A), 1), 0);
	}
	dials_nothing(now);
	assert_int_equal(p.n, 0);
}

/* An address that used to lead to a peer, and leads to us now, rests no longer
 * with that peer. */
static void
test_ourselves_now(void **state)
{
	int64_t now;

	(void)state;
	want(0, A, DIAL_FOREVER, 0);
	dials(0, A, 0);
	up(0, 1, &low, A);
	down(20000, 1, &low);
	now = waits(20000, 100);
	dials(now, A, 0);
	assert_int_equal(up(now, 2, &low, ""), 0);
	assert_int_equal(peers_failed(&p, now, slice_str(A), 1), 0);
	waits(now, PEERS_BACKOFF_MAX_MS);
	down(now, 2, &low);
	assert_int_equal(p.instances.n, 0);
	waits(now, PEERS_BACKOFF_MAX_MS);
}

/* Two addresses of one instance: one link, and while it stands neither is
 * dialled. */
static void
test_aliases(void **state)
{
	struct slice got;
	int64_t now;
	uint32_t tag;

	(void)state;
	want(0, A, DIAL_FOREVER, 0);
	dials(0, A, 0);
	up(0, 1, &low, A);
	want(1, B, DIAL_FOREVER, 0);
	dials(1, B, 0);
	/* One end dialled both: the newer stays. */
	assert_int_equal(up(1, 2, &low, B), 1);
	down(1, 1, &low);
	assert_true(peers_deadline(&p) == INT64_MAX);

	down(20000, 2, &low);
	now = waits(20000, 100);
	assert_int_equal(peers_dial(&p, now, &got, &tag), 1);
	/* Whichever is up first, the other rests with it. */
	assert_int_equal(up(now, 3, &low, slice_equal(got, slice_str(A)) ?
	    A : B), 0);
	assert_true(peers_deadline(&p) == INT64_MAX);
	down(now, 3, &low);
	assert_int_equal(peers_dial(&p, now + 1000, &got, &tag), 1);
	assert_int_equal(peers_dial(&p, now + 1000, &got, &tag), 1);
}

/* The peer dials us where we used to dial it: our target rests. */
static void
test_peer_dials_back(void **state)
{
	(void)state;
	want(0, A, DIAL_FOREVER, 0);
	dials(0, A, 0);
	up(0, 1, &low, A);
	down(20000, 1, &low);
	assert_int_equal(up(20001, 2, &low, ""), 0);
	assert_true(peers_deadline(&p) == INT64_MAX);
	down(20002, 2, &low);
	waits(20002, 200);
	/* The same while we are dialling it, in vain. */
	dials(20300, A, 0);
	assert_int_equal(up(20300, 3, &low, ""), 0);
	assert_int_equal(failed(20301, A), 0);
	assert_true(peers_deadline(&p) == INT64_MAX);
	down(20302, 3, &low);
	assert_true(peers_deadline(&p) != INT64_MAX);
}

/* Of two links that different ends dialled, both ends choose the same one, in
 * whichever order they see them. */
static void
test_crossed(void **state)
{
	(void)state;
	want(0, A, DIAL_FOREVER, 0);
	want(0, B, DIAL_FOREVER, 0);

	/* The peer is lower: its dial stays. */
	up(0, 1, &low, A);
	assert_int_equal(up(0, 2, &low, ""), 1);
	down(0, 1, &low);
	assert_int_equal(up(0, 3, &low, A), 3);
	down(0, 3, &low);
	down(0, 2, &low);

	/* We are lower: ours stays. */
	up(0, 4, &high, B);
	assert_int_equal(up(0, 5, &high, ""), 5);
	down(0, 5, &high);
	down(0, 4, &high);
	up(0, 6, &high, "");
	assert_int_equal(up(0, 7, &high, B), 6);
	down(0, 6, &high);

	/* The peer dialled both: it has lost the older. */
	down(0, 7, &high);
	up(0, 8, &high, "");
	assert_int_equal(up(0, 9, &high, ""), 8);
	/* And the older one's end is no end. */
	down(0, 8, &high);
	assert_int_equal(up(0, 10, &high, ""), 9);
}

/* Every order of two links at both ends of a pair. */
static void
test_crossed_agree(void **state)
{
	struct peers end[2];
	uint32_t loser[2];
	int order, e;

	(void)state;
	for (order = 0; order < 4; order++) {
		peers_init(&end[0], &low, 1);
		peers_init(&end[1], &high, 2);
		for (e = 0; e < 2; e++) {
			/* Link 1 is dialled by end 0, link 2 by end 1. */
			uint32_t first = (order >> e & 1) + 1;
			uint32_t second = 3 - first;
			const struct id *peer = e == 0 ? &high : &low;

			assert_int_equal(peers_up(&end[e], 0, first,
			    ROLE_AUTHORITY, peer, slice_str(
			    first == (uint32_t)e + 1 ? A : ""), &loser[e]), 0);
			assert_int_equal(loser[e], 0);
			assert_int_equal(peers_up(&end[e], 0, second,
			    ROLE_AUTHORITY, peer, slice_str(
			    second == (uint32_t)e + 1 ? A : ""), &loser[e]), 0);
		}
		assert_int_equal(loser[0], 2);
		assert_int_equal(loser[1], 2);
		peers_free(&end[0]);
		peers_free(&end[1]);
	}
}

/* One process may be two roles, and each has its link. */
static void
test_roles(void **state)
{
	uint32_t loser;

	(void)state;
	assert_int_equal(up(0, 1, &low, ""), 0);
	assert_int_equal(peers_up(&p, 0, 2, ROLE_PLB, &low, slice_str(""),
	    &loser), 0);
	assert_int_equal(loser, 0);
	peers_down(&p, 0, 1, ROLE_PLB, &low);
	assert_int_equal(p.instances.n, 2);
	peers_down(&p, 0, 2, ROLE_PLB, &low);
	down(0, 1, &low);
	assert_int_equal(p.instances.n, 0);
}

/* A host was started again: a new instance answers at the address. */
static void
test_new_instance(void **state)
{
	int64_t now;

	(void)state;
	want(0, A, DIAL_FOREVER, 0);
	dials(0, A, 0);
	up(0, 1, &low, A);
	down(20000, 1, &low);
	now = waits(20000, 100);
	dials(now, A, 0);
	assert_int_equal(up(now, 2, &high, A), 0);
	assert_int_equal(p.instances.n, 1);
	/* The old one is nothing to the target any more. */
	assert_int_equal(up(now, 3, &low, ""), 0);
	down(now, 3, &low);
	assert_true(peers_deadline(&p) == INT64_MAX);
	down(now + 10000, 2, &high);
	waits(now + 10000, 100);
}

/* A link that was dialled once and loses to the one that stands. */
static void
test_once_loses(void **state)
{
	(void)state;
	assert_int_equal(up(0, 1, &low, ""), 0);
	want(0, A, DIAL_ONCE, 0);
	dials(0, A, 0);
	assert_int_equal(up(0, 2, &low, A), 2);
	down(0, 2, &low);
	assert_int_equal(p.n, 0);
	assert_int_equal(p.instances.n, 1);
}

static void
test_bounds(void **state)
{
	char address[ADDRESS_MAX + 2];
	int i;

	(void)state;
	memset(address, 'x', sizeof(address));
	address[ADDRESS_MAX + 1] = '\0';
	errno = 0;
	assert_int_equal(peers_want(&p, 0, slice_str(address), DIAL_HOUR, 0),
	    -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(peers_want(&p, 0, slice_str(""), DIAL_HOUR, 0), -1);
	want(0, address + 1, DIAL_HOUR, 0);
	for (i = 1; i < PEERS_TARGET_MAX; i++) {
		snprintf(address, sizeof(address), "h%d", i);
		want(0, address, DIAL_HOUR, 0);
	}
	errno = 0;
	assert_int_equal(peers_want(&p, 0, slice_str(A), DIAL_HOUR, 0), -1);
	assert_int_equal(errno, ENOBUFS);
	want(0, address, DIAL_FOREVER, 0);
	peers_unwant(&p, slice_str(address));
	want(0, A, DIAL_HOUR, 0);
}

#define ADDRESSES 12
#define INSTANCES 8

static struct {
	struct id id;
	uint32_t handle; /* 0: not linked */
} others[INSTANCES];
static uint32_t last_handle;

/* Link an instance once more, and close whichever is to go. */
static void
link_again(int64_t now, int k, const char *address)
{
	uint32_t loser = up(now, ++last_handle, &others[k].id, address);

	assert_true(loser == last_handle || loser == others[k].handle);
	if (loser != last_handle)
		others[k].handle = last_handle;
	if (loser != 0)
		down(now, loser, &others[k].id);
}

static void
unlink_other(int64_t now, int k)
{
	if (others[k].handle != 0)
		down(now, others[k].handle, &others[k].id);
	others[k].handle = 0;
}

static void
random_step(struct rng *r, int64_t now)
{
	int k = (int)rng_below(r, INSTANCES);
	char address[16];
	struct slice got;
	uint32_t tag;

	snprintf(address, sizeof(address), "h%d",
	    (int)rng_below(r, ADDRESSES));
	switch (rng_below(r, 6)) {
	case 0:
		want(now, address, (enum dial)rng_below(r, 3), 0);
		break;
	case 1:
		if (rng_below(r, 8) == 0)
			peers_unwant(&p, slice_str(address));
		break;
	case 2:
		if (peers_dial(&p, now, &got, &tag) && rng_below(r, 2) == 0)
			peers_failed(&p, now, got, 0);
		break;
	case 3:
		peers_failed(&p, now, slice_str(address),
		    rng_below(r, 20000) == 0);
		break;
	case 4:
		link_again(now, k, rng_below(r, 2) ? address : "");
		break;
	default:
		unlink_other(now, k);
	}
}

/* Whatever happens in whatever order: nothing breaks, and in the end, with all
 * links gone, every target is dialled again, but for those that are us. */
static void
test_random(void **state)
{
	struct slice got;
	struct rng r;
	uint32_t tag;
	int64_t now = 0;
	char address[16];
	size_t n;
	int i;

	(void)state;
	rng_seed(&r, 7);
	for (i = 0; i < INSTANCES; i++)
		others[i].id.b[0] = (unsigned char)(0x40 + 0x11 * i);
	for (i = 0; i < 200000; i++) {
		now += (int64_t)rng_below(&r, 100);
		random_step(&r, now);
	}
	for (i = 0; i < INSTANCES; i++)
		unlink_other(now, i);
	for (i = 0; i < ADDRESSES; i++) {
		snprintf(address, sizeof(address), "h%d", i);
		peers_failed(&p, now, slice_str(address), 0);
		want(now, address, DIAL_FOREVER, 0);
	}
	for (n = 0; peers_dial(&p, now + 10000, &got, &tag); n++)
		;
	assert_int_equal(p.n, ADDRESSES);
	assert_int_equal(n, ADDRESSES);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_first_dial_is_now),
		TEST(test_back_off),
		TEST(test_jitter_is_spread),
		TEST(test_order),
		TEST(test_linked_rests),
		TEST(test_back_off_after_link),
		TEST(test_once),
		TEST(test_once_again_while_linked),
		TEST(test_longest_holds),
		TEST(test_hour),
		TEST(test_unwant),
		TEST(test_ourselves),
		TEST(test_ourselves_ends),
		TEST(test_ourselves_now),
		TEST(test_aliases),
		TEST(test_peer_dials_back),
		TEST(test_crossed),
		TEST(test_crossed_agree),
		TEST(test_roles),
		TEST(test_new_instance),
		TEST(test_once_loses),
		TEST(test_bounds),
		TEST(test_random),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
