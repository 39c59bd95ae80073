#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "attrs.h"
#include "fail.h"

#define ARITY_LEN  3 /* digits of the largest arity */

/* Versions. */

static int
attrs_is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

int
version_valid(struct slice v)
{
	int dot = 1; /* what was last is a dot, or the beginning */
	size_t i;

	for (i = 0; i < v.len; i++) {
		if (!attrs_is_digit(v.p[i]) && (v.p[i] != '.' || dot))
			return 0;
		dot = v.p[i] == '.';
	}
	return !dot;
}

static int
attrs_sign(int n)
{
	return n < 0 ? -1 : n > 0;
}

static int
attrs_bytes_compare(struct slice a, struct slice b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int c = len == 0 ? 0 : attrs_sign(memcmp(a.p, b.p, len));

	return c != 0 ? c : a.len < b.len ? -1 : a.len > b.len;
}

/* Take the number at the front and the dot after it. Returns the number without
 * leading zeros, so that 0 is empty, as no number is. */
static struct slice
version_number_next(struct slice *v)
{
	struct slice n;
	size_t i;

	for (; v->len > 0 && *v->p == '0'; v->p++)
		v->len--;
	for (i = 0; i < v->len && v->p[i] != '.'; i++)
		;
	n = slice_of(v->p, i);
	if (i < v->len)
		i++;
	*v = slice_of(i > 0 ? v->p + i : v->p, v->len - i);
	return n;
}

int
version_compare(struct slice a, struct slice b)
{
	int a_valid = version_valid(a), b_valid = version_valid(b), c = 0;
	struct slice m, n;

	if (!a_valid || !b_valid)
		return a_valid ? -1 : b_valid ? 1 : attrs_bytes_compare(a, b);
	while (c == 0 && (a.len > 0 || b.len > 0)) {
		m = version_number_next(&a);
		n = version_number_next(&b);
		if (m.len != n.len)
			c = m.len < n.len ? -1 : 1;
		else
			c = attrs_bytes_compare(m, n);
	}
	return c;
}

/* Does a version satisfy what is wanted? What is not dotted decimals is at
 * least nothing. */
static int
version_match(struct slice want, struct slice have)
{
	if (want.len == 0)
		return 1;
	if (want.p[want.len - 1] != '+')
		return version_compare(have, want) == 0;
	want.len--;
	return version_valid(want) && version_valid(have) &&
	    version_compare(have, want) >= 0;
}

/* Labels. */

/* Split "label=value"; without a '=' all of it is the label. */
static void
label_split(struct slice item, struct slice *label, struct slice *value)
{
	size_t i;

	for (i = 0; i < item.len && item.p[i] != '='; i++)
		;
	*label = slice_of(item.p, i);
	if (i < item.len)
		i++;
	*value = slice_of(item.p + i, item.len - i);
}

/* Both lists are sorted by label, so one walk will do. */
static int
labels_match(struct slice want, struct slice have)
{
	struct slice w, h, w_label, w_value, h_label, h_value;
	int c, there = 0;

	h_label = h_value = slice_of(NULL, 0);
	while (list_next(&want, &w) == 1) {
		label_split(w, &w_label, &w_value);
		for (;;) {
			c = there ? attrs_bytes_compare(h_label, w_label) : -1;
			if (c >= 0)
				break;
			if (list_next(&have, &h) != 1)
				return 0;
			label_split(h, &h_label, &h_value);
			there = 1;
		}
		if (c > 0 || !slice_equal(w_value, h_value))
			return 0;
	}
	return 1;
}

/* Is "label~value" among the labels? */
static int
label_is_there(struct slice near, struct slice labels)
{
	struct slice item;
	size_t i;

	for (i = 0; i < near.len && near.p[i] != '~'; i++)
		continue;
	while (i < near.len && list_next(&labels, &item) == 1)
		if (item.len == near.len && item.p[i] == '=' &&
		    memcmp(item.p, near.p, i) == 0 &&
		    memcmp(item.p + i + 1, near.p + i + 1,
			near.len - i - 1) == 0)
			return 1;
	return 0;
}

/* Where the '~' of a preferred label is, "label~value": NULL where it is a
 * label that must be. */
static const char *
label_tilde(const char *word)
{
	return strchr(word, '=') != NULL ? NULL : strchr(word, '~');
}

int
constraints_near(struct slice constraints, struct slice attrs)
{
	struct constraints c;
	struct slice item;
	struct attrs a;
	int any = 0;

	if (group_decode(&schema_constraints, constraints, &c) == -1 ||
	    group_decode(&schema_attrs, attrs, &a) == -1)
		return 0;
	while (list_next(&c.near, &item) == 1) {
		any = 1;
		if (!label_is_there(item, a.labels))
			return 0;
	}
	return any;
}

