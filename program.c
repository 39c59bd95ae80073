#include <sys/resource.h>
#include <sys/stat.h>

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "env.h"
#include "log.h"
#include "loop.h"
#include "net.h"
#include "program.h"

/* As execvp() does where PATH is not set. */
#define PATH_DEFAULT "/bin:/usr/bin"
#ifndef SYSTEM_PLAIN
#define FD_DIR "/dev/fd"
#else
#define FD_DIR "/dev/null/fd" /* as where there is none */
#endif
#define VARIABLE     "LAMBDA_PROGRAM"
#define SIGNALS_MAX  64
#define SHUT_MAX     65536 /* descriptors, where they cannot be listed */
#define CORE_BYTES   1
#if defined(RLIMIT_CORE) && defined(RLIMIT_NOFILE) && !defined(SYSTEM_PLAIN)
#define LIMITS
#endif

extern char **environ;

static void program_hide_core(void);

/* The start. */

void
program_init(struct program_start *s, char *const *argv, char *const *env)
{
	int i;

	memset(s, 0, sizeof(*s));
	s->argv = argv;
	s->env = env;
	s->in = s->out = s->err = -1;
	for (i = 0; i < PROGRAM_KEEP; i++)
		s->keep[i] = -1;
}

static int
program_move_fd(posix_spawn_file_actions_t *actions, int from, int to)
{
	if (from == -1)
		return 0;
	assert(from > 2);
	return posix_spawn_file_actions_adddup2(actions, from, to);
}

/* An exec resets handlers but not ignored signals. Those that the loop ignores
 * are reset here; what we were started with ignored (nohup) stays ignored. */
