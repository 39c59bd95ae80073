#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hex.h"

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

static int
error_of(const char *name)
{
	static const struct {
		const char *name;
		int error;
	} errors[] = {
		{ "EBADMSG", EBADMSG }, { "EPROTO", EPROTO },
		{ "ERANGE", ERANGE }
	};
	size_t i;

	for (i = 0; i < LEN(errors); i++)
		if (strcmp(name, errors[i].name) == 0)
			return errors[i].error;
	return -1;
}

static int
read_comment(struct hex *w, const char *line)
{
	char word[64];

	if (sscanf(line, "# error: %63s", word) == 1) {
		w->error = error_of(word);
		return w->error == -1 ? -1 : 0;
	}
	if (sscanf(line, "# same as: %63s", word) == 1)
		strcpy(w->same, word);
	if (strncmp(line, "# skipped", 9) == 0)
		w->skipped = 1;
	return 0;
}

static int
read_line(struct hex *w, const char *p)
{
	char pair[3] = { 0 };

	for (;; p += 2) {
		while (isspace((unsigned char)*p))
			p++;
		if (*p == '\0' || *p == '#')
			return *p == '\0' ? 0 : read_comment(w, p);
		if (!isxdigit((unsigned char)p[0]) ||
		    !isxdigit((unsigned char)p[1]) ||
		    w->len == sizeof(w->bytes))
			return -1;
		memcpy(pair, p, 2);
		w->bytes[w->len++] = (unsigned char)strtoul(pair, NULL, 16);
	}
}

int
hex_read(struct hex *w, const char *path)
{
	char line[512];
	FILE *f = fopen(path, "r");
	int r = 0;

	memset(w, 0, sizeof(*w));
	if (f == NULL)
		return -1;
	while (r == 0 && fgets(line, sizeof(line), f) != NULL)
		r = strchr(line, '\n') == NULL ? -1 : read_line(w, line);
	if (ferror(f))
		r = -1;
	fclose(f);
	return r;
}

#define COLUMNS 16 /* bytes a line */

static void
write_bytes(FILE *f, const unsigned char *p, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n; i++)
		fprintf(f, "%02x%s", p[i], i == n - 1 ? "" :
		    i % COLUMNS == COLUMNS - 1 ? "\n" : " ");
	fprintf(f, "\t# %s\n", name);
}

static const char *
field_name(const struct schema *s, unsigned type)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (s->fields[i].type == type)
			return s->fields[i].name;
	return "?";
}

int
hex_write(const char *path, const struct msg *m, const char *title)
{
	const struct schema *s = &msg_row(m->type)->schema;
	unsigned char frame[HEX_MAX];
	struct tlv_writer w;
	struct slice value;
	struct tlv t;
	const unsigned char *at;
	unsigned type;
	size_t len;
	int head;
	FILE *f = fopen(path, "w");

	if (f == NULL)
		return -1;
	tlv_writer_init(&w, frame, sizeof(frame));
	if (msg_encode(m, &w) == -1) {
		fclose(f);
		return -1;
	}
	head = tlv_head(frame, (size_t)(w.p - frame), &type, &len);
	value = slice_of(frame + head, len);
	fprintf(f, "# %s\n", title);
	write_bytes(f, frame, (size_t)head, s->name);
	for (at = value.p; tlv_next(&value, &t) == 1; at = value.p)
		write_bytes(f, at, (size_t)(value.p - at),
		    field_name(s, t.type));
	return fclose(f) == EOF ? -1 : 0;
}
