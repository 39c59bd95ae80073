#include <stdio.h>
#include <stdlib.h>

#include "map.h"
#include "rng.h"
#include "t/check.h"

#define KEYS 600

/* A value with its key inside, as the owner of a map has it, and the model:
 * is it in, and which put brought it? */
struct entry {
	char name[24];
	int in;
	int put;
};

static struct slice
key_of(const struct entry *e)
{
	return slice_str(e->name);
}

/* The map holds just what the model says, found each way there is, and in the
 * order of the puts. */
static void
assert_model(const struct map *m, struct entry *e, size_t n)
{
	struct entry *p;
	size_t i, pos, in;
	int last = -1;

	in = 0;
	for (i = 0; i < n; i++) {
		p = map_get(m, key_of(&e[i]));
		assert_ptr_equal(p, e[i].in ? &e[i] : NULL);
		in += (size_t)e[i].in;
	}
	assert_int_equal(m->n, in);
	for (pos = 0; (p = map_next(m, &pos)) != NULL; in--) {
		assert_true(p->in && p->put > last);
		last = p->put;
	}
	assert_int_equal(in, 0);
}

/* Random puts and deletions over these entries. */
static void
exercise(struct entry *e, size_t n, uint64_t seed, int steps)
{
	struct entry *p;
	struct map m;
	struct rng r;
	int step;

	rng_seed(&r, seed);
	map_init(&m, seed);
	for (step = 0; step < steps; step++) {
		p = &e[rng_below(&r, n)];
		/* Mostly puts for a while, then mostly deletions. */
		if (rng_below(&r, 10) < (step / 500 % 2 ? 3u : 7u)) {
			assert_int_equal(map_put(&m, key_of(p), p), 0);
			if (!p->in)
				p->put = step;
			p->in = 1;
		} else {
			assert_ptr_equal(map_del(&m, key_of(p)),
			    p->in ? p : NULL);
			p->in = 0;
		}
		if (step % 50 == 0)
			assert_model(&m, e, n);
	}
	assert_model(&m, e, n);
	map_free(&m);
	assert_null(map_get(&m, key_of(e)));
}

UNIT(test_empty)
{
	struct map m;
	size_t pos;

	map_init(&m, 1);
	pos = 0;
	assert_null(map_get(&m, slice_str("a")));
	assert_null(map_del(&m, slice_str("a")));
	assert_null(map_next(&m, &pos));
	map_free(&m);
}

UNIT(test_random)
{
	static struct entry e[KEYS];
	size_t i;

	for (i = 0; i < KEYS; i++)
		snprintf(e[i].name, sizeof(e[i].name), "module/%u",
		    (unsigned)i);
	exercise(e, KEYS, 11, 20000);
}

/*
 * Keys that all begin their search within three slots, two of which are the
 * last of any table: long runs of probes, which wrap around its end.
 */
UNIT(test_collisions)
{
	static struct entry e[40];
	const uint64_t seed = 12, mask = 255;
	uint64_t home;
	unsigned i, n;

	for (i = n = 0; n < 40; i++) {
		snprintf(e[n].name, sizeof(e[n].name), "%u", i);
		home = map_hash(seed, key_of(&e[n])) & mask;
		if (home == mask || home == mask - 1 || home == 0)
			n++;
	}
	exercise(e, n, seed, 20000);
}

/* Different keys of the same hash, as far as the map keeps it. */
UNIT(test_same_hash)
{
	static const char *const names[] = { "3230", "284317", "49050",
		"82071", "13190", "387173" };
	static struct entry e[6];
	const uint64_t seed = 7;
	unsigned i;

	for (i = 0; i < 6; i++) {
		snprintf(e[i].name, sizeof(e[i].name), "%s", names[i]);
		assert_int_equal((uint32_t)map_hash(seed, key_of(&e[i])),
		    (uint32_t)map_hash(seed, slice_str(names[i & ~1u])));
	}
	exercise(e, 6, seed, 2000);
}

/*
 * Delete one after another out of a run, from each place in it: the gap must
 * close without hiding what is behind it, nor moving it before its home.
 */
UNIT(test_delete_each)
{
	struct entry e[12];
	struct map m;
	unsigned first, i, n;

	memset(e, 0, sizeof(e));
	for (i = n = 0; n < 12; i++) {
		snprintf(e[n].name, sizeof(e[n].name), "%u", i);
		if ((map_hash(3, key_of(&e[n])) & 15) >= 13)
			n++;
	}
	for (first = 0; first < n; first++) {
		map_init(&m, 3);
		for (i = 0; i < n; i++) {
			assert_int_equal(map_put(&m, key_of(&e[i]), &e[i]), 0);
			e[i].in = 1;
			e[i].put = (int)i;
		}
		assert_int_equal(m.cap, 16);
		for (i = 0; i < n; i++) {
			e[(first + 5 * i) % n].in = 0;
			assert_ptr_equal(map_del(&m,
			    key_of(&e[(first + 5 * i) % n])),
			    &e[(first + 5 * i) % n]);
			assert_model(&m, e, n);
		}
		map_free(&m);
	}
}

