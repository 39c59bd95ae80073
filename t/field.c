#include <errno.h>
#include <stdlib.h>

#include "msg.h"
#include "t/msg_sample.h"
#include "t/check.h"

/*
 * The rules that hold for every field of every message and group, tried on
 * each of them.
 */

#define LEN(a)	(sizeof(a) / sizeof((a)[0]))
#define SCRATCH (128 * 1024)

/* Every schema there is: the messages' and those of what is in them. */
static const struct schema *schemas[64];
static size_t nschemas;

static int
collect(void **state)
{
	static const struct schema *const groups[] = { &schema_peer_item,
		&schema_contact, &schema_reservation, &schema_attrs,
		&schema_constraints, &schema_seller };
	const struct msg_row *row = NULL;
	size_t i;

	(void)state;
	while ((row = msg_row_next(row)) != NULL)
		schemas[nschemas++] = &row->schema;
	for (i = 0; i < LEN(groups); i++)
		schemas[nschemas++] = groups[i];
	return 0;
}

static int
each(void **state)
{
	(void)state;
	sample_seed(1);
	return 0;
}

/* Decoding, from memory of just that size. */

static int
decode(const struct schema *s, const unsigned char *p, size_t n, void *out)
{
	unsigned char *copy = malloc(n > 0 ? n : 1);
	int r;

	assert_non_null(copy);
	if (n > 0)
		memcpy(copy, p, n);
	errno = 0;
	r = group_decode(s, slice_of(copy, n), out);
	free(copy);
	return r;
}

/* 0, or the errno with which it is refused. */
static int
refusal(const struct schema *s, const unsigned char *p, size_t n)
{
	struct msg m;

	return decode(s, p, n, &m.u) == 0 ? 0 : errno;
}

/* A value taken apart into its fields, to be put together otherwise. */

struct parts {
	struct tlv part[32];
	size_t n;
};

static void
take_apart(struct parts *p, struct slice value)
{
	p->n = 0;
	while (tlv_next(&value, &p->part[p->n]) == 1)
		p->n++;
	assert_int_equal(value.len, 0);
}

static void
make_parts(struct parts *p, const struct schema *s)
{
	struct msg m;

	sample_reset();
	sample_fill(s, &m.u, 1);
	take_apart(p, sample_encode(s, &m.u));
	assert_int_equal(p->n, s->n);
}

static int
refusal_of_parts(const struct schema *s, const struct parts *p)
{
	static unsigned char out[SCRATCH];
	struct tlv_writer w;
	size_t i;

	tlv_writer_init(&w, out, sizeof(out));
	for (i = 0; i < p->n; i++)
		tlv_put_bytes(&w, p->part[i].type, p->part[i].value);
	assert_false(w.failed);
	return refusal(s, out, (size_t)(w.p - out));
}

static void
insert(struct parts *p, size_t at, unsigned type, struct slice value)
{
	memmove(&p->part[at + 1], &p->part[at],
	    (p->n - at) * sizeof(p->part[0]));
	p->part[at].type = type;
	p->part[at].value = value;
	p->n++;
}

static void
delete(struct parts *p, size_t at)
{
	p->n--;
	memmove(&p->part[at], &p->part[at + 1],
	    (p->n - at) * sizeof(p->part[0]));
}

static const struct field *
field_of(const struct schema *s, unsigned type)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->fields[i].type == type)
			return &s->fields[i];
	return NULL;
}

UNIT(test_missing)
{
	const struct schema *s;
	const struct field *f;
	struct parts p;
	size_t i, k;

	for (i = 0; i < nschemas; i++) {
		s = schemas[i];
		for (k = 0; k < s->n; k++) {
			f = &s->fields[k];
			make_parts(&p, s);
			assert_int_equal(refusal_of_parts(s, &p), 0);
			delete(&p, k);
			assert_int_equal(refusal_of_parts(s, &p),
			    f->required ? EPROTO : 0);
			/* Empty is no better than missing. */
			insert(&p, k, f->type, slice_str(""));
			assert_int_equal(refusal_of_parts(s, &p),
			    f->required ? EPROTO :
			    f->kind == FIELD_ID ? ERANGE : 0);
		}
	}
}

