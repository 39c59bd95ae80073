/*
 * lambda-plb: buys capacity of one module and serves it to local clients on a
 * Unix socket.
 */

#include <sys/stat.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon.h"
#include "log.h"
#include "plb.h"
#include "plb_proxies.h"

#define CAPACITY     8
#define CAPACITY_MAX 1000000
#define TAKE_OVER_MS 5000  /* acquires for so long before it takes the name */
#define LOOK_MS	     250   /* how often the name is looked at */
#define GRACE_MS     30000 /* -g: for what is in flight at SIGTERM */
#define SYNOPSIS \
	"[-hqv] [-b socket] [-c capacity] [-D directory] [-d fd]\n" \
	"[-g seconds] [-k keyfile ...]" \
	"\n[-s socket] [-t label=value ...] [-V version] [-x channel] module"

struct server_options {
	const char *module, *broker, *socket, *channel, *directory;
	struct opt_want want;
	const char *given_capacity; /* -c */
	uint64_t capacity;
	int64_t grace_ms; /* -g; 0: no bound */
};

struct server {
	struct daemon daemon;
	struct plb *plb;
	struct addr name; /* of the socket */
	int passed;	  /* by a supervisor: not ours to unlink */
	dev_t dev;	  /* what was bound there, to know it again */
	ino_t ino;
	struct hub_listen *listen; /* NULL: it acquires, to take over */
	struct timer look, bound;
	int stopping;
	int termed;	 /* it had SIGTERM */
	int64_t since;	 /* it began to acquire, to take over */
	struct proxies proxies;
	struct buf exports; /* attributes to be shown once we serve */
	struct outbox_once told; /* why nothing comes, since something did */
	struct server_options options;
};

static void
server_parse(struct server *s, int argc, char **argv)
{
	struct server_options *o = &s->options;
	const struct opt options[] = {
		{ 'b', OPT_TEXT, &o->broker, 0, 0 },
		{ 'c', OPT_TEXT, &o->given_capacity, 0, 0 },
		{ 'D', OPT_TEXT, &o->directory, 0, 0 },
		{ 'd', OPT_FD, &s->daemon.ready_fd, 0, 0 },
		{ 'g', OPT_SECONDS, &o->grace_ms, 0, OPT_GRACE_MAX_MS },
		{ 'k', OPT_KEY, &s->daemon.keys, 0, 0 },
		{ 's', OPT_TEXT, &o->socket, 0, 0 },
		{ 't', OPT_LABEL, &o->want, 0, 0 },
		{ 'V', OPT_TEXT, &o->want.version, 0, 0 },
		{ 'x', OPT_TEXT, &o->channel, 0, 0 },
		{ 0, OPT_END, NULL, 0, 0 }
	};
	int letter;

	daemon_init(&s->daemon);
	o->capacity = CAPACITY;
	o->grace_ms = GRACE_MS;
	while ((letter = getopt(argc, argv, "hqvb:c:D:d:g:k:s:t:V:x:")) != -1)
		opt_take(options, letter, optarg, SYNOPSIS);
	if (argc - optind != 1)
		die_usage(SYNOPSIS);
	if (o->broker != NULL && o->channel != NULL)
		die(EXIT_USAGE, "-b and -x: give one of them");
	if (o->channel != NULL && o->channel[0] == '|')
		die(EXIT_USAGE, "-x %s: give the address of a channel: only "
		    "lambda-call runs a command", o->channel);
	o->module = opt_name("module", argv[optind]);
	if (o->given_capacity != NULL)
		o->capacity = opt_capacity_now(o->given_capacity, CAPACITY_MAX);
}

/* Serving. */

static int
server_find(const struct server *s, dev_t *dev, ino_t *ino)
{
	struct stat st;

	if (lstat(s->name.u.un.sun_path, &st) == -1)
		return -1;
	*dev = st.st_dev;
	*ino = st.st_ino;
	return 0;
}

static void
server_serve(struct server *s, int fd)
{
	if (fd == -1 || server_find(s, &s->dev, &s->ino) == -1)
		daemon_unlistened(s->name.u.un.sun_path);
	s->listen = hub_listen(&s->daemon.hub, fd);
	log_info("serving on %s", s->name.u.un.sun_path);
	if (buf_len(&s->exports) > 0)
		proxies_show(&s->proxies, buf_slice(&s->exports));
	net_ready(s->daemon.ready_fd);
}

