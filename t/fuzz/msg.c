#include <assert.h>
#include <stdlib.h>

#include "msg.h"
#include "fuzz.h"

/*
 * The input is a run of frames. Each is decoded; what is taken is read to its
 * depth, and encoded again: that is no longer than it was, decodes, and
 * encodes to the same once more.
 */

const char *const fuzz_corpus[] = { "t/wire", "t/fuzz/corpus/msg", NULL };

static void
read_list(const struct schema *, struct slice);

static void
read_group(const struct schema *s, const void *base)
{
	const struct field *f;
	struct slice value;
	struct msg inner;
	int r;

	for (f = s->fields; f < s->fields + s->n; f++) {
		if (f->kind != FIELD_LIST && f->kind != FIELD_GROUP)
			continue;
		value = *(const struct slice *)(const void *)
		    ((const unsigned char *)base + f->offset);
		if (f->kind == FIELD_LIST) {
			read_list(f->of, value);
		} else if (value.len > 0) {
			r = group_decode(f->of, value, &inner.u);
			assert(r == 0);
			read_group(f->of, &inner.u);
		}
	}
}

static void
read_list(const struct schema *of, struct slice list)
{
	struct slice item;
	struct msg inner;
	int r;

	if (of == NULL)
		while ((r = list_next(&list, &item)) == 1)
			;
	else
		while ((r = item_next(of, &list, &inner.u)) == 1)
			read_group(of, &inner.u);
	assert(r == 0);
}

static unsigned char *
encode(const struct msg *m, size_t *n)
{
	struct tlv_writer w;
	unsigned char *p;
	int r;

	*n = msg_size(m);
	p = malloc(*n);
	assert(p != NULL);
	tlv_writer_init(&w, p, *n);
	r = msg_encode(m, &w);
	assert(r == 0 && w.p == p + *n);
	return p;
}

static void
there_and_back(const struct msg *m, size_t max)
{
	unsigned char *one, *two;
	struct slice frame;
	struct msg again;
	struct tlv t;
	size_t n, len;
	int r;

	one = encode(m, &n);
	assert(n <= max);
	frame = slice_of(one, n);
	r = tlv_next(&frame, &t);
	assert(r == 1 && frame.len == 0 && t.type == m->type);
	r = msg_decode(&again, t.type, t.value);
	assert(r == 1);
	two = encode(&again, &len);
	assert(slice_equal(slice_of(one, n), slice_of(two, len)));
	free(two);
	free(one);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct slice in = slice_of(p, n);
	struct msg m;
	struct tlv t;

	while (tlv_next(&in, &t) == 1) {
		if (msg_decode(&m, t.type, t.value) != 1)
			continue;
		assert(m.type == t.type);
		read_group(&msg_row(m.type)->schema, &m.u);
		there_and_back(&m, tlv_size(t.value.len));
	}
	return 0;
}
