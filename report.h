#ifndef REPORT_H
#define REPORT_H

/*
 * The answer to an inspect: rows of text, sent in as many reports as they need.
 * A row is one line without its newline: a word that says what it is about, its
 * name, then key and value in turn, all separated by one space. Control bytes
 * in it come out as \xHH.
 */

#include "outbox.h"
#include "scratch.h"

#define REPORT_ROW_MAX 1024		 /* bytes; a longer row is cut */
#define REPORT_BYTES   (32 * 1024)	 /* of the rows of one report */

struct report {
	struct outbox *out;
	uint32_t peer;
	struct scratch rows;
	int failed;
};

/* Begin an answer to the peer; then rows; then the end, which returns 0, or -1
 * with errno when anything before it failed. */
void report_begin(struct report *, struct outbox *, uint32_t peer);
void report_row(struct report *, const char *fmt, ...);
int report_end(struct report *);

/* Was this kind of row asked for? An empty what asks for all. */
int report_wants(struct slice what, const char *kind);

#endif
