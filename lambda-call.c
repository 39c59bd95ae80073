/*
 * lambda-call: one call, or a filter that makes a call of each record of its
 * input. It runs a PLB of its own, or is the client of one that is running, or
 * of a single channel: the PLB core does all three.
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "call.h"
#include "hub.h"
#include "log.h"
#include "net.h"
#include "opt.h"
#include "plb_proxies.h"
#include "program.h"
#include "lines.h"

#define CAPACITY   64 /* of a filter, by default */
#define ARGS_BYTES (64 * 1024)
#define OUT_MAX	   ((size_t)-1 / 4) /* what is under way bounds them */
#define ONE_WAY	   "-b, -s and -x (a proxy is -s): give one of them"
#define SYNOPSIS \
	"[-04LNPquv] [-b socket | -s socket | -x channel] [-c capacity]\n" \
	"[-k keyfile] [-R retries] [-T seconds] [-t label=value ...]\n" \
	"[-V version] module [function [argument ...]]"

struct caller_options {
	struct call_config call;
	const char *broker, *socket, *channel, *keyfile;
	struct opt_want want;
	uint64_t capacity;
	char export[NAME_BYTES_MAX + sizeof("/255")]; /* what is called */
};

struct caller {
	struct hub hub;
	struct call *call;
	struct watch input;
	struct sink sink; /* standard output */
	pid_t command; /* of -x '|command', or 0 */
	int finishing; /* ends once the output is written */
	int status;
};

/* Of the records of a filter's input: lines, NUL-ended, packets, netstrings. */
static void
caller_framing(struct caller_options *o, int letter)
{
	enum frame_kind kind = letter == 'L' ? FRAME_LINE :
	    letter == '0' ? FRAME_NUL :
	    letter == '4' ? FRAME_PACKET4 : FRAME_NETSTRING;

	if (o->call.filter && o->call.kind != kind)
		die(EXIT_USAGE, "-L, -0, -4 and -N: give one of them");
	o->call.kind = kind;
	o->call.filter = 1;
}

/* A proxy names us as its interpreter, so we are called with its path. */
static void
caller_proxy(struct caller_options *o, const char *path)
{
	char *socket, *module, *function;

	if (o->socket != NULL)
		die(EXIT_USAGE, ONE_WAY);
	if (proxy_read(path, &socket, &module, &function) == -1)
		die(EXIT_USAGE, "%s: %s", path, errno == ENOENT ?
		    "there is no such proxy: the version in use does not "
		    "export the function" : errno == EINVAL ?
		    "that is neither a module's name nor a proxy" :
		    strerror(errno));
	o->socket = socket;
	o->call.module = opt_name("module", module);
	o->call.function = opt_name("function", function);
}

static void
caller_arguments(struct caller_options *o, char **args, size_t n)
{
	static unsigned char list[ARGS_BYTES];
	struct tlv_writer w;
	size_t i;

	tlv_writer_init(&w, list, sizeof(list));
	for (i = 0; i < n; i++)
		list_put(&w, slice_str(args[i]));
	if (w.failed)
		die(EXIT_USAGE, "the arguments are over %d bytes: pass what "
		    "is long on standard input", ARGS_BYTES);
	o->call.args = slice_of(list, (size_t)(w.p - list));
	o->call.nargs = n;
}

static int
caller_is_choosy(const struct caller_options *o)
{
	return o->want.version != NULL || o->want.nlabels > 0;
}

static void
caller_options(struct caller_options *o, int argc, char **argv)
{
	const struct opt options[] = {
		{ 'P', OPT_FLAG, &o->call.progress, 0, 0 },
		{ 'u', OPT_FLAG, &o->call.unordered, 0, 0 },
		{ 'b', OPT_TEXT, &o->broker, 0, 0 },
		{ 's', OPT_TEXT, &o->socket, 0, 0 },
		{ 'x', OPT_TEXT, &o->channel, 0, 0 },
		{ 'c', OPT_NUMBER, &o->capacity, 1, PLB_WINDOW * 16 },
		{ 'k', OPT_TEXT, &o->keyfile, 0, 0 },
		{ 'R', OPT_NUMBER, &o->call.retries, 0, 255 },
		{ 'T', OPT_SECONDS, &o->call.limit_ms, 1, UINT32_MAX },
		{ 't', OPT_LABEL, &o->want, 0, 0 },
		{ 'V', OPT_TEXT, &o->want.version, 0, 0 },
		{ 0, OPT_END, NULL, 0, 0 }
	};
	int letter;

	while ((letter = getopt(argc, argv, "+04LNPquvb:s:x:c:k:R:T:t:V:")) !=
	    -1)
		if (strchr("04LN", letter) != NULL)
			caller_framing(o, letter);
		else
			opt_take(options, letter, optarg, SYNOPSIS);
}

