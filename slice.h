#ifndef SLICE_H
#define SLICE_H

/*
 * A slice is a run of bytes that somebody else owns: a pointer and a length,
 * never ended by a NUL, never freed through the slice. It stays good as long
 * as the bytes it points at; what is kept longer is copied.
 */

#include <stddef.h>
#include <string.h>

struct slice {
	const unsigned char *p;
	size_t len;
};

static inline struct slice
slice_of(const void *p, size_t len)
{
	struct slice s;

	s.p = p;
	s.len = len;
	return s;
}

/* The slice of a C string, without its NUL; NULL gives the empty slice. */
static inline struct slice
slice_str(const char *s)
{
	return slice_of(s, s == NULL ? 0 : strlen(s));
}

static inline int
slice_equal(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

/* Can it be a name: something, and no space, control byte or slash in it? So
 * it is a word of a line and a part of a path. Its length is the caller's to
 * bound. */
static inline int
slice_is_name(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] == 0x7f || s.p[i] == '/')
			return 0;
	return s.len > 0;
}

/* For printf("%.*s"): the two arguments of a slice. */
#define SLICE_ARG(s) (int)(s).len, (s).len ? (const char *)(s).p : ""

#endif
