/*
 * lambda-broker: the broker of a host. Reads addresses of authorities (or of
 * brokers that know one) on standard input, serves listeners and PLBs on a Unix
 * socket and other brokers over TCP, and prints the Erlang nodes that it learns
 * of.
 */

#include <sys/stat.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "broker.h"
#include "daemon.h"
#include "lines.h"
#include "log.h"

#define AUTHORITY_PORT 4370
#define BROKER_PORT    4371
#define DEFAULT_LISTEN "127.0.0.1:4371"
#define STOP_MS	       1000
#define FOLLOW_MAX     64 /* modules */
#define CONTACTS_MS    60000 /* all contacts again */
#define SYNOPSIS \
	"[-hqv] [-a address] [-b socket] [-d fd] [-k keyfile ...]\n" \
	"[-l address ...]\n" \
	"[-m module ...] [-n node]"

struct program {
	struct daemon daemon;
	const char *advertise, *socket, *node;
	struct opt_list follow; /* -m */
	char *follow_at[FOLLOW_MAX];
	struct hub_listen *local;
	struct broker *broker;
	struct latest output;
	struct timer contacts;
	struct addr unix_address;
	struct stat unix_stat; /* of the socket that is ours to unlink */
	int bound;
};

static void
broker_main_parse(struct program *p, int argc, char **argv)
{
	const struct opt options[] = {
		{ 'a', OPT_TEXT, &p->advertise, 0, 0 },
		{ 'b', OPT_TEXT, &p->socket, 0, 0 },
		{ 'd', OPT_FD, &p->daemon.ready_fd, 0, 0 },
		{ 'k', OPT_KEY, &p->daemon.keys, 0, 0 },
		{ 'l', OPT_LIST, &p->daemon.where, 0, 0 },
		{ 'm', OPT_LIST, &p->follow, 0, 0 },
		{ 'n', OPT_NODE, &p->node, 0, 0 },
		{ 0, OPT_END, NULL, 0, 0 }
	};
	size_t i;
	int letter;

	daemon_init(&p->daemon);
	p->follow.at = p->follow_at;
	p->follow.max = FOLLOW_MAX;
	p->follow.what = "modules";
	while ((letter = getopt(argc, argv, "a:b:d:k:l:m:n:hqv")) != -1)
		opt_take(options, letter, optarg, SYNOPSIS);
	if (optind != argc)
		die_usage(SYNOPSIS);
	for (i = 0; i < p->daemon.where.n; i++)
		if (strchr(p->daemon.where.at[i], '/') != NULL)
			die(EXIT_USAGE, "-l %s: give an IP address and port; "
			    "the Unix socket is -b", p->daemon.where.at[i]);
	for (i = 0; i < p->follow.n; i++)
		opt_name("module", p->follow.at[i]);
}

/* Listening. */

static int
broker_main_open_unix(struct program *p)
{
	char text[ADDR_TEXT_MAX];
	int fd;

	env_broker_socket(&p->unix_address, p->socket);
	addr_print(&p->unix_address, text);
	fd = net_listen(&p->unix_address, NULL);
	if (fd == -1 && errno == EADDRINUSE)
		die(EXIT_TEMPORARY, "a broker answers on %s already: use it, "
		    "or name another socket with -b", text);
	if (fd == -1)
		daemon_unlistened(text);
	p->bound = stat(p->unix_address.u.un.sun_path, &p->unix_stat) == 0;
	return fd;
}

/* By default a second broker on the host (a test, another user) does without
 * TCP: only other brokers would come that way. */
static void
broker_main_listen_tcp(struct daemon *d)
{
	if (d->where.n > 0)
		daemon_open_all(d, NULL, BROKER_PORT);
	else if (daemon_open(d, DEFAULT_LISTEN, BROKER_PORT) == -1)
		log_info("unable to listen on %s: %s: no other broker can ask "
		    "this one for authorities", DEFAULT_LISTEN,
		    strerror(errno));
}

