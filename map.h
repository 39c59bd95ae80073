#ifndef MAP_H
#define MAP_H

/*
 * A map from byte strings to pointers: an array of entries in the order of
 * their puts, and a hash table of their places (open addressing, linear
 * probing). It owns neither keys nor values: a key's bytes are in its value (a
 * name in the struct), and must not change while the value is in the map. A
 * call costs O(1); growth is amortised.
 *
 * Keys come from peers, so the hash is seeded: map_init() takes 64 random bits,
 * and no peer can aim at one slot. A walk shows nothing of the seed or the
 * hash: it goes in the order of the puts. So it is the same on every host, even
 * if keys are integers in the host's byte order.
 */

#include <stdint.h>

#include "slice.h"

struct map_entry;

struct map {
	struct map_entry *entries; /* in the order of their puts */
	size_t used;		   /* of them; some have been deleted */
	size_t n;		   /* keys held */
	uint32_t *slots;	   /* 1 + index of an entry; 0: free */
	size_t cap;		   /* slots: a power of two, or 0 */
	uint64_t seed;
};

void map_init(struct map *, uint64_t seed);
void map_free(struct map *);
void map_free_values(struct map *); /* and the map */

/* The value of the key, or NULL. */
void *map_get(const struct map *, struct slice key);

/* Add an entry, or replace the key and value of the one that has this key; that
 * keeps its place in the order. value is not NULL. 0; or -1 with ENOMEM, and
 * nothing has changed. */
int map_put(struct map *, struct slice key, void *value);

/*
 * Allocate a value of size bytes, all zero, with a copy of the key after it,
 * and put it under that key: *key becomes the copy. The owner frees the value
 * after removing it. NULL with ENOMEM.
 */
void *map_alloc(struct map *, size_t size, struct slice *key);

/* The value of the key; where there is none, a new one as of map_alloc(), which
 * begins with a struct slice: its key. NULL with ENOMEM. */
void *map_enter(struct map *, struct slice key, size_t size);

/* Remove the key. Returns its value, or NULL if it was not there. */
void *map_del(struct map *, struct slice key);

/*
 * Walk: start with *pos = 0. Returns each value once, in the order of the puts,
 * then NULL. Put and delete nothing during a walk.
 */
void *map_next(const struct map *, size_t *pos);

/* Its hash, for other users of a seeded 64-bit hash of bytes. */
uint64_t map_hash(uint64_t seed, struct slice);

#endif
