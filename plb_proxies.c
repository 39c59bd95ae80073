#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attrs.h"
#include "die.h"
#include "fail.h"
#include "program.h"
#include "log.h"
#include "plb_proxies.h"
#include "env.h"

#define LINE_BYTES 4096 /* of a proxy's lines, and of what a link names */

static char *
text(const char *fmt, const char *a, const char *b, unsigned n)
{
	size_t size = strlen(fmt) + strlen(a) + strlen(b) + 32;
	char *s = malloc(size);

	if (s == NULL)
		die_errno(EXIT_TEMPORARY, "unable to keep the proxies");
	snprintf(s, size, fmt, a, b, n);
	return s;
}

static void
remove_tree(const char *tree)
{
	int error = errno;
	DIR *d = opendir(tree);
	struct dirent *e;
	char *path;

	while (d != NULL && (errno = 0, e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		path = text("%s/%s", tree, e->d_name, 0);
		unlink(path);
		free(path);
	}
	if ((d == NULL || errno != 0 || rmdir(tree) == -1) && errno != ENOENT)
		log_error("unable to remove the proxies %s: %s", tree,
		    strerror(errno));
	if (d != NULL)
		closedir(d);
	errno = error;
}

/* The process that a tree of ours by this name was made by: "LINK.PID.N"; 0:
 * it is no such name. */
static pid_t
maker(const char *base, const char *name)
{
	size_t len = strlen(base);
	char *end;
	long pid, n;

	if (strncmp(name, base, len) != 0 || name[len] != '.')
		return 0;
	pid = strtol(name + len + 1, &end, 10);
	if (pid <= 0 || *end != '.')
		return 0;
	n = strtol(end + 1, &end, 10);
	return n > 0 && *end == '\0' ? (pid_t)pid : 0;
}

/* Remove the trees of those that were killed. */
static void
sweep(const struct proxies *p)
{
	const char *slash = strrchr(p->link, '/');
	const char *base = slash == NULL ? p->link : slash + 1;
	char *dir = text("%s%s", p->link, "", 0), *path;
	struct dirent *e;
	pid_t pid;
	DIR *d;

	dir[base - p->link] = '\0';
	d = opendir(dir[0] == '\0' ? "." : dir);
	while (d != NULL && (errno = 0, e = readdir(d)) != NULL) {
		pid = maker(base, e->d_name);
		if (pid == 0 || kill(pid, 0) == 0 || errno != ESRCH)
			continue;
		path = text("%s%s", dir, e->d_name, 0);
		remove_tree(path);
		free(path);
	}
	if (d == NULL || errno != 0)
		log_error("unable to look for proxies that were left in %s: %s",
		    dir[0] == '\0' ? "." : dir, strerror(errno));
	if (d != NULL)
		closedir(d);
	free(dir);
}

void
proxies_init(struct proxies *p, const char *link, const char *module,
    const struct addr *socket)
{
	char path[ADDR_TEXT_MAX];
	struct stat st;
	size_t len;

	memset(p, 0, sizeof(*p));
	if (link == NULL)
		return;
	p->link = text("%s%s", link, "", 0);
	for (len = strlen(p->link); len > 1 && p->link[len - 1] == '/'; len--)
		p->link[len - 1] = '\0';
	if (lstat(p->link, &st) == 0 && !S_ISLNK(st.st_mode))
		die(EXIT_USAGE, "-D %s: there is something else of that name: "
		    "remove it, or name another", link);
	p->module = text("%s%s", module, "", 0);
	p->socket = env_absolute(addr_print(socket, path));
	if (strpbrk(p->socket, " \n") != NULL)
		die(EXIT_USAGE, "-s %s: with -D, give a path without a space",
		    p->socket);
	sweep(p);
}

/* An absolute path for the #! line: a bare name would not be looked up. */
static char *
interpreter(void)
{
	char *sibling = env_sibling("lambda-call");
	char *found = program_find(sibling);
	char *path = env_absolute(found == NULL ? sibling : found);

	free(sibling);
	free(found);
	return path;
}

/* May a file be called so, and a word in it? */
static int
is_file_name(struct slice name)
{
	return slice_is_word(name) && name.len <= NAME_BYTES_MAX &&
	    name.p[0] != '.' && memchr(name.p, '/', name.len) == NULL;
}

static int
write_proxy(const struct proxies *p, const char *tree, struct slice function,
    const char *call)
{
	char name[NAME_BYTES_MAX + 1];
	char *path;
	FILE *f;
	int fd, r;

	if (!is_file_name(function))
		return 0;
	snprintf(name, sizeof(name), "%.*s", SLICE_ARG(function));
	path = text("%s/%s", tree, name, 0);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0777);
	free(path);
	if (fd == -1)
		return -1;
	if ((f = fdopen(fd, "w")) == NULL) {
		close(fd);
		return -1;
	}
	r = fprintf(f, "#!%s\n%s %s %s\n", call, p->socket, p->module, name);
	return fclose(f) == EOF || r < 0 ? -1 : 0;
}

