#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acceptor.h"
#include "channel_tether.h"
#include "child.h"
#include "fail.h"
#include "listener_acceptor.h"
#include "log.h"
#include "preauth.h"

#define PEEK_MS	      20   /* until part of a hello is looked at again */
#define PEEK_MAX      (MSG_HELLO_MAX + MSG_HEAD_MAX)
#define WAIT_MAX      256  /* connections that wait for a channel */
#define WAIT_HOST_MAX 64   /* of one host */
#define REST_KILL_MS  1000 /* from SIGTERM to SIGKILL of what is left */

/* A connection until its channel is started, then that channel. */
struct session {
	struct listener_acceptor *all;
	struct chain link;
	struct child child; /* the channel */
	uint32_t tag;
	int waiting;	    /* for a channel: its hello is here */
	int proven;
	int expelled;
	struct watch watch; /* the connection, then the liveness pipe */
	struct timer again; /* to look at a hello that is not whole */
	pid_t channel;	    /* its process id, also when it has ended, which is
			       that of its POSIX session; 0: none was started */
	int groups;	    /* the file of what it has running, or -1 */
	struct timer end;   /* of what it has left */
	int64_t since;	    /* when it was accepted */
	struct slice host;  /* its address, without the port: bytes of addr */
	struct addr addr;
	char from[ADDR_TEXT_MAX];
};

struct listener_acceptor {
	struct hub *hub;
	struct listener *listener;
	struct acceptor acceptor;
	struct preauth preauth;
	struct timer late;  /* preauth's deadline */
	struct timer opens; /* when one that waits may have a channel */
	struct later admit; /* those that wait, at the end of the turn */
	struct chain sessions; /* the oldest first */
	uint32_t tag;	    /* the last one given */
	struct program_start start;
	char control[TETHER_TEXT_MAX]; /* in the environment, */
	char *program;		       /* and the published one, or NULL */
};

/* Sessions. */

/* The one after s, the first after NULL; NULL after the last. */
static struct session *
session_next(const struct listener_acceptor *a, const struct session *s)
{
	return CHAIN_NEXT(&a->sessions, s, struct session, link);
}

static struct session *
session_find(const struct listener_acceptor *a, uint32_t tag)
{
	struct session *s = NULL;

	while ((s = session_next(a, s)) != NULL && s->tag != tag)
		;
	return s;
}

/* It no longer needs its place among the unproven: let the next one in. */
static void
session_leave_preauth(struct session *s)
{
	if (preauth_leave(&s->all->preauth, s->tag))
		loop_later(s->all->hub->loop, &s->all->admit);
}

static void
session_unwatch(struct session *s)
{
	if (s->watch.fd == -1)
		return;
	loop_unwatch(s->all->hub->loop, &s->watch);
	close(s->watch.fd);
	s->watch.fd = -1;
}

/* Close and free what there is of it. */
static void
session_forget(struct session *s)
{
	struct loop *loop = s->all->hub->loop;

	session_leave_preauth(s);
	loop_untimer(loop, &s->again);
	loop_untimer(loop, &s->end);
	session_unwatch(s);
	if (s->groups != -1)
		close(s->groups);
	if (s->channel != 0)
		child_free(&s->child);
	chain_remove(&s->link);
	free(s);
}

/* To the channel, and to all that it has running. */
static void
session_signal(const struct session *s, int signo)
{
	if (s->channel == 0 || s->watch.fd == -1)
		return;
	child_signal(&s->child, signo);
	groups_signal_file(s->groups, s->channel, signo);
}

/* A channel that was started is only killed here; its capacity comes back when
 * its liveness pipe closes. */
static void
session_expel(struct session *s, const char *why)
{
	hub_stranger(s->all->hub, s->host, "closing %s: %s", s->from, why);
	s->expelled = 1;
	if (s->channel == 0)
		session_forget(s);
	else
		child_signal(&s->child, SIGKILL);
}

/* The channel. */

static void
session_forget_if_over(struct session *s)
{
	if (s->watch.fd == -1 && s->child.pid == 0)
		session_forget(s);
}

