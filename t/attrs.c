#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "attrs.h"
#include "t/check.h"

static const char *why, *which;

static int
compare(const char *a, const char *b)
{
	int c = version_compare(slice_str(a), slice_str(b));

	assert_int_equal(version_compare(slice_str(b), slice_str(a)), -c);
	return c;
}

UNIT(test_version_valid)
{
	static const char *const good[] = { "0", "1", "2.10.1", "007.0",
	    "99999999999999999999999999999999" };
	static const char *const bad[] = { "", ".", "1.", ".1", "1..2", "1a",
	    "2.1+", "-1", "1 ", "v1" };
	size_t i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(version_valid(slice_str(good[i])));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(version_valid(slice_str(bad[i])));
}

/* Each list is in ascending order, so every pair is known. */
UNIT(test_version_order)
{
	static const char *const v[] = { "0.1", "0.9", "0.10", "1", "1.0.1",
	    "1.2", "1.2.3", "1.10", "2", "9", "10", "18446744073709551615",
	    "18446744073709551616", "99999999999999999999999999999998",
	    "99999999999999999999999999999999", "", "1.", "1.0-rc1", "dev",
	    "dev2", "v1" };
	size_t i, j, n = sizeof(v) / sizeof(v[0]);

	for (i = 0; i < n; i++) {
		assert_int_equal(compare(v[i], v[i]), 0);
		for (j = i + 1; j < n; j++)
			assert_int_equal(compare(v[i], v[j]), -1);
	}
}

UNIT(test_version_equal)
{
	assert_int_equal(compare("2", "2.0"), 0);
	assert_int_equal(compare("2.0.0", "2"), 0);
	assert_int_equal(compare("0", "0.0.0"), 0);
	assert_int_equal(compare("02.01", "2.1"), 0);
	assert_int_equal(compare("2.0.0.1", "2"), 1);
}

static struct slice
attrs(struct buf *out, const char *version, char **exports, size_t nexports,
    char **labels, size_t nlabels)
{
	buf_init(out, LIST_MAX);
	assert_int_equal(attrs_build(out, version, NULL, exports, nexports,
	    labels, nlabels, &why, &which), 0);
	return buf_slice(out);
}

static struct slice
constraints(struct buf *out, const char *version, char **labels,
    size_t nlabels)
{
	buf_init(out, LIST_MAX);
	assert_int_equal(constraints_build(out, version, NULL, labels, nlabels,
	    &why, &which), 0);
	return buf_slice(out);
}

static int
version_fits(const char *want, const char *have)
{
	struct buf a, c;
	int r;

	r = constraints_match(constraints(&c, want, NULL, 0),
	    attrs(&a, have, NULL, 0, NULL, 0));
	buf_free(&a);
	buf_free(&c);
	return r;
}

/* A preference keeps no seller away. */
UNIT(test_near)
{
	char a[] = "zone=a", b[] = "zone=b", near[] = "zone~a";
	char ssd[] = "disk=ssd", bad[] = "zone~";
	char *at_a[] = { a, ssd }, *at_b[] = { b };
	char *want[] = { ssd, near }, *only[] = { near }, *wrong[] = { bad };
	struct buf ba, bb, bc, bn, bx;
	struct slice sa = attrs(&ba, NULL, NULL, 0, at_a, 2);
	struct slice sb = attrs(&bb, NULL, NULL, 0, at_b, 1);
	struct slice c = constraints(&bc, NULL, want, 2);
	struct slice n = constraints(&bn, NULL, only, 1);
	char text[64];

	assert_true(constraints_match(c, sa) && constraints_near(c, sa));
	assert_false(constraints_match(c, sb));
	assert_true(constraints_match(n, sb));
	assert_false(constraints_near(n, sb));
	assert_true(constraints_near(n, sa));
	assert_false(constraints_near(slice_of(NULL, 0), sa));
	assert_string_equal(constraints_print(n, text, sizeof(text)),
	    "zone~a");
	buf_init(&bx, LIST_MAX);
	assert_int_equal(constraints_build(&bx, NULL, NULL, wrong, 1, &why,
	    &which), -1);
	assert_string_equal(which, "zone~");
	buf_free(&ba);
	buf_free(&bb);
	buf_free(&bc);
	buf_free(&bn);
}

