#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "atomicfile.h"
#include "t/check.h"

static char dir[64], path[128];
static struct atomicfile r;

static int
begin(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/lambda-t.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/file", dir);
	atomicfile_init(&r, path);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	atomicfile_free(&r);
	unlink(path);
	return rmdir(dir);
}

static void
assert_file(const char *text)
{
	char bytes[64];
	FILE *f = fopen(path, "r");
	size_t n;

	assert_non_null(f);
	n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	assert_int_equal(n, strlen(text));
	assert_memory_equal(bytes, text, n);
}

UNIT(writes_whole)
{
	char temp[160];
	FILE *f;

	assert_int_equal(atomicfile_file(&r, slice_str("one\n")), 0);
	assert_file("one\n");
	/* Left behind by another one. */
	snprintf(temp, sizeof(temp), "%s.new", path);
	assert_non_null(f = fopen(temp, "w"));
	fclose(f);
	assert_int_equal(atomicfile_file(&r, slice_str("")), 0);
	assert_file("");
	assert_int_equal(access(temp, F_OK), -1);
}

UNIT(numbers_differ)
{
	ino_t seen[4 * ATOMICFILE_KEPT];
	struct stat st;
	int i, j;

	for (i = 0; i < 4 * ATOMICFILE_KEPT; i++) {
		assert_int_equal(atomicfile_file(&r, slice_str("same")), 0);
		assert_int_equal(stat(path, &st), 0);
		seen[i] = st.st_ino;
		for (j = i - 1; j >= 0 && j >= i - ATOMICFILE_KEPT; j--)
			assert_int_not_equal(seen[j], seen[i]);
	}
}

UNIT(failure_leaves_what_was_there)
{
	struct atomicfile nowhere;

	atomicfile_init(&nowhere, "/nonexistent/lambda/file");
	assert_int_equal(atomicfile_file(&nowhere, slice_str("x")), -1);
	assert_int_equal(errno, ENOENT);
	atomicfile_free(&nowhere);
	/* Its other name is taken by what is no file. */
	assert_int_equal(atomicfile_file(&r, slice_str("one\n")), 0);
	strcat(path, ".new");
	assert_int_equal(mkdir(path, 0700), 0);
	path[strlen(path) - 4] = '\0';
	assert_int_equal(atomicfile_file(&r, slice_str("two\n")), -1);
	assert_file("one\n");
	strcat(path, ".new");
	assert_int_equal(rmdir(path), 0);
	path[strlen(path) - 4] = '\0';
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

UNITS(T(writes_whole), T(numbers_differ), T(failure_leaves_what_was_there))
