#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "fail.h"
#include "map.h"

#define MAP_FIRST 8 /* slots of the first table */

struct map_slot {
	uint64_t hash;
	struct slice key;
	void *value; /* NULL: the slot is free */
};

static uint64_t
rotl(uint64_t x, int n)
{
	return x << n | x >> (64 - n);
}

/* n bytes, at most 8, the lowest first: the same on every host. */
static uint64_t
word(const unsigned char *p, size_t n)
{
	uint64_t w;

	w = 0;
	while (n-- > 0)
		w = w << 8 | p[n];
	return w;
}

static void
sip_rounds(uint64_t v[4], int n)
{
	while (n-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotl(v[1], 13) ^ v[0];
		v[3] = rotl(v[3], 16) ^ v[2];
		v[0] = rotl(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotl(v[1], 17) ^ v[2];
		v[3] = rotl(v[3], 21) ^ v[0];
		v[2] = rotl(v[2], 32);
	}
}

static void
sip_word(uint64_t v[4], uint64_t w)
{
	v[3] ^= w;
	sip_rounds(v, 2);
	v[0] ^= w;
}

/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012). The second half of its key
 * follows from the first in such a way that one seed gives the key of the
 * paper's test vectors.
 */
uint64_t
map_hash(uint64_t seed, struct slice key)
{
	uint64_t v[4], other;
	size_t i;

	other = seed ^ 0x0808080808080808u;
	v[0] = seed ^ 0x736f6d6570736575u;
	v[1] = other ^ 0x646f72616e646f6du;
	v[2] = seed ^ 0x6c7967656e657261u;
	v[3] = other ^ 0x7465646279746573u;
	for (i = 0; key.len - i >= 8; i += 8)
		sip_word(v, word(key.p + i, 8));
	sip_word(v, (uint64_t)key.len << 56 |
	    (key.len > i ? word(key.p + i, key.len - i) : 0));
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void
map_init(struct map *m, uint64_t seed)
{
	m->slots = NULL;
	m->cap = m->n = 0;
	m->seed = seed;
}

void
map_free(struct map *m)
{
	free(m->slots);
	map_init(m, m->seed);
}

void
map_free_values(struct map *m)
{
	size_t pos = 0;
	void *value;

	while ((value = map_next(m, &pos)) != NULL)
		free(value);
	map_free(m);
}

/* The key's slot, or the free one where it belongs. There always is one. */
static size_t
find(const struct map *m, uint64_t hash, struct slice key)
{
	const struct map_slot *s;
	size_t i;

	for (i = hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
		s = &m->slots[i];
		if (s->value == NULL)
			return i;
		if (s->hash == hash && slice_equal(s->key, key))
			return i;
	}
}

void *
map_get(const struct map *m, struct slice key)
{
	if (m->n == 0)
		return NULL;
	return m->slots[find(m, map_hash(m->seed, key), key)].value;
}

static int
grow(struct map *m)
{
	struct map old;
	struct map_slot *s;
	size_t i;

	old = *m;
	m->cap = old.cap > 0 ? 2 * old.cap : MAP_FIRST;
	m->slots = NULL;
	if (m->cap <= (size_t)-1 / 2 / sizeof(*s))
		m->slots = calloc(m->cap, sizeof(*s));
	if (m->slots == NULL) {
		*m = old;
		return fail(ENOMEM);
	}
	for (i = 0; i < m->cap; i++)
		m->slots[i].value = NULL;
	for (i = 0; i < old.cap; i++) {
		s = &old.slots[i];
		if (s->value != NULL)
			m->slots[find(m, s->hash, s->key)] = *s;
	}
	free(old.slots);
	return 0;
}

int
map_put(struct map *m, struct slice key, void *value)
{
	struct map_slot *s;
	uint64_t hash;

	assert(value != NULL);
	hash = map_hash(m->seed, key);
	s = m->cap > 0 ? &m->slots[find(m, hash, key)] : NULL;
	if (s == NULL || s->value == NULL) {
		/* At most three quarters full. */
		if (m->n >= m->cap - m->cap / 4) {
			if (grow(m) == -1)
				return -1;
			s = &m->slots[find(m, hash, key)];
		}
		m->n++;
	}
	s->hash = hash;
	s->key = key;
	s->value = value;
	return 0;
}

void *
map_alloc(struct map *m, size_t size, struct slice *key)
{
	unsigned char *value = calloc(1, size + key->len);

	if (value == NULL)
		return NULL;
	if (key->len > 0)
		memcpy(value + size, key->p, key->len);
	*key = slice_of(value + size, key->len);
	if (map_put(m, *key, value) == -1) {
		free(value);
		return NULL;
	}
	return value;
}

/*
 * Close the gap at i: each entry behind it, up to the next free slot, moves
 * there unless that would put it before the slot where its search begins.
 */
static void
close_gap(struct map *m, size_t i)
{
	size_t j, mask, home;

	mask = m->cap - 1;
	for (j = (i + 1) & mask; m->slots[j].value != NULL;
	    j = (j + 1) & mask) {
		home = m->slots[j].hash & mask;
		if (((j - home) & mask) < ((j - i) & mask))
			continue;
		m->slots[i] = m->slots[j];
		i = j;
	}
	m->slots[i].value = NULL;
}

void *
map_del(struct map *m, struct slice key)
{
	void *value;
	size_t i;

	if (m->n == 0)
		return NULL;
	i = find(m, map_hash(m->seed, key), key);
	value = m->slots[i].value;
	if (value == NULL)
		return NULL;
	close_gap(m, i);
	m->n--;
	return value;
}

void *
map_next(const struct map *m, size_t *pos)
{
	void *value;

	while (*pos < m->cap) {
		value = m->slots[(*pos)++].value;
		if (value != NULL)
			return value;
	}
	return NULL;
}
