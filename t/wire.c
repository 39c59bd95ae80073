#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "t/hex.h"
#include "t/msg_sample.h"
#include "t/text.h"
#include "t/check.h"

#define WIRE "t/wire"

static void
wire_path(char *path, size_t n, const char *name, const char *end)
{
	assert_true((size_t)snprintf(path, n, WIRE "/%s%s", name, end) < n);
}

/* A whole frame and nothing behind it: as msg_decode(). */
static int
take(const unsigned char *p, size_t n, struct msg *m)
{
	struct slice in = slice_of(p, n);
	struct tlv t;

	errno = 0;
	if (tlv_next(&in, &t) != 1)
		return -1;
	if (in.len > 0) {
		errno = EBADMSG;
		return -1;
	}
	return msg_decode(m, t.type, t.value);
}

/* Call fn for each message of t/wire/messages; returns how many. */
static size_t
each_message(void (*fn)(const char *name, const struct msg *))
{
	static char file[65536];
	struct slice rest, line, begin;
	struct text text;
	struct msg m;
	char name[64];
	FILE *f = fopen(WIRE "/messages", "r");
	size_t n = 0, len;

	assert_non_null(f);
	rest = slice_of(file, fread(file, 1, sizeof(file), f));
	fclose(f);
	text_init(&text, HEX_MAX);
	while (rest.len > 0) {
		begin = rest;
		line = slice_line(&rest);
		while (rest.len > 0 && rest.p[0] == '\t')
			(void)slice_line(&rest);
		if (line.p[0] == '#')
			continue;
		len = strcspn((const char *)line.p, ":");
		assert_in_range(len, 1, sizeof(name) - 1);
		snprintf(name, sizeof(name), "%.*s", (int)len, line.p);
		text_line(&text, slice_of(begin.p + len + 1,
		    begin.len - rest.len - len - 1));
		if (text_message(&text, &m) == -1)
			fail_msg("%s: %s", name, text.error);
		fn(name, &m);
		n++;
	}
	text_free(&text);
	return n;
}

static int
is_set(const struct field *f, const struct msg *m)
{
	static const struct id none;
	const void *p = (const unsigned char *)&m->u + f->offset;

	if (f->kind == FIELD_UINT)
		return *(const uint64_t *)p != 0;
	if (f->kind == FIELD_ID)
		return memcmp(p, &none, sizeof(none)) != 0;
	return ((const struct slice *)p)->len > 0;
}

/* It is the message of its name, with all its fields or with those that it must
 * have, and its file has its bytes. */
static void
check_golden(const char *name, const struct msg *m)
{
	const struct schema *s = &msg_row(m->type)->schema;
	int full = strcmp(name, s->name) == 0;
	unsigned char out[HEX_MAX];
	struct tlv_writer w;
	struct hex wire;
	struct msg got;
	char path[128];
	size_t i;

	if (!full && (strncmp(name, s->name, strlen(s->name)) != 0 ||
	    strcmp(name + strlen(s->name), "-min") != 0))
		fail_msg("%s: it is a message %s", name, s->name);
	for (i = 0; i < s->n; i++)
		if (is_set(&s->fields[i], m) != (full || s->fields[i].required))
			fail_msg("%s: field %s", name, s->fields[i].name);
	wire_path(path, sizeof(path), name, ".hex");
	if (hex_read(&wire, path) == -1)
		fail_msg("%s: missing or no file of bytes", path);
	tlv_writer_init(&w, out, sizeof(out));
	assert_int_equal(msg_encode(m, &w), 0);
	if (wire.len != (size_t)(w.p - out) ||
	    memcmp(wire.bytes, out, wire.len) != 0)
		fail_msg("%s: not the bytes of the message", path);
	assert_int_equal(take(wire.bytes, wire.len, &got), 1);
	assert_int_equal(got.type, m->type);
	sample_same(s, &m->u, &got.u);
}

UNIT(test_goldens)
{
	const struct msg_row *row = NULL;
	size_t rows = 0;

	while ((row = msg_row_next(row)) != NULL)
		rows++;
	assert_int_equal(each_message(check_golden), 2 * rows);
}

/* Call fn for each file of t/wire; returns how many. */
static size_t
each_file(void (*fn)(const char *name, const struct hex *))
{
	struct dirent *d;
	struct hex wire;
	char path[512];
	size_t n = 0;
	DIR *dir = opendir(WIRE);

	assert_non_null(dir);
	while ((errno = 0, d = readdir(dir)) != NULL) {
		if (strstr(d->d_name, ".hex") == NULL)
			continue;
		wire_path(path, sizeof(path), d->d_name, "");
		if (hex_read(&wire, path) == -1)
			fail_msg("%s: no file of bytes", path);
		fn(d->d_name, &wire);
		n++;
	}
	assert_int_equal(errno, 0);
	closedir(dir);
	return n;
}

