/*
 * lambda-discovery: answers Erlang nodes in place of epmd, from the nodes that
 * register here and from the contacts on standard input. The discovery core
 * says what; here are the sockets, a connection a client, and the hosts file.
 */

#include <sys/socket.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "acceptor.h"
#include "atomicfile.h"
#include "conn.h"
#include "core.h"
#include "discovery.h"
#include "discovery_contacts.h"
#include "env.h"
#include "epmd.h"
#include "fail.h"
#include "lines.h"
#include "log.h"
#include "net.h"
#include "opt.h"
#include "program.h"

#define SYNOPSIS      "[-Ehqv] [-d fd] [-H hostsfile] [-l address] [-p port]"
#define FILES_OWN     64   /* descriptors for what are not clients */
#define ADDRESSES_MAX 16   /* of -l */
#define SOCKETS_MAX   32
#define HOSTS_MS      150  /* between two hosts files; see ATOMICFILE_KEPT */
#define HOSTS_AGAIN_MS 5000 /* after one could not be written */
#define HOST_NAME_MAX_BYTES 256
#define IPV6 1 /* of the loopback addresses */
#define ANY_PORT UINT64_MAX /* -p is not given */
/* Bytes of all lists (NAMES, DUMP) that clients have not read yet; one that
 * would make them more is closed. Other answers are short. */
#define UNREAD_MAX (64u * 1024 * 1024)

struct responder {
	const char *hosts; /* -H */
	struct opt_list names; /* -l, as given */
	char *names_at[ADDRESSES_MAX];
	struct addr listen[ADDRESSES_MAX]; /* and what they are */
	uint64_t given; /* -p */
	int port, ready_fd, print;
	struct addr bound[SOCKETS_MAX];
	struct acceptor sockets[SOCKETS_MAX];
	size_t nbound;
	char host[HOST_NAME_MAX_BYTES]; /* this one's name */
	struct loop *loop;
	struct discovery *core;
	struct responder_client **clients; /* by number - 1 */
	unsigned nclients;		   /* places in it */
	struct timer tick;
	int full;	/* not accepting until a client is closed */
	int refused;	/* errno of the last refusal to serve; 0: none */
	size_t unread;	/* bytes of lists to clients that are still there */
	int over;	/* it was said that they are too many */
	struct lines input;
	struct atomicfile file; /* the hosts file */
	struct timer write;
	int64_t written; /* when it was, or will be no earlier */
	int error;	 /* errno of why it could not be, or 0 */
};

struct responder_client {
	struct responder *responder;
	uint32_t number;
	size_t unread; /* bytes of lists that it was given */
	struct conn conn;
};

/* A file whose number may be given again is of another second. */
typedef char responder_hosts_differ[
    HOSTS_MS * (ATOMICFILE_KEPT - 1) > 1000 ? 1 : -1];

/* Options. */

static void
responder_environment(struct responder *r)
{
	char *addresses = getenv("ERL_EPMD_ADDRESS"), *one, *state = NULL;
	const struct opt listen = { 'l', OPT_LIST, &r->names, 0, 0 };

	r->port = r->given == ANY_PORT ? opt_epmd_port() : (int)r->given;
	if (r->names.n > 0 || addresses == NULL)
		return;
	for (one = strtok_r(addresses, ", ", &state); one != NULL;
	    one = strtok_r(NULL, ", ", &state))
		opt_take(&listen, 'l', one, SYNOPSIS);
}

/* Erlang nodes ask one port of each host, so there is only one. */
static void
responder_addresses(struct responder *r)
{
	int usual = r->port == 0 ? EPMD_PORT : r->port;
	struct addr *a;
	size_t i;

	for (i = 0; i < r->names.n; i++) {
		a = &r->listen[i];
		opt_ip('l', r->names.at[i], usual, a);
		if (addr_port(a) == usual)
			addr_set_port(a, r->port);
		if (addr_port(a) != r->port)
			die(EXIT_USAGE, "-l %s: its port is not that of -p, "
			    "%d, which all addresses have", r->names.at[i],
			    r->port);
	}
}

