#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "rng.h"
#include "t/msg_sample.h"
#include "t/check.h"

#define ARENA (64 * 1024) /* bytes that the samples' slices may point at */

static unsigned char arena[ARENA];
static size_t used;
static struct rng rng;

void
sample_seed(uint64_t seed)
{
	rng_seed(&rng, seed);
	used = 0;
}

void
sample_reset(void)
{
	used = 0;
}

static unsigned char *
room(size_t n)
{
	unsigned char *p = arena + used;

	assert_true(n <= sizeof(arena) - used);
	used += n;
	return p;
}

static struct slice
random_string(size_t max)
{
	size_t i, n = 1 + rng_below(&rng, max < 40 ? max : 40);
	unsigned char *p = room(n);

	for (i = 0; i < n; i++)
		p[i] = (unsigned char)rng_next(&rng);
	return slice_of(p, n);
}

/* Of all bytes that a name may have. */
static struct slice
random_name(size_t max)
{
	struct slice s = random_string(max);
	unsigned char *p = arena + used - s.len;
	size_t i;

	for (i = 0; i < s.len; i++)
		while (!slice_is_name(slice_of(p + i, 1)))
			p[i] = (unsigned char)rng_next(&rng);
	return s;
}

static struct slice
random_address(void)
{
	unsigned char *p = room(ADDRESS_MAX);
	unsigned port = 1 + (unsigned)rng_below(&rng, 65535);
	int n = snprintf((char *)p, ADDRESS_MAX,
	    rng_below(&rng, 2) ? "10.%u.0.255:%u" : "[2001:db8::%x]:%u",
	    (unsigned)rng_below(&rng, 256), port);

	return slice_of(p, (size_t)n);
}

struct slice
sample_encode(const struct schema *s, const void *base)
{
	size_t n = group_size(s, base);
	unsigned char *p = room(n);
	struct tlv_writer w;

	tlv_writer_init(&w, p, n);
	group_encode(s, base, &w);
	assert_false(w.failed);
	assert_ptr_equal(w.p, p + n);
	return slice_of(p, n);
}

static struct slice
random_list(const struct schema *of)
{
	unsigned char *out = malloc(ARENA), *p;
	struct tlv_writer w;
	struct msg inner;
	size_t i, n = 1 + rng_below(&rng, 4);

	assert_non_null(out);
	tlv_writer_init(&w, out, ARENA);
	for (i = 0; i < n; i++) {
		if (of == NULL) {
			list_put(&w, random_string(40));
			continue;
		}
		sample_fill(of, &inner.u, (int)rng_below(&rng, 2));
		item_put(of, &w, &inner.u);
	}
	assert_false(w.failed);
	p = room(n = (size_t)(w.p - out));
	memcpy(p, out, n);
	free(out);
	return slice_of(p, n);
}

static uint64_t
random_uint(uint64_t max)
{
	uint64_t n = rng_next(&rng) >> rng_below(&rng, 64);

	n = max == UINT64_MAX ? n : n % (max + 1);
	return n == 0 ? 1 : n;
}

static void
make_field(const struct field *f, unsigned char *base)
{
	struct slice *s = (void *)(base + f->offset);
	struct msg inner;
	size_t i;

	switch (f->kind) {
	case FIELD_UINT:
		*(uint64_t *)(void *)(base + f->offset) = random_uint(f->max);
		break;
	case FIELD_ID:
		for (i = 0; i < ID_SIZE; i++)
			base[f->offset + i] = (unsigned char)(1 +
			    rng_below(&rng, 255));
		break;
	case FIELD_BYTES:
		*s = random_string(f->max);
		break;
	case FIELD_ADDRESS:
		*s = random_address();
		break;
	case FIELD_NAME:
		*s = random_name(f->max);
		break;
	case FIELD_LIST:
		*s = random_list(f->of);
		break;
	case FIELD_GROUP:
		sample_fill(f->of, &inner.u, 1);
		*s = sample_encode(f->of, &inner.u);
		break;
	}
}

void
sample_fill(const struct schema *s, void *base, int full)
{
	const struct field *f;

	memset(base, 0, s->size);
	for (f = s->fields; f < s->fields + s->n; f++)
		if (full || f->required || rng_below(&rng, 2))
			make_field(f, base);
}

void
sample_read(const struct schema *s, const void *base)
{
	const struct field *f;
	struct slice list, item;
	struct msg inner;
	int r;

	for (f = s->fields; f < s->fields + s->n; f++) {
		if (f->kind != FIELD_LIST && f->kind != FIELD_GROUP)
			continue;
		list = *(const struct slice *)(const void *)
		    ((const unsigned char *)base + f->offset);
		if (f->kind == FIELD_GROUP && list.len > 0) {
			assert_int_equal(group_decode(f->of, list, &inner.u),
			    0);
			sample_read(f->of, &inner.u);
		}
		if (f->kind != FIELD_LIST)
			continue;
		if (f->of == NULL) {
			while ((r = list_next(&list, &item)) == 1)
				;
		} else {
			while ((r = item_next(f->of, &list, &inner.u)) == 1)
				sample_read(f->of, &inner.u);
		}
		assert_int_equal(r, 0);
	}
}

void
sample_same(const struct schema *s, const void *a, const void *b)
{
	const struct field *f;

	for (f = s->fields; f < s->fields + s->n; f++) {
		const void *x = (const unsigned char *)a + f->offset;
		const void *y = (const unsigned char *)b + f->offset;

		if (f->kind == FIELD_UINT)
			assert_true(*(const uint64_t *)x ==
			    *(const uint64_t *)y);
		else if (f->kind == FIELD_ID)
			assert_true(id_equal(x, y));
		else
			assert_true(slice_equal(*(const struct slice *)x,
			    *(const struct slice *)y));
	}
}

void
sample_round_trip(const struct msg *m)
{
	const struct msg_row *row = msg_row(m->type);
	static unsigned char one[ARENA], two[ARENA];
	struct tlv_writer w;
	struct msg back;
	struct tlv t;
	struct slice frame;
	size_t size = msg_size(m);

	assert_true(size <= sizeof(one));
	tlv_writer_init(&w, one, size);
	assert_int_equal(msg_encode(m, &w), 0);
	assert_ptr_equal(w.p, one + size);
	frame = slice_of(one, size);
	assert_int_equal(tlv_next(&frame, &t), 1);
	assert_int_equal(frame.len, 0);
	assert_int_equal(t.type, m->type);
	assert_int_equal(msg_decode(&back, t.type, t.value), 1);
	assert_int_equal(back.type, m->type);
	sample_same(&row->schema, &m->u, &back.u);
	sample_read(&row->schema, &back.u);
	tlv_writer_init(&w, two, sizeof(two));
	assert_int_equal(msg_encode(&back, &w), 0);
	assert_int_equal(w.p - two, size);
	assert_memory_equal(one, two, size);

	tlv_writer_init(&w, one, size - 1);
	errno = 0;
	assert_int_equal(msg_encode(m, &w), -1);
	assert_int_equal(errno, ERANGE);
}
