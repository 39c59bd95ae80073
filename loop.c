#include <sys/wait.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "array.h"
#include "log.h"
#include "loop.h"

#define NS_A_MS	     INT64_C(1000000)
#define WATCHED_MIN  64		    /* with no more than these all are hot */
#define SILENT_MS    200	    /* cold after this long without an event */
#define BUSY_NS	     (10 * NS_A_MS) /* busy for this long after an event */
#define LOOK_MIN     256	    /* descriptors a look, */
#define LOOK_PARTS   16		    /* or this many looks a round */
#define LOOK_SHARE   20		    /* looks take one part of the time in 20 */
#define ROUND_NS     (50 * NS_A_MS) /* a round is over in about this, */
#define COLD_NS	     5000	    /* or this for each that is cold */
#define SIGNO_MAX    64
#define CHILDREN_MAX 0x400000 /* awaited: as many as Linux can have */

/*
 * All pollfds are in one array of three zones:
 *
 *	0 .. hot	hot: polled every turn
 *	hot .. seen	cold, looked at already in this round
 *	seen .. len	cold, not looked at yet in this round
 *
 * so the hot ones, a part of the cold ones, or all of them can be polled with
 * nothing built anew, and to go from one zone to another is a swap or two. A
 * round looks at every cold descriptor once, a part at a time: a look at ten
 * thousand in one go would hold up the hot ones for milliseconds.
 */
struct loop {
	struct pollfd *fds;
	struct watch **watches; /* of the pollfd at the same index */
	size_t hot, seen, len, cap;
	size_t ageing;	/* the hot one to be checked for silence next */
	int64_t now;	/* ns */
	int64_t event;	/* when poll() last found something, ns */
	int64_t look;	/* when to look at cold ones next, ns */
	struct agenda agenda;
	struct watch wake;	/* the signals' pipe */
	int stopped;
};

/* A process has its signals and children once, so these are not the loop's. */
static struct {
	signal_fn *fn;
	void *arg;
	int changed; /* no longer the default action */
} actions[SIGNO_MAX + 1];

static struct awaited {
	pid_t pid;
	child_fn *fn;
	void *arg;
} *children;

static size_t nchildren, children_cap;

/* All that the handler touches; a byte in the pipe ends poll(). */
static volatile sig_atomic_t raised[SIGNO_MAX + 1], any_raised;
static int pipe_fds[2] = { -1, -1 };

static void
loop_tick(struct loop *l)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	l->now = (int64_t)ts.tv_sec * 1000 * NS_A_MS + ts.tv_nsec;
}

int64_t
loop_now(const struct loop *l)
{
	return l->now / NS_A_MS;
}

const int64_t *
loop_clock(const struct loop *l)
{
	return &l->now;
}

/* Timers, and work put off. */

int
loop_timer(struct loop *l, struct timer *t, int64_t due)
{
	return agenda_timer(&l->agenda, t, due);
}

void
loop_untimer(struct loop *l, struct timer *t)
{
	agenda_untimer(&l->agenda, t);
}

void
loop_later(struct loop *l, struct later *w)
{
	agenda_later(&l->agenda, w);
}

void
loop_unlater(struct loop *l, struct later *w)
{
	(void)l;
	agenda_unlater(w);
}

/* How long poll() may wait for the sake of signals, timers and work put off:
 * rounded up, as now is rounded down; -1 without a limit. The clock is read
 * again: what ran since the turn began may have taken long. */
static int
loop_wait_ms(struct loop *l)
{
	int64_t due = agenda_deadline(&l->agenda), now;

	loop_tick(l);
	now = loop_now(l);
	if (l->stopped || any_raised || agenda_has_laters(&l->agenda) ||
	    due <= now)
		return 0;
	if (due == INT64_MAX)
		return -1;
	return due - now > INT_MAX ? INT_MAX : (int)(due - now);
}

/* Descriptors. */

static void
loop_swap(struct loop *l, size_t i, size_t j)
{
	struct pollfd fd = l->fds[i];
	struct watch *w = l->watches[i];

	l->fds[i] = l->fds[j];
	l->watches[i] = l->watches[j];
	l->watches[i]->slot = i + 1;
	l->fds[j] = fd;
	l->watches[j] = w;
	w->slot = j + 1;
}