static void
responder_parse(struct responder *r, int argc, char **argv)
{
	const struct opt options[] = {
		{ 'd', OPT_FD, &r->ready_fd, 0, 0 },
		{ 'E', OPT_FLAG, &r->print, 0, 0 },
		{ 'H', OPT_TEXT, &r->hosts, 0, 0 },
		{ 'l', OPT_LIST, &r->names, 0, 0 },
		{ 'p', OPT_NUMBER, &r->given, 0, 65535 },
		{ 0, OPT_END, NULL, 0, 0 }
	};
	int letter;

	r->ready_fd = -1;
	r->given = ANY_PORT;
	r->names.at = r->names_at;
	r->names.max = ADDRESSES_MAX;
	r->names.what = "addresses";
	while ((letter = getopt(argc, argv, "d:EH:l:p:hqv")) != -1)
		opt_take(options, letter, optarg, SYNOPSIS);
	if (optind != argc)
		die_usage(SYNOPSIS);
	responder_environment(r);
	responder_addresses(r);
}

/* Sockets. */

/* Listen: 0, or -1 with errno. Port 0 is that of the first socket, so that all
 * are on one. */
static int
responder_listen_on(struct responder *r, struct addr *a, int fds[])
{
	char text[ADDR_TEXT_MAX];
	struct addr *bound = &r->bound[r->nbound];

	if (addr_port(a) == 0)
		addr_set_port(a, r->port);
	if ((fds[r->nbound] = net_listen(a, bound)) == -1)
		return -1;
	r->nbound++;
	if (r->port == 0)
		r->port = addr_port(bound);
	log_info("listening on %s", addr_print(bound, text));
	return 0;
}

/* Does one of -l say it already, by name or by all addresses? */
static int
responder_is_listened(const struct responder *r, const struct addr *a)
{
	struct addr b;
	size_t i;

	for (i = 0; i < r->names.n; i++) {
		b = r->listen[i];
		addr_set_port(&b, addr_port(a));
		if (addr_covers(&b, a))
			return 1;
	}
	return 0;
}

/* A host without IPv6 has no ::1; one that has it may not have our port 0 free
 * there. */
static int
responder_may_miss(size_t i, int error)
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
responder_listen_loopback(struct responder *r, int fds[])
{
	static const char *const loopback[] = {
		"127.0.0.1:0", [IPV6] = "[::1]:0", "127.0.1.1:0", "127.0.0.2:0"
	};
	char text[ADDR_TEXT_MAX];
	struct addr a;
	size_t i;

	for (i = 0; i < sizeof(loopback) / sizeof(loopback[0]); i++) {
		addr_parse(&a, loopback[i], strlen(loopback[i]), 0, NULL);
		if (responder_is_listened(r, &a) ||
		    responder_listen_on(r, &a, fds) == 0)
			continue;
		if (!responder_may_miss(i, errno))
			die_errno(EXIT_TEMPORARY, "unable to listen on %s "
			    "(is an epmd running? kill its process: nodes "
			    "register again)", addr_print(&a, text));
		log_debug("no %s: %s", addr_print(&a, text), strerror(errno));
	}
}

static void
responder_listen_named(struct responder *r, int fds[])
{
	char text[ADDR_TEXT_MAX];
	struct addr a;
	size_t i;

	for (i = 0; i < r->names.n; i++) {
		a = r->listen[i];
		if (addr_is_covered(r->listen, r->names.n, i)) {
			log_info("-l %s: another one covers it",
			    r->names.at[i]);
			continue;
		}
		if (responder_listen_on(r, &a, fds) == -1)
			die_errno(EXIT_TEMPORARY, "unable to listen on %s",
			    addr_print(&a, text));
	}
}

/* All that a supervisor passes; the port of the first is what lists tell. */
static void
responder_listen_passed(struct responder *r, int n, int fds[])
{
	char text[ADDR_TEXT_MAX];
	struct addr *bound;
	int i, fd;

	if (n > SOCKETS_MAX)
		die(EXIT_USAGE, "LISTEN_FDS=%d: let the supervisor pass %d "
		    "sockets at most", n, SOCKETS_MAX);
	for (i = 0; i < n; i++) {
		fd = NET_PASSED_FIRST + i;
		bound = &r->bound[r->nbound];
		if (!net_is_tcp(fd) || !net_is_listening(fd) ||
		    net_local(fd, bound) == -1 || net_adopt(fd) == -1)
			die(EXIT_USAGE, "LISTEN_FDS: descriptor %d is not a "
			    "listening TCP socket: let the supervisor pass no "
			    "other", fd);
		fds[r->nbound++] = fd;
		log_info("listening on %s", addr_print(bound, text));
	}
	r->port = addr_port(&r->bound[0]);
}

