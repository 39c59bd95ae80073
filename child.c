#include <sys/wait.h>

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "fail.h"

#define READ_SIZE  (64 * 1024)
#define READ_TURN  (4 * READ_SIZE) /* bytes of one child a turn */
#define LINE_QUEUE (2 * CHILD_LINE_MAX)
#define INPUT_KEEP (256 * 1024) /* of memory for input, while more follows */

/* All are read through this; what is not taken is kept in the child. */
static unsigned char child_chunk[READ_SIZE];

static void
child_shut(struct child *c, struct watch *w)
{
	if (w->fd == -1)
		return;
	loop_unwatch(c->loop, w);
	close(w->fd);
	w->fd = -1;
}

/* Its input. */

static void
child_count(struct child *c)
{
	size_t n = buf_len(&c->input);

	if (c->backlog != NULL)
		*c->backlog += n - c->counted;
	c->counted = n;
}

static void
child_shut_input(struct child *c)
{
	buf_free(&c->input);
	child_count(c);
	child_shut(c, &c->in);
}

/* It is no longer of use. */
static void
child_fault(struct child *c, const char *fault)
{
	c->fault = fault;
	child_retire(c);
}

/*
 * Write what there is. A program need not read its input to the end: what it
 * does not take is dropped, and a program that more was meant for is ended.
 */
static void
child_flush(void *arg)
{
	struct child *c = arg;
	struct slice s = buf_slice(&c->input);
	ssize_t n = 0;

	if (c->in.fd == -1)
		return;
	if (s.len > 0)
		n = write(c->in.fd, s.p, s.len);
	if (n > 0)
		buf_consume(&c->input, (size_t)n);
	child_count(c);
	if (n == -1 && errno != EAGAIN && errno != EINTR) {
		child_shut_input(c);
		if (c->ops->fed != NULL)
			c->ops->fed(c, 0);
		else if (!c->eof)
			child_fault(c, "it closed its standard input");
		return;
	}
	if (n > 0 && c->ops->fed != NULL)
		c->ops->fed(c, (size_t)n);
	if (buf_len(&c->input) > 0)
		loop_watch(c->loop, &c->in);
	else if (c->eof)
		child_shut_input(c);
	else
		loop_unwatch(c->loop, &c->in);
}

static void
child_on_writable(void *arg, short revents)
{
	(void)revents;
	child_flush(arg);
}

int
child_write(struct child *c, struct slice bytes)
{
	if (c->in.fd == -1)
		return 0;
	if (buf_append(&c->input, bytes.p, bytes.len) == -1)
		return -1;
	child_count(c);
	loop_later(c->loop, &c->flush);
	return 0;
}

void
child_end_input(struct child *c)
{
	c->eof = 1;
	loop_later(c->loop, &c->flush);
}

/* Its output. */

void
child_shut_output(struct child *c)
{
	buf_free(&c->kept);
	child_shut(c, &c->out);
}

static void
child_keep(struct child *c, const unsigned char *p, size_t n)
{
	if (buf_append(&c->kept, p, n) == 0)
		return;
	c->over = 1;
	c->memory = errno == ENOMEM;
	c->fault = c->memory ? CHILD_NO_MEMORY : "it wrote more than was taken";
	buf_free(&c->kept);
	child_shut(c, &c->out);
	child_kill(c, CHILD_KILL_MS);
}

/* Show what is kept: 0, or -1 when no more may be read. */
static int
child_show_kept(struct child *c)
{
	struct slice s = buf_slice(&c->kept);
	ssize_t taken;

	if (s.len == 0 || c->paused || c->ops->output == NULL)
		return 0;
	taken = c->ops->output(c, s.p, s.len);
	if (taken == -1)
		return -1;
	buf_consume(&c->kept, (size_t)taken);
	return 0;
}

