/*
 * lambda-listener: publishes a module of this host. It sells its capacity
 * through the broker, and starts a channel for each PLB that connects.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "attrs.h"
#include "daemon.h"
#include "epmd_client.h"
#include "frame.h"
#include "listener.h"
#include "listener_acceptor.h"
#include "listener_publish.h"
#include "log.h"

#define SYNOPSIS \
	"[-hqvW] [-a address] [-b socket] [-c capacity] [-d fd]\n" \
	"[-f function ...] [-g seconds] [-k keyfile ...] [-l address]\n" \
	"[-n node] [-t label=value ...] [-V version] [-w protocol]\n" \
	"module program [argument ...]"
#define GRACE_MS     30000 /* -g: from SIGTERM until channels are made to end */
#define EXPIRED_MS   3000  /* from that to SIGKILL */
#define KILLED_MS    1000  /* from SIGKILL to going without them */
#define CAPACITY_MAX 1000000
#define CHANNEL_ARGS 16	   /* of our own, before module and program */
#define DIGEST_SHOWN 8	   /* bytes of a digest, in the log */

struct options {
	const char *address, *broker, *listen, *node;
	const char *protocol, *module;
	const char *given_capacity; /* -c */
	char **program; /* and its arguments, ended by NULL */
	struct publish_config publish;
	uint64_t capacity;
	int64_t grace_ms; /* -g; 0: no bound */
	const char *grace; /* as it was given; or NULL */
	int watch;
};

struct program {
	struct daemon daemon;
	struct listener *listener;
	struct listener_acceptor *acceptor;
	struct options options;
	char **channel;	     /* what channels are run with */
	char **worker_env;   /* what a preflight is run with */
	struct publish publish;
	struct epmd_lookup node; /* -n */
	enum ending { RUNNING, DRAINING, EXPIRED, KILLED } ending;
	int asked; /* it drains as the broker said so */
	struct timer bound;  /* of that */
};

/* Options. */

static void
listener_main_take_options(struct program *p, int argc, char **argv)
{
	struct options *o = &p->options;
	struct opt_list functions = { .at = o->publish.functions,
		.max = EXPORTS_MAX, .what = "functions" };
	struct opt_list labels = { .at = o->publish.labels,
		.max = LABELS_MAX, .what = "labels" };
	const struct opt options[] = {
		{ 'a', OPT_TEXT, &o->address, 0, 0 },
		{ 'b', OPT_TEXT, &o->broker, 0, 0 },
		{ 'c', OPT_TEXT, &o->given_capacity, 0, 0 },
		{ 'd', OPT_FD, &p->daemon.ready_fd, 0, 0 },
		{ 'f', OPT_LIST, &functions, 0, 0 },
		{ 'g', OPT_TEXT, &o->grace, 0, 0 },
		{ 'k', OPT_KEY, &p->daemon.keys, 0, 0 },
		{ 'l', OPT_TEXT, &o->listen, 0, 0 },
		{ 'n', OPT_NODE, &o->node, 0, 0 },
		{ 't', OPT_LIST, &labels, 0, 0 },
		{ 'V', OPT_TEXT, &o->publish.version, 0, 0 },
		{ 'W', OPT_FLAG, &o->watch, 0, 0 },
		{ 'w', OPT_TEXT, &o->protocol, 0, 0 },
		{ 0, OPT_END, NULL, 0, 0 }
	};
	int letter;

	while ((letter = getopt(argc, argv,
	    "+a:b:c:d:f:g:k:l:n:hqt:V:vWw:")) != -1)
		opt_take(options, letter, optarg, SYNOPSIS);
	o->publish.nfunctions = functions.n;
	o->publish.nlabels = labels.n;
}

static void
listener_main_parse(struct program *p, int argc, char **argv)
{
	struct options *o = &p->options;

	daemon_init(&p->daemon);
	o->listen = "127.0.0.1:0";
	o->protocol = "exec";
	listener_main_take_options(p, argc, argv);
	if (strcmp(o->protocol, "exec") != 0 && frame_kind(o->protocol) == -1)
		die(EXIT_USAGE, "-w %s: give exec, line, netstring, packet4 "
		    "or mux", o->protocol);
	if (argc - optind < 2)
		die_usage(SYNOPSIS);
	o->module = opt_name("module", argv[optind]);
	o->program = argv + optind + 1;
	o->publish.program = o->program[0];
	o->grace_ms = o->grace == NULL ? GRACE_MS :
	    opt_seconds('g', o->grace, 0, OPT_GRACE_MAX_MS);
	o->capacity = o->given_capacity == NULL ? env_processors() :
	    opt_capacity_now(o->given_capacity, CAPACITY_MAX);
}

/* lambda-channel [-q ...|-v ...] [-g seconds] -w protocol -- module program
 * [argument ...] */