/* Take no more clients, and answer what the present ones asked for. A PLB that
 * has not taken the name over yet has none, and ends at once. */
static void
server_stop(struct server *s)
{
	if (s->stopping)
		return;
	s->stopping = 1;
	loop_untimer(s->daemon.loop, &s->look);
	if (s->listen == NULL) {
		hub_stop(&s->daemon.hub, 0, 0);
		return;
	}
	if (!s->passed)
		net_unlink(&s->name, s->dev, s->ino);
	hub_unlisten(s->listen);
	plb_stop(s->plb, loop_now(s->daemon.loop));
	hub_deliver(&s->daemon.hub);
}

/* Once enough is acquired, or not to be had in time, take the name over from
 * whoever serves on it now. */
static void
server_take_over(struct server *s)
{
	struct plb_view v;

	plb_look(s->plb, &v);
	if (v.tokens < s->options.capacity &&
	    loop_now(s->daemon.loop) - s->since < TAKE_OVER_MS)
		return;
	server_serve(s, net_listen_over(&s->name));
}

static void
server_on_look(void *arg)
{
	struct server *s = arg;
	struct loop *loop = s->daemon.loop;
	dev_t dev;
	ino_t ino;

	if (s->listen == NULL) {
		server_take_over(s);
	} else if (server_find(s, &dev, &ino) == 0 &&
	    (dev != s->dev || ino != s->ino)) {
		log_info("another PLB serves on %s now: draining",
		    s->name.u.un.sun_path);
		server_stop(s);
		return;
	}
	loop_timer(loop, &s->look, loop_now(loop) + LOOK_MS);
}

static void
server_on_bound(void *arg)
{
	struct server *s = arg;

	log_error("clients have not ended in time: ending what they wait for");
	plb_expire(s->plb);
	hub_deliver(&s->daemon.hub);
}

/* The second one says that waiting is over. */
static void
server_on_term(void *arg, int signo)
{
	struct server *s = arg;
	int64_t grace = s->options.grace_ms;
	struct loop *loop = s->daemon.loop;

	(void)signo;
	if (s->termed) {
		loop_untimer(loop, &s->bound);
		server_on_bound(s);
		return;
	}
	s->termed = 1;
	server_stop(s);
	if (grace > 0)
		loop_timer(loop, &s->bound, loop_now(loop) + grace);
}

/* The capacity of -c @file may be another one. */
static void
server_capacity_again(struct server *s)
{
	struct server_options *o = &s->options;

	if (!opt_capacity_again(o->given_capacity, CAPACITY_MAX, &o->capacity))
		return;
	plb_capacity(s->plb, o->capacity);
	hub_deliver(&s->daemon.hub);
}

/* SIGHUP: the keys, the capacity of -c @file and the version of -V @file may be
 * others. */
static void
server_on_hup(void *arg, int signo)
{
	struct server *s = arg;
	struct buf encoded;
	char why[REASON_MAX];

	(void)signo;
	daemon_key_again(&s->daemon.hub, &s->daemon.key, &s->daemon.keys);
	server_capacity_again(s);
	if (opt_constraints(&s->options.want, &encoded, why,
	    sizeof(why)) == -1) {
		log_error("%s; going on as before", why);
		return;
	}
	if (plb_constrain(s->plb, loop_now(s->daemon.loop),
	    buf_slice(&encoded)) == -1)
		log_error("unable to change versions: %s", strerror(errno));
	buf_free(&encoded);
	hub_deliver(&s->daemon.hub);
}

/* Until the name is ours the proxies belong to the PLB that serves on it. */
static void
server_show(struct server *s, struct slice attrs)
{
	if (s->listen != NULL)
		proxies_show(&s->proxies, attrs);
	buf_free(&s->exports);
	if (buf_append(&s->exports, attrs.p, attrs.len) == -1)
		log_error("out of memory for the proxies");
}

