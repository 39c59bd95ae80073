#ifndef ENV_H
#define ENV_H

/*
 * What a process of the tier finds around it: the run directory, the key, its
 * sibling programs, random bytes. Used at start; nothing here is for a core.
 */

#include <stddef.h>
#include <sys/types.h>

#include "addr.h"

#define KEY_MIN 32   /* bytes of the shortest key */
#define KEY_MAX 4096 /* bytes of the longest */

struct key {
	unsigned char *bytes; /* for the life of the process */
	size_t len;
	int shared; /* named by -k or LAMBDA_KEY: not the run directory's own */
};

/* Fill with random bytes from /dev/urandom; dies (111) when it cannot. */
void env_random(void *, size_t);

/*
 * The run directory: $LAMBDA_RUN, else /run/lambda for root, else
 * $XDG_RUNTIME_DIR/lambda, else /tmp/lambda-UID. Made when missing, mode 0700.
 * Dies (100) when it is not a directory of the user's own, or open to others,
 * saying how to mend it. The string is good for the life of the process.
 */
const char *env_dir(void);

/* "RUNDIR/name" as a Unix address; dies (100) when that is too long for one. */
void env_socket(struct addr *, const char *name);

/* The socket of the module's PLB, and the broker's: as given (option -b), else
 * $LAMBDA_BROKER, else RUNDIR/broker. */
void env_plb_socket(struct addr *, const char *module);
void env_broker_socket(struct addr *, const char *given);

/*
 * The key: of the file (option -k), else of $LAMBDA_KEY, else of RUNDIR/key,
 * which is made at first use (32 random bytes, mode 0600; made whole and then
 * linked, so that two processes starting at once use one). Dies (100) on a
 * file that is shorter than KEY_MIN, longer than KEY_MAX, not a regular file,
 * not the user's or root's, or that group or others can read or write. All
 * bytes count, a newline at the end too.
 */
void env_key(struct key *, const char *file);

/*
 * Check that an address may be listened on or dialled with this key: one that
 * is not loopback needs a shared key. Returns 0, or -1 (the caller says so).
 */
int env_key_allows(const struct key *, const struct addr *);

/* The same for the address of an option: dies (100) where it may not. */
void env_key_need(const struct key *, int letter, const struct addr *);

/*
 * After net_inherited() found no socket of what ("TCP", "Unix or TCP"), or more
 * than max: dies (100) where a supervisor passes others or that many, since
 * clients would come there and nobody would answer.
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

/* A path that is good in any directory; the caller's to free(). Dies (111). */
char *env_absolute(const char *path);

/* Remember where argv[0] is, so that a later chdir() does no harm. */
void env_argv0(const char *argv0);

/* How many processors there are, as far as the system tells; at least 1. */
unsigned env_processors(void);

#endif
