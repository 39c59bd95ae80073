/*
 * lambda-call: one call, or a filter that makes a call of each record of its
 * input. It runs a PLB of its own, or is the client of one that is running, or
 * of a single channel: the PLB core does all three.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "call.h"
#include "call_joblog.h"
#include "hub.h"
#include "lines.h"
#include "log.h"
#include "net.h"
#include "opt.h"
#include "plb_proxies.h"
#include "program.h"
#include "stream.h"

#define CAPACITY   64 /* of a filter, by default */
#define TERMINAL_MS 1000  /* from one look at progress to the next, */
#define FILE_MS	    10000 /* where each is a line */
#define KILL_MS	   5000 /* from SIGTERM to SIGKILL, of a command */
#define OUT_MAX	   BUF_MAX /* what is under way bounds them */
#define ONE_WAY	   "-b, -s and -x (a proxy is -s): give one of them"
#define SYNOPSIS \
	"[-04ILNPSehquv] [-B bytes]\n" \
	"[-b socket | -s socket | -x channel ...]\n" \
	"[-c capacity] [-F failures] [-j joblog] [-k keyfile ...]\n" \
	"[-R retries] [-T seconds] [-t label=value ...] [-V version]\n" \
	"module [function [argument ...]]"

struct caller_options {
	struct call_config call;
	const char *broker, *socket;
	struct key_names keys;
	struct call_given given[PLB_FIXED_MAX]; /* -x, or a PLB */
	char address[PLB_FIXED_MAX][ADDR_TEXT_MAX]; /* of each */
	char text[ADDR_TEXT_MAX]; /* the broker's */
	struct opt_want want;
	uint64_t capacity;
	int unordered;
	int progress;
	const char *joblog; /* NULL: none */
	char export[NAME_BYTES_MAX + sizeof("/255")]; /* what is called */
};

struct caller;

/* A command of -x '|command'. */
struct command {
	struct caller *caller;
	uint32_t tag;
	pid_t pid;	    /* 0: it does not run */
	uint32_t handle;    /* of its link */
	struct timer timer; /* of SIGKILL */
};

struct caller {
	struct hub hub;
	struct key key;
	struct caller_options *options;
	struct call *call;
	struct watch input;
	int wants;     /* the input is wanted, */
	int full;      /* and waits for what is queued to its channel */
	struct sink sink; /* standard output */
	struct joblog joblog;
	struct command command[PLB_FIXED_MAX]; /* as options.given */
	int finishing; /* ends once the output is written */
	int broken;    /* the output takes no more */
	int shown;     /* progress stands on the terminal's last line */
	int signo;     /* that it is to end by; 0: none */
	int status;
};

/* Of the records of a filter's input: lines, NUL-ended, packets, netstrings. */
static void
caller_framing(struct caller_options *o, int letter)
{
	enum frame_kind kind = letter == 'L' ? FRAME_LINE :
	    letter == '0' ? FRAME_NUL :
	    letter == '4' ? FRAME_PACKET4 : FRAME_NETSTRING;

	if (o->call.filter && o->call.records.kind != kind)
		die(EXIT_USAGE, "-L, -0, -4 and -N: give one of them");
	o->call.records.kind = kind;
	o->call.filter = 1;
}

/* There is no proxy at the path. Whoever writes MODULE/FUNCTION means the two
 * words, unless MODULE is a directory of proxies. */
static void
caller_no_proxy(const char *path)
{
	const char *function = strrchr(path, '/') + 1;
	struct slice module = { (const unsigned char *)path,
		(size_t)(function - path) - 1 };
	int error = errno;
	char dir[1024]; /* one that is longer is none */

	snprintf(dir, sizeof(dir), "%.*s", SLICE_ARG(module));
	if (error == ENOENT && access(dir, X_OK) == 0)
		die(EXIT_USAGE, "%s: there is no such proxy: the version in "
		    "use does not export the function", path);
	if (error == ENOENT && slice_is_name(module) &&
	    slice_is_name(slice_str(function)))
		die(EXIT_USAGE, "%s: there is no such proxy: for the function "
		    "%s of the module %.*s, write lambda-call %.*s %s", path,
		    function, SLICE_ARG(module), SLICE_ARG(module), function);
	die(EXIT_USAGE, "%s: %s", path, error == EINVAL || error == ENOENT ?
	    "that is neither a module's name nor a proxy" : strerror(error));
}

