#include <sys/stat.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "die.h"
#include "program.h"

/* As execvp() does where PATH is not set. */
#define PATH_DEFAULT "/bin:/usr/bin"
#define FD_NAME_MAX  32 /* of "/dev/fd/N" */

extern char **environ;

void
program_init(struct program_start *s, char *const *argv, char *const *env)
{
	int i;

	s->argv = argv;
	s->env = env;
	s->file = NULL;
	s->in = s->out = s->err = -1;
	for (i = 0; i < PROGRAM_KEEP; i++)
		s->keep[i] = -1;
	s->group = 0;
}

static int
move(posix_spawn_file_actions_t *actions, int from, int to)
{
	if (from == -1)
		return 0;
	assert(from > 2);
	return posix_spawn_file_actions_adddup2(actions, from, to);
}

/* An exec resets handlers but not ignored signals. SIGPIPE, which we ignore, is
 * reset here; what we were started with ignored (nohup) stays ignored. */
static int
set_attr(const struct program_start *s, posix_spawnattr_t *attr)
{
	short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
	sigset_t none, ignored;
	int error;

	sigemptyset(&none);
	sigemptyset(&ignored);
	sigaddset(&ignored, SIGPIPE);
	if ((error = posix_spawnattr_setsigmask(attr, &none)) != 0 ||
	    (error = posix_spawnattr_setsigdefault(attr, &ignored)) != 0)
		return error;
	if (s->group) {
		if ((error = posix_spawnattr_setpgroup(attr, 0)) != 0)
			return error;
		flags |= POSIX_SPAWN_SETPGROUP;
	}
	return posix_spawnattr_setflags(attr, flags);
}

/* Set these flags on the descriptors to be passed on. There is one thread, so
 * nothing else forks in between. */
static void
keep(const struct program_start *s, int flags)
{
	int i;

	for (i = 0; i < PROGRAM_KEEP; i++)
		if (s->keep[i] != -1)
			fcntl(s->keep[i], F_SETFD, flags);
}

static int
run(const struct program_start *s, const char *path, const posix_spawnattr_t *attr,
    pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int error;

	if ((error = posix_spawn_file_actions_init(&actions)) != 0)
		return error;
	if ((error = move(&actions, s->in, 0)) == 0 &&
	    (error = move(&actions, s->out, 1)) == 0 &&
	    (error = move(&actions, s->err, 2)) == 0) {
		keep(s, 0);
		error = posix_spawn(pid, path, &actions, attr, s->argv,
		    s->env);
		keep(s, FD_CLOEXEC);
	}
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

static pid_t
spawn(const struct program_start *s, const char *path)
{
	posix_spawnattr_t attr;
	pid_t pid = -1;
	int error;

	if ((error = posix_spawnattr_init(&attr)) == 0) {
		if ((error = set_attr(s, &attr)) == 0)
			error = run(s, path, &attr, &pid);
		posix_spawnattr_destroy(&attr);
	}
	errno = error;
	return error == 0 ? pid : -1;
}

int
program_reopen(int fd)
{
	char name[FD_NAME_MAX];

	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	return open(name, O_RDONLY);
}

/* By its path, as long as it has it; $0 is right then. */
static pid_t
program_file(const struct program_start *s, const struct program_file *h)
{
	char name[FD_NAME_MAX];
	struct stat st;
	pid_t pid;
	int fd, error;

	if (stat(h->path, &st) == 0 && st.st_dev == h->dev &&
	    st.st_ino == h->ino)
		return spawn(s, h->path);
	if ((fd = program_reopen(h->fd)) == -1)
		return -1;
	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	pid = spawn(s, name);
	error = errno;
	close(fd);
	errno = error;
	return pid;
}

/*
 * The program is looked for here and not by posix_spawnp(), which may say that
 * there is none by no more than the child's exit status.
 */
pid_t
program_start(const struct program_start *s)
{
	char *path;
	pid_t pid;
	int error;

	if (s->file != NULL && s->file->fd != -1)
		return program_file(s, s->file);
	if ((path = program_find(s->argv[0])) == NULL)
		return -1;
	pid = spawn(s, path);
	error = errno;
	free(path);
	errno = error;
	return pid;
}

static int
is_one_of(const char *entry, const char *const *names)
{
	size_t len = strcspn(entry, "=");

	for (; *names != NULL; names++)
		if (strlen(*names) == len && memcmp(entry, *names, len) == 0)
			return 1;
	return 0;
}

char **
program_environ(enum program_whom whom, char *extra)
{
	static const char *const ours[] = { "LISTEN_FDS", "LISTEN_PID",
		"LISTEN_FDNAMES", "NOTIFY_SOCKET", "LAMBDA_CONTROL",
		"LAMBDA_PROGRAM", NULL };
	static const char *const secret[] = { "LAMBDA_KEY", "LAMBDA_BROKER",
		NULL };
	char **env, **e;
	size_t n;

	for (n = 0; environ[n] != NULL; n++)
		;
	env = malloc((n + 2) * sizeof(*env));
	if (env == NULL)
		return NULL;
	n = 0;
	if (extra != NULL)
		env[n++] = extra;
	for (e = environ; *e != NULL; e++)
		if (!is_one_of(*e, ours) &&
		    !(whom == PROGRAM_WORKER && is_one_of(*e, secret)))
			env[n++] = *e;
	env[n] = NULL;
	return env;
}

char **
program_environ_add(char **env, char *extra)
{
	char **grown;
	size_t n = 0;

	while (env[n] != NULL)
		n++;
	if ((grown = realloc(env, (n + 2) * sizeof(*env))) == NULL)
		return NULL;
	grown[n] = extra;
	grown[n + 1] = NULL;
	return grown;
}

static char *
join(const char *dir, size_t len, const char *name)
{
	char *path = malloc(len + strlen(name) + 2);

	if (path == NULL)
		return NULL;
	memcpy(path, dir, len);
	if (len > 0)
		path[len++] = '/';
	strcpy(path + len, name);
	return path;
}

int
program_is_executable(const char *path)
{
	struct stat st;

	if (stat(path, &st) == -1)
		return 0;
	if (S_ISREG(st.st_mode) && access(path, X_OK) == 0)
		return 1;
	errno = EACCES;
	return 0;
}

/* EACCES is of a file that was found. A directory that may not be searched has
 * no program for us, and is passed over as one that is not there. */
char *
program_find(const char *program)
{
	const char *dir = getenv("PATH");
	char *path;
	size_t len;
	int error = ENOENT;

	if (strchr(program, '/') != NULL)
		return program_is_executable(program) ? strdup(program) : NULL;
	if (dir == NULL)
		dir = PATH_DEFAULT;
	for (;; dir += len + 1) {
		len = strcspn(dir, ":");
		if ((path = join(dir, len, program)) == NULL)
			return NULL;
		if (program_is_executable(path))
			return path;
		if (access(path, F_OK) == 0)
			error = EACCES;
		free(path);
		if (dir[len] == '\0')
			break;
	}
	errno = error;
	return NULL;
}

void
program_output(void)
{
	if (fcntl(STDOUT_FILENO, F_GETFD) == -1)
		die_errno(EXIT_TEMPORARY, "unable to write standard output");
}

void
program_reserve(void)
{
	int fd;

	do {
		if ((fd = open("/dev/null", O_RDWR)) == -1)
			die_errno(EXIT_TEMPORARY, "unable to open /dev/null");
	} while (fd <= 2);
	close(fd);
}
