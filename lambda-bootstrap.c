/*
 * lambda-bootstrap: prints addresses of authorities, or of brokers that know
 * one, a line each, as its sources give them.
 */

#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bootstrap.h"
#include "child.h"
#include "lines.h"
#include "program.h"
#include "log.h"
#include "loop.h"
#include "opt.h"
#include "bootstrap_resolve.h"
#include "env.h"

#define INTERVAL_MS 30000
#define LOOK_MS	    1000 /* at files, whether they changed */
#define EXEC_MS	    10000 /* that a command may take */
#define JOB_KILL_MS 1000  /* from SIGTERM to SIGKILL */
#define OUTPUT_MAX  (1024 * 1024) /* bytes that a resolver may print */
#define FILE_MAX    (1024 * 1024)
#define LINES_HELD  65536 /* that the reader has not taken */
#define SYNOPSIS    "[-1hqv] [-i seconds] source ..."

/* A source that is resolved takes its time, so it has a process beside the
 * loop, which leads a process group: a shell's children belong to it. */
struct job {
	struct child child;
	struct printer *printer;
	int number;	/* of the source */
	size_t passed;	/* bytes of its output, as whole lines */
	const char *bad; /* what is wrong with its output, or NULL */
};

struct printer {
	struct loop *loop;
	struct bootstrap *core;
	struct job job[BOOTSTRAP_SOURCES_MAX]; /* by the source's number */
	struct latest output;
	struct timer timer, look;
	struct later deliver;
	int64_t interval_ms;
	int once;
	int n; /* sources */
	struct stat seen[BOOTSTRAP_SOURCES_MAX]; /* of files, as last read */
	int stopping, status;
};

static void
printer_parse(struct printer *p, int argc, char **argv)
{
	const struct opt options[] = {
		{ '1', OPT_FLAG, &p->once, 0, 0 },
		{ 'i', OPT_SECONDS, &p->interval_ms, 100, 86400 * 1000 },
		{ 0, OPT_END, NULL, 0, 0 }
	};
	int letter;

	p->interval_ms = INTERVAL_MS;
	while ((letter = getopt(argc, argv, "1i:hqv")) != -1)
		opt_take(options, letter, optarg, SYNOPSIS);
	if (optind == argc)
		die_usage(SYNOPSIS);
}

static void
printer_sources(struct printer *p, int argc, char **argv)
{
	const char *why = "";
	int i;

	for (i = optind; i < argc; i++)
		if (bootstrap_add(p->core, argv[i], &why) == -1)
			die(EXIT_USAGE, "source %s: %s", argv[i], why);
	p->n = argc - optind;
	for (i = 0; i < p->n; i++)
		if (bootstrap_kind(p->core, i) == BOOTSTRAP_EPMD)
			(void)opt_epmd_port(); /* rather now than in a child */
}

/* Files. */

/* The whole file, to be freed; NULL with errno, EFBIG where it is larger than
 * a list of addresses can be, or that of env_open(). */
static char *
printer_read_file(const char *path, size_t *len, struct stat *st)
{
	int fd = env_open(path, st), error = 0;
	char *bytes = NULL;
	ssize_t n;

	*len = 0;
	if (fd == -1)
		return NULL;
	if ((bytes = malloc(FILE_MAX)) == NULL)
		error = ENOMEM;
	while (error == 0 && *len < FILE_MAX &&
	    (n = read(fd, bytes + *len, FILE_MAX - *len)) != 0) {
		if (n == -1)
			error = errno;
		else
			*len += (size_t)n;
	}
	close(fd);
	if (error == 0 && *len == FILE_MAX)
		error = EFBIG;
	if (error == 0)
		return bytes;
	free(bytes);
	errno = error;
	return NULL;
}

static void
printer_resolve_file(struct printer *p, int number)
{
	const char *path = bootstrap_what(p->core, number);
	size_t len;
	char *bytes = printer_read_file(path, &len, &p->seen[number]);

	if (bytes == NULL) {
		/* Whatever is there next is a change. */
		memset(&p->seen[number], 0, sizeof(p->seen[number]));
		bootstrap_failed(p->core, number, slice_str(""),
		    env_open_why(errno));
		return;
	}
	bootstrap_result(p->core, number, slice_of(bytes, len), NULL);
	free(bytes);
}

