#ifndef PROGRAM_H
#define PROGRAM_H

/*
 * Starts programs, with posix_spawn(3), so that the cost does not grow with the
 * memory of the parent. A started program has descriptors 0, 1 and 2 as asked,
 * the default action for SIGPIPE, no blocked signal, and the other descriptors
 * that are not close-on-exec. The caller must wait for it; child.h does that.
 */

#include <sys/types.h>

/*
 * A program's file, held open from its publication on. The listener opens it,
 * its channels inherit it, and program_start() runs it even if by then another
 * file has its name, or none. A file that is rewritten in place is the same
 * file. A file that may not be read cannot be held open: it is run by its name.
 */
struct program_file {
	int fd;	    /* -1: it is not open */
	char *path; /* where it was found */
	dev_t dev;
	ino_t ino;
};

#define PROGRAM_KEEP	5
#define PROGRAM_FD_NAME 32 /* bytes of the name of a descriptor */

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

/* Set argv and env, and all else to nothing: all descriptors are -1. */
void program_init(struct program_start *, char *const *argv, char *const *env);

/*
 * The process id, or -1 with the errno of what failed, the exec included.
 *
 * A program_file is run by its path if the path still leads to it (one
 * stat(2)). Otherwise it is run by the name of a descriptor that is opened for
 * the new process only and stays open in it: the interpreter of a script reads
 * the script there.
 *
 * A function runs in a copy of this process (fork(2)); its result is the exit
 * status.
 */
pid_t program_start(const struct program_start *);

/*
 * The environment for a child: ours without the variables that name a
 * descriptor or a socket meant for us only (LISTEN_*, NOTIFY_SOCKET,
 * LAMBDA_CONTROL, LAMBDA_PROGRAM); for a worker also without LAMBDA_KEY,
 * LAMBDA_BROKER and LAMBDA_RUN. extra, if not NULL, is a list of "NAME=value"
 * that ends with NULL and is put first. No string is copied. The caller frees
 * the list. NULL with ENOMEM.
 */
enum program_whom { PROGRAM_OWN, PROGRAM_WORKER };
char **program_environ(enum program_whom, char *const *extra);

/*
 * The file that execvp() would run; the caller frees it. NULL with ENOMEM; for
 * a bare name also with ENOENT (no directory of PATH that may be searched has
 * it) or EACCES (one has it, but it may not be executed); for a path with the
 * errno of program_is_executable().
 */
char *program_find(const char *program);

/* Why no process, or nothing with a descriptor, can be made: strerror(), with
 * what to do. Static. */
const char *program_limit(int error);

/* Why program_start() could not run it: a sentence with what to do. */
void program_unable(const char *program, int error, char *why, size_t size);

/* Is it a regular file that may be executed? 1, or 0 with the errno of stat(),
 * EISDIR or EACCES. */
int program_is_executable(const char *path);

/* Find the program as execvp() does, and open its file: 0 (fd is -1 if the file
 * may not be read), or -1 with the errno of program_find(). */
int program_file_open(struct program_file *, const char *program);
void program_file_close(struct program_file *);

/* Are the two the same file? If neither is open: do they have the same path? */
int program_file_equal(const struct program_file *,
    const struct program_file *);

/* Is it open, and can this system run it by its descriptor? It is asked once,
 * by the listener, and not at each start of a channel. */
int program_file_runs(const struct program_file *);

/* "LAMBDA_PROGRAM=FD:PATH" for a channel's environment; the caller frees it.
 * NULL if the file is not open, or with ENOMEM. */
char *program_file_text(const struct program_file *);

/*
 * Take the file that LAMBDA_PROGRAM passes, and unset the variable. fd is -1 if
 * none is passed. Dies (100) if the value is malformed.
 */
void program_file_take(struct program_file *);

/* The name that opens the file of a descriptor once more, where the system has
 * such names: to name, which is returned. */
const char *program_fd_name(int fd, char name[PROGRAM_FD_NAME]);

/* A descriptor of /dev/null for reading and writing. It is always the same, and
 * stays open. -1 with errno. */
int program_null(void);

/* A pipe to a program: ours is 0 for its reading end, 1 for its writing end.
 * That one does not block, and is returned; the other goes to *theirs. Both are
 * close-on-exec, and the caller's to close. -1 with errno, and none is open. */
int program_pipe(int ours, int *theirs);

/* Open /dev/null on each of the descriptors 0, 1 and 2 that is closed, so that
 * nothing else gets these numbers. Dies (111) if it cannot. */
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
 * With PROGRAM_OURS one of our own programs has started this one, by
 * program_start(), and has seen to all of that but the core dump: it is not
 * done again. It must take what it was passed on purpose, and close it on exec.
 *
 * Dies (111) when it cannot, and with PROGRAM_PRINTS where standard output,
 * which is meant for the result, is closed.
 */
#define PROGRAM_PASS   1
#define PROGRAM_PRINTS 2
#define PROGRAM_OURS   4
void program_begin(char *const *argv, unsigned flags);

/* As many descriptors as we may have: net_descriptors() says how many. */
void program_raise_descriptors(void);

/* In a child, before it becomes another program: the limits that we had. */
void program_give_back(void);

#endif
