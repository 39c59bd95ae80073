#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "acceptor.h"
#include "die.h"
#include "door.h"
#include "gate.h"
#include "launch.h"
#include "log.h"
#include "net.h"
#include "roll.h"
#include "tether.h"

#define KILL_MS		1000 /* from SIGTERM to SIGKILL of what is left */
#define PEEK_MS		20  /* until part of a hello is looked at again */
#define PEEK_MAX	(MSG_HELLO_MAX + MSG_HEAD_MAX)
#define WAIT_MAX	256 /* connections that wait for a channel */
#define WAIT_HOST_MAX	64  /* of one host */

/* A connection until its channel is started, then that channel. */
struct guest {
	struct door *door;
	uint32_t tag;
	int waiting;	    /* for the gate to open: its hello is here */
	int started;
	int proven;
	int expelled;
	struct watch watch; /* the connection, then the liveness pipe */
	struct timer again; /* to look at a hello that is not whole */
	pid_t pid;	    /* 0: not started, or ended */
	pid_t session;	    /* the channel's, which outlives it; 0: none yet */
	int roll;	    /* of what it has running, or -1 */
	struct timer end;   /* of what it has left */
	int64_t since;	    /* when it came */
	struct slice host;  /* its address, without the port: bytes of addr */
	struct addr addr;
	char from[ADDR_TEXT_MAX];
	struct guest *prev, *next;
};

struct door {
	struct hub *hub;
	struct listener *listener;
	struct acceptor acceptor;
	struct timer late;  /* the gate's deadline */
	struct timer opens; /* the gate, for one who waits */
	struct later admit; /* those who wait, at the end of the turn */
	struct gate gate;
	struct guest *guests;
	uint32_t tag;	    /* the last one given */
	struct launch launch;
	char control[TETHER_TEXT_MAX]; /* in the environment, */
	char *program;		       /* and the published one, or NULL */
};

static void on_accepted(void *, int, const struct addr *);
static void on_late(void *);
static void on_opens(void *);
static void on_admit(void *);
static void start_channel(struct guest *);
static void on_connection(void *, short);
static void on_again(void *);
static void on_liveness(void *, short);
static void on_ended(void *, pid_t, int);
static void on_end(void *);

struct door *
door_open(struct hub *hub, struct listener *listener, int fd,
    char *const *argv)
{
	struct door *d = calloc(1, sizeof(*d));
	char **env = d == NULL ? NULL : launch_environ(LAUNCH_OWN, d->control);

	if (env == NULL)
		die_errno(EXIT_TEMPORARY, "unable to listen");
	d->hub = hub;
	d->listener = listener;
	d->acceptor.fn = on_accepted;
	d->acceptor.arg = d;
	d->late.fn = on_late;
	d->late.arg = d;
	d->opens.fn = on_opens;
	d->opens.arg = d;
	d->admit.fn = on_admit;
	d->admit.arg = d;
	gate_init(&d->gate, DOOR_CHANNELS, DOOR_CHANNELS_HOST);
	launch_init(&d->launch, argv, env);
	if (acceptor_open(&d->acceptor, hub->loop, fd) == -1)
		die_errno(EXIT_TEMPORARY, "unable to listen");
	return d;
}

void
door_program(struct door *d, const struct held *held)
{
	char **env, *text = held_text(held);

	env = launch_environ(LAUNCH_OWN, d->control);
	if (env != NULL && text != NULL)
		env = launch_environ_add(env, text);
	if (env == NULL || (text == NULL && held->fd != -1))
		die_errno(EXIT_TEMPORARY, "unable to go on");
	free((void *)(uintptr_t)d->launch.env);
	free(d->program);
	d->launch.env = env;
	d->program = text;
	d->launch.keep[3] = text == NULL ? -1 : held->fd;
}

void
door_shut(struct door *d)
{
	acceptor_close(&d->acceptor);
}

/* It needs its place at the gate no more, so that somebody else can have it. */
static void
leave_gate(struct guest *g)
{
	struct door *d = g->door;

	if (gate_leave(&d->gate, g->tag))
		loop_later(d->hub->loop, &d->admit);
}