static void
session_on_liveness(void *arg, short revents)
{
	struct session *s = arg;
	struct listener_acceptor *a = s->all;
	char none[16];
	ssize_t n = read(s->watch.fd, none, sizeof(none));

	(void)revents;
	if (n > 0 || (n == -1 && (errno == EAGAIN || errno == EINTR)))
		return;
	session_unwatch(s);
	session_leave_preauth(s);
	listener_gone(a->listener, s->tag);
	hub_deliver(a->hub);
	session_forget_if_over(s);
}

/* Of a channel that did not end well, or whose client was not let in. */
static void
session_tell_end(const struct session *s, int status)
{
	char how[64] = "its client has not proven itself: wrong key?";

	if (s->expelled) /* and it was said why */
		return;
	if (WIFSIGNALED(status))
		snprintf(how, sizeof(how), "killed by signal %d",
		    WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		snprintf(how, sizeof(how), "exit status %d",
		    WEXITSTATUS(status));
	else if (s->proven)
		return;
	if (s->proven)
		log_info("channel of %s: %s", s->from, how);
	else
		hub_stranger(s->all->hub, s->host, "channel of %s: %s",
		    s->from, how);
}

static void
session_on_end(void *arg)
{
	session_signal(arg, SIGKILL);
}

/*
 * A channel that did not end well may have left something running, and nobody
 * waits for that: end it. The channel's capacity comes back when its liveness
 * pipe closes, as always.
 */
static void
session_on_channel_ended(struct child *c)
{
	struct session *s = c->arg;

	if (c->status != 0 && s->watch.fd != -1) {
		session_signal(s, SIGTERM);
		loop_timer(c->loop, &s->end, loop_now(c->loop) + REST_KILL_MS);
	}
	session_tell_end(s, c->status);
	session_forget_if_over(s);
}

static int
session_run_channel(struct session *s, const struct tether *t)
{
	static const struct child_ops ops = { NULL, NULL,
		session_on_channel_ended };
	struct listener_acceptor *a = s->all;

	if (listener_spawned(a->listener, s->tag) == -1)
		return -1;
	a->start.in = a->start.out = s->watch.fd;
	a->start.keep[0] = t->control[1];
	a->start.keep[1] = t->live[1];
	a->start.keep[2] = t->groups;
	tether_text(t, a->control);
	s->child.ops = &ops;
	s->child.arg = s;
	return child_start(&s->child, a->hub->loop, &a->start, 0,
	    slice_of(NULL, 0));
}

/*
 * The connection is the channel's now. Its place in the loop is the liveness
 * pipe's, so that needs no memory.
 */
static void
session_follow(struct session *s, const struct tether *t)
{
	struct hub *hub = s->all->hub;

	session_unwatch(s);
	loop_untimer(hub->loop, &s->again);
	s->channel = s->child.pid;
	s->groups = t->groups;
	s->watch.fd = t->live[0];
	s->watch.fn = session_on_liveness;
	loop_watch(hub->loop, &s->watch);
	hub_adopt(hub, t->control[0], t->control[0], 0, s->tag);
}

/* Start its channel; where none can be started it is forgotten. */
static void
session_start(struct session *s)
{
	struct listener_acceptor *a = s->all;
	struct tether t;
	int error;

	log_debug("channel for %s", s->from);
	if (tether_open(&t) == 0) {
		if (session_run_channel(s, &t) == 0) {
			tether_passed(&t);
			session_follow(s, &t);
			return;
		}
		error = errno;
		tether_passed(&t);
		tether_cut(&t);
		errno = error;
	}
	log_error("unable to start a channel (%s): %s", a->start.argv[0],
	    strerror(errno));
	listener_gone(a->listener, s->tag);
	session_forget(s);
}

/* The unproven. */

/* INT64_MAX: never. */
static void
listener_acceptor_set(struct listener_acceptor *a, struct timer *t, int64_t due)
{
	if (due == INT64_MAX)
		loop_untimer(a->hub->loop, t);
	else
		loop_timer(a->hub->loop, t, due);
}

static void
listener_acceptor_set_late(struct listener_acceptor *a)
{
	listener_acceptor_set(a, &a->late, preauth_deadline(&a->preauth));
}

static void
listener_acceptor_expel(struct listener_acceptor *a, uint32_t tag,
    const char *why)
{
	struct session *s = session_find(a, tag);

	if (s != NULL && !listener_proven(a->listener, tag))
		session_expel(s, why);
}

static void
listener_acceptor_on_late(void *arg)
{
	struct listener_acceptor *a = arg;
	uint32_t tag;

	while ((tag = preauth_late(&a->preauth, loop_now(a->hub->loop))) != 0) {
		listener_acceptor_expel(a, tag,
		    "it has not proven itself in time");
		loop_later(a->hub->loop, &a->admit);
	}
	listener_acceptor_set_late(a);
}

void
listener_acceptor_proven(struct listener_acceptor *a, uint32_t tag)
{
	struct session *s = session_find(a, tag);

	if (s == NULL)
		return;
	s->proven = 1;
	session_leave_preauth(s);
	listener_acceptor_set_late(a);
}

/* Where more wait for a channel than may, of the host or of all, the one goes
 * that has waited longest. */
static void
listener_acceptor_bound_waiting(struct listener_acceptor *a, struct slice host)
{
	struct session *s = NULL, *oldest = NULL, *oldest_of_host = NULL;
	size_t n = 0, of_host = 0;

	while ((s = session_next(a, s)) != NULL) {
		if (s->channel != 0)
			continue;
		if (n++ == 0)
			oldest = s;
		if (slice_equal(s->host, host) && of_host++ == 0)
			oldest_of_host = s;
	}
	if (of_host > WAIT_HOST_MAX)
		session_expel(oldest_of_host, "too many wait for a channel");
	else if (n > WAIT_MAX)
		session_expel(oldest, "too many wait for a channel");
}

/* Start a channel for it. The one whose place it takes has had its grace. */
static void
session_enter(struct session *s)
{
	struct listener_acceptor *a = s->all;
	uint32_t victim = preauth_enter(&a->preauth, loop_now(a->hub->loop),
	    s->since, s->tag, s->host);

	s->waiting = 0;
	if (victim != 0)
		listener_acceptor_expel(a, victim,
		    "it has not proven itself, and others wait");
	listener_acceptor_set_late(a);
	session_start(s);
}

/* The one that has waited longest of those that may enter now, or NULL and when
 * the next may (INT64_MAX: nobody waits). */
static struct session *
session_next_in_line(const struct listener_acceptor *a, int64_t *when)
{
	struct session *s = NULL;
	int64_t opens;

	*when = INT64_MAX;
	while ((s = session_next(a, s)) != NULL) {
		if (!s->waiting)
			continue;
		opens = preauth_opens(&a->preauth, s->host);
		if (opens <= loop_now(a->hub->loop))
			return s;
		if (opens < *when)
			*when = opens;
	}
	return NULL;
}

/* Channels for those that may have one now. */
static void
listener_acceptor_admit(void *arg)
{
	struct listener_acceptor *a = arg;
	struct session *s;
	int64_t when;

	while ((s = session_next_in_line(a, &when)) != NULL)
		session_enter(s);
	listener_acceptor_set(a, &a->opens, when);
}

/* The first bytes of a connection. */

/* Its hello is here: it waits in line, if only for the end of this turn, and is
 * looked at again only when its time is up. */
static void
session_wait(struct session *s)
{
	struct loop *loop = s->all->hub->loop;

	s->waiting = 1;
	loop_unwatch(loop, &s->watch);
	loop_timer(loop, &s->again, s->since + PREAUTH_MS);
	loop_later(loop, &s->all->admit);
}

/* Look without taking: the channel reads it all. */
static void
session_look(void *arg)
{
	struct session *s = arg;
	struct hub *hub = s->all->hub;
	struct loop *loop = hub->loop;
	unsigned char hello[PEEK_MAX];
	ssize_t n = recv(s->watch.fd, hello, sizeof(hello), MSG_PEEK);

	if (loop_now(loop) - s->since >= PREAUTH_MS) {
		hub_stranger(hub, s->host, "closing %s: no %s in time",
		    s->from, s->waiting ? "channel" : "hello");
		session_forget(s);
		return;
	}
	if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
		loop_watch(loop, &s->watch);
		loop_timer(loop, &s->again, s->since + PREAUTH_MS);
		return;
	}
	switch (n > 0 ? link_is_hello(hello, (size_t)n) : -1) {
	case 1:
		session_wait(s);
		break;
	case 0:
		loop_unwatch(loop, &s->watch);
		loop_timer(loop, &s->again, loop_now(loop) + PEEK_MS);
		break;
	default:
		if (n > 0)
			hub_stranger(hub, s->host, "closing %s: it does not "
			    "begin with a hello", s->from);
		session_forget(s);
	}
}

