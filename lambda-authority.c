/*
 * lambda-authority: keeps the list of all exchanges, linked to every other
 * authority, and runs exchanges where they are needed. Reads addresses of other
 * authorities on standard input.
 */

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "authority.h"
#include "authority_process.h"
#include "die.h"
#include "epmd_client.h"
#include "hub.h"
#include "program.h"
#include "lines.h"
#include "log.h"
#include "net.h"
#include "opt.h"

#define AUTHORITY_PORT 4370
#define DEFAULT_LISTEN "127.0.0.1:4370"
#define REDUNDANCY_MAX 16
#define EXTERNAL_MAX   256
#define LISTEN_MAX     8
#define LOUD_MAX       4    /* -v or -q passed on */
#define LEAVE_MS       2000 /* for exchanges to hand over to their successors */
#define SYNOPSIS \
	"[-qv] [-a address] [-d fd] [-k keyfile] [-l address ...] [-n name]\n" \
	"[-r redundancy] [-x module=address ...]"

struct program {
	const char *advertise, *name;
	struct listening { /* where it listens */
		const char *where; /* -l */
		struct addr bound;
		int fd;
		struct hub_listen *door;
	} listening[LISTEN_MAX];
	size_t nlistening;
	char *keyfile;
	char *external[EXTERNAL_MAX];
	size_t nexternal;
	unsigned redundancy;
	int ready_fd;
	char *options[2 + LOUD_MAX + 1]; /* for exchanges */
	size_t noptions;
	struct key key;
	struct loop *loop;
	struct hub hub;
	struct authority *authority;
	struct authority_processes exchanges;
	struct epmd_register registration; /* with -n */
	struct lines input;
	unsigned long given; /* addresses in it */
	struct timer leave;
	int stopping;
};

static void
pass_on(struct program *p, char *option)
{
	if (p->noptions < LOUD_MAX)
		p->options[p->noptions++] = option;
}

static void
take_option(struct program *p, int letter)
{
	static char loud[] = "-v", quiet[] = "-q";

	switch (letter) {
	case 'a':
		p->advertise = optarg;
		break;
	case 'd':
		p->ready_fd = opt_fd('d', optarg);
		break;
	case 'k':
		p->keyfile = optarg;
		break;
	case 'l':
		if (p->nlistening == LISTEN_MAX)
			die(EXIT_USAGE, "-l: give %d addresses at most",
			    LISTEN_MAX);
		p->listening[p->nlistening++].where = optarg;
		break;
	case 'n':
		p->name = opt_name("node", optarg);
		break;
	case 'r':
		p->redundancy = (unsigned)opt_number('r', optarg, 1,
		    REDUNDANCY_MAX);
		break;
	case 'x':
		if (p->nexternal == EXTERNAL_MAX)
			die(EXIT_USAGE, "-x: give %d exchanges at most",
			    EXTERNAL_MAX);
		p->external[p->nexternal++] = optarg;
		break;
	case 'q':
		log_less();
		pass_on(p, quiet);
		break;
	case 'v':
		log_more();
		pass_on(p, loud);
		break;
	default:
		die_usage(SYNOPSIS);
	}
}

static void
parse(struct program *p, int argc, char **argv)
{
	static char k[] = "-k";
	int letter;

	p->ready_fd = -1;
	p->redundancy = AUTHORITY_REDUNDANCY;
	while ((letter = getopt(argc, argv, "a:d:k:l:n:qr:vx:")) != -1)
		take_option(p, letter);
	if (optind != argc)
		die_usage(SYNOPSIS);
	if (p->keyfile != NULL) {
		p->options[p->noptions++] = k;
		p->options[p->noptions++] = p->keyfile;
	}
	p->options[p->noptions] = NULL;
}

/* Listening. */

static void
listen_tcp(const struct program *p, struct listening *l)
{
	struct addr a;

	opt_ip('l', l->where, AUTHORITY_PORT, &a);
	env_key_need(&p->key, 'l', &a);
	if ((l->fd = net_listen(&a, &l->bound)) == -1)
		die_errno(EXIT_TEMPORARY, "unable to listen on %s", l->where);
}

static void
listen_passed(const struct program *p, struct listening *l, int fd)
{
	l->fd = fd;
	if (net_local(fd, &l->bound) == -1)
		die_errno(EXIT_TEMPORARY, "unable to use a socket of "
		    "LISTEN_FDS");
	env_key_need(&p->key, 'l', &l->bound);
}

/* A supervisor's sockets, or all that -l names. The first of them is where
 * others are told that we are. */
static void
listen_all(struct program *p)
{
	int fd[LISTEN_MAX];
	size_t i, n = net_inherited(NULL, NET_TCP, fd, LISTEN_MAX);

	env_all_fit(n, LISTEN_MAX);
	if (n > 0) {
		for (i = 0; i < n; i++)
			listen_passed(p, &p->listening[i], fd[i]);
		p->nlistening = n;
		return;
	}
	env_nothing_fits("TCP");
	if (p->nlistening == 0) {
		p->listening[0].where = DEFAULT_LISTEN;
		p->nlistening = 1;
	}
	for (i = 0; i < p->nlistening; i++)
		listen_tcp(p, &p->listening[i]);
}

/* Exchanges. */