/* A proxy names us as its interpreter, so we are called with its path. */
static void
caller_proxy(struct caller_options *o, const char *path)
{
	char *socket, *module, *function;

	if (o->socket != NULL)
		die(EXIT_USAGE, ONE_WAY);
	if (proxy_read(path, &socket, &module, &function) == -1)
		caller_no_proxy(path);
	o->socket = socket;
	o->call.module = opt_name("module", module);
	o->call.function = opt_name("function", function);
}

/* People who know xargs(1) forget it. */
static void
caller_look_for_braces(char *const *args, size_t n)
{
	size_t i;

	for (i = 0; i < n && strcmp(args[i], "{}") != 0; i++)
		continue;
	if (i < n)
		log_info("{} stays as it is: give -I to have the record in its "
		    "place");
}

static void
caller_arguments(struct caller_options *o, char **args, size_t n)
{
	static unsigned char list[CALL_ARGS_MAX];
	struct tlv_writer w;
	size_t i;

	tlv_writer_init(&w, list, sizeof(list));
	for (i = 0; i < n; i++)
		list_put(&w, slice_str(args[i]));
	if (w.failed)
		die(EXIT_USAGE, "the arguments are over %d bytes: pass what "
		    "is long on standard input", CALL_ARGS_MAX);
	o->call.args = slice_of(list, (size_t)(w.p - list));
	o->call.nargs = n;
	while (n > 0 && strstr(args[n - 1], "{}") == NULL)
		n--;
	if (n == 0 && o->call.replace)
		die(EXIT_USAGE, "-I: no argument after the function has {} in "
		    "it, where the record is to stand, as in: lambda-call "
		    "-LI run echo '{}'");
	if (o->call.filter && !o->call.replace)
		caller_look_for_braces(args, o->call.nargs);
}

static const char *
caller_function(const struct caller_options *o, const char *name)
{
	if (strchr(name, '/') != NULL)
		die(EXIT_USAGE, "function name '%s': it has a slash; for a "
		    "program, if the module runs env(1), write: lambda-call "
		    "%s env %s", name, o->call.module, name);
	return opt_name("function", name);
}

static int
caller_is_choosy(const struct caller_options *o)
{
	return o->want.version != NULL || o->want.nlabels > 0;
}

/* One more -x. */
static void
caller_channel(struct caller_options *o, const char *channel)
{
	struct call_given *g = &o->given[o->call.ngiven];

	if (o->call.ngiven == PLB_FIXED_MAX)
		die(EXIT_USAGE, "-x: give %d channels at most", PLB_FIXED_MAX);
	g->command = channel[0] == '|';
	g->name = channel + g->command;
	o->call.ngiven++;
}

/* A + at its end: for statuses, too. */
static void
caller_retries(struct caller_options *o, const char *arg)
{
	char digits[8] = "";
	size_t len = strlen(arg);

	o->call.again = len > 1 && arg[len - 1] == '+';
	len -= (size_t)o->call.again;
	if (len < sizeof(digits))
		memcpy(digits, arg, len);
	if (opt_whole(digits, 0, 255, &o->call.retries) == -1)
		die(EXIT_USAGE, "-R %s: give a whole number from 0 to 255, "
		    "and + after it to run again what ends with a status, too",
		    arg);
}

