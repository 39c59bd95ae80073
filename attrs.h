#ifndef ATTRS_H
#define ATTRS_H

/*
 * A module's attributes and a buyer's constraints: builds them from options,
 * compares versions, and tells whether attributes satisfy constraints. On the
 * wire they are groups (msg.h). Their encoding is canonical (labels are sorted,
 * nothing stands twice), so exchanges and PLBs use it as the name of a class.
 */

#include "buf.h"
#include "msg.h"

#define EXPORTS_MAX 1024 /* functions of a module */
#define LABELS_MAX  64
#define ARITY_MAX   255

/*
 * A version is dotted decimals ("2.10.1"). They compare as numbers, of any
 * length; a missing one counts as 0 ("2" equals "2.0"). Versions of another
 * form come after all of these, and compare as bytes. Returns -1, 0 or 1.
 */
int version_compare(struct slice, struct slice);
int version_valid(struct slice); /* dotted decimals */

/* Do these attributes satisfy these constraints? Both as encoded groups. */
int constraints_match(struct slice constraints, struct slice attrs);

/* Does the buyer prefer any labels, and does the seller have all of these? */
int constraints_near(struct slice constraints, struct slice attrs);

/* The value of a label in encoded attributes: empty when it has none. */
struct slice attrs_label(struct slice attrs, const char *label);

/*
 * Is name/arity among the exports of these attributes? 1 if it is, or if the
 * module does not say what it exports; otherwise 0. *cast is 1 for a cast, else
 * 0.
 */
int attrs_exports(struct slice attrs, struct slice name, unsigned arity,
    int *cast);

/* Read one export: 0, or -1 if it is not of the form "name/arity" or
 * "name/arity:cast". e->name points into the slice. */
struct export {
	struct slice name;
	unsigned arity; /* ARITY_MAX at most */
	int cast;
};
int export_parse(struct slice, struct export *);

/*
 * Build encoded groups from words of the command line, and append them to out.
 * version may be NULL (in constraints it is "2.1" or "2.1+"); digest is NULL or
 * 32 bytes; exports are "name/arity" or "name/arity:cast"; labels are
 * "label=value", and in constraints "label~value", which is preferred; export,
 * the function that is called, is "name/arity" or NULL.
 * 0, or -1 with ENOMEM, or with EINVAL: then *which is the word that is wrong,
 * and *why a static sentence about it.
 */
int attrs_build(struct buf *out, const char *version,
    const unsigned char *digest, char *const *exports, size_t nexports,
    char *const *labels, size_t nlabels, const char **why, const char **which);
int constraints_build(struct buf *out, const char *version,
    const char *export, char *const *labels, size_t nlabels, const char **why,
    const char **which);

/* For people: "version 2.1, zone=a, exports pi/1 log/1:cast". The text always
 * ends with a NUL, and is cut if it does not fit. Returns buf. attrs_add() adds
 * attributes to the text in buf, after "; ". offers_print() says in a sentence
 * why a buy of the module is not filled. */
const char *attrs_print(struct slice attrs, char *buf, size_t size);
void attrs_add(struct slice attrs, char *buf, size_t size);
const char *constraints_print(struct slice constraints, char *buf,
    size_t size);
#define OFFERS_TAKEN "all capacity is taken" /* a reason of an exchange */
const char *offers_print(const struct msg_offers *, const char *module,
    char *buf, size_t size);

#endif
