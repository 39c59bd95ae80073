#ifndef PROGRAM_H
#define PROGRAM_H

/*
 * Starts programs, with posix_spawn(3): the cost does not depend on how much
 * memory the parent has. A started program has its descriptors 0, 1 and 2 as
 * asked, SIGPIPE at its default, no signal blocked, and of the other
 * descriptors those that are not close-on-exec. What becomes of it is the
 * caller's to see to; child.h does that.
 */

#include <sys/types.h>

/*
 * A program's file, held open from its publication on. The listener opens it,
 * its channels inherit it, and program_start() runs it even when another file
 * has its name by then, or none has. What is rewritten in place is the same
 * file. A file that may not be read cannot be opened: it is run by its name.
 */
struct program_file {
	int fd;	    /* -1: it is not open */
	char *path; /* where it was found */
	dev_t dev;
	ino_t ino;
};

#define PROGRAM_KEEP 5

struct program_start {
	char *const *argv; /* argv[0] is looked up as execvp() does */
	char *const *env;
	const struct program_file *file; /* run, whatever argv[0] is; NULL */
	int (*call)(const char *what);	 /* called instead of all that; NULL */
	const char *what;
	int in, out, err;	 /* -1: as ours; else at least 3 */
	int keep[PROGRAM_KEEP];	 /* passed on, their numbers kept; -1: none */
	int group;		 /* it leads a process group of its own */
};

/* Nothing is asked for, and all descriptors are -1. */
void program_init(struct program_start *, char *const *argv, char *const *env);

/*
 * The process id, or -1 with the errno of what failed, the exec included.
 *
 * A program_file is run by its path as long as the path leads to it (one
 * stat(2)). Otherwise it is run as /dev/fd/N, where N is a descriptor that is
 * opened for this process alone and stays open in it: what interprets a script
 * reads the script there.
 *
 * A function runs in a copy of this process (fork(2)), and what it returns is
 * the exit status.
 */
pid_t program_start(const struct program_start *);

/*
 * The environment for a child: ours without what names a descriptor or a
 * socket that is meant for us alone (LISTEN_*, NOTIFY_SOCKET, LAMBDA_CONTROL,
 * LAMBDA_PROGRAM), and for a worker without what names the key or a socket
 * (LAMBDA_KEY, LAMBDA_BROKER, LAMBDA_RUN).
 * extra, where it is not NULL, is a list of "NAME=value" that is put first and
 * ends with NULL. No string is copied. free() it. NULL with ENOMEM.
 */
enum program_whom { PROGRAM_OWN, PROGRAM_WORKER };
char **program_environ(enum program_whom, char *const *extra);

/*
 * The file that execvp() would run; free() it. NULL with ENOMEM, or, of a bare
 * name, with ENOENT (none of PATH's directories that may be searched has it) or
 * EACCES (there is one, but it may not be executed); of a path, with the errno
 * of program_is_executable().
 */
char *program_find(const char *program);

/* Why program_start() could not run it: a sentence with what to do. */
void program_unable(const char *program, int error, char *why, size_t size);

/* Is it a regular file that may be executed? 1, or 0 with errno: that of
 * stat(), or EACCES. */
int program_is_executable(const char *path);

/* Find the program as execvp() does, and open its file: 0 (fd is -1 where it
 * may not be read), or -1 with the errno of program_find(). */
int program_file_open(struct program_file *, const char *program);
void program_file_close(struct program_file *);

/* Are the two the same file? If neither is open: do they have one path? */
int program_file_equal(const struct program_file *,
    const struct program_file *);

/* "LAMBDA_PROGRAM=FD:PATH" for a channel's environment; free() it. NULL where
 * the file is not open, or without memory. */
char *program_file_text(const struct program_file *);

/*
 * Take what LAMBDA_PROGRAM passes, and unset the variable. fd is -1 where
 * nothing is passed, or where this system cannot run a file by its descriptor.
 * Dies (100) when the value makes no sense.
 */
void program_file_take(struct program_file *);

/* A descriptor of /dev/null for reading and writing: always the same one, which
 * stays open. -1 with errno. */
int program_null(void);

/* Open /dev/null in place of any of descriptors 0, 1, 2 that is closed, so that
 * nothing else ever gets their numbers. Dies (111) when it cannot. */
void program_reserve(void);

/* What is inherited. */

/*
 * First thing in main(). It notes the program's name and where its siblings
 * are, and sets what a program here relies on:
 *
 *	descriptors 0 to 2 are open;
 *	no signal is blocked, and none is ignored but those that protect a
 *	program in the background (SIGHUP, SIGINT, SIGQUIT and those of job
 *	control);
 *	process 1, which has no default actions, ends at SIGTERM and the like;
 *	the umask leaves the owner all rights;
 *	no core dump has the key in it: the soft limit is 1 byte, at which Linux
 *	starts no program of core_pattern either, unless the hard limit is 0.
 *	What is started has the limit that we had;
 *	no other descriptor that we inherited reaches what we start, unless
 *	PROGRAM_PASS is given: the command is our user's own.
 *
 * Dies (111) when it cannot, and with PROGRAM_PRINTS where standard output,
 * which is meant for the result, is closed.
 */
#define PROGRAM_PASS   1
#define PROGRAM_PRINTS 2
void program_begin(char *const *argv, unsigned flags);

/* In a child, before it becomes another program: the limits that we had. */
void program_give_back(void);

#endif
