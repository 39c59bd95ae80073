#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attrs.h"
#include "env.h"
#include "fail.h"
#include "log.h"
#include "net.h"
#include "plb_proxies.h"
#include "program.h"

#define PROXY_MODE 0755
#define TAKEN_MAX  16   /* names that others may have */
#define LOCK	   "lock" /* the file that a process has locked */
#define LINE_BYTES 4096 /* of a proxy's lines, and of what a link names */

/* The text is the caller's to free(). */
static char *
proxies_text(const char *fmt, const char *a, const char *b, unsigned n)
{
	size_t size = strlen(fmt) + strlen(a) + strlen(b) + 32;
	char *s = malloc(size);

	if (s == NULL)
		die_errno(EXIT_TEMPORARY, "unable to keep the proxies");
	snprintf(s, size, fmt, a, b, n);
	return s;
}

/* The name of our tree of this number, in the link's directory. */
static char *
proxies_tree(const struct proxies *p, unsigned n)
{
	return proxies_text("%s.%s.%u", p->base, p->id, n);
}

/* The name there of the file that the process of that id has locked. */
static char *
proxies_lock_name(const struct proxies *p, const char *id)
{
	return proxies_text("%s.%s." LOCK, p->base, id, 0);
}

/* Open a tree: a directory of our own, and no link to one. */
static int
proxies_open_tree(const struct proxies *p, const char *tree)
{
	struct stat st;
	int fd = openat(p->at, tree, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
	    O_CLOEXEC);

	if (fd != -1 && (fstat(fd, &st) == -1 || st.st_uid != geteuid())) {
		close(fd);
		return fail(EPERM);
	}
	return fd;
}

/* Remove a tree that is ours; errno stays. What others have put in its place,
 * in a directory that they may write, is left. */
static void
proxies_remove_tree(const struct proxies *p, const char *tree)
{
	int error = errno;
	int fd = proxies_open_tree(p, tree);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (fd == -1 &&
	    (errno == ENOTDIR || errno == ELOOP || errno == EPERM)) {
		errno = error;
		return;
	}
	while (d != NULL && (errno = 0, e = readdir(d)) != NULL)
		unlinkat(fd, e->d_name, 0);
	if ((d == NULL || errno != 0 ||
		unlinkat(p->at, tree, AT_REMOVEDIR) == -1) && errno != ENOENT)
		log_error("unable to remove the proxies %s: %s", tree,
		    strerror(errno));
	if (d != NULL)
		closedir(d);
	else if (fd != -1)
		close(fd);
	errno = error;
}

/* The id in the name of something that such a process makes here: "LINK.ID.N",
 * or "new" or LOCK in the place of the number. 0: it is no such name. */
static int
proxies_id(const char *base, const char *name, char id[PROXIES_ID])
{
	size_t len = strlen(base);
	const char *what;

	if (strncmp(name, base, len) != 0 || name[len] != '.')
		return 0;
	name += len + 1;
	if (strspn(name, "0123456789abcdef") != PROXIES_ID - 1 ||
	    name[PROXIES_ID - 1] != '.')
		return 0;
	memcpy(id, name, PROXIES_ID - 1);
	id[PROXIES_ID - 1] = '\0';
	what = name + PROXIES_ID;
	return strcmp(what, LOCK) == 0 || strcmp(what, "new") == 0 ||
	    (what[0] != '\0' && what[strspn(what, "0123456789")] == '\0');
}

/*
 * Open the file of that name, which is a regular one of our own, and lock it.
 * Its maker has it locked as long as it lives, wherever it lives: a process id
 * means nothing in another namespace. -1 with errno: ENOENT, there is none.
 */
static int
proxies_lock(const struct proxies *p, const char *name, int flags)
{
	struct flock l;
	struct stat st, named;
	int fd = openat(p->at, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK |
	    O_CLOEXEC | flags, S_IRUSR | S_IWUSR);

	if (fd == -1)
		return -1;
	memset(&l, 0, sizeof(l));
	l.l_type = F_WRLCK;
	l.l_whence = SEEK_SET;
	if (fstat(fd, &st) == -1 || fcntl(fd, F_SETLK, &l) == -1)
		return net_fail(fd);
	/* Whoever looked for what was left may have removed it meanwhile. */
	errno = EPERM;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() ||
	    fstatat(p->at, name, &named, AT_SYMLINK_NOFOLLOW) == -1 ||
	    named.st_dev != st.st_dev || named.st_ino != st.st_ino)
		return net_fail(fd);
	return fd;
}