UNIT(test_match_version)
{
	assert_true(version_fits(NULL, NULL));
	assert_true(version_fits(NULL, "1"));
	assert_true(version_fits("2.1", "2.1"));
	assert_true(version_fits("2.1", "2.1.0"));
	assert_false(version_fits("2.1", "2.1.1"));
	assert_false(version_fits("2.1", "2.10"));
	assert_false(version_fits("2.1", NULL));
	assert_true(version_fits("2.1+", "2.1"));
	assert_true(version_fits("2.1+", "2.10"));
	assert_true(version_fits("2.1+", "3"));
	assert_false(version_fits("2.1+", "2.0.9"));
	assert_false(version_fits("2.10+", "2.9"));
	assert_false(version_fits("2.1+", NULL));
}

static int
export_fits(const char *want, char **exports, size_t n)
{
	struct buf a, c;
	int r;

	buf_init(&c, LIST_MAX);
	assert_int_equal(constraints_build(&c, NULL, want, NULL, 0, &why,
	    &which), 0);
	r = constraints_match(buf_slice(&c),
	    attrs(&a, "1", exports, n, NULL, 0));
	buf_free(&a);
	buf_free(&c);
	return r;
}

UNIT(test_match_export)
{
	char *exports[] = { "pi/1", "log/2:cast" };

	assert_true(export_fits("pi/1", exports, 2));
	assert_true(export_fits("log/2", exports, 2));
	assert_false(export_fits("pi/2", exports, 2));
	assert_false(export_fits("p/1", exports, 2));
	assert_false(export_fits("log/2", exports, 1));
	assert_false(export_fits("nonsense", exports, 2));
	/* What does not say what it exports fits any. */
	assert_true(export_fits("pi/1", NULL, 0));
	assert_true(export_fits("nonsense", NULL, 0));
	assert_true(export_fits(NULL, exports, 2));
}

/* What a foreign encoder may say: a version that is not dotted decimals. */
static int
raw_version_fits(const char *want, const char *have)
{
	unsigned char a[64], c[64];
	struct tlv_writer wa, wc;
	struct constraints cg;
	struct attrs ag;

	memset(&cg, 0, sizeof(cg));
	memset(&ag, 0, sizeof(ag));
	cg.version = slice_str(want);
	ag.version = slice_str(have);
	tlv_writer_init(&wa, a, sizeof(a));
	tlv_writer_init(&wc, c, sizeof(c));
	group_encode(&schema_attrs, &ag, &wa);
	group_encode(&schema_constraints, &cg, &wc);
	return constraints_match(slice_of(c, (size_t)(wc.p - c)),
	    slice_of(a, (size_t)(wa.p - a)));
}

UNIT(test_match_odd_version)
{
	assert_true(raw_version_fits("dev", "dev"));
	assert_false(raw_version_fits("dev", "dev2"));
	assert_false(raw_version_fits("1+", "dev"));
	assert_false(raw_version_fits("+", "1"));
	assert_false(raw_version_fits("dev+", "dev"));
}

static int
labels_fit(char **want, size_t nwant, char **have, size_t nhave)
{
	struct buf a, c;
	int r;

	r = constraints_match(constraints(&c, NULL, want, nwant),
	    attrs(&a, "1", NULL, 0, have, nhave));
	buf_free(&a);
	buf_free(&c);
	return r;
}

/* Every subset of four labels against every other. */
UNIT(test_match_labels)
{
	char *all[] = { "a=1", "zone=x", "a-b=2", "gpu=no" };
	char *want[4], *have[4];
	unsigned w, h, i;
	size_t nw, nh;

	for (w = 0; w < 16; w++)
		for (h = 0; h < 16; h++) {
			for (nw = nh = i = 0; i < 4; i++) {
				if (w >> i & 1)
					want[nw++] = all[i];
				if (h >> (3 - i) & 1)
					have[nh++] = all[3 - i];
			}
			assert_int_equal(labels_fit(want, nw, have, nh),
			    (w & ~h) == 0);
		}
}

