/*
 * lambda-channel: the server side of one PLB connection, which it has on
 * descriptors 0 and 1. A listener starts it, with a control link; or inetd,
 * tcpserver, ssh, without one.
 */

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "channel_process.h"
#include "channel_tether.h"
#include "hub.h"
#include "log.h"
#include "net.h"
#include "opt.h"
#include "program.h"

#define SYNOPSIS \
	"[-hqv] [-c capacity] [-g seconds] [-k keyfile ...] [-w protocol]\n" \
	"module program [argument ...]"
#define FIRST_FREE    3	    /* descriptor above the standard ones */
#define ORPHAN_MS     1000  /* from SIGTERM to SIGKILL of what runs */
#define ORPHAN_STEP   20    /* how often it is looked whether all are gone */
#define GRACE_MS      30000 /* -g: from our own SIGTERM to the end, at most */
#define CAPACITY_MAX  65535
#define PEER_MAX      128   /* bytes of the other end's name */
#define VARIABLE_MAX  64    /* and of an environment variable's */

struct options {
	struct key_names keys;
	uint64_t capacity; /* 0: as many as there are processors */
	int64_t grace_ms;  /* -g; 0: no bound */
	struct channel_config channel;
	struct workers_config workers;
};

struct program {
	struct loop *loop;
	struct hub hub;
	struct channel *channel;
	struct workers *workers;
	int in, out;	       /* the client's connection */
	int control;	       /* the listener's, or -1; then it has shaken */
	unsigned char session[LINK_SESSION]; /* hands with the client, too */
	struct program_file file; /* the program, as it was published */
	struct timer end;      /* told to stop, or ending what runs */
	int64_t end_at;
	int64_t grace_ms;
	int stopping;
	int ending;
	int expired;	       /* the core ends us when all is answered */
	int killed;	       /* and what is left of workers was */
};

/* Descriptors. */

static int
connection_is_one(int a, int b)
{
	struct stat sa, sb;

	return fstat(a, &sa) == 0 && fstat(b, &sb) == 0 &&
	    sa.st_dev == sb.st_dev && sa.st_ino == sb.st_ino;
}

static int
connection_move_up(int fd)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE);

	if (moved == -1)
		die_errno(EXIT_TEMPORARY, "unable to move the connection");
	return moved;
}

/*
 * Take the connection away from where a stray printf could reach it, our own
 * messages too: inetd gives standard error the same socket.
 */
static void
connection_take(struct program *p)
{
	int null = program_null();
	int one = net_is_socket(0) && connection_is_one(0, 1);
	int stray = net_is_socket(2) &&
	    (connection_is_one(0, 2) || connection_is_one(1, 2));

	if (null == -1)
		die_errno(EXIT_TEMPORARY, "unable to open /dev/null");
	p->in = connection_move_up(0);
	p->out = one ? p->in : connection_move_up(1);
	if (dup2(null, 0) == -1 || dup2(null, 1) == -1 ||
	    (stray && dup2(null, 2) == -1))
		die_errno(EXIT_TEMPORARY, "unable to move the connection");
}

static void
connection_check(const struct program *p)
{
	struct stat st;

	if (fstat(p->in, &st) == -1 ||
	    !(S_ISSOCK(st.st_mode) || S_ISFIFO(st.st_mode)))
		die(EXIT_USAGE, "standard input is not a connection: start it "
		    "from lambda-listener, inetd, tcpserver or "
		    "lambda-call -x '|command'");
}

/* Who is at the other end. */

/* The variable of that protocol; NULL where it is not set. */
static const char *
ucspi_variable(const char *protocol, const char *what)
{
	char name[VARIABLE_MAX];
	const char *value;

	if (snprintf(name, sizeof(name), "%s%s", protocol, what) >=
	    (int)sizeof(name))
		return NULL;
	value = getenv(name);
	return value == NULL || *value == '\0' ? NULL : value;
}

static void
ucspi_join(char name[PEER_MAX], const char *ip, int len, const char *port)
{
	const char *open = memchr(ip, ':', (size_t)len) == NULL ? "" : "[";

	snprintf(name, PEER_MAX, "%s%.*s%s%s%s", open, len, ip,
	    *open == '\0' ? "" : "]", port == NULL ? "" : ":",
	    port == NULL ? "" : port);
}

/* The client's address and port, and then the server's. */
static int
ucspi_ssh(char name[PEER_MAX])
{
	const char *value = getenv("SSH_CONNECTION"), *port;
	char text[8];

	if (value == NULL || (port = strchr(value, ' ')) == NULL)
		return 0;
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(port + 1, " "),
	    port + 1);
	ucspi_join(name, value, (int)(port - value), text);
	return 1;
}

/*
 * The name of the other end, as the environment has it: UCSPI (PROTO, and for
 * PROTO=TCP then TCPREMOTEIP and TCPREMOTEPORT; for a Unix socket
 * UNIXREMOTEEUID or IPCREMOTEEUID), or ssh (SSH_CONNECTION). It is for the log
 * alone: it is as true as what started us. 1, or 0 when nothing is known.
 */
