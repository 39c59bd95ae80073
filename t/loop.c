#include <sys/wait.h>

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rng.h"
#include "t/loop_turns.h"
#include "t/check.h"

static int64_t
clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Timers. */

struct alarm {
	struct timer timer;
	int64_t due;
	int calls;
};

static int64_t last_due;
static int left;

static void
on_alarm(void *arg)
{
	struct alarm *a = arg;

	a->calls++;
	assert_true(a->due >= last_due);
	assert_true(clock_ms() >= a->due);
	assert_true(loop_now(loop) >= a->due);
	last_due = a->due;
	if (--left == 0)
		loop_stop(loop);
}

static void
set(struct alarm *a, int64_t due)
{
	a->timer.fn = on_alarm;
	a->timer.arg = a;
	a->due = due;
	assert_int_equal(loop_timer(loop, &a->timer, due), 0);
}

/* Five hundred, some set again, some cleared: by due time, none too early. */
UNIT(test_timers)
{
	static struct alarm a[500];
	int64_t now = loop_now(loop);
	struct rng rng;
	int i, cleared = 0;

	rng_seed(&rng, 1);
	for (i = 0; i < 500; i++)
		set(&a[i], now + (int64_t)rng_below(&rng, 60));
	for (i = 0; i < 500; i += 3)
		set(&a[i], now + (int64_t)rng_below(&rng, 60));
	for (i = 1; i < 500; i += 7, cleared++)
		loop_untimer(loop, &a[i].timer);
	loop_untimer(loop, &a[1].timer);
	last_due = 0;
	left = 500 - cleared;
	loop_run(loop);
	for (i = 0; i < 500; i++) {
		assert_int_equal(a[i].calls, i % 7 == 1 ? 0 : 1);
		assert_int_equal(a[i].timer.slot, 0);
	}
}

static struct timer tick, other;

static void
on_tick(void *arg)
{
	(void)arg;
	note('t');
	assert_int_equal(loop_timer(loop, &tick, loop_now(loop)), 0);
}

static void
on_letter(void *arg)
{
	note(*(const char *)arg);
}

static void
on_stop_byte(void *arg, short revents)
{
	(void)arg;
	(void)revents;
	loop_stop(loop);
}

/* Run until a descriptor that can be read is seen to. */
static void
run_to_byte(void)
{
	struct watch w = { 0 };
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	assert_int_equal(write(fd[1], "x", 1), 1);
	w.fd = fd[0];
	w.events = POLLIN;
	w.fn = on_stop_byte;
	loop_watch(loop, &w);
	loop_run(loop);
	loop_unwatch(loop, &w);
	close(fd[0]);
	close(fd[1]);
}

/* A timer that sets itself for now leaves the others their turn. */
UNIT(test_timer_again)
{
	memset(&tick, 0, sizeof(tick));
	memset(&other, 0, sizeof(other));
	tick.fn = on_tick;
	other.fn = on_letter;
	other.arg = "o";
	loop_timer(loop, &tick, 0);
	loop_timer(loop, &other, loop_now(loop));
	run_to_byte();
	assert_non_null(strchr(trace, 'o'));
	assert_true(strlen(trace) < 10);
	loop_untimer(loop, &tick);
}

static void
on_clear_other(void *arg)
{
	(void)arg;
	note('a');
	loop_untimer(loop, &other);
}

/* One that is cleared by another does not come, though it was due too. */
UNIT(test_timer_cleared)
{
	memset(&tick, 0, sizeof(tick));
	memset(&other, 0, sizeof(other));
	tick.fn = on_clear_other;
	other.fn = on_letter;
	other.arg = "b";
	loop_timer(loop, &other, loop_now(loop));
	loop_timer(loop, &tick, loop_now(loop) - 1);
	turn();
	turn();
	assert_string_equal(trace, "a");
}

/* Work put off. */

static struct later la, lb, lc;

static void
on_a(void *arg)
{
	(void)arg;
	note('a');
	loop_later(loop, &lc);
	loop_unlater(loop, &lb);
}

static void
on_self(void *arg)
{
	(void)arg;
	note('s');
	if (strlen(trace) < 100)
		loop_later(loop, &la);
}

static void
letter(struct later *w, const char *text)
{
	memset(w, 0, sizeof(*w));
	w->fn = on_letter;
	w->arg = (void *)text;
}

UNIT(test_later)
{
	letter(&la, "a");
	letter(&lb, "b");
	letter(&lc, "c");
	loop_later(loop, &la);
	loop_later(loop, &lb);
	loop_later(loop, &la);
	loop_later(loop, &lc);
	loop_unlater(loop, &lb);
	loop_unlater(loop, &lb);
	turn();
	assert_string_equal(trace, "ac");
	turn();
	assert_string_equal(trace, "ac");
}

/* What is put off by what was put off belongs to the same turn; what is taken
 * back by it does not come. */
UNIT(test_later_in_later)
{
	letter(&lb, "b");
	letter(&lc, "c");
	memset(&la, 0, sizeof(la));
	la.fn = on_a;
	loop_later(loop, &la);
	loop_later(loop, &lb);
	turn();
	assert_string_equal(trace, "ac");
}

/* Work that puts itself off without end does not keep descriptors waiting. */
UNIT(test_later_endless)
{
	memset(&la, 0, sizeof(la));
	la.fn = on_self;
	loop_later(loop, &la);
	run_to_byte();
	assert_true(strlen(trace) < 100);
	loop_unlater(loop, &la);
}

