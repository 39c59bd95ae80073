#include "attrs.h"

#define ARITY_LEN  3 /* digits of the largest arity */

/* Versions. */

static int
is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

int
version_valid(struct slice v)
{
	int dot = 1; /* what was last is a dot, or the beginning */
	size_t i;

	for (i = 0; i < v.len; i++) {
		if (!is_digit(v.p[i]) && (v.p[i] != '.' || dot))
			return 0;
		dot = v.p[i] == '.';
	}
	return !dot;
}

static int
sign(int n)
{
	return n < 0 ? -1 : n > 0;
}

static int
bytes_compare(struct slice a, struct slice b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int c = len == 0 ? 0 : sign(memcmp(a.p, b.p, len));

	return c != 0 ? c : a.len < b.len ? -1 : a.len > b.len;
}

/* Take the number at the front, and the dot behind it; without the zeros in
 * front, so that 0, and no number, is empty. */
static struct slice
number_next(struct slice *v)
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
		return a_valid ? -1 : b_valid ? 1 : bytes_compare(a, b);
	while (c == 0 && (a.len > 0 || b.len > 0)) {
		m = number_next(&a);
		n = number_next(&b);
		if (m.len != n.len)
			c = m.len < n.len ? -1 : 1;
		else
			c = bytes_compare(m, n);
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

void
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
			c = there ? bytes_compare(h_label, w_label) : -1;
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
cut(struct slice *s, const char *suffix)
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

	e->cast = cut(&s, ":cast");
	for (i = s.len; i > 0 && is_digit(s.p[i - 1]); i--)
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
