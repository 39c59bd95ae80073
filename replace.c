#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "replace.h"

#define READABLE (S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH)

static int
write_all(int fd, struct slice s)
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

int
replace_file(const char *path, struct slice bytes)
{
	char temp[REPLACE_PATH_MAX];
	int fd, n, error;

	n = snprintf(temp, sizeof(temp), "%s.new", path);
	if (n < 0 || (size_t)n >= sizeof(temp)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	/* Left by one that was killed; never followed where it is a link. */
	unlink(temp);
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL, READABLE);
	if (fd == -1)
		return -1;
	error = write_all(fd, bytes) == -1 ? errno : 0;
	if (close(fd) == -1 && error == 0)
		error = errno;
	if (error == 0 && rename(temp, path) == 0)
		return 0;
	if (error == 0)
		error = errno;
	unlink(temp);
	errno = error;
	return -1;
}