static void
printer_on_look(void *arg)
{
	struct printer *p = arg;
	struct stat st;
	int i;

	for (i = 0; i < p->n; i++)
		if (bootstrap_kind(p->core, i) == BOOTSTRAP_FILE &&
		    stat(bootstrap_what(p->core, i), &st) == 0 &&
		    !env_same_file(&st, &p->seen[i]))
			printer_resolve_file(p, i);
	loop_timer(p->loop, &p->look, loop_now(p->loop) + LOOK_MS);
	loop_later(p->loop, &p->deliver);
}

/* The others, in processes of their own. */

/* What follows the mark on the last line that begins with it, into text: 1, or
 * 0. */
static int
job_mark(struct slice lines, const char *mark, char text[BOOTSTRAP_REASON_MAX])
{
	size_t n = strlen(mark);
	struct slice line;
	int found = 0;

	while (lines.len > 0) {
		line = slice_line(&lines);
		if (line.len < n || memcmp(line.p, mark, n) != 0)
			continue;
		snprintf(text, BOOTSTRAP_REASON_MAX, "%.*s",
		    (int)(line.len - n), (const char *)line.p + n);
		found = 1;
	}
	return found;
}

/* What runs, each with a time limit. */
static const struct {
	int (*fn)(const char *);
	int64_t limit_ms;
} job_ways[] = {
	[BOOTSTRAP_DNS] = { resolve_dns, RESOLVE_DNS_MS },
	[BOOTSTRAP_EPMD] = { resolve_epmd, RESOLVE_EPMD_MS },
	[BOOTSTRAP_EXEC] = { resolve_exec, EXEC_MS },
};

/* Pass whole lines on as they come. All of it stays, for the end. */
static ssize_t
job_output(struct child *c, const unsigned char *p, size_t n)
{
	struct job *j = c->arg;
	size_t end = n, from = j->passed;

	if (n > OUTPUT_MAX) {
		j->bad = "it printed more than 1048576 bytes: ended";
		child_kill(c, JOB_KILL_MS);
		return -1;
	}
	while (end > from && p[end - 1] != '\n')
		end--;
	if (end == from)
		return 0;
	j->passed = end;
	bootstrap_some(j->printer->core, j->number,
	    slice_of(p + from, end - from));
	loop_later(j->printer->loop, &j->printer->deliver);
	return 0;
}

