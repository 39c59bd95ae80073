#include <sys/socket.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "die.h"
#include "log.h"
#include "net.h"
#include "channel_groups.h"
#include "channel_tether.h"

static int
make_cloexec(int fd[2])
{
	if (fcntl(fd[0], F_SETFD, FD_CLOEXEC) == 0 &&
	    fcntl(fd[1], F_SETFD, FD_CLOEXEC) == 0)
		return 0;
	close(fd[0]);
	close(fd[1]);
	return -1;
}

static int
open_live(int live[2])
{
	if (pipe(live) == -1 || make_cloexec(live) == -1)
		return -1;
	if (fcntl(live[0], F_SETFL, O_NONBLOCK) == 0)
		return 0;
	close(live[0]);
	close(live[1]);
	return -1;
}

/* A channel can do without, as long as nobody kills it. */
static int
open_roll(void)
{
	static int said;
	int fd = roll_open();

	if (fd == -1 && !said) {
		log_error("unable to make a file in the directory for "
		    "temporary ones: %s; what a killed channel leaves may run "
		    "on", strerror(errno));
		said = 1;
	}
	return fd;
}

int
tether_open(struct tether *t)
{
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, t->control) == -1 ||
	    make_cloexec(t->control) == -1)
		return -1;
	if (open_live(t->live) == -1) {
		close(t->control[0]);
		close(t->control[1]);
		return -1;
	}
	t->roll = open_roll();
	return 0;
}

void
tether_passed(struct tether *t)
{
	close(t->control[1]);
	close(t->live[1]);
}

void
tether_cut(struct tether *t)
{
	close(t->control[0]);
	close(t->live[0]);
	if (t->roll != -1)
		close(t->roll);
}

void
tether_text(const struct tether *t, char text[TETHER_TEXT_MAX])
{
	int n = snprintf(text, TETHER_TEXT_MAX, "LAMBDA_CONTROL=%d",
	    t->control[1]);

	if (t->roll != -1)
		snprintf(text + n, TETHER_TEXT_MAX - (size_t)n, ",%d",
		    t->roll);
}

/* A descriptor's number: what is behind it, or NULL where it is none. */
static const char *
number(const char *text, int *fd)
{
	char *end;
	long n;

	if (!isdigit((unsigned char)*text))
		return NULL;
	errno = 0;
	n = strtol(text, &end, 10);
	if (errno != 0 || n < 3 || n > 65535)
		return NULL;
	*fd = (int)n;
	return end;
}

void
tether_take(int *control, int *roll)
{
	const char *value = getenv("LAMBDA_CONTROL"), *rest;

	*control = *roll = -1;
	if (value == NULL)
		return;
	rest = number(value, control);
	if (rest != NULL && *rest == ',')
		rest = number(rest + 1, roll);
	if (rest == NULL || *rest != '\0')
		die(EXIT_USAGE, "LAMBDA_CONTROL=%s: it is lambda-listener's "
		    "to set: leave it unset", value);
	if (net_adopt(*control) == -1 || (*roll != -1 &&
	    fcntl(*roll, F_SETFD, FD_CLOEXEC) == -1))
		die_errno(EXIT_USAGE, "LAMBDA_CONTROL=%s", value);
	unsetenv("LAMBDA_CONTROL");
}