/* Most often all that was read is taken at once, and nothing is copied. */
static int
child_show(struct child *c, const unsigned char *p, size_t n)
{
	ssize_t taken;

	if (c->paused || c->ops->output == NULL || buf_len(&c->kept) > 0) {
		child_keep(c, p, n);
		return child_show_kept(c);
	}
	taken = c->ops->output(c, p, n);
	if (taken == -1)
		return -1;
	if ((size_t)taken < n)
		child_keep(c, p + taken, n - (size_t)taken);
	return 0;
}

/* Returns 1 when there may be more, 0 when there is none now, -1 at the end. */
static int
child_read_output(struct child *c)
{
	ssize_t n = read(c->out.fd, child_chunk, sizeof(child_chunk));

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0 || child_show(c, child_chunk, (size_t)n) == -1)
		return -1;
	return c->out.fd != -1 && !c->paused && n == sizeof(child_chunk);
}

static void
child_read_all(struct child *c, size_t max)
{
	size_t n;
	int more = 1;

	for (n = 0; more == 1 && c->out.fd != -1 && n < max; n += READ_SIZE)
		more = child_read_output(c);
	if (more == -1)
		child_shut(c, &c->out);
}

/* A child that still takes input but answers no more is useless; one that has
 * all of its input may go on to do something. */
static void
child_on_output(void *arg, short revents)
{
	struct child *c = arg;

	(void)revents;
	child_read_all(c, READ_TURN);
	if (c->out.fd == -1 && !c->eof && c->ops->fed == NULL)
		child_fault(c, "it closed its standard output");
}

void
child_pause(struct child *c, int paused)
{
	if (c->paused == (paused != 0))
		return;
	c->paused = paused != 0;
	if (c->paused) {
		loop_unwatch(c->loop, &c->out);
		return;
	}
	if (child_show_kept(c) == -1)
		child_shut(c, &c->out);
	else if (c->out.fd != -1 && !c->paused)
		loop_watch(c->loop, &c->out);
}

/* Its standard error. */

static void
child_say_lines(struct child *c, int all)
{
	struct slice line;
	size_t n;

	while ((n = buf_line(&c->line, CHILD_LINE_MAX, all, &line)) > 0) {
		c->ops->line(c, line);
		buf_consume(&c->line, n);
	}
}

/* Returns as child_read_output() does. */
static int
child_read_error(struct child *c)
{
	unsigned char text[CHILD_LINE_MAX];
	ssize_t n = read(c->err.fd, text, sizeof(text));

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0 || buf_append(&c->line, text, (size_t)n) == -1)
		return -1;
	child_say_lines(c, 0);
	if (c->ops->error != NULL &&
	    !c->ops->error(c, slice_of(text, (size_t)n))) {
		loop_unwatch(c->loop, &c->err);
		return 0;
	}
	return n == sizeof(text);
}

void
child_resume_error(struct child *c)
{
	if (c->err.fd != -1)
		loop_watch(c->loop, &c->err);
}

static void
child_read_errors(struct child *c)
{
	size_t n;
	int more = 1;

	for (n = 0; more == 1 && n < READ_SIZE; n += CHILD_LINE_MAX)
		more = child_read_error(c);
	if (more == -1)
		child_shut(c, &c->err);
}

static void
child_on_error(void *arg, short revents)
{
	(void)revents;
	child_read_errors(arg);
}

/* The end. */

/* All but what is kept. */
static void
child_close(struct child *c)
{
	loop_untimer(c->loop, &c->timer);
	loop_unlater(c->loop, &c->flush);
	child_shut_input(c);
	child_shut(c, &c->out);
	child_shut(c, &c->err);
	buf_free(&c->line);
}

void
child_free(struct child *c)
{
	child_close(c);
	buf_free(&c->kept);
}

static void
child_finish(struct child *c)
{
	child_close(c);
	c->ops->ended(c);
}

/* The rest of its group is being killed: a process that has one of its pipes
 * open is not gone yet. Nobody wants what it writes now. */