/* As many descriptors as we may have; clients get what we do not need. */
static unsigned
responder_clients_max(void)
{
	size_t n;

	program_raise_descriptors();
	n = net_descriptors();
	if (n >= DISCOVERY_CLIENTS_MAX + FILES_OWN)
		return DISCOVERY_CLIENTS_MAX;
	return n < 2 * FILES_OWN ? FILES_OWN : (unsigned)n - FILES_OWN;
}

/* The hosts file. */

static int
responder_write_hosts(struct responder *r)
{
	struct buf text;
	int failed;

	buf_init(&text, CONTACTS_HOSTS_MAX);
	failed = discovery_hosts(r->core, &text);
	if (!failed)
		failed = atomicfile_file(&r->file, buf_slice(&text));
	buf_free(&text);
	return failed;
}

/* What is mounted by itself keeps its place: whoever has a container mounts the
 * file so, and cannot have it replaced. */
static const char *
responder_hosts_why(int error)
{
	return error == EBUSY ? "it is mounted by itself, and no other file "
	    "can take its place: mount its directory" :
	    error == EEXIST ? "it is no regular file" : strerror(error);
}

static void
responder_on_write(void *arg)
{
	struct responder *r = arg;
	int64_t now = loop_now(r->loop);

	r->written = now + HOSTS_MS;
	if (responder_write_hosts(r) == 0) {
		if (r->error != 0)
			log_info("writing %s again", r->hosts);
		r->error = 0;
		return;
	}
	if (errno != r->error)
		log_error("unable to write %s: %s; trying again", r->hosts,
		    responder_hosts_why(errno));
	r->error = errno;
	loop_timer(r->loop, &r->write, now + HOSTS_AGAIN_MS);
}

/* At once, but for a change that follows closely. */
static void
responder_hosts(struct responder *r)
{
	int64_t now = loop_now(r->loop);

	if (r->hosts != NULL && r->write.slot == 0)
		loop_timer(r->loop, &r->write,
		    r->written > now ? r->written : now);
}

/* What the core wants. */

/* A node that ended has closed its connection, whether we were told yet or
 * not; one that says more than it may is as good as gone. */
static int
responder_is_gone(const struct responder_client *c)
{
	char byte;
	ssize_t n;

	if (c == NULL || c->conn.closing)
		return 1;
	n = recv(c->conn.in.fd, &byte, 1, MSG_PEEK);
	return n >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK &&
	    errno != EINTR);
}

/* Is there room for a list? It counts until the client is gone, which gets
 * nothing more. 0, or -1 with ENOBUFS. */
static int
responder_take_room(struct responder_client *c, size_t len)
{
	struct responder *r = c->responder;

	if (len <= EPMD_BYTES_MAX)
		return 0;
	if (len > UNREAD_MAX - r->unread) {
		if (!r->over)
			log_error("clients do not read their lists: %lu bytes "
			    "wait for them, others get none",
			    (unsigned long)r->unread);
		r->over = 1;
		return fail(ENOBUFS);
	}
	c->unread += len;
	r->unread += len;
	return 0;
}

static void
responder_to_client(struct responder_client *c, const struct act *a)
{
	if (c == NULL)
		return;
	switch (a->kind) {
	case ACT_SEND:
		if (responder_take_room(c, a->bytes.len) == -1 ||
		    conn_write(&c->conn, a->bytes.p, a->bytes.len) == -1)
			conn_fail(&c->conn, errno);
		break;
	case ACT_DRAIN:
		conn_drain(&c->conn);
		break;
	case ACT_CLOSE:
		log_debug("closing client %lu: %.*s", (unsigned long)c->number,
		    SLICE_ARG(a->bytes));
		conn_close(&c->conn);
		break;
	}
}

static void
responder_carry_out(struct responder *r, const struct act *a)
{
	switch (a->kind) {
	case ACT_LOG:
		(a->value == LOG_ERROR ? log_error : a->value == LOG_INFO ?
			log_info : log_debug)("%.*s", SLICE_ARG(a->bytes));
		break;
	case ACT_STOP:
		loop_stop(r->loop);
		break;
	case DISCOVERY_PROBE:
		discovery_probed(r->core, loop_now(r->loop), a->peer,
		    responder_is_gone(r->clients[a->value - 1]));
		break;
	case DISCOVERY_HOSTS:
		responder_hosts(r);
		break;
	default:
		responder_to_client(r->clients[a->peer - 1], a);
	}
}