UNIT(test_match_label_values)
{
	char *a[] = { "zone=a" }, *b[] = { "zone=b" }, *ab[] = { "zone=ab" },
	     *z[] = { "zon=a" };

	assert_true(labels_fit(a, 1, a, 1));
	assert_false(labels_fit(a, 1, b, 1));
	assert_false(labels_fit(a, 1, ab, 1));
	assert_false(labels_fit(ab, 1, a, 1));
	assert_false(labels_fit(a, 1, z, 1));
	assert_false(labels_fit(z, 1, a, 1));
}

UNIT(test_canonical)
{
	char *one[] = { "zone=a", "gpu=no", "a-b=2", "a=1" };
	char *two[] = { "a=1", "a-b=2", "gpu=no", "zone=a" };
	static const unsigned char want[] = { 1, 1, '2', 7, 28, 1, 3, 'a', '=',
	    '1', 1, 5, 'a', '-', 'b', '=', '2', 1, 6, 'g', 'p', 'u', '=', 'n',
	    'o', 1, 6, 'z', 'o', 'n', 'e', '=', 'a' };
	struct buf a, b;
	struct slice sa, sb;

	sa = attrs(&a, "2", NULL, 0, one, 4);
	sb = attrs(&b, "2", NULL, 0, two, 4);
	assert_true(slice_equal(sa, sb));
	assert_int_equal(sa.len, sizeof(want));
	assert_memory_equal(sa.p, want, sizeof(want));
	buf_free(&a);
	buf_free(&b);
	sa = attrs(&a, NULL, NULL, 0, NULL, 0);
	assert_int_equal(sa.len, 0);
	buf_free(&a);
}

UNIT(test_label_of)
{
	char *labels[] = { "zone=a=b", "zones=c" };
	struct buf a;
	struct slice s;

	s = attrs(&a, "2", NULL, 0, labels, 2);
	assert_true(slice_equal(attrs_label(s, "zone"), slice_str("a=b")));
	assert_true(slice_equal(attrs_label(s, "zones"), slice_str("c")));
	assert_int_equal(attrs_label(s, "zon").len, 0);
	assert_int_equal(attrs_label(slice_of(NULL, 0), "zone").len, 0);
	buf_free(&a);
}

UNIT(test_exports)
{
	char *exports[] = { "pi/1", "log/1:cast", "pi/2", "sum/12" };
	struct buf a;
	struct slice s;
	int cast;

	s = attrs(&a, NULL, exports, 4, NULL, 0);
	assert_int_equal(attrs_exports(s, slice_str("pi"), 1, &cast), 1);
	assert_int_equal(cast, 0);
	assert_int_equal(attrs_exports(s, slice_str("log"), 1, &cast), 1);
	assert_int_equal(cast, 1);
	assert_int_equal(attrs_exports(s, slice_str("log"), 2, &cast), 0);
	assert_int_equal(cast, 0);
	assert_int_equal(attrs_exports(s, slice_str("sum"), 12, &cast), 1);
	assert_int_equal(attrs_exports(s, slice_str("sum"), 1, &cast), 0);
	assert_int_equal(attrs_exports(s, slice_str("p"), 1, &cast), 0);
	buf_free(&a);
	s = attrs(&a, "1", NULL, 0, NULL, 0);
	assert_int_equal(attrs_exports(s, slice_str("pi"), 9, &cast), 1);
	assert_int_equal(cast, 0);
	buf_free(&a);
}