static int
ucspi_peer(char name[PEER_MAX])
{
	const char *protocol = getenv("PROTO"), *ip, *uid;

	if (protocol == NULL)
		return ucspi_ssh(name);
	if ((ip = ucspi_variable(protocol, "REMOTEIP")) != NULL) {
		ucspi_join(name, ip, (int)strlen(ip),
		    ucspi_variable(protocol, "REMOTEPORT"));
		return 1;
	}
	if ((uid = ucspi_variable(protocol, "REMOTEEUID")) == NULL)
		return 0;
	snprintf(name, PEER_MAX, "user %s", uid);
	return 1;
}

/* Options. */

static void
channel_main_protocol(struct options *o, const char *name)
{
	int kind = frame_kind(name);

	if (strcmp(name, "exec") == 0) {
		o->channel.mode = CHANNEL_EXEC;
		return;
	}
	if (kind == -1)
		die(EXIT_USAGE, "-w %s: give exec, line, netstring, packet4 "
		    "or mux", name);
	o->channel.kind = o->workers.kind = (enum frame_kind)kind;
	o->channel.mode = kind == FRAME_MUX ? CHANNEL_MUX : CHANNEL_POOL;
}

/* out is what was standard output, for -h. */
static void
channel_main_parse(struct options *o, int argc, char **argv, int out)
{
	const char *protocol = "exec";
	const struct opt options[] = {
		{ 'c', OPT_NUMBER, &o->capacity, 1, CAPACITY_MAX },
		{ 'g', OPT_SECONDS, &o->grace_ms, 0, OPT_GRACE_MAX_MS },
		{ 'k', OPT_KEY, &o->keys, 0, 0 },
		{ 'w', OPT_TEXT, &protocol, 0, 0 },
		{ 0, OPT_END, NULL, 0, 0 }
	};
	int letter;

	memset(o, 0, sizeof(*o));
	o->grace_ms = GRACE_MS;
	while ((letter = getopt(argc, argv, "+c:g:k:hqvw:")) != -1) {
		if (letter == 'h')
			dup2(out, STDOUT_FILENO);
		opt_take(options, letter, optarg, SYNOPSIS);
	}
	channel_main_protocol(o, protocol);
	if (argc - optind < 2)
		die_usage(SYNOPSIS);
	o->channel.module = slice_str(opt_name("module", argv[optind]));
	o->workers.mode = o->channel.mode;
	o->workers.argv = argv + optind + 1;
	o->workers.env = program_environ(PROGRAM_WORKER, NULL);
	if (o->workers.env == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
}

/* Ends. */

/* SIGKILL comes last even when all workers have ended: what they started may
 * still be there. */
static void
channel_main_on_ending(struct program *p)
{
	int64_t now = loop_now(p->loop);

	if (workers_any(p->workers) && now < p->end_at) {
		loop_timer(p->loop, &p->end, now + ORPHAN_STEP);
		return;
	}
	workers_signal(p->workers, SIGKILL);
	if (p->expired && !p->killed) {
		p->killed = 1;
		loop_timer(p->loop, &p->end, now + ORPHAN_MS);
		return;
	}
	hub_stop(&p->hub, ORPHAN_STEP, EXIT_TEMPORARY);
}

/* Nobody counts what runs here now, or nobody waits for it, so end all of it,
 * casts too. */
static void
channel_main_end_all(struct program *p, const char *why)
{
	if (p->ending)
		return;
	log_error("%s", why);
	p->ending = 1;
	p->end_at = loop_now(p->loop) + ORPHAN_MS;
	workers_signal(p->workers, SIGTERM);
	channel_main_on_ending(p);
}

/* No request is waited for now. */
static void
channel_main_expire(struct program *p)
{
	channel_expire(p->channel, loop_now(p->loop));
	hub_deliver(&p->hub);
}

static void
channel_main_on_end(void *arg)
{
	struct program *p = arg;

	if (p->ending)
		channel_main_on_ending(p);
	else
		channel_main_expire(p);
}

/* The second one says that waiting is over. */
static void
channel_main_on_term(void *arg, int signo)
{
	struct program *p = arg;

	(void)signo;
	if (p->ending)
		return;
	if (p->stopping) {
		channel_main_expire(p);
		return;
	}
	p->stopping = 1;
	if (p->grace_ms > 0)
		loop_timer(p->loop, &p->end, loop_now(p->loop) + p->grace_ms);
	channel_drain(p->channel, loop_now(p->loop));
	hub_deliver(&p->hub);
}

/* Nothing to read again: the terminal's end is not ours. A handler, since what
 * is ignored stays so for workers. */
static void
channel_main_on_hup(void *arg, int signo)
{
	(void)arg;
	(void)signo;
}

static void
channel_main_on_act(void *arg, const struct act *a)
{
	struct program *p = arg;

	if (a->kind == CHANNEL_ORPHAN) {
		channel_main_end_all(p, "the listener is gone: ending");
	} else if (a->kind == CHANNEL_EXPIRED) {
		p->expired = 1;
		channel_main_end_all(p,
		    "requests have not finished in time: ending them");
	} else
		workers_act(p->workers, a);
}

static void
channel_main_on_room(void *arg)
{
	const struct program *p = arg;

	workers_on_room(p->workers);
}

/* The start. */

/* Over pipes no key is needed, but the other end may use one, where its own is
 * TCP (stunnel): then a key that was named is good. Under a listener there is
 * none: what the session has is enough. */
static const struct key *
channel_main_key(const struct program *p, const struct key_names *names,
    struct key *key)
{
	if (p->control != -1 || (names->n == 0 &&
	    getenv("LAMBDA_KEY") == NULL && !net_is_tcp(p->in)))
		return NULL;
	env_key(key, names);
	return key;
}

/* Each line of the log says whose channel it is. */
static void
channel_main_name_log(const struct program *p, struct slice module,
    const char *peer)
{
	char text[ADDR_TEXT_MAX], about[NAME_BYTES_MAX + PEER_MAX + 2];
	struct addr a;

	if (peer == NULL && net_remote(p->in, &a) == 0 && !addr_is_unix(&a))
		peer = addr_print(&a, text);
	snprintf(about, sizeof(about), "%.*s%s%s", SLICE_ARG(module),
	    peer == NULL ? "" : " ", peer == NULL ? "" : peer);
	log_about(about);
	if (log_level >= LOG_DEBUG)
		channel_log_requests(p->channel, peer == NULL ? "-" : peer);
}

static void
channel_main_link(struct program *p, struct slice module)
{
	char name[PEER_MAX];
	uint32_t client;
	int named = !net_is_tcp(p->in) && ucspi_peer(name);

	if (p->control != -1 && hub_adopt(&p->hub, p->control, p->control, 1,
	    CHANNEL_LISTENER_TAG) == 0)
		die_errno(EXIT_TEMPORARY, "unable to start");
	if (net_adopt(p->in) == -1 ||
	    (p->out != p->in && net_adopt(p->out) == -1))
		die_errno(EXIT_TEMPORARY, "unable to take the connection");
	client = p->control == -1 ?
	    hub_adopt(&p->hub, p->in, p->out, 0, CHANNEL_CLIENT_TAG) :
	    hub_resume(&p->hub, p->in, p->session, CHANNEL_CLIENT_TAG);
	noise_wipe(p->session, sizeof(p->session));
	if (client == 0)
		die_errno(EXIT_TEMPORARY, "unable to take the connection");
	channel_main_name_log(p, module, named ? name : NULL);
	if (named)
		hub_name(&p->hub, client, name);
	workers_client(p->workers, client);
}

/* Whose reason a failure is. */
static const char *
channel_main_host(void)
{
	static char name[NAME_BYTES_MAX + 1];

	if (gethostname(name, sizeof(name) - 1) == -1)
		name[0] = '\0';
	return name;
}

static void
channel_main_start(struct program *p, struct options *o)
{
	static struct key key;
	uint64_t seed;

	hub_init(&p->hub, p->loop, ROLE_CHANNEL,
	    channel_main_key(p, &o->keys, &key));
	if (p->control != -1)
		hub_become(&p->hub, p->session);
	env_random(&seed, sizeof(seed));
	if (p->control == -1)
		o->channel.capacity = o->capacity > 0 ? o->capacity :
							env_processors();
	o->channel.host = slice_str(channel_main_host());
	p->channel = channel_new(&p->hub.self.instance, seed, &o->channel);
	if (p->channel == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	p->grace_ms = o->grace_ms;
	o->workers.file = &p->file;
	p->workers = workers_new(&p->hub, p->channel, &o->workers);
	p->end.fn = channel_main_on_end;
	p->end.arg = p;
	p->hub.act = channel_main_on_act;
	p->hub.room = channel_main_on_room;
	p->hub.arg = p;
	p->hub.serves = ROLE_PLB | ROLE_CALLER;
	hub_core(&p->hub, &channel_ops, p->channel, channel_out(p->channel));
	loop_signal(p->loop, SIGTERM, channel_main_on_term, p);
	loop_signal(p->loop, SIGHUP, channel_main_on_hup, p);
	channel_main_link(p, o->channel.module);
}

int
main(int argc, char **argv)
{
	static struct program p;
	struct options o;
	int status;

	program_begin(argv, tether_given() ? PROGRAM_OURS : 0);
	connection_take(&p);
	channel_main_parse(&o, argc, argv, p.out);
	connection_check(&p);
	tether_take(&p.control, &o.workers.groups, p.session,
	    sizeof(p.session));
	program_file_take(&p.file);
	/* A session tells the listener which processes are of this channel. */
	setsid();
	p.loop = loop_new();
	channel_main_start(&p, &o);
	loop_run(p.loop);
	status = p.hub.status;
	workers_free(p.workers);
	hub_free(&p.hub);
	channel_free(p.channel);
	loop_free(p.loop);
	free(o.workers.env);
	program_file_close(&p.file);
	return status;
}
