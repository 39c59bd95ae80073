#ifndef MAP_H
#define MAP_H

/*
 * A map from byte strings to pointers: entries in the order in which they were
 * put, and a hash table of their places (open addressing, linear probing). It
 * owns neither keys nor values: a key's bytes live in its value (a name inside
 * the struct) and must not change while it is in. Cost is O(1) a call, growth
 * amortised.
 *
 * Keys come from peers, so the hash is seeded: map_init takes 64 bits that the
 * owner drew, and nobody outside can aim at one slot. Neither the seed nor the
 * hash is seen from outside: a walk goes in the order of the puts, so that it
 * is the same on every host, also where a key is an integer as the host has it.
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

/* Add, or replace the key and value of, an entry, which keeps its place. 0, or
 * -1 with ENOMEM and nothing changed. value is not NULL. */
int map_put(struct map *, struct slice key, void *value);

/*
 * A new value of size bytes, all zero, put under a copy of the key that follows
 * it in memory: *key becomes the copy. To be freed by the owner once it is
 * removed. NULL with ENOMEM.
 */
void *map_alloc(struct map *, size_t size, struct slice *key);

/* Remove the key; returns its value, or NULL when it was not there. */
void *map_del(struct map *, struct slice key);

/*
 * Walk: start with *pos = 0; returns each value once, in the order of their
 * puts, then NULL. During a walk nothing is put or deleted.
 */
void *map_next(const struct map *, size_t *pos);

/* The hash behind it, for whoever needs a seeded 64-bit hash of bytes. */
uint64_t map_hash(uint64_t seed, struct slice);

#endif