struct slice
attrs_label(struct slice attrs, const char *label)
{
	struct slice item, name, value;
	struct attrs a;

	if (group_decode(&schema_attrs, attrs, &a) == -1)
		return slice_of(NULL, 0);
	while (list_next(&a.labels, &item) == 1) {
		label_split(item, &name, &value);
		if (slice_is(name, label))
			return value;
	}
	return slice_of(NULL, 0);
}

/* Exports. */

/* Cut the suffix off: 1, or 0 when it is not there. */
static int
attrs_cut(struct slice *s, const char *suffix)
{
	struct slice end = slice_str(suffix);

	if (s->len < end.len ||
	    !slice_equal(slice_of(s->p + (s->len - end.len), end.len), end))
		return 0;
	s->len -= end.len;
	return 1;
}

int
export_parse(struct slice s, struct export *e)
{
	size_t i, digits;

	e->cast = attrs_cut(&s, ":cast");
	for (i = s.len; i > 0 && attrs_is_digit(s.p[i - 1]); i--)
		;
	digits = s.len - i;
	if (digits == 0 || digits > ARITY_LEN || i < 2 || s.p[i - 1] != '/' ||
	    (digits > 1 && s.p[i] == '0'))
		return -1;
	e->name = slice_of(s.p, i - 1);
	for (e->arity = 0; i < s.len; i++)
		e->arity = 10 * e->arity + (unsigned)(s.p[i] - '0');
	return e->arity <= ARITY_MAX ? 0 : -1;
}

int
attrs_exports(struct slice attrs, struct slice name, unsigned arity,
    int *cast)
{
	struct export e;
	struct slice item;
	struct attrs a;

	*cast = 0;
	if (group_decode(&schema_attrs, attrs, &a) == -1)
		return 0;
	if (a.exports.len == 0)
		return 1;
	while (list_next(&a.exports, &item) == 1) {
		if (export_parse(item, &e) == -1 || e.arity != arity ||
		    !slice_equal(e.name, name))
			continue;
		*cast = e.cast;
		return 1;
	}
	return 0;
}

/* What is wanted, if it is no "name/arity", is exported only by a module that
 * does not say what it exports. */
static int
export_match(struct slice want, struct slice attrs)
{
	struct export e;
	int cast;

	if (want.len == 0)
		return 1;
	if (export_parse(want, &e) == -1)
		memset(&e, 0, sizeof(e));
	return attrs_exports(attrs, e.name, e.arity, &cast);
}

/* Constraints. */

int
constraints_match(struct slice constraints, struct slice attrs)
{
	struct constraints c;
	struct attrs a;

	if (group_decode(&schema_constraints, constraints, &c) == -1 ||
	    group_decode(&schema_attrs, attrs, &a) == -1)
		return 0;
	return version_match(c.version, a.version) &&
	    labels_match(c.labels, a.labels) &&
	    export_match(c.export, attrs);
}

/* From options. */

struct complaint {
	const char **why, **which;
};

static int
attrs_invalid(struct complaint c, const char *why, const char *which)
{
	*c.why = why;
	*c.which = which;
	return fail(EINVAL);
}

/* These are printed in lines of words, and functions are files. */
static int
attrs_is_name(struct slice s)
{
	return slice_is_word(s) && s.len <= NAME_BYTES_MAX;
}

static int
version_check(struct complaint c, const char *version, int constraint)
{
	struct slice v = slice_str(version);

	if (version == NULL)
		return 0;
	if (constraint && v.len > 0 && v.p[v.len - 1] == '+')
		v.len--;
	if (version_valid(v) && strlen(version) <= NAME_BYTES_MAX)
		return 0;
	return attrs_invalid(c, constraint ?
	    "-V takes numbers with dots between, such as 2.1, or 2.1+ for that "
	    "or later" :
	    "-V takes numbers with dots between, such as 2.1", version);
}

static int
attrs_is_function(struct slice name)
{
	return attrs_is_name(name) && name.p[0] != '.' &&
	    memchr(name.p, '/', name.len) == NULL;
}

static int
exports_check(struct complaint c, char *const *words, size_t n)
{
	struct export e, other;
	size_t i, j;

	if (n > EXPORTS_MAX)
		return attrs_invalid(c, "that is one -f too many",
		    words[EXPORTS_MAX]);
	for (i = 0; i < n; i++) {
		if (export_parse(slice_str(words[i]), &e) == -1 ||
		    !attrs_is_function(e.name))
			return attrs_invalid(c, "-f takes name/arity or"
			    " name/arity:cast, such as pi/1", words[i]);
		for (j = 0; j < i; j++) {
			export_parse(slice_str(words[j]), &other);
			if (other.arity == e.arity &&
			    slice_equal(other.name, e.name))
				return attrs_invalid(c,
				    "-f names this function twice",
				    words[i]);
		}
	}
	return 0;
}