static void
caller_options(struct caller_options *o, int argc, char **argv)
{
	const struct opt options[] = {
		{ 'I', OPT_FLAG, &o->call.replace, 0, 0 },
		{ 'P', OPT_FLAG, &o->progress, 0, 0 },
		{ 'e', OPT_FLAG, &o->call.errors, 0, 0 },
		{ 'S', OPT_FLAG, &o->call.records.status, 0, 0 },
		{ 'u', OPT_FLAG, &o->unordered, 0, 0 },
		{ 'B', OPT_BYTES, &o->call.block, 1, STREAM_WHOLE },
		{ 'b', OPT_TEXT, &o->broker, 0, 0 },
		{ 's', OPT_TEXT, &o->socket, 0, 0 },
		{ 'c', OPT_NUMBER, &o->capacity, 1, PLB_WINDOW * 16 },
		{ 'F', OPT_NUMBER, &o->call.failures, 1, UINT32_MAX },
		{ 'j', OPT_TEXT, &o->joblog, 0, 0 },
		{ 'k', OPT_KEY, &o->keys, 0, 0 },
		{ 'T', OPT_SECONDS, &o->call.limit_ms, 1, UINT32_MAX },
		{ 't', OPT_LABEL, &o->want, 0, 0 },
		{ 'V', OPT_TEXT, &o->want.version, 0, 0 },
		{ 0, OPT_END, NULL, 0, 0 }
	};
	int letter;

	while ((letter = getopt(argc, argv,
	    "+04ILNPSehquvB:b:s:x:c:F:j:k:R:T:t:V:")) != -1)
		if (strchr("04LN", letter) != NULL)
			caller_framing(o, letter);
		else if (letter == 'R')
			caller_retries(o, optarg);
		else if (letter == 'x')
			caller_channel(o, optarg);
		else
			opt_take(options, letter, optarg, SYNOPSIS);
}

/* Of -B alone records are lines. */
static void
caller_records(struct caller_options *o)
{
	o->call.records.blocks = o->call.block > 0;
	o->call.filter |= o->call.records.blocks || o->call.replace;
	if (!o->call.filter && (o->unordered || o->call.records.status ||
	    o->joblog != NULL || o->call.failures > 0))
		die(EXIT_USAGE, "-F, -j, -S and -u are a filter's: give -L, "
		    "-0, -4, -N, -B or -I");
	if (o->call.records.blocks && o->call.replace)
		die(EXIT_USAGE, "-I puts each record into the arguments: leave "
		    "out -B");
	if (o->call.records.blocks && o->call.records.status)
		die(EXIT_USAGE, "-S says what became of each record: leave "
		    "out -B");
}

static void
caller_parse(struct caller_options *o, int argc, char **argv)
{
	o->call.records.kind = FRAME_LINE;
	caller_options(o, argc, argv);
	if (optind == argc)
		die_usage(SYNOPSIS);
	caller_records(o);
	o->call.records.ordered = !o->unordered;
	if (o->capacity == 0)
		o->capacity = o->call.filter ? CAPACITY : 1;
	if (strchr(argv[optind], '/') != NULL)
		caller_proxy(o, argv[optind++]);
	else {
		o->call.module = opt_name("module", argv[optind++]);
		if (optind < argc && argv[optind][0] != '\0')
			o->call.function = caller_function(o, argv[optind]);
		if (optind < argc)
			optind++;
	}
	if ((o->broker != NULL) + (o->socket != NULL) +
	    (o->call.ngiven > 0) > 1)
		die(EXIT_USAGE, ONE_WAY);
	if (caller_is_choosy(o) && (o->socket != NULL || o->call.ngiven > 0))
		die(EXIT_USAGE, "-V and -t choose among the sellers that a "
		    "broker knows: leave out -s or -x (a proxy is -s), or give "
		    "them to the PLB");
	caller_arguments(o, argv + optind, (size_t)(argc - optind));
	if (o->call.function != NULL && o->call.nargs <= ARITY_MAX) {
		snprintf(o->export, sizeof(o->export), "%s/%zu",
		    o->call.function, o->call.nargs);
		o->want.export = o->export;
	}
}

/* Ways to the module. */

/* Does somebody answer at the Unix socket? */
static int
caller_answers(const struct addr *a)
{
	int fd = net_connect(a);

	if (fd == -1)
		return 0;
	close(fd);
	return 1;
}

