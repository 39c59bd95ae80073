#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "die.h"
#include "program_file.h"

#define VARIABLE "LAMBDA_PROGRAM"

static int
stamp(struct program_file *h)
{
	struct stat st;

	if (fstat(h->fd, &st) == -1)
		return -1;
	h->dev = st.st_dev;
	h->ino = st.st_ino;
	return 0;
}

static void
let_go(struct program_file *h)
{
	if (h->fd != -1)
		close(h->fd);
	h->fd = -1;
}

int
program_file_open(struct program_file *h, const char *program)
{
	memset(h, 0, sizeof(*h));
	h->fd = -1;
	if ((h->path = program_find(program)) == NULL)
		return -1;
	h->fd = open(h->path, O_RDONLY | O_CLOEXEC);
	if (h->fd != -1 && stamp(h) == -1)
		let_go(h);
	return 0;
}

void
program_file_close(struct program_file *h)
{
	let_go(h);
	free(h->path);
	h->path = NULL;
}

int
program_file_equal(const struct program_file *a, const struct program_file *b)
{
	if (a->fd == -1 || b->fd == -1)
		return a->fd == b->fd && a->path != NULL && b->path != NULL &&
		    strcmp(a->path, b->path) == 0;
	return a->dev == b->dev && a->ino == b->ino;
}

char *
program_file_text(const struct program_file *h)
{
	char *text;
	size_t size;

	if (h->fd == -1)
		return NULL;
	size = sizeof(VARIABLE) + strlen(h->path) + 16;
	if ((text = malloc(size)) != NULL)
		snprintf(text, size, "%s=%d:%s", VARIABLE, h->fd, h->path);
	return text;
}

/* Can it be opened by its number, and is it the same file then? */
static int
can_run(const struct program_file *h)
{
	struct stat st;
	int fd = program_reopen(h->fd), same;

	if (fd == -1)
		return 0;
	same = fstat(fd, &st) == 0 && st.st_dev == h->dev &&
	    st.st_ino == h->ino;
	close(fd);
	return same;
}

void
program_file_take(struct program_file *h)
{
	const char *value = getenv("LAMBDA_PROGRAM");
	char *path;
	long fd;

	memset(h, 0, sizeof(*h));
	h->fd = -1;
	if (value == NULL)
		return;
	errno = 0;
	fd = strtol(value, &path, 10);
	if (errno != 0 || fd < 3 || fd > 65535 || *path != ':' ||
	    fcntl((int)fd, F_SETFD, FD_CLOEXEC) == -1)
		die(EXIT_USAGE, "LAMBDA_PROGRAM=%s: it is lambda-listener's to "
		    "set: leave it unset", value);
	h->fd = (int)fd;
	if ((h->path = strdup(path + 1)) == NULL)
		die_errno(EXIT_TEMPORARY, "unable to start");
	unsetenv("LAMBDA_PROGRAM");
	if (stamp(h) == -1 || !can_run(h))
		let_go(h);
}
