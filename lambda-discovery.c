/*
 * lambda-discovery: answers Erlang nodes in place of epmd, from the nodes that
 * register here and from the contacts on standard input.
 */

#include <sys/resource.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "discovery_io.h"
#include "discovery_module.h"
#include "program.h"
#include "lines.h"
#include "log.h"
#include "net.h"
#include "opt.h"
#include "atomicfile.h"
#include "env.h"

#define SYNOPSIS      "[-Eqv] [-d fd] [-H hostsfile] [-l address] [-p port]"
#define FILES_OWN     64   /* descriptors for what are not clients */
#define ADDRESSES_MAX 16   /* of -l */
#define HOSTS_MS      150  /* between two hosts files; see ATOMICFILE_KEPT */
#define HOSTS_AGAIN_MS 5000 /* after one could not be written */
#define HOST_NAME_MAX_BYTES 256
#define IPV6 1 /* of the loopback addresses */

struct program {
	const char *hosts;
	const char *names[ADDRESSES_MAX]; /* of -l, as given */
	struct addr listen[ADDRESSES_MAX]; /* and what they are */
	size_t nlisten;
	int port, ready_fd, print;
	struct addr bound[DISCOVERY_SOCKETS_MAX];
	size_t nbound;
	char host[HOST_NAME_MAX_BYTES]; /* this one's name */
	struct loop *loop;
	struct discovery *core;
	struct discovery_io io;
	struct lines input;
	struct atomicfile file; /* the hosts file */
	struct timer write;
	int64_t written; /* when it was, or will be no earlier */
	int error;	 /* errno of why it could not be, or 0 */
};

/* A file whose number may be given again is of another second. */
typedef char hosts_files_differ[HOSTS_MS * (ATOMICFILE_KEPT - 1) > 1000 ? 1 : -1];

/* Options. */

static void
add_listen(struct program *p, const char *address)
{
	if (p->nlisten == ADDRESSES_MAX)
		die(EXIT_USAGE, "-l %s: at most %d addresses", address,
		    ADDRESSES_MAX);
	p->names[p->nlisten++] = address;
}