static void
child_on_rest(void *arg, short revents)
{
	struct child *c = arg;
	struct watch *w[2] = { &c->out, &c->err };
	ssize_t n;
	int i;

	(void)revents;
	for (i = 0; i < 2; i++) {
		if (w[i]->fd == -1)
			continue;
		n = read(w[i]->fd, child_chunk, sizeof(child_chunk));
		if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
			child_shut(c, w[i]);
	}
	if (c->out.fd == -1 && c->err.fd == -1)
		child_finish(c);
}

static void
child_on_rest_over(void *arg)
{
	child_finish(arg);
}

/* Wait until the pipes are closed, or not at all if that cannot be seen. */
static void
child_await_rest(struct child *c)
{
	child_shut_input(c);
	c->out.fn = c->err.fn = child_on_rest;
	c->timer.fn = child_on_rest_over;
	if ((c->out.fd != -1 && loop_watch(c->loop, &c->out) == -1) ||
	    (c->err.fd != -1 && loop_watch(c->loop, &c->err) == -1) ||
	    loop_timer(c->loop, &c->timer,
		loop_now(c->loop) + CHILD_REST_MS) == -1)
		child_finish(c);
}

/* What it wrote before its end is still in the pipes, at most what they hold,
 * unless a child of its own goes on writing. */
static void
child_on_ended(void *arg, pid_t pid, int status)
{
	struct child *c = arg;
	/* It was told to end with all that it started, and can no longer see to
	 * that. */
	int rest = c->signalled && c->group;

	assert(pid == c->pid);
	if (rest)
		kill(-pid, SIGKILL);
	c->pid = 0;
	c->status = status;
	c->paused = 0;
	if (child_show_kept(c) == 0)
		child_read_all(c, CHILD_KEPT_MAX);
	if (c->err.fd != -1)
		child_read_errors(c);
	child_say_lines(c, 1);
	if (rest && (c->out.fd != -1 || c->err.fd != -1))
		child_await_rest(c);
	else
		child_finish(c);
}

void
child_signal(const struct child *c, int signo)
{
	if (c->pid > 0)
		kill(c->group ? -c->pid : c->pid, signo);
}

static void
child_on_timer(void *arg)
{
	struct child *c = arg;

	if (!c->signalled)
		child_kill(c, c->grace_ms);
	else
		child_signal(c, SIGKILL);
}

void
child_kill(struct child *c, int64_t grace_ms)
{
	int64_t due = loop_now(c->loop) + grace_ms;

	if (c->pid == 0)
		return;
	c->eof = 1;
	if (!c->signalled)
		child_signal(c, SIGTERM);
	else if (c->timer.slot != 0 && c->timer.due <= due)
		return;
	c->signalled = 1;
	child_shut_input(c);
	if (loop_timer(c->loop, &c->timer, due) == -1)
		child_signal(c, SIGKILL); /* or nothing would end it */
}

int
child_limit(struct child *c, int64_t ms, int64_t grace_ms)
{
	c->grace_ms = grace_ms;
	return loop_timer(c->loop, &c->timer, loop_now(c->loop) + ms);
}

void
child_retire(struct child *c)
{
	if (c->pid == 0 || c->signalled)
		return;
	c->eof = 1;
	loop_later(c->loop, &c->flush);
	if (c->timer.slot == 0)
		child_limit(c, CHILD_RETIRE_MS, CHILD_KILL_MS);
}

const char *
child_status(const struct child *c, char *buf, size_t size)
{
	if (c->signalled && c->fault != NULL)
		snprintf(buf, size, "%s", c->fault);
	else if (WIFSIGNALED(c->status))
		snprintf(buf, size, "killed by signal %d (%s)",
		    WTERMSIG(c->status), strsignal(WTERMSIG(c->status)));
	else
		snprintf(buf, size, "exit status %d", WEXITSTATUS(c->status));
	return buf;
}

/* The start. */

static void
child_init_watch(struct child *c, struct watch *w, short events, watch_fn *fn)
{
	memset(w, 0, sizeof(*w));
	w->fd = -1;
	w->events = events;
	w->fn = fn;
	w->arg = c;
}

