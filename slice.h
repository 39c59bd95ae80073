#ifndef SLICE_H
#define SLICE_H

/*
 * A slice is a run of bytes that somebody else owns: a pointer and a length,
 * never ended by a NUL, never freed through the slice. It stays good as long
 * as the bytes it points at; what is kept longer is copied.
 */

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
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

static inline int
slice_is(struct slice s, const char *text)
{
	return slice_equal(s, slice_str(text));
}

/* Does it contain the byte c? */
static inline int
slice_has(struct slice s, int c)
{
	return s.len > 0 && memchr(s.p, c, s.len) != NULL;
}

/*
 * Names of hosts are the same in upper and lower case (letters of ASCII), so
 * they are kept and written in lower case. A copy in lower case, ended with a
 * NUL; to has room for it.
 */
static inline void
slice_lower(char *to, struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		to[i] = (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ?
		    s.p[i] - 'A' + 'a' : s.p[i]);
	to[s.len] = '\0';
}

/* The same of an Erlang node's name, name@host, where only the host is such a
 * name: the copy, without its NUL. */
static inline struct slice
slice_lower_host(char *to, struct slice node)
{
	const unsigned char *at = node.len == 0 ? NULL :
	    memchr(node.p, '@', node.len);
	size_t n = at == NULL ? node.len : (size_t)(at - node.p);

	slice_lower(to + n, slice_of(at, node.len - n));
	if (n > 0)
		memcpy(to, node.p, n);
	return slice_of(to, node.len);
}

/* A copy on the heap, with a NUL after it; the caller frees it. NULL with
 * ENOMEM. */
static inline unsigned char *
slice_dup(struct slice s)
{
	unsigned char *p = malloc(s.len + 1);

	if (p == NULL)
		return NULL;
	if (s.len > 0)
		memcpy(p, s.p, s.len);
	p[s.len] = '\0';
	return p;
}

/* Take the next line off the text: without its newline, which the last line
 * need not have. */
static inline struct slice
slice_line(struct slice *text)
{
	const unsigned char *newline = text->len == 0 ? NULL :
	    memchr(text->p, '\n', text->len);
	struct slice line = *text;

	if (newline != NULL)
		line.len = (size_t)(newline - text->p);
	text->len -= line.len + (newline != NULL);
	text->p = text->len == 0 ? NULL : newline + 1;
	return line;
}

/* Take the next word off the line, and the space before it; empty where there
 * is none. */
static inline struct slice
slice_word(struct slice *line)
{
	struct slice w;

	while (line->len > 0 && isspace(line->p[0])) {
		line->p++;
		line->len--;
	}
	w = slice_of(line->p, 0);
	while (line->len > 0 && !isspace(line->p[0])) {
		line->p++;
		line->len--;
		w.len++;
	}
	return w;
}

/* Can it stand in a line as a word? It must not be empty, and have no space and
 * no control byte; UTF-8 is allowed. */
static inline int
slice_is_word(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] == 0x7f)
			return 0;
	return s.len > 0;
}

/* Can it be a name, that is a word without a slash? Then it can be a part of a
 * path too. The caller must bound its length. */
static inline int
slice_is_name(struct slice s)
{
	return slice_is_word(s) && memchr(s.p, '/', s.len) == NULL;
}

/* For printf("%.*s"): the two arguments of a slice. */
#define SLICE_ARG(s) (int)(s).len, (s).len ? (const char *)(s).p : ""

/*
 * Escaping makes text from elsewhere safe for one line of a terminal: control
 * characters come out as \xHH, each byte of them, and so does all that is not
 * UTF-8.
 */

/* How many bytes the character of more than one byte has that text begins with;
 * 0: it is none, or a control character (C1, and what ends a line). */
static inline size_t
utf8_len(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2, i;
	unsigned long c = p[0] & (0xffu >> (n + 1));
	static const unsigned long least[] = { 0xa0, 0x800, 0x10000 };

	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	for (i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[n - 2] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) ||
	    c == 0x2028 || c == 0x2029)
		return 0;
	return n;
}

/*
 * Copy *text, up to its NUL, to the size bytes at to. Returns how many were
 * written, without a NUL; *text points at the rest, which did not fit. An
 * escape, and a character, is written whole or not at all.
 */
static inline size_t
escape(char *to, size_t size, const char **text)
{
	static const char hex[] = "0123456789abcdef";
	size_t len = 0, n;
	unsigned char c;

	for (; (c = (unsigned char)**text) != '\0'; *text += n) {
		n = c >= ' ' && c <= '~' ? 1 : c > '~' ? utf8_len(*text) : 0;
		if ((n == 0 ? 4 : n) > size - len)
			break;
		if (n > 0) {
			memcpy(to + len, *text, n);
			len += n;
			continue;
		}
		to[len++] = '\\';
		to[len++] = 'x';
		to[len++] = hex[c >> 4];
		to[len++] = hex[c & 15];
		n = 1;
	}
	return len;
}

#endif
