#include <sys/resource.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "acceptor.h"
#include "net.h"
#include "t/still.h"
#include "t/check.h"

#define MANY (2 * ACCEPT_A_TURN + 10)

static struct acceptor a;
static struct addr bound;
static int came[MANY], ncame;
static int ends; /* the owner closes it in its callback */
static int most; /* with so many it has enough, where that is not 0 */

static void
on_accepted(void *arg, int fd, const struct addr *from)
{
	assert_ptr_equal(arg, &a);
	assert_true(addr_is_loopback(from));
	assert_true(ncame < MANY);
	came[ncame++] = fd;
	if (ends)
		acceptor_close(&a);
	if (ncame == most)
		acceptor_hold(&a, 1);
}

static int
setup(void **state)
{
	struct addr any;
	int fd;

	assert_int_equal(addr_parse(&any, "127.0.0.1:0", 11, 0, NULL), 0);
	if (turns_setup(state) == -1 || (fd = net_listen(&any, &bound)) == -1)
		return -1;
	ncame = ends = most = 0;
	a.fn = on_accepted;
	a.arg = &a;
	return acceptor_open(&a, loop, fd);
}

static int
teardown(void **state)
{
	while (ncame > 0)
		close(came[--ncame]);
	acceptor_close(&a);
	acceptor_close(&a);
	return turns_teardown(state);
}

static int fds[MANY];

static void
call(int n)
{
	int i;

	for (i = 0; i < n; i++)
		assert_true((fds[i] = net_connect(&bound)) != -1);
}

static void
hang_up(int n)
{
	while (n > 0)
		close(fds[--n]);
}

/* As many as there are, some a turn. */
UNIT(test_many)
{
	call(MANY);
	UNTIL(ncame == MANY);
	hang_up(MANY);
}

/* Who comes meanwhile waits. */
UNIT(test_held)
{
	most = 2;
	call(5);
	UNTIL(ncame == 2);
	assert_idle();
	assert_int_equal(ncame, 2);
	most = 0;
	acceptor_hold(&a, 0);
	UNTIL(ncame == 5);
	hang_up(5);
}

UNIT(test_closed_in_it)
{
	ends = 1;
	call(3);
	UNTIL(ncame == 1);
	assert_idle();
	assert_int_equal(ncame, 1);
	hang_up(3);
}

static int
is_paused(void)
{
	return a.again.slot != 0;
}

/*
 * No descriptors left: it waits without spinning, the log says so once however
 * often one is found and lost again, and then it goes on.
 */
UNIT(test_no_descriptors)
{
	struct rlimit old, none;
	int log[2], saved, i;
	char text[4096];
	ssize_t n;

	/* valgrind keeps the limit itself: it accepts, and closes what is over
	 * it. */
	if (getenv("CHECK_UNDER") != NULL)
		skip();
	assert_int_equal(pipe(log), 0);
	call(5);
	assert_true((saved = dup(STDERR_FILENO)) != -1);
	assert_int_equal(dup2(log[1], STDERR_FILENO), STDERR_FILENO);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = (rlim_t)saved + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (i = 0; i < 3; i++) {
		UNTIL(is_paused());
		assert_idle();
		assert_int_equal(ncame, i);
		none.rlim_cur++;
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
		still_pass(ACCEPT_PAUSE_MS - 1);
		assert_int_equal(ncame, i);
		still_ms++;
		UNTIL(ncame == i + 1);
	}
	UNTIL(is_paused());
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	still_ms += ACCEPT_PAUSE_MS;
	UNTIL(ncame == 5);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(log[1]);
	n = read(log[0], text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, "unable to accept: "));
	assert_ptr_equal(strchr(text, '\n'), text + n - 1);
	close(log[0]);
	hang_up(5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

UNITS(TEST(test_many), TEST(test_held), TEST(test_closed_in_it),
    TEST(test_no_descriptors))
