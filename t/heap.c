#include <string.h>

#include "heap.h"
#include "rng.h"
#include "t/check.h"

#define N 300

struct member {
	int64_t key;
	uint64_t seq;
	size_t place;
};

static struct member members[N];

static int
before(const struct member *a, const struct member *b)
{
	return a->key < b->key || (a->key == b->key && a->seq < b->seq);
}

/* The first, by looking at all that are in. */
static struct member *
least(void)
{
	struct member *m, *first = NULL;

	for (m = members; m < members + N; m++)
		if (m->place != 0 && (first == NULL || before(m, first)))
			first = m;
	return first;
}

static struct member *
first(const struct heap *h)
{
	size_t *place = heap_first(h);

	return place == NULL ? NULL : HEAP_OWNER(place, struct member, place);
}

static void
put(struct heap *h, struct member *m, int64_t key, uint64_t seq)
{
	m->key = key;
	m->seq = seq;
	assert_int_equal(heap_put(h, &m->place, key, seq), 0);
	assert_int_equal(h->items[m->place - 1].key, key);
}

/* Put in, set again, taken out, at random: the first is the first each time,
 * and each knows its place. */
UNIT(test_random)
{
	struct heap h = { NULL, 0, 0 };
	struct member *m;
	struct rng rng;
	size_t in;
	int i;

	memset(members, 0, sizeof(members));
	rng_seed(&rng, 7);
	for (i = 0; i < 20000; i++) {
		m = &members[rng_below(&rng, N)];
		if (rng_below(&rng, 3) == 0)
			heap_remove(&h, &m->place);
		else
			put(&h, m, (int64_t)rng_below(&rng, 100) - 50,
			    (uint64_t)i);
		assert_ptr_equal(first(&h), least());
	}
	for (in = 0, m = members; m < members + N; m++) {
		if (m->place == 0)
			continue;
		in++;
		assert_ptr_equal(h.items[m->place - 1].place, &m->place);
	}
	assert_int_equal(in, h.n);
	heap_free(&h);
	assert_null(heap_first(&h));
}

/* Of equal keys the least seq comes first; all come out in order. */
UNIT(test_order)
{
	struct heap h = { NULL, 0, 0 };
	struct member *m, *last = NULL;
	struct rng rng;
	size_t i;

	memset(members, 0, sizeof(members));
	rng_seed(&rng, 8);
	for (i = 0; i < N; i++)
		put(&h, &members[i], (int64_t)rng_below(&rng, 5),
		    (i * 7) % N);
	for (i = 0; i < N; i++, last = m) {
		m = first(&h);
		assert_true(last == NULL || before(last, m));
		heap_remove(&h, &m->place);
		assert_int_equal(m->place, 0);
	}
	assert_int_equal(h.n, 0);
	heap_remove(&h, &members[0].place); /* it is not in */
	heap_free(&h);
}

UNIT(test_reserve)
{
	struct heap h = { NULL, 0, 0 };
	struct heap_item *items;
	size_t i;

	memset(members, 0, sizeof(members));
	assert_int_equal(heap_reserve(&h, N), 0);
	items = h.items;
	for (i = 0; i < N; i++)
		put(&h, &members[i], (int64_t)(N - i), 0);
	assert_ptr_equal(h.items, items);
	assert_ptr_equal(first(&h), &members[N - 1]);
	heap_free(&h);
}

UNITS(PLAIN(test_random), PLAIN(test_order), PLAIN(test_reserve))
