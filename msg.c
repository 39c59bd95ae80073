#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fail.h"
#include "msg.h"

#define LIST_ELEMENT 1

int
id_equal(const struct id *a, const struct id *b)
{
	return memcmp(a->b, b->b, ID_SIZE) == 0;
}

int
id_compare(const struct id *a, const struct id *b)
{
	return memcmp(a->b, b->b, ID_SIZE);
}

int
id_is_zero(const struct id *id)
{
	static const struct id zero;

	return id_equal(id, &zero);
}

struct slice
id_slice(const struct id *id)
{
	return slice_of(id->b, ID_SIZE);
}

const char *
id_print(const struct id *id, char buf[ID_TEXT])
{
	size_t i;

	for (i = 0; i < ID_SIZE; i++)
		snprintf(buf + 2 * i, 3, "%02x", id->b[i]);
	return buf;
}

/* Decoding. */

static int
check_list(struct slice list, const struct schema *of)
{
	struct tlv item;
	int r;

	while ((r = tlv_next(&list, &item)) == 1) {
		if (item.type != LIST_ELEMENT)
			return fail(EPROTO);
		if (of != NULL && group_decode(of, item.value, NULL) == -1)
			return -1;
	}
	return r;
}

static int
decode_uint(const struct field *f, struct slice value, uint64_t *out)
{
	uint64_t n;

	if (tlv_uint(value, &n) == -1)
		return -1;
	if (n > f->max)
		return fail(ERANGE);
	if (out != NULL)
		*out = n;
	return 0;
}

static int
decode_id(const struct field *f, struct slice value, unsigned char *out)
{
	struct id id;

	if (value.len != ID_SIZE)
		return fail(ERANGE);
	memcpy(id.b, value.p, ID_SIZE);
	if (f->required && id_is_zero(&id))
		return fail(EPROTO);
	if (out != NULL)
		memcpy(out, id.b, ID_SIZE);
	return 0;
}

/* base is NULL where the value is only to be checked. */
static int
decode_field(const struct field *f, struct slice value, unsigned char *base)
{
	if (f->required && value.len == 0)
		return fail(EPROTO);
	if (f->kind == FIELD_UINT)
		return decode_uint(f, value, base == NULL ? NULL :
		    (uint64_t *)(void *)(base + f->offset));
	if (value.len > f->max)
		return fail(ERANGE);
	if (f->kind == FIELD_ID)
		return decode_id(f, value,
		    base == NULL ? NULL : base + f->offset);
	if (value.len == 0)
		return 0; /* as if it were absent */
	if (f->kind == FIELD_NAME && !slice_is_name(value))
		return fail(EPROTO);
	if (f->kind == FIELD_LIST && check_list(value, f->of) == -1)
		return -1;
	if (f->kind == FIELD_GROUP && group_decode(f->of, value, NULL) == -1)
		return -1;
	if (base != NULL)
		*(struct slice *)(void *)(base + f->offset) = value;
	return 0;
}

/*
 * Fields come in ascending order, once each: so the table is walked along with
 * them, and a field that is passed over was absent.
 */
int
group_decode(const struct schema *s, struct slice value, void *out)
{
	const struct field *f = s->fields, *end = s->fields + s->n;
	struct tlv t;
	unsigned last = 0;
	int r;

	if (out != NULL)
		memset(out, 0, s->size);
	while ((r = tlv_next(&value, &t)) == 1) {
		if (t.type <= last)
			return fail(EPROTO);
		last = t.type;
		for (; f < end && f->type < t.type; f++)
			if (f->required)
				return fail(EPROTO);
		if (f < end && f->type == t.type) {
			if (decode_field(f++, t.value, out) == -1)
				return -1;
		} else if (t.type % 2 == 0)
			return fail(EPROTO);
	}
	for (; r == 0 && f < end; f++)
		if (f->required)
			return fail(EPROTO);
	return r;
}

int
msg_decode(struct msg *m, unsigned type, struct slice value)
{
	const struct msg_row *row = msg_row(type);

	if (row == NULL)
		return type % 2 == 1 ? 0 : fail(EPROTO);
	m->type = row->type;
	return group_decode(&row->schema, value, &m->u) == -1 ? -1 : 1;
}

/* Encoding. */

static const void *
member(const struct field *f, const void *base)
{
	return (const unsigned char *)base + f->offset;
}

/* The bytes of a field's value; 0 when it is not to be written. */
static size_t
field_len(const struct field *f, const void *base)
{
	const void *p = member(f, base);

	if (f->kind == FIELD_UINT)
		return tlv_uint_size(*(const uint64_t *)p);
	if (f->kind == FIELD_ID)
		return id_is_zero(p) ? 0 : ID_SIZE;
	return ((const struct slice *)p)->len;
}

size_t
group_size(const struct schema *s, const void *base)
{
	const struct field *f, *end = s->fields + s->n;
	size_t len, size = 0;

	for (f = s->fields; f < end; f++)
		if ((len = field_len(f, base)) > 0)
			size += tlv_size(len);
	return size;
}

/* The value of a field, in the len bytes that are left for it. */
static void
put_value(const struct field *f, const void *p, unsigned char *to, size_t len)
{
	if (f->kind == FIELD_UINT)
		tlv_uint_write(to, *(const uint64_t *)p, len);
	else if (f->kind == FIELD_ID)
		memcpy(to, ((const struct id *)p)->b, len);
	else
		memcpy(to, ((const struct slice *)p)->p, len);
}

void
group_encode(const struct schema *s, const void *base, struct tlv_writer *w)
{
	const struct field *f, *end = s->fields + s->n;
	size_t len;

	for (f = s->fields; f < end; f++) {
		if ((len = field_len(f, base)) == 0)
			continue;
		tlv_put_head(w, f->type, len);
		if (w->failed)
			return;
		put_value(f, member(f, base), w->p, len);
		w->p += len;
	}
}

size_t
msg_size(const struct msg *m)
{
	const struct msg_row *row = msg_row(m->type);

	assert(row != NULL);
	return tlv_size(group_size(&row->schema, &m->u));
}

int
msg_encode(const struct msg *m, struct tlv_writer *w)
{
	const struct msg_row *row = msg_row(m->type);

	assert(row != NULL);
	tlv_put_head(w, m->type, group_size(&row->schema, &m->u));
	group_encode(&row->schema, &m->u, w);
	return w->failed ? fail(ERANGE) : 0;
}

/* Lists. */

int
list_next(struct slice *list, struct slice *item)
{
	struct tlv t;
	int r = tlv_next(list, &t);

	if (r != 1)
		return r;
	if (t.type != LIST_ELEMENT)
		return fail(EPROTO);
	*item = t.value;
	return 1;
}

int
item_next(const struct schema *s, struct slice *list, void *item)
{
	struct slice value;
	int r = list_next(list, &value);

	if (r != 1)
		return r;
	return group_decode(s, value, item) == -1 ? -1 : 1;
}

void
list_put(struct tlv_writer *w, struct slice item)
{
	tlv_put_bytes(w, LIST_ELEMENT, item);
}

void
item_put(const struct schema *s, struct tlv_writer *w, const void *item)
{
	tlv_put_head(w, LIST_ELEMENT, group_size(s, item));
	group_encode(s, item, w);
}
