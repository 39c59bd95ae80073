#ifndef EXIT_H
#define EXIT_H

/*
 * What a program tells whoever runs it: exit codes, and how much a line of its
 * log matters.
 */

/* The exit codes of all programs but 0, as in daemontools. */
#define EXIT_USAGE     100 /* usage or configuration: do not try again */
#define EXIT_TEMPORARY 111 /* a temporary failure: trying again may help */

/* A core gives each of its lines a level (core.h); the log (log.h) leaves out
 * those that were not asked for. */
enum log_level {
	LOG_ERROR, /* something failed and will stay so until somebody acts */
	LOG_INFO,  /* what an administrator wants to see (the default) */
	LOG_DEBUG, /* -v: each connection */
	LOG_TRACE  /* -vv: each message */
};

#endif
