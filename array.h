#ifndef ARRAY_H
#define ARRAY_H

/*
 * An array on the heap grows by doubling, up to a bound. New elements are zero.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Make room for at least n elements in the array at p, which has *cap elements
 * of size bytes each. p is NULL if *cap is 0. Returns the array, which may have
 * moved, and sets *cap. Returns NULL with ENOBUFS (n is over max) or ENOMEM,
 * and then the array is unchanged.
 */
static inline void *
array_grow(void *p, size_t *cap, size_t n, size_t max, size_t size)
{
	size_t grown = *cap == 0 ? 4 : *cap;

	if (n > max) {
		errno = ENOBUFS;
		return NULL;
	}
	while (grown < n)
		grown *= 2;
	if (grown > max)
		grown = max;
	if (grown <= *cap)
		return p;
	if ((p = realloc(p, grown * size)) == NULL)
		return NULL;
	memset((char *)p + *cap * size, 0, (grown - *cap) * size);
	*cap = grown;
	return p;
}

#endif
