#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "listener_publish.h"
#include "t/check.h"

static char dir[] = "/tmp/lambda-offer.XXXXXX", path[64], other[64];
static struct publish_config config;
static char why[1024];

static int
begin(void **state)
{
	(void)state;
	strcpy(dir + strlen(dir) - 6, "XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/prog", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	memset(&config, 0, sizeof(config));
	config.program = path;
	config.preflight = 0;
	return 0;
}

static int
end(void **state)
{
	(void)state;
	unlink(path);
	unlink(other);
	rmdir(dir);
	return 0;
}

static void
put(const char *to, const void *bytes, size_t n)
{
	int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0700);

	assert_true(fd != -1);
	assert_int_equal(write(fd, bytes, n), n);
	close(fd);
}

static void
refuses(const char *text, const char *sentence)
{
	struct release m;

	put(path, text, strlen(text));
	assert_int_equal(release_make(&config, &m, why, sizeof(why)), -1);
	if (strstr(why, sentence) == NULL)
		fail_msg("'%s', not '%s'", why, sentence);
}

static void
takes(const void *bytes, size_t n)
{
	struct release m;

	put(path, bytes, n);
	if (release_make(&config, &m, why, sizeof(why)) == -1)
		fail_msg("%s", why);
	release_free(&m);
}

/* What exec(2) would refuse, as far as the file tells. */
UNIT(test_looks)
{
	char text[600];

	refuses("", "is empty");
	refuses("echo hello\n", "is text without a #! line");
	refuses("#!/nonexistent/interp\n", "by '/nonexistent/interp', which");
	refuses("#!/bin/sh\r\n", "by '/bin/sh\r', which is not there");
	refuses("#!/etc/passwd\n", "by '/etc/passwd'");
	refuses("#!\n", "by '', which");
	takes("#!/bin/sh\n", 10);
	takes("#! \t/bin/sh -e\n", 15);
	takes("#!/bin/sh", 9);
	takes("\177ELF\2\1\1", 7);
	memset(text, 'x', sizeof(text));
	memcpy(text, "#!/", 3);
	takes(text, sizeof(text)); /* it cannot be told */
	config.preflight = 1;
	takes("", 0);
}

UNIT(test_mode)
{
	struct release m;

	takes("#!/bin/sh\n", 10);
	chmod(path, 0600);
	assert_int_equal(release_make(&config, &m, why, sizeof(why)), -1);
	assert_non_null(strstr(why, "is not executable: chmod +x it"));
	unlink(path);
	assert_int_equal(release_make(&config, &m, why, sizeof(why)), -1);
	assert_non_null(strstr(why, "unable to find"));
	assert_null(strstr(why, "chmod"));
}

/* Another file of the same content is another one; the same is the same. */
UNIT(test_equal)
{
	struct release a, b, c, none;

	put(path, "#!/bin/sh\n", 10);
	assert_int_equal(release_make(&config, &a, why, sizeof(why)), 0);
	assert_int_equal(release_make(&config, &b, why, sizeof(why)), 0);
	assert_true(release_equal(&a, &b));
	put(other, "#!/bin/sh\n", 10);
	assert_int_equal(rename(other, path), 0);
	assert_int_equal(release_make(&config, &c, why, sizeof(why)), 0);
	assert_false(release_equal(&a, &c));
	release_init(&none);
	assert_false(release_equal(&a, &none));
	assert_false(release_equal(&none, &none));
	release_free(&c);
	/* Rewritten in place it is the same file with another digest. */
	assert_int_equal(release_make(&config, &c, why, sizeof(why)), 0);
	release_free(&b);
	put(path, "#!/bin/sh \n", 11);
	assert_int_equal(release_make(&config, &b, why, sizeof(why)), 0);
	assert_true(program_file_equal(&b.file, &c.file));
	assert_false(release_equal(&b, &c));
	release_free(&a);
	release_free(&b);
	release_free(&c);
	release_free(&none);
}

/* From one process to the next. */
UNIT(test_pass)
{
	struct release m;
	struct program_file h;
	char *text;

#ifdef SYSTEM_PLAIN
	skip(); /* it is run by its name alone */
#endif
	put(path, "#!/bin/sh\n", 10);
	unsetenv("LAMBDA_PROGRAM");
	program_file_take(&h);
	assert_int_equal(h.fd, -1);
	assert_false(program_file_runs(&h));
	assert_int_equal(release_make(&config, &m, why, sizeof(why)), 0);
	assert_true(program_file_runs(&m.file));
	text = program_file_text(&m.file);
	assert_non_null(text);
	assert_memory_equal(text, "LAMBDA_PROGRAM=", 15);
	setenv("LAMBDA_PROGRAM", text + 15, 1);
	free(text);
	program_file_take(&h);
	assert_null(getenv("LAMBDA_PROGRAM"));
	assert_true(program_file_equal(&h, &m.file));
	assert_string_equal(h.path, path);
	free(h.path);
	release_free(&m);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_looks),
		TEST(test_mode),
		TEST(test_equal),
		TEST(test_pass),
	};

	program_reserve();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
