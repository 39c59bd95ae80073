#include <sys/wait.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fail.h"
#include "worker.h"

#define READ_SIZE (64 * 1024)
#define READ_TURN (4 * READ_SIZE) /* bytes of one worker a turn */
#define LINE_QUEUE (2 * WORKER_LINE_MAX)
#define KEEP	   (16 * 1024) /* of memory for requests, while more follow */

/* All workers read through this; what is not taken is kept in the worker. */
static unsigned char chunk[READ_SIZE];

static void on_output(void *, short);
static void on_writable(void *, short);
static void on_error(void *, short);
static void on_timer(void *);
static void on_flush(void *);

/* Pipes. */

static void
close_pipe(int fd[2])
{
	int i;

	for (i = 0; i < 2; i++) {
		if (fd[i] != -1)
			close(fd[i]);
		fd[i] = -1;
	}
}

/* A pipe to or from the child; ours (0 or 1) is the end that we keep, which
 * does not block. */
static int
open_pipe(int fd[2], int ours)
{
	if (pipe(fd) == -1) {
		fd[0] = fd[1] = -1;
		return -1;
	}
	if (fcntl(fd[0], F_SETFD, FD_CLOEXEC) == -1 ||
	    fcntl(fd[1], F_SETFD, FD_CLOEXEC) == -1 ||
	    fcntl(fd[ours], F_SETFL, O_NONBLOCK) == -1) {
		close_pipe(fd);
		return -1;
	}
	return 0;
}

/* Standard input of what has nothing to read. */
static int
null_fd(void)
{
	static int fd = -1;

	if (fd == -1)
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return fd;
}

static void
init_watch(struct worker *w, struct watch *p, short events, watch_fn *fn)
{
	memset(p, 0, sizeof(*p));
	p->fd = -1;
	p->events = events;
	p->fn = fn;
	p->arg = w;
}

static void
shut(struct worker *w, struct watch *p)
{
	if (p->fd == -1)
		return;
	loop_unwatch(w->loop, p);
	close(p->fd);
	p->fd = -1;
}

/* The request. */

static void
count(struct worker *w)
{
	size_t n = buf_len(&w->request);

	*w->backlog += n - w->counted;
	w->counted = n;
}

static void
shut_input(struct worker *w)
{
	buf_free(&w->request);
	count(w);
	shut(w, &w->out);
}

/*
 * Write what there is. A program need not read its input to the end: what it
 * does not take is dropped, and one that was to take more is ended.
 */
static void
flush(struct worker *w)
{
	struct slice s = buf_slice(&w->request);
	ssize_t n = 0;

	if (w->out.fd == -1)
		return;
	if (s.len > 0)
		n = write(w->out.fd, s.p, s.len);
	if (n > 0)
		buf_consume(&w->request, (size_t)n);
	count(w);
	if (n == -1 && errno != EAGAIN && errno != EINTR) {
		shut_input(w);
		if (!w->eof)
			worker_retire(w);
		return;
	}
	if (buf_len(&w->request) > 0)
		loop_watch(w->loop, &w->out);
	else if (w->eof)
		shut_input(w);
	else
		loop_unwatch(w->loop, &w->out);
}

static void
on_flush(void *arg)
{
	flush(arg);
}

static void
on_writable(void *arg, short revents)
{
	(void)revents;
	flush(arg);
}

int
worker_write(struct worker *w, struct slice bytes)
{
	if (w->out.fd == -1)
		return 0;
	if (buf_append(&w->request, bytes.p, bytes.len) == -1)
		return -1;
	*w->backlog += bytes.len;
	w->counted += bytes.len;
	loop_later(w->loop, &w->flush);
	return 0;
}

/* The output. */

static void
too_much(struct worker *w)
{
	w->over = 1;
	buf_free(&w->output);
	shut(w, &w->in);
	worker_kill(w, WORKER_KILL_MS);
}

static void
keep(struct worker *w, const unsigned char *p, size_t n)
{
	if (n > w->output_max - buf_len(&w->output) ||
	    buf_append(&w->output, p, n) == -1)
		too_much(w);
}

/* Show what is kept: 0, or -1 when no more is to be read. */
static int
show_kept(struct worker *w)
{
	struct slice s = buf_slice(&w->output);
	ssize_t taken;

	if (s.len == 0 || w->paused || w->ops->input == NULL)
		return 0;
	taken = w->ops->input(w, s.p, s.len);
	if (taken == -1)
		return -1;
	buf_consume(&w->output, (size_t)taken);
	return 0;
}