static void
forget(struct guest *g)
{
	struct door *d = g->door;

	leave_gate(g);
	loop_untimer(d->hub->loop, &g->again);
	loop_untimer(d->hub->loop, &g->end);
	if (g->watch.fd != -1) {
		loop_unwatch(d->hub->loop, &g->watch);
		close(g->watch.fd);
	}
	if (g->roll != -1)
		close(g->roll);
	if (g->prev != NULL)
		g->prev->next = g->next;
	else
		d->guests = g->next;
	if (g->next != NULL)
		g->next->prev = g->prev;
	free(g);
}

void
door_free(struct door *d)
{
	if (d == NULL)
		return;
	door_shut(d);
	loop_untimer(d->hub->loop, &d->late);
	loop_untimer(d->hub->loop, &d->opens);
	while (d->guests != NULL)
		forget(d->guests);
	loop_unlater(d->hub->loop, &d->admit);
	free((void *)(uintptr_t)d->launch.env);
	free(d->program);
	free(d);
}

/* The unproven. */

static struct guest *
find(const struct door *d, uint32_t tag)
{
	struct guest *g;

	for (g = d->guests; g != NULL && g->tag != tag; g = g->next)
		;
	return g;
}

/* What a channel has taken is given back by its liveness pipe, so there it
 * ends, however it is made to. */
static void
expel(struct door *d, uint32_t tag, const char *why)
{
	struct guest *g = find(d, tag);

	if (g == NULL)
		return;
	hub_stranger(d->hub, "closing %s: %s", g->from, why);
	g->expelled = 1;
	if (!g->started)
		forget(g);
	else if (g->pid > 0)
		kill(g->pid, SIGKILL);
}

static void
watch_gate(struct door *d)
{
	int64_t due = gate_deadline(&d->gate);

	if (due == INT64_MAX)
		loop_untimer(d->hub->loop, &d->late);
	else
		loop_timer(d->hub->loop, &d->late, due);
}

static void
on_late(void *arg)
{
	struct door *d = arg;
	uint32_t tag;

	while ((tag = gate_late(&d->gate, loop_now(d->hub->loop))) != 0) {
		if (!listener_proven(d->listener, tag))
			expel(d, tag, "it has not proven itself in time");
		loop_later(d->hub->loop, &d->admit);
	}
	watch_gate(d);
}

void
door_proven(struct door *d, uint32_t tag)
{
	struct guest *g = find(d, tag);

	if (g == NULL)
		return;
	g->proven = 1;
	leave_gate(g);
	watch_gate(d);
}

/* The one that has waited longest for a channel, of the host or (NULL) of all,
 * where more wait than may. */
static struct guest *
one_too_many(const struct door *d, const struct slice *host, size_t max)
{
	struct guest *g, *oldest = NULL;
	size_t n = 0;

	for (g = d->guests; g != NULL; g = g->next)
		if (!g->started && (host == NULL || slice_equal(g->host, *host))) {
			oldest = g; /* the newest come first */
			n++;
		}
	return n > max ? oldest : NULL;
}

static void
bound_waiting(struct door *d, const struct slice *host)
{
	struct guest *g = one_too_many(d, host, WAIT_HOST_MAX);

	if (g == NULL)
		g = one_too_many(d, NULL, WAIT_MAX);
	if (g != NULL)
		expel(d, g->tag, "too many wait for a channel");
}

/* A channel for it; whoever is in the way has had his grace. */
static void
enter(struct guest *g)
{
	struct door *d = g->door;
	uint32_t victim = gate_enter(&d->gate, loop_now(d->hub->loop),
	    g->since, g->tag, g->host);

	g->waiting = 0;
	if (victim != 0 && !listener_proven(d->listener, victim))
		expel(d, victim, "it has not proven itself, and others wait");
	watch_gate(d);
	start_channel(g);
}

/* The one that has waited longest of those that may enter now, or NULL and when
 * the next may (INT64_MAX: nobody waits). */
static struct guest *
next_in_line(const struct door *d, int64_t *when)
{
	struct guest *g, *oldest = NULL;
	int64_t opens, now = loop_now(d->hub->loop);

	*when = INT64_MAX;
	for (g = d->guests; g != NULL; g = g->next) {
		if (!g->waiting)
			continue;
		opens = gate_opens(&d->gate, g->host);
		if (opens <= now)
			oldest = g; /* the newest come first */
		else if (opens < *when)
			*when = opens;
	}
	return oldest;
}

