#ifndef LAUNCH_H
#define LAUNCH_H

/*
 * Start programs, with posix_spawn(3): what it costs does not depend on how
 * much memory the parent has. A started program has its descriptors 0, 1 and 2
 * as asked, SIGPIPE at its default, no signal blocked, and of the other
 * descriptors those that are not close-on-exec.
 */

#include <sys/types.h>

struct launch {
	char *const *argv; /* argv[0] is looked up as execvp() does */
	char *const *env;
	int in, out, err; /* -1: as ours; else at least 3 */
	int keep[2];	  /* passed on under their own numbers; -1: none */
};

/* All descriptors -1. */
void launch_init(struct launch *, char *const *argv, char *const *env);

/* The process id, or -1 with the errno of what failed, the exec included. */
pid_t launch(const struct launch *);

/*
 * The environment for a child: ours without what names a descriptor or a
 * socket that is meant for us alone (LISTEN_*, NOTIFY_SOCKET, LAMBDA_CONTROL),
 * and for a worker without LAMBDA_KEY and LAMBDA_BROKER. extra, where not NULL,
 * is a "NAME=value" put first. Its strings are not copied. free() it. NULL
 * with ENOMEM.
 */
enum launch_whom { LAUNCH_OWN, LAUNCH_WORKER };
char **launch_environ(enum launch_whom, char *extra);

/*
 * The file that execvp() would run; free() it. NULL with ENOENT, EACCES (there
 * is one, but not to be executed) or ENOMEM.
 */
char *launch_find(const char *program);

/* Die (111) where standard output, which is to have the result, is closed. */
void launch_output(void);

/* Open /dev/null in place of any of descriptors 0, 1, 2 that is closed, so that
 * nothing else ever gets their numbers. Dies (111) when it cannot. */
void launch_reserve(void);

#endif