static size_t bad_files, same_files, skipped_files;

static void
check_other(const char *name, const struct hex *wire)
{
	struct msg m, other;
	struct hex o;
	char path[512];
	int r = take(wire->bytes, wire->len, &m), error = errno;

	if (strncmp(name, "bad-", 4) == 0) {
		bad_files++;
		if (wire->error == 0 || r != -1 || error != wire->error)
			fail_msg("%s: %d, %s", name, r, strerror(error));
	} else if (wire->skipped) {
		skipped_files++;
		if (r != 0)
			fail_msg("%s: %d, not skipped", name, r);
	} else if (r != 1) {
		fail_msg("%s: %d, %s", name, r, strerror(error));
	}
	if (wire->same[0] == '\0')
		return;
	same_files++;
	wire_path(path, sizeof(path), wire->same, "");
	assert_int_equal(hex_read(&o, path), 0);
	assert_int_equal(take(o.bytes, o.len, &other), 1);
	assert_int_equal(m.type, other.type);
	assert_false(o.len == wire->len &&
	    memcmp(o.bytes, wire->bytes, o.len) == 0);
	sample_same(&msg_row(m.type)->schema, &m.u, &other.u);
}

UNIT(test_other_goldens)
{
	each_file(check_other);
	assert_true(bad_files >= 20);
	assert_true(same_files >= 3);
	assert_true(skipped_files >= 1);
}

/* No beginning of a message is one. */
static void
check_prefixes(const char *name, const struct hex *wire)
{
	unsigned char *copy;
	struct msg m;
	size_t n;

	if (wire->error != 0)
		return;
	for (n = 0; n < wire->len; n++) {
		copy = malloc(n > 0 ? n : 1);
		assert_non_null(copy);
		memcpy(copy, wire->bytes, n);
		if (take(copy, n, &m) != -1)
			fail_msg("%s: %zu bytes are taken", name, n);
		free(copy);
	}
}

UNIT(test_prefixes)
{
	assert_true(each_file(check_prefixes) > 50);
}

/* The value cut short, with the head saying so: it may be a message, without
 * its last fields, but what it holds can be read. */
static void
check_cut_values(const char *name, const struct hex *wire)
{
	const struct schema *s;
	struct slice value = slice_of(wire->bytes, wire->len);
	unsigned char *copy;
	struct msg m;
	struct tlv t;
	size_t n;

	(void)name;
	if (wire->error != 0 || wire->skipped)
		return;
	assert_int_equal(tlv_next(&value, &t), 1);
	s = &msg_row(t.type)->schema;
	for (n = 0; n < t.value.len; n++) {
		copy = malloc(n > 0 ? n : 1);
		assert_non_null(copy);
		memcpy(copy, t.value.p, n);
		m.type = t.type;
		if (group_decode(s, slice_of(copy, n), &m.u) == 0) {
			sample_read(s, &m.u);
			assert_true(group_size(s, &m.u) <= n);
		}
		free(copy);
	}
}

UNIT(test_cut_values)
{
	each_file(check_cut_values);
}

/* Every byte replaced by every other: whatever is taken can be read, and is the
 * same after another trip. */
static void
check_flips(const char *name, const struct hex *wire)
{
	unsigned char *copy = malloc(wire->len > 0 ? wire->len : 1);
	struct msg m;
	size_t i;
	int x;

	(void)name;
	assert_non_null(copy);
	memcpy(copy, wire->bytes, wire->len);
	for (i = 0; i < wire->len; i++) {
		for (x = 1; x < 256; x++) {
			copy[i] = wire->bytes[i] ^ (unsigned char)x;
			if (take(copy, wire->len, &m) == 1)
				sample_round_trip(&m);
		}
		copy[i] = wire->bytes[i];
	}
	free(copy);
}

UNIT(test_flips)
{
	each_file(check_flips);
}

/* t/wire.test -g: write the golden files of all messages anew. */
static void
generate(const char *name, const struct msg *m)
{
	char path[128], title[128];

	wire_path(path, sizeof(path), name, ".hex");
	snprintf(title, sizeof(title), "%s, %s", msg_name(m->type),
	    strstr(name, "-min") == NULL ? "all fields" :
	    "the required fields");
	if (hex_write(path, m, title) == -1) {
		perror(path);
		exit(111);
	}
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_goldens),
		cmocka_unit_test(test_other_goldens),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_cut_values),
		cmocka_unit_test(test_flips),
	};

	if (argc == 2 && strcmp(argv[1], "-g") == 0)
		return each_message(generate) == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