static void
on_admit(void *arg)
{
	struct door *d = arg;
	struct guest *g;
	int64_t when;

	while ((g = next_in_line(d, &when)) != NULL)
		enter(g);
	if (when == INT64_MAX)
		loop_untimer(d->hub->loop, &d->opens);
	else
		loop_timer(d->hub->loop, &d->opens, when);
}

static void
on_opens(void *arg)
{
	struct door *d = arg;

	loop_later(d->hub->loop, &d->admit);
}

/* Starting a channel. */

static pid_t
run_channel(struct door *d, int fd, const struct tether *t)
{
	d->launch.in = d->launch.out = fd;
	d->launch.keep[0] = t->control[1];
	d->launch.keep[1] = t->live[1];
	d->launch.keep[2] = t->roll;
	tether_text(t, d->control);
	return launch(&d->launch);
}

/*
 * The connection is the channel's now. Its place in the loop is the liveness
 * pipe's, so that needs no memory.
 */
static int
follow(struct guest *g, const struct tether *t)
{
	struct loop *loop = g->door->hub->loop;

	if (loop_child(loop, g->pid, on_ended, g) == -1) {
		kill(g->pid, SIGKILL);
		return -1;
	}
	loop_unwatch(loop, &g->watch);
	loop_untimer(loop, &g->again);
	close(g->watch.fd);
	g->started = 1;
	g->session = g->pid;
	g->roll = t->roll;
	g->watch.fd = t->live[0];
	g->watch.fn = on_liveness;
	loop_watch(loop, &g->watch);
	return 0;
}

static int
start(struct guest *g)
{
	struct door *d = g->door;
	struct tether t;
	int64_t now = loop_now(d->hub->loop);
	int error;

	if (tether_open(&t) == -1)
		return -1;
	g->pid = -1;
	if (listener_spawned(d->listener, now, g->tag) == 0)
		g->pid = run_channel(d, g->watch.fd, &t);
	error = errno;
	tether_passed(&t);
	if (g->pid != -1 && follow(g, &t) == 0) {
		net_adopt(t.control[0]);
		hub_adopt(d->hub, t.control[0], t.control[0], 0, g->tag);
		return 0;
	}
	listener_gone(d->listener, now, g->tag);
	tether_cut(&t);
	errno = error;
	return -1;
}

static void
start_channel(struct guest *g)
{
	log_debug("channel for %s", g->from);
	if (start(g) == 0)
		return;
	log_error("unable to start a channel (%s): %s",
	    g->door->launch.argv[0], strerror(errno));
	g->pid = 0;
	forget(g);
}

static void
free_if_over(struct guest *g)
{
	if (g->watch.fd == -1 && g->pid == 0)
		forget(g);
}

static void
on_liveness(void *arg, short revents)
{
	struct guest *g = arg;
	struct door *d = g->door;
	char none[16];
	ssize_t n = read(g->watch.fd, none, sizeof(none));

	(void)revents;
	if (n > 0 || (n == -1 && (errno == EAGAIN || errno == EINTR)))
		return;
	loop_unwatch(d->hub->loop, &g->watch);
	close(g->watch.fd);
	g->watch.fd = -1;
	leave_gate(g);
	listener_gone(d->listener, loop_now(d->hub->loop), g->tag);
	hub_deliver(d->hub);
	free_if_over(g);
}

/* Of a channel that did not end well, or whose client was not let in. */
static void
tell_end(const struct guest *g, int status)
{
	char how[64] = "its client has not proven itself: wrong key?";

	if (g->expelled) /* and it was said why */
		return;
	if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "killed by signal %d",
		    WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		snprintf(how, sizeof(how), "exit status %d",
		    WEXITSTATUS(status));
	else if (g->proven)
		return;
	if (g->proven)
		log_info("channel of %s: %s", g->from, how);
	else
		hub_stranger(g->door->hub, "channel of %s: %s", g->from, how);
}

