#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "listener_acceptor_state.h"
#include "fail.h"
#include "log.h"
#include "net.h"
#include "channel_groups.h"

#define KILL_MS 1000 /* from SIGTERM to SIGKILL of what is left */

static void on_liveness(void *, short);
static void on_ended(void *, pid_t, int);

static pid_t
run_channel(struct door *d, int fd, const struct tether *t)
{
	d->launch.in = d->launch.out = fd;
	d->launch.keep[0] = t->control[1];
	d->launch.keep[1] = t->live[1];
	d->launch.keep[2] = t->roll;
	tether_text(t, d->control);
	return program_start(&d->launch);
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
	int error;

	if (tether_open(&t) == -1)
		return -1;
	g->pid = -1;
	if (listener_spawned(d->listener, g->tag) == 0)
		g->pid = run_channel(d, g->watch.fd, &t);
	error = errno;
	tether_passed(&t);
	if (g->pid != -1 && follow(g, &t) == 0) {
		net_adopt(t.control[0]);
		hub_adopt(d->hub, t.control[0], t.control[0], 0, g->tag);
		return 0;
	}
	listener_gone(d->listener, g->tag);
	tether_cut(&t);
	return fail(error);
}

void
door_start_channel(struct guest *g)
{
	log_debug("channel for %s", g->from);
	if (start(g) == 0)
		return;
	log_error("unable to start a channel (%s): %s",
	    g->door->launch.argv[0], strerror(errno));
	g->pid = 0;
	door_forget(g);
}

static void
free_if_over(struct guest *g)
{
	if (g->watch.fd == -1 && g->pid == 0)
		door_forget(g);
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
	door_leave_gate(g);
	listener_gone(d->listener, g->tag);
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
		hub_stranger(g->door->hub, g->host, "channel of %s: %s",
		    g->from, how);
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

void
door_on_end(void *arg)
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
 * The channel did not end well, so it may have left something running, and
 * nobody waits for that: end it. The channel's capacity comes back when its
 * liveness pipe closes, as always.
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
