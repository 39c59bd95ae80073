#ifndef ATOMICFILE_H
#define ATOMICFILE_H

/*
 * Writes a file under another name (path.new), then renames it to path. A
 * reader sees the old file or the new one, never a part.
 *
 * A program that checks from time to time whether the file has changed, as an
 * Erlang node does, compares the inode number, the size and the times, in
 * seconds. So the last ATOMICFILE_KEPT files stay open: their inode numbers are
 * not used again, and that many files written in one second all differ.
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

/* Write it, with mode 0644 less the umask. 0; or -1 with errno, and the old
 * file stays. EEXIST: a device, say, or a FIFO has that name, which is never
 * replaced; a symbolic link is. */
int atomicfile_file(struct atomicfile *, struct slice bytes);

#endif