/* Channels of -x. */
static void
caller_find_channels(struct caller_options *o, const struct key *key)
{
	struct call_given *g;
	struct addr a;
	size_t i;

	for (i = 0; i < o->call.ngiven; i++) {
		g = &o->given[i];
		if (g->command)
			continue;
		if (g->name[0] != '/' && strchr(g->name, ' ') != NULL)
			die(EXIT_USAGE, "-x %s: a command begins with a bar: "
			    "write -x '|%s'", g->name, g->name);
		opt_address('x', g->name, 0, &a);
		env_key_need(key, 'x', &a);
		g->name = addr_print(&a, o->address[i]);
	}
}

/*
 * How the module is reached: channels, a PLB's socket, or a broker. Without an
 * option, the PLB of this module as long as one is running, unless options
 * choose among sellers; else the broker.
 */
static void
caller_find_way(struct caller_options *o, const struct key *key)
{
	struct addr a;

	o->call.given = o->given;
	if (o->call.ngiven > 0) {
		caller_find_channels(o, key);
		return;
	}
	if (o->socket != NULL)
		opt_socket('s', o->socket, &a);
	else
		env_plb_socket(&a, o->call.module);
	if (o->socket != NULL || (o->broker == NULL && !caller_is_choosy(o) &&
	    caller_answers(&a))) {
		o->given[0].name = addr_print(&a, o->address[0]);
		o->call.ngiven = 1;
		o->call.plb.fallback = o->socket == NULL;
	}
	env_broker_socket(&a, o->broker);
	o->call.broker = addr_print(&a, o->text);
}

/* Commands. */

static void
command_on_timer(void *arg)
{
	const struct command *x = arg;

	if (x->pid > 0)
		kill(x->pid, SIGKILL);
}

static void
command_on_ended(void *arg, pid_t pid, int status)
{
	struct command *x = arg;
	struct caller *c = x->caller;
	char how[64];

	(void)pid;
	x->pid = 0;
	loop_untimer(c->hub.loop, &x->timer);
	if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "was killed by signal %d (%s)",
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(how, sizeof(how), "ended with status %d",
		    WEXITSTATUS(status));
	call_command_ended(c->call, loop_now(c->hub.loop), x->tag, how);
	hub_deliver(&c->hub);
}

/* Run it, its standard input and output the pipes: 0, or -1 with errno. */
static int
command_run(struct command *x, const char *line, int in, int out)
{
	struct caller *c = x->caller;
	struct program_start start;
	char *argv[4], **env = program_environ(PROGRAM_OWN, NULL);
	int error;

	argv[0] = (char *)"/bin/sh";
	argv[1] = (char *)"-c";
	argv[2] = (char *)line;
	argv[3] = NULL;
	if (env == NULL)
		return -1;
	program_init(&start, argv, env);
	start.in = in;
	start.out = out;
	x->pid = program_start(&start);
	if (x->pid != -1 && loop_child(c->hub.loop, x->pid, command_on_ended,
	    x) == 0) {
		free(env);
		return 0;
	}
	error = errno;
	if (x->pid > 0)
		kill(x->pid, SIGKILL);
	x->pid = 0;
	free(env);
	errno = error;
	return -1;
}

static void
command_close(int fd)
{
	if (fd != -1)
		close(fd);
}

static void
command_start(struct command *x, const char *line)
{
	struct caller *c = x->caller;
	int in = -1, out = -1, to, from = -1, error = 0;

	if ((to = program_pipe(1, &in)) == -1 ||
	    (from = program_pipe(0, &out)) == -1 ||
	    command_run(x, line, in, out) == -1)
		error = errno;
	command_close(in);
	command_close(out);
	if (error != 0) {
		command_close(to);
		command_close(from);
		call_command_unable(c->call, loop_now(c->hub.loop), x->tag,
		    program_limit(error));
		return;
	}
	x->handle = hub_adopt(&c->hub, from, to, 1, x->tag);
	hub_wait(&c->hub, x->handle);
}

/* It need not end with its input. If it has ended, and something that it
 * started has its output open, the link is closed. */
