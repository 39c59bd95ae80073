#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "env.h"
#include "t/check.h"
#include "t/hang.h"

#define DIR_FORM "/tmp/lambda-run.XXXXXX"
#define MAKERS	 8
#define NOBODY	 65534

static char dir[sizeof(DIR_FORM)];
static char said[4 * KEY_MAX]; /* what the last child said */

static int
setup(void **state)
{
	(void)state;
	hang_guard();
	unsetenv("LAMBDA_RUN");
	unsetenv("LAMBDA_KEY");
	unsetenv("LAMBDA_BROKER");
	unsetenv("XDG_RUNTIME_DIR");
	strcpy(dir, DIR_FORM);
	return mkdtemp(dir) == NULL ? -1 : setenv("LAMBDA_RUN", dir, 1);
}

static int
teardown(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* "DIR/name", in one of a few buffers. */
static const char *
in_dir(const char *name)
{
	static char path[4][256];
	static int i;

	i = (i + 1) % 4;
	snprintf(path[i], sizeof(path[i]), "%s/%s", dir, name);
	return path[i];
}

/* Read all that comes. */
static void
hear(int fd)
{
	size_t len = 0;
	ssize_t n;

	while ((n = read(fd, said + len, sizeof(said) - 1 - len)) > 0)
		len += (size_t)n;
	said[len] = '\0';
	close(fd);
}

/* Run fn in a child: its exit status; what it said is in said. */
static int
status_of(void (*fn)(const char *), const char *arg)
{
	int fd[2], status;
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	if ((pid = fork()) == 0) {
		dup2(fd[1], STDOUT_FILENO);
		dup2(fd[1], STDERR_FILENO);
		close(fd[0]);
		close(fd[1]);
		fn(arg);
		fflush(stdout);
		_exit(0);
	}
	assert_int_not_equal(pid, -1);
	close(fd[1]);
	hear(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
assert_said(const char *text)
{
	if (strstr(said, text) == NULL)
		fail_msg("'%s' is not in '%s'", text, said);
}

/* fn ends with that status, and says that among other things. */
static void
refuses(void (*fn)(const char *), const char *arg, int status,
    const char *text)
{
	assert_int_equal(status_of(fn, arg), status);
	assert_said(text);
}

/* fn ends well, and says just that. */
static void
prints(void (*fn)(const char *), const char *arg, const char *text)
{
	assert_int_equal(status_of(fn, arg), 0);
	assert_string_equal(said, text);
}

static void
assert_mode(const char *path, mode_t mode)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, mode);
}

/* The run directory. */

static void
print_dir(const char *arg)
{
	(void)arg;
	printf("%s|%s", env_dir(), env_dir());
}

UNIT(test_dir)
{
	char expected[512];

	setenv("LAMBDA_RUN", in_dir("new"), 1);
	umask(0);
	assert_int_equal(status_of(print_dir, NULL), 0);
	snprintf(expected, sizeof(expected), "%s/new|%s/new", dir, dir);
	assert_string_equal(said, expected);
	assert_mode(in_dir("new"), 0700);
	umask(022);
	/* There already. */
	prints(print_dir, NULL, expected);
}

static void
print_elsewhere(const char *arg)
{
	if (chdir(dir) == -1)
		_exit(1);
	setenv("LAMBDA_RUN", arg, 1);
	env_dir();
	if (chdir("/") == -1)
		_exit(1);
	print_dir(NULL);
}

UNIT(test_dir_relative)
{
	char expected[512];

	assert_int_equal(status_of(print_elsewhere, "rel"), 0);
	snprintf(expected, sizeof(expected), "%s/rel|%s/rel", dir, dir);
	assert_string_equal(said, expected);
}

/* Where LAMBDA_RUN is not set, or empty, for somebody who is not root. */
static void
print_default(const char *arg)
{
	setenv("LAMBDA_RUN", "", 1);
	setenv("XDG_RUNTIME_DIR", arg, 1);
	if (getuid() == 0 && (chown(arg, NOBODY, NOBODY) == -1 ||
		chmod(dir, 0755) == -1 || setuid(NOBODY) == -1))
		_exit(1);
	print_dir(NULL);
}

UNIT(test_dir_default)
{
	char expected[512];

	assert_int_equal(mkdir(in_dir("xdg"), 0700), 0);
	assert_int_equal(status_of(print_default, in_dir("xdg")), 0);
	snprintf(expected, sizeof(expected),
	    "%s/xdg/lambda|%s/xdg/lambda", dir, dir);
	assert_string_equal(said, expected);
}

UNIT(test_dir_bad)
{
	static const int modes[] = { 0701, 0710, 0704, 0720, 0777, 01777 };
	size_t i;

	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(chmod(dir, (mode_t)modes[i]), 0);
		refuses(print_dir, NULL, 100, "chmod 700");
	}
	assert_int_equal(chmod(dir, 0700), 0);
	/* A file; a link, wherever it leads. */
	setenv("LAMBDA_RUN", in_dir("file"), 1);
	close(open(in_dir("file"), O_WRONLY | O_CREAT, 0600));
	refuses(print_dir, NULL, 100, "is not a directory");
	setenv("LAMBDA_RUN", in_dir("link"), 1);
	assert_int_equal(symlink(dir, in_dir("link")), 0);
	refuses(print_dir, NULL, 100, "is not a directory");
	/* Nowhere to make it. */
	setenv("LAMBDA_RUN", in_dir("no/where"), 1);
	refuses(print_dir, NULL, 111, "No such file or directory");
	assert_said("LAMBDA_RUN");
}

