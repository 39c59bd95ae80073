/*
 * lambda-broker: the broker of a host. Reads addresses of authorities (or of
 * brokers that know one) on standard input, serves listeners and PLBs on a Unix
 * socket and other brokers over TCP, and prints the Erlang nodes that it learns
 * of.
 */

#include <sys/stat.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker.h"
#include "die.h"
#include "hub.h"
#include "latest.h"
#include "program.h"
#include "lines.h"
#include "log.h"
#include "net.h"
#include "opt.h"

#define AUTHORITY_PORT 4370
#define BROKER_PORT    4371
#define DEFAULT_LISTEN "127.0.0.1:4371"
#define STOP_MS	       1000
#define LISTEN_MAX     8
#define CONTACTS_MS    60000 /* all contacts again */
#define SYNOPSIS \
	"[-qv] [-a address] [-b socket] [-d fd] [-k keyfile] [-l address ...]" \
	"\n[-n node]"

struct program {
	const char *advertise, *socket, *keyfile, *node;
	const char *listen[LISTEN_MAX];
	size_t nlisten;
	int ready_fd;
	struct key key;
	struct loop *loop;
	struct hub hub;
	struct hub_listen *local;
	struct hub_listen *tcp[LISTEN_MAX]; /* may be NULL */
	struct broker *broker;
	struct lines input;
	unsigned long given; /* addresses in it */
	struct latest output;
	struct timer contacts;
	struct addr unix_address;
	struct stat unix_stat; /* of the socket that is ours to unlink */
	int bound;
};

