/*
 * lambda-bootstrap: prints addresses of authorities, or of brokers that know
 * one, a line each, as its sources give them.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bootstrap_child.h"
#include "bootstrap.h"
#include "die.h"
#include "latest.h"
#include "program.h"
#include "log.h"
#include "loop.h"
#include "opt.h"
#include "bootstrap_resolve.h"
#include "env.h"

#define INTERVAL_MS 30000
#define LOOK_MS	    1000 /* at files, whether they changed */
#define DNS_MS	    30000 /* that servers have to answer */
#define EPMD_MS	    10000
#define EXEC_MS	    10000 /* that a command may take */
#define FILE_MAX    (1024 * 1024)
#define LINES_HELD  65536 /* that the reader has not taken */
#define SYNOPSIS    "[-1qv] [-i seconds] source ..."

struct program {
	struct loop *loop;
	struct bootstrap *core;
	struct asker asker;
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
parse(struct program *p, int argc, char **argv)
{
	int letter;

	p->interval_ms = INTERVAL_MS;
	while ((letter = getopt(argc, argv, "1i:qv")) != -1)
		switch (letter) {
		case '1':
			p->once = 1;
			break;
		case 'i':
			p->interval_ms = opt_seconds('i', optarg, 100,
			    86400 * 1000);
			break;
		case 'q':
			log_less();
			break;
		case 'v':
			log_more();
			break;
		default:
			die_usage(SYNOPSIS);
		}
	if (optind == argc)
		die_usage(SYNOPSIS);
}

static void
add_sources(struct program *p, int argc, char **argv)
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
 * a list of addresses can be, EINVAL where it is no regular file. */
static char *
read_file(const char *path, size_t *len, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY), error = 0;
	char *bytes = NULL;
	ssize_t n;