/* Remove what has this name, where the process with that id is gone. The file
 * that it had locked goes when nothing else is left of it. */
static void
proxies_sweep_name(const struct proxies *p, const char *name, const char *id)
{
	char *lock = proxies_lock_name(p, id);
	int fd = proxies_lock(p, lock, 0);

	if (fd != -1 || errno == ENOENT) {
		if (strcmp(name, lock) == 0 || strcmp(name +
			strlen(name) - 4, ".new") == 0)
			unlinkat(p->at, name, 0);
		else
			proxies_remove_tree(p, name);
	}
	if (fd != -1)
		close(fd);
	free(lock);
}

/* Remove what those that were killed have left: their trees first. */
static void
proxies_sweep(const struct proxies *p, int locks)
{
	int fd = openat(p->at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd == -1 ? NULL : fdopendir(fd);
	char id[PROXIES_ID];
	struct dirent *e;
	const char *dot;

	while (d != NULL && (errno = 0, e = readdir(d)) != NULL) {
		if (!proxies_id(p->base, e->d_name, id))
			continue;
		dot = strrchr(e->d_name, '.');
		if (locks == (strcmp(dot + 1, LOCK) == 0))
			proxies_sweep_name(p, e->d_name, id);
	}
	if (d == NULL || errno != 0)
		log_error("unable to look for proxies that were left beside "
		    "%s: %s", p->link, strerror(errno));
	if (d != NULL)
		closedir(d);
	else if (fd != -1)
		close(fd);
}

/* Take an id that nobody has, and lock its file. */
static void
proxies_take_id(struct proxies *p)
{
	unsigned char bytes[PROXIES_ID / 2];
	char *lock;
	size_t i;
	int tries;

	for (tries = 0; tries < TAKEN_MAX; tries++) {
		env_random(bytes, sizeof(bytes));
		for (i = 0; i < PROXIES_ID / 2; i++)
			snprintf(p->id + 2 * i, 3, "%02x", bytes[i]);
		lock = proxies_lock_name(p, p->id);
		p->lock = proxies_lock(p, lock, O_CREAT | O_EXCL);
		free(lock);
		if (p->lock != -1)
			return;
	}
	die_errno(EXIT_TEMPORARY, "-D %s: unable to lock a file beside it",
	    p->link);
}

/* Open the directory that the link is in. All that is done later is done there,
 * whatever has the directory's name then. */
static void
proxies_open(struct proxies *p)
{
	char *slash = strrchr(p->link, '/');
	const char *dir = slash == NULL ? "." : slash == p->link ? "/" :
	    p->link;

	p->base = slash == NULL ? p->link : slash + 1;
	if (slash != NULL && slash != p->link)
		*slash = '\0';
	p->at = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->at == -1)
		die_errno(EXIT_USAGE, "-D: unable to open the directory %s",
		    dir);
	if (slash != NULL)
		*slash = '/';
}

