#ifndef LOG_H
#define LOG_H

/*
 * The log: one line an event, on standard error. Each is written with one
 * write(2), so the lines of several processes never mix. The program that
 * collects the log (svlogd, systemd) adds the time. Control characters,
 * and what is not UTF-8, come out as \xHH, so that a line is one line whatever
 * a peer has sent.
 *
 * If the log cannot be written (a full disk, a closed pipe) the line is lost,
 * and the program goes on. Lost lines are counted, and the count is written
 * when writing works again. Standard error is not made non-blocking.
 */

#include <stdarg.h>

#include "exit.h"

#define LOG_LINE_MAX 1024 /* bytes of a line; longer ones end with "..." */

extern enum log_level log_level;

/* -v and -q. */
void log_more(void);
void log_less(void);

/* From now on lines say what they are about: "prog: about: message". At most
 * LOG_ABOUT_MAX bytes are kept; "" is nothing in particular. */
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
 * This too is one line, as in the log.
 */

/* The program's name for all messages: the last part of argv[0]. */
void die_name(const char *argv0);
const char *die_progname(void);

/* Write "prog: fatal: ..." to standard error, and exit(code). die_errno() adds
 * ": " and strerror(errno). Do not use them once the loop runs. */
void die(int code, const char *fmt, ...);
void die_errno(int code, const char *fmt, ...);

/* The end of what a program prints by stdio: dies (111) where some of it could
 * not be written. */
void die_unless_printed(void);

/* Write "usage: prog synopsis" to standard error, and exit(100). synopsis is
 * the man page's, without the name; a newline in it starts an indented line. */
void die_usage(const char *synopsis);

/* For -h: write the same to standard output, and where to read more, and
 * exit(0); 111 if it cannot be written. */
void die_help(const char *synopsis);

#endif