/* Most often all that was read is taken at once, and nothing is copied. */
static int
take(struct worker *w, const unsigned char *p, size_t n)
{
	ssize_t taken = 0;

	if (w->ops->input != NULL && !w->paused && buf_len(&w->output) == 0) {
		taken = w->ops->input(w, p, n);
		if (taken == -1)
			return -1;
		n -= (size_t)taken;
		if (n > 0)
			keep(w, p + taken, n);
		return 0;
	}
	keep(w, p, n);
	return show_kept(w);
}

/* Returns 1 when there may be more, 0 when there is none now, -1 at the end. */
static int
read_output(struct worker *w)
{
	ssize_t n = read(w->in.fd, chunk, sizeof(chunk));

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0 || take(w, chunk, (size_t)n) == -1)
		return -1;
	return w->in.fd != -1 && !w->paused && (size_t)n == sizeof(chunk);
}

static void
read_all(struct worker *w, size_t max)
{
	size_t n;
	int more = 1;

	for (n = 0; more == 1 && w->in.fd != -1 && n < max; n += READ_SIZE)
		more = read_output(w);
	if (more == -1)
		shut(w, &w->in);
}

/* A worker that answers no more is of no use; a request's own process may go
 * on to do something. */
static void
on_output(void *arg, short revents)
{
	struct worker *w = arg;

	(void)revents;
	read_all(w, READ_TURN);
	if (w->in.fd == -1 && !w->eof)
		worker_retire(w);
}

void
worker_pause(struct worker *w, int paused)
{
	if (w->paused == (paused != 0))
		return;
	w->paused = paused != 0;
	if (w->paused) {
		loop_unwatch(w->loop, &w->in);
		return;
	}
	if (show_kept(w) == -1)
		shut(w, &w->in);
	else if (w->in.fd != -1 && !w->paused)
		loop_watch(w->loop, &w->in);
}

/* Standard error. */

static void
say_lines(struct worker *w, int all)
{
	struct slice s;
	const unsigned char *end;
	size_t len;

	while ((s = buf_slice(&w->line)).len > 0) {
		end = memchr(s.p, '\n', s.len);
		if (end == NULL && s.len < WORKER_LINE_MAX && !all)
			return;
		len = end == NULL ? s.len : (size_t)(end - s.p);
		if (len > WORKER_LINE_MAX)
			len = WORKER_LINE_MAX;
		w->ops->line(w, slice_of(s.p, len));
		buf_consume(&w->line,
		    end == s.p + len ? len + 1 : len);
	}
}

/* Returns as read_output(). */
static int
read_error(struct worker *w)
{
	unsigned char text[WORKER_LINE_MAX];
	ssize_t n = read(w->err.fd, text, sizeof(text));

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		return -1;
	if (buf_append(&w->line, text, (size_t)n) == -1)
		return -1;
	say_lines(w, 0);
	return (size_t)n == sizeof(text);
}

static void
read_errors(struct worker *w, size_t max)
{
	size_t n;
	int more = 1;

	for (n = 0; more == 1 && n < max; n += WORKER_LINE_MAX)
		more = read_error(w);
	if (more == -1)
		shut(w, &w->err);
}

static void
on_error(void *arg, short revents)
{
	(void)revents;
	read_errors(arg, READ_SIZE);
}

/* The end. */

static void
close_all(struct worker *w)
{
	loop_untimer(w->loop, &w->timer);
	loop_unlater(w->loop, &w->flush);
	shut_input(w);
	shut(w, &w->in);
	shut(w, &w->err);
	buf_free(&w->line);
}

/* What it wrote before its end is still in the pipes, and no more than they
 * hold, unless a child of its own goes on writing. */
static void
on_ended(void *arg, pid_t pid, int status)
{
	struct worker *w = arg;

	assert(pid == w->pid);
	/* It was to end with all that it started, and is not there to see to
	 * that any more. */
	if (w->signalled)
		kill(-pid, SIGKILL);
	w->pid = 0;
	w->status = status;
	w->paused = 0;
	if (show_kept(w) == 0 && w->in.fd != -1)
		read_all(w, WORKER_OUTPUT_MAX);
	if (w->err.fd != -1)
		read_errors(w, READ_SIZE);
	say_lines(w, 1);
	close_all(w);
	w->ops->ended(w);
}

void
worker_abort(struct worker *w)
{
	close_all(w);
	buf_free(&w->output);
}

static void
on_timer(void *arg)
{
	struct worker *w = arg;

	if (w->pid == 0)
		return;
	if (!w->signalled)
		worker_kill(w, w->grace_ms);
	else
		kill(-w->pid, SIGKILL);
}

