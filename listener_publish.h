#ifndef LISTENER_PUBLISH_H
#define LISTENER_PUBLISH_H

/*
 * What a listener publishes of its module: the program's file, held open, and
 * the attributes that it and the listener's options amount to; and whether the
 * file has changed since.
 */

#include <sys/types.h>

#include <time.h>

#include "attrs.h"
#include "program_file.h"

struct offer {
	const char *program; /* looked up as execvp() does */
	const char *version; /* or "@file", whose first word it is; or NULL */
	char *functions[EXPORTS_MAX];
	size_t nfunctions;
	char *labels[LABELS_MAX];
	size_t nlabels;
	int unseen; /* it is not started before there is a request: its file is
		       looked at all the more */
};

/* One that can be published. */
struct made {
	struct buf attrs; /* encoded */
	struct program_file file;
};

/*
 * Make it as things are now: 0, and it is the caller's to give back; or -1 with
 * a sentence in why that says what to do. With unseen, the file must not be
 * empty, must not be text without a #! line, and the program that such a line
 * names must be there.
 */
int offer_make(const struct offer *, struct made *, char *why, size_t size);

void made_init(struct made *);
void made_free(struct made *);
/* The same attributes of the same file? */
int made_equal(const struct made *, const struct made *);

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