static void
command_stop(struct command *x)
{
	struct caller *c = x->caller;

	if (x->pid == 0) {
		outbox_act(call_out(c->call), ACT_CLOSE, x->handle, 0,
		    slice_of(NULL, 0));
		return;
	}
	kill(x->pid, SIGTERM);
	loop_timer(c->hub.loop, &x->timer, loop_now(c->hub.loop) + KILL_MS);
}

static void
caller_init_commands(struct caller *c)
{
	struct command *x;
	size_t i;

	for (i = 0; i < PLB_FIXED_MAX; i++) {
		x = &c->command[i];
		x->caller = c;
		x->tag = PLB_FIXED_TAG + (uint32_t)i;
		x->timer.fn = command_on_timer;
		x->timer.arg = x;
	}
}

static void
caller_end_commands(const struct caller *c)
{
	size_t i;

	for (i = 0; i < PLB_FIXED_MAX; i++)
		if (c->command[i].pid > 0)
			kill(c->command[i].pid, SIGTERM);
}

/* Input and output. */

/* What is written of the output gets its line in the job log. */
static void
caller_log_jobs(struct caller *c)
{
	char why[REASON_MAX];
	int error;

	if (c->joblog.path == NULL || joblog_write(&c->joblog,
	    call_jobs(c->call)) == 0)
		return;
	error = errno;
	log_error("unable to write %s: %s", c->joblog.path, strerror(error));
	snprintf(why, sizeof(why), "the job log takes no more: %s",
	    strerror(error));
	c->status = EXIT_TEMPORARY;
	call_stop(c->call, loop_now(c->hub.loop), why);
	hub_deliver(&c->hub);
}

static void
caller_quit(struct caller *c, int status)
{
	if (c->status < status)
		c->status = status;
	loop_stop(c->hub.loop);
}

/* Is enough on its way to the channel? Then the input waits until there is
 * less. */
static int
caller_is_full(struct caller *c)
{
	c->full = hub_queued(&c->hub, call_peer(c->call)) >= STREAM_TURN;
	if (c->full)
		loop_unwatch(c->hub.loop, &c->input);
	return c->full;
}

static void
caller_on_input(void *arg, short revents)
{
	static unsigned char bytes[CALL_READ_MAX];
	struct caller *c = arg;
	size_t most;
	ssize_t n;

	(void)revents;
	hub_deliver(&c->hub);
	if (caller_is_full(c) || (most = call_readable(c->call)) == 0)
		return;
	n = read(STDIN_FILENO, bytes, most);
	if (n > 0)
		call_input(c->call, loop_now(c->hub.loop),
		    slice_of(bytes, (size_t)n));
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		call_input_end(c->call, loop_now(c->hub.loop),
		    n == 0 ? NULL : strerror(errno));
}

static void
caller_watch(struct caller *c, int on)
{
	c->wants = on;
	if (!on)
		loop_unwatch(c->hub.loop, &c->input);
	else if (loop_watch(c->hub.loop, &c->input) == -1) {
		log_error("unable to read standard input: out of memory");
		caller_quit(c, EXIT_TEMPORARY);
	}
}

static void
caller_on_room(void *arg)
{
	struct caller *c = arg;

	if (c->full && c->wants)
		caller_watch(c, 1);
	c->full = 0;
}

/* Let the program that writes it see that nobody reads it. */
static void
caller_deafen(struct caller *c)
{
	int null = program_null();

	caller_watch(c, 0);
	if (null != -1)
		dup2(null, STDIN_FILENO);
}

/* If the reader is gone, we end as any filter does. */
static void
caller_on_broken(struct caller *c)
{
	const char *why = strerror(c->sink.error);

	if (c->sink.error == EPIPE)
		c->signo = SIGPIPE;
	else
		log_error("unable to write standard output: %s", why);
	call_broken(c->call, loop_now(c->hub.loop), c->sink.lost, why);
}

/* More may come. */
static void
caller_on_wrote(void *arg)
{
	struct caller *c = arg;

	hub_deliver(&c->hub);
}

