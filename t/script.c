/*
 * Core tests as scripts: what comes into a core, line by line, and all that
 * must come out of it, in the text form of harness.h.
 *
 *	t/script [-w] FILE ...
 *
 * A line with `<' (an act) or `=' (an answer) is what must come out next. All
 * other lines come in, once what came out before was named; so an act that a
 * script does not mention fails the test, as one that does not come. -w writes
 * the script as it would pass: with what came out in the place of what did not.
 *
 *	# What the script is about: a sentence, or a few.
 *	core exchange module calc		before the first test: what each
 *	up a broker				of them begins with
 *
 *	== The oldest is served first.		a test, with a core of its own
 *	> a buy order 1 module calc missing 1
 *	> a sell order 7 module calc quantity 1 \	a line goes on after \
 *	    seller s1 contact ( address 10.0.0.1:7 )
 *	< a fill order 1 ...
 *
 *	< a buy order $n missing 3	$n is what stands there, and from then
 *					on the same; it must be used again
 *	any order			the acts up to `end' come in any order
 *	together			what stands up to `end' comes in one
 *					batch, with one tick in the end
 *	for i 1..9 left 80..0		the lines up to `end', for each of the
 *					numbers in turn: left goes down by 10
 *	def link $name at $address	the lines up to `end' are what a line
 *					of that form stands for
 *	use FILE			definitions, from the same directory
 */

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "t/harness.h"

#define SCRIPT_COLUMNS 80
#define SCRIPT_DEPTH   16 /* of blocks and definitions in each other */
#define SCRIPT_NAMES   256
#define SCRIPT_NAME    32
#define SCRIPT_ANY     64 /* acts in any order */
#define SCRIPT_SHOWN   5  /* of what came out */
#define SCRIPT_RANGES  8  /* of a `for' */
#define SCRIPT_LINE    (1u << 20)

/* A line, with those that it goes on in. */
struct script_line {
	const char *file;
	int number;
	char *text; /* without what is in front of it, and joined */
	char *raw;  /* as it stands in the file */
};

struct script_lines {
	struct script_line *at;
	size_t n;
};

struct script_name {
	char name[SCRIPT_NAME], *value;
	const struct script_line *where; /* bound at first sight; NULL: a
				     parameter or a number of a block, which
				     need no use */
	int used;
};

struct script_def {
	const struct script_line *head;
	const struct script_line *from, *to; /* its lines */
};

struct script {
	struct harness *h;
	struct script_lines lines;
	struct script_lines used[SCRIPT_DEPTH]; /* what `use' names */
	size_t nused;
	struct script_def defs[SCRIPT_NAMES];
	size_t ndefs;
	struct script_name names[SCRIPT_NAMES];
	size_t nnames;
	const char *title; /* of the test */
	int write;	   /* -w */
	int echo;	   /* ... and these lines stand in the file so */
	int depth;
	int together;	   /* in so many batches */
	int inputs;	   /* of the test */
	int failed;	   /* tests */
};

static int script_run(struct script *, const struct script_line *from,
    const struct script_line *to);

/* Reading. */

static char *
script_dup(const char *p, size_t len)
{
	char *s = (char *)slice_dup(slice_of(p, len));

	assert(s != NULL);
	return s;
}

static void *
script_grow(void *p, size_t n, size_t size)
{
	/* By doubling, whenever the number reaches a power of two. */
	if ((n & (n - 1)) == 0)
		p = realloc(p, (n == 0 ? 1 : 2 * n) * size);
	assert(p != NULL);
	return p;
}

/* The line goes on: its text, and what is appended, without the space around
 * where they meet. */
static void
script_join(struct script_line *l, const char *more)
{
	size_t len = l->text == NULL ? 0 : strlen(l->text), add, skip = 0;

	while (isspace((unsigned char)more[skip]))
		skip++;
	add = strlen(more + skip);
	while (add > 0 && isspace((unsigned char)more[skip + add - 1]))
		add--;
	l->text = realloc(l->text, len + add + 2);
	assert(l->text != NULL);
	if (len > 0)
		l->text[len++] = ' ';
	memcpy(l->text + len, more + skip, add);
	l->text[len + add] = '\0';
}

