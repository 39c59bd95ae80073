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
#include "listener_door.h"
#include "log.h"
#include "net.h"
#include "preauth.h"

#define PEEK_MS	     20	  /* until part of a record is looked at again */
#define REST_KILL_MS 1000 /* from SIGTERM to SIGKILL of what is left */

/* A connection until its channel is started, then that channel. */
struct session {
	struct listener_acceptor *all;
	struct chain link;
	struct child child; /* the channel */
	uint32_t tag;
	struct listener_door *door; /* NULL: it has a channel */
	struct watch watch; /* the connection, then the liveness pipe */
	struct timer again; /* to look at a record that is not whole */
	pid_t channel;	    /* its process id, also when it has ended, which is
			       that of its POSIX session; 0: none was started */
	int groups;	    /* the file of what it has running, or -1 */
	struct timer end;   /* of what it has left */
	struct slice host;  /* its address, without the port: bytes of addr */
	struct addr addr;
	char from[ADDR_TEXT_MAX];
};

struct listener_acceptor {
	struct hub *hub;
	struct listener *listener;
	struct acceptor acceptor;
	struct preauth preauth;
	struct timer late;  /* what preauth has to say next */
	struct chain sessions; /* the oldest first */
	uint32_t tag;	    /* the last one given */
	struct program_start start;
	int groups;	    /* a file for the next channel, or -1 */
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

/* Its handshake is over, in one way or the other. */
static void
session_leave_door(struct session *s)
{
	if (preauth_leave(&s->all->preauth, s->tag))
		loop_timer(s->all->hub->loop, &s->all->late,
		    loop_now(s->all->hub->loop));
	if (s->door == NULL)
		return;
	listener_door_close(s->door);
	free(s->door);
	s->door = NULL;
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

/* All of its groups are gone, or nobody reads of them any more. */
static void
session_leave_groups(const struct session *s)
{
	struct listener_acceptor *a = s->all;

	if (s->groups == -1)
		return;
	if (a->groups == -1 && groups_clear(s->groups) == 0)
		a->groups = s->groups;
	else
		close(s->groups);
}

/* Close and free what there is of it. */
static void
session_forget(struct session *s)
{
	struct loop *loop = s->all->hub->loop;

	session_leave_door(s);
	loop_untimer(loop, &s->again);
	loop_untimer(loop, &s->end);
	session_unwatch(s);
	session_leave_groups(s);
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

/* One that only looked is not worth a line. */
static void
session_refuse(struct session *s, const char *why)
{
	s->all->hub->counts.refused++;
	if (s->door->have == 0 && errno == 0)
		log_debug("closing %s: %s", s->from, why);
	else
		hub_stranger(s->all->hub, s->host, "closing %s: %s", s->from,
		    why);
	session_forget(s);
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
	listener_gone(a->listener, s->tag);
	hub_deliver(a->hub);
	session_forget_if_over(s);
}

/* For a channel that failed. */
static void
session_tell_end(const struct session *s, int status)
{
	if (WIFSIGNALED(status))
		log_info("channel of %s: killed by signal %d", s->from,
		    WTERMSIG(status));
	else if (WEXITSTATUS(status) != 0)
		log_info("channel of %s: exit status %d", s->from,
		    WEXITSTATUS(status));
}

static void
session_on_end(void *arg)
{
	session_signal(arg, SIGKILL);
}

/*
 * A channel that failed may have left processes running, for which nobody
 * waits: end them. The channel's capacity comes back when its liveness pipe
 * closes, as always.
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
		session_on_channel_ended, NULL, NULL };
	struct listener_acceptor *a = s->all;

	if (listener_spawned(a->listener, s->tag, slice_str(s->from),
	    &s->door->link.instance) == -1)
		return -1;
	a->start.in = a->start.out = s->watch.fd;
	a->start.keep[0] = t->control[1];
	a->start.keep[1] = t->live[1];
	a->start.keep[2] = t->groups;
	a->start.keep[4] = t->session;
	tether_text(t, a->control);
	s->child.ops = &ops;
	s->child.arg = s;
	return child_start(&s->child, a->hub->loop, &a->start, 0,
	    slice_of(NULL, 0));
}

/*
 * The connection is the channel's now. The liveness pipe gets its place in the
 * loop, which needs no memory.
 */
static void
session_follow(struct session *s, const struct tether *t)
{
	struct hub *hub = s->all->hub;
	unsigned char print[LINK_PRINT];
	uint32_t control;

	memcpy(print, s->door->link.print, sizeof(print));
	session_unwatch(s);
	session_leave_door(s);
	loop_untimer(hub->loop, &s->again);
	s->channel = s->child.pid;
	s->groups = t->groups;
	s->watch.fd = t->live[0];
	s->watch.fn = session_on_liveness;
	loop_watch(hub->loop, &s->watch);
	control = hub_adopt(hub, t->control[0], t->control[0], 0, s->tag);
	hub_keyed(hub, control, print);
}

/* Its channel cannot be started: tell the log and the dialler the reason
 * (errno), and forget it. */
static void
session_tell_unable(struct session *s)
{
	struct listener_acceptor *a = s->all;
	char why[REASON_MAX / 2], text[REASON_MAX];

	program_unable(a->start.argv[0], errno, why, sizeof(why));
	hub_stranger(a->hub, s->host, "unable to start a channel: %s", why);
	snprintf(text, sizeof(text), "the listener is unable to start a "
	    "channel: %s", why);
	listener_door_refuse(s->door, s->watch.fd, text);
	listener_gone(a->listener, s->tag);
	session_forget(s);
}

/* Start its channel; if it cannot be started, forget the session. */
static void
session_start(struct session *s)
{
	unsigned char link[LINK_SESSION];
	struct tether t;
	int error, opened;

	log_debug("channel for %s", s->from);
	link_export(&s->door->link, link);
	opened = tether_open(&t, link, sizeof(link), s->all->groups);
	s->all->groups = -1;
	noise_wipe(link, sizeof(link));
	if (opened == 0) {
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
	session_tell_unable(s);
}

/* A lambda-ctl asks the listener itself, so its link is one of the hub's. */
static void
session_hand_over(struct session *s)
{
	struct hub *hub = s->all->hub;
	unsigned char link[LINK_SESSION];
	int fd = s->watch.fd;

	loop_unwatch(hub->loop, &s->watch);
	s->watch.fd = -1;
	link_export(&s->door->link, link);
	hub_keyed(hub, hub_resume(hub, fd, link, 0), s->door->link.print);
	noise_wipe(link, sizeof(link));
	session_forget(s);
}

/* The unauthenticated. */

/* Look again when somebody's time is up. If there is no place for one more,
 * connections wait in the backlog. */
static void
listener_acceptor_admit(struct listener_acceptor *a)
{
	int64_t opens = preauth_opens(&a->preauth, loop_now(a->hub->loop));
	int64_t due = preauth_deadline(&a->preauth);

	if (a->acceptor.held != (opens != INT64_MIN))
		acceptor_hold(&a->acceptor, opens != INT64_MIN);
	if (opens != INT64_MIN && opens < due)
		due = opens;
	if (due == INT64_MAX)
		loop_untimer(a->hub->loop, &a->late);
	else
		loop_timer(a->hub->loop, &a->late, due);
}

static void
listener_acceptor_on_late(void *arg)
{
	struct listener_acceptor *a = arg;
	struct session *s;
	uint32_t tag;

	while ((tag = preauth_late(&a->preauth, loop_now(a->hub->loop))) != 0) {
		errno = ETIMEDOUT;
		if ((s = session_find(a, tag)) != NULL)
			session_refuse(s, "no handshake in time");
	}
	listener_acceptor_admit(a);
}

/* An authenticated peer gets a channel, unless it only asks (lambda-ctl). */
static void
session_look(void *arg)
{
	struct session *s = arg;
	struct loop *loop = s->all->hub->loop;
	int r = listener_door_look(s->door, s->watch.fd, loop_now(loop));

	if (s->door->link.phase == LINK_FIRST) {
		preauth_good(&s->all->preauth, s->tag);
		listener_acceptor_admit(s->all);
	}
	if (r == 1 && s->door->link.role == ROLE_CTL)
		session_hand_over(s);
	else if (r == 1)
		session_start(s);
	else if (r == -1)
		session_refuse(s, s->door->why);
	else if (!s->door->partial)
		loop_watch(loop, &s->watch);
	else {
		loop_unwatch(loop, &s->watch);
		loop_timer(loop, &s->again, loop_now(loop) + PEEK_MS);
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

/* Too many have not authenticated, so this one goes. */
static void
listener_acceptor_turn_away(struct listener_acceptor *a, uint32_t tag)
{
	struct session *s = tag == 0 ? NULL : session_find(a, tag);

	errno = EBUSY;
	if (s != NULL)
		session_refuse(s, "too many have not authenticated");
}

static void
listener_acceptor_on_accepted(void *arg, int fd, const struct addr *from)
{
	struct listener_acceptor *a = arg;
	struct session *s = calloc(1, sizeof(*s));
	struct listener_door *door = malloc(sizeof(*door));
	int64_t now = loop_now(a->hub->loop);
	uint32_t tag, victim;

	if (s == NULL || door == NULL) {
		free(s);
		free(door);
		close(fd);
		return;
	}
	s->all = a;
	s->tag = tag = listener_acceptor_next_tag(a);
	s->door = door;
	listener_door_open(door, &a->hub->self, now);
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
	victim = preauth_enter(&a->preauth, now, tag, s->host);
	listener_acceptor_turn_away(a, victim);
	listener_acceptor_admit(a);
	if (victim != tag) /* or else it is gone */
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
	a->acceptor.arg = a->late.arg = a;
	a->groups = -1;
	preauth_bound(&a->preauth, net_descriptors());
	hub->self.memory = calloc(1, sizeof(*hub->self.memory));
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
	int runs = program_file_runs(file);
	char *extra[] = { a->control, runs ? program_file_text(file) : NULL,
		NULL };
	char **env = program_environ(PROGRAM_WORKER, extra);

	if (env == NULL || (extra[1] == NULL && runs))
		die_errno(EXIT_TEMPORARY, "unable to go on");
	free((void *)(uintptr_t)a->start.env);
	free(a->program);
	a->start.env = env;
	a->program = extra[1];
	a->start.keep[3] = runs ? file->fd : -1;
}

void
listener_acceptor_end_rest(struct listener_acceptor *a)
{
	struct session *s = NULL;

	while ((s = session_next(a, s)) != NULL)
		if (s->channel != 0 && s->child.pid == 0)
			session_signal(s, SIGTERM);
}

void
listener_acceptor_kill(struct listener_acceptor *a)
{
	struct session *s = NULL;

	while ((s = session_next(a, s)) != NULL)
		session_signal(s, SIGKILL);
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
	while ((s = session_next(a, NULL)) != NULL)
		session_forget(s);
	if (a->groups != -1)
		close(a->groups);
	loop_untimer(a->hub->loop, &a->late);
	preauth_free(&a->preauth);
	free((void *)(uintptr_t)a->start.env);
	free(a->program);
	free(a);
}
