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

/* May it stand in a line as a word? Of any bytes but space and what controls:
 * UTF-8 may. */
static inline int
slice_is_word(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] == 0x7f)
			return 0;
	return s.len > 0;
}

/* Can it be a name: a word with no slash in it? So it is a part of a path, too.
 * Its length is the caller's to bound. */
static inline int
slice_is_name(struct slice s)
{
	return slice_is_word(s) && memchr(s.p, '/', s.len) == NULL;
}

/* For printf("%.*s"): the two arguments of a slice. */
#define SLICE_ARG(s) (int)(s).len, (s).len ? (const char *)(s).p : ""

#endif
