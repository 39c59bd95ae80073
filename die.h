#ifndef DIE_H
#define DIE_H

/*
 * Messages and exit codes, in the manner of daemontools:
 *
 *	prog: fatal: unable to bind 127.0.0.1:4370: Address already in use
 *
 * A message is one line: what is not printable ASCII comes out as \xHH.
 */

#include <stdarg.h>

#include "exit.h"

/* The program's name for all messages: the last part of argv[0]. */
void die_name(const char *argv0);
const char *die_progname(void);

/* "prog: fatal: ..." on standard error, then exit(code). die_errno() adds
 * ": " and strerror(errno). Neither is for use once the loop runs. */
void die(int code, const char *fmt, ...);
void die_errno(int code, const char *fmt, ...);

/* "usage: prog synopsis" on standard error, then exit(100). synopsis is the
 * man page's, without the name; a newline in it starts an indented line. */
void die_usage(const char *synopsis);

#endif