UNIT(test_dir_of_another)
{
	if (getuid() != 0) {
		print_message("only root can give a directory away\n");
		skip();
		return;
	}
	assert_int_equal(chown(dir, NOBODY, NOBODY), 0);
	refuses(print_dir, NULL, 100, "belongs to another user");
}

/* Sockets. */

static void
print_addr(const struct addr *a)
{
	char text[ADDR_TEXT_MAX];

	fputs(addr_print(a, text), stdout);
}

static void
print_socket(const char *arg)
{
	struct addr a;

	env_socket(&a, arg);
	print_addr(&a);
}

static void
print_broker(const char *arg)
{
	struct addr a;

	env_broker_socket(&a, arg);
	print_addr(&a);
}

static void
print_plb(const char *arg)
{
	struct addr a;

	env_plb_socket(&a, arg);
	print_addr(&a);
}

UNIT(test_sockets)
{
	char lengthy[200];

	prints(print_socket, "name", in_dir("name"));
	prints(print_plb, "calc", in_dir("calc.plb"));
	prints(print_broker, NULL, in_dir("broker"));
	setenv("LAMBDA_BROKER", "", 1);
	prints(print_broker, NULL, in_dir("broker"));
	setenv("LAMBDA_BROKER", "/elsewhere/b", 1);
	prints(print_broker, NULL, "/elsewhere/b");
	prints(print_broker, "./given", "./given");
	refuses(print_broker, "given", 100, "with a slash");
	memset(lengthy, 'x', sizeof(lengthy));
	lengthy[0] = '/';
	lengthy[sizeof(lengthy) - 1] = '\0';
	refuses(print_broker, lengthy, 100, "too long");
	refuses(print_socket, lengthy, 100, "set LAMBDA_RUN to a shorter one");
}

/* Keys. */

static void
print_key(const char *arg)
{
	struct key_names names = { { arg }, arg != NULL };
	struct key key;
	size_t i;

	env_key(&key, &names);
	printf("%d %zu ", key.shared, key.files[0].len);
	for (i = 0; i < key.files[0].len; i++)
		printf("%02x", key.files[0].bytes[i]);
	free(key.files[0].bytes);
}

static void
write_weak(const char *path)
{
	FILE *f = fopen(path, "w");
	int i;

	assert_non_null(f);
	for (i = 0; i < KEY_MIN; i++)
		fputc("changeaa"[i % 8], f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0600), 0);
}

