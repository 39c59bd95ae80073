#ifndef PROGRAM_H
#define PROGRAM_H

/*
 * Start programs, with posix_spawn(3): what it costs does not depend on how
 * much memory the parent has. A started program has its descriptors 0, 1 and 2
 * as asked, SIGPIPE at its default, no signal blocked, and of the other
 * descriptors those that are not close-on-exec.
 */

#include <sys/types.h>

/*
 * A program's file, kept open (program_file.h): it can be run when another has
 * taken its name, or nothing has.
 */
struct program_file {
	int fd;	    /* -1: it is not open */
	char *path; /* where it was found */
	dev_t dev;
	ino_t ino;
};

#define PROGRAM_KEEP 4

struct program_start {
	char *const *argv; /* argv[0] is looked up as execvp() does */
	char *const *env;
	const struct program_file *file; /* run, whatever argv[0] is; NULL */
	int in, out, err;	 /* -1: as ours; else at least 3 */
	int keep[PROGRAM_KEEP];	 /* passed on, their numbers kept; -1: none */
	int group;		 /* it leads a process group of its own */
};

/* All descriptors -1. */
void program_init(struct program_start *, char *const *argv, char *const *env);

/*
 * The process id, or -1 with the errno of what failed, the exec included.
 *
 * A program_file is run by its path as long as that leads to it (one stat(2)).
 * Otherwise it is run as /dev/fd/N, where N is a descriptor that is opened for
 * this process alone and stays open in it: what interprets a script reads the
 * script there.
 */
pid_t program_start(const struct program_start *);

/*
 * The environment for a child: ours without what names a descriptor or a
 * socket that is meant for us alone (LISTEN_*, NOTIFY_SOCKET, LAMBDA_CONTROL,
 * LAMBDA_PROGRAM), and for a worker without LAMBDA_KEY and LAMBDA_BROKER.
 * extra, where not NULL, is a "NAME=value" put first. Its strings are not
 * copied. free() it. NULL with ENOMEM.
 */
enum program_whom { PROGRAM_OWN, PROGRAM_WORKER };
char **program_environ(enum program_whom, char *extra);

/* One more "NAME=value" for such an environment, which may move: where it is
 * now, or NULL with ENOMEM (the old one stays). */
char **program_environ_add(char **env, char *extra);

/*
 * The file that execvp() would run; free() it. NULL with ENOMEM, or, of a bare
 * name, with ENOENT (none of PATH's directories that may be searched has it) or
 * EACCES (there is one, but it may not be executed); of a path, with the errno
 * of program_is_executable().
 */
char *program_find(const char *program);

/* Is it a regular file that may be executed? 1, or 0 with errno: that of
 * stat(), or EACCES. */
int program_is_executable(const char *path);

/* A new descriptor (not close-on-exec) for the file of another one, with an
 * offset of its own: what /dev/fd is for. -1 with errno. */
int program_reopen(int fd);

/* Die (111) where standard output, which is to have the result, is closed. */
void program_output(void);

/* Open /dev/null in place of any of descriptors 0, 1, 2 that is closed, so that
 * nothing else ever gets their numbers. Dies (111) when it cannot. */
void program_reserve(void);

#endif
