/* What a PLB holds: channels, tokens, requests in flight, connects. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "plb_state.h"

static struct plb *plb;

static int
setup(void **state)
{
	struct plb_config config;

	(void)state;
	memset(&config, 0, sizeof(config));
	config.module = slice_str("calc");
	plb = plb_new(1, &config);
	return plb == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	plb_free(plb);
	return 0;
}

static struct id
id_of(unsigned n)
{
	struct id id;

	memset(&id, (int)n, sizeof(id));
	return id;
}

static struct upstream *
add(void)
{
	return upstream_add(plb, slice_of(NULL, 0), slice_str("10.0.0.1:7"));
}

/* A channel of seller n that is up, with so many tokens: its number. */
static size_t
channel(unsigned n, uint32_t peer, uint64_t tokens)
{
	struct upstream *u = add();

	assert_non_null(u);
	assert_int_equal(u->state, UPSTREAM_DIALLING);
	u->seller = id_of(n);
	upstream_up(plb, 0, peer, u);
	assert_int_equal(u->state, UPSTREAM_UP);
	upstream_grant(plb, u, tokens);
	assert_ptr_equal(plb->upstream[u->number], u);
	return u->number;
}

static struct upstream *
at(size_t number)
{
	return plb->upstream[number];
}

static struct request *
send(size_t number)
{
	struct request *r = request_add(&plb->requests);

	upstream_sent(plb, at(number), r);
	return r;
}

static uint64_t
to_be_drawn(void)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < plb->balance.n; i++)
		sum += plb->balance.group[i].tokens.total;
	return sum;
}

static void
test_slots(void **state)
{
	struct upstream *u;
	size_t i;

	(void)state;
	for (i = 0; i < PLB_CHANNELS_MAX; i++)
		assert_int_equal(channel((unsigned)i + 1, (uint32_t)i + 1, 1),
		    i);
	errno = 0;
	assert_null(add());
	assert_int_equal(errno, ENOBUFS);
	assert_int_equal(plb->nupstreams, PLB_CHANNELS_MAX);
	assert_int_equal(plb->tokens, PLB_CHANNELS_MAX);
	upstream_del(plb, at(5));
	upstream_del(plb, at(2));
	assert_int_equal(plb->tokens, PLB_CHANNELS_MAX - 2);
	u = add();
	assert_int_equal(u->number, 2);
	assert_int_equal(u->tokens, 0);
	assert_int_equal(channel(9, 9, 1), 5);
	assert_null(add());
}

static void
test_find(void **state)
{
	struct id one = id_of(1), two = id_of(2);
	size_t a, b;

	(void)state;
	assert_null(upstream_of_peer(plb, 7));
	a = channel(1, 0x10007, 0);
	b = channel(2, 0x1ffff, 0);
	assert_ptr_equal(upstream_of_seller(plb, &one), at(a));
	assert_ptr_equal(upstream_of_seller(plb, &two), at(b));
	assert_ptr_equal(upstream_of_peer(plb, 0x10007), at(a));
	assert_ptr_equal(upstream_of_peer(plb, 0x1ffff), at(b));
	/* Another generation of that slot, and nobody. */
	assert_null(upstream_of_peer(plb, 0x20007));
	assert_null(upstream_of_peer(plb, 0));
	upstream_leave(plb, at(a));
	assert_null(upstream_of_seller(plb, &one));
	assert_ptr_equal(upstream_of_peer(plb, 0x10007), at(a));
	upstream_close(plb, at(b));
	assert_null(upstream_of_seller(plb, &two));
	upstream_del(plb, at(a));
	assert_null(upstream_of_peer(plb, 0x10007));
	/* One that has no peer yet is not that of peer 0. */
	channel(1, 0x50000, 0);
	upstream_del(plb, at(a));
	assert_non_null(add());
	assert_null(upstream_of_peer(plb, 0));
}

static void
test_tokens(void **state)
{
	size_t a, b;
	struct request *r;

	(void)state;
	a = channel(1, 1, 5);
	b = channel(2, 2, 7);
	assert_int_equal(plb->tokens, 12);
	assert_int_equal(to_be_drawn(), 12);
	upstream_spend(plb, at(a), 2);
	r = send(b);
	assert_ptr_equal(r->upstream, at(b));
	assert_int_equal(at(a)->tokens, 3);
	assert_int_equal(at(b)->tokens, 6);
	assert_int_equal(plb->tokens, 9);
	assert_int_equal(plb->in_flight, 1);
	assert_int_equal(to_be_drawn(), 9);
	upstream_back(plb, r);
	assert_null(r->upstream);
	assert_int_equal(plb->in_flight, 0);
	assert_int_equal(at(b)->in_flight, 0);
	/* What no integer of the protocol says is not held. */
	upstream_grant(plb, at(a), UINT64_MAX);
	assert_int_equal(at(a)->tokens, UINT32_MAX);
	assert_int_equal(plb->tokens, (uint64_t)UINT32_MAX + 6);
}

