#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "log.h"
#include "net.h"
#include "program.h"
#include "env.h"

#define PRIVATE	 (S_IRUSR | S_IWUSR | S_IXUSR)
#define OTHERS	 (S_IRWXG | S_IRWXO)
#define LINK_BYTES 4096 /* of what a symbolic link names */
#define LINKS_MAX  16	/* that lead from one to the next */

/* Where this program is: the directory of argv[0], and the one of the file that
 * this is a symbolic link to. NULL: not known. */
static char *program_dir, *program_real_dir;

static char *
env_join(const char *a, const char *between, const char *b)
{
	size_t n = strlen(a) + strlen(between) + strlen(b) + 1;
	char *s = malloc(n);

	if (s == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	snprintf(s, n, "%s%s%s", a, between, b);
	return s;
}

/* NULL with errno where the working directory cannot be told. */
static char *
env_from_here(const char *path)
{
	char here[4096];

	if (path[0] == '/')
		return env_join(path, "", "");
	return getcwd(here, sizeof(here)) == NULL ? NULL :
	    env_join(here, "/", path);
}

char *
env_absolute(const char *path)
{
	char *s = env_from_here(path);

	if (s == NULL)
		die_errno(EXIT_TEMPORARY, "unable to tell the working "
		    "directory: give %s by a path that begins with a slash",
		    path);
	return s;
}

int
env_open(const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int error = 0;

	if (fd == -1)
		return -1;
	if (fstat(fd, st) == -1)
		error = errno;
	else if (!S_ISREG(st->st_mode))
		error = ENOTSUP;
	if (error == 0)
		return fd;
	close(fd);
	return fail(error);
}

const char *
env_open_why(int error)
{
	return error == ENOTSUP || error == ENXIO ? "it is not a regular file" :
	    strerror(error);
}

void
env_random(void *p, size_t n)
{
	static int fd = -1;
	unsigned char *to = p;
	ssize_t r;

	if (fd == -1) {
		if ((fd = open("/dev/urandom", O_RDONLY)) == -1 ||
		    fcntl(fd, F_SETFD, FD_CLOEXEC) == -1)
			die_errno(EXIT_TEMPORARY, "unable to open "
			    "/dev/urandom");
	}
	while (n > 0) {
		r = read(fd, to, n);
		if (r == -1 && errno == EINTR)
			continue;
		if (r <= 0)
			die_errno(EXIT_TEMPORARY, "unable to read "
			    "/dev/urandom");
		to += r;
		n -= (size_t)r;
	}
}

/* The run directory. */

/* That of root: macOS and the BSDs have no /run. */
static char *
env_root_dir(void)
{
	struct stat st;

#ifndef SYSTEM_PLAIN
	if (stat("/run", &st) == 0 && S_ISDIR(st.st_mode))
		return env_join("/run", "/", "lambda");
#endif
	return env_join(stat("/var/run", &st) == 0 ? "/var/run" : "/tmp", "/",
	    "lambda");
}

static char *
env_choose_dir(void)
{
	const char *env = getenv("LAMBDA_RUN");
	char text[64];

	if (env != NULL && *env != '\0')
		return env_absolute(env);
	if (getuid() == 0)
		return env_root_dir();
	env = getenv("XDG_RUNTIME_DIR");
	if (env != NULL && *env == '/')
		return env_join(env, "/", "lambda");
	snprintf(text, sizeof(text), "/tmp/lambda-%ld", (long)getuid());
	return env_join(text, "", "");
}

static void
env_check_dir(const char *dir)
{
	struct stat st;

	if (lstat(dir, &st) == -1)
		die_errno(EXIT_TEMPORARY, "unable to look at %s", dir);
	if (!S_ISDIR(st.st_mode))
		die(EXIT_USAGE, "%s is not a directory: remove it, or set "
		    "LAMBDA_RUN to a directory of your own", dir);
	if (st.st_uid != geteuid())
		die(EXIT_USAGE, "%s belongs to another user: set LAMBDA_RUN "
		    "to a directory of your own", dir);
	if (st.st_mode & OTHERS)
		die(EXIT_USAGE, "%s is open to others: chmod 700 it, or set "
		    "LAMBDA_RUN to a directory of your own", dir);
}

const char *
env_dir(void)
{
	static char *dir;

	if (dir != NULL)
		return dir;
	dir = env_choose_dir();
	if (mkdir(dir, PRIVATE) == -1 && errno != EEXIST)
		die_errno(EXIT_TEMPORARY, "unable to make the run directory "
		    "%s (LAMBDA_RUN names another)", dir);
	env_check_dir(dir);
	return dir;
}

void
env_socket(struct addr *a, const char *name)
{
	char *path = env_join(env_dir(), "/", name);
	const char *why;

	if (addr_parse(a, path, strlen(path), 0, &why) == -1)
		die(EXIT_USAGE, "%s: %s: set LAMBDA_RUN to a shorter one",
		    path, why);
	free(path);
}

void
env_plb_socket(struct addr *a, const char *module)
{
	char *name = env_join(module, "", ".plb");

	env_socket(a, name);
	free(name);
}

void
env_broker_socket(struct addr *a, const char *given)
{
	const char *why;

	if (given == NULL)
		given = getenv("LAMBDA_BROKER");
	if (given == NULL || *given == '\0')
		env_socket(a, "broker");
	else if (strchr(given, '/') == NULL)
		die(EXIT_USAGE, "the broker's socket %s: give the path of its "
		    "Unix socket, with a slash", given);
	else if (addr_parse(a, given, strlen(given), 0, &why) == -1)
		die(EXIT_USAGE, "the broker's socket %s: %s", given, why);
}

/* The key. */

#define WHY_MAX	 512
#define MAKE_KEY "(umask 077; head -c 32 /dev/urandom >%s)" /* path */

/* 0, or -1 with a sentence in why. */
static int
env_key_check(const char *path, const struct stat *st, char *why, size_t size)
{
	if (st->st_uid != geteuid() && st->st_uid != 0)
		snprintf(why, size, "the key %s belongs to another user: "
		    "name a copy of your own, of mode 600", path);
	else if (st->st_mode & OTHERS)
		snprintf(why, size, "the key %s can be read by others: chmod "
		    "600 it, or name a copy of that mode where it cannot be "
		    "changed, as in a mounted secret", path);
	else if (st->st_size < KEY_MIN)
		snprintf(why, size, "the key %s is shorter than %d bytes: make "
		    "one with " MAKE_KEY, path, KEY_MIN, path);
	else if (st->st_size > KEY_MAX)
		snprintf(why, size, "the key %s is longer than %d bytes: make "
		    "one with " MAKE_KEY, path, KEY_MAX, path);
	else
		return 0;
	return -1;
}

static int
env_different(const unsigned char *p, size_t n)
{
	char seen[256] = { 0 };
	int different = 0;

	for (; n > 0; n--, p++) {
		different += !seen[*p];
		seen[*p] = 1;
	}
	return different;
}

/* Read the whole key from fd: 0, or -1 with a sentence in why. */
static int
env_key_fill(struct key_file *key, int fd, const char *path, char *why,
    size_t size)
{
	ssize_t n;

	if ((key->bytes = malloc(KEY_MAX)) == NULL) {
		snprintf(why, size, "out of memory");
		return -1;
	}
	n = read(fd, key->bytes, KEY_MAX);
	key->len = n < 0 ? 0 : (size_t)n;
	if (key->len < KEY_MIN)
		snprintf(why, size, "unable to read the key %s", path);
	else if (env_different(key->bytes, key->len) < KEY_DIFFERENT)
		snprintf(why, size, "the key %s has fewer than %d different "
		    "bytes, and can be guessed: make one with "
		    MAKE_KEY, path, KEY_DIFFERENT, path);
	else
		return 0;
	free(key->bytes);
	key->bytes = NULL;
	return -1;
}

static int
env_key_read(struct key_file *key, const char *path, char *why, size_t size)
{
	struct stat st;
	int fd = env_open(path, &st), r;

	if (fd == -1 && errno == ENOENT)
		snprintf(why, size, "there is no key %s: make one with "
		    MAKE_KEY ", and copy it to every host", path, path);
	else if (fd == -1)
		snprintf(why, size, "unable to open the key %s: %s", path,
		    env_open_why(errno));
	if (fd == -1)
		return -1;
	r = env_key_check(path, &st, why, size);
	if (r == 0)
		r = env_key_fill(key, fd, path, why, size);
	close(fd);
	return r;
}

/* Make it whole under another name, then link it: of two processes that start
 * at once, one makes the key and both use it. */
static void
env_key_make(const char *path)
{
	unsigned char bytes[KEY_MIN];
	char *temp = env_join(path, ".", "XXXXXX");
	int fd, error = 0;

	env_random(bytes, sizeof(bytes));
	if ((fd = mkstemp(temp)) == -1)
		die_errno(EXIT_TEMPORARY, "unable to make the key %s", path);
	errno = ENOSPC; /* of a write that is cut short */
	/* On the disk before it has its name: a short key would stay. */
	if (write(fd, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes) ||
	    fsync(fd) == -1 || close(fd) == -1 ||
	    (link(temp, path) == -1 && errno != EEXIST))
		error = errno;
	unlink(temp);
	free(temp);
	if (error != 0) {
		errno = error;
		die_errno(EXIT_TEMPORARY, "unable to make the key %s", path);
	}
}

/* Those of LAMBDA_KEY, in a copy that stays. */
static void
env_key_split(struct key_names *names, const char *value)
{
	char *p = env_join(value, "", "");

	while (p != NULL) {
		if (names->n == KEYS_MAX)
			die(EXIT_USAGE, "LAMBDA_KEY=%s: at most %d key files",
			    value, KEYS_MAX);
		names->at[names->n++] = p;
		if ((p = strchr(p, ':')) != NULL)
			*p++ = '\0';
	}
}

/* The run directory's own, made where there is none. */
static void
env_key_own(struct key_names *names)
{
	char *path = env_join(env_dir(), "/", "key");

	if (access(path, F_OK) == -1 && errno == ENOENT)
		env_key_make(path);
	names->at[names->n++] = path;
}

static void
env_key_free(struct key *key)
{
	size_t i;

	for (i = 0; i < key->n; i++)
		free(key->files[i].bytes);
	key->n = 0;
}

/* Is the key after the last one equal to one before it? */
static int
env_key_is_twice(const struct key *key)
{
	const struct key_file *last = &key->files[key->n], *f = key->files;

	while (f < last && (f->len != last->len ||
	    memcmp(f->bytes, last->bytes, f->len) != 0))
		f++;
	return f < last;
}

/* Two files of the same key are one key. 0, or -1 with a sentence in why, and
 * key has none. */
static int
env_key_read_all(struct key *key, const struct key_names *names, char *why,
    size_t size)
{
	size_t i;

	for (key->n = i = 0; i < names->n; i++) {
		if (env_key_read(&key->files[key->n], names->at[i], why,
		    size) == -1) {
			env_key_free(key);
			return -1;
		}
		if (env_key_is_twice(key))
			free(key->files[key->n].bytes);
		else
			key->n++;
	}
	return 0;
}

/* Which files; for the life of the process. */
static const struct key_names *
env_key_names(const struct key_names *given, int *shared)
{
	static struct key_names names;
	const char *value = getenv("LAMBDA_KEY");

	*shared = 1;
	if (given != NULL && given->n > 0)
		return given;
	if (names.n == 0 && value != NULL && *value != '\0')
		env_key_split(&names, value);
	*shared = value != NULL && *value != '\0';
	if (names.n == 0)
		env_key_own(&names);
	return &names;
}

void
env_key(struct key *key, const struct key_names *given)
{
	const struct key_names *names = env_key_names(given, &key->shared);
	char why[WHY_MAX];

	if (env_key_read_all(key, names, why, sizeof(why)) == -1)
		die(EXIT_USAGE, "%s", why);
}

int
env_key_again(struct key *key, const struct key_names *given, char *why,
    size_t size)
{
	struct key fresh;
	const struct key_names *names = env_key_names(given, &fresh.shared);

	if (env_key_read_all(&fresh, names, why, size) == -1)
		return -1;
	env_key_free(key);
	*key = fresh;
	return 0;
}

int
env_key_allows(const struct key *key, const struct addr *a)
{
	return key->shared || addr_is_loopback(a) ? 0 : -1;
}

void
env_key_need(const struct key *key, int letter, const struct addr *a)
{
	char text[ADDR_TEXT_MAX];

	if (env_key_allows(key, a) == -1)
		die(EXIT_USAGE, "-%c %s: it is not on loopback, so both sides "
		    "need a key of yours: give -k keyfile", letter,
		    addr_print(a, text));
}

/* Sockets. */

void
env_nothing_fits(const char *what)
{
	int n = net_passed();

	if (n > 0)
		die(EXIT_USAGE, "LISTEN_FDS=%d: none of them is a listening "
		    "%s socket: let the supervisor pass one, or none", n, what);
}

void
env_all_fit(size_t n, size_t max)
{
	if (n > max)
		die(EXIT_USAGE, "LISTEN_FDS: %zu TCP sockets: let the "
		    "supervisor pass %zu at most", n, max);
}

/* Programs. */

/* The path's directory, which keeps the memory. */
static char *
env_cut(char *path)
{
	char *slash = strrchr(path, '/');

	slash[slash == path] = '\0';
	return path;
}

/* What the symbolic link leads to, as the caller's to free(); NULL: it is no
 * link. */
static char *
env_link(const char *path)
{
	char target[LINK_BYTES];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	char *dir, *to;

	if (n <= 0)
		return NULL;
	target[n] = '\0';
	if (target[0] == '/')
		return env_join(target, "", "");
	dir = env_cut(env_join(path, "", ""));
	to = env_join(dir, "/", target);
	free(dir);
	return to;
}

/* Its siblings alone depend on it, so nothing here dies. */
void
env_argv0(const char *argv0)
{
	int bare = argv0 != NULL && strchr(argv0, '/') == NULL, i;
	char *path, *found = bare ? program_find(argv0) : NULL, *to;

	if (bare ? found == NULL : argv0 == NULL)
		return;
	path = env_from_here(bare ? found : argv0);
	free(found);
	if (path != NULL && !bare)
		program_dir = env_cut(env_join(path, "", ""));
	for (i = 0; i < LINKS_MAX && path != NULL; i++) {
		if ((to = env_link(path)) == NULL)
			break;
		free(path);
		path = to;
	}
	if (path != NULL)
		program_real_dir = env_cut(path);
}

/* In that directory, or NULL. */
static char *
env_beside(const char *dir, const char *name)
{
	char *path = dir == NULL ? NULL : env_join(dir, "/", name);

	if (path != NULL && program_is_executable(path))
		return path;
	free(path);
	return NULL;
}

char *
env_sibling(const char *name)
{
	char *path = env_beside(program_dir, name), *found;

	if (path != NULL ||
	    (path = env_beside(program_real_dir, name)) != NULL)
		return path;
	if ((found = program_find(name)) == NULL)
		die(EXIT_USAGE, "unable to find %s: install it beside %s, or "
		    "in a directory of PATH", name, die_progname());
	free(found);
	return env_join(name, "", "");
}

/* Where a time has a fraction, the old name stands for a part of it. */
int
env_same_file(const struct stat *a, const struct stat *b)
{
#if defined(st_mtime) && !defined(SYSTEM_PLAIN)
	if (a->st_mtim.tv_nsec != b->st_mtim.tv_nsec)
		return 0;
#endif
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
	    a->st_size == b->st_size && a->st_mtime == b->st_mtime;
}

unsigned
env_counted(long n)
{
	if (n >= 1)
		return (unsigned)n;
	log_info("unable to tell the number of processors: using 1; set it "
	    "with -c");
	return 1;
}

/* POSIX has no name for this count, though most systems have. */
unsigned
env_processors(void)
{
	long n = -1;

#if defined(_SC_NPROCESSORS_ONLN) && !defined(SYSTEM_PLAIN)
	n = sysconf(_SC_NPROCESSORS_ONLN);
#endif
	return env_counted(n);
}
