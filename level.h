#ifndef LEVEL_H
#define LEVEL_H

/*
 * How much a line of log matters. A core gives each of its lines a level
 * (outbox.h); the log (log.h) leaves out those that were not asked for.
 */

enum log_level {
	LOG_ERROR, /* something failed and will stay so until somebody acts */
	LOG_INFO,  /* what an administrator wants to see (the default) */
	LOG_DEBUG, /* -v: each connection */
	LOG_TRACE  /* -vv: each message */
};

#endif
