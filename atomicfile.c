#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "fail.h"
#include "atomicfile.h"

#define READABLE (S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH)

static int
atomicfile_write_all(int fd, struct slice s)
{
	ssize_t n;

	while (s.len > 0) {
		n = write(fd, s.p, s.len);
		if (n == -1 && errno != EINTR)
			return -1;
		if (n > 0)
			s = slice_of(s.p + n, s.len - (size_t)n);
	}
	return 0;
}

void
atomicfile_init(struct atomicfile *r, const char *path)
{
	size_t i;

	r->path = path;
	r->next = 0;
	for (i = 0; i < ATOMICFILE_KEPT; i++)
		r->kept[i] = -1;
}

static void
atomicfile_keep(struct atomicfile *r, int fd)
{
	if (r->kept[r->next] != -1)
		close(r->kept[r->next]);
	r->kept[r->next] = fd;
	r->next = (r->next + 1) % ATOMICFILE_KEPT;
}

void
atomicfile_free(struct atomicfile *r)
{
	size_t i;

	for (i = 0; i < ATOMICFILE_KEPT; i++)
		atomicfile_keep(r, -1);
}

int
atomicfile_file(struct atomicfile *r, struct slice bytes)
{
	char temp[ATOMICFILE_PATH_MAX];
	struct stat st;
	int fd, held, n, error;

	if (lstat(r->path, &st) == 0 && !S_ISREG(st.st_mode) &&
	    !S_ISLNK(st.st_mode))
		return fail(EEXIST);
	n = snprintf(temp, sizeof(temp), "%s.new", r->path);
	if (n < 0 || (size_t)n >= sizeof(temp))
		return fail(ENAMETOOLONG);
	/* Left by one that was killed; never followed where it is a link. */
	unlink(temp);
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL, READABLE);
	if (fd == -1)
		return -1;
	error = atomicfile_write_all(fd, bytes) == -1 ? errno : 0;
	held = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (close(fd) == -1 && error == 0)
		error = errno;
	if (error == 0 && rename(temp, r->path) == 0) {
		atomicfile_keep(r, held);
		return 0;
	}
	if (error == 0)
		error = errno;
	if (held != -1)
		close(held);
	unlink(temp);
	return fail(error);
}