void
worker_kill(struct worker *w, int64_t grace_ms)
{
	int64_t due = loop_now(w->loop) + grace_ms;

	if (w->pid == 0)
		return;
	w->eof = 1;
	if (!w->signalled)
		kill(-w->pid, SIGTERM);
	else if (w->timer.slot != 0 && w->timer.due <= due)
		return;
	w->signalled = 1;
	shut_input(w);
	loop_timer(w->loop, &w->timer, due);
}

void
worker_retire(struct worker *w)
{
	if (w->pid == 0 || w->signalled)
		return;
	w->eof = 1;
	loop_later(w->loop, &w->flush);
	w->grace_ms = WORKER_KILL_MS;
	if (w->timer.slot == 0)
		loop_timer(w->loop, &w->timer,
		    loop_now(w->loop) + WORKER_RETIRE_MS);
}

/* The start. */

static void
reset(struct worker *w, struct loop *loop)
{
	w->loop = loop;
	w->pid = 0;
	w->status = 0;
	w->counted = 0;
	w->grace_ms = 0;
	w->eof = w->over = w->paused = w->signalled = 0;
	init_watch(w, &w->in, POLLIN, on_output);
	init_watch(w, &w->out, POLLOUT, on_writable);
	init_watch(w, &w->err, POLLIN, on_error);
	memset(&w->timer, 0, sizeof(w->timer));
	w->timer.fn = on_timer;
	w->timer.arg = w;
	memset(&w->flush, 0, sizeof(w->flush));
	w->flush.fn = on_flush;
	w->flush.arg = w;
	buf_init(&w->output, WORKER_OUTPUT_MAX);
	buf_init(&w->request, (size_t)4 * MSG_MAX);
	buf_init(&w->line, LINE_QUEUE);
}

/* The pipe is empty, so usually the whole body fits at once. */
static int
put_body(struct worker *w, struct slice body)
{
	ssize_t n = 0;

	if (body.len > 0)
		n = write(w->out.fd, body.p, body.len);
	if (n == -1)
		n = 0;
	body.p += n;
	body.len -= (size_t)n;
	if (body.len > 0 && buf_append(&w->request, body.p, body.len) == -1)
		return -1;
	count(w);
	return 0;
}

/* The child's ends in theirs; ours are in the worker. */
static int
open_pipes(struct worker *w, struct program_start *l, struct slice body, int more)
{
	int in[2] = { -1, -1 }, out[2], err[2];

	if (open_pipe(out, 0) == -1)
		return -1;
	w->in.fd = out[0];
	l->out = out[1];
	if (open_pipe(err, 0) == -1)
		return -1;
	w->err.fd = err[0];
	l->err = err[1];
	if (body.len == 0 && !more) {
		l->in = null_fd();
		return l->in == -1 ? -1 : 0;
	}
	if (open_pipe(in, 1) == -1)
		return -1;
	w->out.fd = in[1];
	l->in = in[0];
	return put_body(w, body);
}

static void
close_theirs(const struct program_start *l)
{
	if (l->in != -1 && l->in != null_fd())
		close(l->in);
	if (l->out != -1)
		close(l->out);
	if (l->err != -1)
		close(l->err);
}

static int
follow(struct worker *w)
{
	if (loop_watch(w->loop, &w->in) == -1 ||
	    loop_watch(w->loop, &w->err) == -1)
		return -1;
	if (buf_len(&w->request) > 0) {
		if (loop_watch(w->loop, &w->out) == -1)
			return -1;
	} else if (w->eof) {
		shut_input(w);
	}
	return loop_child(w->loop, w->pid, on_ended, w);
}

int
worker_start(struct worker *w, struct loop *loop, const struct program_start *launched,
    struct slice body, int more)
{
	struct program_start l = *launched;
	int error;

	reset(w, loop);
	w->eof = !more;
	w->request.keep = more ? KEEP : 0;
	l.in = l.out = l.err = -1;
	l.group = 1;
	if (open_pipes(w, &l, body, more) == 0 && (w->pid = program_start(&l)) == -1)
		w->pid = 0;
	error = errno;
	close_theirs(&l);
	if (w->pid > 0 && follow(w) == 0)
		return 0;
	if (w->pid > 0) {
		/* It cannot be watched, so it cannot be let run. */
		error = errno;
		kill(-w->pid, SIGKILL);
		waitpid(w->pid, NULL, 0);
		w->pid = 0;
	}
	worker_abort(w);
	return fail(error);
}

const char *
worker_status(int status, char *buf, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(buf, size, "killed by signal %d (%s)",
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(buf, size, "exit status %d", WEXITSTATUS(status));
	return buf;
}