static char **
listener_main_channel_argv(const struct options *o)
{
	size_t n = 0, i, args = 0;
	char **argv;

	while (o->program[args] != NULL)
		args++;
	argv = malloc((CHANNEL_ARGS + args) * sizeof(char *));
	if (argv == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	argv[n++] = env_sibling("lambda-channel");
	n += opt_loud(argv + n);
	if (o->grace != NULL) {
		argv[n++] = "-g";
		argv[n++] = (char *)(uintptr_t)o->grace;
	}
	argv[n++] = "-w";
	argv[n++] = (char *)(uintptr_t)o->protocol;
	argv[n++] = "--";
	argv[n++] = (char *)(uintptr_t)o->module;
	for (i = 0; i <= args; i++)
		argv[n++] = o->program[i];
	return argv;
}

/* What is published. */

static void
listener_main_log_published(const char *module, struct slice encoded)
{
	char text[1024], digest[2 * DIGEST_SHOWN + 1] = "none";
	struct attrs attrs;
	size_t i;

	if (group_decode(&schema_attrs, encoded, &attrs) == 0 &&
	    attrs.digest.len >= DIGEST_SHOWN)
		for (i = 0; i < DIGEST_SHOWN; i++)
			snprintf(digest + 2 * i, 3, "%02x", attrs.digest.p[i]);
	log_info("publishing new code of %s: digest %s, %s", module, digest,
	    attrs_print(encoded, text, sizeof(text)));
}

/* New code beside the old. */
static void
listener_main_on_publish(void *arg)
{
	struct program *p = arg;
	struct slice attrs = buf_slice(&p->publish.now.attrs);

	listener_main_log_published(p->options.module, attrs);
	listener_acceptor_program(p->acceptor, &p->publish.now.file);
	if (listener_publish(p->listener, attrs) == -1)
		log_error("unable to publish: %s", strerror(errno));
	hub_deliver(&p->daemon.hub);
}

/* The program cannot be a worker, and there is nothing before it that could. */
static void
listener_main_on_failed(void *arg, const char *why)
{
	struct program *p = arg;

	log_error("fatal: %s", why);
	listener_acceptor_close(p->acceptor);
	hub_stop(&p->daemon.hub, 0, EXIT_TEMPORARY);
}

/* The capacity of -c @file may be another one. */
static void
listener_main_capacity_again(struct program *p)
{
	struct options *o = &p->options;

	if (!opt_capacity_again(o->given_capacity, CAPACITY_MAX, &o->capacity))
		return;
	if (listener_capacity(p->listener, o->capacity) == -1)
		log_error("unable to drain channels: %s", strerror(errno));
	hub_deliver(&p->daemon.hub);
}

static void
listener_main_on_hangup(void *arg, int signo)
{
	struct program *p = arg;

	(void)signo;
	daemon_key_again(&p->daemon.hub, &p->daemon.key, &p->daemon.keys);
	if (p->ending != RUNNING)
		return;
	listener_main_capacity_again(p);
	publish_renew(&p->publish);
}

/* An EPMD knows ports; the address is that of this host, which the broker
 * knows best. */
static void
listener_main_on_moved(void *arg, unsigned port)
{
	struct program *p = arg;
	char dist[ADDRESS_MAX + 1] = "";

	if (port != 0) {
		snprintf(dist, sizeof(dist), "0.0.0.0:%u", port);
		log_info("node %s is at port %u", p->options.node, port);
	} else {
		log_info("node %s is gone", p->options.node);
	}
	listener_dist(p->listener, slice_str(dist));
	hub_deliver(&p->daemon.hub);
}

/* The end. */

/* Each step after the one before has not been enough. */
static void
listener_main_on_bound(void *arg)
{
	struct program *p = arg;
	int64_t now = loop_now(p->daemon.loop);

	if (listener_is_drained(p->listener))
		return;
	switch (p->ending) {
	case DRAINING:
		log_info("requests have not finished in time: ending them");
		listener_expire(p->listener);
		hub_deliver(&p->daemon.hub);
		listener_acceptor_end_rest(p->acceptor);
		p->ending = EXPIRED;
		loop_timer(p->daemon.loop, &p->bound, now + EXPIRED_MS);
		break;
	case EXPIRED:
		listener_acceptor_kill(p->acceptor);
		p->ending = KILLED;
		loop_timer(p->daemon.loop, &p->bound, now + KILLED_MS);
		break;
	default:
		log_error("processes of a channel survived SIGKILL: exiting");
		hub_stop(&p->daemon.hub, 0, EXIT_TEMPORARY);
	}
}

/* Sell and accept no more, and let channels finish. */
static void
listener_main_drain(struct program *p)
{
	int64_t grace = p->options.grace_ms;

	p->ending = DRAINING;
	publish_stop(&p->publish);
	listener_acceptor_close(p->acceptor);
	listener_stop(p->listener);
	hub_deliver(&p->daemon.hub);
	if (grace > 0)
		loop_timer(p->daemon.loop, &p->bound,
		    loop_now(p->daemon.loop) + grace);
}

/* The second one says that waiting is over. */
static void
listener_main_on_term(void *arg, int signo)
{
	struct program *p = arg;

	(void)signo;
	listener_leave(p->listener);
	hub_deliver(&p->daemon.hub);
	if (p->ending == RUNNING)
		listener_main_drain(p);
	else if (p->ending == DRAINING && !p->asked)
		listener_main_on_bound(p);
	p->asked = 0;
}

static void
listener_main_on_act(void *arg, const struct act *a)
{
	struct program *p = arg;

	if (a->kind != LISTENER_DRAIN || p->ending != RUNNING)
		return;
	log_info("draining, as lambda-ctl says");
	p->asked = 1;
	listener_main_drain(p);
}

/* The start. */

/* The listening socket; its address, or that of -a, in text. */
static int
listener_main_open_socket(struct program *p, char text[ADDR_TEXT_MAX])
{
	struct options *o = &p->options;
	struct addr want, bound, given;
	int fd;
	size_t passed = net_inherited(NULL, NET_TCP, &fd, 1);

	if (passed > 0) {
		if (net_local(fd, &bound) == -1)
			die_errno(EXIT_TEMPORARY, "unable to use the socket of "
			    "LISTEN_FDS");
		want = bound;
	} else {
		env_nothing_fits("TCP");
		opt_ip('l', o->listen, 0, &want);
	}
	env_key_need(&p->daemon.key, 'l', &want);
	if (passed == 0 && (fd = net_listen(&want, &bound)) == -1)
		die_errno(EXIT_TEMPORARY, "unable to listen on %s",
		    addr_print(&want, text));
	addr_print(&bound, text);
	if (o->address != NULL) {
		opt_peer('a', o->address, addr_port(&bound), &given);
		addr_print(&given, text);
	}
	return fd;
}

static void
listener_main_make_publish(struct program *p)
{
	struct options *o = &p->options;
	struct publish *u = &p->publish;

	p->worker_env = program_environ(PROGRAM_WORKER, NULL);
	if (p->worker_env == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	o->publish.preflight = strcmp(o->protocol, "exec") != 0;
	u->loop = p->daemon.loop;
	u->config = &o->publish;
	program_init(&u->start, o->program, p->worker_env);
	u->start.group = 1;
	u->publish = listener_main_on_publish;
	u->failed = listener_main_on_failed;
	u->arg = p;
	publish_start(u);
	if (o->watch)
		publish_watch(u);
}

static void
listener_main_make_listener(struct program *p, const char *address)
{
	const struct options *o = &p->options;
	struct listener_config config;
	uint64_t seed;

	memset(&config, 0, sizeof(config));
	config.module = slice_str(o->module);
	config.capacity = o->capacity;
	config.attrs = buf_slice(&p->publish.now.attrs);
	config.node = slice_str(o->node);
	config.address = slice_str(address);
	env_random(&seed, sizeof(seed));
	p->listener = listener_new(&p->daemon.hub.self.instance, seed, &config);
	if (p->listener == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	p->daemon.hub.act = listener_main_on_act;
	p->daemon.hub.arg = p;
	hub_core(&p->daemon.hub, &listener_ops, p->listener,
	    listener_out(p->listener));
}

static void
listener_main_dial_broker(struct program *p)
{
	char text[ADDR_TEXT_MAX];
	struct addr a;

	env_broker_socket(&a, p->options.broker);
	if (hub_dial(&p->daemon.hub, slice_str(addr_print(&a, text)),
	    DIAL_FOREVER, 0) == -1)
		die_errno(EXIT_TEMPORARY, "unable to start");
}

static void
listener_main_start(struct program *p)
{
	char address[ADDR_TEXT_MAX];
	int fd;

	daemon_key(&p->daemon);
	daemon_hub(&p->daemon, ROLE_LISTENER);
	fd = listener_main_open_socket(p, address);
	listener_main_make_publish(p);
	listener_main_make_listener(p, address);
	p->channel = listener_main_channel_argv(&p->options);
	p->acceptor = listener_acceptor_open(&p->daemon.hub, p->listener, fd,
	    p->channel, &p->publish.now.file);
	listener_main_dial_broker(p);
	if (p->options.node != NULL)
		epmd_lookup_init(&p->node, p->daemon.loop, p->options.node,
		    listener_main_on_moved, p);
	loop_signals(p->daemon.loop, listener_main_on_term,
	    listener_main_on_hangup, p);
	p->bound.fn = listener_main_on_bound;
	p->bound.arg = p;
	log_info("publishing %s at %s, capacity %llu", p->options.module,
	    address, (unsigned long long)p->options.capacity);
	net_ready(p->daemon.ready_fd);
}

int
main(int argc, char **argv)
{
	static struct program p;
	int status;

	daemon_begin(argv);
	listener_main_parse(&p, argc, argv);
	listener_main_start(&p);
	loop_run(p.daemon.loop);
	status = p.daemon.hub.status;
	epmd_lookup_stop(&p.node);
	listener_acceptor_free(p.acceptor);
	hub_free(&p.daemon.hub);
	listener_free(p.listener);
	publish_free(&p.publish);
	free(p.worker_env);
	free(p.channel[0]);
	free(p.channel);
	loop_free(p.daemon.loop);
	return status;
}
