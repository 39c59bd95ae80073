#ifndef PROGRAM_FILE_H
#define PROGRAM_FILE_H

/*
 * A program's file, held open from its publication on: the listener opens it,
 * its channels inherit it, and program_start() runs it even when another file has its
 * name by then. What is rewritten in place is the same file, and a file that
 * may not be read cannot be opened: those are run by their name.
 */

#include "program.h"

/* Find the program as execvp() does, and open its file: 0 (fd is -1 where it
 * may not be read), or -1 with the errno of program_find(). */
int program_file_open(struct program_file *, const char *program);
void program_file_close(struct program_file *);

/* Are the two the same file? Of two that are not open: have they one path? */
int program_file_equal(const struct program_file *,
    const struct program_file *);

/* "LAMBDA_PROGRAM=FD:PATH" for a channel's environment; free() it. NULL where
 * the file is not open, or without memory. */
char *program_file_text(const struct program_file *);

/*
 * Take what LAMBDA_PROGRAM passes, which is unset then. fd is -1 where nothing
 * is passed, or where this system cannot run a file by its descriptor. Dies
 * (100) when the value makes no sense.
 */
void program_file_take(struct program_file *);

#endif