/* Why what it printed is not all, or NULL. */
static const char *
job_reason(const struct job *j, char *text, size_t size)
{
	int status = j->child.status;

	if (j->bad != NULL)
		return j->bad;
	if (j->child.signalled)
		snprintf(text, size, "not done in %ld s: ended",
		    (long)(job_ways[bootstrap_kind(j->printer->core,
		    j->number)].limit_ms / 1000));
	else if (WIFSIGNALED(status))
		snprintf(text, size, "ended by signal %d", WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		snprintf(text, size, "exit status %d", WEXITSTATUS(status));
	else
		return NULL;
	return text;
}

static void
job_ended(struct child *c)
{
	struct job *j = c->arg;
	struct printer *p = j->printer;
	struct slice lines = buf_slice(&c->kept);
	char why[BOOTSTRAP_REASON_MAX], text[BOOTSTRAP_REASON_MAX];
	const char *failed = job_reason(j, text, sizeof(text));
	const char *reason = failed;

	if (bootstrap_kind(p->core, j->number) != BOOTSTRAP_EXEC) {
		if (job_mark(lines, "#ttl ", why))
			bootstrap_ttl(p->core, loop_now(p->loop), j->number,
			    1000 * (int64_t)strtol(why, NULL, 10));
		if (job_mark(lines, "#why ", why))
			reason = why;
	}
	if (failed != NULL)
		bootstrap_failed(p->core, j->number, lines, reason);
	else
		bootstrap_result(p->core, j->number, lines, reason);
	child_free(c);
	loop_later(p->loop, &p->deliver);
}

/* 0, or -1 with errno. */
static int
job_start(struct printer *p, int number)
{
	static const struct child_ops ops = { job_output, NULL, job_ended,
		NULL, NULL };
	enum bootstrap_kind kind = bootstrap_kind(p->core, number);
	struct job *j = &p->job[number];
	struct program_start s;

	j->printer = p;
	j->number = number;
	j->passed = 0;
	j->bad = NULL;
	j->child.ops = &ops;
	j->child.arg = j;
	program_init(&s, NULL, NULL);
	s.call = job_ways[kind].fn;
	s.what = bootstrap_what(p->core, number);
	s.group = 1;
	if (child_start(&j->child, p->loop, &s, CHILD_OUTPUT,
	    slice_of(NULL, 0)) == -1)
		return -1;
	if (child_limit(&j->child, job_ways[kind].limit_ms,
	    JOB_KILL_MS) == -1) {
		j->bad = "no memory for its time limit: ended";
		child_kill(&j->child, JOB_KILL_MS);
	}
	return 0;
}

/* All end with us. */
static void
job_stop_all(struct printer *p)
{
	struct job *j;

	for (j = p->job; j < p->job + p->n; j++)
		if (j->child.pid != 0) {
			child_signal(&j->child, SIGKILL);
			child_free(&j->child);
		}
}

static void
printer_resolve(struct printer *p, int number)
{
	if (bootstrap_kind(p->core, number) == BOOTSTRAP_FILE)
		printer_resolve_file(p, number);
	else if (job_start(p, number) == -1)
		bootstrap_failed(p->core, number, slice_str(""),
		    strerror(errno));
}

/* What the core wants. */

static void
printer_stop_when_written(void *arg)
{
	struct printer *p = arg;

	if (p->output.error != 0 ||
	    (p->stopping && latest_empty(&p->output)))
		loop_stop(p->loop);
}

/* The act's bytes are good until the core is called. */
static void
printer_carry_out(struct printer *p, const struct act *a)
{
	switch (a->kind) {
	case BOOTSTRAP_LINE:
		if (latest_put(&p->output, a->bytes, a->bytes) == -1)
			log_error("unable to print %.*s: %s",
			    SLICE_ARG(a->bytes), strerror(errno));
		break;
	case BOOTSTRAP_ASK:
		printer_resolve(p, (int)a->peer);
		break;
	case ACT_LOG:
		(a->value == LOG_ERROR ? log_error : log_info)("%.*s",
		    SLICE_ARG(a->bytes));
		break;
	case ACT_STOP:
		p->stopping = 1;
		p->status = (int)a->value;
		break;
	}
}

static void
printer_on_deliver(void *arg)
{
	struct printer *p = arg;
	struct act a;
	int64_t due;

	bootstrap_tick(p->core, loop_now(p->loop));
	while (outbox_take(bootstrap_out(p->core), &a))
		printer_carry_out(p, &a);
	due = bootstrap_deadline(p->core);
	if (due == INT64_MAX)
		loop_untimer(p->loop, &p->timer);
	else
		loop_timer(p->loop, &p->timer, due);
	printer_stop_when_written(p);
}

static void
printer_on_timer(void *arg)
{
	loop_later(((struct printer *)arg)->loop,
	    &((struct printer *)arg)->deliver);
}

static void
printer_on_term(void *arg, int signo)
{
	struct printer *p = arg;

	(void)signo;
	loop_stop(p->loop);
}

static void
printer_on_hup(void *arg, int signo)
{
	struct printer *p = arg;

	(void)signo;
	bootstrap_again(p->core);
	loop_later(p->loop, &p->deliver);
}

/* A reader that is gone has what it wanted. */
static int
printer_status(const struct printer *p)
{
	if (p->output.error == 0 || p->output.error == EPIPE)
		return p->status;
	log_error("unable to write standard output: %s",
	    strerror(p->output.error));
	return EXIT_TEMPORARY;
}

static void
printer_start(struct printer *p)
{
	p->loop = loop_new();
	latest_init(&p->output, p->loop, 1, LINES_HELD,
	    printer_stop_when_written, p);
	p->timer.fn = printer_on_timer;
	p->look.fn = printer_on_look;
	p->deliver.fn = printer_on_deliver;
	p->timer.arg = p->look.arg = p->deliver.arg = p;
	if (!p->once)
		loop_timer(p->loop, &p->look, loop_now(p->loop) + LOOK_MS);
	loop_signals(p->loop, printer_on_term, printer_on_hup, p);
	loop_later(p->loop, &p->deliver);
}

int
main(int argc, char **argv)
{
	static struct printer p;
	uint64_t seed;
	int status;

	program_begin(argv, PROGRAM_PRINTS);
	printer_parse(&p, argc, argv);
	env_random(&seed, sizeof(seed));
	p.core = bootstrap_new(seed, p.interval_ms, p.once);
	if (p.core == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	printer_sources(&p, argc, argv);
	printer_start(&p);
	loop_run(p.loop);
	status = printer_status(&p);
	job_stop_all(&p);
	latest_free(&p.output);
	bootstrap_free(p.core);
	loop_free(p.loop);
	return status;
}
