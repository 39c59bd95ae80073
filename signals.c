#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "die.h"
#include "loop.h"
#include "signals.h"

#define SIGNO_MAX 64

static struct {
	signal_fn *fn;
	void *arg;
	int changed; /* no longer the default action */
} actions[SIGNO_MAX + 1];

static struct child {
	pid_t pid;
	child_fn *fn;
	void *arg;
} *children;

static size_t nchildren, children_cap;

/* All that the handler touches; a byte in the pipe ends poll(). */
static volatile sig_atomic_t raised[SIGNO_MAX + 1], any_raised;
static int pipe_fds[2] = { -1, -1 };

static void
on_signal(int signo)
{
	int saved = errno;
	ssize_t n;

	raised[signo] = 1;
	any_raised = 1;
	n = write(pipe_fds[1], "", 1); /* a full pipe ends poll() as well */
	(void)n;
	errno = saved;
}

/* A mask that we inherited must not keep the signal away. */
static void
set_action(int signo, void (*handler)(int))
{
	struct sigaction sa;
	sigset_t set;

	sa.sa_handler = handler;
	sa.sa_flags = SA_RESTART | (signo == SIGCHLD ? SA_NOCLDSTOP : 0);
	sigemptyset(&sa.sa_mask);
	if (sigaction(signo, &sa, NULL) == -1)
		die_errno(EXIT_TEMPORARY, "unable to handle signal %d", signo);
	actions[signo].changed = handler != SIG_DFL;
	sigemptyset(&set);
	sigaddset(&set, signo);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void
loop_signal(struct loop *l, int signo, signal_fn *fn, void *arg)
{
	(void)l;
	assert(signo > 0 && signo <= SIGNO_MAX && signo != SIGCHLD);
	actions[signo].fn = fn;
	actions[signo].arg = arg;
	set_action(signo, fn == NULL ? SIG_DFL : on_signal);
}

int
loop_child(struct loop *l, pid_t pid, child_fn *fn, void *arg)
{
	struct child *grown, *c;
	size_t cap;

	(void)l;
	if (nchildren == children_cap) {
		cap = children_cap == 0 ? 8 : children_cap * 2;
		if ((grown = realloc(children, cap * sizeof(*c))) == NULL)
			return -1;
		children = grown;
		children_cap = cap;
	}
	c = &children[nchildren++];
	c->pid = pid;
	c->fn = fn;
	c->arg = arg;
	/* It may have ended before anything here handled SIGCHLD. */
	raised[SIGCHLD] = 1;
	any_raised = 1;
	return 0;
}

static void
reap(void)
{
	struct child c;
	size_t i;
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < nchildren; i++)
			if (children[i].pid == pid)
				break;
		if (i == nchildren)
			continue;
		c = children[i];
		children[i] = children[--nchildren];
		c.fn(c.arg, pid, status);
	}
}

int
signals_pending(void)
{
	return any_raised;
}

void
signals_run(void)
{
	int signo;

	if (!any_raised)
		return;
	any_raised = 0;
	for (signo = 1; signo <= SIGNO_MAX; signo++) {
		if (!raised[signo])
			continue;
		raised[signo] = 0;
		if (signo == SIGCHLD)
			reap();
		else if (actions[signo].fn != NULL)
			actions[signo].fn(actions[signo].arg, signo);
	}
}

void
loop_forked(void)
{
	sigset_t none;
	int signo;

	for (signo = 1; signo <= SIGNO_MAX; signo++)
		if (actions[signo].changed)
			signal(signo, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

int
signals_open(void)
{
	int i;

	assert(pipe_fds[0] == -1);
	if (pipe(pipe_fds) == -1)
		die_errno(EXIT_TEMPORARY, "unable to open a pipe");
	for (i = 0; i < 2; i++)
		if (fcntl(pipe_fds[i], F_SETFL, O_NONBLOCK) == -1 ||
		    fcntl(pipe_fds[i], F_SETFD, FD_CLOEXEC) == -1)
			die_errno(EXIT_TEMPORARY, "unable to set up a pipe");
	set_action(SIGPIPE, SIG_IGN);
	set_action(SIGCHLD, on_signal);
	return pipe_fds[0];
}

/* The handlers go first: the pipe they write to is gone then. */
void
signals_close(void)
{
	int signo;

	for (signo = 1; signo <= SIGNO_MAX; signo++) {
		if (actions[signo].changed && signo != SIGPIPE)
			set_action(signo, SIG_DFL);
		actions[signo].fn = NULL;
		raised[signo] = 0;
	}
	any_raised = 0;
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	pipe_fds[0] = pipe_fds[1] = -1;
	free(children);
	children = NULL;
	nchildren = children_cap = 0;
}