static int
labels_compare(const void *a, const void *b)
{
	struct slice a_label, b_label, value;

	label_split(slice_str(*(char *const *)a), &a_label, &value);
	label_split(slice_str(*(char *const *)b), &b_label, &value);
	return attrs_bytes_compare(a_label, b_label);
}

/* Sorts them. */
static int
labels_check(struct complaint c, char **words, size_t n)
{
	struct slice label, value;
	size_t i;

	if (n > LABELS_MAX)
		return attrs_invalid(c, "that is one -t too many",
		    words[LABELS_MAX]);
	for (i = 0; i < n; i++) {
		label_split(slice_str(words[i]), &label, &value);
		if (!attrs_is_name(label) || !attrs_is_name(value))
			return attrs_invalid(c, "-t takes label=value, such "
			    "as zone=a", words[i]);
	}
	if (n > 0)
		qsort(words, n, sizeof(*words), labels_compare);
	for (i = 1; i < n; i++)
		if (labels_compare(&words[i - 1], &words[i]) == 0)
			return attrs_invalid(c, "-t names this label twice",
			    words[i]);
	return 0;
}

/* The words as a list, in memory to be freed; NULL with ENOMEM. */
static unsigned char *
attrs_list_of(char *const *words, size_t n, struct slice *list)
{
	struct tlv_writer w;
	unsigned char *p;
	size_t i, size = 0;

	for (i = 0; i < n; i++)
		size += tlv_size(strlen(words[i]));
	p = malloc(size > 0 ? size : 1);
	if (p == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	tlv_writer_init(&w, p, size);
	for (i = 0; i < n; i++)
		list_put(&w, slice_str(words[i]));
	assert(!w.failed);
	*list = slice_of(p, size);
	return p;
}

/* The labels as a list, checked and sorted; likewise, or EINVAL. */
static unsigned char *
attrs_list_of_labels(struct complaint c, char *const *words, size_t n,
    struct slice *list)
{
	unsigned char *p = NULL;
	char **sorted;

	sorted = malloc((n > 0 ? n : 1) * sizeof(*sorted));
	if (sorted == NULL) {
		errno = ENOMEM;
		return NULL;
	}
	if (n > 0)
		memcpy(sorted, words, n * sizeof(*sorted));
	if (labels_check(c, sorted, n) == 0)
		p = attrs_list_of(sorted, n, list);
	free(sorted);
	return p;
}

static int
attrs_append_group(struct complaint c, struct buf *out, const struct schema *s,
    const void *group)
{
	size_t size = group_size(s, group);
	struct tlv_writer w;
	void *p;

	if (size > LIST_MAX)
		return attrs_invalid(c,
		    "-f and -t are too long together", "");
	if (size == 0)
		return 0;
	p = buf_reserve(out, size);
	if (p == NULL)
		return -1;
	tlv_writer_init(&w, p, size);
	group_encode(s, group, &w);
	assert(!w.failed);
	buf_commit(out, size);
	return 0;
}

int
attrs_build(struct buf *out, const char *version, const unsigned char *digest,
    char *const *exports, size_t nexports, char *const *labels,
    size_t nlabels, const char **why, const char **which)
{
	struct complaint c = { why, which };
	unsigned char *e, *l = NULL;
	struct attrs a;
	int r = -1;

	if (version_check(c, version, 0) == -1 ||
	    exports_check(c, exports, nexports) == -1)
		return -1;
	a.version = slice_str(version);
	a.digest = slice_of(digest, digest == NULL ? 0 : 32);
	e = attrs_list_of(exports, nexports, &a.exports);
	if (e != NULL)
		l = attrs_list_of_labels(c, labels, nlabels, &a.labels);
	if (l != NULL)
		r = attrs_append_group(c, out, &schema_attrs, &a);
	free(e);
	free(l);
	return r;
}

/* Take the preferred labels out of the words; *n is how many words are left.
 * Returns as attrs_list_of_labels(). */
static unsigned char *
attrs_take_near(struct complaint c, char **words, size_t *n,
    struct slice *list)
{
	char *near[LABELS_MAX];
	size_t i, kept = 0, taken = 0;
	const char *tilde;

	for (i = 0; i < *n; i++) {
		if ((tilde = label_tilde(words[i])) == NULL) {
			words[kept++] = words[i];
			continue;
		}
		if (!attrs_is_name(slice_of(words[i],
		    (size_t)(tilde - words[i]))) ||
		    !attrs_is_name(slice_str(tilde + 1))) {
			attrs_invalid(c, "-t takes label~value for a "
			    "preferred label, such as zone~a", words[i]);
			return NULL;
		}
		near[taken++] = words[i];
	}
	*n = kept;
	return attrs_list_of(near, taken, list);
}

int
constraints_build(struct buf *out, const char *version, const char *export,
    char *const *labels, size_t nlabels, const char **why, const char **which)
{
	struct complaint c = { why, which };
	char *words[LABELS_MAX];
	struct constraints want;
	unsigned char *l = NULL, *near;
	int r = -1;

	if (version_check(c, version, 1) == -1)
		return -1;
	if (nlabels > LABELS_MAX)
		return attrs_invalid(c, "that is one -t too many",
		    labels[LABELS_MAX]);
	if (nlabels > 0)
		memcpy(words, labels, nlabels * sizeof(*words));
	want.version = slice_str(version);
	want.export = slice_str(export);
	near = attrs_take_near(c, words, &nlabels, &want.near);
	if (near != NULL)
		l = attrs_list_of_labels(c, words, nlabels, &want.labels);
	if (l != NULL)
		r = attrs_append_group(c, out, &schema_constraints, &want);
	free(near);
	free(l);
	return r;
}

/* Printing. */

struct printer {
	char *p;
	size_t room; /* with that for the NUL */
	int any;     /* something was printed */
};

static void
attrs_put(struct printer *o, struct slice s)
{
	size_t i;

	for (i = 0; i < s.len && o->room > 1; i++, o->room--)
		*o->p++ = s.p[i] < ' ' || s.p[i] >= 0x7f ? '?' :
		    (char)s.p[i];
	if (o->room > 0)
		*o->p = '\0';
}

static void
attrs_put_item(struct printer *o, const char *before, struct slice s)
{
	attrs_put(o, slice_str(o->any ? ", " : ""));
	attrs_put(o, slice_str(before));
	attrs_put(o, s);
	o->any = 1;
}

static void
attrs_put_version(struct printer *o, struct slice version,
    struct slice labels)
{
	struct slice item;

	if (version.len > 0)
		attrs_put_item(o, "version ", version);
	while (list_next(&labels, &item) == 1)
		attrs_put_item(o, "", item);
}

const char *
attrs_print(struct slice attrs, char *buf, size_t size)
{
	struct printer o = { buf, size, 0 };
	struct slice item;
	struct attrs a;
	int more = 0;

	if (group_decode(&schema_attrs, attrs, &a) == 0) {
		attrs_put_version(&o, a.version, a.labels);
		for (; list_next(&a.exports, &item) == 1; more = 1)
			if (more) {
				attrs_put(&o, slice_str(" "));
				attrs_put(&o, item);
			} else {
				attrs_put_item(&o, "exports ", item);
			}
	}
	if (!o.any)
		attrs_put(&o, slice_str("no attributes"));
	return buf;
}

void
attrs_add(struct slice attrs, char *buf, size_t size)
{
	size_t n = strlen(buf);

	if (n > 0 && size - n > 2) {
		memcpy(buf + n, "; ", 3);
		n += 2;
	}
	if (n == 0 || size - n > 1)
		attrs_print(attrs, buf + n, size - n);
}

const char *
constraints_print(struct slice constraints, char *buf, size_t size)
{
	struct printer o = { buf, size, 0 };
	struct constraints c;
	struct slice item;

	if (group_decode(&schema_constraints, constraints, &c) == 0)
		attrs_put_version(&o, c.version, c.labels);
	else
		c.export = c.near = slice_of(NULL, 0);
	if (c.export.len > 0)
		attrs_put_item(&o, "export ", c.export);
	while (list_next(&c.near, &item) == 1)
		attrs_put_item(&o, "", item);
	if (!o.any)
		attrs_put(&o, slice_str("no constraints"));
	return buf;
}

const char *
offers_print(const struct msg_offers *o, const char *module, char *buf,
    size_t size)
{
	struct slice sets = o->sets, attrs;
	char has[REASON_MAX / 2] = "";

	while (list_next(&sets, &attrs) == 1)
		attrs_add(attrs, has, sizeof(has));
	if (o->reason.len > 0)
		snprintf(buf, size, "%.*s", SLICE_ARG(o->reason));
	else if (has[0] == '\0')
		snprintf(buf, size, "nobody publishes it: is lambda-listener "
		    "running for %s, with this network's broker?", module);
	else
		snprintf(buf, size, "nothing on offer satisfies what is asked "
		    "for; on offer: %s", has);
	return buf;
}
