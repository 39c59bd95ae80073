#ifndef CTL_ROW_H
#define CTL_ROW_H

/*
 * Rows, as lambda-ctl reads them out of the text of a report: a word, a name,
 * then keys and values, with a space between them. The value that may have
 * spaces is the last one, and goes on to the end.
 */

#include "core.h"

struct row {
	struct slice word, name, rest;
};

/* Take the next line of the text: 1, or 0 at the end. */
int row_next(struct slice *text, struct row *);

/* Take what stands before the next space, which goes too. */
struct slice row_cut(struct slice *rest);

/* The value of the key; where it is not there, empty or 0. */
struct slice row_get(const struct row *, const char *key);
uint64_t row_number(const struct row *, const char *key);
int row_is(const struct row *, const char *key, const char *value);

/* Does the value of the key go on to the end of the row? */
int row_is_last(struct slice key);

struct slice row_or_dash(struct slice);	   /* what is empty is "-" */
struct slice row_ip(struct slice address); /* without its port; or "-" */

/* Append a row to what row_next() reads: it is a line, whatever its peer says.
 * 0, or -1 as buf_append(). */
int row_keep(struct buf *, struct slice row);

/* Pass each line on, sorted: those of one word stand together, where the first
 * of them stood, and numbers within lines go by their value. 0, or -1 without
 * memory. */
int row_sort(struct slice lines, void (*row)(void *arg, struct slice),
    void *arg);
/* Less than 0, 0 or more, as memcmp() says, but by the value of numbers. */
int row_compare(struct slice, struct slice);

#endif
