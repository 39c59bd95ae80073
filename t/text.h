#ifndef TEXT_H
#define TEXT_H

/*
 * Messages as text, for scripts that a person reads and writes. A message is
 * its name and its fields, each a name and a value, in any order:
 *
 *	buy order 1 module calc missing 4
 *	fill order 1 exchange e1 sellers [ ( seller s1 quantity 4 ) ]
 *
 * A group is in ( ), a list in [ ]. Bytes are a word, or in "" with \xHH, \n,
 * \0, \" and \\ for what cannot stand there, or 50*x for 50 times x. The
 * highest number is `none' (ORDER_NONE). An id is 32 hexadecimal digits, or a
 * name of up to 16 bytes, which are its bytes, followed by zeros. What is
 * absent is not printed. What msg.c knows is all that this knows, so any
 * schema can be read and printed: options of a core, for example.
 */

#include "buf.h"
#include "msg.h"

struct text {
	struct slice rest;   /* of the line: what was not read yet */
	unsigned char *room; /* what its words stand for */
	size_t size, used;
	char error[160];     /* what is wrong with the line */
};

/* size: of the room, in bytes. What is read points into it, and is good until
 * the next line. */
void text_init(struct text *, size_t size);
void text_free(struct text *);
void text_line(struct text *, struct slice line);

/*
 * Readers: 0, or -1 with error set. A word is as it stands in the line, quotes
 * and all; it is empty at the end of the line. text_fields() reads the rest of
 * the line into the struct, which text_message() has zeroed before. A NUL
 * follows bytes that were read; text_str() is them, or "" where there are none.
 */
struct slice text_word(struct text *);
int text_number(struct text *, struct slice word, uint64_t *);
int text_bytes(struct text *, struct slice word, struct slice *bytes);
const char *text_str(struct slice bytes);
int text_fields(struct text *, const struct schema *, void *base);
int text_message(struct text *, struct msg *);
int text_wrong(struct text *, const char *fmt, ...); /* sets error: -1 */

/* Writers append to the buffer; text_put() as printf(). text_put_fields()
 * writes a space in front of each field. */
void text_put(struct buf *, const char *fmt, ...);
void text_put_bytes(struct buf *, struct slice);
void text_put_id(struct buf *, const struct id *);
void text_put_fields(struct buf *, const struct schema *, const void *base);
void text_put_message(struct buf *, const struct msg *);

/* A name that stands for an id; is this the id of a name? */
struct id text_id(const char *name);
int text_is_name(const struct id *);

#endif