/* As it stands, with the newline that the last line of a file may lack. */
static void
script_add_raw(struct script_line *l, const char *raw)
{
	size_t len = l->raw == NULL ? 0 : strlen(l->raw);

	l->raw = realloc(l->raw, len + strlen(raw) + 2);
	assert(l->raw != NULL);
	sprintf(l->raw + len, "%s\n", raw);
}

/* All lines of the file: 0, or -1 when it cannot be read. */
static int
script_read(struct script_lines *lines, const char *file)
{
	FILE *f = fopen(file, "r");
	char *text = NULL, *nl;
	size_t size = 0;
	int number = 0, goes_on = 0;
	struct script_line *l = NULL;

	memset(lines, 0, sizeof(*lines));
	if (f == NULL) {
		fprintf(stderr, "%s: %s\n", file, strerror(errno));
		return -1;
	}
	while (getline(&text, &size, f) != -1) {
		number++;
		if ((nl = strchr(text, '\n')) != NULL)
			*nl = '\0';
		if (!goes_on) {
			lines->at = script_grow(lines->at, lines->n,
			    sizeof(*lines->at));
			l = &lines->at[lines->n++];
			memset(l, 0, sizeof(*l));
			l->file = file;
			l->number = number;
		}
		script_add_raw(l, text);
		goes_on = text[0] != '#' && strlen(text) > 1 &&
		    text[strlen(text) - 1] == '\\';
		if (goes_on)
			text[strlen(text) - 1] = '\0';
		script_join(l, text);
	}
	free(text);
	fclose(f);
	return 0;
}

static void
script_free_lines(struct script_lines *lines)
{
	size_t i;

	for (i = 0; i < lines->n; i++) {
		free(lines->at[i].text);
		free(lines->at[i].raw);
	}
	free(lines->at);
}

static int
script_begins(const struct script_line *l, const char *word)
{
	size_t n = strlen(word);

	return strncmp(l->text, word, n) == 0 &&
	    (l->text[n] == '\0' || isspace((unsigned char)l->text[n]));
}

static int
script_is_silent(const struct script_line *l)
{
	return l->text[0] == '\0' || l->text[0] == '#';
}

static int
script_is_expected(const struct script_line *l)
{
	return script_begins(l, "<") || script_begins(l, "=");
}

static int
script_is_block(const struct script_line *l)
{
	return script_begins(l, "any") || script_begins(l, "together") ||
	    script_begins(l, "for") || script_begins(l, "def");
}

/* The `end' of the block that begins at l, or NULL. */
static const struct script_line *
script_end(const struct script_line *l, const struct script_line *to)
{
	int depth = 0;

	for (; l < to; l++)
		if (script_is_block(l))
			depth++;
		else if (script_begins(l, "end") && --depth == 0)
			return l;
	return NULL;
}

/* Names. */

