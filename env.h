#ifndef ENV_H
#define ENV_H

/*
 * What a process of the tier finds around it: the run directory, the key, its
 * sibling programs, random bytes. It is for the start of a program, never for a
 * core.
 */

#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "addr.h"

#define KEY_MIN 32   /* bytes of the shortest key */
#define KEY_DIFFERENT 8 /* bytes in one that nobody guesses, at least */
#define KEY_MAX 4096 /* bytes of the longest */

#define KEYS_MAX 4

/* What -k names, in the order in which it was given. */
struct key_names {
	const char *at[KEYS_MAX];
	size_t n;
};

/* The keys: the first is dialled with, all are accepted. */
struct key {
	struct key_file {
		unsigned char *bytes;
		size_t len;
	} files[KEYS_MAX];
	size_t n;
	int shared; /* named by -k or LAMBDA_KEY: not the run directory's own */
};

/* Fill with random bytes from /dev/urandom; dies (111) when it cannot. */
void env_random(void *, size_t);

/*
 * The run directory: $LAMBDA_RUN, else /run/lambda for root (without /run
 * /var/run/lambda), else
 * $XDG_RUNTIME_DIR/lambda, else /tmp/lambda-UID. If it is missing it is made,
 * with mode 0700. Dies (100) if it is not a directory of the user's own, or is
 * open to others, and says how to mend that. The string is good for the life of
 * the process.
 */
const char *env_dir(void);

/* "RUNDIR/name" as a Unix address; dies (100) if that is too long. */
void env_socket(struct addr *, const char *name);

/* The socket of the module's PLB, and the broker's: as given (option -b), else
 * $LAMBDA_BROKER, else RUNDIR/broker. */
void env_plb_socket(struct addr *, const char *module);
void env_broker_socket(struct addr *, const char *given);

/*
 * Read the keys: from the files that are named (option -k; NULL: none), else
 * from those in $LAMBDA_KEY, which has colons between them, else from
 * RUNDIR/key, which is made at first use (32 random bytes, mode 0600; it is
 * written whole and then linked, so that two processes that start at once use
 * the same). Dies (100) if there are more than KEYS_MAX, or if a file is
 * shorter than KEY_MIN, longer than KEY_MAX, not a regular file, not the user's
 * or root's, or if its group or others can read or write it, or if it can be
 * guessed. All bytes count, also a newline at the end. Files with equal bytes
 * are one key.
 */
void env_key(struct key *, const struct key_names *);

/* Read the files again: 0, or -1 with a sentence in why when they are not as
 * they must be, and nothing has changed. */
int env_key_again(struct key *, const struct key_names *, char *why,
    size_t size);

/*
 * May this address be listened on or dialled with this key? An address that is
 * not loopback needs a shared key. 0, or -1 (the caller says so).
 */
int env_key_allows(const struct key *, const struct addr *);

/* The same for the address of an option: dies (100) if it may not. */
void env_key_need(const struct key *, int letter, const struct addr *);

/*
 * net_inherited() has found no socket of this kind ("TCP", "Unix or TCP"), or n
 * of them: die (100) if a supervisor passes others, or more than max. Clients
 * would connect to these, and nobody would answer.
 */
void env_nothing_fits(const char *what);
void env_all_fit(size_t n, size_t max);

/*
 * The path of a sibling program: beside this one, or beside the file that this
 * one is a symbolic link to; where it is in neither place, the bare name, for
 * execvp() to look up on PATH. The string is the caller's to free(). Dies (100)
 * where it is nowhere, and (111) without memory.
 */
char *env_sibling(const char *name);

/*
 * Open a file that a user names, to read it, without waiting for whatever may
 * stand there in place of a file. *st says what it is. The descriptor, which is
 * close-on-exec, or -1 with errno: ENOTSUP is of what is no regular file, and
 * env_open_why() has a sentence for it.
 */
int env_open(const char *path, struct stat *st);
const char *env_open_why(int error);

/* The path as an absolute one; the caller frees it. Dies (111). */
char *env_absolute(const char *path);

/* Remember where argv[0] is, so that a later chdir() does no harm. */
void env_argv0(const char *argv0);

/* Are they of one file, and has it not changed in between? Where the system
 * tells no more than the second of a change, a change in the same second that
 * keeps the size is not seen. */
int env_same_file(const struct stat *, const struct stat *);

/* The number of processors; 1 where the system does not tell, which is logged.
 * env_counted() is that of what sysconf() told. */
unsigned env_processors(void);
unsigned env_counted(long);

#endif
