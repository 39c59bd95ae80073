#ifndef HEX_H
#define HEX_H

/*
 * The files of t/wire: hexadecimal bytes; # begins a comment to the end of the
 * line. A comment that begins so says what is to come of the bytes, where that
 * is not the message that the file is named for:
 *
 *	# error: NAME		it is refused, with that errno
 *	# same as: FILE		it is the message of the other file
 *	# skipped		it is passed over
 */

#include "msg.h"

#define HEX_MAX 4096

struct hex {
	unsigned char bytes[HEX_MAX];
	size_t len;
	int error;     /* 0: none is expected */
	int skipped;
	char same[64]; /* empty, or the other file's name */
};

/* Read a file: 0, or -1 where it is not one of these. */
int hex_read(struct hex *, const char *path);

/* Write a message so, a line a field. 0, or -1 with errno. */
int hex_write(const char *path, const struct msg *, const char *title);

#endif