static void
take_option(struct program *p, int letter, char *arg)
{
	switch (letter) {
	case 'd':
		p->ready_fd = opt_fd('d', arg);
		break;
	case 'E':
		p->print = 1;
		break;
	case 'H':
		p->hosts = arg;
		break;
	case 'l':
		add_listen(p, arg);
		break;
	case 'p':
		p->port = (int)opt_number('p', arg, 0, 65535);
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
}

static void
take_environment(struct program *p)
{
	char *addresses = getenv("ERL_EPMD_ADDRESS"), *one, *state = NULL;

	if (p->port == -1)
		p->port = opt_epmd_port();
	if (p->nlisten > 0 || addresses == NULL)
		return;
	for (one = strtok_r(addresses, ", ", &state); one != NULL;
	    one = strtok_r(NULL, ", ", &state))
		add_listen(p, one);
}

/* Erlang nodes ask one port of each host, so there is only one. */
static void
take_addresses(struct program *p)
{
	int usual = p->port == 0 ? EPMD_PORT : p->port;
	struct addr *a;
	size_t i;

	for (i = 0; i < p->nlisten; i++) {
		a = &p->listen[i];
		opt_ip('l', p->names[i], usual, a);
		if (addr_port(a) == usual)
			addr_set_port(a, p->port);
		if (addr_port(a) != p->port)
			die(EXIT_USAGE, "-l %s: its port is not that of -p, "
			    "%d, which all addresses have", p->names[i],
			    p->port);
	}
}

static void
parse(struct program *p, int argc, char **argv)
{
	int letter;

	p->port = p->ready_fd = -1;
	while ((letter = getopt(argc, argv, "d:EH:l:p:qv")) != -1)
		take_option(p, letter, optarg);
	if (optind != argc)
		die_usage(SYNOPSIS);
	take_environment(p);
	take_addresses(p);
}

static int
print_module(void)
{
	size_t i;

	for (i = 0; epmd_module[i] != NULL; i++)
		if (puts(epmd_module[i]) == EOF)
			break;
	if (fflush(stdout) == EOF)
		die_errno(EXIT_TEMPORARY, "unable to print");
	return 0;
}

/* Sockets. */

/* Listen: 0, or -1 with errno. Port 0 is that of the first socket, so that all
 * are on one. */
static int
listen_on(struct program *p, struct addr *a, int *fd)
{
	char text[ADDR_TEXT_MAX];
	struct addr *bound = &p->bound[p->nbound];

	if (addr_port(a) == 0)
		addr_set_port(a, p->port);
	if ((*fd = net_listen(a, bound)) == -1)
		return -1;
	p->nbound++;
	if (p->port == 0)
		p->port = addr_port(bound);
	log_info("listening on %s", addr_print(bound, text));
	return 0;
}

/* Does one of -l say it already, by name or by all addresses? */
static int
is_listened(const struct program *p, const struct addr *a)
{
	struct addr b;
	size_t i;

	for (i = 0; i < p->nlisten; i++) {
		b = p->listen[i];
		addr_set_port(&b, addr_port(a));
		if (addr_equal(a, &b) || (addr_is_any(&b) &&
		    a->u.sa.sa_family == b.u.sa.sa_family))
			return 1;
	}
	return 0;
}

/* A host without IPv6 has no ::1; one that has it may not have our port 0 free
 * there. */
static int
may_be_missing(size_t i, int error)
{
	return i > IPV6 || (i == IPV6 && error != EADDRINUSE &&
	    error != EACCES);
}

/*
 * Where local nodes may ask, as far as the host has it. They look up the name
 * of their own host, which /etc/hosts may have on an address of its own: on
 * Debian it is 127.0.1.1, and 127.0.0.2 on SUSE and with nss-myhostname(8).
 */
static void
listen_loopback(struct program *p, int fds[])
{
	static const char *const loopback[] = {
		"127.0.0.1:0", [IPV6] = "[::1]:0", "127.0.1.1:0", "127.0.0.2:0"
	};
	char text[ADDR_TEXT_MAX];
	struct addr a;
	size_t i;

	for (i = 0; i < sizeof(loopback) / sizeof(loopback[0]); i++) {
		addr_parse(&a, loopback[i], strlen(loopback[i]), 0, NULL);
		if (is_listened(p, &a) ||
		    listen_on(p, &a, &fds[p->nbound]) == 0)
			continue;
		if (!may_be_missing(i, errno))
			die_errno(EXIT_TEMPORARY, "unable to listen on %s "
			    "(is an epmd running? epmd -kill ends it)",
			    addr_print(&a, text));
		log_debug("no %s: %s", addr_print(&a, text), strerror(errno));
	}
}

/* All that a supervisor passes; the port of the first is what lists tell. */
static void
take_passed(struct program *p, int n, int fds[])
{
	char text[ADDR_TEXT_MAX];
	struct addr *bound;
	int i, fd;

	if (n > DISCOVERY_SOCKETS_MAX)
		die(EXIT_USAGE, "LISTEN_FDS=%d: at most %d sockets", n,
		    DISCOVERY_SOCKETS_MAX);
	for (i = 0; i < n; i++) {
		fd = NET_PASSED_FIRST + i;
		bound = &p->bound[p->nbound];
		if (!net_is_tcp(fd) || !net_is_listening(fd) ||
		    net_local(fd, bound) == -1 || net_adopt(fd) == -1)
			die(EXIT_USAGE, "LISTEN_FDS: descriptor %d is not a "
			    "listening TCP socket", fd);
		fds[p->nbound++] = fd;
		log_info("listening on %s", addr_print(bound, text));
	}
	p->port = addr_port(&p->bound[0]);
}

static void
listen_named(struct program *p, int fds[])
{
	char text[ADDR_TEXT_MAX];
	struct addr a;
	size_t i;

	for (i = 0; i < p->nlisten; i++) {
		a = p->listen[i];
		if (listen_on(p, &a, &fds[p->nbound]) == -1)
			die_errno(EXIT_TEMPORARY, "unable to listen on %s",
			    addr_print(&a, text));
	}
}

/* As many descriptors as we may have; clients get what we do not need. */
static unsigned
clients_max(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == -1)
		return FILES_OWN;
	if (r.rlim_cur != r.rlim_max) {
		r.rlim_cur = r.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &r) == -1)
			getrlimit(RLIMIT_NOFILE, &r);
	}
	if (r.rlim_cur == RLIM_INFINITY ||
	    r.rlim_cur >= DISCOVERY_CLIENTS_MAX + FILES_OWN)
		return DISCOVERY_CLIENTS_MAX;
	return r.rlim_cur < 2 * FILES_OWN ? FILES_OWN :
	    (unsigned)r.rlim_cur - FILES_OWN;
}