/* An absolute path for the #! line: a bare name would not be looked up. */
static char *
proxies_interpreter(void)
{
	char *sibling = env_sibling("lambda-call");
	char *found = program_find(sibling);
	char *path = env_absolute(found == NULL ? sibling : found);

	free(sibling);
	free(found);
	return path;
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
	p->link = proxies_text("%s%s", link, "", 0);
	for (len = strlen(p->link); len > 1 && p->link[len - 1] == '/'; len--)
		p->link[len - 1] = '\0';
	proxies_open(p);
	if (fstatat(p->at, p->base, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    !S_ISLNK(st.st_mode))
		die(EXIT_USAGE, "-D %s: there is something else of that name: "
		    "remove it, or name another", link);
	p->module = proxies_text("%s%s", module, "", 0);
	p->socket = env_absolute(addr_print(socket, path));
	if (strpbrk(p->socket, " \n") != NULL)
		die(EXIT_USAGE, "-s %s: with -D, give a path without a space",
		    p->socket);
	p->call = proxies_interpreter();
	proxies_sweep(p, 0);
	proxies_sweep(p, 1);
	proxies_take_id(p);
}

/* May a file be called so, and a word in it? */
static int
proxies_is_file_name(struct slice name)
{
	return slice_is_name(name) && name.len <= NAME_BYTES_MAX &&
	    name.p[0] != '.';
}

/* Write the function's proxy in the tree: 0, or -1 with errno. */
static int
proxies_write(const struct proxies *p, int tree, struct slice function)
{
	char name[NAME_BYTES_MAX + 1];
	FILE *f;
	int fd, r;

	if (!proxies_is_file_name(function))
		return 0;
	snprintf(name, sizeof(name), "%.*s", SLICE_ARG(function));
	fd = openat(tree, name, O_WRONLY | O_CREAT | O_EXCL, PROXY_MODE);
	if (fd == -1) /* one of another arity has the same name */
		return errno == EEXIST ? 0 : -1;
	if ((f = fdopen(fd, "w")) == NULL) {
		close(fd);
		return -1;
	}
	r = fprintf(f, "#!%s\n%s %s %s\n", p->call, p->socket, p->module, name);
	return fclose(f) == EOF || r < 0 ? -1 : 0;
}

/* Make the tree with the functions of these exports: 0, or -1 with errno. */
static int
proxies_fill(const struct proxies *p, const char *tree, struct slice exports)
{
	int fd = mkdirat(p->at, tree, PROXY_MODE) == -1 ? -1 :
	    proxies_open_tree(p, tree);
	int r = fd == -1 ? -1 : 0;
	struct slice item;
	struct export e;

	while (r == 0 && list_next(&exports, &item) == 1)
		if (export_parse(item, &e) == 0)
			r = proxies_write(p, fd, e.name);
	if (fd != -1)
		net_close(fd);
	return r;
}

/* Have the link point at the tree: whoever looks finds the old or the new. */
static int
proxies_swap(const struct proxies *p, const char *tree)
{
	char *temp = proxies_text("%s.%s.new", p->base, p->id, 0);
	int r;

	unlinkat(p->at, temp, 0);
	r = symlinkat(tree, p->at, temp);
	if (r == 0 && (r = renameat(p->at, temp, p->at, p->base)) == -1)
		unlinkat(p->at, temp, 0);
	free(temp);
	return r;
}

/* A tree of these exports, and the link to it: its name, or NULL with errno.
 * Where its name is taken, the next is. */
static char *
proxies_make(struct proxies *p, struct slice exports)
{
	char *tree;
	int i;

	for (i = 0; i < TAKEN_MAX; i++) {
		tree = proxies_tree(p, ++p->made);
		if (proxies_fill(p, tree, exports) == 0 &&
		    proxies_swap(p, tree) == 0)
			return tree;
		if (errno != EEXIST) {
			proxies_remove_tree(p, tree);
			i = TAKEN_MAX;
		}
		free(tree);
	}
	return NULL;
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
	if ((tree = proxies_make(p, a.exports)) == NULL) {
		log_error("unable to make the proxies %s: %s", p->link,
		    strerror(errno));
		return;
	}
	free(tree);
	free(p->exports);
	/* Without memory the next exports are taken for others. */
	p->exports = slice_dup(a.exports);
	p->exports_len = a.exports.len;
}

void
proxies_remove(struct proxies *p)
{
	char target[LINE_BYTES], *tree;
	ssize_t n;

	if (p->link == NULL)
		return;
	n = readlinkat(p->at, p->base, target, sizeof(target) - 1);
	target[n == -1 ? 0 : n] = '\0';
	for (; p->made > 0; p->made--) {
		tree = proxies_tree(p, p->made);
		if (strcmp(target, tree) == 0)
			unlinkat(p->at, p->base, 0);
		proxies_remove_tree(p, tree);
		free(tree);
	}
	tree = proxies_lock_name(p, p->id);
	unlinkat(p->at, tree, 0);
	free(tree);
	close(p->lock);
	close(p->at);
	free(p->link);
	free(p->module);
	free(p->socket);
	free(p->call);
	free(p->exports);
	memset(p, 0, sizeof(*p));
}

int
proxy_read(const char *path, char **socket, char **module, char **function)
{
	char line[LINE_BYTES], *word[3], *p;
	struct stat st;
	int fd = env_open(path, &st), i, good;
	FILE *f = fd == -1 ? NULL : fdopen(fd, "r");

	if (f == NULL) {
		if (fd != -1)
			net_close(fd);
		return fd == -1 && errno == ENOTSUP ? fail(EINVAL) : -1;
	}
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
	*socket = proxies_text("%s%s", word[0], "", 0);
	*module = proxies_text("%s%s", word[1], "", 0);
	*function = proxies_text("%s%s", word[2], "", 0);
	return 0;
}
