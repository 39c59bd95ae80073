#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bootstrap_child.h"
#include "buf.h"

#define KILL_MS	   1000 /* from SIGTERM to SIGKILL */
#define CHUNK	   65536
#define REASON_BYTES 128

struct job {
	struct asker *all;
	struct job *next;
	int number;
	pid_t pid;
	struct watch watch; /* its standard output; fd -1: closed */
	struct timer timer;
	struct buf output;
	size_t passed; /* bytes of it, as whole lines */
	char reason[REASON_BYTES]; /* why it is ended; or empty */
	int64_t limit_ms;
};

/* The whole group: a shell's children too. */
static void
end(struct job *k, const char *reason)
{
	struct loop *loop = k->all->loop;

	if (k->reason[0] != '\0')
		return;
	snprintf(k->reason, sizeof(k->reason), "%s", reason);
	kill(-k->pid, SIGTERM);
	loop_timer(loop, &k->timer, loop_now(loop) + KILL_MS);
}

static void
on_timer(void *arg)
{
	struct job *k = arg;
	char text[REASON_BYTES];

	if (k->reason[0] != '\0') {
		kill(-k->pid, SIGKILL);
		return;
	}
	snprintf(text, sizeof(text), "not done in %ld seconds: ended",
	    (long)(k->limit_ms / 1000));
	end(k, text);
}

static void
close_output(struct job *k)
{
	if (k->watch.fd == -1)
		return;
	loop_unwatch(k->all->loop, &k->watch);
	close(k->watch.fd);
	k->watch.fd = -1;
}

/* What is there, CHUNK bytes at most: 0 when that was all for now. */
static int
take(struct job *k)
{
	char text[REASON_BYTES];
	size_t room = ASKER_OUTPUT_MAX - buf_len(&k->output);
	void *to;
	ssize_t n;

	if (room > CHUNK)
		room = CHUNK;
	to = room == 0 ? NULL : buf_reserve(&k->output, room);
	if (to == NULL) {
		snprintf(text, sizeof(text), "it printed more than %d bytes: "
		    "ended", ASKER_OUTPUT_MAX);
		end(k, room == 0 ? text : strerror(errno));
		close_output(k);
		return 0;
	}
	n = read(k->watch.fd, to, room);
	if (n > 0)
		buf_commit(&k->output, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		close_output(k);
	return n > 0;
}

static void
pass_on(struct job *k)
{
	struct slice all = buf_slice(&k->output);
	size_t end = all.len;

	while (end > k->passed && all.p[end - 1] != '\n')
		end--;
	if (end == k->passed)
		return;
	all = slice_of(all.p + k->passed, end - k->passed);
	k->passed = end;
	k->all->lines(k->all->arg, k->number, all);
}

static void
on_output(void *arg, short revents)
{
	struct job *k = arg;

	(void)revents;
	take(k);
	pass_on(k);
}

static void
job_free(struct job *k)
{
	struct job **p;

	for (p = &k->all->head; *p != k; p = &(*p)->next)
		;
	*p = k->next;
	loop_untimer(k->all->loop, &k->timer);
	close_output(k);
	buf_free(&k->output);
	free(k);
}

/* The end of the process counts and not that of its output, which something
 * that it left behind may hold. */
static void
on_ended(void *arg, pid_t pid, int status)
{
	struct job *k = arg;
	struct asker *a = k->all;

	while (k->watch.fd != -1 && take(k))
		;
	/* With its leader the time is over for those of the group that did
	 * not end at SIGTERM. */
	if (k->reason[0] != '\0')
		kill(-pid, SIGKILL);
	if (k->reason[0] == '\0' && WIFSIGNALED(status))
		snprintf(k->reason, sizeof(k->reason), "ended by signal %d",
		    WTERMSIG(status));
	else if (k->reason[0] == '\0' && WEXITSTATUS(status) != 0)
		snprintf(k->reason, sizeof(k->reason), "exit status %d",
		    WEXITSTATUS(status));
	a->done(a->arg, k->number, buf_slice(&k->output),
	    k->reason[0] == '\0' ? NULL : k->reason);
	job_free(k);
}

static void
child(int fd, int (*fn)(const char *), const char *what)
{
	int null = open("/dev/null", O_RDONLY);

	loop_forked();
	setpgid(0, 0);
	if (null == -1 || dup2(null, 0) == -1 || dup2(fd, 1) == -1)
		_exit(1);
	_exit(fn(what));
}

/* Its output's end in *fd. */
static pid_t
fork_child(int (*fn)(const char *), const char *what, int *fd)
{
	int p[2];
	pid_t pid;

	if (pipe(p) == -1)
		return -1;
	if (fcntl(p[0], F_SETFD, FD_CLOEXEC) == -1 ||
	    fcntl(p[1], F_SETFD, FD_CLOEXEC) == -1 ||
	    fcntl(p[0], F_SETFL, O_NONBLOCK) == -1 || (pid = fork()) == -1) {
		close(p[0]);
		close(p[1]);
		return -1;
	}
	if (pid == 0)
		child(p[1], fn, what);
	/* Parent and child both set it, so neither depends on the other's
	 * timing. */
	setpgid(pid, pid);
	close(p[1]);
	*fd = p[0];
	return pid;
}

int
asker_start(struct asker *a, int number, int (*fn)(const char *),
    const char *what, int64_t limit_ms)
{
	struct job *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return -1;
	k->all = a;
	k->number = number;
	k->limit_ms = limit_ms;
	buf_init(&k->output, ASKER_OUTPUT_MAX);
	k->watch.fd = -1;
	k->watch.events = POLLIN;
	k->watch.fn = on_output;
	k->timer.fn = on_timer;
	k->watch.arg = k->timer.arg = k;
	k->next = a->head;
	a->head = k;
	if ((k->pid = fork_child(fn, what, &k->watch.fd)) == -1) {
		job_free(k);
		return -1;
	}
	if (loop_child(a->loop, k->pid, on_ended, k) == -1) {
		kill(-k->pid, SIGKILL);
		job_free(k);
		return -1;
	}
	/* Without memory for these it ends at once, and that is its answer. */
	if (loop_watch(a->loop, &k->watch) == -1 || loop_timer(a->loop,
	    &k->timer, loop_now(a->loop) + limit_ms) == -1)
		end(k, strerror(ENOMEM));
	return 0;
}

void
asker_stop(struct asker *a)
{
	while (a->head != NULL) {
		kill(-a->head->pid, SIGKILL);
		job_free(a->head);
	}
}
