#ifndef CALL_JOBLOG_H
#define CALL_JOBLOG_H

/*
 * The job log of a filter, as a file: a header, which ends with the command,
 * and a line for each record that has come to an end. The core makes the lines
 * (call_jobs()); this writes them, whole and at the end of the file, in one
 * write(2) for all that there are. So whatever ends the filter, at most the
 * last line is torn; and that one is cut off when the log is opened again.
 *
 * The log of the same command shows which records have had status 0: they are
 * not run again.
 */

#include <sys/types.h>

#include "call.h"

struct joblog {
	const char *path; /* NULL: there is none */
	int fd;
	off_t size; /* of whole lines */
	struct call_range *done; /* in order, and apart */
	size_t ndone, cap;
	char *header; /* as it is to be, with its newline, and */
	struct buf rest; /* what has been read and is no line yet: no longer
			  * needed when it is open */
};

/* What makes two commands the same to a log: framing and blocks of the input,
 * module, function, arguments; each a word. free() it. NULL with ENOMEM. */
char *joblog_command(const struct call_config *);

/* Open it, or make it, and read what is done. Dies: 100 where the file is no
 * job log, or one of another command, or no regular file; 111 where somebody
 * else writes it, or it cannot be used. The path is kept, and not copied. */
void joblog_open(struct joblog *, const char *path, const char *command);

/* Write these lines, and take them out of the buffer: 0; or -1 with errno, and
 * what cannot be written is not there. */
int joblog_write(struct joblog *, struct buf *lines);

/* 0, or -1 with errno where what was written may be lost. */
int joblog_close(struct joblog *);

#endif
