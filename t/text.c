#include "t/text.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_RUN 40 /* of the same byte are printed as such */

/* A group that is read or printed, whatever it is made of. */
union group {
	struct peer_item peer;
	struct contact contact;
	struct reservation reservation;
	struct attrs attrs;
	struct constraints constraints;
	struct seller seller;
};

void
text_init(struct text *t, size_t size)
{
	memset(t, 0, sizeof(*t));
	t->size = size;
	t->room = malloc(size);
	assert(t->room != NULL);
}

void
text_free(struct text *t)
{
	free(t->room);
}

void
text_line(struct text *t, struct slice line)
{
	t->rest = line;
	t->used = 0;
	t->error[0] = '\0';
}

int
text_wrong(struct text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t->error, sizeof(t->error), fmt, ap);
	va_end(ap);
	return -1;
}

/* Ids. */

static int
text_is_name_byte(int c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	    (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

struct id
text_id(const char *name)
{
	struct id id;
	size_t i;

	memset(&id, 0, sizeof(id));
	for (i = 0; i < ID_SIZE && name[i] != '\0'; i++)
		id.b[i] = (unsigned char)name[i];
	return id;
}

int
text_is_name(const struct id *id)
{
	size_t i = 0;

	while (i < ID_SIZE && text_is_name_byte(id->b[i]))
		i++;
	if (i == 0)
		return 0;
	while (i < ID_SIZE && id->b[i] == 0)
		i++;
	return i == ID_SIZE;
}

/* Reading. */

struct slice
text_word(struct text *t)
{
	struct slice w = t->rest;
	size_t n;

	while (w.len > 0 && isspace(w.p[0])) {
		w.p++;
		w.len--;
	}
	n = w.len > 0 && w.p[0] == '"';
	if (n == 1) {
		while (n < w.len && w.p[n] != '"')
			n += w.p[n] == '\\' && w.len - n > 1 ? 2 : 1;
		if (n < w.len)
			n++;
	}
	while (n < w.len && !isspace(w.p[n]))
		n++;
	t->rest = slice_of(w.p + n, w.len - n);
	w.len = n;
	return w;
}

static unsigned char *
text_keep(struct text *t, size_t n)
{
	if (n > t->size - t->used) {
		text_wrong(t, "the line stands for too many bytes");
		return NULL;
	}
	t->used += n;
	return t->room + t->used - n;
}

static int
text_digit(int c)
{
	static const char digits[] = "0123456789abcdef";
	const char *p = c == '\0' ? NULL : strchr(digits, c);

	return p == NULL ? -1 : (int)(p - digits);
}

/* Two hexadecimal digits, or -1. */
static int
text_hex(const unsigned char *p)
{
	int high = text_digit(p[0]), low = text_digit(p[1]);

	return high == -1 || low == -1 ? -1 : high * 16 + low;
}

/* The byte after a backslash, and how much of the word it takes; 0: none. */
static size_t
text_escape(struct slice w, unsigned char *byte)
{
	int c;

	if (w.len < 1)
		return 0;
	*byte = w.p[0];
	if (w.p[0] == 'n')
		*byte = '\n';
	else if (w.p[0] == '0')
		*byte = '\0';
	else if (w.p[0] == 'x') {
		if (w.len < 3 || (c = text_hex(w.p + 1)) == -1)
			return 0;
		*byte = (unsigned char)c;
		return 3;
	} else if (w.p[0] != '"' && w.p[0] != '\\')
		return 0;
	return 1;
}

/* Is the word a number, an asterisk and a byte? The number then, else 0. */
static size_t
text_times(struct slice w)
{
	size_t n = 0, i;

	for (i = 0; i < w.len && i < 9 && isdigit(w.p[i]); i++)
		n = n * 10 + (w.p[i] - '0');
	return i > 0 && w.len == i + 2 && w.p[i] == '*' ? n : 0;
}

int
text_bytes(struct text *t, struct slice w, struct slice *bytes)
{
	size_t n = text_times(w), took;
	unsigned char *p = text_keep(t, (n > 0 ? n : w.len) + 1);

	if (p == NULL)
		return -1;
	*bytes = slice_of(p, n);
	if (n > 0) {
		memset(p, w.p[w.len - 1], n);
		p[n] = '\0';
		return 0;
	}
	if (w.len == 0)
		return text_wrong(t, "the line ends too early");
	if (w.p[0] == '"') {
		if (w.len < 2 || w.p[w.len - 1] != '"')
			return text_wrong(t, "%.*s has no closing quote",
			    SLICE_ARG(w));
		w = slice_of(w.p + 1, w.len - 2);
	}
	while (w.len > 0) {
		took = 1;
		p[n] = w.p[0];
		if (w.p[0] == '\\')
			took += text_escape(slice_of(w.p + 1, w.len - 1),
			    &p[n]);
		if (took == 1 && w.p[0] == '\\')
			return text_wrong(t, "a backslash without \\xHH");
		n++;
		w = slice_of(w.p + took, w.len - took);
	}
	p[n] = '\0';
	bytes->len = n;
	return 0;
}

const char *
text_str(struct slice bytes)
{
	return bytes.len > 0 ? (const char *)bytes.p : "";
}

int
text_number(struct text *t, struct slice w, uint64_t *value)
{
	size_t i;

	*value = slice_is(w, "none") ? UINT64_MAX : 0;
	if (*value != 0)
		return 0;
	for (i = 0; i < w.len; i++) {
		if (w.p[i] < '0' || w.p[i] > '9' || *value > UINT64_MAX / 10)
			break;
		*value = *value * 10 + (w.p[i] - '0');
	}
	if (w.len == 0 || i < w.len)
		return text_wrong(t, "%.*s is no number", SLICE_ARG(w));
	return 0;
}

static int
text_read_id(struct text *t, struct slice w, struct id *id)
{
	char name[ID_SIZE + 1];
	size_t i;
	int c;

	if (w.len == 2 * ID_SIZE) {
		for (i = 0; i < ID_SIZE; i++) {
			if ((c = text_hex(w.p + 2 * i)) == -1)
				break;
			id->b[i] = (unsigned char)c;
		}
		if (i == ID_SIZE)
			return 0;
	}
	for (i = 0; i < w.len && text_is_name_byte(w.p[i]); i++)
		;
	if (w.len == 0 || w.len > ID_SIZE || i < w.len)
		return text_wrong(t, "%.*s is no id", SLICE_ARG(w));
	snprintf(name, sizeof(name), "%.*s", SLICE_ARG(w));
	*id = text_id(name);
	return 0;
}

static int text_until(struct text *, const struct schema *, void *base,
    const char *end);

/* What follows an opening ( that was read. */
static int
text_read_group(struct text *t, const struct schema *s, struct slice *out)
{
	struct tlv_writer w;
	unsigned char *p;
	union group g;
	size_t len;

	memset(&g, 0, sizeof(g));
	if (text_until(t, s, &g, ")") == -1)
		return -1;
	len = group_size(s, &g);
	if ((p = text_keep(t, len)) == NULL)
		return -1;
	tlv_writer_init(&w, p, len);
	group_encode(s, &g, &w);
	*out = slice_of(p, len);
	return 0;
}

static int
text_read_item(struct text *t, struct slice word, const struct schema *of,
    struct slice *item)
{
	if (of == NULL)
		return text_bytes(t, word, item);
	if (!slice_is(word, "("))
		return text_wrong(t, "a list of %s has no (", of->name);
	return text_read_group(t, of, item);
}

static void
text_append(struct buf *list, struct slice item)
{
	size_t len = MSG_HEAD_MAX + item.len;
	struct tlv_writer w;
	unsigned char *p = buf_reserve(list, len);

	assert(p != NULL);
	tlv_writer_init(&w, p, len);
	list_put(&w, item);
	buf_commit(list, (size_t)(w.p - p));
}

/* What follows an opening [ that was read. */
static int
text_read_list(struct text *t, const struct schema *of, struct slice *out)
{
	struct slice item, word;
	unsigned char *p = NULL;
	struct buf list;

	buf_init(&list, t->size);
	while (!slice_is(word = text_word(t), "]")) {
		if (word.len == 0)
			text_wrong(t, "a list has no ]");
		if (word.len == 0 || text_read_item(t, word, of, &item) == -1)
			goto out;
		text_append(&list, item);
	}
	if ((p = text_keep(t, buf_len(&list))) != NULL) {
		*out = slice_of(p, buf_len(&list));
		if (out->len > 0)
			memcpy(p, buf_slice(&list).p, out->len);
	}
out:
	buf_free(&list);
	return p == NULL ? -1 : 0;
}

static int
text_read_field(struct text *t, const struct field *f, void *p)
{
	struct slice w = text_word(t);
	const char *open = f->kind == FIELD_GROUP ? "(" : "[";

	if (f->kind == FIELD_UINT)
		return text_number(t, w, p);
	if (f->kind == FIELD_ID)
		return text_read_id(t, w, p);
	if (f->kind != FIELD_GROUP && f->kind != FIELD_LIST)
		return text_bytes(t, w, p);
	if (!slice_is(w, open))
		return text_wrong(t, "%s has no %s", f->name, open);
	if (f->kind == FIELD_GROUP)
		return text_read_group(t, f->of, p);
	return text_read_list(t, f->of, p);
}

/* Fields up to a word that is the end; NULL: to the line's. */
static int
text_until(struct text *t, const struct schema *s, void *base, const char *end)
{
	const struct field *f;
	struct slice name;

	while ((name = text_word(t)).len > 0) {
		if (end != NULL && slice_is(name, end))
			return 0;
		for (f = s->fields; f < s->fields + s->n; f++)
			if (slice_is(name, f->name))
				break;
		if (f == s->fields + s->n)
			return text_wrong(t, "%s has no field %.*s", s->name,
			    SLICE_ARG(name));
		if (text_read_field(t, f, (unsigned char *)base + f->offset) ==
		    -1)
			return -1;
	}
	if (end != NULL)
		return text_wrong(t, "%s has no %s", s->name, end);
	return 0;
}

int
text_fields(struct text *t, const struct schema *s, void *base)
{
	return text_until(t, s, base, NULL);
}

int
text_message(struct text *t, struct msg *m)
{
	const struct msg_row *row = NULL;
	struct slice name = text_word(t);

	memset(m, 0, sizeof(*m));
	while ((row = msg_row_next(row)) != NULL)
		if (slice_is(name, row->schema.name))
			break;
	if (row == NULL)
		return text_wrong(t, "%.*s: no such message", SLICE_ARG(name));
	m->type = row->type;
	return text_fields(t, &row->schema, &m->u);
}

/* Printing. */

void
text_put(struct buf *b, const char *fmt, ...)
{
	va_list ap, again;
	char *p;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	p = n < 0 ? NULL : buf_reserve(b, (size_t)n + 1);
	assert(p != NULL);
	vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	buf_commit(b, (size_t)n);
}

/* Does it read as what it is without quotes? */
static int
text_is_plain(struct slice s)
{
	size_t i;

	for (i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '\\' ||
		    s.p[i] == '"' || s.p[i] == '$')
			return 0;
	return s.len > 0 && !slice_is(s, "(") && !slice_is(s, ")") &&
	    !slice_is(s, "[") && !slice_is(s, "]") && text_times(s) == 0;
}

/* One byte, again and again. */
static int
text_is_run(struct slice s)
{
	size_t i;

	for (i = 1; i < s.len && s.p[i] == s.p[0]; i++)
		;
	return s.len >= TEXT_RUN && i == s.len &&
	    text_is_name_byte(s.p[0]);
}

void
text_put_bytes(struct buf *b, struct slice s)
{
	size_t i;

	if (text_is_run(s) || text_is_plain(s)) {
		if (text_is_run(s))
			text_put(b, "%lu*%c", (unsigned long)s.len, s.p[0]);
		else
			text_put(b, "%.*s", SLICE_ARG(s));
		return;
	}
	text_put(b, "\"");
	for (i = 0; i < s.len; i++)
		if (s.p[i] == '"' || s.p[i] == '\\')
			text_put(b, "\\%c", s.p[i]);
		else if (s.p[i] == '\n')
			text_put(b, "\\n");
		else if (s.p[i] == '\0')
			text_put(b, "\\0");
		else if (s.p[i] < ' ' || s.p[i] > '~' || s.p[i] == '$')
			text_put(b, "\\x%02x", s.p[i]);
		else
			text_put(b, "%c", s.p[i]);
	text_put(b, "\"");
}

void
text_put_id(struct buf *b, const struct id *id)
{
	char text[ID_TEXT];

	if (text_is_name(id))
		text_put(b, "%.*s", ID_SIZE, (const char *)id->b);
	else
		text_put(b, "%s", id_print(id, text));
}

static void
text_put_group(struct buf *b, const struct schema *s, struct slice value)
{
	union group g;

	group_decode(s, value, &g);
	text_put(b, "(");
	text_put_fields(b, s, &g);
	text_put(b, " )");
}

static void
text_put_list(struct buf *b, const struct schema *of, struct slice list)
{
	struct slice item;

	text_put(b, "[");
	while (list_next(&list, &item) == 1) {
		text_put(b, " ");
		if (of == NULL)
			text_put_bytes(b, item);
		else
			text_put_group(b, of, item);
	}
	text_put(b, " ]");
}

static void
text_put_field(struct buf *b, const struct field *f, const void *p)
{
	if (f->kind == FIELD_UINT && *(const uint64_t *)p == UINT64_MAX)
		text_put(b, "none");
	else if (f->kind == FIELD_UINT)
		text_put(b, "%llu", (unsigned long long)*(const uint64_t *)p);
	else if (f->kind == FIELD_ID)
		text_put_id(b, p);
	else if (f->kind == FIELD_GROUP)
		text_put_group(b, f->of, *(const struct slice *)p);
	else if (f->kind == FIELD_LIST)
		text_put_list(b, f->of, *(const struct slice *)p);
	else
		text_put_bytes(b, *(const struct slice *)p);
}

static int
text_is_absent(const struct field *f, const void *p)
{
	if (f->kind == FIELD_UINT)
		return *(const uint64_t *)p == 0;
	if (f->kind == FIELD_ID)
		return id_is_zero(p);
	return ((const struct slice *)p)->len == 0;
}

void
text_put_fields(struct buf *b, const struct schema *s, const void *base)
{
	const struct field *f = s->fields;
	const void *p;

	for (; f < s->fields + s->n; f++) {
		p = (const unsigned char *)base + f->offset;
		if (text_is_absent(f, p))
			continue;
		text_put(b, " %s ", f->name);
		text_put_field(b, f, p);
	}
}

void
text_put_message(struct buf *b, const struct msg *m)
{
	const struct schema *s = &msg_row(m->type)->schema;

	text_put(b, "%s", s->name);
	text_put_fields(b, s, &m->u);
}