/* Fill a tree with the functions of these exports. */
static int
fill(const struct proxies *p, const char *tree, struct slice exports)
{
	char *call = interpreter();
	struct slice item;
	struct export e;
	int r = 0;

	while (r == 0 && list_next(&exports, &item) == 1)
		if (export_parse(item, &e) == 0)
			r = write_proxy(p, tree, e.name, call);
	free(call);
	return r;
}

/* Have the link point at the tree: whoever looks finds the old or the new. */
static int
swap(const struct proxies *p, const char *tree)
{
	const char *name = strrchr(tree, '/');
	char *temp = text("%s.%s%u", p->link, "new", (unsigned)getpid());
	int r;

	unlink(temp);
	r = symlink(name == NULL ? tree : name + 1, temp);
	if (r == 0 && (r = rename(temp, p->link)) == -1)
		unlink(temp);
	free(temp);
	return r;
}

static char *
tree_name(const struct proxies *p, unsigned n)
{
	char pid[32];

	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	return text("%s.%s.%u", p->link, pid, n);
}

/* The tree is what the link points at. */
static void
made(struct proxies *p, char *tree, struct slice exports)
{
	p->made++;
	free(p->tree);
	p->tree = tree;
	free(p->exports);
	p->exports_len = 0;
	/* Without memory the next exports are taken for others. */
	if ((p->exports = slice_dup(exports)) != NULL)
		p->exports_len = exports.len;
}

void
proxies_show(struct proxies *p, struct slice attrs)
{
	struct attrs a;
	char *tree;

	if (p->link == NULL || group_decode(&schema_attrs, attrs, &a) == -1)
		return;
	if (p->exports != NULL &&
	    slice_equal(a.exports, slice_of(p->exports, p->exports_len)))
		return;
	tree = tree_name(p, p->made + 1);
	remove_tree(tree); /* of one that had our number and was killed */
	if (mkdir(tree, 0777) == -1 || fill(p, tree, a.exports) == -1 ||
	    swap(p, tree) == -1) {
		log_error("unable to make the proxies %s: %s", p->link,
		    strerror(errno));
		remove_tree(tree);
		free(tree);
		return;
	}
	made(p, tree, a.exports);
}

void
proxies_remove(struct proxies *p)
{
	char target[LINE_BYTES];
	const char *name;
	char *tree;
	ssize_t n;
	unsigned i;

	if (p->link == NULL)
		return;
	n = readlink(p->link, target, sizeof(target) - 1);
	if (n > 0 && p->tree != NULL) {
		target[n] = '\0';
		name = strrchr(p->tree, '/');
		if (strcmp(target, name == NULL ? p->tree : name + 1) == 0)
			unlink(p->link);
	}
	for (i = 1; i <= p->made; i++) {
		tree = tree_name(p, i);
		remove_tree(tree);
		free(tree);
	}
	free(p->link);
	free(p->module);
	free(p->socket);
	free(p->tree);
	free(p->exports);
	memset(p, 0, sizeof(*p));
}

int
proxy_read(const char *path, char **socket, char **module, char **function)
{
	char line[LINE_BYTES], *word[3], *p;
	FILE *f = fopen(path, "r");
	int i, good;

	if (f == NULL)
		return -1;
	good = fgets(line, sizeof(line), f) != NULL && line[0] == '#' &&
	    fgets(line, sizeof(line), f) != NULL;
	fclose(f);
	for (i = 0, p = line; good && i < 3; i++) {
		word[i] = p;
		p += strcspn(p, i < 2 ? " " : "\n");
		good = *p != '\0' && p != word[i];
		*p++ = '\0';
	}
	if (!good)
		return fail(EINVAL);
	*socket = text("%s%s", word[0], "", 0);
	*module = text("%s%s", word[1], "", 0);
	*function = text("%s%s", word[2], "", 0);
	return 0;
}
