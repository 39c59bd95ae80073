#ifndef ATTRS_H
#define ATTRS_H

/*
 * A module's attributes and a buyer's constraints: building them from options,
 * comparing versions, deciding whether one satisfies the other. On the wire
 * they are groups (msg.h); in exchanges and PLBs their encoded bytes, which
 * are canonical (labels sorted, nothing twice), name their class.
 */

#include "buf.h"
#include "msg.h"

#define EXPORTS_MAX 1024 /* functions of a module */
#define LABELS_MAX  64
#define ARITY_MAX   255

/*
 * A version is dotted decimals ("2.10.1"); numbers are compared as numbers of
 * any length, and a missing one counts as 0 ("2" equals "2.0"). Returns -1, 0,
 * 1. Anything that is not dotted decimals compares as bytes, after all that
 * are.
 */
int version_compare(struct slice, struct slice);
int version_valid(struct slice); /* dotted decimals */

/* Do these attributes satisfy these constraints? Both as encoded groups. */
int constraints_match(struct slice constraints, struct slice attrs);

/* The value of a label in encoded attributes: empty when it has none. */
struct slice attrs_label(struct slice attrs, const char *label);

/*
 * Is name/arity among the exports of these attributes? 1 yes, or the module
 * does not say what it exports; 0 no. *cast is set to 1 for a cast.
 */
int attrs_exports(struct slice attrs, struct slice name, unsigned arity,
    int *cast);

/* One of them, read: 0, or -1 when it is not of the form "name/arity" or
 * "name/arity:cast". The name points into it. */
struct export {
	struct slice name;
	unsigned arity; /* ARITY_MAX at most */
	int cast;
};
int export_parse(struct slice, struct export *);

/* "label=value" in its parts; without a '=' all is label. */
void label_split(struct slice item, struct slice *label, struct slice *value);

/*
 * Build encoded groups from command line words: version may be NULL (for
 * constraints "2.1" or "2.1+"), digest NULL or 32 bytes; exports "name/arity"
 * or "name/arity:cast"; labels "label=value"; export, the function that is
 * asked for, "name/arity" or NULL. Appended to out. 0, or -1 with
 * EINVAL and *why a static sentence, *which the word that is wrong; or ENOMEM.
 */
int attrs_build(struct buf *out, const char *version,
    const unsigned char *digest, char *const *exports, size_t nexports,
    char *const *labels, size_t nlabels, const char **why, const char **which);
int constraints_build(struct buf *out, const char *version,
    const char *export, char *const *labels, size_t nlabels, const char **why,
    const char **which);

/* For people: "version 2.1, zone=a, exports pi/1 log/1:cast". Always ended
 * with a NUL, cut when it does not fit. Returns buf. attrs_add() adds another
 * to what is printed in buf already, behind "; "; offers_print() says in a
 * sentence why a buy of the module is not filled. */
const char *attrs_print(struct slice attrs, char *buf, size_t size);
void attrs_add(struct slice attrs, char *buf, size_t size);
const char *constraints_print(struct slice constraints, char *buf,
    size_t size);
#define OFFERS_TAKEN "all capacity is taken" /* a reason of an exchange */
const char *offers_print(const struct msg_offers *, const char *module,
    char *buf, size_t size);

#endif