/* Log why nothing is held: each reason once, until something is. */
static void
server_say_trouble(struct server *s, const struct msg *m)
{
	char why[REASON_MAX];
	struct plb_view v;

	plb_look(s->plb, &v);
	if (v.tokens + v.in_flight > 0 || m->type != MSG_OFFERS)
		return;
	offers_print(&m->u.offers, s->options.module, why, sizeof(why));
	outbox_log_once(plb_out(s->plb), &s->told, LOG_INFO,
	    "no capacity yet: %s", why);
}

static void
server_on_act(void *arg, const struct act *a)
{
	struct server *s = arg;
	struct msg m;

	if (a->kind == PLB_EXPORTS)
		server_show(s, a->bytes);
	else if (a->kind == PLB_ROOM)
		memset(&s->told, 0, sizeof(s->told));
	else if (a->kind == ACT_SEND && act_message(a, &m) == 1)
		server_say_trouble(s, &m);
}

/* Take the name, or begin to acquire first where somebody has it. The socket of
 * a supervisor has its own name, which stays when we end. */
static void
server_start(struct server *s)
{
	struct loop *loop = s->daemon.loop;
	int fd;

	s->look.fn = server_on_look;
	s->bound.fn = server_on_bound;
	s->look.arg = s->bound.arg = s;
	s->passed = net_inherited("plb", NET_UNIX, &fd, 1) > 0;
	if (!s->passed) {
		env_nothing_fits("Unix");
		fd = net_listen(&s->name, NULL);
	} else if (net_local(fd, &s->name) == -1)
		die_errno(EXIT_TEMPORARY, "unable to use the socket of "
		    "LISTEN_FDS");
	if (fd != -1)
		server_serve(s, fd);
	else if (errno == EADDRINUSE) {
		log_info("taking %s over from the PLB that serves there",
		    s->name.u.un.sun_path);
		s->since = loop_now(loop);
	} else
		daemon_unlistened(s->name.u.un.sun_path);
	loop_timer(loop, &s->look, loop_now(loop) + LOOK_MS);
	loop_signals(loop, server_on_term, server_on_hup, s);
}

/* The given channel, or what the broker finds. */
static void
server_new_plb(struct server *s)
{
	struct server_options *o = &s->options;
	struct plb_config config = { .module = slice_str(o->module),
		.capacity = o->capacity, .wanted = o->capacity,
		.fixed = o->channel != NULL };
	char text[ADDR_TEXT_MAX], why[REASON_MAX];
	struct slice address;
	struct buf encoded;
	struct addr way;
	uint64_t seed;

	if (opt_constraints(&o->want, &encoded, why, sizeof(why)) == -1)
		die(errno == EINVAL ? EXIT_USAGE : EXIT_TEMPORARY, "%s", why);
	config.constraints = buf_slice(&encoded);
	if (config.fixed) {
		opt_address('x', o->channel, 0, &way);
		env_key_need(&s->daemon.key, 'x', &way);
		address = slice_str(addr_print(&way, text));
		config.address = &address;
	} else {
		env_broker_socket(&way, o->broker);
		hub_dial(&s->daemon.hub, slice_str(addr_print(&way, text)),
		    DIAL_FOREVER, 0);
	}
	env_random(&seed, sizeof(seed));
	if ((s->plb = plb_new(seed, &config)) == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	if (log_level >= LOG_DEBUG)
		plb_log_requests(s->plb);
	buf_free(&encoded);
}

int
main(int argc, char **argv)
{
	static struct server s;
	struct server_options *o = &s.options;
	struct daemon *d = &s.daemon;

	daemon_begin(argv);
	server_parse(&s, argc, argv);
	if (o->socket != NULL)
		opt_socket('s', o->socket, &s.name);
	else
		env_plb_socket(&s.name, o->module);
	daemon_key(d);
	buf_init(&s.exports, LIST_MAX);
	proxies_init(&s.proxies, o->directory, o->module, &s.name);
	daemon_hub(d, ROLE_PLB);
	server_new_plb(&s);
	d->hub.act = server_on_act;
	d->hub.arg = &s;
	d->hub.serves = ROLE_CALLER;
	hub_core(&d->hub, &plb_ops, s.plb, plb_out(s.plb));
	server_start(&s);
	loop_run(d->loop);
	proxies_remove(&s.proxies);
	buf_free(&s.exports);
	return d->hub.status;
}
