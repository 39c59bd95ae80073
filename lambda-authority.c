/*
 * lambda-authority: keeps the list of all exchanges, linked to every other
 * authority, and runs exchanges where they are needed. Reads addresses of other
 * authorities on standard input.
 */

#include <sys/wait.h>

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "addr.h"
#include "authority.h"
#include "chain.h"
#include "child.h"
#include "daemon.h"
#include "env.h"
#include "epmd_client.h"
#include "log.h"
#include "loop.h"
#include "net.h"
#include "slice.h"

#define AUTHORITY_PORT 4370
#define DEFAULT_LISTEN "127.0.0.1:4370"
#define EXTERNAL_MAX   256
#define LEAVE_MS       2000 /* for exchanges to hand over to their successors */
#define SYNOPSIS \
	"[-hqv] [-a address] [-d fd] [-k keyfile ...] [-l address ...]\n" \
	"[-n name] [-r redundancy] [-x module=address ...]"

struct program {
	struct daemon daemon;
	const char *advertise, *name;
	struct opt_list external; /* -x */
	char *external_at[EXTERNAL_MAX];
	uint64_t redundancy;
	/* Of exchanges: it ends with the module. */
	char *argv[OPT_LOUD_MAX + 4 + 2 * KEYS_MAX];
	char **module;		      /* its place there */
	char **env;
	struct chain exchanges;
	struct authority *authority;
	struct epmd_register registration; /* with -n */
	struct timer leave;
	int stopping;
	int left;  /* there is nothing left to do */
	int stays; /* it was told to drain, and has not been told to end */
};

static void
authority_main_parse(struct program *p, int argc, char **argv)
{
	const struct opt options[] = {
		{ 'a', OPT_TEXT, &p->advertise, 0, 0 },
		{ 'd', OPT_FD, &p->daemon.ready_fd, 0, 0 },
		{ 'k', OPT_KEY, &p->daemon.keys, 0, 0 },
		{ 'l', OPT_LIST, &p->daemon.where, 0, 0 },
		{ 'n', OPT_NODE, &p->name, 0, 0 },
		{ 'r', OPT_NUMBER, &p->redundancy, 1,
		    AUTHORITY_REDUNDANCY_MAX },
		{ 'x', OPT_LIST, &p->external, 0, 0 },
		{ 0, OPT_END, NULL, 0, 0 }
	};
	int letter;

	daemon_init(&p->daemon);
	p->external.at = p->external_at;
	p->external.max = EXTERNAL_MAX;
	p->external.what = "exchanges";
	p->redundancy = AUTHORITY_REDUNDANCY;
	while ((letter = getopt(argc, argv, "a:d:k:l:n:hqr:vx:")) != -1)
		opt_take(options, letter, optarg, SYNOPSIS);
	if (optind != argc)
		die_usage(SYNOPSIS);
}

/*
 * The exchanges that we run, as processes. Each has a listening socket on its
 * descriptor 0 and /dev/null on 1. Its end is logged and reported.
 */

struct authority_process {
	struct child child;
	struct program *program;
	struct chain link;
	uint32_t tag;
	char module[NAME_BYTES_MAX + 1];
};

/* What exchanges are run with; -- comes before the module, since its name comes
 * from elsewhere. Dies (111). */
static void
authority_process_init(struct program *p)
{
	static char k[] = "-k", dashes[] = "--";
	size_t n = 0, i;

	chain_init(&p->exchanges);
	p->argv[n++] = env_sibling("lambda-exchange");
	n += opt_loud(p->argv + n);
	for (i = 0; i < p->daemon.keys.n; i++) {
		p->argv[n++] = k;
		p->argv[n++] = (char *)(uintptr_t)p->daemon.keys.at[i];
	}
	p->argv[n++] = dashes;
	p->module = &p->argv[n];
	p->env = program_environ(PROGRAM_OWN, NULL);
	if (p->env == NULL || program_null() == -1)
		die_errno(EXIT_TEMPORARY, "unable to start");
}

/* The one after x, the first after NULL; NULL after the last. */
static struct authority_process *
authority_process_next(const struct program *p,
    const struct authority_process *x)
{
	return CHAIN_NEXT(&p->exchanges, x, struct authority_process, link);
}

static void
authority_process_forget(struct authority_process *x)
{
	chain_remove(&x->link);
	child_free(&x->child);
	free(x);
}

