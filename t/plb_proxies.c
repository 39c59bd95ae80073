/* The directory of proxies. */

#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "attrs.h"
#include "log.h"
#include "plb_proxies.h"
#include "t/check.h"

static char dir[] = "/tmp/lambda-proxies.XXXXXX";
static struct proxies proxies;
static struct buf attrs;

static int
begin(void **state)
{
	int fd;

	(void)state;
	buf_init(&attrs, LIST_MAX);
	if (mkdtemp(dir) == NULL || chdir(dir) == -1 ||
	    setenv("PATH", dir, 1) == -1)
		return -1;
	fd = open("lambda-call", O_WRONLY | O_CREAT, 0700);
	return fd == -1 ? -1 : close(fd);
}

static int
end(void **state)
{
	(void)state;
	buf_free(&attrs);
	return unlink("lambda-call") == -1 || chdir("/") == -1 ||
	    rmdir(dir) == -1 ? -1 : 0;
}

static void
start(const char *link, const char *socket)
{
	struct addr a;

	assert_int_equal(addr_parse(&a, socket, strlen(socket), 0, NULL), 0);
	proxies_init(&proxies, link, "calc", &a);
}

/* Show these exports, which end with NULL. */
static void
show(const char *first, ...)
{
	char *exports[8];
	const char *why, *which;
	size_t n = 0;
	va_list ap;

	va_start(ap, first);
	for (exports[n] = (char *)first; exports[n] != NULL;)
		exports[++n] = va_arg(ap, char *);
	va_end(ap);
	buf_free(&attrs);
	assert_int_equal(attrs_build(&attrs, "1", NULL, exports, n, NULL, 0,
	    &why, &which), 0);
	proxies_show(&proxies, buf_slice(&attrs));
}

/* What the link names now. */
static const char *
target(const char *link)
{
	static char name[256];
	ssize_t n = readlink(link, name, sizeof(name) - 1);

	assert_true(n > 0);
	name[n] = '\0';
	assert_null(strchr(name, '/'));
	return name;
}

static void
check_proxy(const char *path, const char *socket, const char *function)
{
	char *s, *m, *f;
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(proxy_read(path, &s, &m, &f), 0);
	assert_string_equal(s, socket);
	assert_string_equal(m, "calc");
	assert_string_equal(f, function);
	free(s);
	free(m);
	free(f);
}