static void
session_on_readable(void *arg, short revents)
{
	(void)revents;
	session_look(arg);
}

/* Accepting. */

static uint32_t
listener_acceptor_next_tag(struct listener_acceptor *a)
{
	do {
		a->tag++;
	} while (a->tag == 0 || session_find(a, a->tag) != NULL);
	return a->tag;
}

static void
listener_acceptor_on_accepted(void *arg, int fd, const struct addr *from)
{
	struct listener_acceptor *a = arg;
	struct session *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		close(fd);
		return;
	}
	s->all = a;
	s->tag = listener_acceptor_next_tag(a);
	s->since = loop_now(a->hub->loop);
	s->addr = *from;
	s->host = addr_host(&s->addr);
	addr_print(from, s->from);
	s->groups = -1;
	s->watch.fd = fd;
	s->watch.events = POLLIN;
	s->watch.fn = session_on_readable;
	s->again.fn = session_look;
	s->end.fn = session_on_end;
	s->watch.arg = s->again.arg = s->end.arg = s;
	chain_append(&a->sessions, &s->link);
	listener_acceptor_bound_waiting(a, s->host);
	session_look(s);
}

struct listener_acceptor *
listener_acceptor_open(struct hub *hub, struct listener *listener, int fd,
    char *const *argv, const struct program_file *file)
{
	struct listener_acceptor *a = calloc(1, sizeof(*a));

	if (a == NULL)
		die_errno(EXIT_TEMPORARY, "unable to listen");
	a->hub = hub;
	a->listener = listener;
	a->acceptor.fn = listener_acceptor_on_accepted;
	a->late.fn = listener_acceptor_on_late;
	a->opens.fn = a->admit.fn = listener_acceptor_admit;
	a->acceptor.arg = a->late.arg = a->opens.arg = a->admit.arg = a;
	preauth_init(&a->preauth, LISTENER_UNPROVEN, LISTENER_UNPROVEN_HOST);
	chain_init(&a->sessions);
	program_init(&a->start, argv, NULL);
	listener_acceptor_program(a, file);
	if (acceptor_open(&a->acceptor, hub->loop, fd) == -1)
		die_errno(EXIT_TEMPORARY, "unable to listen");
	return a;
}