/* After each call of the core. */
static void
responder_deliver(struct responder *r)
{
	struct act a;

	while (outbox_take(discovery_out(r->core), &a))
		responder_carry_out(r, &a);
}

/* Clients. */

/* Who comes waits in the backlog, or need no longer wait. */
static void
responder_hold(struct responder *r, int full)
{
	size_t i;

	if (r->full == full)
		return;
	r->full = full;
	for (i = 0; i < r->nbound; i++)
		acceptor_hold(&r->sockets[i], full);
}

static ssize_t
responder_on_input(void *arg, const unsigned char *p, size_t n)
{
	struct responder_client *c = arg;
	struct responder *r = c->responder;
	size_t taken = discovery_input(r->core, loop_now(r->loop), c->number,
	    slice_of(p, n));

	responder_deliver(r);
	return c->conn.closing ? -1 : (ssize_t)taken;
}

static void
responder_on_closed(void *arg, int error)
{
	struct responder_client *c = arg;
	struct responder *r = c->responder;

	if (error != 0)
		log_debug("client %lu: %s", (unsigned long)c->number,
		    strerror(error));
	r->clients[c->number - 1] = NULL;
	discovery_closed(r->core, loop_now(r->loop), c->number);
	r->unread -= c->unread;
	if (r->unread <= UNREAD_MAX / 2)
		r->over = 0;
	free(c);
	responder_deliver(r);
	responder_hold(r, 0);
}

/* As epmd has it: over loopback, or from an address to the same address. */
static int
responder_is_local(int fd, const struct addr *from)
{
	struct addr peer = *from, own;

	if (addr_is_loopback(&peer))
		return 1;
	if (net_local(fd, &own) == -1)
		return 0;
	addr_set_port(&peer, 0);
	addr_set_port(&own, 0);
	return addr_equal(&peer, &own);
}

/* Take the connection over: 0, or -1 and it is the caller's. */
static int
responder_admit(struct responder *r, int fd, const struct addr *from)
{
	static const struct conn_ops ops = { responder_on_input, NULL, NULL,
		responder_on_closed, NULL, NULL };
	struct responder_client *c = calloc(1, sizeof(*c));
	int64_t due;

	if (c == NULL)
		return -1;
	c->responder = r;
	c->number = discovery_open(r->core, loop_now(r->loop),
	    responder_is_local(fd, from));
	responder_deliver(r);
	if (conn_open(&c->conn, r->loop, fd, fd, 0, EPMD_BYTES_MAX,
	    DISCOVERY_ANSWER_MAX, &ops, c) == -1) {
		discovery_closed(r->core, loop_now(r->loop), c->number);
		free(c);
		return -1;
	}
	r->clients[c->number - 1] = c;
	due = discovery_deadline(r->core);
	if (r->tick.slot == 0 || due < r->tick.due)
		loop_timer(r->loop, &r->tick, due);
	return 0;
}

static void
responder_on_accepted(void *arg, int fd, const struct addr *from)
{
	struct responder *r = arg;

	if (responder_admit(r, fd, from) == 0) {
		r->refused = 0;
	} else {
		if (errno != r->refused)
			log_error("unable to serve a client: %s",
			    strerror(errno));
		r->refused = errno;
		close(fd);
	}
	if (discovery_room(r->core) == 0)
		responder_hold(r, 1);
}

/* Clients that speak put the deadline off, so it is looked at when it comes and
 * not when they speak. */
static void
responder_on_tick(void *arg)
{
	struct responder *r = arg;
	int64_t due;

	discovery_tick(r->core, loop_now(r->loop));
	due = discovery_deadline(r->core);
	responder_deliver(r);
	if (due != INT64_MAX)
		loop_timer(r->loop, &r->tick, due);
}

/* Input and signals. */

static void
responder_on_line(void *arg, const char *line, size_t len,
    unsigned long number)
{
	struct responder *r = arg;

	discovery_line(r->core, slice_of(line, len), number);
	responder_deliver(r);
}

static void
responder_on_lines_end(void *arg)
{
	struct responder *r = arg;

	discovery_lines_end(r->core);
	responder_deliver(r);
}

static void
responder_on_term(void *arg, int signo)
{
	(void)signo;
	loop_stop(((struct responder *)arg)->loop);
}

static void
responder_on_hup(void *arg, int signo)
{
	struct responder *r = arg;

	(void)signo;
	if (!lines_again(&r->input))
		return;
	log_info("reading standard input again");
	discovery_lines_again(r->core);
}

