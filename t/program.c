#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program.h"
#include "t/check.h"

/* What sh prints when it runs the script, and its exit status. */
static int
run_sh(const char *script, struct program_start *l, char *out, size_t size)
{
	char *argv[] = { "sh", "-c", NULL, NULL };
	int fd[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	argv[2] = (char *)(uintptr_t)script;
	l->argv = argv;
	assert_int_equal(pipe(fd), 0);
	fcntl(fd[0], F_SETFD, FD_CLOEXEC);
	fcntl(fd[1], F_SETFD, FD_CLOEXEC);
	l->out = fd[1];
	pid = program_start(l);
	assert_true(pid > 0);
	close(fd[1]);
	while ((n = read(fd[0], out + len, size - 1 - len)) > 0)
		len += (size_t)n;
	out[len] = '\0';
	close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

UNIT(test_run)
{
	char **env = program_environ(PROGRAM_OWN, NULL), out[100];
	struct program_start l;
	int status, in;

	assert_non_null(env);
	program_init(&l, NULL, env);
	in = open("/dev/null", O_RDONLY);
	assert_true(in > 2);
	l.in = in;
	status = run_sh("cat; echo hello; exit 7", &l, out, sizeof(out));
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
	assert_string_equal(out, "hello\n");
	close(in);
	free(env);
}

/* Our end does not block, whichever it is, and the program's does. */
UNIT(test_pipe)
{
	int ours, fd, theirs;
	char c;

	for (ours = 0; ours < 2; ours++) {
		theirs = -1;
		fd = program_pipe(ours, &theirs);
		assert_true(fd > 2);
		assert_true(theirs > 2);
		assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
		assert_false(fcntl(theirs, F_GETFL) & O_NONBLOCK);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		assert_true(fcntl(theirs, F_GETFD) & FD_CLOEXEC);
		assert_int_equal(write(ours ? fd : theirs, "x", 1), 1);
		assert_int_equal(read(ours ? theirs : fd, &c, 1), 1);
		close(fd);
		close(theirs);
	}
}

/* Only what is to be kept is passed on, and is ours alone again then. */
UNIT(test_keep)
{
	char **env = program_environ(PROGRAM_OWN, NULL), out[100], script[100];
	struct program_start l;
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	fcntl(fd[0], F_SETFD, FD_CLOEXEC);
	fcntl(fd[1], F_SETFD, FD_CLOEXEC);
	program_init(&l, NULL, env);
	l.keep[0] = fd[1];
	snprintf(script, sizeof(script), "for i in %d %d; do (: >&$i) "
	    "2>/dev/null && echo $i; done; :", fd[0], fd[1]);
	run_sh(script, &l, out, sizeof(out));
	assert_int_equal(atoi(out), fd[1]);
	assert_ptr_equal(strchr(out, '\n'), strrchr(out, '\n'));
	assert_true(fcntl(fd[1], F_GETFD) & FD_CLOEXEC);
	l.keep[0] = -1;
	run_sh(script, &l, out, sizeof(out));
	assert_string_equal(out, "");
	close(fd[0]);
	close(fd[1]);
	free(env);
}

/* The exec's own failure is ours to hear, without a child to wait for. */
UNIT(test_missing)
{
	char *argv[] = { "no-such-program-anywhere", NULL };
	char **env = program_environ(PROGRAM_OWN, NULL);
	struct program_start l;

	program_init(&l, argv, env);
	errno = 0;
	assert_int_equal(program_start(&l), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(waitpid(-1, NULL, 0), -1);
	assert_int_equal(errno, ECHILD);
	argv[0] = "/dev/null";
	assert_int_equal(program_start(&l), -1);
	assert_int_equal(errno, EACCES);
	free(env);
}

/* SIGPIPE, which we ignore, ends a child as it should; nothing is blocked. */
UNIT(test_signals)
{
	char **env = program_environ(PROGRAM_OWN, NULL), out[100];
	struct program_start l;
	sigset_t set;
	int status;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	program_init(&l, NULL, env);
	status = run_sh("kill -PIPE $$; echo alive", &l, out, sizeof(out));
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGPIPE);
	status = run_sh("kill -TERM $$; echo alive", &l, out, sizeof(out));
	assert_true(WIFSIGNALED(status));
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	free(env);
}

static void
write_script(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(path, 0700);
}

static void
hold(struct program_file *h, char *path)
{
	struct stat st;

	h->path = path;
	h->fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(fstat(h->fd, &st), 0);
	h->dev = st.st_dev;
	h->ino = st.st_ino;
}

/* Whatever has the name, or nothing: what is held is run, from its start each
 * time, and under its name as long as it has it. */
UNIT(test_held)
{
	char dir[] = "/tmp/lambda-program.XXXXXX", path[64], other[64];
	char **env = program_environ(PROGRAM_OWN, NULL), out[100];
	struct program_file file;
	struct program_start l;
	int i;

#ifdef SYSTEM_PLAIN
	skip(); /* it is run by its name alone */
#endif
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/prog", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	write_script(path, "#!/bin/sh\necho \"old $0\"\n");
	hold(&file, path);
	program_init(&l, NULL, env);
	l.file = &file;
	run_sh("", &l, out, sizeof(out));
	assert_memory_equal(out, "old /tmp/", 9);
	write_script(other, "#!/bin/sh\necho \"new $0\"\n");
	assert_int_equal(rename(other, path), 0);
	for (i = 0; i < 2; i++) {
		run_sh("", &l, out, sizeof(out));
		assert_memory_equal(out, "old /dev/fd/", 12);
	}
	unlink(path);
	run_sh("", &l, out, sizeof(out));
	assert_memory_equal(out, "old /dev/fd/", 12);
	/* Of the same file it is as it would be without. valgrind makes a
	 * fork() of posix_spawn(), so that it does not tell. */
	close(file.fd);
	write_script(path, "#!/bin/sh\necho three\n");
	hold(&file, path);
	chmod(path, 0600);
	errno = 0;
	if (getenv("CHECK_UNDER") == NULL &&
	    (getuid() != 0 || access(path, X_OK) == -1)) {
		char *argv[] = { path, NULL };

		l.argv = argv;
		l.out = -1;
		assert_int_equal(program_start(&l), -1);
		assert_int_equal(errno, EACCES);
	}
	close(file.fd);
	unlink(path);
	rmdir(dir);
	free(env);
}

UNIT(test_group)
{
	char *argv[] = { "sleep", "600", NULL };
	char **env = program_environ(PROGRAM_OWN, NULL);
	struct program_start l;
	pid_t pid;
	int status;

	program_init(&l, argv, env);
	l.group = 1;
	pid = program_start(&l);
	assert_true(pid > 0);
	assert_int_equal(getpgid(pid), pid);
	assert_int_equal(kill(-pid, SIGTERM), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WTERMSIG(status), SIGTERM);
	free(env);
}

static int
has(char **env, const char *entry)
{
	for (; *env != NULL; env++)
		if (strncmp(*env, entry, strlen(entry)) == 0)
			return 1;
	return 0;
}

UNIT(test_environ)
{
	char first[] = "LAMBDA_CONTROL=7", second[] = "LAMBDA_PROGRAM=8:y";
	char *extra[] = { first, second, NULL }, **env;

	setenv("LAMBDA_KEY", "/k", 1);
	setenv("LAMBDA_BROKER", "/b", 1);
	setenv("LAMBDA_RUN", "/r", 1);
	setenv("LISTEN_FDS", "1", 1);
	setenv("LISTEN_PID", "1", 1);
	setenv("NOTIFY_SOCKET", "/n", 1);
	setenv("LAMBDA_CONTROL", "3", 1);
	env = program_environ(PROGRAM_OWN, extra);
	assert_ptr_equal(env[0], first);
	assert_ptr_equal(env[1], second);
	assert_true(has(env, "LAMBDA_KEY=/k"));
	assert_true(has(env, "LAMBDA_BROKER=/b"));
	assert_true(has(env, "LAMBDA_RUN=/r"));
	assert_false(has(env, "LISTEN_"));
	assert_false(has(env, "NOTIFY_SOCKET"));
	assert_false(has(env + 2, "LAMBDA_CONTROL"));
	assert_true(has(env, "PATH="));
	free(env);
	env = program_environ(PROGRAM_WORKER, NULL);
	assert_false(has(env, "LAMBDA_KEY"));
	assert_false(has(env, "LAMBDA_BROKER"));
	assert_false(has(env, "LAMBDA_CONTROL"));
	assert_false(has(env, "LAMBDA_RUN"));
	free(env);
	setenv("LAMBDA_PROGRAM", "9:x", 1);
	extra[1] = NULL;
	env = program_environ(PROGRAM_OWN, extra);
	assert_ptr_equal(env[0], first);
	assert_false(has(env, "LAMBDA_PROGRAM"));
	assert_true(has(env, "PATH="));
	free(env);
}

UNIT(test_find)
{
	char dir[] = "/tmp/lambda-program.XXXXXX", file[64], path[256];
	char *found;

	found = program_find("sh");
	assert_non_null(found);
	assert_int_equal(found[0], '/');
	assert_int_equal(access(found, X_OK), 0);
	free(found);
	assert_null(program_find("no-such-program-anywhere"));
	assert_int_equal(errno, ENOENT);
	assert_null(program_find("/no/such/program"));
	assert_int_equal(errno, ENOENT);
	/* One that is there and no program; a directory is none either. */
	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/prog", dir);
	close(open(file, O_WRONLY | O_CREAT, 0600));
	assert_null(program_find(dir));
	assert_null(program_find(file));
	assert_int_equal(errno, EACCES);
	snprintf(path, sizeof(path), "/no/such:%s", dir);
	setenv("PATH", path, 1);
	assert_null(program_find("prog"));
	assert_int_equal(errno, EACCES);
	chmod(file, 0700);
	found = program_find("prog");
	assert_string_equal(found, file);
	free(found);
	unlink(file);
	rmdir(dir);
}

/* What program_find() has for an ordinary user, to whom the directory is
 * closed: 0, or the errno. */
static int
find_as_user(const char *program)
{
	int status;
	char *path;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (getuid() == 0 && (setgid(65534) == -1 ||
		    setuid(65534) == -1))
			_exit(255);
		path = program_find(program);
		status = path == NULL ? errno : 0;
		free(path);
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* A directory that may not be searched is not a program that may not be
 * executed, and it hides nothing that comes after it. */
UNIT(test_closed)
{
	char dir[] = "/tmp/lambda-program.XXXXXX", path[256];
	char file[64];

	assert_non_null(mkdtemp(dir));
	snprintf(file, sizeof(file), "%s/prog", dir);
	write_script(file, "#!/bin/sh\n");
	chmod(dir, 0);
	snprintf(path, sizeof(path), "%s:/bin:/usr/bin", dir);
	setenv("PATH", path, 1);
	if (find_as_user("sh") == 255) {
		chmod(dir, 0700);
		unlink(file);
		rmdir(dir);
		skip();
	}
	assert_int_equal(find_as_user("sh"), 0);
	assert_int_equal(find_as_user("prog"), ENOENT);
	assert_int_equal(find_as_user(file), EACCES);
	chmod(dir, 0755);
	chmod(file, 0600);
	assert_int_equal(find_as_user("prog"), EACCES);
	unlink(file);
	rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run),
		cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_keep),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_group),
		cmocka_unit_test(test_environ),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_closed),
	};

	program_reserve();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