UNIT(test_export_parse)
{
	static const char *const bad[] = { "", "pi", "pi/", "/1", "pi/x",
	    "pi/01", "pi/256", "pi/1000", "pi/1:", "pi/1:call", "pi/:cast",
	    "1", "99", ":cast" };
	struct export e;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(export_parse(slice_str(bad[i]), &e), -1);
	assert_int_equal(export_parse(slice_str("a/b/255:cast"), &e), 0);
	assert_true(slice_equal(e.name, slice_str("a/b")));
	assert_int_equal(e.arity, 255);
	assert_int_equal(e.cast, 1);
	assert_int_equal(export_parse(slice_str("f/0"), &e), 0);
	assert_int_equal(e.arity, 0);
	assert_int_equal(e.cast, 0);
}

/* One bad word of each kind: refused, named, and nothing is appended. */
static void
refused(const char *version, char *export, char *export2, char *label,
    char *label2, const char *want)
{
	char *exports[2], *labels[2];
	struct buf out;

	exports[0] = export;
	exports[1] = export2;
	labels[0] = label;
	labels[1] = label2;
	buf_init(&out, LIST_MAX);
	why = which = NULL;
	errno = 0;
	assert_int_equal(attrs_build(&out, version, NULL, exports,
	    (size_t)((export != NULL) + (export2 != NULL)), labels,
	    (size_t)((label != NULL) + (label2 != NULL)), &why, &which), -1);
	assert_int_equal(errno, EINVAL);
	assert_non_null(why);
	assert_string_equal(which, want);
	assert_int_equal(buf_len(&out), 0);
}

UNIT(test_build_refuses)
{
	refused("", NULL, NULL, NULL, NULL, "");
	refused("2.1+", NULL, NULL, NULL, NULL, "2.1+");
	refused("dev", NULL, NULL, NULL, NULL, "dev");
	refused(NULL, "pi", NULL, NULL, NULL, "pi");
	refused(NULL, "a/b/1", NULL, NULL, NULL, "a/b/1");
	refused(NULL, "a b/1", NULL, NULL, NULL, "a b/1");
	refused(NULL, ".a/1", NULL, NULL, NULL, ".a/1");
	refused(NULL, "pi/1", "pi/1", NULL, NULL, "pi/1");
	refused(NULL, "pi/1", "pi/1:cast", NULL, NULL, "pi/1:cast");
	refused(NULL, NULL, NULL, "zone", NULL, "zone");
	refused(NULL, NULL, NULL, "zone=", NULL, "zone=");
	refused(NULL, NULL, NULL, "=a", NULL, "=a");
	refused(NULL, NULL, NULL, "zone=a\nb", NULL, "zone=a\nb");
	refused(NULL, NULL, NULL, "a=1", "a=1", "a=1");
}

UNIT(test_constraints_refuse)
{
	static const char *const bad[] = { "", "+", "2.1++", "2.+", "dev" };
	char *twice[] = { "a=1", "b=1", "a=2" };
	struct buf out;
	size_t i;

	buf_init(&out, LIST_MAX);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(constraints_build(&out, bad[i], NULL, NULL, 0,
		    &why, &which), -1);
		assert_string_equal(which, bad[i]);
	}
	assert_int_equal(constraints_build(&out, NULL, NULL, twice, 3, &why,
	    &which), -1);
	assert_int_equal(which[0], 'a');
	assert_int_equal(buf_len(&out), 0);
}

UNIT(test_limits)
{
	static char text[EXPORTS_MAX + 1][96];
	static char *words[EXPORTS_MAX + 1];
	struct buf out;
	size_t i;

	for (i = 0; i <= EXPORTS_MAX; i++) {
		snprintf(text[i], sizeof(text[i]), "f%zu/1", i);
		words[i] = text[i];
	}
	buf_init(&out, MSG_MAX);
	assert_int_equal(attrs_build(&out, NULL, NULL, words, EXPORTS_MAX + 1,
	    NULL, 0, &why, &which), -1);
	assert_string_equal(which, text[EXPORTS_MAX]);
	assert_int_equal(attrs_build(&out, NULL, NULL, words, EXPORTS_MAX,
	    NULL, 0, &why, &which), 0);
	buf_free(&out);
	for (i = 0; i < EXPORTS_MAX; i++)
		snprintf(text[i], sizeof(text[i]), "f%080zu/1", i);
	assert_int_equal(attrs_build(&out, NULL, NULL, words, EXPORTS_MAX,
	    NULL, 0, &why, &which), -1);
	assert_int_equal(errno, EINVAL);
	for (i = 0; i <= LABELS_MAX; i++)
		snprintf(text[i], sizeof(text[i]), "l%zu=1", i);
	assert_int_equal(attrs_build(&out, NULL, NULL, NULL, 0, words,
	    LABELS_MAX + 1, &why, &which), -1);
	assert_int_equal(constraints_build(&out, NULL, NULL, words, LABELS_MAX,
	    &why, &which), 0);
	buf_free(&out);
}

