#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "program.h"
#include "listener_publish.h"
#include "opt.h"
#include "sha256.h"

#define READ_SIZE	65536
#define HEAD_SIZE	256 /* of a file, to see what runs it */
#define ATTRS_BYTES_MAX (4 * LIST_MAX)

/* Of the file, from its start: 0, or -1 with errno. */
static int
digest_file(int fd, unsigned char digest[SHA256_SIZE])
{
	static unsigned char block[READ_SIZE];
	struct sha256 h;
	off_t at = 0;
	ssize_t n;

	sha256_init(&h);
	while ((n = pread(fd, block, sizeof(block), at)) > 0) {
		sha256_update(&h, block, (size_t)n);
		at += n;
	}
	sha256_final(&h, digest);
	return n == -1 ? -1 : 0;
}

/* Why the program cannot be published, and what to do. */
static void
say_missing(const char *program, char *why, size_t size)
{
	int error = errno;

	if (strchr(program, '/') != NULL && access(program, F_OK) == -1)
		snprintf(why, size, "unable to find %s: %s", program,
		    strerror(errno));
	else if (error == EACCES)
		snprintf(why, size, "%s is not executable: chmod +x it, or "
		    "give another program", program);
	else
		snprintf(why, size, "unable to find %s on PATH: give the path "
		    "of an executable file", program);
}

/* The first bytes of a file. */

static int
is_text(const unsigned char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (p[i] < ' ' && p[i] != '\t' && p[i] != '\n' &&
		    p[i] != '\r' && p[i] != '\f')
			return 0;
	return 1;
}

/* What a #! line names, in head itself, which is ended by a NUL; "" where there
 * is no name. */
static char *
interpreter(char *head)
{
	char *name = head + 2 + strspn(head + 2, " \t");

	name[strcspn(name, " \t\n")] = '\0';
	return name;
}

/*
 * What would make exec(2) fail, as far as a look at the file tells. A name that
 * may be cut off is not judged.
 */
static int
look_at_file(const char *path, int fd, char *why, size_t size)
{
	char head[HEAD_SIZE + 1], *name;
	ssize_t n = pread(fd, head, HEAD_SIZE, 0);

	if (n == -1)
		return 0;
	head[n] = '\0';
	if (n == 0) {
		snprintf(why, size, "%s is empty", path);
		return -1;
	}
	if (strncmp(head, "#!", 2) != 0) {
		if (!is_text((unsigned char *)head, (size_t)n))
			return 0;
		snprintf(why, size, "%s is text without a #! line: give it "
		    "one, such as #!/bin/sh", path);
		return -1;
	}
	name = interpreter(head);
	if (name + strlen(name) == head + HEAD_SIZE ||
	    program_is_executable(name))
		return 0;
	snprintf(why, size, "%s is to be run by '%s', which is not there or "
	    "not executable: mend its #! line", path, name);
	return -1;
}

static int
make_attrs(const struct offer *o, struct made *m, char *why, size_t size)
{
	unsigned char digest[SHA256_SIZE];
	char text[OPT_VERSION_MAX];
	const char *version, *wrong, *which;
	int readable;

	/* One that may be executed but not read has no digest. */
	readable = m->file.fd != -1 && digest_file(m->file.fd, digest) == 0;
	version = opt_version(o->version, text, sizeof(text));
	if (version == NULL && o->version != NULL) {
		snprintf(why, size, "unable to read the version from %s: %s",
		    o->version + 1, strerror(errno));
		return -1;
	}
	if (attrs_build(&m->attrs, version, readable ? digest : NULL,
	    o->functions, o->nfunctions, o->labels, o->nlabels, &wrong,
	    &which) == 0)
		return 0;
	if (errno == EINVAL)
		snprintf(why, size, "%s: %s", which, wrong);
	else
		snprintf(why, size, "%s", strerror(errno));
	return -1;
}

int
offer_make(const struct offer *o, struct made *m, char *why, size_t size)
{
	made_init(m);
	if (program_file_open(&m->file, o->program) == -1) {
		say_missing(o->program, why, size);
		return -1;
	}
	if ((!o->unseen || m->file.fd == -1 ||
	    look_at_file(m->file.path, m->file.fd, why, size) == 0) &&
	    make_attrs(o, m, why, size) == 0)
		return 0;
	made_free(m);
	return -1;
}

void
made_init(struct made *m)
{
	memset(m, 0, sizeof(*m));
	buf_init(&m->attrs, ATTRS_BYTES_MAX);
	m->file.fd = -1;
}

void
made_free(struct made *m)
{
	buf_free(&m->attrs);
	program_file_close(&m->file);
}

int
made_equal(const struct made *a, const struct made *b)
{
	return slice_equal(buf_slice(&a->attrs), buf_slice(&b->attrs)) &&
	    program_file_equal(&a->file, &b->file);
}

struct stamp
stamp_of(const char *program)
{
	char *path = program_find(program);
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