UNIT(test_twice_or_out_of_order)
{
	const struct schema *s;
	struct parts p;
	struct tlv swap;
	size_t i, k;

	for (i = 0; i < nschemas; i++) {
		s = schemas[i];
		for (k = 0; k < s->n; k++) {
			make_parts(&p, s);
			insert(&p, k, p.part[k].type, p.part[k].value);
			assert_int_equal(refusal_of_parts(s, &p), EPROTO);
			if (k == 0)
				continue;
			make_parts(&p, s);
			swap = p.part[k];
			p.part[k] = p.part[k - 1];
			p.part[k - 1] = swap;
			assert_int_equal(refusal_of_parts(s, &p), EPROTO);
		}
	}
}

/* It is OK to be odd. */
UNIT(test_unknown)
{
	const struct schema *s;
	struct parts p;
	unsigned type;
	size_t i, at;

	for (i = 0; i < nschemas; i++) {
		s = schemas[i];
		for (type = 1; type <= 255; type++) {
			if (field_of(s, type) != NULL)
				continue;
			make_parts(&p, s);
			for (at = 0; at < p.n && p.part[at].type < type; at++)
				;
			insert(&p, at, type, slice_str("what is this"));
			assert_int_equal(refusal_of_parts(s, &p),
			    type % 2 ? 0 : EPROTO);
			/* Twice is too often even so. */
			insert(&p, at, type, slice_str(""));
			assert_int_equal(refusal_of_parts(s, &p), EPROTO);
		}
	}
}

/* One field replaced. */
static int
refusal_with(const struct schema *s, size_t k, struct slice value)
{
	struct parts p;

	make_parts(&p, s);
	p.part[k].value = value;
	return refusal_of_parts(s, &p);
}

static int
refusal_with_uint(const struct schema *s, size_t k, uint64_t n)
{
	unsigned char b[8];
	size_t i, size = tlv_uint_size(n);

	for (i = size; i > 0; i--, n >>= 8)
		b[i - 1] = (unsigned char)n;
	return refusal_with(s, k, slice_of(b, size));
}

UNIT(test_integers)
{
	static const unsigned char nine[9] = { 1 }, zero[2] = { 0, 1 };
	const struct schema *s;
	const struct field *f;
	size_t i, k;

	for (i = 0; i < nschemas; i++) {
		s = schemas[i];
		for (k = 0; k < s->n; k++) {
			f = &s->fields[k];
			if (f->kind != FIELD_UINT)
				continue;
			assert_int_equal(refusal_with_uint(s, k, f->max), 0);
			if (f->max != UINT64_MAX) {
				assert_int_equal(refusal_with_uint(s, k,
				    f->max + 1), ERANGE);
				assert_int_equal(refusal_with_uint(s, k,
				    UINT64_MAX), ERANGE);
			}
			assert_int_equal(refusal_with(s, k,
			    slice_of(nine, 9)), ERANGE);
			assert_int_equal(refusal_with(s, k,
			    slice_of(zero, 2)), EBADMSG);
			assert_int_equal(refusal_with(s, k,
			    slice_of(zero, 1)), EBADMSG);
		}
	}
}

UNIT(test_instance_ids)
{
	static const unsigned char b[ID_SIZE + 1] = { 1 }, zero[ID_SIZE];
	const struct schema *s;
	const struct field *f;
	size_t i, k;

	for (i = 0; i < nschemas; i++) {
		s = schemas[i];
		for (k = 0; k < s->n; k++) {
			f = &s->fields[k];
			if (f->kind != FIELD_ID)
				continue;
			assert_int_equal(refusal_with(s, k,
			    slice_of(b, ID_SIZE - 1)), ERANGE);
			assert_int_equal(refusal_with(s, k,
			    slice_of(b, ID_SIZE + 1)), ERANGE);
			assert_int_equal(refusal_with(s, k,
			    slice_of(b, ID_SIZE)), 0);
			assert_int_equal(refusal_with(s, k,
			    slice_of(zero, ID_SIZE)),
			    f->required ? EPROTO : 0);
		}
	}
}

