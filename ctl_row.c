#include <stdlib.h>
#include <string.h>

#include "ctl_row.h"

struct slice
row_cut(struct slice *rest)
{
	const unsigned char *space = rest->len == 0 ? NULL :
	    memchr(rest->p, ' ', rest->len);
	struct slice word = *rest;

	if (space != NULL)
		word.len = (size_t)(space - rest->p);
	*rest = slice_of(rest->p + word.len + (space != NULL),
	    rest->len - word.len - (space != NULL));
	return word;
}

int
row_next(struct slice *text, struct row *r)
{
	if (text->len == 0)
		return 0;
	r->rest = slice_line(text);
	r->word = row_cut(&r->rest);
	r->name = row_cut(&r->rest);
	return 1;
}

int
row_is_last(struct slice key)
{
	return slice_is(key, "attributes") || slice_is(key, "constraints") ||
	    slice_is(key, "reason") || slice_is(key, "version");
}

struct slice
row_get(const struct row *r, const char *key)
{
	struct slice rest = r->rest, word, value;

	while (rest.len > 0) {
		word = row_cut(&rest);
		value = row_is_last(word) ? rest : row_cut(&rest);
		if (slice_is(word, key))
			return value;
		if (row_is_last(word))
			break;
	}
	return slice_of("", 0);
}

uint64_t
row_number(const struct row *r, const char *key)
{
	struct slice value = row_get(r, key);
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < value.len && i < 18; i++) {
		if (value.p[i] < '0' || value.p[i] > '9')
			return 0;
		n = n * 10 + (uint64_t)(value.p[i] - '0');
	}
	return n;
}

int
row_is(const struct row *r, const char *key, const char *value)
{
	return slice_is(row_get(r, key), value);
}

struct slice
row_or_dash(struct slice s)
{
	return s.len > 0 ? s : slice_str("-");
}

struct slice
row_ip(struct slice address)
{
	size_t n = address.len;

	while (n > 0 && address.p[n - 1] != ':')
		n--;
	if (n > 0 && n < address.len && (address.p[0] == '[' ||
	    memchr(address.p, ':', n - 1) == NULL))
		address.len = n - 1;
	return row_or_dash(address);
}

int
row_keep(struct buf *rows, struct slice row)
{
	char line[REPORT_ROW_MAX], *text = (char *)slice_dup(row);
	const char *rest = text;
	size_t len;

	if (text == NULL)
		return -1;
	len = escape(line, sizeof(line) - 1, &rest);
	free(text);
	line[len] = '\n';
	return buf_append(rows, line, len + 1);
}

/* Sorting. */

struct row_line {
	size_t group; /* the first line of its word */
	struct slice text;
};

static size_t
row_digits(struct slice s)
{
	size_t n = 0;

	while (n < s.len && s.p[n] >= '0' && s.p[n] <= '9')
		n++;
	return n;
}

static struct slice
row_skip(struct slice s, size_t n)
{
	return slice_of(s.p + n, s.len - n);
}

int
row_compare(struct slice a, struct slice b)
{
	size_t an, bn;
	int diff;

	while (a.len > 0 && b.len > 0) {
		an = row_digits(a);
		bn = row_digits(b);
		if (an != bn && an > 0 && bn > 0)
			return an < bn ? -1 : 1;
		an = an > 0 && bn > 0 ? an : 1;
		if ((diff = memcmp(a.p, b.p, an)) != 0)
			return diff;
		a = row_skip(a, an);
		b = row_skip(b, an);
	}
	return a.len > 0 ? 1 : b.len > 0 ? -1 : 0;
}

static int
row_compare_lines(const void *a, const void *b)
{
	const struct row_line *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	return row_compare(x->text, y->text);
}

static struct slice
row_word(struct slice line)
{
	return row_cut(&line);
}

/* The number of the first line of the same word; mostly that of the line
 * before. */
static size_t
row_group(const struct row_line *lines, size_t n)
{
	struct slice word = row_word(lines[n].text);
	size_t i = 0;

	if (n > 0 && slice_equal(row_word(lines[n - 1].text), word))
		return lines[n - 1].group;
	while (i < n && !slice_equal(row_word(lines[i].text), word))
		i++;
	return i;
}

int
row_sort(struct slice lines, void (*row)(void *arg, struct slice), void *arg)
{
	struct row_line *all;
	struct slice rest = lines;
	size_t n = 0, i;

	for (; rest.len > 0; n++)
		slice_line(&rest);
	if (n == 0)
		return 0;
	if ((all = malloc(n * sizeof(*all))) == NULL)
		return -1;
	for (i = 0; i < n; i++) {
		all[i].text = slice_line(&lines);
		all[i].group = row_group(all, i);
	}
	qsort(all, n, sizeof(*all), row_compare_lines);
	for (i = 0; i < n; i++)
		row(arg, all[i].text);
	free(all);
	return 0;
}