static int
script_is_name_byte(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static struct script_name *
script_find(struct script *s, const char *name, size_t len)
{
	size_t i;

	for (i = s->nnames; i > 0; i--)
		if (strlen(s->names[i - 1].name) == len &&
		    memcmp(s->names[i - 1].name, name, len) == 0)
			return &s->names[i - 1];
	return NULL;
}

/* Failures. */

static int
script_fail(struct script *s, const struct script_line *l, const char *what)
{
	size_t i;

	fprintf(stderr, "%s:%d: %s\n", l->file, l->number,
	    s->title == NULL ? "before the first test" : s->title);
	fprintf(stderr, "\t%s\n", what);
	for (i = 0; i < s->nnames; i++)
		if (s->names[i].where == NULL && script_find(s,
		    s->names[i].name, strlen(s->names[i].name)) ==
		    &s->names[i])
			fprintf(stderr, "\twith $%s %s\n", s->names[i].name,
			    s->names[i].value);
	return -1;
}

/* What was expected, NULL for nothing, and what came. */
static int
script_mismatch(struct script *s, const struct script_line *l,
    const char *expected)
{
	const char *got = harness_next(s->h);
	int n = 0;

	script_fail(s, l, expected == NULL ? "it came out and stands nowhere" :
	    "something else came out");
	if (expected != NULL)
		fprintf(stderr, "\texpected: %s\n", expected);
	fprintf(stderr, "\tgot:      %s\n", got == NULL ? "nothing" : got);
	for (; harness_next(s->h) != NULL; n++) {
		if (n > 0 && n < SCRIPT_SHOWN)
			fprintf(stderr, "\tand then: %s\n",
			    harness_next(s->h));
		harness_drop(s->h);
	}
	if (n > SCRIPT_SHOWN)
		fprintf(stderr, "\tand %d more\n", n - SCRIPT_SHOWN);
	return -1;
}

/* Writing. */

/* Up to where the next word begins, after a single space. */
static size_t
script_word(const char *text)
{
	size_t n = 1;

	while (text[n] != '\0' && (text[n] != ' ' || text[n - 1] == ' ' ||
	    text[n + 1] == ' '))
		n++;
	return n;
}

/* How much of the text stands together: a word with the space before it, and a
 * group after it, with what it is called, if that fits a line. */
static size_t
script_chunk(const char *text)
{
	size_t word = script_word(text), n = 0;
	int depth = 0, called = text[1] != '[' && text[1] != ')';

	do {
		if (strncmp(text + n, " ( ", 3) == 0)
			depth++;
		else if (strncmp(text + n, " )", 2) == 0)
			depth--;
		n += script_word(text + n);
		called = called && n == word && text[1] != '(' &&
		    strncmp(text + n, " ( ", 3) == 0;
	} while ((depth > 0 || called) && text[n] != '\0');
	return n < SCRIPT_COLUMNS - 8 ? n : word;
}

/* A line, folded. */
static void
script_write(const char *text)
{
	size_t column = 0, len;

	for (; *text != '\0'; text += len) {
		len = script_chunk(text);
		if (column > 0 && column + len > SCRIPT_COLUMNS - 2) {
			printf(" \\\n    ");
			column = 4;
			text++;
			len--;
		}
		printf("%.*s", (int)len, text);
		column += len;
	}
	printf("\n");
}

static void
script_write_all(struct script *s)
{
	for (; harness_next(s->h) != NULL; harness_drop(s->h))
		script_write(harness_next(s->h));
}

/* What came out is written here, unless what is expected stands first in what
 * follows. */
static void
script_write_before(struct script *s, const struct script_line *l,
    const struct script_line *to)
{
	while (l < to && script_is_silent(l))
		l++;
	if (s->echo && (l == to || !script_is_expected(l)))
		script_write_all(s);
}

static void
script_echo(struct script *s, const struct script_line *l)
{
	if (s->echo)
		printf("%s", l->raw);
}

static void
script_bind(struct script *s, const char *name, size_t len, const char *value,
    size_t value_len, const struct script_line *where)
{
	struct script_name *n = &s->names[s->nnames++];

	assert(s->nnames < SCRIPT_NAMES && len < SCRIPT_NAME);
	memset(n, 0, sizeof(*n));
	memcpy(n->name, name, len);
	n->value = script_dup(value, value_len);
	n->where = where;
}

/* Forget the names but the first n. */
static void
script_unbind(struct script *s, size_t n)
{
	while (s->nnames > n)
		free(s->names[--s->nnames].value);
}

/* The text with the values of names that are bound; the others stay. The
 * caller's to free. */
static char *
script_fill_in(struct script *s, const char *text)
{
	struct script_name *n;
	struct buf b;
	size_t len;
	char *r;

	buf_init(&b, SCRIPT_LINE);
	while (*text != '\0') {
		for (len = 1; script_is_name_byte(text[len]); len++)
			;
		n = *text != '$' ? NULL : script_find(s, text + 1, len - 1);
		if (n != NULL) {
			n->used = 1;
			text_put(&b, "%s", n->value);
		} else {
			len = 1 + strcspn(text + 1, "$");
			text_put(&b, "%.*s", (int)len, text);
		}
		text += len;
	}
	r = script_dup((const char *)buf_slice(&b).p, buf_len(&b));
	buf_free(&b);
	return r;
}

/* Is it what was expected? Names that are words of it and not bound are bound
 * by that. */
static int
script_match(struct script *s, const struct script_line *l, const char *got)
{
	char *expected = script_fill_in(s, l->text);
	const char *e = expected;
	size_t before = s->nnames, len, value;
	struct script_name *n;

	while (*e != '\0') {
		len = 0;
		if (*e == '$' && e > expected && e[-1] == ' ')
			while (script_is_name_byte(e[1 + len]))
				len++;
		if (len == 0) {
			if (*e != *got)
				break;
			e++;
			got++;
			continue;
		}
		value = strcspn(got, " ");
		n = script_find(s, e + 1, len);
		if (n != NULL && (strlen(n->value) != value ||
		    memcmp(n->value, got, value) != 0))
			break;
		if (n == NULL)
			script_bind(s, e + 1, len, got, value, l);
		e += 1 + len;
		got += value;
	}
	value = *e == '\0' && *got == '\0';
	free(expected);
	if (!value)
		script_unbind(s, before);
	return (int)value;
}

/* Each name that was bound at first sight, from the first on, has been used. */
static int
script_names_used(struct script *s, size_t first)
{
	char what[SCRIPT_NAME + 64];
	size_t i;

	for (i = first; i < s->nnames; i++)
		if (s->names[i].where != NULL && !s->names[i].used) {
			snprintf(what, sizeof(what), "$%s is not used again, "
			    "so it could be anything", s->names[i].name);
			return script_fail(s, s->names[i].where, what);
		}
	return 0;
}

/* Running. */

static int
script_expect(struct script *s, const struct script_line *l)
{
	const char *got = harness_next(s->h);
	char *expected;

	if (got != NULL && script_match(s, l, got)) {
		harness_drop(s->h);
		script_echo(s, l);
		return 0;
	}
	if (s->echo)
		return 0;
	expected = script_fill_in(s, l->text);
	script_mismatch(s, l, expected);
	free(expected);
	return -1;
}

static int
script_any(struct script *s, const struct script_line *from,
    const struct script_line *to)
{
	const struct script_line *open[SCRIPT_ANY], *l;
	size_t n = 0, i;

	for (l = from + 1; l < to; l++)
		if (script_is_expected(l) && n < SCRIPT_ANY)
			open[n++] = l;
		else if (!script_is_silent(l))
			return script_fail(s, l, "this comes in no order");
	for (; n > 0; open[i] = open[--n]) {
		for (i = 0; i < n && harness_next(s->h) != NULL; i++)
			if (script_match(s, open[i], harness_next(s->h)))
				break;
		if (i == n || harness_next(s->h) == NULL)
			break;
		harness_drop(s->h);
	}
	if (n > 0 && s->echo)
		return 0;
	if (n > 0)
		return script_mismatch(s, open[0], open[0]->text);
	for (l = from; l <= to; l++)
		script_echo(s, l);
	return 0;
}

/* Nothing came out that stands nowhere. */
static int
script_nothing(struct script *s, const struct script_line *l)
{
	if (s->echo)
		script_write_all(s);
	if (harness_next(s->h) != NULL)
		return script_mismatch(s, l, NULL);
	return 0;
}

static int
script_input_wrong(struct script *s, const struct script_line *l,
    const char *text)
{
	script_fail(s, l, harness_error(s->h));
	fprintf(stderr, "\tin: %s\n", text);
	return -1;
}

/* A wait that is not over when something comes out has to be two. */
static int
script_early(struct script *s, const struct script_line *l, char *text)
{
	char what[64], rest[32];
	long long all = strtoll(text + strlen("wait"), NULL, 10);
	long long left = harness_left(s->h);

	if (!s->echo) {
		snprintf(what, sizeof(what), "it came out after %lld of the "
		    "%lld ms", all - left, all);
		script_fail(s, l, what);
		return script_mismatch(s, l, NULL);
	}
	while (left > 0) {
		printf("wait %lld\n", all - left);
		script_write_all(s);
		all = left;
		snprintf(rest, sizeof(rest), "wait %lld", left);
		if (harness_feed(s->h, slice_str(rest), 0) == -1)
			return script_input_wrong(s, l, rest);
		left = harness_left(s->h);
	}
	printf("wait %lld\n", all);
	return 0;
}

static int
script_input(struct script *s, const struct script_line *l)
{
	char *text;
	int r = 0;

	s->inputs++;
	text = script_fill_in(s, l->text);
	if (strchr(text, '$') != NULL)
		r = script_fail(s, l, "a name that is not bound");
	else if (harness_feed(s->h, slice_str(text), s->together) == -1)
		r = script_input_wrong(s, l, text);
	else if (harness_left(s->h) > 0)
		r = script_early(s, l, text);
	else
		script_echo(s, l);
	free(text);
	return r;
}

/* What comes in one batch: there is no tick before the end. */
static int
script_together(struct script *s, const struct script_line *from,
    const struct script_line *to)
{
	int r;

	script_echo(s, from);
	s->together++;
	r = script_run(s, from + 1, to);
	s->together--;
	if (r == 0 && (r = script_nothing(s, to)) == 0)
		r = harness_tick(s->h);
	if (r == 0)
		script_echo(s, to);
	return r;
}

/* A block once, or what a definition stands for: it cannot be written, as it
 * stands for many. All names but those before are its own. */
static int
script_inner(struct script *s, const struct script_line *from,
    const struct script_line *to, size_t names)
{
	int echo = s->echo, r;

	s->echo = 0;
	r = s->depth == SCRIPT_DEPTH ? script_fail(s, from, "too deep") :
	    script_run(s, from, to);
	if (r == 0 && (r = script_names_used(s, names)) == 0)
		script_unbind(s, names);
	s->echo = echo;
	return r;
}

struct script_range {
	struct slice name;
	long long at, to, step;
};

/* The ranges of a block, the first of which goes up or down by one: how many
 * they are, or -1. */
static int
script_ranges(struct slice words, struct script_range range[SCRIPT_RANGES])
{
	char text[64];
	long long steps = 0;
	struct slice word;
	struct script_range *r;
	int n = 0;

	slice_word(&words); /* for */
	for (; (word = slice_word(&words)).len > 0; n++) {
		if (n == SCRIPT_RANGES)
			return -1;
		r = &range[n];
		r->name = word;
		word = slice_word(&words);
		snprintf(text, sizeof(text), "%.*s", SLICE_ARG(word));
		if (sscanf(text, "%lld..%lld", &r->at, &r->to) != 2)
			return -1;
		if (n == 0)
			steps = llabs(r->to - r->at);
		r->step = steps == 0 ? 0 : (r->to - r->at) / steps;
		if (r->at + steps * r->step != r->to)
			return -1;
	}
	return n;
}

static int
script_for(struct script *s, const struct script_line *from,
    const struct script_line *to)
{
	struct script_range range[SCRIPT_RANGES];
	char *head = script_fill_in(s, from->text), value[24];
	int n = script_ranges(slice_str(head), range), i, r = 0, over = 0;
	size_t before = s->nnames;

	if (n <= 0)
		r = script_fail(s, from, "it wants names and ranges of the "
		    "same number of steps: for i 1..9 k 10..90");
	while (r == 0 && !over) {
		for (i = 0; i < n; i++) {
			snprintf(value, sizeof(value), "%lld", range[i].at);
			script_bind(s, (const char *)range[i].name.p,
			    range[i].name.len, value, strlen(value), NULL);
		}
		r = script_inner(s, from + 1, to, before);
		over = range[0].at == range[0].to;
		for (i = 0; i < n; i++)
			range[i].at += range[i].step;
	}
	free(head);
	return r;
}

/* Is the line of the definition's form? Its parameters are bound then. */
static int
script_matches_def(struct script *s, const struct script_def *d,
    const char *text)
{
	struct text want, have;
	struct slice w, h;
	size_t before = s->nnames;

	memset(&want, 0, sizeof(want));
	memset(&have, 0, sizeof(have));
	want.rest = slice_str(d->head->text);
	have.rest = slice_str(text);
	text_word(&want); /* def */
	for (;;) {
		w = text_word(&want);
		h = text_word(&have);
		if (w.len == 0 && h.len == 0)
			return 1;
		if (w.len == 0 || h.len == 0 ||
		    (w.p[0] != '$' && !slice_equal(w, h)))
			break;
		if (w.p[0] == '$')
			script_bind(s, (const char *)w.p + 1, w.len - 1,
			    (const char *)h.p, h.len, NULL);
	}
	script_unbind(s, before);
	return 0;
}

/* 1: the line was one that is defined, and has run; 0: it is none. */
static int
script_defined(struct script *s, const struct script_line *l)
{
	const struct script_def *d = s->defs, *end = d + s->ndefs;
	size_t before = s->nnames;
	char *text = script_fill_in(s, l->text);

	while (d < end && !script_matches_def(s, d, text))
		d++;
	free(text);
	if (d == end)
		return 0;
	script_write_before(s, d->from, d->to);
	if (script_inner(s, d->from, d->to, before) == -1) {
		fprintf(stderr, "\tin what %s:%d stands for\n", l->file,
		    l->number);
		return -1;
	}
	script_echo(s, l);
	return 1;
}

static int
script_define(struct script *s, const struct script_line *from,
    const struct script_line *to)
{
	struct script_def *d = &s->defs[s->ndefs];

	if (s->ndefs == SCRIPT_NAMES)
		return script_fail(s, from, "too many definitions");
	s->ndefs++;
	d->head = from;
	d->from = from + 1;
	d->to = to;
	for (; from <= to; from++)
		script_echo(s, from);
	return 0;
}

/* The definitions of another file of the directory. */
static int
script_use(struct script *s, const struct script_line *l)
{
	const char *slash = strrchr(l->file, '/');
	struct script_lines *lines = &s->used[s->nused];
	static char path[SCRIPT_DEPTH][1024];
	int r, echo = s->echo;

	if (s->nused == SCRIPT_DEPTH)
		return script_fail(s, l, "it uses too many files");
	snprintf(path[s->nused], sizeof(path[0]), "%.*s/%s",
	    (int)(slash == NULL ? 1 : slash - l->file),
	    slash == NULL ? "." : l->file, l->text + strlen("use "));
	if (script_read(lines, path[s->nused++]) == -1)
		return script_fail(s, l, "unable to read it");
	script_echo(s, l);
	s->echo = 0;
	r = script_run(s, lines->at, lines->at + lines->n);
	s->echo = echo;
	return r;
}

/* A line that is no block's: it comes in. */
static int
script_line(struct script *s, const struct script_line *l,
    const struct script_line *to)
{
	int r;

	if (script_is_silent(l)) {
		script_write_before(s, l, to);
		script_echo(s, l);
		return 0;
	}
	if (script_is_expected(l))
		return script_expect(s, l);
	if (script_begins(l, "use"))
		return script_use(s, l);
	if ((r = script_defined(s, l)) != 0)
		return r == 1 ? 0 : -1;
	return script_nothing(s, l) == -1 ? -1 : script_input(s, l);
}

static int
script_block(struct script *s, const struct script_line *l,
    const struct script_line *end)
{
	if (script_begins(l, "any"))
		return script_any(s, l, end);
	script_write_before(s, l + 1, end);
	if (script_begins(l, "together"))
		return script_together(s, l, end);
	if (script_begins(l, "def"))
		return script_define(s, l, end);
	if (script_for(s, l, end) == -1)
		return -1;
	for (; l <= end; l++)
		script_echo(s, l);
	return 0;
}

static int
script_run(struct script *s, const struct script_line *from,
    const struct script_line *to)
{
	const struct script_line *l, *end;
	int r = 0;

	s->depth++;
	for (l = from; l < to && r == 0; l++) {
		if (!script_is_block(l)) {
			r = script_line(s, l, to);
			continue;
		}
		if ((end = script_end(l, to)) == NULL) {
			r = script_fail(s, l, "it has no end");
			continue;
		}
		/* What comes together has been written up to its end. */
		if ((r = script_block(s, l, end)) == 0 ||
		    script_begins(l, "together"))
			l = end;
	}
	for (l--; r != 0 && l < to; l++)
		script_echo(s, l);
	s->depth--;
	return r;
}

/* A test: what all begin with, and then its own lines. */
static void
script_test(struct script *s, const struct script_line *first,
    const struct script_line *from, const struct script_line *to)
{
	int r, setup = s->echo;

	s->title = NULL;
	s->ndefs = 0;
	s->depth = s->together = 0;
	while (s->nused > 0)
		script_free_lines(&s->used[--s->nused]);
	script_unbind(s, 0);
	harness_clear(s->h);
	s->echo = setup && from == first;
	r = script_run(s, s->lines.at, first);
	if (r == 0)
		r = script_nothing(s, from);
	s->echo = setup;
	s->inputs = 0;
	s->title = from->text + strlen("== ");
	script_echo(s, from);
	if (r == 0)
		r = script_run(s, from + 1, to);
	if (r == 0)
		r = script_nothing(s, to - 1);
	if (r == 0)
		r = script_names_used(s, 0);
	if (r == 0 && s->inputs == 0)
		r = script_fail(s, from, "the test is empty");
	s->failed += r != 0;
}

/* It says first what it is about. */
static int
script_says_what(struct script *s)
{
	const struct script_line *l = s->lines.at, *end = l + s->lines.n;

	for (; l < end && script_begins(l, "#"); l++)
		;
	return l > s->lines.at && l[-1].text[strlen(l[-1].text) - 1] == '.';
}

static void
script_file(struct script *s, const char *file)
{
	const struct script_line *l, *first = NULL, *from = NULL, *end;

	if (script_read(&s->lines, file) == -1) {
		s->failed++;
		return;
	}
	end = s->lines.at + s->lines.n;
	s->echo = s->write;
	for (l = s->lines.at; l < end; l++) {
		if (!script_begins(l, "=="))
			continue;
		if (from == NULL)
			first = l;
		else
			script_test(s, first, from, l);
		from = l;
	}
	if (from != NULL)
		script_test(s, first, from, end);
	else {
		fprintf(stderr, "%s: there is no test in it\n", file);
		s->failed++;
	}
	if (!script_says_what(s)) {
		fprintf(stderr, "%s: its first lines do not say, after #, what "
		    "it is about\n", file);
		s->failed++;
	}
	script_unbind(s, 0);
	script_free_lines(&s->lines);
}

int
main(int argc, char **argv)
{
	static struct script s;
	int c;

	while ((c = getopt(argc, argv, "w")) != -1)
		if (c == 'w')
			s.write = 1;
	if (optind == argc) {
		fprintf(stderr, "usage: t/script [-w] file ...\n");
		return 100;
	}
	s.h = harness_new();
	for (; optind < argc; optind++)
		script_file(&s, argv[optind]);
	while (s.nused > 0)
		script_free_lines(&s.used[--s.nused]);
	harness_free(s.h);
	return s.failed > 0 ? 1 : 0;
}