static void
authority_process_ended(struct child *c)
{
	struct authority_process *x = c->arg;
	struct program *p = x->program;
	uint32_t tag = x->tag;

	if (WIFEXITED(c->status) && WEXITSTATUS(c->status) == 0)
		log_debug("the exchange for %s has ended", x->module);
	else if (WIFEXITED(c->status))
		log_error("the exchange for %s has ended: exit %d", x->module,
		    WEXITSTATUS(c->status));
	else if (!c->signalled)
		log_error("the exchange for %s has ended: signal %d",
		    x->module, WTERMSIG(c->status));
	authority_process_forget(x);
	authority_ended(p->authority, loop_now(p->daemon.loop), tag);
	hub_deliver(&p->daemon.hub);
	if (p->stopping && chain_empty(&p->exchanges))
		loop_stop(p->daemon.loop);
}

static int
authority_process_run(struct authority_process *x, int fd)
{
	static const struct child_ops ops = { NULL, NULL,
		authority_process_ended, NULL, NULL };
	struct program *p = x->program;
	struct program_start s;

	*p->module = x->module;
	program_init(&s, p->argv, p->env);
	s.in = fd;
	s.out = program_null();
	x->child.ops = &ops;
	x->child.arg = x;
	return child_start(&x->child, p->daemon.loop, &s, 0,
	    slice_of(NULL, 0));
}

/* Start one for the module, on a port of its own; *bound gets where it listens.
 * 0, or -1 after having logged why. */
static int
authority_process_start(struct program *p, uint32_t tag, struct slice module,
    struct addr *bound)
{
	struct authority_process *x = calloc(1, sizeof(*x));
	struct addr a = p->daemon.tcp[0].bound;
	int fd = -1, result = -1;

	addr_set_port(&a, 0);
	if (x != NULL && module.len < sizeof(x->module) &&
	    (fd = net_listen(&a, bound)) != -1) {
		x->program = p;
		x->tag = tag;
		memcpy(x->module, module.p, module.len);
		result = authority_process_run(x, fd);
	}
	if (result == 0) {
		chain_append(&p->exchanges, &x->link);
	} else {
		log_error("unable to start an exchange for %.*s: %s",
		    SLICE_ARG(module), program_limit(errno));
		free(x);
	}
	if (fd != -1)
		close(fd);
	return result;
}

/* SIGTERM to that of the tag, or to all where it is NULL, and SIGKILL to what
 * is still there after CHILD_KILL_MS. */
static void
authority_process_kill(struct program *p, const uint32_t *tag)
{
	struct authority_process *x = NULL;

	while ((x = authority_process_next(p, x)) != NULL)
		if (tag == NULL || x->tag == *tag)
			child_kill(&x->child, CHILD_KILL_MS);
}

static void
authority_main_on_start(struct program *p, uint32_t tag, struct slice module)
{
	int64_t now = loop_now(p->daemon.loop);
	char text[ADDR_TEXT_MAX];
	struct addr bound;

	if (authority_process_start(p, tag, module, &bound) == 0)
		authority_started(p->authority, now, tag,
		    slice_str(addr_print(&bound, text)));
	else
		authority_ended(p->authority, now, tag);
	hub_deliver(&p->daemon.hub);
}

/* Hand over; the end follows. */
static void
authority_main_stop(struct program *p)
{
	lines_stop(&p->daemon.input);
	epmd_register_free(&p->registration);
	authority_stop(p->authority, loop_now(p->daemon.loop));
	hub_deliver(&p->daemon.hub);
}

/* Stop, and do not end: a supervisor would start it again. */
static void
authority_main_drain(struct program *p)
{
	if (p->stopping || p->stays)
		return;
	log_info("draining, as lambda-ctl says");
	p->stays = 1;
	authority_main_stop(p);
}

static void
authority_main_on_act(void *arg, const struct act *act)
{
	if (act->kind == AUTHORITY_DRAIN)
		authority_main_drain(arg);
	else if (act->kind == AUTHORITY_START)
		authority_main_on_start(arg, act->peer, act->bytes);
	else if (act->kind == AUTHORITY_KILL)
		authority_process_kill(arg, &act->peer);
}