/* Move a cold one up among the hot. */
static void
loop_warm(struct loop *l, size_t i)
{
	l->watches[i]->heard = loop_now(l);
	if (i >= l->seen) {
		loop_swap(l, i, l->seen);
		i = l->seen++;
	}
	if (i >= l->hot)
		loop_swap(l, i, l->hot++);
}

/* Move some silent descriptors to the cold set. A few are checked each turn, in
 * proportion to what polling them costs anyway. */
static void
loop_cool(struct loop *l)
{
	int64_t since = loop_now(l) - SILENT_MS;
	size_t n;

	if (l->len <= WATCHED_MIN)
		return;
	for (n = 4 + l->hot / 16; n > 0 && l->hot > 0; n--) {
		if (l->ageing >= l->hot)
			l->ageing = 0;
		if (l->watches[l->ageing]->heard > since)
			l->ageing++;
		else
			loop_swap(l, l->ageing, --l->hot);
	}
}

static int
loop_grow(struct loop *l)
{
	size_t cap = l->cap == 0 ? WATCHED_MIN : l->cap * 2;
	struct pollfd *fds;
	struct watch **watches;

	if ((fds = realloc(l->fds, cap * sizeof(*fds))) == NULL)
		return -1;
	l->fds = fds;
	watches = realloc(l->watches, cap * sizeof(struct watch *));
	if (watches == NULL)
		return -1;
	l->watches = watches;
	l->cap = cap;
	return 0;
}

int
loop_watch(struct loop *l, struct watch *w)
{
	struct pollfd *p;

	assert(w->fd >= 0);
	if (w->slot == 0) {
		if (l->len == l->cap && loop_grow(l) == -1)
			return -1;
		l->fds[l->len].revents = 0;
		l->watches[l->len] = w;
		w->slot = ++l->len;
		loop_warm(l, l->len - 1);
	} else if (w->slot > l->hot && w->events != 0) {
		loop_warm(l, w->slot - 1);
	}
	/* poll() reports hangups unasked, and skips fd -1. */
	p = &l->fds[w->slot - 1];
	p->fd = w->events == 0 ? -1 : w->fd;
	p->events = w->events;
	return 0;
}

void
loop_unwatch(struct loop *l, struct watch *w)
{
	size_t i = w->slot;

	if (i-- == 0)
		return;
	assert(i < l->len && l->watches[i] == w);
	if (i < l->hot) {
		loop_swap(l, i, --l->hot);
		i = l->hot;
	}
	if (i < l->seen) {
		loop_swap(l, i, --l->seen);
		i = l->seen;
	}
	loop_swap(l, i, --l->len);
	w->slot = 0;
}

size_t
loop_watched(const struct loop *l)
{
	return l->len;
}

size_t
loop_hot(const struct loop *l)
{
	return l->hot;
}

int
loop_idle(struct loop *l)
{
	loop_tick(l);
	return poll(l->fds, (nfds_t)l->len, 0) == 0 && !any_raised &&
	    !agenda_has_laters(&l->agenda) &&
	    agenda_deadline(&l->agenda) > loop_now(l);
}

/* Poll the descriptors at from to end; cold ones with an event become hot. */
static int
loop_poll(struct loop *l, size_t from, size_t end, int timeout_ms)
{
	size_t i = from < l->hot ? l->hot : from;
	int n = poll(l->fds + from, (nfds_t)(end - from), timeout_ms);

	if (n == -1) {
		assert(errno == EINTR || errno == EAGAIN || errno == ENOMEM);
		return 0;
	}
	/* What loop_warm() swaps into i is from below: scanned or not wanted */
	for (; n > 0 && i < end; i++)
		if (l->fds[i].revents != 0)
			loop_warm(l, i);
	return n;
}

/*
 * Look at the next part of the cold ones, without waiting. The next look is
 * put off by a multiple of what this one took, but not so far that a round
 * would take too long. Of very many each look takes more, as the hot ones are
 * polled after each; and a round takes longer, or it would take a good part of
 * the processor while nothing happens but that each gives a sign of life.
 */
