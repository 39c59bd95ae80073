#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "launch.h"
#include "offer.h"
#include "opt.h"
#include "sha256.h"

#define READ_SIZE 65536

/* The program file's: 0, or -1 with errno. */
static int
digest_file(const char *path, unsigned char digest[SHA256_SIZE])
{
	static unsigned char block[READ_SIZE];
	struct sha256 h;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return -1;
	sha256_init(&h);
	while ((n = read(fd, block, sizeof(block))) > 0)
		sha256_update(&h, block, (size_t)n);
	sha256_final(&h, digest);
	close(fd);
	return n == -1 ? -1 : 0;
}

/* Why the program cannot be published, and what to do. */
static void
say_missing(const char *program, char *why, size_t size)
{
	if (errno == EACCES)
		snprintf(why, size, "%s is not executable: chmod +x it, or "
		    "give another program", program);
	else if (strchr(program, '/') != NULL)
		snprintf(why, size, "unable to find %s: %s", program,
		    strerror(errno));
	else
		snprintf(why, size, "unable to find %s on PATH: give the path "
		    "of an executable file", program);
}

/* A program that may be executed but not read has no digest. */
int
offer_make(const struct offer *o, struct buf *attrs, char *why, size_t size)
{
	unsigned char digest[SHA256_SIZE];
	char text[NAME_BYTES_MAX + 2], *path = launch_find(o->program);
	const char *version, *wrong, *which;
	int readable;

	if (path == NULL) {
		say_missing(o->program, why, size);
		return -1;
	}
	readable = digest_file(path, digest) == 0;
	free(path);
	version = opt_version(o->version, text, sizeof(text));
	if (version == NULL && o->version != NULL) {
		snprintf(why, size, "unable to read the version from %s: %s",
		    o->version + 1, strerror(errno));
		return -1;
	}
	if (attrs_build(attrs, version, readable ? digest : NULL,
	    o->functions, o->nfunctions, o->labels, o->nlabels, &wrong,
	    &which) == 0)
		return 0;
	if (errno == EINVAL)
		snprintf(why, size, "%s: %s", which, wrong);
	else
		snprintf(why, size, "%s", strerror(errno));
	return -1;
}

struct stamp
stamp_of(const char *program)
{
	char *path = launch_find(program);
	struct stamp s;
	struct stat st;

	memset(&s, 0, sizeof(s));
	if (path != NULL && stat(path, &st) == 0) {
		s.dev = st.st_dev;
		s.ino = st.st_ino;
		s.size = st.st_size;
		s.changed = st.st_mtim;
	}
	free(path);
	return s;
}

int
stamp_equal(const struct stamp *a, const struct stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	    a->changed.tv_sec == b->changed.tv_sec &&
	    a->changed.tv_nsec == b->changed.tv_nsec;
}
