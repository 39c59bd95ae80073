#ifndef REPLACE_H
#define REPLACE_H

/*
 * Write a file whole under another name (path.new) and rename it over: who
 * reads it sees the old one or the new one, never part of one.
 *
 * Whoever looks from time to time whether the file is another one, as Erlang
 * nodes do, compares its inode's number, its size and its times, in seconds.
 * So the last REPLACE_KEPT files stay open, and their numbers are not given to
 * new ones: that many in one second all differ.
 */

#include "slice.h"

#define REPLACE_PATH_MAX 4096
#define REPLACE_KEPT	 8

struct replace {
	const char *path;      /* the caller's */
	int kept[REPLACE_KEPT]; /* descriptors, or -1 */
	unsigned next;	       /* of those, the oldest */
};

void replace_init(struct replace *, const char *path);
void replace_free(struct replace *);

/* Write it. Mode 0644, less the umask. 0, or -1 with errno, and what was there
 * stays. */
int replace_file(struct replace *, struct slice bytes);

#endif