/* A put of a key that is in replaces the key's bytes as well: the old value
 * may be freed. */
UNIT(test_replace)
{
	struct entry *old, *new;
	struct map m;

	old = calloc(1, sizeof(*old));
	new = calloc(1, sizeof(*new));
	assert_true(old != NULL && new != NULL);
	strcpy(old->name, "calc");
	strcpy(new->name, "calc");
	map_init(&m, 5);
	assert_int_equal(map_put(&m, key_of(old), old), 0);
	assert_int_equal(map_put(&m, key_of(new), new), 0);
	assert_int_equal(m.n, 1);
	free(old);
	assert_ptr_equal(map_get(&m, slice_str("calc")), new);
	assert_ptr_equal(map_del(&m, slice_str("calc")), new);
	assert_int_equal(m.n, 0);
	map_free(&m);
	free(new);
}

UNIT(test_keys_are_bytes)
{
	int a, b, c, d;
	struct map m;

	map_init(&m, 6);
	assert_int_equal(map_put(&m, slice_of("", 0), &a), 0);
	assert_int_equal(map_put(&m, slice_of("\0", 1), &b), 0);
	assert_int_equal(map_put(&m, slice_of("\0\0", 2), &c), 0);
	assert_int_equal(map_put(&m, slice_of("\0x", 2), &d), 0);
	assert_ptr_equal(map_get(&m, slice_of(NULL, 0)), &a);
	assert_ptr_equal(map_get(&m, slice_of("\0", 1)), &b);
	assert_ptr_equal(map_get(&m, slice_of("\0\0", 2)), &c);
	assert_ptr_equal(map_get(&m, slice_of("\0x", 2)), &d);
	assert_null(map_get(&m, slice_of("x", 1)));
	map_free(&m);
}

/* A value that the map makes has a copy of its key. */
UNIT(test_alloc)
{
	char name[] = "calc";
	struct slice key = slice_str(name);
	struct entry *e;
	struct map m;

	map_init(&m, 8);
	e = map_alloc(&m, sizeof(*e), &key);
	assert_non_null(e);
	assert_int_equal(e->in + e->put, 0);
	assert_ptr_equal(key.p, e + 1);
	name[0] = 'x';
	assert_true(slice_is(key, "calc"));
	assert_ptr_equal(map_get(&m, slice_str("calc")), e);
	key = slice_str("");
	assert_non_null(map_alloc(&m, 1, &key));
	assert_ptr_equal(map_del(&m, slice_str("calc")), e);
	free(e);
	map_free_values(&m);
}

/* Replacing takes no room, and what deleting leaves is taken up again: the
 * table does not grow beyond twice what its keys need. */
UNIT(test_does_not_grow)
{
	static struct entry e[1000];
	struct map m;
	unsigned i;

	map_init(&m, 7);
	for (i = 0; i < 1000; i++) {
		snprintf(e[i].name, sizeof(e[i].name), "%u", i);
		assert_int_equal(map_put(&m, key_of(&e[i]), &e[i]), 0);
		assert_int_equal(map_put(&m, key_of(&e[i]), &e[i]), 0);
		if (i >= 4)
			assert_non_null(map_del(&m, key_of(&e[i - 4])));
	}
	assert_int_equal(m.n, 4);
	assert_true(m.cap <= 16);
	map_free(&m);
}

/* From the SipHash paper: the key is the bytes 0 to 15, the message is as many
 * bytes counting from 0; and the reference implementation's for none and 8. */
UNIT(test_hash_vectors)
{
	const uint64_t seed = 0x0706050403020100u;
	unsigned char message[15];
	unsigned i;

	for (i = 0; i < sizeof(message); i++)
		message[i] = (unsigned char)i;
	assert_true(map_hash(seed, slice_of(message, 15)) ==
	    0xa129ca6149be45e5u);
	assert_true(map_hash(seed, slice_of(NULL, 0)) == 0x726fdb47dd0e0e31u);
	assert_true(map_hash(seed, slice_of(message, 8)) ==
	    0x93f5f5799a932462u);
}

UNIT(test_hash_seeded)
{
	unsigned i, same;
	char name[24];

	same = 0;
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "%u", i);
		same += (map_hash(1, slice_str(name)) & 1023) ==
		    (map_hash(2, slice_str(name)) & 1023);
	}
	/* About one is expected. */
	assert_true(same < 10);
}

UNITS(PLAIN(test_empty), PLAIN(test_random), PLAIN(test_collisions),
    PLAIN(test_same_hash), PLAIN(test_delete_each), PLAIN(test_replace),
    PLAIN(test_keys_are_bytes), PLAIN(test_alloc), PLAIN(test_does_not_grow),
    PLAIN(test_hash_vectors), PLAIN(test_hash_seeded))