static void
on_ended(void *arg, uint32_t tag)
{
	struct program *p = arg;

	authority_ended(p->authority, loop_now(p->loop), tag);
	hub_deliver(&p->hub);
	if (p->stopping && !authority_process_any(&p->exchanges))
		loop_stop(p->loop);
}

static void
on_start(struct program *p, uint32_t tag, struct slice module)
{
	int64_t now = loop_now(p->loop);
	char text[ADDR_TEXT_MAX];
	struct addr bound;

	if (authority_process_start(&p->exchanges, tag, module, &bound) == 0)
		authority_started(p->authority, now, tag,
		    slice_str(addr_print(&bound, text)));
	else
		authority_ended(p->authority, now, tag);
	hub_deliver(&p->hub);
}

static void
on_act(void *arg, const struct act *act)
{
	if (act->kind == AUTHORITY_START)
		on_start(arg, act->peer, act->bytes);
	else if (act->kind == AUTHORITY_KILL)
		authority_process_kill(&((struct program *)arg)->exchanges,
		    act->peer);
}

static void
announce(struct program *p, char *external)
{
	char *equals = strchr(external, '='), text[ADDR_TEXT_MAX];
	struct addr a;

	if (equals == NULL)
		die(EXIT_USAGE, "-x %s: write module=IP:PORT", external);
	*equals = '\0';
	opt_name("module", external);
	opt_peer('x', equals + 1, 0, &a);
	env_key_need(&p->key, 'x', &a);
	if (authority_announce(p->authority, loop_now(p->loop),
	    slice_str(external), slice_str(addr_print(&a, text))) == -1)
		die_errno(EXIT_TEMPORARY, "unable to start");
}

/* Input. */

static void
on_line(void *arg, const char *line, size_t len, unsigned long number)
{
	struct program *p = arg;
	char text[ADDR_TEXT_MAX];
	struct addr a;

	if (!lines_address(line, len, number, AUTHORITY_PORT, &a))
		return;
	p->given++;
	authority_bootstrap(p->authority, slice_str(addr_print(&a, text)));
	hub_deliver(&p->hub);
}

/* An authority may be the first, and have no input (</dev/null). */
static void
on_lines_end(void *arg)
{
	struct program *p = arg;

	if (p->given == 0 && p->input.number > 0)
		lines_named_nobody();
}

/*
 * The end. Exchanges are told to retire and all links are given up, so that the
 * other authorities start successors at once. Then those that linger are ended.
 */

static void
on_leave(void *arg)
{
	struct program *p = arg;

	loop_stop(p->loop);
}

static void
leave(struct program *p)
{
	size_t i;

	p->stopping = 1;
	for (i = 0; i < p->nlistening; i++)
		hub_unlisten(p->listening[i].door);
	p->leave.fn = on_leave;
	p->leave.arg = p;
	loop_timer(p->loop, &p->leave, loop_now(p->loop) + LEAVE_MS);
	if (authority_process_any(&p->exchanges))
		loop_run(p->loop);
	authority_process_kill_all(&p->exchanges);
}

static void
on_term(void *arg, int signo)
{
	struct program *p = arg;

	(void)signo;
	lines_stop(&p->input);
	epmd_register_free(&p->registration);
	authority_stop(p->authority, loop_now(p->loop));
	hub_deliver(&p->hub);
}

static void
on_hup(void *arg, int signo)
{
	struct program *p = arg;

	(void)signo;
	if (!lines_again(&p->input))
		return;
	p->given = 0;
	log_info("reading standard input again");
}

static void
start(struct program *p)
{
	char text[ADDR_TEXT_MAX];
	struct addr a;
	uint64_t seed;
	size_t i;

	env_key(&p->key, p->keyfile);
	listen_all(p);
	a = p->listening[0].bound;
	if (p->advertise != NULL)
		opt_peer('a', p->advertise, addr_port(&a), &a);
	p->loop = loop_new();
	hub_init(&p->hub, p->loop, ROLE_AUTHORITY, &p->key);
	env_random(&seed, sizeof(seed));
	p->authority = authority_new(&p->hub.self.instance, seed,
	    slice_str(addr_print(&a, text)), p->redundancy);
	if (p->authority == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	p->hub.act = on_act;
	p->hub.arg = p;
	p->hub.serves = ROLE_CTL;
	hub_core(&p->hub, &authority_ops, p->authority,
	    authority_out(p->authority));
	p->exchanges.loop = p->loop;
	p->exchanges.address = p->listening[0].bound;
	p->exchanges.options = p->options;
	p->exchanges.ended = on_ended;
	p->exchanges.arg = p;
	authority_process_init(&p->exchanges);
	for (i = 0; i < p->nexternal; i++)
		announce(p, p->external[i]);
	for (i = 0; i < p->nlistening; i++) {
		p->listening[i].door = hub_listen(&p->hub, p->listening[i].fd);
		log_info("listening on %s", addr_print(&p->listening[i].bound,
		    text));
	}
	if (p->name != NULL)
		epmd_register_init(&p->registration, p->loop, p->name,
		    (uint16_t)addr_port(&a));
	lines_init(&p->input, p->loop, 0, on_line, p);
	p->input.end = on_lines_end;
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
	leave(&p);
	authority_process_free(&p.exchanges);
	hub_free(&p.hub);
	authority_free(p.authority);
	loop_free(p.loop);
	return p.hub.status;
}