static void
write_key(const char *path, size_t n, mode_t mode)
{
	char bytes[KEY_MAX + 1];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	size_t i;

	assert_true(n <= sizeof(bytes));
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)('k' + i % 10);
	if (n > 0)
		bytes[n - 1] = '\n';
	assert_int_equal(write(fd, bytes, n), n);
	assert_int_equal(close(fd), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static size_t
files_in_dir(void)
{
	char command[128];
	unsigned long n = 0;
	FILE *f;

	snprintf(command, sizeof(command), "ls -A %s | wc -l", dir);
	assert_non_null(f = popen(command, "r"));
	assert_int_equal(fscanf(f, "%lu", &n), 1);
	pclose(f);
	return n;
}

UNIT(test_key_made)
{
	char first[sizeof(said)];

	umask(0);
	assert_int_equal(status_of(print_key, NULL), 0);
	umask(022);
	assert_memory_equal(said, "0 32 ", 5);
	assert_int_equal(strlen(said), 5 + 64);
	assert_mode(in_dir("key"), 0600);
	assert_int_equal(files_in_dir(), 1);
	strcpy(first, said);
	prints(print_key, NULL, first);
	/* Another one is another one. */
	assert_int_equal(unlink(in_dir("key")), 0);
	setenv("LAMBDA_KEY", "", 1);
	assert_int_equal(status_of(print_key, NULL), 0);
	assert_string_not_equal(said, first);
}

/* Many start at once where there is no key: all use the same. */
UNIT(test_key_race)
{
	char text[sizeof(said)];
	int go[2], from[MAKERS][2], i, round;
	pid_t pid;
	char c;

	for (round = 0; round < 20; round++) {
		unlink(in_dir("key"));
		assert_int_equal(pipe(go), 0);
		for (i = 0; i < MAKERS; i++) {
			assert_int_equal(pipe(from[i]), 0);
			if ((pid = fork()) == 0) {
				dup2(from[i][1], STDOUT_FILENO);
				close(from[i][1]);
				close(go[1]);
				if (read(go[0], &c, 1) == 0)
					print_key(NULL);
				fflush(stdout);
				_exit(0);
			}
			assert_int_not_equal(pid, -1);
			close(from[i][1]);
		}
		close(go[0]);
		close(go[1]);
		for (i = 0; i < MAKERS; i++) {
			hear(from[i][0]);
			assert_int_equal(strlen(said), 5 + 64);
			if (i > 0)
				assert_string_equal(said, text);
			strcpy(text, said);
			assert_true(waitpid(-1, NULL, 0) > 0);
		}
		assert_int_equal(files_in_dir(), 1);
	}
}

/* A key of one's own: every byte of it, the newline too. */
UNIT(test_key_given)
{
	const char *path = in_dir("mine");

	write_key(path, KEY_MIN, 0600);
	assert_int_equal(status_of(print_key, path), 0);
	assert_memory_equal(said, "1 32 6b6c", 9);
	assert_string_equal(said + strlen(said) - 2, "0a");
	write_key(path, KEY_MAX, 0400);
	setenv("LAMBDA_KEY", path, 1);
	assert_int_equal(status_of(print_key, NULL), 0);
	assert_memory_equal(said, "1 4096 6b6c", 11);
	/* The option goes before the environment. */
	write_key(in_dir("other"), 40, 0600);
	assert_int_equal(status_of(print_key, in_dir("other")), 0);
	assert_memory_equal(said, "1 40 6b6c", 9);
	assert_int_equal(access(in_dir("key"), F_OK), -1);
}

UNIT(test_key_bad)
{
	static const int modes[] = { 0640, 0604, 0620, 0602, 0660, 0644 };
	const char *path = in_dir("bad");
	size_t i;

	refuses(print_key, path, 100, "there is no key");
	assert_said("head -c 32 /dev/urandom");
	write_key(path, 0, 0600);
	refuses(print_key, path, 100, "shorter than 32 bytes");
	write_key(path, KEY_MIN - 1, 0600);
	refuses(print_key, path, 100, "shorter than 32 bytes");
	write_key(path, KEY_MAX + 1, 0600);
	refuses(print_key, path, 100, "longer than 4096 bytes");
	for (i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		write_key(path, KEY_MIN, (mode_t)modes[i]);
		refuses(print_key, path, 100, "chmod 600");
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	refuses(print_key, path, 100, "not a regular file");
	/* A FIFO that nobody writes must not hold us up. */
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	refuses(print_key, path, 100, "not a regular file");
	assert_int_equal(unlink(path), 0);
	write_weak(path);
	refuses(print_key, path, 100, "fewer than 8 different bytes");
	unlink(path);
	/* The run directory's own is judged in the same way. */
	write_key(in_dir("key"), KEY_MIN, 0644);
	refuses(print_key, NULL, 100, "chmod 600");
}

UNIT(test_key_of_another)
{
	const char *path = in_dir("theirs");

	if (getuid() != 0) {
		print_message("only root can give a key away\n");
		skip();
		return;
	}
	write_key(path, KEY_MIN, 0600);
	assert_int_equal(chown(path, NOBODY, NOBODY), 0);
	refuses(print_key, path, 100, "belongs to another user");
}

UNIT(test_key_allows)
{
	static const struct {
		const char *text;
		int own, shared;
	} table[] = {
		{ "127.0.0.1:1", 0, 0 },
		{ "[::1]:1", 0, 0 },
		{ "/a/socket", 0, 0 },
		{ "0.0.0.0:1", -1, 0 },
		{ "[::]:1", -1, 0 },
		{ "10.0.0.1:1", -1, 0 },
		{ "[2001:db8::1]:1", -1, 0 }
	};
	struct key key = { .n = 0 };
	struct addr a;
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(addr_parse(&a, table[i].text,
		    strlen(table[i].text), 0, NULL), 0);
		key.shared = 0;
		assert_int_equal(env_key_allows(&key, &a), table[i].own);
		key.shared = 1;
		assert_int_equal(env_key_allows(&key, &a), table[i].shared);
	}
}

/* Programs. */

static void
print_sibling(const char *argv0)
{
	char *path;

	if (chdir(dir) == -1)
		_exit(1);
	env_argv0(argv0);
	if (chdir("/") == -1)
		_exit(1);
	path = env_sibling("sib");
	fputs(path, stdout);
	free(path);
}

UNIT(test_sibling)
{
	char expected[512], *path = strdup(getenv("PATH"));

	assert_int_equal(mkdir(in_dir("bin"), 0700), 0);
	/* Not there; there, but not a program. */
	assert_int_equal(status_of(print_sibling, "bin/prog"), 100);
	assert_non_null(strstr(said, "unable to find sib: install it"));
	close(open(in_dir("bin/sib"), O_WRONLY | O_CREAT, 0600));
	assert_int_equal(status_of(print_sibling, "bin/prog"), 100);
	assert_int_equal(chmod(in_dir("bin/sib"), 0700), 0);
	prints(print_sibling, "bin/prog", in_dir("bin/sib"));
	assert_int_equal(status_of(print_sibling, "./bin/prog"), 0);
	snprintf(expected, sizeof(expected), "%s/./bin/sib", dir);
	assert_string_equal(said, expected);
	prints(print_sibling, in_dir("bin/prog"), in_dir("bin/sib"));
	/* Beside the file that a link leads to. */
	assert_int_equal(mkdir(in_dir("links"), 0700), 0);
	close(open(in_dir("bin/prog"), O_WRONLY | O_CREAT, 0700));
	assert_int_equal(symlink("../bin/prog", in_dir("links/prog")), 0);
	assert_int_equal(status_of(print_sibling, "links/prog"), 0);
	snprintf(expected, sizeof(expected), "%s/links/../bin/sib", dir);
	assert_string_equal(said, expected);
	/* Found on PATH, as its siblings will be. */
	assert_int_equal(setenv("PATH", in_dir("links"), 1), 0);
	prints(print_sibling, "prog", expected);
	assert_int_equal(setenv("PATH", in_dir("bin"), 1), 0);
	prints(print_sibling, "none", "sib");
	assert_int_equal(setenv("PATH", path, 1), 0);
	free(path);
	assert_true(env_processors() >= 1);
}

static void
print_counted(const char *arg)
{
	printf("%u", env_counted(atol(arg)));
}

/* Where the number of processors is not to be had, the default is logged. */
UNIT(test_processors)
{
	prints(print_counted, "3", "3");
	assert_int_equal(status_of(print_counted, "-1"), 0);
	assert_non_null(strstr(said, "the number of processors: using 1"));
}

UNIT(test_random)
{
	unsigned char a[64], b[64];

	memset(a, 0, sizeof(a));
	memset(b, 0, sizeof(b));
	env_random(a, sizeof(a));
	env_random(b, sizeof(b) - 1);
	assert_int_equal(b[sizeof(b) - 1], 0);
	assert_memory_not_equal(a, b, sizeof(a) - 1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

UNITS(TEST(test_dir), TEST(test_dir_relative), TEST(test_dir_default),
    TEST(test_dir_bad), TEST(test_dir_of_another), TEST(test_sockets),
    TEST(test_key_made), TEST(test_key_race), TEST(test_key_given),
    TEST(test_key_bad), TEST(test_key_of_another), TEST(test_key_allows),
    TEST(test_sibling), TEST(test_random), TEST(test_processors))