UNIT(test_show)
{
	char first[256], line[256];
	FILE *f;

	start("p", "/run/calc.plb");
	show("pi/1", "pi/2", "log/0:cast", NULL);
	check_proxy("p/pi", "/run/calc.plb", "pi");
	check_proxy("p/log", "/run/calc.plb", "log");
	f = fopen("p/pi", "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	assert_memory_equal(line, "#!", 2);
	assert_string_equal(strchr(line, '\n') - 11, "lambda-call\n");
	fclose(f);
	strcpy(first, target("p"));
	/* The same again is nothing new. */
	show("pi/1", "pi/2", "log/0:cast", NULL);
	assert_string_equal(target("p"), first);
	/* Others: the link names another tree, and the old one stays. */
	show("e/0", NULL);
	assert_string_not_equal(target("p"), first);
	check_proxy("p/e", "/run/calc.plb", "e");
	assert_int_equal(access("p/pi", F_OK), -1);
	assert_int_equal(access(first, F_OK), 0);
	proxies_remove(&proxies);
	assert_int_equal(access(first, F_OK), -1);
	assert_int_equal(readlink("p", line, sizeof(line)), -1);
}

/* Names from the network that are none for a file. */
UNIT(test_names)
{
	unsigned char list[256], group[512];
	struct tlv_writer w;
	struct attrs a;

	memset(&a, 0, sizeof(a));
	tlv_writer_init(&w, list, sizeof(list));
	list_put(&w, slice_str("../evil/1"));
	list_put(&w, slice_str("/tmp/evil/1"));
	list_put(&w, slice_str(".hidden/1"));
	list_put(&w, slice_str("two words/1"));
	list_put(&w, slice_str("two\nlines/1"));
	list_put(&w, slice_of("a\0b/1", 5));
	list_put(&w, slice_str("noarity"));
	list_put(&w, slice_str("good/1"));
	a.exports = slice_of(list, (size_t)(w.p - list));
	tlv_writer_init(&w, group, sizeof(group));
	group_encode(&schema_attrs, &a, &w);
	start("p", "/s");
	proxies_show(&proxies, slice_of(group, (size_t)(w.p - group)));
	check_proxy("p/good", "/s", "good");
	assert_int_equal(unlink("p/good"), 0);
	/* So the tree is empty. */
	assert_int_equal(rmdir(target("p")), 0);
	proxies_remove(&proxies);
}

/* Bytes that are no attributes change nothing. */
UNIT(test_bad)
{
	start("p", "/s");
	show("f/0", NULL);
	proxies_show(&proxies, slice_str("\x02\x01x"));
	check_proxy("p/f", "/s", "f");
	proxies_remove(&proxies);
}

/* A socket and a link that are named from here. */
UNIT(test_relative)
{
	char socket[512];

	start("p//", "./s");
	show("f/0", NULL);
	snprintf(socket, sizeof(socket), "%s/./s", dir);
	check_proxy("p/f", socket, "f");
	proxies_remove(&proxies);
}

static int
holds(const char *path)
{
	return access(path, F_OK) == 0;
}

/* What the process has called its tree of that number. */
static const char *
tree(char name[64], unsigned n)
{
	snprintf(name, 64, "p.%s.%u", proxies.id, n);
	return name;
}

/*
 * In a directory that others may write, they see what our trees are called and
 * what a tree that was left is called. A link to somebody's directory in the
 * place of one is neither followed nor in the way, nor is a directory.
 */
UNIT(test_shared)
{
	static const char left[] = "p.0123456789abcdef.1";
	char next[64], mine[64], after[64];

	assert_int_equal(mkdir("victim", 0755), 0);
	assert_int_equal(close(open("victim/pi", O_WRONLY | O_CREAT, 0600)), 0);
	/* Left by a process that is no more, so it seems. */
	assert_int_equal(symlink("victim", left), 0);
	start("p", "/run/calc.plb");
	assert_true(holds("victim/pi"));
	assert_int_equal(symlink("victim", tree(mine, 1)), 0);
	assert_int_equal(mkdir(tree(next, 2), 0755), 0);
	show("pi/1", "e/0", NULL);
	assert_string_equal(target("p"), tree(after, 3));
	check_proxy("p/pi", "/run/calc.plb", "pi");
	assert_false(holds("victim/e"));
	proxies_remove(&proxies);
	assert_true(holds("victim/pi"));
	assert_false(holds(after));
	assert_true(holds(mine));
	assert_int_equal(unlink(left), 0);
	assert_int_equal(unlink(mine), 0);
	assert_int_equal(unlink("victim/pi"), 0);
	assert_int_equal(rmdir("victim"), 0);
}

/* A file by the name of a lock that a link leads elsewhere, or that is no file,
 * stands for nobody and is left. */
UNIT(test_false_lock)
{
	static const char link[] = "p.0123456789abcdef.lock";
	static const char directory[] = "p.0123456789abcdee.lock";

	assert_int_equal(close(open("victim", O_WRONLY | O_CREAT, 0600)), 0);
	assert_int_equal(symlink("victim", link), 0);
	assert_int_equal(mkdir(directory, 0755), 0);
	start("p", "/s");
	show("f/0", NULL);
	proxies_remove(&proxies);
	assert_true(holds("victim"));
	assert_true(holds(link));
	assert_true(holds(directory));
	assert_int_equal(unlink(link), 0);
	assert_int_equal(unlink("victim"), 0);
	assert_int_equal(rmdir(directory), 0);
}

/* A process with this link has its tree as long as it lives; what it leaves is
 * removed by the next. */
UNIT(test_killed)
{
	char name[64], lock[64], other[64];
	int ready[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	if ((pid = fork()) == 0) {
		start("p", "/s");
		show("f/0", NULL);
		n = write(ready[1], target("p"), 64);
		pause();
		_exit(n != 64);
	}
	assert_int_equal(read(ready[0], name, sizeof(name)), 64);
	start("p", "/s");
	show("g/0", NULL);
	assert_true(holds(name));
	assert_string_not_equal(target("p"), name);
	snprintf(lock, sizeof(lock), "%.*s.lock",
	    (int)(strrchr(name, '.') - name), name);
	assert_true(holds(lock));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	snprintf(other, sizeof(other), "%s", target("p"));
	proxies_remove(&proxies);
	assert_false(holds(other));
	assert_true(holds(name));
	start("p", "/s");
	assert_false(holds(name));
	assert_false(holds(lock));
	proxies_remove(&proxies);
	close(ready[0]);
	close(ready[1]);
}

/* Two processes: the one that ends later has the link, and whoever ends first
 * leaves it alone. */
UNIT(test_taken_over)
{
	struct proxies old;

	start("p", "/s");
	show("f/0", NULL);
	old = proxies;
	assert_int_equal(unlink("p"), 0);
	assert_int_equal(mkdir("other", 0777), 0);
	assert_int_equal(symlink("other", "p"), 0);
	proxies_remove(&old);
	assert_string_equal(target("p"), "other");
	assert_int_equal(unlink("p"), 0);
	assert_int_equal(rmdir("other"), 0);
}

UNIT(test_none)
{
	start(NULL, "/s");
	show("f/0", NULL);
	proxies_remove(&proxies);
}

/* What dies says so on standard error and exits: the status. */
static int
status_of(const char *link, const char *socket)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		fclose(stderr);
		start(link, socket);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

UNIT(test_refused)
{
	assert_int_equal(mkdir("p", 0777), 0);
	assert_int_equal(status_of("p", "/s"), EXIT_USAGE);
	assert_int_equal(rmdir("p"), 0);
	assert_int_equal(status_of("p", "/s"), 0);
	assert_int_equal(status_of("p", "/a b"), EXIT_USAGE);
	/* What these processes have left goes. */
	start("p", "/s");
	proxies_remove(&proxies);
}

static int
reads(const char *text)
{
	FILE *f = fopen("x", "w");
	char *s, *m, *fn;
	int r;

	fputs(text, f);
	fclose(f);
	errno = 0;
	r = proxy_read("x", &s, &m, &fn);
	if (r == 0) {
		free(s);
		free(m);
		free(fn);
	}
	unlink("x");
	return r;
}

UNIT(test_read)
{
	char *s, *m, *f;

	errno = 0;
	assert_int_equal(proxy_read("nowhere", &s, &m, &f), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(proxy_read("/", &s, &m, &f), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(reads("#!/x\n/s m f\n"), 0);
	assert_int_equal(reads(""), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(reads("#!/x\n"), -1);
	assert_int_equal(reads("/s m f\n/s m f\n"), -1);
	assert_int_equal(reads("#!/x\n/s m\n"), -1);
	assert_int_equal(reads("#!/x\n/s m f"), -1);
	assert_int_equal(reads("#!/x\n/s  f\n"), -1);
	assert_int_equal(reads("#!/x\n m f\n"), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_show), cmocka_unit_test(test_names),
		cmocka_unit_test(test_bad), cmocka_unit_test(test_relative),
		cmocka_unit_test(test_taken_over),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_false_lock),
		cmocka_unit_test(test_killed), cmocka_unit_test(test_none),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_read),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