/* The hosts file. */

static int
write_hosts(struct program *p)
{
	struct buf text;
	int r;

	buf_init(&text, CONTACTS_HOSTS_MAX);
	r = discovery_hosts(p->core, &text);
	if (r == 0)
		r = atomicfile_file(&p->file, buf_slice(&text));
	buf_free(&text);
	return r;
}

static void
on_write(void *arg)
{
	struct program *p = arg;
	int64_t now = loop_now(p->loop);

	p->written = now + HOSTS_MS;
	if (write_hosts(p) == 0) {
		if (p->error != 0)
			log_info("writing %s again", p->hosts);
		p->error = 0;
		return;
	}
	if (errno != p->error)
		log_error("unable to write %s: %s", p->hosts, strerror(errno));
	p->error = errno;
	loop_timer(p->loop, &p->write, now + HOSTS_AGAIN_MS);
}

/* At once, but for what follows close behind. */
static void
on_hosts(void *arg)
{
	struct program *p = arg;
	int64_t now = loop_now(p->loop);

	if (p->hosts != NULL && p->write.slot == 0)
		loop_timer(p->loop, &p->write,
		    p->written > now ? p->written : now);
}

/* Input and signals. */

static void
on_line(void *arg, const char *line, size_t len, unsigned long number)
{
	struct program *p = arg;

	discovery_line(p->core, slice_of(line, len), number);
	discovery_io_deliver(&p->io);
}

static void
on_lines_end(void *arg)
{
	struct program *p = arg;

	discovery_lines_end(p->core);
	discovery_io_deliver(&p->io);
}

static void
on_term(void *arg, int signo)
{
	(void)signo;
	loop_stop(((struct program *)arg)->loop);
}

static void
on_hup(void *arg, int signo)
{
	struct program *p = arg;

	(void)signo;
	if (!lines_again(&p->input))
		return;
	log_info("reading standard input again");
	discovery_lines_again(p->core);
}

static void
make_core(struct program *p, unsigned clients)
{
	struct discovery_config config;

	memset(&config, 0, sizeof(config));
	if (gethostname(p->host, sizeof(p->host) - 1) == -1)
		p->host[0] = '\0';
	env_random(&config.seed, sizeof(config.seed));
	config.seconds = (uint32_t)((int64_t)time(NULL) -
	    loop_now(p->loop) / 1000);
	config.port = (uint16_t)p->port;
	config.relaxed = getenv("ERL_EPMD_RELAXED_COMMAND_CHECK") != NULL;
	config.clients = clients;
	config.host = slice_str(p->host);
	if ((p->core = discovery_new(&config)) == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
}

static void
start(struct program *p)
{
	int fds[DISCOVERY_SOCKETS_MAX];
	unsigned clients = clients_max();
	size_t i;
	int passed;

	p->loop = loop_new();
	if ((passed = net_passed()) > 0) {
		take_passed(p, passed, fds);
	} else {
		listen_loopback(p, fds);
		listen_named(p, fds);
	}
	make_core(p, clients);
	discovery_io_init(&p->io, p->loop, p->core, clients);
	p->io.hosts = on_hosts;
	p->io.arg = p;
	for (i = 0; i < p->nbound; i++)
		discovery_io_listen(&p->io, fds[i]);
	p->write.fn = on_write;
	p->write.arg = p;
	atomicfile_init(&p->file, p->hosts);
	if (p->hosts != NULL && write_hosts(p) == -1)
		die_errno(EXIT_TEMPORARY, "unable to write %s", p->hosts);
	p->written = loop_now(p->loop) + HOSTS_MS;
	lines_init(&p->input, p->loop, 0, on_line, p);
	p->input.end = on_lines_end;
	loop_signal(p->loop, SIGTERM, on_term, p);
	loop_signal(p->loop, SIGINT, on_term, p);
	loop_signal(p->loop, SIGHUP, on_hup, p);
	net_ready(p->ready_fd);
}

int
main(int argc, char **argv)
{
	static struct program p;

	die_name(argv[0]);
	program_reserve();
	parse(&p, argc, argv);
	if (p.print)
		return print_module();
	start(&p);
	loop_run(p.loop);
	lines_stop(&p.input);
	loop_untimer(p.loop, &p.write);
	atomicfile_free(&p.file);
	discovery_io_free(&p.io);
	discovery_free(p.core);
	loop_free(p.loop);
	return 0;
}
