#ifndef OPT_WANT_H
#define OPT_WANT_H

/*
 * What a buyer wants of a module, as its options say: -V version, and -t
 * label=value any number of times; and what it calls.
 */

#include "attrs.h"

struct want {
	const char *version; /* -V, "@file" for what stands in the file; or
				NULL */
	char *labels[LABELS_MAX];
	size_t nlabels;
	const char *export; /* "name/arity" that is called; or NULL */
};

/* One more -t; dies (100) when there are too many. */
void want_label(struct want *, char *arg);

/*
 * The constraints as they are now, into an encoded buffer that this call
 * initialises: 0, or -1 with a sentence in why that says what is wrong (errno
 * is EINVAL where the options are).
 */
int want_constraints(const struct want *, struct buf *encoded, char *why,
    size_t size);

#endif
