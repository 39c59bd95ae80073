#ifndef TLV_H
#define TLV_H

/*
 * TLV codec: type (1 byte), length (LEB128, 1 to 4 bytes, shortest form),
 * value. It does no I/O and allocates nothing: it writes into memory that the
 * caller has sized, and reads slices of memory that the caller holds. See
 * lambda-protocol(7).
 *
 * Types are 1 to 255; 0 is never on the wire. An odd type that the reader does
 * not know is skipped, an even one is an error: that rule is msg.c's, not ours.
 */

#include <stdint.h>

#include "slice.h"

#define TLV_LENGTH_MAX 0x0fffffffu /* what 4 bytes of LEB128 hold */
#define TLV_HEAD_MAX   5	   /* type and longest length */

struct tlv {
	unsigned type;
	struct slice value;
};

/*
 * The writer fills [p, end). A put that does not fit sets failed, and then no
 * other put writes anything; so a run of puts is checked once, at its end.
 */
struct tlv_writer {
	unsigned char *p;
	unsigned char *end;
	int failed;
};

void tlv_writer_init(struct tlv_writer *, void *, size_t);

/*
 * Most lengths take one byte. Functions that every field of every message goes
 * through do those inline, and leave the others to these.
 */
size_t tlv_length_size(size_t len);
void tlv_put_head_long(struct tlv_writer *, unsigned type, size_t len);
int tlv_next_long(struct slice *in, struct tlv *out);
int tlv_head_long(const unsigned char *p, size_t len, unsigned *type,
    size_t *length);

/* The size of a TLV whose value has len bytes, head and all. */
static inline size_t
tlv_size(size_t len)
{
	return (len < 0x80 ? 2 : 1 + tlv_length_size(len)) + len;
}

/* How many bytes the integer takes, big-endian: 0 for 0, at most 8. */
static inline size_t
tlv_uint_size(uint64_t n)
{
	size_t size;

	for (size = 0; n != 0; n >>= 8)
		size++;
	return size;
}

/* Write the integer into the len bytes that it takes. */
static inline void
tlv_uint_write(unsigned char *to, uint64_t n, size_t len)
{
	for (; len > 0; n >>= 8)
		to[--len] = (unsigned char)n;
}

/* Write type and length; the caller then writes the len bytes of the value. */
static inline void
tlv_put_head(struct tlv_writer *w, unsigned type, size_t len)
{
	if (w->failed || len >= 0x80 || (size_t)(w->end - w->p) < 2 + len) {
		tlv_put_head_long(w, type, len);
		return;
	}
	*w->p++ = (unsigned char)type;
	*w->p++ = (unsigned char)len;
}

void tlv_put_bytes(struct tlv_writer *, unsigned type, struct slice);

/*
 * Take the TLV at the front of *in, and move *in past it. Returns 1 and sets
 * *out (its value points into *in's bytes); 0 at the end of *in; -1 with
 * EBADMSG if there is no TLV: it is truncated, has type 0, or has a length that
 * is not in its shortest form.
 */
static inline int
tlv_next(struct slice *in, struct tlv *out)
{
	size_t len;

	if (in->len == 0)
		return 0;
	if (in->len < 2 || in->p[0] == 0 || in->p[1] >= 0x80 ||
	    (len = in->p[1]) > in->len - 2)
		return tlv_next_long(in, out);
	out->type = in->p[0];
	out->value = slice_of(in->p + 2, len);
	in->p += 2 + len;
	in->len -= 2 + len;
	return 1;
}

/*
 * Read the head of a TLV, whose first len bytes are here: returns the
 * head's size, and sets *type and *length; 0 if it needs more bytes; -1 with
 * EBADMSG as above.
 */
static inline int
tlv_head(const unsigned char *p, size_t len, unsigned *type, size_t *length)
{
	if (len < 2 || p[0] == 0 || p[1] >= 0x80)
		return tlv_head_long(p, len, type, length);
	*type = p[0];
	*length = p[1];
	return 2;
}

/* Read a value as an integer: 0, or -1 with EBADMSG (a leading zero byte: it is
 * not in its shortest form) or ERANGE (over 8 bytes). */
int tlv_uint(struct slice value, uint64_t *out);

#endif