static int
loop_look(struct loop *l)
{
	int64_t begun, gap, most, cold = (int64_t)(l->len - l->hot);
	size_t end, part = (l->len - l->hot) / LOOK_PARTS;
	int n;

	if (part < LOOK_MIN)
		part = LOOK_MIN;
	if (l->seen >= l->len)
		l->seen = l->hot;
	end = l->len - l->seen > part ? l->seen + part : l->len;
	most = cold * COLD_NS > ROUND_NS ? cold * COLD_NS : ROUND_NS;
	most = most * (int64_t)(end - l->seen) / cold;
	loop_tick(l);
	begun = l->now;
	n = loop_poll(l, l->seen, end, 0);
	l->seen = end;
	loop_tick(l);
	gap = (l->now - begun) * LOOK_SHARE;
	l->look = l->now + (gap < most ? gap : most);
	return n;
}

/* The lesser of a timeout (-1: none) and a time that is left. */
static int
loop_least_ms(int ms, int64_t ns)
{
	int64_t up = (ns + NS_A_MS - 1) / NS_A_MS;

	if (up < 0)
		up = 0;
	return ms == -1 || up < ms ? (int)up : ms;
}

/* poll(). Returns how many it found, and l->now is when it was done. */
static int
loop_wait(struct loop *l)
{
	int n, ms = loop_wait_ms(l);

	if (l->hot == l->len || l->now - l->event >= BUSY_NS) {
		n = loop_poll(l, 0, l->len, ms);
		l->seen = l->hot;
	} else {
		if (l->now >= l->look && loop_look(l) > 0)
			ms = 0;
		ms = loop_least_ms(ms, l->look - l->now);
		ms = loop_least_ms(ms, l->event + BUSY_NS - l->now);
		n = loop_poll(l, 0, l->hot, ms);
	}
	loop_tick(l);
	if (n > 0)
		l->event = l->now;
	return n;
}

/*
 * Call back for those of mask that poll() found. Backwards, so that whatever
 * the callbacks do is safe: what loop_unwatch() swaps into a lower place has
 * been called already (its revents are spent) or is yet to be reached, and what
 * loop_watch() adds has none.
 */
static void
loop_dispatch(struct loop *l, int mask)
{
	struct pollfd *p;
	struct watch *w;
	size_t i;
	int found;

	for (i = l->hot; i-- > 0;) {
		if (i >= l->hot)
			continue;
		p = &l->fds[i];
		if ((found = p->revents & mask) == 0)
			continue;
		p->revents = (short)(p->revents & ~mask);
		w = l->watches[i];
		w->heard = loop_now(l);
		found &= w->events | POLLERR | POLLHUP | POLLNVAL;
		if (found != 0 && w->events != 0)
			w->fn(w->arg, (short)found);
	}
}

/* Signals and children. */

static void
loop_on_signal(int signo)
{
	int saved = errno;
	ssize_t n;

	raised[signo] = 1;
	any_raised = 1;
	n = write(pipe_fds[1], "", 1); /* a full pipe ends poll() as well */
	(void)n;
	errno = saved;
}

/* A mask that we inherited must not keep the signal away. */
static void
loop_set_action(int signo, void (*handler)(int))
{
	struct sigaction sa;
	sigset_t set;

	sa.sa_handler = handler;
	sa.sa_flags = SA_RESTART | (signo == SIGCHLD ? SA_NOCLDSTOP : 0);
	sigemptyset(&sa.sa_mask);
	if (sigaction(signo, &sa, NULL) == -1)
		die_errno(EXIT_TEMPORARY, "unable to handle signal %d", signo);
	actions[signo].changed = handler != SIG_DFL;
	sigemptyset(&set);
	sigaddset(&set, signo);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void
loop_signal(struct loop *l, int signo, signal_fn *fn, void *arg)
{
	(void)l;
	assert(signo > 0 && signo <= SIGNO_MAX && signo != SIGCHLD);
	actions[signo].fn = fn;
	actions[signo].arg = arg;
	loop_set_action(signo, fn == NULL ? SIG_DFL : loop_on_signal);
}

void
loop_signals(struct loop *l, signal_fn *term, signal_fn *hup, void *arg)
{
	loop_signal(l, SIGTERM, term, arg);
	loop_signal(l, SIGINT, term, arg);
	loop_signal(l, SIGHUP, hup, arg);
}

int
loop_child(struct loop *l, pid_t pid, child_fn *fn, void *arg)
{
	struct awaited *c = array_grow(children, &children_cap, nchildren + 1,
	    CHILDREN_MAX, sizeof(*c));

	(void)l;
	if (c == NULL)
		return -1;
	children = c;
	c += nchildren++;
	c->pid = pid;
	c->fn = fn;
	c->arg = arg;
	/* It may have ended before anything here handled SIGCHLD. */
	raised[SIGCHLD] = 1;
	any_raised = 1;
	return 0;
}

static void
loop_reap(void)
{
	struct awaited c;
	size_t i;
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (i = 0; i < nchildren; i++)
			if (children[i].pid == pid)
				break;
		if (i == nchildren)
			continue;
		c = children[i];
		children[i] = children[--nchildren];
		c.fn(c.arg, pid, status);
	}
}