static void
parse(struct program *p, int argc, char **argv)
{
	int letter;

	p->ready_fd = -1;
	while ((letter = getopt(argc, argv, "a:b:d:k:l:n:qv")) != -1)
		switch (letter) {
		case 'a':
			p->advertise = optarg;
			break;
		case 'b':
			p->socket = optarg;
			break;
		case 'd':
			p->ready_fd = opt_fd('d', optarg);
			break;
		case 'k':
			p->keyfile = optarg;
			break;
		case 'l':
			if (p->nlisten == LISTEN_MAX)
				die(EXIT_USAGE, "-l: give %d addresses at "
				    "most", LISTEN_MAX);
			p->listen[p->nlisten++] = optarg;
			break;
		case 'n':
			p->node = opt_name("node", optarg);
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
	if (optind != argc)
		die_usage(SYNOPSIS);
}

/* Listening. */

static struct hub_listen *
listen_on(struct program *p, int fd)
{
	char text[ADDR_TEXT_MAX];
	struct addr a;

	if (net_local(fd, &a) == 0)
		log_info("listening on %s", addr_print(&a, text));
	return hub_listen(&p->hub, fd);
}

static void
listen_unix(struct program *p)
{
	char text[ADDR_TEXT_MAX];
	int fd;

	env_broker_socket(&p->unix_address, p->socket);
	addr_print(&p->unix_address, text);
	fd = net_listen(&p->unix_address, NULL);
	if (fd == -1 && errno == EADDRINUSE)
		die(EXIT_TEMPORARY, "a broker answers on %s already", text);
	if (fd == -1)
		die_errno(EXIT_TEMPORARY, "unable to listen on %s", text);
	p->bound = stat(p->unix_address.u.un.sun_path, &p->unix_stat) == 0;
	p->local = hub_listen(&p->hub, fd);
	log_info("listening on %s", text);
}

static int
listen_tcp(const struct program *p, const char *where)
{
	struct addr a;

	if (strchr(where, '/') != NULL)
		die(EXIT_USAGE, "-l %s: give an IP address and port; the Unix "
		    "socket is -b", where);
	opt_ip('l', where, BROKER_PORT, &a);
	env_key_need(&p->key, 'l', &a);
	return net_listen(&a, NULL);
}

/* By default a second broker on the host (a test, another user) does without
 * TCP: only other brokers would come that way. */
static void
listen_brokers(struct program *p)
{
	size_t i;
	int fd;

	for (i = 0; i < p->nlisten; i++) {
		if ((fd = listen_tcp(p, p->listen[i])) == -1)
			die_errno(EXIT_TEMPORARY, "unable to listen on %s",
			    p->listen[i]);
		p->tcp[i] = listen_on(p, fd);
	}
	if (p->nlisten > 0)
		return;
	if ((fd = listen_tcp(p, DEFAULT_LISTEN)) != -1)
		p->tcp[0] = listen_on(p, fd);
	else
		log_info("unable to listen on %s: %s: no other broker can ask "
		    "this one for authorities", DEFAULT_LISTEN,
		    strerror(errno));
}

static void
listen_passed(struct program *p, const int fd[], size_t n)
{
	struct addr a;
	size_t i;

	env_all_fit(n, LISTEN_MAX);
	for (i = 0; i < n; i++) {
		if (net_local(fd[i], &a) == -1)
			die_errno(EXIT_TEMPORARY, "unable to use a socket of "
			    "LISTEN_FDS");
		env_key_need(&p->key, 'l', &a);
		p->tcp[i] = listen_on(p, fd[i]);
	}
}

/* Passed by a supervisor (LISTEN_FDS), else made here. */
static void
listen_all(struct program *p)
{
	int local, tcp[LISTEN_MAX];
	size_t nlocal = net_inherited("broker", NET_UNIX, &local, 1);
	size_t n = net_inherited("tcp", NET_TCP, tcp, LISTEN_MAX);

	if (nlocal == 0 && n == 0)
		env_nothing_fits("Unix or TCP");
	listen_passed(p, tcp, n);
	if (n == 0)
		listen_brokers(p);
	if (nlocal > 0)
		p->local = listen_on(p, local);
	else
		listen_unix(p);
}

/* Input and output. */

static void
on_line(void *arg, const char *line, size_t len, unsigned long number)
{
	struct program *p = arg;
	char text[ADDR_TEXT_MAX];
	struct addr a;

	if (!lines_address(line, len, number, AUTHORITY_PORT, &a))
		return;
	p->given++;
	broker_bootstrap(p->broker, slice_str(addr_print(&a, text)));
	hub_deliver(&p->hub);
}

/* A broker that is given no address has no way to anybody. */
static void
on_lines_end(void *arg)
{
	struct program *p = arg;

	if (p->given == 0)
		lines_named_nobody();
}

static void
on_act(void *arg, const struct act *act)
{
	struct program *p = arg;
	const unsigned char *space;

	if (act->kind != BROKER_CONTACT || act->bytes.len == 0)
		return;
	space = memchr(act->bytes.p, ' ', act->bytes.len);
	if (space == NULL)
		return;
	if (latest_put(&p->output, slice_of(act->bytes.p,
	    (size_t)(space - act->bytes.p)), act->bytes) == -1)
		log_debug("unable to print a contact: %s", strerror(errno));
}

static void
on_contacts(void *arg)
{
	struct program *p = arg;

	if (p->output.error != 0)
		return;
	broker_contacts(p->broker);
	hub_deliver(&p->hub);
	loop_timer(p->loop, &p->contacts, loop_now(p->loop) + CONTACTS_MS);
}

static void
on_output(void *arg)
{
	struct program *p = arg;

	if (p->output.error != 0)
		log_debug("whoever read the contacts is gone: %s",
		    strerror(p->output.error));
}

/* Signals. */

static void
on_term(void *arg, int signo)
{
	struct program *p = arg;

	(void)signo;
	lines_stop(&p->input);
	broker_stop(p->broker);
	hub_stop(&p->hub, STOP_MS, 0);
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
	uint64_t seed;
	struct addr a;
	char text[ADDR_TEXT_MAX] = "";

	if (p->advertise != NULL) {
		opt_ip('a', p->advertise, BROKER_PORT, &a);
		addr_print(&a, text);
	}
	env_key(&p->key, p->keyfile);
	p->loop = loop_new();
	hub_init(&p->hub, p->loop, ROLE_BROKER, &p->key);
	env_random(&seed, sizeof(seed));
	p->broker = broker_new(&p->hub.self.instance, seed, slice_str(text),
	    p->node);
	if (p->broker == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	if (p->node != NULL)
		log_info("broker %s", p->node);
	p->hub.act = on_act;
	p->hub.arg = p;
	p->hub.serves = ROLE_LISTENER | ROLE_PLB | ROLE_CALLER | ROLE_CTL;
	hub_core(&p->hub, &broker_ops, p->broker, broker_out(p->broker));
	listen_all(p);
	latest_init(&p->output, p->loop, 1, BROKER_CONTACTS_MAX, on_output, p);
	lines_init(&p->input, p->loop, 0, on_line, p);
	p->input.end = on_lines_end;
	loop_signal(p->loop, SIGTERM, on_term, p);
	loop_signal(p->loop, SIGINT, on_term, p);
	loop_signal(p->loop, SIGHUP, on_hup, p);
	p->contacts.fn = on_contacts;
	p->contacts.arg = p;
	loop_timer(p->loop, &p->contacts, loop_now(p->loop) + CONTACTS_MS);
	net_ready(p->ready_fd);
	log_info("ready");
}

int
main(int argc, char **argv)
{
	static struct program p;
	size_t i;

	die_name(argv[0]);
	env_argv0(argv[0]);
	program_reserve();
	parse(&p, argc, argv);
	start(&p);
	loop_run(p.loop);
	if (p.bound)
		net_unlink(&p.unix_address, p.unix_stat.st_dev,
		    p.unix_stat.st_ino);
	latest_free(&p.output);
	hub_unlisten(p.local);
	for (i = 0; i < LISTEN_MAX; i++)
		hub_unlisten(p.tcp[i]);
	hub_free(&p.hub);
	broker_free(p.broker);
	loop_free(p.loop);
	return p.hub.status;
}