/* Passed by a supervisor (LISTEN_FDS), else made here. */
static void
broker_main_listen(struct program *p)
{
	struct daemon *d = &p->daemon;
	char text[ADDR_TEXT_MAX];
	int fd;
	size_t local = net_inherited("broker", NET_UNIX, &fd, 1);
	size_t n = daemon_passed(d, "tcp");

	if (local == 0 && n == 0)
		env_nothing_fits("Unix or TCP");
	if (n == 0)
		broker_main_listen_tcp(d);
	daemon_serve(d);
	if (local == 0)
		fd = broker_main_open_unix(p);
	else if (net_local(fd, &p->unix_address) == -1)
		die_errno(EXIT_TEMPORARY, "unable to use the socket of "
		    "LISTEN_FDS");
	p->local = hub_listen(&d->hub, fd);
	log_info("listening on %s", addr_print(&p->unix_address, text));
}

/* Input and output. */

static void
broker_main_on_address(void *arg, struct slice text)
{
	broker_bootstrap(((struct program *)arg)->broker, text);
}

static void
broker_main_on_act(void *arg, const struct act *act)
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
broker_main_on_contacts(void *arg)
{
	struct program *p = arg;

	if (p->output.error != 0)
		return;
	broker_contacts(p->broker);
	hub_deliver(&p->daemon.hub);
	loop_timer(p->daemon.loop, &p->contacts,
	    loop_now(p->daemon.loop) + CONTACTS_MS);
}

static void
broker_main_on_output(void *arg)
{
	struct program *p = arg;

	if (p->output.error != 0)
		log_debug("the reader of the contacts is gone: %s",
		    strerror(p->output.error));
}

/* Signals. */

static void
broker_main_on_term(void *arg, int signo)
{
	struct program *p = arg;

	(void)signo;
	lines_stop(&p->daemon.input);
	broker_stop(p->broker);
	hub_stop(&p->daemon.hub, STOP_MS, 0);
}

static void
broker_main_on_hup(void *arg, int signo)
{
	(void)signo;
	daemon_read_again(&((struct program *)arg)->daemon);
}

static void
broker_main_new(struct program *p)
{
	struct daemon *d = &p->daemon;
	char text[ADDR_TEXT_MAX] = "";
	struct addr a;
	uint64_t seed;
	size_t i;

	if (p->advertise != NULL) {
		opt_ip('a', p->advertise, BROKER_PORT, &a);
		addr_print(&a, text);
	}
	daemon_key(d);
	daemon_hub(d, ROLE_BROKER);
	env_random(&seed, sizeof(seed));
	p->broker = broker_new(&d->hub.self.instance, seed, slice_str(text),
	    p->node);
	if (p->broker == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	for (i = 0; i < p->follow.n; i++)
		if (broker_follow(p->broker, loop_now(d->loop),
		    slice_str(p->follow.at[i])) == -1)
			die_errno(EXIT_TEMPORARY, "unable to start");
	if (p->node != NULL)
		log_info("broker %s", p->node);
	d->hub.act = broker_main_on_act;
	d->hub.arg = p;
	d->hub.serves = ROLE_LISTENER | ROLE_PLB | ROLE_CALLER | ROLE_CTL;
	hub_core(&d->hub, &broker_ops, p->broker, broker_out(p->broker));
}

static void
broker_main_start(struct program *p)
{
	struct daemon *d = &p->daemon;

	broker_main_new(p);
	broker_main_listen(p);
	latest_init(&p->output, d->loop, STDOUT_FILENO, BROKER_CONTACTS_MAX,
	    broker_main_on_output, p);
	daemon_read(d, AUTHORITY_PORT, 0, broker_main_on_address, p);
	loop_signals(d->loop, broker_main_on_term, broker_main_on_hup, p);
	p->contacts.fn = broker_main_on_contacts;
	p->contacts.arg = p;
	loop_timer(d->loop, &p->contacts, loop_now(d->loop) + CONTACTS_MS);
	daemon_ready(d);
}

int
main(int argc, char **argv)
{
	static struct program p;

	daemon_begin(argv);
	broker_main_parse(&p, argc, argv);
	broker_main_start(&p);
	loop_run(p.daemon.loop);
	if (p.bound)
		net_unlink(&p.unix_address, p.unix_stat.st_dev,
		    p.unix_stat.st_ino);
	latest_free(&p.output);
	hub_unlisten(p.local);
	daemon_unserve(&p.daemon);
	hub_free(&p.daemon.hub);
	broker_free(p.broker);
	loop_free(p.daemon.loop);
	return p.daemon.hub.status;
}
