#include <assert.h>
#include <errno.h>
#include <stddef.h>

#include "fail.h"
#include "tlv.h"

#define LEB_MAX 4 /* bytes of the longest length */

size_t
tlv_length_size(size_t len)
{
	if (len < 1u << 7)
		return 1;
	if (len < 1u << 14)
		return 2;
	return len < 1u << 21 ? 3 : 4;
}

static unsigned char *
leb_write(unsigned char *p, size_t len)
{
	while (len >= 0x80) {
		*p++ = (unsigned char)(len | 0x80);
		len >>= 7;
	}
	*p++ = (unsigned char)len;
	return p;
}

void
tlv_writer_init(struct tlv_writer *w, void *p, size_t len)
{
	w->p = p;
	w->end = len == 0 ? w->p : w->p + len;
	w->failed = 0;
}

void
tlv_put_head_long(struct tlv_writer *w, unsigned type, size_t len)
{
	size_t head, room;

	assert(type >= 1 && type <= 255);
	room = (size_t)(w->end - w->p);
	head = 1 + tlv_length_size(len);
	if (w->failed || len > TLV_LENGTH_MAX || head > room ||
	    len > room - head) {
		w->failed = 1;
		return;
	}
	*w->p = (unsigned char)type;
	w->p = leb_write(w->p + 1, len);
}

void
tlv_put_bytes(struct tlv_writer *w, unsigned type, struct slice value)
{
	tlv_put_head(w, type, value.len);
	if (w->failed || value.len == 0)
		return;
	memcpy(w->p, value.p, value.len);
	w->p += value.len;
}

int
tlv_head_long(const unsigned char *p, size_t len, unsigned *type,
    size_t *length)
{
	size_t i, n;

	if (len == 0)
		return 0;
	if (p[0] == 0)
		return fail(EBADMSG);
	n = 0;
	for (i = 0; i < LEB_MAX; i++) {
		if (i == len - 1)
			return 0;
		n |= (size_t)(p[1 + i] & 0x7f) << (7 * i);
		if (p[1 + i] < 0x80)
			break;
	}
	/* No end in 4 bytes, or a last byte that adds nothing. */
	if (i == LEB_MAX || (i > 0 && p[1 + i] == 0))
		return fail(EBADMSG);
	*type = p[0];
	*length = n;
	return (int)i + 2;
}

int
tlv_next_long(struct slice *in, struct tlv *out)
{
	unsigned type;
	size_t len;
	int head;

	if (in->len == 0)
		return 0;
	head = tlv_head_long(in->p, in->len, &type, &len);
	if (head == -1)
		return -1;
	if (head == 0 || len > in->len - (size_t)head)
		return fail(EBADMSG);
	out->type = type;
	out->value = slice_of(in->p + head, len);
	in->p += (size_t)head + len;
	in->len -= (size_t)head + len;
	return 1;
}

int
tlv_uint(struct slice value, uint64_t *out)
{
	uint64_t n;
	size_t i;

	if (value.len > sizeof(n))
		return fail(ERANGE);
	if (value.len > 0 && value.p[0] == 0)
		return fail(EBADMSG);
	n = 0;
	for (i = 0; i < value.len; i++)
		n = n << 8 | value.p[i];
	*out = n;
	return 0;
}