static void
caller_parse(struct caller_options *o, int argc, char **argv)
{
	o->call.kind = FRAME_LINE;
	caller_options(o, argc, argv);
	if (optind == argc)
		die_usage(SYNOPSIS);
	if (!o->call.filter && (o->call.unordered || o->call.progress))
		die(EXIT_USAGE, "-u and -P go with -L, -0, -4 or -N");
	if (o->capacity == 0)
		o->capacity = o->call.filter ? CAPACITY : 1;
	if (strchr(argv[optind], '/') != NULL)
		caller_proxy(o, argv[optind++]);
	else {
		o->call.module = opt_name("module", argv[optind++]);
		if (optind < argc && argv[optind][0] != '\0')
			o->call.function = opt_name("function", argv[optind]);
		if (optind < argc)
			optind++;
	}
	if ((o->broker != NULL) + (o->socket != NULL) + (o->channel != NULL) >
	    1)
		die(EXIT_USAGE, ONE_WAY);
	if (caller_is_choosy(o) && (o->socket != NULL || o->channel != NULL))
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

/*
 * How the module is reached: a channel, a PLB's socket, or a broker. With no
 * option, the PLB of this module where one is running, but not where sellers
 * are chosen among by options; else the broker. The address goes to text.
 */
static void
caller_find_way(struct caller_options *o, const struct key *key, char *text)
{
	struct addr a;

	text[0] = '\0';
	o->call.where = text;
	o->call.plb.fixed = 1;
	if (o->channel != NULL) {
		o->call.where = o->channel;
		if (o->channel[0] == '|')
			return;
		opt_address('x', o->channel, 0, &a);
		env_key_need(key, 'x', &a);
	} else if (o->socket != NULL) {
		opt_socket('s', o->socket, &a);
	} else {
		env_plb_socket(&a, o->call.module);
		if (o->broker != NULL || caller_is_choosy(o) ||
		    !caller_answers(&a)) {
			o->call.plb.fixed = 0;
			env_broker_socket(&a, o->broker);
		}
	}
	addr_print(&a, text);
	if (o->call.plb.fixed)
		o->call.plb.address = slice_str(text);
}

/* Start the command of -x '|command', its standard input and output ours. */
static void
caller_adopt(struct caller *c, const char *command)
{
	char *argv[4], **env;
	int to[2], from[2];
	struct program_start l;

	argv[0] = (char *)"/bin/sh";
	argv[1] = (char *)"-c";
	argv[2] = (char *)command;
	argv[3] = NULL;
	env = program_environ(PROGRAM_OWN, NULL);
	if (env == NULL || pipe(to) == -1 || pipe(from) == -1 ||
	    net_adopt(to[1]) == -1 || net_adopt(from[0]) == -1 ||
	    fcntl(to[0], F_SETFD, FD_CLOEXEC) == -1 ||
	    fcntl(from[1], F_SETFD, FD_CLOEXEC) == -1)
		die_errno(EXIT_TEMPORARY, "unable to run %s", command);
	program_init(&l, argv, env);
	l.in = to[0];
	l.out = from[1];
	if ((c->command = program_start(&l)) == -1)
		die_errno(EXIT_TEMPORARY, "unable to run %s", command);
	free(env);
	close(to[0]);
	close(from[1]);
	hub_adopt(&c->hub, from[0], to[1], 1, PLB_FIXED_TAG);
}

/* The command, if it does not end with its input. */
static void
caller_end_command(const struct caller *c)
{
	if (c->command > 0)
		kill(c->command, SIGTERM);
}

/* Input and output. */

static void
caller_quit(struct caller *c, int status)
{
	if (c->status < status)
		c->status = status;
	loop_stop(c->hub.loop);
}

static void
caller_on_input(void *arg, short revents)
{
	static unsigned char bytes[CALL_READ_MAX];
	struct caller *c = arg;
	ssize_t n;

	(void)revents;
	hub_deliver(&c->hub);
	if (!call_readable(c->call))
		return;
	n = read(STDIN_FILENO, bytes, sizeof(bytes));
	if (n > 0)
		call_input(c->call, slice_of(bytes, (size_t)n));
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		call_input_end(c->call, loop_now(c->hub.loop),
		    n == 0 ? NULL : strerror(errno));
}

static void
caller_watch(struct caller *c, int on)
{
	if (!on)
		loop_unwatch(c->hub.loop, &c->input);
	else if (loop_watch(c->hub.loop, &c->input) == -1) {
		log_error("unable to read standard input: out of memory");
		caller_quit(c, EXIT_TEMPORARY);
	}
}

/* The output is written, or cannot be. A reader that is gone ends us as it ends
 * any filter. */
static void
caller_on_drained(void *arg)
{
	struct caller *c = arg;

	if (c->sink.error == EPIPE) {
		signal(SIGPIPE, SIG_DFL);
		raise(SIGPIPE);
	}
	if (c->sink.error != 0) {
		log_error("unable to write standard output: %s",
		    strerror(c->sink.error));
		caller_quit(c, EXIT_TEMPORARY);
	} else if (c->finishing)
		caller_quit(c, 0);
	else
		hub_deliver(&c->hub);
}

static void
caller_finish(struct caller *c, int status)
{
	c->status = status;
	c->finishing = 1;
	if (buf_len(&c->sink.queue) == 0)
		caller_quit(c, 0);
}

static void
caller_on_act(void *arg, const struct act *a)
{
	struct caller *c = arg;

	switch (a->kind) {
	case CALL_LINE:
		fprintf(stderr, "%.*s\n", SLICE_ARG(a->bytes));
		break;
	case CALL_PROGRESS:
		fprintf(stderr, isatty(STDERR_FILENO) ? "\r%.*s\033[K" :
		    "%.*s\n", SLICE_ARG(a->bytes));
		break;
	case CALL_INPUT:
		caller_watch(c, a->value != 0);
		break;
	case CALL_FINISH:
		caller_finish(c, (int)a->value);
		break;
	case CALL_QUIT:
		caller_quit(c, (int)a->value);
		break;
	default:
		call_take(c->call, loop_now(c->hub.loop), a);
		sink_filled(&c->sink);
		hub_deliver(&c->hub);
	}
}

static void
caller_on_signal(void *arg, int signo)
{
	caller_end_command(arg);
	signal(signo, SIG_DFL);
	raise(signo);
}

/* Life. */

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
	env_random(&seed, sizeof(seed));
	call = call_new(loop_now(c->hub.loop), seed, &o->call, &c->sink.queue);
	if (call == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	buf_free(&constraints);
	return call;
}

static void
caller_start(struct caller *c, struct caller_options *o)
{
	struct loop *loop = c->hub.loop;

	sink_init(&c->sink, loop, STDOUT_FILENO, OUT_MAX, caller_on_drained,
	    c);
	c->call = caller_new_call(c, o);
	c->input.fd = STDIN_FILENO;
	c->input.events = POLLIN;
	c->input.fn = caller_on_input;
	c->input.arg = c;
	c->hub.act = caller_on_act;
	c->hub.arg = c;
	hub_core(&c->hub, &call_ops, c->call, call_out(c->call));
	if (o->channel != NULL && o->channel[0] == '|')
		caller_adopt(c, o->channel + 1);
	else if (!o->call.plb.fixed)
		hub_dial(&c->hub, slice_str(o->call.where), DIAL_FOREVER, 0);
	loop_signal(loop, SIGTERM, caller_on_signal, c);
	loop_signal(loop, SIGINT, caller_on_signal, c);
	if (!o->call.filter && isatty(STDIN_FILENO))
		call_input_end(c->call, loop_now(loop), NULL);
}

static int
caller_end(struct caller *c, const struct caller_options *o)
{
	if (o->call.progress && isatty(STDERR_FILENO))
		fputc('\n', stderr);
	caller_end_command(c);
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
	struct key key;
	char address[ADDR_TEXT_MAX];

	program_begin(argv, PROGRAM_PRINTS | PROGRAM_PASS);
	caller_parse(&o, argc, argv);
	env_key(&key, o.keyfile);
	caller_find_way(&o, &key, address);
	hub_init(&c.hub, loop_new(), o.call.plb.fixed ? ROLE_CALLER : ROLE_PLB,
	    &key);
	caller_start(&c, &o);
	loop_run(c.hub.loop);
	return caller_end(&c, &o);
}
