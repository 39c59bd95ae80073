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
#include "die.h"
#include "program.h"
#include "log.h"
#include "net.h"
#include "opt.h"
#include "plb_proxies.h"
#include "opt_want.h"

#define CAPACITY     64 /* of a filter, by default */
#define SYNOPSIS \
	"[-04LNPquv] [-b socket | -s socket | -x channel] [-c capacity]\n" \
	"[-k keyfile] [-R retries] [-T seconds] [-t label=value ...]\n" \
	"[-V version] module [function [argument ...]]"

struct options {
	struct caller_options caller;
	const char *broker, *socket, *channel, *keyfile;
	struct want want;
	int ways; /* of -b, -s and -x, how many were given */
	char export[NAME_BYTES_MAX + sizeof("/255")]; /* what is called */
};

/* Of the records of a filter's input: lines, NUL-ended, packets, netstrings. */
static void
framing(struct options *o, int letter)
{
	enum frame_kind kind = letter == 'L' ? FRAME_LINE :
	    letter == '0' ? FRAME_NUL :
	    letter == '4' ? FRAME_PACKET4 : FRAME_NETSTRING;

	if (o->caller.filter && o->caller.kind != kind)
		die(EXIT_USAGE, "-L, -0, -4 and -N: give one of them");
	o->caller.kind = kind;
	o->caller.filter = 1;
}

static void
take_option(struct options *o, int letter, char *arg)
{
	struct caller_options *c = &o->caller;

	switch (letter) {
	case '0':
	case '4':
	case 'L':
	case 'N':
		framing(o, letter);
		break;
	case 'P':
		c->progress = 1;
		break;
	case 'u':
		c->unordered = 1;
		break;
	case 'c':
		c->capacity = opt_number(letter, arg, 1, PLB_WINDOW * 16);
		break;
	case 'R':
		c->retries = (unsigned)opt_number(letter, arg, 0, 255);
		break;
	case 'T':
		c->limit_ms = opt_seconds(letter, arg, 1, UINT32_MAX);
		break;
	case 't':
		want_label(&o->want, arg);
		break;
	case 'V':
		o->want.version = arg;
		break;
	case 'k':
		o->keyfile = arg;
		break;
	case 'b':
		o->broker = arg;
		o->ways++;
		break;
	case 's':
		o->socket = arg;
		o->ways++;
		break;
	case 'x':
		o->channel = arg;
		o->ways++;
		break;
	case 'v':
		log_more();
		break;
	case 'q':
		log_less();
		break;
	default:
		die_usage(SYNOPSIS);
	}
}

/* A proxy names us as its interpreter, so we are called with its path. */
static void
take_proxy(struct options *o, const char *path)
{
	char *socket, *module, *function;

	if (proxy_read(path, &socket, &module, &function) == -1)
		die(EXIT_USAGE, "%s: %s", path, errno == ENOENT ?
		    "there is no such proxy: the version in use does not "
		    "export the function" : errno == EINVAL ?
		    "that is neither a module's name nor a proxy" :
		    strerror(errno));
	o->socket = socket;
	o->caller.module = opt_name("module", module);
	o->caller.function = opt_name("function", function);
	o->ways++;
}

static int
is_choosy(const struct options *o)
{
	return o->want.version != NULL || o->want.nlabels > 0;
}

static void
parse(struct options *o, int argc, char **argv)
{
	int letter;

	memset(o, 0, sizeof(*o));
	o->caller.kind = FRAME_LINE;
	while ((letter = getopt(argc, argv, "+04LNPquvb:s:x:c:k:R:T:t:V:")) !=
	    -1)
		take_option(o, letter, optarg);
	if (optind == argc)
		die_usage(SYNOPSIS);
	if (!o->caller.filter && (o->caller.unordered || o->caller.progress))
		die(EXIT_USAGE, "-u and -P go with -L, -0, -4 or -N");
	if (o->caller.capacity == 0)
		o->caller.capacity = o->caller.filter ? CAPACITY : 1;
	if (strchr(argv[optind], '/') != NULL)
		take_proxy(o, argv[optind++]);
	else {
		o->caller.module = opt_name("module", argv[optind++]);
		if (optind < argc && argv[optind][0] != '\0')
			o->caller.function = opt_name("function", argv[optind]);
		if (optind < argc)
			optind++;
	}
	if (o->ways > 1)
		die(EXIT_USAGE, "-b, -s and -x (a proxy is -s): give one of "
		    "them");
	if (is_choosy(o) && (o->socket != NULL || o->channel != NULL))
		die(EXIT_USAGE, "-V and -t choose among the sellers that a "
		    "broker knows: leave out -s or -x (a proxy is -s), or give "
		    "them to the PLB");
	o->caller.args = argv + optind;
	o->caller.nargs = (size_t)(argc - optind);
	if (o->caller.function != NULL && o->caller.nargs <= ARITY_MAX) {
		snprintf(o->export, sizeof(o->export), "%s/%zu",
		    o->caller.function, o->caller.nargs);
		o->want.export = o->export;
	}
}