static int
program_set_attr(const struct program_start *s, posix_spawnattr_t *attr)
{
	short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
	sigset_t none, ignored;
	int error;

	sigemptyset(&none);
	sigemptyset(&ignored);
	sigaddset(&ignored, SIGPIPE);
#ifdef SIGXFSZ
	sigaddset(&ignored, SIGXFSZ);
#endif
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

/* Set these flags on the descriptors that are passed on. There is one thread,
 * so nothing else forks in between. */
static void
program_keep(const struct program_start *s, int flags)
{
	int i;

	for (i = 0; i < PROGRAM_KEEP; i++)
		if (s->keep[i] != -1)
			fcntl(s->keep[i], F_SETFD, flags);
}

static int
program_exec(const struct program_start *s, const char *path,
    const posix_spawnattr_t *attr, pid_t *pid)
{
	posix_spawn_file_actions_t actions;
	int error;

	if ((error = posix_spawn_file_actions_init(&actions)) != 0)
		return error;
	if ((error = program_move_fd(&actions, s->in, 0)) == 0 &&
	    (error = program_move_fd(&actions, s->out, 1)) == 0 &&
	    (error = program_move_fd(&actions, s->err, 2)) == 0) {
		program_keep(s, 0);
		program_give_back();
		error = posix_spawn(pid, path, &actions, attr, s->argv,
		    s->env);
		program_hide_core();
		program_keep(s, FD_CLOEXEC);
	}
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

static pid_t
program_spawn(const struct program_start *s, const char *path)
{
	posix_spawnattr_t attr;
	pid_t pid = -1;
	int error;

	if ((error = posix_spawnattr_init(&attr)) == 0) {
		if ((error = program_set_attr(s, &attr)) == 0)
			error = program_exec(s, path, &attr, &pid);
		posix_spawnattr_destroy(&attr);
	}
	errno = error;
	return error == 0 ? pid : -1;
}

const char *
program_fd_name(int fd, char name[PROGRAM_FD_NAME])
{
	snprintf(name, PROGRAM_FD_NAME, FD_DIR "/%d", fd);
	return name;
}

/* The name under which a new descriptor for the file, with an offset of its
 * own, is open: that descriptor, which is not close-on-exec, or -1. */
static int
program_file_reopen(const struct program_file *f, char name[PROGRAM_FD_NAME])
{
	int fd = open(program_fd_name(f->fd, name), O_RDONLY | O_NONBLOCK);

	if (fd != -1)
		program_fd_name(fd, name);
	return fd;
}

/* By its path, as long as it has it; $0 is right then. */
static pid_t
program_file_spawn(const struct program_start *s)
{
	const struct program_file *f = s->file;
	char name[PROGRAM_FD_NAME];
	struct stat st;
	pid_t pid;
	int fd, error;

	if (stat(f->path, &st) == 0 && st.st_dev == f->dev &&
	    st.st_ino == f->ino)
		return program_spawn(s, f->path);
	if ((fd = program_file_reopen(f, name)) == -1)
		return -1;
	pid = program_spawn(s, name);
	error = errno;
	close(fd);
	errno = error;
	return pid;
}

static pid_t
program_fork(const struct program_start *s)
{
	pid_t pid = fork();

	if (pid == 0) {
		loop_forked();
		program_give_back();
		if (s->group)
			setpgid(0, 0);
		if ((s->in != -1 && dup2(s->in, 0) == -1) ||
		    (s->out != -1 && dup2(s->out, 1) == -1) ||
		    (s->err != -1 && dup2(s->err, 2) == -1))
			_exit(1);
		_exit(s->call(s->what));
	}
	/* Parent and child both set it, so neither depends on the other's
	 * timing. */
	if (pid > 0 && s->group)
		setpgid(pid, pid);
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

	if (s->call != NULL)
		return program_fork(s);
	if (s->file != NULL && s->file->fd != -1)
		return program_file_spawn(s);
	if ((path = program_find(s->argv[0])) == NULL)
		return -1;
	pid = program_spawn(s, path);
	error = errno;
	free(path);
	errno = error;
	return pid;
}

/* The environment. */

static int
program_is_listed(const char *entry, const char *const *names)
{
	size_t len = strcspn(entry, "=");

	for (; *names != NULL; names++)
		if (strlen(*names) == len && memcmp(entry, *names, len) == 0)
			return 1;
	return 0;
}

static size_t
program_count(char *const *list)
{
	size_t n = 0;

	while (list != NULL && list[n] != NULL)
		n++;
	return n;
}

char **
program_environ(enum program_whom whom, char *const *extra)
{
	static const char *const ours[] = { "LISTEN_FDS", "LISTEN_PID",
		"LISTEN_FDNAMES", "NOTIFY_SOCKET", "LAMBDA_CONTROL", VARIABLE,
		NULL };
	static const char *const secret[] = { "LAMBDA_KEY", "LAMBDA_BROKER",
		"LAMBDA_RUN", NULL };
	size_t n = program_count(extra);
	char **e, **env;

	env = malloc((n + program_count(environ) + 1) * sizeof(*env));
	if (env == NULL)
		return NULL;
	if (n > 0)
		memcpy(env, extra, n * sizeof(*env));
	for (e = environ; *e != NULL; e++)
		if (!program_is_listed(*e, ours) &&
		    !(whom == PROGRAM_WORKER && program_is_listed(*e, secret)))
			env[n++] = *e;
	env[n] = NULL;
	return env;
}

/* Where a program is. */

static char *
program_join(const char *dir, size_t len, const char *name)
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
	errno = S_ISDIR(st.st_mode) ? EISDIR : EACCES;
	return 0;
}

/* EACCES is of a file that was found. A directory that may not be searched has
 * no program for us, and is passed over as one that is not there; so is a
 * directory of the program's name. */
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
		if ((path = program_join(dir, len, program)) == NULL)
			return NULL;
		if (program_is_executable(path))
			return path;
		if (errno != EISDIR && access(path, F_OK) == 0)
			error = EACCES;
		free(path);
		if (dir[len] == '\0')
			break;
	}
	errno = error;
	return NULL;
}

const char *
program_limit(int error)
{
	static char why[256];

	snprintf(why, sizeof(why), "%s%s", strerror(error), error == EAGAIN ?
	    ": its user, or its container, has as many processes as it may: "
	    "raise that limit, or run less at once" :
	    error == EMFILE || error == ENFILE ? ": raise the limit of "
	    "descriptors (ulimit -n), or run less at once" : "");
	return why;
}