static void
child_init(struct child *c, struct loop *loop)
{
	c->loop = loop;
	c->pid = 0;
	c->status = 0;
	c->counted = 0;
	c->grace_ms = 0;
	c->fault = NULL;
	c->group = c->eof = c->over = c->memory = 0;
	c->paused = c->signalled = 0;
	child_init_watch(c, &c->in, POLLOUT, child_on_writable);
	child_init_watch(c, &c->out, POLLIN, child_on_output);
	child_init_watch(c, &c->err, POLLIN, child_on_error);
	memset(&c->timer, 0, sizeof(c->timer));
	c->timer.fn = child_on_timer;
	memset(&c->flush, 0, sizeof(c->flush));
	c->flush.fn = child_flush;
	c->timer.arg = c->flush.arg = c;
	buf_init(&c->input, (size_t)4 * MSG_MAX);
	buf_init(&c->kept, CHILD_KEPT_MAX);
	buf_init(&c->line, LINE_QUEUE);
}

/* A pipe whose one end is the watch's, as of program_pipe(). It is closed with
 * the child. */
static int
child_open_pipe(struct watch *w, int ours, int *theirs)
{
	w->fd = program_pipe(ours, theirs);
	return w->fd == -1 ? -1 : 0;
}

/* The pipe is empty, so usually the whole body fits at once. */
static int
child_put_body(struct child *c, struct slice body)
{
	ssize_t n = 0;

	if (body.len > 0)
		n = write(c->in.fd, body.p, body.len);
	if (n == -1)
		n = 0;
	body.p += n;
	body.len -= (size_t)n;
	if (body.len > 0 && buf_append(&c->input, body.p, body.len) == -1)
		return -1;
	child_count(c);
	return 0;
}

static int
child_open_pipes(struct child *c, struct program_start *s, unsigned pipes,
    struct slice body)
{
	if (pipes & CHILD_OUTPUT && child_open_pipe(&c->out, 0, &s->out) == -1)
		return -1;
	if (pipes & CHILD_ERROR && child_open_pipe(&c->err, 0, &s->err) == -1)
		return -1;
	if (pipes & CHILD_INPUT || body.len > 0)
		return child_open_pipe(&c->in, 1, &s->in) == -1 ? -1 :
		    child_put_body(c, body);
	if (s->in == -1)
		s->in = program_null();
	return s->in == -1 ? -1 : 0;
}

static void
child_close_theirs(const struct child *c, const struct program_start *s)
{
	if (c->in.fd != -1)
		close(s->in);
	if (c->out.fd != -1)
		close(s->out);
	if (c->err.fd != -1)
		close(s->err);
}

static int
child_follow(struct child *c)
{
	if ((c->out.fd != -1 && loop_watch(c->loop, &c->out) == -1) ||
	    (c->err.fd != -1 && loop_watch(c->loop, &c->err) == -1))
		return -1;
	if (buf_len(&c->input) > 0) {
		if (loop_watch(c->loop, &c->in) == -1)
			return -1;
	} else if (c->eof) {
		child_shut_input(c);
	}
	return loop_child(c->loop, c->pid, child_on_ended, c);
}

int
child_start(struct child *c, struct loop *loop,
    const struct program_start *start, unsigned pipes, struct slice body)
{
	struct program_start s = *start;
	int error;

	child_init(c, loop);
	c->group = s.group != 0;
	c->eof = !(pipes & CHILD_INPUT);
	c->input.keep = c->eof ? 0 : INPUT_KEEP;
	if (child_open_pipes(c, &s, pipes, body) == 0 &&
	    (c->pid = program_start(&s)) == -1)
		c->pid = 0;
	error = errno;
	child_close_theirs(c, &s);
	if (c->pid > 0 && child_follow(c) == 0)
		return 0;
	if (c->pid > 0) {
		/* Nobody would see it end, so it must not run. */
		error = errno;
		child_signal(c, SIGKILL);
		waitpid(c->pid, NULL, 0);
		c->pid = 0;
	}
	child_free(c);
	return fail(error);
}