/* Does somebody answer at the Unix socket? */
static int
answers(const struct addr *a)
{
	int fd = net_connect(a);

	if (fd == -1)
		return 0;
	close(fd);
	return 1;
}

static pid_t command_pid;

/* One that does not end with its input. */
static void
end_command(void)
{
	if (command_pid > 0)
		kill(command_pid, SIGTERM);
}

/* Start the command of -x '|command', its standard input and output ours. */
static void
adopt_command(struct hub *hub, const char *command)
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
	if ((command_pid = program_start(&l)) == -1)
		die_errno(EXIT_TEMPORARY, "unable to run %s", command);
	free(env);
	close(to[0]);
	close(from[1]);
	hub_adopt(hub, from[0], to[1], 1, PLB_FIXED_TAG);
}

/*
 * How the module is reached: a channel, a PLB's socket, or a broker. With no
 * option, the PLB of this module where one is running, but for who chooses
 * among sellers himself; else the broker.
 */
static void
find_way(struct options *o, const struct key *key, struct plb_config *config,
    char *text)
{
	struct addr a;

	config->fixed = 1;
	if (o->channel != NULL) {
		if (o->channel[0] == '|')
			return;
		opt_address('x', o->channel, 0, &a);
		env_key_need(key, 'x', &a);
	} else if (o->socket != NULL) {
		opt_socket('s', o->socket, &a);
	} else {
		env_plb_socket(&a, o->caller.module);
		if (o->broker == NULL && !is_choosy(o) && answers(&a)) {
			config->address = slice_str(addr_print(&a, text));
			return;
		}
		config->fixed = 0;
		env_broker_socket(&a, o->broker);
	}
	config->address = slice_str(addr_print(&a, text));
}

int
main(int argc, char **argv)
{
	struct options o;
	struct plb_config config;
	struct key key;
	struct loop *loop;
	struct hub hub;
	struct plb *plb;
	struct buf constraints;
	char address[ADDR_TEXT_MAX], why[REASON_MAX];
	uint64_t seed;

	die_name(argv[0]);
	env_argv0(argv[0]);
	program_output();
	program_reserve();
	parse(&o, argc, argv);
	memset(&config, 0, sizeof(config));
	config.module = slice_str(o.caller.module);
	if (want_constraints(&o.want, &constraints, why, sizeof(why)) == -1)
		die(errno == EINVAL ? EXIT_USAGE : EXIT_TEMPORARY, "%s", why);
	config.constraints = buf_slice(&constraints);
	config.capacity = config.wanted = o.caller.capacity;
	env_key(&key, o.keyfile);
	find_way(&o, &key, &config, address);
	loop = loop_new();
	hub_init(&hub, loop, config.fixed ? ROLE_CALLER : ROLE_PLB, &key);
	env_random(&seed, sizeof(seed));
	if (!config.fixed) {
		hub_dial(&hub, config.address, DIAL_FOREVER, 0);
		config.address = slice_of(NULL, 0);
	}
	plb = plb_new(seed, &config);
	if (plb == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	o.caller.fixed = config.fixed;
	o.caller.leave = end_command;
	o.caller.where = o.channel != NULL ? o.channel : address;
	caller_run(&o.caller, &hub, plb, o.channel != NULL &&
	    o.channel[0] == '|' ? adopt_command : NULL);
}
