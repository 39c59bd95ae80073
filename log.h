#ifndef LOG_H
#define LOG_H

/*
 * The log: one line an event, on standard error, written with one write(2) so
 * that lines of several processes never mix. Whoever collects it (svlogd,
 * systemd) adds the time. Control characters and bytes of what a peer said
 * come out as \xHH: a line is one line.
 *
 * A log that cannot be written (a full disk, a closed pipe) costs the line,
 * never the program: lines lost are counted, and the count is written when
 * writing works again. Standard error is not made non-blocking.
 */

#include <stdarg.h>

#include "exit.h"

#define LOG_LINE_MAX 1024 /* bytes of a line, longer ones are cut with ... */

extern enum log_level log_level;

/* -v and -q. */
void log_more(void);
void log_less(void);

/* What all lines to come are about, "prog: about: message"; at most
 * LOG_ABOUT_MAX bytes of it. "": nothing in particular. */
#define LOG_ABOUT_MAX 320
void log_about(const char *);

/* "prog: message". */
void log_error(const char *fmt, ...);
void log_info(const char *fmt, ...);
void log_debug(const char *fmt, ...);
void log_trace(const char *fmt, ...);

/*
 * The last words of a program, in the manner of daemontools:
 *
 *	prog: fatal: unable to bind 127.0.0.1:4370: Address already in use
 *
 * This too is one line: what is not printable ASCII comes out as \xHH.
 */

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