void
program_unable(const char *program, int error, char *why, size_t size)
{
	const char *advice = "";
	char *path = error == ENOENT ? program_find(program) : NULL;

	if (error == EACCES && strchr(program, '/') != NULL &&
	    !program_is_executable(program))
		error = errno; /* exec(2) says the same of a directory */
	if (path != NULL)
		advice = ": what its #! line names, or its loader, is not "
			 "there";
	else if (error == ENOENT && strchr(program, '/') == NULL)
		advice = ": look at PATH where it is published";
	snprintf(why, size, "unable to run %s: %s%s", program,
	    program_limit(error), advice);
	free(path);
}

/* A program's file. */

static void
program_file_shut(struct program_file *f)
{
	if (f->fd != -1)
		close(f->fd);
	f->fd = -1;
}

/* Note which file it is. If that cannot be known, it is not kept open. */
static void
program_file_identify(struct program_file *f)
{
	struct stat st;

	if (f->fd == -1)
		return;
	if (fstat(f->fd, &st) == -1) {
		program_file_shut(f);
		return;
	}
	f->dev = st.st_dev;
	f->ino = st.st_ino;
}

int
program_file_open(struct program_file *f, const char *program)
{
	memset(f, 0, sizeof(*f));
	f->fd = -1;
	if ((f->path = program_find(program)) == NULL)
		return -1;
	f->fd = open(f->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	program_file_identify(f);
	return 0;
}

void
program_file_close(struct program_file *f)
{
	program_file_shut(f);
	free(f->path);
	f->path = NULL;
}

int
program_file_equal(const struct program_file *a, const struct program_file *b)
{
	if (a->fd == -1 || b->fd == -1)
		return a->fd == b->fd && a->path != NULL && b->path != NULL &&
		    strcmp(a->path, b->path) == 0;
	return a->dev == b->dev && a->ino == b->ino;
}

int
program_file_runs(const struct program_file *f)
{
	char name[PROGRAM_FD_NAME];
	struct program_file again;

	if (f->fd == -1)
		return 0;
	again.fd = program_file_reopen(f, name);
	program_file_identify(&again);
	if (again.fd == -1)
		return 0;
	close(again.fd);
	return program_file_equal(f, &again);
}

char *
program_file_text(const struct program_file *f)
{
	char *text;
	size_t size;

	if (f->fd == -1)
		return NULL;
	size = sizeof(VARIABLE) + strlen(f->path) + 16;
	if ((text = malloc(size)) != NULL)
		snprintf(text, size, "%s=%d:%s", VARIABLE, f->fd, f->path);
	return text;
}

void
program_file_take(struct program_file *f)
{
	const char *value = getenv(VARIABLE);
	char *path;
	long fd;

	memset(f, 0, sizeof(*f));
	f->fd = -1;
	if (value == NULL)
		return;
	errno = 0;
	fd = strtol(value, &path, 10);
	if (errno != 0 || fd < 3 || fd > 65535 || *path != ':' ||
	    fcntl((int)fd, F_SETFD, FD_CLOEXEC) == -1)
		die(EXIT_USAGE, VARIABLE "=%s: it is lambda-listener's to "
		    "set: leave it unset", value);
	f->fd = (int)fd;
	if ((f->path = strdup(path + 1)) == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	unsetenv(VARIABLE);
	program_file_identify(f);
}

/* Our own descriptors. */

int
program_null(void)
{
	static int fd = -1;

	if (fd == -1)
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	return fd;
}

int
program_pipe(int ours, int *theirs)
{
	int fd[2], error;

	if (pipe(fd) == -1)
		return -1;
	if (fcntl(fd[0], F_SETFD, FD_CLOEXEC) == 0 &&
	    fcntl(fd[1], F_SETFD, FD_CLOEXEC) == 0 &&
	    fcntl(fd[ours], F_SETFL, O_NONBLOCK) == 0) {
		*theirs = fd[!ours];
		return fd[ours];
	}
	error = errno;
	close(fd[0]);
	close(fd[1]);
	errno = error;
	return -1;
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

/* What is inherited. */

/* nohup(1) and a shell without job control have these ignored on purpose. */
static int
program_may_ignore(int signo)
{
	static const int background[] = { SIGHUP, SIGINT, SIGQUIT, SIGTSTP,
		SIGTTIN, SIGTTOU };
	size_t i;

	for (i = 0; i < sizeof(background) / sizeof(background[0]); i++)
		if (background[i] == signo)
			return 1;
	return 0;
}

static void
program_on_end(int signo)
{
	_exit(128 + signo);
}

static void
program_reset_signals(void)
{
	static const int ends[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
	struct sigaction sa;
	sigset_t none;
	size_t i;
	int signo;

	for (signo = 1; signo <= SIGNALS_MAX; signo++)
		if (!program_may_ignore(signo) &&
		    sigaction(signo, NULL, &sa) == 0 &&
		    sa.sa_handler == SIG_IGN)
			signal(signo, SIG_DFL);
	for (i = 0; getpid() == 1 && i < sizeof(ends) / sizeof(ends[0]); i++)
		if (sigaction(ends[i], NULL, &sa) == 0 &&
		    sa.sa_handler == SIG_DFL)
			signal(ends[i], program_on_end);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Limits are XSI. Without them a core dump is not prevented, and there are as
 * many descriptors as there are. */

#ifdef LIMITS
static rlim_t core_before; /* the soft limit that we had */
static int core_changed;

static void
program_limit_core(rlim_t bytes)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_CORE, &r) == -1)
		return;
	r.rlim_cur = bytes > r.rlim_max ? r.rlim_max : bytes;
	setrlimit(RLIMIT_CORE, &r);
}
#endif

static void
program_hide_core(void)
{
#ifdef LIMITS
	struct rlimit r;

	if (!core_changed && getrlimit(RLIMIT_CORE, &r) == 0) {
		core_before = r.rlim_cur;
		core_changed = 1;
	}
	if (core_changed)
		program_limit_core(CORE_BYTES);
#endif
}

void
program_give_back(void)
{
#ifdef LIMITS
	if (core_changed)
		program_limit_core(core_before);
#endif
}

void
program_raise_descriptors(void)
{
#ifdef LIMITS
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur != r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
#endif
}

static void
program_shut(long fd)
{
	if (fd > STDERR_FILENO && fcntl((int)fd, F_GETFD) != -1)
		fcntl((int)fd, F_SETFD, FD_CLOEXEC);
}

/* A list of our descriptors is believed where it has the one it is read by. */
static int
program_shut_listed(void)
{
	DIR *d = opendir(FD_DIR);
	struct dirent *e;
	int found = 0;
	long fd;

	if (d == NULL)
		return 0;
	while ((e = readdir(d)) != NULL) {
		fd = strtol(e->d_name, NULL, 10);
		if (fd == dirfd(d))
			found = 1;
		program_shut(fd);
	}
	closedir(d);
	return found;
}

static void
program_shut_all(void)
{
	size_t fd, n;

	if (program_shut_listed())
		return;
	n = net_descriptors();
	for (fd = 0; fd < n && fd < SHUT_MAX; fd++)
		program_shut((long)fd);
}

void
program_begin(char *const *argv, unsigned flags)
{
	die_name(argv[0]);
	if (flags & PROGRAM_PRINTS && fcntl(STDOUT_FILENO, F_GETFD) == -1)
		die_errno(EXIT_TEMPORARY, "unable to write standard output");
	if (!(flags & PROGRAM_OURS)) {
		program_reserve();
		program_reset_signals();
		umask(umask(0) & (S_IRWXG | S_IRWXO));
	}
	program_hide_core();
	if (!(flags & (PROGRAM_OURS | PROGRAM_PASS)))
		program_shut_all();
	env_argv0(argv[0]);
}