UNIT(test_digest)
{
	unsigned char digest[32];
	struct attrs a;
	struct buf out;

	memset(digest, 7, sizeof(digest));
	buf_init(&out, LIST_MAX);
	assert_int_equal(attrs_build(&out, "1", digest, NULL, 0, NULL, 0, &why,
	    &which), 0);
	assert_int_equal(group_decode(&schema_attrs, buf_slice(&out), &a), 0);
	assert_true(slice_equal(a.digest, slice_of(digest, 32)));
	buf_free(&out);
}

UNIT(test_print)
{
	char *exports[] = { "pi/1", "log/1:cast" }, *labels[] = { "zone=a" };
	static const char want[] =
	    "version 2.1, zone=a, exports pi/1 log/1:cast";
	char text[128], *small;
	struct buf b;
	struct slice s;
	size_t n;

	s = attrs(&b, "2.1", exports, 2, labels, 1);
	assert_string_equal(attrs_print(s, text, sizeof(text)), want);
	for (n = 1; n < sizeof(want) + 2; n++) {
		small = malloc(n);
		assert_non_null(small);
		attrs_print(s, small, n);
		assert_int_equal(strncmp(small, want, n - 1), 0);
		assert_int_equal(strlen(small),
		    n < sizeof(want) ? n - 1 : sizeof(want) - 1);
		free(small);
	}
	buf_free(&b);
	assert_string_equal(attrs_print(slice_of(NULL, 0), text,
	    sizeof(text)), "no attributes");
	s = constraints(&b, "2+", labels, 1);
	assert_string_equal(constraints_print(s, text, sizeof(text)),
	    "version 2+, zone=a");
	buf_free(&b);
	buf_init(&b, LIST_MAX);
	assert_int_equal(constraints_build(&b, "2", "pi/1", NULL, 0, &why,
	    &which), 0);
	assert_string_equal(constraints_print(buf_slice(&b), text,
	    sizeof(text)), "version 2, export pi/1");
	buf_free(&b);
}

/* What is no group fits nothing, and harms nothing. */
UNIT(test_bad_bytes)
{
	struct slice bad = slice_of("\1\5ab", 4);
	char text[32];
	int cast;

	assert_false(constraints_match(bad, slice_of(NULL, 0)));
	assert_false(constraints_match(slice_of(NULL, 0), bad));
	assert_int_equal(attrs_label(bad, "zone").len, 0);
	assert_int_equal(attrs_exports(bad, slice_str("f"), 1, &cast), 0);
	assert_string_equal(attrs_print(bad, text, sizeof(text)),
	    "no attributes");
}

UNITS(PLAIN(test_version_valid), PLAIN(test_version_order),
    PLAIN(test_version_equal), PLAIN(test_match_version),
    PLAIN(test_match_odd_version), PLAIN(test_match_export),
    PLAIN(test_match_labels), PLAIN(test_match_label_values),
    PLAIN(test_canonical), PLAIN(test_label_of), PLAIN(test_exports),
    PLAIN(test_export_parse), PLAIN(test_build_refuses),
    PLAIN(test_constraints_refuse), PLAIN(test_limits), PLAIN(test_digest),
    PLAIN(test_print), PLAIN(test_near), PLAIN(test_bad_bytes))