/* Life. */

static void
responder_core(struct responder *r)
{
	struct discovery_config config;

	memset(&config, 0, sizeof(config));
	if (gethostname(r->host, sizeof(r->host) - 1) == -1)
		r->host[0] = '\0';
	env_random(&config.seed, sizeof(config.seed));
	config.seconds = (uint32_t)((int64_t)time(NULL) -
	    loop_now(r->loop) / 1000);
	config.port = (uint16_t)r->port;
	config.relaxed = getenv("ERL_EPMD_RELAXED_COMMAND_CHECK") != NULL;
	config.clients = r->nclients;
	config.host = slice_str(r->host);
	r->core = discovery_new(&config);
	r->clients = calloc(r->nclients, sizeof(*r->clients));
	if (r->core == NULL || r->clients == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
}

static void
responder_start(struct responder *r)
{
	int fds[SOCKETS_MAX], passed;
	size_t i;

	r->nclients = responder_clients_max();
	r->loop = loop_new();
	if ((passed = net_passed()) > 0) {
		responder_listen_passed(r, passed, fds);
	} else {
		responder_listen_loopback(r, fds);
		responder_listen_named(r, fds);
	}
	responder_core(r);
	r->tick.fn = responder_on_tick;
	r->write.fn = responder_on_write;
	r->tick.arg = r->write.arg = r;
	for (i = 0; i < r->nbound; i++) {
		r->sockets[i].fn = responder_on_accepted;
		r->sockets[i].arg = r;
		if (acceptor_open(&r->sockets[i], r->loop, fds[i]) == -1)
			die_errno(EXIT_TEMPORARY, "unable to listen");
	}
	atomicfile_init(&r->file, r->hosts);
	if (r->hosts != NULL)
		responder_on_write(r);
	lines_init(&r->input, r->loop, 0, responder_on_line, r);
	r->input.end = responder_on_lines_end;
	loop_signals(r->loop, responder_on_term, responder_on_hup, r);
	net_ready(r->ready_fd);
}

static void
responder_stop(struct responder *r)
{
	size_t i;

	lines_stop(&r->input);
	atomicfile_free(&r->file);
	for (i = 0; i < r->nbound; i++)
		acceptor_close(&r->sockets[i]);
	for (i = 0; i < r->nclients; i++)
		if (r->clients[i] != NULL) {
			conn_abort(&r->clients[i]->conn);
			free(r->clients[i]);
		}
	free(r->clients);
	discovery_free(r->core);
	loop_untimer(r->loop, &r->write);
	loop_untimer(r->loop, &r->tick);
	loop_free(r->loop);
}

/* -E: the Erlang source of module lambda_epmd. */

/* It keeps to what OTP has had since address_please/3 came to be (21), and
 * passes on the calls of later versions that it does not know of itself. */

static const char *const responder_module[] = {
"%% Where other nodes are, from the lambda-discovery(8) of this host:",
"%%",
"%%\terl -pa DIRECTORY -epmd_module lambda_epmd -sname NAME",
"%%",
"%% It is asked for name@host, and knows the address and the port. What it",
"%% does not know, and everything else, is erl_epmd's affair.",
"",
"-module(lambda_epmd).",
"",
"-export([start/0, start_link/0, stop/0,",
"\t register_node/2, register_node/3,",
"\t port_please/2, port_please/3, listen_port_please/2,",
"\t address_please/3, names/0, names/1]).",
"",
"-define(TIMEOUT, 3000).",
"-define(PORT, 4369).",
"-define(HIGHEST, 6).",
"",
"start() -> erl_epmd:start().",
"start_link() -> erl_epmd:start_link().",
"stop() -> erl_epmd:stop().",
"register_node(Name, Port) -> erl_epmd:register_node(Name, Port).",
"register_node(Name, Port, Family) ->",
"    erl_epmd:register_node(Name, Port, Family).",
"port_please(Name, Host) -> erl_epmd:port_please(Name, Host).",
"port_please(Name, Host, Timeout) ->",
"    erl_epmd:port_please(Name, Host, Timeout).",
"listen_port_please(Name, Host) ->",
"    case erlang:function_exported(erl_epmd, listen_port_please, 2) of",
"\ttrue -> erl_epmd:listen_port_please(Name, Host);",
"\tfalse -> {ok, 0}",
"    end.",
"names() -> erl_epmd:names().",
"names(Host) -> erl_epmd:names(Host).",
"",
"address_please(Name, Host, Family) ->",
"    case ask(node_name(Name, Host), Family) of",
"\t{ok, here, Port, Version} ->",
"\t    here(Name, Host, Family, Port, Version);",
"\t{ok, Ip, _Port, _Version} = Found",
"\t  when Family =:= inet, tuple_size(Ip) =:= 4;",
"\t       Family =:= inet6, tuple_size(Ip) =:= 8 -> Found;",
"\t_ -> erl_epmd:address_please(Name, Host, Family)",
"    end.",
"",
"%% A node of this host: on the address that the host's name has, if any.",
"here(Name, Host, Family, Port, Version) ->",
"    case erl_epmd:address_please(Name, Host, Family) of",
"\t{ok, Ip} -> {ok, Ip, Port, Version};",
"\t{error, _} -> {ok, loopback(Family), Port, Version};",
"\tOther -> Other",
"    end.",
"",
"loopback(inet6) -> {0,0,0,0,0,0,0,1};",
"loopback(_) -> {127,0,0,1}.",
"",
"node_name(Name, Host) ->",
"    unicode:characters_to_binary([text(Name), $@, text(Host)]).",
"",
"text(Atom) when is_atom(Atom) -> atom_to_list(Atom);",
"text(Ip) when is_tuple(Ip) -> inet:ntoa(Ip);",
"text(Text) -> Text.",
"",
"%% {ok, Ip, Port, Version}, or anything else.",
"ask(Node, Family) ->",
"    case connect(Family) of",
"\t{ok, Socket} ->",
"\t    Length = byte_size(Node) + 1,",
"\t    Answer = case gen_tcp:send(Socket, [<<Length:16, $z>>, Node]) of",
"\t\tok -> answer(Socket, <<>>);",
"\t\tError -> Error",
"\t    end,",
"\t    gen_tcp:close(Socket),",
"\t    Answer;",
"\tError ->",
"\t    Error",
"    end.",
"",
"connect(inet) ->",
"    gen_tcp:connect({127,0,0,1}, epmd_port(),",
"\t\t    [inet, binary, {active, false}], ?TIMEOUT);",
"connect(inet6) ->",
"    case gen_tcp:connect({0,0,0,0,0,0,0,1}, epmd_port(),",
"\t\t\t [inet6, binary, {active, false}], ?TIMEOUT) of",
"\t{error, _} -> connect(inet);",
"\tConnected -> Connected",
"    end;",
"connect(_) -> connect(inet).",
"",
"epmd_port() ->",
"    case init:get_argument(epmd_port) of",
"\t{ok, [[Port | _] | _]} -> list_to_integer(Port);",
"\terror -> ?PORT",
"    end.",
"",
"answer(Socket, Sofar) ->",
"    case gen_tcp:recv(Socket, 0, ?TIMEOUT) of",
"\t{ok, Bytes} -> answer(Socket, <<Sofar/binary, Bytes/binary>>);",
"\t{error, closed} -> parse(Sofar);",
"\tError -> Error",
"    end.",
"",
"parse(<<$w, 0, Port:16, _Type, _Protocol, Highest:16, _Lowest:16,",
"\tNameLength:16, _:NameLength/binary, 0:16>>) ->",
"    {ok, here, Port, min(Highest, ?HIGHEST)};",
"parse(<<$w, 0, Port:16, _Type, _Protocol, Highest:16, _Lowest:16,",
"\tNameLength:16, _:NameLength/binary,",
"\tLength:16, Address:Length/binary>>) ->",
"    case inet:parse_address(binary_to_list(Address)) of",
"\t{ok, Ip} -> {ok, Ip, Port, min(Highest, ?HIGHEST)};",
"\tError -> Error",
"    end;",
"parse(_) -> noport.",
};

static int
responder_print_module(void)
{
	const size_t n = sizeof(responder_module) / sizeof(responder_module[0]);
	size_t i;

	for (i = 0; i < n; i++)
		if (puts(responder_module[i]) == EOF)
			break;
	die_unless_printed();
	return 0;
}

int
main(int argc, char **argv)
{
	static struct responder r;

	program_begin(argv, 0);
	responder_parse(&r, argc, argv);
	if (r.print)
		return responder_print_module();
	responder_start(&r);
	loop_run(r.loop);
	responder_stop(&r);
	return 0;
}
