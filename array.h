#ifndef ARRAY_H
#define ARRAY_H

/*
 * An array on the heap grows by doubling, up to a bound. New elements are zero.
 *
 * Where many structs are used at random, what counts is how many cache lines
 * each use touches. So such structs are made of whole lines, in memory that
 * begins with one; and the processor can be told which line comes next.
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

#define CACHE_LINE 64 /* bytes, on most processors; another size does no harm */

/* n structs of size bytes, all zero, at the start of a cache line; the caller
 * frees them. NULL with ENOMEM. */
static inline void *
array_lines(size_t n, size_t size)
{
	void *p;

	if (n > (size_t)-1 / size ||
	    posix_memalign(&p, CACHE_LINE, n * size) != 0) {
		errno = ENOMEM;
		return NULL;
	}
	return memset(p, 0, n * size);
}

/* Soon the line at p will be used. */
static inline void
array_prefetch(const void *p)
{
#if defined(__GNUC__)
	__builtin_prefetch(p);
#else
	(void)p;
#endif
}

#endif
