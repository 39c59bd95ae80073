/* What a PLB holds: channels, tokens, requests in flight, connects. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "plb_upstream.h"

#define MAX 8

static struct hold h;
static struct requests rs;

static int
setup(void **state)
{
	(void)state;
	memset(&h, 0, sizeof(h));
	memset(&rs, 0, sizeof(rs));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	hold_free(&h);
	requests_free(&rs);
	return 0;
}

static struct id
id_of(unsigned n)
{
	struct id id;

	memset(&id, (int)n, sizeof(id));
	return id;
}

/* A channel of seller n that is up, with so many tokens: its number. */
static size_t
channel(unsigned n, uint32_t peer, uint64_t tokens)
{
	struct hold_channel *c;
	size_t number = 0;

	c = hold_add(&h, slice_of(NULL, 0), MAX, &number);
	assert_non_null(c);
	assert_int_equal(c->state, HOLD_DIALLING);
	c->seller = id_of(n);
	assert_int_equal(hold_link(&h, c, peer), 0);
	assert_int_equal(c->state, HOLD_UP);
	hold_grant(&h, c, tokens);
	assert_int_equal(hold_number(&h, c), number);
	return number;
}

static struct hold_channel *
at(size_t number)
{
	return &h.channel[number];
}

static struct request *
send(size_t number)
{
	struct request *r = requests_add(&rs);

	hold_sent(&h, &rs, at(number), r);
	return r;
}

static void
test_slots(void **state)
{
	size_t i, number;
	struct hold_channel *c;

	(void)state;
	for (i = 0; i < MAX; i++)
		assert_int_equal(channel((unsigned)i + 1, (uint32_t)i + 1, 1),
		    i);
	errno = 0;
	assert_null(hold_add(&h, slice_of(NULL, 0), MAX, &number));
	assert_int_equal(errno, ENOBUFS);
	assert_int_equal(h.used, MAX);
	assert_int_equal(h.tokens, MAX);
	hold_del(&h, 5);
	hold_del(&h, 2);
	assert_int_equal(h.tokens, MAX - 2);
	c = hold_add(&h, slice_of(NULL, 0), MAX, &number);
	assert_int_equal(number, 2);
	assert_int_equal(c->tokens, 0);
	assert_int_equal(channel(9, 9, 1), 5);
	assert_null(hold_add(&h, slice_of(NULL, 0), MAX, &number));
}

static void
test_find(void **state)
{
	struct id one = id_of(1), two = id_of(2);
	size_t a, b, number;

	(void)state;
	assert_null(hold_peer(&h, 7));
	a = channel(1, 0x10007, 0);
	b = channel(2, 0x1ffff, 0);
	assert_ptr_equal(hold_seller(&h, &one), at(a));
	assert_ptr_equal(hold_seller(&h, &two), at(b));
	assert_ptr_equal(hold_peer(&h, 0x10007), at(a));
	assert_ptr_equal(hold_peer(&h, 0x1ffff), at(b));
	/* Another generation of that slot, and nobody. */
	assert_null(hold_peer(&h, 0x20007));
	assert_null(hold_peer(&h, 0));
	hold_drain(&h, at(a));
	assert_null(hold_seller(&h, &one));
	assert_ptr_equal(hold_peer(&h, 0x10007), at(a));
	hold_close(&h, at(b));
	assert_null(hold_seller(&h, &two));
	hold_del(&h, a);
	assert_null(hold_peer(&h, 0x10007));
	/* One that has no peer yet is not that of peer 0. */
	channel(1, 0x50000, 0);
	hold_del(&h, a);
	assert_non_null(hold_add(&h, slice_of(NULL, 0), MAX, &number));
	assert_null(hold_peer(&h, 0));
}

static void
test_tokens(void **state)
{
	size_t a, b;
	struct request *r;

	(void)state;
	a = channel(1, 1, 5);
	b = channel(2, 2, 7);
	assert_int_equal(h.tokens, 12);
	assert_int_equal(pick_total(&h.pick), 12);
	hold_spend(&h, at(a), 2);
	r = send(b);
	assert_int_equal(r->channel, b + 1);
	assert_int_equal(at(a)->tokens, 3);
	assert_int_equal(at(b)->tokens, 6);
	assert_int_equal(h.tokens, 9);
	assert_int_equal(h.in_flight, 1);
	assert_int_equal(pick_total(&h.pick), 9);
	hold_back(&h, &rs, at(b), r);
	assert_int_equal(r->channel, 0);
	assert_int_equal(h.in_flight, 0);
	assert_int_equal(at(b)->sent.n, 0);
	/* What no integer of the protocol says is not held. */
	hold_grant(&h, at(a), UINT64_MAX);
	assert_int_equal(at(a)->tokens, UINT32_MAX);
	assert_int_equal(h.tokens, (uint64_t)UINT32_MAX + 6);
}