void
listener_acceptor_program(struct listener_acceptor *a,
    const struct program_file *file)
{
	char *extra[] = { a->control, program_file_text(file), NULL };
	char **env = program_environ(PROGRAM_OWN, extra);

	if (env == NULL || (extra[1] == NULL && file->fd != -1))
		die_errno(EXIT_TEMPORARY, "unable to go on");
	free((void *)(uintptr_t)a->start.env);
	free(a->program);
	a->start.env = env;
	a->program = extra[1];
	a->start.keep[3] = file->fd;
}

void
listener_acceptor_signal(struct listener_acceptor *a, int signo)
{
	struct session *s = NULL;

	while ((s = session_next(a, s)) != NULL)
		session_signal(s, signo);
}

void
listener_acceptor_close(struct listener_acceptor *a)
{
	acceptor_close(&a->acceptor);
}

void
listener_acceptor_free(struct listener_acceptor *a)
{
	struct session *s;

	listener_acceptor_close(a);
	loop_untimer(a->hub->loop, &a->late);
	loop_untimer(a->hub->loop, &a->opens);
	while ((s = session_next(a, NULL)) != NULL)
		session_forget(s);
	loop_unlater(a->hub->loop, &a->admit);
	preauth_free(&a->preauth);
	free((void *)(uintptr_t)a->start.env);
	free(a->program);
	free(a);
}
