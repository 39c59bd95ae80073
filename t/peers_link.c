/* Who answers: ourselves, one that is linked already, somebody new. */

#include <errno.h>
#include <stdio.h>

#include "t/peers_book.h"
#include "t/check.h"

/*
 * Anybody at the address can send our hello back, once: so that it is ourselves
 * is believed for this try and no longer. The next is a long back-off away.
 */
UNIT(test_ourselves)
{
	int64_t now = 0, sum = 0;
	int i;

	want(0, A, DIAL_FOREVER, 0);
	for (i = 0; i < 200; i++) {
		dials(now, A, 0);
		assert_int_equal(ourselves(now, A), i == 0);
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
	down(now + 20000, 1, &low);
	now = waits(now + 20000, 100);
	dials(now, A, 0);
	assert_int_equal(ourselves(now, A), 1);
}

/* What was asked for one try or an hour gets no more than that. */
UNIT(test_ourselves_ends)
{
	int64_t now = 0;

	want(0, A, DIAL_ONCE, 4);
	dials(0, A, 4);
	ourselves(0, A);
	assert_int_equal(p.targets.n, 0);
	want(1, A, DIAL_FOREVER, 0);
	dials(1, A, 0);
	ourselves(1, A);
	peers_unwant(&p, slice_str(A));
	assert_int_equal(p.targets.n, 0);

	want(0, A, DIAL_HOUR, 0);
	for (now = 0; now < PEERS_KEEP_MS; now += PEERS_BACKOFF_MAX_MS) {
		dials(now, A, 0);
		assert_int_equal(ourselves(now, A), now == 0);
	}
	dials_nothing(now);
	assert_int_equal(p.targets.n, 0);
}

/* An address that used to lead to a peer, and leads to us now, rests no longer
 * with that peer. */
UNIT(test_ourselves_now)
{
	int64_t now;

	want(0, A, DIAL_FOREVER, 0);
	dials(0, A, 0);
	up(0, 1, &low, A);
	down(20000, 1, &low);
	now = waits(20000, 100);
	dials(now, A, 0);
	assert_int_equal(up(now, 2, &low, ""), 0);
	assert_int_equal(ourselves(now, A), 1);
	waits(now, PEERS_BACKOFF_MAX_MS);
	down(now, 2, &low);
	assert_int_equal(p.instances.n, 0);
	waits(now, PEERS_BACKOFF_MAX_MS);
}

/* Two addresses of one instance: one link, and while it stands neither is
 * dialled. */
UNIT(test_aliases)
{
	struct slice got;
	int64_t now;
	uint32_t tag;

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
UNIT(test_peer_dials_back)
{
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
	failed(20301, A);
	assert_true(peers_deadline(&p) == INT64_MAX);
	down(20302, 3, &low);
	assert_true(peers_deadline(&p) != INT64_MAX);
}

/* Of two links that different ends dialled, both ends choose the same one, in
 * whichever order they see them. */
UNIT(test_crossed)
{
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

/* Two links of a pair, dialled by these ends, which have counted so far, come
 * up in every order at both ends: both lose the same one. */
static void
agree(const int by[2], const uint64_t dialled[2], uint32_t loses)
{
	static const char *const address[2] = { A, B };
	struct peers end[2];
	uint32_t link, loser;
	int order, e, i;

	for (order = 0; order < 4; order++) {
		peers_init(&end[0], &low, 1);
		peers_init(&end[1], &high, 2);
		for (e = 0; e < 2; e++) {
			link = (order >> e & 1) + 1;
			for (i = 0; i < 2; i++, link = 3 - link) {
				assert_int_equal(peers_up(&end[e], 0, link,
				    ROLE_AUTHORITY, e == 0 ? &high : &low,
				    slice_str(by[link - 1] == e ?
				    address[link - 1] : ""),
				    dialled[link - 1], &loser), 0);
				assert_int_equal(loser, i == 0 ? 0 : loses);
			}
		}
		peers_free(&end[0]);
		peers_free(&end[1]);
	}
}

/* Each end dialled one: that of the lower stays, whatever they have counted. */
UNIT(test_crossed_agree)
{
	static const int by[2] = { 0, 1 };
	static const uint64_t dialled[2] = { 2, 1 };

	agree(by, dialled, 2);
}

/* One end dialled both, at two addresses of the other: the later stays. */
UNIT(test_twice_agree)
{
	static const int by[2] = { 0, 0 };
	static const uint64_t dialled[2] = { 1, 2 };

	agree(by, dialled, 1);
}

/* One process may be two roles, and each has its link. */
UNIT(test_roles)
{
	uint32_t loser;

	assert_int_equal(up(0, 1, &low, ""), 0);
	assert_int_equal(peers_up(&p, 0, 2, ROLE_PLB, &low, slice_str(""),
	    2, &loser), 0);
	assert_int_equal(loser, 0);
	peers_down(&p, 0, 1, ROLE_PLB, &low);
	assert_int_equal(p.instances.n, 2);
	peers_down(&p, 0, 2, ROLE_PLB, &low);
	down(0, 1, &low);
	assert_int_equal(p.instances.n, 0);
}

/* A host was started again: a new instance answers at the address. */
UNIT(test_new_instance)
{
	int64_t now;

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
UNIT(test_once_loses)
{
	assert_int_equal(up(0, 1, &low, ""), 0);
	want(0, A, DIAL_ONCE, 0);
	dials(0, A, 0);
	assert_int_equal(up(0, 2, &low, A), 2);
	down(0, 2, &low);
	assert_int_equal(p.targets.n, 0);
	assert_int_equal(p.instances.n, 1);
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
		    rng_below(r, 20000) == 0 ? ELOOP : ECONNREFUSED);
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
UNIT(test_random)
{
	struct slice got;
	struct rng r;
	uint32_t tag;
	int64_t now = 0;
	char address[16];
	size_t n;
	int i;

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
	assert_int_equal(p.targets.n, ADDRESSES);
	assert_int_equal(n, ADDRESSES);
}

UNITS(TEST(test_ourselves), TEST(test_ourselves_ends), TEST(test_ourselves_now),
    TEST(test_aliases), TEST(test_peer_dials_back), TEST(test_crossed),
    TEST(test_crossed_agree), TEST(test_twice_agree), TEST(test_roles),
    TEST(test_new_instance), TEST(test_once_loses), TEST(test_random))