static void
authority_main_announce(struct program *p, char *external)
{
	char *equals = strchr(external, '='), text[ADDR_TEXT_MAX];
	struct addr a;

	if (equals == NULL)
		die(EXIT_USAGE, "-x %s: write module=IP:PORT", external);
	*equals = '\0';
	opt_name("module", external);
	opt_peer('x', equals + 1, 0, &a);
	env_key_need(&p->daemon.key, 'x', &a);
	if (authority_announce(p->authority, loop_now(p->daemon.loop),
	    slice_str(external), slice_str(addr_print(&a, text))) == -1)
		die_errno(EXIT_TEMPORARY, "unable to start");
}

static void
authority_main_on_address(void *arg, struct slice text)
{
	authority_bootstrap(((struct program *)arg)->authority, text);
}

/*
 * The end. Exchanges are told to retire and all links are given up, so that the
 * other authorities start successors at once. Then those that linger are ended.
 */

static void
authority_main_on_leave(void *arg)
{
	struct program *p = arg;

	loop_stop(p->daemon.loop);
}

static void
authority_main_leave(struct program *p)
{
	struct loop *loop = p->daemon.loop;

	p->stopping = 1;
	daemon_unserve(&p->daemon);
	p->leave.fn = authority_main_on_leave;
	p->leave.arg = p;
	loop_timer(loop, &p->leave, loop_now(loop) + LEAVE_MS);
	if (!chain_empty(&p->exchanges))
		loop_run(loop);
	authority_process_kill(p, NULL);
}

static void
authority_main_on_term(void *arg, int signo)
{
	struct program *p = arg;

	(void)signo;
	p->stays = 0;
	if (p->left)
		loop_stop(p->daemon.loop);
	else
		authority_main_stop(p);
}

static void
authority_main_stay(struct program *p)
{
	p->left = 1;
	if (!p->stays)
		return;
	log_info("drained: staying until SIGTERM, with nothing to do");
	loop_run(p->daemon.loop);
}

static void
authority_main_on_hup(void *arg, int signo)
{
	struct program *p = arg;
	struct authority_process *x = NULL;

	daemon_read_again(&p->daemon);
	while ((x = authority_process_next(p, x)) != NULL)
		child_signal(&x->child, signo);
}

/* The first address that it listens on is where others are told that it is. */
static void
authority_main_new(struct program *p, struct addr *a)
{
	struct daemon *d = &p->daemon;
	char text[ADDR_TEXT_MAX];
	uint64_t seed;

	*a = d->tcp[0].bound;
	if (p->advertise != NULL)
		opt_peer('a', p->advertise, addr_port(a), a);
	daemon_hub(d, ROLE_AUTHORITY);
	env_random(&seed, sizeof(seed));
	p->authority = authority_new(&d->hub.self.instance, seed,
	    slice_str(addr_print(a, text)), (unsigned)p->redundancy);
	if (p->authority == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	d->hub.act = authority_main_on_act;
	d->hub.arg = p;
	d->hub.serves = ROLE_CTL;
	hub_core(&d->hub, &authority_ops, p->authority,
	    authority_out(p->authority));
}

static void
authority_main_start(struct program *p)
{
	struct daemon *d = &p->daemon;
	struct addr a;
	size_t i;

	daemon_key(d);
	if (daemon_passed(d, NULL) == 0) {
		env_nothing_fits("TCP");
		daemon_open_all(d, DEFAULT_LISTEN, AUTHORITY_PORT);
	}
	authority_main_new(p, &a);
	authority_process_init(p);
	for (i = 0; i < p->external.n; i++)
		authority_main_announce(p, p->external.at[i]);
	daemon_serve(d);
	if (p->name != NULL)
		epmd_register_init(&p->registration, d->loop, p->name,
		    (uint16_t)addr_port(&a));
	daemon_read(d, AUTHORITY_PORT, 1, authority_main_on_address, p);
	loop_signals(d->loop, authority_main_on_term, authority_main_on_hup,
	    p);
	daemon_ready(d);
}

int
main(int argc, char **argv)
{
	static struct program p;
	struct authority_process *x;

	daemon_begin(argv);
	authority_main_parse(&p, argc, argv);
	authority_main_start(&p);
	loop_run(p.daemon.loop);
	authority_main_leave(&p);
	while ((x = authority_process_next(&p, NULL)) != NULL)
		authority_process_forget(x);
	hub_free(&p.daemon.hub);
	authority_main_stay(&p);
	free(p.argv[0]);
	free(p.env);
	authority_free(p.authority);
	loop_free(p.daemon.loop);
	return p.daemon.hub.status;
}
