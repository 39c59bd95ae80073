#ifndef ESCAPE_H
#define ESCAPE_H

/*
 * Text that came from elsewhere, made fit for one line of a terminal: control
 * bytes come out as \xHH, and so does whatever is above the last byte that the
 * caller lets pass.
 */

#include <stddef.h>

#define ESCAPE_ASCII '~'  /* let printable ASCII pass, and nothing else */
#define ESCAPE_UTF8  0xff /* and UTF-8 */

/*
 * Copy *text, which a NUL ends, to the size bytes at to: returns how many were
 * written (no NUL is), and *text points at what did not fit. An escape is
 * written whole or not at all.
 */
static inline size_t
escape(char *to, size_t size, const char **text, unsigned last)
{
	static const char hex[] = "0123456789abcdef";
	size_t len = 0;
	unsigned char c;

	for (; (c = (unsigned char)**text) != '\0'; ++*text) {
		if (c >= ' ' && c != 0x7f && c <= last) {
			if (1 > size - len)
				break;
			to[len++] = (char)c;
			continue;
		}
		if (4 > size - len)
			break;
		to[len++] = '\\';
		to[len++] = 'x';
		to[len++] = hex[c >> 4];
		to[len++] = hex[c & 15];
	}
	return len;
}

#endif
