#include <sys/socket.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "die.h"
#include "listener_acceptor_state.h"
#include "log.h"
#include "net.h"

#define PEEK_MS		20  /* until part of a hello is looked at again */
#define PEEK_MAX	(MSG_HELLO_MAX + MSG_HEAD_MAX)
#define WAIT_MAX	256 /* connections that wait for a channel */
#define WAIT_HOST_MAX	64  /* of one host */

static void on_accepted(void *, int, const struct addr *);
static void on_late(void *);
static void on_opens(void *);
static void on_admit(void *);
static void on_connection(void *, short);
static void on_again(void *);

struct door *
door_open(struct hub *hub, struct listener *listener, int fd,
    char *const *argv)
{
	struct door *d = calloc(1, sizeof(*d));
	char **env = d == NULL ? NULL : program_environ(PROGRAM_OWN, d->control);

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
	preauth_init(&d->preauth, DOOR_CHANNELS, DOOR_CHANNELS_HOST);
	program_init(&d->launch, argv, env);
	if (acceptor_open(&d->acceptor, hub->loop, fd) == -1)
		die_errno(EXIT_TEMPORARY, "unable to listen");
	return d;
}

void
door_program(struct door *d, const struct program_file *file)
{
	char **env, *text = program_file_text(file);

	env = program_environ(PROGRAM_OWN, d->control);
	if (env != NULL && text != NULL)
		env = program_environ_add(env, text);
	if (env == NULL || (text == NULL && file->fd != -1))
		die_errno(EXIT_TEMPORARY, "unable to go on");
	free((void *)(uintptr_t)d->launch.env);
	free(d->program);
	d->launch.env = env;
	d->program = text;
	d->launch.keep[3] = text == NULL ? -1 : file->fd;
}

void
door_shut(struct door *d)
{
	acceptor_close(&d->acceptor);
}

/* It no longer needs its place at the gate: let the next one in. */
void
door_leave_gate(struct guest *g)
{
	struct door *d = g->door;

	if (preauth_leave(&d->preauth, g->tag))
		loop_later(d->hub->loop, &d->admit);
}

void
door_forget(struct guest *g)
{
	struct door *d = g->door;

	door_leave_gate(g);
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
		door_forget(d->guests);
	loop_unlater(d->hub->loop, &d->admit);
	preauth_free(&d->preauth);
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

/* A channel that was started is only killed here; its capacity comes back when
 * its liveness pipe closes. */
static void
expel(struct door *d, uint32_t tag, const char *why)
{
	struct guest *g = find(d, tag);

	if (g == NULL)
		return;
	hub_stranger(d->hub, g->host, "closing %s: %s", g->from, why);
	g->expelled = 1;
	if (!g->started)
		door_forget(g);
	else if (g->pid > 0)
		kill(g->pid, SIGKILL);
}

static void
watch_gate(struct door *d)
{
	int64_t due = preauth_deadline(&d->preauth);

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

	while ((tag = preauth_late(&d->preauth, loop_now(d->hub->loop))) != 0) {
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
	door_leave_gate(g);
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
		if (!g->started &&
		    (host == NULL || slice_equal(g->host, *host))) {
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

/* Start a channel for it. The one whose place it takes has had its grace. */
static void
enter(struct guest *g)
{
	struct door *d = g->door;
	uint32_t victim = preauth_enter(&d->preauth, loop_now(d->hub->loop),
	    g->since, g->tag, g->host);

	g->waiting = 0;
	if (victim != 0 && !listener_proven(d->listener, victim))
		expel(d, victim, "it has not proven itself, and others wait");
	watch_gate(d);
	door_start_channel(g);
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
		opens = preauth_opens(&d->preauth, g->host);
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
	loop_timer(loop, &g->again, g->since + PREAUTH_MS);
}

/* It waits in line, if only for the end of this turn, and is not looked at any
 * more but when its time is up. */
static void
serve(struct guest *g)
{
	struct loop *loop = g->door->hub->loop;

	g->waiting = 1;
	loop_unwatch(loop, &g->watch);
	loop_timer(loop, &g->again, g->since + PREAUTH_MS);
	loop_later(loop, &g->door->admit);
}

static void
look(struct guest *g)
{
	unsigned char hello[PEEK_MAX];
	ssize_t n = recv(g->watch.fd, hello, sizeof(hello), MSG_PEEK);

	if (loop_now(g->door->hub->loop) - g->since >= PREAUTH_MS) {
		hub_stranger(g->door->hub, g->host, "closing %s: no %s in time",
		    g->from, g->waiting ? "channel" : "hello");
		door_forget(g);
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
			hub_stranger(g->door->hub, g->host, "closing %s: it "
			    "does not begin with a hello", g->from);
		door_forget(g);
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
	g->end.fn = door_on_end;
	g->end.arg = g;
	g->roll = -1;
	if ((g->next = d->guests) != NULL)
		g->next->prev = g;
	d->guests = g;
	bound_waiting(d, &g->host);
	look(g);
}
