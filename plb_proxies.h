#ifndef PLB_PROXIES_H
#define PLB_PROXIES_H

/*
 * A directory with an executable file for each function that a module exports:
 * so "calc/pi 5" is a remote call. Each is a text file that names lambda-call
 * as its interpreter, and the socket, module and function to call:
 *
 *	#!/usr/local/bin/lambda-call
 *	/run/lambda/calc.plb calc pi
 *
 * The directory's name is a symbolic link, which rename replaces when the
 * exports change. The old trees stay until this process ends. If it is killed,
 * the next process with the same link removes them: a tree has its maker's id
 * in its name, and the maker has a file of that id locked as long as it lives.
 */

#include "addr.h"
#include "slice.h"

#define PROXIES_ID 17 /* hexadecimal digits and a NUL */

struct proxies {
	char *link;    /* -D; NULL: none are kept */
	char *module;
	char *socket;
	char *call;    /* the path of lambda-call */
	int at;		  /* the directory that the link is in */
	const char *base; /* the link's name there: bytes of link */
	char id[PROXIES_ID]; /* of this process, in all names there */
	int lock;	  /* the file that it has locked */
	unsigned made; /* the last tree's number; the link points at it */
	unsigned char *exports; /* of that tree, encoded; NULL: none */
	size_t exports_len;
};

/* link may be NULL. Dies (100) if something there is not a link, if the
 * socket's path has a space, which a proxy cannot express, or if there is no
 * lambda-call; and (111) if it cannot lock a file there. */
void proxies_init(struct proxies *, const char *link, const char *module,
    const struct addr *socket);

/* Show the exports of these attributes in the directory, if they differ from
 * what is there. If that fails it is logged, and the directory stays as it
 * was. */
void proxies_show(struct proxies *, struct slice attrs);

/* Remove the link if it is still ours, and all our trees. */
void proxies_remove(struct proxies *);

/*
 * Read a proxy: 0 with its three words, which the caller frees; or -1 with
 * errno (EINVAL: it is no proxy; ENOENT: the function has gone).
 */
int proxy_read(const char *path, char **socket, char **module,
    char **function);

#endif
