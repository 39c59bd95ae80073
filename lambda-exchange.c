/*
 * lambda-exchange: matches sell and buy orders of one module. It finds its
 * listening socket on descriptor 0, or makes one (-l), and writes to neither 0
 * nor 1.
 */

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "die.h"
#include "exchange.h"
#include "hub.h"
#include "program.h"
#include "log.h"
#include "net.h"
#include "opt.h"

#define STOP_MS	 1000
#define SYNOPSIS "[-qv] [-d fd] [-k keyfile] [-l address] module"

struct program {
	const char *keyfile, *listen, *module;
	int ready_fd;
	struct key key;
	struct loop *loop;
	struct hub hub;
	struct hub_listen *door;
	struct exchange *exchange;
};

static void
parse(struct program *p, int argc, char **argv)
{
	int letter;

	p->ready_fd = -1;
	while ((letter = getopt(argc, argv, "d:k:l:qv")) != -1)
		switch (letter) {
		case 'd':
			p->ready_fd = opt_fd('d', optarg);
			break;
		case 'k':
			p->keyfile = optarg;
			break;
		case 'l':
			p->listen = optarg;
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
	if (optind != argc - 1)
		die_usage(SYNOPSIS);
	p->module = opt_name("module", argv[optind]);
}

/* The one on descriptor 0, and where it listens. */
static void
check_socket(const struct program *p, struct addr *a)
{
	char text[ADDR_TEXT_MAX];

	if (!net_is_listening(0) || !net_is_tcp(0))
		die(EXIT_USAGE, "standard input is no listening TCP socket: "
		    "lambda-authority starts this program with one, and so "
		    "does inetd with \"stream tcp wait\"; -l makes one");
	if (net_local(0, a) == -1 || net_adopt(0) == -1)
		die_errno(EXIT_TEMPORARY, "unable to use standard input");
	if (env_key_allows(&p->key, a) == -1)
		die(EXIT_USAGE, "standard input listens on %s, which is not "
		    "on loopback, so both sides need a key of yours: give -k "
		    "keyfile", addr_print(a, text));
}

/* The listening socket: its descriptor. */
static int
open_socket(const struct program *p, struct addr *a)
{
	struct addr want;
	int fd;

	if (p->listen == NULL) {
		check_socket(p, a);
		return 0;
	}
	opt_ip('l', p->listen, 0, &want);
	env_key_need(&p->key, 'l', &want);
	if ((fd = net_listen(&want, a)) == -1)
		die_errno(EXIT_TEMPORARY, "unable to listen on %s", p->listen);
	return fd;
}

static void
on_term(void *arg, int signo)
{
	struct program *p = arg;

	(void)signo;
	hub_stop(&p->hub, STOP_MS, 0);
}

/* There is nothing to read again, and a hangup must not end us. */
static void
on_hup(void *arg, int signo)
{
	(void)arg;
	(void)signo;
}

static void
start(struct program *p)
{
	char text[ADDR_TEXT_MAX];
	struct addr a;
	uint64_t seed;
	int fd;

	env_key(&p->key, p->keyfile);
	fd = open_socket(p, &a);
	p->loop = loop_new();
	hub_init(&p->hub, p->loop, ROLE_EXCHANGE, &p->key);
	env_random(&seed, sizeof(seed));
	p->exchange = exchange_new(slice_str(p->module),
	    &p->hub.self.instance, seed);
	if (p->exchange == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	p->hub.serves = ROLE_CTL;
	hub_core(&p->hub, &exchange_ops, p->exchange,
	    exchange_out(p->exchange));
	p->door = hub_listen(&p->hub, fd);
	log_info("listening on %s for %s", addr_print(&a, text), p->module);
	loop_signal(p->loop, SIGTERM, on_term, p);
	loop_signal(p->loop, SIGINT, on_term, p);
	loop_signal(p->loop, SIGHUP, on_hup, p);
	net_ready(p->ready_fd);
	log_info("ready");
}

int
main(int argc, char **argv)
{
	static struct program p;

	die_name(argv[0]);
	env_argv0(argv[0]);
	program_reserve();
	parse(&p, argc, argv);
	start(&p);
	loop_run(p.loop);
	hub_unlisten(p.door);
	hub_free(&p.hub);
	exchange_free(p.exchange);
	loop_free(p.loop);
	return p.hub.status;
}