/* The fewest since somebody looked. */
static void
test_idle(void **state)
{
	size_t a;

	(void)state;
	a = channel(1, 1, 5);
	at(a)->idle = at(a)->tokens;
	upstream_spend(plb, at(a), 3);
	upstream_grant(plb, at(a), 2);
	assert_int_equal(at(a)->idle, 2);
}

static void
test_asks(void **state)
{
	struct upstream_connect ask = { 0 }, got;
	size_t a, i;

	(void)state;
	a = channel(1, 1, 0);
	assert_int_equal(upstream_answered(plb, at(a), &got), 0);
	for (i = 0; i < UPSTREAM_CONNECTS; i++) {
		ask.quantity = i + 1;
		ask.counter = 100 + i;
		assert_int_equal(upstream_connect(plb, at(a), &ask), 0);
	}
	assert_int_equal(plb->connecting, 1 + 2 + 3 + 4);
	assert_int_equal(upstream_connect(plb, at(a), &ask), -1);
	assert_int_equal(errno, ENOBUFS);
	assert_int_equal(upstream_answered(plb, at(a), &got), 1);
	assert_int_equal(got.counter, 100);
	assert_int_equal(upstream_give_up(plb, at(a), &got), 1);
	assert_int_equal(got.counter, 101);
	assert_int_equal(plb->connecting, 3 + 4);
	/* Its answer may still come, so it takes its place. */
	assert_int_equal(upstream_connect(plb, at(a), &ask), 0);
	assert_int_equal(upstream_connect(plb, at(a), &ask), -1);
	at(a)->overdue--;
	assert_int_equal(upstream_connect(plb, at(a), &ask), 0);
	assert_int_equal(plb->connecting, 3 + 4 + 4 + 4);
	while (upstream_answered(plb, at(a), &got))
		continue;
	assert_int_equal(plb->connecting, 0);
	assert_int_equal(upstream_give_up(plb, at(a), &got), 0);
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
	assert_int_equal(plb->in_flight, 3);
	upstream_leave(plb, at(a));
	upstream_leave(plb, at(a));
	assert_false(upstream_usable(at(a)));
	assert_int_equal(at(a)->tokens, 0);
	assert_int_equal(plb->tokens, 4);
	assert_int_equal(to_be_drawn(), 4);
	assert_int_equal(plb->in_flight, 1);
	assert_int_equal(plb->drained, 0);
	upstream_back(plb, r);
	assert_int_equal(plb->drained, 0);
	upstream_back(plb, s);
	assert_int_equal(plb->in_flight, 1);
	assert_int_equal(plb->drained, 1);
	upstream_close(plb, at(a));
	assert_int_equal(plb->drained, 0);
	upstream_del(plb, at(a));
	assert_int_equal(plb->drained, 0);
	/* One with nothing in flight has drained at once. */
	a = channel(3, 3, 1);
	upstream_leave(plb, at(a));
	assert_int_equal(plb->drained, 1);
	upstream_del(plb, at(a));
	assert_int_equal(plb->drained, 0);
	assert_int_equal(plb->nupstreams, 1);
}

static void
test_close(void **state)
{
	struct request *r;
	size_t a;

	(void)state;
	a = channel(1, 1, 5);
	assert_true(upstream_usable(at(a)));
	r = send(a);
	upstream_close(plb, at(a));
	assert_false(upstream_usable(at(a)));
	assert_int_equal(plb->tokens, 0);
	assert_int_equal(plb->in_flight, 1);
	upstream_back(plb, r);
	assert_int_equal(plb->in_flight, 0);
	assert_int_equal(plb->drained, 0);
	upstream_del(plb, at(a));
	assert_int_equal(plb->nupstreams, 0);
}

/* A connect that was given up before it was sent has no answer to come. */
static void
test_given_up_while_dialling(void **state)
{
	struct upstream_connect ask;
	struct upstream *u = add();

	(void)state;
	memset(&ask, 0, sizeof(ask));
	ask.quantity = 2;
	assert_int_equal(upstream_connect(plb, u, &ask), 0);
	assert_int_equal(upstream_give_up(plb, u, &ask), 1);
	assert_int_equal(u->overdue, 0);
	upstream_up(plb, 0, 1, u);
	assert_int_equal(upstream_connect(plb, u, &ask), 0);
	assert_int_equal(upstream_give_up(plb, u, &ask), 1);
	assert_int_equal(u->overdue, 1);
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
