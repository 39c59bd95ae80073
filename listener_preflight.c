#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "listener_preflight.h"
#include "worker.h"

#define OUTPUT_MAX 4096
#define HOW_MAX    128 /* of worker_status() */

struct trial {
	struct worker worker;
	struct timer passed;
	trial_fn *fn; /* NULL: the verdict was given, or is not wanted */
	void *arg;
	size_t backlog;
	int due; /* its time is up, but for a last look */
	char said[TRIAL_LINE_MAX + 1];
	struct trial *next;
};

/* Those whose process is there. */
static struct trial *trials;

/* What it writes is nobody's. */
static ssize_t
on_input(struct worker *w, const unsigned char *p, size_t n)
{
	(void)w;
	(void)p;
	return (ssize_t)n;
}

static void
on_line(struct worker *w, struct slice line)
{
	struct trial *t = w->arg;

	if (line.len == 0)
		return;
	if (line.len > TRIAL_LINE_MAX)
		line.len = TRIAL_LINE_MAX;
	memcpy(t->said, line.p, line.len);
	t->said[line.len] = '\0';
}

static void
release(struct trial *t)
{
	struct trial **link = &trials;

	while (*link != t)
		link = &(*link)->next;
	*link = t->next;
	loop_untimer(t->worker.loop, &t->passed);
	worker_abort(&t->worker);
	free(t);
}

static void
on_ended(struct worker *w)
{
	struct trial *t = w->arg;
	trial_fn *fn = t->fn;
	void *arg = t->arg;
	char how[HOW_MAX], why[HOW_MAX + TRIAL_LINE_MAX + 32];

	worker_status(w->status, how, sizeof(how));
	snprintf(why, sizeof(why), "ended at once: %s%s%s", how,
	    t->said[0] != '\0' ? ": " : "", t->said);
	release(t);
	if (fn != NULL)
		fn(arg, why);
}

/* The time is up. Timers run before ends of children are told, so if this one
 * is late the end may have come already: wait for one more turn. */
static void
on_passed(void *arg)
{
	struct trial *t = arg;
	trial_fn *fn = t->fn;

	if (!t->due) {
		t->due = 1;
		loop_timer(t->worker.loop, &t->passed,
		    loop_now(t->worker.loop));
		return;
	}
	t->fn = NULL;
	worker_retire(&t->worker);
	fn(t->arg, NULL);
}

static const struct worker_ops ops = { on_input, on_line, on_ended };

struct trial *
trial_start(struct loop *loop, const struct program_start *l, trial_fn *fn, void *arg)
{
	struct trial *t = calloc(1, sizeof(*t));
	int error;

	if (t == NULL)
		return NULL;
	t->worker.ops = &ops;
	t->worker.arg = t;
	t->worker.backlog = &t->backlog;
	t->worker.output_max = OUTPUT_MAX;
	t->passed.fn = on_passed;
	t->passed.arg = t;
	t->fn = fn;
	t->arg = arg;
	if (worker_start(&t->worker, loop, l, slice_of(NULL, 0), 1) == -1) {
		error = errno;
		free(t);
		errno = error;
		return NULL;
	}
	t->next = trials;
	trials = t;
	loop_timer(loop, &t->passed, loop_now(loop) + TRIAL_MS);
	return t;
}

void
trial_stop(struct trial *t)
{
	t->fn = NULL;
	loop_untimer(t->worker.loop, &t->passed);
	worker_retire(&t->worker);
}

void
trial_end_all(void)
{
	struct trial *t, *next;

	for (t = trials; t != NULL; t = next) {
		next = t->next;
		kill(-t->worker.pid, SIGKILL);
		release(t);
	}
}