/* The fewest since somebody looked. */
static void
test_idle(void **state)
{
	size_t a;

	(void)state;
	a = channel(1, 1, 5);
	at(a)->idle = at(a)->tokens;
	hold_spend(&h, at(a), 3);
	hold_grant(&h, at(a), 2);
	assert_int_equal(at(a)->idle, 2);
}

static void
test_asks(void **state)
{
	struct ask ask = { 0 }, got;
	size_t a, i;

	(void)state;
	a = channel(1, 1, 0);
	assert_int_equal(hold_answered(&h, at(a), &got), 0);
	for (i = 0; i < HOLD_ASKS; i++) {
		ask.quantity = i + 1;
		ask.counter = 100 + i;
		assert_int_equal(hold_ask(&h, at(a), &ask), 0);
	}
	assert_int_equal(h.asked, 1 + 2 + 3 + 4);
	assert_int_equal(hold_ask(&h, at(a), &ask), -1);
	assert_int_equal(errno, ENOBUFS);
	assert_int_equal(hold_answered(&h, at(a), &got), 1);
	assert_int_equal(got.counter, 100);
	assert_int_equal(hold_give_up(&h, at(a), &got), 1);
	assert_int_equal(got.counter, 101);
	assert_int_equal(h.asked, 3 + 4);
	/* Its answer may still come, so it takes its place. */
	assert_int_equal(hold_ask(&h, at(a), &ask), 0);
	assert_int_equal(hold_ask(&h, at(a), &ask), -1);
	at(a)->overdue--;
	assert_int_equal(hold_ask(&h, at(a), &ask), 0);
	assert_int_equal(h.asked, 3 + 4 + 4 + 4);
	while (hold_answered(&h, at(a), &got))
		continue;
	assert_int_equal(h.asked, 0);
	assert_int_equal(hold_give_up(&h, at(a), &got), 0);
	assert_int_equal(at(a)->overdue, 0);
}

static void
test_drain(void **state)
{
	struct request *r, *s;
	size_t a, b;

	(void)state;
	a = channel(1, 1, 5);
	b = channel(2, 2, 5);
	r = send(a);
	s = send(a);
	send(b);
	assert_int_equal(h.in_flight, 3);
	hold_drain(&h, at(a));
	hold_drain(&h, at(a));
	assert_false(hold_usable(at(a)));
	assert_int_equal(at(a)->tokens, 0);
	assert_int_equal(h.tokens, 4);
	assert_int_equal(pick_total(&h.pick), 4);
	assert_int_equal(h.in_flight, 1);
	assert_int_equal(h.drained, 0);
	hold_back(&h, &rs, at(a), r);
	assert_int_equal(h.drained, 0);
	hold_back(&h, &rs, at(a), s);
	assert_int_equal(h.in_flight, 1);
	assert_int_equal(h.drained, 1);
	hold_close(&h, at(a));
	assert_int_equal(h.drained, 0);
	hold_del(&h, a);
	assert_int_equal(h.drained, 0);
	/* One with nothing in flight has drained at once. */
	a = channel(3, 3, 1);
	hold_drain(&h, at(a));
	assert_int_equal(h.drained, 1);
	hold_del(&h, a);
	assert_int_equal(h.drained, 0);
	assert_int_equal(h.used, 1);
}

static void
test_close(void **state)
{
	struct request *r;
	size_t a;

	(void)state;
	a = channel(1, 1, 5);
	assert_true(hold_usable(at(a)));
	r = send(a);
	hold_close(&h, at(a));
	assert_false(hold_usable(at(a)));
	assert_int_equal(h.tokens, 0);
	assert_int_equal(h.in_flight, 1);
	hold_back(&h, &rs, at(a), r);
	assert_int_equal(h.in_flight, 0);
	assert_int_equal(h.drained, 0);
	hold_del(&h, a);
	assert_int_equal(h.used, 0);
}

/* A connect that was given up before it was sent has no answer to come. */
static void
test_given_up_while_dialling(void **state)
{
	struct ask ask;
	size_t n;

	(void)state;
	memset(&ask, 0, sizeof(ask));
	ask.quantity = 2;
	assert_non_null(hold_add(&h, slice_of(NULL, 0), 9, &n));
	assert_int_equal(hold_ask(&h, at(n), &ask), 0);
	assert_int_equal(hold_give_up(&h, at(n), &ask), 1);
	assert_int_equal(at(n)->overdue, 0);
	assert_int_equal(hold_link(&h, at(n), 1), 0);
	assert_int_equal(hold_ask(&h, at(n), &ask), 0);
	assert_int_equal(hold_give_up(&h, at(n), &ask), 1);
	assert_int_equal(at(n)->overdue, 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_slots), TEST(test_find), TEST(test_tokens),
		TEST(test_idle), TEST(test_asks), TEST(test_drain),
		TEST(test_close), TEST(test_given_up_while_dialling),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
