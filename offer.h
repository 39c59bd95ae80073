#ifndef OFFER_H
#define OFFER_H

/*
 * What a listener publishes of its module: the attributes that its options and
 * its program file amount to, and whether that file has changed since.
 */

#include <sys/types.h>

#include <time.h>

#include "attrs.h"

struct offer {
	const char *program; /* looked up as execvp() does */
	const char *version; /* or "@file", whose first word it is; or NULL */
	char *functions[EXPORTS_MAX];
	size_t nfunctions;
	char *labels[LABELS_MAX];
	size_t nlabels;
};

/* Append the encoded attributes as they are now: 0, or -1 with a sentence in
 * why that says what to do. */
int offer_make(const struct offer *, struct buf *attrs, char *why,
    size_t size);

/* What tells the program's file from one that replaces it; all zero where there
 * is none to run. */
struct stamp {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec changed;
};

struct stamp stamp_of(const char *program);
int stamp_equal(const struct stamp *, const struct stamp *);

#endif