/* The output is written, or cannot be. */
static void
caller_on_drained(void *arg)
{
	struct caller *c = arg;

	if (c->broken)
		return;
	if (c->sink.error != 0)
		caller_on_broken(c);
	else if (c->finishing)
		caller_quit(c, 0);
	hub_deliver(&c->hub);
}

static void
caller_finish(struct caller *c, int status)
{
	c->status = status;
	c->finishing = 1;
	if (buf_len(&c->sink.queue) == 0)
		caller_quit(c, 0);
	else
		sink_filled(&c->sink);
}

/* The next output to the terminal begins a line. */
static void
caller_end_progress(struct caller *c, const char *how)
{
	if (c->shown)
		fputs(how, stderr);
	c->shown = 0;
}

static void
caller_on_act(void *arg, const struct act *a)
{
	struct caller *c = arg;
	size_t i;

	switch (a->kind) {
	case CALL_LINE:
		caller_end_progress(c, "\r\033[K");
		fprintf(stderr, "%.*s\n", SLICE_ARG(a->bytes));
		break;
	case CALL_ERROR:
		fwrite(a->bytes.p, 1, a->bytes.len, stderr);
		break;
	case CALL_PROGRESS:
		c->shown = isatty(STDERR_FILENO);
		fprintf(stderr, c->shown ? "\r%.*s\033[K" : "%.*s\n",
		    SLICE_ARG(a->bytes));
		break;
	case CALL_INPUT:
		caller_watch(c, a->value != 0);
		break;
	case CALL_START:
		i = a->peer - PLB_FIXED_TAG;
		command_start(&c->command[i], c->options->given[i].name);
		break;
	case CALL_STOP:
		command_stop(&c->command[a->peer - PLB_FIXED_TAG]);
		break;
	case CALL_DEAF:
		caller_deafen(c);
		break;
	case CALL_WRITE:
		sink_filled(&c->sink);
		break;
	case CALL_JOBS:
		caller_log_jobs(c);
		break;
	case CALL_HALT:
		c->broken = 1;
		loop_unwatch(c->hub.loop, &c->sink.watch);
		break;
	case CALL_FINISH:
		caller_finish(c, (int)a->value);
		break;
	case CALL_QUIT:
		caller_quit(c, (int)a->value);
		break;
	default:
		call_take(c->call, loop_now(c->hub.loop), a);
		hub_deliver(&c->hub);
	}
}

/* The second signal gives up what is not written yet. */
static void
caller_on_signal(void *arg, int signo)
{
	static const struct {
		int signo;
		const char *name;
	} names[] = { { SIGTERM, "SIGTERM" }, { SIGINT, "SIGINT" },
		{ SIGHUP, "SIGHUP" } };
	struct caller *c = arg;
	int64_t now = loop_now(c->hub.loop);
	char why[32];
	size_t i = 0;

	while (names[i].signo != signo)
		i++;
	snprintf(why, sizeof(why), "ended by %s", names[i].name);
	if (c->signo == 0)
		call_interrupt(c->call, now, names[i].name);
	else if (!c->broken)
		call_broken(c->call, now, 0, why);
	c->signo = signo;
	hub_deliver(&c->hub);
}

/* Life. */