/* Call back for the signals that came and the children that ended. */
static void
loop_signals_run(void)
{
	int signo;

	if (!any_raised)
		return;
	any_raised = 0;
	for (signo = 1; signo <= SIGNO_MAX; signo++) {
		if (!raised[signo])
			continue;
		raised[signo] = 0;
		if (signo == SIGCHLD)
			loop_reap();
		else if (actions[signo].fn != NULL)
			actions[signo].fn(actions[signo].arg, signo);
	}
}

void
loop_forked(void)
{
	sigset_t none;
	int signo;

	for (signo = 1; signo <= SIGNO_MAX; signo++)
		if (actions[signo].changed)
			signal(signo, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void
loop_signals_open(void)
{
	int i;

	assert(pipe_fds[0] == -1);
	if (pipe(pipe_fds) == -1)
		die_errno(EXIT_TEMPORARY, "unable to open a pipe");
	for (i = 0; i < 2; i++)
		if (fcntl(pipe_fds[i], F_SETFL, O_NONBLOCK) == -1 ||
		    fcntl(pipe_fds[i], F_SETFD, FD_CLOEXEC) == -1)
			die_errno(EXIT_TEMPORARY, "unable to set up a pipe");
	loop_set_action(SIGPIPE, SIG_IGN);
#ifdef SIGXFSZ /* a log that may not grow is written in vain */
	loop_set_action(SIGXFSZ, SIG_IGN);
#endif
	loop_set_action(SIGCHLD, loop_on_signal);
}

/* The program is about to end: ignore the signals that were handled, since none
 * may change the exit status. The handlers go before the pipe that they write
 * to. */
static void
loop_signals_close(void)
{
	int signo;

	for (signo = 1; signo <= SIGNO_MAX; signo++) {
		if (actions[signo].changed)
			loop_set_action(signo, signo == SIGCHLD ? SIG_DFL :
			    SIG_IGN);
		actions[signo].fn = NULL;
		raised[signo] = 0;
	}
	any_raised = 0;
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	pipe_fds[0] = pipe_fds[1] = -1;
	free(children);
	children = NULL;
	nchildren = children_cap = 0;
}

/* Signals are seen without it: the pipe only ends poll(). */
static void
loop_on_wake(void *arg, short revents)
{
	char buf[64];

	(void)arg;
	(void)revents;
	while (read(pipe_fds[0], buf, sizeof(buf)) == sizeof(buf))
		;
}

/* Turns. */

struct loop *
loop_new(void)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (l == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	agenda_init(&l->agenda);
	loop_tick(l);
	loop_signals_open();
	l->wake.fd = pipe_fds[0];
	l->wake.events = POLLIN;
	l->wake.fn = loop_on_wake;
	if (loop_watch(l, &l->wake) == -1)
		die_errno(EXIT_TEMPORARY, "unable to start");
	return l;
}

void
loop_free(struct loop *l)
{
	loop_signals_close();
	agenda_free(&l->agenda);
	free(l->fds);
	free(l->watches);
	free(l);
}

void
loop_run(struct loop *l)
{
	int n;

	while (!l->stopped) {
		loop_tick(l);
		agenda_run_timers(&l->agenda, loop_now(l));
		agenda_run_laters(&l->agenda);
		n = loop_wait(l);
		loop_signals_run();
		if (n > 0) {
			loop_dispatch(l, POLLOUT);
			loop_dispatch(l, ~POLLOUT);
		}
		loop_cool(l);
		agenda_run_laters(&l->agenda);
	}
	l->stopped = 0;
}

void
loop_stop(struct loop *l)
{
	l->stopped = 1;
}