/* A value that is that field alone (so others may be missing: it is checked
 * before that shows), and of n bytes. As a list it is one element. */
static int
refusal_of_size(const struct schema *s, const struct field *f, size_t n)
{
	unsigned char *p = malloc(n + 16);
	struct tlv_writer w;
	struct msg m;
	size_t len;
	int r;

	assert_non_null(p);
	memset(p, f->kind == FIELD_NAME ? 'n' : 0, n + 16);
	tlv_writer_init(&w, p, n + 16);
	tlv_put_head(&w, f->type, n);
	for (len = n; tlv_size(len) > n && len > 0; len--)
		;
	if (f->kind == FIELD_LIST && tlv_size(len) == n)
		tlv_put_head(&w, 1, len);
	errno = 0;
	r = group_decode(s, slice_of(p, tlv_size(n)), &m.u);
	free(p);
	return r == 0 ? 0 : errno;
}

UNIT(test_lengths)
{
	const struct schema *s;
	const struct field *f;
	struct schema alone;
	size_t i, k;

	for (i = 0; i < nschemas; i++) {
		s = schemas[i];
		for (k = 0; k < s->n; k++) {
			f = &s->fields[k];
			if (f->kind == FIELD_UINT || f->kind == FIELD_ID)
				continue;
			alone = *s;
			alone.fields = f;
			alone.n = 1;
			assert_int_equal(refusal_of_size(&alone, f, f->max + 1),
			    ERANGE);
			if (f->of == NULL)
				assert_int_equal(refusal_of_size(&alone, f,
				    f->max), 0);
		}
	}
}

/* One byte that may not be there makes a name none, wherever it stands. */
UNIT(test_names)
{
	const struct schema *s;
	char name[] = "abc";
	size_t i, k, at;
	int c, names = 0;

	for (i = 0; i < nschemas; i++) {
		s = schemas[i];
		for (k = 0; k < s->n; k++) {
			if (s->fields[k].kind != FIELD_NAME)
				continue;
			names++;
			for (c = 0; c < 3 * 256; c++) {
				at = (size_t)c / 256;
				memcpy(name, "abc", 3);
				name[at] = (char)(unsigned char)c;
				assert_int_equal(refusal_with(s, k,
				    slice_of(name, 3)), c % 256 <= ' ' ||
				    c % 256 == 0x7f || c % 256 == '/' ?
				    EPROTO : 0);
			}
		}
	}
	assert_int_equal(names, 6); /* subscribe, unsubscribe, exchanges, sell,
				       buy, connect */
}

/* What is in a list or a group is checked with it, to its depth. */
UNIT(test_inner)
{
	static const unsigned char type2[] = { 2, 0 }, cut[] = { 1, 2, 'x' },
	    even[] = { 1, 2, 254, 0 }, group_even[] = { 254, 0 },
	    group_cut[] = { 1, 2, 'x' };
	const struct schema *s;
	const struct field *f;
	size_t i, k;

	for (i = 0; i < nschemas; i++) {
		s = schemas[i];
		for (k = 0; k < s->n; k++) {
			f = &s->fields[k];
			if (f->kind == FIELD_LIST) {
				assert_int_equal(refusal_with(s, k, slice_of(
				    type2, 2)), EPROTO);
				assert_int_equal(refusal_with(s, k, slice_of(
				    cut, 3)), EBADMSG);
				assert_int_equal(refusal_with(s, k, slice_of(
				    even, 4)), f->of == NULL ? 0 : EPROTO);
			} else if (f->kind == FIELD_GROUP) {
				assert_int_equal(refusal_with(s, k, slice_of(
				    group_even, 2)), EPROTO);
				assert_int_equal(refusal_with(s, k, slice_of(
				    group_cut, 3)), EBADMSG);
			}
		}
	}
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, each)
	const struct CMUnitTest tests[] = {
		TEST(test_missing),
		TEST(test_twice_or_out_of_order),
		TEST(test_unknown),
		TEST(test_integers),
		TEST(test_instance_ids),
		TEST(test_lengths),
		TEST(test_names),
		TEST(test_inner),
	};

	return cmocka_run_group_tests(tests, collect, NULL);
}