/* How often progress is shown, and how much input there is if it is a file. */
static void
caller_size(struct caller_options *o)
{
	struct stat st;
	off_t at = lseek(STDIN_FILENO, 0, SEEK_CUR);

	o->call.progress_ms = isatty(STDERR_FILENO) ? TERMINAL_MS : FILE_MS;
	if (at != -1 && fstat(STDIN_FILENO, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size > at)
		o->call.size = (uint64_t)(st.st_size - at);
}

static void
caller_open_joblog(struct caller *c, struct caller_options *o)
{
	char *command = joblog_command(&o->call);
	struct timespec now;

	if (command == NULL || clock_gettime(CLOCK_REALTIME, &now) == -1)
		die_errno(EXIT_TEMPORARY, "unable to start");
	joblog_open(&c->joblog, o->joblog, command);
	free(command);
	o->call.joblog = 1;
	o->call.epoch_ms = (int64_t)now.tv_sec * 1000 +
	    now.tv_nsec / 1000000 - loop_now(c->hub.loop);
	o->call.done = c->joblog.done;
	o->call.ndone = c->joblog.ndone;
}

static struct call *
caller_new_call(struct caller *c, struct caller_options *o)
{
	char why[REASON_MAX];
	struct buf constraints;
	struct call *call;
	uint64_t seed;

	if (opt_constraints(&o->want, &constraints, why, sizeof(why)) == -1)
		die(errno == EINVAL ? EXIT_USAGE : EXIT_TEMPORARY, "%s", why);
	o->call.plb.module = slice_str(o->call.module);
	o->call.plb.constraints = buf_slice(&constraints);
	o->call.plb.capacity = o->call.plb.wanted = o->capacity;
	o->call.terminal = isatty(STDOUT_FILENO);
	if (o->progress)
		caller_size(o);
	if (o->joblog != NULL)
		caller_open_joblog(c, o);
	env_random(&seed, sizeof(seed));
	call = call_new(loop_now(c->hub.loop), seed, &o->call, &c->sink.queue);
	if (call == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	if (log_level >= LOG_DEBUG)
		call_log_requests(call);
	buf_free(&constraints);
	return call;
}

/* A filter may run for longer than a key is used. */
static void
caller_rekey(void *arg)
{
	struct caller *c = arg;
	char why[REASON_MAX];

	if (env_key_again(&c->key, &c->options->keys, why, sizeof(why)) == 0)
		hub_key(&c->hub, &c->key);
}

static void
caller_start(struct caller *c, struct caller_options *o)
{
	struct loop *loop = c->hub.loop;
	struct sigaction hangup;

	c->options = o;
	caller_init_commands(c);
	sink_init(&c->sink, loop, STDOUT_FILENO, OUT_MAX, caller_on_drained,
	    c);
	c->sink.wrote = caller_on_wrote;
	c->call = caller_new_call(c, o);
	c->input.fd = STDIN_FILENO;
	c->input.events = POLLIN;
	c->input.fn = caller_on_input;
	c->input.arg = c;
	c->hub.act = caller_on_act;
	c->hub.arg = c;
	c->hub.rekey = caller_rekey;
	c->hub.room = caller_on_room;
	hub_core(&c->hub, &call_ops, c->call, call_out(c->call));
	loop_signal(loop, SIGTERM, caller_on_signal, c);
	loop_signal(loop, SIGINT, caller_on_signal, c);
	if (sigaction(SIGHUP, NULL, &hangup) == -1 ||
	    hangup.sa_handler != SIG_IGN) /* nohup(1) */
		loop_signal(loop, SIGHUP, caller_on_signal, c);
	if (!o->call.filter && isatty(STDIN_FILENO))
		call_input_end(c->call, loop_now(loop), NULL);
}

static int
caller_end(struct caller *c)
{
	caller_end_progress(c, "\n");
	caller_end_commands(c);
	caller_log_jobs(c);
	if (joblog_close(&c->joblog) == -1)
		die_errno(EXIT_TEMPORARY, "unable to write %s",
		    c->joblog.path);
	if (c->signo != 0) {
		signal(c->signo, SIG_DFL);
		raise(c->signo);
	}
	if (close(STDOUT_FILENO) == -1 && errno != EBADF && c->status == 0)
		die_errno(EXIT_TEMPORARY, "unable to write standard output");
	call_free(c->call);
	return c->status;
}

int
main(int argc, char **argv)
{
	static struct caller c;
	static struct caller_options o;

	program_begin(argv, PROGRAM_PRINTS | PROGRAM_PASS);
	caller_parse(&o, argc, argv);
	env_key(&c.key, &o.keys);
	caller_find_way(&o, &c.key);
	hub_init(&c.hub, loop_new(), ROLE_CALLER, &c.key);
	caller_start(&c, &o);
	loop_run(c.hub.loop);
	return caller_end(&c);
}
