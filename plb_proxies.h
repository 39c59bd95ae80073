#ifndef PLB_PROXIES_H
#define PLB_PROXIES_H

/*
 * A directory with one executable name for each function that a module
 * exports, so that "calc/pi 5" is a remote call. Each is a text file that names
 * lambda-call as its interpreter, and the socket, module and function to call:
 *
 *	#!/usr/local/bin/lambda-call
 *	/run/lambda/calc.plb calc pi
 *
 * The directory's name is a symbolic link, replaced by rename when the exports
 * change; the tree that it named before stays until this process ends. One that
 * was killed leaves its trees, for the next of the same link to remove.
 */

#include "addr.h"
#include "slice.h"

struct proxies {
	char *link;    /* -D; NULL: none are kept */
	char *module;
	char *socket;
	char *call;    /* the path of lambda-call */
	unsigned made; /* trees so far; the link points at the last */
	unsigned char *exports; /* of that, as they came; NULL: none */
	size_t exports_len;
};

/* link may be NULL. Dies (100) when it names something that is no link, or the
 * socket's path has a space, which a proxy cannot say, or there is no
 * lambda-call. */
void proxies_init(struct proxies *, const char *link, const char *module,
    const struct addr *socket);

/* Make the exports of these attributes the ones in the directory, where they
 * are others than those there. A failure is logged, and leaves what was. */
void proxies_show(struct proxies *, struct slice attrs);

/* Remove the link, where it is still ours, and all trees of ours. */
void proxies_remove(struct proxies *);

/*
 * Read a proxy: 0 with the three words, malloc()ed, or -1 with errno (EINVAL:
 * it is no proxy; ENOENT: the function has gone).
 */
int proxy_read(const char *path, char **socket, char **module,
    char **function);

#endif
