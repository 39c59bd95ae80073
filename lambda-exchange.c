/*
 * lambda-exchange: matches sell and buy orders of one module. It finds its
 * listening socket on descriptor 0, or makes one (-l), and writes to neither 0
 * nor 1. It can write an order log (-o), and have another core do again what
 * one says (-O).
 */

#include <unistd.h>

#include "daemon.h"
#include "exchange.h"
#include "exchange_log.h"
#include "log.h"

#define STOP_MS	 1000
#define SYNOPSIS \
	"[-hqv] [-d fd] [-k keyfile ...] [-l address] [-o file | -O file]\n" \
	"module"

struct program {
	struct daemon daemon;
	const char *listen, *module, *write, *replay;
	struct exchange *exchange;
	struct record record;
};

static void
exchange_main_parse(struct program *p, int argc, char **argv)
{
	const struct opt options[] = {
		{ 'd', OPT_FD, &p->daemon.ready_fd, 0, 0 },
		{ 'k', OPT_KEY, &p->daemon.keys, 0, 0 },
		{ 'l', OPT_TEXT, &p->listen, 0, 0 },
		{ 'o', OPT_TEXT, &p->write, 0, 0 },
		{ 'O', OPT_TEXT, &p->replay, 0, 0 },
		{ 0, OPT_END, NULL, 0, 0 }
	};
	int letter;

	daemon_init(&p->daemon);
	while ((letter = getopt(argc, argv, "O:d:k:l:o:hqv")) != -1)
		opt_take(options, letter, optarg, SYNOPSIS);
	if (optind != argc - 1)
		die_usage(SYNOPSIS);
	p->module = opt_name("module", argv[optind]);
	if (p->write != NULL && p->replay != NULL)
		die(EXIT_USAGE, "-o and -O: give one of them");
}

/* The one on descriptor 0, and where it listens. */
static void
exchange_main_take_socket(struct daemon *d)
{
	struct daemon_socket *s = &d->tcp[d->ntcp++];
	char text[ADDR_TEXT_MAX];

	s->fd = STDIN_FILENO;
	if (!net_is_listening(s->fd) || !net_is_tcp(s->fd))
		die(EXIT_USAGE, "standard input is no listening TCP socket: "
		    "lambda-authority starts this program with one, and so "
		    "does inetd with \"stream tcp wait\"; -l makes one");
	if (net_local(s->fd, &s->bound) == -1 || net_adopt(s->fd) == -1)
		die_errno(EXIT_TEMPORARY, "unable to use standard input");
	if (env_key_allows(&d->key, &s->bound) == -1)
		die(EXIT_USAGE, "standard input listens on %s, which is not "
		    "on loopback, so both sides need a key of yours: give -k "
		    "keyfile", addr_print(&s->bound, text));
}

static void
exchange_main_on_term(void *arg, int signo)
{
	(void)signo;
	hub_stop(&((struct program *)arg)->daemon.hub, STOP_MS, 0);
}

static void
exchange_main_on_hup(void *arg, int signo)
{
	struct daemon *d = &((struct program *)arg)->daemon;

	(void)signo;
	daemon_key_again(&d->hub, &d->key, &d->keys);
}

static void
exchange_main_start(struct program *p)
{
	struct daemon *d = &p->daemon;
	char text[ADDR_TEXT_MAX];
	uint64_t seed;

	if (p->write != NULL)
		record_open(&p->record, p->write);
	daemon_key(d);
	if (p->listen == NULL)
		exchange_main_take_socket(d);
	else if (daemon_open(d, p->listen, 0) == -1)
		die_errno(EXIT_TEMPORARY, "unable to listen on %s", p->listen);
	daemon_hub(d, ROLE_EXCHANGE);
	env_random(&seed, sizeof(seed));
	p->exchange = exchange_new(slice_str(p->module),
	    &d->hub.self.instance, seed);
	if (p->exchange == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	d->hub.serves = ROLE_CTL;
	if (p->write == NULL) {
		hub_core(&d->hub, &exchange_ops, p->exchange,
		    exchange_out(p->exchange));
	} else {
		record_start(&p->record, p->exchange, p->module,
		    &d->hub.self.instance, seed);
		hub_core(&d->hub, &record_ops, &p->record, &p->record.out);
	}
	d->tcp[0].listen = hub_listen(&d->hub, d->tcp[0].fd);
	log_info("listening on %s for %s", addr_print(&d->tcp[0].bound, text),
	    p->module);
	loop_signals(d->loop, exchange_main_on_term, exchange_main_on_hup,
	    p);
	daemon_ready(d);
}

int
main(int argc, char **argv)
{
	static struct program p;

	daemon_begin(argv);
	exchange_main_parse(&p, argc, argv);
	if (p.replay != NULL)
		return replay_run(p.replay, p.module);
	exchange_main_start(&p);
	loop_run(p.daemon.loop);
	daemon_unserve(&p.daemon);
	hub_free(&p.daemon.hub);
	record_end(&p.record);
	exchange_free(p.exchange);
	loop_free(p.daemon.loop);
	return p.daemon.hub.status;
}
