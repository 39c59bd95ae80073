#ifndef ATOMICFILE_H
#define ATOMICFILE_H

/*
 * Write a file whole under another name (path.new) and rename it over: who
 * reads it sees the old one or the new one, never part of one.
 *
 * Whoever looks from time to time whether the file is another one, as Erlang
 * nodes do, compares its inode's number, its size and its times, in seconds.
 * So the last ATOMICFILE_KEPT files stay open, and their numbers are not given
 * to new ones: that many in one second all differ.
 */

#include "slice.h"

#define ATOMICFILE_PATH_MAX 4096
#define ATOMICFILE_KEPT	 8

struct atomicfile {
	const char *path;      /* the caller's */
	int kept[ATOMICFILE_KEPT]; /* descriptors, or -1 */
	unsigned next;	       /* of those, the oldest */
};

void atomicfile_init(struct atomicfile *, const char *path);
void atomicfile_free(struct atomicfile *);

/* Write it. Mode 0644, less the umask. 0, or -1 with errno, and what was there
 * stays. */
int atomicfile_file(struct atomicfile *, struct slice bytes);

#endif
