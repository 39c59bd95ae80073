#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "channel_tether.h"
#include "t/check.h"

#define MANY 40

static struct groups groups;

static int
begin(void **state)
{
	int fd = groups_open();

	(void)state;
	assert_true(fd > 2);
	assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
	groups_init(&groups, fd);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	groups_free(&groups);
	return 0;
}

/* A process that waits for a signal, in a group of its own, or that of
 * another one. */
static pid_t
sleeper(pid_t group)
{
	pid_t pid = fork();

	if (pid == 0) {
		setpgid(0, group);
		for (;;)
			pause();
	}
	assert_true(pid > 0);
	setpgid(pid, group);
	return pid;
}

static int
ended_by(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	return WTERMSIG(status);
}

static size_t
enter(pid_t pid)
{
	ssize_t place = groups_enter(&groups, pid);

	assert_true(place >= 0);
	return (size_t)place;
}

UNIT(test_signal)
{
	pid_t a = sleeper(0), b = sleeper(0);

	assert_int_equal(groups_any(&groups), 0);
	assert_int_equal(enter(a), 0);
	assert_int_equal(enter(b), 1);
	assert_int_equal(groups_any(&groups), 1);
	groups_signal(&groups, SIGUSR1);
	assert_int_equal(ended_by(a), SIGUSR1);
	assert_int_equal(ended_by(b), SIGUSR1);
	assert_int_equal(groups_any(&groups), 0);
	groups_ended(&groups, 0);
	groups_ended(&groups, 1);
	assert_int_equal(groups.free, 0);
}

/* A group whose first process has ended stays while there is another one. */
UNIT(test_left)
{
	pid_t first = sleeper(0), second = sleeper(first);
	size_t place = enter(first);

	kill(first, SIGTERM);
	ended_by(first);
	groups_ended(&groups, place);
	assert_int_equal(groups_any(&groups), 1);
	groups_signal(&groups, SIGKILL);
	assert_int_equal(ended_by(second), SIGKILL);
	assert_int_equal(groups_any(&groups), 0);
}

/* Places are used again, of those that were left too, before there are more. */
UNIT(test_places)
{
	pid_t pid[MANY], late;
	size_t i, cap;

	for (i = 0; i < MANY; i++)
		assert_int_equal(enter(pid[i] = sleeper(0)), i);
	for (i = 0; i < MANY; i++) {
		kill(pid[i], SIGKILL);
		ended_by(pid[i]);
		if (i % 2 == 0)
			groups_ended(&groups, i);
	}
	late = sleeper(0);
	assert_int_equal(enter(late), 0);
	assert_int_equal(enter(late), 2);
	cap = groups.cap;
	while (groups.n < cap)
		enter(late);
	for (i = 0; i < MANY / 2; i++)
		enter(late);
	assert_int_equal(groups.cap, cap);
	kill(late, SIGKILL);
	ended_by(late);
}

/* From the file, and those of that session alone. */
UNIT(test_file)
{
	pid_t ours = sleeper(0), gone = sleeper(0), left = sleeper(gone);
	size_t place;

	enter(ours);
	place = enter(gone);
	kill(gone, SIGTERM);
	ended_by(gone);
	groups_ended(&groups, place);
	enter(1); /* nobody's, and not all processes */
	groups_signal_file(groups.fd, ours, SIGUSR1);
	assert_int_equal(waitpid(ours, NULL, WNOHANG), 0);
	assert_int_equal(ended_by(left), SIGUSR1);
	groups_signal_file(groups.fd, getsid(0), SIGUSR2);
	assert_int_equal(ended_by(ours), SIGUSR2);
	groups_signal_file(-1, getsid(0), SIGKILL);
}

/* What the channel before has noted is not read; a large file is not kept. */
UNIT(test_clear)
{
	pid_t before = sleeper(0);
	int i;

	enter(before);
	assert_int_equal(groups_clear(groups.fd), 0);
	groups_signal_file(groups.fd, getsid(0), SIGUSR1);
	assert_int_equal(waitpid(before, NULL, WNOHANG), 0);
	enter(before);
	groups_signal_file(groups.fd, getsid(0), SIGUSR2);
	assert_int_equal(ended_by(before), SIGUSR2);
	for (i = 0; i < 1000; i++)
		assert_int_equal(pwrite(groups.fd, &before, sizeof(before),
		    (off_t)i * (off_t)sizeof(before)), sizeof(before));
	assert_int_equal(groups_clear(groups.fd), -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

UNITS(TEST(test_signal), TEST(test_left), TEST(test_places), TEST(test_file),
    TEST(test_clear))