static void
on_nothing(void *arg, short revents)
{
	(void)arg;
	(void)revents;
}

/* Work put off, a timer that is due and a byte to be read, each for itself. */
UNIT(test_busy)
{
	struct watch w = { 0 };
	struct timer t = { 0 };
	char byte;
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	w.fd = fd[0];
	w.events = POLLIN;
	w.fn = on_nothing;
	loop_watch(loop, &w);
	assert_true(loop_idle(loop));
	letter(&la, "a");
	loop_later(loop, &la);
	assert_false(loop_idle(loop));
	loop_unlater(loop, &la);
	assert_true(loop_idle(loop));
	loop_timer(loop, &t, loop_now(loop));
	assert_false(loop_idle(loop));
	loop_untimer(loop, &t);
	assert_int_equal(write(fd[1], "x", 1), 1);
	assert_false(loop_idle(loop));
	assert_false(loop_idle(loop));
	assert_int_equal(read(fd[0], &byte, 1), 1);
	assert_true(loop_idle(loop));
	loop_unwatch(loop, &w);
	close(fd[0]);
	close(fd[1]);
}

UNIT(test_stopped_before)
{
	loop_stop(loop);
	loop_run(loop);
	turn();
}

/* Signals and children. */

static void
on_sig(void *arg, int signo)
{
	note(*(const char *)arg);
	assert_int_equal(signo, SIGUSR1);
	loop_stop(loop);
}

UNIT(test_signal)
{
	struct sigaction sa;
	sigset_t set;

	/* Blocked by whoever started us. */
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	loop_signal(loop, SIGUSR1, on_sig, "1");
	raise(SIGUSR1);
	raise(SIGUSR1);
	assert_string_equal(trace, "");
	loop_run(loop);
	assert_string_equal(trace, "1");
	turn();
	assert_string_equal(trace, "1");
	loop_signal(loop, SIGUSR1, NULL, NULL);
	sigaction(SIGUSR1, NULL, &sa);
	assert_true(sa.sa_handler == SIG_DFL);
}

/* A signal ends a poll() that has nothing else to wait for. */
UNIT(test_signal_wakes)
{
	pid_t us = getpid(), pid;

	loop_signal(loop, SIGUSR1, on_sig, "1");
	if ((pid = fork()) == 0) {
		kill(us, SIGUSR1);
		_exit(0);
	}
	assert_int_not_equal(pid, -1);
	loop_run(loop);
	assert_string_equal(trace, "1");
}

static int ended;

static void
on_child(void *arg, pid_t pid, int status)
{
	assert_int_equal(pid, *(pid_t *)arg);
	note(WIFSIGNALED(status) ? 'K' : 'a' + WEXITSTATUS(status));
	if (++ended == 3)
		loop_stop(loop);
}

UNIT(test_children)
{
	pid_t pid[4];
	int i;

	ended = 0;
	for (i = 0; i < 4; i++) {
		pid[i] = fork();
		assert_int_not_equal(pid[i], -1);
		if (pid[i] == 0) {
			if (i == 2)
				raise(SIGKILL);
			_exit(i);
		}
		if (i < 3)
			loop_child(loop, pid[i], on_child, &pid[i]);
	}
	loop_run(loop);
	assert_non_null(strchr(trace, 'a'));
	assert_non_null(strchr(trace, 'b'));
	assert_non_null(strchr(trace, 'K'));
	/* The one that nobody asked about is waited for as well. */
	while (kill(pid[3], 0) == 0)
		turn();
	assert_int_equal(errno, ESRCH);
	assert_int_equal(ended, 3);
}

UNIT(test_forked)
{
	struct sigaction sa;
	sigset_t set;
	int status;
	pid_t pid;

	loop_signal(loop, SIGUSR1, on_sig, "1");
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if ((pid = fork()) == 0) {
		loop_forked();
		sigaction(SIGUSR1, NULL, &sa);
		if (sa.sa_handler != SIG_DFL)
			_exit(1);
		sigaction(SIGPIPE, NULL, &sa);
		if (sa.sa_handler != SIG_DFL)
			_exit(2);
		sigprocmask(SIG_SETMASK, NULL, &set);
		_exit(sigismember(&set, SIGTERM) ? 3 : 0);
	}
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* SIGPIPE is ignored: it is an errno. */
UNIT(test_sigpipe)
{
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	close(fd[0]);
	assert_int_equal(write(fd[1], "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	close(fd[1]);
}

/* What is handled does not end a program that ends by itself. */
UNIT(test_signal_late)
{
	int status;
	pid_t pid;

	loop_signal(loop, SIGUSR1, on_sig, "1");
	if ((pid = fork()) == 0) {
		loop_free(loop);
		raise(SIGUSR1);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

UNITS(TURNS_TEST(test_timers), TURNS_TEST(test_timer_again),
    TURNS_TEST(test_timer_cleared), TURNS_TEST(test_later),
    TURNS_TEST(test_later_in_later), TURNS_TEST(test_later_endless),
    TURNS_TEST(test_busy), TURNS_TEST(test_stopped_before),
    TURNS_TEST(test_signal), TURNS_TEST(test_signal_wakes),
    TURNS_TEST(test_children), TURNS_TEST(test_forked),
    TURNS_TEST(test_sigpipe), TURNS_TEST(test_signal_late))