	*len = 0;
	if (fd == -1)
		return NULL;
	if (fstat(fd, st) == -1)
		error = errno;
	else if (!S_ISREG(st->st_mode))
		error = EINVAL;
	else if ((bytes = malloc(FILE_MAX)) == NULL)
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
resolve_file(struct program *p, int number)
{
	const char *path = bootstrap_what(p->core, number);
	size_t len;
	char *bytes = read_file(path, &len, &p->seen[number]);

	if (bytes == NULL) {
		/* Whatever is there next is a change. */
		memset(&p->seen[number], 0, sizeof(p->seen[number]));
		bootstrap_failed(p->core, number, slice_str(""),
		    errno == EINVAL ? "it is not a regular file" :
		    strerror(errno));
		return;
	}
	bootstrap_result(p->core, number, slice_of(bytes, len), NULL);
	free(bytes);
}

static int
changed(const struct stat *a, const struct stat *b)
{
	return a->st_mtim.tv_sec != b->st_mtim.tv_sec ||
	    a->st_mtim.tv_nsec != b->st_mtim.tv_nsec ||
	    a->st_size != b->st_size || a->st_ino != b->st_ino ||
	    a->st_dev != b->st_dev;
}

static void
on_look(void *arg)
{
	struct program *p = arg;
	struct stat st;
	int i;

	for (i = 0; i < p->n; i++)
		if (bootstrap_kind(p->core, i) == BOOTSTRAP_FILE &&
		    stat(bootstrap_what(p->core, i), &st) == 0 &&
		    changed(&st, &p->seen[i]))
			resolve_file(p, i);
	loop_timer(p->loop, &p->look, loop_now(p->loop) + LOOK_MS);
	loop_later(p->loop, &p->deliver);
}

/* The others, in processes of their own. */

/* What follows the mark on the last line that begins with it: 1, or 0. */
static int
find_mark(struct slice lines, const char *mark, struct slice *rest)
{
	size_t n = strlen(mark), len;
	const unsigned char *newline;
	int found = 0;

	while ((newline = memchr(lines.p, '\n', lines.len)) != NULL) {
		len = (size_t)(newline - lines.p);
		if (len >= n && memcmp(lines.p, mark, n) == 0) {
			*rest = slice_of(lines.p + n, len - n);
			found = 1;
		}
		lines = slice_of(newline + 1, lines.len - len - 1);
	}
	return found;
}

static void
on_lines(void *arg, int number, struct slice lines)
{
	struct program *p = arg;

	bootstrap_some(p->core, number, lines);
	loop_later(p->loop, &p->deliver);
}

static void
on_done(void *arg, int number, struct slice lines, const char *reason)
{
	struct program *p = arg;
	char why[BOOTSTRAP_REASON_MAX] = "";
	struct slice mark;

	if (bootstrap_kind(p->core, number) != BOOTSTRAP_EXEC) {
		if (find_mark(lines, "#why ", &mark))
			snprintf(why, sizeof(why), "%.*s", SLICE_ARG(mark));
		/* The number ends at the newline. */
		if (find_mark(lines, "#ttl ", &mark))
			bootstrap_ttl(p->core, loop_now(p->loop), number,
			    1000 * (int64_t)strtol((const char *)mark.p, NULL,
			    10));
	}
	if (reason != NULL)
		bootstrap_failed(p->core, number, lines, why[0] == '\0' ?
		    reason : why);
	else
		bootstrap_result(p->core, number, lines, why[0] == '\0' ?
		    NULL : why);
	loop_later(p->loop, &p->deliver);
}

static void
resolve(struct program *p, int number)
{
	static const struct {
		int (*fn)(const char *);
		int64_t limit_ms;
	} ways[] = {
		[BOOTSTRAP_DNS] = { resolve_dns, DNS_MS },
		[BOOTSTRAP_EPMD] = { resolve_epmd, EPMD_MS },
		[BOOTSTRAP_EXEC] = { resolve_exec, EXEC_MS },
	};
	enum bootstrap_kind kind = bootstrap_kind(p->core, number);

	if (kind == BOOTSTRAP_FILE)
		resolve_file(p, number);
	else if (asker_start(&p->asker, number, ways[kind].fn,
	    bootstrap_what(p->core, number), ways[kind].limit_ms) == -1)
		bootstrap_failed(p->core, number, slice_str(""),
		    strerror(errno));
}

/* What the core wants. */

static void
stop_when_written(void *arg)
{
	struct program *p = arg;

	if (p->output.error != 0 ||
	    (p->stopping && latest_empty(&p->output)))
		loop_stop(p->loop);
}

/* The act's bytes are good until the core is called. */
static void
carry_out(struct program *p, const struct act *a)
{
	switch (a->kind) {
	case BOOTSTRAP_LINE:
		if (latest_put(&p->output, a->bytes, a->bytes) == -1)
			log_error("unable to print %.*s: %s",
			    SLICE_ARG(a->bytes), strerror(errno));
		break;
	case BOOTSTRAP_ASK:
		resolve(p, (int)a->peer);
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
on_deliver(void *arg)
{
	struct program *p = arg;
	struct act a;
	int64_t due;

	bootstrap_tick(p->core, loop_now(p->loop));
	while (outbox_take(bootstrap_out(p->core), &a))
		carry_out(p, &a);
	due = bootstrap_deadline(p->core);
	if (due == INT64_MAX)
		loop_untimer(p->loop, &p->timer);
	else
		loop_timer(p->loop, &p->timer, due);
	stop_when_written(p);
}

static void
on_timer(void *arg)
{
	loop_later(((struct program *)arg)->loop,
	    &((struct program *)arg)->deliver);
}

static void
on_term(void *arg, int signo)
{
	struct program *p = arg;

	(void)signo;
	loop_stop(p->loop);
}

static void
on_hup(void *arg, int signo)
{
	struct program *p = arg;

	(void)signo;
	bootstrap_again(p->core);
	loop_later(p->loop, &p->deliver);
}

/* A reader that is gone has what it wanted. */
static int
end_status(const struct program *p)
{
	if (p->output.error == 0 || p->output.error == EPIPE)
		return p->status;
	log_error("unable to write standard output: %s",
	    strerror(p->output.error));
	return EXIT_TEMPORARY;
}

static void
start(struct program *p)
{
	p->loop = loop_new();
	latest_init(&p->output, p->loop, 1, LINES_HELD, stop_when_written, p);
	p->asker.loop = p->loop;
	p->asker.lines = on_lines;
	p->asker.done = on_done;
	p->asker.arg = p;
	p->timer.fn = on_timer;
	p->look.fn = on_look;
	p->deliver.fn = on_deliver;
	p->timer.arg = p->look.arg = p->deliver.arg = p;
	if (!p->once)
		loop_timer(p->loop, &p->look, loop_now(p->loop) + LOOK_MS);
	loop_signal(p->loop, SIGTERM, on_term, p);
	loop_signal(p->loop, SIGINT, on_term, p);
	loop_signal(p->loop, SIGHUP, on_hup, p);
	loop_later(p->loop, &p->deliver);
}

int
main(int argc, char **argv)
{
	static struct program p;
	uint64_t seed;
	int status;

	die_name(argv[0]);
	program_output();
	program_reserve();
	parse(&p, argc, argv);
	env_random(&seed, sizeof(seed));
	p.core = bootstrap_new(seed, p.interval_ms, p.once);
	if (p.core == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	add_sources(&p, argc, argv);
	start(&p);
	loop_run(p.loop);
	status = end_status(&p);
	asker_stop(&p.asker);
	latest_free(&p.output);
	bootstrap_free(p.core);
	loop_free(p.loop);
	return status;
}
