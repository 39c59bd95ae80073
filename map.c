#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "bytes.h"
#include "fail.h"
#include "map.h"

#define MAP_FIRST 4 /* slots of the first table; a power of two */

/* There are many of these, and most maps are small. */
struct map_entry {
	uint32_t hash; /* its low half, of which slots use less */
	uint32_t len;
	const unsigned char *key;
	void *value; /* NULL: it has been deleted */
};

/* n bytes, less than 8, the lowest first: the same on every host. */
static uint64_t
map_word(const unsigned char *p, size_t n)
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
		v[1] = rotl64(v[1], 13) ^ v[0];
		v[3] = rotl64(v[3], 16) ^ v[2];
		v[0] = rotl64(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotl64(v[1], 17) ^ v[2];
		v[3] = rotl64(v[3], 21) ^ v[0];
		v[2] = rotl64(v[2], 32);
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
		sip_word(v, (uint64_t)get32le(key.p + i + 4) << 32 |
		    get32le(key.p + i));
	sip_word(v, (uint64_t)key.len << 56 |
	    (key.len > i ? map_word(key.p + i, key.len - i) : 0));
	v[2] ^= 0xff;
	sip_rounds(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void
map_init(struct map *m, uint64_t seed)
{
	m->entries = NULL;
	m->slots = NULL;
	m->used = m->n = m->cap = 0;
	m->seed = seed;
}

void
map_free(struct map *m)
{
	free(m->entries);
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

static struct slice
map_key(const struct map_entry *e)
{
	return slice_of(e->key, e->len);
}

/* The key's slot, or the free one where it belongs. There always is one. */
static size_t
map_find(const struct map *m, uint32_t hash, struct slice key)
{
	const struct map_entry *e;
	size_t i;

	for (i = hash & (m->cap - 1); m->slots[i] != 0;
	    i = (i + 1) & (m->cap - 1)) {
		e = &m->entries[m->slots[i] - 1];
		if (e->hash == hash && slice_equal(map_key(e), key))
			break;
	}
	return i;
}

static struct map_entry *
map_at(const struct map *m, size_t slot)
{
	return m->slots[slot] == 0 ? NULL : &m->entries[m->slots[slot] - 1];
}

void *
map_get(const struct map *m, struct slice key)
{
	const struct map_entry *e;

	if (m->n == 0)
		return NULL;
	e = map_at(m, map_find(m, (uint32_t)map_hash(m->seed, key), key));
	return e == NULL ? NULL : e->value;
}

/* How many entries there is room for: the slots are three quarters full. */
static size_t
map_room(const struct map *m)
{
	return m->cap - m->cap / 4;
}

static void
map_append(struct map *m, size_t slot, const struct map_entry *e)
{
	m->entries[m->used] = *e;
	m->slots[slot] = (uint32_t)++m->used;
	m->n++;
}

/* Make room for one more: in a table of twice the size, or of the same where
 * no less than half of the entries have been deleted. */
static int
map_grow(struct map *m)
{
	struct map grown;
	const struct map_entry *e;
	size_t i;

	map_init(&grown, m->seed);
	grown.cap = m->cap == 0 ? MAP_FIRST :
	    m->n <= map_room(m) / 2 ? m->cap : 2 * m->cap;
	if (grown.cap > UINT32_MAX / 2 ||
	    grown.cap > SIZE_MAX / sizeof(*grown.entries))
		return fail(ENOMEM);
	grown.entries = malloc(map_room(&grown) * sizeof(*grown.entries));
	grown.slots = calloc(grown.cap, sizeof(*grown.slots));
	if (grown.entries == NULL || grown.slots == NULL) {
		map_free(&grown);
		return fail(ENOMEM);
	}
	for (i = 0; i < m->used; i++) {
		e = &m->entries[i];
		if (e->value != NULL)
			map_append(&grown, map_find(&grown, e->hash,
			    map_key(e)), e);
	}
	map_free(m);
	*m = grown;
	return 0;
}

int
map_put(struct map *m, struct slice key, void *value)
{
	struct map_entry e, *old;

	assert(value != NULL && key.len <= UINT32_MAX);
	e.hash = (uint32_t)map_hash(m->seed, key);
	e.key = key.p;
	e.len = (uint32_t)key.len;
	e.value = value;
	old = m->n == 0 ? NULL : map_at(m, map_find(m, e.hash, key));
	if (old != NULL) {
		*old = e;
		return 0;
	}
	if (m->used == map_room(m) && map_grow(m) == -1)
		return -1;
	map_append(m, map_find(m, e.hash, key), &e);
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

void *
map_enter(struct map *m, struct slice key, size_t size)
{
	struct slice *value = map_get(m, key);

	if (value == NULL && (value = map_alloc(m, size, &key)) != NULL)
		*value = key;
	return value;
}

/*
 * Close the gap at slot i: each one after it, up to the next free one, moves
 * there unless that would put it before the slot where its search begins.
 */
static void
map_close_gap(struct map *m, size_t i)
{
	size_t j, mask, home;

	mask = m->cap - 1;
	for (j = (i + 1) & mask; m->slots[j] != 0; j = (j + 1) & mask) {
		home = m->entries[m->slots[j] - 1].hash & mask;
		if (((j - home) & mask) < ((j - i) & mask))
			continue;
		m->slots[i] = m->slots[j];
		i = j;
	}
	m->slots[i] = 0;
}

void *
map_del(struct map *m, struct slice key)
{
	struct map_entry *e;
	void *value;
	size_t i;

	if (m->n == 0)
		return NULL;
	i = map_find(m, (uint32_t)map_hash(m->seed, key), key);
	if ((e = map_at(m, i)) == NULL)
		return NULL;
	value = e->value;
	e->value = NULL;
	map_close_gap(m, i);
	m->n--;
	while (m->used > 0 && m->entries[m->used - 1].value == NULL)
		m->used--;
	return value;
}

void *
map_next(const struct map *m, size_t *pos)
{
	void *value;

	while (*pos < m->used) {
		value = m->entries[(*pos)++].value;
		if (value != NULL)
			return value;
	}
	return NULL;
}