/* To the channel, and to all that it has running. */
static void
signal_guest(const struct guest *g, int signo)
{
	if (g->session == 0 || g->watch.fd == -1)
		return;
	if (g->pid > 0)
		kill(g->pid, signo);
	roll_signal_file(g->roll, g->session, signo);
}

static void
on_end(void *arg)
{
	signal_guest(arg, SIGKILL);
}

void
door_signal(struct door *d, int signo)
{
	const struct guest *g;

	for (g = d->guests; g != NULL; g = g->next)
		signal_guest(g, signo);
}

/*
 * A channel that ends well leaves nothing that is not to be left. What another
 * one had running, nobody waits for. What it has taken comes back when that has
 * ended, as ever.
 */
static void
end_rest(struct guest *g)
{
	struct loop *loop = g->door->hub->loop;

	if (g->watch.fd == -1)
		return;
	signal_guest(g, SIGTERM);
	loop_timer(loop, &g->end, loop_now(loop) + KILL_MS);
}

static void
on_ended(void *arg, pid_t pid, int status)
{
	struct guest *g = arg;

	(void)pid;
	g->pid = 0;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		end_rest(g);
	tell_end(g, status);
	free_if_over(g);
}

/* Looking at the first bytes. */

static void
look_in(struct guest *g, int64_t ms)
{
	struct loop *loop = g->door->hub->loop;

	loop_unwatch(loop, &g->watch);
	loop_timer(loop, &g->again, loop_now(loop) + ms);
}

/* Nothing came yet: it is looked at when something does, or when its time is
 * up. */
static void
look_when_due(struct guest *g)
{
	struct loop *loop = g->door->hub->loop;

	loop_watch(loop, &g->watch);
	loop_timer(loop, &g->again, g->since + GATE_MS);
}

/* It waits in line, if only for the end of this turn, and is not looked at any
 * more but when its time is up. */
static void
serve(struct guest *g)
{
	struct loop *loop = g->door->hub->loop;

	g->waiting = 1;
	loop_unwatch(loop, &g->watch);
	loop_timer(loop, &g->again, g->since + GATE_MS);
	loop_later(loop, &g->door->admit);
}

static void
look(struct guest *g)
{
	unsigned char hello[PEEK_MAX];
	ssize_t n = recv(g->watch.fd, hello, sizeof(hello), MSG_PEEK);

	if (loop_now(g->door->hub->loop) - g->since >= GATE_MS) {
		hub_stranger(g->door->hub, "closing %s: no %s in time",
		    g->from, g->waiting ? "channel" : "hello");
		forget(g);
		return;
	}
	if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
		look_when_due(g);
		return;
	}
	switch (n > 0 ? link_is_hello(hello, (size_t)n) : -1) {
	case 1:
		serve(g);
		break;
	case 0:
		look_in(g, PEEK_MS);
		break;
	default:
		if (n > 0)
			hub_stranger(g->door->hub, "closing %s: it does not "
			    "begin with a hello", g->from);
		forget(g);
	}
}

static void
on_connection(void *arg, short revents)
{
	(void)revents;
	look(arg);
}

static void
on_again(void *arg)
{
	look(arg);
}

/* Accepting. */

static uint32_t
next_tag(struct door *d)
{
	do {
		d->tag++;
	} while (d->tag == 0 || find(d, d->tag) != NULL);
	return d->tag;
}

static void
on_accepted(void *arg, int fd, const struct addr *from)
{
	struct door *d = arg;
	struct guest *g = calloc(1, sizeof(*g));

	if (g == NULL) {
		close(fd);
		return;
	}
	g->door = d;
	g->tag = next_tag(d);
	g->since = loop_now(d->hub->loop);
	g->addr = *from;
	g->host = addr_host(&g->addr);
	addr_print(from, g->from);
	g->watch.fd = fd;
	g->watch.events = POLLIN;
	g->watch.fn = on_connection;
	g->watch.arg = g;
	g->again.fn = on_again;
	g->again.arg = g;
	g->end.fn = on_end;
	g->end.arg = g;
	g->roll = -1;
	if ((g->next = d->guests) != NULL)
		g->next->prev = g;
	d->guests = g;
	bound_waiting(d, &g->host);
	look(g);
}
